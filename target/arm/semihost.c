/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm's side of semihosting ("Semihosting for AArch32 and AArch64", chapter 3): the number of the
 * call is in W0 or R0, its parameter in X1 or R1, where the result goes too is X0 or R0. The
 * instructions are in insn/: HLT 0xF000; in AArch32 also HLT 0x3C in T32, and SVC 0x123456 and
 * 0xAB.
 *
 * Runs on the CPU's thread. Test: boot/arm/aarch64/semihosting-*
 */
#include "softmmu/semihost.h"
#include "target/arm/internals.h"

/* (address of the next instruction) -> where to go on */
static uint64_t helper_arm_semihost(ARMEnv *env, uint64_t next)
{
    bool a64 = !env->sys.aarch32;
    SemihostCall c = {
        .cpu = env->cpu.cpu,
        .op = env->x[0],
        .param = a64 ? env->x[1] : (uint32_t)env->x[1],
        .word = a64 ? 8 : 4,
        .big_endian = env->cpu.mode & ARM_MODE_BE,
        .exit_block = a64,
    };
    uint64_t result;

    if (!semihost_call(&c, &result)) {
        cpu_loop_exit_restore(env->cpu.cpu, RHEA_RA());
    }
    env->x[0] = result;
    return next;
}
ARM_HELPER(semihost, I64, true,
           TCG_HELPER_FAULTS | TCG_HELPER_IO | TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL,
           TCG_I64);

bool arm_semihosting(const CPU *cpu, unsigned el)
{
    return semihost_allowed(cpu, el == 0);
}

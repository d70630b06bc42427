/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V's side of semihosting (RISC-V Semihosting 0.4): EBREAK between SLLI x0,x0,0x1f and SRAI
 * x0,x0,7, all of 32 bits and on one page; the call's number is in a0, its parameter in a1, the
 * result comes in a0.
 *
 * The neighbours are looked at when the EBREAK runs, so that no unit depends on bytes that are not
 * its own. On the hart's thread. Test: boot/bare/semihosting-*
 */
#include "softmmu/semihost.h"
#include "softmmu/memory.h"
#include "target/riscv/bits.h"
#include "target/riscv/cpu.h"

static bool is_call(RISCVEnv *env, uint64_t pc)
{
    static const uint32_t words[3] = {0x01f01013, 0x00100073, 0x40705013};
    uint8_t b[12];
    uint64_t pa, off = pc & ~TLB_PAGE_MASK;
    CPU *cpu = env->cpu.cpu;

    if (off < 4 || off > TLB_PAGE_SIZE - 8 || !cpu->target->debug_translate(cpu, pc - 4, &pa) ||
        memory_read(cpu->as, pa, b, sizeof(b)) != MEMTX_OK) {
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *p = b + 4 * i;
        if ((p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24) != words[i]) {
            return false;
        }
    }
    return true;
}

/* (pc) -> where to go on. */
static uint64_t helper_riscv_semihost(RISCVEnv *env, uint64_t pc)
{
    bool rv64 = env->cpu.cpu->target->pc32 == false;
    SemihostCall c = {
        .cpu = env->cpu.cpu,
        .op = env->x[10],
        .param = env->x[11],
        .word = rv64 ? 8 : 4,
        .exit_block = rv64,
    };
    uint64_t result;

    if (!is_call(env, pc)) {
        riscv_raise(env, RISCV_EXC_BREAKPOINT, 0, RHEA_RA());
    }
    if (!semihost_call(&c, &result)) {
        cpu_loop_exit_restore(env->cpu.cpu, RHEA_RA());
    }
    env->x[10] = result;
    return pc + 4;
}
RISCV_HELPER(semihost, I64, true,
             TCG_HELPER_FAULTS | TCG_HELPER_IO | TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL,
             TCG_I64);

bool riscv_semihosting(const CPU *cpu, unsigned priv)
{
    return semihost_allowed(cpu, priv == RISCV_PRV_U);
}

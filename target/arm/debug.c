/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Self-hosted debug (DDI 0487, D2): breakpoints and watchpoints.
 *
 * Runs on the CPU's thread. Test: tests/unit/test-arm-sys.c
 */
#include "target/arm/internals.h"

void arm_debug_changed(ARMEnv *env)
{
    arm_mode_changed(env);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Helpers of A32 and T32 code, in a32_helper.c.
 */
#ifndef RHEA_TARGET_ARM_A32_HELPER_H
#define RHEA_TARGET_ARM_A32_HELPER_H

#include "tcg/ir.h"

extern const TCGHelper arm_helper_a32_exc_return; /* (pc I32): CPSR := SPSR; where to go on, I64 */
extern const TCGHelper arm_helper_a32_user_get;   /* (r I32): register of user mode */
extern const TCGHelper arm_helper_a32_user_set;   /* (r I32, I32) */
extern const TCGHelper arm_helper_a32_mrs;        /* (spsr I32): CPSR or SPSR, I32 */
extern const TCGHelper arm_helper_a32_msr;        /* (spsr I32, mask I32, I32) */
extern const TCGHelper arm_helper_a32_setend;     /* (E I32): UNDEFINED if SCTLR.SED says so */
extern const TCGHelper arm_helper_a32_mrs_bank;   /* (R:SYSm I32): I32 */
extern const TCGHelper arm_helper_a32_msr_bank;   /* (R:SYSm I32, I32) */
extern const TCGHelper arm_helper_a32_cps;        /* (imod:M:AIF:mode I32) */
extern const TCGHelper arm_helper_a32_srs_sp;     /* (mode I32): its SP; UNDEFINED if not allowed */
extern const TCGHelper arm_helper_a32_srs_wb;     /* (mode I32, I32) */
extern const TCGHelper arm_helper_a32_rfe;        /* (pc I32, cpsr I32): I64 */
extern const TCGHelper arm_helper_a32_eret;       /* (): from Hyp mode; I64 */
extern const TCGHelper arm_helper_a32_mrc, arm_helper_a32_mrrc; /* (insn I32): I64 */
extern const TCGHelper arm_helper_a32_mcr, arm_helper_a32_mcrr; /* (insn I32, I64) */

#endif

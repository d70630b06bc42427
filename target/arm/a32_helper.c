/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Helpers of A32 and T32 code: instruction set and ITSTATE, status registers, banked registers,
 * returns from exceptions (DDI 0487, G1.12 to G1.15; F5.1 for the instructions).
 *
 * Runs on the CPU's thread. Test: tests/unit/test-a32-insn.c.
 */
#include "rhea/log.h"
#include "target/arm/a32-helper.h"
#include "target/arm/internals.h"

#define ALL_CELLS (TCG_HELPER_FAULTS | TCG_HELPER_IO | TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL)

static uint64_t masked_pc(const ARMEnv *env, uint32_t pc)
{
    return pc & (env->sys.pstate & PSTATE_T ? ~1u : ~3u);
}

/* ---- status registers ---- */

/* Of a value for PSTATE.M: does this CPU have the mode, and may it be entered from here? */
static bool mode_valid(const ARMEnv *env, unsigned mode)
{
    switch (mode) {
    case ARM_M_USR:
    case ARM_M_FIQ:
    case ARM_M_IRQ:
    case ARM_M_SVC:
    case ARM_M_ABT:
    case ARM_M_UND:
    case ARM_M_SYS:
        return true;
    case ARM_M_MON:
        return arm_cfg_has(env, ARM_FEAT_EL3) && !arm_cfg_has(env, ARM_FEAT_AARCH64) &&
               arm_secure(env);
    case ARM_M_HYP:
        return arm_cfg_has(env, ARM_FEAT_EL2) && env->sys.el >= 2 && !arm_secure_below_el3(env);
    default:
        return false;
    }
}

/* CPSR := val by an exception return; an illegal mode stays out and sets IL. */
static void return_to(ARMEnv *env, uint32_t val)
{
    uint32_t mask = UINT32_MAX;
    env->excl_addr = ARM_EXCL_NONE;
    if (!mode_valid(env, val & PSTATE_M)) {
        rhea_log_mask(LOG_GUEST_ERROR, "CPU %u: illegal return to CPSR 0x%x\n", env->cpu.cpu->index,
                      val);
        mask &= ~PSTATE_M;
        val |= PSTATE_IL;
    }
    arm_cpsr_write(env, val, mask);
}

static uint64_t helper_arm_a32_exc_return(ARMEnv *env, uint32_t pc)
{
    uint64_t *spsr = arm_spsr32(env, env->sys.pstate);
    if (!spsr) {
        arm_raise_undefined(env, RHEA_RA());
    }
    return_to(env, (uint32_t)*spsr);
    return masked_pc(env, pc);
}
ARM_HELPER(a32_exc_return, I64, true, ALL_CELLS, TCG_I32);

static uint64_t helper_arm_a32_rfe(ARMEnv *env, uint32_t pc, uint32_t cpsr)
{
    return_to(env, cpsr);
    return masked_pc(env, pc);
}
ARM_HELPER(a32_rfe, I64, true, ALL_CELLS, TCG_I32, TCG_I32);

static uint64_t helper_arm_a32_eret(ARMEnv *env)
{
    bool hyp = (env->sys.pstate & PSTATE_M) == ARM_M_HYP;
    uint32_t pc = hyp ? (uint32_t)env->sys.elr_el[2] : (uint32_t)env->x[14];
    uint64_t *spsr = arm_spsr32(env, env->sys.pstate);
    if (!spsr) {
        arm_raise_undefined(env, RHEA_RA());
    }
    return_to(env, (uint32_t)*spsr);
    return masked_pc(env, pc);
}
ARM_HELPER(a32_eret, I64, true, ALL_CELLS);

static uint32_t helper_arm_a32_mrs(ARMEnv *env, uint32_t spsr)
{
    if (spsr) {
        uint64_t *p = arm_spsr32(env, env->sys.pstate);
        if (!p) {
            arm_raise_undefined(env, RHEA_RA());
        }
        return (uint32_t)*p;
    }
    /* The execution state bits read as zero; user mode sees the mode and what it may write. */
    uint32_t v = arm_pstate_read(env) & ~(0x0600fc00u | PSTATE_T | PSTATE_IL | PSTATE_SS);
    return v;
}
ARM_HELPER(a32_mrs, I32, true, TCG_HELPER_FAULTS | TCG_HELPER_READS_ALL, TCG_I32);

/* mask: bits 3:0 the fields f, s, x, c. */
static void helper_arm_a32_msr(ARMEnv *env, uint32_t spsr, uint32_t mask, uint32_t val)
{
    uint32_t bits = (mask & 1 ? 0xffu : 0) | (mask & 2 ? 0xff00u : 0) | (mask & 4 ? 0xff0000u : 0) |
                    (mask & 8 ? 0xff000000u : 0);
    if (spsr) {
        uint64_t *p = arm_spsr32(env, env->sys.pstate);
        if (!p) {
            arm_raise_undefined(env, RHEA_RA());
        }
        *p = (*p & ~bits) | (val & bits);
        return;
    }
    bits &= PSTATE_NZCV | PSTATE_Q | 0xfu << PSTATE_GE_SHIFT | PSTATE_E | PSTATE_A | PSTATE_I |
            PSTATE_F | PSTATE_M | (arm_cfg_has(env, ARM_FEAT_PAN) ? PSTATE_PAN : 0) |
            (arm_cfg_has(env, ARM_FEAT_DIT) ? PSTATE_DIT : 0) |
            (arm_cfg_has(env, ARM_FEAT_SSBS) ? PSTATE_SSBS32 : 0);
    if (env->sys.el == 0) {
        bits &= PSTATE_NZCV | PSTATE_Q | 0xfu << PSTATE_GE_SHIFT | PSTATE_E;
    }
    if ((bits & PSTATE_M) && (val & PSTATE_M) != (env->sys.pstate & PSTATE_M) &&
        !mode_valid(env, val & PSTATE_M)) {
        rhea_log_mask(LOG_GUEST_ERROR, "CPU %u: MSR to mode 0x%x\n", env->cpu.cpu->index,
                      (unsigned)(val & PSTATE_M));
        bits &= ~PSTATE_M;
    }
    arm_cpsr_write(env, val, bits);
}
ARM_HELPER(a32_msr, VOID, true, ALL_CELLS, TCG_I32, TCG_I32, TCG_I32);

/* SCTLR.SED, of whatever controls the level: HSCTLR, SCTLR_EL1 (AArch32.CheckSETENDEnabled()). */
static void helper_arm_a32_setend(ARMEnv *env, uint32_t be)
{
    if (arm_cfg_has(env, ARM_FEAT_V8) && (arm_sctlr(env) & SCTLR_SED)) {
        arm_raise_undefined(env, RHEA_RA());
    }
    arm_cpsr_write(env, be ? PSTATE_E : 0, PSTATE_E);
}
ARM_HELPER(a32_setend, VOID, true, TCG_HELPER_FAULTS | ALL_CELLS, TCG_I32);

/* imod << 9 | M << 8 | A, I, F << 5 | mode */
static void helper_arm_a32_cps(ARMEnv *env, uint32_t v)
{
    uint32_t mask = 0, val = v & PSTATE_M;
    uint32_t aif = (v >> 5 & 7) << 6;
    if (v >> 9 & 2) {
        mask |= aif;
        val |= v >> 9 & 1 ? aif : 0;
    }
    if (v >> 8 & 1) {
        if (mode_valid(env, val & PSTATE_M)) {
            mask |= PSTATE_M;
        } else {
            rhea_log_mask(LOG_GUEST_ERROR, "CPU %u: CPS to mode 0x%x\n", env->cpu.cpu->index,
                          (unsigned)(val & PSTATE_M));
        }
    }
    arm_cpsr_write(env, val, mask);
}
ARM_HELPER(a32_cps, VOID, true, ALL_CELLS, TCG_I32);

/* ---- banked registers ---- */

/* Where register r (8 to 14) of a mode is now. */
static uint32_t reg_of_mode(ARMEnv *env, unsigned mode, unsigned r, const uint32_t *set)
{
    ARMSys *s = &env->sys;
    unsigned cur = arm_bank_of(s->pstate), bank = arm_bank_of(mode);
    uint32_t *p = NULL;
    uint64_t *x = &env->x[r];
    if (r >= 8 && r <= 12) {
        bool fiq = bank == ARM_BANK_FIQ;
        if (fiq != (cur == ARM_BANK_FIQ)) {
            p = fiq ? &s->fiq_r8[r - 8] : &s->usr_r8[r - 8];
        }
    } else if (r == 13 && bank != cur) {
        p = &s->bank_r13[bank];
    } else if (r == 14) {
        bank = bank == ARM_BANK_HYP ? ARM_BANK_USR : bank;
        cur = cur == ARM_BANK_HYP ? ARM_BANK_USR : cur;
        p = bank != cur ? &s->bank_r14[bank] : NULL;
    }
    if (set && p) {
        *p = *set;
    } else if (set) {
        *x = *set;
    }
    return p ? *p : (uint32_t)*x;
}

static uint32_t helper_arm_a32_user_get(ARMEnv *env, uint32_t r)
{
    return reg_of_mode(env, ARM_M_USR, r, NULL);
}
ARM_HELPER(a32_user_get, I32, true, TCG_HELPER_READS_ALL, TCG_I32);

static void helper_arm_a32_user_set(ARMEnv *env, uint32_t r, uint32_t v)
{
    reg_of_mode(env, ARM_M_USR, r, &v);
}
ARM_HELPER(a32_user_set, VOID, true, TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL, TCG_I32,
           TCG_I32);

/* SYSm (F5.1.122): what is meant; false: nothing, or not accessible. */
static bool decode_sysm(const ARMEnv *env, uint32_t v, unsigned *mode, unsigned *r, bool *elr)
{
    static const uint8_t modes[8] = {ARM_M_IRQ, ARM_M_IRQ, ARM_M_SVC, ARM_M_SVC,
                                     ARM_M_ABT, ARM_M_ABT, ARM_M_UND, ARM_M_UND};
    unsigned m = v & 31, cur = env->sys.pstate & PSTATE_M;
    bool spsr = v & 32;
    *elr = false;
    *r = 0;
    if (cur == ARM_M_USR) {
        return false;
    }
    if (m < 7) {
        *mode = ARM_M_USR;
        *r = m + 8;
        return !spsr;
    }
    if (m >= 8 && m < 15) {
        *mode = ARM_M_FIQ;
        *r = m;
        return spsr ? m == 14 : true;
    }
    if (m >= 16 && m < 24) {
        *mode = modes[m - 16];
        *r = m & 1 ? 13 : 14;
        return !(spsr && (m & 1));
    }
    if (m == 28 || m == 29) {
        *mode = ARM_M_MON;
        *r = m & 1 ? 13 : 14;
        return arm_secure(env) && arm_cfg_has(env, ARM_FEAT_EL3) && cur != ARM_M_MON &&
               !(spsr && (m & 1));
    }
    if (m == 30 || m == 31) {
        *mode = ARM_M_HYP;
        *elr = m == 30 && !spsr;
        *r = 13;
        return !(spsr && m == 31) && (cur == ARM_M_MON || (cur == ARM_M_HYP && m == 30 && !spsr));
    }
    return false;
}

static uint32_t helper_arm_a32_mrs_bank(ARMEnv *env, uint32_t v)
{
    unsigned mode, r;
    bool elr;
    if (!decode_sysm(env, v, &mode, &r, &elr)) {
        arm_raise_undefined(env, RHEA_RA());
    }
    if (elr) {
        return (uint32_t)env->sys.elr_el[2];
    }
    return v & 32 ? (uint32_t)*arm_spsr32(env, mode) : reg_of_mode(env, mode, r, NULL);
}
ARM_HELPER(a32_mrs_bank, I32, true, TCG_HELPER_FAULTS | TCG_HELPER_READS_ALL, TCG_I32);

static void helper_arm_a32_msr_bank(ARMEnv *env, uint32_t v, uint32_t val)
{
    unsigned mode, r;
    bool elr;
    if (!decode_sysm(env, v, &mode, &r, &elr)) {
        arm_raise_undefined(env, RHEA_RA());
    }
    if (elr) {
        env->sys.elr_el[2] = val;
    } else if (v & 32) {
        *arm_spsr32(env, mode) = val;
    } else {
        reg_of_mode(env, mode, r, &val);
    }
}
ARM_HELPER(a32_msr_bank, VOID, true,
           TCG_HELPER_FAULTS | TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL, TCG_I32, TCG_I32);

static uint32_t helper_arm_a32_srs_sp(ARMEnv *env, uint32_t mode)
{
    unsigned cur = env->sys.pstate & PSTATE_M;
    if (cur == ARM_M_SYS || cur == ARM_M_HYP || mode == ARM_M_HYP || !mode_valid(env, mode)) {
        arm_raise_undefined(env, RHEA_RA());
    }
    return reg_of_mode(env, mode, 13, NULL);
}
ARM_HELPER(a32_srs_sp, I32, true, TCG_HELPER_FAULTS | TCG_HELPER_READS_ALL, TCG_I32);

static void helper_arm_a32_srs_wb(ARMEnv *env, uint32_t mode, uint32_t v)
{
    reg_of_mode(env, mode, 13, &v);
}
ARM_HELPER(a32_srs_wb, VOID, true, TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL, TCG_I32, TCG_I32);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm exceptions: raising them, the exception level that takes them, entry to AArch64 and AArch32,
 * interrupts (DDI 0487, D1.3 and G1.12 to G1.16).
 *
 * Test: tests/unit/test-arm-sys.c
 */
#include <inttypes.h>
#include "target/arm/internals.h"
#include "rhea/log.h"

/* ------------------------------------------------------------------------------------------ */
/* State */

bool arm_el_is_aa32(const ARMEnv *env, unsigned el)
{
    const ARMSys *s = &env->sys;

    if (!arm_cfg_has(env, ARM_FEAT_AARCH64)) {
        return true;
    }
    if (el == s->el) {
        return s->aarch32;
    }
    if (el == s->highest_el || el == 3) {
        return false;
    }
    if (arm_cfg_has(env, ARM_FEAT_EL3) && !(s->scr & SCR_RW)) {
        return true;
    }
    if (el == 2) {
        return false;
    }
    if (arm_el2_enabled(env) && !(s->hcr & HCR_RW)) {
        return !(el == 0 && arm_in_host_el0(env));
    }
    return el == 0 ? s->aarch32 : false;
}

unsigned arm_bank_of(unsigned mode)
{
    switch (mode & PSTATE_M) {
    case ARM_M_SVC:
        return ARM_BANK_SVC;
    case ARM_M_ABT:
        return ARM_BANK_ABT;
    case ARM_M_UND:
        return ARM_BANK_UND;
    case ARM_M_IRQ:
        return ARM_BANK_IRQ;
    case ARM_M_FIQ:
        return ARM_BANK_FIQ;
    case ARM_M_HYP:
        return ARM_BANK_HYP;
    case ARM_M_MON:
        return ARM_BANK_MON;
    default:
        return ARM_BANK_USR;
    }
}

void arm_hcr_changed(ARMEnv *env)
{
    ARMSys *s = &env->sys;
    uint64_t v = s->hcr;

    if (!arm_el2_enabled(env)) {
        v = 0;
    } else if (v & HCR_TGE) {
        /* D24.2.57: what has no effect then. */
        v &= ~(HCR_VF | HCR_VI | HCR_VSE | HCR_FB);
        if (v & HCR_E2H) {
            v &= ~(HCR_VM | HCR_SWIO | HCR_PTW | HCR_DC | HCR_TWI | HCR_TWE | HCR_TID0 | HCR_TID1 |
                   HCR_TID2 | HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_TSW | HCR_TPCP |
                   HCR_TPU | HCR_TTLB | HCR_TVM | HCR_TDZ | HCR_TRVM | HCR_CD | HCR_ID | HCR_TERR |
                   HCR_FMO | HCR_IMO | HCR_AMO);
        } else {
            v |= HCR_FMO | HCR_IMO | HCR_AMO;
        }
    }
    s->hcr_eff = v;
}

uint32_t arm_pstate_read(const ARMEnv *env)
{
    uint32_t p = env->sys.pstate, x = env->fx, y = env->fy, fcv = env->fcv;

    if (!env->sys.aarch32) {
        p |= arm_flags_nzcv(env->flag_x, env->flag_y, env->flag_kind) << 28;
    } else {
        uint32_t carry = (x >= y && !(fcv & ARM_FCV_LITERAL)) ^ (fcv & ARM_FCV_INVERT);
        uint32_t v = (((x ^ y) & (x ^ (x - y))) ^ fcv) >> 31;
        p |= (env->nf >> 63) << 31 | (uint32_t)(env->zf == 0) << 30 | (carry & 1) << 29 | v << 28;
        p |= (env->q ? PSTATE_Q : 0) | (env->ge & 15) << PSTATE_GE_SHIFT;
        p |= (env->it & 3) << 25 | (env->it & 0xfc) << 8;
    }
    return p;
}

void arm_set_nzcv(ARMEnv *env, uint32_t p)
{
    uint32_t aa32 = env->sys.aarch32 ? p : 0;
    env->flag_x = env->sys.aarch32 ? 0 : p >> 28;
    env->flag_y = 0;
    env->flag_kind = ARM_FLAGS_NZCV;
    env->nf = (uint64_t)(aa32 >> 31) << 63;
    env->zf = !(aa32 >> 30 & 1);
    env->fx = env->fy = 0;
    env->fcv = ARM_FCV_LITERAL | (aa32 >> 29 & 1) | aa32 >> 28 << 31;
}

/* The flags that are cells, from an SPSR for the state that is current by now. */
static void set_cells(ARMEnv *env, uint32_t p)
{
    arm_set_nzcv(env, p);
    if (env->sys.aarch32) {
        env->q = p >> 27 & 1;
        env->ge = p >> PSTATE_GE_SHIFT & 15;
        env->it = (p >> 25 & 3) | (p >> 8 & 0xfc);
    } else {
        env->it = 0;
    }
}

static uint64_t *sp_slot(ARMEnv *env)
{
    return &env->sys.sp_el[env->sys.pstate & PSTATE_SP ? env->sys.el : 0];
}

void arm_set_sp_sel(ARMEnv *env, bool sp)
{
    *sp_slot(env) = env->x[31];
    env->sys.pstate = (env->sys.pstate & ~PSTATE_SP) | (sp ? PSTATE_SP : 0);
    env->x[31] = *sp_slot(env);
    arm_mode_changed(env);
}

/* AArch32 banks: bring the registers of the mode that is left home, fetch those of the new one. */
static void banks_out(ARMEnv *env)
{
    ARMSys *s = &env->sys;
    unsigned b = arm_bank_of(s->pstate);
    uint32_t *high = b == ARM_BANK_FIQ ? s->fiq_r8 : s->usr_r8;

    s->bank_r13[b] = env->x[13];
    s->bank_r14[b == ARM_BANK_HYP ? ARM_BANK_USR : b] = env->x[14];
    for (unsigned i = 0; i < 5; i++) {
        high[i] = env->x[8 + i];
    }
}

static void banks_in(ARMEnv *env)
{
    ARMSys *s = &env->sys;
    unsigned b = arm_bank_of(s->pstate);
    uint32_t *high = b == ARM_BANK_FIQ ? s->fiq_r8 : s->usr_r8;

    env->x[13] = s->bank_r13[b];
    env->x[14] = s->bank_r14[b == ARM_BANK_HYP ? ARM_BANK_USR : b];
    for (unsigned i = 0; i < 5; i++) {
        env->x[8 + i] = high[i];
    }
}

/* Registers of AArch32 modes as AArch64 sees them (D1.9.1). */
static const struct {
    uint8_t x, bank, r;
} banked_x[] = {
    {13, ARM_BANK_USR, 13}, {14, ARM_BANK_USR, 14}, {15, ARM_BANK_HYP, 13}, {16, ARM_BANK_IRQ, 14},
    {17, ARM_BANK_IRQ, 13}, {18, ARM_BANK_SVC, 14}, {19, ARM_BANK_SVC, 13}, {20, ARM_BANK_ABT, 14},
    {21, ARM_BANK_ABT, 13}, {22, ARM_BANK_UND, 14}, {23, ARM_BANK_UND, 13}, {29, ARM_BANK_FIQ, 13},
    {30, ARM_BANK_FIQ, 14},
};

static void regs_32_to_64(ARMEnv *env)
{
    ARMSys *s = &env->sys;

    banks_out(env);
    for (unsigned i = 0; i < 5; i++) {
        env->x[8 + i] = s->usr_r8[i];
        env->x[24 + i] = s->fiq_r8[i];
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(banked_x); i++) {
        unsigned b = banked_x[i].bank;
        env->x[banked_x[i].x] = banked_x[i].r == 13 ? s->bank_r13[b] : s->bank_r14[b];
    }
    for (unsigned i = 0; i < 8; i++) {
        env->x[i] = (uint32_t)env->x[i];
    }
}

/* sys.pstate has the new mode. */
static void regs_64_to_32(ARMEnv *env)
{
    ARMSys *s = &env->sys;

    for (unsigned i = 0; i < 5; i++) {
        s->usr_r8[i] = env->x[8 + i];
        s->fiq_r8[i] = env->x[24 + i];
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(banked_x); i++) {
        unsigned b = banked_x[i].bank;
        if (banked_x[i].r == 13) {
            s->bank_r13[b] = env->x[banked_x[i].x];
        } else {
            s->bank_r14[b] = env->x[banked_x[i].x];
        }
    }
    banks_in(env);
    for (unsigned i = 0; i < 15; i++) {
        env->x[i] = (uint32_t)env->x[i];
    }
}

unsigned arm_el_of_mode32(const ARMEnv *env, unsigned mode)
{
    switch (mode & PSTATE_M) {
    case ARM_M_USR:
        return 0;
    case ARM_M_HYP:
        return 2;
    case ARM_M_MON:
        return 3;
    default:
        return arm_cfg_has(env, ARM_FEAT_EL3) && !arm_cfg_has(env, ARM_FEAT_AARCH64) &&
                       !(env->sys.scr & SCR_NS)
                   ? 3
                   : 1;
    }
}

uint64_t *arm_spsr32(ARMEnv *env, unsigned mode)
{
    ARMSys *s = &env->sys;

    switch (mode & PSTATE_M) {
    case ARM_M_SVC:
        return &s->spsr_el[1];
    case ARM_M_HYP:
        return &s->spsr_el[2];
    case ARM_M_MON:
        return &s->spsr_el[3];
    case ARM_M_ABT:
    case ARM_M_UND:
    case ARM_M_IRQ:
    case ARM_M_FIQ:
        return &s->bank_spsr[arm_bank_of(mode)];
    default:
        return NULL;
    }
}

void arm_cpsr_write(ARMEnv *env, uint32_t val, uint32_t mask)
{
    ARMSys *s = &env->sys;
    uint32_t now = arm_pstate_read(env);
    uint32_t p = (now & ~mask) | (val & mask);

    if ((p ^ now) & PSTATE_M) {
        banks_out(env);
    }
    s->pstate = p & (PSTATE_M | PSTATE_T | PSTATE_F | PSTATE_I | PSTATE_A | PSTATE_E | PSTATE_IL |
                     PSTATE_SS | PSTATE_PAN | PSTATE_SSBS32 | PSTATE_DIT);
    set_cells(env, p);
    if ((p ^ now) & PSTATE_M) {
        banks_in(env);
    }
    s->el = arm_el_of_mode32(env, p);
    arm_mmu_changed(env);
    arm_check_interrupts(env);
}

/* ------------------------------------------------------------------------------------------ */
/* Raising */

void arm_raise(ARMEnv *env, unsigned excp, uint32_t syndrome, unsigned target_el, uintptr_t ra)
{
    env->sys.exc.syndrome = syndrome;
    env->sys.exc.target_el = target_el;
    env->sys.exc.far_valid = env->sys.exc.hpfar_valid = false;
    env->sys.exc.next = false;
    cpu_raise_restore(env->cpu.cpu, excp, ra);
}

void arm_raise_undefined(ARMEnv *env, uintptr_t ra)
{
    arm_raise(env, ARM_EXCP_UNDEF, ARM_SYN(EC_UNKNOWN, 0), 0, ra);
}

static void helper_arm_undefined(ARMEnv *env)
{
    arm_raise_undefined(env, RHEA_RA());
}
ARM_HELPER(undefined, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS);

/* 0, or the level that an access to FP registers traps to: D1.3.8.1, CPACR_EL1, CPTR_ELx. */
unsigned arm_fp_trap_el(const ARMEnv *env)
{
    const ARMSys *s = &env->sys;
    uint64_t hcr = arm_hcr(env);

    if (s->el < 2 && !arm_in_host_el0(env)) {
        unsigned fpen = ARM_BITS(s->cpacr, 20, 2);
        if (!(fpen & 1) || (fpen == 1 && s->el == 0)) {
            return 1;
        }
    }
    if (s->el < 3 && arm_el2_enabled(env)) {
        if (hcr & HCR_E2H) {
            unsigned fpen = ARM_BITS(s->cptr[2], 20, 2);
            if (!(fpen & 1) || (fpen == 1 && s->el == 0 && (hcr & HCR_TGE))) {
                return 2;
            }
        } else if (s->cptr[2] & CPTR_TFP) {
            return 2;
        }
    }
    if (arm_cfg_has(env, ARM_FEAT_EL3) && arm_cfg_has(env, ARM_FEAT_AARCH64) &&
        (s->cptr[3] & CPTR_TFP)) {
        return 3;
    }
    return 0;
}

void arm_raise_fp_trap(ARMEnv *env, uintptr_t ra)
{
    unsigned el = arm_fp_trap_el(env);

    /* 0: AArch32 with FPEXC.EN clear */
    if (el == 0 || (el == 1 && (arm_hcr(env) & HCR_TGE))) {
        arm_raise_undefined(env, ra);
    }
    /* COND is always, CV set; Hyp mode is told the coprocessor. */
    uint32_t cp = el == 2 && arm_el_is_aa32(env, 2) ? 10 : 0;
    arm_raise(env, ARM_EXCP_UNDEF, ARM_SYN(EC_FP_TRAP, 0x1e00000 | cp), el, ra);
}

static void helper_arm_fp_trap(ARMEnv *env)
{
    arm_raise_fp_trap(env, RHEA_RA());
}
ARM_HELPER(fp_trap, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS);

/* Hyp mode is told that it is Advanced SIMD, by TA (AArch32.CheckFPAdvSIMDTrap()). */
static void helper_arm_simd_trap(ARMEnv *env)
{
    unsigned el = env->cpu.mode & ARM_MODE_FP ? 2 : arm_fp_trap_el(env); /* HCPTR.TASE */

    if (el != 2 || !arm_el_is_aa32(env, 2)) {
        arm_raise_fp_trap(env, RHEA_RA());
    }
    arm_raise(env, ARM_EXCP_UNDEF, ARM_SYN(EC_FP_TRAP, 0x1e00000 | 1 << 5), 2, RHEA_RA());
}
ARM_HELPER(simd_trap, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS);

unsigned arm_default_target_el(const ARMEnv *env)
{
    unsigned el = env->sys.el;

    if (el == 0) {
        return arm_hcr(env) & HCR_TGE                                      ? 2
               : arm_el_of_mode32(env, ARM_M_SVC) == 3 && env->sys.aarch32 ? 3
                                                                           : 1;
    }
    return el;
}

/* ------------------------------------------------------------------------------------------ */
/* Entry */

static const char *const excp_names[] = {
    [ARM_EXCP_UNDEF] = "Synchronous",
    [ARM_EXCP_SVC] = "SVC",
    [ARM_EXCP_HVC] = "Hypervisor Call",
    [ARM_EXCP_SMC] = "Secure Monitor Call",
    [ARM_EXCP_PABT] = "Prefetch Abort",
    [ARM_EXCP_DABT] = "Data Abort",
    [ARM_EXCP_HYP_TRAP] = "Hypervisor Trap",
    [ARM_EXCP_IRQ] = "IRQ",
    [ARM_EXCP_FIQ] = "FIQ",
    [ARM_EXCP_SERROR] = "SError",
    [ARM_EXCP_VIRQ] = "Virtual IRQ",
    [ARM_EXCP_VFIQ] = "Virtual FIQ",
    [ARM_EXCP_VSERROR] = "Virtual SError",
};

static bool is_async(unsigned excp)
{
    return excp >= ARM_EXCP_IRQ;
}

/* AArch64.TakeException() */
static void enter_aa64(ARMEnv *env, unsigned excp, unsigned el, uint64_t ret, unsigned btype)
{
    ARMSys *s = &env->sys;
    uint64_t vec = s->vbar[el];
    uint32_t spsr = arm_pstate_read(env) | btype << PSTATE_BTYPE_SHIFT, syn = s->exc.syndrome;
    bool from32 = s->aarch32;

    if (el > s->el) {
        bool lower32;
        if (el == 3) {
            lower32 = arm_el_is_aa32(env, arm_el2_enabled(env) ? MAX(2, s->el) : MAX(1, s->el));
        } else if (s->el == 0 && el == 2 && arm_in_host_el0(env)) {
            lower32 = from32;
        } else {
            lower32 = arm_el_is_aa32(env, MAX(el - 1, s->el));
        }
        vec += lower32 ? 0x600 : 0x400;
    } else if (s->pstate & PSTATE_SP) {
        vec += 0x200;
    }
    switch (excp) {
    case ARM_EXCP_IRQ:
    case ARM_EXCP_VIRQ:
        vec += 0x80;
        break;
    case ARM_EXCP_FIQ:
    case ARM_EXCP_VFIQ:
        vec += 0x100;
        break;
    case ARM_EXCP_SERROR:
    case ARM_EXCP_VSERROR:
        vec += 0x180;
        s->esr[el] = syn;
        break;
    default: {
        unsigned ec = syn >> 26;
        /* Classes that tell the same level from a lower one. */
        if (el == s->el && (ec == EC_IABT_LOWER || ec == EC_DABT_LOWER || ec == EC_BREAK_LOWER ||
                            ec == EC_STEP_LOWER || ec == EC_WATCH_LOWER)) {
            syn += 1u << 26;
        }
        s->esr[el] = syn;
        break;
    }
    }
    if (s->exc.far_valid && !is_async(excp)) {
        s->far[el] = s->exc.far;
    }
    s->cache_op = 0;
    if (s->exc.hpfar_valid && el == 2 && !is_async(excp)) {
        s->hpfar = s->exc.hpfar;
    }
    if (from32) {
        regs_32_to_64(env);
        ret = (uint32_t)ret;
    } else {
        *sp_slot(env) = env->x[31];
    }
    s->spsr_el[el] = spsr;
    s->elr_el[el] = ret;

    uint32_t p = PSTATE_DAIF | PSTATE_SP | el << PSTATE_EL_SHIFT | (s->pstate & PSTATE_DIT);
    if (arm_cfg_has(env, ARM_FEAT_PAN)) {
        bool regime = el == 1 || (el == 2 && arm_in_host_el0(env));
        p |= s->pstate & PSTATE_PAN;
        p |= regime && !(s->sctlr[el] & SCTLR_SPAN) ? PSTATE_PAN : 0;
    }
    if (arm_cfg_has(env, ARM_FEAT_SSBS)) {
        p |= s->sctlr[el] & SCTLR_DSSBS ? PSTATE_SSBS : 0;
    }
    s->pstate = p;
    s->el = el;
    s->aarch32 = false;
    if (from32) {
        arm_set_nzcv(env, spsr);
    }
    env->it = 0;
    env->x[31] = s->sp_el[el];
    env->cpu.pc = vec;
    arm_mmu_changed(env);
}

/* Vectors and modes of AArch32 (G1.12.3, table G1-12); the return offset is for A32 and T32. */
static const struct {
    uint8_t mode, vec;
} excp32[] = {
    [ARM_EXCP_UNDEF] = {ARM_M_UND, 0x04},    [ARM_EXCP_SVC] = {ARM_M_SVC, 0x08},
    [ARM_EXCP_HVC] = {ARM_M_HYP, 0x08},      [ARM_EXCP_SMC] = {ARM_M_MON, 0x08},
    [ARM_EXCP_PABT] = {ARM_M_ABT, 0x0c},     [ARM_EXCP_DABT] = {ARM_M_ABT, 0x10},
    [ARM_EXCP_HYP_TRAP] = {ARM_M_HYP, 0x14}, [ARM_EXCP_IRQ] = {ARM_M_IRQ, 0x18},
    [ARM_EXCP_FIQ] = {ARM_M_FIQ, 0x1c},      [ARM_EXCP_SERROR] = {ARM_M_ABT, 0x10},
    [ARM_EXCP_VIRQ] = {ARM_M_IRQ, 0x18},     [ARM_EXCP_VFIQ] = {ARM_M_FIQ, 0x1c},
    [ARM_EXCP_VSERROR] = {ARM_M_ABT, 0x10},
};

/* What is added to the preferred return address for LR (G1.12.3). */
static unsigned lr_offset32(unsigned excp, bool thumb, bool hyp)
{
    if (hyp) {
        return 0;
    }
    switch (excp) {
    case ARM_EXCP_UNDEF:
        return thumb ? 2 : 4;
    case ARM_EXCP_SVC:
    case ARM_EXCP_HVC:
    case ARM_EXCP_SMC:
        return 0;
    case ARM_EXCP_DABT:
    case ARM_EXCP_SERROR:
    case ARM_EXCP_VSERROR:
        return 8;
    default:
        return 4;
    }
}

/* AArch32.EnterMode(), EnterHypMode(), EnterMonitorMode() */
static void enter_aa32(ARMEnv *env, unsigned excp, unsigned el, uint64_t ret)
{
    ARMSys *s = &env->sys;
    uint32_t spsr = arm_pstate_read(env), p = s->pstate;
    unsigned mode = excp32[excp].mode, vec = excp32[excp].vec;
    bool hyp = el == 2, mon = el == 3 && excp == ARM_EXCP_SMC;
    uint64_t base, sctlr;

    if (el == 3 && is_async(excp)) {
        uint64_t bit = excp == ARM_EXCP_IRQ ? SCR_IRQ : excp == ARM_EXCP_FIQ ? SCR_FIQ : SCR_EA;
        mon = s->scr & bit;
    }
    if (el == 3 && (excp == ARM_EXCP_DABT || excp == ARM_EXCP_PABT)) {
        mon = (s->scr & SCR_EA) && s->exc.far_valid && s->exc.target_el == 3;
    }
    /* From Monitor mode the state stays secure (AArch32.EnterMode()). */
    if ((p & PSTATE_M) == ARM_M_MON) {
        s->scr &= ~SCR_NS;
        arm_hcr_changed(env);
    }
    unsigned b = arm_bank32(env);
    banks_out(env);
    if (hyp) {
        mode = ARM_M_HYP;
        vec = s->el == 2 || excp == ARM_EXCP_IRQ || excp == ARM_EXCP_FIQ ? vec : 0x14;
        base = s->vbar[2];
        sctlr = s->sctlr[2];
        s->esr[2] = s->exc.syndrome;
        if (s->el == 2 && ((s->exc.syndrome >> 26) == EC_IABT_LOWER ||
                           (s->exc.syndrome >> 26) == EC_DABT_LOWER)) {
            s->esr[2] += 1u << 26;
        }
        if (s->exc.far_valid) {
            if (excp == ARM_EXCP_PABT) {
                s->far[2] = (s->far[2] & UINT32_MAX) | s->exc.far << 32;
            } else {
                s->far[2] = (s->far[2] & ~UINT64_C(0xffffffff)) | (uint32_t)s->exc.far;
            }
        }
        if (s->exc.hpfar_valid) {
            s->hpfar = s->exc.hpfar;
        }
        s->elr_el[2] = (uint32_t)ret;
    } else if (mon) {
        mode = ARM_M_MON;
        base = s->mvbar;
        sctlr = s->sctlr[3];
    } else {
        base = s->sctlr[b] & SCTLR_V ? 0xffff0000 : s->vbar[b];
        sctlr = s->sctlr[b];
        if (excp == ARM_EXCP_DABT) {
            s->far[b] = (s->far[b] & ~UINT64_C(0xffffffff)) | (uint32_t)s->exc.far;
            s->esr[b] = s->exc.fsr;
        } else if (excp == ARM_EXCP_PABT) {
            s->far[b] = (s->far[b] & UINT32_MAX) | s->exc.far << 32;
            s->ifsr[b] = s->exc.fsr;
        } else if (excp == ARM_EXCP_SERROR || excp == ARM_EXCP_VSERROR) {
            s->esr[b] = s->exc.fsr;
        }
    }
    ret += lr_offset32(excp, p & PSTATE_T, hyp);

    uint32_t n = p & (PSTATE_A | PSTATE_F | PSTATE_I | PSTATE_PAN | PSTATE_DIT);
    n |= mode | PSTATE_I;
    if (mon) {
        /* From Monitor mode, NS stays; to it, the state is secure by its mode. */
        n |= PSTATE_A | PSTATE_F;
    } else if (hyp) {
        n |= (s->scr & SCR_EA ? 0 : PSTATE_A) | (s->scr & SCR_FIQ ? 0 : PSTATE_F);
        n = (n & ~PSTATE_I) | ((s->scr & SCR_IRQ) && !(p & PSTATE_I) ? 0 : PSTATE_I);
    } else {
        n |= excp == ARM_EXCP_FIQ || excp == ARM_EXCP_VFIQ ? PSTATE_F : 0;
        n |= excp != ARM_EXCP_UNDEF && excp != ARM_EXCP_SVC ? PSTATE_A : 0;
        if (arm_cfg_has(env, ARM_FEAT_PAN) && !(sctlr & SCTLR_SPAN)) {
            n |= PSTATE_PAN;
        }
    }
    n |= sctlr & SCTLR_TE ? PSTATE_T : 0;
    n |= sctlr & SCTLR_EE ? PSTATE_E : 0;
    if (arm_cfg_has(env, ARM_FEAT_SSBS)) {
        n |= sctlr & ARM_BIT(31) ? PSTATE_SSBS32 : 0;
    }
    s->pstate = n;
    env->it = 0;
    banks_in(env);
    *arm_spsr32(env, mode) = spsr;
    if (!hyp) {
        env->x[14] = (uint32_t)ret;
    }
    s->el = arm_el_of_mode32(env, mode);
    env->cpu.pc = (uint32_t)(base + vec);
    arm_mmu_changed(env);
}

/* ret: address to return to, with PSTATE.BTYPE btype. */
static void take(ARMEnv *env, unsigned excp, unsigned el, uint64_t ret, unsigned btype)
{
    ARMSys *s = &env->sys;

    if (el < s->el) {
        el = s->el;
    }
    s->step_iss = 0;
    if (rhea_log_on(LOG_INT)) {
        rhea_log("Taking exception %u [%s] on CPU %u\n"
                 "...from EL%u to EL%u\n...with ESR 0x%x/0x%" PRIx32 "\n...with PC 0x%" PRIx64 "\n",
                 excp, excp_names[excp], env->cpu.cpu->index, s->el, el, s->exc.syndrome >> 26,
                 s->exc.syndrome, ret);
        if (s->exc.far_valid) {
            rhea_log("...with FAR 0x%" PRIx64 "\n", s->exc.far);
        }
    }
    if (arm_el_is_aa32(env, el)) {
        enter_aa32(env, excp, el, ret);
    } else {
        enter_aa64(env, excp, el, ret, btype);
    }
    rhea_log_mask(LOG_INT, "...to PC 0x%" PRIx64 " PSTATE 0x%x\n", env->cpu.pc, s->pstate);
}

/* IL of the syndrome says how long the instruction is (D24.2.40): a hypervisor skips so many bytes.
 */
static bool tells_length(uint32_t syndrome)
{
    unsigned ec = syndrome >> 26;

    return ec == EC_WFX || ec == EC_BKPT32 ||
           (ec == EC_DABT_LOWER && (syndrome & 1 << 24)); /* ISV */
}

void arm_do_exception(CPU *cpu, int32_t excp)
{
    ARMEnv *env = arm_env(cpu);
    ARMSys *s = &env->sys;
    unsigned el = s->exc.target_el ? s->exc.target_el : arm_default_target_el(env);

    if (el == 1 && s->el == 0 && (arm_hcr(env) & HCR_TGE)) {
        el = 2;
    }
    uint64_t pc = env->cpu.pc;
    unsigned btype = arm_pc_btype(env, &pc);
    /* WnR of an atomic access is clear for what a read would have had (D24.2.40). */
    unsigned class = s->exc.syndrome >> 26;
    if (excp == ARM_EXCP_DABT && (class == EC_DABT_LOWER || class == EC_WATCH_LOWER) &&
        s->exc.read_too && (s->exc.syndrome & (1 << 6 | 1 << 8)) == 1 << 6 &&
        arm_insn_is_atomic(env, pc)) {
        s->exc.syndrome &= ~(1u << 6);
    }
    if (s->exc.hpfar_valid && el == 2 && s->exc.syndrome >> 26 == EC_DABT_LOWER &&
        !(s->exc.syndrome & (1 << 7 | 1 << 8))) { /* S1PTW, CM */
        s->exc.syndrome |= arm_data_abort_iss(env, pc);
    }
    if (tells_length(s->exc.syndrome) && arm_insn_is_narrow(env, pc)) {
        s->exc.syndrome &= ~ARM_SYN_IL;
    }
    if (s->exc.next) {
        pc += 4;
        btype = 0;
    } else if ((env->cpu.mode & ARM_MODE_SS) && excp != ARM_EXCP_SVC) {
        /* The stepped instruction did not complete (D2.11.4): it is to be stepped again. */
        unsigned ec = s->exc.syndrome >> 26;
        if (ec != EC_STEP_LOWER) {
            s->pstate |= PSTATE_SS;
        }
    }
    take(env, excp, el, pc, btype);
}

/* ------------------------------------------------------------------------------------------ */
/* Calls: taken without leaving generated code, which goes on at the address returned. */

static uint64_t call_taken(ARMEnv *env, unsigned excp, uint32_t syndrome, unsigned el,
                           uint64_t next)
{
    env->sys.exc.syndrome = syndrome;
    env->sys.exc.far_valid = env->sys.exc.hpfar_valid = false;
    take(env, excp, el, next, 0);
    return env->cpu.pc;
}

#define CALL_FLAGS                                                                                 \
    (TCG_HELPER_FAULTS | TCG_HELPER_IO | TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL)

/* (imm16, address of the next instruction) -> where to go on */
static uint64_t helper_arm_svc(ARMEnv *env, uint32_t imm, uint64_t next)
{
    bool aa32 = env->sys.aarch32;
    uint32_t syn = ARM_SYN(aa32 ? EC_SVC32 : EC_SVC64, imm & 0xffff);

    syn &= aa32 && (env->sys.pstate & PSTATE_T) ? ~ARM_SYN_IL : ~0u;
    return call_taken(env, ARM_EXCP_SVC, syn, arm_default_target_el(env), next);
}
ARM_HELPER(svc, I64, true, CALL_FLAGS, TCG_I32, TCG_I64);

static uint64_t helper_arm_hvc(ARMEnv *env, uint32_t imm, uint64_t next)
{
    ARMSys *s = &env->sys;
    unsigned ec = s->aarch32 ? EC_HVC32 : EC_HVC64;

    if (arm_is_conduit(env, true) && s->el > 0) {
        env->cpu.pc = next;
        arm_psci_call(env);
        return env->cpu.pc;
    }
    bool hce = arm_cfg_has(env, ARM_FEAT_EL3) ? (s->scr & SCR_HCE) : !(s->hcr & HCR_HCD);
    if (s->el == 0 || !arm_cfg_has(env, ARM_FEAT_EL2) || !hce ||
        (s->el < 3 && arm_secure_below_el3(env))) {
        arm_raise_undefined(env, RHEA_RA());
    }
    return call_taken(env, ARM_EXCP_HVC, ARM_SYN(ec, imm & 0xffff), MAX(s->el, 2), next);
}
ARM_HELPER(hvc, I64, true, CALL_FLAGS, TCG_I32, TCG_I64);

static uint64_t helper_arm_smc(ARMEnv *env, uint32_t imm, uint64_t next)
{
    ARMSys *s = &env->sys;
    uint32_t syn = ARM_SYN(s->aarch32 ? EC_SMC32 : EC_SMC64, s->aarch32 ? 0 : imm & 0xffff);

    if (s->el == 0) {
        arm_raise_undefined(env, RHEA_RA());
    }
    if (s->el == 1 && (arm_hcr(env) & HCR_TSC)) {
        arm_raise(env, ARM_EXCP_UNDEF, syn, 2, RHEA_RA());
    }
    if (arm_is_conduit(env, false)) {
        env->cpu.pc = next;
        arm_psci_call(env);
        return env->cpu.pc;
    }
    if (!arm_cfg_has(env, ARM_FEAT_EL3) || (s->scr & SCR_SMD)) {
        arm_raise_undefined(env, RHEA_RA());
    }
    return call_taken(env, ARM_EXCP_SMC, syn, 3, next);
}
ARM_HELPER(smc, I64, true, CALL_FLAGS, TCG_I32, TCG_I64);

/* Any exception of this instruction with a given syndrome, at the default level. */
static void helper_arm_raise(ARMEnv *env, uint32_t syndrome)
{
    arm_raise(env, ARM_EXCP_UNDEF, syndrome, 0, RHEA_RA());
}
ARM_HELPER(raise, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS, TCG_I32);

/* BRK and BKPT: to EL2 with MDCR_EL2.TDE (D2.8). An AArch32 level takes BKPT as a prefetch abort
 * (AArch32.SoftwareBreakpoint()). */
static void helper_arm_brk(ARMEnv *env, uint32_t syndrome)
{
    unsigned el = arm_default_target_el(env);

    if (el == 1 && arm_el2_enabled(env) && (env->sys.mdcr2 & MDCR2_TDE)) {
        el = 2;
    }
    if (arm_el_is_aa32(env, el)) {
        ARMWalk w = {.fault = ARM_FAULT_DEBUG};
        arm_debug_set_moe(env, ARM_MOE_BKPT);
        arm_raise_abort(env, 0, TLB_FETCH, &w, 0, RHEA_RA()); /* the address is UNKNOWN */
    }
    arm_raise(env, ARM_EXCP_PABT, syndrome, el, RHEA_RA());
}
ARM_HELPER(brk, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS, TCG_I32);

void arm_raise_pc_align(ARMEnv *env, uint64_t pc, uintptr_t ra)
{
    ARMSys *s = &env->sys;

    s->exc.syndrome = ARM_SYN(EC_PC_ALIGN, 0);
    s->exc.target_el = 0;
    s->exc.far_valid = true;
    s->exc.hpfar_valid = s->exc.next = false;
    s->exc.far = pc;
    cpu_raise_restore(env->cpu.cpu, ARM_EXCP_PABT, ra);
}

static void helper_arm_pc_align(ARMEnv *env, uint64_t pc)
{
    arm_raise_pc_align(env, pc, RHEA_RA());
}
ARM_HELPER(pc_align, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS, TCG_I64);

/* The PC alignment fault of the instruction at pc, taken by what set the PC. */
static void take_pc_align(ARMEnv *env, uint64_t pc, unsigned btype)
{
    ARMSys *s = &env->sys;

    s->exc.syndrome = ARM_SYN(EC_PC_ALIGN, 0);
    s->exc.far_valid = true;
    s->exc.hpfar_valid = s->exc.next = false;
    s->exc.far = pc;
    take(env, ARM_EXCP_PABT, arm_default_target_el(env), pc, btype);
}

/* Behind a branch to an address that is not aligned, with FEAT_BTI: (address, BTYPE) -> where to go
 * on. */
static uint64_t helper_arm_misaligned(ARMEnv *env, uint64_t pc, uint32_t btype)
{
    take_pc_align(env, pc, btype);
    return env->cpu.pc;
}
ARM_HELPER(misaligned, I64, true, CALL_FLAGS, TCG_I64, TCG_I32);

static void helper_arm_sp_align(ARMEnv *env)
{
    arm_raise(env, ARM_EXCP_UNDEF, ARM_SYN(EC_SP_ALIGN, 0), 0, RHEA_RA());
}
ARM_HELPER(sp_align, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS);

/* ------------------------------------------------------------------------------------------ */
/* Software step (D2.11): an active step executes one instruction, then the exception is pending. */

/* In front of each instruction that may be stepped; iss: what the exception behind it says. */
static void helper_arm_step(ARMEnv *env, uint32_t iss)
{
    ARMSys *s = &env->sys;

    if (!(s->pstate & PSTATE_SS)) {
        unsigned el = arm_debug_target_el(env);
        arm_raise(env, ARM_EXCP_PABT, ARM_SYN(EC_STEP_LOWER, s->step_iss | 0x22), el, RHEA_RA());
    }
    s->pstate &= ~PSTATE_SS;
    s->step_iss = iss;
}
ARM_HELPER(step, VOID, true, TCG_HELPER_FAULTS, TCG_I32);

/* ------------------------------------------------------------------------------------------ */
/* Return */

/* The level an SPSR leads to, -1 if the return is illegal (D1.4.4, AArch64.ExceptionReturn). */
static int return_el(const ARMEnv *env, uint32_t spsr)
{
    const ARMSys *s = &env->sys;
    unsigned el;

    if (spsr & PSTATE_NRW) {
        unsigned mode = spsr & PSTATE_M;
        switch (mode) {
        case ARM_M_USR:
        case ARM_M_FIQ:
        case ARM_M_IRQ:
        case ARM_M_SVC:
        case ARM_M_ABT:
        case ARM_M_UND:
        case ARM_M_SYS:
        case ARM_M_HYP:
            break;
        default:
            return -1;
        }
        el = mode == ARM_M_USR ? 0 : mode == ARM_M_HYP ? 2 : 1;
        if (!arm_cfg_has(env, ARM_FEAT_AARCH32) ||
            (el > 0 && !arm_cfg_has(env, ARM_FEAT_AARCH32_EL1))) {
            return -1;
        }
    } else {
        el = ARM_BITS(spsr, 2, 2);
        if ((spsr & 2) || (el == 0 && (spsr & PSTATE_SP))) {
            return -1;
        }
    }
    if (el > s->el || (el == 3 && !arm_cfg_has(env, ARM_FEAT_EL3)) ||
        (el == 2 && !arm_el2_enabled(env))) {
        return -1;
    }
    if (el == 1 && (arm_hcr(env) & HCR_TGE)) {
        return -1;
    }
    /* The state of the level is what the registers above it say. */
    bool aa32 = spsr & PSTATE_NRW;
    if (el == s->el) {
        if (aa32 != s->aarch32) {
            return -1;
        }
    } else {
        bool rw3 = !arm_cfg_has(env, ARM_FEAT_EL3) || (s->scr & SCR_RW);
        bool rw2 = !arm_el2_enabled(env) || (s->hcr & HCR_RW);
        if (el == 2 && aa32 == rw3) {
            return -1;
        }
        if (el == 1 && aa32 == (rw3 && rw2)) {
            return -1;
        }
        if (el == 0 && !aa32 && !(rw3 && (rw2 || arm_in_host_el0(env)))) {
            return -1;
        }
    }
    return el;
}

/* ERET: (return address) -> where to go on. */
static uint64_t helper_arm_eret(ARMEnv *env, uint64_t pc)
{
    ARMSys *s = &env->sys;
    unsigned cur = s->el;
    uint32_t spsr = s->spsr_el[cur];
    int el = return_el(env, spsr);
    uint32_t keep = PSTATE_DAIF | PSTATE_IL | PSTATE_SS;

    env->excl_addr = ARM_EXCL_NONE;
    /* SS takes effect only if a step is enabled from the level returned to and not here: D2.11.3.
     */
    if (env->cpu.mode & ARM_MODE_SS || !(s->mdscr & MDSCR_SS)) {
        spsr &= ~PSTATE_SS;
    }
    if (el < 0) {
        rhea_log_mask(LOG_GUEST_ERROR, "CPU %u: illegal return to PSTATE 0x%x from EL%u\n",
                      env->cpu.cpu->index, spsr, cur);
        s->pstate =
            (s->pstate & ~(PSTATE_DAIF | PSTATE_SS)) | (spsr & keep & ~PSTATE_SS) | PSTATE_IL;
        set_cells(env, spsr & PSTATE_NZCV);
        arm_mode_changed(env);
        if ((pc & 3) && arm_cfg_has(env, ARM_FEAT_BTI)) {
            take_pc_align(env, pc, 0);
            pc = env->cpu.pc;
        }
        arm_check_interrupts(env);
        return pc;
    }
    *sp_slot(env) = env->x[31];
    if (arm_cfg_has(env, ARM_FEAT_PAN)) {
        keep |= PSTATE_PAN;
    }
    if (arm_cfg_has(env, ARM_FEAT_DIT)) {
        keep |= PSTATE_DIT;
    }
    if (spsr & PSTATE_NRW) {
        keep |= PSTATE_M | PSTATE_T | PSTATE_E;
        keep &= ~PSTATE_D | PSTATE_E;
        keep |= arm_cfg_has(env, ARM_FEAT_SSBS) ? PSTATE_SSBS32 : 0;
        s->pstate = spsr & keep;
        s->el = el;
        s->aarch32 = true;
        set_cells(env, spsr);
        regs_64_to_32(env);
        pc = (uint32_t)pc & (spsr & PSTATE_T ? ~1u : ~3u);
    } else {
        keep |= arm_cfg_has(env, ARM_FEAT_UAO) ? PSTATE_UAO : 0;
        keep |= arm_cfg_has(env, ARM_FEAT_SSBS) ? PSTATE_SSBS : 0;
        keep |= PSTATE_EL | PSTATE_SP;
        s->pstate = spsr & keep;
        s->el = el;
        set_cells(env, spsr);
        env->x[31] = *sp_slot(env);
        /* AArch64.BranchAddr() */
        uint32_t mode = arm_mode(env);
        if (mode & (pc & ARM_BIT(55) ? ARM_MODE_TBI1 : ARM_MODE_TBI0)) {
            pc = pc & ARM_BIT(55) && el < 2 + (mode & ARM_MODE_TBI1 ? 2 : 0)
                     ? pc | UINT64_C(0xff) << 56
                     : pc & ~(UINT64_C(0xff) << 56);
        }
    }
    rhea_log_mask(LOG_INT, "Exception return from AArch64 EL%u to %s EL%d PC 0x%" PRIx64 "\n", cur,
                  s->aarch32 ? "AArch32" : "AArch64", el, pc);
    arm_mmu_changed(env);
    if (!s->aarch32 && arm_cfg_has(env, ARM_FEAT_BTI)) {
        unsigned btype = spsr >> PSTATE_BTYPE_SHIFT & 3;
        if (pc & 3) {
            take_pc_align(env, pc, btype);
            pc = env->cpu.pc;
        } else {
            pc |= btype;
        }
    }
    arm_check_interrupts(env);
    return pc;
}
ARM_HELPER(eret, I64, true, CALL_FLAGS, TCG_I64);

/* ------------------------------------------------------------------------------------------ */
/* Interrupts (D1.3.6) */

static unsigned physical_target(const ARMEnv *env, unsigned excp)
{
    const ARMSys *s = &env->sys;
    uint64_t to3 = excp == ARM_EXCP_IRQ ? SCR_IRQ : excp == ARM_EXCP_FIQ ? SCR_FIQ : SCR_EA;
    uint64_t to2 = excp == ARM_EXCP_IRQ ? HCR_IMO : excp == ARM_EXCP_FIQ ? HCR_FMO : HCR_AMO;

    if (arm_cfg_has(env, ARM_FEAT_EL3) && (s->scr & to3)) {
        return 3;
    }
    if (arm_hcr(env) & (to2 | HCR_TGE)) {
        return 2;
    }
    return arm_bank32(env);
}

static bool unmasked(const ARMEnv *env, unsigned excp, unsigned target)
{
    const ARMSys *s = &env->sys;
    uint32_t mask = excp == ARM_EXCP_IRQ ? PSTATE_I : excp == ARM_EXCP_FIQ ? PSTATE_F : PSTATE_A;
    bool aa64 = arm_cfg_has(env, ARM_FEAT_AARCH64);

    if (target < s->el) {
        return false;
    }
    if (target > s->el && target > 1) {
        if (aa64) {
            if (target == 3 || !arm_in_host_el0(env)) {
                return true;
            }
        } else if (target == 2) {
            /* G1.14: routed to Hyp mode, the mask bits of lower levels do not count. */
            return true;
        } else if (!arm_secure_below_el3(env)) {
            /* G1.14, SCR.FW and AW: may non-secure state mask it? */
            if ((excp == ARM_EXCP_FIQ && !(s->scr & SCR_FW)) ||
                (excp == ARM_EXCP_SERROR && !(s->scr & SCR_AW)) || excp == ARM_EXCP_IRQ) {
                return true;
            }
        }
    }
    return !(s->pstate & mask);
}

static int pending_excp(ARMEnv *env, unsigned *target)
{
    static const struct {
        uint8_t line, excp;
    } phys[] = {{ARM_LINE_FIQ, ARM_EXCP_FIQ},
                {ARM_LINE_IRQ, ARM_EXCP_IRQ},
                {ARM_LINE_SERROR, ARM_EXCP_SERROR}};
    static const struct {
        uint8_t line, excp;
        uint32_t mask;
        uint64_t enable, software;
    } virt[] = {
        {ARM_LINE_VFIQ, ARM_EXCP_VFIQ, PSTATE_F, HCR_FMO, HCR_VF},
        {ARM_LINE_VIRQ, ARM_EXCP_VIRQ, PSTATE_I, HCR_IMO, HCR_VI},
        {ARM_LINE_VSERROR, ARM_EXCP_VSERROR, PSTATE_A, HCR_AMO, HCR_VSE},
    };
    ARMSys *s = &env->sys;
    uint32_t lines = __atomic_load_n(&env->cpu.cpu->interrupts, __ATOMIC_ACQUIRE);
    uint64_t hcr = arm_hcr(env);

    for (unsigned i = 0; i < G_N_ELEMENTS(phys); i++) {
        if (lines >> phys[i].line & 1) {
            *target = physical_target(env, phys[i].excp);
            if (unmasked(env, phys[i].excp, *target)) {
                return phys[i].excp;
            }
        }
    }
    if (s->el < 2 && hcr && !(hcr & HCR_TGE)) {
        for (unsigned i = 0; i < G_N_ELEMENTS(virt); i++) {
            if ((hcr & virt[i].enable) && !(s->pstate & virt[i].mask) &&
                ((lines >> virt[i].line & 1) || (hcr & virt[i].software))) {
                *target = 1;
                return virt[i].excp;
            }
        }
    }
    return -1;
}

void arm_check_interrupts(ARMEnv *env)
{
    unsigned target;

    if (pending_excp(env, &target) >= 0) {
        __atomic_store_n(&env->cpu.exit_request, 1, __ATOMIC_RELEASE);
    }
}

bool arm_do_interrupt(CPU *cpu)
{
    ARMEnv *env = arm_env(cpu);
    ARMSys *s = &env->sys;
    unsigned target;
    int excp = pending_excp(env, &target);

    if (excp < 0) {
        return false;
    }
    s->exc.far_valid = s->exc.hpfar_valid = s->exc.next = false;
    s->exc.target_el = target;
    s->exc.syndrome = ARM_SYN(EC_SERROR, 0);
    s->exc.fsr = 0x406; /* asynchronous external abort */
    if (excp == ARM_EXCP_VSERROR) {
        s->hcr &= ~HCR_VSE;
        arm_hcr_changed(env);
        s->exc.syndrome |= s->vsesr & 0x1ffffff;
    }
    uint64_t pc = env->cpu.pc;
    unsigned btype = arm_pc_btype(env, &pc);
    take(env, excp, target, pc, btype);
    return true;
}

/* WFI ends whatever PSTATE masks (D1.6.2). */
bool arm_has_work(CPU *cpu)
{
    ARMEnv *env = arm_env(cpu);
    uint32_t lines = __atomic_load_n(&cpu->interrupts, __ATOMIC_ACQUIRE);
    uint64_t hcr = arm_hcr(env);

    if (lines & (1u << ARM_LINE_IRQ | 1u << ARM_LINE_FIQ | 1u << ARM_LINE_SERROR)) {
        return true;
    }
    if (env->sys.el >= 2 || !hcr || (hcr & HCR_TGE)) {
        return false;
    }
    return ((hcr & HCR_IMO) && ((lines >> ARM_LINE_VIRQ & 1) || (hcr & HCR_VI))) ||
           ((hcr & HCR_FMO) && ((lines >> ARM_LINE_VFIQ & 1) || (hcr & HCR_VF))) ||
           ((hcr & HCR_AMO) && ((lines >> ARM_LINE_VSERROR & 1) || (hcr & HCR_VSE)));
}

/* ------------------------------------------------------------------------------------------ */
/* Waiting (D1.6) */

/* Level that a WFI or WFE at this one traps to, or 0. Armv7 has HCR's traps alone. */
static unsigned wait_trap(const ARMEnv *env, bool wfe)
{
    const ARMSys *s = &env->sys;
    bool v8 = arm_cfg_has(env, ARM_FEAT_V8);

    if (s->el == 0 && v8) {
        unsigned el = arm_in_host_el0(env) ? 2 : 1;
        if (!(s->sctlr[el] & (wfe ? SCTLR_NTWE : SCTLR_NTWI))) {
            return el;
        }
    }
    if (s->el < 2 && (arm_hcr(env) & (wfe ? HCR_TWE : HCR_TWI))) {
        return 2;
    }
    if (v8 && s->el < 3 && arm_cfg_has(env, ARM_FEAT_EL3) && (s->scr & (wfe ? SCR_TWE : SCR_TWI))) {
        return 3;
    }
    return 0;
}

static void wait_check(ARMEnv *env, bool wfe, uintptr_t ra)
{
    unsigned el = wait_trap(env, wfe);

    if (el) {
        arm_raise(env, ARM_EXCP_UNDEF, ARM_SYN(EC_WFX, 0x1e00000 | wfe), el, ra);
    }
}

static void helper_arm_wfi(ARMEnv *env)
{
    CPU *cpu = env->cpu.cpu;

    if (arm_has_work(cpu)) {
        return;
    }
    wait_check(env, false, RHEA_RA());
    cpu->halted = true;
}
ARM_HELPER(wfi, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO);

/* An event may come at any time, and the loops around WFE check what they wait for. */
static void helper_arm_wfe(ARMEnv *env)
{
    wait_check(env, true, RHEA_RA());
    cpu_spin(env->cpu.cpu);
}
ARM_HELPER(wfe, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO);

static void helper_arm_yield(ARMEnv *env)
{
    cpu_spin(env->cpu.cpu);
}
ARM_HELPER(yield, VOID, true, 0);

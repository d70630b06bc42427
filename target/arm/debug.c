/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Self-hosted debug (DDI 0487, D2; of AArch32 G2): where debug exceptions are enabled, breakpoints,
 * watchpoints and vector catch. Software step is in excp.c.
 *
 * While a breakpoint is on, units ask before each instruction (ARM_MODE_BREAK). A page with a
 * watchpoint is never cached in the soft TLB as a whole: each access to it comes to tlb_fill().
 *
 * Runs on the CPU's thread. Test: tests/unit/test-arm-sys.c, tests/boot/bare/a32-debug.c
 */
#include "target/arm/internals.h"

/* The level that debug exceptions from the present one go to (D2.4). */
unsigned arm_debug_target_el(const ARMEnv *env)
{
    if (env->sys.el < 2 && arm_el2_enabled(env) &&
        ((env->sys.mdcr2 & MDCR2_TDE) || (arm_hcr(env) & HCR_TGE))) {
        return 2;
    }
    if (env->sys.el == 2 && arm_el2_enabled(env) && (env->sys.mdcr2 & MDCR2_TDE)) {
        return 2;
    }
    return arm_bank32(env); /* 3: secure PL1 below an AArch32 EL3 */
}

static bool target_is_aa32(const ARMEnv *env)
{
    return arm_el_is_aa32(env, arm_debug_target_el(env));
}

/* The authentication signals allow everything. */
bool arm_debug_enabled(const ARMEnv *env)
{
    const ARMSys *s = &env->sys;
    unsigned target = arm_debug_target_el(env);

    if (s->oslk & 1) {
        return false;
    }
    if (target_is_aa32(env)) {
        /* AArch32.GenerateDebugExceptions(), SDCR.SPD or MDCR_EL3.SPD32, SDER.SUIDEN */
        return s->el != 2 && (!arm_secure(env) || (s->mdcr3 & MDCR3_SPD32) != ARM_BIT(15) ||
                              (s->el == 0 && (s->sder & 1)));
    }
    if (s->el == target) {
        return (s->mdscr & MDSCR_KDE) && !(s->pstate & PSTATE_D);
    }
    return s->el < target;
}

void arm_debug_changed(ARMEnv *env)
{
    ARMSys *s = &env->sys;
    bool had_watch = s->wp_on;

    s->bp_on = s->wp_on = 0;
    s->vc_on = false;
    if ((s->mdscr & MDSCR_MDE) && !(s->oslk & 1)) {
        s->vc_on = s->vcr;
        for (unsigned i = 0; i < env->cfg->breakpoints; i++) {
            s->bp_on = s->bcr[i] & 1 ? i + 1 : s->bp_on;
        }
        for (unsigned i = 0; i < env->cfg->watchpoints; i++) {
            s->wp_on = s->wcr[i] & 1 ? i + 1 : s->wp_on;
        }
    }
    if (had_watch || s->wp_on) {
        tlb_flush_all(env->cpu.cpu);
    }
    arm_mode_changed(env);
}

/*
 * Fields that BCR and WCR share: HMC, SSC and the privilege control (table D2-12). A breakpoint of
 * AArch32 without any is one of User, Supervisor and System mode (AArch32.StateMatch()).
 */
static bool level_matches(const ARMEnv *env, uint64_t ctl, unsigned el, bool breakpoint)
{
    unsigned pmc = ARM_BITS(ctl, 1, 2), ssc = ARM_BITS(ctl, 14, 2), m = env->sys.pstate & PSTATE_M;
    bool hmc = ctl & ARM_BIT(13), secure = arm_secure(env);

    if ((ssc == 1 && secure) || (ssc == 2 && !secure)) {
        return false;
    }
    if (breakpoint && env->sys.aarch32 && !hmc && !pmc && ssc != 3) {
        return m == ARM_M_USR || m == ARM_M_SVC || m == ARM_M_SYS;
    }
    switch (el) {
    case 0:
        return pmc & 2;
    case 1:
        return pmc & 1;
    case 2:
        return (hmc && ssc != 2) || ssc == 3;
    default:
        return env->sys.aarch32 ? pmc & 1 : hmc && ssc != 1 && ssc != 3;
    }
}

/* What a context breakpoint compares: CONTEXTIDR_EL1 (types 2, 3, 6, 7), the VMID (8, 9), both (10,
 * 11). */
static bool context_matches(const ARMEnv *env, unsigned n)
{
    const ARMSys *s = &env->sys;
    unsigned type = ARM_BITS(s->bcr[n], 20, 4) & 14;
    bool context = type == 2 || type == 6 || type == 10, vmid = type == 8 || type == 10;

    if (vmid && (s->el > 1 || !arm_el2_enabled(env) ||
                 ARM_BITS(s->bvr[n], 32, arm_cfg_has(env, ARM_FEAT_VMID16) ? 16 : 8) !=
                     arm_current_vmid(env))) {
        return false;
    }
    return context ? s->el != 2 && (uint32_t)s->bvr[n] == (uint32_t)s->contextidr[arm_bank32(env)]
                   : vmid;
}

/* The context breakpoint that another one or a watchpoint is linked to. */
static bool link_matches(const ARMEnv *env, uint64_t ctl)
{
    unsigned n = ARM_BITS(ctl, 16, 4);

    return n < env->cfg->breakpoints && (env->sys.bcr[n] & ARM_BIT(20)) && (env->sys.bcr[n] & 1) &&
           context_matches(env, n);
}

static bool break_matches(const ARMEnv *env, unsigned n, uint64_t pc)
{
    const ARMSys *s = &env->sys;
    uint64_t c = s->bcr[n];
    unsigned type = ARM_BITS(c, 20, 4);
    bool aa32 = s->aarch32 && arm_el_is_aa32(env, MAX(1, s->el));
    uint64_t bits = aa32 ? 0xfffffffc : UINT64_C(0x1fffffffffffc);
    bool hit = !((pc ^ s->bvr[n]) & bits) && (ARM_BITS(c, 5, 4) >> (pc & 2) & 3);

    if (!(c & 1) || !level_matches(env, c, s->el, true)) {
        return false;
    }
    switch (type) {
    case 0:
        return hit;
    case 1:
        return hit && link_matches(env, c);
    case 4: /* every other address: of AArch32 only */
        return aa32 && !hit;
    case 5:
        return aa32 && !hit && link_matches(env, c);
    default:
        return !(type & 1) && context_matches(env, n);
    }
}

/* AArch32.VCRMatch(). One of an abort's vector that would abort to itself is left out. */
static bool vector_matches(const ARMEnv *env, uint64_t pc)
{
    const ARMSys *s = &env->sys;
    unsigned b = arm_bank32(env), n = pc >> 2 & 7;
    bool el3 = arm_cfg_has(env, ARM_FEAT_EL3), secure = arm_secure(env);
    uint64_t base = s->sctlr[b] & SCTLR_V ? 0xffff0000 : s->vbar[b];
    uint32_t hit = 0;

    if (!s->vc_on || !arm_el_is_aa32(env, MAX(1, s->el)) || s->el == 2 || (pc & 3)) {
        return false;
    }
    if (!((pc ^ base) >> 5)) {
        hit |= 1u << (n + (el3 && !secure ? 24 : 0));
    }
    if (el3 && secure && arm_el_is_aa32(env, 3) && !((pc ^ s->mvbar) >> 5)) {
        hit |= 1u << (n + 8);
    }
    return (hit & s->vcr) && !((n == 3 || n == 4) && arm_debug_target_el(env) == s->el);
}

void arm_debug_set_moe(ARMEnv *env, unsigned moe)
{
    env->sys.mdscr = (env->sys.mdscr & ~MDSCR_MOE) | moe << 2;
}

/* Where AArch32 takes it, it is a prefetch abort whose address is UNKNOWN. */
static void raise_break(ARMEnv *env, unsigned ec, unsigned moe, uintptr_t ra)
{
    if (target_is_aa32(env)) {
        ARMWalk w = {.fault = ARM_FAULT_DEBUG};
        arm_debug_set_moe(env, moe);
        arm_raise_abort(env, 0, TLB_FETCH, &w, 0, ra);
    }
    arm_raise(env, ARM_EXCP_PABT, ARM_SYN(ec, 0x22), arm_debug_target_el(env), ra);
}

static void helper_arm_break(ARMEnv *env, uint64_t pc)
{
    if (!arm_debug_enabled(env)) {
        return;
    }
    for (unsigned i = 0; i < env->sys.bp_on; i++) {
        if (break_matches(env, i, pc)) {
            raise_break(env, EC_BREAK_LOWER, ARM_MOE_BREAKPOINT, RHEA_RA());
        }
    }
    if (env->sys.aarch32 && vector_matches(env, pc)) {
        raise_break(env, EC_VECTOR32, ARM_MOE_VECTOR, RHEA_RA());
    }
}
ARM_HELPER(break, VOID, true, TCG_HELPER_FAULTS, TCG_I64);

/* The bytes that watchpoint n covers: first and last. False: none. */
static bool watch_range(const ARMSys *s, unsigned n, uint64_t *first, uint64_t *last)
{
    uint64_t c = s->wcr[n], base = s->wvr[n];
    unsigned mask = ARM_BITS(c, 24, 5), bas = ARM_BITS(c, 5, 8);

    if (mask >= 3) {
        *first = base & ~(ARM_BIT(mask) - 1);
        *last = *first + (ARM_BIT(mask) - 1);
        return true;
    }
    if (base & 4) {
        bas &= 15;
    }
    if (!bas) {
        return false;
    }
    *first = base + __builtin_ctz(bas);
    *last = base + 31 - __builtin_clz(bas);
    return true;
}

bool arm_watch_page(const ARMEnv *env, uint64_t vaddr)
{
    const ARMSys *s = &env->sys;
    uint64_t page = vaddr & TLB_PAGE_MASK, first, last;

    for (unsigned i = 0; i < s->wp_on; i++) {
        if ((s->wcr[i] & 1) && watch_range(s, i, &first, &last) &&
            first <= page + TLB_PAGE_SIZE - 1 && last >= page) {
            return true;
        }
    }
    return false;
}

void arm_watch_check(ARMEnv *env, uint64_t vaddr, unsigned size, TlbAccess access, unsigned el,
                     uintptr_t ra)
{
    ARMSys *s = &env->sys;
    uint64_t end = vaddr + size - 1, first, last;

    if (!arm_debug_enabled(env)) {
        return;
    }
    for (unsigned i = 0; i < s->wp_on; i++) {
        uint64_t c = s->wcr[i];
        if ((c & 1) && (ARM_BITS(c, 3, 2) & (access == TLB_WRITE ? 2 : 1)) &&
            level_matches(env, c, el, false) && watch_range(s, i, &first, &last) && first <= end &&
            last >= vaddr && (!(c & ARM_BIT(20)) || link_matches(env, c))) {
            if (target_is_aa32(env)) {
                ARMWalk w = {.fault = ARM_FAULT_DEBUG};
                arm_debug_set_moe(env, ARM_MOE_WATCHPOINT);
                arm_raise_abort(env, MAX(vaddr, first), access, &w, 0, ra);
            }
            s->exc.syndrome = ARM_SYN(EC_WATCH_LOWER, (access == TLB_WRITE) << 6 | 0x22);
            s->exc.target_el = arm_debug_target_el(env);
            s->exc.far_valid = true;
            s->exc.far = vaddr > first ? vaddr : first;
            s->exc.hpfar_valid = s->exc.next = false;
            s->exc.read_too = c & ARM_BIT(3);
            cpu_raise_restore(env->cpu.cpu, ARM_EXCP_DABT, ra);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Self-hosted debug (DDI 0487, D2): where debug exceptions are enabled, breakpoints and
 * watchpoints. Software step is in excp.c.
 *
 * While a breakpoint is on, units ask before each instruction (ARM_MODE_BREAK). A page with a
 * watchpoint is never cached in the soft TLB as a whole: each access to it comes to tlb_fill().
 *
 * Runs on the CPU's thread. Test: tests/unit/test-arm-sys.c
 */
#include "target/arm/internals.h"

/* The level that debug exceptions from the present one go to (D2.4). */
unsigned arm_debug_target_el(const ARMEnv *env)
{
    if (env->sys.el < 2 && arm_el2_enabled(env) &&
        ((env->sys.mdcr2 & MDCR2_TDE) || (arm_hcr(env) & HCR_TGE))) {
        return 2;
    }
    return env->sys.el == 2 && arm_el2_enabled(env) && (env->sys.mdcr2 & MDCR2_TDE) ? 2 : 1;
}

bool arm_debug_enabled(const ARMEnv *env)
{
    const ARMSys *s = &env->sys;
    unsigned target = arm_debug_target_el(env);

    if (s->oslk & 1) {
        return false;
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
    if ((s->mdscr & MDSCR_MDE) && !(s->oslk & 1)) {
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

/* Fields that BCR and WCR share: HMC, SSC and the privilege control (table D2-12). */
static bool level_matches(const ARMEnv *env, uint64_t ctl, unsigned el)
{
    unsigned pmc = ARM_BITS(ctl, 1, 2), ssc = ARM_BITS(ctl, 14, 2);
    bool hmc = ctl & ARM_BIT(13), secure = arm_secure(env);

    if ((ssc == 1 && secure) || (ssc == 2 && !secure)) {
        return false;
    }
    switch (el) {
    case 0:
        return pmc & 2;
    case 1:
        return pmc & 1;
    case 2:
        return (hmc && ssc != 2) || ssc == 3;
    default:
        return hmc && ssc != 1 && ssc != 3;
    }
}

/* A linked context breakpoint (types 3 and 7): does CONTEXTIDR_EL1 hold its value? */
static bool link_matches(const ARMEnv *env, uint64_t ctl)
{
    unsigned n = ARM_BITS(ctl, 16, 4);

    return n < env->cfg->breakpoints && (env->sys.bcr[n] & 1) &&
           (ARM_BITS(env->sys.bcr[n], 20, 4) & 0xb) == 3 &&
           (uint32_t)env->sys.bvr[n] == (uint32_t)env->sys.contextidr[1];
}

static void helper_arm_break(ARMEnv *env, uint64_t pc)
{
    const ARMSys *s = &env->sys;

    if (!arm_debug_enabled(env)) {
        return;
    }
    for (unsigned i = 0; i < s->bp_on; i++) {
        uint64_t c = s->bcr[i];
        unsigned type = ARM_BITS(c, 20, 4);
        if (!(c & 1) || !level_matches(env, c, s->el)) {
            continue;
        }
        bool hit = false;
        if (type == 0 || type == 1) {
            hit = !((pc ^ s->bvr[i]) & UINT64_C(0x1fffffffffffc)) &&
                  (ARM_BITS(c, 5, 4) >> (pc & 2) & 3) && (type == 0 || link_matches(env, c));
        } else if (type == 2) {
            hit = (uint32_t)s->bvr[i] == (uint32_t)s->contextidr[1];
        }
        if (hit) {
            arm_raise(env, ARM_EXCP_PABT, ARM_SYN(EC_BREAK_LOWER, 0x22), arm_debug_target_el(env),
                      RHEA_RA());
        }
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
    uint64_t end = vaddr + (size ? size : 1) - 1, first, last;

    if (!arm_debug_enabled(env)) {
        return;
    }
    for (unsigned i = 0; i < s->wp_on; i++) {
        uint64_t c = s->wcr[i];
        if ((c & 1) && (ARM_BITS(c, 3, 2) & (access == TLB_WRITE ? 2 : 1)) &&
            level_matches(env, c, el) && watch_range(s, i, &first, &last) && first <= end &&
            last >= vaddr && (!(c & ARM_BIT(20)) || link_matches(env, c))) {
            s->exc.syndrome = ARM_SYN(EC_WATCH_LOWER, (access == TLB_WRITE) << 6 | 0x22);
            s->exc.target_el = arm_debug_target_el(env);
            s->exc.far_valid = true;
            s->exc.far = vaddr > first ? vaddr : first;
            s->exc.hpfar_valid = s->exc.next = false;
            cpu_raise_restore(env->cpu.cpu, ARM_EXCP_DABT, ra);
        }
    }
}

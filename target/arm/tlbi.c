/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * TLB maintenance and address translation instructions (DDI 0487, D8.16, C5.4, C5.5).
 *
 * An operation acts on this CPU at once. If it is broadcast, the other CPUs get it through their
 * work queues; a DSB waits until what this CPU has sent is done, nothing else does. A CPU that
 * sleeps is neither woken nor waited for: it serves its queue before it runs an instruction. While
 * it has a flush of everything in its queue, nothing more is put there.
 *
 * Invariants: board.tlbi_queued counts what is in a CPU's queue and not done; board.tlbi_busy is
 * not zero if this CPU has sent something since a DSB last found all done. A CPU that waits at a
 * DSB goes back to the dispatcher each time, so that it serves its own queue.
 *
 * Test: tests/unit/test-arm-sys.c
 */
#include <inttypes.h>
#include <sched.h>
#include "target/arm/internals.h"
#include "rhea/log.h"

typedef enum TlbiKind { TLBI_ALL, TLBI_ASID, TLBI_PAGES, TLBI_PAGES_ASID } TlbiKind;

typedef struct Tlbi {
    TlbiKind kind;
    uint32_t tag;
    uint64_t va, pages; /* pages of 4 KiB */
    bool last;          /* in the queue for now: everything is flushed */
} Tlbi;

#define TLBI_MAX_PAGES 64 /* beyond it all is flushed */
#define TLBI_MAX_QUEUE 64 /* the same of operations in a queue */

/* board.tlbi_all */
enum { ALL_NONE, ALL_COMING, ALL_QUEUED };

static void tlbi_do(CPU *cpu, const Tlbi *t)
{
    ARMEnv *env = arm_env(cpu);
    /* A page of one ASID, or global. */
    bool by_asid = t->kind == TLBI_PAGES_ASID;

    switch (t->kind) {
    case TLBI_ALL:
        tlb_flush_all(cpu);
        return;
    case TLBI_ASID:
        tlb_flush_asid(cpu, t->tag, false);
        return;
    default:
        if (t->pages > TLBI_MAX_PAGES) {
            if (by_asid && !(t->va & ARM_BIT(55)) && !env->sys.low_global) {
                tlb_flush_asid(cpu, t->tag, false);
            } else {
                tlb_flush_all(cpu);
            }
            return;
        }
        for (uint64_t i = 0; i < t->pages; i++) {
            uint64_t va = t->va + i * TLB_PAGE_SIZE;
            if (by_asid) {
                tlb_flush_page_asid(cpu, va, t->tag, true);
            } else {
                tlb_flush_page(cpu, va);
            }
        }
    }
}

static void tlbi_remote(CPU *cpu, void *data)
{
    Tlbi *t = data;
    ARMEnv *env = arm_env(cpu);

    if (t->last) {
        /* Before the flush: what comes from here on may not be covered by it. */
        __atomic_store_n(&env->board.tlbi_all, ALL_NONE, __ATOMIC_SEQ_CST);
    }
    tlbi_do(cpu, t);
    g_free(t);
    __atomic_fetch_sub(&env->board.tlbi_queued, 1, __ATOMIC_RELEASE);
}

static void tlbi_send(CPU *other, Tlbi t)
{
    ARMEnv *env = arm_env(other);
    uint32_t none = ALL_NONE, coming = ALL_COMING;

    if (__atomic_load_n(&env->board.tlbi_all, __ATOMIC_SEQ_CST) == ALL_QUEUED) {
        return;
    }
    if (__atomic_fetch_add(&env->board.tlbi_queued, 1, __ATOMIC_SEQ_CST) >= TLBI_MAX_QUEUE &&
        __atomic_compare_exchange_n(&env->board.tlbi_all, &none, ALL_COMING, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        t = (Tlbi){.kind = TLBI_ALL, .last = true};
    }
    Tlbi *copy = g_new(Tlbi, 1);
    *copy = t;
    cpu_run_later(other, tlbi_remote, copy);
    if (t.last) {
        /* Unless it is done already. */
        __atomic_compare_exchange_n(&env->board.tlbi_all, &coming, ALL_QUEUED, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

static void tlbi_run(ARMEnv *env, Tlbi t, bool broadcast)
{
    CPU *cpu = env->cpu.cpu, *other;

    tlbi_do(cpu, &t);
    if (!broadcast) {
        return;
    }
    for (unsigned i = 0; (other = cpu_peer(cpu, i)); i++) {
        if (other == cpu) {
            continue;
        }
        tlbi_send(other, t);
        env->board.tlbi_busy = 1;
    }
}

static bool tlbi_all_done(ARMEnv *env)
{
    CPU *cpu = env->cpu.cpu, *other;

    for (unsigned i = 0; (other = cpu_peer(cpu, i)); i++) {
        if (other != cpu && __atomic_load_n(&arm_env(other)->board.tlbi_queued, __ATOMIC_ACQUIRE) &&
            !cpu_sleeps(other)) {
            return false;
        }
    }
    return true;
}

static void helper_arm_dsb_wait(ARMEnv *env)
{
    if (!env->board.tlbi_busy) {
        return;
    }
    if (tlbi_all_done(env)) {
        env->board.tlbi_busy = 0;
    } else {
        sched_yield();
        cpu_kick(env->cpu.cpu, CPU_INT_WORK);
        cpu_loop_exit_restore(env->cpu.cpu, RHEA_RA());
    }
}
ARM_HELPER(dsb_wait, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO);

/* ISB (B2.7.4.2): code that other CPUs have stored before is what runs behind it. */
static void helper_arm_isb(ARMEnv *env)
{
    cpu_code_fence(env->cpu.cpu);
}
ARM_HELPER(isb, VOID, true, 0);

/* Operand of the operations by range (C5.5, TLBI RVAE1): first page and number of 4 KiB pages. */
static void tlbi_range(uint64_t val, Tlbi *t)
{
    unsigned tg = ARM_BITS(val, 46, 2), scale = ARM_BITS(val, 44, 2), num = ARM_BITS(val, 39, 5);
    unsigned granule = tg == 2 ? 14 : tg == 3 ? 16 : 12;
    int64_t base = (int64_t)(val << 27) >> 27;

    t->va = (uint64_t)base << granule;
    t->pages = ((uint64_t)(num + 1) << (5 * scale + 1)) << (granule - 12);
}

/* Pages of the largest granule whose leaf may hold the address: TLBs know the leaves' sizes. */
static void tlbi_va(uint64_t val, Tlbi *t)
{
    t->va = (uint64_t)((int64_t)(val << 20) >> 8); /* VA[55:12] in bits 43:0 */
    t->pages = 1;
}

void arm_tlbi_write(ARMEnv *env, uint32_t enc, uint64_t val)
{
    unsigned op1 = enc >> 11 & 7, crm = enc >> 3 & 15, op2 = enc & 7;
    bool broadcast = crm == 0 || crm == 1 || crm == 2 || crm == 3 || crm == 5;
    bool range = crm == 2 || crm == 5 || crm == 6;
    Tlbi t = {.kind = TLBI_ALL};
    ARMRegime r = ARM_REG_EL10;
    bool el2 = op1 == 4 && (op2 == 1 || op2 == 5 || op2 == 0) && crm != 0 && crm != 4;

    if ((env->sys.el == 3 || op1 == 0) && arm_secure_below_el3(env)) {
        r = arm_cfg_has(env, ARM_FEAT_AARCH64) ? ARM_REG_EL10_S : ARM_REG_EL3;
    }
    if (op1 == 0 && env->sys.el == 1 && (arm_hcr(env) & HCR_FB)) {
        broadcast = true;
    }
    if (op1 == 4 && (crm == 0 || crm == 4)) {
        /* By IPA: what is cached are whole translations. */
        broadcast |= op2 == 0 || op2 == 3 || op2 == 4 || op2 == 7;
        tlbi_run(env, t, broadcast);
        return;
    }
    if (op1 == 0 && env->sys.el == 2 && arm_in_host_el0(env)) {
        r = ARM_REG_EL20;
    }
    if (el2) {
        r = arm_hcr(env) & HCR_E2H ? ARM_REG_EL20 : ARM_REG_EL2;
    }
    uint32_t vmid = r == ARM_REG_EL10 ? arm_current_vmid(env) : 0;
    unsigned asid = val >> 48;
    if (!(env->sys.tcr[el2 || r == ARM_REG_EL20 ? 2 : 1] & TCR_AS) ||
        !arm_cfg_has(env, ARM_FEAT_ASID16)) {
        asid &= 0xff;
    }
    t.tag = arm_asid_tag(r, vmid, asid);
    if (op1 == 0) {
        static const uint8_t kinds[8] = {TLBI_ALL, TLBI_PAGES_ASID, TLBI_ASID, TLBI_PAGES,
                                         TLBI_ALL, TLBI_PAGES_ASID, TLBI_ALL,  TLBI_PAGES};
        t.kind = kinds[op2];
    } else if (op2 == 1 || op2 == 5) {
        t.kind = r == ARM_REG_EL20 ? TLBI_PAGES_ASID : TLBI_PAGES;
    }
    if (range) {
        tlbi_range(val, &t);
    } else if (t.kind >= TLBI_PAGES) {
        tlbi_va(val, &t);
    }
    tlbi_run(env, t, broadcast);
}

/* ------------------------------------------------------------------------------------------ */
/* AT: what it finds goes to PAR_EL1 (D24.2.140). */

/* What does not go to PAR: an external abort, and at EL1 a walk of stage 1 that stage 2 refused. */
static void at_abort(ARMEnv *env, uint64_t va, bool ok, const ARMWalk *w, uintptr_t ra)
{
    if (!ok && (w->fault == ARM_FAULT_EXTERNAL_WALK || (w->s2 && w->s1ptw && env->sys.el == 1))) {
        arm_raise_abort(env, va, TLB_WRITE, w, 1 << 8, ra);
    }
}

/* Device memory, and Normal memory that no cache holds, are outer shareable. */
static unsigned par_sh(const ARMWalk *w)
{
    return w->device || w->attr == 0x44 ? 2 : w->sh;
}

/* Of the 64-bit format; bits: of the address. */
static uint64_t par_long(bool ok, const ARMWalk *w, unsigned bits)
{
    if (!ok) {
        return ARM_BIT(11) | (w->s2 ? ARM_BIT(9) : 0) | (w->s1ptw ? ARM_BIT(8) : 0) |
               (uint64_t)arm_fsc(w) << 1 | 1;
    }
    return (uint64_t)w->attr << 56 | (w->paddr & (ARM_BIT(bits) - 1) & ~UINT64_C(0xfff)) |
           ARM_BIT(11) | par_sh(w) << 7 | (w->ns ? ARM_BIT(9) : 0);
}

/* Of the 32-bit format. */
static uint64_t par_short(bool ok, const ARMWalk *w)
{
    /* By the allocation and cacheability bits of half an attribute: NC; WT; WB, WB with WA */
    static const uint8_t inner[16] = {[4] = 0, [0xa] = 6, [0xb] = 6, [0xe] = 7, [0xf] = 5};
    static const uint8_t outer[16] = {[4] = 0, [0xa] = 2, [0xb] = 2, [0xe] = 3, [0xf] = 1};

    if (!ok) {
        unsigned fsr = arm_fsr_short(w);
        return (fsr & 15) << 1 | (fsr >> 10 & 1) << 5 | 1;
    }
    uint32_t pa = w->super ? (w->paddr & 0xff000000) | ARM_BITS(w->paddr, 32, 8) << 16 | 1 << 1
                           : w->paddr & 0xfffff000;
    unsigned sh = par_sh(w);
    pa |= w->device ? (w->attr ? 3 : 1) << 4
                    : inner[w->attr & 15] << 4 | outer[w->attr >> 4 & 15] << 2;
    return pa | (sh ? 1 << 7 : 0) | (sh == 3 ? 1 << 10 : 0) | (w->ns ? 1 << 9 : 0);
}

void arm_at_write(ARMEnv *env, uint32_t enc, uint64_t va, uintptr_t ra)
{
    unsigned op1 = enc >> 11 & 7, crm = enc >> 3 & 15, op2 = enc & 7;
    TlbAccess access = op2 & 1 ? TLB_WRITE : TLB_READ;
    unsigned flags = ARM_WALK_STAGE1;
    ARMRegime r;
    ARMWalk w;

    if (op1 == 0) {
        r = env->sys.el == 2 && arm_in_host_el0(env) ? ARM_REG_EL20
            : arm_secure_below_el3(env)              ? ARM_REG_EL10_S
                                                     : ARM_REG_EL10;
        flags |= op2 & 2 ? 0 : ARM_WALK_PRIV;
        if (crm == 9 && (env->sys.pstate & PSTATE_PAN)) {
            flags |= ARM_WALK_PAN;
        }
    } else if (op1 == 6) {
        r = ARM_REG_EL3;
        flags |= ARM_WALK_PRIV;
    } else if (op2 < 4) {
        r = arm_hcr(env) & HCR_E2H ? ARM_REG_EL20 : ARM_REG_EL2;
        flags |= ARM_WALK_PRIV;
    } else {
        r = arm_secure_below_el3(env) ? ARM_REG_EL10_S : ARM_REG_EL10;
        flags = op2 & 2 ? 0 : ARM_WALK_PRIV;
    }
    bool ok = arm_walk(env, r, va, access, flags, &w);
    at_abort(env, va, ok, &w, ra);
    env->sys.par[1] = par_long(ok, &w, 48);
}

/* ATS1C, ATS12NSO, ATS1H (AArch32.AT(), G8.2.120). */
void arm_at32_write(ARMEnv *env, unsigned op, uint32_t va, uintptr_t ra)
{
    bool hyp = op == ARM_AT_HYP || op == ARM_AT_HYP + 1, both = op >= 4 && op < ARM_AT_HYP;
    unsigned el = env->sys.el, flags = op & 2 && !hyp && op < ARM_AT_PAN ? 0 : ARM_WALK_PRIV;
    ARMRegime r = hyp ? ARM_REG_EL2 : both || el == 2 ? ARM_REG_EL10 : arm_regime(env, el);
    uint64_t scr = env->sys.scr;
    ARMWalk w;

    /* ATS12NSO asks about the non-secure state, from secure state too. */
    if (both) {
        env->sys.scr |= SCR_NS;
        arm_hcr_changed(env);
    }

    flags |= both && arm_cfg_has(env, ARM_FEAT_EL2) ? 0 : ARM_WALK_STAGE1;
    flags |= op >= ARM_AT_PAN && (env->sys.pstate & PSTATE_PAN) ? ARM_WALK_PAN : 0;
    bool ok = arm_walk(env, r, va, op & 1 ? TLB_WRITE : TLB_READ, flags, &w);
    bool wide = hyp || arm_regime_uses_lpae(env, r) || (!both && el == 2) ||
                (both && (arm_hcr(env) & (HCR_VM | HCR_DC)));
    if (both) {
        env->sys.scr = scr;
        arm_hcr_changed(env);
    }
    at_abort(env, va, ok, &w, ra);
    env->sys.par[arm_bank32(env)] = wide ? par_long(ok, &w, 40) : par_short(ok, &w);
}

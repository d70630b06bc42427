/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm address translation: the regimes, stage 1 and stage 2 of VMSAv8-64 and of the AArch32 long
 * descriptors (DDI 0487, D8 and G5), the names of soft-TLB contexts, and the faults. The AArch32
 * short descriptors are in mmu-short.c.
 *
 * A context key says all that a translation and its permissions depend on, but for what is answered
 * by a flush: TCR, MAIR, SCTLR.WXN and the like, HCR.VM, and the tables themselves.
 *     bits 15:0 ASID, 31:16 VMID, 34:32 regime, 35 EL0's permissions, 36 PAN, 37 MMU on,
 *     38 code at EL1 that all address spaces share, 63:40 and 15:8 DACR (short descriptors)
 * The tag by which the TLB's second level is flushed has 32 bits: ASID, regime, and what fits of
 * the VMID; VMIDs that collide are flushed together.
 *
 * Runs on the CPU's thread. Test: tests/unit/test-arm-sys.c
 */
#include <inttypes.h>
#include "target/arm/internals.h"
#include "rhea/log.h"
#include "softmmu/memory.h"

#define KEY_REGIME_SHIFT 32
#define KEY_USER         ARM_BIT(35)
#define KEY_PAN          ARM_BIT(36)
#define KEY_ON           ARM_BIT(37)
#define KEY_EL1_CODE     ARM_BIT(38)
#define KEY_DACR_SHIFT   40
#define ASID_EL1_CODE    0x7ffff

/* ------------------------------------------------------------------------------------------ */
/* Regimes and contexts */

static ARMRegime regime_of(const ARMEnv *env, unsigned el)
{
    if (el == 3) {
        return ARM_REG_EL3;
    }
    if (el == 2) {
        return arm_hcr(env) & HCR_E2H ? ARM_REG_EL20 : ARM_REG_EL2;
    }
    if (el == 0 && arm_in_host_el0(env)) {
        return ARM_REG_EL20;
    }
    if (arm_secure_below_el3(env)) {
        return arm_cfg_has(env, ARM_FEAT_AARCH64) ? ARM_REG_EL10_S : ARM_REG_EL3;
    }
    return ARM_REG_EL10;
}

/* The exception level whose registers control the regime. */
static unsigned regime_el(ARMRegime r)
{
    return r == ARM_REG_EL3 ? 3 : r == ARM_REG_EL2 || r == ARM_REG_EL20 ? 2 : 1;
}

static bool regime_aa32(const ARMEnv *env, ARMRegime r)
{
    unsigned el = regime_el(r);

    return arm_el_is_aa32(env, el);
}

/* EL0 and a higher level share it. */
static bool regime_two_levels(const ARMEnv *env, ARMRegime r)
{
    return r == ARM_REG_EL10 || r == ARM_REG_EL10_S || r == ARM_REG_EL20 ||
           (r == ARM_REG_EL3 && !arm_cfg_has(env, ARM_FEAT_AARCH64));
}

static bool regime_secure(ARMRegime r)
{
    return r == ARM_REG_EL10_S || r == ARM_REG_EL3;
}

static bool regime_stage2(const ARMEnv *env, ARMRegime r)
{
    return r == ARM_REG_EL10 && (arm_hcr(env) & (HCR_VM | HCR_DC));
}

static bool regime_on(const ARMEnv *env, ARMRegime r)
{
    if (r == ARM_REG_EL10 &&
        ((arm_hcr(env) & HCR_DC) || (arm_hcr(env) & (HCR_TGE | HCR_E2H)) == HCR_TGE)) {
        return false;
    }
    return env->sys.sctlr[regime_el(r)] & SCTLR_M;
}

static bool regime_uses_lpae(const ARMEnv *env, ARMRegime r)
{
    return r == ARM_REG_EL2 ||
           (arm_cfg_has(env, ARM_FEAT_LPAE) && (env->sys.tcr[regime_el(r)] & TTBCR_EAE));
}

static uint32_t regime_asid(const ARMEnv *env, ARMRegime r)
{
    const ARMSys *s = &env->sys;
    unsigned el = regime_el(r);

    if (!regime_two_levels(env, r)) {
        return 0;
    }
    if (regime_aa32(env, r)) {
        if (!regime_uses_lpae(env, r)) {
            return s->contextidr[el] & 0xff;
        }
        return ARM_BITS(s->tcr[el] & TCR_A1 ? s->ttbr1[el] : s->ttbr0[el], 48, 8);
    }
    unsigned bits = arm_cfg_has(env, ARM_FEAT_ASID16) && (s->tcr[el] & TCR_AS) ? 16 : 8;
    return ARM_BITS(s->tcr[el] & TCR_A1 ? s->ttbr1[el] : s->ttbr0[el], 48, bits);
}

uint32_t arm_current_vmid(const ARMEnv *env)
{
    if (!arm_el2_enabled(env)) {
        return 0;
    }
    bool wide = arm_cfg_has(env, ARM_FEAT_VMID16) && (env->sys.vtcr & ARM_BIT(19));
    return ARM_BITS(env->sys.vttbr, 48, wide ? 16 : 8);
}

uint32_t arm_asid_tag(ARMRegime regime, uint32_t vmid, uint32_t asid)
{
    return (asid & 0xffff) | (uint32_t)regime << 16 | vmid << 19;
}

/* DACR, which AArch32 kernels write on each way in and out: with its short descriptors ASIDs have 8
 * bits, so there is room for it. */
static bool regime_domains(const ARMEnv *env, ARMRegime r)
{
    return regime_on(env, r) && regime_aa32(env, r) && !regime_uses_lpae(env, r);
}

static uint64_t domains_key(const ARMEnv *env, ARMRegime r, uint32_t mask)
{
    uint64_t dacr = env->sys.dacr[regime_el(r)] & mask;

    return regime_domains(env, r) ? (dacr & 0xff) << 8 | ARM_BITS(dacr, 8, 24) << KEY_DACR_SHIFT
                                  : 0;
}

static uint64_t context_key(const ARMEnv *env, ARMRegime r, bool user, bool pan, uint32_t *tag)
{
    uint32_t asid = regime_on(env, r) ? regime_asid(env, r) : 0;
    uint32_t vmid = r == ARM_REG_EL10 ? arm_current_vmid(env) : 0;
    uint64_t key = asid | (uint64_t)vmid << 16 | (uint64_t)r << KEY_REGIME_SHIFT;

    key |= regime_on(env, r) ? KEY_ON : 0;
    key |= domains_key(env, r, UINT32_MAX);
    if (regime_on(env, r) || regime_stage2(env, r)) {
        key |= (user ? KEY_USER : 0) | (pan ? KEY_PAN : 0);
    }
    *tag = arm_asid_tag(r, vmid, asid);
    return key;
}

/* LDTR and STTR access as EL0 would (C6.2, PSTATE.UAO). */
static bool unpriv_applies(const ARMEnv *env)
{
    const ARMSys *s = &env->sys;

    if (s->aarch32) {
        return s->el > 0 && s->el != 2;
    }
    return (s->el == 1 || (s->el == 2 && arm_in_host_el0(env))) && !(s->pstate & PSTATE_UAO);
}

static bool pan_applies(const ARMEnv *env)
{
    return env->sys.el > 0 && (env->sys.pstate & PSTATE_PAN);
}

static bool step_active(const ARMEnv *env)
{
    const ARMSys *s = &env->sys;

    return (s->mdscr & MDSCR_SS) && !arm_el_is_aa32(env, MAX(1, s->el)) && arm_debug_enabled(env);
}

/* FPEXC.EN is clear, and applies: not at EL0 below an AArch64 EL1. */
static bool fpexc_off(const ARMEnv *env)
{
    const ARMSys *s = &env->sys;
    return s->aarch32 && !(s->el == 0 && !arm_el_is_aa32(env, 1)) && !(s->fpexc >> 30 & 1);
}

/* Accesses of Device memory must be aligned; before the virtualization extensions what happens if
 * they are not is unpredictable (DDI 0406, A3.2.2), and they just work here. */
static bool device_is_aligned(const ARMEnv *env)
{
    return arm_cfg_has(env, ARM_FEAT_AARCH64) || arm_cfg_has(env, ARM_FEAT_LPAE);
}

/* With the MMU off all data is Device memory (D8.2.10, G5.2.3), Strongly-ordered in Armv7. */
static bool data_is_device(const ARMEnv *env, ARMRegime r)
{
    bool cached = r == ARM_REG_EL10 && (arm_hcr(env) & HCR_DC);

    return !regime_on(env, r) && !cached && device_is_aligned(env);
}

bool arm_data_is_device(const ARMEnv *env)
{
    return data_is_device(env, regime_of(env, env->sys.el));
}

uint64_t arm_sctlr(const ARMEnv *env)
{
    return env->sys.sctlr[regime_el(regime_of(env, env->sys.el))];
}

ARMRegime arm_regime(const ARMEnv *env, unsigned el)
{
    return regime_of(env, el);
}

bool arm_regime_uses_lpae(const ARMEnv *env, ARMRegime r)
{
    return regime_uses_lpae(env, r);
}

uint32_t arm_mode(const ARMEnv *env)
{
    const ARMSys *s = &env->sys;
    ARMRegime r = regime_of(env, s->el);
    unsigned rel = regime_el(r);
    uint64_t sctlr = s->sctlr[rel];
    uint32_t m = s->el;

    m |= arm_fp_trap_el(env) || fpexc_off(env) ? 0 : ARM_MODE_FP;
    m |= arm_fp_mode(env, s->aarch32);
    m |= unpriv_applies(env) ? ARM_MODE_UNPRIV : 0;
    m |= s->bp_on || (s->vc_on && s->aarch32) ? ARM_MODE_BREAK : 0;
    m |= step_active(env) ? ARM_MODE_SS : 0;
    m |= s->counting ? CPU_MODE_COUNT : 0;
    if (s->aarch32) {
        m |= ARM_MODE_AARCH32;
        m |= s->pstate & PSTATE_T ? ARM_MODE_T : 0;
        m |= s->pstate & PSTATE_E ? ARM_MODE_BE : 0;
        m |= sctlr & SCTLR_A || data_is_device(env, r) ? ARM_MODE_ALIGN : 0;
        if (s->el < 2 && (s->cptr[2] & CPTR_TASE) && arm_el2_enabled(env) &&
            arm_el_is_aa32(env, 2)) {
            m |= ARM_MODE_TASE;
        }
        m |= (sctlr & SCTLR_ITD) && arm_cfg_has(env, ARM_FEAT_V8) ? ARM_MODE_ITD : 0;
        m |= (env->it & 0xff) << ARM_MODE_IT_SHIFT;
        return m;
    }
    m |= s->pstate & PSTATE_SP ? ARM_MODE_SP : 0;
    m |= arm_hcr(env) & HCR_E2H ? ARM_MODE_E2H : 0;
    m |= s->pstate & PSTATE_IL ? ARM_MODE_IL : 0;
    m |= sctlr & SCTLR_A || data_is_device(env, r) ? ARM_MODE_ALIGN : 0;
    if (s->el == 0 ? sctlr & SCTLR_SA0 : sctlr & SCTLR_SA) {
        m |= ARM_MODE_SA;
    }
    if (s->el == 0 ? sctlr & SCTLR_E0E : sctlr & SCTLR_EE) {
        m |= ARM_MODE_BE;
    }
    m |= sctlr & SCTLR_NAA ? ARM_MODE_NAA : 0;
    if (r == ARM_REG_EL2 || r == ARM_REG_EL3) {
        m |= (s->tcr[rel] & (TCR2_TBI | TCR2_TBID)) == TCR2_TBI ? ARM_MODE_TBI0 : 0;
    } else {
        m |= (s->tcr[rel] & (TCR_TBI0 | TCR_TBID0)) == TCR_TBI0 ? ARM_MODE_TBI0 : 0;
        m |= (s->tcr[rel] & (TCR_TBI1 | TCR_TBID1)) == TCR_TBI1 ? ARM_MODE_TBI1 : 0;
    }
    if (arm_cfg_has(env, ARM_FEAT_BTI)) {
        m |= sctlr & (s->el == 0 ? SCTLR_BT0 : SCTLR_BT1) ? ARM_MODE_BTI : 0;
    }
    return m;
}

void arm_mmu_changed(ARMEnv *env)
{
    CPU *cpu = env->cpu.cpu;
    ARMRegime r = regime_of(env, env->sys.el);
    bool user = env->sys.el == 0;
    uint32_t tag;
    uint64_t key = context_key(env, r, user, pan_applies(env), &tag);

    tlb_select_data(cpu, ARM_TLB_DATA, key, tag);
    if (unpriv_applies(env)) {
        key = context_key(env, r, true, false, &tag);
        tlb_select_data(cpu, ARM_TLB_UNPRIV, key, tag);
    }
    if (r == ARM_REG_EL10 && !user && !env->sys.private_el1_code && (key & KEY_ON)) {
        /* All code that EL1 has run lies in global mappings: one fetch context serves all address
         * spaces, and jumps in the kernel stay linked across switches of TTBR. Of DACR only the
         * domains of this code matter: kernels close the user's domain on entry and open it for
         * each access to the user's memory. */
        key = (uint64_t)r << KEY_REGIME_SHIFT | KEY_ON | KEY_EL1_CODE |
              (uint64_t)arm_current_vmid(env) << 16 |
              domains_key(env, r, env->sys.el1_code_domains);
        tag = ASID_EL1_CODE;
    } else {
        key = context_key(env, r, user, false, &tag);
    }
    tlb_select_fetch(cpu, key, tag, arm_mode(env));
    if (G_UNLIKELY(env->sys.pmu_filtered) && env->sys.pmu_el != env->sys.el) {
        env->sys.pmu_el = env->sys.el;
        arm_pmu_update(env);
    }
    if (env->board.gic && arm_cfg_has(env, ARM_FEAT_EL3)) {
        arm_gic_state_changed(env);
    }
}

void arm_mode_changed(ARMEnv *env)
{
    arm_mmu_changed(env);
}

void arm_mmu_flush(ARMEnv *env)
{
    tlb_flush_all(env->cpu.cpu);
    arm_mmu_changed(env);
}

/* ------------------------------------------------------------------------------------------ */
/* Descriptors in memory */

typedef struct Params {
    uint64_t base;              /* of the first table */
    unsigned granule;           /* log2 of a page */
    unsigned bits;              /* of the input address */
    int level;                  /* of the first table */
    unsigned out_bits;          /* of output addresses */
    unsigned desc_bits;         /* of addresses in descriptors */
    bool ha, hd, hpd, be, wide; /* wide: 52-bit addresses in descriptors of 64 KiB granules */
    bool secure;                /* the first table is */
} Params;

static bool stage2(ARMEnv *env, uint64_t ipa, TlbAccess access, unsigned flags, bool ptw,
                   ARMWalk *w);

static bool desc_read(ARMEnv *env, uint64_t pa, unsigned size, bool be, bool debug, uint64_t *d,
                      MemSection *sec)
{
    AddressSpace *as = env->cpu.cpu->as;
    MemTxResult res = MEMTX_OK;

    switch (debug ? memory_lookup(as, pa, sec) : tlb_memory_lookup(env->cpu.cpu, pa, sec)) {
    case MEM_RAM:
    case MEM_ROM:
        *d = size == 8 ? GUINT64_FROM_LE(__atomic_load_n((uint64_t *)sec->host, __ATOMIC_RELAXED))
                       : GUINT32_FROM_LE(__atomic_load_n((uint32_t *)sec->host, __ATOMIC_RELAXED));
        break;
    case MEM_UNASSIGNED:
        return false;
    default:
        if (debug && sec->kind == MEM_MMIO) {
            return false;
        }
        *d = size == 8 ? memory_ld64_le(as, pa, &res) : memory_ld32_le(as, pa, &res);
    }
    if (be) {
        *d = size == 8 ? __builtin_bswap64(*d) : __builtin_bswap32(*d);
    }
    return res == MEMTX_OK;
}

static bool walk_fail(ARMWalk *w, ARMFault f, int level)
{
    w->fault = f;
    w->level = level;
    return false;
}

/* Stage 2 refused an access of the walk to ipa. */
static bool walk_fail_nested(ARMWalk *w, const ARMWalk *w2, uint64_t ipa)
{
    w->ipa = ipa;
    w->s2 = w->s1ptw = true;
    return walk_fail(w, w2->fault, w2->level);
}

bool arm_desc_read32(ARMEnv *env, uint64_t pa, bool nested, bool be, unsigned flags, uint32_t *d,
                     ARMWalk *w)
{
    MemSection sec;
    uint64_t v;

    if (nested) {
        ARMWalk w2 = {0};
        if (!stage2(env, pa, TLB_READ, flags, true, &w2)) {
            return walk_fail_nested(w, &w2, pa);
        }
        pa = w2.paddr;
    }
    if (!desc_read(env, arm_phys(env, pa, w->ns), 4, be, flags & ARM_WALK_DEBUG, &v, &sec)) {
        return walk_fail(w, ARM_FAULT_EXTERNAL_WALK, w->level);
    }
    *d = v;
    return true;
}

/* Change a descriptor if it still is what was read. False: it could not be; *again: it was not. */
static bool desc_update(MemSection *sec, bool be, uint64_t old, uint64_t n, bool *again)
{
    *again = false;
    if (sec->kind != MEM_RAM) {
        return false;
    }
    if (be) {
        old = __builtin_bswap64(old);
        n = __builtin_bswap64(n);
    }
    old = GUINT64_TO_LE(old);
    *again = !__atomic_compare_exchange_n((uint64_t *)sec->host, &old, GUINT64_TO_LE(n), false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    return true;
}

static unsigned contiguous_bits(unsigned granule, int level)
{
    return granule == 12 ? 4 : granule == 16 ? 5 : level == 3 ? 7 : 5;
}

/* What both stages share: from a first table to a leaf. */
typedef struct Leaf {
    uint64_t desc, table_attrs; /* NSTable, APTable etc. or'ed: bits 63:59 */
    uint64_t ipa;               /* of the descriptor */
    MemSection sec;
    int level;
    unsigned bits; /* log2 of the block's size */
    uint64_t addr; /* of the block */
} Leaf;

static unsigned block_level_min(const Params *p)
{
    return p->granule == 12 ? 1 : p->granule == 14 ? 2 : p->wide ? 1 : 2;
}

static bool tables(ARMEnv *env, const Params *p, uint64_t va, bool nested, unsigned flags,
                   ARMWalk *w, Leaf *l)
{
    unsigned stride = p->granule - 3;
    uint64_t base = p->base;
    unsigned top = p->bits; /* index of the next level: bits top-1..shift */

    l->table_attrs = 0;
    if (base >> p->out_bits) {
        return walk_fail(w, ARM_FAULT_ADDR_SIZE, 0);
    }
    for (int level = p->level;; level++) {
        unsigned shift = p->granule + stride * (3 - level);
        uint64_t ipa = base + (ARM_BITS(va, shift, top - shift) << 3), pa = ipa, d;

        if (nested) {
            ARMWalk w2 = {0};
            if (!stage2(env, ipa, TLB_READ, flags, true, &w2)) {
                return walk_fail_nested(w, &w2, ipa);
            }
            pa = w2.paddr;
        }
        /* Behind NSTable all is non-secure (D8.3.2). */
        pa = arm_phys(env, pa, !p->secure || (l->table_attrs & ARM_BIT(63)));
        if (!desc_read(env, pa, 8, p->be, flags & ARM_WALK_DEBUG, &d, &l->sec)) {
            return walk_fail(w, ARM_FAULT_EXTERNAL_WALK, level);
        }
        bool table = (d & 3) == 3 && level < 3;
        if (!(d & 1) || (level == 3 && !(d & 2)) ||
            (level < 3 && !table && level < (int)block_level_min(p))) {
            return walk_fail(w, ARM_FAULT_TRANSLATION, level);
        }
        uint64_t out = d & (((ARM_BIT(p->desc_bits) - 1) >> p->granule) << p->granule);
        if (p->wide) {
            out |= ARM_BITS(d, 12, 4) << 48;
        }
        if (out >> p->out_bits) {
            return walk_fail(w, ARM_FAULT_ADDR_SIZE, level);
        }
        if (table) {
            base = out;
            top = shift;
            l->table_attrs |= d & (UINT64_C(0x1f) << 59);
            continue;
        }
        l->desc = d;
        l->ipa = ipa;
        l->level = level;
        l->bits = shift;
        l->addr = out & ~(ARM_BIT(shift) - 1);
        w->level = level;
        return true;
    }
}

/* ------------------------------------------------------------------------------------------ */
/* Stage 2 (D8.5) */

static const uint8_t pa_size_bits[8] = {32, 36, 40, 42, 44, 48, 52, 52};

static unsigned pa_size(const ARMEnv *env, unsigned field, bool wide)
{
    unsigned n = MIN(pa_size_bits[field], env->cfg->pa_bits);

    return wide ? n : MIN(n, 48);
}

/* AArch32: bits 47:40 of a descriptor are no part of the address before Armv8 (DDI 0406, B3.6.1).
 */
static unsigned desc_bits32(const ARMEnv *env)
{
    return arm_cfg_has(env, ARM_FEAT_V8) ? 48 : 40;
}

static bool stage2_params(const ARMEnv *env, Params *p)
{
    uint64_t vtcr = env->sys.vtcr;
    bool aa32 = arm_el_is_aa32(env, 2);
    unsigned sl0 = ARM_BITS(vtcr, 6, 2), tg = ARM_BITS(vtcr, 14, 2);

    if (aa32) {
        int tsz = ARM_BITS(vtcr, 0, 4);
        tsz = tsz & 8 ? tsz - 16 : tsz;
        p->granule = 12;
        p->bits = 32 - tsz;
        p->out_bits = 40;
        p->desc_bits = desc_bits32(env);
        p->level = 2 - sl0;
        p->wide = p->ha = p->hd = false;
    } else {
        unsigned tsz = ARM_BITS(vtcr, 0, 6);
        p->desc_bits = 48;
        p->granule = tg == 1 ? 16 : tg == 2 ? 14 : 12;
        p->wide = p->granule == 16 && arm_cfg_has(env, ARM_FEAT_LPA);
        p->bits = 64 - tsz;
        p->out_bits = pa_size(env, ARM_BITS(vtcr, 16, 3), p->wide);
        p->ha = arm_cfg_has(env, ARM_FEAT_HAFDBS) && (vtcr & ARM_BIT(21));
        p->hd = p->ha && (vtcr & ARM_BIT(22));
        p->level = p->granule == 12 ? 2 - (int)sl0 : 3 - (int)sl0;
        if (sl0 == 3) {
            p->level = 3;
            if (!(p->granule == 12 && arm_cfg_has(env, ARM_FEAT_TTST))) {
                return false;
            }
        }
        if (tsz < 12 || tsz > 48 || p->bits > MAX(env->cfg->pa_bits, 40u)) {
            return false;
        }
    }
    p->be = env->sys.sctlr[2] & SCTLR_EE;
    p->hpd = true;
    p->secure = false;
    /* Up to 16 tables may be concatenated at the first level (D8.2.1.2). */
    unsigned shift = p->granule + (p->granule - 3) * (3 - p->level);
    if (p->bits <= shift || p->bits > shift + p->granule - 3 + 4) {
        return false;
    }
    unsigned table_bits = p->bits - shift + 3;
    p->base = ARM_BITS(env->sys.vttbr, 0, 48);
    if (p->wide) {
        p->base |= ARM_BITS(env->sys.vttbr, 2, 4) << 48;
    }
    p->base &= ~(ARM_BIT(table_bits) - 1);
    return true;
}

/* ptw: an access of the stage 1 walk. */
static bool stage2(ARMEnv *env, uint64_t ipa, TlbAccess access, unsigned flags, bool ptw,
                   ARMWalk *w)
{
    Params p;
    Leaf l;
    bool again = true;

    w->ipa = ipa;
    w->s2 = true;
    w->s1ptw = ptw;
    if (!(arm_hcr(env) & (HCR_VM | HCR_DC))) {
        w->paddr = ipa;
        w->prot = TLB_PROT_R | TLB_PROT_W | TLB_PROT_X;
        w->page_bits = 48;
        w->attr = 0xff;
        w->s2 = false;
        return true;
    }
    if (!stage2_params(env, &p) || ipa >> p.bits) {
        return walk_fail(w, ARM_FAULT_TRANSLATION, arm_el_is_aa32(env, 2) ? 1 : 0);
    }
    while (again) {
        again = false;
        if (!tables(env, &p, ipa, false, flags, w, &l)) {
            return false;
        }
        uint64_t d = l.desc, n = d;
        unsigned xn = ARM_BITS(d, 53, 2);
        bool dirty = p.hd && (d & ARM_BIT(51)); /* DBM */
        w->prot = (d & ARM_BIT(6) ? TLB_PROT_R : 0) | (d & ARM_BIT(7) ? TLB_PROT_W : 0);
        if (!arm_cfg_has(env, ARM_FEAT_XNX)) {
            xn &= 2;
        }
        if (xn == 0 || (xn == 1 && !(flags & ARM_WALK_PRIV)) ||
            (xn == 3 && (flags & ARM_WALK_PRIV))) {
            w->prot |= TLB_PROT_X;
        }
        w->page_bits = l.bits + (d & ARM_BIT(52) ? contiguous_bits(p.granule, l.level) : 0);
        w->paddr = l.addr | (ipa & (ARM_BIT(l.bits) - 1));
        /* MemAttr: 0b00xx is Device, else outer and inner: 1 NC, 2 WT, 3 WB. */
        static const uint8_t half[4] = {0, 0x4, 0xa, 0xf};
        w->device = !(d & (3 << 4));
        w->attr = w->device ? ARM_BITS(d, 2, 2) << 2
                            : half[ARM_BITS(d, 4, 2)] << 4 | half[ARM_BITS(d, 2, 2)];
        w->sh = ARM_BITS(d, 8, 2);
        if (ptw && w->device && (arm_hcr(env) & HCR_PTW)) {
            return walk_fail(w, ARM_FAULT_PERMISSION, l.level);
        }
        if (flags & ARM_WALK_DEBUG) {
            return true;
        }
        if (!(d & ARM_BIT(10))) {
            if (!p.ha) {
                return walk_fail(w, ARM_FAULT_ACCESS_FLAG, l.level);
            }
            n |= ARM_BIT(10);
        }
        if (dirty && access == TLB_WRITE) {
            n |= ARM_BIT(7);
            w->prot |= TLB_PROT_W;
        }
        static const uint8_t need[] = {
            [TLB_READ] = TLB_PROT_R, [TLB_WRITE] = TLB_PROT_W, [TLB_FETCH] = TLB_PROT_X};
        if (!(w->prot & need[access])) {
            return walk_fail(w, ARM_FAULT_PERMISSION, l.level);
        }
        if (n != d && !desc_update(&l.sec, p.be, d, n, &again)) {
            return walk_fail(w, ARM_FAULT_EXTERNAL_WALK, l.level);
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------------ */
/* Stage 1 */

/* False: nothing is translated by it; *fault_level then. */
static bool stage1_params64(const ARMEnv *env, ARMRegime r, uint64_t va, TlbAccess access,
                            Params *p)
{
    const ARMSys *s = &env->sys;
    unsigned el = regime_el(r), tsz, tg;
    uint64_t tcr = s->tcr[el], ttbr;
    bool high = va & ARM_BIT(55), tbi, epd = false;

    if (r == ARM_REG_EL2 || r == ARM_REG_EL3) {
        high = false;
        tsz = ARM_BITS(tcr, 0, 6);
        tg = ARM_BITS(tcr, 14, 2);
        p->granule = tg == 1 ? 16 : tg == 2 ? 14 : 12;
        p->wide = p->granule == 16 && arm_cfg_has(env, ARM_FEAT_LPA);
        p->out_bits = pa_size(env, ARM_BITS(tcr, 16, 3), p->wide);
        p->ha = tcr & TCR2_HA;
        p->hd = tcr & TCR2_HD;
        p->hpd = tcr & TCR2_HPD;
        tbi = (tcr & TCR2_TBI) && !(access == TLB_FETCH && (tcr & TCR2_TBID));
        ttbr = s->ttbr0[el];
    } else {
        tsz = ARM_BITS(tcr, high ? 16 : 0, 6);
        tg = ARM_BITS(tcr, high ? 30 : 14, 2);
        if (high) {
            p->granule = tg == 1 ? 14 : tg == 3 ? 16 : 12;
        } else {
            p->granule = tg == 1 ? 16 : tg == 2 ? 14 : 12;
        }
        p->wide = p->granule == 16 && arm_cfg_has(env, ARM_FEAT_LPA);
        p->out_bits = pa_size(env, ARM_BITS(tcr, 32, 3), p->wide);
        p->ha = tcr & TCR_HA;
        p->hd = tcr & TCR_HD;
        p->hpd = tcr & (high ? TCR_HPD1 : TCR_HPD0);
        tbi = (tcr & (high ? TCR_TBI1 : TCR_TBI0)) &&
              !(access == TLB_FETCH && (tcr & (high ? TCR_TBID1 : TCR_TBID0)));
        epd = tcr & (high ? TCR_EPD1 : TCR_EPD0);
        ttbr = high ? s->ttbr1[el] : s->ttbr0[el];
    }
    p->desc_bits = 48;
    p->ha &= arm_cfg_has(env, ARM_FEAT_HAFDBS);
    p->hd &= p->ha;
    p->hpd &= arm_cfg_has(env, ARM_FEAT_HPDS);
    p->be = s->sctlr[el] & SCTLR_EE;
    unsigned min = p->granule == 16 && arm_cfg_has(env, ARM_FEAT_LVA) ? 12 : 16;
    unsigned max = !arm_cfg_has(env, ARM_FEAT_TTST) ? 39 : p->granule == 16 ? 47 : 48;
    if (epd || tsz < min || tsz > max) {
        return false;
    }
    p->bits = 64 - tsz;
    /* Above the input address all bits are copies of bit 55, or of nothing: zero. */
    unsigned top = tbi ? 56 : 64;
    uint64_t above = ARM_BITS(va, p->bits, top - p->bits);
    if (above != (high ? ARM_BITS(UINT64_MAX, p->bits, top - p->bits) : 0)) {
        return false;
    }
    unsigned stride = p->granule - 3;
    p->level = 4 - (int)((p->bits - p->granule + stride - 1) / stride);
    unsigned shift = p->granule + stride * (3 - p->level);
    unsigned table_bits = MAX(p->bits - shift + 3, p->wide ? 6u : 4u);
    p->base = ARM_BITS(ttbr, 0, 48) & ~UINT64_C(1);
    if (p->wide) {
        p->base |= ARM_BITS(ttbr, 2, 4) << 48;
    }
    p->base &= ~(ARM_BIT(table_bits) - 1);
    return true;
}

/* CalculateBottomPACBit(): TxSZ out of range counts as the nearest that is allowed. */
unsigned arm_ptr_bits(const ARMEnv *env, bool high)
{
    ARMRegime r = regime_of(env, env->sys.el);
    uint64_t tcr = env->sys.tcr[regime_el(r)];
    bool upper = high && r != ARM_REG_EL2 && r != ARM_REG_EL3;
    unsigned tsz = ARM_BITS(tcr, upper ? 16 : 0, 6);
    bool large = upper ? ARM_BITS(tcr, 30, 2) == 3 : ARM_BITS(tcr, 14, 2) == 1; /* 64 KiB */
    unsigned min = large && arm_cfg_has(env, ARM_FEAT_LVA) ? 12 : 16;
    unsigned max = !arm_cfg_has(env, ARM_FEAT_TTST) ? 39 : large ? 47 : 48;

    return 64 - CLAMP(tsz, min, max);
}

ARMPtrLayout arm_ptr_layout(const ARMEnv *env, uint64_t ptr, bool data)
{
    ARMRegime r = regime_of(env, env->sys.el);
    uint64_t tcr = env->sys.tcr[regime_el(r)];
    bool high = ptr & ARM_BIT(55), low_tag, high_tag;

    if (r == ARM_REG_EL2 || r == ARM_REG_EL3) {
        low_tag = high_tag = (tcr & TCR2_TBI) && (data || !(tcr & TCR2_TBID));
    } else {
        low_tag = (tcr & TCR_TBI0) && (data || !(tcr & TCR_TBID0));
        high_tag = (tcr & TCR_TBI1) && (data || !(tcr & TCR_TBID1));
    }
    return (ARMPtrLayout){
        .tbi = high ? high_tag : low_tag,
        .by_bit55 = low_tag || high_tag,
        .bits = arm_ptr_bits(env, high),
    };
}

/* AArch32 with long descriptors (G5.5). */
static bool stage1_params32(const ARMEnv *env, ARMRegime r, uint64_t va, Params *p)
{
    const ARMSys *s = &env->sys;
    unsigned el = regime_el(r);
    uint64_t tcr = s->tcr[el], ttbr = s->ttbr0[el];
    unsigned t0 = ARM_BITS(tcr, 0, 3), t1 = el == 2 ? 0 : ARM_BITS(tcr, 16, 3), tsz = t0;
    bool epd = el != 2 && (tcr & TCR_EPD0);

    if (el != 2) {
        bool high;
        if (t0 == 0 && t1 == 0) {
            high = false;
        } else if (t1 == 0) {
            high = ARM_BITS(va, 32 - t0, t0) != 0;
        } else {
            high = ARM_BITS(va, 32 - t1, t1) == ARM_BITS(UINT64_MAX, 32 - t1, t1);
            if (!high && t0 && ARM_BITS(va, 32 - t0, t0)) {
                return false;
            }
        }
        if (high) {
            tsz = t1;
            ttbr = s->ttbr1[el];
            epd = tcr & TCR_EPD1;
        }
    } else if (t0 && ARM_BITS(va, 32 - t0, t0)) {
        return false;
    }
    if (epd) {
        return false;
    }
    p->granule = 12;
    p->bits = 32 - tsz;
    p->level = p->bits > 30 ? 1 : 2;
    p->out_bits = 40;
    p->desc_bits = desc_bits32(env);
    p->ha = p->hd = p->wide = false;
    p->hpd = arm_cfg_has(env, ARM_FEAT_HPDS) && (tcr & ARM_BIT(6)) /* T2E */ &&
             (tcr & ARM_BIT(ttbr == s->ttbr0[el] ? 41 : 42));
    p->be = s->sctlr[el] & SCTLR_EE;
    unsigned shift = 12 + 9 * (3 - p->level);
    unsigned table_bits = MAX(p->bits - shift + 3, 5u);
    p->base = ARM_BITS(ttbr, 0, 40) & ~(ARM_BIT(table_bits) - 1);
    return true;
}

/* Permissions of a leaf for accesses at this privilege (D8.4.1). */
static unsigned stage1_prot(const ARMEnv *env, ARMRegime r, bool aa32, const Leaf *l, bool hpd,
                            unsigned flags, unsigned ap)
{
    uint64_t sctlr = env->sys.sctlr[regime_el(r)];
    bool xn = l->desc & ARM_BIT(54), pxn = l->desc & ARM_BIT(53);
    bool ro = ap & 2, user = ap & 1, priv = flags & ARM_WALK_PRIV;
    unsigned prot;

    if (!hpd) {
        xn |= (l->table_attrs & ARM_BIT(60)) != 0;
        pxn |= (l->table_attrs & ARM_BIT(59)) != 0;
    }
    if (!regime_two_levels(env, r)) {
        prot = TLB_PROT_R | (ro ? 0 : TLB_PROT_W);
        if (!xn && !((sctlr & SCTLR_WXN) && !ro)) {
            prot |= TLB_PROT_X;
        }
        return prot;
    }
    bool uwrite = user && !ro;
    if (priv) {
        prot = TLB_PROT_R | (ro ? 0 : TLB_PROT_W);
        bool x = aa32 ? !xn && !pxn : !pxn;
        /* What EL0 can write is no code for EL1 in AArch64; in AArch32 UWXN says so (G5.6.2). */
        if (((sctlr & SCTLR_WXN) && !ro) || (uwrite && (!aa32 || (sctlr & SCTLR_UWXN)))) {
            x = false;
        }
        if (user && (flags & ARM_WALK_PAN)) {
            prot = 0;
        }
        return prot | (x ? TLB_PROT_X : 0);
    }
    prot = (user ? TLB_PROT_R : 0) | (uwrite ? TLB_PROT_W : 0);
    if (!xn && (!aa32 || user) && !((sctlr & SCTLR_WXN) && uwrite)) {
        prot |= TLB_PROT_X;
    }
    return prot;
}

static bool stage1_long(ARMEnv *env, ARMRegime r, bool aa32, uint64_t va, TlbAccess access,
                        unsigned flags, ARMWalk *w)
{
    static const uint8_t need[] = {
        [TLB_READ] = TLB_PROT_R, [TLB_WRITE] = TLB_PROT_W, [TLB_FETCH] = TLB_PROT_X};
    Params p;
    Leaf l;
    bool nested = r == ARM_REG_EL10 && regime_stage2(env, r), again = true;

    if (!(aa32 ? stage1_params32(env, r, va, &p) : stage1_params64(env, r, va, access, &p))) {
        return walk_fail(w, ARM_FAULT_TRANSLATION, aa32 ? 1 : 0);
    }
    p.secure = regime_secure(r);
    while (again) {
        again = false;
        if (!tables(env, &p, va, nested, flags, w, &l)) {
            return false;
        }
        uint64_t d = l.desc, n = d;
        unsigned ap = ARM_BITS(d, 6, 2);
        bool ns_table = l.table_attrs & ARM_BIT(63);
        w->ns = !p.secure || ns_table || (d & ARM_BIT(5));
        if (!p.hpd) {
            ap |= l.table_attrs & ARM_BIT(62) ? 2 : 0;
            ap &= l.table_attrs & ARM_BIT(61) ? ~1u : ~0u;
        }
        /* Writable but clean (D8.4.6): APTable may still forbid writes. */
        bool dbm = p.hd && (d & ARM_BIT(51)) && (d & ARM_BIT(7)) &&
                   (p.hpd || !(l.table_attrs & ARM_BIT(62)));
        w->prot =
            stage1_prot(env, r, aa32, &l, p.hpd, flags, dbm && access == TLB_WRITE ? ap & ~2u : ap);
        w->prot &= ~arm_secure_fetch_prot(env, w, p.secure);
        w->global =
            regime_two_levels(env, r) ? !(d & ARM_BIT(11)) && !(p.secure && ns_table) : true;
        w->page_bits = l.bits + (d & ARM_BIT(52) ? contiguous_bits(p.granule, l.level) : 0);
        w->paddr = l.addr | (va & (ARM_BIT(l.bits) - 1));
        w->attr = env->sys.mair[regime_el(r)] >> (8 * ARM_BITS(d, 2, 3));
        w->sh = ARM_BITS(d, 8, 2);
        w->device = !(w->attr & 0xf0);
        w->guarded = !aa32 && (d & ARM_BIT(50)) && arm_cfg_has(env, ARM_FEAT_BTI);
        if (flags & ARM_WALK_DEBUG) {
            return true;
        }
        if (!(d & ARM_BIT(10))) {
            if (!p.ha) {
                return walk_fail(w, ARM_FAULT_ACCESS_FLAG, l.level);
            }
            n |= ARM_BIT(10);
        }
        if (!(w->prot & need[access])) {
            return walk_fail(w, ARM_FAULT_PERMISSION, l.level);
        }
        if (dbm && access == TLB_WRITE) {
            n &= ~ARM_BIT(7);
        }
        if (n != d) {
            /* The update is a write by the walk, which stage 2 must allow (D8.5.2). */
            ARMWalk w2 = {0};
            if (nested && !stage2(env, l.ipa, TLB_WRITE, flags, true, &w2)) {
                return walk_fail_nested(w, &w2, l.ipa);
            }
            if (!desc_update(&l.sec, p.be, d, n, &again)) {
                return walk_fail(w, ARM_FAULT_EXTERNAL_WALK, l.level);
            }
        }
    }
    return true;
}

/* Cacheability of one half of the attributes: the weaker of both stages', with stage 1's hints. */
static unsigned combine_half(unsigned one, unsigned two)
{
    if (one == 4 || two == 4) {
        return 4;
    }
    /* WT: 0b00RW transient, 0b10RW; WB: 0b01RW, 0b11RW */
    return two & 4 ? one : one & ~4u;
}

/* Attributes of stage 2 (w2) into those of stage 1 (D8.6.5). */
static void combine(ARMWalk *w, const ARMWalk *w2)
{
    w->device2 = !w->device && w2->device;
    if (w->device && w2->device) {
        w->attr = MIN(w->attr, w2->attr);
    } else if (w2->device) {
        w->attr = w2->attr;
    } else if (!w->device) {
        w->attr = combine_half(w->attr >> 4, w2->attr >> 4) << 4 |
                  combine_half(w->attr & 15, w2->attr & 15);
    }
    w->device |= w2->device;
    w->sh = w->sh == 2 || w2->sh == 2 ? 2 : w->sh == 3 || w2->sh == 3 ? 3 : 0;
}

bool arm_walk(ARMEnv *env, ARMRegime r, uint64_t va, TlbAccess access, unsigned flags, ARMWalk *w)
{
    bool aa32 = regime_aa32(env, r);

    *w =
        (ARMWalk){.prot = 7, .page_bits = 12, .paddr = va, .global = true, .ns = !regime_secure(r)};
    if (!regime_on(env, r)) {
        if (aa32) {
            w->paddr = (uint32_t)va;
        } else {
            const uint64_t tcr = env->sys.tcr[regime_el(r)];
            bool two = r != ARM_REG_EL2 && r != ARM_REG_EL3;
            bool tbi = two ? tcr & (va & ARM_BIT(55) ? TCR_TBI1 : TCR_TBI0) : tcr & TCR2_TBI;
            w->paddr = tbi ? va & (ARM_BIT(56) - 1) : va;
            if (w->paddr >> env->cfg->pa_bits) {
                return walk_fail(w, ARM_FAULT_ADDR_SIZE, 0);
            }
        }
        bool cached = r == ARM_REG_EL10 && (arm_hcr(env) & HCR_DC);
        w->attr = cached ? 0xff : 0;
        w->device = !cached;
        w->sh = cached ? 0 : 2;
    } else if (aa32 && !regime_uses_lpae(env, r)) {
        if (!arm_walk_short(env, regime_el(r), regime_stage2(env, r), va, access, flags, w)) {
            return false;
        }
    } else if (!stage1_long(env, r, aa32, va, access, flags, w)) {
        return false;
    }
    if (regime_stage2(env, r) && !(flags & ARM_WALK_STAGE1)) {
        ARMWalk w2 = {0};
        if (!stage2(env, w->paddr, access, flags, false, &w2)) {
            w->fault = w2.fault;
            w->level = w2.level;
            w->s2 = true;
            w->ipa = w2.ipa;
            w->prot = w2.prot;
            w->device2 = !w->device && w2.device;
            return false;
        }
        w->paddr = w2.paddr;
        w->prot &= w2.prot;
        w->page_bits = MIN(w->page_bits, w2.page_bits);
        w->ipa = w2.ipa;
        combine(w, &w2);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------ */
/* Faults */

unsigned arm_fsc(const ARMWalk *w)
{
    unsigned level = MAX(w->level, 0) & 3;

    switch (w->fault) {
    case ARM_FAULT_ADDR_SIZE:
        return 0x00 | level;
    case ARM_FAULT_TRANSLATION:
        return 0x04 | level;
    case ARM_FAULT_ACCESS_FLAG:
        return 0x08 | level;
    case ARM_FAULT_PERMISSION:
    case ARM_FAULT_DOMAIN:
        return 0x0c | level;
    case ARM_FAULT_EXTERNAL_WALK:
        return 0x14 | level;
    case ARM_FAULT_ALIGNMENT:
        return 0x21;
    case ARM_FAULT_DEBUG:
        return 0x22;
    default:
        return 0x10;
    }
}

unsigned arm_fsr_short(const ARMWalk *w)
{
    unsigned second = w->level >= 2 ? 2 : 0;

    switch (w->fault) {
    case ARM_FAULT_TRANSLATION:
        return 0x05 | second;
    case ARM_FAULT_ACCESS_FLAG:
        return second ? 0x06 : 0x03;
    case ARM_FAULT_DOMAIN:
        return 0x09 | second;
    case ARM_FAULT_PERMISSION:
        return 0x0d | second;
    case ARM_FAULT_EXTERNAL_WALK:
        return 0x0c | second;
    case ARM_FAULT_ALIGNMENT:
        return 0x01;
    case ARM_FAULT_DEBUG:
        return 0x02;
    default:
        return 0x08;
    }
}

void arm_raise_abort(ARMEnv *env, uint64_t va, TlbAccess access, const ARMWalk *w, unsigned iss,
                     uintptr_t ra)
{
    ARMSys *s = &env->sys;
    bool fetch = access == TLB_FETCH;
    bool external = w->fault == ARM_FAULT_EXTERNAL || w->fault == ARM_FAULT_EXTERNAL_WALK;
    bool debug =
        w->fault == ARM_FAULT_DEBUG && s->el < 2 && arm_el2_enabled(env) && (s->mdcr2 & MDCR2_TDE);
    unsigned el = w->s2 || debug ? 2 : 0;
    unsigned target;

    if (external) {
        if (arm_cfg_has(env, ARM_FEAT_EL3) && (s->scr & SCR_EA)) {
            el = 3;
        } else if (s->el < 2 && (arm_hcr(env) & HCR_TEA)) {
            el = 2;
        }
    }
    target = el ? el : arm_default_target_el(env);
    if (s->cache_op) {
        s->cache_op = 0;
        access = TLB_WRITE;
        iss |= fetch ? 0 : 1 << 8; /* CM */
    }
    iss |= arm_fsc(w);
    iss |= w->s1ptw ? 1 << 7 : 0;
    iss |= access == TLB_WRITE ? 1 << 6 : 0;
    s->exc.syndrome = ARM_SYN(fetch ? EC_IABT_LOWER : EC_DABT_LOWER, iss);
    s->exc.target_el = el;
    s->exc.far_valid = true;
    s->exc.far = va;
    s->exc.next = false;
    s->exc.read_too = w->fault != ARM_FAULT_PERMISSION || !(w->prot & TLB_PROT_R);
    s->exc.hpfar_valid = w->s2;
    s->exc.hpfar = ARM_BITS(w->ipa, 12, 40) << 4;
    if (arm_el_is_aa32(env, target)) {
        ARMRegime r = regime_of(env, s->el);
        bool lpae = target == 2 || regime_uses_lpae(env, r);
        s->exc.fsr =
            lpae ? ARM_BIT(9) | arm_fsc(w) : arm_fsr_short(w) | (!fetch ? w->domain << 4 : 0);
        s->exc.fsr |= access == TLB_WRITE ? ARM_BIT(11) : 0;
        s->exc.fsr |= !fetch && (iss & 1 << 8) ? ARM_BIT(13) : 0; /* CM */
    }
    cpu_raise_restore(env->cpu.cpu, fetch ? ARM_EXCP_PABT : ARM_EXCP_DABT, ra);
}

/* ------------------------------------------------------------------------------------------ */
/* Hooks of the engine */

/* The address of an instruction from a PC. A PC alignment fault comes before all others of a fetch
 * (D1.3.5.4); with FEAT_BTI whatever sets the PC has looked at that. */
static uint64_t fetch_address(ARMEnv *env, uint64_t pc, bool probe)
{
    if (!env->sys.aarch32 && (pc & 3)) {
        if (!arm_cfg_has(env, ARM_FEAT_BTI) && !probe) {
            arm_raise_pc_align(env, pc, 0);
        }
        arm_pc_btype(env, &pc);
    }
    return pc;
}

bool arm_tlb_fill(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                  bool probe, uintptr_t ra)
{
    ARMEnv *env = arm_env(cpu);
    ARMRegime r = regime_of(env, env->sys.el);
    bool user = env->sys.el == 0 || (idx == ARM_TLB_UNPRIV && access != TLB_FETCH);
    unsigned flags = user ? 0 : ARM_WALK_PRIV;
    uint32_t tag;
    ARMWalk w;

    if (access == TLB_FETCH) {
        vaddr = fetch_address(env, vaddr, probe);
    }
    if (access != TLB_FETCH && !user && pan_applies(env)) {
        flags |= ARM_WALK_PAN;
    }
    bool ok = arm_walk(env, r, vaddr, access, flags, &w);
    if (rhea_log_on(LOG_MMU)) {
        rhea_log("arm mmu: cpu %u %s 0x%" PRIx64 " EL%u%s: %s 0x%x pa 0x%" PRIx64
                 " prot %x page 2^%u%s\n",
                 cpu->index,
                 access == TLB_READ    ? "load"
                 : access == TLB_WRITE ? "store"
                                       : "fetch",
                 vaddr, env->sys.el, user ? " user" : "", ok ? "ok" : "fault", ok ? 0 : arm_fsc(&w),
                 w.paddr, w.prot, w.page_bits, w.global ? " global" : "");
    }
    if (!ok) {
        if (probe) {
            return false;
        }
        arm_raise_abort(env, vaddr, access, &w, 0, ra);
    }
    context_key(env, r, user, false, &tag);
    if (access == TLB_FETCH && r == ARM_REG_EL10 && !user && !env->sys.private_el1_code &&
        regime_on(env, r)) {
        if (!w.global) {
            env->sys.private_el1_code = true;
            arm_mmu_changed(env);
        } else {
            tag = ASID_EL1_CODE;
            uint32_t domain = 3u << 2 * w.domain;
            if (regime_domains(env, r) && !(env->sys.el1_code_domains & domain)) {
                env->sys.el1_code_domains |= domain;
                arm_mmu_changed(env);
            }
        }
    }
    /* A fetch from a watched page sets an entry for its data, too. */
    bool watch = G_UNLIKELY(env->sys.wp_on) && arm_watch_page(env, vaddr);
    if (watch && access != TLB_FETCH && !probe) {
        unsigned room = TLB_PAGE_SIZE - (vaddr & ~TLB_PAGE_MASK);
        arm_watch_check(env, vaddr, MIN(size & ~TLB_REST, room), access, user ? 0 : env->sys.el,
                        ra);
    }
    if (w.global && !(vaddr & ARM_BIT(55))) {
        env->sys.low_global = true;
    }
    TlbFill fill = {
        .vaddr = vaddr,
        .paddr = arm_phys(env, w.paddr, w.ns),
        .asid = tag,
        .page_bits = MAX(w.page_bits, 12),
        .prot = w.prot,
        .global = w.global && (regime_on(env, r) || regime_stage2(env, r)),
        .sub = w.page_bits < 12 || watch,
        .guarded = w.guarded,
        /* With the MMU off it is the translated code that checks (ARM_MODE_ALIGN). */
        .device = w.device && device_is_aligned(env) && !data_is_device(env, r),
    };
    tlb_set(cpu, idx, access, &fill);
    return true;
}

void arm_bus_error(CPU *cpu, uint64_t vaddr, uint64_t paddr, TlbAccess access, uintptr_t ra)
{
    ARMEnv *env = arm_env(cpu);
    ARMWalk w = {.fault = ARM_FAULT_EXTERNAL};

    if (access == TLB_FETCH) {
        vaddr = fetch_address(env, vaddr, false);
    }
    rhea_log_mask(LOG_GUEST_ERROR, "CPU %u: %s at physical 0x%" PRIx64 " failed\n", cpu->index,
                  access == TLB_READ    ? "load"
                  : access == TLB_WRITE ? "store"
                                        : "instruction fetch",
                  paddr);
    arm_raise_abort(env, vaddr, access, &w, 0, ra);
}

void arm_unaligned(CPU *cpu, uint64_t vaddr, TlbAccess access, uintptr_t ra)
{
    ARMWalk w = {.fault = ARM_FAULT_ALIGNMENT};

    arm_raise_abort(arm_env(cpu), vaddr, access, &w, 0, ra);
}

/*
 * The memory type is looked at when the walk is done and before permissions and domains are, in
 * either stage (AArch64.S1Translate(), AArch64.S2Translate(), AArch32.S1TranslateSD() and the
 * like). What the walk itself finds wrong is left to the access.
 */
void arm_device_unaligned(CPU *cpu, uint64_t vaddr, TlbAccess access, unsigned idx, uintptr_t ra)
{
    ARMEnv *env = arm_env(cpu);
    ARMRegime r = regime_of(env, env->sys.el);
    bool user = env->sys.el == 0 || idx == ARM_TLB_UNPRIV;
    ARMWalk w, abort = {.fault = ARM_FAULT_ALIGNMENT};

    if (!device_is_aligned(env) || data_is_device(env, r)) {
        return;
    }
    bool ok = arm_walk(env, r, vaddr, access, user ? 0 : ARM_WALK_PRIV, &w);
    bool denied = !ok && (w.fault == ARM_FAULT_PERMISSION || w.fault == ARM_FAULT_DOMAIN);
    bool walked1 = ok || (denied && !w.s2) || (w.s2 && !w.s1ptw);
    bool walked2 = ok || (denied && w.s2 && !w.s1ptw);
    if (w.device2 && walked2) {
        abort.s2 = true;
        abort.ipa = w.ipa;
        arm_raise_abort(env, vaddr, access, &abort, 0, ra);
    }
    if (w.device && !w.device2 && walked1) {
        arm_raise_abort(env, vaddr, access, &abort, 0, ra);
    }
}

bool arm_debug_translate(CPU *cpu, uint64_t vaddr, uint64_t *paddr)
{
    ARMEnv *env = arm_env(cpu);
    ARMWalk w;

    if (!arm_walk(env, regime_of(env, env->sys.el), vaddr, TLB_READ,
                  ARM_WALK_DEBUG | (env->sys.el ? ARM_WALK_PRIV : 0), &w)) {
        return false;
    }
    *paddr = arm_phys(env, w.paddr, w.ns);
    return true;
}

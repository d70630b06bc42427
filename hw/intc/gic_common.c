/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What GICv2 and GICv3 share: see gic_internal.h.
 *
 * Specification: Arm IHI 0048B 4.3 and 5, IHI 0069 4.8, 6, 12.4 and 12.9.
 * Test: tests/unit/test-arm-gic.c
 */
#include "hw/intc/gic_internal.h"

/* ---- one word of interrupts ---- */

uint32_t gic_word_read(const GicWord *w, unsigned base)
{
    switch (base) {
    case GIC_IGROUPR:
        return *w->group;
    case GIC_IGRPMODR:
        return *w->grpmod;
    case GIC_ISENABLER:
    case GIC_ICENABLER:
        return *w->enable;
    case GIC_ISPENDR:
    case GIC_ICPENDR:
        return gic_word_pending(w);
    default:
        return *w->active;
    }
}

void gic_word_write(const GicWord *w, unsigned base, uint32_t bits, uint32_t may)
{
    bits &= may;
    switch (base) {
    case GIC_IGROUPR:
        *w->group = (*w->group & ~may) | bits;
        break;
    case GIC_IGRPMODR:
        *w->grpmod = (*w->grpmod & ~may) | bits;
        break;
    case GIC_ISENABLER:
        *w->enable |= bits;
        break;
    case GIC_ICENABLER:
        *w->enable &= ~bits;
        break;
    case GIC_ISPENDR:
        *w->latch |= bits;
        break;
    case GIC_ICPENDR:
        *w->latch &= ~bits;
        break;
    case GIC_ISACTIVER:
        *w->active |= bits;
        break;
    default:
        *w->active &= ~bits;
    }
}

uint32_t gic_word_read_config(const GicWord *w, unsigned first)
{
    uint32_t val = 0;

    for (unsigned i = 0; i < 16; i++) {
        val |= (*w->edge >> (first + i) & 1) << (2 * i + 1);
    }
    return val;
}

void gic_word_write_config(const GicWord *w, unsigned first, uint32_t val, uint32_t may)
{
    for (unsigned i = 0; i < 16; i++) {
        uint32_t bit = 1u << (first + i);

        if (may & bit) {
            *w->edge = val >> (2 * i + 1) & 1 ? *w->edge | bit : *w->edge & ~bit;
        }
    }
}

void gic_word_best(const GicWord *w, unsigned first_intid, uint32_t among, unsigned groups,
                   GicBest *best)
{
    for (uint32_t bits = gic_word_ready(w) & among; bits; bits &= bits - 1) {
        unsigned bit = __builtin_ctz(bits);
        GicGroup group;

        if (w->prio[bit] < best->prio && (groups >> (group = gic_word_group(w, bit)) & 1)) {
            *best = (GicBest){first_intid + bit, w->prio[bit], group};
        }
    }
}

/* ---- virtual CPU interface ---- */

static bool vif_split_eoi(const GicVif *v)
{
    return v->vmcr & ICH_VMCR_VEOIM;
}

static bool lr_is_pending(uint64_t lr)
{
    return (lr >> ICH_LR_STATE_SHIFT) == 1;
}

static uint8_t lr_prio(uint64_t lr)
{
    return lr >> ICH_LR_PRIO_SHIFT;
}

static uint32_t lr_intid(uint64_t lr)
{
    return lr;
}

#define VBPR0_MIN (7 - GIC_VIF_PRIO_BITS)
#define VBPR1_MIN (VBPR0_MIN + 1)
#define VMCR_MASK 0xfffc021fu

unsigned gic_vif_bpr(const GicVif *v, GicGroup group)
{
    unsigned bpr0 = v->vmcr >> ICH_VMCR_VBPR0_SHIFT & 7;

    if (group == GIC_G0) {
        return bpr0;
    }
    return v->vmcr & ICH_VMCR_VCBPR ? MIN(bpr0 + 1, 7) : v->vmcr >> ICH_VMCR_VBPR1_SHIFT & 7;
}

void gic_vif_set_bpr(GicVif *v, GicGroup group, unsigned bpr)
{
    unsigned shift = group == GIC_G0 ? ICH_VMCR_VBPR0_SHIFT : ICH_VMCR_VBPR1_SHIFT;

    bpr = MAX(bpr & 7, group == GIC_G0 ? VBPR0_MIN : VBPR1_MIN);
    v->vmcr = (v->vmcr & ~(7u << shift)) | bpr << shift;
}

/* The bits of a priority that count for preemption. Binary point n of group 1 is n - 1 of group 0.
 */
static uint8_t vif_group_mask(const GicVif *v, GicGroup group)
{
    unsigned bpr = gic_vif_bpr(v, GIC_G0);

    if (group != GIC_G0 && !(v->vmcr & ICH_VMCR_VCBPR)) {
        bpr = gic_vif_bpr(v, group) - 1;
    }
    return 0xff << (bpr + 1);
}

void gic_vif_write_hcr(GicVif *v, uint32_t val)
{
    v->hcr = val & 0xf8007cff;
}

void gic_vif_write_vmcr(GicVif *v, uint32_t val)
{
    v->vmcr = val & VMCR_MASK & ~(7u << ICH_VMCR_VPMR_SHIFT);
    gic_vif_set_bpr(v, GIC_G0, val >> ICH_VMCR_VBPR0_SHIFT);
    gic_vif_set_bpr(v, GIC_G1NS, val >> ICH_VMCR_VBPR1_SHIFT);
}

bool gic_vif_check(const GicVif *v)
{
    GicVif copy = *v;

    gic_vif_write_hcr(&copy, v->hcr);
    gic_vif_write_vmcr(&copy, v->vmcr);
    return copy.hcr == v->hcr && copy.vmcr == v->vmcr;
}

unsigned gic_vif_running(const GicVif *v)
{
    uint32_t apr = v->apr[0] | v->apr[1];

    return gic_apr_highest(&apr, GIC_VIF_PRIO_BITS);
}

uint32_t gic_vif_eisr(const GicVif *v)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < GIC_VIF_LRS; i++) {
        uint64_t lr = v->lr[i];

        bits |= (uint32_t)(!(lr >> ICH_LR_STATE_SHIFT) && !(lr & ICH_LR_HW) && (lr & ICH_LR_EOI))
                << i;
    }
    return bits;
}

uint32_t gic_vif_elrsr(const GicVif *v)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < GIC_VIF_LRS; i++) {
        uint64_t lr = v->lr[i];

        bits |= (uint32_t)(!(lr >> ICH_LR_STATE_SHIFT) && ((lr & ICH_LR_HW) || !(lr & ICH_LR_EOI)))
                << i;
    }
    return bits;
}

uint32_t gic_vif_misr(const GicVif *v)
{
    unsigned valid = 0, pending = 0;
    bool eng0 = v->vmcr & ICH_VMCR_VENG0, eng1 = v->vmcr & ICH_VMCR_VENG1;

    for (unsigned i = 0; i < GIC_VIF_LRS; i++) {
        valid += v->lr[i] >> ICH_LR_STATE_SHIFT != 0;
        pending += lr_is_pending(v->lr[i]);
    }
    return (gic_vif_eisr(v) ? 1 << 0 : 0) | ((v->hcr & ICH_HCR_UIE) && valid <= 1 ? 1 << 1 : 0) |
           ((v->hcr & ICH_HCR_LRENPIE) && v->hcr >> ICH_HCR_EOICOUNT_SHIFT ? 1 << 2 : 0) |
           ((v->hcr & ICH_HCR_NPIE) && !pending ? 1 << 3 : 0) |
           ((v->hcr & ICH_HCR_VGRP0EIE) && eng0 ? 1 << 4 : 0) |
           ((v->hcr & ICH_HCR_VGRP0DIE) && !eng0 ? 1 << 5 : 0) |
           ((v->hcr & ICH_HCR_VGRP1EIE) && eng1 ? 1 << 6 : 0) |
           ((v->hcr & ICH_HCR_VGRP1DIE) && !eng1 ? 1 << 7 : 0);
}

bool gic_vif_maintenance(const GicVif *v)
{
    return (v->hcr & ICH_HCR_EN) && gic_vif_misr(v);
}

int gic_vif_best(const GicVif *v)
{
    unsigned prio = GIC_IDLE + 1;
    int best = -1;

    if (!(v->hcr & ICH_HCR_EN)) {
        return -1;
    }
    for (unsigned i = 0; i < GIC_VIF_LRS; i++) {
        uint64_t lr = v->lr[i];

        if (lr_is_pending(lr) && lr_prio(lr) < prio &&
            (v->vmcr & (lr & ICH_LR_GROUP ? ICH_VMCR_VENG1 : ICH_VMCR_VENG0))) {
            prio = lr_prio(lr);
            best = i;
        }
    }
    return best;
}

bool gic_vif_can_take(const GicVif *v, int lr)
{
    uint8_t prio = lr_prio(v->lr[lr]);
    unsigned running = gic_vif_running(v);

    return prio < v->vmcr >> ICH_VMCR_VPMR_SHIFT &&
           (running == GIC_IDLE ||
            (prio & vif_group_mask(v, gic_vif_lr_group(v->lr[lr]))) < running);
}

unsigned gic_vif_lines(const GicVif *v)
{
    int best = gic_vif_best(v);

    if (best < 0 || !gic_vif_can_take(v, best)) {
        return 0;
    }
    /* GICv3's group 0 is always FIQs. */
    bool fiq = !v->one_apr || (v->vmcr & ICH_VMCR_VFIQEN);
    return !(v->lr[best] & ICH_LR_GROUP) && fiq ? 2 : 1;
}

uint32_t gic_vif_take(GicVif *v, int i)
{
    uint64_t lr = v->lr[i];
    GicGroup group = gic_vif_lr_group(lr);

    gic_apr_set(&v->apr[v->one_apr ? GIC_G0 : group], GIC_VIF_PRIO_BITS,
                lr_prio(lr) & vif_group_mask(v, group));
    v->lr[i] &= ~ICH_LR_PENDING;
    if (lr_intid(lr) < GIC_LPI_BASE) {
        v->lr[i] |= ICH_LR_ACTIVE; /* an LPI is never active */
    }
    return lr_intid(lr);
}

static int vif_find_active(const GicVif *v, uint32_t intid)
{
    for (unsigned i = 0; i < GIC_VIF_LRS; i++) {
        if ((v->lr[i] & ICH_LR_ACTIVE) && lr_intid(v->lr[i]) == intid) {
            return i;
        }
    }
    return -1;
}

static void vif_count_eoi(GicVif *v)
{
    v->hcr += 1u << ICH_HCR_EOICOUNT_SHIFT; /* five bits, they wrap */
}

static GicVifDone vif_lr_done(GicVif *v, int i)
{
    v->lr[i] &= ~ICH_LR_ACTIVE;
    if (v->lr[i] & ICH_LR_HW) {
        return v->lr[i] >> ICH_LR_PINTID_SHIFT & 0x1fff;
    }
    return -1;
}

/* ICV_EOIR<n>_EL1; GICV_EOIR. */
GicVifDone gic_vif_eoi(GicVif *v, uint32_t intid, GicGroup group)
{
    unsigned running = gic_vif_running(v);
    unsigned p0 = gic_apr_highest(&v->apr[0], GIC_VIF_PRIO_BITS);
    GicGroup top = running == p0 ? GIC_G0 : GIC_G1NS; /* of GICv2's one register: no group */
    bool is_lpi = intid >= GIC_LPI_BASE;

    if (running == GIC_IDLE) {
        if (!is_lpi) {
            return -1;
        }
    } else if (v->one_apr || top == group) {
        gic_apr_drop(&v->apr[top], GIC_VIF_PRIO_BITS);
    } else {
        return -1;
    }
    if (vif_split_eoi(v) || is_lpi) {
        return -1;
    }
    int i = vif_find_active(v, intid);
    if (i < 0) {
        vif_count_eoi(v);
        return -1;
    }
    if (!v->one_apr && gic_vif_lr_group(v->lr[i]) != group) {
        return -1;
    }
    return vif_lr_done(v, i);
}

GicVifDone gic_vif_deactivate(GicVif *v, uint32_t intid)
{
    if (!vif_split_eoi(v) || intid >= GIC_LPI_BASE) {
        return -1;
    }
    int i = vif_find_active(v, intid);
    if (i < 0) {
        vif_count_eoi(v);
        return -1;
    }
    return vif_lr_done(v, i);
}

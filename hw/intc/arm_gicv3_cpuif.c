/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * GICv3 CPU interface: the ICC_*, ICV_* and ICH_* system registers of one CPU.
 *
 * Specification: Arm IHI 0069, chapters 4.6 to 4.8 (groups, priorities, routing), 6 (virtual
 * interface), 12.2 to 12.4 (registers). System register access is always on (ICC_SRE_ELx is fixed),
 * five priority bits, one word of active priorities a group.
 *
 * Called on the CPU's thread; takes the CPU's lock, and the device's before it for SPIs
 * (arm_gicv3.c). Which group and which state's copy of a register an access means follows from its
 * context. Test: tests/unit/test-arm-gicv3.c
 */
#include "hw/intc/gicv3_internal.h"
#include "rhea/log.h"

#include <inttypes.h>

#define ICC(crn, crm, op2) ARM_SYSREG(3, 0, crn, crm, op2)
#define ICH(crm, op2)      ARM_SYSREG(3, 4, 12, crm, op2)
#define ICE(crm, op2)      ARM_SYSREG(3, 6, 12, crm, op2)

enum {
    ICC_PMR = ICC(4, 6, 0),
    ICC_IAR0 = ICC(12, 8, 0),
    ICC_EOIR0 = ICC(12, 8, 1),
    ICC_HPPIR0 = ICC(12, 8, 2),
    ICC_BPR0 = ICC(12, 8, 3),
    ICC_AP0R0 = ICC(12, 8, 4),
    ICC_AP1R0 = ICC(12, 9, 0),
    ICC_DIR = ICC(12, 11, 1),
    ICC_RPR = ICC(12, 11, 3),
    ICC_SGI1R = ICC(12, 11, 5),
    ICC_ASGI1R = ICC(12, 11, 6),
    ICC_SGI0R = ICC(12, 11, 7),
    ICC_IAR1 = ICC(12, 12, 0),
    ICC_EOIR1 = ICC(12, 12, 1),
    ICC_HPPIR1 = ICC(12, 12, 2),
    ICC_BPR1 = ICC(12, 12, 3),
    ICC_CTLR = ICC(12, 12, 4),
    ICC_SRE = ICC(12, 12, 5),
    ICC_IGRPEN0 = ICC(12, 12, 6),
    ICC_IGRPEN1 = ICC(12, 12, 7),

    ICH_AP0R0 = ICH(8, 0),
    ICH_AP1R0 = ICH(9, 0),
    ICC_SRE_EL2 = ICH(9, 5),
    ICH_HCR = ICH(11, 0),
    ICH_VTR = ICH(11, 1),
    ICH_MISR = ICH(11, 2),
    ICH_EISR = ICH(11, 3),
    ICH_ELRSR = ICH(11, 5),
    ICH_VMCR = ICH(11, 7),
    ICH_LR0 = ICH(12, 0),

    ICC_CTLR_EL3 = ICE(12, 4),
    ICC_SRE_EL3 = ICE(12, 5),
    ICC_IGRPEN1_EL3 = ICE(12, 7),

    /* Fixed fields of ICC_CTLR: A3V, 16 bits of INTID, priority bits. */
    CTLR_FIXED = 1 << 15 | (GICV3_PRIO_BITS - 1) << 8,
    VCTLR_FIXED = 1 << 15 | (GIC_VIF_PRIO_BITS - 1) << 8,

    INTID_SECURE = 1020,
    INTID_NONSECURE = 1021,
};

/* ---- which registers, which state ---- */

/* 1: of group 0, 2: of group 1, 0: of both. */
static unsigned reg_groups(uint32_t enc)
{
    switch (enc) {
    case ICC_IAR0:
    case ICC_EOIR0:
    case ICC_HPPIR0:
    case ICC_BPR0:
    case ICC_AP0R0 ... ICC_AP0R0 + 3:
    case ICC_IGRPEN0:
        return 1;
    case ICC_IAR1:
    case ICC_EOIR1:
    case ICC_HPPIR1:
    case ICC_BPR1:
    case ICC_AP1R0 ... ICC_AP1R0 + 3:
    case ICC_IGRPEN1:
        return 2;
    default:
        return 0;
    }
}

static bool reg_is_sgi(uint32_t enc)
{
    return enc == ICC_SGI0R || enc == ICC_SGI1R || enc == ICC_ASGI1R;
}

/* The access reaches the virtual interface. */
static bool is_virtual(uint32_t enc, const ARMGicContext *ctx)
{
    switch (reg_groups(enc)) {
    case 1:
        return ctx->virt_fiq;
    case 2:
        return ctx->virt_irq;
    default:
        return (ctx->virt_fiq || ctx->virt_irq) && enc != ICC_SRE;
    }
}

static bool sees_secure(const Gicv3Cpu *c, const ARMGicContext *ctx)
{
    return ctx->secure && !gicv3_single_state(c->gic);
}

/* Group 1 of the state. */
static GicGroup group1(const Gicv3Cpu *c, const ARMGicContext *ctx)
{
    return sees_secure(c, ctx) ? GIC_G1S : GIC_G1NS;
}

/* 4.8.2: priorities as half of them, for a non-secure access when group 0 is not its own. */
static bool ns_view(const Gicv3Cpu *c, const ARMGicContext *ctx)
{
    return !gicv3_single_state(c->gic) && ctx->el3 && !ctx->secure && ctx->scr_fiq;
}

/* Which element of Gicv3Cpu.ctlr. */
static unsigned ctlr_copy(const Gicv3Cpu *c, GicGroup group)
{
    return group == GIC_G1NS && !gicv3_single_state(c->gic) ? 0 : !gicv3_single_state(c->gic);
}

/* ---- priorities. Under the CPU's lock ---- */

static unsigned icc_running(const Gicv3Cpu *c)
{
    uint32_t apr = c->apr[GIC_G0] | c->apr[GIC_G1NS] | c->apr[GIC_G1S];

    return gic_apr_highest(&apr, GICV3_PRIO_BITS);
}

static bool icc_common_bpr(const Gicv3Cpu *c, GicGroup group)
{
    return group != GIC_G0 && (c->ctlr[ctlr_copy(c, group)] & ICC_CTLR_CBPR);
}

/* As the guest reads it. */
static unsigned icc_bpr(const Gicv3Cpu *c, GicGroup group)
{
    unsigned min = group == GIC_G1NS ? GICV3_BPR0_MIN + 1 : GICV3_BPR0_MIN;

    if (icc_common_bpr(c, group)) {
        unsigned bpr0 = MAX(c->bpr[GIC_G0], GICV3_BPR0_MIN);

        return group == GIC_G1NS ? MIN(bpr0 + 1, 7) : bpr0;
    }
    return MAX(c->bpr[group], min);
}

/* 4.8.2, tables 4-8 and 4-9: non-secure group 1's binary point counts one bit less. With CBPR it is
 * group 0's. */
static uint8_t icc_group_mask(const Gicv3Cpu *c, GicGroup group)
{
    unsigned bpr = icc_bpr(c, icc_common_bpr(c, group) ? GIC_G0 : group);

    if (group == GIC_G1NS && !icc_common_bpr(c, group)) {
        bpr--;
    }
    return 0xff << (bpr + 1);
}

/* Of groups that are enabled, whatever the priority mask. */
static GicBest icc_best(Gicv3Cpu *c)
{
    unsigned groups = gicv3_forwarded(c->gic) & c->enabled;
    GicWord w = gic_private_word(c->irq);
    GicBest best = GIC_NO_BEST;

    gic_word_best(&w, 0, UINT32_MAX, groups, &best);
    if (c->spi.prio < best.prio && (groups >> c->spi.group & 1)) {
        best = c->spi;
    }
    if (c->lpi.prio < best.prio && (groups >> GIC_G1NS & 1)) {
        best = c->lpi;
    }
    return best;
}

static bool icc_can_take(const Gicv3Cpu *c, const GicBest *b)
{
    unsigned running = icc_running(c);

    return b->prio < c->pmr &&
           (running == GIC_IDLE || (b->prio & icc_group_mask(c, b->group)) < running);
}

/* 4.6.2, table 4-3. */
static bool icc_as_fiq(const Gicv3Cpu *c, GicGroup group)
{
    if (group == GIC_G0) {
        return true;
    }
    if (gicv3_single_state(c->gic)) {
        return false;
    }
    return c->el3 || (group == GIC_G1S) != c->secure;
}

unsigned gicv3_cpuif_lines(Gicv3Cpu *c)
{
    unsigned out = gic_vif_lines(c->vif) << ARM_LINE_VIRQ;
    GicBest best = icc_best(c);

    if (icc_can_take(c, &best)) {
        out |= 1u << (icc_as_fiq(c, best.group) ? ARM_LINE_FIQ : ARM_LINE_IRQ);
    }
    return out;
}

bool gicv3_cpuif_check(const Gicv3Cpu *c)
{
    return !(c->enabled >> GIC_GROUPS) && c->bpr[GIC_G0] <= 7 && c->bpr[GIC_G1NS] <= 7 &&
           c->bpr[GIC_G1S] <= 7 && c->ctlr[0] <= 3 && c->ctlr[1] <= 3 &&
           !(c->ctlr_el3 & ~(ICC_CTLR_EL3_EOIMODE | ICC_CTLR_EL3_RM)) && gic_vif_check(c->vif);
}

/* The CPU tells its state with each access; lines depend on it with two security states. */
static void icc_note_context(Gicv3Cpu *c, const ARMGicContext *ctx)
{
    c->secure = ctx->secure;
    c->el3 = ctx->el == 3;
}

/* ---- acknowledge and end of interrupt ---- */

/* What an access to group `want` (GIC_G0, or group 1 of its state) is told of the interrupt: its
 * INTID, or a special one. */
static uint32_t icc_visible(const Gicv3Cpu *c, const GicBest *b, GicGroup want,
                            const ARMGicContext *ctx)
{
    if (b->prio > GIC_IDLE) {
        return GIC_SPURIOUS;
    }
    if (b->group == want) {
        return want == GIC_G0 && !gicv3_single_state(c->gic) && !ctx->secure ? GIC_SPURIOUS
                                                                             : b->intid;
    }
    /* ICC_IAR0_EL1 and ICC_HPPIR0_EL1 at EL3 tell whose a group 1 interrupt is. */
    if (want == GIC_G0 && ctx->el == 3 && !gicv3_single_state(c->gic)) {
        return b->group == GIC_G1S ? INTID_SECURE : INTID_NONSECURE;
    }
    return GIC_SPURIOUS;
}

static uint64_t icc_acknowledge(Gicv3Cpu *c, GicGroup want, const ARMGicContext *ctx)
{
    Gicv3State *s = c->gic;
    bool shared = false;
    uint32_t id = GIC_SPURIOUS;

    g_mutex_lock(&c->lock);
    GicBest best = icc_best(c);
    if (best.intid >= GIC_INTERNAL && best.intid < GIC_MAX_INTID && icc_can_take(c, &best)) {
        /* An SPI needs the device's lock, which comes first: look again with both. */
        g_mutex_unlock(&c->lock);
        g_mutex_lock(&s->dev.lock);
        g_mutex_lock(&c->lock);
        shared = true;
        best = icc_best(c);
    }
    if (icc_can_take(c, &best)) {
        id = icc_visible(c, &best, want, ctx);
    }
    if (id == best.intid && id != GIC_SPURIOUS) {
        uint32_t bit = 1u << id % 32;

        gic_apr_set(&c->apr[best.group], GICV3_PRIO_BITS,
                    best.prio & icc_group_mask(c, best.group));
        if (id >= GIC_LPI_BASE) {
            gicv3_lpi_taken_locked(c, id);
        } else if (id >= GIC_INTERNAL) {
            s->spi->active[id / 32] |= bit;
            s->spi->latch[id / 32] &= ~bit;
        } else {
            c->irq->active |= bit;
            c->irq->latch &= ~bit;
        }
        gicv3_cpu_update(c);
    }
    g_mutex_unlock(&c->lock);
    if (shared) {
        gicv3_spi_update_cpu_locked(s, c->index);
        g_mutex_unlock(&s->dev.lock);
    }
    return id;
}

/* Deactivate an SGI, PPI or SPI if it is of one of the groups. */
static void gicv3_deactivate(Gicv3Cpu *c, uint32_t intid, unsigned groups)
{
    Gicv3State *s = c->gic;
    uint32_t bit = 1u << intid % 32;

    if (intid < GIC_INTERNAL) {
        g_mutex_lock(&c->lock);
        GicWord w = gic_private_word(c->irq);
        if (groups >> gic_word_group(&w, intid) & 1) {
            c->irq->active &= ~bit;
            gicv3_cpu_update(c);
        }
        g_mutex_unlock(&c->lock);
    } else if (intid < MIN(s->n_irq, GIC_MAX_INTID)) {
        g_mutex_lock(&s->dev.lock);
        GicWord w = gic_shared_word(s->spi, intid / 32);
        if (groups >> gic_word_group(&w, intid % 32) & 1) {
            *w.active &= ~bit;
            if (s->target[intid] >= 0) {
                gicv3_spi_update_cpu_locked(s, s->target[intid]);
            }
        }
        g_mutex_unlock(&s->dev.lock);
    }
}

static bool icc_split_eoi(const Gicv3Cpu *c, const ARMGicContext *ctx)
{
    if (ctx->el == 3) {
        return c->ctlr_el3 & ICC_CTLR_EL3_EOIMODE;
    }
    return c->ctlr[ctlr_copy(c, group1(c, ctx))] & ICC_CTLR_EOIMODE;
}

/* Groups whose interrupts the state may deactivate. */
static unsigned own_groups(const Gicv3Cpu *c, const ARMGicContext *ctx)
{
    return gicv3_single_state(c->gic) || ctx->secure ? 7 : 1u << GIC_G1NS;
}

/* ICC_EOIR<n>_EL1: the highest active priority must be of the register's group. */
static void icc_end(Gicv3Cpu *c, uint64_t val, bool eoir1, const ARMGicContext *ctx)
{
    uint32_t intid = val & 0xffffff;
    GicGroup top = GIC_G0;
    bool ok;

    if (intid >= GIC_MAX_INTID && intid < GIC_LPI_BASE) {
        return; /* the special numbers do nothing */
    }
    g_mutex_lock(&c->lock);
    unsigned running = icc_running(c);
    for (GicGroup g = GIC_G0; running != GIC_IDLE && g < GIC_GROUPS; g++) {
        if (gic_apr_highest(&c->apr[g], GICV3_PRIO_BITS) == running) {
            top = g;
            break;
        }
    }
    if (top == GIC_G0) {
        ok = !eoir1 && (ctx->secure || gicv3_single_state(c->gic));
    } else if (top == GIC_G1S) {
        ok = eoir1 && ctx->secure;
    } else {
        ok = eoir1 && (!sees_secure(c, ctx) || ctx->el == 3);
    }
    ok &= running != GIC_IDLE;
    if (ok) {
        gic_apr_drop(&c->apr[top], GICV3_PRIO_BITS);
        gicv3_cpu_update(c);
    }
    bool split = icc_split_eoi(c, ctx);
    g_mutex_unlock(&c->lock);
    if (!ok) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "%s: CPU %u ends interrupt %u, none of its group is active\n",
                      device_name(c->gic), c->index, intid);
    } else if (!split && intid < GIC_MAX_INTID) {
        gicv3_deactivate(c, intid, 1u << top);
    }
}

/* ---- SGIs ---- */

/* ICC_SGI<n>R_EL1: which group the SGI must have at its receiver; a non-secure sender reaches
 * secure groups by GICR_NSACR. */
static void sgi_receive(Gicv3Cpu *c, unsigned intid, GicGroup group, bool sender_secure)
{
    GicWord w = gic_private_word(c->irq);

    g_mutex_lock(&c->lock);
    GicGroup own = gic_word_group(&w, intid);
    if (gicv3_single_state(c->gic) && own == GIC_G1S) {
        own = GIC_G0;
    }
    if (own == group && (sender_secure || group == GIC_G1NS ||
                         (c->nsacr >> intid * 2 & 3) >= (group == GIC_G0 ? 1 : 2))) {
        c->irq->latch |= 1u << intid;
        gicv3_cpu_update(c);
    }
    g_mutex_unlock(&c->lock);
}

static void icc_send_sgi(Gicv3Cpu *from, uint64_t val, GicGroup group, const ARMGicContext *ctx)
{
    Gicv3State *s = from->gic;
    unsigned intid = val >> 24 & 15, range = val >> 44 & 15;
    uint32_t cluster =
        (val >> 16 & 0xff) << 8 | (val >> 32 & 0xff) << 16 | (val >> 48 & 0xff) << 24;
    bool all = val >> 40 & 1, secure = ctx->secure || gicv3_single_state(s);

    for (unsigned i = 0; i < s->n_cpu; i++) {
        Gicv3Cpu *c = &s->cpu[i];
        unsigned aff0 = c->affinity & 0xff;

        if (all ? c != from
                : (c->affinity & ~0xffu) == cluster && aff0 / 16 == range &&
                      (val >> aff0 % 16 & 1)) {
            sgi_receive(c, intid, group, secure);
        }
    }
}

/* ---- physical registers ---- */

static uint64_t icc_ctlr_el3(const Gicv3Cpu *c)
{
    bool one = gicv3_single_state(c->gic);

    return CTLR_FIXED | c->ctlr_el3 | (one ? 0 : c->ctlr[1] & ICC_CTLR_CBPR) |
           (c->ctlr[0] & ICC_CTLR_CBPR) << 1 |
           (one ? 0 : (c->ctlr[1] & ICC_CTLR_EOIMODE) >> 1 << 3) |
           (c->ctlr[0] & ICC_CTLR_EOIMODE) >> 1 << 4;
}

static void icc_set_ctlr_el3(Gicv3Cpu *c, uint64_t val)
{
    c->ctlr_el3 = val & (ICC_CTLR_EL3_EOIMODE | ICC_CTLR_EL3_RM);
    c->ctlr[0] = (val >> 1 & 1) | (val >> 4 & 1) << 1;
    if (!gicv3_single_state(c->gic)) {
        c->ctlr[1] = (val & 1) | (val >> 3 & 1) << 1;
    }
}

static uint64_t icc_get(Gicv3Cpu *c, uint32_t enc, const ARMGicContext *ctx)
{
    GicGroup g1 = group1(c, ctx);
    GicBest best;
    unsigned val;

    switch (enc) {
    case ICC_PMR:
        val = c->pmr;
        return !ns_view(c, ctx) ? val : val & 0x80 ? gic_prio_to_ns(val) : 0;
    case ICC_RPR:
        val = icc_running(c);
        return !ns_view(c, ctx) || val == GIC_IDLE ? val : val & 0x80 ? gic_prio_to_ns(val) : 0;
    case ICC_HPPIR0:
    case ICC_HPPIR1:
        best = icc_best(c);
        return icc_visible(c, &best, enc == ICC_HPPIR0 ? GIC_G0 : g1, ctx);
    case ICC_BPR0:
        return icc_bpr(c, GIC_G0);
    case ICC_BPR1:
        return icc_bpr(c, g1);
    case ICC_AP0R0:
        return c->apr[GIC_G0];
    case ICC_AP1R0:
        return ns_view(c, ctx) ? c->apr[g1] >> 16 : c->apr[g1];
    case ICC_CTLR:
        return CTLR_FIXED | c->ctlr[ctlr_copy(c, g1)];
    case ICC_SRE:
        return 7;
    case ICC_SRE_EL2:
    case ICC_SRE_EL3:
        return 15;
    case ICC_IGRPEN0:
        return c->enabled & 1;
    case ICC_IGRPEN1:
        return c->enabled >> g1 & 1;
    case ICC_IGRPEN1_EL3:
        return (c->enabled >> GIC_G1NS & 1) | (c->enabled >> GIC_G1S & 1) << 1;
    case ICC_CTLR_EL3:
        return icc_ctlr_el3(c);
    default:
        return 0;
    }
}

static void icc_put(Gicv3Cpu *c, uint32_t enc, uint64_t val, const ARMGicContext *ctx)
{
    GicGroup g1 = group1(c, ctx);

    switch (enc) {
    case ICC_PMR:
        if (!ns_view(c, ctx)) {
            c->pmr = val & GICV3_PRIO_MASK;
        } else if (c->pmr & 0x80) {
            c->pmr = gic_prio_from_ns(val) & GICV3_PRIO_MASK;
        }
        break;
    case ICC_BPR0:
        c->bpr[GIC_G0] = val & 7;
        break;
    case ICC_BPR1:
        if (!icc_common_bpr(c, g1)) {
            c->bpr[g1] = val & 7;
        } else if (g1 == GIC_G1S) {
            c->bpr[GIC_G0] = val & 7;
        }
        break;
    case ICC_AP0R0:
        c->apr[GIC_G0] = val;
        break;
    case ICC_AP1R0:
        c->apr[g1] = ns_view(c, ctx) ? (c->apr[g1] & 0xffff) | (uint32_t)val << 16 : val;
        break;
    case ICC_CTLR:
        c->ctlr[ctlr_copy(c, g1)] = val & (ICC_CTLR_CBPR | ICC_CTLR_EOIMODE);
        break;
    case ICC_IGRPEN0:
        c->enabled = (c->enabled & ~1) | (val & 1);
        break;
    case ICC_IGRPEN1:
        c->enabled = (c->enabled & ~(1 << g1)) | (val & 1) << g1;
        break;
    case ICC_IGRPEN1_EL3:
        c->enabled = (c->enabled & 1) | (val & 1) << GIC_G1NS | (val >> 1 & 1) << GIC_G1S;
        break;
    case ICC_CTLR_EL3:
        icc_set_ctlr_el3(c, val);
        break;
    default:
        break;
    }
}

/* ---- virtual registers ---- */

static uint64_t icv_hppir(GicVif *v, GicGroup group, bool take)
{
    int lr = gic_vif_best(v);

    if (lr < 0 || gic_vif_lr_group(v->lr[lr]) != group || (take && !gic_vif_can_take(v, lr))) {
        return GIC_SPURIOUS;
    }
    return take ? gic_vif_take(v, lr) : (uint32_t)v->lr[lr];
}

static uint64_t icv_get(Gicv3Cpu *c, uint32_t enc)
{
    GicVif *v = c->vif;

    switch (enc) {
    case ICC_PMR:
        return v->vmcr >> ICH_VMCR_VPMR_SHIFT;
    case ICC_RPR:
        return gic_vif_running(v);
    case ICC_IAR0:
    case ICC_IAR1:
        return icv_hppir(v, enc == ICC_IAR0 ? GIC_G0 : GIC_G1NS, true);
    case ICC_HPPIR0:
    case ICC_HPPIR1:
        return icv_hppir(v, enc == ICC_HPPIR0 ? GIC_G0 : GIC_G1NS, false);
    case ICC_BPR0:
    case ICC_BPR1:
        return gic_vif_bpr(v, enc == ICC_BPR0 ? GIC_G0 : GIC_G1NS);
    case ICC_AP0R0:
        return v->apr[0];
    case ICC_AP1R0:
        return v->apr[1];
    case ICC_CTLR:
        return VCTLR_FIXED | (v->vmcr & ICH_VMCR_VCBPR ? ICC_CTLR_CBPR : 0) |
               (v->vmcr & ICH_VMCR_VEOIM ? ICC_CTLR_EOIMODE : 0);
    case ICC_IGRPEN0:
        return v->vmcr & ICH_VMCR_VENG0 ? 1 : 0;
    case ICC_IGRPEN1:
        return v->vmcr & ICH_VMCR_VENG1 ? 1 : 0;
    default:
        return 0;
    }
}

static void vmcr_bit(GicVif *v, uint32_t bit, bool on)
{
    gic_vif_write_vmcr(v, on ? v->vmcr | bit : v->vmcr & ~bit);
}

/* The physical interrupt to deactivate, or -1. */
static GicVifDone icv_put(Gicv3Cpu *c, uint32_t enc, uint64_t val)
{
    GicVif *v = c->vif;
    uint32_t intid = val & 0xffffff;

    switch (enc) {
    case ICC_PMR:
        gic_vif_write_vmcr(v, (v->vmcr & 0xffffff) | (uint32_t)(val & 0xff) << ICH_VMCR_VPMR_SHIFT);
        break;
    case ICC_EOIR0:
    case ICC_EOIR1:
        if (intid < GIC_MAX_INTID || intid >= GIC_LPI_BASE) {
            return gic_vif_eoi(v, intid, enc == ICC_EOIR0 ? GIC_G0 : GIC_G1NS);
        }
        break;
    case ICC_DIR:
        return gic_vif_deactivate(v, intid);
    case ICC_BPR0:
        gic_vif_set_bpr(v, GIC_G0, val);
        break;
    case ICC_BPR1:
        if (!(v->vmcr & ICH_VMCR_VCBPR)) {
            gic_vif_set_bpr(v, GIC_G1NS, val);
        }
        break;
    case ICC_AP0R0:
        v->apr[0] = val;
        break;
    case ICC_AP1R0:
        v->apr[1] = val;
        break;
    case ICC_CTLR:
        vmcr_bit(v, ICH_VMCR_VCBPR, val & ICC_CTLR_CBPR);
        vmcr_bit(v, ICH_VMCR_VEOIM, val & ICC_CTLR_EOIMODE);
        break;
    case ICC_IGRPEN0:
        vmcr_bit(v, ICH_VMCR_VENG0, val & 1);
        break;
    case ICC_IGRPEN1:
        vmcr_bit(v, ICH_VMCR_VENG1, val & 1);
        break;
    default:
        break;
    }
    return -1;
}

/* ---- hypervisor control registers ---- */

static uint64_t ich_get(Gicv3Cpu *c, uint32_t enc)
{
    const GicVif *v = c->vif;

    switch (enc) {
    case ICH_AP0R0:
        return v->apr[0];
    case ICH_AP1R0:
        return v->apr[1];
    case ICH_HCR:
        return v->hcr;
    case ICH_VTR: /* priority and preemption bits, INTIDs of 16 bits, A3V, no GICv4, TDIR */
        return (uint64_t)(GIC_VIF_PRIO_BITS - 1) << 29 | (GIC_VIF_PRIO_BITS - 1) << 26 | 1 << 21 |
               1 << 20 | 1 << 19 | (GIC_VIF_LRS - 1);
    case ICH_MISR:
        return gic_vif_misr(v);
    case ICH_EISR:
        return gic_vif_eisr(v);
    case ICH_ELRSR:
        return gic_vif_elrsr(v);
    case ICH_VMCR:
        return v->vmcr | ICH_VMCR_VFIQEN; /* fixed with system registers */
    case ICH_LR0 ... ICH_LR0 + GIC_VIF_LRS - 1:
        return v->lr[enc - ICH_LR0];
    default:
        return 0;
    }
}

static void ich_put(Gicv3Cpu *c, uint32_t enc, uint64_t val)
{
    GicVif *v = c->vif;

    switch (enc) {
    case ICH_AP0R0:
        v->apr[0] = val;
        break;
    case ICH_AP1R0:
        v->apr[1] = val;
        break;
    case ICH_HCR:
        gic_vif_write_hcr(v, val);
        break;
    case ICH_VMCR:
        gic_vif_write_vmcr(v, val & ~(uint64_t)(ICH_VMCR_VACKCTL | ICH_VMCR_VFIQEN));
        break;
    case ICH_LR0 ... ICH_LR0 + GIC_VIF_LRS - 1:
        v->lr[enc - ICH_LR0] = val & UINT64_C(0xf0f81fffffffffff);
        break;
    default:
        break;
    }
}

/* ---- the interface to target/arm ---- */

static bool is_ich(uint32_t enc)
{
    return (enc >= ICH_AP0R0 && enc <= ICH_LR0 + 15) && enc != ICC_SRE_EL2;
}

/* What the register needs: exception level, or 4 if it does not exist. */
static unsigned reg_min_el(uint32_t enc)
{
    switch (enc) {
    case ICC_AP0R0 + 1 ... ICC_AP0R0 + 3: /* only with more priority bits */
    case ICC_AP1R0 + 1 ... ICC_AP1R0 + 3:
    case ICH_AP0R0 + 1 ... ICH_AP0R0 + 3:
    case ICH_AP1R0 + 1 ... ICH_AP1R0 + 3:
    case ICH_LR0 + GIC_VIF_LRS... ICH_LR0 + 15:
        return 4;
    case ICC_CTLR_EL3:
    case ICC_SRE_EL3:
    case ICC_IGRPEN1_EL3:
        return 3;
    default:
        return is_ich(enc) || enc == ICC_SRE_EL2 ? 2 : 1;
    }
}

static ARMGicTrap cpuif_trap(void *opaque, uint32_t enc, bool write, const ARMGicContext *ctx)
{
    const Gicv3Cpu *c = opaque;
    unsigned min = reg_min_el(enc), groups = reg_groups(enc);
    uint32_t hcr = __atomic_load_n(&c->vif->hcr, __ATOMIC_RELAXED);

    if (ctx->el < min) {
        return ARM_GIC_UNDEFINED;
    }
    if (min > 1 || enc == ICC_SRE) {
        return ARM_GIC_OK; /* ICC_SRE_ELx.Enable is fixed to 1 */
    }
    if (ctx->el == 1 && !ctx->secure) {
        bool virt = ctx->virt_irq || ctx->virt_fiq;

        if ((groups == 1 && (hcr & ICH_HCR_TALL0)) || (groups == 2 && (hcr & ICH_HCR_TALL1)) ||
            (!groups && (hcr & ICH_HCR_TC)) || (enc == ICC_DIR && (hcr & ICH_HCR_TDIR)) ||
            (reg_is_sgi(enc) && virt)) {
            return ARM_GIC_TRAP_EL2;
        }
    }
    /* SCR_EL3.IRQ, FIQ: physical accesses below EL3 when EL3 takes the group's interrupts. */
    if (ctx->el3 && ctx->el < 3 && !is_virtual(enc, ctx)) {
        bool fiq = ctx->scr_fiq, irq = ctx->scr_irq;

        if (groups == 1 ? fiq : groups == 2 ? irq : fiq && irq) {
            return ARM_GIC_TRAP_EL3;
        }
    }
    return ARM_GIC_OK;
}

static uint64_t cpuif_read(void *opaque, uint32_t enc, const ARMGicContext *ctx)
{
    Gicv3Cpu *c = opaque;
    bool virt = is_virtual(enc, ctx);
    uint64_t val;

    if (!virt && (enc == ICC_IAR0 || enc == ICC_IAR1)) {
        icc_note_context(c, ctx);
        return icc_acknowledge(c, enc == ICC_IAR0 ? GIC_G0 : group1(c, ctx), ctx);
    }
    g_mutex_lock(&c->lock);
    icc_note_context(c, ctx);
    if (is_ich(enc)) {
        val = ich_get(c, enc);
    } else if (virt) {
        val = icv_get(c, enc);
        gicv3_cpu_update(c);
    } else {
        val = icc_get(c, enc, ctx);
    }
    g_mutex_unlock(&c->lock);
    return val;
}

static void cpuif_write(void *opaque, uint32_t enc, uint64_t val, const ARMGicContext *ctx)
{
    Gicv3Cpu *c = opaque;
    bool virt = is_virtual(enc, ctx);
    GicVifDone done = -1;

    if (!virt) {
        switch (enc) {
        case ICC_EOIR0:
        case ICC_EOIR1:
            icc_end(c, val, enc == ICC_EOIR1, ctx);
            return;
        case ICC_DIR:
            if (icc_split_eoi(c, ctx)) {
                gicv3_deactivate(c, val & 0xffffff, own_groups(c, ctx));
            } else {
                rhea_log_mask(LOG_GUEST_ERROR, "%s: ICC_DIR_EL1 is written while EOImode is 0\n",
                              device_name(c->gic));
            }
            return;
        case ICC_SGI0R:
            icc_send_sgi(c, val, GIC_G0, ctx);
            return;
        case ICC_SGI1R:
            icc_send_sgi(c, val, group1(c, ctx), ctx);
            return;
        case ICC_ASGI1R: /* of the other state */
            icc_send_sgi(c, val, sees_secure(c, ctx) ? GIC_G1NS : GIC_G1S, ctx);
            return;
        default:
            break;
        }
    }
    g_mutex_lock(&c->lock);
    icc_note_context(c, ctx);
    if (is_ich(enc)) {
        ich_put(c, enc, val);
    } else if (virt) {
        done = icv_put(c, enc, val);
    } else {
        icc_put(c, enc, val, ctx);
    }
    gicv3_cpu_update(c);
    g_mutex_unlock(&c->lock);
    if (done >= 0) {
        gicv3_deactivate(c, done, 7);
    }
}

static void cpuif_state_changed(void *opaque, const ARMGicContext *ctx)
{
    Gicv3Cpu *c = opaque;

    if (gicv3_single_state(c->gic)) {
        return;
    }
    g_mutex_lock(&c->lock);
    icc_note_context(c, ctx);
    gicv3_cpu_update(c);
    g_mutex_unlock(&c->lock);
}

const ARMGicv3Ops arm_gicv3_cpu_ops = {
    .trap = cpuif_trap,
    .read = cpuif_read,
    .write = cpuif_write,
    .state_changed = cpuif_state_changed,
};

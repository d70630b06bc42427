/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm generic interrupt controller, architecture version 2: distributor, up to eight CPU
 * interfaces, and with has-virtualization-extensions the virtual ones.
 *
 * Specification: Arm IHI 0048B; chapters 3 (handling), 4 (registers), 5 (virtualization). All 256
 * priorities are there. Accesses are those of cpu_current(), whose banked registers they reach.
 *
 * Locks: the device's lock guards the SPIs and GICD_CTLR, a lock of each CPU its SGIs, PPIs and
 * interfaces; the first is taken before the second, never two of the second. Private interrupts
 * are taken and ended under their CPU's lock alone. Each CPU keeps the best SPI that targets it
 * (`spi`), written with both locks held.
 * Invariants: an SGI's latch is set exactly while some sgi_from bit is; the outputs of a CPU follow
 * its state whenever its lock is free.
 * Test: tests/unit/test-arm-gic.c
 */
#include "hw/intc/arm_gic.h"
#include "hw/intc/gic_internal.h"
#include "rhea/error.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <string.h>

#define GIC_MAX_CPU   8
#define PREEMPT_BITS  7
#define MAINTENANCE   25 /* PPI of GICH */
#define GICC_SIZE     0x2000
#define GICH_SIZE     0x1000
#define GICC_IIDR_VAL 0x0002043b

enum {
    BANK_DIST,
    BANK_CPU,
    BANK_HYP,
    BANK_VCPU,

    GICC_CTLR_GRP0 = 1 << 0,
    GICC_CTLR_GRP1 = 1 << 1,
    GICC_CTLR_ACKCTL = 1 << 2,
    GICC_CTLR_FIQEN = 1 << 3,
    GICC_CTLR_CBPR = 1 << 4,
    GICC_CTLR_EOIMODE_S = 1 << 9,
    GICC_CTLR_EOIMODE_NS = 1 << 10,

    GICC_CTLR = 0x00,
    GICC_PMR = 0x04,
    GICC_BPR = 0x08,
    GICC_IAR = 0x0c,
    GICC_EOIR = 0x10,
    GICC_RPR = 0x14,
    GICC_HPPIR = 0x18,
    GICC_ABPR = 0x1c,
    GICC_AIAR = 0x20,
    GICC_AEOIR = 0x24,
    GICC_AHPPIR = 0x28,
    GICC_APR = 0xd0,
    GICC_NSAPR = 0xe0,
    GICC_IIDR = 0xfc,
    GICC_DIR = 0x1000,

    GICH_HCR = 0x00,
    GICH_VTR = 0x04,
    GICH_VMCR = 0x08,
    GICH_MISR = 0x10,
    GICH_EISR0 = 0x20,
    GICH_ELRSR0 = 0x30,
    GICH_APR = 0xf0,
    GICH_LR = 0x100,
};

typedef struct GicState GicState;

#define GIC_CPU_STATE(F, A, D, N)                                                                  \
    N(GicPrivate, irq, 1, gic_private)                                                             \
    N(GicVif, vif, 1, gic_vif)                                                                     \
    A(uint8_t, sgi_from, 16, 0) /* CPUs that sent it */                                            \
    F(uint32_t, ctlr, 0)        /* GICC_CTLR as a secure access sees it */                         \
    F(uint8_t, pmr, 0)                                                                             \
    F(uint8_t, bpr, 0)                                                                             \
    F(uint8_t, abpr, 1)                                                                            \
    A(uint32_t, apr, 4, 0)                                                                         \
    A(uint32_t, nsapr, 4, 0)

SUBSTATE(gic_cpu, GicCpu, GIC_CPU_STATE, GMutex lock; GicState * gic; unsigned index; GicBest spi;
         unsigned out;
         /* levels of the outputs */)

#define GIC_STATE(F, A, D, N)                                                                      \
    F(uint32_t, ctlr, 0)                                                                           \
    N(GicShared, spi, 1, gic_shared)                                                               \
    A(uint8_t, target, 1024, 0)

STATE_PARTS(gic, GicState, GIC_STATE, GicCpu, cpu, n_cpu, gic_cpu, uint32_t n_cpu; uint32_t n_irq;
            uint32_t revision; bool security; bool virt; bool (*is_secure)(CPU *cpu);)

PROPS(gic, GicState, PROP("num-cpu", U32, n_cpu, "1", INTERNAL, "CPU interfaces, 1 to 8"),
      PROP("num-irq", U32, n_irq, "32", INTERNAL, "interrupts, the 32 of each CPU included"),
      PROP("revision", U32, revision, "2", INTERNAL, "architecture version"),
      PROP("has-security-extensions", BOOL, security, "off", INTERNAL, "two security states"),
      PROP("has-virtualization-extensions", BOOL, virt, "off", INTERNAL, "GICH and GICV"))

void arm_gic_set_security(void *gic, bool (*is_secure)(CPU *cpu))
{
    ((GicState *)gic)->is_secure = is_secure;
}

/* Without the extensions every access counts as a secure one. */
static bool access_is_secure(const GicState *s)
{
    CPU *cpu = cpu_current();

    return !s->security || !s->is_secure || (cpu && s->is_secure(cpu));
}

static GicCpu *access_cpu(GicState *s)
{
    const CPU *cpu = cpu_current();

    return &s->cpu[cpu && cpu->index < s->n_cpu ? cpu->index : 0];
}

static unsigned forwarded_groups(const GicState *s)
{
    return __atomic_load_n(&s->ctlr, __ATOMIC_RELAXED) & 3;
}

static unsigned n_words(const GicState *s)
{
    return (s->n_irq + 31) / 32;
}

/* Interrupts of word w that exist. */
static uint32_t word_mask(const GicState *s, unsigned w)
{
    unsigned left = w < n_words(s) ? MIN(s->n_irq, GIC_MAX_INTID) - w * 32 : 0;

    return left >= 32 ? UINT32_MAX : (1u << left) - 1;
}

/* ---- CPU interface: what is to be signalled. Under the CPU's lock ---- */

static unsigned cpu_running(const GicCpu *c)
{
    return MIN(gic_apr_highest(c->apr, PREEMPT_BITS), gic_apr_highest(c->nsapr, PREEMPT_BITS));
}

/* 3.3.3: the bits of a priority that count for preemption. */
static uint8_t cpu_group_mask(const GicCpu *c, unsigned group)
{
    return group == GIC_G0 || (c->ctlr & GICC_CTLR_CBPR) ? 0xff << (c->bpr + 1) : 0xff << c->abpr;
}

/* Of enabled groups, whatever the priority mask. */
static GicBest cpu_best(GicCpu *c)
{
    unsigned groups = forwarded_groups(c->gic) & c->ctlr;
    GicWord w = gic_private_word(c->irq);
    GicBest best = GIC_NO_BEST;

    gic_word_best(&w, 0, UINT32_MAX, groups, &best);
    if (c->spi.prio < best.prio && (groups >> c->spi.group & 1)) {
        best = c->spi;
    }
    return best;
}

static bool cpu_can_take(const GicCpu *c, const GicBest *b)
{
    unsigned running = cpu_running(c);

    return b->prio < c->pmr &&
           (running == GIC_IDLE || (b->prio & cpu_group_mask(c, b->group)) < running);
}

static void cpu_update(GicCpu *c)
{
    GicState *s = c->gic;
    unsigned out = 0;

    if (s->virt) {
        GicWord w = gic_private_word(c->irq);

        gic_word_input(&w, MAINTENANCE, gic_vif_maintenance(c->vif));
        out |= gic_vif_lines(c->vif) << ARM_LINE_VIRQ;
    }
    GicBest best = cpu_best(c);
    if (cpu_can_take(c, &best)) {
        bool fiq = best.group == GIC_G0 && (c->ctlr & GICC_CTLR_FIQEN);

        out |= 1u << (fiq ? ARM_LINE_FIQ : ARM_LINE_IRQ);
    }
    unsigned changed = out ^ c->out;
    c->out = out;
    for (unsigned i = 0; changed && i < ARM_GIC_OUTS; i++) {
        if (changed >> i & 1) {
            irq_set(&s->dev.irq[ARM_GIC_OUT(c->index, i)], out >> i & 1);
        }
    }
}

/* ---- SPIs. Under the device's lock, no CPU's ---- */

/* 4.3.12: with one CPU the registers are read as zero and all go to it. */
static unsigned spi_targets(const GicState *s, unsigned intid)
{
    return s->n_cpu == 1 ? 1 : s->target[intid];
}

/* Give each CPU its best SPI. all: something else changed that they go by. */
static void spi_update(GicState *s, bool all)
{
    GicBest best[GIC_MAX_CPU];
    unsigned groups = forwarded_groups(s);

    for (unsigned i = 0; i < s->n_cpu; i++) {
        best[i] = GIC_NO_BEST;
    }
    for (unsigned w = 1; w < n_words(s); w++) {
        GicWord word = gic_shared_word(s->spi, w);

        for (uint32_t bits = gic_word_ready(&word); bits; bits &= bits - 1) {
            unsigned bit = __builtin_ctz(bits), intid = w * 32 + bit;
            GicGroup group = *word.group >> bit & 1 ? GIC_G1NS : GIC_G0;

            for (unsigned cpus = groups >> group & 1 ? spi_targets(s, intid) : 0; cpus;
                 cpus &= cpus - 1) {
                GicBest *b = &best[__builtin_ctz(cpus)];

                if (word.prio[bit] < b->prio) {
                    *b = (GicBest){intid, word.prio[bit], group};
                }
            }
        }
    }
    for (unsigned i = 0; i < s->n_cpu; i++) {
        GicCpu *c = &s->cpu[i];

        if (all || !gic_best_equal(&best[i], &c->spi)) {
            g_mutex_lock(&c->lock);
            c->spi = best[i];
            cpu_update(c);
            g_mutex_unlock(&c->lock);
        }
    }
}

static void gic_input(void *opaque, unsigned n, bool level)
{
    GicState *s = opaque;
    unsigned n_spi = s->n_irq - GIC_INTERNAL;

    g_assert(n < n_spi + s->n_cpu * GIC_INTERNAL);
    if (n < n_spi) {
        g_mutex_lock(&s->dev.lock);
        GicWord w = gic_shared_word(s->spi, n / 32 + 1);
        gic_word_input(&w, n % 32, level);
        spi_update(s, false);
        g_mutex_unlock(&s->dev.lock);
    } else {
        GicCpu *c = &s->cpu[(n - n_spi) / GIC_INTERNAL];
        GicWord w = gic_private_word(c->irq);

        g_mutex_lock(&c->lock);
        gic_word_input(&w, (n - n_spi) % GIC_INTERNAL, level);
        cpu_update(c);
        g_mutex_unlock(&c->lock);
    }
}

/* ---- acknowledge and end of interrupt ---- */

/* Which groups a read of an acknowledge register may take, and what it says of the other. */
typedef struct AckKind {
    unsigned groups;
    bool other_is_1022; /* GICC_IAR: a secure read finds a group 1 interrupt, AckCtl is 0 */
} AckKind;

static AckKind ack_kind(const GicCpu *c, bool alias, bool secure)
{
    if (alias || !secure) {
        return (AckKind){1 << GIC_G1NS, false};
    }
    return c->ctlr & GICC_CTLR_ACKCTL ? (AckKind){1 << GIC_G0 | 1 << GIC_G1NS, false}
                                      : (AckKind){1 << GIC_G0, true};
}

static uint32_t ack_refuse(const AckKind *k, const GicBest *b)
{
    return k->other_is_1022 && b->group == GIC_G1NS ? 1022 : GIC_SPURIOUS;
}

/* The INTID with an SGI's sender. */
static uint32_t full_id(const GicCpu *c, uint32_t intid)
{
    return intid < 16 && c->sgi_from[intid]
               ? intid | (uint32_t)__builtin_ctz(c->sgi_from[intid]) << 10
               : intid;
}

static uint32_t private_take(GicCpu *c, uint32_t intid)
{
    uint32_t id = full_id(c, intid), bit = 1u << intid;

    c->irq->active |= bit;
    if (intid < 16) {
        c->sgi_from[intid] &= c->sgi_from[intid] - 1;
        if (c->sgi_from[intid]) {
            return id;
        }
    }
    c->irq->latch &= ~bit;
    return id;
}

static uint32_t cpu_acknowledge(GicCpu *c, bool alias, bool secure)
{
    GicState *s = c->gic;
    bool shared = false;

    g_mutex_lock(&c->lock);
    GicBest best = cpu_best(c);
    if (best.intid >= GIC_INTERNAL && cpu_can_take(c, &best)) {
        /* An SPI needs the device's lock, which comes first: look again with both. */
        g_mutex_unlock(&c->lock);
        g_mutex_lock(&s->dev.lock);
        g_mutex_lock(&c->lock);
        shared = true;
        best = cpu_best(c);
    }
    AckKind kind = ack_kind(c, alias, secure);
    uint32_t id = GIC_SPURIOUS;
    if (cpu_can_take(c, &best)) {
        id = ack_refuse(&kind, &best);
        if (kind.groups >> best.group & 1) {
            gic_apr_set(best.group == GIC_G0 ? c->apr : c->nsapr, PREEMPT_BITS,
                        best.prio & cpu_group_mask(c, best.group));
            if (best.intid >= GIC_INTERNAL) {
                GicWord w = gic_shared_word(s->spi, best.intid / 32);
                uint32_t bit = 1u << best.intid % 32;

                *w.active |= bit;
                *w.latch &= ~bit;
                id = best.intid;
            } else {
                id = private_take(c, best.intid);
            }
            cpu_update(c);
        }
    }
    g_mutex_unlock(&c->lock);
    if (shared) {
        spi_update(s, false);
        g_mutex_unlock(&s->dev.lock);
    }
    return id;
}

static uint32_t cpu_highest_pending(GicCpu *c, bool alias, bool secure)
{
    GicBest best = cpu_best(c);
    AckKind kind = ack_kind(c, alias, secure);

    if (best.prio > GIC_IDLE) {
        return GIC_SPURIOUS;
    }
    return kind.groups >> best.group & 1 ? full_id(c, best.intid) : ack_refuse(&kind, &best);
}

/* A non-secure access cannot end a group 0 interrupt. */
static void gic_deactivate(GicCpu *c, uint32_t intid, bool secure)
{
    GicState *s = c->gic;
    uint32_t bit = 1u << intid % 32;

    if (intid < GIC_INTERNAL) {
        g_mutex_lock(&c->lock);
        c->irq->active &= ~(secure ? bit : bit & c->irq->group);
        cpu_update(c);
        g_mutex_unlock(&c->lock);
    } else if (intid < s->n_irq) {
        g_mutex_lock(&s->dev.lock);
        GicWord w = gic_shared_word(s->spi, intid / 32);
        *w.active &= ~(secure ? bit : bit & *w.group);
        spi_update(s, false);
        g_mutex_unlock(&s->dev.lock);
    }
}

static void cpu_end(GicCpu *c, uint32_t val, bool alias, bool secure)
{
    uint32_t intid = val & 0x3ff;
    bool split = c->ctlr & (secure ? GICC_CTLR_EOIMODE_S : GICC_CTLR_EOIMODE_NS);

    if (intid >= GIC_MAX_INTID) {
        return; /* the special numbers do nothing */
    }
    g_mutex_lock(&c->lock);
    unsigned p0 = gic_apr_highest(c->apr, PREEMPT_BITS);
    unsigned p1 = gic_apr_highest(c->nsapr, PREEMPT_BITS);
    bool group1 = p1 < p0, ok = MIN(p0, p1) != GIC_IDLE && (group1 || (secure && !alias));
    if (ok) {
        gic_apr_drop(group1 ? c->nsapr : c->apr, PREEMPT_BITS);
        cpu_update(c);
    }
    g_mutex_unlock(&c->lock);
    if (!ok) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "%s: CPU %u ends interrupt %u, none of its group is active\n",
                      device_name(c->gic), c->index, intid);
    } else if (!split) {
        gic_deactivate(c, intid, secure);
    }
}

/* ---- GICC ---- */

static void bad_offset(const GicState *s, const char *block, const char *verb, hwaddr offset)
{
    rhea_log_mask(LOG_GUEST_ERROR, "%s: %s of %s at offset 0x%" PRIx64 ": no register\n",
                  device_name(s), verb, block, offset);
}

/* 4.4.1: the non-secure copy has some of the bits in other places. */
static uint32_t ctlr_to_ns(uint32_t ctlr)
{
    return (ctlr >> 1 & 1) | (ctlr >> 2 & 0x60) | (ctlr & GICC_CTLR_EOIMODE_NS) >> 1;
}

static uint32_t ctlr_from_ns(uint32_t val)
{
    return (val & 1) << 1 | (val & 0x60) << 2 | (val & 0x200) << 1;
}

static uint32_t apr_read(const GicCpu *c, unsigned i, bool nsapr, bool secure)
{
    if (secure) {
        return nsapr ? c->nsapr[i] : c->apr[i];
    }
    /* 4.4.13: the upper half of the priorities is all of a non-secure access's. */
    return nsapr || i >= 2 ? 0 : c->nsapr[i + 2];
}

static void apr_write(GicCpu *c, unsigned i, bool nsapr, bool secure, uint32_t val)
{
    if (secure) {
        *(nsapr ? &c->nsapr[i] : &c->apr[i]) = val;
    } else if (!nsapr && i < 2) {
        c->nsapr[i + 2] = val;
    }
}

static uint32_t gicc_get(GicCpu *c, hwaddr offset, bool secure)
{
    unsigned val;

    switch (offset) {
    case GICC_CTLR:
        return secure ? c->ctlr : ctlr_to_ns(c->ctlr);
    case GICC_PMR:
        return secure ? c->pmr : c->pmr & 0x80 ? gic_prio_to_ns(c->pmr) : 0;
    case GICC_BPR:
        if (!secure) {
            return c->ctlr & GICC_CTLR_CBPR ? MIN(c->bpr + 1, 7) : c->abpr;
        }
        return c->bpr;
    case GICC_RPR:
        val = cpu_running(c);
        return secure || val == GIC_IDLE ? val : val & 0x80 ? gic_prio_to_ns(val) : 0;
    case GICC_HPPIR:
        return cpu_highest_pending(c, false, secure);
    case GICC_ABPR:
        return secure ? c->abpr : 0;
    case GICC_AHPPIR:
        return secure ? cpu_highest_pending(c, true, true) : 0;
    case GICC_IIDR:
        return GICC_IIDR_VAL;
    case GICC_APR ... GICC_APR + 0xc:
        return apr_read(c, (offset - GICC_APR) / 4, false, secure);
    case GICC_NSAPR ... GICC_NSAPR + 0xc:
        return apr_read(c, (offset - GICC_NSAPR) / 4, true, secure);
    default:
        bad_offset(c->gic, "CPU interface", "read", offset);
        return 0;
    }
}

static void gicc_put(GicCpu *c, hwaddr offset, uint32_t val, bool secure)
{
    uint32_t may;

    switch (offset) {
    case GICC_CTLR:
        may = secure ? (c->gic->security ? 0x7ff : 0x3ff) : ctlr_from_ns(UINT32_MAX);
        c->ctlr = (c->ctlr & ~may) | ((secure ? val : ctlr_from_ns(val)) & may);
        break;
    case GICC_PMR:
        if (secure) {
            c->pmr = val;
        } else if (c->pmr & 0x80) {
            c->pmr = gic_prio_from_ns(val);
        }
        break;
    case GICC_BPR:
        if (secure) {
            c->bpr = val & 7;
        } else if (!(c->ctlr & GICC_CTLR_CBPR)) {
            c->abpr = MAX(val & 7, 1);
        }
        break;
    case GICC_ABPR:
        if (secure) {
            c->abpr = MAX(val & 7, 1);
        }
        break;
    case GICC_APR ... GICC_APR + 0xc:
        apr_write(c, (offset - GICC_APR) / 4, false, secure, val);
        break;
    case GICC_NSAPR ... GICC_NSAPR + 0xc:
        apr_write(c, (offset - GICC_NSAPR) / 4, true, secure, val);
        break;
    default:
        bad_offset(c->gic, "CPU interface", "write", offset);
    }
}

static MemTxResult gicc_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    GicState *s = opaque;
    GicCpu *c = access_cpu(s);
    bool secure = access_is_secure(s);

    if (offset == GICC_IAR) {
        *val = cpu_acknowledge(c, false, secure);
    } else if (offset == GICC_AIAR) {
        *val = secure ? cpu_acknowledge(c, true, true) : 0;
    } else {
        g_mutex_lock(&c->lock);
        *val = gicc_get(c, offset, secure);
        g_mutex_unlock(&c->lock);
    }
    return MEMTX_OK;
}

static MemTxResult gicc_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    GicState *s = opaque;
    GicCpu *c = access_cpu(s);
    bool secure = access_is_secure(s);

    switch (offset) {
    case GICC_EOIR:
        cpu_end(c, val, false, secure);
        break;
    case GICC_AEOIR:
        if (secure) {
            cpu_end(c, val, true, true);
        }
        break;
    case GICC_DIR:
        if (c->ctlr & (secure ? GICC_CTLR_EOIMODE_S : GICC_CTLR_EOIMODE_NS)) {
            gic_deactivate(c, val & 0x3ff, secure);
        } else {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: GICC_DIR is written while EOImode is 0\n",
                          device_name(s));
        }
        break;
    default:
        g_mutex_lock(&c->lock);
        gicc_put(c, offset, val, secure);
        cpu_update(c);
        g_mutex_unlock(&c->lock);
    }
    return MEMTX_OK;
}

/* ---- GICH and GICV ---- */

/* GICH_LRn: the sender of an SGI is part of the number that the guest reads. */
static uint64_t lr_from_gich(uint32_t val)
{
    uint64_t lr = (uint64_t)(val >> 28 & 3) << ICH_LR_STATE_SHIFT |
                  (uint64_t)(val >> 23 & 31) << (ICH_LR_PRIO_SHIFT + 3) | (val & 0x3ff);

    lr |= val & 1u << 30 ? ICH_LR_GROUP : 0;
    if (val & 1u << 31) {
        lr |= ICH_LR_HW | (uint64_t)(val >> 10 & 0x3ff) << ICH_LR_PINTID_SHIFT;
    } else {
        lr |= (val >> 10 & 7) << 10 | (val & 1u << 19 ? ICH_LR_EOI : 0);
    }
    return lr;
}

static uint32_t lr_to_gich(uint64_t lr)
{
    uint32_t val = (uint32_t)(lr >> ICH_LR_STATE_SHIFT) << 28 |
                   (uint32_t)(lr >> (ICH_LR_PRIO_SHIFT + 3) & 31) << 23 | (lr & 0x3ff);

    val |= lr & ICH_LR_GROUP ? 1u << 30 : 0;
    if (lr & ICH_LR_HW) {
        val |= 1u << 31 | (uint32_t)(lr >> ICH_LR_PINTID_SHIFT & 0x3ff) << 10;
    } else {
        val |= (lr & 0x1c00) | (lr & ICH_LR_EOI ? 1u << 19 : 0);
    }
    return val;
}

static MemTxResult gich_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    GicState *s = opaque;
    GicCpu *c = access_cpu(s);
    GicVif *v = c->vif;

    g_mutex_lock(&c->lock);
    switch (offset) {
    case GICH_HCR:
        *val = v->hcr;
        break;
    case GICH_VTR:
        *val = (uint32_t)(GIC_VIF_PRIO_BITS - 1) << 29 | (GIC_VIF_PRIO_BITS - 1) << 26 |
               (GIC_VIF_LRS - 1);
        break;
    case GICH_VMCR:
        *val = v->vmcr;
        break;
    case GICH_MISR:
        *val = gic_vif_misr(v);
        break;
    case GICH_EISR0:
        *val = gic_vif_eisr(v);
        break;
    case GICH_ELRSR0:
        *val = gic_vif_elrsr(v);
        break;
    case GICH_EISR0 + 4:
    case GICH_ELRSR0 + 4:
        *val = 0;
        break;
    case GICH_APR:
        *val = v->apr[0];
        break;
    case GICH_LR ... GICH_LR + (GIC_VIF_LRS - 1) * 4:
        *val = lr_to_gich(v->lr[(offset - GICH_LR) / 4]);
        break;
    default:
        *val = 0;
        bad_offset(s, "GICH", "read", offset);
    }
    g_mutex_unlock(&c->lock);
    return MEMTX_OK;
}

static MemTxResult gich_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    GicState *s = opaque;
    GicCpu *c = access_cpu(s);
    GicVif *v = c->vif;

    g_mutex_lock(&c->lock);
    switch (offset) {
    case GICH_HCR:
        gic_vif_write_hcr(v, val & 0xf80000ff);
        break;
    case GICH_VMCR:
        gic_vif_write_vmcr(v, val);
        break;
    case GICH_APR:
        v->apr[0] = val;
        break;
    case GICH_LR ... GICH_LR + (GIC_VIF_LRS - 1) * 4:
        v->lr[(offset - GICH_LR) / 4] = lr_from_gich(val);
        break;
    default:
        bad_offset(s, "GICH", "write", offset);
    }
    cpu_update(c);
    g_mutex_unlock(&c->lock);
    return MEMTX_OK;
}

/* GICV_IAR and GICV_HPPIR by GICV_CTLR.AckCtl, the aliased ones for group 1 alone. */
static uint32_t gicv_acknowledge(GicVif *v, bool alias, bool take)
{
    int lr = gic_vif_best(v);

    if (lr < 0 || (take && !gic_vif_can_take(v, lr))) {
        return GIC_SPURIOUS;
    }
    GicGroup group = gic_vif_lr_group(v->lr[lr]);
    if (alias ? group == GIC_G0 : group != GIC_G0 && !(v->vmcr & ICH_VMCR_VACKCTL)) {
        return alias ? GIC_SPURIOUS : 1022;
    }
    return take ? gic_vif_take(v, lr) : (uint32_t)v->lr[lr];
}

static MemTxResult gicv_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    GicState *s = opaque;
    GicCpu *c = access_cpu(s);
    GicVif *v = c->vif;

    *val = 0;
    g_mutex_lock(&c->lock);
    switch (offset) {
    case GICC_CTLR:
        *val = v->vmcr & 0x21f;
        break;
    case GICC_PMR:
        *val = v->vmcr >> ICH_VMCR_VPMR_SHIFT;
        break;
    case GICC_BPR:
        *val = gic_vif_bpr(v, GIC_G0);
        break;
    case GICC_ABPR:
        *val = gic_vif_bpr(v, GIC_G1NS);
        break;
    case GICC_IAR:
    case GICC_AIAR:
        *val = gicv_acknowledge(v, offset == GICC_AIAR, true);
        cpu_update(c);
        break;
    case GICC_RPR:
        *val = gic_vif_running(v);
        break;
    case GICC_HPPIR:
    case GICC_AHPPIR:
        *val = gicv_acknowledge(v, offset == GICC_AHPPIR, false);
        break;
    case GICC_APR:
        *val = v->apr[0];
        break;
    case GICC_APR + 4 ... GICC_APR + 0xc:
        break;
    case GICC_IIDR:
        *val = GICC_IIDR_VAL;
        break;
    default:
        bad_offset(s, "GICV", "read", offset);
    }
    g_mutex_unlock(&c->lock);
    return MEMTX_OK;
}

static MemTxResult gicv_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    GicState *s = opaque;
    GicCpu *c = access_cpu(s);
    GicVif *v = c->vif;
    GicVifDone done = -1;

    g_mutex_lock(&c->lock);
    switch (offset) {
    case GICC_CTLR:
        gic_vif_write_vmcr(v, (v->vmcr & ~0x21fu) | (val & 0x21f));
        break;
    case GICC_PMR:
        gic_vif_write_vmcr(v, (v->vmcr & 0xffffff) | (uint32_t)(val & 0xff) << ICH_VMCR_VPMR_SHIFT);
        break;
    case GICC_BPR:
        gic_vif_set_bpr(v, GIC_G0, val);
        break;
    case GICC_ABPR:
        gic_vif_set_bpr(v, GIC_G1NS, val);
        break;
    case GICC_EOIR:
    case GICC_AEOIR:
        if ((val & 0x3ff) < GIC_MAX_INTID) {
            done = gic_vif_eoi(v, val & 0x1fff, GIC_G1NS);
        }
        break;
    case GICC_DIR:
        done = gic_vif_deactivate(v, val & 0x1fff);
        break;
    case GICC_APR:
        v->apr[0] = val;
        break;
    case GICC_APR + 4 ... GICC_APR + 0xc:
        break;
    default:
        bad_offset(s, "GICV", "write", offset);
    }
    cpu_update(c);
    g_mutex_unlock(&c->lock);
    if (done >= 0) {
        gic_deactivate(c, done, true);
    }
    return MEMTX_OK;
}

/* ---- GICD ---- */

/* Bits of word w that the access may see and change. */
static uint32_t dist_may(const GicState *s, const GicWord *w, unsigned index, bool secure)
{
    return word_mask(s, index) & (secure ? UINT32_MAX : *w->group);
}

static uint32_t prio_read(const GicWord *w, unsigned first, uint32_t may, bool secure)
{
    uint32_t val = 0;

    for (unsigned i = 0; i < 4; i++) {
        uint8_t prio = may >> (first + i) & 1 ? w->prio[first + i] : 0;

        val |= (uint32_t)(secure ? prio : gic_prio_to_ns(prio)) << i * 8;
    }
    return val;
}

static void prio_write(const GicWord *w, unsigned first, uint32_t may, bool secure, uint32_t val,
                       uint32_t mask)
{
    for (unsigned i = 0; i < 4; i++) {
        if ((mask >> i * 8 & 0xff) && (may >> (first + i) & 1)) {
            uint8_t prio = val >> i * 8;

            w->prio[first + i] = secure ? prio : gic_prio_from_ns(prio);
        }
    }
}

static uint32_t target_read(const GicState *s, const GicCpu *c, unsigned intid, uint32_t may)
{
    uint32_t val = 0;

    for (unsigned i = 0; i < 4 && s->n_cpu > 1; i++) {
        if (may >> (intid + i) % 32 & 1) {
            val |= (intid < GIC_INTERNAL ? 1u << c->index : s->target[intid + i]) << i * 8;
        }
    }
    return val;
}

static void target_write(GicState *s, unsigned intid, uint32_t may, uint32_t val, uint32_t mask)
{
    for (unsigned i = 0; i < 4 && s->n_cpu > 1 && intid >= GIC_INTERNAL; i++) {
        if ((mask >> i * 8 & 0xff) && (may >> (intid + i) % 32 & 1)) {
            s->target[intid + i] = val >> i * 8 & ((1u << s->n_cpu) - 1);
        }
    }
}

static void sgi_pend(GicCpu *c, unsigned intid, unsigned from)
{
    c->sgi_from[intid] |= from;
    c->irq->latch |= (uint32_t)(c->sgi_from[intid] != 0) << intid;
}

static void sgi_unpend(GicCpu *c, unsigned intid, unsigned from)
{
    c->sgi_from[intid] &= ~from;
    if (!c->sgi_from[intid]) {
        c->irq->latch &= ~(1u << intid);
    }
}

/* 4.3.15 GICD_SGIR, with its table of who may send what. */
static void sgi_send(GicState *s, const GicCpu *from, uint32_t val, bool secure)
{
    unsigned intid = val & 15, all = (1u << s->n_cpu) - 1, self = 1u << from->index, cpus;

    switch (val >> 24 & 3) {
    case 0:
        cpus = val >> 16 & 0xff & all;
        break;
    case 1:
        cpus = all & ~self;
        break;
    case 2:
        cpus = self;
        break;
    default:
        rhea_log_mask(LOG_GUEST_ERROR, "%s: GICD_SGIR with the reserved filter 3\n",
                      device_name(s));
        return;
    }
    for (; cpus; cpus &= cpus - 1) {
        GicCpu *c = &s->cpu[__builtin_ctz(cpus)];

        g_mutex_lock(&c->lock);
        bool group1 = c->irq->group >> intid & 1;
        if (!s->security || (secure ? group1 == (val >> 15 & 1) : group1)) {
            sgi_pend(c, intid, self);
            cpu_update(c);
        }
        g_mutex_unlock(&c->lock);
    }
}

/* Registers that belong to one word of interrupts: under the lock that guards the word. */
static uint32_t dist_word_read(GicState *s, GicCpu *c, hwaddr offset, bool secure, unsigned index)
{
    GicWord w = index ? gic_shared_word(s->spi, index) : gic_private_word(c->irq);
    uint32_t may = dist_may(s, &w, index, secure);

    if (gic_is_bit_register(offset)) {
        if ((offset & ~0x7f) == GIC_IGROUPR && !secure) {
            return 0; /* 4.3.4 */
        }
        return gic_word_read(&w, offset & ~0x7f) & may;
    }
    if (offset < GIC_ITARGETSR) {
        return prio_read(&w, offset % 32, may, secure);
    }
    if (offset < GIC_ICFGR) {
        return target_read(s, c, offset - GIC_ITARGETSR, may);
    }
    unsigned first = offset / 4 % 2 * 16;
    uint32_t val = gic_word_read_config(&w, first);
    for (unsigned i = 0; i < 16; i++) {
        val &= may >> (first + i) & 1 ? UINT32_MAX : ~(3u << i * 2);
    }
    return val;
}

static void dist_word_write(GicState *s, GicCpu *c, hwaddr offset, bool secure, unsigned index,
                            uint32_t val, uint32_t mask)
{
    GicWord w = index ? gic_shared_word(s->spi, index) : gic_private_word(c->irq);
    uint32_t may = dist_may(s, &w, index, secure);
    unsigned base = offset & ~0x7f;

    if (gic_is_bit_register(offset)) {
        may &= mask;
        if (base == GIC_IGROUPR && !secure) {
            return;
        }
        if (base == GIC_IGRPMODR) {
            return; /* GICv3 */
        }
        /* SGIs are always enabled, and pending by their senders alone. */
        if (!index && (base == GIC_ISENABLER || base == GIC_ICENABLER || base == GIC_ISPENDR ||
                       base == GIC_ICPENDR)) {
            may &= 0xffff0000;
        }
        gic_word_write(&w, base, val, may);
    } else if (offset < GIC_ITARGETSR) {
        prio_write(&w, offset % 32, may, secure, val, mask);
    } else if (offset < GIC_ICFGR) {
        target_write(s, offset - GIC_ITARGETSR, may, val, mask);
    } else {
        unsigned first = offset / 4 % 2 * 16;

        for (unsigned i = 0; i < 16; i++) {
            may &= mask >> i * 2 & 3 ? UINT32_MAX : ~(1u << (first + i));
        }
        gic_word_write_config(&w, first, val, index ? may : may & 0xffff0000);
    }
}

/* The word of interrupts that a register is about, or -1. */
static int dist_word_index(hwaddr offset)
{
    if (gic_is_bit_register(offset)) {
        return (offset & 0x7f) / 4;
    }
    if (offset >= GIC_IPRIORITYR && offset < GIC_ICFGR) {
        return (offset & 0x3ff) / 32;
    }
    if (offset >= GIC_ICFGR && offset < GIC_ICFGR + 0x100) {
        return (offset & 0xff) / 8;
    }
    return -1;
}

static uint32_t dist_id(hwaddr offset)
{
    static const uint8_t id[12] = {0x04, 0, 0, 0, 0x90, 0xb4, 0x2b, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

    return id[(offset - 0xfd0) / 4];
}

static uint32_t dist_get(GicState *s, GicCpu *c, hwaddr offset, bool secure)
{
    uint32_t val = 0;

    switch (offset) {
    case 0x000:
        return secure ? s->ctlr : s->ctlr >> 1 & 1;
    case 0x004:
        return (uint32_t)s->security << 10 | (s->n_cpu - 1) << 5 | (n_words(s) - 1);
    case 0x008:
        return 0; /* IIDR */
    case 0xf10 ... 0xf2c:
        g_mutex_lock(&c->lock);
        for (unsigned i = 0; i < 4; i++) {
            unsigned intid = offset % 16 + i;

            if (secure || (c->irq->group >> intid & 1)) {
                val |= (uint32_t)c->sgi_from[intid] << i * 8;
            }
        }
        g_mutex_unlock(&c->lock);
        return val;
    case 0xfd0 ... 0xffc:
        return dist_id(offset);
    default:
        bad_offset(s, "distributor", "read", offset);
        return 0;
    }
}

static void dist_put(GicState *s, GicCpu *c, hwaddr offset, uint32_t val, uint32_t mask,
                     bool secure)
{
    switch (offset) {
    case 0x000:
        g_mutex_lock(&s->dev.lock);
        val = secure ? val & 3 : (s->ctlr & 1) | (val & 1) << 1;
        __atomic_store_n(&s->ctlr, val, __ATOMIC_RELAXED);
        spi_update(s, true);
        g_mutex_unlock(&s->dev.lock);
        break;
    case GIC_SGIR:
        sgi_send(s, c, val, secure);
        break;
    case 0xf10 ... 0xf2c:
        g_mutex_lock(&c->lock);
        for (unsigned i = 0; i < 4; i++) {
            unsigned intid = offset % 16 + i;
            unsigned from = val >> i * 8 & mask >> i * 8 & ((1u << s->n_cpu) - 1);

            if (secure || (c->irq->group >> intid & 1)) {
                (offset < 0xf20 ? sgi_unpend : sgi_pend)(c, intid, from);
            }
        }
        cpu_update(c);
        g_mutex_unlock(&c->lock);
        break;
    default:
        bad_offset(s, "distributor", "write", offset);
    }
}

static MemTxResult dist_read(void *opaque, hwaddr offset, unsigned size, uint64_t *out)
{
    GicState *s = opaque;
    GicCpu *c = access_cpu(s);
    bool secure = access_is_secure(s);
    hwaddr word = offset & ~(hwaddr)3;
    int index = dist_word_index(word);
    uint32_t val;

    if (index < 0) {
        val = dist_get(s, c, word, secure);
    } else {
        GMutex *lock = index ? &s->dev.lock : &c->lock;

        g_mutex_lock(lock);
        val = dist_word_read(s, c, word, secure, index);
        g_mutex_unlock(lock);
    }
    *out = val >> offset % 4 * 8 & (size == 4 ? UINT32_MAX : (1u << size * 8) - 1);
    return MEMTX_OK;
}

static MemTxResult dist_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    GicState *s = opaque;
    GicCpu *c = access_cpu(s);
    bool secure = access_is_secure(s);
    hwaddr word = offset & ~(hwaddr)3;
    uint32_t mask = (size == 4 ? UINT32_MAX : (1u << size * 8) - 1) << offset % 4 * 8;
    int index = dist_word_index(word);

    val = (uint32_t)val << offset % 4 * 8;
    if (index < 0) {
        dist_put(s, c, word, val, mask, secure);
    } else if (index) {
        g_mutex_lock(&s->dev.lock);
        dist_word_write(s, c, word, secure, index, val, mask);
        spi_update(s, false);
        g_mutex_unlock(&s->dev.lock);
    } else {
        g_mutex_lock(&c->lock);
        dist_word_write(s, c, word, secure, 0, val, mask);
        cpu_update(c);
        g_mutex_unlock(&c->lock);
    }
    return MEMTX_OK;
}

/* ---- device ---- */

static const MmioOps dist_ops = {.read = dist_read, .write = dist_write, .valid_max = 4};
static const MmioOps gicc_ops = {
    .read = gicc_read, .write = gicc_write, .valid_min = 4, .valid_max = 4};
static const MmioOps gich_ops = {
    .read = gich_read, .write = gich_write, .valid_min = 4, .valid_max = 4};
static const MmioOps gicv_ops = {
    .read = gicv_read, .write = gicv_write, .valid_min = 4, .valid_max = 4};

static bool gic_realize(void *opaque, GError **err)
{
    GicState *s = opaque;
    MemSystem *ms = s->dev.ms;

    if (s->revision != 2) {
        rhea_error_set(err, "Property 'revision': only version 2 is supported");
        return false;
    }
    if (s->n_cpu < 1 || s->n_cpu > GIC_MAX_CPU || s->n_irq < GIC_INTERNAL ||
        s->n_irq > GIC_MAX_INTID || (s->n_irq % 32 && s->n_irq != GIC_MAX_INTID)) {
        rhea_error_set(err, "a GICv2 has 1 to %u CPUs and 32 to %u interrupts, in steps of 32",
                       GIC_MAX_CPU, GIC_MAX_INTID);
        return false;
    }
    device_state_alloc(s);
    for (unsigned i = 0; i < s->n_cpu; i++) {
        s->cpu[i].gic = s;
        s->cpu[i].index = i;
        s->cpu[i].spi = GIC_NO_BEST;
        s->cpu[i].vif->one_apr = true;
    }
    device_set_irqs(s, s->n_cpu * ARM_GIC_OUTS);
    /* No lock: the callbacks take those that they need. */
    memory_region_init_mmio(&s->dev.mmio[BANK_DIST], ms, "gic_dist", 0x1000, &dist_ops, s, NULL);
    memory_region_init_mmio(&s->dev.mmio[BANK_CPU], ms, "gic_cpu", GICC_SIZE, &gicc_ops, s, NULL);
    if (s->virt) {
        memory_region_init_mmio(&s->dev.mmio[BANK_HYP], ms, "gic_hyp", GICH_SIZE, &gich_ops, s,
                                NULL);
        memory_region_init_mmio(&s->dev.mmio[BANK_VCPU], ms, "gic_vcpu", GICC_SIZE, &gicv_ops, s,
                                NULL);
    }
    return true;
}

static void gic_reset(void *opaque)
{
    GicState *s = opaque;

    spi_update(s, true);
}

static bool cpu_check(const GicState *s, GicCpu *c)
{
    bool ok = c->bpr <= 7 && c->abpr >= 1 && c->abpr <= 7 && c->ctlr <= 0x7ff &&
              gic_vif_check(c->vif) && (c->irq->enable & 0xffff) == 0xffff &&
              (c->irq->edge & 0xffff) == 0xffff;

    for (unsigned i = 0; i < 16; i++) {
        ok &= !(c->sgi_from[i] >> s->n_cpu) && (c->irq->latch >> i & 1) == (c->sgi_from[i] != 0);
    }
    return ok;
}

static bool gic_post_load(void *opaque, GError **err)
{
    GicState *s = opaque;
    bool ok = s->ctlr <= 3;

    for (unsigned w = 0; w < 32; w++) {
        uint32_t beyond = w ? ~word_mask(s, w) : UINT32_MAX;

        ok &= !((s->spi->enable[w] | s->spi->latch[w] | s->spi->active[w] | s->spi->level[w]) &
                beyond);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(s->target); i++) {
        ok &= !(s->target[i] >> s->n_cpu);
    }
    for (unsigned i = 0; i < s->n_cpu; i++) {
        ok &= cpu_check(s, &s->cpu[i]);
    }
    if (!ok) {
        rhea_error_set(err, "snapshot: interrupt state that cannot be");
        memset(s->spi->level, 0, sizeof(s->spi->level));
        return false;
    }
    spi_update(s, true);
    return true;
}

// clang-format off
DEVICE(gic, GicState,
    .name = "arm_gic",
    .desc = "Arm generic interrupt controller (GICv2)",
    .bus = "System",
    .category = DEVICE_MISC,
    .props = gic_props,
    .version = 1,
    .irq_input = gic_input,
    .realize = gic_realize,
    .reset = gic_reset,
    .post_load = gic_post_load);
// clang-format on

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm generic interrupt controller, architecture version 3: distributor and redistributors.
 *
 * Specification: Arm IHI 0069; chapters 4 to 6 (handling, LPIs), 12 (registers). Affinity routing
 * is always on, 1 of N distribution is not there (GICD_TYPER.No1N), priorities have five bits. LPIs
 * have 16-bit INTIDs; their configuration and pending bits live in the guest's tables alone: a
 * redistributor keeps pointers to them, as RAM never moves, and a summary of the words that may
 * hold pending bits. Messages come through the ITS.
 *
 * Locks: the device's lock guards the SPIs and GICD_CTLR; a lock of each CPU guards its SGIs, PPIs,
 * LPIs and CPU interface. The first is taken before the second, never two of the second. SGIs, PPIs
 * and LPIs are taken and ended under their CPU's lock alone. Each CPU keeps the best SPI that is
 * routed to it (`spi`), written with both locks held, and its best LPI.
 * Invariants: the outputs of a CPU follow its state whenever its lock is free; lpi_pending is not
 * NULL only if tables of lpi_limit INTIDs are RAM.
 * Test: tests/unit/test-arm-gicv3.c
 */
#include "hw/intc/gicv3_internal.h"
#include "rhea/error.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <string.h>

#define IIDR_VAL     0x43b
#define FRAME        0x10000
#define REDIST_SIZE  (2 * FRAME)
#define GICD_IROUTER 0x6000

enum {
    BANK_DIST,
    BANK_REDIST, /* and the second region */

    GICD_CTLR = 0x00,
    GICD_TYPER = 0x04,
    GICD_IIDR = 0x08,

    GICR_CTLR = 0x00,
    GICR_IIDR = 0x04,
    GICR_TYPER = 0x08,
    GICR_WAKER = 0x14,
    GICR_PROPBASER = 0x70,
    GICR_PENDBASER = 0x78,

    WAKER_SLEEP = 1 << 1,
    WAKER_ASLEEP = 1 << 2,
};
#define PROPBASER_ADDR UINT64_C(0x000ffffffffff000)
#define PENDBASER_ADDR UINT64_C(0x000fffffffff0000)

PROPS(gicv3, Gicv3State, PROP("num-cpu", U32, n_cpu, "1", INTERNAL, "CPUs, 1 to 512"),
      PROP("num-irq", U32, n_irq, "64", INTERNAL, "interrupts, the 32 of each CPU included"),
      PROP("revision", U32, revision, "3", INTERNAL, "architecture version"),
      PROP("has-security-extensions", BOOL, security, "off", INTERNAL, "two security states"),
      PROP("has-lpi", BOOL, lpis, "off", INTERNAL, "message-signalled interrupts"),
      PROP("region0-cpus", U32, region_cpus[0], "0", INTERNAL,
           "CPUs in the first redistributor region, the others are in the second; 0: all"),
      PROP("maintenance-irq", U32, maintenance, "25", INTERNAL,
           "INTID of the virtual interface's maintenance interrupt"))

void arm_gicv3_set_security(void *gic, bool (*is_secure)(CPU *cpu))
{
    ((Gicv3State *)gic)->is_secure = is_secure;
}

void *arm_gicv3_cpu(void *gic, unsigned n)
{
    Gicv3State *s = gic;

    g_assert(n < s->n_cpu);
    return &s->cpu[n];
}

void arm_gicv3_set_affinity(void *gic, unsigned n, uint32_t affinity)
{
    Gicv3State *s = gic;

    g_assert(n < s->n_cpu);
    s->cpu[n].affinity = affinity;
}

unsigned arm_gicv3_num_cpu(void *gic)
{
    return ((Gicv3State *)gic)->n_cpu;
}

static bool access_is_secure(const Gicv3State *s)
{
    CPU *cpu = cpu_current();

    return gicv3_single_state(s) || !s->is_secure || (cpu && s->is_secure(cpu));
}

static unsigned n_words(const Gicv3State *s)
{
    return (s->n_irq + 31) / 32;
}

/* Interrupts of word w that exist. */
static uint32_t word_mask(const Gicv3State *s, unsigned w)
{
    unsigned left = w < n_words(s) ? MIN(s->n_irq, GIC_MAX_INTID) - w * 32 : 0;

    return left >= 32 ? UINT32_MAX : (1u << left) - 1;
}

static void bad_offset(const Gicv3State *s, const char *block, const char *verb, hwaddr offset)
{
    rhea_log_mask(LOG_GUEST_ERROR, "%s: %s of %s at offset 0x%" PRIx64 ": no register\n",
                  device_name(s), verb, block, offset);
}

/* ---- outputs. Under the CPU's lock ---- */

void gicv3_cpu_update(Gicv3Cpu *c)
{
    GicWord w = gic_private_word(c->irq);

    gic_word_input(&w, c->gic->maintenance, gic_vif_maintenance(c->vif));
    unsigned out = gicv3_cpuif_lines(c), changed = out ^ c->out;
    c->out = out;
    for (unsigned i = 0; changed && i < ARM_GIC_OUTS; i++) {
        if (changed >> i & 1) {
            irq_set(&c->gic->dev.irq[ARM_GIC_OUT(c->index, i)], out >> i & 1);
        }
    }
}

/* ---- SPIs. Under the device's lock, no CPU's ---- */

static void spi_update_cpu(Gicv3State *s, unsigned cpu, bool always)
{
    Gicv3Cpu *c = &s->cpu[cpu];
    unsigned groups = gicv3_forwarded(s);
    GicBest best = GIC_NO_BEST;

    for (unsigned w = 1; w < n_words(s); w++) {
        GicWord word = gic_shared_word(s->spi, w);
        uint32_t mine = 0;

        for (uint32_t bits = gic_word_ready(&word); bits; bits &= bits - 1) {
            unsigned bit = __builtin_ctz(bits);

            mine |= (uint32_t)(s->target[w * 32 + bit] == (int)cpu) << bit;
        }
        gic_word_best(&word, w * 32, mine, groups, &best);
    }
    if (always || !gic_best_equal(&best, &c->spi)) {
        g_mutex_lock(&c->lock);
        c->spi = best;
        gicv3_cpu_update(c);
        g_mutex_unlock(&c->lock);
    }
}

void gicv3_spi_update_cpu_locked(Gicv3State *s, unsigned cpu)
{
    spi_update_cpu(s, cpu, false);
}

static void spi_update_all(Gicv3State *s)
{
    for (unsigned i = 0; i < s->n_cpu; i++) {
        spi_update_cpu(s, i, true);
    }
}

/* Those of one word that changed. */
static void spi_update_word(Gicv3State *s, unsigned w, uint32_t bits)
{
    int last = -1;

    for (; bits; bits &= bits - 1) {
        int cpu = s->target[w * 32 + __builtin_ctz(bits)];

        if (cpu >= 0 && cpu != last) {
            spi_update_cpu(s, cpu, false);
            last = cpu;
        }
    }
}

/* IROUTER has MPIDR's layout: Aff3 is apart. */
static uint32_t router_affinity(uint64_t router)
{
    return (router & 0xffffff) | (router >> 32 & 0xff) << 24;
}

static int find_cpu(const Gicv3State *s, uint32_t affinity)
{
    for (unsigned i = 0; i < s->n_cpu; i++) {
        if (s->cpu[i].affinity == affinity) {
            return i;
        }
    }
    return -1;
}

static void router_set(Gicv3State *s, unsigned intid, uint64_t val)
{
    int old = s->target[intid];

    s->router[intid] = val & UINT64_C(0xff00ffffff);
    s->target[intid] = find_cpu(s, router_affinity(s->router[intid]));
    for (int i = 0; i < 2; i++) {
        int cpu = i ? s->target[intid] : old;

        if (cpu >= 0) {
            spi_update_cpu(s, cpu, false);
        }
    }
}

static void gicv3_input(void *opaque, unsigned n, bool level)
{
    Gicv3State *s = opaque;
    unsigned n_spi = s->n_irq - GIC_INTERNAL;

    g_assert(n < n_spi + s->n_cpu * GIC_INTERNAL);
    if (n < n_spi) {
        g_mutex_lock(&s->dev.lock);
        GicWord w = gic_shared_word(s->spi, n / 32 + 1);
        gic_word_input(&w, n % 32, level);
        spi_update_word(s, n / 32 + 1, 1u << n % 32);
        g_mutex_unlock(&s->dev.lock);
    } else {
        Gicv3Cpu *c = &s->cpu[(n - n_spi) / GIC_INTERNAL];
        GicWord w = gic_private_word(c->irq);

        g_mutex_lock(&c->lock);
        gic_word_input(&w, (n - n_spi) % GIC_INTERNAL, level);
        gicv3_cpu_update(c);
        g_mutex_unlock(&c->lock);
    }
}

/* ---- LPIs. Under the CPU's lock ---- */

/* 5.1.1: priority and enable bit of each; they are non-secure group 1. */
static uint16_t lpi_prio(const Gicv3Cpu *c, uint32_t intid)
{
    uint8_t config = __atomic_load_n(&c->lpi_config[intid - GIC_LPI_BASE], __ATOMIC_RELAXED);

    if (!(config & 1)) {
        return GIC_IDLE + 1;
    }
    config &= 0xfc;
    return (gicv3_single_state(c->gic) ? config : gic_prio_from_ns(config)) & GICV3_PRIO_MASK;
}

static void lpi_consider(Gicv3Cpu *c, uint32_t intid)
{
    uint16_t prio = lpi_prio(c, intid);

    if (prio < c->lpi.prio || (prio == c->lpi.prio && prio <= GIC_IDLE && intid < c->lpi.intid)) {
        c->lpi = (GicBest){intid, prio, GIC_G1NS};
    }
}

static uint64_t lpi_word(const Gicv3Cpu *c, unsigned w)
{
    return GUINT64_FROM_LE(__atomic_load_n((uint64_t *)c->lpi_pending + w, __ATOMIC_RELAXED));
}

/* Find the best LPI anew. */
static void lpi_refresh(Gicv3Cpu *c)
{
    c->lpi = GIC_NO_BEST;
    if (!c->lpi_pending) {
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(c->lpi_summary); i++) {
        for (uint64_t some = c->lpi_summary[i]; some; some &= some - 1) {
            unsigned w = i * 64 + __builtin_ctzll(some);
            uint64_t bits = w * 64 >= GIC_LPI_BASE && w * 64 < c->lpi_limit ? lpi_word(c, w) : 0;

            if (!bits) {
                c->lpi_summary[i] &= ~(some & -some);
            }
            for (; bits; bits &= bits - 1) {
                lpi_consider(c, w * 64 + __builtin_ctzll(bits));
            }
        }
    }
}

static bool lpi_put(Gicv3Cpu *c, uint32_t intid, bool pending)
{
    if (!c->lpi_pending || intid < GIC_LPI_BASE || intid >= c->lpi_limit) {
        return false;
    }
    uint8_t *byte = &c->lpi_pending[intid / 8], bit = 1u << intid % 8;
    uint8_t old = pending ? __atomic_fetch_or(byte, bit, __ATOMIC_RELAXED)
                          : __atomic_fetch_and(byte, ~bit, __ATOMIC_RELAXED);

    memory_unmap(c->gic->dev.dma, byte, 1); /* the table might hold code, who knows */
    if (pending) {
        c->lpi_summary[intid / 64 / 64] |= UINT64_C(1) << intid / 64 % 64;
    }
    return old & bit;
}

void gicv3_lpi_taken_locked(Gicv3Cpu *c, uint32_t intid)
{
    lpi_put(c, intid, false);
    lpi_refresh(c);
}

void arm_gicv3_lpi(void *gic, unsigned n, uint32_t intid, bool pending)
{
    Gicv3State *s = gic;
    Gicv3Cpu *c = &s->cpu[n];

    g_assert(n < s->n_cpu);
    g_mutex_lock(&c->lock);
    bool was = lpi_put(c, intid, pending);
    if (pending && c->lpi_pending && intid >= GIC_LPI_BASE && intid < c->lpi_limit) {
        lpi_consider(c, intid);
    } else if (was) {
        lpi_refresh(c);
    }
    gicv3_cpu_update(c);
    g_mutex_unlock(&c->lock);
}

bool arm_gicv3_lpi_take(void *gic, unsigned n, uint32_t intid)
{
    Gicv3State *s = gic;
    Gicv3Cpu *c = &s->cpu[n];

    g_assert(n < s->n_cpu);
    g_mutex_lock(&c->lock);
    bool was = lpi_put(c, intid, false);
    if (was) {
        lpi_refresh(c);
        gicv3_cpu_update(c);
    }
    g_mutex_unlock(&c->lock);
    return was;
}

void arm_gicv3_lpi_move_all(void *gic, unsigned from, unsigned to)
{
    Gicv3State *s = gic;
    Gicv3Cpu *c = &s->cpu[from];
    g_autofree uint64_t *taken = g_new0(uint64_t, GICV3_LPI_WORDS);

    g_assert(from < s->n_cpu && to < s->n_cpu);
    if (from == to) {
        return;
    }
    g_mutex_lock(&c->lock);
    for (unsigned w = GIC_LPI_BASE / 64; c->lpi_pending && w < c->lpi_limit / 64; w++) {
        uint64_t *p = (uint64_t *)c->lpi_pending + w;

        if (c->lpi_summary[w / 64] >> w % 64 & 1) {
            taken[w] = GUINT64_FROM_LE(__atomic_exchange_n(p, 0, __ATOMIC_RELAXED));
            memory_unmap(s->dev.dma, p, 8);
        }
    }
    lpi_refresh(c);
    gicv3_cpu_update(c);
    g_mutex_unlock(&c->lock);

    c = &s->cpu[to];
    g_mutex_lock(&c->lock);
    for (unsigned w = GIC_LPI_BASE / 64; w < GICV3_LPI_WORDS; w++) {
        for (uint64_t bits = taken[w]; bits; bits &= bits - 1) {
            lpi_put(c, w * 64 + __builtin_ctzll(bits), true);
        }
    }
    lpi_refresh(c);
    gicv3_cpu_update(c);
    g_mutex_unlock(&c->lock);
}

void arm_gicv3_lpi_config_changed(void *gic, unsigned n)
{
    Gicv3State *s = gic;
    Gicv3Cpu *c = &s->cpu[n];

    g_assert(n < s->n_cpu);
    g_mutex_lock(&c->lock);
    lpi_refresh(c);
    gicv3_cpu_update(c);
    g_mutex_unlock(&c->lock);
}

/* GICR_CTLR.EnableLPIs went up, or a snapshot has it: find the tables. */
static void lpi_map(Gicv3Cpu *c)
{
    Gicv3State *s = c->gic;
    uint32_t limit = 2u << (c->propbaser & 0x1f);
    hwaddr config = c->propbaser & PROPBASER_ADDR, pending = c->pendbaser & PENDBASER_ADDR;

    c->lpi_pending = NULL;
    c->lpi_limit = 0;
    if (!(c->redist_ctlr & GICR_CTLR_LPIS) || !s->dev.dma) {
        return;
    }
    limit = (c->propbaser & 0x1f) > 15 ? GICV3_MAX_LPI : limit;
    if (limit <= GIC_LPI_BASE) {
        return; /* IDbits below 13: no LPI is there */
    }
    uint64_t config_len = limit - GIC_LPI_BASE, pending_len = limit / 8;
    c->lpi_config = memory_map(s->dev.dma, config, &config_len, false);
    uint8_t *table = memory_map(s->dev.dma, pending, &pending_len, true);
    if (!c->lpi_config || config_len < limit - GIC_LPI_BASE || !table || pending_len < limit / 8) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "%s: CPU %u: LPI tables at 0x%" PRIx64 " and 0x%" PRIx64 " are not RAM\n",
                      device_name(s), c->index, config, pending);
        return;
    }
    c->lpi_pending = table;
    c->lpi_limit = limit;
    memset(c->lpi_summary, 0xff, sizeof(c->lpi_summary));
}

/* ---- registers of one word of interrupts, distributor and redistributor alike ---- */

/* Two bits an interrupt, 32 interrupts: those with at least `level`. */
static uint32_t nsacr_at_least(uint32_t low, uint32_t high, unsigned level)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < 32; i++) {
        bits |= (uint32_t)(((i < 16 ? low : high) >> i % 16 * 2 & 3) >= level) << i;
    }
    return bits;
}

/* GICD_NSACR: what a non-secure access may do to secure interrupts. */
static unsigned nsacr_level(unsigned base)
{
    switch (base) {
    case GIC_ISPENDR:
        return 1;
    case GIC_ICPENDR:
    case GIC_ISACTIVER:
    case GIC_ICACTIVER:
        return 2;
    default:
        return 4; /* nothing */
    }
}

static uint32_t word_may(const Gicv3State *s, const GicWord *w, unsigned index, bool secure,
                         unsigned level, uint32_t nsacr_low, uint32_t nsacr_high)
{
    uint32_t all = index ? word_mask(s, index) : UINT32_MAX;

    if (secure) {
        return all;
    }
    return all & (*w->group | (level <= 3 ? nsacr_at_least(nsacr_low, nsacr_high, level) : 0));
}

static uint32_t word_read(const Gicv3State *s, const GicWord *w, hwaddr offset, unsigned index,
                          bool secure, uint32_t nsacr_low, uint32_t nsacr_high)
{
    unsigned base = offset & ~0x7f;

    if (gic_is_bit_register(offset)) {
        uint32_t may = word_may(s, w, index, secure, nsacr_level(base), nsacr_low, nsacr_high);

        if ((base == GIC_IGROUPR && !secure) ||
            (base == GIC_IGRPMODR && (!secure || gicv3_single_state(s)))) {
            return 0;
        }
        return gic_word_read(w, base) & may;
    }
    uint32_t may = word_may(s, w, index, secure, 4, 0, 0), val = 0;
    if (offset < GIC_ITARGETSR) {
        for (unsigned i = 0; i < 4; i++) {
            unsigned bit = offset % 32 + i;
            uint8_t prio = may >> bit & 1 ? w->prio[bit] : 0;

            val |= (uint32_t)(secure ? prio : gic_prio_to_ns(prio)) << i * 8;
        }
        return val;
    }
    unsigned first = offset / 4 % 2 * 16;
    val = gic_word_read_config(w, first);
    for (unsigned i = 0; i < 16; i++) {
        val &= may >> (first + i) & 1 ? UINT32_MAX : ~(3u << i * 2);
    }
    return val;
}

static void word_write(const Gicv3State *s, const GicWord *w, hwaddr offset, unsigned index,
                       bool secure, uint32_t nsacr_low, uint32_t nsacr_high, uint32_t val,
                       uint32_t mask)
{
    unsigned base = offset & ~0x7f;

    if (gic_is_bit_register(offset)) {
        uint32_t may = word_may(s, w, index, secure, nsacr_level(base), nsacr_low, nsacr_high);

        if ((base == GIC_IGROUPR && !secure) ||
            (base == GIC_IGRPMODR && (!secure || gicv3_single_state(s)))) {
            return;
        }
        gic_word_write(w, base, val, may & mask);
        return;
    }
    uint32_t may = word_may(s, w, index, secure, 4, 0, 0);
    if (offset < GIC_ITARGETSR) {
        for (unsigned i = 0; i < 4; i++) {
            unsigned bit = offset % 32 + i;
            uint8_t prio = val >> i * 8;

            if ((mask >> i * 8 & 0xff) && (may >> bit & 1)) {
                w->prio[bit] = (secure ? prio : gic_prio_from_ns(prio)) & GICV3_PRIO_MASK;
            }
        }
        return;
    }
    unsigned first = offset / 4 % 2 * 16;
    for (unsigned i = 0; i < 16; i++) {
        may &= mask >> i * 2 & 3 ? UINT32_MAX : ~(1u << (first + i));
    }
    gic_word_write_config(w, first, val, index ? may : may & 0xffff0000); /* SGIs are edges */
}

/* The word of interrupts that a register is about, or -1. */
static int word_index(hwaddr offset)
{
    if (gic_is_bit_register(offset)) {
        return (offset & 0x7f) / 4;
    }
    if (offset >= GIC_IPRIORITYR && offset < GIC_ITARGETSR) {
        return (offset & 0x3ff) / 32;
    }
    if (offset >= GIC_ICFGR && offset < GIC_ICFGR + 0x100) {
        return (offset & 0xff) / 8;
    }
    return -1;
}

/* Identification registers at 0xffd0. */
static uint32_t id_register(hwaddr offset, uint8_t part)
{
    static const uint8_t id[12] = {0x44, 0, 0, 0, 0, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    unsigned i = (offset - 0xffd0) / 4;

    return i == 4 ? part : id[i];
}

/* ---- distributor ---- */

/* The non-secure view has EnableGrp1A in bit 1 and ARE_NS in bit 4. */
static uint32_t dist_ctlr_read(const Gicv3State *s, bool secure)
{
    if (!s->security) {
        return (s->ctlr & 3) | 1 << 4 | GICD_CTLR_DS;
    }
    if (s->ctlr & GICD_CTLR_DS) {
        return (s->ctlr & 3) | 1 << 4 | GICD_CTLR_DS;
    }
    return secure ? s->ctlr | 3 << 4 : (s->ctlr & 2) | 1 << 4;
}

static void dist_ctlr_write(Gicv3State *s, uint32_t val, bool secure)
{
    uint32_t ctlr = s->ctlr;

    if (gicv3_single_state(s)) {
        ctlr = (ctlr & GICD_CTLR_DS) | (val & 3);
    } else if (secure) {
        ctlr = val & (GICD_CTLR_GROUPS | GICD_CTLR_DS);
        if (val & GICD_CTLR_DS) {
            /* Stays until reset; there is no secure group 1 any more. */
            ctlr &= ~4u;
            memset(s->spi->grpmod, 0, sizeof(s->spi->grpmod));
            for (unsigned i = 0; i < s->n_cpu; i++) {
                g_mutex_lock(&s->cpu[i].lock);
                s->cpu[i].irq->grpmod = 0;
                g_mutex_unlock(&s->cpu[i].lock);
            }
        }
    } else {
        ctlr = (ctlr & ~2u) | (val & 2) | (val & 1) << 1;
    }
    __atomic_store_n(&s->ctlr, ctlr, __ATOMIC_RELAXED);
    spi_update_all(s);
}

static uint32_t dist_get(Gicv3State *s, hwaddr offset, bool secure)
{
    switch (offset) {
    case GICD_CTLR:
        return dist_ctlr_read(s, secure);
    case GICD_TYPER:
        /* No1N, A3V, IDbits 16, LPIS, SecurityExtn, ITLinesNumber */
        return 1 << 25 | 1 << 24 | 15 << 19 | (uint32_t)s->lpis << 17 |
               (uint32_t)!gicv3_single_state(s) << 10 | (n_words(s) - 1);
    case GICD_IIDR:
        return IIDR_VAL;
    case 0x00c:
    case 0x010: /* TYPER2, STATUSR: not there */
        return 0;
    case GIC_ITARGETSR ... GIC_ICFGR - 1:
        return 0; /* with affinity routing */
    case GIC_NSACR ... GIC_NSACR + 0xff:
        return secure && !gicv3_single_state(s) ? s->nsacr[(offset - GIC_NSACR) / 4] : 0;
    case 0xffd0 ... 0xffff:
        return id_register(offset, 0x92);
    default:
        bad_offset(s, "distributor", "read", offset);
        return 0;
    }
}

static void dist_put(Gicv3State *s, hwaddr offset, uint32_t val, uint32_t mask, bool secure)
{
    unsigned i;

    switch (offset) {
    case GICD_CTLR:
        dist_ctlr_write(s, val, secure);
        break;
    case 0x010:
    case GIC_ITARGETSR ... GIC_ICFGR - 1:
        break;
    case GIC_NSACR ... GIC_NSACR + 0xff:
        i = (offset - GIC_NSACR) / 4;
        if (secure && !gicv3_single_state(s) && i >= 2) {
            s->nsacr[i] = (s->nsacr[i] & ~mask) | (val & mask);
        }
        break;
    default:
        bad_offset(s, "distributor", "write", offset);
    }
}

/* The SPI whose IROUTER is there and that the access may see, or -1. */
static int router_intid(const Gicv3State *s, hwaddr offset, bool secure)
{
    unsigned intid = (offset - GICD_IROUTER) / 8;

    if (offset < GICD_IROUTER || intid < GIC_INTERNAL || intid >= MIN(s->n_irq, GIC_MAX_INTID)) {
        return -1;
    }
    if (!secure && !(s->spi->group[intid / 32] >> intid % 32 & 1) &&
        (s->nsacr[intid / 16] >> intid % 16 * 2 & 3) < 3) {
        return -1;
    }
    return intid;
}

static MemTxResult dist_read(void *opaque, hwaddr offset, unsigned size, uint64_t *out)
{
    Gicv3State *s = opaque;
    bool secure = access_is_secure(s);
    hwaddr word = offset & ~(hwaddr)3;
    int index = word_index(word), intid = router_intid(s, offset, secure);
    uint64_t val = 0;

    if (intid >= 0) {
        val = s->router[intid] >> offset % 8 * 8;
    } else if (offset >= GICD_IROUTER && offset < GICD_IROUTER + 0x2000) {
        val = 0;
    } else if (index > 0) {
        GicWord w = gic_shared_word(s->spi, index);

        val = word_read(s, &w, word, index, secure, s->nsacr[2 * index], s->nsacr[2 * index + 1]);
        val >>= offset % 4 * 8;
    } else if (index < 0) {
        val = dist_get(s, word, secure) >> offset % 4 * 8;
    }
    *out = size == 8 ? val : val & ((UINT64_C(1) << size * 8) - 1);
    return MEMTX_OK;
}

static MemTxResult dist_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    Gicv3State *s = opaque;
    bool secure = access_is_secure(s);
    hwaddr word = offset & ~(hwaddr)3;
    int index = word_index(word), intid = router_intid(s, offset, secure);

    if (intid >= 0) {
        unsigned shift = offset % 8 * 8;
        uint64_t mask = (size == 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1) << shift;

        router_set(s, intid, (s->router[intid] & ~mask) | (val << shift & mask));
        return MEMTX_OK;
    }
    if ((offset >= GICD_IROUTER && offset < GICD_IROUTER + 0x2000) || index == 0) {
        return MEMTX_OK; /* of the redistributors, or of no interrupt */
    }
    uint32_t mask = (size >= 4 ? UINT32_MAX : (1u << size * 8) - 1) << offset % 4 * 8;
    uint32_t bits = (uint32_t)val << offset % 4 * 8;
    if (index < 0) {
        dist_put(s, word, bits, mask, secure);
    } else {
        GicWord w = gic_shared_word(s->spi, index);

        word_write(s, &w, word, index, secure, s->nsacr[2 * index], s->nsacr[2 * index + 1], bits,
                   mask);
        spi_update_word(s, index, word_mask(s, index));
    }
    return MEMTX_OK;
}

/* ---- redistributors ---- */

static uint64_t redist_typer(const Gicv3Cpu *c)
{
    const Gicv3State *s = c->gic;
    bool last = c->index + 1 == s->n_cpu;

    for (unsigned i = 0; i < G_N_ELEMENTS(s->region); i++) {
        last |= c->index + 1 == s->region[i].first + s->region[i].count;
    }
    /* CommonLPIAff 1: one configuration table for all with the same Aff3 */
    return (uint64_t)c->affinity << 32 | 1 << 24 | (uint64_t)c->index << 8 | (uint64_t)last << 4 |
           s->lpis;
}

/* RD_base: LPIs and power. */
static uint64_t rd_get(Gicv3Cpu *c, hwaddr offset)
{
    Gicv3State *s = c->gic;

    switch (offset) {
    case GICR_CTLR:
        return c->redist_ctlr;
    case GICR_IIDR:
        return IIDR_VAL;
    case GICR_TYPER:
        return redist_typer(c);
    case 0x10: /* STATUSR */
        return 0;
    case GICR_WAKER:
        return c->waker;
    case GICR_PROPBASER:
        return c->propbaser;
    case GICR_PENDBASER:
        return c->pendbaser;
    case 0xffd0 ... 0xffff:
        return id_register(offset, 0x93);
    default:
        bad_offset(s, "redistributor", "read", offset);
        return 0;
    }
}

static void rd_put(Gicv3Cpu *c, hwaddr offset, uint64_t val, bool secure)
{
    Gicv3State *s = c->gic;

    switch (offset) {
    case GICR_CTLR:
        if (s->lpis && ((val ^ c->redist_ctlr) & GICR_CTLR_LPIS)) {
            c->redist_ctlr = val & GICR_CTLR_LPIS;
            lpi_map(c);
            lpi_refresh(c);
        }
        break;
    case 0x10:
        break;
    case GICR_WAKER:
        /* Asleep as soon as asked to: nothing is in flight. Secure accesses only. */
        if (secure) {
            c->waker = val & WAKER_SLEEP ? WAKER_SLEEP | WAKER_ASLEEP : 0;
        }
        break;
    case GICR_PROPBASER:
    case GICR_PENDBASER:
        if (!s->lpis) {
            break;
        }
        if (c->redist_ctlr & GICR_CTLR_LPIS) {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: CPU %u: LPI tables are moved while in use\n",
                          device_name(s), c->index);
        } else if (offset == GICR_PROPBASER) {
            c->propbaser = val & (PROPBASER_ADDR | UINT64_C(0x0700000000000f9f));
        } else {
            c->pendbaser = val & (PENDBASER_ADDR | UINT64_C(0x0700000000000f80));
        }
        break;
    default:
        bad_offset(s, "redistributor", "write", offset);
    }
}

/* SGI_base: like a distributor of one word. */
static uint32_t sgi_get(Gicv3Cpu *c, hwaddr offset, bool secure)
{
    Gicv3State *s = c->gic;
    GicWord w = gic_private_word(c->irq);

    if (word_index(offset) == 0) {
        return word_read(s, &w, offset, 0, secure, c->nsacr, 0);
    }
    if (offset == GIC_NSACR) {
        return secure && !gicv3_single_state(s) ? c->nsacr : 0;
    }
    bad_offset(s, "redistributor", "read", FRAME + offset);
    return 0;
}

static void sgi_put(Gicv3Cpu *c, hwaddr offset, uint32_t val, uint32_t mask, bool secure)
{
    Gicv3State *s = c->gic;
    GicWord w = gic_private_word(c->irq);

    if (word_index(offset) == 0) {
        word_write(s, &w, offset, 0, secure, c->nsacr, 0, val, mask);
    } else if (offset == GIC_NSACR) {
        c->nsacr = secure && !gicv3_single_state(s) ? val : c->nsacr;
    } else {
        bad_offset(s, "redistributor", "write", FRAME + offset);
    }
}

/* Registers of 64 bits can be accessed by halves. */
static bool is_wide(hwaddr offset)
{
    return (offset & ~(hwaddr)7) == GICR_TYPER || (offset & ~(hwaddr)7) == GICR_PROPBASER ||
           (offset & ~(hwaddr)7) == GICR_PENDBASER;
}

static MemTxResult redist_read(void *opaque, hwaddr offset, unsigned size, uint64_t *out)
{
    struct Gicv3Region *region = opaque;
    Gicv3Cpu *c = &region->gic->cpu[region->first + offset / REDIST_SIZE];
    bool secure = access_is_secure(c->gic);
    uint64_t val;

    offset %= REDIST_SIZE;
    g_mutex_lock(&c->lock);
    if (offset >= FRAME) {
        val = (uint64_t)sgi_get(c, (offset - FRAME) & ~(hwaddr)3, secure) >> offset % 4 * 8;
    } else if (is_wide(offset)) {
        val = rd_get(c, offset & ~(hwaddr)7) >> offset % 8 * 8;
    } else {
        val = rd_get(c, offset & ~(hwaddr)3) >> offset % 4 * 8;
    }
    g_mutex_unlock(&c->lock);
    *out = size == 8 ? val : val & ((UINT64_C(1) << size * 8) - 1);
    return MEMTX_OK;
}

static MemTxResult redist_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    struct Gicv3Region *region = opaque;
    Gicv3Cpu *c = &region->gic->cpu[region->first + offset / REDIST_SIZE];
    bool secure = access_is_secure(c->gic);

    offset %= REDIST_SIZE;
    unsigned shift = offset % (is_wide(offset) ? 8 : 4) * 8;
    uint64_t mask = (size == 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1) << shift;
    val <<= shift;
    g_mutex_lock(&c->lock);
    if (offset >= FRAME) {
        sgi_put(c, (offset - FRAME) & ~(hwaddr)3, val, mask, secure);
    } else if (is_wide(offset)) {
        hwaddr reg = offset & ~(hwaddr)7;

        rd_put(c, reg, (rd_get(c, reg) & ~mask) | (val & mask), secure);
    } else {
        hwaddr reg = offset & ~(hwaddr)3;

        rd_put(c, reg, size >= 4 ? val : (rd_get(c, reg) & ~mask) | (val & mask), secure);
    }
    gicv3_cpu_update(c);
    g_mutex_unlock(&c->lock);
    return MEMTX_OK;
}

/* ---- device ---- */

static const MmioOps dist_ops = {.read = dist_read, .write = dist_write};
static const MmioOps redist_ops = {.read = redist_read, .write = redist_write};

static bool gicv3_realize(void *opaque, GError **err)
{
    static const char *const names[] = {"gicv3_redist_region[0]", "gicv3_redist_region[1]"};
    Gicv3State *s = opaque;

    if (s->revision != 3) {
        rhea_error_set(err, "Property 'revision': only version 3 is supported");
        return false;
    }
    if (s->n_cpu < 1 || s->n_cpu > GICV3_MAX_CPU || s->n_irq < 2 * GIC_INTERNAL ||
        s->n_irq > GIC_MAX_INTID || (s->n_irq % 32 && s->n_irq != GIC_MAX_INTID) ||
        s->maintenance < 16 || s->maintenance > 31 || s->region_cpus[0] > s->n_cpu) {
        rhea_error_set(err, "a GICv3 has 1 to %u CPUs and 64 to %u interrupts, in steps of 32",
                       GICV3_MAX_CPU, GIC_MAX_INTID);
        return false;
    }
    device_state_alloc(s);
    for (unsigned i = 0; i < s->n_cpu; i++) {
        s->cpu[i].gic = s;
        s->cpu[i].index = i;
        s->cpu[i].affinity = (i / 16) << 8 | i % 16;
        s->cpu[i].spi = s->cpu[i].lpi = GIC_NO_BEST;
    }
    device_set_irqs(s, s->n_cpu * ARM_GIC_OUTS);
    memory_region_init_mmio(&s->dev.mmio[BANK_DIST], s->dev.ms, "gicv3_dist", FRAME, &dist_ops, s,
                            &s->dev.lock);
    unsigned first = 0;
    for (unsigned i = 0; i < 2; i++) {
        unsigned count = i || !s->region_cpus[0] ? s->n_cpu - first : s->region_cpus[0];

        s->region[i].gic = s;
        s->region[i].first = first;
        s->region[i].count = count;
        if (count) {
            memory_region_init_mmio(&s->dev.mmio[BANK_REDIST + i], s->dev.ms, names[i],
                                    (uint64_t)count * REDIST_SIZE, &redist_ops, &s->region[i],
                                    NULL);
        }
        first += count;
    }
    return true;
}

/* What follows from the state. */
static void gicv3_follow(Gicv3State *s)
{
    for (unsigned i = GIC_INTERNAL; i < G_N_ELEMENTS(s->target); i++) {
        s->target[i] = find_cpu(s, router_affinity(s->router[i]));
    }
    for (unsigned i = 0; i < s->n_cpu; i++) {
        lpi_map(&s->cpu[i]);
        lpi_refresh(&s->cpu[i]);
    }
    spi_update_all(s);
}

static void gicv3_reset(void *opaque)
{
    Gicv3State *s = opaque;

    for (unsigned i = 0; i < s->n_cpu; i++) {
        s->cpu[i].irq->enable = 0;
    }
    gicv3_follow(s);
}

static bool gicv3_post_load(void *opaque, GError **err)
{
    Gicv3State *s = opaque;
    bool ok = !(s->ctlr & ~(GICD_CTLR_GROUPS | (s->security ? GICD_CTLR_DS : 0)));

    for (unsigned w = 0; w < 32; w++) {
        uint32_t beyond = w ? ~word_mask(s, w) : UINT32_MAX;

        ok &= !((s->spi->enable[w] | s->spi->latch[w] | s->spi->active[w] | s->spi->level[w]) &
                beyond);
    }
    for (unsigned i = 0; i < s->n_cpu; i++) {
        const Gicv3Cpu *c = &s->cpu[i];

        ok &= gicv3_cpuif_check(c) && c->redist_ctlr <= (s->lpis ? GICR_CTLR_LPIS : 0) &&
              (c->irq->edge & 0xffff) == 0xffff;
    }
    if (!ok) {
        rhea_error_set(err, "snapshot: interrupt state that cannot be");
        memset(s->spi->level, 0, sizeof(s->spi->level));
        return false;
    }
    gicv3_follow(s);
    return true;
}

// clang-format off
DEVICE(gicv3, Gicv3State,
    .name = "arm-gicv3",
    .desc = "Arm generic interrupt controller (GICv3)",
    .bus = "System",
    .category = DEVICE_MISC,
    .props = gicv3_props,
    .version = 1,
    .irq_input = gicv3_input,
    .realize = gicv3_realize,
    .reset = gicv3_reset,
    .post_load = gicv3_post_load);
// clang-format on

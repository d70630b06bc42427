/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * SiFive platform-level interrupt controller.
 *
 * Specification: RISC-V Platform-Level Interrupt Controller, version 1.0.0; chapters 3 (registers)
 * and 4 to 10.
 *
 * Each source has a gateway for a level: while the line is high and no request of the source is
 * pending or in service, a request becomes pending. A claim moves it into service; a completion by
 * a context that has the source enabled opens the gateway again. A request that is pending stays so
 * when the line drops. Source 0 does not exist.
 *
 * Contexts are numbered by "hart-config": one group of letters a hart ("MS": machine, then
 * supervisor). Output n is context n's.
 *
 * Invariants: a source is never both pending and in service; output n is high exactly while some
 * source is pending, enabled for n, and of a priority above n's threshold.
 * Threads: one lock, the device's own; taken by inputs too, so callers hold at most a device's lock
 * and outputs go to vCPUs only. Test: tests/unit/test-riscv-intc.c
 */
#include "hw/device.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "target/riscv.h"

#include <libfdt.h>
#include <string.h>

#define PLIC_MAX_SOURCES    1024
#define PLIC_MAX_CONTEXTS   15872
#define PLIC_ENABLE_WORDS   32 /* between the enable bits of two contexts */
#define PLIC_CONTEXT_BASE   0x200000
#define PLIC_CONTEXT_STRIDE 0x1000

#define PLIC_STATE(F, A, D, N)                                                                     \
    D(uint32_t, priority, n_sources, 0)                                                            \
    D(uint32_t, level, n_words, KEEP) /* the input lines: whoever drives them resets them */       \
    D(uint32_t, pending, n_words, 0)                                                               \
    D(uint32_t, in_service, n_words, 0)                                                            \
    D(uint32_t, enable, n_enable, 0) /* n_words for each context */                                \
    D(uint32_t, threshold, n_contexts, 0)

STATE(plic, PlicState, PLIC_STATE, uint32_t n_sources; /* source 0 included */
      uint32_t n_priorities; uint32_t n_words; uint32_t n_enable; uint32_t n_contexts;
      uint64_t aperture; uint32_t hartid_base; char *hart_config; char *modes;)

PROPS(plic, PlicState,
      PROP("hart-config", STRING, hart_config, "MS", INTERNAL,
           "contexts of each hart: M, S or MS, separated by commas"),
      PROP("hartid-base", U32, hartid_base, "0", INTERNAL, "number of the first hart"),
      PROP("num-sources", U32, n_sources, "96", INTERNAL, "sources, source 0 included"),
      PROP("num-priorities", U32, n_priorities, "7", INTERNAL, "highest priority, 2^n - 1"),
      PROP("aperture-size", SIZE, aperture, "0x600000", INTERNAL, "size of the register window"))

static uint32_t *context_enable(PlicState *s, unsigned ctx)
{
    return &s->enable[ctx * s->n_words];
}

/* The pending source that context ctx should serve: the lowest number among the highest priority,
 * if that is above `floor`; 0 if none. */
static unsigned context_best(PlicState *s, unsigned ctx, uint32_t floor)
{
    const uint32_t *enable = context_enable(s, ctx);
    unsigned best = 0;

    for (unsigned w = 0; w < s->n_words; w++) {
        for (uint32_t bits = s->pending[w] & enable[w]; bits; bits &= bits - 1) {
            unsigned source = w * 32 + __builtin_ctz(bits);

            if (s->priority[source] > floor) {
                floor = s->priority[source];
                best = source;
            }
        }
    }
    return best;
}

static void context_update(PlicState *s, unsigned ctx)
{
    irq_set(&s->dev.irq[ctx], context_best(s, ctx, s->threshold[ctx]) != 0);
}

static void update_all(PlicState *s)
{
    for (unsigned ctx = 0; ctx < s->n_contexts; ctx++) {
        context_update(s, ctx);
    }
}

/* The request of one source came or went. */
static void source_update(PlicState *s, unsigned source)
{
    uint32_t bit = 1u << source % 32;

    for (unsigned ctx = 0; ctx < s->n_contexts; ctx++) {
        if (context_enable(s, ctx)[source / 32] & bit) {
            context_update(s, ctx);
        }
    }
}

/* Let a high line make a request, if the source has none. */
static void gateway_open(PlicState *s, unsigned source)
{
    unsigned w = source / 32;
    uint32_t bit = 1u << source % 32;

    if (s->level[w] & ~s->in_service[w] & ~s->pending[w] & bit) {
        s->pending[w] |= bit;
        source_update(s, source);
    }
}

static void plic_input(void *opaque, unsigned source, bool level)
{
    PlicState *s = opaque;
    unsigned w = source / 32;
    uint32_t bit = 1u << source % 32;

    g_assert(source > 0 && source < s->n_sources);
    g_mutex_lock(&s->dev.lock);
    if (level) {
        s->level[w] |= bit;
        gateway_open(s, source);
    } else {
        s->level[w] &= ~bit;
    }
    g_mutex_unlock(&s->dev.lock);
}

/* ---- registers ---- */

static void priority_write(void *opaque, unsigned source, uint64_t val)
{
    PlicState *s = opaque;

    if (source == 0) {
        return;
    }
    s->priority[source] = val & s->n_priorities;
    source_update(s, source);
}

static bool enable_slot(PlicState *s, unsigned i, unsigned *ctx, unsigned *w)
{
    *ctx = i / PLIC_ENABLE_WORDS;
    *w = i % PLIC_ENABLE_WORDS;
    if (*ctx < s->n_contexts && *w < s->n_words) {
        return true;
    }
    rhea_log_mask(LOG_GUEST_ERROR, "%s: enable bits of context %u, word %u do not exist\n",
                  device_name(s), *ctx, *w);
    return false;
}

static uint64_t enable_read(void *opaque, unsigned i)
{
    PlicState *s = opaque;
    unsigned ctx, w;

    return enable_slot(s, i, &ctx, &w) ? context_enable(s, ctx)[w] : 0;
}

static uint32_t word_mask(const PlicState *s, unsigned w)
{
    unsigned left = s->n_sources - w * 32;
    uint32_t mask = left >= 32 ? UINT32_MAX : (1u << left) - 1;

    return w == 0 ? mask & ~1u : mask;
}

static void enable_write(void *opaque, unsigned i, uint64_t val)
{
    PlicState *s = opaque;
    unsigned ctx, w;

    if (enable_slot(s, i, &ctx, &w)) {
        context_enable(s, ctx)[w] = val & word_mask(s, w);
        context_update(s, ctx);
    }
}

static void threshold_write(void *opaque, unsigned ctx, uint64_t val)
{
    PlicState *s = opaque;

    s->threshold[ctx] = val & s->n_priorities;
    context_update(s, ctx);
}

static uint64_t claim_read(void *opaque, unsigned ctx)
{
    PlicState *s = opaque;
    unsigned source = context_best(s, ctx, 0); /* whatever the threshold */

    if (source) {
        s->pending[source / 32] &= ~(1u << source % 32);
        s->in_service[source / 32] |= 1u << source % 32;
        source_update(s, source);
    }
    return source;
}

static void complete_write(void *opaque, unsigned ctx, uint64_t val)
{
    PlicState *s = opaque;

    if (val == 0 || val >= s->n_sources) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: context %u completes source %u\n", device_name(s), ctx,
                      (unsigned)val);
        return;
    }
    /* Chapter 10: one that is not enabled for the context is silently ignored. */
    uint32_t bit = 1u << val % 32;
    if (context_enable(s, ctx)[val / 32] & bit) {
        s->in_service[val / 32] &= ~bit;
        gateway_open(s, val);
    }
}

// clang-format off
REGS(plic, PlicState,
    REG(PRIORITY,  0x000000, 4, RW, .count = PLIC_MAX_SOURCES, .limit = FIELD(n_sources),
        IN_DYNAMIC(priority), .write = priority_write),
    REG(PENDING,   0x001000, 4, RO, .count = PLIC_MAX_SOURCES / 32, .limit = FIELD(n_words),
        IN_DYNAMIC(pending)),
    REG(ENABLE,    0x002000, 4, RW, .count = (PLIC_CONTEXT_BASE - 0x2000) / 4,
        .read = enable_read, .write = enable_write),
    REG(THRESHOLD, 0x200000, 4, RW, .count = PLIC_MAX_CONTEXTS, .stride = PLIC_CONTEXT_STRIDE,
        .limit = FIELD(n_contexts), IN_DYNAMIC(threshold), .write = threshold_write),
    REG(CLAIM,     0x200004, 4, RW, .count = PLIC_MAX_CONTEXTS, .stride = PLIC_CONTEXT_STRIDE,
        .limit = FIELD(n_contexts), .read = claim_read, .write = complete_write))
// clang-format on

/* ---- device ---- */

static bool plic_realize(void *opaque, GError **err)
{
    PlicState *s = opaque;
    GString *modes = g_string_new(NULL);

    for (const char *p = s->hart_config; *p; p++) {
        if (*p == 'M' || *p == 'S') {
            g_string_append_c(modes, *p);
        } else if (*p != ',') {
            rhea_error_set(err, "Property 'hart-config': '%c' is no mode", *p);
            g_string_free(modes, TRUE);
            return false;
        }
    }
    s->n_contexts = modes->len;
    s->modes = g_string_free(modes, FALSE);
    uint64_t needed = PLIC_CONTEXT_BASE + (uint64_t)s->n_contexts * PLIC_CONTEXT_STRIDE;
    if (s->n_contexts < 1 || s->n_contexts > PLIC_MAX_CONTEXTS || s->n_sources < 2 ||
        s->n_sources > PLIC_MAX_SOURCES || (s->n_priorities & (s->n_priorities + 1)) ||
        s->aperture < needed) {
        rhea_error_set(err,
                       "a PLIC has 1 to %u contexts that fit its window, 2 to %u sources and "
                       "2^n - 1 priorities",
                       PLIC_MAX_CONTEXTS, PLIC_MAX_SOURCES);
        g_clear_pointer(&s->modes, g_free);
        return false;
    }
    s->n_words = (s->n_sources + 31) / 32;
    s->n_enable = s->n_words * s->n_contexts;
    device_state_alloc(s);
    device_set_irqs(s, s->n_contexts);
    device_init_bank(s, 0, s->aperture);
    return true;
}

static void plic_unrealize(void *opaque)
{
    PlicState *s = opaque;

    g_free(s->modes);
}

static void plic_reset(void *opaque)
{
    update_all(opaque);
}

static bool plic_post_load(void *opaque, GError **err)
{
    PlicState *s = opaque;
    bool bad = false;

    for (unsigned w = 0; w < s->n_words; w++) {
        bad |= (s->pending[w] & s->in_service[w]) ||
               ((s->pending[w] | s->in_service[w] | s->level[w]) & ~word_mask(s, w));
        for (unsigned ctx = 0; ctx < s->n_contexts; ctx++) {
            bad |= context_enable(s, ctx)[w] & ~word_mask(s, w);
        }
    }
    for (unsigned i = 0; i < s->n_sources; i++) {
        bad |= s->priority[i] > (i ? s->n_priorities : 0);
    }
    for (unsigned ctx = 0; ctx < s->n_contexts; ctx++) {
        bad |= s->threshold[ctx] > s->n_priorities;
    }
    if (bad) {
        rhea_error_set(err, "snapshot: interrupt state that cannot be");
        memset(s->level, 0, s->n_words * sizeof(s->level[0]));
        return false;
    }
    update_all(s);
    return true;
}

static void plic_fdt(void *opaque, const FdtNode *n)
{
    static const char compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
    static const uint32_t lines[] = {RISCV_LINE_MEI, RISCV_LINE_SEI};
    PlicState *s = opaque;
    bool with_s = strchr(s->modes, 'S');

    fdt_node_begin(n, "interrupt-controller");
    fdt_property_u32(n->fdt, "#interrupt-cells", 1);
    fdt_property_u32(n->fdt, "#address-cells", 0);
    fdt_property(n->fdt, "compatible", compatible, sizeof(compatible));
    fdt_property(n->fdt, "interrupt-controller", NULL, 0);
    fdt_node_cpu_irqs(n, lines, with_s ? 2 : 1);
    fdt_node_reg(n);
    fdt_property_u32(n->fdt, "riscv,ndev", s->n_sources - 1);
    fdt_property_u32(n->fdt, "phandle", n->phandle);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(plic, PlicState,
    .name = "riscv.sifive.plic",
    .desc = "SiFive platform-level interrupt controller",
    .bus = "System",
    .category = DEVICE_MISC,
    .props = plic_props,
    .version = 1,
    .bank = {{.regs = plic_regs, .valid_min = 4, .valid_max = 4}},
    .irq_input = plic_input,
    .realize = plic_realize,
    .unrealize = plic_unrealize,
    .reset = plic_reset,
    .post_load = plic_post_load,
    .fdt = plic_fdt);
// clang-format on

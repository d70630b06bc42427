/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * PrimeCell general-purpose I/O, PL061: eight lines with edge and level interrupts.
 *
 * Specification: Arm DDI 0190B, chapters 2 and 3. Input n of the device drives line n where GPIODIR
 * makes it an input; output 0 is the interrupt, output 1 + n is line n where it is an output
 * (`pullups` and `pulldowns` say what it carries otherwise, floating lines are low).
 *
 * Invariants: `lines` is what GPIODATA reads; edges are latched in `edges`, levels are not.
 * Test: tests/unit/test-primecell.c
 */
#include "hw/device.h"
#include "rhea/error.h"

#include <libfdt.h>

#define PL061_LINES 8

#define PL061_STATE(F, A, D, N)                                                                    \
    F(uint8_t, input, KEEP)  /* what drives the lines from outside: that side resets it */         \
    F(uint8_t, driven, KEEP) /* lines that were ever driven from outside */                        \
    F(uint8_t, output, 0)    /* GPIODATA as written */                                             \
    F(uint8_t, lines, 0)                                                                           \
    F(uint8_t, dir, 0)                                                                             \
    F(uint8_t, is, 0)                                                                              \
    F(uint8_t, ibe, 0)                                                                             \
    F(uint8_t, iev, 0)                                                                             \
    F(uint8_t, ie, 0)                                                                              \
    F(uint8_t, edges, 0)                                                                           \
    F(uint8_t, afsel, 0)

STATE(pl061, Pl061State, PL061_STATE, uint8_t pullups; uint8_t pulldowns;)

PROPS(pl061, Pl061State, PROP("pullups", U8, pullups, "0", INTERNAL, "lines that float high"),
      PROP("pulldowns", U8, pulldowns, "0", INTERNAL, "lines that float low"))

static uint8_t pl061_ris(const Pl061State *s)
{
    /* 3.3.4 to 3.3.6: GPIOIS set means level, and GPIOIEV then says which one. */
    return (s->is & (s->lines ^ ~s->iev)) | (~s->is & s->edges);
}

static void pl061_update(Pl061State *s)
{
    uint8_t in = (s->input & s->driven) | (s->pullups & ~s->driven);
    uint8_t lines = (s->output & s->dir) | (in & ~s->dir);
    uint8_t changed = lines ^ s->lines;

    s->lines = lines;
    s->edges |= changed & ~s->is & ~s->dir & (s->ibe | (lines ^ ~s->iev));
    for (unsigned i = 0; i < PL061_LINES; i++) {
        uint8_t out = (s->output & s->dir) | (s->pullups & ~s->dir);

        irq_set(&s->dev.irq[1 + i], out >> i & 1);
    }
    irq_set(&s->dev.irq[0], pl061_ris(s) & s->ie);
}

static void pl061_input(void *opaque, unsigned n, bool level)
{
    Pl061State *s = opaque;

    g_assert(n < PL061_LINES);
    /* As of an interrupt controller: the driver's lock may be held. */
    g_mutex_lock(&s->dev.lock);
    s->driven |= 1u << n;
    s->input = (s->input & ~(1u << n)) | level << n;
    pl061_update(s);
    g_mutex_unlock(&s->dev.lock);
}

/* 3.3.1: address bits 9 to 2 are a mask of the lines that the access is about. */
static uint64_t data_read(void *opaque, unsigned mask)
{
    return ((Pl061State *)opaque)->lines & mask;
}

static void data_write(void *opaque, unsigned mask, uint64_t val)
{
    Pl061State *s = opaque;

    mask &= s->dir;
    s->output = (s->output & ~mask) | (val & mask);
    pl061_update(s);
}

static void update_after(void *opaque, unsigned i)
{
    pl061_update(opaque);
}

static uint64_t ris_read(void *opaque, unsigned i)
{
    return pl061_ris(opaque);
}

static uint64_t mis_read(void *opaque, unsigned i)
{
    Pl061State *s = opaque;

    return pl061_ris(s) & s->ie;
}

static void ic_write(void *opaque, unsigned i, uint64_t val)
{
    Pl061State *s = opaque;

    s->edges &= ~val;
    pl061_update(s);
}

static uint64_t id_read(void *opaque, unsigned i)
{
    static const uint8_t id[12] = {[4] = 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

    return id[i];
}

// clang-format off
REGS(pl061, Pl061State,
    REG(GPIODATA,  0x000, 4, RW, .split = true, .count = 256, .read = data_read, .write = data_write),
    REG(GPIODIR,   0x400, 4, RW, .split = true, IN(dir), .after = update_after),
    REG(GPIOIS,    0x404, 4, RW, .split = true, IN(is), .after = update_after),
    REG(GPIOIBE,   0x408, 4, RW, .split = true, IN(ibe), .after = update_after),
    REG(GPIOIEV,   0x40c, 4, RW, .split = true, IN(iev), .after = update_after),
    REG(GPIOIE,    0x410, 4, RW, .split = true, IN(ie), .after = update_after),
    REG(GPIORIS,   0x414, 4, RO, .split = true, .read = ris_read),
    REG(GPIOMIS,   0x418, 4, RO, .split = true, .read = mis_read),
    REG(GPIOIC,    0x41c, 4, WO, .split = true, .write = ic_write),
    REG(GPIOAFSEL, 0x420, 4, RW, .split = true, IN(afsel)),
    REG(GPIOID,    0xfd0, 4, RO, .split = true, .count = 12, .read = id_read))
// clang-format on

static bool pl061_realize(void *opaque, GError **err)
{
    Pl061State *s = opaque;

    if (s->pullups & s->pulldowns) {
        rhea_error_set(err, "Properties 'pullups' and 'pulldowns' share a line");
        return false;
    }
    return true;
}

static void pl061_reset(void *opaque)
{
    Pl061State *s = opaque;

    /* The lines are what they are: that is no edge. */
    pl061_update(s);
    s->edges = 0;
    pl061_update(s);
}

static bool pl061_post_load(void *opaque, GError **err)
{
    Pl061State *s = opaque;
    uint8_t edges = s->edges;

    pl061_update(s);
    s->edges = edges;
    pl061_update(s);
    return true;
}

static void pl061_fdt(void *opaque, const FdtNode *n)
{
    static const char compatible[] = "arm,pl061\0arm,primecell";
    static const char clock_names[] = "apb_pclk";

    fdt_node_begin(n, "pl061");
    fdt_property_u32(n->fdt, "phandle", n->phandle);
    fdt_node_clocks(n, 1, clock_names, sizeof(clock_names));
    fdt_node_irqs(n);
    fdt_property(n->fdt, "gpio-controller", NULL, 0);
    fdt_property_u32(n->fdt, "#gpio-cells", 2);
    fdt_property(n->fdt, "compatible", compatible, sizeof(compatible));
    fdt_node_reg(n);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(pl061, Pl061State,
    .name = "pl061",
    .desc = "PrimeCell GPIO (PL061)",
    .bus = "System",
    .category = DEVICE_MISC,
    .props = pl061_props,
    .version = 1,
    .n_irqs = 1 + PL061_LINES,
    .bank = {{.size = 0x1000, .regs = pl061_regs, .valid_min = 1, .valid_max = 4}},
    .irq_input = pl061_input,
    .realize = pl061_realize,
    .reset = pl061_reset,
    .post_load = pl061_post_load,
    .fdt = pl061_fdt);
// clang-format on

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * PrimeCell real-time clock, PL031: seconds since 1970 in 32 bits, and one alarm.
 *
 * Specification: Arm DDI 0224C, chapter 3. The counter is the host's clock plus an offset; a write
 * of RTCLR moves the offset. The clock runs from the start, RTCCR reads 1 as after the firmware
 * that would have switched it on.
 *
 * Invariants: the timer is always armed for the moment at which the counter reaches RTCMR (at most
 * 2^32 seconds away); `ris` latches that it did.
 * Test: tests/unit/test-primecell.c
 */
#include "hw/device.h"
#include "softmmu/machine.h"

#include <libfdt.h>

#define PL031_STATE(F, A, D, N)                                                                    \
    F(uint32_t, offset, KEEP) /* seconds from the host's clock to the counter; outlives resets */  \
    F(uint32_t, mr, 0)                                                                             \
    F(uint32_t, lr, 0)                                                                             \
    F(uint8_t, imsc, 0)                                                                            \
    F(uint8_t, ris, 0)

STATE(pl031, Pl031State, PL031_STATE, Timer timer;)

static int64_t rtc_clock(Pl031State *s)
{
    Machine *m = s->dev.machine;

    return clock_get_ns(m->clocks, m->rtc.clock);
}

static uint32_t rtc_count(Pl031State *s)
{
    return (uint32_t)(rtc_clock(s) / NS_PER_SEC) + s->offset;
}

static void rtc_update_irq(Pl031State *s)
{
    irq_set(&s->dev.irq[0], s->ris & s->imsc);
}

/* The next time the counter becomes equal to the match register: not now, if it is already. */
static void rtc_arm(Pl031State *s)
{
    int64_t second = rtc_clock(s) / NS_PER_SEC;
    uint32_t left = s->mr - ((uint32_t)second + s->offset);
    int64_t wait = left ? left : INT64_C(1) << 32;

    timer_mod(&s->timer, (second + wait) * NS_PER_SEC);
}

static void rtc_timer(void *opaque)
{
    Pl031State *s = opaque;

    device_lock(s);
    /* The guest may have moved the match register since the timer fired. */
    if (!timer_pending(&s->timer)) {
        s->ris = 1;
        rtc_update_irq(s);
        rtc_arm(s);
    }
    device_unlock(s);
}

/* Counter or match register were written: equal ones match at once. */
static void rtc_match(Pl031State *s)
{
    if (s->mr == rtc_count(s)) {
        s->ris = 1;
        rtc_update_irq(s);
    }
    rtc_arm(s);
}

static uint64_t dr_read(void *opaque, unsigned i)
{
    return rtc_count(opaque);
}

static void mr_after(void *opaque, unsigned i)
{
    rtc_match(opaque);
}

static void lr_write(void *opaque, unsigned i, uint64_t val)
{
    Pl031State *s = opaque;

    s->lr = val;
    s->offset += s->lr - rtc_count(s);
    rtc_match(s);
}

static uint64_t cr_read(void *opaque, unsigned i)
{
    return 1;
}

/* 3.3.4: once the clock runs, writes do nothing until a reset. */
static void cr_write(void *opaque, unsigned i, uint64_t val)
{
}

static void imsc_after(void *opaque, unsigned i)
{
    rtc_update_irq(opaque);
}

static uint64_t mis_read(void *opaque, unsigned i)
{
    Pl031State *s = opaque;

    return s->ris & s->imsc;
}

static void icr_write(void *opaque, unsigned i, uint64_t val)
{
    Pl031State *s = opaque;

    s->ris &= ~(val & 1);
    rtc_update_irq(s);
}

static uint64_t id_read(void *opaque, unsigned i)
{
    static const uint8_t id[8] = {0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

    return id[i];
}

// clang-format off
REGS(pl031, Pl031State,
    REG(RTCDR,   0x000, 4, RO, .read = dr_read),
    REG(RTCMR,   0x004, 4, RW, IN(mr), .after = mr_after),
    REG(RTCLR,   0x008, 4, RW, .split = true, IN(lr), .write = lr_write),
    REG(RTCCR,   0x00c, 4, RW, .split = true, .read = cr_read, .write = cr_write),
    REG(RTCIMSC, 0x010, 4, RW, .split = true, IN(imsc), .mask = 1, .after = imsc_after),
    REG(RTCRIS,  0x014, 4, RO, .split = true, IN(ris)),
    REG(RTCMIS,  0x018, 4, RO, .split = true, .read = mis_read),
    REG(RTCICR,  0x01c, 4, WO, .split = true, .write = icr_write),
    REG(RTCID,   0xfe0, 4, RO, .split = true, .count = 8, .read = id_read))
// clang-format on

static bool pl031_realize(void *opaque, GError **err)
{
    Pl031State *s = opaque;
    Machine *m = s->dev.machine;

    s->offset = m->rtc.base_offset;
    timer_init(&s->timer, m->clocks, m->rtc.clock, rtc_timer, s);
    return true;
}

static void pl031_unrealize(void *opaque)
{
    Pl031State *s = opaque;

    timer_del_sync(&s->timer);
}

static void pl031_reset(void *opaque)
{
    Pl031State *s = opaque;

    rtc_arm(s);
    rtc_update_irq(s);
}

static bool pl031_post_load(void *opaque, GError **err)
{
    Pl031State *s = opaque;

    if (s->ris > 1 || s->imsc > 1) {
        rhea_error_set(err, "snapshot: interrupt state out of range");
        return false;
    }
    rtc_arm(s);
    rtc_update_irq(s);
    return true;
}

static void pl031_fdt(void *opaque, const FdtNode *n)
{
    static const char compatible[] = "arm,pl031\0arm,primecell";
    static const char clock_names[] = "apb_pclk";

    fdt_node_begin(n, "pl031");
    fdt_node_clocks(n, 1, clock_names, sizeof(clock_names));
    fdt_node_irqs(n);
    fdt_node_reg(n);
    fdt_property(n->fdt, "compatible", compatible, sizeof(compatible));
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(pl031, Pl031State,
    .name = "pl031",
    .desc = "PrimeCell real-time clock (PL031)",
    .bus = "System",
    .category = DEVICE_MISC,
    .version = 1,
    .n_irqs = 1,
    .bank = {{.size = 0x1000, .regs = pl031_regs, .valid_min = 1, .valid_max = 4}},
    .realize = pl031_realize,
    .unrealize = pl031_unrealize,
    .reset = pl031_reset,
    .post_load = pl031_post_load,
    .fdt = pl031_fdt);
// clang-format on

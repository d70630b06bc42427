/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Goldfish real-time clock: nanoseconds since 1970 and one alarm.
 *
 * Specification: "Goldfish virtual hardware", Android emulator documentation, section RTC, and the
 * register names of Linux drivers/rtc/rtc-goldfish.c. A read of TIME_LOW takes the time and latches
 * its upper half; writes set the two halves of the time and of the alarm, ALARM_LOW arms.
 *
 * Invariants: the timer is pending only while alarm_running; the line is irq_pending & irq_enabled.
 * Test: tests/unit/test-goldfish-rtc.c
 */
#include "hw/device.h"
#include "softmmu/machine.h"

#include <libfdt.h>

#define GOLDFISH_RTC_STATE(F, A, D, N)                                                             \
    F(int64_t, tick_offset, KEEP) /* ns from the host's clock to the guest's; outlives resets */   \
    F(uint64_t, alarm_next, 0)    /* guest time, ns */                                             \
    F(uint32_t, alarm_high, 0)    /* for the next write of ALARM_LOW */                            \
    F(bool, alarm_running, false)                                                                  \
    F(bool, irq_pending, false)                                                                    \
    F(uint32_t, irq_enabled, 0)                                                                    \
    F(uint32_t, time_high, 0) /* latched by a read of TIME_LOW */

STATE(goldfish_rtc, GoldfishRtcState, GOLDFISH_RTC_STATE, Timer timer;)

static int64_t rtc_clock(GoldfishRtcState *s)
{
    Machine *m = s->dev.machine;

    return clock_get_ns(m->clocks, m->rtc.clock);
}

/* Guest time counts modulo 2^64. */
static uint64_t rtc_now(GoldfishRtcState *s)
{
    return (uint64_t)rtc_clock(s) + (uint64_t)s->tick_offset;
}

static void rtc_update_irq(GoldfishRtcState *s)
{
    irq_set(&s->dev.irq[0], s->irq_pending && (s->irq_enabled & 1));
}

static void rtc_fire(GoldfishRtcState *s)
{
    s->alarm_running = false;
    s->irq_pending = true;
    rtc_update_irq(s);
}

static void rtc_arm(GoldfishRtcState *s)
{
    int64_t clock = rtc_clock(s);
    uint64_t now = (uint64_t)clock + (uint64_t)s->tick_offset;

    if (s->alarm_next <= now) {
        timer_del(&s->timer);
        rtc_fire(s);
    } else {
        s->alarm_running = true;
        timer_mod(&s->timer, clock + (int64_t)MIN(s->alarm_next - now, INT64_MAX - clock));
    }
}

static void rtc_timer(void *opaque)
{
    GoldfishRtcState *s = opaque;

    device_lock(s);
    /* The guest may have cleared or moved the alarm since the timer fired. */
    if (s->alarm_running && !timer_pending(&s->timer)) {
        rtc_arm(s);
    }
    device_unlock(s);
}

static void rtc_set_time(GoldfishRtcState *s, uint64_t now)
{
    s->tick_offset = (uint64_t)s->tick_offset + (now - rtc_now(s));
    if (s->alarm_running) {
        rtc_arm(s);
    }
}

static uint64_t time_low_read(void *opaque, unsigned i)
{
    GoldfishRtcState *s = opaque;
    uint64_t now = rtc_now(s);

    s->time_high = now >> 32;
    return now;
}

static void time_low_write(void *opaque, unsigned i, uint64_t val)
{
    GoldfishRtcState *s = opaque;

    rtc_set_time(s, (rtc_now(s) & 0xffffffff00000000) | val);
}

static void time_high_write(void *opaque, unsigned i, uint64_t val)
{
    GoldfishRtcState *s = opaque;

    rtc_set_time(s, (rtc_now(s) & 0xffffffff) | val << 32);
}

static uint64_t alarm_low_read(void *opaque, unsigned i)
{
    return ((GoldfishRtcState *)opaque)->alarm_next;
}

static void alarm_low_write(void *opaque, unsigned i, uint64_t val)
{
    GoldfishRtcState *s = opaque;

    s->alarm_next = (uint64_t)s->alarm_high << 32 | val;
    rtc_arm(s);
}

static void irq_enabled_after(void *opaque, unsigned i)
{
    rtc_update_irq(opaque);
}

static void clear_alarm_write(void *opaque, unsigned i, uint64_t val)
{
    GoldfishRtcState *s = opaque;

    timer_del(&s->timer);
    s->alarm_running = false;
}

static void clear_interrupt_write(void *opaque, unsigned i, uint64_t val)
{
    GoldfishRtcState *s = opaque;

    s->irq_pending = false;
    rtc_update_irq(s);
}

// clang-format off
REGS(goldfish_rtc, GoldfishRtcState,
    REG(TIME_LOW,        0x00, 4, RW, .read = time_low_read, .write = time_low_write),
    REG(TIME_HIGH,       0x04, 4, RW, IN(time_high), .write = time_high_write),
    REG(ALARM_LOW,       0x08, 4, RW, .read = alarm_low_read, .write = alarm_low_write),
    REG(ALARM_HIGH,      0x0c, 4, RW, IN(alarm_high)),
    REG(IRQ_ENABLED,     0x10, 4, RW, IN(irq_enabled), .mask = 1, .after = irq_enabled_after),
    REG(CLEAR_ALARM,     0x14, 4, WO, .write = clear_alarm_write),
    REG(ALARM_STATUS,    0x18, 4, RO, IN(alarm_running)),
    REG(CLEAR_INTERRUPT, 0x1c, 4, WO, .write = clear_interrupt_write))
// clang-format on

static bool goldfish_rtc_realize(void *opaque, GError **err)
{
    GoldfishRtcState *s = opaque;
    Machine *m = s->dev.machine;

    s->tick_offset = m->rtc.base_offset * NS_PER_SEC;
    timer_init(&s->timer, m->clocks, m->rtc.clock, rtc_timer, s);
    return true;
}

static void goldfish_rtc_unrealize(void *opaque)
{
    GoldfishRtcState *s = opaque;

    timer_del_sync(&s->timer);
}

static void goldfish_rtc_reset(void *opaque)
{
    GoldfishRtcState *s = opaque;

    timer_del(&s->timer);
    rtc_update_irq(s);
}

static bool goldfish_rtc_post_load(void *opaque, GError **err)
{
    GoldfishRtcState *s = opaque;

    timer_del(&s->timer);
    if (s->alarm_running) {
        rtc_arm(s);
    }
    rtc_update_irq(s);
    return true;
}

static void goldfish_rtc_fdt(void *opaque, const FdtNode *n)
{
    fdt_node_begin(n, "rtc");
    fdt_property_string(n->fdt, "compatible", "google,goldfish-rtc");
    fdt_node_reg(n);
    fdt_node_irqs(n);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(goldfish_rtc, GoldfishRtcState,
    .name = "goldfish_rtc",
    .desc = "Goldfish real-time clock",
    .bus = "System",
    .category = DEVICE_MISC,
    .version = 1,
    .n_irqs = 1,
    .bank = {{.size = 0x24, .regs = goldfish_rtc_regs, .valid_min = 4, .valid_max = 4}},
    .realize = goldfish_rtc_realize,
    .unrealize = goldfish_rtc_unrealize,
    .reset = goldfish_rtc_reset,
    .post_load = goldfish_rtc_post_load,
    .fdt = goldfish_rtc_fdt);
// clang-format on

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Goldfish RTC: time, alarm, interrupt. */
#include "tests/unit/device-test.h"

enum {
    TIME_LOW = 0,
    TIME_HIGH = 4,
    ALARM_LOW = 8,
    ALARM_HIGH = 0xc,
    IRQ_ENABLED = 0x10,
    CLEAR_ALARM = 0x14,
    ALARM_STATUS = 0x18,
    CLEAR_INTERRUPT = 0x1c
};

static uint64_t rtc_time(void *d)
{
    uint64_t low = reg_read(d, 0, TIME_LOW, 4);

    return low | reg_read(d, 0, TIME_HIGH, 4) << 32;
}

static void rtc_alarm(void *d, uint64_t when)
{
    reg_write(d, 0, ALARM_HIGH, 4, when >> 32);
    reg_write(d, 0, ALARM_LOW, 4, (uint32_t)when);
}

static void test_time(void)
{
    TestMachine t;
    const uint64_t base = UINT64_C(1700000000) * NS_PER_SEC;

    test_machine_init(&t);
    t.m->rtc.base_offset = 1700000000;
    void *d = test_device_new(&t, "goldfish_rtc");
    test_device_realize(d);
    g_assert_cmpuint(rtc_time(d), ==, base);

    const uint64_t other = UINT64_C(0x1234567800000005);
    reg_write(d, 0, TIME_HIGH, 4, other >> 32);
    reg_write(d, 0, TIME_LOW, 4, (uint32_t)other);
    g_assert_cmpuint(rtc_time(d), ==, other);
    device_reset(d);
    g_assert_cmpuint(rtc_time(d), ==, other); /* a clock goes on over a reset */
    test_snapshot(d);
    test_machine_clear(&t);
}

static void test_alarm(void)
{
    TestMachine t;
    TestLine line = {0};

    test_machine_init(&t);
    void *d = test_device_new(&t, "goldfish_rtc");
    test_device_realize(d);
    test_connect(d, 0, &line);
    device_reset(d);

    /* In the past: at once, but the line only follows when enabled. */
    rtc_alarm(d, 0);
    g_assert_false(line.level);
    g_assert_cmpuint(reg_read(d, 0, ALARM_STATUS, 4), ==, 0);
    reg_write(d, 0, IRQ_ENABLED, 4, 1);
    g_assert_true(line.level);
    reg_write(d, 0, CLEAR_INTERRUPT, 4, 0);
    g_assert_false(line.level);

    /* In the future. */
    uint64_t when = rtc_time(d) + 2 * NS_PER_MS;
    rtc_alarm(d, when);
    g_assert_cmpuint(reg_read(d, 0, ALARM_STATUS, 4), ==, 1);
    g_assert_cmpuint(reg_read(d, 0, ALARM_LOW, 4), ==, (uint32_t)when);
    test_snapshot(d);
    g_assert_cmpuint(reg_read(d, 0, ALARM_STATUS, 4), ==, 1);
    clocks_set_running(t.m->clocks, true);
    while (!line.level) {
        mainloop_iterate(t.m->loop, true);
    }
    g_assert_cmpuint(rtc_time(d), >=, when);
    g_assert_cmpuint(reg_read(d, 0, ALARM_STATUS, 4), ==, 0);
    device_reset(d);
    g_assert_false(line.level);

    /* Cleared, or further away than the host can count: never. */
    rtc_alarm(d, rtc_time(d) + NS_PER_SEC);
    reg_write(d, 0, CLEAR_ALARM, 4, 1);
    g_assert_cmpuint(reg_read(d, 0, ALARM_STATUS, 4), ==, 0);
    rtc_alarm(d, UINT64_MAX);
    mainloop_iterate(t.m->loop, false);
    g_assert_cmpuint(reg_read(d, 0, ALARM_STATUS, 4), ==, 1);
    /* Moving the clock past the alarm fires it. */
    reg_write(d, 0, IRQ_ENABLED, 4, 1);
    reg_write(d, 0, TIME_HIGH, 4, 0xffffffff);
    reg_write(d, 0, TIME_LOW, 4, 0xfffffff0);
    rtc_alarm(d, 5);
    test_machine_clear(&t);
}

static void test_access(void)
{
    TestMachine t;
    uint64_t val;

    test_machine_init(&t);
    Device *d = test_device_new(&t, "goldfish_rtc");
    test_device_realize(d);
    g_assert_cmpint(memory_mmio_read(&d->mmio[0], 0, 8, &val), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(memory_mmio_read(&d->mmio[0], 0, 1, &val), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpuint(reg_read(d, 0, CLEAR_ALARM, 4), ==, 0);
    g_assert_cmpuint(reg_read(d, 0, 0x20, 4), ==, 0);
    reg_write(d, 0, IRQ_ENABLED, 4, 0xffffffff);
    g_assert_cmpuint(reg_read(d, 0, IRQ_ENABLED, 4), ==, 1);
    test_machine_clear(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/goldfish-rtc/time", test_time);
    g_test_add_func("/goldfish-rtc/alarm", test_alarm);
    g_test_add_func("/goldfish-rtc/access", test_access);
    return g_test_run();
}

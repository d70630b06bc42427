/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Virtio balloon: pages that go back to the host, statistics, reporting; virtio input: what the
 * driver is told, events, LEDs; who gets the events. */
#include "hw/balloon.h"
#include "io/input.h"
#include "tests/unit/virtio-driver.h"

static int64_t now_get(void *opaque)
{
    return *(int64_t *)opaque;
}

static void no_kick(void *opaque)
{
}

static void clock_by_hand(Driver *d, int64_t *now)
{
    clocks_set_icount(d->t.m->clocks, now_get, no_kick, now);
    clocks_set_running(d->t.m->clocks, true);
}

/* ---- balloon ---- */

enum { INFLATE, DEFLATE, STATS, QUEUE_3, QUEUE_4 };
enum { F_STATS = 1 << 1, F_POISON = 1 << 4, F_REPORTING = 1 << 5 };
enum { NUM_PAGES = 0x100, ACTUAL = 0x104, POISON = 0x10c };

static bool page_is(Driver *d, hwaddr page, uint8_t byte)
{
    for (unsigned i = 0; i < 4096; i++) {
        if (ram(d, page)[i] != byte) {
            return false;
        }
    }
    return true;
}

static void transfer(Driver *d, unsigned q, hwaddr addr, uint32_t len, unsigned flags)
{
    uint32_t used;

    desc_set(d, QUEUE_AT(q), 0, addr, len, flags, 0);
    make_available(d, q, 0);
    kick(d, q);
    g_assert_cmpint(used_next(d, q, &used), ==, 0);
}

static void balloon_open(Driver *d, const char *device)
{
    driver_open(d, false, false);
    d->t.m->ram_size = TEST_RAM_SIZE;
    driver_plug_ok(d, device);
}

static void test_balloon_pages(void)
{
    Driver d;
    BalloonInfo info;
    GError *err = NULL;

    balloon_open(&d, "virtio-balloon-device");
    driver_start(&d, 0, 2);
    g_assert_true(balloon_set(d.t.m, TEST_RAM_SIZE - 0x3000, &err));
    g_assert_cmpuint(vreg(&d, NUM_PAGES), ==, 3);
    g_assert_true(vreg(&d, 0x60) & 2);
    memset(ram(&d, 0xa0000), 0x55, 0x6000);
    put32(&d, BUFFERS, 0xa1);
    put32(&d, BUFFERS + 4, 0xa0);
    put32(&d, BUFFERS + 8, 0xa3);
    put32(&d, BUFFERS + 12, NO_RAM >> 12);
    put32(&d, BUFFERS + 16, UINT32_MAX);
    transfer(&d, INFLATE, BUFFERS, 22, 0);
    g_assert_true(page_is(&d, 0xa0000, 0) && page_is(&d, 0xa1000, 0) && page_is(&d, 0xa3000, 0));
    g_assert_true(page_is(&d, 0xa2000, 0x55) && page_is(&d, 0xa4000, 0x55));
    vreg_set(&d, ACTUAL, 3);
    g_assert_true(balloon_info(d.t.m, &info, &err));
    g_assert_cmpuint(info.actual, ==, TEST_RAM_SIZE - 0x3000);
    transfer(&d, DEFLATE, BUFFERS, 12, 0);
    test_snapshot(d.dev);

    /* More than there is: no page; nothing: no sense. */
    g_assert_true(balloon_set(d.t.m, TEST_RAM_SIZE + 1, &err));
    g_assert_cmpuint(vreg(&d, NUM_PAGES), ==, 0);
    g_assert_false(balloon_set(d.t.m, 0, NULL));
    g_assert_null(driver_plug(&d, "virtio-balloon-device", NULL));
    driver_close(&d);

    driver_open(&d, false, false);
    g_assert_false(balloon_set(d.t.m, 1 << 20, &err));
    g_assert_cmpstr(err->message, ==, "No balloon device has been activated");
    g_error_free(err);
    driver_close(&d);
}

static void test_balloon_report(void)
{
    /* Where a driver looks for the reports, with and without hints. */
    static const struct {
        const char *device;
        uint64_t features;
        unsigned queue;
    } cases[] = {{"virtio-balloon-device,free-page-reporting=on", 0, QUEUE_3},
                 {"virtio-balloon-device,free-page-reporting=on", 0, QUEUE_4},
                 {"virtio-balloon-device,free-page-reporting=on,free-page-hint=on", 8, QUEUE_4}};
    Driver d;

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        balloon_open(&d, cases[i].device);
        driver_start(&d, F_REPORTING | F_POISON | cases[i].features, 5);
        memset(ram(&d, 0xa0000), 0x55, 0x6000);
        transfer(&d, cases[i].queue, 0xa1000, 0x2000, WRITE);
        g_assert_true(page_is(&d, 0xa0000, 0x55) && page_is(&d, 0xa3000, 0x55));
        g_assert_true(page_is(&d, 0xa1000, 0) && page_is(&d, 0xa2000, 0));
        vreg_set(&d, POISON, 0xaaaaaaaa);
        transfer(&d, cases[i].queue, 0xa3000, 0x1000, WRITE);
        g_assert_true(page_is(&d, 0xa3000, 0x55));
        if (cases[i].features) {
            vreg_set(&d, POISON, 0);
            transfer(&d, QUEUE_3, 0xa4000, 0x1000, WRITE); /* a hint only */
            g_assert_true(page_is(&d, 0xa4000, 0x55));
        }
        driver_close(&d);
    }
}

static void stat_put(Driver *d, hwaddr addr, uint16_t tag, uint64_t val)
{
    put16(d, addr, tag);
    put64(d, addr + 2, val);
}

static void test_balloon_stats(void)
{
    Driver d;
    BalloonInfo info;
    int64_t now = 0;
    uint32_t used;

    driver_open(&d, false, false);
    d.t.m->ram_size = TEST_RAM_SIZE;
    clock_by_hand(&d, &now);
    driver_plug_ok(&d, "virtio-balloon-device,guest-stats-polling-interval=2");
    driver_start(&d, F_STATS, 3);
    balloon_info(d.t.m, &info, NULL);
    g_assert_cmpint(info.last_update, ==, 0);
    stat_put(&d, BUFFERS, BALLOON_STAT_FREE_MEMORY, 0x123456789a);
    stat_put(&d, BUFFERS + 10, 0x7777, 1);
    stat_put(&d, BUFFERS + 20, BALLOON_STAT_RECLAIM_DIRECT, 7);
    desc_set(&d, QUEUE_AT(STATS), 0, BUFFERS, 30, 0, 0);
    make_available(&d, STATS, 0);
    kick(&d, STATS);
    g_assert_cmpuint(used_idx(&d, STATS), ==, 0); /* kept until new ones are asked for */
    balloon_info(d.t.m, &info, NULL);
    g_assert_cmphex(info.stats[BALLOON_STAT_FREE_MEMORY], ==, 0x123456789a);
    g_assert_cmpuint(info.stats[BALLOON_STAT_RECLAIM_DIRECT], ==, 7);
    g_assert_cmphex(info.stats[BALLOON_STAT_SWAP_IN], ==, UINT64_MAX);
    g_assert_cmpint(info.last_update, !=, 0);
    test_snapshot(d.dev);

    for (unsigned round = 1; round < 4; round++) {
        now += 1999 * NS_PER_MS;
        timers_run_virtual(d.t.m->clocks);
        g_assert_cmpuint(used_idx(&d, STATS), ==, round - 1);
        now += 2 * NS_PER_MS;
        timers_run_virtual(d.t.m->clocks);
        g_assert_cmpint(used_next(&d, STATS, &used), ==, 0);
        stat_put(&d, BUFFERS, BALLOON_STAT_FREE_MEMORY, round);
        make_available(&d, STATS, 0);
        kick(&d, STATS);
        balloon_info(d.t.m, &info, NULL);
        g_assert_cmpuint(info.stats[BALLOON_STAT_FREE_MEMORY], ==, round);
    }
    driver_close(&d);
}

/* ---- input ---- */

enum { EVENTS, STATUS };
enum { EV_SYN, EV_KEY, EV_REL, EV_ABS, EV_LED = 0x11, EV_REP = 0x14 };

/* Select, and the length of what there is. */
static unsigned config_select(Driver *d, uint8_t select, uint8_t subsel)
{
    reg_write(d->slot, 0, 0x100, 1, select);
    reg_write(d->slot, 0, 0x101, 1, subsel);
    return reg_read(d->slot, 0, 0x102, 1);
}

static uint8_t config_byte(Driver *d, unsigned i)
{
    return reg_read(d->slot, 0, 0x108 + i, 1);
}

static void input_open(Driver *d, const char *device, unsigned buffers)
{
    driver_open(d, false, false);
    driver_plug_ok(d, device);
    driver_start(d, 0, 2);
    for (unsigned i = 0; i < buffers; i++) {
        desc_set(d, QUEUE_AT(EVENTS), i, BUFFERS + 8 * i, 8, WRITE, 0);
        make_available(d, EVENTS, i);
    }
    kick(d, EVENTS);
}

static void expect_event(Driver *d, uint16_t type, uint16_t code, int32_t value)
{
    uint32_t len = 0;
    int64_t head = used_idx(d, EVENTS) == d->seen[EVENTS] ? -1 : used_next(d, EVENTS, &len);
    hwaddr at = BUFFERS + 8 * head;

    g_assert_cmpint(head, >=, 0);
    g_assert_cmpuint(len, ==, 8);
    g_assert_cmpuint(memory_ld16_le(d->t.m->as, at, NULL), ==, type);
    g_assert_cmpuint(memory_ld16_le(d->t.m->as, at + 2, NULL), ==, code);
    g_assert_cmpint((int32_t)memory_ld32_le(d->t.m->as, at + 4, NULL), ==, value);
    make_available(d, EVENTS, head);
}

static void expect_no_event(Driver *d)
{
    g_assert_cmpuint(used_idx(d, EVENTS), ==, d->seen[EVENTS]);
}

static void send(Driver *d, InputKind kind, unsigned code, int value)
{
    input_send(d->t.m, &(InputEvent){kind, code, value});
}

static void test_input_config(void)
{
    static const char name[] = "QEMU Virtio Keyboard";
    Driver d;

    input_open(&d, "virtio-keyboard-device,serial=abc", 0);
    g_assert_cmpuint(config_select(&d, 1, 0), ==, sizeof(name));
    for (unsigned i = 0; i < sizeof(name); i++) {
        g_assert_cmpuint(config_byte(&d, i), ==, name[i]);
    }
    g_assert_cmpuint(config_select(&d, 2, 0), ==, 4);
    g_assert_cmpuint(config_byte(&d, 2), ==, 'c');
    g_assert_cmpuint(config_select(&d, 3, 0), ==, 8);
    g_assert_cmpuint(config_byte(&d, 3) << 8 | config_byte(&d, 2), ==, 0x627);
    g_assert_cmpuint(config_select(&d, 0x11, EV_KEY), ==, 29);
    g_assert_cmphex(config_byte(&d, 0), ==, 0xfe);
    g_assert_cmphex(config_byte(&d, 28), ==, 0xff);
    g_assert_cmpuint(config_select(&d, 0x11, EV_LED), ==, 1);
    g_assert_cmphex(config_byte(&d, 0), ==, 7);
    g_assert_cmpuint(config_select(&d, 0x11, EV_REP), ==, 1);
    g_assert_cmpuint(config_select(&d, 0x11, EV_REL), ==, 0);
    g_assert_cmpuint(config_select(&d, 1, 1), ==, 0);
    g_assert_cmpuint(config_byte(&d, 0), ==, 0);
    g_assert_cmpuint(config_select(&d, 0x77, 0), ==, 0);
    test_snapshot(d.dev);
    driver_close(&d);

    input_open(&d, "virtio-tablet-device", 0);
    g_assert_cmpuint(config_select(&d, 0x12, 1), ==, 20);
    g_assert_cmphex(config_byte(&d, 4) | config_byte(&d, 5) << 8, ==, 0x7fff);
    g_assert_cmpuint(config_select(&d, 0x12, 2), ==, 0);
    g_assert_cmpuint(config_select(&d, 0x11, EV_ABS), ==, 1);
    g_assert_cmphex(config_byte(&d, 0), ==, 3);
    g_assert_cmpuint(config_select(&d, 0x11, EV_KEY), ==, 43);
    g_assert_cmphex(config_byte(&d, 34), ==, 0x1f);
    driver_close(&d);
}

static void test_input_keys(void)
{
    const uint16_t keys[] = {input_key_find("ctrl"), input_key_find("a")};
    int64_t now = 0;
    Driver d;

    g_assert_cmpuint(keys[0], ==, 29);
    g_assert_cmpuint(keys[1], ==, 30);
    g_assert_cmpuint(input_key_find("0x1c"), ==, 28);
    g_assert_cmpuint(input_key_find("nokey"), ==, 0);
    g_assert_cmpuint(input_key_find("0x54"), ==, 0);
    g_assert_cmpstr(input_key_name(88), ==, "f12");

    input_open(&d, "virtio-keyboard-device", 16);
    clock_by_hand(&d, &now);
    send(&d, INPUT_KEY, 30, 1);
    expect_no_event(&d); /* until the group ends */
    input_sync(d.t.m);
    expect_event(&d, EV_KEY, 30, 1);
    expect_event(&d, EV_SYN, 0, 0);
    send(&d, INPUT_REL, INPUT_X, 1); /* not for a keyboard */
    input_sync(d.t.m);
    expect_no_event(&d);

    input_type_keys(d.t.m, keys, 2, 50);
    input_type_keys(d.t.m, keys + 1, 1, 50);
    expect_event(&d, EV_KEY, 29, 1);
    expect_event(&d, EV_SYN, 0, 0);
    expect_event(&d, EV_KEY, 30, 1);
    expect_event(&d, EV_SYN, 0, 0);
    expect_no_event(&d);
    now += 51 * NS_PER_MS;
    timers_run_virtual(d.t.m->clocks);
    while (g_main_context_iteration(mainloop_context(d.t.loop), FALSE)) {
    }
    expect_event(&d, EV_KEY, 30, 0);
    expect_event(&d, EV_SYN, 0, 0);
    expect_event(&d, EV_KEY, 29, 0);
    expect_event(&d, EV_SYN, 0, 0);
    expect_event(&d, EV_KEY, 30, 1);
    expect_event(&d, EV_SYN, 0, 0);
    expect_no_event(&d);
    now += 51 * NS_PER_MS;
    timers_run_virtual(d.t.m->clocks);
    while (g_main_context_iteration(mainloop_context(d.t.loop), FALSE)) {
    }
    expect_event(&d, EV_KEY, 30, 0);
    expect_event(&d, EV_SYN, 0, 0);

    /* LEDs. */
    put16(&d, BUFFERS + 0x1000, EV_LED);
    put16(&d, BUFFERS + 0x1002, 1);
    put32(&d, BUFFERS + 0x1004, 1);
    transfer(&d, STATUS, BUFFERS + 0x1000, 8, 0);
    transfer(&d, STATUS, BUFFERS + 0x1000, 3, 0);
    driver_close(&d);
}

static void test_input_pointers(void)
{
    const char *name;
    unsigned number;
    bool absolute;
    Driver d;

    input_open(&d, "virtio-mouse-device", 4);
    send(&d, INPUT_REL, INPUT_X, 5);
    send(&d, INPUT_REL, INPUT_Y, -3);
    send(&d, INPUT_BUTTON, INPUT_RIGHT, 1);
    input_sync(d.t.m);
    expect_event(&d, EV_REL, 0, 5);
    expect_event(&d, EV_REL, 1, -3);
    expect_event(&d, EV_KEY, 0x111, 1);
    expect_event(&d, EV_SYN, 0, 0);
    send(&d, INPUT_BUTTON, INPUT_WHEEL_DOWN, 1);
    send(&d, INPUT_BUTTON, INPUT_WHEEL_DOWN, 0);
    input_sync(d.t.m);
    expect_event(&d, EV_REL, 8, -1);
    expect_event(&d, EV_SYN, 0, 0);
    /* More than there are buffers for: all or nothing. */
    for (unsigned i = 0; i < 4; i++) {
        send(&d, INPUT_REL, INPUT_X, 1);
    }
    input_sync(d.t.m);
    expect_no_event(&d);
    send(&d, INPUT_REL, INPUT_X, 2);
    input_sync(d.t.m);
    expect_event(&d, EV_REL, 0, 2);
    expect_event(&d, EV_SYN, 0, 0);

    /* A tablet that comes later is the pointer, until another is chosen. */
    Device *slot = d.slot, *mouse = d.dev;
    d.slot = test_device_new(&d.t, "virtio-mmio");
    device_set_u64(d.slot, "force-legacy", 0);
    test_device_realize(d.slot);
    driver_plug_ok(&d, "virtio-tablet-device");
    g_assert_false(input_pointer_is_absolute(d.t.m));
    driver_start(&d, 0, 0);
    g_assert_true(input_pointer_is_absolute(d.t.m));
    g_assert_true(input_pointer_at(d.t.m, 0, &number, &name, &absolute));
    g_assert_true(absolute);
    g_assert_cmpstr(name, ==, "QEMU Virtio Tablet");
    g_assert_true(input_pointer_at(d.t.m, 1, &number, &name, &absolute));
    g_assert_false(input_pointer_at(d.t.m, 2, &number, &name, &absolute));
    g_assert_true(input_pointer_choose(d.t.m, 0));
    g_assert_false(input_pointer_choose(d.t.m, 7));
    g_assert_false(input_pointer_is_absolute(d.t.m));
    d.slot = slot;
    d.dev = mouse;
    driver_close(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/balloon/pages", test_balloon_pages);
    g_test_add_func("/balloon/report", test_balloon_report);
    g_test_add_func("/balloon/stats", test_balloon_stats);
    g_test_add_func("/input/config", test_input_config);
    g_test_add_func("/input/keys", test_input_keys);
    g_test_add_func("/input/pointers", test_input_pointers);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Virtio balloon: pages that go back to the host, statistics, reporting; monitors' side. */
#include "hw/balloon.h"
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/balloon/pages", test_balloon_pages);
    g_test_add_func("/balloon/report", test_balloon_report);
    g_test_add_func("/balloon/stats", test_balloon_stats);
    return g_test_run();
}

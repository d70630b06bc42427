/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* A small driver of i6300esb: both stages, reloading, locking, free running, snapshots; pvpanic. */
#include "hw/pci.h"
#include "softmmu/opts.h"
#include "tests/unit/device-test.h"

enum { PRELOAD1 = 0, PRELOAD2 = 4, GINT = 8, RELOAD = 12 };
enum { CONFIG = 0x60, LOCK = 0x68 };
enum { LOCKED = 1, ENABLE = 2, FREE = 4 };

typedef struct Fixture {
    TestMachine t;
    Device *d;
    int64_t now;
} Fixture;

static int64_t now_get(void *opaque)
{
    return *(int64_t *)opaque;
}

static void no_kick(void *opaque)
{
}

static void set_up(Fixture *x, const char *device)
{
    g_autoptr(OptDict) o = opt_parse(device, "driver", NULL);
    RunActions a = {.watchdog = WATCHDOG_PAUSE, .panic = PANIC_PAUSE};
    GError *err = NULL;

    *x = (Fixture){.now = 1000};
    test_machine_init(&x->t);
    clocks_set_icount(x->t.m->clocks, now_get, no_kick, &x->now);
    clocks_set_running(x->t.m->clocks, true);
    Device *host = test_device_new(&x->t, "gpex-pcihost");
    device_set_u64(host, "x-ecam-size", 1 << 20);
    test_device_realize(host);
    machine_set_actions(x->t.m, &a);
    x->d = device_create_from_opts(x->t.m, o, &err);
    g_assert_no_error(err);
    device_reset(x->d);
}

static void tear_down(Fixture *x)
{
    test_machine_clear(&x->t);
}

/* Let time pass; did the machine stop meanwhile? */
static bool runs_out(Fixture *x, int64_t ns)
{
    x->now += ns;
    while (timers_run_virtual(x->t.m->clocks)) {
    }
    machine_settle(x->t.m);
    bool stopped = machine_phase(x->t.m) == RUN_WATCHDOG;
    if (stopped) {
        machine_request_reset(x->t.m, SHUTDOWN_GUEST_RESET);
        machine_request_cont(x->t.m);
        machine_settle(x->t.m);
        g_assert_cmpint(machine_phase(x->t.m), ==, RUN_RUNNING);
    }
    return stopped;
}

static void unlocked_write(Fixture *x, unsigned reg, uint32_t val)
{
    reg_write(x->d, 0, RELOAD, 2, 0x80);
    reg_write(x->d, 0, RELOAD, 2, 0x86);
    reg_write(x->d, 0, reg, reg == RELOAD ? 2 : 4, val);
}

static uint8_t lock_bits(Fixture *x)
{
    return pci_config_read(pci_core(x->d), LOCK, 1);
}

static void lock_write(Fixture *x, uint8_t val)
{
    pci_config_write(pci_core(x->d), LOCK, 1, val);
}

/* A tick of 2^15 clocks of 33 MHz. */
#define TICK 992969

static void test_stages(void)
{
    Fixture x;

    set_up(&x, "i6300esb");
    g_assert_cmphex(pci_config_read(pci_core(x.d), 0, 4), ==, 0x25ab8086);
    unlocked_write(&x, PRELOAD1, 100);
    unlocked_write(&x, PRELOAD2, 50);
    g_assert_cmpuint(reg_read(x.d, 0, PRELOAD1, 4), ==, 100);
    g_assert_cmpuint(reg_read(x.d, 0, PRELOAD2, 4), ==, 50);
    reg_write(x.d, 0, PRELOAD1, 4, 5); /* without the sequence, and after half of it */
    reg_write(x.d, 0, RELOAD, 2, 0x86);
    reg_write(x.d, 0, PRELOAD1, 4, 5);
    g_assert_cmpuint(reg_read(x.d, 0, PRELOAD1, 4), ==, 100);
    g_assert_false(runs_out(&x, INT64_C(1000) * NS_PER_SEC));

    lock_write(&x, ENABLE);
    g_assert_false(runs_out(&x, 99 * TICK));
    g_assert_cmpuint(reg_read(x.d, 0, GINT, 2), ==, 0);
    unlocked_write(&x, RELOAD, 0x100);
    g_assert_false(runs_out(&x, 99 * TICK));
    g_assert_cmpuint(reg_read(x.d, 0, GINT, 2), ==, 0);
    test_snapshot(x.d);
    g_assert_false(runs_out(&x, 2 * TICK));
    g_assert_cmpuint(reg_read(x.d, 0, GINT, 2), ==, 1);
    reg_write(x.d, 0, GINT, 2, 1);
    g_assert_cmpuint(reg_read(x.d, 0, GINT, 2), ==, 0);
    g_assert_false(runs_out(&x, 48 * TICK));
    test_snapshot(x.d);
    g_assert_false(reg_read(x.d, 0, RELOAD, 2) & 0x200);
    g_assert_true(runs_out(&x, 3 * TICK));

    /* The next system learns of it, until it says that it has. */
    device_reset(x.d);
    g_assert_cmphex(lock_bits(&x), ==, 0);
    g_assert_true(reg_read(x.d, 0, RELOAD, 2) & 0x200);
    unlocked_write(&x, RELOAD, 0x200);
    g_assert_false(reg_read(x.d, 0, RELOAD, 2) & 0x200);
    g_assert_false(runs_out(&x, INT64_C(10000) * NS_PER_SEC));
    tear_down(&x);
}

static void test_lock(void)
{
    Fixture x;

    set_up(&x, "i6300esb");
    unlocked_write(&x, PRELOAD1, 10);
    unlocked_write(&x, PRELOAD2, 10);
    lock_write(&x, ENABLE);
    lock_write(&x, 0); /* not locked: it can be stopped */
    g_assert_false(runs_out(&x, 100 * TICK));
    lock_write(&x, ENABLE | LOCKED);
    lock_write(&x, 0);
    g_assert_cmphex(lock_bits(&x), ==, ENABLE | LOCKED);
    g_assert_false(runs_out(&x, 11 * TICK));
    g_assert_true(runs_out(&x, 11 * TICK));

    /* Without the pin nothing happens but the bit. */
    device_reset(x.d);
    unlocked_write(&x, PRELOAD1, 10);
    unlocked_write(&x, PRELOAD2, 10);
    unlocked_write(&x, RELOAD, 0x200);
    pci_config_write(pci_core(x.d), CONFIG, 2, 0x20 | 3);
    lock_write(&x, ENABLE);
    g_assert_false(runs_out(&x, 11 * TICK));
    g_assert_cmpuint(reg_read(x.d, 0, GINT, 2), ==, 0);
    g_assert_false(runs_out(&x, 11 * TICK));
    g_assert_true(reg_read(x.d, 0, RELOAD, 2) & 0x200);
    tear_down(&x);
}

static void test_free_running(void)
{
    Fixture x;

    set_up(&x, "i6300esb");
    unlocked_write(&x, PRELOAD1, 10);
    unlocked_write(&x, PRELOAD2, 5000); /* of 2^5 clocks: 4.8 ms */
    pci_config_write(pci_core(x.d), CONFIG, 2, 4);
    lock_write(&x, ENABLE | FREE);
    g_assert_false(runs_out(&x, 4800 * NS_PER_US));
    g_assert_true(runs_out(&x, 50 * NS_PER_US));
    g_assert_false(runs_out(&x, 4850 * NS_PER_US)); /* the pin goes high again, */
    g_assert_true(runs_out(&x, 4850 * NS_PER_US));  /* and low */
    tear_down(&x);
}

static void test_pvpanic(void)
{
    Fixture x;

    set_up(&x, "pvpanic-pci");
    g_assert_cmpuint(reg_read(x.d, 0, 0, 1), ==, 7);
    reg_write(x.d, 0, 0, 1, 0x10);
    reg_write(x.d, 0, 0, 1, 2);
    machine_settle(x.t.m);
    g_assert_cmpint(machine_phase(x.t.m), !=, RUN_GUEST_PANICKED);
    reg_write(x.d, 0, 0, 1, 1);
    machine_settle(x.t.m);
    g_assert_cmpint(machine_phase(x.t.m), ==, RUN_GUEST_PANICKED);
    tear_down(&x);

    set_up(&x, "pvpanic-pci,events=2");
    g_assert_cmpuint(reg_read(x.d, 0, 0, 1), ==, 2);
    reg_write(x.d, 0, 0, 1, 1);
    machine_settle(x.t.m);
    g_assert_cmpint(machine_phase(x.t.m), !=, RUN_GUEST_PANICKED);
    tear_down(&x);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i6300esb/stages", test_stages);
    g_test_add_func("/i6300esb/lock", test_lock);
    g_test_add_func("/i6300esb/free-running", test_free_running);
    g_test_add_func("/pvpanic/events", test_pvpanic);
    return g_test_run();
}

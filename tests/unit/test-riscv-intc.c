/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* ACLINT and PLIC: hw/intc/riscv_aclint.c, hw/intc/sifive_plic.c. */
#include "hw/intc/riscv_aclint.h"
#include "tests/unit/device-test.h"

#include <string.h>

/* ---- ACLINT ---- */

enum { MTIME = 0x7ff8 };

static void test_mtimer(void)
{
    TestMachine t;
    TestLine line[3] = {{0}};
    uint64_t val;

    test_machine_init(&t);
    Device *d = test_device_new(&t, "riscv.aclint.mtimer");
    device_set_u64(d, "num-harts", 3);
    test_device_realize(d);
    for (unsigned i = 0; i < 3; i++) {
        test_connect(d, i, line);
    }
    device_reset(d);
    g_assert_true(line[0].level && line[2].level); /* mtime 0 >= mtimecmp 0 */

    /* By halves, as 32-bit guests do it. */
    reg_write(d, 0, 8, 4, 0xffffffff);
    g_assert_false(line[1].level);
    reg_write(d, 0, 12, 4, 1);
    g_assert_cmphex(reg_read(d, 0, 8, 8), ==, 0x1ffffffff);
    g_assert_cmphex(reg_read(d, 0, 12, 4), ==, 1);
    g_assert_cmpint(memory_mmio_read(&d->mmio[0], 8, 2, &val), ==, MEMTX_DECODE_ERROR);
    g_assert_cmphex(reg_read(d, 0, 3 * 8, 8), ==, 0); /* no such hart */

    /* A write of mtime moves everything at once. */
    reg_write(d, 0, MTIME, 8, 0x1ffffffff);
    g_assert_true(line[1].level);
    g_assert_cmphex(reg_read(d, 0, MTIME, 8), ==, 0x1ffffffff);
    reg_write(d, 0, MTIME + 4, 4, 0);
    g_assert_false(line[1].level);
    g_assert_cmphex(reg_read(d, 0, MTIME, 8), ==, 0xffffffff);
    test_snapshot(d);
    g_assert_cmphex(reg_read(d, 0, MTIME, 8), ==, 0xffffffff);
    g_assert_true(line[0].level && !line[1].level);

    /* 20000 ticks of 100 ns: at that time, not before. */
    uint64_t when = riscv_aclint_mtime(d) + 20000;
    reg_write(d, 0, 0, 8, when);
    g_assert_false(line[0].level);
    g_assert_cmpint(riscv_aclint_deadline_ns(d, when), ==,
                    clock_get_ns(t.m->clocks, CLK_VIRTUAL) + 2000000);
    g_assert_cmpint(riscv_aclint_deadline_ns(d, UINT64_MAX), ==, INT64_MAX);
    clocks_set_running(t.m->clocks, true);
    while (!line[0].level) {
        mainloop_iterate(t.m->loop, true);
    }
    g_assert_cmpuint(riscv_aclint_mtime(d), >=, when);
    g_assert_cmpuint(riscv_aclint_mtime(d), <, when + 100000000);
    reg_write(d, 0, 0, 8, UINT64_MAX);
    g_assert_false(line[0].level);
    test_machine_clear(&t);
}

static void test_swi(void)
{
    TestMachine t;
    TestLine line[2] = {{0}}, s_line[2] = {{0}};

    test_machine_init(&t);
    Device *d = test_device_new(&t, "riscv.aclint.swi"),
           *s = test_device_new(&t, "riscv.aclint.swi");
    device_set_u64(d, "num-harts", 2);
    device_set_u64(s, "num-harts", 2);
    device_set_u64(s, "sswi", 1);
    test_device_realize(d);
    test_device_realize(s);
    for (unsigned i = 0; i < 2; i++) {
        test_connect(d, i, line);
        test_connect(s, i, s_line);
    }
    reg_write(d, 0, 4, 4, 0xffffffff);
    g_assert_true(line[1].level && !line[0].level);
    g_assert_cmphex(reg_read(d, 0, 4, 4), ==, 1);
    test_snapshot(d);
    g_assert_true(line[1].level);
    reg_write(d, 0, 4, 4, 0xfffffffe);
    g_assert_false(line[1].level);
    reg_write(d, 0, 0x3ffc, 4, 1); /* no such hart */
    g_assert_cmphex(reg_read(d, 0, 0x3ffc, 4), ==, 0);

    /* Supervisor: an edge, and nothing is held. */
    reg_write(s, 0, 0, 4, 1);
    g_assert_true(s_line[0].level);
    g_assert_cmphex(reg_read(s, 0, 0, 4), ==, 0);
    s_line[0].level = false; /* the guest clears its SSIP */
    reg_write(s, 0, 0, 4, 0);
    device_reset(s);
    g_assert_false(s_line[0].level);
    test_machine_clear(&t);
}

/* ---- PLIC ---- */

enum { PENDING = 0x1000, ENABLE = 0x2000, THRESHOLD = 0x200000, CLAIM = 0x200004 };

typedef struct Plic {
    TestMachine t;
    TestLine line[4];
    void *d;
} Plic;

static void plic_init(Plic *p, const char *harts)
{
    memset(p, 0, sizeof(*p));
    test_machine_init(&p->t);
    p->d = test_device_new(&p->t, "riscv.sifive.plic");
    device_set_string(p->d, "hart-config", harts);
    test_device_realize(p->d);
    for (unsigned i = 0; i < ((Device *)p->d)->n_irqs; i++) {
        test_connect(p->d, i, p->line);
    }
}

static uint32_t pr(Plic *p, unsigned offset)
{
    return reg_read(p->d, 0, offset, 4);
}

static void pw(Plic *p, unsigned offset, uint32_t val)
{
    reg_write(p->d, 0, offset, 4, val);
}

static void source(Plic *p, unsigned n, bool level)
{
    IrqLine l = device_irq_input(p->d, n);

    irq_set(&l, level);
}

static void test_plic_registers(void)
{
    Plic p;

    plic_init(&p, "MS");
    pw(&p, 4, 0xffffffff);
    g_assert_cmphex(pr(&p, 4), ==, 7);
    pw(&p, 0, 7); /* source 0 does not exist */
    g_assert_cmphex(pr(&p, 0), ==, 0);
    pw(&p, 95 * 4, 3);
    pw(&p, 96 * 4, 3);
    g_assert_cmphex(pr(&p, 95 * 4), ==, 3);
    g_assert_cmphex(pr(&p, 96 * 4), ==, 0);
    pw(&p, PENDING, 0xffffffff);
    g_assert_cmphex(pr(&p, PENDING), ==, 0);
    for (unsigned ctx = 0; ctx < 3; ctx++) {
        for (unsigned w = 0; w < 4; w++) {
            unsigned reg = ENABLE + ctx * 0x80 + w * 4;

            pw(&p, reg, 0xffffffff);
            g_assert_cmphex(pr(&p, reg), ==,
                            ctx == 2 || w == 3 ? 0
                            : w == 0           ? 0xfffffffe
                                               : 0xffffffff);
        }
        pw(&p, THRESHOLD + ctx * 0x1000, 0xfffffffd);
        g_assert_cmphex(pr(&p, THRESHOLD + ctx * 0x1000), ==, ctx == 2 ? 0 : 5);
    }
    g_assert_cmphex(pr(&p, 0x5ffffc), ==, 0);
    test_snapshot(p.d);
    g_assert_cmphex(pr(&p, ENABLE), ==, 0xfffffffe);
    test_machine_clear(&p.t);
}

static void test_plic_flow(void)
{
    Plic p;

    plic_init(&p, "MS,MS");
    pw(&p, 10 * 4, 3);
    pw(&p, 11 * 4, 3);
    pw(&p, 40 * 4, 5);
    for (unsigned ctx = 0; ctx < 2; ctx++) {
        pw(&p, ENABLE + ctx * 0x80, 1 << 10 | 1 << 11);
        pw(&p, ENABLE + ctx * 0x80 + 4, 1 << 8);
    }
    source(&p, 11, true);
    g_assert_true(p.line[0].level && p.line[1].level && !p.line[2].level);
    source(&p, 10, true);
    source(&p, 40, true);
    test_snapshot(p.d);
    g_assert_cmphex(pr(&p, PENDING), ==, 1 << 10 | 1 << 11);
    g_assert_cmphex(pr(&p, PENDING + 4), ==, 1 << 8);

    /* Highest priority, then lowest number; each goes to one context only. */
    g_assert_cmpuint(pr(&p, CLAIM), ==, 40);
    g_assert_cmpuint(pr(&p, CLAIM + 0x1000), ==, 10);
    g_assert_cmpuint(pr(&p, CLAIM), ==, 11);
    g_assert_cmpuint(pr(&p, CLAIM), ==, 0);
    g_assert_false(p.line[0].level || p.line[1].level);
    g_assert_cmphex(pr(&p, PENDING), ==, 0);

    /* In service: the line is not looked at. Completion looks again. */
    source(&p, 10, false);
    source(&p, 10, true);
    g_assert_false(p.line[0].level);
    pw(&p, CLAIM, 10);
    g_assert_true(p.line[0].level && p.line[1].level);
    /* Dropped, but the request stays. */
    source(&p, 10, false);
    g_assert_true(p.line[0].level);
    g_assert_cmpuint(pr(&p, CLAIM), ==, 10);
    pw(&p, CLAIM, 10);
    g_assert_cmpuint(pr(&p, CLAIM), ==, 0);

    /* Completion of nonsense, and where it is not enabled, does nothing. */
    pw(&p, CLAIM, 0);
    pw(&p, CLAIM, 96);
    pw(&p, CLAIM, 0xffffffff);
    pw(&p, CLAIM + 0x2000, 11);
    g_assert_cmphex(pr(&p, PENDING), ==, 0);
    pw(&p, CLAIM, 11);
    g_assert_cmphex(pr(&p, PENDING), ==, 1 << 11);

    /* The threshold masks the output, not the claim; priority 0 is never. */
    pw(&p, THRESHOLD, 3);
    g_assert_false(p.line[0].level);
    g_assert_true(p.line[1].level);
    pw(&p, THRESHOLD, 2);
    g_assert_true(p.line[0].level);
    pw(&p, 11 * 4, 0);
    g_assert_false(p.line[0].level || p.line[1].level);
    g_assert_cmpuint(pr(&p, CLAIM), ==, 0);
    pw(&p, 11 * 4, 1);
    g_assert_cmpuint(pr(&p, CLAIM), ==, 11);

    /* Reset forgets requests; lines are the business of who drives them. */
    source(&p, 11, false);
    source(&p, 40, false);
    device_reset(p.d);
    g_assert_false(p.line[0].level);
    g_assert_cmphex(pr(&p, 10 * 4), ==, 0);
    source(&p, 11, true);
    g_assert_cmphex(pr(&p, PENDING), ==, 1 << 11);
    test_machine_clear(&p.t);
}

static void test_plic_config(void)
{
    static const char *const bad[] = {"", "X", "MS;MS", ","};
    TestMachine t;

    test_machine_init(&t);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        Device *d = test_device_new(&t, "riscv.sifive.plic");
        GError *err = NULL;

        device_set_string(d, "hart-config", bad[i]);
        g_assert_false(device_realize(d, NULL, &err));
        g_assert_nonnull(err);
        g_error_free(err);
        device_free(d);
    }
    test_machine_clear(&t);
}

typedef struct Race {
    Plic *p;
    unsigned source;
} Race;

static gpointer race_source(gpointer opaque)
{
    Race *r = opaque;

    for (unsigned i = 0; i < 20000; i++) {
        source(r->p, r->source, i & 1);
    }
    source(r->p, r->source, false);
    return NULL;
}

/* Lines from several threads against claims; in the end nothing is pending. */
static void test_plic_race(void)
{
    Plic p;
    Race r[2];
    GThread *t[2];

    plic_init(&p, "M");
    pw(&p, ENABLE, 3 << 1);
    for (unsigned i = 0; i < 2; i++) {
        pw(&p, 4 * (1 + i), 1);
        r[i] = (Race){&p, 1 + i};
        t[i] = g_thread_new("source", race_source, &r[i]);
    }
    for (unsigned i = 0; i < 20000; i++) {
        pw(&p, CLAIM, pr(&p, CLAIM));
    }
    for (unsigned i = 0; i < 2; i++) {
        g_thread_join(t[i]);
    }
    for (uint32_t n; (n = pr(&p, CLAIM));) {
        pw(&p, CLAIM, n);
    }
    g_assert_cmphex(pr(&p, PENDING), ==, 0);
    g_assert_false(p.line[0].level);
    test_machine_clear(&p.t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/riscv-intc/aclint/mtimer", test_mtimer);
    g_test_add_func("/riscv-intc/aclint/swi", test_swi);
    g_test_add_func("/riscv-intc/plic/registers", test_plic_registers);
    g_test_add_func("/riscv-intc/plic/flow", test_plic_flow);
    g_test_add_func("/riscv-intc/plic/config", test_plic_config);
    g_test_add_func("/riscv-intc/plic/race", test_plic_race);
    return g_test_run();
}

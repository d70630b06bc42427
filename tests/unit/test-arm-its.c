/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* GICv3's interrupt translation service: hw/intc/arm_gicv3_its.c. */
#include "tests/unit/gicv3-test.h"

enum {
    CTLR = 0,
    TYPER = 8,
    CBASER = 0x80,
    CWRITER = 0x88,
    CREADR = 0x90,
    BASER = 0x100,
    TRANSLATER = 0x10040,
};
#define ITS_AT      0x8080000
#define DEVICES     0x60000 /* one page of 4 KiB: 512 devices */
#define COLLECTIONS 0x61000
#define QUEUE       0x62000
#define ITT         0x63000
#define LEVEL2      0x64000
#define VALID       (UINT64_C(1) << 63)
#define INDIRECT    (UINT64_C(1) << 62)

typedef struct Its {
    Gic g;
    Device *d;
    unsigned at; /* in the queue */
} Its;

static void its_init(Its *s, uint64_t device_flags)
{
    gic_init(&s->g, false, true);
    open_up(&s->g);
    lpi_tables(&s->g);
    s->d = test_device_new(&s->g.t, "arm-gicv3-its");
    device_set_pointer(s->d, "parent-gicv3", s->g.d);
    test_device_realize(s->d);
    device_map(s->d, 0, &s->g.t.root, ITS_AT);
    s->at = 0;
    reg_write(s->d, 0, BASER, 8, VALID | device_flags | DEVICES);
    reg_write(s->d, 0, BASER + 8, 8, VALID | COLLECTIONS);
    reg_write(s->d, 0, CBASER, 8, VALID | QUEUE);
    reg_write(s->d, 0, CTLR, 4, 1);
    for (unsigned i = 8192; i < 16384; i++) {
        config(&s->g, i, 0xa1);
    }
}

static void its_clear(Its *s)
{
    memory_region_del(&s->d->mmio[0]);
    gic_clear(&s->g);
}

static void cmd(Its *s, uint64_t d0, uint64_t d1, uint64_t d2, uint64_t d3)
{
    const uint64_t words[] = {GUINT64_TO_LE(d0), GUINT64_TO_LE(d1), GUINT64_TO_LE(d2),
                              GUINT64_TO_LE(d3)};

    memory_write(s->g.t.m->as, QUEUE + s->at, words, sizeof(words));
    s->at = (s->at + 32) % 0x1000;
    reg_write(s->d, 0, CWRITER, 8, s->at);
    g_assert_cmphex(reg_read(s->d, 0, CREADR, 8), ==, s->at);
}

static void mapd(Its *s, uint64_t device, unsigned bits, bool valid)
{
    cmd(s, device << 32 | 0x08, bits - 1, (valid ? VALID : 0) | ITT, 0);
}

static void mapc(Its *s, unsigned collection, uint64_t cpu, bool valid)
{
    cmd(s, 0x09, 0, (valid ? VALID : 0) | cpu << 16 | collection, 0);
}

static void mapti(Its *s, uint64_t device, uint64_t event, uint64_t lpi, unsigned collection)
{
    cmd(s, device << 32 | 0x0a, lpi << 32 | event, collection, 0);
}

/* INT, CLEAR, INV, DISCARD, and MOVI with a collection. */
static void event_cmd(Its *s, unsigned op, uint64_t device, uint64_t event, unsigned collection)
{
    cmd(s, device << 32 | op, event, collection, 0);
}

static void msi(Its *s, uint32_t device, uint32_t event)
{
    g_assert_cmpint(memory_write_msi(s->g.t.m->as, ITS_AT + TRANSLATER, event, device), ==,
                    MEMTX_OK);
}

/* The LPI that a CPU takes and ends; 1023: none. */
static unsigned take(Its *s, unsigned cpu)
{
    unsigned id = icc(&s->g, cpu, ICC_IAR1);

    icc_w(&s->g, cpu, ICC_EOIR1, id);
    return id;
}

static void test_registers(void)
{
    Its s;

    its_init(&s, 0);
    g_assert_cmphex(reg_read(s.d, 0, TYPER, 8), ==, UINT64_C(0x1f0001ef71));
    g_assert_cmphex(reg_read(s.d, 0, TYPER, 4), ==, 0x1ef71);
    g_assert_cmphex(reg_read(s.d, 0, TYPER + 4, 4), ==, 0x1f);
    g_assert_cmphex(reg_read(s.d, 0, 0xffe8, 4), ==, 0x3b);
    g_assert_cmphex(reg_read(s.d, 0, CTLR, 4), ==, 1);
    reg_write(s.d, 0, BASER, 8, 0); /* not while it is enabled */
    g_assert_cmphex(reg_read(s.d, 0, BASER, 8), ==, VALID | UINT64_C(0x107000000000000) | DEVICES);
    reg_write(s.d, 0, CTLR, 4, 0);
    g_assert_cmphex(reg_read(s.d, 0, CTLR, 4), ==, 0x80000000);
    reg_write(s.d, 0, BASER, 4, 0x12345678);
    reg_write(s.d, 0, BASER + 4, 4, 0xffffffff);
    g_assert_cmphex(reg_read(s.d, 0, BASER, 8), ==, UINT64_C(0xf9e7ffff12345678) | 7ull << 48);
    reg_write(s.d, 0, BASER + 16, 8, UINT64_MAX);
    g_assert_cmphex(reg_read(s.d, 0, BASER + 16, 8), ==, 0);
    reg_write(s.d, 0, CWRITER, 4, 0x1fffff);
    g_assert_cmphex(reg_read(s.d, 0, CWRITER, 8), ==, 0xfffe0);
    reg_write(s.d, 0, CREADR, 8, 0x40);
    g_assert_cmphex(reg_read(s.d, 0, CREADR, 8), ==, 0);
    test_snapshot(s.d);
    g_assert_cmphex(reg_read(s.d, 0, CWRITER, 8), ==, 0xfffe0);
    reg_write(s.d, 0, CTLR, 4, 1); /* CWRITER is beyond the queue */
    g_assert_cmphex(reg_read(s.d, 0, CREADR, 8), ==, 1);
    its_clear(&s);
}

static void test_messages(void)
{
    Its s;

    its_init(&s, 0);
    msi(&s, 7, 0); /* nothing is mapped */
    mapd(&s, 7, 5, true);
    mapc(&s, 3, 1, true);
    mapti(&s, 7, 4, 9001, 3);
    cmd(&s, UINT64_C(7) << 32 | 0x0b, 8193 & 31, 3, 0); /* MAPI of event 1: no LPI */
    msi(&s, 7, 1);
    msi(&s, 7, 5);
    msi(&s, 8, 4);
    msi(&s, 7, 36);
    for (unsigned i = 0; i < CPUS; i++) {
        g_assert_false(irq(&s.g, i));
    }
    msi(&s, 7, 4);
    g_assert_true(irq(&s.g, 1));
    g_assert_cmpuint(take(&s, 1), ==, 9001);
    g_assert_false(irq(&s.g, 1));
    /* A CPU's write of the register is of device 0. */
    mapd(&s, 0, 1, true);
    mapti(&s, 0, 1, 8200, 3);
    reg_write(s.d, 0, TRANSLATER, 4, 1);
    g_assert_cmpuint(take(&s, 1), ==, 8200);
    /* Elsewhere in the frame, or off: nothing. */
    memory_write_msi(s.g.t.m->as, ITS_AT + 0x40, 1, 0);
    reg_write(s.d, 0, CTLR, 4, 0);
    msi(&s, 7, 4);
    g_assert_cmpuint(take(&s, 1), ==, 1023);
    test_snapshot(s.d);
    its_clear(&s);
}

static void test_commands(void)
{
    Its s;

    its_init(&s, 0);
    mapd(&s, 5, 14, true);
    mapc(&s, 0, 0, true);
    mapc(&s, 1, 2, true);
    cmd(&s, UINT64_C(5) << 32 | 0x0b, 8300, 0, 0); /* MAPI: the LPI is the event */
    event_cmd(&s, 0x03, 5, 8300, 0);
    g_assert_cmpuint(icc(&s.g, 0, ICC_HPPIR1), ==, 8300);
    event_cmd(&s, 0x04, 5, 8300, 0); /* CLEAR */
    g_assert_cmpuint(icc(&s.g, 0, ICC_HPPIR1), ==, 1023);
    /* MOVI takes what is pending along. */
    msi(&s, 5, 8300);
    event_cmd(&s, 0x01, 5, 8300, 1);
    g_assert_true(!irq(&s.g, 0) && irq(&s.g, 2));
    g_assert_cmpuint(take(&s, 2), ==, 8300);
    msi(&s, 5, 8300);
    g_assert_cmpuint(take(&s, 2), ==, 8300);
    event_cmd(&s, 0x01, 5, 8300, 9); /* no such collection: stays */
    msi(&s, 5, 8300);
    g_assert_cmpuint(icc(&s.g, 2, ICC_HPPIR1), ==, 8300);
    /* MOVALL. */
    cmd(&s, 0x0e, 0, 2 << 16, 3 << 16);
    g_assert_true(!irq(&s.g, 2) && irq(&s.g, 3));
    g_assert_cmpuint(take(&s, 3), ==, 8300);
    cmd(&s, 0x0e, 0, 4 << 16, 3 << 16);
    cmd(&s, 0x0e, 0, UINT64_MAX, UINT64_MAX);
    /* INV, INVALL: the configuration is read anew. */
    config(&s.g, 8300, 0xa0);
    event_cmd(&s, 0x0c, 5, 8300, 0);
    msi(&s, 5, 8300);
    g_assert_false(irq(&s.g, 2));
    config(&s.g, 8300, 0xa1);
    event_cmd(&s, 0x0c, 5, 8300, 0);
    g_assert_true(irq(&s.g, 2));
    config(&s.g, 8300, 0xa0);
    cmd(&s, 0x0d, 0, 1, 0);
    g_assert_false(irq(&s.g, 2));
    config(&s.g, 8300, 0xa1);
    cmd(&s, 0x0d, 0, 1, 0);
    g_assert_true(irq(&s.g, 2));
    cmd(&s, 0x05, 0, 2 << 16, 0); /* SYNC */
    /* DISCARD clears and unmaps. */
    event_cmd(&s, 0x0f, 5, 8300, 0);
    g_assert_false(irq(&s.g, 2));
    msi(&s, 5, 8300);
    g_assert_false(irq(&s.g, 2));
    /* Unmapped collection, unmapped device. */
    mapti(&s, 5, 1, 9000, 1);
    mapc(&s, 1, 2, false);
    msi(&s, 5, 1);
    g_assert_false(irq(&s.g, 2));
    mapc(&s, 1, 2, true);
    msi(&s, 5, 1);
    g_assert_cmpuint(take(&s, 2), ==, 9000);
    mapd(&s, 5, 14, false);
    msi(&s, 5, 1);
    g_assert_false(irq(&s.g, 2));
    /* What cannot be. */
    mapd(&s, 512, 4, true); /* beyond the table */
    mapd(&s, UINT32_MAX, 4, true);
    mapd(&s, 5, 17, true);
    mapc(&s, 2, CPUS, true);
    mapc(&s, 600, 0, true);
    mapd(&s, 5, 2, true);
    mapti(&s, 5, 0, 100, 0);
    mapti(&s, 5, 0, 65536, 0);
    mapti(&s, 5, 4, 9000, 0);
    msi(&s, 5, 0);
    msi(&s, 5, 4);
    cmd(&s, 0xff, 0, 0, 0);
    g_assert_cmpuint(take(&s, 0), ==, 1023);
    its_clear(&s);
}

static void test_two_levels(void)
{
    Its s;
    AddressSpace *as;

    its_init(&s, INDIRECT);
    as = s.g.t.m->as;
    mapc(&s, 0, 0, true);
    mapd(&s, 1000, 5, true); /* no second level yet */
    msi(&s, 1000, 0);
    memory_st64_le(as, DEVICES + 8, VALID | LEVEL2);
    mapd(&s, 1000, 5, true);
    g_assert_cmphex(memory_ld64_le(as, LEVEL2 + (1000 - 512) * 8, NULL) & 1, ==, 1);
    mapti(&s, 1000, 3, 8500, 0);
    msi(&s, 1000, 3);
    g_assert_cmpuint(take(&s, 0), ==, 8500);
    mapd(&s, 65535, 5, true);
    mapd(&s, 65536, 5, true);
    /* The guest's tables turn bad. */
    memory_st64_le(as, DEVICES + 8, VALID | UINT64_C(0xffffffffff000));
    msi(&s, 1000, 3);
    memory_st64_le(as, DEVICES + 8, VALID | ITS_AT);
    msi(&s, 1000, 3);
    memory_st64_le(as, DEVICES + 8, LEVEL2);
    msi(&s, 1000, 3);
    memory_st64_le(as, DEVICES + 8, VALID | LEVEL2);
    memory_st64_le(as, LEVEL2 + (1000 - 512) * 8, UINT64_MAX); /* its table is nowhere */
    msi(&s, 1000, 3);
    mapti(&s, 1000, 3, 8500, 0);
    g_assert_cmpuint(take(&s, 0), ==, 1023);
    memory_st64_le(as, LEVEL2 + (1000 - 512) * 8, 1 | 4 << 1 | ITT >> 8 << 6);
    memory_st64_le(as, ITT + 3 * 8, UINT64_MAX); /* LPI 65535 of collection 65535 */
    msi(&s, 1000, 3);
    memory_st64_le(as, ITT + 3 * 8, 1 | 5 << 16); /* an LPI that is none */
    msi(&s, 1000, 3);
    memory_st64_le(as, COLLECTIONS, 1 | 999 << 1); /* no such CPU */
    memory_st64_le(as, ITT + 3 * 8, 1 | 8500 << 16);
    msi(&s, 1000, 3);
    g_assert_cmpuint(take(&s, 0), ==, 1023);
    memory_st64_le(as, COLLECTIONS, 1);
    msi(&s, 1000, 3);
    g_assert_cmpuint(take(&s, 0), ==, 8500);
    its_clear(&s);
}

/* A queue that is not there stalls, and goes on once it is. */
static void test_queue(void)
{
    Its s;

    its_init(&s, 0);
    reg_write(s.d, 0, CTLR, 4, 0);
    reg_write(s.d, 0, CBASER, 8, VALID | UINT64_C(0xfff00000000));
    reg_write(s.d, 0, CTLR, 4, 1);
    reg_write(s.d, 0, CWRITER, 8, 0x40);
    g_assert_cmphex(reg_read(s.d, 0, CREADR, 8), ==, 1);
    reg_write(s.d, 0, CTLR, 4, 0);
    reg_write(s.d, 0, CBASER, 8, VALID | ITS_AT); /* its own registers */
    reg_write(s.d, 0, CTLR, 4, 1);
    g_assert_cmphex(reg_read(s.d, 0, CREADR, 8), ==, 1);
    reg_write(s.d, 0, CTLR, 4, 0);
    reg_write(s.d, 0, CBASER, 8, VALID | QUEUE);
    reg_write(s.d, 0, CTLR, 4, 1);
    g_assert_cmphex(reg_read(s.d, 0, CREADR, 8), ==, 0x40);
    /* All the way round. */
    reg_write(s.d, 0, CWRITER, 8, 0x20);
    g_assert_cmphex(reg_read(s.d, 0, CREADR, 8), ==, 0x20);
    its_clear(&s);
}

/* Random commands, tables and registers. */
static void test_fuzz(void)
{
    Its s;
    GRand *r = g_rand_new_with_seed(g_test_rand_int());

    its_init(&s, INDIRECT);
    for (unsigned i = 0; i < 30000; i++) {
        static const uint8_t ops[] = {1, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 0x21};
        uint64_t random = (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
        uint64_t device = g_rand_int_range(r, 0, 1024), event = g_rand_int_range(r, 0, 64);
        unsigned op = ops[g_rand_int_range(r, 0, G_N_ELEMENTS(ops))];

        switch (g_rand_int_range(r, 0, 10)) {
        case 0: /* a table entry */
            memory_st64_le(s.g.t.m->as, DEVICES + g_rand_int_range(r, 0, 0x5000 / 8) * 8,
                           random >> g_rand_int_range(r, 0, 64) | (random & 1) << 63);
            break;
        case 1:
            memory_st64_le(s.g.t.m->as, DEVICES + g_rand_int_range(r, 0, 2) * 8, VALID | LEVEL2);
            break;
        case 2:
            msi(&s, device, event);
            break;
        case 3:
            icc_w(&s.g, device % CPUS, ICC_EOIR1, icc(&s.g, device % CPUS, ICC_IAR1));
            break;
        case 4:
            if (i % 100 == 0) {
                memory_mmio_write(&s.d->mmio[0], g_rand_int_range(r, 0, 0x140 / 8) * 8, 8, random);
                reg_write(s.d, 0, CTLR, 4, 0);
                reg_write(s.d, 0, BASER, 8, VALID | (random & (INDIRECT | 0x300)) | DEVICES);
                reg_write(s.d, 0, BASER + 8, 8, VALID | COLLECTIONS);
                reg_write(s.d, 0, CBASER, 8, VALID | QUEUE);
                s.at = 0;
                reg_write(s.d, 0, CWRITER, 8, 0);
                reg_write(s.d, 0, CTLR, 4, 1);
            }
            break;
        default:
            cmd(&s, device << 32 | op,
                event | (g_rand_boolean(r) ? (8192 + event) << 32 : random & ~UINT64_C(63)),
                op == 8 ? VALID | ITT : (random & VALID) | (device % 8) << 16 | event % 4,
                random & 0x70000);
        }
    }
    test_snapshot(s.d);
    test_snapshot(s.g.d);
    g_rand_free(r);
    its_clear(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/its/registers", test_registers);
    g_test_add_func("/its/messages", test_messages);
    g_test_add_func("/its/commands", test_commands);
    g_test_add_func("/its/two-levels", test_two_levels);
    g_test_add_func("/its/queue", test_queue);
    g_test_add_func("/its/fuzz", test_fuzz);
    return g_test_run();
}

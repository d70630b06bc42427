/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* fw_cfg: hw/misc/fw_cfg.c. */
#include "hw/misc/fw_cfg.h"
#include "tests/unit/device-test.h"

#include <string.h>

enum { DATA, SELECT, DMA };

typedef struct FwCfg {
    TestMachine t;
    Device *d;
} FwCfg;

static void fw_init(FwCfg *f)
{
    test_machine_init(&f->t);
    f->d = test_device_new(&f->t, "fw_cfg_mem");
    test_device_realize(f->d);
}

static void add(FwCfg *f, const char *name, const char *text)
{
    GError *err = NULL;

    fw_cfg_add_file(f->d, name, g_bytes_new(text, strlen(text)), &err);
    g_assert_no_error(err);
}

static void select_key(FwCfg *f, uint16_t key)
{
    reg_write(f->d, SELECT, 0, 2, GUINT16_SWAP_LE_BE(key));
}

static void test_registers(void)
{
    FwCfg f;
    uint64_t val;

    fw_init(&f);
    select_key(&f, FW_CFG_SIGNATURE);
    g_assert_cmphex(reg_read(f.d, DATA, 0, 1), ==, 'Q');
    g_assert_cmphex(reg_read(f.d, DATA, 0, 2), ==, 'E' | 'M' << 8);
    test_snapshot(f.d);
    g_assert_cmphex(reg_read(f.d, DATA, 0, 8), ==, 'U');
    g_assert_cmphex(reg_read(f.d, DATA, 0, 8), ==, 0);
    select_key(&f, FW_CFG_ID);
    g_assert_cmphex(reg_read(f.d, DATA, 0, 4), ==, 3);
    reg_write(f.d, DATA, 0, 4, 0x12345678); /* no effect */
    select_key(&f, FW_CFG_ID);
    g_assert_cmphex(reg_read(f.d, DATA, 0, 4), ==, 3);
    select_key(&f, 0x7fff);
    g_assert_cmphex(reg_read(f.d, DATA, 0, 4), ==, 0);
    g_assert_cmpint(memory_mmio_read(&f.d->mmio[DATA], 4, 4, &val), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(memory_mmio_read(&f.d->mmio[SELECT], 0, 2, &val), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(memory_mmio_write(&f.d->mmio[SELECT], 0, 1, 0), ==, MEMTX_DECODE_ERROR);
    g_assert_cmphex(reg_read(f.d, DMA, 0, 8), ==, GUINT64_SWAP_LE_BE(0x51454d5520434647));
    g_assert_cmphex(reg_read(f.d, DMA, 4, 4), ==, GUINT32_SWAP_LE_BE(0x20434647));
    g_assert_cmphex(reg_read(f.d, DMA, 0, 1), ==, 'Q');
    g_assert_cmpint(memory_mmio_write(&f.d->mmio[DMA], 0, 1, 0), ==, MEMTX_DECODE_ERROR);
    test_machine_clear(&f.t);
}

static void test_files(void)
{
    FwCfg f;
    GError *err = NULL;
    uint8_t dir[4 + 3 * 64];

    fw_init(&f);
    add(&f, "opt/b", "bbb");
    add(&f, "opt/a", "aa");
    add(&f, "etc/z", "");
    select_key(&f, FW_CFG_FILE_DIR);
    for (unsigned i = 0; i < sizeof(dir); i++) {
        dir[i] = reg_read(f.d, DATA, 0, 1);
    }
    g_assert_cmpmem(dir, 12, "\0\0\0\3\0\0\0\0\0\x20\0\0", 12);
    g_assert_cmpstr((char *)dir + 12, ==, "etc/z");
    g_assert_cmpmem(dir + 68, 8, "\0\0\0\2\0\x21\0\0", 8);
    g_assert_cmpstr((char *)dir + 76, ==, "opt/a");
    g_assert_cmpmem(dir + 132, 8, "\0\0\0\3\0\x22\0\0", 8);
    select_key(&f, 0x22);
    g_assert_cmphex(reg_read(f.d, DATA, 0, 4), ==, 0x626262);

    g_assert_false(fw_cfg_add_file(f.d, "opt/a", g_bytes_new("x", 1), &err));
    g_assert_nonnull(err);
    g_clear_error(&err);
    g_autofree char *name = g_strnfill(56, 'n');
    g_assert_false(fw_cfg_add_file(f.d, name, g_bytes_new("x", 1), &err));
    g_clear_error(&err);
    name[55] = 0;
    add(&f, name, "x");
    for (unsigned i = 4; i < FW_CFG_MAX_FILES; i++) {
        g_autofree char *n = g_strdup_printf("opt/%u", i);

        add(&f, n, "x");
    }
    g_assert_false(fw_cfg_add_file(f.d, "opt/more", g_bytes_new("x", 1), &err));
    g_clear_error(&err);
    test_machine_clear(&f.t);
}

/* Run a DMA command; returns what is left in the control word. */
static uint32_t dma(FwCfg *f, uint32_t control, uint32_t len, uint64_t addr)
{
    memory_st32_be(f->t.m->as, 0x1000, control);
    memory_st32_be(f->t.m->as, 0x1004, len);
    memory_st64_be(f->t.m->as, 0x1008, addr);
    reg_write(f->d, DMA, 0, 8, GUINT64_SWAP_LE_BE(0x1000));
    return memory_ld32_be(f->t.m->as, 0x1000, NULL);
}

static void test_dma(void)
{
    FwCfg f;
    uint8_t buf[16];

    fw_init(&f);
    add(&f, "opt/a", "0123456789");
    memory_set(f.t.m->as, 0x2000, 0xee, 32);
    g_assert_cmphex(dma(&f, 0x0020000a, 4, 0x2000), ==, 0); /* select, read */
    g_assert_cmphex(dma(&f, 0x4, 2, 0), ==, 0);             /* skip */
    g_assert_cmphex(dma(&f, 0x2, 8, 0x2004), ==, 0);        /* runs out: zeroes */
    memory_read(f.t.m->as, 0x2000, buf, 13);
    g_assert_cmpmem(buf, 13, "01236789\0\0\0\0\xee", 13);
    g_assert_cmphex(dma(&f, 0xffff000a, 2, 0x2000), ==, 0); /* no such item */
    g_assert_cmphex(memory_ld16_le(f.t.m->as, 0x2000, NULL), ==, 0);
    g_assert_cmphex(dma(&f, 0x00200018, 2, 0x2000), ==, 1);         /* write */
    g_assert_cmphex(dma(&f, 0x0020000a, 4, 0x90000000), ==, 1);     /* nothing there */
    g_assert_cmphex(dma(&f, 0x0020000a, 4, UINT64_MAX - 1), ==, 1); /* wraps */
    g_assert_cmphex(dma(&f, 0x0020000a, UINT32_MAX, TEST_RAM_SIZE - 4), ==, 1);
    g_assert_cmphex(dma(&f, 0x4, UINT32_MAX, 0), ==, 0);
    g_assert_cmphex(dma(&f, 0x4, UINT32_MAX, 0), ==, 0);
    g_assert_cmphex(reg_read(f.d, DATA, 0, 8), ==, 0);
    g_assert_cmphex(dma(&f, 0, 0, 0), ==, 0);
    /* In two halves, the low one starts it; a descriptor that is not in RAM. */
    memory_st32_be(f.t.m->as, 0x1000, 0x0020000a);
    memory_st32_be(f.t.m->as, 0x1004, 4);
    memory_st64_be(f.t.m->as, 0x1008, 0x2000);
    reg_write(f.d, DMA, 0, 4, 0);
    reg_write(f.d, DMA, 4, 4, GUINT32_SWAP_LE_BE(0x1000));
    g_assert_cmphex(memory_ld32_le(f.t.m->as, 0x2000, NULL), ==, 0x33323130);
    reg_write(f.d, DMA, 0, 8, UINT64_MAX);
    reg_write(f.d, DMA, 0, 8, GUINT64_SWAP_LE_BE(0x70000000));
    test_snapshot(f.d);
    test_machine_clear(&f.t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fw-cfg/registers", test_registers);
    g_test_add_func("/fw-cfg/files", test_files);
    g_test_add_func("/fw-cfg/dma", test_dma);
    return g_test_run();
}

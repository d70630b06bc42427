/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What tests of devices share: a machine without a board, whose clocks stand still unless the test
 * lets them run; register access at a bank; a line that remembers its level.
 */
#ifndef TESTS_UNIT_DEVICE_TEST_H
#define TESTS_UNIT_DEVICE_TEST_H

#include "hw/device.h"
#include "softmmu/machine.h"

#define TEST_RAM_SIZE 0x100000

typedef struct TestMachine {
    Machine *m;
    MainLoop *loop;
    MemRegion root, ram;
} TestMachine;

static inline void test_machine_init(TestMachine *t)
{
    t->loop = mainloop_new();
    t->m = machine_new(t->loop);
    t->m->rtc.clock = CLK_VIRTUAL;
    t->m->ms = memory_system_new();
    memory_region_init_container(&t->root, t->m->ms, "system", UINT64_MAX);
    t->m->as = address_space_new(t->m->ms, "memory", &t->root);
    RamBlock *b = ram_block_new(t->m->ms, "ram", TEST_RAM_SIZE, NULL, NULL);
    memory_region_init_ram(&t->ram, "ram", b, 0, TEST_RAM_SIZE);
    memory_region_add(&t->root, 0, &t->ram, 0);
}

static inline void test_machine_clear(TestMachine *t)
{
    MemSystem *ms = t->m->ms;

    device_set_free(t->m->device_set);
    machine_free(t->m);
    memory_region_destroy(&t->ram);
    memory_region_destroy(&t->root);
    memory_system_free(ms);
    mainloop_free(t->loop);
}

static inline void *test_device_new(TestMachine *t, const char *name)
{
    GError *err = NULL;
    Device *d = device_new(t->m, t->m->ms, t->m->as, name, &err);

    g_assert_no_error(err);
    return d;
}

static inline void test_device_realize(void *d)
{
    GError *err = NULL;

    device_realize(d, NULL, &err);
    g_assert_no_error(err);
}

static inline uint64_t reg_read(void *d, unsigned bank, hwaddr offset, unsigned size)
{
    uint64_t val;

    g_assert_cmpint(memory_mmio_read(&((Device *)d)->mmio[bank], offset, size, &val), ==, MEMTX_OK);
    return val;
}

static inline void reg_write(void *d, unsigned bank, hwaddr offset, unsigned size, uint64_t val)
{
    g_assert_cmpint(memory_mmio_write(&((Device *)d)->mmio[bank], offset, size, val), ==, MEMTX_OK);
}

typedef struct TestLine {
    bool level;
    unsigned changes; /* calls that changed the level */
} TestLine;

static inline void test_line_set(void *opaque, unsigned n, bool level)
{
    TestLine *l = (TestLine *)opaque + n;

    l->changes += l->level != level;
    l->level = level;
}

/* Connect output n of d to lines[n]. */
static inline void test_connect(void *d, unsigned n, TestLine *lines)
{
    device_connect_irq(d, n, (IrqLine){test_line_set, lines, n});
}

/* Save, reset, load, save: the two snapshots are the same bytes. */
static inline void test_snapshot(void *dev)
{
    Device *d = dev;
    GError *err = NULL;
    g_autoptr(GByteArray) a = g_byte_array_new(), b = g_byte_array_new();

    device_save(d, a);
    device_reset(d);
    const uint8_t *data = a->data;
    size_t len = a->len;
    device_load(d, &data, &len, &err);
    g_assert_no_error(err);
    g_assert_cmpuint(len, ==, 0);
    device_save(d, b);
    g_assert_cmpmem(a->data, a->len, b->data, b->len);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A virtio driver for tests: a slot of virtio-mmio, a device on its bus, split rings in the test
 * machine's RAM, little-endian. Queue q has its rings at QUEUE_AT(q); buffers go where a test likes
 * from BUFFERS on.
 */
#ifndef TESTS_UNIT_VIRTIO_DRIVER_H
#define TESTS_UNIT_VIRTIO_DRIVER_H

#include "hw/virtio.h"
#include "tests/unit/device-test.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_AT(q) (0x10000 + (q)*0x4000)
#define BUFFERS     0x80000
#define NO_RAM      0x40000000

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

typedef struct Driver {
    TestMachine t;
    Device *slot, *dev;
    TestLine line;
    char *image; /* of a block device, removed at the end */
    uint16_t num, avail[8], seen[8];
} Driver;

static inline uint32_t vreg(Driver *d, unsigned offset)
{
    return reg_read(d->slot, 0, offset, 4);
}

static inline void vreg_set(Driver *d, unsigned offset, uint32_t val)
{
    reg_write(d->slot, 0, offset, 4, val);
}

/* Guest RAM. */
static inline uint8_t *ram(Driver *d, hwaddr addr)
{
    return d->t.ram.block->host + addr;
}

static inline void put16(Driver *d, hwaddr addr, uint16_t val)
{
    memory_st16_le(d->t.m->as, addr, val);
}

static inline void put32(Driver *d, hwaddr addr, uint32_t val)
{
    memory_st32_le(d->t.m->as, addr, val);
}

static inline void put64(Driver *d, hwaddr addr, uint64_t val)
{
    memory_st64_le(d->t.m->as, addr, val);
}

/* Where the rings are: the legacy layout of 2.7.2 with 4 KiB pages, also used by the modern one. */
static inline hwaddr avail_at(const Driver *d, unsigned q)
{
    return QUEUE_AT(q) + 16 * d->num;
}

static inline hwaddr used_at(const Driver *d, unsigned q)
{
    return (avail_at(d, q) + 6 + 2 * d->num + 4095) & ~(hwaddr)4095;
}

/* A slot. `async`: block requests on worker threads. */
static inline void driver_open(Driver *d, bool legacy, bool async)
{
    *d = (Driver){.num = 16};
    test_machine_init(&d->t);
    d->t.m->icount_shift = async ? -1 : 0;
    d->slot = test_device_new(&d->t, "virtio-mmio");
    device_set_u64(d->slot, "force-legacy", legacy);
    test_device_realize(d->slot);
    test_connect(d->slot, 0, &d->line);
}

/* name,prop=value,... on the slot's bus. */
static inline Device *driver_plug(Driver *d, const char *text, GError **err)
{
    g_autoptr(OptDict) o = opt_parse(text, "driver", NULL);

    return d->dev = device_create_from_opts(d->t.m, o, err);
}

/* An image file of `size` bytes, sector n filled with n + 1, as drive d0; opts as ",readonly=on".
 */
static inline void driver_add_drive(Driver *d, size_t size, const char *opts)
{
    g_autofree uint8_t *data = g_malloc(size);
    int fd = g_file_open_tmp("rhea-test-XXXXXX", &d->image, NULL);

    for (size_t i = 0; i < size; i++) {
        data[i] = i / 512 + 1;
    }
    g_assert_cmpint(write(fd, data, size), ==, size);
    close(fd);
    g_autofree char *text =
        g_strdup_printf("id=d0,format=raw,file=%s%s", d->image, opts ? opts : "");
    g_ptr_array_add(d->t.m->drives, opt_parse(text, NULL, NULL));
}

static inline void driver_plug_ok(Driver *d, const char *text)
{
    GError *err = NULL;

    driver_plug(d, text, &err);
    g_assert_no_error(err);
}

static inline void driver_close(Driver *d)
{
    test_machine_clear(&d->t);
    if (d->image) {
        g_unlink(d->image);
        g_free(d->image);
    }
}

static inline bool driver_is_legacy(Driver *d)
{
    return vreg(d, 4) == 1;
}

static inline void queue_setup(Driver *d, unsigned q)
{
    memset(ram(d, QUEUE_AT(q)), 0, 0x4000);
    d->avail[q] = d->seen[q] = 0;
    vreg_set(d, 0x30, q);
    vreg_set(d, 0x38, d->num);
    if (driver_is_legacy(d)) {
        vreg_set(d, 0x3c, 4096);
        vreg_set(d, 0x40, QUEUE_AT(q) / 4096);
    } else {
        vreg_set(d, 0x80, QUEUE_AT(q));
        vreg_set(d, 0x84, 0);
        vreg_set(d, 0x90, avail_at(d, q));
        vreg_set(d, 0x94, 0);
        vreg_set(d, 0xa0, used_at(d, q));
        vreg_set(d, 0xa4, 0);
        vreg_set(d, 0x44, 1);
    }
}

/* Reset, negotiate `features` (VERSION_1 added) of those offered, set up n queues, go. */
static inline void driver_start(Driver *d, uint64_t features, unsigned n)
{
    bool legacy = driver_is_legacy(d);

    vreg_set(d, 0x70, 0);
    vreg_set(d, 0x70, 1);
    vreg_set(d, 0x70, 3);
    features |= legacy ? 0 : UINT64_C(1) << 32;
    for (unsigned i = 0; i < (legacy ? 1 : 2); i++) {
        vreg_set(d, 0x14, i);
        vreg_set(d, 0x24, i);
        vreg_set(d, 0x20, (features >> 32 * i) & vreg(d, 0x10));
    }
    if (legacy) {
        vreg_set(d, 0x28, 4096);
    } else {
        vreg_set(d, 0x70, 11);
        g_assert_cmpuint(vreg(d, 0x70), ==, 11);
    }
    for (unsigned q = 0; q < n; q++) {
        queue_setup(d, q);
    }
    vreg_set(d, 0x70, vreg(d, 0x70) | 4);
}

static inline void desc_set(Driver *d, hwaddr table, unsigned i, uint64_t addr, uint32_t len,
                            uint16_t flags, uint16_t next)
{
    put64(d, table + 16 * i, addr);
    put32(d, table + 16 * i + 8, len);
    put16(d, table + 16 * i + 12, flags);
    put16(d, table + 16 * i + 14, next);
}

static inline void make_available(Driver *d, unsigned q, uint16_t head)
{
    put16(d, avail_at(d, q) + 4 + 2 * (d->avail[q] % d->num), head);
    d->avail[q]++;
    put16(d, avail_at(d, q) + 2, d->avail[q]);
}

static inline void kick(Driver *d, unsigned q)
{
    vreg_set(d, 0x50, q);
}

static inline uint16_t used_idx(Driver *d, unsigned q)
{
    return memory_ld16_le(d->t.m->as, used_at(d, q) + 2, NULL);
}

/* The next used buffer, waiting for it up to ten seconds; -1: none. */
static inline int64_t used_next(Driver *d, unsigned q, uint32_t *len)
{
    for (unsigned i = 0; used_idx(d, q) == d->seen[q]; i++) {
        if (i == 10000) {
            return -1;
        }
        g_usleep(1000);
    }
    hwaddr at = used_at(d, q) + 4 + 8 * (d->seen[q]++ % d->num);
    *len = memory_ld32_le(d->t.m->as, at + 4, NULL);
    return memory_ld32_le(d->t.m->as, at, NULL);
}

#endif

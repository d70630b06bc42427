/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A virtio driver for tests: a slot of virtio-mmio or a PCI function, split or packed rings in the
 * test machine's RAM, little-endian. Registers are named by their offsets in virtio-mmio, whatever
 * the transport. Queue q has its rings at QUEUE_AT(q); buffers go where a test likes
 * from BUFFERS on.
 */
#ifndef TESTS_UNIT_VIRTIO_DRIVER_H
#define TESTS_UNIT_VIRTIO_DRIVER_H

#include "hw/pci.h"
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
    Device *pci; /* the function that carries dev; NULL: slot does */
    bool packed;
    TestLine line;
    char *image; /* of a block device, removed at the end */
    uint16_t num, avail[8], seen[8];
} Driver;

/* Where the common configuration of PCI has a register of virtio-mmio; size 0: it has not. */
static inline unsigned common_offset(unsigned offset, unsigned *size)
{
    static const struct {
        uint8_t mmio, common, size;
    } map[] = {
        {0x10, 0x04, 4}, {0x14, 0x00, 4}, {0x20, 0x0c, 4}, {0x24, 0x08, 4}, {0x30, 0x16, 2},
        {0x34, 0x18, 2}, {0x38, 0x18, 2}, {0x44, 0x1c, 2}, {0x70, 0x14, 1}, {0x80, 0x20, 4},
        {0x84, 0x24, 4}, {0x90, 0x28, 4}, {0x94, 0x2c, 4}, {0xa0, 0x30, 4}, {0xa4, 0x34, 4},
        {0xc0, 0x3a, 2}, {0xfc, 0x15, 1},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(map); i++) {
        if (map[i].mmio == offset) {
            *size = map[i].size;
            return map[i].common;
        }
    }
    *size = 0;
    return 0;
}

static inline uint32_t vreg(Driver *d, unsigned offset)
{
    unsigned size, at;

    if (!d->pci) {
        return reg_read(d->slot, 0, offset, 4);
    }
    at = common_offset(offset, &size);
    return offset == 0x60    ? reg_read(d->pci, 1, 0, 1)
           : offset == 4     ? 2
           : offset >= 0x100 ? reg_read(d->pci, 2, offset - 0x100, 4)
           : size            ? reg_read(d->pci, 0, at, size)
                             : 0;
}

static inline void vreg_set(Driver *d, unsigned offset, uint32_t val)
{
    unsigned size, at;

    if (!d->pci) {
        reg_write(d->slot, 0, offset, 4, val);
        return;
    }
    at = common_offset(offset, &size);
    if (offset == 0x50) {
        reg_write(d->pci, 3, 4 * val, 2, val);
    } else if (offset == 0x64) {
        reg_read(d->pci, 1, 0, 1);
    } else if (offset >= 0x100) {
        reg_write(d->pci, 2, offset - 0x100, 4, val);
    } else if (size) {
        reg_write(d->pci, 0, at, size, val);
    }
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

/* A PCI host instead of a slot; what is plugged is a function, in 32-bit addresses a bus master. */
static inline void driver_open_pci(Driver *d, bool async)
{
    *d = (Driver){.num = 16};
    test_machine_init(&d->t);
    d->t.m->icount_shift = async ? -1 : 0;
    d->slot = test_device_new(&d->t, "gpex-pcihost");
    device_set_u64(d->slot, "x-ecam-size", 1 << 20);
    test_device_realize(d->slot);
    device_connect_irq(d->slot, 1, (IrqLine){test_line_set, &d->line, 0}); /* INTA of slot 1 */
}

/* name,prop=value,... on the slot's bus. */
static inline Device *driver_plug(Driver *d, const char *text, GError **err)
{
    g_autoptr(OptDict) o = opt_parse(text, "driver", NULL);

    d->dev = device_create_from_opts(d->t.m, o, err);
    if (d->dev && d->dev->backend) {
        d->pci = d->dev;
        d->dev = d->pci->backend;
        pci_config_write(pci_core(d->pci), PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    }
    return d->dev;
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
    vreg_set(d, 0x70, vreg(d, 0x70) | 1);
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
    vreg_set(d, 0x14, 1);
    d->packed = !legacy && (vreg(d, 0x10) & features >> 32 & 1u << (VIRTIO_F_RING_PACKED - 32));
}

static inline void desc_set(Driver *d, hwaddr table, unsigned i, uint64_t addr, uint32_t len,
                            uint16_t flags, uint16_t next)
{
    put64(d, table + 16 * i, addr);
    put32(d, table + 16 * i + 8, len);
    put16(d, table + 16 * i + 12, flags);
    put16(d, table + 16 * i + 14, next);
}

/* ---- packed rings: avail[q] and seen[q] count entries ---- */

enum { P_AVAIL = 0x80, P_USED = 0x8000 };

static inline hwaddr packed_entry(Driver *d, unsigned q, unsigned n)
{
    return QUEUE_AT(q) + 16 * (n % d->num);
}

/* The n-th entry of a chain of `total` with the given id; the first one is made available last. */
static inline void packed_desc(Driver *d, unsigned q, unsigned n, uint64_t addr, uint32_t len,
                               uint16_t id, uint16_t flags)
{
    unsigned at = d->avail[q] + n;
    hwaddr e = packed_entry(d, q, at);
    bool wrap = at / d->num % 2 == 0;

    put64(d, e, addr);
    put32(d, e + 8, len);
    put16(d, e + 12, id);
    put16(d, e + 14, (flags & ~(P_AVAIL | P_USED)) | (wrap ? P_AVAIL : P_USED));
}

/* The next used buffer, which took n entries, waiting for it up to ten seconds: its id, or -1. */
static inline int64_t packed_used(Driver *d, unsigned q, unsigned n, uint32_t *len)
{
    hwaddr e = packed_entry(d, q, d->seen[q]);
    uint16_t want = d->seen[q] / d->num % 2 == 0 ? P_AVAIL | P_USED : 0;

    for (unsigned i = 0; (memory_ld16_le(d->t.m->as, e + 14, NULL) & (P_AVAIL | P_USED)) != want;
         i++) {
        if (i == 10000) {
            return -1;
        }
        g_usleep(1000);
    }
    d->seen[q] += n;
    *len = memory_ld32_le(d->t.m->as, e + 8, NULL);
    return memory_ld16_le(d->t.m->as, e + 12, NULL);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random rings: descriptors, indices, event fields, indirect tables and headers that are mostly
 * nearly right, kicked and reset, for each virtio device, both versions of virtio-mmio and PCI,
 * split and packed rings. A network card is behind a back end that sends its frames back. The
 * device must survive, write nothing outside the guest's RAM (the address sanitizer looks), keep to
 * the invariants of its used ring, and work for an orderly driver afterwards.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake-net.h"
#include "tests/unit/virtio-driver.h"

#define QUEUES 6

typedef struct Case {
    const char *name, *plug;
    bool legacy, async;
} Case;

static const Case cases[] = {
    {"blk", "virtio-blk-device,drive=d0,num-queues=4", false, false},
    {"blk-legacy", "virtio-blk-device,drive=d0", true, false},
    {"blk-async", "virtio-blk-device,drive=d0,num-queues=4", false, true},
    {"rng", "virtio-rng-device", false, false},
    {"serial", "virtio-serial-device", false, false},
    {"serial-legacy", "virtio-serial-device", true, false},
    {"blk-packed", "virtio-blk-device,drive=d0,num-queues=4,packed=on", false, false},
    {"serial-packed", "virtio-serial-device,packed=on", false, false},
    {"blk-pci", "virtio-blk-pci,drive=d0,num-queues=4", false, false},
    {"blk-pci-packed", "virtio-blk-pci,drive=d0,num-queues=4,packed=on", false, true},
    {"rng-pci-packed", "virtio-rng-pci,packed=on", false, false},
    {"serial-pci", "virtio-serial-pci", false, false},
    {"net", "virtio-net-device,netdev=n0", false, false},
    {"net-legacy", "virtio-net-device,netdev=n0", true, false},
    {"net-async", "virtio-net-device,netdev=n0,mq=on", false, true},
    {"net-packed", "virtio-net-device,netdev=n0,mq=on,packed=on", false, true},
    {"net-pci", "virtio-net-pci,netdev=n0,mq=on", false, true},
    {"net-pci-packed", "virtio-net-pci,netdev=n0,packed=on", false, false},
};

/* An address: a buffer, the rings themselves, the ends of RAM, anything. */
static uint64_t some_addr(GRand *r)
{
    switch (g_rand_int_range(r, 0, 16)) {
    case 0:
        return TEST_RAM_SIZE - g_rand_int_range(r, 0, 4096);
    case 1:
        return QUEUE_AT(g_rand_int_range(r, 0, QUEUES)) + g_rand_int_range(r, 0, 0x2000);
    case 2:
        return (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
    case 3:
        return UINT64_MAX - g_rand_int_range(r, 0, 64);
    default:
        return BUFFERS + 16 * g_rand_int_range(r, 0, 0x1000);
    }
}

static uint32_t some_len(GRand *r)
{
    static const uint32_t usual[] = {1, 8, 16, 32, 512, 513, 1024, 4096, 0, UINT32_MAX};

    return g_rand_int_range(r, 0, 8) ? usual[g_rand_int_range(r, 0, G_N_ELEMENTS(usual))]
                                     : g_rand_int(r) >> g_rand_int_range(r, 0, 32);
}

static void some_desc(GRand *r, Driver *d, hwaddr table, unsigned i)
{
    uint16_t flags = g_rand_int_range(r, 0, 4);

    flags |= g_rand_int_range(r, 0, 8) ? 0 : INDIRECT;
    flags |= g_rand_int_range(r, 0, 64) ? 0 : g_rand_int(r);
    desc_set(d, table, i, some_addr(r), some_len(r), flags,
             g_rand_int_range(r, 0, 4) ? i + 1 : g_rand_int_range(r, 0, 20));
}

/* A header of a request, or of a control message. */
static void some_header(GRand *r, Driver *d)
{
    hwaddr at = BUFFERS + 16 * g_rand_int_range(r, 0, 0x1000);

    put32(d, at, g_rand_int_range(r, 0, 16));
    put32(d, at + 4, g_rand_int_range(r, 0, 10) | g_rand_int_range(r, 0, 3) << 16);
    put64(d, at + 8, g_rand_int_range(r, 0, 4) ? g_rand_int_range(r, 0, 140) : some_addr(r));
}

/* A chain in a packed ring, most of the time a good one. */
static void some_packed(GRand *r, Driver *d, unsigned q, unsigned n)
{
    n = d->avail[q] - d->seen[q] > 8 && g_rand_int_range(r, 0, 8) ? 1 : n;
    for (unsigned i = n; i-- > 0;) {
        uint16_t flags = i + 1 < n ? NEXT : 0;
        uint64_t addr = i ? some_addr(r) : BUFFERS + 16 * g_rand_int_range(r, 0, 64);
        uint32_t len = i ? some_len(r) : 16;

        flags |= i && (i + 1 == n || g_rand_boolean(r)) ? WRITE : 0;
        flags ^= g_rand_int_range(r, 0, 24) ? 0 : g_rand_int(r);
        flags |= g_rand_int_range(r, 0, 16) ? 0 : INDIRECT;
        packed_desc(d, q, i, addr, len, g_rand_int_range(r, 0, 20), flags);
    }
    d->avail[q] += n;
    kick(d, q);
    /* Catch up with what came back, one entry at a time. */
    for (unsigned i = 0; i < n; i++) {
        hwaddr e = packed_entry(d, q, d->seen[q]);
        uint16_t want = d->seen[q] / d->num % 2 == 0 ? P_AVAIL | P_USED : 0;

        if ((memory_ld16_le(d->t.m->as, e + 14, NULL) & (P_AVAIL | P_USED)) == want) {
            d->seen[q]++;
        }
    }
}

/* A register of virtio-mmio, or any place of the function and its configuration space. */
static void some_register(GRand *r, Driver *d)
{
    uint32_t val = g_rand_int(r) >> g_rand_int_range(r, 0, 32);

    if (!d->pci) {
        reg_write(d->slot, 0, 4 * g_rand_int_range(r, 0, 0x50), 4, val);
    } else if (g_rand_int_range(r, 0, 4)) {
        reg_write(d->pci, g_rand_int_range(r, 0, 4), 2 * g_rand_int_range(r, 0, 0x20), 2, val);
    } else {
        pci_config_write(pci_core(d->pci), 4 * g_rand_int_range(r, 0, 64), 4, val);
        pci_config_write(pci_core(d->pci), PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    }
}

static void snapshot(Driver *d)
{
    FakeNet *f = d->t.m->nets ? g_ptr_array_index(d->t.m->nets, 0) : NULL;

    for (unsigned i = 0; f && i < net_queue_count(&f->b); i++) {
        fake_hold((FakeNet *)net_queue(&f->b, i), true);
    }
    test_snapshot(d->dev);
    for (unsigned i = 0; f && i < net_queue_count(&f->b); i++) {
        fake_hold((FakeNet *)net_queue(&f->b, i), false);
    }
}

static void operation(GRand *r, Driver *d)
{
    unsigned q = g_rand_int_range(r, 0, QUEUES), n = g_rand_int_range(r, 1, 8);
    uint16_t head = g_rand_int_range(r, 0, 18);

    switch (g_rand_int_range(r, 0, 20)) {
    case 0:
        driver_start(d, g_rand_int(r) | (uint64_t)g_rand_int(r) << 32, QUEUES);
        break;
    case 1:
        put16(d, avail_at(d, q) + 2, g_rand_int(r));
        break;
    case 2:
        /* used_event, avail_event, flags */
        put16(d, avail_at(d, q) + 4 + 2 * d->num, g_rand_int(r));
        put16(d, avail_at(d, q), g_rand_int(r));
        put16(d, used_at(d, q) + g_rand_int_range(r, 0, 140), g_rand_int(r));
        break;
    case 3:
        some_register(r, d);
        break;
    case 4:
    case 5:
        for (unsigned i = 0; i < n; i++) {
            some_desc(r, d, BUFFERS + 16 * g_rand_int_range(r, 0, 0x1000), i);
        }
        break;
    case 6:
    case 7:
    case 8:
        some_header(r, d);
        break;
    case 9:
        vreg_set(d, 0x64, 3);
        break;
    case 10:
        snapshot(d);
        break;
    default:
        if (d->packed) {
            some_header(r, d);
            some_packed(r, d, q, n);
            break;
        }
        /* A chain, made available. */
        for (unsigned i = 0; i < n; i++) {
            some_desc(r, d, QUEUE_AT(q), (head + i) % d->num);
        }
        if (n > 2) {
            /* Most of the time one that a block device likes. */
            desc_set(d, QUEUE_AT(q), head % d->num, BUFFERS + 16 * g_rand_int_range(r, 0, 64), 16,
                     NEXT, (head + 1) % d->num);
            some_header(r, d);
        }
        make_available(d, q, head);
        kick(d, q);
    }
}

static void test_ring(gconstpointer opaque)
{
    const Case *c = opaque;
    GRand *r = g_rand_new_with_seed(g_test_rand_int());
    FakeNet *net = NULL;
    Driver d;
    unsigned live = 0, operations = fuzz_operations();

    if (strstr(c->name, "pci")) {
        driver_open_pci(&d, c->async);
    } else {
        driver_open(&d, c->legacy, c->async);
    }
    driver_add_drive(&d, 64 * 1024, ",discard=unmap");
    if (g_str_has_prefix(c->name, "net")) {
        net = fake_new(true);
        net_add_queue(&net->b, &fake_new(true)->b);
        d.t.m->nets = g_ptr_array_new();
        g_ptr_array_add(d.t.m->nets, &net->b);
    }
    driver_plug_ok(&d, c->plug);
    driver_start(&d, UINT64_MAX, QUEUES);
    for (unsigned i = 0; i < operations; i++) {
        operation(r, &d);
        /* A broken device stays so until it is reset: go on soon. */
        bool broken = virtio_core(d.dev)->broken;
        live += !broken;
        if (broken && g_rand_int_range(r, 0, 3) == 0) {
            driver_start(&d, g_rand_boolean(r) ? UINT64_MAX : g_rand_int(r), QUEUES);
        }
    }
    g_test_message("%u of %u operations on a device that works", live, operations);
    g_assert_cmpuint(live, >, operations / 4);

    /* After all that an orderly driver finds an orderly device. */
    uint32_t used = 0;
    uint64_t features = UINT64_C(1) << VIRTIO_F_INDIRECT_DESC;
    if (strstr(c->name, "packed")) {
        features |= UINT64_C(1) << VIRTIO_F_RING_PACKED;
    }
    driver_start(&d, features, 2);
    if (d.packed) {
        unsigned q = g_str_has_prefix(c->name, "serial") || net;
        bool blk = g_str_has_prefix(c->name, "blk"), in = !q;

        put32(&d, BUFFERS, 0);
        put64(&d, BUFFERS + 8, 0);
        if (blk) {
            packed_desc(&d, q, 1, BUFFERS + 0x1000, 513, 7, WRITE);
        }
        packed_desc(&d, q, 0, BUFFERS, 16, 7, blk ? NEXT : in ? WRITE : 0);
        kick(&d, q);
        g_assert_cmpint(packed_used(&d, q, 1 + blk, &used), ==, 7);
        g_assert_cmpuint(used, ==, blk ? 513 : in ? 16 : 0);
    } else if (g_str_has_prefix(c->name, "blk")) {
        put32(&d, BUFFERS, 0);
        put64(&d, BUFFERS + 8, 0);
        desc_set(&d, QUEUE_AT(0), 0, BUFFERS, 16, NEXT, 1);
        desc_set(&d, QUEUE_AT(0), 1, BUFFERS + 0x1000, 513, WRITE, 0);
        make_available(&d, 0, 0);
        kick(&d, 0);
        g_assert_cmpint(used_next(&d, 0, &used), ==, 0);
        g_assert_cmpuint(used, ==, 513);
    } else if (strcmp(c->name, "rng") == 0) {
        d.num = 8;
        driver_start(&d, 0, 1);
        desc_set(&d, QUEUE_AT(0), 0, BUFFERS, 16, WRITE, 0);
        make_available(&d, 0, 0);
        kick(&d, 0);
        g_assert_cmpint(used_next(&d, 0, &used), ==, 0);
        g_assert_cmpuint(used, ==, 16);
    } else {
        desc_set(&d, QUEUE_AT(1), 0, BUFFERS, 16, 0, 0);
        make_available(&d, 1, 0);
        kick(&d, 1);
        g_assert_cmpint(used_next(&d, 1, &used), ==, 0);
    }
    g_rand_free(r);
    GPtrArray *nets = d.t.m->nets;
    driver_close(&d);
    if (net) {
        net_close(&net->b);
        g_ptr_array_free(nets, TRUE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/fuzz/virtio-ring/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_ring);
    }
    return g_test_run();
}

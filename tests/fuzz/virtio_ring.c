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
    {"balloon", "virtio-balloon-device,free-page-reporting=on", false, false},
    {"balloon-legacy", "virtio-balloon-device", true, false},
    {"balloon-pci-packed", "virtio-balloon-pci,free-page-reporting=on,packed=on", false, false},
    {"keyboard", "virtio-keyboard-device", false, false},
    {"tablet-pci-packed", "virtio-tablet-pci,packed=on", false, false},
    {"9p", "virtio-9p-device,fsdev=f0,mount_tag=t", false, false},
    {"9p-legacy", "virtio-9p-device,fsdev=f0,mount_tag=t", true, false},
    {"9p-pci-packed-async", "virtio-9p-pci,fsdev=f0,mount_tag=t,packed=on", false, true},
};

/* Messages of 9P2000.L: type, and fields by their size, s: a string, d: data with its length. */
static const struct {
    uint8_t type;
    const char *fields;
} messages[] = {
    {8, "4"},     {12, "44"},      {14, "4s444"},     {16, "4ss4"}, {18, "4s4444"}, {20, "44s"},
    {22, "4"},    {24, "48"},      {26, "444448888"}, {30, "44s"},  {32, "4s84"},   {40, "484"},
    {50, "44"},   {52, "414884s"}, {54, "41884s"},    {70, "44s"},  {72, "4s44"},   {74, "4s4s"},
    {76, "4s4"},  {100, "4s"},     {104, "44ss4"},    {108, "2"},   {110, "442s"},  {110, "442ss"},
    {116, "484"}, {118, "48d"},    {120, "4"},        {122, "4"},   {200, "4s8"},
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

/* A message for 9P, its length right most of the time; returns how long it is. */
static uint32_t some_message(GRand *r, Driver *d, hwaddr at)
{
    static const char *const names[] = {"a", "b", "c", "..", ".", "", "a/b", "9P2000.L", "user.x"};
    unsigned m = g_rand_int_range(r, 0, 3) ? g_rand_int_range(r, 0, G_N_ELEMENTS(messages))
                                           : 20 + 2 * g_rand_int_range(r, 0, 2);
    uint8_t *p = ram(d, at), *start = p;

    m = g_rand_int_range(r, 0, 200) ? m : 19;
    p[4] = messages[m].type;
    p += 7;
    for (const char *f = messages[m].fields; *f; f++) {
        const char *name = names[g_rand_int_range(r, 0, G_N_ELEMENTS(names))];
        uint64_t val = g_rand_int_range(r, 0, 4);
        unsigned size = *f - '0';

        if (*f == 'd') {
            val = g_rand_int_range(r, 0, 64);
            size = 4;
        } else if (*f == 's') {
            val = strlen(name);
            size = 2;
        } else if (g_rand_int_range(r, 0, 8) == 0) {
            val = (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
            val >>= g_rand_int_range(r, 0, 64);
        }
        if (*f == 's' && g_rand_int_range(r, 0, 64)) {
            memcpy(p + 2, name, val);
            memcpy(p, &val, 2);
            p += 2 + val;
            continue;
        }
        val = g_rand_int_range(r, 0, 64) ? val : g_rand_int(r);
        memcpy(p, &val, size);
        p += size + (*f == 'd' ? val & 63 : 0);
    }
    put32(d, at, g_rand_int_range(r, 0, 32) ? p - start : g_rand_int_range(r, 0, 64));
    return g_rand_int_range(r, 0, 32) ? p - start : 16;
}

/* What a chain starts with: a header that the device may like, its length. */
static uint32_t some_start(GRand *r, Driver *d, hwaddr at)
{
    if (strcmp(d->dev->cls->name, "virtio-9p-device") == 0) {
        return some_message(r, d, at);
    }
    some_header(r, d);
    return 16;
}

/* A chain in a packed ring, most of the time a good one. */
static void some_packed(GRand *r, Driver *d, unsigned q, unsigned n)
{
    n = d->avail[q] - d->seen[q] > 8 && g_rand_int_range(r, 0, 8) ? 1 : n;
    for (unsigned i = n; i-- > 0;) {
        uint16_t flags = i + 1 < n ? NEXT : 0;
        uint64_t addr = i ? some_addr(r) : BUFFERS + 16 * g_rand_int_range(r, 0, 64);
        uint32_t len = i ? some_len(r) : some_start(r, d, addr);

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
            some_packed(r, d, q, n);
            break;
        }
        /* A chain, made available. */
        for (unsigned i = 0; i < n; i++) {
            some_desc(r, d, QUEUE_AT(q), (head + i) % d->num);
        }
        if (n > 2) {
            /* Most of the time one that the device likes. */
            hwaddr at = BUFFERS + 16 * g_rand_int_range(r, 0, 64);

            desc_set(d, QUEUE_AT(q), head % d->num, at, some_start(r, d, at), NEXT,
                     (head + 1) % d->num);
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
    g_autofree char *shared = g_dir_make_tmp("rhea-9p-XXXXXX", NULL);
    g_autofree char *fsdev =
        g_strdup_printf("qom-type=fsdev-local,id=f0,path=%s,security_model=mapped-xattr", shared);
    g_ptr_array_add(d.t.m->objects, opt_parse(fsdev, NULL, NULL));
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
    bool rng = g_str_has_prefix(c->name, "rng"), blk = g_str_has_prefix(c->name, "blk"),
         p9 = g_str_has_prefix(c->name, "9p");
    unsigned queues = rng || blk || p9 ? 1 : 2, q = queues - 1;
    uint32_t out = rng ? 0 : p9 ? 21 : 16, in = rng ? 16 : blk ? 513 : p9 ? 64 : 0, used = 0;
    uint64_t features = UINT64_C(1) << VIRTIO_F_INDIRECT_DESC;
    if (strstr(c->name, "packed")) {
        features |= UINT64_C(1) << VIRTIO_F_RING_PACKED;
    }
    driver_start(&d, features, queues);
    memset(ram(&d, BUFFERS), 0, 64);
    if (p9) {
        memcpy(ram(&d, BUFFERS),
               "\x15\0\0\0\x64\xff\xff\0\x10\0\0\x08\0"
               "9P2000.L",
               out);
    }
    if (d.packed) {
        if (out && in) {
            packed_desc(&d, q, 1, BUFFERS + 0x1000, in, 7, WRITE);
        }
        packed_desc(&d, q, 0, BUFFERS, out ? out : in, 7, !out ? WRITE : in ? NEXT : 0);
        kick(&d, q);
        g_assert_cmpint(packed_used(&d, q, !!out + !!in, &used), ==, 7);
    } else {
        if (out) {
            desc_set(&d, QUEUE_AT(q), 0, BUFFERS, out, in ? NEXT : 0, 1);
        }
        desc_set(&d, QUEUE_AT(q), !!out, BUFFERS + 0x1000, in, WRITE, 0);
        make_available(&d, q, 0);
        kick(&d, q);
        g_assert_cmpint(used_next(&d, q, &used), ==, 0);
    }
    g_assert_cmpuint(used, ==, p9 ? 21 : in);
    g_rand_free(r);
    GPtrArray *nets = d.t.m->nets;
    driver_close(&d);
    if (net) {
        net_close(&net->b);
        g_ptr_array_free(nets, TRUE);
    }
    char *rm[] = {"rm", "-rf", shared, NULL};
    g_assert_true(
        g_spawn_sync(NULL, rm, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
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

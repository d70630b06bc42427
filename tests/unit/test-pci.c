/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * PCI: configuration space, BARs that move, sizing, bus mastering, INTx through bridges, MSI-X with
 * masks and pending bits, MSI, bridges' windows, functions, slots that cards come to and leave,
 * switches; and a virtio function driven through its BARs and through configuration space.
 */
#include "hw/pci_host.h"
#include "softmmu/opts.h"
#include "tests/unit/device-test.h"

#define ECAM      0x30000000
#define MMIO      0x40000000
#define MMIO_SIZE 0x40000000
#define PIO       0x3000000
#define BELL      0x20000000 /* doorbell */

#define CMD_IO     1
#define CMD_MEMORY 2
#define CMD_MASTER 4

typedef struct Host {
    TestMachine t;
    Device *gpex;
    TestLine line[4];
    MemRegion bell;
    GString *messages;
} Host;

static MemTxResult bell_msi(void *opaque, hwaddr offset, uint32_t data, uint32_t requester)
{
    g_string_append_printf(((Host *)opaque)->messages, "%x:%x=%x ", requester, (unsigned)offset,
                           data);
    return MEMTX_OK;
}

static const MmioOps bell_ops = {.msi = bell_msi};

static void host_init(Host *h)
{
    memset(h, 0, sizeof(*h));
    test_machine_init(&h->t);
    h->messages = g_string_new(NULL);
    h->gpex = test_device_new(&h->t, "gpex-pcihost");
    device_set_u64(h->gpex, "x-ecam-base", ECAM);
    device_set_u64(h->gpex, "x-ecam-size", 0x10000000);
    device_set_u64(h->gpex, "x-below-4g-mmio-base", MMIO);
    device_set_u64(h->gpex, "x-below-4g-mmio-size", MMIO_SIZE);
    device_set_u64(h->gpex, "x-pio-base", PIO);
    device_set_u64(h->gpex, "x-pio-size", 0x10000);
    test_device_realize(h->gpex);
    for (unsigned i = 0; i < 4; i++) {
        test_connect(h->gpex, i, h->line);
    }
    gpex_map(h->gpex, &h->t.root);
    memory_region_init_mmio(&h->bell, h->t.m->ms, "bell", 0x1000, &bell_ops, h, NULL);
    memory_region_add(&h->t.root, BELL, &h->bell, 0);
}

static void host_clear(Host *h)
{
    device_set_free(h->t.m->device_set);
    h->t.m->device_set = NULL;
    memory_region_destroy(&h->bell);
    test_machine_clear(&h->t);
    g_string_free(h->messages, TRUE);
}

static Device *plug_error(Host *h, const char *text, GError **err)
{
    OptDict *opts = opt_parse(text, "driver", NULL);
    Device *d = device_create_from_opts(h->t.m, opts, err);

    opt_free(opts);
    return d;
}

static Device *plug(Host *h, const char *text)
{
    GError *err = NULL;
    Device *d = plug_error(h, text, &err);

    g_assert_no_error(err);
    return d;
}

static void expect_error(Host *h, const char *text, const char *message)
{
    GError *err = NULL;

    g_assert_null(plug_error(h, text, &err));
    g_assert_nonnull(strstr(err->message, message));
    g_error_free(err);
}

static uint32_t rd(Host *h, hwaddr addr, unsigned size)
{
    uint64_t val = 0;

    g_assert_cmpint(memory_read(h->t.m->as, addr, &val, size), ==, MEMTX_OK);
    return val;
}

static void wr(Host *h, hwaddr addr, unsigned size, uint64_t val)
{
    g_assert_cmpint(memory_write(h->t.m->as, addr, &val, size), ==, MEMTX_OK);
}

static hwaddr cfg(unsigned bus, unsigned slot, unsigned reg)
{
    return ECAM + (bus << 20 | slot << 15 | reg);
}

/* Offset of a capability, or 0. */
static unsigned find_cap(Host *h, unsigned bus, unsigned slot, unsigned id)
{
    unsigned at = rd(h, cfg(bus, slot, 0x34), 1);

    for (unsigned i = 0; at && i < 48; i++) {
        if (rd(h, cfg(bus, slot, at), 1) == id) {
            return at;
        }
        at = rd(h, cfg(bus, slot, at + 1), 1);
    }
    return 0;
}

/* ---- configuration space ---- */

static void test_config(void)
{
    Host h;

    host_init(&h);
    g_assert_cmphex(rd(&h, cfg(0, 0, 0), 4), ==, 0x00081b36);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0), 4), ==, UINT32_MAX); /* nobody */
    g_assert_cmphex(rd(&h, cfg(7, 0, 0), 4), ==, UINT32_MAX);
    wr(&h, cfg(0, 1, 4), 2, 7);

    plug(&h, "virtio-rng-pci");
    g_assert_cmphex(rd(&h, cfg(0, 1, 0), 4), ==, 0x10051af4);
    g_assert_cmphex(rd(&h, cfg(0, 1, 8), 4), ==, 0x00ff0000);
    g_assert_cmphex(rd(&h, cfg(0, 1, 2), 1), ==, 0x05);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x2c), 4), ==, 0x00041af4);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x3d), 1), ==, 1);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x100), 4), ==, UINT32_MAX); /* no extended space */
    /* Read-only bits stay, the others take what is written. */
    wr(&h, cfg(0, 1, 0), 4, 0);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0), 4), ==, 0x10051af4);
    wr(&h, cfg(0, 1, 4), 4, UINT32_MAX);
    g_assert_cmphex(rd(&h, cfg(0, 1, 4), 4), ==, 0x00100547);
    wr(&h, cfg(0, 1, 4), 1, 0);
    g_assert_cmphex(rd(&h, cfg(0, 1, 4), 2), ==, 0x0500);
    wr(&h, cfg(0, 1, 0x3c), 1, 0x55);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x3c), 2), ==, 0x0155);
    /* All as it was after a reset. */
    device_reset(device_at(h.t.m, 3));
    g_assert_cmpstr(device_at(h.t.m, 3)->cls->name, ==, "virtio-rng-pci");
    g_assert_cmphex(rd(&h, cfg(0, 1, 4), 2), ==, 0);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x3c), 1), ==, 0);
    host_clear(&h);
}

static void test_bars(void)
{
    Host h;
    const hwaddr high = UINT64_C(0x50000000);

    host_init(&h);
    plug(&h, "virtio-rng-pci");
    /* Sizes: I/O 32, memory 4 KiB, memory 64 bits 16 KiB, and BARs that are not there. */
    for (unsigned i = 0; i < 6; i++) {
        wr(&h, cfg(0, 1, 0x10 + 4 * i), 4, UINT32_MAX);
    }
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x10), 4), ==, 0xffffffe1);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x14), 4), ==, 0xfffff000);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x18), 4), ==, 0);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x20), 4), ==, 0xffffc00c);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x24), 4), ==, UINT32_MAX);

    wr(&h, cfg(0, 1, 0x10), 4, 0x1000);
    wr(&h, cfg(0, 1, 0x14), 4, MMIO + 0x10000);
    wr(&h, cfg(0, 1, 0x20), 4, high);
    wr(&h, cfg(0, 1, 0x24), 4, 0);
    /* Not enabled: all ones. */
    g_assert_cmphex(rd(&h, high + 0x12, 2), ==, 0xffff);
    g_assert_cmphex(rd(&h, PIO + 0x1000, 4), ==, UINT32_MAX);
    wr(&h, cfg(0, 1, 4), 2, CMD_MEMORY);
    g_assert_cmphex(rd(&h, high + 0x12, 2), ==, 1); /* num_queues */
    g_assert_cmphex(rd(&h, PIO + 0x1000, 4), ==, UINT32_MAX);
    wr(&h, cfg(0, 1, 4), 2, CMD_IO);
    g_assert_cmphex(rd(&h, high + 0x12, 2), ==, 0xffff);
    g_assert_cmphex(rd(&h, PIO + 0x100c, 2), ==, 8); /* legacy queue size */
    wr(&h, cfg(0, 1, 4), 2, CMD_IO | CMD_MEMORY);
    /* Moved: here, and no more there. */
    wr(&h, cfg(0, 1, 0x20), 4, high + 0x4000);
    g_assert_cmphex(rd(&h, high + 0x12, 2), ==, 0xffff);
    g_assert_cmphex(rd(&h, high + 0x4012, 2), ==, 1);
    wr(&h, cfg(0, 1, 0x24), 4, 1); /* beyond the window */
    g_assert_cmphex(rd(&h, high + 0x4012, 2), ==, 0xffff);
    wr(&h, cfg(0, 1, 0x24), 4, 0);
    g_assert_cmphex(rd(&h, high + 0x4012, 2), ==, 1);
    /* Sizing while it is enabled, as drivers do. */
    wr(&h, cfg(0, 1, 0x20), 4, UINT32_MAX);
    wr(&h, cfg(0, 1, 0x24), 4, UINT32_MAX);
    g_assert_cmphex(rd(&h, high + 0x4012, 2), ==, 0xffff);
    wr(&h, cfg(0, 1, 0x10), 4, 0x2000);
    g_assert_cmphex(rd(&h, PIO + 0x100c, 2), ==, 0xffff);
    g_assert_cmphex(rd(&h, PIO + 0x200c, 2), ==, 8);
    host_clear(&h);
}

static void test_addresses(void)
{
    Host h;
    GError *err = NULL;

    host_init(&h);
    plug(&h, "virtio-rng-pci,addr=5,multifunction=on,id=a");
    plug(&h, "virtio-rng-pci,addr=05.3");
    plug(&h, "virtio-rng-pci,addr=0x1f.0");
    plug(&h, "virtio-rng-pci,addr=8.1"); /* without a function 0, as the reference lets pass */
    g_assert_cmphex(rd(&h, cfg(0, 5, 0x0e), 1), ==, 0x80);
    g_assert_cmphex(rd(&h, cfg(0, 5, 0x3000), 4), ==, 0x10051af4);
    expect_error(&h, "virtio-rng-pci,addr=33", "doesn't take value '33'");
    expect_error(&h, "virtio-rng-pci,addr=1.8", "doesn't take value");
    expect_error(&h, "virtio-rng-pci,addr=1.0z", "doesn't take value");
    expect_error(&h, "virtio-rng-pci,addr=0",
                 "slot 0 function 0 not available for virtio-rng-pci, "
                 "in use by gpex-root,id=(null)");
    expect_error(&h, "virtio-rng-pci,addr=5", "in use by virtio-rng-pci,id=a");
    expect_error(&h, "virtio-rng-pci,addr=1f.1", "can't be populated in function 1f.1");
    expect_error(&h, "virtio-rng-pci,addr=8.0",
                 "8.0 indicates single function, but 8.1 is already "
                 "populated");
    expect_error(&h, "virtio-rng-pci,bus=nope", "Bus 'nope' not found");
    expect_error(&h, "virtio-rng-pci,romfile=x", "romfile");
    expect_error(&h, "virtio-rng-pci,disable-legacy=on,disable-modern=on", "neither");
    expect_error(&h, "pci-bridge", "chassis");
    for (unsigned n = 0; n < 28; n++) {
        plug(&h, "virtio-rng-pci");
    }
    g_assert_null(plug_error(&h, "virtio-rng-pci", &err));
    g_assert_nonnull(strstr(err->message, "no slot/function available"));
    g_error_free(err);
    host_clear(&h);
}

/* ---- interrupts and DMA ---- */

static PciDevice *function(Host *h, unsigned bus, unsigned slot)
{
    for (unsigned i = 0;; i++) {
        Device *d = device_at(h->t.m, i);

        g_assert_nonnull(d);
        if (pci_is_device(d) && pci_bus_number(pci_core(d)->bus) == bus &&
            PCI_SLOT(pci_core(d)->devfn) == slot) {
            return pci_core(d);
        }
    }
}

static void set_irq(PciDevice *p, bool level)
{
    device_lock(p->dev);
    pci_set_irq(p, level);
    device_unlock(p->dev);
}

static unsigned lines(Host *h)
{
    return h->line[0].level | h->line[1].level << 1 | h->line[2].level << 2 | h->line[3].level << 3;
}

static void test_intx(void)
{
    Host h;

    host_init(&h);
    for (unsigned i = 1; i <= 6; i++) {
        plug(&h, "virtio-rng-pci");
    }
    for (unsigned slot = 1; slot <= 6; slot++) {
        PciDevice *p = function(&h, 0, slot);

        set_irq(p, true);
        g_assert_cmphex(lines(&h), ==, 1u << slot % 4);
        g_assert_cmphex(rd(&h, cfg(0, slot, 6), 2), ==, 0x0018);
        wr(&h, cfg(0, slot, 4), 2, 0x400); /* disabled: the status bit stays */
        g_assert_cmphex(lines(&h), ==, 0);
        g_assert_cmphex(rd(&h, cfg(0, slot, 6), 2), ==, 0x0018);
        wr(&h, cfg(0, slot, 4), 2, 0);
        set_irq(p, false);
        g_assert_cmphex(lines(&h), ==, 0);
    }
    /* A shared line stays up until both are down. */
    set_irq(function(&h, 0, 1), true);
    set_irq(function(&h, 0, 5), true);
    set_irq(function(&h, 0, 1), false);
    g_assert_cmphex(lines(&h), ==, 2);
    device_reset(function(&h, 0, 5)->dev);
    g_assert_cmphex(lines(&h), ==, 0);
    host_clear(&h);
}

static void message_expect(Host *h, const char *text)
{
    g_assert_cmpstr(h->messages->str, ==, text);
    g_string_truncate(h->messages, 0);
}

static void notify(PciDevice *p, unsigned vector)
{
    device_lock(p->dev);
    pci_message_notify(p, vector);
    device_unlock(p->dev);
}

static void test_msix(void)
{
    Host h;
    hwaddr table = MMIO + 0x1000;

    host_init(&h);
    Device *d = plug(&h, "virtio-rng-pci,vectors=40");
    PciDevice *p = function(&h, 0, 1);
    unsigned cap = find_cap(&h, 0, 1, 0x11);
    g_assert_cmphex(cap, ==, 0x98);
    g_assert_cmphex(rd(&h, cfg(0, 1, cap + 2), 2), ==, 39);
    wr(&h, cfg(0, 1, 0x14), 4, table);
    wr(&h, cfg(0, 1, 4), 2, CMD_MEMORY | CMD_MASTER);
    for (unsigned i = 0; i < 40; i++) {
        g_assert_cmphex(rd(&h, table + 16 * i + 12, 4), ==, 1); /* masked after reset */
        wr(&h, table + 16 * i, 4, BELL + 4 * i);
        wr(&h, table + 16 * i + 8, 4, 0x100 + i);
    }
    wr(&h, table + 12, 4, UINT32_MAX);
    g_assert_cmphex(rd(&h, table + 12, 4), ==, 1);
    /* Not enabled: nothing. */
    notify(p, 0);
    g_assert_cmphex(rd(&h, table + 0x800, 4), ==, 0);
    message_expect(&h, "");
    /* Masked: pending until it is not. */
    wr(&h, cfg(0, 1, cap + 2), 2, 0x8000);
    notify(p, 0);
    notify(p, 35);
    message_expect(&h, "");
    g_assert_cmphex(rd(&h, table + 0x800, 4), ==, 1);
    g_assert_cmphex(rd(&h, table + 0x804, 4), ==, 8);
    wr(&h, table + 0x800, 4, 0); /* read-only */
    g_assert_cmphex(rd(&h, table + 0x800, 4), ==, 1);
    wr(&h, table + 12, 4, 0);
    message_expect(&h, "8:0=100 ");
    g_assert_cmphex(rd(&h, table + 0x800, 4), ==, 0);
    notify(p, 0);
    message_expect(&h, "8:0=100 ");
    /* The whole function masked. */
    wr(&h, cfg(0, 1, cap + 2), 2, 0xc000);
    wr(&h, table + 35 * 16 + 12, 4, 0);
    notify(p, 0);
    message_expect(&h, "");
    g_assert_cmphex(rd(&h, table + 0x800, 4), ==, 1);
    test_snapshot(d);
    wr(&h, cfg(0, 1, cap + 2), 2, 0x8000);
    message_expect(&h, "8:0=100 8:8c=123 ");
    notify(p, 40); /* no such vector */
    message_expect(&h, "");
    /* No bus master: no message leaves. */
    wr(&h, cfg(0, 1, 4), 2, CMD_MEMORY);
    notify(p, 0);
    message_expect(&h, "");
    host_clear(&h);
}

static void test_msi(void)
{
    Host h;

    host_init(&h);
    plug(&h, "pci-bridge,chassis_nr=3,id=br");
    PciDevice *p = function(&h, 0, 1);
    unsigned cap = find_cap(&h, 0, 1, 5);
    g_assert_cmphex(cap, !=, 0);
    g_assert_cmphex(rd(&h, cfg(0, 1, cap + 2), 2), ==, 0x0180);
    wr(&h, cfg(0, 1, 4), 2, CMD_MASTER);
    wr(&h, cfg(0, 1, cap + 4), 4, BELL + 0x40);
    wr(&h, cfg(0, 1, cap + 8), 4, 0);
    wr(&h, cfg(0, 1, cap + 12), 2, 0xabcd);
    notify(p, 0);
    message_expect(&h, "");
    wr(&h, cfg(0, 1, cap + 2), 2, 1);
    notify(p, 0);
    message_expect(&h, "8:40=abcd ");
    wr(&h, cfg(0, 1, cap + 16), 4, UINT32_MAX);
    g_assert_cmphex(rd(&h, cfg(0, 1, cap + 16), 4), ==, 1);
    notify(p, 0);
    message_expect(&h, "");
    g_assert_cmphex(rd(&h, cfg(0, 1, cap + 20), 4), ==, 1);
    wr(&h, cfg(0, 1, cap + 16), 4, 0);
    message_expect(&h, "8:40=abcd ");
    g_assert_cmphex(rd(&h, cfg(0, 1, cap + 20), 4), ==, 0);
    host_clear(&h);
}

static void test_master(void)
{
    Host h;
    uint32_t word = 0x12345678;

    host_init(&h);
    Device *d = plug(&h, "virtio-rng-pci");
    g_assert_cmpint(memory_write(d->dma, 0x100, &word, 4), ==, MEMTX_DECODE_ERROR);
    wr(&h, cfg(0, 1, 4), 2, CMD_MASTER);
    g_assert_cmpint(memory_write(d->dma, 0x100, &word, 4), ==, MEMTX_OK);
    g_assert_cmphex(rd(&h, 0x100, 4), ==, word);
    wr(&h, cfg(0, 1, 4), 2, 0);
    g_assert_cmpint(memory_write(d->dma, 0x100, &word, 4), ==, MEMTX_DECODE_ERROR);
    host_clear(&h);
}

/* ---- bridges ---- */

static void number_bridge(Host *h, unsigned slot, unsigned bus)
{
    wr(h, cfg(0, slot, 0x18), 4, bus << 8 | bus << 16);
}

static void test_bridge(void)
{
    Host h;
    uint32_t word = 1;

    host_init(&h);
    plug(&h, "pcie-root-port,id=rp,slot=3");
    plug(&h, "pcie-pci-bridge,id=br");
    Device *behind = plug(&h, "virtio-rng-pci,bus=rp");
    Device *far = plug(&h, "virtio-rng-pci,bus=br,addr=6");
    g_assert_cmpstr(behind->parent->name, ==, "rp");
    expect_error(&h, "pcie-root-port,bus=br,slot=9", "PCI Express");
    expect_error(&h, "pcie-root-port,slot=3", "slot 3 of chassis 0");
    /* Not numbered: not reachable. */
    g_assert_cmphex(rd(&h, cfg(1, 0, 0), 4), ==, UINT32_MAX);
    number_bridge(&h, 1, 1);
    number_bridge(&h, 2, 5);
    g_assert_cmphex(rd(&h, cfg(1, 0, 0), 4), ==, 0x10441af4); /* on a port: modern */
    g_assert_cmphex(rd(&h, cfg(5, 6, 0), 4), ==, 0x10051af4);
    g_assert_cmphex(rd(&h, cfg(5, 0, 0), 4), ==, UINT32_MAX);
    g_assert_cmphex(find_cap(&h, 1, 0, 0x10), ==, 0x40);
    g_assert_cmphex(rd(&h, cfg(1, 0, 0x100), 4), ==, 0); /* extended space, nothing there */

    /* A BAR shows only where the bridge's window is, and only if that is open. */
    wr(&h, cfg(1, 0, 0x20), 4, MMIO + 0x100000);
    wr(&h, cfg(1, 0, 4), 2, CMD_MEMORY);
    g_assert_cmphex(rd(&h, MMIO + 0x100012, 2), ==, 0xffff);
    wr(&h, cfg(0, 1, 0x20), 4, 0x40104010);
    g_assert_cmphex(rd(&h, MMIO + 0x100012, 2), ==, 0xffff);
    wr(&h, cfg(0, 1, 4), 2, CMD_MEMORY);
    g_assert_cmphex(rd(&h, MMIO + 0x100012, 2), ==, 1);
    wr(&h, cfg(0, 1, 0x20), 4, 0x40204020);
    g_assert_cmphex(rd(&h, MMIO + 0x100012, 2), ==, 0xffff);
    wr(&h, cfg(0, 1, 0x20), 4, 0xfff0);
    wr(&h, cfg(0, 1, 0x24), 4, 0x40114011); /* through the prefetchable one */
    g_assert_cmphex(rd(&h, MMIO + 0x100012, 2), ==, 1);
    /* I/O. */
    wr(&h, cfg(5, 6, 0x10), 4, 0x3000);
    wr(&h, cfg(5, 6, 4), 2, CMD_IO);
    wr(&h, cfg(0, 2, 4), 2, CMD_IO);
    g_assert_cmphex(rd(&h, PIO + 0x300c, 2), ==, 0xffff);
    wr(&h, cfg(0, 2, 0x1c), 2, 0x3030);
    g_assert_cmphex(rd(&h, PIO + 0x300c, 2), ==, 8);

    /* DMA goes through the bridge. */
    wr(&h, cfg(1, 0, 4), 2, CMD_MEMORY | CMD_MASTER);
    g_assert_cmpint(memory_write(behind->dma, 0x100, &word, 4), ==, MEMTX_DECODE_ERROR);
    wr(&h, cfg(0, 1, 4), 2, CMD_MEMORY | CMD_MASTER);
    g_assert_cmpint(memory_write(behind->dma, 0x100, &word, 4), ==, MEMTX_OK);
    /* INTA of slot 6 behind slot 2 is INTC there, INTA at the host; behind a port nothing turns. */
    set_irq(pci_core(far), true);
    g_assert_cmphex(lines(&h), ==, 1 << (6 + 2) % 4);
    set_irq(pci_core(far), false);
    set_irq(pci_core(behind), true);
    g_assert_cmphex(lines(&h), ==, 2);
    set_irq(pci_core(behind), false);
    g_assert_cmphex(pci_requester_id(pci_core(behind)), ==, 0x100);
    g_assert_cmphex(pci_requester_id(pci_core(far)), ==, 0x500); /* the bridge speaks for it */
    /* Reset of the bus behind. */
    wr(&h, cfg(0, 1, 0x3e), 2, 0x40);
    wr(&h, cfg(0, 1, 0x3e), 2, 0);
    g_assert_cmphex(rd(&h, cfg(1, 0, 4), 2), ==, 0);
    g_assert_cmphex(rd(&h, cfg(0, 1, 4), 2), ==, CMD_MEMORY | CMD_MASTER);
    test_snapshot(function(&h, 0, 1)->dev);
    test_snapshot(function(&h, 0, 2)->dev);
    host_clear(&h);
}

/* ---- slots ---- */

static void run_loop(Host *h)
{
    for (unsigned i = 0; i < 10; i++) {
        mainloop_iterate(h->t.loop, false);
    }
}

static void test_hotplug(void)
{
    Host h;
    GError *err = NULL;
    enum { CTL = 0x54 + 0x18, STA = 0x54 + 0x1a, LNK = 0x54 + 0x12 };

    host_init(&h);
    plug(&h, "pcie-root-port,id=rp");
    number_bridge(&h, 1, 1);
    g_assert_cmphex(rd(&h, cfg(0, 1, CTL), 2), ==, 0x07c0); /* empty: off */
    g_assert_cmphex(rd(&h, cfg(0, 1, STA), 2), ==, 0);
    /* Button event and its interrupt on. */
    wr(&h, cfg(0, 1, CTL), 2, 0x07c0 | 0x21);
    g_assert_cmphex(rd(&h, cfg(0, 1, STA), 2), ==, 0x10); /* the command is done */
    wr(&h, cfg(0, 1, STA), 2, 0x10);
    OptDict *opts = opt_parse("virtio-rng-pci,bus=rp,id=card", "driver", NULL);
    g_assert_nonnull(device_add(h.t.m, opts, &err));
    opt_free(opts);
    g_assert_cmphex(rd(&h, cfg(0, 1, STA), 2), ==, 0x49); /* present, changed, button */
    g_assert_cmphex(lines(&h), ==, 2);
    wr(&h, cfg(0, 1, STA), 2, 0x1ff);
    g_assert_cmphex(lines(&h), ==, 0);
    g_assert_cmphex(rd(&h, cfg(0, 1, LNK), 2), ==, 0x0011);
    /* Power, then the link is there. */
    wr(&h, cfg(0, 1, CTL), 2, 0x01c0 | 0x21);
    g_assert_cmphex(rd(&h, cfg(0, 1, LNK), 2), ==, 0x2011);
    g_assert_cmphex(rd(&h, cfg(0, 1, STA), 2), ==, 0x0150);
    g_assert_cmphex(rd(&h, cfg(1, 0, 0), 4), ==, 0x10441af4);
    wr(&h, cfg(0, 1, STA), 2, 0x1ff);
    /* Ask for it back; it goes when power and indicator are off. */
    g_assert_true(device_del(h.t.m, "card", &err));
    g_assert_cmphex(rd(&h, cfg(0, 1, STA), 2), ==, 0x41);
    wr(&h, cfg(0, 1, CTL), 2, 0x06c0 | 0x21); /* off, but it still blinks */
    run_loop(&h);
    g_assert_nonnull(device_find(h.t.m, "card"));
    wr(&h, cfg(0, 1, CTL), 2, 0x07c0 | 0x21);
    run_loop(&h);
    g_assert_null(device_find(h.t.m, "card"));
    g_assert_cmphex(rd(&h, cfg(1, 0, 0), 4), ==, UINT32_MAX);
    g_assert_cmphex(rd(&h, cfg(0, 1, STA), 2) & 0x48, ==, 8);
    test_snapshot(function(&h, 0, 1)->dev);

    opts = opt_parse("virtio-rng-pci", "driver", NULL);
    g_assert_null(device_add(h.t.m, opts, &err));
    g_assert_cmpstr(err->message, ==, "Bus 'pcie.0' does not support hotplugging");
    g_clear_error(&err);
    opt_free(opts);
    g_assert_false(device_del(h.t.m, "card", &err));
    g_clear_error(&err);
    host_clear(&h);
}

/* ---- switches ---- */

/* Ids, capabilities and where they are. */
static void expect_port(Host *h, hwaddr at, uint32_t id, uint32_t revision, uint32_t express,
                        unsigned message, unsigned ssvid, uint32_t subsystem)
{
    unsigned cap[3], n = 0;

    g_assert_cmphex(rd(h, at, 4), ==, id);
    g_assert_cmphex(rd(h, at + 8, 4), ==, 0x06040000 | revision);
    g_assert_cmphex(rd(h, at + 0xe, 1), ==, 1);
    for (unsigned c = rd(h, at + 0x34, 1); c && n < 3; c = rd(h, at + c + 1, 1)) {
        cap[n++] = c;
    }
    g_assert_cmpuint(n, ==, 3);
    g_assert_cmphex(cap[0], ==, 0x90);
    g_assert_cmphex(rd(h, at + 0x90, 4) & 0xffff00ff, ==, express << 16 | 0x10);
    g_assert_cmphex(cap[1], ==, MAX(message, ssvid));
    g_assert_cmphex(cap[2], ==, MIN(message, ssvid));
    g_assert_cmphex(rd(h, at + message, 1), ==, 0x05);
    g_assert_cmphex(rd(h, at + ssvid, 1), ==, 0x0d);
    g_assert_cmphex(rd(h, at + ssvid + 4, 4), ==, subsystem);
    g_assert_cmphex(rd(h, at + 0x100, 4), ==, 0x00020001); /* AER, the last one */
}

/* A root port in slot 1, a switch behind it: buses 1, 2; 3 and 4 behind its ports. */
static void switch_init(Host *h)
{
    host_init(h);
    plug(h, "ioh3420,id=rp,chassis=1,slot=5,port=7");
    plug(h, "x3130-upstream,id=up,bus=rp");
    plug(h, "xio3130-downstream,id=d0,bus=up,chassis=2,slot=1,port=3");
    plug(h, "xio3130-downstream,id=d1,bus=up,chassis=2,slot=2");
    wr(h, cfg(0, 1, 0x18), 4, 4 << 16 | 1 << 8);
    wr(h, cfg(1, 0, 0x18), 4, 4 << 16 | 2 << 8 | 1);
    wr(h, cfg(2, 0, 0x18), 4, 3 << 16 | 3 << 8 | 2);
    wr(h, cfg(2, 1, 0x18), 4, 4 << 16 | 4 << 8 | 2);
}

static void test_switch(void)
{
    Host h;
    uint32_t word = 1;
    hwaddr bridges[] = {cfg(0, 1, 0), cfg(1, 0, 0), cfg(2, 1, 0)};

    switch_init(&h);
    expect_port(&h, cfg(0, 1, 0), 0x34208086, 2, 0x0142, 0x60, 0x40, 0x8086);
    expect_port(&h, cfg(1, 0, 0), 0x8232104c, 2, 0x0052, 0x70, 0x80, 0);
    expect_port(&h, cfg(2, 0, 0), 0x8233104c, 1, 0x0162, 0x70, 0x80, 0);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x60), 4) & 0xffff00ff, ==, 0x01020005);
    g_assert_cmphex(rd(&h, cfg(1, 0, 0x70), 4) & 0xffff00ff, ==, 0x00800005);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0x9c), 4), ==, 0x07000411); /* link */
    g_assert_cmphex(rd(&h, cfg(0, 1, 0xa0), 4), ==, 0x20110000);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0xa4), 4), ==, 0x002a007b); /* slot */
    g_assert_cmphex(rd(&h, cfg(0, 1, 0xa8), 4), ==, 0x004003c0);
    g_assert_cmphex(rd(&h, cfg(0, 1, 0xb4), 4), ==, 0x00300020);
    g_assert_cmphex(rd(&h, cfg(1, 0, 0xa4), 4), ==, 0);
    g_assert_cmphex(rd(&h, cfg(1, 0, 0xb4), 4), ==, 0x00300000);
    g_assert_cmphex(rd(&h, cfg(2, 0, 0x9c), 4), ==, 0x03000411);
    g_assert_cmphex(rd(&h, cfg(2, 0, 0xa4), 4), ==, 0x000a007b);
    g_assert_cmphex(rd(&h, cfg(2, 1, 0xa8), 4), ==, 0x000007c0);
    expect_error(&h, "pcie-root-port,chassis=2,slot=2", "slot 2 of chassis 2 is taken");
    expect_error(&h, "x3130-upstream,aer_log_max=129", "The max number of aer log is 128");

    Device *card = plug(&h, "virtio-rng-pci,bus=d1");
    g_assert_cmphex(rd(&h, cfg(4, 0, 0), 4), ==, 0x10441af4);
    g_assert_cmphex(rd(&h, cfg(3, 0, 0), 4), ==, UINT32_MAX);
    g_assert_cmphex(rd(&h, cfg(2, 1, 0xa8), 4), ==, 0x004003c0);
    g_assert_cmphex(pci_requester_id(pci_core(card)), ==, 0x400);
    /* A BAR behind three windows, DMA behind three bridges: each is needed. */
    wr(&h, cfg(4, 0, 0x20), 4, MMIO + 0x100000);
    wr(&h, cfg(4, 0, 4), 2, CMD_MEMORY | CMD_MASTER);
    for (unsigned i = 0; i < G_N_ELEMENTS(bridges); i++) {
        g_assert_cmphex(rd(&h, MMIO + 0x100012, 2), ==, 0xffff);
        g_assert_cmpint(memory_write(card->dma, 0x100, &word, 4), ==, MEMTX_DECODE_ERROR);
        wr(&h, bridges[i] + 0x20, 4, 0x40104010);
        wr(&h, bridges[i] + 4, 2, CMD_MEMORY | CMD_MASTER);
    }
    g_assert_cmphex(rd(&h, MMIO + 0x100012, 2), ==, 1);
    g_assert_cmpint(memory_write(card->dma, 0x100, &word, 4), ==, MEMTX_OK);
    /* INTA behind the port in slot 1 is INTB of the switch, and INTC at the host's slot 1. */
    set_irq(pci_core(card), true);
    g_assert_cmphex(lines(&h), ==, 4);
    set_irq(pci_core(card), false);
    /* A reset of the bus before the switch goes on to all that is behind. */
    test_snapshot(function(&h, 1, 0)->dev);
    test_snapshot(function(&h, 2, 1)->dev);
    wr(&h, cfg(0, 1, 0x3e), 2, 0x40);
    wr(&h, cfg(0, 1, 0x3e), 2, 0);
    g_assert_cmphex(pci_get16(pci_core(card)->config + 4), ==, 0);
    g_assert_cmphex(rd(&h, cfg(1, 0, 0x18), 4), ==, 0);
    host_clear(&h);
}

/* A slot of a switch, its events by message and by line; then the switch itself is taken out. */
static void test_switch_hotplug(void)
{
    Host h;
    GError *err = NULL;
    enum { CTL = 0xa8, STA = 0xaa, LNK = 0xa2 };

    switch_init(&h);
    for (unsigned i = 0; i < 2; i++) {
        wr(&h, i ? cfg(1, 0, 4) : cfg(0, 1, 4), 2, CMD_MASTER);
    }
    wr(&h, cfg(2, 0, 4), 2, CMD_MASTER);
    wr(&h, cfg(2, 0, CTL), 2, 0x07c0 | 0x1021); /* button; the link reports nothing */
    g_assert_cmphex(rd(&h, cfg(2, 0, CTL), 2), ==, 0x07e1);
    wr(&h, cfg(2, 0, 0x74), 4, BELL + 4);
    wr(&h, cfg(2, 0, 0x7c), 4, 0x31);
    wr(&h, cfg(2, 0, 0x72), 2, 1);
    wr(&h, cfg(2, 0, STA), 2, 0x1ff);
    OptDict *opts = opt_parse("virtio-rng-pci,bus=d0,id=card", "driver", NULL);
    g_assert_nonnull(device_add(h.t.m, opts, &err));
    opt_free(opts);
    g_assert_cmpstr(h.messages->str, ==, "200:4=31 ");
    g_assert_cmphex(lines(&h), ==, 0);
    wr(&h, cfg(2, 0, 0x72), 2, 0);
    wr(&h, cfg(2, 0, STA), 2, 8);
    g_assert_cmphex(lines(&h), ==, 2); /* the button still waits */
    wr(&h, cfg(2, 0, STA), 2, 0x1ff);
    g_assert_cmphex(lines(&h), ==, 0);
    wr(&h, cfg(2, 0, CTL), 2, 0x01c0 | 0x21);
    g_assert_cmphex(rd(&h, cfg(2, 0, LNK), 2), ==, 0x2011);
    g_assert_cmphex(rd(&h, cfg(2, 0, STA), 2), ==, 0x0050);
    g_assert_cmphex(rd(&h, cfg(3, 0, 0), 4), ==, 0x10441af4);
    g_assert_true(device_del(h.t.m, "card", &err));
    wr(&h, cfg(2, 0, CTL), 2, 0x07c0 | 0x21);
    run_loop(&h);
    g_assert_null(device_find(h.t.m, "card"));
    /* Nothing is plugged into the switch itself. */
    opts = opt_parse("xio3130-downstream,bus=up,chassis=7", "driver", NULL);
    g_assert_null(device_add(h.t.m, opts, &err));
    g_assert_cmpstr(err->message, ==, "Bus 'up' does not support hotplugging");
    g_clear_error(&err);
    opt_free(opts);
    g_assert_true(device_del(h.t.m, "up", &err));
    wr(&h, cfg(0, 1, CTL), 2, 0x07c0);
    run_loop(&h);
    g_assert_null(device_find(h.t.m, "up"));
    g_assert_null(device_find(h.t.m, "d1"));
    g_assert_cmphex(rd(&h, cfg(1, 0, 0), 4), ==, UINT32_MAX);
    plug(&h, "ioh3420,chassis=2,slot=2"); /* that slot is free again */
    host_clear(&h);
}

/* ---- a virtio function ---- */

static void test_virtio_window(void)
{
    Host h;

    host_init(&h);
    plug(&h, "virtio-rng-pci-non-transitional");
    g_assert_cmphex(rd(&h, cfg(0, 1, 0), 4), ==, 0x10441af4);
    unsigned cap = rd(&h, cfg(0, 1, find_cap(&h, 0, 1, 0x11) + 1), 1);
    g_assert_cmphex(rd(&h, cfg(0, 1, cap), 1), ==, 9);
    g_assert_cmphex(rd(&h, cfg(0, 1, cap + 3), 1), ==, 5);
    /* device_status by configuration space: no BAR is mapped. */
    wr(&h, cfg(0, 1, cap + 4), 1, 4);
    wr(&h, cfg(0, 1, cap + 8), 4, 0x14);
    wr(&h, cfg(0, 1, cap + 12), 4, 1);
    wr(&h, cfg(0, 1, cap + 16), 4, 3);
    g_assert_cmphex(rd(&h, cfg(0, 1, cap + 16), 1), ==, 3);
    wr(&h, cfg(0, 1, cap + 8), 4, 0x12); /* num_queues */
    wr(&h, cfg(0, 1, cap + 12), 4, 2);
    g_assert_cmphex(rd(&h, cfg(0, 1, cap + 16), 2), ==, 1);
    /* Nonsense is no access. */
    wr(&h, cfg(0, 1, cap + 8), 4, UINT32_MAX);
    rd(&h, cfg(0, 1, cap + 16), 4);
    wr(&h, cfg(0, 1, cap + 12), 4, 3);
    rd(&h, cfg(0, 1, cap + 16), 4);
    host_clear(&h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci/config", test_config);
    g_test_add_func("/pci/bars", test_bars);
    g_test_add_func("/pci/addresses", test_addresses);
    g_test_add_func("/pci/intx", test_intx);
    g_test_add_func("/pci/msix", test_msix);
    g_test_add_func("/pci/msi", test_msi);
    g_test_add_func("/pci/master", test_master);
    g_test_add_func("/pci/bridge", test_bridge);
    g_test_add_func("/pci/hotplug", test_hotplug);
    g_test_add_func("/pci/switch", test_switch);
    g_test_add_func("/pci/switch-hotplug", test_switch_hotplug);
    g_test_add_func("/pci/virtio-window", test_virtio_window);
    return g_test_run();
}

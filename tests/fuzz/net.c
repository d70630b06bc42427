/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random registers, descriptors and frames for the e1000e, behind a back end that sends its frames
 * back. The card must survive, write nothing outside the guest's RAM (the address sanitizer looks),
 * and work for an orderly driver afterwards. virtio-net is in virtio_ring.c.
 *
 * The card is still while it is saved, which takes two turns of the back end's thread, tens of
 * milliseconds each on a loaded machine: there are about as many snapshots of many operations as of
 * few.
 */
#include "hw/pci.h"
#include "softmmu/opts.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/device-test.h"
#include "tests/unit/fake-net.h"

enum { CTRL = 0, RCTL = 0x100, TCTL = 0x400, RDBAL = 0x2800, TDBAL = 0x3800, RING_1 = 0x100 };
enum { LEN = 8, HEAD = 0x10, TAIL = 0x18 };
enum { CTRL_RST = 1 << 26, TCTL_EN = 1 << 1, RCTL_EN = 1 << 1 };
/* Legacy transmit descriptors, 82574 data sheet, 7.2.10 */
enum { TX_EOP = 1 << 24, TX_RS = 1 << 27, TX_DEXT = 1 << 29 };

#define RX_RING 0x10000
#define TX_RING 0x20000
#define N       16
#define BUFFERS 0x40000

#define SNAPSHOTS 800 /* about, in all */

typedef struct Card {
    TestMachine t;
    Device *d;
    FakeNet *net;
} Card;

static uint64_t some_addr(GRand *r)
{
    switch (g_rand_int_range(r, 0, 16)) {
    case 0:
        return TEST_RAM_SIZE - g_rand_int_range(r, 0, 4096);
    case 1:
        return (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
    case 2:
        return RX_RING + g_rand_int_range(r, 0, 0x20000);
    default:
        return BUFFERS + 16 * g_rand_int_range(r, 0, 0x1000);
    }
}

static uint32_t some_number(GRand *r)
{
    return g_rand_int(r) >> g_rand_int_range(r, 0, 32);
}

static void wr(Card *c, unsigned reg, uint32_t val)
{
    reg_write(c->d, 0, reg, 4, val);
}

static void wake(Card *c)
{
    PciDevice *p = pci_core(c->d);

    pci_config_write(p, p->pm_cap + PCI_PM_CTRL, 2, 0);
    pci_config_write(p, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
}

static void rings_start(Card *c, GRand *r)
{
    for (unsigned q = 0; q < 2; q++) {
        wr(c, RDBAL + q * RING_1, RX_RING + q * 0x1000);
        wr(c, RDBAL + q * RING_1 + 4, 0);
        wr(c, RDBAL + q * RING_1 + LEN, N * 16);
        wr(c, RDBAL + q * RING_1 + HEAD, 0);
        wr(c, TDBAL + q * RING_1, TX_RING + q * 0x1000);
        wr(c, TDBAL + q * RING_1 + 4, 0);
        wr(c, TDBAL + q * RING_1 + LEN, N * 16);
        wr(c, TDBAL + q * RING_1 + HEAD, 0);
        wr(c, TDBAL + q * RING_1 + TAIL, 0);
    }
    wr(c, TCTL, TCTL_EN | some_number(r));
    wr(c, RCTL, RCTL_EN | some_number(r));
}

/* The card's own registers are in a few places; most of the rest is reserved. */
static unsigned some_register(GRand *r)
{
    static const uint16_t places[] = {0x0000, 0x00c0, 0x0100, 0x0400, 0x2100, 0x2800,
                                      0x2900, 0x3800, 0x3900, 0x5000, 0x5400, 0x5800};
    unsigned base = places[g_rand_int_range(r, 0, G_N_ELEMENTS(places))];

    return g_rand_int_range(r, 0, 16) ? base + 4 * g_rand_int_range(r, 0, 0x20)
                                      : 4 * g_rand_int_range(r, 0, 0x8000);
}

static void some_tx_desc(Card *c, GRand *r, hwaddr at)
{
    uint32_t len = g_rand_int_range(r, 0, 8) ? g_rand_int_range(r, 0, 2000) : some_number(r);
    uint32_t cmd = some_number(r) & 0xff000000u;

    cmd |= g_rand_int_range(r, 0, 4) ? TX_EOP : 0;
    cmd |= g_rand_boolean(r) ? TX_DEXT : 0;
    memory_st64_le(c->t.m->as, at, g_rand_boolean(r) ? some_addr(r) : some_number(r));
    memory_st32_le(c->t.m->as, at + 8, (len & 0xfffff) | cmd | (g_rand_int(r) & 0xf00000));
    memory_st32_le(c->t.m->as, at + 12, some_number(r));
}

static void operation(Card *c, GRand *r, unsigned between_snapshots)
{
    unsigned q = g_rand_int_range(r, 0, 2), i = g_rand_int_range(r, 0, N);

    switch (g_rand_int_range(r, 0, 16)) {
    case 0:
        rings_start(c, r);
        break;
    case 1:
        wr(c, some_register(r), some_number(r));
        break;
    case 2:
        reg_read(c->d, 0, some_register(r), 4);
        break;
    case 3:
        pci_config_write(pci_core(c->d), 4 * g_rand_int_range(r, 0, 0x40), 4, some_number(r));
        wake(c);
        break;
    case 4:
        if (g_rand_int_range(r, 0, between_snapshots) == 0) {
            fake_hold(c->net, true);
            test_snapshot(c->d);
            fake_hold(c->net, false);
        }
        break;
    case 5:
        /* What looks like a packet, or nearly. */
        for (unsigned n = 0; n < 64; n++) {
            c->t.ram.block->host[BUFFERS + 16 * g_rand_int_range(r, 0, 0x1000)] = g_rand_int(r);
        }
        memory_st16_le(c->t.m->as, BUFFERS + 16 * g_rand_int_range(r, 0, 64) + 12,
                       g_rand_boolean(r) ? 0x0008 : 0xdd86);
        break;
    case 6:
    case 7:
    case 8:
    case 9:
        memory_st64_le(c->t.m->as, RX_RING + q * 0x1000 + 16 * i, some_addr(r));
        memory_st64_le(c->t.m->as, RX_RING + q * 0x1000 + 16 * i + 8,
                       g_rand_boolean(r) ? some_addr(r) : 0);
        wr(c, RDBAL + q * RING_1 + TAIL, g_rand_int_range(r, 0, 32) ? i : some_number(r));
        break;
    default:
        some_tx_desc(c, r, TX_RING + q * 0x1000 + 16 * i);
        wr(c, TDBAL + q * RING_1 + TAIL, g_rand_int_range(r, 0, 64) ? (i + 1) % N : some_number(r));
    }
}

static void test_e1000e(void)
{
    GRand *r = g_rand_new_with_seed(g_test_rand_int());
    g_autoptr(OptDict) o = opt_parse("e1000e,netdev=n0", "driver", NULL);
    unsigned operations = fuzz_operations();
    GPtrArray *nets = g_ptr_array_new();
    GError *err = NULL;
    Card c = {.net = fake_new(true)};

    test_machine_init(&c.t);
    Device *host = test_device_new(&c.t, "gpex-pcihost");
    device_set_u64(host, "x-ecam-size", 1 << 20);
    test_device_realize(host);
    g_ptr_array_add(nets, &c.net->b);
    c.t.m->nets = nets;
    c.d = device_create_from_opts(c.t.m, o, &err);
    g_assert_no_error(err);
    device_reset(c.d);
    wake(&c);
    for (unsigned i = 0; i < operations; i++) {
        operation(&c, r, MAX(operations / 16 / SNAPSHOTS, 1));
    }

    /* After all that an orderly driver sends a frame. */
    fake_hold(c.net, true);
    c.net->echo = false;
    fake_hold(c.net, false);
    g_ptr_array_set_size(c.net->sent, 0);
    wr(&c, CTRL, CTRL_RST);
    rings_start(&c, r);
    wr(&c, RCTL, 0);
    wr(&c, TCTL, TCTL_EN);
    memset(c.t.ram.block->host + BUFFERS, 'x', 60);
    memory_st64_le(c.t.m->as, TX_RING, BUFFERS);
    memory_st32_le(c.t.m->as, TX_RING + 8, 60 | TX_EOP | TX_RS);
    memory_st32_le(c.t.m->as, TX_RING + 12, 0);
    wr(&c, TDBAL + TAIL, 1);
    g_assert_cmpuint(fake_sent(c.net, 1), ==, 1);
    g_rand_free(r);
    test_machine_clear(&c.t);
    net_close(&c.net->b);
    g_ptr_array_free(nets, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fuzz/e1000e", test_e1000e);
    return g_test_run();
}

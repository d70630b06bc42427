/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A bare driver of e1000e: NVM, PHY, causes; the user network by legacy descriptors; by the card's
 * loopback extended and split descriptors, checksums, segments, VLANs, filters, RSS, statistics.
 */
#include "hw/net.h"
#include "hw/pci.h"
#include "softmmu/opts.h"
#include "tests/unit/device-test.h"

#include <string.h>

enum {
    CTRL = 0,
    STATUS = 8,
    EERD = 0x14,
    MDIC = 0x20,
    ICR = 0xc0,
    ICS = 0xc8,
    IMS = 0xd0,
    IMC = 0xd8,
    RCTL = 0x100,
    TCTL = 0x400,
    PSRCTL = 0x2170,
    RDBAL = 0x2800,
    TDBAL = 0x3800,
    RXCSUM = 0x5000,
    RFCTL = 0x5008,
    VFTA = 0x5600,
    MRQC = 0x5818,
    RETA = 0x5c00,
    RSSRK = 0x5c80,
};
enum { LEN = 8, HEAD = 0x10, TAIL = 0x18, RING_1 = 0x100 };

#define RX_RING 0x10000
#define TX_RING 0x20000
#define N       16
#define RX_BUF  0x40000
#define TX_BUF  0x80000
#define BUF     0x2000

#define RX_ON    (1u << 1 | 1u << 15 | 1u << 26) /* enabled, broadcasts, no checksum */
#define LOOPBACK (1u << 6)
#define LC_TCP   (1u << 1 | 1u << 3)

typedef struct Card {
    TestMachine t;
    Device *d;
    TestLine line;
    unsigned tx, rx;
} Card;

static uint32_t rd(Card *c, unsigned reg)
{
    return reg_read(c->d, 0, reg, 4);
}

static void wr(Card *c, unsigned reg, uint32_t val)
{
    reg_write(c->d, 0, reg, 4, val);
}

static uint8_t *ram(Card *c, hwaddr addr)
{
    return c->t.ram.block->host + addr;
}

static void card_open(Card *c, const char *device, const char *net)
{
    g_autoptr(OptDict) o = opt_parse(device, "driver", NULL);
    GError *err = NULL;

    *c = (Card){0};
    test_machine_init(&c->t);
    Device *host = test_device_new(&c->t, "gpex-pcihost");
    device_set_u64(host, "x-ecam-size", 1 << 20);
    test_device_realize(host);
    device_connect_irq(host, 1, (IrqLine){test_line_set, &c->line, 0});
    if (net) {
        g_autoptr(OptDict) n = opt_parse(net, "type", NULL);

        c->t.m->nets = g_ptr_array_new();
        g_ptr_array_add(c->t.m->nets, net_open(NULL, n, NULL));
    }
    c->d = device_create_from_opts(c->t.m, o, &err);
    g_assert_no_error(err);
    device_reset(c->d);
    pci_config_write(pci_core(c->d), PCI_COMMAND, 2, PCI_COMMAND_MASTER);
}

static void card_close(Card *c)
{
    GPtrArray *nets = c->t.m->nets;

    test_machine_clear(&c->t);
    if (nets) {
        net_close(g_ptr_array_index(nets, 0));
        g_ptr_array_free(nets, TRUE);
    }
}

/* Rings of N, all receive buffers given; rctl says which descriptors. */
static void rings_start(Card *c, uint32_t rctl, bool extended)
{
    bool split = rctl >> 10 & 1;

    for (unsigned q = 0; q < 2; q++) {
        hwaddr ring = RX_RING + q * 0x1000;

        for (unsigned i = 0; i < N; i++) {
            memset(ram(c, ring + 16 * i), 0, 16);
            memory_st64_le(c->t.m->as, ring + 16 * i, RX_BUF + (q * N + i) * BUF);
        }
        wr(c, RDBAL + q * RING_1, ring);
        wr(c, RDBAL + q * RING_1 + LEN, N * 16);
        wr(c, RDBAL + q * RING_1 + HEAD, 0);
    }
    wr(c, TDBAL, TX_RING);
    wr(c, TDBAL + LEN, N * 16);
    wr(c, RFCTL, extended ? 1 << 15 : 0);
    wr(c, TCTL, LC_TCP);
    wr(c, RCTL, rctl);
    for (unsigned q = 0; q < 2; q++) {
        wr(c, RDBAL + q * RING_1 + TAIL, split ? N - 2 : N - 1);
    }
    c->tx = c->rx = 0;
}

static void tx_desc(Card *c, uint64_t first, uint32_t d2, uint32_t d3)
{
    hwaddr at = TX_RING + 16 * c->tx;

    memory_st64_le(c->t.m->as, at, first);
    memory_st32_le(c->t.m->as, at + 8, d2);
    memory_st32_le(c->t.m->as, at + 12, d3);
    c->tx = (c->tx + 1) % N;
}

static void tx_go(Card *c)
{
    wr(c, TDBAL + TAIL, c->tx);
    g_assert_cmpuint(rd(c, TDBAL + HEAD), ==, c->tx);
}

static uint32_t rx_word(Card *c, unsigned i, unsigned word)
{
    return memory_ld32_le(c->t.m->as, RX_RING + 16 * i + 4 * word, NULL);
}

static const uint8_t *rx_buf(Card *c, unsigned i)
{
    return ram(c, RX_BUF + i * BUF);
}

/* A frame of TCP over IPv4 to the card itself: headers of 54 bytes. */
static void frame_make(uint8_t *f, size_t payload)
{
    static const uint8_t headers[54] = {0x52, 0x54, 0,    0x12, 0x34, 0x56, 0x52,
                                        0x54, 0,    0x12, 0x34, 0x56, 8,    0, /* Ethernet */
                                        0x45, 0,    0,    0,    0x10, 0xff, 0,
                                        0,    64,   6,    0,    0,    10,   0,
                                        0,    1,    10,   0,    0,    2, /* IPv4 */
                                        0x12, 0x34, 0x56, 0x78, 0,    0,    1,
                                        0,    0,    0,    0,    0,    0x50, 0x19,
                                        0x20, 0,    0,    0,    0,    0};

    memcpy(f, headers, sizeof(headers));
    f[16] = (payload + 40) >> 8;
    f[17] = payload + 40;
    for (size_t i = 0; i < payload; i++) {
        f[54 + i] = i * 7;
    }
}

/* The pseudo header's sum in the checksum field, with the length or without. */
static void pseudo_sum(uint8_t *f, size_t len)
{
    uint16_t sum = net_sum_fold(net_sum(f + 26, 8, 6 + len));

    f[50] = sum >> 8;
    f[51] = sum;
}

#define CTX_IP  (14 | 24 << 8 | 33u << 16)
#define CTX_TCP (34 | 50u << 8)

/* ---- registers ---- */

static unsigned phy(Card *c, unsigned reg)
{
    wr(c, MDIC, 2u << 26 | 1 << 21 | reg << 16);
    g_assert_cmphex(rd(c, MDIC) >> 28 & 5, ==, 1);
    return rd(c, MDIC) & 0xffff;
}

static void test_registers(void)
{
    Card c;
    uint16_t sum = 0;

    card_open(&c, "e1000e,mac=52:54:00:12:34:56", NULL);
    g_assert_cmphex(pci_config_read(pci_core(c.d), 0, 4), ==, 0x10d38086);
    g_assert_cmphex(rd(&c, 0x5400), ==, 0x12005452);
    g_assert_cmphex(rd(&c, 0x5404), ==, 0x80005634);
    for (unsigned i = 0; i < 64; i++) {
        wr(&c, EERD, i << 2 | 1);
        g_assert_true(rd(&c, EERD) & 2);
        sum += rd(&c, EERD) >> 16;
    }
    g_assert_cmphex(sum, ==, 0xbaba);
    g_assert_cmphex(phy(&c, 2) << 16 | phy(&c, 3), ==, 0x01410cb1);
    g_assert_cmphex(phy(&c, 1) & 4, ==, 0); /* nothing is plugged in */
    g_assert_cmphex(rd(&c, STATUS) & 2, ==, 0);
    wr(&c, MDIC, 2u << 26 | 2 << 21); /* another PHY */
    g_assert_true(rd(&c, MDIC) & 1u << 30);

    /* Causes: the line, what a read clears, and when. */
    wr(&c, ICS, 4);
    g_assert_false(c.line.level);
    wr(&c, IMS, 4);
    g_assert_true(c.line.level);
    g_assert_cmphex(rd(&c, ICR), ==, 0x81000004);
    g_assert_false(c.line.level);
    wr(&c, ICS, 0x80);
    g_assert_cmphex(rd(&c, ICR), ==, 0x80); /* not asserted: stays */
    wr(&c, IMC, UINT32_MAX);
    g_assert_cmphex(rd(&c, ICR), ==, 0x80); /* nothing enabled: goes */
    g_assert_cmphex(rd(&c, ICR), ==, 0);

    /* I/O window, reset. */
    reg_write(c.d, 2, 0, 4, 0x5604);
    reg_write(c.d, 2, 4, 4, 0x1234);
    g_assert_cmphex(rd(&c, VFTA + 4), ==, 0x1234);
    g_assert_cmphex(reg_read(c.d, 2, 4, 4), ==, 0x1234);
    test_snapshot(c.d);
    wr(&c, CTRL, 1u << 26);
    g_assert_cmphex(rd(&c, VFTA + 4), ==, 0);
    g_assert_cmphex(rd(&c, 0x5404), ==, 0x80005634);
    card_close(&c);
}

/* ---- the user network ---- */

static void test_arp(void)
{
    static const uint8_t ask[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0x12, 0x34,
                                    0x56, 8,    6,    0,    1,    8,    0,    6,    4, 0,    1,
                                    0x52, 0x54, 0,    0x12, 0x34, 0x56, 10,   0,    2, 15,   0,
                                    0,    0,    0,    0,    0,    10,   0,    2,    2};
    Card c;

    card_open(&c, "e1000e,netdev=n0,mac=52:54:00:12:34:56", "user,id=n0");
    g_assert_true(rd(&c, STATUS) & 2);
    g_assert_true(phy(&c, 1) & 4);
    rings_start(&c, RX_ON, false);
    wr(&c, IMS, 0x80);
    memcpy(ram(&c, TX_BUF), ask, sizeof(ask));
    tx_desc(&c, TX_BUF, 20 | 1u << 27, 0); /* two pieces */
    wr(&c, TDBAL + TAIL, 1);
    g_assert_cmpuint(rd(&c, TDBAL + HEAD), ==, 0); /* not whole yet */
    tx_desc(&c, TX_BUF + 20, (sizeof(ask) - 20) | 9u << 24, 0);
    tx_go(&c);
    g_assert_true(memory_ld32_le(c.t.m->as, TX_RING + 12, NULL) & 1);
    g_assert_true(memory_ld32_le(c.t.m->as, TX_RING + 28, NULL) & 1);
    for (unsigned i = 0; i < 10000 && !(rx_word(&c, 0, 3) & 1); i++) {
        g_usleep(1000);
    }
    g_assert_cmphex(rx_word(&c, 0, 3) & 0xffff, ==, 3);
    g_assert_cmpuint(rx_word(&c, 0, 2) & 0xffff, >=, 60);
    g_assert_cmphex(rx_buf(&c, 0)[21], ==, 2);
    g_assert_true(c.line.level);
    g_assert_cmphex(rd(&c, ICR) & 0x80, ==, 0x80);
    g_assert_cmpuint(rd(&c, 0x4080), ==, 1);
    g_assert_cmpuint(rd(&c, 0x4080), ==, 0); /* reading clears */
    test_snapshot(c.d);
    card_close(&c);
}

/* ---- loopback ---- */

static void test_checksums(void)
{
    Card c;

    card_open(&c, "e1000e,mac=52:54:00:12:34:56", NULL);
    rings_start(&c, RX_ON | LOOPBACK, true);
    frame_make(ram(&c, TX_BUF), 101);
    pseudo_sum(ram(&c, TX_BUF), 121);
    tx_desc(&c, CTX_IP | (uint64_t)CTX_TCP << 32, 0x23u << 24, 0);
    tx_desc(&c, TX_BUF, 155 | 1 << 20 | 0x29u << 24, 0x300);
    tx_go(&c);
    /* Done, whole, both sums right. */
    g_assert_cmphex(rx_word(&c, 0, 2), ==, 0x63);
    g_assert_cmpuint(rx_word(&c, 0, 3), ==, 155);
    g_assert_cmpmem(rx_buf(&c, 0) + 54, 101, ram(&c, TX_BUF) + 54, 101);

    /* Without insertion they are wrong, and the driver learns it. */
    tx_desc(&c, TX_BUF, 155 | 1 << 20 | 0x29u << 24, 0);
    tx_go(&c);
    g_assert_cmphex(rx_word(&c, 1, 2), ==, 0x60000063);
    /* With the checksum kept: four bytes more. */
    wr(&c, RCTL, (RX_ON | LOOPBACK) & ~(1u << 26));
    tx_desc(&c, TX_BUF, 155 | 0x9u << 24, 0);
    tx_go(&c);
    g_assert_cmpuint(rx_word(&c, 2, 3), ==, 159);
    /* Bad offsets do no harm. */
    tx_desc(&c, 0xff | 0xffu << 8 | (uint64_t)0xffff << 32, 0x23u << 24, 0);
    tx_desc(&c, TX_BUF, 60 | 1 << 20 | 0x29u << 24, 0x300);
    tx_desc(&c, 0, 0x27u << 24, 0);
    tx_desc(&c, TX_BUF, 60 | 1 << 20 | 0x2du << 24, 0x300);
    tx_go(&c);
    card_close(&c);
}

static void test_segments(void)
{
    Card c;

    card_open(&c, "e1000e,mac=52:54:00:12:34:56", NULL);
    rings_start(&c, RX_ON | LOOPBACK, true);
    frame_make(ram(&c, TX_BUF), 2500);
    pseudo_sum(ram(&c, TX_BUF), 0);
    tx_desc(&c, CTX_IP | (uint64_t)CTX_TCP << 32, 2500 | 0x27u << 24, 54 << 8 | 1000u << 16);
    tx_desc(&c, TX_BUF, 1500 | 1 << 20 | 0x2cu << 24, 0x300);
    tx_desc(&c, TX_BUF + 1500, 1054 | 1 << 20 | 0x2du << 24, 0);
    tx_go(&c);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *f = rx_buf(&c, i);
        unsigned part = i < 2 ? 1000 : 500;

        g_assert_cmphex(rx_word(&c, i, 2), ==, 0x63);
        g_assert_cmpuint(rx_word(&c, i, 3), ==, 54 + part);
        g_assert_cmpuint(f[16] << 8 | f[17], ==, 40 + part);
        g_assert_cmphex(f[18] << 8 | f[19], ==, 0x10ff + i); /* identification */
        g_assert_cmpuint(f[40] << 8 | f[41], ==, 256 + 1000 * i);
        g_assert_cmphex(f[47], ==, i < 2 ? 0x10 : 0x19); /* FIN and PSH on the last one */
        g_assert_cmpmem(f + 54, part, ram(&c, TX_BUF) + 54 + 1000 * i, part);
    }
    g_assert_cmphex(rx_word(&c, 3, 2), ==, 0);
    g_assert_cmpuint(rd(&c, 0x40f8), ==, 1);
    g_assert_cmpuint(rd(&c, 0x4074), ==, 3);
    card_close(&c);
}

static void test_vlan(void)
{
    Card c;

    card_open(&c, "e1000e,mac=52:54:00:12:34:56", NULL);
    rings_start(&c, RX_ON | LOOPBACK, true);
    wr(&c, CTRL, 1u << 30);
    /* Loopback is before the tag is put in: a frame that has one. */
    frame_make(ram(&c, TX_BUF) + 4, 100);
    memmove(ram(&c, TX_BUF), ram(&c, TX_BUF + 4), 12);
    memcpy(ram(&c, TX_BUF + 12), "\x81\x00\x20\x07", 4);
    tx_desc(&c, TX_BUF, 158 | 9u << 24, 0);
    tx_go(&c);
    g_assert_cmphex(rx_word(&c, 0, 2) & 0xb, ==, 0xb);
    g_assert_cmphex(rx_word(&c, 0, 3), ==, 154 | 0x2007u << 16);
    g_assert_cmphex(rx_buf(&c, 0)[12], ==, 8);
    /* The filter knows others only. */
    wr(&c, RCTL, RX_ON | LOOPBACK | 1u << 18);
    tx_desc(&c, TX_BUF, 158 | 9u << 24, 0);
    tx_go(&c);
    g_assert_cmphex(rx_word(&c, 1, 2), ==, 0);
    wr(&c, VFTA, 1 << 7);
    tx_desc(&c, TX_BUF, 158 | 9u << 24, 0);
    tx_go(&c);
    g_assert_cmphex(rx_word(&c, 1, 2) & 0xb, ==, 0xb);
    card_close(&c);
}

static void test_filters(void)
{
    static const struct {
        uint8_t first, last;
        uint32_t rctl;
        bool comes;
    } cases[] = {{0x52, 0x56, 0, true},       {0x52, 0x57, 0, false},
                 {0x52, 0x57, 1 << 3, true},  {0x53, 0x57, 0, false},
                 {0x53, 0x57, 1 << 4, true},  {0x53, 0x60, 0, true},
                 {0x53, 0x60, 1 << 12, false}};
    Card c;

    card_open(&c, "e1000e,mac=52:54:00:12:34:56", NULL);
    rings_start(&c, RX_ON | LOOPBACK, true);
    /* Bits 47:36 of an address that ends in 34:60 are 603h. */
    wr(&c, 0x5200 + 4 * (0x603 >> 5), 1 << (0x603 & 31));
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint32_t head = rd(&c, RDBAL + HEAD);

        wr(&c, RCTL, RX_ON | LOOPBACK | cases[i].rctl);
        frame_make(ram(&c, TX_BUF), 100);
        ram(&c, TX_BUF)[0] = cases[i].first;
        ram(&c, TX_BUF)[5] = cases[i].last;
        tx_desc(&c, TX_BUF, 154 | 9u << 24, 0);
        tx_go(&c);
        g_assert_cmpuint(rd(&c, RDBAL + HEAD) != head, ==, cases[i].comes);
    }
    /* Too long without RCTL.LPE; several buffers with it. */
    uint32_t head = rd(&c, RDBAL + HEAD);
    frame_make(ram(&c, TX_BUF), 4000);
    tx_desc(&c, TX_BUF, 4054 | 9u << 24, 0);
    tx_go(&c);
    g_assert_cmpuint(rd(&c, RDBAL + HEAD), ==, head);
    g_assert_cmpuint(rd(&c, 0x40ac), ==, 1);
    wr(&c, RCTL, RX_ON | LOOPBACK | 1 << 5);
    tx_desc(&c, TX_BUF, 4054 | 9u << 24, 0);
    tx_go(&c);
    g_assert_cmpuint(rd(&c, RDBAL + HEAD), ==, head + 2);
    g_assert_cmphex(rx_word(&c, head, 2), ==, 1);
    g_assert_cmpuint(rx_word(&c, head, 3), ==, 2048);
    g_assert_cmphex(rx_word(&c, head + 1, 2) & 3, ==, 3);
    g_assert_cmpuint(rx_word(&c, head + 1, 3), ==, 2006);
    card_close(&c);
}

/* Packet-split descriptors: the header's buffer, then pages. */
static void test_split(void)
{
    Card c;

    card_open(&c, "e1000e,mac=52:54:00:12:34:56", NULL);
    rings_start(&c, RX_ON | LOOPBACK | 1 << 10 | 1 << 5, true);
    wr(&c, PSRCTL, 2 | 1 << 8 | 1 << 16);
    for (unsigned i = 0; i < 4; i++) {
        memory_st64_le(c.t.m->as, RX_RING + 8 * i, i < 3 ? RX_BUF + i * BUF : 0);
    }
    frame_make(ram(&c, TX_BUF), 1500);
    tx_desc(&c, TX_BUF, 1554 | 9u << 24, 0);
    tx_go(&c);
    g_assert_cmpuint(rd(&c, RDBAL + HEAD), ==, 2);
    g_assert_cmphex(rx_word(&c, 0, 2) & 3, ==, 3);
    g_assert_cmpuint(rx_word(&c, 0, 3), ==, 256);
    g_assert_cmpuint(rx_word(&c, 1, 0) >> 16, ==, 1024);
    g_assert_cmpuint(rx_word(&c, 1, 1), ==, 274);
    g_assert_cmpmem(rx_buf(&c, 2), 274, ram(&c, TX_BUF + 1280), 274);
    card_close(&c);
}

/* The vectors of the definition of RSS. */
static const uint8_t rss_key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                    0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                    0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                    0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static void test_rss(void)
{
    static const uint8_t flow[12] = {66,  9,  149,       187,        161,       142,
                                     100, 80, 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255};
    NetParts p;
    Card c;

    card_open(&c, "e1000e,mac=52:54:00:12:34:56", NULL);
    rings_start(&c, RX_ON | LOOPBACK, true);
    wr(&c, RXCSUM, 1 << 13);
    for (unsigned i = 0; i < 10; i++) {
        wr(&c, RSSRK + 4 * i, pci_get32(rss_key + 4 * i));
    }
    frame_make(ram(&c, TX_BUF), 100);
    memcpy(ram(&c, TX_BUF + 26), flow, 12);
    net_parse(ram(&c, TX_BUF), 154, &p);
    g_assert_true(p.ip4 && p.tcp && !p.ip_sum_good);
    g_assert_cmphex(net_rss_hash(ram(&c, TX_BUF), &p, false, rss_key), ==, 0x323e8fc2);
    for (unsigned queue = 0; queue < 2; queue++) {
        wr(&c, RETA + (0x78 & ~3), queue << 7); /* 51ccc178h: entry 78h */
        wr(&c, MRQC, 1 | 1 << 16);
        tx_desc(&c, TX_BUF, 154 | 9u << 24, 0);
        tx_go(&c);
        unsigned at = queue * 0x1000 / 16;
        g_assert_cmphex(rx_word(&c, at, 0), ==, 1 | queue << 8);
        g_assert_cmphex(rx_word(&c, at, 1), ==, 0x51ccc178);
    }
    card_close(&c);
}

/* IPv6 with extension headers; fragments; lengths that lie. */
static void test_parse(void)
{
    uint8_t f[128] = {0};
    NetParts p;

    f[12] = 0x86;
    f[13] = 0xdd;
    f[14] = 0x60;
    f[19] = 36;
    f[20] = 0; /* hop by hop */
    f[54] = 60;
    f[62] = 17;
    net_parse(f, 90, &p);
    g_assert_true(p.ip6 && p.udp && !p.tcp);
    g_assert_cmpuint(p.l4, ==, 70);
    g_assert_cmpuint(p.end, ==, 90);
    f[54] = 44;
    net_parse(f, 90, &p);
    g_assert_true(p.ip6 && p.fragment && !p.udp);
    f[19] = 200;
    net_parse(f, 90, &p);
    g_assert_false(p.ip6);
    for (size_t len = 0; len < 90; len++) {
        g_autofree uint8_t *part = g_memdup2(f, len);

        net_parse(part, len, &p);
        g_assert_true(p.end <= len);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e1000e/registers", test_registers);
    g_test_add_func("/e1000e/arp", test_arp);
    g_test_add_func("/e1000e/checksums", test_checksums);
    g_test_add_func("/e1000e/segments", test_segments);
    g_test_add_func("/e1000e/vlan", test_vlan);
    g_test_add_func("/e1000e/filters", test_filters);
    g_test_add_func("/e1000e/split", test_split);
    g_test_add_func("/e1000e/rss", test_rss);
    g_test_add_func("/net/parse", test_parse);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Network: options of the user network, and the virtio card on it: an ARP request goes out by the
 * transmit queue, the answer of the gateway comes back, in one buffer or in several merged ones;
 * filters and the control queue; queue pairs, each with a queue of a back end that collects frames.
 */
#include "tests/unit/fake-net.h"
#include "tests/unit/virtio-driver.h"

#define F_MRG   (1u << 15)
#define F_CTRL  (1u << 17 | 1u << 18 | 1u << 19 | 1u << 20 | 1u << 23)
#define HEADER  12
#define TX      (BUFFERS + 0x8000)
#define CTRL    (BUFFERS + 0x9000)
#define ARP_LEN 42

static NetBackend *net_from(const char *text, GError **err)
{
    g_autoptr(OptDict) o = opt_parse(text, "type", NULL);

    return net_open(NULL, o, err);
}

static void test_options(void)
{
    static const char *const good[] = {
        "user,id=a",
        "user,id=a,net=192.168.76.0/24,host=192.168.76.1,dns=192.168.76.5,dhcpstart=192.168.76.9",
        "user,id=a,restrict=on,hostname=h,domainname=d.org,dnssearch=x.org,dnssearch=y.org",
        "user,id=a,tftp=/tmp,bootfile=/x,ipv6=off",
        "user,id=a,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=udp::0-10.0.2.15:53",
        "user,id=a,guestfwd=tcp:10.0.2.100:80-cmd:true",
    };
    static const char *const bad[] = {
        "user,id=a,net=nonsense",
        "user,id=a,net=10.0.0.0/99",
        "user,id=a,foo=1",
        "user,id=a,hostfwd=tcp::x-:22",
        "user,id=a,hostfwd=icmp::1-:2",
        "user,id=a,hostfwd=22",
        "user,id=a,guestfwd=tcp:1.2.3.4-cmd:x",
        "user,id=a,restrict=perhaps",
        "user",
        "tap3,id=a",
        "user,id=a,dns=here",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        GError *err = NULL;
        NetBackend *b = net_from(good[i], &err);

        g_assert_no_error(err);
        g_assert_cmpstr(net_id(b), ==, "a");
        g_assert_false(net_attached(b));
        net_close(b);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *err = NULL;

        g_assert_null(net_from(bad[i], &err));
        g_assert_nonnull(err);
        g_error_free(err);
    }
}

static void card_open(Driver *d, bool pci, const char *props)
{
    g_autofree char *text =
        g_strconcat(pci ? "virtio-net-pci" : "virtio-net-device", ",netdev=n0", props, NULL);

    if (pci) {
        driver_open_pci(d, false);
    } else {
        driver_open(d, false, false);
    }
    d->t.m->nets = g_ptr_array_new();
    g_ptr_array_add(d->t.m->nets, net_from("user,id=n0", NULL));
    driver_plug_ok(d, text);
}

static void card_close(Driver *d)
{
    GPtrArray *nets = d->t.m->nets;
    NetBackend *b = g_ptr_array_index(nets, 0);

    driver_close(d);
    g_assert_false(net_attached(b));
    net_close(b);
    g_ptr_array_free(nets, TRUE);
}

/* Who has 10.0.2.2? */
static void arp_send(Driver *d)
{
    static const uint8_t frame[ARP_LEN] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0,    0x12, 0x34, 0x56, 8,    6,
        0,    1,    8,    0,    6,    4,    0,    1,    0x52, 0x54, 0,    0x12, 0x34, 0x56,
        10,   0,    2,    15,   0,    0,    0,    0,    0,    0,    10,   0,    2,    2};
    uint32_t used = 0;

    memset(ram(d, TX), 0, HEADER);
    memcpy(ram(d, TX + HEADER), frame, sizeof(frame));
    desc_set(d, QUEUE_AT(1), 0, TX, HEADER + sizeof(frame), 0, 0);
    make_available(d, 1, 0);
    kick(d, 1);
    g_assert_cmpint(used_next(d, 1, &used), ==, 0);
    g_assert_cmpuint(used, ==, 0);
}

static void arp_check(const uint8_t *frame)
{
    static const uint8_t answer[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 2};

    g_assert_cmpmem(frame + 12, sizeof(answer), answer, sizeof(answer));
    g_assert_cmphex(frame[28], ==, 10);
    g_assert_cmphex(frame[31], ==, 2);
}

static void test_arp(gconstpointer pci)
{
    Driver d;
    uint32_t used = 0;

    card_open(&d, pci != NULL, ",mac=52:54:00:12:34:56");
    driver_start(&d, F_MRG | F_CTRL, 3);
    g_assert_cmphex(vreg(&d, 0x100), ==, 0x12005452);
    g_assert_cmphex(vreg(&d, 0x104), ==, 0x00015634);
    /* The answer waits for a buffer. */
    arp_send(&d);
    g_usleep(50000);
    g_assert_cmpuint(used_idx(&d, 0), ==, 0);
    desc_set(&d, QUEUE_AT(0), 0, BUFFERS, 2048, WRITE, 0);
    make_available(&d, 0, 0);
    kick(&d, 0);
    g_assert_cmpint(used_next(&d, 0, &used), ==, 0);
    g_assert_cmpuint(used, >=, HEADER + ARP_LEN);
    g_assert_cmphex(ram(&d, BUFFERS)[10], ==, 1);
    arp_check(ram(&d, BUFFERS + HEADER));
    test_snapshot(d.dev);
    card_close(&d);
}

/* Buffers of 32 bytes: the frame is merged from several, which appear together. */
static void test_merged(void)
{
    Driver d;
    uint32_t used = 0, got = 0;
    uint8_t frame[128];
    unsigned n;

    card_open(&d, false, "");
    driver_start(&d, F_MRG, 2);
    for (unsigned i = 0; i < 8; i++) {
        desc_set(&d, QUEUE_AT(0), i, BUFFERS + 32 * i, 32, WRITE, 0);
        make_available(&d, 0, i);
    }
    kick(&d, 0);
    arp_send(&d);
    g_assert_cmpint(used_next(&d, 0, &used), ==, 0);
    n = ram(&d, BUFFERS)[10];
    g_assert_cmpuint(n, >=, 2);
    g_assert_cmpuint(used_idx(&d, 0), ==, n);
    g_assert_cmpuint(used, ==, 32);
    memcpy(frame, ram(&d, BUFFERS + HEADER), got = 32 - HEADER);
    for (unsigned i = 1; i < n; i++) {
        g_assert_cmpint(used_next(&d, 0, &used), ==, i);
        memcpy(frame + got, ram(&d, BUFFERS + 32 * i), used);
        got += used;
    }
    g_assert_cmpuint(got, >=, ARP_LEN);
    arp_check(frame);
    card_close(&d);
}

static uint8_t control_at(Driver *d, unsigned q, uint8_t class, uint8_t cmd, const void *data,
                          unsigned len)
{
    uint32_t used = 0;

    ram(d, CTRL)[0] = class;
    ram(d, CTRL)[1] = cmd;
    memcpy(ram(d, CTRL + 2), data, len);
    ram(d, CTRL)[0x100] = 0xee;
    desc_set(d, QUEUE_AT(q), 0, CTRL, 2 + len, NEXT, 1);
    desc_set(d, QUEUE_AT(q), 1, CTRL + 0x100, 1, WRITE, 0);
    make_available(d, q, 0);
    kick(d, q);
    g_assert_cmpint(used_next(d, q, &used), ==, 0);
    return ram(d, CTRL)[0x100];
}

static uint8_t control(Driver *d, uint8_t class, uint8_t cmd, const void *data, unsigned len)
{
    return control_at(d, 2, class, cmd, data, len);
}

static void test_control(void)
{
    static const uint8_t off[] = {0}, mac[] = {0x52, 0x54, 0, 1, 2, 3}, vlan[] = {5, 0};
    static const uint8_t table[] = {0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1};
    static const uint8_t lies[] = {255, 0, 0, 0, 1, 0, 0, 0};
    Driver d;
    uint32_t used = 0;

    card_open(&d, false, "");
    driver_start(&d, F_MRG | F_CTRL, 3);
    g_assert_cmphex(control(&d, 0, 0, off, 1), ==, 0);  /* not promiscuous */
    g_assert_cmphex(control(&d, 0, 99, off, 1), ==, 1); /* no such mode */
    g_assert_cmphex(control(&d, 9, 0, off, 1), ==, 1);  /* no such class */
    g_assert_cmphex(control(&d, 1, 0, table, sizeof(table)), ==, 0);
    g_assert_cmphex(control(&d, 1, 0, lies, sizeof(lies)), ==, 1);
    g_assert_cmphex(control(&d, 2, 0, vlan, 2), ==, 0);
    desc_set(&d, QUEUE_AT(0), 0, BUFFERS, 2048, WRITE, 0);
    make_available(&d, 0, 0);
    kick(&d, 0);
    /* The answer goes to the address of the card, which it has no more. */
    g_assert_cmphex(control(&d, 1, 1, mac, 6), ==, 0);
    g_assert_cmphex(vreg(&d, 0x100), ==, 0x01005452);
    arp_send(&d);
    g_usleep(50000);
    g_assert_cmpuint(used_idx(&d, 0), ==, 0);
    g_assert_cmphex(control(&d, 0, 0, "\1", 1), ==, 0);
    arp_send(&d);
    g_assert_cmpint(used_next(&d, 0, &used), ==, 0);
    card_close(&d);
}

/* ---- queue pairs ---- */

/* Frames "xxxxxxxxxxxxxxA", B, ... in two pieces each, with one kick. */
static void send_frames(Driver *d, unsigned q, unsigned n)
{
    uint32_t used = 0;

    for (unsigned i = 0; i < n; i++) {
        hwaddr at = TX + 64 * i;

        memset(ram(d, at), 0, HEADER);
        memset(ram(d, at + HEADER), 'x', 14);
        ram(d, at + HEADER)[14] = 'A' + i;
        desc_set(d, QUEUE_AT(q), 2 * i, at, HEADER + 6, NEXT, 2 * i + 1);
        desc_set(d, QUEUE_AT(q), 2 * i + 1, at + HEADER + 6, 9, 0, 0);
        make_available(d, q, 2 * i);
    }
    kick(d, q);
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmpint(used_next(d, q, &used), ==, 2 * i);
    }
}

static void test_pairs(void)
{
    const uint64_t features = F_MRG | F_CTRL | 1u << 22 | UINT64_C(1) << VIRTIO_F_RING_RESET;
    static const char frame[] = "xxxxxxxxxxxxxxB";
    FakeNet *first = fake_new(false), *second = fake_new(false);
    uint32_t used = 0;
    Driver d;

    net_add_queue(&first->b, &second->b);
    driver_open(&d, false, true);
    d.num = 64;
    d.t.m->nets = g_ptr_array_new();
    g_ptr_array_add(d.t.m->nets, &first->b);
    driver_plug_ok(&d, "virtio-net-device,netdev=n0,mq=on");
    g_assert_cmphex(vreg(&d, 0x108) & 0xffff, ==, 2);
    driver_start(&d, features, 5);
    g_assert_true(first->enabled);
    g_assert_false(second->enabled);
    /* More frames than leave in one batch; and some of the other pair. */
    send_frames(&d, 1, 20);
    send_frames(&d, 3, 2);
    fake_check(first, 19, "xxxxxxxxxxxxxxT");
    fake_check(second, 1, frame);
    g_assert_cmpuint(first->sent->len, ==, 20);

    /* Into the pair that the frame comes by, once it is used. */
    for (unsigned q = 0; q < 4; q += 2) {
        desc_set(&d, QUEUE_AT(q), 0, BUFFERS + 2048 * q, 2048, WRITE, 0);
        make_available(&d, q, 0);
        kick(&d, q);
    }
    fake_deliver(second, frame);
    g_assert_cmpuint(used_idx(&d, 2), ==, 0);
    g_assert_cmphex(control_at(&d, 4, 4, 0, "\0\0", 2), ==, 1);
    g_assert_cmphex(control_at(&d, 4, 4, 0, "\3\0", 2), ==, 1);
    g_assert_cmphex(control_at(&d, 4, 4, 1, "\2\0", 2), ==, 1);
    g_assert_cmphex(control_at(&d, 4, 4, 0, "\2", 1), ==, 1);
    g_assert_cmphex(control_at(&d, 4, 4, 0, "\2\0", 2), ==, 0);
    g_assert_true(second->enabled);
    fake_deliver(second, frame);
    g_assert_cmpint(used_next(&d, 2, &used), ==, 0);
    g_assert_cmpuint(used, ==, HEADER + strlen(frame));
    g_assert_cmpmem(ram(&d, BUFFERS + 4096 + HEADER), 15, frame, 15);
    g_assert_cmpuint(used_idx(&d, 0), ==, 0);

    /* A queue is reset and set up again (2.6.1); the others go on. */
    vreg_set(&d, 0x30, 3);
    vreg_set(&d, 0xc0, 1);
    while (vreg(&d, 0xc0)) {
        g_usleep(500);
    }
    g_assert_cmpuint(vreg(&d, 0x44), ==, 0);
    queue_setup(&d, 3);
    send_frames(&d, 3, 1);
    fake_check(second, 2, "xxxxxxxxxxxxxxA");
    test_snapshot(d.dev);
    g_assert_true(second->enabled);

    /* A driver that knows of no pairs has its control queue after the first. */
    driver_start(&d, F_MRG | F_CTRL, 3);
    g_assert_false(second->enabled);
    g_assert_cmphex(control(&d, 0, 0, "\1", 1), ==, 0);
    g_assert_cmphex(control(&d, 4, 0, "\2\0", 2), ==, 1);
    send_frames(&d, 1, 1);
    fake_check(first, 20, "xxxxxxxxxxxxxxA");
    card_close(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/options", test_options);
    g_test_add_data_func("/net/arp/mmio", NULL, test_arp);
    g_test_add_data_func("/net/arp/pci", "", test_arp);
    g_test_add_func("/net/merged", test_merged);
    g_test_add_func("/net/control", test_control);
    g_test_add_func("/net/pairs", test_pairs);
    return g_test_run();
}

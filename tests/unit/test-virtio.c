/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Virtio core, MMIO transport, block, entropy and console device, by a driver of the test's own. */
#include "tests/unit/virtio-driver.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define KIB         1024
#define F_INDIRECT  (UINT64_C(1) << VIRTIO_F_INDIRECT_DESC)
#define F_EVENT     (UINT64_C(1) << VIRTIO_F_EVENT_IDX)
#define F_RESET     (UINT64_C(1) << VIRTIO_F_RING_RESET)
#define BLK_WCE     (1u << 11)
#define BLK_FLUSH   (1u << 9)
#define BLK_MQ      (1u << 12)
#define BLK_ALL     (0xffffffu)
#define NEEDS_RESET 64

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };

/* ---- one block request: header, data, status in descriptors 0, 1, 2 from `first` on ---- */

#define HEADER (BUFFERS)
#define DATA   (BUFFERS + 0x1000)
#define STATUS (BUFFERS + 0x800)

static void header_set(Driver *d, uint32_t type, uint64_t sector)
{
    put32(d, HEADER, type);
    put32(d, HEADER + 4, 0);
    put64(d, HEADER + 8, sector);
    *ram(d, STATUS) = 0xee;
}

static int64_t blk_on(Driver *d, unsigned q, uint32_t type, uint64_t sector, uint32_t len,
                      uint32_t *used)
{
    bool in = type == IN || type == GET_ID;

    header_set(d, type, sector);
    desc_set(d, QUEUE_AT(q), 0, HEADER, 16, NEXT, len ? 1 : 2);
    desc_set(d, QUEUE_AT(q), 1, DATA, len, NEXT | (in ? WRITE : 0), 2);
    desc_set(d, QUEUE_AT(q), 2, STATUS, 1, WRITE, 0);
    make_available(d, q, 0);
    kick(d, q);
    g_assert_cmpint(used_next(d, q, used), ==, 0);
    return *ram(d, STATUS);
}

static int64_t blk(Driver *d, uint32_t type, uint64_t sector, uint32_t len, uint32_t *used)
{
    return blk_on(d, 0, type, sector, len, used);
}

static void blk_open(Driver *d, bool legacy, bool async, const char *drive, const char *props)
{
    g_autofree char *text = g_strconcat("virtio-blk-device,drive=d0", props, NULL);

    driver_open(d, legacy, async);
    driver_add_drive(d, 64 * KIB, drive);
    driver_plug_ok(d, text);
}

/* ---- transport ---- */

static void test_empty_slot(void)
{
    Driver d;

    driver_open(&d, false, false);
    g_assert_cmphex(vreg(&d, 0), ==, 0x74726976);
    g_assert_cmphex(vreg(&d, 4), ==, 2);
    g_assert_cmphex(vreg(&d, 8), ==, 0);
    g_assert_cmphex(vreg(&d, 0x10), ==, 0);
    g_assert_cmphex(vreg(&d, 0x70), ==, 0);
    vreg_set(&d, 0x70, 1);
    vreg_set(&d, 0x50, 0);
    g_assert_cmphex(vreg(&d, 0x70), ==, 0);
    driver_close(&d);
}

static void test_negotiation(void)
{
    Driver d;

    blk_open(&d, false, false, NULL, "");
    g_assert_cmphex(vreg(&d, 8), ==, 2);
    vreg_set(&d, 0x14, 1);
    g_assert_cmphex(vreg(&d, 0x10), ==, 1 | 1 << 8); /* VERSION_1, RING_RESET */
    vreg_set(&d, 0x14, 2);
    g_assert_cmphex(vreg(&d, 0x10), ==, 0);
    vreg_set(&d, 0x70, 1);
    vreg_set(&d, 0x70, 3);
    /* Without VERSION_1: refused. */
    vreg_set(&d, 0x70, 11);
    g_assert_cmphex(vreg(&d, 0x70), ==, 3);
    /* DRIVER_OK without FEATURES_OK: refused. */
    vreg_set(&d, 0x70, 7);
    g_assert_cmphex(vreg(&d, 0x70), ==, 3);
    /* A bit that is not offered: refused. */
    vreg_set(&d, 0x24, 1);
    vreg_set(&d, 0x20, 1 | 1u << 31);
    vreg_set(&d, 0x70, 11);
    g_assert_cmphex(vreg(&d, 0x70), ==, 3);
    vreg_set(&d, 0x20, 1);
    vreg_set(&d, 0x70, 11);
    g_assert_cmphex(vreg(&d, 0x70), ==, 11);
    /* The driver cannot set NEEDS_RESET, nor clear bits. */
    vreg_set(&d, 0x70, 64 | 8);
    g_assert_cmphex(vreg(&d, 0x70), ==, 11);
    vreg_set(&d, 0x70, 0);
    g_assert_cmphex(vreg(&d, 0x70), ==, 0);
    /* Registers of the other version, queues that are not there, shared memory. */
    vreg_set(&d, 0x40, 1);
    g_assert_cmphex(vreg(&d, 0x40), ==, 0);
    vreg_set(&d, 0x30, 0);
    g_assert_cmpuint(vreg(&d, 0x34), ==, 256);
    vreg_set(&d, 0x30, 1);
    g_assert_cmpuint(vreg(&d, 0x34), ==, 0);
    g_assert_cmphex(vreg(&d, 0xb0), ==, UINT32_MAX);
    driver_close(&d);
}

static void test_legacy_features(void)
{
    Driver d;

    blk_open(&d, true, false, NULL, "");
    g_assert_cmphex(vreg(&d, 4), ==, 1);
    g_assert_cmphex(vreg(&d, 0x10), ==, 0x39006e54);
    vreg_set(&d, 0x14, 1);
    g_assert_cmphex(vreg(&d, 0x10), ==, 0);
    vreg_set(&d, 0x44, 1);
    g_assert_cmphex(vreg(&d, 0x44), ==, 0);
    driver_close(&d);
}

static void test_bus(void)
{
    Driver d;
    GError *err = NULL;

    blk_open(&d, false, false, NULL, "");
    g_assert_cmpstr(d.dev->parent->name, ==, "virtio-mmio-bus.0");
    g_assert_null(driver_plug(&d, "virtio-rng-device", &err));
    g_assert_cmpstr(err->message, ==, "A 'virtio-bus' bus was found but is full");
    g_clear_error(&err);
    driver_close(&d);
}

static void expect_plug_error(const char *text, const char *message)
{
    Driver d;
    GError *err = NULL;

    driver_open(&d, false, false);
    driver_add_drive(&d, 4096, NULL);
    g_assert_null(driver_plug(&d, text, &err));
    g_assert_nonnull(strstr(err->message, message));
    g_error_free(err);
    driver_close(&d);
}

static void test_bad_properties(void)
{
    expect_plug_error("virtio-blk-device", "drive property not set");
    expect_plug_error("virtio-blk-device,drive=x", "can't find value 'x'");
    expect_plug_error("virtio-blk-device,drive=d0,queue-size=100", "queue-size");
    expect_plug_error("virtio-blk-device,drive=d0,num-queues=99", "num-queues");
    expect_plug_error("virtio-blk-device,drive=d0,logical_block_size=1000", "logical_block_size");
    expect_plug_error("virtio-blk-device,drive=d0,in_order=on", "in_order");
    expect_plug_error("virtio-blk-device,drive=d0,rerror=enospc", "rerror");
    expect_plug_error("virtio-rng-device,period=0", "period");
    expect_plug_error("virtio-rng-device,rng=nobody", "nobody");
    expect_plug_error("virtio-serial-device,max_ports=32", "max_ports");
    expect_plug_error("virtconsole", "bus");
}

/* ---- block device ---- */

static void test_blk_requests(gconstpointer legacy)
{
    Driver d;
    uint32_t used = 0;

    blk_open(&d, legacy != NULL, false, ",discard=unmap", ",serial=S123");
    driver_start(&d, BLK_ALL, 1);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x100, 8), ==, 128);

    g_assert_cmpint(blk(&d, IN, 3, 1024, &used), ==, 0);
    g_assert_cmpuint(used, ==, 1025);
    g_assert_cmphex(ram(&d, DATA)[0], ==, 4);
    g_assert_cmphex(ram(&d, DATA)[1023], ==, 5);
    g_assert_true(d.line.level);
    g_assert_cmphex(vreg(&d, 0x60), ==, 1);
    vreg_set(&d, 0x64, 1);
    g_assert_false(d.line.level);

    memset(ram(&d, DATA), 0x5a, 1024);
    g_assert_cmpint(blk(&d, OUT, 10, 1024, &used), ==, 0);
    g_assert_cmpuint(used, ==, 1);
    memset(ram(&d, DATA), 0, 1024);
    g_assert_cmpint(blk(&d, IN, 11, 512, &used), ==, 0);
    g_assert_cmphex(ram(&d, DATA)[0], ==, 0x5a);

    g_assert_cmpint(blk(&d, FLUSH, 0, 0, &used), ==, 0);
    g_assert_cmpuint(used, ==, 1);
    memset(ram(&d, DATA), 0xff, 32);
    g_assert_cmpint(blk(&d, GET_ID, 0, 20, &used), ==, 0);
    g_assert_cmpuint(used, ==, 21);
    g_assert_cmpmem(ram(&d, DATA), 20, "S123\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    g_assert_cmpint(blk(&d, 99, 0, 512, &used), ==, 2);
    g_assert_cmpint(blk(&d, 15, 0, 512, &used), ==, 2);

    /* Beyond the end, not in sectors; the last sector; nothing. */
    g_assert_cmpint(blk(&d, IN, 127, 1024, &used), ==, 1);
    g_assert_cmpuint(used, ==, 0);
    g_assert_cmpint(blk(&d, OUT, UINT64_MAX - 1, 1024, &used), ==, 1);
    g_assert_cmpuint(used, ==, 1);
    g_assert_cmpint(blk(&d, IN, 0, 700, &used), ==, 1);
    g_assert_cmpint(blk(&d, IN, 127, 512, &used), ==, 0);
    g_assert_cmpint(blk(&d, IN, 128, 512, &used), ==, 1);
    driver_close(&d);
}

static int64_t segment(Driver *d, uint32_t type, uint64_t sector, uint32_t n, uint32_t flags)
{
    uint32_t used = 0;

    put64(d, DATA, sector);
    put32(d, DATA + 8, n);
    put32(d, DATA + 12, flags);
    return blk(d, type, 0, 16, &used);
}

static void test_blk_zeroes(void)
{
    Driver d;
    uint32_t used = 0;

    blk_open(&d, false, false, ",discard=unmap", "");
    driver_start(&d, BLK_ALL, 1);
    for (unsigned unmap = 0; unmap < 2; unmap++) {
        g_assert_cmpint(segment(&d, WRITE_ZEROES, 4 + 8 * unmap, 3, unmap), ==, 0);
        g_assert_cmpint(blk(&d, IN, 3 + 8 * unmap, 5 * 512, &used), ==, 0);
        g_assert_cmphex(ram(&d, DATA)[511], ==, 4 + 8 * unmap);
        g_assert_cmphex(ram(&d, DATA)[512], ==, 0);
        g_assert_cmphex(ram(&d, DATA)[4 * 512 - 1], ==, 0);
        g_assert_cmphex(ram(&d, DATA)[4 * 512], ==, 8 + 8 * unmap);
    }
    g_assert_cmpint(segment(&d, DISCARD, 32, 8, 0), ==, 0);
    g_assert_cmpint(segment(&d, DISCARD, 32, 8, 1), ==, 2);
    g_assert_cmpint(segment(&d, WRITE_ZEROES, 32, 8, 2), ==, 2);
    g_assert_cmpint(segment(&d, WRITE_ZEROES, 127, 2, 0), ==, 1);
    g_assert_cmpint(segment(&d, DISCARD, UINT64_MAX, 2, 0), ==, 1);
    g_assert_cmpint(segment(&d, DISCARD, 0, UINT32_MAX, 0), ==, 1);
    g_assert_cmpint(blk(&d, DISCARD, 0, 32, &used), ==, 1);
    g_assert_cmpint(blk(&d, DISCARD, 0, 8, &used), ==, 1);
    driver_close(&d);
}

static void test_blk_read_only(void)
{
    Driver d;
    uint32_t used = 0;

    blk_open(&d, false, false, ",readonly=on", "");
    g_assert_true(vreg(&d, 0x10) & 1 << 5);
    driver_start(&d, BLK_ALL, 1);
    g_assert_cmpint(blk(&d, OUT, 0, 512, &used), ==, 1);
    g_assert_cmpint(segment(&d, WRITE_ZEROES, 0, 1, 0), ==, 1);
    g_assert_cmpint(blk(&d, FLUSH, 0, 0, &used), ==, 0);
    g_assert_cmpint(blk(&d, IN, 0, 512, &used), ==, 0);
    g_assert_cmphex(ram(&d, DATA)[0], ==, 1);
    driver_close(&d);
}

static void test_blk_cache_mode(void)
{
    Driver d;
    uint32_t used = 0;

    blk_open(&d, false, true, NULL, "");
    driver_start(&d, BLK_ALL, 1);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x120, 1), ==, 1);
    reg_write(d.slot, 0, 0x120, 1, 0);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x120, 1), ==, 0);
    g_assert_cmpint(blk(&d, OUT, 0, 512, &used), ==, 0);
    /* A reset brings the configured mode back; without FLUSH it is writethrough. */
    driver_start(&d, BLK_ALL & ~(BLK_FLUSH | BLK_WCE), 1);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x120, 1), ==, 0);
    driver_start(&d, BLK_ALL & ~BLK_WCE, 1);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x120, 1), ==, 1);
    /* Capacity is read-only, and there is an end. */
    reg_write(d.slot, 0, 0x100, 4, 1);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x100, 4), ==, 128);
    g_assert_cmphex(reg_read(d.slot, 0, 0x1fc, 4), ==, UINT32_MAX);
    g_assert_cmphex(reg_read(d.slot, 0, 0x1fc, 1), ==, 0xff);
    driver_close(&d);
}

static void test_blk_config(void)
{
    Driver d;

    blk_open(&d, false, false, NULL,
             ",logical_block_size=1k,physical_block_size=4k,min_io_size=8k,opt_io_size=64k,"
             "num-queues=4,queue-size=64");
    g_assert_cmpuint(reg_read(d.slot, 0, 0x10c, 4), ==, 62);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x110, 2), ==, 2);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x112, 1), ==, 16);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x113, 1), ==, 62);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x114, 4), ==, 1024);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x118, 1), ==, 2);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x11a, 2), ==, 8);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x11c, 4), ==, 64);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x122, 2), ==, 4);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x124, 4), ==, 4194303);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x12c, 4), ==, 2);
    driver_start(&d, BLK_ALL, 4);
    uint32_t used = 0;
    for (unsigned q = 0; q < 4; q++) {
        g_assert_cmpint(blk_on(&d, q, IN, 2 * q, 1024, &used), ==, 0);
        g_assert_cmphex(ram(&d, DATA)[0], ==, 2 * q + 1);
    }
    g_assert_cmpint(blk(&d, IN, 1, 1024, &used), ==, 1); /* not at a block */
    driver_close(&d);
}

/* Header and status may be cut anywhere (2.7.4). */
static void test_blk_framing(void)
{
    Driver d;
    uint32_t used = 0;

    blk_open(&d, false, false, NULL, "");
    driver_start(&d, F_INDIRECT, 1);
    header_set(&d, IN, 5);
    const hwaddr table = BUFFERS + 0x4000;
    desc_set(&d, table, 0, HEADER, 3, NEXT, 1);
    desc_set(&d, table, 1, HEADER + 3, 13, NEXT, 2);
    desc_set(&d, table, 2, DATA, 500, NEXT | WRITE, 3);
    desc_set(&d, table, 3, DATA + 500, 13, WRITE, 0);
    desc_set(&d, QUEUE_AT(0), 7, table, 4 * 16, INDIRECT, 0);
    make_available(&d, 0, 7);
    /* The same, direct descriptors first (2.7.5.3.2). */
    const hwaddr rest = BUFFERS + 0x5000;
    desc_set(&d, rest, 0, DATA + 0x800, 513, WRITE, 0);
    desc_set(&d, QUEUE_AT(0), 1, HEADER, 16, NEXT, 2);
    desc_set(&d, QUEUE_AT(0), 2, rest, 16, INDIRECT, 0);
    make_available(&d, 0, 1);
    kick(&d, 0);
    g_assert_cmpint(used_next(&d, 0, &used), ==, 7);
    g_assert_cmpuint(used, ==, 513);
    g_assert_cmphex(ram(&d, DATA)[511], ==, 6);
    g_assert_cmphex(ram(&d, DATA)[512], ==, 0);
    g_assert_cmpint(used_next(&d, 0, &used), ==, 1);
    g_assert_cmpuint(used, ==, 513);
    g_assert_cmphex(ram(&d, DATA + 0x800)[511], ==, 6);
    driver_close(&d);
}

/* Many requests at once on worker threads; then a reset while some are under way. */
static void test_blk_async(void)
{
    Driver d;
    uint32_t used = 0;

    blk_open(&d, false, true, NULL, "");
    d.num = 128;
    for (unsigned round = 0; round < 20; round++) {
        driver_start(&d, round & 1 ? F_EVENT : 0, 1);
        put32(&d, HEADER, IN);
        for (unsigned i = 0; i < 40; i++) {
            put32(&d, HEADER + 0x40 + 16 * i, IN);
            put64(&d, HEADER + 0x48 + 16 * i, i);
            desc_set(&d, QUEUE_AT(0), 3 * i, HEADER + 0x40 + 16 * i, 16, NEXT, 3 * i + 1);
            desc_set(&d, QUEUE_AT(0), 3 * i + 1, DATA + 512 * i, 512, NEXT | WRITE, 3 * i + 2);
            desc_set(&d, QUEUE_AT(0), 3 * i + 2, STATUS + i, 1, WRITE, 0);
            make_available(&d, 0, 3 * i);
        }
        memset(ram(&d, DATA), 0, 40 * 512);
        kick(&d, 0);
        if (round & 2) {
            vreg_set(&d, 0x70, 0);
            while (vreg(&d, 0x70) != 0) {
                g_usleep(100);
            }
            uint16_t idx = used_idx(&d, 0);
            g_autofree uint8_t *then = g_memdup2(ram(&d, DATA), 40 * 512);
            g_usleep(2000);
            g_assert_cmpuint(used_idx(&d, 0), ==, idx);
            g_assert_cmpmem(then, 40 * 512, ram(&d, DATA), 40 * 512);
            g_assert_false(d.line.level);
            continue;
        }
        uint64_t seen = 0;
        for (unsigned i = 0; i < 40; i++) {
            int64_t id = used_next(&d, 0, &used);
            g_assert_cmpint(id, >=, 0);
            seen |= UINT64_C(1) << id / 3;
            g_assert_cmphex(ram(&d, DATA)[512 * (id / 3) + 511], ==, id / 3 + 1);
        }
        g_assert_cmphex(seen, ==, (UINT64_C(1) << 40) - 1);
        if (round == 0) {
            kick(&d, 0);
            test_snapshot(d.dev);
        }
    }
    driver_close(&d);
}

/* A snapshot carries the rings on. */
static void test_blk_snapshot(void)
{
    Driver d;
    uint32_t used = 0;

    blk_open(&d, false, false, NULL, "");
    driver_start(&d, F_EVENT | F_INDIRECT, 1);
    for (unsigned i = 0; i < 20; i++) {
        g_assert_cmpint(blk(&d, IN, i, 512, &used), ==, 0);
        test_snapshot(d.dev);
    }
    g_assert_cmpint(d.seen[0], ==, 20);
    driver_close(&d);
}

/* ---- errors of the host ---- */

static void test_blk_host_error(void)
{
    static const struct {
        const char *props;
        int status;
    } cases[] = {{"", 1}, {",werror=report", 1}, {",werror=ignore", 0}};
    struct rlimit old, small = {4 * KIB, RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Driver d;
        uint32_t used = 0;

        blk_open(&d, false, true, NULL, cases[i].props);
        driver_start(&d, 0, 1);
        setrlimit(RLIMIT_FSIZE, &small);
        g_assert_cmpint(blk(&d, OUT, 64, 512, &used), ==, cases[i].status);
        g_assert_cmpint(blk(&d, OUT, 0, 512, &used), ==, 0);
        setrlimit(RLIMIT_FSIZE, &old);
        driver_close(&d);
    }
}

/* werror=stop: the request waits until the machine goes on, also over a snapshot. */
static void test_blk_stop(void)
{
    struct rlimit old, small = {4 * KIB, RLIM_INFINITY};
    Driver d;
    uint32_t used = 0;

    driver_open(&d, false, false);
    driver_add_drive(&d, 64 * KIB, NULL);
    driver_plug_ok(&d, "virtio-blk-device,drive=d0,werror=stop");
    driver_start(&d, 0, 1);
    getrlimit(RLIMIT_FSIZE, &old);
    setrlimit(RLIMIT_FSIZE, &small);
    header_set(&d, OUT, 64);
    desc_set(&d, QUEUE_AT(0), 0, HEADER, 16, NEXT, 1);
    desc_set(&d, QUEUE_AT(0), 1, DATA, 512, NEXT, 2);
    desc_set(&d, QUEUE_AT(0), 2, STATUS, 1, WRITE, 0);
    make_available(&d, 0, 0);
    kick(&d, 0);
    setrlimit(RLIMIT_FSIZE, &old);
    g_assert_cmpuint(used_idx(&d, 0), ==, 0);
    for (unsigned i = 0; i < 10; i++) {
        mainloop_iterate(d.t.m->loop, false);
    }
    g_assert_cmpint(machine_phase(d.t.m), ==, RUN_IO_ERROR);
    test_snapshot(d.dev);
    machine_request_cont(d.t.m);
    for (unsigned i = 0; i < 10; i++) {
        mainloop_iterate(d.t.m->loop, false);
    }
    g_assert_cmpint(used_next(&d, 0, &used), ==, 0);
    g_assert_cmpuint(*ram(&d, STATUS), ==, 0);
    driver_close(&d);
}

/* ---- rings ---- */

static void test_event_index(void)
{
    Driver d;
    uint32_t used = 0;

    blk_open(&d, false, false, NULL, "");
    driver_start(&d, F_EVENT, 1);
    const hwaddr used_event = avail_at(&d, 0) + 4 + 2 * d.num;
    /* Say when index 3 is used. */
    put16(&d, used_event, 3);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmpint(blk(&d, FLUSH, 0, 0, &used), ==, 0);
        g_assert_cmpint(d.line.level, ==, i == 0 || i == 3);
        vreg_set(&d, 0x64, 3);
        /* The device asks to be told of the next buffer. */
        g_assert_cmpuint(memory_ld16_le(d.t.m->as, used_at(&d, 0) + 4 + 8 * d.num, NULL), ==,
                         i + 1);
    }
    /* Without the feature: the flag. */
    driver_start(&d, 0, 1);
    for (unsigned i = 0; i < 4; i++) {
        put16(&d, avail_at(&d, 0), i & 1);
        g_assert_cmpint(blk(&d, FLUSH, 0, 0, &used), ==, 0);
        g_assert_cmpint(d.line.level, ==, !(i & 1));
        vreg_set(&d, 0x64, 3);
    }
    driver_close(&d);
}

/* More than 65536 buffers: the indices wrap. */
static void test_index_wrap(void)
{
    Driver d;
    uint32_t used = 0;

    blk_open(&d, false, false, NULL, "");
    driver_start(&d, F_EVENT, 1);
    for (unsigned i = 0; i < 66000; i++) {
        g_assert_cmpint(blk(&d, GET_ID, 0, 20, &used), ==, 0);
    }
    g_assert_cmphex(vreg(&d, 0x70) & NEEDS_RESET, ==, 0);
    driver_close(&d);
}

static void test_ring_reset(void)
{
    Driver d;
    uint32_t used = 0;

    blk_open(&d, false, true, NULL, "");
    driver_start(&d, F_RESET, 1);
    g_assert_cmpint(blk(&d, IN, 0, 512, &used), ==, 0);
    vreg_set(&d, 0x30, 0);
    vreg_set(&d, 0xc0, 1);
    g_assert_cmpuint(vreg(&d, 0xc0), ==, 0);
    g_assert_cmpuint(vreg(&d, 0x44), ==, 0);
    kick(&d, 0);
    d.num = 32;
    queue_setup(&d, 0);
    g_assert_cmpuint(vreg(&d, 0x44), ==, 1);
    g_assert_cmpint(blk(&d, IN, 9, 512, &used), ==, 0);
    g_assert_cmphex(ram(&d, DATA)[0], ==, 10);
    /* Sizes that are none. */
    vreg_set(&d, 0x44, 0);
    vreg_set(&d, 0x38, 33);
    vreg_set(&d, 0x38, 512);
    vreg_set(&d, 0x38, 0);
    test_snapshot(d.dev);
    driver_close(&d);
}

typedef void Breaker(Driver *d);

static void break_loop(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, HEADER, 16, NEXT, 1);
    desc_set(d, QUEUE_AT(0), 1, HEADER, 16, NEXT, 0);
}
static void break_next(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, HEADER, 16, NEXT, 16);
}
static void break_head(Driver *d)
{
    put16(d, avail_at(d, 0) + 4, 16);
}
static void break_avail(Driver *d)
{
    put16(d, avail_at(d, 0) + 2, 17);
}
static void break_address(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 1, NO_RAM, 512, NEXT | WRITE, 2);
}
static void break_end_of_ram(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 1, TEST_RAM_SIZE - 100, 512, NEXT | WRITE, 2);
}
static void break_wrap(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 1, UINT64_MAX - 10, 512, NEXT | WRITE, 2);
}
static void break_order(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, HEADER, 16, NEXT | WRITE, 1);
    desc_set(d, QUEUE_AT(0), 1, DATA, 512, NEXT, 2);
}
static void break_short_header(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, HEADER, 15, NEXT, 1);
}
static void break_no_status(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, HEADER, 16, 0, 1);
}
static void break_indirect_next(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, DATA, 16, INDIRECT | NEXT, 1);
}
static void break_indirect_length(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, DATA, 24, INDIRECT, 1);
}
static void break_indirect_empty(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, DATA, 0, INDIRECT, 1);
}
static void break_indirect_address(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, NO_RAM, 16, INDIRECT, 1);
}
static void break_indirect_nested(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, DATA, 32, INDIRECT, 1);
    desc_set(d, DATA, 0, DATA, 32, INDIRECT, 0);
}
static void break_indirect_loop(Driver *d)
{
    desc_set(d, QUEUE_AT(0), 0, DATA, 32, INDIRECT, 1);
    desc_set(d, DATA, 0, HEADER, 16, NEXT, 1);
    desc_set(d, DATA, 1, HEADER, 16, NEXT, 0);
}
static void break_huge(Driver *d)
{
    /* 2^32 bytes are the limit of a chain; the RAM would be there only once. */
    for (unsigned i = 0; i < 16; i++) {
        desc_set(d, QUEUE_AT(0), i, 0, UINT32_MAX, i < 15 ? NEXT : 0, i + 1);
    }
}

static void test_broken(gconstpointer opaque)
{
    Breaker *const *breaker = opaque;

    for (unsigned legacy = 0; legacy < 2; legacy++) {
        Driver d;
        uint32_t used = 0;

        blk_open(&d, legacy, false, NULL, "");
        driver_start(&d, F_INDIRECT | F_EVENT, 1);
        header_set(&d, IN, 0);
        desc_set(&d, QUEUE_AT(0), 0, HEADER, 16, NEXT, 1);
        desc_set(&d, QUEUE_AT(0), 1, DATA, 512, NEXT | WRITE, 2);
        desc_set(&d, QUEUE_AT(0), 2, STATUS, 1, WRITE, 0);
        make_available(&d, 0, 0);
        (*breaker)(&d);
        kick(&d, 0);
        g_assert_cmpuint(used_idx(&d, 0), ==, 0);
        g_assert_cmphex(vreg(&d, 0x70) & NEEDS_RESET, ==, legacy ? 0 : NEEDS_RESET);
        g_assert_cmphex(vreg(&d, 0x60), ==, legacy ? 0 : 2);
        /* Nothing more until the reset. */
        desc_set(&d, QUEUE_AT(0), 0, HEADER, 16, NEXT, 1);
        kick(&d, 0);
        g_assert_cmpuint(used_idx(&d, 0), ==, 0);
        test_snapshot(d.dev);
        driver_start(&d, F_INDIRECT, 1);
        g_assert_cmphex(vreg(&d, 0x70) & NEEDS_RESET, ==, 0);
        g_assert_cmpint(blk(&d, IN, 2, 512, &used), ==, 0);
        g_assert_cmphex(ram(&d, DATA)[0], ==, 3);
        driver_close(&d);
    }
}

/* Rings where there is no RAM, or not aligned. */
static void test_bad_rings(void)
{
    static const hwaddr places[][3] = {{NO_RAM, 0x1000, 0x2000},
                                       {0x1000, NO_RAM, 0x2000},
                                       {0x1000, 0x2000, NO_RAM},
                                       {0x1008, 0x2000, 0x3000},
                                       {0x1000, 0x2001, 0x3000},
                                       {0x1000, 0x2000, 0x3002},
                                       {TEST_RAM_SIZE - 16, 0x2000, 0x3000},
                                       {0x1000, 0x2000, TEST_RAM_SIZE - 8}};

    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        Driver d;

        blk_open(&d, false, false, NULL, "");
        driver_start(&d, F_RESET, 0);
        vreg_set(&d, 0x30, 0);
        vreg_set(&d, 0x38, 16);
        vreg_set(&d, 0x80, places[i][0]);
        vreg_set(&d, 0x90, places[i][1]);
        vreg_set(&d, 0xa0, places[i][2]);
        vreg_set(&d, 0x44, 1);
        kick(&d, 0);
        g_assert_cmphex(vreg(&d, 0x70) & NEEDS_RESET, ==, NEEDS_RESET);
        driver_close(&d);
    }
}

/* ---- entropy ---- */

static uint32_t rng_get(Driver *d, uint32_t len)
{
    uint32_t used = 0;

    memset(ram(d, DATA), 0, len);
    desc_set(d, QUEUE_AT(0), 0, DATA, len, WRITE, 0);
    make_available(d, 0, 0);
    kick(d, 0);
    if (used_idx(d, 0) == d->seen[0]) {
        return 0;
    }
    g_assert_cmpint(used_next(d, 0, &used), ==, 0);
    return used;
}

static void test_rng(void)
{
    Driver d;
    uint8_t first[64];

    for (unsigned run = 0; run < 2; run++) {
        driver_open(&d, run, false);
        d.num = 8;
        d.t.m->seed = 42;
        d.t.m->seed_set = true;
        driver_plug_ok(&d, "virtio-rng-device");
        driver_start(&d, 0, 1);
        g_assert_cmpuint(vreg(&d, 8), ==, 4);
        g_assert_cmpuint(rng_get(&d, 64), ==, 64);
        /* The same seed, the same bytes. */
        if (run) {
            g_assert_cmpmem(first, 64, ram(&d, DATA), 64);
        }
        memcpy(first, ram(&d, DATA), 64);
        g_assert_cmpuint(rng_get(&d, 64), ==, 64);
        g_assert_false(memcmp(first, ram(&d, DATA), 64) == 0);
        test_snapshot(d.dev);
        driver_close(&d);
    }
}

static void test_rng_limit(void)
{
    Driver d;

    driver_open(&d, false, true);
    d.num = 8;
    driver_plug_ok(&d, "virtio-rng-device,max-bytes=100,period=10");
    driver_start(&d, 0, 1);
    g_assert_cmpuint(rng_get(&d, 64), ==, 64);
    g_assert_cmpuint(rng_get(&d, 64), ==, 36);
    g_assert_cmpuint(rng_get(&d, 64), ==, 0);
    test_snapshot(d.dev);
    clocks_set_running(d.t.m->clocks, true);
    uint32_t used = 0;
    for (unsigned i = 0; i < 200 && used_idx(&d, 0) == d.seen[0]; i++) {
        g_usleep(1000);
        mainloop_iterate(d.t.m->loop, false);
    }
    g_assert_cmpint(used_next(&d, 0, &used), ==, 0);
    g_assert_cmpuint(used, ==, 64);
    driver_close(&d);
}

/* ---- console ---- */

#define Q_RX      0
#define Q_TX      1
#define Q_CTRL_RX 2
#define Q_CTRL_TX 3
#define Q_RX1     4
#define Q_TX1     5

static void loop_run(Driver *d)
{
    for (unsigned i = 0; i < 20; i++) {
        mainloop_iterate(d->t.m->loop, false);
        g_usleep(500);
    }
}

static void send(Driver *d, unsigned q, const void *data, uint32_t len)
{
    uint32_t used = 0;

    memcpy(ram(d, DATA + 0x1000 * q), data, len);
    desc_set(d, QUEUE_AT(q), 0, DATA + 0x1000 * q, len, 0, 0);
    make_available(d, q, 0);
    kick(d, q);
    g_assert_cmpint(used_next(d, q, &used), ==, 0);
    g_assert_cmpuint(used, ==, 0);
}

static void control(Driver *d, uint32_t id, uint16_t event, uint16_t value)
{
    uint16_t msg[4] = {id, id >> 16, event, value};

    send(d, Q_CTRL_TX, msg, sizeof(msg));
}

/* Offer buffer n of queue q, 32 bytes. */
static void offer(Driver *d, unsigned q, unsigned n)
{
    desc_set(d, QUEUE_AT(q), n, DATA + 0x1000 * q + 64 * n, 32, WRITE, 0);
    make_available(d, q, n);
    kick(d, q);
}

static void expect_control(Driver *d, uint32_t id, uint16_t event, uint16_t value, const char *tail)
{
    uint32_t used = 0;
    int64_t n = used_next(d, Q_CTRL_RX, &used);
    const uint8_t *msg = ram(d, DATA + 0x1000 * Q_CTRL_RX + 64 * n);

    g_assert_cmpint(n, >=, 0);
    g_assert_cmpuint(used, ==, 8 + strlen(tail));
    g_assert_cmpuint(msg[0], ==, id);
    g_assert_cmpuint(msg[4], ==, event);
    g_assert_cmpuint(msg[6], ==, value);
    g_assert_cmpmem(msg + 8, strlen(tail), tail, strlen(tail));
}

static void test_console(void)
{
    Driver d;
    g_autofree char *dir = g_dir_make_tmp("rhea-test-XXXXXX", NULL);
    g_autofree char *out = g_build_filename(dir, "out", NULL);
    g_autofree char *fifo = g_build_filename(dir, "pipe", NULL);
    g_autofree char *fifo_in = g_strconcat(fifo, ".in", NULL);
    g_autofree char *fifo_out = g_strconcat(fifo, ".out", NULL);
    g_autofree char *file_opts = g_strdup_printf("file,id=c0,path=%s", out);
    g_autofree char *pipe_opts = g_strdup_printf("pipe,id=c1,path=%s", fifo);
    g_autofree char *text = NULL;
    GError *err = NULL;
    uint32_t used = 0;

    driver_open(&d, false, true);
    g_assert_cmpint(mkfifo(fifo_in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(fifo_out, 0600), ==, 0);
    g_autoptr(OptDict) o0 = opt_parse(file_opts, "backend", NULL);
    g_autoptr(OptDict) o1 = opt_parse(pipe_opts, "backend", NULL);
    chardev_new(d.t.m->chars, o0, &err);
    g_assert_no_error(err);
    chardev_new(d.t.m->chars, o1, &err);
    g_assert_no_error(err);
    driver_plug_ok(&d, "virtio-serial-device,id=vs");
    Device *serial = d.dev;
    driver_plug_ok(&d, "virtconsole,chardev=c0");
    driver_plug_ok(&d, "virtserialport,chardev=c1,name=org.test,bus=vs.0");
    g_assert_null(driver_plug(&d, "virtserialport,nr=1", &err));
    g_clear_error(&err);
    g_assert_null(driver_plug(&d, "virtserialport,nr=0", &err));
    g_clear_error(&err);
    int in = open(fifo_in, O_WRONLY | O_NONBLOCK);
    int from = open(fifo_out, O_RDONLY | O_NONBLOCK);
    loop_run(&d);

    driver_start(&d, 2, 6);
    g_assert_cmpuint(reg_read(d.slot, 0, 0x104, 4), ==, 31);
    reg_write(d.slot, 0, 0x108, 4, '!');
    /* Messages wait until there are buffers. */
    control(&d, 0, 0, 1);
    for (unsigned n = 0; n < 8; n++) {
        offer(&d, Q_CTRL_RX, n);
    }
    expect_control(&d, 0, 1, 1, "");
    expect_control(&d, 1, 1, 1, "");
    control(&d, 0, 3, 1);
    expect_control(&d, 0, 4, 1, "");
    expect_control(&d, 0, 6, 1, "");
    control(&d, 1, 3, 1);
    expect_control(&d, 1, 7, 1, "org.test");
    expect_control(&d, 1, 6, 1, "");
    control(&d, 0, 6, 1);
    /* Nonsense. */
    control(&d, 77, 6, 1);
    control(&d, 1, 99, 1);
    send(&d, Q_CTRL_TX, "abc", 3);

    send(&d, Q_TX, "hello\n", 6);
    send(&d, Q_TX1, "port one", 8);
    loop_run(&d);
    g_assert_true(g_file_get_contents(out, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "!hello\n");
    char buf[64] = "";
    g_assert_cmpint(read(from, buf, sizeof(buf)), ==, 8);
    g_assert_cmpstr(buf, ==, "port one");

    /* Input waits for the guest to open the port, then for buffers. */
    g_assert_cmpint(write(in, "0123456789012345678901234567890123456789", 40), ==, 40);
    offer(&d, Q_RX1, 0);
    loop_run(&d);
    g_assert_cmpuint(used_idx(&d, Q_RX1), ==, 0);
    control(&d, 1, 6, 1);
    loop_run(&d);
    g_assert_cmpint(used_next(&d, Q_RX1, &used), ==, 0);
    g_assert_cmpuint(used, ==, 32);
    g_assert_cmpuint(used_idx(&d, Q_RX1), ==, 1);
    test_snapshot(serial);
    offer(&d, Q_RX1, 1);
    loop_run(&d);
    g_assert_cmpint(used_next(&d, Q_RX1, &used), ==, 1);
    g_assert_cmpuint(used, ==, 8);
    g_assert_cmpmem(ram(&d, DATA + 0x1000 * Q_RX1 + 64), 8, "23456789", 8);

    close(in);
    close(from);
    driver_close(&d);
    g_unlink(out);
    g_unlink(fifo_in);
    g_unlink(fifo_out);
    g_rmdir(dir);
}

/* ---- packed rings ---- */

#define F_PACKED (UINT64_C(1) << VIRTIO_F_RING_PACKED)

/* A read of two sectors in three entries; the status byte must be 0. */
static void packed_read(Driver *d, unsigned sector, uint16_t id)
{
    uint32_t used = 0;

    header_set(d, IN, sector);
    packed_desc(d, 0, 2, STATUS, 1, id, WRITE);
    packed_desc(d, 0, 1, DATA, 1024, 0x7777, NEXT | WRITE);
    packed_desc(d, 0, 0, HEADER, 16, 0x7777, NEXT);
    d->avail[0] += 3;
    kick(d, 0);
    g_assert_cmpint(packed_used(d, 0, 3, &used), ==, id);
    g_assert_cmpuint(used, ==, 1025);
    g_assert_cmphex(*ram(d, STATUS), ==, 0);
    g_assert_cmphex(ram(d, DATA)[0], ==, sector + 1);
}

static void test_packed(gconstpointer pci)
{
    Driver d;

    if (pci) {
        driver_open_pci(&d, false);
    } else {
        driver_open(&d, false, false);
    }
    driver_add_drive(&d, 64 * KIB, NULL);
    driver_plug_ok(&d, pci ? "virtio-blk-pci,drive=d0,packed=on"
                           : "virtio-blk-device,drive=d0,packed=on");
    d.num = 16;
    driver_start(&d, BLK_ALL | F_PACKED, 1);
    g_assert_true(d.packed);
    /* 60 entries in a ring of 16: chains go over its end, wrap counters change. */
    for (unsigned i = 0; i < 20; i++) {
        packed_read(&d, i, 100 + i);
        g_assert_true(d.line.level);
        g_assert_cmphex(vreg(&d, 0x60), ==, 1);
        vreg_set(&d, 0x64, 1);
        g_assert_false(d.line.level);
        if (i % 7 == 3) {
            test_snapshot(d.dev);
        }
    }
    /* The driver wants no interrupt. */
    put16(&d, avail_at(&d, 0) + 2, 1);
    packed_read(&d, 1, 1);
    g_assert_false(d.line.level);
    driver_close(&d);
}

static void test_packed_size(void)
{
    Driver d;

    blk_open(&d, false, false, NULL, ",packed=on");
    d.num = 11; /* need not be a power of two */
    driver_start(&d, BLK_ALL | F_PACKED, 1);
    for (unsigned i = 0; i < 10; i++) {
        packed_read(&d, i, i);
    }
    driver_close(&d);
}

static void test_packed_events(void)
{
    Driver d;

    blk_open(&d, false, false, NULL, ",packed=on");
    driver_start(&d, BLK_ALL | F_PACKED | F_EVENT, 1);
    /* Tell me of entry 6, which the third request uses. */
    put16(&d, avail_at(&d, 0), 6 | 0x8000);
    put16(&d, avail_at(&d, 0) + 2, 2);
    packed_read(&d, 0, 0);
    packed_read(&d, 1, 1);
    g_assert_false(d.line.level);
    packed_read(&d, 2, 2);
    g_assert_true(d.line.level);
    vreg_set(&d, 0x64, 1);
    /* Entry 2 of the next round: the entries 18 to 20 of requests 6. */
    put16(&d, avail_at(&d, 0), 2);
    packed_read(&d, 3, 3);
    packed_read(&d, 4, 4);
    packed_read(&d, 5, 5);
    g_assert_false(d.line.level);
    packed_read(&d, 6, 6);
    g_assert_true(d.line.level);
    driver_close(&d);
}

static void test_packed_indirect(void)
{
    Driver d;
    uint32_t used = 0;
    hwaddr table = BUFFERS + 0x4000;

    blk_open(&d, false, false, NULL, ",packed=on");
    driver_start(&d, BLK_ALL | F_PACKED | F_INDIRECT, 1);
    header_set(&d, IN, 5);
    for (unsigned i = 0; i < 3; i++) {
        put64(&d, table + 16 * i, i == 0 ? HEADER : i == 1 ? DATA : STATUS);
        put32(&d, table + 16 * i + 8, i == 0 ? 16 : i == 1 ? 512 : 1);
        put16(&d, table + 16 * i + 14, i ? WRITE : 0);
    }
    packed_desc(&d, 0, 0, table, 48, 9, INDIRECT);
    d.avail[0]++;
    kick(&d, 0);
    g_assert_cmpint(packed_used(&d, 0, 1, &used), ==, 9);
    g_assert_cmpuint(used, ==, 513);
    g_assert_cmphex(ram(&d, DATA)[0], ==, 6);
    /* A chain without an end breaks the device. */
    for (unsigned i = 0; i < d.num; i++) {
        packed_desc(&d, 0, i, DATA, 16, 0, NEXT | WRITE);
    }
    kick(&d, 0);
    g_assert_cmphex(vreg(&d, 0x70) & NEEDS_RESET, ==, NEEDS_RESET);
    driver_close(&d);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        Breaker *fn;
    } breakers[] = {
        {"loop", break_loop},
        {"next", break_next},
        {"head", break_head},
        {"avail-index", break_avail},
        {"address", break_address},
        {"end-of-ram", break_end_of_ram},
        {"wrap", break_wrap},
        {"order", break_order},
        {"short-header", break_short_header},
        {"no-status", break_no_status},
        {"indirect-next", break_indirect_next},
        {"indirect-length", break_indirect_length},
        {"indirect-empty", break_indirect_empty},
        {"indirect-address", break_indirect_address},
        {"indirect-nested", break_indirect_nested},
        {"indirect-loop", break_indirect_loop},
        {"huge", break_huge},
    };

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio/mmio/empty-slot", test_empty_slot);
    g_test_add_func("/virtio/mmio/negotiation", test_negotiation);
    g_test_add_func("/virtio/mmio/legacy-features", test_legacy_features);
    g_test_add_func("/virtio/mmio/bus", test_bus);
    g_test_add_func("/virtio/bad-properties", test_bad_properties);
    g_test_add_data_func("/virtio/blk/requests", NULL, test_blk_requests);
    g_test_add_data_func("/virtio/blk/requests-legacy", "", test_blk_requests);
    g_test_add_func("/virtio/blk/zeroes", test_blk_zeroes);
    g_test_add_func("/virtio/blk/read-only", test_blk_read_only);
    g_test_add_func("/virtio/blk/cache-mode", test_blk_cache_mode);
    g_test_add_func("/virtio/blk/config", test_blk_config);
    g_test_add_func("/virtio/blk/framing", test_blk_framing);
    g_test_add_func("/virtio/blk/async", test_blk_async);
    g_test_add_func("/virtio/blk/snapshot", test_blk_snapshot);
    g_test_add_func("/virtio/blk/host-error", test_blk_host_error);
    g_test_add_func("/virtio/blk/stop", test_blk_stop);
    g_test_add_func("/virtio/ring/event-index", test_event_index);
    g_test_add_func("/virtio/ring/wrap", test_index_wrap);
    g_test_add_func("/virtio/ring/reset", test_ring_reset);
    g_test_add_func("/virtio/ring/bad-rings", test_bad_rings);
    for (unsigned i = 0; i < G_N_ELEMENTS(breakers); i++) {
        g_autofree char *path = g_strconcat("/virtio/ring/broken/", breakers[i].name, NULL);

        g_test_add_data_func(path, &breakers[i].fn, test_broken);
    }
    g_test_add_func("/virtio/rng/bytes", test_rng);
    g_test_add_func("/virtio/rng/limit", test_rng_limit);
    g_test_add_func("/virtio/console", test_console);
    g_test_add_data_func("/virtio/packed/mmio", NULL, test_packed);
    g_test_add_data_func("/virtio/packed/pci", "", test_packed);
    g_test_add_func("/virtio/packed/size", test_packed_size);
    g_test_add_func("/virtio/packed/events", test_packed_events);
    g_test_add_func("/virtio/packed/indirect", test_packed_indirect);
    return g_test_run();
}

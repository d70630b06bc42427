/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * SCSI through virtio-scsi: addresses, unit attention, INQUIRY and its pages, mode pages, reads and
 * writes of all kinds and their errors, UNMAP, WRITE SAME, VERIFY, CD commands, task management,
 * events, hot-plug, held requests.
 */
#include "tests/unit/scsi-driver.h"

#include "hw/scsi.h"

#include <signal.h>
#include <sys/resource.h>

#define SIZE   0x40000
#define BLOCKS (SIZE / 512)
#define NAME   "scsi0"

static uint8_t *data(Scsi *s)
{
    return ram(&s->d, SCSI_DATA);
}

static void open_adapter(Scsi *s, bool async, const char *drive)
{
    memset(s, 0, sizeof(*s));
    driver_open(&s->d, false, async);
    driver_add_drive(&s->d, SIZE, drive);
    driver_plug_ok(&s->d, "virtio-scsi-device,id=" NAME);
}

/* With a disk, and its first unit attention taken away. */
static void open_disk(Scsi *s, bool async, const char *drive, const char *disk)
{
    open_adapter(s, async, drive);
    scsi_plug_ok(s, disk ? disk : "scsi-hd,drive=d0,serial=abc");
    driver_start(&s->d, 0xffff, 3);
    g_assert_cmpuint(SCSI(s, 0, 0, 0, 0), ==, 2);
    g_assert_cmphex(s->sense, ==, 0x062900);
}

#define FAILS(s, code)                                                                             \
    do {                                                                                           \
        g_assert_cmpuint((s)->status, ==, SCSI_CHECK_CONDITION);                                   \
        g_assert_cmphex((s)->sense, ==, code);                                                     \
    } while (0)

static void test_addresses(void)
{
    Scsi s;

    open_adapter(&s, false, NULL);
    scsi_plug_ok(&s, "scsi-hd,drive=d0,scsi-id=3,lun=2");
    scsi_plug_ok(&s, "scsi-cd,scsi-id=3,lun=300");
    driver_start(&s.d, 0xffff, 3);
    /* A target that is not there. */
    SCSI(&s, 1, 0, 36, 0x12, 0, 0, 0, 36, 0);
    g_assert_cmpuint(s.response, ==, 3);
    /* A unit that is not there, on a target that is. */
    g_assert_cmpuint(SCSI(&s, 3, 0, 36, 0x12, 0, 0, 0, 36, 0), ==, 0);
    g_assert_cmphex(data(&s)[0], ==, 0x7f);
    SCSI(&s, 3, 0, 0, 0);
    FAILS(&s, SENSE_NO_SUCH_LUN);
    g_assert_cmpuint(SCSI(&s, 3, 0, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64), ==, 0);
    g_assert_cmphex(scsi_get32(data(&s)), ==, 16);
    g_assert_cmphex(scsi_get16(data(&s) + 8), ==, 2);
    g_assert_cmphex(scsi_get16(data(&s) + 16), ==, 0x4000 | 300);
    g_assert_cmpuint(s.residual, ==, 64 - 24);
    g_assert_cmpuint(s.used, ==, 108 + 24);
    g_assert_cmpuint(scsi_lun_do(&s, 3, 300, (uint8_t[]){0x12, 0, 0, 0, 36, 0}, 6, 0, 36), ==, 0);
    g_assert_cmphex(data(&s)[0], ==, 5);
    /* Places that are taken or cannot be. */
    GError *err = NULL;
    g_assert_null(scsi_plug(&s, "scsi-cd,scsi-id=3,lun=300", &err));
    g_assert_cmpstr(err->message, ==, "lun already used by another device");
    g_clear_error(&err);
    g_assert_null(scsi_plug(&s, "scsi-cd,scsi-id=256", &err));
    g_assert_cmpstr(err->message, ==, "bad scsi device id: 256");
    g_clear_error(&err);
    g_assert_null(scsi_plug(&s, "scsi-hd", &err));
    g_assert_cmpstr(err->message, ==, "drive property not set");
    g_clear_error(&err);
    test_snapshot(s.d.dev);
    driver_close(&s.d);
}

static void test_inquiry(void)
{
    Scsi s;

    open_disk(&s, false, ",discard=unmap", "scsi-hd,drive=d0,serial=abc,wwn=0x5000c50015ea71aa");
    g_assert_cmpuint(SCSI(&s, 0, 0, 36, 0x12, 0, 0, 0, 36, 0), ==, 0);
    g_assert_cmpmem(data(&s) + 8, 24, "QEMU    QEMU HARDDISK   ", 24);
    g_assert_cmphex(data(&s)[2], ==, 5);
    /* Less room than there is to say. */
    data(&s)[5] = 0x99;
    g_assert_cmpuint(SCSI(&s, 0, 0, 36, 0x12, 0, 0, 0, 5, 0), ==, 0);
    g_assert_cmphex(data(&s)[5], ==, 0x99);
    g_assert_cmpuint(s.residual, ==, 31);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x12, 1, 0, 0, 64, 0), ==, 0);
    g_assert_cmpmem(data(&s), 10, "\x00\x00\x00\x06\x00\x80\x83\xb0\xb1\xb2", 10);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x12, 1, 0x80, 0, 64, 0), ==, 0);
    g_assert_cmpmem(data(&s) + 3, 4,
                    "\x03"
                    "abc",
                    4);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x12, 1, 0x83, 0, 64, 0), ==, 0);
    g_assert_cmpmem(data(&s) + 4, 7,
                    "\x02\x00\x00\x03"
                    "abc",
                    7);
    g_assert_cmphex(scsi_get64(data(&s) + 15), ==, 0x5000c50015ea71aa);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x12, 1, 0xb0, 0, 64, 0), ==, 0);
    g_assert_cmphex(scsi_get32(data(&s) + 20), ==, 1 << 21);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x12, 1, 0xb2, 0, 64, 0), ==, 0);
    g_assert_cmphex(data(&s)[5], ==, 0xe0);
    SCSI(&s, 0, 0, 64, 0x12, 1, 0x77, 0, 64, 0);
    FAILS(&s, SENSE_INVALID_FIELD);
    SCSI(&s, 0, 0, 64, 0x12, 0, 0x80, 0, 64, 0);
    FAILS(&s, SENSE_INVALID_FIELD);
    SCSI(&s, 0, 0, 0, 0xff);
    FAILS(&s, SENSE_INVALID_OPCODE);
    /* Capacity. */
    g_assert_cmpuint(SCSI(&s, 0, 0, 8, 0x25), ==, 0);
    g_assert_cmphex(scsi_get32(data(&s)), ==, BLOCKS - 1);
    g_assert_cmpuint(SCSI(&s, 0, 0, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32), ==, 0);
    g_assert_cmphex(scsi_get64(data(&s)), ==, BLOCKS - 1);
    g_assert_cmphex(data(&s)[14], ==, 0x80);
    /* Nothing to say. */
    g_assert_cmpuint(SCSI(&s, 0, 0, 18, 3, 0, 0, 0, 18, 0), ==, 0);
    g_assert_cmphex(data(&s)[2], ==, 0);
    driver_close(&s.d);
}

static void test_mode(void)
{
    Scsi s;

    open_disk(&s, false, NULL, NULL);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x1a, 0, 8, 0, 64, 0), ==, 0);
    g_assert_cmphex(data(&s)[0], ==, 4 + 8 + 20 - 1);
    g_assert_cmphex(data(&s)[2], ==, 0x10);
    g_assert_cmphex(data(&s)[3], ==, 8);
    g_assert_cmphex(data(&s)[12 + 2], ==, 4);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x5a, 8, 0x48, 0, 0, 0, 0, 0, 64, 0), ==, 0);
    g_assert_cmphex(scsi_get16(data(&s)), ==, 8 + 20 - 2);
    g_assert_cmphex(data(&s)[8 + 2], ==, 4);
    SCSI(&s, 0, 0, 64, 0x1a, 0, 0x77 & 0x3f, 0, 64, 0);
    FAILS(&s, SENSE_INVALID_FIELD);
    SCSI(&s, 0, 0, 64, 0x1a, 0, 0xc8, 0, 64, 0);
    FAILS(&s, SENSE_SAVING_UNSUPPORTED);
    /* Switch the cache off, which is a bit that may be changed; another one is not. */
    memset(data(&s), 0, 64);
    data(&s)[4] = 8;
    data(&s)[5] = 18;
    g_assert_cmpuint(SCSI(&s, 0, 24, 0, 0x15, 0x10, 0, 0, 24, 0), ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x1a, 8, 8, 0, 64, 0), ==, 0);
    g_assert_cmphex(data(&s)[4 + 2], ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 512, 0, 0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0), ==, 0);
    memset(data(&s), 0, 64);
    data(&s)[4] = 8;
    data(&s)[5] = 18;
    data(&s)[6] = 1;
    SCSI(&s, 0, 24, 0, 0x15, 0x10, 0, 0, 24, 0);
    FAILS(&s, SENSE_INVALID_PARAMETER);
    SCSI(&s, 0, 24, 0, 0x15, 0x10, 0, 0, 30, 0);
    FAILS(&s, SENSE_PARAMETER_LENGTH);
    test_snapshot(s.d.dev);
    driver_close(&s.d);
}

static void test_data(gconstpointer async)
{
    Scsi s;

    open_disk(&s, GPOINTER_TO_INT(async), ",discard=unmap", NULL);
    /* Read (6), (10), (12), (16): sector n is filled with n + 1. */
    g_assert_cmpuint(SCSI(&s, 0, 0, 1024, 8, 0, 0, 5, 2, 0), ==, 0);
    g_assert_cmphex(data(&s)[0], ==, 6);
    g_assert_cmphex(data(&s)[1023], ==, 7);
    g_assert_cmpuint(SCSI(&s, 0, 0, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0), ==, 0);
    g_assert_cmphex(data(&s)[0], ==, 10);
    g_assert_cmpuint(s.used, ==, 108 + 512);
    g_assert_cmpuint(SCSI(&s, 0, 0, 512, 0xa8, 0, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0), ==, 0);
    g_assert_cmphex(data(&s)[0], ==, 11);
    g_assert_cmpuint(SCSI(&s, 0, 0, 512, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 1, 0, 0), ==,
                     0);
    g_assert_cmphex(data(&s)[0], ==, 12);
    /* Less room than data; beyond the end; no blocks. */
    SCSI(&s, 0, 0, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0);
    g_assert_cmpuint(s.response, ==, 1);
    SCSI(&s, 0, 0, 512, 0x28, 0, 0, 0, 2, 0, 0, 0, 1, 0);
    FAILS(&s, SENSE_LBA_RANGE);
    SCSI(&s, 0, 0, 512, 0x88, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 1, 0, 0);
    FAILS(&s, SENSE_LBA_RANGE);
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0x28, 0, 0, 0, 2, 0, 0, 0, 0, 0), ==, 0);
    SCSI(&s, 0, 0, 512, 0x28, 0x20, 0, 0, 0, 9, 0, 0, 1, 0);
    FAILS(&s, SENSE_INVALID_FIELD);
    /* Write with FUA, write and verify, verify. */
    memset(data(&s), 0x5a, 1024);
    g_assert_cmpuint(SCSI(&s, 0, 512, 0, 0x2a, 8, 0, 0, 0, 20, 0, 0, 1, 0), ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 512, 0, 0x2e, 2, 0, 0, 0, 21, 0, 0, 1, 0), ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 1024, 0, 0x2f, 2, 0, 0, 0, 20, 0, 0, 2, 0), ==, 0);
    data(&s)[700] = 1;
    SCSI(&s, 0, 1024, 0, 0x2f, 2, 0, 0, 0, 20, 0, 0, 2, 0);
    FAILS(&s, SENSE_MISCOMPARE);
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0x2f, 0, 0, 0, 0, 20, 0, 0, 2, 0), ==, 0);
    /* Write same: a pattern, then zeroes without data, with UNMAP. */
    memset(data(&s), 0x21, 512);
    g_assert_cmpuint(SCSI(&s, 0, 512, 0, 0x41, 0, 0, 0, 0, 30, 0, 0, 5, 0), ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 0, 3072, 0x28, 0, 0, 0, 0, 30, 0, 0, 6, 0), ==, 0);
    g_assert_cmphex(data(&s)[2559], ==, 0x21);
    g_assert_cmphex(data(&s)[2560], ==, 36);
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0x93, 9, 0, 0, 0, 0, 0, 0, 0, 31, 0, 0, 0, 2, 0, 0), ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 0, 2048, 0x28, 0, 0, 0, 0, 30, 0, 0, 4, 0), ==, 0);
    g_assert_cmphex(data(&s)[511], ==, 0x21);
    g_assert_cmphex(data(&s)[512], ==, 0);
    g_assert_cmphex(data(&s)[1536], ==, 0x21);
    SCSI(&s, 0, 512, 0, 0x41, 0, 0, 0, 0, 30, 0, 0, 0, 0);
    FAILS(&s, SENSE_INVALID_FIELD);
    /* UNMAP of two ranges; then with one beyond the end, and a list that is cut off. */
    memset(data(&s), 0, 40);
    scsi_put16(data(&s), 38);
    scsi_put16(data(&s) + 2, 32);
    scsi_put64(data(&s) + 8, 64);
    scsi_put32(data(&s) + 16, 8);
    scsi_put64(data(&s) + 24, BLOCKS - 8);
    scsi_put32(data(&s) + 32, 8);
    g_assert_cmpuint(SCSI(&s, 0, 40, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0), ==, 0);
    scsi_put32(data(&s) + 32, 9);
    SCSI(&s, 0, 40, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0);
    FAILS(&s, SENSE_LBA_RANGE);
    SCSI(&s, 0, 40, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
    FAILS(&s, SENSE_PARAMETER_LENGTH);
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0), ==, 0);
    /* Stopped, and started. */
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0x1b, 0, 0, 0, 0, 0), ==, 0);
    SCSI(&s, 0, 0, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0);
    FAILS(&s, SENSE_NOT_READY_STOPPED);
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0x1b, 0, 0, 0, 1, 0), ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0), ==, 0);
    driver_close(&s.d);
}

static void test_read_only(void)
{
    Scsi s;

    open_disk(&s, false, ",readonly=on", NULL);
    SCSI(&s, 0, 512, 0, 0x2a, 0, 0, 0, 0, 20, 0, 0, 1, 0);
    FAILS(&s, SENSE_WRITE_PROTECTED);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x1a, 0, 8, 0, 64, 0), ==, 0);
    g_assert_cmphex(data(&s)[2], ==, 0x90);
    driver_close(&s.d);
}

static void test_cd(void)
{
    Scsi s;

    open_disk(&s, false, ",readonly=on", "scsi-cd,drive=d0");
    g_assert_cmpuint(SCSI(&s, 0, 0, 8, 0x25), ==, 0);
    g_assert_cmphex(scsi_get32(data(&s)), ==, SIZE / 2048 - 1);
    g_assert_cmphex(scsi_get32(data(&s) + 4), ==, 2048);
    g_assert_cmpuint(SCSI(&s, 0, 0, 2048, 0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0), ==, 0);
    g_assert_cmphex(data(&s)[0], ==, 5);
    g_assert_cmpuint(SCSI(&s, 0, 0, 2048, 0xbe, 0, 0, 0, 0, 2, 0, 0, 1, 0x10, 0, 0), ==, 0);
    g_assert_cmphex(data(&s)[0], ==, 9);
    SCSI(&s, 0, 2048, 0, 0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0);
    FAILS(&s, SENSE_WRITE_PROTECTED);
    /* Contents: track 1 and lead-out; in minutes, too. */
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x43, 0, 0, 0, 0, 0, 0, 0, 64, 0), ==, 0);
    g_assert_cmphex(scsi_get16(data(&s)), ==, 18);
    g_assert_cmphex(data(&s)[14], ==, 0xaa);
    g_assert_cmphex(scsi_get32(data(&s) + 16), ==, SIZE / 2048);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x43, 2, 0, 0, 0, 0, 0xaa, 0, 64, 0), ==, 0);
    g_assert_cmphex(scsi_get32(data(&s) + 8), ==, 0x00000000 | 3 << 8 | (150 + 128) % 75);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x46, 0, 0, 0, 0, 0, 0, 0, 64, 0), ==, 0);
    g_assert_cmphex(scsi_get16(data(&s) + 6), ==, 8);
    g_assert_cmpuint(SCSI(&s, 0, 0, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), ==, 0);
    g_assert_cmphex(data(&s)[5], ==, 2);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x51, 0, 0, 0, 0, 0, 0, 0, 64, 0), ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 0, 64, 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64, 0), ==, 0);
    g_assert_cmphex(data(&s)[8], ==, 0x2a);
    /* The tray: locked, then opened and closed. */
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0x1e, 0, 0, 0, 1, 0), ==, 0);
    SCSI(&s, 0, 0, 0, 0x1b, 0, 0, 0, 2, 0);
    FAILS(&s, SENSE_REMOVAL_PREVENTED);
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0x1e, 0, 0, 0, 0, 0), ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0x1b, 0, 0, 0, 2, 0), ==, 0);
    SCSI(&s, 0, 0, 0, 0);
    FAILS(&s, SENSE_NOT_READY_TRAY_OPEN);
    g_assert_cmpuint(SCSI(&s, 0, 0, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), ==, 0);
    g_assert_cmphex(data(&s)[4] | data(&s)[5] << 8, ==, 0x103);
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0x1b, 0, 0, 0, 3, 0), ==, 0);
    SCSI(&s, 0, 0, 0, 0);
    FAILS(&s, 0x062800);
    g_assert_cmpuint(SCSI(&s, 0, 0, 0, 0), ==, 0);
    driver_close(&s.d);
}

static void test_no_medium(void)
{
    Scsi s;

    open_adapter(&s, false, NULL);
    scsi_plug_ok(&s, "scsi-cd");
    driver_start(&s.d, 0xffff, 3);
    SCSI(&s, 0, 0, 0, 0);
    for (unsigned op = 0; op < 256; op++) {
        /* No command may need a medium without asking for it. */
        SCSI(&s, 0, 512, 512, op, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
    }
    SCSI(&s, 0, 0, 0, 0);
    SCSI(&s, 0, 0, 0, 0);
    g_assert_cmphex(s.sense & 0xffff00, ==, 0x023a00);
    driver_close(&s.d);
}

/* ---- task management, events ---- */

static uint8_t control(Scsi *s, uint32_t type, uint32_t function, uint8_t target, uint16_t lun,
                       uint64_t tag)
{
    Driver *d = &s->d;
    hwaddr at = 0xb0000;
    uint32_t used;

    put32(d, at, type);
    put32(d, at + 4, function);
    lun_put(s, at + 8, target, lun);
    put64(d, at + 16, tag);
    desc_set(d, QUEUE_AT(0), 0, at, 24, NEXT, 1);
    desc_set(d, QUEUE_AT(0), 1, at + 64, 8, WRITE, 0);
    make_available(d, 0, 0);
    kick(d, 0);
    g_assert_cmpint(used_next(d, 0, &used), ==, 0);
    return *ram(d, at + 64);
}

static void test_tmf(void)
{
    Scsi s;

    open_disk(&s, true, NULL, NULL);
    g_assert_cmpuint(control(&s, 0, 5, 9, 0, 0), ==, 3);
    g_assert_cmpuint(control(&s, 0, 5, 0, 7, 0), ==, 12);
    g_assert_cmpuint(control(&s, 0, 2, 0, 0, 0), ==, 11);
    g_assert_cmpuint(control(&s, 0, 6, 0, 0, 1), ==, 0);
    g_assert_cmpuint(control(&s, 0, 0, 0, 0, 1), ==, 10);
    for (unsigned i = 0; i < 100; i++) {
        /* The answer comes after the request has ended, whatever the order of things. */
        scsi_queue(&s, 0, 0, (uint8_t[]){0x2a, 8, 0, 0, 0, 1, 0, 0, 1, 0}, 10, 512, 0, 77);
        g_assert_cmpuint(control(&s, 0, i % 2 ? 0 : 1, 0, 0, 77), ==, 10);
        g_assert_cmpuint(used_idx(&s.d, 2), !=, s.d.seen[2]);
        scsi_finish(&s);
        g_assert_true(s.response == 2 || (s.response == 0 && s.status == 0));
    }
    /* Reset of the unit: said with the next command. */
    g_assert_cmpuint(control(&s, 0, 5, 0, 0, 0), ==, 10);
    SCSI(&s, 0, 0, 0, 0);
    FAILS(&s, 0x062903);
    g_assert_cmpuint(control(&s, 0, 4, 0, 0, 0), ==, 10);
    SCSI(&s, 0, 0, 0, 0);
    FAILS(&s, 0x062903);
    driver_close(&s.d);
}

static void event_buffer(Scsi *s)
{
    desc_set(&s->d, QUEUE_AT(1), 0, 0xb1000, 16, WRITE, 0);
    make_available(&s->d, 1, 0);
    kick(&s->d, 1);
}

static void test_hotplug(void)
{
    Scsi s;
    GError *err = NULL;
    uint32_t used;

    open_adapter(&s, true, NULL);
    driver_start(&s.d, 0xffff, 3);
    event_buffer(&s);
    g_autoptr(OptDict) o = opt_parse("scsi-hd,drive=d0,id=h0,scsi-id=4,lun=1", "driver", NULL);
    g_assert_nonnull(device_add(s.d.t.m, o, &err));
    g_assert_no_error(err);
    g_assert_cmpint(used_next(&s.d, 1, &used), ==, 0);
    const uint8_t *e = ram(&s.d, 0xb1000);
    g_assert_cmpmem(e, 16, "\1\0\0\0\1\4\x40\1\0\0\0\0\1\0\0\0", 16);
    g_assert_cmpuint(scsi_lun_do(&s, 4, 1, (uint8_t[]){0x12, 0, 0, 0, 36, 0}, 6, 0, 36), ==, 0);
    /* No buffer for the event of the removal: it is made up for later. */
    g_assert_true(device_del(s.d.t.m, "h0", &err));
    SCSI(&s, 4, 0, 0, 0);
    g_assert_cmpuint(s.response, ==, 3);
    event_buffer(&s);
    g_assert_cmpint(used_next(&s.d, 1, &used), ==, 0);
    g_assert_cmphex(memory_ld32_le(s.d.t.m->as, 0xb1000, NULL), ==, 0x80000000);
    driver_close(&s.d);
}

/* ---- errors of the host, resets ---- */

static void iterate(Scsi *s)
{
    for (unsigned i = 0; i < 10; i++) {
        mainloop_iterate(s->d.t.m->loop, false);
    }
}

static void test_held(void)
{
    struct rlimit old, low = {4096, RLIM_INFINITY};
    const uint8_t write[] = {0x2a, 0, 0, 0, 0, 100, 0, 0, 1, 0};
    Scsi s;

    open_disk(&s, false, NULL, "scsi-hd,drive=d0,werror=stop");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    setrlimit(RLIMIT_FSIZE, &low);
    memset(data(&s), 0x33, 512);
    scsi_queue(&s, 0, 0, write, 10, 512, 0, 1);
    setrlimit(RLIMIT_FSIZE, &old);
    g_assert_cmpuint(used_idx(&s.d, 2), ==, s.d.seen[2]);
    iterate(&s);
    g_assert_cmpint(machine_phase(s.d.t.m), ==, RUN_IO_ERROR);
    test_snapshot(s.d.dev);
    machine_request_cont(s.d.t.m);
    iterate(&s);
    /* The snapshot reset the unit. */
    scsi_finish(&s);
    FAILS(&s, 0x062900);
    g_assert_cmpuint(scsi_lun_do(&s, 0, 0, write, 10, 512, 0), ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 0, 512, 0x28, 0, 0, 0, 0, 100, 0, 0, 1, 0), ==, 0);
    g_assert_cmphex(data(&s)[0], ==, 0x33);
    driver_close(&s.d);

    open_disk(&s, false, NULL, "scsi-hd,drive=d0,werror=report");
    setrlimit(RLIMIT_FSIZE, &low);
    scsi_lun_do(&s, 0, 0, write, 10, 512, 0);
    setrlimit(RLIMIT_FSIZE, &old);
    FAILS(&s, SENSE_WRITE_ERROR);
    driver_close(&s.d);
}

static void test_reset(void)
{
    Scsi s;

    open_disk(&s, true, NULL, NULL);
    for (unsigned i = 0; i < 50; i++) {
        scsi_queue(&s, 0, 0, (uint8_t[]){0x2a, 8, 0, 0, 0, 1, 0, 0, 1, 0}, 10, 512, 0, i);
        if (i % 2) {
            device_reset(s.d.dev);
        }
        driver_start(&s.d, 0xffff, 3);
    }
    SCSI(&s, 0, 0, 0, 0);
    FAILS(&s, 0x062900);
    driver_close(&s.d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scsi/addresses", test_addresses);
    g_test_add_func("/scsi/inquiry", test_inquiry);
    g_test_add_func("/scsi/mode", test_mode);
    g_test_add_data_func("/scsi/data", GINT_TO_POINTER(false), test_data);
    g_test_add_data_func("/scsi/data-async", GINT_TO_POINTER(true), test_data);
    g_test_add_func("/scsi/read-only", test_read_only);
    g_test_add_func("/scsi/cd", test_cd);
    g_test_add_func("/scsi/no-medium", test_no_medium);
    g_test_add_func("/scsi/tmf", test_tmf);
    g_test_add_func("/scsi/hotplug", test_hotplug);
    g_test_add_func("/scsi/held", test_held);
    g_test_add_func("/scsi/reset", test_reset);
    return g_test_run();
}

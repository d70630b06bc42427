/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A virtio-scsi driver for tests: one request at a time on the first request queue, with the data
 * in one piece. Uses virtio-driver.h.
 */
#ifndef TESTS_UNIT_SCSI_DRIVER_H
#define TESTS_UNIT_SCSI_DRIVER_H

#include "tests/unit/virtio-driver.h"

#define SCSI_REQ  0x80000
#define SCSI_RESP 0x80100
#define SCSI_DATA 0x81000

typedef struct Scsi {
    Driver d; /* first */
    uint8_t response, status;
    uint32_t residual, used, sense; /* key << 16 | code << 8 | qualifier */
} Scsi;

static inline Device *scsi_plug(Scsi *s, const char *text, GError **err)
{
    g_autoptr(OptDict) o = opt_parse(text, "driver", NULL);

    return device_create_from_opts(s->d.t.m, o, err);
}

static inline Device *scsi_plug_ok(Scsi *s, const char *text)
{
    GError *err = NULL;
    Device *d = scsi_plug(s, text, &err);

    g_assert_no_error(err);
    return d;
}

static inline void lun_put(Scsi *s, hwaddr at, uint8_t target, uint16_t lun)
{
    uint8_t *p = ram(&s->d, at);

    memset(p, 0, 8);
    p[0] = 1;
    p[1] = target;
    p[2] = 0x40 | lun >> 8;
    p[3] = lun;
}

/* Make a command available, without waiting. out and in: bytes of data at SCSI_DATA. */
static inline void scsi_queue(Scsi *s, uint8_t target, uint16_t lun, const uint8_t *cdb, size_t n,
                              uint32_t out, uint32_t in, uint64_t tag)
{
    Driver *d = &s->d;
    unsigned desc = 0;

    memset(ram(d, SCSI_REQ), 0, 64);
    memset(ram(d, SCSI_RESP), 0xee, 108);
    lun_put(s, SCSI_REQ, target, lun);
    put64(d, SCSI_REQ + 8, tag);
    memcpy(ram(d, SCSI_REQ + 19), cdb, n);
    desc_set(d, QUEUE_AT(2), desc, SCSI_REQ, 51, NEXT, desc + 1);
    desc++;
    if (out) {
        desc_set(d, QUEUE_AT(2), desc, SCSI_DATA, out, NEXT, desc + 1);
        desc++;
    }
    desc_set(d, QUEUE_AT(2), desc, SCSI_RESP, 108, WRITE | (in ? NEXT : 0), desc + 1);
    desc++;
    if (in) {
        desc_set(d, QUEUE_AT(2), desc, SCSI_DATA, in, WRITE, 0);
    }
    make_available(d, 2, 0);
    kick(d, 2);
}

static inline uint8_t scsi_finish(Scsi *s)
{
    const uint8_t *r = ram(&s->d, SCSI_RESP);

    g_assert_cmpint(used_next(&s->d, 2, &s->used), ==, 0);
    s->residual = r[4] | r[5] << 8 | r[6] << 16 | (uint32_t)r[7] << 24;
    s->status = r[10];
    s->response = r[11];
    s->sense = r[0] ? (uint32_t)(r[12 + 2] & 15) << 16 | r[12 + 12] << 8 | r[12 + 13] : 0;
    return s->status;
}

/* One command from start to end: its status. */
static inline uint8_t scsi_lun_do(Scsi *s, uint8_t target, uint16_t lun, const uint8_t *cdb,
                                  size_t n, uint32_t out, uint32_t in)
{
    scsi_queue(s, target, lun, cdb, n, out, in, 1);
    return scsi_finish(s);
}

#define SCSI(s, target, out, in, ...)                                                              \
    scsi_lun_do(s, target, 0, (const uint8_t[]){__VA_ARGS__},                                      \
                sizeof((const uint8_t[]){__VA_ARGS__}), out, in)

#endif

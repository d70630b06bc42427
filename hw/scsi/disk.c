/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * SCSI disks (scsi-hd) and what CD drives (scsi-cd) have in common with them.
 *
 * Specification: SPC-3 (INQUIRY 6.4, 7.6; MODE SENSE 6.9, 7.4), SBC-3 (reads, writes, UNMAP 5.28,
 * WRITE SAME 5.42, VPD pages 6.5), MMC-5 through cd.c.
 *
 * A command that moves data is one request of the block layer, or several, one after the other
 * (UNMAP, writes that must be stable, compares); request_next() says what comes next. Data goes
 * straight to and from the adapter's memory.
 *
 * Lock: the adapter's. Test: tests/unit/test-scsi.c, tests/fuzz/storage.c
 */
#include "hw/scsi/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "io/node.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

enum {
    TEST_UNIT_READY = 0x00,
    READ_6 = 0x08,
    WRITE_6 = 0x0a,
    INQUIRY = 0x12,
    MODE_SELECT_6 = 0x15,
    RESERVE_6 = 0x16,
    RELEASE_6 = 0x17,
    MODE_SENSE_6 = 0x1a,
    START_STOP = 0x1b,
    SEND_DIAGNOSTIC = 0x1d,
    PREVENT_ALLOW = 0x1e,
    READ_CAPACITY_10 = 0x25,
    READ_10 = 0x28,
    WRITE_10 = 0x2a,
    SEEK_10 = 0x2b,
    WRITE_VERIFY_10 = 0x2e,
    VERIFY_10 = 0x2f,
    SYNCHRONIZE_10 = 0x35,
    WRITE_SAME_10 = 0x41,
    UNMAP = 0x42,
    MODE_SELECT_10 = 0x55,
    MODE_SENSE_10 = 0x5a,
    READ_16 = 0x88,
    WRITE_16 = 0x8a,
    WRITE_VERIFY_16 = 0x8e,
    VERIFY_16 = 0x8f,
    SYNCHRONIZE_16 = 0x91,
    WRITE_SAME_16 = 0x93,
    SERVICE_IN_16 = 0x9e,
    READ_12 = 0xa8,
    WRITE_12 = 0xaa,
    WRITE_VERIFY_12 = 0xae,
    VERIFY_12 = 0xaf,
};

#define SERVICE_READ_CAPACITY 0x10
#define UNMAP_RANGES          255
#define UNMAP_RANGE_SIZE      16
#define CHUNK                 0x100000
#define REPLY_MAX             512

enum {
    PAGE_RECOVERY = 0x01,
    PAGE_RIGID = 0x04,
    PAGE_CACHE = 0x08,
    PAGE_CD = 0x2a,
    PAGE_ALL = 0x3f
};

// clang-format off
#define DISK_PROPS                                                                                 \
    BLOCK_PROPS(conf),                                                                             \
    BOOT_PROP(conf.bootindex, NULL),                                                               \
    BLOCK_ERROR_PROPS(conf),                                                                       \
    SCSI_PROPS,                                                                                    \
    PROP("serial", STRING, serial, NULL, PUBLIC, "unit serial number"),                            \
    PROP("vendor", STRING, vendor, NULL, PUBLIC, "up to 8 bytes"),                                 \
    PROP("product", STRING, product, NULL, PUBLIC, "up to 16 bytes"),                              \
    PROP("ver", STRING, ver, NULL, PUBLIC, "revision, up to 4 bytes"),                             \
    PROP("device_id", STRING, device_id, NULL, PUBLIC, "identification; serial or drive if not given"), \
    PROP("wwn", U64, wwn, "0", PUBLIC, "world-wide name; 0: none"),                                \
    PROP("port_wwn", U64, port_wwn, "0", PUBLIC, "of the target port; 0: none"),                   \
    PROP("port_index", U16, port_index, "0", PUBLIC, "of the target port; 0: none"),               \
    PROP("scsi_version", I32, scsi_version, "5", PUBLIC, "5: SPC-3"),                              \
    PROP("max_io_size", U64, max_io_size, "2147483647", PUBLIC, "bytes of one transfer")

PROPS(scsi_hd, ScsiDisk,
    DISK_PROPS,
    PROP("removable", BOOL, removable, "off", PUBLIC, "on/off"),
    PROP("dpofua", BOOL, dpofua, "on", PUBLIC, "on/off"),
    PROP("rotation_rate", U16, rotation_rate, "0", PUBLIC, "per minute; 1: no moving parts"),
    PROP("max_unmap_size", U64, max_unmap_size, "1073741824", PUBLIC, "bytes of one UNMAP"),
    PROP("cyls", U32, cyls, "0", PUBLIC, "geometry: cylinders"),
    PROP("heads", U32, heads, "0", PUBLIC, "geometry: heads"),
    PROP("secs", U32, secs, "0", PUBLIC, "geometry: sectors per track"))

PROPS(scsi_cd, ScsiDisk, DISK_PROPS)
// clang-format on

/* ---- INQUIRY ---- */

static void put_text(uint8_t *at, unsigned len, const char *text)
{
    memset(at, ' ', len);
    memcpy(at, text, MIN(strlen(text), len));
}

static const char *identification(const ScsiDisk *s)
{
    return s->device_id ? s->device_id : s->serial ? s->serial : s->conf.drive ? s->conf.drive : "";
}

static unsigned vpd_identification(const ScsiDisk *s, uint8_t *d)
{
    const char *id = identification(s);
    unsigned n = 4, len = MIN(strlen(id), 255 - 8);

    /* 7.6.3: vendor specific text of the logical unit, */
    if (len) {
        d[n] = 2;
        d[n + 3] = len;
        memcpy(d + n + 4, id, len);
        n += 4 + len;
    }
    /* NAA names of the unit and of the port, the port's number. */
    if (s->wwn) {
        d[n] = 1;
        d[n + 1] = 3;
        d[n + 3] = 8;
        scsi_put64(d + n + 4, s->wwn);
        n += 12;
    }
    if (s->port_wwn) {
        d[n] = 0x61;
        d[n + 1] = 0x93;
        d[n + 3] = 8;
        scsi_put64(d + n + 4, s->port_wwn);
        n += 12;
    }
    if (s->port_index) {
        d[n] = 0x61;
        d[n + 1] = 0x94;
        d[n + 3] = 4;
        scsi_put16(d + n + 6, s->port_index);
        n += 8;
    }
    return n;
}

/* SBC-3, 6.5.3 */
static unsigned vpd_limits(const ScsiDisk *s, uint8_t *d)
{
    uint64_t block = s->conf.logical_block_size;
    uint64_t unmap = s->max_unmap_size >> s->shift;
    bool thin = block_can_discard(s->conf.backend);

    d[4] = 1; /* WRITE SAME of 0 blocks is refused */
    scsi_put16(d + 6, s->conf.min_io_size / block);
    scsi_put32(d + 8, MIN(s->max_io_size >> s->shift, UINT32_MAX));
    scsi_put32(d + 12, s->conf.opt_io_size / block);
    if (thin) {
        scsi_put32(d + 20, MIN(unmap, UINT32_MAX));
        scsi_put32(d + 24, UNMAP_RANGES);
        scsi_put32(d + 28, block_conf_discard_unit(&s->conf) / block);
    }
    scsi_put64(d + 36, MIN(unmap, UINT32_MAX)); /* of WRITE SAME */
    return 64;
}

static unsigned vpd_page(ScsiDisk *s, uint8_t page, uint8_t *d)
{
    bool cd = scsi_disk_is_cd(s);
    unsigned n = 4;

    switch (page) {
    case 0x00:
        d[n++] = 0x00;
        if (s->serial) {
            d[n++] = 0x80;
        }
        d[n++] = 0x83;
        if (!cd) {
            d[n++] = 0xb0;
            d[n++] = 0xb1;
            d[n++] = 0xb2;
        }
        return n;
    case 0x80:
        if (!s->serial) {
            return 0;
        }
        memcpy(d + 4, s->serial, MIN(strlen(s->serial), 36));
        return 4 + MIN(strlen(s->serial), 36);
    case 0x83:
        return vpd_identification(s, d);
    case 0xb0:
        return cd ? 0 : vpd_limits(s, d);
    case 0xb1:
        scsi_put16(d + 4, s->rotation_rate);
        return cd ? 0 : 64;
    case 0xb2:
        if (cd) {
            return 0;
        }
        /* Logical block provisioning: UNMAP and WRITE SAME with its bit; thin. */
        d[5] = block_can_discard(s->conf.backend) ? 0xe0 : 0;
        d[6] = block_can_discard(s->conf.backend) ? 2 : 1;
        return 8;
    default:
        return 0;
    }
}

static void inquiry(ScsiDisk *s, ScsiRequest *r)
{
    bool cd = scsi_disk_is_cd(s);
    uint8_t d[REPLY_MAX] = {cd ? 5 : 0};
    uint16_t allocation = scsi_get16(r->cdb + 3);

    if (r->cdb[1] & 1) {
        unsigned n = vpd_page(s, r->cdb[2], d);

        if (n == 0) {
            scsi_fail(r, SENSE_INVALID_FIELD);
            return;
        }
        d[1] = r->cdb[2];
        scsi_put16(d + 2, n - 4);
        scsi_reply(r, d, n, allocation);
        return;
    }
    if (r->cdb[2] != 0) {
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    d[1] = cd || s->removable ? 0x80 : 0;
    d[2] = s->scsi_version;
    d[3] = 0x12; /* hierarchical addresses, this format of data */
    d[4] = 36 - 5;
    d[7] = 2; /* command queueing */
    put_text(d + 8, 8, s->vendor ? s->vendor : "QEMU");
    put_text(d + 16, 16, s->product ? s->product : cd ? "QEMU CD-ROM" : "QEMU HARDDISK");
    put_text(d + 32, 4, s->ver ? s->ver : "2.5+");
    scsi_reply(r, d, 36, allocation);
}

/* ---- mode pages ---- */

static unsigned page_recovery(uint8_t *d, bool mask)
{
    d[0] = PAGE_RECOVERY;
    d[1] = 10;
    d[2] = mask ? 0 : 0x80; /* AWRE */
    return 12;
}

static unsigned page_rigid(const ScsiDisk *s, uint8_t *d, bool mask)
{
    uint64_t heads = s->heads ? s->heads : 16, secs = s->secs ? s->secs : 63;
    uint64_t cyls = s->cyls ? s->cyls : MIN(s->blocks / (heads * secs), 0xffffff);

    d[0] = PAGE_RIGID;
    d[1] = 22;
    if (!mask) {
        d[2] = cyls >> 16;
        scsi_put16(d + 3, cyls);
        d[5] = heads;
        scsi_put16(d + 20, 5400);
    }
    return 24;
}

static unsigned page_cache(const ScsiDisk *s, uint8_t *d, bool mask, bool def)
{
    d[0] = PAGE_CACHE;
    d[1] = 18;
    if (mask || (def ? s->conf.wce : s->write_cache)) {
        d[2] = 4; /* WCE */
    }
    return 20;
}

/* control: 0 present, 1 changeable bits, 2 defaults. */
static unsigned mode_pages(ScsiDisk *s, uint8_t page, unsigned control, uint8_t *d)
{
    bool cd = scsi_disk_is_cd(s), all = page == PAGE_ALL, mask = control == 1;
    unsigned n = 0;

    if (all || page == PAGE_RECOVERY) {
        n += page_recovery(d + n, mask);
    }
    if (!cd && (all || page == PAGE_RIGID)) {
        n += page_rigid(s, d + n, mask);
    }
    if (all || page == PAGE_CACHE) {
        n += page_cache(s, d + n, mask, control == 2);
    }
    if (cd && (all || page == PAGE_CD)) {
        n += scsi_cd_mode_page(s, d + n);
    }
    return n;
}

static void mode_sense(ScsiDisk *s, ScsiRequest *r)
{
    bool ten = r->cdb[0] == MODE_SENSE_10, no_block = r->cdb[1] & 8 || scsi_disk_is_cd(s);
    unsigned header = ten ? 8 : 4, n, control = r->cdb[2] >> 6;
    uint32_t allocation = ten ? scsi_get16(r->cdb + 7) : r->cdb[4];
    uint8_t d[REPLY_MAX] = {0}, *at = d + header;

    if (control == 3) {
        scsi_fail(r, SENSE_SAVING_UNSUPPORTED);
        return;
    }
    if (!no_block && s->conf.backend) {
        scsi_put32(at, MIN(s->blocks, 0xffffff)); /* the density code is 0 */
        scsi_put32(at + 4, s->conf.logical_block_size);
        at += 8;
    }
    unsigned block = at - d - header;
    n = r->cdb[3] == 0 || r->cdb[3] == 0xff ? mode_pages(s, r->cdb[2] & 0x3f, control, at) : 0;
    if (n == 0) {
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    n += at - d;
    uint8_t device = scsi_disk_is_cd(s)
                         ? 0
                         : (s->conf.backend && block_read_only(s->conf.backend) ? 0x80 : 0) |
                               (s->dpofua ? 0x10 : 0);
    if (ten) {
        scsi_put16(d, n - 2);
        d[3] = device;
        scsi_put16(d + 6, block);
    } else {
        d[0] = n - 1;
        d[2] = device;
        d[3] = block;
    }
    scsi_reply(r, d, n, allocation);
}

/* A page of MODE SELECT: its length, or 0 if it asks for what cannot be. */
static unsigned page_select(ScsiDisk *s, const uint8_t *p, unsigned left, bool apply)
{
    uint8_t now[REPLY_MAX] = {0}, mask[REPLY_MAX] = {0};
    unsigned n;

    if (left < 2 || (p[0] & 0x40) || (p[0] & 0x3f) == PAGE_ALL) {
        return 0;
    }
    n = mode_pages(s, p[0] & 0x3f, 0, now);
    if (n == 0 || p[1] != n - 2 || left < n) {
        return 0;
    }
    mode_pages(s, p[0] & 0x3f, 1, mask);
    for (unsigned i = 2; i < n; i++) {
        if ((p[i] ^ now[i]) & ~mask[i]) {
            return 0;
        }
    }
    if (apply && (p[0] & 0x3f) == PAGE_CACHE) {
        s->write_cache = p[2] & 4;
    }
    return n;
}

static void request_start(ScsiDisk *s, ScsiRequest *r, BlockOp op);

static void mode_select(ScsiDisk *s, ScsiRequest *r)
{
    bool ten = r->cdb[0] == MODE_SELECT_10, cache = s->write_cache;
    unsigned header = ten ? 8 : 4, len = ten ? scsi_get16(r->cdb + 7) : r->cdb[4];
    uint8_t d[REPLY_MAX] = {0};

    if (len == 0) {
        scsi_complete(r);
        return;
    }
    if (!(r->cdb[1] & 0x10) || (r->cdb[1] & 1)) {
        scsi_fail(r, SENSE_INVALID_FIELD); /* pages of the vendor's, or saved */
        return;
    }
    if (len > sizeof(d) || len > r->out_len || len < header) {
        scsi_fail(r, SENSE_PARAMETER_LENGTH);
        return;
    }
    iov_gather(r->out, r->n_out, 0, d, len);
    unsigned block = ten ? scsi_get16(d + 6) : d[3];
    if (block > len - header) {
        scsi_fail(r, SENSE_PARAMETER_LENGTH);
        return;
    }
    for (unsigned apply = 0; apply < 2; apply++) {
        for (unsigned at = header + block, n; at < len; at += n) {
            n = page_select(s, d + at, len - at, apply);
            if (n == 0) {
                scsi_fail(r, SENSE_INVALID_PARAMETER);
                return;
            }
        }
    }
    r->moved = len;
    if (cache && !s->write_cache) {
        request_start(s, r, BLOCK_FLUSH); /* what the cache held */
    } else {
        scsi_complete(r);
    }
}

/* ---- requests of the block layer ---- */

static void request_done(BlockRequest *io, int ret);

static bool is_verify(const ScsiRequest *r)
{
    uint8_t op = r->cdb[0];

    return op == VERIFY_10 || op == VERIFY_12 || op == VERIFY_16;
}

static bool is_write_verify(const ScsiRequest *r)
{
    uint8_t op = r->cdb[0];

    return op == WRITE_VERIFY_10 || op == WRITE_VERIFY_12 || op == WRITE_VERIFY_16;
}

static void request_start(ScsiDisk *s, ScsiRequest *r, BlockOp op)
{
    r->io.op = op;
    r->io.done = request_done;
    r->io.opaque = r;
    /* Those that verify have a next step, and a next one. */
    if (op == BLOCK_READ && !is_verify(r) && !is_write_verify(r) &&
        block_read_now(s->conf.backend, &r->io)) {
        scsi_complete(r);
    } else {
        block_submit(s->conf.backend, &r->io);
    }
}

static bool is_read(const ScsiRequest *r)
{
    return r->io.op == BLOCK_READ;
}

static void request_failed(ScsiDisk *s, ScsiRequest *r, int error)
{
    BlockOnError policy = block_conf_policy(&s->conf, !is_read(r), error);

    if (policy == ON_ERROR_STOP) {
        r->held = true;
        scsi_complete(r);
    } else if (policy == ON_ERROR_IGNORE) {
        scsi_complete(r);
    } else {
        scsi_fail(r, error == ENOSPC                    ? SENSE_SPACE
                     : error == EROFS || error == EPERM ? SENSE_WRITE_PROTECTED
                     : is_read(r)                       ? SENSE_READ_ERROR
                                                        : SENSE_WRITE_ERROR);
    }
}

/* FUA, or there is no cache that would have to be flushed. */
static bool must_be_stable(const ScsiDisk *s, const ScsiRequest *r)
{
    uint8_t op = r->cdb[0];
    bool fua = op != WRITE_6 && op != UNMAP && op != WRITE_SAME_10 && op != WRITE_SAME_16 &&
               (r->cdb[1] & 8);

    return fua || !s->write_cache;
}

/* Bytes that are done at a time; whole blocks. */
static uint64_t chunk(const ScsiDisk *s)
{
    return MAX(CHUNK, s->conf.logical_block_size);
}

/* VERIFY and WRITE AND VERIFY: the next piece. With BYTCHK it is compared with what was sent. */
static void verify_next(ScsiDisk *s, ScsiRequest *r)
{
    uint64_t at = (uint64_t)r->step * chunk(s);

    if (at >= r->len) {
        r->moved = r->cdb[1] & 2 || is_write_verify(r) ? r->len : 0;
        scsi_complete(r);
        return;
    }
    r->buf = r->buf ? r->buf : g_malloc(MIN(r->len, chunk(s)));
    r->buf_iov = (struct iovec){r->buf, MIN(r->len - at, chunk(s))};
    r->io.offset = (r->lba << s->shift) + at;
    r->io.iov = &r->buf_iov;
    r->io.niov = 1;
    r->step++;
    request_start(s, r, BLOCK_READ);
}

static bool piece_equal(const ScsiDisk *s, const ScsiRequest *r)
{
    uint64_t at = (uint64_t)(r->step - 1) * chunk(s);
    int n;
    g_autofree struct iovec *part = iov_slice(r->out, r->n_out, at, r->buf_iov.iov_len, &n);
    const uint8_t *disk = r->buf;

    for (int i = 0; i < n; i++) {
        if (memcmp(disk, part[i].iov_base, part[i].iov_len) != 0) {
            return false;
        }
        disk += part[i].iov_len;
    }
    return true;
}

/* UNMAP: the next range. */
static void unmap_next(ScsiDisk *s, ScsiRequest *r)
{
    uint32_t n = r->len;

    while (r->step < n) {
        const uint8_t *range = r->buf + 8 + UNMAP_RANGE_SIZE * r->step++;
        uint64_t blocks = scsi_get32(range + 8);

        if (blocks) {
            r->io.offset = scsi_get64(range) << s->shift;
            r->io.len = blocks << s->shift;
            request_start(s, r, BLOCK_DISCARD);
            return;
        }
    }
    scsi_complete(r);
}

/* WRITE SAME of a pattern: the next piece, from a buffer that repeats it. */
static void write_same_next(ScsiDisk *s, ScsiRequest *r)
{
    uint64_t at = (uint64_t)r->step * chunk(s);

    if (at >= r->len) {
        if (must_be_stable(s, r)) {
            request_start(s, r, BLOCK_FLUSH);
        } else {
            scsi_complete(r);
        }
        return;
    }
    r->buf_iov = (struct iovec){r->buf, MIN(r->len - at, chunk(s))};
    r->io.offset = (r->lba << s->shift) + at;
    r->io.iov = &r->buf_iov;
    r->io.niov = 1;
    r->step++;
    request_start(s, r, BLOCK_WRITE);
}

static void request_next(ScsiDisk *s, ScsiRequest *r)
{
    uint8_t op = r->cdb[0];

    if (r->io.op == BLOCK_FLUSH && !is_write_verify(r)) {
        scsi_complete(r);
    } else if (is_verify(r) || (is_write_verify(r) && r->io.op != BLOCK_WRITE)) {
        bool compare = r->io.op == BLOCK_READ && (r->cdb[1] & 2);

        if (compare && !piece_equal(s, r)) {
            scsi_fail(r, SENSE_MISCOMPARE);
        } else {
            verify_next(s, r);
        }
    } else if (is_write_verify(r)) {
        request_start(s, r, BLOCK_FLUSH); /* on the medium first, then looked at */
    } else if (op == UNMAP) {
        unmap_next(s, r);
    } else if ((op == WRITE_SAME_10 || op == WRITE_SAME_16) && r->io.op == BLOCK_WRITE) {
        write_same_next(s, r);
    } else if (!is_read(r) && must_be_stable(s, r)) {
        request_start(s, r, BLOCK_FLUSH);
    } else {
        scsi_complete(r);
    }
}

static void request_done(BlockRequest *io, int ret)
{
    ScsiRequest *r = io->opaque;
    ScsiDisk *s = (ScsiDisk *)r->unit->dev;
    bool lock = !s->conf.synchronous;

    if (lock) {
        device_lock(s);
    }
    if (ret < 0) {
        request_failed(s, r, -ret);
    } else {
        request_next(s, r);
    }
    if (lock) {
        device_unlock(s);
    }
}

/* ---- reads and writes ---- */

/* Address and number of blocks, by the group of the operation code. */
static void cdb_range(const uint8_t *cdb, uint64_t *lba, uint64_t *blocks)
{
    switch (cdb[0] >> 5) {
    case 0:
        *lba = scsi_get32(cdb) & 0x1fffff;
        *blocks = cdb[4] ? cdb[4] : 256;
        break;
    case 4:
        *lba = scsi_get64(cdb + 2);
        *blocks = scsi_get32(cdb + 10);
        break;
    case 5:
        *lba = scsi_get32(cdb + 2);
        *blocks = scsi_get32(cdb + 6);
        break;
    default:
        *lba = scsi_get32(cdb + 2);
        *blocks = scsi_get16(cdb + 7);
    }
}

static bool in_range(const ScsiDisk *s, uint64_t lba, uint64_t blocks)
{
    return lba <= s->blocks && blocks <= s->blocks - lba;
}

bool scsi_disk_ready(ScsiDisk *s, ScsiRequest *r)
{
    ScsiSense sense = !s->conf.backend && !s->tray_open ? SENSE_NOT_READY_NO_MEDIUM
                      : s->tray_open                    ? SENSE_NOT_READY_TRAY_OPEN
                      : s->stopped                      ? SENSE_NOT_READY_STOPPED
                                                        : SENSE_NONE;

    if (sense != SENSE_NONE) {
        scsi_fail(r, sense);
    }
    return sense == SENSE_NONE;
}

/* A range that is on the medium, which may be written if that is what is to be done. */
static bool range_good(ScsiDisk *s, ScsiRequest *r, uint64_t lba, uint64_t blocks, bool write)
{
    if (!scsi_disk_ready(s, r)) {
        return false;
    }
    if (write && (scsi_disk_is_cd(s) || block_read_only(s->conf.backend))) {
        scsi_fail(r, SENSE_WRITE_PROTECTED);
        return false;
    }
    if (!in_range(s, lba, blocks)) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: command 0x%02x of %" PRIu64 " blocks at %" PRIu64 "\n",
                      device_name(s), r->cdb[0], blocks, lba);
        scsi_fail(r, SENSE_LBA_RANGE);
        return false;
    }
    return true;
}

void scsi_disk_transfer(ScsiDisk *s, ScsiRequest *r, uint64_t lba, uint64_t blocks, bool write)
{
    uint64_t room = write ? r->out_len : r->in_len;

    if (!range_good(s, r, lba, blocks, write)) {
        return;
    }
    r->lba = lba;
    r->len = blocks << s->shift;
    if (r->len > room) {
        r->overrun = true;
        scsi_complete(r);
        return;
    }
    if (r->len == 0) {
        scsi_complete(r);
        return;
    }
    r->iov = iov_slice(write ? r->out : r->in, write ? r->n_out : r->n_in, 0, r->len, &r->io.niov);
    r->io.iov = r->iov;
    r->io.offset = lba << s->shift;
    r->moved = r->len;
    request_start(s, r, write ? BLOCK_WRITE : BLOCK_READ);
}

static void transfer(ScsiDisk *s, ScsiRequest *r, bool write)
{
    uint64_t lba, blocks;

    cdb_range(r->cdb, &lba, &blocks);
    if (r->cdb[0] >> 5 && (r->cdb[1] & 0xe0)) {
        scsi_fail(r, SENSE_INVALID_FIELD); /* protection information */
        return;
    }
    scsi_disk_transfer(s, r, lba, blocks, write);
}

static void verify(ScsiDisk *s, ScsiRequest *r)
{
    uint64_t lba, blocks;

    cdb_range(r->cdb, &lba, &blocks);
    if ((r->cdb[1] & 6) == 4 || (r->cdb[1] & 6) == 6) {
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    if (!range_good(s, r, lba, blocks, false)) {
        return;
    }
    r->lba = lba;
    r->len = blocks << s->shift;
    if ((r->cdb[1] & 2) && r->len > r->out_len) {
        r->overrun = true;
        scsi_complete(r);
        return;
    }
    verify_next(s, r);
}

/* SBC-3, 5.28 */
static void unmap(ScsiDisk *s, ScsiRequest *r)
{
    uint32_t len = scsi_get16(r->cdb + 7);
    uint64_t total = 0;

    if (r->cdb[1] & 1) {
        scsi_fail(r, SENSE_INVALID_FIELD); /* anchor */
        return;
    }
    if (!range_good(s, r, 0, 0, true)) {
        return;
    }
    if (len == 0) {
        scsi_complete(r);
        return;
    }
    if (len < 8 || len > r->out_len) {
        scsi_fail(r, SENSE_PARAMETER_LENGTH);
        return;
    }
    r->buf = g_malloc(len);
    iov_gather(r->out, r->n_out, 0, r->buf, len);
    r->len = MIN(scsi_get16(r->buf + 2), len - 8) / UNMAP_RANGE_SIZE;
    if (scsi_get16(r->buf + 2) > len - 8) {
        scsi_fail(r, SENSE_PARAMETER_LENGTH);
        return;
    }
    for (uint32_t i = 0; i < r->len; i++) {
        const uint8_t *range = r->buf + 8 + UNMAP_RANGE_SIZE * i;

        if (!in_range(s, scsi_get64(range), scsi_get32(range + 8))) {
            scsi_fail(r, SENSE_LBA_RANGE);
            return;
        }
        total += scsi_get32(range + 8);
    }
    if (r->len > UNMAP_RANGES || total > s->max_unmap_size >> s->shift) {
        scsi_fail(r, SENSE_INVALID_PARAMETER);
        return;
    }
    r->moved = len;
    unmap_next(s, r);
}

/* SBC-3, 5.42 */
static void write_same(ScsiDisk *s, ScsiRequest *r)
{
    uint64_t lba, blocks, block = s->conf.logical_block_size;
    bool no_data = r->cdb[0] == WRITE_SAME_16 && (r->cdb[1] & 1), unmap_bit = r->cdb[1] & 8;

    cdb_range(r->cdb, &lba, &blocks);
    if ((r->cdb[1] & 0xf6) || blocks == 0 ||
        blocks > MIN(s->max_unmap_size >> s->shift, UINT32_MAX)) {
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    if (!range_good(s, r, lba, blocks, true)) {
        return;
    }
    if (!no_data && r->out_len < block) {
        r->overrun = true;
        scsi_complete(r);
        return;
    }
    r->lba = lba;
    r->len = blocks << s->shift;
    r->buf = g_malloc0(MIN(r->len, chunk(s)));
    if (!no_data) {
        iov_gather(r->out, r->n_out, 0, r->buf, block);
        r->moved = block;
    }
    if (buffer_is_zero(r->buf, block)) {
        r->io.offset = lba << s->shift;
        r->io.len = r->len;
        r->io.unmap = unmap_bit;
        request_start(s, r, BLOCK_WRITE_ZEROES);
        return;
    }
    for (uint64_t at = block; at < MIN(r->len, chunk(s)); at += block) {
        memcpy(r->buf + at, r->buf, block);
    }
    write_same_next(s, r);
}

/* ---- the rest ---- */

static void read_capacity(ScsiDisk *s, ScsiRequest *r)
{
    uint8_t d[32] = {0};
    uint64_t last = s->blocks - 1;

    if (!scsi_disk_ready(s, r)) {
        return;
    }
    if (r->cdb[0] == READ_CAPACITY_10) {
        if (!(r->cdb[8] & 1) && scsi_get32(r->cdb + 2)) {
            scsi_fail(r, SENSE_INVALID_FIELD);
            return;
        }
        scsi_put32(d, MIN(last, UINT32_MAX));
        scsi_put32(d + 4, s->conf.logical_block_size);
        scsi_reply(r, d, 8, 8);
        return;
    }
    scsi_put64(d, last);
    scsi_put32(d + 8, s->conf.logical_block_size);
    d[13] = __builtin_ctzll(s->conf.physical_block_size / s->conf.logical_block_size);
    d[14] = block_can_discard(s->conf.backend) ? 0x80 : 0; /* LBPME */
    scsi_reply(r, d, 32, scsi_get32(r->cdb + 10));
}

static void start_stop(ScsiDisk *s, ScsiRequest *r)
{
    bool start = r->cdb[4] & 1, eject = r->cdb[4] & 2;

    if (r->cdb[4] & 0xf0) {
        scsi_complete(r); /* a power condition */
        return;
    }
    if (eject && (scsi_disk_is_cd(s) || s->removable)) {
        if (!start && s->locked) {
            scsi_fail(r, SENSE_REMOVAL_PREVENTED);
            return;
        }
        scsi_cd_tray(s, !start);
    } else if (!eject) {
        s->stopped = !start;
    }
    if (!start && s->conf.backend && !block_read_only(s->conf.backend)) {
        request_start(s, r, BLOCK_FLUSH);
    } else {
        scsi_complete(r);
    }
}

static void synchronize(ScsiDisk *s, ScsiRequest *r)
{
    uint64_t lba, blocks;

    cdb_range(r->cdb, &lba, &blocks);
    if (range_good(s, r, lba, blocks, false)) {
        request_start(s, r, BLOCK_FLUSH);
    }
}

static void scsi_disk_execute(void *opaque, ScsiRequest *r)
{
    ScsiDisk *s = opaque;

    memset(&r->io, 0, sizeof(r->io));
    if (scsi_disk_is_cd(s) && scsi_cd_execute(s, r)) {
        return;
    }
    switch (r->cdb[0]) {
    case TEST_UNIT_READY:
        if (scsi_disk_ready(s, r)) {
            scsi_complete(r);
        }
        break;
    case INQUIRY:
        inquiry(s, r);
        break;
    case MODE_SENSE_6:
    case MODE_SENSE_10:
        mode_sense(s, r);
        break;
    case MODE_SELECT_6:
    case MODE_SELECT_10:
        mode_select(s, r);
        break;
    case RESERVE_6:
    case RELEASE_6:
        scsi_complete(r); /* there is one initiator */
        break;
    case SEND_DIAGNOSTIC:
        if (r->cdb[1] & 4) {
            scsi_complete(r);
        } else {
            scsi_fail(r, SENSE_INVALID_FIELD);
        }
        break;
    case START_STOP:
        start_stop(s, r);
        break;
    case PREVENT_ALLOW:
        s->locked = r->cdb[4] & 1;
        scsi_complete(r);
        break;
    case READ_CAPACITY_10:
        read_capacity(s, r);
        break;
    case SERVICE_IN_16:
        if ((r->cdb[1] & 31) == SERVICE_READ_CAPACITY && !scsi_disk_is_cd(s)) {
            read_capacity(s, r);
        } else {
            scsi_fail(r, SENSE_INVALID_FIELD);
        }
        break;
    case READ_6:
    case READ_10:
    case READ_12:
    case READ_16:
        transfer(s, r, false);
        break;
    case WRITE_6:
    case WRITE_10:
    case WRITE_12:
    case WRITE_16:
    case WRITE_VERIFY_10:
    case WRITE_VERIFY_12:
    case WRITE_VERIFY_16:
        transfer(s, r, true);
        break;
    case VERIFY_10:
    case VERIFY_12:
    case VERIFY_16:
        verify(s, r);
        break;
    case SEEK_10:
        if (range_good(s, r, scsi_get32(r->cdb + 2), 0, false)) {
            scsi_complete(r);
        }
        break;
    case SYNCHRONIZE_10:
    case SYNCHRONIZE_16:
        synchronize(s, r);
        break;
    case UNMAP:
        unmap(s, r);
        break;
    case WRITE_SAME_10:
    case WRITE_SAME_16:
        write_same(s, r);
        break;
    default:
        rhea_log_mask(LOG_GUEST_ERROR, "%s: SCSI command 0x%02x is not there\n", device_name(s),
                      r->cdb[0]);
        scsi_fail(r, SENSE_INVALID_OPCODE);
    }
}

/* ---- life ---- */

static void scsi_disk_cancel(void *opaque)
{
    ScsiDisk *s = opaque;

    if (s->conf.backend) {
        block_cancel(s->conf.backend);
    }
}

static void scsi_disk_drain(void *opaque)
{
    ScsiDisk *s = opaque;

    if (s->conf.backend) {
        block_drain(s->conf.backend);
    }
}

static void scsi_disk_reset(void *opaque)
{
    ScsiDisk *s = opaque;

    s->write_cache = s->conf.wce;
}

static void resized(void *opaque)
{
    ScsiDisk *s = opaque;

    device_lock(s);
    s->blocks = block_size(s->conf.backend) >> s->shift;
    scsi_unit(s)->unit_attention = UA_CAPACITY;
    device_unlock(s);
}

static bool scsi_disk_realize(void *opaque, GError **err)
{
    ScsiDisk *s = opaque;
    bool cd = s->is_cd = strcmp(s->dev.cls->name, "scsi-cd") == 0;

    if (cd && s->conf.logical_block_size && s->conf.logical_block_size != 2048) {
        rhea_error_set(err, "scsi-cd: blocks have 2048 bytes");
        return false;
    }
    if (s->scsi_version < 3 || s->scsi_version > 5) {
        rhea_error_set(err, "scsi_version must be 3, 4 or 5");
        return false;
    }
    if (!block_conf_open(&s->conf, &s->dev, cd ? 2048 : 512, cd, err)) {
        return false;
    }
    s->shift = __builtin_ctzll(s->conf.logical_block_size);
    if (s->conf.backend) {
        IoThread *t = scsi_unit(s)->bus->iothread;

        if (t) {
            block_set_iothread(s->conf.backend, iothread_ref(t));
        }
        block_set_resized(s->conf.backend, resized, s);
        s->blocks = block_size(s->conf.backend) >> s->shift;
        if (s->blocks == 0 && !cd) {
            rhea_error_set(err, "%s: the image is smaller than a block", s->conf.drive);
            block_conf_close(&s->conf);
            return false;
        }
        if (s->blocks == 0) {
            block_conf_close(&s->conf); /* as good as no disc */
        }
    }
    return true;
}

static void scsi_disk_unrealize(void *opaque)
{
    block_conf_close(&((ScsiDisk *)opaque)->conf);
}

static const ScsiClass scsi_disk_class_info = {
    .core = offsetof(ScsiDisk, scsi),
    .execute = scsi_disk_execute,
    .cancel = scsi_disk_cancel,
    .drain = scsi_disk_drain,
};

#define SCSI_DISK(prefix, NAME, DESC)                                                              \
    static const DeviceClass prefix##_class = {.size = sizeof(ScsiDisk),                           \
                                               .state = scsi_disk_state,                           \
                                               .name = NAME,                                       \
                                               .desc = DESC,                                       \
                                               .bus = "SCSI",                                      \
                                               .category = DEVICE_STORAGE,                         \
                                               .user_creatable = true,                             \
                                               .version = 1,                                       \
                                               .props = prefix##_props,                            \
                                               .realize = scsi_disk_realize,                       \
                                               .unrealize = scsi_disk_unrealize,                   \
                                               .reset = scsi_disk_reset,                           \
                                               .sub = &scsi_disk_class_info};                      \
    static const DeviceClass *const prefix##_class_row                                             \
        __attribute__((used, section("rhea_devices"))) = &prefix##_class

SCSI_DISK(scsi_hd, "scsi-hd", "virtual SCSI disk");
SCSI_DISK(scsi_cd, "scsi-cd", "virtual SCSI CD-ROM");

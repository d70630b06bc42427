/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio block device.
 *
 * Specification: VIRTIO 1.2, 5.2 (5.2.3 features, 5.2.4 configuration, 5.2.5.2 cache mode, 5.2.6
 * requests), and its legacy interface.
 *
 * A kick takes all requests off the queue and hands them to the block layer; nothing waits on the
 * vCPU's thread. A request is finished on the worker that did it, which takes the device's lock for
 * that. With a synchronous backend (-icount) all happens inside the kick, under its lock.
 *
 * A request that failed where the policy is to stop the machine is "held": only its place in the
 * rings is kept, and it is done again from the start when the machine goes on. So a snapshot needs
 * no more of it than that.
 *
 * Used length: the bytes from the start of the writable part that are known to be written; 0 where
 * data of a failed request may be missing before the status byte (2.7.8).
 *
 * Lock: the device's. Test: tests/unit/test-virtio.c, tests/fuzz/virtio_ring.c
 */
#include "hw/block_conf.h"
#include "hw/virtio_pci.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define SECTOR       512
#define QUEUES_MAX   16
#define ID_SIZE      20
#define HEADER_SIZE  16
#define SEGMENT_SIZE 16          /* of a discard or write-zeroes request */
#define BARRIER      0x80000000u /* legacy flag in the type */

enum {
    F_SEG_MAX = 2,
    F_GEOMETRY = 4,
    F_RO = 5,
    F_BLK_SIZE = 6,
    F_FLUSH = 9,
    F_TOPOLOGY = 10,
    F_CONFIG_WCE = 11,
    F_MQ = 12,
    F_DISCARD = 13,
    F_WRITE_ZEROES = 14,
};

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };

enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

/* Offsets in the configuration space, 5.2.4. */
enum {
    CFG_CAPACITY = 0,
    CFG_SEG_MAX = 12,
    CFG_CYLINDERS = 16,
    CFG_HEADS = 18,
    CFG_SECTORS = 19,
    CFG_BLK_SIZE = 20,
    CFG_PHYSICAL_BLOCK_EXP = 24,
    CFG_MIN_IO_SIZE = 26,
    CFG_OPT_IO_SIZE = 28,
    CFG_WRITEBACK = 32,
    CFG_NUM_QUEUES = 34,
    CFG_MAX_DISCARD_SECTORS = 36,
    CFG_MAX_DISCARD_SEG = 40,
    CFG_DISCARD_ALIGNMENT = 44,
    CFG_MAX_WRITE_ZEROES_SECTORS = 48,
    CFG_MAX_WRITE_ZEROES_SEG = 52,
    CFG_WRITE_ZEROES_MAY_UNMAP = 56,
    CFG_SIZE = 60,
};

#define VIRTIO_BLK_STATE(F, A, D, N)                                                               \
    VIRTIO_STATE(N, QUEUES_MAX)                                                                    \
    F(bool, writeback, KEEP)                                                                       \
    F(uint32_t, n_held, 0)                                                                         \
    D(uint32_t, held, held_max, 0) /* queue << 16 | descriptor */

STATE(virtio_blk, VirtioBlkState, VIRTIO_BLK_STATE, uint32_t held_max; BlockConf conf;
      uint64_t capacity; /* sectors */
      /* Properties. */
      char *serial; bool config_wce; uint16_t num_queues; uint16_t queue_size; bool seg_max_adjust;
      bool discard; bool report_discard_granularity; bool write_zeroes;
      uint32_t max_discard_sectors; uint32_t max_write_zeroes_sectors; uint32_t cyls;
      uint32_t heads; uint32_t secs; char *iothread;)

// clang-format off
PROPS(virtio_blk, VirtioBlkState,
    BLOCK_PROPS(conf),
    BOOT_PROP(conf.bootindex, "disk@0,0"),
    BLOCK_ERROR_PROPS(conf),
    PROP("iothread", STRING, iothread, NULL, PUBLIC, "id of the -object iothread that serves it"),
    PROP("serial", STRING, serial, NULL, PUBLIC, "serial number, up to 20 bytes"),
    PROP("config-wce", BOOL, config_wce, "on", PUBLIC, "on/off"),
    PROP("num-queues", U16, num_queues, "65535", PUBLIC, "1 to 16; 65535: as the transport likes it"),
    PROP("queue-size", U16, queue_size, "256", PUBLIC, "descriptors, a power of two up to 1024"),
    PROP("seg-max-adjust", BOOL, seg_max_adjust, "on", PUBLIC, "on/off"),
    PROP("discard", BOOL, discard, "on", PUBLIC, "on/off"),
    PROP("report-discard-granularity", BOOL, report_discard_granularity, "on", PUBLIC, "on/off"),
    PROP("write-zeroes", BOOL, write_zeroes, "on", PUBLIC, "on/off"),
    PROP("max-discard-sectors", U32, max_discard_sectors, "4194303", PUBLIC, "of one request"),
    PROP("max-write-zeroes-sectors", U32, max_write_zeroes_sectors, "4194303", PUBLIC, "of one request"),
    PROP("cyls", U32, cyls, "0", PUBLIC, "geometry: cylinders"),
    PROP("heads", U32, heads, "0", PUBLIC, "geometry: heads"),
    PROP("secs", U32, secs, "0", PUBLIC, "geometry: sectors per track"),
    VIRTIO_PROPS)
// clang-format on

/* One request of the driver. */
typedef struct BlkReq {
    VirtElem e; /* first */
    VirtioBlkState *s;
    BlockRequest io;
    struct iovec *data; /* what is transferred: the pieces without header and status */
    uint32_t n_data;
    uint64_t data_len;
    uint8_t *status;
    uint32_t type;
} BlkReq;

static bool request_start(VirtioBlkState *s, BlkReq *r);

/* ---- completion ---- */

static void request_free(VirtioBlkState *s, BlkReq *r)
{
    virtio_end(s->vio, r->e.q);
    g_free(r);
}

/* len: bytes known to be written besides the status, from the start. */
static void request_finish(VirtioBlkState *s, BlkReq *r, uint8_t status, uint64_t len)
{
    bool complete = len == r->e.in_len - 1;

    if (virtio_elem_live(&r->e)) {
        *r->status = status;
        memory_unmap(s->dev.dma, r->status, 1);
    }
    virtqueue_push(s->vio, &r->e, complete ? len + 1 : len);
    request_free(s, r);
}

/* Keep only where the request is. */
static void request_hold(VirtioBlkState *s, BlkReq *r)
{
    if (virtio_elem_live(&r->e) && s->n_held < s->held_max) {
        s->held[s->n_held++] = (uint32_t)r->e.q->index << 16 | r->e.head;
        machine_request_stop(s->dev.machine, RUN_IO_ERROR);
    }
    request_free(s, r);
}

static bool is_write(const BlkReq *r)
{
    return r->type != T_IN;
}

static void request_failed(VirtioBlkState *s, BlkReq *r, int error)
{
    BlockOnError policy = block_conf_policy(&s->conf, is_write(r), error);

    if (policy == ON_ERROR_STOP && !virtqueue_can_hold(s->vio)) {
        rhea_warn_report(
            "%s: a packed ring cannot wait for the disk: the guest is told of the error",
            device_name(s));
        policy = ON_ERROR_REPORT;
    }
    if (policy == ON_ERROR_STOP) {
        request_hold(s, r);
    } else if (policy == ON_ERROR_IGNORE) {
        request_finish(s, r, S_OK, r->type == T_IN ? r->data_len : 0);
    } else {
        request_finish(s, r, S_IOERR, 0);
    }
}

static void request_done_locked(VirtioBlkState *s, BlkReq *r, int ret)
{
    BlockRequest *io = &r->io;

    if (!virtio_elem_live(&r->e)) {
        request_free(s, r);
    } else if (ret < 0) {
        request_failed(s, r, -ret);
    } else if (io->op != BLOCK_READ && io->op != BLOCK_FLUSH && !s->writeback) {
        /* 5.2.6.2: without a writeback cache a write is stable when it is done. */
        io->op = BLOCK_FLUSH;
        block_submit(s->conf.backend, io);
    } else {
        request_finish(s, r, S_OK, r->type == T_IN ? r->data_len : 0);
    }
}

static void request_done(BlockRequest *io, int ret)
{
    BlkReq *r = io->opaque;
    VirtioBlkState *s = r->s;

    if (!s->conf.synchronous) {
        device_lock(s);
    }
    request_done_locked(s, r, ret);
    if (!s->conf.synchronous) {
        device_unlock(s);
    }
}

/* ---- requests ---- */

static void request_submit(VirtioBlkState *s, BlkReq *r, BlockOp op, uint64_t sector)
{
    r->io.op = op;
    r->io.offset = sector * SECTOR;
    r->io.iov = r->data;
    r->io.niov = r->n_data;
    r->io.done = request_done;
    r->io.opaque = r;
    if (op == BLOCK_READ && block_read_now(s->conf.backend, &r->io)) {
        request_done_locked(s, r, 0);
    } else {
        block_submit(s->conf.backend, &r->io);
    }
}

static bool range_is_good(const VirtioBlkState *s, uint64_t sector, uint64_t bytes)
{
    uint64_t block = s->conf.logical_block_size, sectors = bytes / SECTOR;

    return bytes % block == 0 && sector % (block / SECTOR) == 0 && sector <= s->capacity &&
           sectors <= s->capacity - sector;
}

static void request_transfer(VirtioBlkState *s, BlkReq *r, uint64_t sector)
{
    bool write = r->type == T_OUT;

    if ((write && block_read_only(s->conf.backend)) || !range_is_good(s, sector, r->data_len)) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: %s of 0x%" PRIx64 " bytes at sector %" PRIu64 "\n",
                      device_name(s), write ? "write" : "read", r->data_len, sector);
        request_finish(s, r, S_IOERR, 0);
        return;
    }
    request_submit(s, r, write ? BLOCK_WRITE : BLOCK_READ, sector);
}

static void request_get_id(VirtioBlkState *s, BlkReq *r)
{
    char id[ID_SIZE] = {0};

    memcpy(id, s->serial ? s->serial : "", MIN(strlen(s->serial ? s->serial : ""), ID_SIZE));
    request_finish(s, r, S_OK, iov_put(r->data, r->n_data, 0, id, sizeof(id)));
}

/* Discard and write zeroes: one segment, as the configuration space says. */
static void request_segment(VirtioBlkState *s, BlkReq *r)
{
    VirtioCore *v = s->vio;
    bool discard = r->type == T_DISCARD;
    uint8_t seg[SEGMENT_SIZE];

    if (!(v->features >> (discard ? F_DISCARD : F_WRITE_ZEROES) & 1)) {
        request_finish(s, r, S_UNSUPP, 0);
        return;
    }
    if (block_read_only(s->conf.backend) || r->data_len != SEGMENT_SIZE) {
        request_finish(s, r, S_IOERR, 0);
        return;
    }
    iov_get(r->data, r->n_data, 0, seg, sizeof(seg));
    uint64_t sector = virtio_get64(v, seg);
    uint32_t count = virtio_get32(v, seg + 8), flags = virtio_get32(v, seg + 12);
    if (flags & (discard ? ~0u : ~1u)) {
        request_finish(s, r, S_UNSUPP, 0);
        return;
    }
    if (count > (discard ? s->max_discard_sectors : s->max_write_zeroes_sectors) ||
        !range_is_good(s, sector, (uint64_t)count * SECTOR)) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: %s of %u sectors at %" PRIu64 "\n", device_name(s),
                      discard ? "discard" : "write zeroes", count, sector);
        request_finish(s, r, S_IOERR, 0);
        return;
    }
    r->io.len = (uint64_t)count * SECTOR;
    r->io.unmap = flags & 1;
    r->n_data = 0;
    if (count == 0) {
        request_finish(s, r, S_OK, 0);
    } else {
        request_submit(s, r, discard ? BLOCK_DISCARD : BLOCK_WRITE_ZEROES, sector);
    }
}

/* False: the driver broke the rules of framing (5.2.6); the request stays with the device. */
static bool request_start(VirtioBlkState *s, BlkReq *r)
{
    VirtioCore *v = s->vio;
    uint8_t header[HEADER_SIZE];

    if (r->e.out_len < HEADER_SIZE || r->e.in_len < 1) {
        virtio_error(v, "request with %" PRIu64 " readable and %" PRIu64 " writable bytes",
                     r->e.out_len, r->e.in_len);
        g_free(r);
        return false;
    }
    virtio_begin(v, r->e.q);
    iov_get(r->e.out, r->e.n_out, 0, header, sizeof(header));
    r->s = s;
    r->type = virtio_get32(v, header) & ~BARRIER;
    uint64_t sector = virtio_get64(v, header + 8);
    struct iovec *last = &r->e.in[r->e.n_in - 1];
    r->status = (uint8_t *)last->iov_base + last->iov_len - 1;
    if (r->type == T_IN || r->type == T_GET_ID) {
        r->data = r->e.in;
        r->n_data = r->e.n_in;
        r->data_len = r->e.in_len - 1;
        iov_trim_back(r->data, &r->n_data, 1);
    } else {
        r->data = r->e.out;
        r->n_data = r->e.n_out;
        r->data_len = r->e.out_len - HEADER_SIZE;
        iov_trim_front(&r->data, &r->n_data, HEADER_SIZE);
    }
    switch (r->type) {
    case T_IN:
    case T_OUT:
        request_transfer(s, r, sector);
        break;
    case T_FLUSH:
        r->n_data = 0;
        request_submit(s, r, BLOCK_FLUSH, 0);
        break;
    case T_GET_ID:
        request_get_id(s, r);
        break;
    case T_DISCARD:
    case T_WRITE_ZEROES:
        request_segment(s, r);
        break;
    default:
        request_finish(s, r, S_UNSUPP, 0);
    }
    return true;
}

static void virtio_blk_notify(void *opaque, VirtQueue *q)
{
    VirtioBlkState *s = opaque;
    BlkReq *r;

    while ((r = virtqueue_pop(s->vio, q, sizeof(*r)))) {
        if (!request_start(s, r)) {
            break;
        }
    }
}

/* Main loop, when the machine goes on: try again what was held. */
static void virtio_blk_run_change(void *opaque, bool running)
{
    VirtioBlkState *s = opaque;

    if (!running) {
        return;
    }
    device_lock(s);
    uint32_t n = s->n_held;
    g_autofree uint32_t *held = g_memdup2(s->held, n * sizeof(held[0]));
    s->n_held = 0;
    for (uint32_t i = 0; i < n; i++) {
        VirtQueue *q = &s->vq[held[i] >> 16];
        BlkReq *r = virtqueue_pop_head(s->vio, q, held[i], sizeof(*r));

        if (r) {
            request_start(s, r);
        }
    }
    device_unlock(s);
}

/* ---- configuration ---- */

static void geometry_get(const VirtioBlkState *s, const VirtioCore *v, uint8_t *config)
{
    uint32_t heads = s->heads ? s->heads : 16, secs = s->secs ? s->secs : 63;
    uint64_t cyls = s->cyls ? s->cyls : s->capacity / (heads * secs);

    cyls = s->cyls ? cyls : CLAMP(cyls, 2, 16383);
    virtio_put16(v, config + CFG_CYLINDERS, cyls);
    config[CFG_HEADS] = heads;
    config[CFG_SECTORS] = secs & ~(uint32_t)(s->conf.logical_block_size / SECTOR - 1);
}

static uint32_t discard_alignment(const VirtioBlkState *s)
{
    return (s->report_discard_granularity ? block_conf_discard_unit(&s->conf)
                                          : s->conf.logical_block_size) /
           SECTOR;
}

static uint32_t seg_max(const VirtioBlkState *s)
{
    return (s->seg_max_adjust ? s->queue_size : 128) - 2;
}

static void virtio_blk_config_get(void *opaque, uint8_t *config)
{
    VirtioBlkState *s = opaque;
    VirtioCore *v = s->vio;
    uint64_t block = s->conf.logical_block_size;

    virtio_put64(v, config + CFG_CAPACITY, s->capacity);
    virtio_put32(v, config + CFG_SEG_MAX, seg_max(s));
    geometry_get(s, v, config);
    virtio_put32(v, config + CFG_BLK_SIZE, block);
    config[CFG_PHYSICAL_BLOCK_EXP] = __builtin_ctzll(s->conf.physical_block_size / block);
    virtio_put16(v, config + CFG_MIN_IO_SIZE, s->conf.min_io_size / block);
    virtio_put32(v, config + CFG_OPT_IO_SIZE, s->conf.opt_io_size / block);
    config[CFG_WRITEBACK] = s->writeback;
    virtio_put16(v, config + CFG_NUM_QUEUES, s->num_queues);
    if (s->discard) {
        virtio_put32(v, config + CFG_MAX_DISCARD_SECTORS, s->max_discard_sectors);
        virtio_put32(v, config + CFG_MAX_DISCARD_SEG, 1);
        virtio_put32(v, config + CFG_DISCARD_ALIGNMENT, discard_alignment(s));
    }
    if (s->write_zeroes) {
        virtio_put32(v, config + CFG_MAX_WRITE_ZEROES_SECTORS, s->max_write_zeroes_sectors);
        virtio_put32(v, config + CFG_MAX_WRITE_ZEROES_SEG, 1);
        config[CFG_WRITE_ZEROES_MAY_UNMAP] = 1;
    }
}

static void virtio_blk_config_set(void *opaque, const uint8_t *config, unsigned offset,
                                  unsigned size)
{
    VirtioBlkState *s = opaque;

    if (s->config_wce && offset <= CFG_WRITEBACK && CFG_WRITEBACK < offset + size) {
        s->writeback = config[CFG_WRITEBACK] & 1;
    } else {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: write to read-only configuration at 0x%x\n",
                      device_name(s), offset);
    }
}

/* A driver that cannot flush gets a writethrough cache, 5.2.5 and 5.2.5.1. */
static void virtio_blk_start(void *opaque)
{
    VirtioBlkState *s = opaque;

    if (!virtio_has(s->vio, F_CONFIG_WCE)) {
        s->writeback = virtio_has(s->vio, F_FLUSH) && s->conf.wce;
    }
}

/* ---- life ---- */

static void virtio_blk_clear(void *opaque)
{
    VirtioBlkState *s = opaque;

    s->writeback = s->conf.wce;
    s->n_held = 0;
}

static void virtio_blk_queue_reset(void *opaque, VirtQueue *q)
{
    VirtioBlkState *s = opaque;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->n_held; i++) {
        if (s->held[i] >> 16 != q->index) {
            s->held[kept++] = s->held[i];
        }
    }
    s->n_held = kept;
}

static void virtio_blk_cancel(void *opaque)
{
    block_cancel(((VirtioBlkState *)opaque)->conf.backend);
}

static void virtio_blk_drain(void *opaque)
{
    block_drain(((VirtioBlkState *)opaque)->conf.backend);
}

static bool virtio_blk_post_load(void *opaque, GError **err)
{
    VirtioBlkState *s = opaque;

    for (uint32_t i = 0; i < MIN(s->n_held, s->held_max); i++) {
        if (s->held[i] >> 16 >= s->num_queues) {
            s->n_held = UINT32_MAX;
        }
    }
    if (s->n_held > s->held_max) {
        rhea_error_set(err, "snapshot: bad list of requests");
        return false;
    }
    return true;
}

static bool properties_check(VirtioBlkState *s, GError **err)
{
    if (s->num_queues == UINT16_MAX) {
        s->num_queues = s->vio->transport && s->vio->transport->many_queues
                            ? MIN(s->dev.machine->smp.cpus, QUEUES_MAX)
                            : 1;
    }
    if (s->num_queues < 1 || s->num_queues > QUEUES_MAX) {
        rhea_error_set(err, "num-queues must be between 1 and %u", QUEUES_MAX);
        return false;
    }
    if (s->queue_size < 4 || s->queue_size > VIRTIO_QUEUE_MAX ||
        !virtio_power_of_2(s->queue_size)) {
        rhea_error_set(err, "invalid queue-size property (%u), must be a power of 2 (max %u)",
                       s->queue_size, VIRTIO_QUEUE_MAX);
        return false;
    }
    if (s->cyls > 65535 || s->heads > 255 || s->secs > 255) {
        rhea_error_set(err, "cyls, heads and secs must be at most 65535, 255 and 255");
        return false;
    }
    if (s->max_discard_sectors == 0 || s->max_write_zeroes_sectors == 0) {
        rhea_error_set(err, "max-discard-sectors and max-write-zeroes-sectors must not be 0");
        return false;
    }
    return true;
}

static uint64_t features_of(const VirtioBlkState *s)
{
    uint64_t f =
        1u << F_SEG_MAX | 1u << F_GEOMETRY | 1u << F_TOPOLOGY | 1u << F_BLK_SIZE | 1u << F_FLUSH;

    f |= s->config_wce ? 1u << F_CONFIG_WCE : 0;
    f |= block_read_only(s->conf.backend) ? 1u << F_RO : 0;
    f |= s->num_queues > 1 ? 1u << F_MQ : 0;
    f |= s->discard ? 1u << F_DISCARD : 0;
    f |= s->write_zeroes ? 1u << F_WRITE_ZEROES : 0;
    return f;
}

static void resized(void *opaque)
{
    VirtioBlkState *s = opaque;

    device_lock(s);
    s->capacity = block_size(s->conf.backend) / SECTOR;
    virtio_config_changed(s->vio);
    device_unlock(s);
}

static bool virtio_blk_realize(void *opaque, GError **err)
{
    VirtioBlkState *s = opaque;

    if (!properties_check(s, err) || !block_conf_open(&s->conf, &s->dev, SECTOR, false, err)) {
        return false;
    }
    s->capacity = block_size(s->conf.backend) / SECTOR;
    if (!virtio_init(s, s->vq, QUEUES_MAX, features_of(s), err) ||
        !virtio_set_iothread(s, s->iothread, err)) {
        block_conf_close(&s->conf);
        return false;
    }
    if (s->vio->iothread) {
        block_set_iothread(s->conf.backend, iothread_ref(s->vio->iothread));
    }
    for (unsigned i = 0; i < s->num_queues; i++) {
        virtio_queue_init(s->vio, i, s->queue_size);
    }
    s->held_max = (uint32_t)s->num_queues * s->queue_size;
    device_state_alloc(s);
    block_set_resized(s->conf.backend, resized, s);
    machine_add_run_change(s->dev.machine, virtio_blk_run_change, s);
    return true;
}

static void virtio_blk_unrealize(void *opaque)
{
    VirtioBlkState *s = opaque;

    machine_remove_run_change(s->dev.machine, s);
    block_conf_close(&s->conf);
    virtio_exit(s);
}

// clang-format off
VIRTIO_DEVICE(virtio_blk, VirtioBlkState, "virtio-blk", DEVICE_STORAGE, 2,
    .id = VIRTIO_ID_BLOCK,
    .config_size = CFG_SIZE,
    .config_get = virtio_blk_config_get,
    .config_set = virtio_blk_config_set,
    .notify = virtio_blk_notify,
    .start = virtio_blk_start,
    .reset = virtio_blk_clear,
    .queue_reset = virtio_blk_queue_reset,
    .cancel = virtio_blk_cancel,
    .drain = virtio_blk_drain,
    .post_load = virtio_blk_post_load);
// clang-format on

VIRTIO_PCI(virtio_blk, "virtio-blk", DEVICE_STORAGE, .pci.class_code = 0x010000,
           .legacy_device = 0x1001);

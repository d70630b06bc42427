/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The NVM command set: Flush, Write, Read, Compare, Write Zeroes, Dataset Management.
 *
 * Specification: NVM Express Base 1.4, chapter 6.
 *
 * Commands of several requests (a write that must be stable, the ranges of a deallocation, a flush
 * of all namespaces) do one after the other; request_next() says what comes next.
 *
 * Lock: the controller's; data moves without it. Test: tests/unit/test-nvme.c
 */
#include "hw/nvme/private.h"

#include <errno.h>
#include <string.h>

#include "rhea/log.h"

enum {
    IO_FLUSH = 0x00,
    IO_WRITE = 0x01,
    IO_READ = 0x02,
    IO_COMPARE = 0x05,
    IO_WRITE_ZEROES = 0x08,
    IO_DATASET = 0x09,
};

#define DSM_RANGES     256
#define DSM_RANGE_SIZE 16

static void request_done(BlockRequest *io, int ret);
static uint16_t request_next(NvmeReq *r);

static uint16_t submit(NvmeReq *r, NvmeNs *ns, BlockOp op)
{
    r->ns = ns;
    r->io.op = op;
    r->io.done = request_done;
    r->io.opaque = r;
    if (op == BLOCK_READ && block_read_now(ns->conf.backend, &r->io)) {
        return request_next(r);
    }
    block_submit(ns->conf.backend, &r->io);
    return NVME_PENDING;
}

static uint8_t opcode(const NvmeReq *r)
{
    return r->cmd[0];
}

static bool is_write(const NvmeReq *r)
{
    return opcode(r) != IO_READ && opcode(r) != IO_COMPARE;
}

static uint16_t error_status(int error, bool write)
{
    switch (error) {
    case ENOSPC:
        return NVME_CAPACITY_EXCEEDED;
    case EROFS:
    case EPERM:
        return NVME_WRITE_PROTECTED;
    default:
        return write ? NVME_WRITE_FAULT : NVME_READ_ERROR;
    }
}

static void request_failed(NvmeReq *r, int error)
{
    NvmeState *s = r->s;
    bool write = is_write(r);

    switch (block_conf_policy(&r->ns->conf, write, error)) {
    case ON_ERROR_STOP:
        nvme_hold(r);
        return;
    case ON_ERROR_IGNORE:
        nvme_complete(r, NVME_OK);
        return;
    default:
        s->media_errors++;
        nvme_error_log(s, r->sqid, pci_get16(r->cmd + 2), error_status(error, write),
                       nvme_cdq(r, 10), r->ns->nsid);
        nvme_complete(r, error_status(error, write) | NVME_DNR);
    }
}

/* The next namespace of a flush of all. */
static uint16_t flush_next(NvmeReq *r)
{
    while (++r->step <= NVME_NS_MAX) {
        if (r->s->ns[r->step]) {
            return submit(r, r->s->ns[r->step], BLOCK_FLUSH);
        }
    }
    return NVME_OK;
}

/* 6.7: the next range. Deallocating is a hint: what reaches the disk is its business. */
static uint16_t dataset_next(NvmeReq *r)
{
    uint32_t n = (nvme_cdw(r, 10) & 0xff) + 1;

    while (r->step < n) {
        const uint8_t *range = r->bounce + DSM_RANGE_SIZE * r->step++;
        uint64_t lba = pci_get64(range + 8), blocks = pci_get32(range + 4);

        if (blocks == 0) {
            continue;
        }
        r->io.offset = lba << r->ns->lba_shift;
        r->io.len = blocks << r->ns->lba_shift;
        return submit(r, r->ns, BLOCK_DISCARD);
    }
    return NVME_OK;
}

/* 6.6 */
static uint16_t compare(const NvmeReq *r)
{
    const uint8_t *disk = r->bounce;

    for (int i = 0; i < r->niov; i++) {
        if (memcmp(disk, r->iov[i].iov_base, r->iov[i].iov_len) != 0) {
            return NVME_COMPARE_FAILURE | NVME_DNR;
        }
        disk += r->iov[i].iov_len;
    }
    return NVME_OK;
}

static bool must_be_stable(const NvmeReq *r)
{
    /* FUA, or there is no volatile cache for the driver. */
    return (nvme_cdw(r, 12) >> 30 & 1) || !r->s->write_cache;
}

static uint16_t request_next(NvmeReq *r)
{
    switch (opcode(r)) {
    case IO_READ:
        nvme_mapped_written(r);
        return NVME_OK;
    case IO_WRITE:
    case IO_WRITE_ZEROES:
        if (r->io.op != BLOCK_FLUSH && must_be_stable(r)) {
            return submit(r, r->ns, BLOCK_FLUSH);
        }
        return NVME_OK;
    case IO_COMPARE:
        return compare(r);
    case IO_DATASET:
        return dataset_next(r);
    default:
        return nvme_cdw(r, 1) == NVME_NSID_ALL ? flush_next(r) : NVME_OK;
    }
}

static void request_done(BlockRequest *io, int ret)
{
    NvmeReq *r = io->opaque;
    NvmeState *s = r->s;
    bool lock = !s->synchronous;

    if (lock) {
        device_lock(s);
    }
    if (r->epoch != s->epoch || s->resetting) {
        nvme_complete(r, NVME_SILENT);
    } else if (ret < 0) {
        request_failed(r, -ret);
    } else {
        uint16_t status = request_next(r);

        if (status != NVME_PENDING) {
            nvme_complete(r, status);
        }
    }
    if (lock) {
        device_unlock(s);
    }
}

/* ---- start ---- */

static bool in_range(const NvmeNs *ns, uint64_t lba, uint64_t blocks)
{
    return lba <= ns->blocks && blocks <= ns->blocks - lba;
}

static uint16_t transfer(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint64_t lba = nvme_cdq(r, 10), blocks = (nvme_cdw(r, 12) & 0xffff) + 1;
    uint64_t len = blocks << r->ns->lba_shift;
    bool zero = opcode(r) == IO_WRITE_ZEROES, read = opcode(r) == IO_READ;
    uint16_t status;

    if (is_write(r) && block_read_only(r->ns->conf.backend)) {
        return NVME_WRITE_PROTECTED | NVME_DNR;
    }
    if (!zero && s->mdts && len > 4096u << s->mdts) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (!in_range(r->ns, lba, blocks)) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: command 0x%x beyond the end of namespace %u\n",
                      device_name(s), opcode(r), r->ns->nsid);
        return NVME_LBA_RANGE | NVME_DNR;
    }
    r->io.offset = lba << r->ns->lba_shift;
    if (zero) {
        r->io.len = len;
        r->io.unmap = nvme_cdw(r, 12) >> 25 & 1;
        return submit(r, r->ns, BLOCK_WRITE_ZEROES);
    }
    status = nvme_map(r, len, read);
    if (status != NVME_OK) {
        return status;
    }
    if (opcode(r) == IO_COMPARE) {
        r->bounce = g_malloc(len);
        r->bounce_iov = (struct iovec){r->bounce, len};
        r->io.iov = &r->bounce_iov;
        r->io.niov = 1;
        s->reads++;
        return submit(r, r->ns, BLOCK_READ);
    }
    if (read) {
        s->reads++;
        s->blocks_read += len / 512;
    } else {
        s->writes++;
        s->blocks_written += len / 512;
    }
    r->io.iov = r->iov;
    r->io.niov = r->niov;
    return submit(r, r->ns, read ? BLOCK_READ : BLOCK_WRITE);
}

static uint16_t dataset(NvmeReq *r)
{
    uint32_t n = (nvme_cdw(r, 10) & 0xff) + 1;
    uint16_t status;

    r->bounce = g_malloc(DSM_RANGES * DSM_RANGE_SIZE);
    status = nvme_take(r, r->bounce, n * DSM_RANGE_SIZE);
    if (status != NVME_OK) {
        return status;
    }
    if (!(nvme_cdw(r, 11) & 4)) {
        return NVME_OK; /* hints of how the data is used */
    }
    if (block_read_only(r->ns->conf.backend)) {
        return NVME_WRITE_PROTECTED | NVME_DNR;
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *range = r->bounce + DSM_RANGE_SIZE * i;

        if (!in_range(r->ns, pci_get64(range + 8), pci_get32(range + 4))) {
            return NVME_LBA_RANGE | NVME_DNR;
        }
    }
    return dataset_next(r);
}

uint16_t nvme_io(NvmeReq *r)
{
    uint32_t nsid = nvme_cdw(r, 1);

    if (opcode(r) == IO_FLUSH && nsid == NVME_NSID_ALL) {
        return flush_next(r);
    }
    r->ns = nvme_ns(r->s, nsid);
    if (!r->ns) {
        return (nvme_nsid_valid(nsid) ? NVME_INVALID_FIELD : NVME_INVALID_NAMESPACE) | NVME_DNR;
    }
    switch (opcode(r)) {
    case IO_FLUSH:
        return submit(r, r->ns, BLOCK_FLUSH);
    case IO_WRITE:
    case IO_READ:
    case IO_COMPARE:
    case IO_WRITE_ZEROES:
        return transfer(r);
    case IO_DATASET:
        return dataset(r);
    default:
        return NVME_INVALID_OPCODE | NVME_DNR;
    }
}

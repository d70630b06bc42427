/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * NVM Express controller on PCI Express: registers, queues, completion, interrupts.
 *
 * Specification: NVM Express Base 1.4: 3.1 (registers), 4.1 (queues), 4.2 (commands), 4.3 (PRPs),
 * 4.6 (completions), 7.3 (resets), 7.5 (interrupts), 7.6 (initialization and shutdown). One port,
 * PRPs only, no controller memory buffer, round-robin arbitration.
 *
 * A doorbell takes commands off the queues on the vCPU's thread and hands them to the block layer;
 * nothing waits there. A command ends on the worker that did it, which takes the device's lock for
 * that, and fetches what had no slot before. With a synchronous backend (-icount) all happens
 * inside the doorbell, under its lock.
 *
 * Resets do not wait either. After CC.EN was cleared, CSTS.RDY falls when the last command under
 * way has come back and been forgotten; after a reset of the function, it is not ready until then.
 *
 * Lock: the device's, namespaces included. Test: tests/unit/test-nvme.c, tests/fuzz/storage.c
 */
#include "hw/nvme/private.h"

#include <inttypes.h>
#include <string.h>

#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#define DOORBELLS  0x1000
#define VERSION    0x00010400
#define BURST      8 /* commands taken from a queue in turn */
#define PAGE_UP(x) (((x) + 0xfff) & ~0xfffu)

/* 3.1.1 to 3.1.6 */
enum {
    CAP_CQR = 1 << 16,
    CC_EN = 1,
    CC_FIXED = 0x3ff0, /* arbitration, page size, command set: as they were when it was enabled */
    CC_SHN = 3 << 14,
    CSTS_RDY = 1,
    CSTS_CFS = 2,
    CSTS_SHST = 3 << 2,
    CSTS_SHST_OCCURRING = 1 << 2,
    CSTS_SHST_COMPLETE = 2 << 2,
};

// clang-format off
PROPS(nvme, NvmeState,
    BLOCK_PROPS(conf),
    BOOT_PROP(conf.bootindex, "namespace@1,0"),
    BLOCK_ERROR_PROPS(conf),
    PROP("serial", STRING, serial, NULL, PUBLIC, "serial number, up to 20 bytes; must be given"),
    PROP("model", STRING, model, NULL, PUBLIC, "model number, up to 40 bytes"),
    PROP("firmware-version", STRING, firmware_version, NULL, PUBLIC, "up to 8 bytes"),
    PROP("max_ioqpairs", U32, max_ioqpairs, "64", PUBLIC, "pairs of I/O queues, 1 to 2047"),
    PROP("num_queues", U32, num_queues, "0", PUBLIC, "the same with the admin queue; deprecated"),
    PROP("msix_qsize", U16, msix_qsize, "65", PUBLIC, "interrupt vectors, 1 to 2048"),
    PROP("mqes", U16, mqes, "2047", PUBLIC, "entries of a queue, less one"),
    PROP("mdts", U8, mdts, "7", PUBLIC, "most data of a command: 2^N pages of 4 KiB; 0: no limit"),
    PROP("aerl", U8, aerl, "3", PUBLIC, "asynchronous event requests, less one"),
    PROP("aer_max_queued", U32, aer_max_queued, "64", PUBLIC, "events kept for the driver"),
    PROP("use-intel-id", BOOL, use_intel_id, "off", PUBLIC, "on/off"),
    PROP("ioeventfd", BOOL, ioeventfd, "off", PUBLIC, "accepted; doorbells never wait here"),
    PCI_PROPS)
// clang-format on

static void nvme_run(NvmeState *s);

/* ---- interrupts, 7.5 ---- */

static void intx_update(NvmeState *s)
{
    bool level = false;

    if (!pci_msix_enabled(s->pci)) {
        for (uint32_t i = 0; i < s->n_queues && !level; i++) {
            const NvmeQueue *q = &s->queue[i];

            level = q->cq_on && q->cq_irq && q->cq_head != q->cq_tail &&
                    !(s->intms >> MIN(q->cq_vector, 31) & 1);
        }
    }
    pci_set_irq(s->pci, level);
}

static void intms_write(void *opaque, unsigned i, uint64_t val)
{
    NvmeState *s = opaque;

    s->intms |= val;
    intx_update(s);
}

static void intmc_write(void *opaque, unsigned i, uint64_t val)
{
    NvmeState *s = opaque;

    s->intms &= ~(uint32_t)val;
    intx_update(s);
}

/* ---- completion, 4.6 ---- */

static void fatal(NvmeState *s, const char *what)
{
    rhea_log_mask(LOG_GUEST_ERROR, "%s: %s cannot be reached: the controller stops\n",
                  device_name(s), what);
    s->csts |= CSTS_CFS;
}

static bool live(const NvmeState *s)
{
    return (s->csts & (CSTS_RDY | CSTS_CFS)) == CSTS_RDY && !s->resetting;
}

static uint32_t cq_used(const NvmeQueue *q)
{
    return (q->cq_tail + q->cq_size - q->cq_head) % q->cq_size;
}

static bool cq_has_room(const NvmeQueue *q)
{
    return q->cq_on && cq_used(q) + q->cq_reserved < q->cq_size - 1;
}

static void cq_interrupt(NvmeState *s, const NvmeQueue *q)
{
    if (pci_msix_enabled(s->pci)) {
        pci_msix_notify(s->pci, q->cq_vector);
    } else {
        intx_update(s);
    }
}

static void cq_post(NvmeState *s, uint16_t sqid, uint16_t cid, uint32_t result, uint16_t status)
{
    const NvmeQueue *sq = &s->queue[sqid];
    NvmeQueue *q = &s->queue[sq->sq_cq];
    uint8_t e[NVME_CQE_SIZE] = {0};
    hwaddr at = q->cq_base + (uint64_t)q->cq_tail * NVME_CQE_SIZE;

    pci_put32(e, result);
    pci_put16(e + 8, sq->sq_head);
    pci_put16(e + 10, sqid);
    /* The last word has the phase bit: the driver sees it no earlier than the others. */
    uint32_t last = cid | (uint32_t)status << 17 | (uint32_t)q->cq_phase << 16;
    if (memory_write(s->pci->as, at, e, 12) != MEMTX_OK ||
        (__atomic_thread_fence(__ATOMIC_RELEASE),
         memory_st32_le(s->pci->as, at + 12, last) != MEMTX_OK)) {
        fatal(s, "a completion queue");
        return;
    }
    if (++q->cq_tail == q->cq_size) {
        q->cq_tail = 0;
        q->cq_phase = !q->cq_phase;
    }
    if (!q->cq_irq) {
        return;
    }
    if (s->running) {
        q->cq_news = s->news = true;
    } else {
        cq_interrupt(s, q);
    }
}

static void request_free(NvmeReq *r)
{
    g_free(r->iov);
    g_free(r->bounce);
    g_free(r);
}

static void reset_finish(NvmeState *s);

/* What a command holds of its queues. */
static void reserve(NvmeState *s, uint16_t sqid, uint16_t cqid, int n)
{
    s->queue[sqid].sq_busy += n;
    s->queue[cqid].cq_reserved += n;
}

static void request_drop(NvmeReq *r)
{
    reserve(r->s, r->sqid, r->cqid, -1);
    r->s->n_busy--;
    request_free(r);
}

/* The last command of a queue that is to be deleted has come back. */
static bool deletion_finish(NvmeState *s, uint16_t sqid)
{
    NvmeQueue *q = &s->queue[sqid];
    NvmeReq *waiting = q->sq_delete;

    if (!waiting || q->sq_busy > 0) {
        return false;
    }
    q->sq_delete = NULL;
    q->sq_on = false;
    nvme_complete(waiting, NVME_OK);
    return true;
}

void nvme_complete(NvmeReq *r, uint16_t status)
{
    NvmeState *s = r->s;
    uint16_t sqid = r->sqid;

    if (r->epoch == s->epoch && live(s) && status != NVME_SILENT) {
        cq_post(s, sqid, pci_get16(r->cmd + 2), r->result, status);
    }
    request_drop(r);
    if (s->resetting) {
        if (s->n_busy == 0 && !s->draining) {
            reset_finish(s);
        }
    } else if (!deletion_finish(s, sqid)) {
        nvme_events_send(s);
        nvme_run(s);
    }
}

/* ---- asynchronous events, 5.2 ---- */

void nvme_events_send(NvmeState *s)
{
    const NvmeQueue *admin = &s->queue[0];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->n_events; i++) {
        uint32_t event = s->events[i], type = event & 7;

        if (s->n_aer == 0 || (s->events_masked >> type & 1) || !cq_has_room(admin)) {
            s->events[kept++] = event;
            continue;
        }
        s->events_masked |= 1u << type;
        cq_post(s, 0, s->aer_cid[0], event, NVME_OK);
        s->n_aer--;
        memmove(s->aer_cid, s->aer_cid + 1, s->n_aer * sizeof(s->aer_cid[0]));
    }
    s->n_events = kept;
}

bool nvme_abort_async(NvmeState *s, uint32_t i)
{
    if (!cq_has_room(&s->queue[0])) {
        return false;
    }
    cq_post(s, 0, s->aer_cid[i], 0, NVME_ABORT_REQUESTED);
    s->n_aer--;
    memmove(s->aer_cid + i, s->aer_cid + i + 1, (s->n_aer - i) * sizeof(s->aer_cid[0]));
    return true;
}

void nvme_event(NvmeState *s, uint32_t event)
{
    if (s->n_events < MIN(s->aer_max_queued, NVME_EVENTS_MAX)) {
        s->events[s->n_events++] = event;
        nvme_events_send(s);
    }
}

/* 5.14.1.1; the newest first. */
void nvme_error_log(NvmeState *s, uint16_t sqid, uint16_t cid, uint16_t status, uint64_t lba,
                    uint32_t nsid)
{
    uint8_t *e = s->errors;

    memmove(e + 64, e, (NVME_ERRORS - 1) * 64);
    memset(e, 0, 64);
    s->n_errors++;
    pci_put32(e, s->n_errors);
    pci_put32(e + 4, s->n_errors >> 32);
    pci_put16(e + 8, sqid);
    pci_put16(e + 10, cid);
    pci_put16(e + 12, status << 1);
    pci_put16(e + 14, 0xffff); /* no one field of the command is to blame */
    pci_put32(e + 16, lba);
    pci_put32(e + 20, lba >> 32);
    pci_put32(e + 24, nsid);
}

/* ---- data, 4.3 ---- */

/* One piece, joined to the last one if the host memory goes on there. */
static bool iov_add(NvmeReq *r, hwaddr addr, uint64_t len, bool to_guest)
{
    NvmeState *s = r->s;

    while (len > 0) {
        uint64_t got = len;
        uint8_t *host = memory_map(s->pci->as, addr, &got, to_guest);
        struct iovec *last = r->niov ? &r->iov[r->niov - 1] : NULL;

        if (!host || got == 0) {
            return false;
        }
        if (last && (uint8_t *)last->iov_base + last->iov_len == host) {
            last->iov_len += got;
        } else {
            /* Room in powers of two. */
            if ((r->niov & (r->niov - 1)) == 0) {
                r->iov = g_renew(struct iovec, r->iov, MAX(1, r->niov * 2));
            }
            r->iov[r->niov++] = (struct iovec){host, got};
        }
        addr += got;
        len -= got;
    }
    return true;
}

static uint16_t map_list(NvmeReq *r, hwaddr list, uint64_t len, bool to_guest)
{
    uint32_t page = nvme_page_size(r->s);
    g_autofree uint8_t *entries = g_malloc(page);

    if (list & 7) {
        return NVME_PRP_OFFSET | NVME_DNR;
    }
    while (len > 0) {
        /* What is left of this page of the list; its last entry leads to the next page. */
        uint32_t room = (page - (list & (page - 1))) / 8;
        uint64_t need = (len + page - 1) / page;
        uint32_t n = MIN(need, room);

        if (memory_read(r->s->pci->as, list, entries, n * 8) != MEMTX_OK) {
            return NVME_DATA_TRANSFER_ERROR;
        }
        for (uint32_t i = 0; i < n; i++) {
            hwaddr addr = pci_get64(entries + 8 * i);

            if (i + 1 == room && need > room) {
                /* Page-aligned, so the next piece has more than this one entry: the walk ends. */
                if (addr & (page - 1)) {
                    return NVME_PRP_OFFSET | NVME_DNR;
                }
                list = addr;
                break;
            }
            if (addr & (page - 1)) {
                return NVME_PRP_OFFSET | NVME_DNR;
            }
            if (!iov_add(r, addr, MIN(len, page), to_guest)) {
                return NVME_DATA_TRANSFER_ERROR;
            }
            len -= MIN(len, page);
        }
    }
    return NVME_OK;
}

uint16_t nvme_map(NvmeReq *r, uint64_t len, bool to_guest)
{
    uint64_t prp1 = nvme_cdq(r, 6), prp2 = nvme_cdq(r, 8);
    uint32_t page = nvme_page_size(r->s);
    uint64_t first = MIN(len, page - (prp1 & (page - 1)));

    r->iov_len = len;
    if (len == 0) {
        return NVME_OK;
    }
    if (prp1 & 3) {
        return NVME_PRP_OFFSET | NVME_DNR;
    }
    if (!iov_add(r, prp1, first, to_guest)) {
        return NVME_DATA_TRANSFER_ERROR;
    }
    len -= first;
    if (len == 0) {
        return NVME_OK;
    }
    if (len > page) {
        return map_list(r, prp2, len, to_guest);
    }
    if (prp2 & (page - 1)) {
        return NVME_PRP_OFFSET | NVME_DNR;
    }
    return iov_add(r, prp2, len, to_guest) ? NVME_OK : NVME_DATA_TRANSFER_ERROR;
}

void nvme_mapped_written(NvmeReq *r)
{
    for (int i = 0; i < r->niov; i++) {
        memory_unmap(r->s->pci->as, r->iov[i].iov_base, r->iov[i].iov_len);
    }
}

static uint16_t copy(NvmeReq *r, uint8_t *data, uint32_t len, bool to_guest)
{
    uint16_t status = nvme_map(r, len, to_guest);

    if (status != NVME_OK) {
        return status;
    }
    for (int i = 0; i < r->niov; i++) {
        size_t n = r->iov[i].iov_len;

        memcpy(to_guest ? r->iov[i].iov_base : data, to_guest ? data : r->iov[i].iov_base, n);
        data += n;
    }
    if (to_guest) {
        nvme_mapped_written(r);
    }
    return NVME_OK;
}

uint16_t nvme_give(NvmeReq *r, const void *data, uint32_t len)
{
    return copy(r, (uint8_t *)data, len, true);
}

uint16_t nvme_take(NvmeReq *r, void *data, uint32_t len)
{
    return copy(r, data, len, false);
}

/* ---- commands, 4.2 ---- */

static void command_start(NvmeState *s, uint16_t sqid, const uint8_t *cmd)
{
    NvmeReq *r = g_new0(NvmeReq, 1);
    uint16_t status;

    r->s = s;
    r->sqid = sqid;
    r->cqid = s->queue[sqid].sq_cq;
    r->epoch = s->epoch;
    memcpy(r->cmd, cmd, NVME_SQE_SIZE);
    s->n_busy++;
    reserve(s, sqid, r->cqid, 1);
    if (nvme_cdw(r, 0) & 0xc300) {
        /* Scatter-gather lists and fused commands are not offered. */
        status = NVME_INVALID_FIELD | NVME_DNR;
    } else {
        status = sqid == 0 ? nvme_admin(r) : nvme_io(r);
    }
    if (status != NVME_PENDING) {
        nvme_complete(r, status);
    }
}

static bool queue_ready(const NvmeState *s, const NvmeQueue *q)
{
    return q->sq_on && q->sq_head != q->sq_tail && !q->sq_delete && s->n_busy < NVME_SLOTS &&
           cq_has_room(&s->queue[q->sq_cq]);
}

/* Take what there is, the queues in turn (4.13, round robin). */
static void nvme_run(NvmeState *s)
{
    uint8_t cmd[NVME_SQE_SIZE];

    if (s->running) {
        s->again = true;
        return;
    }
    s->running = true;
    do {
        s->again = false;
        for (uint32_t n = 0; n < s->n_queues; n++) {
            uint32_t id = s->next_queue;
            NvmeQueue *q = &s->queue[id];

            s->next_queue = (id + 1) % s->n_queues;
            for (unsigned burst = 0; live(s) && queue_ready(s, q); burst++) {
                if (!pci_master_enabled(s->pci)) {
                    break; /* until it is switched on */
                }
                if (burst == BURST) {
                    s->again = true;
                    break;
                }
                if (memory_read(s->pci->as, q->sq_base + (uint64_t)q->sq_head * NVME_SQE_SIZE, cmd,
                                sizeof(cmd)) != MEMTX_OK) {
                    fatal(s, "a submission queue");
                    break;
                }
                q->sq_head = (q->sq_head + 1) % q->sq_size;
                command_start(s, id, cmd);
            }
        }
    } while (s->again);
    s->running = false;
    /* What ended at once is told together. */
    for (uint32_t n = 0; s->news && n < s->n_queues; n++) {
        if (s->queue[n].cq_news && s->queue[n].cq_on) {
            cq_interrupt(s, &s->queue[n]);
        }
        s->queue[n].cq_news = false;
    }
    s->news = false;
}

/* ---- held commands: their queues and the room for their completions stay reserved ---- */

static uint16_t held_queue(const NvmeState *s, uint32_t i)
{
    return s->held[(size_t)i * NVME_HELD_WORDS];
}

void nvme_hold(NvmeReq *r)
{
    NvmeState *s = r->s;

    if (r->epoch != s->epoch || !live(s) || s->queue[r->sqid].sq_delete ||
        s->n_held == NVME_SLOTS) {
        nvme_complete(r, NVME_ABORTED_SQ_DELETION);
        return;
    }
    uint64_t *at = s->held + (size_t)s->n_held++ * NVME_HELD_WORDS;
    at[0] = r->sqid;
    for (unsigned i = 0; i < NVME_SQE_SIZE / 8; i++) {
        at[1 + i] = pci_get64(r->cmd + 8 * i);
    }
    reserve(s, r->sqid, r->cqid, 1);
    request_drop(r);
    machine_request_stop(s->dev.machine, RUN_IO_ERROR);
}

static void held_forget(NvmeState *s)
{
    for (uint32_t i = 0; i < s->n_held; i++) {
        uint16_t sqid = held_queue(s, i);

        reserve(s, sqid, s->queue[sqid].sq_cq, -1);
    }
    s->n_held = 0;
}

void nvme_held_abort(NvmeState *s, uint16_t sqid)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->n_held; i++) {
        uint64_t *at = s->held + (size_t)i * NVME_HELD_WORDS;

        if (at[0] == sqid) {
            reserve(s, sqid, s->queue[sqid].sq_cq, -1);
            cq_post(s, sqid, at[1] >> 16, 0, NVME_ABORTED_SQ_DELETION);
        } else {
            memmove(s->held + (size_t)kept++ * NVME_HELD_WORDS, at, NVME_HELD_WORDS * 8);
        }
    }
    s->n_held = kept;
}

/* Main loop, when the machine goes on: do again what was held. */
static void nvme_run_change(void *opaque, bool running)
{
    NvmeState *s = opaque;

    if (!running) {
        return;
    }
    device_lock(s);
    uint32_t n = s->n_held;
    g_autofree uint64_t *held = g_memdup2(s->held, n * NVME_HELD_WORDS * sizeof(held[0]));
    held_forget(s);
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t *at = held + (size_t)i * NVME_HELD_WORDS;
        uint8_t cmd[NVME_SQE_SIZE];

        for (unsigned k = 0; k < NVME_SQE_SIZE; k++) {
            cmd[k] = at[1 + k / 8] >> k % 8 * 8;
        }
        if (live(s) && s->queue[at[0]].sq_on) {
            command_start(s, at[0], cmd);
        }
    }
    nvme_run(s);
    device_unlock(s);
}

/* ---- doorbells, 3.1.24, 3.1.25 ---- */

static void doorbell_bad(NvmeState *s, unsigned i, uint32_t val, bool value)
{
    rhea_log_mask(LOG_GUEST_ERROR, "%s: doorbell of %s queue %u: %s 0x%x\n", device_name(s),
                  i & 1 ? "completion" : "submission", i / 2,
                  value ? "bad value" : "there is no such queue:", val);
    nvme_error_log(s, i / 2, 0, NVME_INVALID_FIELD, 0, NVME_NSID_ALL);
    nvme_event(s, value ? NVME_EVENT_DOORBELL_VALUE : NVME_EVENT_DOORBELL_REGISTER);
}

static void doorbell_write(void *opaque, unsigned i, uint64_t val)
{
    NvmeState *s = opaque;
    NvmeQueue *q = &s->queue[i / 2];

    if (!live(s)) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: doorbell of a controller that is not ready\n",
                      device_name(s));
        return;
    }
    val &= 0xffff;
    if (i & 1 ? !q->cq_on : !q->sq_on) {
        doorbell_bad(s, i, val, false);
        return;
    }
    if (i & 1) {
        if (val >= q->cq_size || (val + q->cq_size - q->cq_head) % q->cq_size > cq_used(q)) {
            doorbell_bad(s, i, val, true);
            return;
        }
        q->cq_head = val;
        intx_update(s);
        nvme_events_send(s);
    } else {
        if (val >= q->sq_size) {
            doorbell_bad(s, i, val, true);
            return;
        }
        q->sq_tail = val;
    }
    nvme_run(s);
}

/* ---- enabling, resets, shutdown: 3.1.5, 7.3, 7.6 ---- */

/* 7.3.2: everything but the admin queue's registers. */
static void controller_clear(NvmeState *s)
{
    for (uint32_t i = 0; i < s->n_queues; i++) {
        NvmeQueue *q = &s->queue[i];

        q->sq_on = q->cq_on = false;
    }
    s->n_aer = s->n_events = 0;
    s->events_masked = 0;
    s->intms = 0;
    s->csts = 0;
    nvme_features_reset(s);
    intx_update(s);
}

static void controller_enable(NvmeState *s)
{
    uint32_t asqs = (s->aqa & 0xfff) + 1, acqs = (s->aqa >> 16 & 0xfff) + 1;
    NvmeQueue *q = &s->queue[0];
    uint32_t page = nvme_page_size(s);

    if (asqs < 2 || acqs < 2 || (s->cc >> 7 & 15) > 4 || (s->asq & (page - 1)) ||
        (s->acq & (page - 1)) || (s->cc >> 4 & 7) != 0) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "%s: enabled with CC 0x%x, AQA 0x%x, ASQ 0x%" PRIx64 ", ACQ 0x%" PRIx64 "\n",
                      device_name(s), s->cc, s->aqa, s->asq, s->acq);
        s->csts |= CSTS_CFS;
        return;
    }
    *q = (NvmeQueue){.sq_on = true,
                     .sq_base = s->asq,
                     .sq_size = asqs,
                     .cq_on = true,
                     .cq_base = s->acq,
                     .cq_size = acqs,
                     .cq_phase = true,
                     .cq_irq = true};
    /* A flush of a shutdown may still be under way. */
    s->csts = (s->csts & CSTS_SHST) == CSTS_SHST_OCCURRING ? s->csts | CSTS_RDY : CSTS_RDY;
}

static void deletions_forget(NvmeState *s)
{
    for (uint32_t i = 0; i < s->n_queues; i++) {
        NvmeReq *waiting = s->queue[i].sq_delete;

        s->queue[i].sq_delete = NULL;
        if (waiting) {
            request_drop(waiting);
        }
    }
}

/* No command is under way any more. */
static void reset_finish(NvmeState *s)
{
    s->resetting = false;
    s->epoch++;
    for (uint32_t i = 0; i < s->n_queues; i++) {
        s->queue[i].sq_busy = s->queue[i].cq_reserved = 0;
    }
    controller_clear(s);
    if (s->cc & CC_EN) {
        controller_enable(s); /* it was set again meanwhile */
    }
}

/* What is under way is of no use any more. */
static void reset_begin(NvmeState *s)
{
    s->resetting = true;
    deletions_forget(s);
    for (unsigned i = 1; i <= NVME_NS_MAX && s->n_busy > 0; i++) {
        if (s->ns[i]) {
            block_cancel(s->ns[i]->conf.backend);
        }
    }
    if (s->n_busy == 0) {
        reset_finish(s);
    }
}

static void controller_disable(NvmeState *s)
{
    held_forget(s);
    reset_begin(s);
}

/* Caches of all namespaces go to the disks, one after the other. */
static void shutdown_step(NvmeState *s);

static void shutdown_done(BlockRequest *io, int ret)
{
    NvmeState *s = io->opaque;
    bool lock = !s->synchronous;

    if (lock) {
        device_lock(s);
    }
    s->n_busy--;
    shutdown_step(s);
    if (s->resetting && s->n_busy == 0 && !s->draining) {
        reset_finish(s);
    }
    if (lock) {
        device_unlock(s);
    }
}

static void shutdown_step(NvmeState *s)
{
    while (++s->shutdown_ns <= NVME_NS_MAX) {
        NvmeNs *ns = s->ns[s->shutdown_ns];

        if (ns && !s->resetting) {
            s->n_busy++;
            s->shutdown_io = (BlockRequest){.op = BLOCK_FLUSH, .done = shutdown_done, .opaque = s};
            block_submit(ns->conf.backend, &s->shutdown_io);
            return;
        }
    }
    if ((s->csts & CSTS_SHST) == CSTS_SHST_OCCURRING) {
        s->csts = (s->csts & ~CSTS_SHST) | CSTS_SHST_COMPLETE;
    }
}

static void cc_write(void *opaque, unsigned i, uint64_t val)
{
    NvmeState *s = opaque;
    uint32_t old = s->cc;

    s->cc = val & 0x00fffff1;
    if ((old & CC_EN) && (s->cc & CC_EN)) {
        s->cc = (s->cc & ~CC_FIXED) | (old & CC_FIXED);
    }
    if (s->resetting) {
        return; /* reset_finish() looks at it */
    }
    if ((old & CC_EN) && !(s->cc & CC_EN)) {
        controller_disable(s);
    } else if (!(old & CC_EN) && (s->cc & CC_EN)) {
        controller_enable(s);
    }
    if ((s->cc & CC_SHN) && !(old & CC_SHN) && !(s->csts & CSTS_SHST)) {
        s->csts |= CSTS_SHST_OCCURRING;
        s->shutdown_ns = 0;
        shutdown_step(s);
    } else if (!(s->cc & CC_SHN)) {
        s->csts &= (s->csts & CSTS_SHST) == CSTS_SHST_COMPLETE ? ~CSTS_SHST : UINT32_MAX;
    }
}

static uint64_t cap_read(void *opaque, unsigned i)
{
    const NvmeState *s = opaque;

    /* Time to get ready 7.5 s; NVM command set; pages of 4 KiB to 64 KiB. */
    return s->mqes | CAP_CQR | UINT64_C(15) << 24 | UINT64_C(1) << 37 | UINT64_C(4) << 52;
}

static uint64_t version_read(void *opaque, unsigned i)
{
    return VERSION;
}

static uint64_t csts_read(void *opaque, unsigned i)
{
    return ((NvmeState *)opaque)->csts;
}

// clang-format off
REGS(nvme, NvmeState,
    REG(CAP,   0x00, 8, RO, .read = cap_read, .split = true),
    REG(VS,    0x08, 4, RO, .read = version_read),
    REG(INTMS, 0x0c, 4, RW, IN(intms), .write = intms_write),
    REG(INTMC, 0x10, 4, RW, IN(intms), .write = intmc_write),
    REG(CC,    0x14, 4, RW, IN(cc), .write = cc_write),
    REG(CSTS,  0x1c, 4, RO, .read = csts_read),
    REG(NSSR,  0x20, 4, RZ),
    REG(AQA,   0x24, 4, RW, IN(aqa), .mask = 0x0fff0fff),
    REG(ASQ,   0x28, 8, RW, IN(asq), .mask = ~UINT64_C(0xfff), .split = true),
    REG(ACQ,   0x30, 8, RW, IN(acq), .mask = ~UINT64_C(0xfff), .split = true),
    REG(CMBLOC, 0x38, 4, RZ),
    REG(CMBSZ, 0x3c, 4, RZ),
    REG(BPINFO, 0x40, 4, RZ),
    REG(CMBMSC, 0x50, 8, RZ, .split = true),
    REG(CMBSTS, 0x58, 4, RZ),
    REG(PMRCAP, 0xe00, 4, RZ),
    REG(DOORBELL, DOORBELLS, 4, WO, .count = 2 * NVME_QUEUES_MAX, .limit = FIELD(n_doorbells),
        .write = doorbell_write))
// clang-format on

/* ---- life ---- */

/* Gives the lock up until no command is under way. */
static void drain(NvmeState *s)
{
    while (s->n_busy > 0) {
        device_unlock(s);
        for (unsigned i = 1; i <= NVME_NS_MAX; i++) {
            if (s->ns[i]) {
                block_drain(s->ns[i]->conf.backend);
            }
        }
        device_lock(s);
    }
}

/* The same, and what comes back has no effect. */
static void forget_all(NvmeState *s)
{
    s->epoch++;
    s->resetting = s->draining = true;
    deletions_forget(s);
    drain(s);
    s->resetting = s->draining = false;
    for (uint32_t i = 0; i < s->n_queues; i++) {
        s->queue[i].sq_busy = s->queue[i].cq_reserved = 0;
    }
}

static void nvme_reset(void *opaque)
{
    NvmeState *s = opaque;

    s->epoch++;
    s->n_held = 0;
    s->cc = 0;
    s->asq = s->acq = s->aqa = 0;
    pci_reset(s);
    reset_begin(s);
}

static void nvme_settle(void *opaque)
{
    drain(opaque);
}

static bool nvme_unsettled(void *opaque)
{
    return ((NvmeState *)opaque)->resetting;
}

void nvme_forget_commands(NvmeState *s)
{
    device_lock(s);
    forget_all(s);
    device_unlock(s);
}

static void nvme_pre_save(void *opaque)
{
    drain(opaque);
}

static bool queues_good(const NvmeState *s)
{
    for (uint32_t i = 0; i < s->n_queues; i++) {
        const NvmeQueue *q = &s->queue[i];

        if ((q->sq_on &&
             (q->sq_size < 2 || q->sq_size > 65536 || q->sq_head >= q->sq_size ||
              q->sq_tail >= q->sq_size || q->sq_cq >= s->n_queues || !s->queue[q->sq_cq].cq_on)) ||
            (q->cq_on && (q->cq_size < 2 || q->cq_size > 65536 || q->cq_head >= q->cq_size ||
                          q->cq_tail >= q->cq_size || q->cq_vector >= s->vector_config_count))) {
            return false;
        }
    }
    return true;
}

static bool nvme_post_load(void *opaque, GError **err)
{
    NvmeState *s = opaque;

    forget_all(s);
    bool good = queues_good(s) && s->n_aer <= s->aerl + 1u && s->n_events <= NVME_EVENTS_MAX &&
                s->n_held <= NVME_SLOTS && !(s->csts & ~15u) &&
                (!(s->csts & CSTS_RDY) ||
                 ((s->cc >> 7 & 15) <= 4 && s->queue[0].sq_on && s->queue[0].cq_on)) &&
                (s->csts & CSTS_SHST) != CSTS_SHST_OCCURRING;

    for (uint32_t i = 0; good && i < s->n_held; i++) {
        uint64_t sqid = s->held[(size_t)i * NVME_HELD_WORDS];

        good = sqid > 0 && sqid < s->n_queues && s->queue[sqid].sq_on;
        if (good) {
            reserve(s, sqid, s->queue[sqid].sq_cq, 1);
        }
    }
    if (!good) {
        rhea_error_set(err, "snapshot: the controller's state makes no sense");
        return false;
    }
    return pci_post_load(s, err);
}

static void nvme_config_written(void *opaque, unsigned offset, unsigned size, const uint8_t *before)
{
    NvmeState *s = opaque;

    if (s->pci->msix_cap && offset <= s->pci->msix_cap + 3u &&
        offset + size > s->pci->msix_cap + 2u) {
        intx_update(s);
    }
}

static void nvme_master_changed(void *opaque, bool on)
{
    if (on) {
        nvme_run(opaque);
    }
}

static bool properties_check(NvmeState *s, GError **err)
{
    if (s->num_queues) {
        rhea_warn_report("num_queues is deprecated; please use max_ioqpairs instead");
        s->max_ioqpairs = s->num_queues - 1;
    }
    if (s->max_ioqpairs < 1 || s->max_ioqpairs > NVME_QUEUES_MAX - 1) {
        rhea_error_set(err, "max_ioqpairs must be between 1 and %d", NVME_QUEUES_MAX - 1);
        return false;
    }
    if (s->msix_qsize < 1 || s->msix_qsize > PCI_MSIX_MAX) {
        rhea_error_set(err, "msix_qsize must be between 1 and %d", PCI_MSIX_MAX);
        return false;
    }
    if (!s->serial) {
        rhea_error_set(err, "serial property not set");
        return false;
    }
    if (s->mqes < 1) {
        rhea_error_set(err, "mqes property cannot be less than 1");
        return false;
    }
    if (s->mdts > 16 || s->aerl >= NVME_AERL_MAX) {
        rhea_error_set(err, "mdts must be at most 16, aerl at most %d", NVME_AERL_MAX - 1);
        return false;
    }
    return true;
}

/* BAR 0: registers and doorbells, then the vectors. */
static void bar_init(NvmeState *s)
{
    uint64_t regs = PAGE_UP(DOORBELLS + 4 * s->n_doorbells), size = 0x4000;
    uint32_t table = s->msix_qsize * PCI_MSIX_ENTRY_SIZE, pba = PAGE_UP(regs + table);

    while (size < pba + 0x1000) {
        size *= 2;
    }
    memory_region_init_container(&s->bar, s->dev.ms, "nvme", size);
    device_init_bank(s, 0, DOORBELLS + 4 * s->n_doorbells);
    memory_region_add(&s->bar, 0, &s->dev.mmio[0], 0);
    pci_add_msix(s->pci, 0, s->msix_qsize, &s->bar, 0, regs, pba);
    pci_add_bar(s->pci, 0, PCI_BAR_64BIT, &s->bar);
}

static bool nvme_realize(void *opaque, GError **err)
{
    NvmeState *s = opaque;
    const PciBus *bus = s->pci->bus;
    bool express = bus && bus->express;

    if (!properties_check(s, err)) {
        return false;
    }
    s->synchronous = s->dev.machine->icount_shift != -1;
    s->n_queues = s->max_ioqpairs + 1;
    s->n_doorbells = 2 * s->n_queues;
    s->held_words = NVME_SLOTS * NVME_HELD_WORDS;
    s->vector_config_count = s->msix_qsize;
    if (!pci_init(s, express, err)) {
        return false;
    }
    if (s->use_intel_id) {
        pci_set_config(s->pci, PCI_VENDOR_ID, 4, 0x58458086, 0, 0);
    }
    pci_set_interrupt_pin(s->pci, 1);
    if (express) {
        pci_add_express(s->pci, 0x80, bus->bridge ? PCIE_TYPE_ENDPOINT : PCIE_TYPE_INTEGRATED, 0);
        pci_add_flr(s->pci);
    }
    pci_add_pm(s->pci, 0);
    bar_init(s);
    if (!nvme_bus_init(s, err)) {
        device_bus_destroy(&s->bus);
        pci_exit(s);
        memory_region_del(&s->dev.mmio[0]);
        memory_region_destroy(&s->bar);
        return false;
    }
    machine_add_run_change(s->dev.machine, nvme_run_change, s);
    return true;
}

static void nvme_unrealize(void *opaque)
{
    NvmeState *s = opaque;

    machine_remove_run_change(s->dev.machine, s);
    nvme_forget_commands(s);
    device_bus_destroy(&s->bus);
    pci_exit(s);
    memory_region_del(&s->dev.mmio[0]);
    memory_region_destroy(&s->bar);
}

static const PciClass nvme_pci = {
    .core = offsetof(NvmeState, pci),
    .vendor = 0x1b36,
    .device = 0x0010,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .revision = 2,
    .class_code = 0x010802,
    .config_written = nvme_config_written,
    .master_changed = nvme_master_changed,
    .unsettled = nvme_unsettled,
};

// clang-format off
PCI_DEVICE(nvme, NvmeState, "nvme", DEVICE_STORAGE,
    .desc = "Non-Volatile Memory Express",
    .bank = {{.name = "nvme-registers", .regs = nvme_regs, .valid_min = 4, .valid_max = 8}},
    .unrealize = nvme_unrealize,
    .reset = nvme_reset,
    .settle = nvme_settle,
    .pre_save = nvme_pre_save,
    .post_load = nvme_post_load);
// clang-format on

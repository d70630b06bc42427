/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtqueues, and split rings; packed ones are in virtqueue_packed.c.
 *
 * Specification: VIRTIO 1.2, 2.7 (split virtqueues), 2.7.5.3 (indirect descriptors), 2.7.7 and
 * 2.7.10 (notification suppression), 2.7.2 (legacy layout), 2.7.13 (operation, barriers).
 *
 * The driver changes rings and descriptors while they are read: each is loaded once, and only the
 * local copy is checked and used. idx of the available ring is loaded with acquire order before
 * what it announces; idx of the used ring is stored with release order after its entry. Between a
 * store that the driver looks at and a load that decides whether to wait or to be silent stands a
 * full fence (2.7.13.3.1, 2.7.14).
 *
 * Invariants: last_avail - used_idx (mod 2^16) buffers are with the device, at most num.
 * Lock: the device's. Test: tests/unit/test-virtio.c, tests/fuzz/virtio_ring.c
 */
#include "hw/virtio/private.h"
#include "rhea/error.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <string.h>

enum { AVAIL_NO_INTERRUPT = 1 };

#define RING_HEAD      4 /* flags and idx of both rings */
#define USED_ELEM_SIZE 8
#define CHAIN_MAX      (UINT64_C(1) << 32) /* bytes, 2.7.5 */

/* ---- access ---- */

uint16_t virtq_ld16(const VirtioCore *v, const uint8_t *p)
{
    uint16_t val = __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);

    return virtio_get16(v, &val);
}

void virtq_st16(const VirtioCore *v, uint8_t *p, uint16_t val)
{
    uint16_t raw;

    virtio_put16(v, &raw, val);
    __atomic_store_n((uint16_t *)p, raw, __ATOMIC_RELAXED);
}

static void full_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static uint16_t avail_idx(const VirtioCore *v, const VirtQueue *q)
{
    uint16_t idx = virtq_ld16(v, q->avail_host + 2);

    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return idx;
}

static VirtDesc desc_load(const VirtioCore *v, const uint8_t *p)
{
    const uint64_t *from = (const uint64_t *)p;
    uint64_t raw[2] = {__atomic_load_n(&from[0], __ATOMIC_RELAXED),
                       __atomic_load_n(&from[1], __ATOMIC_RELAXED)};
    const uint8_t *b = (const uint8_t *)raw;

    return (VirtDesc){virtio_get64(v, b), virtio_get32(v, b + 8), virtio_get16(v, b + 12),
                      virtio_get16(v, b + 14)};
}

void virtqueue_unmap(VirtQueue *q)
{
    q->desc_host = q->avail_host = q->used_host = NULL;
}

uint8_t *virtq_map_area(VirtioCore *v, hwaddr addr, uint64_t size, unsigned align)
{
    uint64_t len = size;
    uint8_t *host;

    if (addr & (align - 1)) {
        return NULL;
    }
    host = memory_map(v->dev->dma, addr, &len, true);
    return len == size ? host : NULL;
}

/* Rings are RAM that is contiguous in the guest and the host; 2.7 has the sizes and alignments. */
static bool queue_map(VirtioCore *v, VirtQueue *q)
{
    unsigned event = virtio_has(v, VIRTIO_F_EVENT_IDX) ? 2 : 0;
    uint64_t num = q->num;

    if (q->desc_host) {
        return true;
    }
    if (virtq_packed(v)) {
        return virtq_packed_map(v, q);
    }
    uint8_t *desc = virtq_map_area(v, q->desc, VIRTQ_DESC_SIZE * num, 16);
    uint8_t *avail = virtq_map_area(v, q->avail, RING_HEAD + 2 * num + event, 2);
    uint8_t *used = virtq_map_area(v, q->used, RING_HEAD + USED_ELEM_SIZE * num + event, 4);
    if (!desc || !avail || !used) {
        virtio_error(v,
                     "queue %u with %u descriptors: 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64
                     " are not all aligned RAM",
                     q->index, q->num, q->desc, q->avail, q->used);
        return false;
    }
    q->desc_host = desc;
    q->avail_host = avail;
    q->used_host = used;
    return true;
}

bool virtq_usable(VirtioCore *v, VirtQueue *q)
{
    return q->ready && virtio_running(v) && queue_map(v, q);
}

/* ---- state ---- */

void virtqueue_restart(VirtQueue *q)
{
    virtqueue_unmap(q);
    q->last_avail = 0;
    q->used_idx = 0;
    q->avail_wrap = q->used_wrap = true;
    q->signalled = 0;
    q->signalled_ok = false;
}

void virtqueue_clear(VirtQueue *q)
{
    virtqueue_restart(q);
    q->num = q->max;
    q->ready = false;
    q->desc = q->avail = q->used = 0;
    q->pfn = 0;
    q->vector = VIRTIO_NO_VECTOR;
    q->align = VIRTIO_LEGACY_ALIGN;
}

bool virtqueue_check_loaded(const VirtioCore *v, VirtQueue *q, GError **err)
{
    uint16_t under_way = q->last_avail - q->used_idx;
    bool ring_ok = virtq_packed(v) ? virtq_packed_state_ok(q)
                                   : virtio_power_of_2(q->num) && under_way <= q->num;

    virtqueue_unmap(q);
    if (q->max ? !ring_ok || q->num > q->max || !virtio_power_of_2(q->align) : q->num || q->ready) {
        rhea_error_set(err, "snapshot: queue %u has %u of %u descriptors, %u under way", q->index,
                       q->num, q->max, under_way);
        return false;
    }
    return true;
}

/* ---- chains ---- */

bool virtq_chain_add(VirtioCore *v, VirtQueue *q, VirtChain *c, const VirtDesc *d)
{
    bool write = d->flags & VIRTQ_DESC_WRITE;
    uint64_t addr = d->addr, left = d->len;

    if (!write && c->n > c->n_out) {
        virtio_error(v, "queue %u: readable descriptor after a writable one", q->index);
        return false;
    }
    if (c->out_len + c->in_len + left > CHAIN_MAX) {
        virtio_error(v, "queue %u: a chain of more than 2^32 bytes", q->index);
        return false;
    }
    *(write ? &c->in_len : &c->out_len) += left;
    while (left > 0) {
        uint64_t len = left;
        void *host = addr > UINT64_MAX - left ? NULL : memory_map(v->dev->dma, addr, &len, write);

        if (!host) {
            virtio_error(v, "queue %u: buffer at 0x%" PRIx64 " with 0x%x bytes is no RAM", q->index,
                         d->addr, d->len);
            return false;
        }
        if (c->n == VIRTIO_QUEUE_MAX) {
            virtio_error(v, "queue %u: a chain of more than %u pieces", q->index, VIRTIO_QUEUE_MAX);
            return false;
        }
        c->iov[c->n++] = (struct iovec){host, len};
        c->n_out += !write;
        addr += len;
        left -= len;
    }
    return true;
}

const uint8_t *virtq_indirect(VirtioCore *v, VirtQueue *q, const VirtDesc *d)
{
    uint64_t len = d->len;

    if (!virtio_has(v, VIRTIO_F_INDIRECT_DESC)) {
        virtio_error(v, "queue %u: indirect descriptor without VIRTIO_F_INDIRECT_DESC", q->index);
        return NULL;
    }
    if ((d->flags & VIRTQ_DESC_NEXT) || d->len == 0 || d->len % VIRTQ_DESC_SIZE) {
        virtio_error(v, "queue %u: indirect descriptor with flags 0x%x and length 0x%x", q->index,
                     d->flags, d->len);
        return NULL;
    }
    const uint8_t *table =
        d->addr > UINT64_MAX - len ? NULL : memory_map(v->dev->dma, d->addr, &len, false);
    if (!table || len < d->len || (d->addr & 7)) {
        virtio_error(v, "queue %u: table at 0x%" PRIx64 " with 0x%x bytes is no aligned RAM",
                     q->index, d->addr, d->len);
        return NULL;
    }
    return table;
}

/* Walk the table from `at`; a chain that visits more entries than there are has a loop. */
static bool chain_walk(VirtioCore *v, VirtQueue *q, VirtChain *c, const uint8_t *table,
                       uint32_t num, uint32_t at, bool indirect)
{
    for (uint32_t seen = 0; seen < num; seen++) {
        if (at >= num) {
            virtio_error(v, "queue %u: descriptor %u of %u", q->index, at, num);
            return false;
        }
        VirtDesc d = desc_load(v, table + (size_t)at * VIRTQ_DESC_SIZE);
        if (d.flags & VIRTQ_DESC_INDIRECT) {
            if (indirect) {
                virtio_error(v, "queue %u: indirect descriptor in an indirect table", q->index);
                return false;
            }
            const uint8_t *inner = virtq_indirect(v, q, &d);

            return inner && chain_walk(v, q, c, inner, d.len / VIRTQ_DESC_SIZE, 0, true);
        }
        if (!virtq_chain_add(v, q, c, &d)) {
            return false;
        }
        if (!(d.flags & VIRTQ_DESC_NEXT)) {
            return true;
        }
        at = d.next;
    }
    virtio_error(v, "queue %u: a loop of descriptors", q->index);
    return false;
}

VirtElem *virtq_elem_new(VirtioCore *v, VirtQueue *q, const VirtChain *c, size_t size)
{
    size = (size + 15) & ~(size_t)15;

    VirtElem *e = g_malloc(size + c->n * sizeof(struct iovec));
    memset(e, 0, size);
    *e = (VirtElem){
        .q = q,
        .epoch = q->epoch,
        .n_out = c->n_out,
        .n_in = c->n - c->n_out,
        .out_len = c->out_len,
        .in_len = c->in_len,
        .out = (struct iovec *)((uint8_t *)e + size),
    };
    e->in = e->out + c->n_out;
    memcpy(e->out, c->iov, c->n * sizeof(struct iovec));
    return e;
}

void *virtqueue_pop_head(VirtioCore *v, VirtQueue *q, uint16_t head, size_t size)
{
    VirtChain c;

    c.n = c.n_out = 0;
    c.out_len = c.in_len = 0;
    if (virtq_packed(v) || !virtq_usable(v, q) ||
        !chain_walk(v, q, &c, q->desc_host, q->num, head, false)) {
        return NULL;
    }
    VirtElem *e = virtq_elem_new(v, q, &c, size);
    e->head = head;
    return e;
}

bool virtqueue_can_hold(const VirtioCore *v)
{
    return !virtq_packed(v);
}

/* How many buffers are available, or -1. */
static int available(VirtioCore *v, VirtQueue *q)
{
    uint16_t idx = avail_idx(v, q), n = idx - q->last_avail;

    if (n > (uint16_t)(q->num - (uint16_t)(q->last_avail - q->used_idx))) {
        virtio_error(v, "queue %u: available index %u, %u taken, %u given back, %u descriptors",
                     q->index, idx, q->last_avail, q->used_idx, q->num);
        return -1;
    }
    return n;
}

/* Ask the driver for a notification; false if a buffer came meanwhile. */
static bool wait_for_driver(VirtioCore *v, VirtQueue *q)
{
    if (!virtio_has(v, VIRTIO_F_EVENT_IDX)) {
        return true; /* used->flags never say otherwise */
    }
    uint8_t *event = q->used_host + RING_HEAD + USED_ELEM_SIZE * q->num;
    virtq_st16(v, event, q->last_avail);
    memory_unmap(v->dev->dma, event, 2);
    full_fence();
    return avail_idx(v, q) == q->last_avail;
}

void *virtqueue_pop(VirtioCore *v, VirtQueue *q, size_t size)
{
    if (!virtq_usable(v, q)) {
        return NULL;
    }
    if (virtq_packed(v)) {
        return virtq_packed_pop(v, q, size);
    }
    int n = available(v, q);
    if (n == 0 && !wait_for_driver(v, q)) {
        n = available(v, q);
    }
    if (n <= 0) {
        return NULL;
    }
    uint16_t head = virtq_ld16(v, q->avail_host + RING_HEAD + 2 * (q->last_avail & (q->num - 1)));
    void *e = virtqueue_pop_head(v, q, head, size);
    if (e) {
        q->last_avail++;
    }
    return e;
}

void virtqueue_unpop(VirtioCore *v, VirtElem *e)
{
    if (!virtio_elem_live(e) || !e->q->ready) {
        return;
    }
    if (virtq_packed(v)) {
        virtq_packed_unpop(e);
    } else {
        e->q->last_avail--;
    }
}

bool virtqueue_empty(VirtioCore *v, VirtQueue *q)
{
    if (!virtq_usable(v, q)) {
        return true;
    }
    if (virtq_packed(v)) {
        return virtq_packed_empty(v, q);
    }
    int n = available(v, q);
    return n < 0 || (n == 0 && wait_for_driver(v, q));
}

/* ---- giving back ---- */

static bool driver_wants_notification(VirtioCore *v, VirtQueue *q)
{
    uint16_t new = q->used_idx, old = q->signalled;
    bool known = q->signalled_ok;

    full_fence();
    if (virtio_has(v, VIRTIO_F_NOTIFY_ON_EMPTY) && q->last_avail == q->used_idx &&
        avail_idx(v, q) == q->last_avail) {
        return true;
    }
    if (!virtio_has(v, VIRTIO_F_EVENT_IDX)) {
        return !(virtq_ld16(v, q->avail_host) & AVAIL_NO_INTERRUPT);
    }
    q->signalled = new;
    q->signalled_ok = true;
    /* Did the index pass used_event since it was last looked at? Modulo 2^16. */
    uint16_t event = virtq_ld16(v, q->avail_host + RING_HEAD + 2 * q->num);
    return !known || (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static void split_push(VirtioCore *v, VirtQueue *q, VirtElem **e, const uint32_t *len, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint16_t slot = (uint16_t)(q->used_idx + i) & (q->num - 1);
        uint8_t *at = q->used_host + RING_HEAD + USED_ELEM_SIZE * slot;
        uint32_t elem[2];

        virtio_put32(v, &elem[0], e[i]->head);
        virtio_put32(v, &elem[1], len[i]);
        __atomic_store_n((uint32_t *)at, elem[0], __ATOMIC_RELAXED);
        __atomic_store_n((uint32_t *)(at + 4), elem[1], __ATOMIC_RELAXED);
        memory_unmap(v->dev->dma, at, USED_ELEM_SIZE);
    }
    __atomic_thread_fence(__ATOMIC_RELEASE);
    q->used_idx += n;
    virtq_st16(v, q->used_host + 2, q->used_idx);
    memory_unmap(v->dev->dma, q->used_host, RING_HEAD);
}

void virtqueue_push_all(VirtioCore *v, VirtElem **e, const uint32_t *len, unsigned n)
{
    VirtQueue *q = e[0]->q;
    bool wanted;

    for (unsigned k = 0; k < n; k++) {
        for (unsigned i = 0; i < e[k]->n_in; i++) {
            memory_unmap(v->dev->dma, e[k]->in[i].iov_base, e[k]->in[i].iov_len);
        }
    }
    if (!virtio_elem_live(e[0]) || !virtq_usable(v, q)) {
        return;
    }
    if (virtq_packed(v)) {
        wanted = virtq_packed_push(v, e, len, n);
    } else {
        split_push(v, q, e, len, n);
        wanted = driver_wants_notification(v, q);
    }
    if (wanted) {
        virtio_interrupt(v, VIRTIO_ISR_QUEUE, q->vector);
    }
}

void virtqueue_push(VirtioCore *v, VirtElem *e, uint32_t len)
{
    virtqueue_push_all(v, &e, &len, 1);
}

/* ---- pieces ---- */

static size_t iov_copy(const struct iovec *iov, unsigned n, uint64_t skip, uint8_t *buf, size_t len,
                       bool put)
{
    size_t done = 0;

    for (unsigned i = 0; i < n && done < len; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        uint8_t *p = (uint8_t *)iov[i].iov_base + skip;
        size_t part = MIN(iov[i].iov_len - skip, len - done);
        memcpy(put ? p : buf + done, put ? buf + done : p, part);
        done += part;
        skip = 0;
    }
    return done;
}

size_t iov_get(const struct iovec *iov, unsigned n, uint64_t skip, void *buf, size_t len)
{
    return iov_copy(iov, n, skip, buf, len, false);
}

size_t iov_put(const struct iovec *iov, unsigned n, uint64_t skip, const void *buf, size_t len)
{
    return iov_copy(iov, n, skip, (void *)buf, len, true);
}

void iov_trim_front(struct iovec **iov, uint32_t *n, uint64_t len)
{
    while (len > 0) {
        struct iovec *v = *iov;
        uint64_t part = MIN(v->iov_len, len);

        v->iov_base = (uint8_t *)v->iov_base + part;
        v->iov_len -= part;
        len -= part;
        if (v->iov_len == 0) {
            ++*iov;
            --*n;
        }
    }
}

void iov_trim_back(struct iovec *iov, uint32_t *n, uint64_t len)
{
    while (len > 0) {
        struct iovec *v = &iov[*n - 1];
        uint64_t part = MIN(v->iov_len, len);

        v->iov_len -= part;
        len -= part;
        if (v->iov_len == 0) {
            --*n;
        }
    }
}

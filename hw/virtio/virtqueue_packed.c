/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Packed virtqueues: one ring of descriptors that both sides write.
 *
 * Specification: VIRTIO 1.2, 2.8: descriptors (2.8.1), wrap counters (2.8.2), indirect ones
 * (2.8.7), in-order use is not offered (2.8.9), event suppression (2.8.10), operation
 * (2.8.21, 2.8.22).
 *
 * A chain takes consecutive entries of the ring. The flags of its first one are loaded with acquire
 * order before the rest; the flags of a used entry are stored with release order after the rest.
 * Used entries are written from used_idx on, over those of chains that are still under way if
 * buffers come back out of order; so a chain cannot be read again once it was taken.
 *
 * Invariant: the entries under way, between used_idx and last_avail with their wrap counters, are
 * at most num. Lock: the device's. Test: tests/unit/test-virtio.c, tests/fuzz/virtio_ring.c
 */
#include "hw/virtio/private.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <string.h>

enum { FLAG_AVAIL = 1 << 7, FLAG_USED = 1 << 15 };
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2 };

/* Offsets in a descriptor and in an event suppression structure. */
enum { D_LEN = 8, D_ID = 12, D_FLAGS = 14, E_OFF_WRAP = 0, E_FLAGS = 2, EVENT_SIZE = 4 };

static unsigned under_way(const VirtQueue *q)
{
    return q->avail_wrap == q->used_wrap ? (uint16_t)(q->last_avail - q->used_idx)
                                         : (uint16_t)(q->last_avail + q->num - q->used_idx);
}

bool virtq_packed_state_ok(const VirtQueue *q)
{
    return q->num && q->last_avail < q->num && q->used_idx < q->num && under_way(q) <= q->num;
}

bool virtq_packed_map(VirtioCore *v, VirtQueue *q)
{
    uint8_t *desc = virtq_map_area(v, q->desc, VIRTQ_DESC_SIZE * (uint64_t)q->num, 16);
    uint8_t *driver = virtq_map_area(v, q->avail, EVENT_SIZE, 4);
    uint8_t *device = virtq_map_area(v, q->used, EVENT_SIZE, 4);

    if (!desc || !driver || !device) {
        virtio_error(v,
                     "queue %u with %u entries: 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64
                     " are not all aligned RAM",
                     q->index, q->num, q->desc, q->avail, q->used);
        return false;
    }
    q->desc_host = desc;
    q->avail_host = driver;
    q->used_host = device;
    /* Every kick is welcome: they are taken at once. */
    virtq_st16(v, device + E_FLAGS, EVENT_ENABLE);
    memory_unmap(v->dev->dma, device, EVENT_SIZE);
    return true;
}

static void advance(const VirtQueue *q, uint16_t *at, bool *wrap, unsigned n)
{
    unsigned next = *at + n;

    if (next >= q->num) {
        next -= q->num;
        *wrap = !*wrap;
    }
    *at = next;
}

static uint8_t *entry(const VirtQueue *q, unsigned at)
{
    return q->desc_host + (size_t)at * VIRTQ_DESC_SIZE;
}

static VirtDesc desc_load(const VirtioCore *v, const uint8_t *p)
{
    const uint64_t *from = (const uint64_t *)p;
    uint64_t raw[2] = {__atomic_load_n(&from[0], __ATOMIC_RELAXED),
                       __atomic_load_n(&from[1], __ATOMIC_RELAXED)};
    const uint8_t *b = (const uint8_t *)raw;

    return (VirtDesc){virtio_get64(v, b), virtio_get32(v, b + D_LEN), virtio_get16(v, b + D_FLAGS),
                      virtio_get16(v, b + D_ID)};
}

static bool next_is_available(const VirtioCore *v, const VirtQueue *q)
{
    uint16_t flags = virtq_ld16(v, entry(q, q->last_avail) + D_FLAGS);

    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return !!(flags & FLAG_AVAIL) == q->avail_wrap && !!(flags & FLAG_USED) != q->avail_wrap;
}

bool virtq_packed_empty(VirtioCore *v, VirtQueue *q)
{
    return under_way(q) == q->num || !next_is_available(v, q);
}

/* Entries of an indirect table: all of it, in order; only the write flag counts (2.8.7). */
static bool collect_indirect(VirtioCore *v, VirtQueue *q, VirtChain *c, const VirtDesc *d)
{
    const uint8_t *table = virtq_indirect(v, q, d);

    for (uint32_t i = 0; table && i < d->len / VIRTQ_DESC_SIZE; i++) {
        VirtDesc inner = desc_load(v, table + (size_t)i * VIRTQ_DESC_SIZE);

        if (!virtq_chain_add(v, q, c, &inner)) {
            return false;
        }
    }
    return table != NULL;
}

/* The number of entries the chain takes, 0 if it is broken; *id is the buffer's. */
static unsigned collect(VirtioCore *v, VirtQueue *q, VirtChain *c, uint16_t *id)
{
    unsigned room = q->num - under_way(q), at = q->last_avail;

    for (unsigned n = 1; n <= room; n++) {
        VirtDesc d = desc_load(v, entry(q, at));

        if (d.flags & VIRTQ_DESC_INDIRECT) {
            if (n > 1) {
                virtio_error(v, "queue %u: indirect descriptor in a chain", q->index);
                return 0;
            }
            *id = d.next;
            return collect_indirect(v, q, c, &d) ? 1 : 0;
        }
        if (!virtq_chain_add(v, q, c, &d)) {
            return 0;
        }
        if (!(d.flags & VIRTQ_DESC_NEXT)) {
            *id = d.next; /* that of the last entry */
            return n;
        }
        at = at + 1 == q->num ? 0 : at + 1;
    }
    virtio_error(v, "queue %u: a chain of more entries than are free", q->index);
    return 0;
}

void *virtq_packed_pop(VirtioCore *v, VirtQueue *q, size_t size)
{
    VirtChain c;
    uint16_t id = 0;

    if (virtq_packed_empty(v, q)) {
        return NULL;
    }
    c.n = c.n_out = 0;
    c.out_len = c.in_len = 0;
    unsigned n = collect(v, q, &c, &id);
    if (!n) {
        return NULL;
    }
    VirtElem *e = virtq_elem_new(v, q, &c, size);
    e->head = id;
    e->n_desc = n;
    advance(q, &q->last_avail, &q->avail_wrap, n);
    return e;
}

void virtq_packed_unpop(VirtElem *e)
{
    VirtQueue *q = e->q;

    if (q->last_avail >= e->n_desc) {
        q->last_avail -= e->n_desc;
    } else {
        q->last_avail += q->num - e->n_desc;
        q->avail_wrap = !q->avail_wrap;
    }
}

/* 2.8.10 and the example in 2.8.22.3.1: did used_idx pass the entry the driver named? */
static bool driver_wants_notification(VirtioCore *v, VirtQueue *q)
{
    uint16_t since = q->signalled, new = q->used_idx;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint16_t flags = virtq_ld16(v, q->avail_host + E_FLAGS) & 3;
    q->signalled = 0;
    if (flags != EVENT_DESC || !virtio_has(v, VIRTIO_F_EVENT_IDX)) {
        return flags != EVENT_DISABLE;
    }
    uint16_t off_wrap = virtq_ld16(v, q->avail_host + E_OFF_WRAP), event = off_wrap & 0x7fff;
    if (off_wrap >> 15 != q->used_wrap) {
        event -= q->num;
    }
    return (uint16_t)(new - event - 1) < since;
}

static void used_write(VirtioCore *v, VirtQueue *q, const VirtElem *e, uint32_t len, uint16_t at,
                       bool wrap)
{
    uint16_t flags = (wrap ? FLAG_AVAIL | FLAG_USED : 0) | (len ? VIRTQ_DESC_WRITE : 0);
    uint8_t *p = entry(q, at);
    uint32_t raw;

    virtq_st16(v, p + D_ID, e->head);
    virtio_put32(v, &raw, len);
    __atomic_store_n((uint32_t *)(p + D_LEN), raw, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    virtq_st16(v, p + D_FLAGS, flags);
    memory_unmap(v->dev->dma, p, VIRTQ_DESC_SIZE);
}

bool virtq_packed_push(VirtioCore *v, VirtElem **e, const uint32_t *len, unsigned n)
{
    VirtQueue *q = e[0]->q;
    uint16_t first = q->used_idx;
    bool first_wrap = q->used_wrap;

    /* The first entry last: the driver looks there. */
    for (unsigned i = 0; i < n; i++) {
        if (i) {
            used_write(v, q, e[i], len[i], q->used_idx, q->used_wrap);
        }
        advance(q, &q->used_idx, &q->used_wrap, e[i]->n_desc);
        q->signalled += e[i]->n_desc;
    }
    used_write(v, q, e[0], len[0], first, first_wrap);
    return driver_wants_notification(v, q);
}

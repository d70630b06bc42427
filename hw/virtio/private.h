/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* What the files of hw/virtio share. */
#ifndef HW_VIRTIO_PRIVATE_H
#define HW_VIRTIO_PRIVATE_H

#include "hw/virtio.h"

#define VIRTQ_DESC_SIZE 16

/* virtio.c: tell the driver, by a message or by the line. */
void virtio_interrupt(VirtioCore *v, uint8_t why, uint16_t vector);

/* virtqueue.c */
/* Forget the host pointers; they are made again when the queue is used. */
void virtqueue_unmap(VirtQueue *q);
/* Indices as of a new ring. */
void virtqueue_restart(VirtQueue *q);
/* As after a device reset. */
void virtqueue_clear(VirtQueue *q);
bool virtqueue_check_loaded(const VirtioCore *v, VirtQueue *q, GError **err);

enum { VIRTQ_DESC_NEXT = 1, VIRTQ_DESC_WRITE = 2, VIRTQ_DESC_INDIRECT = 4 };

typedef struct VirtDesc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next; /* packed: next is the id, and stands before flags */
} VirtDesc;

/* A chain being collected: its pieces, readable ones first. */
typedef struct VirtChain {
    struct iovec iov[VIRTIO_QUEUE_MAX];
    unsigned n, n_out;
    uint64_t out_len, in_len;
} VirtChain;

/* Loads and stores that the driver races with: one access each. */
uint16_t virtq_ld16(const VirtioCore *v, const uint8_t *p);
void virtq_st16(const VirtioCore *v, uint8_t *p, uint16_t val);
uint8_t *virtq_map_area(VirtioCore *v, hwaddr addr, uint64_t size, unsigned align);
/* The queue may be used, and is mapped. */
bool virtq_usable(VirtioCore *v, VirtQueue *q);
/* False: the driver broke the rules, and the device is broken. */
bool virtq_chain_add(VirtioCore *v, VirtQueue *q, VirtChain *c, const VirtDesc *d);
/* The table of an indirect descriptor, or NULL (as above). */
const uint8_t *virtq_indirect(VirtioCore *v, VirtQueue *q, const VirtDesc *d);
VirtElem *virtq_elem_new(VirtioCore *v, VirtQueue *q, const VirtChain *c, size_t size);

/* virtqueue_packed.c: what virtqueue.c's functions do for packed rings. */
static inline bool virtq_packed(const VirtioCore *v)
{
    return virtio_has(v, VIRTIO_F_RING_PACKED);
}
bool virtq_packed_map(VirtioCore *v, VirtQueue *q);
void *virtq_packed_pop(VirtioCore *v, VirtQueue *q, size_t size);
void virtq_packed_unpop(VirtElem *e);
bool virtq_packed_empty(VirtioCore *v, VirtQueue *q);
/* True if the driver is to be notified. */
bool virtq_packed_push(VirtioCore *v, VirtElem **e, const uint32_t *len, unsigned n);
bool virtq_packed_state_ok(const VirtQueue *q);

#endif

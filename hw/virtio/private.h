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

#endif

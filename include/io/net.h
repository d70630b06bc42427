/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Network back ends: the host's end of a guest's network card.
 *
 * Frames are Ethernet without checksum. net_send() may be called from any thread, with a device
 * lock held, and never waits: what does not fit in the back end's queue is dropped, as on a wire.
 * A back end calls NetReceiver.receive from a thread of its own.
 *
 * A card that can offload (NetReceiver.header) has a virtio network header of NET_HEADER bytes, in
 * little-endian order, before each frame, in both directions, if the back end takes it
 * (net_can_offload()): it is passed through to the host's kernel.
 *
 * Test: tests/unit/test-net.c, tests/boot
 */
#ifndef IO_NET_H
#define IO_NET_H

#include "softmmu/opts.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

#define NET_FRAME_MAX 65792 /* bytes: the largest IP packet and what stands before it */
#define NET_HEADER    12    /* struct virtio_net_hdr_v1 */

/* What a card takes or gives unfinished, for net_set_offload(). */
enum { NET_OFFLOAD_CSUM = 1, NET_OFFLOAD_TSO4 = 2, NET_OFFLOAD_TSO6 = 4, NET_OFFLOAD_ECN = 8 };

typedef struct NetBackend NetBackend;
typedef struct Machine Machine; /* softmmu/machine.h */

/* The card, or one queue pair of it. */
typedef struct NetReceiver {
    /* False: there is no room now; the frame comes again after net_ready(). Takes device locks. */
    bool (*receive)(void *opaque, const uint8_t *frame, size_t len);
    void *opaque;
    bool header; /* frames have one, both ways; only with net_can_offload() */
    /* The card has frames, or may have: it gives them with net_output(). On the back end's thread,
     * after net_ready(). Takes device locks. NULL: it calls net_send(). */
    void (*collect)(void *opaque);
} NetReceiver;

/* Check and open a -netdev row; NULL and *err if something in it is wrong. m: for those that name
 * others. */
NetBackend *net_open(Machine *m, OptDict *opts, GError **err);
/* After net_detach() of all queues. */
void net_close(NetBackend *b);
/* The back end of that id among those of the machine. */
NetBackend *net_find(Machine *m, const char *id);
/* One card a back end: false and *err if there is one already. From now on frames come. */
bool net_attach(NetBackend *b, const NetReceiver *r, GError **err);
/* Waits until the receiver is called no more. No device lock held. */
void net_detach(NetBackend *b);
bool net_attached(const NetBackend *b);
const char *net_id(const NetBackend *b);
void net_send(NetBackend *b, const struct iovec *iov, unsigned n);
/* With the header that NetReceiver.header promises. */
void net_send_header(NetBackend *b, const uint8_t header[NET_HEADER], const struct iovec *iov,
                     unsigned n);
/* The receiver has room again, or frames for collect(). Any thread. */
void net_ready(NetBackend *b);
/* The back end takes frames by collect(): fewer copies, and the vCPU does not wait. */
bool net_can_collect(const NetBackend *b);
/* By collect() only: the frame, with its header if NetReceiver.header says so, leaves at once. */
void net_output(NetBackend *b, const struct iovec *iov, unsigned n);
/* Frames may come with a header, and go out with one. */
bool net_can_offload(const NetBackend *b);
/* What may come to the card from now on: NET_OFFLOAD_*. Any thread. */
void net_set_offload(NetBackend *b, unsigned flags);
/*
 * The pairs of queues that the back end has on the host (tap, queues=), each with frames and a
 * thread of its own. Number 0 is the back end itself; the others are attached, detached and used in
 * the same way, and belong to it.
 */
unsigned net_queue_count(const NetBackend *b);
NetBackend *net_queue(NetBackend *b, unsigned i);
/* Frames come by the first n from now on (at the beginning: by number 0 alone). Any thread. */
void net_use_queues(NetBackend *b, unsigned n);
/* The host's kernel can do the work of this queue (tap, vhost=on): its vhost device, which stays
 * the back end's, and the descriptor to give it. -1: it cannot. */
int net_vhost_fd(const NetBackend *b, int *fd);
/* Frames go there from now on, and not by this back end's thread. Any thread. */
void net_use_vhost(NetBackend *b, bool on);
void net_print_types(FILE *out);
/* -object filter-dump: the frames of a back end into a file. */
bool net_add_dump(Machine *m, OptDict *opts, GError **err);
/* The program ends: no frame moves any more, and what must be undone on the host is. */
void net_end(Machine *m);

#endif

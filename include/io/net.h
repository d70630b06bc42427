/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Network back ends: the host's end of a guest's network card.
 *
 * Frames are Ethernet without checksum. net_send() may be called from any thread, with a device
 * lock held, and never waits: what does not fit in the back end's queue is dropped, as on a wire.
 * A back end calls NetReceiver.receive from a thread of its own.
 *
 * Test: tests/unit/test-net.c
 */
#ifndef IO_NET_H
#define IO_NET_H

#include "softmmu/opts.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

#define NET_FRAME_MAX 65536 /* bytes */

typedef struct NetBackend NetBackend;
typedef struct Machine Machine; /* softmmu/machine.h */

/* The card. */
typedef struct NetReceiver {
    /* False: there is no room now; the frame comes again after net_ready(). Takes device locks. */
    bool (*receive)(void *opaque, const uint8_t *frame, size_t len);
    void *opaque;
} NetReceiver;

/* Check and open a -netdev row; NULL and *err if something in it is wrong. */
NetBackend *net_open(OptDict *opts, GError **err);
/* After net_detach(). */
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
/* The receiver has room again. Any thread. */
void net_ready(NetBackend *b);
void net_print_types(FILE *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Network block devices: images of another program, and images served to one.
 *
 * Specification: The NBD protocol (doc/proto.md of the NBD project): fixed newstyle negotiation,
 * structured replies, "base:allocation"; doc/uri.md. No TLS.
 *
 * Neither side believes the other: every length and offset is checked before anything is allocated
 * or read, and who breaks the protocol is disconnected.
 *
 * Test: tests/unit/test-nbd.c, tests/img/test-nbd.py
 */
#ifndef IO_NBD_H
#define IO_NBD_H

#include "io/node.h"
#include "io/sockaddr.h"

#define NBD_PORT "10809"

/* Where a server is, and what of it. */
typedef struct NbdAddress {
    SockAddr addr[4]; /* of one host: the first that answers counts */
    unsigned n_addr;
    char *export; /* name, "" by default */
} NbdAddress;

/* Is this "path" one of "nbd:HOST:PORT", "nbd:unix:PATH" (both with :exportname=NAME), "nbd://",
 * "nbd+tcp://", "nbd+unix://"? */
bool nbd_is_url(const char *path);
/* Frees what `a` holds on error; else nbd_address_clear() does. Names are resolved. */
bool nbd_address_parse(NbdAddress *a, const char *url, GError **err);
void nbd_address_clear(NbdAddress *a);
/* The URL of server.type=, server.host=, server.port=, server.path= and export=, which are taken:
 * g_free() it. NULL and *err: they say nothing or too much. */
char *nbd_url_take(OptDict *o, const char *prefix, GError **err);

/* A node on a server's export (NodeOptions.path is the URL). */
BlockNode *node_open_nbd(const NodeOptions *o, GError **err);

/* ---- what a server tells of an export ---- */

typedef struct NbdInfo {
    char *name, *description; /* description may be NULL */
    uint64_t size;
    uint16_t flags;                           /* NBD_FLAG_* */
    uint32_t min_block, opt_block, max_block; /* 0: not said */
    GPtrArray *contexts;                      /* names, or NULL */
} NbdInfo;

/* All exports of the server: array of NbdInfo *, for nbd_list_free(). NULL and *err. */
GPtrArray *nbd_list(const NbdAddress *a, GError **err);
void nbd_list_free(GPtrArray *list);

/* Transmission flags. */
enum {
    NBD_FLAG_HAS_FLAGS = 1 << 0,
    NBD_FLAG_READ_ONLY = 1 << 1,
    NBD_FLAG_SEND_FLUSH = 1 << 2,
    NBD_FLAG_SEND_FUA = 1 << 3,
    NBD_FLAG_ROTATIONAL = 1 << 4,
    NBD_FLAG_SEND_TRIM = 1 << 5,
    NBD_FLAG_SEND_WRITE_ZEROES = 1 << 6,
    NBD_FLAG_SEND_DF = 1 << 7,
    NBD_FLAG_CAN_MULTI_CONN = 1 << 8,
    NBD_FLAG_SEND_RESIZE = 1 << 9,
    NBD_FLAG_SEND_CACHE = 1 << 10,
    NBD_FLAG_SEND_FAST_ZERO = 1 << 11,
};

/* ---- serving ---- */

typedef struct NbdExport {
    const char *name;        /* "" by default */
    const char *description; /* or NULL */
    BlockNode *node;
    uint64_t offset, size; /* the part of the node that is served */
    bool read_only, discard;
    bool multi_conn;   /* several clients may use it as one */
    bool writethrough; /* every write is flushed */
    int detect_zeroes; /* of writes: 0 off, 1 on, 2 unmap */
} NbdExport;

typedef struct NbdServer NbdServer;

/* closed(): a client has gone; on its thread. The export is copied, but not what it points to. */
NbdServer *nbd_server_new(const NbdExport *e, void (*closed)(void *opaque), void *opaque);
/* Serve a client on this connected socket, which is taken over, on a thread of its own. */
void nbd_server_client(NbdServer *s, int fd);
unsigned nbd_server_clients(NbdServer *s);
/* Disconnects all clients when the requests they have made are done; frees. */
void nbd_server_free(NbdServer *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the files of io/net share.
 *
 * A back end of a type has NetBackend first. net.c runs its thread: the type's run() serves frames
 * of the guest (net_next_sent()) and hands in its own (net_deliver()) until net_stopping(); wake_fd
 * is readable when there is news.
 */
#ifndef IO_NET_INTERNAL_H
#define IO_NET_INTERNAL_H

#include "io/net.h"

#include "io/sockaddr.h"

typedef struct NetDump NetDump; /* dump.c */

typedef struct NetType {
    const char *name;
    const char *const *keys; /* options beside type and id, NULL-terminated */
    NetBackend *(*open)(Machine *m, OptDict *opts, GError **err);
    void (*run)(NetBackend *b);
    void (*close)(NetBackend *b);
    /* At the end of the program, in place of close(): undo what outlives it. May be NULL. */
    void (*end)(NetBackend *b);
    void (*set_offload)(NetBackend *b, unsigned flags); /* may be NULL */
    /* A frame of the guest, at once; what cannot be sent is lost. NULL: by net_next_sent(). */
    void (*output)(NetBackend *b, const struct iovec *iov, unsigned n);
    /* Of a back end with queues: this one is used, or not. */
    void (*enable)(NetBackend *b, bool on);
} NetType;

struct NetBackend {
    const NetType *type; /* open() may set another one than it belongs to */
    char *id;
    NetReceiver receiver;
    GThread *thread; /* while attached */
    int wake_fd;     /* eventfd */
    bool stopping;   /* atomic */
    bool linked;     /* part of something else; a card cannot have it */
    bool can_offload;
    GMutex lock;      /* sent */
    GQueue sent;      /* GBytes *: from the guest, */
    GQueue waiting;   /* GBytes *: to the guest; the thread's own */
    int vhost_fd;     /* of open(): an open vhost device for this queue, or 0, */
    int kernel_fd;    /*   and what it is to work on */
    bool vhost;       /* atomic: it does */
    GPtrArray *more;  /* NetBackend *: queues beside this one, or NULL */
    GPtrArray *dumps; /* NetDump *, or NULL; fixed before the thread starts */
};

extern const NetType net_user, net_tap, net_bridge, net_socket, net_stream, net_dgram, net_hubport;

/* What all types have. By net_open(). */
void net_backend_init(NetBackend *b, const NetType *type, const char *id);
/* By open(): queue i is another back end of the same type. */
void net_add_queue(NetBackend *b, NetBackend *more);
bool net_stopping(NetBackend *b);
/* The pieces into `to`, as far as there is room; how many bytes. */
size_t net_gather(const struct iovec *iov, unsigned n, uint8_t *to, size_t size);
/* Clear wake_fd; the thread looks at everything afterwards. */
void net_woken(NetBackend *b);
/* The next frame of the guest, or NULL. g_bytes_unref() it. */
GBytes *net_next_sent(NetBackend *b);
/* For types with output(): all frames that the guest has sent go there. */
void net_output_all(NetBackend *b);
/* A frame to the guest: at once, or when it has room, or never if too many wait. */
void net_deliver(NetBackend *b, const void *frame, size_t len);
/* Try again those that wait. */
void net_deliver_waiting(NetBackend *b);
/* Nothing waits: a source that can hold its frames back is read only then. */
bool net_has_room(const NetBackend *b);

/* socket.c: a connected stream, or one that is listened for or connected to, with lengths
 * before frames. */
NetBackend *net_stream_new(int fd);
NetBackend *net_stream_listen(SockAddr *a, uint64_t to, GError **err);
NetBackend *net_stream_connect(const SockAddr *a, uint64_t reconnect_ms);
/* dgram.c: a frame a datagram, on fd; to may be NULL: fd is connected. */
NetBackend *net_dgram_new(int fd, const SockAddr *to);
NetBackend *net_dgram_multicast(const SockAddr *group, const char *local, GError **err);
NetBackend *net_dgram_udp(const SockAddr *local, const SockAddr *to, GError **err);

/* dump.c */
enum { NET_DUMP_RX = 1, NET_DUMP_TX = 2 };
void net_dump_frame(GPtrArray *dumps, unsigned way, const uint8_t *frame, size_t len);
void net_dump_free(gpointer dump);

#endif

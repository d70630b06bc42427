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

typedef struct NetType {
    const char *name;
    NetBackend *(*open)(OptDict *opts, GError **err);
    void (*run)(NetBackend *b);
    void (*close)(NetBackend *b);
} NetType;

struct NetBackend {
    const NetType *type;
    char *id;
    NetReceiver receiver;
    GThread *thread; /* while attached */
    int wake_fd;     /* eventfd */
    bool stopping;   /* atomic */
    GMutex lock;     /* sent */
    GQueue sent;     /* GBytes *: from the guest, */
    GQueue waiting;  /* GBytes *: to the guest; the thread's own */
};

extern const NetType net_user;

bool net_stopping(NetBackend *b);
/* Clear wake_fd; the thread looks at everything afterwards. */
void net_woken(NetBackend *b);
/* The next frame of the guest, or NULL. g_bytes_unref() it. */
GBytes *net_next_sent(NetBackend *b);
/* A frame to the guest: at once, or when it has room, or never if too many wait. */
void net_deliver(NetBackend *b, const void *frame, size_t len);
/* Try again those that wait. */
void net_deliver_waiting(NetBackend *b);

#endif

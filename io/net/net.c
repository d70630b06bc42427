/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Network back ends: queues and threads that all types share.
 *
 * Lock: `lock` for the frames of the guest, held for a few instructions; the rest belongs to the
 * back end's thread. Test: tests/unit/test-net.c
 */
#include "io/net/internal.h"
#include "rhea/error.h"
#include "softmmu/machine.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define QUEUE_MAX 512 /* frames, each way */

static const NetType *const types[] = {&net_user};

void net_print_types(FILE *out)
{
    fprintf(out, "Available netdev backend types:\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        fprintf(out, "%s\n", types[i]->name);
    }
}

NetBackend *net_open(OptDict *opts, GError **err)
{
    const char *type = opt_take(opts, "type"), *id = opt_take(opts, "id");

    if (!type || !id) {
        rhea_error_set(err, "Parameter '%s' is missing", type ? "id" : "type");
        return NULL;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strcmp(types[i]->name, type) == 0) {
            NetBackend *b = types[i]->open(opts, err);

            if (b) {
                b->type = types[i];
                b->id = g_strdup(id);
                b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                g_mutex_init(&b->lock);
            }
            return b;
        }
    }
    rhea_error_set(err, "Parameter 'type' does not accept value '%s'", type);
    return NULL;
}

static void queue_clear(GQueue *q)
{
    GBytes *frame;

    while ((frame = g_queue_pop_head(q))) {
        g_bytes_unref(frame);
    }
}

void net_close(NetBackend *b)
{
    queue_clear(&b->sent);
    queue_clear(&b->waiting);
    close(b->wake_fd);
    g_mutex_clear(&b->lock);
    g_free(b->id);
    b->type->close(b);
}

NetBackend *net_find(Machine *m, const char *id)
{
    for (unsigned i = 0; m && m->nets && i < m->nets->len; i++) {
        NetBackend *b = g_ptr_array_index(m->nets, i);

        if (strcmp(b->id, id) == 0) {
            return b;
        }
    }
    return NULL;
}

const char *net_id(const NetBackend *b)
{
    return b->id;
}

bool net_attached(const NetBackend *b)
{
    return b->receiver.receive != NULL;
}

static void wake(NetBackend *b)
{
    uint64_t one = 1;

    while (write(b->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

static gpointer backend_thread(gpointer opaque)
{
    NetBackend *b = opaque;

    b->type->run(b);
    return NULL;
}

bool net_attach(NetBackend *b, const NetReceiver *r, GError **err)
{
    if (net_attached(b)) {
        rhea_error_set(err, "netdev '%s' is in use by another card", b->id);
        return false;
    }
    b->receiver = *r;
    b->stopping = false;
    b->thread = g_thread_new("net", backend_thread, b);
    return true;
}

void net_detach(NetBackend *b)
{
    if (!net_attached(b)) {
        return;
    }
    __atomic_store_n(&b->stopping, true, __ATOMIC_RELEASE);
    wake(b);
    g_thread_join(b->thread);
    b->receiver = (NetReceiver){NULL, NULL};
    queue_clear(&b->waiting);
}

void net_send(NetBackend *b, const struct iovec *iov, unsigned n)
{
    size_t len = 0, at = 0;
    bool first = false;

    for (unsigned i = 0; i < n; i++) {
        len += iov[i].iov_len;
    }
    if (len > NET_FRAME_MAX) {
        return;
    }
    uint8_t *frame = g_malloc(len);
    for (unsigned i = 0; i < n; at += iov[i++].iov_len) {
        memcpy(frame + at, iov[i].iov_base, iov[i].iov_len);
    }
    g_mutex_lock(&b->lock);
    if (b->sent.length < QUEUE_MAX) {
        first = b->sent.length == 0;
        g_queue_push_tail(&b->sent, g_bytes_new_take(frame, len));
        frame = NULL;
    }
    g_mutex_unlock(&b->lock);
    g_free(frame);
    if (first) {
        wake(b);
    }
}

void net_ready(NetBackend *b)
{
    wake(b);
}

/* ---- for types ---- */

bool net_stopping(NetBackend *b)
{
    return __atomic_load_n(&b->stopping, __ATOMIC_ACQUIRE);
}

void net_woken(NetBackend *b)
{
    uint64_t count;

    while (read(b->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR) {
    }
}

GBytes *net_next_sent(NetBackend *b)
{
    g_mutex_lock(&b->lock);
    GBytes *frame = g_queue_pop_head(&b->sent);
    g_mutex_unlock(&b->lock);
    return frame;
}

void net_deliver(NetBackend *b, const void *frame, size_t len)
{
    if (b->waiting.length == 0 && b->receiver.receive(b->receiver.opaque, frame, len)) {
        return;
    }
    if (b->waiting.length < QUEUE_MAX) {
        g_queue_push_tail(&b->waiting, g_bytes_new(frame, len));
    }
}

void net_deliver_waiting(NetBackend *b)
{
    GBytes *frame;

    while ((frame = g_queue_peek_head(&b->waiting))) {
        gsize len;
        const uint8_t *data = g_bytes_get_data(frame, &len);

        if (!b->receiver.receive(b->receiver.opaque, data, len)) {
            return;
        }
        g_bytes_unref(g_queue_pop_head(&b->waiting));
    }
}

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

static const NetType *const types[] = {&net_socket, &net_stream, &net_dgram, &net_hubport,
                                       &net_tap,    &net_user,   &net_bridge};

void net_print_types(FILE *out)
{
    fprintf(out, "Available netdev backend types:\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        fprintf(out, "%s\n", types[i]->name);
    }
}

static bool check_keys(const NetType *t, const OptDict *o, GError **err)
{
    const char *key, *value;

    for (unsigned i = 0; opt_at(o, i, &key, &value); i++) {
        if (strcmp(key, "type") != 0 && strcmp(key, "id") != 0 && !g_strv_contains(t->keys, key)) {
            rhea_error_set(err, "Invalid parameter '%s'", key);
            return false;
        }
    }
    return true;
}

void net_backend_init(NetBackend *b, const NetType *type, const char *id)
{
    b->type = type;
    b->id = g_strdup(id);
    b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g_mutex_init(&b->lock);
}

NetBackend *net_open(Machine *m, OptDict *opts, GError **err)
{
    const char *type = opt_take(opts, "type"), *id = opt_take(opts, "id");

    if (!type || !id) {
        rhea_error_set(err, "Parameter '%s' is missing", type ? "id" : "type");
        return NULL;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strcmp(types[i]->name, type) == 0) {
            NetBackend *b = check_keys(types[i], opts, err) ? types[i]->open(m, opts, err) : NULL;

            for (unsigned q = 0; b && q < net_queue_count(b); q++) {
                net_backend_init(net_queue(b, q), b->type ? b->type : types[i], id);
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
    for (unsigned i = 1; i < net_queue_count(b); i++) {
        net_close(net_queue(b, i));
    }
    g_clear_pointer(&b->more, g_ptr_array_unref);
    queue_clear(&b->sent);
    queue_clear(&b->waiting);
    close(b->wake_fd);
    g_mutex_clear(&b->lock);
    g_free(b->id);
    if (b->dumps) {
        g_ptr_array_unref(b->dumps);
    }
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

void net_add_queue(NetBackend *b, NetBackend *more)
{
    b->more = b->more ? b->more : g_ptr_array_new();
    g_ptr_array_add(b->more, more);
}

unsigned net_queue_count(const NetBackend *b)
{
    return 1 + (b->more ? b->more->len : 0);
}

NetBackend *net_queue(NetBackend *b, unsigned i)
{
    return i ? g_ptr_array_index(b->more, i - 1) : b;
}

void net_use_queues(NetBackend *b, unsigned n)
{
    for (unsigned i = 0; b->type->enable && i < net_queue_count(b); i++) {
        b->type->enable(net_queue(b, i), i < n);
    }
}

int net_vhost_fd(const NetBackend *b, int *fd)
{
    *fd = b->kernel_fd;
    return b->vhost_fd > 0 ? b->vhost_fd : -1;
}

void net_use_vhost(NetBackend *b, bool on)
{
    __atomic_store_n(&b->vhost, on, __ATOMIC_RELEASE);
    net_ready(b);
}

bool net_attached(const NetBackend *b)
{
    return b->receiver.receive != NULL || b->linked;
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

static void thread_stop(NetBackend *b)
{
    __atomic_store_n(&b->stopping, true, __ATOMIC_RELEASE);
    wake(b);
    g_thread_join(b->thread);
    b->thread = NULL;
}

void net_detach(NetBackend *b)
{
    if (!b->thread) {
        return;
    }
    thread_stop(b);
    b->receiver = (NetReceiver){NULL};
    queue_clear(&b->waiting);
}

size_t net_gather(const struct iovec *iov, unsigned n, uint8_t *to, size_t size)
{
    size_t at = 0;

    for (unsigned i = 0; i < n; i++) {
        size_t part = MIN(iov[i].iov_len, size - at);

        memcpy(to + at, iov[i].iov_base, part);
        at += part;
    }
    return at;
}

static void send_frame(NetBackend *b, const uint8_t *header, size_t header_len,
                       const struct iovec *iov, unsigned n)
{
    size_t len = header_len;
    bool first = false;

    for (unsigned i = 0; i < n; i++) {
        len += iov[i].iov_len;
    }
    if (len > NET_FRAME_MAX) {
        return;
    }
    uint8_t *frame = g_malloc(len);
    if (header_len) {
        memcpy(frame, header, header_len);
    }
    net_gather(iov, n, frame + header_len, len - header_len);
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

void net_send(NetBackend *b, const struct iovec *iov, unsigned n)
{
    send_frame(b, NULL, 0, iov, n);
}

void net_send_header(NetBackend *b, const uint8_t header[NET_HEADER], const struct iovec *iov,
                     unsigned n)
{
    send_frame(b, header, NET_HEADER, iov, n);
}

bool net_can_offload(const NetBackend *b)
{
    return b->can_offload;
}

void net_set_offload(NetBackend *b, unsigned flags)
{
    if (b->type->set_offload) {
        b->type->set_offload(b, flags);
    }
}

void net_end(Machine *m)
{
    for (unsigned i = m->nets ? m->nets->len : 0; i > 0; i--) {
        NetBackend *b = g_ptr_array_index(m->nets, i - 1);

        for (unsigned q = 0; q < net_queue_count(b); q++) {
            if (net_queue(b, q)->thread) {
                thread_stop(net_queue(b, q));
            }
        }
        if (b->type->end) {
            b->type->end(b);
        }
        for (unsigned q = 0; q < net_queue_count(b); q++) {
            g_clear_pointer(&net_queue(b, q)->dumps, g_ptr_array_unref);
        }
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

static void dump(NetBackend *b, unsigned way, const uint8_t *frame, size_t len)
{
    size_t skip = b->receiver.header ? NET_HEADER : 0;

    if (b->dumps && len > skip) {
        net_dump_frame(b->dumps, way, frame + skip, len - skip);
    }
}

GBytes *net_next_sent(NetBackend *b)
{
    g_mutex_lock(&b->lock);
    GBytes *frame = g_queue_pop_head(&b->sent);
    g_mutex_unlock(&b->lock);
    if (frame) {
        gsize len;
        const uint8_t *data = g_bytes_get_data(frame, &len);

        dump(b, NET_DUMP_RX, data, len);
    }
    return frame;
}

bool net_can_collect(const NetBackend *b)
{
    return b->type->output != NULL;
}

void net_output(NetBackend *b, const struct iovec *iov, unsigned n)
{
    if (b->dumps) {
        g_autofree uint8_t *frame = g_malloc(NET_HEADER + NET_FRAME_MAX);

        dump(b, NET_DUMP_RX, frame, net_gather(iov, n, frame, NET_HEADER + NET_FRAME_MAX));
    }
    b->type->output(b, iov, n);
}

void net_output_all(NetBackend *b)
{
    GBytes *frame;

    while (!net_stopping(b) && (frame = net_next_sent(b))) {
        gsize len;
        const void *data = g_bytes_get_data(frame, &len);
        struct iovec iov = {(void *)data, len};

        b->type->output(b, &iov, 1);
        g_bytes_unref(frame);
    }
    if (b->receiver.collect) {
        b->receiver.collect(b->receiver.opaque);
    }
}

bool net_has_room(const NetBackend *b)
{
    return b->waiting.length == 0;
}

void net_deliver(NetBackend *b, const void *frame, size_t len)
{
    dump(b, NET_DUMP_TX, frame, len);
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

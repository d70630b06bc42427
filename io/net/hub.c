/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -netdev hubport: what comes in at one port of a hub goes out at all others. A port is a card's
 * back end, or with netdev= stands in front of another back end.
 *
 * Ports of one hubid share a Hub. Its lock is held while frames are put into the queues of other
 * ports; a port's own thread delivers them.
 *
 * Test: tests/unit/test-net-link.c
 */
#include "io/net/internal.h"
#include "rhea/error.h"
#include "softmmu/machine.h"

#include <errno.h>
#include <poll.h>

#define INBOX_MAX 512

typedef struct Hub {
    GMutex lock;
    uint64_t id;
    unsigned refs; /* main thread */
    GPtrArray *ports;
} Hub;

typedef struct NetHubPort {
    NetBackend b;
    Hub *hub;
    NetBackend *peer; /* netdev=, or NULL */
    GQueue inbox;     /* GBytes *, under the hub's lock */
} NetHubPort;

static void hub_repeat(NetHubPort *from, GBytes *frame)
{
    Hub *h = from->hub;
    gsize len;
    const void *data = g_bytes_get_data(frame, &len);
    struct iovec iov = {(void *)data, len};

    g_mutex_lock(&h->lock);
    for (unsigned i = 0; i < h->ports->len; i++) {
        NetHubPort *to = g_ptr_array_index(h->ports, i);

        if (to == from) {
            continue;
        }
        if (to->peer) {
            net_send(to->peer, &iov, 1);
        } else if (__atomic_load_n(&to->b.thread, __ATOMIC_RELAXED) &&
                   to->inbox.length < INBOX_MAX) {
            g_queue_push_tail(&to->inbox, g_bytes_ref(frame));
            net_ready(&to->b);
        }
    }
    g_mutex_unlock(&h->lock);
}

static bool hub_from_peer(void *opaque, const uint8_t *frame, size_t len)
{
    g_autoptr(GBytes) bytes = g_bytes_new(frame, len);

    hub_repeat(opaque, bytes);
    return true;
}

static GBytes *inbox_next(NetHubPort *p)
{
    g_mutex_lock(&p->hub->lock);
    GBytes *frame = net_has_room(&p->b) ? g_queue_pop_head(&p->inbox) : NULL;
    g_mutex_unlock(&p->hub->lock);
    return frame;
}

static void hub_run(NetBackend *b)
{
    NetHubPort *p = (NetHubPort *)b;

    while (!net_stopping(b)) {
        struct pollfd wake = {b->wake_fd, POLLIN, 0};
        GBytes *frame;

        if (poll(&wake, 1, -1) < 0 && errno != EINTR) {
            return;
        }
        net_woken(b);
        while ((frame = net_next_sent(b))) {
            hub_repeat(p, frame);
            g_bytes_unref(frame);
        }
        net_deliver_waiting(b);
        while ((frame = inbox_next(p))) {
            gsize len;
            const void *data = g_bytes_get_data(frame, &len);

            net_deliver(b, data, len);
            g_bytes_unref(frame);
        }
    }
}

static Hub *hub_find(Machine *m, uint64_t id)
{
    for (unsigned i = 0; m && m->nets && i < m->nets->len; i++) {
        NetBackend *b = g_ptr_array_index(m->nets, i);

        if (b->type == &net_hubport && ((NetHubPort *)b)->hub->id == id) {
            return ((NetHubPort *)b)->hub;
        }
    }
    return NULL;
}

static Hub *hub_new(uint64_t id)
{
    Hub *h = g_new0(Hub, 1);

    g_mutex_init(&h->lock);
    h->id = id;
    h->ports = g_ptr_array_new();
    return h;
}

static void hub_close(NetBackend *b)
{
    NetHubPort *p = (NetHubPort *)b;
    Hub *h = p->hub;
    GBytes *frame;

    if (p->peer) {
        net_detach(p->peer);
    }
    g_mutex_lock(&h->lock);
    g_ptr_array_remove(h->ports, p);
    g_mutex_unlock(&h->lock);
    while ((frame = g_queue_pop_head(&p->inbox))) {
        g_bytes_unref(frame);
    }
    if (--h->refs == 0) {
        g_ptr_array_free(h->ports, TRUE);
        g_mutex_clear(&h->lock);
        g_free(h);
    }
    g_free(p);
}

static const char *const keys[] = {"hubid", "netdev", NULL};

static NetBackend *hub_open(Machine *m, OptDict *o, GError **err)
{
    const char *netdev = opt_take(o, "netdev");
    uint64_t id = 0;
    NetBackend *peer = netdev ? net_find(m, netdev) : NULL;

    if (!opt_get(o, "hubid")) {
        rhea_error_set(err, "Parameter 'hubid' is missing");
        return NULL;
    }
    if (!opt_take_u64(o, "hubid", &id, err)) {
        return NULL;
    }
    if (netdev && !peer) {
        rhea_error_set(err, "netdev '%s' not found", netdev);
        return NULL;
    }
    NetHubPort *p = g_new0(NetHubPort, 1);
    const NetReceiver receiver = {.receive = hub_from_peer, .opaque = p};
    p->hub = hub_find(m, id);
    p->hub = p->hub ? p->hub : hub_new(id);
    p->hub->refs++;
    g_mutex_lock(&p->hub->lock);
    g_ptr_array_add(p->hub->ports, p);
    g_mutex_unlock(&p->hub->lock);
    if (peer && !net_attach(peer, &receiver, err)) {
        hub_close(&p->b);
        return NULL;
    }
    p->peer = peer;
    p->b.linked = peer != NULL;
    return &p->b;
}

const NetType net_hubport = {
    .name = "hubport", .keys = keys, .open = hub_open, .run = hub_run, .close = hub_close};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * udp: what is written goes out as datagrams, and what comes from there is input; ringbuf: output
 * is kept, the newest of it.
 *
 * A datagram that the front end has no room for waits here whole. Nobody can tell whether there is
 * anybody at the other end: such a device is always open. Main loop's thread; ringbuf: the one that
 * drains. Test: tests/unit/test-chardev.c
 */
#include "internal.h"
#include "io/sockaddr.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MAX 65536

typedef struct CharUdp {
    Chardev c;
    int fd;
    MainFd *watch;
    MainFd *out_watch;
    uint8_t buf[DATAGRAM_MAX];
    size_t at, len; /* of buf, not delivered yet */
} CharUdp;

/* False: something is left, as there is no room. */
static bool udp_deliver(CharUdp *u)
{
    while (u->at < u->len) {
        unsigned n = MIN(char_in_room(&u->c), u->len - u->at);

        if (!n) {
            return false;
        }
        u->at += n;
        char_input(&u->c, u->buf + u->at - n, n);
    }
    return true;
}

static void udp_update_read(Chardev *c)
{
    CharUdp *u = (CharUdp *)c;

    if (u->watch) {
        mainloop_set_fd_events(u->watch, udp_deliver(u) && char_in_room(c) ? G_IO_IN : 0);
    }
}

static void udp_ready(void *opaque, GIOCondition ready)
{
    CharUdp *u = opaque;

    if (udp_deliver(u)) {
        /* An error is that nobody listened to an earlier one. */
        ssize_t n = recv(u->fd, u->buf, sizeof(u->buf), MSG_DONTWAIT);

        u->at = 0;
        u->len = MAX(n, 0);
    }
    udp_update_read(&u->c);
}

static ssize_t udp_write(Chardev *c, const uint8_t *buf, size_t len)
{
    CharUdp *u = (CharUdp *)c;

    return send(u->fd, buf, MIN(len, 1400), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void udp_out_ready(void *opaque, GIOCondition ready)
{
    char_out_ready(opaque);
}

static void udp_wait_writable(Chardev *c, bool wait)
{
    CharUdp *u = (CharUdp *)c;

    if (!wait) {
        mainloop_remove_fd(u->out_watch);
        u->out_watch = NULL;
    } else if (!u->out_watch) {
        u->out_watch = mainloop_add_fd(c->set->loop, u->fd, G_IO_OUT, udp_out_ready, c);
    }
}

static bool udp_open(Chardev *c, OptDict *d, GError **err)
{
    CharUdp *u = (CharUdp *)c;
    const char *host = opt_take(d, "host"), *port = opt_take(d, "port");
    const char *local = opt_take(d, "localaddr"), *local_port = opt_take(d, "localport");
    SockAddr to, from;
    int family;

    u->fd = -1;
    if (!port || !*port) {
        rhea_error_set(err, "chardev: udp: remote port not specified");
        return false;
    }
    if (!sock_take_family(d, "", &family, err) ||
        !sock_inet(&to, host && *host ? host : "localhost", port, family, SOCK_DGRAM, false, err) ||
        !sock_inet(&from, local ? local : "", local_port && *local_port ? local_port : "0",
                   to.addr.ss_family, SOCK_DGRAM, true, err)) {
        return false;
    }
    u->fd = socket(to.addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (u->fd < 0 || bind(u->fd, (struct sockaddr *)&from.addr, from.len) ||
        connect(u->fd, (struct sockaddr *)&to.addr, to.len)) {
        g_autofree char *text = sock_text(&from);

        rhea_error_set(err, "Failed to bind socket to %s: %s", text, g_strerror(errno));
        return false;
    }
    c->filename = g_strdup("udp");
    c->open = true;
    u->watch = mainloop_add_fd(c->set->loop, u->fd, 0, udp_ready, u);
    udp_update_read(c);
    return true;
}

static void udp_close(Chardev *c)
{
    CharUdp *u = (CharUdp *)c;

    mainloop_remove_fd(u->watch);
    mainloop_remove_fd(u->out_watch);
    if (u->fd >= 0) {
        close(u->fd);
    }
}

static int udp_out_fd(Chardev *c)
{
    return ((CharUdp *)c)->fd;
}

const CharKind char_kind_udp = {
    .name = "udp",
    .help = "host=HOST,port=PORT,localaddr=ADDR,localport=PORT,ipv4=on|off,ipv6=on|off",
    .size = sizeof(CharUdp),
    .open = udp_open,
    .close = udp_close,
    .write = udp_write,
    .wait_writable = udp_wait_writable,
    .update_read = udp_update_read,
    .out_fd = udp_out_fd,
};

/* --- ringbuf --------------------------------------------------------------------------------- */

typedef struct CharRing {
    Chardev c;
    uint8_t *ring;
    uint64_t size, written;
} CharRing;

static ssize_t ring_write(Chardev *c, const uint8_t *buf, size_t len)
{
    CharRing *r = (CharRing *)c;

    for (size_t i = 0; i < len; i++) {
        r->ring[r->written++ & (r->size - 1)] = buf[i];
    }
    return len;
}

static void ring_nothing(Chardev *c, bool wait)
{
}

static void ring_update_read(Chardev *c)
{
}

static bool ring_open(Chardev *c, OptDict *d, GError **err)
{
    CharRing *r = (CharRing *)c;

    r->size = 65536;
    if (!opt_take_size(d, "size", &r->size, err)) {
        return false;
    }
    if (r->size == 0 || r->size > (1u << 30) || r->size & (r->size - 1)) {
        rhea_error_set(err, "size of ringbuf chardev must be power of two");
        return false;
    }
    r->ring = g_malloc(r->size);
    c->filename = g_strdup("ringbuf");
    c->open = true;
    return true;
}

static void ring_close(Chardev *c)
{
    g_free(((CharRing *)c)->ring);
}

size_t char_ring_peek(Chardev *c, uint8_t *buf, size_t len)
{
    CharRing *r = (CharRing *)c;

    if (c->kind != &char_kind_ringbuf) {
        return 0;
    }
    g_mutex_lock(&c->drain);
    len = MIN(len, MIN(r->written, r->size));
    for (size_t i = 0; i < len; i++) {
        buf[i] = r->ring[(r->written - len + i) & (r->size - 1)];
    }
    g_mutex_unlock(&c->drain);
    return len;
}

const CharKind char_kind_ringbuf = {
    .name = "ringbuf",
    .help = "size=BYTES",
    .size = sizeof(CharRing),
    .open = ring_open,
    .close = ring_close,
    .write = ring_write,
    .wait_writable = ring_nothing,
    .update_read = ring_update_read,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A frame a datagram: -netdev dgram (UDP, multicast, unix, an inherited socket) and -netdev socket
 * with mcast= or udp=.
 *
 * Thread: the back end's. Test: tests/unit/test-net-link.c
 */
#include "io/net/internal.h"
#include "rhea/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BATCH 64 /* datagrams before the guest's frames get a turn */

typedef struct NetDgram {
    NetBackend b;
    int fd;
    SockAddr to;       /* len 0: fd is connected */
    char *unlink_path; /* or NULL */
    uint8_t in[NET_FRAME_MAX];
} NetDgram;

static void dgram_read(NetDgram *s)
{
    for (unsigned i = 0; i < BATCH && net_has_room(&s->b); i++) {
        ssize_t n = recv(s->fd, s->in, sizeof(s->in), MSG_DONTWAIT | MSG_TRUNC);

        if (n < 0) {
            return;
        }
        if (n > 0 && n <= (ssize_t)sizeof(s->in)) {
            net_deliver(&s->b, s->in, n);
        }
    }
}

/* What the socket does not take is lost, as on a wire. */
static void dgram_write(NetDgram *s)
{
    const struct sockaddr *to = s->to.len ? (struct sockaddr *)&s->to.addr : NULL;
    GBytes *frame;

    while ((frame = net_next_sent(&s->b))) {
        gsize len;
        const uint8_t *data = g_bytes_get_data(frame, &len);

        while (sendto(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, to, s->to.len) < 0 &&
               errno == EINTR) {
        }
        g_bytes_unref(frame);
    }
}

static void dgram_run(NetBackend *b)
{
    NetDgram *s = (NetDgram *)b;

    while (!net_stopping(b)) {
        struct pollfd p[2] = {{b->wake_fd, POLLIN, 0}, {s->fd, net_has_room(b) ? POLLIN : 0, 0}};

        if (poll(p, 2, -1) < 0 && errno != EINTR) {
            return;
        }
        if (p[0].revents) {
            net_woken(b);
        }
        net_deliver_waiting(b);
        if (p[1].revents) {
            dgram_read(s);
        }
        dgram_write(s);
    }
}

static void dgram_end(NetBackend *b)
{
    NetDgram *s = (NetDgram *)b;

    if (s->unlink_path) {
        unlink(s->unlink_path);
    }
}

static void dgram_close(NetBackend *b)
{
    NetDgram *s = (NetDgram *)b;

    dgram_end(b);
    close(s->fd);
    g_free(s->unlink_path);
    g_free(s);
}

NetBackend *net_dgram_new(int fd, const SockAddr *to)
{
    NetDgram *s = g_new0(NetDgram, 1);

    s->b.type = &net_dgram;
    s->fd = fd;
    if (to) {
        s->to = *to;
    }
    return &s->b;
}

static int dgram_bind(const SockAddr *a, GError **err)
{
    int fd = socket(a->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd >= 0 && a->addr.ss_family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a->addr, a->len)) {
        g_autofree char *text = sock_text(a);

        rhea_error_set(err, "can't bind datagram socket to %s: %s", text, g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

NetBackend *net_dgram_udp(const SockAddr *local, const SockAddr *to, GError **err)
{
    int fd = dgram_bind(local, err);

    return fd < 0 ? NULL : net_dgram_new(fd, to);
}

NetBackend *net_dgram_multicast(const SockAddr *group, const char *local, GError **err)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&group->addr;
    struct ip_mreq mreq = {.imr_multiaddr = in->sin_addr};
    int loop = 1, fd;

    if (group->addr.ss_family != AF_INET || !IN_MULTICAST(ntohl(in->sin_addr.s_addr))) {
        g_autofree char *text = sock_text(group);

        rhea_error_set(err, "specified mcastaddr %s does not contain a multicast address", text);
        return NULL;
    }
    if (local && !inet_aton(local, &mreq.imr_interface)) {
        rhea_error_set(err, "localaddr '%s' is no IPv4 address", local);
        return NULL;
    }
    fd = dgram_bind(group, err);
    if (fd < 0) {
        return NULL;
    }
    if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof(loop)) ||
        (local && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &mreq.imr_interface,
                             sizeof(mreq.imr_interface)))) {
        rhea_error_set(err, "can't join the multicast group: %s", g_strerror(errno));
        close(fd);
        return NULL;
    }
    return net_dgram_new(fd, group);
}

/* ---- -netdev dgram ---- */

static const char *const keys[] = {
    "local.type",      "local.host",   "local.port",     "local.path",    "local.str",
    "local.ipv4",      "local.ipv6",   "local.abstract", "local.tight",   "remote.type",
    "remote.host",     "remote.port",  "remote.path",    "remote.ipv4",   "remote.ipv6",
    "remote.abstract", "remote.tight", "remote.numeric", "local.numeric", NULL};

enum { KIND_INET, KIND_UNIX, KIND_FD, KIND_NONE };
static const char *const kinds[] = {"inet", "unix", "fd", NULL};

/* SIDE.host, SIDE.port or SIDE.path, as its type has it. */
static bool dgram_address(OptDict *o, const char *side, int kind, SockAddr *a, GError **err)
{
    g_autofree char *prefix = g_strconcat(side, ".", NULL);
    g_autofree char *host_key = g_strconcat(side, ".host", NULL);
    g_autofree char *port_key = g_strconcat(side, ".port", NULL);
    g_autofree char *path_key = g_strconcat(side, ".path", NULL);
    g_autofree char *abstract_key = g_strconcat(side, ".abstract", NULL);
    g_autofree char *tight_key = g_strconcat(side, ".tight", NULL);
    const char *host = opt_take(o, host_key), *port = opt_take(o, port_key);
    const char *path = opt_take(o, path_key);
    bool abstract = false, tight = true;
    int family;

    if (kind == KIND_UNIX ? !path : !host || !port) {
        rhea_error_set(err, "Parameter '%s' is missing",
                       kind == KIND_UNIX ? path_key
                       : host            ? port_key
                                         : host_key);
        return false;
    }
    if (!sock_take_family(o, prefix, &family, err) ||
        !opt_take_bool(o, abstract_key, &abstract, err) ||
        !opt_take_bool(o, tight_key, &tight, err)) {
        return false;
    }
    return kind == KIND_UNIX ? sock_unix(a, path, abstract, tight, err)
                             : sock_inet(a, host, port, family, SOCK_DGRAM, false, err);
}

static NetBackend *dgram_inherited(OptDict *o, int remote, const SockAddr *to, GError **err)
{
    const char *text = opt_take(o, "local.str");
    int fd = -1;

    if (!text) {
        rhea_error_set(err, "Parameter 'local.str' is missing");
        return NULL;
    }
    return sock_inherit(text, SOCK_DGRAM, &fd, err)
               ? net_dgram_new(fd, remote == KIND_NONE ? NULL : to)
               : NULL;
}

static bool is_multicast(const SockAddr *a)
{
    return a->addr.ss_family == AF_INET &&
           IN_MULTICAST(ntohl(((const struct sockaddr_in *)&a->addr)->sin_addr.s_addr));
}

static NetBackend *dgram_unix(const SockAddr *local, const SockAddr *to, GError **err)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&local->addr;

    if (un->sun_path[0]) {
        unlink(un->sun_path);
    }
    NetBackend *b = net_dgram_udp(local, to, err);
    if (b && un->sun_path[0]) {
        ((NetDgram *)b)->unlink_path = g_strdup(un->sun_path);
    }
    return b;
}

static NetBackend *dgram_open(Machine *m, OptDict *o, GError **err)
{
    int local = KIND_NONE, remote = KIND_NONE;
    SockAddr from = {.len = 0}, to = {.len = 0};

    if (!opt_take_enum(o, "local.type", kinds, &local, err) ||
        !opt_take_enum(o, "remote.type", kinds, &remote, err)) {
        return NULL;
    }
    if (remote == KIND_FD) {
        rhea_error_set(err, "remote.type=fd is not possible: the socket is local");
        return NULL;
    }
    if (remote != KIND_NONE && !dgram_address(o, "remote", remote, &to, err)) {
        return NULL;
    }
    if (local == KIND_FD) {
        return dgram_inherited(o, remote, &to, err);
    }
    if (remote == KIND_INET && is_multicast(&to)) {
        const char *host = opt_take(o, "local.host");

        return net_dgram_multicast(&to, local == KIND_INET ? host : NULL, err);
    }
    if (local == KIND_NONE) {
        rhea_error_set(err, "dgram requires local= parameter");
        return NULL;
    }
    if (remote == KIND_NONE) {
        rhea_error_set(err, "type=inet or type=unix requires remote parameter");
        return NULL;
    }
    if (remote != local) {
        rhea_error_set(err, "remote and local types must be the same");
        return NULL;
    }
    if (!dgram_address(o, "local", local, &from, err)) {
        return NULL;
    }
    if (local == KIND_INET && from.addr.ss_family != to.addr.ss_family) {
        rhea_error_set(err, "remote and local addresses must be of the same family");
        return NULL;
    }
    return local == KIND_UNIX ? dgram_unix(&from, &to, err) : net_dgram_udp(&from, &to, err);
}

const NetType net_dgram = {.name = "dgram",
                           .keys = keys,
                           .open = dgram_open,
                           .run = dgram_run,
                           .close = dgram_close,
                           .end = dgram_end};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Frames over a stream socket, each after its length in four bytes, big-endian: -netdev stream and
 * -netdev socket with listen=, connect= or fd=.
 *
 * One peer at a time: a listener takes the next one when the last has gone; a client connects again
 * if it was told to. A length that no frame has ends the connection.
 *
 * Thread: the back end's. Test: tests/unit/test-net-link.c
 */
#include "io/net/internal.h"
#include "rhea/error.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define LENGTH_SIZE 4
#define IN_SIZE     (LENGTH_SIZE + NET_FRAME_MAX)

typedef struct NetStream {
    NetBackend b;
    int fd;          /* the peer, or -1 */
    bool connecting; /* fd is on its way */
    int listener;    /* -1: none */
    SockAddr addr;
    bool client, keep_alive;
    uint64_t reconnect_ms; /* 0: once */
    int64_t retry_at;      /* us; 0: not */
    uint8_t in[IN_SIZE];
    size_t in_len;
    GBytes *out; /* the frame that is being written */
    size_t out_at;
} NetStream;

static void stream_close_peer(NetStream *s)
{
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
    s->connecting = false;
    s->in_len = s->out_at = 0;
    g_clear_pointer(&s->out, g_bytes_unref);
    if (s->client && s->reconnect_ms) {
        s->retry_at = g_get_monotonic_time() + (int64_t)s->reconnect_ms * 1000;
    }
}

static void stream_peer_set(NetStream *s, int fd)
{
    int one = 1;

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (s->keep_alive) {
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    }
    s->fd = fd;
}

static void stream_connect_failed(NetStream *s, int error)
{
    g_autofree char *text = sock_text(&s->addr);

    if (!s->reconnect_ms) {
        rhea_warn_report("netdev %s: Failed to connect to '%s': %s", s->b.id, text,
                         g_strerror(error));
    }
    stream_close_peer(s);
}

static void stream_connect(NetStream *s)
{
    int fd = socket(s->addr.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    s->retry_at = 0;
    if (fd < 0) {
        stream_connect_failed(s, errno);
        return;
    }
    stream_peer_set(s, fd);
    if (connect(fd, (struct sockaddr *)&s->addr.addr, s->addr.len)) {
        if (errno != EINPROGRESS) {
            stream_connect_failed(s, errno);
            return;
        }
        s->connecting = true;
    }
}

static void stream_connected(NetStream *s)
{
    int error = 0;
    socklen_t len = sizeof(error);

    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    s->connecting = false;
    if (error) {
        stream_connect_failed(s, error);
    }
}

static size_t get_length(const uint8_t *p)
{
    return (size_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void stream_read(NetStream *s)
{
    ssize_t n = recv(s->fd, s->in + s->in_len, sizeof(s->in) - s->in_len, 0);
    size_t at = 0;

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            stream_close_peer(s);
        }
        return;
    }
    s->in_len += n;
    while (s->in_len - at >= LENGTH_SIZE) {
        size_t len = get_length(s->in + at);

        if (len > NET_FRAME_MAX) {
            rhea_warn_report("netdev %s: frame of %zu bytes, connection closed", s->b.id, len);
            stream_close_peer(s);
            return;
        }
        if (s->in_len - at < LENGTH_SIZE + len) {
            break;
        }
        net_deliver(&s->b, s->in + at + LENGTH_SIZE, len);
        at += LENGTH_SIZE + len;
    }
    s->in_len -= at;
    memmove(s->in, s->in + at, s->in_len);
}

/* Frames of the guest, as long as the peer takes them. Without one they are lost. */
static void stream_write(NetStream *s)
{
    while (s->out || (s->out = net_next_sent(&s->b))) {
        gsize len;
        uint8_t *data = (uint8_t *)g_bytes_get_data(s->out, &len);

        if (s->fd < 0 || s->connecting) {
            g_clear_pointer(&s->out, g_bytes_unref);
            continue;
        }
        uint8_t length[LENGTH_SIZE] = {len >> 24, len >> 16, len >> 8, len};
        size_t head = MIN(s->out_at, LENGTH_SIZE), body = s->out_at - head;
        struct iovec iov[2] = {{length + head, LENGTH_SIZE - head}, {data + body, len - body}};
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
        ssize_t n = sendmsg(s->fd, &msg, MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n < 0) {
            stream_close_peer(s);
            continue;
        }
        s->out_at += n;
        if (s->out_at == LENGTH_SIZE + len) {
            g_clear_pointer(&s->out, g_bytes_unref);
            s->out_at = 0;
        }
    }
}

static int stream_timeout(const NetStream *s)
{
    int64_t left = (s->retry_at - g_get_monotonic_time() + 999) / 1000;

    return s->retry_at ? CLAMP(left, 0, INT32_MAX) : -1;
}

static void stream_run(NetBackend *b)
{
    NetStream *s = (NetStream *)b;

    if (s->client && s->fd < 0 && !s->retry_at) {
        stream_connect(s);
    }
    while (!net_stopping(b)) {
        bool idle = s->fd < 0 && s->listener >= 0;
        struct pollfd p[3] = {
            {b->wake_fd, POLLIN, 0}, {s->fd, 0, 0}, {idle ? s->listener : -1, POLLIN, 0}};

        if (s->connecting) {
            p[1].events = POLLOUT;
        } else {
            p[1].events = (net_has_room(b) ? POLLIN : 0) | (s->out ? POLLOUT : 0);
        }
        if (poll(p, 3, stream_timeout(s)) < 0 && errno != EINTR) {
            return;
        }
        if (p[0].revents) {
            net_woken(b);
        }
        net_deliver_waiting(b);
        if (p[1].revents && s->connecting) {
            stream_connected(s);
        } else if (p[1].revents & (POLLIN | POLLHUP | POLLERR)) {
            stream_read(s);
        }
        if (p[2].revents) {
            int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

            if (fd >= 0) {
                stream_peer_set(s, fd);
            }
        }
        if (s->retry_at && s->retry_at <= g_get_monotonic_time()) {
            stream_connect(s);
        }
        stream_write(s);
    }
}

static void stream_end(NetBackend *b)
{
    NetStream *s = (NetStream *)b;
    const struct sockaddr_un *un = (const struct sockaddr_un *)&s->addr.addr;

    if (s->listener >= 0 && s->addr.addr.ss_family == AF_UNIX && un->sun_path[0]) {
        unlink(un->sun_path);
    }
}

static void stream_close(NetBackend *b)
{
    NetStream *s = (NetStream *)b;

    stream_end(b);
    stream_close_peer(s);
    if (s->listener >= 0) {
        close(s->listener);
    }
    g_free(s);
}

static NetStream *stream_new(void)
{
    NetStream *s = g_new0(NetStream, 1);

    s->b.type = &net_stream;
    s->fd = s->listener = -1;
    return s;
}

NetBackend *net_stream_new(int fd)
{
    NetStream *s = stream_new();

    stream_peer_set(s, fd);
    return &s->b;
}

NetBackend *net_stream_listen(SockAddr *a, uint64_t to, GError **err)
{
    int fd = sock_listen(a, to, err);

    if (fd < 0) {
        return NULL;
    }
    NetStream *s = stream_new();
    s->listener = fd;
    s->addr = *a;
    return &s->b;
}

NetBackend *net_stream_connect(const SockAddr *a, uint64_t reconnect_ms)
{
    NetStream *s = stream_new();

    s->client = true;
    s->reconnect_ms = reconnect_ms;
    s->addr = *a;
    return &s->b;
}

/* ---- -netdev stream ---- */

static const char *const keys[] = {
    "server",     "addr.type", "addr.host",       "addr.port",    "addr.to",   "addr.numeric",
    "addr.ipv4",  "addr.ipv6", "addr.keep-alive", "addr.mptcp",   "addr.path", "addr.abstract",
    "addr.tight", "addr.str",  "reconnect",       "reconnect-ms", NULL};

static NetBackend *stream_inherited(OptDict *o, bool server, GError **err)
{
    const char *text = opt_take(o, "addr.str");
    int fd = -1;

    if (!text) {
        rhea_error_set(err, "Parameter 'addr.str' is missing");
        return NULL;
    }
    if (!sock_inherit(text, SOCK_STREAM, &fd, err)) {
        return NULL;
    }
    if (!server) {
        return net_stream_new(fd);
    }
    if (listen(fd, 1)) {
        rhea_error_set(err, "File descriptor '%s' cannot listen: %s", text, g_strerror(errno));
        return NULL;
    }
    NetStream *s = stream_new();
    s->listener = fd;
    return &s->b;
}

static bool stream_address(OptDict *o, int kind, bool server, SockAddr *a, GError **err)
{
    const char *host = opt_take(o, "addr.host"), *port = opt_take(o, "addr.port");
    const char *path = opt_take(o, "addr.path");
    bool abstract = false, tight = true, mptcp = false;
    int family;

    if (!opt_take_bool(o, "addr.abstract", &abstract, err) ||
        !opt_take_bool(o, "addr.tight", &tight, err) ||
        !opt_take_bool(o, "addr.mptcp", &mptcp, err) ||
        !sock_take_family(o, "addr.", &family, err)) {
        return false;
    }
    if (mptcp) {
        rhea_error_set(err, "multipath TCP (addr.mptcp=on) is not supported");
        return false;
    }
    if (kind == 1 ? !path : !host || !port) {
        rhea_error_set(err, "Parameter 'addr.%s' is missing",
                       kind == 1 ? "path"
                       : host    ? "port"
                                 : "host");
        return false;
    }
    return kind == 1 ? sock_unix(a, path, abstract, tight, err)
                     : sock_inet(a, host, port, family, SOCK_STREAM, server, err);
}

static NetBackend *stream_open(Machine *m, OptDict *o, GError **err)
{
    static const char *const kinds[] = {"inet", "unix", "fd", NULL};
    bool server = false, numeric, keep_alive = false;
    uint64_t reconnect = 0, reconnect_ms = 0, to = 0;
    SockAddr a = {.len = 0};
    int kind = -1;

    if (!opt_take_enum(o, "addr.type", kinds, &kind, err) ||
        !opt_take_bool(o, "server", &server, err) ||
        !opt_take_bool(o, "addr.numeric", &numeric, err) ||
        !opt_take_bool(o, "addr.keep-alive", &keep_alive, err) ||
        !opt_take_u64(o, "addr.to", &to, err) || !opt_take_u64(o, "reconnect", &reconnect, err) ||
        !opt_take_u64(o, "reconnect-ms", &reconnect_ms, err)) {
        return NULL;
    }
    if (kind < 0) {
        rhea_error_set(err, "Parameter 'addr' is missing");
        return NULL;
    }
    reconnect_ms = MIN(reconnect_ms, INT32_MAX) + MIN(reconnect, INT32_MAX / 1000) * 1000;
    if (server && reconnect_ms) {
        rhea_error_set(err, "'reconnect-ms' option is incompatible with socket in server mode");
        return NULL;
    }
    if (kind == 2) {
        return stream_inherited(o, server, err);
    }
    if (!stream_address(o, kind, server, &a, err)) {
        return NULL;
    }
    NetBackend *b = server ? net_stream_listen(&a, to, err) : net_stream_connect(&a, reconnect_ms);
    if (b) {
        ((NetStream *)b)->keep_alive = keep_alive;
    }
    return b;
}

const NetType net_stream = {.name = "stream",
                            .keys = keys,
                            .open = stream_open,
                            .run = stream_run,
                            .close = stream_close,
                            .end = stream_end};

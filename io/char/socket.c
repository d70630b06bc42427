/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Stream sockets: unix (path=, abstract=), tcp (host=, port=), or one that was handed over (fd=);
 * server or client.
 *
 * A server serves one peer at a time and listens again when it left. wait=on blocks at start until
 * the first one came. A client with reconnect= tries again for as long as it takes. Names are
 * resolved, and a client's first connect done, while the program starts; later connects do not
 * block. Main loop's thread. Test: tests/unit/test-chardev.c
 */
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct CharSocket {
    CharFd f;
    bool server, nodelay;
    uint64_t reconnect_ms; /* 0: no */
    int listener;          /* -1: client */
    MainFd *listen_watch;
    int connecting; /* a client's socket under way, or -1 */
    MainFd *connect_watch;
    Timer retry;
    struct sockaddr_storage addr; /* where to, or where at */
    socklen_t addr_len;
    char *name; /* "unix:/tmp/x", "tcp:host:port" */
    char *unlink_path;
} CharSocket;

/* --- peers ----------------------------------------------------------------------------------- */

static void socket_set_filename(CharSocket *s)
{
    g_free(s->f.c.filename);
    s->f.c.filename = g_strdup_printf("%s%s%s", s->f.c.open ? "" : "disconnected:", s->name,
                                      s->server ? ",server=on" : "");
}

static void socket_arm_retry(CharSocket *s)
{
    if (s->reconnect_ms) {
        timer_mod(&s->retry, clock_get_ns(mainloop_clocks(s->f.c.set->loop), CLK_REALTIME) +
                                 (int64_t)s->reconnect_ms * NS_PER_MS);
    }
}

static void socket_closed(Chardev *c)
{
    CharSocket *s = (CharSocket *)c;
    char_fd_stop(&s->f);
    char_set_open(c, false);
    socket_set_filename(s);
    if (s->listen_watch) {
        mainloop_set_fd_events(s->listen_watch, G_IO_IN);
    }
    socket_arm_retry(s);
}

static void socket_use(CharSocket *s, int fd)
{
    int one = 1;
    if (s->nodelay) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    s->f.in_fd = s->f.out_fd = fd;
    s->f.close_in = true;
    s->f.out_socket = true;
    if (s->listen_watch) {
        mainloop_set_fd_events(s->listen_watch, 0);
    }
    char_set_open(&s->f.c, true);
    socket_set_filename(s);
    char_fd_start(&s->f);
}

static void socket_accept(void *opaque, GIOCondition ready)
{
    CharSocket *s = opaque;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        socket_use(s, fd);
    }
}

/* --- client ---------------------------------------------------------------------------------- */

static void socket_connect_over(CharSocket *s, int error)
{
    int fd = s->connecting;
    mainloop_remove_fd(s->connect_watch);
    s->connect_watch = NULL;
    s->connecting = -1;
    if (error) {
        close(fd);
        socket_arm_retry(s);
        return;
    }
    fcntl(fd, F_SETFL, 0);
    socket_use(s, fd);
}

static void socket_connect_ready(void *opaque, GIOCondition ready)
{
    CharSocket *s = opaque;
    int error = 0;
    socklen_t len = sizeof(error);
    getsockopt(s->connecting, SOL_SOCKET, SO_ERROR, &error, &len);
    socket_connect_over(s, error);
}

static void socket_retry(void *opaque)
{
    CharSocket *s = opaque;
    s->connecting = socket(s->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->connecting < 0) {
        socket_arm_retry(s);
    } else if (!connect(s->connecting, (struct sockaddr *)&s->addr, s->addr_len)) {
        socket_connect_over(s, 0);
    } else if (errno == EINPROGRESS) {
        s->connect_watch =
            mainloop_add_fd(s->f.c.set->loop, s->connecting, G_IO_OUT, socket_connect_ready, s);
    } else {
        socket_connect_over(s, errno);
    }
}

static bool socket_connect(CharSocket *s, GError **err)
{
    int fd = socket(s->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&s->addr, s->addr_len)) {
        rhea_error_set(err, "Failed to connect to '%s': %s", strchr(s->name, ':') + 1,
                       g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    socket_use(s, fd);
    return true;
}

/* --- addresses ------------------------------------------------------------------------------- */

static bool socket_unix_address(CharSocket *s, OptDict *d, const char *path, GError **err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&s->addr;
    bool abstract = false, tight = true;
    if (!opt_take_bool(d, "abstract", &abstract, err) || !opt_take_bool(d, "tight", &tight, err)) {
        return false;
    }
    size_t len = strlen(path);
    if (len + abstract >= sizeof(un->sun_path)) {
        rhea_error_set(err, "UNIX socket path '%s' is too long (at most %zu bytes)", path,
                       sizeof(un->sun_path) - 1);
        return false;
    }
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + abstract, path, len);
    s->addr_len =
        abstract && tight ? offsetof(struct sockaddr_un, sun_path) + 1 + len : sizeof(*un);
    s->name = g_strdup_printf("unix:%s%s", path, abstract ? ",abstract=on" : "");
    s->unlink_path = s->server && !abstract ? g_strdup(path) : NULL;
    return true;
}

static bool socket_tcp_address(CharSocket *s, OptDict *d, const char *host, const char *port,
                               GError **err)
{
    bool ipv4 = true, ipv6 = true;
    if (!opt_take_bool(d, "ipv4", &ipv4, err) || !opt_take_bool(d, "ipv6", &ipv6, err)) {
        return false;
    }
    /* One that is asked for switches the other off. */
    if (opt_get(d, "ipv4") && !opt_get(d, "ipv6")) {
        ipv6 = !ipv4;
    } else if (opt_get(d, "ipv6") && !opt_get(d, "ipv4")) {
        ipv4 = !ipv6;
    }
    struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM,
        .ai_flags = s->server ? AI_PASSIVE : 0,
        .ai_family = ipv4 && ipv6 ? AF_UNSPEC
                     : ipv4       ? AF_INET
                                  : AF_INET6,
    };
    struct addrinfo *res = NULL;
    int rc = getaddrinfo(*host ? host : NULL, port, &hints, &res);
    if (rc) {
        rhea_error_set(err, "address resolution failed for %s:%s: %s", host, port,
                       gai_strerror(rc));
        return false;
    }
    memcpy(&s->addr, res->ai_addr, res->ai_addrlen);
    s->addr_len = res->ai_addrlen;
    freeaddrinfo(res);
    s->name = g_strdup_printf("tcp:%s:%s", host, port);
    return true;
}

static void socket_name_port(CharSocket *s)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (s->addr.ss_family == AF_UNIX || getsockname(s->listener, (struct sockaddr *)&at, &len) ||
        getnameinfo((struct sockaddr *)&at, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        return;
    }
    g_free(s->name);
    s->name = g_strdup_printf(at.ss_family == AF_INET6 ? "tcp:[%s]:%s" : "tcp:%s:%s", host, port);
}

/* --- server ---------------------------------------------------------------------------------- */

static bool socket_bind(CharSocket *s, uint64_t to, GError **err)
{
    int one = 1;
    if (s->unlink_path) {
        unlink(s->unlink_path);
    }
    s->listener = socket(s->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0) {
        rhea_error_set(err, "Failed to create socket: %s", g_strerror(errno));
        return false;
    }
    in_port_t *port = s->addr.ss_family == AF_INET6 ? &((struct sockaddr_in6 *)&s->addr)->sin6_port
                                                    : &((struct sockaddr_in *)&s->addr)->sin_port;
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    while (bind(s->listener, (struct sockaddr *)&s->addr, s->addr_len)) {
        if (errno != EADDRINUSE || s->addr.ss_family == AF_UNIX || ntohs(*port) >= to) {
            rhea_error_set(err, "Failed to bind socket to %s: %s", strchr(s->name, ':') + 1,
                           g_strerror(errno));
            g_clear_pointer(&s->unlink_path, g_free);
            return false;
        }
        *port = htons(ntohs(*port) + 1);
    }
    if (listen(s->listener, 1)) {
        rhea_error_set(err, "Failed to listen on %s: %s", s->name, g_strerror(errno));
        return false;
    }
    socket_name_port(s);
    return true;
}

static bool socket_serve(CharSocket *s, bool wait, GError **err)
{
    s->listen_watch = mainloop_add_fd(s->f.c.set->loop, s->listener, G_IO_IN, socket_accept, s);
    socket_set_filename(s);
    while (wait && !s->f.c.open) {
        struct pollfd p = {.fd = s->listener, .events = POLLIN};
        rhea_info_report("waiting for connection on: %s", s->f.c.filename);
        if (poll(&p, 1, -1) < 0) {
            rhea_error_set(err, "interrupted while waiting for a connection");
            return false;
        }
        socket_accept(s, G_IO_IN);
    }
    return true;
}

/* A socket that the parent process made. */
static bool socket_inherit(CharSocket *s, const char *text, bool wait, GError **err)
{
    uint64_t fd;
    int listening = 0, type = 0;
    socklen_t len = sizeof(int);
    if (!opt_value_u64("fd", text, &fd, err)) {
        return false;
    }
    if (fd > INT32_MAX || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_STREAM) {
        rhea_error_set(err, "File descriptor '%s' is not a stream socket", text);
        return false;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    s->name = g_strdup_printf("fd:%s", text);
    if (!s->server) {
        socket_use(s, fd);
        return true;
    }
    len = sizeof(int);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) ||
        (!listening && listen(fd, 1))) {
        rhea_error_set(err, "File descriptor '%s' cannot listen: %s", text, g_strerror(errno));
        return false;
    }
    s->listener = fd;
    return socket_serve(s, wait, err);
}

/* --- open and close -------------------------------------------------------------------------- */

static bool socket_refuse(OptDict *d, GError **err)
{
    static const char *const later[] = {"telnet", "tn3270", "websocket", NULL};
    for (int i = 0; later[i]; i++) {
        bool on = false;
        if (!opt_take_bool(d, later[i], &on, err)) {
            return false;
        }
        if (on) {
            rhea_error_set(err, "chardev: socket: '%s' is not supported", later[i]);
            return false;
        }
    }
    if (opt_get(d, "tls-creds") || opt_get(d, "tls-authz")) {
        rhea_error_set(err, "chardev: socket: TLS is not supported");
        return false;
    }
    return true;
}

static bool socket_open(Chardev *c, OptDict *d, GError **err)
{
    CharSocket *s = (CharSocket *)c;
    const char *path = opt_take(d, "path"), *port = opt_take(d, "port"), *fd = opt_take(d, "fd");
    const char *host = opt_take(d, "host");
    bool wait = true;
    uint64_t seconds = 0, to = 0;
    s->f.in_fd = s->f.out_fd = s->listener = s->connecting = -1;
    s->f.closed = socket_closed;
    timer_init(&s->retry, mainloop_clocks(c->set->loop), CLK_REALTIME, socket_retry, s);
    if (!opt_take_bool(d, "server", &s->server, err) || !opt_take_bool(d, "wait", &wait, err) ||
        !opt_take_bool(d, "nodelay", &s->nodelay, err) ||
        !opt_take_u64(d, "reconnect", &seconds, err) || !opt_take_u64(d, "to", &to, err) ||
        !opt_take_u64(d, "reconnect-ms", &s->reconnect_ms, err) || !socket_refuse(d, err)) {
        return false;
    }
    if (seconds > INT32_MAX / 1000 || s->reconnect_ms > INT32_MAX) {
        rhea_error_set(err, "chardev: socket: the reconnect time is too long");
        return false;
    }
    s->reconnect_ms = seconds ? seconds * 1000 : s->reconnect_ms;
    if (s->server && s->reconnect_ms) {
        rhea_error_set(err, "'reconnect' option is incompatible with 'server'");
        return false;
    }
    if (!s->server && opt_get(d, "wait")) {
        rhea_error_set(err, "'wait' option is incompatible with socket in client connect mode");
        return false;
    }
    if ((path != NULL) + (port != NULL) + (fd != NULL) != 1) {
        rhea_error_set(err, "chardev: socket: one of 'path', 'port' (with 'host') and 'fd' is "
                            "needed");
        return false;
    }
    if (fd) {
        return socket_inherit(s, fd, wait, err);
    }
    if (path ? !socket_unix_address(s, d, path, err)
             : !socket_tcp_address(s, d,
                                   host        ? host
                                   : s->server ? ""
                                               : "localhost",
                                   port, err)) {
        return false;
    }
    if (s->server) {
        return socket_bind(s, to, err) && socket_serve(s, wait, err);
    }
    if (s->reconnect_ms) {
        socket_set_filename(s);
        socket_retry(s);
        return true;
    }
    return socket_connect(s, err);
}

static void socket_close(Chardev *c)
{
    CharSocket *s = (CharSocket *)c;
    timer_del_sync(&s->retry);
    mainloop_remove_fd(s->listen_watch);
    mainloop_remove_fd(s->connect_watch);
    if (s->connecting >= 0) {
        close(s->connecting);
    }
    char_fd_stop(&s->f);
    if (s->listener >= 0) {
        close(s->listener);
    }
    if (s->unlink_path) {
        unlink(s->unlink_path);
    }
    g_free(s->unlink_path);
    g_free(s->name);
}

const CharKind char_kind_socket = {
    .name = "socket",
    .help = "path=PATH,host=HOST,port=PORT,fd=N,server=on|off,wait=on|off,nodelay=on|off,"
            "reconnect=SECONDS,reconnect-ms=N,to=PORT,ipv4=on|off,ipv6=on|off,abstract=on|off,"
            "tight=on|off",
    .size = sizeof(CharSocket),
    .open = socket_open,
    .close = socket_close,
    .write = char_fd_write,
    .wait_writable = char_fd_wait_writable,
    .update_read = char_fd_update_read,
    .out_fd = char_fd_out_fd,
};

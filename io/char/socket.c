/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Stream sockets: unix (path=, abstract=), tcp (host=, port=), or one that was handed over (fd=);
 * server or client.
 *
 * A server serves one peer at a time and listens again when it left. wait=on blocks at start until
 * the first one came. A client with reconnect= tries again for as long as it takes. Names are
 * resolved, and a client's first connect done, while the program starts; later connects do not
 * block. telnet=on speaks that protocol (RFC 854): the other side is asked not to echo and to send
 * each character at once, as it is; its answers are not for the front end, its break is one.
 * websocket=on is in websocket.c. Main loop's thread. Test: tests/unit/test-chardev.c
 */
#include "internal.h"
#include "io/sockaddr.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
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
    CharWs *ws;   /* websocket=on */
    int greeting; /* a websocket's socket whose request is awaited, or -1 */
    MainFd *greeting_watch;
    bool telnet;
    uint8_t iac;   /* bytes of a command that came in: 0, 1 (IAC) or 2 (and a verb) */
    bool half_iac; /* one of the two bytes that stand for 0xff went out */
} CharSocket;

/* RFC 854; options: RFC 856, 857, 858. */
enum { TELNET_BREAK = 243, TELNET_WILL = 251, TELNET_WONT, TELNET_DO, TELNET_DONT, TELNET_IAC };
enum { TELNET_OPT_BINARY = 0, TELNET_OPT_ECHO = 1, TELNET_OPT_SGA = 3 };

/* --- peers ----------------------------------------------------------------------------------- */

static void socket_set_filename(CharSocket *s)
{
    g_free(s->f.c.filename);
    s->f.c.filename = g_strdup_printf("%s%s%s", s->f.c.open ? "" : "disconnected:", s->name,
                                      s->server ? ",server=on" : "");
}

static const char *socket_protocol(const CharSocket *s)
{
    return s->telnet ? "telnet" : s->ws ? "websocket" : "tcp";
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

/* --- telnet ---------------------------------------------------------------------------------- */

static void telnet_begin(CharSocket *s, int fd)
{
    static const uint8_t hello[] = {
        TELNET_IAC, TELNET_WILL, TELNET_OPT_ECHO,   TELNET_IAC, TELNET_WILL, TELNET_OPT_SGA,
        TELNET_IAC, TELNET_WILL, TELNET_OPT_BINARY, TELNET_IAC, TELNET_DO,   TELNET_OPT_BINARY};

    s->iac = 0;
    s->half_iac = false;
    /* A fresh connection has room for it. */
    if (send(fd, hello, sizeof(hello), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        return;
    }
}

static size_t telnet_filter(Chardev *c, uint8_t *buf, size_t n)
{
    CharSocket *s = (CharSocket *)c;
    size_t left = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t byte = buf[i];

        if (s->iac == 0 && byte != TELNET_IAC) {
            buf[left++] = byte;
        } else if (s->iac == 0) {
            s->iac = 1;
        } else if (s->iac == 1 && byte >= TELNET_WILL && byte <= TELNET_DONT) {
            s->iac = 2;
        } else {
            if (s->iac == 1 && byte == TELNET_IAC) {
                buf[left++] = byte;
            } else if (s->iac == 1 && byte == TELNET_BREAK) {
                char_event(c, CHAR_EVENT_BREAK);
            }
            s->iac = 0;
        }
    }
    return left;
}

/* 0xff stands twice. */
static ssize_t telnet_write(Chardev *c, const uint8_t *buf, size_t len)
{
    static const uint8_t twice[] = {TELNET_IAC, TELNET_IAC};
    CharSocket *s = (CharSocket *)c;
    const uint8_t *iac = memchr(buf, TELNET_IAC, len);
    ssize_t n;

    if (iac != buf) {
        return char_fd_write(c, buf, iac ? (size_t)(iac - buf) : len);
    }
    n = char_fd_write(c, twice, s->half_iac ? 1 : 2);
    if (n < 0) {
        return n;
    }
    s->half_iac = !s->half_iac && n == 1;
    if (s->half_iac) {
        errno = EAGAIN;
        return -1;
    }
    return 1;
}

static size_t websocket_filter(Chardev *c, uint8_t *buf, size_t n)
{
    CharSocket *s = (CharSocket *)c;

    return char_ws_filter(s->ws, &s->f, buf, n);
}

static ssize_t socket_write(Chardev *c, const uint8_t *buf, size_t len)
{
    if (((CharSocket *)c)->ws) {
        return char_ws_write(((CharSocket *)c)->ws, c, buf, len);
    }
    return ((CharSocket *)c)->telnet ? telnet_write(c, buf, len) : char_fd_write(c, buf, len);
}

/* --- peers, again ---------------------------------------------------------------------------- */

static void socket_use(CharSocket *s, int fd)
{
    int one = 1;

    if (s->telnet) {
        telnet_begin(s, fd);
    }
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

/* A websocket is open when its request was answered. */
static void greeting_ready(void *opaque, GIOCondition ready)
{
    CharSocket *s = opaque;
    int fd = s->greeting, done = char_ws_handshake(s->ws, fd);
    if (done == 0) {
        return;
    }
    g_clear_pointer(&s->greeting_watch, mainloop_remove_fd);
    s->greeting = -1;
    if (done > 0) {
        socket_use(s, fd);
        return;
    }
    close(fd);
    if (s->listen_watch) {
        mainloop_set_fd_events(s->listen_watch, G_IO_IN);
    }
}

static void socket_accept(void *opaque, GIOCondition ready)
{
    CharSocket *s = opaque;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (!s->ws) {
        socket_use(s, fd);
        return;
    }
    char_ws_begin(s->ws);
    mainloop_set_fd_events(s->listen_watch, 0);
    s->greeting = fd;
    s->greeting_watch = mainloop_add_fd(s->f.c.set->loop, fd, G_IO_IN, greeting_ready, s);
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

static void socket_address_set(CharSocket *s, const SockAddr *a)
{
    s->addr = a->addr;
    s->addr_len = a->len;
}

static bool socket_unix_address(CharSocket *s, OptDict *d, const char *path, GError **err)
{
    bool abstract = false, tight = true;
    SockAddr a;
    if (!opt_take_bool(d, "abstract", &abstract, err) || !opt_take_bool(d, "tight", &tight, err) ||
        !sock_unix(&a, path, abstract, tight, err)) {
        return false;
    }
    socket_address_set(s, &a);
    s->name = g_strdup_printf("unix:%s%s", path, abstract ? ",abstract=on" : "");
    s->unlink_path = s->server && !abstract ? g_strdup(path) : NULL;
    return true;
}

static bool socket_tcp_address(CharSocket *s, OptDict *d, const char *host, const char *port,
                               GError **err)
{
    int family;
    SockAddr a;
    if (!sock_take_family(d, "", &family, err) ||
        !sock_inet(&a, host, port, family, SOCK_STREAM, s->server, err)) {
        return false;
    }
    socket_address_set(s, &a);
    s->name = g_strdup_printf("%s:%s:%s", socket_protocol(s), host, port);
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
    s->name = g_strdup_printf(at.ss_family == AF_INET6 ? "%s:[%s]:%s" : "%s:%s:%s",
                              socket_protocol(s), host, port);
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
        while (s->greeting >= 0) {
            p.fd = s->greeting;
            poll(&p, 1, -1);
            greeting_ready(s, G_IO_IN);
        }
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
    static const char *const later[] = {"tn3270", NULL};
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
    bool wait = true, websocket = false;
    uint64_t seconds = 0, to = 0;
    s->f.in_fd = s->f.out_fd = s->listener = s->connecting = s->greeting = -1;
    s->f.closed = socket_closed;
    timer_init(&s->retry, mainloop_clocks(c->set->loop), CLK_REALTIME, socket_retry, s);
    if (!opt_take_bool(d, "server", &s->server, err) || !opt_take_bool(d, "wait", &wait, err) ||
        !opt_take_bool(d, "nodelay", &s->nodelay, err) ||
        !opt_take_bool(d, "telnet", &s->telnet, err) ||
        !opt_take_bool(d, "websocket", &websocket, err) ||
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
    if (websocket && (!s->server || s->telnet)) {
        rhea_error_set(err, s->telnet ? "'websocket' option is incompatible with 'telnet'"
                                      : "'websocket' option needs 'server=on'");
        return false;
    }
    s->ws = websocket ? char_ws_new() : NULL;
    s->f.filter = s->telnet ? telnet_filter : websocket ? websocket_filter : NULL;
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
    mainloop_remove_fd(s->greeting_watch);
    if (s->connecting >= 0) {
        close(s->connecting);
    }
    if (s->greeting >= 0) {
        close(s->greeting);
    }
    char_fd_stop(&s->f);
    char_ws_free(s->ws);
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
            "tight=on|off,telnet=on|off,websocket=on|off",
    .size = sizeof(CharSocket),
    .open = socket_open,
    .close = socket_close,
    .write = socket_write,
    .wait_writable = char_fd_wait_writable,
    .update_read = char_fd_update_read,
    .out_fd = char_fd_out_fd,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -netdev user: the guest in a network of its own, whose gateway is this program (libslirp).
 *
 * All of libslirp is used from the back end's thread, from net_attach() on; forwarded ports are
 * listened on from the start, so that a port that is taken is an error of the command line.
 *
 * Test: tests/unit/test-net.c, tests/boot
 */
#include "io/net/internal.h"
#include "rhea/error.h"
#include "rhea/library.h"
#include "rhea/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libslirp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define RA_NONE INT64_MAX

#define SLIRP_FUNCTIONS(X)                                                                         \
    X(slirp_new)                                                                                   \
    X(slirp_cleanup)                                                                               \
    X(slirp_input)                                                                                 \
    X(slirp_pollfds_fill)                                                                          \
    X(slirp_pollfds_poll)                                                                          \
    X(slirp_add_exec)                                                                              \
    X(slirp_add_unix)                                                                              \
    X(slirp_add_hostxfwd)                                                                          \
    X(slirp_add_guestfwd)                                                                          \
    X(slirp_socket_can_recv)                                                                       \
    X(slirp_socket_recv)

/* guestfwd= to a socket. */
typedef struct UserForward {
    int fd; /* -1: the other side has left */
    struct in_addr addr;
    int port;
    int poll; /* index in NetUser.fds, -1: not now */
} UserForward;

typedef struct NetUser {
    NetBackend b;
    struct {
        SLIRP_FUNCTIONS(LIBRARY_FN)
    } lib;
    Slirp *slirp;
    GArray *fds;        /* struct pollfd; 0 is wake_fd */
    SlirpTimerCb ra_cb; /* the one timer that libslirp has: router advertisements */
    void *ra_opaque;
    int64_t ra_ms; /* when, RA_NONE: not */
    char **dnssearch;
    struct in_addr dhcp_start;
    GPtrArray *forwards;        /* UserForward * */
    uint8_t out[NET_FRAME_MAX]; /* a frame of the guest in one piece */
} NetUser;

/* ---- what libslirp calls ---- */

static ssize_t user_send_packet(const void *buf, size_t len, void *opaque)
{
    NetUser *u = opaque;

    if (net_attached(&u->b)) {
        net_deliver(&u->b, buf, len);
    }
    return len;
}

static void user_guest_error(const char *msg, void *opaque)
{
    rhea_log_mask(LOG_GUEST_ERROR, "net user: %s\n", msg);
}

static int64_t user_clock_ns(void *opaque)
{
    return g_get_monotonic_time() * 1000;
}

static void *user_timer_new(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
    NetUser *u = opaque;

    u->ra_cb = cb;
    u->ra_opaque = cb_opaque;
    return &u->ra_ms;
}

static void user_timer_free(void *timer, void *opaque)
{
    *(int64_t *)timer = RA_NONE;
}

static void user_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    *(int64_t *)timer = expire_ms;
}

static void user_poll_fd(int fd, void *opaque)
{
    /* Every round asks for all of them. */
}

static void user_notify(void *opaque)
{
    net_ready(&((NetUser *)opaque)->b);
}

static const SlirpCb callbacks = {
    .send_packet = user_send_packet,
    .guest_error = user_guest_error,
    .clock_get_ns = user_clock_ns,
    .timer_new = user_timer_new,
    .timer_free = user_timer_free,
    .timer_mod = user_timer_mod,
    .register_poll_fd = user_poll_fd,
    .unregister_poll_fd = user_poll_fd,
    .notify = user_notify,
};

/* ---- thread ---- */

static int add_poll(int fd, int events, void *opaque)
{
    NetUser *u = opaque;
    struct pollfd p = {.fd = fd};

    p.events = (events & SLIRP_POLL_IN ? POLLIN : 0) | (events & SLIRP_POLL_OUT ? POLLOUT : 0) |
               (events & SLIRP_POLL_PRI ? POLLPRI : 0);
    g_array_append_val(u->fds, p);
    return u->fds->len - 1;
}

static int get_revents(int idx, void *opaque)
{
    short r = g_array_index(((NetUser *)opaque)->fds, struct pollfd, idx).revents;

    return (r & POLLIN ? SLIRP_POLL_IN : 0) | (r & POLLOUT ? SLIRP_POLL_OUT : 0) |
           (r & POLLPRI ? SLIRP_POLL_PRI : 0) | (r & POLLERR ? SLIRP_POLL_ERR : 0) |
           (r & POLLHUP ? SLIRP_POLL_HUP : 0);
}

static void guestfwd_poll(NetUser *u, UserForward *f);
static void guestfwd_read(NetUser *u, UserForward *f);

static int64_t now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static void user_output(NetBackend *b, const struct iovec *iov, unsigned n)
{
    NetUser *u = (NetUser *)b;
    size_t len = net_gather(iov, n, u->out, sizeof(u->out));

    u->lib.slirp_input(u->slirp, u->out, len);
}

static void user_run(NetBackend *b)
{
    NetUser *u = (NetUser *)b;

    while (!net_stopping(b)) {
        struct pollfd wake = {.fd = b->wake_fd, .events = POLLIN};
        uint32_t timeout = 60000;

        g_array_set_size(u->fds, 0);
        g_array_append_val(u->fds, wake);
        u->lib.slirp_pollfds_fill(u->slirp, &timeout, add_poll, u);
        for (unsigned i = 0; i < u->forwards->len; i++) {
            guestfwd_poll(u, g_ptr_array_index(u->forwards, i));
        }
        if (u->ra_ms != RA_NONE) {
            timeout = MIN(timeout, (uint64_t)MAX(u->ra_ms - now_ms(), 0));
        }
        int n = poll((struct pollfd *)u->fds->data, u->fds->len, timeout);
        if (n > 0 && g_array_index(u->fds, struct pollfd, 0).revents) {
            net_woken(b);
        }
        u->lib.slirp_pollfds_poll(u->slirp, n < 0 && errno != EINTR, get_revents, u);
        for (unsigned i = 0; n > 0 && i < u->forwards->len; i++) {
            guestfwd_read(u, g_ptr_array_index(u->forwards, i));
        }
        if (u->ra_ms <= now_ms()) {
            u->ra_ms = RA_NONE;
            u->ra_cb(u->ra_opaque);
        }
        net_output_all(b);
        net_deliver_waiting(b);
    }
}

/* ---- options ---- */

static bool take_addr(OptDict *o, const char *key, struct in_addr *addr, GError **err)
{
    const char *text = opt_take(o, key);

    if (text && !inet_aton(text, addr)) {
        rhea_error_set(err, "Parameter '%s': '%s' is no IPv4 address", key, text);
        return false;
    }
    return true;
}

/* net=ADDR[/BITS|/MASK] */
static bool take_net(OptDict *o, struct in_addr *net, struct in_addr *mask, GError **err)
{
    const char *text = opt_take(o, "net");
    g_auto(GStrv) part = text ? g_strsplit(text, "/", 2) : NULL;

    if (!text) {
        return true;
    }
    if (!inet_aton(part[0], net)) {
        rhea_error_set(err, "Parameter 'net': '%s' is no network", text);
        return false;
    }
    if (part[1] && strchr(part[1], '.')) {
        if (!inet_aton(part[1], mask)) {
            rhea_error_set(err, "Parameter 'net': '%s' is no network", text);
            return false;
        }
    } else if (part[1]) {
        char *end;
        unsigned long bits = strtoul(part[1], &end, 10);

        if (!*part[1] || *end || bits < 4 || bits > 32) {
            rhea_error_set(err, "Invalid netmask provided (must be in range 4-32)");
            return false;
        }
        mask->s_addr = htonl((uint64_t)UINT32_MAX << (32 - bits));
    }
    net->s_addr &= mask->s_addr;
    return true;
}

static bool port_parse(const char *text, int low, int *port)
{
    char *end;
    unsigned long val = strtoul(text, &end, 10);

    *port = val;
    return *text && !*end && val >= (unsigned long)low && val <= 65535;
}

/* "ADDR:PORT" of a forward, ADDR maybe empty or an IPv6 address in brackets. */
static bool forward_addr(const char *text, int low, bool v6, SockAddr *a)
{
    g_autofree char *host = NULL, *port = NULL;
    struct sockaddr_in *in = (struct sockaddr_in *)&a->addr;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->addr;
    int n;

    memset(a, 0, sizeof(*a));
    if (!sock_split(text, &host, &port, NULL) || !port_parse(port, low, &n)) {
        return false;
    }
    if (*text == '[' || (v6 && !*host)) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(n);
        a->len = sizeof(*in6);
        return !*host || inet_pton(AF_INET6, host, &in6->sin6_addr) == 1;
    }
    in->sin_family = AF_INET;
    in->sin_port = htons(n);
    a->len = sizeof(*in);
    return !*host || inet_aton(host, &in->sin_addr);
}

/* [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport, unix:path-[guestaddr]:guestport */
static bool add_hostfwd(NetUser *u, const char *rule, GError **err)
{
    const char *colon = strchr(rule, ':'), *dash = strrchr(rule, '-');
    g_autofree char *kind = colon ? g_strndup(rule, colon - rule) : NULL;
    g_autofree char *from = colon && dash > colon ? g_strndup(colon + 1, dash - colon - 1) : NULL;
    bool udp = kind && strcmp(kind, "udp") == 0, local = kind && strcmp(kind, "unix") == 0;
    SockAddr host, guest;

    if (!from || (!udp && !local && *kind && strcmp(kind, "tcp") != 0) ||
        !(local ? sock_unix(&host, from, false, true, NULL)
                : forward_addr(from, 0, false, &host)) ||
        !forward_addr(dash + 1, 1, host.addr.ss_family == AF_INET6, &guest)) {
        rhea_error_set(err, "Invalid host forwarding rule '%s'", rule);
        return false;
    }
    /* An unspecified address is the first one that DHCP gives. */
    struct sockaddr_in *to = (struct sockaddr_in *)&guest.addr;
    if (guest.addr.ss_family == AF_INET && to->sin_addr.s_addr == 0) {
        to->sin_addr = u->dhcp_start;
    }
    if (u->lib.slirp_add_hostxfwd(u->slirp, (struct sockaddr *)&host.addr, host.len,
                                  (struct sockaddr *)&guest.addr, guest.len,
                                  udp ? SLIRP_HOSTFWD_UDP : 0) < 0) {
        rhea_error_set(err, "Could not set up host forwarding rule '%s': %s", rule,
                       g_strerror(errno));
        return false;
    }
    return true;
}

/* ---- a connection of the guest to a TCP socket of the host that is open all the time ---- */

static ssize_t guestfwd_write(const void *buf, size_t len, void *opaque)
{
    const UserForward *f = opaque;
    ssize_t n = f->fd < 0 ? -1 : send(f->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    /* There is no way to say "later": what the socket does not take is lost. */
    return n < 0 ? (ssize_t)len : n;
}

static void guestfwd_poll(NetUser *u, UserForward *f)
{
    size_t room = u->lib.slirp_socket_can_recv(u->slirp, f->addr, f->port);

    f->poll = -1;
    if (f->fd >= 0 && room) {
        f->poll = add_poll(f->fd, SLIRP_POLL_IN, u);
    }
}

static void guestfwd_read(NetUser *u, UserForward *f)
{
    uint8_t buf[4096];

    if (f->poll < 0 || !get_revents(f->poll, u)) {
        return;
    }
    size_t room = u->lib.slirp_socket_can_recv(u->slirp, f->addr, f->port);
    ssize_t n = recv(f->fd, buf, MIN(room, sizeof(buf)), MSG_DONTWAIT);
    if (n > 0) {
        u->lib.slirp_socket_recv(u->slirp, f->addr, f->port, buf, n);
    } else if (room && (n == 0 || (errno != EAGAIN && errno != EINTR))) {
        close(f->fd);
        f->fd = -1;
    }
}

static int guestfwd_socket(NetUser *u, const char *target, struct in_addr server, int port,
                           GError **err)
{
    g_autofree char *host = NULL, *host_port = NULL;
    SockAddr a;

    if (!sock_split(target, &host, &host_port, err) ||
        !sock_inet(&a, host, host_port, AF_UNSPEC, SOCK_STREAM, false, err)) {
        return -1;
    }
    int fd = socket(a.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a.addr, a.len)) {
        rhea_error_set(err, "Failed to connect to '%s': %s", target, g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    UserForward *f = g_new0(UserForward, 1);
    *f = (UserForward){fd, server, port, -1};
    g_ptr_array_add(u->forwards, f);
    return u->lib.slirp_add_guestfwd(u->slirp, guestfwd_write, f, &f->addr, port);
}

/* [tcp]:server:port-cmd:COMMAND, -unix:PATH, -tcp:HOST:PORT or -null */
static bool add_guestfwd(NetUser *u, const char *rule, GError **err)
{
    const char *dash = strchr(rule, '-');
    g_autofree char *where = dash ? g_strndup(rule, dash - rule) : NULL;
    g_auto(GStrv) part = where ? g_strsplit(where, ":", 3) : NULL;
    struct in_addr server;
    int port, ret;

    if (!dash || g_strv_length(part) != 3 || (*part[0] && strcmp(part[0], "tcp") != 0) ||
        !inet_aton(part[1], &server) || !port_parse(part[2], 1, &port)) {
        rhea_error_set(err, "Invalid guest forwarding rule '%s'", rule);
        return false;
    }
    if (g_str_has_prefix(dash + 1, "cmd:")) {
        ret = u->lib.slirp_add_exec(u->slirp, dash + 5, &server, port);
    } else if (g_str_has_prefix(dash + 1, "unix:")) {
        ret = u->lib.slirp_add_unix(u->slirp, dash + 6, &server, port);
    } else if (g_str_has_prefix(dash + 1, "tcp:")) {
        ret = guestfwd_socket(u, dash + 5, server, port, err);
    } else {
        rhea_error_set(
            err, "guestfwd=%s: the target must be cmd:COMMAND, unix:PATH or tcp:HOST:PORT", rule);
        return false;
    }
    if (ret < 0 && (!err || !*err)) {
        rhea_error_set(err, "Conflicting/invalid host:port in guest forwarding rule '%s'", rule);
    }
    return ret >= 0;
}

static bool take_switch(OptDict *o, const char *key, bool *on, GError **err)
{
    const char *text = opt_take(o, key);

    return !text || opt_value_bool(key, text, on, err);
}

static bool add_forwards(NetUser *u, OptDict *o, GError **err)
{
    const char *key, *value;

    for (unsigned i = 0; opt_at(o, i, &key, &value); i++) {
        if (strcmp(key, "hostfwd") == 0
                ? !add_hostfwd(u, value, err)
                : strcmp(key, "guestfwd") == 0 && !add_guestfwd(u, value, err)) {
            return false;
        }
        if (strcmp(key, "hostfwd") == 0 || strcmp(key, "guestfwd") == 0) {
            opt_mark_used(o, key);
        }
    }
    return true;
}

/* dnssearch=, any number of them, as a NULL-terminated list. */
static char **take_dnssearch(OptDict *o)
{
    GPtrArray *all = g_ptr_array_new();
    const char *key, *value;

    for (unsigned i = 0; opt_at(o, i, &key, &value); i++) {
        if (strcmp(key, "dnssearch") == 0) {
            g_ptr_array_add(all, g_strdup(value));
            opt_mark_used(o, key);
        }
    }
    g_ptr_array_add(all, NULL);
    return (char **)g_ptr_array_free(all, FALSE);
}

static void user_close(NetBackend *b)
{
    NetUser *u = (NetUser *)b;

    if (u->slirp) {
        u->lib.slirp_cleanup(u->slirp);
    }
    for (unsigned i = 0; i < u->forwards->len; i++) {
        UserForward *f = g_ptr_array_index(u->forwards, i);

        if (f->fd >= 0) {
            close(f->fd);
        }
        g_free(f);
    }
    g_ptr_array_free(u->forwards, TRUE);
    g_array_free(u->fds, TRUE);
    g_strfreev(u->dnssearch);
    g_free(u);
}

static const char *const known[] = {
    "hostname",  "restrict",   "ipv4",     "ipv6",        "net",
    "host",      "tftp",       "bootfile", "dhcpstart",   "dns",
    "dnssearch", "domainname", "ipv6-net", "ipv6-prefix", "ipv6-prefixlen",
    "ipv6-host", "ipv6-dns",   "hostfwd",  "guestfwd",    "tftp-server-name",
    "smb",       "smbserver",  NULL};

static bool take_addr6(OptDict *o, const char *key, struct in6_addr *addr, GError **err)
{
    const char *text = opt_take(o, key);

    if (text && inet_pton(AF_INET6, text, addr) != 1) {
        rhea_error_set(err, "Parameter '%s': '%s' is no IPv6 address", key, text);
        return false;
    }
    return true;
}

/* ipv6-net=PREFIX/LENGTH, or ipv6-prefix= and ipv6-prefixlen=; the rest follows from it. */
static bool take_ipv6(OptDict *o, SlirpConfig *cfg, GError **err)
{
    const char *net = opt_take(o, "ipv6-net");
    g_auto(GStrv) part = net ? g_strsplit(net, "/", 2) : NULL;
    uint64_t len = 64;

    if (net && (opt_get(o, "ipv6-prefix") || opt_get(o, "ipv6-prefixlen"))) {
        rhea_error_set(err, "ipv6-net= cannot be given with ipv6-prefix= or ipv6-prefixlen=");
        return false;
    }
    if (part && part[0] && *part[0]) {
        opt_set(o, "ipv6-prefix", part[0]);
    }
    if (part && part[0] && part[1]) {
        opt_set(o, "ipv6-prefixlen", part[1]);
    }
    inet_pton(AF_INET6, "fec0::", &cfg->vprefix_addr6);
    if (!take_addr6(o, "ipv6-prefix", &cfg->vprefix_addr6, err) ||
        !opt_take_u64(o, "ipv6-prefixlen", &len, err)) {
        return false;
    }
    if (len > 126) {
        rhea_error_set(err, "Invalid IPv6 prefix provided (IPv6 prefix length must be between 0 "
                            "and 126)");
        return false;
    }
    cfg->vprefix_len = len;
    cfg->vhost6 = cfg->vnameserver6 = cfg->vprefix_addr6;
    cfg->vhost6.s6_addr[15] |= 2;
    cfg->vnameserver6.s6_addr[15] |= 3;
    return take_addr6(o, "ipv6-host", &cfg->vhost6, err) &&
           take_addr6(o, "ipv6-dns", &cfg->vnameserver6, err);
}

static bool take_ipv4(OptDict *o, SlirpConfig *cfg, GError **err)
{
    inet_aton("10.0.2.0", &cfg->vnetwork);
    inet_aton("255.255.255.0", &cfg->vnetmask);
    if (!take_net(o, &cfg->vnetwork, &cfg->vnetmask, err)) {
        return false;
    }
    cfg->vhost.s_addr = cfg->vnetwork.s_addr | htonl(2);
    cfg->vnameserver.s_addr = cfg->vnetwork.s_addr | htonl(3);
    cfg->vdhcp_start.s_addr = cfg->vnetwork.s_addr | htonl(15);
    return take_addr(o, "host", &cfg->vhost, err) && take_addr(o, "dns", &cfg->vnameserver, err) &&
           take_addr(o, "dhcpstart", &cfg->vdhcp_start, err);
}

static bool in_net(const SlirpConfig *cfg, struct in_addr a)
{
    return (a.s_addr & cfg->vnetmask.s_addr) == cfg->vnetwork.s_addr;
}

static bool check_config(const SlirpConfig *cfg, GError **err)
{
    const char *wrong = NULL;

    if (!cfg->in_enabled && !cfg->in6_enabled) {
        wrong = "IPv4 and IPv6 disabled";
    } else if (!in_net(cfg, cfg->vhost)) {
        wrong = "Host doesn't belong to network";
    } else if (!in_net(cfg, cfg->vdhcp_start)) {
        wrong = "DHCP doesn't belong to network";
    } else if (cfg->vhost.s_addr == cfg->vnameserver.s_addr) {
        wrong = "DNS must be different from host";
    } else if (cfg->vdhcp_start.s_addr == cfg->vhost.s_addr ||
               cfg->vdhcp_start.s_addr == cfg->vnameserver.s_addr) {
        wrong = "DHCP must be different from host and DNS";
    } else if (cfg->vdomainname && !*cfg->vdomainname) {
        wrong = "'domainname' parameter cannot be empty";
    } else if (cfg->tftp_server_name && strlen(cfg->tftp_server_name) > 255) {
        wrong = "'tftp-server-name' parameter cannot exceed 255 bytes";
    }
    if (wrong) {
        rhea_error_set(err, "%s", wrong);
    }
    return !wrong;
}

static NetBackend *user_open(Machine *m, OptDict *o, GError **err)
{
    SlirpConfig cfg = {.version = 1, .in_enabled = true, .in6_enabled = true};
    bool restricted = false;

    /* One that is asked for alone switches the other off. */
    if (!take_switch(o, "ipv4", &cfg.in_enabled, err) ||
        !take_switch(o, "ipv6", &cfg.in6_enabled, err)) {
        return NULL;
    }
    if (opt_get(o, "ipv4") && !opt_get(o, "ipv6") && cfg.in_enabled) {
        cfg.in6_enabled = false;
    } else if (opt_get(o, "ipv6") && !opt_get(o, "ipv4") && cfg.in6_enabled) {
        cfg.in_enabled = false;
    }
    if (!take_ipv4(o, &cfg, err) || !take_ipv6(o, &cfg, err) ||
        !take_switch(o, "restrict", &restricted, err)) {
        return NULL;
    }
    if (opt_get(o, "smb") || opt_get(o, "smbserver")) {
        rhea_error_set(err, "smb= is not supported (share a folder with -virtfs)");
        return NULL;
    }
    cfg.restricted = restricted;
    cfg.vhostname = opt_take(o, "hostname");
    cfg.tftp_path = opt_take(o, "tftp");
    cfg.tftp_server_name = opt_take(o, "tftp-server-name");
    cfg.bootfile = opt_take(o, "bootfile");
    cfg.vdomainname = opt_take(o, "domainname");
    if (!check_config(&cfg, err)) {
        return NULL;
    }

    NetUser *u = g_new0(NetUser, 1);
    u->fds = g_array_new(FALSE, TRUE, sizeof(struct pollfd));
    u->forwards = g_ptr_array_new();
    u->ra_ms = RA_NONE;
    u->dhcp_start = cfg.vdhcp_start;
    u->dnssearch = take_dnssearch(o);
    cfg.vdnssearch = u->dnssearch[0] ? (const char **)u->dnssearch : NULL;
    bool loaded = rhea_library_load(
        "libslirp.so.0", (const char *[]){SLIRP_FUNCTIONS(LIBRARY_NAME) NULL}, &u->lib, err);
    u->slirp = loaded ? u->lib.slirp_new(&cfg, &callbacks, u) : NULL;
    if (!u->slirp || !add_forwards(u, o, err)) {
        if (loaded && !u->slirp) {
            rhea_error_set(err, "the user network's addresses do not fit together");
        }
        user_close(&u->b);
        return NULL;
    }
    return &u->b;
}

const NetType net_user = {.name = "user",
                          .keys = known,
                          .open = user_open,
                          .run = user_run,
                          .close = user_close,
                          .output = user_output};

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
    X(slirp_add_hostfwd)                                                                           \
    X(slirp_add_exec)                                                                              \
    X(slirp_add_unix)

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

static int64_t now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static void user_run(NetBackend *b)
{
    NetUser *u = (NetUser *)b;

    while (!net_stopping(b)) {
        struct pollfd wake = {.fd = b->wake_fd, .events = POLLIN};
        uint32_t timeout = 60000;
        GBytes *frame;

        g_array_set_size(u->fds, 0);
        g_array_append_val(u->fds, wake);
        u->lib.slirp_pollfds_fill(u->slirp, &timeout, add_poll, u);
        if (u->ra_ms != RA_NONE) {
            timeout = MIN(timeout, (uint64_t)MAX(u->ra_ms - now_ms(), 0));
        }
        int n = poll((struct pollfd *)u->fds->data, u->fds->len, timeout);
        if (n > 0 && g_array_index(u->fds, struct pollfd, 0).revents) {
            net_woken(b);
        }
        u->lib.slirp_pollfds_poll(u->slirp, n < 0 && errno != EINTR, get_revents, u);
        if (u->ra_ms <= now_ms()) {
            u->ra_ms = RA_NONE;
            u->ra_cb(u->ra_opaque);
        }
        while (!net_stopping(b) && (frame = net_next_sent(b))) {
            gsize len;
            const uint8_t *data = g_bytes_get_data(frame, &len);

            u->lib.slirp_input(u->slirp, data, len);
            g_bytes_unref(frame);
        }
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

        if (!*part[1] || *end || bits < 4 || bits > 30) {
            rhea_error_set(err, "Parameter 'net': '%s' is no network", text);
            return false;
        }
        mask->s_addr = htonl(UINT32_MAX << (32 - bits));
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

/* [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport */
static bool add_hostfwd(NetUser *u, const char *rule, GError **err)
{
    struct in_addr host = {INADDR_ANY}, guest = {0};
    g_auto(GStrv) side = g_strsplit(rule, "-", 2);
    g_auto(GStrv) from = g_strsplit(side[0], ":", 3);
    g_auto(GStrv) to = side[1] ? g_strsplit(side[1], ":", 2) : NULL;
    int host_port, guest_port;
    bool udp = from[0] && strcmp(from[0], "udp") == 0;

    if (g_strv_length(from) != 3 || !to || g_strv_length(to) != 2 ||
        (!udp && *from[0] && strcmp(from[0], "tcp") != 0) ||
        (*from[1] && !inet_aton(from[1], &host)) || !port_parse(from[2], 0, &host_port) ||
        (*to[0] && !inet_aton(to[0], &guest)) || !port_parse(to[1], 1, &guest_port)) {
        rhea_error_set(err, "Invalid host forwarding rule '%s'", rule);
        return false;
    }
    if (u->lib.slirp_add_hostfwd(u->slirp, udp, host, host_port, guest, guest_port) < 0) {
        rhea_error_set(err, "Could not set up host forwarding rule '%s': %s", rule,
                       g_strerror(errno));
        return false;
    }
    return true;
}

/* [tcp]:server:port-cmd:COMMAND, or -unix:PATH */
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
    } else {
        rhea_error_set(err, "guestfwd=%s: the target must be cmd:COMMAND or unix:PATH", rule);
        return false;
    }
    if (ret < 0) {
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
    g_array_free(u->fds, TRUE);
    g_strfreev(u->dnssearch);
    g_free(u);
}

static const char *const known[] = {
    "hostname",  "restrict",   "ipv4",     "ipv6",        "net",
    "host",      "tftp",       "bootfile", "dhcpstart",   "dns",
    "dnssearch", "domainname", "ipv6-net", "ipv6-prefix", "ipv6-prefixlen",
    "ipv6-host", "ipv6-dns",   "hostfwd",  "guestfwd",    "tftp-server-name",
    NULL};

static NetBackend *user_open(OptDict *o, GError **err)
{
    const char *key, *value;
    const char *prefix6 = opt_take(o, "ipv6-prefix"), *host6 = opt_take(o, "ipv6-host");
    const char *dns6 = opt_take(o, "ipv6-dns");
    SlirpConfig cfg = {.version = 1, .vprefix_len = 64, .in_enabled = true, .in6_enabled = true};
    bool restricted = false;
    uint64_t len6 = 64;

    for (unsigned i = 0; opt_at(o, i, &key, &value); i++) {
        if (strcmp(key, "type") != 0 && strcmp(key, "id") != 0 && !g_strv_contains(known, key)) {
            rhea_error_set(err, "Parameter '%s' is unexpected", key);
            return NULL;
        }
    }
    inet_aton("10.0.2.0", &cfg.vnetwork);
    inet_aton("255.255.255.0", &cfg.vnetmask);
    if (!take_net(o, &cfg.vnetwork, &cfg.vnetmask, err)) {
        return NULL;
    }
    cfg.vhost.s_addr = cfg.vnetwork.s_addr | htonl(2);
    cfg.vnameserver.s_addr = cfg.vnetwork.s_addr | htonl(3);
    cfg.vdhcp_start.s_addr = cfg.vnetwork.s_addr | htonl(15);
    inet_pton(AF_INET6, prefix6 ? prefix6 : "fec0::", &cfg.vprefix_addr6);
    cfg.vhost6 = cfg.vnameserver6 = cfg.vprefix_addr6;
    cfg.vhost6.s6_addr[15] |= 2;
    cfg.vnameserver6.s6_addr[15] |= 3;
    if (!take_addr(o, "host", &cfg.vhost, err) || !take_addr(o, "dns", &cfg.vnameserver, err) ||
        !take_addr(o, "dhcpstart", &cfg.vdhcp_start, err) ||
        !take_switch(o, "restrict", &restricted, err) ||
        !take_switch(o, "ipv4", &cfg.in_enabled, err) ||
        !take_switch(o, "ipv6", &cfg.in6_enabled, err) ||
        !opt_take_u64(o, "ipv6-prefixlen", &len6, err)) {
        return NULL;
    }
    if ((host6 && inet_pton(AF_INET6, host6, &cfg.vhost6) != 1) ||
        (dns6 && inet_pton(AF_INET6, dns6, &cfg.vnameserver6) != 1) || len6 > 126) {
        rhea_error_set(err, "one of ipv6-host, ipv6-dns, ipv6-prefixlen is not valid");
        return NULL;
    }
    cfg.vprefix_len = len6;
    cfg.restricted = restricted;
    cfg.vhostname = opt_take(o, "hostname");
    cfg.tftp_path = opt_take(o, "tftp");
    cfg.tftp_server_name = opt_take(o, "tftp-server-name");
    cfg.bootfile = opt_take(o, "bootfile");
    cfg.vdomainname = opt_take(o, "domainname");

    NetUser *u = g_new0(NetUser, 1);
    u->fds = g_array_new(FALSE, TRUE, sizeof(struct pollfd));
    u->ra_ms = RA_NONE;
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

const NetType net_user = {"user", user_open, user_run, user_close};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Addresses of sockets (include/io/sockaddr.h).
 *
 * Test: tests/unit/test-net.c, tests/unit/test-chardev.c
 */
#include "io/sockaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

bool sock_split(const char *text, char **host, char **port, GError **err)
{
    const char *colon = strrchr(text, ':');

    if (!colon) {
        rhea_error_set(err, "host address '%s' doesn't contain ':' separating host from port",
                       text);
        return false;
    }
    size_t n = colon - text;
    bool brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    *host = brackets ? g_strndup(text + 1, n - 2) : g_strndup(text, n);
    *port = g_strdup(colon + 1);
    return true;
}

bool sock_take_family(OptDict *d, const char *prefix, int *family, GError **err)
{
    g_autofree char *key4 = g_strconcat(prefix, "ipv4", NULL);
    g_autofree char *key6 = g_strconcat(prefix, "ipv6", NULL);
    bool ipv4 = true, ipv6 = true;

    if (!opt_take_bool(d, key4, &ipv4, err) || !opt_take_bool(d, key6, &ipv6, err)) {
        return false;
    }
    /* One that is asked for switches the other off. */
    if (opt_get(d, key4) && !opt_get(d, key6)) {
        ipv6 = !ipv4;
    } else if (opt_get(d, key6) && !opt_get(d, key4)) {
        ipv4 = !ipv6;
    }
    if (!ipv4 && !ipv6) {
        rhea_error_set(err, "Cannot disable IPv4 and IPv6 at same time");
        return false;
    }
    *family = ipv4 && ipv6 ? AF_UNSPEC : ipv4 ? AF_INET : AF_INET6;
    return true;
}

unsigned sock_inet_all(SockAddr *a, unsigned max, const char *host, const char *port, int family,
                       int type, bool passive, GError **err)
{
    struct addrinfo hints = {
        .ai_socktype = type, .ai_flags = passive ? AI_PASSIVE : 0, .ai_family = family};
    struct addrinfo *res = NULL;
    int rc = getaddrinfo(*host ? host : NULL, port, &hints, &res);

    if (rc) {
        rhea_error_set(err, "address resolution failed for %s:%s: %s", host, port,
                       gai_strerror(rc));
        return 0;
    }
    unsigned n = 0;
    for (const struct addrinfo *i = res; i && n < max; i = i->ai_next, n++) {
        memcpy(&a[n].addr, i->ai_addr, i->ai_addrlen);
        a[n].len = i->ai_addrlen;
    }
    freeaddrinfo(res);
    return n;
}

bool sock_inet(SockAddr *a, const char *host, const char *port, int family, int type, bool passive,
               GError **err)
{
    return sock_inet_all(a, 1, host, port, family, type, passive, err) > 0;
}

bool sock_unix(SockAddr *a, const char *path, bool abstract, bool tight, GError **err)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&a->addr;
    size_t len = strlen(path);

    if (len + abstract >= sizeof(un->sun_path)) {
        rhea_error_set(err, "UNIX socket path '%s' is too long (at most %zu bytes)", path,
                       sizeof(un->sun_path) - 1);
        return false;
    }
    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + abstract, path, len);
    a->len = abstract && tight ? offsetof(struct sockaddr_un, sun_path) + 1 + len : sizeof(*un);
    return true;
}

char *sock_text(const SockAddr *a)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&a->addr;
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (a->addr.ss_family == AF_UNIX) {
        return g_strdup_printf("unix:%s", un->sun_path + !un->sun_path[0]);
    }
    if (getnameinfo((const struct sockaddr *)&a->addr, a->len, host, sizeof(host), port,
                    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV)) {
        return g_strdup("?");
    }
    return g_strdup_printf(a->addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static in_port_t *port_of(SockAddr *a)
{
    return a->addr.ss_family == AF_INET6 ? &((struct sockaddr_in6 *)&a->addr)->sin6_port
                                         : &((struct sockaddr_in *)&a->addr)->sin_port;
}

static bool bind_first(SockAddr *a, int fd, uint64_t to, GError **err)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&a->addr;
    int one = 1;

    if (a->addr.ss_family == AF_UNIX && un->sun_path[0]) {
        unlink(un->sun_path);
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    while (bind(fd, (struct sockaddr *)&a->addr, a->len)) {
        int error = errno;
        g_autofree char *text = sock_text(a);

        if (error != EADDRINUSE || a->addr.ss_family == AF_UNIX || ntohs(*port_of(a)) >= to) {
            rhea_error_set(err, "Failed to bind socket to %s: %s", text, g_strerror(error));
            return false;
        }
        *port_of(a) = htons(ntohs(*port_of(a)) + 1);
    }
    return true;
}

int sock_listen(SockAddr *a, uint64_t to, GError **err)
{
    int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        rhea_error_set(err, "Failed to create socket: %s", g_strerror(errno));
        return -1;
    }
    if (!bind_first(a, fd, to, err)) {
        close(fd);
        return -1;
    }
    if (listen(fd, 1)) {
        g_autofree char *text = sock_text(a);

        rhea_error_set(err, "Failed to listen on %s: %s", text, g_strerror(errno));
        close(fd);
        return -1;
    }
    if (a->addr.ss_family != AF_UNIX) {
        a->len = sizeof(a->addr);
        getsockname(fd, (struct sockaddr *)&a->addr, &a->len);
    }
    return fd;
}

bool sock_inherit(const char *text, int type, int *fd, GError **err)
{
    uint64_t n;
    int is = 0;
    socklen_t len = sizeof(is);

    if (!opt_value_u64("fd", text, &n, err)) {
        return false;
    }
    if (n > INT32_MAX || getsockopt(n, SOL_SOCKET, SO_TYPE, &is, &len) || is != type) {
        rhea_error_set(err, "File descriptor '%s' is not a %s socket", text,
                       type == SOCK_STREAM ? "stream" : "datagram");
        return false;
    }
    fcntl(n, F_SETFD, FD_CLOEXEC);
    *fd = n;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* NBD: bytes on a socket, error numbers, addresses. See include/io/nbd.h. No state, any thread. */
#include "nbd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "rhea/error.h"

/* ---- bytes ---- */

bool nbd_recv(int fd, void *buf, size_t len)
{
    uint8_t *p = buf;

    while (len > 0) {
        ssize_t n = recv(fd, p, len, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? 0 : errno;
            return false;
        }
        p += n;
        len -= n;
    }
    return true;
}

bool nbd_recv_iov(int fd, const struct iovec *iov, int niov, size_t skip, size_t len)
{
    int n;
    g_autofree struct iovec *part = iov_slice(iov, niov, skip, len, &n);

    for (int i = 0; i < n; i++) {
        if (!nbd_recv(fd, part[i].iov_base, part[i].iov_len)) {
            return false;
        }
    }
    return true;
}

bool nbd_recv_skip(int fd, size_t len)
{
    uint8_t buf[4096];

    while (len > 0) {
        size_t n = MIN(len, sizeof(buf));

        if (!nbd_recv(fd, buf, n)) {
            return false;
        }
        len -= n;
    }
    return true;
}

#define PIECES 64

bool nbd_send(int fd, const void *head, size_t head_len, const struct iovec *iov, int niov)
{
    struct iovec part[PIECES] = {{(void *)head, head_len}};
    int n = 1;

    for (;;) {
        while (niov > 0 && n < PIECES) {
            part[n++] = *iov++;
            niov--;
        }
        struct msghdr m = {.msg_iov = part, .msg_iovlen = n};
        ssize_t sent = sendmsg(fd, &m, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return false;
        }
        int done = 0;
        while (done < n && (size_t)sent >= part[done].iov_len) {
            sent -= part[done++].iov_len;
        }
        n -= done;
        memmove(part, part + done, n * sizeof(part[0]));
        if (n > 0) {
            part[0].iov_base = (uint8_t *)part[0].iov_base + sent;
            part[0].iov_len -= sent;
        } else if (niov == 0) {
            return true;
        }
    }
}

bool nbd_send_option(int fd, uint32_t option, const void *data, uint32_t len)
{
    uint8_t head[16];

    nbd_put64(head, NBD_OPTION_MAGIC);
    nbd_put32(head + 8, option);
    nbd_put32(head + 12, len);
    return nbd_send(fd, head, sizeof(head), &(struct iovec){(void *)data, len}, len > 0);
}

bool nbd_send_reply(int fd, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
    uint8_t head[NBD_REPLY_SIZE];

    nbd_put64(head, NBD_OPTION_REPLY);
    nbd_put32(head + 8, option);
    nbd_put32(head + 12, type);
    nbd_put32(head + 16, len);
    return nbd_send(fd, head, sizeof(head), &(struct iovec){(void *)data, len}, len > 0);
}

void nbd_timeout(int fd, unsigned seconds)
{
    struct timeval t = {.tv_sec = seconds};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

/* ---- error numbers ---- */

static const struct {
    uint32_t wire;
    int host;
} errors[] = {
    {1, EPERM},   {5, EIO},        {12, ENOMEM},     {22, EINVAL},
    {28, ENOSPC}, {75, EOVERFLOW}, {95, EOPNOTSUPP}, {108, ESHUTDOWN},
};

uint32_t nbd_errno_put(int error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(errors); i++) {
        if (errors[i].host == error) {
            return errors[i].wire;
        }
    }
    return error == EROFS ? 1 : error == EFBIG || error == EDQUOT ? 28 : 5;
}

int nbd_errno_get(uint32_t error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(errors); i++) {
        if (errors[i].wire == error) {
            return error == 108 ? EIO : errors[i].host;
        }
    }
    return EINVAL;
}

/* ---- addresses ---- */

bool nbd_is_url(const char *path)
{
    return g_str_has_prefix(path, "nbd:") || g_str_has_prefix(path, "nbd+tcp://") ||
           g_str_has_prefix(path, "nbd+unix://");
}

void nbd_address_clear(NbdAddress *a)
{
    g_clear_pointer(&a->export, g_free);
}

static bool set_unix(NbdAddress *a, const char *path, GError **err)
{
    a->n_addr = 1;
    return sock_unix(&a->addr[0], path, false, true, err);
}

static bool set_inet(NbdAddress *a, const char *host, const char *port, GError **err)
{
    a->n_addr = sock_inet_all(a->addr, G_N_ELEMENTS(a->addr), host, port, AF_UNSPEC, SOCK_STREAM,
                              false, err);
    return a->n_addr > 0;
}

/* "unix:PATH" or "HOST:PORT", then perhaps ":exportname=NAME". */
static bool parse_plain(NbdAddress *a, const char *text, GError **err)
{
    const char *mark = strstr(text, ":exportname=");
    g_autofree char *where = mark ? g_strndup(text, mark - text) : g_strdup(text);
    g_autofree char *host = NULL, *port = NULL;

    a->export = g_strdup(mark ? mark + strlen(":exportname=") : "");
    if (g_str_has_prefix(where, "unix:")) {
        return set_unix(a, where + 5, err);
    }
    return sock_split(where, &host, &port, err) && set_inet(a, host, port, err);
}

static bool parse_uri(NbdAddress *a, const char *url, GError **err)
{
    GError *why = NULL;
    g_autoptr(GUri) u = g_uri_parse(url, G_URI_FLAGS_ENCODED_QUERY, &why);
    g_autoptr(GHashTable) query = NULL;
    g_autofree char *port = NULL;

    if (!u) {
        rhea_error_set(err, "'%s' is no URL of a network block device: %s", url, why->message);
        g_error_free(why);
        return false;
    }
    const char *path = g_uri_get_path(u);
    a->export = g_strdup(*path == '/' ? path + 1 : path);
    query = g_uri_get_query(u)
                ? g_uri_parse_params(g_uri_get_query(u), -1, "&", G_URI_PARAMS_NONE, &why)
                : g_hash_table_new(g_str_hash, g_str_equal);
    const char *socket = query ? g_hash_table_lookup(query, "socket") : NULL;
    g_clear_error(&why);
    if (strcmp(g_uri_get_scheme(u), "nbd+unix") == 0) {
        if (!socket) {
            rhea_error_set(err, "'%s' names no socket: nbd+unix:///EXPORT?socket=PATH", url);
            return false;
        }
        return set_unix(a, socket, err);
    }
    port = g_uri_get_port(u) > 0 ? g_strdup_printf("%d", g_uri_get_port(u)) : g_strdup(NBD_PORT);
    const char *host = g_uri_get_host(u);
    return set_inet(a, host ? host : "", port, err);
}

bool nbd_address_parse(NbdAddress *a, const char *url, GError **err)
{
    bool plain = g_str_has_prefix(url, "nbd:") && !g_str_has_prefix(url, "nbd://");
    *a = (NbdAddress){0};
    bool ok = plain ? parse_plain(a, url + 4, err) : parse_uri(a, url, err);

    if (ok && strlen(a->export) > NBD_MAX_STRING) {
        rhea_error_set(err, "export name is longer than %d bytes", NBD_MAX_STRING);
        ok = false;
    }
    if (!ok) {
        nbd_address_clear(a);
    }
    return ok;
}

static const char *take(OptDict *o, const char *prefix, const char *key)
{
    g_autofree char *full = g_strconcat(prefix, key, NULL);

    return opt_take(o, full);
}

char *nbd_url_take(OptDict *o, const char *prefix, GError **err)
{
    const char *type = take(o, prefix, "server.type"), *host = take(o, prefix, "server.host");
    const char *port = take(o, prefix, "server.port"), *path = take(o, prefix, "server.path");
    const char *export = take(o, prefix, "export");
    /* Older spellings. */
    const char *old_host = take(o, prefix, "host"), *old_port = take(o, prefix, "port");
    const char *old_path = take(o, prefix, "path");

    if (!type) {
        path = path ? path : old_path;
        host = host ? host : old_host;
        port = port ? port : old_port;
    }
    g_autofree char *name = g_uri_escape_string(export ? export : "", "/", false);
    if (type ? strcmp(type, "unix") == 0 : path != NULL) {
        g_autofree char *socket = g_uri_escape_string(path ? path : "", "/", false);

        if (!path || host || port) {
            rhea_error_set(err, path ? "a unix socket has no host and no port"
                                     : "Parameter 'server.path' is missing");
            return NULL;
        }
        return g_strdup_printf("nbd+unix:///%s?socket=%s", name, socket);
    }
    if (type && strcmp(type, "inet") != 0) {
        rhea_error_set(err, "server.type=%s is not supported (inet, unix)", type);
        return NULL;
    }
    if (!host || path) {
        rhea_error_set(err, host ? "server.path= is for server.type=unix"
                                 : "Parameter 'server.host' is missing");
        return NULL;
    }
    return g_strdup_printf(strchr(host, ':') ? "nbd://[%s]:%s/%s" : "nbd://%s:%s/%s", host,
                           port ? port : NBD_PORT, name);
}

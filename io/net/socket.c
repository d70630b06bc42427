/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -netdev socket: the older names of what stream.c and dgram.c do.
 *
 * Test: tests/unit/test-net-link.c
 */
#include "io/net/internal.h"
#include "rhea/error.h"

static const char *const keys[] = {"fd", "listen", "connect", "mcast", "udp", "localaddr", NULL};

static bool address(const char *text, int type, bool passive, SockAddr *a, GError **err)
{
    g_autofree char *host = NULL, *port = NULL;

    return sock_split(text, &host, &port, err) &&
           sock_inet(a, host, port, AF_INET, type, passive, err);
}

static NetBackend *open_fd(const char *text, GError **err)
{
    int fd = -1;

    if (sock_inherit(text, SOCK_DGRAM, &fd, NULL)) {
        return net_dgram_new(fd, NULL);
    }
    return sock_inherit(text, SOCK_STREAM, &fd, err) ? net_stream_new(fd) : NULL;
}

static NetBackend *open_udp(const char *udp, const char *local, GError **err)
{
    SockAddr to, from;

    if (!local) {
        rhea_error_set(err, "localaddr= is mandatory with udp=");
        return NULL;
    }
    return address(udp, SOCK_DGRAM, false, &to, err) && address(local, SOCK_DGRAM, true, &from, err)
               ? net_dgram_udp(&from, &to, err)
               : NULL;
}

static NetBackend *socket_open(Machine *m, OptDict *o, GError **err)
{
    const char *fd = opt_take(o, "fd"), *listen = opt_take(o, "listen");
    const char *connect = opt_take(o, "connect"), *mcast = opt_take(o, "mcast");
    const char *udp = opt_take(o, "udp"), *local = opt_take(o, "localaddr");
    SockAddr a;

    if (!!fd + !!listen + !!connect + !!mcast + !!udp != 1) {
        rhea_error_set(err, "exactly one of listen=, connect=, mcast= or udp= is required");
        return NULL;
    }
    if (local && !mcast && !udp) {
        rhea_error_set(err, "localaddr= is only valid with mcast= or udp=");
        return NULL;
    }
    if (fd) {
        return open_fd(fd, err);
    }
    if (udp) {
        return open_udp(udp, local, err);
    }
    if (listen) {
        return address(listen, SOCK_STREAM, true, &a, err) ? net_stream_listen(&a, 0, err) : NULL;
    }
    if (connect) {
        return address(connect, SOCK_STREAM, false, &a, err) ? net_stream_connect(&a, 0) : NULL;
    }
    return address(mcast, SOCK_DGRAM, false, &a, err) ? net_dgram_multicast(&a, local, err) : NULL;
}

const NetType net_socket = {.name = "socket", .keys = keys, .open = socket_open};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Addresses of sockets as options name them, for character devices and networks.
 *
 * Names are resolved here, which may take time: while the program starts only. Any thread; no
 * state. Test: tests/unit/test-net.c, tests/unit/test-chardev.c
 */
#ifndef IO_SOCKADDR_H
#define IO_SOCKADDR_H

#include "softmmu/opts.h"

#include <sys/socket.h>

typedef struct SockAddr {
    struct sockaddr_storage addr;
    socklen_t len; /* 0: none */
} SockAddr;

/* "HOST:PORT", "[HOST]:PORT", ":PORT". g_free() both. */
bool sock_split(const char *text, char **host, char **port, GError **err);
/* prefix + "ipv4", prefix + "ipv6" -> AF_INET, AF_INET6 or AF_UNSPEC. */
bool sock_take_family(OptDict *d, const char *prefix, int *family, GError **err);
/* host "": any (passive), or this machine. type: SOCK_STREAM or SOCK_DGRAM. */
bool sock_inet(SockAddr *a, const char *host, const char *port, int family, int type, bool passive,
               GError **err);
/* All addresses of a name, at most max: how many. 0 and *err. */
unsigned sock_inet_all(SockAddr *a, unsigned max, const char *host, const char *port, int family,
                       int type, bool passive, GError **err);
bool sock_unix(SockAddr *a, const char *path, bool abstract, bool tight, GError **err);
/* "1.2.3.4:5", "[::1]:5", "unix:PATH". g_free() it. */
char *sock_text(const SockAddr *a);
/* A stream socket that listens; with `to` the first free port up to it, put into *a, as is the
 * port if it was 0. -1 and *err. An existing path is replaced. */
int sock_listen(SockAddr *a, uint64_t to, GError **err);
/* A descriptor that this program inherited: a socket of that type; it is closed on exec. */
bool sock_inherit(const char *text, int type, int *fd, GError **err);

#endif

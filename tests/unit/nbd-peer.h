/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * NBD peers for tests: a real server on a unix socket in a folder of its own, whose image is a file
 * with byte i / 512 + 1 in sector i; and a place between the two that a test may do harm in.
 */
#ifndef TESTS_UNIT_NBD_PEER_H
#define TESTS_UNIT_NBD_PEER_H

#include "io/block/nbd.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define NBD_TEST_SIZE (256 * 1024)

typedef struct NbdPeer {
    char *dir, *path, *url, *image;
    BlockNode *node;
    NbdServer *server;
    int listener;
    GThread *thread;
    gint stop;
    /* What to do with a client; by default the server has it. */
    void (*client)(struct NbdPeer *p, int fd);
    void *opaque;
    unsigned clients; /* that have come */
} NbdPeer;

static inline gpointer nbd_peer_thread(gpointer opaque)
{
    NbdPeer *p = opaque;

    while (!g_atomic_int_get(&p->stop)) {
        struct pollfd f = {.fd = p->listener, .events = POLLIN};

        if (poll(&f, 1, 20) <= 0) {
            continue;
        }
        int fd = accept(p->listener, NULL, NULL);
        p->clients++;
        if (fd >= 0 && p->client) {
            p->client(p, fd);
        } else if (fd >= 0) {
            nbd_server_client(p->server, fd);
        }
    }
    return NULL;
}

static inline void nbd_peer_open(NbdPeer *p, void (*client)(NbdPeer *p, int fd), void *opaque)
{
    GError *err = NULL;
    uint8_t *data = g_malloc(NBD_TEST_SIZE);
    SockAddr a;

    *p = (NbdPeer){.client = client, .opaque = opaque};
    p->dir = g_dir_make_tmp("rhea-nbd-XXXXXX", NULL);
    p->path = g_build_filename(p->dir, "socket", NULL);
    p->image = g_build_filename(p->dir, "image", NULL);
    p->url = g_strdup_printf("nbd+unix:///e?socket=%s", p->path);
    for (unsigned i = 0; i < NBD_TEST_SIZE; i++) {
        data[i] = i / 512 + 1;
    }
    g_assert_true(g_file_set_contents(p->image, (char *)data, NBD_TEST_SIZE, NULL));
    g_free(data);
    p->node = node_open(&(NodeOptions){.path = p->image, .format = "raw", .discard = true}, &err);
    g_assert_no_error(err);
    NbdExport e = {.name = "e",
                   .description = "an image",
                   .node = p->node,
                   .size = NBD_TEST_SIZE,
                   .discard = true,
                   .multi_conn = true};
    p->server = nbd_server_new(&e, NULL, NULL);
    g_assert_true(sock_unix(&a, p->path, false, true, &err));
    p->listener = sock_listen(&a, 0, &err);
    g_assert_no_error(err);
    p->thread = g_thread_new("peer", nbd_peer_thread, p);
}

static inline void nbd_peer_close(NbdPeer *p)
{
    g_atomic_int_set(&p->stop, 1);
    g_thread_join(p->thread);
    close(p->listener);
    nbd_server_free(p->server);
    node_close(p->node);
    g_unlink(p->path);
    g_unlink(p->image);
    g_rmdir(p->dir);
    g_free(p->dir);
    g_free(p->path);
    g_free(p->image);
    g_free(p->url);
}

#endif

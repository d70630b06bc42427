/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A client and a server of NBD with something between them that changes bytes, in either
 * direction, or breaks the connection off. Neither may crash or hang, and the server works for an
 * orderly client afterwards; the image keeps its size.
 *
 *     nbd [ROUNDS [SEED]]
 */
#include "tests/unit/nbd-peer.h"

#include <fcntl.h>
#include <stdlib.h>

#define ROUNDS 300

typedef struct Between {
    NbdPeer *p;
    int client, server;
    GRand *r;
} Between;

/* Some bytes of a direction, perhaps changed. False: the connection is over. */
static bool pass(GRand *r, int from, int to, unsigned rate)
{
    uint8_t buf[512];
    ssize_t n = read(from, buf, sizeof(buf));

    if (n <= 0) {
        return false;
    }
    if (g_rand_int_range(r, 0, rate) == 0) {
        unsigned at = g_rand_int_range(r, 0, n);

        switch (g_rand_int_range(r, 0, 4)) {
        case 0:
            return false;
        case 1:
            buf[at] = g_rand_int_range(r, 0, 256);
            break;
        case 2:
            memset(buf + at, 0xff, MIN(4, n - at));
            break;
        default:
            buf[at] ^= 1 << g_rand_int_range(r, 0, 8);
        }
    }
    return nbd_send(to, buf, n, NULL, 0);
}

static gpointer between_thread(gpointer opaque)
{
    Between *b = opaque;
    unsigned rate = 1 << g_rand_int_range(b->r, 2, 8);
    bool ok = true;

    /* One that waits for bytes that do not come is let go. */
    while (ok) {
        struct pollfd f[2] = {{.fd = b->client, .events = POLLIN},
                              {.fd = b->server, .events = POLLIN}};

        ok = poll(f, 2, 200) > 0 && (!f[0].revents || pass(b->r, b->client, b->server, rate)) &&
             (!f[1].revents || pass(b->r, b->server, b->client, rate));
    }
    close(b->client);
    close(b->server);
    g_rand_free(b->r);
    g_free(b);
    return NULL;
}

static void between(NbdPeer *p, int fd)
{
    Between *b = g_new0(Between, 1);
    int pair[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    nbd_server_client(p->server, pair[0]);
    b->p = p;
    b->client = fd;
    b->server = pair[1];
    b->r = g_rand_new_with_seed(g_rand_int(p->opaque));
    g_thread_unref(g_thread_new("between", between_thread, b));
}

static void round_do(NbdPeer *p, GRand *r)
{
    GError *err = NULL;
    BlockNode *n = node_open_nbd(&(NodeOptions){.path = p->url, .discard = true}, &err);
    g_autofree uint8_t *buf = g_malloc(65536);
    NodeExtent e;

    g_clear_error(&err);
    for (unsigned i = 0; n && i < 20; i++) {
        uint64_t size = MIN(n->size, NBD_TEST_SIZE); /* the size may be a lie too */
        uint32_t len = g_rand_int_range(r, 1, 65536), off = g_rand_int_range(r, 0, NBD_TEST_SIZE);

        if (off >= size) {
            continue;
        }
        len = MIN(len, size - off);
        switch (g_rand_int_range(r, 0, 8)) {
        case 0:
            node_status(n, off, len, &e);
            break;
        case 1:
            node_pwrite(n, off, buf, len);
            break;
        case 2:
            node_zero(n, off, len, g_rand_boolean(r));
            break;
        case 3:
            node_discard(n, off, len);
            break;
        case 4:
            node_flush(n);
            break;
        default:
            node_pread(n, off, buf, len);
        }
    }
    node_close(n);
}

/* Warnings about broken connections are what is expected here. */
static void quiet(void)
{
    int null = open("/dev/null", O_WRONLY);

    dup2(null, STDERR_FILENO);
    close(null);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : ROUNDS;
    uint32_t seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
    g_autoptr(GRand) r = g_rand_new_with_seed(seed), other = g_rand_new_with_seed(seed + 1);
    NbdPeer p;
    uint8_t buf[512];

    printf("1..1\n# seed %u\n", seed);
    fflush(stdout);
    quiet();
    nbd_peer_open(&p, between, other);
    for (unsigned i = 0; i < rounds; i++) {
        round_do(&p, r);
    }
    p.client = NULL;
    BlockNode *n = node_open_nbd(&(NodeOptions){.path = p.url}, NULL);
    g_assert_nonnull(n);
    g_assert_cmpuint(n->size, ==, NBD_TEST_SIZE);
    g_assert_cmpint(node_pwrite(n, 0, buf, 512), ==, 0);
    node_close(n);
    g_assert_cmpuint(p.node->size, ==, NBD_TEST_SIZE);
    nbd_peer_close(&p);
    printf("ok 1 /fuzz/nbd\n");
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * "null-co" and "null-aio": a disk that takes everything and keeps nothing, to measure what is
 * above it. It reads as zeroes, whether read-zeroes= says so or not: no memory of the host's gets
 * to the guest. latency-ns= is how long each request takes.
 *
 * Thread: any; there is no state that changes but the size. Test: tests/unit/test-nodes.c
 */
#include "io/block/private.h"

#include <string.h>

#include "rhea/error.h"

typedef struct Null {
    uint64_t latency_us;
    bool zeroes;
} Null;

static int wait_done(BlockNode *n)
{
    const Null *s = n->state;

    if (s->latency_us) {
        g_usleep(s->latency_us);
    }
    return 0;
}

static int null_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    iov_clear(iov, niov, 0, len);
    return wait_done(n);
}

static int null_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    return wait_done(n);
}

static int null_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap)
{
    return wait_done(n);
}

static int null_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    return 0;
}

static int null_flush(BlockNode *n)
{
    return wait_done(n);
}

static int null_status(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e)
{
    const Null *s = n->state;

    e->zero = s->zeroes;
    e->data = !s->zeroes;
    e->has_offset = true;
    e->offset = off;
    return 0;
}

static void null_close(BlockNode *n)
{
    g_free(n->state);
}

/* The two differ in their names alone. */
#define NULL_DRIVER(text)                                                                          \
    {                                                                                              \
        .name = text, .preadv = null_preadv, .pwritev = null_pwritev, .zero = null_zero,           \
        .discard = null_discard, .flush = null_flush, .status = null_status, .close = null_close,  \
    }

static const BlockDriver block_driver_null_co = NULL_DRIVER("null-co");
static const BlockDriver block_driver_null_aio = NULL_DRIVER("null-aio");

BlockNode *node_open_null(OptDict *d, const char *driver, const NodeOptions *o, GError **err)
{
    uint64_t size = UINT64_C(1) << 30, latency = 0;
    bool zeroes = false;

    opt_take(d, "filename");
    if (!opt_take_size(d, "size", &size, err) || !opt_take_u64(d, "latency-ns", &latency, err) ||
        !opt_take_bool(d, "read-zeroes", &zeroes, err)) {
        return NULL;
    }
    if (size > INT64_MAX || latency > INT64_MAX) {
        rhea_error_set(err, "%s is invalid", size > INT64_MAX ? "size" : "latency-ns");
        return NULL;
    }
    BlockNode *n = g_new0(BlockNode, 1);
    Null *s = g_new0(Null, 1);
    g_autofree char *json = opt_describe(d);
    const char *key, *value;

    n->drv = strcmp(driver, "null-aio") ? &block_driver_null_co : &block_driver_null_aio;
    n->state = s;
    n->filename = opt_at(d, 1, &key, &value) ? g_strdup_printf("json:%s", json)
                                             : g_strdup_printf("%s://", driver);
    n->size = size;
    n->read_only = o->read_only;
    n->host.fd = n->host.direct_fd = -1;
    n->host.is_device = true; /* its size is what it is */
    n->host.dev = UINT64_MAX;
    n->host.ino = (uintptr_t)n;
    s->latency_us = (latency + 999) / 1000;
    s->zeroes = zeroes;
    return n;
}

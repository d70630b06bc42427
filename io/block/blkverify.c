/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * "blkverify": everything is done to two nodes, "raw." and "test.", and what is read of both must
 * be the same: to find faults of the driver of the one that is tested. The first difference ends
 * the program, with the place.
 *
 * A write that overlaps a read in time may be seen by one of the two only; so requests are done one
 * at a time. Lock: BlkVerify.lock. Test: tests/unit/test-nodes.c
 */
#include "io/block/private.h"

#include <stdlib.h>
#include <string.h>

#include "rhea/error.h"

typedef struct BlkVerify {
    GMutex lock;
    BlockNode *test; /* the other one is the node's file */
} BlkVerify;

static void G_GNUC_NORETURN differ(const char *what, uint64_t off, uint64_t len)
{
    rhea_error_report("blkverify: %s offset=%" G_GUINT64_FORMAT " bytes=%" G_GUINT64_FORMAT, what,
                      off, len);
    exit(1);
}

static int both(int raw, int test, const char *what, uint64_t off, uint64_t len)
{
    if (raw != test) {
        differ(what, off, len);
    }
    return raw;
}

static int blkverify_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov,
                            size_t len)
{
    BlkVerify *s = n->state;
    g_autofree uint8_t *other = g_malloc(MAX(len, 1)), *here = g_malloc(MAX(len, 1));
    struct iovec v = {other, len};

    g_mutex_lock(&s->lock);
    int ret = node_preadv(n->file, off, iov, niov);
    int test = node_preadv(s->test, off, &v, 1);
    g_mutex_unlock(&s->lock);
    both(ret, test, "return values of a read differ at", off, len);
    if (ret == 0) {
        iov_gather(iov, niov, 0, here, len);
        for (size_t i = 0; i < len; i++) {
            if (here[i] != other[i]) {
                differ("contents mismatch at", off + i, len - i);
            }
        }
    }
    return ret;
}

static int blkverify_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov,
                             size_t len)
{
    BlkVerify *s = n->state;

    g_mutex_lock(&s->lock);
    int ret = node_pwritev(n->file, off, iov, niov), test = node_pwritev(s->test, off, iov, niov);
    g_mutex_unlock(&s->lock);
    return both(ret, test, "return values of a write differ at", off, len);
}

static int blkverify_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap)
{
    BlkVerify *s = n->state;

    g_mutex_lock(&s->lock);
    int ret = node_zero(n->file, off, len, unmap), test = node_zero(s->test, off, len, unmap);
    g_mutex_unlock(&s->lock);
    return both(ret, test, "return values of zeroing differ at", off, len);
}

/* What is discarded may read as anything, and differently: it stays. */
static int blkverify_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    return 0;
}

static int blkverify_flush(BlockNode *n)
{
    BlkVerify *s = n->state;
    int ret = node_flush(n->file);

    return ret < 0 ? ret : node_flush(s->test);
}

static int blkverify_status(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e)
{
    return 0; /* data, of which nothing is known */
}

static void blkverify_close(BlockNode *n)
{
    BlkVerify *s = n->state;

    node_close(s->test);
    g_mutex_clear(&s->lock);
    g_free(s);
}

static const BlockDriver block_driver_blkverify = {
    .name = "blkverify",
    .preadv = blkverify_preadv,
    .pwritev = blkverify_pwritev,
    .zero = blkverify_zero,
    .discard = blkverify_discard,
    .flush = blkverify_flush,
    .status = blkverify_status,
    .close = blkverify_close,
};

BlockNode *node_open_blkverify(OptDict *d, const NodeOptions *o, GError **err)
{
    g_autoptr(OptDict) all = opt_below(d, "", false);
    BlockNode *raw = node_open_child(d, "raw", o, false, err);
    BlockNode *test = raw ? node_open_child(d, "test", o, true, err) : NULL;

    if (!test) {
        node_close(raw);
        return NULL;
    }
    if (raw->size != test->size) {
        rhea_error_set(
            err, "blkverify: the images have %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT " bytes",
            raw->size, test->size);
        node_close(raw);
        node_close(test);
        return NULL;
    }
    BlockNode *n = node_new_filter(&block_driver_blkverify, all, raw);
    BlkVerify *s = g_new0(BlkVerify, 1);

    g_mutex_init(&s->lock);
    s->test = test;
    n->state = s;
    n->read_only = raw->read_only || test->read_only;
    return n;
}

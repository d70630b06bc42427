/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * "preallocate": writes behind the end of the file below make it longer by prealloc-size at once,
 * up to a multiple of prealloc-align, so that an image that grows does not ask its file system for
 * each cluster. When it is closed the file gets the length it would have had.
 *
 * Invariant: node size (what the image has) <= `end` (what the file has). Lock: Preallocate.lock.
 * Test: tests/unit/test-nodes.c
 */
#include "io/block/private.h"

#include "rhea/error.h"

typedef struct Preallocate {
    GMutex lock;
    uint64_t align, size;
    uint64_t end; /* atomic */
    bool used;
} Preallocate;

/* The file is long enough for a write that ends there. A file system that cannot is no error: the
 * write tells. */
static void preallocate_for(BlockNode *n, uint64_t to)
{
    Preallocate *s = n->state;

    if (to <= __atomic_load_n(&s->end, __ATOMIC_ACQUIRE)) {
        return;
    }
    g_mutex_lock(&s->lock);
    if (to > s->end && to < INT64_MAX - s->size - s->align) {
        uint64_t end = (to + s->size + s->align - 1) / s->align * s->align;

        if (node_truncate(n->file, end, NODE_PREALLOC_FALLOC, NULL)) {
            s->used = true;
            __atomic_store_n(&s->end, end, __ATOMIC_RELEASE);
        }
    }
    g_mutex_unlock(&s->lock);
}

static void grown(BlockNode *n, uint64_t to)
{
    uint64_t size = __atomic_load_n(&n->size, __ATOMIC_RELAXED);

    while (to > size && !__atomic_compare_exchange_n(&n->size, &size, to, false, __ATOMIC_RELAXED,
                                                     __ATOMIC_RELAXED)) {
    }
}

static int preallocate_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov,
                              size_t len)
{
    return node_preadv(n->file, off, iov, niov);
}

static int preallocate_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov,
                               size_t len)
{
    preallocate_for(n, off + len);
    int ret = node_pwritev(n->file, off, iov, niov);
    if (ret == 0) {
        grown(n, off + len);
    }
    return ret;
}

static int preallocate_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap)
{
    preallocate_for(n, off + len);
    int ret = node_zero(n->file, off, len, unmap);
    if (ret == 0) {
        grown(n, off + len);
    }
    return ret;
}

static int preallocate_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    return node_discard(n->file, off, len);
}

static int preallocate_flush(BlockNode *n)
{
    return node_flush(n->file);
}

static int preallocate_status(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e)
{
    return node_status(n->file, off, len, e);
}

static bool preallocate_truncate(BlockNode *n, uint64_t size, NodePrealloc how, GError **err)
{
    Preallocate *s = n->state;

    g_mutex_lock(&s->lock);
    /* As if nothing had been allocated ahead. */
    bool ok = (!s->used || node_truncate(n->file, n->size, NODE_PREALLOC_OFF, err)) &&
              node_truncate(n->file, size, how, err);
    s->used = s->used && !ok;
    if (ok) {
        n->size = n->file->size;
        __atomic_store_n(&s->end, n->size, __ATOMIC_RELEASE);
    }
    g_mutex_unlock(&s->lock);
    return ok;
}

static void preallocate_close(BlockNode *n)
{
    Preallocate *s = n->state;
    GError *why = NULL;

    if (s->used && !node_truncate(n->file, n->size, NODE_PREALLOC_OFF, &why)) {
        rhea_warn_report("%s", why->message);
        g_error_free(why);
    }
    g_mutex_clear(&s->lock);
    g_free(s);
}

static const BlockDriver block_driver_preallocate = {
    .name = "preallocate",
    .protocol = true,
    .preadv = preallocate_preadv,
    .pwritev = preallocate_pwritev,
    .zero = preallocate_zero,
    .discard = preallocate_discard,
    .flush = preallocate_flush,
    .status = preallocate_status,
    .truncate = preallocate_truncate,
    .close = preallocate_close,
};

BlockNode *node_open_preallocate(OptDict *d, const NodeOptions *o, GError **err)
{
    g_autoptr(OptDict) all = opt_below(d, "", false);
    uint64_t align = 1 << 20, size = 128 << 20;

    if (!opt_take_size(d, "prealloc-align", &align, err) ||
        !opt_take_size(d, "prealloc-size", &size, err)) {
        return NULL;
    }
    if (align == 0 || align % 512 || align > INT32_MAX || size > INT64_MAX / 4) {
        rhea_error_set(err, align == 0 || align % 512 || align > INT32_MAX
                                ? "prealloc-align parameter of preallocate filter is not aligned "
                                  "to 512"
                                : "prealloc-size is too large");
        return NULL;
    }
    BlockNode *file = node_open_child(d, "file", o, false, err);
    if (!file) {
        return NULL;
    }
    BlockNode *n = node_new_filter(&block_driver_preallocate, all, file);
    Preallocate *s = g_new0(Preallocate, 1);

    g_mutex_init(&s->lock);
    s->align = align;
    s->size = size;
    s->end = n->size;
    n->state = s;
    return n;
}

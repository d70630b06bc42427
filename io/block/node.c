/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Block nodes: what all drivers share, the "raw" format, and how a graph is opened. See
 * include/io/node.h.
 *
 * A backing chain is opened from the top down; a file that is already in the chain (by device and
 * inode) is refused, so that a chain cannot be a loop, and so is a chain of more than MAX_CHAIN.
 *
 * Test: tests/unit/test-qcow2.c
 */
#include "io/node.h"

#include <errno.h>
#include <string.h>
#include "io/block/private.h"
#include "io/nbd.h"
#include "io/qcow2.h"
#include "rhea/error.h"

#define MAX_CHAIN 256
#define PROBE     512

/* ---- scattered memory ---- */

size_t iov_length(const struct iovec *iov, int niov)
{
    size_t len = 0;

    for (int i = 0; i < niov; i++) {
        len += iov[i].iov_len;
    }
    return len;
}

struct iovec *iov_slice(const struct iovec *iov, int niov, size_t skip, size_t len, int *n)
{
    struct iovec *out = g_new(struct iovec, MAX(niov, 1));

    *n = 0;
    for (int i = 0; i < niov && len > 0; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        size_t piece = MIN(iov[i].iov_len - skip, len);
        out[(*n)++] = (struct iovec){(uint8_t *)iov[i].iov_base + skip, piece};
        len -= piece;
        skip = 0;
    }
    return out;
}

typedef enum Direction { FILL, GATHER, CLEAR } Direction;

static void iov_walk(const struct iovec *iov, int niov, size_t skip, uint8_t *buf, size_t len,
                     Direction d)
{
    int n;
    g_autofree struct iovec *part = iov_slice(iov, niov, skip, len, &n);

    for (int i = 0; i < n; i++) {
        if (d == CLEAR) {
            memset(part[i].iov_base, 0, part[i].iov_len);
            continue;
        }
        memcpy(d == FILL ? part[i].iov_base : buf, d == FILL ? buf : part[i].iov_base,
               part[i].iov_len);
        buf += part[i].iov_len;
    }
}

void iov_fill(const struct iovec *iov, int niov, size_t skip, const void *buf, size_t len)
{
    iov_walk(iov, niov, skip, (uint8_t *)buf, len, FILL);
}

void iov_gather(const struct iovec *iov, int niov, size_t skip, void *buf, size_t len)
{
    iov_walk(iov, niov, skip, buf, len, GATHER);
}

void iov_clear(const struct iovec *iov, int niov, size_t skip, size_t len)
{
    iov_walk(iov, niov, skip, NULL, len, CLEAR);
}

bool buffer_is_zero(const void *buf, size_t len)
{
    const uint8_t *p = buf;

    return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* ---- requests ---- */

static bool in_range(const BlockNode *n, uint64_t off, uint64_t len)
{
    return off <= n->size && len <= n->size - off;
}

int node_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov)
{
    size_t len = iov_length(iov, niov);

    if (!n->drv->protocol && !in_range(n, off, len)) {
        return -EIO;
    }
    return n->drv->preadv(n, off, iov, niov, len);
}

static bool iov_is_zero(const struct iovec *iov, int niov)
{
    bool zero = true;

    for (int i = 0; zero && i < niov; i++) {
        zero = buffer_is_zero(iov[i].iov_base, iov[i].iov_len);
    }
    return zero;
}

int node_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov)
{
    size_t len = iov_length(iov, niov);

    if (n->detect_zeroes && iov_is_zero(iov, niov)) {
        return node_zero(n, off, len, n->detect_zeroes == 2);
    }

    if (n->read_only) {
        return -EROFS;
    }
    if (!n->drv->protocol && !in_range(n, off, len)) {
        return -EIO;
    }
    bitmaps_mark(n->bitmaps, off, len);
    node_event(n, NODE_EVENT_PWRITEV);
    int ret = n->drv->pwritev(n, off, iov, niov, len);
    node_event(n, NODE_EVENT_PWRITEV_DONE);
    return ret;
}

int node_pread(BlockNode *n, uint64_t off, void *buf, size_t len)
{
    return node_preadv(n, off, &(struct iovec){buf, len}, 1);
}

int node_pwrite(BlockNode *n, uint64_t off, const void *buf, size_t len)
{
    return node_pwritev(n, off, &(struct iovec){(void *)buf, len}, 1);
}

int node_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap)
{
    if (n->read_only) {
        return -EROFS;
    }
    if (!n->drv->protocol && !in_range(n, off, len)) {
        return -EIO;
    }
    if (len == 0) {
        return 0;
    }
    bitmaps_mark(n->bitmaps, off, len);
    node_event(n, NODE_EVENT_PWRITEV_ZERO);
    return n->drv->zero(n, off, len, unmap);
}

int node_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    if (n->read_only) {
        return -EROFS;
    }
    if (!in_range(n, off, len)) {
        return -EIO;
    }
    bitmaps_mark(n->bitmaps, off, len);
    return len ? n->drv->discard(n, off, len) : 0;
}

int node_flush(BlockNode *n)
{
    if (n->read_only) {
        return 0;
    }
    if (n->file) {
        node_event(n->file, NODE_EVENT_FLUSH_TO_OS);
        node_event(n->file, NODE_EVENT_FLUSH_TO_DISK);
    }
    return n->drv->flush(n);
}

int node_status(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e)
{
    *e = (NodeExtent){.len = len, .data = true, .allocated = true};
    if (!in_range(n, off, len) || len == 0) {
        return -EINVAL;
    }
    return n->drv->status(n, off, len, e);
}

int node_status_chain(BlockNode *n, BlockNode *base, uint64_t off, uint64_t len, NodeExtent *e,
                      int *depth, BlockNode **in)
{
    int level = 0;

    for (;; n = n->backing, level++) {
        if (depth) {
            *depth = level;
        }
        if (in) {
            *in = n;
        }
        int ret = node_status(n, off, len, e);
        if (ret < 0 || e->allocated) {
            return ret;
        }
        len = e->len;
        if (!n->backing || n->backing == base) {
            e->zero = !n->backing;
            return 0;
        }
        if (off >= n->backing->size) {
            /* Beyond the end of a shorter backing node. */
            e->zero = true;
            return 0;
        }
        len = MIN(len, n->backing->size - off);
    }
}

bool node_truncate(BlockNode *n, uint64_t size, NodePrealloc how, GError **err)
{
    if (n->read_only) {
        rhea_error_set(err, "'%s' is read-only", n->filename);
        return false;
    }
    if (!n->drv->truncate) {
        rhea_error_set(err, "Image format driver does not support resize");
        return false;
    }
    if (!n->drv->truncate(n, size, how, err)) {
        return false;
    }
    bitmaps_resize(n->bitmaps, n->size);
    return true;
}

/* ---- raw ---- */

static int raw_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    node_event(n->file, NODE_EVENT_READ_AIO);
    return node_preadv(n->file, n->offset + off, iov, niov);
}

static int raw_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    /* A guest that may write any header could make the next start see another format, and so any
     * file of the host as its backing file. */
    if (n->probed && off < PROBE && len > 0) {
        uint8_t head[PROBE];
        int ret = node_preadv(n->file, 0, &(struct iovec){head, PROBE}, 1);
        if (ret < 0) {
            return ret;
        }
        iov_gather(iov, niov, 0, head + off, MIN(len, PROBE - off));
        if (strcmp(node_probe(head, PROBE), "raw") != 0) {
            return -EPERM;
        }
    }
    node_event(n->file, NODE_EVENT_WRITE_AIO);
    return node_pwritev(n->file, n->offset + off, iov, niov);
}

static int raw_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap)
{
    return node_zero(n->file, n->offset + off, len, unmap);
}

static int raw_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    uint64_t end = n->file->size > n->offset ? n->file->size - n->offset : 0;

    if (off >= end) {
        return 0;
    }
    return node_discard(n->file, n->offset + off, MIN(len, end - off));
}

static int raw_flush(BlockNode *n)
{
    return node_flush(n->file);
}

static int raw_status(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e)
{
    uint64_t end = n->file->size > n->offset ? n->file->size - n->offset : 0;

    if (off >= end) {
        e->data = false; /* the tail up to a whole sector */
        e->zero = true;
        return 0;
    }
    return node_status(n->file, n->offset + off, MIN(len, end - off), e);
}

static bool raw_truncate(BlockNode *n, uint64_t size, NodePrealloc how, GError **err)
{
    if (!node_truncate(n->file, n->offset + size, how, err)) {
        return false;
    }
    n->size = size;
    return true;
}

int node_copy_up(BlockNode *n, uint64_t off, uint64_t len)
{
    return n->drv == &block_driver_qcow2 && n->backing && !n->read_only ? qcow2_copy_up(n, off, len)
                                                                        : 0;
}

bool node_plain(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, bool write, int *fd,
                uint64_t *at)
{
    if (n->drv != &block_driver_raw || n->file->drv != &block_driver_file) {
        return false;
    }
    *at = n->offset + off;
    if (!iov) {
        *fd = n->file->host.fd;
        return !n->file->host.no_flush;
    }
    *fd = file_plain_fd(n->file, *at, iov, niov, write);
    return *fd >= 0 && !(write && (n->read_only || n->bitmaps || n->file->detect_zeroes ||
                                   (n->probed && off < PROBE)));
}

const BlockDriver block_driver_raw = {
    .name = "raw",
    .preadv = raw_preadv,
    .pwritev = raw_pwritev,
    .zero = raw_zero,
    .discard = raw_discard,
    .flush = raw_flush,
    .status = raw_status,
    .truncate = raw_truncate,
};

static bool raw_open(BlockNode *n, const NodeOptions *o, GError **err)
{
    uint64_t size = n->file->size;

    if (o->offset > size || (o->size && o->size > size - o->offset)) {
        rhea_error_set(err,
                       "offset and size go beyond the end of '%s' (%" G_GUINT64_FORMAT " bytes)",
                       o->path, size);
        return false;
    }
    n->offset = o->offset;
    /* Guests count in sectors; the tail of a file reads as zeroes. */
    n->size = ((o->size ? o->size : size - o->offset) + 511) & ~(uint64_t)511;
    return true;
}

/* ---- opening ---- */

const char *node_probe(const uint8_t *head, size_t len)
{
    return len >= 8 && memcmp(head, "QFI\xfb", 4) == 0 && head[4] == 0 && head[5] == 0 &&
                   head[6] == 0 && head[7] >= 2
               ? "qcow2"
               : "raw";
}

char *node_path_absolute(const char *path)
{
    g_autofree char *dir = g_get_current_dir();

    return nbd_is_url(path) || node_path_describes(path) ? g_strdup(path)
                                                         : g_canonicalize_filename(path, dir);
}

char *node_path_resolve(const char *of, const char *name)
{
    if (g_str_has_prefix(name, "file:")) {
        name += 5;
    }
    if (g_path_is_absolute(name) || nbd_is_url(name) || node_path_describes(name)) {
        return g_strdup(name);
    }
    g_autofree char *dir = g_path_get_dirname(of);
    return strcmp(dir, ".") == 0 && of[0] != '.' ? g_strdup(name)
                                                 : g_build_filename(dir, name, NULL);
}

static BlockNode *open_in_chain(const NodeOptions *o, const Chain *above, GError **err);

BlockNode *node_open_protocol(const NodeOptions *o, GError **err)
{
    GError *why = NULL;
    g_autoptr(OptDict) d = node_describe(o->path, &why);

    if (why) {
        g_propagate_error(err, why);
        return NULL;
    }
    if (d) {
        return node_open_described(d, o, err);
    }
    if (nbd_is_url(o->path)) {
        return node_open_nbd(o, err);
    }
    NodeOptions f = *o;
    f.path += g_str_has_prefix(f.path, "file:") ? 5 : 0;
    return node_open_file(&f, err);
}

static bool open_backing(BlockNode *n, const NodeOptions *o, const Chain *here, GError **err)
{
    const char *name = o->backing ? o->backing : n->backing_name;
    NodeOptions b = {.read_only = true,
                     .no_lock = o->no_lock,
                     .share_write = o->share_write,
                     .direct = o->direct};

    if (o->no_backing || !name || !*name) {
        return true;
    }
    g_autofree char *path = o->backing ? g_strdup(name) : node_path_resolve(n->filename, name);
    b.path = path;
    b.format = o->backing ? o->backing_format : n->backing_format;
    n->backing = open_in_chain(&b, here, err);
    if (!n->backing) {
        rhea_error_prefix(err, "Could not open backing file: ");
        return false;
    }
    return true;
}

/* The host's file at the bottom. */
static const BlockNode *storage_of(const BlockNode *n)
{
    while (n->file) {
        n = n->file;
    }
    return n;
}

/* The options of a format node that its description d says. */
static BlockNode *open_described(OptDict *d, const NodeOptions *o, const Chain *above, GError **err)
{
    g_autoptr(GPtrArray) keep = g_ptr_array_new_with_free_func(g_free);
    NodeOptions f = *o;

    f.depth++;
    return node_format_options(d, &f, keep, err) ? open_in_chain(&f, above, err) : NULL;
}

static BlockNode *open_in_chain(const NodeOptions *o, const Chain *above, GError **err)
{
    GError *why = NULL;
    g_autoptr(OptDict) d = node_describe(o->path, &why);
    const char *driver = d ? opt_get(d, "driver") : NULL;

    if (why) {
        g_propagate_error(err, why);
        return NULL;
    }
    if (d && node_driver_is_format(driver) && !o->format) {
        return open_described(d, o, above, err);
    }
    BlockNode *file = node_open_protocol(o, err);
    uint8_t head[PROBE];
    const char *format = o->format;

    if (!file) {
        return NULL;
    }
    Chain here = {file, above, above ? above->depth + 1 : 0};
    BlockNode *n = g_new0(BlockNode, 1);
    n->file = file;
    n->filename = g_strdup(file->filename);
    n->name = g_strdup(o->node_name);
    n->detect_zeroes = o->detect_zeroes;
    n->read_only = file->read_only;
    n->drv = &block_driver_raw;
    for (const Chain *c = above; c; c = c->above) {
        const BlockNode *a = storage_of(c->file), *b = storage_of(file);

        if (a->host.dev == b->host.dev && a->host.ino == b->host.ino) {
            rhea_error_set(err, "'%s': the backing chain is a loop", o->path);
            goto fail;
        }
    }
    if (here.depth >= MAX_CHAIN) {
        rhea_error_set(err, "'%s': the backing chain has more than %d images", o->path, MAX_CHAIN);
        goto fail;
    }
    if (!format) {
        int ret = node_pread(file, 0, head, sizeof(head));
        if (ret < 0) {
            rhea_error_set(err, "Could not read '%s': %s", o->path, g_strerror(-ret));
            goto fail;
        }
        format = node_probe(head, sizeof(head));
        n->probed = strcmp(format, "raw") == 0;
    }
    if (strcmp(format, "raw") == 0) {
        if (!raw_open(n, o, err)) {
            goto fail;
        }
    } else if (strcmp(format, "qcow2") == 0) {
        /* Its tables are this program's alone, whatever the device allows. */
        if ((o->share_rw && !o->no_lock && !file_bar_writers(storage_of(file), err)) ||
            !qcow2_node_open(n, o, err)) {
            goto fail;
        }
        if (!open_backing(n, o, &here, err)) {
            goto fail;
        }
    } else {
        rhea_error_set(err, "Unknown driver '%s'", format);
        goto fail;
    }
    return n;
fail:
    node_close(n);
    return NULL;
}

BlockNode *node_open(const NodeOptions *o, GError **err)
{
    return open_in_chain(o, NULL, err);
}

void node_close(BlockNode *n)
{
    if (!n) {
        return;
    }
    if (n->drv->close) {
        n->drv->close(n);
    }
    bitmaps_free(n->bitmaps);
    node_close(n->backing);
    node_close(n->data);
    node_close(n->file);
    g_free(n->backing_name);
    g_free(n->backing_format);
    g_free(n->data_name);
    g_free(n->filename);
    g_free(n->name);
    g_free(n);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Raw disk images on worker threads. See include/io/block.h.
 *
 * Workers are started on demand, up to MAX_WORKERS for each backend, and end after being idle. A
 * flush waits for the writes that were completed before it was submitted, which the host kernel
 * orders by itself; requests that overlap in time have no order, as on real disks.
 *
 * Lock: BlockBackend.lock for queue and counters, never held during I/O or callbacks.
 * Test: tests/unit/test-block.c
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/block.h"
#include "rhea/error.h"
#include "softmmu/opts.h"

#define MAX_WORKERS 8
#define MAX_PIECES  64 /* of guest memory in one call of the host */
#define IDLE_US     (10 * G_TIME_SPAN_SECOND)

struct BlockBackend {
    int fd;
    char *node;
    uint64_t offset, size;
    bool read_only, discard, synchronous, is_device;
    BlockCache cache;

    GMutex lock;
    GCond work;    /* a request came, or closing */
    GCond settled; /* in_flight or workers fell */
    BlockRequest *head, **tail;
    unsigned in_flight; /* queued or running */
    unsigned queued;
    unsigned workers, idle;
    bool closing;
};

/* ---- doing one request ---- */

/* Up to MAX_PIECES of iov, from byte `skip` of the first on; returns how many. */
static int pieces_take(struct iovec *part, const struct iovec *iov, int niov, size_t skip)
{
    int n = MIN(niov, MAX_PIECES);

    memcpy(part, iov, n * sizeof(part[0]));
    part[0].iov_base = (uint8_t *)part[0].iov_base + skip;
    part[0].iov_len -= skip;
    return n;
}

static int transfer(BlockBackend *b, BlockRequest *r, bool write)
{
    const struct iovec *iov = r->iov;
    int niov = r->niov;
    uint64_t at = b->offset + r->offset;
    size_t skip = 0; /* bytes of *iov that are done */

    for (;;) {
        struct iovec part[MAX_PIECES];

        while (niov > 0 && skip >= iov->iov_len) {
            skip -= iov->iov_len;
            iov++;
            niov--;
        }
        if (niov == 0) {
            return 0;
        }
        int n_part = pieces_take(part, iov, niov, skip);
        ssize_t n = write ? pwritev(b->fd, part, n_part, at) : preadv(b->fd, part, n_part, at);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        if (n == 0) {
            if (write) {
                return -ENOSPC;
            }
            /* The tail of an image that is no multiple of the sector size. */
            for (int i = 0; i < n_part; i++) {
                memset(part[i].iov_base, 0, part[i].iov_len);
                n += part[i].iov_len;
            }
        }
        at += n;
        skip += n;
    }
}

static int flush(BlockBackend *b)
{
    if (b->cache == BLOCK_CACHE_UNSAFE || b->read_only) {
        return 0;
    }
    return fdatasync(b->fd) < 0 ? -errno : 0;
}

static int punch(BlockBackend *b, uint64_t offset, uint64_t len)
{
    if (b->is_device) {
        uint64_t range[2] = {b->offset + offset, len};
        return ioctl(b->fd, BLKDISCARD, range) < 0 ? -errno : 0;
    }
    return fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, b->offset + offset, len) < 0
               ? -errno
               : 0;
}

static int write_zeroes(BlockBackend *b, BlockRequest *r)
{
    static const uint8_t zeroes[65536];
    uint64_t at = r->offset, left = r->len;

    if (!b->is_device) {
        int mode = r->unmap && b->discard ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
                                          : FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
        if (fallocate(b->fd, mode, b->offset + at, left) == 0) {
            return 0;
        }
        if (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS) {
            return -errno;
        }
    }
    while (left > 0) {
        struct iovec v = {(void *)zeroes, MIN(left, sizeof(zeroes))};
        BlockRequest piece = {.op = BLOCK_WRITE, .offset = at, .iov = &v, .niov = 1};
        int ret = transfer(b, &piece, true);
        if (ret < 0) {
            return ret;
        }
        at += v.iov_len;
        left -= v.iov_len;
    }
    return 0;
}

static bool in_range(const BlockBackend *b, const BlockRequest *r)
{
    uint64_t len = r->len;

    if (r->op == BLOCK_READ || r->op == BLOCK_WRITE) {
        len = 0;
        for (int i = 0; i < r->niov; i++) {
            len += r->iov[i].iov_len;
        }
    }
    return r->offset <= b->size && len <= b->size - r->offset;
}

static int perform(BlockBackend *b, BlockRequest *r)
{
    int ret;

    if (r->op != BLOCK_FLUSH && !in_range(b, r)) {
        return -EIO;
    }
    if (r->op != BLOCK_FLUSH && r->op != BLOCK_READ && b->read_only) {
        return -EROFS;
    }
    switch (r->op) {
    case BLOCK_READ:
        return transfer(b, r, false);
    case BLOCK_WRITE:
        ret = transfer(b, r, true);
        break;
    case BLOCK_FLUSH:
        return flush(b);
    case BLOCK_DISCARD:
        if (!b->discard) {
            return 0;
        }
        ret = punch(b, r->offset, r->len);
        /* A hint: storage that cannot do it is no error. */
        return ret == -EOPNOTSUPP || ret == -ENOTTY || ret == -EINVAL ? 0 : ret;
    case BLOCK_WRITE_ZEROES:
        ret = write_zeroes(b, r);
        break;
    default:
        return -ENOTSUP;
    }
    if (ret == 0 && (b->cache == BLOCK_CACHE_WRITETHROUGH || b->cache == BLOCK_CACHE_DIRECTSYNC)) {
        ret = flush(b);
    }
    return ret;
}

/* ---- workers ---- */

static void *worker(void *opaque)
{
    BlockBackend *b = opaque;

    g_mutex_lock(&b->lock);
    for (;;) {
        gint64 until = g_get_monotonic_time() + IDLE_US;
        bool timeout = false;
        while (!b->head && !b->closing && !timeout) {
            b->idle++;
            timeout = !g_cond_wait_until(&b->work, &b->lock, until);
            b->idle--;
        }
        BlockRequest *r = b->head;
        if (!r) {
            break;
        }
        b->head = r->next;
        b->queued--;
        if (!b->head) {
            b->tail = &b->head;
        }
        g_mutex_unlock(&b->lock);
        r->done(r, perform(b, r));
        g_mutex_lock(&b->lock);
        b->in_flight--;
        g_cond_broadcast(&b->settled);
    }
    b->workers--;
    g_cond_broadcast(&b->settled);
    g_mutex_unlock(&b->lock);
    return NULL;
}

void block_submit(BlockBackend *b, BlockRequest *r)
{
    if (b->synchronous) {
        r->done(r, perform(b, r));
        return;
    }
    g_mutex_lock(&b->lock);
    r->next = NULL;
    *b->tail = r;
    b->tail = &r->next;
    b->in_flight++;
    b->queued++;
    /* Those that were woken before are still counted as idle. */
    if (b->queued <= b->idle) {
        g_cond_signal(&b->work);
    } else if (b->workers < MAX_WORKERS) {
        b->workers++;
        g_thread_unref(g_thread_new("block I/O", worker, b));
    }
    g_mutex_unlock(&b->lock);
}

void block_drain(BlockBackend *b)
{
    g_mutex_lock(&b->lock);
    while (b->in_flight > 0) {
        g_cond_wait(&b->settled, &b->lock);
    }
    g_mutex_unlock(&b->lock);
}

int block_pread(BlockBackend *b, uint64_t offset, void *buf, size_t len)
{
    struct iovec v = {buf, len};

    return perform(b, &(BlockRequest){.op = BLOCK_READ, .offset = offset, .iov = &v, .niov = 1});
}

int block_pwrite(BlockBackend *b, uint64_t offset, const void *buf, size_t len)
{
    struct iovec v = {(void *)buf, len};

    return perform(b, &(BlockRequest){.op = BLOCK_WRITE, .offset = offset, .iov = &v, .niov = 1});
}

/* ---- opening ---- */

/*
 * Two programs must not write one image. An open-file-description lock on the whole file: shared by
 * readers, exclusive for a writer. Files that cannot be locked (some network file systems) are used
 * without.
 */
static bool lock_image(int fd, const BlockOptions *o, bool read_only, GError **err)
{
    struct flock l = {.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_SETLK, &l) == 0 || (errno != EAGAIN && errno != EACCES)) {
        return true;
    }
    rhea_error_set(err, "%s: Failed to get %s lock on '%s': is another process using the image?",
                   o->node, read_only ? "shared \"read\"" : "\"write\"", o->path);
    return false;
}

static bool measure(BlockBackend *b, const BlockOptions *o, GError **err)
{
    struct stat st;
    uint64_t size = 0;

    if (fstat(b->fd, &st) < 0) {
        rhea_error_set(err, "%s: Could not stat '%s': %s", o->node, o->path, g_strerror(errno));
        return false;
    }
    if (S_ISREG(st.st_mode)) {
        size = st.st_size;
    } else if (S_ISBLK(st.st_mode)) {
        b->is_device = true;
        if (ioctl(b->fd, BLKGETSIZE64, &size) < 0) {
            rhea_error_set(err, "%s: Could not get the size of '%s': %s", o->node, o->path,
                           g_strerror(errno));
            return false;
        }
    } else {
        rhea_error_set(err, "%s: '%s' is neither a regular file nor a block device", o->node,
                       o->path);
        return false;
    }
    if (o->offset > size || (o->size && o->size > size - o->offset)) {
        rhea_error_set(
            err, "%s: offset and size go beyond the end of '%s' (%" G_GUINT64_FORMAT " bytes)",
            o->node, o->path, size);
        return false;
    }
    b->offset = o->offset;
    b->size = o->size ? o->size : size - o->offset;
    /* Guests count in sectors; the tail of a file reads as zeroes. */
    b->size = (b->size + 511) & ~(uint64_t)511;
    return true;
}

BlockBackend *block_open(const BlockOptions *o, GError **err)
{
    bool read_only = o->read_only;
    int fd = open(o->path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

    if (fd < 0 && !read_only && o->auto_read_only && (errno == EACCES || errno == EROFS)) {
        read_only = true;
        fd = open(o->path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) {
        rhea_error_set(err, "%s: Could not open '%s': %s", o->node, o->path, g_strerror(errno));
        return NULL;
    }
    BlockBackend *b = g_new0(BlockBackend, 1);
    b->fd = fd;
    b->read_only = read_only;
    b->discard = o->discard && !read_only;
    b->synchronous = o->synchronous;
    b->cache = o->cache;
    b->node = g_strdup(o->node);
    b->tail = &b->head;
    g_mutex_init(&b->lock);
    g_cond_init(&b->work);
    g_cond_init(&b->settled);
    if (!measure(b, o, err) || (!o->no_lock && !lock_image(fd, o, read_only, err))) {
        block_close(b);
        return NULL;
    }
    return b;
}

static bool take_cache(OptDict *o, BlockCache *cache, GError **err)
{
    static const char *const names[] = {"writeback", "writethrough", "unsafe",
                                        "none",      "directsync",   NULL};
    int n = *cache;

    if (!opt_take_enum(o, "cache", names, &n, err)) {
        return false;
    }
    *cache = n;
    return true;
}

BlockBackend *block_open_drive(OptDict *o, bool synchronous, GError **err)
{
    static const char *const discards[] = {"ignore", "off", "unmap", "on", NULL};
    static const char *const lockings[] = {"on", "off", "auto", NULL};
    /* How requests reach the host is our own business; the other two can only be off. */
    static const char *const hints[] = {"aio",          "file.aio",       "copy-on-read",
                                        "cache.direct", "cache.no-flush", "detect-zeroes"};
    BlockOptions b = {.synchronous = synchronous};
    const char *id = opt_take(o, "id");
    const char *format = opt_take(o, "format");
    int discard = 0, locking = 2;
    bool snapshot = false;
    g_autofree char *node = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(hints); i++) {
        opt_mark_used(o, hints[i]);
    }
    b.path = opt_take(o, "file");
    node = g_strdup_printf("-drive %s", opt_location(o) ? opt_location(o)
                                        : id            ? id
                                        : b.path        ? b.path
                                                        : "");
    if (g_str_has_prefix(node, "-drive -drive")) {
        memmove(node, node + 7, strlen(node + 7) + 1);
    }
    b.node = node;
    if (!b.path) {
        rhea_error_set(err, "%s: file=PATH is missing", node);
        return NULL;
    }
    if (format && strcmp(format, "raw") != 0) {
        rhea_error_set(err, "%s: Unknown driver '%s': the only image format so far is raw", node,
                       format);
        return NULL;
    }
    if (!opt_take_bool(o, opt_get(o, "read-only") ? "read-only" : "readonly", &b.read_only, err) ||
        !opt_take_bool(o, "auto-read-only", &b.auto_read_only, err) ||
        !opt_take_bool(o, "snapshot", &snapshot, err) ||
        !opt_take_enum(o, "discard", discards, &discard, err) ||
        !opt_take_enum(o, "locking", lockings, &locking, err) || !take_cache(o, &b.cache, err) ||
        !opt_take_size(o, "offset", &b.offset, err) || !opt_take_size(o, "size", &b.size, err)) {
        return NULL;
    }
    if (snapshot) {
        rhea_error_set(
            err, "%s: snapshot=on needs an image format with overlays, which is not there yet",
            node);
        return NULL;
    }
    b.discard = discard >= 2;
    b.no_lock = locking == 1;
    return block_open(&b, err);
}

void block_close(BlockBackend *b)
{
    g_mutex_lock(&b->lock);
    b->closing = true;
    g_cond_broadcast(&b->work);
    while (b->in_flight > 0 || b->workers > 0) {
        g_cond_wait(&b->settled, &b->lock);
    }
    g_mutex_unlock(&b->lock);
    flush(b);
    close(b->fd);
    g_mutex_clear(&b->lock);
    g_cond_clear(&b->work);
    g_cond_clear(&b->settled);
    g_free(b->node);
    g_free(b);
}

uint64_t block_size(const BlockBackend *b)
{
    return b->size;
}

bool block_read_only(const BlockBackend *b)
{
    return b->read_only;
}

bool block_can_discard(const BlockBackend *b)
{
    return b->discard;
}

bool block_is_writeback(const BlockBackend *b)
{
    return b->cache == BLOCK_CACHE_WRITEBACK || b->cache == BLOCK_CACHE_UNSAFE ||
           b->cache == BLOCK_CACHE_NONE;
}

const char *block_node(const BlockBackend *b)
{
    return b->node;
}

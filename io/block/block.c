/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Disk images on worker threads: requests go to the top node of a graph (include/io/node.h). See
 * include/io/block.h.
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
#include <string.h>
#include <unistd.h>
#include "io/block.h"
#include "io/node.h"
#include "io/qcow2.h"
#include "io/throttle.h"
#include "rhea/error.h"
#include "softmmu/opts.h"

#define MAX_WORKERS 8
#define IDLE_US     (10 * G_TIME_SPAN_SECOND)
#define CANCELLED   (-1) /* BlockRequest.start */

struct BlockBackend {
    BlockNode *node;
    char *name;
    uint64_t size;
    bool read_only, discard, synchronous, copy_on_read;
    int detect_zeroes; /* off, on, unmap */
    BlockCache cache;

    GMutex lock;
    GCond work;       /* a request came, or closing */
    GCond settled;    /* in_flight or workers fell, */
    unsigned waiting; /* which so many wait for */
    BlockRequest *head, **tail;
    ThrottleGroup *throttle; /* or NULL */
    IoThread *iothread;      /* where requests end; NULL: where they were done */
    IoThread *ring;          /* with io_uring, for what it can do; or NULL */
    BlockTracker tracker;    /* before NULL: there is none */
    bool frozen;             /* requests that come wait in `held` */
    BlockStats stats;
    void (*resized)(void *opaque);
    void *resized_opaque;
    BlockRequest *held, **held_tail;
    BlockRequest *late, **late_tail; /* held back by it, in the order of their times */
    unsigned draining;               /* somebody waits: nothing is held back */
    unsigned in_flight;              /* queued or running */
    unsigned workers, idle;
    bool waking; /* one is on its way to the queue, and wakes the next if there is more */
    bool closing;
    unsigned cold, misses; /* block_read_now(): not tried so often; the last ones that failed */
};

/* ---- doing one request ---- */

/* Another one may take its place while requests are under way: block_replace(). */
static BlockNode *top_of(BlockBackend *b)
{
    return __atomic_load_n(&b->node, __ATOMIC_ACQUIRE);
}

static int flush(BlockBackend *b)
{
    return b->cache == BLOCK_CACHE_UNSAFE ? 0 : node_flush(top_of(b));
}

/* detect-zeroes: a write of nothing but zeroes needs no storage. */
static int write_data(BlockBackend *b, BlockRequest *r)
{
    bool zero = b->detect_zeroes;
    uint64_t len = 0;

    for (int i = 0; zero && i < r->niov; i++) {
        zero = buffer_is_zero(r->iov[i].iov_base, r->iov[i].iov_len);
        len += r->iov[i].iov_len;
    }
    return zero ? node_zero(top_of(b), r->offset, len, b->detect_zeroes == 2 && b->discard)
                : node_pwritev(top_of(b), r->offset, r->iov, r->niov);
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

static int change(BlockBackend *b, BlockRequest *r);

static int perform(BlockBackend *b, BlockRequest *r)
{
    if (r->op != BLOCK_FLUSH && !in_range(b, r)) {
        return -EIO;
    }
    if (r->op != BLOCK_FLUSH && r->op != BLOCK_READ && b->read_only) {
        return -EROFS;
    }
    if (r->op == BLOCK_READ) {
        int ret =
            b->copy_on_read ? node_copy_up(top_of(b), r->offset, iov_length(r->iov, r->niov)) : 0;
        return ret < 0 ? ret : node_preadv(top_of(b), r->offset, r->iov, r->niov);
    }
    if (r->op == BLOCK_FLUSH) {
        return flush(b);
    }
    uint64_t len = r->op == BLOCK_WRITE ? iov_length(r->iov, r->niov) : r->len;
    bool tracked = b->tracker.before && len > 0;
    if (tracked) {
        b->tracker.before(b->tracker.opaque, r->offset, len);
    }
    int ret = change(b, r);
    if (tracked) {
        b->tracker.after(b->tracker.opaque, r->offset, len);
    }
    return ret;
}

static int change(BlockBackend *b, BlockRequest *r)
{
    int ret;

    switch (r->op) {
    case BLOCK_WRITE:
        ret = write_data(b, r);
        break;
    case BLOCK_DISCARD:
        if (!b->discard) {
            return 0;
        }
        return node_discard(top_of(b), r->offset, r->len);
    case BLOCK_WRITE_ZEROES:
        ret = node_zero(top_of(b), r->offset, r->len, r->unmap && b->discard);
        break;
    default:
        return -ENOTSUP;
    }
    if (ret == 0 && (b->cache == BLOCK_CACHE_WRITETHROUGH || b->cache == BLOCK_CACHE_DIRECTSYNC)) {
        ret = flush(b);
    }
    return ret;
}

/* ---- ends ---- */

/* A broadcast is a system call, whether somebody waits or not. */
static void settled_locked(BlockBackend *b)
{
    if (b->waiting) {
        g_cond_broadcast(&b->settled);
    }
}

static void settled_wait_locked(BlockBackend *b)
{
    b->waiting++;
    g_cond_wait(&b->settled, &b->lock);
    b->waiting--;
}

static void request_end(BlockBackend *b, BlockRequest *r)
{
    r->done(r, r->ret);
    g_mutex_lock(&b->lock);
    b->in_flight--;
    settled_locked(b);
    g_mutex_unlock(&b->lock);
}

static BlockRequest *request_of(IoTransfer *x)
{
    return (BlockRequest *)((uint8_t *)x - offsetof(BlockRequest, transfer));
}

static void request_end_posted(IoWork *w)
{
    BlockRequest *r = request_of((IoTransfer *)w);

    request_end(r->backend, r);
}

/* ---- workers ---- */

/* Requests whose time has come go to the others; returns when the next one may, or `until`. */
static gint64 late_release(BlockBackend *b, gint64 until)
{
    gint64 now = b->late ? g_get_monotonic_time() : 0;

    while (b->late && (b->draining || b->closing || b->late->start <= now)) {
        BlockRequest *r = b->late;

        b->late = r->next;
        r->next = NULL;
        *b->tail = r;
        b->tail = &r->next;
    }
    if (!b->late) {
        b->late_tail = &b->late;
    }
    return b->late ? MIN(until, b->late->start) : until;
}

static void *worker(void *opaque);

/*
 * One more worker comes, unless one is coming already: that one sees what is queued meanwhile and
 * calls the next before it begins. So as many work as the host lets run, or wait for storage, and
 * none is woken to find that another has done its request.
 */
static void worker_wake_locked(BlockBackend *b)
{
    if (b->waking) {
        return;
    }
    if (b->idle > 0) {
        b->waking = true;
        g_cond_signal(&b->work);
    } else if (b->workers < MAX_WORKERS) {
        b->waking = true;
        b->workers++;
        g_thread_unref(g_thread_new("block I/O", worker, b));
    }
}

static void *worker(void *opaque)
{
    BlockBackend *b = opaque;

    g_mutex_lock(&b->lock);
    b->waking = false;
    for (;;) {
        gint64 until = g_get_monotonic_time() + IDLE_US;
        bool timeout = false;
        for (;;) {
            gint64 next = late_release(b, until);

            if (b->head || timeout || (b->closing && !b->late)) {
                break;
            }
            b->idle++;
            timeout = !g_cond_wait_until(&b->work, &b->lock, next) && next == until && !b->late;
            b->idle--;
            b->waking = false;
        }
        BlockRequest *r = b->head;
        if (!r) {
            break;
        }
        b->head = r->next;
        if (!b->head) {
            b->tail = &b->head;
        } else {
            worker_wake_locked(b);
        }
        g_mutex_unlock(&b->lock);
        r->ret = r->start == CANCELLED ? -ECANCELED : perform(b, r);
        if (b->iothread) {
            r->transfer.work.fn = request_end_posted;
            iothread_post(b->iothread, &r->transfer.work);
        } else {
            request_end(b, r);
        }
        g_mutex_lock(&b->lock);
    }
    b->workers--;
    settled_locked(b);
    g_mutex_unlock(&b->lock);
    return NULL;
}

/* With the lock: a worker is to do it. */
static void worker_submit_locked(BlockBackend *b, BlockRequest *r)
{
    r->next = NULL;
    r->start = b->throttle ? throttle_start(b->throttle, r) : 0;
    if (r->start && !b->draining) {
        *b->late_tail = r;
        b->late_tail = &r->next;
    } else {
        *b->tail = r;
        b->tail = &r->next;
    }
    worker_wake_locked(b); /* it looks after what is held back, too */
}

/* ---- the ring ---- */

static void ring_done(IoTransfer *x, int result)
{
    BlockRequest *r = request_of(x);
    BlockBackend *b = r->backend;

    if (result >= 0 && (x->op == IO_RING_FSYNC || (size_t)result == iov_length(x->iov, x->niov))) {
        r->ret = 0;
        request_end(b, r);
        return;
    }
    /* A part, the end of the file, or an error: a worker does all of it and knows what it means. */
    g_mutex_lock(&b->lock);
    worker_submit_locked(b, r);
    g_mutex_unlock(&b->lock);
}

static bool ring_takes(BlockBackend *b, BlockRequest *r)
{
    IoTransfer *x = &r->transfer;
    bool read = r->op == BLOCK_READ, write = r->op == BLOCK_WRITE;

    if (!b->ring || b->throttle || b->tracker.before || !(read || write || r->op == BLOCK_FLUSH) ||
        (write && (b->detect_zeroes || b->read_only || !block_is_writeback(b)))) {
        return false;
    }
    if ((read || write) && (!in_range(b, r) || r->niov < 1 || r->niov > IO_RING_PIECES)) {
        return false;
    }
    x->op = read ? IO_RING_READ : write ? IO_RING_WRITE : IO_RING_FSYNC;
    x->iov = read || write ? r->iov : NULL;
    x->niov = r->niov;
    x->done = ring_done;
    return node_plain(b->node, r->offset, x->iov, x->niov, write, &x->fd, &x->offset);
}

static void stats_count_locked(BlockBackend *b, const BlockRequest *r);

void block_submit(BlockBackend *b, BlockRequest *r)
{
    if (b->synchronous) {
        r->done(r, perform(b, r));
        return;
    }
    r->backend = b;
    g_mutex_lock(&b->lock);
    stats_count_locked(b, r);
    bool ring = !b->frozen && ring_takes(b, r);
    if (b->frozen) {
        r->next = NULL;
        *b->held_tail = r;
        b->held_tail = &r->next;
    } else {
        b->in_flight++;
    }
    if (!b->frozen && !ring) {
        worker_submit_locked(b, r);
    }
    g_mutex_unlock(&b->lock);
    if (ring) {
        iothread_transfer(b->ring, &r->transfer);
    }
}

/* What the host has in memory costs less to copy than to hand over, up to about this much. */
#define NOW_MAX      32768
#define NOW_COLD_MAX 64

bool block_read_now(BlockBackend *b, const BlockRequest *r)
{
    uint64_t at;
    size_t len = iov_length(r->iov, r->niov);
    int fd = -1;

    if (b->synchronous || b->throttle || len > NOW_MAX || r->niov > IO_RING_PIECES ||
        b->cache == BLOCK_CACHE_NONE || b->cache == BLOCK_CACHE_DIRECTSYNC) {
        return false;
    }
    g_mutex_lock(&b->lock);
    if (b->cold > 0) {
        b->cold--;
    } else if (!b->frozen && in_range(b, r) &&
               node_plain(b->node, r->offset, r->iov, r->niov, false, &fd, &at)) {
        b->in_flight++;
    }
    g_mutex_unlock(&b->lock);
    if (fd < 0) {
        return false;
    }
    bool done = preadv2(fd, r->iov, r->niov, at, RWF_NOWAIT) == (ssize_t)len;
    g_mutex_lock(&b->lock);
    b->in_flight--;
    if (done) {
        stats_count_locked(b, r);
    }
    b->misses = done ? 0 : MIN(b->misses * 2 + 1, NOW_COLD_MAX);
    b->cold = b->misses / 2;
    settled_locked(b);
    g_mutex_unlock(&b->lock);
    return done;
}

void block_quiesce(BlockBackend *b, void (*fn)(void *opaque), void *opaque)
{
    g_mutex_lock(&b->lock);
    while (b->frozen) {
        settled_wait_locked(b);
    }
    b->frozen = true;
    b->draining++;
    g_cond_broadcast(&b->work);
    while (b->in_flight > 0) {
        settled_wait_locked(b);
    }
    b->draining--;
    g_mutex_unlock(&b->lock);
    fn(opaque);
    g_mutex_lock(&b->lock);
    b->frozen = false;
    BlockRequest *r = b->held;
    b->held = NULL;
    b->held_tail = &b->held;
    while (r) {
        BlockRequest *next = r->next;

        b->in_flight++;
        worker_submit_locked(b, r);
        r = next;
    }
    settled_locked(b);
    g_mutex_unlock(&b->lock);
}

void block_track_quiesced(BlockBackend *b, const BlockTracker *t)
{
    b->tracker = t ? *t : (BlockTracker){0};
}

typedef struct NewTracker {
    BlockBackend *b;
    const BlockTracker *t;
} NewTracker;

static void tracker_set(void *opaque)
{
    NewTracker *n = opaque;

    block_track_quiesced(n->b, n->t);
}

void block_track(BlockBackend *b, const BlockTracker *t)
{
    block_quiesce(b, tracker_set, &(NewTracker){b, t});
}

BlockNode *block_replace(BlockBackend *b, BlockNode *n)
{
    return __atomic_exchange_n(&b->node, n, __ATOMIC_ACQ_REL);
}

void block_set_resized(BlockBackend *b, void (*fn)(void *opaque), void *opaque)
{
    b->resized = fn;
    b->resized_opaque = opaque;
}

typedef struct NewSize {
    BlockBackend *b;
    uint64_t size;
    GError **err;
    bool good;
} NewSize;

static void resize(void *opaque)
{
    NewSize *n = opaque;

    n->good = node_truncate(n->b->node, n->size, NODE_PREALLOC_OFF, n->err);
    if (n->good) {
        n->b->size = n->b->node->size;
    }
}

bool block_resize(BlockBackend *b, uint64_t size, GError **err)
{
    NewSize n = {b, size, err, false};

    block_quiesce(b, resize, &n);
    if (n.good && b->resized) {
        b->resized(b->resized_opaque);
    }
    return n.good;
}

static void stats_count_locked(BlockBackend *b, const BlockRequest *r)
{
    bool moves = r->op == BLOCK_READ || r->op == BLOCK_WRITE;

    b->stats.operations[r->op]++;
    b->stats.bytes[r->op] += moves ? iov_length(r->iov, r->niov) : r->len;
}

void block_stats(BlockBackend *b, BlockStats *s)
{
    g_mutex_lock(&b->lock);
    *s = b->stats;
    g_mutex_unlock(&b->lock);
}

void block_cancel(BlockBackend *b)
{
    g_mutex_lock(&b->lock);
    for (BlockRequest *r = b->head; r; r = r->next) {
        r->start = CANCELLED;
    }
    for (BlockRequest *r = b->late; r; r = r->next) {
        r->start = CANCELLED;
    }
    /* What is held for a tracker is submitted soon, and done. */
    g_cond_broadcast(&b->work);
    g_mutex_unlock(&b->lock);
}

void block_drain(BlockBackend *b)
{
    g_mutex_lock(&b->lock);
    b->draining++;
    g_cond_broadcast(&b->work);
    while (b->in_flight > 0 || b->held) {
        settled_wait_locked(b);
    }
    b->draining--;
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

static char *overlay_path(void)
{
    const char *dir = g_getenv("TMPDIR");

    return g_strdup_printf("%s/rhea-snapshot-XXXXXX", dir && *dir ? dir : "/var/tmp");
}

/* snapshot=on: writes go to a qcow2 file that nobody can name any more once it is open. */
static BlockNode *open_overlay(const NodeOptions *base, GError **err)
{
    g_autofree char *path = overlay_path();
    g_autofree char *full = node_path_absolute(base->path);
    NodeOptions o = *base;
    int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    BlockNode *n = NULL;

    if (fd < 0) {
        rhea_error_set(err, "Could not create temporary file '%s': %s", path, g_strerror(errno));
        return NULL;
    }
    close(fd);
    o.read_only = true;
    BlockNode *b = node_open(&o, err);
    if (b) {
        Qcow2Create c = {.size = b->size, .version = 3, .cluster_size = 65536, .refcount_bits = 16};
        NodeOptions top = {.path = path, .format = "qcow2", .no_backing = true, .no_flush = true};
        if (qcow2_create(path, &c, err)) {
            n = node_open(&top, err);
        }
        if (n) {
            n->backing = b;
        } else {
            node_close(b);
        }
    }
    unlink(path);
    return n;
}

BlockNode *block_open_node(const BlockOptions *o, GError **err)
{
    NodeOptions n = {
        .path = o->path,
        .format = o->probe || o->format ? o->format : "raw",
        .read_only = o->read_only,
        .auto_read_only = o->auto_read_only,
        .no_lock = o->no_lock,
        .share_write = o->share_write,
        .share_rw = o->share_rw,
        .no_flush = o->cache == BLOCK_CACHE_UNSAFE,
        .discard = o->discard,
        .direct = o->cache == BLOCK_CACHE_NONE || o->cache == BLOCK_CACHE_DIRECTSYNC,
        .data_file = o->data_file,
        .backing = o->backing,
        .backing_format = o->backing_format,
        .offset = o->offset,
        .size = o->size,
        .reconnect_delay = o->reconnect_delay,
        .open_timeout = o->open_timeout,
    };
    BlockNode *node = o->snapshot ? open_overlay(&n, err) : node_open(&n, err);

    if (!node) {
        rhea_error_prefix(err, "%s: ", o->node);
        return NULL;
    }
    if (node->probed && !node->read_only) {
        rhea_warn_report(
            "Image format was not specified for '%s' and probing guessed raw. Automatically "
            "detecting the format is dangerous for raw images, write operations on block "
            "0 will be restricted. Specify the 'raw' format explicitly to remove the "
            "restrictions.",
            o->path);
    }
    return node;
}

static bool ring_is_of_use(BlockNode *n)
{
    return n->drv == &block_driver_raw && n->file->drv == &block_driver_file;
}

/* b->ring is a thread, which gets a ring, or worker threads do the work. */
static void ring_start(BlockBackend *b, const char *aio)
{
    GError *why = NULL;

    if (!iothread_ring(b->ring, &why)) {
        rhea_warn_report("%s: aio=%s: %s: threads are used instead", b->name, aio, why->message);
        g_error_free(why);
        g_clear_pointer(&b->ring, iothread_unref);
    }
}

BlockBackend *block_open(const BlockOptions *o, GError **err)
{
    BlockNode *node = block_open_node(o, err);

    if (!node) {
        return NULL;
    }
    BlockBackend *b = g_new0(BlockBackend, 1);
    b->node = node;
    b->read_only = node->read_only;
    b->size = node->size;
    b->discard = o->discard && !node->read_only;
    b->detect_zeroes = o->detect_zeroes;
    b->copy_on_read = o->copy_on_read && !node->read_only;
    b->synchronous = o->synchronous;
    b->cache = o->snapshot ? BLOCK_CACHE_UNSAFE : o->cache;
    b->name = g_strdup(o->node);
    b->tail = &b->head;
    b->late_tail = &b->late;
    b->held_tail = &b->held;
    g_mutex_init(&b->lock);
    g_cond_init(&b->work);
    g_cond_init(&b->settled);
    if (o->aio != BLOCK_AIO_THREADS && !o->synchronous && ring_is_of_use(node)) {
        b->ring = iothread_new("block ring");
        ring_start(b, o->aio == BLOCK_AIO_NATIVE ? "native" : "io_uring");
    }
    return b;
}

void block_set_iothread(BlockBackend *b, IoThread *t)
{
    if (b->ring) {
        iothread_unref(b->ring);
        b->ring = iothread_ref(t);
        ring_start(b, "io_uring");
    }
    iothread_unref(b->iothread);
    b->iothread = t;
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

static bool take_seconds(OptDict *o, const char *key, unsigned *seconds, GError **err)
{
    uint64_t n = *seconds;

    if (!opt_take_u64(o, key, &n, err)) {
        return false;
    }
    if (n > 86400 * 365) {
        rhea_error_set(err, "%s= is in seconds", key);
        return false;
    }
    *seconds = n;
    return true;
}

static BlockBackend *open_drive(OptDict *o, bool synchronous, GError **err)
{
    static const char *const discards[] = {"ignore", "off", "unmap", "on", NULL};
    static const char *const lockings[] = {"on", "off", "auto", NULL};
    static const char *const zeroes_modes[] = {"off", "on", "unmap", NULL};
    static const char *const aios[] = {"threads", "native", "io_uring", NULL};
    /* Of caches and checks that are not there, or can only be off. */
    static const char *const hints[] = {
        "cache.writeback",      "cache.direct",          "cache.no-flush",
        "lazy-refcounts",       "l2-cache-size",         "refcount-cache-size",
        "cache-size",           "data-file.driver",      "backing.file.driver",
        "pass-discard-request", "pass-discard-snapshot", "pass-discard-other",
        "overlap-check"};
    BlockOptions b = {.synchronous = synchronous};
    const char *id = opt_take(o, "id");
    const char *format = opt_take(o, "format");
    int discard = 0, locking = 2, zeroes = 0, aio = BLOCK_AIO_THREADS;
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
    if (g_str_has_prefix(node, "-drive -")) {
        memmove(node, node + 7, strlen(node + 7) + 1);
    }
    b.node = node;
    if (!b.path) {
        rhea_error_set(err, "%s: file=PATH is missing", node);
        return NULL;
    }
    if (!opt_take_bool(o, opt_get(o, "read-only") ? "read-only" : "readonly", &b.read_only, err) ||
        !opt_take_bool(o, "auto-read-only", &b.auto_read_only, err) ||
        !opt_take_bool(o, "snapshot", &snapshot, err) ||
        !opt_take_bool(o, "force-share", &b.share_write, err) ||
        !opt_take_bool(o, DRIVE_SHARE_RW, &b.share_rw, err) ||
        !opt_take_bool(o, "copy-on-read", &b.copy_on_read, err) ||
        !opt_take_enum(o, "discard", discards, &discard, err) ||
        !opt_take_enum(o, "detect-zeroes", zeroes_modes, &zeroes, err) ||
        !opt_take_enum(o, "locking", lockings, &locking, err) ||
        !opt_take_enum(o, "file.aio", aios, &aio, err) ||
        !opt_take_enum(o, "aio", aios, &aio, err) || !take_cache(o, &b.cache, err) ||
        !opt_take_size(o, "offset", &b.offset, err) || !opt_take_size(o, "size", &b.size, err) ||
        !take_seconds(o, "reconnect-delay", &b.reconnect_delay, err) ||
        !take_seconds(o, "open-timeout", &b.open_timeout, err)) {
        return NULL;
    }
    if (aio == BLOCK_AIO_NATIVE && b.cache != BLOCK_CACHE_NONE &&
        b.cache != BLOCK_CACHE_DIRECTSYNC) {
        rhea_error_set(err,
                       "%s: aio=native was specified, but it requires cache.direct=on, which "
                       "was not specified.",
                       node);
        return NULL;
    }
    if (b.share_write && !b.read_only) {
        rhea_error_set(err, "%s: force-share=on can only be used with read-only images", node);
        return NULL;
    }
    b.aio = aio;
    b.format = format;
    b.probe = !format;
    b.data_file = opt_take(o, "data-file.filename");
    b.backing = opt_take(o, "backing.file.filename");
    b.backing_format = opt_take(o, "backing.driver");
    b.snapshot = snapshot;
    b.detect_zeroes = zeroes;
    b.discard = discard >= 2;
    b.no_lock = locking == 1;
    return block_open(&b, err);
}

BlockBackend *block_open_drive(OptDict *o, bool synchronous, GError **err)
{
    GError *why = NULL;
    ThrottleGroup *g = throttle_new(o, "throttling.", &why);
    BlockBackend *b = why ? NULL : open_drive(o, synchronous, &why);

    if (b) {
        block_set_throttle(b, g);
    } else {
        throttle_unref(g);
        g_propagate_error(err, why);
    }
    return b;
}

void block_set_throttle(BlockBackend *b, ThrottleGroup *g)
{
    throttle_unref(b->throttle);
    b->throttle = g;
}

BlockNode *block_release(BlockBackend *b)
{
    BlockNode *n = b->node;

    b->node = NULL;
    block_close(b);
    return n;
}

void block_close(BlockBackend *b)
{
    g_mutex_lock(&b->lock);
    b->closing = true;
    g_cond_broadcast(&b->work);
    while (b->in_flight > 0 || b->workers > 0) {
        settled_wait_locked(b);
    }
    g_mutex_unlock(&b->lock);
    iothread_unref(b->ring);
    iothread_unref(b->iothread);
    node_close(b->node);
    throttle_unref(b->throttle);
    g_mutex_clear(&b->lock);
    g_cond_clear(&b->work);
    g_cond_clear(&b->settled);
    g_free(b->name);
    g_free(b);
}

BlockNode *block_top(BlockBackend *b)
{
    return b->node;
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
    return b->name;
}

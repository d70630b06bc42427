/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Block jobs: each while a guest writes; pause, limit, cancel, errors; and the end of the program
 * at any write of a job that fills an image: what the image shows stays the same, and the job can
 * be done again.
 */
#include "io/job.h"
#include "io/qcow2.h"
#include "tests/unit/folder.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SIZE    (4u << 20)
#define UNIT    4096
#define UNITS   (SIZE / UNIT)
#define WRITERS 4

typedef struct Disk {
    char *dir;
    uint8_t *model; /* what the source shows */
    GRand *r;
} Disk;

static char *file_of(Disk *d, const char *name)
{
    return g_build_filename(d->dir, name, NULL);
}

static void disk_open(Disk *d)
{
    d->dir = folder_make();
    d->model = g_malloc0(SIZE);
    d->r = g_rand_new_with_seed(11);
}

static void disk_close(Disk *d)
{
    folder_remove(d->dir);
    g_free(d->model);
    g_rand_free(d->r);
}

static void image_make(Disk *d, const char *name, const char *backing)
{
    g_autofree char *path = file_of(d, name);
    Qcow2Create c = {.size = SIZE,
                     .version = 3,
                     .cluster_size = 65536,
                     .refcount_bits = 16,
                     .backing = backing,
                     .backing_format = backing ? "qcow2" : NULL};
    GError *err = NULL;

    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    g_assert_true(qcow2_create(path, &c, &err));
    g_assert_no_error(err);
}

static BlockNode *image_open(Disk *d, const char *name, bool read_only, bool alone)
{
    g_autofree char *path = file_of(d, name);
    GError *err = NULL;
    BlockNode *n = node_open(&(NodeOptions){.path = path,
                                            .format = "qcow2",
                                            .read_only = read_only,
                                            .no_backing = alone,
                                            .no_lock = true,
                                            .discard = true},
                             &err);

    g_assert_no_error(err);
    return n;
}

static BlockBackend *backend_open(Disk *d, const char *name)
{
    g_autofree char *path = file_of(d, name);
    GError *err = NULL;
    BlockBackend *b = block_open(
        &(BlockOptions){
            .path = path, .format = "qcow2", .node = "test", .no_lock = true, .discard = true},
        &err);

    g_assert_no_error(err);
    return b;
}

/* Data in some places, zeroes in others; the model follows. */
static void image_fill(Disk *d, const char *name)
{
    BlockNode *n = image_open(d, name, false, false);
    g_autofree uint8_t *buf = g_malloc(UNIT * 20);

    for (unsigned i = 0; i < 12; i++) {
        unsigned units = g_rand_int_range(d->r, 1, 20), at = g_rand_int_range(d->r, 0, UNITS - 20);

        if (i % 4 == 3) {
            memset(d->model + at * UNIT, 0, units * UNIT);
            g_assert_cmpint(node_zero(n, at * UNIT, units * UNIT, true), ==, 0);
        } else {
            memset(buf, g_rand_int_range(d->r, 1, 256), units * UNIT);
            memcpy(d->model + at * UNIT, buf, units * UNIT);
            g_assert_cmpint(node_pwrite(n, at * UNIT, buf, units * UNIT), ==, 0);
        }
    }
    node_close(n);
}

static void chain_make(Disk *d)
{
    image_make(d, "base", NULL);
    image_fill(d, "base");
    image_make(d, "mid", "base");
    image_fill(d, "mid");
    image_make(d, "top", "mid");
    image_fill(d, "top");
}

static void shows(BlockNode *n, const uint8_t *model)
{
    g_autofree uint8_t *buf = g_malloc(SIZE);

    g_assert_cmpint(node_pread(n, 0, buf, SIZE), ==, 0);
    g_assert_cmpint(memcmp(buf, model, SIZE), ==, 0);
}

static void image_shows(Disk *d, const char *name, bool alone, const uint8_t *model)
{
    BlockNode *n = image_open(d, name, true, alone);

    shows(n, model);
    node_close(n);
}

static void image_is_clean(Disk *d, const char *name, bool repair)
{
    BlockNode *n = image_open(d, name, !repair, true);
    Qcow2Check c = {0};
    GError *err = NULL;

    g_assert_true(qcow2_check(n, &c, repair, false, &err));
    g_assert_no_error(err);
    g_assert_cmpuint(c.corruptions, ==, 0);
    node_close(n);
}

/* ---- a guest that writes ---- */

typedef struct Writer {
    BlockBackend *b;
    uint8_t *model;
    unsigned n; /* writes units n, n + WRITERS ... */
    gint *stop;
    GThread *thread;
    unsigned writes;
    BlockRequest r;
    GMutex lock;
    GCond cond;
    bool done;
} Writer;

static void write_done(BlockRequest *r, int ret)
{
    Writer *w = r->opaque;

    g_mutex_lock(&w->lock);
    g_assert_cmpint(ret, ==, 0);
    w->done = true;
    g_cond_signal(&w->cond);
    g_mutex_unlock(&w->lock);
}

static gpointer writer_thread(gpointer opaque)
{
    Writer *w = opaque;
    uint8_t buf[UNIT];
    struct iovec v = {buf, UNIT};
    GRand *r = g_rand_new_with_seed(w->n);

    while (!g_atomic_int_get(w->stop)) {
        unsigned unit = g_rand_int_range(r, 0, UNITS / WRITERS) * WRITERS + w->n;
        bool zero = g_rand_int_range(r, 0, 8) == 0;

        memset(buf, zero ? 0 : g_rand_int_range(r, 1, 256), UNIT);
        memcpy(w->model + unit * UNIT, buf, UNIT);
        w->r = (BlockRequest){.op = zero ? BLOCK_WRITE_ZEROES : BLOCK_WRITE,
                              .unmap = true,
                              .offset = unit * UNIT,
                              .len = UNIT,
                              .iov = &v,
                              .niov = 1,
                              .done = write_done,
                              .opaque = w};
        w->done = false;
        block_submit(w->b, &w->r);
        g_mutex_lock(&w->lock);
        while (!w->done) {
            g_cond_wait(&w->cond, &w->lock);
        }
        g_mutex_unlock(&w->lock);
        w->writes++;
    }
    g_rand_free(r);
    return NULL;
}

static void writers_start(Writer *w, BlockBackend *b, uint8_t *model, gint *stop)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        w[i] = (Writer){.b = b, .model = model, .n = i, .stop = stop};
        w[i].thread = g_thread_new("writer", writer_thread, &w[i]);
    }
}

static void writers_stop(Writer *w, gint *stop)
{
    g_atomic_int_set(stop, 1);
    for (unsigned i = 0; i < WRITERS; i++) {
        g_thread_join(w[i].thread);
        g_assert_cmpuint(w[i].writes, >, 0);
    }
}

/* ---- jobs under load ---- */

static void status_wait(Job *j, JobStatus s)
{
    JobInfo i;

    for (unsigned n = 0; job_info(j, &i), i.status != s; n++) {
        g_assert_cmpuint(n, <, 30000);
        g_usleep(1000);
    }
}

typedef struct Pivot {
    BlockNode *from, *to;
    bool called;
} Pivot;

/* The writes stand still: both must show the same. */
static void pivot(void *opaque)
{
    Pivot *p = opaque;
    g_autofree uint8_t *a = g_malloc(SIZE), *b = g_malloc(SIZE);

    g_assert_cmpint(node_pread(p->from, 0, a, SIZE), ==, 0);
    g_assert_cmpint(node_pread(p->to, 0, b, SIZE), ==, 0);
    g_assert_cmpint(memcmp(a, b, SIZE), ==, 0);
    p->called = true;
}

static void test_mirror(gconstpointer cancel)
{
    Disk d;
    Writer w[WRITERS];
    gint stop = 0;
    GError *err = NULL;

    disk_open(&d);
    chain_make(&d);
    image_make(&d, "out", NULL);
    BlockBackend *b = backend_open(&d, "top");
    BlockNode *out = image_open(&d, "out", false, true);
    Pivot p = {block_top(b), out, false};
    Job *j = job_new(&(JobOptions){.kind = JOB_MIRROR,
                                   .id = "m",
                                   .backend = b,
                                   .source = block_top(b),
                                   .target = out,
                                   .pivot = pivot,
                                   .opaque = &p},
                     &err);
    g_assert_no_error(err);
    g_assert_false(job_complete(j, &err));
    g_clear_error(&err);
    writers_start(w, b, d.model, &stop);
    job_start(j);
    status_wait(j, JOB_READY);
    g_usleep(50000);
    if (cancel) {
        job_cancel(j, false);
    } else {
        g_assert_true(job_complete(j, &err));
    }
    g_assert_cmpint(job_wait(j), ==, 0);
    g_assert_cmpint(p.called, ==, !cancel);
    writers_stop(w, &stop);
    job_free(j);
    shows(block_top(b), d.model);
    node_close(out);
    block_close(b);
    image_is_clean(&d, "out", false);
    disk_close(&d);
}

static void test_backup(void)
{
    Disk d;
    Writer w[WRITERS];
    gint stop = 0;
    GError *err = NULL;

    disk_open(&d);
    chain_make(&d);
    image_make(&d, "out", NULL);
    g_autofree uint8_t *then = g_memdup2(d.model, SIZE);
    BlockBackend *b = backend_open(&d, "top");
    BlockNode *out = image_open(&d, "out", false, true);
    Job *j = job_new(&(JobOptions){.kind = JOB_BACKUP,
                                   .backend = b,
                                   .source = block_top(b),
                                   .target = out,
                                   .speed = 16 << 20},
                     &err);
    g_assert_no_error(err);
    job_start(j);
    status_wait(j, JOB_RUNNING);
    g_usleep(10000); /* the tracker is there: writes from now on */
    writers_start(w, b, d.model, &stop);
    g_assert_cmpint(job_wait(j), ==, 0);
    writers_stop(w, &stop);
    job_free(j);
    shows(block_top(b), d.model);
    shows(out, then);
    node_close(out);
    block_close(b);
    disk_close(&d);
}

static void test_stream(void)
{
    Disk d;
    Writer w[WRITERS];
    gint stop = 0;
    GError *err = NULL;

    disk_open(&d);
    chain_make(&d);
    BlockBackend *b = backend_open(&d, "top");
    Job *j = job_new(&(JobOptions){.kind = JOB_STREAM, .backend = b, .source = block_top(b)}, &err);
    g_assert_no_error(err);
    writers_start(w, b, d.model, &stop);
    job_start(j);
    g_assert_cmpint(job_wait(j), ==, 0);
    writers_stop(w, &stop);
    job_free(j);
    block_close(b);
    image_shows(&d, "top", false, d.model);
    image_shows(&d, "top", true, d.model);
    image_is_clean(&d, "top", false);
    disk_close(&d);
}

/* A driver whose reads stand still at a gate. */
static struct {
    BlockDriver drv;
    GMutex lock;
    GCond cond;
    bool open;
    unsigned waiting;
} gate;

static int gate_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    g_mutex_lock(&gate.lock);
    gate.waiting++;
    g_cond_broadcast(&gate.cond);
    while (!gate.open) {
        g_cond_wait(&gate.cond, &gate.lock);
    }
    g_mutex_unlock(&gate.lock);
    return block_driver_file.preadv(n, off, iov, niov, len);
}

static void gate_done(BlockRequest *r, int ret)
{
    g_assert_cmpint(ret, ==, 0);
    g_atomic_int_set((gint *)r->opaque, 1);
}

/* A write to what is being filled comes after it: old data never lands on new. */
static void test_stream_order(void)
{
    Disk d;
    GError *err = NULL;
    gint done = 0;
    g_autofree uint8_t *buf = g_malloc(65536);
    struct iovec v = {buf, 65536};
    BlockRequest r = {.op = BLOCK_WRITE, .iov = &v, .niov = 1, .done = gate_done, .opaque = &done};

    disk_open(&d);
    image_make(&d, "base", NULL);
    BlockNode *base = image_open(&d, "base", false, true);
    memset(d.model, 0x11, SIZE);
    g_assert_cmpint(node_pwrite(base, 0, d.model, SIZE), ==, 0);
    node_close(base);
    image_make(&d, "top", "base");
    BlockBackend *b = backend_open(&d, "top");
    BlockNode *file = block_top(b)->backing->file;
    g_assert_cmpint(node_pread(block_top(b), 0, buf, 512), ==, 0); /* tables are in memory */
    gate.drv = block_driver_file;
    gate.drv.preadv = gate_preadv;
    file->drv = &gate.drv;
    Job *j = job_new(&(JobOptions){.kind = JOB_STREAM, .backend = b, .source = block_top(b)}, &err);
    g_assert_no_error(err);
    job_start(j);
    g_mutex_lock(&gate.lock);
    while (gate.waiting == 0) {
        g_cond_wait(&gate.cond, &gate.lock);
    }
    g_mutex_unlock(&gate.lock);
    memset(buf, 0x22, 65536);
    memcpy(d.model, buf, 65536);
    block_submit(b, &r);
    g_usleep(150000);
    g_assert_cmpint(g_atomic_int_get(&done), ==, 0);
    g_mutex_lock(&gate.lock);
    gate.open = true;
    g_cond_broadcast(&gate.cond);
    g_mutex_unlock(&gate.lock);
    g_assert_cmpint(job_wait(j), ==, 0);
    block_drain(b);
    g_assert_cmpint(g_atomic_int_get(&done), ==, 1);
    job_free(j);
    file->drv = &block_driver_file;
    block_close(b);
    image_shows(&d, "top", true, d.model);
    disk_close(&d);
}

static void test_commit(void)
{
    Disk d;
    GError *err = NULL;

    disk_open(&d);
    chain_make(&d);
    BlockNode *top = image_open(&d, "top", true, false);
    BlockNode *base = top->backing->backing, *to = image_open(&d, "base", false, false);
    Job *j =
        job_new(&(JobOptions){.kind = JOB_COMMIT, .source = top, .base = base, .target = to}, &err);
    g_assert_no_error(err);
    g_assert_cmpint(job_run(j), ==, 0);
    job_free(j);
    shows(to, d.model);
    node_close(to);
    node_close(top);
    disk_close(&d);
}

/* ---- control ---- */

static void test_control(void)
{
    Disk d;
    GError *err = NULL;
    JobInfo i, k;

    disk_open(&d);
    chain_make(&d);
    image_make(&d, "out", NULL);
    BlockNode *top = image_open(&d, "top", true, false), *out = image_open(&d, "out", false, true);
    JobOptions o = {.kind = JOB_MIRROR, .id = "j", .source = top, .target = out, .speed = 1 << 20};
    Job *j = job_new(&o, &err);
    g_assert_no_error(err);
    gint64 begin = g_get_monotonic_time();
    job_start(j);
    g_usleep(300000);
    job_info(j, &i);
    g_assert_cmpuint(i.total, ==, SIZE);
    g_assert_cmpuint(i.done, >, 0);
    g_assert_cmpuint(i.done, <, SIZE / 2); /* 4 MiB at 1 MiB a second */
    g_assert_cmpstr(i.id, ==, "j");
    job_pause(j);
    job_pause(j);
    status_wait(j, JOB_PAUSED);
    job_info(j, &i);
    job_resume(j);
    g_usleep(100000);
    job_info(j, &k);
    g_assert_cmpint(k.status, ==, JOB_PAUSED);
    g_assert_cmpuint(k.done, ==, i.done);
    job_resume(j);
    job_set_speed(j, 0);
    status_wait(j, JOB_READY);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 3 * G_USEC_PER_SEC);
    shows(out, d.model);
    job_pause(j);
    job_cancel(j, true);
    g_assert_cmpint(job_wait(j), ==, -ECANCELED);
    job_info(j, &i);
    g_assert_cmpint(i.ret, ==, -ECANCELED);
    job_free(j);
    /* A paused one can be cancelled. */
    j = job_new(&o, &err);
    job_pause(j);
    job_start(j);
    status_wait(j, JOB_PAUSED);
    job_cancel(j, false);
    g_assert_cmpint(job_wait(j), ==, -ECANCELED);
    job_free(j);
    /* What does not go together. */
    o.granularity = 1000;
    g_assert_null(job_new(&o, &err));
    g_clear_error(&err);
    o.granularity = 0;
    o.target = top;
    g_assert_null(job_new(&o, &err));
    g_assert_cmpstr(err->message, ==, "Block node is read-only");
    g_clear_error(&err);
    node_close(out);
    node_close(top);
    disk_close(&d);
}

/* ---- the program ends at any write ---- */

static struct {
    BlockDriver drv;
    int left; /* writes until the end */
    unsigned seen;
} crash;

static bool gone(void)
{
    crash.seen++;
    return crash.left == 0 || --crash.left == 0;
}

static int crash_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    return gone() ? -EIO : block_driver_file.pwritev(n, off, iov, niov, len);
}

static int crash_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap)
{
    return gone() ? -EIO : block_driver_file.zero(n, off, len, unmap);
}

static int crash_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    return gone() ? -EIO : block_driver_file.discard(n, off, len);
}

static bool crash_truncate(BlockNode *n, uint64_t size, NodePrealloc how, GError **err)
{
    if (gone()) {
        g_set_error(err, 1, 1, "the program is over");
        return false;
    }
    return block_driver_file.truncate(n, size, how, err);
}

/* From the left-th write of the image's file on nothing reaches it. */
static void crash_at(BlockNode *n, int left)
{
    crash.drv = block_driver_file;
    crash.drv.pwritev = crash_pwritev;
    crash.drv.zero = crash_zero;
    crash.drv.discard = crash_discard;
    crash.drv.truncate = crash_truncate;
    crash.left = left;
    crash.seen = 0;
    n->file->drv = &crash.drv;
}

/* True: the job was through before the end. */
static bool stream_until(Disk *d, int left)
{
    BlockNode *top = image_open(d, "top", false, false);

    crash_at(top, left);
    Job *j = job_new(&(JobOptions){.kind = JOB_STREAM, .source = top}, NULL);
    int ret = job_run(j);
    job_free(j);
    node_close(top);
    return ret == 0 && crash.left > 0;
}

static bool commit_until(Disk *d, int left)
{
    BlockNode *top = image_open(d, "top", true, false);
    BlockNode *to = image_open(d, "base", false, true);

    crash_at(to, left);
    Job *j = job_new(
        &(JobOptions){
            .kind = JOB_COMMIT, .source = top, .base = top->backing->backing, .target = to},
        NULL);
    int ret = job_run(j);
    job_free(j);
    node_close(to);
    node_close(top);
    return ret == 0 && crash.left > 0;
}

/* Each time the image starts from where it was left: the job goes on. */
static void test_crash(gconstpointer opaque)
{
    bool (*until)(Disk * d, int left) = opaque;
    bool stream = until == stream_until;
    const char *changed = stream ? "top" : "base";
    Disk d;

    disk_open(&d);
    chain_make(&d);
    for (int left = 1; left < 2000; left++) {
        bool through = until(&d, left);

        /* Leaks are what may be left behind. */
        image_is_clean(&d, changed, left % 5 == 0);
        image_shows(&d, "top", false, d.model);
        if (through) {
            image_shows(&d, changed, true, d.model);
            image_is_clean(&d, changed, true);
            disk_close(&d);
            return;
        }
    }
    g_assert_not_reached();
}

/* ---- bitmaps ---- */

static void test_bitmap(void)
{
    DirtyBitmap *a = bitmap_new("a", SIZE - 1, 4096), *b = bitmap_new("b", SIZE - 1, 65536);

    a->enabled = true;
    a->next = b;
    bitmaps_mark(a, 4095, 2);
    bitmaps_mark(a, SIZE - 2, 100); /* beyond the end */
    bitmaps_mark(a, SIZE * 2, 1);
    g_assert_cmpuint(bitmap_count(a), ==, 3 * 4096);
    g_assert_cmpuint(bitmap_count(b), ==, 0);
    g_assert_true(bitmap_any(a, 0, 1) && bitmap_any(a, 8191, 1) && !bitmap_any(a, 8192, 4096));
    g_assert_true(bitmap_any(a, SIZE - 2, 1) && !bitmap_any(a, SIZE - 2, 0));
    bitmap_merge(b, a);
    g_assert_cmpuint(bitmap_count(b), ==, 2 * 65536);
    DirtyBitmap *c = bitmap_copy(b);
    bitmap_clear(b);
    g_assert_true(!bitmap_any(b, 0, SIZE) && bitmap_any(c, 0, 1));
    bitmap_merge(a, c);
    g_assert_cmpuint(bitmap_count(a), ==, 2 * 65536);
    bitmaps_resize(a, 4096);
    g_assert_cmpuint(bitmap_count(a), ==, 4096);
    bitmaps_resize(a, SIZE);
    g_assert_cmpuint(bitmap_count(a), ==, 4096);
    g_assert_true(!bitmap_any(a, 65536, SIZE - 65536));
    g_assert_true(bitmap_find(a, "b") == b && !bitmap_find(a, "c"));
    bitmap_free(c);
    bitmaps_free(a);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/job/mirror/complete", NULL, test_mirror);
    g_test_add_data_func("/job/mirror/cancel", "", test_mirror);
    g_test_add_func("/job/bitmap", test_bitmap);
    g_test_add_func("/job/backup", test_backup);
    g_test_add_func("/job/stream", test_stream);
    g_test_add_func("/job/stream-order", test_stream_order);
    g_test_add_func("/job/commit", test_commit);
    g_test_add_func("/job/control", test_control);
    g_test_add_data_func("/job/crash/stream", stream_until, test_crash);
    g_test_add_data_func("/job/crash/commit", commit_until, test_crash);
    return g_test_run();
}

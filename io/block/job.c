/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Block jobs. See include/io/job.h.
 *
 * All go over the disk in granules, each of which has a byte in `state`:
 *   mirror   DIRTY: to be copied. It is BUSY during the copy, and a write sets it when it is
 *            done, so a write that falls into a copy makes it be copied again. With write_blocking
 *            the write copies it at once instead, after the copy that is under way.
 *   backup   a write first has its granules copied (BUSY meanwhile: one at a time for each).
 *   stream   BUSY: being filled. A write that touches it waits, and the filling waits for those
 *            that are under way (`writes`), so that old data never lands on new.
 * A guest's write waits on a worker of its backend, never on a vCPU.
 *
 * Lock: Job.lock, not held during I/O. Test: tests/unit/test-job.c
 */
#include "io/job.h"

#include <errno.h>
#include <string.h>

#include "rhea/error.h"

#define GRANULE     65536
#define USEC        G_USEC_PER_SEC
/* Between an error that is ignored and the next try. */
#define IGNORE_TIME (USEC / 10)

enum { CLEAN, DIRTY, BUSY };

typedef struct Range {
    uint64_t off, len;
} Range;

struct Job {
    JobOptions o;
    char *id;
    GThread *thread;
    GMutex lock;
    GCond cond; /* anything below changed */
    JobStatus status;
    unsigned pauses;
    bool cancelled, completing, pivoting, begun;
    bool halted; /* one of the pauses is for an error, */
    int error;   /* this one */
    int ret;
    uint64_t done, total;
    double next; /* monotonic microseconds when the limit lets the next piece go */
    uint8_t *state;
    uint64_t n_granules, dirty, cursor;
    GArray *writes; /* Range: the guest's, under way */
    bool gate;      /* the guest's writes wait */
    uint8_t *buf;
    bool moved; /* stream, commit: the piece was no hole. The job's thread's. */
};

/* ---- pieces ---- */

static Range granule(const Job *j, uint64_t i)
{
    uint64_t off = i * j->o.granularity;

    return (Range){off, MIN(j->o.granularity, j->o.source->size - off)};
}

static bool overlaps(Range a, Range b)
{
    return a.off < b.off + b.len && b.off < a.off + a.len;
}

/* A piece of work; *write: it was a write that failed. */
typedef int Piece(Job *j, Range r, uint8_t *buf, bool *write);

/* Bytes at a range, or zeroes; holes stay holes. */
static int transfer(BlockNode *from, BlockNode *to, uint64_t at, const NodeExtent *e, uint8_t *buf,
                    bool *write)
{
    int ret = e->zero ? 0 : node_pread(from, at, buf, e->len);

    *write = ret == 0;
    return ret < 0   ? ret
           : e->zero ? node_zero(to, at, e->len, true)
                     : node_pwrite(to, at, buf, e->len);
}

/* What the source shows at a range, to the target. */
static int copy_out(Job *j, Range r, uint8_t *buf, bool *write)
{
    BlockNode *from = j->o.source;
    NodeExtent e;
    int ret = 0;

    for (uint64_t at = r.off, end = r.off + r.len; ret == 0 && at < end; at += e.len) {
        *write = false;
        ret = node_status_chain(from, NULL, at, end - at, &e, NULL, NULL);
        ret = ret < 0 ? ret : transfer(from, j->o.target, at, &e, buf, write);
    }
    return ret;
}

/* What the chain above the base holds, to the target. */
static int commit_out(Job *j, Range r, uint8_t *buf, bool *write)
{
    NodeExtent e;
    int ret = 0;

    for (uint64_t at = r.off, end = r.off + r.len; ret == 0 && at < end; at += e.len) {
        *write = false;
        ret = node_status_chain(j->o.source, j->o.base, at, end - at, &e, NULL, NULL);
        if (ret == 0 && e.allocated) {
            j->moved = true;
            ret = transfer(j->o.source, j->o.target, at, &e, buf, write);
        }
    }
    return ret;
}

/* What the source itself does not hold and the chain below, above the base, does, into it. */
static int stream_in(Job *j, Range r, uint8_t *buf, bool *write)
{
    BlockNode *to = j->o.source;
    NodeExtent e, below;
    int ret = 0;

    for (uint64_t at = r.off, end = r.off + r.len; ret == 0 && at < end; at += e.len) {
        *write = false;
        ret = node_status(to, at, end - at, &e);
        if (ret < 0 || e.allocated || !to->backing || at >= to->backing->size) {
            continue;
        }
        e.len = MIN(e.len, to->backing->size - at);
        ret = node_status_chain(to->backing, j->o.base, at, e.len, &below, NULL, NULL);
        if (ret < 0) {
            continue;
        }
        e.len = below.len;
        if (below.allocated) {
            j->moved = true;
            ret = transfer(to->backing, to, at, &below, buf, write);
        }
    }
    return ret;
}

/* ---- status, pauses, errors ---- */

static void status_set_locked(Job *j, JobStatus s)
{
    bool changed = j->status != s;

    j->status = s;
    g_cond_broadcast(&j->cond);
    if (changed && j->o.changed) {
        j->o.changed(j->o.opaque, s);
    }
}

/* Between two pieces: pauses, the limit. False: it was cancelled, or has failed elsewhere. */
static bool point(Job *j)
{
    g_mutex_lock(&j->lock);
    while (!j->cancelled && j->ret == 0) {
        gint64 now = g_get_monotonic_time();

        if (j->pauses > 0) {
            JobStatus was = j->status;

            status_set_locked(j, JOB_PAUSED);
            while (j->pauses > 0 && !j->cancelled && j->ret == 0) {
                g_cond_wait(&j->cond, &j->lock);
            }
            status_set_locked(j, was);
        } else if (j->o.speed && j->next > now) {
            g_cond_wait_until(&j->cond, &j->lock, (gint64)j->next);
        } else {
            break;
        }
    }
    bool go = !j->cancelled && j->ret == 0;
    g_mutex_unlock(&j->lock);
    return go;
}

/* A piece is done: the limit and the progress count it, if they are to. */
static void count(Job *j, uint64_t len, bool progress, bool limit)
{
    g_mutex_lock(&j->lock);
    if (j->o.speed && limit) {
        j->next = MAX(j->next, g_get_monotonic_time()) + (double)len / j->o.speed * USEC;
    }
    j->done += progress ? len : 0;
    uint64_t done = j->done, total = j->total;
    g_mutex_unlock(&j->lock);
    if (j->o.progress) {
        j->o.progress(j->o.opaque, done, total);
    }
}

/*
 * A piece failed. True: it is to be tried again; on the job's thread (own) that may be a while
 * later. False: the job is at its end. A guest's write waits for nothing here: a backup that misses
 * what it overwrites is lost, whatever was asked for.
 */
static bool try_again(Job *j, bool write, int ret, bool own)
{
    JobOnError action = write ? j->o.on_target_error : j->o.on_source_error;

    if (action == JOB_ON_ERROR_ENOSPC) {
        action = ret == -ENOSPC ? JOB_ON_ERROR_STOP : JOB_ON_ERROR_REPORT;
    }
    if (!own && j->o.kind == JOB_BACKUP) {
        action = JOB_ON_ERROR_REPORT;
    }
    g_mutex_lock(&j->lock);
    bool go = !j->cancelled && j->ret == 0;
    if (go && j->o.error) {
        j->o.error(j->o.opaque, write, -ret, action);
    }
    if (go && action == JOB_ON_ERROR_REPORT) {
        j->ret = ret;
        g_cond_broadcast(&j->cond);
    } else if (go && action == JOB_ON_ERROR_IGNORE) {
        gint64 until = g_get_monotonic_time() + IGNORE_TIME;

        while (own && !j->cancelled && g_cond_wait_until(&j->cond, &j->lock, until)) {
        }
    } else if (go && !j->halted) {
        j->halted = true;
        j->error = -ret;
        j->pauses++;
        g_cond_broadcast(&j->cond);
    }
    go = !j->cancelled && j->ret == 0;
    g_mutex_unlock(&j->lock);
    return own ? point(j) : go;
}

/* What ends a job early. */
static int early(const Job *j)
{
    return j->ret < 0 ? j->ret : -ECANCELED;
}

static int flush_all(Job *j, BlockNode *n)
{
    int ret;

    while ((ret = node_flush(n)) < 0 && try_again(j, true, ret, true)) {
    }
    return ret < 0 ? early(j) : 0;
}

/* ---- the guest's writes, on workers of its backend ---- */

/* First and last granule of a range. */
static void granules_of(const Job *j, Range r, uint64_t *first, uint64_t *last)
{
    *first = r.off / j->o.granularity;
    *last = MIN((r.off + r.len - 1) / j->o.granularity, j->n_granules - 1);
}

/* Backup: this granule is in the target when it returns 0. */
static int granule_save(Job *j, uint64_t i, uint8_t *buf, bool own)
{
    bool write = false;
    int ret;

    do {
        g_mutex_lock(&j->lock);
        while (j->state[i] == BUSY) {
            g_cond_wait(&j->cond, &j->lock);
        }
        bool dirty = j->state[i] == DIRTY;
        j->state[i] = dirty ? BUSY : CLEAN;
        g_mutex_unlock(&j->lock);
        if (!dirty) {
            return 0;
        }
        ret = copy_out(j, granule(j, i), buf, &write);
        g_mutex_lock(&j->lock);
        j->state[i] = ret < 0 ? DIRTY : CLEAN;
        j->done += ret < 0 ? 0 : granule(j, i).len;
        g_cond_broadcast(&j->cond);
        g_mutex_unlock(&j->lock);
    } while (ret < 0 && try_again(j, write, ret, own));
    return ret;
}

/* Mirror: a copy of a BUSY granule. False: the job is at its end; else it may be dirty again. */
static bool granule_mirror(Job *j, uint64_t i, uint8_t *buf, bool own)
{
    bool write = false;
    int ret = copy_out(j, granule(j, i), buf, &write);

    g_mutex_lock(&j->lock);
    if (j->state[i] == BUSY) {
        j->state[i] = ret < 0 ? DIRTY : CLEAN;
        j->dirty += ret < 0;
    }
    j->done += ret < 0 ? 0 : granule(j, i).len;
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
    return ret == 0 || try_again(j, write, ret, own);
}

static void stream_wait_locked(Job *j, Range r)
{
    uint64_t first, last;
    bool busy;

    granules_of(j, r, &first, &last);
    do {
        busy = false;
        for (uint64_t i = first; i <= last && !busy; i++) {
            busy = j->state[i] == BUSY;
        }
        if (busy) {
            g_cond_wait(&j->cond, &j->lock);
        }
    } while (busy);
}

static void write_begins(void *opaque, uint64_t off, uint64_t len)
{
    Job *j = opaque;
    Range r = {off, len};
    uint64_t first, last;

    if (j->o.kind == JOB_BACKUP) {
        g_autofree uint8_t *buf = g_malloc(j->o.granularity);

        granules_of(j, r, &first, &last);
        for (uint64_t i = first; i <= last; i++) {
            /* If it fails the guest's write goes on, and the backup is lost. */
            if (granule_save(j, i, buf, false) < 0) {
                break;
            }
        }
    }
    g_mutex_lock(&j->lock);
    while (j->gate) {
        g_cond_wait(&j->cond, &j->lock);
    }
    if (j->o.kind == JOB_STREAM) {
        stream_wait_locked(j, r);
    }
    g_array_append_val(j->writes, r);
    g_mutex_unlock(&j->lock);
}

static void mirror_mark_locked(Job *j, uint64_t i)
{
    if (j->state[i] != DIRTY) {
        j->state[i] = DIRTY;
        j->dirty++;
        j->total += granule(j, i).len;
    }
}

/* The guest has written to it, and the target gets that now. */
static void mirror_follow(Job *j, uint64_t i, uint8_t *buf)
{
    g_mutex_lock(&j->lock);
    while (j->state[i] == BUSY) {
        g_cond_wait(&j->cond, &j->lock);
    }
    mirror_mark_locked(j, i);
    bool go = !j->cancelled && j->ret == 0 && j->pauses == 0;
    if (go) {
        j->state[i] = BUSY;
        j->dirty--;
    }
    g_mutex_unlock(&j->lock);
    if (go) {
        granule_mirror(j, i, buf, false);
    }
}

static void write_ends(void *opaque, uint64_t off, uint64_t len)
{
    Job *j = opaque;
    uint64_t first, last;
    bool mirror = j->o.kind == JOB_MIRROR;
    g_autofree uint8_t *buf = mirror && j->o.write_blocking ? g_malloc(j->o.granularity) : NULL;

    granules_of(j, (Range){off, len}, &first, &last);
    for (uint64_t i = first; buf && i <= last; i++) {
        mirror_follow(j, i, buf);
    }
    g_mutex_lock(&j->lock);
    for (unsigned i = 0; i < j->writes->len; i++) {
        Range *w = &g_array_index(j->writes, Range, i);

        if (w->off == off && w->len == len) {
            g_array_remove_index_fast(j->writes, i);
            break;
        }
    }
    for (uint64_t i = first; mirror && !buf && i <= last; i++) {
        mirror_mark_locked(j, i);
    }
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
}

/* ---- the job's thread ---- */

static bool begins_by_status(const Job *j)
{
    return j->o.sync == JOB_SYNC_TOP && (j->o.kind == JOB_MIRROR || j->o.kind == JOB_BACKUP);
}

/* Where there is something to copy to begin with. A backup takes all for that until it knows
 * better, and one of nothing copies all that the guest is about to write to. */
static void state_begin(Job *j)
{
    bool backup = j->o.kind == JOB_BACKUP, mirror = j->o.kind == JOB_MIRROR;

    for (uint64_t i = 0; (backup || mirror) && i < j->n_granules; i++) {
        Range r = granule(j, i);

        if (j->o.sync == JOB_SYNC_BITMAP ? bitmap_any(j->o.bitmap, r.off, r.len)
                                         : backup || j->o.sync == JOB_SYNC_FULL) {
            j->state[i] = DIRTY;
            j->dirty++;
            j->total += r.len;
        }
    }
}

/* Does the topmost image, or those above the base, hold something of it? Or a negative errno. */
static int is_there(Job *j, Range r)
{
    BlockNode *base = j->o.base ? j->o.base : j->o.source->backing;
    NodeExtent e;

    for (uint64_t at = r.off, end = r.off + r.len; at < end; at += e.len) {
        int ret = node_status_chain(j->o.source, base, at, end - at, &e, NULL, NULL);

        if (ret < 0 || e.allocated) {
            return ret < 0 ? ret : 1;
        }
    }
    return 0;
}

/* JOB_SYNC_TOP: the guest may be writing already. */
static int state_refine(Job *j)
{
    bool backup = j->o.kind == JOB_BACKUP;

    for (uint64_t i = 0; i < j->n_granules; i++) {
        int there = is_there(j, granule(j, i));

        if (there < 0) {
            if (!try_again(j, false, there, true)) {
                return early(j);
            }
            i--;
            continue;
        }
        g_mutex_lock(&j->lock);
        if (backup && !there && j->state[i] == DIRTY) {
            j->state[i] = CLEAN;
            j->dirty--;
            j->total -= granule(j, i).len;
        } else if (!backup && there) {
            mirror_mark_locked(j, i);
        }
        g_mutex_unlock(&j->lock);
    }
    return 0;
}

/* The next dirty granule, which is busy from now on; false: there is none. */
static bool dirty_take_locked(Job *j, uint64_t *i)
{
    if (j->dirty == 0) {
        return false;
    }
    while (j->state[j->cursor] != DIRTY) {
        j->cursor = (j->cursor + 1) % j->n_granules;
    }
    *i = j->cursor;
    j->state[*i] = BUSY;
    j->dirty--;
    return true;
}

/* Waits, in step with the source. True: there is more to copy, or it is over. */
static void mirror_ready_locked(Job *j)
{
    status_set_locked(j, JOB_READY);
    while (j->dirty == 0 && !j->cancelled && !j->completing && j->pauses == 0) {
        g_cond_wait(&j->cond, &j->lock);
    }
}

static void gate_set(Job *j, bool closed)
{
    g_mutex_lock(&j->lock);
    j->gate = closed;
    g_cond_broadcast(&j->cond);
    while (closed && j->writes->len > 0) {
        g_cond_wait(&j->cond, &j->lock);
    }
    g_mutex_unlock(&j->lock);
}

/* The guest's writes are held until the target is the same as the source, and the pivot done; after
 * an error they go on. */
static int mirror_finish(Job *j)
{
    bool write = false;
    uint64_t i;
    int ret = 0;

    gate_set(j, true);
    g_mutex_lock(&j->lock);
    while (ret == 0 && dirty_take_locked(j, &i)) {
        g_mutex_unlock(&j->lock);
        ret = copy_out(j, granule(j, i), j->buf, &write);
        g_mutex_lock(&j->lock);
        j->state[i] = ret < 0 ? DIRTY : CLEAN;
        j->dirty += ret < 0;
        j->done += ret < 0 ? 0 : granule(j, i).len;
    }
    bool pivot = j->pivoting && !j->cancelled;
    g_mutex_unlock(&j->lock);
    if (ret == 0) {
        write = true;
        ret = node_flush(j->o.target);
    }
    if (ret == 0 && pivot && j->o.pivot) {
        j->o.pivot(j->o.opaque);
    }
    if (ret < 0) {
        gate_set(j, false);
        return try_again(j, write, ret, true) ? -EAGAIN : early(j);
    }
    return 0;
}

static int mirror_run(Job *j)
{
    while (point(j)) {
        uint64_t i;

        g_mutex_lock(&j->lock);
        bool more = dirty_take_locked(j, &i);
        bool finish = !more && j->completing;
        if (!more && !finish) {
            mirror_ready_locked(j);
        }
        g_mutex_unlock(&j->lock);
        if (finish) {
            int ret = mirror_finish(j);

            if (ret != -EAGAIN) {
                return ret;
            }
        }
        if (more) {
            if (!granule_mirror(j, i, j->buf, true)) {
                break;
            }
            count(j, granule(j, i).len, false, true);
        }
    }
    return early(j);
}

static int backup_run(Job *j)
{
    while (j->o.sync == JOB_SYNC_NONE && point(j)) {
        g_mutex_lock(&j->lock);
        while (!j->cancelled && j->ret == 0 && j->pauses == 0) {
            g_cond_wait(&j->cond, &j->lock);
        }
        g_mutex_unlock(&j->lock);
    }
    for (uint64_t i = 0; j->o.sync != JOB_SYNC_NONE && i < j->n_granules; i++) {
        if (!point(j)) {
            return early(j);
        }
        if (__atomic_load_n(&j->state[i], __ATOMIC_RELAXED) == CLEAN) {
            continue;
        }
        if (granule_save(j, i, j->buf, true) < 0) {
            return early(j);
        }
        count(j, granule(j, i).len, false, true);
    }
    return j->o.sync == JOB_SYNC_NONE ? early(j) : flush_all(j, j->o.target);
}

/* Nobody else writes to this granule while fn() does. */
static int granule_alone(Job *j, uint64_t i, Piece *fn, bool *write)
{
    Range r = granule(j, i);
    bool under_way;

    g_mutex_lock(&j->lock);
    j->state[i] = BUSY;
    do {
        under_way = false;
        for (unsigned k = 0; k < j->writes->len && !under_way; k++) {
            under_way = overlaps(g_array_index(j->writes, Range, k), r);
        }
        if (under_way) {
            g_cond_wait(&j->cond, &j->lock);
        }
    } while (under_way);
    g_mutex_unlock(&j->lock);
    int ret = fn(j, r, j->buf, write);
    g_mutex_lock(&j->lock);
    j->state[i] = CLEAN;
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
    return ret;
}

static int fill_run(Job *j)
{
    bool stream = j->o.kind == JOB_STREAM, write = false;
    int lost = 0;

    for (uint64_t i = 0; i < j->n_granules; i++) {
        if (!point(j)) {
            return early(j);
        }
        j->moved = false;
        int ret = granule_alone(j, i, stream ? stream_in : commit_out, &write);
        if (ret < 0 && stream && j->o.on_source_error == JOB_ON_ERROR_IGNORE) {
            lost = lost < 0 ? lost : ret;
            if (j->o.error) {
                j->o.error(j->o.opaque, write, -ret, JOB_ON_ERROR_IGNORE);
            }
        } else if (ret < 0) {
            if (!try_again(j, write, ret, true)) {
                return early(j);
            }
            i--;
            continue;
        }
        count(j, granule(j, i).len, true, j->moved);
    }
    return lost < 0 ? lost : flush_all(j, stream ? j->o.source : j->o.target);
}

void job_begin_quiesced(Job *j)
{
    const BlockTracker tracker = {write_begins, write_ends, j};

    state_begin(j);
    if (j->o.backend && j->o.kind != JOB_COMMIT) {
        block_track_quiesced(j->o.backend, &tracker);
    }
    j->begun = true;
}

void job_undo_quiesced(Job *j)
{
    if (j->begun && j->o.backend && j->o.kind != JOB_COMMIT) {
        block_track_quiesced(j->o.backend, NULL);
    }
    j->begun = false;
}

static void begin(void *opaque)
{
    job_begin_quiesced(opaque);
}

int job_run(Job *j)
{
    bool fills = j->o.kind == JOB_STREAM || j->o.kind == JOB_COMMIT;

    if (!j->begun && j->o.backend) {
        block_quiesce(j->o.backend, begin, j);
    } else if (!j->begun) {
        job_begin_quiesced(j);
    }
    g_mutex_lock(&j->lock);
    j->total = fills ? j->o.source->size : j->total;
    status_set_locked(j, JOB_RUNNING);
    g_mutex_unlock(&j->lock);
    if (j->o.progress) {
        j->o.progress(j->o.opaque, 0, j->total);
    }
    int ret = begins_by_status(j) ? state_refine(j) : 0;
    if (ret == 0) {
        ret = fills ? fill_run(j) : j->o.kind == JOB_MIRROR ? mirror_run(j) : backup_run(j);
    }
    gate_set(j, false);
    g_mutex_lock(&j->lock);
    j->cancelled |= ret < 0; /* nobody waits for it any more */
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
    if (j->o.backend && j->o.kind != JOB_COMMIT) {
        block_track(j->o.backend, NULL);
    }
    g_mutex_lock(&j->lock);
    j->ret = ret;
    status_set_locked(j, JOB_CONCLUDED);
    g_mutex_unlock(&j->lock);
    return ret;
}

static gpointer job_thread(gpointer opaque)
{
    job_run(opaque);
    return NULL;
}

void job_start(Job *j)
{
    j->thread = g_thread_new("block job", job_thread, j);
}

int job_wait(Job *j)
{
    g_mutex_lock(&j->lock);
    while (j->status != JOB_CONCLUDED) {
        g_cond_wait(&j->cond, &j->lock);
    }
    int ret = j->ret;
    g_mutex_unlock(&j->lock);
    return ret;
}

/* ---- from outside ---- */

void job_info(Job *j, JobInfo *i)
{
    g_mutex_lock(&j->lock);
    *i = (JobInfo){.kind = j->o.kind,
                   .status = j->status,
                   .id = j->id,
                   .done = j->done,
                   .total = j->total,
                   .speed = j->o.speed,
                   .error = j->halted ? j->error : 0,
                   .synced = j->o.write_blocking && j->status == JOB_READY && j->dirty == 0,
                   .ret = j->status == JOB_CONCLUDED ? j->ret : 0};
    g_mutex_unlock(&j->lock);
}

void job_pause(Job *j)
{
    g_mutex_lock(&j->lock);
    j->pauses++;
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
}

void job_resume(Job *j)
{
    g_mutex_lock(&j->lock);
    j->pauses -= j->pauses > 0;
    j->halted &= j->pauses > 0;
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
}

void job_set_speed(Job *j, uint64_t speed)
{
    g_mutex_lock(&j->lock);
    j->o.speed = speed;
    j->next = 0;
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
}

void job_cancel(Job *j, bool force)
{
    g_mutex_lock(&j->lock);
    if (j->status == JOB_READY && !force) {
        j->completing = true;
    } else {
        j->cancelled = true;
    }
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
}

bool job_complete(Job *j, GError **err)
{
    g_mutex_lock(&j->lock);
    bool ready = j->status == JOB_READY;
    if (ready) {
        j->completing = j->pivoting = true;
        g_cond_broadcast(&j->cond);
    }
    g_mutex_unlock(&j->lock);
    if (!ready) {
        rhea_error_set(err, "The active block job '%s' cannot be completed", j->id);
    }
    return ready;
}

bool job_left(Job *j, uint64_t off, uint64_t len)
{
    uint64_t first, last;
    bool left = false;

    granules_of(j, (Range){off, len}, &first, &last);
    for (uint64_t i = first; i <= last && !left; i++) {
        left = j->state[i] != CLEAN;
    }
    return left;
}

Job *job_new(const JobOptions *o, GError **err)
{
    uint64_t granularity = o->granularity ? o->granularity : GRANULE;

    if (granularity < 512 || granularity > 64 << 20 || (granularity & (granularity - 1))) {
        rhea_error_set(err, "Granularity must be a power of two between 512 B and 64 MiB");
        return NULL;
    }
    if (o->kind != JOB_STREAM && o->target->size < o->source->size) {
        rhea_error_set(err, "The target is smaller than the source");
        return NULL;
    }
    if ((o->kind == JOB_STREAM ? o->source : o->target)->read_only) {
        rhea_error_set(err, "Block node is read-only");
        return NULL;
    }
    Job *j = g_new0(Job, 1);
    j->o = *o;
    j->o.granularity = granularity;
    j->id = g_strdup(o->id ? o->id : "");
    j->n_granules = (o->source->size + granularity - 1) / granularity;
    j->state = g_malloc0(MAX(j->n_granules, 1));
    j->writes = g_array_new(FALSE, FALSE, sizeof(Range));
    j->buf = g_malloc(granularity);
    g_mutex_init(&j->lock);
    g_cond_init(&j->cond);
    return j;
}

void job_free(Job *j)
{
    if (j->thread) {
        g_thread_join(j->thread);
    }
    g_array_unref(j->writes);
    g_mutex_clear(&j->lock);
    g_cond_clear(&j->cond);
    g_free(j->state);
    g_free(j->buf);
    g_free(j->id);
    g_free(j);
}

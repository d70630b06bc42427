/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Block jobs. See include/io/job.h.
 *
 * All go over the disk in granules, each of which has a byte in `state`:
 *   mirror   DIRTY: to be copied. It is cleared before the copy, and a write sets it when it is
 *            done, so a write that falls into a copy makes it be copied again.
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

#define GRANULE 65536
#define USEC    G_USEC_PER_SEC

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
    bool cancelled, completing, pivoting;
    int ret;
    uint64_t done, total;
    double next; /* monotonic microseconds when the limit lets the next piece go */
    uint8_t *state;
    uint64_t n_granules, dirty, cursor;
    GArray *writes; /* Range: the guest's, under way */
    bool gate;      /* the guest's writes wait */
    uint8_t *buf;
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

/* What the source shows at a range, to the target; holes stay holes. */
static int copy_out(Job *j, Range r, uint8_t *buf)
{
    BlockNode *from = j->o.source;
    NodeExtent e;
    int ret = 0;

    for (uint64_t at = r.off, end = r.off + r.len; ret == 0 && at < end; at += e.len) {
        ret = node_status_chain(from, NULL, at, end - at, &e, NULL, NULL);
        if (ret == 0 && e.zero) {
            ret = node_zero(j->o.target, at, e.len, true);
        } else if (ret == 0) {
            ret = node_pread(from, at, buf, e.len);
            ret = ret < 0 ? ret : node_pwrite(j->o.target, at, buf, e.len);
        }
    }
    return ret;
}

/* What the chain above the base holds, to the target. */
static int commit_out(Job *j, Range r)
{
    NodeExtent e;
    int ret = 0;

    for (uint64_t at = r.off, end = r.off + r.len; ret == 0 && at < end; at += e.len) {
        ret = node_status_chain(j->o.source, j->o.base, at, end - at, &e, NULL, NULL);
        if (ret < 0 || !e.allocated) {
            continue;
        }
        if (e.zero) {
            ret = node_zero(j->o.target, at, e.len, true);
        } else {
            ret = node_pread(j->o.source, at, j->buf, e.len);
            ret = ret < 0 ? ret : node_pwrite(j->o.target, at, j->buf, e.len);
        }
    }
    return ret;
}

/* What the source itself does not hold and the chain below, above the base, does, into it. */
static int stream_in(Job *j, Range r)
{
    BlockNode *to = j->o.source;
    NodeExtent e, below;
    int ret = 0;

    for (uint64_t at = r.off, end = r.off + r.len; ret == 0 && at < end; at += e.len) {
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
        if (!below.allocated) {
            continue;
        }
        if (below.zero) {
            ret = node_zero(to, at, e.len, true);
        } else {
            ret = node_pread(to->backing, at, j->buf, e.len);
            ret = ret < 0 ? ret : node_pwrite(to, at, j->buf, e.len);
        }
    }
    return ret;
}

/* ---- the guest's writes, on workers of its backend ---- */

/* First and last granule of a range. */
static void granules_of(const Job *j, Range r, uint64_t *first, uint64_t *last)
{
    *first = r.off / j->o.granularity;
    *last = MIN((r.off + r.len - 1) / j->o.granularity, j->n_granules - 1);
}

/* Backup: this granule is in the target when it returns. */
static int granule_save(Job *j, uint64_t i, uint8_t *buf)
{
    int ret = 0;

    g_mutex_lock(&j->lock);
    while (j->state[i] == BUSY) {
        g_cond_wait(&j->cond, &j->lock);
    }
    if (j->state[i] == DIRTY) {
        j->state[i] = BUSY;
        g_mutex_unlock(&j->lock);
        ret = copy_out(j, granule(j, i), buf);
        g_mutex_lock(&j->lock);
        j->state[i] = ret < 0 ? DIRTY : CLEAN;
        j->done += ret < 0 ? 0 : granule(j, i).len;
        if (ret < 0 && j->ret == 0) {
            j->ret = ret; /* the guest's write goes on; the backup is lost */
        }
        g_cond_broadcast(&j->cond);
    }
    g_mutex_unlock(&j->lock);
    return ret;
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
            if (granule_save(j, i, buf) < 0) {
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

static void write_ends(void *opaque, uint64_t off, uint64_t len)
{
    Job *j = opaque;
    uint64_t first, last;

    g_mutex_lock(&j->lock);
    for (unsigned i = 0; i < j->writes->len; i++) {
        Range *w = &g_array_index(j->writes, Range, i);

        if (w->off == off && w->len == len) {
            g_array_remove_index_fast(j->writes, i);
            break;
        }
    }
    if (j->o.kind == JOB_MIRROR) {
        granules_of(j, (Range){off, len}, &first, &last);
        for (uint64_t i = first; i <= last; i++) {
            if (j->state[i] != DIRTY) {
                j->state[i] = DIRTY;
                j->dirty++;
                j->total += granule(j, i).len;
            }
        }
    }
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
}

/* ---- the job's thread ---- */

static void status_set_locked(Job *j, JobStatus s)
{
    bool changed = j->status != s;

    j->status = s;
    g_cond_broadcast(&j->cond);
    if (changed && j->o.changed) {
        j->o.changed(j->o.opaque);
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
            while (j->pauses > 0 && !j->cancelled) {
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

/* A piece is done: the limit and the progress count it. */
static void count(Job *j, uint64_t len, bool progress)
{
    g_mutex_lock(&j->lock);
    if (j->o.speed) {
        j->next = MAX(j->next, g_get_monotonic_time()) + (double)len / j->o.speed * USEC;
    }
    j->done += progress ? len : 0;
    uint64_t done = j->done, total = j->total;
    g_mutex_unlock(&j->lock);
    if (j->o.progress) {
        j->o.progress(j->o.opaque, done, total);
    }
}

/* DIRTY where there is something to copy to begin with. */
static int state_init(Job *j)
{
    bool backup = j->o.kind == JOB_BACKUP;
    JobSync sync = j->o.kind == JOB_MIRROR || backup ? j->o.sync : JOB_SYNC_NONE;

    if (backup && sync == JOB_SYNC_NONE) {
        sync = JOB_SYNC_FULL; /* only what the guest writes to is copied, but whatever that is */
    }
    for (uint64_t i = 0; sync != JOB_SYNC_NONE && i < j->n_granules; i++) {
        Range r = granule(j, i);
        bool there = sync == JOB_SYNC_FULL;

        for (uint64_t at = r.off, end = r.off + r.len; !there && at < end;) {
            NodeExtent e;
            int ret = node_status_chain(j->o.source, j->o.base ? j->o.base : j->o.source->backing,
                                        at, end - at, &e, NULL, NULL);

            if (ret < 0) {
                return ret;
            }
            there = e.allocated;
            at += e.len;
        }
        if (there) {
            j->state[i] = DIRTY;
            j->dirty++;
            j->total += r.len;
        }
    }
    return 0;
}

/* The next dirty granule, which is clean from now on; false: there is none. */
static bool dirty_take_locked(Job *j, uint64_t *i)
{
    if (j->dirty == 0) {
        return false;
    }
    while (j->state[j->cursor] != DIRTY) {
        j->cursor = (j->cursor + 1) % j->n_granules;
    }
    *i = j->cursor;
    j->state[*i] = CLEAN;
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

/* The guest's writes are held until the target is the same as the source, and the pivot done. */
static int mirror_finish(Job *j)
{
    uint64_t i;
    int ret = 0;

    g_mutex_lock(&j->lock);
    j->gate = true;
    while (j->writes->len > 0) {
        g_cond_wait(&j->cond, &j->lock);
    }
    while (ret == 0 && dirty_take_locked(j, &i)) {
        g_mutex_unlock(&j->lock);
        ret = copy_out(j, granule(j, i), j->buf);
        g_mutex_lock(&j->lock);
        j->done += granule(j, i).len;
    }
    bool pivot = j->pivoting;
    g_mutex_unlock(&j->lock);
    ret = ret < 0 ? ret : node_flush(j->o.target);
    if (ret == 0 && pivot && j->o.pivot) {
        j->o.pivot(j->o.opaque);
    }
    return ret;
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
            return mirror_finish(j);
        }
        if (more) {
            int ret = copy_out(j, granule(j, i), j->buf);

            if (ret < 0) {
                return ret;
            }
            count(j, granule(j, i).len, true);
        }
    }
    return j->ret < 0 ? j->ret : -ECANCELED;
}

static int backup_run(Job *j)
{
    if (j->o.sync == JOB_SYNC_NONE) {
        g_mutex_lock(&j->lock);
        while (!j->cancelled && j->ret == 0) {
            g_cond_wait(&j->cond, &j->lock);
        }
        g_mutex_unlock(&j->lock);
        return j->ret < 0 ? j->ret : -ECANCELED;
    }
    for (uint64_t i = 0; i < j->n_granules; i++) {
        if (!point(j)) {
            return j->ret < 0 ? j->ret : -ECANCELED;
        }
        if (__atomic_load_n(&j->state[i], __ATOMIC_RELAXED) == CLEAN) {
            continue;
        }
        int ret = granule_save(j, i, j->buf);
        if (ret < 0) {
            return ret;
        }
        count(j, granule(j, i).len, false);
    }
    return node_flush(j->o.target);
}

/* Nobody else writes to this granule while fn() does. */
static int granule_alone(Job *j, uint64_t i, int (*fn)(Job *j, Range r))
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
    int ret = fn(j, r);
    g_mutex_lock(&j->lock);
    j->state[i] = CLEAN;
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
    return ret;
}

static int fill_run(Job *j)
{
    bool stream = j->o.kind == JOB_STREAM;

    j->total = j->o.source->size;
    for (uint64_t i = 0; i < j->n_granules; i++) {
        if (!point(j)) {
            return j->ret < 0 ? j->ret : -ECANCELED;
        }
        int ret = granule_alone(j, i, stream ? stream_in : commit_out);
        if (ret < 0) {
            return ret;
        }
        count(j, granule(j, i).len, true);
    }
    return node_flush(stream ? j->o.source : j->o.target);
}

static void gate_open(Job *j)
{
    g_mutex_lock(&j->lock);
    j->gate = false;
    g_cond_broadcast(&j->cond);
    g_mutex_unlock(&j->lock);
}

int job_run(Job *j)
{
    const BlockTracker tracker = {write_begins, write_ends, j};
    bool track = j->o.backend && j->o.kind != JOB_COMMIT;
    int ret = state_init(j);

    g_mutex_lock(&j->lock);
    status_set_locked(j, JOB_RUNNING);
    g_mutex_unlock(&j->lock);
    if (track) {
        block_track(j->o.backend, &tracker);
    }
    if (j->o.progress) {
        j->o.progress(j->o.opaque, 0, j->total);
    }
    if (ret == 0) {
        switch (j->o.kind) {
        case JOB_MIRROR:
            ret = mirror_run(j);
            break;
        case JOB_BACKUP:
            ret = backup_run(j);
            break;
        default:
            ret = fill_run(j);
        }
    }
    gate_open(j);
    if (track) {
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

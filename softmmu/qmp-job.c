/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: jobs.
 *
 * A block job (io/job.h) runs on its own thread; what it says is posted to the main loop, which
 * sends the events and changes the graph: a mirror's pivot alone happens on the job's thread, while
 * the guest's writes are held. The job that makes an image has a thread as well.
 *
 * To commit, the base is opened a second time, for writing. The chain's own view of it stays right
 * for all that is still read through it: only clusters that an image above defines are written.
 *
 * Everything else in the main loop's thread. Test: tests/qmp/
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "io/qcow2.h"
#include "qmp-block.h"
#include "vl.h"

typedef struct ImageMake ImageMake;

struct QmpJob {
    Qmp *q;
    Job *job; /* NULL: it makes an image: */
    ImageMake *make;
    JobKind kind;
    char *id;
    const char *type, *status; /* as the protocol calls them */
    DriveUse *use;
    BlockNode *target; /* not of stream; the job's, until the guest has it */
    OptDict *row;      /* the target's, or NULL */
    bool own_row;      /* nobody named it */
    BlockNode *top, *base, *old;
    char *backing_file;
    char *filter; /* the name of its filter */
    bool filter_named;
    bool auto_finalize, auto_dismiss, ready, ended, pending, paused, gone;
    /* Of a backup by a bitmap: that, and what it was when the backup began. */
    DirtyBitmap *bitmap, *begun;
    enum { BITMAP_ON_SUCCESS, BITMAP_NEVER, BITMAP_ALWAYS } bitmap_mode;
    int ret;
};

/* ---- jobs: what is said of them ---- */

/* What makes an image. */
struct ImageMake {
    GThread *thread;
    char *path, *format, *backing, *backing_format;
    NodePrealloc prealloc;
    Qcow2Create qcow2;
    char *error;
};

static void info_of(QmpJob *j, JobInfo *i)
{
    if (j->job) {
        job_info(j->job, i);
    } else {
        *i = (JobInfo){.done = j->ended, .total = 1};
    }
}

/* Why it failed; NULL: it did not. */
static const char *error_of(const QmpJob *j)
{
    return !j->ended || j->ret >= 0    ? NULL
           : j->make && j->make->error ? j->make->error
                                       : g_strerror(-j->ret);
}

static void job_say_status(QmpJob *j, const char *status)
{
    g_autoptr(GString) s = g_string_new(NULL);

    j->status = status;
    json_add(s, "{'status': %s, 'id': %s}", status, j->id);
    qmp_event(j->q, "JOB_STATUS_CHANGE", s->str);
}

static void job_say(QmpJob *j, const char *event, const char *error)
{
    g_autoptr(GString) s = g_string_new(NULL);
    JobInfo i;

    info_of(j, &i);
    json_add(s, "{'device': %s, 'len': %u, 'offset': %u, 'speed': %u, 'type': %s", j->id, i.total,
             i.done, i.speed, j->type);
    if (error) {
        json_add(s, ", 'error': %s", error);
    }
    g_string_append_c(s, '}');
    qmp_event(j->q, event, s->str);
}

static QmpJob *job_at(Qmp *q, const char *id)
{
    GPtrArray *jobs = qmp_jobs(q);

    for (unsigned i = 0; i < jobs->len; i++) {
        QmpJob *j = g_ptr_array_index(jobs, i);

        if (!strcmp(j->id, id)) {
            return j;
        }
    }
    return NULL;
}

/* A list of jobs (block: only of such), whose members `add` begins, up to what is the same of all.
 */
static bool jobs_list(Qmp *q, bool block, GString *out,
                      void (*add)(GString *out, const QmpJob *j, const JobInfo *i))
{
    GPtrArray *jobs = qmp_jobs(q);

    g_string_append_c(out, '[');
    for (unsigned k = 0; k < jobs->len; k++) {
        QmpJob *j = g_ptr_array_index(jobs, k);
        JobInfo i;

        if (block && !j->job) {
            continue;
        }
        info_of(j, &i);
        json_comma(out);
        add(out, j, &i);
        if (error_of(j)) {
            json_add(out, ", 'error': %s", error_of(j));
        }
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
    return true;
}

static void add_block_job(GString *out, const QmpJob *j, const JobInfo *i)
{
    json_add(out,
             "{'auto-finalize': %b, 'io-status': %s, 'device': %s, 'auto-dismiss': %b, 'busy': "
             "%b, 'len': %u, 'offset': %u, 'status': %s, 'paused': %b, 'speed': %u, 'ready': "
             "%b, 'type': %s",
             j->auto_finalize,
             !i->error            ? "ok"
             : i->error == ENOSPC ? "nospace"
                                  : "failed",
             j->id, j->auto_dismiss, i->status == JOB_RUNNING, i->total, i->done, j->status,
             j->paused, i->speed, j->ready, j->type);
    if (!strcmp(j->type, "mirror")) {
        json_add(out, ", 'actively-synced': %b", i->synced);
    }
}

static bool cmd_query_block_jobs(Qmp *q, OptDict *a, GString *out, GError **err)
{
    return jobs_list(q, true, out, add_block_job);
}

static void add_job(GString *out, const QmpJob *j, const JobInfo *i)
{
    json_add(out,
             "{'current-progress': %u, 'status': %s, 'total-progress': %u, 'type': %s, 'id': %s",
             i->done, j->status, i->total, j->type, j->id);
}

static bool cmd_query_jobs(Qmp *q, OptDict *a, GString *out, GError **err)
{
    return jobs_list(q, false, out, add_job);
}

/* ---- jobs: their ends ---- */

static void row_drop(QmpJob *j)
{
    if (j->row) {
        drive_row_release(j->row);
        if (j->own_row) {
            qmp_row_remove(j->q, j->row);
        }
        j->row = NULL;
    }
}

/* The name of the backing file that an image is to have, as the header is to say it. */
static const char *backing_of(QmpJob *j, char **own)
{
    return j->backing_file ? j->backing_file
           : j->base       ? (*own = node_path_absolute(j->base->filename))
                           : NULL;
}

/* Nobody reads: `above` stands on `below` now; what was between goes. */
static void chain_cut(QmpJob *j, BlockNode *above, BlockNode *below)
{
    BlockNode *gone = above->backing, *last = gone;

    while (last && last->backing != below) {
        last = last->backing;
    }
    if (last) {
        last->backing = NULL;
        above->backing = below;
        qmp_chain_close(j->q, gone);
    }
}

static void stream_finish(void *opaque)
{
    QmpJob *j = opaque;
    g_autofree char *own = NULL;
    const char *name = backing_of(j, &own);
    g_autoptr(GError) err = NULL;

    if (!qcow2_set_backing(j->top, name, j->base ? j->base->drv->name : NULL, &err)) {
        rhea_warn_report("block-stream: %s", err->message);
    }
    chain_cut(j, j->top, j->base);
}

/* The image above `top` in the chain gets the written base. */
static void commit_finish(void *opaque)
{
    QmpJob *j = opaque;
    BlockNode *above = block_top(j->use->backend), *writer = NULL;
    g_autofree char *own = NULL;
    const char *name = backing_of(j, &own);
    g_autoptr(GError) err = NULL;

    while (above->backing != j->top) {
        above = above->backing;
    }
    NodeOptions o = {
        .path = above->filename, .format = "qcow2", .no_backing = true, .no_lock = true};
    writer = above->read_only ? node_open(&o, &err) : above;
    if (!writer || !qcow2_set_backing(writer, name, j->base->drv->name, &err)) {
        rhea_warn_report("block-commit: %s", err->message);
    }
    if (writer != above) {
        node_close(writer);
    }
    node_flush(j->target);
    j->target->read_only = true;
    qmp_names_copy(j->target, j->base);
    /* The old base goes with the images above it; the written one has a chain of its own. */
    BlockNode *gone = above->backing;
    above->backing = j->target;
    qmp_chain_close(j->q, gone);
    j->target = NULL;
}

static void job_clear(gpointer opaque)
{
    QmpJob *j = opaque;

    if (j->make) {
        g_free(j->make->path);
        g_free(j->make->format);
        g_free(j->make->backing);
        g_free(j->make->backing_format);
        g_free(j->make->error);
        g_free(j->make);
    }
    g_free(j->id);
    g_free(j->backing_file);
    g_free(j->filter);
}

/* The bitmap gets back what the target did not get. */
static void bitmap_settle(QmpJob *j)
{
    bool all = j->bitmap_mode == BITMAP_ON_SUCCESS;
    const DirtyBitmap *was = j->begun;

    if (!j->bitmap) {
        return;
    }
    if (j->ret < 0 && j->bitmap_mode != BITMAP_NEVER) {
        for (uint64_t at = 0; at < was->size; at += was->granularity) {
            uint64_t len = MIN(was->granularity, was->size - at);

            if (bitmap_any(was, at, len) && (all || job_left(j->job, at, len))) {
                bitmap_set(j->bitmap, at, len);
            }
        }
    }
    j->bitmap->busy = false;
    bitmap_free(j->begun);
    j->bitmap = j->begun = NULL;
}

static void job_drop(QmpJob *j)
{
    j->gone = true;
    g_ptr_array_remove(qmp_jobs(j->q), j);
    if (j->job) {
        job_free(j->job);
        j->job = NULL;
    }
    g_atomic_rc_box_release_full(j, job_clear);
}

static void job_dismiss(QmpJob *j)
{
    job_say_status(j, "null");
    job_drop(j);
}

/* All that it changes in the graph is changed; it lets go of the rest. */
static void job_settle(QmpJob *j)
{
    DriveUse *u = j->use;

    if (!u) {
        return;
    }
    bitmap_settle(j);
    if (j->ret == 0 && j->kind == JOB_STREAM) {
        block_quiesce(u->backend, stream_finish, j);
    } else if (j->ret == 0 && j->kind == JOB_COMMIT) {
        block_quiesce(u->backend, commit_finish, j);
    }
    if (j->old) { /* the guest has the target */
        OptDict *row = u->row;

        u->row = j->row;
        j->row = NULL;
        if (row) {
            drive_row_release(row);
        }
        qmp_chain_close(j->q, j->old);
        j->old = j->target = NULL;
    }
    node_close(j->target);
    j->target = NULL;
    row_drop(j);
    u->closing = NULL;
    u->opaque = NULL;
}

static void job_conclude(QmpJob *j)
{
    j->pending = false;
    job_settle(j);
    if (j->job) {
        bool cancelled = j->ret == -ECANCELED;

        job_say(j, cancelled ? "BLOCK_JOB_CANCELLED" : "BLOCK_JOB_COMPLETED",
                cancelled ? NULL : error_of(j));
    }
    job_say_status(j, "concluded");
    if (j->auto_dismiss) {
        job_dismiss(j);
    }
}

static void job_ended(QmpJob *j)
{
    g_autoptr(GString) s = g_string_new(NULL);

    j->ended = true;
    if (j->job) {
        j->ret = job_wait(j->job);
    } else {
        g_thread_join(j->make->thread);
    }
    if (j->ret < 0) {
        job_say_status(j, "aborting");
        job_conclude(j);
        return;
    }
    job_say_status(j, "waiting");
    job_say_status(j, "pending");
    if (j->auto_finalize) {
        job_conclude(j);
        return;
    }
    j->pending = true;
    json_add(s, "{'type': %s, 'id': %s}", j->type, j->id);
    qmp_event(j->q, "BLOCK_JOB_PENDING", s->str);
}

/* What the job has come to. */
static void job_update(QmpJob *j, JobStatus now)
{
    bool paused = now == JOB_PAUSED;

    if (now == JOB_CONCLUDED) {
        job_ended(j);
        return;
    }
    if (paused && !j->paused) {
        job_say_status(j, j->ready ? "standby" : "paused");
    } else if (!paused && j->paused) {
        job_say_status(j, j->ready ? "ready" : "running");
    }
    j->paused = paused;
    if (now == JOB_READY && !j->ready) {
        j->ready = true;
        job_say_status(j, "ready");
        job_say(j, "BLOCK_JOB_READY", NULL);
    }
}

static void job_tell_error(QmpJob *j, bool write, JobOnError action)
{
    static const char *const actions[] = {[JOB_ON_ERROR_REPORT] = "report",
                                          [JOB_ON_ERROR_IGNORE] = "ignore",
                                          [JOB_ON_ERROR_STOP] = "stop"};
    g_autoptr(GString) s = g_string_new(NULL);

    json_add(s, "{'device': %s, 'operation': %s, 'action': %s}", j->id, write ? "write" : "read",
             actions[action]);
    qmp_event(j->q, "BLOCK_JOB_ERROR", s->str);
}

/* What the job says, for the main loop, in its order. */
typedef struct JobPost {
    QmpJob *j;
    bool failed;
    JobStatus status; /* not of one that failed */
    bool write;
    JobOnError action;
} JobPost;

static void job_posted(void *opaque)
{
    JobPost *p = opaque;
    QmpJob *j = p->j;

    if (!j->gone && !j->ended && p->failed) {
        job_tell_error(j, p->write, p->action);
    } else if (!j->gone && !j->ended) {
        job_update(j, p->status);
    }
    g_atomic_rc_box_release_full(j, job_clear);
    g_free(p);
}

static void job_post(QmpJob *j, JobPost p)
{
    JobPost *own = g_new(JobPost, 1);

    *own = p;
    own->j = g_atomic_rc_box_acquire(j);
    mainloop_post(qmp_machine(j->q)->loop, job_posted, own);
}

static void job_changed(void *opaque, JobStatus status)
{
    job_post(opaque, (JobPost){.status = status});
}

static void job_error(void *opaque, bool write, int error, JobOnError action)
{
    job_post(opaque, (JobPost){.failed = true, .write = write, .action = action});
}

static void make_posted(void *opaque)
{
    QmpJob *j = opaque;

    if (!j->gone && !j->ended) {
        job_ended(j);
    }
    g_atomic_rc_box_release_full(j, job_clear);
}

static void job_pivot(void *opaque)
{
    QmpJob *j = opaque;

    j->old = block_replace(j->use->backend, j->target);
}

/* It ends now, whatever it has got to. The caller has a reference. */
static void job_give_up(QmpJob *j)
{
    if (!j->ended) {
        if (j->job) {
            job_cancel(j->job, true);
        }
        job_ended(j);
    }
    if (j->pending) {
        job_conclude(j);
    }
}

/* The device goes. */
static void use_closing(DriveUse *u)
{
    QmpJob *j = g_atomic_rc_box_acquire((QmpJob *)u->opaque);

    job_give_up(j);
    g_atomic_rc_box_release_full(j, job_clear);
}

const char *qmp_use_job_type(const DriveUse *u)
{
    return ((QmpJob *)u->opaque)->type;
}

bool qmp_use_filter(const DriveUse *u, QmpFilter *f)
{
    static const char *const drivers[] = {[JOB_MIRROR] = "mirror_top",
                                          [JOB_BACKUP] = "copy-before-write",
                                          [JOB_STREAM] = "copy-on-read",
                                          [JOB_COMMIT] = "commit_top"};
    const QmpJob *j = u->closing ? u->opaque : NULL;

    if (j) {
        bool commit = j->kind == JOB_COMMIT, backup = j->kind == JOB_BACKUP;

        *f = (QmpFilter){.name = j->filter,
                         .driver = drivers[j->kind],
                         .child = backup || j->kind == JOB_STREAM ? "file" : "backing",
                         .below = commit ? j->top : block_top(u->backend),
                         .target = backup ? j->target->name : NULL,
                         .named = j->filter_named,
                         .shown = !commit && (backup || j->filter_named),
                         .read_only = commit};
    }
    return j;
}

/* ---- jobs: their beginnings ---- */

typedef struct NewJob {
    JobKind kind;
    const char *type;
    DriveUse *use;
    BlockNode *target, *source, *base;
    OptDict *row;
    bool own_row;
    JobSync sync;
    DirtyBitmap *bitmap;
    int bitmap_mode;
} NewJob;

static bool id_check(Qmp *q, const char *id, GError **err)
{
    if (!id) {
        rhea_error_set(err, "An explicit job ID is required for this node");
    } else if (!opt_check_id(id, NULL)) {
        rhea_error_set(err, "Invalid job ID '%s'", id);
    } else if (job_at(q, id)) {
        rhea_error_set(err, "Job ID '%s' already in use", id);
    } else {
        return true;
    }
    return false;
}

/* filter-node-name, or a name that nobody has. */
static char *filter_name(Qmp *q, OptDict *a, JobKind kind, GError **err)
{
    const char *name = opt_get(a, "filter-node-name");
    const char *where = kind == JOB_BACKUP || kind == JOB_STREAM ? "Could not create node: " : "";

    if (!name) {
        return qmp_node_name_new(q);
    }
    if (!opt_check_id(name, NULL)) {
        rhea_error_set(err, "%sInvalid node-name: '%s'", where, name);
    } else if (drive_row_find(qmp_machine(q), name) || qmp_node_find(q, name, NULL, NULL)) {
        rhea_error_set(err, "%sDuplicate nodes with node-name='%s'", where, name);
    } else {
        return g_strdup(name);
    }
    return NULL;
}

/* What to do on errors; "auto" is for a full storage. on-error is for both sides. */
static void policy_take(OptDict *a, const char *key, JobOnError *to)
{
    static const struct {
        const char *name;
        JobOnError value;
    } rows[] = {{"report", JOB_ON_ERROR_REPORT},
                {"ignore", JOB_ON_ERROR_IGNORE},
                {"enospc", JOB_ON_ERROR_ENOSPC},
                {"auto", JOB_ON_ERROR_ENOSPC},
                {"stop", JOB_ON_ERROR_STOP}};
    const char *value = opt_get(a, key);

    for (unsigned i = 0; value && i < G_N_ELEMENTS(rows); i++) {
        if (!strcmp(rows[i].name, value)) {
            *to = rows[i].value;
        }
    }
}

/* What it is asked for and cannot do. */
static bool refuse(Qmp *q, OptDict *a, const NewJob *n, GError **err)
{
    static const char *const switches[] = {"compress", "discard-source"};
    const char *replaces = opt_get(a, "replaces");

    for (unsigned i = 0; i < G_N_ELEMENTS(switches); i++) {
        if (qmp_arg_bool(a, switches[i], false)) {
            rhea_error_set(err, "Jobs cannot do '%s'", switches[i]);
            return true;
        }
    }
    if (replaces && g_strcmp0(replaces, n->source->name)) {
        rhea_error_set(err,
                       qmp_node_find(q, replaces, NULL, NULL)
                           ? "Only the topmost node can be replaced, which '%s' is not"
                           : "Failed to find node with node-name='%s'",
                       replaces);
        return true;
    }
    if (qmp_machine(q)->icount_shift != -1) {
        rhea_error_set(err, "Block jobs do not go together with -icount");
        return true;
    }
    return false;
}

/* Takes the target, also when it fails. It is not started yet. */
static QmpJob *job_make(Qmp *q, OptDict *a, const NewJob *n, GError **err)
{
    const char *id = opt_get(a, "job-id");
    JobOptions o = {.kind = n->kind,
                    .backend = n->kind == JOB_COMMIT ? NULL : n->use->backend,
                    .source = n->source,
                    .target = n->target,
                    .base = n->base,
                    .sync = n->sync,
                    .bitmap = n->bitmap,
                    .write_blocking = !g_strcmp0(opt_get(a, "copy-mode"), "write-blocking"),
                    .pivot = n->kind == JOB_MIRROR ? job_pivot : NULL,
                    .error = job_error,
                    .changed = job_changed};
    QmpJob *j = g_atomic_rc_box_new0(QmpJob);

    id = id ? id : n->use->id;
    j->q = q;
    j->kind = n->kind;
    j->type = n->type;
    j->target = n->target;
    j->row = n->row;
    j->own_row = n->own_row;
    j->use = n->use;
    j->id = g_strdup(id);
    o.id = id;
    o.opaque = j;
    policy_take(a, "on-error", &o.on_source_error);
    policy_take(a, "on-error", &o.on_target_error);
    policy_take(a, "on-source-error", &o.on_source_error);
    policy_take(a, "on-target-error", &o.on_target_error);
    j->filter = filter_name(q, a, n->kind, err);
    j->filter_named = opt_get(a, "filter-node-name");
    if (j->filter && !refuse(q, a, n, err) && id_check(q, id, err) &&
        qmp_arg_u64(a, "speed", &o.speed, err) &&
        qmp_arg_u64(a, "granularity", &o.granularity, err)) {
        j->job = job_new(&o, err);
    }
    if (!j->job) {
        node_close(j->target);
        row_drop(j);
        g_atomic_rc_box_release_full(j, job_clear);
        return NULL;
    }
    j->top = n->source;
    j->base = n->base;
    j->backing_file = g_strdup(opt_get(a, "backing-file"));
    j->auto_finalize = qmp_arg_bool(a, "auto-finalize", true);
    j->auto_dismiss = qmp_arg_bool(a, "auto-dismiss", true);
    j->bitmap = n->bitmap;
    j->bitmap_mode = n->bitmap_mode;
    n->use->closing = use_closing;
    n->use->opaque = j;
    g_ptr_array_add(qmp_jobs(q), j);
    return j;
}

static void job_launch(QmpJob *j)
{
    job_say_status(j, "created");
    job_say_status(j, "running");
    job_start(j->job);
}

static bool job_begin(Qmp *q, OptDict *a, const NewJob *n, GError **err)
{
    QmpJob *j = job_make(q, a, n, err);

    if (j) {
        job_launch(j);
    }
    return j;
}

/* sync, and the bitmap that goes with it. */
static bool sync_take(OptDict *a, NewJob *n, GError **err)
{
    static const char *const names[] = {"full", "top", "none", "bitmap", "incremental", NULL};
    static const char *const modes[] = {"on-success", "never", "always", NULL};
    const char *sync = opt_get(a, "sync"), *bitmap = opt_get(a, "bitmap");
    const char *mode = opt_get(a, "bitmap-mode");
    int at = 0;

    opt_take_enum(a, "sync", names, &at, NULL);
    n->sync = MIN(at, JOB_SYNC_BITMAP);
    if (n->sync != JOB_SYNC_BITMAP || n->kind == JOB_MIRROR) {
        if (n->sync == JOB_SYNC_BITMAP) {
            rhea_error_set(err, "Sync mode '%s' not supported", sync);
        } else if (bitmap) {
            rhea_error_set(err, "Bitmap sync mode must be given when providing a bitmap");
        }
        return n->sync != JOB_SYNC_BITMAP && !bitmap;
    }
    bool incremental = !strcmp(sync, "incremental");
    opt_take_enum(a, "bitmap-mode", modes, &n->bitmap_mode, NULL);
    if (!bitmap) {
        rhea_error_set(err, "must provide a valid bitmap name for '%s' sync mode", sync);
    } else if (!mode && !incremental) {
        rhea_error_set(err, "Bitmap sync mode must be given when providing a bitmap");
    } else if (incremental && mode && n->bitmap_mode != BITMAP_ON_SUCCESS) {
        rhea_error_set(err, "Bitmap sync mode must be 'on-success' when using sync mode "
                            "'incremental'");
    } else {
        n->bitmap = bitmap_find(n->source->bitmaps, bitmap);
        if (!n->bitmap) {
            rhea_error_set(err, "Bitmap '%s' could not be found", bitmap);
        }
    }
    return n->bitmap && qmp_bitmap_is_free(n->bitmap, err);
}

bool qmp_bitmap_is_free(const DirtyBitmap *b, GError **err)
{
    if (b->busy) {
        rhea_error_set(err,
                       "Bitmap '%s' is currently in use by another operation and cannot be used",
                       b->name);
    }
    return !b->busy;
}

/* An image for drive-mirror and drive-backup; it becomes a row. */
static bool target_make(Qmp *q, OptDict *a, NewJob *n, GError **err)
{
    const char *path = opt_get(a, "target"), *format = opt_get(a, "format");
    const char *name = opt_get(a, "node-name");
    BlockNode *below = n->sync == JOB_SYNC_TOP    ? n->source->backing
                       : n->sync == JOB_SYNC_NONE ? n->source
                                                  : NULL;
    g_autofree char *own = name ? NULL : qmp_node_name_new(q);

    format = format ? format : n->source->drv->name;
    if (g_strcmp0(opt_get(a, "mode"), "existing") &&
        !qmp_image_make(path, format, n->source, below, err)) {
        return false;
    }
    n->own_row = !name;
    n->row = qmp_row_new(q, format, name ? name : own, path, err);
    return n->row;
}

static bool target_open(Qmp *q, OptDict *a, NewJob *n, bool make, GError **err)
{
    const char *name = make ? opt_get(n->row, "node-name") : opt_get(a, "target");

    if (!make && !g_strcmp0(name, n->source->name)) {
        rhea_error_set(err, n->kind == JOB_MIRROR ? "Can't mirror node into itself"
                                                  : "Source and target cannot be the same");
        return false;
    }
    n->target = drive_node_open(qmp_machine(q), name, &n->row, err);
    if (!n->target && make) {
        qmp_row_remove(q, n->row);
    }
    if (n->target) {
        n->target->name = g_strdup(name);
        drive_names_give(qmp_machine(q), n->target, n->row);
    }
    return n->target;
}

static QmpJob *copy_make(Qmp *q, OptDict *a, JobKind kind, bool make, GError **err)
{
    NewJob n = {.kind = kind, .type = kind == JOB_MIRROR ? "mirror" : "backup"};

    n.use = qmp_use_find(q, opt_get(a, "device"), err);
    if (!n.use || !qmp_use_is_free(n.use, err)) {
        return NULL;
    }
    n.source = block_top(n.use->backend);
    if (!sync_take(a, &n, err) || (make && !target_make(q, a, &n, err)) ||
        !target_open(q, a, &n, make, err)) {
        return NULL;
    }
    return job_make(q, a, &n, err);
}

QmpJob *qmp_backup_new_quiesced(Qmp *q, OptDict *a, bool make, GError **err)
{
    QmpJob *j = copy_make(q, a, JOB_BACKUP, make, err);

    if (j) {
        job_begin_quiesced(j->job);
    }
    if (j && j->bitmap) {
        j->begun = bitmap_copy(j->bitmap);
        j->bitmap->busy = true;
        if (j->bitmap_mode != BITMAP_NEVER) {
            bitmap_clear(j->bitmap);
        }
    }
    return j;
}

void qmp_backup_start(QmpJob *j)
{
    job_launch(j);
}

void qmp_backup_undo_quiesced(QmpJob *j)
{
    if (j->bitmap) {
        bitmap_merge(j->bitmap, j->begun);
    }
    job_undo_quiesced(j->job);
    j->ret = 0;
    job_settle(j);
    job_drop(j);
}

static bool cmd_blockdev_mirror(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = copy_make(q, a, JOB_MIRROR, false, err);

    if (j) {
        job_launch(j);
    }
    return j;
}

static bool cmd_drive_mirror(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = copy_make(q, a, JOB_MIRROR, true, err);

    if (j) {
        job_launch(j);
    }
    return j;
}

static bool cmd_block_stream(Qmp *q, OptDict *a, GString *out, GError **err)
{
    NewJob n = {.kind = JOB_STREAM, .type = "stream"};
    const char *name = opt_get(a, "base-node"), *file = opt_get(a, "base");

    n.use = qmp_use_find(q, opt_get(a, "device"), err);
    if (!n.use || !qmp_use_is_free(n.use, err)) {
        return false;
    }
    n.source = block_top(n.use->backend);
    if (name || file) {
        n.base = qmp_node_in_chain(n.source->backing, name, file);
        if (!n.base) {
            rhea_error_set(err, "Can't find '%s' in the backing chain", name ? name : file);
            return false;
        }
    }
    if (n.source->drv != &block_driver_qcow2) {
        rhea_error_set(err, "Node '%s' has no backing file", n.source->name);
        return false;
    }
    return job_begin(q, a, &n, err);
}

static bool cmd_block_commit(Qmp *q, OptDict *a, GString *out, GError **err)
{
    NewJob n = {.kind = JOB_COMMIT, .type = "commit"};
    const char *name = opt_get(a, "base-node"), *file = opt_get(a, "base");
    const char *top_name = opt_get(a, "top-node"), *top_file = opt_get(a, "top");

    n.use = qmp_use_find(q, opt_get(a, "device"), NULL);
    if (!n.use) {
        qmp_error_class(q, "DeviceNotFound");
        rhea_error_set(err, "Device '%s' not found", opt_get(a, "device"));
        return false;
    }
    BlockNode *active = block_top(n.use->backend);
    n.source = top_name || top_file ? qmp_node_in_chain(active, top_name, top_file) : active;
    n.base = n.source ? n.source->backing : NULL;
    if (name || file) {
        n.base = qmp_node_in_chain(n.base, name, file);
    }
    while (n.base && !name && !file && n.base->backing) {
        n.base = n.base->backing;
    }
    if (!qmp_use_is_free(n.use, err)) {
        return false;
    }
    if (!n.source || !n.base) {
        rhea_error_set(
            err, n.source ? "Can't find '%s' in the backing chain" : "Top image file %s not found",
            n.source ? (name   ? name
                        : file ? file
                               : "base")
                     : (top_name ? top_name : top_file));
        return false;
    }
    /* The same file is open for reading, in the chain. */
    NodeOptions o = {.path = n.base->filename, .format = n.base->drv->name, .no_lock = true};
    n.target = node_open(&o, err);
    if (!n.target) {
        return false;
    }
    if (n.target->size < n.source->size &&
        !node_truncate(n.target, n.source->size, NODE_PREALLOC_OFF, err)) {
        node_close(n.target);
        return false;
    }
    if (n.source == active) { /* the guest goes on writing: it is a mirror to the base */
        n.kind = JOB_MIRROR;
        n.sync = JOB_SYNC_TOP;
        qmp_names_copy(n.target, n.base);
        OptDict *row = drive_row_find(qmp_machine(q), n.base->name);
        n.row = row;
    }
    return job_begin(q, a, &n, err);
}

/* ---- images ---- */

static gpointer make_thread(gpointer opaque)
{
    QmpJob *j = opaque;
    ImageMake *k = j->make;
    g_autoptr(GError) err = NULL;
    bool file = !strcmp(k->format, "file");
    int fd = open(k->path, O_RDWR | O_CLOEXEC | (file ? O_CREAT | O_TRUNC : 0), 0644);
    bool good = fd >= 0;

    if (!good) {
        rhea_error_set(&err, "Could not create '%s': %s", k->path, g_strerror(errno));
    } else {
        close(fd);
    }
    if (good && file) {
        BlockNode *n = node_open_protocol(&(NodeOptions){.path = k->path}, &err);

        good = n && node_truncate(n, k->qcow2.size, k->prealloc, &err);
        node_close(n);
    } else if (good) {
        good = qcow2_create(k->path, &k->qcow2, &err);
    }
    if (!good) {
        k->error = g_strdup(err->message);
        j->ret = -EIO;
    }
    mainloop_post(qmp_machine(j->q)->loop, make_posted, j);
    return NULL;
}

/* The path of a "file" that is the name of a node, or says itself what it is. */
static const char *file_of(Qmp *q, OptDict *a, GError **err)
{
    const char *name = opt_get(a, "options.file"), *path = opt_get(a, "options.file.filename");
    OptDict *row = name ? drive_row_find(qmp_machine(q), name) : NULL;

    if (name && !row) {
        rhea_error_set(err, "Cannot find device='%s' nor node-name='%s'", name, name);
    } else if (row && drive_row_taken(qmp_machine(q), row)) {
        rhea_error_set(err, "Node '%s' is in use", name);
        row = NULL;
    } else if (!name && !path) {
        rhea_error_set(err, "Only files can become images");
    }
    return row ? opt_get(row, "file") : path;
}

static bool make_options(Qmp *q, OptDict *a, ImageMake *k, GError **err)
{
    static const char *const modes[] = {"off", "metadata", "falloc", "full", NULL};
    Qcow2Create *c = &k->qcow2;
    const char *version = opt_get(a, "options.version");
    uint64_t bits = 16;
    int mode = 0;

    k->format = g_strdup(opt_get(a, "options.driver"));
    *c = (Qcow2Create){.version = !g_strcmp0(version, "v2") ? 2 : 3, .cluster_size = 65536};
    opt_take_enum(a, "options.preallocation", modes, &mode, NULL);
    c->prealloc = k->prealloc = mode;
    if (!qmp_arg_u64(a, "options.size", &c->size, err) ||
        !qmp_arg_u64(a, "options.cluster-size", &c->cluster_size, err) ||
        !qmp_arg_u64(a, "options.refcount-bits", &bits, err)) {
        return false;
    }
    if (!strcmp(k->format, "file")) {
        k->path = g_strdup(opt_get(a, "options.filename"));
        return true;
    }
    c->refcount_bits = bits;
    c->lazy_refcounts = qmp_arg_bool(a, "options.lazy-refcounts", false);
    c->extended_l2 = qmp_arg_bool(a, "options.extended-l2", false);
    c->zstd = !g_strcmp0(opt_get(a, "options.compression-type"), "zstd");
    c->backing = k->backing = g_strdup(opt_get(a, "options.backing-file"));
    c->backing_format = k->backing_format = g_strdup(opt_get(a, "options.backing-fmt"));
    k->path = g_strdup(file_of(q, a, err));
    return k->path;
}

/* What is wrong with the node's name shows as the job's error, as all else about the image. */
static bool cmd_blockdev_create(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const char *id = opt_get(a, "job-id");
    g_autoptr(GError) why = NULL;

    if (!id_check(q, id, err)) {
        return false;
    }
    QmpJob *j = g_atomic_rc_box_new0(QmpJob);
    j->q = q;
    j->id = g_strdup(id);
    j->type = "create";
    j->auto_finalize = true;
    j->make = g_new0(ImageMake, 1);
    g_ptr_array_add(qmp_jobs(q), j);
    job_say_status(j, "created");
    job_say_status(j, "running");
    if (make_options(q, a, j->make, &why)) {
        j->make->thread = g_thread_new("image", make_thread, g_atomic_rc_box_acquire(j));
    } else {
        j->make->error = g_strdup(why->message);
        j->ended = true;
        j->ret = -EINVAL;
        job_say_status(j, "aborting");
        job_conclude(j);
    }
    return true;
}

/* ---- jobs: what is done to them ---- */

static bool verb_fits(const QmpJob *j, const char *verb)
{
    return !strcmp(verb, "dismiss")    ? j->ended && !j->pending
           : !strcmp(verb, "finalize") ? j->pending
           : !strcmp(verb, "cancel")   ? j->job && (!j->ended || j->pending)
           : !strcmp(verb, "complete") ? j->ready && !j->ended
                                       : j->job && !j->ended;
}

/* The job that is meant, if it may be done that (in the words of messages). */
static QmpJob *job_for(Qmp *q, OptDict *a, const char *verb, GError **err)
{
    const char *id = opt_get(a, "id"), *device = opt_get(a, "device");
    QmpJob *j = job_at(q, id ? id : device);

    if (!j && id) {
        rhea_error_set(err, "Job not found");
    } else if (!j) {
        qmp_error_class(q, "DeviceNotActive");
        rhea_error_set(err, "Block job '%s' not found", device);
    } else if (!verb_fits(j, verb)) {
        rhea_error_set(err, "Job '%s' in state '%s' cannot accept command verb '%s'", j->id,
                       j->status, verb);
        j = NULL;
    }
    return j;
}

static bool cmd_job_pause(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_for(q, a, "pause", err);

    if (j) {
        job_pause(j->job);
    }
    return j;
}

static bool cmd_job_resume(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_for(q, a, "resume", err);

    if (j) {
        job_resume(j->job);
    }
    return j;
}

static bool cmd_job_cancel(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_for(q, a, "cancel", err);

    if (j && j->pending) {
        j->ret = -ECANCELED;
        job_conclude(j);
    } else if (j) {
        /* job-cancel always stops at once; block-job-cancel only if told so. */
        job_cancel(j->job, opt_get(a, "id") || qmp_arg_bool(a, "force", false));
    }
    return j;
}

static bool cmd_job_complete(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_for(q, a, "complete", err);

    return j && job_complete(j->job, err);
}

static bool cmd_job_finalize(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_for(q, a, "finalize", err);

    if (j) {
        job_conclude(j);
    }
    return j;
}

static bool cmd_job_dismiss(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_for(q, a, "dismiss", err);

    if (j) {
        job_dismiss(j);
    }
    return j;
}

static bool cmd_set_speed(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_for(q, a, "set-speed", err);
    uint64_t speed = 0;

    if (!j || !qmp_arg_u64(a, "speed", &speed, err)) {
        return false;
    }
    job_set_speed(j->job, speed);
    return true;
}

#define FILL                                                                                       \
    "job-id?:str device:str base?:str base-node?:str backing-file?:str "                           \
    "backing-mask-protocol?:bool speed?:int on-error?:BlockdevOnError filter-node-name?:str "      \
    "auto-finalize?:bool auto-dismiss?:bool "

const QmpCommand qmp_job_commands[] = {
    {"block-commit", FILL "top-node?:str top?:str", NULL, cmd_block_commit},
    {"block-job-cancel", "device:str force?:bool", NULL, cmd_job_cancel},
    {"block-job-complete", "device:str", NULL, cmd_job_complete},
    {"block-job-dismiss", "id:str", NULL, cmd_job_dismiss},
    {"block-job-finalize", "id:str", NULL, cmd_job_finalize},
    {"block-job-pause", "device:str", NULL, cmd_job_pause},
    {"block-job-resume", "device:str", NULL, cmd_job_resume},
    {"block-job-set-speed", "device:str speed:int", NULL, cmd_set_speed},
    {"block-stream", FILL, NULL, cmd_block_stream},
    {"blockdev-create", "job-id:str options:BlockdevCreateOptions", NULL, cmd_blockdev_create},
    {"blockdev-mirror", "&BlockdevMirror", NULL, cmd_blockdev_mirror},
    {"drive-mirror", "&DriveMirror", NULL, cmd_drive_mirror},
    {"job-cancel", "id:str", NULL, cmd_job_cancel},
    {"job-complete", "id:str", NULL, cmd_job_complete},
    {"job-dismiss", "id:str", NULL, cmd_job_dismiss},
    {"job-finalize", "id:str", NULL, cmd_job_finalize},
    {"job-pause", "id:str", NULL, cmd_job_pause},
    {"job-resume", "id:str", NULL, cmd_job_resume},
    {"query-block-jobs", "", "[BlockJobInfo]", cmd_query_block_jobs},
    {"query-jobs", "", "[JobInfo]", cmd_query_jobs},
    {0},
};

void qmp_jobs_end(Qmp *q)
{
    GPtrArray *jobs = qmp_jobs(q);

    while (jobs->len) {
        QmpJob *j = g_ptr_array_index(jobs, 0);

        g_atomic_rc_box_acquire(j);
        job_give_up(j);
        if (!j->gone) {
            job_drop(j);
        }
        g_atomic_rc_box_release_full(j, job_clear);
    }
}

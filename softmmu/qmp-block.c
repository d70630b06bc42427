/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: disks and block jobs.
 *
 * A device's disk is a DriveUse (io/drive.h); the nodes of its chain get names when somebody asks.
 * A row of Machine.blockdevs is opened when a device or a job takes it. A job (io/job.h) runs on
 * its own thread; what it says is posted to the main loop, which sends the events and changes the
 * graph: a mirror's pivot alone happens on the job's thread, while the guest's writes are held.
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
#include "io/drive.h"
#include "io/job.h"
#include "io/node.h"
#include "io/qcow2.h"
#include "qmp.h"
#include "vl.h"

struct QmpBlock {
    GPtrArray *jobs;
    unsigned names;
};

typedef struct QmpJob {
    Qmp *q;
    Job *job;
    JobKind kind;
    char *id;
    const char *type, *status; /* as the protocol calls them */
    DriveUse *use;
    BlockNode *target; /* not of stream; the job's, until the guest has it */
    OptDict *row;      /* the target's, or NULL */
    bool own_row;      /* nobody named it */
    BlockNode *top, *base, *old;
    char *backing_file;
    bool auto_finalize, auto_dismiss, ready, ended, pending, paused, gone;
    int ret;
} QmpJob;

static struct QmpBlock *block_of(Qmp *q)
{
    struct QmpBlock **b = qmp_block(q);

    if (!*b) {
        *b = g_new0(struct QmpBlock, 1);
        (*b)->jobs = g_ptr_array_new();
    }
    return *b;
}

/* ---- the graph ---- */

static char *name_new(Qmp *q)
{
    return g_strdup_printf("#block%03u", block_of(q)->names++);
}

/* Every node of the disk has a name. */
static void names_give(Qmp *q, DriveUse *u)
{
    BlockNode *top = block_top(u->backend);
    const char *name = u->row ? opt_get(u->row, "node-name") : NULL;

    if (!top->name && name) {
        top->name = g_strdup(name);
    }
    for (BlockNode *n = top; n; n = n->backing) {
        n->name = n->name ? n->name : name_new(q);
        n->file->name = n->file->name ? n->file->name : name_new(q);
    }
}

static DriveUse *use_at(Qmp *q, unsigned i)
{
    Machine *m = qmp_machine(q);

    return m->drive_uses && i < m->drive_uses->len ? g_ptr_array_index(m->drive_uses, i) : NULL;
}

/* By id of the drive or device, or name of the topmost node. */
static DriveUse *use_find(Qmp *q, const char *name, GError **err)
{
    DriveUse *u;

    for (unsigned i = 0; (u = use_at(q, i)); i++) {
        names_give(q, u);
        if (!g_strcmp0(u->id, name) || !g_strcmp0(u->qdev, name) ||
            !strcmp(block_top(u->backend)->name, name)) {
            return u;
        }
    }
    rhea_error_set(err, "Cannot find device='%s' nor node-name='%s'", name, name);
    return NULL;
}

/* In a chain: by name, or by the file's. */
static BlockNode *node_in_chain(BlockNode *n, const char *name, const char *file)
{
    for (; n; n = n->backing) {
        if ((name && !g_strcmp0(n->name, name)) || (file && !strcmp(n->filename, file))) {
            break;
        }
    }
    return n;
}

static bool use_is_free(DriveUse *u, GError **err)
{
    if (u->closing) {
        rhea_error_set(err, "Node '%s' is busy: block device is in use by block job: %s",
                       block_top(u->backend)->name, ((QmpJob *)u->opaque)->type);
    }
    return !u->closing;
}

static char *absolute(const char *path)
{
    g_autofree char *dir = g_get_current_dir();

    return g_canonicalize_filename(path, dir);
}

/* Nodes that are in no graph any more. */
static void chain_close(Qmp *q, BlockNode *n)
{
    for (BlockNode *at = n; at; at = at->backing) {
        OptDict *row = at->name ? drive_row_find(qmp_machine(q), at->name) : NULL;

        if (row) {
            drive_row_release(row);
        }
    }
    node_close(n);
}

/* A chain that was opened again has the names of the one it stands for. */
static void names_copy(BlockNode *to, const BlockNode *from)
{
    for (; to && from; to = to->backing, from = from->backing) {
        g_free(to->name);
        to->name = g_strdup(from->name);
    }
}

/* The rows of a chain belong to it. */
static void rows_take(Qmp *q, const BlockNode *n)
{
    for (; n; n = n->backing) {
        OptDict *row = n->name ? drive_row_find(qmp_machine(q), n->name) : NULL;

        if (row) {
            drive_row_take(row);
        }
    }
}

/* ---- questions ---- */

static void add_image(GString *s, BlockNode *n)
{
    Qcow2Info i;

    json_add(s, "{'virtual-size': %u, 'filename': %s, 'format': %s, 'actual-size': %u", n->size,
             n->filename, n->drv->name, node_disk_size(n));
    if (n->drv == &block_driver_qcow2) {
        qcow2_info(n, &i);
        json_add(s,
                 ", 'cluster-size': %u, 'format-specific': {'type': 'qcow2', 'data': {'compat': "
                 "%s, 'compression-type': %s, 'lazy-refcounts': %b, 'refcount-bits': %u, "
                 "'corrupt': %b, 'extended-l2': %b}}",
                 i.cluster_size, i.version == 2 ? "0.10" : "1.1", i.zstd ? "zstd" : "zlib",
                 i.lazy_refcounts, (uint64_t)i.refcount_bits, i.corrupt, i.extended_l2);
    }
    if (n->backing_name) {
        g_autofree char *full = node_path_resolve(n->filename, n->backing_name);

        json_add(s, ", 'backing-filename': %s, 'full-backing-filename': %s", n->backing_name, full);
        if (n->backing_format) {
            json_add(s, ", 'backing-filename-format': %s", n->backing_format);
        }
    }
    if (n->backing) {
        json_add(s, ", 'backing-image': ");
        add_image(s, n->backing);
    }
    if (n->drv == &block_driver_qcow2) {
        json_add(s, ", 'dirty-flag': %b", false);
    }
    g_string_append_c(s, '}');
}

static void add_children(GString *s, const BlockNode *n)
{
    const struct {
        const char *name;
        const BlockNode *node;
    } rows[] = {{"file", n->file}, {"data-file", n->data}, {"backing", n->backing}};

    g_string_append(s, ", \"children\": [");
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].node && rows[i].node->name) {
            json_comma(s);
            json_add(s, "{'child': %s, 'node-name': %s}", rows[i].name, rows[i].node->name);
        }
    }
    g_string_append_c(s, ']');
}

/* A device is called by its id, unless it is a part of one. */
static void add_qdev(GString *s, const DriveUse *u)
{
    bool part = u->path && g_str_has_suffix(u->path, "/virtio-backend");

    if (u->path || u->qdev) {
        json_add(s, ", 'qdev': %s", u->qdev && !part ? u->qdev : u->path);
    }
}

static void add_node(GString *s, BlockNode *n, bool writeback)
{
    uint64_t depth = 0;

    for (BlockNode *b = n->backing; b; b = b->backing) {
        depth++;
    }
    json_add(s,
             "{'iops_rd': 0, 'detect_zeroes': 'off', 'active': true, 'iops_wr': 0, 'ro': %b, "
             "'node-name': %s, 'backing_file_depth': %u, 'drv': %s, 'iops': 0, 'bps_wr': 0, "
             "'write_threshold': 0, 'encrypted': false, 'bps': 0, 'bps_rd': 0, 'cache': "
             "{'no-flush': %b, 'direct': %b, 'writeback': %b}, 'file': %s, 'image': ",
             n->read_only, n->name, depth, n->drv->name, (n->file ? n->file : n)->host.no_flush,
             (n->file ? n->file : n)->host.direct_fd > 0, writeback, n->filename);
    add_image(s, n);
    if (n->backing) {
        json_add(s, ", 'backing_file': %s", n->backing->filename);
    }
    add_children(s, n);
    g_string_append_c(s, '}');
}

static bool cmd_query_block(Qmp *q, OptDict *a, GString *out, GError **err)
{
    DriveUse *u;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (u = use_at(q, i)); i++) {
        names_give(q, u);
        json_comma(out);
        json_add(out,
                 "{'io-status': 'ok', 'device': %s, 'locked': false, 'removable': false, 'type': "
                 "'unknown', 'inserted': ",
                 u->id ? u->id : "");
        add_node(out, block_top(u->backend), block_is_writeback(u->backend));
        add_qdev(out, u);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_query_nodes(Qmp *q, OptDict *a, GString *out, GError **err)
{
    DriveUse *u;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (u = use_at(q, i)); i++) {
        names_give(q, u);
        for (BlockNode *n = block_top(u->backend); n; n = n->backing) {
            json_comma(out);
            add_node(out, n, true);
            json_comma(out);
            add_node(out, n->file, true);
        }
    }
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_query_blockstats(Qmp *q, OptDict *a, GString *out, GError **err)
{
    DriveUse *u;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (u = use_at(q, i)); i++) {
        BlockStats s;

        names_give(q, u);
        block_stats(u->backend, &s);
        json_comma(out);
        json_add(
            out,
            "{'device': %s, 'node-name': %s, 'stats': {'rd_bytes': %u, 'wr_bytes': %u, "
            "'unmap_bytes': %u, 'rd_operations': %u, 'wr_operations': %u, "
            "'unmap_operations': %u, 'flush_operations': %u, 'zone_append_bytes': 0, "
            "'zone_append_operations': 0, 'zone_append_total_time_ns': 0, 'zone_append_merged': 0, "
            "'failed_zone_append_operations': 0, 'invalid_zone_append_operations': 0, "
            "'rd_total_time_ns': 0, 'wr_total_time_ns': 0, "
            "'flush_total_time_ns': 0, 'unmap_total_time_ns': 0, 'rd_merged': 0, 'wr_merged': "
            "0, 'unmap_merged': 0, 'failed_rd_operations': 0, 'failed_wr_operations': 0, "
            "'failed_flush_operations': 0, 'failed_unmap_operations': 0, "
            "'invalid_rd_operations': 0, 'invalid_wr_operations': 0, "
            "'invalid_flush_operations': 0, 'invalid_unmap_operations': 0, 'account_invalid': "
            "false, 'account_failed': false, 'timed_stats': [], 'wr_highest_offset': 0}",
            u->id ? u->id : "", block_top(u->backend)->name, s.bytes[BLOCK_READ],
            s.bytes[BLOCK_WRITE] + s.bytes[BLOCK_WRITE_ZEROES], s.bytes[BLOCK_DISCARD],
            s.operations[BLOCK_READ], s.operations[BLOCK_WRITE] + s.operations[BLOCK_WRITE_ZEROES],
            s.operations[BLOCK_DISCARD], s.operations[BLOCK_FLUSH]);
        add_qdev(out, u);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
    return true;
}

/* ---- jobs: what is said of them ---- */

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

    job_info(j->job, &i);
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
    GPtrArray *jobs = block_of(q)->jobs;

    for (unsigned i = 0; i < jobs->len; i++) {
        QmpJob *j = g_ptr_array_index(jobs, i);

        if (!strcmp(j->id, id)) {
            return j;
        }
    }
    return NULL;
}

static bool cmd_query_block_jobs(Qmp *q, OptDict *a, GString *out, GError **err)
{
    GPtrArray *jobs = block_of(q)->jobs;

    g_string_append_c(out, '[');
    for (unsigned k = 0; k < jobs->len; k++) {
        QmpJob *j = g_ptr_array_index(jobs, k);
        JobInfo i;

        job_info(j->job, &i);
        json_comma(out);
        json_add(out,
                 "{'auto-finalize': %b, 'io-status': 'ok', 'device': %s, 'auto-dismiss': %b, "
                 "'busy': %b, 'len': %u, 'offset': %u, 'status': %s, 'paused': %b, 'speed': %u, "
                 "'ready': %b, 'type': %s",
                 j->auto_finalize, j->id, j->auto_dismiss, i.status == JOB_RUNNING, i.total, i.done,
                 j->status, j->paused, i.speed, j->ready, j->type);
        if (j->ended && j->ret < 0) {
            json_add(out, ", 'error': %s", g_strerror(-j->ret));
        }
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_query_jobs(Qmp *q, OptDict *a, GString *out, GError **err)
{
    GPtrArray *jobs = block_of(q)->jobs;

    g_string_append_c(out, '[');
    for (unsigned k = 0; k < jobs->len; k++) {
        QmpJob *j = g_ptr_array_index(jobs, k);
        JobInfo i;

        job_info(j->job, &i);
        json_comma(out);
        json_add(
            out,
            "{'current-progress': %u, 'status': %s, 'total-progress': %u, 'type': %s, 'id': %s",
            i.done, j->status, i.total, j->type, j->id);
        if (j->ended && j->ret < 0) {
            json_add(out, ", 'error': %s", g_strerror(-j->ret));
        }
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
    return true;
}

/* ---- jobs: their ends ---- */

static void row_drop(QmpJob *j)
{
    if (j->row) {
        drive_row_release(j->row);
        if (j->own_row) {
            g_ptr_array_remove(qmp_machine(j->q)->blockdevs, j->row);
        }
        j->row = NULL;
        rows_take(j->q, block_top(j->use->backend)); /* the base of a commit is still there */
    }
}

/* The name of the backing file that an image is to have, as the header is to say it. */
static const char *backing_of(QmpJob *j, char **own)
{
    return j->backing_file ? j->backing_file
           : j->base       ? (*own = absolute(j->base->filename))
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
        chain_close(j->q, gone);
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
    names_copy(j->target, j->base);
    /* The old base goes with the images above it; the written one has a chain of its own. */
    BlockNode *gone = above->backing;
    above->backing = j->target;
    chain_close(j->q, gone);
    rows_take(j->q, block_top(j->use->backend));
    j->target = NULL;
}

static void job_drop(QmpJob *j)
{
    j->gone = true;
    g_ptr_array_remove(block_of(j->q)->jobs, j);
    job_free(j->job);
    j->job = NULL;
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
        chain_close(j->q, j->old);
        rows_take(j->q, block_top(u->backend));
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
    job_say(j, j->ret == -ECANCELED ? "BLOCK_JOB_CANCELLED" : "BLOCK_JOB_COMPLETED",
            j->ret < 0 && j->ret != -ECANCELED ? g_strerror(-j->ret) : NULL);
    job_say_status(j, "concluded");
    if (j->auto_dismiss) {
        job_dismiss(j);
    }
}

static void job_ended(QmpJob *j)
{
    g_autoptr(GString) s = g_string_new(NULL);

    j->ended = true;
    j->ret = job_wait(j->job);
    if (j->ret < 0) {
        if (j->ret != -ECANCELED) {
            json_add(s, "{'device': %s, 'operation': 'write', 'action': 'report'}", j->id);
            qmp_event(j->q, "BLOCK_JOB_ERROR", s->str);
        }
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
static void job_update(QmpJob *j)
{
    JobInfo i;

    job_info(j->job, &i);
    bool paused = i.status == JOB_PAUSED;
    if (i.status == JOB_CONCLUDED) {
        job_ended(j);
        return;
    }
    if (paused && !j->paused) {
        job_say_status(j, j->ready ? "standby" : "paused");
    } else if (!paused && j->paused) {
        job_say_status(j, j->ready ? "ready" : "running");
    }
    j->paused = paused;
    if (i.status == JOB_READY && !j->ready) {
        j->ready = true;
        job_say_status(j, "ready");
        job_say(j, "BLOCK_JOB_READY", NULL);
    }
}

static void job_clear(gpointer opaque)
{
    QmpJob *j = opaque;

    g_free(j->id);
    g_free(j->backing_file);
}

static void job_posted(void *opaque)
{
    QmpJob *j = opaque;

    if (!j->gone && !j->ended) {
        job_update(j);
    }
    g_atomic_rc_box_release_full(j, job_clear);
}

static void job_changed(void *opaque)
{
    QmpJob *j = opaque;

    mainloop_post(qmp_machine(j->q)->loop, job_posted, g_atomic_rc_box_acquire(j));
}

static void job_pivot(void *opaque)
{
    QmpJob *j = opaque;

    j->old = block_replace(j->use->backend, j->target);
}

/* The device goes. */
static void use_closing(DriveUse *u)
{
    QmpJob *j = u->opaque;

    if (!j->ended) {
        job_cancel(j->job, true);
        job_ended(j);
    }
    if (j->pending) {
        job_conclude(j);
    }
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
} NewJob;

/* Takes the target, also when it fails. */
static bool job_begin(Qmp *q, OptDict *a, const NewJob *n, GError **err)
{
    const char *id = opt_get(a, "job-id");
    JobOptions o = {.kind = n->kind,
                    .backend = n->kind == JOB_COMMIT ? NULL : n->use->backend,
                    .source = n->source,
                    .target = n->target,
                    .base = n->base,
                    .sync = n->sync,
                    .pivot = n->kind == JOB_MIRROR ? job_pivot : NULL,
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
    if (qmp_machine(q)->icount_shift != -1) {
        rhea_error_set(err, "Block jobs do not go together with -icount");
    } else if (!id) {
        rhea_error_set(err, "An explicit job ID is required for this node");
    } else if (!opt_check_id(id, NULL)) {
        rhea_error_set(err, "Invalid job ID '%s'", id);
    } else if (job_at(q, id)) {
        rhea_error_set(err, "Job ID '%s' already in use", id);
    } else if (qmp_arg_u64(a, "speed", &o.speed, err) &&
               qmp_arg_u64(a, "granularity", &o.granularity, err)) {
        j->job = job_new(&o, err);
    }
    if (!j->job) {
        node_close(j->target);
        row_drop(j);
        g_atomic_rc_box_release_full(j, job_clear);
        return false;
    }
    j->top = n->source;
    j->base = n->base;
    j->backing_file = g_strdup(opt_get(a, "backing-file"));
    j->auto_finalize = qmp_arg_bool(a, "auto-finalize", true);
    j->auto_dismiss = qmp_arg_bool(a, "auto-dismiss", true);
    n->use->closing = use_closing;
    n->use->opaque = j;
    g_ptr_array_add(block_of(q)->jobs, j);
    job_say_status(j, "created");
    job_say_status(j, "running");
    job_start(j->job);
    return true;
}

static bool sync_take(OptDict *a, JobSync *sync, GError **err)
{
    static const char *const names[] = {"full", "top", "none", NULL};
    int n = 0;

    if (!opt_take_enum(a, "sync", names, &n, NULL)) {
        rhea_error_set(err, "sync mode '%s' is not supported", opt_get(a, "sync"));
        return false;
    }
    *sync = n;
    return true;
}

/* An image for drive-mirror and drive-backup; it becomes a row. */
static bool target_make(Qmp *q, OptDict *a, DriveUse *u, JobSync sync, NewJob *n, GError **err)
{
    const char *path = opt_get(a, "target"), *format = opt_get(a, "format");
    const char *mode = opt_get(a, "mode"), *name = opt_get(a, "node-name");
    BlockNode *source = block_top(u->backend);
    BlockNode *below = sync == JOB_SYNC_TOP    ? source->backing
                       : sync == JOB_SYNC_NONE ? source
                                               : NULL;
    g_autofree char *own = name ? NULL : name_new(q);
    g_autofree char *backing = below ? absolute(below->filename) : NULL;

    format = format ? format : source->drv->name;
    if (g_strcmp0(mode, "existing")) {
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        bool good = fd >= 0 && (strcmp(format, "raw") || ftruncate(fd, source->size) == 0);

        if (!good) {
            rhea_error_set(err, "Could not create '%s': %s", path, g_strerror(errno));
        }
        if (fd >= 0) {
            close(fd);
        }
        Qcow2Create c = {.size = source->size,
                         .version = 3,
                         .cluster_size = 65536,
                         .refcount_bits = 16,
                         .backing = backing,
                         .backing_format = below ? below->drv->name : NULL};
        if (!good || (!strcmp(format, "qcow2") && !qcow2_create(path, &c, err))) {
            return false;
        }
    }
    OptDict *row = opt_new();
    opt_set(row, "driver", format);
    opt_set(row, "node-name", name ? name : own);
    opt_set(row, "file.driver", "file");
    opt_set(row, "file.filename", path);
    if (!config_blockdev(qmp_machine(q), row, err)) {
        opt_free(row);
        return false;
    }
    g_ptr_array_add(qmp_machine(q)->blockdevs, row);
    n->own_row = !name;
    n->target = drive_node_open(qmp_machine(q), name ? name : own, &n->row, err);
    if (!n->target) {
        g_ptr_array_remove(qmp_machine(q)->blockdevs, row);
        return false;
    }
    n->target->name = g_strdup(name ? name : own);
    return true;
}

static bool copy_begin(Qmp *q, OptDict *a, JobKind kind, bool make, GError **err)
{
    NewJob n = {.kind = kind, .type = kind == JOB_MIRROR ? "mirror" : "backup"};

    n.use = use_find(q, opt_get(a, "device"), err);
    if (!n.use || !use_is_free(n.use, err) || !sync_take(a, &n.sync, err)) {
        return false;
    }
    n.source = block_top(n.use->backend);
    if (make) {
        if (!target_make(q, a, n.use, n.sync, &n, err)) {
            return false;
        }
    } else {
        n.target = drive_node_open(qmp_machine(q), opt_get(a, "target"), &n.row, err);
        if (!n.target) {
            return false;
        }
        n.target->name = g_strdup(opt_get(a, "target"));
    }
    return job_begin(q, a, &n, err);
}

static bool cmd_blockdev_mirror(Qmp *q, OptDict *a, GString *out, GError **err)
{
    return copy_begin(q, a, JOB_MIRROR, false, err);
}

static bool cmd_drive_mirror(Qmp *q, OptDict *a, GString *out, GError **err)
{
    return copy_begin(q, a, JOB_MIRROR, true, err);
}

static bool cmd_blockdev_backup(Qmp *q, OptDict *a, GString *out, GError **err)
{
    return copy_begin(q, a, JOB_BACKUP, false, err);
}

static bool cmd_drive_backup(Qmp *q, OptDict *a, GString *out, GError **err)
{
    return copy_begin(q, a, JOB_BACKUP, true, err);
}

static bool cmd_block_stream(Qmp *q, OptDict *a, GString *out, GError **err)
{
    NewJob n = {.kind = JOB_STREAM, .type = "stream"};
    const char *name = opt_get(a, "base-node"), *file = opt_get(a, "base");

    n.use = use_find(q, opt_get(a, "device"), err);
    if (!n.use || !use_is_free(n.use, err)) {
        return false;
    }
    n.source = block_top(n.use->backend);
    if (name || file) {
        n.base = node_in_chain(n.source->backing, name, file);
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

    n.use = use_find(q, opt_get(a, "device"), NULL);
    if (!n.use) {
        qmp_error_class(q, "DeviceNotFound");
        rhea_error_set(err, "Device '%s' not found", opt_get(a, "device"));
        return false;
    }
    BlockNode *active = block_top(n.use->backend);
    n.source = top_name || top_file ? node_in_chain(active, top_name, top_file) : active;
    n.base = n.source ? n.source->backing : NULL;
    if (name || file) {
        n.base = node_in_chain(n.base, name, file);
    }
    while (n.base && !name && !file && n.base->backing) {
        n.base = n.base->backing;
    }
    if (!use_is_free(n.use, err)) {
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
        names_copy(n.target, n.base);
        OptDict *row = drive_row_find(qmp_machine(q), n.base->name);
        n.row = row;
    }
    return job_begin(q, a, &n, err);
}

/* ---- jobs: what is done to them ---- */

static QmpJob *job_arg(Qmp *q, OptDict *a, GError **err)
{
    const char *id = opt_get(a, "id"), *device = opt_get(a, "device");
    QmpJob *j = job_at(q, id ? id : device);

    if (!j && id) {
        rhea_error_set(err, "Job not found");
    } else if (!j) {
        qmp_error_class(q, "DeviceNotActive");
        rhea_error_set(err, "Block job '%s' not found", device);
    }
    return j;
}

/* The verbs, in the words of messages. */
static bool job_may(QmpJob *j, bool good, const char *verb, GError **err)
{
    if (!good) {
        rhea_error_set(err, "Job '%s' in state '%s' cannot accept command verb '%s'", j->id,
                       j->status, verb);
    }
    return good;
}

static bool cmd_job_pause(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_arg(q, a, err);

    if (!j || !job_may(j, !j->ended, "pause", err)) {
        return false;
    }
    job_pause(j->job);
    return true;
}

static bool cmd_job_resume(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_arg(q, a, err);

    if (!j || !job_may(j, !j->ended, "resume", err)) {
        return false;
    }
    job_resume(j->job);
    return true;
}

static bool cmd_job_cancel(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_arg(q, a, err);

    if (!j || !job_may(j, !j->ended || j->pending, "cancel", err)) {
        return false;
    }
    if (j->pending) {
        j->ret = -ECANCELED;
        job_conclude(j);
    } else {
        /* job-cancel always stops at once; block-job-cancel only if told so. */
        job_cancel(j->job, opt_get(a, "id") || qmp_arg_bool(a, "force", false));
    }
    return true;
}

static bool cmd_job_complete(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_arg(q, a, err);

    return j && job_may(j, j->ready && !j->ended, "complete", err) && job_complete(j->job, err);
}

static bool cmd_job_finalize(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_arg(q, a, err);

    if (!j || !job_may(j, j->pending, "finalize", err)) {
        return false;
    }
    job_conclude(j);
    return true;
}

static bool cmd_job_dismiss(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_arg(q, a, err);

    if (!j || !job_may(j, j->ended && !j->pending, "dismiss", err)) {
        return false;
    }
    job_dismiss(j);
    return true;
}

static bool cmd_set_speed(Qmp *q, OptDict *a, GString *out, GError **err)
{
    QmpJob *j = job_arg(q, a, err);
    uint64_t speed = 0;

    if (!j || !qmp_arg_u64(a, "speed", &speed, err) || !job_may(j, !j->ended, "set-speed", err)) {
        return false;
    }
    job_set_speed(j->job, speed);
    return true;
}

/* ---- nodes ---- */

static bool cmd_blockdev_add(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Machine *m = qmp_machine(q);
    OptDict *row = opt_new(), *opened;
    const char *key, *value;

    for (unsigned i = 0; opt_at(a, i, &key, &value); i++) {
        opt_set(row, key, value);
    }
    if (!config_blockdev(m, row, err)) {
        opt_free(row);
        return false;
    }
    g_ptr_array_add(m->blockdevs, row);
    /* Whether it can be opened is to be said now. A node that holds a file for others is theirs. */
    const char *driver = opt_get(row, "driver");
    if (!strcmp(driver, "qcow2") || !strcmp(driver, "raw")) {
        BlockNode *n = drive_node_open(m, opt_get(row, "node-name"), &opened, err);

        if (!n) {
            g_ptr_array_remove(m->blockdevs, row);
            return false;
        }
        node_close(n);
        drive_row_release(row);
    }
    return true;
}

static bool cmd_blockdev_del(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Machine *m = qmp_machine(q);
    const char *name = opt_get(a, "node-name");
    OptDict *row = drive_row_find(m, name);

    if (!row) {
        rhea_error_set(err, "Failed to find node with node-name='%s'", name);
        return false;
    }
    if (drive_row_taken(row)) {
        rhea_error_set(err, "Node %s is in use", name);
        return false;
    }
    g_ptr_array_remove(m->blockdevs, row);
    return true;
}

typedef struct Overlay {
    DriveUse *use;
    BlockNode *node;
    int ret;
} Overlay;

static void overlay_put(void *opaque)
{
    Overlay *o = opaque;
    BlockNode *old = block_top(o->use->backend);

    o->ret = node_flush(old);
    if (o->ret == 0) {
        old->read_only = true;
        o->node->backing = old;
        block_replace(o->use->backend, o->node);
    }
}

/* row: the overlay's. */
static bool overlay_begin(Qmp *q, DriveUse *u, OptDict *row, GError **err)
{
    NodeOptions o = {.path = opt_get(row, "file"), .format = "qcow2", .no_backing = true};
    Overlay v = {.use = u, .node = node_open(&o, err)};

    if (!v.node) {
        return false;
    }
    if (v.node->size != block_size(u->backend)) {
        rhea_error_set(err, "The overlay is of another size than '%s'",
                       block_top(u->backend)->name);
        node_close(v.node);
        return false;
    }
    v.node->name = g_strdup(opt_get(row, "node-name"));
    block_quiesce(u->backend, overlay_put, &v);
    if (v.ret < 0) {
        rhea_error_set(err, "Could not flush '%s': %s", block_top(u->backend)->name,
                       g_strerror(-v.ret));
        node_close(v.node);
        return false;
    }
    drive_row_take(row);
    u->row = row;
    return true;
}

static bool cmd_snapshot_sync(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Machine *m = qmp_machine(q);
    const char *device = opt_get(a, "device"), *node = opt_get(a, "node-name");
    const char *path = opt_get(a, "snapshot-file"), *name = opt_get(a, "snapshot-node-name");
    const char *format = opt_get(a, "format"), *mode = opt_get(a, "mode");
    g_autofree char *own = name ? NULL : name_new(q);

    if (!device && !node) {
        rhea_error_set(err, "Parameter 'device' is missing");
        return false;
    }
    DriveUse *u = use_find(q, device ? device : node, err);
    if (!u || !use_is_free(u, err)) {
        return false;
    }
    if (format && strcmp(format, "qcow2")) {
        rhea_error_set(err, "Format '%s' cannot be an overlay", format);
        return false;
    }
    OptDict *row = opt_new();
    opt_set(row, "driver", "qcow2");
    opt_set(row, "node-name", name ? name : own);
    opt_set(row, "file.driver", "file");
    opt_set(row, "file.filename", path);
    if (g_strcmp0(mode, "existing")) {
        BlockNode *old = block_top(u->backend);
        g_autofree char *backing = absolute(old->filename);
        Qcow2Create c = {.size = old->size,
                         .version = 3,
                         .cluster_size = 65536,
                         .refcount_bits = 16,
                         .backing = backing,
                         .backing_format = old->drv->name};
        int fd = name && drive_row_find(m, name)
                     ? -1
                     : open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        if (fd < 0) {
            rhea_error_set(err, "Could not create '%s': %s", path, g_strerror(errno));
        } else {
            close(fd);
        }
        if (fd < 0 || !qcow2_create(path, &c, err)) {
            opt_free(row);
            return false;
        }
    }
    if (!config_blockdev(m, row, err)) {
        opt_free(row);
        return false;
    }
    g_ptr_array_add(m->blockdevs, row);
    if (!overlay_begin(q, u, row, err)) {
        g_ptr_array_remove(m->blockdevs, row);
        return false;
    }
    return true;
}

static bool cmd_snapshot(Qmp *q, OptDict *a, GString *out, GError **err)
{
    OptDict *row = drive_row_find(qmp_machine(q), opt_get(a, "overlay"));
    DriveUse *u = use_find(q, opt_get(a, "node"), err);

    if (!u || !use_is_free(u, err)) {
        return false;
    }
    if (!row || drive_row_taken(row) || g_strcmp0(opt_get(row, "driver"), "qcow2")) {
        rhea_error_set(err, row ? "Node '%s' cannot be an overlay" : "Cannot find node-name='%s'",
                       opt_get(a, "overlay"));
        return false;
    }
    return overlay_begin(q, u, row, err);
}

static bool cmd_block_resize(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const char *device = opt_get(a, "device"), *node = opt_get(a, "node-name");
    uint64_t size = 0;

    if (!device && !node) {
        rhea_error_set(err, "Parameter 'device' is missing");
        return false;
    }
    DriveUse *u = use_find(q, device ? device : node, err);
    return u && use_is_free(u, err) && qmp_arg_u64(a, "size", &size, err) &&
           block_resize(u->backend, size, err);
}

#define COPY                                                                                       \
    "job-id?:str device:str target:str sync:MirrorSyncMode speed?:int "                            \
    "on-source-error?:BlockdevOnError on-target-error?:BlockdevOnError filter-node-name?:str "     \
    "auto-finalize?:bool auto-dismiss?:bool "
#define FILL                                                                                       \
    "job-id?:str device:str base?:str base-node?:str backing-file?:str "                           \
    "backing-mask-protocol?:bool speed?:int on-error?:BlockdevOnError filter-node-name?:str "      \
    "auto-finalize?:bool auto-dismiss?:bool "

const QmpCommand qmp_block_commands[] = {
    {"block-commit", FILL "top-node?:str top?:str", NULL, cmd_block_commit},
    {"block-job-cancel", "device:str force?:bool", NULL, cmd_job_cancel},
    {"block-job-complete", "device:str", NULL, cmd_job_complete},
    {"block-job-dismiss", "id:str", NULL, cmd_job_dismiss},
    {"block-job-finalize", "id:str", NULL, cmd_job_finalize},
    {"block-job-pause", "device:str", NULL, cmd_job_pause},
    {"block-job-resume", "device:str", NULL, cmd_job_resume},
    {"block-job-set-speed", "device:str speed:int", NULL, cmd_set_speed},
    {"block-stream", FILL, NULL, cmd_block_stream},
    {"block_resize", "device?:str node-name?:str size:int", NULL, cmd_block_resize},
    {"blockdev-add", "driver:str node-name:str *", NULL, cmd_blockdev_add},
    {"blockdev-backup", COPY "compress?:bool x-perf?:any", NULL, cmd_blockdev_backup},
    {"blockdev-del", "node-name:str", NULL, cmd_blockdev_del},
    {"blockdev-mirror",
     COPY "granularity?:int replaces?:str buf-size?:int copy-mode?:MirrorCopyMode", NULL,
     cmd_blockdev_mirror},
    {"blockdev-snapshot", "node:str overlay:str", NULL, cmd_snapshot},
    {"blockdev-snapshot-sync",
     "device?:str node-name?:str snapshot-file:str snapshot-node-name?:str format?:str "
     "mode?:NewImageMode",
     NULL, cmd_snapshot_sync},
    {"drive-backup", COPY "format?:str mode?:NewImageMode compress?:bool", NULL, cmd_drive_backup},
    {"drive-mirror",
     COPY "format?:str mode?:NewImageMode granularity?:int node-name?:str replaces?:str "
          "buf-size?:int unmap?:bool copy-mode?:MirrorCopyMode",
     NULL, cmd_drive_mirror},
    {"job-cancel", "id:str", NULL, cmd_job_cancel},
    {"job-complete", "id:str", NULL, cmd_job_complete},
    {"job-dismiss", "id:str", NULL, cmd_job_dismiss},
    {"job-finalize", "id:str", NULL, cmd_job_finalize},
    {"job-pause", "id:str", NULL, cmd_job_pause},
    {"job-resume", "id:str", NULL, cmd_job_resume},
    {"query-block", "flat?:bool", "[BlockInfo]", cmd_query_block},
    {"query-block-jobs", "", "[BlockJobInfo]", cmd_query_block_jobs},
    {"query-blockstats", "query-nodes?:bool", "[BlockStats]", cmd_query_blockstats},
    {"query-jobs", "", "[JobInfo]", cmd_query_jobs},
    {"query-named-block-nodes", "flat?:bool", "[BlockDeviceInfo]", cmd_query_nodes},
    {0},
};

void qmp_block_end(Qmp *q)
{
    struct QmpBlock **b = qmp_block(q);

    if (!*b) {
        return;
    }
    while ((*b)->jobs->len) {
        QmpJob *j = g_ptr_array_index((*b)->jobs, 0);

        if (!j->ended) {
            job_cancel(j->job, true);
            job_ended(j);
        }
        if (!j->gone && j->pending) {
            job_conclude(j);
        }
        if (!j->gone) {
            job_drop(j);
        }
    }
    g_ptr_array_unref((*b)->jobs);
    g_clear_pointer(b, g_free);
}

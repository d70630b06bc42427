/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: the graph of disk nodes: what it is, and nodes' coming and going.
 *
 * A device's disk is a DriveUse (io/drive.h); the nodes of its chain get names when somebody asks.
 * A row of Machine.blockdevs is opened when a device or a job takes it.
 *
 * Main loop's thread. Test: tests/qmp/
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "io/qcow2.h"
#include "qmp-block.h"
#include "vl.h"

struct QmpBlock {
    GPtrArray *jobs;
    unsigned names;
};

struct QmpBlock *qmp_block_of(Qmp *q)
{
    struct QmpBlock **b = qmp_block(q);

    if (!*b) {
        *b = g_new0(struct QmpBlock, 1);
        (*b)->jobs = g_ptr_array_new();
    }
    return *b;
}

GPtrArray *qmp_jobs(Qmp *q)
{
    return qmp_block_of(q)->jobs;
}

/* ---- the graph ---- */

char *qmp_node_name_new(Qmp *q)
{
    return g_strdup_printf("#block%03u", qmp_block_of(q)->names++);
}

/* Every node of the disk has a name. */
static void names_give(Qmp *q, DriveUse *u)
{
    for (BlockNode *n = block_top(u->backend); n; n = n->backing) {
        n->name = n->name ? n->name : qmp_node_name_new(q);
        n->file->name = n->file->name ? n->file->name : qmp_node_name_new(q);
    }
}

DriveUse *qmp_use_at(Qmp *q, unsigned i)
{
    Machine *m = qmp_machine(q);

    return m->drive_uses && i < m->drive_uses->len ? g_ptr_array_index(m->drive_uses, i) : NULL;
}

/* By id of the drive or device, or name of the topmost node. */
DriveUse *qmp_use_find(Qmp *q, const char *name, GError **err)
{
    DriveUse *u;

    for (unsigned i = 0; (u = qmp_use_at(q, i)); i++) {
        QmpFilter f = {0};

        names_give(q, u);
        if (!g_strcmp0(u->id, name) || !g_strcmp0(u->qdev, name) ||
            !strcmp(block_top(u->backend)->name, name) ||
            (qmp_use_filter(u, &f) && !strcmp(f.name, name))) {
            return u;
        }
    }
    rhea_error_set(err, "Cannot find device='%s' nor node-name='%s'", name, name);
    return NULL;
}

BlockNode *qmp_node_find(Qmp *q, const char *name, DriveUse **use, GError **err)
{
    DriveUse *u = qmp_use_find(q, name, NULL);
    BlockNode *found = u ? block_top(u->backend) : NULL;

    for (unsigned i = 0; !found && (u = qmp_use_at(q, i)); i++) {
        for (BlockNode *n = block_top(u->backend); n && !found; n = n->backing) {
            found = !strcmp(n->name, name) ? n : !strcmp(n->file->name, name) ? n->file : NULL;
        }
        if (found) {
            break;
        }
    }
    if (use) {
        *use = found ? u : NULL;
    }
    if (!found) {
        rhea_error_set(err,
                       drive_row_find(qmp_machine(q), name)
                           ? "Node '%s' is not in use by a device"
                           : "Cannot find device='%s' nor node-name='%s'",
                       name, name);
    }
    return found;
}

/* In a chain: by name, or by the file's. */
BlockNode *qmp_node_in_chain(BlockNode *n, const char *name, const char *file)
{
    for (; n; n = n->backing) {
        if ((name && !g_strcmp0(n->name, name)) || (file && !strcmp(n->filename, file))) {
            break;
        }
    }
    return n;
}

bool qmp_use_is_free(DriveUse *u, GError **err)
{
    QmpFilter f;
    bool busy = qmp_use_filter(u, &f);

    if (busy) {
        rhea_error_set(err, "Node '%s' is busy: block device is in use by block job: %s",
                       f.shown ? f.name : block_top(u->backend)->name, qmp_use_job_type(u));
    }
    return !busy;
}

/* Nodes that are in no graph any more. */
void qmp_chain_close(Qmp *q, BlockNode *n)
{
    drive_chain_release(qmp_machine(q), n);
    node_close(n);
}

/* A chain that was opened again has the names of the one it stands for. */
void qmp_names_copy(BlockNode *to, const BlockNode *from)
{
    for (; to && from; to = to->backing, from = from->backing) {
        g_free(to->name);
        to->name = g_strdup(from->name);
        if (to->file && from->file) {
            g_free(to->file->name);
            to->file->name = g_strdup(from->file->name);
        }
    }
}

/* ---- rows ---- */

static void row_fill(OptDict *row, const OptDict *a)
{
    const char *key, *value;

    for (unsigned i = 0; opt_at(a, i, &key, &value); i++) {
        opt_set(row, key, value);
    }
    if (opt_kind(a, "backing") == JSON_NULL) {
        opt_set(row, "backing", "");
    }
}

void qmp_row_remove(Qmp *q, OptDict *row)
{
    g_ptr_array_remove(qmp_machine(q)->blockdevs, row);
}

OptDict *qmp_row_new(Qmp *q, const char *format, const char *name, const char *path, GError **err)
{
    OptDict *row = opt_new();

    opt_set(row, "driver", format);
    opt_set(row, "node-name", name);
    opt_set(row, "file.driver", "file");
    opt_set(row, "file.filename", path);
    if (!config_blockdev(qmp_machine(q), row, err)) {
        opt_free(row);
        return NULL;
    }
    g_ptr_array_add(qmp_machine(q)->blockdevs, row);
    return row;
}

bool qmp_image_make(const char *path, const char *format, const BlockNode *source,
                    const BlockNode *backing, GError **err)
{
    g_autofree char *below = backing ? node_path_absolute(backing->filename) : NULL;
    Qcow2Create c = {.size = source->size,
                     .version = 3,
                     .cluster_size = 65536,
                     .refcount_bits = 16,
                     .backing = below,
                     .backing_format = backing ? backing->drv->name : NULL};
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good = fd >= 0 && (strcmp(format, "raw") || ftruncate(fd, source->size) == 0);

    if (!good) {
        rhea_error_set(err, "Could not create '%s': %s", path, g_strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return good && (strcmp(format, "qcow2") || qcow2_create(path, &c, err));
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

static void add_children(GString *s, const BlockNode *n, const QmpFilter *f)
{
    const struct {
        const char *name;
        const BlockNode *node;
    } rows[] = {{"file", n->file}, {"data-file", n->data}, {"backing", n->backing}};

    g_string_append(s, ", \"children\": [");
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].node && rows[i].node->name) {
            json_comma(s);
            json_add(s, "{'child': %s, 'node-name': %s}", rows[i].name,
                     f && rows[i].node == f->below ? f->name : rows[i].node->name);
        }
    }
    g_string_append_c(s, ']');
}

static void add_bitmaps(GString *s, const BlockNode *n)
{
    if (!n->bitmaps) {
        return;
    }
    g_string_append(s, ", \"dirty-bitmaps\": [");
    for (const DirtyBitmap *b = n->bitmaps; b; b = b->next) {
        json_comma(s);
        json_add(s,
                 "{'name': %s, 'count': %u, 'granularity': %u, 'recording': %b, 'busy': %b, "
                 "'persistent': false}",
                 b->name, bitmap_count(b), b->granularity, b->enabled, b->busy);
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

/* What is the same of a node and of a filter above it, up to the image. */
static void add_node_head(GString *s, const BlockNode *n, const char *name, const char *driver,
                          uint64_t depth, bool read_only, bool writeback)
{
    json_add(s,
             "{'iops_rd': 0, 'detect_zeroes': 'off', 'active': true, 'iops_wr': 0, 'ro': %b, "
             "'node-name': %s, 'backing_file_depth': %u, 'drv': %s, 'iops': 0, 'bps_wr': 0, "
             "'write_threshold': 0, 'encrypted': false, 'bps': 0, 'bps_rd': 0, 'cache': "
             "{'no-flush': %b, 'direct': %b, 'writeback': %b}, 'file': %s, 'image': ",
             read_only, name, depth, driver, (n->file ? n->file : n)->host.no_flush,
             (n->file ? n->file : n)->host.direct_fd > 0, writeback, n->filename);
}

/* How many nodes are below it, with the filter f, if it is among them. */
static uint64_t depth_of(const BlockNode *n, const QmpFilter *f)
{
    uint64_t depth = 0;

    for (const BlockNode *b = n->backing; b; b = b->backing) {
        depth += f && b == f->below ? 2 : 1;
    }
    return depth;
}

static void add_filter(GString *s, const QmpFilter *f, bool writeback)
{
    BlockNode *n = f->below;

    add_node_head(s, n, f->name, f->driver, depth_of(n, NULL) + 1, f->read_only, writeback);
    json_add(s,
             "{'virtual-size': %u, 'filename': %s, 'format': %s, 'actual-size': %u, "
             "'dirty-flag': false, 'backing-image': ",
             n->size, n->filename, f->driver, node_disk_size(n));
    add_image(s, n);
    json_add(s, "}, 'children': [");
    if (f->target) {
        json_add(s, "{'child': 'target', 'node-name': %s}, ", f->target);
    }
    json_add(s, "{'child': %s, 'node-name': %s}]}", f->child, n->name);
}

/* f: a filter, which may be among the nodes below; or NULL. */
static void add_node(GString *s, BlockNode *n, const QmpFilter *f, bool writeback)
{
    add_node_head(s, n, n->name, n->drv->name, depth_of(n, f), n->read_only, writeback);
    add_image(s, n);
    if (n->backing) {
        json_add(s, ", 'backing_file': %s", n->backing->filename);
    }
    add_children(s, n, f);
    add_bitmaps(s, n);
    g_string_append_c(s, '}');
}

static bool cmd_query_block(Qmp *q, OptDict *a, GString *out, GError **err)
{
    DriveUse *u;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (u = qmp_use_at(q, i)); i++) {
        QmpFilter f;
        bool filter = qmp_use_filter(u, &f), writeback = block_is_writeback(u->backend);

        names_give(q, u);
        json_comma(out);
        json_add(out,
                 "{'io-status': %s, 'device': %s, 'locked': false, 'removable': false, 'type': "
                 "'unknown', 'inserted': ",
                 u->error == 0        ? "ok"
                 : u->error == ENOSPC ? "nospace"
                                      : "failed",
                 u->id ? u->id : "");
        if (filter && f.shown) {
            add_filter(out, &f, writeback);
        } else {
            add_node(out, block_top(u->backend), filter && f.named ? &f : NULL, writeback);
        }
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
    for (unsigned i = 0; (u = qmp_use_at(q, i)); i++) {
        QmpFilter f;
        bool filter = qmp_use_filter(u, &f);

        names_give(q, u);
        if (filter) {
            json_comma(out);
            add_filter(out, &f, true);
        }
        for (BlockNode *n = block_top(u->backend); n; n = n->backing) {
            json_comma(out);
            add_node(out, n, filter ? &f : NULL, true);
            json_comma(out);
            add_node(out, n->file, NULL, true);
        }
    }
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_query_blockstats(Qmp *q, OptDict *a, GString *out, GError **err)
{
    DriveUse *u;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (u = qmp_use_at(q, i)); i++) {
        BlockStats s;
        QmpFilter f;
        bool filter = qmp_use_filter(u, &f) && f.shown;

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
            u->id ? u->id : "", filter ? f.name : block_top(u->backend)->name, s.bytes[BLOCK_READ],
            s.bytes[BLOCK_WRITE] + s.bytes[BLOCK_WRITE_ZEROES], s.bytes[BLOCK_DISCARD],
            s.operations[BLOCK_READ], s.operations[BLOCK_WRITE] + s.operations[BLOCK_WRITE_ZEROES],
            s.operations[BLOCK_DISCARD], s.operations[BLOCK_FLUSH]);
        add_qdev(out, u);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
    return true;
}

/* ---- nodes ---- */

static bool cmd_blockdev_add(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Machine *m = qmp_machine(q);
    OptDict *row = opt_new(), *opened;

    row_fill(row, a);
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
    if (drive_row_taken(m, row)) {
        rhea_error_set(err, "Node %s is in use", name);
        return false;
    }
    g_ptr_array_remove(m->blockdevs, row);
    return true;
}

/* Nobody has it open: the new options count when somebody does. What is in use stays as it is. */
static bool reopen_one(Qmp *q, const OptDict *a, GError **err)
{
    Machine *m = qmp_machine(q);
    const char *name = opt_get(a, "node-name");
    OptDict *row = name ? drive_row_find(m, name) : NULL;
    unsigned at;

    if (!row) {
        rhea_error_set(err,
                       name ? "Failed to find node with node-name='%s'" : "node-name not specified",
                       name);
        return false;
    }
    if (strcmp(opt_get(row, "driver"), opt_get(a, "driver"))) {
        rhea_error_set(err, "Cannot change the option 'driver'");
        return false;
    }
    OptDict *now = opt_new();
    row_fill(now, a);
    g_ptr_array_find(m->blockdevs, row, &at);
    g_ptr_array_index(m->blockdevs, at) = now;
    bool good = config_blockdev(m, now, err);
    if (good && drive_row_taken(m, row)) {
        const char *key, *value;

        for (unsigned i = 0; good && opt_at(now, i, &key, &value); i++) {
            good = !g_strcmp0(opt_get(row, key), value);
            if (!good) {
                rhea_error_set(err, "Cannot change the option '%s' of node '%s': it is in use", key,
                               name);
            }
        }
        g_ptr_array_index(m->blockdevs, at) = row;
        opt_free(now);
    } else if (good) {
        opt_free(row);
    } else {
        g_ptr_array_index(m->blockdevs, at) = row;
        opt_free(now);
    }
    return good;
}

static bool cmd_reopen(Qmp *q, OptDict *a, GString *out, GError **err)
{
    for (unsigned i = 0;; i++) {
        g_autofree char *key = g_strdup_printf("options.%u", i);
        g_autoptr(OptDict) one = opt_sub(a, key);

        if (opt_kind(a, key) == JSON_ABSENT) {
            return true;
        }
        if (!reopen_one(q, one, err)) {
            return false;
        }
    }
}

static bool cmd_block_resize(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const char *device = opt_get(a, "device"), *node = opt_get(a, "node-name");
    uint64_t size = 0;

    if (!device && !node) {
        rhea_error_set(err, "Parameter 'device' is missing");
        return false;
    }
    DriveUse *u = qmp_use_find(q, device ? device : node, err);
    return u && qmp_use_is_free(u, err) && qmp_arg_u64(a, "size", &size, err) &&
           block_resize(u->backend, size, err);
}

const QmpCommand qmp_block_commands[] = {
    {"block_resize", "device?:str node-name?:str size:int", NULL, cmd_block_resize},
    {"blockdev-add", "&BlockdevOptions", NULL, cmd_blockdev_add},
    {"blockdev-del", "node-name:str", NULL, cmd_blockdev_del},
    {"blockdev-reopen", "options:[BlockdevOptions]", NULL, cmd_reopen},
    {"query-block", "flat?:bool", "[BlockInfo]", cmd_query_block},
    {"query-blockstats", "query-nodes?:bool", "[BlockStats]", cmd_query_blockstats},
    {"query-named-block-nodes", "flat?:bool", "[BlockDeviceInfo]", cmd_query_nodes},
    {0},
};

void qmp_block_end(Qmp *q)
{
    struct QmpBlock **b = qmp_block(q);

    if (*b) {
        qmp_jobs_end(q);
        g_ptr_array_unref((*b)->jobs);
        g_clear_pointer(b, g_free);
    }
}

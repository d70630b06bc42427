/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* -drive and -blockdev by id. See include/io/drive.h. Test: tests/unit/test-block.c */
#include "io/drive.h"

#include "io/iothread.h"
#include "io/node.h"
#include "io/throttle.h"

#include <string.h>

/* Key of a drive that a device has taken; '#' cannot stand in a key of the user's. */
#define TAKEN "#taken"

static OptDict *find_in(GPtrArray *list, const char *key, const char *id)
{
    for (unsigned i = 0; list && i < list->len; i++) {
        OptDict *o = g_ptr_array_index(list, i);
        const char *name = opt_get(o, key);

        if (name && strcmp(name, id) == 0) {
            return o;
        }
    }
    return NULL;
}

OptDict *drive_row_find(Machine *m, const char *node_name)
{
    return find_in(m->blockdevs, "node-name", node_name);
}

/* A node of the chain, or a file of one. */
static bool chain_has(const BlockNode *n, const char *name)
{
    for (; n; n = n->backing) {
        const BlockNode *own[] = {n, n->file, n->data};

        for (unsigned i = 0; i < G_N_ELEMENTS(own); i++) {
            if (own[i] && !g_strcmp0(own[i]->name, name)) {
                return true;
            }
        }
    }
    return false;
}

bool drive_row_taken(Machine *m, const OptDict *row)
{
    const char *name = opt_get(row, "node-name");
    bool taken = opt_get(row, TAKEN);

    for (unsigned i = 0; !taken && name && m->drive_uses && i < m->drive_uses->len; i++) {
        const DriveUse *u = g_ptr_array_index(m->drive_uses, i);

        taken = chain_has(block_top(u->backend), name);
    }
    return taken;
}

void drive_row_take(OptDict *row)
{
    opt_set(row, TAKEN, "on");
    opt_mark_used(row, TAKEN);
}

void drive_row_release(OptDict *row)
{
    opt_remove(row, TAKEN);
}

static const char *child_name(BlockNode *n, const OptDict *row, const char *path, const char *child)
{
    g_autofree char *key = g_strconcat(DRIVE_CHILD_NAME, path, child, NULL);
    const char *name = opt_get(row, key);

    if (n && !n->name) {
        n->name = g_strdup(name);
    }
    return name;
}

void drive_names_give(Machine *m, BlockNode *n, OptDict *row)
{
    g_autofree char *path = g_strdup("");

    while (n && row) {
        child_name(n->file, row, path, "file");
        child_name(n->data, row, path, "data-file");
        const char *name = child_name(n->backing, row, path, "backing");
        OptDict *below = name ? drive_row_find(m, name) : NULL;
        char *longer = g_strconcat(below ? "" : path, below ? "" : "backing.", NULL);

        g_free(path);
        path = longer;
        row = below ? below : row;
        n = n->backing;
    }
}

void drive_chain_release(Machine *m, const BlockNode *n)
{
    for (; n; n = n->backing) {
        OptDict *row = n->name ? drive_row_find(m, n->name) : NULL;

        if (row) {
            drive_row_release(row);
        }
    }
}

struct BlockNode *drive_node_open(Machine *m, const char *name, OptDict **row, GError **err)
{
    OptDict *o = drive_row_find(m, name);

    if (!o) {
        rhea_error_set(err, "Cannot find device='%s' nor node-name='%s'", name, name);
        return NULL;
    }
    if (drive_row_taken(m, o)) {
        rhea_error_set(err, "Node '%s' is in use", name);
        return NULL;
    }
    BlockBackend *b = block_open_drive(o, true, err);
    if (!b) {
        return NULL;
    }
    drive_row_take(o);
    *row = o;
    return block_release(b);
}

DriveUse *drive_use(Machine *m, const BlockBackend *b)
{
    for (unsigned i = 0; m->drive_uses && i < m->drive_uses->len; i++) {
        DriveUse *u = g_ptr_array_index(m->drive_uses, i);

        if (u->backend == b) {
            return u;
        }
    }
    return NULL;
}

void drive_errors_forget(Machine *m)
{
    for (unsigned i = 0; m->drive_uses && i < m->drive_uses->len; i++) {
        ((DriveUse *)g_ptr_array_index(m->drive_uses, i))->error = 0;
    }
}

void drives_settle(Machine *m)
{
    for (unsigned i = 0; m->iothreads && i < m->iothreads->len; i++) {
        iothread_flush(g_ptr_array_index(m->iothreads, i));
    }
    for (unsigned i = 0; m->drive_uses && i < m->drive_uses->len; i++) {
        block_drain(((DriveUse *)g_ptr_array_index(m->drive_uses, i))->backend);
    }
}

static void use_add(Machine *m, const char *id, OptDict *row, BlockBackend *b)
{
    DriveUse *u = g_new0(DriveUse, 1);

    u->id = g_strdup(drive_row_find(m, id) == row ? NULL : id);
    u->row = row;
    u->backend = b;
    m->drive_uses = m->drive_uses ? m->drive_uses : g_ptr_array_new();
    g_ptr_array_add(m->drive_uses, u);
}

void drive_close(Machine *m, BlockBackend *b)
{
    DriveUse *u = drive_use(m, b);

    if (u && u->closing) {
        u->closing(u);
    }
    drive_chain_release(m, block_top(b));
    block_close(b);
    if (u) {
        if (u->row) {
            drive_row_release(u->row);
        }
        g_ptr_array_remove(m->drive_uses, u);
        g_free(u->id);
        g_free(u->qdev);
        g_free(u->path);
        g_free(u);
    }
}

BlockBackend *drive_open(Machine *m, const char *id, bool share, OptDict **opts, GError **err)
{
    /* Where a drive sits says nothing to a device that names it. */
    static const char *const place[] = {"if",          "index",        "bus",    "unit",
                                        "media",       "node-name",    "driver", "filename",
                                        "file.driver", "file.filename"};
    OptDict *o = find_in(m->drives, "id", id);

    if (!o) {
        o = find_in(m->blockdevs, "node-name", id);
    }
    if (!o) {
        o = find_in(m->drives, "node-name", id);
    }
    if (!o) {
        rhea_error_set(err, "can't find value '%s'", id);
        return NULL;
    }
    if (drive_row_taken(m, o)) {
        rhea_error_set(err, "Drive '%s' is already in use by another device", id);
        return NULL;
    }
    drive_row_take(o);
    opt_set(o, DRIVE_SHARE_RW, share ? "on" : "off");
    for (unsigned i = 0; i < G_N_ELEMENTS(place); i++) {
        opt_mark_used(o, place[i]);
    }
    const char *key, *value;
    for (unsigned i = 0; opt_at(o, i, &key, &value); i++) {
        if (g_str_has_prefix(key, DRIVE_CHILD_NAME)) {
            opt_mark_used(o, key);
        }
    }
    *opts = o;
    const char *group = opt_take(o, "throttle-group");
    ThrottleGroup *g;
    if (group ? !(g = throttle_find(m, group, err)) : !throttle_drive(m, o, &g, err)) {
        return NULL;
    }
    /* With -icount a run depends on nothing but the guest. */
    BlockBackend *b = block_open_drive(o, m->icount_shift != -1, err);
    if (g && b) {
        block_set_throttle(b, g);
    } else {
        throttle_unref(g);
    }
    if (b) {
        BlockNode *top = block_top(b);

        top->name = top->name ? top->name : g_strdup(opt_get(o, "node-name"));
        drive_names_give(m, top, o);
        use_add(m, id, o, b);
    }
    return b;
}

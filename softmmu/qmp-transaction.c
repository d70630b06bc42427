/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: what is done to disks all or nothing: snapshots, dirty bitmaps, the beginning of backups.
 *
 * "transaction" has a list of actions; each of these is also a command of its own, which is a
 * transaction of one. All disks that are named stand still while the actions take effect, one after
 * the other. When one fails, those before it are undone in reverse order, and no guest's write has
 * come between.
 *
 * Main loop's thread. Test: tests/qmp/
 */
#include <string.h>
#include "io/qcow2.h"
#include "qmp-block.h"

typedef struct Action Action;

typedef struct ActionKind {
    const char *type;
    const char *of[2]; /* arguments that name the disk; the first one that is there counts */
    /* The disk stands still for these two. */
    bool (*apply)(Action *x, GError **err);
    void (*undo)(Action *x);
    /* When all have been applied (good), or undone; may be NULL. */
    void (*done)(Action *x, bool good);
} ActionKind;

struct Action {
    const ActionKind *kind;
    Qmp *q;
    OptDict *a;
    DriveUse *use; /* or NULL */
    BlockNode *node;
    OptDict *row, *old_row;
    bool own_row;
    QmpJob *job;
    DirtyBitmap *bitmap;
    uint64_t *words; /* of the bitmap, before */
    bool was_enabled;
};

/* ---- snapshots ---- */

/* row: the overlay's. */
static bool overlay_put(Action *x, GError **err)
{
    DriveUse *u = x->use;
    BlockNode *old = block_top(u->backend);
    NodeOptions o = {.path = opt_get(x->row, "file"), .format = "qcow2", .no_backing = true};
    BlockNode *n = node_open(&o, err);
    int ret;

    if (!n) {
        return false;
    }
    ret = n->size == block_size(u->backend) ? node_flush(old) : -EINVAL;
    if (ret < 0) {
        if (ret == -EINVAL) {
            rhea_error_set(err, "The overlay is of another size than '%s'", old->name);
        } else {
            rhea_error_set(err, "Could not flush '%s': %s", old->name, g_strerror(-ret));
        }
        node_close(n);
        return false;
    }
    n->name = g_strdup(opt_get(x->row, "node-name"));
    drive_names_give(qmp_machine(x->q), n, x->row);
    x->was_enabled = old->read_only;
    old->read_only = true;
    n->backing = old;
    block_replace(u->backend, n);
    drive_row_take(x->row);
    x->node = n;
    x->old_row = u->row;
    u->row = x->row;
    return true;
}

static void overlay_undo(Action *x)
{
    BlockNode *old = x->node->backing;

    block_replace(x->use->backend, old);
    old->read_only = x->was_enabled;
    x->use->row = x->old_row;
    drive_row_release(x->row);
    x->node->backing = NULL;
    node_close(x->node);
    if (x->own_row) {
        qmp_row_remove(x->q, x->row);
    }
}

/* The disk to get an overlay. */
static bool use_take(Action *x, GError **err)
{
    const char *name = opt_get(x->a, x->kind->of[0]);

    name = name || !x->kind->of[1] ? name : opt_get(x->a, x->kind->of[1]);
    if (!name) {
        rhea_error_set(err, "Parameter 'device' is missing");
    }
    return name && (x->use = qmp_use_find(x->q, name, err)) && qmp_use_is_free(x->use, err);
}

static bool snapshot_sync(Action *x, GError **err)
{
    const char *path = opt_get(x->a, "snapshot-file"), *name = opt_get(x->a, "snapshot-node-name");
    const char *format = opt_get(x->a, "format"), *mode = opt_get(x->a, "mode");
    g_autofree char *own = name ? NULL : qmp_node_name_new(x->q);

    if (!use_take(x, err)) {
        return false;
    }
    if (format && strcmp(format, "qcow2")) {
        rhea_error_set(err, "Format '%s' cannot be an overlay", format);
        return false;
    }
    if (name && drive_row_find(qmp_machine(x->q), name)) {
        rhea_error_set(err, "New overlay node-name already in use");
        return false;
    }
    BlockNode *old = block_top(x->use->backend);
    if (g_strcmp0(mode, "existing") && !qmp_image_make(path, "qcow2", old, old, err)) {
        return false;
    }
    x->row = qmp_row_new(x->q, "qcow2", name ? name : own, path, err);
    x->own_row = true;
    if (x->row && !overlay_put(x, err)) {
        qmp_row_remove(x->q, x->row);
        return false;
    }
    return x->row;
}

static bool snapshot(Action *x, GError **err)
{
    const char *name = opt_get(x->a, "overlay");

    if (!use_take(x, err)) {
        return false;
    }
    x->row = drive_row_find(qmp_machine(x->q), name);
    if (!x->row || drive_row_taken(qmp_machine(x->q), x->row) ||
        g_strcmp0(opt_get(x->row, "driver"), "qcow2")) {
        rhea_error_set(
            err, x->row ? "Node '%s' cannot be an overlay" : "Cannot find node-name='%s'", name);
        return false;
    }
    return overlay_put(x, err);
}

/* ---- bitmaps ---- */

static bool bitmap_take(Action *x, const char *key, GError **err)
{
    const char *name = opt_get(x->a, key);

    if (!qmp_node_find(x->q, opt_get(x->a, "node"), NULL, err)) {
        return false;
    }
    x->node = qmp_node_find(x->q, opt_get(x->a, "node"), NULL, NULL);
    x->bitmap = bitmap_find(x->node->bitmaps, name);
    if (!x->bitmap) {
        rhea_error_set(err, "Dirty bitmap '%s' not found", name);
    }
    return x->bitmap && qmp_bitmap_is_free(x->bitmap, err);
}

static void bitmap_unlink(BlockNode *n, DirtyBitmap *b)
{
    DirtyBitmap **at = &n->bitmaps;

    while (*at != b) {
        at = &(*at)->next;
    }
    *at = b->next;
    b->next = NULL;
}

static void bitmap_link(BlockNode *n, DirtyBitmap *b)
{
    DirtyBitmap **at = &n->bitmaps;

    while (*at) {
        at = &(*at)->next;
    }
    *at = b;
}

static bool bitmap_add(Action *x, GError **err)
{
    const char *name = opt_get(x->a, "name");
    uint64_t granularity = 65536;

    x->node = qmp_node_find(x->q, opt_get(x->a, "node"), NULL, err);
    if (!x->node || !qmp_arg_u64(x->a, "granularity", &granularity, err)) {
        return false;
    }
    if (!*name) {
        rhea_error_set(err, "Bitmap name cannot be empty");
    } else if (granularity < 512 || granularity > 1u << 31 || (granularity & (granularity - 1))) {
        rhea_error_set(err, "Granularity must be power of 2 and at least 512");
    } else if (qmp_arg_bool(x->a, "persistent", false)) {
        rhea_error_set(err, "Bitmap '%s' cannot be persistent: bitmaps are in memory only", name);
    } else if (bitmap_find(x->node->bitmaps, name)) {
        rhea_error_set(err, "Bitmap already exists: %s", name);
    } else {
        x->bitmap = bitmap_new(name, x->node->size, granularity);
        x->bitmap->enabled = !qmp_arg_bool(x->a, "disabled", false);
        bitmap_link(x->node, x->bitmap);
    }
    return x->bitmap;
}

static void bitmap_add_undo(Action *x)
{
    bitmap_unlink(x->node, x->bitmap);
    bitmap_free(x->bitmap);
}

static bool bitmap_remove(Action *x, GError **err)
{
    if (!bitmap_take(x, "name", err)) {
        return false;
    }
    bitmap_unlink(x->node, x->bitmap);
    return true;
}

static void bitmap_remove_undo(Action *x)
{
    bitmap_link(x->node, x->bitmap);
}

static void bitmap_remove_done(Action *x, bool good)
{
    if (good) {
        bitmap_free(x->bitmap);
    }
}

/* Its contents change. */
static void words_keep(Action *x)
{
    size_t n = x->bitmap->n_words * sizeof(x->words[0]);

    x->words = g_memdup2(x->bitmap->words, n);
}

static void words_undo(Action *x)
{
    uint64_t *now = x->bitmap->words;

    x->bitmap->words = x->words;
    x->words = now;
}

static bool clear(Action *x, GError **err)
{
    if (!bitmap_take(x, "name", err)) {
        return false;
    }
    words_keep(x);
    bitmap_clear(x->bitmap);
    return true;
}

static bool bitmap_switch(Action *x, bool on, GError **err)
{
    if (!bitmap_take(x, "name", err)) {
        return false;
    }
    x->was_enabled = x->bitmap->enabled;
    x->bitmap->enabled = on;
    return true;
}

static bool bitmap_enable(Action *x, GError **err)
{
    return bitmap_switch(x, true, err);
}

static bool bitmap_disable(Action *x, GError **err)
{
    return bitmap_switch(x, false, err);
}

static void bitmap_switch_undo(Action *x)
{
    x->bitmap->enabled = x->was_enabled;
}

/* One of "bitmaps": a name, or a node and a name. */
static const DirtyBitmap *merge_source(Action *x, unsigned i, bool *end, GError **err)
{
    g_autofree char *key = g_strdup_printf("bitmaps.%u", i);
    g_autofree char *node = g_strconcat(key, ".node", NULL);
    g_autofree char *name = g_strconcat(key, ".name", NULL);
    const char *other = opt_get(x->a, node), *bitmap = opt_get(x->a, other ? name : key);
    BlockNode *n = other ? qmp_node_find(x->q, other, NULL, err) : x->node;

    *end = !bitmap;
    if (!bitmap || !n) {
        return NULL;
    }
    const DirtyBitmap *b = bitmap_find(n->bitmaps, bitmap);
    if (!b) {
        rhea_error_set(err, "Dirty bitmap '%s' not found", bitmap);
    } else if (b->size != x->bitmap->size) {
        rhea_error_set(err,
                       "Bitmaps are of different sizes (destination size is %" G_GUINT64_FORMAT
                       ", source size is %" G_GUINT64_FORMAT ")",
                       x->bitmap->size, b->size);
        b = NULL;
    }
    return b;
}

static bool merge(Action *x, GError **err)
{
    bool end = false;

    if (!bitmap_take(x, "target", err)) {
        return false;
    }
    for (unsigned i = 0; !end; i++) {
        if (!merge_source(x, i, &end, err) && !end) {
            return false;
        }
    }
    words_keep(x);
    end = false;
    for (unsigned i = 0; !end; i++) {
        const DirtyBitmap *b = merge_source(x, i, &end, NULL);

        if (b) {
            bitmap_merge(x->bitmap, b);
        }
    }
    return true;
}

static void words_done(Action *x, bool good)
{
    g_free(x->words);
}

/* ---- backups ---- */

static bool backup(Action *x, GError **err)
{
    x->job = qmp_backup_new_quiesced(x->q, x->a, !strcmp(x->kind->type, "drive-backup"), err);
    return x->job;
}

static void backup_undo(Action *x)
{
    qmp_backup_undo_quiesced(x->job);
}

static void backup_done(Action *x, bool good)
{
    if (good) {
        qmp_backup_start(x->job);
    }
}

static bool give_up(Action *x, GError **err)
{
    rhea_error_set(err, "Transaction aborted using Abort action");
    return false;
}

static const ActionKind kinds[] = {
    {"abort", {NULL}, give_up, NULL, NULL},
    {"block-dirty-bitmap-add", {"node"}, bitmap_add, bitmap_add_undo, NULL},
    {"block-dirty-bitmap-clear", {"node"}, clear, words_undo, words_done},
    {"block-dirty-bitmap-disable", {"node"}, bitmap_disable, bitmap_switch_undo, NULL},
    {"block-dirty-bitmap-enable", {"node"}, bitmap_enable, bitmap_switch_undo, NULL},
    {"block-dirty-bitmap-merge", {"node"}, merge, words_undo, words_done},
    {"block-dirty-bitmap-remove", {"node"}, bitmap_remove, bitmap_remove_undo, bitmap_remove_done},
    {"blockdev-backup", {"device"}, backup, backup_undo, backup_done},
    {"blockdev-snapshot", {"node"}, snapshot, overlay_undo, NULL},
    {"blockdev-snapshot-sync", {"device", "node-name"}, snapshot_sync, overlay_undo, NULL},
    {"drive-backup", {"device"}, backup, backup_undo, backup_done},
};

/* ---- transactions ---- */

typedef struct Transaction {
    GArray *actions;   /* Action */
    GPtrArray *uses;   /* DriveUse *: that are to stand still; */
    unsigned standing; /* so many do */
    GError **err;
    bool good;
} Transaction;

static void run_quiesced(Transaction *t)
{
    unsigned n = 0;

    t->good = true;
    while (t->good && n < t->actions->len) {
        Action *x = &g_array_index(t->actions, Action, n);

        t->good = x->kind->apply(x, t->err);
        n += t->good;
    }
    while (!t->good && n-- > 0) {
        Action *x = &g_array_index(t->actions, Action, n);

        x->kind->undo(x);
    }
}

/* One disk after the other stops, and starts again when all is done. */
static void stand_still(void *opaque)
{
    Transaction *t = opaque;

    if (t->standing == t->uses->len) {
        run_quiesced(t);
    } else {
        DriveUse *u = g_ptr_array_index(t->uses, t->standing++);

        block_quiesce(u->backend, stand_still, t);
    }
}

static void action_add(Transaction *t, Qmp *q, const char *type, OptDict *a)
{
    Action x = {.q = q, .a = a};

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (!strcmp(kinds[i].type, type)) {
            x.kind = &kinds[i];
        }
    }
    for (unsigned i = 0; i < 2 && !x.use && x.kind->of[i]; i++) {
        const char *name = opt_get(a, x.kind->of[i]);

        if (name) { /* if it is not there yet, it is about to be on a disk that is */
            qmp_node_find(q, name, &x.use, NULL);
        }
    }
    if (x.use && !g_ptr_array_find(t->uses, x.use, NULL)) {
        g_ptr_array_add(t->uses, x.use);
    }
    g_array_append_val(t->actions, x);
}

static bool transaction_run(Transaction *t, GError **err)
{
    t->err = err;
    stand_still(t);
    for (unsigned i = 0; i < t->actions->len; i++) {
        Action *x = &g_array_index(t->actions, Action, i);

        if (x->kind->done) {
            x->kind->done(x, t->good);
        }
    }
    return t->good;
}

static bool single(Qmp *q, const char *type, OptDict *a, GError **err)
{
    g_autoptr(GArray) actions = g_array_new(FALSE, TRUE, sizeof(Action));
    g_autoptr(GPtrArray) uses = g_ptr_array_new();
    Transaction t = {.actions = actions, .uses = uses};

    action_add(&t, q, type, a);
    return transaction_run(&t, err);
}

static bool cmd_transaction(Qmp *q, OptDict *a, GString *out, GError **err)
{
    g_autoptr(GArray) actions = g_array_new(FALSE, TRUE, sizeof(Action));
    g_autoptr(GPtrArray) uses = g_ptr_array_new(),
                         args = g_ptr_array_new_with_free_func((GDestroyNotify)opt_free);
    Transaction t = {.actions = actions, .uses = uses};

    for (unsigned i = 0;; i++) {
        g_autofree char *type = g_strdup_printf("actions.%u.type", i);
        g_autofree char *data = g_strdup_printf("actions.%u.data", i);

        if (!opt_get(a, type)) {
            break;
        }
        g_ptr_array_add(args, opt_sub(a, data));
        action_add(&t, q, opt_get(a, type), g_ptr_array_index(args, i));
    }
    return transaction_run(&t, err);
}

#define SINGLE(fn, type)                                                                           \
    static bool fn(Qmp *q, OptDict *a, GString *out, GError **err)                                 \
    {                                                                                              \
        return single(q, type, a, err);                                                            \
    }
SINGLE(cmd_bitmap_add, "block-dirty-bitmap-add")
SINGLE(cmd_bitmap_clear, "block-dirty-bitmap-clear")
SINGLE(cmd_bitmap_disable, "block-dirty-bitmap-disable")
SINGLE(cmd_bitmap_enable, "block-dirty-bitmap-enable")
SINGLE(cmd_bitmap_merge, "block-dirty-bitmap-merge")
SINGLE(cmd_bitmap_remove, "block-dirty-bitmap-remove")
SINGLE(cmd_blockdev_backup, "blockdev-backup")
SINGLE(cmd_snapshot, "blockdev-snapshot")
SINGLE(cmd_snapshot_sync, "blockdev-snapshot-sync")
SINGLE(cmd_drive_backup, "drive-backup")

const QmpCommand qmp_transaction_commands[] = {
    {"block-dirty-bitmap-add", "&BlockDirtyBitmapAdd", NULL, cmd_bitmap_add},
    {"block-dirty-bitmap-clear", "&BlockDirtyBitmap", NULL, cmd_bitmap_clear},
    {"block-dirty-bitmap-disable", "&BlockDirtyBitmap", NULL, cmd_bitmap_disable},
    {"block-dirty-bitmap-enable", "&BlockDirtyBitmap", NULL, cmd_bitmap_enable},
    {"block-dirty-bitmap-merge", "&BlockDirtyBitmapMerge", NULL, cmd_bitmap_merge},
    {"block-dirty-bitmap-remove", "&BlockDirtyBitmap", NULL, cmd_bitmap_remove},
    {"blockdev-backup", "&BlockdevBackup", NULL, cmd_blockdev_backup},
    {"blockdev-snapshot", "&BlockdevSnapshot", NULL, cmd_snapshot},
    {"blockdev-snapshot-sync", "&BlockdevSnapshotSync", NULL, cmd_snapshot_sync},
    {"drive-backup", "&DriveBackup", NULL, cmd_drive_backup},
    {"transaction", "actions:[TransactionAction] properties?:TransactionProperties", NULL,
     cmd_transaction},
    {0},
};

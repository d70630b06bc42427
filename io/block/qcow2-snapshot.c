/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * qcow2: internal snapshots ("Snapshots"). See qcow2.h.
 *
 * Order: a cluster's "written in place" flag goes before its count goes up; counts are up before a
 * table that names the clusters again is reachable; they go down after the last such table is gone.
 *
 * Test: tests/unit/test-qcow2.c
 */
#include "qcow2.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include "rhea/error.h"

static void snapshot_clear(Qcow2Snapshot *sn)
{
    g_free(sn->id);
    g_free(sn->name);
    g_free(sn->extra);
}

void qcow2_snapshots_free(Qcow2 *s)
{
    for (unsigned i = 0; i < s->snapshots->len; i++) {
        snapshot_clear(&g_array_index(s->snapshots, Qcow2Snapshot, i));
    }
    g_array_set_size(s->snapshots, 0);
}

static bool bad(GError **err, const Qcow2 *s, const char *what)
{
    rhea_error_set(err, "'%s': %s", s->node->filename, what);
    return false;
}

bool qcow2_snapshots_read(Qcow2 *s, uint64_t offset, uint32_t count, GError **err)
{
    uint64_t at = offset,
             limit = MIN(s->file->size - MIN(offset, s->file->size), MAX_SNAPTAB_BYTES);

    s->snapshots_offset = offset;
    if (count == 0) {
        return true;
    }
    if (count > MAX_SNAPSHOTS || !cluster_aligned(s, offset) || offset > INT64_MAX) {
        return bad(err, s, "Snapshot table too large or unaligned");
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t h[40], more[16];
        Qcow2Snapshot sn = {.disk_size = s->node->size};

        if (at - offset + sizeof(h) > limit || node_pread(s->file, at, h, sizeof(h)) < 0) {
            return bad(err, s, "the snapshot table goes beyond the end of the file");
        }
        unsigned id_len = be16_get(h + 12), name_len = be16_get(h + 14);
        uint32_t extra = be32_get(h + 36);
        sn.l1_offset = be64_get(h);
        sn.l1_size = be32_get(h + 8);
        sn.sec = be32_get(h + 16);
        sn.nsec = be32_get(h + 20);
        sn.clock = be64_get(h + 24);
        sn.vm_size = be32_get(h + 32);
        at += sizeof(h);
        if (extra > 1024 || at - offset + extra + id_len + name_len > limit) {
            return bad(err, s, "an entry of the snapshot table is too large");
        }
        if ((uint64_t)sn.l1_size * 8 > MAX_L1_BYTES || !cluster_aligned(s, sn.l1_offset) ||
            sn.l1_offset > INT64_MAX) {
            return bad(err, s, "a snapshot's L1 table is invalid");
        }
        memset(more, 0, sizeof(more));
        if (node_pread(s->file, at, more, MIN(extra, 16)) < 0) {
            return bad(err, s, "the snapshot table cannot be read");
        }
        if (extra >= 8) {
            sn.vm_size = be64_get(more);
        }
        if (extra >= 16) {
            sn.disk_size = be64_get(more + 8);
            sn.extra_len = extra - 16;
        }
        if (sn.disk_size > INT64_MAX ||
            sn.l1_size < sn.disk_size / l1_span(s) + (sn.disk_size % l1_span(s) != 0)) {
            return bad(err, s, "a snapshot's L1 table is too small");
        }
        sn.extra = g_malloc0(sn.extra_len + 1);
        sn.id = g_malloc0(id_len + 1);
        sn.name = g_malloc0(name_len + 1);
        g_array_append_val(s->snapshots, sn);
        if (node_pread(s->file, at + 16, sn.extra, sn.extra_len) < 0 ||
            node_pread(s->file, at + extra, sn.id, id_len) < 0 ||
            node_pread(s->file, at + extra + id_len, sn.name, name_len) < 0) {
            return bad(err, s, "the snapshot table cannot be read");
        }
        at = offset + round_up(at + extra + id_len + name_len - offset, 8);
    }
    s->snapshots_len = at - offset;
    return true;
}

static uint8_t *table_make(const Qcow2 *s, uint64_t *len)
{
    GByteArray *b = g_byte_array_new();

    for (unsigned i = 0; i < s->snapshots->len; i++) {
        const Qcow2Snapshot *sn = &g_array_index(s->snapshots, Qcow2Snapshot, i);
        uint8_t h[56] = {0};
        static const uint8_t pad[8];

        be64_put(h, sn->l1_offset);
        be32_put(h + 8, sn->l1_size);
        be16_put(h + 12, strlen(sn->id));
        be16_put(h + 14, strlen(sn->name));
        be32_put(h + 16, sn->sec);
        be32_put(h + 20, sn->nsec);
        be64_put(h + 24, sn->clock);
        be32_put(h + 32, sn->vm_size > UINT32_MAX ? 0 : sn->vm_size);
        be32_put(h + 36, 16 + sn->extra_len);
        be64_put(h + 40, sn->vm_size);
        be64_put(h + 48, sn->disk_size);
        g_byte_array_append(b, h, sizeof(h));
        g_byte_array_append(b, sn->extra, sn->extra_len);
        g_byte_array_append(b, (uint8_t *)sn->id, strlen(sn->id));
        g_byte_array_append(b, (uint8_t *)sn->name, strlen(sn->name));
        g_byte_array_append(b, pad, round_up(b->len, 8) - b->len);
    }
    *len = b->len;
    return g_byte_array_free(b, FALSE);
}

/* The list as it is in memory becomes the one on disk, at once. */
static int table_write(Qcow2 *s)
{
    uint64_t len, at = 0, n, old = s->snapshots_offset, old_len = s->snapshots_len;
    g_autofree uint8_t *table = table_make(s, &len);
    uint8_t where[12];
    int ret = 0;

    if (len) {
        n = (len + s->cluster_size - 1) / s->cluster_size;
        ret = qcow2_alloc(s, &n, true, &at);
        ret = ret < 0 ? ret : node_pwrite(s->file, at, table, len);
        ret = ret < 0 ? ret : qcow2_sync(s);
    }
    be32_put(where, s->snapshots->len);
    be64_put(where + 4, at);
    ret = ret < 0 ? ret : node_pwrite(s->file, 60, where, 12);
    ret = ret < 0 ? ret : node_flush(s->file);
    if (ret == 0) {
        s->snapshots_offset = at;
        s->snapshots_len = len;
        qcow2_free_later(s, old, old_len);
    }
    return ret;
}

int qcow2_read_l1(Qcow2 *s, uint64_t offset, uint32_t size, uint64_t **l1)
{
    *l1 = g_new0(uint64_t, MAX(size, 1));
    int ret = node_pread(s->file, offset, *l1, (uint64_t)size * 8);

    for (uint32_t i = 0; i < size; i++) {
        (*l1)[i] = GUINT64_FROM_BE((*l1)[i]);
    }
    return ret;
}

typedef enum Walk {
    WALK_UNSHARE, /* clear the flags */
    WALK_FLAGS,   /* make the flags from the counts */
    WALK_CAN,     /* may all counts go up? */
    WALK_UP,
    WALK_DOWN,
} Walk;

static int one_cluster(Qcow2 *s, uint64_t off, uint64_t len, Walk how, uint64_t *word)
{
    uint64_t count = 0;
    int ret = 0;

    switch (how) {
    case WALK_UNSHARE:
        *word &= ~L_COPIED;
        return 0;
    case WALK_FLAGS:
        ret = qcow2_refcount_get(s, off / s->cluster_size, &count);
        *word = (*word & ~L_COPIED) | (count == 1 ? L_COPIED : 0);
        return ret;
    case WALK_CAN:
        ret = qcow2_refcount_get(s, off / s->cluster_size, &count);
        return ret == 0 && count >= qcow2_refcount_max(s) ? -EOVERFLOW : ret;
    case WALK_UP:
    case WALK_DOWN:
        return qcow2_refcount_add(s, off, len, how == WALK_UP ? 1 : -1);
    }
    return ret;
}

/* A count that falls to 0 drops what was a table there from memory, in a corrupt image even the one
 * that is walked: so it goes by a copy. Only flags are changed, and those by no count. */
static int walk(Qcow2 *s, uint64_t *l1, uint32_t size, Walk how)
{
    g_autofree uint64_t *copy = g_malloc(s->cluster_size);

    for (uint32_t i = 0; i < size; i++) {
        uint64_t at = l1[i] & L_OFFSET;
        Table *t;
        int ret;

        if (!at) {
            continue;
        }
        if (!cluster_aligned(s, at)) {
            return qcow2_corrupt(s, "L2 table offset %#" G_GINT64_MODIFIER "x unaligned", at);
        }
        ret = qcow2_l2_load(s, at, &t);
        if (ret == 0) {
            memcpy(copy, t->data, s->cluster_size);
        }
        for (unsigned k = 0; ret == 0 && k < l2_entries(s); k++) {
            uint64_t word = be64_get(&copy[k * s->entry_words]), old = word, off, len;

            if (word & L_COMPRESSED) {
                if (how == WALK_UNSHARE || how == WALK_FLAGS) {
                    continue;
                }
                qcow2_compressed_range(s, word, &off, &len);
            } else {
                off = word & L_OFFSET;
                len = s->cluster_size;
                if (!off) {
                    continue;
                }
                if (!cluster_aligned(s, off)) {
                    return qcow2_corrupt(s, "cluster offset %#" G_GINT64_MODIFIER "x unaligned",
                                         off);
                }
            }
            ret = one_cluster(s, off, len, how, &word);
            if (ret == 0 && word != old) {
                be64_put(&t->data[k * s->entry_words], word);
                t->dirty = true;
            }
        }
        ret = ret < 0 ? ret : one_cluster(s, at, s->cluster_size, how, &l1[i]);
        if (ret == 0 && g_hash_table_size(s->l2.tables) > 2 * s->l2.limit) {
            ret = qcow2_sync(s);
        }
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

unsigned qcow2_snapshot_count(BlockNode *n)
{
    return n->qcow2->snapshots->len;
}

const Qcow2Snapshot *qcow2_snapshot_at(BlockNode *n, unsigned i)
{
    return &g_array_index(n->qcow2->snapshots, Qcow2Snapshot, i);
}

/* An id first, then a name. */
static int find(Qcow2 *s, const char *key)
{
    for (int by_name = 0; by_name < 2; by_name++) {
        for (unsigned i = 0; i < s->snapshots->len; i++) {
            const Qcow2Snapshot *sn = &g_array_index(s->snapshots, Qcow2Snapshot, i);
            if (strcmp(by_name ? sn->name : sn->id, key) == 0) {
                return i;
            }
        }
    }
    return -1;
}

static bool report(GError **err, const char *what, const char *key, int ret)
{
    if (ret < 0) {
        rhea_error_set(err, "Could not %s snapshot '%s': %s", what, key,
                       ret == -EOVERFLOW ? "its reference counts are too narrow"
                       : ret == -ENOENT  ? "snapshot not found"
                                         : g_strerror(-ret));
    }
    return ret == 0;
}

static int begin(Qcow2 *s)
{
    int ret = s->read_only ? -EROFS : s->external ? -ENOTSUP : qcow2_sync(s);

    return ret < 0 ? ret : qcow2_sync(s);
}

bool qcow2_snapshot_create(BlockNode *n, const char *name, GError **err)
{
    Qcow2 *s = n->qcow2;
    uint64_t id = 0, clusters = ((uint64_t)s->l1_size * 8 + s->cluster_size - 1) / s->cluster_size;
    struct timespec now;
    int ret = begin(s);

    if (strlen(name) > 255 || s->snapshots->len >= MAX_SNAPSHOTS) {
        return report(err, "create", name, -ENOSPC);
    }
    for (unsigned i = 0; i < s->snapshots->len; i++) {
        id = MAX(id, g_ascii_strtoull(qcow2_snapshot_at(n, i)->id, NULL, 10));
    }
    ret = ret < 0 ? ret : walk(s, s->l1, s->l1_size, WALK_CAN);
    ret = ret < 0 ? ret : walk(s, s->l1, s->l1_size, WALK_UNSHARE);
    s->l1_dirty = true;
    ret = ret < 0 ? ret : qcow2_sync(s);
    ret = ret < 0 ? ret : walk(s, s->l1, s->l1_size, WALK_UP);
    clock_gettime(CLOCK_REALTIME, &now);
    Qcow2Snapshot sn = {
        .l1_size = s->l1_size, .sec = now.tv_sec, .nsec = now.tv_nsec, .disk_size = n->size};
    if (ret == 0 && clusters) {
        ret = qcow2_alloc(s, &clusters, true, &sn.l1_offset);
    }
    ret = ret < 0 ? ret : qcow2_write_l1(s, s->l1, s->l1_size, sn.l1_offset);
    ret = ret < 0 ? ret : qcow2_sync(s);
    if (ret == 0) {
        sn.id = g_strdup_printf("%" G_GUINT64_FORMAT, id + 1);
        sn.name = g_strdup(name);
        /* The guest's instruction count: unknown here. */
        sn.extra = g_malloc0(8);
        sn.extra_len = 8;
        g_array_append_val(s->snapshots, sn);
        ret = table_write(s);
        if (ret < 0) {
            snapshot_clear(&sn);
            g_array_set_size(s->snapshots, s->snapshots->len - 1);
        }
    }
    return report(err, "create", name, ret);
}

bool qcow2_snapshot_apply(BlockNode *n, const char *key, GError **err)
{
    Qcow2 *s = n->qcow2;
    int i = find(s, key), ret = i < 0 ? -ENOENT : begin(s);
    g_autofree uint64_t *l1 = NULL;
    uint64_t at = 0, clusters;
    uint8_t where[24];

    if (ret < 0) {
        return report(err, "apply", key, ret);
    }
    const Qcow2Snapshot *sn = qcow2_snapshot_at(n, i);
    ret = qcow2_read_l1(s, sn->l1_offset, sn->l1_size, &l1);
    ret = ret < 0 ? ret : walk(s, l1, sn->l1_size, WALK_CAN);
    ret = ret < 0 ? ret : walk(s, l1, sn->l1_size, WALK_UP);
    ret = ret < 0 ? ret : walk(s, l1, sn->l1_size, WALK_UNSHARE);
    clusters = ((uint64_t)sn->l1_size * 8 + s->cluster_size - 1) / s->cluster_size;
    if (ret == 0 && clusters) {
        ret = qcow2_alloc(s, &clusters, true, &at);
    }
    ret = ret < 0 ? ret : qcow2_write_l1(s, l1, sn->l1_size, at);
    ret = ret < 0 ? ret : qcow2_sync(s);
    be64_put(where, sn->disk_size);
    be32_put(where + 8, 0);
    be32_put(where + 12, sn->l1_size);
    be64_put(where + 16, at);
    ret = ret < 0 ? ret : node_pwrite(s->file, 24, where, 24);
    ret = ret < 0 ? ret : node_flush(s->file);
    if (ret < 0) {
        return report(err, "apply", key, ret);
    }
    g_autofree uint64_t *old = s->l1;
    uint32_t old_size = s->l1_size;
    uint64_t old_at = s->l1_offset;
    s->l1 = g_steal_pointer(&l1);
    s->l1_size = sn->l1_size;
    s->l1_offset = at;
    n->size = sn->disk_size;
    g_clear_pointer(&s->compressed_buf, g_free);
    ret = walk(s, old, old_size, WALK_DOWN);
    ret = ret < 0 ? ret : qcow2_refcount_add(s, old_at, (uint64_t)old_size * 8, -1);
    ret = ret < 0 ? ret : qcow2_sync(s);
    ret = ret < 0 ? ret : walk(s, s->l1, s->l1_size, WALK_FLAGS);
    s->l1_dirty = true;
    for (uint32_t k = 0; k < s->l1_size; k++) {
        uint64_t table = s->l1[k] & L_OFFSET;
        if (table) {
            g_hash_table_add(s->meta, g_memdup2(&table, 8));
        }
    }
    ret = ret < 0 ? ret : qcow2_sync(s);
    return report(err, "apply", key, ret);
}

bool qcow2_snapshot_delete(BlockNode *n, const char *key, GError **err)
{
    Qcow2 *s = n->qcow2;
    int i = find(s, key), ret = i < 0 ? -ENOENT : begin(s);
    g_autofree uint64_t *l1 = NULL;

    if (ret < 0) {
        return report(err, "delete", key, ret);
    }
    Qcow2Snapshot sn = *qcow2_snapshot_at(n, i);
    ret = qcow2_read_l1(s, sn.l1_offset, sn.l1_size, &l1);
    if (ret == 0) {
        g_array_remove_index(s->snapshots, i);
        ret = table_write(s);
    }
    ret = ret < 0 ? ret : walk(s, l1, sn.l1_size, WALK_DOWN);
    ret = ret < 0 ? ret : qcow2_refcount_add(s, sn.l1_offset, (uint64_t)sn.l1_size * 8, -1);
    ret = ret < 0 ? ret : qcow2_sync(s);
    ret = ret < 0 ? ret : walk(s, s->l1, s->l1_size, WALK_FLAGS);
    s->l1_dirty = true;
    ret = ret < 0 ? ret : qcow2_sync(s);
    bool ok = report(err, "delete", key, ret);
    snapshot_clear(&sn);
    return ok;
}

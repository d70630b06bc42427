/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * qcow2: tables in memory, reference counts, allocation, and the order in which all that reaches
 * the disk ("Host cluster management"). See qcow2.h for locks and order.
 *
 * Test: tests/unit/test-qcow2.c
 */
#include "qcow2.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "rhea/error.h"

#define MAX_TO_FREE (16u << 20) /* bytes that wait before a sync is made for their sake */

int qcow2_corrupt(Qcow2 *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_autofree char *what = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    if (!__atomic_exchange_n(&s->broken, true, __ATOMIC_SEQ_CST)) {
        rhea_error_report(
            "qcow2: '%s' is corrupt: %s; further corruption events will be suppressed",
            s->node->filename, what);
        if (!s->read_only && s->version >= 3) {
            uint8_t bits[8];
            s->incompat |= INCOMPAT_CORRUPT;
            be64_put(bits, s->incompat);
            node_pwrite(s->file, 72, bits, 8);
            node_flush(s->file);
        }
    }
    return -EIO;
}

/* ---- caches ---- */

void table_cache_init(TableCache *c, unsigned limit)
{
    c->tables = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    c->limit = MAX(limit, 16);
}

void table_cache_free(TableCache *c)
{
    if (c->tables) {
        g_hash_table_destroy(c->tables);
    }
}

/* Clean tables go, oldest first, down to three quarters of the limit. */
static void cache_trim(TableCache *c)
{
    GHashTableIter it;
    Table *t;

    if (g_hash_table_size(c->tables) <= c->limit) {
        return;
    }
    uint64_t old = c->tick - MIN(c->tick, c->limit / 2);
    g_hash_table_iter_init(&it, c->tables);
    while (g_hash_table_iter_next(&it, NULL, (gpointer *)&t)) {
        if (!t->dirty && t->used < old) {
            g_hash_table_iter_remove(&it);
        }
    }
}

static Table *cache_put(Qcow2 *s, TableCache *c, uint64_t offset)
{
    Table *t = g_malloc0(sizeof(*t) + s->cluster_size);

    cache_trim(c);
    t->offset = offset;
    t->used = ++c->tick;
    g_hash_table_insert(c->tables, &t->offset, t);
    return t;
}

static int cache_load(Qcow2 *s, TableCache *c, uint64_t offset, Table **out)
{
    Table *t = g_hash_table_lookup(c->tables, &offset);

    if (!t) {
        t = cache_put(s, c, offset);
        node_event(s->file, c == &s->l2 ? NODE_EVENT_L2_LOAD : NODE_EVENT_REFBLOCK_LOAD);
        int ret = node_pread(s->file, offset, t->data, s->cluster_size);
        if (ret < 0) {
            g_hash_table_remove(c->tables, &offset);
            return ret;
        }
    } else {
        t->used = ++c->tick;
    }
    *out = t;
    return 0;
}

static int cache_write(Qcow2 *s, TableCache *c, bool *wrote)
{
    GHashTableIter it;
    Table *t;

    g_hash_table_iter_init(&it, c->tables);
    while (g_hash_table_iter_next(&it, NULL, (gpointer *)&t)) {
        if (t->dirty) {
            int ret = node_pwrite(s->file, t->offset, t->data, s->cluster_size);
            if (ret < 0) {
                return ret;
            }
            t->dirty = false;
            *wrote = true;
        }
    }
    return 0;
}

static bool cache_dirty(TableCache *c)
{
    GHashTableIter it;
    Table *t;

    g_hash_table_iter_init(&it, c->tables);
    while (g_hash_table_iter_next(&it, NULL, (gpointer *)&t)) {
        if (t->dirty) {
            return true;
        }
    }
    return false;
}

/* The caller holds cache_lock as long as it uses the table, or `lock` for writing. */
int qcow2_l2_load(Qcow2 *s, uint64_t offset, Table **t)
{
    return cache_load(s, &s->l2, offset, t);
}

Table *qcow2_l2_new(Qcow2 *s, uint64_t offset)
{
    g_hash_table_remove(s->l2.tables, &offset);
    Table *t = cache_put(s, &s->l2, offset);
    t->dirty = true;
    g_hash_table_add(s->meta, g_memdup2(&offset, 8));
    return t;
}

/* ---- reference counts ---- */

uint64_t qcow2_refcount_max(const Qcow2 *s)
{
    return s->refcount_order == 6 ? INT64_MAX : (1ull << (1u << s->refcount_order)) - 1;
}

uint64_t qcow2_refcount_of(const uint8_t *block, unsigned order, uint64_t i)
{
    unsigned bits = 1u << order;

    switch (order) {
    case 3:
        return block[i];
    case 4:
        return be16_get(block + i * 2);
    case 5:
        return be32_get(block + i * 4);
    case 6:
        return be64_get(block + i * 8);
    default:
        return block[i * bits / 8] >> (i * bits % 8) & ((1u << bits) - 1);
    }
}

void qcow2_refcount_put(uint8_t *block, unsigned order, uint64_t i, uint64_t v)
{
    unsigned bits = 1u << order, shift = i * bits % 8;

    switch (order) {
    case 3:
        block[i] = v;
        break;
    case 4:
        be16_put(block + i * 2, v);
        break;
    case 5:
        be32_put(block + i * 4, v);
        break;
    case 6:
        be64_put(block + i * 8, v);
        break;
    default:
        block[i * bits / 8] = (block[i * bits / 8] & ~(((1u << bits) - 1) << shift)) | v << shift;
    }
}

static uint64_t block_entries(const Qcow2 *s)
{
    return s->cluster_size * 8 >> s->refcount_order;
}

/* The block that counts a cluster; *t NULL: there is none, all counts are 0. */
static int block_load(Qcow2 *s, uint64_t cluster, Table **t)
{
    uint64_t i = cluster / block_entries(s);

    *t = NULL;
    if (i >= s->reftable_size || !s->reftable[i]) {
        return 0;
    }
    if (!cluster_aligned(s, s->reftable[i])) {
        return qcow2_corrupt(s,
                             "refcount block offset %#" G_GINT64_MODIFIER "x unaligned (reftable "
                             "index: %#" G_GINT64_MODIFIER "x)",
                             s->reftable[i], i);
    }
    return cache_load(s, &s->rb, s->reftable[i], t);
}

int qcow2_refcount_get(Qcow2 *s, uint64_t cluster, uint64_t *count)
{
    Table *t;
    int ret = block_load(s, cluster, &t);

    *count = ret == 0 && t ? qcow2_refcount_of((uint8_t *)t->data, s->refcount_order,
                                               cluster % block_entries(s))
                           : 0;
    return ret;
}

static int block_set(Qcow2 *s, uint64_t cluster, uint64_t count)
{
    Table *t;
    int ret = block_load(s, cluster, &t);

    if (ret < 0) {
        return ret;
    }
    qcow2_refcount_put((uint8_t *)t->data, s->refcount_order, cluster % block_entries(s), count);
    t->dirty = true;
    return 0;
}

/* A longer refcount table at cluster `at`, which is beyond everything that is used. */
static int reftable_grow(Qcow2 *s, uint64_t index)
{
    uint64_t entries_per_cluster = s->cluster_size / 8;
    uint64_t size =
        round_up(MAX(index + 1, s->reftable_size + s->reftable_size / 2), entries_per_cluster);
    uint64_t old_offset = s->reftable_offset, old_len = (uint64_t)s->reftable_size * 8;
    uint64_t clusters = size / entries_per_cluster, at, blocks = 0;
    int ret;

    if (size * 8 > MAX_REFTABLE_BYTES) {
        size = MAX_REFTABLE_BYTES / 8;
        clusters = size / entries_per_cluster;
        if (index >= size) {
            return -EFBIG;
        }
    }
    /* At the end of the file, with the blocks that count it and each other: the first cluster
     * that is certainly free is the one that no block of the old table can count, or the end. */
    at = MAX(round_up(s->file->size, s->cluster_size) / s->cluster_size, index * block_entries(s));
    for (uint64_t before = UINT64_MAX; before != blocks;) {
        before = blocks;
        blocks = (at + clusters + before) / block_entries(s) - at / block_entries(s) + 1;
    }
    uint64_t first_block = at / block_entries(s);
    if (first_block + blocks > size) {
        return -EFBIG;
    }
    g_autofree uint64_t *table = g_new0(uint64_t, size);
    memcpy(table, s->reftable, (uint64_t)s->reftable_size * 8);
    uint64_t new_blocks = 0;
    for (uint64_t i = first_block; i < first_block + blocks; i++) {
        if (!table[i]) {
            table[i] = (at + clusters + new_blocks++) * s->cluster_size;
            cache_put(s, &s->rb, table[i])->dirty = true;
            g_hash_table_add(s->meta, g_memdup2(&table[i], 8));
        }
    }
    /* From here on the old table is only what is on disk. */
    g_autofree uint64_t *old = s->reftable;
    uint32_t old_size = s->reftable_size;
    s->reftable = g_steal_pointer(&table);
    s->reftable_size = size;
    for (uint64_t c = at; c < at + clusters + new_blocks; c++) {
        ret = block_set(s, c, 1);
        if (ret < 0) {
            break;
        }
    }
    bool wrote;
    uint8_t *disk = g_malloc(clusters * s->cluster_size);
    for (uint64_t i = 0; i < size; i++) {
        be64_put(disk + i * 8, s->reftable[i]);
    }
    s->reftable_offset = at * s->cluster_size;
    if (ret == 0) {
        ret = cache_write(s, &s->rb, &wrote);
    }
    if (ret == 0) {
        ret = node_pwrite(s->file, s->reftable_offset, disk, clusters * s->cluster_size);
    }
    g_free(disk);
    if (ret == 0) {
        ret = node_flush(s->file);
    }
    if (ret == 0) {
        uint8_t where[12];
        be64_put(where, s->reftable_offset);
        be32_put(where + 8, clusters);
        ret = node_pwrite(s->file, 48, where, 12);
    }
    if (ret == 0) {
        ret = node_flush(s->file);
    }
    if (ret < 0) {
        g_free(s->reftable);
        s->reftable = g_steal_pointer(&old);
        s->reftable_size = old_size;
        s->reftable_offset = old_offset;
        return ret;
    }
    s->reftable_dirty = false;
    qcow2_free_later(s, old_offset, old_len);
    return 0;
}

/* There is a block for the counts of this cluster afterwards. */
static int block_ensure(Qcow2 *s, uint64_t cluster)
{
    uint64_t index = cluster / block_entries(s), at;
    Table *t;
    int ret = block_load(s, cluster, &t);

    if (ret < 0 || t) {
        return ret;
    }
    if (index >= s->reftable_size) {
        ret = reftable_grow(s, index);
        return ret < 0 ? ret : block_ensure(s, cluster);
    }
    if (index == 0) {
        return qcow2_corrupt(s, "the refcount block of the header is missing");
    }
    /* A new block counts itself: its first cluster, which nothing else can have counted. */
    at = index * block_entries(s) * s->cluster_size;
    if (qcow2_hits_metadata(s, at, s->cluster_size)) {
        return -EIO;
    }
    cache_put(s, &s->rb, at)->dirty = true;
    g_hash_table_add(s->meta, g_memdup2(&at, 8));
    s->reftable[index] = at;
    s->reftable_dirty = true;
    return block_set(s, cluster - cluster % block_entries(s), 1);
}

int qcow2_refcount_set(Qcow2 *s, uint64_t cluster, uint64_t count)
{
    int ret = block_ensure(s, cluster);

    if (ret == 0) {
        ret = block_set(s, cluster, count);
    }
    s->hint = count ? s->hint : MIN(s->hint, cluster);
    return ret;
}

int qcow2_block_place(Qcow2 *s, uint64_t index, uint64_t offset)
{
    int ret = node_pwrite(s->file, offset, cache_put(s, &s->rb, offset)->data, s->cluster_size);

    s->reftable[index] = offset;
    s->reftable_dirty = true;
    g_hash_table_add(s->meta, g_memdup2(&offset, 8));
    return ret;
}

int qcow2_refcount_add(Qcow2 *s, uint64_t off, uint64_t len, int delta)
{
    uint64_t first = off / s->cluster_size, last = (off + len - 1) / s->cluster_size;

    for (uint64_t c = first; len > 0 && c <= last; c++) {
        uint64_t count;
        int ret = delta > 0 ? block_ensure(s, c) : 0;
        ret = ret < 0 ? ret : qcow2_refcount_get(s, c, &count);
        if (ret < 0) {
            return ret;
        }
        if (delta < 0 && count == 0) {
            return qcow2_corrupt(s, "refcount of cluster %#" G_GINT64_MODIFIER "x is 0 already", c);
        }
        if (delta > 0 && count >= qcow2_refcount_max(s)) {
            return -EINVAL;
        }
        ret = block_set(s, c, count + delta);
        if (ret < 0) {
            return ret;
        }
        if (count + delta == 0) {
            s->hint = MIN(s->hint, c);
            if (s->compressed_next / s->cluster_size == c) {
                s->compressed_next = 0; /* its cluster may become anything */
            }
            uint64_t at = c * s->cluster_size;
            g_hash_table_remove(s->l2.tables, &at);
            g_hash_table_remove(s->meta, &at);
            if (s->file->host.discard) {
                node_discard(s->file, at,
                             MIN(s->cluster_size, s->file->size - MIN(at, s->file->size)));
            }
        }
    }
    return 0;
}

/* ---- allocation ---- */

/* A block that is not there counts nothing: its clusters are free, but may hold tables that lie
 * outside any count in a damaged image; those are found by qcow2_hits_metadata(). */
static int find_free(Qcow2 *s, uint64_t n, bool all, uint64_t *got, uint64_t *cluster)
{
    uint64_t run = 0, start = 0, end = UINT64_MAX;

    for (uint64_t c = MAX(s->hint, 1); c < end; c++) {
        uint64_t count;
        int ret = qcow2_refcount_get(s, c, &count);
        if (ret < 0) {
            return ret;
        }
        if (count) {
            if (run > 0 && !all) {
                break;
            }
            run = 0;
            continue;
        }
        if (run++ == 0) {
            start = c;
        }
        if (run == n) {
            break;
        }
    }
    if (start > L_OFFSET / s->cluster_size - run) {
        return -EFBIG;
    }
    *got = run;
    *cluster = start;
    return 0;
}

int qcow2_alloc(Qcow2 *s, uint64_t *n, bool all, uint64_t *offset)
{
    uint64_t got, cluster;
    int ret;

    node_event(s->file, NODE_EVENT_CLUSTER_ALLOC);
    if (s->to_free_bytes > MAX_TO_FREE) {
        ret = qcow2_sync(s);
        if (ret < 0) {
            return ret;
        }
    }
    for (;;) {
        ret = find_free(s, *n, all, &got, &cluster);
        if (ret < 0) {
            return ret;
        }
        /* Blocks first: they may take the very clusters that were found. */
        uint64_t taken = 0;
        for (uint64_t c = cluster; c < cluster + got; c += block_entries(s)) {
            ret = block_ensure(s, c);
            if (ret < 0) {
                return ret;
            }
        }
        ret = block_ensure(s, cluster + got - 1);
        for (uint64_t c = cluster; ret == 0 && c < cluster + got && !taken; c++) {
            ret = qcow2_refcount_get(s, c, &taken);
        }
        if (ret < 0) {
            return ret;
        }
        if (!taken) {
            break;
        }
    }
    *n = got;
    *offset = cluster * s->cluster_size;
    if (qcow2_hits_metadata(s, *offset, got * s->cluster_size)) {
        return -EIO;
    }
    ret = qcow2_refcount_add(s, *offset, got * s->cluster_size, 1);
    if (ret == 0 && (!all || s->hint >= cluster)) {
        s->hint = cluster + got; /* the run began at the first free cluster */
    }
    return ret;
}

void qcow2_free_later(Qcow2 *s, uint64_t offset, uint64_t len)
{
    Range r = {offset, len};

    if (len > 0) {
        g_array_append_val(s->to_free, r);
        s->to_free_bytes += len;
    }
}

/* ---- overlap ---- */

static bool overlaps(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    return a < b + blen && b < a + alen;
}

bool qcow2_hits_metadata(Qcow2 *s, uint64_t off, uint64_t len)
{
    const char *what = NULL;

    if (off < s->cluster_size) {
        what = "the image header";
    } else if (overlaps(off, len, s->l1_offset, (uint64_t)s->l1_size * 8)) {
        what = "the active L1 table";
    } else if (overlaps(off, len, s->reftable_offset, (uint64_t)s->reftable_size * 8)) {
        what = "the refcount table";
    } else if (overlaps(off, len, s->snapshots_offset, s->snapshots_len)) {
        what = "the snapshot table";
    }
    for (unsigned i = 0; !what && i < s->snapshots->len; i++) {
        const Qcow2Snapshot *sn = &g_array_index(s->snapshots, Qcow2Snapshot, i);
        if (overlaps(off, len, sn->l1_offset, (uint64_t)sn->l1_size * 8)) {
            what = "the L1 table of a snapshot";
        }
    }
    for (uint64_t c = off & ~(s->cluster_size - 1); !what && c < off + len; c += s->cluster_size) {
        if (g_hash_table_contains(s->meta, &c)) {
            what = "an L2 table or a refcount block";
        }
    }
    if (what) {
        qcow2_corrupt(s, "a write to offset %#" G_GINT64_MODIFIER "x would overwrite %s", off,
                      what);
    }
    return what != NULL;
}

/* ---- to the disk ---- */

int qcow2_write_l1(Qcow2 *s, const uint64_t *l1, uint32_t size, uint64_t offset)
{
    g_autofree uint8_t *disk = g_malloc(MAX((uint64_t)size * 8, 1));

    for (uint32_t i = 0; i < size; i++) {
        be64_put(disk + (uint64_t)i * 8, l1[i]);
    }
    return size ? node_pwrite(s->file, offset, disk, (uint64_t)size * 8) : 0;
}

static int write_refcounts(Qcow2 *s)
{
    bool wrote = false;
    int ret = cache_write(s, &s->rb, &wrote);

    if (ret < 0 || !s->reftable_dirty) {
        return ret;
    }
    ret = node_flush(s->file);
    if (ret == 0) {
        ret = qcow2_write_l1(s, s->reftable, s->reftable_size, s->reftable_offset);
    }
    if (ret == 0) {
        s->reftable_dirty = false;
    }
    return ret;
}

/* With lazy refcounts the dirty bit says that the counts on disk mean nothing. */
static bool lazy(const Qcow2 *s)
{
    return s->incompat & INCOMPAT_DIRTY && s->compat & COMPAT_LAZY;
}

int qcow2_sync(Qcow2 *s)
{
    bool wrote = false;
    int ret = 0;

    if (s->broken) {
        return -EIO;
    }
    if (s->data != s->file) {
        ret = node_flush(s->data);
    }
    if (ret == 0 && !lazy(s)) {
        ret = write_refcounts(s);
    }
    if (ret == 0 && (s->l1_dirty || cache_dirty(&s->l2))) {
        ret = node_flush(s->file);
        if (ret == 0) {
            ret = cache_write(s, &s->l2, &wrote);
        }
        if (ret == 0 && s->l1_dirty) {
            ret = node_flush(s->file);
            ret = ret < 0 ? ret : qcow2_write_l1(s, s->l1, s->l1_size, s->l1_offset);
            if (ret == 0) {
                s->l1_dirty = false;
            }
        }
    }
    if (ret == 0) {
        ret = node_flush(s->file);
    }
    if (ret < 0) {
        return ret;
    }
    for (unsigned i = 0; ret == 0 && i < s->to_free->len; i++) {
        Range r = g_array_index(s->to_free, Range, i);
        ret = qcow2_refcount_add(s, r.offset, r.len, -1);
    }
    g_array_set_size(s->to_free, 0);
    s->to_free_bytes = 0;
    return ret;
}

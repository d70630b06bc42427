/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * qcow2: checking and repairing. Counts every reference to every cluster of the file, then compares
 * with the reference counts and with the "written in place" flags. A count that is too small is
 * corruption (the cluster could be given away), one that is too large a leak.
 *
 * Test: tests/unit/test-qcow2.c
 */
#include "qcow2.h"

#include <errno.h>
#include <string.h>
#include "rhea/error.h"

#define PART 4096ull /* clusters that are counted together */

typedef struct Count {
    Qcow2 *s;
    Qcow2Check *c;
    uint32_t **refs; /* PART of them each; NULL: none is referred to */
    uint64_t n;      /* clusters of the file */
    uint64_t expect; /* where the next data cluster would be contiguous */
    bool fix;
    bool unreadable;
} Count;

static void say(Qcow2Check *c, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void say(Qcow2Check *c, const char *fmt, ...)
{
    va_list ap;

    if (c->say) {
        va_start(ap, fmt);
        g_autofree char *line = g_strdup_vprintf(fmt, ap);
        va_end(ap);
        c->say(c->opaque, line);
    }
}

#define X "%" G_GINT64_MODIFIER "x"
#define U "%" G_GUINT64_FORMAT

static uint32_t count_of(const Count *k, uint64_t c)
{
    const uint32_t *part = c < k->n ? k->refs[c / PART] : NULL;

    return part ? part[c % PART] : 0;
}

static uint32_t *count_at(Count *k, uint64_t c)
{
    uint32_t **part = &k->refs[c / PART];

    *part = *part ? *part : g_new0(uint32_t, PART);
    return &(*part)[c % PART];
}

static void refer(Count *k, uint64_t off, uint64_t len, const char *what)
{
    if (len == 0) {
        return;
    }
    for (uint64_t c = off / k->s->cluster_size; c <= (off + len - 1) / k->s->cluster_size; c++) {
        if (c >= k->n) {
            say(k->c, "ERROR: %s at 0x" X " is beyond the end of the image file", what, off);
            k->c->corruptions++;
            return;
        }
        uint32_t *count = count_at(k, c);
        *count += *count < UINT32_MAX;
    }
}

static void count_l2(Count *k, uint64_t at, bool active)
{
    Qcow2 *s = k->s;
    Table *t;

    if (qcow2_l2_load(s, at, &t) < 0) {
        k->c->errors++;
        k->unreadable = true;
        return;
    }
    for (unsigned i = 0; i < l2_entries(s); i++) {
        uint64_t word = be64_get(&t->data[i * s->entry_words]), off, len;

        if (word & L_COMPRESSED) {
            qcow2_compressed_range(s, word, &off, &len);
            if (word & L_COPIED) {
                say(k->c,
                    "ERROR: coffset=0x" X ": copied flag must never be set for compressed clusters",
                    off);
                k->c->corruptions++;
            }
            refer(k, off, len, "compressed cluster");
            if (active) {
                /* Compressed data is never contiguous with anything. */
                k->c->allocated++;
                k->c->compressed++;
                k->c->fragmented++;
            }
            continue;
        }
        off = word & L_OFFSET;
        if (s->external) {
            k->c->allocated += active && word & L_COPIED;
            continue;
        }
        if (!off) {
            continue;
        }
        if (!cluster_aligned(s, off)) {
            say(k->c, "ERROR offset=" X ": Cluster is not properly aligned; L2 entry corrupted.",
                off);
            k->c->corruptions++;
            continue;
        }
        refer(k, off, s->cluster_size, "data cluster");
        if (active && !(s->version >= 3 && !s->ext_l2 && word & L_ZERO)) {
            k->c->allocated++;
            k->c->fragmented += k->expect && off != k->expect;
            k->expect = off + s->cluster_size;
        }
    }
}

static void count_l1(Count *k, const uint64_t *l1, uint32_t size, uint64_t offset, bool active)
{
    Qcow2 *s = k->s;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

    refer(k, offset, (uint64_t)size * 8, "L1 table");
    for (uint32_t i = 0; i < size; i++) {
        uint64_t at = l1[i] & L_OFFSET;

        if (!at) {
            continue;
        }
        if (!cluster_aligned(s, at)) {
            say(k->c, "ERROR l2_offset=" X ": Table is not cluster aligned; L1 entry corrupted",
                at);
            k->c->corruptions++;
            continue;
        }
        refer(k, at, s->cluster_size, "L2 table");
        if (!g_hash_table_add(seen, g_memdup2(&at, 8))) {
            say(k->c, "ERROR: L2 table at 0x" X " is named twice", at);
            k->c->corruptions++;
            continue;
        }
        if (at / s->cluster_size < k->n) {
            count_l2(k, at, active);
        }
    }
}

/* "Bitmaps": the directory, the tables and what they name. */
static void count_bitmaps(Count *k)
{
    Qcow2 *s = k->s;

    for (unsigned e = 0; e < s->extensions->len; e++) {
        const Extension *x = &g_array_index(s->extensions, Extension, e);
        if (x->type != 0x23852875 || x->len < 24) {
            continue;
        }
        uint64_t size = be64_get(x->data + 8), at = be64_get(x->data + 16);
        if (size > MAX_SNAPTAB_BYTES || !cluster_aligned(s, at) || at / s->cluster_size >= k->n) {
            say(k->c, "ERROR: the bitmap directory is invalid");
            k->c->corruptions++;
            return;
        }
        refer(k, at, size, "bitmap directory");
        g_autofree uint8_t *dir = g_malloc0(size + 24);
        if (node_pread(s->file, at, dir, size) < 0) {
            k->c->errors++;
            return;
        }
        for (uint64_t p = 0; p + 24 <= size;) {
            uint64_t table = be64_get(dir + p);
            uint64_t *words, n = be32_get(dir + p + 8);
            if (!cluster_aligned(s, table) || n * 8 > MAX_L1_BYTES ||
                table / s->cluster_size >= k->n) {
                say(k->c, "ERROR: a bitmap table is invalid");
                k->c->corruptions++;
                return;
            }
            refer(k, table, n * 8, "bitmap table");
            if (qcow2_read_l1(s, table, n, &words) == 0) {
                for (uint64_t i = 0; i < n; i++) {
                    if (words[i] & L_OFFSET) {
                        refer(k, words[i] & L_OFFSET, s->cluster_size, "bitmap cluster");
                    }
                }
            }
            g_free(words);
            p = round_up(p + 24 + be16_get(dir + p + 18) + be32_get(dir + p + 20), 8);
        }
    }
}

static void count_blocks(Count *k)
{
    Qcow2 *s = k->s;

    refer(k, s->reftable_offset, (uint64_t)s->reftable_size * 8, "refcount table");
    for (uint32_t i = 0; i < s->reftable_size; i++) {
        uint64_t at = s->reftable[i];

        if (!at) {
            continue;
        }
        bool odd = !cluster_aligned(s, at), far = at / s->cluster_size >= k->n;
        if (!odd && !far) {
            refer(k, at, s->cluster_size, "refcount block");
            if (count_of(k, at / s->cluster_size) == 1) {
                continue;
            }
        }
        say(k->c,
            odd   ? "ERROR refcount block %u is not cluster aligned; refcount table entry corrupted"
            : far ? "ERROR refcount block %u is outside image"
                  : "ERROR refcount block %u is used by something else too",
            i);
        k->c->corruptions++;
        if (k->fix) {
            if (!odd && !far) {
                --*count_at(k, at / s->cluster_size);
            }
            s->reftable[i] = 0; /* made anew by blocks_complete() */
            s->reftable_dirty = true;
            k->c->corruptions_fixed++;
        }
    }
}

static uint64_t per_block(const Qcow2 *s)
{
    return s->cluster_size * 8 >> s->refcount_order;
}

/* The first from c on, up to `end`, that is referred to or has a block that counts it: a file may
 * be nearly all holes. */
static uint64_t next_used(const Count *k, uint64_t c, uint64_t end)
{
    const Qcow2 *s = k->s;

    while (c < end) {
        uint64_t i = c / per_block(s), part = c / PART;

        if ((c < k->n && k->refs[part]) || (i < s->reftable_size && s->reftable[i])) {
            return c;
        }
        c = MIN(c < k->n ? (part + 1) * PART : end,
                i < s->reftable_size ? (i + 1) * per_block(s) : end);
    }
    return end;
}

/* Every cluster that is used has a block to count it: new ones at the end of the file. */
static int blocks_complete(Count *k)
{
    Qcow2 *s = k->s;

    for (uint64_t c = 0; (c = next_used(k, c, k->n)) < k->n; c++) {
        uint64_t i = c / per_block(s);

        if (!count_of(k, c) || (i < s->reftable_size && s->reftable[i])) {
            continue;
        }
        if (i >= s->reftable_size) {
            return -EFBIG;
        }
        uint64_t at = k->n * s->cluster_size;
        int ret = qcow2_block_place(s, i, at);
        if (ret < 0) {
            return ret;
        }
        if (k->n % PART == 0) {
            k->refs = g_renew(uint32_t *, k->refs, k->n / PART + 1);
            k->refs[k->n / PART] = NULL;
        }
        *count_at(k, k->n++) = 1;
    }
    return 0;
}

static int compare_counts(Count *k, bool fix_leaks)
{
    Qcow2 *s = k->s;
    uint64_t all = MAX(k->n, s->reftable_size * per_block(s));

    for (uint64_t c = 0; (c = next_used(k, c, all)) < all; c++) {
        uint64_t want = count_of(k, c), have = 0;
        uint64_t block = c / per_block(s) < s->reftable_size ? s->reftable[c / per_block(s)] : 0;
        if (block && cluster_aligned(s, block) && block / s->cluster_size < k->n) {
            int ret = qcow2_refcount_get(s, c, &have);
            if (ret < 0) {
                return ret;
            }
        }
        if (want) {
            k->c->end = (c + 1) * s->cluster_size;
        }
        if (have == want) {
            continue;
        }
        bool leak = have > want, fix = k->fix || (leak && fix_leaks);
        say(k->c,
            leak ? "%s cluster " U " refcount=" U " reference=" U
                 : "%s cluster " U " refcount=" U " reference=" U,
            fix    ? "Repairing"
            : leak ? "Leaked"
                   : "ERROR",
            c, have, want);
        leak ? k->c->leaks++ : k->c->corruptions++;
        if (fix) {
            int ret = want > qcow2_refcount_max(s) ? -ERANGE : qcow2_refcount_set(s, c, want);
            if (ret < 0) {
                return ret;
            }
            leak ? k->c->leaks_fixed++ : k->c->corruptions_fixed++;
        }
    }
    return 0;
}

static bool flag_wrong(Count *k, uint64_t *word, uint64_t off, const char *what)
{
    uint32_t count = count_of(k, off / k->s->cluster_size);
    bool own = count == 1;

    if (own == !!(*word & L_COPIED)) {
        return false;
    }
    say(k->c, "%s OFLAG_COPIED %s=" X " refcount=%u", k->fix ? "Repairing" : "ERROR", what, *word,
        count);
    k->c->corruptions++;
    k->c->corruptions_fixed += k->fix;
    *word ^= L_COPIED;
    return k->fix;
}

static int compare_flags(Count *k)
{
    Qcow2 *s = k->s;

    for (uint32_t i = 0; i < s->l1_size; i++) {
        uint64_t word = s->l1[i], at = word & L_OFFSET;
        Table *t;

        if (!at || !cluster_aligned(s, at) || at / s->cluster_size >= k->n) {
            continue;
        }
        if (flag_wrong(k, &word, at, "L2 cluster: l1_entry")) {
            s->l1[i] = word;
            s->l1_dirty = true;
        }
        int ret = qcow2_l2_load(s, at, &t);
        if (ret < 0) {
            return ret;
        }
        for (unsigned e = 0; e < l2_entries(s) && !s->external; e++) {
            uint64_t *p = &t->data[e * s->entry_words], entry = be64_get(p);
            if (entry & L_COMPRESSED || !(entry & L_OFFSET)) {
                continue;
            }
            if (flag_wrong(k, &entry, entry & L_OFFSET, "data cluster: l2_entry")) {
                be64_put(p, entry);
                t->dirty = true;
            }
        }
    }
    return 0;
}

bool qcow2_check(BlockNode *n, Qcow2Check *c, bool fix_leaks, bool fix_all, GError **err)
{
    Qcow2 *s = n->qcow2;
    Count k = {.s = s, .c = c, .fix = fix_all};
    int ret = 0;

    if (!s->read_only) {
        ret = qcow2_sync(s);
        ret = ret < 0 ? ret : qcow2_sync(s);
    }
    k.n = round_up(s->file->size, s->cluster_size) / s->cluster_size;
    if (k.n > 1u << 30) {
        ret = -EFBIG;
    }
    if (ret == 0) {
        k.refs = g_new0(uint32_t *, k.n / PART + 1);
    }
    if (ret < 0) {
        rhea_error_set(err, "'%s': Check failed: %s", n->filename, g_strerror(-ret));
        return false;
    }
    c->total_clusters = (n->size + s->cluster_size - 1) / s->cluster_size;
    refer(&k, 0, s->cluster_size, "header");
    count_l1(&k, s->l1, s->l1_size, s->l1_offset, true);
    for (unsigned i = 0; i < s->snapshots->len; i++) {
        const Qcow2Snapshot *sn = &g_array_index(s->snapshots, Qcow2Snapshot, i);
        uint64_t *l1;
        if (qcow2_read_l1(s, sn->l1_offset, sn->l1_size, &l1) == 0) {
            count_l1(&k, l1, sn->l1_size, sn->l1_offset, false);
        } else {
            c->errors++;
            k.unreadable = true;
        }
        g_free(l1);
    }
    refer(&k, s->snapshots_offset, s->snapshots_len, "snapshot table");
    count_bitmaps(&k);
    count_blocks(&k);
    if (k.unreadable) {
        /* Half of a count is worse than none. */
        k.fix = fix_leaks = false;
    }
    ret = k.fix ? blocks_complete(&k) : 0;
    ret = ret < 0 ? ret : compare_counts(&k, fix_leaks);
    ret = ret < 0 ? ret : compare_flags(&k);
    if (ret == 0 && (fix_all || fix_leaks) && !s->read_only) {
        uint64_t before = s->incompat;
        s->incompat &= ~INCOMPAT_DIRTY;
        ret = qcow2_sync(s);
        if (c->corruptions == c->corruptions_fixed && !c->errors && fix_all) {
            s->incompat &= ~INCOMPAT_CORRUPT;
        } else {
            s->incompat = before;
        }
        if (ret == 0 && before != s->incompat) {
            ret = qcow2_header_write(s);
        }
    }
    for (uint64_t i = 0; i * PART < k.n; i++) {
        g_free(k.refs[i]);
    }
    g_free(k.refs);
    if (ret < 0) {
        rhea_error_set(err, "'%s': Check failed: %s", n->filename, g_strerror(-ret));
        return false;
    }
    return true;
}

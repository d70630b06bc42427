/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * qcow2: from guest offsets to host offsets, and requests ("Cluster mapping", "Extended L2
 * Entries"). See qcow2.h for locks and order.
 *
 * A write goes in place where the cluster is there, belongs to this image alone and all subclusters
 * it touches are allocated. Otherwise new clusters get the data, and around it what was there
 * before, before the map names them.
 *
 * Test: tests/unit/test-qcow2.c
 */
#include "qcow2.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define MAX_RUN (2u << 20) /* bytes that one allocating write does at once */

static int read_locked(Qcow2 *s, uint64_t off, const struct iovec *iov, int niov, size_t len);

/* ---- entries ---- */

typedef struct Entry {
    uint64_t word, bits; /* bits: extended L2 */
} Entry;

static Entry entry_get(const Qcow2 *s, const Table *t, unsigned i)
{
    Entry e = {be64_get(&t->data[i * s->entry_words]), 0};

    if (s->ext_l2) {
        e.bits = be64_get(&t->data[i * 2 + 1]);
    }
    return e;
}

static void entry_put(const Qcow2 *s, Table *t, unsigned i, Entry e)
{
    be64_put(&t->data[i * s->entry_words], e.word);
    if (s->ext_l2) {
        be64_put(&t->data[i * 2 + 1], e.bits);
    }
    t->dirty = true;
}

static unsigned l2_index(const Qcow2 *s, uint64_t off)
{
    return off >> s->cluster_bits & (l2_entries(s) - 1);
}

/* "Compressed Clusters Descriptor" */
void qcow2_compressed_range(const Qcow2 *s, uint64_t entry, uint64_t *off, uint64_t *len)
{
    unsigned x = 62 - (s->cluster_bits - 8);
    uint64_t sectors = (entry & (L_COMPRESSED - 1)) >> x;

    *off = entry & ((1ull << x) - 1);
    *len = (sectors + 1) * 512 - *off % 512;
}

static bool has_host(const Qcow2 *s, Entry e)
{
    /* With an external data file offset 0 is an offset. */
    return !(e.word & L_COMPRESSED) && (e.word & L_OFFSET || (s->external && e.word & L_COPIED));
}

/* An entry that cannot be. */
static int entry_check(Qcow2 *s, Entry e, uint64_t off)
{
    uint64_t at = e.word & L_OFFSET;

    if (e.word & L_COMPRESSED) {
        return s->external ? qcow2_corrupt(s,
                                           "compressed cluster at guest offset %#" G_GINT64_MODIFIER
                                           "x with an external data file",
                                           off)
                           : 0;
    }
    if (!cluster_aligned(s, at)) {
        return qcow2_corrupt(s,
                             "cluster offset %#" G_GINT64_MODIFIER
                             "x unaligned (guest offset: %#" G_GINT64_MODIFIER "x)",
                             at, off);
    }
    if (s->external && has_host(s, e) && at != (off & ~(s->cluster_size - 1))) {
        return qcow2_corrupt(s,
                             "external data file host cluster %#" G_GINT64_MODIFIER
                             "x does not match guest offset %#" G_GINT64_MODIFIER "x",
                             at, off);
    }
    if (s->ext_l2 && ((e.bits >> 32 & (uint32_t)e.bits) || ((uint32_t)e.bits && !has_host(s, e)))) {
        return qcow2_corrupt(
            s, "invalid subcluster bitmap at guest offset %#" G_GINT64_MODIFIER "x", off);
    }
    return 0;
}

static ClusterKind entry_kind(const Qcow2 *s, Entry e, unsigned sub)
{
    if (e.word & L_COMPRESSED) {
        return CLUSTER_COMPRESSED;
    }
    if (s->ext_l2) {
        return e.bits >> 32 >> sub & 1 ? CLUSTER_ZERO
               : e.bits >> sub & 1     ? CLUSTER_DATA
                                       : CLUSTER_NONE;
    }
    if (s->version >= 3 && e.word & L_ZERO) {
        return CLUSTER_ZERO;
    }
    return has_host(s, e) ? CLUSTER_DATA : CLUSTER_NONE;
}

static int l2_find(Qcow2 *s, uint64_t off, Table **t)
{
    uint64_t i = off / l1_span(s);
    uint64_t at = i < s->l1_size ? s->l1[i] & L_OFFSET : 0;

    *t = NULL;
    if (!at) {
        return 0;
    }
    if (!cluster_aligned(s, at)) {
        return qcow2_corrupt(s,
                             "L2 table offset %#" G_GINT64_MODIFIER
                             "x unaligned (L1 index: %#" G_GINT64_MODIFIER "x)",
                             at, i);
    }
    return qcow2_l2_load(s, at, t);
}

int qcow2_map(Qcow2 *s, uint64_t off, uint64_t len, Mapping *m)
{
    Table *t;
    uint64_t sub_size = 1ull << s->sub_bits, at = off;
    uint64_t end = MIN(off + len, (off / l1_span(s) + 1) * l1_span(s));

    *m = (Mapping){.kind = CLUSTER_NONE, .len = end - off};
    g_mutex_lock(&s->cache_lock);
    int ret = l2_find(s, off, &t);
    if (ret < 0 || !t) {
        g_mutex_unlock(&s->cache_lock);
        return ret;
    }
    while (at < end) {
        Entry e = entry_get(s, t, l2_index(s, at));
        unsigned sub = s->ext_l2 ? (at & (s->cluster_size - 1)) >> s->sub_bits : 0;
        ClusterKind kind = entry_kind(s, e, sub);
        uint64_t host = (e.word & L_OFFSET) + (at & (s->cluster_size - 1));

        ret = entry_check(s, e, at);
        if (ret < 0) {
            break;
        }
        if (at == off) {
            m->kind = kind;
            m->own = kind == CLUSTER_DATA && e.word & L_COPIED;
            m->host = kind == CLUSTER_DATA ? host : 0;
            if (kind == CLUSTER_COMPRESSED) {
                qcow2_compressed_range(s, e.word, &m->host, &m->packed);
                at = MIN(end, (at & ~(s->cluster_size - 1)) + s->cluster_size);
                break;
            }
        } else if (kind != m->kind || (kind == CLUSTER_DATA && (host != m->host + (at - off) ||
                                                                m->own != !!(e.word & L_COPIED)))) {
            break;
        }
        at = MIN(end, (at & ~(sub_size - 1)) + sub_size);
    }
    g_mutex_unlock(&s->cache_lock);
    m->len = at - off;
    return ret;
}

/* ---- reading ---- */

static int inflate_cluster(Qcow2 *s, const uint8_t *in, size_t in_len, uint8_t *out)
{
    if (s->compression == 1) {
        ZSTD_DStream *z = s->zstd.ZSTD_createDStream();
        ZSTD_inBuffer src = {in, in_len, 0};
        ZSTD_outBuffer dst = {out, s->cluster_size, 0};
        size_t n = 1;

        /* The sectors behind the frame belong to others: stop when the cluster is full. */
        while (z && dst.pos < dst.size && src.pos < src.size) {
            n = s->zstd.ZSTD_decompressStream(z, &dst, &src);
            if (s->zstd.ZSTD_isError(n)) {
                break;
            }
        }
        s->zstd.ZSTD_freeDStream(z);
        return dst.pos == dst.size && !s->zstd.ZSTD_isError(n) ? 0 : -EIO;
    }
    z_stream z = {
        .next_in = (Bytef *)in, .avail_in = in_len, .next_out = out, .avail_out = s->cluster_size};
    if (inflateInit2(&z, -12) != Z_OK) {
        return -EIO;
    }
    int ret = inflate(&z, Z_FINISH);
    bool full = z.avail_out == 0;
    inflateEnd(&z);
    return full && (ret == Z_STREAM_END || ret == Z_BUF_ERROR) ? 0 : -EIO;
}

static int read_compressed(Qcow2 *s, uint64_t off, const Mapping *m, const struct iovec *iov,
                           int niov, size_t skip, size_t len)
{
    uint64_t cluster = off & ~(s->cluster_size - 1);
    int ret = 0;

    g_mutex_lock(&s->cache_lock);
    bool hit = s->compressed_buf && s->compressed_at == cluster;
    if (hit) {
        iov_fill(iov, niov, skip, s->compressed_buf + (off - cluster), len);
    }
    g_mutex_unlock(&s->cache_lock);
    if (hit) {
        return 0;
    }
    g_autofree uint8_t *in = g_malloc(m->packed);
    uint8_t *out = g_malloc(s->cluster_size);
    ret = node_pread(s->file, m->host, in, m->packed);
    if (ret == 0) {
        ret = inflate_cluster(s, in, m->packed, out);
    }
    if (ret < 0) {
        g_free(out);
        return ret;
    }
    iov_fill(iov, niov, skip, out + (off - cluster), len);
    g_mutex_lock(&s->cache_lock);
    g_free(s->compressed_buf);
    s->compressed_buf = out;
    s->compressed_at = cluster;
    g_mutex_unlock(&s->cache_lock);
    return 0;
}

static void compressed_forget(Qcow2 *s)
{
    g_clear_pointer(&s->compressed_buf, g_free);
}

static int read_backing(Qcow2 *s, uint64_t off, const struct iovec *iov, int niov, size_t skip,
                        size_t len)
{
    BlockNode *b = s->node->backing;
    size_t there = b && off < b->size ? MIN(len, b->size - off) : 0;
    int n, ret = 0;

    if (there > 0) {
        g_autofree struct iovec *part = iov_slice(iov, niov, skip, there, &n);
        ret = node_preadv(b, off, part, n);
    }
    iov_clear(iov, niov, skip + there, len - there);
    return ret;
}

static int read_locked(Qcow2 *s, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    for (size_t done = 0; done < len;) {
        Mapping m;
        int n, ret = qcow2_map(s, off + done, len - done, &m);
        if (ret < 0) {
            return ret;
        }
        switch (m.kind) {
        case CLUSTER_NONE:
            node_event(s->file, NODE_EVENT_READ_BACKING_AIO);
            ret = read_backing(s, off + done, iov, niov, done, m.len);
            break;
        case CLUSTER_ZERO:
            iov_clear(iov, niov, done, m.len);
            break;
        case CLUSTER_COMPRESSED:
            node_event(s->file, NODE_EVENT_READ_COMPRESSED);
            ret = read_compressed(s, off + done, &m, iov, niov, done, m.len);
            break;
        case CLUSTER_DATA: {
            g_autofree struct iovec *part = iov_slice(iov, niov, done, m.len, &n);
            node_event(s->file, NODE_EVENT_READ_AIO);
            ret = node_preadv(s->data, m.host, part, n);
            break;
        }
        }
        if (ret < 0) {
            return ret;
        }
        done += m.len;
    }
    return 0;
}

int qcow2_preadv(BlockNode *node, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    Qcow2 *s = node->qcow2;

    pthread_rwlock_rdlock(&s->lock);
    int ret = read_locked(s, off, iov, niov, len);
    pthread_rwlock_unlock(&s->lock);
    return ret;
}

/* ---- changing the map ---- */

/* The L2 table for off that this image may change: made, or copied if snapshots share it. */
static int l2_own(Qcow2 *s, uint64_t off, Table **t)
{
    uint64_t i = off / l1_span(s), n = 1, at, old;
    Table *shared;

    if (i >= s->l1_size) {
        return -EFBIG;
    }
    int ret = l2_find(s, off, &shared);
    if (ret < 0 || (shared && s->l1[i] & L_COPIED)) {
        *t = shared;
        return ret < 0 ? ret : 0;
    }
    ret = qcow2_alloc(s, &n, true, &at);
    if (ret < 0) {
        return ret;
    }
    old = s->l1[i] & L_OFFSET;
    *t = qcow2_l2_new(s, at);
    if (old) {
        /* The allocation may have dropped it from the cache. */
        ret = qcow2_l2_load(s, old, &shared);
        if (ret < 0) {
            g_hash_table_remove(s->l2.tables, &at);
            return ret;
        }
        memcpy((*t)->data, shared->data, s->cluster_size);
        qcow2_free_later(s, old, s->cluster_size);
    }
    s->l1[i] = at | L_COPIED;
    s->l1_dirty = true;
    return 0;
}

/* What an entry named is named no more. */
static void entry_release(Qcow2 *s, Entry e)
{
    uint64_t at, len;

    if (e.word & L_COMPRESSED) {
        qcow2_compressed_range(s, e.word, &at, &len);
        qcow2_free_later(s, at & ~511ull, len + at % 512);
        compressed_forget(s);
    } else if (has_host(s, e) && !s->external) {
        qcow2_free_later(s, e.word & L_OFFSET, s->cluster_size);
    }
}

static uint64_t sub_mask(const Qcow2 *s, uint64_t from, uint64_t to)
{
    unsigned a = from >> s->sub_bits, b = (to + (1ull << s->sub_bits) - 1) >> s->sub_bits;

    return ((1ull << b) - 1) & ~((1ull << a) - 1);
}

/* Host clusters for n clusters from guest offset off (aligned); *n as in qcow2_alloc(). */
static int data_alloc(Qcow2 *s, uint64_t off, uint64_t *n, uint64_t *host)
{
    if (s->external) {
        *host = off;
        return 0;
    }
    return qcow2_alloc(s, n, false, host);
}

/*
 * Write [off, off + len) of the guest, all in one L2 table, where the first cluster cannot be
 * written in place: as many clusters of that kind as there are. *done: bytes written.
 */
static int write_new(Qcow2 *s, uint64_t off, const struct iovec *iov, int niov, size_t skip,
                     size_t len, size_t *done)
{
    uint64_t size = s->cluster_size, first = off & ~(size - 1), sub = (1ull << s->sub_bits) - 1;
    uint64_t host, n, count = 0, from, to, end;
    Table *t;
    int ret = l2_own(s, off, &t), n_part;

    if (ret < 0) {
        return ret;
    }
    unsigned index = l2_index(s, off);
    Entry e = entry_get(s, t, index);
    ret = entry_check(s, e, off);
    if (ret < 0) {
        return ret;
    }
    bool keep = has_host(s, e) && e.word & L_COPIED;
    n = MIN((off + len - first + size - 1) / size, MAX(MAX_RUN / size, 1));
    n = MIN(n, l2_entries(s) - index);
    if (keep) {
        host = e.word & L_OFFSET;
        n = 1;
    } else {
        /* Only clusters that need a new place too. */
        while (count < n) {
            Entry other = entry_get(s, t, index + count);
            if (has_host(s, other) && other.word & L_COPIED) {
                break;
            }
            count++;
        }
        n = s->ext_l2 ? 1 : count;
        ret = data_alloc(s, first, &n, &host);
        if (ret < 0) {
            return ret;
        }
    }
    end = MIN(off + len, first + n * size);
    /* What must be written: whole subclusters; everything if the old place is given up. */
    bool whole = !s->ext_l2 || (!keep && (has_host(s, e) || e.word & L_COMPRESSED));
    from = whole ? first : off & ~sub;
    to = whole ? first + n * size : (end + sub) & ~sub;
    g_autofree uint8_t *head = g_malloc(off - from + 1), *tail = g_malloc(to - end + 1);
    struct iovec h = {head, off - from}, l = {tail, to - end};
    if (h.iov_len || l.iov_len) {
        node_event(s->file, NODE_EVENT_COW_READ);
    }
    ret = h.iov_len ? read_locked(s, from, &h, 1, h.iov_len) : 0;
    if (ret == 0 && l.iov_len) {
        /* Behind the end of the disk there is nothing to keep, but VM state is read as it is. */
        ret = read_locked(s, end, &l, 1, l.iov_len);
    }
    if (ret == 0 && !s->external && qcow2_hits_metadata(s, host + (from - first), to - from)) {
        ret = -EIO;
    }
    if (ret == 0) {
        g_autofree struct iovec *part = iov_slice(iov, niov, skip, end - off, &n_part);
        g_autofree struct iovec *all = g_new(struct iovec, n_part + 2);
        all[0] = h;
        memcpy(all + 1, part, n_part * sizeof(*all));
        all[n_part + 1] = l;
        node_event(s->file, NODE_EVENT_WRITE_AIO);
        ret = node_pwritev(s->data, host + (from - first), all, n_part + 2);
    }
    if (ret < 0) {
        if (!keep && !s->external) {
            qcow2_refcount_add(s, host, n * size, -1);
        }
        return ret;
    }
    /* Reading may have dropped it from the cache. */
    ret = l2_own(s, off, &t);
    if (ret < 0) {
        return ret;
    }
    for (uint64_t i = 0; i < n; i++) {
        Entry old = entry_get(s, t, index + i), fresh = {(host + i * size) | L_COPIED, 0};
        if (!keep) {
            entry_release(s, old);
        }
        if (s->ext_l2) {
            uint64_t mask = sub_mask(s, from - first, to - first);
            uint64_t bits = whole && !keep ? 0 : old.bits;
            fresh.bits = (bits | mask) & ~(mask << 32);
        }
        entry_put(s, t, index + i, fresh);
    }
    *done = end - off;
    return 0;
}

/* Before the first change of a session. Under the write lock. */
static int begin_change(Qcow2 *s)
{
    bool update = false;

    if (s->broken) {
        return -EIO;
    }
    if (s->compat & COMPAT_LAZY && !(s->incompat & INCOMPAT_DIRTY)) {
        s->incompat |= INCOMPAT_DIRTY;
        update = true;
    }
    /* Bitmaps that are not kept up to date say so; unknown features are cleared likewise. */
    if (s->autoclear & ~AUTOCLEAR_RAW) {
        s->autoclear &= AUTOCLEAR_RAW;
        update = true;
    }
    int ret = update ? qcow2_header_write(s) : 0;
    /* Changed tables stay in memory until they are written. */
    if (ret == 0 && g_hash_table_size(s->l2.tables) > 2 * s->l2.limit) {
        ret = qcow2_sync(s);
    }
    return ret;
}

int qcow2_pwritev(BlockNode *node, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    Qcow2 *s = node->qcow2;
    int ret = 0;

    for (size_t done = 0; ret == 0 && done < len;) {
        Mapping m;
        size_t n = 0;
        int n_part;

        pthread_rwlock_rdlock(&s->lock);
        ret = s->broken ? -EIO : qcow2_map(s, off + done, len - done, &m);
        if (ret == 0 && m.own && !(s->autoclear & ~AUTOCLEAR_RAW)) {
            if (!s->external && qcow2_hits_metadata(s, m.host, m.len)) {
                ret = -EIO;
            } else {
                g_autofree struct iovec *part = iov_slice(iov, niov, done, m.len, &n_part);
                node_event(s->file, NODE_EVENT_WRITE_AIO);
                ret = node_pwritev(s->data, m.host, part, n_part);
                n = m.len;
            }
        }
        pthread_rwlock_unlock(&s->lock);
        if (ret == 0 && n == 0) {
            pthread_rwlock_wrlock(&s->lock);
            ret = begin_change(s);
            if (ret == 0) {
                ret = qcow2_map(s, off + done, len - done, &m); /* another may have been first */
            }
            if (ret == 0 && !m.own) {
                ret = write_new(s, off + done, iov, niov, done, len - done, &n);
            }
            pthread_rwlock_unlock(&s->lock);
        }
        done += n;
    }
    return ret;
}

/* No write of the guest may come between reading below and writing here. */
static int copy_up_locked(Qcow2 *s, uint64_t off, uint64_t len, size_t *done)
{
    Mapping m;
    int ret = begin_change(s);

    ret = ret < 0 ? ret : qcow2_map(s, off, len, &m);
    if (ret < 0) {
        return ret;
    }
    if (m.kind != CLUSTER_NONE || s->broken) {
        *done = m.len;
        return s->broken ? -EIO : 0;
    }
    size_t n = MIN(m.len, MAX_RUN);
    g_autofree uint8_t *buf = g_malloc(n);
    struct iovec v = {buf, n};
    ret = read_locked(s, off, &v, 1, n);
    return ret < 0 ? ret : write_new(s, off, &v, 1, 0, n, done);
}

int qcow2_copy_up(BlockNode *node, uint64_t off, uint64_t len)
{
    Qcow2 *s = node->qcow2;
    uint64_t there = node->backing->size;
    int ret = 0;

    for (uint64_t end = MIN(off + len, there); ret == 0 && off < end;) {
        Mapping m;
        size_t n = 0;

        pthread_rwlock_rdlock(&s->lock);
        ret = qcow2_map(s, off, end - off, &m);
        pthread_rwlock_unlock(&s->lock);
        if (ret == 0 && m.kind != CLUSTER_NONE) {
            n = m.len;
        } else if (ret == 0) {
            pthread_rwlock_wrlock(&s->lock);
            ret = copy_up_locked(s, off, end - off, &n);
            pthread_rwlock_unlock(&s->lock);
        }
        off += n;
    }
    return ret;
}

typedef enum Erase { ERASE_ZERO, ERASE_ZERO_UNMAP, ERASE_DISCARD, ERASE_FORGET } Erase;

/* What an entry becomes when all of the subclusters in mask go; false: it stays. */
static bool entry_erase(Qcow2 *s, Entry *e, uint64_t mask, bool full, Erase how)
{
    Entry old = *e;

    if (how == ERASE_FORGET || (how == ERASE_DISCARD && !s->node->backing && full)) {
        *e = (Entry){0, 0};
    } else if (s->version < 3) {
        if (s->node->backing) {
            return false; /* nothing says "zero" there */
        }
        *e = (Entry){0, 0};
    } else if (s->ext_l2) {
        if (old.word & L_COMPRESSED && !full) {
            return false;
        }
        if (full && how != ERASE_ZERO) {
            e->word = 0;
        }
        if (old.word & L_COMPRESSED) {
            e->word = 0;
            e->bits = 0;
        }
        e->bits = (e->bits & ~mask) | mask << 32;
    } else if (how == ERASE_ZERO && has_host(s, old) && old.word & L_COPIED) {
        e->word = old.word | L_ZERO;
    } else {
        e->word = s->external && how == ERASE_ZERO && has_host(s, old) ? old.word | L_ZERO : L_ZERO;
    }
    return true;
}

/* [off, off + len) in whole clusters, or subclusters with extended L2, of one L2 table. */
static int erase(Qcow2 *s, uint64_t off, uint64_t len, Erase how, uint64_t *done)
{
    uint64_t size = s->cluster_size, at = off;
    uint64_t end = MIN(off + len, (off / l1_span(s) + 1) * l1_span(s));
    Table *t;
    int ret = l2_find(s, off, &t);

    *done = end - off;
    if (ret < 0) {
        return ret;
    }
    if (!t && (how == ERASE_FORGET || !s->node->backing)) {
        return 0; /* reads as zeroes already */
    }
    ret = l2_own(s, off, &t);
    while (ret == 0 && at < end) {
        unsigned i = l2_index(s, at);
        uint64_t first = at & ~(size - 1), next = MIN(end, first + size);
        Entry old = entry_get(s, t, i), e = old;
        uint64_t mask = s->ext_l2 ? sub_mask(s, at - first, next - first) : 1;
        bool full = at == first && next == first + size;

        ret = entry_check(s, old, at);
        if (ret < 0) {
            break;
        }
        if (!entry_erase(s, &e, mask, full, how)) {
            *done = at - off;
            return -ENOTSUP;
        }
        if (e.word != old.word || e.bits != old.bits) {
            if ((e.word & L_OFFSET) != (old.word & L_OFFSET) || old.word & L_COMPRESSED) {
                entry_release(s, old);
            }
            entry_put(s, t, i, e);
        }
        at = next;
    }
    return ret;
}

/* The data file must hold the zeroes too where it is to be read alone. */
static int zero_raw_external(Qcow2 *s, uint64_t off, uint64_t len, bool unmap)
{
    return s->external && s->autoclear & AUTOCLEAR_RAW ? node_zero(s->data, off, len, unmap) : 0;
}

static int write_zero_bytes(BlockNode *node, uint64_t off, uint64_t len)
{
    g_autofree uint8_t *zeroes = g_malloc0(MIN(len, 65536));
    int ret = 0;

    while (ret == 0 && len > 0) {
        struct iovec v = {zeroes, MIN(len, 65536)};
        ret = qcow2_pwritev(node, off, &v, 1, v.iov_len);
        off += v.iov_len;
        len -= v.iov_len;
    }
    return ret;
}

/* A piece that is no whole unit: nothing to do where zeroes are read already. */
static int zero_piece(BlockNode *node, uint64_t off, uint64_t len)
{
    NodeExtent e;

    while (len > 0) {
        int ret = node_status_chain(node, NULL, off, len, &e, NULL, NULL);
        if (ret == 0 && !e.zero) {
            ret = write_zero_bytes(node, off, e.len);
        }
        if (ret < 0) {
            return ret;
        }
        off += e.len;
        len -= e.len;
    }
    return 0;
}

static int erase_units(BlockNode *node, uint64_t off, uint64_t len, Erase how)
{
    Qcow2 *s = node->qcow2;
    int ret = 0;

    while (ret == 0 && len > 0) {
        uint64_t done = 0;

        pthread_rwlock_wrlock(&s->lock);
        ret = begin_change(s);
        if (ret == 0) {
            ret = erase(s, off, len, how, &done);
        }
        pthread_rwlock_unlock(&s->lock);
        if (ret == -ENOTSUP) {
            uint64_t piece = MIN(s->cluster_size - (off + done) % s->cluster_size, len - done);
            ret = how == ERASE_DISCARD ? 0 : write_zero_bytes(node, off + done, piece);
            done += piece;
        }
        off += done;
        len -= done;
    }
    return ret;
}

int qcow2_zero(BlockNode *node, uint64_t off, uint64_t len, bool unmap)
{
    Qcow2 *s = node->qcow2;
    uint64_t unit = 1ull << s->sub_bits, end = off + len;
    uint64_t a = round_up(off, unit),
             b = end == node->size ? round_up(end, unit) : end & ~(unit - 1);
    int ret = zero_raw_external(s, off, len, unmap);

    if (ret < 0) {
        return ret;
    }
    if (a >= b) {
        return zero_piece(node, off, len);
    }
    if (a > off) {
        ret = zero_piece(node, off, a - off);
    }
    if (ret == 0) {
        ret = erase_units(node, a, b - a, unmap ? ERASE_ZERO_UNMAP : ERASE_ZERO);
    }
    if (ret == 0 && b < end) {
        ret = zero_piece(node, b, end - b);
    }
    return ret;
}

int qcow2_discard(BlockNode *node, uint64_t off, uint64_t len)
{
    Qcow2 *s = node->qcow2;
    uint64_t unit = s->cluster_size, end = off + len;
    uint64_t a = round_up(off, unit),
             b = end == node->size ? round_up(end, unit) : end & ~(unit - 1);

    if (a >= b) {
        return 0;
    }
    if (s->external) {
        int ret = s->autoclear & AUTOCLEAR_RAW ? zero_raw_external(s, a, MIN(b, end) - a, true) : 0;
        if (ret < 0) {
            return ret;
        }
    }
    return erase_units(node, a, b - a, ERASE_DISCARD);
}

int qcow2_drop_from(Qcow2 *s, uint64_t off)
{
    uint64_t end = (uint64_t)s->l1_size * l1_span(s);
    int ret = 0;

    off = round_up(off, s->cluster_size);
    while (ret == 0 && off < end) {
        uint64_t done = 0;
        ret = erase(s, off, end - off, ERASE_FORGET, &done);
        off += done;
    }
    return ret;
}

int qcow2_make_empty(BlockNode *node)
{
    Qcow2 *s = node->qcow2;
    int ret = begin_change(s);

    ret = ret < 0 ? ret : qcow2_drop_from(s, 0);
    return ret < 0 ? ret : qcow2_sync(s);
}

int qcow2_flush(BlockNode *node)
{
    Qcow2 *s = node->qcow2;

    pthread_rwlock_wrlock(&s->lock);
    int ret = qcow2_sync(s);
    pthread_rwlock_unlock(&s->lock);
    return ret;
}

int qcow2_status(BlockNode *node, uint64_t off, uint64_t len, NodeExtent *e)
{
    Qcow2 *s = node->qcow2;
    Mapping m;

    pthread_rwlock_rdlock(&s->lock);
    int ret = qcow2_map(s, off, len, &m);
    pthread_rwlock_unlock(&s->lock);
    if (ret < 0) {
        return ret;
    }
    *e = (NodeExtent){.len = m.len};
    e->allocated = m.kind != CLUSTER_NONE;
    e->zero = m.kind == CLUSTER_ZERO;
    e->data = m.kind == CLUSTER_DATA || m.kind == CLUSTER_COMPRESSED;
    e->compressed = m.kind == CLUSTER_COMPRESSED;
    e->has_offset = m.kind == CLUSTER_DATA;
    e->offset = m.host;
    if (m.kind == CLUSTER_DATA) {
        /* A hole of the file below is a cluster of zeroes. */
        NodeExtent f;
        uint64_t end = s->data->size;
        if (m.host >= end) {
            e->zero = true;
        } else if (node_status(s->data, m.host, MIN(m.len, end - m.host), &f) == 0 && f.zero) {
            e->len = f.len;
            e->zero = true;
        } else if (s->data->host.is_device == false) {
            e->len = MIN(m.len, f.len);
        }
    }
    return 0;
}

/* ---- compressed clusters and preallocation, for tools ---- */

static size_t deflate_cluster(Qcow2 *s, const void *buf, uint8_t *out)
{
    size_t room = s->cluster_size - 1; /* it must be shorter than the cluster itself */

    if (s->compression == 1) {
        size_t n = s->zstd.ZSTD_compress(out, room, buf, s->cluster_size, 3);
        return s->zstd.ZSTD_isError(n) ? 0 : n;
    }
    z_stream z = {
        .next_in = (Bytef *)buf, .avail_in = s->cluster_size, .next_out = out, .avail_out = room};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
        return 0;
    }
    int ret = deflate(&z, Z_FINISH);
    size_t n = z.total_out;
    deflateEnd(&z);
    return ret == Z_STREAM_END ? n : 0;
}

/* Room for len bytes: behind the last one if counts allow it. */
static int compressed_alloc(Qcow2 *s, uint64_t len, uint64_t *at)
{
    uint64_t n = 1, size = s->cluster_size, room, count, fresh;
    int ret;

    if (s->compressed_next % size) {
        room = size - s->compressed_next % size;
        ret = qcow2_refcount_get(s, s->compressed_next / size, &count);
        if (ret < 0) {
            return ret;
        }
        if (count > 0 && count < qcow2_refcount_max(s)) {
            if (len <= room) {
                *at = s->compressed_next;
                return qcow2_refcount_add(s, *at, len, 1);
            }
            ret = qcow2_alloc(s, &n, true, &fresh);
            if (ret < 0) {
                return ret;
            }
            if (fresh == s->compressed_next + room) {
                *at = s->compressed_next;
                return qcow2_refcount_add(s, *at, 1, 1);
            }
            *at = fresh;
            return 0;
        }
    }
    return qcow2_alloc(s, &n, true, at);
}

int qcow2_write_compressed(BlockNode *node, uint64_t off, const void *buf, size_t len)
{
    Qcow2 *s = node->qcow2;
    uint64_t at = 0, size = s->cluster_size;
    unsigned x = 62 - (s->cluster_bits - 8);
    Table *t;

    if (!cluster_aligned(s, off) || len > size || s->external) {
        return -EINVAL;
    }
    g_autofree uint8_t *full = g_malloc0(size), *out = g_malloc(size);
    memcpy(full, buf, len);
    size_t n = deflate_cluster(s, full, out);
    if (!n) {
        struct iovec v = {(void *)buf, len};
        return qcow2_pwritev(node, off, &v, 1, len);
    }
    pthread_rwlock_wrlock(&s->lock);
    int ret = begin_change(s);
    ret = ret < 0 ? ret : compressed_alloc(s, n, &at);
    if (ret == 0 && qcow2_hits_metadata(s, at, n)) {
        ret = -EIO;
    }
    node_event(s->file, NODE_EVENT_WRITE_COMPRESSED);
    ret = ret < 0 ? ret : node_pwrite(s->file, at, out, n);
    /* Readers take whole sectors. */
    if (ret == 0 && s->file->size < round_up(at + n, 512)) {
        GError *err = NULL;
        if (!node_truncate(s->file, round_up(at + n, 512), NODE_PREALLOC_OFF, &err)) {
            g_clear_error(&err);
            ret = -EIO;
        }
    }
    ret = ret < 0 ? ret : l2_own(s, off, &t);
    if (ret == 0) {
        uint64_t sectors = (at + n - 1) / 512 - at / 512;
        entry_release(s, entry_get(s, t, l2_index(s, off)));
        entry_put(s, t, l2_index(s, off), (Entry){L_COMPRESSED | sectors << x | at, 0});
        s->compressed_next = at + n;
    }
    pthread_rwlock_unlock(&s->lock);
    return ret;
}

int qcow2_preallocate(Qcow2 *s, uint64_t off, uint64_t len)
{
    uint64_t size = s->cluster_size, end = off + len;
    Table *t;

    off &= ~(size - 1);
    while (off < end) {
        int ret = l2_own(s, off, &t);
        if (ret < 0) {
            return ret;
        }
        unsigned i = l2_index(s, off);
        uint64_t n = MIN((end - off + size - 1) / size, l2_entries(s) - i), host;
        ret = data_alloc(s, off, &n, &host);
        if (ret < 0) {
            return ret;
        }
        for (uint64_t k = 0; k < n; k++) {
            /* With subclusters the backing file goes on to be seen: a place, nothing in it. */
            entry_put(s, t, i + k, (Entry){(host + k * size) | L_COPIED, 0});
        }
        off += n * size;
    }
    return 0;
}

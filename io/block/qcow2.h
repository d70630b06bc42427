/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The qcow2 image format, versions 2 and 3: what the parts in io/block/qcow2*.c share. The section
 * names cited there are those of the published "Qcow2 Image File Format" specification.
 *
 * Locks. `lock` is held for reading by whoever uses the map (reads, and writes to clusters that are
 * there and belong to this image alone), for writing by whoever changes it; host I/O is done under
 * it, so no cluster is given to another owner while a request still uses it. `cache_lock` guards
 * the tables' caches against readers that load at the same time.
 *
 * Order of writes. Tables are changed in memory and written by qcow2_sync() (on a guest's flush, on
 * closing, when a cache is full) in this order, each step on stable storage before the next:
 *   1. refcounts that went up, and the guest's data;  2. L2 tables;  3. the L1 table;
 *   4. only then refcounts of clusters that nobody names any more go down, and may be used anew.
 * So whatever is lost, no entry on disk names a cluster that is free or not written; at worst a
 * cluster is counted that nobody uses (a leak).
 */
#ifndef IO_BLOCK_QCOW2_H
#define IO_BLOCK_QCOW2_H

#include <pthread.h>
#include <zstd.h>
#include "io/node.h"
#include "io/qcow2.h"
#include "rhea/library.h"

#define QCOW_MAGIC 0x514649fbu

#define INCOMPAT_DIRTY       (1ull << 0)
#define INCOMPAT_CORRUPT     (1ull << 1)
#define INCOMPAT_DATA_FILE   (1ull << 2)
#define INCOMPAT_COMPRESSION (1ull << 3)
#define INCOMPAT_EXTL2       (1ull << 4)
#define INCOMPAT_KNOWN       0x1full
#define COMPAT_LAZY          (1ull << 0)
#define AUTOCLEAR_BITMAPS    (1ull << 0)
#define AUTOCLEAR_RAW        (1ull << 1)

#define L_COPIED     (1ull << 63)
#define L_COMPRESSED (1ull << 62)
#define L_ZERO       1ull
#define L_OFFSET     0x00fffffffffffe00ull
#define L1_RESERVED  0x7f000000000001ffull
#define L2_RESERVED  0x3f000000000001feull

#define MAX_L1_BYTES       (32u << 20)
#define MAX_REFTABLE_BYTES (8u << 20)
#define MAX_SNAPSHOTS      65536
#define MAX_SNAPTAB_BYTES  (64u << 20)

typedef struct Table {
    uint64_t offset;
    bool dirty;
    uint64_t used;
    uint64_t data[]; /* one cluster, as on disk */
} Table;

typedef struct TableCache {
    GHashTable *tables; /* offset -> Table */
    unsigned limit;
    uint64_t tick;
} TableCache;

typedef struct Range {
    uint64_t offset, len;
} Range;

typedef struct Extension {
    uint32_t type, len;
    uint8_t *data;
} Extension;

/* libzstd, which only images with such clusters need. */
#define ZSTD_FUNCTIONS(X)                                                                          \
    X(ZSTD_compress)                                                                               \
    X(ZSTD_createDStream)                                                                          \
    X(ZSTD_decompressStream)                                                                       \
    X(ZSTD_freeDStream)                                                                            \
    X(ZSTD_isError)
typedef struct Zstd {
    ZSTD_FUNCTIONS(LIBRARY_FN)
} Zstd;

struct Qcow2 {
    BlockNode *node, *file, *data; /* data: where guest clusters are, file or the external one */
    unsigned version, cluster_bits, refcount_order, l2_bits, entry_words, sub_bits;
    uint64_t cluster_size;
    uint64_t incompat, compat, autoclear;
    unsigned compression; /* 0 zlib, 1 zstd */
    Zstd zstd;            /* if compression is 1 */
    bool read_only, broken;
    bool external, ext_l2;

    uint64_t *l1; /* host byte order */
    uint32_t l1_size;
    uint64_t l1_offset;
    bool l1_dirty;
    uint64_t *reftable;     /* host byte order */
    uint32_t reftable_size; /* entries */
    uint64_t reftable_offset;
    bool reftable_dirty;
    GArray *snapshots; /* Qcow2Snapshot */
    uint64_t snapshots_offset, snapshots_len;
    GArray *extensions; /* those kept as they are */

    pthread_rwlock_t lock;
    GMutex cache_lock;
    TableCache l2, rb;
    GHashTable *meta; /* offsets of L2 tables of the active L1 table and of refcount blocks */
    GArray *to_free;  /* Range: named by nobody once L2 is on disk */
    uint64_t to_free_bytes;
    uint64_t hint;            /* no free cluster below */
    uint64_t compressed_next; /* where the last compressed cluster ended; 0: nowhere */
    uint64_t compressed_at;   /* guest offset and contents of the last one that was read */
    uint8_t *compressed_buf;
};

static inline uint64_t be64_get(const void *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, 8);
    return GUINT64_FROM_BE(v);
}

static inline uint32_t be32_get(const void *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, 4);
    return GUINT32_FROM_BE(v);
}

static inline uint16_t be16_get(const void *p)
{
    uint16_t v;
    __builtin_memcpy(&v, p, 2);
    return GUINT16_FROM_BE(v);
}

static inline void be64_put(void *p, uint64_t v)
{
    v = GUINT64_TO_BE(v);
    __builtin_memcpy(p, &v, 8);
}

static inline void be32_put(void *p, uint32_t v)
{
    v = GUINT32_TO_BE(v);
    __builtin_memcpy(p, &v, 4);
}

static inline void be16_put(void *p, uint16_t v)
{
    v = GUINT16_TO_BE(v);
    __builtin_memcpy(p, &v, 2);
}

static inline uint64_t round_up(uint64_t v, uint64_t unit)
{
    return (v + unit - 1) / unit * unit;
}

static inline bool cluster_aligned(const Qcow2 *s, uint64_t off)
{
    return (off & (s->cluster_size - 1)) == 0;
}

static inline unsigned l2_entries(const Qcow2 *s)
{
    return 1u << s->l2_bits;
}

/* Bytes of guest disk that one L1 entry stands for. */
static inline uint64_t l1_span(const Qcow2 *s)
{
    return s->cluster_size << s->l2_bits;
}

/* qcow2-table.c */
void table_cache_init(TableCache *c, unsigned limit);
void table_cache_free(TableCache *c);
int qcow2_l2_load(Qcow2 *s, uint64_t offset, Table **t);
Table *qcow2_l2_new(Qcow2 *s, uint64_t offset);
int qcow2_refcount_get(Qcow2 *s, uint64_t cluster, uint64_t *count);
/* Add delta to the counts of all clusters that the range touches. */
int qcow2_refcount_add(Qcow2 *s, uint64_t off, uint64_t len, int delta);
int qcow2_refcount_set(Qcow2 *s, uint64_t cluster, uint64_t count);
/* Repair: an empty refcount block at a place that is free. */
int qcow2_block_place(Qcow2 *s, uint64_t index, uint64_t offset);
uint64_t qcow2_refcount_max(const Qcow2 *s);
/* One or more contiguous clusters with a count of 1; *n: wanted, then got (at least 1). `all`:
 * exactly *n. */
int qcow2_alloc(Qcow2 *s, uint64_t *n, bool all, uint64_t *offset);
void qcow2_free_later(Qcow2 *s, uint64_t offset, uint64_t len);
int qcow2_sync(Qcow2 *s);
/* Before the first change: dirty and auto-clear bits. */
int qcow2_header_write(Qcow2 *s);
/* One line to the user, the corrupt bit; no writes any more. Returns -EIO. */
int qcow2_corrupt(Qcow2 *s, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* True, and the image corrupt, if the range holds one of the image's own tables. */
bool qcow2_hits_metadata(Qcow2 *s, uint64_t off, uint64_t len);
int qcow2_write_l1(Qcow2 *s, const uint64_t *l1, uint32_t size, uint64_t offset);
uint64_t qcow2_refcount_of(const uint8_t *block, unsigned order, uint64_t i);
void qcow2_refcount_put(uint8_t *block, unsigned order, uint64_t i, uint64_t v);

/* qcow2-map.c */
typedef enum ClusterKind {
    CLUSTER_NONE, /* see the backing node */
    CLUSTER_ZERO,
    CLUSTER_DATA,
    CLUSTER_COMPRESSED,
} ClusterKind;

typedef struct Mapping {
    ClusterKind kind;
    bool own;        /* written in place */
    uint64_t host;   /* DATA: of the first byte asked for; COMPRESSED: of the compressed bytes */
    uint64_t len;    /* bytes from the first one on of the same kind, contiguous in the host */
    uint64_t packed; /* COMPRESSED: bytes that may be used */
} Mapping;

/* len > 0, within the virtual size (or the area for VM state behind it). */
int qcow2_map(Qcow2 *s, uint64_t off, uint64_t len, Mapping *m);
int qcow2_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
int qcow2_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
int qcow2_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap);
int qcow2_discard(BlockNode *n, uint64_t off, uint64_t len);
int qcow2_flush(BlockNode *n);
int qcow2_status(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e);
int qcow2_write_compressed(BlockNode *n, uint64_t off, const void *buf, size_t len);
/* Host clusters for all of [off, off + len), with nothing written to them. */
int qcow2_preallocate(Qcow2 *s, uint64_t off, uint64_t len);
/* Where a compressed cluster's bytes are. */
void qcow2_compressed_range(const Qcow2 *s, uint64_t entry, uint64_t *off, uint64_t *len);
/* Forget everything from guest offset off on, for shrinking. */
int qcow2_drop_from(Qcow2 *s, uint64_t off);

/* qcow2.c */
bool qcow2_truncate(BlockNode *n, uint64_t size, NodePrealloc how, GError **err);

/* qcow2-snapshot.c */
bool qcow2_snapshots_read(Qcow2 *s, uint64_t offset, uint32_t count, GError **err);
void qcow2_snapshots_free(Qcow2 *s);
/* An L1 table from the file, in host byte order. */
int qcow2_read_l1(Qcow2 *s, uint64_t offset, uint32_t size, uint64_t **l1);

#endif

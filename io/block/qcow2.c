/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * qcow2: the header and its extensions, opening, creating and resizing ("Header", "Header
 * extensions"). See qcow2.h.
 *
 * Opening believes nothing: every size and offset is checked before memory is allocated for it or
 * anything is read from it.
 *
 * Test: tests/unit/test-qcow2.c, tests/fuzz/qcow2.c
 */
#include "qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "rhea/error.h"

#define EXT_END       0x00000000u
#define EXT_FORMAT    0xe2792acau
#define EXT_FEATURES  0x6803f857u
#define EXT_DATA_FILE 0x44415441u
#define EXT_CRYPTO    0x0537be77u

#define L2_CACHE_BYTES (32u << 20)
#define RB_CACHE_BYTES (8u << 20)

/* ---- the header ---- */

static const struct {
    uint8_t type, bit;
    const char *name;
} features[] = {
    {0, 0, "dirty bit"},        {0, 1, "corrupt bit"},         {0, 2, "external data file"},
    {0, 3, "compression type"}, {0, 4, "extended L2 entries"}, {1, 0, "lazy refcounts"},
    {2, 0, "bitmaps"},          {2, 1, "raw external data"},
};

static size_t put_extension(uint8_t *p, size_t at, size_t room, uint32_t type, const void *data,
                            uint32_t len)
{
    size_t total = 8 + round_up(len, 8);

    if (at + total + 8 > room) {
        return 0;
    }
    be32_put(p + at, type);
    be32_put(p + at + 4, len);
    memcpy(p + at + 8, data, len);
    return at + total;
}

static size_t put_string(uint8_t *p, size_t at, size_t room, uint32_t type, const char *text)
{
    return text ? put_extension(p, at, room, type, text, strlen(text)) : at;
}

int qcow2_header_write(Qcow2 *s)
{
    const BlockNode *n = s->node;
    g_autofree uint8_t *p = g_malloc0(s->cluster_size);
    size_t room = s->cluster_size, at = s->version >= 3 ? 112 : 72;
    size_t name_len = n->backing_name ? strlen(n->backing_name) : 0;

    be32_put(p, QCOW_MAGIC);
    be32_put(p + 4, s->version);
    be32_put(p + 20, s->cluster_bits);
    be64_put(p + 24, n->size);
    be32_put(p + 36, s->l1_size);
    be64_put(p + 40, s->l1_offset);
    be64_put(p + 48, s->reftable_offset);
    be32_put(p + 56, (uint64_t)s->reftable_size * 8 / s->cluster_size);
    be32_put(p + 60, s->snapshots->len);
    be64_put(p + 64, s->snapshots_offset);
    if (s->version >= 3) {
        be64_put(p + 72, s->incompat);
        be64_put(p + 80, s->compat);
        be64_put(p + 88, s->autoclear);
        be32_put(p + 96, s->refcount_order);
        be32_put(p + 100, 112);
        p[104] = s->compression;
    }
    if (name_len > 1023) {
        return -EINVAL;
    }
    at = put_string(p, at, room, EXT_FORMAT, name_len ? n->backing_format : NULL);
    at = at ? put_string(p, at, room, EXT_DATA_FILE, s->external ? n->data_name : NULL) : 0;
    for (unsigned i = 0; at && i < s->extensions->len; i++) {
        const Extension *e = &g_array_index(s->extensions, Extension, i);
        at = put_extension(p, at, room, e->type, e->data, e->len);
    }
    if (!at) {
        return -ENOSPC;
    }
    if (s->version >= 3) {
        uint8_t table[G_N_ELEMENTS(features) * 48] = {0};
        for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
            table[i * 48] = features[i].type;
            table[i * 48 + 1] = features[i].bit;
            strcpy((char *)table + i * 48 + 2, features[i].name);
        }
        /* Only names for people: left out where clusters are too small. */
        size_t next = put_extension(p, at, room - name_len, EXT_FEATURES, table, sizeof(table));
        at = next ? next : at;
    }
    at += 8; /* the end: type and length are 0 */
    if (at + name_len > room) {
        return -ENOSPC;
    }
    if (name_len) {
        be64_put(p + 8, at);
        be32_put(p + 16, name_len);
        memcpy(p + at, n->backing_name, name_len);
    }
    int ret = node_pwrite(s->file, 0, p, s->cluster_size);
    return ret < 0 ? ret : node_flush(s->file);
}

static bool fail(GError **err, const Qcow2 *s, const char *what)
{
    rhea_error_set(err, "'%s': %s", s->node->filename, what);
    return false;
}

static bool extensions_parse(Qcow2 *s, const uint8_t *p, uint64_t at, uint64_t end, GError **err)
{
    BlockNode *n = s->node;

    while (at + 8 <= end) {
        uint32_t type = be32_get(p + at), len = be32_get(p + at + 4);
        const char *data = (const char *)p + at + 8;

        at += 8;
        if (type == EXT_END) {
            return true;
        }
        if (len > end - at) {
            return fail(err, s, "Header extension too large");
        }
        switch (type) {
        case EXT_FORMAT:
            g_free(n->backing_format);
            n->backing_format = g_strndup(data, len);
            break;
        case EXT_DATA_FILE:
            g_free(n->data_name);
            n->data_name = g_strndup(data, len);
            break;
        case EXT_FEATURES:
            break;
        case EXT_CRYPTO:
            return fail(err, s, "encrypted images are not supported");
        default: {
            Extension e = {type, len, g_memdup2(data, len)};
            g_array_append_val(s->extensions, e);
        }
        }
        at = round_up(at + len, 8);
    }
    return true;
}

/* A table of `bytes` at off: aligned, and within what a file can be. */
static bool table_is_sane(const Qcow2 *s, uint64_t off, uint64_t bytes)
{
    return cluster_aligned(s, off) && off <= INT64_MAX - bytes;
}

static bool header_parse(Qcow2 *s, const uint8_t *h, const NodeOptions *o, GError **err)
{
    BlockNode *n = s->node;
    uint64_t backing_at = be64_get(h + 8);
    uint32_t backing_len = be32_get(h + 16), header_len = 72;

    s->version = be32_get(h + 4);
    s->cluster_bits = be32_get(h + 20);
    if (be32_get(h) != QCOW_MAGIC) {
        return fail(err, s, "Image is not in qcow2 format");
    }
    if (s->version < 2 || s->version > 3) {
        rhea_error_set(err, "'%s': Unsupported qcow2 version %u", n->filename, s->version);
        return false;
    }
    if (s->cluster_bits < 9 || s->cluster_bits > 21) {
        rhea_error_set(err, "'%s': Unsupported cluster size: 2^%u", n->filename, s->cluster_bits);
        return false;
    }
    s->cluster_size = 1ull << s->cluster_bits;
    n->size = be64_get(h + 24);
    s->refcount_order = 4;
    if (s->version >= 3) {
        s->incompat = be64_get(h + 72);
        s->compat = be64_get(h + 80);
        s->autoclear = be64_get(h + 88);
        s->refcount_order = be32_get(h + 96);
        header_len = be32_get(h + 100);
        if (header_len < 104 || header_len % 8) {
            return fail(err, s, "qcow2 header too short");
        }
        if (header_len > s->cluster_size) {
            return fail(err, s, "qcow2 header exceeds cluster size");
        }
        s->compression = header_len > 104 ? h[104] : 0;
    }
    if (s->incompat & ~INCOMPAT_KNOWN) {
        rhea_error_set(
            err,
            "'%s': Unsupported qcow2 feature(s): Unknown incompatible feature: %" G_GINT64_MODIFIER
            "x",
            n->filename, (uint64_t)(s->incompat & ~INCOMPAT_KNOWN));
        return false;
    }
    if (be32_get(h + 32)) {
        return fail(err, s, "encrypted images are not supported");
    }
    if (s->refcount_order > 6) {
        return fail(err, s, "Reference count entry width too large; may not exceed 64 bits");
    }
    if (!(s->incompat & INCOMPAT_COMPRESSION) != !s->compression) {
        return fail(err, s, "compression type and its feature bit do not agree");
    }
    if (s->compression > 1) {
        return fail(err, s, "unknown compression type");
    }
    if (s->compression == 1 &&
        !rhea_library_load("libzstd.so.1", (const char *[]){ZSTD_FUNCTIONS(LIBRARY_NAME) NULL},
                           &s->zstd, err)) {
        return false;
    }
    s->ext_l2 = s->incompat & INCOMPAT_EXTL2;
    if (s->ext_l2 && s->cluster_bits < 14) {
        return fail(err, s, "extended L2 entries need clusters of at least 16 KiB");
    }
    s->external = s->incompat & INCOMPAT_DATA_FILE;
    if (s->autoclear & AUTOCLEAR_RAW && !s->external) {
        s->autoclear &= ~AUTOCLEAR_RAW;
    }
    s->sub_bits = s->ext_l2 ? s->cluster_bits - 5 : s->cluster_bits;
    s->entry_words = s->ext_l2 ? 2 : 1;
    s->l2_bits = s->cluster_bits - (s->ext_l2 ? 4 : 3);
    if (s->incompat & INCOMPAT_CORRUPT) {
        if (!o->read_only && !o->ignore_corrupt) {
            return fail(err, s, "Image is corrupt; cannot be opened read/write");
        }
    }
    if (backing_at) {
        if (backing_len > 1023 || backing_len == 0 || backing_at > s->cluster_size ||
            backing_len > s->cluster_size - backing_at) {
            return fail(err, s, "Backing file name too long");
        }
        n->backing_name = g_strndup((const char *)h + backing_at, backing_len);
    }
    return extensions_parse(s, h, header_len, backing_at ? backing_at : s->cluster_size, err);
}

static bool read_words(Qcow2 *s, uint64_t off, uint64_t *words, uint64_t n, const char *what,
                       GError **err)
{
    int ret = node_pread(s->file, off, words, n * 8);

    if (ret < 0) {
        rhea_error_set(err, "'%s': Could not read %s: %s", s->node->filename, what,
                       g_strerror(-ret));
        return false;
    }
    for (uint64_t i = 0; i < n; i++) {
        words[i] = GUINT64_FROM_BE(words[i]);
    }
    return true;
}

static bool tables_read(Qcow2 *s, const uint8_t *h, GError **err)
{
    uint64_t clusters = be32_get(h + 56), bytes = clusters * s->cluster_size;
    uint64_t need = s->node->size / l1_span(s) + (s->node->size % l1_span(s) != 0);

    s->l1_size = be32_get(h + 36);
    s->l1_offset = be64_get(h + 40);
    s->reftable_offset = be64_get(h + 48);
    if (clusters == 0) {
        return fail(err, s, "Image does not contain a reference count table");
    }
    if (bytes > MAX_REFTABLE_BYTES || !table_is_sane(s, s->reftable_offset, bytes)) {
        return fail(err, s, "Image contains an invalid reference count table");
    }
    if ((uint64_t)s->l1_size * 8 > MAX_L1_BYTES) {
        return fail(err, s, "Active L1 table too large");
    }
    if (!table_is_sane(s, s->l1_offset, (uint64_t)s->l1_size * 8)) {
        return fail(err, s, "Active L1 table offset invalid");
    }
    if (s->node->size > INT64_MAX || need > MAX_L1_BYTES / 8) {
        return fail(err, s, "Image is too big");
    }
    if (s->l1_size < need) {
        return fail(err, s, "L1 table is too small");
    }
    s->reftable_size = bytes / 8;
    s->reftable = g_new0(uint64_t, s->reftable_size);
    s->l1 = g_new0(uint64_t, MAX(s->l1_size, 1));
    if (!read_words(s, s->reftable_offset, s->reftable, s->reftable_size, "reference count table",
                    err) ||
        !read_words(s, s->l1_offset, s->l1, s->l1_size, "L1 table", err)) {
        return false;
    }
    s->meta = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (uint32_t i = 0; i < s->reftable_size; i++) {
        s->reftable[i] &= ~511ull;
        if (s->reftable[i] > INT64_MAX) {
            return fail(err, s, "a refcount block lies beyond what a file can be");
        }
        if (s->reftable[i]) {
            g_hash_table_add(s->meta, g_memdup2(&s->reftable[i], 8));
        }
    }
    for (uint32_t i = 0; i < s->l1_size; i++) {
        uint64_t at = s->l1[i] & L_OFFSET;
        if (at) {
            g_hash_table_add(s->meta, g_memdup2(&at, 8));
        }
    }
    return qcow2_snapshots_read(s, be64_get(h + 64), be32_get(h + 60), err);
}

static bool data_open(Qcow2 *s, const NodeOptions *o, GError **err)
{
    BlockNode *n = s->node;
    NodeOptions d = *o;

    s->data = s->file;
    if (!s->external) {
        if (o->data_file) {
            return fail(err, s,
                        "'data-file' can only be set for images with an external data file");
        }
        return true;
    }
    if (!o->data_file && !n->data_name) {
        return fail(err, s, "'data-file' is required for this image");
    }
    g_autofree char *path =
        o->data_file ? g_strdup(o->data_file) : node_path_resolve(n->filename, n->data_name);
    d.path = path;
    n->data = node_open_protocol(&d, err);
    if (!n->data) {
        rhea_error_prefix(err, "Could not open the data file: ");
        return false;
    }
    if (n->data->host.dev == s->file->host.dev && n->data->host.ino == s->file->host.ino) {
        return fail(err, s, "the image is its own data file");
    }
    s->data = n->data;
    return true;
}

static void qcow2_node_free(BlockNode *n)
{
    Qcow2 *s = n->qcow2;

    if (!s) {
        return;
    }
    if (!s->read_only && !s->broken && s->reftable && s->l2.tables) {
        /* Twice: what the first one frees is counted down by the second. */
        bool dirty = s->incompat & INCOMPAT_DIRTY;
        int ret = qcow2_sync(s);
        s->incompat &= ~INCOMPAT_DIRTY;
        ret = ret < 0 ? ret : qcow2_sync(s);
        if (ret == 0 && dirty) {
            ret = qcow2_header_write(s);
        }
        if (ret < 0) {
            rhea_error_report("'%s': could not be written to the end: %s", n->filename,
                              g_strerror(-ret));
        }
    }
    table_cache_free(&s->l2);
    table_cache_free(&s->rb);
    g_clear_pointer(&s->meta, g_hash_table_destroy);
    qcow2_snapshots_free(s);
    g_array_free(s->snapshots, TRUE);
    for (unsigned i = 0; i < s->extensions->len; i++) {
        g_free(g_array_index(s->extensions, Extension, i).data);
    }
    g_array_free(s->extensions, TRUE);
    g_array_free(s->to_free, TRUE);
    g_free(s->l1);
    g_free(s->reftable);
    g_free(s->compressed_buf);
    pthread_rwlock_destroy(&s->lock);
    g_mutex_clear(&s->cache_lock);
    g_free(s);
}

static Qcow2 *state_new(BlockNode *n)
{
    Qcow2 *s = n->qcow2 = g_new0(Qcow2, 1);
    pthread_rwlockattr_t a;

    s->node = n;
    s->file = n->file;
    s->data = n->file;
    s->read_only = n->read_only;
    s->snapshots = g_array_new(FALSE, TRUE, sizeof(Qcow2Snapshot));
    s->extensions = g_array_new(FALSE, TRUE, sizeof(Extension));
    s->to_free = g_array_new(FALSE, FALSE, sizeof(Range));
    /* Readers that never end must not keep writers out. */
    pthread_rwlockattr_init(&a);
    pthread_rwlockattr_setkind_np(&a, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&s->lock, &a);
    pthread_rwlockattr_destroy(&a);
    g_mutex_init(&s->cache_lock);
    return s;
}

bool qcow2_node_open(BlockNode *n, const NodeOptions *o, GError **err)
{
    g_autofree uint8_t *head = g_malloc0(2u << 20);
    Qcow2 *s;
    int ret;

    n->drv = &block_driver_qcow2;
    s = state_new(n);
    ret = n->file->size < 72 ? -EINVAL : node_pread(n->file, 0, head, 104);
    if (ret == 0 && be32_get(head + 20) <= 21) {
        ret = node_pread(n->file, 0, head, MAX(1u << be32_get(head + 20), 112));
    }
    if (ret < 0) {
        s->read_only = true;
        return fail(err, s,
                    n->file->size < 72 ? "Image is not in qcow2 format"
                                       : "Could not read qcow2 header");
    }
    s->read_only = true; /* nothing is written to an image that turns out to be none */
    if (!header_parse(s, head, o, err) || !data_open(s, o, err) || !tables_read(s, head, err)) {
        return false;
    }
    s->read_only = n->read_only;
    table_cache_init(&s->l2, L2_CACHE_BYTES >> s->cluster_bits);
    table_cache_init(&s->rb, RB_CACHE_BYTES >> s->cluster_bits);
    if (s->incompat & INCOMPAT_DIRTY && !s->read_only && !o->ignore_corrupt) {
        /* Counts were not written before a crash: made anew from the map. */
        Qcow2Check c = {0};
        if (!qcow2_check(n, &c, true, true, err)) {
            s->read_only = true;
            return false;
        }
        if (c.errors || c.corruptions > c.corruptions_fixed) {
            s->read_only = true;
            return fail(err, s, "Could not repair dirty image");
        }
    }
    return true;
}

/* ---- size ---- */

static bool fail_errno(GError **err, const Qcow2 *s, const char *what, int ret)
{
    rhea_error_set(err, "'%s': %s: %s", s->node->filename, what, g_strerror(-ret));
    return false;
}

static bool l1_grow(Qcow2 *s, uint64_t size, GError **err)
{
    uint64_t need = size / l1_span(s) + (size % l1_span(s) != 0), at;
    uint64_t clusters = (need * 8 + s->cluster_size - 1) / s->cluster_size;
    uint64_t old_at = s->l1_offset, old_len = (uint64_t)s->l1_size * 8;
    int ret;

    if (need <= s->l1_size) {
        return true;
    }
    if (need > MAX_L1_BYTES / 8) {
        return fail(err, s, "The image size is too large (try using a larger cluster size)");
    }
    ret = qcow2_alloc(s, &clusters, true, &at);
    if (ret == 0) {
        s->l1 = g_renew(uint64_t, s->l1, need);
        memset(s->l1 + s->l1_size, 0, (need - s->l1_size) * 8);
        ret = qcow2_write_l1(s, s->l1, need, at);
        ret = ret < 0 ? ret : qcow2_sync(s);
    }
    if (ret == 0) {
        uint8_t where[12];
        s->l1_size = need;
        s->l1_offset = at;
        be32_put(where, need);
        be64_put(where + 4, at);
        ret = node_pwrite(s->file, 36, where, 12);
        ret = ret < 0 ? ret : node_flush(s->file);
        qcow2_free_later(s, old_at, old_len);
    }
    return ret < 0 ? fail_errno(err, s, "Failed to grow the L1 table", ret) : true;
}

bool qcow2_truncate(BlockNode *n, uint64_t size, NodePrealloc how, GError **err)
{
    Qcow2 *s = n->qcow2;
    uint64_t old = n->size, end;
    uint8_t be[8];
    int ret = 0;

    if (size % 512) {
        return fail(err, s, "The new size must be a multiple of 512");
    }
    if (size > INT64_MAX) {
        return fail(err, s, "Image is too big");
    }
    if (size < old && how != NODE_PREALLOC_OFF) {
        return fail(err, s, "Preallocation can't be used for shrinking an image");
    }
    if (s->version < 3 && s->snapshots->len) {
        return fail(err, s, "Can't resize a v2 image which has snapshots");
    }
    if (size > old && !l1_grow(s, size, err)) {
        return false;
    }
    if (size < old) {
        /* The rest of a cluster that is cut must be zero when the image grows again. */
        uint64_t tail = MIN(round_up(size, s->cluster_size), old);
        ret = tail > size ? qcow2_zero(n, size, tail - size, false) : 0;
        ret = ret < 0 ? ret : qcow2_drop_from(s, size);
        ret = ret < 0 ? ret : qcow2_sync(s);
    } else if (n->backing && old < n->backing->size) {
        /* What appears must be zero, not the backing file's. */
        uint64_t upto = MIN(n->backing->size, size);
        n->size = size;
        ret = upto > old ? qcow2_zero(n, old, upto - old, true) : 0;
    }
    n->size = size;
    if (ret == 0 && how != NODE_PREALLOC_OFF && size > old) {
        /* In new clusters at the end, which nobody has written to. */
        uint64_t first = round_up(old, s->cluster_size);
        if (!s->external) {
            s->hint = MAX(s->hint, round_up(s->file->size, s->cluster_size) / s->cluster_size);
        }
        end = s->file->size;
        ret = first < size ? qcow2_preallocate(s, first, size - first) : 0;
        ret = ret < 0 ? ret : qcow2_sync(s);
        if (ret == 0) {
            NodePrealloc data = how == NODE_PREALLOC_METADATA ? NODE_PREALLOC_OFF : how;
            uint64_t to =
                s->external ? size : round_up(MAX(s->hint * s->cluster_size, end), s->cluster_size);
            /* Tables that sync wrote lie in between: only what is a hole is filled. */
            if (s->data->size < to && !node_truncate(s->data, to, NODE_PREALLOC_OFF, err)) {
                return false;
            }
            if (data != NODE_PREALLOC_OFF) {
                ret = data == NODE_PREALLOC_FALLOC
                          ? -posix_fallocate(s->data->host.fd, end, to - end)
                          : 0;
                for (uint64_t at = first; data == NODE_PREALLOC_FULL && ret == 0 && at < size;) {
                    static const uint8_t zeroes[65536];
                    size_t len = MIN(size - at, sizeof(zeroes));
                    ret = node_pwrite(n, at, zeroes, len);
                    at += len;
                }
            }
        }
    }
    if (ret == 0 && s->external && s->data->size < size &&
        !node_truncate(s->data, size, NODE_PREALLOC_OFF, err)) {
        return false;
    }
    if (ret == 0) {
        be64_put(be, size);
        ret = node_pwrite(s->file, 24, be, 8);
        ret = ret < 0 ? ret : node_flush(s->file);
    }
    return ret < 0 ? fail_errno(err, s, "Could not resize", ret) : true;
}

/* ---- creating ---- */

bool qcow2_create(const char *path, const Qcow2Create *c, GError **err)
{
    NodeOptions o = {
        .path = path, .format = "qcow2", .no_backing = true, .data_file = c->data_file};
    uint64_t size = c->cluster_size;
    unsigned order = __builtin_ctz(c->refcount_bits);
    g_autofree uint8_t *image = g_malloc0(3 * size);
    BlockNode *file = node_open_protocol(&o, err);
    uint64_t incompat = (c->data_file ? INCOMPAT_DATA_FILE : 0) |
                        (c->zstd ? INCOMPAT_COMPRESSION : 0) |
                        (c->extended_l2 ? INCOMPAT_EXTL2 : 0);

    if (!file) {
        return false;
    }
    /* Header, refcount table, one refcount block; the L1 table comes with the size. */
    be32_put(image, QCOW_MAGIC);
    be32_put(image + 4, c->version);
    be32_put(image + 20, __builtin_ctzll(size));
    be64_put(image + 48, size);
    be32_put(image + 56, 1);
    if (c->version >= 3) {
        be64_put(image + 72, incompat);
        be64_put(image + 80, c->lazy_refcounts ? COMPAT_LAZY : 0);
        be64_put(image + 88, c->data_file_raw ? AUTOCLEAR_RAW : 0);
        be32_put(image + 96, order);
        be32_put(image + 100, 112);
        image[104] = c->zstd;
    }
    be64_put(image + size, 2 * size);
    for (unsigned i = 0; i < 3; i++) {
        qcow2_refcount_put(image + 2 * size, order, i, 1);
    }
    int ret = node_pwrite(file, 0, image, 3 * size);
    node_close(file);
    if (ret < 0) {
        rhea_error_set(err, "Could not write qcow2 header: %s", g_strerror(-ret));
        return false;
    }
    BlockNode *n = node_open(&o, err);
    if (!n) {
        return false;
    }
    n->backing_name = g_strdup(c->backing);
    n->backing_format = g_strdup(c->backing_format);
    n->data_name = g_strdup(c->data_file);
    ret = qcow2_header_write(n->qcow2);
    bool ok = ret == 0 ? qcow2_truncate(n, c->size, c->prealloc, err)
                       : fail_errno(err, n->qcow2, "Could not write the header", ret);
    node_close(n);
    return ok;
}

void qcow2_info(BlockNode *n, Qcow2Info *i)
{
    const Qcow2 *s = n->qcow2;

    *i = (Qcow2Info){
        .version = s->version,
        .refcount_bits = 1u << s->refcount_order,
        .cluster_size = s->cluster_size,
        .lazy_refcounts = s->compat & COMPAT_LAZY,
        .corrupt = s->incompat & INCOMPAT_CORRUPT,
        .dirty = s->incompat & INCOMPAT_DIRTY,
        .extended_l2 = s->ext_l2,
        .zstd = s->compression == 1,
        .data_file_raw = s->autoclear & AUTOCLEAR_RAW,
        .data_file = s->external ? n->data_name : NULL,
    };
}

bool qcow2_set_backing(BlockNode *n, const char *name, const char *format, GError **err)
{
    Qcow2 *s = n->qcow2;
    g_autofree char *old_name = n->backing_name, *old_format = n->backing_format;

    n->backing_name = g_strdup(name);
    n->backing_format = g_strdup(format);
    int ret = qcow2_sync(s);
    ret = ret < 0 ? ret : qcow2_header_write(s);
    return ret < 0 ? fail_errno(err, s, "Could not change the backing file", ret) : true;
}

uint64_t qcow2_measure(const Qcow2Create *c, uint64_t data_bytes)
{
    uint64_t size = c->cluster_size, entry = c->extended_l2 ? 16 : 8;
    uint64_t clusters = (data_bytes + size - 1) / size;
    uint64_t l2 = (round_up(c->size, size) / size * entry + size - 1) / size;
    uint64_t l1 = (l2 * 8 + size - 1) / size, used = 1 + clusters + l2 + l1, all = used;
    uint64_t per_block = size * 8 / c->refcount_bits;

    /* Refcount blocks and table count themselves. */
    for (uint64_t before = 0; before != all;) {
        before = all;
        uint64_t blocks = (all + per_block - 1) / per_block;
        all = used + blocks + (blocks * 8 + size - 1) / size;
    }
    return all * size;
}

const BlockDriver block_driver_qcow2 = {
    .name = "qcow2",
    .preadv = qcow2_preadv,
    .pwritev = qcow2_pwritev,
    .zero = qcow2_zero,
    .discard = qcow2_discard,
    .flush = qcow2_flush,
    .status = qcow2_status,
    .truncate = qcow2_truncate,
    .write_compressed = qcow2_write_compressed,
    .close = qcow2_node_free,
};

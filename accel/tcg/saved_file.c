/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Files of translated units.
 *
 * Layout, native byte order: SavedHeader; units, each at a multiple of 64 bytes: SavedUnit, code,
 * source; then the index, one SavedEntry a unit, sorted by hash. The key says for which program,
 * host and guest the units are. The header has a sum of its own and one of the index, the index has
 * one of each unit: start-up reads the header and the index, a unit is verified when it is wanted.
 * Sums are against damage; against malice stands the owner: a file, or directory, that others could
 * have written is not used.
 *
 * Invariants: nothing read from the file is used as an offset, a length or a count before it is
 * checked. What is used later was copied first and verified in the copy. A file is never changed:
 * a new one takes its name. So several programs may use a directory at once; the last writer wins.
 *
 * Only the index is used where it is mapped. Units are read, some ahead: they are wanted about in
 * the order in which they were made, and each first touch of a mapped page costs more than its
 * copy.
 *
 * Thread: an open file is used by all vCPUs; its marks are atomic bytes. Test:
 * tests/unit/test-saved-file.c
 */
#include "accel/tcg/saved_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rhea/error.h"

#define PAGE       4096u
#define UNIT_ALIGN 64u
#define PREFIX     "rhea-"
#define SUFFIX     ".units"
#define TEMPORARY  ".new"

static const char magic[8] = "rheatcg1";

typedef struct SavedHeader {
    char magic[8];
    uint64_t size; /* of the file */
    uint8_t key[SAVED_KEY_BYTES];
    uint64_t index; /* offset */
    uint32_t n_units;
    uint32_t zero;
    uint64_t index_sum;
    uint64_t sum; /* of all before */
} SavedHeader;

typedef struct SavedEntry {
    uint64_t hash;       /* of mode, offset and first bytes */
    uint64_t sum;        /* of all the unit's bytes */
    uint32_t at;         /* offset / UNIT_ALIGN */
    uint32_t size;       /* bytes */
    uint32_t source_sum; /* of the source up to the end of its page */
    uint16_t source_bytes;
    uint16_t tag;
} SavedEntry;
G_STATIC_ASSERT(sizeof(SavedEntry) == 32);

enum { MARK_USED = 1, MARK_BAD = 2 };

struct SavedFile {
    int fd;
    const uint8_t *map;
    uint64_t size;
    const SavedEntry *index;
    unsigned n;
    uint8_t *marks;  /* atomic */
    uint32_t *heads; /* 2^head_bits + 1: see make_heads() */
    unsigned head_bits;
};

static uint64_t pad8(uint64_t n)
{
    return (n + 7) & ~UINT64_C(7);
}

/* Each step is a bijection of the word and of the sum so far, so that no change of a single word
 * stays unseen. */
uint64_t saved_sum(uint64_t sum, const void *p, size_t n)
{
    const uint64_t k = 0x9e3779b97f4a7c15;
    uint64_t lane[4] = {sum, 1, 2, 3}, w[4];
    const uint8_t *b = p;

    for (; n >= sizeof(w); n -= sizeof(w), b += sizeof(w)) {
        memcpy(w, b, sizeof(w));
        for (unsigned i = 0; i < 4; i++) {
            lane[i] = (lane[i] ^ w[i]) * k;
            lane[i] ^= lane[i] >> 32;
        }
    }
    for (; n > 0; n -= 8, b += 8) {
        memcpy(w, b, 8);
        lane[0] = (lane[0] ^ w[0]) * k;
        lane[0] ^= lane[0] >> 32;
    }
    for (unsigned i = 1; i < 4; i++) {
        lane[0] = (lane[0] ^ lane[i]) * k;
        lane[0] ^= lane[0] >> 29;
    }
    return lane[0];
}

/* How many of the n first bytes of a unit are hashed. */
static unsigned hashed_bytes(unsigned n)
{
    return n >= 16 ? 16 : n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

static uint64_t unit_hash(uint32_t mode, uint32_t offset, const uint8_t *bytes, unsigned n)
{
    uint64_t w[3] = {0, 0, (uint64_t)mode << 32 | offset << 8 | n};

    memcpy(w, bytes, n);
    return saved_sum(0, w, sizeof(w));
}

/* The same for any number of bytes. */
static uint32_t source_sum(const uint8_t *p, unsigned n)
{
    uint64_t last[2] = {0, n};

    memcpy(last, p + (n & ~7u), n & 7);
    return saved_sum(saved_sum(0, p, n & ~7u), last, sizeof(last)) >> 32;
}

/* Bytes of the unit's source behind its first instruction's address that lie on its page. */
static unsigned bytes_on_page(const SavedUnit *u)
{
    return MIN(u->source_bytes - u->tag, PAGE - u->offset);
}

static uint64_t body_bytes(const SavedUnit *u)
{
    return pad8(u->total_size) + pad8(u->source_bytes);
}

/* Are the numbers in it possible ones, and do they make `size` bytes? */
static bool unit_fits(const SavedUnit *u, uint64_t size)
{
    return size == sizeof(*u) + body_bytes(u) && u->offset < PAGE && u->tag < 4 &&
           u->tag <= u->offset && u->source_bytes > u->tag && u->guest_bytes > 0 &&
           u->guest_bytes <= u->source_bytes - u->tag && u->ninsns > 0 &&
           !!u->straddles == (u->offset - u->tag + u->source_bytes > PAGE) &&
           u->source_bytes <= PAGE && u->code_size <= u->total_size &&
           u->side_size <= u->total_size && u->relocs_size <= u->total_size &&
           u->nexits <= u->total_size;
}

char *saved_file_name(const uint8_t key[SAVED_KEY_BYTES])
{
    GString *s = g_string_new(PREFIX);

    for (unsigned i = 0; i < 8; i++) {
        g_string_append_printf(s, "%02x", key[i]);
    }
    g_string_append(s, SUFFIX);
    return g_string_free(s, false);
}

int saved_dir_open(const char *path, GError **err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        rhea_error_set(err, "cannot use '%s' for saved translations: %s", path, g_strerror(errno));
    } else if (st.st_uid != geteuid()) {
        rhea_error_set(err, "cannot use '%s' for saved translations: it belongs to another user",
                       path);
    } else if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        rhea_error_set(err, "cannot use '%s' for saved translations: others may write to it", path);
    } else {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* ---- reading ---- */

/* NULL, or what is wrong with the file. */
static const char *file_check(SavedFile *f, const uint8_t key[SAVED_KEY_BYTES])
{
    SavedHeader h;

    memcpy(&h, f->map, sizeof(h));
    if (memcmp(h.magic, magic, sizeof(magic))) {
        return "it is no file of translations";
    }
    if (h.sum != saved_sum(0, &h, offsetof(SavedHeader, sum)) || h.size != f->size ||
        h.index < sizeof(h) || h.index % 8 || h.index > f->size ||
        (f->size - h.index) / sizeof(SavedEntry) != h.n_units ||
        (f->size - h.index) % sizeof(SavedEntry) || h.n_units > INT32_MAX) {
        return "it is damaged";
    }
    if (memcmp(h.key, key, SAVED_KEY_BYTES)) {
        return "it is for another program, host or guest";
    }
    f->index = (const SavedEntry *)(f->map + h.index);
    f->n = h.n_units;
    if (h.index_sum != saved_sum(0, f->index, f->n * sizeof(SavedEntry))) {
        return "it is damaged";
    }
    /* Units lie before the index. */
    f->size = h.index;
    return NULL;
}

/* Where the entries begin whose hash has these top bits: a look-up touches two cache lines. */
static void make_heads(SavedFile *f)
{
    unsigned next = 0, size;

    f->head_bits = MIN(32 - __builtin_clz(f->n | 1), 20);
    size = 1u << f->head_bits;
    f->heads = g_new(uint32_t, size + 1);
    for (unsigned i = 0; i < f->n; i++) {
        while (next <= f->index[i].hash >> (64 - f->head_bits)) {
            f->heads[next++] = i;
        }
    }
    while (next <= size) {
        f->heads[next++] = f->n;
    }
}

SavedFile *saved_file_open(int dir, const char *name, const uint8_t key[SAVED_KEY_BYTES],
                           uint64_t limit, char **why)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const char *wrong = NULL;
    SavedFile *f = NULL;
    struct stat st;

    *why = NULL;
    if (fd < 0) {
        if (errno != ENOENT) {
            *why = g_strdup(g_strerror(errno));
        }
        return NULL;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        wrong = "it is not a regular file";
    } else if (st.st_uid != geteuid()) {
        wrong = "it belongs to another user";
    } else if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        wrong = "others may write to it";
    } else if (st.st_size < (off_t)sizeof(SavedHeader)) {
        wrong = "it is damaged";
    } else if ((uint64_t)st.st_size > limit) {
        wrong = "it is too large";
    } else {
        void *map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            wrong = g_strerror(errno);
        } else {
            f = g_new0(SavedFile, 1);
            f->fd = fd;
            f->map = map;
            f->size = st.st_size;
            wrong = file_check(f, key);
        }
    }
    if (wrong) {
        close(fd);
        *why = g_strdup(wrong);
        if (f) {
            munmap((void *)f->map, st.st_size);
            g_free(f);
        }
        return NULL;
    }
    f->marks = g_malloc0(f->n + 1);
    make_heads(f);
    return f;
}

uint64_t saved_file_size(const SavedFile *f)
{
    return f->size + (uint64_t)f->n * sizeof(SavedEntry);
}

void saved_file_close(SavedFile *f)
{
    if (f) {
        munmap((void *)f->map, saved_file_size(f));
        close(f->fd);
        g_free(f->marks);
        g_free(f->heads);
        g_free(f);
    }
}

unsigned saved_file_units(const SavedFile *f)
{
    return f->n;
}

#define WINDOW ((size_t)64 << 10)

void saved_window_free(SavedWindow *w)
{
    g_free(w->data);
    *w = (SavedWindow){0};
}

/* n bytes of the file at an offset, at most WINDOW; NULL if they cannot be read. */
static const uint8_t *window_get(const SavedFile *f, SavedWindow *w, uint64_t at, size_t n)
{
    if (at >= w->at && at - w->at <= w->bytes && n <= w->bytes - (at - w->at)) {
        return w->data + (at - w->at);
    }
    /* What comes soon behind the last one is probably followed by the next. */
    bool ahead = at >= w->at && at - w->at < 2 * WINDOW;
    size_t want = ahead ? MIN(WINDOW, f->size - at) : n, got = 0;
    if (!w->data) {
        w->data = g_malloc(WINDOW);
    }
    w->at = at;
    w->bytes = 0;
    while (got < want) {
        ssize_t k = pread(f->fd, w->data + got, want - got, at + got);
        if (k == 0 || (k < 0 && errno != EINTR)) {
            return NULL;
        }
        got += MAX(k, 0);
    }
    w->bytes = got;
    return w->data;
}

/* A copy of the head of unit n, and its body until the window is used again; false if it does not
 * lie in the file or cannot be one. */
static bool unit_get(const SavedFile *f, int64_t n, SavedWindow *w, SavedUnit *u,
                     const uint8_t **body)
{
    SavedEntry e;

    memcpy(&e, &f->index[n], sizeof(e));
    uint64_t at = (uint64_t)e.at * UNIT_ALIGN;
    if (at < sizeof(SavedHeader) || at > f->size || e.size > f->size - at || e.size < sizeof(*u) ||
        e.size > WINDOW) {
        return false;
    }
    const uint8_t *p = window_get(f, w, at, e.size);
    if (!p) {
        return false;
    }
    memcpy(u, p, sizeof(*u));
    *body = p + sizeof(*u);
    return unit_fits(u, e.size) &&
           saved_sum(saved_sum(0, u, sizeof(*u)), *body, body_bytes(u)) == e.sum;
}

const uint8_t *saved_unit_source(const SavedUnit *u, const uint8_t *body)
{
    return body + pad8(u->total_size);
}

int64_t saved_file_find(const SavedFile *f, uint32_t mode, const uint8_t *page, uint32_t offset)
{
    for (unsigned n = hashed_bytes(PAGE - offset); n > 0; n /= 2) {
        uint64_t hash = unit_hash(mode, offset, page + offset, n);
        const uint32_t *head = &f->heads[hash >> (64 - f->head_bits)];
        for (unsigned i = head[0]; i < head[1]; i++) {
            SavedEntry e;
            memcpy(&e, &f->index[i], sizeof(e));
            unsigned from = offset - e.tag;
            if (e.hash == hash && e.tag <= offset &&
                !(__atomic_load_n(&f->marks[i], __ATOMIC_RELAXED) & MARK_BAD) &&
                source_sum(page + from, MIN(e.source_bytes, PAGE - from)) == e.source_sum) {
                return i;
            }
        }
    }
    return -1;
}

size_t saved_file_body_bytes(const SavedFile *f, int64_t n)
{
    return MAX(f->index[n].size, sizeof(SavedUnit)) - sizeof(SavedUnit);
}

static void mark(SavedFile *f, int64_t n, uint8_t bit)
{
    __atomic_fetch_or(&f->marks[n], bit, __ATOMIC_RELAXED);
}

void saved_file_reject(SavedFile *f, int64_t n)
{
    mark(f, n, MARK_BAD);
}

bool saved_file_load(SavedFile *f, int64_t n, SavedWindow *w, SavedUnit *u, uint8_t *to,
                     size_t room)
{
    const uint8_t *body;

    if (unit_get(f, n, w, u, &body) && body_bytes(u) <= room) {
        memcpy(to, body, body_bytes(u));
        mark(f, n, MARK_USED);
        return true;
    }
    saved_file_reject(f, n);
    return false;
}

static int compare_places(const void *a, const void *b, void *opaque)
{
    const SavedFile *f = opaque;
    uint32_t x = f->index[*(const uint32_t *)a].at, y = f->index[*(const uint32_t *)b].at;

    return (x > y) - (x < y);
}

uint32_t *saved_file_order(const SavedFile *f)
{
    uint32_t *order = g_new(uint32_t, f->n + 1);

    for (unsigned i = 0; i < f->n; i++) {
        order[i] = i;
    }
    g_qsort_with_data(order, f->n, sizeof(*order), compare_places, (void *)f);
    return order;
}

bool saved_file_was_used(const SavedFile *f, int64_t n)
{
    return f->marks[n] & MARK_USED;
}

/* ---- writing ---- */

#define BUFFER_BYTES ((size_t)256 << 10)

struct SavedWriter {
    int dir, fd;
    char *name, *temporary;
    SavedHeader h;
    GArray *index;   /* SavedEntry */
    GHashTable *all; /* sums, as pointers, of what tells a unit from others */
    uint64_t at, limit;
    SavedWindow window; /* of a file that is copied from */
    uint8_t *unit;      /* WINDOW bytes: one that is being added */
    uint8_t *buffer;
    size_t in_buffer;
    int error; /* errno of the first write that failed */
};

static void write_out(SavedWriter *w)
{
    for (size_t done = 0; done < w->in_buffer && !w->error;) {
        ssize_t n = write(w->fd, w->buffer + done, w->in_buffer - done);
        if (n < 0 && errno != EINTR) {
            w->error = errno;
        }
        done += MAX(n, 0);
    }
    w->in_buffer = 0;
}

/* Append n bytes, padded to a multiple of align. */
static void put(SavedWriter *w, const void *p, size_t n, unsigned align)
{
    static const uint8_t zeros[UNIT_ALIGN];
    const uint8_t *b = p;
    size_t pad = -(w->at + n) % align;

    w->at += n + pad;
    while (n + pad > 0) {
        size_t part = MIN(n ? n : pad, BUFFER_BYTES - w->in_buffer);
        memcpy(w->buffer + w->in_buffer, n ? b : zeros, part);
        w->in_buffer += part;
        if (n) {
            b += part;
            n -= part;
        } else {
            pad -= part;
        }
        if (w->in_buffer == BUFFER_BYTES) {
            write_out(w);
        }
    }
}

SavedWriter *saved_writer_new(int dir, const char *name, const uint8_t key[SAVED_KEY_BYTES],
                              uint64_t limit, GError **err)
{
    g_autofree char *temporary =
        g_strdup_printf("%s.%ld.%08x" TEMPORARY, name, (long)getpid(), g_random_int());
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        rhea_error_set(err, "cannot create %s: %s", temporary, g_strerror(errno));
        return NULL;
    }
    SavedWriter *w = g_new0(SavedWriter, 1);
    *w = (SavedWriter){.dir = dir, .fd = fd, .limit = limit};
    w->name = g_strdup(name);
    w->temporary = g_steal_pointer(&temporary);
    w->index = g_array_new(false, false, sizeof(SavedEntry));
    w->all = g_hash_table_new(NULL, NULL);
    w->unit = g_malloc(WINDOW);
    w->buffer = g_malloc(BUFFER_BYTES);
    memcpy(w->h.magic, magic, sizeof(magic));
    memcpy(w->h.key, key, SAVED_KEY_BYTES);
    /* The real header comes last; until then the file is no file of units. */
    put(w, &(SavedHeader){0}, sizeof(SavedHeader), UNIT_ALIGN);
    return w;
}

/* Room and no such unit yet: a place in the index. */
static bool claim(SavedWriter *w, const SavedUnit *u, const uint8_t *source)
{
    uint64_t id[4] = {(uint64_t)u->mode << 32 | u->offset,
                      (uint64_t)u->tag << 32 | u->source_bytes};
    uint64_t size = sizeof(*u) + body_bytes(u);

    if (!unit_fits(u, size) || size > WINDOW ||
        w->at + size + UNIT_ALIGN + (w->index->len + 1) * sizeof(SavedEntry) > w->limit) {
        return false;
    }
    id[2] = (uint64_t)source_sum(source, u->source_bytes) << 32 |
            source_sum(source + u->tag, u->source_bytes - u->tag);
    for (unsigned i = 0; i + 8 <= u->source_bytes; i += 8) {
        id[3] = saved_sum(id[3], source + i, 8);
    }
    if (!g_hash_table_add(w->all, (void *)(uintptr_t)saved_sum(0, id, sizeof(id)))) {
        return false;
    }
    SavedEntry e = {
        .hash = unit_hash(u->mode, u->offset, source + u->tag, hashed_bytes(bytes_on_page(u))),
        .at = w->at / UNIT_ALIGN,
        .size = size,
        .source_sum = source_sum(source, u->tag + bytes_on_page(u)),
        .source_bytes = u->source_bytes,
        .tag = u->tag,
    };
    g_array_append_val(w->index, e);
    return true;
}

void saved_writer_add(SavedWriter *w, const SavedUnit *u, const uint8_t *code,
                      const uint8_t *source)
{
    if (!claim(w, u, source)) {
        return;
    }
    SavedEntry *e = &g_array_index(w->index, SavedEntry, w->index->len - 1);
    uint8_t *body = w->unit + sizeof(*u), *source_at = body + pad8(u->total_size);
    memcpy(w->unit, u, sizeof(*u));
    memcpy(body, code, u->total_size);
    memset(body + u->total_size, 0, source_at - (body + u->total_size));
    memcpy(source_at, source, u->source_bytes);
    memset(source_at + u->source_bytes, 0, pad8(u->source_bytes) - u->source_bytes);
    e->sum = saved_sum(saved_sum(0, u, sizeof(*u)), body, body_bytes(u));
    put(w, w->unit, sizeof(*u) + body_bytes(u), UNIT_ALIGN);
}

void saved_writer_copy(SavedWriter *w, const SavedFile *f, int64_t n)
{
    const uint8_t *body;
    SavedUnit u;

    if (f->marks[n] & MARK_BAD || !unit_get(f, n, &w->window, &u, &body) ||
        !claim(w, &u, saved_unit_source(&u, body))) {
        return;
    }
    g_array_index(w->index, SavedEntry, w->index->len - 1).sum = f->index[n].sum;
    put(w, &u, sizeof(u), 1);
    put(w, body, body_bytes(&u), UNIT_ALIGN);
}

static int compare_entries(const void *a, const void *b)
{
    const SavedEntry *x = a, *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

bool saved_writer_finish(SavedWriter *w, GError **err)
{
    GArray *index = w->index;

    g_array_sort(index, compare_entries);
    w->h.index = w->at;
    w->h.n_units = index->len;
    w->h.index_sum = saved_sum(0, index->data, index->len * sizeof(SavedEntry));
    if (index->len) {
        put(w, index->data, index->len * sizeof(SavedEntry), 1);
    }
    write_out(w);
    w->h.size = w->at;
    w->h.sum = saved_sum(0, &w->h, offsetof(SavedHeader, sum));
    if (!w->error && pwrite(w->fd, &w->h, sizeof(w->h), 0) != sizeof(w->h)) {
        w->error = errno;
    }
    if (close(w->fd) < 0 && !w->error) {
        w->error = errno;
    }
    if (!w->error && renameat(w->dir, w->temporary, w->dir, w->name) < 0) {
        w->error = errno;
    }
    bool ok = !w->error;
    if (!ok) {
        rhea_error_set(err, "cannot write %s: %s", w->name, g_strerror(w->error));
        unlinkat(w->dir, w->temporary, 0);
    }
    g_hash_table_destroy(w->all);
    g_array_free(index, true);
    g_free(w->unit);
    g_free(w->buffer);
    saved_window_free(&w->window);
    g_free(w->name);
    g_free(w->temporary);
    g_free(w);
    return ok;
}

typedef struct OldFile {
    char *name;
    int64_t time;
    uint64_t size;
} OldFile;

static int older_last(const void *a, const void *b)
{
    const OldFile *x = a, *y = b;

    return (x->time < y->time) - (x->time > y->time);
}

void saved_dir_prune(int dir, const char *keep, uint64_t limit)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    g_autoptr(GArray) files = g_array_new(false, false, sizeof(OldFile));
    int64_t now = g_get_real_time() / G_USEC_PER_SEC;
    struct dirent *de;
    uint64_t total = 0;

    if (!d) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    while ((de = readdir(d))) {
        bool temporary = g_str_has_suffix(de->d_name, TEMPORARY);
        struct stat st;
        if (!g_str_has_prefix(de->d_name, PREFIX) || !strcmp(de->d_name, keep) ||
            !(temporary || g_str_has_suffix(de->d_name, SUFFIX)) ||
            fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
            st.st_uid != geteuid()) {
            continue;
        }
        if (temporary) {
            /* Nobody writes for an hour. */
            if (now - st.st_mtim.tv_sec > 3600) {
                unlinkat(dir, de->d_name, 0);
            }
            continue;
        }
        OldFile o = {g_strdup(de->d_name), st.st_mtim.tv_sec, st.st_size};
        g_array_append_val(files, o);
    }
    closedir(d);
    g_array_sort(files, older_last);
    for (unsigned i = 0; i < files->len; i++) {
        OldFile *o = &g_array_index(files, OldFile, i);
        total += o->size;
        if (total > limit) {
            unlinkat(dir, o->name, 0);
        }
        g_free(o->name);
    }
}

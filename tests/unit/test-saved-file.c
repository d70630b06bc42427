/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Files of translated units: what goes in comes out, every byte changed and every length cut is
 * noticed or harmless, also when all sums have been made right again; other owners, modes, kinds of
 * file; writers at once; limits.
 */
#include "accel/tcg/saved_file.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE  4096
#define NAME  "rhea-0000000000000000.units"
#define LIMIT (1 << 20)

/* Where things are in the file: saved_file.c's SavedHeader, SavedEntry. */
enum { H_SIZE = 8, H_INDEX = 48, H_UNITS = 56, H_INDEX_SUM = 64, H_SUM = 72, H_BYTES = 80 };
enum { E_SUM = 8, E_AT = 16, E_SIZE = 20, E_BYTES = 32 };

static const uint8_t key[SAVED_KEY_BYTES] = {1, 2, 3}, other_key[SAVED_KEY_BYTES] = {1, 2, 4};
static char *path;
static int dir;
static uint8_t page[2 * PAGE];

/* Units: at the head of a page, with a tag, in the middle, one with few bytes, across the end. */
static const struct {
    uint16_t offset, tag, source_bytes;
} places[] = {{0, 0, 40}, {0x101, 1, 9}, {0x800, 0, 400}, {0x900, 0, 2}, {0xffe, 0, 4}};
#define N_UNITS G_N_ELEMENTS(places)

static SavedUnit unit_make(unsigned n)
{
    return (SavedUnit){
        .mode = 0x1000 + n,
        .offset = places[n].offset,
        .tag = places[n].tag,
        .source_bytes = places[n].source_bytes,
        .guest_bytes = places[n].source_bytes - places[n].tag,
        .ninsns = 1 + n,
        .straddles = places[n].offset == 0xffe,
        .code_size = 64,
        .total_size = 100 + 3 * n,
    };
}

static void code_make(unsigned n, uint8_t *code)
{
    for (unsigned i = 0; i < 100 + 3 * n; i++) {
        code[i] = n * 31 + i;
    }
}

static void add(SavedWriter *w, unsigned n)
{
    SavedUnit u = unit_make(n);
    uint8_t code[256];

    code_make(n, code);
    saved_writer_add(w, &u, code, page + u.offset - u.tag);
}

static SavedWriter *writer(const char *name)
{
    GError *err = NULL;
    SavedWriter *w = saved_writer_new(dir, name, key, LIMIT, &err);

    g_assert_no_error(err);
    return w;
}

static void finish(SavedWriter *w)
{
    GError *err = NULL;

    g_assert_true(saved_writer_finish(w, &err));
    g_assert_no_error(err);
}

static void write_all(const char *name)
{
    SavedWriter *w = writer(name);

    for (unsigned n = 0; n < N_UNITS; n++) {
        add(w, n);
    }
    finish(w);
}

static SavedWindow window;

/* Unit n, -1 if the file has it not any more. What is found must be right unless `any`. */
static bool unit_is_there(SavedFile *f, unsigned n, bool any)
{
    SavedUnit want = unit_make(n), u;
    saved_window_free(&window); /* of another file */
    int64_t i = saved_file_find(f, want.mode, page, want.offset);
    uint8_t code[256];

    if (i < 0) {
        return false;
    }
    size_t room = saved_file_body_bytes(f, i);
    g_autofree uint8_t *body = g_malloc(room);
    if (!saved_file_load(f, i, &window, &u, body, room)) {
        g_assert_cmpint(saved_file_find(f, want.mode, page, want.offset), !=, i);
        return false;
    }
    unsigned from = u.offset - u.tag;
    if (from + u.source_bytes > sizeof(page) ||
        memcmp(saved_unit_source(&u, body), page + from, u.source_bytes)) {
        return false;
    }
    if (!any) {
        code_make(n, code);
        g_assert_cmpmem(&u, sizeof(u), &want, sizeof(want));
        g_assert_cmpmem(body, want.total_size, code, want.total_size);
    }
    return true;
}

static SavedFile *file_open(const uint8_t *k, char **why)
{
    return saved_file_open(dir, NAME, k, LIMIT, why);
}

static void refused(const char *reason)
{
    g_autofree char *why = NULL;

    g_assert_null(file_open(key, &why));
    g_assert_cmpstr(why, ==, reason);
}

static void test_all(void)
{
    g_autofree char *why = NULL;
    SavedFile *f;

    g_assert_null(saved_file_open(dir, "rhea-none.units", key, LIMIT, &why));
    g_assert_null(why);
    write_all(NAME);
    f = file_open(key, &why);
    g_assert_nonnull(f);
    g_assert_cmpuint(saved_file_units(f), ==, N_UNITS);
    for (unsigned n = 0; n < N_UNITS; n++) {
        g_assert_true(unit_is_there(f, n, false));
        SavedUnit u = unit_make(n);
        g_assert_cmpint(saved_file_find(f, u.mode + 100, page, u.offset), ==, -1);
        /* Each byte that it was made from counts, and no other. */
        for (int i = -1; i <= u.source_bytes; i++) {
            int at = u.offset - u.tag + i;
            if (at < 0) {
                continue;
            }
            page[at] ^= 0x10;
            g_assert_cmpint(unit_is_there(f, n, false), ==, i == -1 || i == u.source_bytes);
            page[at] ^= 0x10;
        }
    }
    saved_file_close(f);
}

static void test_again(void)
{
    /* Taken over, those used first, each once. */
    g_autofree char *why = NULL;
    write_all(NAME);
    SavedFile *f = file_open(key, &why);
    g_assert_true(unit_is_there(f, 2, false));
    SavedWriter *w = writer(NAME);
    unsigned used = 0;
    add(w, 1);
    add(w, 1);
    for (unsigned i = 0; i < saved_file_units(f); i++) {
        used += saved_file_was_used(f, i);
        saved_writer_copy(w, f, i);
    }
    finish(w);
    g_assert_cmpuint(used, ==, 1);
    saved_file_close(f);
    f = file_open(key, &why);
    g_assert_cmpuint(saved_file_units(f), ==, N_UNITS);
    for (unsigned n = 0; n < N_UNITS; n++) {
        g_assert_true(unit_is_there(f, n, false));
    }
    saved_file_close(f);
}

static char *contents(size_t *size)
{
    g_autofree char *p = g_build_filename(path, NAME, NULL);
    char *data;

    g_assert_true(g_file_get_contents(p, &data, size, NULL));
    return data;
}

static void put_contents(const void *data, size_t size)
{
    g_autofree char *p = g_build_filename(path, NAME, NULL);
    int fd = open(p, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    g_assert_cmpint(write(fd, data, size), ==, size);
    close(fd);
}

static uint64_t get(const char *p, unsigned bytes)
{
    uint64_t v = 0;

    memcpy(&v, p, bytes);
    return v;
}

static void put_sum(char *at, const void *p, size_t n, uint64_t before)
{
    uint64_t sum = saved_sum(before, p, n);

    memcpy(at, &sum, sizeof(sum));
}

/* Make all sums right, as far as they have something to be sums of. */
static void seal(char *data, size_t size)
{
    uint64_t index = get(data + H_INDEX, 8), n = get(data + H_UNITS, 4);

    if (index % 8 == 0 && index <= size && n <= (size - index) / E_BYTES) {
        for (uint64_t i = 0; i < n; i++) {
            char *e = data + index + i * E_BYTES;
            uint64_t at = get(e + E_AT, 4) * 64, bytes = get(e + E_SIZE, 4);
            if (at <= size && bytes <= size - at && bytes >= 64 && bytes % 8 == 0) {
                put_sum(e + E_SUM, data + at + 64, bytes - 64, saved_sum(0, data + at, 64));
            }
        }
        put_sum(data + H_INDEX_SUM, data + index, n * E_BYTES, 0);
    }
    put_sum(data + H_SUM, data, H_SUM, 0);
}

static void look(bool sealed)
{
    g_autofree char *why = NULL;
    SavedFile *f = file_open(key, &why);

    g_assert_true(!f == !!why);
    for (unsigned n = 0; f && n < N_UNITS; n++) {
        unit_is_there(f, n, sealed);
    }
    if (f && sealed) {
        SavedWriter *w = writer("rhea-copy.units");
        for (unsigned i = 0; i < saved_file_units(f); i++) {
            saved_writer_copy(w, f, i);
        }
        finish(w);
    }
    saved_file_close(f);
}

static void test_bytes(void)
{
    size_t size;

    write_all(NAME);
    g_autofree char *data = contents(&size), *bad = g_malloc(size);
    for (size_t i = 0; i < size; i++) {
        memcpy(bad, data, size);
        bad[i] ^= i % 3 ? 1 << i % 8 : 0xff;
        put_contents(bad, size);
        look(false);
        seal(bad, size);
        put_contents(bad, size);
        look(true);
    }
}

static void test_lengths(void)
{
    size_t size;

    write_all(NAME);
    g_autofree char *data = contents(&size), *more = g_malloc0(size + 1);
    for (size_t i = 0; i < size; i++) {
        put_contents(data, i);
        refused("it is damaged");
    }
    memcpy(more, data, size);
    put_contents(more, size + 1);
    refused("it is damaged");
    /* Random files, with the right beginning and without. */
    for (unsigned i = 0; i < 200; i++) {
        for (size_t k = i % 2 ? 0 : 8; k < size; k++) {
            more[k] = g_test_rand_int();
        }
        put_contents(more, size);
        refused(i % 2 ? "it is no file of translations" : "it is damaged");
        memcpy(more, data, 8);
    }
}

static void test_foreign(void)
{
    g_autofree char *p = g_build_filename(path, NAME, NULL), *q = g_build_filename(path, "q", NULL);
    g_autofree char *why = NULL;
    GError *err = NULL;

    write_all(NAME);
    g_assert_null(file_open(other_key, &why));
    g_assert_cmpstr(why, ==, "it is for another program, host or guest");
    g_clear_pointer(&why, g_free);
    g_assert_null(saved_file_open(dir, NAME, key, 100, &why));
    g_assert_cmpstr(why, ==, "it is too large");
    g_clear_pointer(&why, g_free);
    g_chmod(p, 0620);
    refused("others may write to it");
    g_chmod(p, 0602);
    refused("others may write to it");
    g_chmod(p, 0644);
    SavedFile *f = file_open(key, &why);
    g_assert_nonnull(f);
    saved_file_close(f);
    if (geteuid() == 0) {
        g_assert_cmpint(chown(p, 1, -1), ==, 0);
        refused("it belongs to another user");
        g_assert_cmpint(chown(p, 0, -1), ==, 0);
    }
    g_assert_cmpint(rename(p, q), ==, 0);
    g_assert_cmpint(symlink("q", p), ==, 0);
    g_assert_null(file_open(key, &why));
    g_assert_nonnull(why);
    unlink(p);
    g_assert_cmpint(mkfifo(p, 0600), ==, 0);
    refused("it is not a regular file");
    unlink(p);
    g_assert_cmpint(mkdir(p, 0700), ==, 0);
    refused("it is not a regular file");
    rmdir(p);
    unlink(q);

    /* The directory. */
    g_assert_cmpint(saved_dir_open("/nonexistent/dir", &err), ==, -1);
    g_assert_nonnull(strstr(err->message, "No such file"));
    g_clear_error(&err);
    g_assert_cmpint(saved_dir_open("/tmp", &err), ==, -1);
    g_assert_nonnull(err);
    g_clear_error(&err);
    g_chmod(path, 0770);
    g_assert_cmpint(saved_dir_open(path, &err), ==, -1);
    g_assert_nonnull(strstr(err->message, "others may write"));
    g_clear_error(&err);
    g_chmod(path, 0700);
}

static void *write_often(void *opaque)
{
    for (unsigned i = 0; i < 20; i++) {
        write_all(NAME);
    }
    return NULL;
}

static void test_writers(void)
{
    GThread *t[3];

    write_all(NAME);
    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        t[i] = g_thread_new("writer", write_often, NULL);
    }
    for (unsigned i = 0; i < 100; i++) {
        g_autofree char *why = NULL;
        SavedFile *f = file_open(key, &why);
        g_assert_nonnull(f);
        for (unsigned n = 0; n < N_UNITS; n++) {
            g_assert_true(unit_is_there(f, n, false));
        }
        saved_file_close(f);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        g_thread_join(t[i]);
    }
}

static bool exists(const char *name)
{
    return faccessat(dir, name, F_OK, 0) == 0;
}

static void test_limits(void)
{
    static const char *const names[] = {"rhea-a.units", "rhea-b.units", "rhea-c.units"};
    g_autofree char *why = NULL;
    GError *err = NULL;
    size_t size;

    /* As much as has room. */
    SavedWriter *w = saved_writer_new(dir, NAME, key, 700, &err);
    for (unsigned n = 0; n < N_UNITS; n++) {
        add(w, n);
    }
    finish(w);
    g_autofree char *data = contents(&size);
    g_assert_cmpuint(size, <=, 700);
    SavedFile *f = file_open(key, &why);
    g_assert_cmpuint(saved_file_units(f), >=, 2);
    g_assert_cmpuint(saved_file_units(f), <, N_UNITS);
    g_assert_true(unit_is_there(f, 0, false));
    saved_file_close(f);

    /* The newest files stay, and what is not ours. */
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct timespec t[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
        write_all(names[i]);
        g_assert_cmpint(utimensat(dir, names[i], t, 0), ==, 0);
    }
    const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    static const char *const others[] = {"rhea-x.units.1.2.new", "other.units", "rhea-y"};
    for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
        close(openat(dir, others[i], O_CREAT | O_WRONLY, 0600));
        utimensat(dir, others[i], old, 0);
    }
    close(openat(dir, "rhea-z.units.1.3.new", O_CREAT | O_WRONLY, 0600));
    struct stat st;
    fstatat(dir, names[0], &st, 0);
    unlinkat(dir, "rhea-copy.units", 0);
    saved_dir_prune(dir, NAME, 2 * st.st_size);
    g_assert_true(exists(NAME) && exists(names[2]) && exists(names[1]) && !exists(names[0]));
    g_assert_true(exists("other.units") && exists("rhea-y") && exists("rhea-z.units.1.3.new"));
    g_assert_false(exists("rhea-x.units.1.2.new"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    path = g_dir_make_tmp("rhea-saved-XXXXXX", NULL);
    dir = saved_dir_open(path, NULL);
    g_assert_cmpint(dir, >=, 0);
    for (unsigned i = 0; i < sizeof(page); i++) {
        page[i] = i * 7 + (i >> 8) * 3;
    }
    g_test_add_func("/saved-file/all", test_all);
    g_test_add_func("/saved-file/again", test_again);
    g_test_add_func("/saved-file/bytes", test_bytes);
    g_test_add_func("/saved-file/lengths", test_lengths);
    g_test_add_func("/saved-file/foreign", test_foreign);
    g_test_add_func("/saved-file/writers", test_writers);
    g_test_add_func("/saved-file/limits", test_limits);
    int status = g_test_run();
    g_autoptr(GDir) d = g_dir_open(path, 0, NULL);
    for (const char *name; (name = g_dir_read_name(d));) {
        unlinkat(dir, name, 0);
    }
    rmdir(path);
    return status;
}

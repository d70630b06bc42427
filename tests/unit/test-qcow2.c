/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * qcow2 images: random requests against a model in memory, for every combination of format options,
 * with reopening, snapshots, resizing and a check of all reference counts; images whose tables are
 * damaged; backing chains; locks.
 */
#include "io/qcow2.h"
#include "tests/unit/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static char *dir;

static char *path_of(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

static char *file_make(const char *name)
{
    char *path = path_of(name);

    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    return path;
}

static BlockNode *image_open(const char *path, bool read_only)
{
    GError *err = NULL;
    BlockNode *n = node_open(
        &(NodeOptions){.path = path, .read_only = read_only, .discard = true, .no_flush = true},
        &err);

    g_assert_no_error(err);
    return n;
}

static void say(void *opaque, const char *line)
{
    g_test_message("%s", line);
}

static void check_clean(BlockNode *n, bool leaks_too)
{
    GError *err = NULL;
    Qcow2Check c = {.say = say};

    g_assert_true(qcow2_check(n, &c, false, false, &err));
    g_assert_no_error(err);
    g_assert_cmpuint(c.corruptions, ==, 0);
    g_assert_cmpuint(c.errors, ==, 0);
    if (leaks_too) {
        g_assert_cmpuint(c.leaks, ==, 0);
    }
}

static void compare(BlockNode *n, const uint8_t *model, uint64_t size)
{
    g_autofree uint8_t *got = g_malloc(size);

    g_assert_cmpint(node_pread(n, 0, got, size), ==, 0);
    for (uint64_t i = 0; i < size; i++) {
        if (got[i] != model[i]) {
            g_error("byte %#lx is %#x, not %#x", (unsigned long)i, got[i], model[i]);
        }
    }
}

typedef struct Variant {
    const char *name;
    Qcow2Create c;
    bool backing;
} Variant;

static const Variant variants[] = {
    {"v3", {.version = 3, .cluster_size = 65536, .refcount_bits = 16}},
    {"v2", {.version = 2, .cluster_size = 65536, .refcount_bits = 16}},
    {"v2-backing", {.version = 2, .cluster_size = 4096, .refcount_bits = 16}, true},
    {"small", {.version = 3, .cluster_size = 512, .refcount_bits = 64}},
    {"small-backing", {.version = 3, .cluster_size = 512, .refcount_bits = 16}, true},
    {"big", {.version = 3, .cluster_size = 2 * MIB, .refcount_bits = 8}},
    {"one-bit", {.version = 3, .cluster_size = 4096, .refcount_bits = 1}},
    {"two-bits", {.version = 3, .cluster_size = 1024, .refcount_bits = 2}},
    {"four-bits", {.version = 3, .cluster_size = 1024, .refcount_bits = 4}},
    {"wide", {.version = 3, .cluster_size = 4096, .refcount_bits = 32}},
    {"lazy", {.version = 3, .cluster_size = 4096, .refcount_bits = 16, .lazy_refcounts = true}},
    {"zstd", {.version = 3, .cluster_size = 4096, .refcount_bits = 16, .zstd = true}, true},
    {"sub", {.version = 3, .cluster_size = 16384, .refcount_bits = 16, .extended_l2 = true}},
    {"sub-backing",
     {.version = 3, .cluster_size = 32768, .refcount_bits = 16, .extended_l2 = true},
     true},
    {"metadata",
     {.version = 3,
      .cluster_size = 65536,
      .refcount_bits = 16,
      .prealloc = NODE_PREALLOC_METADATA}},
    {"falloc",
     {.version = 3, .cluster_size = 4096, .refcount_bits = 16, .prealloc = NODE_PREALLOC_FALLOC}},
    {"full",
     {.version = 3, .cluster_size = 65536, .refcount_bits = 16, .prealloc = NODE_PREALLOC_FULL}},
    {"sub-metadata",
     {.version = 3,
      .cluster_size = 65536,
      .refcount_bits = 16,
      .extended_l2 = true,
      .prealloc = NODE_PREALLOC_METADATA}},
    {"external", {.version = 3, .cluster_size = 65536, .refcount_bits = 16, .data_file = "ext"}},
    {"external-raw",
     {.version = 3,
      .cluster_size = 4096,
      .refcount_bits = 16,
      .data_file = "ext",
      .data_file_raw = true}},
    {"external-sub",
     {.version = 3,
      .cluster_size = 16384,
      .refcount_bits = 16,
      .extended_l2 = true,
      .data_file = "ext"}},
};

/* One random change, done to both. */
static void change(BlockNode *n, uint8_t *model, uint64_t size, GRand *r, bool discard)
{
    uint64_t off = g_rand_int_range(r, 0, size / 512), len;
    unsigned what = g_rand_int_range(r, 0, 10);

    len = g_rand_int_range(r, 1, what < 6 ? 64 : 1024);
    off *= 512;
    len = MIN(len * 512, size - off);
    if (g_rand_int_range(r, 0, 4) == 0 && len > 600) {
        off += 100; /* sectors are nothing special */
        len -= 333;
    }
    if (what < 7) {
        memset(model + off, g_rand_int_range(r, 1, 256), len);
        model[off] ^= 1;
        g_assert_cmpint(node_pwrite(n, off, model + off, len), ==, 0);
    } else if (what < 9 || !discard) {
        memset(model + off, 0, len);
        g_assert_cmpint(node_zero(n, off, len, what & 1), ==, 0);
    } else {
        g_assert_cmpint(node_discard(n, off, len), ==, 0);
        g_assert_cmpint(node_pread(n, off, model + off, len), ==, 0);
    }
}

static char *variant_create(const Variant *v, uint8_t *model, uint64_t size)
{
    Qcow2Create c = v->c;
    GError *err = NULL;
    char *path = file_make("image");
    g_autofree char *ext = NULL;

    memset(model, 0, size);
    c.size = size;
    if (v->backing) {
        /* Shorter than the image. */
        g_autofree char *base = path_of("base");
        for (uint64_t i = 0; i < size / 2; i++) {
            model[i] = i / 512 * 7 + 3;
        }
        g_assert_true(g_file_set_contents(base, (char *)model, size / 2, NULL));
        c.backing = "base";
        c.backing_format = "raw";
    }
    if (c.data_file) {
        c.data_file = ext = file_make("ext");
    }
    g_assert_true(qcow2_create(path, &c, &err));
    g_assert_no_error(err);
    return path;
}

static void test_model(gconstpointer data)
{
    const Variant *v = data;
    uint64_t size = 3 * MIB + 512 * 5, now = size;
    g_autofree uint8_t *model = g_malloc0(size), *snapped = g_malloc0(size);
    g_autofree char *path = variant_create(v, model, size);
    GRand *r = g_rand_new_with_seed(5);
    BlockNode *n = image_open(path, false);
    bool snapshots = !v->c.data_file && v->c.refcount_bits >= 8; /* room to count */
    GError *err = NULL;

    compare(n, model, now);
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 40; i++) {
            change(n, model, now, r, true);
        }
        compare(n, model, now);
        if (v->c.data_file == NULL && round % 2) {
            uint64_t size_c = v->c.cluster_size;
            uint64_t at = g_rand_int_range(r, 0, now / size_c + 1) * size_c;
            size_t len = MIN(size_c, now - at);
            for (size_t i = 0; i < len; i++) {
                model[at + i] = i / 100;
            }
            g_assert_cmpint(n->drv->write_compressed(n, at, model + at, len), ==, 0);
            for (uint64_t next = at + size_c; next + size_c <= now && next < at + 5 * size_c;
                 next += size_c) {
                memset(model + next, round, size_c);
                g_assert_cmpint(n->drv->write_compressed(n, next, model + next, size_c), ==, 0);
            }
            compare(n, model, now);
        }
        g_assert_cmpint(node_flush(n), ==, 0);
        check_clean(n, true);
        if (round % 3 == 0) {
            node_close(n);
            n = image_open(path, round == 3);
            compare(n, model, now);
            node_close(n);
            n = image_open(path, false);
        }
        if (snapshots && round == 2) {
            memcpy(snapped, model, now);
            g_assert_true(qcow2_snapshot_create(n, "one", &err));
            check_clean(n, true);
        }
        if (snapshots && round == 4) {
            g_assert_true(qcow2_snapshot_create(n, "two", &err));
            check_clean(n, true);
        }
        if (snapshots && round == 5) {
            g_assert_true(qcow2_snapshot_apply(n, "one", &err));
            check_clean(n, true);
            memcpy(model, snapped, now);
            compare(n, model, now);
            g_assert_true(qcow2_snapshot_delete(n, "2", &err));
            check_clean(n, true);
            compare(n, model, now);
        }
    }
    if (snapshots) {
        g_assert_true(qcow2_snapshot_delete(n, "one", &err));
        g_assert_false(qcow2_snapshot_delete(n, "one", &err));
        g_clear_error(&err);
        check_clean(n, true);
    }
    /* Shorter and longer again: what was cut is gone. */
    now = MIB + 512 * 3;
    g_assert_true(node_truncate(n, now, NODE_PREALLOC_OFF, &err));
    check_clean(n, true);
    compare(n, model, now);
    memset(model + now, 0, size - now);
    g_assert_true(node_truncate(n, size, NODE_PREALLOC_OFF, &err));
    compare(n, model, size);
    for (int i = 0; i < 40; i++) {
        change(n, model, size, r, true);
    }
    node_close(n);
    n = image_open(path, true);
    compare(n, model, size);
    check_clean(n, true);
    node_close(n);
    g_rand_free(r);
}

/* As if the program had been killed: the file as it is, without closing. */
static void test_crash(gconstpointer data)
{
    const Variant *v = data;
    uint64_t size = 3 * MIB;
    g_autofree uint8_t *model = g_malloc0(size);
    g_autofree char *path = variant_create(v, model, size), *copy = path_of("copy"), *bytes = NULL;
    g_autofree uint8_t *flushed = NULL;
    GRand *r = g_rand_new_with_seed(9);
    BlockNode *n = image_open(path, false);
    size_t len;

    for (int i = 0; i < 60; i++) {
        change(n, model, size, r, true);
    }
    g_assert_cmpint(node_flush(n), ==, 0);
    flushed = g_memdup2(model, size);
    for (int i = 0; i < 12; i++) {
        change(n, model, size, r, true);
        g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
        g_assert_true(g_file_set_contents(copy, bytes, len, NULL));
        g_clear_pointer(&bytes, g_free);
        GError *err = NULL;
        BlockNode *after = node_open(&(NodeOptions){.path = copy, .read_only = true}, &err);
        g_assert_no_error(err);
        Qcow2Info info;
        qcow2_info(after, &info);
        if (!info.dirty) {
            check_clean(after, false);
        }
        node_close(after);
        after = image_open(copy, false);
        check_clean(after, false);
        /* Each byte is that of the flush or one written since. */
        g_autofree uint8_t *got = g_malloc(size);
        g_assert_cmpint(node_pread(after, 0, got, size), ==, 0);
        node_close(after);
        if (i == 0) {
            unsigned lost = 0;
            for (uint64_t k = 0; k < size; k++) {
                lost += got[k] != flushed[k] && got[k] != model[k];
            }
            g_assert_cmpuint(lost, ==, 0);
        }
    }
    node_close(n);
    g_rand_free(r);
}

static void test_chain(void)
{
    g_autofree char *a = file_make("a"), *b = file_make("b"), *raw = path_of("raw");
    g_autofree uint8_t *model = g_malloc0(MIB);
    Qcow2Create c = {.size = MIB, .version = 3, .cluster_size = 65536, .refcount_bits = 16};
    GError *err = NULL;

    memset(model, 0x11, MIB);
    g_assert_true(g_file_set_contents(raw, (char *)model, MIB, NULL));
    c.backing = "raw";
    c.backing_format = "raw";
    g_assert_true(qcow2_create(a, &c, &err));
    c.backing = "a";
    c.backing_format = "qcow2";
    g_assert_true(qcow2_create(b, &c, &err));
    BlockNode *n = image_open(b, false);
    compare(n, model, MIB);
    memset(model + 1000, 0x22, 70000);
    g_assert_cmpint(node_pwrite(n, 1000, model + 1000, 70000), ==, 0);
    compare(n, model, MIB);
    NodeExtent e;
    int depth;
    g_assert_cmpint(node_status_chain(n, NULL, 0, MIB, &e, &depth, NULL), ==, 0);
    g_assert_cmpint(depth, ==, 0);
    g_assert_cmpint(node_status_chain(n, NULL, 512 * 1024, 4096, &e, &depth, NULL), ==, 0);
    g_assert_cmpint(depth, ==, 2);
    node_close(n);
    /* A loop: a stands on b. */
    n = node_open(&(NodeOptions){.path = a, .no_backing = true}, &err);
    g_assert_true(qcow2_set_backing(n, "b", "qcow2", &err));
    node_close(n);
    g_assert_null(node_open(&(NodeOptions){.path = b, .read_only = true}, &err));
    g_assert_nonnull(strstr(err->message, "loop"));
    g_clear_error(&err);
}

/* Any damage: an answer, never a crash; what was refused or marked is not written to. */
static void test_damage(void)
{
    g_autofree char *path = NULL, *copy = path_of("copy"), *bytes = NULL;
    g_autofree uint8_t *model = g_malloc0(3 * MIB);
    GRand *r = g_rand_new_with_seed(77);
    size_t len;
    unsigned opened = 0;

    for (unsigned v = 0; v < G_N_ELEMENTS(variants); v++) {
        if (variants[v].c.data_file || variants[v].c.cluster_size > 65536) {
            continue;
        }
        g_free(path);
        path = variant_create(&variants[v], model, 3 * MIB);
        BlockNode *n = image_open(path, false);
        for (int i = 0; i < 20; i++) {
            change(n, model, 3 * MIB, r, true);
        }
        if (variants[v].c.refcount_bits > 1) {
            g_assert_true(qcow2_snapshot_create(n, "s", NULL));
        }
        node_close(n);
        g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
        for (int i = 0; i < 30; i++) {
            g_autofree char *bad = g_memdup2(bytes, len);
            uint64_t size = variants[v].c.cluster_size;
            for (int k = 0; k < 1 + i % 4; k++) {
                /* The header, or the tables behind it. */
                uint64_t at = i % 2 ? g_rand_int_range(r, 4, 112)
                                    : g_rand_int_range(r, 0, MIN(len, 6 * size));
                bad[at] = i % 3 ? g_rand_int(r) : 0xff;
            }
            g_assert_true(g_file_set_contents(copy, bad, len, NULL));
            NodeOptions o = {
                .path = copy, .format = "qcow2", .ignore_corrupt = i % 5 == 0, .no_flush = true};
            n = node_open(&o, NULL);
            if (!n) {
                continue;
            }
            opened++;
            for (int k = 0; k < 10 && n->size >= MIB; k++) {
                uint8_t buf[4096] = {1};
                uint64_t at = g_rand_int_range(r, 0, MIB - 4096);
                node_pread(n, at, buf, sizeof(buf));
                node_pwrite(n, at, buf, sizeof(buf));
                node_zero(n, at, 40000, k & 1);
            }
            Qcow2Check c = {0};
            qcow2_check(n, &c, i & 1, i & 1, NULL);
            qcow2_snapshot_apply(n, "s", NULL);
            qcow2_snapshot_delete(n, "s", NULL);
            node_close(n);
        }
        g_clear_pointer(&bytes, g_free);
    }
    g_assert_cmpuint(opened, >, 50);
    g_rand_free(r);
}

static void test_repair(void)
{
    g_autofree uint8_t *model = g_malloc0(3 * MIB);
    g_autofree char *path = variant_create(&variants[0], model, 3 * MIB);
    GRand *r = g_rand_new_with_seed(3);
    GError *err = NULL;
    BlockNode *n = image_open(path, false);
    uint8_t zero[65536] = {0};

    for (int i = 0; i < 40; i++) {
        change(n, model, 3 * MIB, r, false);
    }
    node_close(n);
    /* All reference counts gone. */
    int fd = open(path, O_RDWR);
    g_assert_cmpint(pwrite(fd, zero, sizeof(zero), 2 * 65536), ==, sizeof(zero));
    close(fd);
    n = image_open(path, false);
    Qcow2Check c = {.say = say};
    g_assert_true(qcow2_check(n, &c, false, false, &err));
    g_assert_cmpuint(c.corruptions, >, 3);
    c = (Qcow2Check){.say = say};
    g_assert_true(qcow2_check(n, &c, true, true, &err));
    g_assert_cmpuint(c.corruptions, ==, c.corruptions_fixed);
    check_clean(n, true);
    compare(n, model, 3 * MIB);
    node_close(n);
    g_rand_free(r);
}

static uint64_t word_at(int fd, uint64_t at)
{
    uint64_t v;

    g_assert_cmpint(pread(fd, &v, 8, at), ==, 8);
    return GUINT64_FROM_BE(v);
}

/* The table of a snapshot names itself as data: deleting the snapshot frees what it walks. */
static void test_self(void)
{
    g_autofree char *path = file_make("self");
    Qcow2Create c = {.size = MIB, .version = 3, .cluster_size = 65536, .refcount_bits = 16};
    uint8_t buf[512] = {1};
    GError *err = NULL;

    g_assert_true(qcow2_create(path, &c, &err));
    BlockNode *n = image_open(path, false);
    g_assert_cmpint(node_pwrite(n, 0, buf, sizeof(buf)), ==, 0);
    g_assert_true(qcow2_snapshot_create(n, "s", &err));
    node_close(n);
    int fd = open(path, O_RDWR);
    uint64_t l1 = word_at(fd, 40), l2 = word_at(fd, l1) & 0x00fffffffffffe00;
    n = image_open(path, false);
    g_assert_cmpint(node_pwrite(n, 0, buf, sizeof(buf)), ==, 0); /* in a table of its own */
    node_close(n);
    g_assert_cmphex(word_at(fd, l1) & 0x00fffffffffffe00, !=, l2);
    uint64_t self = GUINT64_TO_BE(l2);
    g_assert_cmpint(pwrite(fd, &self, 8, l2 + 8 * 100), ==, 8);
    n = image_open(path, false);
    g_assert_false(qcow2_snapshot_delete(n, "s", &err));
    g_clear_error(&err);
    node_close(n);
    g_assert_cmphex(word_at(fd, 72) & 2, ==, 2); /* marked corrupt */
    close(fd);
}

/* A file that is nearly all holes, as a wrong offset in a table can make it: it is not checked
 * cluster by cluster. */
static void test_holes(void)
{
    g_autofree char *path = file_make("holes");
    Qcow2Create c = {.size = MIB, .version = 3, .cluster_size = 512, .refcount_bits = 16};
    uint8_t buf[512] = {1};
    GError *err = NULL;

    g_assert_true(qcow2_create(path, &c, &err));
    g_assert_cmpint(truncate(path, 500ll << 30), ==, 0);
    BlockNode *n = image_open(path, false);
    g_assert_cmpint(node_pwrite(n, 0, buf, sizeof(buf)), ==, 0);
    clock_t begin = clock();
    check_clean(n, true);
    g_assert_cmpfloat((double)(clock() - begin) / CLOCKS_PER_SEC, <, 0.5);
    node_close(n);
}

#define KILL_BLOCKS 700
#define KILL_SIZE   4096

/* Write numbered blocks, with a flush now and then that is told through the pipe. */
static void G_GNUC_NORETURN kill_writer(const char *path, int fd, uint32_t seed)
{
    GRand *r = g_rand_new_with_seed(seed);
    BlockNode *n = node_open(&(NodeOptions){.path = path, .discard = true}, NULL);

    for (uint64_t seq = 1; n; seq++) {
        uint64_t block[KILL_SIZE / 8];
        for (unsigned i = 0; i < G_N_ELEMENTS(block); i++) {
            block[i] = seq;
        }
        uint64_t at = g_rand_int_range(r, 0, KILL_BLOCKS);
        if (node_pwrite(n, at * KILL_SIZE, block, KILL_SIZE) < 0) {
            break;
        }
        if (seq % 16 == 0 && (node_flush(n) < 0 || write(fd, &seq, 8) != 8)) {
            break;
        }
    }
    _exit(1);
}

/* kill -9 at random moments: no corruption, and what was flushed is there. */
static void test_kill(gconstpointer data)
{
    const Variant *v = data;
    g_autofree uint8_t *model = g_malloc0(3 * MIB);
    GRand *r = g_rand_new_with_seed(11);

    for (int round = 0; round < 8; round++) {
        g_autofree char *path = variant_create(v, model, 3 * MIB);
        uint32_t seed = g_rand_int(r);
        uint64_t flushed = 0, last[KILL_BLOCKS] = {0}, got;
        int fd[2], status;

        g_assert_cmpint(pipe(fd), ==, 0);
        pid_t pid = fork();
        if (pid == 0) {
            kill_writer(path, fd[1], seed);
        }
        close(fd[1]);
        g_usleep(g_rand_int_range(r, 5000, 60000));
        kill(pid, SIGKILL);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFSIGNALED(status));
        while (read(fd[0], &got, 8) == 8) {
            flushed = got;
        }
        close(fd[0]);
        GRand *again = g_rand_new_with_seed(seed);
        for (uint64_t seq = 1; seq <= flushed; seq++) {
            last[g_rand_int_range(again, 0, KILL_BLOCKS)] = seq;
        }
        g_rand_free(again);
        BlockNode *n = image_open(path, false); /* repairs counts that are written lazily */
        check_clean(n, false);
        for (unsigned i = 0; i < KILL_BLOCKS; i++) {
            uint64_t block[KILL_SIZE / 8];
            g_assert_cmpint(node_pread(n, (uint64_t)i * KILL_SIZE, block, KILL_SIZE), ==, 0);
            if (last[i]) {
                g_assert_cmpuint(block[0], >=, last[i]);
                g_assert_cmpuint(block[KILL_SIZE / 8 - 1], >=, last[i]);
            }
        }
        node_close(n);
    }
    g_rand_free(r);
}

static void quiet(const char *text)
{
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_set_printerr_handler(quiet);
    dir = folder_make();
    for (unsigned i = 0; i < G_N_ELEMENTS(variants); i++) {
        g_autofree char *name = g_strconcat("/qcow2/model/", variants[i].name, NULL);
        g_autofree char *crash = g_strconcat("/qcow2/crash/", variants[i].name, NULL);
        g_test_add_data_func(name, &variants[i], test_model);
        if (!variants[i].c.data_file && variants[i].c.cluster_size <= 65536) {
            g_test_add_data_func(crash, &variants[i], test_crash);
        }
        if (i == 0 || !strcmp(variants[i].name, "small") || variants[i].c.lazy_refcounts ||
            !strcmp(variants[i].name, "sub")) {
            g_autofree char *killed = g_strconcat("/qcow2/kill/", variants[i].name, NULL);
            g_test_add_data_func(killed, &variants[i], test_kill);
        }
    }
    g_test_add_func("/qcow2/chain", test_chain);
    g_test_add_func("/qcow2/repair", test_repair);
    g_test_add_func("/qcow2/damage", test_damage);
    g_test_add_func("/qcow2/self", test_self);
    g_test_add_func("/qcow2/holes", test_holes);
    int ret = g_test_run();
    folder_remove(dir);
    return ret;
}

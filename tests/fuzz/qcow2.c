/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Hostile qcow2 images: good ones with damaged headers, tables and entries (values that are nearly
 * right: offsets of other tables, ends of the file, flags). Each is opened, read, written, zeroed,
 * resized, snapshotted, checked and repaired. Nothing may crash or hang (no round takes 20
 * seconds), and an image that is refused is not written to.
 *
 *     qcow2 [ROUNDS [SEED]]
 *
 * ROUNDS: 0 is until RHEA_FUZZ_OPERATIONS, an opening counting as one. A round takes a millisecond,
 * and ten with sanitizers, which is what their larger allocations cost.
 */
#include "io/qcow2.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS  1500
#define SIZE    (1024 * 1024)
#define SECONDS 20 /* for a round, on a loaded machine */
#define USES    12 /* operations of use() */

static const Qcow2Create kinds[] = {
    {.version = 3, .cluster_size = 4096, .refcount_bits = 16},
    {.version = 2, .cluster_size = 512, .refcount_bits = 16},
    {.version = 3, .cluster_size = 512, .refcount_bits = 64},
    {.version = 3, .cluster_size = 16384, .refcount_bits = 8, .extended_l2 = true},
    {.version = 3, .cluster_size = 4096, .refcount_bits = 1, .lazy_refcounts = true},
    {.version = 3, .cluster_size = 65536, .refcount_bits = 16, .zstd = true},
};

static volatile unsigned current;

static void too_long(int signal)
{
    char text[64];
    int n = g_snprintf(text, sizeof(text), "not ok 1 - round %u does not end\n", current);

    if (write(STDOUT_FILENO, text, n) == n) {
        _exit(1);
    }
    _exit(2);
}

static void quiet(const char *text)
{
}

static void die(const char *what, unsigned round)
{
    printf("not ok 1 - %s in round %u\n", what, round);
    exit(1);
}

static void file_put(int fd, const char *bytes, size_t len)
{
    if (ftruncate(fd, 0) < 0 || pwrite(fd, bytes, len, 0) != (ssize_t)len) {
        die("cannot write the image", 0);
    }
}

static char *image_make(const Qcow2Create *kind, int fd, const char *path, size_t *len)
{
    Qcow2Create c = *kind;
    g_autofree uint8_t *buf = g_malloc(c.cluster_size);
    char *bytes;

    c.size = SIZE;
    memset(buf, 0x5a, c.cluster_size);
    BlockNode *n;
    file_put(fd, "", 0);
    if (!qcow2_create(path, &c, NULL) ||
        !(n = node_open(&(NodeOptions){.path = path, .format = "qcow2"}, NULL))) {
        die("cannot make an image", 0);
    }
    for (uint64_t at = 0; at + c.cluster_size <= SIZE; at += 5 * c.cluster_size) {
        node_pwrite(n, at, buf, c.cluster_size);
        n->drv->write_compressed(n, (at + 2 * c.cluster_size) % SIZE, buf, c.cluster_size);
    }
    node_zero(n, SIZE / 2, SIZE / 4, true);
    qcow2_snapshot_create(n, "s", NULL);
    node_pwrite(n, 0, buf, 512);
    node_close(n);
    if (!g_file_get_contents(path, &bytes, len, NULL)) {
        die("cannot read the image", 0);
    }
    return bytes;
}

/* A word of the header or of a table. */
static void damage(uint8_t *p, size_t len, uint64_t cluster, GRand *r)
{
    uint64_t values[] = {0,
                         1,
                         cluster * g_rand_int_range(r, 0, 8),
                         len & ~(cluster - 1),
                         UINT64_MAX,
                         1ull << g_rand_int_range(r, 0, 64),
                         (1ull << 62) | g_rand_int(r),
                         (1ull << 63) | cluster * g_rand_int_range(r, 0, 8),
                         (1ull << 63) | cluster * g_rand_int_range(r, 0, 8) | 1,
                         (uint64_t)g_rand_int(r) << 32 | g_rand_int(r)};
    uint64_t v = GUINT64_TO_BE(values[g_rand_int_range(r, 0, G_N_ELEMENTS(values))]);
    size_t at, n = g_rand_boolean(r) ? 8 : 4;

    if (g_rand_int_range(r, 0, 3) == 0) {
        at = g_rand_int_range(r, 1, 28) * 4;
    } else {
        /* An entry that is used. */
        for (int tries = 0; tries < 200; tries++) {
            at = g_rand_int_range(r, 0, MIN(len, 40 * cluster) / 8) * 8;
            uint64_t old;
            memcpy(&old, p + at, 8);
            if (old && old != 0x5a5a5a5a5a5a5a5aull) {
                break;
            }
        }
        n = 8;
    }
    memcpy(p + at, &v, MIN(n, len - at));
}

static void use(BlockNode *n, GRand *r)
{
    uint8_t buf[8192] = {1};
    uint64_t size = MIN(n->size, SIZE);
    NodeExtent e;

    for (int i = 0; i < USES && size > 65536; i++) {
        uint64_t at = g_rand_int_range(r, 0, size - 65536);
        switch (g_rand_int_range(r, 0, 6)) {
        case 0:
            node_pread(n, at, buf, sizeof(buf));
            break;
        case 1:
        case 2:
            node_pwrite(n, at, buf, sizeof(buf));
            break;
        case 3:
            node_zero(n, at, 60000, at & 1);
            break;
        case 4:
            node_discard(n, at, 60000);
            break;
        case 5:
            node_status_chain(n, NULL, at, 60000, &e, NULL, NULL);
            break;
        }
    }
    node_flush(n);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? atoi(argv[1]) : ROUNDS, opened = 0, i = 0;
    unsigned operations = 0, limit = rounds ? UINT_MAX : fuzz_operations();
    GRand *r = g_rand_new_with_seed(argc > 2 ? atoi(argv[2]) : 1);
    /* In memory: thousands of files that are made and go would wait for the host's disk. */
    int fd = memfd_create("image", 0);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    char *good[G_N_ELEMENTS(kinds)];
    size_t len[G_N_ELEMENTS(kinds)];

    g_set_printerr_handler(quiet);
    stderr = fopen("/dev/null", "w"); /* what sanitizers say goes to the descriptor */
    if (!stderr) {
        return 1;
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        good[k] = image_make(&kinds[k], fd, path, &len[k]);
    }
    signal(SIGALRM, too_long);
    for (i = 0; rounds ? i < rounds : operations < limit; i++) {
        unsigned k = i % G_N_ELEMENTS(kinds);
        g_autofree char *bad = g_memdup2(good[k], len[k]), *after = NULL;
        size_t after_len;

        current = i;
        alarm(SECONDS);
        operations++;
        for (unsigned d = 0; d <= i % 3; d++) {
            damage((uint8_t *)bad, len[k], kinds[k].cluster_size, r);
        }
        file_put(fd, bad, len[k]);
        NodeOptions o = {.path = path,
                         .format = "qcow2",
                         .no_flush = true,
                         .no_backing = true,
                         .ignore_corrupt = i & 1};
        BlockNode *n = node_open(&o, NULL);
        if (!n) {
            /* A dirty image is repaired while it is opened; any other is left alone. */
            if (!(bad[79] & 1) && (!g_file_get_contents(path, &after, &after_len, NULL) ||
                                   after_len != len[k] || memcmp(after, bad, after_len))) {
                die("an image that was refused was changed", i);
            }
            continue;
        }
        opened++;
        operations += USES + (i % 5 == 0 ? USES : 0);
        if (i % 4 == 0) {
            Qcow2Check c = {0};
            qcow2_check(n, &c, true, true, NULL);
        }
        use(n, r);
        if (i % 5 == 0) {
            qcow2_snapshot_apply(n, "s", NULL);
            use(n, r);
            qcow2_snapshot_delete(n, "s", NULL);
        }
        if (i % 7 == 0 && n->size <= 2 * SIZE) {
            node_truncate(n, SIZE / 3 & ~511, NODE_PREALLOC_OFF, NULL);
            node_truncate(n, SIZE * 2, NODE_PREALLOC_OFF, NULL);
        }
        node_close(n);
    }
    alarm(0);
    printf("1..1\n%s 1 - %u rounds, %u opened, %u operations\n", opened > i / 10 ? "ok" : "not ok",
           i, opened, operations);
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        g_free(good[k]);
    }
    close(fd);
    g_rand_free(r);
    return 0;
}

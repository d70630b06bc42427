/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The raw block layer: transfers, ranges, concurrency, draining, opening and its errors. */
#include "io/block.h"
#include "io/drive.h"
#include "softmmu/opts.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define KIB 1024

typedef struct Image {
    char *path;
    BlockBackend *b;
} Image;

static void image_make(Image *im, size_t size)
{
    g_autofree uint8_t *data = g_malloc(size);
    int fd = g_file_open_tmp("rhea-test-XXXXXX", &im->path, NULL);

    for (size_t i = 0; i < size; i++) {
        data[i] = i / 512 + 1;
    }
    g_assert_cmpint(write(fd, data, size), ==, size);
    close(fd);
    im->b = NULL;
}

static BlockBackend *image_open(Image *im, const char *opts, bool synchronous, GError **err)
{
    g_autofree char *text = g_strdup_printf("file=%s,format=raw%s", im->path, opts);
    g_autoptr(OptDict) o = opt_parse(text, NULL, NULL);

    return im->b = block_open_drive(o, synchronous, err);
}

static void image_open_ok(Image *im, const char *opts, bool synchronous)
{
    GError *err = NULL;

    image_open(im, opts, synchronous, &err);
    g_assert_no_error(err);
}

static void image_close(Image *im)
{
    if (im->b) {
        block_close(im->b);
    }
    g_unlink(im->path);
    g_free(im->path);
}

typedef struct Wait {
    GMutex lock;
    GCond cond;
    bool over;
    int ret;
} Wait;

static void wait_done(BlockRequest *r, int ret)
{
    Wait *w = r->opaque;

    g_mutex_lock(&w->lock);
    w->over = true;
    w->ret = ret;
    g_cond_signal(&w->cond);
    g_mutex_unlock(&w->lock);
}

/* Submit and wait. */
static int request(BlockBackend *b, BlockRequest r)
{
    Wait w = {.over = false};

    g_mutex_init(&w.lock);
    g_cond_init(&w.cond);
    r.done = wait_done;
    r.opaque = &w;
    block_submit(b, &r);
    g_mutex_lock(&w.lock);
    while (!w.over) {
        g_cond_wait(&w.cond, &w.lock);
    }
    g_mutex_unlock(&w.lock);
    g_mutex_clear(&w.lock);
    g_cond_clear(&w.cond);
    return w.ret;
}

static void test_transfer(gconstpointer synchronous)
{
    Image im;
    uint8_t a[300], c[1236], all[1536];
    struct iovec v[] = {{a, sizeof(a)}, {NULL, 0}, {c, sizeof(c)}};

    image_make(&im, 64 * KIB);
    image_open_ok(&im, "", synchronous != NULL);
    g_assert_cmpuint(block_size(im.b), ==, 64 * KIB);
    BlockRequest r = {.op = BLOCK_READ, .offset = 512, .iov = v, .niov = 3};
    g_assert_cmpint(request(im.b, r), ==, 0);
    g_assert_cmphex(a[0], ==, 2);
    g_assert_cmphex(c[211], ==, 2);
    g_assert_cmphex(c[212], ==, 3);
    g_assert_cmphex(c[1235], ==, 4);
    memset(a, 0xa1, sizeof(a));
    memset(c, 0xc2, sizeof(c));
    r.op = BLOCK_WRITE;
    g_assert_cmpint(request(im.b, r), ==, 0);
    g_assert_cmpint(block_pread(im.b, 512, all, sizeof(all)), ==, 0);
    g_assert_cmphex(all[299], ==, 0xa1);
    g_assert_cmphex(all[300], ==, 0xc2);
    g_assert_cmphex(all[1535], ==, 0xc2);
    g_assert_cmpint(request(im.b, (BlockRequest){.op = BLOCK_FLUSH}), ==, 0);

    r.offset = 64 * KIB - 1535;
    g_assert_cmpint(request(im.b, r), ==, -EIO);
    r.offset = UINT64_MAX - 100;
    g_assert_cmpint(request(im.b, r), ==, -EIO);
    r = (BlockRequest){.op = BLOCK_DISCARD, .offset = 512, .len = UINT64_MAX};
    g_assert_cmpint(request(im.b, r), ==, -EIO);
    image_close(&im);
}

/* More pieces than the host takes in one call. */
static void test_many_pieces(void)
{
    Image im;
    enum { N = 3000 };
    g_autofree struct iovec *v = g_new(struct iovec, N);
    g_autofree uint8_t *data = g_malloc0(N * 7);

    image_make(&im, 64 * KIB);
    image_open_ok(&im, "", false);
    for (unsigned i = 0; i < N; i++) {
        v[i] = (struct iovec){data + 7 * i, 7};
        memset(v[i].iov_base, i, 7);
    }
    BlockRequest r = {.op = BLOCK_WRITE, .offset = 1024, .iov = v, .niov = N};
    g_assert_cmpint(request(im.b, r), ==, 0);
    memset(data, 0, N * 7);
    r.op = BLOCK_READ;
    g_assert_cmpint(request(im.b, r), ==, 0);
    for (unsigned i = 0; i < N * 7; i++) {
        g_assert_cmphex(data[i], ==, (uint8_t)(i / 7));
    }
    image_close(&im);
}

static void test_zeroes(void)
{
    Image im;
    uint8_t all[4 * KIB];
    struct stat st;

    image_make(&im, 1024 * KIB);
    image_open_ok(&im, ",discard=unmap", false);
    for (unsigned unmap = 0; unmap < 2; unmap++) {
        BlockRequest r = {.op = BLOCK_WRITE_ZEROES, .unmap = unmap, .offset = 700, .len = 1000};
        g_assert_cmpint(block_pwrite(im.b, 0, memset(all, 7, sizeof(all)), sizeof(all)), ==, 0);
        g_assert_cmpint(request(im.b, r), ==, 0);
        g_assert_cmpint(block_pread(im.b, 0, all, sizeof(all)), ==, 0);
        for (unsigned i = 0; i < sizeof(all); i++) {
            g_assert_cmphex(all[i], ==, i >= 700 && i < 1700 ? 0 : 7);
        }
    }
    BlockRequest r = {.op = BLOCK_DISCARD, .offset = 0, .len = 1024 * KIB};
    g_assert_cmpint(request(im.b, r), ==, 0);
    g_assert_cmpint(stat(im.path, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 1024 * KIB);
    image_close(&im);
}

/* The tail of a file that is no multiple of a sector reads as zeroes and can be written. */
static void test_tail(void)
{
    Image im;
    uint8_t sector[512];

    image_make(&im, 700);
    image_open_ok(&im, "", false);
    g_assert_cmpuint(block_size(im.b), ==, 1024);
    g_assert_cmpint(block_pread(im.b, 512, sector, 512), ==, 0);
    g_assert_cmphex(sector[187], ==, 2);
    g_assert_cmphex(sector[188], ==, 0);
    g_assert_cmpint(block_pwrite(im.b, 512, sector, 512), ==, 0);
    image_close(&im);
}

typedef struct Many {
    BlockRequest r;
    struct iovec v;
    uint8_t buf[512];
    gint *left;
    int ret;
} Many;

static void many_done(BlockRequest *r, int ret)
{
    Many *m = r->opaque;

    m->ret = ret;
    g_atomic_int_add(m->left, -1);
}

static void test_concurrency(void)
{
    enum { N = 500 };
    Image im;
    g_autofree Many *m = g_new0(Many, N);
    gint left = 0;

    image_make(&im, 64 * KIB);
    image_open_ok(&im, "", false);
    for (unsigned round = 0; round < 10; round++) {
        g_atomic_int_set(&left, N);
        for (unsigned i = 0; i < N; i++) {
            m[i].left = &left;
            m[i].v = (struct iovec){m[i].buf, 512};
            m[i].r = (BlockRequest){.op = BLOCK_READ,
                                    .offset = i % 128 * 512,
                                    .iov = &m[i].v,
                                    .niov = 1,
                                    .done = many_done,
                                    .opaque = &m[i]};
            block_submit(im.b, &m[i].r);
        }
        block_drain(im.b);
        g_assert_cmpint(g_atomic_int_get(&left), ==, 0);
        for (unsigned i = 0; i < N; i++) {
            g_assert_cmpint(m[i].ret, ==, 0);
            g_assert_cmphex(m[i].buf[511], ==, i % 128 + 1);
        }
    }
    image_close(&im);
}

static void test_read_only(void)
{
    Image im;
    uint8_t sector[512] = {0};

    image_make(&im, 4 * KIB);
    image_open_ok(&im, ",readonly=on", false);
    g_assert_true(block_read_only(im.b));
    g_assert_cmpint(block_pwrite(im.b, 0, sector, 512), ==, -EROFS);
    g_assert_cmpint(request(im.b, (BlockRequest){.op = BLOCK_WRITE_ZEROES, .len = 512}), ==,
                    -EROFS);
    g_assert_cmpint(request(im.b, (BlockRequest){.op = BLOCK_DISCARD, .len = 512}), ==, -EROFS);
    g_assert_cmpint(request(im.b, (BlockRequest){.op = BLOCK_FLUSH}), ==, 0);
    image_close(&im);
}

static void test_part_of_file(void)
{
    Image im;
    uint8_t sector[512];
    GError *err = NULL;

    image_make(&im, 8 * KIB);
    image_open_ok(&im, ",offset=1024,size=2048", false);
    g_assert_cmpuint(block_size(im.b), ==, 2048);
    g_assert_cmpint(block_pread(im.b, 512, sector, 512), ==, 0);
    g_assert_cmphex(sector[0], ==, 4);
    g_assert_cmpint(block_pread(im.b, 2048, sector, 512), ==, -EIO);
    block_close(im.b);
    g_assert_null(image_open(&im, ",offset=4096,size=8192", false, &err));
    g_assert_nonnull(strstr(err->message, "beyond the end"));
    g_error_free(err);
    image_close(&im);
}

static void expect_error(const char *text, const char *message)
{
    g_autoptr(OptDict) o = opt_parse(text, NULL, NULL);
    GError *err = NULL;

    g_assert_null(block_open_drive(o, false, &err));
    g_assert_nonnull(strstr(err->message, message));
    g_assert_null(strchr(err->message, '\n'));
    g_error_free(err);
}

static void test_errors(void)
{
    Image im;
    GError *err = NULL;

    expect_error("id=x", "file=PATH is missing");
    expect_error("id=x,file=/nonexistent/x", "Could not open '/nonexistent/x'");
    expect_error("id=x,file=/tmp,readonly=on", "neither a regular file nor a block device");
    expect_error("id=x,file=/dev/null,format=vmdk", "neither");
    expect_error("id=x,file=/dev/null,cache=foo", "cache");
    expect_error("id=x,file=/dev/null", "neither a regular file nor a block device");
    /* Two writers of one image: refused; two readers are fine. */
    image_make(&im, 4 * KIB);
    image_open_ok(&im, "", false);
    BlockBackend *first = im.b;
    g_assert_null(image_open(&im, "", false, &err));
    g_assert_nonnull(strstr(err->message, "lock"));
    g_clear_error(&err);
    block_close(first);
    image_open_ok(&im, ",readonly=on", false);
    first = im.b;
    image_open_ok(&im, ",readonly=on", false);
    block_close(first);
    image_close(&im);
}

static void test_drive_open(void)
{
    Image im;
    MainLoop *loop = mainloop_new();
    Machine *m = machine_new(loop);
    GError *err = NULL;
    OptDict *o;

    image_make(&im, 4 * KIB);
    g_autofree char *text = g_strdup_printf("id=d0,format=raw,werror=stop,file=%s", im.path);
    g_ptr_array_add(m->drives, opt_parse(text, NULL, NULL));
    g_assert_null(drive_open(m, "other", false, &o, &err));
    g_assert_nonnull(strstr(err->message, "'other'"));
    g_clear_error(&err);
    im.b = drive_open(m, "d0", false, &o, &err);
    g_assert_no_error(err);
    g_assert_cmpstr(opt_get(o, "werror"), ==, "stop");
    g_assert_null(drive_open(m, "d0", false, &o, &err));
    g_assert_nonnull(strstr(err->message, "already in use"));
    g_clear_error(&err);
    drive_close(m, im.b);
    im.b = NULL;
    image_close(&im);
    machine_free(m);
    mainloop_free(loop);
}

/* Past the host's cache: aligned and not, and the end of a file that is no whole page. */
static void test_direct(void)
{
    g_autofree uint8_t *model = g_malloc(64 * KIB + 512), *buf = g_malloc(64 * KIB + 512);
    uint64_t seed = 1;
    Image im;

    image_make(&im, 64 * KIB + 512);
    image_open_ok(&im, ",cache=none", false);
    g_assert_cmpint(block_pread(im.b, 0, model, 64 * KIB + 512), ==, 0);
    g_assert_cmphex(model[64 * KIB], ==, 129);
    for (unsigned i = 0; i < 500; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        unsigned unit = i % 3 ? 4096 : 512, at = seed >> 40 & 0xffff, len = 1 + (seed >> 56);

        at = at / unit * unit;
        len = MIN(len * unit, 64 * KIB + 512 - at);
        /* Memory at any address. */
        uint8_t *p = buf + (i % 2 ? 0 : seed >> 33 & 31);
        len = MIN(len, 64 * KIB);
        if (seed >> 62 & 1) {
            memset(p, i, len);
            memset(model + at, i, len);
            g_assert_cmpint(block_pwrite(im.b, at, p, len), ==, 0);
        } else {
            g_assert_cmpint(block_pread(im.b, at, p, len), ==, 0);
            g_assert_cmpmem(p, len, model + at, len);
        }
    }
    block_close(im.b);
    image_open_ok(&im, "", false);
    g_assert_cmpuint(block_size(im.b), ==, 64 * KIB + 512);
    g_assert_cmpint(block_pread(im.b, 0, buf, 64 * KIB + 512), ==, 0);
    g_assert_cmpmem(buf, 64 * KIB + 512, model, 64 * KIB + 512);
    image_close(&im);
}

/* Requests beyond the burst wait; flushes and a drain do not. */
static void test_throttle(void)
{
    g_autofree uint8_t *buf = g_malloc0(64 * KIB);
    struct iovec v = {buf, 64 * KIB};
    BlockRequest read = {.op = BLOCK_READ, .iov = &v, .niov = 1};
    GError *err = NULL;
    Image im;

    image_make(&im, 64 * KIB);
    /* 640 KiB a second: the first request starts at once, the tenth after about 0.8 seconds. */
    image_open_ok(&im, ",throttling.bps-read=655360", false);
    gint64 start = g_get_monotonic_time();
    for (unsigned i = 0; i < 10; i++) {
        g_assert_cmpint(request(im.b, read), ==, 0);
    }
    gint64 took = g_get_monotonic_time() - start;
    g_assert_cmpint(took, >, 700000);
    g_assert_cmpint(took, <, 5000000);
    start = g_get_monotonic_time();
    g_assert_cmpint(request(im.b, (BlockRequest){.op = BLOCK_FLUSH}), ==, 0);
    /* Many at once: a drain lets them go. */
    BlockRequest many[100];
    Wait w[100];
    for (unsigned i = 0; i < 100; i++) {
        many[i] = read;
        w[i] = (Wait){.over = false};
        g_mutex_init(&w[i].lock);
        g_cond_init(&w[i].cond);
        many[i].done = wait_done;
        many[i].opaque = &w[i];
        block_submit(im.b, &many[i]);
    }
    block_drain(im.b);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 5000000);
    for (unsigned i = 0; i < 100; i++) {
        g_assert_true(w[i].over);
        g_assert_cmpint(w[i].ret, ==, 0);
        g_mutex_clear(&w[i].lock);
        g_cond_clear(&w[i].cond);
    }
    block_close(im.b);
    /* A burst of 40 requests may come at once. */
    image_open_ok(&im, ",throttling.iops-total=20,throttling.iops-total-max=40", false);
    start = g_get_monotonic_time();
    for (unsigned i = 0; i < 30; i++) {
        g_assert_cmpint(request(im.b, read), ==, 0);
    }
    took = g_get_monotonic_time() - start;
    g_assert_cmpint(took, <, 700000);
    block_close(im.b);
    g_assert_null(image_open(&im, ",throttling.bps-total=1,throttling.bps-read=1", false, &err));
    g_assert_nonnull(strstr(err->message, "cannot be used at the same time"));
    g_clear_error(&err);
    g_assert_null(image_open(&im, ",throttling.bps-total-max=1", false, &err));
    g_clear_error(&err);
    image_close(&im);
}

/* Some file systems of the host cannot tell what they have in memory: tmpfs of older kernels. */
static bool host_reads_now(const Image *im)
{
    char c;
    int fd = open(im->path, O_RDONLY);
    ssize_t n = preadv2(fd, &(struct iovec){&c, 1}, 1, 0, RWF_NOWAIT);
    bool can = n >= 0 || errno != EOPNOTSUPP;

    close(fd);
    return can;
}

/* What the host has in memory is there at once; what would need more is left alone. */
static void test_read_now(void)
{
    static const char *const never[] = {",throttling.iops-total=1000", ",cache=none"};
    Image im;
    uint8_t a[600], c[424];
    struct iovec v[] = {{a, sizeof(a)}, {c, sizeof(c)}}, big = {NULL, 48 * KIB};
    BlockRequest r = {.op = BLOCK_READ, .offset = 1024, .iov = v, .niov = 2};

    image_make(&im, 64 * KIB);
    if (!host_reads_now(&im)) {
        image_close(&im);
        g_test_skip("the file system of the host has no RWF_NOWAIT");
        return;
    }
    image_open_ok(&im, "", false);
    /* It was just written; the host may still have dropped it. */
    bool done = false;
    for (unsigned i = 0; i < 1000 && !done; i++) {
        g_assert_cmpint(block_pread(im.b, 1024, a, sizeof(a)), ==, 0);
        memset(a, 0, sizeof(a));
        memset(c, 0, sizeof(c));
        done = block_read_now(im.b, &r);
    }
    g_assert_true(done);
    g_assert_cmphex(a[0], ==, 3);
    g_assert_cmphex(a[599], ==, 4);
    g_assert_cmphex(c[423], ==, 4);

    big.iov_base = g_malloc(big.iov_len);
    g_assert_false(block_read_now(
        im.b, &(BlockRequest){.op = BLOCK_READ, .offset = 0, .iov = &big, .niov = 1}));
    g_free(big.iov_base);
    r.offset = 64 * KIB - 512;
    g_assert_false(block_read_now(im.b, &r)); /* beyond the end */
    r.offset = UINT64_MAX - 512;
    g_assert_false(block_read_now(im.b, &r));
    r.offset = 1024;
    block_close(im.b);
    for (unsigned i = 0; i < G_N_ELEMENTS(never); i++) {
        image_open_ok(&im, never[i], false);
        g_assert_false(block_read_now(im.b, &r));
        block_close(im.b);
    }
    image_open_ok(&im, "", true);
    g_assert_false(block_read_now(im.b, &r));
    image_close(&im);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/block/transfer", NULL, test_transfer);
    g_test_add_data_func("/block/transfer-synchronous", "", test_transfer);
    g_test_add_func("/block/many-pieces", test_many_pieces);
    g_test_add_func("/block/zeroes", test_zeroes);
    g_test_add_func("/block/tail", test_tail);
    g_test_add_func("/block/concurrency", test_concurrency);
    g_test_add_func("/block/read-only", test_read_only);
    g_test_add_func("/block/part-of-file", test_part_of_file);
    g_test_add_func("/block/errors", test_errors);
    g_test_add_func("/block/drive", test_drive_open);
    g_test_add_func("/block/direct", test_direct);
    g_test_add_func("/block/throttle", test_throttle);
    g_test_add_func("/block/read-now", test_read_now);
    return g_test_run();
}

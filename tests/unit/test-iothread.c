/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* I/O threads: order of work, transfers by io_uring, devices whose rings they serve; limits that
 * several drives share. */
#include "tests/unit/scsi-driver.h"

#include "io/drive.h"
#include "io/throttle.h"

#include <fcntl.h>

#define SIZE   (256 * 1024)
#define HEADER BUFFERS
#define STATUS (BUFFERS + 0x800)
#define DATA   (BUFFERS + 0x1000)

/* ---- the thread ---- */

typedef struct Item {
    IoWork w; /* first */
    GArray *log;
    unsigned n;
    GThread **who;
} Item;

static void item_do(IoWork *w)
{
    Item *i = (Item *)w;

    g_array_append_val(i->log, i->n);
    *i->who = g_thread_self();
    g_free(i);
}

static void test_order(void)
{
    g_autoptr(GArray) log = g_array_new(FALSE, FALSE, sizeof(unsigned));
    IoThread *t = iothread_new("t");
    GThread *who = NULL;

    for (unsigned i = 0; i < 20000; i++) {
        Item *item = g_new0(Item, 1);

        *item = (Item){{item_do, NULL}, log, i, &who};
        iothread_post(t, &item->w);
        if (i % 1000 == 0) {
            iothread_flush(t);
            g_assert_cmpuint(log->len, ==, i + 1);
        }
    }
    iothread_unref(t);
    g_assert_true(who && who != g_thread_self());
    g_assert_cmpuint(log->len, ==, 20000);
    for (unsigned i = 0; i < log->len; i++) {
        g_assert_cmpuint(g_array_index(log, unsigned, i), ==, i);
    }
}

/* ---- io_uring ---- */

static bool have_ring(void)
{
    IoThread *t = iothread_new("t");
    GError *err = NULL;
    bool have = iothread_ring(t, &err);

    iothread_unref(t);
    if (!have) {
        g_test_skip(err->message);
        g_error_free(err);
    }
    return have;
}

typedef struct Op {
    IoTransfer x; /* first */
    struct iovec v;
    gint *left;
    int result;
} Op;

static void op_done(IoTransfer *x, int result)
{
    Op *op = (Op *)x;

    op->result = result;
    g_atomic_int_add(op->left, -1);
}

/* More than the ring has room for, from another thread. */
static void test_transfers(void)
{
    enum { N = 1000 };
    g_autofree char *path = NULL;
    g_autofree Op *ops = g_new0(Op, N);
    g_autofree uint8_t *data = g_malloc(N * 512);
    gint left = N;

    if (!have_ring()) {
        return;
    }
    int fd = g_file_open_tmp("rhea-test-XXXXXX", &path, NULL);
    IoThread *t = iothread_new("t");
    g_assert_true(iothread_ring(t, NULL));
    for (unsigned pass = 0; pass < 2; pass++) {
        left = N;
        for (unsigned i = 0; i < N; i++) {
            Op *op = &ops[i];

            memset(data + i * 512, pass ? 0 : i, 512);
            op->v = (struct iovec){data + i * 512, 512};
            op->left = &left;
            op->x = (IoTransfer){.op = pass ? IO_RING_READ : IO_RING_WRITE,
                                 .fd = fd,
                                 .iov = &op->v,
                                 .niov = 1,
                                 .offset = i * 512,
                                 .done = op_done};
            iothread_transfer(t, &op->x);
        }
        while (g_atomic_int_get(&left) > 0) {
            g_usleep(100);
        }
    }
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmpint(ops[i].result, ==, 512);
        g_assert_cmphex(data[i * 512 + 511], ==, (uint8_t)i);
    }
    /* The end of the file, and no file. */
    left = 2;
    ops[0].x.offset = N * 512 - 100;
    ops[1].x.fd = -1;
    iothread_transfer(t, &ops[0].x);
    iothread_transfer(t, &ops[1].x);
    while (g_atomic_int_get(&left) > 0) {
        g_usleep(100);
    }
    g_assert_cmpint(ops[0].result, ==, 100);
    g_assert_cmpint(ops[1].result, <, 0);
    iothread_unref(t);
    close(fd);
    g_unlink(path);
}

typedef struct Wait {
    BlockRequest r; /* first */
    GMutex lock;
    GCond cond;
    bool done;
    int ret;
} Wait;

static void wait_done(BlockRequest *r, int ret)
{
    Wait *w = r->opaque;

    g_mutex_lock(&w->lock);
    w->done = true;
    w->ret = ret;
    g_cond_signal(&w->cond);
    g_mutex_unlock(&w->lock);
}

static int block_do(BlockBackend *b, BlockOp op, uint64_t offset, void *buf, size_t len)
{
    struct iovec v[2] = {{buf, len / 2}, {(uint8_t *)buf + len / 2, len - len / 2}};
    Wait w = {.r = {.op = op, .offset = offset, .iov = v, .niov = 2, .done = wait_done}};

    w.r.opaque = &w;
    g_mutex_init(&w.lock);
    g_cond_init(&w.cond);
    block_submit(b, &w.r);
    g_mutex_lock(&w.lock);
    while (!w.done) {
        g_cond_wait(&w.cond, &w.lock);
    }
    g_mutex_unlock(&w.lock);
    return w.ret;
}

/* The same requests by threads and by the ring, with the ends of a file that is no whole sector. */
static void test_block(gconstpointer opaque)
{
    const BlockOptions *o = opaque;
    g_autofree char *path = NULL;
    g_autofree uint8_t *mirror = g_malloc0(SIZE), *buf = g_malloc(SIZE);
    g_autoptr(GRand) r = g_rand_new_with_seed(7);
    GError *err = NULL;
    BlockOptions mine = *o;

    if (o->aio != BLOCK_AIO_THREADS && !have_ring()) {
        return;
    }
    int fd = g_file_open_tmp("rhea-test-XXXXXX", &path, NULL);
    g_assert_cmpint(ftruncate(fd, SIZE - 100), ==, 0);
    close(fd);
    mine.path = path;
    mine.node = "test";
    BlockBackend *b = block_open(&mine, &err);
    g_assert_no_error(err);
    IoThread *t = o->snapshot ? NULL : iothread_new("own");
    if (t) {
        block_set_iothread(b, iothread_ref(t));
    }
    for (unsigned i = 0; i < 2000; i++) {
        uint32_t unit = g_rand_boolean(r) ? 4096 : 512;
        uint32_t off = g_rand_int_range(r, 0, SIZE / unit) * unit;
        uint32_t units = g_rand_int_range(r, 1, 8), len = MIN(unit * units, SIZE - off);

        if (i == 1999) {
            off = SIZE - 512; /* the tail: the file grows */
            len = 512;
        }
        if (g_rand_boolean(r) || i == 1999) {
            memset(buf, i, len);
            memcpy(mirror + off, buf, len);
            g_assert_cmpint(block_do(b, BLOCK_WRITE, off, buf, len), ==, 0);
        } else {
            memset(buf, 0xee, len);
            g_assert_cmpint(block_do(b, BLOCK_READ, off, buf, len), ==, 0);
            g_assert_cmpmem(buf, len, mirror + off, len);
        }
        if (i % 100 == 0) {
            g_assert_cmpint(block_do(b, BLOCK_FLUSH, 0, buf, 0), ==, 0);
        }
    }
    g_assert_cmpint(block_do(b, BLOCK_READ, SIZE, buf, 512), ==, -EIO);
    block_close(b);
    iothread_unref(t);
    g_unlink(path);
}

/* ---- devices ---- */

static void object_add(Driver *d, const char *text)
{
    g_ptr_array_add(d->t.m->objects, opt_parse(text, "qom-type", NULL));
}

static void test_missing(void)
{
    Driver d;
    GError *err = NULL;

    driver_open(&d, false, true);
    object_add(&d, "rng-builtin,id=t1");
    driver_add_drive(&d, SIZE, NULL);
    g_assert_null(driver_plug(&d, "virtio-blk-device,drive=d0,iothread=t1", &err));
    g_assert_nonnull(strstr(err->message, "there is no -object iothread,id=t1"));
    g_clear_error(&err);
    driver_close(&d);
}

/* Many reads at once, resets and snapshots in between. */
static void test_blk(gconstpointer opaque)
{
    const char *const *how = opaque; /* drive, device */
    Driver d;
    uint32_t used = 0;

    if (strstr(how[0], "uring") && !have_ring()) {
        return;
    }
    if (strstr(how[1], "-pci")) {
        driver_open_pci(&d, true);
    } else {
        driver_open(&d, false, true);
    }
    object_add(&d, "iothread,id=t1");
    driver_add_drive(&d, SIZE, how[0]);
    driver_plug_ok(&d, how[1]);
    g_assert_nonnull(virtio_core(d.dev)->iothread);
    d.num = 128;
    for (unsigned round = 0; round < 40; round++) {
        driver_start(&d, 0, 1);
        for (unsigned i = 0; i < 40; i++) {
            put32(&d, HEADER + 16 * i, 0);
            put64(&d, HEADER + 16 * i + 8, i);
            desc_set(&d, QUEUE_AT(0), 3 * i, HEADER + 16 * i, 16, NEXT, 3 * i + 1);
            desc_set(&d, QUEUE_AT(0), 3 * i + 1, DATA + 512 * i, 512, NEXT | WRITE, 3 * i + 2);
            desc_set(&d, QUEUE_AT(0), 3 * i + 2, STATUS + i, 1, WRITE, 0);
            *ram(&d, STATUS + i) = 0xee;
            make_available(&d, 0, 3 * i);
            kick(&d, 0);
        }
        if (round % 4 == 1) {
            vreg_set(&d, 0x70, 0);
            while (vreg(&d, 0x70) != 0) {
                g_usleep(100);
            }
            uint16_t idx = used_idx(&d, 0);
            g_usleep(1000);
            g_assert_cmpuint(used_idx(&d, 0), ==, idx);
            continue;
        }
        if (round % 4 == 2) {
            test_snapshot(d.dev);
        }
        for (unsigned i = 0; i < 40; i++) {
            int64_t id = used_next(&d, 0, &used);

            g_assert_cmpint(id, >=, 0);
            g_assert_cmphex(*ram(&d, STATUS + id / 3), ==, 0);
            g_assert_cmphex(ram(&d, DATA)[512 * (id / 3) + 511], ==, id / 3 + 1);
        }
    }
    driver_close(&d);
}

static void test_scsi(void)
{
    static const uint8_t unit_ready[6] = {0}, read10[10] = {0x28, 0, 0, 0, 0, 2, 0, 0, 1};
    Scsi s = {0};
    Driver *d = &s.d;
    uint32_t used;

    driver_open(d, false, true);
    object_add(d, "iothread,id=t1");
    driver_add_drive(d, SIZE, ",aio=io_uring");
    driver_plug_ok(d, "virtio-scsi-device,iothread=t1");
    scsi_plug_ok(&s, "scsi-hd,drive=d0");
    driver_start(d, 0, 3);
    scsi_queue(&s, 0, 0, unit_ready, 6, 0, 0, 1);
    g_assert_cmpint(used_next(d, 2, &used), >=, 0);
    for (unsigned i = 0; i < 50; i++) {
        scsi_queue(&s, 0, 0, read10, 10, 0, 512, 2 + i);
        g_assert_cmpint(used_next(d, 2, &used), >=, 0);
        g_assert_cmphex(ram(d, SCSI_RESP)[11], ==, 0);
        g_assert_cmphex(ram(d, SCSI_DATA)[511], ==, 3);
    }
    driver_close(d);
}

/* ---- limits that drives share ---- */

static void test_group(gconstpointer way)
{
    Driver d;
    GError *err = NULL;
    OptDict *o;
    uint8_t buf[512] = {0};
    g_autofree char *path = NULL;
    BlockBackend *b[2];

    driver_open(&d, false, true);
    object_add(&d, "throttle-group,id=g,x-iops-total=20");
    object_add(&d, "throttle-group,id=bad,limits.iops-total=20,limits.iops-read=5");
    driver_add_drive(&d, SIZE,
                     way ? ",throttling.group=g,throttling.iops-total=20" : ",throttle-group=g");
    close(g_file_open_tmp("rhea-test-XXXXXX", &path, NULL));
    g_assert_cmpint(truncate(path, SIZE), ==, 0);
    const char *both = way ? ",throttling.group=g,throttling.iops-total=20" : ",throttle-group=g";
    g_autofree char *second = g_strdup_printf("id=d1,format=raw,file=%s%s", path, both);
    g_ptr_array_add(d.t.m->drives, opt_parse(second, NULL, NULL));
    g_autofree char *third = g_strdup_printf("id=d2,format=raw,file=%s,throttle-group=bad", path);
    g_ptr_array_add(d.t.m->drives, opt_parse(third, NULL, NULL));
    b[0] = drive_open(d.t.m, "d0", false, &o, &err);
    b[1] = drive_open(d.t.m, "d1", false, &o, &err);
    g_assert_no_error(err);
    gint64 begin = g_get_monotonic_time();
    for (unsigned i = 0; i < 12; i++) {
        g_assert_cmpint(block_do(b[i & 1], BLOCK_READ, 0, buf, 512), ==, 0);
    }
    gint64 took = g_get_monotonic_time() - begin;
    /* Two go at once, ten wait 50 ms each: together, not each drive for itself. */
    g_assert_cmpint(took, >, 420000);
    block_close(b[0]);
    block_close(b[1]);
    g_assert_null(drive_open(d.t.m, "d2", false, &o, &err));
    g_assert_nonnull(strstr(err->message, "cannot be used at the same time"));
    g_clear_error(&err);
    g_unlink(path);
    driver_close(&d);
}

int main(int argc, char **argv)
{
    static const BlockOptions ways[] = {
        {.aio = BLOCK_AIO_THREADS},
        {.aio = BLOCK_AIO_IO_URING},
        {.aio = BLOCK_AIO_IO_URING, .cache = BLOCK_CACHE_NONE},
        {.aio = BLOCK_AIO_NATIVE, .cache = BLOCK_CACHE_DIRECTSYNC},
        {.aio = BLOCK_AIO_IO_URING, .cache = BLOCK_CACHE_UNSAFE, .detect_zeroes = 1},
        {.aio = BLOCK_AIO_IO_URING, .snapshot = true}, /* qcow2: threads */
    };
    static const char *const devices[][2] = {
        {"", "virtio-blk-device,drive=d0,iothread=t1"},
        {",aio=io_uring", "virtio-blk-device,drive=d0,iothread=t1"},
        {",aio=io_uring", "virtio-blk-pci,drive=d0,iothread=t1"},
        {",aio=native,cache=none", "virtio-blk-pci,drive=d0,iothread=t1"},
    };

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/iothread/order", test_order);
    g_test_add_func("/iothread/transfers", test_transfers);
    for (unsigned i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autofree char *name = g_strdup_printf("/iothread/block/%u", i);

        g_test_add_data_func(name, &ways[i], test_block);
    }
    g_test_add_func("/iothread/missing", test_missing);
    for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
        g_autofree char *name = g_strdup_printf("/iothread/blk/%u", i);

        g_test_add_data_func(name, devices[i], test_blk);
    }
    g_test_add_func("/iothread/scsi", test_scsi);
    g_test_add_data_func("/throttle/group/object", NULL, test_group);
    g_test_add_data_func("/throttle/group/drive", "", test_group);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * I/O threads. See include/io/iothread.h.
 *
 * Work is pushed on a list without a lock; the thread takes all of it at once. Before it sleeps it
 * says so (`asleep`), then looks at the list again; who pushes looks at `asleep` afterwards and
 * writes to an eventfd. Both orders are sequentially consistent, so one sees the other. A thread
 * with a ring sleeps in it, with a read of the eventfd among the transfers; transfers that work
 * asks for are handed to the kernel together when there is no more work.
 *
 * Test: tests/unit/test-iothread.c
 */
#include "io/iothread.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <liburing.h>

#include "rhea/error.h"
#include "rhea/library.h"
#include "softmmu/machine.h"
#include "softmmu/opts.h"

#define ENTRIES 128

#define RING_FUNCTIONS(X)                                                                          \
    X(io_uring_queue_init)                                                                         \
    X(io_uring_queue_exit)                                                                         \
    X(io_uring_submit_and_wait)                                                                    \
    X(io_uring_peek_batch_cqe)

struct IoThread {
    char *name;
    gint refs;
    GThread *thread;
    IoWork *list; /* newest first */
    bool asleep, stop;
    int wake;       /* eventfd */
    uint64_t count; /* read from it */
    struct {
        RING_FUNCTIONS(LIBRARY_FN)
    } lib;
    bool has_ring, armed; /* armed: the eventfd is being read by the ring */
    struct io_uring ring;
    unsigned busy;                 /* transfers in the ring */
    IoTransfer *late, **late_tail; /* that found no room */
};

/* ---- the thread ---- */

static void transfer_queue(IoThread *t, IoTransfer *x)
{
    struct io_uring_sqe *sqe = t->busy < ENTRIES - 1 ? io_uring_get_sqe(&t->ring) : NULL;

    if (!sqe) {
        x->work.next = NULL;
        *t->late_tail = x;
        t->late_tail = (IoTransfer **)&x->work.next;
        return;
    }
    switch (x->op) {
    case IO_RING_READ:
        io_uring_prep_readv(sqe, x->fd, x->iov, x->niov, x->offset);
        break;
    case IO_RING_WRITE:
        io_uring_prep_writev(sqe, x->fd, x->iov, x->niov, x->offset);
        break;
    default:
        io_uring_prep_fsync(sqe, x->fd, IORING_FSYNC_DATASYNC);
    }
    io_uring_sqe_set_data(sqe, x);
    t->busy++;
}

static void late_queue(IoThread *t)
{
    while (t->late && t->busy < ENTRIES - 1) {
        IoTransfer *x = t->late;

        t->late = (IoTransfer *)x->work.next;
        if (!t->late) {
            t->late_tail = &t->late;
        }
        transfer_queue(t, x);
    }
}

/* Hands over what is queued and waits for one event: a transfer's end, or the eventfd. */
static void ring_wait(IoThread *t, bool sleep)
{
    struct io_uring_cqe *cqe[ENTRIES];
    int error;

    if (!t->armed) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&t->ring);

        if (sqe) {
            io_uring_prep_read(sqe, t->wake, &t->count, sizeof(t->count), 0);
            io_uring_sqe_set_data(sqe, NULL);
            t->armed = true;
        }
    }
    do {
        error = t->lib.io_uring_submit_and_wait(&t->ring, sleep);
    } while (error == -EINTR);
    unsigned n = t->lib.io_uring_peek_batch_cqe(&t->ring, cqe, ENTRIES);
    IoTransfer *done[ENTRIES];
    int result[ENTRIES];
    for (unsigned i = 0; i < n; i++) {
        done[i] = io_uring_cqe_get_data(cqe[i]);
        result[i] = cqe[i]->res;
    }
    io_uring_cq_advance(&t->ring, n);
    for (unsigned i = 0; i < n; i++) {
        if (done[i]) {
            t->busy--;
            done[i]->done(done[i], result[i]);
        } else {
            t->armed = false;
        }
    }
    late_queue(t);
    if (n == 0 && error < 0) {
        g_usleep(1000); /* the kernel has no memory just now */
    }
}

/* Oldest first. */
static IoWork *work_take(IoThread *t)
{
    IoWork *w = __atomic_exchange_n(&t->list, NULL, __ATOMIC_ACQUIRE), *first = NULL;

    while (w) {
        IoWork *next = w->next;

        w->next = first;
        first = w;
        w = next;
    }
    return first;
}

static void thread_wait(IoThread *t)
{
    bool sleep;

    __atomic_store_n(&t->asleep, true, __ATOMIC_SEQ_CST);
    sleep = __atomic_load_n(&t->list, __ATOMIC_SEQ_CST) == NULL &&
            !__atomic_load_n(&t->stop, __ATOMIC_SEQ_CST);
    if (t->has_ring) {
        ring_wait(t, sleep);
    } else if (sleep) {
        while (read(t->wake, &t->count, sizeof(t->count)) < 0 && errno == EINTR) {
        }
    }
    __atomic_store_n(&t->asleep, false, __ATOMIC_SEQ_CST);
}

static gpointer iothread_run(gpointer opaque)
{
    IoThread *t = opaque;

    for (;;) {
        IoWork *w = work_take(t);

        if (!w && __atomic_load_n(&t->stop, __ATOMIC_SEQ_CST) && t->busy == 0) {
            return NULL;
        }
        while (w) {
            IoWork *next = w->next;

            w->fn(w);
            w = next;
        }
        thread_wait(t);
    }
}

static void thread_wake(IoThread *t)
{
    uint64_t one = 1;

    if (__atomic_exchange_n(&t->asleep, false, __ATOMIC_SEQ_CST) &&
        write(t->wake, &one, sizeof(one)) < 0) {
        /* It counts up to 2^64 - 2: it cannot be full. */
    }
}

void iothread_post(IoThread *t, IoWork *w)
{
    w->next = __atomic_load_n(&t->list, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&t->list, &w->next, w, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
    thread_wake(t);
}

/* ---- waiting for it ---- */

typedef struct Barrier {
    IoWork w; /* first */
    IoThread *t;
    GMutex lock;
    GCond cond;
    bool done;
    int ret;
} Barrier;

static void barrier_reached(IoWork *w)
{
    Barrier *b = (Barrier *)w;

    g_mutex_lock(&b->lock);
    b->done = true;
    g_cond_signal(&b->cond);
    g_mutex_unlock(&b->lock);
}

static void barrier_wait(IoThread *t, Barrier *b, void (*fn)(IoWork *w))
{
    b->t = t;
    b->w.fn = fn;
    g_mutex_init(&b->lock);
    g_cond_init(&b->cond);
    iothread_post(t, &b->w);
    g_mutex_lock(&b->lock);
    while (!b->done) {
        g_cond_wait(&b->cond, &b->lock);
    }
    g_mutex_unlock(&b->lock);
    g_mutex_clear(&b->lock);
    g_cond_clear(&b->cond);
}

void iothread_flush(IoThread *t)
{
    Barrier b = {0};

    barrier_wait(t, &b, barrier_reached);
}

/* ---- ring ---- */

/* On the thread: a ring belongs to the one that uses it. */
static void ring_init(IoWork *w)
{
    Barrier *b = (Barrier *)w;
    IoThread *t = b->t;

    if (!t->has_ring) {
        b->ret = t->lib.io_uring_queue_init(ENTRIES, &t->ring, 0);
        t->has_ring = b->ret == 0;
    }
    barrier_reached(w);
}

bool iothread_ring(IoThread *t, GError **err)
{
    Barrier b = {0};

    if (!t->lib.io_uring_queue_init &&
        !rhea_library_load("liburing.so.2", (const char *[]){RING_FUNCTIONS(LIBRARY_NAME) NULL},
                           &t->lib, err)) {
        memset(&t->lib, 0, sizeof(t->lib));
        return false;
    }
    barrier_wait(t, &b, ring_init);
    if (b.ret < 0) {
        rhea_error_set(err, "the host's kernel refuses io_uring: %s", g_strerror(-b.ret));
        return false;
    }
    return true;
}

static void transfer_begin(IoWork *w)
{
    IoTransfer *x = (IoTransfer *)w;

    transfer_queue(x->t, x);
}

void iothread_transfer(IoThread *t, IoTransfer *x)
{
    x->t = t;
    if (g_thread_self() == t->thread) {
        transfer_queue(t, x);
    } else {
        x->work.fn = transfer_begin;
        iothread_post(t, &x->work);
    }
}

/* ---- life ---- */

IoThread *iothread_new(const char *name)
{
    IoThread *t = g_new0(IoThread, 1);

    t->name = g_strdup(name);
    t->refs = 1;
    t->late_tail = &t->late;
    t->wake = eventfd(0, EFD_CLOEXEC);
    g_assert(t->wake >= 0);
    t->thread = g_thread_new(name, iothread_run, t);
    return t;
}

IoThread *iothread_ref(IoThread *t)
{
    g_atomic_int_inc(&t->refs);
    return t;
}

void iothread_unref(IoThread *t)
{
    if (!t || !g_atomic_int_dec_and_test(&t->refs)) {
        return;
    }
    __atomic_store_n(&t->stop, true, __ATOMIC_SEQ_CST);
    thread_wake(t);
    g_thread_join(t->thread);
    if (t->has_ring) {
        t->lib.io_uring_queue_exit(&t->ring);
    }
    close(t->wake);
    g_free(t->name);
    g_free(t);
}

const char *iothread_name(const IoThread *t)
{
    return t->name;
}

IoThread *iothread_find(Machine *m, const char *id, GError **err)
{
    for (unsigned i = 0; m->iothreads && i < m->iothreads->len; i++) {
        IoThread *t = g_ptr_array_index(m->iothreads, i);

        if (strcmp(t->name, id) == 0) {
            return iothread_ref(t);
        }
    }
    for (unsigned i = 0; m->objects && i < m->objects->len; i++) {
        const OptDict *o = g_ptr_array_index(m->objects, i);

        if (g_strcmp0(opt_get(o, "id"), id) == 0 &&
            g_strcmp0(opt_get(o, "qom-type"), "iothread") == 0) {
            IoThread *t = iothread_new(id);

            m->iothreads = m->iothreads ? m->iothreads : g_ptr_array_new();
            g_ptr_array_add(m->iothreads, t);
            return iothread_ref(t);
        }
    }
    rhea_error_set(err, "there is no -object iothread,id=%s", id);
    return NULL;
}

void iothreads_free(GPtrArray *list)
{
    for (unsigned i = 0; list && i < list->len; i++) {
        iothread_unref(g_ptr_array_index(list, i));
    }
    if (list) {
        g_ptr_array_unref(list);
    }
}

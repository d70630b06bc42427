/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * I/O threads (-object iothread): threads that do for a device what its driver asks for, its rings
 * and the end of its requests, beside the vCPUs. With a ring (io_uring) such a thread also gives
 * transfers to the host kernel, many at once, without a thread for each.
 *
 * Work is done in the order in which it was given, one after the other, with no lock held.
 *
 * Test: tests/unit/test-iothread.c
 */
#ifndef IO_IOTHREAD_H
#define IO_IOTHREAD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct IoThread IoThread;
typedef struct Machine Machine;

/* The caller's, until fn has been called; fn may free it or give it again. */
typedef struct IoWork IoWork;
struct IoWork {
    void (*fn)(IoWork *w);
    IoWork *next; /* private */
};

/* A new thread, with one reference. */
IoThread *iothread_new(const char *name);
IoThread *iothread_ref(IoThread *t);
/* The last reference waits for the end of all work; not on the thread itself. NULL is fine. */
void iothread_unref(IoThread *t);
/* The -object iothread with that id: a reference. NULL and *err: there is none. Main thread. */
IoThread *iothread_find(Machine *m, const char *id, GError **err);
/* Of Machine.iothreads; called when the machine goes. */
void iothreads_free(GPtrArray *list);
const char *iothread_name(const IoThread *t);

/* Any thread. */
void iothread_post(IoThread *t, IoWork *w);
/* Waits until all that was posted before has been done; not on the thread itself. */
void iothread_flush(IoThread *t);

/* ---- transfers by io_uring ---- */

typedef enum IoRingOp { IO_RING_READ, IO_RING_WRITE, IO_RING_FSYNC } IoRingOp;

typedef struct IoTransfer IoTransfer;
struct IoTransfer {
    IoWork work; /* private, first */
    IoThread *t; /*   private */
    IoRingOp op;
    int fd;
    const struct iovec *iov; /* at most IO_RING_PIECES */
    int niov;
    uint64_t offset;
    /* On the thread: bytes, or a negative errno; fewer than asked for is possible. */
    void (*done)(IoTransfer *x, int result);
};

#define IO_RING_PIECES 1024

/* Give the thread a ring, once. False and *err, in one line: the host has none. Not on the thread
 * itself. */
bool iothread_ring(IoThread *t, GError **err);
/* Any thread; the thread has a ring. */
void iothread_transfer(IoThread *t, IoTransfer *x);

#endif

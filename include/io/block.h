/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Block devices of the host side: a disk image that guest devices read and write.
 *
 * Requests run on worker threads or in the host's kernel (io_uring), never on the thread that
 * submits them (block_read_now() does not wait); the completion callback runs on a worker, or on
 * the backend's I/O thread, with no lock held. A backend made with `synchronous` (-icount: a run
 * must depend on nothing but the guest) completes each request inside block_submit() instead.
 *
 * Durability: a write is acknowledged when the host kernel has it; block flush requests return when
 * the storage has it (cache=unsafe: at once; cache=writethrough, directsync: every write is
 * flushed).
 */
#ifndef IO_BLOCK_H
#define IO_BLOCK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "io/iothread.h"

typedef struct BlockBackend BlockBackend;
typedef struct OptDict OptDict;

typedef enum BlockOp {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,
    BLOCK_DISCARD,      /* contents become undefined; ignored where discard=ignore */
    BLOCK_WRITE_ZEROES, /* contents become zero; unmap: storage may be given back */
} BlockOp;

/* One request, owned by the submitter until done() is called. offset and lengths in bytes, any
 * alignment. */
typedef struct BlockRequest BlockRequest;
struct BlockRequest {
    BlockOp op;
    bool unmap; /* BLOCK_WRITE_ZEROES */
    uint64_t offset;
    uint64_t len; /* DISCARD, WRITE_ZEROES; else the sum of iov */
    const struct iovec *iov;
    int niov;
    /* ret: 0, or a negative errno. A read past the end of a file whose size is no multiple of the
     * sector size gives zeroes. */
    void (*done)(BlockRequest *r, int ret);
    void *opaque;
    /* Private. */
    BlockRequest *next;
    int64_t start; /* of a request that is held back: monotonic microseconds; -1: cancelled */
    BlockBackend *backend;
    IoTransfer transfer;
    int ret;
};

typedef enum BlockCache {
    BLOCK_CACHE_WRITEBACK,
    BLOCK_CACHE_WRITETHROUGH,
    BLOCK_CACHE_UNSAFE,
    BLOCK_CACHE_NONE, /* O_DIRECT where the file system takes it: treated as writeback otherwise */
    BLOCK_CACHE_DIRECTSYNC,
} BlockCache;

typedef enum BlockAio {
    BLOCK_AIO_THREADS,
    BLOCK_AIO_NATIVE, /* the same as io_uring, for images past the host's cache */
    BLOCK_AIO_IO_URING,
} BlockAio;

typedef struct ThrottleGroup ThrottleGroup; /* io/throttle.h */

typedef struct BlockOptions {
    const char *path;
    const char *format;                   /* NULL: raw, unless probe */
    const char *data_file;                /* in place of the image's own external data file */
    const char *backing, *backing_format; /* in place of the image's own backing file */
    bool probe;                           /* find the format out */
    bool snapshot;                        /* writes go to a temporary overlay */
    int detect_zeroes;                    /* 0 off, 1 on, 2 unmap */
    const char *node;                     /* name for messages: "drive 'disk0'" */
    bool read_only;
    bool auto_read_only; /* fall back to reading if the file cannot be written */
    bool discard;        /* pass discards to the storage */
    bool synchronous;
    bool no_lock;      /* locking=off */
    bool share_write;  /* force-share=on: others may write to it; for reading */
    bool share_rw;     /* others may write to it as well, if it is a raw image */
    bool copy_on_read; /* what was read of a backing file is kept in the image */
    BlockCache cache;
    BlockAio aio;                           /* of raw images in files; others use worker threads */
    uint64_t offset, size;                  /* part of the file; size 0: to its end */
    unsigned reconnect_delay, open_timeout; /* seconds, of network block devices */
} BlockOptions;

/* Key of a drive whose device lets others write; '#' cannot stand in a key of the user's. */
#define DRIVE_SHARE_RW "#share-rw"

/*
 * Open an image or a block device. NULL and *err, naming the file: cannot be opened, is no file
 * or block device, is locked by another process.
 */
struct BlockNode *block_open_node(const BlockOptions *o, GError **err); /* only its node */
BlockBackend *block_open(const BlockOptions *o, GError **err);
/*
 * The same from the options of -drive (file=, format=, readonly=, cache=, discard=, locking=, id=,
 * throttling.*= ...), consuming what it knows; what is left in o belongs to the caller's device.
 */
BlockBackend *block_open_drive(OptDict *o, bool synchronous, GError **err);
/* Limit its requests from now on: a reference, which is taken over, or NULL. Before there are any.
 */
void block_set_throttle(BlockBackend *b, ThrottleGroup *g);
/* Its requests end on that thread from now on: a reference, which is taken over. Before there are
 * any. */
void block_set_iothread(BlockBackend *b, IoThread *t);
/*
 * Who wants to know of every change of the disk: before() and after() each write, zeroing and
 * discard of bytes of the disk, on a thread that may wait. NULL: nobody any more. Returns when the
 * requests that knew nothing of it have ended; those that come meanwhile wait for it. One at a
 * time.
 */
typedef struct BlockTracker {
    void (*before)(void *opaque, uint64_t off, uint64_t len);
    void (*after)(void *opaque, uint64_t off, uint64_t len);
    void *opaque;
} BlockTracker;
void block_track(BlockBackend *b, const BlockTracker *t);
/* The same within block_quiesce(). */
void block_track_quiesced(BlockBackend *b, const BlockTracker *t);
/* Calls fn when no request is under way, and lets none begin before it returns. */
void block_quiesce(BlockBackend *b, void (*fn)(void *opaque), void *opaque);
/* Requests go to n from now on, which shows the same bytes; the node before, where some may still
 * be. */
struct BlockNode *block_replace(BlockBackend *b, struct BlockNode *n);
/* As block_close(), but the node is the caller's. */
struct BlockNode *block_release(BlockBackend *b);
/* The disk gets another size, which the guest's device (block_set_resized()) is told of. Main loop.
 */
bool block_resize(BlockBackend *b, uint64_t size, GError **err);
void block_set_resized(BlockBackend *b, void (*fn)(void *opaque), void *opaque);
/* What was asked for since the start, by BlockOp. */
typedef struct BlockStats {
    uint64_t operations[BLOCK_WRITE_ZEROES + 1], bytes[BLOCK_WRITE_ZEROES + 1];
} BlockStats;
void block_stats(BlockBackend *b, BlockStats *s);
/* Waits for all requests, flushes, frees. */
void block_close(BlockBackend *b);

uint64_t block_size(const BlockBackend *b); /* bytes */
/* The topmost node, for block jobs; it is the backend's. */
struct BlockNode *block_top(BlockBackend *b);
bool block_read_only(const BlockBackend *b);
bool block_can_discard(const BlockBackend *b);
bool block_is_writeback(const BlockBackend *b);
const char *block_node(const BlockBackend *b);

/* Queue r. Out-of-range requests complete with -EIO, writes to a read-only image with -EROFS. Any
 * thread. */
void block_submit(BlockBackend *b, BlockRequest *r);
/* Do a read here and now if that needs no waiting, because the host has the data in memory: then
 * true, all of it is there, and done() is not called. Else nothing happened that matters, and it is
 * to be submitted. */
bool block_read_now(BlockBackend *b, const BlockRequest *r);
/* Requests that have not been begun end soon, with -ECANCELED. Does not wait. */
void block_cancel(BlockBackend *b);
/* Returns when nothing that was submitted before is under way any more. */
void block_drain(BlockBackend *b);

/* Synchronous access for firmware flash and loaders; not on a vCPU thread's common path. 0 or
 * -errno. */
int block_pread(BlockBackend *b, uint64_t offset, void *buf, size_t len);
int block_pwrite(BlockBackend *b, uint64_t offset, const void *buf, size_t len);

#endif

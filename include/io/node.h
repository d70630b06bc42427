/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The node graph below a block device: a protocol node ("file") that reads and writes a file of
 * the host, and format nodes ("raw", "qcow2") on top of it, a qcow2 node also on top of its backing
 * node and its external data file.
 *
 * All calls are synchronous: they run on a backend's worker, or in a tool. Reads, writes, discards,
 * flushes and status may come from several threads at once; the rest (truncate, snapshots, check)
 * needs a node that nobody else uses meanwhile. A write range must lie within node_size(), except
 * in a protocol node, which grows. Returns are 0 or a negative errno.
 *
 * Test: tests/unit/test-qcow2.c, tests/img/
 */
#ifndef IO_NODE_H
#define IO_NODE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "io/bitmap.h"
#include "io/block.h"

typedef struct BlockNode BlockNode;
typedef struct Qcow2 Qcow2;
typedef struct Nbd Nbd;

typedef enum NodePrealloc {
    NODE_PREALLOC_OFF,
    NODE_PREALLOC_METADATA,
    NODE_PREALLOC_FALLOC,
    NODE_PREALLOC_FULL,
} NodePrealloc;

/* What a range of a node is made of; see node_status(). */
typedef struct NodeExtent {
    uint64_t len;
    bool data;       /* there are bytes to read */
    bool zero;       /* reads as zeroes */
    bool allocated;  /* defined by this node, not by its backing node */
    bool compressed; /* no offset then */
    bool has_offset; /* the bytes are at `offset` of the file */
    uint64_t offset;
} NodeExtent;

/* What a driver is about to do to the node below it, for "blkdebug". */
typedef enum NodeEvent {
    NODE_EVENT_NONE, /* of requests that are to fail at any time */
    NODE_EVENT_READ_AIO,
    NODE_EVENT_READ_BACKING_AIO,
    NODE_EVENT_READ_COMPRESSED,
    NODE_EVENT_WRITE_AIO,
    NODE_EVENT_WRITE_COMPRESSED,
    NODE_EVENT_L2_LOAD,
    NODE_EVENT_REFBLOCK_LOAD,
    NODE_EVENT_COW_READ,
    NODE_EVENT_CLUSTER_ALLOC,
    NODE_EVENT_FLUSH_TO_OS,
    NODE_EVENT_FLUSH_TO_DISK,
    NODE_EVENT_PWRITEV,
    NODE_EVENT_PWRITEV_ZERO,
    NODE_EVENT_PWRITEV_DONE,
    N_NODE_EVENTS,
} NodeEvent;

typedef struct BlockDriver {
    const char *name;
    bool protocol; /* not on top of another node; transfers may go past the end */
    int (*preadv)(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
    int (*pwritev)(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len);
    int (*zero)(BlockNode *n, uint64_t off, uint64_t len, bool unmap);
    int (*discard)(BlockNode *n, uint64_t off, uint64_t len);
    int (*flush)(BlockNode *n);
    int (*status)(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e);
    /* NULL: its size cannot be changed. */
    bool (*truncate)(BlockNode *n, uint64_t size, NodePrealloc how, GError **err);
    /* One whole cluster; NULL: the format has no compression. */
    int (*write_compressed)(BlockNode *n, uint64_t off, const void *buf, size_t len);
    void (*close)(BlockNode *n);
    void (*event)(BlockNode *n, NodeEvent e); /* NULL: it is not interested */
} BlockDriver;

struct BlockNode {
    const BlockDriver *drv;
    char *filename;
    char *name;    /* of the graph, for monitors; or NULL */
    uint64_t size; /* bytes */
    bool read_only;
    bool probed;        /* raw: nobody said so, it only looked like nothing else */
    int detect_zeroes;  /* writes of zeroes: 0 off, 1 on, 2 unmap */
    BlockNode *file;    /* of a format node or a filter */
    BlockNode *data;    /* external data file, or NULL */
    BlockNode *backing; /* or NULL */
    DirtyBitmap *bitmaps;
    char *backing_name; /* as the image has it, or NULL; set even if the node was not opened */
    char *backing_format;
    char *data_name;
    struct {
        int fd;
        int direct_fd;  /* the same file past the host's cache (O_DIRECT), or -1 */
        bool is_device; /* a block device, or "nbd": its size cannot be changed */
        bool no_flush, discard;
        uint64_t dev, ino; /* equal: the same storage */
    } host;                /* of a protocol node */
    GMutex nbd_rmw;        /* "nbd": a part of a block is being written */
    union {
        uint64_t offset; /* "raw": where it begins in its file */
        Qcow2 *qcow2;
        Nbd *nbd;
        void *state; /* of other drivers */
    };
};

typedef struct NodeOptions {
    const char *path;
    const char *format;         /* NULL: look at the contents */
    const char *backing;        /* in place of the one in the image; "": none */
    const char *backing_format; /* of that one */
    const char *data_file;
    bool read_only, auto_read_only;
    bool no_backing;       /* open the image alone */
    bool no_lock;          /* locking=off, force-share */
    bool share_write;      /* others may write (tools that only look) */
    bool share_rw;         /* others may write as well, to what is raw */
    bool ignore_corrupt;   /* check and repair */
    bool no_flush;         /* cache=unsafe */
    bool discard;          /* hand discards on to the host's file */
    bool direct;           /* past the host's cache where the file and the request allow it */
    uint64_t offset, size; /* raw: a part of the file; size 0: all of it */
    /* nbd: seconds that requests wait for a lost connection, and the start for the first one */
    unsigned reconnect_delay, open_timeout;
    /* Of nodes that are described by options: */
    const char *node_name;
    int detect_zeroes;
    unsigned depth;
} NodeOptions;

/* Open an image and all it stands on. NULL and *err: one line that names the file. A path may be a
 * description, too: "json:{...}", "null-co://". */
BlockNode *node_open(const NodeOptions *o, GError **err);
/* The protocol node alone: of a file of the host, or an NBD server's where the path is its URL, or
 * what the path describes. */
BlockNode *node_open_protocol(const NodeOptions *o, GError **err);
BlockNode *node_open_file(const NodeOptions *o, GError **err);
/* Flushes, writes what is still to be written, frees; NULL is fine. */
void node_close(BlockNode *n);

int node_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov);
int node_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov);
int node_pread(BlockNode *n, uint64_t off, void *buf, size_t len);
int node_pwrite(BlockNode *n, uint64_t off, const void *buf, size_t len);
int node_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap);
int node_discard(BlockNode *n, uint64_t off, uint64_t len);
int node_flush(BlockNode *n);
/* The first extent at off, at most len long; off and len within the node. */
int node_status(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e);
/*
 * The same through the backing chain, stopping before `base` (NULL: to its end). *depth (may be
 * NULL) gets the number of the node that defines it, *in that node.
 */
int node_status_chain(BlockNode *n, BlockNode *base, uint64_t off, uint64_t len, NodeExtent *e,
                      int *depth, BlockNode **in);
bool node_truncate(BlockNode *n, uint64_t size, NodePrealloc how, GError **err);
/* What the node itself does not hold, but its backing file does, is written to it: copy-on-read. */
int node_copy_up(BlockNode *n, uint64_t off, uint64_t len);
static inline void node_event(BlockNode *n, NodeEvent e)
{
    if (n->drv->event) {
        n->drv->event(n, e);
    }
}

/*
 * Can these bytes be read or written in a file of the host as they are? *fd and *at: where. Else
 * the node has more to do than that. iov NULL: any flush.
 */
bool node_plain(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, bool write, int *fd,
                uint64_t *at);
/* Is this a description ("json:{...}", "null-co://" ...), not a file or a server? */
bool node_path_describes(const char *path);
/* A file's path from the root, any other name as it is: for a header that another image is named
 * in. Caller frees. */
char *node_path_absolute(const char *path);
/* "raw" or "qcow2" by the first bytes. */
const char *node_probe(const uint8_t *head, size_t len);
/* The path of `name` as image `of` means it: relative to the image's folder. Caller frees. */
char *node_path_resolve(const char *of, const char *name);
/* The descriptor for a transfer within the file; -1: memory or range ask for more. */
/* Locks the file that is below, which others could write until now, against them. */
bool file_bar_writers(const BlockNode *n, GError **err);
int file_plain_fd(BlockNode *n, uint64_t at, const struct iovec *iov, int niov, bool write);
/* Bytes that the host's storage holds for the file; 0: nobody knows. */
uint64_t node_disk_size(const BlockNode *n);

/* Pieces of scattered memory, from byte `skip` on. */
struct iovec *iov_slice(const struct iovec *iov, int niov, size_t skip, size_t len, int *n);
void iov_fill(const struct iovec *iov, int niov, size_t skip, const void *buf, size_t len);
void iov_gather(const struct iovec *iov, int niov, size_t skip, void *buf, size_t len);
void iov_clear(const struct iovec *iov, int niov, size_t skip, size_t len);
size_t iov_length(const struct iovec *iov, int niov);
bool buffer_is_zero(const void *buf, size_t len);

extern const BlockDriver block_driver_file, block_driver_raw, block_driver_qcow2, block_driver_nbd;

/* The format's part of node_open(): n->file is open. */
bool qcow2_node_open(BlockNode *n, const NodeOptions *o, GError **err);

#endif

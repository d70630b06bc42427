/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * qcow2 beyond reading and writing: creating, checking, internal snapshots. On nodes whose driver
 * is block_driver_qcow2 and that nobody else uses meanwhile. Test: tests/unit/test-qcow2.c
 */
#ifndef IO_QCOW2_H
#define IO_QCOW2_H

#include "io/node.h"

typedef struct Qcow2Create {
    uint64_t size;
    unsigned version; /* 2 or 3 */
    uint64_t cluster_size;
    unsigned refcount_bits;
    bool lazy_refcounts, extended_l2, data_file_raw;
    bool zstd;
    NodePrealloc prealloc;
    const char *backing, *backing_format; /* or NULL */
    const char *data_file;                /* or NULL */
} Qcow2Create;

/* Make an image of an existing empty file. */
bool qcow2_create(const char *path, const Qcow2Create *c, GError **err);

typedef struct Qcow2Snapshot {
    uint64_t l1_offset;
    uint32_t l1_size;
    uint32_t sec, nsec;
    uint64_t clock; /* ns of guest time */
    uint64_t vm_size, disk_size;
    char *id, *name;
    uint8_t *extra; /* what follows disk_size */
    uint32_t extra_len;
} Qcow2Snapshot;

unsigned qcow2_snapshot_count(BlockNode *n);
const Qcow2Snapshot *qcow2_snapshot_at(BlockNode *n, unsigned i);
bool qcow2_snapshot_create(BlockNode *n, const char *name, GError **err);
/* key: an id or a name. */
bool qcow2_snapshot_apply(BlockNode *n, const char *key, GError **err);
bool qcow2_snapshot_delete(BlockNode *n, const char *key, GError **err);

typedef struct Qcow2Check {
    uint64_t corruptions, leaks, errors;
    uint64_t corruptions_fixed, leaks_fixed;
    uint64_t total_clusters, allocated, fragmented, compressed;
    uint64_t end; /* of the used part of the file */
    /* One line a finding; may be NULL. */
    void (*say)(void *opaque, const char *line);
    void *opaque;
} Qcow2Check;

/* fix_leaks, fix_all: repair. False with *err: could not be carried out. */
bool qcow2_check(BlockNode *n, Qcow2Check *c, bool fix_leaks, bool fix_all, GError **err);

typedef struct Qcow2Info {
    unsigned version, refcount_bits;
    uint64_t cluster_size;
    bool lazy_refcounts, corrupt, extended_l2, zstd, data_file_raw, dirty;
    const char *data_file; /* or NULL */
} Qcow2Info;

void qcow2_info(BlockNode *n, Qcow2Info *i);
/* Change the backing file's name in the header; NULL: none. */
bool qcow2_set_backing(BlockNode *n, const char *name, const char *format, GError **err);
/* Forget all contents: the backing file is seen everywhere. */
int qcow2_make_empty(BlockNode *n);
/* node_copy_up(). */
int qcow2_copy_up(BlockNode *n, uint64_t off, uint64_t len);
/* Bytes of a file with `clusters` allocated clusters, all metadata included. */
uint64_t qcow2_measure(const Qcow2Create *c, uint64_t data_bytes);

#endif

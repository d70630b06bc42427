/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Dirty bitmaps of a node: which parts were written since. They are in memory only.
 *
 * Bits are set by any thread, while others read them. A node's list changes, and a bitmap is
 * cleared or merged into, only while nobody writes to the node (block_quiesce()).
 *
 * Test: tests/unit/test-job.c, tests/qmp/
 */
#ifndef IO_BITMAP_H
#define IO_BITMAP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct DirtyBitmap DirtyBitmap;
struct DirtyBitmap {
    DirtyBitmap *next; /* of the node */
    char *name;
    uint64_t size, granularity; /* bytes; of the node; of a bit, a power of two */
    bool enabled;               /* writes set bits */
    bool busy;                  /* a backup goes by it */
    uint64_t n_words, *words;   /* atomic */
};

/* name NULL: of no node. */
DirtyBitmap *bitmap_new(const char *name, uint64_t size, uint64_t granularity);
void bitmap_free(DirtyBitmap *b);
DirtyBitmap *bitmap_copy(const DirtyBitmap *b);
void bitmap_set(DirtyBitmap *b, uint64_t off, uint64_t len);
bool bitmap_any(const DirtyBitmap *b, uint64_t off, uint64_t len);
void bitmap_clear(DirtyBitmap *b);
/* All that is set in `from` is set in `to`, whatever their granularities. */
void bitmap_merge(DirtyBitmap *to, const DirtyBitmap *from);
/* Bytes that are dirty. */
uint64_t bitmap_count(const DirtyBitmap *b);

/* Of a list: those that are enabled; all. */
void bitmaps_mark(DirtyBitmap *list, uint64_t off, uint64_t len);
void bitmaps_resize(DirtyBitmap *list, uint64_t size);
void bitmaps_free(DirtyBitmap *list);
DirtyBitmap *bitmap_find(DirtyBitmap *list, const char *name);

#endif

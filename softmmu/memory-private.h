/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* What ram.c and memory.c share: the insides of a MemSystem. */
#ifndef SOFTMMU_MEMORY_PRIVATE_H
#define SOFTMMU_MEMORY_PRIVATE_H

#include "softmmu/memory.h"

#define READER_SHARDS 16

typedef struct RamBlockList {
    unsigned n;
    RamBlock *b[]; /* ascending by start */
} RamBlockList;

/* Readers of flat views in one shard and phase; a cache line of its own. */
typedef struct ReaderCount {
    uint64_t n;
    uint8_t pad[56];
} ReaderCount;

struct MemSystem {
    GRecMutex topology; /* region trees, views, blocks */
    unsigned depth;     /* nesting of transactions */
    bool dirty;         /* a rebuild is due at the end of the transaction */
    const RamBlockList *blocks;
    GPtrArray *old_block_lists;
    ram_addr next_start;
    GPtrArray *spaces;  /* AddressSpace * */
    GArray *listeners;  /* MemListener */
    GPtrArray *retired; /* RetiredView *: replaced views that a reader might still see */
    MemCodeWriteFn *code_fn;
    void *code_opaque;
    unsigned phase; /* atomic: which half of `readers` new ones use */
    ReaderCount readers[2][READER_SHARDS];
};

void ram_block_free(RamBlock *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The physical memory map.
 *
 * A MemSystem owns the RAM of one machine and the topology: a tree of MemRegions (RAM, ROM,
 * ROM-device, MMIO, containers, aliases). An AddressSpace is a view of such a tree from its root.
 * Every change of the tree flattens it into a new sorted array that is published by one pointer
 * store; readers never take a lock, and an old array is freed when no reader can see it any more.
 *
 * Building (before the vCPUs run, or later; the functions take the topology lock themselves):
 *     MemSystem *ms = memory_system_new();
 *     memory_region_init_container(&root, ms, "system", UINT64_MAX);
 *     AddressSpace *as = address_space_new(ms, "memory", &root);
 *     RamBlock *b = ram_block_new(ms, "ram", size, NULL, &err);
 *     memory_region_init_ram(&r, "ram", b, 0, size);
 *     memory_region_add(&root, 0x80000000, &r, 0);
 *
 * Using (any thread):
 *     MemSection s;  memory_lookup(as, addr, &s);        soft TLB refill
 *     memory_read(as, addr, buf, len);                   DMA
 *     memory_mmio_write(s.region, s.offset, 4, val);     an MMIO access of a vCPU
 *
 * Lock order: device lock -> interrupt controller lock -> (nothing).
 *             device lock -> topology lock -> (nothing; listeners run under it and may only set
 *             flags, bump generations and kick vCPUs).
 * A device may do DMA with its lock held. If that DMA hits MMIO (another device's or its own) it
 * fails with MEMTX_ERROR and is logged as a guest error, so that no device lock is ever taken
 * while another one is held. Message-signalled interrupts have a way of their own,
 * memory_write_msi().
 */
#ifndef SOFTMMU_MEMORY_H
#define SOFTMMU_MEMORY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t hwaddr;   /* guest-physical address, or an offset in a region */
typedef uint64_t ram_addr; /* byte number in all RAM of a MemSystem: identifies a byte of RAM
                              whatever guest-physical addresses it is mapped at */

#define MEM_PAGE_BITS 12
#define MEM_PAGE_SIZE ((uint64_t)1 << MEM_PAGE_BITS)
#define RAM_ADDR_NONE UINT64_MAX

typedef struct MemSystem MemSystem;
typedef struct AddressSpace AddressSpace;
typedef struct MemRegion MemRegion;
typedef struct RamBlock RamBlock;

typedef enum {
    MEMTX_OK = 0,
    MEMTX_ERROR,        /* the device answered with an error */
    MEMTX_DECODE_ERROR, /* nothing there, or the size or alignment is not one the device takes */
} MemTxResult;

/* ------------------------------------------------------------------------------------------ */
/* RAM */

/*
 * One piece of host memory. Fields are constant after ram_block_new(), but for what `code` points
 * at. Blocks live as long as their MemSystem.
 */
struct RamBlock {
    MemSystem *ms;
    const char *name;
    uint8_t *host;  /* page-aligned; [host, host + size) is always readable and writable */
    uint64_t size;  /* bytes, a multiple of MEM_PAGE_SIZE */
    ram_addr start; /* ram_addr of byte 0; a multiple of 2 MiB; blocks do not overlap */
    /*
     * One byte a page (index: offset >> MEM_PAGE_BITS), 0 at first. Not 0: the page holds
     * translated code, so every store to it that does not come by a vCPU's own path calls the
     * code hook. Written by the translator with atomic stores; set, and a full fence, before the
     * page is read for translation.
     */
    uint8_t *code;
    int fd;               /* backing file or memfd, or -1 */
    bool shared;          /* mapped MAP_SHARED: stores reach the file */
    uint64_t file_offset; /* of byte 0 in the file */
    GArray *mapped_files; /* where a loader mapped files: pairs of uint64_t, offset and length */
};

typedef struct RamBlockOptions {
    const char *path; /* file or directory to back the RAM with; NULL: anonymous */
    int fd;           /* file to map instead of path if use_fd (is dup'ed) */
    bool use_fd;
    uint64_t file_offset; /* in the file; a multiple of the host page size */
    bool share;           /* MAP_SHARED; else stores stay private to this process */
    bool memfd;           /* anonymous memory behind a memfd (fd then is valid), shared */
    bool prealloc;        /* touch all pages now; an error if the host cannot */
} RamBlockOptions;

/*
 * Make a block of `size` bytes (> 0; rounded up to a page), zero-filled or backed by a file.
 * Nothing is reserved or touched: the size may exceed what the host has. opts may be NULL.
 * NULL and *err if the host refuses.
 */
RamBlock *ram_block_new(MemSystem *ms, const char *name, uint64_t size, const RamBlockOptions *opts,
                        GError **err);
/* The block that holds ram_addr `ra`, or NULL; *offset gets the offset in it. Lock-free. */
RamBlock *ram_block_find(MemSystem *ms, ram_addr ra, uint64_t *offset);
/* The same from a host address inside some block's memory. */
RamBlock *ram_block_from_host(MemSystem *ms, const void *host, uint64_t *offset);
/*
 * Give pages back to the host; they read as 0 afterwards. The guest does not care for what they
 * held, but may write them at any time. offset and len are multiples of MEM_PAGE_SIZE. False: the
 * host would not take them, or they are a private copy of a file; nothing changed.
 */
bool ram_block_discard(RamBlock *b, uint64_t offset, uint64_t len);
/* Whether the host may back the pages of [offset, offset + len) with huge ones when they are first
 * touched. It may from the start; off is for a write of what is small and alone. */
void ram_block_allow_huge(RamBlock *b, uint64_t offset, uint64_t len, bool on);
/* A file was mapped over a piece of the block; vCPUs do not run. */
void ram_block_note_file(RamBlock *b, uint64_t offset, uint64_t len);
/* Call fn for each block, in order of creation. */
void ram_block_foreach(MemSystem *ms, void (*fn)(RamBlock *b, void *opaque), void *opaque);

/* ------------------------------------------------------------------------------------------ */
/* Regions */

typedef enum {
    MEM_UNASSIGNED, /* nothing there */
    MEM_RAM,        /* host memory, read and write */
    MEM_ROM,        /* host memory; guest writes are ignored and logged */
    MEM_ROMD,       /* host memory for reads while memory_region_romd() is true; writes, and reads
                       otherwise, go to the callbacks */
    MEM_MMIO,       /* callbacks */
} MemKind;

typedef enum { MEM_LITTLE_ENDIAN, MEM_BIG_ENDIAN } MemEndian;

/*
 * Callbacks of an MMIO region. Called with the region's lock held (if it has one), from any
 * thread. offset is relative to the region, size is 1, 2, 4 or 8, offset + size is inside the
 * region, and both are what the fields below let through. Values are zero-extended.
 */
typedef struct MmioOps {
    MemTxResult (*read)(void *opaque, hwaddr offset, unsigned size, uint64_t *val);
    MemTxResult (*write)(void *opaque, hwaddr offset, unsigned size, uint64_t val);
    MemEndian endian;  /* byte order in which the device holds a value wider than a byte */
    uint8_t valid_min; /* sizes that the bus accepts, others are decode errors; 0: 1 */
    uint8_t valid_max; /* 0: 8 */
    uint8_t impl_max;  /* widest size of a callback; a wider access becomes several, at ascending
                          addresses; 0: valid_max */
    bool unaligned;    /* accepts addresses that are not a multiple of the size */
    /* An interrupt controller's doorbell: memory_write_msi() comes here rather than to write, from
       any thread, with the sender's device lock held and without the region's; it may take an
       interrupt controller's lock. NULL: messages to this region are refused. */
    MemTxResult (*msi)(void *opaque, hwaddr offset, uint32_t data, uint32_t requester);
} MmioOps;

/*
 * A node of the tree, embedded in its owner. Fields are private to memory.c. Sizes are in bytes;
 * UINT64_MAX as a size means the whole 2^64.
 */
struct MemRegion {
    const char *name;
    enum { REGION_CONTAINER, REGION_LEAF, REGION_ALIAS } type;
    MemKind kind; /* of a leaf */
    bool enabled;
    bool romd; /* atomic */
    int priority;
    uint64_t size;
    hwaddr addr; /* in the parent */
    MemSystem *ms;
    MemRegion *parent;
    GPtrArray *children; /* of a container, the one that wins first */
    MemRegion *alias;
    hwaddr alias_offset;
    RamBlock *block;
    uint64_t block_offset;
    const MmioOps *ops;
    void *opaque;
    GMutex *lock;
};

MemSystem *memory_system_new(void);
/* Unmaps all RAM, frees all address spaces. No other thread may use them any more. */
void memory_system_free(MemSystem *ms);

void memory_region_init_container(MemRegion *r, MemSystem *ms, const char *name, uint64_t size);
/* RAM or ROM: [offset, offset + size) of block b; offset and size multiples of the page size. */
void memory_region_init_ram(MemRegion *r, const char *name, RamBlock *b, uint64_t offset,
                            uint64_t size);
void memory_region_init_rom(MemRegion *r, const char *name, RamBlock *b, uint64_t offset,
                            uint64_t size);
/* ROM device: the whole of block b, in ROMD mode at first. */
void memory_region_init_romd(MemRegion *r, const char *name, RamBlock *b, const MmioOps *ops,
                             void *opaque, GMutex *lock);
/* lock (may be NULL) is held around each access as a whole, also when impl_max splits it. */
void memory_region_init_mmio(MemRegion *r, MemSystem *ms, const char *name, uint64_t size,
                             const MmioOps *ops, void *opaque, GMutex *lock);
void memory_region_init_alias(MemRegion *r, const char *name, MemRegion *target, hwaddr offset,
                              uint64_t size);
/* Takes r out of its parent and frees what it holds; a container's children must be out. */
void memory_region_destroy(MemRegion *r);

/*
 * Place r at `addr` of container `parent`. Where regions overlap the higher priority wins, among
 * equals the one added last. What sticks out of the container is cut off.
 */
void memory_region_add(MemRegion *parent, hwaddr addr, MemRegion *r, int priority);
/* Afterwards no new access reaches r by this place, once the listeners have done their part. */
void memory_region_del(MemRegion *r);
void memory_region_set_enabled(MemRegion *r, bool enabled);
void memory_region_set_address(MemRegion *r, hwaddr addr);
/* Changes between begin and commit are published together by the last commit. They nest. */
void memory_transaction_begin(MemSystem *ms);
void memory_transaction_commit(MemSystem *ms);
/*
 * Switch a ROM device between direct reads (true) and callbacks. Calls the listeners if it
 * changed; may be called from the region's own callbacks.
 */
void memory_region_set_romd(MemRegion *r, bool romd);
static inline bool memory_region_romd(const MemRegion *r)
{
    return __atomic_load_n(&r->romd, __ATOMIC_ACQUIRE);
}

/* ------------------------------------------------------------------------------------------ */
/* Address spaces */

AddressSpace *address_space_new(MemSystem *ms, const char *name, MemRegion *root);
/* Nobody may use it any more. Those that are left go with their MemSystem. */
void address_space_free(AddressSpace *as);
MemSystem *address_space_system(AddressSpace *as);
MemRegion *address_space_root(AddressSpace *as);

/* What is at one address. */
typedef struct MemSection {
    MemKind kind;
    uint64_t len;      /* bytes from the address on that this holds for, at least 1 (the whole gap
                          if MEM_UNASSIGNED); 2^64 is given as UINT64_MAX */
    uint8_t *host;     /* host address of the byte (RAM, ROM, ROMD), else NULL */
    RamBlock *block;   /* with host: the block, */
    ram_addr ra;       /*   and the byte's global number; else RAM_ADDR_NONE */
    MemRegion *region; /* leaf region; NULL if MEM_UNASSIGNED */
    hwaddr offset;     /* of the byte in that region, for memory_mmio_*() */
} MemSection;

/*
 * Look addr up and fill *s; returns s->kind. Lock-free, any thread. The answer holds until the
 * topology listeners are called. For MEM_ROMD the caller asks memory_region_romd() whether reads
 * may go to s->host; writes always go through memory_mmio_write().
 */
MemKind memory_lookup(AddressSpace *as, hwaddr addr, MemSection *s);
/* The same for a page walk of the vCPU whose thread this is; cheaper where it finds RAM. */
typedef struct CPU CPU;
MemKind tlb_memory_lookup(CPU *cpu, hwaddr addr, MemSection *s);

/*
 * One access to a leaf region (MMIO and ROMD; ROM and RAM work too) as a little-endian CPU makes
 * it: the least significant byte of *val is the one at the lowest address. size is 1, 2, 4 or 8.
 * Checks size and alignment and takes the region's lock. On error *val is 0. What cannot be
 * decoded, and writes to ROM (which otherwise count as MEMTX_OK), are logged as guest errors.
 */
MemTxResult memory_mmio_read(MemRegion *r, hwaddr offset, unsigned size, uint64_t *val);
MemTxResult memory_mmio_write(MemRegion *r, hwaddr offset, unsigned size, uint64_t val);

/*
 * DMA and loaders: any length, across sections, MMIO included (in naturally aligned accesses as
 * wide as the device takes). Goes on after an error (a failed read gives zeroes there) and returns
 * the first one. Wrapping at 2^64 is a decode error. Writes to RAM call the code hook as needed.
 */
MemTxResult memory_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len);
MemTxResult memory_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len);
MemTxResult memory_set(AddressSpace *as, hwaddr addr, uint8_t byte, uint64_t len);
/* Like memory_write(), but into ROM and the storage of ROM devices too, for loaders; no MMIO. */
MemTxResult memory_write_rom(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len);

/*
 * Direct pointer for device DMA: host address of addr if it is RAM (or, for reads, ROM or ROMD in
 * direct mode), *len cut to what is contiguous; NULL if it is anything else (use
 * memory_read/write). RAM is never unmapped while its MemSystem lives. A writer calls
 * memory_unmap() with the bytes it really wrote, after the stores and before telling the guest.
 */
void *memory_map(AddressSpace *as, hwaddr addr, uint64_t *len, bool write);
void memory_unmap(AddressSpace *as, void *host, uint64_t written);

/*
 * Typed access to memory shared with the guest. An aligned one that hits RAM is one atomic access
 * of the host. A load gives 0 on error; res may be NULL.
 */
uint8_t memory_ld8(AddressSpace *as, hwaddr addr, MemTxResult *res);
uint16_t memory_ld16_le(AddressSpace *as, hwaddr addr, MemTxResult *res);
uint32_t memory_ld32_le(AddressSpace *as, hwaddr addr, MemTxResult *res);
uint64_t memory_ld64_le(AddressSpace *as, hwaddr addr, MemTxResult *res);
uint16_t memory_ld16_be(AddressSpace *as, hwaddr addr, MemTxResult *res);
uint32_t memory_ld32_be(AddressSpace *as, hwaddr addr, MemTxResult *res);
uint64_t memory_ld64_be(AddressSpace *as, hwaddr addr, MemTxResult *res);
MemTxResult memory_st8(AddressSpace *as, hwaddr addr, uint8_t val);
MemTxResult memory_st16_le(AddressSpace *as, hwaddr addr, uint16_t val);
MemTxResult memory_st32_le(AddressSpace *as, hwaddr addr, uint32_t val);
MemTxResult memory_st64_le(AddressSpace *as, hwaddr addr, uint64_t val);
MemTxResult memory_st16_be(AddressSpace *as, hwaddr addr, uint16_t val);
MemTxResult memory_st32_be(AddressSpace *as, hwaddr addr, uint32_t val);
MemTxResult memory_st64_be(AddressSpace *as, hwaddr addr, uint64_t val);

/*
 * A message-signalled interrupt: a 32-bit little-endian write of a device, which may hold its lock.
 * requester tells the doorbell who sends it (for PCI: bus << 8 | device << 3 | function). Goes to
 * MmioOps.msi of what is at addr, or to memory, like any other write.
 */
MemTxResult memory_write_msi(AddressSpace *as, hwaddr addr, uint32_t data, uint32_t requester);

/*
 * What device_lock() is made of: a device lock that is known to be held, so that DMA which would
 * need another one is refused instead of locking up.
 */
void memory_device_lock(GMutex *lock);
void memory_device_unlock(GMutex *lock);

/* ------------------------------------------------------------------------------------------ */
/* Who is told of what */

/*
 * Called after [offset, offset + len) of b was written by DMA, a loader or a ROM device, if some
 * page of it has its `code` byte set. Any thread, possibly with a device lock held.
 */
typedef void MemCodeWriteFn(void *opaque, RamBlock *b, uint64_t offset, uint64_t len);
/* One hook; set before other threads run. */
void memory_set_code_hook(MemSystem *ms, MemCodeWriteFn *fn, void *opaque);

/* Writers that store to b->host themselves call this after their stores. len may be 0. */
void memory_notify_code_write(RamBlock *b, uint64_t offset, uint64_t len);

/*
 * Topology listener: `changed` is called after the new map (or the new ROMD mode) is visible, on
 * the thread that changed it, under the topology lock, possibly with a device lock held. Whatever
 * was kept from memory_lookup() of this address space must be dropped before the guest can tell.
 */
typedef struct MemListener {
    void (*changed)(void *opaque, AddressSpace *as);
    void *opaque;
} MemListener;
void memory_add_listener(MemSystem *ms, const MemListener *l); /* copied; before threads run */

/* The flat view as text, one line a section. g_free() it. */
char *memory_dump(AddressSpace *as);

#endif

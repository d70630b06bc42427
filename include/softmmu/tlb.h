/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The soft TLB of a vCPU: what generated code reads on each access, and what targets call.
 *
 * A context is one way to translate data or fetch addresses: address space (ASID), privilege, and
 * mode bits that change permissions. The target names it by a 64-bit key of its own making. Each
 * vCPU keeps TLB_SLOTS contexts at a time in slots; switching back to one that is still there
 * reloads a pointer, nothing is flushed. Behind the slots is a second level (hash by page, ASID,
 * global bit) that answers most misses without a walk.
 *
 * Hit test in generated code, for an access of size s with required alignment a (1: none):
 *     offset = (addr >> (TLB_PAGE_BITS - TLB_ENTRY_BITS)) & mask     mask is TlbTable.mask
 *     ((addr + (a < s ? s - a : 0)) & (TLB_PAGE_MASK | (a - 1))) == entry.tag_r (tag_w, tag_x)
 * Any flag bit in a tag makes the test fail, so that the hit path never tests flags.
 * Host address = addr + entry.addend. Owner: the vCPU's thread; other threads only set flag bits
 * (atomic or) or queue work. Tags are written after the addend.
 */
#ifndef RHEA_SOFTMMU_TLB_H
#define RHEA_SOFTMMU_TLB_H

#include <stdbool.h>
#include <stdint.h>

#define TLB_PAGE_BITS 12
#define TLB_PAGE_SIZE ((uint64_t)1 << TLB_PAGE_BITS)
#define TLB_PAGE_MASK (~(TLB_PAGE_SIZE - 1))

/* Flag bits of a tag: below the page bits, above any alignment mask (<= 31). */
#define TLB_INVALID ((uint64_t)1 << 11)
#define TLB_IO      ((uint64_t)1 << 10) /* not plain RAM: go through memory_* */
#define TLB_CODE    ((uint64_t)1 << 9)  /* tag_w: the page holds translated code */
#define TLB_WATCH   ((uint64_t)1 << 8)  /* watchpoint or monitor on this page */
#define TLB_SUB                                                                                    \
    ((uint64_t)1 << 7) /* permission varies inside the page: ask the target each time              \
                        */
#define TLB_GUARDED ((uint64_t)1 << 6) /* tag_x: TlbFill.guarded */
#define TLB_DEVICE  ((uint64_t)1 << 5) /* tag_r, tag_w: TlbFill.device */

typedef struct TlbEntry {
    uint64_t tag_r, tag_w, tag_x;
    uint64_t addend; /* host address - guest virtual address */
} TlbEntry;
#define TLB_ENTRY_BITS 5
#define TLB_MAX_BITS   16 /* log2 of the entries of the largest table */

/* env->tlb[] points at TlbTable.entries; the header is at negative offsets. */
typedef struct TlbTable {
    uint64_t gen;  /* of the context: changes when anything is unmapped from it */
    uint64_t mask; /* (number of entries - 1) << TLB_ENTRY_BITS; the number is a power of two */
    TlbEntry entries[];
} TlbTable;
#define TLB_MASK_OFFSET (-8) /* of mask, from entries */

static inline TlbEntry *tlb_table_entry(TlbEntry *entries, uint64_t vaddr)
{
    const TlbTable *t = (const TlbTable *)((const uint8_t *)entries - sizeof(TlbTable));

    return (TlbEntry *)((uint8_t *)entries +
                        ((vaddr >> (TLB_PAGE_BITS - TLB_ENTRY_BITS)) & t->mask));
}

#define TLB_SLOTS 64

typedef enum TlbAccess { TLB_READ, TLB_WRITE, TLB_FETCH } TlbAccess;
enum { TLB_PROT_R = 1, TLB_PROT_W = 2, TLB_PROT_X = 4 };
/* In the size that tlb_fill() gets: bytes of an access that it was asked about from its start. */
#define TLB_REST 0x80u

typedef struct CPU CPU;

/* One translation, from the target's tlb_fill() to the soft TLB. */
typedef struct TlbFill {
    uint64_t vaddr; /* any address in the page */
    uint64_t paddr; /* its physical address */
    uint32_t asid;
    uint8_t
        page_bits; /* log2 of the leaf's size (>= 12), for flushes by page inside large leaves */
    uint8_t prot;  /* TLB_PROT_*: what may be done without asking the target again (a page whose
                      dirty bit is clear has no W) */
    bool global;   /* valid in every ASID */
    bool sub;      /* cannot be cached for the whole page (TLB_SUB) */
    bool guarded;  /* code on it is translated with UnitContext.guarded */
    bool device;   /* data accesses must be aligned (TCG_MO_ALIGN_DEVICE) */
} TlbFill;

/* Enter fill into the context the walk was made for. idx: index into env->tlb[]; TLB_FETCH uses the
 * fetch context. */
void tlb_set(CPU *cpu, unsigned idx, TlbAccess access, const TlbFill *fill);

/*
 * Select the current contexts: the target calls these whenever a register that matters is written
 * or the mode changes. Equal keys mean equal translations and permissions; asid tags the second
 * level; mode keys translated code (the bits the decoder looks at). Keys that differ by nothing but
 * asid's low 16 bits, exclusive-or'ed, share their global entries. They set env->tlb[idx] and
 * env->ctx.
 */
void tlb_select_data(CPU *cpu, unsigned idx, uint64_t key, uint32_t asid);
void tlb_select_fetch(CPU *cpu, uint64_t key, uint32_t asid, uint32_t mode);

/* Flushes act on this vCPU and run on its thread (cpu_run_on() brings them to another one). */
void tlb_flush_all(CPU *cpu);
void tlb_flush_asid(CPU *cpu, uint32_t asid, bool also_global);
void tlb_flush_page(CPU *cpu, uint64_t vaddr); /* every ASID, global too */
void tlb_flush_page_asid(CPU *cpu, uint64_t vaddr, uint32_t asid, bool also_global);

/*
 * Guest accesses from C, for helpers and the interpreter: the same checks, faults and order as in
 * generated code. memop: TCGMemOp (its MMU field picks env->tlb[]). ra: see
 * cpu_loop_exit_restore().
 */
uint64_t tlb_load(CPU *cpu, uint64_t vaddr, uint16_t memop, uintptr_t ra);
void tlb_store(CPU *cpu, uint64_t vaddr, uint64_t val, uint16_t memop, uintptr_t ra);
/* Faults if the page wants accesses aligned (TlbFill.device), for an access that is not. */
void tlb_check_device(CPU *cpu, uint64_t vaddr, TlbAccess access, unsigned idx, uintptr_t ra);
/* Store zeros to the naturally aligned block of `size` bytes (8 to a page, a power of two) that
 * vaddr is in; faults as a store. */
void tlb_zero_block(CPU *cpu, uint64_t vaddr, unsigned size, unsigned idx, uintptr_t ra);
/* Host address of [vaddr, +size) in one RAM page after all checks of a data access, marked written
 * for TLB_WRITE (code in it is invalidated); NULL if it is not plain RAM or crosses a page. Faults
 * as an access would. */
void *tlb_host(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
               uintptr_t ra);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A vCPU: the part of its state that generated code sees (CPUEnv, first member of every target's
 * CPU state), the thread that runs it (CPU), and what a guest architecture provides (TargetDesc).
 *
 * Threads: everything here belongs to the vCPU's thread, except where marked [any].
 */
#ifndef RHEA_ACCEL_CPU_H
#define RHEA_ACCEL_CPU_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "softmmu/tlb.h"
#include "tcg/ir.h"

#define CPU_MMU_CONTEXTS 8
#define CPU_SPILL_SLOTS  64
#define JUMP_CACHE_BITS  15

/*
 * Inline look-up of indirect jumps: hit if pc and ctx both agree. Index: (pc >>
 * TargetDesc.pc_shift) & mask with JUMP_CACHE_BITS bits. Owned by the vCPU; an entry whose unit
 * died leads out again at the unit's entry.
 */
#define CPU_CTX_MODE 0xffffffu /* mode bits of ctx */
typedef struct JumpCacheEntry {
    uint64_t pc;
    uint64_t ctx;
    const void *code; /* executable mapping */
    /* Host address of the page that the unit was made from; under another ctx of the same mode it
     * is the unit if the fetch context has the page in its table. JUMP_CACHE_NO_PAGE: this cannot
     * be told from that alone. */
    uint64_t page;
} JumpCacheEntry;
#define JUMP_CACHE_NO_PAGE 1

/*
 * The guest's cumulative FP flags are bits of CPUEnv.mxcsr on every host: IE 0, ZE 2, OE 3, UE 4,
 * PE 5 (Intel SDM volume 1, 10.2.3), and of CPUEnv.fp_more. Bit 1, DE, is the x86 host's own:
 * neither x87-style denormal exceptions nor Arm's IDC can be read from it. What reads or clears
 * flags, or sets the rounding mode, is a helper with TCG_HELPER_FP.
 */
enum { CPU_FP_IDC = 1 << 0 }; /* Arm: a subnormal operand was flushed (TCG_FP_FZ) */

/* Head of each target's CPU state. Offsets are known to the backends by offsetof(). */
typedef struct CPUEnv {
    uint32_t
        mxcsr; /* x86 hosts: the guest's MXCSR: rounding mode and sticky flags, exceptions masked */
    TlbEntry
        *tlb[CPU_MMU_CONTEXTS]; /* [0]: current data context; others as the target's memops say */
    uint64_t pc;     /* current outside generated code; inside it only the side tables know */
    TlbEntry *fetch; /* table of the fetch context */
    int64_t
        icount_left; /* -icount: instructions until the next event; counted down at unit entry */
    CPU *cpu;
    uint32_t host_mxcsr;   /* of C code */
    uint32_t mode;         /* as given to tlb_select_fetch */
    uint32_t fp_more;      /* CPU_FP_*: sticky FP flags that MXCSR has no bit for */
    uint64_t host_gpr[16]; /* where slow-path thunks save host registers */
    uint64_t host_vec[16][2] __attribute__((aligned(16)));
    uint64_t spill[CPU_SPILL_SLOTS][2] __attribute__((aligned(16)));
    /* What units use most, beside the target's first cells: hosts have short displacements. */
    JumpCacheEntry *jump_cache;
    uint64_t ctx;          /* identity of fetch context, its generation and the mode bits */
    int32_t relink;        /* so many jumps through links of other contexts until one is renewed */
    uint32_t exit_request; /* [any, atomic] not 0: leave generated code at the next poll */
    uint64_t pc_page;      /* virtual page of the unit that runs */
} CPUEnv;

/* Why the dispatcher must look after a vCPU; bits of CPU.interrupts [any, atomic]. Bits 0-15 are
 * the architecture's interrupt lines, named by the target. */
enum {
    CPU_INT_WORK = 1u << 16,  /* cpu_run_on() queue is not empty */
    CPU_INT_PAUSE = 1u << 17, /* pause requested */
    CPU_INT_EXIT = 1u << 19,  /* program ends */
    CPU_INT_TIMER = 1u << 20, /* a timer that its thread waits for is due */
};

typedef struct TargetDesc TargetDesc;
typedef struct AddressSpace AddressSpace;
typedef struct TcgCpu TcgCpu; /* accelerator's private part */

struct CPU {
    unsigned index; /* 0.. */
    const TargetDesc *target;
    CPUEnv *env;               /* target->env_size bytes, zeroed, 64-byte aligned */
    AddressSpace *as;          /* physical memory as this CPU sees it */
    uint32_t interrupts;       /* [any, atomic] CPU_INT_* and lines */
    bool halted;               /* waits for an interrupt; its thread sleeps */
    bool stopped;              /* powered off or paused */
    void *model;               /* target's CPU model options */
    struct Semihost *semihost; /* softmmu/semihost.h; NULL: off. Constant once the machine runs */
    TcgCpu *tcg;
    /* The frontends' own, one for each set of instructions: which of them this model has; 0: not
     * looked up yet. */
    uint64_t insn_rows[2];
};

/* What a frontend knows about the unit it translates. */
typedef struct UnitContext {
    CPU *cpu; /* for constant configuration only (ISA extensions), not for state */
    TCGBuilder *b;
    uint64_t pc;   /* virtual address of the first instruction: for logs; code uses pcrel */
    uint32_t mode; /* mode bits: the only CPU state a translation may depend on */
    uint32_t max_insns;
    const uint8_t *page; /* host bytes of the page */
    uint32_t offset;     /* of the next instruction in the page, advanced by the frontend; at first
                            the low bits of pc, a tag included */
    bool guarded;        /* the page has TLB_GUARDED */
    uint8_t pc_tag;      /* set by the frontend: low bits of pc that are no part of the address */
    bool straddles;      /* set by unit_fetch(): the last instruction runs into the next page */
    const uint8_t *next_page; /* its bytes; resolved on demand by unit_fetch() */
    uint32_t seen;            /* end of what unit_fetch() gave, an offset in the page */
} UnitContext;

/*
 * Copy len instruction bytes at page offset off (may run into the next page) to buf. Returns false
 * if the next page cannot be fetched now: the frontend then ends the unit before this instruction,
 * or, if it is the unit's first, emits nothing (the accelerator raises the fault for the next
 * page). An instruction that straddles is only allowed as the first and only one of its unit: the
 * frontend ends the unit before it otherwise (unit_may_straddle()).
 */
bool unit_fetch_over(UnitContext *c, uint32_t off, void *buf, unsigned len);
static inline bool unit_fetch(UnitContext *c, uint32_t off, void *buf, unsigned len)
{
    if (G_UNLIKELY(off + len > TLB_PAGE_SIZE)) {
        return unit_fetch_over(c, off, buf, len);
    }
    c->seen = MAX(c->seen, off + len);
    memcpy(buf, c->page + off, len);
    return true;
}

struct TargetDesc {
    const char *name;     /* "riscv64" */
    const char *log_name; /* for disassemblers */
    size_t env_size;
    size_t check_size; /* lock-step compares env up to here: what lies behind counts or caches */
    const TCGCell *cells;
    unsigned ncells;
    bool pc32;
    uint8_t va_tag_bits; /* top bits of a data address that a translation may ignore */
    uint8_t pc_shift;    /* most program counters are multiples of 2^this; at most 4 */

    /* Power-on state of env (env->pc included); also used by system reset. */
    void (*reset)(CPU *cpu);
    /* Emit IR for instructions at c->offset until the unit ends; each starts with
     * tcg_gen_insn_start(); the unit always ends in an op with TCG_OPF_END. */
    void (*translate)(UnitContext *c);
    /*
     * In this mode direct exits to the unit's own page keep the mode, and translate() may be called
     * again to go on at another offset: units may become blocks of one. NULL: never.
     */
    bool (*joins)(uint32_t mode);
    /*
     * Walk for vaddr. If it is allowed: call tlb_set() and return true. If not: when probe, return
     * false; else set up the exception and leave by cpu_loop_exit_restore(cpu, ra). size: bytes of
     * the access from vaddr, also beyond the page; of what lies on a second page it is asked then,
     * with TLB_REST in size.
     */
    bool (*tlb_fill)(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                     bool probe, uintptr_t ra);
    /* Access fault: nothing, or a device that refused, at paddr. Does not return. */
    void (*bus_error)(CPU *cpu, uint64_t vaddr, uint64_t paddr, TlbAccess access,
                      uintptr_t ra) G_GNUC_NORETURN;
    /* Alignment fault for a memop that demands alignment. Does not return. */
    void (*unaligned)(CPU *cpu, uint64_t vaddr, TlbAccess access, uintptr_t ra) G_GNUC_NORETURN;
    /*
     * An access that is not aligned, to a page for which there is no TLB entry or one made with
     * TlbFill.device. Faults if the page is of that kind, else returns. NULL: it never is.
     */
    void (*device_unaligned)(CPU *cpu, uint64_t vaddr, TlbAccess access, unsigned idx,
                             uintptr_t ra);
    /* Take the exception that cpu_raise recorded: update env (pc, mode, cause). */
    void (*do_exception)(CPU *cpu, int32_t excp);
    /* Take an interrupt if one is enabled: returns true if env->pc changed. Runs between units. */
    bool (*do_interrupt)(CPU *cpu);
    /* True if a halted CPU must wake (pending and locally enabled, whatever the global enable
     * says). */
    bool (*has_work)(CPU *cpu);
    /* Side effects of guest code's own FP status, when env leaves generated code for good: may be
     * NULL. */
    void (*dump_state)(CPU *cpu, FILE *f);
    /* One line of disassembly of the instruction at code (avail bytes) for address pc; returns its
     * length. */
    unsigned (*disas)(CPU *cpu, uint64_t pc, const uint8_t *code, unsigned avail, GString *out);
    /* Feed sum all that translations depend on beside their bytes and mode: the configuration.
     * NULL: translations of this target are not saved. */
    void (*identify)(const CPU *cpu, GChecksum *sum);
    /* Virtual to physical without side effects, for debuggers; false if unmapped. */
    bool (*debug_translate)(CPU *cpu, uint64_t vaddr, uint64_t *paddr);
};

/* ---- for targets and helpers, on the vCPU's thread ---- */

/*
 * Leave generated code or the interpreter with exception excp (target's number, handed to
 * do_exception()). ra is the return address of the helper's frame into generated code, RHEA_RA() in
 * the outermost helper function, or 0 if env is already precise (env->pc valid). The state is
 * restored from the unit's side table: every cell has its architectural value before the faulting
 * instruction, and env->pc is that instruction's address.
 */
#define RHEA_RA() ((uintptr_t)__builtin_return_address(0))
void cpu_raise_restore(CPU *cpu, int32_t excp, uintptr_t ra) G_GNUC_NORETURN;
/* Like it, but no exception: back to the dispatcher with env precise at the current instruction (it
 * will be run again). */
void cpu_loop_exit_restore(CPU *cpu, uintptr_t ra) G_GNUC_NORETURN;

/*
 * Guest instructions this vCPU has executed before the one at ra. Exact with -icount and in
 * lock-step, and while the mode given to tlb_select_fetch() has CPU_MODE_COUNT, which makes units
 * count; otherwise estimated from the time. The two scales differ: who sets CPU_MODE_COUNT takes
 * new readings. The unit that runs at that moment does not count yet; cpu_unit_counts() tells (ra
 * 0: whether units count in any mode).
 */
#define CPU_MODE_COUNT (1u << 23)
uint64_t cpu_insn_count(CPU *cpu, uintptr_t ra);
bool cpu_unit_counts(CPU *cpu, uintptr_t ra);

/*
 * The architecture's fence between stores and instruction fetches (FENCE.I, ISB behind IC, ...):
 * code that other vCPUs have stored, and that is ordered before this fence, is what runs behind it.
 * The unit must end here.
 */
void cpu_code_fence(CPU *cpu);

/* ---- from any thread ---- */

/* The vCPU whose code the calling thread runs: who makes an MMIO access. NULL: none does (main
 * loop, DMA of an I/O thread). The setter is for threads that run vCPUs. [any] */
CPU *cpu_current(void);
void cpu_set_current(CPU *cpu);

/* vCPU number index of cpu's machine, NULL at the end. [any, once the vCPUs run] */
CPU *cpu_peer(CPU *cpu, unsigned index);

/* The guest waits in a loop for another vCPU: lets the host's processor run another thread now and
 * then. [vCPU] */
void cpu_spin(CPU *cpu);

/* Raise or lower architecture line `line` (0-15); wakes a halted vCPU. [any] */
void cpu_set_line(CPU *cpu, unsigned line, bool level);
/* Set CPU_INT_* bits and make the vCPU look at them soon. [any] */
void cpu_kick(CPU *cpu, uint32_t bits);
/* Run fn(cpu, data) on cpu's thread between units. Does not wait. [any] */
void cpu_run_on(CPU *cpu, void (*fn)(CPU *cpu, void *data), void *data);
/* The same, but a vCPU that sleeps is not woken for it. [any] */
void cpu_run_later(CPU *cpu, void (*fn)(CPU *cpu, void *data), void *data);
/* It sleeps (or all vCPUs take turns, and it is not its turn): what has been queued for it runs
 * before it executes anything. [any other vCPU] */
bool cpu_sleeps(const CPU *cpu);

#endif

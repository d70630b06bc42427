/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Between the accelerator and a host: the accelerator hands over an optimised TCGUnit and room in
 * the code cache; the host returns code, the table of direct exits and the side table.
 *
 * Code is written through the writable mapping and runs through the executable one; both are at a
 * fixed distance for the whole cache. Code refers to the outside only relative to env or by
 * recorded relocations: IP-relative to the thunks at the cache's start, and by addresses in the
 * program.
 *
 * Contract with the dispatcher (host register roles are the host's own business):
 *   - enter thunk: uint64_t enter(CPUEnv *env, const void *code): loads pinned cells from their
 * homes, switches the FP status to the guest's, jumps to code. env->pc_page, env->ctx, env->tlb[]
 * are set.
 *   - generated code comes back through the leave thunk: pinned cells are in their homes again,
 * FP status is the host's; the return value says why: TCG_LEAVE_* in the low 3 bits. env->pc is
 * set, but for TCG_LEAVE_LINK: there the upper bits say by which exit (tcg_exit_of()), and where it
 * leads to is env->pc_page + TcgExit.offset.
 *   - every unit starts with a patchable aligned 8-byte word that holds a single instruction of at
 *     least 5 bytes; patch_dead() makes all later entries leave with TCG_LEAVE_LOOKUP.
 *   - with icount, a unit entry subtracts ninsns from env->icount_left and leaves with
 * TCG_LEAVE_ICOUNT, state as before the unit and the count undone, if it would become negative.
 *   - polls (exit_request, or icount_left) happen on direct exits that go backwards or to the unit
 * itself and on exit_lookup: leave with TCG_LEAVE_POLL and env->pc = target. The upper bits are an
 * address in the unit's code, or 0.
 */
#ifndef RHEA_TCG_BACKEND_H
#define RHEA_TCG_BACKEND_H

#include "accel/cpu.h"
#include "tcg/ir.h"

enum {
    TCG_LEAVE_LOOKUP = 0, /* find the unit for env->pc in the present context and go on */
    TCG_LEAVE_LINK = 1,   /* the same, and link the exit that the upper bits name to it */
    TCG_LEAVE_POLL = 2,   /* exit_request or timer: see to it, then env->pc */
    TCG_LEAVE_MAIN = 3,   /* exit_main */
    TCG_LEAVE_ICOUNT = 4, /* budget used up before this unit */
    TCG_LEAVE_MASK = 7,
};

/*
 * A direct exit. Lives beside the unit's code in the cache (aligned to 8); the accelerator changes
 * it through the writable mapping only. An exit whose target lies on the unit's own page is a plain
 * patched jump. One whose target lies on another page has a TcgLink: it updates env->pc_page, and
 * then goes through only if the link's words are env->ctx and the new pc_page, so that a link is
 * never followed after a remap or from another alias of the page.
 */
typedef struct TcgExit {
    uint32_t patch : 20;  /* offset from the unit's code of the jump, which lies in one aligned
                             8-byte word; 0: a loop to the unit's own entry, never linked */
    uint32_t offset : 12; /* of the target in its page */
    uint16_t link;        /* number of its TcgLink + 1; 0: the target lies on the unit's own page */
    uint16_t back;        /* accelerator's: from the unit to here */
    uint32_t dest;        /* accelerator's: the unit linked to, 0: none */
    uint32_t next_in;     /* accelerator's: next exit linked to the same unit */
} TcgExit;
#define TCG_CODE_LIMIT ((size_t)1 << 20) /* bytes of a unit: see patch */

typedef struct TcgLink {
    uint64_t ctx; /* 0 (never a valid ctx): not linked */
    union {
        uint64_t page;
        uint64_t unlinked; /* accelerator's, while it is not linked */
    };
} TcgLink;

/* Result of compiling a unit; arrays lie in the code cache behind the code. */
typedef struct TcgCode {
    const void *code;    /* executable address of the entry, aligned to 16 */
    uint32_t code_size;  /* machine code bytes, with constants */
    uint32_t total_size; /* with exits and tables */
    uint16_t nexits, nlinks;
    TcgExit *exits;      /* writable mapping; behind it nlinks TcgLinks */
    const uint8_t *side; /* side table, host's format */
    uint32_t side_size;  /* at most UINT16_MAX, as the next */
    uint32_t relocs_size;
    const uint8_t *relocs; /* places that refer to the outside, host's format */
} TcgCode;

/* Link words of an exit to another page. */
static inline TcgLink *tcg_exit_link(const TcgCode *c, const TcgExit *e)
{
    return (TcgLink *)(c->exits + c->nexits) + e->link - 1;
}

/* The exit by which enter() came back with TCG_LEAVE_LINK; NULL: none of this unit. */
static inline TcgExit *tcg_exit_of(const TcgCode *c, uint64_t left)
{
    uint64_t word = (left & ~UINT64_C(7)) - (uintptr_t)c->code;

    for (unsigned k = 0; k < c->nexits; k++) {
        if (c->exits[k].patch && (c->exits[k].patch & ~7u) == word) {
            return &c->exits[k];
        }
    }
    return NULL;
}

typedef struct TcgHostOptions {
    bool icount;
    bool check; /* lock-step: do not let exits be linked (the accelerator will not), nothing else
                   changes */
    bool relocatable; /* units have what relocate() needs */
} TcgHostOptions;

/*
 * icount: an exit that is not the unit's last adds the instructions behind it back to icount_left;
 * restore() and insn_of() report how many instructions of the unit come before the faulting one.
 * A cross-page exit whose link words do not match goes on to the inline jump-cache look-up (as
 * exit_lookup does) and leaves with TCG_LEAVE_LINK only if that misses too: links belong to one
 * context, kernels run in many. restore() also leaves MXCSR as the leave thunk does (guest's in
 * env->mxcsr, host's loaded).
 */
/* One for each host; tcg_host_x86_64 is the first. A host is stateless after init; scratch state is
 * per thread. */
typedef struct TcgHost {
    const char *name;
    /* Emit enter/leave/slow-path thunks at rw (executable at rx); returns bytes used. Probes host
     * CPU features. *thunks: g_free() it at last. */
    size_t (*emit_thunks)(uint8_t *rw, const uint8_t *rx, size_t room, const TcgHostOptions *o,
                          const TargetDesc *t, void **thunks);
    void *(*scratch_new)(void);
    void (*scratch_free)(void *scratch);
    /* Compile. False if room is too small (nothing is kept). mode as in UnitContext, for logs. */
    bool (*compile)(void *scratch, void *thunks, const TCGUnit *u, uint8_t *rw, const uint8_t *rx,
                    size_t room, TcgCode *out);
    uint64_t (*enter)(void *thunks, CPUEnv *env, const void *code);
    /* Point the exit's jump at code (executable address), or let it leave with TCG_LEAVE_LINK
     * (NULL). Any thread; one aligned 8-byte store. */
    void (*patch_exit)(void *thunks, const TcgCode *c, const TcgExit *e, const void *target);
    /* Make the unit's entry leave with TCG_LEAVE_LOOKUP and env->pc = its first instruction. Any
     * thread; one aligned 8-byte store. */
    void (*patch_dead)(void *thunks, const TcgCode *c);
    /*
     * Copy a unit to rw (executable at rx, aligned to 16, with room for total_size bytes), where it
     * runs as it did at `from`: what refers to the thunks and to addresses in the program follows
     * the table of relocations, which TcgHostOptions asks for. program_moved: what must be added to
     * the latter, 0 in the process that compiled the unit. The copy's exits are not linked, and it
     * is alive even if `from` is dead. rw may be where `from` lies: then only its address of
     * execution changes.
     */
    void (*relocate)(void *thunks, const TcgCode *from, uint8_t *rw, const uint8_t *rx,
                     ptrdiff_t program_moved, TcgCode *out);
    /* Feed sum all that code depends on beside the unit and the program: host CPU features,
     * options, register assignment, layout of the thunks. */
    void (*identify)(void *thunks, GChecksum *sum);
    /*
     * True if relocate() of this unit and later uses of its tables stay inside it, and its
     * relocations lead from jumps to thunks and to code of the program. Its arrays must lie behind
     * c->exits as compile() leaves them, which is checked, within total_size bytes.
     */
    bool (*is_sound)(void *thunks, const TcgCode *c, unsigned ninsns, ptrdiff_t program_moved);
    /*
     * A fault at return address ra inside the unit: write every cell to its home in env, pc offset
     * (relative to pc_page) and instruction number of the faulting instruction to the out
     * parameters.
     */
    bool (*restore)(void *thunks, const TcgCode *c, CPUEnv *env, uintptr_t ra, int64_t *rel,
                    unsigned *insn);
    /* Instructions of the unit before the one at ra, env untouched; false if there is no row. */
    bool (*insn_of)(const TcgCode *c, uintptr_t ra, unsigned *insn);
    /* Disassemble the unit's code for -d out_asm and lock-step reports; may be NULL. */
    void (*disas)(void *thunks, const TcgCode *c, FILE *f);
} TcgHost;
extern const TcgHost tcg_host_x86_64;

/* Slow paths that generated code calls through the thunks (softmmu/tlb.c). ra: return address in
 * the unit. */
uint64_t tcg_slow_ld(CPUEnv *env, uint64_t addr, uint32_t memop, uintptr_t ra);
void tcg_slow_st(CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop, uintptr_t ra);
/* memop_rmw: TCGMemOp | TCGRmw << 16. */
uint64_t tcg_slow_rmw(CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop_rmw, uintptr_t ra);
uint64_t tcg_slow_cmpxchg(CPUEnv *env, uint64_t addr, uint64_t expect, uint64_t val, uint32_t memop,
                          uintptr_t ra);
/* New value of a read-modify-write of size bytes on old (upper bits of both are ignored). */
uint64_t tcg_rmw_value(uint64_t old, uint64_t val, TCGRmw op, unsigned size);
void tcg_slow_ld128(CPUEnv *env, uint64_t addr, uint32_t memop, uint64_t out[2], uintptr_t ra);
void tcg_slow_st128(CPUEnv *env, uint64_t addr, const uint64_t val[2], uint32_t memop,
                    uintptr_t ra);
void tcg_slow_probe(CPUEnv *env, uint64_t addr, uint32_t memop, uint32_t store, uintptr_t ra);

#endif

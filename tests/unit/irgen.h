/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random IR units over a guest that does not exist, and the state they run on: to compare a unit
 * before and after a pass, or a host's code with the interpreter. Everything follows from the seed.
 *
 *     irgen_state_init(s, seed); irgen_unit(b, seed, &options);
 *     irgen_interpret(s, tcg_unit_of(b), in);           or enter(thunks, &s->env, code)
 *     irgen_compare(s, other)                           NULL: equal
 *
 * Memory is one window of guest addresses, IRGEN_BASE .. + IRGEN_MEM, which the soft TLB in
 * env.tlb[] maps with identity of all pages, so that host code takes the hit path; accesses are
 * aligned unless the options say otherwise. What faults (an address outside, a helper) leaves by
 * irgen_fault(): siglongjmp to s->jmp; a host's slow path calls it after restoring the state.
 */
#ifndef TESTS_IRGEN_H
#define TESTS_IRGEN_H

#include <setjmp.h>
#include "accel/cpu.h"
#include "softmmu/tlb-site.h"
#include "tcg/interp.h"

#define IRGEN_BASE  UINT64_C(0x40000)
#define IRGEN_MEM   0x4000
#define IRGEN_PAGE  UINT64_C(0x7000) /* env.pc_page of a fresh state */
#define IRGEN_NX    10
#define IRGEN_NW    4
#define IRGEN_ND    6
#define IRGEN_NS    3
#define IRGEN_NV    3
#define IRGEN_CELLS (IRGEN_NX + IRGEN_NW + IRGEN_ND + IRGEN_NS + IRGEN_NV)

typedef struct IrGenTlb {
    TlbSites sites;
    TlbTable head;
    TlbEntry entries[256];
} IrGenTlb;

typedef struct IrGenState IrGenState;
struct IrGenState {
    CPUEnv env;
    uint64_t x[IRGEN_NX]; /* cells: i64, i32, f64, f32, v128 */
    uint32_t w[IRGEN_NW];
    uint64_t d[IRGEN_ND];
    uint32_t s[IRGEN_NS];
    uint64_t v[IRGEN_NV][2] __attribute__((aligned(16)));
    uint64_t scratch[8]; /* ldenv and stenv */
    int64_t turns;       /* blocks that a region may still begin */
    uint64_t log;        /* hash of what helpers saw */
    uint32_t nlog;
    uint8_t mem[IRGEN_MEM] __attribute__((aligned(64)));
    /* not compared */
    sigjmp_buf jmp;
    /* Set by a host's test (irgen_state_init() clears it): called by helpers that leave, with their
     * return address, before irgen_fault(). */
    void (*restore)(struct IrGenState *s, uintptr_t ra);
    IrGenTlb tlb;
};

static inline void irgen_empty_sites(IrGenTlb *t)
{
    for (unsigned i = 0; i < TLB_SITES; i++) {
        t->sites.site[i].tag = TLB_INVALID;
        t->sites.site[i].bound = 0;
        t->sites.site[i].floor = UINT64_MAX;
        t->sites.site[i].turns = 0;
    }
    t->sites.used = 0;
}

typedef struct IrGenOptions {
    unsigned nops;        /* about so many generated operations */
    bool memory, atomics; /* ld, st, probe; atomic_rmw, cmpxchg */
    bool misaligned;      /* plain accesses at any address of the window */
    bool faults;          /* now and then an address outside the window, or a helper that leaves */
    bool fp;              /* arithmetic as RISC-V uses it: default NaN, saturating conversions */
    bool fp_all;          /* and every other flag and static rounding */
    bool vector;
    bool control; /* labels, branches, side exits */
    bool helpers;
    bool pc32;
    unsigned blocks; /* of a region; 0: a unit with one entry */
} IrGenOptions;
#define IRGEN_START 0x100 /* page offset of the first instruction */
#define IRGEN_BLOCK 0x200 /* between those of blocks */
#define IRGEN_ALL                                                                                  \
    ((IrGenOptions){.nops = 60,                                                                    \
                    .memory = true,                                                                \
                    .atomics = true,                                                               \
                    .faults = true,                                                                \
                    .fp = true,                                                                    \
                    .vector = true,                                                                \
                    .control = true,                                                               \
                    .helpers = true})

typedef struct IrGenRng {
    uint64_t s;
} IrGenRng;
extern const TCGCell irgen_cells[IRGEN_CELLS];

/* A state for seed; the caller allocates it aligned to 64 (irgen_state_new() does). */
IrGenState *irgen_state_new(void);
void irgen_state_init(IrGenState *s, uint64_t seed);
/* Record a unit into u with builder b; sets u->pc32. Ends complete. */
void irgen_unit(TCGBuilder *b, TCGUnit *u, uint64_t seed, const IrGenOptions *o);

/* Each integer vector op with operands and result of vectors: number k below irgen_vector_ops() of
 * x, y, z (as many as it takes), with random element size, flags and number. */
unsigned irgen_vector_ops(void);
TCGv irgen_vector_op(TCGBuilder *b, IrGenRng *r, unsigned k, TCGv x, TCGv y, TCGv z);

/* How a run ended; otherwise a TCG_LEAVE_*. */
#define IRGEN_FAULTED 64
/* Leave a run: cells and env.pc are precise. */
void irgen_fault(IrGenState *s) G_GNUC_NORETURN;
uint64_t irgen_interpret(IrGenState *s, const TCGUnit *u, TcgInterp *in);
/* The window's memory for the interpreter; opaque is unused. */
extern const TcgInterpMem irgen_mem;

/* NULL, or the first difference (g_free). MXCSR's denormal flag does not count. */
char *irgen_compare(const IrGenState *a, const IrGenState *b);

/* The generator's numbers, for tests of their own. */
uint64_t irgen_random(IrGenRng *r);
/* A number that is likely to be special: small, near a power of two, a mask, any. */
uint64_t irgen_number(IrGenRng *r);
/* Bits of an FP value of type F32 or F64 that is likely to be special. */
uint64_t irgen_fp(IrGenRng *r, TCGType t);

#endif

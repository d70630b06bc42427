/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The x86-64 host against the IR interpreter: random units (irgen.h) with every kind of op, under
 * several sets of pinned cells and host features, optimised and not, with TLB misses, faults, polls
 * and icount; and the contract's parts one by one: linking, dead units, side tables.
 *
 * Over 1,500 lines because all of them run units by one fixture, with its slow paths, TLB and
 * comparison, which the other half would need again.
 *
 * Units a run: RHEA_JIT_UNITS (default 20000 over all configurations); RHEA_JIT_SEED starts at
 * another seed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "irgen.h"
#include "tcg/x86_64/internal.h"

#define CACHE_SIZE (4 << 20)

typedef struct Fixture {
    TCGBuilder *b;
    TCGUnit *u;
    TcgInterp *in;
    IrGenState *want, *got;
    uint8_t *rw, *rx;
    void *thunks;
    size_t thunk_bytes;
    void *scratch;
    TcgCode code, second; /* second: another unit, which the first one leads to */
    JumpCacheEntry *jump_cache;
} Fixture;

static Fixture *current; /* what the slow paths belong to */

static const TcgHost *const host = &tcg_host_x86_64;

/* ---- slow paths, in place of the soft TLB's ---- */

static void restore_at(IrGenState *s, uintptr_t ra)
{
    int64_t rel;
    unsigned insn, again = 99999;
    g_assert_true(host->insn_of(&current->code, ra, &again));
    g_assert_true(host->restore(current->thunks, &current->code, &s->env, ra, &rel, &insn));
    g_assert_cmpuint(insn, ==, again);
    s->env.pc = s->env.pc_page + rel;
    if (current->u->pc32) {
        s->env.pc = (uint32_t)s->env.pc;
    }
    s->nlog += insn << 8; /* compared with the interpreter's */
}

/*
 * Guest memory moves now and then while C runs, as when a device remaps itself: what generated code
 * knows of addresses before a slow path is worth nothing after it.
 */
static uint8_t *other_place;
static bool moved;
static unsigned moves;
static uint64_t slow_accesses;

static void set_addends(IrGenState *s, const uint8_t *mem)
{
    irgen_empty_sites(&s->tlb);
    for (unsigned i = 0; i < G_N_ELEMENTS(s->tlb.entries); i++) {
        s->tlb.entries[i].addend = (uintptr_t)mem - IRGEN_BASE;
    }
}

static void move_back(IrGenState *s)
{
    if (moved) {
        memcpy(s->mem, other_place, IRGEN_MEM);
        memset(other_place, 0xc5, IRGEN_MEM);
        set_addends(s, s->mem);
        moved = false;
    }
}

static void check_address(CPUEnv *env, uint64_t addr, uint32_t memop, uintptr_t ra)
{
    IrGenState *s = (IrGenState *)env;
    unsigned size = 1u << tcg_mo_size(memop), align = 1u << tcg_mo_align(memop);
    uint32_t csr;
    __asm__ volatile("stmxcsr %0" : "=m"(csr));
    g_assert_cmphex(csr, ==, env->host_mxcsr);
    slow_accesses++;
    move_back(s);
    if (addr & (align - 1) || addr < IRGEN_BASE || addr > IRGEN_BASE + IRGEN_MEM - size) {
        restore_at(s, ra);
        irgen_fault(s);
    }
}

static uint64_t extend(uint64_t v, uint32_t memop)
{
    unsigned sh = 64 - (8u << tcg_mo_size(memop));
    return memop & TCG_MO_SIGN ? (uint64_t)((int64_t)(v << sh) >> sh) : v << sh >> sh;
}

/* The end of a slow path. C may use any register that calls do not preserve. */
static void scribble(CPUEnv *env)
{
    IrGenState *s = (IrGenState *)env;
    if (++moves % 4 == 0) {
        memcpy(other_place, s->mem, IRGEN_MEM);
        memset(s->mem, 0xc5, IRGEN_MEM);
        set_addends(s, other_place);
        moved = true;
    }
    __asm__ volatile(
        "mov $-1, %%rax\n\tmov %%rax, %%rcx\n\tmov %%rax, %%rdx\n\tmov %%rax, %%rsi\n\t"
        "mov %%rax, %%rdi\n\tmov %%rax, %%r8\n\tmov %%rax, %%r9\n\tmov %%rax, %%r10\n\t"
        "mov %%rax, %%r11\n\tmovq %%rax, %%xmm0\n\tmovq %%rax, %%xmm1\n\t"
        "movq %%rax, %%xmm2\n\tmovq %%rax, %%xmm3\n\tmovq %%rax, %%xmm9\n\t"
        "movq %%rax, %%xmm13\n\tmovq %%rax, %%xmm15"
        :
        :
        : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2",
          "xmm3", "xmm9", "xmm13", "xmm15", "memory");
}

uint64_t tcg_slow_ld(CPUEnv *env, uint64_t addr, uint32_t memop, uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    uint64_t v = extend(irgen_mem.ld(NULL, env, addr, memop), memop);
    scribble(env);
    return v;
}

void tcg_slow_st(CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop, uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    irgen_mem.st(NULL, env, addr, val, memop);
    scribble(env);
}

uint64_t tcg_slow_rmw(CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop, uintptr_t ra)
{
    check_address(env, addr, memop & 0xffff, ra);
    uint64_t v = extend(irgen_mem.rmw(NULL, env, addr, val, memop), memop & 0xffff);
    scribble(env);
    return v;
}

uint64_t tcg_slow_cmpxchg(CPUEnv *env, uint64_t addr, uint64_t expect, uint64_t val, uint32_t memop,
                          uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    uint64_t v = extend(irgen_mem.cmpxchg(NULL, env, addr, expect, val, memop), memop);
    scribble(env);
    return v;
}

void tcg_slow_ld128(CPUEnv *env, uint64_t addr, uint32_t memop, uint64_t out[2], uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    irgen_mem.ld128(NULL, env, addr, memop, out);
    scribble(env);
}

void tcg_slow_st128(CPUEnv *env, uint64_t addr, const uint64_t val[2], uint32_t memop, uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    irgen_mem.st128(NULL, env, addr, val, memop);
    scribble(env);
}

void tcg_slow_probe(CPUEnv *env, uint64_t addr, uint32_t memop, uint32_t store, uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    irgen_mem.probe(NULL, env, addr, memop, store);
    scribble(env);
}

/* ---- configurations ---- */

typedef struct Config {
    const char *name;
    unsigned pin_every; /* keep the pin of every n-th cell; 0: none */
    bool bare;          /* baseline SSE2 only */
    bool icount, pc32;
    bool sse4;  /* what there was before AVX */
    bool words; /* pins that calls clobber are of 32-bit cells */
} Config;

static const Config configs[] = {
    {"pinned", 1, false, false, false},
    {"no pins", 0, false, false, false},
    {"some pins", 3, false, false, false},
    {"baseline", 1, true, false, false},
    {"icount", 1, false, true, false},
    {"pc32", 1, false, false, true},
    {"baseline pc32", 2, true, true, true},
    {"sse4", 1, .sse4 = true},
    {"words", 1, .words = true},
};

static TCGCell config_cells[G_N_ELEMENTS(configs)][IRGEN_CELLS];

static Fixture *fixture_new(unsigned n)
{
    const Config *c = &configs[n];
    Fixture *f = g_new0(Fixture, 1);
    int fd = memfd_create("jit-test", 0);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, CACHE_SIZE), ==, 0);
    f->rw = mmap(NULL, CACHE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    f->rx = mmap(NULL, CACHE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    g_assert_true(f->rw != MAP_FAILED && f->rx != MAP_FAILED);
    close(fd);
    memcpy(config_cells[n], irgen_cells, sizeof(irgen_cells));
    for (unsigned k = 0; k < IRGEN_CELLS; k++) {
        if (!c->pin_every || k % c->pin_every) {
            config_cells[n][k].pin = 0;
        }
    }
    for (unsigned k = 0; c->words && k < 3; k++) {
        config_cells[n][IRGEN_NX + k].pin = config_cells[n][5 + k].pin;
        config_cells[n][5 + k].pin = 0;
    }
    TargetDesc target = {.name = "irgen",
                         .env_size = sizeof(IrGenState),
                         .cells = config_cells[n],
                         .ncells = IRGEN_CELLS,
                         .pc32 = c->pc32,
                         .pc_shift = 1};
    /* Units that loop leave after each turn, as the interpreter does. */
    TcgHostOptions o = {.icount = c->icount, .check = true, .relocatable = true};
    f->thunk_bytes = host->emit_thunks(f->rw, f->rx, CACHE_SIZE, &o, &target, &f->thunks);
    f->thunk_bytes = (f->thunk_bytes + 63) & ~(size_t)63;
    if (c->bare) {
        ((X86Thunks *)f->thunks)->have = (X86Features){0};
    }
    if (c->sse4) {
        X86Features *have = &((X86Thunks *)f->thunks)->have;
        have->avx = have->avx2 = have->fma = have->f16c = have->bmi1 = have->bmi2 = false;
    }
    f->scratch = host->scratch_new();
    f->b = tcg_builder_new();
    f->u = tcg_unit_new(irgen_cells, IRGEN_CELLS);
    f->in = tcg_interp_new();
    f->want = irgen_state_new();
    f->got = irgen_state_new();
    f->jump_cache = g_new0(JumpCacheEntry, 1 << JUMP_CACHE_BITS);
    current = f;
    other_place = g_malloc(IRGEN_MEM);
    moved = false;
    return f;
}

static void fixture_free(Fixture *f)
{
    host->scratch_free(f->scratch);
    tcg_builder_free(f->b);
    tcg_unit_free(f->u);
    tcg_interp_free(f->in);
    free(f->want);
    free(f->got);
    g_free(f->jump_cache);
    g_free(other_place);
    g_free(f->thunks);
    munmap(f->rw, CACHE_SIZE);
    munmap(f->rx, CACHE_SIZE);
    g_free(f);
}

static bool compile(Fixture *f)
{
    return host->compile(f->scratch, f->thunks, f->u, f->rw + f->thunk_bytes,
                         f->rx + f->thunk_bytes, CACHE_SIZE - f->thunk_bytes, &f->code);
}

/*
 * Move the unit elsewhere, twice, so that addresses in the program are wrong in between; nothing
 * may be left that refers to where it was.
 */
static void move_unit(Fixture *f, uint64_t bits)
{
    const ptrdiff_t away = 0x123456789000;
    size_t at = f->thunk_bytes + 0x80000 + (bits & 0xfff0), back = at + 0x80000;
    TcgCode c;

    g_assert_true(host->is_sound(f->thunks, &f->code, f->u->ninsns, 0));
    host->relocate(f->thunks, &f->code, f->rw + at, f->rx + at, away, &c);
    g_assert_true(host->is_sound(f->thunks, &c, f->u->ninsns, -away));
    g_assert_true(f->u->ncalls == 0 || c.relocs[0] == 0 ||
                  !host->is_sound(f->thunks, &c, f->u->ninsns, 0));
    memset(f->rw + f->thunk_bytes, 0xcc, f->code.total_size);
    for (unsigned k = 0; k < f->u->ncalls; k++) {
        void *fn = f->u->calls[k].helper->fn;
        g_assert_null(memmem(f->rw + at, c.total_size, &fn, sizeof(fn)));
    }
    host->relocate(f->thunks, &c, f->rw + back, f->rx + back, -away, &f->code);
    memset(f->rw + at, 0xcc, c.total_size);
}

/* A unit whose tables somebody changed is refused, or its tables stay inside it. */
static void damage_unit(Fixture *f, uint64_t bits)
{
    const uint8_t *rw = (const uint8_t *)f->code.exits - f->code.code_size;
    IrGenRng r = {.s = bits};

    for (unsigned i = 0; i < 4; i++) {
        g_autofree uint8_t *copy = g_malloc(f->code.total_size);
        TcgCode c = f->code, out;
        uint32_t *const sizes[] = {&c.code_size, &c.total_size, &c.side_size, &c.relocs_size};
        uint16_t *const counts[] = {&c.nexits, &c.nlinks};
        uint64_t what = irgen_random(&r);
        memcpy(copy, rw, c.total_size);
        if (what % 4 == 0) {
            *sizes[(what >> 8) % G_N_ELEMENTS(sizes)] += (int)(what >> 16 & 63) - 32;
            *counts[(what >> 24) % G_N_ELEMENTS(counts)] += (int)(what >> 32 & 7) - 3;
        } else {
            size_t from = what % 4 == 1 ? 0 : c.code_size;
            copy[from + (what >> 8) % (c.total_size - from)] ^= what >> 56 | 1;
        }
        uint64_t tables =
            c.code_size + c.nexits * sizeof(TcgExit) + (uint64_t)c.nlinks * sizeof(TcgLink);
        if (tables + c.side_size + c.relocs_size != f->code.total_size ||
            c.total_size != f->code.total_size) {
            continue;
        }
        c.exits = (TcgExit *)(copy + c.code_size);
        c.side = copy + tables;
        c.relocs = c.side + c.side_size;
        if (host->is_sound(f->thunks, &c, f->u->ninsns, 0)) {
            unsigned insn;
            host->relocate(f->thunks, &c, copy, f->rx + f->thunk_bytes + 0x100000, 0, &out);
            for (uint32_t k = 0; k < out.code_size; k += 3) {
                if (host->insn_of(&out, (uintptr_t)out.code + k, &insn)) {
                    g_assert_cmpuint(insn, <, f->u->ninsns);
                }
            }
        }
    }
}

/* Registers that C code expects to keep. TCG_LEAVE_LINK comes with the exit. */
static uint64_t run_jit(Fixture *f, IrGenState *s)
{
    s->env.jump_cache = f->jump_cache;
    s->restore = restore_at;
    if (sigsetjmp(s->jmp, 0)) {
        return IRGEN_FAULTED;
    }
    uint64_t ret = host->enter(f->thunks, &s->env, f->code.code);
    if ((ret & TCG_LEAVE_MASK) == TCG_LEAVE_LINK) {
        TcgExit *e = tcg_exit_of(&f->code, ret);
        e = e ? e : tcg_exit_of(&f->second, ret);
        s->env.pc = s->env.pc_page + e->offset;
        ret = (uintptr_t)e | TCG_LEAVE_LINK;
    }
    return ret;
}

/* It left c at a poll. */
static void check_polled(const TcgCode *c, uint64_t left)
{
    g_assert_cmpuint(left & TCG_LEAVE_MASK, ==, TCG_LEAVE_POLL);
    uint64_t at = (left & ~UINT64_C(7)) - (uintptr_t)c->code;
    g_assert_cmpuint(at, <, c->code_size);
}

static void describe(Fixture *f, const char *what, const Config *c, uint64_t seed)
{
    fprintf(stderr, "%s, seed %" PRIu64 ": %s\n", c->name, seed, what);
    tcg_dump(f->u, stderr);
    host->disas(f->thunks, &f->code, stderr);
}

/* ---- random units ---- */

static bool random_unit(Fixture *f, const Config *c, uint64_t seed)
{
    IrGenRng r = {.s = seed ^ 0xabcdef};
    uint64_t bits = irgen_random(&r);
    IrGenOptions o = IRGEN_ALL;
    static const uint16_t sizes[] = {8, 20, 60, 60, 150, 500};
    o.nops = sizes[bits % G_N_ELEMENTS(sizes)];
    o.misaligned = bits >> 8 & 1;
    o.faults = (bits >> 9 & 3) != 0;
    o.fp = (bits >> 11 & 3) != 0;
    o.fp_all = (bits >> 13 & 7) == 0;
    o.vector = (bits >> 16 & 3) != 0;
    o.control = (bits >> 18 & 3) != 0;
    o.helpers = (bits >> 20 & 3) != 0;
    o.pc32 = c->pc32;
    o.blocks = c->icount || (bits >> 26 & 3) ? 0 : 1 + (bits >> 28 & 3);
    bool optimize = bits >> 22 & 1, poll = (bits >> 23 & 7) == 0;
    tcg_builder_set_passes(f->b, (optimize ? TCG_OPT_ALL : 0) | TCG_OPT_VERIFY);
    irgen_unit(f->b, f->u, seed, &o);
    tcg_optimize(f->u, optimize ? TCG_OPT_ALL : 0);
    tcg_live(f->u);
    if (!compile(f)) {
        fprintf(stderr, "%s, seed %" PRIu64 ": does not compile\n", c->name, seed);
        return false;
    }
    for (unsigned run = 0; run < 3; run++) {
        irgen_state_init(f->want, seed * 3 + run);
        irgen_state_init(f->got, seed * 3 + run);
        unsigned ninsns = f->u->ninsns;
        if (run == 2 && o.blocks) {
            g_assert_true(!c->pin_every || !host->is_sound(f->thunks, &f->code, ninsns, 0));
        } else if (run == 2) {
            damage_unit(f, bits);
            move_unit(f, bits);
        }
        if (c->icount) {
            f->want->env.icount_left -= ninsns;
        }
        uint64_t misses = irgen_random(&r);
        for (unsigned k = 0; k < IRGEN_MEM / TLB_PAGE_SIZE; k++) {
            TlbEntry *e =
                &f->got->tlb
                     .entries[(IRGEN_BASE / TLB_PAGE_SIZE + k) % G_N_ELEMENTS(f->got->tlb.entries)];
            if (misses >> (2 * k) & 1) {
                e->tag_r |= TLB_IO;
            }
            if (misses >> (2 * k + 1) & 1) {
                e->tag_w |= TLB_CODE;
            }
        }
        f->want->env.exit_request = f->got->env.exit_request = poll;
        uint64_t why = irgen_interpret(f->want, f->u, f->in);
        uint64_t got = run_jit(f, f->got);
        move_back(f->got);
        if (why == IRGEN_FAULTED) {
            f->want->nlog += tcg_interp_insn(f->in) << 8;
        }
        unsigned reason = got & TCG_LEAVE_MASK;
        if (got == IRGEN_FAULTED) {
            reason = IRGEN_FAULTED;
        } else if (reason == TCG_LEAVE_LINK || (reason == TCG_LEAVE_POLL && poll)) {
            reason = TCG_LEAVE_LOOKUP;
        }
        char *diff = NULL;
        if (reason != why) {
            diff = g_strdup_printf("left for %" PRIu64 ", not %" PRIu64, got, why);
        } else {
            diff = irgen_compare(f->want, f->got);
            if (!diff && c->icount && why != IRGEN_FAULTED &&
                f->want->env.icount_left != f->got->env.icount_left) {
                diff = g_strdup_printf("icount_left %" PRId64 " and %" PRId64,
                                       f->want->env.icount_left, f->got->env.icount_left);
            }
        }
        if (diff) {
            describe(f, diff, c, seed);
            g_free(diff);
            return false;
        }
    }
    return true;
}

static unsigned env_number(const char *name, unsigned otherwise)
{
    const char *v = g_getenv(name);
    return v ? (unsigned)strtoul(v, NULL, 0) : otherwise;
}

/* ---- floating point, op by op, where it is hard ---- */

static uint64_t near(IrGenRng *r, uint64_t bits, uint64_t spread)
{
    return bits + irgen_random(r) % (2 * spread + 1) - spread;
}

static double as_f64(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, 8);
    return d;
}
static uint64_t f64_bits(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, 8);
    return bits;
}
static float as_f32(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
static uint32_t f32_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

/* Operands of elements of 1 << esize bytes: anything; or such that the result of opc (a scalar's)
 * is about the smallest normal number, and numbers around those that narrower formats cannot hold.
 */
static void operands_for(IrGenRng *r, unsigned opc, unsigned esize, uint64_t v[3])
{
    uint64_t pick = irgen_random(r);
    TCGType t = esize == 3 ? TCG_F64 : TCG_F32;
    for (unsigned k = 0; k < 3; k++) {
        v[k] = esize == 1 ? irgen_random(r) & 0xffff : irgen_fp(r, t);
        if (esize == 1 && pick >> (20 + k) & 1) {
            v[k] &= 0x83ff;
        }
    }
    if (pick & 1 || esize == 1) {
        return;
    }
    unsigned frac = esize == 3 ? 52 : 23;
    uint64_t min = UINT64_C(1) << frac, bias = esize == 3 ? 1023 : 127;
    uint64_t sign = (pick >> 1 & 1) << (esize == 3 ? 63 : 31);
    uint64_t e = bias - 20 + (pick >> 8) % 40;
    uint64_t a = e << frac | (irgen_random(r) & (min - 1)), tiny = near(r, min, 3);
    switch (opc) {
    case TCG_OP_fmul:
    case TCG_OP_fma:
        v[0] = a;
        v[1] = esize == 3 ? f64_bits(as_f64(tiny) / as_f64(a)) : f32_bits(as_f32(tiny) / as_f32(a));
        v[1] = near(r, v[1], 2) ^ sign;
        v[2] = pick >> 2 & 1 ? near(r, 4, 4) : pick >> 3 & 1 ? 0 : v[2];
        break;
    case TCG_OP_fdiv:
        v[1] = a;
        v[0] = esize == 3 ? f64_bits(as_f64(tiny) * as_f64(a)) : f32_bits(as_f32(tiny) * as_f32(a));
        v[0] = near(r, v[0], 2) ^ sign;
        break;
    case TCG_OP_fcvt_ff:
        v[0] = near(r, UINT64_C(0x3810000000000000), 1) ^ (irgen_random(r) & 0x3fffffff) ^ sign;
        break;
    case TCG_OP_fcvt_fh:
        v[0] = esize == 3 ? near(r, UINT64_C(0x3f10000000000000), UINT64_C(1) << 42)
                          : near(r, 0x38800000, 1 << 14);
        v[0] ^= sign;
        break;
    default:
        break;
    }
}

typedef struct FpOp {
    uint8_t opc, near; /* near: the scalar op whose edges it has */
    uint8_t arity;
    uint8_t sizes; /* element sizes, as a mask of 1 << log2 */
    uint8_t part;  /* TCG_FP_V64 and V1 are tried */
} FpOp;

static const FpOp fp_ops[] = {
    {TCG_OP_fadd, TCG_OP_fadd, 2, 12},
    {TCG_OP_fsub, TCG_OP_fsub, 2, 12},
    {TCG_OP_fmul, TCG_OP_fmul, 2, 12},
    {TCG_OP_fdiv, TCG_OP_fdiv, 2, 12},
    {TCG_OP_fsqrt, 0, 1, 12},
    {TCG_OP_fma, TCG_OP_fma, 3, 12},
    {TCG_OP_fmin, 0, 2, 12},
    {TCG_OP_fmax, 0, 2, 12},
    {TCG_OP_fround, 0, 1, 12},
    {TCG_OP_fcvt_ff, TCG_OP_fcvt_ff, 1, 12},
    {TCG_OP_fcvt_hf, 0, 1, 2},
    {TCG_OP_fcvt_fh, TCG_OP_fcvt_fh, 1, 12},
    {TCG_OP_fcvt_fs, 0, 1, 12},
    {TCG_OP_fcvt_fu, 0, 1, 12},
    {TCG_OP_vfadd, TCG_OP_fadd, 2, 14, 1},
    {TCG_OP_vfsub, TCG_OP_fsub, 2, 14, 1},
    {TCG_OP_vfmul, TCG_OP_fmul, 2, 14, 1},
    {TCG_OP_vfdiv, TCG_OP_fdiv, 2, 14, 1},
    {TCG_OP_vfsqrt, 0, 1, 14, 1},
    {TCG_OP_vfma, TCG_OP_fma, 3, 14, 1},
    {TCG_OP_vfmin, 0, 2, 14, 1},
    {TCG_OP_vfmax, 0, 2, 14, 1},
    {TCG_OP_vfround, 0, 1, 14, 1},
    {TCG_OP_vfcmp, 0, 2, 14, 1},
    {TCG_OP_vfcvt_fs, 0, 1, 14, 1},
    {TCG_OP_vfcvt_fu, 0, 1, 14, 1},
    {TCG_OP_vfcvt_sf, 0, 1, 14, 1},
    {TCG_OP_vfcvt_uf, 0, 1, 14, 1},
    {TCG_OP_vfwiden, 0, 1, 6},
    {TCG_OP_vfnarrow, TCG_OP_fcvt_ff, 1, 8},
    {TCG_OP_vfnarrow, TCG_OP_fcvt_fh, 1, 4},
};

/* op on v0, v1, v2 (or their lowest elements) into v0; live: the operands live on */
static void fp_unit(Fixture *f, const FpOp *o, unsigned esize, unsigned aux, unsigned imm,
                    bool live)
{
    enum { CELL_V = IRGEN_CELLS - IRGEN_NV };
    TCGBuilder *b = f->b;
    TCGType t = esize == 3 ? TCG_F64 : TCG_F32;
    tcg_builder_set_passes(b, TCG_OPT_ALL | TCG_OPT_VERIFY);
    f->u->pc32 = false;
    tcg_begin(b, f->u);
    tcg_gen_insn_start(b, 0);
    TCGv x[3], r;
    for (unsigned k = 0; k < 3; k++) {
        x[k] = tcg_gen_getcell(b, CELL_V + k);
    }
    if (o->opc >= TCG_OP_vfadd) {
        aux |= TCG_FP_ESIZE(esize);
        r = o->arity == 1   ? tcg_gen_v1i(b, o->opc, aux, x[0], imm)
            : o->arity == 2 ? tcg_gen_v2i(b, o->opc, aux, x[0], x[1], imm)
                            : tcg_gen_v3(b, o->opc, aux, x[0], x[1], x[2]);
    } else {
        static TCGv (*const two[])(TCGBuilder *, unsigned, TCGv, TCGv) = {
            [TCG_OP_fadd] = tcg_gen_fadd, [TCG_OP_fsub] = tcg_gen_fsub,
            [TCG_OP_fmul] = tcg_gen_fmul, [TCG_OP_fdiv] = tcg_gen_fdiv,
            [TCG_OP_fmin] = tcg_gen_fmin, [TCG_OP_fmax] = tcg_gen_fmax};
        TCGType it = imm & 1 ? TCG_I32 : TCG_I64;
        TCGv s[3];
        for (unsigned k = 0; k < o->arity && esize > 1; k++) {
            s[k] = tcg_gen_vlow(b, t, x[k]);
        }
        switch (o->opc) {
        case TCG_OP_fsqrt:
            r = tcg_gen_fsqrt(b, aux, s[0]);
            break;
        case TCG_OP_fround:
            r = tcg_gen_fround(b, aux, s[0]);
            break;
        case TCG_OP_fma:
            r = tcg_gen_fma(b, aux, s[0], s[1], s[2]);
            break;
        case TCG_OP_fcvt_ff:
            r = tcg_gen_fcvt_ff(b, esize == 3 ? TCG_F32 : TCG_F64, aux, s[0]);
            break;
        case TCG_OP_fcvt_hf:
            r = tcg_gen_vextract(b, TCG_I32, 1, x[0], 0);
            r = tcg_gen_fcvt_hf(b, imm & 1 ? TCG_F32 : TCG_F64, aux, r);
            break;
        case TCG_OP_fcvt_fh:
            r = tcg_gen_vdup(b, 2, tcg_gen_fcvt_fh(b, aux, s[0]));
            break;
        case TCG_OP_fcvt_fs:
        case TCG_OP_fcvt_fu:
            r = tcg_gen_fcvt_fixed(b, o->opc, it, aux, s[0], imm >> 1);
            r = tcg_gen_vdup(b, it == TCG_I64 ? 3 : 2, r);
            break;
        default:
            r = two[o->opc](b, aux, s[0], s[1]);
            break;
        }
        if (tcg_type(b, r) != TCG_V128) {
            r = tcg_gen_vld_lo(b, r);
        }
    }
    tcg_gen_setcell(b, CELL_V, r);
    if (live) {
        tcg_gen_setcell(b, CELL_V + 1, tcg_gen_v2(b, TCG_OP_vxor, 0, x[0], x[o->arity - 1]));
    }
    tcg_gen_exit_direct(b, 4);
    tcg_optimize(f->u, TCG_OPT_ALL | TCG_OPT_VERIFY);
    tcg_live(f->u);
    g_assert_true(compile(f));
}

static void fp_runs(Fixture *f, const FpOp *o, unsigned esize, IrGenRng *r)
{
    for (unsigned n = 0; n < 120; n++) {
        for (unsigned i = 0; i < 16u >> esize; i++) {
            uint64_t v[3];
            operands_for(r, o->near, esize, v);
            for (unsigned k = 0; k < 3; k++) {
                memcpy((char *)f->want->v[k] + (i << esize), &v[k], 1u << esize);
            }
        }
        memcpy(f->got->v, f->want->v, sizeof(f->got->v));
        uint64_t in[IRGEN_NV][2];
        memcpy(in, f->want->v, sizeof(in));
        f->want->env.mxcsr = f->got->env.mxcsr = 0x1f80 | (n & 3) << 13;
        f->want->env.fp_more = f->got->env.fp_more = 0;
        irgen_interpret(f->want, f->u, f->in);
        run_jit(f, f->got);
        if (memcmp(f->want->v, f->got->v, sizeof(f->got->v)) ||
            (f->want->env.mxcsr ^ f->got->env.mxcsr) & ~2u ||
            f->want->env.fp_more != f->got->env.fp_more) {
            for (unsigned k = 0; k < IRGEN_NV; k++) {
                fprintf(stderr, "v%u %016" PRIx64 ":%016" PRIx64 "\n", k, in[k][1], in[k][0]);
            }
            fprintf(stderr,
                    "%016" PRIx64 ":%016" PRIx64 " flags %#x, interpreted %016" PRIx64
                    ":%016" PRIx64 " flags %#x, mode %u\n",
                    f->got->v[0][1], f->got->v[0][0], f->got->env.mxcsr & 0x3d, f->want->v[0][1],
                    f->want->v[0][0], f->want->env.mxcsr & 0x3d, n & 3);
            tcg_dump(f->u, stderr);
            host->disas(f->thunks, &f->code, stderr);
            g_error("%s: differs", tcg_op_desc[o->opc].name);
        }
    }
}

/* Every integer vector op in many forms; registers are few, so that operands die and live on. */
static void test_vectors(gconstpointer data)
{
    enum { CELL_V = IRGEN_CELLS - IRGEN_NV };
    Fixture *f = fixture_new(GPOINTER_TO_UINT(data));
    IrGenRng r = {.s = env_number("RHEA_JIT_SEED", 0)};
    TCGBuilder *b = f->b;
    irgen_state_init(f->want, 1);
    irgen_state_init(f->got, 1);
    f->u->pc32 = false;
    for (unsigned n = 0; n < 150 * irgen_vector_ops(); n++) {
        unsigned order = irgen_random(&r) % 32;
        tcg_begin(b, f->u);
        tcg_gen_insn_start(b, 0);
        TCGv x[3];
        for (unsigned k = 0; k < 3; k++) {
            x[k] = tcg_gen_getcell(b, CELL_V + (k + order) % 3);
            if (order & 16) {
                /* in a register, and only there */
                x[k] = tcg_gen_v2(b, TCG_OP_vadd, 3, x[k], tcg_vconst(b, order));
            }
        }
        TCGv v = irgen_vector_op(b, &r, n % irgen_vector_ops(), x[0], x[1], x[order & 4 ? 1 : 2]);
        tcg_gen_setcell(b, CELL_V, v);
        if (order & 8) {
            v = tcg_gen_v2(b, TCG_OP_vxor, 0, tcg_gen_v2(b, TCG_OP_vadd, 0, x[0], x[1]), x[2]);
            tcg_gen_setcell(b, CELL_V + 1, v);
        }
        tcg_gen_exit_direct(b, 4);
        tcg_optimize(f->u, TCG_OPT_ALL | TCG_OPT_VERIFY);
        tcg_live(f->u);
        g_assert_true(compile(f));
        for (unsigned run = 0; run < 12; run++) {
            for (unsigned k = 0; k < IRGEN_NV; k++) {
                for (unsigned half = 0; half < 2; half++) {
                    uint64_t e = irgen_number(&r);
                    unsigned w = 8u << irgen_random(&r) % 4;
                    for (unsigned pos = w; pos < 64; pos += w) {
                        uint64_t m = (UINT64_C(1) << w) - 1;
                        e = (e & ~(m << pos)) | (irgen_number(&r) & m) << pos;
                    }
                    f->want->v[k][half] = f->got->v[k][half] = e;
                }
            }
            irgen_interpret(f->want, f->u, f->in);
            run_jit(f, f->got);
            char *diff = irgen_compare(f->want, f->got);
            if (diff) {
                describe(f, diff, &configs[GPOINTER_TO_UINT(data)], n);
                g_error("%s", diff);
            }
        }
    }
    fixture_free(f);
}

/* vshlv in all its forms, by counts up to a little beyond the width. */
static void test_shifts(gconstpointer data)
{
    enum { CELL_V = IRGEN_CELLS - IRGEN_NV };
    Fixture *f = fixture_new(GPOINTER_TO_UINT(data));
    IrGenRng r = {.s = env_number("RHEA_JIT_SEED", 0)};
    TCGBuilder *b = f->b;
    irgen_state_init(f->want, 1);
    irgen_state_init(f->got, 1);
    f->u->pc32 = false;
    for (unsigned n = 0; n < 128; n++) {
        static const uint16_t kinds[4] = {0, TCG_VEC_UNSIGNED, TCG_VEC_ROUND,
                                          TCG_VEC_UNSIGNED | TCG_VEC_ROUND};
        static const uint16_t saturated[4] = {0, TCG_VEC_SAT, TCG_VEC_SAT | TCG_VEC_QC, 0};
        unsigned esize = n & 3, w = 8u << esize;
        tcg_begin(b, f->u);
        tcg_gen_insn_start(b, 0);
        TCGv x = tcg_gen_getcell(b, CELL_V), y = tcg_gen_getcell(b, CELL_V + 1);
        tcg_gen_setcell(
            b, CELL_V + (n >> 6),
            tcg_gen_v2(b, TCG_OP_vshlv, esize | kinds[n >> 2 & 3] | saturated[n >> 4 & 3], x, y));
        tcg_gen_exit_direct(b, 4);
        tcg_optimize(f->u, TCG_OPT_ALL | TCG_OPT_VERIFY);
        tcg_live(f->u);
        g_assert_true(compile(f));
        for (unsigned run = 0; run < 200; run++) {
            for (unsigned i = 0; i < 16u >> esize; i++) {
                uint64_t e = irgen_number(&r) >> irgen_random(&r) % w;
                int count = (int)(irgen_random(&r) % (2 * w + 5)) - (int)w - 2;
                uint64_t by = (irgen_number(&r) & ~UINT64_C(0xff)) | (uint8_t)count;
                e = irgen_random(&r) & 1 ? ~e : e;
                memcpy((char *)f->want->v[0] + (i << esize), &e, 1u << esize);
                memcpy((char *)f->want->v[1] + (i << esize), &by, 1u << esize);
            }
            memcpy(f->got->v, f->want->v, sizeof(f->got->v));
            irgen_interpret(f->want, f->u, f->in);
            run_jit(f, f->got);
            char *diff = irgen_compare(f->want, f->got);
            if (diff) {
                describe(f, diff, &configs[GPOINTER_TO_UINT(data)], n);
                g_error("%s", diff);
            }
        }
    }
    fixture_free(f);
}

static void test_fp(gconstpointer data)
{
    /* As RISC-V, Arm (FPCR.DN clear and set, FZ), and nobody in particular use them. */
    static const unsigned kinds[] = {
        TCG_FP_DEFAULT_NAN | TCG_FP_CVT_SAT_MAX | TCG_FP_NUM,
        TCG_FP_NAN_ARM | TCG_FP_TINY_BEFORE | TCG_FP_CVT_SAT_ZERO,
        TCG_FP_NAN_ARM | TCG_FP_DEFAULT_NAN | TCG_FP_TINY_BEFORE | TCG_FP_CVT_SAT_ZERO |
            TCG_FP_NUM | TCG_FP_NUM2008,
        TCG_FP_NAN_ARM | TCG_FP_TINY_BEFORE | TCG_FP_CVT_SAT_ZERO | TCG_FP_FZ | TCG_FP_NUM |
            TCG_FP_NUM2008,
        TCG_FP_INEXACT_OFF,
    };
    static const unsigned parts[] = {0, TCG_FP_V64, TCG_FP_V1};
    static const unsigned rounds[] = {TCG_RND_DYN, TCG_RND_DYN, TCG_RND_RNE, TCG_RND_RTZ,
                                      TCG_RND_RDN, TCG_RND_RUP, TCG_RND_RMM, TCG_RND_ROD};
    Fixture *f = fixture_new(GPOINTER_TO_UINT(data));
    IrGenRng r = {.s = env_number("RHEA_JIT_SEED", 0)};
    irgen_state_init(f->want, 1);
    irgen_state_init(f->got, 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(fp_ops); i++) {
        const FpOp *o = &fp_ops[i];
        for (unsigned k = 0; k < G_N_ELEMENTS(kinds) * G_N_ELEMENTS(rounds); k++) {
            for (unsigned esize = 1; esize < 4; esize++) {
                if (!(o->sizes >> esize & 1)) {
                    continue;
                }
                unsigned aux = kinds[k / G_N_ELEMENTS(rounds)] | rounds[k % G_N_ELEMENTS(rounds)];
                unsigned imm = k & 1;
                if (o->opc == TCG_OP_vfcmp) {
                    aux &= TCG_FP_FZ;
                    imm = k % TCG_FCOND_COUNT;
                } else if (o->opc >= TCG_OP_vfadd && o->opc <= TCG_OP_vfround) {
                    imm = 0;
                } else if (o->opc == TCG_OP_vfnarrow) {
                    imm = 0;
                } else if (o->opc == TCG_OP_fcvt_fs || o->opc == TCG_OP_fcvt_fu) {
                    imm |= k % 5 == 4 ? 2 * (k & 31) : 0;
                } else if (o->opc >= TCG_OP_vfcvt_fs && o->opc <= TCG_OP_vfcvt_uf) {
                    imm = k % 5 == 4 ? k % 17 : 0;
                }
                for (unsigned p = 0; p < (o->part ? G_N_ELEMENTS(parts) : 1); p++) {
                    fp_unit(f, o, esize, aux | parts[p], imm, k & 1);
                    fp_runs(f, o, esize, &r);
                }
            }
        }
    }
    fixture_free(f);
}

static void test_random(gconstpointer data)
{
    /* Seeds of units that found a bug: shifts of bytes where a region pins many vectors. */
    static const unsigned found[] = {903648};
    unsigned n = GPOINTER_TO_UINT(data);
    unsigned units = env_number("RHEA_JIT_UNITS", 20000) / G_N_ELEMENTS(configs);
    unsigned seed = env_number("RHEA_JIT_SEED", 0);
    Fixture *f = fixture_new(n);
    for (unsigned k = 0; k < units + G_N_ELEMENTS(found); k++) {
        if (!random_unit(f, &configs[n], k < units ? seed + k : found[k - units])) {
            g_test_fail();
            break;
        }
    }
    fixture_free(f);
}

/* ---- the contract ---- */

/* x[1] := x[1] + 1 in a unit at page offset 0x100 that ends by going to target. */
static void counting_unit(Fixture *f, int64_t target)
{
    f->u->start = 0x100;
    tcg_begin(f->b, f->u);
    tcg_gen_insn_start(f->b, 0x100);
    tcg_gen_setcell(f->b, 1, tcg_gen_addi(f->b, tcg_gen_getcell(f->b, 1), 1));
    tcg_gen_exit_direct(f->b, target);
    tcg_optimize(f->u, TCG_OPT_ALL);
    tcg_live(f->u);
}

/* The jump cache's entry is of another context: good only with the same mode, and if the fetch
 * context has the page where the unit was. */
static void moved_page(Fixture *f, IrGenState *s, TcgExit *e, JumpCacheEntry *j)
{
    struct {
        TlbTable head;
        TlbEntry entry;
    } table = {0};
    const uint64_t page = j->pc & TLB_PAGE_MASK, host_page = 0x7000000;
    const uint64_t mode = 5, here = 3 << 24 | mode, other = 4 << 24 | mode;

    for (unsigned why = 0; why < 5; why++) {
        irgen_state_init(s, 1);
        s->x[1] = 0;
        s->env.relink = 100;
        s->env.ctx = here;
        s->env.fetch = table.head.entries;
        table.entry.tag_x = why == 1 ? page | TLB_INVALID : why == 2 ? page + TLB_PAGE_SIZE : page;
        table.entry.addend = host_page - page + (why == 3 ? TLB_PAGE_SIZE : 0);
        j->ctx = why == 4 ? other + 1 : other;
        j->page = host_page;
        uint64_t ret = run_jit(f, s);
        if (why == 0) {
            g_assert_cmphex(ret, ==, (uintptr_t)f->second.exits | TCG_LEAVE_LINK);
            g_assert_cmpuint(s->x[1], ==, 2);
            g_assert_cmphex(j->ctx, ==, here);
        } else {
            g_assert_cmphex(ret, ==, (uintptr_t)e | TCG_LEAVE_LINK);
            g_assert_cmphex(s->env.pc, ==, j->pc);
            g_assert_cmpuint(s->x[1], ==, 1);
            g_assert_cmphex(j->ctx, !=, here);
        }
    }
}

static void test_linking(void)
{
    Fixture *f = fixture_new(0);
    IrGenState *s = f->got;
    const int64_t targets[] = {0x200, 0x80, 0x1200, -0xe00};
    for (unsigned k = 0; k < G_N_ELEMENTS(targets); k++) {
        int64_t target = targets[k];
        uint64_t pc = IRGEN_PAGE + target;
        counting_unit(f, target);
        g_assert_true(compile(f));
        TcgExit *e = &f->code.exits[0];
        irgen_state_init(s, 1);
        s->x[1] = 0;
        g_assert_cmphex(run_jit(f, s), ==, (uintptr_t)e | TCG_LEAVE_LINK);
        g_assert_cmphex(s->env.pc, ==, pc);
        g_assert_cmpuint(s->x[1], ==, 1);

        /* Link it to itself: it ends at the poll, or goes on for ever; so ask. */
        TcgCode first = f->code;
        bool backward = target <= 0x100;
        /* A second unit as target. */
        uint8_t *rw = f->rw + f->thunk_bytes + 0x8000;
        const uint8_t *rx = f->rx + f->thunk_bytes + 0x8000;
        TcgCode *second = &f->second;
        counting_unit(f, 0x400);
        g_assert_true(host->compile(f->scratch, f->thunks, f->u, rw, rx, 0x8000, second));
        host->patch_exit(f->thunks, &first, e, second->code);
        if (e->link) {
            *tcg_exit_link(&first, e) = (TcgLink){.ctx = 1, .page = pc & TLB_PAGE_MASK};
        }
        irgen_state_init(s, 1);
        s->x[1] = 0;
        g_assert_cmphex(run_jit(f, s), ==, (uintptr_t)second->exits | TCG_LEAVE_LINK);
        g_assert_cmpuint(s->x[1], ==, 2);
        g_assert_cmphex(s->env.pc, ==, (pc & TLB_PAGE_MASK) + 0x400);

        s->env.exit_request = 1;
        s->env.pc_page = IRGEN_PAGE;
        s->x[1] = 0;
        if (backward) {
            check_polled(&first, run_jit(f, s));
            g_assert_cmphex(s->env.pc, ==, pc);
            g_assert_cmpuint(s->x[1], ==, 1);
        } else {
            g_assert_cmphex(run_jit(f, s) & TCG_LEAVE_MASK, ==, TCG_LEAVE_LINK);
        }
        s->env.exit_request = 0;

        /* Another context, another page: not followed if it crosses. */
        bool same = target >> 12 == 0;
        for (unsigned why = 0; why < 2; why++) {
            irgen_state_init(s, 1);
            s->x[1] = 0;
            s->env.ctx = why ? 1 : 2;
            s->env.pc_page = why ? IRGEN_PAGE + 0x5000 : IRGEN_PAGE;
            run_jit(f, s);
            g_assert_cmpuint(s->x[1], ==, same ? 2 : 1);
        }
        if (!same) {
            /* But the jump cache is asked. */
            JumpCacheEntry *j = &f->jump_cache[(pc >> 1) & ((1 << JUMP_CACHE_BITS) - 1)];
            *j = (JumpCacheEntry){.pc = pc, .ctx = 7, .code = second->code};
            irgen_state_init(s, 1);
            s->x[1] = 0;
            s->env.ctx = 7;
            s->env.relink = 2;
            g_assert_cmphex(run_jit(f, s), ==, (uintptr_t)second->exits | TCG_LEAVE_LINK);
            g_assert_cmpuint(s->x[1], ==, 2);
            g_assert_cmphex(s->env.pc, ==, (pc & TLB_PAGE_MASK) + 0x400);
            /* Now and then the dispatcher is, so that it links again. */
            g_assert_cmpint(s->env.relink, ==, 1);
            s->env.pc_page = IRGEN_PAGE;
            g_assert_cmphex(run_jit(f, s), ==, (uintptr_t)e | TCG_LEAVE_LINK);
            moved_page(f, s, e, j);
            memset(j, 0, sizeof(*j));
        }

        host->patch_exit(f->thunks, &first, e, NULL);
        irgen_state_init(s, 1);
        s->x[1] = 0;
        run_jit(f, s);
        g_assert_cmpuint(s->x[1], ==, 1);

        host->patch_exit(f->thunks, &first, e, second->code);
        host->patch_dead(f->thunks, second);
        irgen_state_init(s, 1);
        s->x[1] = 0;
        g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_LOOKUP);
        g_assert_cmpuint(s->x[1], ==, 1);
        g_assert_cmphex(s->env.pc, ==, (pc & TLB_PAGE_MASK) + 0x100);
    }
    fixture_free(f);
}

/* An exit to the unit's own start needs no link. */
static void test_loop(void)
{
    Fixture *f = fixture_new(0);
    IrGenState *s = f->got;

    ((X86Thunks *)f->thunks)->check = false;
    for (unsigned likely = 0; likely < 2; likely++) {
        f->u->start = 0x100;
        tcg_begin(f->b, f->u);
        tcg_gen_insn_start(f->b, 0x100);
        TCGv n = tcg_gen_addi(f->b, tcg_gen_getcell(f->b, 1), 1);
        tcg_gen_setcell(f->b, 1, n);
        tcg_gen_setcell(f->b, 8, n);
        tcg_gen_exit_if(f->b, tcg_gen_setcondi(f->b, TCG_I32, TCG_COND_LTU, n, 1000), 0x100,
                        likely);
        tcg_gen_exit_direct(f->b, 0x200);
        tcg_optimize(f->u, TCG_OPT_ALL);
        tcg_live(f->u);
        g_assert_true(compile(f));
        for (unsigned run = 0; run < 2; run++) {
            TcgExit *last = &f->code.exits[1];
            irgen_state_init(s, 1);
            s->x[1] = 0;
            g_assert_cmphex(run_jit(f, s), ==, (uintptr_t)last | TCG_LEAVE_LINK);
            g_assert_cmphex(s->env.pc, ==, IRGEN_PAGE + 0x200);
            g_assert_cmpuint(s->x[1], ==, 1000);
            g_assert_cmpuint(s->x[8], ==, 1000);

            s->env.exit_request = 1;
            s->x[1] = 0;
            check_polled(&f->code, run_jit(f, s));
            g_assert_cmphex(s->env.pc, ==, IRGEN_PAGE + 0x100);
            g_assert_cmpuint(s->x[1], ==, 1);
            s->env.exit_request = 0;
            /* Nothing of the loop may be patched. */
            host->patch_exit(f->thunks, &f->code, &f->code.exits[0], NULL);
            move_unit(f, 0x120);
        }
        host->patch_dead(f->thunks, &f->code);
        s->x[1] = 0;
        g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_LOOKUP);
        g_assert_cmphex(s->env.pc, ==, IRGEN_PAGE + 0x100);
        g_assert_cmpuint(s->x[1], ==, 0);
    }
    fixture_free(f);
}

static unsigned full_sites(const IrGenState *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < TLB_SITES; i++) {
        n += s->tlb.sites.site[i].tag != TLB_INVALID;
    }
    g_assert_true(!n || s->tlb.sites.used);
    return n;
}

/* A unit that is a loop: its body comes next. */
static Fixture *loop_new(void)
{
    Fixture *f = fixture_new(0);

    ((X86Thunks *)f->thunks)->check = false;
    f->u->start = 0x100;
    tcg_begin(f->b, f->u);
    tcg_gen_insn_start(f->b, 0x100);
    return f;
}

/* x[1] becomes p + 8; the loop goes on below x[3]. */
static void loop_compile(Fixture *f, TCGv p)
{
    p = tcg_gen_addi(f->b, p, 8);
    tcg_gen_setcell(f->b, 1, p);
    TCGv more = tcg_gen_setcond(f->b, TCG_I32, TCG_COND_LTU, p, tcg_gen_getcell(f->b, 3));
    tcg_gen_exit_if(f->b, more, 0x100, true);
    tcg_gen_exit_direct(f->b, 0x200);
    tcg_optimize(f->u, TCG_OPT_ALL);
    tcg_live(f->u);
    g_assert_true(compile(f));
}

/* A loop that sums what lies between x[1] and x[3], and the words that its bytes choose from the
 * table at x[5] + 0x10. */
static Fixture *lookup_loop(void)
{
    Fixture *f = loop_new();

    TCGv p = tcg_gen_getcell(f->b, 1);
    TCGv v = tcg_gen_ld(f->b, TCG_I64, TCG_MO_64, p, 0);
    TCGv at =
        tcg_gen_add(f->b, tcg_gen_shli(f->b, tcg_gen_ext8u(f->b, v), 2), tcg_gen_getcell(f->b, 5));
    v = tcg_gen_add(f->b, v, tcg_gen_ld(f->b, TCG_I64, TCG_MO_32 | TCG_MO_SIGN, at, 0x10));
    tcg_gen_setcell(f->b, 2, tcg_gen_add(f->b, tcg_gen_getcell(f->b, 2), v));
    loop_compile(f, p);
    return f;
}

/* All of memory from `start` on. */
static void lookup_run(Fixture *f, unsigned start, uint64_t table)
{
    IrGenState *s = f->got;
    uint64_t sum = 0;

    for (unsigned off = start; off + 8 <= IRGEN_MEM; off += 8) {
        uint64_t a;
        int32_t b;
        memcpy(&a, s->mem + off, 8);
        memcpy(&b, s->mem + table + (a & 0xff) * 4 + 0x10, 4);
        sum += a + b;
    }
    s->x[1] = IRGEN_BASE + start;
    s->x[2] = 0;
    s->x[3] = IRGEN_BASE + (IRGEN_MEM - start) / 8 * 8 + start;
    s->x[5] = IRGEN_BASE + table;
    g_assert_cmphex(run_jit(f, s) & TCG_LEAVE_MASK, ==, TCG_LEAVE_LINK);
    move_back(s);
    g_assert_cmphex(s->x[2], ==, sum);
}

static void test_sites(void)
{
    static const unsigned starts[] = {0, 8, 4, 1, TLB_PAGE_SIZE - 8, TLB_PAGE_SIZE - 4};
    Fixture *f = lookup_loop();
    IrGenState *s = f->got;

    for (unsigned k = 0; k < G_N_ELEMENTS(starts); k++) {
        irgen_state_init(s, k);
        lookup_run(f, starts[k], 0x2ff0);
        /* Misaligned addresses fill none. */
        g_assert_cmpuint(full_sites(s), ==, starts[k] % 8 ? 1 : 2);
    }
    /* A table on two pages: its site is given up. */
    irgen_state_init(s, 1);
    for (unsigned k = 0; k < 4; k++) {
        lookup_run(f, 0, 0x2e00);
        unsigned given_up = 0;
        for (unsigned i = 0; i < TLB_SITES; i++) {
            given_up += s->tlb.sites.site[i].turns >= TLB_SITE_TURNS;
        }
        g_assert_cmpuint(full_sites(s) + given_up, ==, 2);
        g_assert_cmpuint(given_up, ==, k ? 1 : given_up);
    }
    irgen_empty_sites(&s->tlb);
    lookup_run(f, 0, 0x2ff0);
    g_assert_cmpuint(full_sites(s), ==, 2);
    /* What has flags is not kept. */
    irgen_state_init(s, 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(s->tlb.entries); i++) {
        s->tlb.entries[i].tag_r |= TLB_IO;
    }
    s->x[1] = s->x[5] = IRGEN_BASE;
    s->x[3] = IRGEN_BASE + 8 * 16;
    run_jit(f, s);
    move_back(s);
    g_assert_cmpuint(s->x[1], ==, s->x[3]);
    g_assert_cmpuint(full_sites(s), ==, 0);
    fixture_free(f);
}

/* A store's site is none of a load's: a page that is read may not be one that may be written. */
static void test_sites_of_kinds(void)
{
    Fixture *f = loop_new();
    IrGenState *s = f->got;

    TCGv p = tcg_gen_getcell(f->b, 1);
    tcg_gen_setcell(f->b, 2, tcg_gen_ld(f->b, TCG_I64, TCG_MO_64, p, 0));
    loop_compile(f, p);
    irgen_state_init(s, 1);
    s->x[1] = IRGEN_BASE;
    s->x[3] = IRGEN_BASE + 64;
    run_jit(f, s);
    g_assert_cmpuint(full_sites(s), ==, 1);

    tcg_unit_reset(f->u);
    f->u->start = 0x100;
    tcg_begin(f->b, f->u);
    tcg_gen_insn_start(f->b, 0x100);
    p = tcg_gen_getcell(f->b, 1);
    tcg_gen_st(f->b, TCG_MO_64, p, 0, tcg_gen_getcell(f->b, 2));
    loop_compile(f, p);
    for (unsigned i = 0; i < TLB_SITES; i++) {
        s->tlb.sites.site[i].addend += 128;
    }
    s->x[1] = IRGEN_BASE;
    s->x[2] = 0x1234;
    run_jit(f, s);
    uint64_t got;
    memcpy(&got, s->mem, 8);
    g_assert_cmphex(got, ==, 0x1234);
    fixture_free(f);
}

/* A turn of a loop that adds up elements at x[1] + disp and copies them to x[6], up or down to
 * x[3].
 */
static void bounds_turn(Fixture *f, unsigned memop, int disp, int step, bool copy_in_place)
{
    tcg_gen_insn_start(f->b, 0x100);
    TCGv p = tcg_gen_getcell(f->b, 1), q = tcg_gen_getcell(f->b, 6);
    TCGv v = tcg_gen_ld(f->b, TCG_I64, memop, p, disp);
    tcg_gen_setcell(f->b, 2, tcg_gen_add(f->b, tcg_gen_getcell(f->b, 2), v));
    p = tcg_gen_addi(f->b, p, step);
    tcg_gen_setcell(f->b, 1, p);
    q = tcg_gen_addi(f->b, q, step);
    tcg_gen_setcell(f->b, 6, q);
    tcg_gen_insn_start(f->b, 0x104);
    tcg_gen_st(f->b, memop, copy_in_place ? p : q, -step, v);
    tcg_gen_insn_start(f->b, 0x108);
    TCGv more = tcg_gen_setcond(f->b, TCG_I32, step < 0 ? TCG_COND_GTU : TCG_COND_LTU, p,
                                tcg_gen_getcell(f->b, 3));
    tcg_gen_exit_if(f->b, more, 0x100, true);
    tcg_gen_exit_direct(f->b, 0x200);
}

static void bounds_compile(Fixture *f, unsigned memop, int disp, int step, bool copy_in_place)
{
    tcg_unit_reset(f->u);
    f->u->start = 0x100;
    tcg_begin(f->b, f->u);
    tcg_gen_block(f->b, 0x100);
    tcg_gen_loop(f->b, 0x100);
    bounds_turn(f, memop, disp, step, copy_in_place);
    g_assert_true(tcg_gen_steady_block(f->b));
    bounds_turn(f, memop, disp, step, copy_in_place);
    g_assert_true(tcg_loop_is_steady(f->b));
    tcg_gen_loop(f->b, -1);
    tcg_optimize(f->u, TCG_OPT_ALL);
    tcg_live(f->u);
    g_assert_true(compile(f));
}

/* Must the access take the slow path? */
static bool is_slow(const IrGenState *s, uint64_t addr, unsigned size, bool store)
{
    uint64_t page = addr & TLB_PAGE_MASK;
    const TlbEntry *e = &s->tlb.entries[(addr >> TLB_PAGE_BITS) % G_N_ELEMENTS(s->tlb.entries)];

    return ((addr + size - 1) & TLB_PAGE_MASK) != page || (store ? e->tag_w : e->tag_r) != page;
}

/* Later turns of a loop look at the end of the page only: over pages that may be accessed at once,
 * by the slow path each time, or not at all; with what earlier runs have left in the sites. */
static void test_bounds(void)
{
    static const int disps[] = {0, 1, -3, 8, -16, 24, 40};
    Fixture *f = fixture_new(0);
    IrGenRng r = {.s = env_number("RHEA_JIT_SEED", 0)};
    unsigned bounded = 0, floored = 0;

    for (unsigned k = 0; k < 400; k++) {
        uint64_t bits = irgen_random(&r);
        unsigned memop = bits & 3, size = 1 << memop;
        int step = bits >> 2 & 1 ? size : size + (bits >> 3 & 15);
        bool down = bits >> 13 & 1, in_place = bits >> 14 & 1;
        step = down ? -step : step;
        int disp = disps[(bits >> 7 & 63) % G_N_ELEMENTS(disps)];
        bool aligned = bits >> 15 & 1;
        if (aligned) {
            memop = TCG_MO_ALIGNED(memop);
            step &= -(int)size;
            disp &= -(int)size;
        }
        bounds_compile(f, memop, disp, step, in_place);
        irgen_state_init(f->want, k);
        irgen_state_init(f->got, k);
        for (unsigned run = 0; run < 6; run++) {
            uint64_t b = irgen_random(&r), n = 1 + (b & 1 ? b >> 1 & 7 : b >> 1 & 1023);
            for (unsigned i = 0; i < G_N_ELEMENTS(f->got->tlb.entries) && run == 2; i++) {
                TlbEntry *e = &f->got->tlb.entries[i];
                e->tag_r |= b >> (20 + i % 8) & 1 ? TLB_IO : 0;
                e->tag_w |= b >> (30 + i % 8) & 1 ? TLB_CODE : 0;
            }
            if (run == 2 || (b >> 19 & 7) == 0) {
                irgen_empty_sites(&f->got->tlb);
            }
            f->got->x[1] = IRGEN_BASE + 64 + (b >> 40) % (IRGEN_MEM / 2);
            f->got->x[6] = IRGEN_BASE + 64 + (b >> 50) % (IRGEN_MEM / 2);
            f->got->x[1] &= -(uint64_t)(aligned || b >> 12 & 1 ? size : 1);
            f->got->x[6] &= -(uint64_t)(aligned ? size : 1);
            f->got->x[1] += down ? IRGEN_MEM / 4 : 0;
            f->got->x[6] += down ? IRGEN_MEM / 4 : 0;
            uint64_t room = down ? MIN(f->got->x[1], f->got->x[6]) - IRGEN_BASE - 64
                                 : IRGEN_BASE + IRGEN_MEM - 128 - MAX(f->got->x[1], f->got->x[6]);
            n = MIN(n, room / ABS(step));
            f->got->x[3] = f->got->x[1] + n * step;
            f->want->x[1] = f->got->x[1];
            f->want->x[6] = f->got->x[6];
            f->want->x[3] = f->got->x[3];
            uint64_t slow = 0, p = f->got->x[1], q = in_place ? p : f->got->x[6];
            for (uint64_t turn = 0; turn < MAX(n, 1); turn++, p += step, q += step) {
                slow += is_slow(f->got, p + disp, size, false) + is_slow(f->got, q, size, true);
            }
            slow_accesses = 0;
            uint64_t why = irgen_interpret(f->want, f->u, f->in), got = run_jit(f, f->got);
            move_back(f->got);
            g_assert_cmpuint(slow_accesses, ==, slow);
            g_assert_true((got & TCG_LEAVE_MASK) == TCG_LEAVE_LINK && why == TCG_LEAVE_LOOKUP);
            char *diff = irgen_compare(f->want, f->got);
            if (diff) {
                g_test_message("turns of %u bytes, step %d, run %u: %s", size, step, run, diff);
                describe(f, diff, &configs[0], k);
                g_test_fail();
                g_free(diff);
            }
            for (unsigned i = 0; i < TLB_SITES; i++) {
                bounded += f->got->tlb.sites.site[i].bound != 0;
                floored += f->got->tlb.sites.site[i].floor != UINT64_MAX;
            }
        }
    }
    g_assert_cmpuint(bounded, >, 100);
    g_assert_cmpuint(floored, >, 100);
    fixture_free(f);
}

/* Compile a loop of the 8 cells from 1 on, which become x; it goes on while x[0] is no multiple of
 * 64; run it from several states. */
static void ring_run(Fixture *f, TCGv x[8])
{
    for (unsigned k = 0; k < 8; k++) {
        tcg_gen_setcell(f->b, 1 + k, x[k]);
    }
    tcg_gen_insn_start(f->b, 0x104);
    tcg_gen_exit_if(f->b, tcg_gen_setcondi(f->b, TCG_I32, TCG_COND_TSTNE, x[0], 63), 0x100, true);
    tcg_gen_exit_direct(f->b, 0x200);
    tcg_optimize(f->u, TCG_OPT_ALL);
    tcg_live(f->u);
    g_assert_true(compile(f));
    for (unsigned k = 0; k < 100; k++) {
        irgen_state_init(f->want, k);
        irgen_state_init(f->got, k);
        uint64_t why = irgen_interpret(f->want, f->u, f->in), got = run_jit(f, f->got);
        move_back(f->got);
        g_assert_true((got & TCG_LEAVE_MASK) == TCG_LEAVE_LINK && why == TCG_LEAVE_LOOKUP);
        char *diff = irgen_compare(f->want, f->got);
        if (diff) {
            describe(f, diff, &configs[0], k);
            g_test_fail();
            g_free(diff);
        }
    }
}

static void ring_begin(Fixture *f, TCGv x[8])
{
    ((X86Thunks *)f->thunks)->check = false;
    tcg_unit_reset(f->u);
    f->u->start = 0x100;
    tcg_begin(f->b, f->u);
    tcg_gen_block(f->b, 0x100);
    tcg_gen_insn_start(f->b, 0x100);
    for (unsigned k = 0; k < 8; k++) {
        x[k] = tcg_gen_getcell(f->b, 1 + k);
    }
}

/* Values of a loop take the pins of cells that are set again before anybody looks. */
static void test_vacancies(void)
{
    Fixture *f = fixture_new(0);
    TCGv x[8];

    ring_begin(f, x);
    for (unsigned k = 0; k < 40; k++) {
        TCGv v = tcg_gen_xor(f->b, x[k % 8], tcg_gen_add(f->b, x[(k + 1) % 8], x[(k + 3) % 8]));
        x[k % 8] = tcg_gen_rotr(f->b, v, tcg_i64(f->b, 7 + k));
    }
    ring_run(f, x);
    g_assert_cmpuint(((X86Gen *)f->scratch)->slots_high, ==, 0);
    /* A load may fault: behind it no pin is vacant whose cell was set before. */
    ring_begin(f, x);
    for (unsigned k = 0; k < 24; k++) {
        TCGv v = tcg_gen_xor(f->b, x[k % 8], tcg_gen_add(f->b, x[(k + 1) % 8], x[(k + 3) % 8]));
        if (k % 9 == 8) {
            TCGv at = tcg_gen_addi(f->b, tcg_gen_andi(f->b, v, IRGEN_MEM - 8), IRGEN_BASE);
            v = tcg_gen_ld(f->b, TCG_I64, TCG_MO_64, at, 0);
        }
        x[k % 8] = tcg_gen_rotr(f->b, v, tcg_i64(f->b, 7 + k));
        tcg_gen_setcell(f->b, 1 + k % 8, x[k % 8]);
    }
    ring_run(f, x);
    fixture_free(f);
}

/* Quotients and remainders of both signednesses: of each kind one division. */
static void test_divisions(void)
{
    Fixture *f = fixture_new(0);
    unsigned pairs = 0;
    TCGv x[8];

    ring_begin(f, x);
    TCGv u = tcg_gen_divu(f->b, x[1], x[2]), s = tcg_gen_divs(f->b, x[1], x[2]);
    x[3] = tcg_gen_add(f->b, u, tcg_gen_remu(f->b, x[1], x[2]));
    x[4] = tcg_gen_add(f->b, s, tcg_gen_rems(f->b, x[1], x[2]));
    x[0] = tcg_gen_addi(f->b, x[0], 1);
    x[1] = tcg_gen_add(f->b, x[1], x[4]);
    x[2] = tcg_gen_sari(f->b, x[2], 9);
    ring_run(f, x);
    for (uint32_t i = 1; i < f->u->nops; i++) {
        pairs += (f->u->ops[i].opc == TCG_OP_divu || f->u->ops[i].opc == TCG_OP_divs) &&
                 ((X86Gen *)f->scratch)->val[i].pair;
    }
    g_assert_cmpuint(pairs, ==, 2);
    fixture_free(f);
}

/* Both halves of a product: one multiplication, whichever is first. */
static void test_products(gconstpointer data)
{
    Fixture *f = fixture_new(GPOINTER_TO_UINT(data));
    unsigned pairs = 0;
    TCGv x[8];

    ring_begin(f, x);
    TCGv lo = tcg_gen_mul(f->b, x[1], x[2]), low = tcg_gen_mul(f->b, x[3], x[4]);
    TCGv hs = tcg_gen_mulhs(f->b, x[5], x[6]), hi = tcg_gen_mulhu(f->b, x[2], x[1]);
    TCGv sq = tcg_gen_mulhu(f->b, x[7], x[7]);
    x[1] = tcg_gen_add(f->b, x[1], lo);
    x[2] = tcg_gen_xor(f->b, x[3], hi);
    x[3] = tcg_gen_xor(f->b, tcg_gen_mulhs(f->b, x[3], x[4]), low);
    x[4] = tcg_gen_add(f->b, tcg_gen_mul(f->b, x[5], x[6]), hs);
    x[7] = tcg_gen_add(f->b, tcg_gen_mul(f->b, x[7], x[7]), sq);
    x[0] = tcg_gen_addi(f->b, x[0], 1);
    ring_run(f, x);
    for (uint32_t i = 1; i < f->u->nops; i++) {
        pairs += f->u->ops[i].opc >= TCG_OP_mul && f->u->ops[i].opc <= TCG_OP_mulhsu &&
                 ((X86Gen *)f->scratch)->val[i].pair;
    }
    g_assert_cmpuint(pairs, ==, 4);
    fixture_free(f);
}

/* A loop of stores: through its site, and past it when the page is taken from it. */
static void test_store_sites(void)
{
    static const unsigned starts[] = {0, 8, 4, 1, TLB_PAGE_SIZE - 8, TLB_PAGE_SIZE - 4};
    Fixture *f = loop_new();
    IrGenState *s = f->got;

    TCGv p = tcg_gen_getcell(f->b, 1), v = tcg_gen_addi(f->b, tcg_gen_getcell(f->b, 2), 3);
    tcg_gen_st(f->b, TCG_MO_64, p, 0, v);
    tcg_gen_setcell(f->b, 2, v);
    loop_compile(f, p);
    for (unsigned k = 0; k < 2 * G_N_ELEMENTS(starts); k++) {
        unsigned start = starts[k / 2], n = (IRGEN_MEM - start) / 8;
        irgen_state_init(s, k);
        for (unsigned i = 0; i < G_N_ELEMENTS(s->tlb.entries) && k % 2; i++) {
            s->tlb.entries[i].tag_w |= TLB_CODE;
        }
        s->x[1] = IRGEN_BASE + start;
        s->x[2] = k;
        s->x[3] = IRGEN_BASE + start + n * 8;
        g_assert_cmphex(run_jit(f, s) & TCG_LEAVE_MASK, ==, TCG_LEAVE_LINK);
        move_back(s);
        for (unsigned i = 0; i < n; i++) {
            uint64_t got;
            memcpy(&got, s->mem + start + i * 8, 8);
            g_assert_cmpuint(got, ==, k + 3 * (i + 1));
        }
        if (start % 8 == 0 || k % 2) {
            /* else a slow path may have moved memory */
            g_assert_cmpuint(full_sites(s), ==, !(k % 2));
        }
    }
    /* A site that another thread has emptied is asked in vain. */
    irgen_state_init(s, 1);
    s->x[1] = IRGEN_BASE;
    s->x[3] = IRGEN_BASE + 8 * 16;
    run_jit(f, s);
    move_back(s);
    g_assert_cmpuint(full_sites(s), ==, 1);
    irgen_empty_sites(&s->tlb);
    for (unsigned i = 0; i < G_N_ELEMENTS(s->tlb.entries); i++) {
        s->tlb.entries[i].tag_w |= TLB_CODE;
    }
    s->x[3] += 8 * 16;
    run_jit(f, s);
    move_back(s);
    g_assert_cmpuint(s->x[1], ==, s->x[3]);
    g_assert_cmpuint(full_sites(s), ==, 0);
    fixture_free(f);
}

/* Loads of a loop off one base: a few have sites, more are a group. */
static void test_small_groups(void)
{
    Fixture *f = fixture_new(0);

    for (unsigned n = 2; n < 8; n++) {
        tcg_unit_reset(f->u);
        f->u->start = 0x100;
        tcg_begin(f->b, f->u);
        tcg_gen_insn_start(f->b, 0x100);
        TCGv p = tcg_gen_getcell(f->b, 1), sum = tcg_gen_getcell(f->b, 2);
        for (unsigned k = 0; k < n; k++) {
            sum = tcg_gen_add(f->b, sum, tcg_gen_ld(f->b, TCG_I64, TCG_MO_64, p, 8 * k));
        }
        tcg_gen_setcell(f->b, 1, tcg_gen_addi(f->b, p, 8));
        tcg_gen_setcell(f->b, 2, sum);
        tcg_gen_exit_if(f->b, tcg_gen_setcondi(f->b, TCG_I32, TCG_COND_TSTNE, sum, 63), 0x100,
                        true);
        tcg_gen_exit_direct(f->b, 0x200);
        tcg_live(f->u);
        g_assert_true(compile(f));
        const X86Gen *s = f->scratch;
        unsigned sites = 0, grouped = 0;
        for (uint32_t i = 1; i < f->u->nops; i++) {
            if (f->u->ops[i].opc == TCG_OP_ld) {
                sites += s->val[i].site != 0;
                grouped += s->group_of[i] != 0;
            }
        }
        g_assert_cmpuint(sites, ==, n <= 4 ? n : 0);
        g_assert_cmpuint(grouped, ==, n <= 4 ? 0 : n);
    }
    fixture_free(f);
}

/* Accesses that must be aligned share a check too; where the base is not, each faults by itself. */
static void test_aligned_groups(void)
{
    Fixture *f = fixture_new(0);

    tcg_begin(f->b, f->u);
    tcg_gen_insn_start(f->b, 0x100);
    TCGv p = tcg_gen_getcell(f->b, 1), sum = tcg_gen_ld(f->b, TCG_I64, TCG_MO_16, p, 2);
    for (unsigned k = 0; k < 3; k++) {
        tcg_gen_insn_start(f->b, 0x104 + 4 * k);
        TCGv v = tcg_gen_ld(f->b, TCG_I64, TCG_MO_ALIGNED(k + 1), p, 8 * k);
        sum = tcg_gen_add(f->b, sum, v);
        tcg_gen_setcell(f->b, 2, sum);
    }
    tcg_gen_st(f->b, TCG_MO_ALIGNED(TCG_MO_32), p, 36, tcg_gen_trunc(f->b, sum));
    tcg_gen_exit_direct(f->b, 0x200);
    tcg_live(f->u);
    g_assert_true(compile(f));
    const X86Gen *s = f->scratch;
    g_assert_cmpuint(s->ngroups, ==, 1);
    g_assert_cmpuint(s->groups[0].count, ==, 5);
    for (unsigned k = 0; k < 100; k++) {
        irgen_state_init(f->want, k);
        irgen_state_init(f->got, k);
        f->want->x[1] = f->got->x[1] = IRGEN_BASE + TLB_PAGE_SIZE - 50 + k;
        uint64_t why = irgen_interpret(f->want, f->u, f->in), got = run_jit(f, f->got);
        move_back(f->got);
        if (why == IRGEN_FAULTED) {
            f->want->nlog += tcg_interp_insn(f->in) << 8;
        }
        g_assert_true((why == IRGEN_FAULTED) == ((IRGEN_BASE + TLB_PAGE_SIZE - 50 + k) % 8 != 0));
        g_assert_true((why == IRGEN_FAULTED) == (got == IRGEN_FAULTED));
        char *diff = irgen_compare(f->want, f->got);
        g_assert_cmpstr(diff, ==, NULL);
    }
    fixture_free(f);
}

static void test_lookup(void)
{
    Fixture *f = fixture_new(0);
    IrGenState *s = f->got;
    counting_unit(f, 0x400);
    uint8_t *rw = f->rw + f->thunk_bytes + 0x8000;
    const uint8_t *rx = f->rx + f->thunk_bytes + 0x8000;
    TcgCode *second = &f->second;
    g_assert_true(host->compile(f->scratch, f->thunks, f->u, rw, rx, 0x8000, second));
    tcg_begin(f->b, f->u);
    tcg_gen_insn_start(f->b, 0x100);
    tcg_gen_exit_lookup(f->b, tcg_gen_getcell(f->b, 2));
    tcg_live(f->u);
    g_assert_true(compile(f));
    irgen_state_init(s, 1);
    uint64_t pc = 0x123456780100;
    s->x[1] = 0;
    s->x[2] = pc;
    g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_LOOKUP);
    g_assert_cmphex(s->env.pc, ==, pc);
    JumpCacheEntry *j = &f->jump_cache[(pc >> 1) & ((1 << JUMP_CACHE_BITS) - 1)];
    *j = (JumpCacheEntry){.pc = pc, .ctx = 2, .code = second->code};
    g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_LOOKUP);
    j->ctx = 1;
    g_assert_cmphex(run_jit(f, s), ==, (uintptr_t)second->exits | TCG_LEAVE_LINK);
    g_assert_cmpuint(s->x[1], ==, 1);
    g_assert_cmphex(s->env.pc, ==, (pc & TLB_PAGE_MASK) + 0x400);
    s->env.exit_request = 1;
    g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_POLL);
    g_assert_cmphex(s->env.pc, ==, pc);
    fixture_free(f);
}

static void test_icount(void)
{
    Fixture *f = fixture_new(4);
    IrGenState *s = f->got;
    counting_unit(f, 0x200);
    g_assert_true(compile(f));
    irgen_state_init(s, 1);
    s->x[1] = 0;
    s->env.icount_left = 0;
    g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_ICOUNT);
    g_assert_cmphex(s->env.pc, ==, IRGEN_PAGE + 0x100);
    g_assert_cmpint(s->env.icount_left, ==, 0);
    g_assert_cmpuint(s->x[1], ==, 0);
    s->env.icount_left = 1;
    g_assert_cmphex(run_jit(f, s) & TCG_LEAVE_MASK, ==, TCG_LEAVE_LINK);
    g_assert_cmpint(s->env.icount_left, ==, 0);
    fixture_free(f);
}

/* Too little room is refused, whatever the amount. */
static void test_room(void)
{
    Fixture *f = fixture_new(0);
    IrGenOptions o = IRGEN_ALL;
    o.nops = 300;
    irgen_unit(f->b, f->u, 5, &o);
    tcg_optimize(f->u, TCG_OPT_ALL);
    tcg_live(f->u);
    uint8_t *rw = f->rw + f->thunk_bytes;
    bool fitted = false;
    for (size_t room = 0; room < 65536; room += 64) {
        memset(rw + room, 0x5a, 64);
        bool fits =
            host->compile(f->scratch, f->thunks, f->u, rw, f->rx + f->thunk_bytes, room, &f->code);
        for (unsigned k = 0; k < 64; k++) {
            g_assert_cmphex(rw[room + k], ==, 0x5a);
        }
        g_assert_true(fits || !fitted);
        fitted = fits;
    }
    g_assert_true(fitted);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned k = 0; k < G_N_ELEMENTS(configs); k++) {
        char *path = g_strdup_printf("/x86-64/random/%s", configs[k].name);
        g_test_add_data_func(path, GUINT_TO_POINTER(k), test_random);
        g_free(path);
    }
    g_test_add_data_func("/x86-64/vectors/all", GUINT_TO_POINTER(0), test_vectors);
    g_test_add_data_func("/x86-64/vectors/baseline", GUINT_TO_POINTER(3), test_vectors);
    g_test_add_data_func("/x86-64/vectors/sse4", GUINT_TO_POINTER(G_N_ELEMENTS(configs) - 1),
                         test_vectors);
    g_test_add_data_func("/x86-64/shifts/all", GUINT_TO_POINTER(0), test_shifts);
    g_test_add_data_func("/x86-64/shifts/no-pins", GUINT_TO_POINTER(1), test_shifts);
    g_test_add_data_func("/x86-64/shifts/baseline", GUINT_TO_POINTER(3), test_shifts);
    g_test_add_data_func("/x86-64/fp/all", GUINT_TO_POINTER(0), test_fp);
    g_test_add_data_func("/x86-64/fp/baseline", GUINT_TO_POINTER(3), test_fp);
    g_test_add_data_func("/x86-64/fp/sse4", GUINT_TO_POINTER(G_N_ELEMENTS(configs) - 1), test_fp);
    g_test_add_func("/x86-64/linking", test_linking);
    g_test_add_func("/x86-64/loop", test_loop);
    g_test_add_func("/x86-64/sites", test_sites);
    g_test_add_func("/x86-64/store-sites", test_store_sites);
    g_test_add_func("/x86-64/sites-of-kinds", test_sites_of_kinds);
    g_test_add_func("/x86-64/bounds", test_bounds);
    g_test_add_func("/x86-64/vacancies", test_vacancies);
    g_test_add_func("/x86-64/divisions", test_divisions);
    g_test_add_data_func("/x86-64/products/all", GUINT_TO_POINTER(0), test_products);
    g_test_add_data_func("/x86-64/products/baseline", GUINT_TO_POINTER(3), test_products);
    g_test_add_func("/x86-64/small-groups", test_small_groups);
    g_test_add_func("/x86-64/aligned-groups", test_aligned_groups);
    g_test_add_func("/x86-64/lookup", test_lookup);
    g_test_add_func("/x86-64/icount", test_icount);
    g_test_add_func("/x86-64/room", test_room);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random IR units; see irgen.h.
 *
 * The values that may be used lie in one pool a type, which holds exactly what dominates the
 * present place: at a label the pools shrink to what every way there had in common.
 */
#include "irgen.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CELL(n, field, t, p)                                                                       \
    {                                                                                              \
        n, offsetof(IrGenState, field), t, p                                                       \
    }
const TCGCell irgen_cells[IRGEN_CELLS] = {
    CELL("x0", x[0], TCG_I64, 1),  CELL("x1", x[1], TCG_I64, 2),  CELL("x2", x[2], TCG_I64, 3),
    CELL("x3", x[3], TCG_I64, 4),  CELL("x4", x[4], TCG_I64, 5),  CELL("x5", x[5], TCG_I64, 6),
    CELL("x6", x[6], TCG_I64, 7),  CELL("x7", x[7], TCG_I64, 8),  CELL("x8", x[8], TCG_I64, 0),
    CELL("x9", x[9], TCG_I64, 0),  CELL("w0", w[0], TCG_I32, 9),  CELL("w1", w[1], TCG_I32, 0),
    CELL("w2", w[2], TCG_I32, 0),  CELL("w3", w[3], TCG_I32, 0),  CELL("d0", d[0], TCG_F64, 1),
    CELL("d1", d[1], TCG_F64, 2),  CELL("d2", d[2], TCG_F64, 3),  CELL("d3", d[3], TCG_F64, 4),
    CELL("d4", d[4], TCG_F64, 0),  CELL("d5", d[5], TCG_F64, 0),  CELL("s0", s[0], TCG_F32, 0),
    CELL("s1", s[1], TCG_F32, 0),  CELL("s2", s[2], TCG_F32, 0),  CELL("v0", v[0], TCG_V128, 0),
    CELL("v1", v[1], TCG_V128, 0), CELL("v2", v[2], TCG_V128, 0),
};
enum {
    CELL_X = 0,
    CELL_W = CELL_X + IRGEN_NX,
    CELL_D = CELL_W + IRGEN_NW,
    CELL_S = CELL_D + IRGEN_ND,
    CELL_V = CELL_S + IRGEN_NS,
};

/* ---- numbers ---- */

uint64_t irgen_random(IrGenRng *r)
{
    /* splitmix64 */
    uint64_t z = r->s += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned below(IrGenRng *r, unsigned n)
{
    return (irgen_random(r) >> 32) % n;
}

static bool chance(IrGenRng *r, unsigned percent)
{
    return below(r, 100) < percent;
}

uint64_t irgen_number(IrGenRng *r)
{
    uint64_t any = irgen_random(r);
    switch (below(r, 8)) {
    case 0:
        return below(r, 4);
    case 1:
        return (uint64_t)-1 - below(r, 3);
    case 2:
        return UINT64_C(1) << below(r, 64);
    case 3:
        return (UINT64_C(1) << below(r, 64)) - 1;
    case 4:
        return (uint64_t)(int64_t)(int32_t)any;
    case 5:
        return (UINT64_C(1) << below(r, 64)) + below(r, 5) - 2;
    case 6:
        return any & 0xffff;
    default:
        return any;
    }
}

uint64_t irgen_fp(IrGenRng *r, TCGType t)
{
    bool is32 = t == TCG_F32;
    unsigned frac_bits = is32 ? 23 : 52, exp_max = is32 ? 0xff : 0x7ff, exp;
    uint64_t frac, sign = chance(r, 50), any = irgen_random(r);
    switch (below(r, 10)) {
    case 0: /* zero, subnormal */
        exp = 0;
        break;
    case 1: /* infinity, NaN */
        exp = exp_max;
        break;
    case 2:
        exp = 1 + below(r, 3);
        break;
    case 3:
        exp = exp_max - 1 - below(r, 3);
        break;
    case 4: /* around the integers' bounds */
    case 5:
        exp = exp_max / 2 + 20 + below(r, 50);
        break;
    case 6:
        exp = below(r, exp_max);
        break;
    default:
        exp = exp_max / 2 - 4 + below(r, 12);
        break;
    }
    switch (below(r, 5)) {
    case 0:
        frac = 0;
        break;
    case 1:
        frac = UINT64_MAX;
        break;
    case 2:
        frac = UINT64_C(1) << below(r, frac_bits);
        break;
    case 3:
        frac = any << below(r, frac_bits);
        break;
    default:
        frac = any;
        break;
    }
    frac &= (UINT64_C(1) << frac_bits) - 1;
    return sign << (is32 ? 31 : 63) | (uint64_t)exp << frac_bits | frac;
}

/* ---- state ---- */

IrGenState *irgen_state_new(void)
{
    size_t size = (sizeof(IrGenState) + 63) & ~(size_t)63;
    IrGenState *s = aligned_alloc(64, size);
    memset(s, 0, size);
    return s;
}

void irgen_state_init(IrGenState *s, uint64_t seed)
{
    IrGenRng r = {.s = seed * 2 + 1};
    memset(s, 0, sizeof(*s));
    s->env.pc_page = IRGEN_PAGE;
    s->env.pc = IRGEN_PAGE;
    s->env.ctx = 1;
    s->env.mxcsr = 0x1f80 | below(&r, 4) << 13;
    s->env.icount_left = 1000000;
    for (unsigned i = 0; i < IRGEN_NX; i++) {
        s->x[i] = irgen_number(&r);
    }
    for (unsigned i = 0; i < IRGEN_NW; i++) {
        s->w[i] = irgen_number(&r);
    }
    for (unsigned i = 0; i < IRGEN_ND; i++) {
        s->d[i] = chance(&r, 40) ? irgen_fp(&r, TCG_F32) | (uint64_t)UINT32_MAX << 32
                                 : irgen_fp(&r, TCG_F64);
    }
    for (unsigned i = 0; i < IRGEN_NS; i++) {
        s->s[i] = irgen_fp(&r, TCG_F32);
    }
    for (unsigned i = 0; i < IRGEN_NV; i++) {
        s->v[i][0] = irgen_number(&r);
        s->v[i][1] = irgen_number(&r);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(s->scratch); i++) {
        s->scratch[i] = irgen_number(&r);
    }
    s->turns = 20;
    for (unsigned i = 0; i < IRGEN_MEM; i += 8) {
        uint64_t n = irgen_number(&r);
        memcpy(&s->mem[i], &n, 8);
    }
    irgen_empty_sites(&s->tlb);
    s->tlb.head.gen = 1;
    s->tlb.head.mask = (uint64_t)(G_N_ELEMENTS(s->tlb.entries) - 1) << TLB_ENTRY_BITS;
    for (unsigned i = 0; i < G_N_ELEMENTS(s->tlb.entries); i++) {
        s->tlb.entries[i].tag_r = s->tlb.entries[i].tag_w = s->tlb.entries[i].tag_x = TLB_INVALID;
    }
    for (uint64_t a = IRGEN_BASE; a < IRGEN_BASE + IRGEN_MEM; a += TLB_PAGE_SIZE) {
        TlbEntry *e = &s->tlb.entries[(a >> TLB_PAGE_BITS) % G_N_ELEMENTS(s->tlb.entries)];
        e->tag_r = e->tag_w = a;
        e->addend = (uintptr_t)s->mem - IRGEN_BASE;
    }
    for (unsigned i = 0; i < CPU_MMU_CONTEXTS; i++) {
        s->env.tlb[i] = s->tlb.head.entries;
    }
}

void irgen_fault(IrGenState *s)
{
    siglongjmp(s->jmp, 1);
}

#define COMPARE_ARRAY(field, fmt)                                                                  \
    for (unsigned i = 0; i < G_N_ELEMENTS(a->field); i++) {                                        \
        if (a->field[i] != b->field[i]) {                                                          \
            return g_strdup_printf(#field "%u: %#" fmt " and %#" fmt, i, a->field[i],              \
                                   b->field[i]);                                                   \
        }                                                                                          \
    }
#define COMPARE(field, mask)                                                                       \
    if ((a->field ^ b->field) & (mask)) {                                                          \
        return g_strdup_printf(#field ": %#" PRIx64 " and %#" PRIx64, (uint64_t)a->field,          \
                               (uint64_t)b->field);                                                \
    }

char *irgen_compare(const IrGenState *a, const IrGenState *b)
{
    COMPARE(env.pc, UINT64_MAX);
    COMPARE_ARRAY(x, PRIx64);
    COMPARE_ARRAY(w, PRIx32);
    COMPARE_ARRAY(d, PRIx64);
    COMPARE_ARRAY(s, PRIx32);
    for (unsigned i = 0; i < IRGEN_NV; i++) {
        if (a->v[i][0] != b->v[i][0] || a->v[i][1] != b->v[i][1]) {
            return g_strdup_printf("v%u: %#" PRIx64 ":%#" PRIx64 " and %#" PRIx64 ":%#" PRIx64, i,
                                   a->v[i][1], a->v[i][0], b->v[i][1], b->v[i][0]);
        }
    }
    COMPARE(env.mxcsr, ~UINT64_C(2));
    COMPARE(env.fp_more, UINT64_MAX);
    COMPARE(nlog, UINT64_MAX);
    COMPARE(log, UINT64_MAX);
    COMPARE_ARRAY(scratch, PRIx64);
    COMPARE_ARRAY(mem, "x");
    return NULL;
}

/* ---- memory for the interpreter ---- */

static uint8_t *window(CPUEnv *env, uint64_t addr, uint32_t memop)
{
    IrGenState *s = (IrGenState *)env;
    unsigned size = 1u << tcg_mo_size(memop), align = 1u << tcg_mo_align(memop);
    if (addr & (align - 1) || addr < IRGEN_BASE || addr > IRGEN_BASE + IRGEN_MEM - size) {
        irgen_fault(s);
    }
    return &s->mem[addr - IRGEN_BASE];
}

static uint64_t swap(uint64_t v, uint32_t memop)
{
    return memop & TCG_MO_BE ? __builtin_bswap64(v) >> (64 - (8u << tcg_mo_size(memop))) : v;
}

static uint64_t mem_ld(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop)
{
    uint64_t v = 0;
    memcpy(&v, window(env, addr, memop), 1u << tcg_mo_size(memop));
    return swap(v, memop);
}

static void mem_st(void *opaque, CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop)
{
    val = swap(val, memop);
    memcpy(window(env, addr, memop), &val, 1u << tcg_mo_size(memop));
}

static uint64_t rmw(uint64_t old, uint64_t val, unsigned op, unsigned size)
{
    unsigned sh = 64 - 8 * size;
    int64_t so = (int64_t)(old << sh), sv = (int64_t)(val << sh);
    switch (op) {
    case TCG_RMW_XCHG:
        return val;
    case TCG_RMW_ADD:
        return old + val;
    case TCG_RMW_AND:
        return old & val;
    case TCG_RMW_OR:
        return old | val;
    case TCG_RMW_XOR:
        return old ^ val;
    case TCG_RMW_SMIN:
        return so < sv ? old : val;
    case TCG_RMW_SMAX:
        return so > sv ? old : val;
    case TCG_RMW_UMIN:
        return (uint64_t)so < (uint64_t)sv ? old : val;
    default: /* UMAX */
        return (uint64_t)so > (uint64_t)sv ? old : val;
    }
}

static uint64_t mem_rmw(void *opaque, CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop)
{
    uint64_t old = mem_ld(opaque, env, addr, memop & 0xffff);
    mem_st(opaque, env, addr, rmw(old, val, memop >> 16, 1u << tcg_mo_size(memop & 0xffff)),
           memop & 0xffff);
    return old;
}

static uint64_t mem_cmpxchg(void *opaque, CPUEnv *env, uint64_t addr, uint64_t expect, uint64_t val,
                            uint32_t memop)
{
    uint64_t old = mem_ld(opaque, env, addr, memop);
    unsigned sh = 64 - (8u << tcg_mo_size(memop));
    if (old << sh == expect << sh) {
        mem_st(opaque, env, addr, val, memop);
    }
    return old;
}

static void mem_ld128(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop, uint64_t out[2])
{
    memcpy(out, window(env, addr, memop), 16);
}

static void mem_st128(void *opaque, CPUEnv *env, uint64_t addr, const uint64_t val[2],
                      uint32_t memop)
{
    memcpy(window(env, addr, memop), val, 16);
}

static void mem_probe(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop, uint32_t store)
{
    window(env, addr, memop);
}

const TcgInterpMem irgen_mem = {
    .ld = mem_ld,
    .st = mem_st,
    .rmw = mem_rmw,
    .cmpxchg = mem_cmpxchg,
    .ld128 = mem_ld128,
    .st128 = mem_st128,
    .probe = mem_probe,
};

uint64_t irgen_interpret(IrGenState *s, const TCGUnit *u, TcgInterp *in)
{
    tcg_interp_set_mem(in, &irgen_mem, NULL);
    if (sigsetjmp(s->jmp, 0)) {
        return IRGEN_FAULTED;
    }
    return tcg_interp_run(u, &s->env, in);
}

/* ---- helpers that generated units call ---- */

static void note(IrGenState *s, uint64_t v)
{
    s->log = (s->log ^ v) * 0x100000001b3u;
    s->nlog++;
}

/* ra: of the helper, in the unit. */
static void G_GNUC_NORETURN leave(IrGenState *s, uintptr_t ra)
{
    if (s->restore) {
        s->restore(s, ra);
    }
    irgen_fault(s);
}

static uint64_t helper_pure(uint64_t a, uint32_t b)
{
    return a * 3 + b;
}

/* Reads x0 and d0, writes x1 and w0. */
static uint32_t helper_some(CPUEnv *env, uint64_t a)
{
    IrGenState *s = (IrGenState *)env;
    note(s, s->x[0] ^ s->d[0] ^ a);
    if (a & 1) {
        s->x[1] = s->x[0] + a;
    }
    s->w[0] += (uint32_t)a;
    return (uint32_t)(a >> 5) ^ s->w[0];
}

/* Reads and writes everything. */
static uint64_t helper_all(CPUEnv *env, uint32_t a, uint64_t b, uint64_t c, uint32_t d, uint64_t e,
                           uint32_t f, uint64_t g)
{
    IrGenState *s = (IrGenState *)env;
    uint64_t h = a + b * 3 + c * 5 + d * 7 + e * 11 + f * 13 + g * 17;
    for (unsigned i = 0; i < IRGEN_NX; i++) {
        note(s, s->x[i]);
    }
    for (unsigned i = 0; i < IRGEN_NW; i++) {
        note(s, s->w[i]);
    }
    for (unsigned i = 0; i < IRGEN_ND; i++) {
        note(s, s->d[i]);
    }
    for (unsigned i = 0; i < IRGEN_NS; i++) {
        note(s, s->s[i]);
    }
    for (unsigned i = 0; i < IRGEN_NV; i++) {
        note(s, s->v[i][0] * 3 + s->v[i][1]);
    }
    s->x[h % IRGEN_NX] ^= h;
    s->d[h % IRGEN_ND] = h;
    s->v[h % IRGEN_NV][1] += 1;
    return h;
}

/* Reads x2; leaves for one argument of eight, with precise state. */
static void helper_faults(CPUEnv *env, uint64_t a)
{
    IrGenState *s = (IrGenState *)env;
    note(s, s->x[2]);
    if (a % 8 == 3) {
        leave(s, RHEA_RA());
    }
}

/* Reads the FP flags, and sets them and the rounding mode. */
static uint32_t helper_fp(CPUEnv *env, uint32_t a)
{
    IrGenState *s = (IrGenState *)env;
    uint32_t old = env->mxcsr & 0x603d;
    note(s, old);
    if (a & 1) {
        env->mxcsr = (env->mxcsr & ~0x603fu) | (a << 13 & 0x6000) | (a >> 4 & 0x1d);
    }
    return old;
}

static void helper_noreturn(CPUEnv *env, uint64_t a)
{
    IrGenState *s = (IrGenState *)env;
    note(s, a);
    leave(s, RHEA_RA());
}

#define CELL_BIT(n) (UINT64_C(1) << (n))
static const TCGHelper helpers[] = {
    {.name = "pure",
     .fn = (void *)helper_pure,
     .ret = TCG_I64,
     .nargs = 2,
     .args = {TCG_I64, TCG_I32},
     .flags = TCG_HELPER_PURE},
    {.name = "some",
     .fn = (void *)helper_some,
     .ret = TCG_I32,
     .nargs = 1,
     .args = {TCG_I64},
     .pass_env = true,
     .reads.w[0] = CELL_BIT(CELL_X) | CELL_BIT(CELL_D) | CELL_BIT(CELL_W),
     .writes.w[0] = CELL_BIT(CELL_X + 1) | CELL_BIT(CELL_W)},
    {.name = "all",
     .fn = (void *)helper_all,
     .ret = TCG_I64,
     .nargs = 7,
     .args = {TCG_I32, TCG_I64, TCG_I64, TCG_I32, TCG_I64, TCG_I32, TCG_I64},
     .pass_env = true,
     .flags = TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL},
    {.name = "fp",
     .fn = (void *)helper_fp,
     .ret = TCG_I32,
     .nargs = 1,
     .args = {TCG_I32},
     .pass_env = true,
     .flags = TCG_HELPER_FP},
    {.name = "faults",
     .fn = (void *)helper_faults,
     .ret = TCG_VOID,
     .nargs = 1,
     .args = {TCG_I64},
     .pass_env = true,
     .flags = TCG_HELPER_FAULTS,
     .reads.w[0] = CELL_BIT(CELL_X + 2)},
    {.name = "noreturn",
     .fn = (void *)helper_noreturn,
     .ret = TCG_VOID,
     .nargs = 1,
     .args = {TCG_I64},
     .pass_env = true,
     .flags = TCG_HELPER_FAULTS | TCG_HELPER_NORETURN},
};
enum { HELPER_FAULTS = 4, HELPER_NORETURN = 5 };

/* ---- the generator ---- */

#define POOL       4096
#define MAX_LABELS 8

typedef struct Pool {
    unsigned n;
    TCGv v[POOL];
} Pool;

typedef struct Pending {
    TCGLabel l;
    unsigned limit[TCG_TYPE_COUNT];
} Pending;

typedef struct Gen {
    TCGBuilder *b;
    IrGenRng r;
    const IrGenOptions *o;
    Pool pool[TCG_TYPE_COUNT];
    Pending pending[MAX_LABELS];
    unsigned npending;
    int64_t pc;
    unsigned base; /* index in the pool of i64 of an address in the middle of the window; 0: none */
    TCGv base_value;
} Gen;

static TCGv keep(Gen *g, TCGv v)
{
    Pool *p = &g->pool[tcg_type(g->b, v)];
    if (p->n < POOL) {
        p->v[p->n++] = v;
    }
    return v;
}

static unsigned cell_of(Gen *g, TCGType t)
{
    switch (t) {
    case TCG_I64:
        return CELL_X + below(&g->r, IRGEN_NX);
    case TCG_I32:
        return CELL_W + below(&g->r, IRGEN_NW);
    case TCG_F64:
        return CELL_D + below(&g->r, IRGEN_ND);
    case TCG_F32:
        return CELL_S + below(&g->r, IRGEN_NS);
    default:
        return CELL_V + below(&g->r, IRGEN_NV);
    }
}

/* A value of type t: a recent one, any one, a cell, a constant. */
static TCGv pick(Gen *g, TCGType t)
{
    Pool *p = &g->pool[t];
    unsigned how = below(&g->r, 10);
    if (p->n && how < 6) {
        unsigned recent = MIN(p->n, how < 4 ? 6 : p->n);
        return p->v[p->n - 1 - below(&g->r, recent)];
    }
    if (how < 8) {
        return keep(g, tcg_gen_getcell(g->b, cell_of(g, t)));
    }
    switch (t) {
    case TCG_I32:
    case TCG_I64:
        return keep(g, tcg_const(g->b, t, (int64_t)irgen_number(&g->r)));
    case TCG_F32:
    case TCG_F64:
        return keep(g, tcg_fconst(g->b, t, irgen_fp(&g->r, t)));
    default:
        return keep(g, tcg_vconst(g->b, irgen_number(&g->r)));
    }
}

static TCGType int_type(Gen *g)
{
    return chance(&g->r, 60) ? TCG_I64 : TCG_I32;
}

static TCGType fp_type(Gen *g)
{
    return chance(&g->r, 50) ? TCG_F64 : TCG_F32;
}

static TCGType any_type(Gen *g)
{
    unsigned n = below(&g->r, 20);
    if (n < 4 && g->o->fp) {
        return fp_type(g);
    }
    return n < 6 && g->o->vector ? TCG_V128 : int_type(g);
}

static void gen_binary(Gen *g)
{
    static TCGv (*const fn[])(TCGBuilder *, TCGv, TCGv) = {
#define X(n) tcg_gen_##n,
        TCG_BINOPS(X)
#undef X
    };
    TCGType t = int_type(g);
    TCGv x = pick(g, t), y = pick(g, t);
    if (chance(&g->r, 30)) {
        y = tcg_const(g->b, t, (int64_t)irgen_number(&g->r));
    }
    if (chance(&g->r, 3)) {
        /* Both halves of a product. */
        bool sign = chance(&g->r, 50), low_first = chance(&g->r, 50);
        TCGv lo = low_first ? tcg_gen_mul(g->b, x, y) : TCG_NONE;
        keep(g, sign ? tcg_gen_mulhs(g->b, x, y) : tcg_gen_mulhu(g->b, x, y));
        keep(g, low_first ? lo : tcg_gen_mul(g->b, y, x));
        return;
    }
    if (chance(&g->r, 5)) {
        /* A remainder as Arm computes it, and both results of one division. */
        bool sign = chance(&g->r, 50);
        TCGv q = sign ? tcg_gen_divs(g->b, x, y) : tcg_gen_divu(g->b, x, y);
        keep(g, q);
        keep(g, tcg_gen_sub(g->b, x, tcg_gen_mul(g->b, y, q)));
        return;
    }
    keep(g, fn[below(&g->r, G_N_ELEMENTS(fn))](g->b, x, y));
}

static void gen_unary(Gen *g)
{
    static TCGv (*const fn[])(TCGBuilder *, TCGv) = {
#define X(n) tcg_gen_##n,
        TCG_UNOPS(X)
#undef X
    };
    TCGv v = pick(g, int_type(g));
    keep(g, fn[below(&g->r, G_N_ELEMENTS(fn))](g->b, v));
}

static void gen_width(Gen *g)
{
    switch (below(&g->r, 5)) {
    case 0:
        keep(g, tcg_gen_exts(g->b, pick(g, TCG_I32)));
        break;
    case 1:
        keep(g, tcg_gen_extu(g->b, pick(g, TCG_I32)));
        break;
    case 2:
        keep(g, tcg_gen_ext32s(g->b, pick(g, TCG_I64)));
        break;
    case 3:
        keep(g, tcg_gen_ext32u(g->b, pick(g, TCG_I64)));
        break;
    default:
        keep(g, tcg_gen_trunc(g->b, pick(g, TCG_I64)));
        break;
    }
}

static void gen_field(Gen *g)
{
    TCGType t = int_type(g);
    unsigned w = t == TCG_I32 ? 32 : 64, pos = below(&g->r, w), len = 1 + below(&g->r, w - pos);
    if (chance(&g->r, 20)) {
        pos = 0;
        len = 8u << below(&g->r, t == TCG_I32 ? 3 : 4);
    }
    TCGv x = pick(g, t);
    switch (below(&g->r, 3)) {
    case 0:
        keep(g, tcg_gen_extract(g->b, x, pos, len));
        break;
    case 1:
        keep(g, tcg_gen_sextract(g->b, x, pos, len));
        break;
    default:
        keep(g, tcg_gen_deposit(g->b, x, pick(g, t), pos, len));
        break;
    }
}

static TCGv gen_setcond(Gen *g)
{
    TCGType t = int_type(g);
    TCGv x = pick(g, t);
    TCGv y = chance(&g->r, 40) ? tcg_const(g->b, t, (int64_t)irgen_number(&g->r)) : pick(g, t);
    TCGCond cond = below(&g->r, TCG_COND_COUNT);
    return keep(g, tcg_gen_setcond(g->b, int_type(g), cond, x, y));
}

static TCGv condition(Gen *g)
{
    return chance(&g->r, 80) ? gen_setcond(g) : pick(g, int_type(g));
}

static void gen_select(Gen *g)
{
    TCGType t = any_type(g);
    TCGv c = condition(g), x = pick(g, t);
    keep(g, tcg_gen_select(g->b, c, x, pick(g, t)));
}

/* Rounding and flags of an FP op. */
static unsigned fp_aux(Gen *g)
{
    static const uint8_t rounds[] = {TCG_RND_RNE, TCG_RND_RTZ, TCG_RND_RDN,
                                     TCG_RND_RUP, TCG_RND_RMM, TCG_RND_ROD};
    unsigned aux = TCG_FP_DEFAULT_NAN | TCG_FP_CVT_SAT_MAX | TCG_FP_NUM;
    if (g->o->fp_all) {
        aux = (uint16_t)irgen_random(&g->r) &
              (TCG_FP_DEFAULT_NAN | TCG_FP_TINY_BEFORE | TCG_FP_INEXACT_OFF | TCG_FP_NUM);
        aux |= (const unsigned[]){0, TCG_FP_CVT_SAT_MAX, TCG_FP_CVT_SAT_ZERO}[below(&g->r, 3)];
        if (chance(&g->r, 50)) {
            aux |= TCG_FP_NAN_ARM;
        }
        if (chance(&g->r, 20)) {
            aux |= TCG_FP_FZ;
        }
        if (chance(&g->r, 50)) {
            aux |= TCG_FP_NUM2008;
        }
    }
    if (chance(&g->r, 60)) {
        return aux | TCG_RND_DYN;
    }
    return aux | rounds[below(&g->r, G_N_ELEMENTS(rounds))];
}

static void gen_fp_arith(Gen *g)
{
    static TCGv (*const two[])(TCGBuilder *, unsigned, TCGv, TCGv) = {
        tcg_gen_fadd, tcg_gen_fsub, tcg_gen_fmul, tcg_gen_fdiv, tcg_gen_fmin, tcg_gen_fmax};
    TCGType t = fp_type(g);
    unsigned aux = fp_aux(g), n = below(&g->r, G_N_ELEMENTS(two) + 3);
    TCGv x = pick(g, t), y = pick(g, t);
    if (n < G_N_ELEMENTS(two)) {
        keep(g, two[n](g->b, aux, x, y));
    } else if (n == G_N_ELEMENTS(two)) {
        keep(g, tcg_gen_fsqrt(g->b, aux, x));
    } else if (n == G_N_ELEMENTS(two) + 1) {
        keep(g, tcg_gen_fround(g->b, aux, x));
    } else {
        keep(g, tcg_gen_fma(g->b, aux, x, y, pick(g, t)));
    }
}

static void gen_fp_convert(Gen *g)
{
    TCGType t = fp_type(g), it = int_type(g);
    unsigned aux = fp_aux(g);
    unsigned fixed = g->o->fp_all && chance(&g->r, 30) ? below(&g->r, 65) : 0;
    switch (below(&g->r, g->o->fp_all ? 7 : 5)) {
    case 0:
        keep(g, tcg_gen_fcvt_ff(g->b, t, aux, pick(g, t == TCG_F32 ? TCG_F64 : TCG_F32)));
        break;
    case 1:
        keep(g, tcg_gen_fcvt_fixed(g->b, TCG_OP_fcvt_fs, it, aux, pick(g, t), fixed));
        break;
    case 2:
        keep(g, tcg_gen_fcvt_fixed(g->b, TCG_OP_fcvt_fu, it, aux, pick(g, t), fixed));
        break;
    case 3:
        keep(g, tcg_gen_fcvt_fixed(g->b, TCG_OP_fcvt_sf, t, aux, pick(g, it), fixed));
        break;
    case 4:
        keep(g, tcg_gen_fcvt_fixed(g->b, TCG_OP_fcvt_uf, t, aux, pick(g, it), fixed));
        break;
    case 5:
        keep(g, tcg_gen_fcvt_hf(g->b, t, aux, pick(g, TCG_I32)));
        break;
    default:
        keep(g, tcg_gen_fcvt_fh(g->b, aux, pick(g, t)));
        break;
    }
}

static void gen_fp_bits(Gen *g)
{
    TCGType t = fp_type(g);
    TCGv x = pick(g, t);
    switch (below(&g->r, 8)) {
    case 0:
        keep(g, tcg_gen_fneg(g->b, x));
        break;
    case 1:
        keep(g, tcg_gen_fabs(g->b, x));
        break;
    case 2:
        keep(g, tcg_gen_fcopysign(g->b, x, pick(g, t)));
        break;
    case 3:
        keep(g, tcg_gen_bitcast(g->b, t == TCG_F32 ? TCG_I32 : TCG_I64, x));
        break;
    case 4:
        keep(g, tcg_gen_bitcast(g->b, t, pick(g, t == TCG_F32 ? TCG_I32 : TCG_I64)));
        break;
    case 5:
        keep(g, tcg_gen_fbox(g->b, pick(g, TCG_F32)));
        break;
    case 6:
        keep(g, tcg_gen_funbox(g->b, pick(g, TCG_F64)));
        break;
    default: {
        TCGType to = int_type(g);
        unsigned cond = below(&g->r, TCG_FCOND_COUNT);
        TCGv y = pick(g, t);
        if (g->o->fp_all && chance(&g->r, 20)) {
            cond |= TCG_FP_FZ;
        }
        keep(g, tcg_gen_fcmp(g->b, to, cond, x, y));
        if (g->o->fp_all) {
            /* more conditions of the same operands */
            cond = below(&g->r, 2) ? TCG_FCOND_EQ_Q : TCG_FCOND_LT_Q;
            keep(g, tcg_gen_fcmp(g->b, to, cond | TCG_FP_NOFLAGS, x, y));
        }
        break;
    }
    }
}

/* aux of integer vector ops: sizes from min to max, each of flags or not; SAT comes before QC. */
static unsigned vec_aux(IrGenRng *r, unsigned min, unsigned max, unsigned flags)
{
    unsigned aux = (min + below(r, max - min + 1)) | (irgen_random(r) & flags);
    if ((flags & TCG_VEC_SAT) && !(aux & TCG_VEC_SAT)) {
        aux &= ~TCG_VEC_QC;
    }
    return aux;
}

/* The vector ops of a kind with what may be in their aux and imm. */
typedef struct VecOp {
    uint8_t opc, arity, min, max;
    uint16_t flags;
    uint8_t imms; /* imm is below it; 0: there is none; or a code: */
} VecOp;
enum { IMM_BITS = 200, IMM_ELEMENTS, IMM_GROUP };

static const VecOp vec_ops[] = {
    {TCG_OP_vand, 2},
    {TCG_OP_vor, 2},
    {TCG_OP_vxor, 2},
    {TCG_OP_vandc, 2},
    {TCG_OP_vorc, 2},
    {TCG_OP_vnot, 1},
    {TCG_OP_vbitsel, 3},
    {TCG_OP_vdupe, 1, 0, 3, 0, IMM_ELEMENTS},
    {TCG_OP_vadd, 2, 0, 3},
    {TCG_OP_vsub, 2, 0, 3},
    {TCG_OP_vmul, 2, 0, 3},
    {TCG_OP_vneg, 1, 0, 3},
    {TCG_OP_vabs, 1, 0, 3},
    {TCG_OP_vmin, 2, 0, 3, TCG_VEC_UNSIGNED},
    {TCG_OP_vmax, 2, 0, 3, TCG_VEC_UNSIGNED},
    {TCG_OP_vavg, 2, 0, 3, TCG_VEC_UNSIGNED | TCG_VEC_ROUND},
    {TCG_OP_vqadd, 2, 0, 3, TCG_VEC_UNSIGNED | TCG_VEC_MIXED | TCG_VEC_QC},
    {TCG_OP_vqsub, 2, 0, 3, TCG_VEC_UNSIGNED | TCG_VEC_QC},
    {TCG_OP_vcmpeq, 2, 0, 3},
    {TCG_OP_vcmpgt, 2, 0, 3, TCG_VEC_UNSIGNED},
    {TCG_OP_vcmpge, 2, 0, 3, TCG_VEC_UNSIGNED},
    {TCG_OP_vtst, 2, 0, 3},
    {TCG_OP_vshli, 1, 0, 3, 0, IMM_BITS},
    {TCG_OP_vshri, 1, 0, 3, 0, IMM_BITS},
    {TCG_OP_vsari, 1, 0, 3, 0, IMM_BITS},
    {TCG_OP_vshlv, 2, 0, 3, TCG_VEC_UNSIGNED | TCG_VEC_ROUND | TCG_VEC_SAT | TCG_VEC_QC},
    {TCG_OP_vmull, 2, 0, 2, TCG_VEC_UNSIGNED | TCG_VEC_HIGH},
    {TCG_OP_vpmull, 2, 0, 0, TCG_VEC_HIGH},
    {TCG_OP_vpmull, 2, 3, 3, TCG_VEC_HIGH},
    {TCG_OP_vqdmulh, 2, 1, 2, TCG_VEC_ROUND | TCG_VEC_QC},
    {TCG_OP_vqrdmlah, 3, 1, 2, TCG_VEC_NEGATE | TCG_VEC_QC},
    {TCG_OP_vdot, 3, 0, 0, TCG_VEC_UNSIGNED | TCG_VEC_MIXED},
    {TCG_OP_vwiden, 1, 0, 2, TCG_VEC_UNSIGNED | TCG_VEC_HIGH},
    {TCG_OP_vqnarrow, 2, 0, 2, TCG_VEC_UNSIGNED | TCG_VEC_MIXED | TCG_VEC_QC},
    {TCG_OP_vzip, 2, 0, 3, TCG_VEC_HIGH},
    {TCG_OP_vunzip, 2, 0, 3, TCG_VEC_HIGH},
    {TCG_OP_vtrn, 2, 0, 3, TCG_VEC_HIGH},
    {TCG_OP_vext, 2, 0, 0, 0, 16},
    {TCG_OP_vrev, 1, 0, 2, 0, IMM_GROUP},
    {TCG_OP_vtbl, 2},
    {TCG_OP_vrbit, 1},
    {TCG_OP_vclz, 1, 0, 2},
    {TCG_OP_vpopcnt, 1},
    {TCG_OP_vaes, 1, 0, 0, 0, TCG_AES_COUNT},
    {TCG_OP_vsha, 3, 0, 0, 0, TCG_SHA_COUNT},
};

unsigned irgen_vector_ops(void)
{
    return G_N_ELEMENTS(vec_ops);
}

TCGv irgen_vector_op(TCGBuilder *b, IrGenRng *r, unsigned k, TCGv x, TCGv y, TCGv z)
{
    const VecOp *v = &vec_ops[k];
    unsigned aux = vec_aux(r, v->min, v->max, v->flags), esize = aux & TCG_VEC_ESIZE, imm = 0;
    switch (v->imms) {
    case IMM_BITS:
        imm = below(r, 8u << esize);
        break;
    case IMM_ELEMENTS:
        imm = below(r, 16u >> esize);
        break;
    case IMM_GROUP:
        imm = 2u << (esize + below(r, 3 - esize));
        break;
    default:
        imm = v->imms ? below(r, v->imms) : 0;
        break;
    }
    return v->arity == 1   ? tcg_gen_v1i(b, v->opc, aux, x, imm)
           : v->arity == 2 ? tcg_gen_v2i(b, v->opc, aux, x, y, imm)
                           : tcg_gen_v3i(b, v->opc, aux, x, y, z, imm);
}

static void gen_vector_op(Gen *g)
{
    unsigned k = below(&g->r, G_N_ELEMENTS(vec_ops));
    TCGv x = pick(g, TCG_V128), y = pick(g, TCG_V128), z = pick(g, TCG_V128);
    keep(g, irgen_vector_op(g->b, &g->r, k, x, y, z));
}

static void gen_vector_fp(Gen *g)
{
    unsigned aux = fp_aux(g) | TCG_FP_ESIZE(1 + below(&g->r, 3)), imm = 0;
    unsigned esize = tcg_fp_esize(aux),
             opc = TCG_OP_vfadd + below(&g->r, TCG_OP_vfnarrow - TCG_OP_vfadd + 1);
    static const uint16_t part[] = {0, 0, TCG_FP_V64, TCG_FP_V1};
    unsigned low = part[below(&g->r, G_N_ELEMENTS(part))];
    TCGv x = pick(g, TCG_V128), y = pick(g, TCG_V128), z = pick(g, TCG_V128);
    switch (opc) {
    case TCG_OP_vfsqrt:
    case TCG_OP_vfround:
        keep(g, tcg_gen_v1(g->b, opc, aux | low, x));
        break;
    case TCG_OP_vfcvt_fs ... TCG_OP_vfcvt_uf:
        imm = chance(&g->r, 30) ? below(&g->r, (8u << esize) + 1) : 0;
        keep(g, tcg_gen_v1i(g->b, opc, aux | low, x, imm));
        break;
    case TCG_OP_vfwiden:
        aux = esize == 3 ? aux & ~TCG_FP_ESIZE(1) : aux;
        keep(g, tcg_gen_v1i(g->b, opc, aux, x, below(&g->r, 2)));
        break;
    case TCG_OP_vfnarrow:
        aux = esize == 1 ? (aux & ~TCG_FP_ESIZE(3)) | TCG_FP_ESIZE(2) : aux;
        keep(g, tcg_gen_v1(g->b, opc, aux, x));
        break;
    case TCG_OP_vfcmp:
        aux &= ~(TCG_FP_ROUND_MASK | TCG_FP_NOFLAGS);
        keep(g, tcg_gen_v2i(g->b, opc, aux | low, x, y, below(&g->r, TCG_FCOND_COUNT)));
        break;
    case TCG_OP_vfma:
        keep(g, tcg_gen_v3(g->b, opc, aux | low, x, y, z));
        break;
    default:
        keep(g, tcg_gen_v2(g->b, opc, aux | low, x, y));
        break;
    }
}

static void gen_vector(Gen *g)
{
    unsigned esize = below(&g->r, 4), n = below(&g->r, 64);
    TCGv x = pick(g, TCG_V128);
    switch (below(&g->r, 14)) {
    case 0:
        keep(g, tcg_gen_vget(g->b, x, n & 1));
        break;
    case 1:
        keep(g, tcg_gen_vset(g->b, x, pick(g, TCG_I64), n & 1));
        break;
    case 2:
        keep(g, tcg_gen_vdup(g->b, esize, pick(g, esize == 3 ? TCG_I64 : int_type(g))));
        break;
    case 3:
        if (g->o->fp) {
            keep(g, tcg_gen_vld_lo(g->b, pick(g, fp_type(g))));
        }
        break;
    case 4:
        if (g->o->fp) {
            keep(g, tcg_gen_vlow(g->b, fp_type(g), x));
        }
        break;
    case 5:
        keep(g, tcg_gen_vextract(g->b, esize == 3 ? TCG_I64 : int_type(g),
                                 esize | (chance(&g->r, 50) ? TCG_VEC_UNSIGNED : 0), x,
                                 n % (16u >> esize)));
        break;
    case 6:
        keep(g, tcg_gen_vinsert(g->b, esize, x, pick(g, esize == 3 ? TCG_I64 : int_type(g)),
                                n % (16u >> esize)));
        break;
    case 7:
    case 8:
    case 9:
        if (g->o->fp) {
            gen_vector_fp(g);
        }
        break;
    default:
        gen_vector_op(g);
        break;
    }
}

/* An address for an access of the given size, and its displacement. */
static TCGv gen_address(Gen *g, unsigned size_log2, bool aligned, int64_t *disp)
{
    TCGBuilder *b = g->b;
    uint64_t mask = IRGEN_MEM / 2 - 1;
    *disp = 0;
    if (aligned) {
        mask &= ~((UINT64_C(1) << size_log2) - 1);
    }
    if (g->o->faults && chance(&g->r, 3)) {
        mask = UINT64_MAX;
    }
    if (chance(&g->r, 40)) {
        /* Several accesses off one base. */
        Pool *p = &g->pool[TCG_I64];
        if (!g->base || chance(&g->r, 20)) {
            mask = mask == UINT64_MAX ? mask : 0xff0;
            if (g->o->pc32) {
                mask &= UINT32_MAX;
            }
            TCGv low = tcg_gen_andi(b, pick(g, TCG_I64), (int64_t)mask);
            g->base_value = keep(g, tcg_gen_ori(b, low, IRGEN_BASE + 0x2000));
            g->base = p->n - 1;
        }
        *disp = (int)below(&g->r, 256) - 128;
        if (aligned) {
            *disp &= ~15;
        }
        return g->base_value;
    }
    int64_t base = (int64_t)(IRGEN_BASE + (below(&g->r, IRGEN_MEM / 4) & ~15u));
    if (g->o->pc32) {
        TCGv x = tcg_gen_andi(b, pick(g, TCG_I32), (int32_t)mask);
        return tcg_gen_extu(b, tcg_gen_addi(b, x, base));
    }
    TCGv x = tcg_gen_andi(b, pick(g, TCG_I64), (int64_t)mask);
    if (chance(&g->r, 50)) {
        *disp = 16 * (int)below(&g->r, 20) - 160;
        base -= *disp;
    }
    return keep(g, tcg_gen_addi(b, x, base));
}

static void gen_memory(Gen *g)
{
    TCGBuilder *b = g->b;
    TCGType t = any_type(g);
    unsigned size = t == TCG_V128  ? 4
                    : t == TCG_F64 ? 3
                    : t == TCG_F32 ? 2
                                   : below(&g->r, t == TCG_I32 ? 3 : 4);
    TCGMemOp m = size;
    bool aligned = !g->o->misaligned || chance(&g->r, 30);
    int64_t disp;
    if (aligned ? chance(&g->r, 30) : g->o->faults && chance(&g->r, 10)) {
        m = TCG_MO_ALIGNED(size);
    }
    if ((t == TCG_I32 || t == TCG_I64) && chance(&g->r, 50)) {
        m |= TCG_MO_SIGN;
    }
    if (aligned && size < 4 && chance(&g->r, 15)) {
        m |= chance(&g->r, 50) ? TCG_MO_ACQREL : TCG_MO_SC;
    }
    if (t != TCG_V128 && chance(&g->r, 10)) {
        m |= TCG_MO_BE;
    }
    TCGv addr = gen_address(g, size, aligned, &disp);
    unsigned how = below(&g->r, 20);
    if (how < 9) {
        keep(g, tcg_gen_ld(b, t, m, addr, disp));
    } else if (how < 18) {
        tcg_gen_st(b, m & ~TCG_MO_SIGN, addr, disp, pick(g, t));
    } else if (how == 18) {
        tcg_gen_fence(b, 1 + below(&g->r, 15));
    } else if (disp == 0) {
        tcg_gen_probe(b, size, addr, chance(&g->r, 50));
    }
}

static void gen_atomic(Gen *g)
{
    TCGType t = int_type(g);
    unsigned size = below(&g->r, t == TCG_I32 ? 3 : 4);
    TCGMemOp m = TCG_MO_ALIGNED(size) | (chance(&g->r, 50) ? TCG_MO_SIGN : 0) |
                 (const unsigned[]){TCG_MO_PLAIN, TCG_MO_ACQREL, TCG_MO_SC}[below(&g->r, 3)];
    int64_t disp;
    TCGv addr = gen_address(g, size, true, &disp);
    if (disp) {
        addr = tcg_gen_addi(g->b, addr, disp);
    }
    TCGv x = pick(g, t);
    if (chance(&g->r, 60)) {
        keep(g, tcg_gen_atomic_rmw(g->b, t, m, below(&g->r, TCG_RMW_COUNT), addr, x));
    } else {
        /* Half of the time expect what is there. */
        TCGv expect = chance(&g->r, 50) ? tcg_gen_ld(g->b, t, m, addr, 0) : pick(g, t);
        keep(g, tcg_gen_cmpxchg(g->b, t, m, addr, expect, x));
    }
}

static void gen_env(Gen *g)
{
    TCGType t = any_type(g);
    unsigned size = t == TCG_V128  ? 4
                    : t == TCG_F64 ? 3
                    : t == TCG_F32 ? 2
                                   : below(&g->r, t == TCG_I32 ? 3 : 4);
    unsigned room = sizeof(((IrGenState *)0)->scratch) >> size;
    size_t offset = offsetof(IrGenState, scratch) + (below(&g->r, room) << size);
    TCGMemOp m = size;
    if (size < 3 && (t == TCG_I32 || t == TCG_I64) && chance(&g->r, 50)) {
        m |= TCG_MO_SIGN;
    }
    if (chance(&g->r, 50)) {
        keep(g, tcg_gen_ldenv(g->b, t, m, offset));
    } else {
        tcg_gen_stenv(g->b, size, pick(g, t), offset);
    }
}

static void gen_helper(Gen *g, const TCGHelper *h)
{
    TCGv args[TCG_MAX_ARGS];
    for (unsigned i = 0; i < h->nargs; i++) {
        args[i] = pick(g, h->args[i]);
    }
    TCGv v = tcg_gen_call(g->b, h, h->nargs, args);
    if (v.i) {
        keep(g, v);
    }
}

static void gen_setcell(Gen *g)
{
    TCGType t = any_type(g);
    TCGv v = pick(g, t);
    tcg_gen_setcell(g->b, cell_of(g, t), v);
}

static void gen_insn(Gen *g)
{
    tcg_gen_insn_start(g->b, g->pc);
    g->pc += 4;
}

/* ---- control ---- */

static void branch_limits(Gen *g, Pending *p)
{
    for (unsigned t = 0; t < TCG_TYPE_COUNT; t++) {
        p->limit[t] = MIN(p->limit[t], g->pool[t].n);
    }
}

/* Place pending label k; reachable: code falls into it. */
static void place(Gen *g, unsigned k, bool reachable)
{
    Pending p = g->pending[k];
    g->pending[k] = g->pending[--g->npending];
    tcg_gen_label(g->b, p.l);
    gen_insn(g); /* ways that passed different instructions meet */
    for (unsigned t = 0; t < TCG_TYPE_COUNT; t++) {
        g->pool[t].n = reachable ? MIN(g->pool[t].n, p.limit[t]) : p.limit[t];
        if (t == TCG_I64 && g->base >= g->pool[t].n) {
            g->base = 0;
        }
        for (unsigned i = 0; i < g->npending; i++) {
            /* What stands above was replaced by values that other ways do not define. */
            g->pending[i].limit[t] = MIN(g->pending[i].limit[t], g->pool[t].n);
        }
    }
}

static int64_t exit_target(Gen *g)
{
    if (g->o->blocks && chance(&g->r, 70)) {
        return IRGEN_START + IRGEN_BLOCK * below(&g->r, g->o->blocks);
    }
    if (chance(&g->r, 10)) {
        return tcg_unit_of(g->b)->start; /* a loop */
    }
    return (int64_t)(below(&g->r, 0x3000) & ~1u) - 0x1000;
}

/* End the way that is here. */
static void gen_end(Gen *g)
{
    switch (below(&g->r, 8)) {
    case 0:
        tcg_gen_exit_lookup(g->b,
                            g->o->pc32 ? tcg_gen_extu(g->b, pick(g, TCG_I32)) : pick(g, TCG_I64));
        break;
    case 1:
        tcg_gen_exit_main(g->b,
                          g->o->pc32 ? tcg_gen_extu(g->b, pick(g, TCG_I32)) : pick(g, TCG_I64));
        break;
    case 2:
        if (g->o->helpers && g->o->faults) {
            gen_helper(g, &helpers[HELPER_NORETURN]);
            break;
        }
        /* fall through */
    default:
        tcg_gen_exit_direct(g->b, exit_target(g));
        break;
    }
}

static void gen_control(Gen *g)
{
    unsigned how = below(&g->r, 10);
    if (how < 4 && g->npending < MAX_LABELS) {
        Pending *p = &g->pending[g->npending];
        TCGv c = condition(g);
        p->l = tcg_new_label(g->b);
        tcg_gen_br_if(g->b, c, p->l);
        memset(p->limit, 0xff, sizeof(p->limit));
        branch_limits(g, p);
        g->npending++;
    } else if (how < 5 && g->npending) {
        /* another branch to a label that is known already */
        Pending *p = &g->pending[below(&g->r, g->npending)];
        tcg_gen_br_if(g->b, condition(g), p->l);
        branch_limits(g, p);
    } else if (how < 7 && g->npending) {
        unsigned k = below(&g->r, g->npending);
        bool reachable = true;
        if (chance(&g->r, 30)) {
            gen_end(g);
            reachable = false;
        } else if (g->npending > 1 && chance(&g->r, 30)) {
            /* jump over what follows, as an else part does */
            unsigned other = (k + 1) % g->npending;
            tcg_gen_br(g->b, g->pending[other].l);
            branch_limits(g, &g->pending[other]);
            reachable = false;
        }
        place(g, k, reachable);
    } else if (how < 9) {
        TCGv c = condition(g);
        tcg_gen_exit_if(g->b, c, exit_target(g), chance(&g->r, 30));
    }
}

/* More values that live side by side than there are registers; few cells that become one after the
 * other, so that most are only observed by faults and side exits; values that are still at home
 * when their cell is set. */
static void gen_crowd(Gen *g)
{
    static TCGv (*const fn[])(TCGBuilder *, TCGv, TCGv) = {
        tcg_gen_add, tcg_gen_xor, tcg_gen_sub,  tcg_gen_and,  tcg_gen_mul,
        tcg_gen_shl, tcg_gen_or,  tcg_gen_rotr, tcg_gen_mulhu};
    TCGType t = int_type(g);
    unsigned n = 4 + below(&g->r, 12);
    TCGv x[16];

    for (unsigned k = 0; k < n; k++) {
        x[k] = chance(&g->r, 70) ? tcg_gen_getcell(g->b, cell_of(g, t)) : pick(g, t);
    }
    for (unsigned turns = 2 * n; turns > 0; turns--) {
        TCGv *y = &x[below(&g->r, n)];
        *y = fn[below(&g->r, G_N_ELEMENTS(fn))](g->b, *y, x[below(&g->r, n)]);
        tcg_gen_setcell(g->b, cell_of(g, t), x[below(&g->r, n)]);
        if (chance(&g->r, 25)) {
            gen_insn(g);
        }
        if (g->o->control && chance(&g->r, 15)) {
            TCGv c = tcg_gen_setcond(g->b, TCG_I32, TCG_COND_TSTEQ, *y, tcg_const(g->b, t, 1023));
            tcg_gen_exit_if(g->b, c, exit_target(g), false);
        } else if (g->o->memory && chance(&g->r, 15)) {
            gen_memory(g);
        }
    }
    for (unsigned k = 0; k < n; k++) {
        keep(g, x[k]);
    }
}

static void gen_ops(Gen *g, unsigned n_ops)
{
    for (unsigned i = 0; i < n_ops; i++) {
        unsigned n = below(&g->r, 100);
        if (n < 22) {
            gen_binary(g);
        } else if (n < 27) {
            gen_unary(g);
        } else if (n < 33) {
            gen_width(g);
        } else if (n < 36) {
            gen_field(g);
        } else if (n < 40) {
            gen_setcond(g);
        } else if (n < 43) {
            gen_select(g);
        } else if (n < 55) {
            gen_setcell(g);
        } else if (n < 60) {
            gen_insn(g);
        } else if (n < 62) {
            keep(g, tcg_gen_pcrel(g->b, exit_target(g)));
        } else if (n < 64) {
            gen_env(g);
        } else if (n < 72 && g->o->memory) {
            gen_memory(g);
        } else if (n < 75 && g->o->atomics) {
            gen_atomic(g);
        } else if (n < 81 && g->o->fp) {
            gen_fp_arith(g);
        } else if (n < 84 && g->o->fp) {
            gen_fp_convert(g);
        } else if (n < 89 && g->o->fp) {
            gen_fp_bits(g);
        } else if (g->o->vector && (n < 92 || (n < 96 && g->o->fp_all))) {
            gen_vector(g);
        } else if (n < 97 && g->o->control) {
            gen_control(g);
        } else if (n < 99 && g->o->helpers) {
            gen_helper(g, &helpers[below(&g->r, g->o->faults ? HELPER_FAULTS + 1 : HELPER_FAULTS)]);
        } else if (n == 99) {
            gen_crowd(g);
        }
    }
    while (g->npending) {
        unsigned k = below(&g->r, g->npending);
        bool ended = chance(&g->r, 50);
        if (ended) {
            gen_end(g);
        }
        place(g, k, !ended);
        gen_setcell(g);
    }
    gen_end(g);
}

/* Block number k, which has begun. Loops end when there have been enough turns. */
static void gen_block(Gen *g, unsigned k, unsigned n_ops)
{
    const size_t at = offsetof(IrGenState, turns);

    for (unsigned t = 0; t < TCG_TYPE_COUNT; t++) {
        g->pool[t].n = 0;
    }
    g->base = 0;
    g->pc = IRGEN_START + IRGEN_BLOCK * k;
    gen_insn(g);
    TCGv left = tcg_gen_addi(g->b, tcg_gen_ldenv(g->b, TCG_I64, TCG_MO_64, at), -1);
    tcg_gen_stenv(g->b, TCG_MO_64, left, at);
    tcg_gen_exit_if(g->b, tcg_gen_setcondi(g->b, TCG_I32, TCG_COND_LT, left, 0), -4, false);
    /* Cells that hold the same thing, or not, at several exits to here, and are used here. */
    tcg_gen_setcell(
        g->b, CELL_X + 2,
        tcg_gen_xor(g->b, tcg_gen_getcell(g->b, CELL_X + 2), tcg_gen_getcell(g->b, CELL_X + 8)));
    for (unsigned n = below(&g->r, 4); n > 0; n--) {
        TCGv v = chance(&g->r, 50) ? tcg_i64(g->b, below(&g->r, 3)) : tcg_gen_getcell(g->b, CELL_X);
        tcg_gen_setcell(g->b, CELL_X + 8 + below(&g->r, 2), v);
        tcg_gen_exit_if(g->b, condition(g), IRGEN_START + IRGEN_BLOCK * k, chance(&g->r, 30));
        gen_insn(g);
    }
    gen_ops(g, n_ops);
}

/* A region; blocks of `restless` are there once. Returns those that must be added to it. */
static unsigned gen_region(Gen *g, unsigned restless)
{
    unsigned more = 0, n_ops = g->o->nops / g->o->blocks;

    for (unsigned k = 0; k < g->o->blocks; k++) {
        int64_t at = IRGEN_START + IRGEN_BLOCK * k;
        bool loop = chance(&g->r, 60) && !(restless >> k & 1);
        IrGenRng r = g->r;
        tcg_gen_block(g->b, at);
        tcg_gen_loop(g->b, loop ? at : -1);
        gen_block(g, k, n_ops);
        if (loop && tcg_gen_steady_block(g->b)) {
            g->r = r;
            gen_block(g, k, n_ops);
            more |= !tcg_loop_is_steady(g->b) << k;
        }
        tcg_gen_loop(g->b, -1);
    }
    return more;
}

void irgen_unit(TCGBuilder *b, TCGUnit *u, uint64_t seed, const IrGenOptions *o)
{
    Gen *g = g_new0(Gen, 1);
    *g = (Gen){.b = b, .r.s = seed, .o = o};
    u->pc32 = o->pc32;
    tcg_begin(b, u);
    g->pc = u->start = IRGEN_START;
    if (!o->blocks) {
        gen_insn(g);
        gen_ops(g, o->nops);
    }
    for (unsigned restless = 0, more = o->blocks; more;) {
        *g = (Gen){.b = b, .r.s = seed, .o = o};
        tcg_begin(b, u);
        u->start = IRGEN_START;
        more = gen_region(g, restless);
        restless |= more;
    }
    g_free(g);
}

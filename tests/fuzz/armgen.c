/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random user-level Arm programs from the INSN rows, with what they leave behind: registers, flags
 * and memory as the frontend and the IR interpreter have them. tests/fuzz/armrun, a Linux program
 * for the guest architecture, runs them elsewhere and compares.
 *
 *   armgen -o FILE [--isa a64|a32|t32] [--seed N] [--cases N] [--only TEXT]
 *
 * A program is a few dozen instructions and runs once, forward branches included. X28 points into
 * the buffer (AArch32: R10); bases of loads and stores are made from it just before. A T32 program
 * begins with an A32 jump to it.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "tcg/interp.h"
#include "target/arm/a32.h"
#include "tests/fuzz/armuser.h"

enum { REG_BUF = 28, MIDDLE = ARMUSER_SIZE / 2 };

typedef struct Gen {
    GRand *rand;
    ARMConfig *cfg;
    GArray *rows;
    ArmUserCase c;
    uint8_t memory[ARMUSER_SIZE];
    sigjmp_buf out;
    enum { A64, A32, T32 } isa;
    unsigned half;             /* T32: halfwords of code so far */
    bool inner[ARMUSER_WORDS]; /* words that rely on the one before: no targets of branches */
    bool jumps[ARMUSER_WORDS];
    TcgInterp *in;
    const TCGUnit *unit; /* that runs */
} Gen;

static Gen *current;

/* ---- guest memory ---- */

static uint8_t *host(uint64_t addr, unsigned size)
{
    if (addr >= ARMUSER_BUF && addr - ARMUSER_BUF <= ARMUSER_SIZE - size) {
        return current->memory + (addr - ARMUSER_BUF);
    }
    if (addr >= ARMUSER_CODE && addr - ARMUSER_CODE <= sizeof(current->c.code) - size) {
        return (uint8_t *)current->c.code + (addr - ARMUSER_CODE);
    }
    siglongjmp(current->out, 1);
}

static uint64_t extend(uint64_t v, uint32_t memop)
{
    unsigned sh = 64 - (8u << tcg_mo_size(memop));
    return memop & TCG_MO_SIGN ? (uint64_t)((int64_t)(v << sh) >> sh) : v << sh >> sh;
}

static void check(uint64_t addr, uint32_t memop)
{
    if (addr & ((1u << tcg_mo_align(memop)) - 1)) {
        siglongjmp(current->out, 2);
    }
}

static uint64_t mem_ld(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop)
{
    uint64_t v = 0;
    unsigned size = 1u << tcg_mo_size(memop);
    check(addr, memop);
    memcpy(&v, host(addr, size), size);
    if (memop & TCG_MO_BE) {
        v = __builtin_bswap64(v) >> (64 - 8 * size);
    }
    return extend(v, memop);
}

static void mem_st(void *opaque, CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop)
{
    unsigned size = 1u << tcg_mo_size(memop);
    check(addr, memop);
    if (memop & TCG_MO_BE) {
        val = __builtin_bswap64(val) >> (64 - 8 * size);
    }
    memcpy(host(addr, size), &val, size);
}

static uint64_t mem_rmw(void *opaque, CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop)
{
    uint32_t m = memop & 0xffff & ~TCG_MO_SIGN;
    uint64_t old = mem_ld(NULL, env, addr, m), n;
    uint64_t so = extend(old, m | TCG_MO_SIGN), sv = extend(val, m | TCG_MO_SIGN);
    uint64_t uv = extend(val, m);
    switch (memop >> 16) {
    case TCG_RMW_XCHG:
        n = val;
        break;
    case TCG_RMW_ADD:
        n = old + val;
        break;
    case TCG_RMW_AND:
        n = old & val;
        break;
    case TCG_RMW_OR:
        n = old | val;
        break;
    case TCG_RMW_XOR:
        n = old ^ val;
        break;
    case TCG_RMW_SMIN:
        n = (int64_t)so < (int64_t)sv ? old : val;
        break;
    case TCG_RMW_SMAX:
        n = (int64_t)so > (int64_t)sv ? old : val;
        break;
    case TCG_RMW_UMIN:
        n = old < uv ? old : val;
        break;
    default:
        n = old > uv ? old : val;
        break;
    }
    mem_st(NULL, env, addr, n, m);
    return extend(old, memop & 0xffff);
}

static uint64_t mem_cmpxchg(void *opaque, CPUEnv *env, uint64_t addr, uint64_t expect, uint64_t val,
                            uint32_t memop)
{
    uint64_t old = mem_ld(NULL, env, addr, memop & ~TCG_MO_SIGN);
    if (old == extend(expect, memop & ~TCG_MO_SIGN)) {
        mem_st(NULL, env, addr, val, memop);
    }
    return extend(old, memop);
}

static void mem_ld128(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop, uint64_t out[2])
{
    check(addr, memop);
    memcpy(out, host(addr, 16), 16);
}

static void mem_st128(void *opaque, CPUEnv *env, uint64_t addr, const uint64_t val[2],
                      uint32_t memop)
{
    check(addr, memop);
    memcpy(host(addr, 16), val, 16);
}

static void mem_probe(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop, uint32_t store)
{
    check(addr, memop);
    host(addr, 1u << tcg_mo_size(memop));
}

static bool mem_may_call(void *opaque, const TCGHelper *h)
{
    if (h->flags & TCG_HELPER_NORETURN) {
        siglongjmp(current->out, 3);
    }
    return true;
}

static const TcgInterpMem mem = {
    .may_call = mem_may_call,
    .ld = mem_ld,
    .st = mem_st,
    .rmw = mem_rmw,
    .cmpxchg = mem_cmpxchg,
    .ld128 = mem_ld128,
    .st128 = mem_st128,
    .probe = mem_probe,
};

/* ---- random programs ---- */

static unsigned rnd(Gen *g, unsigned n)
{
    return g_rand_int_range(g->rand, 0, (gint32)n);
}

static uint64_t random_value(Gen *g)
{
    static const uint64_t awkward[] = {0,
                                       1,
                                       UINT64_MAX,
                                       INT64_MAX,
                                       (uint64_t)INT64_MIN,
                                       INT32_MAX,
                                       (uint64_t)INT32_MIN,
                                       0x80000000,
                                       0xffffffff,
                                       UINT64_C(0x3ff0000000000000),
                                       UINT64_C(0x7ff0000000000000),
                                       UINT64_C(0x7ff8000000000000),
                                       UINT64_C(0xfff0000000000001),
                                       UINT64_C(0x3f8000007f800000),
                                       UINT64_C(0x000fffff00000001),
                                       UINT64_C(0x3c007c0080007e01)};
    uint64_t r = (uint64_t)g_rand_int(g->rand) << 32 | g_rand_int(g->rand);
    switch (rnd(g, 5)) {
    case 0:
        return awkward[rnd(g, G_N_ELEMENTS(awkward))];
    case 1:
        return rnd(g, 64);
    case 2:
        return (uint64_t)(int64_t)(int32_t)r;
    default:
        return r;
    }
}

static const InsnField *field(const InsnRow *r, const char *name)
{
    for (unsigned i = 0; i < r->nfields; i++) {
        if (!strcmp(r->fields[i].name, name)) {
            return &r->fields[i];
        }
    }
    return NULL;
}

static bool in_file(const InsnRow *r, const char *name)
{
    return strstr(r->file, name) != NULL;
}

static bool is_memory(const InsnRow *r)
{
    return (in_file(r, "a64_ldst") || in_file(r, "a64_atomic")) && field(r, "rn");
}

static bool is_branch(const InsnRow *r)
{
    return in_file(r, "a64_branch");
}

/* Left out: what leaves the program, needs another privilege, or cannot be compared. */
static bool left_out(const InsnRow *r)
{
    static const char *const names[] = {"br", "ret", "blr", "casp"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(r->name, names[i])) {
            return true;
        }
    }
    return in_file(r, "a64_sys") || strstr(r->ext_text, "PAUTH");
}

static void put(Gen *g, uint32_t w)
{
    g->inner[g->c.nwords] = false;
    g->c.code[g->c.nwords++] = w;
}

/* A base register for a memory access: add or sub rn, x28, #n. SP stays a multiple of 16. */
static void put_base(Gen *g, unsigned rn, unsigned align)
{
    unsigned n = rnd(g, 512) & ~(align - 1);
    if (rn == 31) {
        n &= ~15u;
    }
    put(g, (rnd(g, 2) ? 0x91000000 : 0xd1000000) | n << 10 | REG_BUF << 5 | rn);
}

/* Is the encoding one that this program can hold and the manual defines? */
static bool usable(Gen *g, const InsnRow *r, const A64Insn *a, uint32_t w)
{
    bool memory = is_memory(r);
    if (field(r, "rd") && a->rd == REG_BUF) {
        return false;
    }
    if (!memory) {
        return true;
    }
    bool wb = strstr(r->name, "ldst.post") || (w >> 24 & 0x3b) == 0x38;
    if (a->ra == REG_BUF || a->rs == REG_BUF || a->rn == REG_BUF) {
        return false;
    }
    if (in_file(r, "a64_ldst.c") && a->rn != 31 && (a->rd == a->rn || a->ra == a->rn)) {
        return false;
    }
    if (in_file(r, "a64_ldst.c") && field(r, "ra") && a->ra == a->rd) {
        return false;
    }
    if (in_file(r, "a64_ldst") && field(r, "rm") && (a->rm == a->rn || a->rm == REG_BUF)) {
        return false;
    }
    if (in_file(r, "a64_atomic") &&
        ((field(r, "ra") && a->ra == a->rd) || (a->rs == a->rn) ||
         (field(r, "rs") && a->rs == a->rd) || (field(r, "ra") && a->rs == a->ra))) {
        return false;
    }
    (void)wb;
    return true;
}

/* Bits that the row leaves open: those that "should be one". */
static uint32_t open_bits(const InsnRow *r)
{
    uint32_t known = r->mask;
    for (unsigned i = 0; i < r->nfields; i++) {
        known |= insn_field_put(&r->fields[i], 0, UINT32_MAX);
    }
    return ~known;
}

static void put_insn(Gen *g, unsigned row, unsigned room)
{
    const InsnRow *r = &a64_insn_rows[row];
    A64Insn a;
    uint32_t w;
    for (unsigned tries = 0;; tries++) {
        if (tries == 100000) {
            g_error("armgen: no usable encoding of %s", r->name);
        }
        w = r->match | (g_rand_int(g->rand) & ~r->mask) | open_bits(r);
        const InsnField *imm = field(r, "uimm");
        if (imm && is_memory(r)) {
            w = insn_field_put(imm, w, rnd(g, 64));
        }
        imm = field(r, "simm");
        if (imm && (is_branch(r) || strstr(r->name, "ldr"))) {
            w = insn_field_put(imm, w, 1 + rnd(g, room));
        }
        if (field(r, "immr") && field(r, "N")) { /* logical immediates that are not reserved */
            w = w & ~(3u << 10) & ~(~w >> 31 << 22);
        }
        a = (A64Insn){0};
        if (a64_decode32(w, UINT64_MAX, &a) == row && usable(g, r, &a, w)) {
            break;
        }
    }
    unsigned first = g->c.nwords;
    if (is_memory(r)) {
        put_base(g, a.rn, in_file(r, "a64_atomic") ? 16 : 1);
        if (in_file(r, "a64_ldst") && field(r, "rm") && a.rm != 31) {
            put(g, 0xd2800000 | rnd(g, 64) << 5 | a.rm); /* movz rm, #n */
        }
        if (!strcmp(r->name, "stxr") || !strcmp(r->name, "stxp")) {
            put(g, 0xd5033f5f); /* clrex */
        }
    }
    if (!strncmp(r->name, "ldapu", 5) || !strncmp(r->name, "stlu", 4)) {
        w &= ~0x001ff000u; /* aligned */
    }
    put(g, w);
    /* A load-exclusive is followed by its store. */
    if ((!strcmp(r->name, "ldxr") || !strcmp(r->name, "ldxp")) && a.rd != a.rn && a.ra != a.rn) {
        unsigned rs;
        do {
            rs = rnd(g, 31);
        } while (rs == a.rn || rs == a.rd || rs == a.ra || rs == REG_BUF);
        if (strcmp(r->name, "ldxp") || !a.sf) {
            put(g, (w & ~(1u << 22) & ~(31u << 16)) | rs << 16);
        }
    }
    for (unsigned i = first + 1; i < g->c.nwords; i++) {
        g->inner[i] = true;
    }
    g->jumps[first] = is_branch(r);
}

/* Move the targets of branches to where an item begins. */
static void patch_branches(Gen *g)
{
    for (unsigned i = 0; i < g->c.nwords; i++) {
        A64Insn a = {0};
        if (!g->jumps[i]) {
            continue;
        }
        const InsnRow *r = &a64_insn_rows[a64_decode32(g->c.code[i], UINT64_MAX, &a)];
        unsigned to = i + a.imm;
        while (g->inner[to]) {
            to++;
        }
        g->c.code[i] = insn_field_put(field(r, "simm"), g->c.code[i], to - i);
    }
}

/* ---- AArch32 ---- */

enum { REG_BUF32 = 10 };

static bool left_out32(const InsnRow *r)
{
    static const char *const names[] = {
        "pld",  "pli", "clrex", "hlt",       "udf",       "bl",         "blx",    "bx",
        "it",   "tbb", "cbz",   "b",         "b.cond16",  "b.cond32",   "setend", "svc",
        "bkpt", "cps", "hint",  "bl.prefix", "bl.suffix", "blx.suffix", "swp"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(r->name, names[i])) {
            return true;
        }
    }
    if (in_file(r, "t16.c") ? r->match == 0x4800 && r->mask == 0xf800
                            : in_file(r, "t32_ldst") && (r->match >> 16 & 15) == 15) {
        return true; /* literals */
    }
    if (in_file(r, "t32_ldst")) {
        static const char *const wanted[] = {"ldst", "ldr", "ldm", "lda", "stl"};
        for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
            if (g_str_has_prefix(r->name, wanted[i]) || g_str_has_prefix(r->name, "str")) {
                return false;
            }
        }
        return true;
    }
    return in_file(r, "a32_sys");
}

static bool is_memory32(const InsnRow *r)
{
    return in_file(r, "a32_ldst") || in_file(r, "t32_ldst") ||
           (in_file(r, "t16.c") &&
            (g_str_has_prefix(r->name, "ld") || g_str_has_prefix(r->name, "st") ||
             !strcmp(r->name, "push") || !strcmp(r->name, "pop")));
}

static void put16(Gen *g, uint16_t v)
{
    memcpy((uint8_t *)g->c.code + 2 * g->half++, &v, 2);
    g->c.nwords = (g->half + 1) / 2;
}

static void put32(Gen *g, uint32_t w, unsigned bits)
{
    if (g->isa == A32) {
        g->c.code[g->c.nwords++] = w;
    } else {
        if (bits == 32) {
            put16(g, w >> 16);
        }
        put16(g, w);
    }
}

static unsigned decode32(Gen *g, const InsnRow *r, uint32_t w, A32Insn *a)
{
    *a = (A32Insn){0};
    if (g->isa == A32) {
        return a32_decode32(w, UINT64_MAX, a);
    }
    return r->bits == 16 ? t32_decode16(w, UINT64_MAX, a) : t32_decode32(w, UINT64_MAX, a);
}

/* No use of PC, SP as anything but a base, or the buffer's register as a result. */
static bool usable32(Gen *g, const InsnRow *r, const A32Insn *a, uint32_t w)
{
    bool t16 = g->isa == T32 && r->bits == 16, memory = is_memory32(r);
    static const char *const regs[] = {"rd", "rn", "rm", "ra", "rs", "rt2"};
    const uint8_t v[] = {a->rd, a->rn, a->rm, a->ra, a->rs, a->rt2};
    for (unsigned i = 0; i < G_N_ELEMENTS(regs); i++) {
        if (field(r, regs[i]) &&
            (v[i] == 15 || v[i] == REG_BUF32 || (v[i] == 13 && g->isa == T32))) {
            return false;
        }
    }
    if (memory && a->rn == 15) {
        return false;
    }
    if (field(r, "list")) {
        unsigned bad = 1u << 15 | 1u << REG_BUF32 | 1u << a->rn | (g->isa == T32 ? 1u << 13 : 0);
        if ((a->list & bad) || __builtin_popcount(a->list) < 2 || a->S) {
            return false;
        }
    }
    if (memory && (strstr(r->name, "rex") || strstr(r->name, "lex") || strstr(r->name, "aex") ||
                   g_str_has_prefix(r->name, "ldrd") || g_str_has_prefix(r->name, "strd"))) {
        bool pair = field(r, "rt2") && !strstr(r->name, "exb") && !strstr(r->name, "exh");
        if (a->rd == a->rn || a->rm == a->rd || (pair && (a->rt2 == a->rd || a->rt2 == a->rn)) ||
            (g->isa == A32 && ((a->rd & 1) || a->rd >= 8 || (a->rm & 1) || a->rm >= 8 ||
                               a->rn == a->rd + 1 || a->rd == (a->rm & ~1))) ||
            (field(r, "P") && !a->P && a->W)) {
            return false;
        }
    }
    if (memory && !t16 && field(r, "rd") && a->rd == a->rn) {
        return false;
    }
    if (memory && field(r, "rm") && (a->rm == a->rn || (a->form && (a->rm == a->rd)))) {
        return false;
    }
    if (g->isa == A32 && g_str_has_prefix(r->name, "orr") && (a->op & 1) && a->rn) {
        return false; /* MOV, MVN */
    }
    if (field(r, "lsb") && (strstr(r->name, "bfx") ? a->lsb + a->msb > 31 : a->msb < a->lsb)) {
        return false;
    }
    if (memory && a->form && (a->shift || a->amount > 3)) {
        return false;
    }
    if ((field(r, "ra") && a->ra == a->rd) ||
        (!strcmp(r->name, "swp") && (a->rn == a->rm || a->rn == a->rd))) {
        return false;
    }
    if (g_str_has_prefix(r->name, "crc32") && (w >> 28) != 14 && g->isa == A32) {
        return false;
    }
    return true;
}

/* Are the row's open bits ones, or zeros? */
static bool should_be_one(const char *name)
{
    static const char *const ones[] = {"ex",  "lda", "stl", "div", "sel",
                                       "par", "t16", "clz", "rev", "rbit"};
    for (unsigned i = 0; i < G_N_ELEMENTS(ones); i++) {
        if (strstr(name, ones[i])) {
            return true;
        }
    }
    return false;
}

static uint32_t encoding32(Gen *g, unsigned row, A32Insn *a)
{
    const InsnRow *r = g->isa == A32 ? &a32_insn_rows[row] : &t32_insn_rows[row];
    for (unsigned tries = 0; tries < 1000000; tries++) {
        uint32_t open = open_bits(r);
        uint32_t w =
            r->match | (g_rand_int(g->rand) & ~r->mask & ~open) |
            (should_be_one(r->name) && !(g->isa == T32 && strstr(r->name, "sat16")) ? open : 0);
        if (g->isa == T32 && r->bits == 32 && open == 0xf0000) { /* rm twice */
            w = (w & ~0xf0000u) | (w & 15) << 16;
        }
        w &= r->bits == 16 ? 0xffff : UINT32_MAX;
        if (g->isa == A32 && (r->mask >> 28) == 0 && rnd(g, 2)) {
            w = (w & 0x0fffffff) | 0xe0000000;
        }
        if (decode32(g, r, w, a) == row && usable32(g, r, a, w)) {
            return w;
        }
    }
    g_error("armgen: no usable encoding of %s", r->name);
}

static void put_insn32(Gen *g)
{
    unsigned row = g_array_index(g->rows, uint32_t, rnd(g, g->rows->len));
    const InsnRow *r = g->isa == A32 ? &a32_insn_rows[row] : &t32_insn_rows[row];
    A32Insn a;
    uint32_t w = encoding32(g, row, &a);
    bool memory = is_memory32(r);
    unsigned base = field(r, "rn") ? a.rn : 13;
    if (memory && a.rn != 15) {
        /* add base, r10, #n: n a multiple of 8 */
        unsigned n = rnd(g, 16) * 8;
        put32(g, g->isa == A32 ? 0xe28a0000 | base << 12 | n : 0xf20a0000 | base << 8 | n, 32);
        if (a.form) {
            unsigned m = rnd(g, 8) * 8;
            put32(g, g->isa == A32 ? 0xe3a00000 | a.rm << 12 | m : 0xf04f0000 | a.rm << 8 | m, 32);
        }
        if (strstr(r->name, "strex") || strstr(r->name, "stlex")) {
            put32(g, g->isa == A32 ? 0xf57ff01f : 0xf3bf8f2f, 32);
        }
    }
    if (memory && field(r, "imm") && (strstr(r->name, "rd") || strstr(r->name, "rex"))) {
        w = insn_field_put(field(r, "imm"), w, rnd(g, 8) * 8);
    }
    if (memory && field(r, "imm") && field(r, "imm")->width == 12) {
        w = insn_field_put(field(r, "imm"), w, rnd(g, 256));
    }
    bool in_it = g->isa == T32 && !strstr(r->name, "b__") && rnd(g, 3) == 0 && g->half < 110;
    if (in_it) {
        /* One or two instructions under a condition: IT or ITE. */
        put16(g, 0xbf00 | rnd(g, 14) << 4 | 8);
    }
    put32(g, w, r->bits);
    if (g->isa == T32 && base == 13 && memory) {
        put32(g, 0xf20a0d00, 32);
    }
}

static void generate32(Gen *g)
{
    for (unsigned i = 0; i < 32; i++) {
        g->c.before.x[i] = i < 15 ? (uint32_t)g->c.before.x[i] : 0;
    }
    for (unsigned i = 16; i < 32; i++) {
        g->c.before.v[i][0] = g->c.before.v[i][1] = 0;
    }
    g->c.before.x[REG_BUF32] = ARMUSER_BUF + MIDDLE;
    g->c.before.x[13] = ARMUSER_BUF + MIDDLE;
    g->c.before.nzcv |= g_rand_int(g->rand) & 0x080f0000;
    g->half = 0;
    if (g->isa == T32) {
        put16(g, 0xf004);
        put16(g, 0xe51f); /* ldr pc, [pc, #-4] */
        put16(g, ((ARMUSER_CODE + 8) & 0xffff) | 1);
        put16(g, ARMUSER_CODE >> 16);
        while (g->half < 100) {
            put_insn32(g);
        }
        while (g->half & 1) {
            put16(g, 0xbf00);
        }
    } else {
        while (g->c.nwords < 52) {
            if (rnd(g, 12) == 0) {
                /* A conditional branch over the next instruction. */
                g->c.code[g->c.nwords++] = 0x0a000000 | rnd(g, 14) << 28;
                g->c.code[g->c.nwords++] = 0xe1a00000;
            }
            put_insn32(g);
        }
    }
}

static void generate(Gen *g, uint32_t seed)
{
    g_rand_set_seed(g->rand, seed);
    memset(&g->c, 0, sizeof(g->c));
    memset(g->jumps, 0, sizeof(g->jumps));
    g->c.seed = seed;
    for (unsigned i = 0; i < 31; i++) {
        g->c.before.x[i] = random_value(g);
    }
    g->c.before.x[REG_BUF] = ARMUSER_BUF + MIDDLE;
    g->c.before.x[31] = ARMUSER_BUF + MIDDLE;
    for (unsigned i = 0; i < 64; i++) {
        g->c.before.v[i / 2][i & 1] = random_value(g);
    }
    g->c.before.nzcv = g_rand_int(g->rand) & 0xf0000000;
    for (unsigned i = 0; i < ARMUSER_SIZE; i += 8) {
        uint64_t v = random_value(g);
        memcpy(g->c.memory + i, &v, 8);
    }
    if (g->isa != A64) {
        generate32(g);
        return;
    }
    while (g->c.nwords < 48) {
        put_insn(g, g_array_index(g->rows, uint32_t, rnd(g, g->rows->len)), 5);
    }
    /* Branches may go beyond the last instruction. */
    while (g->c.nwords < ARMUSER_WORDS - 1) {
        put(g, 0xd503201f);
    }
    patch_branches(g);
}

/* ---- running ---- */

static void to_env(const ArmUserState *s, ARMEnv *env)
{
    memcpy(env->x, s->x, sizeof(env->x));
    memcpy(env->v, s->v, sizeof(env->v));
    env->nf = (uint64_t)s->nzcv << 32;
    env->zf = !(s->nzcv >> 30 & 1);
    env->cf = s->nzcv >> 29 & 1;
    env->vf = (uint64_t)s->nzcv << 35;
    env->q = s->nzcv >> 27 & 1;
    env->ge = s->nzcv >> 16 & 15;
    env->excl_addr = ARM_EXCL_NONE;
}

static void from_env(ARMEnv *env, ArmUserState *s)
{
    memcpy(s->x, env->x, sizeof(env->x));
    memcpy(s->v, env->v, sizeof(env->v));
    s->nzcv = (uint32_t)(env->nf >> 63) << 31 | (uint32_t)(env->zf == 0) << 30 | env->cf << 29 |
              (uint32_t)(env->vf >> 63) << 28;
    if (env->sys.aarch32) {
        s->nzcv |= (env->q != 0) << 27 | env->ge << 16;
    }
    s->fpcr = arm_fpcr_get(env);
    s->fpsr = arm_fpsr_get(env);
}

/* Instructions from a byte of the code to its end. */
static unsigned count_insns(const Gen *g, unsigned off)
{
    unsigned n = 0;
    if (g->isa != T32) {
        return g->c.nwords - off / 4;
    }
    for (const uint8_t *p = (const uint8_t *)g->c.code; off < g->c.nwords * 4; n++) {
        off += p[off + 1] >> 3 >= 29 ? 4 : 2;
    }
    return n;
}

/* 0: fine; else it faulted. */
static int run(Gen *g, TCGBuilder *b, TCGUnit *u, TcgInterp *in, ARMEnv *env)
{
    static uint8_t page[TLB_PAGE_SIZE];
    CPU cpu = {.model = g->cfg, .env = &env->cpu};
    env->cpu.cpu = &cpu;
    env->cfg = g->cfg;
    arm_fpu_reset(env);
    to_env(&g->c.before, env);
    memcpy(page, g->c.code, sizeof(g->c.code));
    memcpy(g->memory, g->c.memory, sizeof(g->memory));
    env->sys.aarch32 = g->isa != A64;
    env->cpu.pc = ARMUSER_CODE + (g->isa == T32 ? 8 : 0);
    env->cpu.pc_page = ARMUSER_CODE;
    int fault = sigsetjmp(g->out, 0);
    if (fault) {
        return fault;
    }
    while (env->cpu.pc < ARMUSER_CODE + 4 * g->c.nwords) {
        unsigned off = env->cpu.pc - ARMUSER_CODE;
        tcg_unit_reset(u);
        u->start = off;
        tcg_begin(b, u);
        UnitContext uc = {
            .cpu = &cpu,
            .b = b,
            .pc = env->cpu.pc,
            .mode = ARM_MODE_FP | (g->isa == A64   ? 0
                                   : g->isa == A32 ? ARM_MODE_AARCH32
                                                   : ARM_MODE_AARCH32 | ARM_MODE_T),
            .max_insns = count_insns(g, off),
            .page = page,
            .offset = off,
        };
        if (g->isa == A64) {
            a64_translate(&uc);
        } else {
            a32_translate(&uc);
        }
        tcg_optimize(u, TCG_OPT_ALL);
        g->unit = u;
        tcg_interp_run(u, &env->cpu, in);
    }
    from_env(env, &g->c.after);
    g->c.hash = armuser_hash(g->memory);
    return 0;
}

static uint32_t faulting_word(const Gen *g)
{
    unsigned n = tcg_interp_insn(g->in), i = g->unit->start / 4 + n;
    return i < ARMUSER_WORDS ? g->c.code[i] : 0;
}

static void choose_rows(Gen *g, const char *only)
{
    const InsnRow *rows = g->isa == A32 ? a32_insn_rows : t32_insn_rows;
    for (uint32_t i = 1; g->isa != A64 && i < (g->isa == A32 ? A32_INSN_COUNT : T32_INSN_COUNT);
         i++) {
        bool wanted = !only || strstr(rows[i].file, only) || !strcmp(rows[i].name, only);
        if (wanted && !left_out32(&rows[i])) {
            g_array_append_val(g->rows, i);
        }
    }
    for (uint32_t i = 1; g->isa == A64 && i < A64_INSN_COUNT; i++) {
        const InsnRow *r = &a64_insn_rows[i];
        bool wanted = only ? strstr(r->file, only) || !strcmp(r->name, only)
                           : in_file(r, "a64_dp") || in_file(r, "a64_ldst.c") ||
                                 in_file(r, "a64_atomic") || in_file(r, "a64_branch");
        if (wanted && !left_out(r)) {
            g_array_append_val(g->rows, i);
        }
    }
    if (!g->rows->len) {
        g_printerr("armgen: no instruction matches %s\n", only);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    g_autofree char *output = NULL, *only = NULL, *isa = NULL;
    int seed = 1, cases = 1000;
    const GOptionEntry options[] = {
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "cases to write", "FILE"},
        {"isa", 0, 0, G_OPTION_ARG_STRING, &isa, "a64, a32 or t32 (a64)", "ISA"},
        {"seed", 's', 0, G_OPTION_ARG_INT, &seed, "of the first case (1)", "N"},
        {"cases", 'n', 0, G_OPTION_ARG_INT, &cases, "how many (1000)", "N"},
        {"only", 0, 0, G_OPTION_ARG_STRING, &only, "rows of this name, or in files of this name",
         "TEXT"},
        {NULL}};
    GError *err = NULL;
    GOptionContext *oc = g_option_context_new("- random user-level Arm programs");
    g_option_context_add_main_entries(oc, options, NULL);
    if (!g_option_context_parse(oc, &argc, &argv, &err) || !output) {
        g_printerr("armgen: %s\n", err ? err->message : "-o FILE is needed");
        return 1;
    }
    g_option_context_free(oc);
    Gen g = {.rand = g_rand_new(), .rows = g_array_new(FALSE, FALSE, sizeof(uint32_t))};
    g.isa = !isa || !strcmp(isa, "a64") ? A64 : !strcmp(isa, "a32") ? A32 : T32;
    g.cfg = arm_cpu_model_parse("max", 64, &err);
    FILE *f = fopen(output, "wb");
    if (!g.cfg || !f) {
        g_printerr("armgen: %s\n", err ? err->message : "cannot write");
        return 1;
    }
    current = &g;
    choose_rows(&g, only);
    ARMEnv *env = aligned_alloc(64, (sizeof(ARMEnv) + 63) & ~63ul);
    TCGBuilder *b = tcg_builder_new();
    TCGUnit *u = tcg_unit_new(arm_cells, ARM_CELL_COUNT);
    TcgInterp *in = tcg_interp_new();
    tcg_interp_set_mem(in, &mem, NULL);
    g.in = in;
    unsigned faults = 0;
    for (int i = 0; i < cases; i++) {
        memset(env, 0, sizeof(*env));
        generate(&g, (uint32_t)(seed + i));
        int fault = run(&g, b, u, in, env);
        if (fault) {
            faults++;
            if (g_getenv("ARMGEN_VERBOSE")) {
                g_print("seed %u: fault %d in %08x\n", g.c.seed, fault, faulting_word(&g));
            }
            continue;
        }
        fwrite(&g.c, sizeof(g.c), 1, f);
    }
    fclose(f);
    g_print("%d cases, %u faulted and were left out\n", cases - (int)faults, faults);
    tcg_interp_free(in);
    tcg_unit_free(u);
    tcg_builder_free(b);
    free(env);
    g_array_free(g.rows, TRUE);
    g_rand_free(g.rand);
    return 0;
}

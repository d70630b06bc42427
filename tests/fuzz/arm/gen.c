/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random Arm code; see gen.h. What keeps it in its block and in its data:
 *   A64     X16 to X23 are small, X24 to X27 and SP are addresses; X0 to X15 are written (BL: X30)
 *   AArch32 R8 and R9 are small, R10, R11 and SP are addresses; R0 to R7 are written (BL: R14)
 * Addresses change by write-back alone. What depends on the state of the exclusive monitor is in an
 * item with what sets it. IT blocks are items, so are changes of the instruction set and back.
 */
#include "gen.h"
#include <stdlib.h>
#include <string.h>
#include "fuzz_state.h"

/* ---- instruction sets ---- */

static uint64_t a64_extensions(void)
{
    uint64_t e = A64_EXT(BASE);
#define HAS(name) e |= A64_EXT(name);
    A64_ROW_EXTENSIONS(HAS)
#undef HAS
    return e;
}

unsigned gen_udf_bytes(GenIsa isa)
{
    return isa == GEN_T32 ? 2 : 4;
}

static uint32_t udf(GenIsa isa)
{
    return isa == GEN_A64 ? 0 : isa == GEN_A32 ? 0xe7f000f0 : 0xde00;
}

/* The T32 encoding of an A32 one of VFP and Advanced SIMD; see vfp_translate(). */
static uint32_t vfp_to_t32(uint32_t w)
{
    if ((w & 0xfe000000) == 0xf2000000) {
        return 0xef000000 | (w & 0x01000000) << 4 | (w & 0x00ffffff);
    }
    return (w & 0xff000000) == 0xf4000000 ? 0xf9000000 | (w & 0x00ffffff) : w;
}

static uint32_t vfp_from_t32(uint32_t w)
{
    if ((w & 0xef000000) == 0xef000000) {
        return 0xf2000000 | (w >> 4 & 0x01000000) | (w & 0x00ffffff);
    }
    return (w & 0xff000000) == 0xf9000000 ? 0xf4000000 | (w & 0x00ffffff) : w;
}

static const InsnRow *decode(GenIsa isa, uint32_t w, unsigned bits, A32Insn *out)
{
    A64Insn a64 = {0};
    A32Insn a = {0};
    VFPInsn v = {0};
    unsigned id = 0;
    const InsnRow *rows = isa == GEN_A64   ? a64_insn_rows
                          : isa == GEN_A32 ? a32_insn_rows
                                           : t32_insn_rows;
    if (isa == GEN_A64) {
        id = a64_decode32(w, a64_extensions(), &a64);
    } else if (isa == GEN_A32) {
        id = a32_decode32(w, UINT64_MAX, &a);
    } else {
        id = bits == 16 ? t32_decode16(w, UINT64_MAX, &a) : t32_decode32(w, UINT64_MAX, &a);
    }
    if (out) {
        *out = a;
    }
    if (!id && isa != GEN_A64 && bits == 32) {
        id = vfp_decode32(isa == GEN_T32 ? vfp_from_t32(w) : w, UINT64_MAX, &v);
        rows = vfp_insn_rows;
    }
    return id ? &rows[id] : NULL;
}

const InsnRow *gen_decode(GenIsa isa, const uint8_t *p, uint32_t *w, unsigned *bytes)
{
    *bytes = 4;
    memcpy(w, p, 4);
    if (isa == GEN_T32) {
        *bytes = (*w >> 11 & 31) >= 29 ? 4 : 2;
        *w = *bytes == 2 ? *w & 0xffff : *w << 16 | *w >> 16;
    }
    return decode(isa, *w, *bytes * 8, NULL);
}

/* ---- is it defined? ---- */

static A64Ctx *try_context(UnitContext *unit, A64Ctx *c, uint32_t w)
{
    static TCGBuilder *b;
    static TCGUnit *u;
    static ARMConfig cfg;
    if (!b) {
        b = tcg_builder_new();
        u = tcg_unit_new(arm_cells, ARM_CELL_COUNT);
        memset(cfg.feat, 0xff, sizeof(cfg.feat));
    }
    *unit = (UnitContext){.b = b, .mode = ARM_MODE_FP};
    *c = (A64Ctx){
        .unit = unit, .b = b, .cfg = &cfg, .ext = a64_extensions(), .word = w, .mode = ARM_MODE_FP};
    tcg_begin(b, u);
    tcg_gen_insn_start(b, 0);
    return c;
}

/* Does the row's function make an exception of it? w: as in the instruction set. */
static bool undefined(GenIsa isa, const GenRow *r, uint32_t w)
{
    UnitContext unit;
    A64Ctx c;
    try_context(&unit, &c, w);
    if (r->vfp) {
        return !vfp_translate(&c, isa == GEN_T32, 8) || c.ended;
    }
    if (isa == GEN_A64) {
        A64Insn a = {0};
        A64InsnId id = a64_decode32(w, c.ext, &a);
        a64_trans[id](&c, &a);
        return c.ended;
    }
    A32Insn a;
    A32Ctx x = {.c = c, .thumb = isa == GEN_T32, .len = r->row->bits / 8, .cond = 14};
    decode(isa, w, r->row->bits, &a);
    (isa == GEN_A32 ? a32_trans : t32_trans)[r->id](&x, &a);
    return x.c.ended;
}

/* ---- choice ---- */

static const InsnField *field(const InsnRow *r, const char *name)
{
    for (unsigned i = 0; i < r->nfields; i++) {
        if (!strcmp(r->fields[i].name, name)) {
            return &r->fields[i];
        }
    }
    return NULL;
}

static uint32_t put(const InsnRow *r, uint32_t w, const char *name, uint32_t v)
{
    const InsnField *f = field(r, name);
    return f ? insn_field_put(f, w, v) : w;
}

static unsigned get(const InsnRow *r, uint32_t w, const char *name)
{
    const InsnField *f = field(r, name);
    return f ? insn_field_get(f, w) : 0;
}

static bool named(const InsnRow *r, const char *const *names)
{
    for (; *names; names++) {
        if (!strcmp(r->name, *names)) {
            return true;
        }
    }
    return false;
}

static bool in_file(const InsnRow *r, const char *name)
{
    return strstr(r->file, name) != NULL;
}

static bool is_atomic(const InsnRow *r)
{
    return in_file(r, "a64_atomic");
}

/* Rows that do not fit in: control flow, which gen_block() makes, the system, and what the
 * architecture leaves to the implementation. */
static bool left_out(GenIsa isa, const InsnRow *r, bool vfp)
{
    static const char *const a32[] = {
        "pld",        "pli",  "hlt",   "udf",   "bl",       "blx",       "bx",
        "it",         "tbb",  "cbz",   "b",     "b.cond16", "b.cond32",  "setend",
        "svc",        "bkpt", "cps",   "hint",  "adr",      "bl.prefix", "bl.suffix",
        "blx.suffix", "swp",  "cps16", "clrex", "bxj",      "subs.pc",   NULL};
    static const char *const t32_system[] = {"msr", "mrs", "dsb",   "dmb",   "isb",   "sb",
                                             "hvc", "smc", "srsdb", "srsia", "rfedb", "rfeia",
                                             "mrc", "mcr", "mrrc",  "mcrr",  NULL};
    if (vfp) {
        return !strcmp(r->name, "vmsr");
    }
    if (isa == GEN_A64) {
        return in_file(r, "a64_branch") || in_file(r, "a64_sys") || in_file(r, "a64_pauth");
    }
    if (!strcmp(r->name, "ldr") && in_file(r, "t32_ldst")) {
        return (r->match >> 16 & 15) != 15;
    }
    return named(r, a32) || in_file(r, "a32_sys") || (isa == GEN_T32 && named(r, t32_system));
}

static void add_rows(GArray *out, GenIsa isa, const InsnRow *rows, unsigned count, bool vfp,
                     const GPtrArray *only)
{
    for (unsigned id = 1; id < count; id++) {
        const InsnRow *r = &rows[id];
        if (!*r->name || left_out(isa, r, vfp)) {
            continue;
        }
        bool take = !only->len;
        for (unsigned i = 0; i < only->len; i++) {
            const char *t = only->pdata[i];
            take |= strstr(r->file, t) || !strcmp(r->name, t);
        }
        if (take) {
            GenRow row = {r, id, vfp};
            g_array_append_val(out, row);
        }
    }
}

GArray *gen_rows(GenIsa isa, const GPtrArray *only)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(GenRow));
    if (isa == GEN_A64) {
        add_rows(out, isa, a64_insn_rows, A64_INSN_COUNT, false, only);
    } else {
        if (isa == GEN_A32) {
            add_rows(out, isa, a32_insn_rows, A32_INSN_COUNT, false, only);
        } else {
            add_rows(out, isa, t32_insn_rows, T32_INSN_COUNT, false, only);
        }
        add_rows(out, isa, vfp_insn_rows, VFP_INSN_COUNT, true, only);
    }
    return out;
}

/* Bits that the row leaves open. */
static uint32_t open_bits(const InsnRow *r)
{
    uint32_t known = r->mask;
    for (unsigned i = 0; i < r->nfields; i++) {
        known |= insn_field_put(&r->fields[i], 0, UINT32_MAX);
    }
    return r->bits == 16 ? ~known & 0xffff : ~known;
}

/* ---- A64 ---- */

/* Post- and pre-indexed. */
static bool writes_back(const InsnRow *r)
{
    return strstr(r->name, "post") || strstr(r->name, "pre") ||
           (r->match & r->mask & 0x3b200400) == 0x38000400 ||
           ((r->match & 0x3a000000) == 0x28000000 && (r->match & 1u << 23));
}

/* Registers: few of them often, so that results are used; of loads and stores those that hold
 * addresses; what holds addresses or small numbers is never written. */
static uint32_t a64_choose(const GenRow *g, uint32_t w, uint64_t *s)
{
    static const char *const names[] = {"rd", "rn", "rm", "ra", "rs"};
    const InsnRow *r = g->row;
    uint64_t bits = fuzz_random(s);
    bool memory = in_file(r, "ldst") || is_atomic(r),
         simd = in_file(r, "simd") || in_file(r, "_fp") || in_file(r, "crypto");
    bool to_gpr = !simd || strstr(r->name, "to_gpr") || !strcmp(r->name, "umov") ||
                  !strcmp(r->name, "smov") || strstr(r->name, "_int") || strstr(r->name, "fixed") ||
                  strstr(r->name, ".int") || strstr(r->name, "fjcvtzs");
    w |= open_bits(r);
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++, bits >>= 8) {
        const InsnField *f = field(r, names[i]);
        if (f && f->width == 5) {
            w = insn_field_put(f, w, bits & 1 ? bits >> 1 & 7 : bits >> 1 & 31);
        }
    }
    if (to_gpr) {
        uint64_t k = fuzz_random(s);
        w = put(r, w, "rd", k & 15);
        w = memory ? put(r, put(r, w, "ra", k >> 8 & 15), "rs", k >> 16 & 15) : w;
    }
    if (memory) {
        uint64_t k = fuzz_random(s);
        bool wb = writes_back(r) || is_atomic(r);
        w = put(r, w, "rn", !wb && (k & 7) == 7 ? 31 : 24 + (k & 3));
        w = put(r, w, "rm", wb && (k & 8) ? 31 : 16 + (k >> 4 & 7));
        if ((r->match & r->mask & 0x3b000000) == 0x18000000) { /* literals */
            w = put(r, w, "simm", (uint32_t)(k >> 8 & 0x7ff) - 0x400);
        }
    }
    if (field(r, "immr") && field(r, "N")) { /* logical immediates that are not reserved */
        w = w & ~(3u << 10) & ~(~w >> 31 << 22);
    }
    return w;
}

static bool a64_usable(const GenRow *g, uint32_t w)
{
    const InsnRow *r = g->row;
    unsigned rd = get(r, w, "rd"), ra = get(r, w, "ra"), rs = get(r, w, "rs");
    if (in_file(r, "a64_ldst.c") && field(r, "ra") && ra == rd) {
        return false;
    }
    if (!is_atomic(r)) {
        return true;
    }
    return !(field(r, "ra") && ra == rd && !field(r, "rs")) &&
           !(field(r, "rs") && !strncmp(r->name, "stx", 3) && (rs == rd || rs == ra));
}

/* ---- AArch32 ---- */

static bool is_exclusive(const InsnRow *r)
{
    return strstr(r->name, "rex") || strstr(r->name, "lex") || strstr(r->name, "aex");
}

static bool is_store_exclusive(const InsnRow *r)
{
    return !strncmp(r->name, "strex", 5) || !strncmp(r->name, "stlex", 5);
}

static bool needs_alignment(const InsnRow *r)
{
    return is_exclusive(r) || !strncmp(r->name, "lda", 3) || !strncmp(r->name, "stl", 3) ||
           !strncmp(r->name, "ldrd", 4) || !strncmp(r->name, "strd", 4) ||
           !strncmp(r->name, "ldm", 3) || !strncmp(r->name, "stm", 3) || field(r, "align");
}

static bool is_memory32(const GenRow *g)
{
    const InsnRow *r = g->row;
    if (g->vfp) {
        return !strncmp(r->name, "vld", 3) || !strncmp(r->name, "vst", 3);
    }
    return in_file(r, "a32_ldst") || in_file(r, "t32_ldst") ||
           (in_file(r, "t16.c") && (!strncmp(r->name, "ld", 2) || !strncmp(r->name, "st", 2) ||
                                    !strcmp(r->name, "push") || !strcmp(r->name, "pop")));
}

bool gen_row_stores(const GenRow *r)
{
    return in_file(r->row, "ldst") || is_atomic(r->row) || is_memory32(r);
}

/* Core registers: R10 and R11 are addresses, R0 to R7 may be written. */
static uint32_t vfp_choose(const GenRow *g, uint32_t w, uint64_t *s)
{
    const InsnRow *r = g->row;
    uint64_t k = fuzz_random(s);
    w = put(r, w, "rd", !strcmp(r->name, "vmrs") && (k & 1) ? 15 : k >> 1 & 7);
    w = put(r, w, "rt2", k >> 4 & 7);
    w = put(r, w, "reg", 1);
    if (is_memory32(g)) {
        w = put(r, w, "rn", 10 + (k >> 8 & 1));
        w = put(r, w, "rm", k >> 10 & 1 ? 15 : k >> 11 & 1 ? 13 : 8 + (k >> 12 & 1));
    }
    /* VTRN, VUZP and VZIP of a register with itself are UNKNOWN. */
    bool both = strstr(r->name, "vtrn") || strstr(r->name, "vuzp") || strstr(r->name, "vzip");
    /* Few registers often, so that results are used. */
    if (!both && k >> 16 & 1) {
        w &= ~(fuzz_random(s) & 0x00400080u);
    }
    if (both && (w >> 12 & 15) == (w & 15)) {
        w ^= 2;
    }
    return field(r, "cond") ? (w & 0x0fffffff) | 0xe0000000 : w;
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

static unsigned pick(uint64_t *s, const uint8_t *from, unsigned n)
{
    return from[fuzz_random(s) % n];
}

static uint32_t a32_choose(GenIsa isa, const GenRow *g, uint32_t w, uint64_t *s)
{
    static const uint8_t results[] = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 12, 14};
    static const char *const sources[] = {"rn", "rm", "rs"};
    const InsnRow *r = g->row;
    bool t16 = r->bits == 16, memory = is_memory32(g);
    uint32_t open = open_bits(r);
    uint64_t k = fuzz_random(s);
    w &= ~open;
    w |= should_be_one(r->name) && !(isa == GEN_T32 && strstr(r->name, "sat16")) ? open : 0;
    static const char *const written[] = {"rd", "ra", "rt2"};
    for (unsigned i = 0; i < 3; i++) {
        const InsnField *f = field(r, written[i]);
        if (f && f->width == 4) {
            w = insn_field_put(f, w, pick(s, results, memory ? 8 : sizeof(results)));
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        const InsnField *f = field(r, sources[i]);
        if (f && f->width == 4) {
            w = insn_field_put(
                f, w, k >> (8 * i) & 1 ? k >> (8 * i + 1) & 7 : (k >> (8 * i + 1) & 15) % 15);
        }
    }
    /* The PC as an operand. */
    if (isa == GEN_A32 && in_file(r, "a32_dp") && !field(r, "rs") && field(r, "op") &&
        (k >> 24 & 15) == 0) {
        w = put(r, w, "rn", 15);
    }
    if (memory && !t16) {
        w = put(r, w, "rn",
                needs_alignment(r) ? 10 + (k >> 32 & 1) : "\x0a\x0b\x0d\x0a"[k >> 32 & 3]);
        if (field(r, "form") || field(r, "amount") ||
            (field(r, "rm") && !is_exclusive(r) && strncmp(r->name, "stl", 3))) {
            w = put(r, w, "rm", 8 + (k >> 34 & 1));
        }
        w = put(r, w, "shift", (k >> 35 & 3) % 3);
        w = get(r, w, "shift") == 0 ? put(r, w, "amount", k >> 37 & 3) : w;
        const InsnField *imm = field(r, "imm");
        if (imm && (k >> 40 & 15)) {
            w = insn_field_put(imm, w, insn_field_get(imm, w) & ~(needs_alignment(r) ? 7u : 3u));
        }
        if (field(r, "list")) {
            w = put(r, w, "list", (k >> 44) & 0x50ff);
        }
        if (is_exclusive(r) || !strncmp(r->name, "swp", 3) || !strncmp(r->name, "stl", 3)) {
            w = put(r, w, "rm", k >> 60 & 7);
        }
    }
    if (isa == GEN_T32 && r->bits == 32 && open == 0xf0000) { /* rm twice */
        w = (w & ~0xf0000u) | (w & 15) << 16;
    }
    if (t16 && !strcmp(r->name, "pop")) {
        w &= ~0x100u;
    }
    if (isa == GEN_A32 && (r->mask >> 28) == 0 && k >> 60 & 1) {
        w = (w & 0x0fffffff) | 0xe0000000;
    }
    return w;
}

/* Not what the manual leaves open, not the PC or (T32) SP as an operand, no address as a result. */
static bool a32_usable(GenIsa isa, const GenRow *g, uint32_t w)
{
    const InsnRow *r = g->row;
    bool t16 = r->bits == 16, memory = is_memory32(g);
    A32Insn a;
    decode(isa, w, r->bits, &a);
    static const char *const dest[] = {"rd", "ra", "rt2"};
    const uint8_t d[] = {a.rd, a.ra, a.rt2};
    for (unsigned i = 0; i < 3; i++) {
        if (field(r, dest[i]) && (d[i] == 13 || d[i] == 15 || (d[i] >= 8 && d[i] <= 11))) {
            return false;
        }
    }
    static const char *const regs[] = {"rn", "rm", "rs"};
    const uint8_t v[] = {a.rn, a.rm, a.rs};
    for (unsigned i = 0; i < 3; i++) {
        bool base = memory && i == 0;
        if (field(r, regs[i]) && ((v[i] == 15 && !(isa == GEN_A32 && i == 0 && !memory)) ||
                                  (v[i] == 13 && isa == GEN_T32 && !base))) {
            return false;
        }
    }
    if (field(r, "list")) {
        unsigned bad = 0x8f00 | 1u << a.rn | (isa == GEN_T32 ? 1u << 13 : 0);
        unsigned n = __builtin_popcount(a.list);
        if ((a.list & bad) || n < (t16 ? 1 : 2) || a.S) {
            return false;
        }
    }
    if (memory &&
        (is_exclusive(r) || !strncmp(r->name, "ldrd", 4) || !strncmp(r->name, "strd", 4))) {
        bool pair = field(r, "rt2") != NULL;
        if (a.rd == a.rn || a.rm == a.rd || (pair && (a.rt2 == a.rd || a.rt2 == a.rn)) ||
            (isa == GEN_A32 &&
             ((a.rd & 1) || a.rd >= 8 || (is_exclusive(r) && ((a.rm & 1) || a.rm >= 8)) ||
              a.rd == (a.rm & ~1))) ||
            (field(r, "P") && !a.P && a.W)) {
            return false;
        }
    }
    if (memory && !t16 && field(r, "rd") && a.rd == a.rn) {
        return false;
    }
    if (memory && field(r, "rm") && (a.rm == a.rn || (a.form && a.rm == a.rd))) {
        return false;
    }
    if (isa == GEN_A32 && !strncmp(r->name, "orr", 3) && (a.op & 1) && a.rn) {
        return false; /* MOV, MVN */
    }
    if (field(r, "lsb") && (strstr(r->name, "bfx") ? a.lsb + a.msb > 31 : a.msb < a.lsb)) {
        return false;
    }
    if (field(r, "ra") && a.ra == a.rd) {
        return false;
    }
    return strncmp(r->name, "crc32", 5) || isa != GEN_A32 || w >> 28 == 14;
}

/* ---- code ---- */

static void emit(GenCode *g, uint32_t w, unsigned bits)
{
    if (g->isa == GEN_T32) {
        w = bits == 16 ? w : w << 16 | w >> 16;
    }
    memcpy(g->code + g->bytes, &w, bits / 8);
    g->bytes += bits / 8;
}

static void emit4(GenCode *g, uint32_t w)
{
    emit(g, w, 32);
}

static void begin_item(GenCode *g)
{
    g->starts[g->items++] = g->bytes;
}

/* One instruction: as the instruction set has it. */
static uint32_t random_insn(GenIsa isa, const GArray *rows, const GenRow **row, uint64_t *s)
{
    const GenRow *r = NULL;
    for (unsigned tries = 0;; tries++) {
        if (tries % 4096 == 0) { /* another one, if this has nothing to offer */
            r = &g_array_index(rows, GenRow, fuzz_random(s) % rows->len);
        }
        uint32_t w = r->row->match | ((uint32_t)fuzz_random(s) & ~r->row->mask);
        w = r->row->bits == 16 ? w & 0xffff : w;
        w = isa == GEN_A64 ? a64_choose(r, w, s)
            : r->vfp       ? vfp_choose(r, w, s)
                           : a32_choose(isa, r, w, s);
        if (!insn_row_matches(r->row, w)) {
            continue;
        }
        w = r->vfp && isa == GEN_T32 ? vfp_to_t32(w) : w;
        if (decode(isa, w, r->row->bits, NULL) != r->row ||
            !(isa == GEN_A64 ? a64_usable(r, w) : r->vfp || a32_usable(isa, r, w))) {
            continue;
        }
        if (undefined(isa, r, w) && (isa != GEN_A64 || (fuzz_random(s) & 127))) {
            continue;
        }
        *row = r;
        return w;
    }
}

static void a64_item(GenCode *g, const GArray *rows, uint64_t *s)
{
    const GenRow *row;
    uint32_t w = random_insn(GEN_A64, rows, &row, s);
    const InsnRow *r = row->row;
    unsigned rn = w >> 5 & 31;
    if (!is_atomic(r)) {
        emit4(g, w);
        return;
    }
    emit4(g, 0x927ced00 | rn << 5 | rn); /* and rn, rn, #-16 */
    bool pair = !strcmp(r->name, "ldxp");
    if (!strncmp(r->name, "ldapu", 5) || !strncmp(r->name, "stlu", 4)) {
        w &= ~0x0000f000u;
    }
    if (!strncmp(r->name, "stx", 3)) {
        emit4(g, 0xd5033f5f); /* clrex */
    }
    emit4(g, w);
    if (pair || !strcmp(r->name, "ldxr")) {
        unsigned rd = w & 31, ra = pair ? w >> 10 & 31 : 31, rs = 0;
        while (rs == rd || rs == ra) {
            rs++;
        }
        if (fuzz_random(s) & 3) { /* its store, or nothing */
            emit4(g, (w & ~(1u << 22) & ~(31u << 16)) | rs << 16);
        }
        emit4(g, 0xd5033f5f);
    }
}

static bool goes_into_it(const GenRow *r)
{
    static const char *const never[] = {"crc32", "crc32c", "cps", NULL};
    return !named(r->row, never) && !needs_alignment(r->row) &&
           !(r->vfp && (r->row->match >> 28 & r->row->mask >> 28) == 15);
}

static void a32_item(GenCode *g, const GArray *rows, uint64_t *s)
{
    const GenRow *row[4];
    uint32_t w[4];
    unsigned n = 1, memory = 0;
    GenIsa isa = g->isa;
    bool t32 = isa == GEN_T32;
    w[0] = random_insn(isa, rows, &row[0], s);
    if (t32 && (fuzz_random(s) & 3) == 0 && goes_into_it(row[0])) {
        for (unsigned k = fuzz_random(s) & 3; k; k--) {
            w[n] = random_insn(isa, rows, &row[n], s);
            n += goes_into_it(row[n]) && !is_memory32(row[n]);
        }
        memory = 1;
    }
    const InsnRow *r = row[0]->row;
    if (is_memory32(row[0])) {
        unsigned rn = w[0] >> 16 & 15, rm = get(r, w[0], "rm");
        rn = r->bits == 16 ? get(r, w[0], "rn") : rn;
        if (r->bits == 16 && field(r, "rn")) {
            emit(g, 0x4600 | (10 + (fuzz_random(s) & 1)) << 3 | rn, 16); /* mov rn, r10 */
            if (field(r, "rm")) {
                emit(g, 0x4600 | 8 << 3 | rm, 16);
            }
        } else if (needs_alignment(r) && r->bits == 32) { /* bic rn, rn, #31 */
            emit4(g, t32 ? 0xf020001f | rn << 16 | rn << 8 : 0xe3c0001f | rn << 16 | rn << 12);
        }
        if (is_store_exclusive(r)) {
            emit4(g, t32 ? 0xf3bf8f2f : 0xf57ff01f); /* clrex */
        }
    }
    if (memory) {
        /* IT: a mask that ends behind n instructions, then or else as it comes. */
        unsigned cond = fuzz_random(s) % 14, m = 1u << (4 - n);
        m |= fuzz_random(s) & 15 & ~(2 * m - 1);
        emit(g, 0xbf00 | cond << 4 | m, 16);
    }
    for (unsigned i = 0; i < n; i++) {
        emit(g, w[i], row[i]->row->bits);
    }
    if (is_exclusive(r) && !is_store_exclusive(r)) {
        emit4(g, t32 ? 0xf3bf8f2f : 0xf57ff01f);
    }
}

void gen_item(GenCode *g, const GArray *rows, uint64_t *s)
{
    begin_item(g);
    (g->isa == GEN_A64 ? a64_item : a32_item)(g, rows, s);
}

/* ---- branches and what is not of a row ---- */

enum {
    BR_IMM26, /* A64 */
    BR_IMM19,
    BR_IMM14,
    BR_ADR,
    BR_A32, /* B, BL */
    BR_A32_ADD,
    BR_T16_COND,
    BR_T16,
    BR_T16_CBZ,
    BR_T32_COND,
    BR_T32,
    BR_T32_ADR,
};

static void branch(GenCode *g, unsigned kind, uint32_t w, unsigned bits)
{
    g->branches[g->nbranches].at = g->bytes;
    g->branches[g->nbranches++].kind = kind;
    emit(g, w, bits);
}

static void a64_branch(GenCode *g, uint64_t *s)
{
    static const uint32_t indirect[] = {0xd61f01e0, 0xd63f01e0, 0xd65f01e0}; /* br, blr, ret x15 */
    uint64_t k = fuzz_random(s);
    switch (k & 7) {
    case 0:
        branch(g, BR_IMM26, 0x14000000, 32);
        return;
    case 1:
        branch(g, BR_IMM26, 0x94000000, 32);
        return;
    case 2:
    case 3:
        branch(g, BR_IMM19, 0x54000000 | (k >> 8 & 15), 32);
        return;
    case 4:
        branch(g, BR_IMM19, 0x34000000 | (k >> 8 & 0x81) << 24 | (k >> 16 & 31), 32);
        return;
    case 5:
        branch(g, BR_IMM14, 0x36000000 | (k >> 8 & 0x81) << 24 | (k >> 16 & 0xf8001f), 32);
        return;
    case 6:
        branch(g, BR_ADR, 0x1000000f, 32);
        emit4(g, indirect[(k >> 8) % 3]);
        return;
    default: /* NZCV, FPCR and FPSR */
        switch (k >> 8 & 3) {
        case 0:
            emit4(g, 0xd53b4200 | (k >> 16 & 15));
            return;
        case 1:
            emit4(g, 0xd51b4200 | (k >> 16 & 31));
            return;
        case 2:
            emit4(g, 0xd53b4400 | (k >> 24 & 1) << 5 | (k >> 16 & 15));
            return;
        default:
            emit4(g, 0xd2a0f90f); /* mov x15, #0x07c80000 */
            emit4(g, 0x8a0001ef | (uint32_t)(k >> 16 & 15) << 16);
            emit4(g, 0xd51b440f);
        }
    }
}

/* Some instructions of the other set, which change some registers. */
static void other_set(GenCode *g, uint64_t *s)
{
    uint64_t k = fuzz_random(s);
    GenIsa isa = g->isa;
    if (isa == GEN_A32) {
        emit4(g, 0xe28f7001); /* add r7, pc, #1; bx r7 */
        emit4(g, 0xe12fff17);
        g->isa = GEN_T32;
        emit(g, 0x1840 | (k & 0x1ff), 16);                         /* adds */
        emit(g, 0x4140 | (k >> 16 & 0x3f), 16);                    /* adcs */
        emit4(g, 0xeb100000 | (k >> 24 & 7) << 8 | (k >> 32 & 7)); /* adds.w */
        emit(g, 0x4778, 16);                                       /* bx pc */
        emit(g, 0x46c0, 16);
    } else {
        if (g->bytes & 2) {
            emit(g, 0x46c0, 16);
        }
        emit(g, 0x4778, 16);
        emit(g, 0x46c0, 16);
        g->isa = GEN_A32;
        emit4(g, 0x00900000 | (uint32_t)(k & 7) << 16 | (k >> 8 & 7) << 12 | (k >> 16 & 0xf67) |
                     (uint32_t)((k >> 32) % 14) << 28); /* adds<c> */
        emit4(g, 0xe0b00000 | (k >> 40 & 7) << 16 | (k >> 43 & 7) << 12 | (k >> 46 & 7));
        emit4(g, 0xe28f7001);
        emit4(g, 0xe12fff17);
    }
    g->isa = isa;
}

static void a32_branch(GenCode *g, uint64_t *s)
{
    static const uint32_t indirect[] = {0xe12fff17, 0xe12fff37, 0xe1a0f007}; /* bx, blx, mov pc */
    uint64_t k = fuzz_random(s);
    switch (k & 7) {
    case 0:
    case 1:
    case 2:
        branch(g, BR_A32, 0x0a000000 | (uint32_t)((k >> 8) % 15) << 28, 32);
        return;
    case 3:
        branch(g, BR_A32, 0x0b000000 | (uint32_t)((k >> 8) % 15) << 28, 32);
        return;
    case 4:
        branch(g, BR_A32_ADD, 0xe28f7000, 32);
        emit4(g, indirect[(k >> 8) % 3]);
        return;
    case 5:
        other_set(g, s);
        return;
    case 6: /* FPSCR: rounding mode, FZ, DN, AHP, QC */
        emit4(g, 0xe3a07500 | (k >> 8 & 0x3f));
        emit4(g, 0xeee17a10);
        return;
    default:
        emit4(g, k >> 8 & 1 ? 0xe10f0000 | (k >> 16 & 7) << 12 : 0xe128f000 | (k >> 16 & 7));
    }
}

static void t32_branch(GenCode *g, uint64_t *s)
{
    static const uint32_t indirect[] = {0x4738, 0x47b8, 0x46bf};
    uint64_t k = fuzz_random(s);
    switch (k & 15) {
    case 0:
    case 1:
        branch(g, BR_T16_COND, 0xd000 | (k >> 8) % 14 << 8, 16);
        return;
    case 2:
        branch(g, BR_T16, 0xe000, 16);
        return;
    case 3:
    case 4:
        branch(g, BR_T16_CBZ, 0xb100 | (k >> 8 & 0x807), 16);
        return;
    case 5:
    case 6:
        branch(g, BR_T32_COND, 0xf0008000 | (uint32_t)((k >> 8) % 14) << 22, 32);
        return;
    case 7:
        branch(g, BR_T32, 0xf0009000, 32);
        return;
    case 8:
    case 9:
        branch(g, BR_T32, 0xf000d000, 32);
        return;
    case 10:
    case 11:
        branch(g, BR_T32_ADR, 0xf20f0700, 32);
        emit(g, indirect[(k >> 8) % 3], 16);
        return;
    case 12:
    case 13:
        other_set(g, s);
        return;
    case 14:
        emit4(g, 0xf2c00700 | (k >> 8 & 0xf) << 16); /* movt r7, #x000 */
        emit4(g, 0xf0270740);                        /* bic r7, r7, #64 */
        emit4(g, 0xf0070780);                        /* and r7, r7, #128 */
        emit4(g, 0xeee17a10);
        return;
    default:
        emit4(g, k >> 8 & 1 ? 0xf3ef8000 | (k >> 16 & 7) << 8 : 0xf3808800 | (k >> 16 & 7) << 16);
    }
}

/* Where the branch may go: from, and no farther than. */
static bool reach(unsigned kind, unsigned at, unsigned to)
{
    unsigned d = to - at;
    switch (kind) {
    case BR_ADR:
    case BR_A32_ADD:
        return d >= 8 && d - 8 < 256;
    case BR_T16_COND:
        return d >= 2 && d < 240;
    case BR_T16:
        return d >= 2;
    case BR_T16_CBZ:
        return d >= 4 && d < 120;
    case BR_T32_ADR:
        return d >= 6;
    default:
        return d >= 4;
    }
}

static uint32_t t32_offset(uint32_t w, int32_t off, bool cond)
{
    uint32_t v = (uint32_t)off;
    if (cond) {
        return w | (v >> 20 & 1) << 26 | (v >> 18 & 1) << 13 | (v >> 19 & 1) << 11 |
               (v >> 12 & 0x3f) << 16 | (v >> 1 & 0x7ff);
    }
    uint32_t sign = v >> 24 & 1, j1 = !((v >> 23 & 1) ^ sign), j2 = !((v >> 22 & 1) ^ sign);
    return w | sign << 26 | j1 << 13 | j2 << 11 | (v >> 12 & 0x3ff) << 16 | (v >> 1 & 0x7ff);
}

static uint32_t with_target(unsigned kind, uint32_t w, unsigned at, unsigned to)
{
    int32_t d = (int32_t)(to - at);
    unsigned base;
    switch (kind) {
    case BR_IMM26:
        return w | (uint32_t)d >> 2;
    case BR_IMM19:
        return w | (uint32_t)d >> 2 << 5;
    case BR_IMM14:
        return w | (uint32_t)d >> 2 << 5;
    case BR_ADR:
        return w | (uint32_t)d >> 2 << 5;
    case BR_A32:
        return w | ((uint32_t)(d - 8) >> 2 & 0xffffff);
    case BR_A32_ADD:
        return w | (uint32_t)(d - 8);
    case BR_T16_COND:
        return w | ((uint32_t)(d - 4) >> 1 & 0xff);
    case BR_T16:
        return w | ((uint32_t)(d - 4) >> 1 & 0x7ff);
    case BR_T16_CBZ:
        d -= 4;
        return w | (uint32_t)(d >> 6 & 1) << 9 | (uint32_t)(d >> 1 & 31) << 3;
    case BR_T32_COND:
        return t32_offset(w, d - 4, true);
    case BR_T32:
        return t32_offset(w, d - 4, false);
    default:
        base = (at + 4) & ~3u;
        d = (int32_t)(to - base) + 1;
        return w | (uint32_t)(d >> 11 & 1) << 26 | (uint32_t)(d >> 8 & 7) << 12 | (d & 0xff);
    }
}

static void set_targets(GenCode *g, uint64_t *s)
{
    for (unsigned i = 0; i < g->nbranches; i++) {
        unsigned at = g->branches[i].at, kind = g->branches[i].kind, to[4], n = 0;
        for (unsigned k = 0; k <= g->items && n < 4; k++) {
            unsigned t = k < g->items ? g->starts[k] : g->bytes;
            if (t > at && reach(kind, at, t)) {
                to[n++] = t;
            }
        }
        uint32_t w = 0;
        bool wide = kind != BR_T16_COND && kind != BR_T16 && kind != BR_T16_CBZ;
        memcpy(&w, g->code + at, wide ? 4 : 2);
        bool swap = wide && g->isa == GEN_T32;
        w = swap ? w << 16 | w >> 16 : w;
        w = with_target(kind, w, at, to[fuzz_random(s) % n]);
        w = swap ? w << 16 | w >> 16 : w;
        memcpy(g->code + at, &w, wide ? 4 : 2);
    }
}

static void end_block(GenCode *g)
{
    uint32_t w = udf(g->isa);
    emit(g, w, gen_udf_bytes(g->isa) * 8);
}

void gen_block(GenCode *g, GenIsa isa, const GArray *rows, bool branches, unsigned length,
               uint64_t *s)
{
    g->isa = isa;
    g->bytes = g->items = g->nbranches = 0;
    for (unsigned i = 0; i < length; i++) {
        if (branches && (fuzz_random(s) & 7) == 0) {
            begin_item(g);
            (isa == GEN_A64 ? a64_branch : isa == GEN_A32 ? a32_branch : t32_branch)(g, s);
        } else {
            gen_item(g, rows, s);
        }
    }
    if (isa == GEN_T32 && g->nbranches && (g->bytes & 2)) {
        begin_item(g);
        emit(g, 0x46c0, 16); /* something to jump to behind a compare and branch at the end */
    }
    if (g->nbranches) {
        begin_item(g);
        emit(g,
             isa == GEN_A64   ? 0xd503201f
             : isa == GEN_A32 ? 0xe1a00000
                              : 0xbf00,
             isa == GEN_T32 ? 16 : 32);
    }
    if (isa == GEN_T32 && g->nbranches) {
        begin_item(g);
        emit(g, 0xbf00, 16);
    }
    set_targets(g, s);
    end_block(g);
}

bool gen_word(GenCode *g, GenIsa isa, uint32_t match, uint32_t mask, uint64_t *s)
{
    uint32_t w = match | ((uint32_t)fuzz_random(s) & ~mask);
    const InsnRow *row = decode(isa, w, 32, NULL);
    g->isa = isa;
    g->bytes = g->items = g->nbranches = 0;
    if (row && (!strcmp(row->name, "vmsr") || !strcmp(row->name, "vmrs") ||
                is_memory32(&(GenRow){row, 0, true}))) {
        return false;
    }
    begin_item(g);
    emit4(g, w);
    end_block(g);
    return true;
}

void gen_cut(GenCode *out, const GenCode *g, unsigned item)
{
    *out = *g;
    for (unsigned i = item; i < g->items; i++) {
        out->bytes = g->starts[i];
        end_block(out);
    }
    out->bytes = g->bytes;
}

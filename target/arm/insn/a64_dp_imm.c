/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 data processing with immediates (DDI 0487, C4.1.92): addresses, add and subtract, logical,
 * wide moves, bitfields, extract.
 *
 * Test: tests/unit/test-a64-insn.c, tests/fuzz/suite.py.
 */
#include "target/arm/a64.h"

INSN(adr, "0 simm[1:0] 10000 simm[20:2] rd:5", BASE)
void a64_trans_adr(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, tcg_gen_pcrel(c->b, (int64_t)c->off + a->imm));
}

INSN(adrp, "1 simm[1:0] 10000 simm[20:2] rd:5", BASE)
void a64_trans_adrp(A64Ctx *c, const A64Insn *a)
{
    int64_t page = (int64_t)c->off & ~INT64_C(0xfff);
    a64_set_x(c, a->rd, tcg_gen_pcrel(c->b, page + (int64_t)a->imm * 4096));
}

/* ---- add and subtract ---- */

static TCGv add_imm(A64Ctx *c, const A64Insn *a)
{
    return tcg_const(c->b, a->sf ? TCG_I64 : TCG_I32, a->sh ? (int64_t)a->imm << 12 : a->imm);
}

INSN(add__imm, "sf:1 0 0 100010 sh:1 uimm[11:0] rn:5 rd:5", BASE)
void a64_trans_add_imm(A64Ctx *c, const A64Insn *a)
{
    a64_set_r_sp(c, a->rd, tcg_gen_add(c->b, a64_r_sp(c, a->sf, a->rn), add_imm(c, a)));
}

INSN(sub__imm, "sf:1 1 0 100010 sh:1 uimm[11:0] rn:5 rd:5", BASE)
void a64_trans_sub_imm(A64Ctx *c, const A64Insn *a)
{
    a64_set_r_sp(c, a->rd, tcg_gen_sub(c->b, a64_r_sp(c, a->sf, a->rn), add_imm(c, a)));
}

INSN(adds__imm, "sf:1 0 1 100010 sh:1 uimm[11:0] rn:5 rd:5", BASE)
void a64_trans_adds_imm(A64Ctx *c, const A64Insn *a)
{
    a64_gen_adds(c, a->rd, a64_r_sp(c, a->sf, a->rn), add_imm(c, a));
}

INSN(subs__imm, "sf:1 1 1 100010 sh:1 uimm[11:0] rn:5 rd:5", BASE)
void a64_trans_subs_imm(A64Ctx *c, const A64Insn *a)
{
    a64_gen_subs(c, a->rd, a64_r_sp(c, a->sf, a->rn), add_imm(c, a));
}

/* ---- logical ---- */

/* DecodeBitMasks(): a run of ones, rotated, in elements of a power of two bits. False: reserved. */
static bool bit_mask(const A64Insn *a, uint64_t *mask)
{
    unsigned which = a->N << 6 | (~a->imms & 0x3f);
    if (which < 2) {
        return false;
    }
    unsigned size = 1u << (31 - __builtin_clz(which)), levels = size - 1;
    unsigned ones = (a->imms & levels) + 1, rot = a->immr & levels;
    if (ones == size) {
        return false;
    }
    uint64_t elem = (UINT64_C(1) << ones) - 1;
    if (rot) {
        elem = elem >> rot | elem << (size - rot);
    }
    if (size < 64) {
        elem &= (UINT64_C(1) << size) - 1;
    }
    for (; size < 64; size *= 2) {
        elem |= elem << size;
    }
    *mask = elem;
    return true;
}

typedef TCGv (*BinOp)(TCGBuilder *b, TCGv x, TCGv y);

/* op NULL: AND with flags */
static void logical_imm(A64Ctx *c, const A64Insn *a, BinOp op)
{
    uint64_t mask;
    if ((!a->sf && a->N) || !bit_mask(a, &mask)) {
        a64_gen_undefined(c);
        return;
    }
    TCGv k = tcg_const(c->b, a->sf ? TCG_I64 : TCG_I32, (int64_t)mask);
    TCGv x = a64_r(c, a->sf, a->rn);
    if (op) {
        a64_set_r_sp(c, a->rd, op(c->b, x, k));
    } else {
        a64_gen_ands(c, a->rd, x, k);
    }
}

INSN(and__imm, "sf:1 00 100100 N:1 immr:6 imms:6 rn:5 rd:5", BASE)
void a64_trans_and_imm(A64Ctx *c, const A64Insn *a)
{
    logical_imm(c, a, tcg_gen_and);
}

INSN(orr__imm, "sf:1 01 100100 N:1 immr:6 imms:6 rn:5 rd:5", BASE)
void a64_trans_orr_imm(A64Ctx *c, const A64Insn *a)
{
    logical_imm(c, a, tcg_gen_or);
}

INSN(eor__imm, "sf:1 10 100100 N:1 immr:6 imms:6 rn:5 rd:5", BASE)
void a64_trans_eor_imm(A64Ctx *c, const A64Insn *a)
{
    logical_imm(c, a, tcg_gen_xor);
}

INSN(ands__imm, "sf:1 11 100100 N:1 immr:6 imms:6 rn:5 rd:5", BASE)
void a64_trans_ands_imm(A64Ctx *c, const A64Insn *a)
{
    logical_imm(c, a, NULL);
}

/* ---- wide moves: amount is the position in units of 16 bits ---- */

INSN(movn, "1 00 100101 amount:2 uimm[15:0] rd:5", BASE, "", "sf=1")
INSN(movn__32, "0 00 100101 0 amount:1 uimm[15:0] rd:5", BASE)
void a64_trans_movn(A64Ctx *c, const A64Insn *a)
{
    int64_t v = ~(int64_t)((uint64_t)a->imm << 16 * a->amount);
    a64_set_x(c, a->rd, tcg_i64(c->b, a->sf ? v : (int64_t)(uint32_t)v));
}

INSN(movz, "1 10 100101 amount:2 uimm[15:0] rd:5", BASE)
INSN(movz__32, "0 10 100101 0 amount:1 uimm[15:0] rd:5", BASE)
void a64_trans_movz(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, tcg_i64(c->b, (int64_t)((uint64_t)a->imm << 16 * a->amount)));
}

INSN(movk, "1 11 100101 amount:2 uimm[15:0] rd:5", BASE, "", "sf=1")
INSN(movk__32, "0 11 100101 0 amount:1 uimm[15:0] rd:5", BASE)
void a64_trans_movk(A64Ctx *c, const A64Insn *a)
{
    TCGv field = tcg_const(c->b, a->sf ? TCG_I64 : TCG_I32, a->imm);
    a64_set_r(c, a->rd, tcg_gen_deposit(c->b, a64_r(c, a->sf, a->rd), field, 16 * a->amount, 16));
}

/* ---- bitfields ---- */

/* The field of rn that SBFM and UBFM move; where it goes is in *pos. */
static TCGv bitfield(A64Ctx *c, const A64Insn *a, bool sign, unsigned *pos)
{
    unsigned width = a->sf ? 64 : 32, from = 0, len = a->imms + 1;
    TCGv v = a64_r(c, a->sf, a->rn);
    if (a->imms >= a->immr) {
        from = a->immr;
        len -= from;
        *pos = 0;
    } else {
        *pos = width - a->immr;
        if (*pos + len == width) {
            return v; /* LSL: what is above is shifted out */
        }
    }
    return sign ? tcg_gen_sextract(c->b, v, from, len) : tcg_gen_extract(c->b, v, from, len);
}

INSN(sbfm, "1 00 100110 1 immr:6 imms:6 rn:5 rd:5", BASE, "", "sf=1")
INSN(sbfm__32, "0 00 100110 0 0 immr:5 0 imms:5 rn:5 rd:5", BASE)
void a64_trans_sbfm(A64Ctx *c, const A64Insn *a)
{
    unsigned pos;
    TCGv v = bitfield(c, a, true, &pos);
    a64_set_r(c, a->rd, tcg_gen_shli(c->b, v, pos));
}

INSN(ubfm, "1 10 100110 1 immr:6 imms:6 rn:5 rd:5", BASE, "", "sf=1")
INSN(ubfm__32, "0 10 100110 0 0 immr:5 0 imms:5 rn:5 rd:5", BASE)
void a64_trans_ubfm(A64Ctx *c, const A64Insn *a)
{
    unsigned pos;
    TCGv v = bitfield(c, a, false, &pos);
    a64_set_r(c, a->rd, tcg_gen_shli(c->b, v, pos));
}

INSN(bfm, "1 01 100110 1 immr:6 imms:6 rn:5 rd:5", BASE, "", "sf=1")
INSN(bfm__32, "0 01 100110 0 0 immr:5 0 imms:5 rn:5 rd:5", BASE)
void a64_trans_bfm(A64Ctx *c, const A64Insn *a)
{
    TCGv field = a64_r(c, a->sf, a->rn), old = a64_r(c, a->sf, a->rd), v;
    if (a->imms >= a->immr) {
        v = tcg_gen_deposit(c->b, old, tcg_gen_shri(c->b, field, a->immr), 0,
                            a->imms - a->immr + 1);
    } else {
        v = tcg_gen_deposit(c->b, old, field, (a->sf ? 64 : 32) - a->immr, a->imms + 1);
    }
    a64_set_r(c, a->rd, v);
}

INSN(extr, "1 00 100111 1 0 rm:5 imms:6 rn:5 rd:5", BASE, "", "sf=1")
INSN(extr__32, "0 00 100111 0 0 rm:5 0 imms:5 rn:5 rd:5", BASE)
void a64_trans_extr(A64Ctx *c, const A64Insn *a)
{
    TCGv low = a64_r(c, a->sf, a->rm), high = a64_r(c, a->sf, a->rn), v = low;
    if (a->rm == a->rn) {
        v = tcg_gen_rotri(c->b, low, a->imms);
    } else if (a->imms) {
        v = tcg_gen_or(c->b, tcg_gen_shri(c->b, low, a->imms),
                       tcg_gen_shli(c->b, high, (a->sf ? 64 : 32) - a->imms));
    }
    a64_set_r(c, a->rd, v);
}

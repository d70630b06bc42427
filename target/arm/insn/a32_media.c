/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A32 multiplies, saturation and media instructions, with what T32 shares of them (DDI 0487,
 * F4.1.6, F4.1.8): parallel arithmetic with the GE flags, packing, selection, dual multiplies,
 * sums of differences, division.
 *
 * Q is sticky and no cell: it is or-ed into env->q.
 *
 * Test: tests/unit/test-a32-insn.c.
 */
#include "target/arm/a32.h"

static void set_q(A32Ctx *c, TCGv overflow)
{
    TCGBuilder *b = c->c.b;
    TCGv q = tcg_gen_ldenv(b, TCG_I32, TCG_MO_32, offsetof(ARMEnv, q));
    tcg_gen_stenv(b, TCG_MO_32, tcg_gen_or(b, q, overflow), offsetof(ARMEnv, q));
}

/* An I64 that should fit in 32 bits, signed: Q if it does not. */
static TCGv fit_q(A32Ctx *c, TCGv wide)
{
    TCGBuilder *b = c->c.b;
    TCGv r = tcg_gen_trunc(b, wide);
    set_q(c, tcg_gen_setcond(b, TCG_I32, TCG_COND_NE, tcg_gen_exts(b, r), wide));
    return r;
}

/* An I64 saturated to 32 bits, signed, with Q. */
static TCGv saturate_q(A32Ctx *c, TCGv wide)
{
    TCGBuilder *b = c->c.b;
    TCGv r = tcg_gen_trunc(b, wide);
    TCGv over = tcg_gen_setcond(b, TCG_I32, TCG_COND_NE, tcg_gen_exts(b, r), wide);
    TCGv sign = tcg_gen_trunc(b, tcg_gen_sari(b, wide, 63));
    set_q(c, over);
    return tcg_gen_select(b, over, tcg_gen_xori(b, sign, INT32_MAX), r);
}

static TCGv s64(A32Ctx *c, unsigned r)
{
    return tcg_gen_exts(c->c.b, a32_r(c, r));
}

/* Half of a register, signed. */
static TCGv half(A32Ctx *c, TCGv v, unsigned high)
{
    return tcg_gen_sextract(c->c.b, v, high ? 16 : 0, 16);
}

static TCGv pair(A32Ctx *c, unsigned low, unsigned high)
{
    TCGBuilder *b = c->c.b;
    return tcg_gen_deposit(b, tcg_gen_extu(b, a32_r(c, low)), tcg_gen_extu(b, a32_r(c, high)), 32,
                           32);
}

static void set_pair(A32Ctx *c, unsigned low, unsigned high, TCGv v)
{
    a32_set_r(c, low, tcg_gen_trunc(c->c.b, v));
    a32_set_r(c, high, tcg_gen_trunc(c->c.b, tcg_gen_shri(c->c.b, v, 32)));
}

static void set_nz(A32Ctx *c, TCGv n, TCGv result)
{
    tcg_gen_setcell(c->c.b, ARM_CELL_N, n);
    tcg_gen_setcell(c->c.b, ARM_CELL_Z, n);
    a64_forget_flags(&c->c);
}

/* ---- multiply ---- */

INSN(mul, "cond:4 0000000 S:1 rd:4 .... rm:4 1001 rn:4", BASE, "", "cond!=15 rd!=15")
void a32_trans_mul(A32Ctx *c, const A32Insn *a)
{
    TCGv r = tcg_gen_mul(c->c.b, a32_r(c, a->rn), a32_r(c, a->rm));
    a32_set_r(c, a->rd, r);
    if (a->S == A32_S_NOT_IN_IT ? !a32_in_it(c) : a->S) {
        set_nz(c, tcg_gen_exts(c->c.b, r), r);
    }
}

INSN(mla, "cond:4 0000001 S:1 rd:4 ra:4 rm:4 1001 rn:4", BASE, "", "cond!=15 rd!=15")
void a32_trans_mla(A32Ctx *c, const A32Insn *a)
{
    TCGv r = tcg_gen_mul(c->c.b, a32_r(c, a->rn), a32_r(c, a->rm));
    r = tcg_gen_add(c->c.b, r, a32_r(c, a->ra));
    a32_set_r(c, a->rd, r);
    if (a->S) {
        set_nz(c, tcg_gen_exts(c->c.b, r), r);
    }
}

INSN(mls, "cond:4 00000110 rd:4 ra:4 rm:4 1001 rn:4", T2, "", "cond!=15 rd!=15")
void a32_trans_mls(A32Ctx *c, const A32Insn *a)
{
    TCGv r = tcg_gen_mul(c->c.b, a32_r(c, a->rn), a32_r(c, a->rm));
    a32_set_r(c, a->rd, tcg_gen_sub(c->c.b, a32_r(c, a->ra), r));
}

/* Long ones: rd is the upper half, ra the lower. */
INSN(umaal, "cond:4 00000100 rd:4 ra:4 rm:4 1001 rn:4", V6, "", "cond!=15 rd!=15 ra!=15")
void a32_trans_umaal(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv p = tcg_gen_mul(b, tcg_gen_extu(b, a32_r(c, a->rn)), tcg_gen_extu(b, a32_r(c, a->rm)));
    p = tcg_gen_add(b, p, tcg_gen_extu(b, a32_r(c, a->rd)));
    set_pair(c, a->ra, a->rd, tcg_gen_add(b, p, tcg_gen_extu(b, a32_r(c, a->ra))));
}

/* UMULL, UMLAL, SMULL, SMLAL: op 0 to 3 */
INSN(mull, "cond:4 00001 op:2 S:1 rd:4 ra:4 rm:4 1001 rn:4", BASE, "", "cond!=15 rd!=15 ra!=15")
void a32_trans_mull(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv x = a32_r(c, a->rn), y = a32_r(c, a->rm);
    TCGv p = a->op & 2 ? tcg_gen_mul(b, tcg_gen_exts(b, x), tcg_gen_exts(b, y))
                       : tcg_gen_mul(b, tcg_gen_extu(b, x), tcg_gen_extu(b, y));
    if (a->op & 1) {
        p = tcg_gen_add(b, p, pair(c, a->ra, a->rd));
    }
    set_pair(c, a->ra, a->rd, p);
    if (a->S) {
        set_nz(c, p, p);
    }
}

/* ---- halfword multiplies: x, y say which halves ---- */

INSN(smlaxy, "cond:4 00010000 rd:4 ra:4 rm:4 1 y:1 x:1 0 rn:4", V5TE, "", "cond!=15 rd!=15")
void a32_trans_smlaxy(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv p = tcg_gen_mul(b, half(c, a32_r(c, a->rn), a->x), half(c, a32_r(c, a->rm), a->y));
    a32_set_r(c, a->rd, fit_q(c, tcg_gen_add(b, tcg_gen_exts(b, p), s64(c, a->ra))));
}

INSN(smulxy, "cond:4 00010110 rd:4 .... rm:4 1 y:1 x:1 0 rn:4", V5TE, "", "cond!=15 rd!=15")
void a32_trans_smulxy(A32Ctx *c, const A32Insn *a)
{
    a32_set_r(c, a->rd,
              tcg_gen_mul(c->c.b, half(c, a32_r(c, a->rn), a->x), half(c, a32_r(c, a->rm), a->y)));
}

static TCGv word_by_half(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv p = tcg_gen_mul(b, s64(c, a->rn), tcg_gen_exts(b, half(c, a32_r(c, a->rm), a->y)));
    return tcg_gen_sari(b, p, 16);
}

INSN(smlaw, "cond:4 00010010 rd:4 ra:4 rm:4 1 y:1 00 rn:4", V5TE, "", "cond!=15 rd!=15")
void a32_trans_smlaw(A32Ctx *c, const A32Insn *a)
{
    a32_set_r(c, a->rd, fit_q(c, tcg_gen_add(c->c.b, word_by_half(c, a), s64(c, a->ra))));
}

INSN(smulw, "cond:4 00010010 rd:4 .... rm:4 1 y:1 10 rn:4", V5TE, "", "cond!=15 rd!=15")
void a32_trans_smulw(A32Ctx *c, const A32Insn *a)
{
    a32_set_r(c, a->rd, tcg_gen_trunc(c->c.b, word_by_half(c, a)));
}

INSN(smlalxy, "cond:4 00010100 rd:4 ra:4 rm:4 1 y:1 x:1 0 rn:4", V5TE, "", "cond!=15 rd!=15 ra!=15")
void a32_trans_smlalxy(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv p = tcg_gen_mul(b, half(c, a32_r(c, a->rn), a->x), half(c, a32_r(c, a->rm), a->y));
    set_pair(c, a->ra, a->rd, tcg_gen_add(b, tcg_gen_exts(b, p), pair(c, a->ra, a->rd)));
}

/* ---- dual multiplies: op 0 adds, 1 subtracts the products; x: halves of rm exchanged ---- */

static TCGv dual(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv n = a32_r(c, a->rn), m = a32_r(c, a->rm);
    TCGv p1 = tcg_gen_exts(b, tcg_gen_mul(b, half(c, n, 0), half(c, m, a->x)));
    TCGv p2 = tcg_gen_exts(b, tcg_gen_mul(b, half(c, n, 1), half(c, m, !a->x)));
    return a->op ? tcg_gen_sub(b, p1, p2) : tcg_gen_add(b, p1, p2);
}

/* SMLAD, SMLSD; without the addition (ra is 15) SMUAD, SMUSD */
INSN(smlad, "cond:4 01110000 rd:4 ra:4 rm:4 0 op:1 x:1 1 rn:4", V6, "", "cond!=15 rd!=15")
void a32_trans_smlad(A32Ctx *c, const A32Insn *a)
{
    TCGv v = dual(c, a);
    if (a->ra != 15) {
        v = tcg_gen_add(c->c.b, v, s64(c, a->ra));
    }
    a32_set_r(c, a->rd, fit_q(c, v));
}

INSN(smlald, "cond:4 01110100 rd:4 ra:4 rm:4 0 op:1 x:1 1 rn:4", V6, "", "cond!=15 rd!=15 ra!=15")
void a32_trans_smlald(A32Ctx *c, const A32Insn *a)
{
    set_pair(c, a->ra, a->rd, tcg_gen_add(c->c.b, dual(c, a), pair(c, a->ra, a->rd)));
}

/* SMMLA, SMMUL (ra is 15), SMMLS: the upper half; R rounds. op 0 adds, 3 subtracts. */
INSN(smmla, "cond:4 01110101 rd:4 ra:4 rm:4 op:2 R:1 1 rn:4", V6, "",
     "cond!=15 rd!=15 op!=1 op!=2 op!=3|ra!=15")
void a32_trans_smmla(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv p = tcg_gen_mul(b, s64(c, a->rn), s64(c, a->rm));
    if (a->ra != 15) {
        TCGv high = tcg_gen_shli(b, tcg_gen_extu(b, a32_r(c, a->ra)), 32);
        p = a->op ? tcg_gen_sub(b, high, p) : tcg_gen_add(b, high, p);
    }
    if (a->R) {
        p = tcg_gen_addi(b, p, INT64_C(0x80000000));
    }
    a32_set_r(c, a->rd, tcg_gen_trunc(b, tcg_gen_shri(b, p, 32)));
}

/* ---- division: x / 0 = 0 ---- */

INSN(sdiv, "cond:4 01110001 rd:4 .... rm:4 0001 rn:4", IDIV_A, "", "cond!=15 rd!=15 sign=1")
INSN(udiv, "cond:4 01110011 rd:4 .... rm:4 0001 rn:4", IDIV_A, "", "cond!=15 rd!=15")
void a32_trans_div(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv x = a32_r(c, a->rn), y = a32_r(c, a->rm);
    TCGv q = a->sign ? tcg_gen_divs(b, x, y) : tcg_gen_divu(b, x, y);
    a32_set_r(c, a->rd, tcg_gen_select(b, y, q, a32_imm(c, 0)));
}

/* ---- saturating arithmetic ---- */

/* QADD, QSUB, QDADD, QDSUB: op 0 to 3; rn is the one that is doubled or subtracted */
INSN(qadd, "cond:4 00010 op:2 0 rn:4 rd:4 .... 0101 rm:4", V5TE, "", "cond!=15 rd!=15")
void a32_trans_qadd(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv n = s64(c, a->rn), m = s64(c, a->rm);
    if (a->op & 2) {
        n = tcg_gen_exts(b, saturate_q(c, tcg_gen_shli(b, n, 1)));
    }
    a32_set_r(c, a->rd, saturate_q(c, a->op & 1 ? tcg_gen_sub(b, m, n) : tcg_gen_add(b, m, n)));
}

/* v (I32, signed) to n bits, signed, or unsigned; Q if it does not fit. */
static TCGv saturate_bits(A32Ctx *c, TCGv v, unsigned n, bool sign)
{
    TCGBuilder *b = c->c.b;
    int32_t max = sign ? (int32_t)((1u << (n - 1)) - 1) : (int32_t)((UINT64_C(1) << n) - 1);
    int32_t min = sign ? -max - 1 : 0;
    TCGv high = tcg_gen_setcondi(b, TCG_I32, TCG_COND_GT, v, max);
    TCGv low = tcg_gen_setcondi(b, TCG_I32, TCG_COND_LT, v, min);
    set_q(c, tcg_gen_or(b, high, low));
    v = tcg_gen_select(b, high, a32_imm(c, max), v);
    return tcg_gen_select(b, low, a32_imm(c, min), v);
}

/* msb: width, less one for SSAT */
INSN(ssat, "cond:4 0110101 msb:5 rd:4 amount:5 R:1 01 rn:4", V6, "", "cond!=15 rd!=15 sign=1")
INSN(usat, "cond:4 0110111 msb:5 rd:4 amount:5 R:1 01 rn:4", V6, "", "cond!=15 rd!=15")
void a32_trans_sat(A32Ctx *c, const A32Insn *a)
{
    TCGv v = a32_shift_imm(c, a32_r(c, a->rn), a->R ? 2 : 0, a->amount, NULL);
    a32_set_r(c, a->rd, saturate_bits(c, v, a->sign ? a->msb + 1 : a->msb, a->sign));
}

INSN(ssat16, "cond:4 01101010 msb:4 rd:4 .... 0011 rn:4", V6, "", "cond!=15 rd!=15 sign=1")
INSN(usat16, "cond:4 01101110 msb:4 rd:4 .... 0011 rn:4", V6, "", "cond!=15 rd!=15")
void a32_trans_sat16(A32Ctx *c, const A32Insn *a)
{
    TCGv v = a32_r(c, a->rn);
    unsigned n = a->sign ? a->msb + 1 : a->msb;
    TCGv low = saturate_bits(c, half(c, v, 0), n, a->sign);
    TCGv high = saturate_bits(c, half(c, v, 1), n, a->sign);
    a32_set_r(c, a->rd, tcg_gen_deposit(c->c.b, tcg_gen_ext16u(c->c.b, low), high, 16, 16));
}

/* ---- parallel addition and subtraction ----
 * mask: 1 S, 2 Q, 3 SH, 5 U, 6 UQ, 7 UH; op: 0 ADD16, 1 ASX, 2 SAX, 3 SUB16, 4 ADD8, 7 SUB8 */

static TCGv lane(TCGBuilder *b, TCGv v, unsigned pos, unsigned n, bool sign)
{
    return sign ? tcg_gen_sextract(b, v, pos, n) : tcg_gen_extract(b, v, pos, n);
}

INSN(parallel, "cond:4 01100 mask:3 rn:4 rd:4 .... op:3 1 rm:4", V6, "",
     "cond!=15 mask!=0 mask!=4 op!=5 op!=6 rd!=15")
void a32_trans_parallel(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv x = a32_r(c, a->rn), y = a32_r(c, a->rm), r = TCG_NONE, ge = TCG_NONE;
    bool sign = a->mask < 4, bytes = a->op & 4, exchange = a->op == 1 || a->op == 2;
    unsigned kind = a->mask & 3, n = bytes ? 8 : 16;
    for (unsigned i = 0; i < 32 / n; i++) {
        bool subtract = exchange ? (a->op == 1 ? i == 0 : i == 1) : (a->op & 3) == 3;
        TCGv p = lane(b, x, i * n, n, sign);
        TCGv q = lane(b, y, (exchange ? !i : i) * n, n, sign);
        TCGv v = subtract ? tcg_gen_sub(b, p, q) : tcg_gen_add(b, p, q);
        if (kind == 1) {
            /* GE: the result is not negative, or the unsigned sum has a carry. */
            TCGv g = sign || subtract ? tcg_gen_setcondi(b, TCG_I32, TCG_COND_GE, v, 0)
                                      : tcg_gen_shri(b, v, n);
            g = bytes ? tcg_gen_shli(b, g, i) : tcg_gen_mul(b, g, a32_imm(c, 3 << 2 * i));
            ge = ge.i ? tcg_gen_or(b, ge, g) : g;
        } else if (kind == 2) {
            int32_t max = sign ? (1 << (n - 1)) - 1 : (1 << n) - 1, min = sign ? -max - 1 : 0;
            v = tcg_gen_select(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_GT, v, max),
                               a32_imm(c, max), v);
            v = tcg_gen_select(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_LT, v, min),
                               a32_imm(c, min), v);
        } else {
            v = tcg_gen_sari(b, v, 1);
        }
        r = r.i ? tcg_gen_deposit(b, r, v, i * n, n) : v;
    }
    a32_set_r(c, a->rd, r);
    if (kind == 1) {
        tcg_gen_setcell(b, ARM_CELL_GE, ge);
    }
}

/* ---- packing, selection, differences ---- */

/* PKHBT, PKHTB (y) */
INSN(pkh, "cond:4 01101000 rn:4 rd:4 amount:5 y:1 01 rm:4", V6, "", "cond!=15 rd!=15")
void a32_trans_pkh(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv n = a32_r(c, a->rn), m = a32_shift_imm(c, a32_r(c, a->rm), a->y ? 2 : 0, a->amount, NULL);
    a32_set_r(c, a->rd, a->y ? tcg_gen_deposit(b, n, m, 0, 16) : tcg_gen_deposit(b, m, n, 0, 16));
}

INSN(sel, "cond:4 01101000 rn:4 rd:4 .... 1011 rm:4", V6, "", "cond!=15 rd!=15")
void a32_trans_sel(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv n = a32_r(c, a->rn), m = a32_r(c, a->rm), ge = tcg_gen_getcell(b, ARM_CELL_GE), r = m;
    for (unsigned i = 0; i < 4; i++) {
        TCGv bit = tcg_gen_setcondi(b, TCG_I32, TCG_COND_TSTNE, ge, 1 << i);
        TCGv v = tcg_gen_extract(b, tcg_gen_select(b, bit, n, m), i * 8, 8);
        r = tcg_gen_deposit(b, r, v, i * 8, 8);
    }
    a32_set_r(c, a->rd, r);
}

/* USADA8; ra 15: USAD8 */
INSN(usada8, "cond:4 01111000 rd:4 ra:4 rm:4 0001 rn:4", V6, "", "cond!=15 rd!=15")
void a32_trans_usada8(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv n = a32_r(c, a->rn), m = a32_r(c, a->rm);
    TCGv sum = a->ra == 15 ? a32_imm(c, 0) : a32_r(c, a->ra);
    for (unsigned i = 0; i < 4; i++) {
        TCGv d = tcg_gen_sub(b, tcg_gen_extract(b, n, i * 8, 8), tcg_gen_extract(b, m, i * 8, 8));
        TCGv sign = tcg_gen_sari(b, d, 31);
        sum = tcg_gen_add(b, sum, tcg_gen_sub(b, tcg_gen_xor(b, d, sign), sign));
    }
    a32_set_r(c, a->rd, sum);
}

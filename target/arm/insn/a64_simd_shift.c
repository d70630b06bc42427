/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 Advanced SIMD, shifts by an immediate and conversions of fixed-point numbers, vector and
 * scalar (DDI 0487, C4.1.96).
 *
 * immh:immb holds the element size, in its highest one, and the count: right shifts have
 * 2 * esize - count there, left shifts esize + count.
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/insn/simd.h"

static unsigned shift_esize(const A64Insn *a)
{
    return 31 - __builtin_clz(a->immh);
}

static unsigned right_count(const A64Insn *a)
{
    return (16u << shift_esize(a)) - (a->immh << 3 | a->immb);
}

static unsigned left_count(const A64Insn *a)
{
    return (a->immh << 3 | a->immb) - (8u << shift_esize(a));
}

/* Of 64-bit elements there is only Q. */
static bool vector_ok(A64Ctx *c, const A64Insn *a)
{
    if (shift_esize(a) == 3 && !a->Q) {
        a64_gen_undefined(c);
        return false;
    }
    return a64_gen_fp_access(c);
}

typedef enum RightShift { SHIFT_PLAIN, SHIFT_ROUND } RightShift;

/* x >> n for n up to the width */
static TCGv right(A64Ctx *c, const A64Insn *a, RightShift how, TCGv x)
{
    unsigned e = shift_esize(a), n = right_count(a);
    return how == SHIFT_ROUND ? tcg_gen_vrshri(c->b, e | (a->U ? TCG_VEC_UNSIGNED : 0), x, n)
                              : arm_v_shr(c->b, e, a->U, x, n);
}

/* Scalar rows of 64 bits only have the low six bits of immh:immb, as imm. */
static A64Insn shift_of_64(const A64Insn *a)
{
    A64Insn s = *a;
    s.immh = 8 | (a->imm >> 3 & 7);
    s.immb = a->imm & 7;
    return s;
}

static void shift_right(A64Ctx *c, const A64Insn *a, RightShift how, bool accumulate)
{
    if (vector_ok(c, a)) {
        TCGv v = right(c, a, how, a64_v(c, a->rn));
        if (accumulate) {
            v = tcg_gen_v2(c->b, TCG_OP_vadd, shift_esize(a), a64_v(c, a->rd), v);
        }
        a64_set_v(c, a->rd, a->Q, v);
    }
}

static void scalar_shift_right(A64Ctx *c, const A64Insn *a, RightShift how, bool accumulate)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = right(c, a, how, a64_v(c, a->rn));
        if (accumulate) {
            v = tcg_gen_v2(c->b, TCG_OP_vadd, 3, a64_v(c, a->rd), v);
        }
        a64_set_scalar(c, 3, a->rd, v);
    }
}

INSN(shr_vi, "0 Q:1 U:1 011110 immh:4 immb:3 00000 1 rn:5 rd:5", FP, "", "immh!=0")
void a64_trans_shr_vi(A64Ctx *c, const A64Insn *a)
{
    shift_right(c, a, SHIFT_PLAIN, false);
}

INSN(shr_si, "01 U:1 111110 1 imm[5:0] 00000 1 rn:5 rd:5", FP)
void a64_trans_shr_si(A64Ctx *c, const A64Insn *a)
{
    A64Insn s = shift_of_64(a);
    scalar_shift_right(c, &s, SHIFT_PLAIN, false);
}

INSN(sra_vi, "0 Q:1 U:1 011110 immh:4 immb:3 00010 1 rn:5 rd:5", FP, "", "immh!=0")
void a64_trans_sra_vi(A64Ctx *c, const A64Insn *a)
{
    shift_right(c, a, SHIFT_PLAIN, true);
}

INSN(sra_si, "01 U:1 111110 1 imm[5:0] 00010 1 rn:5 rd:5", FP)
void a64_trans_sra_si(A64Ctx *c, const A64Insn *a)
{
    A64Insn s = shift_of_64(a);
    scalar_shift_right(c, &s, SHIFT_PLAIN, true);
}

INSN(rshr_vi, "0 Q:1 U:1 011110 immh:4 immb:3 00100 1 rn:5 rd:5", FP, "", "immh!=0")
void a64_trans_rshr_vi(A64Ctx *c, const A64Insn *a)
{
    shift_right(c, a, SHIFT_ROUND, false);
}

INSN(rshr_si, "01 U:1 111110 1 imm[5:0] 00100 1 rn:5 rd:5", FP)
void a64_trans_rshr_si(A64Ctx *c, const A64Insn *a)
{
    A64Insn s = shift_of_64(a);
    scalar_shift_right(c, &s, SHIFT_ROUND, false);
}

INSN(rsra_vi, "0 Q:1 U:1 011110 immh:4 immb:3 00110 1 rn:5 rd:5", FP, "", "immh!=0")
void a64_trans_rsra_vi(A64Ctx *c, const A64Insn *a)
{
    shift_right(c, a, SHIFT_ROUND, true);
}

INSN(rsra_si, "01 U:1 111110 1 imm[5:0] 00110 1 rn:5 rd:5", FP)
void a64_trans_rsra_si(A64Ctx *c, const A64Insn *a)
{
    A64Insn s = shift_of_64(a);
    scalar_shift_right(c, &s, SHIFT_ROUND, true);
}

/* ---- left ---- */

/* SHL; SLI and SRI keep bits of Vd. */
static TCGv insert(A64Ctx *c, const A64Insn *a, bool to_right)
{
    unsigned e = shift_esize(a), n = to_right ? right_count(a) : left_count(a), w = 8u << e;
    uint64_t ones = UINT64_MAX >> (64 - w);
    if (n == w) {
        return a64_v(c, a->rd);
    }
    TCGv x = tcg_gen_vshift(c->b, to_right ? TCG_OP_vshri : TCG_OP_vshli, e, a64_v(c, a->rn), n);
    TCGv mask = arm_v_replicate(c->b, e, to_right ? ones >> n : ones << n & ones);
    return tcg_gen_v2(c->b, TCG_OP_vor, 0, x,
                      tcg_gen_v2(c->b, TCG_OP_vandc, 0, a64_v(c, a->rd), mask));
}

INSN(shl_vi, "0 Q:1 0 011110 immh:4 immb:3 01010 1 rn:5 rd:5", FP, "", "immh!=0")
void a64_trans_shl_vi(A64Ctx *c, const A64Insn *a)
{
    if (vector_ok(c, a)) {
        a64_set_v(
            c, a->rd, a->Q,
            tcg_gen_vshift(c->b, TCG_OP_vshli, shift_esize(a), a64_v(c, a->rn), left_count(a)));
    }
}

INSN(shl_si, "01 0 111110 1 imm[5:0] 01010 1 rn:5 rd:5", FP)
void a64_trans_shl_si(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_scalar(c, 3, a->rd,
                       tcg_gen_vshift(c->b, TCG_OP_vshli, 3, a64_v(c, a->rn), a->imm & 63));
    }
}

/* SLI; op: SRI */
INSN(sli_vi, "0 Q:1 1 011110 immh:4 immb:3 01010 1 rn:5 rd:5", FP, "", "immh!=0")
INSN(sri_vi, "0 Q:1 1 011110 immh:4 immb:3 01000 1 rn:5 rd:5", FP, "", "immh!=0 op=1")
void a64_trans_sli_vi(A64Ctx *c, const A64Insn *a)
{
    if (vector_ok(c, a)) {
        a64_set_v(c, a->rd, a->Q, insert(c, a, a->op));
    }
}

INSN(sli_si, "01 1 111110 1 imm[5:0] 01010 1 rn:5 rd:5", FP)
INSN(sri_si, "01 1 111110 1 imm[5:0] 01000 1 rn:5 rd:5", FP, "", "op=1")
void a64_trans_sli_si(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        A64Insn s = shift_of_64(a);
        a64_set_scalar(c, 3, a->rd, insert(c, &s, a->op));
    }
}

/* SQSHL, UQSHL; op: SQSHLU, of signed operands to unsigned results */
static TCGv left_sat(A64Ctx *c, const A64Insn *a, unsigned Q, TCGv x)
{
    unsigned e = shift_esize(a);
    bool is_unsigned = a->U || a->op;
    if (a->op) {
        TCGv zero = arm_v_zero(c->b), negative = tcg_gen_v2(c->b, TCG_OP_vcmpgt, e, zero, x);
        arm_gen_qc(c->b, Q, negative);
        x = tcg_gen_v2(c->b, TCG_OP_vandc, 0, x, negative);
    }
    return arm_gen_vsat(c->b, TCG_OP_vshlv, e | TCG_VEC_SAT | (is_unsigned ? TCG_VEC_UNSIGNED : 0),
                        Q, x, arm_v_replicate(c->b, e, left_count(a)));
}

INSN(sqshl_vi, "0 Q:1 U:1 011110 immh:4 immb:3 01110 1 rn:5 rd:5", FP, "", "immh!=0")
INSN(sqshlu_vi, "0 Q:1 1 011110 immh:4 immb:3 01100 1 rn:5 rd:5", FP, "", "immh!=0 op=1")
void a64_trans_sqshl_vi(A64Ctx *c, const A64Insn *a)
{
    if (vector_ok(c, a)) {
        a64_set_v(c, a->rd, a->Q, left_sat(c, a, a->Q, a64_v(c, a->rn)));
    }
}

INSN(sqshl_si, "01 U:1 111110 immh:4 immb:3 01110 1 rn:5 rd:5", FP, "", "immh!=0")
INSN(sqshlu_si, "01 1 111110 immh:4 immb:3 01100 1 rn:5 rd:5", FP, "", "immh!=0 op=1")
void a64_trans_sqshl_si(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = shift_esize(a);
        a64_set_scalar(c, e, a->rd, left_sat(c, a, 1, a64_scalar(c, e, a->rn)));
    }
}

INSN(shll_vi, "0 Q:1 U:1 011110 immh:4 immb:3 10100 1 rn:5 rd:5", FP, "", "immh!=0")
void a64_trans_shll_vi(A64Ctx *c, const A64Insn *a)
{
    unsigned e = shift_esize(a);
    if (e == 3) {
        a64_gen_undefined(c);
    } else if (a64_gen_fp_access(c)) {
        unsigned aux = e | (a->U ? TCG_VEC_UNSIGNED : 0) | (a->Q ? TCG_VEC_HIGH : 0);
        TCGv v = tcg_gen_v1(c->b, TCG_OP_vwiden, aux, a64_v(c, a->rn));
        a64_set_v(c, a->rd, 1, tcg_gen_vshift(c->b, TCG_OP_vshli, e + 1, v, left_count(a)));
    }
}

/* ---- right and narrow: immh:immb is about the narrow elements ---- */

/* SHRN, RSHRN */
static void narrow(A64Ctx *c, const A64Insn *a, bool round)
{
    unsigned e = shift_esize(a), n = right_count(a);
    if (e == 3) {
        a64_gen_undefined(c);
    } else if (a64_gen_fp_access(c)) {
        TCGv x = a64_v(c, a->rn);
        x = round ? tcg_gen_vrshri(c->b, (e + 1) | TCG_VEC_UNSIGNED, x, n)
                  : tcg_gen_vshift(c->b, TCG_OP_vshri, e + 1, x, n);
        a64_set_narrow(c, a->rd, a->Q, tcg_gen_v2(c->b, TCG_OP_vunzip, e, x, x));
    }
}

INSN(shrn_vi, "0 Q:1 0 011110 immh:4 immb:3 10000 1 rn:5 rd:5", FP, "", "immh!=0")
void a64_trans_shrn_vi(A64Ctx *c, const A64Insn *a)
{
    narrow(c, a, false);
}

INSN(rshrn_vi, "0 Q:1 0 011110 immh:4 immb:3 10001 1 rn:5 rd:5", FP, "", "immh!=0")
void a64_trans_rshrn_vi(A64Ctx *c, const A64Insn *a)
{
    narrow(c, a, true);
}

/* SQSHRN, UQSHRN (U), SQSHRUN (op), and with rounding (o0) */
static TCGv narrow_sat(A64Ctx *c, const A64Insn *a, TCGv x)
{
    unsigned e = shift_esize(a), n = right_count(a);
    bool is_unsigned = a->U && !a->op;
    unsigned flags = a->op ? TCG_VEC_UNSIGNED | TCG_VEC_MIXED : a->U ? TCG_VEC_UNSIGNED : 0;
    x = a->o0 ? tcg_gen_vrshri(c->b, (e + 1) | (is_unsigned ? TCG_VEC_UNSIGNED : 0), x, n)
              : tcg_gen_vshift(c->b, is_unsigned ? TCG_OP_vshri : TCG_OP_vsari, e + 1, x, n);
    return arm_gen_vsat(c->b, TCG_OP_vqnarrow, e | flags, 1, x, arm_v_zero(c->b));
}

INSN(sqshrn_vi, "0 Q:1 U:1 011110 immh:4 immb:3 1001 o0:1 1 rn:5 rd:5", FP, "", "immh!=0")
INSN(sqshrun_vi, "0 Q:1 1 011110 immh:4 immb:3 1000 o0:1 1 rn:5 rd:5", FP, "", "immh!=0 op=1 U=1")
void a64_trans_sqshrn_vi(A64Ctx *c, const A64Insn *a)
{
    if (shift_esize(a) == 3) {
        a64_gen_undefined(c);
    } else if (a64_gen_fp_access(c)) {
        a64_set_narrow(c, a->rd, a->Q, narrow_sat(c, a, a64_v(c, a->rn)));
    }
}

INSN(sqshrn_si, "01 U:1 111110 immh:4 immb:3 1001 o0:1 1 rn:5 rd:5", FP, "", "immh!=0")
INSN(sqshrun_si, "01 1 111110 immh:4 immb:3 1000 o0:1 1 rn:5 rd:5", FP, "", "immh!=0 op=1 U=1")
void a64_trans_sqshrn_si(A64Ctx *c, const A64Insn *a)
{
    unsigned e = shift_esize(a);
    if (e == 3) {
        a64_gen_undefined(c);
    } else if (a64_gen_fp_access(c)) {
        a64_set_scalar(c, e, a->rd, narrow_sat(c, a, a64_scalar(c, e + 1, a->rn)));
    }
}

/* ---- fixed point: SCVTF, UCVTF; op: FCVTZS, FCVTZU ---- */

static bool fixed_ok(A64Ctx *c, const A64Insn *a, bool vector)
{
    unsigned e = shift_esize(a);
    if (e == 0 || (e == 1 && !arm_has(c->cfg, ARM_FEAT_FP16)) || (vector && e == 3 && !a->Q)) {
        a64_gen_undefined(c);
        return false;
    }
    return a64_gen_fp_access(c);
}

static unsigned fixed_arg(const A64Insn *a)
{
    return (a->op ? TCG_RND_RTZ : TCG_RND_DYN) | (a->U ? ARM_FP_ARG_UNSIGNED : 0) |
           right_count(a) << ARM_FP_ARG_FBITS_SHIFT | shift_esize(a) << ARM_FP_ARG_SIZE_SHIFT;
}

INSN(cvtf_vi, "0 Q:1 U:1 011110 immh:4 immb:3 11100 1 rn:5 rd:5", FP, "", "immh!=0")
INSN(fcvtz_vi, "0 Q:1 U:1 011110 immh:4 immb:3 11111 1 rn:5 rd:5", FP, "", "immh!=0 op=1")
void a64_trans_cvtf_vi(A64Ctx *c, const A64Insn *a)
{
    if (fixed_ok(c, a, true)) {
        unsigned e = shift_esize(a);
        a64_set_v(c, a->rd, 1,
                  arm_gen_vfp(c->b, c->mode, a->op ? ARM_FP_TO_INT : ARM_FP_FROM_INT, e,
                              fixed_arg(a), (8u << a->Q) >> e, a64_v(c, a->rn), TCG_NONE,
                              TCG_NONE));
    }
}

INSN(cvtf_si, "01 U:1 111110 immh:4 immb:3 11100 1 rn:5 rd:5", FP, "", "immh!=0")
INSN(fcvtz_si, "01 U:1 111110 immh:4 immb:3 11111 1 rn:5 rd:5", FP, "", "immh!=0 op=1")
void a64_trans_cvtf_si(A64Ctx *c, const A64Insn *a)
{
    if (fixed_ok(c, a, false)) {
        unsigned e = shift_esize(a);
        a64_set_v_bits(c, a->rd,
                       arm_gen_fp(c->b, c->mode, a->op ? ARM_FP_TO_INT : ARM_FP_FROM_INT, e,
                                  fixed_arg(a), a64_v_bits(c, e, a->rn), TCG_NONE, TCG_NONE));
    }
}

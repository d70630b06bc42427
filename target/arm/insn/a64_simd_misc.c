/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 Advanced SIMD, one vector operand: two-register miscellaneous, across lanes, and their scalar
 * forms with the scalar pairwise group (DDI 0487, C4.1.96).
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/insn/simd.h"

/* ---- integers ---- */

static void one(A64Ctx *c, const A64Insn *a, TCGOpcode opc, unsigned aux)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q, tcg_gen_v1(c->b, opc, aux, a64_v(c, a->rn)));
    }
}

/* In groups of `bytes`. */
static void reverse(A64Ctx *c, const A64Insn *a, unsigned bytes)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q, tcg_gen_v1i(c->b, TCG_OP_vrev, a->size, a64_v(c, a->rn), bytes));
    }
}

INSN(rev64_v, "0 Q:1 0 01110 size:2 10000 00000 10 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_rev64_v(A64Ctx *c, const A64Insn *a)
{
    reverse(c, a, 8);
}

INSN(rev16_v, "0 Q:1 0 01110 00 10000 00001 10 rn:5 rd:5", FP)
void a64_trans_rev16_v(A64Ctx *c, const A64Insn *a)
{
    reverse(c, a, 2);
}

INSN(rev32_v, "0 Q:1 1 01110 0 size:1 10000 00000 10 rn:5 rd:5", FP)
void a64_trans_rev32_v(A64Ctx *c, const A64Insn *a)
{
    reverse(c, a, 4);
}

INSN(cnt_v, "0 Q:1 0 01110 00 10000 00101 10 rn:5 rd:5", FP)
void a64_trans_cnt_v(A64Ctx *c, const A64Insn *a)
{
    one(c, a, TCG_OP_vpopcnt, 0);
}

INSN(not_v, "0 Q:1 1 01110 00 10000 00101 10 rn:5 rd:5", FP)
void a64_trans_not_v(A64Ctx *c, const A64Insn *a)
{
    one(c, a, TCG_OP_vnot, 0);
}

INSN(rbit_v, "0 Q:1 1 01110 01 10000 00101 10 rn:5 rd:5", FP)
void a64_trans_rbit_v(A64Ctx *c, const A64Insn *a)
{
    one(c, a, TCG_OP_vrbit, 0);
}

INSN(clz_v, "0 Q:1 1 01110 size:2 10000 00100 10 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_clz_v(A64Ctx *c, const A64Insn *a)
{
    one(c, a, TCG_OP_vclz, a->size);
}

INSN(abs_v, "0 Q:1 0 01110 size:2 10000 01011 10 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_abs_v(A64Ctx *c, const A64Insn *a)
{
    one(c, a, TCG_OP_vabs, a->size);
}

INSN(neg_v, "0 Q:1 1 01110 size:2 10000 01011 10 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_neg_v(A64Ctx *c, const A64Insn *a)
{
    one(c, a, TCG_OP_vneg, a->size);
}

/* Leading bits that equal the sign, without it. */
INSN(cls_v, "0 Q:1 0 01110 size:2 10000 00100 10 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_cls_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = a64_v(c, a->rn);
        x = tcg_gen_v2(c->b, TCG_OP_vxor, 0, x, tcg_gen_vshift(c->b, TCG_OP_vsari, a->size, x, 1));
        x = tcg_gen_v1(c->b, TCG_OP_vclz, a->size, x);
        a64_set_v(c, a->rd, a->Q,
                  tcg_gen_v2(c->b, TCG_OP_vsub, a->size, x, arm_v_replicate(c->b, a->size, 1)));
    }
}

/* Sums of neighbours, twice as wide: SADDLP, UADDLP; SADALP, UADALP (op). */
INSN(addlp_v, "0 Q:1 U:1 01110 size:2 10000 00010 10 rn:5 rd:5", FP, "", "size!=3")
INSN(adalp_v, "0 Q:1 U:1 01110 size:2 10000 00110 10 rn:5 rd:5", FP, "", "size!=3 op=1")
void a64_trans_addlp_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = arm_v_addlp(c->b, a->size, a->U, a64_v(c, a->rn));
        v = a->op ? tcg_gen_v2(c->b, TCG_OP_vadd, a->size + 1, a64_v(c, a->rd), v) : v;
        a64_set_v(c, a->rd, a->Q, v);
    }
}

/* Vd + Vn, of which one is signed: SUQADD, USQADD. */
static TCGv add_mixed(A64Ctx *c, const A64Insn *a, unsigned Q, TCGv x, TCGv y)
{
    unsigned aux = a->size | TCG_VEC_MIXED | (a->U ? TCG_VEC_UNSIGNED : 0);
    return arm_gen_vsat(c->b, TCG_OP_vqadd, aux, Q, x, y);
}

INSN(suqadd_v, "0 Q:1 U:1 01110 size:2 10000 00011 10 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_suqadd_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q, add_mixed(c, a, a->Q, a64_v(c, a->rd), a64_v(c, a->rn)));
    }
}

INSN(suqadd_s, "01 U:1 11110 size:2 10000 00011 10 rn:5 rd:5", FP)
void a64_trans_suqadd_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = a64_scalar(c, a->size, a->rd), y = a64_scalar(c, a->size, a->rn);
        a64_set_scalar(c, a->size, a->rd, add_mixed(c, a, 1, x, y));
    }
}

/* SQABS, SQNEG */
static TCGv saturated_sign(A64Ctx *c, const A64Insn *a, unsigned Q, TCGv x)
{
    TCGv v = arm_gen_vsat(c->b, TCG_OP_vqsub, a->size, Q, arm_v_zero(c->b), x);
    return a->U ? v : tcg_gen_v2(c->b, TCG_OP_vmax, a->size, x, v);
}

INSN(sqabs_v, "0 Q:1 U:1 01110 size:2 10000 00111 10 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_sqabs_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q, saturated_sign(c, a, a->Q, a64_v(c, a->rn)));
    }
}

INSN(sqabs_s, "01 U:1 11110 size:2 10000 00111 10 rn:5 rd:5", FP)
void a64_trans_sqabs_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = saturated_sign(c, a, 1, a64_scalar(c, a->size, a->rn));
        a64_set_scalar(c, a->size, a->rd, v);
    }
}

INSN(abs_s, "01 U:1 11110 11 10000 01011 10 rn:5 rd:5", FP, "", "size=3")
void a64_trans_abs_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGOpcode opc = a->U ? TCG_OP_vneg : TCG_OP_vabs;
        a64_set_scalar(c, 3, a->rd, tcg_gen_v1(c->b, opc, 3, a64_v(c, a->rn)));
    }
}

/* ---- comparisons with zero: U 0: greater, equal, less; 1: greater or equal, less or equal ---- */

static TCGv compare_zero(A64Ctx *c, const A64Insn *a)
{
    TCGv x = a64_v(c, a->rn), zero = arm_v_zero(c->b);
    switch (a->op << 1 | a->U) {
    case 0:
        return tcg_gen_v2(c->b, TCG_OP_vcmpgt, a->size, x, zero);
    case 1:
        return tcg_gen_v2(c->b, TCG_OP_vcmpge, a->size, x, zero);
    case 2:
        return tcg_gen_v2(c->b, TCG_OP_vcmpeq, a->size, x, zero);
    case 3:
        return tcg_gen_v2(c->b, TCG_OP_vcmpge, a->size, zero, x);
    default:
        return tcg_gen_v2(c->b, TCG_OP_vcmpgt, a->size, zero, x);
    }
}

INSN(cmgt_zero_v, "0 Q:1 U:1 01110 size:2 10000 0100 op:1 10 rn:5 rd:5", FP, "", "size!=3|Q==1")
INSN(cmlt_zero_v, "0 Q:1 0 01110 size:2 10000 01010 10 rn:5 rd:5", FP, "", "size!=3|Q==1 op=2")
void a64_trans_cmgt_zero_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q, compare_zero(c, a));
    }
}

INSN(cmgt_zero_s, "01 U:1 11110 11 10000 0100 op:1 10 rn:5 rd:5", FP, "", "size=3")
INSN(cmlt_zero_s, "01 0 11110 11 10000 01010 10 rn:5 rd:5", FP, "", "size=3 op=2")
void a64_trans_cmgt_zero_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_scalar(c, 3, a->rd, compare_zero(c, a));
    }
}

/* ---- narrowing and widening ---- */

INSN(xtn_v, "0 Q:1 0 01110 size:2 10000 10010 10 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_xtn_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = a64_v(c, a->rn);
        a64_set_narrow(c, a->rd, a->Q, tcg_gen_v2(c->b, TCG_OP_vunzip, a->size, x, x));
    }
}

/* SQXTN, UQXTN; op: SQXTUN */
static TCGv narrow_sat(A64Ctx *c, const A64Insn *a, TCGv x)
{
    unsigned flags = a->op ? TCG_VEC_UNSIGNED | TCG_VEC_MIXED : a->U ? TCG_VEC_UNSIGNED : 0;
    return arm_gen_vsat(c->b, TCG_OP_vqnarrow, a->size | flags, 1, x, arm_v_zero(c->b));
}

INSN(sqxtn_v, "0 Q:1 U:1 01110 size:2 10000 10100 10 rn:5 rd:5", FP, "", "size!=3")
INSN(sqxtun_v, "0 Q:1 1 01110 size:2 10000 10010 10 rn:5 rd:5", FP, "", "size!=3 op=1")
void a64_trans_sqxtn_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_narrow(c, a->rd, a->Q, narrow_sat(c, a, a64_v(c, a->rn)));
    }
}

INSN(sqxtn_s, "01 U:1 11110 size:2 10000 10100 10 rn:5 rd:5", FP, "", "size!=3")
INSN(sqxtun_s, "01 1 11110 size:2 10000 10010 10 rn:5 rd:5", FP, "", "size!=3 op=1")
void a64_trans_sqxtn_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = narrow_sat(c, a, a64_scalar(c, a->size + 1, a->rn));
        a64_set_scalar(c, a->size, a->rd, v);
    }
}

INSN(shll_v, "0 Q:1 1 01110 size:2 10000 10011 10 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_shll_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        unsigned aux = a->size | TCG_VEC_UNSIGNED | (a->Q ? TCG_VEC_HIGH : 0);
        TCGv v = tcg_gen_v1(c->b, TCG_OP_vwiden, aux, a64_v(c, a->rn));
        a64_set_v(c, a->rd, 1, tcg_gen_vshift(c->b, TCG_OP_vshli, a->size + 1, v, 8 << a->size));
    }
}

/* ---- floating point: sf: double; size=1 comes with the rows of half precision ---- */

static unsigned fp_esize(const A64Insn *a)
{
    return a->size == 1 ? 1 : 2 + a->sf;
}

static void fp_one(A64Ctx *c, const A64Insn *a, ARMFpOp op, unsigned arg)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = fp_esize(a);
        a64_set_v(c, a->rd, 1,
                  arm_gen_vfp(c->b, c->mode, op, e, arg, (8u << a->Q) >> e, a64_v(c, a->rn),
                              TCG_NONE, TCG_NONE));
    }
}

static void scalar_fp(A64Ctx *c, const A64Insn *a, ARMFpOp op, unsigned arg)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = fp_esize(a);
        a64_set_v_bits(
            c, a->rd,
            arm_gen_fp(c->b, c->mode, op, e, arg, a64_v_bits(c, e, a->rn), TCG_NONE, TCG_NONE));
    }
}

/* To or from integers of the element's size. */
static unsigned integer_arg(const A64Insn *a, unsigned round)
{
    return round | (a->U ? ARM_FP_ARG_UNSIGNED : 0) | fp_esize(a) << ARM_FP_ARG_SIZE_SHIFT;
}

static void fp_sign(A64Ctx *c, const A64Insn *a, TCGv (*change)(TCGBuilder *, unsigned, TCGv))
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q, change(c->b, fp_esize(a), a64_v(c, a->rn)));
    }
}

INSN(fabs_v, "0 Q:1 0 01110 1 sf:1 10000 01111 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fabs_v__h, "0 Q:1 0 01110 1 111100 01111 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fabs_v(A64Ctx *c, const A64Insn *a)
{
    fp_sign(c, a, arm_v_fabs);
}

INSN(fneg_v, "0 Q:1 1 01110 1 sf:1 10000 01111 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fneg_v__h, "0 Q:1 1 01110 1 111100 01111 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fneg_v(A64Ctx *c, const A64Insn *a)
{
    fp_sign(c, a, arm_v_fneg);
}

INSN(fsqrt_v, "0 Q:1 1 01110 1 sf:1 10000 11111 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fsqrt_v__h, "0 Q:1 1 01110 1 111100 11111 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fsqrt_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_SQRT, 0);
}

INSN(frintn_v, "0 Q:1 0 01110 0 sf:1 10000 11000 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frintn_v__h, "0 Q:1 0 01110 0 111100 11000 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frintn_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RINT, TCG_RND_RNE);
}

INSN(frintp_v, "0 Q:1 0 01110 1 sf:1 10000 11000 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frintp_v__h, "0 Q:1 0 01110 1 111100 11000 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frintp_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RINT, TCG_RND_RUP);
}

INSN(frintm_v, "0 Q:1 0 01110 0 sf:1 10000 11001 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frintm_v__h, "0 Q:1 0 01110 0 111100 11001 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frintm_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RINT, TCG_RND_RDN);
}

INSN(frintz_v, "0 Q:1 0 01110 1 sf:1 10000 11001 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frintz_v__h, "0 Q:1 0 01110 1 111100 11001 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frintz_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RINT, TCG_RND_RTZ);
}

INSN(frinta_v, "0 Q:1 1 01110 0 sf:1 10000 11000 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frinta_v__h, "0 Q:1 1 01110 0 111100 11000 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frinta_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RINT, TCG_RND_RMM);
}

INSN(frintx_v, "0 Q:1 1 01110 0 sf:1 10000 11001 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frintx_v__h, "0 Q:1 1 01110 0 111100 11001 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frintx_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RINT, TCG_RND_DYN | ARM_FP_ARG_EXACT);
}

INSN(frinti_v, "0 Q:1 1 01110 1 sf:1 10000 11001 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frinti_v__h, "0 Q:1 1 01110 1 111100 11001 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frinti_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RINT, TCG_RND_DYN);
}

INSN(frint32_v, "0 Q:1 U:1 01110 0 sf:1 10000 11110 10 rn:5 rd:5", FRINTTS, "", "sf==0|Q==1")
void a64_trans_frint32_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RINT32, a->U ? TCG_RND_DYN : TCG_RND_RTZ);
}

INSN(frint64_v, "0 Q:1 U:1 01110 0 sf:1 10000 11111 10 rn:5 rd:5", FRINTTS, "", "sf==0|Q==1")
void a64_trans_frint64_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RINT64, a->U ? TCG_RND_DYN : TCG_RND_RTZ);
}

INSN(fcvtn_v, "0 Q:1 U:1 01110 0 sf:1 10000 11010 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fcvtn_v__h, "0 Q:1 U:1 01110 0 111100 11010 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcvtn_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_TO_INT, integer_arg(a, TCG_RND_RNE));
}

INSN(fcvtp_v, "0 Q:1 U:1 01110 1 sf:1 10000 11010 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fcvtp_v__h, "0 Q:1 U:1 01110 1 111100 11010 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcvtp_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_TO_INT, integer_arg(a, TCG_RND_RUP));
}

INSN(fcvtm_v, "0 Q:1 U:1 01110 0 sf:1 10000 11011 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fcvtm_v__h, "0 Q:1 U:1 01110 0 111100 11011 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcvtm_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_TO_INT, integer_arg(a, TCG_RND_RDN));
}

INSN(fcvtz_v, "0 Q:1 U:1 01110 1 sf:1 10000 11011 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fcvtz_v__h, "0 Q:1 U:1 01110 1 111100 11011 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcvtz_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_TO_INT, integer_arg(a, TCG_RND_RTZ));
}

INSN(fcvta_v, "0 Q:1 U:1 01110 0 sf:1 10000 11100 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fcvta_v__h, "0 Q:1 U:1 01110 0 111100 11100 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcvta_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_TO_INT, integer_arg(a, TCG_RND_RMM));
}

INSN(cvtf_v, "0 Q:1 U:1 01110 0 sf:1 10000 11101 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(cvtf_v__h, "0 Q:1 U:1 01110 0 111100 11101 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_cvtf_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_FROM_INT, integer_arg(a, TCG_RND_DYN));
}

INSN(frecpe_v, "0 Q:1 0 01110 1 sf:1 10000 11101 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frecpe_v__h, "0 Q:1 0 01110 1 111100 11101 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frecpe_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RECPE, 0);
}

INSN(frsqrte_v, "0 Q:1 1 01110 1 sf:1 10000 11101 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frsqrte_v__h, "0 Q:1 1 01110 1 111100 11101 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frsqrte_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, ARM_FP_RSQRTE, 0);
}

INSN(fcvtn_s, "01 U:1 11110 0 sf:1 10000 11010 10 rn:5 rd:5", FP)
INSN(fcvtn_s__h, "01 U:1 11110 0 111100 11010 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcvtn_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_TO_INT, integer_arg(a, TCG_RND_RNE));
}

INSN(fcvtp_s, "01 U:1 11110 1 sf:1 10000 11010 10 rn:5 rd:5", FP)
INSN(fcvtp_s__h, "01 U:1 11110 1 111100 11010 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcvtp_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_TO_INT, integer_arg(a, TCG_RND_RUP));
}

INSN(fcvtm_s, "01 U:1 11110 0 sf:1 10000 11011 10 rn:5 rd:5", FP)
INSN(fcvtm_s__h, "01 U:1 11110 0 111100 11011 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcvtm_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_TO_INT, integer_arg(a, TCG_RND_RDN));
}

INSN(fcvtz_s, "01 U:1 11110 1 sf:1 10000 11011 10 rn:5 rd:5", FP)
INSN(fcvtz_s__h, "01 U:1 11110 1 111100 11011 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcvtz_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_TO_INT, integer_arg(a, TCG_RND_RTZ));
}

INSN(fcvta_s, "01 U:1 11110 0 sf:1 10000 11100 10 rn:5 rd:5", FP)
INSN(fcvta_s__h, "01 U:1 11110 0 111100 11100 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcvta_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_TO_INT, integer_arg(a, TCG_RND_RMM));
}

INSN(cvtf_s, "01 U:1 11110 0 sf:1 10000 11101 10 rn:5 rd:5", FP)
INSN(cvtf_s__h, "01 U:1 11110 0 111100 11101 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_cvtf_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_FROM_INT, integer_arg(a, TCG_RND_DYN));
}

INSN(frecpe_s, "01 0 11110 1 sf:1 10000 11101 10 rn:5 rd:5", FP)
INSN(frecpe_s__h, "01 0 11110 1 111100 11101 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frecpe_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_RECPE, 0);
}

INSN(frsqrte_s, "01 1 11110 1 sf:1 10000 11101 10 rn:5 rd:5", FP)
INSN(frsqrte_s__h, "01 1 11110 1 111100 11101 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frsqrte_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_RSQRTE, 0);
}

INSN(frecpx_s, "01 0 11110 1 sf:1 10000 11111 10 rn:5 rd:5", FP)
INSN(frecpx_s__h, "01 0 11110 1 111100 11111 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frecpx_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_RECPX, 0);
}

/* URECPE, URSQRTE */
INSN(urecpe_v, "0 Q:1 U:1 01110 10 10000 11100 10 rn:5 rd:5", FP)
void a64_trans_urecpe_v(A64Ctx *c, const A64Insn *a)
{
    fp_one(c, a, a->U ? ARM_FP_URSQRTE : ARM_FP_URECPE, 0);
}

/* Comparisons with zero: GT, GE, EQ, LE, LT by op << 1 | U as above. */
static TCGv fp_compare_zero(A64Ctx *c, const A64Insn *a, unsigned n, TCGv x)
{
    static const uint8_t ops[] = {ARM_FP_CMGT, ARM_FP_CMGE, ARM_FP_CMEQ, ARM_FP_CMGE, ARM_FP_CMGT};
    unsigned which = a->op << 1 | a->U;
    TCGv zero = arm_v_zero(c->b);
    return arm_gen_vfp(c->b, c->mode, ops[which], fp_esize(a), 0, n, which < 3 ? x : zero,
                       which < 3 ? zero : x, TCG_NONE);
}

INSN(fcmgt_zero_v, "0 Q:1 U:1 01110 1 sf:1 10000 0110 op:1 10 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fcmlt_zero_v, "0 Q:1 0 01110 1 sf:1 10000 01110 10 rn:5 rd:5", FP, "", "sf==0|Q==1 op=2")
INSN(fcmgt_zero_v__h, "0 Q:1 U:1 01110 1 111100 0110 op:1 10 rn:5 rd:5", FP16, "", "size=1")
INSN(fcmlt_zero_v__h, "0 Q:1 0 01110 1 111100 01110 10 rn:5 rd:5", FP16, "", "size=1 op=2")
void a64_trans_fcmgt_zero_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        unsigned n = (8u << a->Q) >> fp_esize(a);
        a64_set_v(c, a->rd, 1, fp_compare_zero(c, a, n, a64_v(c, a->rn)));
    }
}

INSN(fcmgt_zero_s, "01 U:1 11110 1 sf:1 10000 0110 op:1 10 rn:5 rd:5", FP)
INSN(fcmlt_zero_s, "01 0 11110 1 sf:1 10000 01110 10 rn:5 rd:5", FP, "", "op=2")
INSN(fcmgt_zero_s__h, "01 U:1 11110 1 111100 0110 op:1 10 rn:5 rd:5", FP16, "", "size=1")
INSN(fcmlt_zero_s__h, "01 0 11110 1 111100 01110 10 rn:5 rd:5", FP16, "", "size=1 op=2")
void a64_trans_fcmgt_zero_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, 1, fp_compare_zero(c, a, 1, a64_v(c, a->rn)));
    }
}

/* FCVTL of half to single, single to double (sf) */
INSN(fcvtl_v, "0 Q:1 0 01110 0 sf:1 10000 10111 10 rn:5 rd:5", FP)
void a64_trans_fcvtl_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, 1, arm_gen_vfcvt_long(c->b, c->mode, 1 + a->sf, a->Q, a64_v(c, a->rn)));
    }
}

/* FCVTN of single to half, double to single (sf); op: FCVTXN, to odd */
INSN(fcvtn_v2, "0 Q:1 0 01110 0 sf:1 10000 10110 10 rn:5 rd:5", FP)
INSN(fcvtxn_v, "0 Q:1 1 01110 01 10000 10110 10 rn:5 rd:5", FP, "", "sf=1 op=1")
void a64_trans_fcvtn_v2(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = arm_gen_vfcvt_narrow(c->b, c->mode, 2 + a->sf, a->op, a64_v(c, a->rn));
        a64_set_narrow(c, a->rd, a->Q, v);
    }
}

INSN(fcvtxn_s, "01 1 11110 01 10000 10110 10 rn:5 rd:5", FP)
void a64_trans_fcvtxn_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        unsigned arg = 2 << ARM_FP_ARG_SIZE_SHIFT;
        TCGv v = arm_gen_fp(c->b, c->mode, ARM_FP_CVT_ODD, 3, arg, a64_v_bits(c, 3, a->rn),
                            TCG_NONE, TCG_NONE);
        a64_set_v_bits(c, a->rd, v);
    }
}

/* ---- across lanes ---- */

static void across(A64Ctx *c, const A64Insn *a, TCGOpcode opc, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        unsigned n = (8u << a->Q) >> a->size;
        TCGv v = tcg_gen_vreduce(c->b, opc, a->size | flags, a64_v(c, a->rn), n);
        a64_set_scalar(c, a->size, a->rd, v);
    }
}

INSN(maxv, "0 Q:1 U:1 01110 size:2 11000 01010 10 rn:5 rd:5", FP, "", "size!=3 size!=2|Q==1")
void a64_trans_maxv(A64Ctx *c, const A64Insn *a)
{
    across(c, a, TCG_OP_vmax, a->U ? TCG_VEC_UNSIGNED : 0);
}

INSN(minv, "0 Q:1 U:1 01110 size:2 11000 11010 10 rn:5 rd:5", FP, "", "size!=3 size!=2|Q==1")
void a64_trans_minv(A64Ctx *c, const A64Insn *a)
{
    across(c, a, TCG_OP_vmin, a->U ? TCG_VEC_UNSIGNED : 0);
}

INSN(addv, "0 Q:1 0 01110 size:2 11000 11011 10 rn:5 rd:5", FP, "", "size!=3 size!=2|Q==1")
void a64_trans_addv(A64Ctx *c, const A64Insn *a)
{
    across(c, a, TCG_OP_vadd, 0);
}

INSN(addlv, "0 Q:1 U:1 01110 size:2 11000 00011 10 rn:5 rd:5", FP, "", "size!=3 size!=2|Q==1")
void a64_trans_addlv(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = arm_v_addlp(c->b, a->size, a->U, a64_v(c, a->rn));
        v = tcg_gen_vreduce(c->b, TCG_OP_vadd, a->size + 1, v, (4u << a->Q) >> a->size);
        a64_set_scalar(c, a->size + 1, a->rd, v);
    }
}

/* Reduce() over n elements: pairs of neighbours, then pairs of these. */
static void fp_across(A64Ctx *c, const A64Insn *a, ARMFpOp op, unsigned n)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = fp_esize(a);
        TCGv v = a64_v(c, a->rn);
        for (n /= 2; n; n /= 2) {
            TCGv x = tcg_gen_v2(c->b, TCG_OP_vunzip, e, v, v);
            TCGv y = tcg_gen_v2(c->b, TCG_OP_vunzip, e | TCG_VEC_HIGH, v, v);
            v = arm_gen_vfp(c->b, c->mode, op, e, 0, n, x, y, TCG_NONE);
        }
        a64_set_v(c, a->rd, 1, v);
    }
}

INSN(fmaxnmv, "0 1 1 01110 0 0 11000 01100 10 rn:5 rd:5", FP, "", "Q=1")
INSN(fmaxnmv__h, "0 Q:1 0 01110 0 0 11000 01100 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmaxnmv(A64Ctx *c, const A64Insn *a)
{
    fp_across(c, a, ARM_FP_MAXNM, (8u << a->Q) >> fp_esize(a));
}

INSN(fminnmv, "0 1 1 01110 1 0 11000 01100 10 rn:5 rd:5", FP, "", "Q=1")
INSN(fminnmv__h, "0 Q:1 0 01110 1 0 11000 01100 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fminnmv(A64Ctx *c, const A64Insn *a)
{
    fp_across(c, a, ARM_FP_MINNM, (8u << a->Q) >> fp_esize(a));
}

INSN(fmaxv, "0 1 1 01110 0 0 11000 01111 10 rn:5 rd:5", FP, "", "Q=1")
INSN(fmaxv__h, "0 Q:1 0 01110 0 0 11000 01111 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmaxv(A64Ctx *c, const A64Insn *a)
{
    fp_across(c, a, ARM_FP_MAX, (8u << a->Q) >> fp_esize(a));
}

INSN(fminv, "0 1 1 01110 1 0 11000 01111 10 rn:5 rd:5", FP, "", "Q=1")
INSN(fminv__h, "0 Q:1 0 01110 1 0 11000 01111 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fminv(A64Ctx *c, const A64Insn *a)
{
    fp_across(c, a, ARM_FP_MIN, (8u << a->Q) >> fp_esize(a));
}

/* ---- scalar pairwise ---- */

INSN(addp_s, "01 0 11110 11 11000 11011 10 rn:5 rd:5", FP)
void a64_trans_addp_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_scalar(c, 3, a->rd, tcg_gen_vreduce(c->b, TCG_OP_vadd, 3, a64_v(c, a->rn), 2));
    }
}

INSN(fmaxnmp_s, "01 1 11110 0 sf:1 11000 01100 10 rn:5 rd:5", FP)
INSN(fmaxnmp_s__h, "01 0 11110 0 0 11000 01100 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmaxnmp_s(A64Ctx *c, const A64Insn *a)
{
    fp_across(c, a, ARM_FP_MAXNM, 2);
}

INSN(fminnmp_s, "01 1 11110 1 sf:1 11000 01100 10 rn:5 rd:5", FP)
INSN(fminnmp_s__h, "01 0 11110 1 0 11000 01100 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fminnmp_s(A64Ctx *c, const A64Insn *a)
{
    fp_across(c, a, ARM_FP_MINNM, 2);
}

INSN(faddp_s, "01 1 11110 0 sf:1 11000 01101 10 rn:5 rd:5", FP)
INSN(faddp_s__h, "01 0 11110 0 0 11000 01101 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_faddp_s(A64Ctx *c, const A64Insn *a)
{
    fp_across(c, a, ARM_FP_ADD, 2);
}

INSN(fmaxp_s, "01 1 11110 0 sf:1 11000 01111 10 rn:5 rd:5", FP)
INSN(fmaxp_s__h, "01 0 11110 0 0 11000 01111 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmaxp_s(A64Ctx *c, const A64Insn *a)
{
    fp_across(c, a, ARM_FP_MAX, 2);
}

INSN(fminp_s, "01 1 11110 1 sf:1 11000 01111 10 rn:5 rd:5", FP)
INSN(fminp_s__h, "01 0 11110 1 0 11000 01111 10 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fminp_s(A64Ctx *c, const A64Insn *a)
{
    fp_across(c, a, ARM_FP_MIN, 2);
}

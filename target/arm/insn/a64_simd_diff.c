/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 Advanced SIMD, three registers of different types, and vectors by an element (DDI 0487,
 * C4.1.96: three different, vector x indexed element, and their scalar forms).
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/insn/simd.h"

/* ---- three different: Q says which half of the narrow operands ---- */

static TCGv widen(A64Ctx *c, const A64Insn *a, unsigned r)
{
    unsigned flags = (a->Q ? TCG_VEC_HIGH : 0) | (a->U ? TCG_VEC_UNSIGNED : 0);
    return tcg_gen_v1(c->b, TCG_OP_vwiden, a->size | flags, a64_v(c, r));
}

/* op of the wide first operand (else widened) and the widened second */
static void add_long(A64Ctx *c, const A64Insn *a, TCGOpcode opc, bool wide)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = wide ? a64_v(c, a->rn) : widen(c, a, a->rn);
        a64_set_v(c, a->rd, 1, tcg_gen_v2(c->b, opc, a->size + 1, x, widen(c, a, a->rm)));
    }
}

static void difference_long(A64Ctx *c, const A64Insn *a, bool accumulated)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = tcg_gen_vabd(c->b, a->size + 1, widen(c, a, a->rn), widen(c, a, a->rm));
        v = accumulated ? tcg_gen_v2(c->b, TCG_OP_vadd, a->size + 1, a64_v(c, a->rd), v) : v;
        a64_set_v(c, a->rd, 1, v);
    }
}

/* The high halves of sums or differences. */
static void high_narrow(A64Ctx *c, const A64Insn *a, TCGOpcode opc)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = tcg_gen_v2(c->b, opc, a->size + 1, a64_v(c, a->rn), a64_v(c, a->rm));
        if (a->U) {
            v = tcg_gen_v2(c->b, TCG_OP_vadd, a->size + 1, v,
                           arm_v_replicate(c->b, a->size + 1, UINT64_C(1) << ((8 << a->size) - 1)));
        }
        v = tcg_gen_v2(c->b, TCG_OP_vunzip, a->size | TCG_VEC_HIGH, v, v);
        a64_set_narrow(c, a->rd, a->Q, v);
    }
}

/* y: a vector, or an element everywhere */
static TCGv product(A64Ctx *c, const A64Insn *a, TCGv y)
{
    unsigned flags = (a->Q ? TCG_VEC_HIGH : 0) | (a->U ? TCG_VEC_UNSIGNED : 0);
    return tcg_gen_v2(c->b, TCG_OP_vmull, a->size | flags, a64_v(c, a->rn), y);
}

typedef enum Accumulate { ACC_NONE, ACC_ADD, ACC_SUB } Accumulate;

static void multiply_long(A64Ctx *c, const A64Insn *a, Accumulate how, TCGv y)
{
    TCGv v = product(c, a, y);
    if (how != ACC_NONE) {
        v = tcg_gen_v2(c->b, how == ACC_ADD ? TCG_OP_vadd : TCG_OP_vsub, a->size + 1,
                       a64_v(c, a->rd), v);
    }
    a64_set_v(c, a->rd, 1, v);
}

static TCGv saturated_long(A64Ctx *c, const A64Insn *a, Accumulate how, TCGv v, TCGv sum)
{
    v = arm_gen_vsat(c->b, TCG_OP_vqadd, a->size + 1, 1, v, v);
    if (how != ACC_NONE) {
        v = arm_gen_vsat(c->b, how == ACC_ADD ? TCG_OP_vqadd : TCG_OP_vqsub, a->size + 1, 1, sum,
                         v);
    }
    return v;
}

/* SQDMULL, SQDMLAL, SQDMLSL */
static void multiply_long_sat(A64Ctx *c, const A64Insn *a, Accumulate how, TCGv y)
{
    TCGv v = product(c, a, y);
    a64_set_v(c, a->rd, 1, saturated_long(c, a, how, v, a64_v(c, a->rd)));
}

static void scalar_long_sat(A64Ctx *c, const A64Insn *a, Accumulate how, TCGv y)
{
    TCGv v = tcg_gen_v2(c->b, TCG_OP_vmull, a->size, a64_scalar(c, a->size, a->rn), y);
    v = saturated_long(c, a, how, v, a64_scalar(c, a->size + 1, a->rd));
    a64_set_scalar(c, a->size + 1, a->rd, v);
}

INSN(addl_v, "0 Q:1 U:1 01110 size:2 1 rm:5 0000 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_addl_v(A64Ctx *c, const A64Insn *a)
{
    add_long(c, a, TCG_OP_vadd, false);
}

INSN(addw_v, "0 Q:1 U:1 01110 size:2 1 rm:5 0001 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_addw_v(A64Ctx *c, const A64Insn *a)
{
    add_long(c, a, TCG_OP_vadd, true);
}

INSN(subl_v, "0 Q:1 U:1 01110 size:2 1 rm:5 0010 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_subl_v(A64Ctx *c, const A64Insn *a)
{
    add_long(c, a, TCG_OP_vsub, false);
}

INSN(subw_v, "0 Q:1 U:1 01110 size:2 1 rm:5 0011 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_subw_v(A64Ctx *c, const A64Insn *a)
{
    add_long(c, a, TCG_OP_vsub, true);
}

INSN(addhn_v, "0 Q:1 U:1 01110 size:2 1 rm:5 0100 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_addhn_v(A64Ctx *c, const A64Insn *a)
{
    high_narrow(c, a, TCG_OP_vadd);
}

INSN(abal_v, "0 Q:1 U:1 01110 size:2 1 rm:5 0101 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_abal_v(A64Ctx *c, const A64Insn *a)
{
    difference_long(c, a, true);
}

INSN(subhn_v, "0 Q:1 U:1 01110 size:2 1 rm:5 0110 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_subhn_v(A64Ctx *c, const A64Insn *a)
{
    high_narrow(c, a, TCG_OP_vsub);
}

INSN(abdl_v, "0 Q:1 U:1 01110 size:2 1 rm:5 0111 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_abdl_v(A64Ctx *c, const A64Insn *a)
{
    difference_long(c, a, false);
}

INSN(mlal_v, "0 Q:1 U:1 01110 size:2 1 rm:5 1000 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_mlal_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long(c, a, ACC_ADD, a64_v(c, a->rm));
    }
}

INSN(mlsl_v, "0 Q:1 U:1 01110 size:2 1 rm:5 1010 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_mlsl_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long(c, a, ACC_SUB, a64_v(c, a->rm));
    }
}

INSN(mull_v, "0 Q:1 U:1 01110 size:2 1 rm:5 1100 00 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_mull_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long(c, a, ACC_NONE, a64_v(c, a->rm));
    }
}

INSN(sqdmlal_v, "0 Q:1 0 01110 size:2 1 rm:5 1001 00 rn:5 rd:5", FP, "", "size!=0 size!=3")
void a64_trans_sqdmlal_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long_sat(c, a, ACC_ADD, a64_v(c, a->rm));
    }
}

INSN(sqdmlsl_v, "0 Q:1 0 01110 size:2 1 rm:5 1011 00 rn:5 rd:5", FP, "", "size!=0 size!=3")
void a64_trans_sqdmlsl_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long_sat(c, a, ACC_SUB, a64_v(c, a->rm));
    }
}

INSN(sqdmull_v, "0 Q:1 0 01110 size:2 1 rm:5 1101 00 rn:5 rd:5", FP, "", "size!=0 size!=3")
void a64_trans_sqdmull_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long_sat(c, a, ACC_NONE, a64_v(c, a->rm));
    }
}

INSN(pmull_v, "0 Q:1 0 01110 00 1 rm:5 1110 00 rn:5 rd:5", FP)
INSN(pmull_v__d, "0 Q:1 0 01110 11 1 rm:5 1110 00 rn:5 rd:5", PMULL, "", "size=3")
void a64_trans_pmull_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        unsigned aux = a->size | (a->Q ? TCG_VEC_HIGH : 0);
        a64_set_v(c, a->rd, 1,
                  tcg_gen_v2(c->b, TCG_OP_vpmull, aux, a64_v(c, a->rn), a64_v(c, a->rm)));
    }
}

INSN(sqdmlal_s, "01 0 11110 size:2 1 rm:5 1001 00 rn:5 rd:5", FP, "", "size!=0 size!=3")
void a64_trans_sqdmlal_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        scalar_long_sat(c, a, ACC_ADD, a64_scalar(c, a->size, a->rm));
    }
}

INSN(sqdmlsl_s, "01 0 11110 size:2 1 rm:5 1011 00 rn:5 rd:5", FP, "", "size!=0 size!=3")
void a64_trans_sqdmlsl_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        scalar_long_sat(c, a, ACC_SUB, a64_scalar(c, a->size, a->rm));
    }
}

INSN(sqdmull_s, "01 0 11110 size:2 1 rm:5 1101 00 rn:5 rd:5", FP, "", "size!=0 size!=3")
void a64_trans_sqdmull_s(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        scalar_long_sat(c, a, ACC_NONE, a64_scalar(c, a->size, a->rm));
    }
}

/* ---- by element: rows for 16, 32 and 64 bits, which differ in where the index is ---- */

/* Every element is the one that the instruction names. */
static TCGv element(A64Ctx *c, const A64Insn *a)
{
    return tcg_gen_vdupe(c->b, a->size, a64_v(c, a->rm), a->index);
}

/* That element alone. */
static TCGv scalar_element(A64Ctx *c, const A64Insn *a)
{
    return arm_v_element(c->b, a->size, a64_v(c, a->rm), a->index);
}

static void by_element(A64Ctx *c, const A64Insn *a, Accumulate how)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = tcg_gen_v2(c->b, TCG_OP_vmul, a->size, a64_v(c, a->rn), element(c, a));
        if (how != ACC_NONE) {
            v = tcg_gen_v2(c->b, how == ACC_ADD ? TCG_OP_vadd : TCG_OP_vsub, a->size,
                           a64_v(c, a->rd), v);
        }
        a64_set_v(c, a->rd, a->Q, v);
    }
}

static void sat_by_element(A64Ctx *c, const A64Insn *a, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q,
                  arm_gen_vsat(c->b, TCG_OP_vqdmulh, a->size | flags, a->Q, a64_v(c, a->rn),
                               element(c, a)));
    }
}

static void rdm_by_element(A64Ctx *c, const A64Insn *a, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q,
                  arm_gen_vqrdmlah(c->b, a->size | flags, a->Q, a64_v(c, a->rd), a64_v(c, a->rn),
                                   element(c, a)));
    }
}

INSN(mla_e, "0 Q:1 1 01111 01 index[1:0] rm:4 0000 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(mla_e__s, "0 Q:1 1 01111 10 index[0] rm[4] rm[3:0] 0000 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_mla_e(A64Ctx *c, const A64Insn *a)
{
    by_element(c, a, ACC_ADD);
}

INSN(mls_e, "0 Q:1 1 01111 01 index[1:0] rm:4 0100 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(mls_e__s, "0 Q:1 1 01111 10 index[0] rm[4] rm[3:0] 0100 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_mls_e(A64Ctx *c, const A64Insn *a)
{
    by_element(c, a, ACC_SUB);
}

INSN(mul_e, "0 Q:1 0 01111 01 index[1:0] rm:4 1000 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(mul_e__s, "0 Q:1 0 01111 10 index[0] rm[4] rm[3:0] 1000 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_mul_e(A64Ctx *c, const A64Insn *a)
{
    by_element(c, a, ACC_NONE);
}

INSN(mlal_e, "0 Q:1 U:1 01111 01 index[1:0] rm:4 0010 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(mlal_e__s, "0 Q:1 U:1 01111 10 index[0] rm[4] rm[3:0] 0010 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_mlal_e(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long(c, a, ACC_ADD, element(c, a));
    }
}

INSN(mlsl_e, "0 Q:1 U:1 01111 01 index[1:0] rm:4 0110 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(mlsl_e__s, "0 Q:1 U:1 01111 10 index[0] rm[4] rm[3:0] 0110 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_mlsl_e(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long(c, a, ACC_SUB, element(c, a));
    }
}

INSN(mull_e, "0 Q:1 U:1 01111 01 index[1:0] rm:4 1010 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(mull_e__s, "0 Q:1 U:1 01111 10 index[0] rm[4] rm[3:0] 1010 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_mull_e(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long(c, a, ACC_NONE, element(c, a));
    }
}

INSN(sqdmlal_e, "0 Q:1 0 01111 01 index[1:0] rm:4 0011 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(sqdmlal_e__s, "0 Q:1 0 01111 10 index[0] rm[4] rm[3:0] 0011 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_sqdmlal_e(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long_sat(c, a, ACC_ADD, element(c, a));
    }
}

INSN(sqdmlsl_e, "0 Q:1 0 01111 01 index[1:0] rm:4 0111 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(sqdmlsl_e__s, "0 Q:1 0 01111 10 index[0] rm[4] rm[3:0] 0111 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_sqdmlsl_e(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long_sat(c, a, ACC_SUB, element(c, a));
    }
}

INSN(sqdmull_e, "0 Q:1 0 01111 01 index[1:0] rm:4 1011 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(sqdmull_e__s, "0 Q:1 0 01111 10 index[0] rm[4] rm[3:0] 1011 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_sqdmull_e(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        multiply_long_sat(c, a, ACC_NONE, element(c, a));
    }
}

INSN(sqdmulh_e, "0 Q:1 0 01111 01 index[1:0] rm:4 1100 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(sqdmulh_e__s, "0 Q:1 0 01111 10 index[0] rm[4] rm[3:0] 1100 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_sqdmulh_e(A64Ctx *c, const A64Insn *a)
{
    sat_by_element(c, a, 0);
}

INSN(sqrdmulh_e, "0 Q:1 0 01111 01 index[1:0] rm:4 1101 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(sqrdmulh_e__s, "0 Q:1 0 01111 10 index[0] rm[4] rm[3:0] 1101 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_sqrdmulh_e(A64Ctx *c, const A64Insn *a)
{
    sat_by_element(c, a, TCG_VEC_ROUND);
}

INSN(sqrdmlah_e, "0 Q:1 1 01111 01 index[1:0] rm:4 1101 index[2] 0 rn:5 rd:5", RDM, "", "size=1")
INSN(sqrdmlah_e__s, "0 Q:1 1 01111 10 index[0] rm[4] rm[3:0] 1101 index[1] 0 rn:5 rd:5", RDM, "",
     "size=2")
void a64_trans_sqrdmlah_e(A64Ctx *c, const A64Insn *a)
{
    rdm_by_element(c, a, 0);
}

INSN(sqrdmlsh_e, "0 Q:1 1 01111 01 index[1:0] rm:4 1111 index[2] 0 rn:5 rd:5", RDM, "", "size=1")
INSN(sqrdmlsh_e__s, "0 Q:1 1 01111 10 index[0] rm[4] rm[3:0] 1111 index[1] 0 rn:5 rd:5", RDM, "",
     "size=2")
void a64_trans_sqrdmlsh_e(A64Ctx *c, const A64Insn *a)
{
    rdm_by_element(c, a, TCG_VEC_NEGATE);
}

/* SDOT, UDOT */
INSN(dot_e, "0 Q:1 U:1 01111 10 index[0] rm[4] rm[3:0] 1110 index[1] 0 rn:5 rd:5", DOTPROD, "",
     "size=2")
void a64_trans_dot_e(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q,
                  tcg_gen_v3(c->b, TCG_OP_vdot, a->U ? TCG_VEC_UNSIGNED : 0, a64_v(c, a->rd),
                             a64_v(c, a->rn), element(c, a)));
    }
}

static void fp_by_element(A64Ctx *c, const A64Insn *a, ARMFpOp op, bool subtract)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = a64_v(c, a->rn), z = op == ARM_FP_MADD ? a64_v(c, a->rd) : TCG_NONE;
        x = subtract ? arm_v_fneg(c->b, a->size, x) : x;
        a64_set_v(c, a->rd, 1,
                  arm_gen_vfp(c->b, c->mode, op, a->size, 0, (8u << a->Q) >> a->size, x,
                              element(c, a), z));
    }
}

INSN(fmla_e, "0 Q:1 0 01111 10 index[0] rm[4] rm[3:0] 0001 index[1] 0 rn:5 rd:5", FP, "", "size=2")
INSN(fmla_e__d, "0 Q:1 0 01111 11 0 rm[4] rm[3:0] 0001 index[0] 0 rn:5 rd:5", FP, "", "Q==1 size=3")
INSN(fmla_e__h, "0 Q:1 0 01111 00 index[1:0] rm:4 0001 index[2] 0 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmla_e(A64Ctx *c, const A64Insn *a)
{
    fp_by_element(c, a, ARM_FP_MADD, false);
}

INSN(fmls_e, "0 Q:1 0 01111 10 index[0] rm[4] rm[3:0] 0101 index[1] 0 rn:5 rd:5", FP, "", "size=2")
INSN(fmls_e__d, "0 Q:1 0 01111 11 0 rm[4] rm[3:0] 0101 index[0] 0 rn:5 rd:5", FP, "", "Q==1 size=3")
INSN(fmls_e__h, "0 Q:1 0 01111 00 index[1:0] rm:4 0101 index[2] 0 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmls_e(A64Ctx *c, const A64Insn *a)
{
    fp_by_element(c, a, ARM_FP_MADD, true);
}

INSN(fmul_e, "0 Q:1 0 01111 10 index[0] rm[4] rm[3:0] 1001 index[1] 0 rn:5 rd:5", FP, "", "size=2")
INSN(fmul_e__d, "0 Q:1 0 01111 11 0 rm[4] rm[3:0] 1001 index[0] 0 rn:5 rd:5", FP, "", "Q==1 size=3")
INSN(fmul_e__h, "0 Q:1 0 01111 00 index[1:0] rm:4 1001 index[2] 0 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmul_e(A64Ctx *c, const A64Insn *a)
{
    fp_by_element(c, a, ARM_FP_MUL, false);
}

INSN(fmulx_e, "0 Q:1 1 01111 10 index[0] rm[4] rm[3:0] 1001 index[1] 0 rn:5 rd:5", FP, "", "size=2")
INSN(fmulx_e__d, "0 Q:1 1 01111 11 0 rm[4] rm[3:0] 1001 index[0] 0 rn:5 rd:5", FP, "",
     "Q==1 size=3")
INSN(fmulx_e__h, "0 Q:1 1 01111 00 index[1:0] rm:4 1001 index[2] 0 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmulx_e(A64Ctx *c, const A64Insn *a)
{
    fp_by_element(c, a, ARM_FP_MULX, false);
}

/* FMLAL, FMLSL (o1), FMLAL2, FMLSL2 (op) */
INSN(fmlal_e, "0 Q:1 0 01111 10 index[1:0] rm:4 0 o1:1 00 index[2] 0 rn:5 rd:5", FHM, "", "size=1")
INSN(fmlal2_e, "0 Q:1 1 01111 10 index[1:0] rm:4 1 o1:1 00 index[2] 0 rn:5 rd:5", FHM, "",
     "size=1 op=1")
void a64_trans_fmlal_e(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = arm_v_down(c->b, a64_v(c, a->rn), a->op ? 4u << a->Q : 0);
        a64_set_v(c, a->rd, 1,
                  arm_gen_fmlal(c->b, c->mode, a->Q, a->o1, x, element(c, a), a64_v(c, a->rd)));
    }
}

/* index: of a pair of elements */
INSN(fcmla_e, "0 1 1 01111 10 0 rm[4] rm[3:0] 0 rot:2 1 index[0] 0 rn:5 rd:5", FCMA, "",
     "size=2 Q=1")
INSN(fcmla_e__h, "0 Q:1 1 01111 01 index[0] rm[4] rm[3:0] 0 rot:2 1 index[1] 0 rn:5 rd:5",
     FCMA + FP16, "", "size=1 Q==1|index!=2 Q==1|index!=3")
void a64_trans_fcmla_e(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv y = tcg_gen_vdupe(c->b, a->size + 1, a64_v(c, a->rm), a->index);
        a64_set_v(c, a->rd, 1,
                  arm_gen_fcmla(c->b, c->mode, a->size, a->Q, a->rot, a64_v(c, a->rn), y,
                                a64_v(c, a->rd)));
    }
}

/* ---- scalar by element ---- */

static void scalar_sat_by_element(A64Ctx *c, const A64Insn *a, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = a64_scalar(c, a->size, a->rn);
        a64_set_scalar(
            c, a->size, a->rd,
            arm_gen_vsat(c->b, TCG_OP_vqdmulh, a->size | flags, 1, x, scalar_element(c, a)));
    }
}

static void scalar_rdm_by_element(A64Ctx *c, const A64Insn *a, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = arm_gen_vqrdmlah(c->b, a->size | flags, 1, a64_scalar(c, a->size, a->rd),
                                  a64_scalar(c, a->size, a->rn), scalar_element(c, a));
        a64_set_scalar(c, a->size, a->rd, v);
    }
}

static void scalar_fp_by_element(A64Ctx *c, const A64Insn *a, ARMFpOp op, bool subtract)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = a->size;
        TCGv x = a64_v_bits(c, e, a->rn), z = TCG_NONE;
        TCGv y = arm_v_bits(c->b, e, scalar_element(c, a));
        x = subtract ? arm_gen_fp_neg(c->b, e, x) : x;
        z = op == ARM_FP_MADD ? a64_v_bits(c, e, a->rd) : z;
        a64_set_v_bits(c, a->rd, arm_gen_fp(c->b, c->mode, op, e, 0, x, y, z));
    }
}

INSN(sqdmlal_se, "01 0 11111 01 index[1:0] rm:4 0011 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(sqdmlal_se__s, "01 0 11111 10 index[0] rm[4] rm[3:0] 0011 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_sqdmlal_se(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        scalar_long_sat(c, a, ACC_ADD, scalar_element(c, a));
    }
}

INSN(sqdmlsl_se, "01 0 11111 01 index[1:0] rm:4 0111 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(sqdmlsl_se__s, "01 0 11111 10 index[0] rm[4] rm[3:0] 0111 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_sqdmlsl_se(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        scalar_long_sat(c, a, ACC_SUB, scalar_element(c, a));
    }
}

INSN(sqdmull_se, "01 0 11111 01 index[1:0] rm:4 1011 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(sqdmull_se__s, "01 0 11111 10 index[0] rm[4] rm[3:0] 1011 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_sqdmull_se(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        scalar_long_sat(c, a, ACC_NONE, scalar_element(c, a));
    }
}

INSN(sqdmulh_se, "01 0 11111 01 index[1:0] rm:4 1100 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(sqdmulh_se__s, "01 0 11111 10 index[0] rm[4] rm[3:0] 1100 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_sqdmulh_se(A64Ctx *c, const A64Insn *a)
{
    scalar_sat_by_element(c, a, 0);
}

INSN(sqrdmulh_se, "01 0 11111 01 index[1:0] rm:4 1101 index[2] 0 rn:5 rd:5", FP, "", "size=1")
INSN(sqrdmulh_se__s, "01 0 11111 10 index[0] rm[4] rm[3:0] 1101 index[1] 0 rn:5 rd:5", FP, "",
     "size=2")
void a64_trans_sqrdmulh_se(A64Ctx *c, const A64Insn *a)
{
    scalar_sat_by_element(c, a, TCG_VEC_ROUND);
}

INSN(sqrdmlah_se, "01 1 11111 01 index[1:0] rm:4 1101 index[2] 0 rn:5 rd:5", RDM, "", "size=1")
INSN(sqrdmlah_se__s, "01 1 11111 10 index[0] rm[4] rm[3:0] 1101 index[1] 0 rn:5 rd:5", RDM, "",
     "size=2")
void a64_trans_sqrdmlah_se(A64Ctx *c, const A64Insn *a)
{
    scalar_rdm_by_element(c, a, 0);
}

INSN(sqrdmlsh_se, "01 1 11111 01 index[1:0] rm:4 1111 index[2] 0 rn:5 rd:5", RDM, "", "size=1")
INSN(sqrdmlsh_se__s, "01 1 11111 10 index[0] rm[4] rm[3:0] 1111 index[1] 0 rn:5 rd:5", RDM, "",
     "size=2")
void a64_trans_sqrdmlsh_se(A64Ctx *c, const A64Insn *a)
{
    scalar_rdm_by_element(c, a, TCG_VEC_NEGATE);
}

INSN(fmla_se, "01 0 11111 10 index[0] rm[4] rm[3:0] 0001 index[1] 0 rn:5 rd:5", FP, "", "size=2")
INSN(fmla_se__d, "01 0 11111 11 0 rm[4] rm[3:0] 0001 index[0] 0 rn:5 rd:5", FP, "", "size=3")
INSN(fmla_se__h, "01 0 11111 00 index[1:0] rm:4 0001 index[2] 0 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmla_se(A64Ctx *c, const A64Insn *a)
{
    scalar_fp_by_element(c, a, ARM_FP_MADD, false);
}

INSN(fmls_se, "01 0 11111 10 index[0] rm[4] rm[3:0] 0101 index[1] 0 rn:5 rd:5", FP, "", "size=2")
INSN(fmls_se__d, "01 0 11111 11 0 rm[4] rm[3:0] 0101 index[0] 0 rn:5 rd:5", FP, "", "size=3")
INSN(fmls_se__h, "01 0 11111 00 index[1:0] rm:4 0101 index[2] 0 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmls_se(A64Ctx *c, const A64Insn *a)
{
    scalar_fp_by_element(c, a, ARM_FP_MADD, true);
}

INSN(fmul_se, "01 0 11111 10 index[0] rm[4] rm[3:0] 1001 index[1] 0 rn:5 rd:5", FP, "", "size=2")
INSN(fmul_se__d, "01 0 11111 11 0 rm[4] rm[3:0] 1001 index[0] 0 rn:5 rd:5", FP, "", "size=3")
INSN(fmul_se__h, "01 0 11111 00 index[1:0] rm:4 1001 index[2] 0 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmul_se(A64Ctx *c, const A64Insn *a)
{
    scalar_fp_by_element(c, a, ARM_FP_MUL, false);
}

INSN(fmulx_se, "01 1 11111 10 index[0] rm[4] rm[3:0] 1001 index[1] 0 rn:5 rd:5", FP, "", "size=2")
INSN(fmulx_se__d, "01 1 11111 11 0 rm[4] rm[3:0] 1001 index[0] 0 rn:5 rd:5", FP, "", "size=3")
INSN(fmulx_se__h, "01 1 11111 00 index[1:0] rm:4 1001 index[2] 0 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmulx_se(A64Ctx *c, const A64Insn *a)
{
    scalar_fp_by_element(c, a, ARM_FP_MULX, false);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 Advanced SIMD, three registers of the same type: vector and scalar, integers and floating
 * point (DDI 0487, C4.1.96: three same, three same extra, three same FP16, and their scalar forms).
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/insn/simd.h"

/* ---- integers ---- */

static void three(A64Ctx *c, const A64Insn *a, TCGOpcode opc, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q,
                  tcg_gen_v2(c->b, opc, a->size | flags, a64_v(c, a->rn), a64_v(c, a->rm)));
    }
}

static void three_made(A64Ctx *c, const A64Insn *a, unsigned flags,
                       TCGv (*make)(TCGBuilder *, unsigned, TCGv, TCGv))
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q, make(c->b, a->size | flags, a64_v(c, a->rn), a64_v(c, a->rm)));
    }
}

static void three_sat(A64Ctx *c, const A64Insn *a, TCGOpcode opc, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q,
                  arm_gen_vsat(c->b, opc, a->size | flags, a->Q, a64_v(c, a->rn), a64_v(c, a->rm)));
    }
}

/* Vd +- what make() makes of the others. */
static void accumulate(A64Ctx *c, const A64Insn *a, unsigned flags, bool subtract,
                       TCGv (*make)(TCGBuilder *, unsigned, TCGv, TCGv))
{
    if (a64_gen_fp_access(c)) {
        TCGv v = make(c->b, a->size | flags, a64_v(c, a->rn), a64_v(c, a->rm));
        TCGOpcode opc = subtract ? TCG_OP_vsub : TCG_OP_vadd;
        a64_set_v(c, a->rd, a->Q, tcg_gen_v2(c->b, opc, a->size, a64_v(c, a->rd), v));
    }
}

static TCGv multiply(TCGBuilder *b, unsigned aux, TCGv x, TCGv y)
{
    return tcg_gen_v2(b, TCG_OP_vmul, aux, x, y);
}

static void pairwise(A64Ctx *c, const A64Insn *a, TCGOpcode opc, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = a64_v(c, a->rn), y = a64_v(c, a->rm);
        arm_v_pairs(c->b, a->size, a->Q, &x, &y);
        a64_set_v(c, a->rd, a->Q, tcg_gen_v2(c->b, opc, a->size | flags, x, y));
    }
}

INSN(shadd_v, "0 Q:1 0 01110 size:2 1 rm:5 00000 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_shadd_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vavg, 0);
}

INSN(sqadd_v, "0 Q:1 0 01110 size:2 1 rm:5 00001 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_sqadd_v(A64Ctx *c, const A64Insn *a)
{
    three_sat(c, a, TCG_OP_vqadd, 0);
}

INSN(srhadd_v, "0 Q:1 0 01110 size:2 1 rm:5 00010 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_srhadd_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vavg, TCG_VEC_ROUND);
}

INSN(shsub_v, "0 Q:1 0 01110 size:2 1 rm:5 00100 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_shsub_v(A64Ctx *c, const A64Insn *a)
{
    three_made(c, a, 0, tcg_gen_vhsub);
}

INSN(sqsub_v, "0 Q:1 0 01110 size:2 1 rm:5 00101 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_sqsub_v(A64Ctx *c, const A64Insn *a)
{
    three_sat(c, a, TCG_OP_vqsub, 0);
}

INSN(cmgt_v, "0 Q:1 0 01110 size:2 1 rm:5 00110 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_cmgt_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vcmpgt, 0);
}

INSN(cmge_v, "0 Q:1 0 01110 size:2 1 rm:5 00111 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_cmge_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vcmpge, 0);
}

INSN(sshl_v, "0 Q:1 0 01110 size:2 1 rm:5 01000 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_sshl_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vshlv, 0);
}

INSN(sqshl_v, "0 Q:1 0 01110 size:2 1 rm:5 01001 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_sqshl_v(A64Ctx *c, const A64Insn *a)
{
    three_sat(c, a, TCG_OP_vshlv, TCG_VEC_SAT);
}

INSN(srshl_v, "0 Q:1 0 01110 size:2 1 rm:5 01010 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_srshl_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vshlv, TCG_VEC_ROUND);
}

INSN(sqrshl_v, "0 Q:1 0 01110 size:2 1 rm:5 01011 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_sqrshl_v(A64Ctx *c, const A64Insn *a)
{
    three_sat(c, a, TCG_OP_vshlv, TCG_VEC_SAT | TCG_VEC_ROUND);
}

INSN(smax_v, "0 Q:1 0 01110 size:2 1 rm:5 01100 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_smax_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vmax, 0);
}

INSN(smin_v, "0 Q:1 0 01110 size:2 1 rm:5 01101 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_smin_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vmin, 0);
}

INSN(sabd_v, "0 Q:1 0 01110 size:2 1 rm:5 01110 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_sabd_v(A64Ctx *c, const A64Insn *a)
{
    three_made(c, a, 0, tcg_gen_vabd);
}

INSN(saba_v, "0 Q:1 0 01110 size:2 1 rm:5 01111 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_saba_v(A64Ctx *c, const A64Insn *a)
{
    accumulate(c, a, 0, false, tcg_gen_vabd);
}

INSN(smaxp_v, "0 Q:1 0 01110 size:2 1 rm:5 10100 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_smaxp_v(A64Ctx *c, const A64Insn *a)
{
    pairwise(c, a, TCG_OP_vmax, 0);
}

INSN(sminp_v, "0 Q:1 0 01110 size:2 1 rm:5 10101 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_sminp_v(A64Ctx *c, const A64Insn *a)
{
    pairwise(c, a, TCG_OP_vmin, 0);
}

INSN(uhadd_v, "0 Q:1 1 01110 size:2 1 rm:5 00000 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_uhadd_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vavg, TCG_VEC_UNSIGNED);
}

INSN(uqadd_v, "0 Q:1 1 01110 size:2 1 rm:5 00001 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_uqadd_v(A64Ctx *c, const A64Insn *a)
{
    three_sat(c, a, TCG_OP_vqadd, TCG_VEC_UNSIGNED);
}

INSN(urhadd_v, "0 Q:1 1 01110 size:2 1 rm:5 00010 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_urhadd_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vavg, TCG_VEC_UNSIGNED | TCG_VEC_ROUND);
}

INSN(uhsub_v, "0 Q:1 1 01110 size:2 1 rm:5 00100 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_uhsub_v(A64Ctx *c, const A64Insn *a)
{
    three_made(c, a, TCG_VEC_UNSIGNED, tcg_gen_vhsub);
}

INSN(uqsub_v, "0 Q:1 1 01110 size:2 1 rm:5 00101 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_uqsub_v(A64Ctx *c, const A64Insn *a)
{
    three_sat(c, a, TCG_OP_vqsub, TCG_VEC_UNSIGNED);
}

INSN(cmhi_v, "0 Q:1 1 01110 size:2 1 rm:5 00110 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_cmhi_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vcmpgt, TCG_VEC_UNSIGNED);
}

INSN(cmhs_v, "0 Q:1 1 01110 size:2 1 rm:5 00111 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_cmhs_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vcmpge, TCG_VEC_UNSIGNED);
}

INSN(ushl_v, "0 Q:1 1 01110 size:2 1 rm:5 01000 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_ushl_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vshlv, TCG_VEC_UNSIGNED);
}

INSN(uqshl_v, "0 Q:1 1 01110 size:2 1 rm:5 01001 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_uqshl_v(A64Ctx *c, const A64Insn *a)
{
    three_sat(c, a, TCG_OP_vshlv, TCG_VEC_UNSIGNED | TCG_VEC_SAT);
}

INSN(urshl_v, "0 Q:1 1 01110 size:2 1 rm:5 01010 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_urshl_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vshlv, TCG_VEC_UNSIGNED | TCG_VEC_ROUND);
}

INSN(uqrshl_v, "0 Q:1 1 01110 size:2 1 rm:5 01011 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_uqrshl_v(A64Ctx *c, const A64Insn *a)
{
    three_sat(c, a, TCG_OP_vshlv, TCG_VEC_UNSIGNED | TCG_VEC_SAT | TCG_VEC_ROUND);
}

INSN(umax_v, "0 Q:1 1 01110 size:2 1 rm:5 01100 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_umax_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vmax, TCG_VEC_UNSIGNED);
}

INSN(umin_v, "0 Q:1 1 01110 size:2 1 rm:5 01101 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_umin_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vmin, TCG_VEC_UNSIGNED);
}

INSN(uabd_v, "0 Q:1 1 01110 size:2 1 rm:5 01110 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_uabd_v(A64Ctx *c, const A64Insn *a)
{
    three_made(c, a, TCG_VEC_UNSIGNED, tcg_gen_vabd);
}

INSN(uaba_v, "0 Q:1 1 01110 size:2 1 rm:5 01111 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_uaba_v(A64Ctx *c, const A64Insn *a)
{
    accumulate(c, a, TCG_VEC_UNSIGNED, false, tcg_gen_vabd);
}

INSN(umaxp_v, "0 Q:1 1 01110 size:2 1 rm:5 10100 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_umaxp_v(A64Ctx *c, const A64Insn *a)
{
    pairwise(c, a, TCG_OP_vmax, TCG_VEC_UNSIGNED);
}

INSN(uminp_v, "0 Q:1 1 01110 size:2 1 rm:5 10101 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_uminp_v(A64Ctx *c, const A64Insn *a)
{
    pairwise(c, a, TCG_OP_vmin, TCG_VEC_UNSIGNED);
}

INSN(add_v, "0 Q:1 0 01110 size:2 1 rm:5 10000 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_add_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vadd, 0);
}

INSN(sub_v, "0 Q:1 1 01110 size:2 1 rm:5 10000 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_sub_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vsub, 0);
}

INSN(cmtst_v, "0 Q:1 0 01110 size:2 1 rm:5 10001 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_cmtst_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vtst, 0);
}

INSN(cmeq_v, "0 Q:1 1 01110 size:2 1 rm:5 10001 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_cmeq_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vcmpeq, 0);
}

INSN(mla_v, "0 Q:1 0 01110 size:2 1 rm:5 10010 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_mla_v(A64Ctx *c, const A64Insn *a)
{
    accumulate(c, a, 0, false, multiply);
}

INSN(mls_v, "0 Q:1 1 01110 size:2 1 rm:5 10010 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_mls_v(A64Ctx *c, const A64Insn *a)
{
    accumulate(c, a, 0, true, multiply);
}

INSN(mul_v, "0 Q:1 0 01110 size:2 1 rm:5 10011 1 rn:5 rd:5", FP, "", "size!=3")
void a64_trans_mul_v(A64Ctx *c, const A64Insn *a)
{
    three(c, a, TCG_OP_vmul, 0);
}

INSN(pmul_v, "0 Q:1 1 01110 size:2 1 rm:5 10011 1 rn:5 rd:5", FP, "", "size==0")
void a64_trans_pmul_v(A64Ctx *c, const A64Insn *a)
{
    three_made(c, a, 0, arm_v_pmul);
}

INSN(addp_v, "0 Q:1 0 01110 size:2 1 rm:5 10111 1 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_addp_v(A64Ctx *c, const A64Insn *a)
{
    pairwise(c, a, TCG_OP_vadd, 0);
}

INSN(sqdmulh_v, "0 Q:1 0 01110 size:2 1 rm:5 10110 1 rn:5 rd:5", FP, "", "size!=0 size!=3")
void a64_trans_sqdmulh_v(A64Ctx *c, const A64Insn *a)
{
    three_sat(c, a, TCG_OP_vqdmulh, 0);
}

INSN(sqrdmulh_v, "0 Q:1 1 01110 size:2 1 rm:5 10110 1 rn:5 rd:5", FP, "", "size!=0 size!=3")
void a64_trans_sqrdmulh_v(A64Ctx *c, const A64Insn *a)
{
    three_sat(c, a, TCG_OP_vqdmulh, TCG_VEC_ROUND);
}

/* ---- logical ---- */

static void logical(A64Ctx *c, const A64Insn *a, TCGOpcode opc)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q, tcg_gen_v2(c->b, opc, 0, a64_v(c, a->rn), a64_v(c, a->rm)));
    }
}

/* mask ? x : y, by bits */
static void select_bits(A64Ctx *c, const A64Insn *a, unsigned mask, unsigned x, unsigned y)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q,
                  tcg_gen_v3(c->b, TCG_OP_vbitsel, 0, a64_v(c, mask), a64_v(c, x), a64_v(c, y)));
    }
}

INSN(and_v, "0 Q:1 0 01110 00 1 rm:5 00011 1 rn:5 rd:5", FP)
void a64_trans_and_v(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, TCG_OP_vand);
}

INSN(bic_v, "0 Q:1 0 01110 01 1 rm:5 00011 1 rn:5 rd:5", FP)
void a64_trans_bic_v(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, TCG_OP_vandc);
}

INSN(orr_v, "0 Q:1 0 01110 10 1 rm:5 00011 1 rn:5 rd:5", FP)
void a64_trans_orr_v(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, TCG_OP_vor);
}

INSN(orn_v, "0 Q:1 0 01110 11 1 rm:5 00011 1 rn:5 rd:5", FP)
void a64_trans_orn_v(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, TCG_OP_vorc);
}

INSN(eor_v, "0 Q:1 1 01110 00 1 rm:5 00011 1 rn:5 rd:5", FP)
void a64_trans_eor_v(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, TCG_OP_vxor);
}

INSN(bsl_v, "0 Q:1 1 01110 01 1 rm:5 00011 1 rn:5 rd:5", FP)
void a64_trans_bsl_v(A64Ctx *c, const A64Insn *a)
{
    select_bits(c, a, a->rd, a->rn, a->rm);
}

INSN(bit_v, "0 Q:1 1 01110 10 1 rm:5 00011 1 rn:5 rd:5", FP)
void a64_trans_bit_v(A64Ctx *c, const A64Insn *a)
{
    select_bits(c, a, a->rm, a->rn, a->rd);
}

INSN(bif_v, "0 Q:1 1 01110 11 1 rm:5 00011 1 rn:5 rd:5", FP)
void a64_trans_bif_v(A64Ctx *c, const A64Insn *a)
{
    select_bits(c, a, a->rm, a->rd, a->rn);
}

/* ---- rounding doubling multiply accumulate, dot product ---- */

static void rdm(A64Ctx *c, const A64Insn *a, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = arm_gen_vqrdmlah(c->b, a->size | flags, a->Q, a64_v(c, a->rd), a64_v(c, a->rn),
                                  a64_v(c, a->rm));
        a64_set_v(c, a->rd, a->Q, v);
    }
}

INSN(sqrdmlah_v, "0 Q:1 1 01110 size:2 0 rm:5 10000 1 rn:5 rd:5", RDM, "", "size!=0 size!=3")
void a64_trans_sqrdmlah_v(A64Ctx *c, const A64Insn *a)
{
    rdm(c, a, 0);
}

INSN(sqrdmlsh_v, "0 Q:1 1 01110 size:2 0 rm:5 10001 1 rn:5 rd:5", RDM, "", "size!=0 size!=3")
void a64_trans_sqrdmlsh_v(A64Ctx *c, const A64Insn *a)
{
    rdm(c, a, TCG_VEC_NEGATE);
}

/* SDOT, UDOT */
INSN(dot_v, "0 Q:1 U:1 01110 10 0 rm:5 10010 1 rn:5 rd:5", DOTPROD)
void a64_trans_dot_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, a->Q,
                  tcg_gen_v3(c->b, TCG_OP_vdot, a->U ? TCG_VEC_UNSIGNED : 0, a64_v(c, a->rd),
                             a64_v(c, a->rn), a64_v(c, a->rm)));
    }
}

/* ---- floating point: sf: double; esize comes with the row of half precision ---- */

static unsigned fp_esize(const A64Insn *a)
{
    return a->size == 1 ? 1 : 2 + a->sf;
}

static void fp_three(A64Ctx *c, const A64Insn *a, ARMFpOp op)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = fp_esize(a);
        a64_set_v(c, a->rd, 1,
                  arm_gen_vfp(c->b, c->mode, op, e, 0, (8u << a->Q) >> e, a64_v(c, a->rn),
                              a64_v(c, a->rm), TCG_NONE));
    }
}

static void fp_pairwise(A64Ctx *c, const A64Insn *a, ARMFpOp op)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = fp_esize(a);
        TCGv x = a64_v(c, a->rn), y = a64_v(c, a->rm);
        arm_v_pairs(c->b, e, a->Q, &x, &y);
        a64_set_v(c, a->rd, 1,
                  arm_gen_vfp(c->b, c->mode, op, e, 0, (8u << a->Q) >> e, x, y, TCG_NONE));
    }
}

static void fp_accumulate(A64Ctx *c, const A64Insn *a, bool subtract)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = fp_esize(a);
        TCGv x = a64_v(c, a->rn);
        x = subtract ? arm_v_fneg(c->b, e, x) : x;
        a64_set_v(c, a->rd, 1,
                  arm_gen_vfp(c->b, c->mode, ARM_FP_MADD, e, 0, (8u << a->Q) >> e, x,
                              a64_v(c, a->rm), a64_v(c, a->rd)));
    }
}

INSN(fmaxnm_v, "0 Q:1 0 01110 0 sf:1 1 rm:5 11000 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fmaxnm_v__h, "0 Q:1 0 01110 0 10 rm:5 00000 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmaxnm_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_MAXNM);
}

INSN(fminnm_v, "0 Q:1 0 01110 1 sf:1 1 rm:5 11000 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fminnm_v__h, "0 Q:1 0 01110 1 10 rm:5 00000 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fminnm_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_MINNM);
}

INSN(fmaxnmp_v, "0 Q:1 1 01110 0 sf:1 1 rm:5 11000 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fmaxnmp_v__h, "0 Q:1 1 01110 0 10 rm:5 00000 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmaxnmp_v(A64Ctx *c, const A64Insn *a)
{
    fp_pairwise(c, a, ARM_FP_MAXNM);
}

INSN(fminnmp_v, "0 Q:1 1 01110 1 sf:1 1 rm:5 11000 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fminnmp_v__h, "0 Q:1 1 01110 1 10 rm:5 00000 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fminnmp_v(A64Ctx *c, const A64Insn *a)
{
    fp_pairwise(c, a, ARM_FP_MINNM);
}

INSN(fmla_v, "0 Q:1 0 01110 0 sf:1 1 rm:5 11001 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fmla_v__h, "0 Q:1 0 01110 0 10 rm:5 00001 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmla_v(A64Ctx *c, const A64Insn *a)
{
    fp_accumulate(c, a, false);
}

INSN(fmls_v, "0 Q:1 0 01110 1 sf:1 1 rm:5 11001 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fmls_v__h, "0 Q:1 0 01110 1 10 rm:5 00001 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmls_v(A64Ctx *c, const A64Insn *a)
{
    fp_accumulate(c, a, true);
}

INSN(fadd_v, "0 Q:1 0 01110 0 sf:1 1 rm:5 11010 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fadd_v__h, "0 Q:1 0 01110 0 10 rm:5 00010 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fadd_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_ADD);
}

INSN(fsub_v, "0 Q:1 0 01110 1 sf:1 1 rm:5 11010 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fsub_v__h, "0 Q:1 0 01110 1 10 rm:5 00010 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fsub_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_SUB);
}

INSN(faddp_v, "0 Q:1 1 01110 0 sf:1 1 rm:5 11010 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(faddp_v__h, "0 Q:1 1 01110 0 10 rm:5 00010 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_faddp_v(A64Ctx *c, const A64Insn *a)
{
    fp_pairwise(c, a, ARM_FP_ADD);
}

INSN(fabd_v, "0 Q:1 1 01110 1 sf:1 1 rm:5 11010 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fabd_v__h, "0 Q:1 1 01110 1 10 rm:5 00010 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fabd_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_ABD);
}

INSN(fmulx_v, "0 Q:1 0 01110 0 sf:1 1 rm:5 11011 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fmulx_v__h, "0 Q:1 0 01110 0 10 rm:5 00011 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmulx_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_MULX);
}

INSN(fmul_v, "0 Q:1 1 01110 0 sf:1 1 rm:5 11011 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fmul_v__h, "0 Q:1 1 01110 0 10 rm:5 00011 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmul_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_MUL);
}

INSN(fcmeq_v, "0 Q:1 0 01110 0 sf:1 1 rm:5 11100 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fcmeq_v__h, "0 Q:1 0 01110 0 10 rm:5 00100 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcmeq_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_CMEQ);
}

INSN(fcmge_v, "0 Q:1 1 01110 0 sf:1 1 rm:5 11100 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fcmge_v__h, "0 Q:1 1 01110 0 10 rm:5 00100 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcmge_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_CMGE);
}

INSN(fcmgt_v, "0 Q:1 1 01110 1 sf:1 1 rm:5 11100 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fcmgt_v__h, "0 Q:1 1 01110 1 10 rm:5 00100 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcmgt_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_CMGT);
}

INSN(facge_v, "0 Q:1 1 01110 0 sf:1 1 rm:5 11101 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(facge_v__h, "0 Q:1 1 01110 0 10 rm:5 00101 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_facge_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_ACGE);
}

INSN(facgt_v, "0 Q:1 1 01110 1 sf:1 1 rm:5 11101 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(facgt_v__h, "0 Q:1 1 01110 1 10 rm:5 00101 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_facgt_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_ACGT);
}

INSN(fmax_v, "0 Q:1 0 01110 0 sf:1 1 rm:5 11110 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fmax_v__h, "0 Q:1 0 01110 0 10 rm:5 00110 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmax_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_MAX);
}

INSN(fmin_v, "0 Q:1 0 01110 1 sf:1 1 rm:5 11110 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fmin_v__h, "0 Q:1 0 01110 1 10 rm:5 00110 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmin_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_MIN);
}

INSN(fmaxp_v, "0 Q:1 1 01110 0 sf:1 1 rm:5 11110 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fmaxp_v__h, "0 Q:1 1 01110 0 10 rm:5 00110 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmaxp_v(A64Ctx *c, const A64Insn *a)
{
    fp_pairwise(c, a, ARM_FP_MAX);
}

INSN(fminp_v, "0 Q:1 1 01110 1 sf:1 1 rm:5 11110 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fminp_v__h, "0 Q:1 1 01110 1 10 rm:5 00110 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fminp_v(A64Ctx *c, const A64Insn *a)
{
    fp_pairwise(c, a, ARM_FP_MIN);
}

INSN(frecps_v, "0 Q:1 0 01110 0 sf:1 1 rm:5 11111 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frecps_v__h, "0 Q:1 0 01110 0 10 rm:5 00111 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frecps_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_RECPS);
}

INSN(frsqrts_v, "0 Q:1 0 01110 1 sf:1 1 rm:5 11111 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(frsqrts_v__h, "0 Q:1 0 01110 1 10 rm:5 00111 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frsqrts_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_RSQRTS);
}

INSN(fdiv_v, "0 Q:1 1 01110 0 sf:1 1 rm:5 11111 1 rn:5 rd:5", FP, "", "sf==0|Q==1")
INSN(fdiv_v__h, "0 Q:1 1 01110 0 10 rm:5 00111 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fdiv_v(A64Ctx *c, const A64Insn *a)
{
    fp_three(c, a, ARM_FP_DIV);
}

/* FMLAL, FMLSL (o1) of the low half, FMLAL2, FMLSL2 of the high half (op) of what Q says */
INSN(fmlal_v, "0 Q:1 0 01110 o1:1 01 rm:5 11101 1 rn:5 rd:5", FHM)
INSN(fmlal2_v, "0 Q:1 1 01110 o1:1 01 rm:5 11001 1 rn:5 rd:5", FHM, "", "op=1")
void a64_trans_fmlal_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        unsigned at = a->op ? 4u << a->Q : 0;
        a64_set_v(c, a->rd, 1,
                  arm_gen_fmlal(c->b, c->mode, a->Q, a->o1, arm_v_down(c->b, a64_v(c, a->rn), at),
                                arm_v_down(c->b, a64_v(c, a->rm), at), a64_v(c, a->rd)));
    }
}

/* ---- complex numbers ---- */

INSN(fcmla_v, "0 Q:1 1 01110 size:2 0 rm:5 110 rot:2 1 rn:5 rd:5", FCMA, "",
     "size!=0 size!=1 size!=3|Q==1")
INSN(fcmla_v__h, "0 Q:1 1 01110 01 0 rm:5 110 rot:2 1 rn:5 rd:5", FCMA + FP16, "", "size=1")
void a64_trans_fcmla_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, 1,
                  arm_gen_fcmla(c->b, c->mode, a->size, a->Q, a->rot, a64_v(c, a->rn),
                                a64_v(c, a->rm), a64_v(c, a->rd)));
    }
}

/* rot: 0 is 90 degrees, 1 is 270 */
INSN(fcadd_v, "0 Q:1 1 01110 size:2 0 rm:5 111 rot:1 01 rn:5 rd:5", FCMA, "",
     "size!=0 size!=1 size!=3|Q==1")
INSN(fcadd_v__h, "0 Q:1 1 01110 01 0 rm:5 111 rot:1 01 rn:5 rd:5", FCMA + FP16, "", "size=1")
void a64_trans_fcadd_v(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv y = arm_v_complex(c->b, a->size, a64_v(c, a->rm), a->rot ? 3 : 1);
        a64_set_v(c, a->rd, 1,
                  arm_gen_vfp(c->b, c->mode, ARM_FP_ADD, a->size, 0, (8u << a->Q) >> a->size,
                              a64_v(c, a->rn), y, TCG_NONE));
    }
}

/* ---- scalar ---- */

static void scalar_three(A64Ctx *c, const A64Insn *a, TCGOpcode opc, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = tcg_gen_v2(c->b, opc, a->size | flags, a64_v(c, a->rn), a64_v(c, a->rm));
        a64_set_scalar(c, a->size, a->rd, v);
    }
}

static void scalar_sat(A64Ctx *c, const A64Insn *a, TCGOpcode opc, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = a64_scalar(c, a->size, a->rn), y = a64_scalar(c, a->size, a->rm);
        a64_set_scalar(c, a->size, a->rd, arm_gen_vsat(c->b, opc, a->size | flags, 1, x, y));
    }
}

INSN(sqadd_s, "01 0 11110 size:2 1 rm:5 00001 1 rn:5 rd:5", FP)
void a64_trans_sqadd_s(A64Ctx *c, const A64Insn *a)
{
    scalar_sat(c, a, TCG_OP_vqadd, 0);
}

INSN(sqsub_s, "01 0 11110 size:2 1 rm:5 00101 1 rn:5 rd:5", FP)
void a64_trans_sqsub_s(A64Ctx *c, const A64Insn *a)
{
    scalar_sat(c, a, TCG_OP_vqsub, 0);
}

INSN(cmgt_s, "01 0 11110 11 1 rm:5 00110 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_cmgt_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vcmpgt, 0);
}

INSN(cmge_s, "01 0 11110 11 1 rm:5 00111 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_cmge_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vcmpge, 0);
}

INSN(sshl_s, "01 0 11110 11 1 rm:5 01000 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_sshl_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vshlv, 0);
}

INSN(sqshl_s, "01 0 11110 size:2 1 rm:5 01001 1 rn:5 rd:5", FP)
void a64_trans_sqshl_s(A64Ctx *c, const A64Insn *a)
{
    scalar_sat(c, a, TCG_OP_vshlv, TCG_VEC_SAT);
}

INSN(srshl_s, "01 0 11110 11 1 rm:5 01010 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_srshl_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vshlv, TCG_VEC_ROUND);
}

INSN(sqrshl_s, "01 0 11110 size:2 1 rm:5 01011 1 rn:5 rd:5", FP)
void a64_trans_sqrshl_s(A64Ctx *c, const A64Insn *a)
{
    scalar_sat(c, a, TCG_OP_vshlv, TCG_VEC_SAT | TCG_VEC_ROUND);
}

INSN(uqadd_s, "01 1 11110 size:2 1 rm:5 00001 1 rn:5 rd:5", FP)
void a64_trans_uqadd_s(A64Ctx *c, const A64Insn *a)
{
    scalar_sat(c, a, TCG_OP_vqadd, TCG_VEC_UNSIGNED);
}

INSN(uqsub_s, "01 1 11110 size:2 1 rm:5 00101 1 rn:5 rd:5", FP)
void a64_trans_uqsub_s(A64Ctx *c, const A64Insn *a)
{
    scalar_sat(c, a, TCG_OP_vqsub, TCG_VEC_UNSIGNED);
}

INSN(cmhi_s, "01 1 11110 11 1 rm:5 00110 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_cmhi_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vcmpgt, TCG_VEC_UNSIGNED);
}

INSN(cmhs_s, "01 1 11110 11 1 rm:5 00111 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_cmhs_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vcmpge, TCG_VEC_UNSIGNED);
}

INSN(ushl_s, "01 1 11110 11 1 rm:5 01000 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_ushl_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vshlv, TCG_VEC_UNSIGNED);
}

INSN(uqshl_s, "01 1 11110 size:2 1 rm:5 01001 1 rn:5 rd:5", FP)
void a64_trans_uqshl_s(A64Ctx *c, const A64Insn *a)
{
    scalar_sat(c, a, TCG_OP_vshlv, TCG_VEC_UNSIGNED | TCG_VEC_SAT);
}

INSN(urshl_s, "01 1 11110 11 1 rm:5 01010 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_urshl_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vshlv, TCG_VEC_UNSIGNED | TCG_VEC_ROUND);
}

INSN(uqrshl_s, "01 1 11110 size:2 1 rm:5 01011 1 rn:5 rd:5", FP)
void a64_trans_uqrshl_s(A64Ctx *c, const A64Insn *a)
{
    scalar_sat(c, a, TCG_OP_vshlv, TCG_VEC_UNSIGNED | TCG_VEC_SAT | TCG_VEC_ROUND);
}

INSN(add_s, "01 0 11110 11 1 rm:5 10000 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_add_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vadd, 0);
}

INSN(sub_s, "01 1 11110 11 1 rm:5 10000 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_sub_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vsub, 0);
}

INSN(cmtst_s, "01 0 11110 11 1 rm:5 10001 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_cmtst_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vtst, 0);
}

INSN(cmeq_s, "01 1 11110 11 1 rm:5 10001 1 rn:5 rd:5", FP, "", "size=3")
void a64_trans_cmeq_s(A64Ctx *c, const A64Insn *a)
{
    scalar_three(c, a, TCG_OP_vcmpeq, 0);
}

INSN(sqdmulh_s, "01 0 11110 size:2 1 rm:5 10110 1 rn:5 rd:5", FP, "", "size!=0 size!=3")
void a64_trans_sqdmulh_s(A64Ctx *c, const A64Insn *a)
{
    scalar_sat(c, a, TCG_OP_vqdmulh, 0);
}

INSN(sqrdmulh_s, "01 1 11110 size:2 1 rm:5 10110 1 rn:5 rd:5", FP, "", "size!=0 size!=3")
void a64_trans_sqrdmulh_s(A64Ctx *c, const A64Insn *a)
{
    scalar_sat(c, a, TCG_OP_vqdmulh, TCG_VEC_ROUND);
}

static void scalar_rdm(A64Ctx *c, const A64Insn *a, unsigned flags)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = arm_gen_vqrdmlah(c->b, a->size | flags, 1, a64_scalar(c, a->size, a->rd),
                                  a64_scalar(c, a->size, a->rn), a64_scalar(c, a->size, a->rm));
        a64_set_scalar(c, a->size, a->rd, v);
    }
}

INSN(sqrdmlah_s, "01 1 11110 size:2 0 rm:5 10000 1 rn:5 rd:5", RDM, "", "size!=0 size!=3")
void a64_trans_sqrdmlah_s(A64Ctx *c, const A64Insn *a)
{
    scalar_rdm(c, a, 0);
}

INSN(sqrdmlsh_s, "01 1 11110 size:2 0 rm:5 10001 1 rn:5 rd:5", RDM, "", "size!=0 size!=3")
void a64_trans_sqrdmlsh_s(A64Ctx *c, const A64Insn *a)
{
    scalar_rdm(c, a, TCG_VEC_NEGATE);
}

static void scalar_fp(A64Ctx *c, const A64Insn *a, ARMFpOp op)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = fp_esize(a);
        a64_set_v_bits(c, a->rd,
                       arm_gen_fp(c->b, c->mode, op, e, 0, a64_v_bits(c, e, a->rn),
                                  a64_v_bits(c, e, a->rm), TCG_NONE));
    }
}

INSN(fabd_s, "01 1 11110 1 sf:1 1 rm:5 11010 1 rn:5 rd:5", FP)
INSN(fabd_s__h, "01 1 11110 1 10 rm:5 00010 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fabd_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_ABD);
}

INSN(fmulx_s, "01 0 11110 0 sf:1 1 rm:5 11011 1 rn:5 rd:5", FP)
INSN(fmulx_s__h, "01 0 11110 0 10 rm:5 00011 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmulx_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_MULX);
}

INSN(fcmeq_s, "01 0 11110 0 sf:1 1 rm:5 11100 1 rn:5 rd:5", FP)
INSN(fcmeq_s__h, "01 0 11110 0 10 rm:5 00100 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcmeq_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_CMEQ);
}

INSN(fcmge_s, "01 1 11110 0 sf:1 1 rm:5 11100 1 rn:5 rd:5", FP)
INSN(fcmge_s__h, "01 1 11110 0 10 rm:5 00100 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcmge_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_CMGE);
}

INSN(fcmgt_s, "01 1 11110 1 sf:1 1 rm:5 11100 1 rn:5 rd:5", FP)
INSN(fcmgt_s__h, "01 1 11110 1 10 rm:5 00100 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fcmgt_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_CMGT);
}

INSN(facge_s, "01 1 11110 0 sf:1 1 rm:5 11101 1 rn:5 rd:5", FP)
INSN(facge_s__h, "01 1 11110 0 10 rm:5 00101 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_facge_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_ACGE);
}

INSN(facgt_s, "01 1 11110 1 sf:1 1 rm:5 11101 1 rn:5 rd:5", FP)
INSN(facgt_s__h, "01 1 11110 1 10 rm:5 00101 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_facgt_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_ACGT);
}

INSN(frecps_s, "01 0 11110 0 sf:1 1 rm:5 11111 1 rn:5 rd:5", FP)
INSN(frecps_s__h, "01 0 11110 0 10 rm:5 00111 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frecps_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_RECPS);
}

INSN(frsqrts_s, "01 0 11110 1 sf:1 1 rm:5 11111 1 rn:5 rd:5", FP)
INSN(frsqrts_s__h, "01 0 11110 1 10 rm:5 00111 1 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_frsqrts_s(A64Ctx *c, const A64Insn *a)
{
    scalar_fp(c, a, ARM_FP_RSQRTS);
}

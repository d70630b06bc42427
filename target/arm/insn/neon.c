/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Advanced SIMD of AArch32: data processing (DDI 0487, F4.1.22 and F4.1.23; in T32 the same, see
 * vfp_translate()). See target/arm/vfp.h.
 *
 * A D register as an operand is a vector whose low half it is; the high half is anything.
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/vfp.h"

/* ---- three registers of the same type ---- */

static void three(VFPCtx *c, const VFPInsn *a, TCGOpcode opc, unsigned aux)
{
    if (neon_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd,
                 tcg_gen_v2(c->b, opc, aux, neon_get(c, a->Q, a->vn), neon_get(c, a->Q, a->vm)));
    }
}

static void three_made(VFPCtx *c, const VFPInsn *a, unsigned aux,
                       TCGv (*make)(TCGBuilder *, unsigned, TCGv, TCGv))
{
    if (neon_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd,
                 make(c->b, aux, neon_get(c, a->Q, a->vn), neon_get(c, a->Q, a->vm)));
    }
}

static void three_sat(VFPCtx *c, const VFPInsn *a, TCGOpcode opc, unsigned aux)
{
    if (neon_ok(c, a, 0)) {
        neon_set(
            c, a->Q, a->vd,
            arm_gen_vsat(c->b, opc, aux, a->Q, neon_get(c, a->Q, a->vn), neon_get(c, a->Q, a->vm)));
    }
}

static void accumulate(VFPCtx *c, const VFPInsn *a, unsigned aux, bool subtract,
                       TCGv (*make)(TCGBuilder *, unsigned, TCGv, TCGv))
{
    if (neon_ok(c, a, 0)) {
        TCGv v = make(c->b, aux, neon_get(c, a->Q, a->vn), neon_get(c, a->Q, a->vm));
        neon_set(c, a->Q, a->vd,
                 tcg_gen_v2(c->b, subtract ? TCG_OP_vsub : TCG_OP_vadd, a->size,
                            neon_get(c, a->Q, a->vd), v));
    }
}

static TCGv multiply(TCGBuilder *b, unsigned aux, TCGv x, TCGv y)
{
    return tcg_gen_v2(b, TCG_OP_vmul, aux, x, y);
}

/* Of D registers only. */
static void pairwise(VFPCtx *c, const VFPInsn *a, TCGOpcode opc, unsigned aux)
{
    if (neon_ok(c, a, 0)) {
        TCGv x = neon_get(c, 0, a->vn), y = neon_get(c, 0, a->vm);
        arm_v_pairs(c->b, a->size, 0, &x, &y);
        neon_set(c, 0, a->vd, tcg_gen_v2(c->b, opc, aux, x, y));
    }
}

/* The shift's operands the other way round: Vm by Vn. */
static void shift(VFPCtx *c, const VFPInsn *a, unsigned flags)
{
    if (neon_ok(c, a, 0)) {
        unsigned aux = a->size | flags | (a->U ? TCG_VEC_UNSIGNED : 0);
        TCGv x = neon_get(c, a->Q, a->vm), by = neon_get(c, a->Q, a->vn);
        neon_set(c, a->Q, a->vd,
                 flags & TCG_VEC_SAT ? arm_gen_vsat(c->b, TCG_OP_vshlv, aux, a->Q, x, by)
                                     : tcg_gen_v2(c->b, TCG_OP_vshlv, aux, x, by));
    }
}

static unsigned elements(const VFPInsn *a)
{
    return a->size | (a->U ? TCG_VEC_UNSIGNED : 0);
}

INSN(vhadd, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0000 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vhadd(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vavg, elements(a));
}

INSN(vqadd, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0000 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vqadd(VFPCtx *c, const VFPInsn *a)
{
    three_sat(c, a, TCG_OP_vqadd, elements(a));
}

INSN(vrhadd, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0001 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vrhadd(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vavg, elements(a) | TCG_VEC_ROUND);
}

INSN(vhsub, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0010 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vhsub(VFPCtx *c, const VFPInsn *a)
{
    three_made(c, a, elements(a), tcg_gen_vhsub);
}

INSN(vqsub, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0010 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vqsub(VFPCtx *c, const VFPInsn *a)
{
    three_sat(c, a, TCG_OP_vqsub, elements(a));
}

INSN(vcgt, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0011 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vcgt(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vcmpgt, elements(a));
}

INSN(vcge, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0011 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vcge(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vcmpge, elements(a));
}

INSN(vshl, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0100 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vshl(VFPCtx *c, const VFPInsn *a)
{
    shift(c, a, 0);
}

INSN(vqshl, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0100 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vqshl(VFPCtx *c, const VFPInsn *a)
{
    shift(c, a, TCG_VEC_SAT);
}

INSN(vrshl, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0101 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vrshl(VFPCtx *c, const VFPInsn *a)
{
    shift(c, a, TCG_VEC_ROUND);
}

INSN(vqrshl, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0101 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vqrshl(VFPCtx *c, const VFPInsn *a)
{
    shift(c, a, TCG_VEC_SAT | TCG_VEC_ROUND);
}

INSN(vmax, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0110 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vmax(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vmax, elements(a));
}

INSN(vmin, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0110 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vmin(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vmin, elements(a));
}

INSN(vabd, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0111 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vabd(VFPCtx *c, const VFPInsn *a)
{
    three_made(c, a, elements(a), tcg_gen_vabd);
}

INSN(vaba, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 0111 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vaba(VFPCtx *c, const VFPInsn *a)
{
    accumulate(c, a, elements(a), false, tcg_gen_vabd);
}

INSN(vadd_i, "1111 001 0 0 vd[4] size:2 vn[3:0] vd[3:0] 1000 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vadd_i(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vadd, a->size);
}

INSN(vsub_i, "1111 001 1 0 vd[4] size:2 vn[3:0] vd[3:0] 1000 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vsub_i(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vsub, a->size);
}

INSN(vtst, "1111 001 0 0 vd[4] size:2 vn[3:0] vd[3:0] 1000 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vtst(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vtst, a->size);
}

INSN(vceq, "1111 001 1 0 vd[4] size:2 vn[3:0] vd[3:0] 1000 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vceq(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vcmpeq, a->size);
}

INSN(vmla_i, "1111 001 0 0 vd[4] size:2 vn[3:0] vd[3:0] 1001 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vmla_i(VFPCtx *c, const VFPInsn *a)
{
    accumulate(c, a, a->size, false, multiply);
}

INSN(vmls_i, "1111 001 1 0 vd[4] size:2 vn[3:0] vd[3:0] 1001 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vmls_i(VFPCtx *c, const VFPInsn *a)
{
    accumulate(c, a, a->size, true, multiply);
}

INSN(vmul_i, "1111 001 0 0 vd[4] size:2 vn[3:0] vd[3:0] 1001 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vmul_i(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vmul, a->size);
}

INSN(vmul_p, "1111 001 1 0 vd[4] 00 vn[3:0] vd[3:0] 1001 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vmul_p(VFPCtx *c, const VFPInsn *a)
{
    three_made(c, a, 0, arm_v_pmul);
}

INSN(vpmax, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 1010 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vpmax(VFPCtx *c, const VFPInsn *a)
{
    pairwise(c, a, TCG_OP_vmax, elements(a));
}

INSN(vpmin, "1111 001 U:1 0 vd[4] size:2 vn[3:0] vd[3:0] 1010 vn[4] 0 vm[4] 1 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vpmin(VFPCtx *c, const VFPInsn *a)
{
    pairwise(c, a, TCG_OP_vmin, elements(a));
}

INSN(vpadd, "1111 001 0 0 vd[4] size:2 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 1 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vpadd(VFPCtx *c, const VFPInsn *a)
{
    pairwise(c, a, TCG_OP_vadd, a->size);
}

INSN(vqdmulh, "1111 001 0 0 vd[4] size:2 vn[3:0] vd[3:0] 1011 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=0 size!=3")
void vfp_trans_vqdmulh(VFPCtx *c, const VFPInsn *a)
{
    three_sat(c, a, TCG_OP_vqdmulh, a->size);
}

INSN(vqrdmulh, "1111 001 1 0 vd[4] size:2 vn[3:0] vd[3:0] 1011 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=0 size!=3")
void vfp_trans_vqrdmulh(VFPCtx *c, const VFPInsn *a)
{
    three_sat(c, a, TCG_OP_vqdmulh, a->size | TCG_VEC_ROUND);
}

INSN(vand, "1111 001 0 0 vd[4] 00 vn[3:0] vd[3:0] 0001 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vand(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vand, 0);
}

INSN(vbic, "1111 001 0 0 vd[4] 01 vn[3:0] vd[3:0] 0001 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vbic(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vandc, 0);
}

INSN(vorr, "1111 001 0 0 vd[4] 10 vn[3:0] vd[3:0] 0001 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vorr(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vor, 0);
}

INSN(vorn, "1111 001 0 0 vd[4] 11 vn[3:0] vd[3:0] 0001 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vorn(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vorc, 0);
}

INSN(veor, "1111 001 1 0 vd[4] 00 vn[3:0] vd[3:0] 0001 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_veor(VFPCtx *c, const VFPInsn *a)
{
    three(c, a, TCG_OP_vxor, 0);
}

/* mask ? x : y, by bits: VBSL, VBIT, VBIF */
static void select_bits(VFPCtx *c, const VFPInsn *a, unsigned mask, unsigned x, unsigned y)
{
    if (neon_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd,
                 tcg_gen_v3(c->b, TCG_OP_vbitsel, 0, neon_get(c, a->Q, mask), neon_get(c, a->Q, x),
                            neon_get(c, a->Q, y)));
    }
}

INSN(vbsl, "1111 001 1 0 vd[4] 01 vn[3:0] vd[3:0] 0001 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vbsl(VFPCtx *c, const VFPInsn *a)
{
    select_bits(c, a, a->vd, a->vn, a->vm);
}

INSN(vbit, "1111 001 1 0 vd[4] 10 vn[3:0] vd[3:0] 0001 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vbit(VFPCtx *c, const VFPInsn *a)
{
    select_bits(c, a, a->vm, a->vn, a->vd);
}

INSN(vbif, "1111 001 1 0 vd[4] 11 vn[3:0] vd[3:0] 0001 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vbif(VFPCtx *c, const VFPInsn *a)
{
    select_bits(c, a, a->vm, a->vd, a->vn);
}

/* VQRDMLAH; op: VQRDMLSH */
INSN(vqrdmlah, "1111 001 1 0 vd[4] size:2 vn[3:0] vd[3:0] 1011 vn[4] Q:1 vm[4] 1 vm[3:0]", RDM, "",
     "size!=0 size!=3")
INSN(vqrdmlsh, "1111 001 1 0 vd[4] size:2 vn[3:0] vd[3:0] 1100 vn[4] Q:1 vm[4] 1 vm[3:0]", RDM, "",
     "size!=0 size!=3 op=1")
void vfp_trans_vqrdmlah(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd,
                 arm_gen_vqrdmlah(c->b, a->size | (a->op ? TCG_VEC_NEGATE : 0), a->Q,
                                  neon_get(c, a->Q, a->vd), neon_get(c, a->Q, a->vn),
                                  neon_get(c, a->Q, a->vm)));
    }
}

/* ---- floating point: single precision or (size 1) half, by the standard FPSCR ---- */

static unsigned lanes(const VFPInsn *a)
{
    return (8u << a->Q) >> neon_fp_esize(a);
}

static TCGv fp(VFPCtx *c, const VFPInsn *a, ARMFpOp op, TCGv x, TCGv y, TCGv z)
{
    return arm_gen_vfp(c->b, neon_mode(c), op, neon_fp_esize(a), 0, lanes(a), x, y, z);
}

static void fp_three(VFPCtx *c, const VFPInsn *a, ARMFpOp op)
{
    if (neon_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd,
                 fp(c, a, op, neon_get(c, a->Q, a->vn), neon_get(c, a->Q, a->vm), TCG_NONE));
    }
}

static void fp_pairwise(VFPCtx *c, const VFPInsn *a, ARMFpOp op)
{
    if (neon_ok(c, a, 0)) {
        TCGv x = neon_get(c, 0, a->vn), y = neon_get(c, 0, a->vm);
        arm_v_pairs(c->b, neon_fp_esize(a), 0, &x, &y);
        neon_set(c, 0, a->vd, fp(c, a, op, x, y, TCG_NONE));
    }
}

/* Rounded twice; y: a vector or a scalar everywhere. */
static void fp_multiply_add(VFPCtx *c, const VFPInsn *a, bool subtract, TCGv y)
{
    TCGv p = fp(c, a, ARM_FP_MUL, neon_get(c, a->Q, a->vn), y, TCG_NONE);
    p = subtract ? arm_v_fneg(c->b, neon_fp_esize(a), p) : p;
    neon_set(c, a->Q, a->vd, fp(c, a, ARM_FP_ADD, neon_get(c, a->Q, a->vd), p, TCG_NONE));
}

static void fp_accumulate(VFPCtx *c, const VFPInsn *a, bool subtract)
{
    if (neon_ok(c, a, 0)) {
        fp_multiply_add(c, a, subtract, neon_get(c, a->Q, a->vm));
    }
}

static void fp_fused(VFPCtx *c, const VFPInsn *a, bool subtract)
{
    if (neon_ok(c, a, 0)) {
        TCGv x = neon_get(c, a->Q, a->vn);
        x = subtract ? arm_v_fneg(c->b, neon_fp_esize(a), x) : x;
        neon_set(c, a->Q, a->vd,
                 fp(c, a, ARM_FP_MADD, x, neon_get(c, a->Q, a->vm), neon_get(c, a->Q, a->vd)));
    }
}

INSN(vfma_v, "1111 001 0 0 vd[4] 00 vn[3:0] vd[3:0] 1100 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + VFP4)
INSN(vfma_v__h, "1111 001 0 0 vd[4] 01 vn[3:0] vd[3:0] 1100 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vfma_v(VFPCtx *c, const VFPInsn *a)
{
    fp_fused(c, a, false);
}

INSN(vfms_v, "1111 001 0 0 vd[4] 10 vn[3:0] vd[3:0] 1100 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + VFP4)
INSN(vfms_v__h, "1111 001 0 0 vd[4] 11 vn[3:0] vd[3:0] 1100 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vfms_v(VFPCtx *c, const VFPInsn *a)
{
    fp_fused(c, a, true);
}

INSN(vadd_v, "1111 001 0 0 vd[4] 00 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vadd_v__h, "1111 001 0 0 vd[4] 01 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vadd_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_ADD);
}

INSN(vsub_v, "1111 001 0 0 vd[4] 10 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vsub_v__h, "1111 001 0 0 vd[4] 11 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vsub_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_SUB);
}

INSN(vpadd_v, "1111 001 1 0 vd[4] 00 vn[3:0] vd[3:0] 1101 vn[4] 0 vm[4] 0 vm[3:0]", NEON)
INSN(vpadd_v__h, "1111 001 1 0 vd[4] 01 vn[3:0] vd[3:0] 1101 vn[4] 0 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vpadd_v(VFPCtx *c, const VFPInsn *a)
{
    fp_pairwise(c, a, ARM_FP_ADD);
}

INSN(vabd_v, "1111 001 1 0 vd[4] 10 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vabd_v__h, "1111 001 1 0 vd[4] 11 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vabd_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_ABD);
}

INSN(vmla_v, "1111 001 0 0 vd[4] 00 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
INSN(vmla_v__h, "1111 001 0 0 vd[4] 01 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vmla_v(VFPCtx *c, const VFPInsn *a)
{
    fp_accumulate(c, a, false);
}

INSN(vmls_v, "1111 001 0 0 vd[4] 10 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
INSN(vmls_v__h, "1111 001 0 0 vd[4] 11 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vmls_v(VFPCtx *c, const VFPInsn *a)
{
    fp_accumulate(c, a, true);
}

INSN(vmul_v, "1111 001 1 0 vd[4] 00 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
INSN(vmul_v__h, "1111 001 1 0 vd[4] 01 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vmul_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_MUL);
}

INSN(vceq_v, "1111 001 0 0 vd[4] 00 vn[3:0] vd[3:0] 1110 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vceq_v__h, "1111 001 0 0 vd[4] 01 vn[3:0] vd[3:0] 1110 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vceq_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_CMEQ);
}

INSN(vcge_v, "1111 001 1 0 vd[4] 00 vn[3:0] vd[3:0] 1110 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vcge_v__h, "1111 001 1 0 vd[4] 01 vn[3:0] vd[3:0] 1110 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vcge_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_CMGE);
}

INSN(vcgt_v, "1111 001 1 0 vd[4] 10 vn[3:0] vd[3:0] 1110 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vcgt_v__h, "1111 001 1 0 vd[4] 11 vn[3:0] vd[3:0] 1110 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vcgt_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_CMGT);
}

INSN(vacge, "1111 001 1 0 vd[4] 00 vn[3:0] vd[3:0] 1110 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
INSN(vacge__h, "1111 001 1 0 vd[4] 01 vn[3:0] vd[3:0] 1110 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vacge(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_ACGE);
}

INSN(vacgt, "1111 001 1 0 vd[4] 10 vn[3:0] vd[3:0] 1110 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
INSN(vacgt__h, "1111 001 1 0 vd[4] 11 vn[3:0] vd[3:0] 1110 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vacgt(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_ACGT);
}

INSN(vmax_v, "1111 001 0 0 vd[4] 00 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vmax_v__h, "1111 001 0 0 vd[4] 01 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vmax_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_MAX);
}

INSN(vmin_v, "1111 001 0 0 vd[4] 10 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vmin_v__h, "1111 001 0 0 vd[4] 11 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vmin_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_MIN);
}

INSN(vpmax_v, "1111 001 1 0 vd[4] 00 vn[3:0] vd[3:0] 1111 vn[4] 0 vm[4] 0 vm[3:0]", NEON)
INSN(vpmax_v__h, "1111 001 1 0 vd[4] 01 vn[3:0] vd[3:0] 1111 vn[4] 0 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vpmax_v(VFPCtx *c, const VFPInsn *a)
{
    fp_pairwise(c, a, ARM_FP_MAX);
}

INSN(vpmin_v, "1111 001 1 0 vd[4] 10 vn[3:0] vd[3:0] 1111 vn[4] 0 vm[4] 0 vm[3:0]", NEON)
INSN(vpmin_v__h, "1111 001 1 0 vd[4] 11 vn[3:0] vd[3:0] 1111 vn[4] 0 vm[4] 0 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vpmin_v(VFPCtx *c, const VFPInsn *a)
{
    fp_pairwise(c, a, ARM_FP_MIN);
}

INSN(vrecps, "1111 001 0 0 vd[4] 00 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
INSN(vrecps__h, "1111 001 0 0 vd[4] 01 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + FP16,
     "", "size=1")
void vfp_trans_vrecps(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_RECPS_A32);
}

INSN(vrsqrts, "1111 001 0 0 vd[4] 10 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON)
INSN(vrsqrts__h, "1111 001 0 0 vd[4] 11 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 1 vm[3:0]",
     NEON + FP16, "", "size=1")
void vfp_trans_vrsqrts(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_RSQRTS_A32);
}

INSN(vmaxnm_v, "1111 001 1 0 vd[4] 00 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + V8)
INSN(vmaxnm_v__h, "1111 001 1 0 vd[4] 01 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 1 vm[3:0]",
     NEON + FP16, "", "size=1")
void vfp_trans_vmaxnm_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_MAXNM);
}

INSN(vminnm_v, "1111 001 1 0 vd[4] 10 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 1 vm[3:0]", NEON + V8)
INSN(vminnm_v__h, "1111 001 1 0 vd[4] 11 vn[3:0] vd[3:0] 1111 vn[4] Q:1 vm[4] 1 vm[3:0]",
     NEON + FP16, "", "size=1")
void vfp_trans_vminnm_v(VFPCtx *c, const VFPInsn *a)
{
    fp_three(c, a, ARM_FP_MINNM);
}

/* ---- three registers of different types ---- */

static TCGv widen(VFPCtx *c, const VFPInsn *a, unsigned d)
{
    return tcg_gen_v1(c->b, TCG_OP_vwiden, elements(a), neon_get(c, 0, d));
}

static void add_long(VFPCtx *c, const VFPInsn *a, TCGOpcode opc, bool wide)
{
    if (neon_ok(c, a, NEON_WIDE_D | (wide ? NEON_WIDE_N : 0))) {
        TCGv x = wide ? neon_get(c, 1, a->vn) : widen(c, a, a->vn);
        neon_set(c, 1, a->vd, tcg_gen_v2(c->b, opc, a->size + 1, x, widen(c, a, a->vm)));
    }
}

static void high_narrow(VFPCtx *c, const VFPInsn *a, TCGOpcode opc)
{
    if (neon_ok(c, a, NEON_WIDE_N | NEON_WIDE_M)) {
        TCGv v = tcg_gen_v2(c->b, opc, a->size + 1, neon_get(c, 1, a->vn), neon_get(c, 1, a->vm));
        if (a->U) {
            uint64_t half = UINT64_C(1) << ((8 << a->size) - 1);
            v = tcg_gen_v2(c->b, TCG_OP_vadd, a->size + 1, v,
                           arm_v_replicate(c->b, a->size + 1, half));
        }
        neon_set(c, 0, a->vd, tcg_gen_v2(c->b, TCG_OP_vunzip, a->size | TCG_VEC_HIGH, v, v));
    }
}

static void difference_long(VFPCtx *c, const VFPInsn *a, bool accumulated)
{
    if (neon_ok(c, a, NEON_WIDE_D)) {
        TCGv v = tcg_gen_vabd(c->b, a->size + 1, widen(c, a, a->vn), widen(c, a, a->vm));
        v = accumulated ? tcg_gen_v2(c->b, TCG_OP_vadd, a->size + 1, neon_get(c, 1, a->vd), v) : v;
        neon_set(c, 1, a->vd, v);
    }
}

typedef enum Accumulate { ACC_NONE, ACC_ADD, ACC_SUB } Accumulate;

static void multiply_long(VFPCtx *c, const VFPInsn *a, Accumulate how, TCGv y)
{
    TCGv v = tcg_gen_v2(c->b, TCG_OP_vmull, elements(a), neon_get(c, 0, a->vn), y);
    if (how != ACC_NONE) {
        v = tcg_gen_v2(c->b, how == ACC_ADD ? TCG_OP_vadd : TCG_OP_vsub, a->size + 1,
                       neon_get(c, 1, a->vd), v);
    }
    neon_set(c, 1, a->vd, v);
}

static void multiply_long_sat(VFPCtx *c, const VFPInsn *a, Accumulate how, TCGv y)
{
    TCGv v = tcg_gen_v2(c->b, TCG_OP_vmull, a->size, neon_get(c, 0, a->vn), y);
    v = arm_gen_vsat(c->b, TCG_OP_vqadd, a->size + 1, 1, v, v);
    if (how != ACC_NONE) {
        v = arm_gen_vsat(c->b, how == ACC_ADD ? TCG_OP_vqadd : TCG_OP_vqsub, a->size + 1, 1,
                         neon_get(c, 1, a->vd), v);
    }
    neon_set(c, 1, a->vd, v);
}

INSN(vaddl, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 0000 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vaddl(VFPCtx *c, const VFPInsn *a)
{
    add_long(c, a, TCG_OP_vadd, false);
}

INSN(vaddw, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 0001 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vaddw(VFPCtx *c, const VFPInsn *a)
{
    add_long(c, a, TCG_OP_vadd, true);
}

INSN(vsubl, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 0010 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vsubl(VFPCtx *c, const VFPInsn *a)
{
    add_long(c, a, TCG_OP_vsub, false);
}

INSN(vsubw, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 0011 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vsubw(VFPCtx *c, const VFPInsn *a)
{
    add_long(c, a, TCG_OP_vsub, true);
}

INSN(vaddhn, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 0100 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vaddhn(VFPCtx *c, const VFPInsn *a)
{
    high_narrow(c, a, TCG_OP_vadd);
}

INSN(vabal, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 0101 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vabal(VFPCtx *c, const VFPInsn *a)
{
    difference_long(c, a, true);
}

INSN(vsubhn, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 0110 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vsubhn(VFPCtx *c, const VFPInsn *a)
{
    high_narrow(c, a, TCG_OP_vsub);
}

INSN(vabdl, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 0111 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vabdl(VFPCtx *c, const VFPInsn *a)
{
    difference_long(c, a, false);
}

INSN(vmlal, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 1000 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vmlal(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_WIDE_D)) {
        multiply_long(c, a, ACC_ADD, neon_get(c, 0, a->vm));
    }
}

INSN(vmlsl, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 1010 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vmlsl(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_WIDE_D)) {
        multiply_long(c, a, ACC_SUB, neon_get(c, 0, a->vm));
    }
}

INSN(vmull, "1111 001 U:1 1 vd[4] size:2 vn[3:0] vd[3:0] 1100 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vmull(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_WIDE_D)) {
        multiply_long(c, a, ACC_NONE, neon_get(c, 0, a->vm));
    }
}

INSN(vqdmlal, "1111 001 0 1 vd[4] size:2 vn[3:0] vd[3:0] 1001 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=0 size!=3")
void vfp_trans_vqdmlal(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_WIDE_D)) {
        multiply_long_sat(c, a, ACC_ADD, neon_get(c, 0, a->vm));
    }
}

INSN(vqdmlsl, "1111 001 0 1 vd[4] size:2 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=0 size!=3")
void vfp_trans_vqdmlsl(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_WIDE_D)) {
        multiply_long_sat(c, a, ACC_SUB, neon_get(c, 0, a->vm));
    }
}

INSN(vqdmull, "1111 001 0 1 vd[4] size:2 vn[3:0] vd[3:0] 1101 vn[4] 0 vm[4] 0 vm[3:0]", NEON, "",
     "size!=0 size!=3")
void vfp_trans_vqdmull(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_WIDE_D)) {
        multiply_long_sat(c, a, ACC_NONE, neon_get(c, 0, a->vm));
    }
}

INSN(vmull_p, "1111 001 0 1 vd[4] 00 vn[3:0] vd[3:0] 1110 vn[4] 0 vm[4] 0 vm[3:0]", NEON)
INSN(vmull_p__64, "1111 001 0 1 vd[4] 10 vn[3:0] vd[3:0] 1110 vn[4] 0 vm[4] 0 vm[3:0]", AES, "",
     "size=3")
void vfp_trans_vmull_p(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_WIDE_D)) {
        neon_set(
            c, 1, a->vd,
            tcg_gen_v2(c->b, TCG_OP_vpmull, a->size, neon_get(c, 0, a->vn), neon_get(c, 0, a->vm)));
    }
}

/* ---- by a scalar: an element of D0 to D7 (16 bits) or D0 to D15; Q is where U is elsewhere ----
 */

static TCGv scalar(VFPCtx *c, const VFPInsn *a)
{
    TCGv q = neon_get(c, 1, a->vm & ~1u);
    return tcg_gen_vdupe(c->b, a->size, q, a->index + (a->vm & 1 ? 8u >> a->size : 0));
}

static bool scalar_ok(VFPCtx *c, const VFPInsn *a, unsigned which)
{
    return neon_ok(c, a, which | NEON_NARROW_M);
}

static void by_scalar(VFPCtx *c, const VFPInsn *a, Accumulate how)
{
    if (scalar_ok(c, a, 0)) {
        TCGv v = tcg_gen_v2(c->b, TCG_OP_vmul, a->size, neon_get(c, a->Q, a->vn), scalar(c, a));
        if (how != ACC_NONE) {
            v = tcg_gen_v2(c->b, how == ACC_ADD ? TCG_OP_vadd : TCG_OP_vsub, a->size,
                           neon_get(c, a->Q, a->vd), v);
        }
        neon_set(c, a->Q, a->vd, v);
    }
}

static void sat_by_scalar(VFPCtx *c, const VFPInsn *a, unsigned flags)
{
    if (scalar_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd,
                 arm_gen_vsat(c->b, TCG_OP_vqdmulh, a->size | flags, a->Q, neon_get(c, a->Q, a->vn),
                              scalar(c, a)));
    }
}

INSN(vmla_s, "1111 001 Q:1 1 vd[4] 01 vn[3:0] vd[3:0] 0000 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vmla_s__32, "1111 001 Q:1 1 vd[4] 10 vn[3:0] vd[3:0] 0000 vn[4] 1 index[0] 0 vm[3:0]", NEON,
     "", "size=2")
void vfp_trans_vmla_s(VFPCtx *c, const VFPInsn *a)
{
    by_scalar(c, a, ACC_ADD);
}

INSN(vmls_s, "1111 001 Q:1 1 vd[4] 01 vn[3:0] vd[3:0] 0100 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vmls_s__32, "1111 001 Q:1 1 vd[4] 10 vn[3:0] vd[3:0] 0100 vn[4] 1 index[0] 0 vm[3:0]", NEON,
     "", "size=2")
void vfp_trans_vmls_s(VFPCtx *c, const VFPInsn *a)
{
    by_scalar(c, a, ACC_SUB);
}

INSN(vmul_s, "1111 001 Q:1 1 vd[4] 01 vn[3:0] vd[3:0] 1000 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vmul_s__32, "1111 001 Q:1 1 vd[4] 10 vn[3:0] vd[3:0] 1000 vn[4] 1 index[0] 0 vm[3:0]", NEON,
     "", "size=2")
void vfp_trans_vmul_s(VFPCtx *c, const VFPInsn *a)
{
    by_scalar(c, a, ACC_NONE);
}

INSN(vmla_sf, "1111 001 Q:1 1 vd[4] 10 vn[3:0] vd[3:0] 0001 vn[4] 1 index[0] 0 vm[3:0]", NEON, "",
     "size=2")
INSN(vmla_sf__h, "1111 001 Q:1 1 vd[4] 01 vn[3:0] vd[3:0] 0001 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON + FP16, "", "size=1")
void vfp_trans_vmla_sf(VFPCtx *c, const VFPInsn *a)
{
    if (scalar_ok(c, a, 0)) {
        fp_multiply_add(c, a, false, scalar(c, a));
    }
}

INSN(vmls_sf, "1111 001 Q:1 1 vd[4] 10 vn[3:0] vd[3:0] 0101 vn[4] 1 index[0] 0 vm[3:0]", NEON, "",
     "size=2")
INSN(vmls_sf__h, "1111 001 Q:1 1 vd[4] 01 vn[3:0] vd[3:0] 0101 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON + FP16, "", "size=1")
void vfp_trans_vmls_sf(VFPCtx *c, const VFPInsn *a)
{
    if (scalar_ok(c, a, 0)) {
        fp_multiply_add(c, a, true, scalar(c, a));
    }
}

INSN(vmul_sf, "1111 001 Q:1 1 vd[4] 10 vn[3:0] vd[3:0] 1001 vn[4] 1 index[0] 0 vm[3:0]", NEON, "",
     "size=2")
INSN(vmul_sf__h, "1111 001 Q:1 1 vd[4] 01 vn[3:0] vd[3:0] 1001 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON + FP16, "", "size=1")
void vfp_trans_vmul_sf(VFPCtx *c, const VFPInsn *a)
{
    if (scalar_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd,
                 fp(c, a, ARM_FP_MUL, neon_get(c, a->Q, a->vn), scalar(c, a), TCG_NONE));
    }
}

INSN(vmlal_s, "1111 001 U:1 1 vd[4] 01 vn[3:0] vd[3:0] 0010 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vmlal_s__32, "1111 001 U:1 1 vd[4] 10 vn[3:0] vd[3:0] 0010 vn[4] 1 index[0] 0 vm[3:0]", NEON,
     "", "size=2")
void vfp_trans_vmlal_s(VFPCtx *c, const VFPInsn *a)
{
    if (scalar_ok(c, a, NEON_WIDE_D)) {
        multiply_long(c, a, ACC_ADD, scalar(c, a));
    }
}

INSN(vmlsl_s, "1111 001 U:1 1 vd[4] 01 vn[3:0] vd[3:0] 0110 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vmlsl_s__32, "1111 001 U:1 1 vd[4] 10 vn[3:0] vd[3:0] 0110 vn[4] 1 index[0] 0 vm[3:0]", NEON,
     "", "size=2")
void vfp_trans_vmlsl_s(VFPCtx *c, const VFPInsn *a)
{
    if (scalar_ok(c, a, NEON_WIDE_D)) {
        multiply_long(c, a, ACC_SUB, scalar(c, a));
    }
}

INSN(vmull_s, "1111 001 U:1 1 vd[4] 01 vn[3:0] vd[3:0] 1010 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vmull_s__32, "1111 001 U:1 1 vd[4] 10 vn[3:0] vd[3:0] 1010 vn[4] 1 index[0] 0 vm[3:0]", NEON,
     "", "size=2")
void vfp_trans_vmull_s(VFPCtx *c, const VFPInsn *a)
{
    if (scalar_ok(c, a, NEON_WIDE_D)) {
        multiply_long(c, a, ACC_NONE, scalar(c, a));
    }
}

INSN(vqdmlal_s, "1111 001 0 1 vd[4] 01 vn[3:0] vd[3:0] 0011 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vqdmlal_s__32, "1111 001 0 1 vd[4] 10 vn[3:0] vd[3:0] 0011 vn[4] 1 index[0] 0 vm[3:0]", NEON,
     "", "size=2")
void vfp_trans_vqdmlal_s(VFPCtx *c, const VFPInsn *a)
{
    if (scalar_ok(c, a, NEON_WIDE_D)) {
        multiply_long_sat(c, a, ACC_ADD, scalar(c, a));
    }
}

INSN(vqdmlsl_s, "1111 001 0 1 vd[4] 01 vn[3:0] vd[3:0] 0111 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vqdmlsl_s__32, "1111 001 0 1 vd[4] 10 vn[3:0] vd[3:0] 0111 vn[4] 1 index[0] 0 vm[3:0]", NEON,
     "", "size=2")
void vfp_trans_vqdmlsl_s(VFPCtx *c, const VFPInsn *a)
{
    if (scalar_ok(c, a, NEON_WIDE_D)) {
        multiply_long_sat(c, a, ACC_SUB, scalar(c, a));
    }
}

INSN(vqdmull_s, "1111 001 0 1 vd[4] 01 vn[3:0] vd[3:0] 1011 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vqdmull_s__32, "1111 001 0 1 vd[4] 10 vn[3:0] vd[3:0] 1011 vn[4] 1 index[0] 0 vm[3:0]", NEON,
     "", "size=2")
void vfp_trans_vqdmull_s(VFPCtx *c, const VFPInsn *a)
{
    if (scalar_ok(c, a, NEON_WIDE_D)) {
        multiply_long_sat(c, a, ACC_NONE, scalar(c, a));
    }
}

INSN(vqdmulh_s, "1111 001 Q:1 1 vd[4] 01 vn[3:0] vd[3:0] 1100 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vqdmulh_s__32, "1111 001 Q:1 1 vd[4] 10 vn[3:0] vd[3:0] 1100 vn[4] 1 index[0] 0 vm[3:0]", NEON,
     "", "size=2")
void vfp_trans_vqdmulh_s(VFPCtx *c, const VFPInsn *a)
{
    sat_by_scalar(c, a, 0);
}

INSN(vqrdmulh_s, "1111 001 Q:1 1 vd[4] 01 vn[3:0] vd[3:0] 1101 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     NEON, "", "size=1")
INSN(vqrdmulh_s__32, "1111 001 Q:1 1 vd[4] 10 vn[3:0] vd[3:0] 1101 vn[4] 1 index[0] 0 vm[3:0]",
     NEON, "", "size=2")
void vfp_trans_vqrdmulh_s(VFPCtx *c, const VFPInsn *a)
{
    sat_by_scalar(c, a, TCG_VEC_ROUND);
}

/* VQRDMLAH; op: VQRDMLSH */
INSN(vqrdmlah_s, "1111 001 Q:1 1 vd[4] 01 vn[3:0] vd[3:0] 1110 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     RDM, "", "size=1")
INSN(vqrdmlah_s__32, "1111 001 Q:1 1 vd[4] 10 vn[3:0] vd[3:0] 1110 vn[4] 1 index[0] 0 vm[3:0]", RDM,
     "", "size=2")
INSN(vqrdmlsh_s, "1111 001 Q:1 1 vd[4] 01 vn[3:0] vd[3:0] 1111 vn[4] 1 index[1] 0 index[0] vm[2:0]",
     RDM, "", "size=1 op=1")
INSN(vqrdmlsh_s__32, "1111 001 Q:1 1 vd[4] 10 vn[3:0] vd[3:0] 1111 vn[4] 1 index[0] 0 vm[3:0]", RDM,
     "", "size=2 op=1")
void vfp_trans_vqrdmlah_s(VFPCtx *c, const VFPInsn *a)
{
    if (scalar_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd,
                 arm_gen_vqrdmlah(c->b, a->size | (a->op ? TCG_VEC_NEGATE : 0), a->Q,
                                  neon_get(c, a->Q, a->vd), neon_get(c, a->Q, a->vn),
                                  scalar(c, a)));
    }
}

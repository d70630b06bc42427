/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * VFP in AArch32: scalar floating point, its loads and stores, moves to and from core registers
 * (DDI 0487, F3.1.8 and F4.1.4). See target/arm/vfp.h.
 *
 * Test: tests/fuzz/arm, on a reference.
 */
#include "target/arm/vfp.h"
#include "target/arm/internals.h"

/* ---- data processing ---- */

static bool regs_ok(VFPCtx *c, const VFPInsn *a)
{
    if (a->esize == 3 && !(vfp_d_ok(c, a->vd) && vfp_d_ok(c, a->vn) && vfp_d_ok(c, a->vm))) {
        return false;
    }
    return a64_gen_fp_access(c->c);
}

static TCGv negate(VFPCtx *c, const VFPInsn *a, bool yes, TCGv v)
{
    return yes ? arm_gen_fp_neg(c->b, a->esize, v) : v;
}

static TCGv arith(VFPCtx *c, const VFPInsn *a, ARMFpOp op, TCGv x, TCGv y, TCGv z)
{
    return arm_gen_fp(c->b, c->mode, op, a->esize, 0, x, y, z);
}

static void binary(VFPCtx *c, const VFPInsn *a, ARMFpOp op)
{
    if (regs_ok(c, a)) {
        TCGv v =
            arith(c, a, op, vfp_get(c, a->esize, a->vn), vfp_get(c, a->esize, a->vm), TCG_NONE);
        vfp_set(c, a->esize, a->vd, v);
    }
}

/* Rounded twice: VMLA, VMLS, VNMLA, VNMLS. */
static void multiply_add(VFPCtx *c, const VFPInsn *a, bool negate_sum, bool negate_product)
{
    if (regs_ok(c, a)) {
        TCGv p = arith(c, a, ARM_FP_MUL, vfp_get(c, a->esize, a->vn), vfp_get(c, a->esize, a->vm),
                       TCG_NONE);
        TCGv d = negate(c, a, negate_sum, vfp_get(c, a->esize, a->vd));
        vfp_set(c, a->esize, a->vd,
                arith(c, a, ARM_FP_ADD, d, negate(c, a, negate_product, p), TCG_NONE));
    }
}

/* Rounded once. */
static void fused(VFPCtx *c, const VFPInsn *a, bool negate_sum, bool negate_product)
{
    if (regs_ok(c, a)) {
        TCGv x = negate(c, a, negate_product, vfp_get(c, a->esize, a->vn));
        TCGv d = negate(c, a, negate_sum, vfp_get(c, a->esize, a->vd));
        vfp_set(c, a->esize, a->vd, arith(c, a, ARM_FP_MADD, x, vfp_get(c, a->esize, a->vm), d));
    }
}

INSN(vmla, "cond:4 1110 0 vd[0] 00 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vmla__d, "cond:4 1110 0 vd[4] 00 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vmla(VFPCtx *c, const VFPInsn *a)
{
    multiply_add(c, a, false, false);
}

INSN(vmls, "cond:4 1110 0 vd[0] 00 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vmls__d, "cond:4 1110 0 vd[4] 00 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vmls(VFPCtx *c, const VFPInsn *a)
{
    multiply_add(c, a, false, true);
}

INSN(vnmls, "cond:4 1110 0 vd[0] 01 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vnmls__d, "cond:4 1110 0 vd[4] 01 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vnmls(VFPCtx *c, const VFPInsn *a)
{
    multiply_add(c, a, true, false);
}

INSN(vnmla, "cond:4 1110 0 vd[0] 01 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vnmla__d, "cond:4 1110 0 vd[4] 01 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vnmla(VFPCtx *c, const VFPInsn *a)
{
    multiply_add(c, a, true, true);
}

INSN(vmul, "cond:4 1110 0 vd[0] 10 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vmul__d, "cond:4 1110 0 vd[4] 10 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vmul(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_MUL);
}

INSN(vnmul, "cond:4 1110 0 vd[0] 10 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vnmul__d, "cond:4 1110 0 vd[4] 10 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vnmul(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_NMUL);
}

INSN(vadd, "cond:4 1110 0 vd[0] 11 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vadd__d, "cond:4 1110 0 vd[4] 11 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vadd(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_ADD);
}

INSN(vsub, "cond:4 1110 0 vd[0] 11 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vsub__d, "cond:4 1110 0 vd[4] 11 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vsub(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_SUB);
}

INSN(vdiv, "cond:4 1110 1 vd[0] 00 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vdiv__d, "cond:4 1110 1 vd[4] 00 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vdiv(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_DIV);
}

INSN(vfnms, "cond:4 1110 1 vd[0] 01 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP4, "",
     "cond!=15 esize=2")
INSN(vfnms__d, "cond:4 1110 1 vd[4] 01 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP4, "",
     "cond!=15 esize=3")
void vfp_trans_vfnms(VFPCtx *c, const VFPInsn *a)
{
    fused(c, a, true, false);
}

INSN(vfnma, "cond:4 1110 1 vd[0] 01 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP4, "",
     "cond!=15 esize=2")
INSN(vfnma__d, "cond:4 1110 1 vd[4] 01 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP4, "",
     "cond!=15 esize=3")
void vfp_trans_vfnma(VFPCtx *c, const VFPInsn *a)
{
    fused(c, a, true, true);
}

INSN(vfma, "cond:4 1110 1 vd[0] 10 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP4, "",
     "cond!=15 esize=2")
INSN(vfma__d, "cond:4 1110 1 vd[4] 10 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP4, "",
     "cond!=15 esize=3")
void vfp_trans_vfma(VFPCtx *c, const VFPInsn *a)
{
    fused(c, a, false, false);
}

INSN(vfms, "cond:4 1110 1 vd[0] 10 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP4, "",
     "cond!=15 esize=2")
INSN(vfms__d, "cond:4 1110 1 vd[4] 10 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP4, "",
     "cond!=15 esize=3")
void vfp_trans_vfms(VFPCtx *c, const VFPInsn *a)
{
    fused(c, a, false, true);
}

INSN(vmaxnm, "1111 1110 1 vd[0] 00 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", V8, "", "esize=2")
INSN(vmaxnm__d, "1111 1110 1 vd[4] 00 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", V8, "",
     "esize=3")
void vfp_trans_vmaxnm(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_MAXNM);
}

INSN(vminnm, "1111 1110 1 vd[0] 00 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", V8, "", "esize=2")
INSN(vminnm__d, "1111 1110 1 vd[4] 00 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", V8, "",
     "esize=3")
void vfp_trans_vminnm(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_MINNM);
}

/* cc: EQ, VS, GE, GT of the flags */
INSN(vsel, "1111 1110 0 vd[0] cc:2 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", V8, "", "esize=2")
INSN(vsel__d, "1111 1110 0 vd[4] cc:2 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", V8, "",
     "esize=3")
void vfp_trans_vsel(VFPCtx *c, const VFPInsn *a)
{
    static const uint8_t conds[4] = {0, 6, 10, 12};
    if (regs_ok(c, a)) {
        TCGv cond = a64_gen_cond(c->c, conds[a->cc]);
        vfp_set(
            c, a->esize, a->vd,
            tcg_gen_select(c->b, cond, vfp_get(c, a->esize, a->vn), vfp_get(c, a->esize, a->vm)));
    }
}

INSN(vmov_imm, "cond:4 1110 1 vd[0] 11 imm[7:4] vd[4:1] 1010 0000 imm[3:0]", VFP3, "",
     "cond!=15 esize=2")
INSN(vmov_imm__d, "cond:4 1110 1 vd[4] 11 imm[7:4] vd[3:0] 1011 0000 imm[3:0]", VFP3, "",
     "cond!=15 esize=3")
void vfp_trans_vmov_imm(VFPCtx *c, const VFPInsn *a)
{
    if (regs_ok(c, a)) {
        int64_t v = (int64_t)arm_fp_expand_imm(a->esize, a->imm);
        vfp_set(c, a->esize, a->vd, a->esize == 3 ? tcg_i64(c->b, v) : tcg_i32(c->b, (int32_t)v));
    }
}

static void move(VFPCtx *c, const VFPInsn *a, TCGv (*change)(TCGBuilder *, unsigned, TCGv))
{
    if (regs_ok(c, a)) {
        TCGv v = vfp_get(c, a->esize, a->vm);
        vfp_set(c, a->esize, a->vd, change ? change(c->b, a->esize, v) : v);
    }
}

static void unary(VFPCtx *c, const VFPInsn *a, ARMFpOp op, unsigned arg)
{
    if (regs_ok(c, a)) {
        vfp_set(c, a->esize, a->vd,
                arm_gen_fp(c->b, c->mode, op, a->esize, arg, vfp_get(c, a->esize, a->vm), TCG_NONE,
                           TCG_NONE));
    }
}

INSN(vmov_reg, "cond:4 1110 1 vd[0] 11 0000 vd[4:1] 1010 01 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vmov_reg__d, "cond:4 1110 1 vd[4] 11 0000 vd[3:0] 1011 01 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vmov_reg(VFPCtx *c, const VFPInsn *a)
{
    move(c, a, NULL);
}

INSN(vabs, "cond:4 1110 1 vd[0] 11 0000 vd[4:1] 1010 11 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vabs__d, "cond:4 1110 1 vd[4] 11 0000 vd[3:0] 1011 11 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vabs(VFPCtx *c, const VFPInsn *a)
{
    move(c, a, arm_gen_fp_abs);
}

INSN(vneg, "cond:4 1110 1 vd[0] 11 0001 vd[4:1] 1010 01 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vneg__d, "cond:4 1110 1 vd[4] 11 0001 vd[3:0] 1011 01 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vneg(VFPCtx *c, const VFPInsn *a)
{
    move(c, a, arm_gen_fp_neg);
}

INSN(vsqrt, "cond:4 1110 1 vd[0] 11 0001 vd[4:1] 1010 11 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vsqrt__d, "cond:4 1110 1 vd[4] 11 0001 vd[3:0] 1011 11 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vsqrt(VFPCtx *c, const VFPInsn *a)
{
    unary(c, a, ARM_FP_SQRT, 0);
}

INSN(vrintr, "cond:4 1110 1 vd[0] 11 0110 vd[4:1] 1010 01 vm[0] 0 vm[4:1]", V8, "",
     "cond!=15 esize=2")
INSN(vrintr__d, "cond:4 1110 1 vd[4] 11 0110 vd[3:0] 1011 01 vm[4] 0 vm[3:0]", V8, "",
     "cond!=15 esize=3")
void vfp_trans_vrintr(VFPCtx *c, const VFPInsn *a)
{
    unary(c, a, ARM_FP_RINT, TCG_RND_DYN);
}

INSN(vrintz, "cond:4 1110 1 vd[0] 11 0110 vd[4:1] 1010 11 vm[0] 0 vm[4:1]", V8, "",
     "cond!=15 esize=2")
INSN(vrintz__d, "cond:4 1110 1 vd[4] 11 0110 vd[3:0] 1011 11 vm[4] 0 vm[3:0]", V8, "",
     "cond!=15 esize=3")
void vfp_trans_vrintz(VFPCtx *c, const VFPInsn *a)
{
    unary(c, a, ARM_FP_RINT, TCG_RND_RTZ);
}

INSN(vrintx, "cond:4 1110 1 vd[0] 11 0111 vd[4:1] 1010 01 vm[0] 0 vm[4:1]", V8, "",
     "cond!=15 esize=2")
INSN(vrintx__d, "cond:4 1110 1 vd[4] 11 0111 vd[3:0] 1011 01 vm[4] 0 vm[3:0]", V8, "",
     "cond!=15 esize=3")
void vfp_trans_vrintx(VFPCtx *c, const VFPInsn *a)
{
    unary(c, a, ARM_FP_RINT, TCG_RND_DYN | ARM_FP_ARG_EXACT);
}

/* A, N, P, M */
static unsigned round_of(unsigned rm)
{
    static const uint8_t round[4] = {TCG_RND_RMM, TCG_RND_RNE, TCG_RND_RUP, TCG_RND_RDN};
    return round[rm];
}

INSN(vrint, "1111 1110 1 vd[0] 11 10 rmode:2 vd[4:1] 1010 01 vm[0] 0 vm[4:1]", V8, "", "esize=2")
INSN(vrint__d, "1111 1110 1 vd[4] 11 10 rmode:2 vd[3:0] 1011 01 vm[4] 0 vm[3:0]", V8, "", "esize=3")
void vfp_trans_vrint(VFPCtx *c, const VFPInsn *a)
{
    unary(c, a, ARM_FP_RINT, round_of(a->rmode));
}

/* To a 32-bit integer in an S register, U: unsigned. */
static void to_integer(VFPCtx *c, const VFPInsn *a, unsigned round, bool is_unsigned)
{
    if (a->esize == 3 && !vfp_d_ok(c, a->vm)) {
        return;
    }
    if (a64_gen_fp_access(c->c)) {
        unsigned arg = round | (is_unsigned ? ARM_FP_ARG_UNSIGNED : 0) | 2 << ARM_FP_ARG_SIZE_SHIFT;
        vfp_set(c, 2, a->vd,
                arm_gen_fp(c->b, c->mode, ARM_FP_TO_INT, a->esize, arg, vfp_get(c, a->esize, a->vm),
                           TCG_NONE, TCG_NONE));
    }
}

/* op: signed */
INSN(vcvt_rm, "1111 1110 1 vd[0] 11 11 rmode:2 vd[4:1] 1010 op:1 1 vm[0] 0 vm[4:1]", V8, "",
     "esize=2")
INSN(vcvt_rm__d, "1111 1110 1 vd[0] 11 11 rmode:2 vd[4:1] 1011 op:1 1 vm[4] 0 vm[3:0]", V8, "",
     "esize=3")
void vfp_trans_vcvt_rm(VFPCtx *c, const VFPInsn *a)
{
    to_integer(c, a, round_of(a->rmode), !a->op);
}

/* o0: toward zero, else by FPSCR */
INSN(vcvt_to_int, "cond:4 1110 1 vd[0] 11 110 op:1 vd[4:1] 1010 o0:1 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vcvt_to_int__d, "cond:4 1110 1 vd[0] 11 110 op:1 vd[4:1] 1011 o0:1 1 vm[4] 0 vm[3:0]", VFP2,
     "", "cond!=15 esize=3")
void vfp_trans_vcvt_to_int(VFPCtx *c, const VFPInsn *a)
{
    to_integer(c, a, a->o0 ? TCG_RND_RTZ : TCG_RND_DYN, !a->op);
}

INSN(vcvt_from_int, "cond:4 1110 1 vd[0] 11 1000 vd[4:1] 1010 op:1 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vcvt_from_int__d, "cond:4 1110 1 vd[4] 11 1000 vd[3:0] 1011 op:1 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vcvt_from_int(VFPCtx *c, const VFPInsn *a)
{
    if (a->esize == 3 && !vfp_d_ok(c, a->vd)) {
        return;
    }
    if (a64_gen_fp_access(c->c)) {
        unsigned arg = TCG_RND_DYN | (a->op ? 0 : ARM_FP_ARG_UNSIGNED) | 2 << ARM_FP_ARG_SIZE_SHIFT;
        vfp_set(c, a->esize, a->vd,
                arm_gen_fp(c->b, c->mode, ARM_FP_FROM_INT, a->esize, arg, vfp_get(c, 2, a->vm),
                           TCG_NONE, TCG_NONE));
    }
}

/* op: to fixed point, toward zero; o0: of 32 bits, else 16, extended; in place. */
INSN(vcvt_fixed, "cond:4 1110 1 vd[0] 11 1 op:1 1 U:1 vd[4:1] 1010 o0:1 1 imm[0] 0 imm[4:1]", VFP3,
     "", "cond!=15 esize=2")
INSN(vcvt_fixed__d, "cond:4 1110 1 vd[4] 11 1 op:1 1 U:1 vd[3:0] 1011 o0:1 1 imm[0] 0 imm[4:1]",
     VFP3, "", "cond!=15 esize=3")
void vfp_trans_vcvt_fixed(VFPCtx *c, const VFPInsn *a)
{
    unsigned size = a->o0 ? 2 : 1;
    int fbits = (8 << size) - a->imm;
    if (fbits < 0) {
        a64_gen_undefined(c->c);
        return;
    }
    if (!regs_ok(c, a)) {
        return;
    }
    unsigned arg = (a->op ? TCG_RND_RTZ : TCG_RND_RNE) | (a->U ? ARM_FP_ARG_UNSIGNED : 0) |
                   size << ARM_FP_ARG_SIZE_SHIFT | (unsigned)fbits << ARM_FP_ARG_FBITS_SHIFT;
    TCGv v = vfp_get(c, a->esize, a->vd);
    if (!a->op) {
        v = a->esize == 3 ? tcg_gen_trunc(c->b, v) : v;
        v = arm_gen_fp(c->b, c->mode, ARM_FP_FROM_INT, a->esize, arg, v, TCG_NONE, TCG_NONE);
    } else {
        v = arm_gen_fp(c->b, c->mode, ARM_FP_TO_INT, a->esize, arg, v, TCG_NONE, TCG_NONE);
        v = size == 1 && !a->U ? tcg_gen_ext16s(c->b, v) : v;
        v = a->esize == 3 ? a->U ? tcg_gen_extu(c->b, v) : tcg_gen_exts(c->b, v) : v;
    }
    vfp_set(c, a->esize, a->vd, v);
}

/* esize: of the operand */
INSN(vcvt_ds, "cond:4 1110 1 vd[4] 11 0111 vd[3:0] 1010 11 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vcvt_sd, "cond:4 1110 1 vd[0] 11 0111 vd[4:1] 1011 11 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vcvt_ds(VFPCtx *c, const VFPInsn *a)
{
    unsigned to = a->esize ^ 1;
    if (vfp_d_ok(c, to == 3 ? a->vd : a->vm) && a64_gen_fp_access(c->c)) {
        vfp_set(c, to, a->vd,
                arm_gen_fp(c->b, c->mode, ARM_FP_CVT, a->esize, to << ARM_FP_ARG_SIZE_SHIFT,
                           vfp_get(c, a->esize, a->vm), TCG_NONE, TCG_NONE));
    }
}

/* VCVTB, VCVTT (T): half precision in the bottom or top half of an S register; op: to half */
INSN(vcvt_half, "cond:4 1110 1 vd[0] 11 0010 vd[4:1] 1010 T:1 1 vm[0] 0 vm[4:1]", VFP4, "",
     "cond!=15 esize=2")
INSN(vcvt_half__d, "cond:4 1110 1 vd[4] 11 0010 vd[3:0] 1011 T:1 1 vm[0] 0 vm[4:1]", V8, "",
     "cond!=15 esize=3")
void vfp_trans_vcvt_half(VFPCtx *c, const VFPInsn *a)
{
    if ((a->esize == 2 || vfp_d_ok(c, a->vd)) && a64_gen_fp_access(c->c)) {
        TCGv v = tcg_gen_extract(c->b, vfp_get(c, 2, a->vm), a->T * 16, 16);
        vfp_set(c, a->esize, a->vd,
                arm_gen_fp(c->b, c->mode, ARM_FP_CVT, 1,
                           (unsigned)a->esize << ARM_FP_ARG_SIZE_SHIFT, v, TCG_NONE, TCG_NONE));
    }
}

INSN(vcvt_to_half, "cond:4 1110 1 vd[0] 11 0011 vd[4:1] 1010 T:1 1 vm[0] 0 vm[4:1]", VFP4, "",
     "cond!=15 esize=2")
INSN(vcvt_to_half__d, "cond:4 1110 1 vd[0] 11 0011 vd[4:1] 1011 T:1 1 vm[4] 0 vm[3:0]", V8, "",
     "cond!=15 esize=3")
void vfp_trans_vcvt_to_half(VFPCtx *c, const VFPInsn *a)
{
    if ((a->esize == 2 || vfp_d_ok(c, a->vm)) && a64_gen_fp_access(c->c)) {
        TCGv v = arm_gen_fp(c->b, c->mode, ARM_FP_CVT, a->esize, 1 << ARM_FP_ARG_SIZE_SHIFT,
                            vfp_get(c, a->esize, a->vm), TCG_NONE, TCG_NONE);
        vfp_set(c, 2, a->vd, tcg_gen_deposit(c->b, vfp_get(c, 2, a->vd), v, a->T * 16, 16));
    }
}

/* ---- comparison ---- */

static void compare(VFPCtx *c, const VFPInsn *a, TCGv y)
{
    TCGBuilder *b = c->b;
    TCGType t = arm_fp_type(a->esize);
    unsigned fz = c->mode & ARM_MODE_FZ ? TCG_FP_FZ : 0;
    TCGv x = tcg_gen_bitcast(b, t, vfp_get(c, a->esize, a->vd));
    y = tcg_gen_bitcast(b, t, y);
    TCGv lt = tcg_gen_fcmp(b, TCG_I32, fz | (a->o0 ? TCG_FCOND_LT_S : TCG_FCOND_LT_Q), x, y);
    TCGv eq = tcg_gen_fcmp(b, TCG_I32, fz | TCG_FP_NOFLAGS | TCG_FCOND_EQ_Q, x, y);
    TCGv un = tcg_gen_fcmp(b, TCG_I32, fz | TCG_FP_NOFLAGS | TCG_FCOND_UN_Q, x, y);
    TCGv nz = tcg_gen_or(b, tcg_gen_shli(b, lt, 31), tcg_gen_shli(b, eq, 30));
    TCGv cv = tcg_gen_or(b, tcg_gen_shli(b, tcg_gen_xori(b, lt, 1), 29), tcg_gen_shli(b, un, 28));
    tcg_gen_stenv(b, TCG_MO_32, tcg_gen_or(b, nz, cv), offsetof(ARMEnv, fp_nzcv));
}

/* VCMP; o0: VCMPE */
INSN(vcmp, "cond:4 1110 1 vd[0] 11 0100 vd[4:1] 1010 o0:1 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vcmp__d, "cond:4 1110 1 vd[4] 11 0100 vd[3:0] 1011 o0:1 1 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vcmp(VFPCtx *c, const VFPInsn *a)
{
    if (regs_ok(c, a)) {
        compare(c, a, vfp_get(c, a->esize, a->vm));
    }
}

INSN(vcmp_zero, "cond:4 1110 1 vd[0] 11 0101 vd[4:1] 1010 o0:1 1 0 0 0000", VFP2, "",
     "cond!=15 esize=2")
INSN(vcmp_zero__d, "cond:4 1110 1 vd[4] 11 0101 vd[3:0] 1011 o0:1 1 0 0 0000", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vcmp_zero(VFPCtx *c, const VFPInsn *a)
{
    if (regs_ok(c, a)) {
        compare(c, a, tcg_const(c->b, a->esize == 3 ? TCG_I64 : TCG_I32, 0));
    }
}

/* ---- system registers ---- */

/* FPSID 0, FPSCR 1, MVFR2 5, MVFR1 6, MVFR0 7, FPEXC 8; all but FPSCR above EL0 only. */
static uint32_t helper_arm_vmrs(ARMEnv *env, uint32_t reg)
{
    if (reg == 1) {
        return arm_fpscr_get(env);
    }
    if (env->sys.el == 0 || arm_fp_trap_el(env)) {
        arm_raise_undefined(env, RHEA_RA());
    }
    switch (reg) {
    case 0:
        return env->cfg->fpsid;
    case 5:
        return env->cfg->mvfr2;
    case 6:
        return env->cfg->mvfr1;
    case 7:
        return env->cfg->mvfr0;
    default:
        return (uint32_t)env->sys.fpexc;
    }
}
ARM_HELPER(vmrs, I32, true, TCG_HELPER_FP | TCG_HELPER_FAULTS, TCG_I32);

static void helper_arm_vmsr(ARMEnv *env, uint32_t reg, uint32_t val)
{
    if (reg == 1) {
        if (arm_fpscr_set(env, val)) {
            arm_mode_changed(env);
        }
        return;
    }
    if (env->sys.el == 0 || arm_fp_trap_el(env)) {
        arm_raise_undefined(env, RHEA_RA());
    }
    if (reg == 8) {
        env->sys.fpexc = val & 0x40000000;
        arm_mode_changed(env);
    }
}
ARM_HELPER(vmsr, VOID, true, TCG_HELPER_FP | TCG_HELPER_FAULTS, TCG_I32, TCG_I32);

INSN(vmrs, "cond:4 1110 1111 reg:4 rd:4 1010 0001 0000", VFP2, "", "cond!=15")
void vfp_trans_vmrs(VFPCtx *c, const VFPInsn *a)
{
    TCGv reg = tcg_i32(c->b, a->reg);
    bool known = a->reg <= 1 || (a->reg >= 6 && a->reg <= 8) ||
                 (a->reg == 5 && arm_has(c->c->cfg, ARM_FEAT_V8));
    if (!known || (a->rd == 15 && a->reg != 1)) {
        a64_gen_undefined(c->c);
        return;
    }
    if (a->reg != 1) {
        vfp_set_r(c, a->rd, tcg_gen_call1(c->b, &arm_helper_vmrs, reg));
    } else if (a64_gen_fp_access(c->c)) {
        if (a->rd == 15) {
            TCGv v = tcg_gen_ldenv(c->b, TCG_I32, TCG_MO_32, offsetof(ARMEnv, fp_nzcv));
            a64_set_nzcv(c->c, tcg_gen_shri(c->b, v, 28));
        } else {
            vfp_set_r(c, a->rd, tcg_gen_call1(c->b, &arm_helper_vmrs, reg));
        }
    }
}

INSN(vmsr, "cond:4 1110 1110 reg:4 rd:4 1010 0001 0000", VFP2, "", "cond!=15")
void vfp_trans_vmsr(VFPCtx *c, const VFPInsn *a)
{
    bool known = a->reg <= 1 || a->reg == 8;
    if (!known || a->rd == 15) {
        a64_gen_undefined(c->c);
    } else if (a->reg != 1 || a64_gen_fp_access(c->c)) {
        tcg_gen_call2(c->b, &arm_helper_vmsr, tcg_i32(c->b, a->reg), vfp_r(c, a->rd));
        c->c->remode = true;
    }
}

/* ---- core registers ---- */

INSN(vmov_core_s, "cond:4 1110 000 op:1 vn[4:1] rd:4 1010 vn[0] 001 0000", VFP2, "",
     "cond!=15 rd!=15")
void vfp_trans_vmov_core_s(VFPCtx *c, const VFPInsn *a)
{
    if (!a64_gen_fp_access(c->c)) {
        return;
    }
    if (a->op) {
        vfp_set_r(c, a->rd, vfp_get(c, 2, a->vn));
    } else {
        vfp_set(c, 2, a->vn, vfp_r(c, a->rd));
    }
}

/* Element `index` of 1 << size bytes of a D register. */
static void core_scalar(VFPCtx *c, const VFPInsn *a)
{
    if (!vfp_d_ok(c, a->vn) || !a64_gen_fp_access(c->c)) {
        return;
    }
    TCGv q = tcg_gen_getcell(c->b, ARM_CELL_VR(a->vn / 2));
    unsigned i = a->index + (a->vn & 1 ? 8u >> a->size : 0);
    if (a->L) {
        unsigned aux = a->size | (a->U ? TCG_VEC_UNSIGNED : 0);
        vfp_set_r(c, a->rd, tcg_gen_vextract(c->b, TCG_I32, aux, q, i));
    } else {
        tcg_gen_setcell(c->b, ARM_CELL_VR(a->vn / 2),
                        tcg_gen_vinsert(c->b, a->size, q, vfp_r(c, a->rd), i));
    }
}

INSN(vmov_scalar_32, "cond:4 1110 00 index[0] L:1 vn[3:0] rd:4 1011 vn[4] 00 1 0000", VFP2, "",
     "cond!=15 rd!=15 size=2")
INSN(vmov_scalar_16, "cond:4 1110 U:1 0 index[1] L:1 vn[3:0] rd:4 1011 vn[4] index[0] 1 1 0000",
     NEON, "", "cond!=15 rd!=15 size=1 U==0|L==1")
INSN(vmov_scalar_8, "cond:4 1110 U:1 1 index[2] L:1 vn[3:0] rd:4 1011 vn[4] index[1:0] 1 0000",
     NEON, "", "cond!=15 rd!=15 size=0 U==0|L==1")
void vfp_trans_vmov_scalar_32(VFPCtx *c, const VFPInsn *a)
{
    core_scalar(c, a);
}

INSN(vmov_2s, "cond:4 1100 010 op:1 rt2:4 rd:4 1010 00 vm[0] 1 vm[4:1]", VFP2, "",
     "cond!=15 rd!=15 rt2!=15")
void vfp_trans_vmov_2s(VFPCtx *c, const VFPInsn *a)
{
    if (a->vm == 31) {
        a64_gen_undefined(c->c);
    } else if (a64_gen_fp_access(c->c)) {
        if (a->op) {
            TCGv lo = vfp_get(c, 2, a->vm), hi = vfp_get(c, 2, a->vm + 1);
            vfp_set_r(c, a->rd, lo);
            vfp_set_r(c, a->rt2, hi);
        } else {
            vfp_set(c, 2, a->vm, vfp_r(c, a->rd));
            vfp_set(c, 2, a->vm + 1, vfp_r(c, a->rt2));
        }
    }
}

INSN(vmov_d, "cond:4 1100 010 op:1 rt2:4 rd:4 1011 00 vm[4] 1 vm[3:0]", VFP2, "",
     "cond!=15 rd!=15 rt2!=15")
void vfp_trans_vmov_d(VFPCtx *c, const VFPInsn *a)
{
    TCGBuilder *b = c->b;
    if (!vfp_d_ok(c, a->vm) || !a64_gen_fp_access(c->c)) {
        return;
    }
    if (a->op) {
        TCGv v = vfp_get(c, 3, a->vm);
        vfp_set_r(c, a->rd, tcg_gen_trunc(b, v));
        vfp_set_r(c, a->rt2, tcg_gen_trunc(b, tcg_gen_shri(b, v, 32)));
    } else {
        TCGv hi = tcg_gen_shli(b, tcg_gen_extu(b, vfp_r(c, a->rt2)), 32);
        vfp_set(c, 3, a->vm, tcg_gen_or(b, hi, tcg_gen_extu(b, vfp_r(c, a->rd))));
    }
}

/* ---- loads and stores ---- */

static TCGv base_of(VFPCtx *c, unsigned rn)
{
    if (rn == 15) {
        return tcg_gen_trunc(c->b, tcg_gen_pcrel(c->b, c->pc & ~INT64_C(3)));
    }
    return vfp_r(c, rn);
}

/* Aligned to words, always. */
static TCGMemOp memop(VFPCtx *c, unsigned esize)
{
    return esize | (c->mode & ARM_MODE_BE ? TCG_MO_BE : 0) | TCG_MO_32 << TCG_MO_ALIGN_SHIFT;
}

INSN(vldr, "cond:4 1101 U:1 vd[0] 0 L:1 rn:4 vd[4:1] 1010 imm[7:0]", VFP2, "", "cond!=15 esize=2")
INSN(vldr__d, "cond:4 1101 U:1 vd[4] 0 L:1 rn:4 vd[3:0] 1011 imm[7:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vldr(VFPCtx *c, const VFPInsn *a)
{
    TCGType t = a->esize == 3 ? TCG_I64 : TCG_I32;
    if ((a->esize == 3 && !vfp_d_ok(c, a->vd)) || !a64_gen_fp_access(c->c)) {
        return;
    }
    int32_t off = a->imm * 4;
    TCGv addr = tcg_gen_extu(c->b, tcg_gen_addi(c->b, base_of(c, a->rn), a->U ? off : -off));
    if (a->L) {
        vfp_set(c, a->esize, a->vd, tcg_gen_ld(c->b, t, memop(c, a->esize), addr, 0));
    } else {
        tcg_gen_st(c->b, memop(c, a->esize), addr, 0, vfp_get(c, a->esize, a->vd));
    }
}

/* VLDM, VSTM, VPUSH, VPOP; an odd number of words of D registers: FLDMX, which skips the last */
INSN(vldm_ia, "cond:4 1100 1 vd[0] W:1 L:1 rn:4 vd[4:1] 1010 imm[7:0]", VFP2, "",
     "cond!=15 esize=2")
INSN(vldm_ia__d, "cond:4 1100 1 vd[4] W:1 L:1 rn:4 vd[3:0] 1011 imm[7:0]", VFP2, "",
     "cond!=15 esize=3")
INSN(vldm_db, "cond:4 1101 0 vd[0] 1 L:1 rn:4 vd[4:1] 1010 imm[7:0]", VFP2, "",
     "cond!=15 esize=2 P=1 W=1")
INSN(vldm_db__d, "cond:4 1101 0 vd[4] 1 L:1 rn:4 vd[3:0] 1011 imm[7:0]", VFP2, "",
     "cond!=15 esize=3 P=1 W=1")
void vfp_trans_vldm_ia(VFPCtx *c, const VFPInsn *a)
{
    TCGBuilder *b = c->b;
    unsigned n = a->esize == 3 ? a->imm / 2u : (unsigned)a->imm, max = 32;
    if (a->esize == 3 && !arm_has(c->c->cfg, ARM_FEAT_D32)) {
        max = 16;
    }
    if (n == 0 || n > 16u * (a->esize == 3 ? 1 : 2) || a->vd + n > max || (a->rn == 15 && a->W)) {
        a64_gen_undefined(c->c);
        return;
    }
    if (!a64_gen_fp_access(c->c)) {
        return;
    }
    TCGType t = a->esize == 3 ? TCG_I64 : TCG_I32;
    int32_t bytes = a->imm * 4;
    TCGv base = base_of(c, a->rn), low = a->P ? tcg_gen_addi(b, base, -bytes) : base;
    TCGv v[32];
    for (unsigned i = 0; i < n; i++) {
        TCGv addr = tcg_gen_extu(b, tcg_gen_addi(b, low, (int32_t)(i << a->esize)));
        if (a->L) {
            v[i] = tcg_gen_ld(b, t, memop(c, a->esize), addr, 0);
        } else {
            tcg_gen_st(b, memop(c, a->esize), addr, 0, vfp_get(c, a->esize, a->vd + i));
        }
    }
    for (unsigned i = 0; a->L && i < n; i++) {
        vfp_set(c, a->esize, a->vd + i, v[i]);
    }
    if (a->W) {
        vfp_set_r(c, a->rn, a->P ? low : tcg_gen_addi(b, base, bytes));
    }
}

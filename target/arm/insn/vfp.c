/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * VFP in AArch32: scalar floating point, its loads and stores, moves to and from core registers
 * (DDI 0487, F3.1.8 and F4.1.4). See target/arm/vfp.h.
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results; short vectors:
 * tests/unit/test-a32-insn.c.
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

/* What an instruction does to each element of its short vectors. */
typedef struct Work {
    TCGv (*make)(VFPCtx *c, const VFPInsn *a, const struct Work *w);
    ARMFpOp op;
    bool negate_sum, negate_product;
    TCGv (*change)(TCGBuilder *, unsigned, TCGv);
} Work;

/* The next register of a vector, which goes round in its bank of 8 S or 4 D registers. */
static uint8_t next_in_bank(const VFPInsn *a, uint8_t r, unsigned stride)
{
    unsigned bank = a->esize == 3 ? 4 : 8;
    return (r & ~(bank - 1)) | ((r + stride) & (bank - 1));
}

/* Elements 1 and up: as many as FPSCR.LEN says, but no more than a bank has. */
static void more_elements(VFPCtx *c, const VFPInsn *a, const Work *w, unsigned stride, TCGv len,
                          TCGLabel done)
{
    VFPInsn e = *a;
    unsigned bank = a->esize == 3 ? 4 : 8;
    for (unsigned i = 1; i < bank / stride; i++) {
        tcg_gen_br_if(c->b, tcg_gen_setcondi(c->b, TCG_I32, TCG_COND_LTU, len, i), done);
        e.vd = next_in_bank(a, e.vd, stride);
        e.vn = next_in_bank(a, e.vn, stride);
        e.vm = e.vm % (a->esize == 3 ? 16 : 32) < bank ? e.vm : next_in_bank(a, e.vm, stride);
        vfp_set(c, a->esize, e.vd, w->make(c, &e, w));
    }
}

/*
 * Data processing of VFP. With FPSCR.LEN it is of short vectors (DDI 0406, appendix "VFP Vector
 * Operation Support"), unless the destination is in the first bank; an operand Vm there is a
 * scalar.
 */
static void each(VFPCtx *c, const VFPInsn *a, const Work *w)
{
    if (!regs_ok(c, a)) {
        return;
    }
    vfp_set(c, a->esize, a->vd, w->make(c, a, w));
    unsigned bank = a->esize == 3 ? 4 : 8;
    if (!(c->mode & ARM_MODE_FPVEC) || a->vd % (a->esize == 3 ? 16 : 32) < bank) {
        return;
    }
    TCGBuilder *b = c->b;
    TCGLabel done = tcg_new_label(b), two = tcg_new_label(b);
    TCGv fpscr = tcg_gen_ldenv(b, TCG_I32, TCG_MO_32, offsetof(ARMEnv, fpcr));
    TCGv len = tcg_gen_extract(b, fpscr, ARM_FPCR_LEN_SHIFT, 3);
    tcg_gen_br_if(b, tcg_gen_extract(b, fpscr, ARM_FPCR_STRIDE_SHIFT, 1), two);
    more_elements(c, a, w, 1, len, done);
    tcg_gen_br(b, done);
    tcg_gen_label(b, two);
    fpscr = tcg_gen_ldenv(b, TCG_I32, TCG_MO_32, offsetof(ARMEnv, fpcr));
    more_elements(c, a, w, 2, tcg_gen_extract(b, fpscr, ARM_FPCR_LEN_SHIFT, 3), done);
    tcg_gen_label(b, done);
    a64_forget_flags(c->c);
}

static TCGv make_binary(VFPCtx *c, const VFPInsn *a, const Work *w)
{
    return arith(c, a, w->op, vfp_get(c, a->esize, a->vn), vfp_get(c, a->esize, a->vm), TCG_NONE);
}

static void binary(VFPCtx *c, const VFPInsn *a, ARMFpOp op)
{
    each(c, a, &(Work){.make = make_binary, .op = op});
}

static TCGv make_multiply_add(VFPCtx *c, const VFPInsn *a, const Work *w)
{
    TCGv p =
        arith(c, a, ARM_FP_MUL, vfp_get(c, a->esize, a->vn), vfp_get(c, a->esize, a->vm), TCG_NONE);
    TCGv d = negate(c, a, w->negate_sum, vfp_get(c, a->esize, a->vd));
    return arith(c, a, ARM_FP_ADD, d, negate(c, a, w->negate_product, p), TCG_NONE);
}

/* Rounded twice: VMLA, VMLS, VNMLA, VNMLS. */
static void multiply_add(VFPCtx *c, const VFPInsn *a, bool negate_sum, bool negate_product)
{
    each(c, a, &(Work){make_multiply_add, ARM_FP_ADD, negate_sum, negate_product, NULL});
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
INSN(vmla__h, "cond:4 1110 0 vd[0] 00 vn[4:1] vd[4:1] 1001 vn[0] 0 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vmla__d, "cond:4 1110 0 vd[4] 00 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vmla(VFPCtx *c, const VFPInsn *a)
{
    multiply_add(c, a, false, false);
}

INSN(vmls, "cond:4 1110 0 vd[0] 00 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vmls__h, "cond:4 1110 0 vd[0] 00 vn[4:1] vd[4:1] 1001 vn[0] 1 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vmls__d, "cond:4 1110 0 vd[4] 00 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vmls(VFPCtx *c, const VFPInsn *a)
{
    multiply_add(c, a, false, true);
}

INSN(vnmls, "cond:4 1110 0 vd[0] 01 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vnmls__h, "cond:4 1110 0 vd[0] 01 vn[4:1] vd[4:1] 1001 vn[0] 0 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vnmls__d, "cond:4 1110 0 vd[4] 01 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vnmls(VFPCtx *c, const VFPInsn *a)
{
    multiply_add(c, a, true, false);
}

INSN(vnmla, "cond:4 1110 0 vd[0] 01 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vnmla__h, "cond:4 1110 0 vd[0] 01 vn[4:1] vd[4:1] 1001 vn[0] 1 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vnmla__d, "cond:4 1110 0 vd[4] 01 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vnmla(VFPCtx *c, const VFPInsn *a)
{
    multiply_add(c, a, true, true);
}

INSN(vmul, "cond:4 1110 0 vd[0] 10 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vmul__h, "cond:4 1110 0 vd[0] 10 vn[4:1] vd[4:1] 1001 vn[0] 0 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vmul__d, "cond:4 1110 0 vd[4] 10 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vmul(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_MUL);
}

INSN(vnmul, "cond:4 1110 0 vd[0] 10 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vnmul__h, "cond:4 1110 0 vd[0] 10 vn[4:1] vd[4:1] 1001 vn[0] 1 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vnmul__d, "cond:4 1110 0 vd[4] 10 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vnmul(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_NMUL);
}

INSN(vadd, "cond:4 1110 0 vd[0] 11 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vadd__h, "cond:4 1110 0 vd[0] 11 vn[4:1] vd[4:1] 1001 vn[0] 0 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vadd__d, "cond:4 1110 0 vd[4] 11 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vadd(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_ADD);
}

INSN(vsub, "cond:4 1110 0 vd[0] 11 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vsub__h, "cond:4 1110 0 vd[0] 11 vn[4:1] vd[4:1] 1001 vn[0] 1 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vsub__d, "cond:4 1110 0 vd[4] 11 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vsub(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_SUB);
}

INSN(vdiv, "cond:4 1110 1 vd[0] 00 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vdiv__h, "cond:4 1110 1 vd[0] 00 vn[4:1] vd[4:1] 1001 vn[0] 0 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vdiv__d, "cond:4 1110 1 vd[4] 00 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vdiv(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_DIV);
}

INSN(vfnms, "cond:4 1110 1 vd[0] 01 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP4, "",
     "cond!=15 esize=2")
INSN(vfnms__h, "cond:4 1110 1 vd[0] 01 vn[4:1] vd[4:1] 1001 vn[0] 0 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vfnms__d, "cond:4 1110 1 vd[4] 01 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP4, "",
     "cond!=15 esize=3")
void vfp_trans_vfnms(VFPCtx *c, const VFPInsn *a)
{
    fused(c, a, true, false);
}

INSN(vfnma, "cond:4 1110 1 vd[0] 01 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP4, "",
     "cond!=15 esize=2")
INSN(vfnma__h, "cond:4 1110 1 vd[0] 01 vn[4:1] vd[4:1] 1001 vn[0] 1 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vfnma__d, "cond:4 1110 1 vd[4] 01 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP4, "",
     "cond!=15 esize=3")
void vfp_trans_vfnma(VFPCtx *c, const VFPInsn *a)
{
    fused(c, a, true, true);
}

INSN(vfma, "cond:4 1110 1 vd[0] 10 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", VFP4, "",
     "cond!=15 esize=2")
INSN(vfma__h, "cond:4 1110 1 vd[0] 10 vn[4:1] vd[4:1] 1001 vn[0] 0 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vfma__d, "cond:4 1110 1 vd[4] 10 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", VFP4, "",
     "cond!=15 esize=3")
void vfp_trans_vfma(VFPCtx *c, const VFPInsn *a)
{
    fused(c, a, false, false);
}

INSN(vfms, "cond:4 1110 1 vd[0] 10 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", VFP4, "",
     "cond!=15 esize=2")
INSN(vfms__h, "cond:4 1110 1 vd[0] 10 vn[4:1] vd[4:1] 1001 vn[0] 1 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vfms__d, "cond:4 1110 1 vd[4] 10 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", VFP4, "",
     "cond!=15 esize=3")
void vfp_trans_vfms(VFPCtx *c, const VFPInsn *a)
{
    fused(c, a, false, true);
}

INSN(vmaxnm, "1111 1110 1 vd[0] 00 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", V8, "", "esize=2")
INSN(vmaxnm__h, "1111 1110 1 vd[0] 00 vn[4:1] vd[4:1] 1001 vn[0] 0 vm[0] 0 vm[4:1]", FP16, "",
     "esize=1")
INSN(vmaxnm__d, "1111 1110 1 vd[4] 00 vn[3:0] vd[3:0] 1011 vn[4] 0 vm[4] 0 vm[3:0]", V8, "",
     "esize=3")
void vfp_trans_vmaxnm(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_MAXNM);
}

INSN(vminnm, "1111 1110 1 vd[0] 00 vn[4:1] vd[4:1] 1010 vn[0] 1 vm[0] 0 vm[4:1]", V8, "", "esize=2")
INSN(vminnm__h, "1111 1110 1 vd[0] 00 vn[4:1] vd[4:1] 1001 vn[0] 1 vm[0] 0 vm[4:1]", FP16, "",
     "esize=1")
INSN(vminnm__d, "1111 1110 1 vd[4] 00 vn[3:0] vd[3:0] 1011 vn[4] 1 vm[4] 0 vm[3:0]", V8, "",
     "esize=3")
void vfp_trans_vminnm(VFPCtx *c, const VFPInsn *a)
{
    binary(c, a, ARM_FP_MINNM);
}

/* cc: EQ, VS, GE, GT of the flags */
INSN(vsel, "1111 1110 0 vd[0] cc:2 vn[4:1] vd[4:1] 1010 vn[0] 0 vm[0] 0 vm[4:1]", V8, "", "esize=2")
INSN(vsel__h, "1111 1110 0 vd[0] cc:2 vn[4:1] vd[4:1] 1001 vn[0] 0 vm[0] 0 vm[4:1]", FP16, "",
     "esize=1")
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

static TCGv make_imm(VFPCtx *c, const VFPInsn *a, const Work *w)
{
    int64_t v = (int64_t)arm_fp_expand_imm(a->esize, a->imm);
    return a->esize == 3 ? tcg_i64(c->b, v) : tcg_i32(c->b, (int32_t)v);
}

INSN(vmov_imm, "cond:4 1110 1 vd[0] 11 imm[7:4] vd[4:1] 1010 0000 imm[3:0]", VFP3, "",
     "cond!=15 esize=2")
INSN(vmov_imm__h, "cond:4 1110 1 vd[0] 11 imm[7:4] vd[4:1] 1001 0000 imm[3:0]", FP16, "",
     "cond!=15 esize=1")
INSN(vmov_imm__d, "cond:4 1110 1 vd[4] 11 imm[7:4] vd[3:0] 1011 0000 imm[3:0]", VFP3, "",
     "cond!=15 esize=3")
void vfp_trans_vmov_imm(VFPCtx *c, const VFPInsn *a)
{
    each(c, a, &(Work){.make = make_imm});
}

static TCGv make_change(VFPCtx *c, const VFPInsn *a, const Work *w)
{
    TCGv v = vfp_get(c, a->esize, a->vm);
    return w->change ? w->change(c->b, a->esize, v) : v;
}

static void move(VFPCtx *c, const VFPInsn *a, TCGv (*change)(TCGBuilder *, unsigned, TCGv))
{
    each(c, a, &(Work){.make = make_change, .change = change});
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
INSN(vabs__h, "cond:4 1110 1 vd[0] 11 0000 vd[4:1] 1001 11 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vabs__d, "cond:4 1110 1 vd[4] 11 0000 vd[3:0] 1011 11 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vabs(VFPCtx *c, const VFPInsn *a)
{
    move(c, a, arm_gen_fp_abs);
}

INSN(vneg, "cond:4 1110 1 vd[0] 11 0001 vd[4:1] 1010 01 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vneg__h, "cond:4 1110 1 vd[0] 11 0001 vd[4:1] 1001 01 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vneg__d, "cond:4 1110 1 vd[4] 11 0001 vd[3:0] 1011 01 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vneg(VFPCtx *c, const VFPInsn *a)
{
    move(c, a, arm_gen_fp_neg);
}

static TCGv make_sqrt(VFPCtx *c, const VFPInsn *a, const Work *w)
{
    return arith(c, a, ARM_FP_SQRT, vfp_get(c, a->esize, a->vm), TCG_NONE, TCG_NONE);
}

INSN(vsqrt, "cond:4 1110 1 vd[0] 11 0001 vd[4:1] 1010 11 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vsqrt__h, "cond:4 1110 1 vd[0] 11 0001 vd[4:1] 1001 11 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vsqrt__d, "cond:4 1110 1 vd[4] 11 0001 vd[3:0] 1011 11 vm[4] 0 vm[3:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vsqrt(VFPCtx *c, const VFPInsn *a)
{
    each(c, a, &(Work){.make = make_sqrt});
}

INSN(vrintr, "cond:4 1110 1 vd[0] 11 0110 vd[4:1] 1010 01 vm[0] 0 vm[4:1]", V8, "",
     "cond!=15 esize=2")
INSN(vrintr__h, "cond:4 1110 1 vd[0] 11 0110 vd[4:1] 1001 01 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vrintr__d, "cond:4 1110 1 vd[4] 11 0110 vd[3:0] 1011 01 vm[4] 0 vm[3:0]", V8, "",
     "cond!=15 esize=3")
void vfp_trans_vrintr(VFPCtx *c, const VFPInsn *a)
{
    unary(c, a, ARM_FP_RINT, TCG_RND_DYN);
}

INSN(vrintz, "cond:4 1110 1 vd[0] 11 0110 vd[4:1] 1010 11 vm[0] 0 vm[4:1]", V8, "",
     "cond!=15 esize=2")
INSN(vrintz__h, "cond:4 1110 1 vd[0] 11 0110 vd[4:1] 1001 11 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
INSN(vrintz__d, "cond:4 1110 1 vd[4] 11 0110 vd[3:0] 1011 11 vm[4] 0 vm[3:0]", V8, "",
     "cond!=15 esize=3")
void vfp_trans_vrintz(VFPCtx *c, const VFPInsn *a)
{
    unary(c, a, ARM_FP_RINT, TCG_RND_RTZ);
}

INSN(vrintx, "cond:4 1110 1 vd[0] 11 0111 vd[4:1] 1010 01 vm[0] 0 vm[4:1]", V8, "",
     "cond!=15 esize=2")
INSN(vrintx__h, "cond:4 1110 1 vd[0] 11 0111 vd[4:1] 1001 01 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
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
INSN(vrint__h, "1111 1110 1 vd[0] 11 10 rmode:2 vd[4:1] 1001 01 vm[0] 0 vm[4:1]", FP16, "",
     "esize=1")
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
INSN(vcvt_rm__h, "1111 1110 1 vd[0] 11 11 rmode:2 vd[4:1] 1001 op:1 1 vm[0] 0 vm[4:1]", FP16, "",
     "esize=1")
INSN(vcvt_rm__d, "1111 1110 1 vd[0] 11 11 rmode:2 vd[4:1] 1011 op:1 1 vm[4] 0 vm[3:0]", V8, "",
     "esize=3")
void vfp_trans_vcvt_rm(VFPCtx *c, const VFPInsn *a)
{
    to_integer(c, a, round_of(a->rmode), !a->op);
}

/* o0: toward zero, else by FPSCR */
INSN(vcvt_to_int, "cond:4 1110 1 vd[0] 11 110 op:1 vd[4:1] 1010 o0:1 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vcvt_to_int__h, "cond:4 1110 1 vd[0] 11 110 op:1 vd[4:1] 1001 o0:1 1 vm[0] 0 vm[4:1]", FP16,
     "", "cond!=15 esize=1")
INSN(vcvt_to_int__d, "cond:4 1110 1 vd[0] 11 110 op:1 vd[4:1] 1011 o0:1 1 vm[4] 0 vm[3:0]", VFP2,
     "", "cond!=15 esize=3")
void vfp_trans_vcvt_to_int(VFPCtx *c, const VFPInsn *a)
{
    to_integer(c, a, a->o0 ? TCG_RND_RTZ : TCG_RND_DYN, !a->op);
}

INSN(vcvt_from_int, "cond:4 1110 1 vd[0] 11 1000 vd[4:1] 1010 op:1 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vcvt_from_int__h, "cond:4 1110 1 vd[0] 11 1000 vd[4:1] 1001 op:1 1 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
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
INSN(vcvt_fixed__h, "cond:4 1110 1 vd[0] 11 1 op:1 1 U:1 vd[4:1] 1001 o0:1 1 imm[0] 0 imm[4:1]",
     FP16, "", "cond!=15 esize=1")
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
    /* The integer beside half precision has all of the S register. */
    unsigned integer = a->esize == 3 ? 3 : 2, from = a->op ? a->esize : integer;
    TCGv v = vfp_get(c, from, a->vd);
    if (!a->op) {
        v = a->esize == 3 ? tcg_gen_trunc(c->b, v) : v;
        v = arm_gen_fp(c->b, c->mode, ARM_FP_FROM_INT, a->esize, arg, v, TCG_NONE, TCG_NONE);
    } else {
        v = arm_gen_fp(c->b, c->mode, ARM_FP_TO_INT, a->esize, arg, v, TCG_NONE, TCG_NONE);
        v = size == 1 && !a->U ? tcg_gen_ext16s(c->b, v) : v;
        v = a->esize == 3 ? a->U ? tcg_gen_extu(c->b, v) : tcg_gen_exts(c->b, v) : v;
    }
    vfp_set(c, a->op ? integer : a->esize, a->vd, v);
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
INSN(vcvt_half, "cond:4 1110 1 vd[0] 11 0010 vd[4:1] 1010 T:1 1 vm[0] 0 vm[4:1]", VFPHP, "",
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

INSN(vcvt_to_half, "cond:4 1110 1 vd[0] 11 0011 vd[4:1] 1010 T:1 1 vm[0] 0 vm[4:1]", VFPHP, "",
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

/* FPSCR.NZCV := nzcv (I32, in bits 31:28) */
static void set_fpscr_nzcv(VFPCtx *c, TCGv nzcv)
{
    tcg_gen_stenv(c->b, TCG_MO_32, nzcv, offsetof(ARMEnv, fp_nzcv));
    tcg_gen_setcell(c->b, ARM_CELL_FCMP_KIND, tcg_i32(c->b, ARM_FCMP_NONE));
}

/* The flags are made of the operands when somebody asks for them. */
static void compare(VFPCtx *c, const VFPInsn *a, TCGv y)
{
    TCGBuilder *b = c->b;
    bool f64 = a->esize == 3;
    if (a->esize == 1) {
        TCGv nzcv = arm_gen_fp(b, c->mode, ARM_FP_CMP, 1, a->o0 ? ARM_FP_ARG_SIGNALING : 0,
                               vfp_get(c, 1, a->vd), y, TCG_NONE);
        set_fpscr_nzcv(c, tcg_gen_shli(b, nzcv, 28));
        return;
    }
    bool fz = c->mode & ARM_MODE_FZ;
    TCGv x = vfp_get_f(c, a->esize, a->vd);
    y = tcg_gen_bitcast(b, arm_fp_type(a->esize), y);
    tcg_gen_fcmp(b, TCG_I32, (fz ? TCG_FP_FZ : 0) | (a->o0 ? TCG_FCOND_LT_S : TCG_FCOND_LT_Q), x,
                 y);
    tcg_gen_setcell(b, f64 ? ARM_CELL_FCMP_D0 : ARM_CELL_FCMP_S0, x);
    tcg_gen_setcell(b, f64 ? ARM_CELL_FCMP_D1 : ARM_CELL_FCMP_S1, y);
    tcg_gen_setcell(b, ARM_CELL_FCMP_KIND,
                    tcg_i32(b, (f64 ? ARM_FCMP_DOUBLE : ARM_FCMP_SINGLE) | (fz ? ARM_FCMP_FZ : 0)));
}

/* VCMP; o0: VCMPE */
INSN(vcmp, "cond:4 1110 1 vd[0] 11 0100 vd[4:1] 1010 o0:1 1 vm[0] 0 vm[4:1]", VFP2, "",
     "cond!=15 esize=2")
INSN(vcmp__h, "cond:4 1110 1 vd[0] 11 0100 vd[4:1] 1001 o0:1 1 vm[0] 0 vm[4:1]", FP16, "",
     "cond!=15 esize=1")
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
INSN(vcmp_zero__h, "cond:4 1110 1 vd[0] 11 0101 vd[4:1] 1001 o0:1 1 0 0 0000", FP16, "",
     "cond!=15 esize=1")
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
static void system_check(ARMEnv *env, uintptr_t ra)
{
    if (env->sys.el == 0) {
        arm_raise_undefined(env, ra);
    }
    if (arm_fp_trap_el(env)) {
        arm_raise_fp_trap(env, ra);
    }
}

/* insn: the register, Rt << 4 */
static uint32_t helper_arm_vmrs(ARMEnv *env, uint32_t insn)
{
    unsigned reg = insn & 15;

    if (reg == 1) {
        return arm_fpscr_get(env);
    }
    system_check(env, RHEA_RA());
    /* AArch32.CheckAdvSIMDOrFPRegisterTraps(); the syndrome is that of MRC (G8.2.76) */
    uint64_t by = reg == 0 ? HCR_TID0 : reg >= 5 && reg <= 7 ? HCR_TID3 : 0;
    if (env->sys.el == 1 && (arm_hcr(env) & by)) {
        uint32_t iss = 0x1e00001 | 7 << 14 | reg << 10 | (insn >> 4 & 15) << 5;
        arm_raise(env, ARM_EXCP_UNDEF, ARM_SYN(EC_FPID, iss), 2, RHEA_RA());
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
    system_check(env, RHEA_RA());
    if (reg == 8) {
        env->sys.fpexc = val & 0x40000000;
        arm_mode_changed(env);
    }
}
ARM_HELPER(vmsr, VOID, true, TCG_HELPER_FP | TCG_HELPER_FAULTS, TCG_I32, TCG_I32);

static uint32_t helper_arm_fpscr_nzcv(ARMEnv *env)
{
    return arm_fpscr_nzcv(env) >> 28;
}
ARM_HELPER(fpscr_nzcv, I32, true, TCG_HELPER_READS_ALL);

/* VMRS APSR_nzcv, FPSCR: conditions become comparisons of what VCMP compared, if it is near. */
static void flags_of_fpscr(VFPCtx *c)
{
    TCGBuilder *b = c->b;
    int64_t kind;
    if (!tcg_is_const(b, tcg_gen_getcell(b, ARM_CELL_FCMP_KIND), &kind) || kind == ARM_FCMP_NONE) {
        a64_set_nzcv(c->c, tcg_gen_call0(b, &arm_helper_fpscr_nzcv));
        return;
    }
    bool f64 = (kind & ~ARM_FCMP_FZ) == ARM_FCMP_DOUBLE;
    TCGv x = tcg_gen_getcell(b, f64 ? ARM_CELL_FCMP_D0 : ARM_CELL_FCMP_S0);
    TCGv y = tcg_gen_getcell(b, f64 ? ARM_CELL_FCMP_D1 : ARM_CELL_FCMP_S1);
    a64_set_flags_fcmp(c->c, TCG_FCOND_LT_Q | TCG_FP_NOFLAGS | (kind & ARM_FCMP_FZ ? TCG_FP_FZ : 0),
                       x, y);
}

INSN(vmrs, "cond:4 1110 1111 reg:4 rd:4 1010 0001 0000", VFP2, "", "cond!=15")
void vfp_trans_vmrs(VFPCtx *c, const VFPInsn *a)
{
    TCGv reg = tcg_i32(c->b, a->reg | a->rd << 4);
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
            flags_of_fpscr(c);
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
        if (a->reg == 1) {
            tcg_gen_setcell(c->b, ARM_CELL_FCMP_KIND, tcg_i32(c->b, ARM_FCMP_NONE));
        }
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

INSN(vmov_core_h, "cond:4 1110 000 op:1 vn[4:1] rd:4 1001 vn[0] 001 0000", FP16, "",
     "cond!=15 rd!=15")
void vfp_trans_vmov_core_h(VFPCtx *c, const VFPInsn *a)
{
    if (!a64_gen_fp_access(c->c)) {
        return;
    }
    if (a->op) {
        vfp_set_r(c, a->rd, vfp_get(c, 1, a->vn));
    } else {
        vfp_set(c, 1, a->vn, vfp_r(c, a->rd));
    }
}

/* VMOVX: the upper half of Sm; op: VINS, the lower half into the upper one of Sd */
INSN(vmovx, "1111 1110 1 vd[0] 11 0000 vd[4:1] 1010 01 vm[0] 0 vm[4:1]", FP16)
INSN(vins, "1111 1110 1 vd[0] 11 0000 vd[4:1] 1010 11 vm[0] 0 vm[4:1]", FP16, "", "op=1")
void vfp_trans_vmovx(VFPCtx *c, const VFPInsn *a)
{
    if (a64_gen_fp_access(c->c)) {
        TCGv m = vfp_get(c, 2, a->vm);
        vfp_set(c, 2, a->vd,
                a->op ? tcg_gen_deposit(c->b, vfp_get(c, 2, a->vd), m, 16, 16)
                      : tcg_gen_shri(c->b, m, 16));
    }
}

INSN(vjcvt, "cond:4 1110 1 vd[0] 11 1001 vd[4:1] 1011 11 vm[4] 0 vm[3:0]", JSCVT, "", "cond!=15")
void vfp_trans_vjcvt(VFPCtx *c, const VFPInsn *a)
{
    TCGBuilder *b = c->b;
    if (vfp_d_ok(c, a->vm) && a64_gen_fp_access(c->c)) {
        TCGv r =
            arm_gen_fp(b, c->mode, ARM_FP_JCVTZS, 3, 0, vfp_get(c, 3, a->vm), TCG_NONE, TCG_NONE);
        TCGv z = tcg_gen_trunc(b, tcg_gen_shri(b, r, 32));
        vfp_set(c, 2, a->vd, tcg_gen_trunc(b, r));
        set_fpscr_nzcv(c, tcg_gen_shli(b, z, 30));
    }
}

/* Element `index` of 1 << size bytes of a D register. */
static void core_scalar(VFPCtx *c, const VFPInsn *a)
{
    if (!vfp_d_ok(c, a->vn) || !(a->size == 2 ? a64_gen_fp_access(c->c) : neon_access(c))) {
        return;
    }
    TCGv q = neon_get(c, 1, a->vn & ~1u);
    unsigned i = a->index + (a->vn & 1 ? 8u >> a->size : 0);
    if (a->L) {
        unsigned aux = a->size | (a->U ? TCG_VEC_UNSIGNED : 0);
        vfp_set_r(c, a->rd, tcg_gen_vextract(c->b, TCG_I32, aux, q, i));
    } else {
        neon_set(c, 1, a->vn & ~1u, tcg_gen_vinsert(c->b, a->size, q, vfp_r(c, a->rd), i));
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

/* Aligned to words, or halves, always. */
static TCGMemOp memop(VFPCtx *c, unsigned esize)
{
    return esize | (c->mode & ARM_MODE_BE ? TCG_MO_BE : 0) |
           (esize == 1 ? TCG_MO_16 : TCG_MO_32) << TCG_MO_ALIGN_SHIFT;
}

INSN(vldr, "cond:4 1101 U:1 vd[0] 0 L:1 rn:4 vd[4:1] 1010 imm[7:0]", VFP2, "", "cond!=15 esize=2")
INSN(vldr__h, "cond:4 1101 U:1 vd[0] 0 L:1 rn:4 vd[4:1] 1001 imm[7:0]", FP16, "",
     "cond!=15 esize=1")
INSN(vldr__d, "cond:4 1101 U:1 vd[4] 0 L:1 rn:4 vd[3:0] 1011 imm[7:0]", VFP2, "",
     "cond!=15 esize=3")
void vfp_trans_vldr(VFPCtx *c, const VFPInsn *a)
{
    if ((a->esize == 3 && !vfp_d_ok(c, a->vd)) || !a64_gen_fp_access(c->c)) {
        return;
    }
    int32_t off = a->imm * (a->esize == 1 ? 2 : 4);
    TCGv addr = tcg_gen_extu(c->b, tcg_gen_addi(c->b, base_of(c, a->rn), a->U ? off : -off));
    if (a->esize == 1) {
        if (a->L) {
            vfp_set(c, 1, a->vd, tcg_gen_ld(c->b, TCG_I32, memop(c, 1), addr, 0));
        } else {
            tcg_gen_st(c->b, memop(c, 1), addr, 0, vfp_get(c, 1, a->vd));
        }
    } else if (a->L) {
        TCGType t = arm_fp_type(a->esize);
        vfp_set_f(c, a->esize, a->vd, tcg_gen_ld(c->b, t, memop(c, a->esize), addr, 0));
    } else {
        tcg_gen_st(c->b, memop(c, a->esize), addr, 0, vfp_get_f(c, a->esize, a->vd));
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
    TCGType t = arm_fp_type(a->esize);
    int32_t bytes = a->imm * 4;
    TCGv base = base_of(c, a->rn), low = a->P ? tcg_gen_addi(b, base, -bytes) : base;
    TCGv v[32];
    for (unsigned i = 0; i < n; i++) {
        TCGv addr = tcg_gen_extu(b, tcg_gen_addi(b, low, (int32_t)(i << a->esize)));
        if (a->L) {
            v[i] = tcg_gen_ld(b, t, memop(c, a->esize), addr, 0);
        } else {
            tcg_gen_st(b, memop(c, a->esize), addr, 0, vfp_get_f(c, a->esize, a->vd + i));
        }
    }
    for (unsigned i = 0; a->L && i < n; i++) {
        vfp_set_f(c, a->esize, a->vd + i, v[i]);
    }
    if (a->W) {
        vfp_set_r(c, a->rn, a->P ? low : tcg_gen_addi(b, base, bytes));
    }
}

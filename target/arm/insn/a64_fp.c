/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 scalar floating point: arithmetic, comparisons, selection, moves, conversions (DDI 0487,
 * C4.1.97, data processing, scalar floating-point).
 *
 * ftype is 0 for single, 1 for double, 3 for half precision. Rows of half precision stand apart,
 * because they exist with FEAT_FP16 only.
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/insn/simd.h"

static TCGv unary(A64Ctx *c, const A64Insn *a, ARMFpOp op, unsigned arg)
{
    unsigned e = arm_fp_esize(a->ftype);
    return arm_gen_fp(c->b, c->mode, op, e, arg, a64_v_bits(c, e, a->rn), TCG_NONE, TCG_NONE);
}

/* ---- one source ---- */

static void move(A64Ctx *c, const A64Insn *a, TCGv (*change)(TCGBuilder *, unsigned, TCGv))
{
    if (a64_gen_fp_access(c)) {
        unsigned e = arm_fp_esize(a->ftype);
        TCGv v = a64_v_bits(c, e, a->rn);
        a64_set_v_bits(c, a->rd, change ? change(c->b, e, v) : v);
    }
}

INSN(fmov_f, "00011110 0 ftype:1 1 000000 10000 rn:5 rd:5", FP)
INSN(fmov_f__h, "00011110 11 1 000000 10000 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fmov_f(A64Ctx *c, const A64Insn *a)
{
    move(c, a, NULL);
}

INSN(fabs_f, "00011110 0 ftype:1 1 000001 10000 rn:5 rd:5", FP)
INSN(fabs_f__h, "00011110 11 1 000001 10000 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fabs_f(A64Ctx *c, const A64Insn *a)
{
    move(c, a, arm_gen_fp_abs);
}

INSN(fneg_f, "00011110 0 ftype:1 1 000010 10000 rn:5 rd:5", FP)
INSN(fneg_f__h, "00011110 11 1 000010 10000 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fneg_f(A64Ctx *c, const A64Insn *a)
{
    move(c, a, arm_gen_fp_neg);
}

INSN(fsqrt_f, "00011110 0 ftype:1 1 000011 10000 rn:5 rd:5", FP)
INSN(fsqrt_f__h, "00011110 11 1 000011 10000 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fsqrt_f(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v_bits(c, a->rd, unary(c, a, ARM_FP_SQRT, 0));
    }
}

/* opc: the format of the result */
INSN(fcvt_f, "00011110 ftype:2 1 0001 opc:2 10000 rn:5 rd:5", FP, "",
     "ftype!=2 opc!=2 ftype!=0|opc!=0 ftype!=1|opc!=1 ftype!=3|opc!=3")
void a64_trans_fcvt_f(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        unsigned to = arm_fp_esize(a->opc);
        a64_set_v_bits(c, a->rd, unary(c, a, ARM_FP_CVT, to << ARM_FP_ARG_SIZE_SHIFT));
    }
}

/* FRINTN, P, M, Z, A, X, I by opc */
INSN(frint_f, "00011110 0 ftype:1 1 001 opc:3 10000 rn:5 rd:5", FP, "", "opc!=5")
INSN(frint_f__h, "00011110 11 1 001 opc:3 10000 rn:5 rd:5", FP16, "", "ftype=3 opc!=5")
void a64_trans_frint_f(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v_bits(c, a->rd, unary(c, a, ARM_FP_RINT, arm_fp_rint_arg(a->opc)));
    }
}

/* o0: to 64 bits, o1: by FPCR */
INSN(frint_n_f, "00011110 0 ftype:1 1 0100 o0:1 o1:1 10000 rn:5 rd:5", FRINTTS)
void a64_trans_frint_n_f(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        ARMFpOp op = a->o0 ? ARM_FP_RINT64 : ARM_FP_RINT32;
        a64_set_v_bits(c, a->rd, unary(c, a, op, a->o1 ? TCG_RND_DYN : TCG_RND_RTZ));
    }
}

/* ---- two and three sources ---- */

static void arith(A64Ctx *c, const A64Insn *a, ARMFpOp op)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = arm_fp_esize(a->ftype);
        a64_set_v_bits(c, a->rd,
                       arm_gen_fp(c->b, c->mode, op, e, 0, a64_v_bits(c, e, a->rn),
                                  a64_v_bits(c, e, a->rm), TCG_NONE));
    }
}

INSN(fmul_f, "00011110 0 ftype:1 1 rm:5 0000 10 rn:5 rd:5", FP)
INSN(fmul_f__h, "00011110 11 1 rm:5 0000 10 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fmul_f(A64Ctx *c, const A64Insn *a)
{
    arith(c, a, ARM_FP_MUL);
}

INSN(fdiv_f, "00011110 0 ftype:1 1 rm:5 0001 10 rn:5 rd:5", FP)
INSN(fdiv_f__h, "00011110 11 1 rm:5 0001 10 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fdiv_f(A64Ctx *c, const A64Insn *a)
{
    arith(c, a, ARM_FP_DIV);
}

INSN(fadd_f, "00011110 0 ftype:1 1 rm:5 0010 10 rn:5 rd:5", FP)
INSN(fadd_f__h, "00011110 11 1 rm:5 0010 10 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fadd_f(A64Ctx *c, const A64Insn *a)
{
    arith(c, a, ARM_FP_ADD);
}

INSN(fsub_f, "00011110 0 ftype:1 1 rm:5 0011 10 rn:5 rd:5", FP)
INSN(fsub_f__h, "00011110 11 1 rm:5 0011 10 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fsub_f(A64Ctx *c, const A64Insn *a)
{
    arith(c, a, ARM_FP_SUB);
}

INSN(fmax_f, "00011110 0 ftype:1 1 rm:5 0100 10 rn:5 rd:5", FP)
INSN(fmax_f__h, "00011110 11 1 rm:5 0100 10 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fmax_f(A64Ctx *c, const A64Insn *a)
{
    arith(c, a, ARM_FP_MAX);
}

INSN(fmin_f, "00011110 0 ftype:1 1 rm:5 0101 10 rn:5 rd:5", FP)
INSN(fmin_f__h, "00011110 11 1 rm:5 0101 10 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fmin_f(A64Ctx *c, const A64Insn *a)
{
    arith(c, a, ARM_FP_MIN);
}

INSN(fmaxnm_f, "00011110 0 ftype:1 1 rm:5 0110 10 rn:5 rd:5", FP)
INSN(fmaxnm_f__h, "00011110 11 1 rm:5 0110 10 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fmaxnm_f(A64Ctx *c, const A64Insn *a)
{
    arith(c, a, ARM_FP_MAXNM);
}

INSN(fminnm_f, "00011110 0 ftype:1 1 rm:5 0111 10 rn:5 rd:5", FP)
INSN(fminnm_f__h, "00011110 11 1 rm:5 0111 10 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fminnm_f(A64Ctx *c, const A64Insn *a)
{
    arith(c, a, ARM_FP_MINNM);
}

INSN(fnmul_f, "00011110 0 ftype:1 1 rm:5 1000 10 rn:5 rd:5", FP)
INSN(fnmul_f__h, "00011110 11 1 rm:5 1000 10 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fnmul_f(A64Ctx *c, const A64Insn *a)
{
    arith(c, a, ARM_FP_NMUL);
}

/* FMADD, FMSUB, FNMADD, FNMSUB: o0 != o1: the product is negated; o1: the addend too */
INSN(fmadd_f, "00011111 0 ftype:1 o1:1 rm:5 o0:1 ra:5 rn:5 rd:5", FP)
INSN(fmadd_f__h, "00011111 11 o1:1 rm:5 o0:1 ra:5 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fmadd_f(A64Ctx *c, const A64Insn *a)
{
    if (!a64_gen_fp_access(c)) {
        return;
    }
    unsigned e = arm_fp_esize(a->ftype);
    TCGv x = a64_v_bits(c, e, a->rn), y = a64_v_bits(c, e, a->rm), z = a64_v_bits(c, e, a->ra);
    x = a->o0 != a->o1 ? arm_gen_fp_neg(c->b, e, x) : x;
    z = a->o1 ? arm_gen_fp_neg(c->b, e, z) : z;
    a64_set_v_bits(c, a->rd, arm_gen_fp(c->b, c->mode, ARM_FP_MADD, e, 0, x, y, z));
}

/* ---- comparisons and selection ---- */

static void compare(A64Ctx *c, unsigned e, TCGv x, TCGv y, bool signaling)
{
    TCGBuilder *b = c->b;
    if (e == 1) {
        unsigned arg = signaling ? ARM_FP_ARG_SIGNALING : 0;
        a64_set_nzcv(c, arm_gen_fp(b, c->mode, ARM_FP_CMP, e, arg, x, y, TCG_NONE));
        return;
    }
    unsigned fz = c->mode & ARM_MODE_FZ ? TCG_FP_FZ : 0;
    x = tcg_gen_bitcast(b, arm_fp_type(e), x);
    y = tcg_gen_bitcast(b, arm_fp_type(e), y);
    a64_set_flags_fcmp(c, fz | (signaling ? TCG_FCOND_LT_S : TCG_FCOND_LT_Q), x, y);
}

static TCGv fp_zero(A64Ctx *c, unsigned e)
{
    return tcg_const(c->b, e == 3 ? TCG_I64 : TCG_I32, 0);
}

/* FCMP, FCMPE (op) with a register or, o0, with zero */
INSN(fcmp_f, "00011110 0 ftype:1 1 rm:5 001000 rn:5 op:1 o0:1 000", FP)
INSN(fcmp_f__h, "00011110 11 1 rm:5 001000 rn:5 op:1 o0:1 000", FP16, "", "ftype=3")
void a64_trans_fcmp_f(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = arm_fp_esize(a->ftype);
        TCGv y = a->o0 ? fp_zero(c, e) : a64_v_bits(c, e, a->rm);
        compare(c, e, a64_v_bits(c, e, a->rn), y, a->op);
    }
}

/* FCCMP, FCCMPE: the comparison raises nothing if the condition fails. */
INSN(fccmp_f, "00011110 0 ftype:1 1 rm:5 cond:4 01 rn:5 op:1 nzcv:4", FP)
INSN(fccmp_f__h, "00011110 11 1 rm:5 cond:4 01 rn:5 op:1 nzcv:4", FP16, "", "ftype=3")
void a64_trans_fccmp_f(A64Ctx *c, const A64Insn *a)
{
    if (!a64_gen_fp_access(c)) {
        return;
    }
    unsigned e = arm_fp_esize(a->ftype);
    TCGLabel holds = tcg_new_label(c->b), done = tcg_new_label(c->b);
    tcg_gen_br_if(c->b, a64_gen_cond(c, a->cond), holds);
    a64_set_nzcv(c, tcg_i32(c->b, a->nzcv));
    tcg_gen_br(c->b, done);
    tcg_gen_label(c->b, holds);
    compare(c, e, a64_v_bits(c, e, a->rn), a64_v_bits(c, e, a->rm), a->op);
    tcg_gen_label(c->b, done);
    a64_forget_flags(c);
}

INSN(fcsel_f, "00011110 0 ftype:1 1 rm:5 cond:4 11 rn:5 rd:5", FP)
INSN(fcsel_f__h, "00011110 11 1 rm:5 cond:4 11 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fcsel_f(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = arm_fp_esize(a->ftype);
        TCGv cond = a64_gen_cond(c, a->cond);
        a64_set_v_bits(
            c, a->rd, tcg_gen_select(c->b, cond, a64_v_bits(c, e, a->rn), a64_v_bits(c, e, a->rm)));
    }
}

/* ---- moves ---- */

INSN(fmov_imm_f, "00011110 0 ftype:1 1 uimm[7:0] 100 00000 rd:5", FP)
INSN(fmov_imm_f__h, "00011110 11 1 uimm[7:0] 100 00000 rd:5", FP16, "", "ftype=3")
void a64_trans_fmov_imm_f(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        uint64_t v = arm_fp_expand_imm(arm_fp_esize(a->ftype), a->imm);
        a64_set_v_bits(c, a->rd, tcg_i64(c->b, (int64_t)v));
    }
}

/* FMOV between a general register and a scalar of `size` (log2 of bytes). */
INSN(fmov_to_gpr, "0 0011110 00 1 00 110 000000 rn:5 rd:5", FP, "", "size=2")
INSN(fmov_to_gpr__d, "1 0011110 01 1 00 110 000000 rn:5 rd:5", FP, "", "size=3")
INSN(fmov_to_gpr__h, ". 0011110 11 1 00 110 000000 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmov_to_gpr(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_r(c, a->rd, a64_v_bits(c, a->size, a->rn));
    }
}

INSN(fmov_from_gpr, "0 0011110 00 1 00 111 000000 rn:5 rd:5", FP, "", "size=2")
INSN(fmov_from_gpr__d, "1 0011110 01 1 00 111 000000 rn:5 rd:5", FP, "", "size=3")
INSN(fmov_from_gpr__h, ". 0011110 11 1 00 111 000000 rn:5 rd:5", FP16, "", "size=1")
void a64_trans_fmov_from_gpr(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = a64_r(c, a->size == 3, a->rn);
        a64_set_v_bits(c, a->rd, a->size == 1 ? tcg_gen_ext16u(c->b, v) : v);
    }
}

INSN(fmov_to_gpr_high, "1 0011110 10 1 01 110 000000 rn:5 rd:5", FP)
void a64_trans_fmov_to_gpr_high(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_x(c, a->rd, tcg_gen_vget(c->b, a64_v(c, a->rn), 1));
    }
}

INSN(fmov_from_gpr_high, "1 0011110 10 1 01 111 000000 rn:5 rd:5", FP)
void a64_trans_fmov_from_gpr_high(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        a64_set_v(c, a->rd, 1, tcg_gen_vset(c->b, a64_v(c, a->rd), a64_x(c, a->rn), 1));
    }
}

/* ---- conversions from and to integers ---- */

static unsigned integer_arg(const A64Insn *a, unsigned round, unsigned fbits)
{
    return round | (a->U ? ARM_FP_ARG_UNSIGNED : 0) | fbits << ARM_FP_ARG_FBITS_SHIFT |
           (unsigned)(2 + a->sf) << ARM_FP_ARG_SIZE_SHIFT;
}

static void to_integer(A64Ctx *c, const A64Insn *a, unsigned round, unsigned fbits)
{
    if (a64_gen_fp_access(c)) {
        a64_set_r(c, a->rd, unary(c, a, ARM_FP_TO_INT, integer_arg(a, round, fbits)));
    }
}

static void from_integer(A64Ctx *c, const A64Insn *a, unsigned fbits)
{
    if (a64_gen_fp_access(c)) {
        unsigned e = arm_fp_esize(a->ftype);
        TCGv v = arm_gen_fp(c->b, c->mode, ARM_FP_FROM_INT, e, integer_arg(a, TCG_RND_DYN, fbits),
                            a64_r(c, a->sf, a->rn), TCG_NONE, TCG_NONE);
        a64_set_v_bits(c, a->rd, v);
    }
}

/* FCVTNS, FCVTPS, FCVTMS, FCVTZS and, U, the unsigned ones, by rmode */
INSN(fcvt_int, "sf:1 0011110 0 ftype:1 1 rmode:2 00 U:1 000000 rn:5 rd:5", FP)
INSN(fcvt_int__h, "sf:1 0011110 11 1 rmode:2 00 U:1 000000 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fcvt_int(A64Ctx *c, const A64Insn *a)
{
    to_integer(c, a, arm_fp_round(a->rmode), 0);
}

/* FCVTAS, FCVTAU */
INSN(fcvta_int, "sf:1 0011110 0 ftype:1 1 00 10 U:1 000000 rn:5 rd:5", FP)
INSN(fcvta_int__h, "sf:1 0011110 11 1 00 10 U:1 000000 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fcvta_int(A64Ctx *c, const A64Insn *a)
{
    to_integer(c, a, TCG_RND_RMM, 0);
}

/* FCVTZS, FCVTZU to fixed point: 64 - scale bits of fraction */
INSN(fcvtz_fixed, "sf:1 0011110 0 ftype:1 0 11 00 U:1 scale:6 rn:5 rd:5", FP)
INSN(fcvtz_fixed__h, "sf:1 0011110 11 0 11 00 U:1 scale:6 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_fcvtz_fixed(A64Ctx *c, const A64Insn *a)
{
    if (!a->sf && a->scale < 32) {
        a64_gen_undefined(c);
    } else {
        to_integer(c, a, TCG_RND_RTZ, 64 - a->scale);
    }
}

/* SCVTF, UCVTF */
INSN(cvtf_int, "sf:1 0011110 0 ftype:1 1 00 01 U:1 000000 rn:5 rd:5", FP)
INSN(cvtf_int__h, "sf:1 0011110 11 1 00 01 U:1 000000 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_cvtf_int(A64Ctx *c, const A64Insn *a)
{
    from_integer(c, a, 0);
}

INSN(cvtf_fixed, "sf:1 0011110 0 ftype:1 0 00 01 U:1 scale:6 rn:5 rd:5", FP)
INSN(cvtf_fixed__h, "sf:1 0011110 11 0 00 01 U:1 scale:6 rn:5 rd:5", FP16, "", "ftype=3")
void a64_trans_cvtf_fixed(A64Ctx *c, const A64Insn *a)
{
    if (!a->sf && a->scale < 32) {
        a64_gen_undefined(c);
    } else {
        from_integer(c, a, 64 - a->scale);
    }
}

/* N, C and V are 0. */
INSN(fjcvtzs, "0 0011110 01 1 11 110 000000 rn:5 rd:5", JSCVT, "", "ftype=1")
void a64_trans_fjcvtzs(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv r = unary(c, a, ARM_FP_JCVTZS, 0);
        a64_set_r(c, a->rd, tcg_gen_trunc(c->b, r));
        TCGv z = tcg_gen_trunc(c->b, tcg_gen_shri(c->b, r, 32));
        a64_set_nzcv(c, tcg_gen_shli(c->b, z, 2));
    }
}

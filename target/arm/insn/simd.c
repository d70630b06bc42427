/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Emitters that floating-point and Advanced SIMD rows share; see simd.h.
 *
 * An operation is an IR op where the IR has one with Arm's exact meaning: single and double
 * precision while FPCR.FZ is 0. Everything else is a call of fp_helper.c.
 */
#include "target/arm/insn/simd.h"

/* ---- registers ---- */

TCGv arm_v_zero(TCGBuilder *b)
{
    return tcg_vconst(b, 0);
}

TCGv arm_v_make(TCGBuilder *b, TCGv lo, TCGv hi)
{
    return tcg_gen_vset(b, tcg_gen_vld_lo(b, tcg_gen_bitcast(b, TCG_F64, lo)), hi, 1);
}

void a64_set_v(A64Ctx *c, unsigned r, unsigned Q, TCGv v)
{
    tcg_gen_setcell(c->b, ARM_CELL_VR(r), Q ? v : tcg_gen_vset(c->b, v, tcg_i64(c->b, 0), 1));
}

TCGv a64_v_bits(A64Ctx *c, unsigned esize, unsigned r)
{
    TCGv v = tcg_gen_vget(c->b, a64_v(c, r), 0);
    if (esize == 3) {
        return v;
    }
    v = tcg_gen_trunc(c->b, v);
    return esize == 2 ? v : esize == 1 ? tcg_gen_ext16u(c->b, v) : tcg_gen_ext8u(c->b, v);
}

void a64_set_v_bits(A64Ctx *c, unsigned r, TCGv v)
{
    v = tcg_gen_bitcast(c->b, TCG_F64, a64_widen(c, v));
    tcg_gen_setcell(c->b, ARM_CELL_VR(r), tcg_gen_vld_lo(c->b, v));
}

TCGv a64_f(A64Ctx *c, TCGType t, unsigned r)
{
    return tcg_gen_bitcast(c->b, t, a64_v_bits(c, t == TCG_F64 ? 3 : 2, r));
}

void a64_set_f(A64Ctx *c, unsigned r, TCGv v)
{
    TCGType t = tcg_type(c->b, v) == TCG_F64 ? TCG_I64 : TCG_I32;
    a64_set_v_bits(c, r, tcg_gen_bitcast(c->b, t, v));
}

/* ---- floating point ---- */

unsigned arm_fp_flags(uint32_t mode)
{
    return TCG_RND_DYN | TCG_FP_TINY_BEFORE | TCG_FP_CVT_SAT_ZERO |
           (mode & ARM_MODE_DN ? TCG_FP_DEFAULT_NAN : TCG_FP_NAN_ARM);
}

unsigned arm_fp_round(unsigned rmode)
{
    static const uint8_t round[4] = {TCG_RND_RNE, TCG_RND_RUP, TCG_RND_RDN, TCG_RND_RTZ};
    return round[rmode & 3];
}

unsigned arm_fp_rint_arg(unsigned opc)
{
    static const uint8_t arg[8] = {TCG_RND_RNE,
                                   TCG_RND_RUP,
                                   TCG_RND_RDN,
                                   TCG_RND_RTZ,
                                   TCG_RND_RMM,
                                   TCG_RND_DYN,
                                   TCG_RND_DYN | ARM_FP_ARG_EXACT,
                                   TCG_RND_DYN};
    return arg[opc & 7];
}

uint64_t arm_fp_expand_imm(unsigned esize, unsigned imm8)
{
    unsigned exp_bits = esize == 1   ? 5
                        : esize == 2 ? 8
                                     : 11,
             frac_bits = (8u << esize) - 1 - exp_bits;
    uint64_t b6 = imm8 >> 6 & 1;
    uint64_t exp =
        (b6 ^ 1) << (exp_bits - 1) | (b6 ? (1u << (exp_bits - 3)) - 1 : 0) << 2 | (imm8 >> 4 & 3);
    return (uint64_t)(imm8 >> 7) << (exp_bits + frac_bits) | exp << frac_bits |
           (uint64_t)(imm8 & 15) << (frac_bits - 4);
}

static TCGv sign_mask(TCGBuilder *b, unsigned esize, bool invert)
{
    int64_t m = esize == 3 ? INT64_MIN : esize == 2 ? (int64_t)INT32_MIN : 0x8000;
    return tcg_const(b, esize == 3 ? TCG_I64 : TCG_I32, invert ? ~m : m);
}

TCGv arm_gen_fp_abs(TCGBuilder *b, unsigned esize, TCGv x)
{
    return tcg_gen_and(b, x, sign_mask(b, esize, true));
}

TCGv arm_gen_fp_neg(TCGBuilder *b, unsigned esize, TCGv x)
{
    return tcg_gen_xor(b, x, sign_mask(b, esize, false));
}

static TCGv to_float(TCGBuilder *b, TCGv bits)
{
    return tcg_gen_bitcast(b, tcg_type(b, bits) == TCG_I64 ? TCG_F64 : TCG_F32, bits);
}

static TCGv from_float(TCGBuilder *b, TCGv f)
{
    return tcg_gen_bitcast(b, tcg_type(b, f) == TCG_F64 ? TCG_I64 : TCG_I32, f);
}

static unsigned with_round(unsigned fp, unsigned arg)
{
    return (fp & ~TCG_FP_ROUND_MASK) | (arg & ARM_FP_ARG_ROUND);
}

/* As an IR op; false if there is none that does it exactly. */
static bool gen_fp_inline(TCGBuilder *b, uint32_t mode, ARMFpOp op, unsigned esize, unsigned arg,
                          TCGv x, TCGv y, TCGv z, TCGv *out)
{
    unsigned fp = arm_fp_flags(mode), size = arg >> ARM_FP_ARG_SIZE_SHIFT & 3;
    unsigned fbits = arg >> ARM_FP_ARG_FBITS_SHIFT & 127;
    TCGType t = arm_fp_type(esize), integer = size == 3 ? TCG_I64 : TCG_I32;
    if (esize == 1 || (mode & ARM_MODE_FZ)) {
        return false;
    }
#define X to_float(b, x)
#define Y to_float(b, y)
    switch (op) {
    case ARM_FP_ADD:
        *out = tcg_gen_fadd(b, fp, X, Y);
        break;
    case ARM_FP_SUB:
        *out = tcg_gen_fsub(b, fp, X, Y);
        break;
    case ARM_FP_MUL:
        *out = tcg_gen_fmul(b, fp, X, Y);
        break;
    case ARM_FP_NMUL:
        *out = tcg_gen_fneg(b, tcg_gen_fmul(b, fp, X, Y));
        break;
    case ARM_FP_DIV:
        *out = tcg_gen_fdiv(b, fp, X, Y);
        break;
    case ARM_FP_ABD:
        *out = tcg_gen_fabs(b, tcg_gen_fsub(b, fp, X, Y));
        break;
    case ARM_FP_MAX:
        *out = tcg_gen_fmax(b, fp, X, Y);
        break;
    case ARM_FP_MIN:
        *out = tcg_gen_fmin(b, fp, X, Y);
        break;
    case ARM_FP_MADD:
        *out = tcg_gen_fma(b, fp, X, Y, to_float(b, z));
        break;
    case ARM_FP_SQRT:
        *out = tcg_gen_fsqrt(b, fp, X);
        break;
    case ARM_FP_RINT:
        fp = with_round(fp, arg) | (arg & ARM_FP_ARG_EXACT ? 0 : TCG_FP_INEXACT_OFF);
        *out = tcg_gen_fround(b, fp, X);
        break;
    case ARM_FP_CVT:
        if (size == 1) {
            return false;
        }
        *out = tcg_gen_fcvt_ff(b, size == 3 ? TCG_F64 : TCG_F32, fp, X);
        break;
    case ARM_FP_TO_INT:
        if (fbits || size < 2) {
            return false;
        }
        fp = with_round(fp, arg);
        *out = arg & ARM_FP_ARG_UNSIGNED ? tcg_gen_fcvt_fu(b, integer, fp, X)
                                         : tcg_gen_fcvt_fs(b, integer, fp, X);
        return true;
    case ARM_FP_FROM_INT:
        if (size < 2) {
            return false;
        }
        *out =
            arg & ARM_FP_ARG_UNSIGNED ? tcg_gen_fcvt_uf(b, t, fp, x) : tcg_gen_fcvt_sf(b, t, fp, x);
        if (fbits) {
            /* Exact: the product is a zero or a normal number. */
            uint64_t scale =
                t == TCG_F64 ? (uint64_t)(1023 - fbits) << 52 : (uint64_t)(127 - fbits) << 23;
            *out = tcg_gen_fmul(b, fp, *out, tcg_fconst(b, t, scale));
        }
        break;
    default:
        return false;
    }
#undef X
#undef Y
    *out = from_float(b, *out);
    return true;
}

static TCGv helper_arg(TCGBuilder *b, TCGv v)
{
    return !v.i ? tcg_i64(b, 0) : tcg_type(b, v) == TCG_I32 ? tcg_gen_extu(b, v) : v;
}

/* Is the result of op an I64? */
static bool result_is_64(ARMFpOp op, unsigned esize, unsigned arg)
{
    switch (op) {
    case ARM_FP_TO_INT:
    case ARM_FP_CVT:
    case ARM_FP_CVT_ODD:
        return (arg >> ARM_FP_ARG_SIZE_SHIFT & 3) == 3;
    case ARM_FP_JCVTZS:
        return true;
    case ARM_FP_CMP:
        return false;
    default:
        return esize == 3;
    }
}

TCGv arm_gen_fp(TCGBuilder *b, uint32_t mode, ARMFpOp op, unsigned esize, unsigned arg, TCGv x,
                TCGv y, TCGv z)
{
    TCGv r;
    if (!gen_fp_inline(b, mode, op, esize, arg, x, y, z, &r)) {
        r = tcg_gen_call(b, &arm_helper_fp, 4,
                         (TCGv[]){helper_arg(b, x), helper_arg(b, y), helper_arg(b, z),
                                  tcg_i32(b, (int32_t)ARM_FP_DESC(op, esize, arg))});
        r = result_is_64(op, esize, arg) ? r : tcg_gen_trunc(b, r);
    }
    return r;
}

#define VTMP(n) (offsetof(ARMEnv, vtmp) + (n)*16)

TCGv arm_gen_vfp(TCGBuilder *b, uint32_t mode, ARMFpOp op, unsigned esize, unsigned arg, unsigned Q,
                 TCGv x, TCGv y, TCGv z)
{
    const TCGv v[3] = {x, y, z};
    for (unsigned i = 0; i < 3; i++) {
        if (v[i].i) {
            tcg_gen_stenv(b, TCG_MO_128, v[i], VTMP(i));
        }
    }
    uint32_t desc = ARM_FP_DESC(op, esize, arg) | (uint32_t)!Q << ARM_FP_DESC_HALF_SHIFT;
    tcg_gen_call1(b, &arm_helper_vfp, tcg_i32(b, (int32_t)desc));
    return tcg_gen_ldenv(b, TCG_V128, TCG_MO_128, VTMP(3));
}

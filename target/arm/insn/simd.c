/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Emitters that floating-point and Advanced SIMD rows share; see simd.h.
 *
 * An operation is an IR op where the IR has one with Arm's exact meaning, in single and double
 * precision. Everything else is a call of fp_helper.c; so is what depends on FPCR.FZ16 and AHP,
 * which units do not know.
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/insn/simd.h"

/* ---- vectors of any kind ---- */

static TCGv v2(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y)
{
    return tcg_gen_v2(b, opc, aux, x, y);
}

TCGv arm_v_make(TCGBuilder *b, TCGv lo, TCGv hi)
{
    return tcg_gen_vset(b, tcg_gen_vld_lo(b, tcg_gen_bitcast(b, TCG_F64, lo)), hi, 1);
}

TCGv arm_v_replicate(TCGBuilder *b, unsigned esize, uint64_t e)
{
    for (unsigned bits = 8u << esize; bits < 64; bits *= 2) {
        e |= e << bits;
    }
    return tcg_vconst(b, e);
}

TCGv arm_v_down(TCGBuilder *b, TCGv v, unsigned bytes)
{
    return bytes ? tcg_gen_v2i(b, TCG_OP_vext, 0, v, v, bytes) : v;
}

TCGv arm_v_low(TCGBuilder *b, unsigned esize, TCGv v)
{
    if (esize >= 2) {
        return tcg_gen_vld_lo(b, tcg_gen_vlow(b, esize == 3 ? TCG_F64 : TCG_F32, v));
    }
    return tcg_gen_vld_lo(b, tcg_gen_bitcast(b, TCG_F32, arm_v_bits(b, esize, v)));
}

TCGv arm_v_bits(TCGBuilder *b, unsigned esize, TCGv v)
{
    if (esize >= 2) {
        return tcg_gen_bitcast(b, esize == 3 ? TCG_I64 : TCG_I32,
                               tcg_gen_vlow(b, esize == 3 ? TCG_F64 : TCG_F32, v));
    }
    return tcg_gen_vextract(b, TCG_I32, esize | TCG_VEC_UNSIGNED, v, 0);
}

TCGv arm_v_element(TCGBuilder *b, unsigned esize, TCGv v, unsigned index)
{
    return arm_v_low(b, esize, arm_v_down(b, v, index << esize));
}

void arm_v_pairs(TCGBuilder *b, unsigned esize, unsigned Q, TCGv *x, TCGv *y)
{
    TCGv lo = *x, hi = *y;
    if (!Q) {
        lo = hi = v2(b, TCG_OP_vzip, 3, lo, hi);
    }
    *x = v2(b, TCG_OP_vunzip, esize, lo, hi);
    *y = v2(b, TCG_OP_vunzip, esize | TCG_VEC_HIGH, lo, hi);
}

TCGv arm_v_pmul(TCGBuilder *b, unsigned aux, TCGv x, TCGv y)
{
    TCGv lo = v2(b, TCG_OP_vpmull, 0, x, y), hi = v2(b, TCG_OP_vpmull, TCG_VEC_HIGH, x, y);
    return v2(b, TCG_OP_vunzip, 0, lo, hi);
}

TCGv arm_v_addlp(TCGBuilder *b, unsigned esize, bool is_unsigned, TCGv x)
{
    unsigned w = 8u << esize;
    TCGOpcode opc = is_unsigned ? TCG_OP_vshri : TCG_OP_vsari;
    TCGv even =
        tcg_gen_vshift(b, opc, esize + 1, tcg_gen_vshift(b, TCG_OP_vshli, esize + 1, x, w), w);
    return v2(b, TCG_OP_vadd, esize + 1, even, tcg_gen_vshift(b, opc, esize + 1, x, w));
}

TCGv arm_v_shr(TCGBuilder *b, unsigned esize, bool is_unsigned, TCGv x, unsigned n)
{
    unsigned w = 8u << esize;
    if (is_unsigned) {
        return n == w ? arm_v_zero(b) : tcg_gen_vshift(b, TCG_OP_vshri, esize, x, n);
    }
    return tcg_gen_vshift(b, TCG_OP_vsari, esize, x, n == w ? w - 1 : n);
}

TCGv arm_v_fneg(TCGBuilder *b, unsigned esize, TCGv x)
{
    return v2(b, TCG_OP_vxor, 0, x, arm_v_replicate(b, esize, UINT64_C(1) << ((8u << esize) - 1)));
}

TCGv arm_v_fabs(TCGBuilder *b, unsigned esize, TCGv x)
{
    return v2(b, TCG_OP_vandc, 0, x, arm_v_replicate(b, esize, UINT64_C(1) << ((8u << esize) - 1)));
}

TCGv arm_v_complex(TCGBuilder *b, unsigned esize, TCGv y, unsigned rot)
{
    uint64_t sign = UINT64_C(1) << ((8u << esize) - 1);
    bool re = rot == 1 || rot == 2, im = rot >= 2;
    if (rot & 1) {
        y = esize == 3 ? arm_v_down(b, y, 8) : tcg_gen_v1i(b, TCG_OP_vrev, esize, y, 2u << esize);
    }
    if (!re && !im) {
        return y;
    }
    TCGv flip;
    if (esize == 3) {
        flip = arm_v_make(b, tcg_i64(b, re ? INT64_MIN : 0), tcg_i64(b, im ? INT64_MIN : 0));
    } else {
        flip = arm_v_replicate(b, esize + 1, (re ? sign : 0) | (im ? sign << (8u << esize) : 0));
    }
    return v2(b, TCG_OP_vxor, 0, y, flip);
}

#define QC offsetof(ARMEnv, qc)

void arm_gen_qc(TCGBuilder *b, unsigned Q, TCGv qc)
{
    TCGv old = tcg_gen_ldenv(b, TCG_V128, TCG_MO_128, QC);
    qc = Q ? qc : tcg_gen_vlo64(b, qc);
    tcg_gen_stenv(b, TCG_MO_128, v2(b, TCG_OP_vor, 0, old, qc), QC);
}

/* Saturation in ops that hosts have instructions for: *qc gets bits in each element that saturated.
 */
static void sat_narrow(TCGBuilder *b, unsigned aux, TCGv x, TCGv *v, TCGv *qc)
{
    unsigned e = aux & TCG_VEC_ESIZE, w = 8u << e;
    bool u = aux & TCG_VEC_UNSIGNED, from_unsigned = u && !(aux & TCG_VEC_MIXED);
    unsigned wide = (e + 1) | (from_unsigned ? TCG_VEC_UNSIGNED : 0);
    uint64_t max = UINT64_MAX >> (64 - w + !u);
    TCGv m = v2(b, TCG_OP_vmin, wide, x, arm_v_replicate(b, e + 1, max));

    if (!from_unsigned) {
        m = v2(b, TCG_OP_vmax, wide, m,
               u ? arm_v_zero(b) : arm_v_replicate(b, e + 1, ~max & UINT64_MAX >> (64 - 2 * w)));
    }
    *qc = v2(b, TCG_OP_vxor, 0, m, x);
    *v = v2(b, TCG_OP_vunzip, e, m, arm_v_zero(b));
}

/* false: the IR's own op is the better one. */
static bool sat_add_sub(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y, TCGv *v,
                        TCGv *qc)
{
    unsigned e = aux & TCG_VEC_ESIZE, w = 8u << e;
    bool add = opc == TCG_OP_vqadd;

    if (e < 2 || (aux & TCG_VEC_MIXED)) {
        return false;
    }
    TCGv r = v2(b, add ? TCG_OP_vadd : TCG_OP_vsub, e, x, y);
    if (aux & TCG_VEC_UNSIGNED) {
        *qc = v2(b, TCG_OP_vcmpgt, e | TCG_VEC_UNSIGNED, add ? x : y, add ? r : x);
        *v = v2(b, add ? TCG_OP_vor : TCG_OP_vandc, 0, r, *qc);
        return true;
    }
    /* Overflow: the result's sign is that of neither operand, of a difference not the first's. */
    TCGv over =
        v2(b, TCG_OP_vand, 0, v2(b, TCG_OP_vxor, 0, x, r), v2(b, TCG_OP_vxor, 0, y, add ? r : x));
    *qc = tcg_gen_vshift(b, TCG_OP_vsari, e, over, w - 1);
    TCGv limit = v2(b, TCG_OP_vxor, 0, tcg_gen_vshift(b, TCG_OP_vsari, e, x, w - 1),
                    arm_v_replicate(b, e, UINT64_MAX >> (65 - w)));
    *v = tcg_gen_v3(b, TCG_OP_vbitsel, 0, *qc, limit, r);
    return true;
}

TCGv arm_gen_vsat(TCGBuilder *b, TCGOpcode opc, unsigned aux, unsigned Q, TCGv x, TCGv y)
{
    unsigned e = aux & TCG_VEC_ESIZE;
    TCGv qc, v;

    if (opc == TCG_OP_vqdmulh) {
        /* Only the smallest number's square does. */
        TCGv min = arm_v_replicate(b, e, UINT64_C(1) << ((8u << e) - 1));
        v = v2(b, opc, aux, x, y);
        qc =
            v2(b, TCG_OP_vand, 0, v2(b, TCG_OP_vcmpeq, e, x, min), v2(b, TCG_OP_vcmpeq, e, y, min));
    } else if (opc == TCG_OP_vqnarrow) {
        sat_narrow(b, aux, x, &v, &qc);
    } else if ((opc != TCG_OP_vqadd && opc != TCG_OP_vqsub) ||
               !sat_add_sub(b, opc, aux, x, y, &v, &qc)) {
        v = tcg_gen_vsat(b, opc, aux, x, y, &qc);
    }
    arm_gen_qc(b, Q, qc);
    return v;
}

TCGv arm_gen_vqrdmlah(TCGBuilder *b, unsigned aux, unsigned Q, TCGv z, TCGv x, TCGv y)
{
    arm_gen_qc(b, Q, tcg_gen_v3(b, TCG_OP_vqrdmlah, aux | TCG_VEC_QC, z, x, y));
    return tcg_gen_v3(b, TCG_OP_vqrdmlah, aux, z, x, y);
}

/* ---- registers ---- */

static void set_cell(A64Ctx *c, unsigned r, TCGv v)
{
    tcg_gen_setcell(c->b, ARM_CELL_VR(r), v);
}

void a64_set_v(A64Ctx *c, unsigned r, unsigned Q, TCGv v)
{
    set_cell(c, r, Q ? v : tcg_gen_vlo64(c->b, v));
}

void a64_set_narrow(A64Ctx *c, unsigned r, unsigned Q, TCGv v)
{
    set_cell(c, r, Q ? v2(c->b, TCG_OP_vzip, 3, a64_v(c, r), v) : tcg_gen_vlo64(c->b, v));
}

TCGv a64_v_bits(A64Ctx *c, unsigned esize, unsigned r)
{
    return arm_v_bits(c->b, esize, a64_v(c, r));
}

void a64_set_v_bits(A64Ctx *c, unsigned r, TCGv v)
{
    TCGType t = tcg_type(c->b, v) == TCG_I64 ? TCG_F64 : TCG_F32;
    set_cell(c, r, tcg_gen_vld_lo(c->b, tcg_gen_bitcast(c->b, t, v)));
}

TCGv a64_scalar(A64Ctx *c, unsigned esize, unsigned r)
{
    return arm_v_low(c->b, esize, a64_v(c, r));
}

void a64_set_scalar(A64Ctx *c, unsigned esize, unsigned r, TCGv v)
{
    set_cell(c, r, arm_v_low(c->b, esize, v));
}

/* ---- floating point ---- */

unsigned arm_fp_flags(uint32_t mode)
{
    if (mode & ARM_FP_STANDARD) {
        return TCG_RND_RNE | TCG_FP_TINY_BEFORE | TCG_FP_CVT_SAT_ZERO | TCG_FP_FZ |
               TCG_FP_DEFAULT_NAN;
    }
    return TCG_RND_DYN | TCG_FP_TINY_BEFORE | TCG_FP_CVT_SAT_ZERO |
           (mode & ARM_MODE_FZ ? TCG_FP_FZ : 0) |
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

/* AdvSIMDExpandImm() */
uint64_t arm_v_expand_imm(unsigned op, unsigned cmode, uint64_t imm8)
{
    const uint64_t words = UINT64_C(0x100000001), halves = UINT64_C(0x1000100010001);
    switch (cmode >> 1) {
    case 0 ... 3:
        return (imm8 << (cmode >> 1) * 8) * words;
    case 4:
    case 5:
        return (imm8 << (cmode >> 1 & 1) * 8) * halves;
    case 6:
        return (cmode & 1 ? imm8 << 16 | 0xffff : imm8 << 8 | 0xff) * words;
    default:
        break;
    }
    if (!(cmode & 1) && !op) {
        return imm8 * UINT64_C(0x0101010101010101);
    }
    if (!(cmode & 1)) {
        uint64_t v = 0;
        for (unsigned i = 0; i < 8; i++) {
            v |= imm8 >> i & 1 ? UINT64_C(0xff) << i * 8 : 0;
        }
        return v;
    }
    return op ? arm_fp_expand_imm(3, imm8) : arm_fp_expand_imm(2, imm8) * words;
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
    TCGv v;
    if (esize == 1) {
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
    case ARM_FP_MAXNM:
        *out = tcg_gen_fmax(b, fp | TCG_FP_NUM | TCG_FP_NUM2008, X, Y);
        break;
    case ARM_FP_MINNM:
        *out = tcg_gen_fmin(b, fp | TCG_FP_NUM | TCG_FP_NUM2008, X, Y);
        break;
    case ARM_FP_MADD:
        *out = tcg_gen_fma(b, fp, X, Y, to_float(b, z));
        break;
    case ARM_FP_CMEQ:
        v = tcg_gen_fcmp(b, esize == 3 ? TCG_I64 : TCG_I32, TCG_FCOND_EQ_Q | (fp & TCG_FP_FZ), X,
                         Y);
        *out = tcg_gen_neg(b, v);
        return true;
    case ARM_FP_CMGE:
        v = tcg_gen_fcmp(b, esize == 3 ? TCG_I64 : TCG_I32, TCG_FCOND_LE_S | (fp & TCG_FP_FZ), Y,
                         X);
        *out = tcg_gen_neg(b, v);
        return true;
    case ARM_FP_CMGT:
        v = tcg_gen_fcmp(b, esize == 3 ? TCG_I64 : TCG_I32, TCG_FCOND_LT_S | (fp & TCG_FP_FZ), Y,
                         X);
        *out = tcg_gen_neg(b, v);
        return true;
    case ARM_FP_SQRT:
        *out = tcg_gen_fsqrt(b, fp, X);
        break;
    case ARM_FP_RINT:
        fp = with_round(fp, arg) | (arg & ARM_FP_ARG_EXACT ? 0 : TCG_FP_INEXACT_OFF);
        *out = tcg_gen_fround(b, fp, X);
        break;
    case ARM_FP_CVT_ODD:
        fp = with_round(fp, TCG_RND_ROD);
        /* fall through */
    case ARM_FP_CVT:
        if (size == 1) {
            return false;
        }
        *out = tcg_gen_fcvt_ff(b, size == 3 ? TCG_F64 : TCG_F32, fp, X);
        break;
    case ARM_FP_TO_INT:
        if (size < 2) {
            return false;
        }
        *out = tcg_gen_fcvt_fixed(b, arg & ARM_FP_ARG_UNSIGNED ? TCG_OP_fcvt_fu : TCG_OP_fcvt_fs,
                                  integer, with_round(fp, arg), X, fbits);
        return true;
    case ARM_FP_FROM_INT:
        if (size < 2) {
            return false;
        }
        *out = tcg_gen_fcvt_fixed(b, arg & ARM_FP_ARG_UNSIGNED ? TCG_OP_fcvt_uf : TCG_OP_fcvt_sf, t,
                                  with_round(fp, arg), x, fbits);
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

/* ---- vectors of floating point ---- */

/* The n low elements as aux of an IR op; false if they are not a part that it knows. */
static bool vector_part(unsigned esize, unsigned n, unsigned *fp)
{
    *fp |= TCG_FP_ESIZE(esize);
    if (n == 1) {
        *fp |= TCG_FP_V1;
    } else if (n == 8u >> esize) {
        *fp |= TCG_FP_V64;
    }
    return n == 1 || n == 8u >> esize || n == 16u >> esize;
}

/* ~0 where |x| is at least the number with bits min. */
static TCGv magnitude_from(TCGBuilder *b, unsigned esize, TCGv x, uint64_t min)
{
    return v2(b, TCG_OP_vcmpgt, esize, arm_v_fabs(b, esize, x), arm_v_replicate(b, esize, min - 1));
}

/*
 * FPRecipStepFused(): 2 - x * y; FPRSqrtStepFused(): (3 - x * y) / 2. Infinity times zero counts as
 * zero and is not invalid: a zero stands for the infinity then. For the half, one operand is
 * halved; if neither can be exactly the product is too small to matter.
 */
static TCGv gen_recip_step(TCGBuilder *b, unsigned fp, unsigned esize, bool rsqrt, TCGv x, TCGv y)
{
    unsigned frac_bits = esize == 2 ? 23 : 52;
    uint64_t one = UINT64_C(1) << frac_bits, inf = esize == 2 ? 0x7f800000 : UINT64_C(0x7ff) << 52;
    uint64_t unit = esize == 2 ? 0x3f800000 : UINT64_C(0x3ff) << 52,
             not_zero = fp & TCG_FP_FZ ? one : 1;
    TCGv v[2] = {arm_v_fneg(b, esize, x), y}, product[2], halved = arm_v_zero(b);
    for (unsigned i = 0; i < 2; i++) {
        TCGv is_inf =
            v2(b, TCG_OP_vcmpeq, esize, arm_v_fabs(b, esize, v[i]), arm_v_replicate(b, esize, inf));
        TCGv other = magnitude_from(b, esize, v[!i], not_zero);
        product[i] = v2(b, TCG_OP_vandc, 0, v[i], v2(b, TCG_OP_vandc, 0, is_inf, other));
        if (rsqrt) {
            TCGv half = v2(b, TCG_OP_vandc, 0, magnitude_from(b, esize, v[i], 2 * one),
                           v2(b, TCG_OP_vor, 0, magnitude_from(b, esize, v[i], inf), halved));
            TCGv less = v2(b, TCG_OP_vand, 0, half, arm_v_replicate(b, esize, one));
            product[i] = v2(b, TCG_OP_vsub, esize, product[i], less);
            halved = half;
        }
    }
    TCGv sum = arm_v_replicate(b, esize, rsqrt ? unit + one / 2 : unit + one);
    return tcg_gen_v3(b, TCG_OP_vfma, fp, product[0], product[1], sum);
}

static bool gen_vfp_inline(TCGBuilder *b, uint32_t mode, ARMFpOp op, unsigned esize, unsigned arg,
                           unsigned n, TCGv x, TCGv y, TCGv z, TCGv *out)
{
    unsigned fp = arm_fp_flags(mode), fbits = arg >> ARM_FP_ARG_FBITS_SHIFT & 127;
    if (esize == 1 || !vector_part(esize, n, &fp)) {
        return false;
    }
    unsigned quiet = fp & ~TCG_FP_ROUND_MASK; /* of comparisons: no rounding */
    switch (op) {
    case ARM_FP_ADD:
        *out = v2(b, TCG_OP_vfadd, fp, x, y);
        return true;
    case ARM_FP_SUB:
        *out = v2(b, TCG_OP_vfsub, fp, x, y);
        return true;
    case ARM_FP_MUL:
        *out = v2(b, TCG_OP_vfmul, fp, x, y);
        return true;
    case ARM_FP_DIV:
        *out = v2(b, TCG_OP_vfdiv, fp, x, y);
        return true;
    case ARM_FP_ABD:
        *out = arm_v_fabs(b, esize, v2(b, TCG_OP_vfsub, fp, x, y));
        return true;
    case ARM_FP_MAX:
        *out = v2(b, TCG_OP_vfmax, fp, x, y);
        return true;
    case ARM_FP_MIN:
        *out = v2(b, TCG_OP_vfmin, fp, x, y);
        return true;
    case ARM_FP_MAXNM:
        *out = v2(b, TCG_OP_vfmax, fp | TCG_FP_NUM | TCG_FP_NUM2008, x, y);
        return true;
    case ARM_FP_MINNM:
        *out = v2(b, TCG_OP_vfmin, fp | TCG_FP_NUM | TCG_FP_NUM2008, x, y);
        return true;
    case ARM_FP_MADD:
        *out = tcg_gen_v3(b, TCG_OP_vfma, fp, x, y, z);
        return true;
    case ARM_FP_RECPS:
    case ARM_FP_RSQRTS:
        *out = gen_recip_step(b, fp, esize, op == ARM_FP_RSQRTS, x, y);
        return true;
    case ARM_FP_SQRT:
        *out = tcg_gen_v1(b, TCG_OP_vfsqrt, fp, x);
        return true;
    case ARM_FP_CMEQ:
        *out = tcg_gen_v2i(b, TCG_OP_vfcmp, quiet, x, y, TCG_FCOND_EQ_Q);
        return true;
    case ARM_FP_ACGE:
    case ARM_FP_ACGT:
        x = arm_v_fabs(b, esize, x);
        y = arm_v_fabs(b, esize, y);
        /* fall through */
    case ARM_FP_CMGE:
    case ARM_FP_CMGT:
        *out =
            tcg_gen_v2i(b, TCG_OP_vfcmp, quiet, y, x,
                        op == ARM_FP_CMGE || op == ARM_FP_ACGE ? TCG_FCOND_LE_S : TCG_FCOND_LT_S);
        return true;
    case ARM_FP_RINT:
        fp = with_round(fp, arg) | (arg & ARM_FP_ARG_EXACT ? 0 : TCG_FP_INEXACT_OFF);
        *out = tcg_gen_v1(b, TCG_OP_vfround, fp, x);
        return true;
    case ARM_FP_TO_INT:
        *out = tcg_gen_v1i(b, arg & ARM_FP_ARG_UNSIGNED ? TCG_OP_vfcvt_fu : TCG_OP_vfcvt_fs,
                           with_round(fp, arg), x, fbits);
        return true;
    case ARM_FP_FROM_INT:
        *out = tcg_gen_v1i(b, arg & ARM_FP_ARG_UNSIGNED ? TCG_OP_vfcvt_uf : TCG_OP_vfcvt_sf,
                           with_round(fp, arg), x, fbits);
        return true;
    default:
        return false;
    }
}

#define VTMP(n) (offsetof(ARMEnv, vtmp) + (n)*16)

static TCGv call_vfp(TCGBuilder *b, uint32_t mode, ARMFpOp op, unsigned esize, unsigned arg,
                     unsigned n, TCGv x, TCGv y, TCGv z)
{
    const TCGv v[3] = {x, y, z};
    for (unsigned i = 0; i < 3; i++) {
        if (v[i].i) {
            tcg_gen_stenv(b, TCG_MO_128, v[i], VTMP(i));
        }
    }
    uint32_t desc = ARM_FP_DESC(op, esize, arg) | n << ARM_FP_DESC_N_SHIFT |
                    (mode & ARM_FP_STANDARD ? ARM_FP_DESC_STANDARD : 0);
    tcg_gen_call1(b, &arm_helper_vfp, tcg_i32(b, (int32_t)desc));
    return tcg_gen_ldenv(b, TCG_V128, TCG_MO_128, VTMP(3));
}

TCGv arm_gen_vfp(TCGBuilder *b, uint32_t mode, ARMFpOp op, unsigned esize, unsigned arg, unsigned n,
                 TCGv x, TCGv y, TCGv z)
{
    TCGv v;
    return gen_vfp_inline(b, mode, op, esize, arg, n, x, y, z, &v)
               ? v
               : call_vfp(b, mode, op, esize, arg, n, x, y, z);
}

TCGv arm_gen_fmlal(TCGBuilder *b, uint32_t mode, unsigned Q, bool subtract, TCGv x, TCGv y, TCGv z)
{
    x = subtract ? arm_v_fneg(b, 1, x) : x;
    return call_vfp(b, mode, ARM_FP_MADDH, 2, 0, 2u << Q, x, y, z);
}

TCGv arm_gen_fcmla(TCGBuilder *b, uint32_t mode, unsigned esize, unsigned Q, unsigned rot, TCGv x,
                   TCGv y, TCGv z)
{
    x = v2(b, TCG_OP_vtrn, esize | (rot & 1 ? TCG_VEC_HIGH : 0), x, x);
    y = arm_v_complex(b, esize, y, rot);
    return arm_gen_vfp(b, mode, ARM_FP_MADD, esize, 0, (8u << Q) >> esize, x, y, z);
}

TCGv arm_gen_vfcvt_long(TCGBuilder *b, uint32_t mode, unsigned esize, unsigned high, TCGv x)
{
    if (esize == 2) {
        return tcg_gen_v1i(b, TCG_OP_vfwiden, arm_fp_flags(mode) | TCG_FP_ESIZE(2), x, high);
    }
    return call_vfp(b, mode, ARM_FP_CVT, 1, 2 << ARM_FP_ARG_SIZE_SHIFT, 4,
                    arm_v_down(b, x, high * 8), TCG_NONE, TCG_NONE);
}

TCGv arm_gen_vfcvt_narrow(TCGBuilder *b, uint32_t mode, unsigned esize, bool odd, TCGv x)
{
    if (esize == 3) {
        unsigned fp = arm_fp_flags(mode);
        fp = odd ? with_round(fp, TCG_RND_ROD) : fp;
        return tcg_gen_v1(b, TCG_OP_vfnarrow, fp | TCG_FP_ESIZE(3), x);
    }
    return call_vfp(b, mode, ARM_FP_CVT, 2, 1 << ARM_FP_ARG_SIZE_SHIFT, 4, x, TCG_NONE, TCG_NONE);
}

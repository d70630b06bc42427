/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Floating point of the IR interpreter: maps the ops of ops.def to softfp, and the guest's FP
 * status to and from the format of MXCSR (Intel SDM volume 1, 10.2.3), in which env keeps it on
 * every host: flags IE DE ZE OE UE PE in bits 0-5, DAZ bit 6, RC bits 13-14, FTZ bit 15.
 *
 * Tests: tests/unit/test-tcg.c; tests/unit/test-softfp.c for the arithmetic.
 */
#include "tcg/interp/internal.h"
#include "tcg/softfp.h"

enum {
    MXCSR_IE = 1 << 0,
    MXCSR_DE = 1 << 1,
    MXCSR_ZE = 1 << 2,
    MXCSR_OE = 1 << 3,
    MXCSR_UE = 1 << 4,
    MXCSR_PE = 1 << 5,
    MXCSR_DAZ = 1 << 6,
    MXCSR_RC_SHIFT = 13,
    MXCSR_FTZ = 1 << 15,
};

static SoftFpRounding rounding_of(unsigned fp, uint32_t mxcsr)
{
    static const uint8_t from_rc[4] = {SFP_RNE, SFP_RDN, SFP_RUP, SFP_RTZ};
    unsigned r = fp & TCG_FP_ROUND_MASK;
    return r == TCG_RND_DYN ? from_rc[mxcsr >> MXCSR_RC_SHIFT & 3] : (SoftFpRounding)r;
}

static void setup(SoftFp *s, unsigned fp, uint32_t mxcsr)
{
    bool arm = fp & TCG_FP_NAN_ARM;
    *s = (SoftFp){
        .rounding = rounding_of(fp, mxcsr),
        .nan_rule = arm ? SFP_NAN_ARM : SFP_NAN_X86,
        .infzero_rule = arm ? SFP_INFZERO_DEFAULT : SFP_INFZERO_INVALID,
        .int_rule = fp & TCG_FP_CVT_SAT_MAX    ? SFP_INT_RISCV
                    : fp & TCG_FP_CVT_SAT_ZERO ? SFP_INT_ARM
                                               : SFP_INT_X86,
        .flush_outputs = mxcsr & MXCSR_FTZ ? SFP_FLUSH_X86 : SFP_FLUSH_NONE,
        .flush_inputs = mxcsr & MXCSR_DAZ,
        .default_nan = fp & TCG_FP_DEFAULT_NAN,
        .default_nan_negative = !(fp & (TCG_FP_DEFAULT_NAN | TCG_FP_NAN_ARM)),
        .tininess_before_rounding = fp & TCG_FP_TINY_BEFORE,
    };
}

static uint32_t to_mxcsr(unsigned flags)
{
    return (flags & SFP_INVALID ? MXCSR_IE : 0) | (flags & SFP_INPUT_DENORMAL ? MXCSR_DE : 0) |
           (flags & SFP_DIVZERO ? MXCSR_ZE : 0) | (flags & SFP_OVERFLOW ? MXCSR_OE : 0) |
           (flags & SFP_UNDERFLOW ? MXCSR_UE : 0) | (flags & SFP_INEXACT ? MXCSR_PE : 0);
}

static bool holds(SoftFpOrder order, TCGFCond cond)
{
    switch (cond) {
    case TCG_FCOND_EQ_Q:
    case TCG_FCOND_EQ_S:
        return order == SFP_EQUAL;
    case TCG_FCOND_LT_Q:
    case TCG_FCOND_LT_S:
        return order == SFP_LESS;
    case TCG_FCOND_LE_Q:
    case TCG_FCOND_LE_S:
        return order <= SFP_EQUAL;
    default: /* UN_Q */
        return order == SFP_UNORDERED;
    }
}

static bool is_signaling(TCGFCond c)
{
    return c == TCG_FCOND_LT_S || c == TCG_FCOND_LE_S || c == TCG_FCOND_EQ_S;
}

/* The ops whose operands have format F (f32, f64). */
#define DEFINE_FP(F)                                                                               \
    static uint64_t run_##F(SoftFp *s, const TCGOp *op, uint64_t a, uint64_t b, uint64_t c)        \
    {                                                                                              \
        unsigned mm = op->aux & TCG_FP_NUM ? SFP_MM_NUMBER : SFP_MM_IEEE;                          \
        switch (op->opc) {                                                                         \
        case TCG_OP_fadd:                                                                          \
            return softfp_add_##F(s, a, b);                                                        \
        case TCG_OP_fsub:                                                                          \
            return softfp_sub_##F(s, a, b);                                                        \
        case TCG_OP_fmul:                                                                          \
            return softfp_mul_##F(s, a, b);                                                        \
        case TCG_OP_fdiv:                                                                          \
            return softfp_div_##F(s, a, b);                                                        \
        case TCG_OP_fsqrt:                                                                         \
            return softfp_sqrt_##F(s, a);                                                          \
        case TCG_OP_fma:                                                                           \
            return softfp_muladd_##F(s, a, b, c, 0);                                               \
        case TCG_OP_fmin:                                                                          \
            return softfp_minmax_##F(s, a, b, mm);                                                 \
        case TCG_OP_fmax:                                                                          \
            return softfp_minmax_##F(s, a, b, mm | SFP_MM_MAX);                                    \
        case TCG_OP_fcmp:                                                                          \
            return holds(softfp_compare_##F(s, a, b, is_signaling(op->aux)), op->aux);             \
        case TCG_OP_fround:                                                                        \
            return softfp_round_int_##F(s, a, s->rounding, !(op->aux & TCG_FP_INEXACT_OFF));       \
        case TCG_OP_fcvt_fs:                                                                       \
            return op->type == TCG_I32 ? (uint32_t)softfp_##F##_to_i32(s, a, s->rounding)          \
                                       : (uint64_t)softfp_##F##_to_i64(s, a, s->rounding);         \
        case TCG_OP_fcvt_fu:                                                                       \
            return op->type == TCG_I32 ? softfp_##F##_to_u32(s, a, s->rounding)                    \
                                       : softfp_##F##_to_u64(s, a, s->rounding);                   \
        default:                                                                                   \
            g_assert_not_reached();                                                                \
        }                                                                                          \
    }
DEFINE_FP(f32)
DEFINE_FP(f64)

/* Integers of type from. */
static uint64_t from_integer(SoftFp *s, const TCGOp *op, unsigned from, uint64_t a)
{
    bool sign = op->opc == TCG_OP_fcvt_sf;
    if (op->type == TCG_F32) {
        if (from == TCG_I32) {
            return sign ? softfp_i32_to_f32(s, a) : softfp_u32_to_f32(s, a);
        }
        return sign ? softfp_i64_to_f32(s, a) : softfp_u64_to_f32(s, a);
    }
    if (from == TCG_I32) {
        return sign ? softfp_i32_to_f64(s, a) : softfp_u32_to_f64(s, a);
    }
    return sign ? softfp_i64_to_f64(s, a) : softfp_u64_to_f64(s, a);
}

uint64_t tcg_interp_fp(const TCGOp *op, unsigned from, uint32_t *mxcsr, uint64_t a, uint64_t b,
                       uint64_t c)
{
    SoftFp s;
    uint64_t r;
    setup(&s, op->opc == TCG_OP_fcmp ? TCG_RND_RNE : op->aux, *mxcsr);
    switch (op->opc) {
    case TCG_OP_fcvt_sf:
    case TCG_OP_fcvt_uf:
        r = from_integer(&s, op, from, a);
        break;
    case TCG_OP_fcvt_ff:
        r = from == TCG_F32 ? softfp_f32_to_f64(&s, a) : softfp_f64_to_f32(&s, a);
        break;
    default:
        r = from == TCG_F32 ? run_f32(&s, op, a, b, c) : run_f64(&s, op, a, b, c);
        break;
    }
    *mxcsr |= to_mxcsr(s.flags);
    return r;
}

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
    bool arm = fp & TCG_FP_NAN_ARM, fz = fp & TCG_FP_FZ;
    *s = (SoftFp){
        .rounding = rounding_of(fp, mxcsr),
        .nan_rule = arm ? SFP_NAN_ARM : SFP_NAN_X86,
        .infzero_rule = arm ? SFP_INFZERO_DEFAULT : SFP_INFZERO_INVALID,
        .int_rule = fp & TCG_FP_CVT_SAT_MAX    ? SFP_INT_RISCV
                    : fp & TCG_FP_CVT_SAT_ZERO ? SFP_INT_ARM
                                               : SFP_INT_X86,
        .flush_outputs = fz                  ? SFP_FLUSH_ARM
                         : mxcsr & MXCSR_FTZ ? SFP_FLUSH_X86
                                             : SFP_FLUSH_NONE,
        .flush_inputs = fz || (mxcsr & MXCSR_DAZ),
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

/* The flags of s into the guest's status. */
static void accumulate(CPUEnv *env, const SoftFp *s, unsigned fp)
{
    env->mxcsr |= to_mxcsr(s->flags);
    if ((fp & TCG_FP_FZ) && (s->flags & SFP_INPUT_FLUSHED)) {
        env->fp_more |= CPU_FP_IDC;
    }
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

static unsigned minmax_kind(unsigned fp)
{
    return !(fp & TCG_FP_NUM) ? SFP_MM_IEEE : fp & TCG_FP_NUM2008 ? SFP_MM_NUM2008 : SFP_MM_NUMBER;
}

/* The bits of 2^n, which is a normal number of the format. */
static uint32_t power_f32(int n)
{
    return (uint32_t)(n + 127) << 23;
}
static uint64_t power_f64(int n)
{
    return (uint64_t)(n + 1023) << 52;
}

/* The ops whose operands have format F (f16, f32, f64), but conversions. */
#define DEFINE_FP(F)                                                                               \
    static uint64_t run_##F(SoftFp *s, const TCGOp *op, uint64_t a, uint64_t b, uint64_t c)        \
    {                                                                                              \
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
            return softfp_minmax_##F(s, a, b, minmax_kind(op->aux));                               \
        case TCG_OP_fmax:                                                                          \
            return softfp_minmax_##F(s, a, b, minmax_kind(op->aux) | SFP_MM_MAX);                  \
        case TCG_OP_fround:                                                                        \
            return softfp_round_int_##F(s, a, s->rounding, !(op->aux & TCG_FP_INEXACT_OFF));       \
        default:                                                                                   \
            g_assert_not_reached();                                                                \
        }                                                                                          \
    }
DEFINE_FP(f16)
DEFINE_FP(f32)
DEFINE_FP(f64)

static SoftFpOrder compare(SoftFp *s, unsigned esize, TCGFCond cond, uint64_t a, uint64_t b)
{
    bool signaling = is_signaling(cond);
    return esize == 1   ? softfp_compare_f16(s, a, b, signaling)
           : esize == 2 ? softfp_compare_f32(s, a, b, signaling)
                        : softfp_compare_f64(s, a, b, signaling);
}

/*
 * a * 2^n for a conversion to an integer: exact, or infinite, which the integers do not hold
 * either. Only what it says of the operand counts.
 */
static uint64_t scale(SoftFp *s, unsigned esize, uint64_t a, int n)
{
    SoftFp t = {.flush_inputs = s->flush_inputs};
    if (n) {
        a = esize == 2 ? softfp_mul_f32(&t, a, power_f32(n)) : softfp_mul_f64(&t, a, power_f64(n));
        s->flags |= t.flags & (SFP_INPUT_DENORMAL | SFP_INPUT_FLUSHED);
    }
    return a;
}

/* a, of format esize, times 2^n as an integer of 32 or 64 bits. */
static uint64_t to_integer(SoftFp *s, unsigned esize, bool sign, bool i32, uint64_t a, unsigned n)
{
    if (esize == 1) {
        a = softfp_f16_to_f32(s, a);
        esize = 2;
    }
    a = scale(s, esize, a, n);
    if (esize == 2) {
        return i32    ? sign ? (uint32_t)softfp_f32_to_i32(s, a, s->rounding)
                             : softfp_f32_to_u32(s, a, s->rounding)
                  : sign ? (uint64_t)softfp_f32_to_i64(s, a, s->rounding)
                      : softfp_f32_to_u64(s, a, s->rounding);
    }
    return i32    ? sign ? (uint32_t)softfp_f64_to_i32(s, a, s->rounding)
                         : softfp_f64_to_u32(s, a, s->rounding)
              : sign ? (uint64_t)softfp_f64_to_i64(s, a, s->rounding)
                  : softfp_f64_to_u64(s, a, s->rounding);
}

/* The same for elements of 16 bits, which softfp does not know: rounded to 32 first, then bounded.
 */
static uint64_t to_integer16(SoftFp *s, bool sign, uint64_t a, unsigned n)
{
    SoftFp t = *s;
    t.flags = 0;
    int64_t v = (int32_t)to_integer(&t, 1, true, true, a, n);
    int64_t min = sign ? INT16_MIN : 0, max = sign ? INT16_MAX : UINT16_MAX;
    if (t.flags & SFP_INVALID || v < min || v > max) {
        bool nan = (a & 0x7fff) > 0x7c00;
        t.flags = (t.flags | SFP_INVALID) & ~SFP_INEXACT;
        if (s->int_rule == SFP_INT_X86) {
            v = sign ? INT16_MIN : UINT16_MAX;
        } else if (nan) {
            v = s->int_rule == SFP_INT_RISCV ? max : 0;
        } else {
            v = a >> 15 ? min : max;
        }
    }
    s->flags |= t.flags;
    return (uint16_t)v;
}

/* An integer of 32 or 64 bits, rounded to format esize, times 2^-n, which is exact. */
static uint64_t from_integer(SoftFp *s, unsigned esize, bool sign, bool i32, uint64_t a, unsigned n)
{
    uint64_t r;
    SoftFp t = {.rounding = SFP_RNE};
    if (esize == 2) {
        r = i32    ? sign ? softfp_i32_to_f32(s, a) : softfp_u32_to_f32(s, a)
               : sign ? softfp_i64_to_f32(s, a)
                   : softfp_u64_to_f32(s, a);
        return n ? softfp_mul_f32(&t, r, power_f32(-(int)n)) : r;
    }
    r = i32    ? sign ? softfp_i32_to_f64(s, a) : softfp_u32_to_f64(s, a)
           : sign ? softfp_i64_to_f64(s, a)
               : softfp_u64_to_f64(s, a);
    return n ? softfp_mul_f64(&t, r, power_f64(-(int)n)) : r;
}

uint64_t tcg_interp_fp(const TCGOp *op, unsigned from, CPUEnv *env, uint64_t a, uint64_t b,
                       uint64_t c)
{
    SoftFp s;
    uint64_t r;
    unsigned esize = from == TCG_F32 ? 2 : 3;
    bool i32 = op->type == TCG_I32;
    if (op->opc == TCG_OP_fcmp) {
        unsigned cond = op->aux & TCG_FP_ROUND_MASK;
        setup(&s, op->aux & TCG_FP_FZ, env->mxcsr);
        r = holds(compare(&s, esize, cond, a, b), cond);
        if (!(op->aux & TCG_FP_NOFLAGS)) {
            accumulate(env, &s, op->aux);
        }
        return r;
    }
    setup(&s, op->aux, env->mxcsr);
    switch (op->opc) {
    case TCG_OP_fcvt_sf:
    case TCG_OP_fcvt_uf:
        r = from_integer(&s, op->type == TCG_F32 ? 2 : 3, op->opc == TCG_OP_fcvt_sf,
                         from == TCG_I32, a, op->imm);
        break;
    case TCG_OP_fcvt_fs:
    case TCG_OP_fcvt_fu:
        r = to_integer(&s, esize, op->opc == TCG_OP_fcvt_fs, i32, a, op->imm);
        break;
    case TCG_OP_fcvt_ff:
        r = from == TCG_F32 ? softfp_f32_to_f64(&s, a) : softfp_f64_to_f32(&s, a);
        break;
    case TCG_OP_fcvt_hf:
        s.flush_inputs = false;
        r = op->type == TCG_F32 ? softfp_f16_to_f32(&s, a) : softfp_f16_to_f64(&s, a);
        break;
    case TCG_OP_fcvt_fh:
        s.flush_outputs = SFP_FLUSH_NONE;
        r = from == TCG_F32 ? softfp_f32_to_f16(&s, a) : softfp_f64_to_f16(&s, a);
        break;
    default:
        r = from == TCG_F32 ? run_f32(&s, op, a, b, c) : run_f64(&s, op, a, b, c);
        break;
    }
    accumulate(env, &s, op->aux);
    return r;
}

/* ---- vectors ---- */

static inline uint64_t element(const uint64_t v[2], unsigned esize, unsigned i)
{
    unsigned pos = i << (esize + 3), w = 8u << esize;
    return v[pos >> 6] >> (pos & 63) << (64 - w) >> (64 - w);
}

/* Element by element; what converts within a format too. */
static uint64_t vector_element(SoftFp *s, const TCGOp *op, uint64_t a, uint64_t b, uint64_t c)
{
    static const uint8_t scalar[] = {
        [TCG_OP_vfadd - TCG_OP_vfadd] = TCG_OP_fadd,    [TCG_OP_vfsub - TCG_OP_vfadd] = TCG_OP_fsub,
        [TCG_OP_vfmul - TCG_OP_vfadd] = TCG_OP_fmul,    [TCG_OP_vfdiv - TCG_OP_vfadd] = TCG_OP_fdiv,
        [TCG_OP_vfsqrt - TCG_OP_vfadd] = TCG_OP_fsqrt,  [TCG_OP_vfma - TCG_OP_vfadd] = TCG_OP_fma,
        [TCG_OP_vfmin - TCG_OP_vfadd] = TCG_OP_fmin,    [TCG_OP_vfmax - TCG_OP_vfadd] = TCG_OP_fmax,
        [TCG_OP_vfround - TCG_OP_vfadd] = TCG_OP_fround};
    unsigned esize = tcg_fp_esize(op->aux);
    TCGOp one = {.aux = op->aux};
    switch (op->opc) {
    case TCG_OP_vfcmp:
        return holds(compare(s, esize, op->imm, a, b), op->imm) ? UINT64_MAX : 0;
    case TCG_OP_vfcvt_fs:
    case TCG_OP_vfcvt_fu: {
        bool sign = op->opc == TCG_OP_vfcvt_fs;
        return esize == 1 ? to_integer16(s, sign, a, op->imm)
                          : to_integer(s, esize, sign, esize == 2, a, op->imm);
    }
    case TCG_OP_vfcvt_sf:
    case TCG_OP_vfcvt_uf: {
        bool sign = op->opc == TCG_OP_vfcvt_sf;
        if (esize == 1) {
            SoftFp t = {.rounding = SFP_RNE}; /* to f64 all is exact */
            a = sign ? (uint64_t)(int16_t)a : (uint16_t)a;
            return softfp_f64_to_f16(s, from_integer(&t, 3, true, false, a, op->imm));
        }
        return from_integer(s, esize, sign, esize == 2, a, op->imm);
    }
    default:
        one.opc = scalar[op->opc - TCG_OP_vfadd];
        return esize == 1   ? run_f16(s, &one, a, b, c)
               : esize == 2 ? run_f32(s, &one, a, b, c)
                            : run_f64(s, &one, a, b, c);
    }
}

void tcg_interp_vfp(const TCGOp *op, CPUEnv *env, const uint64_t a[2], const uint64_t b[2],
                    const uint64_t c[2], uint64_t r[2])
{
    SoftFp s;
    unsigned esize = tcg_fp_esize(op->aux), n = 16u >> esize, to = esize;
    setup(&s, op->aux, env->mxcsr);
    if (op->aux & TCG_FP_V1) {
        n = 1;
    } else if (op->aux & TCG_FP_V64 || op->opc == TCG_OP_vfwiden) {
        n /= 2;
    }
    uint64_t out[2] = {0, 0};
    for (unsigned i = 0; i < n; i++) {
        uint64_t x, e;
        if (op->opc == TCG_OP_vfwiden) {
            x = element(a, esize, i + (op->imm ? 8u >> esize : 0));
            to = esize + 1;
            if (esize == 1) {
                s.flush_inputs = false;
            }
            e = esize == 1 ? softfp_f16_to_f32(&s, x) : softfp_f32_to_f64(&s, x);
        } else if (op->opc == TCG_OP_vfnarrow) {
            x = element(a, esize, i);
            to = esize - 1;
            if (to == 1) {
                s.flush_outputs = SFP_FLUSH_NONE;
            }
            e = to == 1 ? softfp_f32_to_f16(&s, x) : softfp_f64_to_f32(&s, x);
        } else {
            e = vector_element(&s, op, element(a, esize, i), element(b, esize, i),
                               element(c, esize, i));
        }
        unsigned pos = i << (to + 3), w = 8u << to;
        out[pos >> 6] |= e << (64 - w) >> (64 - w) << (pos & 63);
    }
    r[0] = out[0];
    r[1] = out[1];
    accumulate(env, &s, op->aux);
}

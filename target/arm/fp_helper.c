/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm floating point, exact in every FPCR mode: the operations of fp.h on elements and on vectors.
 * DDI 0487, shared/functions/float in J1.3; the arithmetic is tcg/softfp.c's.
 *
 * Half-precision arithmetic is flushed by FPCR.FZ16 and never sets IDC; conversions from and to
 * half are not flushed by it (FPUnpackCV, FPRoundCV).
 *
 * Helpers here are described with TCG_HELPER_FP: MXCSR is in env while they run.
 * Thread: the CPU's own. Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include <string.h>
#include "target/arm/fp.h"
#include "tcg/softfp.h"

#define MXCSR_RC_SHIFT 13

/* ---- environment ---- */

static SoftFp fp_begin(const ARMEnv *env, unsigned esize, bool standard)
{
    static const uint8_t from_rc[4] = {SFP_RNE, SFP_RDN, SFP_RUP, SFP_RTZ};
    SoftFp s = SOFTFP_INIT_ARM;
    bool flush = esize == 1 ? env->fpcr & ARM_FPCR_FZ16 : standard || (env->fpcr & ARM_FPCR_FZ);
    s.rounding = standard ? SFP_RNE : from_rc[env->cpu.mxcsr >> MXCSR_RC_SHIFT & 3];
    s.flush_inputs = flush;
    s.flush_outputs = flush ? SFP_FLUSH_ARM : SFP_FLUSH_NONE;
    s.default_nan = standard || (env->fpcr & ARM_FPCR_DN);
    return s;
}

/* esize: of the operands, which decides whether a flushed one sets IDC. */
static void fp_end(ARMEnv *env, const SoftFp *s, unsigned esize)
{
    unsigned f = s->flags;
    env->cpu.mxcsr |= (f & SFP_INVALID ? 0x01 : 0) | (f & SFP_DIVZERO ? 0x04 : 0) |
                      (f & SFP_OVERFLOW ? 0x08 : 0) | (f & SFP_UNDERFLOW ? 0x10 : 0) |
                      (f & SFP_INEXACT ? 0x20 : 0);
    if ((f & SFP_INPUT_FLUSHED) && esize != 1) {
        env->cpu.fp_more |= CPU_FP_IDC;
    }
}

static SoftFpRounding rounding_of(const SoftFp *s, unsigned arg)
{
    unsigned r = arg & ARM_FP_ARG_ROUND;
    return r == TCG_RND_DYN ? (SoftFpRounding)s->rounding : (SoftFpRounding)r;
}

/* ---- formats ---- */

typedef struct Format {
    uint8_t bits, exp_bits, frac_bits;
} Format;
static const Format formats[4] = {{0}, {16, 5, 10}, {32, 8, 23}, {64, 11, 52}};

static inline uint64_t exp_ones(const Format *f)
{
    return (UINT64_C(1) << f->exp_bits) - 1;
}
static inline uint64_t frac_ones(const Format *f)
{
    return (UINT64_C(1) << f->frac_bits) - 1;
}
static inline uint64_t sign_bit(const Format *f)
{
    return UINT64_C(1) << (f->bits - 1);
}
static inline unsigned exp_of(const Format *f, uint64_t v)
{
    return v >> f->frac_bits & exp_ones(f);
}
static inline bool is_nan(const Format *f, uint64_t v)
{
    return exp_of(f, v) == exp_ones(f) && (v & frac_ones(f));
}
static inline bool is_inf(const Format *f, uint64_t v)
{
    return exp_of(f, v) == exp_ones(f) && !(v & frac_ones(f));
}
static inline bool is_zero(const Format *f, uint64_t v)
{
    return !(v & ~sign_bit(f));
}
static inline uint64_t make(const Format *f, bool sign, unsigned exp, uint64_t frac)
{
    return (sign ? sign_bit(f) : 0) | (uint64_t)exp << f->frac_bits | frac;
}
static inline uint64_t make_inf(const Format *f, bool sign)
{
    return make(f, sign, exp_ones(f), 0);
}
/* (1 + frac / 4) * 2^exp */
static inline uint64_t make_small(const Format *f, bool sign, int exp, unsigned quarters)
{
    int bias = (1 << (f->exp_bits - 1)) - 1;
    return make(f, sign, bias + exp, (uint64_t)quarters << (f->frac_bits - 2));
}
static uint64_t make_default_nan(const Format *f)
{
    return make(f, false, exp_ones(f), UINT64_C(1) << (f->frac_bits - 1));
}

/* FPUnpack() as far as it changes the operand: a subnormal that is flushed. */
static uint64_t unpack(SoftFp *s, const Format *f, uint64_t v)
{
    if (s->flush_inputs && exp_of(f, v) == 0 && (v & frac_ones(f))) {
        s->flags |= SFP_INPUT_FLUSHED;
        return v & sign_bit(f);
    }
    return v;
}

/* ---- softfp by element size ---- */

#define BY_SIZE(e, what, ...)                                                                      \
    ((e) == 1   ? (uint64_t)softfp_##what##_f16(__VA_ARGS__)                                       \
     : (e) == 2 ? (uint64_t)softfp_##what##_f32(__VA_ARGS__)                                       \
                : (uint64_t)softfp_##what##_f64(__VA_ARGS__))

static SoftFpOrder compare(SoftFp *s, unsigned e, uint64_t a, uint64_t b, bool signaling)
{
    return e == 1   ? softfp_compare_f16(s, a, b, signaling)
           : e == 2 ? softfp_compare_f32(s, a, b, signaling)
                    : softfp_compare_f64(s, a, b, signaling);
}

/* FPProcessNaN(): of one NaN operand, of two with at least one. */
static uint64_t process_nan(SoftFp *s, unsigned e, uint64_t a, uint64_t b)
{
    return BY_SIZE(e, add, s, a, b);
}

/* ---- arithmetic ---- */

/* FPMulX() */
static uint64_t mulx(SoftFp *s, unsigned e, uint64_t a, uint64_t b)
{
    const Format *f = &formats[e];
    a = unpack(s, f, a);
    b = unpack(s, f, b);
    if ((is_inf(f, a) && is_zero(f, b)) || (is_zero(f, a) && is_inf(f, b))) {
        return make_small(f, (a ^ b) & sign_bit(f), 1, 0);
    }
    return BY_SIZE(e, mul, s, a, b);
}

/* FPRecipStepFused(): 2 - a * b; FPRSqrtStepFused(): (3 - a * b) / 2. */
static uint64_t recip_step(SoftFp *s, unsigned e, uint64_t a, uint64_t b, bool rsqrt)
{
    const Format *f = &formats[e];
    uint64_t one = UINT64_C(1) << f->frac_bits;
    a = unpack(s, f, a ^ sign_bit(f));
    b = unpack(s, f, b);
    if (is_nan(f, a) || is_nan(f, b)) {
        return process_nan(s, e, a, b);
    }
    if (is_inf(f, a) || is_inf(f, b)) {
        if (is_zero(f, a) || is_zero(f, b)) {
            return rsqrt ? make_small(f, false, 0, 2) : make_small(f, false, 1, 0);
        }
        return make_inf(f, (a ^ b) & sign_bit(f));
    }
    if (!rsqrt) {
        return BY_SIZE(e, muladd, s, a, b, make_small(f, false, 1, 0), 0);
    }
    /* One operand is halved. If neither can be exactly, the product is too small to matter. */
    if (exp_of(f, a) > 1) {
        a -= one;
    } else if (exp_of(f, b) > 1) {
        b -= one;
    }
    return BY_SIZE(e, muladd, s, a, b, make_small(f, false, 0, 2), 0);
}

/* The same of AArch32's Advanced SIMD: FPRecipStep(), FPRSqrtStep(). */
static uint64_t recip_step_a32(SoftFp *s, unsigned e, uint64_t a, uint64_t b, bool rsqrt)
{
    const Format *f = &formats[e];
    a = unpack(s, f, a);
    b = unpack(s, f, b);
    bool zero = (is_inf(f, a) && is_zero(f, b)) || (is_zero(f, a) && is_inf(f, b));
    uint64_t p = is_nan(f, a) || is_nan(f, b) ? process_nan(s, e, a, b)
                 : zero                       ? 0
                                              : BY_SIZE(e, mul, s, a, b);
    if (!rsqrt) {
        return BY_SIZE(e, sub, s, make_small(f, false, 1, 0), p);
    }
    /* (3 - p) / 2: FPHalvedSub(). Halving is exact but for overflow and for what is too small to
     * matter. */
    uint64_t half =
        exp_of(f, p) > 1 && exp_of(f, p) != exp_ones(f) ? p - (UINT64_C(1) << f->frac_bits) : p;
    return BY_SIZE(e, sub, s, make_small(f, false, 0, 2), half);
}

/* RecipEstimate(), RecipSqrtEstimate() */
static unsigned recip_estimate(unsigned a)
{
    a = a * 2 + 1;
    return ((1u << 19) / a + 1) / 2;
}

static unsigned rsqrt_estimate(unsigned a)
{
    unsigned b = 512;
    a = a < 256 ? a * 2 + 1 : ((a >> 1 << 1) + 1) * 2;
    /* The greatest b with a * b * b < 2^28, which is below 1024. */
    for (unsigned bit = 256; bit; bit >>= 1) {
        if (a * (b + bit) * (b + bit) < 1u << 28) {
            b += bit;
        }
    }
    return (b + 1) / 2;
}

/* FPRecipEstimate() */
static uint64_t recpe(SoftFp *s, unsigned e, uint64_t a)
{
    const Format *f = &formats[e];
    a = unpack(s, f, a);
    bool sign = a & sign_bit(f);
    int exp = exp_of(f, a), top = exp_ones(f);
    uint64_t frac = (a & frac_ones(f)) << (52 - f->frac_bits);
    if (is_nan(f, a)) {
        return process_nan(s, e, a, a);
    }
    if (is_inf(f, a)) {
        return make(f, sign, 0, 0);
    }
    if (is_zero(f, a)) {
        s->flags |= SFP_DIVZERO;
        return make_inf(f, sign);
    }
    if (exp == 0 && frac < UINT64_C(1) << 50) {
        bool to_inf = s->rounding == SFP_RNE || s->rounding == (sign ? SFP_RDN : SFP_RUP);
        s->flags |= SFP_OVERFLOW | SFP_INEXACT;
        return to_inf ? make_inf(f, sign) : make(f, sign, top - 1, frac_ones(f));
    }
    if (s->flush_outputs && exp >= top - 2) {
        s->flags |= SFP_UNDERFLOW;
        return make(f, sign, 0, 0);
    }
    if (exp == 0) {
        exp = frac >> 51 ? 0 : -1;
        frac = frac << (exp ? 2 : 1);
    }
    frac &= (UINT64_C(1) << 52) - 1;
    int result = top - 2 - exp;
    frac = (uint64_t)(recip_estimate(256 | frac >> 44) & 255) << 44;
    if (result == 0) {
        frac = UINT64_C(1) << 51 | frac >> 1;
    } else if (result < 0) {
        frac = UINT64_C(1) << 50 | frac >> 2;
        result = 0;
    }
    return make(f, sign, result, frac >> (52 - f->frac_bits));
}

/* FPRSqrtEstimate() */
static uint64_t rsqrte(SoftFp *s, unsigned e, uint64_t a)
{
    const Format *f = &formats[e];
    a = unpack(s, f, a);
    int exp = exp_of(f, a);
    uint64_t frac = (a & frac_ones(f)) << (52 - f->frac_bits);
    if (is_nan(f, a)) {
        return process_nan(s, e, a, a);
    }
    if (is_zero(f, a)) {
        s->flags |= SFP_DIVZERO;
        return make_inf(f, a & sign_bit(f));
    }
    if (a & sign_bit(f)) {
        s->flags |= SFP_INVALID;
        return make_default_nan(f);
    }
    if (is_inf(f, a)) {
        return 0;
    }
    if (exp == 0) {
        while (!(frac >> 51 & 1)) {
            frac <<= 1;
            exp--;
        }
        frac <<= 1;
    }
    frac &= (UINT64_C(1) << 52) - 1;
    unsigned scaled = exp & 1 ? 128 | frac >> 45 : 256 | frac >> 44;
    int bias = (1 << (f->exp_bits - 1)) - 1;
    return make(f, false, (3 * bias - 1 - exp) / 2,
                (uint64_t)(rsqrt_estimate(scaled) & 255) << (f->frac_bits - 8));
}

/* UnsignedRecipEstimate(), UnsignedRSqrtEstimate() */
static uint32_t urecpe(uint32_t a)
{
    return a >> 31 ? recip_estimate(a >> 23) << 23 : UINT32_MAX;
}

static uint32_t ursqrte(uint32_t a)
{
    return a >> 30 ? rsqrt_estimate(a >> 23) << 23 : UINT32_MAX;
}

/* FPRecpX() */
static uint64_t recpx(SoftFp *s, unsigned e, uint64_t a)
{
    const Format *f = &formats[e];
    unsigned exp = exp_of(f, a);
    uint64_t sign = a & sign_bit(f);
    unpack(s, f, a);
    if (is_nan(f, a)) {
        return process_nan(s, e, a, a);
    }
    return sign | (exp ? ~exp & exp_ones(f) : exp_ones(f) - 1) << f->frac_bits;
}

/* ---- to integers ---- */

static uint64_t to_f64(unsigned e, uint64_t a)
{
    SoftFp exact = SOFTFP_INIT_ARM;
    return e == 1 ? softfp_f16_to_f64(&exact, a) : e == 2 ? softfp_f32_to_f64(&exact, a) : a;
}

/* FPRoundIntN() */
static uint64_t round_int_n(SoftFp *s, unsigned e, uint64_t a, SoftFpRounding rm, bool is64)
{
    SoftFp t = SOFTFP_INIT_ARM;
    uint64_t d = to_f64(e, a);
    is64 ? (void)softfp_f64_to_i64(&t, d, rm) : (void)softfp_f64_to_i32(&t, d, rm);
    if (t.flags & SFP_INVALID) {
        s->flags |= SFP_INVALID;
        return make_small(&formats[e], true, is64 ? 63 : 31, 0);
    }
    return BY_SIZE(e, round_int, s, a, rm, true);
}

/* a * 2^n for 0 < n <= 64, for a conversion to an integer: beyond its range infinity will do, and
 * for a subnormal any number that is as good as zero. */
static uint64_t scale_up(uint64_t a, unsigned n)
{
    const Format *f = &formats[3];
    unsigned exp = exp_of(f, a);
    if (exp == exp_ones(f) || is_zero(f, a)) {
        return a;
    }
    if (exp == 0) {
        return (a & sign_bit(f)) | UINT64_C(1) << 52;
    }
    return exp + n >= exp_ones(f) ? make_inf(f, a & sign_bit(f)) : a + ((uint64_t)n << 52);
}

/* FPToFixed() */
static uint64_t to_int(SoftFp *s, unsigned e, uint64_t a, unsigned arg)
{
    SoftFpRounding rm = rounding_of(s, arg);
    unsigned fbits = arg >> ARM_FP_ARG_FBITS_SHIFT & 127, size = arg >> ARM_FP_ARG_SIZE_SHIFT & 3;
    bool is_unsigned = arg & ARM_FP_ARG_UNSIGNED;
    SoftFp t = SOFTFP_INIT_ARM;
    a = to_f64(e, unpack(s, &formats[e], a));
    if (fbits) {
        a = scale_up(a, fbits);
    }
    uint64_t r;
    if (size == 3) {
        r = is_unsigned ? softfp_f64_to_u64(&t, a, rm) : (uint64_t)softfp_f64_to_i64(&t, a, rm);
    } else {
        r = is_unsigned ? softfp_f64_to_u32(&t, a, rm) : (uint32_t)softfp_f64_to_i32(&t, a, rm);
        if (size == 1) {
            int32_t v = r;
            bool over = is_unsigned ? r > UINT16_MAX : v != (int16_t)v;
            if (over) {
                t.flags = SFP_INVALID;
                r = is_unsigned ? UINT16_MAX : v < 0 ? 0x8000 : 0x7fff;
            }
            r = (uint16_t)r;
        }
    }
    s->flags |= t.flags;
    return r;
}

/* FPToFixedJS() */
static uint64_t jcvtzs(SoftFp *s, uint64_t a)
{
    SoftFp t = SOFTFP_INIT_ARM;
    uint64_t v = unpack(s, &formats[3], a);
    uint32_t r = softfp_f64_to_i32_mod(&t, v);
    bool exact = !(t.flags & (SFP_INVALID | SFP_INEXACT)) && v == a && a != UINT64_C(1) << 63;
    s->flags |= t.flags & (SFP_INVALID | SFP_INEXACT);
    return r | (uint64_t)exact << 32;
}

/* ---- from integers ---- */

/* a * 2^-n, a zero or so large that the result is normal */
static uint64_t scale_down(const Format *f, uint64_t a, unsigned n)
{
    return is_zero(f, a) ? a : a - ((uint64_t)n << f->frac_bits);
}

/* FixedToFP() */
static uint64_t from_int(SoftFp *s, unsigned e, uint64_t a, unsigned arg)
{
    unsigned fbits = arg >> ARM_FP_ARG_FBITS_SHIFT & 127, size = arg >> ARM_FP_ARG_SIZE_SHIFT & 3;
    bool is_unsigned = arg & ARM_FP_ARG_UNSIGNED;
    unsigned unused = 64 - (8u << size);
    s->rounding = rounding_of(s, arg);
    a = is_unsigned ? a << unused >> unused : (uint64_t)((int64_t)(a << unused) >> unused);
    if (e == 1) {
        /* Rounded to odd in double precision, then once more: the result may be subnormal. */
        SoftFp odd = SOFTFP_INIT_ARM;
        odd.rounding = SFP_ROD;
        a = is_unsigned ? softfp_u64_to_f64(&odd, a) : softfp_i64_to_f64(&odd, a);
        s->flush_inputs = false;
        return softfp_f64_to_f16(s, scale_down(&formats[3], a, fbits));
    }
    if (e == 2) {
        a = is_unsigned ? softfp_u64_to_f32(s, a) : softfp_i64_to_f32(s, a);
    } else {
        a = is_unsigned ? softfp_u64_to_f64(s, a) : softfp_i64_to_f64(s, a);
    }
    return scale_down(&formats[e], a, fbits);
}

/* ---- between formats ---- */

/* From alternative half precision: exponent 31 is one more binade. */
static uint64_t from_ahp(SoftFp *s, uint64_t a, unsigned to)
{
    const Format *h = &formats[1];
    bool large = exp_of(h, a) == exp_ones(h);
    uint64_t r;
    a -= large ? UINT64_C(1) << h->frac_bits : 0;
    r = to == 2 ? softfp_f16_to_f32(s, a) : softfp_f16_to_f64(s, a);
    return large ? r + (UINT64_C(1) << formats[to].frac_bits) : r;
}

static uint64_t to_ahp(SoftFp *s, unsigned e, uint64_t a)
{
    const Format *f = &formats[e];
    uint64_t one = UINT64_C(1) << f->frac_bits;
    uint16_t sign = a & sign_bit(f) ? 0x8000 : 0;
    SoftFp t = *s;
    if (is_nan(f, a)) {
        s->flags |= SFP_INVALID;
        return sign;
    }
    if (is_inf(f, a)) {
        s->flags |= SFP_INVALID;
        return sign | 0x7fff;
    }
    /* The largest binade by way of the one below. */
    bool large = exp_of(f, a) >= (1u << (f->exp_bits - 1)) - 1 + 15;
    t.flags = 0;
    a -= large ? one : 0;
    uint16_t r = e == 2 ? softfp_f32_to_f16(&t, a) : softfp_f64_to_f16(&t, a);
    if (large) {
        if (t.flags & SFP_OVERFLOW) {
            s->flags |= SFP_INVALID;
            return sign | 0x7fff;
        }
        r += 1 << 10;
    }
    s->flags |= t.flags;
    return r;
}

/* FPConvert() */
static uint64_t convert(SoftFp *s, bool ahp, unsigned e, uint64_t a, unsigned to, bool odd)
{
    if (e == 1) {
        s->flush_inputs = false;
        s->flush_outputs = SFP_FLUSH_NONE;
        if (ahp) {
            return from_ahp(s, a, to);
        }
        return to == 2 ? softfp_f16_to_f32(s, a) : softfp_f16_to_f64(s, a);
    }
    if (to == 1) {
        s->flush_outputs = SFP_FLUSH_NONE;
        a = unpack(s, &formats[e], a);
        if (ahp) {
            return to_ahp(s, e, a);
        }
        return e == 2 ? softfp_f32_to_f16(s, a) : softfp_f64_to_f16(s, a);
    }
    if (odd) {
        s->rounding = SFP_ROD;
    }
    return to == 3 ? softfp_f32_to_f64(s, a) : softfp_f64_to_f32(s, a);
}

/* A half-precision operand of FPMulAddH() in single precision; it may still signal. */
static uint32_t half_operand(SoftFp *s, bool flush, uint16_t a)
{
    const Format *h = &formats[1];
    SoftFp t = SOFTFP_INIT_ARM;
    if (is_nan(h, a)) {
        return make(&formats[2], a >> 15, 255, (uint64_t)(a & frac_ones(h)) << 13);
    }
    t.flush_inputs = flush;
    return softfp_f16_to_f32(&t, a);
}

/* ---- all of them ---- */

static uint64_t compare_mask(bool yes, unsigned e)
{
    return yes ? ~UINT64_C(0) >> (64 - formats[e].bits) : 0;
}

/* FPCompare() */
static unsigned nzcv_of(SoftFpOrder order)
{
    switch (order) {
    case SFP_EQUAL:
        return 6;
    case SFP_LESS:
        return 8;
    case SFP_GREATER:
        return 2;
    default:
        return 3;
    }
}

static uint64_t one_element(SoftFp *s, uint32_t fpcr, ARMFpOp op, unsigned e, unsigned arg,
                            uint64_t a, uint64_t b, uint64_t c)
{
    const Format *f = &formats[e];
    bool ahp = fpcr & ARM_FPCR_AHP, flush16 = fpcr & ARM_FPCR_FZ16;
    uint64_t sign = sign_bit(f);
    switch (op) {
    case ARM_FP_ADD:
        return BY_SIZE(e, add, s, a, b);
    case ARM_FP_SUB:
        return BY_SIZE(e, sub, s, a, b);
    case ARM_FP_MUL:
        return BY_SIZE(e, mul, s, a, b);
    case ARM_FP_DIV:
        return BY_SIZE(e, div, s, a, b);
    case ARM_FP_MAX:
        return BY_SIZE(e, max, s, a, b);
    case ARM_FP_MIN:
        return BY_SIZE(e, min, s, a, b);
    case ARM_FP_MAXNM:
        return BY_SIZE(e, minmax, s, a, b, SFP_MM_NUM2008 | SFP_MM_MAX);
    case ARM_FP_MINNM:
        return BY_SIZE(e, minmax, s, a, b, SFP_MM_NUM2008);
    case ARM_FP_NMUL:
        return BY_SIZE(e, mul, s, a, b) ^ sign;
    case ARM_FP_MULX:
        return mulx(s, e, a, b);
    case ARM_FP_ABD:
        return BY_SIZE(e, sub, s, a, b) & ~sign;
    case ARM_FP_RECPS:
        return recip_step(s, e, a, b, false);
    case ARM_FP_RSQRTS:
        return recip_step(s, e, a, b, true);
    case ARM_FP_RECPS_A32:
        return recip_step_a32(s, e, a, b, false);
    case ARM_FP_RSQRTS_A32:
        return recip_step_a32(s, e, a, b, true);
    case ARM_FP_CMEQ:
        return compare_mask(compare(s, e, a, b, false) == SFP_EQUAL, e);
    case ARM_FP_ACGE:
        a &= ~sign;
        b &= ~sign;
        /* fall through */
    case ARM_FP_CMGE:
        return compare_mask(compare(s, e, b, a, true) <= SFP_EQUAL, e);
    case ARM_FP_ACGT:
        a &= ~sign;
        b &= ~sign;
        /* fall through */
    case ARM_FP_CMGT:
        return compare_mask(compare(s, e, b, a, true) == SFP_LESS, e);
    case ARM_FP_CMP:
        return nzcv_of(compare(s, e, a, b, arg & ARM_FP_ARG_SIGNALING));
    case ARM_FP_MADD:
        return BY_SIZE(e, muladd, s, a, b, c, 0);
    case ARM_FP_MADDH:
        return softfp_muladd_f32(s, half_operand(s, flush16, a), half_operand(s, flush16, b), c, 0);
    case ARM_FP_URECPE:
        return urecpe(a);
    case ARM_FP_URSQRTE:
        return ursqrte(a);
    case ARM_FP_SQRT:
        return BY_SIZE(e, sqrt, s, a);
    case ARM_FP_RECPE:
        return recpe(s, e, a);
    case ARM_FP_RSQRTE:
        return rsqrte(s, e, a);
    case ARM_FP_RECPX:
        return recpx(s, e, a);
    case ARM_FP_RINT:
        return BY_SIZE(e, round_int, s, a, rounding_of(s, arg), arg & ARM_FP_ARG_EXACT);
    case ARM_FP_RINT32:
        return round_int_n(s, e, a, rounding_of(s, arg), false);
    case ARM_FP_RINT64:
        return round_int_n(s, e, a, rounding_of(s, arg), true);
    case ARM_FP_TO_INT:
        return to_int(s, e, a, arg);
    case ARM_FP_FROM_INT:
        return from_int(s, e, a, arg);
    case ARM_FP_CVT:
    case ARM_FP_CVT_ODD:
        return convert(s, ahp, e, a, arg >> ARM_FP_ARG_SIZE_SHIFT & 3, op == ARM_FP_CVT_ODD);
    case ARM_FP_JCVTZS:
        return jcvtzs(s, a);
    }
    return 0;
}

static uint64_t helper_arm_fp(ARMEnv *env, uint64_t a, uint64_t b, uint64_t c, uint32_t desc)
{
    unsigned e = desc >> ARM_FP_DESC_ESIZE_SHIFT & 3;
    SoftFp s = fp_begin(env, e, desc & ARM_FP_DESC_STANDARD);
    uint64_t r = one_element(&s, env->fpcr, (ARMFpOp)(desc & 0xff), e,
                             desc >> ARM_FP_DESC_ARG_SHIFT, a, b, c);
    fp_end(env, &s, e);
    return r;
}
ARM_HELPER(fp, I64, true, TCG_HELPER_FP, TCG_I64, TCG_I64, TCG_I64, TCG_I32);

static uint64_t element(const uint64_t v[2], unsigned e, unsigned i)
{
    unsigned bits = 8u << e;
    return v[i * bits / 64] << (64 - bits - i * bits % 64) >> (64 - bits);
}

static void set_element(uint64_t v[2], unsigned e, unsigned i, uint64_t val)
{
    unsigned bits = 8u << e;
    v[i * bits / 64] |= val << (64 - bits) >> (64 - bits) << i * bits % 64;
}

/*
 * RECPE and RSQRTE of elements of 32 or 64 bits that are normal and have a normal estimate: nothing
 * else depends on FPCR or sets a flag. false: there is another one.
 */
static bool normal_estimates(ARMFpOp op, unsigned e, unsigned n, const uint64_t a[2], uint64_t r[2])
{
    const Format *f = &formats[e];
    unsigned top = exp_ones(f), shift = f->frac_bits - 8;
    r[0] = r[1] = 0;
    for (unsigned i = 0; i < n; i++) {
        uint64_t x = element(a, e, i);
        unsigned exp = exp_of(f, x), frac = x >> shift & 255;
        bool sign = x & sign_bit(f);
        if (exp == 0 || exp >= (op == ARM_FP_RECPE ? top - 2 : top)) {
            return false;
        }
        if (op == ARM_FP_RECPE) {
            exp = top - 2 - exp;
            frac = recip_estimate(256 | frac);
        } else if (sign) {
            return false;
        } else {
            frac = rsqrt_estimate(exp & 1 ? 128 | frac >> 1 : 256 | frac);
            exp = (3 * (top / 2) - 1 - exp) / 2;
        }
        set_element(r, e, i, make(f, sign, exp, (uint64_t)(frac & 255) << shift));
    }
    return true;
}

static void helper_arm_vfp(ARMEnv *env, uint32_t desc)
{
    ARMFpOp op = (ARMFpOp)(desc & 0xff);
    unsigned e = desc >> ARM_FP_DESC_ESIZE_SHIFT & 3, arg = desc >> ARM_FP_DESC_ARG_SHIFT;
    unsigned from = op == ARM_FP_MADDH ? 1 : e, n = desc >> ARM_FP_DESC_N_SHIFT & 15;
    unsigned to = op == ARM_FP_CVT || op == ARM_FP_CVT_ODD ? arg >> ARM_FP_ARG_SIZE_SHIFT & 3 : e;
    uint64_t r[2] = {0, 0};
    uint8_t flags = 0;
    if ((op == ARM_FP_RECPE || op == ARM_FP_RSQRTE) && e >= 2 &&
        normal_estimates(op, e, n, env->vtmp[0], env->vtmp[3])) {
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        SoftFp s = fp_begin(env, e, desc & ARM_FP_DESC_STANDARD);
        uint64_t v = one_element(&s, env->fpcr, op, e, arg, element(env->vtmp[0], from, i),
                                 element(env->vtmp[1], from, i), element(env->vtmp[2], e, i));
        set_element(r, to, i, v);
        flags |= s.flags;
    }
    SoftFp all = {.flags = flags};
    fp_end(env, &all, e);
    memcpy(env->vtmp[3], r, sizeof(r));
}
ARM_HELPER(vfp, VOID, true, TCG_HELPER_FP, TCG_I32);

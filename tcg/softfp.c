/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Exact binary floating point in integers (IEEE 754-2019); the contract is in include/tcg/softfp.h.
 *
 * An operation has three steps. unpack() brings an operand of any format into one form, SfpNum; the
 * middle works on that form only and does not know the format; pack() rounds once into the format.
 *
 * The form: a number is (-1)^sign * frac * 2^(exp - 62), with bit 62 the leading one of frac, so
 * bit 63 is room for a carry. binary64 fills bits 62..10, so ten bits or more are below the last
 * place of the result: the exact value's bits that do not fit in 64 may be or-ed into bit 0
 * ("jammed") without changing how it rounds, as a bit below the rounding bit only says "more than".
 * A zero, infinity or NaN is told by its class; a NaN's frac holds the fraction field left-aligned,
 * its quiet bit at bit 61.
 *
 * x87's 80-bit format and binary128 do not fit this form and need one with a wider frac beside it.
 *
 * Tests: tests/unit/test-softfp.c.
 */
#include "tcg/softfp.h"

#include <stddef.h>

typedef unsigned __int128 u128;

#define FRAC_ONE   (UINT64_C(1) << 62)
#define FRAC_QUIET (UINT64_C(1) << 61)

typedef enum SfpClass {
    CLASS_ZERO,
    CLASS_NUMBER,
    CLASS_INF,
    CLASS_QNAN,
    CLASS_SNAN,
} SfpClass;

typedef struct SfpNum {
    uint64_t frac;
    int32_t exp; /* power of two of bit 62 */
    uint8_t cls; /* SfpClass */
    bool sign;
    bool subnormal; /* the operand was */
} SfpNum;

typedef struct SfpFormat {
    int exp_bits;
    int frac_bits; /* without the hidden one */
} SfpFormat;

static const SfpFormat format_f16 = {5, 10};
static const SfpFormat format_bf16 = {8, 7};
static const SfpFormat format_f32 = {8, 23};
static const SfpFormat format_f64 = {11, 52};

static inline int format_bias(const SfpFormat *fmt)
{
    return (1 << (fmt->exp_bits - 1)) - 1;
}

static inline int format_max_exp(const SfpFormat *fmt)
{
    return (1 << fmt->exp_bits) - 1;
}

static inline bool is_nan(SfpNum a)
{
    return a.cls >= CLASS_QNAN;
}

static inline uint64_t shift_right_jam(uint64_t x, unsigned n)
{
    if (n >= 64)
        return x != 0;
    return n ? x >> n | ((x << (64 - n)) != 0) : x;
}

static inline u128 shift_right_jam128(u128 x, unsigned n)
{
    if (n >= 128)
        return x != 0;
    return n ? x >> n | ((x << (128 - n)) != 0) : x;
}

static inline uint64_t jam128(u128 x)
{
    return (uint64_t)(x >> 64) | ((uint64_t)x != 0);
}

/* --- unpacking ---------------------------------------------------------------------------------
 */

static inline SfpNum unpack(SoftFp *s, uint64_t bits, const SfpFormat *fmt)
{
    int shift = 62 - fmt->frac_bits;
    int biased = bits >> fmt->frac_bits & format_max_exp(fmt);
    uint64_t frac = (bits & ((UINT64_C(1) << fmt->frac_bits) - 1)) << shift;
    SfpNum a = {.frac = frac, .sign = bits >> (fmt->exp_bits + fmt->frac_bits) & 1};

    if (biased == format_max_exp(fmt)) {
        a.cls = frac == 0 ? CLASS_INF : frac & FRAC_QUIET ? CLASS_QNAN : CLASS_SNAN;
    } else if (biased != 0) {
        a.cls = CLASS_NUMBER;
        a.frac |= FRAC_ONE;
        a.exp = biased - format_bias(fmt);
    } else if (frac == 0) {
        a.cls = CLASS_ZERO;
    } else if (s->flush_inputs) {
        s->flags |= SFP_INPUT_FLUSHED;
        a.cls = CLASS_ZERO;
        a.frac = 0;
    } else {
        int norm = __builtin_clzll(frac) - 1;
        a.cls = CLASS_NUMBER;
        a.frac = frac << norm;
        a.exp = 1 - format_bias(fmt) - norm;
        a.subnormal = true;
    }
    return a;
}

/* x86 reports a subnormal operand only where no NaN, invalid operation or division by zero comes
 * first. */
static inline void note_subnormal(SoftFp *s, bool subnormal)
{
    if (subnormal)
        s->flags |= SFP_INPUT_DENORMAL;
}

/* --- special values ----------------------------------------------------------------------------
 */

static SfpNum num_zero(bool sign)
{
    return (SfpNum){.cls = CLASS_ZERO, .sign = sign};
}

static SfpNum num_inf(bool sign)
{
    return (SfpNum){.cls = CLASS_INF, .sign = sign};
}

static SfpNum num_default_nan(const SoftFp *s)
{
    return (SfpNum){.cls = CLASS_QNAN, .sign = s->default_nan_negative, .frac = FRAC_QUIET};
}

static SfpNum num_invalid(SoftFp *s)
{
    s->flags |= SFP_INVALID;
    return num_default_nan(s);
}

static SfpNum quiet(SfpNum a)
{
    a.cls = CLASS_QNAN;
    a.frac |= FRAC_QUIET;
    return a;
}

/* The NaN of an operation whose n operands, in the order of s->nan_rule, hold at least one. */
static SfpNum propagate_nan(SoftFp *s, const SfpNum *ops, size_t n)
{
    const SfpNum *first = NULL, *first_signaling = NULL;

    for (size_t i = n; i-- > 0;) {
        if (is_nan(ops[i]))
            first = &ops[i];
        if (ops[i].cls == CLASS_SNAN)
            first_signaling = &ops[i];
    }
    if (first_signaling)
        s->flags |= SFP_INVALID;
    if (s->default_nan)
        return num_default_nan(s);
    return quiet(s->nan_rule == SFP_NAN_ARM && first_signaling ? *first_signaling : *first);
}

static SfpNum nan1(SoftFp *s, SfpNum a)
{
    return propagate_nan(s, &a, 1);
}

static SfpNum nan2(SoftFp *s, SfpNum a, SfpNum b)
{
    return propagate_nan(s, (const SfpNum[]){a, b}, 2);
}

static SfpNum nan3(SoftFp *s, SfpNum a, SfpNum b, SfpNum c)
{
    switch (s->nan_rule) {
    case SFP_NAN_ARM:
        return propagate_nan(s, (const SfpNum[]){c, a, b}, 3);
    case SFP_NAN_PPC:
        return propagate_nan(s, (const SfpNum[]){a, c, b}, 3);
    default:
        return propagate_nan(s, (const SfpNum[]){a, b, c}, 3);
    }
}

/* --- rounding ----------------------------------------------------------------------------------
 */

/*
 * Round frac to a multiple of 2^drop, 1 <= drop <= 63; the caller sees whether bits were lost.
 * frac < 2^63, so the sum cannot wrap.
 */
static inline uint64_t round_frac(uint64_t frac, int drop, bool sign, SoftFpRounding rm)
{
    uint64_t lsb = UINT64_C(1) << drop, mask = lsb - 1;

    switch (rm) {
    case SFP_RNE:
        frac += (mask >> 1) + (frac >> drop & 1);
        break;
    case SFP_RMM:
        frac += lsb >> 1;
        break;
    case SFP_RDN:
        frac += sign ? mask : 0;
        break;
    case SFP_RUP:
        frac += sign ? 0 : mask;
        break;
    case SFP_ROD:
        frac |= frac & mask ? lsb : 0;
        break;
    case SFP_RTZ:
        break;
    }
    return frac & ~mask;
}

static inline bool rounds_to_inf(bool sign, SoftFpRounding rm)
{
    return rm == SFP_RNE || rm == SFP_RMM || rm == (sign ? SFP_RDN : SFP_RUP);
}

static inline uint64_t pack_fields(bool sign, int biased, uint64_t field, const SfpFormat *fmt)
{
    return (uint64_t)sign << (fmt->exp_bits + fmt->frac_bits) | (uint64_t)biased << fmt->frac_bits |
           field;
}

/* IEEE 754-2019 4.3, 7.4, 7.5. */
static inline uint64_t pack_number(SoftFp *s, SfpNum a, const SfpFormat *fmt)
{
    SoftFpRounding rm = s->rounding;
    int drop = 62 - fmt->frac_bits;
    uint64_t mask = (UINT64_C(1) << drop) - 1;
    int biased = a.exp + format_bias(fmt);
    uint64_t frac = a.frac;
    bool tiny = false, inexact;

    if (biased <= 0) {
        /* After rounding: as if the exponent had no lower bound; only just below the bound it
         * matters. */
        tiny = biased < 0 || s->tininess_before_rounding ||
               round_frac(frac, drop, a.sign, rm) < FRAC_ONE << 1;
        if (s->flush_outputs == SFP_FLUSH_ARM) {
            s->flags |= SFP_UNDERFLOW;
            return pack_fields(a.sign, 0, 0, fmt);
        }
        if (s->flush_outputs == SFP_FLUSH_X86 && tiny) {
            s->flags |= SFP_UNDERFLOW | SFP_INEXACT;
            return pack_fields(a.sign, 0, 0, fmt);
        }
        frac = shift_right_jam(frac, 1 - biased);
        biased = 0;
    }
    inexact = frac & mask;
    frac = round_frac(frac, drop, a.sign, rm);
    if (frac >= FRAC_ONE << 1) {
        frac >>= 1;
        biased++;
    } else if (biased == 0 && frac >= FRAC_ONE) {
        biased = 1;
    }
    if (biased >= format_max_exp(fmt)) {
        s->flags |= SFP_OVERFLOW | SFP_INEXACT;
        if (rounds_to_inf(a.sign, rm))
            return pack_fields(a.sign, format_max_exp(fmt), 0, fmt);
        return pack_fields(a.sign, format_max_exp(fmt), 0, fmt) - 1;
    }
    if (inexact)
        s->flags |= tiny ? SFP_UNDERFLOW | SFP_INEXACT : SFP_INEXACT;
    return pack_fields(a.sign, biased, (frac & ~FRAC_ONE) >> drop, fmt);
}

static inline uint64_t pack(SoftFp *s, SfpNum a, const SfpFormat *fmt)
{
    switch ((SfpClass)a.cls) {
    case CLASS_ZERO:
        return pack_fields(a.sign, 0, 0, fmt);
    case CLASS_NUMBER:
        return pack_number(s, a, fmt);
    case CLASS_INF:
        return pack_fields(a.sign, format_max_exp(fmt), 0, fmt);
    default:
        return pack_fields(a.sign, format_max_exp(fmt), a.frac >> (62 - fmt->frac_bits), fmt);
    }
}

/* --- arithmetic (IEEE 754-2019 5.4.1, 6, 7) ------------------------------------------------------
 */

/* The sign of an exact zero sum of operands with different signs, 6.3. */
static inline bool zero_sum_sign(const SoftFp *s)
{
    return s->rounding == SFP_RDN;
}

static SfpNum num_add(SoftFp *s, SfpNum a, SfpNum b)
{
    if (is_nan(a) || is_nan(b))
        return nan2(s, a, b);
    if (a.cls == CLASS_INF && b.cls == CLASS_INF && a.sign != b.sign)
        return num_invalid(s);
    note_subnormal(s, a.subnormal | b.subnormal);
    if (a.cls == CLASS_INF || b.cls == CLASS_INF)
        return a.cls == CLASS_INF ? a : b;
    if (a.cls == CLASS_ZERO && b.cls == CLASS_ZERO)
        return num_zero(a.sign == b.sign ? a.sign : zero_sum_sign(s));
    if (a.cls == CLASS_ZERO)
        return b;
    if (b.cls == CLASS_ZERO)
        return a;

    if (a.exp < b.exp || (a.exp == b.exp && a.frac < b.frac)) {
        SfpNum t = a;
        a = b;
        b = t;
    }
    b.frac = shift_right_jam(b.frac, a.exp - b.exp);
    if (a.sign == b.sign) {
        a.frac += b.frac;
        if (a.frac >= FRAC_ONE << 1) {
            a.frac = shift_right_jam(a.frac, 1);
            a.exp++;
        }
    } else {
        a.frac -= b.frac;
        if (a.frac == 0)
            return num_zero(zero_sum_sign(s));
        int norm = __builtin_clzll(a.frac) - 1;
        a.frac <<= norm;
        a.exp -= norm;
    }
    return a;
}

static SfpNum num_mul(SoftFp *s, SfpNum a, SfpNum b)
{
    bool sign = a.sign ^ b.sign;

    if (is_nan(a) || is_nan(b))
        return nan2(s, a, b);
    if ((a.cls == CLASS_INF && b.cls == CLASS_ZERO) || (a.cls == CLASS_ZERO && b.cls == CLASS_INF))
        return num_invalid(s);
    note_subnormal(s, a.subnormal | b.subnormal);
    if (a.cls == CLASS_INF || b.cls == CLASS_INF)
        return num_inf(sign);
    if (a.cls == CLASS_ZERO || b.cls == CLASS_ZERO)
        return num_zero(sign);

    /* The product of two numbers in [2^62, 2^63) has its leading one at bit 124 or 125. */
    u128 product = (u128)a.frac * b.frac;
    SfpNum r = {.cls = CLASS_NUMBER, .sign = sign, .exp = a.exp + b.exp};
    if (product >> 125)
        r.exp++;
    else
        product <<= 1;
    r.frac = jam128(product << 1);
    return r;
}

static SfpNum num_div(SoftFp *s, SfpNum a, SfpNum b)
{
    bool sign = a.sign ^ b.sign;

    if (is_nan(a) || is_nan(b))
        return nan2(s, a, b);
    if (a.cls == b.cls && (a.cls == CLASS_INF || a.cls == CLASS_ZERO))
        return num_invalid(s);
    if (b.cls == CLASS_ZERO && a.cls == CLASS_NUMBER) {
        s->flags |= SFP_DIVZERO;
        return num_inf(sign);
    }
    note_subnormal(s, a.subnormal | b.subnormal);
    if (a.cls == CLASS_INF || b.cls == CLASS_ZERO)
        return num_inf(sign);
    if (a.cls == CLASS_ZERO || b.cls == CLASS_INF)
        return num_zero(sign);

    /* Chosen so that the quotient is in [2^62, 2^63). */
    bool less = a.frac < b.frac;
    u128 dividend = (u128)a.frac << (less ? 63 : 62);
    uint64_t quotient = dividend / b.frac;
    SfpNum r = {.cls = CLASS_NUMBER, .sign = sign, .exp = a.exp - b.exp - less};
    r.frac = quotient | ((u128)quotient * b.frac != dividend);
    return r;
}

static SfpNum num_sqrt(SoftFp *s, SfpNum a)
{
    if (is_nan(a))
        return nan1(s, a);
    if (a.cls == CLASS_ZERO)
        return a;
    if (a.sign)
        return num_invalid(s);
    note_subnormal(s, a.subnormal);
    if (a.cls == CLASS_INF)
        return a;

    /*
     * With frac * 2^(exp - 62) = x * 2^(2e - 62), x in [2^62, 2^64), the root is sqrt(x << 62) *
     * 2^(e - 62). Digit by digit, the restoring method: root and rest are those of the top 2i bits
     * of x << 62. 56 digits are more than binary64 needs; the rest says whether any other would
     * follow.
     */
    const int digits = 56;
    int e = a.exp >> 1;
    uint64_t x = a.exp & 1 ? a.frac << 1 : a.frac, root = 0, rest = 0;
    for (int i = 0; i < digits; i++) {
        rest = rest << 2 | x >> 62;
        x <<= 2;
        uint64_t trial = root << 2 | 1;
        bool fits = rest >= trial; /* as likely as not: no branch */
        rest -= trial & -(uint64_t)fits;
        root = root << 1 | fits;
    }
    a.frac = root << (63 - digits) | (rest != 0);
    a.exp = e;
    return a;
}

static SfpNum num_muladd(SoftFp *s, SfpNum a, SfpNum b, SfpNum c, unsigned options)
{
    bool inf_zero =
        (a.cls == CLASS_INF && b.cls == CLASS_ZERO) || (a.cls == CLASS_ZERO && b.cls == CLASS_INF);

    if (is_nan(a) || is_nan(b) || is_nan(c)) {
        if (inf_zero && c.cls == CLASS_QNAN) {
            if (s->infzero_rule == SFP_INFZERO_DEFAULT)
                return num_invalid(s);
            if (s->infzero_rule == SFP_INFZERO_INVALID)
                s->flags |= SFP_INVALID;
        }
        return nan3(s, a, b, c);
    }
    if (options & SFP_NEGATE_ADDEND)
        c.sign ^= 1;
    bool sign = a.sign ^ b.sign ^ ((options & SFP_NEGATE_PRODUCT) != 0);
    bool product_inf = a.cls == CLASS_INF || b.cls == CLASS_INF;
    if (inf_zero || (product_inf && c.cls == CLASS_INF && c.sign != sign))
        return num_invalid(s);
    note_subnormal(s, a.subnormal | b.subnormal | c.subnormal);
    if (product_inf)
        return num_inf(sign);
    if (c.cls == CLASS_INF)
        return c;
    if (a.cls == CLASS_ZERO || b.cls == CLASS_ZERO) {
        if (c.cls == CLASS_ZERO)
            c.sign = c.sign == sign ? sign : zero_sum_sign(s);
        return c;
    }

    /* The exact product and the addend, leading ones at bit 125 or 124, and 125. */
    SfpNum r = {.cls = CLASS_NUMBER, .sign = sign, .exp = a.exp + b.exp + 1};
    u128 sum = (u128)a.frac * b.frac;
    if (c.cls == CLASS_NUMBER) {
        u128 addend = (u128)c.frac << 63;
        /* At least 20 zero bits end the product and 73 the addend, so jamming loses nothing. */
        if (r.exp >= c.exp) {
            addend = shift_right_jam128(addend, r.exp - c.exp);
        } else {
            sum = shift_right_jam128(sum, c.exp - r.exp);
            r.exp = c.exp;
        }
        if (c.sign == sign) {
            sum += addend;
        } else if (sum >= addend) {
            sum -= addend;
        } else {
            sum = addend - sum;
            r.sign = c.sign;
        }
        if (sum == 0)
            return num_zero(zero_sum_sign(s));
    }
    int norm = sum >> 64 ? __builtin_clzll(sum >> 64) - 1 : __builtin_clzll(sum) + 63;
    r.frac = jam128(sum << norm);
    r.exp += 1 - norm;
    return r;
}

/* --- comparison (IEEE 754-2019 5.6.1, 5.11, 9.6)
 * -------------------------------------------------- */

static int compare_magnitude(SfpNum a, SfpNum b)
{
    if (a.cls != b.cls)
        return a.cls < b.cls ? -1 : 1;
    if (a.cls != CLASS_NUMBER)
        return 0;
    if (a.exp != b.exp)
        return a.exp < b.exp ? -1 : 1;
    return a.frac < b.frac ? -1 : a.frac > b.frac;
}

/* Neither is a NaN. */
static SoftFpOrder compare_numbers(SfpNum a, SfpNum b)
{
    if (a.cls == CLASS_ZERO && b.cls == CLASS_ZERO)
        return SFP_EQUAL;
    if (a.sign != b.sign)
        return a.sign ? SFP_LESS : SFP_GREATER;
    int order = compare_magnitude(a, b);
    return (SoftFpOrder)(a.sign ? -order : order);
}

static SoftFpOrder num_compare(SoftFp *s, SfpNum a, SfpNum b, bool signaling)
{
    if (is_nan(a) || is_nan(b)) {
        if (signaling || a.cls == CLASS_SNAN || b.cls == CLASS_SNAN)
            s->flags |= SFP_INVALID;
        return SFP_UNORDERED;
    }
    note_subnormal(s, a.subnormal | b.subnormal);
    return compare_numbers(a, b);
}

/* Which operand is the minimum or maximum, or a NaN to return in its place. */
typedef enum SfpChoice {
    CHOOSE_A,
    CHOOSE_B,
    CHOOSE_NAN,
} SfpChoice;

static SfpChoice num_minmax(SoftFp *s, SfpNum a, SfpNum b, unsigned options, SfpNum *nan)
{
    unsigned kind = options & SFP_MM_KIND;
    bool max = options & SFP_MM_MAX;

    if (is_nan(a) || is_nan(b)) {
        bool signaling = a.cls == CLASS_SNAN || b.cls == CLASS_SNAN;
        if (signaling || kind == SFP_MM_X86)
            s->flags |= SFP_INVALID;
        if (kind == SFP_MM_X86)
            return CHOOSE_B;
        if (kind == SFP_MM_NUMBER || (kind == SFP_MM_NUM2008 && !signaling)) {
            if (!is_nan(a))
                return CHOOSE_A;
            if (!is_nan(b))
                return CHOOSE_B;
        }
        *nan = nan2(s, a, b);
        return CHOOSE_NAN;
    }
    note_subnormal(s, a.subnormal | b.subnormal);
    int order = options & SFP_MM_MAGNITUDE ? compare_magnitude(a, b) : 0;
    if (order == 0)
        order = compare_numbers(a, b);
    if (order == 0 && kind != SFP_MM_X86)
        order = b.sign - a.sign;
    return (max ? order > 0 : order < 0) ? CHOOSE_A : CHOOSE_B;
}

/* --- integers (IEEE 754-2019 5.8, 5.9)
 * ------------------------------------------------------------ */

/* The magnitude of a number below 2^64, rounded to an integer. From 2^62 on there is no fraction to
 * round. */
static uint64_t round_magnitude(SfpNum a, SoftFpRounding rm, bool *inexact)
{
    *inexact = false;
    if (a.exp >= 62)
        return a.frac << (a.exp - 62);
    int drop = 62 - a.exp;
    uint64_t frac = a.frac;
    if (drop > 63) {
        frac = shift_right_jam(frac, drop - 63);
        drop = 63;
    }
    *inexact = frac & ((UINT64_C(1) << drop) - 1);
    return round_frac(frac, drop, a.sign, rm) >> drop;
}

static SfpNum num_round_int(SoftFp *s, SfpNum a, SoftFpRounding rm, bool set_inexact)
{
    bool inexact;

    if (is_nan(a))
        return nan1(s, a);
    if (a.cls != CLASS_NUMBER || a.exp >= 62)
        return a;
    uint64_t integer = round_magnitude(a, rm, &inexact);
    if (inexact && set_inexact)
        s->flags |= SFP_INEXACT;
    if (integer == 0)
        return num_zero(a.sign);
    int norm = __builtin_clzll(integer) - 1;
    a.frac = integer << norm;
    a.exp = 62 - norm;
    return a;
}

static uint64_t out_of_range(SoftFp *s, SfpNum a, uint64_t min, uint64_t max, bool is_signed)
{
    s->flags |= SFP_INVALID;
    switch ((SoftFpIntRule)s->int_rule) {
    case SFP_INT_X86:
        return is_signed ? min : max;
    case SFP_INT_MIPS:
        return max;
    case SFP_INT_ARM:
        return is_nan(a) ? 0 : a.sign ? min : max;
    case SFP_INT_PPC:
        return is_nan(a) || a.sign ? min : max;
    case SFP_INT_RISCV:
        break;
    }
    return !is_nan(a) && a.sign ? min : max;
}

/* To a two's complement integer of the given width; the upper bits are a sign or zero extension. */
static uint64_t num_to_int(SoftFp *s, SfpNum a, SoftFpRounding rm, int bits, bool is_signed)
{
    uint64_t max = UINT64_MAX >> (64 - bits + is_signed);
    uint64_t min = is_signed ? ~max : 0;
    bool inexact;

    if (a.cls == CLASS_ZERO)
        return 0;
    if (a.cls != CLASS_NUMBER || a.exp >= 64)
        return out_of_range(s, a, min, max, is_signed);
    uint64_t integer = round_magnitude(a, rm, &inexact);
    if (integer > (a.sign ? -min : max))
        return out_of_range(s, a, min, max, is_signed);
    if (inexact)
        s->flags |= SFP_INEXACT;
    return a.sign ? -integer : integer;
}

static SfpNum num_from_int(bool sign, uint64_t magnitude)
{
    SfpNum a = {.cls = CLASS_NUMBER, .sign = sign};

    if (magnitude == 0)
        return num_zero(false);
    int norm = __builtin_clzll(magnitude) - 1;
    a.frac = norm < 0 ? shift_right_jam(magnitude, 1) : magnitude << norm;
    a.exp = 62 - norm;
    return a;
}

static SfpNum num_from_i64(int64_t a)
{
    return num_from_int(a < 0, a < 0 ? -(uint64_t)a : (uint64_t)a);
}

int32_t softfp_f64_to_i32_mod(SoftFp *s, uint64_t bits)
{
    SfpNum a = unpack(s, bits, &format_f64);
    bool inexact = false;
    uint64_t integer = 0;

    if (a.cls == CLASS_ZERO)
        return 0;
    if (a.cls != CLASS_NUMBER) {
        s->flags |= SFP_INVALID;
        return 0;
    }
    if (a.exp < 64)
        integer = round_magnitude(a, SFP_RTZ, &inexact);
    else if (a.exp <
             62 + 32) /* frac's low ten bits are zero; what leaves at the top is modulo 2^32 */
        integer = a.frac << (a.exp - 62);
    if (a.exp >= 64 || integer > (a.sign ? UINT64_C(1) << 31 : INT32_MAX))
        s->flags |= SFP_INVALID;
    else if (inexact)
        s->flags |= SFP_INEXACT;
    return (int32_t)(uint32_t)(a.sign ? -integer : integer);
}

/* --- between formats
 * ------------------------------------------------------------------------------ */

static inline uint64_t convert(SoftFp *s, uint64_t bits, const SfpFormat *from, const SfpFormat *to)
{
    SfpNum a = unpack(s, bits, from);

    if (is_nan(a))
        a = nan1(s, a);
    else
        note_subnormal(s, a.subnormal);
    return pack(s, a, to);
}

uint32_t softfp_f16_to_f32(SoftFp *s, uint16_t a)
{
    return convert(s, a, &format_f16, &format_f32);
}

uint64_t softfp_f16_to_f64(SoftFp *s, uint16_t a)
{
    return convert(s, a, &format_f16, &format_f64);
}

uint16_t softfp_f32_to_f16(SoftFp *s, uint32_t a)
{
    return convert(s, a, &format_f32, &format_f16);
}

uint64_t softfp_f32_to_f64(SoftFp *s, uint32_t a)
{
    return convert(s, a, &format_f32, &format_f64);
}

uint16_t softfp_f64_to_f16(SoftFp *s, uint64_t a)
{
    return convert(s, a, &format_f64, &format_f16);
}

uint32_t softfp_f64_to_f32(SoftFp *s, uint64_t a)
{
    return convert(s, a, &format_f64, &format_f32);
}

uint16_t softfp_f32_to_bf16(SoftFp *s, uint32_t a)
{
    return convert(s, a, &format_f32, &format_bf16);
}

uint32_t softfp_bf16_to_f32(SoftFp *s, uint16_t a)
{
    return convert(s, a, &format_bf16, &format_f32);
}

uint16_t softfp_f64_to_bf16(SoftFp *s, uint64_t a)
{
    return convert(s, a, &format_f64, &format_bf16);
}

/* --- classification
 * ------------------------------------------------------------------------------- */

static unsigned num_class(SfpNum a)
{
    switch ((SfpClass)a.cls) {
    case CLASS_ZERO:
        return a.sign ? SFP_CLASS_NEG_ZERO : SFP_CLASS_POS_ZERO;
    case CLASS_NUMBER:
        if (a.subnormal)
            return a.sign ? SFP_CLASS_NEG_SUBNORMAL : SFP_CLASS_POS_SUBNORMAL;
        return a.sign ? SFP_CLASS_NEG_NORMAL : SFP_CLASS_POS_NORMAL;
    case CLASS_INF:
        return a.sign ? SFP_CLASS_NEG_INF : SFP_CLASS_POS_INF;
    case CLASS_SNAN:
        return SFP_CLASS_SNAN;
    default:
        return SFP_CLASS_QNAN;
    }
}

/* --- the operations of each format: unpack, the function above that does it, pack
 * ------------------- */

#define SOFTFP_DEFINE(F, TYPE)                                                                     \
    TYPE softfp_add_##F(SoftFp *s, TYPE a, TYPE b)                                                 \
    {                                                                                              \
        SfpNum x = unpack(s, a, &format_##F), y = unpack(s, b, &format_##F);                       \
        return pack(s, num_add(s, x, y), &format_##F);                                             \
    }                                                                                              \
    TYPE softfp_sub_##F(SoftFp *s, TYPE a, TYPE b)                                                 \
    {                                                                                              \
        SfpNum x = unpack(s, a, &format_##F), y = unpack(s, b, &format_##F);                       \
        y.sign ^= !is_nan(y); /* a NaN operand is returned with its own sign */                    \
        return pack(s, num_add(s, x, y), &format_##F);                                             \
    }                                                                                              \
    TYPE softfp_mul_##F(SoftFp *s, TYPE a, TYPE b)                                                 \
    {                                                                                              \
        SfpNum x = unpack(s, a, &format_##F), y = unpack(s, b, &format_##F);                       \
        return pack(s, num_mul(s, x, y), &format_##F);                                             \
    }                                                                                              \
    TYPE softfp_div_##F(SoftFp *s, TYPE a, TYPE b)                                                 \
    {                                                                                              \
        SfpNum x = unpack(s, a, &format_##F), y = unpack(s, b, &format_##F);                       \
        return pack(s, num_div(s, x, y), &format_##F);                                             \
    }                                                                                              \
    TYPE softfp_sqrt_##F(SoftFp *s, TYPE a)                                                        \
    {                                                                                              \
        return pack(s, num_sqrt(s, unpack(s, a, &format_##F)), &format_##F);                       \
    }                                                                                              \
    TYPE softfp_muladd_##F(SoftFp *s, TYPE a, TYPE b, TYPE c, unsigned options)                    \
    {                                                                                              \
        SfpNum x = unpack(s, a, &format_##F), y = unpack(s, b, &format_##F);                       \
        SfpNum r = num_muladd(s, x, y, unpack(s, c, &format_##F), options);                        \
        TYPE bits = pack(s, r, &format_##F);                                                       \
        if (options & SFP_NEGATE_RESULT && !is_nan(r))                                             \
            bits ^= (TYPE)1 << (8 * sizeof(TYPE) - 1);                                             \
        return bits;                                                                               \
    }                                                                                              \
    SoftFpOrder softfp_compare_##F(SoftFp *s, TYPE a, TYPE b, bool signaling)                      \
    {                                                                                              \
        SfpNum x = unpack(s, a, &format_##F), y = unpack(s, b, &format_##F);                       \
        return num_compare(s, x, y, signaling);                                                    \
    }                                                                                              \
    TYPE softfp_minmax_##F(SoftFp *s, TYPE a, TYPE b, unsigned options)                            \
    {                                                                                              \
        SfpNum x = unpack(s, a, &format_##F), y = unpack(s, b, &format_##F), nan;                  \
        switch (num_minmax(s, x, y, options, &nan)) {                                              \
        case CHOOSE_A:                                                                             \
            return x.cls == CLASS_ZERO ? pack(s, x, &format_##F) : a;                              \
        case CHOOSE_B:                                                                             \
            return y.cls == CLASS_ZERO ? pack(s, y, &format_##F) : b;                              \
        default:                                                                                   \
            return pack(s, nan, &format_##F);                                                      \
        }                                                                                          \
    }                                                                                              \
    TYPE softfp_round_int_##F(SoftFp *s, TYPE a, SoftFpRounding rm, bool set_inexact)              \
    {                                                                                              \
        return pack(s, num_round_int(s, unpack(s, a, &format_##F), rm, set_inexact), &format_##F); \
    }                                                                                              \
    int32_t softfp_##F##_to_i32(SoftFp *s, TYPE a, SoftFpRounding rm)                              \
    {                                                                                              \
        return num_to_int(s, unpack(s, a, &format_##F), rm, 32, true);                             \
    }                                                                                              \
    uint32_t softfp_##F##_to_u32(SoftFp *s, TYPE a, SoftFpRounding rm)                             \
    {                                                                                              \
        return num_to_int(s, unpack(s, a, &format_##F), rm, 32, false);                            \
    }                                                                                              \
    int64_t softfp_##F##_to_i64(SoftFp *s, TYPE a, SoftFpRounding rm)                              \
    {                                                                                              \
        return num_to_int(s, unpack(s, a, &format_##F), rm, 64, true);                             \
    }                                                                                              \
    uint64_t softfp_##F##_to_u64(SoftFp *s, TYPE a, SoftFpRounding rm)                             \
    {                                                                                              \
        return num_to_int(s, unpack(s, a, &format_##F), rm, 64, false);                            \
    }                                                                                              \
    TYPE softfp_i32_to_##F(SoftFp *s, int32_t a)                                                   \
    {                                                                                              \
        return pack(s, num_from_i64(a), &format_##F);                                              \
    }                                                                                              \
    TYPE softfp_u32_to_##F(SoftFp *s, uint32_t a)                                                  \
    {                                                                                              \
        return pack(s, num_from_int(false, a), &format_##F);                                       \
    }                                                                                              \
    TYPE softfp_i64_to_##F(SoftFp *s, int64_t a)                                                   \
    {                                                                                              \
        return pack(s, num_from_i64(a), &format_##F);                                              \
    }                                                                                              \
    TYPE softfp_u64_to_##F(SoftFp *s, uint64_t a)                                                  \
    {                                                                                              \
        return pack(s, num_from_int(false, a), &format_##F);                                       \
    }                                                                                              \
    unsigned softfp_class_##F(TYPE a)                                                              \
    {                                                                                              \
        SoftFp s = {0};                                                                            \
        return num_class(unpack(&s, a, &format_##F));                                              \
    }

SOFTFP_DEFINE(f16, uint16_t)
SOFTFP_DEFINE(f32, uint32_t)
SOFTFP_DEFINE(f64, uint64_t)

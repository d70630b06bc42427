/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Exact binary floating point in integers: IEEE 754-2019 arithmetic on the bit patterns of
 * binary16, bfloat16 (conversions only), binary32 and binary64, with everything in which guest
 * architectures differ as a setting in SoftFp.
 *
 * It serves the translator off its common path, the IR interpreter, and the tests as an oracle.
 *
 * Invariants: a function touches nothing but its arguments, never the host's floating-point unit,
 * so neither the host's rounding mode matters nor are its sticky flags polluted. Flags are only
 * ever set, never cleared. Every bit pattern is a valid operand. Thread-safe with one SoftFp a
 * thread.
 *
 * NaN boxing is the caller's business: an f32 is a uint32_t here, an f16 a uint16_t.
 *
 * Tests: tests/unit/test-softfp.c.
 */
#ifndef TCG_SOFTFP_H
#define TCG_SOFTFP_H

#include <stdbool.h>
#include <stdint.h>

/* IEEE 754-2019 4.3. The first five have the values of RISC-V's frm field. */
typedef enum SoftFpRounding {
    SFP_RNE = 0, /* to nearest, ties to even */
    SFP_RTZ = 1, /* toward zero */
    SFP_RDN = 2, /* toward negative */
    SFP_RUP = 3, /* toward positive */
    SFP_RMM = 4, /* to nearest, ties away from zero ("max magnitude") */
    SFP_ROD = 5, /* toward zero, then an inexact result gets its last bit set ("to odd") */
} SoftFpRounding;

/* IEEE 754-2019 7. The first five have the values of RISC-V's fflags. */
enum {
    SFP_INEXACT = 1,
    SFP_UNDERFLOW = 2,
    SFP_OVERFLOW = 4,
    SFP_DIVZERO = 8,
    SFP_INVALID = 16,
    SFP_INPUT_DENORMAL = 32, /* a subnormal operand was used as it is, where x86 sets DE */
    SFP_INPUT_FLUSHED = 64,  /* a subnormal operand was read as zero (flush_inputs): Arm IDC */
    SFP_IEEE_FLAGS = 31,     /* the mask of the five of IEEE 754 */
};

/*
 * Which NaN an operation with a NaN operand returns when default_nan is off. A signaling NaN is
 * returned quieted. Order of operands: (a, b), and (a, b, c) for a * b + c.
 */
typedef enum SoftFpNanRule {
    SFP_NAN_X86, /* SSE, AVX: the first NaN of a, b, c (a and b as the digits of VFMADD132 say) */
    SFP_NAN_ARM, /* the first signaling NaN of c, a, b; otherwise the first quiet one */
    SFP_NAN_PPC, /* the first NaN of a, c, b */
} SoftFpNanRule;

/* What (0 * inf) + quiet NaN does. */
typedef enum SoftFpInfZeroRule {
    SFP_INFZERO_INVALID, /* invalid; the result follows the NaN rule (RISC-V, PowerPC, MIPS) */
    SFP_INFZERO_QUIET,   /* not invalid; the result follows the NaN rule (x86) */
    SFP_INFZERO_DEFAULT, /* invalid, and the default NaN (Arm) */
} SoftFpInfZeroRule;

/* The result of a conversion to an integer that cannot hold the value; the flag is always invalid.
 */
typedef enum SoftFpIntRule {
    SFP_INT_RISCV, /* nearest bound; NaN: the largest integer */
    SFP_INT_ARM,   /* nearest bound; NaN: 0 (MIPS with NaN2008 too) */
    SFP_INT_X86,   /* indefinite: only the top bit set; unsigned: all bits set */
    SFP_INT_PPC,   /* nearest bound; NaN: the smallest integer (unsigned: 0) */
    SFP_INT_MIPS,  /* the largest integer, whatever the operand (MIPS without NaN2008) */
} SoftFpIntRule;

/* What happens to a result whose magnitude is below the smallest normal number. */
typedef enum SoftFpFlushRule {
    SFP_FLUSH_NONE, /* gradual underflow */
    SFP_FLUSH_ARM,  /* tiny before rounding: signed zero, underflow but not inexact (FPCR.FZ) */
    SFP_FLUSH_X86,  /* tiny by the format's rule: signed zero, underflow and inexact (MXCSR.FTZ) */
} SoftFpFlushRule;

/*
 * The floating-point environment of an operation. All zero is: round to nearest even, no flags set,
 * x86's NaN rule with a positive default NaN, tininess after rounding, nothing flushed; see the
 * initialisers.
 */
typedef struct SoftFp {
    uint8_t rounding;              /* SoftFpRounding */
    uint8_t flags;                 /* sticky SFP_* flags; the functions only set */
    uint8_t nan_rule;              /* SoftFpNanRule */
    uint8_t infzero_rule;          /* SoftFpInfZeroRule */
    uint8_t int_rule;              /* SoftFpIntRule */
    uint8_t flush_outputs;         /* SoftFpFlushRule */
    bool flush_inputs;             /* subnormal operands are read as signed zero */
    bool default_nan;              /* every NaN result is the default NaN */
    bool default_nan_negative;     /* sign of the default NaN: x86 */
    bool tininess_before_rounding; /* Arm, PowerPC; otherwise after */
} SoftFp;

/* RISC-V unprivileged specification, chapter "F". */
#define SOFTFP_INIT_RISCV                                                                          \
    ((SoftFp){.default_nan = true, .infzero_rule = SFP_INFZERO_INVALID, .int_rule = SFP_INT_RISCV})
/* Intel SDM volume 1, 4.8, 4.9 and chapter 11: MXCSR = 0x1f80. */
#define SOFTFP_INIT_X86                                                                            \
    ((SoftFp){.nan_rule = SFP_NAN_X86,                                                             \
              .infzero_rule = SFP_INFZERO_QUIET,                                                   \
              .int_rule = SFP_INT_X86,                                                             \
              .default_nan_negative = true})
/* Arm ARM A1.5 and shared/functions/float: FPCR = 0. */
#define SOFTFP_INIT_ARM                                                                            \
    ((SoftFp){.nan_rule = SFP_NAN_ARM,                                                             \
              .infzero_rule = SFP_INFZERO_DEFAULT,                                                 \
              .int_rule = SFP_INT_ARM,                                                             \
              .tininess_before_rounding = true})
/* Power ISA book I, chapter 4 and 7. */
#define SOFTFP_INIT_PPC                                                                            \
    ((SoftFp){.nan_rule = SFP_NAN_PPC,                                                             \
              .infzero_rule = SFP_INFZERO_INVALID,                                                 \
              .int_rule = SFP_INT_PPC,                                                             \
              .tininess_before_rounding = true})

/* The result of a comparison. */
typedef enum SoftFpOrder {
    SFP_LESS = -1,
    SFP_EQUAL = 0,
    SFP_GREATER = 1,
    SFP_UNORDERED = 2,
} SoftFpOrder;

/* Options of softfp_muladd_*: signs are changed as x86 and PowerPC do, a NaN is never negated. */
enum {
    SFP_NEGATE_PRODUCT = 1,
    SFP_NEGATE_ADDEND = 2,
    SFP_NEGATE_RESULT = 4, /* after rounding */
};

/* Options of softfp_minmax_*; exactly one of the four kinds, with or without the others. */
enum {
    SFP_MM_IEEE = 0,   /* 754-2019 minimum: a NaN operand gives a NaN; -0 < +0 */
    SFP_MM_NUMBER = 1, /* 754-2019 minimumNumber: a number rather than any NaN; -0 < +0 */
    SFP_MM_NUM2008 =
        2,           /* 754-2008 minNum: a number rather than a quiet NaN (Arm FMINNM); -0 < +0 */
    SFP_MM_X86 = 3,  /* MINSS: a < b ? a : b; any NaN is invalid, and b is returned as it is */
    SFP_MM_KIND = 3, /* mask */
    SFP_MM_MAX = 4,  /* the maximum instead */
    SFP_MM_MAGNITUDE = 8, /* compare magnitudes first; not with SFP_MM_X86 */
};

/* The bits of softfp_class_*: RISC-V fclass, table "Format of result of FCLASS instruction". */
enum {
    SFP_CLASS_NEG_INF = 1 << 0,
    SFP_CLASS_NEG_NORMAL = 1 << 1,
    SFP_CLASS_NEG_SUBNORMAL = 1 << 2,
    SFP_CLASS_NEG_ZERO = 1 << 3,
    SFP_CLASS_POS_ZERO = 1 << 4,
    SFP_CLASS_POS_SUBNORMAL = 1 << 5,
    SFP_CLASS_POS_NORMAL = 1 << 6,
    SFP_CLASS_POS_INF = 1 << 7,
    SFP_CLASS_SNAN = 1 << 8,
    SFP_CLASS_QNAN = 1 << 9,
};

/*
 * The operations, once for each format; F is f16, f32 or f64 and TYPE the integer that holds it.
 *
 *   add sub mul div sqrt     rounded by s->rounding
 *   fma(a, b, c)             a * b + c, rounded once; muladd takes SFP_NEGATE_* options
 *   compare                  signaling: any NaN is invalid; otherwise only a signaling one
 *   eq, ltq, leq             quiet comparisons (RISC-V feq, fltq, fleq)
 *   lt, le                   signaling comparisons (RISC-V flt, fle)
 *   min, max                 754-2019 minimum, maximum (Zfa fminm, fmaxm; Arm FMIN, FMAX)
 *   minnum, maxnum           754-2019 minimumNumber, maximumNumber (RISC-V fmin, fmax)
 *   round_int                to an integral value in the same format; sets inexact only if asked to
 *   to_i32 ... to_u64        to an integer, see SoftFpIntRule; inexact when in range and not
 * integral from i32 ... u64         rounded by s->rounding class                    one SFP_CLASS_*
 * bit; no flags, flush_inputs ignored
 *
 * round_int and the conversions to integers take their rounding mode as an argument, because many
 * instructions bring their own; pass s->rounding for the dynamic one. SFP_ROD is valid everywhere.
 */
#define SOFTFP_DECLARE(F, TYPE)                                                                    \
    TYPE softfp_add_##F(SoftFp *s, TYPE a, TYPE b);                                                \
    TYPE softfp_sub_##F(SoftFp *s, TYPE a, TYPE b);                                                \
    TYPE softfp_mul_##F(SoftFp *s, TYPE a, TYPE b);                                                \
    TYPE softfp_div_##F(SoftFp *s, TYPE a, TYPE b);                                                \
    TYPE softfp_sqrt_##F(SoftFp *s, TYPE a);                                                       \
    TYPE softfp_muladd_##F(SoftFp *s, TYPE a, TYPE b, TYPE c, unsigned options);                   \
    SoftFpOrder softfp_compare_##F(SoftFp *s, TYPE a, TYPE b, bool signaling);                     \
    TYPE softfp_minmax_##F(SoftFp *s, TYPE a, TYPE b, unsigned options);                           \
    TYPE softfp_round_int_##F(SoftFp *s, TYPE a, SoftFpRounding rm, bool set_inexact);             \
    int32_t softfp_##F##_to_i32(SoftFp *s, TYPE a, SoftFpRounding rm);                             \
    uint32_t softfp_##F##_to_u32(SoftFp *s, TYPE a, SoftFpRounding rm);                            \
    int64_t softfp_##F##_to_i64(SoftFp *s, TYPE a, SoftFpRounding rm);                             \
    uint64_t softfp_##F##_to_u64(SoftFp *s, TYPE a, SoftFpRounding rm);                            \
    TYPE softfp_i32_to_##F(SoftFp *s, int32_t a);                                                  \
    TYPE softfp_u32_to_##F(SoftFp *s, uint32_t a);                                                 \
    TYPE softfp_i64_to_##F(SoftFp *s, int64_t a);                                                  \
    TYPE softfp_u64_to_##F(SoftFp *s, uint64_t a);                                                 \
    unsigned softfp_class_##F(TYPE a);                                                             \
    static inline TYPE softfp_fma_##F(SoftFp *s, TYPE a, TYPE b, TYPE c)                           \
    {                                                                                              \
        return softfp_muladd_##F(s, a, b, c, 0);                                                   \
    }                                                                                              \
    static inline bool softfp_eq_##F(SoftFp *s, TYPE a, TYPE b)                                    \
    {                                                                                              \
        return softfp_compare_##F(s, a, b, false) == SFP_EQUAL;                                    \
    }                                                                                              \
    static inline bool softfp_lt_##F(SoftFp *s, TYPE a, TYPE b)                                    \
    {                                                                                              \
        return softfp_compare_##F(s, a, b, true) == SFP_LESS;                                      \
    }                                                                                              \
    static inline bool softfp_le_##F(SoftFp *s, TYPE a, TYPE b)                                    \
    {                                                                                              \
        return softfp_compare_##F(s, a, b, true) <= SFP_EQUAL;                                     \
    }                                                                                              \
    static inline bool softfp_ltq_##F(SoftFp *s, TYPE a, TYPE b)                                   \
    {                                                                                              \
        return softfp_compare_##F(s, a, b, false) == SFP_LESS;                                     \
    }                                                                                              \
    static inline bool softfp_leq_##F(SoftFp *s, TYPE a, TYPE b)                                   \
    {                                                                                              \
        return softfp_compare_##F(s, a, b, false) <= SFP_EQUAL;                                    \
    }                                                                                              \
    static inline TYPE softfp_min_##F(SoftFp *s, TYPE a, TYPE b)                                   \
    {                                                                                              \
        return softfp_minmax_##F(s, a, b, SFP_MM_IEEE);                                            \
    }                                                                                              \
    static inline TYPE softfp_max_##F(SoftFp *s, TYPE a, TYPE b)                                   \
    {                                                                                              \
        return softfp_minmax_##F(s, a, b, SFP_MM_IEEE | SFP_MM_MAX);                               \
    }                                                                                              \
    static inline TYPE softfp_minnum_##F(SoftFp *s, TYPE a, TYPE b)                                \
    {                                                                                              \
        return softfp_minmax_##F(s, a, b, SFP_MM_NUMBER);                                          \
    }                                                                                              \
    static inline TYPE softfp_maxnum_##F(SoftFp *s, TYPE a, TYPE b)                                \
    {                                                                                              \
        return softfp_minmax_##F(s, a, b, SFP_MM_NUMBER | SFP_MM_MAX);                             \
    }

SOFTFP_DECLARE(f16, uint16_t)
SOFTFP_DECLARE(f32, uint32_t)
SOFTFP_DECLARE(f64, uint64_t)

#undef SOFTFP_DECLARE

/* Conversions between formats, rounded by s->rounding; a NaN keeps the top bits of its payload. */
uint32_t softfp_f16_to_f32(SoftFp *s, uint16_t a);
uint64_t softfp_f16_to_f64(SoftFp *s, uint16_t a);
uint16_t softfp_f32_to_f16(SoftFp *s, uint32_t a);
uint64_t softfp_f32_to_f64(SoftFp *s, uint32_t a);
uint16_t softfp_f64_to_f16(SoftFp *s, uint64_t a);
uint32_t softfp_f64_to_f32(SoftFp *s, uint64_t a);
uint16_t softfp_f32_to_bf16(SoftFp *s, uint32_t a);
uint32_t softfp_bf16_to_f32(SoftFp *s, uint16_t a);
uint16_t softfp_f64_to_bf16(SoftFp *s, uint64_t a);

/*
 * The low 32 bits of the integer part, modulo 2^32 (RISC-V fcvtmod.w.d, Arm FJCVTZS). NaN and
 * infinity give 0. Invalid when the integer part is not an int32_t, otherwise inexact when there is
 * a fraction.
 */
int32_t softfp_f64_to_i32_mod(SoftFp *s, uint64_t a);

#endif

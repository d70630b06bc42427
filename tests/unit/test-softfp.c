/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Tests of tcg/softfp.c.
 *
 *  - rows of operands, result and flags worked out by hand from IEEE 754-2019 and the
 * architectures' manuals;
 *  - the narrow formats against binary64: an operation done there and rounded to odd, then rounded
 * to the narrow format, is the operation done in the narrow format, flags included;
 *  - on an x86-64 host, deterministic random operands against the host's SSE unit: results with NaN
 *    payloads, and all six flags of MXCSR, in its four rounding modes, with and without FTZ and
 * DAZ.
 */
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "tcg/softfp.h"

typedef uint64_t (*SoftOp)(SoftFp *s, const uint64_t *v);

/* The operations under one signature; not every format of every operation is used. */
#define WRAP(name, expr)                                                                           \
    static G_GNUC_UNUSED uint64_t name(SoftFp *s, const uint64_t *v)                               \
    {                                                                                              \
        return expr;                                                                               \
    }
#define RM ((SoftFpRounding)s->rounding)
#define WRAP_FORMAT(F)                                                                             \
    WRAP(add_##F, softfp_add_##F(s, v[0], v[1]))                                                   \
    WRAP(sub_##F, softfp_sub_##F(s, v[0], v[1]))                                                   \
    WRAP(mul_##F, softfp_mul_##F(s, v[0], v[1]))                                                   \
    WRAP(div_##F, softfp_div_##F(s, v[0], v[1]))                                                   \
    WRAP(sqrt_##F, softfp_sqrt_##F(s, v[0]))                                                       \
    WRAP(fma_##F, softfp_fma_##F(s, v[0], v[1], v[2]))                                             \
    WRAP(min_##F, softfp_min_##F(s, v[0], v[1]))                                                   \
    WRAP(max_##F, softfp_max_##F(s, v[0], v[1]))                                                   \
    WRAP(minnum_##F, softfp_minnum_##F(s, v[0], v[1]))                                             \
    WRAP(maxnum_##F, softfp_maxnum_##F(s, v[0], v[1]))                                             \
    WRAP(eq_##F, softfp_eq_##F(s, v[0], v[1]))                                                     \
    WRAP(lt_##F, softfp_lt_##F(s, v[0], v[1]))                                                     \
    WRAP(le_##F, softfp_le_##F(s, v[0], v[1]))                                                     \
    WRAP(ltq_##F, softfp_ltq_##F(s, v[0], v[1]))                                                   \
    WRAP(leq_##F, softfp_leq_##F(s, v[0], v[1]))                                                   \
    WRAP(rint_##F, softfp_round_int_##F(s, v[0], RM, true))                                        \
    WRAP(nearbyint_##F, softfp_round_int_##F(s, v[0], RM, false))                                  \
    WRAP(to_i32_##F, (uint32_t)softfp_##F##_to_i32(s, v[0], RM))                                   \
    WRAP(to_u32_##F, softfp_##F##_to_u32(s, v[0], RM))                                             \
    WRAP(to_i64_##F, (uint64_t)softfp_##F##_to_i64(s, v[0], RM))                                   \
    WRAP(to_u64_##F, softfp_##F##_to_u64(s, v[0], RM))                                             \
    WRAP(from_i32_##F, softfp_i32_to_##F(s, (int32_t)v[0]))                                        \
    WRAP(from_u32_##F, softfp_u32_to_##F(s, (uint32_t)v[0]))                                       \
    WRAP(from_i64_##F, softfp_i64_to_##F(s, (int64_t)v[0]))                                        \
    WRAP(from_u64_##F, softfp_u64_to_##F(s, v[0]))                                                 \
    WRAP(class_##F, softfp_class_##F(v[0]))

WRAP_FORMAT(f16)
WRAP_FORMAT(f32)
WRAP_FORMAT(f64)
WRAP(f16_f32, softfp_f16_to_f32(s, v[0]))
WRAP(f16_f64, softfp_f16_to_f64(s, v[0]))
WRAP(f32_f16, softfp_f32_to_f16(s, v[0]))
WRAP(f32_f64, softfp_f32_to_f64(s, v[0]))
WRAP(f64_f16, softfp_f64_to_f16(s, v[0]))
WRAP(f64_f32, softfp_f64_to_f32(s, v[0]))
WRAP(f32_bf16, softfp_f32_to_bf16(s, v[0]))
WRAP(bf16_f32, softfp_bf16_to_f32(s, v[0]))
WRAP(f64_bf16, softfp_f64_to_bf16(s, v[0]))
WRAP(mod_f64, (uint32_t)softfp_f64_to_i32_mod(s, v[0]))
WRAP(fms_f32, softfp_muladd_f32(s, v[0], v[1], v[2], SFP_NEGATE_ADDEND))
WRAP(fms_f64, softfp_muladd_f64(s, v[0], v[1], v[2], SFP_NEGATE_ADDEND))
WRAP(fnma_f32, softfp_muladd_f32(s, v[0], v[1], v[2], SFP_NEGATE_PRODUCT))
WRAP(fnma_f64, softfp_muladd_f64(s, v[0], v[1], v[2], SFP_NEGATE_PRODUCT))
WRAP(fnms_f32, softfp_muladd_f32(s, v[0], v[1], v[2], SFP_NEGATE_PRODUCT | SFP_NEGATE_ADDEND))
WRAP(fnms_f64, softfp_muladd_f64(s, v[0], v[1], v[2], SFP_NEGATE_PRODUCT | SFP_NEGATE_ADDEND))
WRAP(nfma_f64, softfp_muladd_f64(s, v[0], v[1], v[2], SFP_NEGATE_RESULT))
WRAP(minnum2008_f32, softfp_minmax_f32(s, v[0], v[1], SFP_MM_NUM2008))
WRAP(minx86_f32, softfp_minmax_f32(s, v[0], v[1], SFP_MM_X86))
WRAP(maxx86_f32, softfp_minmax_f32(s, v[0], v[1], SFP_MM_X86 | SFP_MM_MAX))
WRAP(minx86_f64, softfp_minmax_f64(s, v[0], v[1], SFP_MM_X86))
WRAP(maxx86_f64, softfp_minmax_f64(s, v[0], v[1], SFP_MM_X86 | SFP_MM_MAX))
WRAP(minmag_f32, softfp_minmax_f32(s, v[0], v[1], SFP_MM_NUMBER | SFP_MM_MAGNITUDE))
WRAP(maxmag_f32, softfp_minmax_f32(s, v[0], v[1], SFP_MM_NUMBER | SFP_MM_MAGNITUDE | SFP_MM_MAX))
WRAP(compare_f32, (uint64_t)softfp_compare_f32(s, v[0], v[1], false))
WRAP(compare_f64, (uint64_t)softfp_compare_f64(s, v[0], v[1], false))
WRAP(comparesig_f32, (uint64_t)softfp_compare_f32(s, v[0], v[1], true))
WRAP(comparesig_f64, (uint64_t)softfp_compare_f64(s, v[0], v[1], true))

/* --- rows worked out by hand -------------------------------------------------------------------
 */

typedef struct Row {
    const char *name;
    SoftOp op;
    uint8_t rm, flags; /* flags: those expected */
    uint64_t result;
    uint64_t v[3];
} Row;

#define NX SFP_INEXACT
#define UF SFP_UNDERFLOW
#define OF SFP_OVERFLOW
#define DZ SFP_DIVZERO
#define NV SFP_INVALID
#define DE SFP_INPUT_DENORMAL

#define ROW(op, rm, flags, result, ...)                                                            \
    {                                                                                              \
#op, op, rm, flags, UINT64_C(result),                                                      \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static void check_rows(const Row *rows, size_t n, SoftFp env, uint8_t flag_mask)
{
    for (const Row *r = rows; r < rows + n; r++) {
        SoftFp s = env;
        s.rounding = r->rm;
        uint64_t got = r->op(&s, r->v);
        if (got != r->result || (s.flags & flag_mask) != r->flags) {
            g_error("row %zu: %s rm %u (%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ") = %#" PRIx64
                    " flags %#x, expected %#" PRIx64 " flags %#x",
                    (size_t)(r - rows), r->name, r->rm, r->v[0], r->v[1], r->v[2], got,
                    s.flags & flag_mask, r->result, r->flags);
        }
    }
}

static const Row riscv_rows[] = {
    /* 1 + 2^-24 is half-way to the next binary32. */
    ROW(add_f32, SFP_RNE, NX, 0x3f800000, 0x3f800000, 0x33800000),
    ROW(add_f32, SFP_RMM, NX, 0x3f800001, 0x3f800000, 0x33800000),
    ROW(add_f32, SFP_RUP, NX, 0x3f800001, 0x3f800000, 0x33800000),
    ROW(add_f32, SFP_RDN, NX, 0x3f800000, 0x3f800000, 0x33800000),
    ROW(add_f32, SFP_RTZ, NX, 0x3f800000, 0x3f800000, 0x33800000),
    ROW(add_f32, SFP_ROD, NX, 0x3f800001, 0x3f800000, 0x33800000),
    ROW(add_f32, SFP_RNE, NX, 0x3f800002, 0x3f800001, 0x33800000),
    ROW(add_f32, SFP_ROD, NX, 0x3f800001, 0x3f800001, 0x33800000),
    ROW(add_f32, SFP_RDN, NX, 0xbf800001, 0xbf800000, 0xb3800000),
    ROW(add_f32, SFP_RTZ, NX, 0xbf800000, 0xbf800000, 0xb3800000),
    /* An operand far below still decides the directed roundings. */
    ROW(add_f64, SFP_RUP, NX, 0x3ff0000000000001, 0x3ff0000000000000, 1),
    ROW(sub_f64, SFP_RDN, NX, 0x3fefffffffffffff, 0x3ff0000000000000, 1),
    ROW(sub_f64, SFP_RNE, NX, 0x3ff0000000000000, 0x3ff0000000000000, 1),
    /* Signs of exact zero sums. */
    ROW(sub_f64, SFP_RNE, 0, 0, 0x3ff0000000000000, 0x3ff0000000000000),
    ROW(sub_f64, SFP_RDN, 0, 0x8000000000000000, 0x3ff0000000000000, 0x3ff0000000000000),
    ROW(add_f64, SFP_RNE, 0, 0x8000000000000000, 0x8000000000000000, 0x8000000000000000),
    ROW(add_f64, SFP_RDN, 0, 0x8000000000000000, 0, 0x8000000000000000),
    ROW(add_f64, SFP_RUP, 0, 0, 0, 0x8000000000000000),
    ROW(fma_f32, SFP_RDN, 0, 0x80000000, 0x3f800000, 0x40000000, 0xc0000000),
    ROW(fma_f32, SFP_RNE, 0, 0, 0x3f800000, 0x40000000, 0xc0000000),
    ROW(fma_f32, SFP_RNE, 0, 0x80000000, 0x80000000, 0x3f800000, 0x80000000),
    /* Overflow. */
    ROW(mul_f16, SFP_RNE, OF | NX, 0x7c00, 0x7bff, 0x4000),
    ROW(mul_f16, SFP_RTZ, OF | NX, 0x7bff, 0x7bff, 0x4000),
    ROW(mul_f16, SFP_RDN, OF | NX, 0x7bff, 0x7bff, 0x4000),
    ROW(mul_f16, SFP_RUP, OF | NX, 0xfbff, 0xfbff, 0x4000),
    ROW(mul_f16, SFP_RDN, OF | NX, 0xfc00, 0xfbff, 0x4000),
    ROW(mul_f16, SFP_RMM, OF | NX, 0xfc00, 0xfbff, 0x4000),
    ROW(mul_f16, SFP_ROD, OF | NX, 0xfbff, 0xfbff, 0x4000),
    ROW(from_u32_f16, SFP_RNE, OF | NX, 0x7c00, 65520),
    ROW(from_u32_f16, SFP_RNE, NX, 0x7bff, 65519),
    /* Underflow, tininess after rounding: exact subnormals raise nothing. */
    ROW(mul_f32, SFP_RNE, 0, 0x00400000, 0x00800000, 0x3f000000),
    ROW(mul_f32, SFP_RNE, UF | NX, 0, 1, 0x3f000000),
    ROW(mul_f32, SFP_RUP, UF | NX, 1, 1, 0x3f000000),
    ROW(mul_f32, SFP_RNE, UF | NX, 2, 3, 0x3f000000),
    ROW(mul_f32, SFP_ROD, UF | NX, 1, 1, 0x00000001),
    /* (1 - 2^-24) * 2^-126 rounds to 2^-126 either way; only with 24 bits of precision is it still
       tiny. */
    ROW(mul_f32, SFP_RNE, UF | NX, 0x00800000, 0x3f7fffff, 0x00800000),
    ROW(fma_f32, SFP_RNE, NX, 0x00800000, 0x80000001, 0x3e800000, 0x00800000),
    ROW(f64_f32, SFP_RNE, UF | NX, 0x00800000, 0x380fffffe0000000),
    ROW(f64_f32, SFP_RNE, NX, 0x00800000, 0x380ffffff0000000),
    ROW(f64_f32, SFP_RUP, NX, 0x00800000, 0x380fffffe0000001),
    /* Division. */
    ROW(div_f32, SFP_RNE, NX, 0x3eaaaaab, 0x3f800000, 0x40400000),
    ROW(div_f32, SFP_RTZ, NX, 0x3eaaaaaa, 0x3f800000, 0x40400000),
    ROW(div_f64, SFP_RNE, 0, 0x3ff8000000000000, 0x4008000000000000, 0x4000000000000000),
    ROW(div_f64, SFP_RNE, DZ, 0xfff0000000000000, 0xbff0000000000000, 0),
    ROW(div_f64, SFP_RNE, NV, 0x7ff8000000000000, 0x8000000000000000, 0),
    ROW(div_f64, SFP_RNE, 0, 0x7ff0000000000000, 0x7ff0000000000000, 0),
    ROW(div_f64, SFP_RNE, 0, 0x8000000000000000, 0xbff0000000000000, 0x7ff0000000000000),
    ROW(div_f64, SFP_RNE, NV, 0x7ff8000000000000, 0x7ff0000000000000, 0xfff0000000000000),
    /* Square root. */
    ROW(sqrt_f64, SFP_RNE, NX, 0x3ff6a09e667f3bcd, 0x4000000000000000),
    ROW(sqrt_f64, SFP_RTZ, NX, 0x3ff6a09e667f3bcc, 0x4000000000000000),
    ROW(sqrt_f32, SFP_RNE, 0, 0x40400000, 0x41100000),
    ROW(sqrt_f32, SFP_RNE, 0, 0, 0),
    ROW(sqrt_f32, SFP_RNE, 0, 0x80000000, 0x80000000),
    ROW(sqrt_f32, SFP_RNE, NV, 0x7fc00000, 0xbf800000),
    ROW(sqrt_f32, SFP_RNE, 0, 0x7f800000, 0x7f800000),
    ROW(sqrt_f32, SFP_RNE, NV, 0x7fc00000, 0xff800000),
    ROW(sqrt_f64, SFP_RNE, 0, 0x1e60000000000000, 1), /* 2^-1074 -> 2^-537 */
    /* NaNs: RISC-V's are canonical, only signaling ones are invalid. */
    ROW(add_f32, SFP_RNE, 0, 0x7fc00000, 0xffc12345, 0x3f800000),
    ROW(add_f32, SFP_RNE, NV, 0x7fc00000, 0xff812345, 0x3f800000),
    ROW(add_f32, SFP_RNE, NV, 0x7fc00000, 0x7f800000, 0xff800000),
    ROW(sub_f32, SFP_RNE, NV, 0x7fc00000, 0x7f800000, 0x7f800000),
    ROW(mul_f32, SFP_RNE, NV, 0x7fc00000, 0x7f800000, 0x80000000),
    ROW(fma_f32, SFP_RNE, NV, 0x7fc00000, 0x7f800000, 0, 0x7fc00000),
    ROW(fma_f32, SFP_RNE, 0, 0x7fc00000, 0x7f800000, 1, 0x7fc00000),
    ROW(fma_f32, SFP_RNE, NV, 0x7fc00000, 0x7f800000, 0x3f800000, 0xff800000),
    ROW(fma_f32, SFP_RNE, 0, 0x7f800000, 0x7f800000, 0x3f800000, 0x7f800000),
    ROW(fma_f32, SFP_RNE, 0, 0xff800000, 0x3f800000, 0x3f800000, 0xff800000),
    /* fma rounds once: (1 + 2^-12)^2 - 1 - 2^-11 = 2^-24; and the options. */
    ROW(fma_f32, SFP_RNE, 0, 0x33800000, 0x3f800800, 0x3f800800, 0xbf801000),
    ROW(fms_f64, SFP_RNE, 0, 0x4014000000000000, 0x4008000000000000, 0x4000000000000000,
        0x3ff0000000000000),
    ROW(fnma_f64, SFP_RNE, 0, 0xc014000000000000, 0x4008000000000000, 0x4000000000000000,
        0x3ff0000000000000),
    ROW(fnms_f64, SFP_RNE, 0, 0xc01c000000000000, 0x4008000000000000, 0x4000000000000000,
        0x3ff0000000000000),
    ROW(nfma_f64, SFP_RNE, 0, 0xc01c000000000000, 0x4008000000000000, 0x4000000000000000,
        0x3ff0000000000000),
    ROW(nfma_f64, SFP_RNE, 0, 0x8000000000000000, 0x4008000000000000, 0x4000000000000000,
        0xc018000000000000),
    ROW(nfma_f64, SFP_RNE, 0, 0x7ff8000000000000, 0x7ff8000000000000, 0, 0),
    /* Comparisons. */
    ROW(eq_f32, SFP_RNE, 0, 1, 0, 0x80000000),
    ROW(eq_f32, SFP_RNE, 0, 0, 0x7fc00000, 0x7fc00000),
    ROW(eq_f32, SFP_RNE, NV, 0, 0x7f800001, 0x3f800000),
    ROW(lt_f32, SFP_RNE, NV, 0, 0x7fc00000, 0x3f800000),
    ROW(le_f32, SFP_RNE, NV, 0, 0x3f800000, 0x7fc00000),
    ROW(ltq_f32, SFP_RNE, 0, 0, 0x7fc00000, 0x3f800000),
    ROW(leq_f32, SFP_RNE, NV, 0, 0x7f800001, 0x3f800000),
    ROW(lt_f32, SFP_RNE, 0, 0, 0x80000000, 0),
    ROW(le_f32, SFP_RNE, 0, 1, 0x80000000, 0),
    ROW(lt_f32, SFP_RNE, 0, 1, 0xff800000, 0xff7fffff),
    ROW(lt_f32, SFP_RNE, 0, 1, 0x80000002, 0x80000001),
    ROW(lt_f32, SFP_RNE, 0, 0, 0x3f800000, 0xbf800000),
    ROW(le_f16, SFP_RNE, 0, 1, 0x3c00, 0x3c01),
    /* Minimum and maximum. */
    ROW(minnum_f32, SFP_RNE, 0, 0x80000000, 0, 0x80000000),
    ROW(maxnum_f32, SFP_RNE, 0, 0, 0x80000000, 0),
    ROW(minnum_f32, SFP_RNE, 0, 0x3f800000, 0x7fc00000, 0x3f800000),
    ROW(minnum_f32, SFP_RNE, NV, 0x3f800000, 0x3f800000, 0xff800001),
    ROW(maxnum_f32, SFP_RNE, 0, 0x7fc00000, 0xffc00001, 0xffc00002),
    ROW(min_f32, SFP_RNE, 0, 0x7fc00000, 0x3f800000, 0x7fc00001),
    ROW(max_f32, SFP_RNE, NV, 0x7fc00000, 0x7f800001, 0x3f800000),
    ROW(min_f32, SFP_RNE, 0, 0x80000000, 0x80000000, 0),
    ROW(max_f32, SFP_RNE, 0, 0x7f800000, 0x7f800000, 0x3f800000),
    ROW(minmag_f32, SFP_RNE, 0, 0x3f800000, 0x3f800000, 0xc0000000),
    ROW(minmag_f32, SFP_RNE, 0, 0xc0000000, 0x40000000, 0xc0000000),
    ROW(maxmag_f32, SFP_RNE, 0, 0xc0000000, 0x3f800000, 0xc0000000),
    ROW(maxmag_f32, SFP_RNE, 0, 0x40000000, 0xc0000000, 0x40000000),
    /* To integral values: 0.5, 1.5, 2.5, -0.5, 2^-149, 2^23 + 1, NaN. */
    ROW(rint_f32, SFP_RNE, NX, 0, 0x3f000000),
    ROW(rint_f32, SFP_RMM, NX, 0x3f800000, 0x3f000000),
    ROW(rint_f32, SFP_RNE, NX, 0x40000000, 0x3fc00000),
    ROW(rint_f32, SFP_RNE, NX, 0x40000000, 0x40200000),
    ROW(rint_f32, SFP_RMM, NX, 0x40400000, 0x40200000),
    ROW(rint_f32, SFP_ROD, NX, 0x40400000, 0x40200000),
    ROW(rint_f32, SFP_RNE, NX, 0x80000000, 0xbf000000),
    ROW(rint_f32, SFP_RDN, NX, 0xbf800000, 0xbf000000),
    ROW(nearbyint_f32, SFP_RUP, 0, 0x3f800000, 1),
    ROW(rint_f32, SFP_RDN, NX, 0xbf800000, 0x80000001),
    ROW(rint_f32, SFP_RNE, 0, 0x4b000001, 0x4b000001),
    ROW(rint_f32, SFP_RNE, 0, 0xff800000, 0xff800000),
    ROW(nearbyint_f32, SFP_RNE, NV, 0x7fc00000, 0x7f800001),
    ROW(nearbyint_f32, SFP_RNE, 0, 0x7fc00000, 0xffc00001),
    /* To integers. */
    ROW(to_i32_f32, SFP_RTZ, NX, 0xffffffff, 0xbfc00000),
    ROW(to_i32_f32, SFP_RNE, NX, 0xfffffffe, 0xbfc00000),
    ROW(to_i32_f32, SFP_RNE, NV, 0x7fffffff, 0x4f000000),
    ROW(to_i32_f32, SFP_RNE, 0, 0x80000000, 0xcf000000),
    ROW(to_i32_f32, SFP_RNE, NV, 0x80000000, 0xcf000001),
    ROW(to_i32_f32, SFP_RNE, NV, 0x7fffffff, 0xffc00000),
    ROW(to_i32_f32, SFP_RNE, NV, 0x80000000, 0xff800000),
    ROW(to_i32_f64, SFP_RNE, NV, 0x7fffffff, 0x41dfffffffe00000), /* 2^31 - 0.5 */
    ROW(to_i32_f64, SFP_RTZ, NX, 0x7fffffff, 0x41dfffffffe00000),
    ROW(to_u32_f32, SFP_RTZ, NX, 0, 0xbf7fffff),
    ROW(to_u32_f32, SFP_RNE, NV, 0, 0xbf7fffff),
    ROW(to_u32_f32, SFP_RDN, NV, 0, 0x80000001),
    ROW(to_u32_f32, SFP_RUP, NX, 0, 0x80000001),
    ROW(to_u32_f32, SFP_RNE, 0, 0xffffff00, 0x4f7fffff),
    ROW(to_u32_f32, SFP_RNE, NV, 0xffffffff, 0x4f800000),
    ROW(to_u32_f32, SFP_RNE, NV, 0xffffffff, 0x7fc00000),
    ROW(to_u32_f32, SFP_RNE, 0, 0, 0x80000000),
    ROW(to_i64_f64, SFP_RNE, 0, 0x8000000000000000, 0xc3e0000000000000),
    ROW(to_i64_f64, SFP_RNE, NV, 0x7fffffffffffffff, 0x43e0000000000000),
    ROW(to_i64_f64, SFP_RNE, 0, 0x7ffffffffffffc00, 0x43dfffffffffffff),
    ROW(to_u64_f64, SFP_RNE, 0, 0xfffffffffffff800, 0x43efffffffffffff),
    ROW(to_u64_f64, SFP_RNE, NV, 0xffffffffffffffff, 0x43f0000000000000),
    ROW(to_u64_f64, SFP_RNE, NV, 0, 0xbff0000000000000),
    ROW(to_i64_f16, SFP_RNE, 0, 65504, 0x7bff),
    ROW(to_i64_f16, SFP_RNE, NV, 0x7fffffffffffffff, 0x7c00),
    /* Modulo 2^32: 2^31, -2^31 - 1, 2^32 + 1.5, -1.5, 2^83 + 2^31, 2^84, 2^1023, infinity, NaN. */
    ROW(mod_f64, SFP_RNE, NV, 0x80000000, 0x41e0000000000000),
    ROW(mod_f64, SFP_RNE, NV, 0x7fffffff, 0xc1e0000000200000),
    ROW(mod_f64, SFP_RNE, NV, 1, 0x41f0000000180000),
    ROW(mod_f64, SFP_RUP, NX, 0xffffffff, 0xbff8000000000000),
    ROW(mod_f64, SFP_RNE, NV, 0x80000000, 0x4520000000000001),
    ROW(mod_f64, SFP_RNE, NV, 0, 0x4530000000000001),
    ROW(mod_f64, SFP_RNE, NV, 0, 0x7fe0000000000001),
    ROW(mod_f64, SFP_RNE, NV, 0, 0x7ff0000000000000),
    ROW(mod_f64, SFP_RNE, NV, 0, 0x7ff8000000000000),
    ROW(mod_f64, SFP_RNE, NX, 0, 0x8000000000000001),
    ROW(mod_f64, SFP_RNE, 0, 0, 0x8000000000000000),
    /* From integers. */
    ROW(from_i32_f32, SFP_RNE, 0, 0xcf000000, 0x80000000),
    ROW(from_i32_f32, SFP_RNE, NX, 0x4f000000, 0x7fffffff),
    ROW(from_i32_f32, SFP_RTZ, NX, 0x4effffff, 0x7fffffff),
    ROW(from_u64_f64, SFP_RNE, NX, 0x43f0000000000000, 0xffffffffffffffff),
    ROW(from_u64_f64, SFP_RDN, NX, 0x43efffffffffffff, 0xffffffffffffffff),
    ROW(from_i64_f64, SFP_RNE, 0, 0xbff0000000000000, 0xffffffffffffffff),
    ROW(from_i64_f64, SFP_RDN, 0, 0, 0),
    /* Between formats. */
    ROW(f16_f32, SFP_RNE, 0, 0x33800000, 1),
    ROW(f16_f64, SFP_RNE, NV, 0x7ff8000000000000, 0xfc01),
    ROW(f32_f16, SFP_RNE, NX | UF, 0, 0x33000000),
    ROW(f32_f16, SFP_RNE, NX | UF, 1, 0x33000001),
    ROW(f32_f16, SFP_RNE, NX | OF, 0x7c00, 0x477ff000),
    ROW(f32_f16, SFP_RNE, NX, 0x7bff, 0x477fefff),
    ROW(f32_bf16, SFP_RNE, NX, 0x3f80, 0x3f808000),
    ROW(f32_bf16, SFP_RNE, NX, 0x3f82, 0x3f818000),
    ROW(f32_bf16, SFP_RNE, NX | OF, 0x7f80, 0x7f7fffff),
    ROW(f32_bf16, SFP_RNE, NV, 0x7fc0, 0x7f800001),
    ROW(f32_bf16, SFP_RNE, 0, 0x0040, 0x00400000),
    ROW(bf16_f32, SFP_RNE, 0, 0x3f810000, 0x3f81),
    ROW(f64_bf16, SFP_RNE, NX, 0x3f80, 0x3ff0000000000001),
    /* Classes. */
    ROW(class_f32, SFP_RNE, 0, 0x001, 0xff800000),
    ROW(class_f32, SFP_RNE, 0, 0x002, 0xff7fffff),
    ROW(class_f32, SFP_RNE, 0, 0x004, 0x807fffff),
    ROW(class_f32, SFP_RNE, 0, 0x008, 0x80000000),
    ROW(class_f32, SFP_RNE, 0, 0x010, 0),
    ROW(class_f32, SFP_RNE, 0, 0x020, 1),
    ROW(class_f32, SFP_RNE, 0, 0x040, 0x00800000),
    ROW(class_f32, SFP_RNE, 0, 0x080, 0x7f800000),
    ROW(class_f32, SFP_RNE, 0, 0x100, 0xffbfffff),
    ROW(class_f32, SFP_RNE, 0, 0x200, 0xffc00000),
    ROW(class_f64, SFP_RNE, 0, 0x020, 0x000fffffffffffff),
    ROW(class_f16, SFP_RNE, 0, 0x100, 0x7d00),
};

static void test_riscv(void)
{
    check_rows(riscv_rows, G_N_ELEMENTS(riscv_rows), SOFTFP_INIT_RISCV, SFP_IEEE_FLAGS);
}

static const Row arm_rows[] = {
    /* FPProcessNaNs: signaling ones first, then quiet ones, in order; the addend is the first of
       three. */
    ROW(add_f32, SFP_RNE, 0, 0xffc00001, 0xffc00001, 0x7fc00002),
    ROW(add_f32, SFP_RNE, NV, 0x7fc00002, 0xffc00001, 0x7f800002),
    ROW(add_f32, SFP_RNE, NV, 0x7fc00001, 0x7f800001, 0x7f800002),
    ROW(fma_f32, SFP_RNE, 0, 0x7fc00003, 0x7fc00001, 0x7fc00002, 0x7fc00003),
    ROW(fma_f32, SFP_RNE, NV, 0x7fc00002, 0x7fc00001, 0x7f800002, 0x7fc00003),
    ROW(fma_f32, SFP_RNE, 0, 0x7fc00001, 0x7fc00001, 0x7fc00002, 0),
    ROW(fma_f32, SFP_RNE, NV, 0x7fc00000, 0x7f800000, 0, 0x7fc00003),
    ROW(fma_f32, SFP_RNE, NV, 0x7fc00003, 0x7f800000, 0, 0x7f800003),
    ROW(minnum2008_f32, SFP_RNE, 0, 0x3f800000, 0x7fc00001, 0x3f800000),
    ROW(minnum2008_f32, SFP_RNE, NV, 0x7fc00001, 0x7f800001, 0x3f800000),
    ROW(min_f32, SFP_RNE, 0, 0x7fc00001, 0x3f800000, 0x7fc00001),
    /* Tininess before rounding. */
    ROW(f64_f32, SFP_RNE, UF | NX, 0x00800000, 0x380ffffff0000000),
    ROW(f64_f32, SFP_RNE, 0, 0x00400000, 0x3800000000000000),
    /* Saturation. */
    ROW(to_i32_f32, SFP_RTZ, NV, 0, 0x7fc00000),
    ROW(to_i32_f32, SFP_RTZ, NV, 0x7fffffff, 0x4f000000),
    ROW(to_i32_f32, SFP_RTZ, NV, 0x80000000, 0xff800000),
    ROW(to_u64_f32, SFP_RTZ, NV, 0, 0xff800000),
    /* Payloads between formats. */
    ROW(f32_f16, SFP_RNE, 0, 0xff55, 0xffeaa001),
    ROW(f32_f64, SFP_RNE, NV, 0x7ff8000020000000, 0x7f800001),
    ROW(f64_f32, SFP_RNE, 0, 0xffc00001, 0xfff8000020000001),
    ROW(nearbyint_f32, SFP_RNE, NV, 0xffc00001, 0xff800001),
};

static const Row arm_flush_rows[] = {
    ROW(mul_f32, SFP_RUP, UF, 0x80000000, 0x80800000, 0x3f000000),
    ROW(f64_f32, SFP_RNE, UF, 0, 0x380ffffff0000000),
    ROW(add_f32, SFP_RNE, SFP_INPUT_FLUSHED, 0, 1, 0),
    ROW(add_f32, SFP_RNE, SFP_INPUT_FLUSHED, 0x3f800000, 0x807fffff, 0x3f800000),
    ROW(div_f32, SFP_RNE, SFP_INPUT_FLUSHED | DZ, 0x7f800000, 0x3f800000, 1),
    ROW(eq_f32, SFP_RNE, SFP_INPUT_FLUSHED, 1, 1, 0x80000002),
    ROW(max_f32, SFP_RNE, SFP_INPUT_FLUSHED, 0, 1, 0x80000000),
    ROW(rint_f32, SFP_RUP, SFP_INPUT_FLUSHED, 0, 1),
    ROW(to_i32_f32, SFP_RUP, SFP_INPUT_FLUSHED, 0, 1),
    ROW(class_f32, SFP_RNE, 0, 0x020, 1),
};

static const Row ppc_rows[] = {
    ROW(add_f32, SFP_RNE, NV, 0xffc00001, 0xffc00001, 0x7f800002),
    ROW(fma_f32, SFP_RNE, 0, 0x7fc00003, 0, 0x7fc00002, 0x7fc00003),
    ROW(fma_f32, SFP_RNE, 0, 0x7fc00001, 0x7fc00001, 0x7fc00002, 0x7fc00003),
    ROW(fma_f32, SFP_RNE, NV, 0x7fc00003, 0x7f800000, 0, 0x7fc00003),
    ROW(to_i32_f64, SFP_RTZ, NV, 0x80000000, 0x7ff8000000000000),
    ROW(to_u32_f64, SFP_RTZ, NV, 0, 0x7ff8000000000000),
    ROW(to_i32_f64, SFP_RTZ, NV, 0x7fffffff, 0x7ff0000000000000),
};

static const Row mips_rows[] = {
    ROW(to_i32_f64, SFP_RTZ, NV, 0x7fffffff, 0xfff0000000000000),
    ROW(to_i64_f64, SFP_RTZ, NV, 0x7fffffffffffffff, 0x7ff8000000000000),
};

static const Row x86_rows[] = {
    ROW(add_f32, SFP_RNE, NV, 0xffc00000, 0x7f800000, 0xff800000),
    ROW(add_f32, SFP_RNE, NV, 0x7fc00001, 0x7fc00001, 0x7f800002),
    ROW(fma_f32, SFP_RNE, 0, 0x7fc00003, 0x7f800000, 0, 0x7fc00003),
    ROW(fma_f32, SFP_RNE, NV, 0x7fc00003, 0x7f800000, 0, 0x7f800003),
    ROW(fnma_f64, SFP_RNE, 0, 0x7ff8000000000001, 0x7ff8000000000001, 0, 0),
    ROW(to_i32_f32, SFP_RTZ, NV, 0x80000000, 0x4f000000),
    ROW(to_u32_f32, SFP_RTZ, NV, 0xffffffff, 0xbf800000),
    ROW(to_i64_f64, SFP_RTZ, NV, 0x8000000000000000, 0x7ff8000000000000),
    ROW(minx86_f32, SFP_RNE, NV, 0x3f800000, 0x7fc00000, 0x3f800000),
    ROW(minx86_f32, SFP_RNE, NV, 0x7f800001, 0x3f800000, 0x7f800001),
    ROW(minx86_f32, SFP_RNE, 0, 0x80000000, 0, 0x80000000),
    ROW(maxx86_f32, SFP_RNE, 0, 0, 0x80000000, 0),
    ROW(mul_f32, SFP_RNE, DE, 1, 1, 0x3f800000),
    ROW(div_f32, SFP_RNE, DZ, 0x7f800000, 1, 0),
    ROW(add_f32, SFP_RNE, 0, 0x7fc00001, 1, 0x7fc00001),
};

static void test_other_rules(void)
{
    SoftFp arm = SOFTFP_INIT_ARM, mips = SOFTFP_INIT_RISCV;
    const uint8_t mask = SFP_IEEE_FLAGS | SFP_INPUT_FLUSHED;

    check_rows(arm_rows, G_N_ELEMENTS(arm_rows), arm, mask);
    arm.flush_inputs = true;
    arm.flush_outputs = SFP_FLUSH_ARM;
    check_rows(arm_flush_rows, G_N_ELEMENTS(arm_flush_rows), arm, mask);
    check_rows(ppc_rows, G_N_ELEMENTS(ppc_rows), SOFTFP_INIT_PPC, mask);
    mips.int_rule = SFP_INT_MIPS;
    check_rows(mips_rows, G_N_ELEMENTS(mips_rows), mips, mask);
    check_rows(x86_rows, G_N_ELEMENTS(x86_rows), SOFTFP_INIT_X86, 0xff);
}

/* Flags of earlier operations stay. */
static void test_sticky(void)
{
    SoftFp s = SOFTFP_INIT_RISCV;

    softfp_div_f32(&s, 0x3f800000, 0);
    softfp_add_f32(&s, 0x3f800000, 0x3f800000);
    g_assert_cmphex(s.flags, ==, DZ);
    softfp_sqrt_f32(&s, 0xbf800000);
    g_assert_cmphex(s.flags, ==, DZ | NV);
}

/* --- random operands ---------------------------------------------------------------------------
 */

typedef struct Random {
    uint64_t state;
} Random;

/* xorshift64*. */
static uint64_t random_next(Random *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * UINT64_C(0x2545f4914f6cdd1d);
}

static int format_frac_bits(int width)
{
    return width == 16 ? 10 : width == 32 ? 23 : 52;
}

/* Special values, values of few bits, and exponents close to those of 1 and of the smallest normal.
 */
static uint64_t random_float(Random *r, int width)
{
    int frac_bits = format_frac_bits(width), exp_bits = width - 1 - frac_bits;
    uint64_t frac_mask = (UINT64_C(1) << frac_bits) - 1, max_exp = (UINT64_C(1) << exp_bits) - 1;
    uint64_t pick = random_next(r), bits = random_next(r), frac = random_next(r) & frac_mask;
    uint64_t sign = pick >> 63, exp = bits & max_exp;

    switch (pick & 15) {
    case 0:
        exp = bits & 64 ? 0 : max_exp;
        break;
    case 1:
        frac = bits & 128 ? 0 : bits & 256 ? 1 : UINT64_C(1) << (frac_bits - 1);
        exp = bits & 64 ? 0 : max_exp;
        break;
    case 2:
        frac = bits & 128 ? 0 : frac_mask;
        break;
    case 3:
    case 4:
        frac &= frac << (pick >> 8 & 31) & ~(frac_mask >> (pick >> 16 & 31));
        break;
    case 5:
        frac |= frac_mask >> (pick >> 8 & 31);
        break;
    case 6:
        exp = bits & 7;
        break;
    case 7:
        exp = max_exp - (bits & 7);
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        exp = max_exp / 2 + (bits & 63) - 31;
        break;
    default:
        break;
    }
    return (sign << exp_bits | (exp & max_exp)) << frac_bits | (frac & frac_mask);
}

static uint64_t random_int(Random *r)
{
    uint64_t pick = random_next(r), bits = random_next(r) >> (pick & 63);

    return pick & 64 ? -bits : pick & 128 ? bits + (UINT64_C(1) << (pick >> 8 & 63)) : bits;
}

/* --- the narrow formats against binary64 ---------------------------------------------------------
 */

typedef struct Widened {
    const char *name;
    SoftOp narrow, wide, widen, round;
    int width, arity;
} Widened;

static const Widened widened[] = {
#define WIDENED(op, F, width, arity)                                                               \
    {                                                                                              \
#op "_" #F, op##_##F, op##_f64, F##_f64, f64_##F, width, arity                             \
    }
    WIDENED(add, f16, 16, 2),    WIDENED(sub, f16, 16, 2),  WIDENED(mul, f16, 16, 2),
    WIDENED(div, f16, 16, 2),    WIDENED(sqrt, f16, 16, 1), WIDENED(fma, f16, 16, 3),
    WIDENED(min, f16, 16, 2),    WIDENED(max, f16, 16, 2),  WIDENED(minnum, f16, 16, 2),
    WIDENED(maxnum, f16, 16, 2), WIDENED(rint, f16, 16, 1), WIDENED(nearbyint, f16, 16, 1),
    WIDENED(add, f32, 32, 2),    WIDENED(sub, f32, 32, 2),  WIDENED(mul, f32, 32, 2),
    WIDENED(div, f32, 32, 2),    WIDENED(sqrt, f32, 32, 1), WIDENED(fma, f32, 32, 3),
    WIDENED(min, f32, 32, 2),    WIDENED(max, f32, 32, 2),  WIDENED(minnum, f32, 32, 2),
    WIDENED(maxnum, f32, 32, 2), WIDENED(rint, f32, 32, 1), WIDENED(nearbyint, f32, 32, 1),
};

static bool is_subnormal_or_zero(uint64_t bits, int width)
{
    int frac_bits = format_frac_bits(width);
    return (bits & ((UINT64_C(1) << (width - 1)) - 1)) >> frac_bits == 0;
}

static void test_widened(void)
{
    Random random = {1};

    for (const Widened *w = widened; w < widened + G_N_ELEMENTS(widened); w++) {
        bool rounds_itself = w->narrow == rint_f16 || w->narrow == nearbyint_f16 ||
                             w->narrow == rint_f32 || w->narrow == nearbyint_f32;
        for (int i = 0; i < 30000; i++) {
            uint64_t v[3], wide[3];
            SoftFp s = SOFTFP_INIT_RISCV, t = SOFTFP_INIT_RISCV;
            s.rounding = i % 6;
            s.tininess_before_rounding = t.tininess_before_rounding = i % 7 == 0;
            t.rounding = s.rounding;
            for (int k = 0; k < w->arity; k++) {
                v[k] = random_float(&random, w->width);
                wide[k] = w->widen(&t, &v[k]);
            }
            /* Binary64 finds its own signaling NaNs: the widening of one has quieted it. */
            uint8_t invalid = t.flags & SFP_INVALID;
            uint64_t got = w->narrow(&s, v), middle;
            if (invalid) {
                g_assert_true(s.flags & SFP_INVALID);
                continue;
            }
            t.flags = 0;
            t.rounding = rounds_itself ? s.rounding : SFP_ROD;
            middle = w->wide(&t, wide);
            t.rounding = s.rounding;
            /* The sign of an exact zero sum depends on the rounding mode. */
            if (middle << 1 == 0 && t.flags == 0)
                middle = w->wide(&t, wide);
            uint64_t expected = w->round(&t, &middle);
            uint8_t flags = t.flags & SFP_IEEE_FLAGS;
            if (got != expected || (s.flags & SFP_IEEE_FLAGS) != flags) {
                g_error("%s rm %d (%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ") = %#" PRIx64
                        " flags %#x, through binary64 %#" PRIx64 " flags %#x",
                        w->name, s.rounding, v[0], v[1], v[2], got, s.flags, expected, flags);
            }
        }
    }
}

/* Every binary16 to the integers, against the same conversion from binary64 that holds it exactly.
 */
static void test_f16_exhaustive(void)
{
    static const SoftOp pairs[][2] = {{to_i32_f16, to_i32_f64},
                                      {to_u32_f16, to_u32_f64},
                                      {to_i64_f16, to_i64_f64},
                                      {to_u64_f16, to_u64_f64},
                                      {class_f16, class_f64}};

    for (uint64_t a = 0; a < 65536; a++) {
        SoftFp s = SOFTFP_INIT_RISCV;
        uint64_t wide = f16_f64(&s, &a);
        bool signaling = s.flags & SFP_INVALID, nan = (a & 0x7fff) > 0x7c00;
        s.flags = 0;
        g_assert_cmphex(f64_f16(&s, &wide), ==, nan ? 0x7e00 : a);
        g_assert_cmphex(s.flags & SFP_IEEE_FLAGS, ==, 0);
        uint64_t single = f16_f32(&s, &a);
        s.flags = 0;
        g_assert_cmphex(f32_f16(&s, &single), ==, nan ? 0x7e00 : a);
        for (int rm = 0; rm < 6; rm++) {
            for (size_t p = 0; p < G_N_ELEMENTS(pairs); p++) {
                SoftFp t = SOFTFP_INIT_RISCV, u = SOFTFP_INIT_RISCV;
                t.rounding = u.rounding = rm;
                uint64_t narrow = pairs[p][0](&t, &a), expected = pairs[p][1](&u, &wide);
                if (pairs[p][0] == class_f16) {
                    if (signaling)
                        expected = SFP_CLASS_SNAN;
                    else if (is_subnormal_or_zero(a, 16) && a << 49)
                        expected = expected == SFP_CLASS_POS_NORMAL ? SFP_CLASS_POS_SUBNORMAL
                                                                    : SFP_CLASS_NEG_SUBNORMAL;
                }
                g_assert_cmphex(narrow, ==, expected);
                g_assert_cmphex(t.flags, ==, u.flags);
            }
        }
    }
}

/* --- against the host ----------------------------------------------------------------------------
 */

#ifdef __x86_64__

typedef uint64_t (*HostOp)(const uint64_t *v, uint32_t *csr);

static const uint32_t default_csr = 0x1f80;

static float f32_of(uint64_t bits)
{
    uint32_t b = bits;
    float f;
    memcpy(&f, &b, sizeof f);
    return f;
}

static double f64_of(uint64_t bits)
{
    double f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint64_t bits_of_f32(float f)
{
    uint32_t b;
    memcpy(&b, &f, sizeof b);
    return b;
}

static uint64_t bits_of_f64(double f)
{
    uint64_t b;
    memcpy(&b, &f, sizeof b);
    return b;
}

/*
 * One instruction between a load and a store of MXCSR, in one statement, so that the compiler can
 * neither move it nor swap its operands. %0 is the result and first operand, %2 and %3 the others.
 */
#define HOST_FF(name, type, conv, insn)                                                            \
    static uint64_t name(const uint64_t *v, uint32_t *csr)                                         \
    {                                                                                              \
        type a = conv##_of(v[0]);                                                                  \
        __asm__ volatile("ldmxcsr %1\n\t" insn "\n\tstmxcsr %1\n\tldmxcsr %4"                      \
                         : "+x"(a), "+m"(*csr)                                                     \
                         : "x"(conv##_of(v[1])), "x"(conv##_of(v[2])), "m"(default_csr));          \
        return bits_of_##conv(a);                                                                  \
    }
#define HOST_BOTH(name, insn)                                                                      \
    HOST_FF(host_##name##_f32, float, f32, insn "ss %2, %0")                                       \
    HOST_FF(host_##name##_f64, double, f64, insn "sd %2, %0")
/* Unary: %0 is the operand too. */
#define HOST_UNARY(name, insn)                                                                     \
    HOST_FF(host_##name##_f32, float, f32, insn("ss"))                                             \
    HOST_FF(host_##name##_f64, double, f64, insn("sd"))
#define INSN_SQRT(t)      "sqrt" t " %0, %0"
#define INSN_RINT(t)      "round" t " $4, %0, %0"
#define INSN_NEARBYINT(t) "round" t " $12, %0, %0"
#define INSN_FMA(t)       "vfmadd132" t " %2, %3, %0"
#define INSN_FMS(t)       "vfmsub132" t " %2, %3, %0"
#define INSN_FNMA(t)      "vfnmadd132" t " %2, %3, %0"
#define INSN_FNMS(t)      "vfnmsub132" t " %2, %3, %0"

HOST_BOTH(add, "add")
HOST_BOTH(sub, "sub")
HOST_BOTH(mul, "mul")
HOST_BOTH(div, "div")
HOST_BOTH(minx86, "min")
HOST_BOTH(maxx86, "max")
HOST_UNARY(sqrt, INSN_SQRT)
HOST_UNARY(rint, INSN_RINT)
HOST_UNARY(nearbyint, INSN_NEARBYINT)
HOST_UNARY(fma, INSN_FMA)
HOST_UNARY(fms, INSN_FMS)
HOST_UNARY(fnma, INSN_FNMA)
HOST_UNARY(fnms, INSN_FNMS)

#define HOST_TO_INT(name, conv, itype, insn)                                                       \
    static uint64_t name(const uint64_t *v, uint32_t *csr)                                         \
    {                                                                                              \
        itype r;                                                                                   \
        __asm__ volatile("ldmxcsr %1\n\t" insn " %2, %0\n\tstmxcsr %1\n\tldmxcsr %3"               \
                         : "=&r"(r), "+m"(*csr)                                                    \
                         : "x"(conv##_of(v[0])), "m"(default_csr));                                \
        return r;                                                                                  \
    }
HOST_TO_INT(host_to_i32_f32, f32, uint32_t, "cvtss2si")
HOST_TO_INT(host_to_i64_f32, f32, uint64_t, "cvtss2si")
HOST_TO_INT(host_to_u32_f32, f32, uint32_t, "vcvtss2usi")
HOST_TO_INT(host_to_u64_f32, f32, uint64_t, "vcvtss2usi")
HOST_TO_INT(host_to_i32_f64, f64, uint32_t, "cvtsd2si")
HOST_TO_INT(host_to_i64_f64, f64, uint64_t, "cvtsd2si")
HOST_TO_INT(host_to_u32_f64, f64, uint32_t, "vcvtsd2usi")
HOST_TO_INT(host_to_u64_f64, f64, uint64_t, "vcvtsd2usi")

#define HOST_FROM_INT(name, type, conv, itype, insn)                                               \
    static uint64_t name(const uint64_t *v, uint32_t *csr)                                         \
    {                                                                                              \
        type r = 0;                                                                                \
        __asm__ volatile("ldmxcsr %1\n\t" insn "\n\tstmxcsr %1\n\tldmxcsr %3"                      \
                         : "+x"(r), "+m"(*csr)                                                     \
                         : "r"((itype)v[0]), "m"(default_csr));                                    \
        return bits_of_##conv(r);                                                                  \
    }
HOST_FROM_INT(host_from_i32_f32, float, f32, uint32_t, "cvtsi2ssl %2, %0")
HOST_FROM_INT(host_from_i64_f32, float, f32, uint64_t, "cvtsi2ssq %2, %0")
HOST_FROM_INT(host_from_u32_f32, float, f32, uint32_t, "vcvtusi2ss %2, %0, %0")
HOST_FROM_INT(host_from_u64_f32, float, f32, uint64_t, "vcvtusi2ss %2, %0, %0")
HOST_FROM_INT(host_from_i32_f64, double, f64, uint32_t, "cvtsi2sdl %2, %0")
HOST_FROM_INT(host_from_i64_f64, double, f64, uint64_t, "cvtsi2sdq %2, %0")
HOST_FROM_INT(host_from_u32_f64, double, f64, uint32_t, "vcvtusi2sd %2, %0, %0")
HOST_FROM_INT(host_from_u64_f64, double, f64, uint64_t, "vcvtusi2sd %2, %0, %0")

/* Between formats: the register holds either, its bits move through a double. */
#define HOST_CONVERT(name, insn, mask)                                                             \
    static uint64_t name(const uint64_t *v, uint32_t *csr)                                         \
    {                                                                                              \
        double a = f64_of(v[0]);                                                                   \
        __asm__ volatile("ldmxcsr %1\n\t" insn "\n\tstmxcsr %1\n\tldmxcsr %2"                      \
                         : "+x"(a), "+m"(*csr)                                                     \
                         : "m"(default_csr));                                                      \
        return bits_of_f64(a) & mask;                                                              \
    }
HOST_CONVERT(host_f32_f64, "cvtss2sd %0, %0", UINT64_MAX)
HOST_CONVERT(host_f64_f32, "cvtsd2ss %0, %0", UINT32_MAX)
HOST_CONVERT(host_f16_f32, "vcvtph2ps %0, %0", UINT32_MAX)
HOST_CONVERT(host_f32_f16, "vcvtps2ph $4, %0, %0", UINT16_MAX)

/* ZF, PF and CF to SoftFpOrder: unordered 111, greater 000, less 001, equal 100. */
#define HOST_COMPARE(name, conv, insn)                                                             \
    static uint64_t name(const uint64_t *v, uint32_t *csr)                                         \
    {                                                                                              \
        bool below, parity, zero;                                                                  \
        __asm__ volatile("ldmxcsr %3\n\t" insn " %5, %4\n\tsetb %0\n\tsetp %1\n\tsetz %2\n\t"      \
                         "stmxcsr %3\n\tldmxcsr %6"                                                \
                         : "=&q"(below), "=&q"(parity), "=&q"(zero), "+m"(*csr)                    \
                         : "x"(conv##_of(v[0])), "x"(conv##_of(v[1])), "m"(default_csr)            \
                         : "cc");                                                                  \
        return (uint64_t)(parity  ? SFP_UNORDERED                                                  \
                          : zero  ? SFP_EQUAL                                                      \
                          : below ? SFP_LESS                                                       \
                                  : SFP_GREATER);                                                  \
    }
HOST_COMPARE(host_compare_f32, f32, "ucomiss")
HOST_COMPARE(host_compare_f64, f64, "ucomisd")
HOST_COMPARE(host_comparesig_f32, f32, "comiss")
HOST_COMPARE(host_comparesig_f64, f64, "comisd")

typedef enum HostNeeds {
    NEEDS_SSE2,
    NEEDS_SSE41,
    NEEDS_FMA,
    NEEDS_F16C,
    NEEDS_AVX512,
} HostNeeds;

typedef struct HostRow {
    const char *name;
    SoftOp soft;
    HostOp host;
    int width; /* of the operands; 0: an integer */
    int arity;
    HostNeeds needs;
} HostRow;

#define HOST(op, width, arity, needs)                                                              \
    {                                                                                              \
#op, op, host_##op, width, arity, needs                                                    \
    }
#define HOST2(op, arity, needs) HOST(op##_f32, 32, arity, needs), HOST(op##_f64, 64, arity, needs)

static const HostRow host_rows[] = {
    HOST2(add, 2, NEEDS_SSE2),
    HOST2(sub, 2, NEEDS_SSE2),
    HOST2(mul, 2, NEEDS_SSE2),
    HOST2(div, 2, NEEDS_SSE2),
    HOST2(sqrt, 1, NEEDS_SSE2),
    HOST2(fma, 3, NEEDS_FMA),
    HOST2(fms, 3, NEEDS_FMA),
    HOST2(fnma, 3, NEEDS_FMA),
    HOST2(fnms, 3, NEEDS_FMA),
    HOST2(minx86, 2, NEEDS_SSE2),
    HOST2(maxx86, 2, NEEDS_SSE2),
    HOST2(compare, 2, NEEDS_SSE2),
    HOST2(comparesig, 2, NEEDS_SSE2),
    HOST2(rint, 1, NEEDS_SSE41),
    HOST2(nearbyint, 1, NEEDS_SSE41),
    HOST2(to_i32, 1, NEEDS_SSE2),
    HOST2(to_i64, 1, NEEDS_SSE2),
    HOST2(to_u32, 1, NEEDS_AVX512),
    HOST2(to_u64, 1, NEEDS_AVX512),
    {"from_i32_f32", from_i32_f32, host_from_i32_f32, 0, 1, NEEDS_SSE2},
    {"from_i64_f32", from_i64_f32, host_from_i64_f32, 0, 1, NEEDS_SSE2},
    {"from_i32_f64", from_i32_f64, host_from_i32_f64, 0, 1, NEEDS_SSE2},
    {"from_i64_f64", from_i64_f64, host_from_i64_f64, 0, 1, NEEDS_SSE2},
    {"from_u32_f32", from_u32_f32, host_from_u32_f32, 0, 1, NEEDS_AVX512},
    {"from_u64_f32", from_u64_f32, host_from_u64_f32, 0, 1, NEEDS_AVX512},
    {"from_u32_f64", from_u32_f64, host_from_u32_f64, 0, 1, NEEDS_AVX512},
    {"from_u64_f64", from_u64_f64, host_from_u64_f64, 0, 1, NEEDS_AVX512},
    HOST(f32_f64, 32, 1, NEEDS_SSE2),
    HOST(f64_f32, 64, 1, NEEDS_SSE2),
    HOST(f16_f32, 16, 1, NEEDS_F16C),
    HOST(f32_f16, 32, 1, NEEDS_F16C),
};

static bool host_has(HostNeeds needs)
{
    switch (needs) {
    case NEEDS_SSE41:
        return __builtin_cpu_supports("sse4.1");
    case NEEDS_FMA:
        return __builtin_cpu_supports("fma");
    case NEEDS_F16C:
        return __builtin_cpu_supports(
            "avx2"); /* F16C came before it; not every compiler knows its name */
    case NEEDS_AVX512:
        return __builtin_cpu_supports("avx512f");
    default:
        return true;
    }
}

/* MXCSR: IE DE ZE OE UE PE from bit 0, DAZ bit 6, masks 7-12, rounding 13-14, FTZ bit 15. */
static uint8_t flags_of_csr(uint32_t csr)
{
    return (csr & 1 ? NV : 0) | (csr & 2 ? DE : 0) | (csr & 4 ? DZ : 0) | (csr & 8 ? OF : 0) |
           (csr & 16 ? UF : 0) | (csr & 32 ? NX : 0);
}

static void test_host(void)
{
    static const uint32_t csr_rounding[] = {
        [SFP_RNE] = 0, [SFP_RTZ] = 3, [SFP_RDN] = 1, [SFP_RUP] = 2};
    Random random = {2};

    for (const HostRow *h = host_rows; h < host_rows + G_N_ELEMENTS(host_rows); h++) {
        if (!host_has(h->needs)) {
            g_test_message("%s: not on this host", h->name);
            continue;
        }
        /* The conversions of binary16 ignore DAZ and FTZ, and do not report the denormal operands
         * of binary16. */
        bool half = h->needs == NEEDS_F16C;
        uint8_t mask = SFP_IEEE_FLAGS | (h->width == 16 ? 0 : DE);
        for (int i = 0; i < 60000; i++) {
            SoftFp s = SOFTFP_INIT_X86;
            uint64_t v[3] = {0};
            s.rounding = i & 3;
            s.flush_inputs = !half && (i >> 2 & 7) == 0;
            s.flush_outputs = !half && (i >> 5 & 7) == 0 ? SFP_FLUSH_X86 : SFP_FLUSH_NONE;
            uint32_t csr = default_csr | csr_rounding[s.rounding] << 13 | s.flush_inputs << 6 |
                           (uint32_t)(s.flush_outputs != SFP_FLUSH_NONE) << 15;
            for (int k = 0; k < h->arity; k++)
                v[k] = h->width ? random_float(&random, h->width) : random_int(&random);
            uint64_t expected = h->host(v, &csr), got = h->soft(&s, v);
            uint8_t flags = flags_of_csr(csr) & mask;
            if (got != expected || (s.flags & mask) != flags) {
                g_error("%s rm %d daz %d ftz %d (%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64
                        ") = %#" PRIx64 " flags %#x, the host %#" PRIx64 " flags %#x",
                        h->name, s.rounding, s.flush_inputs, s.flush_outputs, v[0], v[1], v[2], got,
                        s.flags & mask, expected, flags);
            }
        }
    }
}

#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/softfp/riscv", test_riscv);
    g_test_add_func("/softfp/other-rules", test_other_rules);
    g_test_add_func("/softfp/sticky", test_sticky);
    g_test_add_func("/softfp/widened", test_widened);
    g_test_add_func("/softfp/f16-exhaustive", test_f16_exhaustive);
#ifdef __x86_64__
    g_test_add_func("/softfp/host", test_host);
#endif
    return g_test_run();
}

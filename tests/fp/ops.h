/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The RISC-V floating-point instructions under test, for both sides: guest.c executes them,
 * vectors.c knows what they give. Encodings are written here a second time on purpose, from the
 * unprivileged specification (chapters F, D, Zfh, Zfa), and not taken from the translator.
 *
 *   X(name, form, funct7, rs2, funct3, source, result, soft, testfloat)
 *
 * form: operands and destination: FF_F two floats to a float, FFF_F a fused multiply-add (funct7 is
 * the opcode and rs2 the format field), F_X a float to an integer register ... A rounded
 * operation's funct3 is its rounding mode. source and result name the types: f16 f32 f64 w wu l lu,
 * and x, a register as it is. soft: the result as a C expression of tcg/softfp.h over v[], the
 * operand registers. testfloat: the name of the function there, or NULL.
 */
#ifndef TESTS_FP_OPS_H
#define TESTS_FP_OPS_H

#define FP_ARG(F, i) unbox_##F(v[i])
#define FP_RM        ((SoftFpRounding)s->rounding)

#define FP_ROUNDED_FORMAT(X, t, F, fmt)                                                            \
    X(fadd_##t, FF_F, 0x00 + fmt, 0, 7, F, F,                                                      \
      box_##F(softfp_add_##F(s, FP_ARG(F, 0), FP_ARG(F, 1))), #F "_add")                           \
    X(fsub_##t, FF_F, 0x04 + fmt, 0, 7, F, F,                                                      \
      box_##F(softfp_sub_##F(s, FP_ARG(F, 0), FP_ARG(F, 1))), #F "_sub")                           \
    X(fmul_##t, FF_F, 0x08 + fmt, 0, 7, F, F,                                                      \
      box_##F(softfp_mul_##F(s, FP_ARG(F, 0), FP_ARG(F, 1))), #F "_mul")                           \
    X(fdiv_##t, FF_F, 0x0c + fmt, 0, 7, F, F,                                                      \
      box_##F(softfp_div_##F(s, FP_ARG(F, 0), FP_ARG(F, 1))), #F "_div")                           \
    X(fsqrt_##t, F_F, 0x2c + fmt, 0, 7, F, F, box_##F(softfp_sqrt_##F(s, FP_ARG(F, 0))),           \
      #F "_sqrt")                                                                                  \
    X(fmadd_##t, FFF_F, 0x43, fmt, 7, F, F, muladd_##F(s, v, 0), #F "_mulAdd")                     \
    X(fmsub_##t, FFF_F, 0x47, fmt, 7, F, F, muladd_##F(s, v, SFP_NEGATE_ADDEND), #F "_mulAdd")     \
    X(fnmsub_##t, FFF_F, 0x4b, fmt, 7, F, F, muladd_##F(s, v, SFP_NEGATE_PRODUCT), #F "_mulAdd")   \
    X(fnmadd_##t, FFF_F, 0x4f, fmt, 7, F, F,                                                       \
      muladd_##F(s, v, SFP_NEGATE_PRODUCT | SFP_NEGATE_ADDEND), #F "_mulAdd")                      \
    X(fcvt_w_##t, F_X, 0x60 + fmt, 0, 7, F, w, box_w(softfp_##F##_to_i32(s, FP_ARG(F, 0), FP_RM)), \
      #F "_to_i32")                                                                                \
    X(fcvt_wu_##t, F_X, 0x60 + fmt, 1, 7, F, w,                                                    \
      box_w(softfp_##F##_to_u32(s, FP_ARG(F, 0), FP_RM)), #F "_to_ui32")                           \
    X(fcvt_l_##t, F_X, 0x60 + fmt, 2, 7, F, l,                                                     \
      (uint64_t)softfp_##F##_to_i64(s, FP_ARG(F, 0), FP_RM), #F "_to_i64")                         \
    X(fcvt_lu_##t, F_X, 0x60 + fmt, 3, 7, F, l, softfp_##F##_to_u64(s, FP_ARG(F, 0), FP_RM),       \
      #F "_to_ui64")                                                                               \
    X(fcvt_##t##_w, X_F, 0x68 + fmt, 0, 7, w, F, box_##F(softfp_i32_to_##F(s, (int32_t)v[0])),     \
      "i32_to_" #F)                                                                                \
    X(fcvt_##t##_wu, X_F, 0x68 + fmt, 1, 7, w, F, box_##F(softfp_u32_to_##F(s, (uint32_t)v[0])),   \
      "ui32_to_" #F)                                                                               \
    X(fcvt_##t##_l, X_F, 0x68 + fmt, 2, 7, l, F, box_##F(softfp_i64_to_##F(s, (int64_t)v[0])),     \
      "i64_to_" #F)                                                                                \
    X(fcvt_##t##_lu, X_F, 0x68 + fmt, 3, 7, l, F, box_##F(softfp_u64_to_##F(s, v[0])),             \
      "ui64_to_" #F)                                                                               \
    X(fround_##t, F_F, 0x20 + fmt, 4, 7, F, F,                                                     \
      box_##F(softfp_round_int_##F(s, FP_ARG(F, 0), FP_RM, false)), #F "_roundToInt -notexact")    \
    X(froundnx_##t, F_F, 0x20 + fmt, 5, 7, F, F,                                                   \
      box_##F(softfp_round_int_##F(s, FP_ARG(F, 0), FP_RM, true)), #F "_roundToInt -exact")

#define FP_CONVERT(X, name, F, from_fmt, G, to_fmt)                                                \
    X(name, F_F, 0x20 + to_fmt, from_fmt, 7, F, G, box_##G(softfp_##F##_to_##G(s, FP_ARG(F, 0))),  \
      #F "_to_" #G)

#define FP_ROUNDED_OPS(X)                                                                          \
    FP_ROUNDED_FORMAT(X, s, f32, 0)                                                                \
    FP_ROUNDED_FORMAT(X, d, f64, 1)                                                                \
    FP_ROUNDED_FORMAT(X, h, f16, 2)                                                                \
    FP_CONVERT(X, fcvt_s_d, f64, 1, f32, 0)                                                        \
    FP_CONVERT(X, fcvt_s_h, f16, 2, f32, 0)                                                        \
    FP_CONVERT(X, fcvt_d_s, f32, 0, f64, 1)                                                        \
    FP_CONVERT(X, fcvt_d_h, f16, 2, f64, 1)                                                        \
    FP_CONVERT(X, fcvt_h_s, f32, 0, f16, 2)                                                        \
    FP_CONVERT(X, fcvt_h_d, f64, 1, f16, 2)

#define FP_FIXED_FORMAT(X, t, F, fmt, sign)                                                        \
    X(fsgnj_##t, FF_F, 0x10 + fmt, 0, 0, F, F,                                                     \
      box_##F((FP_ARG(F, 0) & ~sign) | (FP_ARG(F, 1) & sign)), NULL)                               \
    X(fsgnjn_##t, FF_F, 0x10 + fmt, 0, 1, F, F,                                                    \
      box_##F((FP_ARG(F, 0) & ~sign) | (~FP_ARG(F, 1) & sign)), NULL)                              \
    X(fsgnjx_##t, FF_F, 0x10 + fmt, 0, 2, F, F, box_##F(FP_ARG(F, 0) ^ (FP_ARG(F, 1) & sign)),     \
      NULL)                                                                                        \
    X(fmin_##t, FF_F, 0x14 + fmt, 0, 0, F, F,                                                      \
      box_##F(softfp_minnum_##F(s, FP_ARG(F, 0), FP_ARG(F, 1))), NULL)                             \
    X(fmax_##t, FF_F, 0x14 + fmt, 0, 1, F, F,                                                      \
      box_##F(softfp_maxnum_##F(s, FP_ARG(F, 0), FP_ARG(F, 1))), NULL)                             \
    X(fminm_##t, FF_F, 0x14 + fmt, 0, 2, F, F,                                                     \
      box_##F(softfp_min_##F(s, FP_ARG(F, 0), FP_ARG(F, 1))), NULL)                                \
    X(fmaxm_##t, FF_F, 0x14 + fmt, 0, 3, F, F,                                                     \
      box_##F(softfp_max_##F(s, FP_ARG(F, 0), FP_ARG(F, 1))), NULL)                                \
    X(fle_##t, FF_X, 0x50 + fmt, 0, 0, F, l, softfp_le_##F(s, FP_ARG(F, 0), FP_ARG(F, 1)),         \
      #F "_le")                                                                                    \
    X(flt_##t, FF_X, 0x50 + fmt, 0, 1, F, l, softfp_lt_##F(s, FP_ARG(F, 0), FP_ARG(F, 1)),         \
      #F "_lt")                                                                                    \
    X(feq_##t, FF_X, 0x50 + fmt, 0, 2, F, l, softfp_eq_##F(s, FP_ARG(F, 0), FP_ARG(F, 1)),         \
      #F "_eq")                                                                                    \
    X(fleq_##t, FF_X, 0x50 + fmt, 0, 4, F, l, softfp_leq_##F(s, FP_ARG(F, 0), FP_ARG(F, 1)),       \
      #F "_le_quiet")                                                                              \
    X(fltq_##t, FF_X, 0x50 + fmt, 0, 5, F, l, softfp_ltq_##F(s, FP_ARG(F, 0), FP_ARG(F, 1)),       \
      #F "_lt_quiet")                                                                              \
    X(fclass_##t, F_X, 0x70 + fmt, 0, 1, F, l, softfp_class_##F(FP_ARG(F, 0)), NULL)               \
    X(fmv_x_##t, F_X, 0x70 + fmt, 0, 0, x, l, extend_##F(v[0]), NULL)                              \
    X(fmv_##t##_x, X_F, 0x78 + fmt, 0, 0, x, F, box_##F(v[0]), NULL)

#define FP_FIXED_OPS(X)                                                                            \
    FP_FIXED_FORMAT(X, s, f32, 0, UINT32_C(0x80000000))                                            \
    FP_FIXED_FORMAT(X, d, f64, 1, UINT64_C(0x8000000000000000))                                    \
    FP_FIXED_FORMAT(X, h, f16, 2, 0x8000)                                                          \
    X(fcvtmod_w_d, F_X, 0x61, 8, 1, f64, w, box_w(softfp_f64_to_i32_mod(s, v[0])), NULL)

#define FP_FIRST_FIXED (3 * 19 + 6) /* rounded operations are numbered first, from 0 */
#define FP_OP_COUNT    (FP_FIRST_FIXED + 3 * 15 + 1)

/* Operands of a form. */
enum {
    FP_ARITY_F_F = 1,
    FP_ARITY_F_X = 1,
    FP_ARITY_X_F = 1,
    FP_ARITY_FF_F = 2,
    FP_ARITY_FF_X = 2,
    FP_ARITY_FFF_F = 3,
};

/*
 * A file of vectors, at FP_VECTORS in guest memory: blocks, each this header, then `count` records
 * of arity + 1 registers (operands, result), then `count` bytes of fflags, padded to 8. A header
 * with op = FP_OP_COUNT ends it.
 */
typedef struct FpBlock {
    uint64_t magic;
    uint64_t op; /* number in FP_ROUNDED_OPS, then FP_FIXED_OPS */
    uint64_t rm; /* 0 to 4 */
    uint64_t count;
} FpBlock;

#define FP_MAGIC   UINT64_C(0x3176636576706672)
#define FP_VECTORS UINT64_C(0x90000000)

#endif

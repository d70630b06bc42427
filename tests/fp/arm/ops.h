/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The A64 floating-point instructions under test, for both sides: guest.c executes them, vectors.c
 * knows what they give.
 *
 *   X(name, arity, source, result, lanes, rounding, negate, instruction, testfloat)
 *
 * Operands are in D0, D1 and D2 (and X9 the first), the result is in D0 or, if it is an integer, in
 * X10. source and result: f16 f32 f64, integers w wu l lu h hu, b (0 or 1), m (a mask of the
 * source's size). lanes: of a vector, whose elements are all the operand, or 1. rounding: of
 * TestFloat, or -1, FPCR's. negate: operands whose sign the guest inverts first, as bits.
 */
#ifndef TESTS_FP_ARM_OPS_H
#define TESTS_FP_ARM_OPS_H

enum { NEAR, NEAR_AWAY = 4, PLUS = 1, MINUS = 2, ZERO = 3, DYN = -1 }; /* as FPCR.RMode */

/* t: register, F: format */
#define FPA_TO_INT(X, t, F, mode, letter, suffix, i, I, reg)                                       \
    X(fcvt##letter##suffix##_##t##_##i, 1, F, i, 1, mode, 0,                                       \
      "fcvt" #letter #suffix " " reg "10, " #t "0", #F "_to_" #I " -exact")

#define FPA_TO_INTS(X, t, F, mode, letter)                                                         \
    FPA_TO_INT(X, t, F, mode, letter, s, w, i32, "w")                                              \
    FPA_TO_INT(X, t, F, mode, letter, u, wu, ui32, "w")                                            \
    FPA_TO_INT(X, t, F, mode, letter, s, l, i64, "x")                                              \
    FPA_TO_INT(X, t, F, mode, letter, u, lu, ui64, "x")

#define FPA_RINT(X, t, F, mode, letter, how)                                                       \
    X(frint##letter##_##t, 1, F, F, 1, mode, 0, "frint" #letter " " #t "0, " #t "0",               \
      #F "_roundToInt -" how)

#define FPA_TWO(X, t, F, op)                                                                       \
    X(f##op##_##t, 2, F, F, 1, DYN, 0, "f" #op " " #t "0, " #t "0, " #t "1", #F "_" #op)

#define FPA_CMP(X, t, F, insn, cond, what)                                                         \
    X(insn##_##cond##_##t, 2, F, b, 1, NEAR, 0, #insn " " #t "0, " #t "1\n\tcset x10, " #cond,     \
      #F "_" what)

#define FPA_SCALAR(X, t, F)                                                                        \
    FPA_TWO(X, t, F, add)                                                                          \
    FPA_TWO(X, t, F, sub)                                                                          \
    FPA_TWO(X, t, F, mul)                                                                          \
    FPA_TWO(X, t, F, div)                                                                          \
    X(fnmul_##t, 2, F, F, 1, DYN, 0, "fnmul " #t "0, " #t "0, " #t "1\n\tfneg " #t "0, " #t "0",   \
      #F "_mul")                                                                                   \
    X(fsqrt_##t, 1, F, F, 1, DYN, 0, "fsqrt " #t "0, " #t "0", #F "_sqrt")                         \
    X(fmadd_##t, 3, F, F, 1, DYN, 0, "fmadd " #t "0, " #t "0, " #t "1, " #t "2", #F "_mulAdd")     \
    X(fmsub_##t, 3, F, F, 1, DYN, 1, "fmsub " #t "0, " #t "0, " #t "1, " #t "2", #F "_mulAdd")     \
    X(fnmadd_##t, 3, F, F, 1, DYN, 5, "fnmadd " #t "0, " #t "0, " #t "1, " #t "2", #F "_mulAdd")   \
    X(fnmsub_##t, 3, F, F, 1, DYN, 4, "fnmsub " #t "0, " #t "0, " #t "1, " #t "2", #F "_mulAdd")   \
    FPA_RINT(X, t, F, NEAR, n, "notexact")                                                         \
    FPA_RINT(X, t, F, PLUS, p, "notexact")                                                         \
    FPA_RINT(X, t, F, MINUS, m, "notexact")                                                        \
    FPA_RINT(X, t, F, ZERO, z, "notexact")                                                         \
    FPA_RINT(X, t, F, NEAR_AWAY, a, "notexact")                                                    \
    FPA_RINT(X, t, F, DYN, i, "notexact")                                                          \
    FPA_RINT(X, t, F, DYN, x, "exact")                                                             \
    FPA_TO_INTS(X, t, F, NEAR, n)                                                                  \
    FPA_TO_INTS(X, t, F, PLUS, p)                                                                  \
    FPA_TO_INTS(X, t, F, MINUS, m)                                                                 \
    FPA_TO_INTS(X, t, F, ZERO, z)                                                                  \
    FPA_TO_INTS(X, t, F, NEAR_AWAY, a)                                                             \
    X(scvtf_##t##_w, 1, w, F, 1, DYN, 0, "scvtf " #t "0, w9", "i32_to_" #F)                        \
    X(ucvtf_##t##_w, 1, wu, F, 1, DYN, 0, "ucvtf " #t "0, w9", "ui32_to_" #F)                      \
    X(scvtf_##t##_l, 1, l, F, 1, DYN, 0, "scvtf " #t "0, x9", "i64_to_" #F)                        \
    X(ucvtf_##t##_l, 1, lu, F, 1, DYN, 0, "ucvtf " #t "0, x9", "ui64_to_" #F)                      \
    FPA_CMP(X, t, F, fcmp, eq, "eq")                                                               \
    FPA_CMP(X, t, F, fcmp, ls, "le_quiet")                                                         \
    FPA_CMP(X, t, F, fcmp, mi, "lt_quiet")                                                         \
    FPA_CMP(X, t, F, fcmpe, eq, "eq_signaling")                                                    \
    FPA_CMP(X, t, F, fcmpe, ls, "le")                                                              \
    FPA_CMP(X, t, F, fcmpe, mi, "lt")

#define FPA_CONVERT(X, t, F, u, G)                                                                 \
    X(fcvt_##u##_##t, 1, F, G, 1, DYN, 0, "fcvt " #u "0, " #t "0", #F "_to_" #G)

/* V: arrangement, n: its lanes */
#define FPA_V2(X, t, F, V, n, op)                                                                  \
    X(f##op##_v##t, 2, F, F, n, DYN, 0, "f" #op " v0." V ", v0." V ", v1." V, #F "_" #op)
#define FPA_V1(X, t, F, V, n, mode, insn, what)                                                    \
    X(insn##_v##t, 1, F, F, n, mode, 0, #insn " v0." V ", v0." V, #F "_" what)
#define FPA_VINT(X, t, F, V, n, mode, insn, i, I)                                                  \
    X(insn##_v##t, 1, F, i, n, mode, 0, #insn " v0." V ", v0." V, #F "_to_" #I " -exact")

#define FPA_VECTOR(X, t, F, V, n)                                                                  \
    FPA_V2(X, t, F, V, n, add)                                                                     \
    FPA_V2(X, t, F, V, n, sub)                                                                     \
    FPA_V2(X, t, F, V, n, mul)                                                                     \
    FPA_V2(X, t, F, V, n, div)                                                                     \
    FPA_V1(X, t, F, V, n, DYN, fsqrt, "sqrt")                                                      \
    X(fmla_v##t, 3, F, F, n, DYN, 0, "fmla v2." V ", v0." V ", v1." V "\n\tmov v0.16b, v2.16b",    \
      #F "_mulAdd")                                                                                \
    X(fmls_v##t, 3, F, F, n, DYN, 1, "fmls v2." V ", v0." V ", v1." V "\n\tmov v0.16b, v2.16b",    \
      #F "_mulAdd")                                                                                \
    FPA_V1(X, t, F, V, n, NEAR, frintn, "roundToInt -notexact")                                    \
    FPA_V1(X, t, F, V, n, NEAR_AWAY, frinta, "roundToInt -notexact")                               \
    FPA_V1(X, t, F, V, n, DYN, frintx, "roundToInt -exact")                                        \
    FPA_V1(X, t, F, V, n, DYN, frinti, "roundToInt -notexact")                                     \
    X(fcmeq_v##t, 2, F, m, n, NEAR, 0, "fcmeq v0." V ", v0." V ", v1." V, #F "_eq")                \
    X(fcmge_v##t, 2, F, m, n, NEAR, 0, "fcmge v0." V ", v1." V ", v0." V, #F "_le")                \
    X(fcmgt_v##t, 2, F, m, n, NEAR, 0, "fcmgt v0." V ", v1." V ", v0." V, #F "_lt")

#define FPA_VECTOR_INT(X, t, F, V, n, i, I, iu, IU)                                                \
    FPA_VINT(X, t, F, V, n, NEAR, fcvtns, i, I)                                                    \
    FPA_VINT(X, t, F, V, n, NEAR, fcvtnu, iu, IU)                                                  \
    FPA_VINT(X, t, F, V, n, ZERO, fcvtzs, i, I)                                                    \
    FPA_VINT(X, t, F, V, n, ZERO, fcvtzu, iu, IU)                                                  \
    FPA_VINT(X, t, F, V, n, NEAR_AWAY, fcvtas, i, I)                                               \
    FPA_VINT(X, t, F, V, n, NEAR_AWAY, fcvtau, iu, IU)                                             \
    X(scvtf_v##t, 1, i, F, n, DYN, 0, "scvtf v0." V ", v0." V, #I "_to_" #F)                       \
    X(ucvtf_v##t, 1, iu, F, n, DYN, 0, "ucvtf v0." V ", v0." V, #IU "_to_" #F)

#define FPA_OPS(X)                                                                                 \
    FPA_SCALAR(X, h, f16)                                                                          \
    FPA_SCALAR(X, s, f32)                                                                          \
    FPA_SCALAR(X, d, f64)                                                                          \
    FPA_CONVERT(X, h, f16, s, f32)                                                                 \
    FPA_CONVERT(X, h, f16, d, f64)                                                                 \
    FPA_CONVERT(X, s, f32, h, f16)                                                                 \
    FPA_CONVERT(X, s, f32, d, f64)                                                                 \
    FPA_CONVERT(X, d, f64, h, f16)                                                                 \
    FPA_CONVERT(X, d, f64, s, f32)                                                                 \
    FPA_VECTOR(X, h, f16, "8h", 8)                                                                 \
    FPA_VECTOR(X, s, f32, "4s", 4)                                                                 \
    FPA_VECTOR(X, d, f64, "2d", 2)                                                                 \
    FPA_VECTOR_INT(X, s, f32, "4s", 4, w, i32, wu, ui32)                                           \
    FPA_VECTOR_INT(X, d, f64, "2d", 2, l, i64, lu, ui64)

/*
 * A file of vectors, at FPA_VECTORS in guest memory: blocks, each this header, then `count` records
 * of arity + 1 values (operands, result), then `count` bytes of FPSR, padded to 8. A header with op
 * = FPA_END ends it.
 */
typedef struct FpaBlock {
    uint64_t magic;
    uint64_t op, fpcr, count;
} FpaBlock;

#define FPA_MAGIC   UINT64_C(0x3161706676706672)
#define FPA_END     UINT64_C(0xffffffff)
#define FPA_VECTORS UINT64_C(0x50000000)

enum {
    FPA_FZ16 = 1 << 19,
    FPA_RMODE_SHIFT = 22,
    FPA_FZ = 1 << 24,
    FPA_DN = 1 << 25,
    FPA_IOC = 1,
    FPA_DZC = 2,
    FPA_OFC = 4,
    FPA_UFC = 8,
    FPA_IXC = 16,
    FPA_IDC = 128,
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The AArch32 floating-point instructions under test, as ops.h has those of A64: VFP scalars under
 * FPSCR, and Advanced SIMD (names with q), which has FZ, DN and rounding to nearest always.
 *
 * Operands are in D0, D1 and D2 (Q0, Q1 and Q2), the result is in D0 (Q0), or in R10 if it is the
 * outcome of a comparison.
 */
#ifndef TESTS_FP_ARM_OPS32_H
#define TESTS_FP_ARM_OPS32_H

#define FPA_A32
#include "ops.h"

#define FPV_INTS(X, t, F, S, A, mode, insn)                                                        \
    X(insn##_##t##_w, 1, F, w, 1, mode, 0, #insn ".s32" S " s0, " A, #F "_to_i32 -exact")          \
    X(insn##_##t##_wu, 1, F, wu, 1, mode, 0, #insn ".u32" S " s0, " A, #F "_to_ui32 -exact")
#define FPV_RINT(X, t, F, S, A, mode, insn, how)                                                   \
    X(insn##_##t, 1, F, F, 1, mode, 0, #insn S " " A ", " A, #F "_roundToInt -" how)
#define FPV_TWO(X, t, F, S, A, B, op)                                                              \
    X(v##op##_##t, 2, F, F, 1, DYN, 0, "v" #op S " " A ", " A ", " B, #F "_" #op)
#define FPV_FMA(X, t, F, S, A, B, C, insn, negate)                                                 \
    X(insn##_##t, 3, F, F, 1, DYN, negate, #insn S " " C ", " A ", " B "\n\tvmov d0, d2",          \
      #F "_mulAdd")
#define FPV_CMP(X, t, F, S, A, B, insn, cond, what)                                                \
    X(insn##_##cond##_##t, 2, F, b, 1, NEAR, 0,                                                    \
      #insn S " " A ", " B "\n\tvmrs apsr_nzcv, fpscr\n\tmov r10, #0\n\tmov" #cond " r10, #1",     \
      #F "_" what)

#define FPV_SCALAR(X, t, F, S, A, B, C)                                                            \
    FPV_TWO(X, t, F, S, A, B, add)                                                                 \
    FPV_TWO(X, t, F, S, A, B, sub)                                                                 \
    FPV_TWO(X, t, F, S, A, B, mul)                                                                 \
    FPV_TWO(X, t, F, S, A, B, div)                                                                 \
    X(vnmul_##t, 2, F, F, 1, DYN, 0, "vnmul" S " " A ", " A ", " B "\n\tvneg" S " " A ", " A,      \
      #F "_mul")                                                                                   \
    X(vsqrt_##t, 1, F, F, 1, DYN, 0, "vsqrt" S " " A ", " A, #F "_sqrt")                           \
    FPV_FMA(X, t, F, S, A, B, C, vfma, 0)                                                          \
    FPV_FMA(X, t, F, S, A, B, C, vfms, 1)                                                          \
    FPV_FMA(X, t, F, S, A, B, C, vfnma, 5)                                                         \
    FPV_FMA(X, t, F, S, A, B, C, vfnms, 4)                                                         \
    FPV_RINT(X, t, F, S, A, NEAR, vrintn, "notexact")                                              \
    FPV_RINT(X, t, F, S, A, PLUS, vrintp, "notexact")                                              \
    FPV_RINT(X, t, F, S, A, MINUS, vrintm, "notexact")                                             \
    FPV_RINT(X, t, F, S, A, NEAR_AWAY, vrinta, "notexact")                                         \
    FPV_RINT(X, t, F, S, A, ZERO, vrintz, "notexact")                                              \
    FPV_RINT(X, t, F, S, A, DYN, vrintr, "notexact")                                               \
    FPV_RINT(X, t, F, S, A, DYN, vrintx, "exact")                                                  \
    FPV_INTS(X, t, F, S, A, NEAR, vcvtn)                                                           \
    FPV_INTS(X, t, F, S, A, PLUS, vcvtp)                                                           \
    FPV_INTS(X, t, F, S, A, MINUS, vcvtm)                                                          \
    FPV_INTS(X, t, F, S, A, NEAR_AWAY, vcvta)                                                      \
    FPV_INTS(X, t, F, S, A, ZERO, vcvt)                                                            \
    FPV_INTS(X, t, F, S, A, DYN, vcvtr)                                                            \
    X(vcvt_w_##t, 1, w, F, 1, DYN, 0, "vcvt" S ".s32 " A ", s0", "i32_to_" #F)                     \
    X(vcvt_wu_##t, 1, wu, F, 1, DYN, 0, "vcvt" S ".u32 " A ", s0", "ui32_to_" #F)                  \
    FPV_CMP(X, t, F, S, A, B, vcmp, eq, "eq")                                                      \
    FPV_CMP(X, t, F, S, A, B, vcmp, ls, "le_quiet")                                                \
    FPV_CMP(X, t, F, S, A, B, vcmp, mi, "lt_quiet")                                                \
    FPV_CMP(X, t, F, S, A, B, vcmpe, eq, "eq_signaling")                                           \
    FPV_CMP(X, t, F, S, A, B, vcmpe, ls, "le")                                                     \
    FPV_CMP(X, t, F, S, A, B, vcmpe, mi, "lt")

#define FPV_CONVERT(X, F, G, insn) X(vcvt_##G##_##F, 1, F, G, 1, DYN, 0, insn, #F "_to_" #G)

/* S: of the elements, s and u: of integers of that size */
#define FPQ_TWO(X, t, F, S, n, op, what)                                                           \
    X(q##op##_##t, 2, F, F, n, NEAR, 0, "v" #op S " q0, q0, q1", #F "_" what)
#define FPQ_RINT(X, t, F, S, n, mode, insn, how)                                                   \
    X(q##insn##_##t, 1, F, F, n, mode, 0, "v" #insn S " q0, q0", #F "_roundToInt -" how)
#define FPQ_INTS(X, mode, insn)                                                                    \
    X(q##insn##_w, 1, f32, w, 4, mode, 0, "v" #insn ".s32.f32 q0, q0", "f32_to_i32 -exact")        \
    X(q##insn##_wu, 1, f32, wu, 4, mode, 0, "v" #insn ".u32.f32 q0, q0", "f32_to_ui32 -exact")

#define FPQ_VECTOR(X, t, F, S, n)                                                                  \
    FPQ_TWO(X, t, F, S, n, add, "add")                                                             \
    FPQ_TWO(X, t, F, S, n, sub, "sub")                                                             \
    FPQ_TWO(X, t, F, S, n, mul, "mul")                                                             \
    X(qfma_##t, 3, F, F, n, NEAR, 0, "vfma" S " q2, q0, q1\n\tvmov q0, q2", #F "_mulAdd")          \
    X(qfms_##t, 3, F, F, n, NEAR, 1, "vfms" S " q2, q0, q1\n\tvmov q0, q2", #F "_mulAdd")          \
    FPQ_RINT(X, t, F, S, n, NEAR, rintn, "notexact")                                               \
    FPQ_RINT(X, t, F, S, n, PLUS, rintp, "notexact")                                               \
    FPQ_RINT(X, t, F, S, n, MINUS, rintm, "notexact")                                              \
    FPQ_RINT(X, t, F, S, n, NEAR_AWAY, rinta, "notexact")                                          \
    FPQ_RINT(X, t, F, S, n, ZERO, rintz, "notexact")                                               \
    FPQ_RINT(X, t, F, S, n, NEAR, rintx, "exact")                                                  \
    X(qceq_##t, 2, F, m, n, NEAR, 0, "vceq" S " q0, q0, q1", #F "_eq")                             \
    X(qcge_##t, 2, F, m, n, NEAR, 0, "vcge" S " q0, q1, q0", #F "_le")                             \
    X(qcgt_##t, 2, F, m, n, NEAR, 0, "vcgt" S " q0, q1, q0", #F "_lt")

#undef FPA_OPS
#define FPA_OPS(X)                                                                                 \
    FPV_SCALAR(X, h, f16, ".f16", "s0", "s2", "s4")                                                \
    FPV_SCALAR(X, s, f32, ".f32", "s0", "s2", "s4")                                                \
    FPV_SCALAR(X, d, f64, ".f64", "d0", "d1", "d2")                                                \
    FPV_CONVERT(X, f16, f32, "vcvtb.f32.f16 s0, s0")                                               \
    FPV_CONVERT(X, f16, f64, "vcvtb.f64.f16 d0, s0")                                               \
    FPV_CONVERT(X, f32, f16, "vcvtb.f16.f32 s0, s0")                                               \
    FPV_CONVERT(X, f32, f64, "vcvt.f64.f32 d0, s0")                                                \
    FPV_CONVERT(X, f64, f16, "vcvtb.f16.f64 s0, d0")                                               \
    FPV_CONVERT(X, f64, f32, "vcvt.f32.f64 s0, d0")                                                \
    FPQ_VECTOR(X, h, f16, ".f16", 8)                                                               \
    FPQ_VECTOR(X, s, f32, ".f32", 4)                                                               \
    FPQ_INTS(X, NEAR, cvtn)                                                                        \
    FPQ_INTS(X, PLUS, cvtp)                                                                        \
    FPQ_INTS(X, MINUS, cvtm)                                                                       \
    FPQ_INTS(X, NEAR_AWAY, cvta)                                                                   \
    FPQ_INTS(X, ZERO, cvt)                                                                         \
    X(qcvt_w_s, 1, w, f32, 4, NEAR, 0, "vcvt.f32.s32 q0, q0", "i32_to_f32")                        \
    X(qcvt_wu_s, 1, wu, f32, 4, NEAR, 0, "vcvt.f32.u32 q0, q0", "ui32_to_f32")

#endif

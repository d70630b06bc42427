/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm floating point, element by element: the operations that A64, A32 and T32 share, as numbers
 * for the helpers that compute them exactly in every FPCR mode (fp_helper.c). What the IR has an op
 * for is emitted as such where the mode allows (insn/simd.h); these do the rest.
 *
 * Elements are half, single or double precision: esize is log2 of their bytes, 1, 2 or 3.
 */
#ifndef RHEA_TARGET_ARM_FP_H
#define RHEA_TARGET_ARM_FP_H

#include "target/arm/cpu.h"

typedef enum ARMFpOp {
    /* (a, b) */
    ARM_FP_ADD,
    ARM_FP_SUB,
    ARM_FP_MUL,
    ARM_FP_DIV,
    ARM_FP_MAX,
    ARM_FP_MIN,
    ARM_FP_MAXNM,
    ARM_FP_MINNM,
    ARM_FP_NMUL,
    ARM_FP_MULX,
    ARM_FP_ABD,
    ARM_FP_RECPS,
    ARM_FP_RSQRTS,
    ARM_FP_RECPS_A32, /* rounded twice */
    ARM_FP_RSQRTS_A32,
    ARM_FP_CMEQ, /* all ones or zero */
    ARM_FP_CMGE,
    ARM_FP_CMGT,
    ARM_FP_ACGE,
    ARM_FP_ACGT,
    ARM_FP_CMP, /* NZCV in bits 3:0; arg: signaling */
    /* (a, b, c) */
    ARM_FP_MADD,  /* a * b + c */
    ARM_FP_MADDH, /* the same with a and b in half precision, c and the result in single */
    /* (a) */
    ARM_FP_SQRT,
    ARM_FP_RECPE,
    ARM_FP_RSQRTE,
    ARM_FP_RECPX,
    ARM_FP_URECPE, /* of 32-bit integers */
    ARM_FP_URSQRTE,
    ARM_FP_RINT,     /* arg: ARM_FP_ARG_ROUND, ARM_FP_ARG_EXACT */
    ARM_FP_RINT32,   /* arg: ARM_FP_ARG_ROUND; FRINT32Z, FRINT32X */
    ARM_FP_RINT64,   /* the same for FRINT64 */
    ARM_FP_TO_INT,   /* arg: rounding, UNSIGNED, FBITS, SIZE of the integer */
    ARM_FP_FROM_INT, /* the same; esize is the result's */
    ARM_FP_CVT,      /* arg: SIZE of the result; half precision by FPCR.AHP */
    ARM_FP_CVT_ODD,  /* the same, rounded to odd: FCVTXN */
    ARM_FP_JCVTZS,   /* the integer in bits 31:0, PSTATE.Z in bit 32 */
} ARMFpOp;

/* What a helper is to do, in one word: operation, esize, argument. */
enum {
    ARM_FP_DESC_ESIZE_SHIFT = 8,
    ARM_FP_DESC_ARG_SHIFT = 10,
    ARM_FP_ARG_ROUND = 7,          /* TCGRound; DYN is FPCR's */
    ARM_FP_ARG_EXACT = 1 << 3,     /* signal inexact */
    ARM_FP_ARG_SIGNALING = 1 << 3, /* of CMP */
    ARM_FP_ARG_UNSIGNED = 1 << 3,
    ARM_FP_ARG_FBITS_SHIFT = 4,     /* 7 bits */
    ARM_FP_ARG_SIZE_SHIFT = 11,     /* log2 of bytes, 2 bits */
    ARM_FP_DESC_STANDARD = 1 << 30, /* by the standard FPSCR */
    ARM_FP_DESC_N_SHIFT = 26,       /* vectors: number of elements, 1 to 8; zeros above */
};
/* Beside the mode bits in what the emitters take: Advanced SIMD of AArch32, which flushes to zero,
 * has default NaNs and rounds to nearest whatever FPSCR says (F1.2.6). */
#define ARM_FP_STANDARD (1u << 31)
#define ARM_FP_DESC(op, esize, arg)                                                                \
    ((uint32_t)(op) | (uint32_t)(esize) << ARM_FP_DESC_ESIZE_SHIFT |                               \
     (uint32_t)(arg) << ARM_FP_DESC_ARG_SHIFT)

extern const TCGHelper arm_helper_fp;  /* I64 (a, b, c: I64, desc: I32): one element */
extern const TCGHelper arm_helper_vfp; /* (desc): env->vtmp[3] of vtmp[0], [1], [2] */

#endif

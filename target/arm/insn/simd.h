/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the floating-point and Advanced SIMD rows share: values of V registers, and emitters as
 * functions of (esize, operands), which A32 and T32 can call with their own registers. Internal to
 * target/arm/insn.
 *
 * A vector value is a V128; one of 64 bits (Q is 0) has anything in its upper half until
 * a64_set_v() clears it. esize is log2 of the element's bytes.
 */
#ifndef RHEA_TARGET_ARM_INSN_SIMD_H
#define RHEA_TARGET_ARM_INSN_SIMD_H

#include "target/arm/a64.h"
#include "target/arm/fp.h"

/* ---- registers ---- */

static inline TCGv a64_v(A64Ctx *c, unsigned r)
{
    return tcg_gen_getcell(c->b, ARM_CELL_VR(r));
}
void a64_set_v(A64Ctx *c, unsigned r, unsigned Q, TCGv v);
/* What narrows: the low half of v into the low half (zeros above), or (Q) the high half only. */
void a64_set_narrow(A64Ctx *c, unsigned r, unsigned Q, TCGv v);
/* The low element as the bits of an integer: I64 for doubles, else I32; halves zero-extended. */
TCGv a64_v_bits(A64Ctx *c, unsigned esize, unsigned r);
/* v: I32 or I64, zero above the element. */
void a64_set_v_bits(A64Ctx *c, unsigned r, TCGv v);
/* The low element as a vector with zeros above it, and setting a register to that of v. */
TCGv a64_scalar(A64Ctx *c, unsigned esize, unsigned r);
void a64_set_scalar(A64Ctx *c, unsigned esize, unsigned r, TCGv v);

/* ---- vectors of any kind ---- */

static inline TCGv arm_v_zero(TCGBuilder *b)
{
    return tcg_vconst(b, 0);
}
/* Two halves (I64). */
TCGv arm_v_make(TCGBuilder *b, TCGv lo, TCGv hi);
/* Every element is e. */
TCGv arm_v_replicate(TCGBuilder *b, unsigned esize, uint64_t e);
/* Shifted right by bytes (0 to 15); anything comes in. */
TCGv arm_v_down(TCGBuilder *b, TCGv v, unsigned bytes);
/* The low element: with zeros above it; as an integer like a64_v_bits(). */
TCGv arm_v_low(TCGBuilder *b, unsigned esize, TCGv v);
TCGv arm_v_bits(TCGBuilder *b, unsigned esize, TCGv v);
/* Element `index` in the lowest place, zeros above. */
TCGv arm_v_element(TCGBuilder *b, unsigned esize, TCGv v, unsigned index);
/* For pairwise operations: the even elements of x and y in *x, the odd ones in *y. */
void arm_v_pairs(TCGBuilder *b, unsigned esize, unsigned Q, TCGv *x, TCGv *y);
/* Elements of bytes: low half of the product of polynomials; aux is not looked at. */
TCGv arm_v_pmul(TCGBuilder *b, unsigned aux, TCGv x, TCGv y);
/* Sums of pairs of neighbours, twice as wide. */
TCGv arm_v_addlp(TCGBuilder *b, unsigned esize, bool is_unsigned, TCGv x);
/* Elements x >> n, n from 1 to their width. */
TCGv arm_v_shr(TCGBuilder *b, unsigned esize, bool is_unsigned, TCGv x, unsigned n);
/* Signs of FP elements inverted, cleared. */
TCGv arm_v_fneg(TCGBuilder *b, unsigned esize, TCGv x);
TCGv arm_v_fabs(TCGBuilder *b, unsigned esize, TCGv x);
/* Complex numbers times i^rot. */
TCGv arm_v_complex(TCGBuilder *b, unsigned esize, TCGv y, unsigned rot);

/* FPSR.QC is set if qc is not zero; Q is 0: in its low half. */
void arm_gen_qc(TCGBuilder *b, unsigned Q, TCGv qc);
/* Operations that saturate, with QC; see tcg_gen_vsat(). */
TCGv arm_gen_vsat(TCGBuilder *b, TCGOpcode opc, unsigned aux, unsigned Q, TCGv x, TCGv y);
/* z + 2 * x * y, high half, rounded (aux TCG_VEC_NEGATE: z - ...) */
TCGv arm_gen_vqrdmlah(TCGBuilder *b, unsigned aux, unsigned Q, TCGv z, TCGv x, TCGv y);

/* ---- floating point ---- */

static inline TCGType arm_fp_type(unsigned esize)
{
    return esize == 3 ? TCG_F64 : TCG_F32;
}
/* ftype of scalar instructions as log2 of bytes: single 0, double 1, half 3. */
static inline unsigned arm_fp_esize(unsigned ftype)
{
    return ftype == 3 ? 1 : 2 + ftype;
}
/* The rounding that rmode names: nearest, towards plus infinity, minus infinity, zero. */
unsigned arm_fp_round(unsigned rmode);
/* The argument of ARM_FP_RINT for the low three bits of FRINT's opcode: N P M Z A - X I. */
unsigned arm_fp_rint_arg(unsigned opc);
/* Flags of IR ops in this mode (ARM_MODE_*), with FPCR's rounding. */
unsigned arm_fp_flags(uint32_t mode);
/*
 * One element of FP: x, y, z as the bits of integers (I64 for doubles, else I32), as is the result.
 * z and y may be TCG_NONE.
 */
TCGv arm_gen_fp(TCGBuilder *b, uint32_t mode, ARMFpOp op, unsigned esize, unsigned arg, TCGv x,
                TCGv y, TCGv z);
/* The same for the n low elements of vectors; zeros above. */
TCGv arm_gen_vfp(TCGBuilder *b, uint32_t mode, ARMFpOp op, unsigned esize, unsigned arg, unsigned n,
                 TCGv x, TCGv y, TCGv z);
/* z + x * y, or - x * y, of the low halves of half precision, in single. */
TCGv arm_gen_fmlal(TCGBuilder *b, uint32_t mode, unsigned Q, bool subtract, TCGv x, TCGv y, TCGv z);
/* z + x * y of complex numbers, one of the two steps that rot names. */
TCGv arm_gen_fcmla(TCGBuilder *b, uint32_t mode, unsigned esize, unsigned Q, unsigned rot, TCGv x,
                   TCGv y, TCGv z);
/* Half `high` of x to twice the size; x to half the size (odd: rounded so), in the low half. */
TCGv arm_gen_vfcvt_long(TCGBuilder *b, uint32_t mode, unsigned esize, unsigned high, TCGv x);
TCGv arm_gen_vfcvt_narrow(TCGBuilder *b, uint32_t mode, unsigned esize, bool odd, TCGv x);
/* Sign of the scalar cleared or inverted. */
TCGv arm_gen_fp_abs(TCGBuilder *b, unsigned esize, TCGv x);
TCGv arm_gen_fp_neg(TCGBuilder *b, unsigned esize, TCGv x);
/* AdvSIMDExpandImm(). */
uint64_t arm_v_expand_imm(unsigned op, unsigned cmode, uint64_t imm8);
/* VFPExpandImm(): the bits of the number that imm8 stands for. */
uint64_t arm_fp_expand_imm(unsigned esize, unsigned imm8);

#endif

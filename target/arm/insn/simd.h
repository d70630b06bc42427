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
/* The low element as the bits of an integer: I64 for doubles, else I32; halves zero-extended. */
TCGv a64_v_bits(A64Ctx *c, unsigned esize, unsigned r);
/* v: I32 or I64, zero above the element. */
void a64_set_v_bits(A64Ctx *c, unsigned r, TCGv v);
/* The low element as F32 or F64. */
TCGv a64_f(A64Ctx *c, TCGType t, unsigned r);
void a64_set_f(A64Ctx *c, unsigned r, TCGv v);

/* ---- vectors of any kind ---- */

TCGv arm_v_zero(TCGBuilder *b);
/* Two halves. */
TCGv arm_v_make(TCGBuilder *b, TCGv lo, TCGv hi);

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
/* The same for all elements of vectors. */
TCGv arm_gen_vfp(TCGBuilder *b, uint32_t mode, ARMFpOp op, unsigned esize, unsigned arg, unsigned Q,
                 TCGv x, TCGv y, TCGv z);
/* Sign of the scalar cleared or inverted. */
TCGv arm_gen_fp_abs(TCGBuilder *b, unsigned esize, TCGv x);
TCGv arm_gen_fp_neg(TCGBuilder *b, unsigned esize, TCGv x);
/* VFPExpandImm(): the bits of the number that imm8 stands for. */
uint64_t arm_fp_expand_imm(unsigned esize, unsigned imm8);

#endif

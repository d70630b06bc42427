/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * VFP and Advanced SIMD of AArch32: what the functions below the rows of target/arm/insn/vfp*.c and
 * neon*.c work with. A32 and T32 share the rows: a T32 encoding is brought into the form of the A32
 * one first (vfp_translate()). DDI 0487, F3.1.8 to F3.1.10 and F4.1.4.
 *
 * D and S registers are pieces of V0 to V15: Dn is half n % 2 of V(n / 2), Sn element n % 4 of
 * V(n / 4). Each V register has cells of three sizes, and a unit names it by those of one size,
 * which its first instruction with the register chooses: one of VFP that of its operands, one of
 * Advanced SIMD the whole. Pieces of other sizes are taken out and put together; what is known of
 * them is remembered as long as no label comes. Vector operations follow the "standard FPSCR":
 * flush to zero, default NaNs, round to nearest (F1.2.6), scalar ones FPSCR.
 */
#ifndef RHEA_TARGET_ARM_VFP_H
#define RHEA_TARGET_ARM_VFP_H

#include "target/arm/insn/simd.h"

/* Registers come as the numbers of D or S registers, as the row's pieces put them together. */
typedef struct VFPInsn {
    int32_t imm;
    uint8_t cond;
    uint8_t vd, vn, vm;
    uint8_t rd, rn, rm, rt2;
    uint8_t esize; /* log2 of bytes: set by the row */
    uint8_t size, op, o0, o1, o2, U, L, P, W, Q, T, F;
    uint8_t cc, rmode, cmode, index, align, len, reg, rot;
} VFPInsn;

typedef struct VFPCtx {
    A64Ctx *c;
    TCGBuilder *b;
    uint32_t mode; /* of scalar operations */
    int64_t pc;    /* the PC as an operand, from the page */
} VFPCtx;

#define VFP_ROW_EXTENSIONS(X)                                                                      \
    X(VFP2)                                                                                        \
    X(VFP3)                                                                                        \
    X(VFP4)                                                                                        \
    X(VFPHP) X(NEON) X(V8) X(FP16) X(AES) X(SHA1) X(SHA256) X(RDM) X(DOTPROD) X(FCMA) X(FHM)       \
        X(JSCVT)
enum {
#define VFP_ROW_BIT(name) VFP_BIT_##name,
    VFP_ROW_EXTENSIONS(VFP_ROW_BIT)
#undef VFP_ROW_BIT
        VFP_BIT_BASE,
};
#define VFP_EXT(name) ((uint64_t)1 << VFP_BIT_##name)

#include "target/arm/insn/vfp-insn-gen.h"

VFPInsnId vfp_decode32(uint32_t w, uint64_t ext, VFPInsn *a);
extern void (*const vfp_trans[VFP_INSN_COUNT])(VFPCtx *c, const VFPInsn *a);
extern const InsnRow vfp_insn_rows[VFP_INSN_COUNT];

/*
 * The instruction c->word of A32 or (thumb) T32 if it is one of VFP or Advanced SIMD; false: it is
 * not, nothing was emitted. pc: the PC as an operand, from the page (pcrel). The condition is the
 * caller's business. c->ended is set by an exception.
 */
bool vfp_translate(A64Ctx *c, bool thumb, int64_t pc);

/* ---- registers ---- */

/* False, and UNDEFINED was emitted, if a D register does not exist. */
bool vfp_d_ok(VFPCtx *c, unsigned d);
/* A scalar as the bits of an integer: I64 for D registers, else I32. Half precision is the low half
 * of an S register; setting clears the other. */
TCGv vfp_get(VFPCtx *c, unsigned esize, unsigned r);
void vfp_set(VFPCtx *c, unsigned esize, unsigned r, TCGv v);
/* The same as F64 (esize 3) or F32. */
TCGv vfp_get_f(VFPCtx *c, unsigned esize, unsigned r);
void vfp_set_f(VFPCtx *c, unsigned esize, unsigned r, TCGv v);

/* A vector: Q register d / 2, or (Q is 0) D register d in the low half. */
TCGv neon_get(VFPCtx *c, unsigned Q, unsigned d);
void neon_set(VFPCtx *c, unsigned Q, unsigned d, TCGv v);
/* False, and a trap was emitted, if Advanced SIMD may not be used now. */
bool neon_access(VFPCtx *c);
/* Do the registers exist, and may they be used? Q registers have even numbers; which of the three
 * are Q registers Q says, or else: */
enum {
    NEON_WIDE_D = 1,
    NEON_WIDE_N = 2,
    NEON_WIDE_M = 4,
    NEON_NARROW_D = 8,
    NEON_NARROW_M = 16,
};
bool neon_ok(VFPCtx *c, const VFPInsn *a, unsigned which);
/* For arm_gen_vfp(): the standard FPSCR. */
static inline uint32_t neon_mode(const VFPCtx *c)
{
    return c->mode | ARM_FP_STANDARD;
}

/* Rows of single precision have no size, or 2; those of half have 1. */
static inline unsigned neon_fp_esize(const VFPInsn *a)
{
    return a->size == 1 ? 1 : 2;
}

static inline TCGv vfp_r(VFPCtx *c, unsigned r)
{
    return tcg_gen_trunc(c->b, tcg_gen_getcell(c->b, ARM_CELL_X(r)));
}
static inline void vfp_set_r(VFPCtx *c, unsigned r, TCGv v)
{
    tcg_gen_setcell(c->b, ARM_CELL_X(r), tcg_gen_extu(c->b, v));
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Private to tcg/interp. */
#ifndef TCG_INTERP_INTERNAL_H
#define TCG_INTERP_INTERNAL_H

#include "tcg/backend.h"
#include "tcg/interp.h"

/* Guest memory through the soft TLB (softmmu.c). */
extern const TcgInterpMem tcg_interp_softmmu;

/*
 * One FP arithmetic op, exactly; from is the type of its first operand. Takes DYN rounding from
 * env->mxcsr and accumulates exception flags there, in the format of x86's MXCSR, and in
 * env->fp_more (fp.c).
 */
uint64_t tcg_interp_fp(const TCGOp *op, unsigned from, CPUEnv *env, uint64_t a, uint64_t b,
                       uint64_t c);
/* A vector op from vorc on but vdup and the like, of which only opc, aux and imm are looked at;
 * operands that it lacks are not read. r may be none of a, b, c. FP: vfadd to vfnarrow. */
void tcg_interp_vec(const TCGOp *op, const uint64_t a[2], const uint64_t b[2], const uint64_t c[2],
                    uint64_t r[2]);
void tcg_interp_vfp(const TCGOp *op, CPUEnv *env, const uint64_t a[2], const uint64_t b[2],
                    const uint64_t c[2], uint64_t r[2]);

/* Such an op in 32 bits. */
static inline uint32_t tcg_interp_vec_desc(const TCGOp *op)
{
    return op->opc | (uint32_t)op->aux << 8 | (uint32_t)op->imm << 24;
}
static inline TCGOp tcg_interp_vec_op(uint32_t desc)
{
    return (TCGOp){
        .opc = desc & 0xff, .type = TCG_V128, .aux = desc >> 8 & 0xffff, .imm = desc >> 24};
}
/* The low and the high half of what such an op computes, of its desc and all halves. */
extern const TCGHelper tcg_interp_vec_helper[2], tcg_interp_vfp_helper[2];

#endif

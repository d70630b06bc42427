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
 * *mxcsr and accumulates exception flags there, in the format of x86's MXCSR (fp.c).
 */
uint64_t tcg_interp_fp(const TCGOp *op, unsigned from, uint32_t *mxcsr, uint64_t a, uint64_t b,
                       uint64_t c);

#endif

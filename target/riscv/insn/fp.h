/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the floating-point instruction files share. Formats are TCG_F32 and TCG_F64; half precision
 * is done by helpers on whole registers (zfh.c). Internal to target/riscv/insn; defined in f.c.
 *
 * An f register is an F64 cell; a narrower value lies in it NaN-boxed (unprivileged ISA, section
 * "NaN Boxing of Narrower Values").
 */
#ifndef RHEA_TARGET_RISCV_INSN_FP_H
#define RHEA_TARGET_RISCV_INSN_FP_H

#include "target/riscv/insn.h"

/* How RISC-V's NaN results, conversions and fmin look to the IR; the rounding mode joins. */
#define RISCV_FP       (TCG_FP_DEFAULT_NAN | TCG_FP_CVT_SAT_MAX | TCG_FP_NUM)
/* For what never rounds: the mode that costs nothing, whatever the instruction says. */
#define RISCV_FP_EXACT (RISCV_FP | TCG_RND_DYN)

/* False, and the unit has ended in an exception, if mstatus.FS is off. */
bool riscv_fp_on(RISCVCtx *c);
/* The same for an instruction that changes an f register or fcsr: marks them dirty. */
bool riscv_fp_change(RISCVCtx *c);
/* The same for one with a rounding mode, which must be valid; fp: what the IR's op takes. */
bool riscv_fp_round(RISCVCtx *c, const RISCVInsn *a, unsigned *fp);

TCGv riscv_f(RISCVCtx *c, TCGType t, unsigned r);
void riscv_set_f(RISCVCtx *c, unsigned r, TCGv v);
/* The 64 bits of an f register. */
TCGv riscv_f_bits(RISCVCtx *c, unsigned r);
void riscv_set_f_bits(RISCVCtx *c, unsigned r, TCGv bits);

typedef TCGv RISCVFpBinary(TCGBuilder *b, unsigned fp, TCGv x, TCGv y);
typedef TCGv RISCVFpToInt(TCGBuilder *b, TCGType to, unsigned fp, TCGv x);
typedef TCGv RISCVFpFromInt(TCGBuilder *b, TCGType to, unsigned fp, TCGv x);

void riscv_gen_fp_load(RISCVCtx *c, const RISCVInsn *a, TCGType t);
void riscv_gen_fp_store(RISCVCtx *c, const RISCVInsn *a, TCGType t);
/* rd := rs1 op rs2, rounded */
void riscv_gen_fp_arith(RISCVCtx *c, const RISCVInsn *a, TCGType t, RISCVFpBinary *op);
/* rd := min or max by fp, which is RISCV_FP_EXACT, for fminm and fmaxm without TCG_FP_NUM */
void riscv_gen_fp_minmax(RISCVCtx *c, const RISCVInsn *a, TCGType t, unsigned fp,
                         RISCVFpBinary *op);
void riscv_gen_fp_sqrt(RISCVCtx *c, const RISCVInsn *a, TCGType t);
/* rd := (rs1 * rs2) + rs3, with signs of the product and of rs3 changed first */
void riscv_gen_fp_fma(RISCVCtx *c, const RISCVInsn *a, TCGType t, bool negate_product,
                      bool negate_addend);
typedef enum RISCVSign { RISCV_SGNJ, RISCV_SGNJN, RISCV_SGNJX } RISCVSign;
void riscv_gen_fp_sign(RISCVCtx *c, const RISCVInsn *a, TCGType t, RISCVSign how);
void riscv_gen_fp_compare(RISCVCtx *c, const RISCVInsn *a, TCGType t, TCGFCond cond);
void riscv_gen_fp_class(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h);
/* x[rd] := integer of type `to` from rs1; words are sign-extended */
void riscv_gen_fp_to_int(RISCVCtx *c, const RISCVInsn *a, TCGType t, TCGType to, RISCVFpToInt *op);
/* f[rd] := from the integer of type `from` in rs1 */
void riscv_gen_fp_from_int(RISCVCtx *c, const RISCVInsn *a, TCGType t, TCGType from,
                           RISCVFpFromInt *op);

/* zfa.c: bits of value `index` of fli in a format. */
uint64_t riscv_fli_bits(unsigned index, unsigned exp_bits, unsigned frac_bits);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zbs: single-bit instructions (unprivileged ISA, chapter '"B" Extension for Bit Manipulation').
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"
/* 1 << n, n modulo XLEN */
static TCGv bit(RISCVCtx *c, TCGv n)
{
    return tcg_gen_shl(c->b, tcg_const(c->b, c->xt, 1), n);
}

static TCGv bit_imm(RISCVCtx *c, const RISCVInsn *a)
{
    return bit(c, tcg_const(c->b, c->xt, a->shamt));
}

INSN(bclr, "0100100 rs2:5 rs1:5 001 rd:5 0110011", ZBS, "rd,rs1,rs2")
void riscv_trans_bclr(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_andc(c->b, riscv_x(c, a->rs1), bit(c, riscv_x(c, a->rs2))));
}

INSN(bclri, "010010 shamt:6 rs1:5 001 rd:5 0010011", ZBS + RV64, "rd,rs1,shamt")
INSN(bclri__32, "0100100 shamt:5 rs1:5 001 rd:5 0010011", ZBS + RV32, "rd,rs1,shamt")
void riscv_trans_bclri(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_andc(c->b, riscv_x(c, a->rs1), bit_imm(c, a)));
}

INSN(bext, "0100100 rs2:5 rs1:5 101 rd:5 0110011", ZBS, "rd,rs1,rs2")
void riscv_trans_bext(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_andi(c->b, tcg_gen_shr(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)), 1));
}

INSN(bexti, "010010 shamt:6 rs1:5 101 rd:5 0010011", ZBS + RV64, "rd,rs1,shamt")
INSN(bexti__32, "0100100 shamt:5 rs1:5 101 rd:5 0010011", ZBS + RV32, "rd,rs1,shamt")
void riscv_trans_bexti(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_andi(c->b, tcg_gen_shri(c->b, riscv_x(c, a->rs1), a->shamt), 1));
}

INSN(binv, "0110100 rs2:5 rs1:5 001 rd:5 0110011", ZBS, "rd,rs1,rs2")
void riscv_trans_binv(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_xor(c->b, riscv_x(c, a->rs1), bit(c, riscv_x(c, a->rs2))));
}

INSN(binvi, "011010 shamt:6 rs1:5 001 rd:5 0010011", ZBS + RV64, "rd,rs1,shamt")
INSN(binvi__32, "0110100 shamt:5 rs1:5 001 rd:5 0010011", ZBS + RV32, "rd,rs1,shamt")
void riscv_trans_binvi(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_xor(c->b, riscv_x(c, a->rs1), bit_imm(c, a)));
}

INSN(bset, "0010100 rs2:5 rs1:5 001 rd:5 0110011", ZBS, "rd,rs1,rs2")
void riscv_trans_bset(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_or(c->b, riscv_x(c, a->rs1), bit(c, riscv_x(c, a->rs2))));
}

INSN(bseti, "001010 shamt:6 rs1:5 001 rd:5 0010011", ZBS + RV64, "rd,rs1,shamt")
INSN(bseti__32, "0010100 shamt:5 rs1:5 001 rd:5 0010011", ZBS + RV32, "rd,rs1,shamt")
void riscv_trans_bseti(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_or(c->b, riscv_x(c, a->rs1), bit_imm(c, a)));
}

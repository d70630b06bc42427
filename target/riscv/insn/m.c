/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * M: multiplication and division (unprivileged ISA, chapter '"M" Extension for Integer
 * Multiplication and Division'). Multiplication alone is Zmmul. The IR's division has RISC-V's
 * results for a zero divisor and for overflow.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"

INSN(mul, "0000001 rs2:5 rs1:5 000 rd:5 0110011", ZMMUL, "rd,rs1,rs2")
INSN(c_mul, "100111 rd':3 10 rs2':3 01", ZCB + ZMMUL, "rd,rs2", "rs1=rd")
void riscv_trans_mul(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_mul(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(mulh, "0000001 rs2:5 rs1:5 001 rd:5 0110011", ZMMUL, "rd,rs1,rs2")
void riscv_trans_mulh(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_mulhs(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(mulhsu, "0000001 rs2:5 rs1:5 010 rd:5 0110011", ZMMUL, "rd,rs1,rs2")
void riscv_trans_mulhsu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_mulhsu(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(mulhu, "0000001 rs2:5 rs1:5 011 rd:5 0110011", ZMMUL, "rd,rs1,rs2")
void riscv_trans_mulhu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_mulhu(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(div, "0000001 rs2:5 rs1:5 100 rd:5 0110011", M, "rd,rs1,rs2")
void riscv_trans_div(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_divs(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(divu, "0000001 rs2:5 rs1:5 101 rd:5 0110011", M, "rd,rs1,rs2")
void riscv_trans_divu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_divu(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(rem, "0000001 rs2:5 rs1:5 110 rd:5 0110011", M, "rd,rs1,rs2")
void riscv_trans_rem(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_rems(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(remu, "0000001 rs2:5 rs1:5 111 rd:5 0110011", M, "rd,rs1,rs2")
void riscv_trans_remu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_remu(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(mulw, "0000001 rs2:5 rs1:5 000 rd:5 0111011", ZMMUL + RV64, "rd,rs1,rs2")
void riscv_trans_mulw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_mul(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

INSN(divw, "0000001 rs2:5 rs1:5 100 rd:5 0111011", M + RV64, "rd,rs1,rs2")
void riscv_trans_divw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_divs(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

INSN(divuw, "0000001 rs2:5 rs1:5 101 rd:5 0111011", M + RV64, "rd,rs1,rs2")
void riscv_trans_divuw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_divu(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

INSN(remw, "0000001 rs2:5 rs1:5 110 rd:5 0111011", M + RV64, "rd,rs1,rs2")
void riscv_trans_remw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_rems(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

INSN(remuw, "0000001 rs2:5 rs1:5 111 rd:5 0111011", M + RV64, "rd,rs1,rs2")
void riscv_trans_remuw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_remu(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

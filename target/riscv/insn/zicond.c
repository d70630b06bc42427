/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zicond: conditional zeroing (unprivileged ISA, chapter "Zicond Extension for Integer Conditional
 * Operations").
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"

INSN(czero_eqz, "0000111 rs2:5 rs1:5 101 rd:5 0110011", ZICOND, "rd,rs1,rs2")
void riscv_trans_czero_eqz(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(
        c, a->rd,
        tcg_gen_select(c->b, riscv_x(c, a->rs2), riscv_x(c, a->rs1), tcg_const(c->b, c->xt, 0)));
}

INSN(czero_nez, "0000111 rs2:5 rs1:5 111 rd:5 0110011", ZICOND, "rd,rs1,rs2")
void riscv_trans_czero_nez(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(
        c, a->rd,
        tcg_gen_select(c->b, riscv_x(c, a->rs2), tcg_const(c->b, c->xt, 0), riscv_x(c, a->rs1)));
}

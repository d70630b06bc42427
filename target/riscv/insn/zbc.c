/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zbc and Zbkc: carry-less multiplication (unprivileged ISA, chapter '"B" Extension for Bit
 * Manipulation').
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"
static void gen_clmul(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h64, const TCGHelper *h32)
{
    const TCGHelper *h = c->xlen == 64 ? h64 : h32;
    riscv_set_x64(c, a->rd, tcg_gen_call2(c->b, h, riscv_x64(c, a->rs1), riscv_x64(c, a->rs2)));
}

INSN(clmul, "0000101 rs2:5 rs1:5 001 rd:5 0110011", ZBC | ZBKC, "rd,rs1,rs2")
void riscv_trans_clmul(RISCVCtx *c, const RISCVInsn *a)
{
    gen_clmul(c, a, &riscv_helper_clmul, &riscv_helper_clmul);
}

INSN(clmulh, "0000101 rs2:5 rs1:5 011 rd:5 0110011", ZBC | ZBKC, "rd,rs1,rs2")
void riscv_trans_clmulh(RISCVCtx *c, const RISCVInsn *a)
{
    gen_clmul(c, a, &riscv_helper_clmulh, &riscv_helper_clmulh32);
}

INSN(clmulr, "0000101 rs2:5 rs1:5 010 rd:5 0110011", ZBC, "rd,rs1,rs2")
void riscv_trans_clmulr(RISCVCtx *c, const RISCVInsn *a)
{
    gen_clmul(c, a, &riscv_helper_clmulr, &riscv_helper_clmulr32);
}

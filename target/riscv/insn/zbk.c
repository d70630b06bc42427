/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zbkb and Zbkx: bit manipulation for cryptography (unprivileged ISA, chapter "Cryptography
 * Extensions: Scalar & Entropy Source Instructions"). What Zbb and Zbc have too stands in zbb.c and
 * zbc.c.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"
static void gen_call_x(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    riscv_set_x64(c, a->rd, tcg_gen_call1(c->b, h, riscv_x64(c, a->rs1)));
}

INSN(pack, "0000100 rs2:5 rs1:5 100 rd:5 0110011", ZBKB, "rd,rs1,rs2")
void riscv_trans_pack(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(
        c, a->rd,
        tcg_gen_deposit(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2), c->xlen / 2, c->xlen / 2));
}

INSN(packh, "0000100 rs2:5 rs1:5 111 rd:5 0110011", ZBKB, "rd,rs1,rs2")
void riscv_trans_packh(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_deposit(c->b, tcg_gen_ext8u(c->b, riscv_x(c, a->rs1)),
                                tcg_gen_ext8u(c->b, riscv_x(c, a->rs2)), 8, 8));
}

INSN(packw, "0000100 rs2:5 rs1:5 100 rd:5 0111011", ZBKB + RV64, "rd,rs1,rs2")
void riscv_trans_packw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_deposit(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2), 16, 16));
}

INSN(brev8, "011010000111 rs1:5 101 rd:5 0010011", ZBKB, "rd,rs1")
void riscv_trans_brev8(RISCVCtx *c, const RISCVInsn *a)
{
    gen_call_x(c, a, &riscv_helper_brev8);
}

INSN(zip, "000010001111 rs1:5 001 rd:5 0010011", ZBKB + RV32, "rd,rs1")
void riscv_trans_zip(RISCVCtx *c, const RISCVInsn *a)
{
    gen_call_x(c, a, &riscv_helper_zip32);
}

INSN(unzip, "000010001111 rs1:5 101 rd:5 0010011", ZBKB + RV32, "rd,rs1")
void riscv_trans_unzip(RISCVCtx *c, const RISCVInsn *a)
{
    gen_call_x(c, a, &riscv_helper_unzip32);
}
static void gen_xperm(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h64, const TCGHelper *h32)
{
    const TCGHelper *h = c->xlen == 64 ? h64 : h32;
    riscv_set_x64(c, a->rd, tcg_gen_call2(c->b, h, riscv_x64(c, a->rs1), riscv_x64(c, a->rs2)));
}

INSN(xperm4, "0010100 rs2:5 rs1:5 010 rd:5 0110011", ZBKX, "rd,rs1,rs2")
void riscv_trans_xperm4(RISCVCtx *c, const RISCVInsn *a)
{
    gen_xperm(c, a, &riscv_helper_xperm4, &riscv_helper_xperm4_32);
}

INSN(xperm8, "0010100 rs2:5 rs1:5 100 rd:5 0110011", ZBKX, "rd,rs1,rs2")
void riscv_trans_xperm8(RISCVCtx *c, const RISCVInsn *a)
{
    gen_xperm(c, a, &riscv_helper_xperm8, &riscv_helper_xperm8_32);
}

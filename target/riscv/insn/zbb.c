/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zbb: basic bit manipulation (unprivileged ISA, chapter '"B" Extension for Bit Manipulation').
 * What Zbkb shares with it stands here too.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"

INSN(andn, "0100000 rs2:5 rs1:5 111 rd:5 0110011", ZBB | ZBKB, "rd,rs1,rs2")
void riscv_trans_andn(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_andc(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(orn, "0100000 rs2:5 rs1:5 110 rd:5 0110011", ZBB | ZBKB, "rd,rs1,rs2")
void riscv_trans_orn(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_orc(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(xnor, "0100000 rs2:5 rs1:5 100 rd:5 0110011", ZBB | ZBKB, "rd,rs1,rs2")
void riscv_trans_xnor(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_eqv(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(clz, "011000000000 rs1:5 001 rd:5 0010011", ZBB, "rd,rs1")
void riscv_trans_clz(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_clz(c->b, riscv_x(c, a->rs1)));
}

INSN(ctz, "011000000001 rs1:5 001 rd:5 0010011", ZBB, "rd,rs1")
void riscv_trans_ctz(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_ctz(c->b, riscv_x(c, a->rs1)));
}

INSN(cpop, "011000000010 rs1:5 001 rd:5 0010011", ZBB, "rd,rs1")
void riscv_trans_cpop(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_popcnt(c->b, riscv_x(c, a->rs1)));
}

INSN(clzw, "011000000000 rs1:5 001 rd:5 0011011", ZBB + RV64, "rd,rs1")
void riscv_trans_clzw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_clz(c->b, riscv_w(c, a->rs1)));
}

INSN(ctzw, "011000000001 rs1:5 001 rd:5 0011011", ZBB + RV64, "rd,rs1")
void riscv_trans_ctzw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_ctz(c->b, riscv_w(c, a->rs1)));
}

INSN(cpopw, "011000000010 rs1:5 001 rd:5 0011011", ZBB + RV64, "rd,rs1")
void riscv_trans_cpopw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_popcnt(c->b, riscv_w(c, a->rs1)));
}
static void gen_minmax(RISCVCtx *c, const RISCVInsn *a, TCGCond cond)
{
    TCGv x = riscv_x(c, a->rs1), y = riscv_x(c, a->rs2);
    TCGv first = tcg_gen_setcond(c->b, TCG_I32, cond, x, y);
    riscv_set_x(c, a->rd, tcg_gen_select(c->b, first, x, y));
}

INSN(min, "0000101 rs2:5 rs1:5 100 rd:5 0110011", ZBB, "rd,rs1,rs2")
void riscv_trans_min(RISCVCtx *c, const RISCVInsn *a)
{
    gen_minmax(c, a, TCG_COND_LT);
}

INSN(minu, "0000101 rs2:5 rs1:5 101 rd:5 0110011", ZBB, "rd,rs1,rs2")
void riscv_trans_minu(RISCVCtx *c, const RISCVInsn *a)
{
    gen_minmax(c, a, TCG_COND_LTU);
}

INSN(max, "0000101 rs2:5 rs1:5 110 rd:5 0110011", ZBB, "rd,rs1,rs2")
void riscv_trans_max(RISCVCtx *c, const RISCVInsn *a)
{
    gen_minmax(c, a, TCG_COND_GT);
}

INSN(maxu, "0000101 rs2:5 rs1:5 111 rd:5 0110011", ZBB, "rd,rs1,rs2")
void riscv_trans_maxu(RISCVCtx *c, const RISCVInsn *a)
{
    gen_minmax(c, a, TCG_COND_GTU);
}

INSN(sext_b, "011000000100 rs1:5 001 rd:5 0010011", ZBB, "rd,rs1")
INSN(c_sext_b, "100111 rd':3 11 001 01", ZCB + ZBB, "rd", "rs1=rd")
void riscv_trans_sext_b(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_ext8s(c->b, riscv_x(c, a->rs1)));
}

INSN(sext_h, "011000000101 rs1:5 001 rd:5 0010011", ZBB, "rd,rs1")
INSN(c_sext_h, "100111 rd':3 11 011 01", ZCB + ZBB, "rd", "rs1=rd")
void riscv_trans_sext_h(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_ext16s(c->b, riscv_x(c, a->rs1)));
}

/* With Zbkb alone these are pack and packw with x0. */
INSN(zext_h, "000010000000 rs1:5 100 rd:5 0111011", ZBB + RV64, "rd,rs1", "over=packw")
INSN(zext_h__32, "000010000000 rs1:5 100 rd:5 0110011", ZBB + RV32, "rd,rs1", "over=pack")
INSN(c_zext_h, "100111 rd':3 11 010 01", ZCB + ZBB, "rd", "rs1=rd")
void riscv_trans_zext_h(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_ext16u(c->b, riscv_x(c, a->rs1)));
}

INSN(rol, "0110000 rs2:5 rs1:5 001 rd:5 0110011", ZBB | ZBKB, "rd,rs1,rs2")
void riscv_trans_rol(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_rotl(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(ror, "0110000 rs2:5 rs1:5 101 rd:5 0110011", ZBB | ZBKB, "rd,rs1,rs2")
void riscv_trans_ror(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_rotr(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(rori, "011000 shamt:6 rs1:5 101 rd:5 0010011", RV64 + (ZBB | ZBKB), "rd,rs1,shamt")
INSN(rori__32, "0110000 shamt:5 rs1:5 101 rd:5 0010011", RV32 + (ZBB | ZBKB), "rd,rs1,shamt")
void riscv_trans_rori(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_rotri(c->b, riscv_x(c, a->rs1), a->shamt));
}

INSN(rolw, "0110000 rs2:5 rs1:5 001 rd:5 0111011", RV64 + (ZBB | ZBKB), "rd,rs1,rs2")
void riscv_trans_rolw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_rotl(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

INSN(rorw, "0110000 rs2:5 rs1:5 101 rd:5 0111011", RV64 + (ZBB | ZBKB), "rd,rs1,rs2")
void riscv_trans_rorw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_rotr(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

INSN(roriw, "0110000 shamt:5 rs1:5 101 rd:5 0011011", RV64 + (ZBB | ZBKB), "rd,rs1,shamt")
void riscv_trans_roriw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_rotri(c->b, riscv_w(c, a->rs1), a->shamt));
}

/* Each byte that is not zero becomes 0xff: adding 0x7f to its low seven bits carries into bit 7
 * unless they are zero. */
INSN(orc_b, "001010000111 rs1:5 101 rd:5 0010011", ZBB, "rd,rs1")
void riscv_trans_orc_b(RISCVCtx *c, const RISCVInsn *a)
{
    TCGv low = tcg_const(c->b, c->xt, c->xlen == 64 ? 0x7f7f7f7f7f7f7f7f : 0x7f7f7f7f);
    TCGv x = riscv_x(c, a->rs1);
    TCGv top = tcg_gen_or(c->b, tcg_gen_add(c->b, tcg_gen_and(c->b, x, low), low), x);
    top = tcg_gen_and(c->b, top, tcg_gen_not(c->b, low));
    riscv_set_x(c, a->rd,
                tcg_gen_sub(c->b, tcg_gen_shli(c->b, top, 1), tcg_gen_shri(c->b, top, 7)));
}

INSN(rev8, "011010111000 rs1:5 101 rd:5 0010011", RV64 + (ZBB | ZBKB), "rd,rs1")
INSN(rev8__32, "011010011000 rs1:5 101 rd:5 0010011", RV32 + (ZBB | ZBKB), "rd,rs1")
void riscv_trans_rev8(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_bswap(c->b, riscv_x(c, a->rs1)));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A: atomic instructions (unprivileged ISA, chapter '"A" Extension for Atomic Instructions'):
 * Zalrsc and Zaamo.
 *
 * LR leaves the address and the value in cells; SC is a compare-and-exchange with that value, so
 * it also succeeds when another hart has stored the same value again in between, which the
 * architecture cannot tell from no store. The size is kept in bit 0 of the address: an SC of
 * another size than the LR's fails. SC always ends the reservation, traps end it in excp.c.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"
static void gen_lr(RISCVCtx *c, const RISCVInsn *a, unsigned size)
{
    TCGv addr = riscv_x64(c, a->rs1);
    TCGMemOp m = TCG_MO_ALIGNED(size) | TCG_MO_SIGN | riscv_order(a);
    TCGv v = tcg_gen_ld(c->b, c->xt, m, addr, 0);
    tcg_gen_setcell(c->b, RISCV_CELL_RES_ADDR, tcg_gen_ori(c->b, addr, size == TCG_MO_64));
    tcg_gen_setcell(c->b, RISCV_CELL_RES_VAL, c->xlen == 64 ? v : tcg_gen_exts(c->b, v));
    riscv_set_x(c, a->rd, v);
}

INSN(lr_w, "00010 aq:1 rl:1 00000 rs1:5 010 rd:5 0101111", ZALRSC, "aqrl rd,(rs1)")
void riscv_trans_lr_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_lr(c, a, TCG_MO_32);
}

INSN(lr_d, "00010 aq:1 rl:1 00000 rs1:5 011 rd:5 0101111", ZALRSC + RV64, "aqrl rd,(rs1)")
void riscv_trans_lr_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_lr(c, a, TCG_MO_64);
}
static void gen_sc(RISCVCtx *c, const RISCVInsn *a, unsigned size)
{
    bool wide = size == TCG_MO_64;
    TCGLabel fail = tcg_new_label(c->b), done = tcg_new_label(c->b), aligned = tcg_new_label(c->b);
    TCGv addr = riscv_x64(c, a->rs1);
    TCGv desired = wide ? riscv_x(c, a->rs2) : riscv_w(c, a->rs2);
    TCGv expect = tcg_gen_getcell(c->b, RISCV_CELL_RES_VAL);
    expect = wide ? expect : tcg_gen_trunc(c->b, expect);
    TCGv differs = tcg_gen_setcond(c->b, TCG_I32, TCG_COND_NE, tcg_gen_ori(c->b, addr, wide),
                                   tcg_gen_getcell(c->b, RISCV_CELL_RES_ADDR));
    tcg_gen_setcell(c->b, RISCV_CELL_RES_ADDR, tcg_i64(c->b, RISCV_RES_NONE));
    tcg_gen_br_if(c->b, differs, fail);
    TCGv old = tcg_gen_cmpxchg(c->b, wide ? TCG_I64 : TCG_I32,
                               TCG_MO_ALIGNED(size) | riscv_order(a), addr, expect, desired);
    riscv_set_x(c, a->rd, tcg_gen_setcond(c->b, c->xt, TCG_COND_NE, old, expect));
    tcg_gen_br(c->b, done);

    tcg_gen_label(c->b, fail);
    tcg_gen_br_if(c->b, tcg_gen_setcondi(c->b, TCG_I32, TCG_COND_TSTEQ, addr, wide ? 7 : 3),
                  aligned);
    tcg_gen_call2(c->b, &riscv_helper_raise, tcg_i64(c->b, RISCV_EXC_STORE_MISALIGNED), addr);
    tcg_gen_label(c->b, aligned);
    riscv_set_x(c, a->rd, tcg_const(c->b, c->xt, 1));
    tcg_gen_label(c->b, done);
}

INSN(sc_w, "00011 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZALRSC, "aqrl rd,rs2,(rs1)")
void riscv_trans_sc_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_sc(c, a, TCG_MO_32);
}

INSN(sc_d, "00011 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZALRSC + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_sc_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_sc(c, a, TCG_MO_64);
}
static void gen_amo(RISCVCtx *c, const RISCVInsn *a, TCGRmw op, unsigned size)
{
    TCGMemOp m = TCG_MO_ALIGNED(size) | TCG_MO_SIGN | riscv_order(a);
    TCGv addr = riscv_x64(c, a->rs1);
    riscv_gen_atomic_watch(c, m, addr);
    riscv_set_x(c, a->rd, tcg_gen_atomic_rmw(c->b, c->xt, m, op, addr, riscv_x(c, a->rs2)));
}

INSN(amoswap_w, "00001 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZAAMO, "aqrl rd,rs2,(rs1)")
void riscv_trans_amoswap_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_XCHG, TCG_MO_32);
}

INSN(amoswap_d, "00001 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZAAMO + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_amoswap_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_XCHG, TCG_MO_64);
}

INSN(amoadd_w, "00000 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZAAMO, "aqrl rd,rs2,(rs1)")
void riscv_trans_amoadd_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_ADD, TCG_MO_32);
}

INSN(amoadd_d, "00000 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZAAMO + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_amoadd_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_ADD, TCG_MO_64);
}

INSN(amoxor_w, "00100 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZAAMO, "aqrl rd,rs2,(rs1)")
void riscv_trans_amoxor_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_XOR, TCG_MO_32);
}

INSN(amoxor_d, "00100 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZAAMO + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_amoxor_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_XOR, TCG_MO_64);
}

INSN(amoand_w, "01100 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZAAMO, "aqrl rd,rs2,(rs1)")
void riscv_trans_amoand_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_AND, TCG_MO_32);
}

INSN(amoand_d, "01100 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZAAMO + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_amoand_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_AND, TCG_MO_64);
}

INSN(amoor_w, "01000 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZAAMO, "aqrl rd,rs2,(rs1)")
void riscv_trans_amoor_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_OR, TCG_MO_32);
}

INSN(amoor_d, "01000 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZAAMO + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_amoor_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_OR, TCG_MO_64);
}

INSN(amomin_w, "10000 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZAAMO, "aqrl rd,rs2,(rs1)")
void riscv_trans_amomin_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_SMIN, TCG_MO_32);
}

INSN(amomin_d, "10000 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZAAMO + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_amomin_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_SMIN, TCG_MO_64);
}

INSN(amomax_w, "10100 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZAAMO, "aqrl rd,rs2,(rs1)")
void riscv_trans_amomax_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_SMAX, TCG_MO_32);
}

INSN(amomax_d, "10100 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZAAMO + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_amomax_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_SMAX, TCG_MO_64);
}

INSN(amominu_w, "11000 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZAAMO, "aqrl rd,rs2,(rs1)")
void riscv_trans_amominu_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_UMIN, TCG_MO_32);
}

INSN(amominu_d, "11000 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZAAMO + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_amominu_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_UMIN, TCG_MO_64);
}

INSN(amomaxu_w, "11100 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZAAMO, "aqrl rd,rs2,(rs1)")
void riscv_trans_amomaxu_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_UMAX, TCG_MO_32);
}

INSN(amomaxu_d, "11100 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZAAMO + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_amomaxu_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_amo(c, a, TCG_RMW_UMAX, TCG_MO_64);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zba: address generation (unprivileged ISA, chapter '"B" Extension for Bit Manipulation').
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"

INSN(sh1add, "0010000 rs2:5 rs1:5 010 rd:5 0110011", ZBA, "rd,rs1,rs2")
void riscv_trans_sh1add(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_add(c->b, tcg_gen_shli(c->b, riscv_x(c, a->rs1), 1), riscv_x(c, a->rs2)));
}

INSN(sh2add, "0010000 rs2:5 rs1:5 100 rd:5 0110011", ZBA, "rd,rs1,rs2")
void riscv_trans_sh2add(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_add(c->b, tcg_gen_shli(c->b, riscv_x(c, a->rs1), 2), riscv_x(c, a->rs2)));
}

INSN(sh3add, "0010000 rs2:5 rs1:5 110 rd:5 0110011", ZBA, "rd,rs1,rs2")
void riscv_trans_sh3add(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_add(c->b, tcg_gen_shli(c->b, riscv_x(c, a->rs1), 3), riscv_x(c, a->rs2)));
}

INSN(add_uw, "0000100 rs2:5 rs1:5 000 rd:5 0111011", ZBA + RV64, "rd,rs1,rs2")
void riscv_trans_add_uw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_add(c->b, tcg_gen_ext32u(c->b, riscv_x(c, a->rs1)), riscv_x(c, a->rs2)));
}

INSN(sh1add_uw, "0010000 rs2:5 rs1:5 010 rd:5 0111011", ZBA + RV64, "rd,rs1,rs2")
void riscv_trans_sh1add_uw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_add(c->b, tcg_gen_shli(c->b, tcg_gen_ext32u(c->b, riscv_x(c, a->rs1)), 1),
                            riscv_x(c, a->rs2)));
}

INSN(sh2add_uw, "0010000 rs2:5 rs1:5 100 rd:5 0111011", ZBA + RV64, "rd,rs1,rs2")
void riscv_trans_sh2add_uw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_add(c->b, tcg_gen_shli(c->b, tcg_gen_ext32u(c->b, riscv_x(c, a->rs1)), 2),
                            riscv_x(c, a->rs2)));
}

INSN(sh3add_uw, "0010000 rs2:5 rs1:5 110 rd:5 0111011", ZBA + RV64, "rd,rs1,rs2")
void riscv_trans_sh3add_uw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_add(c->b, tcg_gen_shli(c->b, tcg_gen_ext32u(c->b, riscv_x(c, a->rs1)), 3),
                            riscv_x(c, a->rs2)));
}

INSN(slli_uw, "000010 shamt:6 rs1:5 001 rd:5 0011011", ZBA + RV64, "rd,rs1,shamt")
void riscv_trans_slli_uw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_shli(c->b, tcg_gen_ext32u(c->b, riscv_x(c, a->rs1)), a->shamt));
}

INSN(c_zext_w, "100111 rd':3 11 100 01", ZCB + ZBA + RV64, "rd", "rs1=rd")
void riscv_trans_c_zext_w(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_ext32u(c->b, riscv_x(c, a->rs1)));
}

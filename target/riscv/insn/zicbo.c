/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zicbom, Zicbop, Zicboz: cache-block management, prefetch and zero (unprivileged ISA, chapter
 * "CMO Extensions for Base Cache Management Operation ISA"). Memory is coherent, so management only
 * checks that it is allowed; prefetches do nothing.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"
static void gen_cbo(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    tcg_gen_call2(c->b, h, tcg_i32(c->b, (int32_t)c->word), riscv_x64(c, a->rs1));
}

INSN(cbo_inval, "000000000000 rs1:5 010 00000 0001111", ZICBOM, "(rs1)")
void riscv_trans_cbo_inval(RISCVCtx *c, const RISCVInsn *a)
{
    gen_cbo(c, a, &riscv_helper_cbo_manage);
}

INSN(cbo_clean, "000000000001 rs1:5 010 00000 0001111", ZICBOM, "(rs1)")
void riscv_trans_cbo_clean(RISCVCtx *c, const RISCVInsn *a)
{
    gen_cbo(c, a, &riscv_helper_cbo_manage);
}

INSN(cbo_flush, "000000000010 rs1:5 010 00000 0001111", ZICBOM, "(rs1)")
void riscv_trans_cbo_flush(RISCVCtx *c, const RISCVInsn *a)
{
    gen_cbo(c, a, &riscv_helper_cbo_manage);
}

INSN(cbo_zero, "000000000100 rs1:5 010 00000 0001111", ZICBOZ, "(rs1)")
void riscv_trans_cbo_zero(RISCVCtx *c, const RISCVInsn *a)
{
    gen_cbo(c, a, &riscv_helper_cbo_zero);
}

INSN(prefetch_i, "imm[11:5] 00000 rs1:5 110 00000 0010011", ZICBOP, "imm(rs1)", "over=ori")
INSN(prefetch_r, "imm[11:5] 00001 rs1:5 110 00000 0010011", ZICBOP, "imm(rs1)", "over=ori")
INSN(prefetch_w, "imm[11:5] 00011 rs1:5 110 00000 0010011", ZICBOP, "imm(rs1)", "over=ori")
void riscv_trans_prefetch(RISCVCtx *c, const RISCVInsn *a)
{
}

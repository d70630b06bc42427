/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 branches: conditional, compare and branch, test and branch, immediate and register
 * (DDI 0487, C4.1.93, branches).
 */
#include "target/arm/a64.h"

INSN(b_cond, "0101010 0 simm[18:0] 0 cond:4", BASE)
void a64_trans_b_cond(A64Ctx *c, const A64Insn *a)
{
    a64_gen_branch_if(c, a64_gen_cond(c, a->cond), (int64_t)a->imm * 4);
}

INSN(b, "0 00101 simm[25:0]", BASE)
void a64_trans_b(A64Ctx *c, const A64Insn *a)
{
    a64_gen_jump(c, (int64_t)a->imm * 4);
}

INSN(bl, "1 00101 simm[25:0]", BASE)
void a64_trans_bl(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, 30, tcg_gen_pcrel(c->b, c->off + 4));
    a64_gen_jump(c, (int64_t)a->imm * 4);
}

/* CBZ, CBNZ */
INSN(cbz, "sf:1 011010 op:1 simm[18:0] rd:5", BASE)
void a64_trans_cbz(A64Ctx *c, const A64Insn *a)
{
    TCGCond cond = a->op ? TCG_COND_NE : TCG_COND_EQ;
    a64_gen_branch_if(c, tcg_gen_setcondi(c->b, TCG_I32, cond, a64_r(c, a->sf, a->rd), 0),
                      (int64_t)a->imm * 4);
}

/* TBZ, TBNZ */
INSN(tbz, "sf:1 011011 op:1 amount:5 simm[13:0] rd:5", BASE)
void a64_trans_tbz(A64Ctx *c, const A64Insn *a)
{
    TCGCond cond = a->op ? TCG_COND_TSTNE : TCG_COND_TSTEQ;
    int64_t bit = (int64_t)(UINT64_C(1) << (a->sf << 5 | a->amount));
    a64_gen_branch_if(c, tcg_gen_setcondi(c->b, TCG_I32, cond, a64_x(c, a->rd), bit),
                      (int64_t)a->imm * 4);
}

INSN(br, "1101011 0000 11111 000000 rn:5 00000", BASE)
void a64_trans_br(A64Ctx *c, const A64Insn *a)
{
    a64_gen_jump_indirect(c, a64_x(c, a->rn), a64_btype_of_br(c, a->rn));
}

INSN(ret, "1101011 0010 11111 000000 rn:5 00000", BASE)
void a64_trans_ret(A64Ctx *c, const A64Insn *a)
{
    a64_gen_jump_indirect(c, a64_x(c, a->rn), 0);
}

INSN(blr, "1101011 0001 11111 000000 rn:5 00000", BASE)
void a64_trans_blr(A64Ctx *c, const A64Insn *a)
{
    TCGv to = a64_x(c, a->rn);
    a64_set_x(c, 30, tcg_gen_pcrel(c->b, c->off + 4));
    a64_gen_jump_indirect(c, to, 2);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 pointer authentication: codes into and out of pointers, branches and loads that authenticate
 * (DDI 0487, C4.1.93 to C4.1.95). The forms that are hints are in a64_sys.c, with the other hints.
 *
 * Test: tests/unit/test-arm-pauth.c, boot/arm/aarch64/pauth-*.
 */
#include "target/arm/a64.h"

TCGv a64_gen_aut(A64Ctx *c, TCGv ptr, TCGv modifier, unsigned key, bool combined)
{
    TCGv k = tcg_i32(c->b, (int32_t)(key | (combined ? 4 : 0)));
    return tcg_gen_call3(c->b, &arm_helper_aut, ptr, modifier, k);
}

/* ---- data processing: opc is the key; Z: the modifier is zero ---- */

INSN(pac, "1 1 0 11010110 00001 0000 opc:2 rn:5 rd:5", PAUTH)
void a64_trans_pac(A64Ctx *c, const A64Insn *a)
{
    TCGv v = tcg_gen_call3(c->b, &arm_helper_pac, a64_x(c, a->rd), a64_x_sp(c, a->rn),
                           tcg_i32(c->b, a->opc));
    a64_set_x(c, a->rd, v);
}

INSN(pacz, "1 1 0 11010110 00001 0010 opc:2 11111 rd:5", PAUTH)
void a64_trans_pacz(A64Ctx *c, const A64Insn *a)
{
    TCGv v = tcg_gen_call3(c->b, &arm_helper_pac, a64_x(c, a->rd), tcg_i64(c->b, 0),
                           tcg_i32(c->b, a->opc));
    a64_set_x(c, a->rd, v);
}

INSN(aut, "1 1 0 11010110 00001 0001 opc:2 rn:5 rd:5", PAUTH)
void a64_trans_aut(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, a64_gen_aut(c, a64_x(c, a->rd), a64_x_sp(c, a->rn), a->opc, false));
}

INSN(autz, "1 1 0 11010110 00001 0011 opc:2 11111 rd:5", PAUTH)
void a64_trans_autz(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, a64_gen_aut(c, a64_x(c, a->rd), tcg_i64(c->b, 0), a->opc, false));
}

/* XPACI, XPACD */
INSN(xpac, "1 1 0 11010110 00001 01000 opc:1 11111 rd:5", PAUTH)
void a64_trans_xpac(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd,
              tcg_gen_call2(c->b, &arm_helper_xpac, a64_x(c, a->rd), tcg_i32(c->b, a->opc)));
}

INSN(pacga, "1 0 0 11010110 rm:5 001100 rn:5 rd:5", PAUTH)
void a64_trans_pacga(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd,
              tcg_gen_call2(c->b, &arm_helper_pacga, a64_x(c, a->rn), a64_x_sp(c, a->rm)));
}

/* ---- branches: M is key B ---- */

INSN(bra, "1101011 1 000 11111 0000 1 M:1 rn:5 rm:5", PAUTH)
void a64_trans_bra(A64Ctx *c, const A64Insn *a)
{
    TCGv to = a64_gen_aut(c, a64_x(c, a->rn), a64_x_sp(c, a->rm), a->M, true);
    a64_gen_jump_indirect(c, to, a64_btype_of_br(c, a->rn));
}

INSN(braz, "1101011 0 000 11111 0000 1 M:1 rn:5 11111", PAUTH)
void a64_trans_braz(A64Ctx *c, const A64Insn *a)
{
    TCGv to = a64_gen_aut(c, a64_x(c, a->rn), tcg_i64(c->b, 0), a->M, true);
    a64_gen_jump_indirect(c, to, a64_btype_of_br(c, a->rn));
}

static void call(A64Ctx *c, TCGv to)
{
    a64_set_x(c, 30, tcg_gen_pcrel(c->b, c->off + 4));
    a64_gen_jump_indirect(c, to, 2);
}

INSN(blra, "1101011 1 001 11111 0000 1 M:1 rn:5 rm:5", PAUTH)
void a64_trans_blra(A64Ctx *c, const A64Insn *a)
{
    call(c, a64_gen_aut(c, a64_x(c, a->rn), a64_x_sp(c, a->rm), a->M, true));
}

INSN(blraz, "1101011 0 001 11111 0000 1 M:1 rn:5 11111", PAUTH)
void a64_trans_blraz(A64Ctx *c, const A64Insn *a)
{
    call(c, a64_gen_aut(c, a64_x(c, a->rn), tcg_i64(c->b, 0), a->M, true));
}

INSN(reta, "1101011 0 010 11111 0000 1 M:1 11111 11111", PAUTH)
void a64_trans_reta(A64Ctx *c, const A64Insn *a)
{
    a64_gen_jump_indirect(c, a64_gen_aut(c, a64_x(c, 30), a64_x_sp(c, 31), a->M, true), 0);
}

INSN(ereta, "1101011 0 100 11111 0000 1 M:1 11111 11111", PAUTH)
void a64_trans_ereta(A64Ctx *c, const A64Insn *a)
{
    unsigned el = c->mode & ARM_MODE_EL;
    if (!el) {
        a64_gen_undefined(c);
        return;
    }
    TCGv to = tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, offsetof(ARMEnv, sys.elr_el[el]));
    to = a64_gen_aut(c, to, a64_x_sp(c, 31), a->M, true);
    TCGv pc = tcg_gen_call1(c->b, &arm_helper_eret, to);
    a64_forget_flags(c);
    a64_gen_exit_poll(c, pc);
}

/* ---- loads: the offset is in doublewords; the base that is written back is authenticated ---- */

INSN(ldra, "11 111 0 00 M:1 simm[9] 1 simm[8:0] W:1 1 rn:5 rd:5", PAUTH)
void a64_trans_ldra(A64Ctx *c, const A64Insn *a)
{
    TCGv base = a64_gen_aut(c, a64_base(c, a->rn), tcg_i64(c->b, 0), 2 + a->M, true);
    int64_t disp = (int64_t)a->imm * 8;
    TCGv v = tcg_gen_ld(c->b, TCG_I64, a64_memop(c, TCG_MO_64), base, disp);
    if (a->W) {
        a64_set_x_sp(c, a->rn, tcg_gen_addi(c->b, base, disp));
    }
    a64_set_x(c, a->rd, v);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * T32, 16-bit encodings (DDI 0487, F3.1.1).
 *
 * Test: tests/unit/test-a32-insn.c.
 */
#include "target/arm/a32.h"
#include "target/arm/a32-helper.h"

/* ---- data processing: flags are set outside IT blocks (S=2) ---- */

INSN(lsl__imm16, "00000 amount:5 rm:3 rd:3", BASE, "", "op=13 form=1 shift=0 S=2 as=a32_trans_dp")
INSN(lsr__imm16, "00001 amount:5 rm:3 rd:3", BASE, "", "op=13 form=1 shift=1 S=2 as=a32_trans_dp")
INSN(asr__imm16, "00010 amount:5 rm:3 rd:3", BASE, "", "op=13 form=1 shift=2 S=2 as=a32_trans_dp")
INSN(add__reg16, "0001100 rm:3 rn:3 rd:3", BASE, "", "op=4 form=1 S=2 as=a32_trans_dp")
INSN(sub__reg16, "0001101 rm:3 rn:3 rd:3", BASE, "", "op=2 form=1 S=2 as=a32_trans_dp")
INSN(add__imm3, "0001110 imm:3 rn:3 rd:3", BASE, "", "op=4 S=2 as=a32_trans_dp")
INSN(sub__imm3, "0001111 imm:3 rn:3 rd:3", BASE, "", "op=2 S=2 as=a32_trans_dp")
INSN(mov__imm8, "00100 rd:3 imm:8", BASE, "", "op=13 S=2 as=a32_trans_dp")
INSN(cmp__imm8, "00101 rn:3 imm:8", BASE, "", "op=10 S=1 as=a32_trans_dp")
INSN(add__imm8, "00110 rd:3 imm:8", BASE, "", "op=4 rn=rd S=2 as=a32_trans_dp")
INSN(sub__imm8, "00111 rd:3 imm:8", BASE, "", "op=2 rn=rd S=2 as=a32_trans_dp")
INSN(and__16, "0100000000 rm:3 rd:3", BASE, "", "op=0 form=1 rn=rd S=2 as=a32_trans_dp")
INSN(eor__16, "0100000001 rm:3 rd:3", BASE, "", "op=1 form=1 rn=rd S=2 as=a32_trans_dp")
INSN(adc__16, "0100000101 rm:3 rd:3", BASE, "", "op=5 form=1 rn=rd S=2 as=a32_trans_dp")
INSN(sbc__16, "0100000110 rm:3 rd:3", BASE, "", "op=6 form=1 rn=rd S=2 as=a32_trans_dp")
INSN(orr__16, "0100001100 rm:3 rd:3", BASE, "", "op=12 form=1 rn=rd S=2 as=a32_trans_dp")
INSN(bic__16, "0100001110 rm:3 rd:3", BASE, "", "op=14 form=1 rn=rd S=2 as=a32_trans_dp")
INSN(mvn__16, "0100001111 rm:3 rd:3", BASE, "", "op=15 form=1 rn=rd S=2 as=a32_trans_dp")
INSN(tst__16, "0100001000 rm:3 rn:3", BASE, "", "op=8 form=1 S=1 as=a32_trans_dp")
INSN(cmp__16, "0100001010 rm:3 rn:3", BASE, "", "op=10 form=1 S=1 as=a32_trans_dp")
INSN(cmn__16, "0100001011 rm:3 rn:3", BASE, "", "op=11 form=1 S=1 as=a32_trans_dp")
INSN(lsl__reg16, "0100000010 rs:3 rd:3", BASE, "", "op=13 form=2 rm=rd shift=0 S=2 as=a32_trans_dp")
INSN(lsr__reg16, "0100000011 rs:3 rd:3", BASE, "", "op=13 form=2 rm=rd shift=1 S=2 as=a32_trans_dp")
INSN(asr__reg16, "0100000100 rs:3 rd:3", BASE, "", "op=13 form=2 rm=rd shift=2 S=2 as=a32_trans_dp")
INSN(ror__reg16, "0100000111 rs:3 rd:3", BASE, "", "op=13 form=2 rm=rd shift=3 S=2 as=a32_trans_dp")
INSN(rsb__16, "0100001001 rn:3 rd:3", BASE, "", "op=3 S=2 as=a32_trans_dp")
INSN(mul__16, "0100001101 rn:3 rd:3", BASE, "", "rm=rd S=2 as=a32_trans_mul")
INSN(add__high, "01000100 rd[3] rm:4 rd[2:0]", BASE, "", "op=4 form=1 rn=rd as=a32_trans_dp")
INSN(cmp__high, "01000101 rn[3] rm:4 rn[2:0]", BASE, "", "op=10 form=1 S=1 as=a32_trans_dp")
INSN(mov__high, "01000110 rd[3] rm:4 rd[2:0]", BASE, "", "op=13 form=1 as=a32_trans_dp")
INSN(bx__16, "010001110 rm:4 ...", BASE, "", "as=a32_trans_bx")
INSN(blx__16, "010001111 rm:4 ...", V5TE, "", "as=a32_trans_blx")
INSN(adr__16, "10100 rd:3 imm[9:2]", BASE, "", "rn=15 op=4 as=a32_trans_addw")
INSN(add__sp16, "10101 rd:3 imm[9:2]", BASE, "", "rn=13 op=4 as=a32_trans_addw")
INSN(add__sp7, "101100000 imm[8:2]", BASE, "", "rd=13 rn=13 op=4 as=a32_trans_addw")
INSN(sub__sp7, "101100001 imm[8:2]", BASE, "", "rd=13 rn=13 op=2 as=a32_trans_addw")
INSN(sxth__16, "1011001000 rm:3 rd:3", V6, "", "op=3 sign=1 rn=15 as=a32_trans_xta")
INSN(sxtb__16, "1011001001 rm:3 rd:3", V6, "", "op=2 sign=1 rn=15 as=a32_trans_xta")
INSN(uxth__16, "1011001010 rm:3 rd:3", V6, "", "op=3 rn=15 as=a32_trans_xta")
INSN(uxtb__16, "1011001011 rm:3 rd:3", V6, "", "op=2 rn=15 as=a32_trans_xta")
INSN(rev__16, "1011101000 rm:3 rd:3", V6, "", "as=a32_trans_rev")
INSN(rev16__16, "1011101001 rm:3 rd:3", V6, "", "as=a32_trans_rev16")
INSN(revsh__16, "1011101011 rm:3 rd:3", V6, "", "as=a32_trans_revsh")

/* ---- loads and stores ---- */

INSN(ldr__lit16, "01001 rd:3 imm[9:2]", BASE, "", "rn=15 P=1 U=1 L=1 size=2 as=a32_trans_ldst")
INSN(str__reg16, "0101000 rm:3 rn:3 rd:3", BASE, "", "P=1 U=1 form=1 size=2 as=a32_trans_ldst")
INSN(strh__reg16, "0101001 rm:3 rn:3 rd:3", BASE, "", "P=1 U=1 form=1 size=1 as=a32_trans_ldst")
INSN(strb__reg16, "0101010 rm:3 rn:3 rd:3", BASE, "", "P=1 U=1 form=1 as=a32_trans_ldst")
INSN(ldrsb__reg16, "0101011 rm:3 rn:3 rd:3", BASE, "",
     "P=1 U=1 form=1 sign=1 L=1 as=a32_trans_ldst")
INSN(ldr__reg16, "0101100 rm:3 rn:3 rd:3", BASE, "", "P=1 U=1 form=1 size=2 L=1 as=a32_trans_ldst")
INSN(ldrh__reg16, "0101101 rm:3 rn:3 rd:3", BASE, "", "P=1 U=1 form=1 size=1 L=1 as=a32_trans_ldst")
INSN(ldrb__reg16, "0101110 rm:3 rn:3 rd:3", BASE, "", "P=1 U=1 form=1 L=1 as=a32_trans_ldst")
INSN(ldrsh__reg16, "0101111 rm:3 rn:3 rd:3", BASE, "",
     "P=1 U=1 form=1 size=1 sign=1 L=1 as=a32_trans_ldst")
INSN(str__imm16, "01100 imm[6:2] rn:3 rd:3", BASE, "", "P=1 U=1 size=2 as=a32_trans_ldst")
INSN(ldr__imm16, "01101 imm[6:2] rn:3 rd:3", BASE, "", "P=1 U=1 size=2 L=1 as=a32_trans_ldst")
INSN(strb__imm16, "01110 imm[4:0] rn:3 rd:3", BASE, "", "P=1 U=1 as=a32_trans_ldst")
INSN(ldrb__imm16, "01111 imm[4:0] rn:3 rd:3", BASE, "", "P=1 U=1 L=1 as=a32_trans_ldst")
INSN(strh__imm16, "10000 imm[5:1] rn:3 rd:3", BASE, "", "P=1 U=1 size=1 as=a32_trans_ldst")
INSN(ldrh__imm16, "10001 imm[5:1] rn:3 rd:3", BASE, "", "P=1 U=1 size=1 L=1 as=a32_trans_ldst")
INSN(str__sp16, "10010 rd:3 imm[9:2]", BASE, "", "rn=13 P=1 U=1 size=2 as=a32_trans_ldst")
INSN(ldr__sp16, "10011 rd:3 imm[9:2]", BASE, "", "rn=13 P=1 U=1 size=2 L=1 as=a32_trans_ldst")
INSN(push, "1011010 list[14] list[7:0]", BASE, "", "rn=13 P=1 W=1 as=a32_trans_ldm")
INSN(pop, "1011110 list[15] list[7:0]", BASE, "", "rn=13 U=1 W=1 L=1 as=a32_trans_ldm")
INSN(stm__16, "11000 rn:3 list:8", BASE, "", "U=1 W=1 as=a32_trans_ldm")

INSN(ldm__16, "11001 rn:3 list:8", BASE)
void t32_trans_ldm16(T32Ctx *c, const T32Insn *a)
{
    A32Insn t = *a;
    t.L = t.U = 1;
    t.W = !(a->list >> a->rn & 1);
    a32_trans_ldm(c, &t);
}

/* ---- branches and IT ---- */

INSN(b__16, "11100 simm[11:1]", BASE, "", "as=a32_trans_b")
INSN(b_cond16, "1101 cond:4 simm[8:1]", BASE, "", "cond!=14 cond!=15")
void t32_trans_b_cond(T32Ctx *c, const T32Insn *a)
{
    if (a32_in_it(c)) {
        a32_gen_undefined(c);
        return;
    }
    c->cond = a->cond;
    a32_gen_b(c, a->imm);
}

/* CBZ, CBNZ (op) */
INSN(cbz, "1011 op:1 0 imm[6] 1 imm[5:1] rn:3", T2)
void t32_trans_cbz(T32Ctx *c, const T32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv v = tcg_gen_setcondi(b, TCG_I32, a->op ? TCG_COND_NE : TCG_COND_EQ, a32_r(c, a->rn), 0);
    if (a32_in_it(c) || c->it_entry) {
        a32_gen_undefined(c);
        return;
    }
    tcg_gen_exit_if(b, v, a32_pc_off(c) + a->imm, false);
}

/* Before Thumb-2, BL and BLX are two instructions. */
INSN(bl__prefix, "11110 simm[22:12]", BASE)
void t32_trans_bl_prefix(T32Ctx *c, const T32Insn *a)
{
    a32_set_r(c, 14, tcg_gen_addi(c->c.b, a32_pc(c), a->imm));
}

INSN(bl__suffix, "11111 imm[11:1]", BASE)
INSN(blx__suffix, "11101 imm[11:1]", BASE, "", "x=1")
void t32_trans_bl_suffix(T32Ctx *c, const T32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv to = tcg_gen_addi(b, a32_r(c, 14), a->imm);
    TCGv next = tcg_gen_trunc(b, tcg_gen_pcrel(b, c->c.off + 2));
    a32_set_r(c, 14, tcg_gen_ori(b, next, 1));
    to = tcg_gen_andi(b, to, a->x ? ~3 : ~1);
    a32_gen_exchange(c, tcg_gen_extu(b, to), !a->x);
}

INSN(it, "10111111 imm:8", T2)
void t32_trans_it(T32Ctx *c, const T32Insn *a)
{
    bool one_only = c->c.mode & ARM_MODE_ITD;
    if (a32_in_it(c) || !(a->imm & 15) || (one_only && (a->imm & 15) != 8)) {
        a32_gen_undefined(c);
        return;
    }
    c->it_next = a->imm;
}

INSN(hint__16, "10111111 imm:4 0000", V6, "", "over=it as=a32_trans_hint")

/* ---- the rest ---- */

INSN(setend__16, "101101100101 P:1 ...", V6, "", "as=a32_trans_setend")
INSN(svc__16, "11011111 imm:8", BASE, "", "as=a32_trans_svc")
INSN(bkpt__16, "10111110 imm:8", BASE, "", "as=a32_trans_bkpt")
INSN(udf__16, "11011110 ........", BASE, "", "as=a32_trans_udf")
INSN(hlt__16, "1011101010 imm:6", BASE, "", "as=a32_trans_hlt")
INSN(cps__16, "10110110011 op:1 . list[2:0]", V6)
void t32_trans_cps16(T32Ctx *c, const T32Insn *a)
{
    A32Insn t = *a;
    t.op = 2 | a->op;
    a32_trans_cps(c, &t);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * T32, 32-bit encodings of loads and stores, branches and system instructions (DDI 0487, F3.1.2,
 * F3.1.6 to F3.1.8).
 *
 * Test: tests/unit/test-a32-insn.c.
 */
#include "target/arm/a32.h"
#include "target/arm/a32-helper.h"

/* ---- one register ---- */

INSN(ldst__imm12, "1111100 sign:1 1 size:2 L:1 rn:4 rd:4 imm:12", T2, "",
     "P=1 U=1 size!=3 sign==0|L==1 sign==0|size!=2 rn!=15 rd!=15|size==2 as=a32_trans_ldst")
INSN(ldst__imm8, "1111100 sign:1 0 size:2 L:1 rn:4 rd:4 1 P:1 U:1 W:1 imm:8", T2, "",
     "P!=0|W!=0 size!=3 sign==0|L==1 sign==0|size!=2 rn!=15 rd!=15|size==2 as=a32_trans_ldst")
INSN(ldst__user32, "1111100 sign:1 0 size:2 L:1 rn:4 rd:4 1110 imm:8", T2, "",
     "P=1 U=1 size!=3 sign==0|L==1 sign==0|size!=2 rn!=15 rd!=15|size==2 over=ldst__imm8 "
     "as=a32_trans_ldst_user")
INSN(ldst__reg32, "1111100 sign:1 0 size:2 L:1 rn:4 rd:4 000000 amount:2 rm:4", T2, "",
     "P=1 U=1 form=1 size!=3 sign==0|L==1 sign==0|size!=2 rn!=15 rd!=15|size==2 as=a32_trans_ldst")
INSN(ldr__lit32, "1111100 sign:1 U:1 size:2 1 1111 rd:4 imm:12", T2, "",
     "P=1 L=1 rn=15 size!=3 sign==0|size!=2 rd!=15|size==2 as=a32_trans_ldst")
/* Loads of bytes and halfwords to the PC are prefetches. */
INSN(pld__imm12, "1111100 . 1 0 . 1 .... 1111 ............", T2, "",
     "as=a32_trans_pld over=pld__lit over=ldst__imm12 over=ldst__imm8 over=ldst__reg32 "
     "over=ldr__lit32")
INSN(pld__imm8, "1111100 . 0 0 . 1 .... 1111 1100 ........", T2, "",
     "as=a32_trans_pld over=pld__lit over=ldst__imm12 over=ldst__imm8 over=ldst__reg32 "
     "over=ldr__lit32")
INSN(pld__reg, "1111100 . 0 0 . 1 .... 1111 000000 .. ....", T2, "",
     "as=a32_trans_pld over=pld__lit over=ldst__imm12 over=ldst__imm8 over=ldst__reg32 "
     "over=ldr__lit32")
INSN(pld__lit, "1111100 . . 0 . 1 1111 1111 ............", T2, "",
     "over=ldr__lit32 as=a32_trans_pld")

/* ---- doublewords, multiples, exclusives ---- */

INSN(ldrd__32, "1110100 P:1 U:1 1 W:1 L:1 rn:4 rd:4 rt2:4 imm[9:2]", T2, "",
     "P!=0|W!=0 as=a32_trans_ldrd")
INSN(ldmia__32, "1110100010 W:1 L:1 rn:4 list:16", T2, "", "U=1 as=a32_trans_ldm")
INSN(ldmdb__32, "1110100100 W:1 L:1 rn:4 list:16", T2, "", "P=1 as=a32_trans_ldm")
INSN(ldrex__32, "111010000101 rn:4 rd:4 .... imm[9:2]", T2, "",
     "size=2 R=0 rn!=15 rd!=15 as=a32_trans_ldrex")
INSN(strex__32, "111010000100 rn:4 rm:4 rd:4 imm[9:2]", T2, "",
     "size=2 rn!=15 rd!=15 rm!=15 as=a32_trans_strex")
INSN(ldrexb__32, "111010001101 rn:4 rd:4 .... 0100 ....", T2, "",
     "size=0 rn!=15 rd!=15 as=a32_trans_ldrex")
INSN(strexb__32, "111010001100 rn:4 rm:4 .... 0100 rd:4", T2, "",
     "size=0 rn!=15 rd!=15 rm!=15 as=a32_trans_strex")
INSN(ldrexh__32, "111010001101 rn:4 rd:4 .... 0101 ....", T2, "",
     "size=1 rn!=15 rd!=15 as=a32_trans_ldrex")
INSN(strexh__32, "111010001100 rn:4 rm:4 .... 0101 rd:4", T2, "",
     "size=1 rn!=15 rd!=15 rm!=15 as=a32_trans_strex")
INSN(ldrexd__32, "111010001101 rn:4 rd:4 rt2:4 0111 ....", T2, "",
     "size=3 rn!=15 rd!=15 as=a32_trans_ldrex")
INSN(strexd__32, "111010001100 rn:4 rm:4 rt2:4 0111 rd:4", T2, "",
     "size=3 rn!=15 rd!=15 rm!=15 as=a32_trans_strex")
INSN(ldab__32, "111010001101 rn:4 rd:4 .... 1000 ....", V8, "",
     "op=2 rn!=15 rd!=15 as=a32_trans_lda")
INSN(stlb__32, "111010001100 rn:4 rm:4 .... 1000 ....", V8, "",
     "op=2 rn!=15 rm!=15 as=a32_trans_stl")
INSN(ldaexb__32, "111010001101 rn:4 rd:4 .... 1100 ....", V8, "",
     "size=0 R=1 rn!=15 rd!=15 as=a32_trans_ldrex")
INSN(stlexb__32, "111010001100 rn:4 rm:4 .... 1100 rd:4", V8, "",
     "size=0 rn!=15 rd!=15 rm!=15 as=a32_trans_strex")
INSN(ldah__32, "111010001101 rn:4 rd:4 .... 1001 ....", V8, "",
     "op=3 rn!=15 rd!=15 as=a32_trans_lda")
INSN(stlh__32, "111010001100 rn:4 rm:4 .... 1001 ....", V8, "",
     "op=3 rn!=15 rm!=15 as=a32_trans_stl")
INSN(ldaexh__32, "111010001101 rn:4 rd:4 .... 1101 ....", V8, "",
     "size=1 R=1 rn!=15 rd!=15 as=a32_trans_ldrex")
INSN(stlexh__32, "111010001100 rn:4 rm:4 .... 1101 rd:4", V8, "",
     "size=1 rn!=15 rd!=15 rm!=15 as=a32_trans_strex")
INSN(lda__32, "111010001101 rn:4 rd:4 .... 1010 ....", V8, "",
     "op=0 rn!=15 rd!=15 as=a32_trans_lda")
INSN(stl__32, "111010001100 rn:4 rm:4 .... 1010 ....", V8, "",
     "op=0 rn!=15 rm!=15 as=a32_trans_stl")
INSN(ldaex__32, "111010001101 rn:4 rd:4 .... 1110 ....", V8, "",
     "size=2 R=1 rn!=15 rd!=15 as=a32_trans_ldrex")
INSN(stlex__32, "111010001100 rn:4 rm:4 .... 1110 rd:4", V8, "",
     "size=2 rn!=15 rd!=15 rm!=15 as=a32_trans_strex")
INSN(ldaexd__32, "111010001101 rn:4 rd:4 rt2:4 1111 ....", V8, "",
     "size=3 R=1 rn!=15 rd!=15 as=a32_trans_ldrex")
INSN(stlexd__32, "111010001100 rn:4 rm:4 rt2:4 1111 rd:4", V8, "",
     "size=3 rn!=15 rd!=15 rm!=15 as=a32_trans_strex")

/* TBB, TBH (size): a table of halved offsets. */
INSN(tbb, "111010001101 rn:4 .... .... 000 size:1 rm:4", T2)
void t32_trans_tbb(T32Ctx *c, const T32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv addr = tcg_gen_add(b, a32_r(c, a->rn), tcg_gen_shli(b, a32_r(c, a->rm), a->size));
    TCGv v = tcg_gen_ld(b, TCG_I32, a64_memop(&c->c, a->size), tcg_gen_extu(b, addr), 0);
    a32_gen_branch_to(c, tcg_gen_add(b, a32_pc(c), tcg_gen_shli(b, v, 1)));
}

/* ---- branches ---- */

INSN(b__32, "11110 bimm[23] bimm[20:11] 10 bimm[22] 1 bimm[21] bimm[10:0]", T2, "",
     "as=a32_trans_b")
INSN(bl__32, "11110 bimm[23] bimm[20:11] 11 bimm[22] 1 bimm[21] bimm[10:0]", T2, "",
     "as=a32_trans_bl")
INSN(blx__32, "11110 bimm[23] bimm[20:11] 11 bimm[22] 0 bimm[21] bimm[10:1] 0", T2, "",
     "as=a32_trans_blx_imm")
INSN(b_cond32, "11110 simm[20] cond:4 simm[17:12] 10 simm[18] 0 simm[19] simm[11:1]", T2, "",
     "cond!=14 cond!=15 as=t32_trans_b_cond")
INSN(bxj__32, "111100111100 rm:4 10 . 0 .... ........", T2, "", "as=a32_trans_bx")

/* ---- system ---- */

INSN(msr__32, "11110011100 R:1 rm:4 10 . 0 mask:4 .. 0 . ....", T2, "", "as=a32_trans_msr")
INSN(msr__bank32, "11110011100 R:1 rm:4 10 . 0 list[3:0] .. 1 list[4] ....", EL2, "",
     "as=a32_trans_msr_bank")
INSN(mrs__32, "11110011111 R:1 .... 10 . 0 rd:4 .. 0 . ....", T2, "", "rd!=15 as=a32_trans_mrs")
INSN(mrs__bank32, "11110011111 R:1 list[3:0] 10 . 0 rd:4 .. 1 list[4] ....", EL2, "",
     "rd!=15 as=a32_trans_mrs_bank")
INSN(hint__32, "111100111010 .... 10 . 0 . 000 imm:8", T2, "", "as=a32_trans_hint")
INSN(cps__32, "111100111010 .... 10 . 0 . op:2 P:1 list[2:0] imm:5", T2, "",
     "op!=0|P!=0 as=a32_trans_cps")
INSN(clrex__32, "111100111011 .... 10 . 0 .... 0010 ....", T2, "", "as=a32_trans_clrex")
INSN(dsb__32, "111100111011 .... 10 . 0 .... 0100 imm:4", T2, "", "as=a32_trans_dsb")
INSN(dmb__32, "111100111011 .... 10 . 0 .... 0101 imm:4", T2, "", "as=a32_trans_dmb")
INSN(isb__32, "111100111011 .... 10 . 0 .... 0110 ....", T2, "", "as=a32_trans_isb")
INSN(sb__32, "111100111011 .... 10 . 0 .... 0111 ....", V8, "", "as=a32_trans_sb")
INSN(hvc__32, "111101111110 imm[15:12] 1000 imm[11:0]", V7, "", "as=a32_trans_hvc")
INSN(smc__32, "111101111111 imm:4 1000 ............", V7, "", "as=a32_trans_smc")
INSN(udf__32, "111101111111 .... 1010 ............", T2, "", "as=a32_trans_udf")
INSN(srsdb__32, "1110100000 W:1 0 .... .... .... ... imm:5", T2, "", "P=1 as=a32_trans_srs")
INSN(srsia__32, "1110100110 W:1 0 .... .... .... ... imm:5", T2, "", "U=1 as=a32_trans_srs")
INSN(rfedb__32, "1110100000 W:1 1 rn:4 .... .... ........", T2, "", "P=1 as=a32_trans_rfe")
INSN(rfeia__32, "1110100110 W:1 1 rn:4 .... .... ........", T2, "", "U=1 as=a32_trans_rfe")
INSN(mrc__32, "1110 1110 ... 1 .... rd:4 1 1 1 . ... 1 ....", T2, "", "as=a32_trans_mrc")
INSN(mcr__32, "1110 1110 ... 0 .... rd:4 1 1 1 . ... 1 ....", T2, "", "as=a32_trans_mcr")
INSN(mrrc__32, "1110 11000101 rt2:4 rd:4 1 1 1 . ........", T2, "", "as=a32_trans_mrrc")
INSN(mcrr__32, "1110 11000100 rt2:4 rd:4 1 1 1 . ........", T2, "", "as=a32_trans_mcrr")

/* SUBS PC, LR, #imm; with 0 and in Hyp mode it is ERET. */
INSN(subs_pc, "111100111101 rn:4 10 . 0 .... imm:8", T2)
void t32_trans_subs_pc(T32Ctx *c, const T32Insn *a)
{
    if (a->imm == 0) {
        a32_trans_eret(c, a);
        return;
    }
    if (!(c->c.mode & ARM_MODE_EL)) {
        a32_gen_undefined(c);
        return;
    }
    TCGv to = tcg_gen_addi(c->c.b, a32_r(c, 14), -a->imm);
    TCGv pc = tcg_gen_call1(c->c.b, &arm_helper_a32_exc_return, to);
    a64_forget_flags(&c->c);
    a32_gen_exit_poll(c, pc);
}

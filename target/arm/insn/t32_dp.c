/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * T32, 32-bit encodings of data processing (DDI 0487, F3.1.3 to F3.1.5, F3.1.9, F3.1.10).
 *
 * Test: tests/unit/test-a32-insn.c.
 */
#include "target/arm/a32.h"
#include "target/arm/a32-helper.h"

/* ---- modified immediates, shifted registers ---- */

INSN(and__imm32, "11110 timm[11] 0 0000 S:1 rn:4 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=0 form=0 rd!=15 as=a32_trans_dp")
INSN(bic__imm32, "11110 timm[11] 0 0001 S:1 rn:4 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=14 form=0 rd!=15 as=a32_trans_dp")
INSN(orr__imm32, "11110 timm[11] 0 0010 S:1 rn:4 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=12 form=0 rd!=15 rn!=15 as=a32_trans_dp")
INSN(eor__imm32, "11110 timm[11] 0 0100 S:1 rn:4 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=1 form=0 rd!=15 as=a32_trans_dp")
INSN(add__imm32, "11110 timm[11] 0 1000 S:1 rn:4 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=4 form=0 rd!=15 as=a32_trans_dp")
INSN(adc__imm32, "11110 timm[11] 0 1010 S:1 rn:4 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=5 form=0 rd!=15 as=a32_trans_dp")
INSN(sbc__imm32, "11110 timm[11] 0 1011 S:1 rn:4 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=6 form=0 rd!=15 as=a32_trans_dp")
INSN(sub__imm32, "11110 timm[11] 0 1101 S:1 rn:4 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=2 form=0 rd!=15 as=a32_trans_dp")
INSN(rsb__imm32, "11110 timm[11] 0 1110 S:1 rn:4 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=3 form=0 rd!=15 as=a32_trans_dp")
INSN(tst__imm32, "11110 timm[11] 0 0000 1 rn:4 0 timm[10:8] 1111 timm[7:0]", T2, "",
     "op=8 form=0 S=1 as=a32_trans_dp")
INSN(teq__imm32, "11110 timm[11] 0 0100 1 rn:4 0 timm[10:8] 1111 timm[7:0]", T2, "",
     "op=9 form=0 S=1 as=a32_trans_dp")
INSN(cmn__imm32, "11110 timm[11] 0 1000 1 rn:4 0 timm[10:8] 1111 timm[7:0]", T2, "",
     "op=11 form=0 S=1 as=a32_trans_dp")
INSN(cmp__imm32, "11110 timm[11] 0 1101 1 rn:4 0 timm[10:8] 1111 timm[7:0]", T2, "",
     "op=10 form=0 S=1 as=a32_trans_dp")
INSN(mov__imm32, "11110 timm[11] 0 0010 S:1 1111 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=13 form=0 rd!=15 as=a32_trans_dp")
INSN(mvn__imm32, "11110 timm[11] 0 0011 S:1 1111 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "op=15 form=0 rd!=15 as=a32_trans_dp")
INSN(orn__imm32, "11110 timm[11] 0 0011 S:1 rn:4 0 timm[10:8] rd:4 timm[7:0]", T2, "",
     "form=0 rn!=15 rd!=15 as=a32_trans_orn")
INSN(and__32, "1110101 0000 S:1 rn:4 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=0 form=1 rd!=15 as=a32_trans_dp")
INSN(bic__32, "1110101 0001 S:1 rn:4 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=14 form=1 rd!=15 as=a32_trans_dp")
INSN(orr__32, "1110101 0010 S:1 rn:4 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=12 form=1 rd!=15 rn!=15 as=a32_trans_dp")
INSN(eor__32, "1110101 0100 S:1 rn:4 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=1 form=1 rd!=15 as=a32_trans_dp")
INSN(add__32, "1110101 1000 S:1 rn:4 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=4 form=1 rd!=15 as=a32_trans_dp")
INSN(adc__32, "1110101 1010 S:1 rn:4 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=5 form=1 rd!=15 as=a32_trans_dp")
INSN(sbc__32, "1110101 1011 S:1 rn:4 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=6 form=1 rd!=15 as=a32_trans_dp")
INSN(sub__32, "1110101 1101 S:1 rn:4 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=2 form=1 rd!=15 as=a32_trans_dp")
INSN(rsb__32, "1110101 1110 S:1 rn:4 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=3 form=1 rd!=15 as=a32_trans_dp")
INSN(tst__32, "1110101 0000 1 rn:4 . amount[4:2] 1111 amount[1:0] shift:2 rm:4", T2, "",
     "op=8 form=1 S=1 as=a32_trans_dp")
INSN(teq__32, "1110101 0100 1 rn:4 . amount[4:2] 1111 amount[1:0] shift:2 rm:4", T2, "",
     "op=9 form=1 S=1 as=a32_trans_dp")
INSN(cmn__32, "1110101 1000 1 rn:4 . amount[4:2] 1111 amount[1:0] shift:2 rm:4", T2, "",
     "op=11 form=1 S=1 as=a32_trans_dp")
INSN(cmp__32, "1110101 1101 1 rn:4 . amount[4:2] 1111 amount[1:0] shift:2 rm:4", T2, "",
     "op=10 form=1 S=1 as=a32_trans_dp")
INSN(mov__32, "1110101 0010 S:1 1111 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=13 form=1 rd!=15 as=a32_trans_dp")
INSN(mvn__32, "1110101 0011 S:1 1111 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "op=15 form=1 rd!=15 as=a32_trans_dp")
INSN(orn__32, "1110101 0011 S:1 rn:4 . amount[4:2] rd:4 amount[1:0] shift:2 rm:4", T2, "",
     "form=1 rn!=15 rd!=15 as=a32_trans_orn")
INSN(pkh__32, "111010101100 rn:4 . amount[4:2] rd:4 amount[1:0] y:1 0 rm:4", T2, "",
     "as=a32_trans_pkh")
INSN(shift__reg32, "111110100 shift:2 S:1 rm:4 1111 rd:4 0000 rs:4", T2, "",
     "op=13 form=2 rd!=15 as=a32_trans_dp")

/* ---- plain immediates ---- */

INSN(addw, "11110 imm[11] 100000 rn:4 0 imm[10:8] rd:4 imm[7:0]", T2, "",
     "op=4 rd!=15 as=a32_trans_addw")
INSN(subw, "11110 imm[11] 101010 rn:4 0 imm[10:8] rd:4 imm[7:0]", T2, "",
     "op=2 rd!=15 as=a32_trans_addw")
INSN(movw__32, "11110 imm[11] 100100 imm[15:12] 0 imm[10:8] rd:4 imm[7:0]", T2, "",
     "rd!=15 as=a32_trans_movw")
INSN(movt__32, "11110 imm[11] 101100 imm[15:12] 0 imm[10:8] rd:4 imm[7:0]", T2, "",
     "rd!=15 as=a32_trans_movt")
INSN(ssat__32, "11110 . 1100 R:1 0 rn:4 0 amount[4:2] rd:4 amount[1:0] . msb:5", T2, "",
     "sign=1 rd!=15 as=a32_trans_sat")
INSN(ssat16__32, "11110 . 110010 rn:4 0 000 rd:4 00 . . msb:4", T2, "",
     "sign=1 rd!=15 over=ssat__32 as=a32_trans_sat16")
INSN(usat__32, "11110 . 1110 R:1 0 rn:4 0 amount[4:2] rd:4 amount[1:0] . msb:5", T2, "",
     "rd!=15 as=a32_trans_sat")
INSN(usat16__32, "11110 . 111010 rn:4 0 000 rd:4 00 . . msb:4", T2, "",
     "rd!=15 over=usat__32 as=a32_trans_sat16")
INSN(sbfx__32, "11110 . 110100 rn:4 0 lsb[4:2] rd:4 lsb[1:0] . msb:5", T2, "",
     "sign=1 as=a32_trans_bfx")
INSN(ubfx__32, "11110 . 111100 rn:4 0 lsb[4:2] rd:4 lsb[1:0] . msb:5", T2, "", "as=a32_trans_bfx")
INSN(bfi__32, "11110 . 110110 rm:4 0 lsb[4:2] rd:4 lsb[1:0] . msb:5", T2, "", "as=a32_trans_bfi")

/* ---- extensions, reversals ---- */

INSN(sxtah__32, "111110100000 rn:4 1111 rd:4 1 . rot:2 rm:4", T2, "",
     "op=3 sign=1 rd!=15 as=a32_trans_xta")
INSN(uxtah__32, "111110100001 rn:4 1111 rd:4 1 . rot:2 rm:4", T2, "",
     "op=3 rd!=15 as=a32_trans_xta")
INSN(sxtab16__32, "111110100010 rn:4 1111 rd:4 1 . rot:2 rm:4", T2, "",
     "op=0 sign=1 rd!=15 as=a32_trans_xta")
INSN(uxtab16__32, "111110100011 rn:4 1111 rd:4 1 . rot:2 rm:4", T2, "",
     "op=0 rd!=15 as=a32_trans_xta")
INSN(sxtab__32, "111110100100 rn:4 1111 rd:4 1 . rot:2 rm:4", T2, "",
     "op=2 sign=1 rd!=15 as=a32_trans_xta")
INSN(uxtab__32, "111110100101 rn:4 1111 rd:4 1 . rot:2 rm:4", T2, "",
     "op=2 rd!=15 as=a32_trans_xta")
INSN(rev__32, "111110101001 .... 1111 rd:4 1000 rm:4", T2, "", "rd!=15 as=a32_trans_rev")
INSN(rev16__32, "111110101001 .... 1111 rd:4 1001 rm:4", T2, "", "rd!=15 as=a32_trans_rev16")
INSN(rbit__32, "111110101001 .... 1111 rd:4 1010 rm:4", T2, "", "rd!=15 as=a32_trans_rbit")
INSN(revsh__32, "111110101001 .... 1111 rd:4 1011 rm:4", T2, "", "rd!=15 as=a32_trans_revsh")
INSN(sel__32, "111110101010 rn:4 1111 rd:4 1000 rm:4", T2, "", "rd!=15 as=a32_trans_sel")
INSN(clz__32, "111110101011 .... 1111 rd:4 1000 rm:4", T2, "", "rd!=15 as=a32_trans_clz")
INSN(qadd__32, "111110101000 rn:4 1111 rd:4 1000 rm:4", T2, "", "op=0 rd!=15 as=a32_trans_qadd")
INSN(qdadd__32, "111110101000 rn:4 1111 rd:4 1001 rm:4", T2, "", "op=2 rd!=15 as=a32_trans_qadd")
INSN(qsub__32, "111110101000 rn:4 1111 rd:4 1010 rm:4", T2, "", "op=1 rd!=15 as=a32_trans_qadd")
INSN(qdsub__32, "111110101000 rn:4 1111 rd:4 1011 rm:4", T2, "", "op=3 rd!=15 as=a32_trans_qadd")
INSN(crc32__32, "111110101100 rn:4 1111 rd:4 10 size:2 rm:4", CRC32, "",
     "size!=3 rd!=15 as=a32_trans_crc32")
INSN(crc32c__32, "111110101101 rn:4 1111 rd:4 10 size:2 rm:4", CRC32, "",
     "size!=3 rd!=15 as=a32_trans_crc32c")

/* op: 0 ADD8, 1 ADD16, 2 ASX, 4 SUB8, 5 SUB16, 6 SAX; mask is one less than in A32 */
INSN(parallel__32, "111110101 op:3 rn:4 1111 rd:4 0 mask:3 rm:4", T2, "",
     "op!=3 op!=7 mask!=3 mask!=7 rd!=15")
void t32_trans_parallel(T32Ctx *c, const T32Insn *a)
{
    static const uint8_t ops[8] = {4, 0, 1, 0, 7, 3, 2, 0};
    A32Insn t = *a;
    t.op = ops[a->op];
    t.mask = a->mask + 1;
    a32_trans_parallel(c, &t);
}

/* ---- multiply and divide ---- */

INSN(mul__32, "111110110000 rn:4 1111 rd:4 0000 rm:4", T2, "", "rd!=15 as=a32_trans_mul")
INSN(mla__32, "111110110000 rn:4 ra:4 rd:4 0000 rm:4", T2, "", "ra!=15 rd!=15 as=a32_trans_mla")
INSN(mls__32, "111110110000 rn:4 ra:4 rd:4 0001 rm:4", T2, "", "rd!=15 as=a32_trans_mls")
INSN(smulxy__32, "111110110001 rn:4 1111 rd:4 00 x:1 y:1 rm:4", T2, "",
     "rd!=15 as=a32_trans_smulxy")
INSN(smlaxy__32, "111110110001 rn:4 ra:4 rd:4 00 x:1 y:1 rm:4", T2, "",
     "ra!=15 rd!=15 as=a32_trans_smlaxy")
INSN(smlad__32, "111110110010 rn:4 ra:4 rd:4 000 x:1 rm:4", T2, "", "rd!=15 as=a32_trans_smlad")
INSN(smulw__32, "111110110011 rn:4 1111 rd:4 000 y:1 rm:4", T2, "", "rd!=15 as=a32_trans_smulw")
INSN(smlaw__32, "111110110011 rn:4 ra:4 rd:4 000 y:1 rm:4", T2, "",
     "ra!=15 rd!=15 as=a32_trans_smlaw")
INSN(smlsd__32, "111110110100 rn:4 ra:4 rd:4 000 x:1 rm:4", T2, "",
     "op=1 rd!=15 as=a32_trans_smlad")
INSN(smmla__32, "111110110101 rn:4 ra:4 rd:4 000 R:1 rm:4", T2, "", "rd!=15 as=a32_trans_smmla")
INSN(smmls__32, "111110110110 rn:4 ra:4 rd:4 000 R:1 rm:4", T2, "",
     "op=3 ra!=15 rd!=15 as=a32_trans_smmla")
INSN(usada8__32, "111110110111 rn:4 ra:4 rd:4 0000 rm:4", T2, "", "rd!=15 as=a32_trans_usada8")
INSN(smull__32, "111110111000 rn:4 ra:4 rd:4 0000 rm:4", T2, "",
     "op=2 rd!=15 ra!=15 as=a32_trans_mull")
INSN(sdiv__32, "111110111001 rn:4 .... rd:4 1111 rm:4", IDIV_T, "",
     "sign=1 rd!=15 as=a32_trans_div")
INSN(umull__32, "111110111010 rn:4 ra:4 rd:4 0000 rm:4", T2, "",
     "op=0 rd!=15 ra!=15 as=a32_trans_mull")
INSN(udiv__32, "111110111011 rn:4 .... rd:4 1111 rm:4", IDIV_T, "", "rd!=15 as=a32_trans_div")
INSN(smlal__32, "111110111100 rn:4 ra:4 rd:4 0000 rm:4", T2, "",
     "op=3 rd!=15 ra!=15 as=a32_trans_mull")
INSN(smlalxy__32, "111110111100 rn:4 ra:4 rd:4 10 x:1 y:1 rm:4", T2, "",
     "rd!=15 ra!=15 as=a32_trans_smlalxy")
INSN(smlald__32, "111110111100 rn:4 ra:4 rd:4 110 x:1 rm:4", T2, "",
     "rd!=15 ra!=15 as=a32_trans_smlald")
INSN(smlsld__32, "111110111101 rn:4 ra:4 rd:4 110 x:1 rm:4", T2, "",
     "op=1 rd!=15 ra!=15 as=a32_trans_smlald")
INSN(umlal__32, "111110111110 rn:4 ra:4 rd:4 0000 rm:4", T2, "",
     "op=1 rd!=15 ra!=15 as=a32_trans_mull")
INSN(umaal__32, "111110111110 rn:4 ra:4 rd:4 0110 rm:4", T2, "", "rd!=15 ra!=15 as=a32_trans_umaal")

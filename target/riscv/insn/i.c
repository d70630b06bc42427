/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RV32I and RV64I base integer instruction sets (unprivileged ISA, chapters "RV32I Base Integer
 * Instruction Set" and "RV64I Base Integer Instruction Set"), Zihintpause, and the
 * compressed forms of the same operations (chapter '"C" Extension for Compressed Instructions';
 * the integer ones are Zca). A compressed row stands above the function of the instruction that it
 * abbreviates.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"

/* ---- constants and jumps ---- */

INSN(lui, "imm[31:12] rd:5 0110111", I, "rd,imm20")
INSN(c_lui, "011 imm[17] rd:5 imm[16:12] 01", ZCA, "rd,imm20", "rd!=2 imm!=0")
void riscv_trans_lui(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_const(c->b, c->xt, a->imm));
}

INSN(auipc, "imm[31:12] rd:5 0010111", I, "rd,imm20")
void riscv_trans_auipc(RISCVCtx *c, const RISCVInsn *a)
{
    c->auipc.rd = a->rd;
    c->auipc.end = riscv_next(c);
    c->auipc.rel = (int64_t)c->off + a->imm;
    riscv_set_x(c, a->rd, riscv_pc(c, c->auipc.rel));
}

INSN(jal, "imm[20|10:1|11|19:12] rd:5 1101111", I, "rd,target")
INSN(c_j, "101 imm[11|4|9:8|10|6|7|3:1|5] 01", ZCA, "target", "rd=0")
INSN(c_jal, "001 imm[11|4|9:8|10|6|7|3:1|5] 01", ZCA + RV32, "target", "rd=1")
void riscv_trans_jal(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_jump(c, a->rd, a->imm);
}

INSN(jalr, "imm[11:0] rs1:5 000 rd:5 1100111", I, "rd,imm(rs1)")
INSN(c_jr, "1000 rs1:5 00000 10", ZCA, "rs1", "rs1!=0 rd=0 imm=0")
INSN(c_jalr, "1001 rs1:5 00000 10", ZCA, "rs1", "rs1!=0 rd=1 imm=0")
void riscv_trans_jalr(RISCVCtx *c, const RISCVInsn *a)
{
    if (a->rs1 && a->rs1 == c->auipc.rd && c->off == c->auipc.end) {
        /* Pages begin at even addresses: clearing bit 0 here is clearing it in the sum. */
        riscv_gen_jump(c, a->rd, ((c->auipc.rel + a->imm) & -2) - c->off);
        return;
    }
    TCGv to = tcg_gen_andi(c->b, tcg_gen_addi(c->b, riscv_x(c, a->rs1), a->imm), -2);
    riscv_gen_check_target(c, to);
    riscv_set_x(c, a->rd, riscv_pc(c, riscv_next(c)));
    riscv_gen_jump_indirect(c, to);
}

/* ---- branches ---- */

INSN(beq, "imm[12|10:5] rs2:5 rs1:5 000 imm[4:1|11] 1100011", I, "rs1,rs2,target")
INSN(c_beqz, "110 imm[8|4:3] rs1':3 imm[7:6|2:1|5] 01", ZCA, "rs1,target", "rs2=0")
void riscv_trans_beq(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_branch(c, TCG_COND_EQ, a);
}

INSN(bne, "imm[12|10:5] rs2:5 rs1:5 001 imm[4:1|11] 1100011", I, "rs1,rs2,target")
INSN(c_bnez, "111 imm[8|4:3] rs1':3 imm[7:6|2:1|5] 01", ZCA, "rs1,target", "rs2=0")
void riscv_trans_bne(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_branch(c, TCG_COND_NE, a);
}

INSN(blt, "imm[12|10:5] rs2:5 rs1:5 100 imm[4:1|11] 1100011", I, "rs1,rs2,target")
void riscv_trans_blt(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_branch(c, TCG_COND_LT, a);
}

INSN(bge, "imm[12|10:5] rs2:5 rs1:5 101 imm[4:1|11] 1100011", I, "rs1,rs2,target")
void riscv_trans_bge(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_branch(c, TCG_COND_GE, a);
}

INSN(bltu, "imm[12|10:5] rs2:5 rs1:5 110 imm[4:1|11] 1100011", I, "rs1,rs2,target")
void riscv_trans_bltu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_branch(c, TCG_COND_LTU, a);
}

INSN(bgeu, "imm[12|10:5] rs2:5 rs1:5 111 imm[4:1|11] 1100011", I, "rs1,rs2,target")
void riscv_trans_bgeu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_branch(c, TCG_COND_GEU, a);
}

/* ---- loads and stores ---- */

INSN(lb, "imm[11:0] rs1:5 000 rd:5 0000011", I, "rd,imm(rs1)")
void riscv_trans_lb(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_load(c, a, TCG_MO_8 | TCG_MO_SIGN);
}

INSN(lh, "imm[11:0] rs1:5 001 rd:5 0000011", I, "rd,imm(rs1)")
INSN(c_lh, "100001 rs1':3 1 uimm[1] rd':3 00", ZCB, "rd,imm(rs1)")
void riscv_trans_lh(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_load(c, a, TCG_MO_16 | TCG_MO_SIGN);
}

INSN(lw, "imm[11:0] rs1:5 010 rd:5 0000011", I, "rd,imm(rs1)")
INSN(c_lw, "010 uimm[5:3] rs1':3 uimm[2|6] rd':3 00", ZCA, "rd,imm(rs1)")
INSN(c_lwsp, "010 uimm[5] rd:5 uimm[4:2|7:6] 10", ZCA, "rd,imm(rs1)", "rd!=0 rs1=2")
void riscv_trans_lw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_load(c, a, TCG_MO_32 | TCG_MO_SIGN);
}

INSN(ld, "imm[11:0] rs1:5 011 rd:5 0000011", I + RV64, "rd,imm(rs1)")
INSN(c_ld, "011 uimm[5:3] rs1':3 uimm[7:6] rd':3 00", ZCA + RV64, "rd,imm(rs1)")
INSN(c_ldsp, "011 uimm[5] rd:5 uimm[4:3|8:6] 10", ZCA + RV64, "rd,imm(rs1)", "rd!=0 rs1=2")
void riscv_trans_ld(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_load(c, a, TCG_MO_64);
}

INSN(lbu, "imm[11:0] rs1:5 100 rd:5 0000011", I, "rd,imm(rs1)")
INSN(c_lbu, "100000 rs1':3 uimm[0|1] rd':3 00", ZCB, "rd,imm(rs1)")
void riscv_trans_lbu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_load(c, a, TCG_MO_8);
}

INSN(lhu, "imm[11:0] rs1:5 101 rd:5 0000011", I, "rd,imm(rs1)")
INSN(c_lhu, "100001 rs1':3 0 uimm[1] rd':3 00", ZCB, "rd,imm(rs1)")
void riscv_trans_lhu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_load(c, a, TCG_MO_16);
}

INSN(lwu, "imm[11:0] rs1:5 110 rd:5 0000011", I + RV64, "rd,imm(rs1)")
void riscv_trans_lwu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_load(c, a, TCG_MO_32);
}

INSN(sb, "imm[11:5] rs2:5 rs1:5 000 imm[4:0] 0100011", I, "rs2,imm(rs1)")
INSN(c_sb, "100010 rs1':3 uimm[0|1] rs2':3 00", ZCB, "rs2,imm(rs1)")
void riscv_trans_sb(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_store(c, a, TCG_MO_8);
}

INSN(sh, "imm[11:5] rs2:5 rs1:5 001 imm[4:0] 0100011", I, "rs2,imm(rs1)")
INSN(c_sh, "100011 rs1':3 0 uimm[1] rs2':3 00", ZCB, "rs2,imm(rs1)")
void riscv_trans_sh(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_store(c, a, TCG_MO_16);
}

INSN(sw, "imm[11:5] rs2:5 rs1:5 010 imm[4:0] 0100011", I, "rs2,imm(rs1)")
INSN(c_sw, "110 uimm[5:3] rs1':3 uimm[2|6] rs2':3 00", ZCA, "rs2,imm(rs1)")
INSN(c_swsp, "110 uimm[5:2|7:6] rs2:5 10", ZCA, "rs2,imm(rs1)", "rs1=2")
void riscv_trans_sw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_store(c, a, TCG_MO_32);
}

INSN(sd, "imm[11:5] rs2:5 rs1:5 011 imm[4:0] 0100011", I + RV64, "rs2,imm(rs1)")
INSN(c_sd, "111 uimm[5:3] rs1':3 uimm[7:6] rs2':3 00", ZCA + RV64, "rs2,imm(rs1)")
INSN(c_sdsp, "111 uimm[5:3|8:6] rs2:5 10", ZCA + RV64, "rs2,imm(rs1)", "rs1=2")
void riscv_trans_sd(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_store(c, a, TCG_MO_64);
}

/* ---- register and immediate ---- */

INSN(addi, "imm[11:0] rs1:5 000 rd:5 0010011", I, "rd,rs1,imm")
INSN(c_addi, "000 imm[5] rd:5 imm[4:0] 01", ZCA, "rd,imm", "rs1=rd rd!=0")
INSN(c_nop, "000 imm[5] 00000 imm[4:0] 01", ZCA, "", "rd=0")
INSN(c_li, "010 imm[5] rd:5 imm[4:0] 01", ZCA, "rd,imm", "rs1=0")
INSN(c_addi16sp, "011 imm[9] 00010 imm[4|6|8:7|5] 01", ZCA, "rd,imm", "rd=2 rs1=2 imm!=0")
INSN(c_addi4spn, "000 uimm[5:4|9:6|2|3] rd':3 00", ZCA, "rd,rs1,imm", "rs1=2 uimm!=0")
void riscv_trans_addi(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_addi(c->b, riscv_x(c, a->rs1), a->imm));
}

INSN(slti, "imm[11:0] rs1:5 010 rd:5 0010011", I, "rd,rs1,imm")
void riscv_trans_slti(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_setcondi(c->b, c->xt, TCG_COND_LT, riscv_x(c, a->rs1), a->imm));
}

INSN(sltiu, "imm[11:0] rs1:5 011 rd:5 0010011", I, "rd,rs1,imm")
void riscv_trans_sltiu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_setcondi(c->b, c->xt, TCG_COND_LTU, riscv_x(c, a->rs1), a->imm));
}

INSN(xori, "imm[11:0] rs1:5 100 rd:5 0010011", I, "rd,rs1,imm")
INSN(c_not, "100111 rd':3 11 101 01", ZCB, "rd", "rs1=rd imm=-1")
void riscv_trans_xori(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_xori(c->b, riscv_x(c, a->rs1), a->imm));
}

INSN(ori, "imm[11:0] rs1:5 110 rd:5 0010011", I, "rd,rs1,imm")
void riscv_trans_ori(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_ori(c->b, riscv_x(c, a->rs1), a->imm));
}

INSN(andi, "imm[11:0] rs1:5 111 rd:5 0010011", I, "rd,rs1,imm")
INSN(c_andi, "100 imm[5] 10 rd':3 imm[4:0] 01", ZCA, "rd,imm", "rs1=rd")
INSN(c_zext_b, "100111 rd':3 11 000 01", ZCB, "rd", "rs1=rd imm=255")
void riscv_trans_andi(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_andi(c->b, riscv_x(c, a->rs1), a->imm));
}

INSN(slli, "000000 shamt:6 rs1:5 001 rd:5 0010011", I + RV64, "rd,rs1,shamt")
INSN(slli__32, "0000000 shamt:5 rs1:5 001 rd:5 0010011", I + RV32, "rd,rs1,shamt")
INSN(c_slli, "000 shamt[5] rd:5 shamt[4:0] 10", ZCA + RV64, "rd,shamt", "rs1=rd")
INSN(c_slli__32, "000 0 rd:5 shamt:5 10", ZCA + RV32, "rd,shamt", "rs1=rd")
void riscv_trans_slli(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_shli(c->b, riscv_x(c, a->rs1), a->shamt));
}

INSN(srli, "000000 shamt:6 rs1:5 101 rd:5 0010011", I + RV64, "rd,rs1,shamt")
INSN(srli__32, "0000000 shamt:5 rs1:5 101 rd:5 0010011", I + RV32, "rd,rs1,shamt")
INSN(c_srli, "100 shamt[5] 00 rd':3 shamt[4:0] 01", ZCA + RV64, "rd,shamt", "rs1=rd")
INSN(c_srli__32, "100 0 00 rd':3 shamt:5 01", ZCA + RV32, "rd,shamt", "rs1=rd")
void riscv_trans_srli(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_shri(c->b, riscv_x(c, a->rs1), a->shamt));
}

INSN(srai, "010000 shamt:6 rs1:5 101 rd:5 0010011", I + RV64, "rd,rs1,shamt")
INSN(srai__32, "0100000 shamt:5 rs1:5 101 rd:5 0010011", I + RV32, "rd,rs1,shamt")
INSN(c_srai, "100 shamt[5] 01 rd':3 shamt[4:0] 01", ZCA + RV64, "rd,shamt", "rs1=rd")
INSN(c_srai__32, "100 0 01 rd':3 shamt:5 01", ZCA + RV32, "rd,shamt", "rs1=rd")
void riscv_trans_srai(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_sari(c->b, riscv_x(c, a->rs1), a->shamt));
}

/* ---- registers ---- */

INSN(add, "0000000 rs2:5 rs1:5 000 rd:5 0110011", I, "rd,rs1,rs2")
INSN(c_add, "1001 rd:5 rs2:5 10", ZCA, "rd,rs2", "rs1=rd rs2!=0")
INSN(c_mv, "1000 rd:5 rs2:5 10", ZCA, "rd,rs2", "rs1=0 rs2!=0")
void riscv_trans_add(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_add(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(sub, "0100000 rs2:5 rs1:5 000 rd:5 0110011", I, "rd,rs1,rs2")
INSN(c_sub, "100011 rd':3 00 rs2':3 01", ZCA, "rd,rs2", "rs1=rd")
void riscv_trans_sub(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_sub(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(xor, "0000000 rs2:5 rs1:5 100 rd:5 0110011", I, "rd,rs1,rs2")
INSN(c_xor, "100011 rd':3 01 rs2':3 01", ZCA, "rd,rs2", "rs1=rd")
void riscv_trans_xor(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_xor(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(or, "0000000 rs2:5 rs1:5 110 rd:5 0110011", I, "rd,rs1,rs2")
INSN(c_or, "100011 rd':3 10 rs2':3 01", ZCA, "rd,rs2", "rs1=rd")
void riscv_trans_or(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_or(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(and, "0000000 rs2:5 rs1:5 111 rd:5 0110011", I, "rd,rs1,rs2")
INSN(c_and, "100011 rd':3 11 rs2':3 01", ZCA, "rd,rs2", "rs1=rd")
void riscv_trans_and(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_and(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(sll, "0000000 rs2:5 rs1:5 001 rd:5 0110011", I, "rd,rs1,rs2")
void riscv_trans_sll(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_shl(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(srl, "0000000 rs2:5 rs1:5 101 rd:5 0110011", I, "rd,rs1,rs2")
void riscv_trans_srl(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_shr(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(sra, "0100000 rs2:5 rs1:5 101 rd:5 0110011", I, "rd,rs1,rs2")
void riscv_trans_sra(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_sar(c->b, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(slt, "0000000 rs2:5 rs1:5 010 rd:5 0110011", I, "rd,rs1,rs2")
void riscv_trans_slt(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_setcond(c->b, c->xt, TCG_COND_LT, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(sltu, "0000000 rs2:5 rs1:5 011 rd:5 0110011", I, "rd,rs1,rs2")
void riscv_trans_sltu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd,
                tcg_gen_setcond(c->b, c->xt, TCG_COND_LTU, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

/* ---- words of RV64 ---- */

INSN(addiw, "imm[11:0] rs1:5 000 rd:5 0011011", I + RV64, "rd,rs1,imm")
INSN(c_addiw, "001 imm[5] rd:5 imm[4:0] 01", ZCA + RV64, "rd,imm", "rs1=rd rd!=0")
void riscv_trans_addiw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_addi(c->b, riscv_w(c, a->rs1), a->imm));
}

INSN(slliw, "0000000 shamt:5 rs1:5 001 rd:5 0011011", I + RV64, "rd,rs1,shamt")
void riscv_trans_slliw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_shli(c->b, riscv_w(c, a->rs1), a->shamt));
}

INSN(srliw, "0000000 shamt:5 rs1:5 101 rd:5 0011011", I + RV64, "rd,rs1,shamt")
void riscv_trans_srliw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_shri(c->b, riscv_w(c, a->rs1), a->shamt));
}

INSN(sraiw, "0100000 shamt:5 rs1:5 101 rd:5 0011011", I + RV64, "rd,rs1,shamt")
void riscv_trans_sraiw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_sari(c->b, riscv_w(c, a->rs1), a->shamt));
}

INSN(addw, "0000000 rs2:5 rs1:5 000 rd:5 0111011", I + RV64, "rd,rs1,rs2")
INSN(c_addw, "100111 rd':3 01 rs2':3 01", ZCA + RV64, "rd,rs2", "rs1=rd")
void riscv_trans_addw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_add(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

INSN(subw, "0100000 rs2:5 rs1:5 000 rd:5 0111011", I + RV64, "rd,rs1,rs2")
INSN(c_subw, "100111 rd':3 00 rs2':3 01", ZCA + RV64, "rd,rs2", "rs1=rd")
void riscv_trans_subw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_sub(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

INSN(sllw, "0000000 rs2:5 rs1:5 001 rd:5 0111011", I + RV64, "rd,rs1,rs2")
void riscv_trans_sllw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_shl(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

INSN(srlw, "0000000 rs2:5 rs1:5 101 rd:5 0111011", I + RV64, "rd,rs1,rs2")
void riscv_trans_srlw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_shr(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

INSN(sraw, "0100000 rs2:5 rs1:5 101 rd:5 0111011", I + RV64, "rd,rs1,rs2")
void riscv_trans_sraw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, tcg_gen_sar(c->b, riscv_w(c, a->rs1), riscv_w(c, a->rs2)));
}

/* ---- memory order ---- */

/* fm = 1000 with rw,rw is fence.tso, which leaves out the store to load order; the other values of
 * fm are reserved and act as a plain fence. */
INSN(fence, "fm:4 pred:4 succ:4 rs1:5 000 rd:5 0001111", I, "pred,succ")
void riscv_trans_fence(RISCVCtx *c, const RISCVInsn *a)
{
    enum { W = 1, R = 2, O = 4, I = 8 };
    bool pr = a->pred & (R | I), pw = a->pred & (W | O);
    bool sr = a->succ & (R | I), sw = a->succ & (W | O);
    bool tso = a->fm == 8 && a->pred == (R | W) && a->succ == (R | W);
    tcg_gen_fence(c->b, (pr && sr ? TCG_FENCE_RR : 0) | (pr && sw ? TCG_FENCE_RW : 0) |
                            (pw && sr && !tso ? TCG_FENCE_WR : 0) | (pw && sw ? TCG_FENCE_WW : 0));
}

/* Zihintpause. A hint: without the extension it is a fence that orders nothing. */
INSN(pause, "000000010000 00000 000 00000 0001111", ZIHINTPAUSE, "", "over=fence")
void riscv_trans_pause(RISCVCtx *c, const RISCVInsn *a)
{
    tcg_gen_call0(c->b, &riscv_helper_pause);
    riscv_gen_end(c, RISCV_CSR_END_MAIN);
}

/* ---- environment ---- */

INSN(ecall, "000000000000 00000 000 00000 1110011", I, "")
void riscv_trans_ecall(RISCVCtx *c, const RISCVInsn *a)
{
    tcg_gen_setcell(c->b, RISCV_CELL_RES_ADDR, tcg_i64(c->b, RISCV_RES_NONE));
    riscv_gen_exit_poll(c, tcg_gen_call1(c->b, &riscv_helper_ecall, tcg_gen_pcrel(c->b, c->off)));
}

INSN(ebreak, "000000000001 00000 000 00000 1110011", I, "")
INSN(c_ebreak, "1001 00000 00000 10", ZCA, "")
void riscv_trans_ebreak(RISCVCtx *c, const RISCVInsn *a)
{
    if (c->len == 4 && riscv_semihosting(c->unit->cpu, riscv_priv(c))) {
        TCGv pc = tcg_gen_call1(c->b, &riscv_helper_semihost, tcg_gen_pcrel(c->b, c->off));
        riscv_gen_exit_poll(c, pc);
        return;
    }
    tcg_gen_call1(c->b, &riscv_helper_ebreak, tcg_i32(c->b, c->word));
    c->ended = true;
}

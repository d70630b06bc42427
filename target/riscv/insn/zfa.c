/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zfa: additional floating-point instructions (unprivileged ISA, chapter '"Zfa" Extension for
 * Additional Floating-Point Instructions'), single and double precision; half precision stands in
 * zfh.c.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn/fp.h"
uint64_t riscv_fli_bits(unsigned index, unsigned exp_bits, unsigned frac_bits)
{
    /* Entries 2 to 29 of the table of the values of fli: exponent and the two upper fraction bits.
     */
    static const int8_t table[32][2] = {
        [2] = {-16, 0}, {-15, 0}, {-8, 0}, {-7, 0}, {-4, 0}, {-3, 0}, {-2, 0},
        {-2, 1},        {-2, 2},  {-2, 3}, {-1, 0}, {-1, 1}, {-1, 2}, {-1, 3},
        {0, 0},         {0, 1},   {0, 2},  {0, 3},  {1, 0},  {1, 1},  {1, 2},
        {2, 0},         {3, 0},   {4, 0},  {7, 0},  {8, 0},  {15, 0}, {16, 0}};
    int bias = (1 << (exp_bits - 1)) - 1;
    uint64_t one = (uint64_t)bias << frac_bits, max = (uint64_t)(2 * bias + 1) << frac_bits;
    if (index == 0) {
        return one | (uint64_t)1 << (exp_bits + frac_bits);
    }
    if (index == 1) {
        return (uint64_t)1 << frac_bits;
    }
    int e = table[index][0] + bias;
    if (index >= 30 || e > 2 * bias) {
        return index == 31 ? max | (uint64_t)1 << (frac_bits - 1) : max;
    }
    if (e <= 0) {
        return (uint64_t)1 << ((int)frac_bits - 1 + e);
    }
    return (uint64_t)e << frac_bits | (uint64_t)table[index][1] << (frac_bits - 2);
}

static void gen_fround(RISCVCtx *c, const RISCVInsn *a, TCGType t, unsigned options)
{
    unsigned fp;
    if (riscv_fp_round(c, a, &fp)) {
        riscv_set_f(c, a->rd, tcg_gen_fround(c->b, fp | options, riscv_f(c, t, a->rs1)));
    }
}

INSN(fli_s, "1111000 00001 rs1:5 000 rd:5 1010011", ZFA, "frd,fli")
void riscv_trans_fli_s(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_change(c)) {
        riscv_set_f(c, a->rd, tcg_fconst(c->b, TCG_F32, riscv_fli_bits(a->rs1, 8, 23)));
    }
}

INSN(fminm_s, "0010100 rs2:5 rs1:5 010 rd:5 1010011", ZFA, "frd,frs1,frs2")
void riscv_trans_fminm_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_minmax(c, a, TCG_F32, RISCV_FP_EXACT & ~TCG_FP_NUM, tcg_gen_fmin);
}

INSN(fmaxm_s, "0010100 rs2:5 rs1:5 011 rd:5 1010011", ZFA, "frd,frs1,frs2")
void riscv_trans_fmaxm_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_minmax(c, a, TCG_F32, RISCV_FP_EXACT & ~TCG_FP_NUM, tcg_gen_fmax);
}

INSN(fleq_s, "1010000 rs2:5 rs1:5 100 rd:5 1010011", ZFA, "rd,frs1,frs2")
void riscv_trans_fleq_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_compare(c, a, TCG_F32, TCG_FCOND_LE_Q);
}

INSN(fltq_s, "1010000 rs2:5 rs1:5 101 rd:5 1010011", ZFA, "rd,frs1,frs2")
void riscv_trans_fltq_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_compare(c, a, TCG_F32, TCG_FCOND_LT_Q);
}

INSN(fround_s, "0100000 00100 rs1:5 rm:3 rd:5 1010011", ZFA, "frd,frs1,rm")
void riscv_trans_fround_s(RISCVCtx *c, const RISCVInsn *a)
{
    gen_fround(c, a, TCG_F32, TCG_FP_INEXACT_OFF);
}

INSN(froundnx_s, "0100000 00101 rs1:5 rm:3 rd:5 1010011", ZFA, "frd,frs1,rm")
void riscv_trans_froundnx_s(RISCVCtx *c, const RISCVInsn *a)
{
    gen_fround(c, a, TCG_F32, 0);
}

INSN(fli_d, "1111001 00001 rs1:5 000 rd:5 1010011", ZFA + D, "frd,fli")
void riscv_trans_fli_d(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_change(c)) {
        riscv_set_f(c, a->rd, tcg_fconst(c->b, TCG_F64, riscv_fli_bits(a->rs1, 11, 52)));
    }
}

INSN(fminm_d, "0010101 rs2:5 rs1:5 010 rd:5 1010011", ZFA + D, "frd,frs1,frs2")
void riscv_trans_fminm_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_minmax(c, a, TCG_F64, RISCV_FP_EXACT & ~TCG_FP_NUM, tcg_gen_fmin);
}

INSN(fmaxm_d, "0010101 rs2:5 rs1:5 011 rd:5 1010011", ZFA + D, "frd,frs1,frs2")
void riscv_trans_fmaxm_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_minmax(c, a, TCG_F64, RISCV_FP_EXACT & ~TCG_FP_NUM, tcg_gen_fmax);
}

INSN(fleq_d, "1010001 rs2:5 rs1:5 100 rd:5 1010011", ZFA + D, "rd,frs1,frs2")
void riscv_trans_fleq_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_compare(c, a, TCG_F64, TCG_FCOND_LE_Q);
}

INSN(fltq_d, "1010001 rs2:5 rs1:5 101 rd:5 1010011", ZFA + D, "rd,frs1,frs2")
void riscv_trans_fltq_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_compare(c, a, TCG_F64, TCG_FCOND_LT_Q);
}

INSN(fround_d, "0100001 00100 rs1:5 rm:3 rd:5 1010011", ZFA + D, "frd,frs1,rm")
void riscv_trans_fround_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_fround(c, a, TCG_F64, TCG_FP_INEXACT_OFF);
}

INSN(froundnx_d, "0100001 00101 rs1:5 rm:3 rd:5 1010011", ZFA + D, "frd,frs1,rm")
void riscv_trans_froundnx_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_fround(c, a, TCG_F64, 0);
}

INSN(fcvtmod_w_d, "1100001 01000 rs1:5 001 rd:5 1010011", ZFA + D, "rd,frs1,rtz")
void riscv_trans_fcvtmod_w_d(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_change(c)) {
        TCGv v = tcg_gen_call1(c->b, &riscv_helper_fcvtmod_w_d, riscv_f_bits(c, a->rs1));
        riscv_set_x64(c, a->rd, v);
    }
}

INSN(fmvh_x_d, "1110001 00001 rs1:5 000 rd:5 1010011", ZFA + D + RV32, "rd,frs1")
void riscv_trans_fmvh_x_d(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_on(c)) {
        riscv_set_x(c, a->rd, tcg_gen_trunc(c->b, tcg_gen_shri(c->b, riscv_f_bits(c, a->rs1), 32)));
    }
}

INSN(fmvp_d_x, "1011001 rs2:5 rs1:5 000 rd:5 1010011", ZFA + D + RV32, "frd,rs1,rs2")
void riscv_trans_fmvp_d_x(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_change(c)) {
        TCGv both = tcg_gen_deposit(c->b, riscv_x64(c, a->rs1), riscv_x64(c, a->rs2), 32, 32);
        riscv_set_f_bits(c, a->rd, both);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * D: double-precision floating point (unprivileged ISA, chapter '"D" Extension for Double-Precision
 * Floating-Point') and its compressed loads and stores (Zcd).
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn/fp.h"

INSN(fld, "imm[11:0] rs1:5 011 rd:5 0000111", D, "frd,imm(rs1)")
INSN(c_fld, "001 uimm[5:3] rs1':3 uimm[7:6] rd':3 00", ZCD, "frd,imm(rs1)")
INSN(c_fldsp, "001 uimm[5] rd:5 uimm[4:3|8:6] 10", ZCD, "frd,imm(rs1)", "rs1=2")
void riscv_trans_fld(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_load(c, a, TCG_F64);
}

INSN(fsd, "imm[11:5] rs2:5 rs1:5 011 imm[4:0] 0100111", D, "frs2,imm(rs1)")
INSN(c_fsd, "101 uimm[5:3] rs1':3 uimm[7:6] rs2':3 00", ZCD, "frs2,imm(rs1)")
INSN(c_fsdsp, "101 uimm[5:3|8:6] rs2:5 10", ZCD, "frs2,imm(rs1)", "rs1=2")
void riscv_trans_fsd(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_store(c, a, TCG_F64);
}

INSN(fadd_d, "0000001 rs2:5 rs1:5 rm:3 rd:5 1010011", D, "frd,frs1,frs2,rm")
void riscv_trans_fadd_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_arith(c, a, TCG_F64, tcg_gen_fadd);
}

INSN(fsub_d, "0000101 rs2:5 rs1:5 rm:3 rd:5 1010011", D, "frd,frs1,frs2,rm")
void riscv_trans_fsub_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_arith(c, a, TCG_F64, tcg_gen_fsub);
}

INSN(fmul_d, "0001001 rs2:5 rs1:5 rm:3 rd:5 1010011", D, "frd,frs1,frs2,rm")
void riscv_trans_fmul_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_arith(c, a, TCG_F64, tcg_gen_fmul);
}

INSN(fdiv_d, "0001101 rs2:5 rs1:5 rm:3 rd:5 1010011", D, "frd,frs1,frs2,rm")
void riscv_trans_fdiv_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_arith(c, a, TCG_F64, tcg_gen_fdiv);
}

INSN(fsqrt_d, "0101101 00000 rs1:5 rm:3 rd:5 1010011", D, "frd,frs1,rm")
void riscv_trans_fsqrt_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_sqrt(c, a, TCG_F64);
}

INSN(fmin_d, "0010101 rs2:5 rs1:5 000 rd:5 1010011", D, "frd,frs1,frs2")
void riscv_trans_fmin_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_minmax(c, a, TCG_F64, RISCV_FP_EXACT, tcg_gen_fmin);
}

INSN(fmax_d, "0010101 rs2:5 rs1:5 001 rd:5 1010011", D, "frd,frs1,frs2")
void riscv_trans_fmax_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_minmax(c, a, TCG_F64, RISCV_FP_EXACT, tcg_gen_fmax);
}

INSN(fmadd_d, "rs3:5 01 rs2:5 rs1:5 rm:3 rd:5 1000011", D, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fmadd_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_fma(c, a, TCG_F64, false, false);
}

INSN(fmsub_d, "rs3:5 01 rs2:5 rs1:5 rm:3 rd:5 1000111", D, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fmsub_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_fma(c, a, TCG_F64, false, true);
}

INSN(fnmsub_d, "rs3:5 01 rs2:5 rs1:5 rm:3 rd:5 1001011", D, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fnmsub_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_fma(c, a, TCG_F64, true, false);
}

INSN(fnmadd_d, "rs3:5 01 rs2:5 rs1:5 rm:3 rd:5 1001111", D, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fnmadd_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_fma(c, a, TCG_F64, true, true);
}

INSN(fsgnj_d, "0010001 rs2:5 rs1:5 000 rd:5 1010011", D, "frd,frs1,frs2")
void riscv_trans_fsgnj_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_sign(c, a, TCG_F64, RISCV_SGNJ);
}

INSN(fsgnjn_d, "0010001 rs2:5 rs1:5 001 rd:5 1010011", D, "frd,frs1,frs2")
void riscv_trans_fsgnjn_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_sign(c, a, TCG_F64, RISCV_SGNJN);
}

INSN(fsgnjx_d, "0010001 rs2:5 rs1:5 010 rd:5 1010011", D, "frd,frs1,frs2")
void riscv_trans_fsgnjx_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_sign(c, a, TCG_F64, RISCV_SGNJX);
}

INSN(feq_d, "1010001 rs2:5 rs1:5 010 rd:5 1010011", D, "rd,frs1,frs2")
void riscv_trans_feq_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_compare(c, a, TCG_F64, TCG_FCOND_EQ_Q);
}

INSN(flt_d, "1010001 rs2:5 rs1:5 001 rd:5 1010011", D, "rd,frs1,frs2")
void riscv_trans_flt_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_compare(c, a, TCG_F64, TCG_FCOND_LT_S);
}

INSN(fle_d, "1010001 rs2:5 rs1:5 000 rd:5 1010011", D, "rd,frs1,frs2")
void riscv_trans_fle_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_compare(c, a, TCG_F64, TCG_FCOND_LE_S);
}

INSN(fclass_d, "1110001 00000 rs1:5 001 rd:5 1010011", D, "rd,frs1")
void riscv_trans_fclass_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_class(c, a, &riscv_helper_fclass_d);
}

INSN(fcvt_w_d, "1100001 00000 rs1:5 rm:3 rd:5 1010011", D, "rd,frs1,rm")
void riscv_trans_fcvt_w_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_to_int(c, a, TCG_F64, TCG_I32, tcg_gen_fcvt_fs);
}

INSN(fcvt_wu_d, "1100001 00001 rs1:5 rm:3 rd:5 1010011", D, "rd,frs1,rm")
void riscv_trans_fcvt_wu_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_to_int(c, a, TCG_F64, TCG_I32, tcg_gen_fcvt_fu);
}

INSN(fcvt_l_d, "1100001 00010 rs1:5 rm:3 rd:5 1010011", D + RV64, "rd,frs1,rm")
void riscv_trans_fcvt_l_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_to_int(c, a, TCG_F64, TCG_I64, tcg_gen_fcvt_fs);
}

INSN(fcvt_lu_d, "1100001 00011 rs1:5 rm:3 rd:5 1010011", D + RV64, "rd,frs1,rm")
void riscv_trans_fcvt_lu_d(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_to_int(c, a, TCG_F64, TCG_I64, tcg_gen_fcvt_fu);
}

INSN(fcvt_d_w, "1101001 00000 rs1:5 rm:3 rd:5 1010011", D, "frd,rs1,rmexact")
void riscv_trans_fcvt_d_w(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_from_int(c, a, TCG_F64, TCG_I32, tcg_gen_fcvt_sf);
}

INSN(fcvt_d_wu, "1101001 00001 rs1:5 rm:3 rd:5 1010011", D, "frd,rs1,rmexact")
void riscv_trans_fcvt_d_wu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_from_int(c, a, TCG_F64, TCG_I32, tcg_gen_fcvt_uf);
}

INSN(fcvt_d_l, "1101001 00010 rs1:5 rm:3 rd:5 1010011", D + RV64, "frd,rs1,rm")
void riscv_trans_fcvt_d_l(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_from_int(c, a, TCG_F64, TCG_I64, tcg_gen_fcvt_sf);
}

INSN(fcvt_d_lu, "1101001 00011 rs1:5 rm:3 rd:5 1010011", D + RV64, "frd,rs1,rm")
void riscv_trans_fcvt_d_lu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_from_int(c, a, TCG_F64, TCG_I64, tcg_gen_fcvt_uf);
}

INSN(fcvt_s_d, "0100000 00001 rs1:5 rm:3 rd:5 1010011", D, "frd,frs1,rm")
void riscv_trans_fcvt_s_d(RISCVCtx *c, const RISCVInsn *a)
{
    unsigned fp;
    if (riscv_fp_round(c, a, &fp)) {
        riscv_set_f(c, a->rd, tcg_gen_fcvt_ff(c->b, TCG_F32, fp, riscv_f(c, TCG_F64, a->rs1)));
    }
}

INSN(fcvt_d_s, "0100001 00000 rs1:5 rm:3 rd:5 1010011", D, "frd,frs1,rmexact")
void riscv_trans_fcvt_d_s(RISCVCtx *c, const RISCVInsn *a)
{
    unsigned fp;
    if (riscv_fp_round(c, a, &fp)) {
        riscv_set_f(c, a->rd,
                    tcg_gen_fcvt_ff(c->b, TCG_F64, RISCV_FP_EXACT, riscv_f(c, TCG_F32, a->rs1)));
    }
}

INSN(fmv_x_d, "1110001 00000 rs1:5 000 rd:5 1010011", D + RV64, "rd,frs1")
void riscv_trans_fmv_x_d(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_on(c)) {
        riscv_set_x(c, a->rd, riscv_f_bits(c, a->rs1));
    }
}

INSN(fmv_d_x, "1111001 00000 rs1:5 000 rd:5 1010011", D + RV64, "frd,rs1")
void riscv_trans_fmv_d_x(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_change(c)) {
        riscv_set_f_bits(c, a->rd, riscv_x(c, a->rs1));
    }
}

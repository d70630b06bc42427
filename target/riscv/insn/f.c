/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * F: single-precision floating point (unprivileged ISA, chapter '"F" Extension for Single-Precision
 * Floating-Point'), its compressed loads and stores (Zcf), and what the other floating-point files
 * share.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn/fp.h"

/* ---- what the floating-point files share ---- */

bool riscv_fp_on(RISCVCtx *c)
{
    if (!(c->mode & RISCV_MODE_FS)) {
        riscv_gen_illegal(c);
        return false;
    }
    return true;
}

bool riscv_fp_change(RISCVCtx *c)
{
    if (!riscv_fp_on(c)) {
        return false;
    }
    if (!c->fs_dirty) {
        tcg_gen_stenv(c->b, TCG_MO_8, tcg_i32(c->b, 1), RISCV_FS_DIRTY_OFFSET);
        c->fs_dirty = true;
    }
    return true;
}

bool riscv_fp_round(RISCVCtx *c, const RISCVInsn *a, unsigned *fp)
{
    if (a->rm == 5 || a->rm == 6 || (a->rm == 7 && (c->mode & RISCV_MODE_FRM_BAD))) {
        riscv_gen_illegal(c);
        return false;
    }
    *fp = RISCV_FP | (a->rm == 7 && (c->mode & RISCV_MODE_FRM_SOFT) ? TCG_RND_RMM : a->rm);
    return riscv_fp_change(c);
}

TCGv riscv_f(RISCVCtx *c, TCGType t, unsigned r)
{
    TCGv v = tcg_gen_getcell(c->b, RISCV_CELL_F(r));
    return t == TCG_F32 ? tcg_gen_funbox(c->b, v) : v;
}

void riscv_set_f(RISCVCtx *c, unsigned r, TCGv v)
{
    tcg_gen_setcell(c->b, RISCV_CELL_F(r),
                    tcg_type(c->b, v) == TCG_F32 ? tcg_gen_fbox(c->b, v) : v);
}

TCGv riscv_f_bits(RISCVCtx *c, unsigned r)
{
    return tcg_gen_bitcast(c->b, TCG_I64, tcg_gen_getcell(c->b, RISCV_CELL_F(r)));
}

void riscv_set_f_bits(RISCVCtx *c, unsigned r, TCGv bits)
{
    tcg_gen_setcell(c->b, RISCV_CELL_F(r), tcg_gen_bitcast(c->b, TCG_F64, bits));
}

void riscv_gen_fp_load(RISCVCtx *c, const RISCVInsn *a, TCGType t)
{
    if (riscv_fp_change(c)) {
        TCGMemOp m = t == TCG_F32 ? TCG_MO_32 : TCG_MO_64;
        riscv_set_f(c, a->rd, tcg_gen_ld(c->b, t, m, riscv_x64(c, a->rs1), a->imm));
    }
}

/* The low half is stored as it is, boxed or not. */
void riscv_gen_fp_store(RISCVCtx *c, const RISCVInsn *a, TCGType t)
{
    if (riscv_fp_on(c)) {
        TCGv v = t == TCG_F32 ? tcg_gen_trunc(c->b, riscv_f_bits(c, a->rs2))
                              : riscv_f(c, TCG_F64, a->rs2);
        tcg_gen_st(c->b, t == TCG_F32 ? TCG_MO_32 : TCG_MO_64, riscv_x64(c, a->rs1), a->imm, v);
    }
}

void riscv_gen_fp_arith(RISCVCtx *c, const RISCVInsn *a, TCGType t, RISCVFpBinary *op)
{
    unsigned fp;
    if (riscv_fp_round(c, a, &fp)) {
        riscv_set_f(c, a->rd, op(c->b, fp, riscv_f(c, t, a->rs1), riscv_f(c, t, a->rs2)));
    }
}

void riscv_gen_fp_minmax(RISCVCtx *c, const RISCVInsn *a, TCGType t, unsigned fp, RISCVFpBinary *op)
{
    if (riscv_fp_change(c)) {
        riscv_set_f(c, a->rd, op(c->b, fp, riscv_f(c, t, a->rs1), riscv_f(c, t, a->rs2)));
    }
}

void riscv_gen_fp_sqrt(RISCVCtx *c, const RISCVInsn *a, TCGType t)
{
    unsigned fp;
    if (riscv_fp_round(c, a, &fp)) {
        riscv_set_f(c, a->rd, tcg_gen_fsqrt(c->b, fp, riscv_f(c, t, a->rs1)));
    }
}

/* The result of NaN operands is the canonical NaN whatever their signs, so signs can be changed
 * first. */
void riscv_gen_fp_fma(RISCVCtx *c, const RISCVInsn *a, TCGType t, bool negate_product,
                      bool negate_addend)
{
    unsigned fp;
    if (riscv_fp_round(c, a, &fp)) {
        TCGv x = riscv_f(c, t, a->rs1), y = riscv_f(c, t, a->rs2), z = riscv_f(c, t, a->rs3);
        x = negate_product ? tcg_gen_fneg(c->b, x) : x;
        z = negate_addend ? tcg_gen_fneg(c->b, z) : z;
        riscv_set_f(c, a->rd, tcg_gen_fma(c->b, fp, x, y, z));
    }
}

void riscv_gen_fp_sign(RISCVCtx *c, const RISCVInsn *a, TCGType t, RISCVSign how)
{
    if (!riscv_fp_change(c)) {
        return;
    }
    TCGv x = riscv_f(c, t, a->rs1), y, v;
    if (a->rs1 == a->rs2) {
        v = how == RISCV_SGNJ    ? x
            : how == RISCV_SGNJN ? tcg_gen_fneg(c->b, x)
                                 : tcg_gen_fabs(c->b, x);
    } else if (how == RISCV_SGNJX) {
        TCGType i = t == TCG_F32 ? TCG_I32 : TCG_I64;
        y = tcg_gen_bitcast(c->b, i, riscv_f(c, t, a->rs2));
        y = tcg_gen_and(c->b, y, tcg_const(c->b, i, t == TCG_F32 ? INT32_MIN : INT64_MIN));
        v = tcg_gen_bitcast(c->b, t, tcg_gen_xor(c->b, tcg_gen_bitcast(c->b, i, x), y));
    } else {
        y = riscv_f(c, t, a->rs2);
        v = tcg_gen_fcopysign(c->b, x, how == RISCV_SGNJN ? tcg_gen_fneg(c->b, y) : y);
    }
    riscv_set_f(c, a->rd, v);
}

void riscv_gen_fp_compare(RISCVCtx *c, const RISCVInsn *a, TCGType t, TCGFCond cond)
{
    if (riscv_fp_change(c)) {
        TCGv v = tcg_gen_fcmp(c->b, c->xt, cond, riscv_f(c, t, a->rs1), riscv_f(c, t, a->rs2));
        riscv_set_x(c, a->rd, v);
    }
}

void riscv_gen_fp_class(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    if (riscv_fp_on(c)) {
        riscv_set_x64(c, a->rd, tcg_gen_call1(c->b, h, riscv_f_bits(c, a->rs1)));
    }
}

void riscv_gen_fp_to_int(RISCVCtx *c, const RISCVInsn *a, TCGType t, TCGType to, RISCVFpToInt *op)
{
    unsigned fp;
    if (riscv_fp_round(c, a, &fp)) {
        TCGv v = op(c->b, to, fp, riscv_f(c, t, a->rs1));
        if (to == TCG_I32) {
            riscv_set_w(c, a->rd, v);
        } else {
            riscv_set_x(c, a->rd, v);
        }
    }
}

void riscv_gen_fp_from_int(RISCVCtx *c, const RISCVInsn *a, TCGType t, TCGType from,
                           RISCVFpFromInt *op)
{
    unsigned fp;
    if (riscv_fp_round(c, a, &fp)) {
        TCGv v = from == TCG_I32 ? riscv_w(c, a->rs1) : riscv_x(c, a->rs1);
        fp = t == TCG_F64 && from == TCG_I32 ? RISCV_FP_EXACT : fp;
        riscv_set_f(c, a->rd, op(c->b, t, fp, v));
    }
}

/* ---- single precision ---- */

INSN(flw, "imm[11:0] rs1:5 010 rd:5 0000111", F, "frd,imm(rs1)")
INSN(c_flw, "011 uimm[5:3] rs1':3 uimm[2|6] rd':3 00", ZCF + RV32, "frd,imm(rs1)")
INSN(c_flwsp, "011 uimm[5] rd:5 uimm[4:2|7:6] 10", ZCF + RV32, "frd,imm(rs1)", "rs1=2")
void riscv_trans_flw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_load(c, a, TCG_F32);
}

INSN(fsw, "imm[11:5] rs2:5 rs1:5 010 imm[4:0] 0100111", F, "frs2,imm(rs1)")
INSN(c_fsw, "111 uimm[5:3] rs1':3 uimm[2|6] rs2':3 00", ZCF + RV32, "frs2,imm(rs1)")
INSN(c_fswsp, "111 uimm[5:2|7:6] rs2:5 10", ZCF + RV32, "frs2,imm(rs1)", "rs1=2")
void riscv_trans_fsw(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_store(c, a, TCG_F32);
}

INSN(fadd_s, "0000000 rs2:5 rs1:5 rm:3 rd:5 1010011", F, "frd,frs1,frs2,rm")
void riscv_trans_fadd_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_arith(c, a, TCG_F32, tcg_gen_fadd);
}

INSN(fsub_s, "0000100 rs2:5 rs1:5 rm:3 rd:5 1010011", F, "frd,frs1,frs2,rm")
void riscv_trans_fsub_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_arith(c, a, TCG_F32, tcg_gen_fsub);
}

INSN(fmul_s, "0001000 rs2:5 rs1:5 rm:3 rd:5 1010011", F, "frd,frs1,frs2,rm")
void riscv_trans_fmul_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_arith(c, a, TCG_F32, tcg_gen_fmul);
}

INSN(fdiv_s, "0001100 rs2:5 rs1:5 rm:3 rd:5 1010011", F, "frd,frs1,frs2,rm")
void riscv_trans_fdiv_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_arith(c, a, TCG_F32, tcg_gen_fdiv);
}

INSN(fsqrt_s, "0101100 00000 rs1:5 rm:3 rd:5 1010011", F, "frd,frs1,rm")
void riscv_trans_fsqrt_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_sqrt(c, a, TCG_F32);
}

INSN(fmin_s, "0010100 rs2:5 rs1:5 000 rd:5 1010011", F, "frd,frs1,frs2")
void riscv_trans_fmin_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_minmax(c, a, TCG_F32, RISCV_FP_EXACT, tcg_gen_fmin);
}

INSN(fmax_s, "0010100 rs2:5 rs1:5 001 rd:5 1010011", F, "frd,frs1,frs2")
void riscv_trans_fmax_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_minmax(c, a, TCG_F32, RISCV_FP_EXACT, tcg_gen_fmax);
}

INSN(fmadd_s, "rs3:5 00 rs2:5 rs1:5 rm:3 rd:5 1000011", F, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fmadd_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_fma(c, a, TCG_F32, false, false);
}

INSN(fmsub_s, "rs3:5 00 rs2:5 rs1:5 rm:3 rd:5 1000111", F, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fmsub_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_fma(c, a, TCG_F32, false, true);
}

INSN(fnmsub_s, "rs3:5 00 rs2:5 rs1:5 rm:3 rd:5 1001011", F, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fnmsub_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_fma(c, a, TCG_F32, true, false);
}

INSN(fnmadd_s, "rs3:5 00 rs2:5 rs1:5 rm:3 rd:5 1001111", F, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fnmadd_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_fma(c, a, TCG_F32, true, true);
}

INSN(fsgnj_s, "0010000 rs2:5 rs1:5 000 rd:5 1010011", F, "frd,frs1,frs2")
void riscv_trans_fsgnj_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_sign(c, a, TCG_F32, RISCV_SGNJ);
}

INSN(fsgnjn_s, "0010000 rs2:5 rs1:5 001 rd:5 1010011", F, "frd,frs1,frs2")
void riscv_trans_fsgnjn_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_sign(c, a, TCG_F32, RISCV_SGNJN);
}

INSN(fsgnjx_s, "0010000 rs2:5 rs1:5 010 rd:5 1010011", F, "frd,frs1,frs2")
void riscv_trans_fsgnjx_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_sign(c, a, TCG_F32, RISCV_SGNJX);
}

INSN(feq_s, "1010000 rs2:5 rs1:5 010 rd:5 1010011", F, "rd,frs1,frs2")
void riscv_trans_feq_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_compare(c, a, TCG_F32, TCG_FCOND_EQ_Q);
}

INSN(flt_s, "1010000 rs2:5 rs1:5 001 rd:5 1010011", F, "rd,frs1,frs2")
void riscv_trans_flt_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_compare(c, a, TCG_F32, TCG_FCOND_LT_S);
}

INSN(fle_s, "1010000 rs2:5 rs1:5 000 rd:5 1010011", F, "rd,frs1,frs2")
void riscv_trans_fle_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_compare(c, a, TCG_F32, TCG_FCOND_LE_S);
}

INSN(fclass_s, "1110000 00000 rs1:5 001 rd:5 1010011", F, "rd,frs1")
void riscv_trans_fclass_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_class(c, a, &riscv_helper_fclass_s);
}

INSN(fcvt_w_s, "1100000 00000 rs1:5 rm:3 rd:5 1010011", F, "rd,frs1,rm")
void riscv_trans_fcvt_w_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_to_int(c, a, TCG_F32, TCG_I32, tcg_gen_fcvt_fs);
}

INSN(fcvt_wu_s, "1100000 00001 rs1:5 rm:3 rd:5 1010011", F, "rd,frs1,rm")
void riscv_trans_fcvt_wu_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_to_int(c, a, TCG_F32, TCG_I32, tcg_gen_fcvt_fu);
}

INSN(fcvt_l_s, "1100000 00010 rs1:5 rm:3 rd:5 1010011", F + RV64, "rd,frs1,rm")
void riscv_trans_fcvt_l_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_to_int(c, a, TCG_F32, TCG_I64, tcg_gen_fcvt_fs);
}

INSN(fcvt_lu_s, "1100000 00011 rs1:5 rm:3 rd:5 1010011", F + RV64, "rd,frs1,rm")
void riscv_trans_fcvt_lu_s(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_to_int(c, a, TCG_F32, TCG_I64, tcg_gen_fcvt_fu);
}

INSN(fcvt_s_w, "1101000 00000 rs1:5 rm:3 rd:5 1010011", F, "frd,rs1,rm")
void riscv_trans_fcvt_s_w(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_from_int(c, a, TCG_F32, TCG_I32, tcg_gen_fcvt_sf);
}

INSN(fcvt_s_wu, "1101000 00001 rs1:5 rm:3 rd:5 1010011", F, "frd,rs1,rm")
void riscv_trans_fcvt_s_wu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_from_int(c, a, TCG_F32, TCG_I32, tcg_gen_fcvt_uf);
}

INSN(fcvt_s_l, "1101000 00010 rs1:5 rm:3 rd:5 1010011", F + RV64, "frd,rs1,rm")
void riscv_trans_fcvt_s_l(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_from_int(c, a, TCG_F32, TCG_I64, tcg_gen_fcvt_sf);
}

INSN(fcvt_s_lu, "1101000 00011 rs1:5 rm:3 rd:5 1010011", F + RV64, "frd,rs1,rm")
void riscv_trans_fcvt_s_lu(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_from_int(c, a, TCG_F32, TCG_I64, tcg_gen_fcvt_uf);
}

INSN(fmv_x_w, "1110000 00000 rs1:5 000 rd:5 1010011", F, "rd,frs1")
void riscv_trans_fmv_x_w(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_on(c)) {
        riscv_set_w(c, a->rd, tcg_gen_trunc(c->b, riscv_f_bits(c, a->rs1)));
    }
}

INSN(fmv_w_x, "1111000 00000 rs1:5 000 rd:5 1010011", F, "frd,rs1")
void riscv_trans_fmv_w_x(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_change(c)) {
        riscv_set_f(c, a->rd, tcg_gen_bitcast(c->b, TCG_F32, riscv_w(c, a->rs1)));
    }
}

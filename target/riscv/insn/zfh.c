/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zfh and Zfhmin: half-precision floating point (unprivileged ISA, chapter '"Zfh" and "Zfhmin"
 * Extensions for Half-Precision Floating-Point'). Arithmetic is done by helpers, which take and
 * give whole f registers: they check NaN boxes and make them.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn/fp.h"
/* Bits above a half in its NaN box. */
#define HALF_BOX ((int64_t) ~(uint64_t)0xffff)

/* The half in an f register as I64: its 16 bits, or the canonical NaN if it is not boxed. */
static TCGv half(RISCVCtx *c, unsigned r)
{
    TCGv bits = riscv_f_bits(c, r);
    TCGv boxed = tcg_gen_setcondi(c->b, TCG_I32, TCG_COND_GEU, bits, HALF_BOX);
    TCGv v = tcg_gen_select(c->b, boxed, bits, tcg_i64(c->b, 0x7e00));
    return tcg_gen_ext16u(c->b, v);
}

/* v: zero above bit 15 */
static void set_half(RISCVCtx *c, unsigned r, TCGv v)
{
    riscv_set_f_bits(c, r, tcg_gen_ori(c->b, v, HALF_BOX));
}

/* Is the rounding mode valid, and floating point on? */
static bool round_ok(RISCVCtx *c, const RISCVInsn *a)
{
    unsigned fp;
    return riscv_fp_round(c, a, &fp);
}

static TCGv rounding(RISCVCtx *c, const RISCVInsn *a)
{
    return tcg_i32(c->b, a->rm);
}

static void gen_arith(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    if (round_ok(c, a)) {
        riscv_set_f_bits(c, a->rd,
                         tcg_gen_call3(c->b, h, riscv_f_bits(c, a->rs1), riscv_f_bits(c, a->rs2),
                                       rounding(c, a)));
    }
}

/* f[rd] := h(f[rs1], rm) */
static void gen_unary(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    if (round_ok(c, a)) {
        riscv_set_f_bits(c, a->rd, tcg_gen_call2(c->b, h, riscv_f_bits(c, a->rs1), rounding(c, a)));
    }
}

/* f[rd] := h(f[rs1]) */
static void gen_widen(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    if (round_ok(c, a)) {
        riscv_set_f_bits(c, a->rd, tcg_gen_call1(c->b, h, riscv_f_bits(c, a->rs1)));
    }
}

static void gen_fma(RISCVCtx *c, const RISCVInsn *a, bool negate_product, bool negate_addend)
{
    if (round_ok(c, a)) {
        TCGv how = tcg_i32(c->b, a->rm | negate_product << 8 | negate_addend << 9);
        TCGv args[] = {riscv_f_bits(c, a->rs1), riscv_f_bits(c, a->rs2), riscv_f_bits(c, a->rs3),
                       how};
        riscv_set_f_bits(c, a->rd, tcg_gen_call(c->b, &riscv_helper_fmadd_h, 4, args));
    }
}

static void gen_minmax(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    if (riscv_fp_change(c)) {
        riscv_set_f_bits(c, a->rd,
                         tcg_gen_call2(c->b, h, riscv_f_bits(c, a->rs1), riscv_f_bits(c, a->rs2)));
    }
}

static void gen_compare(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    if (riscv_fp_change(c)) {
        riscv_set_x64(c, a->rd,
                      tcg_gen_call2(c->b, h, riscv_f_bits(c, a->rs1), riscv_f_bits(c, a->rs2)));
    }
}

/* x[rd] := h(f[rs1], rm) */
static void gen_to_int(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    if (round_ok(c, a)) {
        riscv_set_x64(c, a->rd, tcg_gen_call2(c->b, h, riscv_f_bits(c, a->rs1), rounding(c, a)));
    }
}

/* f[rd] := h(x[rs1], rm) */
static void gen_from_int(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    if (round_ok(c, a)) {
        riscv_set_f_bits(c, a->rd, tcg_gen_call2(c->b, h, riscv_x64(c, a->rs1), rounding(c, a)));
    }
}

static void gen_sign(RISCVCtx *c, const RISCVInsn *a, RISCVSign how)
{
    if (riscv_fp_change(c)) {
        TCGv x = half(c, a->rs1), y = half(c, a->rs2);
        y = tcg_gen_andi(c->b, how == RISCV_SGNJN ? tcg_gen_not(c->b, y) : y, 0x8000);
        TCGv v = how == RISCV_SGNJX ? tcg_gen_xor(c->b, x, y)
                                    : tcg_gen_or(c->b, tcg_gen_andi(c->b, x, 0x7fff), y);
        set_half(c, a->rd, v);
    }
}

INSN(flh, "imm[11:0] rs1:5 001 rd:5 0000111", ZFHMIN, "frd,imm(rs1)")
void riscv_trans_flh(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_change(c)) {
        set_half(c, a->rd, tcg_gen_ld(c->b, TCG_I64, TCG_MO_16, riscv_x64(c, a->rs1), a->imm));
    }
}

INSN(fsh, "imm[11:5] rs2:5 rs1:5 001 imm[4:0] 0100111", ZFHMIN, "frs2,imm(rs1)")
void riscv_trans_fsh(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_on(c)) {
        tcg_gen_st(c->b, TCG_MO_16, riscv_x64(c, a->rs1), a->imm, riscv_f_bits(c, a->rs2));
    }
}

INSN(fmv_x_h, "1110010 00000 rs1:5 000 rd:5 1010011", ZFHMIN, "rd,frs1")
void riscv_trans_fmv_x_h(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_on(c)) {
        riscv_set_x64(c, a->rd, tcg_gen_ext16s(c->b, riscv_f_bits(c, a->rs1)));
    }
}

INSN(fmv_h_x, "1111010 00000 rs1:5 000 rd:5 1010011", ZFHMIN, "frd,rs1")
void riscv_trans_fmv_h_x(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_change(c)) {
        set_half(c, a->rd, tcg_gen_ext16u(c->b, riscv_x64(c, a->rs1)));
    }
}

INSN(fcvt_s_h, "0100000 00010 rs1:5 rm:3 rd:5 1010011", ZFHMIN, "frd,frs1,rmexact")
void riscv_trans_fcvt_s_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_widen(c, a, &riscv_helper_fcvt_s_h);
}

INSN(fcvt_d_h, "0100001 00010 rs1:5 rm:3 rd:5 1010011", ZFHMIN + D, "frd,frs1,rmexact")
void riscv_trans_fcvt_d_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_widen(c, a, &riscv_helper_fcvt_d_h);
}

INSN(fcvt_h_s, "0100010 00000 rs1:5 rm:3 rd:5 1010011", ZFHMIN, "frd,frs1,rm")
void riscv_trans_fcvt_h_s(RISCVCtx *c, const RISCVInsn *a)
{
    gen_unary(c, a, &riscv_helper_fcvt_h_s);
}

INSN(fcvt_h_d, "0100010 00001 rs1:5 rm:3 rd:5 1010011", ZFHMIN + D, "frd,frs1,rm")
void riscv_trans_fcvt_h_d(RISCVCtx *c, const RISCVInsn *a)
{
    gen_unary(c, a, &riscv_helper_fcvt_h_d);
}

INSN(fadd_h, "0000010 rs2:5 rs1:5 rm:3 rd:5 1010011", ZFH, "frd,frs1,frs2,rm")
void riscv_trans_fadd_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_arith(c, a, &riscv_helper_fadd_h);
}

INSN(fsub_h, "0000110 rs2:5 rs1:5 rm:3 rd:5 1010011", ZFH, "frd,frs1,frs2,rm")
void riscv_trans_fsub_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_arith(c, a, &riscv_helper_fsub_h);
}

INSN(fmul_h, "0001010 rs2:5 rs1:5 rm:3 rd:5 1010011", ZFH, "frd,frs1,frs2,rm")
void riscv_trans_fmul_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_arith(c, a, &riscv_helper_fmul_h);
}

INSN(fdiv_h, "0001110 rs2:5 rs1:5 rm:3 rd:5 1010011", ZFH, "frd,frs1,frs2,rm")
void riscv_trans_fdiv_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_arith(c, a, &riscv_helper_fdiv_h);
}

INSN(fsqrt_h, "0101110 00000 rs1:5 rm:3 rd:5 1010011", ZFH, "frd,frs1,rm")
void riscv_trans_fsqrt_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_unary(c, a, &riscv_helper_fsqrt_h);
}

INSN(fmin_h, "0010110 rs2:5 rs1:5 000 rd:5 1010011", ZFH, "frd,frs1,frs2")
void riscv_trans_fmin_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_minmax(c, a, &riscv_helper_fmin_h);
}

INSN(fmax_h, "0010110 rs2:5 rs1:5 001 rd:5 1010011", ZFH, "frd,frs1,frs2")
void riscv_trans_fmax_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_minmax(c, a, &riscv_helper_fmax_h);
}

INSN(fmadd_h, "rs3:5 10 rs2:5 rs1:5 rm:3 rd:5 1000011", ZFH, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fmadd_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_fma(c, a, false, false);
}

INSN(fmsub_h, "rs3:5 10 rs2:5 rs1:5 rm:3 rd:5 1000111", ZFH, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fmsub_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_fma(c, a, false, true);
}

INSN(fnmsub_h, "rs3:5 10 rs2:5 rs1:5 rm:3 rd:5 1001011", ZFH, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fnmsub_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_fma(c, a, true, false);
}

INSN(fnmadd_h, "rs3:5 10 rs2:5 rs1:5 rm:3 rd:5 1001111", ZFH, "frd,frs1,frs2,frs3,rm")
void riscv_trans_fnmadd_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_fma(c, a, true, true);
}

INSN(fsgnj_h, "0010010 rs2:5 rs1:5 000 rd:5 1010011", ZFH, "frd,frs1,frs2")
void riscv_trans_fsgnj_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_sign(c, a, RISCV_SGNJ);
}

INSN(fsgnjn_h, "0010010 rs2:5 rs1:5 001 rd:5 1010011", ZFH, "frd,frs1,frs2")
void riscv_trans_fsgnjn_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_sign(c, a, RISCV_SGNJN);
}

INSN(fsgnjx_h, "0010010 rs2:5 rs1:5 010 rd:5 1010011", ZFH, "frd,frs1,frs2")
void riscv_trans_fsgnjx_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_sign(c, a, RISCV_SGNJX);
}

INSN(feq_h, "1010010 rs2:5 rs1:5 010 rd:5 1010011", ZFH, "rd,frs1,frs2")
void riscv_trans_feq_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_compare(c, a, &riscv_helper_feq_h);
}

INSN(flt_h, "1010010 rs2:5 rs1:5 001 rd:5 1010011", ZFH, "rd,frs1,frs2")
void riscv_trans_flt_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_compare(c, a, &riscv_helper_flt_h);
}

INSN(fle_h, "1010010 rs2:5 rs1:5 000 rd:5 1010011", ZFH, "rd,frs1,frs2")
void riscv_trans_fle_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_compare(c, a, &riscv_helper_fle_h);
}

INSN(fclass_h, "1110010 00000 rs1:5 001 rd:5 1010011", ZFH, "rd,frs1")
void riscv_trans_fclass_h(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_gen_fp_class(c, a, &riscv_helper_fclass_h);
}

INSN(fcvt_w_h, "1100010 00000 rs1:5 rm:3 rd:5 1010011", ZFH, "rd,frs1,rm")
void riscv_trans_fcvt_w_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_to_int(c, a, &riscv_helper_fcvt_w_h);
}

INSN(fcvt_wu_h, "1100010 00001 rs1:5 rm:3 rd:5 1010011", ZFH, "rd,frs1,rm")
void riscv_trans_fcvt_wu_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_to_int(c, a, &riscv_helper_fcvt_wu_h);
}

INSN(fcvt_l_h, "1100010 00010 rs1:5 rm:3 rd:5 1010011", ZFH + RV64, "rd,frs1,rm")
void riscv_trans_fcvt_l_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_to_int(c, a, &riscv_helper_fcvt_l_h);
}

INSN(fcvt_lu_h, "1100010 00011 rs1:5 rm:3 rd:5 1010011", ZFH + RV64, "rd,frs1,rm")
void riscv_trans_fcvt_lu_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_to_int(c, a, &riscv_helper_fcvt_lu_h);
}

INSN(fcvt_h_w, "1101010 00000 rs1:5 rm:3 rd:5 1010011", ZFH, "frd,rs1,rm")
void riscv_trans_fcvt_h_w(RISCVCtx *c, const RISCVInsn *a)
{
    gen_from_int(c, a, &riscv_helper_fcvt_h_w);
}

INSN(fcvt_h_wu, "1101010 00001 rs1:5 rm:3 rd:5 1010011", ZFH, "frd,rs1,rm")
void riscv_trans_fcvt_h_wu(RISCVCtx *c, const RISCVInsn *a)
{
    gen_from_int(c, a, &riscv_helper_fcvt_h_wu);
}

INSN(fcvt_h_l, "1101010 00010 rs1:5 rm:3 rd:5 1010011", ZFH + RV64, "frd,rs1,rm")
void riscv_trans_fcvt_h_l(RISCVCtx *c, const RISCVInsn *a)
{
    gen_from_int(c, a, &riscv_helper_fcvt_h_l);
}

INSN(fcvt_h_lu, "1101010 00011 rs1:5 rm:3 rd:5 1010011", ZFH + RV64, "frd,rs1,rm")
void riscv_trans_fcvt_h_lu(RISCVCtx *c, const RISCVInsn *a)
{
    gen_from_int(c, a, &riscv_helper_fcvt_h_lu);
}
/* ---- Zfa: additional instructions, half precision ---- */

INSN(fminm_h, "0010110 rs2:5 rs1:5 010 rd:5 1010011", ZFA + ZFH, "frd,frs1,frs2")
void riscv_trans_fminm_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_minmax(c, a, &riscv_helper_fminm_h);
}

INSN(fmaxm_h, "0010110 rs2:5 rs1:5 011 rd:5 1010011", ZFA + ZFH, "frd,frs1,frs2")
void riscv_trans_fmaxm_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_minmax(c, a, &riscv_helper_fmaxm_h);
}

INSN(fleq_h, "1010010 rs2:5 rs1:5 100 rd:5 1010011", ZFA + ZFH, "rd,frs1,frs2")
void riscv_trans_fleq_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_compare(c, a, &riscv_helper_fleq_h);
}

INSN(fltq_h, "1010010 rs2:5 rs1:5 101 rd:5 1010011", ZFA + ZFH, "rd,frs1,frs2")
void riscv_trans_fltq_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_compare(c, a, &riscv_helper_fltq_h);
}

INSN(fround_h, "0100010 00100 rs1:5 rm:3 rd:5 1010011", ZFA + ZFH, "frd,frs1,rm")
void riscv_trans_fround_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_unary(c, a, &riscv_helper_fround_h);
}

INSN(froundnx_h, "0100010 00101 rs1:5 rm:3 rd:5 1010011", ZFA + ZFH, "frd,frs1,rm")
void riscv_trans_froundnx_h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_unary(c, a, &riscv_helper_froundnx_h);
}

INSN(fli_h, "1111010 00001 rs1:5 000 rd:5 1010011", ZFA + ZFH, "frd,fli")
void riscv_trans_fli_h(RISCVCtx *c, const RISCVInsn *a)
{
    if (riscv_fp_change(c)) {
        set_half(c, a->rd, tcg_i64(c->b, riscv_fli_bits(a->rs1, 5, 10)));
    }
}

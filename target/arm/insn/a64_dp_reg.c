/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 data processing with registers (DDI 0487, C4.1.95): logical, add and subtract, with carry,
 * conditional compare and select, multiply, divide, shifts, bit counts and reversals, CRC32, flag
 * manipulation.
 *
 * Conditional compares leave flags that depend on their condition: A64Ctx.flags.pred, so that what
 * follows needs no flag cells.
 *
 * Test: tests/unit/test-a64-insn.c, tests/fuzz/suite.py.
 */
#include "target/arm/a64.h"

typedef TCGv (*BinOp)(TCGBuilder *b, TCGv x, TCGv y);

static TCGv shifted(A64Ctx *c, const A64Insn *a)
{
    TCGv v = a64_r(c, a->sf, a->rm);
    unsigned n = a->h << 5 | a->imm5;
    switch (a->shift) {
    case 0:
        return tcg_gen_shli(c->b, v, n);
    case 1:
        return tcg_gen_shri(c->b, v, n);
    case 2:
        return tcg_gen_sari(c->b, v, n);
    default:
        return tcg_gen_rotri(c->b, v, n);
    }
}

/* ---- logical, shifted register ---- */

static TCGv second(A64Ctx *c, const A64Insn *a, bool invert)
{
    TCGv y = shifted(c, a);
    return invert ? tcg_gen_not(c->b, y) : y;
}

static void logical(A64Ctx *c, const A64Insn *a, BinOp op, bool invert)
{
    a64_set_r(c, a->rd, op(c->b, a64_r(c, a->sf, a->rn), second(c, a, invert)));
}

INSN(and, "sf:1 00 01010 shift:2 0 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "sf==1|h==0")
void a64_trans_and(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, tcg_gen_and, false);
}

INSN(bic, "sf:1 00 01010 shift:2 1 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "sf==1|h==0")
void a64_trans_bic(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, tcg_gen_andc, false);
}

INSN(orr, "sf:1 01 01010 shift:2 0 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "sf==1|h==0")
void a64_trans_orr(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, tcg_gen_or, false);
}

INSN(orn, "sf:1 01 01010 shift:2 1 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "sf==1|h==0")
void a64_trans_orn(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, tcg_gen_or, true);
}

INSN(eor, "sf:1 10 01010 shift:2 0 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "sf==1|h==0")
void a64_trans_eor(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, tcg_gen_xor, false);
}

INSN(eon, "sf:1 10 01010 shift:2 1 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "sf==1|h==0")
void a64_trans_eon(A64Ctx *c, const A64Insn *a)
{
    logical(c, a, tcg_gen_xor, true);
}

INSN(ands, "sf:1 11 01010 shift:2 0 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "sf==1|h==0")
void a64_trans_ands(A64Ctx *c, const A64Insn *a)
{
    a64_gen_ands(c, a->rd, a64_r(c, a->sf, a->rn), second(c, a, false));
}

INSN(bics, "sf:1 11 01010 shift:2 1 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "sf==1|h==0")
void a64_trans_bics(A64Ctx *c, const A64Insn *a)
{
    a64_gen_ands(c, a->rd, a64_r(c, a->sf, a->rn), second(c, a, true));
}

/* ---- add and subtract, shifted register ---- */

INSN(add, "sf:1 0 0 01011 shift:2 0 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "shift!=3 sf==1|h==0")
void a64_trans_add(A64Ctx *c, const A64Insn *a)
{
    a64_set_r(c, a->rd, tcg_gen_add(c->b, a64_r(c, a->sf, a->rn), shifted(c, a)));
}

INSN(sub, "sf:1 1 0 01011 shift:2 0 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "shift!=3 sf==1|h==0")
void a64_trans_sub(A64Ctx *c, const A64Insn *a)
{
    a64_set_r(c, a->rd, tcg_gen_sub(c->b, a64_r(c, a->sf, a->rn), shifted(c, a)));
}

INSN(adds, "sf:1 0 1 01011 shift:2 0 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "shift!=3 sf==1|h==0")
void a64_trans_adds(A64Ctx *c, const A64Insn *a)
{
    a64_gen_adds(c, a->rd, a64_r(c, a->sf, a->rn), shifted(c, a));
}

INSN(subs, "sf:1 1 1 01011 shift:2 0 rm:5 h:1 imm5:5 rn:5 rd:5", BASE, "", "shift!=3 sf==1|h==0")
void a64_trans_subs(A64Ctx *c, const A64Insn *a)
{
    a64_gen_subs(c, a->rd, a64_r(c, a->sf, a->rn), shifted(c, a));
}

/* ---- add and subtract, extended register ---- */

static TCGv extended(A64Ctx *c, const A64Insn *a)
{
    return tcg_gen_shli(c->b, a64_extend(c, a->sf, a->rm, a->option), a->amount);
}

INSN(add__ext, "sf:1 0 0 01011 00 1 rm:5 option:3 amount:3 rn:5 rd:5", BASE, "",
     "amount!=5 amount!=6 amount!=7")
void a64_trans_add_ext(A64Ctx *c, const A64Insn *a)
{
    a64_set_r_sp(c, a->rd, tcg_gen_add(c->b, a64_r_sp(c, a->sf, a->rn), extended(c, a)));
}

INSN(sub__ext, "sf:1 1 0 01011 00 1 rm:5 option:3 amount:3 rn:5 rd:5", BASE, "",
     "amount!=5 amount!=6 amount!=7")
void a64_trans_sub_ext(A64Ctx *c, const A64Insn *a)
{
    a64_set_r_sp(c, a->rd, tcg_gen_sub(c->b, a64_r_sp(c, a->sf, a->rn), extended(c, a)));
}

INSN(adds__ext, "sf:1 0 1 01011 00 1 rm:5 option:3 amount:3 rn:5 rd:5", BASE, "",
     "amount!=5 amount!=6 amount!=7")
void a64_trans_adds_ext(A64Ctx *c, const A64Insn *a)
{
    a64_gen_adds(c, a->rd, a64_r_sp(c, a->sf, a->rn), extended(c, a));
}

INSN(subs__ext, "sf:1 1 1 01011 00 1 rm:5 option:3 amount:3 rn:5 rd:5", BASE, "",
     "amount!=5 amount!=6 amount!=7")
void a64_trans_subs_ext(A64Ctx *c, const A64Insn *a)
{
    a64_gen_subs(c, a->rd, a64_r_sp(c, a->sf, a->rn), extended(c, a));
}

/* ---- with carry ---- */

/* C as a value of the operands' type. */
static TCGv carry_in(A64Ctx *c, unsigned sf)
{
    TCGv v = a64_flag_c(c);
    return sf ? tcg_gen_extu(c->b, v) : v;
}

INSN(adc, "sf:1 0 0 11010000 rm:5 000000 rn:5 rd:5", BASE)
void a64_trans_adc(A64Ctx *c, const A64Insn *a)
{
    TCGv sum = tcg_gen_add(c->b, a64_r(c, a->sf, a->rn), a64_r(c, a->sf, a->rm));
    a64_set_r(c, a->rd, tcg_gen_add(c->b, sum, carry_in(c, a->sf)));
}

INSN(sbc, "sf:1 1 0 11010000 rm:5 000000 rn:5 rd:5", BASE)
void a64_trans_sbc(A64Ctx *c, const A64Insn *a)
{
    TCGv diff = tcg_gen_sub(c->b, a64_r(c, a->sf, a->rn), a64_r(c, a->sf, a->rm));
    TCGv borrow = tcg_gen_xori(c->b, carry_in(c, a->sf), 1);
    a64_set_r(c, a->rd, tcg_gen_sub(c->b, diff, borrow));
}

INSN(adcs, "sf:1 0 1 11010000 rm:5 000000 rn:5 rd:5", BASE)
void a64_trans_adcs(A64Ctx *c, const A64Insn *a)
{
    a64_set_r(c, a->rd, a64_gen_adc_flags(c, a64_r(c, a->sf, a->rn), a64_r(c, a->sf, a->rm)));
}

INSN(sbcs, "sf:1 1 1 11010000 rm:5 000000 rn:5 rd:5", BASE)
void a64_trans_sbcs(A64Ctx *c, const A64Insn *a)
{
    TCGv y = tcg_gen_not(c->b, a64_r(c, a->sf, a->rm));
    a64_set_r(c, a->rd, a64_gen_adc_flags(c, a64_r(c, a->sf, a->rn), y));
}

/* ---- flag manipulation ---- */

INSN(cfinv, "1101 0101 0000 0 000 0100 0000 000 11111", FLAGM, "", "over=msr_imm")
void a64_trans_cfinv(A64Ctx *c, const A64Insn *a)
{
    a64_set_nzcv(c, tcg_gen_xori(c->b, a64_get_nzcv(c), 2));
}

/* N, Z, C, V: I32, 0 or 1 */
static void set_nzcv_of(A64Ctx *c, TCGv n, TCGv z, TCGv carry, TCGv v)
{
    TCGBuilder *b = c->b;
    TCGv nz = tcg_gen_or(b, tcg_gen_shli(b, n, 3), tcg_gen_shli(b, z, 2));
    a64_set_nzcv(c, tcg_gen_or(b, nz, tcg_gen_or(b, tcg_gen_shli(b, carry, 1), v)));
}

/* Both flags between Arm's encoding of an FP compare's result and the one in which a single flag
 * tells each (C6.2.450, C6.2.23). */
INSN(xaflag, "1101 0101 0000 0 000 0100 0000 001 11111", FLAGM2, "", "over=msr_imm")
void a64_trans_xaflag(A64Ctx *c, const A64Insn *a)
{
    TCGBuilder *b = c->b;
    TCGv nzcv = a64_get_nzcv(c), z = tcg_gen_extract(b, nzcv, 2, 1);
    TCGv carry = tcg_gen_extract(b, nzcv, 1, 1);
    TCGv not_c = tcg_gen_xori(b, carry, 1), not_z = tcg_gen_xori(b, z, 1);
    set_nzcv_of(c, tcg_gen_and(b, not_c, not_z), tcg_gen_and(b, z, carry), tcg_gen_or(b, carry, z),
                tcg_gen_and(b, not_c, z));
}

INSN(axflag, "1101 0101 0000 0 000 0100 0000 010 11111", FLAGM2, "", "over=msr_imm")
void a64_trans_axflag(A64Ctx *c, const A64Insn *a)
{
    TCGBuilder *b = c->b;
    TCGv nzcv = a64_get_nzcv(c), v = tcg_gen_andi(b, nzcv, 1), zero = tcg_i32(b, 0);
    TCGv z = tcg_gen_or(b, tcg_gen_extract(b, nzcv, 2, 1), v);
    set_nzcv_of(c, zero, z, tcg_gen_andc(b, tcg_gen_extract(b, nzcv, 1, 1), v), zero);
}

INSN(rmif, "1 01 11010000 imm6:6 00001 rn:5 0 nzcv:4", FLAGM)
void a64_trans_rmif(A64Ctx *c, const A64Insn *a)
{
    TCGBuilder *b = c->b;
    TCGv t = tcg_gen_trunc(b, tcg_gen_rotri(b, a64_x(c, a->rn), a->imm6));
    TCGv old = tcg_gen_andi(b, a64_get_nzcv(c), 15 & ~a->nzcv);
    a64_set_nzcv(c, tcg_gen_or(b, old, tcg_gen_andi(b, t, a->nzcv)));
}

/* SETF8, SETF16: N and Z of the low part, V if it does not fit. */
INSN(setf8, "0 01 11010000 000000 0 0010 rn:5 0 1101", FLAGM, "", "amount=8")
INSN(setf16, "0 01 11010000 000000 1 0010 rn:5 0 1101", FLAGM, "", "amount=16")
void a64_trans_setf(A64Ctx *c, const A64Insn *a)
{
    TCGBuilder *b = c->b;
    TCGv x = a64_w(c, a->rn), n = tcg_gen_extract(b, x, a->amount - 1, 1);
    TCGv low = tcg_gen_extract(b, x, 0, a->amount);
    set_nzcv_of(c, n, tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, low, 0), a64_flag_c(c),
                tcg_gen_xor(b, n, tcg_gen_extract(b, x, a->amount, 1)));
}

/* ---- conditional compare ---- */

INSN(ccmn, "sf:1 0 1 11010010 rm:5 cond:4 00 rn:5 0 nzcv:4", BASE)
void a64_trans_ccmn(A64Ctx *c, const A64Insn *a)
{
    a64_gen_ccmp(c, a->cond, a->nzcv, true, a64_r(c, a->sf, a->rn), a64_r(c, a->sf, a->rm));
}

INSN(ccmp, "sf:1 1 1 11010010 rm:5 cond:4 00 rn:5 0 nzcv:4", BASE)
void a64_trans_ccmp(A64Ctx *c, const A64Insn *a)
{
    a64_gen_ccmp(c, a->cond, a->nzcv, false, a64_r(c, a->sf, a->rn), a64_r(c, a->sf, a->rm));
}

static TCGv imm5(A64Ctx *c, const A64Insn *a)
{
    return tcg_const(c->b, a->sf ? TCG_I64 : TCG_I32, a->imm5);
}

INSN(ccmn__imm, "sf:1 0 1 11010010 imm5:5 cond:4 10 rn:5 0 nzcv:4", BASE)
void a64_trans_ccmn_imm(A64Ctx *c, const A64Insn *a)
{
    a64_gen_ccmp(c, a->cond, a->nzcv, true, a64_r(c, a->sf, a->rn), imm5(c, a));
}

INSN(ccmp__imm, "sf:1 1 1 11010010 imm5:5 cond:4 10 rn:5 0 nzcv:4", BASE)
void a64_trans_ccmp_imm(A64Ctx *c, const A64Insn *a)
{
    a64_gen_ccmp(c, a->cond, a->nzcv, false, a64_r(c, a->sf, a->rn), imm5(c, a));
}

/* ---- conditional select ---- */

static void select_r(A64Ctx *c, const A64Insn *a, TCGv other)
{
    a64_set_r(c, a->rd,
              tcg_gen_select(c->b, a64_gen_cond(c, a->cond), a64_r(c, a->sf, a->rn), other));
}

INSN(csel, "sf:1 0 0 11010100 rm:5 cond:4 00 rn:5 rd:5", BASE)
void a64_trans_csel(A64Ctx *c, const A64Insn *a)
{
    select_r(c, a, a64_r(c, a->sf, a->rm));
}

INSN(csinc, "sf:1 0 0 11010100 rm:5 cond:4 01 rn:5 rd:5", BASE)
void a64_trans_csinc(A64Ctx *c, const A64Insn *a)
{
    TCGType t = a->sf ? TCG_I64 : TCG_I32;
    if (a->rn == 31 && a->rm == 31 && a->cond < 14) { /* CSET */
        TCGv v = a64_gen_cond(c, a->cond ^ 1);
        a64_set_r(c, a->rd, tcg_gen_setcondi(c->b, t, TCG_COND_NE, v, 0));
        return;
    }
    select_r(c, a, tcg_gen_addi(c->b, a64_r(c, a->sf, a->rm), 1));
}

INSN(csinv, "sf:1 1 0 11010100 rm:5 cond:4 00 rn:5 rd:5", BASE)
void a64_trans_csinv(A64Ctx *c, const A64Insn *a)
{
    select_r(c, a, tcg_gen_not(c->b, a64_r(c, a->sf, a->rm)));
}

INSN(csneg, "sf:1 1 0 11010100 rm:5 cond:4 01 rn:5 rd:5", BASE)
void a64_trans_csneg(A64Ctx *c, const A64Insn *a)
{
    select_r(c, a, tcg_gen_neg(c->b, a64_r(c, a->sf, a->rm)));
}

/* ---- multiply ---- */

INSN(madd, "sf:1 00 11011 000 rm:5 0 ra:5 rn:5 rd:5", BASE)
void a64_trans_madd(A64Ctx *c, const A64Insn *a)
{
    TCGv p = tcg_gen_mul(c->b, a64_r(c, a->sf, a->rn), a64_r(c, a->sf, a->rm));
    a64_set_r(c, a->rd, tcg_gen_add(c->b, a64_r(c, a->sf, a->ra), p));
}

INSN(msub, "sf:1 00 11011 000 rm:5 1 ra:5 rn:5 rd:5", BASE)
void a64_trans_msub(A64Ctx *c, const A64Insn *a)
{
    TCGv p = tcg_gen_mul(c->b, a64_r(c, a->sf, a->rn), a64_r(c, a->sf, a->rm));
    a64_set_r(c, a->rd, tcg_gen_sub(c->b, a64_r(c, a->sf, a->ra), p));
}

static TCGv product_s(A64Ctx *c, const A64Insn *a)
{
    return tcg_gen_mul(c->b, tcg_gen_ext32s(c->b, a64_x(c, a->rn)),
                       tcg_gen_ext32s(c->b, a64_x(c, a->rm)));
}

static TCGv product_u(A64Ctx *c, const A64Insn *a)
{
    return tcg_gen_mul(c->b, tcg_gen_ext32u(c->b, a64_x(c, a->rn)),
                       tcg_gen_ext32u(c->b, a64_x(c, a->rm)));
}

INSN(smaddl, "1 00 11011 001 rm:5 0 ra:5 rn:5 rd:5", BASE)
void a64_trans_smaddl(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, tcg_gen_add(c->b, a64_x(c, a->ra), product_s(c, a)));
}

INSN(smsubl, "1 00 11011 001 rm:5 1 ra:5 rn:5 rd:5", BASE)
void a64_trans_smsubl(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, tcg_gen_sub(c->b, a64_x(c, a->ra), product_s(c, a)));
}

INSN(umaddl, "1 00 11011 101 rm:5 0 ra:5 rn:5 rd:5", BASE)
void a64_trans_umaddl(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, tcg_gen_add(c->b, a64_x(c, a->ra), product_u(c, a)));
}

INSN(umsubl, "1 00 11011 101 rm:5 1 ra:5 rn:5 rd:5", BASE)
void a64_trans_umsubl(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, tcg_gen_sub(c->b, a64_x(c, a->ra), product_u(c, a)));
}

INSN(smulh, "1 00 11011 010 rm:5 0 11111 rn:5 rd:5", BASE)
void a64_trans_smulh(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, tcg_gen_mulhs(c->b, a64_x(c, a->rn), a64_x(c, a->rm)));
}

INSN(umulh, "1 00 11011 110 rm:5 0 11111 rn:5 rd:5", BASE)
void a64_trans_umulh(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, tcg_gen_mulhu(c->b, a64_x(c, a->rn), a64_x(c, a->rm)));
}

/* ---- divide: x / 0 = 0, and no flags ---- */

static void divide(A64Ctx *c, const A64Insn *a, BinOp op)
{
    TCGv y = a64_r(c, a->sf, a->rm), q = op(c->b, a64_r(c, a->sf, a->rn), y);
    a64_set_r(c, a->rd, tcg_gen_select(c->b, y, q, tcg_const(c->b, tcg_type(c->b, y), 0)));
}

INSN(udiv, "sf:1 00 11010110 rm:5 000010 rn:5 rd:5", BASE)
void a64_trans_udiv(A64Ctx *c, const A64Insn *a)
{
    divide(c, a, tcg_gen_divu);
}

INSN(sdiv, "sf:1 00 11010110 rm:5 000011 rn:5 rd:5", BASE)
void a64_trans_sdiv(A64Ctx *c, const A64Insn *a)
{
    divide(c, a, tcg_gen_divs);
}

/* ---- shifts by a register: the count is taken modulo the width, as the IR does ---- */

static void shift(A64Ctx *c, const A64Insn *a, BinOp op)
{
    a64_set_r(c, a->rd, op(c->b, a64_r(c, a->sf, a->rn), a64_r(c, a->sf, a->rm)));
}

INSN(lslv, "sf:1 00 11010110 rm:5 001000 rn:5 rd:5", BASE)
void a64_trans_lslv(A64Ctx *c, const A64Insn *a)
{
    shift(c, a, tcg_gen_shl);
}

INSN(lsrv, "sf:1 00 11010110 rm:5 001001 rn:5 rd:5", BASE)
void a64_trans_lsrv(A64Ctx *c, const A64Insn *a)
{
    shift(c, a, tcg_gen_shr);
}

INSN(asrv, "sf:1 00 11010110 rm:5 001010 rn:5 rd:5", BASE)
void a64_trans_asrv(A64Ctx *c, const A64Insn *a)
{
    shift(c, a, tcg_gen_sar);
}

INSN(rorv, "sf:1 00 11010110 rm:5 001011 rn:5 rd:5", BASE)
void a64_trans_rorv(A64Ctx *c, const A64Insn *a)
{
    shift(c, a, tcg_gen_rotr);
}

/* ---- CRC32, CRC32C: size is log2 of the bytes ---- */

static void crc(A64Ctx *c, const A64Insn *a, const TCGHelper *h)
{
    TCGv args[] = {a64_w(c, a->rn), a64_x(c, a->rm), tcg_i32(c->b, 1 << a->size)};
    a64_set_r(c, a->rd, tcg_gen_call(c->b, h, 3, args));
}

INSN(crc32, "0 00 11010110 rm:5 010 0 size:2 rn:5 rd:5", CRC32, "", "size!=3")
INSN(crc32x, "1 00 11010110 rm:5 010 0 11 rn:5 rd:5", CRC32, "", "size=3")
void a64_trans_crc32(A64Ctx *c, const A64Insn *a)
{
    crc(c, a, &arm_helper_crc32);
}

INSN(crc32c, "0 00 11010110 rm:5 010 1 size:2 rn:5 rd:5", CRC32, "", "size!=3")
INSN(crc32cx, "1 00 11010110 rm:5 010 1 11 rn:5 rd:5", CRC32, "", "size=3")
void a64_trans_crc32c(A64Ctx *c, const A64Insn *a)
{
    crc(c, a, &arm_helper_crc32c);
}

/* ---- one source ---- */

/* Exchange neighbours of n bits; mask has the lower ones. */
static TCGv swap_bits(TCGBuilder *b, TCGv v, unsigned n, uint64_t mask)
{
    TCGv high = tcg_gen_andi(b, tcg_gen_shri(b, v, n), mask);
    return tcg_gen_or(b, high, tcg_gen_shli(b, tcg_gen_andi(b, v, mask), n));
}

INSN(rbit, "sf:1 10 11010110 00000 000000 rn:5 rd:5", BASE)
void a64_trans_rbit(A64Ctx *c, const A64Insn *a)
{
    TCGv v = tcg_gen_bswap(c->b, a64_r(c, a->sf, a->rn));
    v = swap_bits(c->b, v, 4, UINT64_C(0x0f0f0f0f0f0f0f0f));
    v = swap_bits(c->b, v, 2, UINT64_C(0x3333333333333333));
    a64_set_r(c, a->rd, swap_bits(c->b, v, 1, UINT64_C(0x5555555555555555)));
}

INSN(rev16, "sf:1 10 11010110 00000 000001 rn:5 rd:5", BASE)
void a64_trans_rev16(A64Ctx *c, const A64Insn *a)
{
    a64_set_r(c, a->rd, swap_bits(c->b, a64_r(c, a->sf, a->rn), 8, UINT64_C(0x00ff00ff00ff00ff)));
}

INSN(rev__32, "0 10 11010110 00000 000010 rn:5 rd:5", BASE)
INSN(rev, "1 10 11010110 00000 000011 rn:5 rd:5", BASE, "", "sf=1")
void a64_trans_rev(A64Ctx *c, const A64Insn *a)
{
    a64_set_r(c, a->rd, tcg_gen_bswap(c->b, a64_r(c, a->sf, a->rn)));
}

INSN(rev32, "1 10 11010110 00000 000010 rn:5 rd:5", BASE)
void a64_trans_rev32(A64Ctx *c, const A64Insn *a)
{
    a64_set_x(c, a->rd, tcg_gen_rotri(c->b, tcg_gen_bswap(c->b, a64_x(c, a->rn)), 32));
}

INSN(clz, "sf:1 10 11010110 00000 000100 rn:5 rd:5", BASE)
void a64_trans_clz(A64Ctx *c, const A64Insn *a)
{
    a64_set_r(c, a->rd, tcg_gen_clz(c->b, a64_r(c, a->sf, a->rn)));
}

INSN(cls, "sf:1 10 11010110 00000 000101 rn:5 rd:5", BASE)
void a64_trans_cls(A64Ctx *c, const A64Insn *a)
{
    TCGv v = a64_r(c, a->sf, a->rn);
    v = tcg_gen_xor(c->b, v, tcg_gen_sari(c->b, v, a->sf ? 63 : 31));
    a64_set_r(c, a->rd, tcg_gen_addi(c->b, tcg_gen_clz(c->b, v), -1));
}

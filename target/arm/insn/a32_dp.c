/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A32 data processing, and what T32 shares of it (DDI 0487, F5.1; F4.1.4): sixteen operations with
 * three forms of the second operand, wide moves, CLZ, bitfields, bit reversals, extensions.
 *
 * Test: tests/unit/test-a32-insn.c.
 */
#include "target/arm/a32.h"
#include "target/arm/a32-helper.h"

enum { AND, EOR, SUB, RSB, ADD, ADC, SBC, RSC, TST, TEQ, CMP, CMN, ORR, MOV, BIC, MVN };

/* N and Z of v; C from the shifter, if it gives one; V stays. */
static void set_logic_flags(A32Ctx *c, TCGv v, TCGv carry)
{
    a32_set_nz(&c->c, v);
    if (carry.i) {
        a32_set_c(&c->c, carry);
    }
}

static TCGv add_carry(A32Ctx *c, TCGv x, TCGv y, bool flags)
{
    TCGBuilder *b = c->c.b;
    if (flags) {
        return a64_gen_adc_flags(&c->c, x, y);
    }
    return tcg_gen_add(b, tcg_gen_add(b, x, y), a64_flag_c(&c->c));
}

static TCGv arithmetic(A32Ctx *c, unsigned op, TCGv x, TCGv y, bool flags)
{
    TCGBuilder *b = c->c.b;
    TCGv r;
    switch (op) {
    case ADC:
        return add_carry(c, x, y, flags);
    case SBC:
        return add_carry(c, x, tcg_gen_not(b, y), flags);
    case RSC:
        return add_carry(c, y, tcg_gen_not(b, x), flags);
    case ADD:
    case CMN:
        r = tcg_gen_add(b, x, y);
        if (flags) {
            a64_set_flags_add(&c->c, x, y, r);
        }
        return r;
    case RSB:
        r = x;
        x = y;
        y = r;
        break;
    default:
        break;
    }
    r = tcg_gen_sub(b, x, y);
    if (flags) {
        a64_set_flags_sub(&c->c, x, y, r);
    }
    return r;
}

static TCGv logical(A32Ctx *c, unsigned op, TCGv x, TCGv y)
{
    TCGBuilder *b = c->c.b;
    switch (op) {
    case AND:
    case TST:
        return tcg_gen_and(b, x, y);
    case EOR:
    case TEQ:
        return tcg_gen_xor(b, x, y);
    case ORR:
        return tcg_gen_or(b, x, y);
    case BIC:
        return tcg_gen_andc(b, x, y);
    case MOV:
        return y;
    default:
        return tcg_gen_not(b, y);
    }
}

/* SUBS PC, LR and the like. */
static void exception_return(A32Ctx *c, TCGv to)
{
    TCGv pc = tcg_gen_call1(c->c.b, &arm_helper_a32_exc_return, to);
    a64_forget_flags(&c->c);
    a32_gen_exit_poll(c, pc);
}

INSN(dp__imm, "cond:4 001 0 op[2:0] S:1 rn:4 rd:4 aimm:12", BASE, "", "cond!=15")
INSN(dp, "cond:4 000 0 op[2:0] S:1 rn:4 rd:4 amount:5 shift:2 0 rm:4", BASE, "", "form=1 cond!=15")
INSN(dp__rsr, "cond:4 000 0 op[2:0] S:1 rn:4 rd:4 rs:4 0 shift:2 1 rm:4", BASE, "",
     "form=2 cond!=15")
void a32_trans_dp(A32Ctx *c, const A32Insn *a)
{
    bool compare = a->op >= TST && a->op <= CMN;
    bool flags = a->S == A32_S_NOT_IN_IT ? !a32_in_it(c) : a->S;
    bool logic = a->op < SUB || a->op == TST || a->op == TEQ || a->op >= ORR;
    TCGv carry = TCG_NONE;
    TCGv y = a32_operand2(c, a, flags && logic ? &carry : NULL);
    TCGv x = a->op == MOV || a->op == MVN ? y : a32_r(c, a->rn);

    if (a->rd == 15 && flags && !compare) {
        TCGv v = logic ? logical(c, a->op, x, y) : arithmetic(c, a->op, x, y, false);
        exception_return(c, v);
        return;
    }
    TCGv r = logic ? logical(c, a->op, x, y) : arithmetic(c, a->op, x, y, flags);
    if (logic && flags) {
        set_logic_flags(c, r, carry);
    }
    if (!compare) {
        a32_write_r(c, a->rd, r);
    }
}

INSN(orr__imm, "cond:4 001 11 op[1:0] S:1 rn:4 rd:4 aimm:12", BASE, "", "cond!=15")
INSN(orr, "cond:4 000 11 op[1:0] S:1 rn:4 rd:4 amount:5 shift:2 0 rm:4", BASE, "",
     "form=1 cond!=15")
INSN(orr__rsr, "cond:4 000 11 op[1:0] S:1 rn:4 rd:4 rs:4 0 shift:2 1 rm:4", BASE, "",
     "form=2 cond!=15")
void a32_trans_orr(A32Ctx *c, const A32Insn *a)
{
    A32Insn t = *a;
    t.op |= 12;
    a32_trans_dp(c, &t);
}

INSN(cmp__imm, "cond:4 001 10 op[1:0] 1 rn:4 .... aimm:12", BASE, "", "S=1 cond!=15")
INSN(cmp, "cond:4 000 10 op[1:0] 1 rn:4 .... amount:5 shift:2 0 rm:4", BASE, "",
     "S=1 form=1 cond!=15")
INSN(cmp__rsr, "cond:4 000 10 op[1:0] 1 rn:4 .... rs:4 0 shift:2 1 rm:4", BASE, "",
     "S=1 form=2 cond!=15")
void a32_trans_cmp(A32Ctx *c, const A32Insn *a)
{
    A32Insn t = *a;
    t.op |= 8;
    a32_trans_dp(c, &t);
}

/* ORN exists in T32 only. */
void a32_trans_orn(A32Ctx *c, const A32Insn *a)
{
    TCGv carry = TCG_NONE, y = a32_operand2(c, a, a->S ? &carry : NULL);
    TCGv r = tcg_gen_or(c->c.b, a32_r(c, a->rn), tcg_gen_not(c->c.b, y));
    a32_set_r(c, a->rd, r);
    if (a->S) {
        set_logic_flags(c, r, carry);
    }
}

INSN(movw, "cond:4 0011 0000 imm[15:12] rd:4 imm[11:0]", T2, "", "cond!=15 rd!=15")
void a32_trans_movw(A32Ctx *c, const A32Insn *a)
{
    a32_set_r(c, a->rd, a32_imm(c, a->imm));
}

INSN(movt, "cond:4 0011 0100 imm[15:12] rd:4 imm[11:0]", T2, "", "cond!=15 rd!=15")
void a32_trans_movt(A32Ctx *c, const A32Insn *a)
{
    a32_set_r(c, a->rd, tcg_gen_deposit(c->c.b, a32_r(c, a->rd), a32_imm(c, a->imm), 16, 16));
}

/* T32: rd := rn + imm, rn - imm, with the PC aligned for ADR. */
void a32_trans_addw(A32Ctx *c, const A32Insn *a)
{
    if (a->rn == 15) {
        int64_t rel = (a32_pc_off(c) & ~INT64_C(3)) + (a->op == SUB ? -a->imm : a->imm);
        a32_set_r(c, a->rd, tcg_gen_trunc(c->c.b, tcg_gen_pcrel(c->c.b, rel)));
        return;
    }
    a32_set_r(c, a->rd, tcg_gen_addi(c->c.b, a32_r(c, a->rn), a->op == SUB ? -a->imm : a->imm));
}

INSN(clz, "cond:4 00010110 .... rd:4 .... 0001 rm:4", BASE, "", "cond!=15 rd!=15")
void a32_trans_clz(A32Ctx *c, const A32Insn *a)
{
    a32_set_r(c, a->rd, tcg_gen_clz(c->c.b, a32_r(c, a->rm)));
}

/* ---- bitfields ---- */

INSN(bfc, "cond:4 0111110 msb:5 rd:4 lsb:5 001 1111", T2, "", "cond!=15 over=bfi rm=15")
INSN(bfi, "cond:4 0111110 msb:5 rd:4 lsb:5 001 rm:4", T2, "", "cond!=15")
void a32_trans_bfi(A32Ctx *c, const A32Insn *a)
{
    if (a->msb < a->lsb || a->rd == 15) {
        a32_gen_undefined(c);
        return;
    }
    TCGv field = a->rm == 15 ? a32_imm(c, 0) : a32_r(c, a->rm);
    a32_set_r(c, a->rd,
              tcg_gen_deposit(c->c.b, a32_r(c, a->rd), field, a->lsb, a->msb - a->lsb + 1));
}

/* SBFX, UBFX; msb: width - 1 */
INSN(sbfx, "cond:4 0111101 msb:5 rd:4 lsb:5 101 rn:4", T2, "", "cond!=15 sign=1")
INSN(ubfx, "cond:4 0111111 msb:5 rd:4 lsb:5 101 rn:4", T2, "", "cond!=15")
void a32_trans_bfx(A32Ctx *c, const A32Insn *a)
{
    if (a->lsb + a->msb > 31 || a->rd == 15) {
        a32_gen_undefined(c);
        return;
    }
    TCGv v = a32_r(c, a->rn);
    a32_set_r(c, a->rd,
              a->sign ? tcg_gen_sextract(c->c.b, v, a->lsb, a->msb + 1)
                      : tcg_gen_extract(c->c.b, v, a->lsb, a->msb + 1));
}

/* ---- reversals ---- */

INSN(rev, "cond:4 01101011 .... rd:4 .... 0011 rm:4", V6, "", "cond!=15 rd!=15")
void a32_trans_rev(A32Ctx *c, const A32Insn *a)
{
    a32_set_r(c, a->rd, tcg_gen_bswap(c->c.b, a32_r(c, a->rm)));
}

INSN(rev16, "cond:4 01101011 .... rd:4 .... 1011 rm:4", V6, "", "cond!=15 rd!=15")
void a32_trans_rev16(A32Ctx *c, const A32Insn *a)
{
    a32_set_r(c, a->rd, tcg_gen_rotri(c->c.b, tcg_gen_bswap(c->c.b, a32_r(c, a->rm)), 16));
}

INSN(revsh, "cond:4 01101111 .... rd:4 .... 1011 rm:4", V6, "", "cond!=15 rd!=15")
void a32_trans_revsh(A32Ctx *c, const A32Insn *a)
{
    a32_set_r(c, a->rd, tcg_gen_sari(c->c.b, tcg_gen_bswap(c->c.b, a32_r(c, a->rm)), 16));
}

static TCGv swap_bits(TCGBuilder *b, TCGv v, unsigned n, int32_t mask)
{
    TCGv high = tcg_gen_andi(b, tcg_gen_shri(b, v, n), mask);
    return tcg_gen_or(b, high, tcg_gen_shli(b, tcg_gen_andi(b, v, mask), n));
}

INSN(rbit, "cond:4 01101111 .... rd:4 .... 0011 rm:4", T2, "", "cond!=15 rd!=15")
void a32_trans_rbit(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv v = swap_bits(b, tcg_gen_bswap(b, a32_r(c, a->rm)), 4, 0x0f0f0f0f);
    a32_set_r(c, a->rd, swap_bits(b, swap_bits(b, v, 2, 0x33333333), 1, 0x55555555));
}

/* ---- extensions: op 0 is two bytes, 2 a byte, 3 a halfword; rot in units of 8 bits; rn 15 is
 * none ---- */

INSN(sxta, "cond:4 01101 0 op:2 rn:4 rd:4 rot:2 00 0111 rm:4", V6, "",
     "cond!=15 op!=1 rd!=15 sign=1")
INSN(uxta, "cond:4 01101 1 op:2 rn:4 rd:4 rot:2 00 0111 rm:4", V6, "", "cond!=15 op!=1 rd!=15")
void a32_trans_xta(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv v = tcg_gen_rotri(b, a32_r(c, a->rm), a->rot * 8);
    if (a->op == 0) {
        TCGv low = a->sign ? tcg_gen_sextract(b, v, 0, 8) : tcg_gen_extract(b, v, 0, 8);
        TCGv high = a->sign ? tcg_gen_sextract(b, v, 16, 8) : tcg_gen_extract(b, v, 16, 8);
        if (a->rn != 15) {
            TCGv n = a32_r(c, a->rn);
            low = tcg_gen_add(b, low, n);
            high = tcg_gen_add(b, high, tcg_gen_shri(b, n, 16));
        }
        v = tcg_gen_deposit(b, low, high, 16, 16);
    } else {
        unsigned n = a->op == 2 ? 8 : 16;
        v = a->sign ? tcg_gen_sextract(b, v, 0, n) : tcg_gen_extract(b, v, 0, n);
        if (a->rn != 15) {
            v = tcg_gen_add(b, v, a32_r(c, a->rn));
        }
    }
    a32_set_r(c, a->rd, v);
}

/* ---- CRC32 ---- */

INSN(crc32, "cond:4 00010 size:2 0 rn:4 rd:4 00 0 0 0100 rm:4", CRC32, "",
     "cond==14 size!=3 rd!=15")
void a32_trans_crc32(A32Ctx *c, const A32Insn *a)
{
    TCGv args[] = {a32_r(c, a->rn), tcg_gen_extu(c->c.b, a32_r(c, a->rm)),
                   a32_imm(c, 1 << a->size)};
    a32_set_r(c, a->rd, tcg_gen_call(c->c.b, &arm_helper_crc32, 3, args));
}

INSN(crc32c, "cond:4 00010 size:2 0 rn:4 rd:4 00 1 0 0100 rm:4", CRC32, "",
     "cond==14 size!=3 rd!=15")
void a32_trans_crc32c(A32Ctx *c, const A32Insn *a)
{
    TCGv args[] = {a32_r(c, a->rn), tcg_gen_extu(c->c.b, a32_r(c, a->rm)),
                   a32_imm(c, 1 << a->size)};
    a32_set_r(c, a->rd, tcg_gen_call(c->c.b, &arm_helper_crc32c, 3, args));
}

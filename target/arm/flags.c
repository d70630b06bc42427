/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * N, Z, C and V of AArch64 and AArch32: what sets them, conditions (DDI 0487, C1.2.4), and what
 * they are when somebody asks who does not know what set them. The cells are described in cpu.h.
 *
 * What set the flags is remembered with its operands (A64Ctx.flags), so that a compare and a branch
 * become one host compare and branch; the cells are set too, and what nobody reads is dropped by
 * the passes. In AArch64 the cells are operands as well, so that setting them computes nothing:
 * there the flags are made of them by a call, in a unit that begins behind what set them.
 *
 * Runs on any vCPU's thread, no shared state. Tests: tests/unit/test-a64-insn.c (flags and
 * conditions in one unit and in two), tests/unit/test-a32-insn.c.
 */
#include "target/arm/a64.h"

/* ---- AArch64: NZCV of the cells ---- */

/* AddWithCarry() */
static uint32_t nzcv_of_sum(uint64_t x, uint64_t y, bool carry, unsigned bits)
{
    uint64_t mask = UINT64_MAX >> (64 - bits), r;

    x &= mask;
    y &= mask;
    r = (x + y + carry) & mask;
    return (uint32_t)(r >> (bits - 1)) << 3 | (r == 0) << 2 | (carry ? r <= x : r < x) << 1 |
           (((x ^ r) & (y ^ r)) >> (bits - 1) & 1);
}

uint32_t arm_flags_nzcv(uint64_t x, uint64_t y, uint32_t kind)
{
    bool carry = kind & ARM_FLAGS_CARRY;
    unsigned bits = kind & ARM_FLAGS_64 ? 64 : 32;

    switch (kind & ARM_FLAGS_KIND) {
    case ARM_FLAGS_SUB:
        return nzcv_of_sum(x, ~y, true, bits);
    case ARM_FLAGS_SUB_OF:
        return nzcv_of_sum(x + y, ~y, true, bits);
    case ARM_FLAGS_ADC_OF:
        return nzcv_of_sum(x - y - carry, y, carry, bits);
    case ARM_FLAGS_AND:
        return nzcv_of_sum(x & y, 0, false, bits);
    case ARM_FLAGS_FCMP:
        return arm_fp_compare(x, y, bits == 64, kind & ARM_FLAGS_FZ) >> 28;
    default:
        return x & 15;
    }
}

static uint32_t helper_arm_flags(uint64_t x, uint64_t y, uint32_t kind)
{
    return arm_flags_nzcv(x, y, kind);
}
ARM_HELPER(flags, I32, false, TCG_HELPER_PURE, TCG_I64, TCG_I64, TCG_I32);

static bool aarch32(const A64Ctx *c)
{
    return c->mode & ARM_MODE_AARCH32;
}

/* x and y: I32 or I64, kind: I32; who takes the kind apart looks at the low half of an I32. */
static void set_cells(A64Ctx *c, TCGv x, TCGv y, TCGv kind)
{
    tcg_gen_setcell(c->b, ARM_CELL_FLAG_X, tcg_gen_anyext(c->b, x));
    tcg_gen_setcell(c->b, ARM_CELL_FLAG_Y, tcg_gen_anyext(c->b, y));
    tcg_gen_setcell(c->b, ARM_CELL_FLAG_KIND, kind);
}

static TCGv kind_of(A64Ctx *c, uint32_t kind, TCGv x)
{
    return tcg_i32(c->b, (int32_t)(kind | (tcg_type(c->b, x) == TCG_I64 ? ARM_FLAGS_64 : 0)));
}

/* What set the flags now. */
static void set_source(A64Ctx *c, A64FlagsKind kind, TCGv x, TCGv y, TCGv result)
{
    c->flags.kind = kind;
    c->flags.x = x;
    c->flags.y = y;
    c->flags.result = result;
    c->flags.pred = TCG_NONE;
}

TCGv a64_get_nzcv(A64Ctx *c)
{
    TCGBuilder *b = c->b;
    if (c->flags.kind != A64_FLAGS_NZCV) {
        TCGv x = tcg_gen_getcell(b, ARM_CELL_FLAG_X), y = tcg_gen_getcell(b, ARM_CELL_FLAG_Y);
        TCGv v = tcg_gen_call3(b, &arm_helper_flags, x, y, tcg_gen_getcell(b, ARM_CELL_FLAG_KIND));
        set_source(c, A64_FLAGS_NZCV, TCG_NONE, TCG_NONE, v);
    }
    return c->flags.result;
}

void a64_set_nzcv(A64Ctx *c, TCGv nzcv)
{
    TCGBuilder *b = c->b;
    if (aarch32(c)) {
        TCGv wide = tcg_gen_extu(b, nzcv);
        tcg_gen_setcell(b, ARM_CELL_N, tcg_gen_shli(b, wide, 60));
        tcg_gen_setcell(b, ARM_CELL_Z, tcg_gen_xori(b, tcg_gen_andi(b, wide, 4), 4));
        a32_set_cv(c, tcg_gen_extract(b, nzcv, 1, 1), tcg_gen_shli(b, wide, 63));
        a64_forget_flags(c);
    } else {
        set_cells(c, nzcv, tcg_i64(b, 0), tcg_i32(b, ARM_FLAGS_NZCV));
        set_source(c, A64_FLAGS_NZCV, TCG_NONE, TCG_NONE, nzcv);
    }
}

/* ---- AArch32: cells ---- */

static TCGv carry_of_cells(A64Ctx *c)
{
    TCGBuilder *b = c->b;
    TCGv fcv = tcg_gen_getcell(b, ARM_CELL_FCV);
    TCGv carry = tcg_gen_setcond(b, TCG_I32, TCG_COND_GEU, tcg_gen_getcell(b, ARM_CELL_FX),
                                 tcg_gen_getcell(b, ARM_CELL_FY));
    carry = tcg_gen_andc(b, carry, tcg_gen_shri(b, fcv, 1));
    return tcg_gen_xor(b, carry, tcg_gen_andi(b, fcv, ARM_FCV_INVERT));
}

/* I64, V is bit 63. */
static TCGv overflow_of_cells(A64Ctx *c)
{
    TCGBuilder *b = c->b;
    TCGv x = tcg_gen_getcell(b, ARM_CELL_FX), y = tcg_gen_getcell(b, ARM_CELL_FY);
    TCGv v = tcg_gen_and(b, tcg_gen_xor(b, x, tcg_gen_sub(b, x, y)), tcg_gen_xor(b, x, y));
    return tcg_gen_exts(b, tcg_gen_xor(b, v, tcg_gen_getcell(b, ARM_CELL_FCV)));
}

static void set_operands(A64Ctx *c, TCGv x, TCGv y, TCGv fcv)
{
    tcg_gen_setcell(c->b, ARM_CELL_FX, x);
    tcg_gen_setcell(c->b, ARM_CELL_FY, y);
    tcg_gen_setcell(c->b, ARM_CELL_FCV, fcv);
}

void a32_set_cv(A64Ctx *c, TCGv carry, TCGv v)
{
    TCGBuilder *b = c->b;
    if (tcg_type(b, v) == TCG_I64) {
        v = tcg_gen_trunc(b, tcg_gen_shri(b, v, 32));
    }
    TCGv fcv = tcg_gen_or(b, carry, tcg_gen_andi(b, v, INT32_MIN)), zero = tcg_i32(b, 0);
    set_operands(c, zero, zero, tcg_gen_ori(b, fcv, ARM_FCV_LITERAL));
}

void a32_set_c(A64Ctx *c, TCGv carry)
{
    TCGBuilder *b = c->b;
    TCGv v = tcg_gen_andi(b, tcg_gen_getcell(b, ARM_CELL_FCV), INT32_MIN);
    tcg_gen_setcell(b, ARM_CELL_FCV, tcg_gen_or(b, v, tcg_gen_ori(b, carry, ARM_FCV_LITERAL)));
}

static void set_nz_cells(A64Ctx *c, TCGv result)
{
    TCGv nz = tcg_gen_exts(c->b, result);
    tcg_gen_setcell(c->b, ARM_CELL_N, nz);
    tcg_gen_setcell(c->b, ARM_CELL_Z, nz);
}

void a32_set_nz(A64Ctx *c, TCGv result)
{
    set_nz_cells(c, result);
    set_source(c, A64_FLAGS_NZ, TCG_NONE, TCG_NONE, result);
}

/* ---- what sets flags ---- */

void a64_set_flags_add(A64Ctx *c, TCGv x, TCGv y, TCGv result)
{
    TCGBuilder *b = c->b;
    if (aarch32(c)) {
        set_nz_cells(c, result);
        /* result - y is x, with the same overflow, and borrows if the sum carried. */
        set_operands(c, result, y, tcg_i32(b, ARM_FCV_INVERT));
    } else {
        set_cells(c, result, y, kind_of(c, ARM_FLAGS_ADC_OF, x));
    }
    set_source(c, A64_FLAGS_ADD, x, y, result);
}

/* by_result: the result is kept in a register of the guest, x perhaps not. */
static void set_flags_sub(A64Ctx *c, TCGv x, TCGv y, TCGv result, bool by_result)
{
    if (aarch32(c)) {
        set_nz_cells(c, result);
        set_operands(c, x, y, tcg_i32(c->b, 0));
    } else if (by_result) {
        set_cells(c, result, y, kind_of(c, ARM_FLAGS_SUB_OF, x));
    } else {
        set_cells(c, x, y, kind_of(c, ARM_FLAGS_SUB, x));
    }
    set_source(c, A64_FLAGS_SUB, x, y, result);
    c->flags.kept = by_result;
}

void a64_set_flags_sub(A64Ctx *c, TCGv x, TCGv y, TCGv result)
{
    if (!result.i && aarch32(c)) {
        result = tcg_gen_sub(c->b, x, y);
    }
    set_flags_sub(c, x, y, result, false);
}

void a64_gen_ands(A64Ctx *c, unsigned rd, TCGv x, TCGv y)
{
    TCGv r = tcg_gen_and(c->b, x, y);
    a64_set_r(c, rd, r);
    if (rd == 31) {
        set_cells(c, x, y, kind_of(c, ARM_FLAGS_AND, r));
    } else {
        set_cells(c, r, tcg_i64(c->b, -1), kind_of(c, ARM_FLAGS_AND, r));
    }
    set_source(c, A64_FLAGS_LOGIC, x, y, r);
}

/* Only the first comparison raises exceptions; what AArch32's cells are made of besides is dropped
 * where nobody reads them. */
void a64_set_flags_fcmp(A64Ctx *c, unsigned aux, TCGv x, TCGv y)
{
    TCGBuilder *b = c->b;
    unsigned fp = (aux & TCG_FP_FZ) | TCG_FP_NOFLAGS;
    TCGv lt = tcg_gen_fcmp(b, TCG_I64, aux, x, y);
    if (aarch32(c)) {
        TCGv eq = tcg_gen_fcmp(b, TCG_I64, TCG_FCOND_EQ_Q | fp, x, y);
        TCGv un = tcg_gen_fcmp(b, TCG_I64, TCG_FCOND_UN_Q | fp, x, y);
        a32_set_cv(c, tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, lt, 0), tcg_gen_neg(b, un));
        tcg_gen_setcell(b, ARM_CELL_N, tcg_gen_neg(b, lt));
        tcg_gen_setcell(b, ARM_CELL_Z, tcg_gen_xori(b, eq, 1));
    } else {
        TCGType t = tcg_type(b, x) == TCG_F64 ? TCG_I64 : TCG_I32;
        TCGv ix = tcg_gen_bitcast(b, t, x), iy = tcg_gen_bitcast(b, t, y);
        set_cells(c, ix, iy, kind_of(c, ARM_FLAGS_FCMP | (fp & TCG_FP_FZ ? ARM_FLAGS_FZ : 0), ix));
    }
    set_source(c, A64_FLAGS_FCMP, x, y, lt);
    c->flags.fp = fp;
}

void a64_gen_adds(A64Ctx *c, unsigned rd, TCGv x, TCGv y)
{
    TCGv r = tcg_gen_add(c->b, x, y);
    a64_set_r(c, rd, r);
    a64_set_flags_add(c, x, y, r);
}

void a64_gen_subs(A64Ctx *c, unsigned rd, TCGv x, TCGv y)
{
    if (rd == 31) {
        a64_set_flags_sub(c, x, y, TCG_NONE);
        return;
    }
    TCGv r = tcg_gen_sub(c->b, x, y);
    a64_set_r(c, rd, r);
    set_flags_sub(c, x, y, r, true);
}

TCGv a64_gen_adc_flags(A64Ctx *c, TCGv x, TCGv y)
{
    TCGBuilder *b = c->b;
    TCGv in = a64_flag_c(c), r, out;
    if (tcg_type(b, x) == TCG_I32) {
        TCGv wide = tcg_gen_add(b, tcg_gen_extu(b, x), tcg_gen_extu(b, y));
        wide = tcg_gen_add(b, wide, tcg_gen_extu(b, in));
        r = tcg_gen_trunc(b, wide);
        out = tcg_gen_trunc(b, tcg_gen_shri(b, wide, 32));
    } else {
        TCGv sum = tcg_gen_add(b, x, y);
        r = tcg_gen_add(b, sum, tcg_gen_extu(b, in));
        out = tcg_gen_or(b, tcg_gen_setcond(b, TCG_I32, TCG_COND_LTU, sum, x),
                         tcg_gen_setcond(b, TCG_I32, TCG_COND_LTU, r, sum));
    }
    if (aarch32(c)) {
        TCGv v = tcg_gen_andc(b, tcg_gen_xor(b, x, r), tcg_gen_xor(b, x, y));
        a32_set_nz(c, r);
        a32_set_cv(c, out, v);
    } else {
        TCGv kind = tcg_gen_or(b, tcg_gen_mul(b, in, tcg_i32(b, ARM_FLAGS_CARRY)),
                               tcg_gen_shli(b, out, ARM_FLAGS_C_BIT));
        set_cells(c, r, y,
                  tcg_gen_or(b, kind, kind_of(c, ARM_FLAGS_ADC_OF | ARM_FLAGS_C_KNOWN, x)));
        set_source(c, A64_FLAGS_ADC, x, out, r);
    }
    return r;
}

void a64_gen_ccmp(A64Ctx *c, unsigned cond, unsigned nzcv, bool add, TCGv x, TCGv y)
{
    TCGBuilder *b = c->b;
    TCGv pred = a64_gen_cond(c, cond);
    int64_t known;
    if (add) {
        a64_set_flags_add(c, x, y, tcg_gen_add(b, x, y));
    } else {
        a64_set_flags_sub(c, x, y, TCG_NONE);
    }
    if (tcg_is_const(b, pred, &known) && known) {
        return;
    }
    TCGv fx = tcg_gen_getcell(b, ARM_CELL_FLAG_X), kind = tcg_gen_getcell(b, ARM_CELL_FLAG_KIND);
    tcg_gen_setcell(b, ARM_CELL_FLAG_X, tcg_gen_select(b, pred, fx, tcg_i64(b, nzcv)));
    tcg_gen_setcell(b, ARM_CELL_FLAG_KIND,
                    tcg_gen_select(b, pred, kind, tcg_i32(b, ARM_FLAGS_NZCV)));
    c->flags.pred = pred;
    c->flags.nzcv = nzcv;
}

/* ---- conditions ---- */

/* The even conditions of a floating-point comparison, which was done in this order already. */
static TCGv cond_of_fcmp(A64Ctx *c, unsigned which)
{
    TCGBuilder *b = c->b;
    TCGv x = c->flags.x, y = c->flags.y;
    unsigned fp = c->flags.fp;
    switch (which) {
    case 0: /* EQ */
        return tcg_gen_fcmp(b, TCG_I32, TCG_FCOND_EQ_Q | fp, x, y);
    case 1: /* CS: not less */
        return tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, c->flags.result, 0);
    case 2: /* MI: less */
        return tcg_gen_fcmp(b, TCG_I32, TCG_FCOND_LT_Q | fp, x, y);
    case 3: /* VS: unordered */
        return tcg_gen_fcmp(b, TCG_I32, TCG_FCOND_UN_Q | fp, x, y);
    case 4: /* HI: greater or unordered */
        return tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ,
                                tcg_gen_fcmp(b, TCG_I32, TCG_FCOND_LE_Q | fp, x, y), 0);
    case 5: /* GE */
        return tcg_gen_fcmp(b, TCG_I32, TCG_FCOND_LE_Q | fp, y, x);
    default: /* GT */
        return tcg_gen_fcmp(b, TCG_I32, TCG_FCOND_LT_Q | fp, y, x);
    }
}

/* GE and GT of x + y: the sign of the sum that did not overflow. */
static TCGv cond_of_sum(A64Ctx *c, bool greater)
{
    TCGBuilder *b = c->b;
    TCGv x = c->flags.x, y = c->flags.y, r = c->flags.result;
    TCGv v = tcg_gen_andc(b, tcg_gen_xor(b, x, r), tcg_gen_xor(b, x, y));
    TCGv ge = tcg_gen_setcondi(b, TCG_I32, TCG_COND_GE, tcg_gen_xor(b, r, v), 0);
    return greater ? tcg_gen_and(b, ge, tcg_gen_setcondi(b, TCG_I32, TCG_COND_NE, r, 0)) : ge;
}

/* Result of the subtraction that set the flags, which nobody may have asked for yet. */
static TCGv result_of_source(A64Ctx *c)
{
    if (!c->flags.result.i) {
        c->flags.result = tcg_gen_sub(c->b, c->flags.x, c->flags.y);
    }
    return c->flags.result;
}

/* x cond y, inverted at once if *odd and nothing else has to come before that. */
static TCGv compare(A64Ctx *c, TCGCond cond, TCGv x, TCGv y, bool *odd)
{
    if (*odd && !c->flags.pred.i) {
        cond = tcg_cond_invert(cond);
        *odd = false;
    }
    return tcg_gen_setcond(c->b, TCG_I32, cond, x, y);
}

/* The even conditions EQ, CS, MI, VS, HI, GE, GT by the operands of the instruction that set the
 * flags; false if there is no simple way. *odd: the inverse is wanted, and still has to be made. */
static bool cond_of_operands(A64Ctx *c, unsigned which, TCGv *out, bool *odd)
{
    static const TCGCond of_sub[8] = {TCG_COND_EQ,  TCG_COND_GEU, TCG_COND_COUNT, TCG_COND_COUNT,
                                      TCG_COND_GTU, TCG_COND_GE,  TCG_COND_GT,    TCG_COND_COUNT};
    static const TCGCond of_logic[8] = {TCG_COND_EQ,    TCG_COND_COUNT, TCG_COND_LT,
                                        TCG_COND_COUNT, TCG_COND_COUNT, TCG_COND_GE,
                                        TCG_COND_GT,    TCG_COND_COUNT};
    TCGBuilder *b = c->b;
    TCGCond cond = TCG_COND_COUNT;
    switch (c->flags.kind) {
    case A64_FLAGS_FCMP:
        *out = cond_of_fcmp(c, which);
        return true;
    case A64_FLAGS_SUB:
        cond = of_sub[which];
        if (which == 0 && c->flags.kept) {
            break;
        }
        if (cond != TCG_COND_COUNT) {
            *out = compare(c, cond, c->flags.x, c->flags.y, odd);
            return true;
        }
        break;
    case A64_FLAGS_LOGIC:
        cond = of_logic[which];
        if (cond == TCG_COND_COUNT) {
            *out = tcg_i32(b, 0);
            return true;
        }
        break;
    case A64_FLAGS_ADD:
        if (aarch32(c)) {
            break;
        }
        if (which == 1) {
            *out = tcg_gen_setcond(b, TCG_I32, TCG_COND_LTU, c->flags.result, c->flags.x);
            return true;
        }
        if (which >= 5) {
            *out = cond_of_sum(c, which == 6);
            return true;
        }
        break;
    case A64_FLAGS_ADC:
        if (which == 1) {
            *out = c->flags.y;
            return true;
        }
        break;
    case A64_FLAGS_NZ:
        break;
    default:
        return false;
    }
    if (which == 0 || which == 2) {
        cond = which == 0 ? TCG_COND_EQ : TCG_COND_LT;
    }
    if (cond != TCG_COND_COUNT) {
        TCGv r = result_of_source(c);
        *out = compare(c, cond, r, tcg_const(b, tcg_type(b, r), 0), odd);
        return true;
    }
    return false;
}

/* ConditionHolds() of a constant NZCV, even conditions only. */
static bool cond_of_constant(unsigned which, unsigned nzcv)
{
    bool n = nzcv & 8, z = nzcv & 4, carry = nzcv & 2, v = nzcv & 1;
    bool holds[8] = {z, carry, n, v, carry && !z, n == v, n == v && !z, true};
    return holds[which];
}

/* The same of four bits. */
static TCGv cond_of_nzcv(A64Ctx *c, unsigned which)
{
    static const uint8_t mask[5] = {4, 2, 8, 1, 6};
    TCGBuilder *b = c->b;
    TCGv v = a64_get_nzcv(c);
    if (which < 4) {
        return tcg_gen_setcondi(b, TCG_I32, TCG_COND_TSTNE, v, mask[which]);
    }
    if (which == 4) { /* C and not Z */
        return tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, tcg_gen_andi(b, v, 6), 2);
    }
    TCGv differ = tcg_gen_xor(b, v, tcg_gen_shri(b, v, 3)); /* N and V: bit 0; Z: bit 2 */
    return tcg_gen_setcondi(b, TCG_I32, TCG_COND_TSTEQ, differ, which == 5 ? 1 : 5);
}

static TCGv cond_of_cells(A64Ctx *c, unsigned which)
{
    TCGBuilder *b = c->b;
    TCGv z = tcg_gen_getcell(b, ARM_CELL_Z), r;
    switch (which) {
    case 0: /* EQ */
        return tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, z, 0);
    case 1: /* CS */
        return carry_of_cells(c);
    case 2: /* MI */
        return tcg_gen_setcondi(b, TCG_I32, TCG_COND_LT, tcg_gen_getcell(b, ARM_CELL_N), 0);
    case 3: /* VS */
        return tcg_gen_setcondi(b, TCG_I32, TCG_COND_LT, overflow_of_cells(c), 0);
    case 4: /* HI */
        r = carry_of_cells(c);
        break;
    default: /* GE, GT */
        r = tcg_gen_xor(b, tcg_gen_getcell(b, ARM_CELL_N), overflow_of_cells(c));
        r = tcg_gen_setcondi(b, TCG_I32, TCG_COND_GE, r, 0);
        if (which == 5) {
            return r;
        }
        break;
    }
    return tcg_gen_and(b, r, tcg_gen_setcondi(b, TCG_I32, TCG_COND_NE, z, 0));
}

TCGv a64_gen_cond(A64Ctx *c, unsigned cond)
{
    TCGBuilder *b = c->b;
    unsigned which = cond >> 1;
    bool odd = cond & 1;
    TCGv r;
    if (cond >= 14) {
        return tcg_i32(b, 1);
    }
    if (cond_of_operands(c, which, &r, &odd)) {
        if (c->flags.pred.i) {
            TCGv not_pred = tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, c->flags.pred, 0);
            r = cond_of_constant(which, c->flags.nzcv) ? tcg_gen_or(b, r, not_pred)
                                                       : tcg_gen_and(b, r, c->flags.pred);
        }
    } else {
        r = aarch32(c) ? cond_of_cells(c, which) : cond_of_nzcv(c, which);
    }
    return odd ? tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, r, 0) : r;
}

/* The C that an earlier unit left: a loop over the words of a long number has it in the kind, else
 * it is added there. */
static TCGv settled_carry(A64Ctx *c)
{
    TCGBuilder *b = c->b;
    TCGLabel known = tcg_new_label(b);
    TCGv kind = tcg_gen_getcell(b, ARM_CELL_FLAG_KIND);
    tcg_gen_br_if(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_TSTNE, kind, ARM_FLAGS_C_KNOWN), known);
    TCGv x = tcg_gen_getcell(b, ARM_CELL_FLAG_X), y = tcg_gen_getcell(b, ARM_CELL_FLAG_Y);
    TCGv carry = tcg_gen_extract(b, tcg_gen_call3(b, &arm_helper_flags, x, y, kind), 1, 1);
    kind = tcg_gen_or(b, kind, tcg_gen_shli(b, carry, ARM_FLAGS_C_BIT));
    tcg_gen_setcell(b, ARM_CELL_FLAG_KIND, tcg_gen_ori(b, kind, ARM_FLAGS_C_KNOWN));
    tcg_gen_label(b, known);
    return tcg_gen_extract(b, tcg_gen_getcell(b, ARM_CELL_FLAG_KIND), ARM_FLAGS_C_BIT, 1);
}

TCGv a64_flag_c(A64Ctx *c)
{
    if (aarch32(c)) {
        return carry_of_cells(c);
    }
    return c->flags.kind == A64_FLAGS_CELLS ? settled_carry(c) : a64_gen_cond(c, 2);
}

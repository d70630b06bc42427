/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 frontend: walks a unit's instructions, decodes each with the generated decoder and calls the
 * function below its row. A unit is an extended basic block: conditional branches are side exits,
 * jumps and whatever changes how the next instruction is fetched end it.
 *
 * Flags are remembered with their operands, so that a compare and a branch become one host compare
 * and branch; the cells are set too, and what nobody reads is dropped by the passes.
 *
 * Invariants: a translation depends on the unit's bytes, its mode bits and the configuration only.
 * The unit ends exactly once (c->ended, or the loop below).
 *
 * Runs on any vCPU's thread, no shared state. Test: tests/unit/test-a64-insn.c.
 */
#include <inttypes.h>
#include "target/arm/a64.h"
#include "rhea/log.h"

static uint64_t row_extensions(const ARMConfig *cfg)
{
    uint64_t e = A64_EXT(BASE);
#define HAS(name) e |= arm_has(cfg, ARM_FEAT_##name) ? A64_EXT(name) : 0;
    A64_ROW_EXTENSIONS(HAS)
#undef HAS
    return e;
}

void a64_gen_undefined(A64Ctx *c)
{
    rhea_log_mask(LOG_GUEST_ERROR, "undefined instruction %08x at 0x%" PRIx64 "\n", c->word,
                  (c->unit->pc & TLB_PAGE_MASK) + c->off);
    tcg_gen_call0(c->b, &arm_helper_undefined);
    c->ended = true;
}

bool a64_gen_fp_access(A64Ctx *c)
{
    if (c->mode & ARM_MODE_FP) {
        return true;
    }
    tcg_gen_call0(c->b, &arm_helper_fp_trap);
    c->ended = true;
    return false;
}

/* ---- flags ---- */

/* As the n and z cells hold a result. */
static TCGv flag_result(A64Ctx *c, TCGv v)
{
    return tcg_type(c->b, v) == TCG_I32 ? tcg_gen_exts(c->b, v) : v;
}

static bool aarch32(const A64Ctx *c)
{
    return c->mode & ARM_MODE_AARCH32;
}

TCGv a64_flag_c(A64Ctx *c)
{
    TCGBuilder *b = c->b;
    if (!aarch32(c)) {
        return tcg_gen_getcell(b, ARM_CELL_C);
    }
    TCGv fcv = tcg_gen_getcell(b, ARM_CELL_FCV);
    TCGv carry = tcg_gen_setcond(b, TCG_I32, TCG_COND_GEU, tcg_gen_getcell(b, ARM_CELL_FX),
                                 tcg_gen_getcell(b, ARM_CELL_FY));
    carry = tcg_gen_andc(b, carry, tcg_gen_shri(b, fcv, 1));
    return tcg_gen_xor(b, carry, tcg_gen_andi(b, fcv, ARM_FCV_INVERT));
}

TCGv a64_flag_v(A64Ctx *c)
{
    TCGBuilder *b = c->b;
    if (!aarch32(c)) {
        return tcg_gen_getcell(b, ARM_CELL_V);
    }
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

void a64_set_cv(A64Ctx *c, TCGv carry, TCGv v)
{
    TCGBuilder *b = c->b;
    if (!aarch32(c)) {
        tcg_gen_setcell(b, ARM_CELL_C, carry);
        tcg_gen_setcell(b, ARM_CELL_V, flag_result(c, v));
        return;
    }
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

/* N and Z; C and V follow. */
static void set_nz(A64Ctx *c, A64FlagsKind kind, TCGv x, TCGv y, TCGv result)
{
    TCGv nz = flag_result(c, result);
    tcg_gen_setcell(c->b, ARM_CELL_N, nz);
    tcg_gen_setcell(c->b, ARM_CELL_Z, nz);
    c->flags.kind = kind;
    c->flags.x = x;
    c->flags.y = y;
    c->flags.result = result;
    c->flags.pred = TCG_NONE;
}

void a64_set_flags_add(A64Ctx *c, TCGv x, TCGv y, TCGv result)
{
    TCGBuilder *b = c->b;
    set_nz(c, A64_FLAGS_ADD, x, y, result);
    if (aarch32(c)) {
        /* result - y is x, with the same overflow, and borrows if the sum carried. */
        set_operands(c, result, y, tcg_i32(b, ARM_FCV_INVERT));
        return;
    }
    TCGv v = tcg_gen_andc(b, tcg_gen_xor(b, x, result), tcg_gen_xor(b, x, y));
    a64_set_cv(c, tcg_gen_setcond(b, TCG_I32, TCG_COND_LTU, result, x), v);
}

void a64_set_flags_sub(A64Ctx *c, TCGv x, TCGv y, TCGv result)
{
    TCGBuilder *b = c->b;
    set_nz(c, A64_FLAGS_SUB, x, y, result);
    if (aarch32(c)) {
        set_operands(c, x, y, tcg_i32(b, 0));
        return;
    }
    TCGv v = tcg_gen_and(b, tcg_gen_xor(b, x, result), tcg_gen_xor(b, x, y));
    a64_set_cv(c, tcg_gen_setcond(b, TCG_I32, TCG_COND_GEU, x, y), v);
}

void a64_set_flags_logic(A64Ctx *c, TCGv result)
{
    set_nz(c, A64_FLAGS_LOGIC, result, result, result);
    a64_set_cv(c, tcg_i32(c->b, 0), tcg_i64(c->b, 0));
}

/* Only the first comparison raises exceptions; what the flags are made of besides is dropped where
 * nobody reads them. */
void a64_set_flags_fcmp(A64Ctx *c, unsigned aux, TCGv x, TCGv y)
{
    TCGBuilder *b = c->b;
    unsigned fp = (aux & TCG_FP_FZ) | TCG_FP_NOFLAGS;
    TCGv lt = tcg_gen_fcmp(b, TCG_I64, aux, x, y);
    TCGv eq = tcg_gen_fcmp(b, TCG_I64, TCG_FCOND_EQ_Q | fp, x, y);
    TCGv un = tcg_gen_fcmp(b, TCG_I64, TCG_FCOND_UN_Q | fp, x, y);
    set_nz(c, A64_FLAGS_FCMP, x, y, lt);
    a64_set_cv(c, tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, lt, 0), tcg_gen_neg(b, un));
    tcg_gen_setcell(b, ARM_CELL_N, tcg_gen_neg(b, lt));
    tcg_gen_setcell(b, ARM_CELL_Z, tcg_gen_xori(b, eq, 1));
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
    TCGv r = tcg_gen_sub(c->b, x, y);
    a64_set_r(c, rd, r);
    a64_set_flags_sub(c, x, y, r);
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
    TCGv v = tcg_gen_andc(b, tcg_gen_xor(b, x, r), tcg_gen_xor(b, x, y));
    set_nz(c, A64_FLAGS_NZ, x, y, r);
    a64_set_cv(c, out, v);
    return r;
}

void a64_gen_ccmp(A64Ctx *c, unsigned cond, unsigned nzcv, bool add, TCGv x, TCGv y)
{
    static const uint16_t cells[] = {ARM_CELL_N, ARM_CELL_Z, ARM_CELL_C, ARM_CELL_V};
    TCGBuilder *b = c->b;
    TCGv pred = a64_gen_cond(c, cond);
    int64_t known;
    TCGv r = add ? tcg_gen_add(b, x, y) : tcg_gen_sub(b, x, y);
    (add ? a64_set_flags_add : a64_set_flags_sub)(c, x, y, r);
    if (tcg_is_const(b, pred, &known) && known) {
        return;
    }
    TCGv other[] = {tcg_i64(b, nzcv & 8 ? -1 : 0), tcg_i64(b, nzcv & 4 ? 0 : 1),
                    tcg_i32(b, nzcv >> 1 & 1), tcg_i64(b, nzcv & 1 ? -1 : 0)};
    for (unsigned i = 0; i < G_N_ELEMENTS(cells); i++) {
        TCGv v = tcg_gen_getcell(b, cells[i]);
        tcg_gen_setcell(b, cells[i], tcg_gen_select(b, pred, v, other[i]));
    }
    c->flags.pred = pred;
    c->flags.nzcv = nzcv;
}

TCGv a64_extend(A64Ctx *c, unsigned sf, unsigned rm, unsigned option)
{
    TCGv v = a64_r(c, sf, rm);
    switch (option) {
    case 0:
        return tcg_gen_ext8u(c->b, v);
    case 1:
        return tcg_gen_ext16u(c->b, v);
    case 2:
        return sf ? tcg_gen_ext32u(c->b, v) : v;
    case 4:
        return tcg_gen_ext8s(c->b, v);
    case 5:
        return tcg_gen_ext16s(c->b, v);
    case 6:
        return sf ? tcg_gen_ext32s(c->b, v) : v;
    default:
        return v;
    }
}

void a64_set_nzcv(A64Ctx *c, TCGv nzcv)
{
    TCGBuilder *b = c->b;
    TCGv wide = tcg_gen_extu(b, nzcv);
    tcg_gen_setcell(b, ARM_CELL_N, tcg_gen_shli(b, wide, 60));
    tcg_gen_setcell(b, ARM_CELL_Z, tcg_gen_xori(b, tcg_gen_andi(b, wide, 4), 4));
    a64_set_cv(c, tcg_gen_extract(b, nzcv, 1, 1), tcg_gen_shli(b, wide, 63));
    a64_forget_flags(c);
}

TCGv a64_get_nzcv(A64Ctx *c)
{
    TCGBuilder *b = c->b;
    TCGv n = tcg_gen_trunc(b, tcg_gen_shri(b, tcg_gen_getcell(b, ARM_CELL_N), 63));
    TCGv z = tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, tcg_gen_getcell(b, ARM_CELL_Z), 0);
    TCGv carry = a64_flag_c(c);
    TCGv v = tcg_gen_trunc(b, tcg_gen_shri(b, a64_flag_v(c), 63));
    TCGv nz = tcg_gen_or(b, tcg_gen_shli(b, n, 3), tcg_gen_shli(b, z, 2));
    return tcg_gen_or(b, nz, tcg_gen_or(b, tcg_gen_shli(b, carry, 1), v));
}

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

/* The even conditions EQ, CS, MI, VS, HI, GE, GT by the operands of the instruction that set the
 * flags; false if there is no single compare for it. */
static bool cond_of_operands(A64Ctx *c, unsigned which, TCGv *out)
{
    static const TCGCond of_sub[8] = {TCG_COND_EQ,  TCG_COND_GEU, TCG_COND_COUNT, TCG_COND_COUNT,
                                      TCG_COND_GTU, TCG_COND_GE,  TCG_COND_GT,    TCG_COND_COUNT};
    static const TCGCond of_logic[8] = {TCG_COND_EQ,    TCG_COND_COUNT, TCG_COND_LT,
                                        TCG_COND_COUNT, TCG_COND_COUNT, TCG_COND_GE,
                                        TCG_COND_GT,    TCG_COND_COUNT};
    TCGCond cond = TCG_COND_COUNT;
    if (c->flags.kind == A64_FLAGS_FCMP) {
        *out = cond_of_fcmp(c, which);
        return true;
    }
    if (c->flags.kind == A64_FLAGS_SUB) {
        cond = of_sub[which];
        if (cond != TCG_COND_COUNT) {
            *out = tcg_gen_setcond(c->b, TCG_I32, cond, c->flags.x, c->flags.y);
            return true;
        }
    }
    if (c->flags.kind == A64_FLAGS_LOGIC) {
        cond = of_logic[which];
    } else if (c->flags.kind != A64_FLAGS_CELLS && (which == 0 || which == 2)) {
        cond = which == 0 ? TCG_COND_EQ : TCG_COND_LT;
    }
    if (cond != TCG_COND_COUNT) {
        *out = tcg_gen_setcondi(c->b, TCG_I32, cond, c->flags.result, 0);
        return true;
    }
    return false;
}

/* ConditionHolds() of a constant NZCV, even conditions only. */
static bool cond_of_nzcv(unsigned which, unsigned nzcv)
{
    bool n = nzcv & 8, z = nzcv & 4, carry = nzcv & 2, v = nzcv & 1;
    bool holds[8] = {z, carry, n, v, carry && !z, n == v, n == v && !z, true};
    return holds[which];
}

TCGv a64_gen_cond(A64Ctx *c, unsigned cond)
{
    TCGBuilder *b = c->b;
    TCGv r;
    if (cond >= 14) {
        return tcg_i32(b, 1);
    }
    if (cond_of_operands(c, cond >> 1, &r)) {
        if (c->flags.pred.i) {
            TCGv not_pred = tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, c->flags.pred, 0);
            r = cond_of_nzcv(cond >> 1, c->flags.nzcv) ? tcg_gen_or(b, r, not_pred)
                                                       : tcg_gen_and(b, r, c->flags.pred);
        }
    } else {
        TCGv n, z, carry, v;
        switch (cond >> 1) {
        case 0: /* EQ */
            r = tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, tcg_gen_getcell(b, ARM_CELL_Z), 0);
            break;
        case 1: /* CS */
            r = a64_flag_c(c);
            break;
        case 2: /* MI */
            r = tcg_gen_setcondi(b, TCG_I32, TCG_COND_LT, tcg_gen_getcell(b, ARM_CELL_N), 0);
            break;
        case 3: /* VS */
            r = tcg_gen_setcondi(b, TCG_I32, TCG_COND_LT, a64_flag_v(c), 0);
            break;
        case 4: /* HI */
            carry = a64_flag_c(c);
            z = tcg_gen_getcell(b, ARM_CELL_Z);
            r = tcg_gen_and(b, carry, tcg_gen_setcondi(b, TCG_I32, TCG_COND_NE, z, 0));
            break;
        default: /* GE, GT */
            n = tcg_gen_getcell(b, ARM_CELL_N);
            v = a64_flag_v(c);
            r = tcg_gen_setcondi(b, TCG_I32, TCG_COND_GE, tcg_gen_xor(b, n, v), 0);
            if (cond >> 1 == 6) {
                z = tcg_gen_getcell(b, ARM_CELL_Z);
                r = tcg_gen_and(b, r, tcg_gen_setcondi(b, TCG_I32, TCG_COND_NE, z, 0));
            }
            break;
        }
    }
    return cond & 1 ? tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, r, 0) : r;
}

/* ---- control flow ---- */

void a64_gen_jump(A64Ctx *c, int64_t imm)
{
    tcg_gen_exit_direct(c->b, c->off + imm);
    c->ended = true;
}

/* AArch64.BranchAddr(): with TBI the top byte becomes a copy of bit 55, or zeros at EL2 and EL3. */
void a64_gen_jump_indirect(A64Ctx *c, TCGv to, unsigned btype)
{
    TCGBuilder *b = c->b;
    bool low = c->mode & ARM_MODE_TBI0, high = c->mode & ARM_MODE_TBI1;
    if (low && high) {
        to = tcg_gen_sextract(b, to, 0, 56);
    } else if (low || high) {
        TCGv plain = low ? tcg_gen_extract(b, to, 0, 56)
                         : tcg_gen_or(b, to, tcg_i64(b, (int64_t)0xff00000000000000));
        TCGv upper = tcg_gen_andi(b, to, INT64_C(1) << 55);
        to = low ? tcg_gen_select(b, upper, to, plain) : tcg_gen_select(b, upper, plain, to);
    }
    c->ended = true;
    if (!arm_has(c->cfg, ARM_FEAT_BTI)) {
        tcg_gen_exit_lookup(b, to);
        return;
    }
    TCGLabel misaligned = tcg_new_label(b);
    tcg_gen_br_if(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_TSTNE, to, 3), misaligned);
    tcg_gen_exit_lookup(b, btype ? tcg_gen_ori(b, to, btype) : to);
    tcg_gen_label(b, misaligned);
    to = tcg_gen_call2(b, &arm_helper_misaligned, to, tcg_i32(b, (int32_t)btype));
    a64_gen_exit_poll(c, to);
}

unsigned a64_btype_of_br(const A64Ctx *c, unsigned rn)
{
    return c->unit->guarded && rn != 16 && rn != 17 ? 3 : 1;
}

void a64_gen_branch_if(A64Ctx *c, TCGv cond, int64_t imm)
{
    int64_t to = c->off + imm, known;
    if (tcg_is_const(c->b, cond, &known)) {
        if (known) {
            a64_gen_jump(c, imm);
        }
        return;
    }
    tcg_gen_exit_if(c->b, cond, to, to == tcg_unit_of(c->b)->start);
}

void a64_gen_exit_poll(A64Ctx *c, TCGv pc)
{
    TCGLabel poll = tcg_new_label(c->b);
    tcg_gen_br_if(c->b, tcg_gen_ldenv(c->b, TCG_I32, TCG_MO_32, offsetof(CPUEnv, exit_request)),
                  poll);
    tcg_gen_exit_lookup(c->b, pc);
    tcg_gen_label(c->b, poll);
    tcg_gen_exit_main(c->b, pc);
    c->ended = true;
}

void a64_gen_end(A64Ctx *c, bool main)
{
    TCGv next = tcg_gen_pcrel(c->b, c->off + 4);
    if (main) {
        tcg_gen_exit_main(c->b, next);
    } else {
        tcg_gen_exit_lookup(c->b, next);
    }
    c->ended = true;
}

TCGMemOp a64_memop(const A64Ctx *c, unsigned size)
{
    TCGMemOp m = size | (c->mode & ARM_MODE_BE ? TCG_MO_BE : 0);
    return m | size << TCG_MO_ALIGN_SHIFT | (c->mode & ARM_MODE_ALIGN ? 0 : TCG_MO_ALIGN_DEVICE);
}

TCGv a64_base(A64Ctx *c, unsigned rn)
{
    TCGBuilder *b = c->b;
    TCGv v = a64_x_sp(c, rn);

    if (rn != 31 || !(c->mode & ARM_MODE_SA) || v.i == c->sp_aligned.i) {
        return v;
    }
    const TCGOp *op = &tcg_unit_of(b)->ops[v.i];
    int64_t by;
    if (c->sp_aligned.i && op->opc == TCG_OP_add && op->a.i == c->sp_aligned.i &&
        tcg_is_const(b, op->b, &by) && !(by & 15)) {
        c->sp_aligned = v;
        return v;
    }
    if (c->first) {
        TCGLabel good = tcg_new_label(b);
        tcg_gen_br_if(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_TSTEQ, v, 15), good);
        tcg_gen_call0(b, &arm_helper_sp_align);
        tcg_gen_label(b, good);
        v = a64_x_sp(c, rn);
    } else {
        /* The unit that begins here raises the fault. */
        tcg_gen_exit_if(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_TSTNE, v, 15), c->off, false);
    }
    c->sp_aligned = v;
    return v;
}

/* Is this instruction one that a branch may lead to on a guarded page (BTypeCompatible, D8.4.5)? */
static bool is_landing_pad(const A64Ctx *c, unsigned btype)
{
    switch (c->word) {
    case 0xd503233f: /* PACIASP */
    case 0xd503237f: /* PACIBSP */
        return arm_has(c->cfg, ARM_FEAT_PAUTH) && (btype != 3 || !(c->mode & ARM_MODE_BTI));
    case 0xd503245f: /* BTI c */
        return btype != 3;
    case 0xd503249f: /* BTI j */
        return btype != 2;
    case 0xd50324df: /* BTI jc */
        return true;
    default: /* BRK and HLT */
        return (c->word & 0xffe0001f) == 0xd4200000 || (c->word & 0xffe0001f) == 0xd4400000;
    }
}

/* LDXR, LDXP, LDAXR, LDAXP and the smaller ones; CASP lies among them. */
static bool is_load_exclusive(uint32_t w)
{
    return (w & 0x3fc00000) == 0x08400000 && ((w >> 31) || !(w >> 21 & 1));
}

void a64_translate(UnitContext *unit)
{
    const ARMConfig *cfg = unit->cpu->model;
    A64Ctx c = {
        .unit = unit,
        .b = unit->b,
        .cfg = cfg,
        .ext = row_extensions(cfg),
        .mode = unit->mode,
    };
    unsigned max = c.mode & ARM_MODE_SS ? 1 : unit->max_insns, btype = 0;
    if (arm_has(cfg, ARM_FEAT_BTI)) {
        btype = unit->pc_tag = unit->offset & 3;
        unit->offset &= ~3u;
    }
    for (unsigned n = 0; !c.ended; n++) {
        c.off = unit->offset;
        c.first = n == 0;
        if (n >= max || c.off >= TLB_PAGE_SIZE) {
            break;
        }
        if (!unit_fetch(unit, c.off, &c.word, sizeof(c.word))) {
            if (n == 0) {
                return;
            }
            break;
        }
        tcg_gen_insn_start(c.b, n == 0 ? c.off | btype : c.off);
        unit->offset += 4;
        if (c.mode & ARM_MODE_SS) {
            tcg_gen_call1(c.b, &arm_helper_step,
                          tcg_i32(c.b, ARM_STEP_ISS(is_load_exclusive(c.word))));
        }
        if (c.mode & ARM_MODE_BREAK) {
            tcg_gen_call1(c.b, &arm_helper_break, tcg_gen_pcrel(c.b, c.off));
        }
        if (c.off & 3) {
            tcg_gen_call1(c.b, &arm_helper_pc_align, tcg_gen_pcrel(c.b, c.off));
            break;
        }
        if (c.mode & ARM_MODE_IL) {
            tcg_gen_call1(c.b, &arm_helper_raise, tcg_i32(c.b, (int32_t)ARM_SYN(EC_ILLEGAL, 0)));
            break;
        }
        if (n == 0 && btype && unit->guarded && !is_landing_pad(&c, btype)) {
            tcg_gen_call1(c.b, &arm_helper_raise, tcg_i32(c.b, (int32_t)ARM_SYN(EC_BTI, btype)));
            break;
        }
        A64Insn a = {0};
        A64InsnId id = a64_decode32(c.word, c.ext, &a);
        if (id == A64_INSN_NONE) {
            a64_gen_undefined(&c);
        } else {
            a64_trans[id](&c, &a);
        }
    }
    if (!c.ended && !tcg_is_unreachable(c.b)) {
        tcg_gen_exit_direct(c.b, unit->offset);
    }
}

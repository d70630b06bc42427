/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A32 and T32 frontend: walks a unit's instructions, decodes each with the generated decoders and
 * calls the function below its row. A unit is an extended basic block, as in translate-a64.c.
 *
 * A conditional instruction is jumped over by a forward label, but branches, which are side exits.
 * ITSTATE at the unit's entry is part of the mode. A unit that leaves with another one than it
 * began with has the mode recomputed; that happens only where an IT block is cut (page end,
 * exceptions' return), since a whole one begins and ends in one unit otherwise.
 *
 * Runs on any vCPU's thread, no shared state. Test: tests/unit/test-a32-insn.c.
 */
#include "target/arm/a32.h"
#include "target/arm/a32-helper.h"
#include "target/arm/vfp.h"

static uint64_t row_extensions(CPU *cpu)
{
    const ARMConfig *cfg = cpu->model;
    uint64_t e = cpu->insn_rows[1];

    if (e) {
        return e;
    }
    e = A32_EXT(BASE);
#define HAS(name) e |= arm_has(cfg, ARM_FEAT_##name) ? A32_EXT(name) : 0;
    A32_ROW_EXTENSIONS(HAS)
#undef HAS
    return cpu->insn_rows[1] = e;
}

void a32_gen_undefined(A32Ctx *c)
{
    a64_gen_undefined(&c->c);
}

/* ---- the shifter ---- */

static TCGv top_bit(TCGBuilder *b, TCGv v)
{
    return tcg_gen_shri(b, v, 31);
}

TCGv a32_shift_imm(A32Ctx *c, TCGv v, unsigned shift, unsigned amount, TCGv *carry)
{
    TCGBuilder *b = c->c.b;
    TCGv out = TCG_NONE, r = v;
    switch (shift) {
    case 0:
        if (amount) {
            out = tcg_gen_extract(b, v, 32 - amount, 1);
            r = tcg_gen_shli(b, v, amount);
        }
        break;
    case 1:
        out = tcg_gen_extract(b, v, (amount + 31) & 31, 1);
        r = amount ? tcg_gen_shri(b, v, amount) : tcg_i32(b, 0);
        break;
    case 2:
        out = tcg_gen_extract(b, v, (amount + 31) & 31, 1);
        r = tcg_gen_sari(b, v, amount ? amount : 31);
        break;
    default:
        if (amount) {
            out = tcg_gen_extract(b, v, amount - 1, 1);
            r = tcg_gen_rotri(b, v, amount);
        } else { /* RRX */
            out = tcg_gen_andi(b, v, 1);
            r = tcg_gen_or(b, tcg_gen_shri(b, v, 1), tcg_gen_shli(b, a64_flag_c(&c->c), 31));
        }
    }
    if (carry) {
        *carry = out;
    }
    return r;
}

/* Shift by the low byte of a register. 33 places and more are as 33 but for ROR. */
static TCGv shift_reg(A32Ctx *c, TCGv v, unsigned shift, TCGv by, TCGv *carry)
{
    TCGBuilder *b = c->c.b;
    TCGv n = tcg_gen_andi(b, by, 0xff);
    TCGv is_zero = tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, n, 0);
    TCGv out, r;
    if (shift == 3) {
        r = tcg_gen_rotr(b, v, n);
        out = top_bit(b, r);
    } else {
        TCGv small = tcg_gen_setcondi(b, TCG_I32, TCG_COND_LTU, n, 33);
        TCGv count = tcg_gen_select(b, small, n, tcg_i32(b, 33));
        TCGv wide = tcg_gen_extu(b, count);
        if (shift == 0) {
            TCGv t = tcg_gen_shl(b, tcg_gen_extu(b, v), wide);
            r = tcg_gen_trunc(b, t);
            out = tcg_gen_trunc(b, tcg_gen_extract(b, t, 32, 1));
        } else {
            TCGv t = shift == 1 ? tcg_gen_extu(b, v) : tcg_gen_exts(b, v);
            t = tcg_gen_shli(b, t, 1);
            t = shift == 1 ? tcg_gen_shr(b, t, wide) : tcg_gen_sar(b, t, wide);
            r = tcg_gen_trunc(b, tcg_gen_shri(b, t, 1));
            out = tcg_gen_andi(b, tcg_gen_trunc(b, t), 1);
        }
    }
    if (carry) {
        *carry = tcg_gen_select(b, is_zero, a64_flag_c(&c->c), out);
    }
    return r;
}

TCGv a32_operand2(A32Ctx *c, const A32Insn *a, TCGv *carry)
{
    TCGBuilder *b = c->c.b;
    if (a->form == A32_FORM_IMM) {
        bool rotated = c->len == 2 ? false
                       : c->thumb  ? (c->c.word & (1u << 26 | 1u << 14)) != 0
                                   : (c->c.word & 0xf00) != 0;
        if (carry) {
            *carry = rotated ? tcg_i32(b, (uint32_t)a->imm >> 31) : TCG_NONE;
        }
        return a32_imm(c, a->imm);
    }
    if (a->form == A32_FORM_REG) {
        return a32_shift_imm(c, a32_r(c, a->rm), a->shift, a->amount, carry);
    }
    return shift_reg(c, a32_r(c, a->rm), a->shift, a32_r(c, a->rs), carry);
}

/* ---- control flow ---- */

static void set_it_cell(A32Ctx *c, unsigned it)
{
    if (c->thumb && c->it_cell != (int)it) {
        tcg_gen_setcell(c->c.b, ARM_CELL_IT, a32_imm(c, (int32_t)it));
        c->it_cell = (int)it;
    }
}

/* Mode bits `mask` become `bits`, in env->mode and in env->ctx, whose low bits they are (see
 * update_ctx() in softmmu/tlb.c): what arm_mode_changed() would find, without asking it. */
static void set_mode(A32Ctx *c, uint32_t mask, uint32_t bits)
{
    TCGBuilder *b = c->c.b;
    TCGv m = tcg_gen_ldenv(b, TCG_I32, TCG_MO_32, offsetof(CPUEnv, mode));
    m = tcg_gen_ori(b, tcg_gen_andi(b, m, (int32_t)~mask), (int32_t)bits);
    tcg_gen_stenv(b, TCG_MO_32, m, offsetof(CPUEnv, mode));
    m = tcg_gen_ldenv(b, TCG_I64, TCG_MO_64, offsetof(CPUEnv, ctx));
    m = tcg_gen_ori(b, tcg_gen_andi(b, m, ~(int64_t)mask), bits);
    tcg_gen_stenv(b, TCG_MO_64, m, offsetof(CPUEnv, ctx));
}

/* The unit is left with ITSTATE it, perhaps another one than it was entered with. */
void a32_gen_leave_it(A32Ctx *c, unsigned it)
{
    set_it_cell(c, it);
    if (it != c->it_entry) {
        set_mode(c, ARM_MODE_IT, it << ARM_MODE_IT_SHIFT);
    }
}

void a32_gen_leave_helper(A32Ctx *c)
{
    if (c->thumb && (c->it || c->it_entry)) {
        c->it_cell = -1;
        set_it_cell(c, c->it_next);
        set_mode(c, ARM_MODE_IT, (uint32_t)c->it_next << ARM_MODE_IT_SHIFT);
    }
}

/* PSTATE.T := thumb, and it is left with ITSTATE 0. */
static void set_thumb(A32Ctx *c, bool thumb)
{
    TCGBuilder *b = c->c.b;
    set_it_cell(c, 0);
    TCGv p = tcg_gen_ldenv(b, TCG_I32, TCG_MO_32, offsetof(ARMEnv, sys.pstate));
    p = thumb ? tcg_gen_ori(b, p, PSTATE_T) : tcg_gen_andi(b, p, ~PSTATE_T);
    tcg_gen_stenv(b, TCG_MO_32, p, offsetof(ARMEnv, sys.pstate));
    set_mode(c, ARM_MODE_T | ARM_MODE_IT, thumb ? ARM_MODE_T : 0);
}

/* Leave for to (I64) with ITSTATE it and the instruction set as it is. */
static void exit_with_it(A32Ctx *c, TCGv to, unsigned it)
{
    a32_gen_leave_it(c, it);
    tcg_gen_exit_lookup(c->c.b, to);
    c->c.ended = true;
}

void a32_gen_jump(A32Ctx *c, int64_t rel)
{
    if (c->it_entry) {
        exit_with_it(c, tcg_gen_pcrel(c->c.b, rel), 0);
        return;
    }
    set_it_cell(c, 0);
    tcg_gen_exit_direct(c->c.b, rel);
    c->c.ended = true;
}

void a32_gen_branch_to(A32Ctx *c, TCGv to)
{
    to = tcg_gen_andi(c->c.b, to, c->thumb ? ~1 : ~3);
    exit_with_it(c, tcg_gen_extu(c->c.b, to), 0);
}

void a32_gen_exchange(A32Ctx *c, TCGv to, bool thumb)
{
    if (thumb != c->thumb) {
        set_thumb(c, thumb);
    } else {
        a32_gen_leave_it(c, 0);
    }
    tcg_gen_exit_lookup(c->c.b, to);
    c->c.ended = true;
}

void a32_gen_bx(A32Ctx *c, TCGv to)
{
    TCGBuilder *b = c->c.b;
    TCGLabel other = tcg_new_label(b);
    TCGv thumb = tcg_gen_andi(b, to, 1);
    TCGv arm_to = tcg_gen_extu(b, tcg_gen_andi(b, to, ~3));
    TCGv thumb_to = tcg_gen_extu(b, tcg_gen_andi(b, to, ~1));
    set_it_cell(c, 0);
    tcg_gen_br_if(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_NE, thumb, c->thumb), other);
    a32_gen_leave_it(c, 0);
    tcg_gen_exit_lookup(b, c->thumb ? thumb_to : arm_to);
    tcg_gen_label(b, other);
    set_thumb(c, !c->thumb);
    tcg_gen_exit_lookup(b, c->thumb ? arm_to : thumb_to);
    c->c.ended = true;
}

void a32_gen_load_pc(A32Ctx *c, TCGv to)
{
    if (a32_has(c, ARM_FEAT_V5TE)) {
        a32_gen_bx(c, to);
    } else {
        a32_gen_branch_to(c, to);
    }
}

void a32_write_r(A32Ctx *c, unsigned rd, TCGv v)
{
    if (rd != 15) {
        a32_set_r(c, rd, v);
    } else if (!c->thumb && a32_has(c, ARM_FEAT_V7)) {
        a32_gen_bx(c, v);
    } else {
        a32_gen_branch_to(c, v);
    }
}

void a32_gen_end(A32Ctx *c, bool main)
{
    TCGv next = tcg_gen_pcrel(c->c.b, c->c.off + c->len);
    a32_gen_leave_helper(c);
    if (main) {
        tcg_gen_exit_main(c->c.b, next);
    } else {
        tcg_gen_exit_lookup(c->c.b, next);
    }
    c->c.ended = true;
}

void a32_gen_exit_poll(A32Ctx *c, TCGv pc)
{
    a64_gen_exit_poll(&c->c, pc);
}

/* ---- the loop ---- */

static uint8_t it_advance(uint8_t it)
{
    return it & 7 ? (it & 0xe0) | (it << 1 & 0x1f) : 0;
}

/* Instructions that do nothing but set rd (not the PC), or flags, or both, and cannot fail. */
static bool only_computes(void (*trans)(A32Ctx *c, const A32Insn *a), const A32Insn *a)
{
    static void (*const list[])(A32Ctx * c, const A32Insn *a) = {
        a32_trans_dp,  a32_trans_orr, a32_trans_movw, a32_trans_movt, a32_trans_addw,
        a32_trans_xta, a32_trans_mul, a32_trans_mla,  a32_trans_clz,  a32_trans_rev,
    };
    if (trans == a32_trans_cmp) {
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(list); i++) {
        if (trans == list[i]) {
            return a->rd != 15;
        }
    }
    return false;
}

/*
 * Such an instruction on a condition: its results are computed in any case, and each cell chooses
 * between them and what it held. No label, behind which nothing would be known.
 */
static void choose(A32Ctx *c, void (*trans)(A32Ctx *c, const A32Insn *a), const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv holds = a64_gen_cond(&c->c, c->cond), old[6];
    const uint16_t cells[6] = {ARM_CELL_N,  ARM_CELL_Z,   ARM_CELL_FX,
                               ARM_CELL_FY, ARM_CELL_FCV, ARM_CELL_X(a->rd)};
    unsigned n = trans == a32_trans_cmp ? 5 : 6;
    __typeof__(c->c.flags) before = c->c.flags, *now = &c->c.flags;
    bool changed = false;
    for (unsigned i = 0; i < n; i++) {
        old[i] = tcg_gen_getcell(b, cells[i]);
    }
    trans(c, a);
    for (unsigned i = 0; i < n; i++) {
        TCGv v = tcg_gen_getcell(b, cells[i]);
        if (v.i != old[i].i) {
            tcg_gen_setcell(b, cells[i], tcg_gen_select(b, holds, v, old[i]));
            changed |= i < 5;
        }
    }
    if (!changed) {
        *now = before;
    } else if (before.kind == A64_FLAGS_CELLS || before.kind == A64_FLAGS_FCMP || before.pred.i ||
               now->kind == A64_FLAGS_CELLS) {
        a64_forget_flags(&c->c);
    } else {
        if (before.kind == A64_FLAGS_SUB && now->kind == A64_FLAGS_SUB) {
            now->x = tcg_gen_select(b, holds, now->x, before.x);
            now->y = tcg_gen_select(b, holds, now->y, before.y);
        } else {
            now->kind = A64_FLAGS_NZ;
        }
        now->result = tcg_gen_select(b, holds, now->result, before.result);
    }
}

/* Run trans if the condition holds. */
static void conditional(A32Ctx *c, void (*trans)(A32Ctx *c, const A32Insn *a), const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    if (c->cond >= 14 || trans == a32_trans_b) {
        trans(c, a);
        return;
    }
    if (only_computes(trans, a)) {
        choose(c, trans, a);
        return;
    }
    TCGLabel skip = tcg_new_label(b);
    TCGv holds = a64_gen_cond(&c->c, c->cond);
    TCGv before = tcg_gen_getcell(b, ARM_CELL_N), v = tcg_gen_getcell(b, ARM_CELL_FCV);
    tcg_gen_br_if(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, holds, 0), skip);
    trans(c, a);
    if (!c->c.ended && (tcg_gen_getcell(b, ARM_CELL_N).i != before.i ||
                        tcg_gen_getcell(b, ARM_CELL_FCV).i != v.i)) {
        a64_forget_flags(&c->c);
    }
    tcg_gen_label(b, skip);
    c->it_cell = -1;
    c->c.ended = false;
}

/* What no integer row has: VFP and Advanced SIMD, or nothing. */
static void trans_other(A32Ctx *c, const A32Insn *a)
{
    c->c.remode = false;
    if (c->len != 4 || !vfp_translate(&c->c, c->thumb, a32_pc_off(c))) {
        a32_trans_udf(c, a);
    } else if (c->c.remode && !c->c.ended) {
        a32_gen_end(c, false);
    }
}

/* LDREX, LDAEX and the smaller ones, of A32 and T32. */
static bool is_load_exclusive(const A32Ctx *c)
{
    uint32_t w = c->c.word;

    if (!c->thumb) {
        return (w & 0x0f9002f0) == 0x01900290;
    }
    return c->len == 4 && ((w & 0xfff00000) == 0xe8500000 || (w & 0xfff00040) == 0xe8d00040);
}

/* Software step; breakpoints, which match whatever the condition is. */
static void gen_debug(A32Ctx *c)
{
    if (c->c.mode & ARM_MODE_SS) {
        tcg_gen_call1(c->c.b, &arm_helper_step,
                      tcg_i32(c->c.b, ARM_STEP_ISS(is_load_exclusive(c))));
    }
    if (c->c.mode & ARM_MODE_BREAK) {
        tcg_gen_call1(c->c.b, &arm_helper_break, tcg_gen_pcrel(c->c.b, c->c.off));
    }
}

/* What SCTLR.ITD disables in IT blocks, by the first halfword (G8.2.126): 32-bit instructions, B,
 * SVC, UDF, LDM, STM; the miscellaneous ones; ADR; LDR (literal); ADD, CMP, MOV, BX, BLX with the
 * PC. */
static bool it_disabled(unsigned w)
{
    return w >> 14 == 3 || w >> 12 == 0xb || w >> 11 == 0x14 || w >> 11 == 9 ||
           (w & 0xf478) == 0x4478 || (w & 0xfc87) == 0x4487;
}

/* Fetch and decode the instruction at c->off. False: it cannot be fetched, or must begin a unit. */
static bool next_insn(A32Ctx *c, UnitContext *unit, uint64_t ext, unsigned n)
{
    A32Insn a = {0};
    uint16_t low;
    if (!c->thumb) {
        if (!unit_fetch(unit, c->c.off, &c->c.word, 4)) {
            return false;
        }
        c->len = 4;
        tcg_gen_insn_start(c->c.b, c->c.off);
        unit->offset += 4;
        gen_debug(c);
        A32InsnId id = a32_decode32(c->c.word, ext, &a);
        c->cond = c->c.word >> 28 == 15 ? 14 : c->c.word >> 28;
        if (id == A32_INSN_NONE) {
            conditional(c, trans_other, &a);
        } else {
            conditional(c, a32_trans[id], &a);
        }
        return true;
    }
    if (!unit_fetch(unit, c->c.off, &low, 2)) {
        return false;
    }
    c->c.word = low;
    c->len = 2;
    if (low >> 11 >= 29 && a32_has(c, ARM_FEAT_T2)) {
        uint16_t high;
        if (c->c.off + 4 > TLB_PAGE_SIZE && n > 0) {
            return false; /* its unit depends on the next page's mapping */
        }
        uint32_t both;
        if (!unit_fetch(unit, c->c.off, &both, 4)) {
            return false;
        }
        high = both >> 16;
        c->c.word = (uint32_t)low << 16 | high;
        c->len = 4;
    }
    tcg_gen_insn_start(c->c.b, c->c.off);
    unit->offset += c->len;
    if (c->it != 0 || c->it_cell != 0) {
        set_it_cell(c, c->it);
    }
    gen_debug(c);
    c->cond = a32_in_it(c) ? c->it >> 4 : 14;
    c->it_next = it_advance(c->it);
    T32InsnId id =
        c->len == 4 ? t32_decode32(c->c.word, ext, &a) : t32_decode16(c->c.word, ext, &a);
    if ((c->c.mode & ARM_MODE_ITD) && a32_in_it(c) && it_disabled(low)) {
        c->cond = 14; /* whatever the condition is */
        a32_gen_undefined(c);
    } else if (id == T32_INSN_NONE) {
        conditional(c, trans_other, &a);
    } else {
        conditional(c, t32_trans[id], &a);
    }
    c->it = c->it_next;
    return true;
}

void a32_translate(UnitContext *unit)
{
    const ARMConfig *cfg = unit->cpu->model;
    uint64_t ext = row_extensions(unit->cpu);
    A32Ctx c = {
        .c = {.unit = unit, .b = unit->b, .cfg = cfg, .mode = unit->mode},
        .thumb = unit->mode & ARM_MODE_T,
        .it = (unit->mode & ARM_MODE_IT) >> ARM_MODE_IT_SHIFT,
    };
    c.it_entry = c.it_cell = c.it;
    unsigned n, max = unit->mode & ARM_MODE_SS ? 1 : unit->max_insns;
    for (n = 0; !c.c.ended; n++) {
        c.c.off = unit->offset;
        if (n >= max || c.c.off >= TLB_PAGE_SIZE || (c.it_entry && n > 0 && !c.it)) {
            break;
        }
        if (!next_insn(&c, unit, ext, n)) {
            if (n == 0) {
                return;
            }
            /* The next one is not on this page alone: the look-up checks. */
            exit_with_it(&c, tcg_gen_pcrel(c.c.b, c.c.off), c.it);
            return;
        }
    }
    if (!c.c.ended) {
        if (c.it != c.it_entry) {
            exit_with_it(&c, tcg_gen_pcrel(c.c.b, unit->offset), c.it);
        } else {
            set_it_cell(&c, c.it);
            tcg_gen_exit_direct(c.c.b, unit->offset);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 frontend: walks a unit's instructions, decodes each with the generated decoder and calls the
 * function below its row. A unit is an extended basic block: conditional branches are side exits,
 * jumps and whatever changes how the next instruction is fetched end it.
 *
 * Invariants: a translation depends on the unit's bytes, its mode bits and the configuration only.
 * The unit ends exactly once (c->ended, or the loop below).
 *
 * Runs on any vCPU's thread, no shared state. Test: tests/unit/test-a64-insn.c.
 */
#include <inttypes.h>
#include "target/arm/a64.h"
#include "rhea/log.h"

static uint64_t row_extensions(CPU *cpu)
{
    const ARMConfig *cfg = cpu->model;
    uint64_t e = cpu->insn_rows[0];

    if (e) {
        return e;
    }
    e = A64_EXT(BASE);
#define HAS(name) e |= arm_has(cfg, ARM_FEAT_##name) ? A64_EXT(name) : 0;
    A64_ROW_EXTENSIONS(HAS)
#undef HAS
    return cpu->insn_rows[0] = e;
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

/* What comes before an instruction in rare modes, and where the PC is misaligned; false: the unit
 * ends with it. */
static bool begin_rare(A64Ctx *c)
{
    if (c->mode & ARM_MODE_SS) {
        tcg_gen_call1(c->b, &arm_helper_step,
                      tcg_i32(c->b, ARM_STEP_ISS(is_load_exclusive(c->word))));
    }
    if (c->mode & ARM_MODE_BREAK) {
        tcg_gen_call1(c->b, &arm_helper_break, tcg_gen_pcrel(c->b, c->off));
    }
    if (c->off & 3) {
        tcg_gen_call1(c->b, &arm_helper_pc_align, tcg_gen_pcrel(c->b, c->off));
        return false;
    }
    if (c->mode & ARM_MODE_IL) {
        tcg_gen_call1(c->b, &arm_helper_raise, tcg_i32(c->b, (int32_t)ARM_SYN(EC_ILLEGAL, 0)));
        return false;
    }
    return true;
}

void a64_translate(UnitContext *unit)
{
    const ARMConfig *cfg = unit->cpu->model;
    A64Ctx c = {
        .unit = unit,
        .b = unit->b,
        .cfg = cfg,
        .ext = row_extensions(unit->cpu),
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
        if (G_UNLIKELY((c.mode & (ARM_MODE_SS | ARM_MODE_BREAK | ARM_MODE_IL)) || (c.off & 3)) &&
            !begin_rare(&c)) {
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

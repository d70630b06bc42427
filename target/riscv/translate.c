/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V frontend: walks a unit's instructions, decodes each with the generated decoder and calls
 * the function below its row. A unit is an extended basic block: conditional branches are side
 * exits, jumps and whatever changes how the next instruction is fetched end it.
 *
 * Invariants: a translation depends on the unit's bytes, its mode bits and the configuration only.
 * x0 has no cell. The unit ends exactly once (c->ended, or the loop below).
 *
 * Runs on any vCPU's thread, no shared state. Test: tests/unit/test-riscv-insn.c,
 * tests/fuzz/suite.py.
 */
#include "target/riscv/insn.h"

#include <string.h>

uint64_t riscv_row_extensions(const RISCVConfig *cfg)
{
    uint64_t e = cfg->xlen == 64 ? RISCV_EXT(RV64) : RISCV_EXT(RV32);
#define HAS(name) e |= riscv_has(cfg, RISCV_EXT_##name) ? RISCV_EXT(name) : 0;
    RISCV_ROW_EXTENSIONS(HAS)
#undef HAS
    if (riscv_has(cfg, RISCV_EXT_M)) {
        e |= RISCV_EXT(ZMMUL);
    }
    if (riscv_has(cfg, RISCV_EXT_A)) {
        e |= RISCV_EXT(ZAAMO) | RISCV_EXT(ZALRSC);
    }
    if (riscv_has(cfg, RISCV_EXT_C)) {
        e |= RISCV_EXT(ZCA);
        e |= riscv_has(cfg, RISCV_EXT_F) && cfg->xlen == 32 ? RISCV_EXT(ZCF) : 0;
        e |= riscv_has(cfg, RISCV_EXT_D) ? RISCV_EXT(ZCD) : 0;
    }
    if (e & RISCV_EXT(ZFH)) {
        e |= RISCV_EXT(ZFHMIN);
    }
    return e;
}

void riscv_gen_illegal(RISCVCtx *c)
{
    tcg_gen_call1(c->b, &riscv_helper_illegal, tcg_i32(c->b, (int32_t)c->word));
    c->ended = true;
}

void riscv_gen_end(RISCVCtx *c, RISCVCsrEnd how)
{
    TCGv next = tcg_gen_pcrel(c->b, riscv_next(c));
    if (how == RISCV_CSR_END_MAIN) {
        tcg_gen_exit_main(c->b, next);
    } else {
        tcg_gen_exit_lookup(c->b, next);
    }
    c->ended = true;
}

void riscv_gen_exit_poll(RISCVCtx *c, TCGv pc)
{
    TCGLabel poll = tcg_new_label(c->b);
    tcg_gen_br_if(c->b,
                  tcg_gen_ldenv(c->b, TCG_I32, TCG_MO_32,
                                offsetof(RISCVEnv, cpu) + offsetof(CPUEnv, exit_request)),
                  poll);
    tcg_gen_exit_lookup(c->b, pc);
    tcg_gen_label(c->b, poll);
    tcg_gen_exit_main(c->b, pc);
    c->ended = true;
}

/* Is an instruction at this page offset misaligned? IALIGN is 16 with C, else 32. */
static bool misaligned_target(const RISCVCtx *c, int64_t rel)
{
    return !(c->ext & RISCV_EXT(ZCA)) && (rel & 2);
}

static void gen_raise_misaligned(RISCVCtx *c, TCGv pc)
{
    tcg_gen_call2(c->b, &riscv_helper_raise, tcg_i64(c->b, RISCV_EXC_INSN_MISALIGNED), pc);
}

void riscv_gen_jump(RISCVCtx *c, unsigned rd, int64_t imm)
{
    int64_t to = c->off + imm;
    if (misaligned_target(c, to)) {
        gen_raise_misaligned(c, tcg_gen_pcrel(c->b, to));
    } else {
        riscv_set_x(c, rd, riscv_pc(c, riscv_next(c)));
        tcg_gen_exit_direct(c->b, to);
    }
    c->ended = true;
}

void riscv_gen_check_target(RISCVCtx *c, TCGv to)
{
    if (c->ext & RISCV_EXT(ZCA)) {
        return;
    }
    TCGLabel ok = tcg_new_label(c->b);
    tcg_gen_br_if(c->b, tcg_gen_setcondi(c->b, TCG_I32, TCG_COND_TSTEQ, to, 2), ok);
    gen_raise_misaligned(c, c->xlen == 64 ? to : tcg_gen_extu(c->b, to));
    tcg_gen_label(c->b, ok);
}

void riscv_gen_jump_indirect(RISCVCtx *c, TCGv to)
{
    tcg_gen_exit_lookup(c->b, c->xlen == 64 ? to : tcg_gen_extu(c->b, to));
    c->ended = true;
}

void riscv_gen_branch(RISCVCtx *c, TCGCond cond, const RISCVInsn *a)
{
    int64_t to = (int64_t)c->off + a->imm, known;
    TCGv taken = tcg_gen_setcond(c->b, TCG_I32, cond, riscv_x(c, a->rs1), riscv_x(c, a->rs2));
    if (tcg_is_const(c->b, taken, &known)) {
        if (known) {
            riscv_gen_jump(c, 0, a->imm);
        }
    } else if (misaligned_target(c, to)) {
        TCGLabel not_taken = tcg_new_label(c->b);
        cond = tcg_cond_invert(cond);
        tcg_gen_br_if(c->b,
                      tcg_gen_setcond(c->b, TCG_I32, cond, riscv_x(c, a->rs1), riscv_x(c, a->rs2)),
                      not_taken);
        gen_raise_misaligned(c, tcg_gen_pcrel(c->b, to));
        tcg_gen_label(c->b, not_taken);
    } else {
        tcg_gen_exit_if(c->b, taken, to, to == tcg_unit_of(c->b)->start);
    }
}

void riscv_gen_load(RISCVCtx *c, const RISCVInsn *a, TCGMemOp m)
{
    riscv_set_x(c, a->rd, tcg_gen_ld(c->b, c->xt, m, riscv_x64(c, a->rs1), a->imm));
}

void riscv_gen_store(RISCVCtx *c, const RISCVInsn *a, TCGMemOp m)
{
    tcg_gen_st(c->b, m, riscv_x64(c, a->rs1), a->imm, riscv_x(c, a->rs2));
}

void riscv_gen_atomic_watch(RISCVCtx *c, TCGMemOp m, TCGv addr)
{
    if (c->mode & RISCV_MODE_WATCH) {
        tcg_gen_probe(c->b, m, addr, true);
        tcg_gen_probe(c->b, m, addr, false);
    }
}

TCGMemOp riscv_order(const RISCVInsn *a)
{
    return a->aq && a->rl ? TCG_MO_SC : a->aq || a->rl ? TCG_MO_ACQREL : TCG_MO_PLAIN;
}

void riscv_translate(UnitContext *unit)
{
    const RISCVConfig *cfg = unit->cpu->model;
    uint64_t *rows = &unit->cpu->insn_rows[0];
    if (!*rows) {
        *rows = riscv_row_extensions(cfg);
    }
    RISCVCtx c = {
        .unit = unit,
        .b = unit->b,
        .cfg = cfg,
        .ext = *rows,
        .xlen = cfg->xlen,
        .xt = cfg->xlen == 64 ? TCG_I64 : TCG_I32,
        .mode = unit->mode,
    };
    for (unsigned n = 0; !c.ended; n++) {
        uint16_t low;
        c.off = unit->offset;
        if (n >= unit->max_insns || c.off >= TLB_PAGE_SIZE) {
            break;
        }
        if (!unit_fetch(unit, c.off, &low, sizeof(low))) {
            if (n == 0) {
                return;
            }
            break;
        }
        c.word = low;
        c.len = (low & 3) == 3 ? 4 : 2;
        if (c.len == 4) {
            bool straddles = c.off + 4 > TLB_PAGE_SIZE;
            if (straddles && n > 0) {
                /* Its unit depends on the next page's mapping, which a linked jump within this
                 * page would not check; the look-up does. */
                tcg_gen_exit_lookup(c.b, tcg_gen_pcrel(c.b, c.off));
                return;
            }
            if (!unit_fetch(unit, c.off, &c.word, sizeof(c.word))) {
                return;
            }
        }
        tcg_gen_insn_start(c.b, c.off);
        unit->offset += c.len;
        if (c.mode & RISCV_MODE_ICOUNT) {
            tcg_gen_call0(c.b, &riscv_helper_icount);
        }
        RISCVInsn a = {0};
        RISCVInsnId id =
            c.len == 4 ? riscv_decode32(c.word, c.ext, &a) : riscv_decode16(c.word, c.ext, &a);
        if (id == RISCV_INSN_NONE) {
            riscv_gen_illegal(&c);
        } else {
            riscv_trans[id](&c, &a);
        }
    }
    if (!c.ended) {
        tcg_gen_exit_direct(c.b, unit->offset);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A32 branches, status registers, exceptions, hints, barriers, coprocessors 14 and 15, with what
 * T32 shares of them (DDI 0487, F4.1.3, F4.1.10 and on).
 *
 * Test: tests/unit/test-a32-insn.c.
 */
#include "target/arm/a32.h"
#include "target/arm/a32-helper.h"

/* ---- branches ---- */

/* imm: bytes from the PC as an operand */
void a32_gen_b(A32Ctx *c, int32_t imm)
{
    TCGBuilder *b = c->c.b;
    int64_t to = a32_pc_off(c) + imm;
    if (c->cond >= 14) {
        a32_gen_jump(c, to);
        return;
    }
    TCGv holds = a64_gen_cond(&c->c, c->cond);
    if (c->it_entry) {
        TCGLabel skip = tcg_new_label(b);
        tcg_gen_br_if(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, holds, 0), skip);
        a32_gen_jump(c, to);
        tcg_gen_label(b, skip);
        c->it_cell = -1;
        c->c.ended = false;
        return;
    }
    if (c->it) {
        tcg_gen_setcell(b, ARM_CELL_IT, a32_imm(c, 0));
        c->it_cell = 0;
    }
    tcg_gen_exit_if(b, holds, to, to == tcg_unit_of(b)->start);
}

INSN(b, "cond:4 1010 simm[23:0]", BASE, "", "cond!=15")
void a32_trans_b(A32Ctx *c, const A32Insn *a)
{
    a32_gen_b(c, a->imm * (c->thumb ? 1 : 4));
}

static void link_to(A32Ctx *c, int64_t rel)
{
    TCGv lr = tcg_gen_trunc(c->c.b, tcg_gen_pcrel(c->c.b, rel));
    a32_set_r(c, 14, c->thumb ? tcg_gen_ori(c->c.b, lr, 1) : lr);
}

INSN(bl, "cond:4 1011 simm[23:0]", BASE, "", "cond!=15")
void a32_trans_bl(A32Ctx *c, const A32Insn *a)
{
    link_to(c, c->c.off + c->len);
    a32_gen_jump(c, a32_pc_off(c) + a->imm * (c->thumb ? 1 : 4));
}

/* To the other instruction set; from T32 the target is aligned. */
INSN(blx__imm, "1111 101 simm[0] simm[24:1]", V5TE)
void a32_trans_blx_imm(A32Ctx *c, const A32Insn *a)
{
    int64_t to = c->thumb ? (a32_pc_off(c) & ~INT64_C(3)) + a->imm : a32_pc_off(c) + a->imm * 2;
    link_to(c, c->c.off + c->len);
    a32_gen_exchange(c, tcg_gen_pcrel(c->c.b, to), !c->thumb);
}

INSN(bx, "cond:4 00010010 .... .... .... 0001 rm:4", V5TE, "", "cond!=15")
INSN(bxj, "cond:4 00010010 .... .... .... 0010 rm:4", V6, "", "cond!=15")
void a32_trans_bx(A32Ctx *c, const A32Insn *a)
{
    a32_gen_bx(c, a32_r(c, a->rm));
}

INSN(blx, "cond:4 00010010 .... .... .... 0011 rm:4", V5TE, "", "cond!=15")
void a32_trans_blx(A32Ctx *c, const A32Insn *a)
{
    TCGv to = a32_r(c, a->rm);
    link_to(c, c->c.off + c->len);
    a32_gen_bx(c, to);
}

/* ---- status registers ---- */

/* Behind a helper that may have changed mode and pending interrupts. */
static void end_poll(A32Ctx *c)
{
    a64_forget_flags(&c->c);
    a32_gen_leave_helper(c);
    a32_gen_exit_poll(c, tcg_gen_pcrel(c->c.b, c->c.off + c->len));
}

INSN(mrs, "cond:4 00010 R:1 00 .... rd:4 .. 0 . 0000 ....", BASE, "", "cond!=15 rd!=15")
void a32_trans_mrs(A32Ctx *c, const A32Insn *a)
{
    a32_set_r(c, a->rd, tcg_gen_call1(c->c.b, &arm_helper_a32_mrs, a32_imm(c, a->R)));
}

/* Flags alone are written in place. */
static void msr(A32Ctx *c, const A32Insn *a, TCGv v)
{
    TCGBuilder *b = c->c.b;
    if (!a->R && a->mask == 8) {
        a64_set_nzcv(&c->c, tcg_gen_shri(b, v, 28));
        tcg_gen_stenv(b, TCG_MO_32, tcg_gen_extract(b, v, 27, 1), offsetof(ARMEnv, q));
        return;
    }
    TCGv args[] = {a32_imm(c, a->R), a32_imm(c, a->mask), v};
    tcg_gen_call(b, &arm_helper_a32_msr, 3, args);
    end_poll(c);
}

INSN(msr, "cond:4 00010 R:1 10 mask:4 .... .. 0 . 0000 rm:4", BASE, "", "cond!=15")
void a32_trans_msr(A32Ctx *c, const A32Insn *a)
{
    msr(c, a, a32_r(c, a->rm));
}

INSN(msr__imm, "cond:4 00110 R:1 10 mask:4 .... aimm:12", BASE, "", "cond!=15 R==1|mask!=0")
void a32_trans_msr_imm(A32Ctx *c, const A32Insn *a)
{
    msr(c, a, a32_imm(c, a->imm));
}

/* Registers of other modes: list is SYSm. */
INSN(mrs__bank, "cond:4 00010 R:1 00 list[3:0] rd:4 .. 1 list[4] 0000 ....", EL2, "",
     "cond!=15 rd!=15")
void a32_trans_mrs_bank(A32Ctx *c, const A32Insn *a)
{
    TCGv v = tcg_gen_call1(c->c.b, &arm_helper_a32_mrs_bank, a32_imm(c, a->R << 5 | a->list));
    a32_set_r(c, a->rd, v);
}

INSN(msr__bank, "cond:4 00010 R:1 10 list[3:0] .... .. 1 list[4] 0000 rm:4", EL2, "", "cond!=15")
void a32_trans_msr_bank(A32Ctx *c, const A32Insn *a)
{
    tcg_gen_call2(c->c.b, &arm_helper_a32_msr_bank, a32_imm(c, a->R << 5 | a->list),
                  a32_r(c, a->rm));
}

/* op: imod; P: mode is changed; list: A, I, F; imm: the mode */
INSN(cps, "1111 00010000 op:2 P:1 0 ....... list[2:0] 0 imm:5", V6)
void a32_trans_cps(A32Ctx *c, const A32Insn *a)
{
    if (!(c->c.mode & ARM_MODE_EL)) {
        return; /* no effect in user mode */
    }
    tcg_gen_call1(c->c.b, &arm_helper_a32_cps,
                  a32_imm(c, a->op << 9 | a->P << 8 | a->list << 5 | a->imm));
    end_poll(c);
}

INSN(setend, "1111 00010000 ... 1 ...... P:1 . 0000 ....", V6)
void a32_trans_setend(A32Ctx *c, const A32Insn *a)
{
    tcg_gen_call1(c->c.b, &arm_helper_a32_setend, a32_imm(c, a->P));
    end_poll(c);
}

/* ---- exceptions ---- */

/* Continue where a call's helper says. */
static void leave_it(A32Ctx *c)
{
    if (c->thumb) {
        tcg_gen_setcell(c->c.b, ARM_CELL_IT, a32_imm(c, c->it_next));
        c->it_cell = -1;
    }
}

static void call_exit(A32Ctx *c, const TCGHelper *h, uint32_t imm)
{
    TCGBuilder *b = c->c.b;
    leave_it(c);
    TCGv pc = tcg_gen_call2(b, h, a32_imm(c, (int32_t)imm), tcg_gen_pcrel(b, c->c.off + c->len));
    a64_forget_flags(&c->c);
    a32_gen_exit_poll(c, pc);
}

static bool can_semihost(const A32Ctx *c)
{
    return arm_semihosting(c->c.unit->cpu, c->c.mode & ARM_MODE_EL);
}

static void semihost(A32Ctx *c)
{
    leave_it(c);
    TCGv next = tcg_gen_pcrel(c->c.b, c->c.off + c->len);
    TCGv pc = tcg_gen_call1(c->c.b, &arm_helper_semihost, next);
    a64_forget_flags(&c->c);
    a32_gen_exit_poll(c, pc);
}

INSN(svc, "cond:4 1111 imm:24", BASE, "", "cond!=15")
void a32_trans_svc(A32Ctx *c, const A32Insn *a)
{
    if (a->imm == (c->thumb ? 0xab : 0x123456) && can_semihost(c)) {
        semihost(c);
        return;
    }
    call_exit(c, &arm_helper_svc, a->imm & 0xffff);
}

/* HVC and SMC also call firmware that the emulator is, without EL2 or EL3; the helpers know. */
INSN(hvc, "cond:4 00010100 imm[15:4] 0111 imm[3:0]", V7, "", "cond!=15")
void a32_trans_hvc(A32Ctx *c, const A32Insn *a)
{
    call_exit(c, &arm_helper_hvc, a->imm);
}

INSN(smc, "cond:4 00010110 ............ 0111 imm:4", V6K, "", "cond!=15")
void a32_trans_smc(A32Ctx *c, const A32Insn *a)
{
    call_exit(c, &arm_helper_smc, a->imm);
}

INSN(bkpt, "1110 00010010 imm[15:4] 0111 imm[3:0]", V5TE)
void a32_trans_bkpt(A32Ctx *c, const A32Insn *a)
{
    tcg_gen_call1(c->c.b, &arm_helper_brk, a32_imm(c, (int32_t)ARM_SYN(EC_BKPT32, a->imm)));
    c->c.ended = true;
}

/* HLT without a debugger is undefined, but for semihosting, which uses it on older parts as well.
 */
INSN(hlt, "1110 00010000 imm[15:4] 0111 imm[3:0]", BASE)
void a32_trans_hlt(A32Ctx *c, const A32Insn *a)
{
    if (a->imm == (c->thumb ? 0x3c : 0xf000) && can_semihost(c)) {
        semihost(c);
        return;
    }
    a32_gen_undefined(c);
}

INSN(udf, "1110 01111111 ............ 1111 ....", BASE)
void a32_trans_udf(A32Ctx *c, const A32Insn *a)
{
    a32_gen_undefined(c);
}

INSN(eret, "cond:4 00010110 .... .... .... 0110 1110", EL2, "", "cond!=15")
void a32_trans_eret(A32Ctx *c, const A32Insn *a)
{
    if (!(c->c.mode & ARM_MODE_EL)) {
        a32_gen_undefined(c);
        return;
    }
    TCGv pc = tcg_gen_call0(c->c.b, &arm_helper_a32_eret);
    a64_forget_flags(&c->c);
    a32_gen_exit_poll(c, pc);
}

/* SRS: LR and SPSR to the stack of mode imm. */
INSN(srs, "1111 100 P:1 U:1 1 W:1 0 .... .... .... ... imm:5", V6)
void a32_trans_srs(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    if (!(c->c.mode & ARM_MODE_EL)) {
        a32_gen_undefined(c);
        return;
    }
    TCGv sp = tcg_gen_call1(b, &arm_helper_a32_srs_sp, a32_imm(c, a->imm));
    TCGv spsr = tcg_gen_call1(b, &arm_helper_a32_mrs, a32_imm(c, 1));
    TCGMemOp m = (a64_memop(&c->c, TCG_MO_32) & ~TCG_MO_ALIGN_MASK) | TCG_MO_ALIGNED(TCG_MO_32);
    int32_t disp = a->U ? (a->P ? 4 : 0) : (a->P ? -8 : -4);
    tcg_gen_st(b, m, a32_addr(c, sp, disp), 0, a32_r(c, 14));
    tcg_gen_st(b, m, a32_addr(c, sp, disp + 4), 0, spsr);
    if (a->W) {
        tcg_gen_call2(b, &arm_helper_a32_srs_wb, a32_imm(c, a->imm),
                      tcg_gen_addi(b, sp, a->U ? 8 : -8));
    }
}

INSN(rfe, "1111 100 P:1 U:1 0 W:1 1 rn:4 .... .... ........", V6)
void a32_trans_rfe(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    if (!(c->c.mode & ARM_MODE_EL) || a->rn == 15) {
        a32_gen_undefined(c);
        return;
    }
    TCGv n = a32_r(c, a->rn);
    TCGMemOp m = (a64_memop(&c->c, TCG_MO_32) & ~TCG_MO_ALIGN_MASK) | TCG_MO_ALIGNED(TCG_MO_32);
    int32_t disp = a->U ? (a->P ? 4 : 0) : (a->P ? -8 : -4);
    TCGv pc = tcg_gen_ld(b, TCG_I32, m, a32_addr(c, n, disp), 0);
    TCGv cpsr = tcg_gen_ld(b, TCG_I32, m, a32_addr(c, n, disp + 4), 0);
    if (a->W) {
        a32_set_r(c, a->rn, tcg_gen_addi(b, n, a->U ? 8 : -8));
    }
    TCGv to = tcg_gen_call2(b, &arm_helper_a32_rfe, pc, cpsr);
    a64_forget_flags(&c->c);
    a32_gen_exit_poll(c, to);
}

/* ---- hints and barriers ---- */

INSN(hint, "cond:4 00110010 0000 .... .... imm:8", V6, "", "cond!=15")
void a32_trans_hint(A32Ctx *c, const A32Insn *a)
{
    switch (a->imm) {
    case 1: /* YIELD */
        tcg_gen_call0(c->c.b, &arm_helper_yield);
        a32_gen_end(c, true);
        break;
    case 2:
        tcg_gen_call0(c->c.b, &arm_helper_wfe);
        a32_gen_end(c, true);
        break;
    case 3:
        tcg_gen_call0(c->c.b, &arm_helper_wfi);
        a32_gen_end(c, true);
        break;
    default:
        break;
    }
}

INSN(clrex, "1111 01010111 .... .... .... 0001 ....", V6K)
void a32_trans_clrex(A32Ctx *c, const A32Insn *a)
{
    tcg_gen_setcell(c->c.b, ARM_CELL_EXCL_ADDR, tcg_i64(c->c.b, (int64_t)ARM_EXCL_NONE));
}

INSN(dmb, "1111 01010111 .... .... .... 0101 imm:4", V7)
void a32_trans_dmb(A32Ctx *c, const A32Insn *a)
{
    unsigned kind = a->imm & 3;
    tcg_gen_fence(c->c.b, kind == 1   ? TCG_FENCE_RR | TCG_FENCE_RW
                          : kind == 2 ? TCG_FENCE_WW
                                      : TCG_FENCE_RR | TCG_FENCE_RW | TCG_FENCE_WR | TCG_FENCE_WW);
}

/* A DSB also waits for the TLB maintenance that this CPU has broadcast. */
INSN(dsb, "1111 01010111 .... .... .... 0100 imm:4", V7)
void a32_trans_dsb(A32Ctx *c, const A32Insn *a)
{
    a32_trans_dmb(c, a);
    tcg_gen_call0(c->c.b, &arm_helper_dsb_wait);
}

INSN(isb, "1111 01010111 .... .... .... 0110 ....", V7)
void a32_trans_isb(A32Ctx *c, const A32Insn *a)
{
    tcg_gen_call0(c->c.b, &arm_helper_isb);
    a32_gen_end(c, false);
}

INSN(sb, "1111 01010111 .... .... .... 0111 ....", V8)
void a32_trans_sb(A32Ctx *c, const A32Insn *a)
{
}

/* ---- coprocessors 14 and 15 ---- */

/* rd 15: to the flags, which only CP14's DBGDSCR needs */
INSN(mrc, "cond:4 1110 ... 1 .... rd:4 1 1 1 . ... 1 ....", BASE, "", "cond!=15")
void a32_trans_mrc(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv v = tcg_gen_call1(b, &arm_helper_a32_mrc, a32_imm(c, (int32_t)c->c.word));
    a64_forget_flags(&c->c);
    v = tcg_gen_trunc(b, v);
    if (a->rd == 15) {
        a64_set_nzcv(&c->c, tcg_gen_shri(b, v, 28));
    } else {
        a32_set_r(c, a->rd, v);
    }
}

INSN(mcr, "cond:4 1110 ... 0 .... rd:4 1 1 1 . ... 1 ....", BASE, "", "cond!=15")
void a32_trans_mcr(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    tcg_gen_call2(b, &arm_helper_a32_mcr, a32_imm(c, (int32_t)c->c.word),
                  tcg_gen_extu(b, a32_r(c, a->rd)));
    end_poll(c);
}

INSN(mrrc, "cond:4 11000101 rt2:4 rd:4 1 1 1 . ........", V5TE, "", "cond!=15 rd!=15 rt2!=15")
void a32_trans_mrrc(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv v = tcg_gen_call1(b, &arm_helper_a32_mrrc, a32_imm(c, (int32_t)c->c.word));
    a64_forget_flags(&c->c);
    a32_set_r(c, a->rd, tcg_gen_trunc(b, v));
    a32_set_r(c, a->rt2, tcg_gen_trunc(b, tcg_gen_shri(b, v, 32)));
}

INSN(mcrr, "cond:4 11000100 rt2:4 rd:4 1 1 1 . ........", V5TE, "", "cond!=15 rd!=15 rt2!=15")
void a32_trans_mcrr(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv v = tcg_gen_deposit(b, tcg_gen_extu(b, a32_r(c, a->rd)), tcg_gen_extu(b, a32_r(c, a->rt2)),
                             32, 32);
    tcg_gen_call2(b, &arm_helper_a32_mcrr, a32_imm(c, (int32_t)c->c.word), v);
    end_poll(c);
}

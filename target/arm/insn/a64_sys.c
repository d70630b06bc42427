/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 system instructions: exception generation and return, hints, barriers, system registers,
 * cache and TLB maintenance (DDI 0487, C4.1.93, C5).
 *
 * Registers that are nothing but storage, whose access nothing can trap at this exception level,
 * are read and written in place; all others go through sysreg.c.
 *
 * Test: tests/unit/test-arm-sys.c
 */
#include "target/arm/a64.h"
#include "target/arm/internals.h"

/* Is el allowed the access by the row alone? */
static bool row_allows(const A64Ctx *c, const ARMSysreg *r, bool write)
{
    return arm_sysreg_exists(c->cfg, r) && (r->access >> (2 * (c->mode & ARM_MODE_EL) + write) & 1);
}

/*
 * The row if the access is a plain load or store of a field. Not with E2H at EL2, where names mean
 * other registers.
 */
static const ARMSysreg *plain_row(const A64Ctx *c, uint32_t enc, bool write)
{
    const ARMSysreg *r = arm_sysreg_find(enc);

    if (!r || !row_allows(c, r, write) || (enc >> 14 == 3 && (enc >> 11 & 7) == 5)) {
        return NULL;
    }
    if ((c->mode & ARM_MODE_EL) >= 2 && (c->mode & ARM_MODE_E2H)) {
        return NULL;
    }
    if (enc == ARM_SYSREG(3, 0, 4, 1, 0)) { /* SP_EL0 */
        return c->mode & ARM_MODE_SP ? r : NULL;
    }
    if (r->trap || r->read || r->write || (r->flags & (ARM_SR_WHERE | ARM_SR_RAZ | ARM_SR_END))) {
        return NULL;
    }
    return r;
}

/* Behind a write that may have changed the mode, the translation or what is pending. Most change
 * nothing of it: then the next unit is always the same one. */
static void gen_after_write(A64Ctx *c, TCGv ctx_before)
{
    TCGBuilder *b = c->b;
    TCGv ctx = tcg_gen_ldenv(b, TCG_I64, TCG_MO_64, offsetof(CPUEnv, ctx));
    TCGv same = tcg_gen_setcond(b, TCG_I32, TCG_COND_EQ, ctx, ctx_before);
    TCGv request = tcg_gen_ldenv(b, TCG_I32, TCG_MO_32, offsetof(CPUEnv, exit_request));
    TCGv idle = tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, request, 0);
    tcg_gen_exit_if(b, tcg_gen_and(b, same, idle), c->off + 4, true);
    a64_gen_exit_poll(c, tcg_gen_pcrel(b, c->off + 4));
}

static TCGv gen_ctx(A64Ctx *c)
{
    return tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, offsetof(CPUEnv, ctx));
}

/* What the flags were set by is forgotten wherever a helper may write them. */
INSN(mrs, "11010101001 1 ............... rd:5", BASE)
void a64_trans_mrs(A64Ctx *c, const A64Insn *a)
{
    uint32_t enc = (c->word >> 5 & 0x7fff) | 0x8000;
    const ARMSysreg *r = plain_row(c, enc, false);
    TCGv insn = tcg_i32(c->b, (int32_t)c->word), v;

    if (r) {
        a64_set_x(c, a->rd, tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, r->offset));
        return;
    }
    if (enc == ARM_SYSREG(3, 0, 4, 2, 2) && (c->mode & ARM_MODE_EL)) { /* CurrentEL */
        a64_set_x(c, a->rd, tcg_i64(c->b, (c->mode & ARM_MODE_EL) << 2));
        return;
    }
    if (enc == ARM_SYSREG(3, 3, 4, 2, 0)) { /* NZCV */
        a64_set_x(c, a->rd, tcg_gen_shli(c->b, tcg_gen_extu(c->b, a64_get_nzcv(c)), 28));
        return;
    }
    if (enc == ARM_SYSREG(3, 3, 4, 2, 1) && (c->mode & ARM_MODE_EL)) { /* DAIF */
        v = tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_32, offsetof(ARMEnv, sys.pstate));
        a64_set_x(c, a->rd, tcg_gen_andi(c->b, v, PSTATE_DAIF));
        return;
    }
    if (enc == ARM_SYSREG(3, 3, 14, 0, 2) && (c->mode & ARM_MODE_EL) == 1) { /* CNTVCT */
        a64_set_x(c, a->rd, tcg_gen_call0(c->b, &arm_helper_cntvct));
        return;
    }
    r = arm_sysreg_find(enc);
    v = tcg_gen_call1(c->b, r && r->flags & ARM_SR_FP ? &arm_helper_mrs_fp : &arm_helper_mrs, insn);
    a64_set_x(c, a->rd, v);
    a64_forget_flags(c);
}

INSN(msr, "11010101000 1 ............... rd:5", BASE)
void a64_trans_msr(A64Ctx *c, const A64Insn *a)
{
    uint32_t enc = (c->word >> 5 & 0x7fff) | 0x8000;
    const ARMSysreg *r = plain_row(c, enc, true);
    TCGv insn = tcg_i32(c->b, (int32_t)c->word), val = a64_x(c, a->rd);

    if (r) {
        if (r->mask != UINT64_MAX) {
            val = tcg_gen_andi(c->b, val, (int64_t)r->mask);
        }
        tcg_gen_stenv(c->b, TCG_MO_64, val, r->offset);
        return;
    }
    if (enc == ARM_SYSREG(3, 3, 4, 2, 0)) { /* NZCV */
        a64_set_nzcv(c, tcg_gen_trunc(c->b, tcg_gen_extract(c->b, val, 28, 4)));
        return;
    }
    TCGv ctx = gen_ctx(c);
    r = arm_sysreg_find(enc);
    bool fp = r && r->flags & ARM_SR_FP;
    tcg_gen_call2(c->b, fp ? &arm_helper_msr_fp : &arm_helper_msr, insn, val);
    a64_forget_flags(c);
    /* With E2H a name may mean another register: then the unit always ends. */
    if (!r || (r->flags & ARM_SR_END) || (c->mode & ARM_MODE_E2H)) {
        gen_after_write(c, ctx);
    }
}

/* MSR (immediate): the fields that exist, op1 and op2. */
INSN(msr_imm, "1101010100 0 00 op1:3 0100 .... op2:3 11111", BASE, "",
     "op1!=0|op2==3|op2==4|op2==5")
void a64_trans_msr_imm(A64Ctx *c, const A64Insn *a)
{
    unsigned field = a->op1 << 3 | a->op2, el = c->mode & ARM_MODE_EL;
    TCGBuilder *b = c->b;
    bool ok;

    switch (field) {
    case 3:
        ok = el && arm_has(c->cfg, ARM_FEAT_UAO);
        break;
    case 4:
        ok = el && arm_has(c->cfg, ARM_FEAT_PAN);
        break;
    case 5:
        ok = el;
        break;
    case 0x19:
        ok = arm_has(c->cfg, ARM_FEAT_SSBS);
        break;
    case 0x1a:
        ok = arm_has(c->cfg, ARM_FEAT_DIT);
        break;
    case 0x1e:
    case 0x1f:
        ok = true;
        break;
    case 0: /* CFINV, XAFLAG, AXFLAG have rows of their own */
    default:
        ok = false;
    }
    if (!ok) {
        a64_gen_undefined(c);
        return;
    }
    if (field == 0x1e && el && !(c->mode & ARM_MODE_SS)) {
        /* Masking changes nothing for the code behind it. */
        TCGv p = tcg_gen_ldenv(b, TCG_I32, TCG_MO_32, offsetof(ARMEnv, sys.pstate));
        tcg_gen_stenv(b, TCG_MO_32, tcg_gen_ori(b, p, (c->word >> 8 & 15) << 6),
                      offsetof(ARMEnv, sys.pstate));
        return;
    }
    TCGv ctx = gen_ctx(c);
    tcg_gen_call1(b, &arm_helper_msr_imm, tcg_i32(b, (int32_t)c->word));
    a64_forget_flags(c);
    gen_after_write(c, ctx);
}

/* Operations on one address that only have to fault as a read does: there are no caches. */
static bool is_cache_op(uint32_t enc)
{
    switch (enc) {
    case ARM_SYSREG(1, 3, 7, 5, 1):  /* IC IVAU */
    case ARM_SYSREG(1, 3, 7, 10, 1): /* DC CVAC */
    case ARM_SYSREG(1, 3, 7, 11, 1): /* DC CVAU */
    case ARM_SYSREG(1, 3, 7, 14, 1): /* DC CIVAC */
        return true;
    default:
        return false;
    }
}

INSN(sys, "1101010100 0 01 .............. rd:5", BASE)
void a64_trans_sys(A64Ctx *c, const A64Insn *a)
{
    uint32_t enc = (c->word >> 5 & 0x3fff) | 1 << 14;
    TCGv addr = a64_x(c, a->rd);

    if (!is_cache_op(enc) || (c->mode & ARM_MODE_EL) != 1 || arm_has(c->cfg, ARM_FEAT_EL2)) {
        tcg_gen_call2(c->b, &arm_helper_sys, tcg_i32(c->b, (int32_t)c->word), addr);
    }
    if (is_cache_op(enc)) {
        /* For the abort's syndrome. */
        tcg_gen_stenv(c->b, TCG_MO_8, tcg_i32(c->b, 1), offsetof(ARMEnv, sys.cache_op));
        tcg_gen_probe(c->b, TCG_MO_8, addr, false);
        tcg_gen_stenv(c->b, TCG_MO_8, tcg_i32(c->b, 0), offsetof(ARMEnv, sys.cache_op));
    } else if ((enc >> 7 & 15) == 8) {
        a64_gen_end(c, false);
    }
}

/* No SYSL exists. */
INSN(sysl, "1101010100 1 01 .............. rd:5", BASE)
void a64_trans_sysl(A64Ctx *c, const A64Insn *a)
{
    a64_gen_undefined(c);
}

/* ---- exceptions ---- */

/* Continue at the address that a call's helper returns. */
static void gen_call_exit(A64Ctx *c, const TCGHelper *h, uint32_t imm)
{
    TCGv next = tcg_gen_pcrel(c->b, c->off + 4);
    TCGv pc = tcg_gen_call2(c->b, h, tcg_i32(c->b, imm), next);
    a64_forget_flags(c);
    a64_gen_exit_poll(c, pc);
}

INSN(svc, "11010100 000 uimm:16 000 01", BASE)
void a64_trans_svc(A64Ctx *c, const A64Insn *a)
{
    gen_call_exit(c, &arm_helper_svc, a->imm & 0xffff);
}

INSN(hvc, "11010100 000 uimm:16 000 10", BASE)
void a64_trans_hvc(A64Ctx *c, const A64Insn *a)
{
    gen_call_exit(c, &arm_helper_hvc, a->imm & 0xffff);
}

INSN(smc, "11010100 000 uimm:16 000 11", BASE)
void a64_trans_smc(A64Ctx *c, const A64Insn *a)
{
    gen_call_exit(c, &arm_helper_smc, a->imm & 0xffff);
}

INSN(brk, "11010100 001 uimm:16 000 00", BASE)
void a64_trans_brk(A64Ctx *c, const A64Insn *a)
{
    tcg_gen_call1(c->b, &arm_helper_brk,
                  tcg_i32(c->b, (int32_t)ARM_SYN(EC_BRK64, a->imm & 0xffff)));
    c->ended = true;
}

/* HLT halts for a debugger; without one it is UNDEFINED. 0xF000 is semihosting. */
INSN(hlt, "11010100 010 uimm:16 000 00", BASE)
void a64_trans_hlt(A64Ctx *c, const A64Insn *a)
{
    if ((a->imm & 0xffff) != 0xf000 || !arm_semihosting(c->unit->cpu, c->mode & ARM_MODE_EL)) {
        a64_gen_undefined(c);
        return;
    }
    TCGv pc = tcg_gen_call1(c->b, &arm_helper_semihost, tcg_gen_pcrel(c->b, c->off + 4));
    a64_forget_flags(c);
    a64_gen_exit_poll(c, pc);
}

INSN(eret, "1101011 0100 11111 000000 11111 00000", BASE)
void a64_trans_eret(A64Ctx *c, const A64Insn *a)
{
    unsigned el = c->mode & ARM_MODE_EL;
    if (!el) {
        a64_gen_undefined(c);
        return;
    }
    TCGv to = tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, offsetof(ARMEnv, sys.elr_el[el]));
    TCGv pc = tcg_gen_call1(c->b, &arm_helper_eret, to);
    a64_forget_flags(c);
    a64_gen_exit_poll(c, pc);
}

/* ---- hints ---- */

/* PACIA1716 and the like (hints 8 to 14), and those of X30 with zero or SP (24 to 31). */
static void hint_pauth(A64Ctx *c, unsigned hint)
{
    bool x17 = hint < 24;
    unsigned reg = x17 ? 17 : 30, key = hint >> 1 & 1;
    TCGv modifier = x17 ? a64_x(c, 16) : hint & 1 ? a64_x_sp(c, 31) : tcg_i64(c->b, 0);
    TCGv ptr = a64_x(c, reg);

    if (hint & 4) {
        a64_set_x(c, reg, a64_gen_aut(c, ptr, modifier, key, false));
    } else {
        a64_set_x(c, reg,
                  tcg_gen_call3(c->b, &arm_helper_pac, ptr, modifier, tcg_i32(c->b, (int32_t)key)));
    }
}

INSN(hint, "1101010100 0 00 011 0010 .... ... 11111", BASE)
void a64_trans_hint(A64Ctx *c, const A64Insn *a)
{
    unsigned hint = c->word >> 5 & 0x7f;

    switch (hint) {
    case 1: /* YIELD */
        tcg_gen_call0(c->b, &arm_helper_yield);
        a64_gen_end(c, true);
        break;
    case 2: /* WFE */
        tcg_gen_call0(c->b, &arm_helper_wfe);
        a64_gen_end(c, true);
        break;
    case 3: /* WFI */
        tcg_gen_call0(c->b, &arm_helper_wfi);
        a64_gen_end(c, true);
        break;
    case 7: /* XPACLRI */
        if (arm_has(c->cfg, ARM_FEAT_PAUTH)) {
            a64_set_x(c, 30, tcg_gen_call2(c->b, &arm_helper_xpac, a64_x(c, 30), tcg_i32(c->b, 0)));
        }
        break;
    case 8:
    case 10:
    case 12:
    case 14:
    case 24 ... 31:
        if (arm_has(c->cfg, ARM_FEAT_PAUTH)) {
            hint_pauth(c, hint);
        }
        break;
    default: /* NOP, SEV, SEVL, ESB, CSDB and what is not there */
        break;
    }
}

/* ---- barriers ---- */

#define FENCE_ALL (TCG_FENCE_RR | TCG_FENCE_RW | TCG_FENCE_WR | TCG_FENCE_WW)

INSN(clrex, "1101010100 0 00 011 0011 .... 010 11111", BASE)
void a64_trans_clrex(A64Ctx *c, const A64Insn *a)
{
    tcg_gen_setcell(c->b, ARM_CELL_EXCL_ADDR, tcg_i64(c->b, (int64_t)ARM_EXCL_NONE));
}

static unsigned fence_of(unsigned crm)
{
    switch (crm & 3) {
    case 1:
        return TCG_FENCE_RR | TCG_FENCE_RW;
    case 2:
        return TCG_FENCE_WW;
    default:
        return FENCE_ALL;
    }
}

INSN(dmb, "1101010100 0 00 011 0011 .... 101 11111", BASE)
void a64_trans_dmb(A64Ctx *c, const A64Insn *a)
{
    tcg_gen_fence(c->b, fence_of(c->word >> 8 & 15));
}

/* A DSB also waits for the TLB maintenance that this CPU has broadcast. */
INSN(dsb, "1101010100 0 00 011 0011 .... 100 11111", BASE)
void a64_trans_dsb(A64Ctx *c, const A64Insn *a)
{
    TCGBuilder *b = c->b;
    TCGLabel done = tcg_new_label(b);
    TCGv busy;

    tcg_gen_fence(b, fence_of(c->word >> 8 & 15));
    busy = tcg_gen_ldenv(b, TCG_I32, TCG_MO_32, offsetof(ARMEnv, board.tlbi_busy));
    tcg_gen_br_if(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, busy, 0), done);
    tcg_gen_call0(b, &arm_helper_dsb_wait);
    tcg_gen_label(b, done);
    a64_forget_flags(c);
}

/* What earlier instructions changed for later ones ended the unit there. */
INSN(isb, "1101010100 0 00 011 0011 .... 110 11111", BASE)
void a64_trans_isb(A64Ctx *c, const A64Insn *a)
{
    tcg_gen_call0(c->b, &arm_helper_isb);
    a64_gen_end(c, false);
}

INSN(sb, "1101010100 0 00 011 0011 0000 111 11111", SB)
void a64_trans_sb(A64Ctx *c, const A64Insn *a)
{
    tcg_gen_fence(c->b, FENCE_ALL);
}

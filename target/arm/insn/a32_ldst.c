/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A32 loads and stores, and what T32 shares of them (DDI 0487, F4.1.2, F4.1.5, F4.1.9): words,
 * bytes, halfwords, doublewords, multiples, exclusives, ordered accesses, swaps, prefetches.
 *
 * Registers are written when all accesses are done, so that a fault leaves them and the base.
 * Before Armv6 an unaligned word is a rotated aligned one, an unaligned halfword an aligned one.
 *
 * Test: tests/unit/test-a32-insn.c.
 */
#include "target/arm/a32.h"
#include "target/arm/a32-helper.h"

static TCGMemOp memop(const A32Ctx *c, unsigned size)
{
    return a64_memop(&c->c, size);
}

static TCGMemOp aligned(const A32Ctx *c, unsigned size, unsigned align, TCGMemOp order)
{
    return (memop(c, size) & ~TCG_MO_ALIGN_MASK) | align << TCG_MO_ALIGN_SHIFT | order;
}

static bool big_endian(const A32Ctx *c)
{
    return c->c.mode & ARM_MODE_BE;
}

/* Base of an access; the PC is aligned. */
static TCGv base(A32Ctx *c, unsigned rn)
{
    if (rn == 15) {
        return tcg_gen_trunc(c->c.b, tcg_gen_pcrel(c->c.b, a32_pc_off(c) & ~INT64_C(3)));
    }
    return a32_r(c, rn);
}

/* What is added to the base: an immediate, or a shifted register. */
static TCGv offset(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    if (a->form == A32_FORM_IMM) {
        return a32_imm(c, a->U ? a->imm : -a->imm);
    }
    TCGv v = a32_shift_imm(c, a32_r(c, a->rm), a->shift, a->amount, NULL);
    return a->U ? v : tcg_gen_neg(b, v);
}

/* Load or store rd by the members P, U, W, L, size, sign, with the offset above. mmu: TCG_MO_MMU
 * bits. */
static void transfer(A32Ctx *c, const A32Insn *a, TCGMemOp extra)
{
    TCGBuilder *b = c->c.b;
    TCGv n = base(c, a->rn), sum = tcg_gen_add(b, n, offset(c, a));
    TCGv addr = a->P ? sum : n, wide;
    bool wb = !a->P || a->W, old = !a32_has(c, ARM_FEAT_V6) && a->size;
    TCGMemOp m = memop(c, a->size) | extra;
    TCGv low = tcg_gen_andi(b, addr, (1 << a->size) - 1);
    if (old && !(c->c.mode & ARM_MODE_ALIGN)) {
        addr = tcg_gen_sub(b, addr, low);
    }
    wide = tcg_gen_extu(b, addr);
    if (!a->L) {
        tcg_gen_st(b, m, wide, 0, a32_r(c, a->rd));
        if (wb) {
            a32_set_r(c, a->rn, sum);
        }
        return;
    }
    TCGv v = tcg_gen_ld(b, TCG_I32, a->sign ? m | TCG_MO_SIGN : m, wide, 0);
    if (old && a->size == 2) {
        v = tcg_gen_rotr(b, v, tcg_gen_shli(b, low, 3));
    }
    if (wb) {
        a32_set_r(c, a->rn, sum);
    }
    if (a->rd == 15) {
        a32_gen_load_pc(c, v);
    } else {
        a32_set_r(c, a->rd, v);
    }
}

/* LDRT and the like: as user mode would, where the mode says so. They are post-indexed, in T32
 * offset without writeback. */
static TCGMemOp user(const A32Ctx *c)
{
    return c->c.mode & ARM_MODE_UNPRIV ? ARM_TLB_UNPRIV << TCG_MO_MMU_SHIFT : 0;
}

void a32_trans_ldst(A32Ctx *c, const A32Insn *a)
{
    if ((!a->P || a->W) && a->rn == 15) {
        a32_gen_undefined(c);
        return;
    }
    transfer(c, a, 0);
}

void a32_trans_ldst_user(A32Ctx *c, const A32Insn *a)
{
    if (a->rn == 15) {
        a32_gen_undefined(c);
        return;
    }
    transfer(c, a, user(c));
}

/* P 0 with W 1 is the unprivileged one. */
INSN(ldst__imm, "cond:4 010 P:1 U:1 0 W:1 L:1 rn:4 rd:4 imm:12", BASE, "", "cond!=15 size=2")
INSN(ldstb__imm, "cond:4 010 P:1 U:1 1 W:1 L:1 rn:4 rd:4 imm:12", BASE, "", "cond!=15")
INSN(ldst__reg, "cond:4 011 P:1 U:1 0 W:1 L:1 rn:4 rd:4 amount:5 shift:2 0 rm:4", BASE, "",
     "cond!=15 size=2 form=1")
INSN(ldstb__reg, "cond:4 011 P:1 U:1 1 W:1 L:1 rn:4 rd:4 amount:5 shift:2 0 rm:4", BASE, "",
     "cond!=15 form=1")
void a32_trans_ldst_word(A32Ctx *c, const A32Insn *a)
{
    A32Insn t = *a;
    if (!a->P && a->W) {
        t.W = 0;
        a32_trans_ldst_user(c, &t);
    } else {
        a32_trans_ldst(c, a);
    }
}

/* Halfwords and signed bytes. */
INSN(ldsth__imm, "cond:4 000 P:1 U:1 1 W:1 L:1 rn:4 rd:4 imm[7:4] 1011 imm[3:0]", BASE, "",
     "cond!=15 size=1")
INSN(ldsth__reg, "cond:4 000 P:1 U:1 0 W:1 L:1 rn:4 rd:4 .... 1011 rm:4", BASE, "",
     "cond!=15 size=1 form=1")
INSN(ldrsb__imm, "cond:4 000 P:1 U:1 1 W:1 1 rn:4 rd:4 imm[7:4] 1101 imm[3:0]", BASE, "",
     "cond!=15 sign=1 L=1")
INSN(ldrsb__reg, "cond:4 000 P:1 U:1 0 W:1 1 rn:4 rd:4 .... 1101 rm:4", BASE, "",
     "cond!=15 sign=1 L=1 form=1")
INSN(ldrsh__imm, "cond:4 000 P:1 U:1 1 W:1 1 rn:4 rd:4 imm[7:4] 1111 imm[3:0]", BASE, "",
     "cond!=15 size=1 sign=1 L=1")
INSN(ldrsh__reg, "cond:4 000 P:1 U:1 0 W:1 1 rn:4 rd:4 .... 1111 rm:4", BASE, "",
     "cond!=15 size=1 sign=1 L=1 form=1")
void a32_trans_ldst_half(A32Ctx *c, const A32Insn *a)
{
    if (!a->P && a->W && !a32_has(c, ARM_FEAT_T2)) {
        a32_gen_undefined(c);
        return;
    }
    a32_trans_ldst_word(c, a);
}

/* ---- doublewords: rd and rt2, in A32 the next one ---- */

void a32_trans_ldrd(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv n = base(c, a->rn), sum = tcg_gen_add(b, n, offset(c, a));
    TCGv addr = tcg_gen_extu(b, a->P ? sum : n);
    TCGMemOp m = aligned(c, TCG_MO_64, TCG_MO_32, 0);
    bool wb = !a->P || a->W;
    if (a->rd == 15 || a->rt2 == 15 || (wb && a->rn == 15)) {
        a32_gen_undefined(c);
        return;
    }
    if (a->L) {
        TCGv v = tcg_gen_ld(b, TCG_I64, m, addr, 0);
        TCGv low = tcg_gen_trunc(b, v), high = tcg_gen_trunc(b, tcg_gen_shri(b, v, 32));
        if (wb) {
            a32_set_r(c, a->rn, sum);
        }
        a32_set_r(c, a->rd, big_endian(c) ? high : low);
        a32_set_r(c, a->rt2, big_endian(c) ? low : high);
    } else {
        TCGv first = tcg_gen_extu(b, a32_r(c, a->rd)), second = tcg_gen_extu(b, a32_r(c, a->rt2));
        tcg_gen_st(b, m, addr, 0,
                   big_endian(c) ? tcg_gen_deposit(b, second, first, 32, 32)
                                 : tcg_gen_deposit(b, first, second, 32, 32));
        if (wb) {
            a32_set_r(c, a->rn, sum);
        }
    }
}

INSN(ldrd__imm, "cond:4 000 P:1 U:1 1 W:1 0 rn:4 rd:4 imm[7:4] 1101 imm[3:0]", V5TE, "",
     "cond!=15 L=1")
INSN(ldrd__reg, "cond:4 000 P:1 U:1 0 W:1 0 rn:4 rd:4 .... 1101 rm:4", V5TE, "",
     "cond!=15 L=1 form=1")
INSN(strd__imm, "cond:4 000 P:1 U:1 1 W:1 0 rn:4 rd:4 imm[7:4] 1111 imm[3:0]", V5TE, "", "cond!=15")
INSN(strd__reg, "cond:4 000 P:1 U:1 0 W:1 0 rn:4 rd:4 .... 1111 rm:4", V5TE, "", "cond!=15 form=1")
void a32_trans_ldrd_a32(A32Ctx *c, const A32Insn *a)
{
    A32Insn t = *a;
    t.rt2 = a->rd + 1;
    if ((a->rd & 1) || (!a->P && a->W)) {
        a32_gen_undefined(c);
        return;
    }
    a32_trans_ldrd(c, &t);
}

/* ---- multiples: P before, U upwards; S: user registers, or return from an exception ---- */

void a32_trans_ldm(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    unsigned n = (unsigned)__builtin_popcount(a->list);
    TCGMemOp m = aligned(c, TCG_MO_32, TCG_MO_32, 0);
    TCGv v[16], start = a32_r(c, a->rn);
    int32_t disp = a->U ? (a->P ? 4 : 0) : (a->P ? 0 : 4) - (int32_t)(4 * n);
    TCGv end = tcg_gen_addi(b, start, a->U ? (int32_t)(4 * n) : -(int32_t)(4 * n));
    bool banked = a->S && !(a->L && a->list >> 15);
    if (n == 0 || a->rn == 15 || (a->S && !(c->c.mode & ARM_MODE_EL))) {
        a32_gen_undefined(c);
        return;
    }
    if (!a32_has(c, ARM_FEAT_V6) && !(c->c.mode & ARM_MODE_ALIGN)) {
        start = tcg_gen_andi(b, start, ~3);
    }
    TCGv first = a32_addr(c, start, disp);
    unsigned i = 0;
    for (unsigned r = 0; r < 16; r++) {
        if (!(a->list >> r & 1)) {
            continue;
        }
        TCGv addr = i ? a32_addr(c, start, disp + 4 * (int32_t)i) : first;
        if (a->L) {
            v[r] = tcg_gen_ld(b, TCG_I32, m, addr, 0);
        } else {
            TCGv val = r == 15  ? a32_pc(c)
                       : banked ? tcg_gen_call1(b, &arm_helper_a32_user_get, a32_imm(c, (int)r))
                                : a32_r(c, r);
            /* The base is stored as it will be if it is not the first. */
            val = r == a->rn && a->W && i ? end : val;
            tcg_gen_st(b, m, addr, 0, val);
        }
        i++;
    }
    if (a->W) {
        a32_set_r(c, a->rn, end);
    }
    if (!a->L) {
        return;
    }
    for (unsigned r = 0; r < 15; r++) {
        if (!(a->list >> r & 1)) {
            continue;
        }
        if (banked) {
            tcg_gen_call2(b, &arm_helper_a32_user_set, a32_imm(c, (int)r), v[r]);
        } else {
            a32_set_r(c, r, v[r]);
        }
    }
    if (a->list >> 15) {
        if (a->S) {
            TCGv pc = tcg_gen_call1(b, &arm_helper_a32_exc_return, v[15]);
            a64_forget_flags(&c->c);
            a32_gen_exit_poll(c, pc);
        } else {
            a32_gen_load_pc(c, v[15]);
        }
    }
}

INSN(ldm, "cond:4 100 P:1 U:1 S:1 W:1 L:1 rn:4 list:16", BASE, "", "cond!=15")
void a32_trans_ldm_a32(A32Ctx *c, const A32Insn *a)
{
    a32_trans_ldm(c, a);
}

/* ---- exclusives: size log2 of bytes; 3 is the pair rd, rt2 ---- */

static void set_exclusive(A32Ctx *c, TCGv addr, TCGv val)
{
    tcg_gen_setcell(c->c.b, ARM_CELL_EXCL_ADDR, addr);
    tcg_gen_setcell(c->c.b, ARM_CELL_EXCL_VAL, val);
}

static unsigned pair_reg(const A32Ctx *c, const A32Insn *a, unsigned r)
{
    return c->thumb ? a->rt2 : r + 1;
}

/* LDREX, LDAEX (R); imm is T32's offset */
void a32_trans_ldrex(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGv addr = a32_addr(c, a32_r(c, a->rn), a->imm);
    TCGMemOp m = aligned(c, a->size, a->size, a->R ? TCG_MO_ACQREL : 0);
    TCGv v = tcg_gen_ld(b, a->size == 3 ? TCG_I64 : TCG_I32, m, addr, 0);
    if (a->size == 3) {
        TCGv low = tcg_gen_trunc(b, v), high = tcg_gen_trunc(b, tcg_gen_shri(b, v, 32));
        set_exclusive(c, addr, v);
        a32_set_r(c, a->rd, big_endian(c) ? high : low);
        a32_set_r(c, pair_reg(c, a, a->rd), big_endian(c) ? low : high);
    } else {
        set_exclusive(c, addr, tcg_gen_extu(b, v));
        a32_set_r(c, a->rd, v);
    }
}

/* STREX: rd := 0 if rm (size 3: and the next) was stored */
void a32_trans_strex(A32Ctx *c, const A32Insn *a)
{
    TCGBuilder *b = c->c.b;
    TCGLabel fail = tcg_new_label(b), done = tcg_new_label(b);
    TCGv addr = a32_addr(c, a32_r(c, a->rn), a->imm);
    TCGv expect = tcg_gen_getcell(b, ARM_CELL_EXCL_VAL), v = a32_r(c, a->rm);
    TCGMemOp m = aligned(c, a->size, a->size, TCG_MO_ACQREL);
    TCGv differs =
        tcg_gen_setcond(b, TCG_I32, TCG_COND_NE, addr, tcg_gen_getcell(b, ARM_CELL_EXCL_ADDR));
    if (a->size == 3) {
        TCGv first = tcg_gen_extu(b, v);
        TCGv second = tcg_gen_extu(b, a32_r(c, pair_reg(c, a, a->rm)));
        v = big_endian(c) ? tcg_gen_deposit(b, second, first, 32, 32)
                          : tcg_gen_deposit(b, first, second, 32, 32);
    } else {
        expect = tcg_gen_trunc(b, expect);
        expect = a->size == 0   ? tcg_gen_ext8u(b, expect)
                 : a->size == 1 ? tcg_gen_ext16u(b, expect)
                                : expect;
    }
    tcg_gen_setcell(b, ARM_CELL_EXCL_ADDR, tcg_i64(b, (int64_t)ARM_EXCL_NONE));
    tcg_gen_br_if(b, differs, fail);
    TCGv old = tcg_gen_cmpxchg(b, a->size == 3 ? TCG_I64 : TCG_I32, m, addr, expect, v);
    a32_set_r(c, a->rd, tcg_gen_setcond(b, TCG_I32, TCG_COND_NE, old, expect));
    tcg_gen_br(b, done);
    tcg_gen_label(b, fail);
    tcg_gen_probe(b, m, addr, true);
    a32_set_r(c, a->rd, a32_imm(c, 1));
    tcg_gen_label(b, done);
    c->it_cell = -1;
}

/* op: 0 word, 1 doubleword, 2 byte, 3 halfword; R of the acquire and release forms; y: exclusive */
static const uint8_t size_of_op[4] = {2, 3, 0, 1};

INSN(ldrex, "cond:4 00011 00 1 rn:4 rd:4 .. 1 R:1 1001 ....", V6, "", "cond!=15 rd!=15 rn!=15")
INSN(ldrex__op, "cond:4 00011 op:2 1 rn:4 rd:4 .. 1 R:1 1001 ....", V6K, "",
     "cond!=15 op!=0 rd!=15 rn!=15")
void a32_trans_ldrex_op(A32Ctx *c, const A32Insn *a)
{
    A32Insn t = *a;
    t.size = size_of_op[a->op];
    t.R = !a->R;
    a32_trans_ldrex(c, &t);
}

INSN(strex, "cond:4 00011 op:2 0 rn:4 rd:4 .. 1 . 1001 rm:4", V6, "", "cond!=15 rd!=15 rn!=15")
void a32_trans_strex_a32(A32Ctx *c, const A32Insn *a)
{
    A32Insn t = *a;
    t.size = size_of_op[a->op];
    a32_trans_strex(c, &t);
}

/* LDA, STL; T32: rd is the register of both */
INSN(lda, "cond:4 00011 op:2 1 rn:4 rd:4 .. 00 1001 ....", V8, "", "cond!=15 op!=1 rd!=15 rn!=15")
void a32_trans_lda(A32Ctx *c, const A32Insn *a)
{
    unsigned size = size_of_op[a->op];
    TCGv addr = tcg_gen_extu(c->c.b, a32_r(c, a->rn));
    a32_set_r(c, a->rd,
              tcg_gen_ld(c->c.b, TCG_I32, aligned(c, size, size, TCG_MO_ACQREL), addr, 0));
}

INSN(stl, "cond:4 00011 op:2 0 rn:4 .... .. 00 1001 rm:4", V8, "", "cond!=15 op!=1 rm!=15 rn!=15")
void a32_trans_stl(A32Ctx *c, const A32Insn *a)
{
    unsigned size = size_of_op[a->op];
    TCGv addr = tcg_gen_extu(c->c.b, a32_r(c, a->rn));
    tcg_gen_st(c->c.b, aligned(c, size, size, TCG_MO_SC), addr, 0, a32_r(c, a->rm));
}

/* SWP, SWPB: gone with the multiprocessing extensions' SCTLR.SW = 0, absent in Armv8 */
INSN(swp, "cond:4 00010 B:1 00 rn:4 rd:4 .... 1001 rm:4", BASE, "", "cond!=15 rd!=15")
void a32_trans_swp(A32Ctx *c, const A32Insn *a)
{
    TCGv addr = tcg_gen_extu(c->c.b, a32_r(c, a->rn));
    TCGMemOp m = a->B ? memop(c, TCG_MO_8) : aligned(c, TCG_MO_32, TCG_MO_32, 0);
    if (a32_has(c, ARM_FEAT_MPEXT)) {
        a32_gen_undefined(c);
        return;
    }
    a32_set_r(c, a->rd,
              tcg_gen_atomic_rmw(c->c.b, TCG_I32, m | TCG_MO_ACQREL, TCG_RMW_XCHG, addr,
                                 a32_r(c, a->rm)));
}

/* PLD, PLDW, PLI: hints. */
INSN(pld__imm, "1111 0101 .. 01 .... 1111 ............", V5TE)
INSN(pld__reg, "1111 0111 .. 01 .... 1111 ....... 0 ....", V5TE)
INSN(pli__imm, "1111 0100 .1 01 .... 1111 ............", V7)
INSN(pli__reg, "1111 0110 .1 01 .... 1111 ....... 0 ....", V7)
void a32_trans_pld(A32Ctx *c, const A32Insn *a)
{
}

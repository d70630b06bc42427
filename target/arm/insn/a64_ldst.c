/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 loads and stores of general registers (DDI 0487, C4.1.94): literal, immediate offsets, pre-
 * and post-index, register offset, unprivileged, pairs, prefetch. Exclusives and atomics are in
 * a64_atomic.c.
 *
 * Registers are written when all accesses are done: a fault leaves the base and the first register
 * of a pair as they were. Of the CONSTRAINED UNPREDICTABLE cases of a base that is also
 * transferred, a load's value and a store's old value win.
 *
 * Test: tests/unit/test-a64-insn.c, tests/fuzz/suite.py.
 */
#include "target/arm/a64.h"

/* What a->size and a->opc say (opc: 0 store, 1 load, 2 signed to 64 bits, 3 signed to 32), at
 * base + disp; wb: value that the base gets, or none. */
static void transfer(A64Ctx *c, const A64Insn *a, TCGv base, int64_t disp, TCGMemOp extra, TCGv wb)
{
    TCGMemOp m = a64_memop(c, a->size) | extra;
    if (a->opc == 0) {
        tcg_gen_st(c->b, m, base, disp, a64_r(c, a->size == 3, a->rd));
        if (wb.i) {
            a64_set_x_sp(c, a->rn, wb);
        }
        return;
    }
    TCGType t = a->opc == 3 || (a->opc == 1 && a->size < 3) ? TCG_I32 : TCG_I64;
    TCGv v = tcg_gen_ld(c->b, t, a->opc == 1 ? m : m | TCG_MO_SIGN, base, disp);
    if (wb.i) {
        a64_set_x_sp(c, a->rn, wb);
    }
    a64_set_r(c, a->rd, v);
}

/* ---- literal ---- */

INSN(ldr__lit, "0 size:1 011 0 00 simm[18:0] rd:5", BASE)
void a64_trans_ldr_lit(A64Ctx *c, const A64Insn *a)
{
    TCGv addr = tcg_gen_pcrel(c->b, c->off + (int64_t)a->imm * 4);
    a64_set_r(c, a->rd,
              tcg_gen_ld(c->b, a->size ? TCG_I64 : TCG_I32, a64_memop(c, 2 + a->size), addr, 0));
}

INSN(ldrsw__lit, "10 011 0 00 simm[18:0] rd:5", BASE)
void a64_trans_ldrsw_lit(A64Ctx *c, const A64Insn *a)
{
    TCGv addr = tcg_gen_pcrel(c->b, c->off + (int64_t)a->imm * 4);
    a64_set_x(c, a->rd, tcg_gen_ld(c->b, TCG_I64, a64_memop(c, TCG_MO_32) | TCG_MO_SIGN, addr, 0));
}

/* Hints: nothing is fetched in advance, and none of them faults. */
INSN(prfm__lit, "11 011 0 00 ................... .....", BASE)
INSN(prfm, "11 111 0 01 10 ............ ..... .....", BASE)
INSN(prfum, "11 111 0 00 10 0 ......... 00 ..... .....", BASE)
INSN(prfm__reg, "11 111 0 00 10 1 ..... .1. . 10 ..... .....", BASE)
void a64_trans_prfm(A64Ctx *c, const A64Insn *a)
{
}

/* ---- one register; opc 3 exists for bytes and halfwords, opc 2 for all but doublewords ---- */

INSN(ldst__imm, "size:2 111 0 01 opc:2 uimm[11:0] rn:5 rd:5", BASE, "",
     "opc!=2|size!=3 opc!=3|size!=3 opc!=3|size!=2")
void a64_trans_ldst_imm(A64Ctx *c, const A64Insn *a)
{
    transfer(c, a, a64_base(c, a->rn), (int64_t)a->imm << a->size, 0, TCG_NONE);
}

INSN(ldst__unscaled, "size:2 111 0 00 opc:2 0 simm[8:0] 00 rn:5 rd:5", BASE, "",
     "opc!=2|size!=3 opc!=3|size!=3 opc!=3|size!=2")
void a64_trans_ldst_unscaled(A64Ctx *c, const A64Insn *a)
{
    transfer(c, a, a64_base(c, a->rn), a->imm, 0, TCG_NONE);
}

INSN(ldst__post, "size:2 111 0 00 opc:2 0 simm[8:0] 01 rn:5 rd:5", BASE, "",
     "opc!=2|size!=3 opc!=3|size!=3 opc!=3|size!=2")
void a64_trans_ldst_post(A64Ctx *c, const A64Insn *a)
{
    TCGv base = a64_base(c, a->rn);
    transfer(c, a, base, 0, 0, tcg_gen_addi(c->b, base, a->imm));
}

INSN(ldst__pre, "size:2 111 0 00 opc:2 0 simm[8:0] 11 rn:5 rd:5", BASE, "",
     "opc!=2|size!=3 opc!=3|size!=3 opc!=3|size!=2")
void a64_trans_ldst_pre(A64Ctx *c, const A64Insn *a)
{
    TCGv base = a64_base(c, a->rn);
    transfer(c, a, base, a->imm, 0, tcg_gen_addi(c->b, base, a->imm));
}

/* LDTR, STTR: as EL0 would, where the mode says so (EL1, or EL2 with TGE, without UAO). */
INSN(ldst__unpriv, "size:2 111 0 00 opc:2 0 simm[8:0] 10 rn:5 rd:5", BASE, "",
     "opc!=2|size!=3 opc!=3|size!=3 opc!=3|size!=2")
void a64_trans_ldst_unpriv(A64Ctx *c, const A64Insn *a)
{
    bool user = c->mode & ARM_MODE_UNPRIV;
    transfer(c, a, a64_base(c, a->rn), a->imm, user ? ARM_TLB_UNPRIV << TCG_MO_MMU_SHIFT : 0,
             TCG_NONE);
}

INSN(ldst__reg, "size:2 111 0 00 opc:2 1 rm:5 option:3 S:1 10 rn:5 rd:5", BASE, "",
     "opc!=2|size!=3 opc!=3|size!=3 opc!=3|size!=2 option!=0 option!=1 option!=4 option!=5")
void a64_trans_ldst_reg(A64Ctx *c, const A64Insn *a)
{
    TCGv base = a64_base(c, a->rn);
    TCGv index = tcg_gen_shli(c->b, a64_extend(c, 1, a->rm, a->option), a->S ? a->size : 0);
    transfer(c, a, tcg_gen_add(c->b, base, index), 0, 0, TCG_NONE);
}

/* ---- pairs: size 0 is W, 1 is LDPSW, 2 is X ---- */

/* With LSE2 a pair in 16 aligned bytes is one access (B2.2.1.1). Where only this CPU could tell,
 * two are cheaper. */
static bool pair_is_one(const A64Ctx *c)
{
    return arm_has(c->cfg, ARM_FEAT_LSE2) && !c->cfg->one_cpu;
}

/* Flags of one access for both registers of 1 << size bytes. */
static TCGMemOp pair_memop(const A64Ctx *c, unsigned size)
{
    return (a64_memop(c, size) & ~TCG_MO_SIZE) | (size + 1);
}

static void load_pair(A64Ctx *c, TCGv base, int64_t disp, unsigned size, TCGv out[2])
{
    TCGBuilder *b = c->b;
    unsigned high = c->mode & ARM_MODE_BE ? 0 : 1; /* which register has the upper half */

    if (size == TCG_MO_64) {
        TCGv v = tcg_gen_ld(b, TCG_V128, pair_memop(c, size), base, disp);
        out[!high] = tcg_gen_vget(b, v, 0);
        out[high] = tcg_gen_vget(b, v, 1);
    } else {
        TCGv v = tcg_gen_ld(b, TCG_I64, pair_memop(c, size), base, disp);
        out[!high] = tcg_gen_trunc(b, v);
        out[high] = tcg_gen_trunc(b, tcg_gen_shri(b, v, 32));
    }
}

static void store_pair(A64Ctx *c, TCGv base, int64_t disp, unsigned size, unsigned r0, unsigned r1)
{
    TCGBuilder *b = c->b;
    bool be = c->mode & ARM_MODE_BE;
    TCGv low = a64_x(c, be ? r1 : r0), high = a64_x(c, be ? r0 : r1), v;

    if (size == TCG_MO_64) {
        v = tcg_gen_vset(b, tcg_gen_vset(b, tcg_vconst(b, 0), low, 0), high, 1);
    } else {
        v = tcg_gen_deposit(b, low, high, 32, 32);
    }
    tcg_gen_st(b, pair_memop(c, size), base, disp, v);
}

static void transfer_pair(A64Ctx *c, const A64Insn *a, int64_t disp, bool writeback)
{
    unsigned size = a->size == 2 ? TCG_MO_64 : TCG_MO_32;
    TCGMemOp m = a64_memop(c, size) | (a->size == 1 ? TCG_MO_SIGN : 0);
    TCGv base = a64_base(c, a->rn), wb = tcg_gen_addi(c->b, base, (int64_t)a->imm * (1 << size));
    if (a->L) {
        TCGType t = a->size == 0 ? TCG_I32 : TCG_I64;
        TCGv v[2];
        if (pair_is_one(c)) {
            load_pair(c, base, disp, size, v);
            for (unsigned i = 0; i < 2 && a->size == 1; i++) {
                v[i] = tcg_gen_exts(c->b, v[i]);
            }
        } else {
            v[0] = tcg_gen_ld(c->b, t, m, base, disp);
            v[1] = tcg_gen_ld(c->b, t, m, base, disp + (1 << size));
        }
        if (writeback) {
            a64_set_x_sp(c, a->rn, wb);
        }
        a64_set_r(c, a->rd, v[0]);
        a64_set_r(c, a->ra, v[1]);
    } else if (pair_is_one(c)) {
        store_pair(c, base, disp, size, a->rd, a->ra);
        if (writeback) {
            a64_set_x_sp(c, a->rn, wb);
        }
    } else {
        tcg_gen_st(c->b, m, base, disp, a64_r(c, size == TCG_MO_64, a->rd));
        tcg_gen_st(c->b, m, base, disp + (1 << size), a64_r(c, size == TCG_MO_64, a->ra));
        if (writeback) {
            a64_set_x_sp(c, a->rn, wb);
        }
    }
}

/* LDNP and STNP: the hint that the data is not used soon is no use here. */
INSN(ldnp, "size:2 101 0 000 L:1 simm[6:0] ra:5 rn:5 rd:5", BASE, "", "size!=1 size!=3")
INSN(ldp, "size:2 101 0 010 L:1 simm[6:0] ra:5 rn:5 rd:5", BASE, "", "size!=3 size!=1|L==1")
void a64_trans_ldp(A64Ctx *c, const A64Insn *a)
{
    transfer_pair(c, a, (int64_t)a->imm * (a->size == 2 ? 8 : 4), false);
}

INSN(ldp__post, "size:2 101 0 001 L:1 simm[6:0] ra:5 rn:5 rd:5", BASE, "", "size!=3 size!=1|L==1")
void a64_trans_ldp_post(A64Ctx *c, const A64Insn *a)
{
    transfer_pair(c, a, 0, true);
}

INSN(ldp__pre, "size:2 101 0 011 L:1 simm[6:0] ra:5 rn:5 rd:5", BASE, "", "size!=3 size!=1|L==1")
void a64_trans_ldp_pre(A64Ctx *c, const A64Insn *a)
{
    transfer_pair(c, a, (int64_t)a->imm * (a->size == 2 ? 8 : 4), true);
}

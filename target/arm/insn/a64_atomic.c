/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 exclusives, ordered accesses and atomics (DDI 0487, C4.1.94; B2.9 for the monitors, B2.3 for
 * the order).
 *
 * Load-exclusive leaves the address and the value in cells; store-exclusive is a
 * compare-and-exchange with that value. It also succeeds when another observer has stored the same
 * value again in between, which the program cannot tell from no store, as no A64 code can depend on
 * the location having been written.
 *
 * STLR and LDAR are RCsc: a load-acquire is never observed before an earlier store-release. Loads
 * are plain acquires, so the stores are sequentially consistent ones. Compare-and-exchange and
 * read-modify-write operations are full barriers on every host that has them.
 *
 * Exclusives must be aligned. With LSE2 the others are indivisible, aligned or not, inside 16
 * aligned bytes; ordered loads and stores that are not inside need SCTLR_ELx.nAA (B2.2.1.1, B2.8).
 *
 * Test: tests/unit/test-a64-insn.c, tests/fuzz/suite.py, tests/litmus.
 */
#include "target/arm/a64.h"

static TCGMemOp aligned(const A64Ctx *c, unsigned size, TCGMemOp order)
{
    return (a64_memop(c, size) & ~TCG_MO_ALIGN_MASK) | TCG_MO_ALIGNED(size) | order;
}

/* The same for what LSE2 lets be unaligned inside 16 bytes. */
static TCGMemOp within16(const A64Ctx *c, unsigned size, TCGMemOp order)
{
    bool lse2 = arm_has(c->cfg, ARM_FEAT_LSE2) && !(c->mode & ARM_MODE_ALIGN);
    return aligned(c, size, order) | (lse2 ? TCG_MO_WITHIN16 : 0);
}

/* And for ordered loads and stores. */
static TCGMemOp ordered(const A64Ctx *c, unsigned size, TCGMemOp order)
{
    TCGMemOp m = within16(c, size, order);
    return (m & TCG_MO_WITHIN16) && (c->mode & ARM_MODE_NAA) ? m | TCG_MO_ALIGN_DEVICE : m;
}

static bool big_endian(const A64Ctx *c)
{
    return c->mode & ARM_MODE_BE;
}

/* ---- exclusives; pairs of 32 bits are one access of 64, pairs of 64 one of 128 ---- */

static void set_exclusive(A64Ctx *c, TCGv addr, TCGv val, TCGv high)
{
    tcg_gen_setcell(c->b, ARM_CELL_EXCL_ADDR, addr);
    tcg_gen_setcell(c->b, ARM_CELL_EXCL_VAL, val);
    if (high.i) {
        tcg_gen_setcell(c->b, ARM_CELL_EXCL_VAL_HI, high);
    }
}

/* LDXR, LDAXR; o0: acquire */
INSN(ldxr, "size:2 001000 0 1 0 ..... o0:1 ..... rn:5 rd:5", BASE)
void a64_trans_ldxr(A64Ctx *c, const A64Insn *a)
{
    TCGv addr = a64_base(c, a->rn);
    TCGMemOp m = aligned(c, a->size, a->o0 ? TCG_MO_ACQREL : 0);
    TCGv v = tcg_gen_ld(c->b, a->size == 3 ? TCG_I64 : TCG_I32, m, addr, 0);
    set_exclusive(c, addr, a64_widen(c, v), TCG_NONE);
    a64_set_r(c, a->rd, v);
}

/* LDXP, LDAXP; sf: of 64 bits */
INSN(ldxp, "1 sf:1 001000 0 1 1 ..... o0:1 ra:5 rn:5 rd:5", BASE)
void a64_trans_ldxp(A64Ctx *c, const A64Insn *a)
{
    TCGv addr = a64_base(c, a->rn), low, high;
    TCGMemOp m = aligned(c, a->sf ? TCG_MO_128 : TCG_MO_64, a->o0 ? TCG_MO_ACQREL : 0);
    if (a->sf) {
        TCGv v = tcg_gen_ld(c->b, TCG_V128, m, addr, 0);
        low = tcg_gen_vget(c->b, v, 0);
        high = tcg_gen_vget(c->b, v, 1);
        set_exclusive(c, addr, low, high);
    } else {
        TCGv v = tcg_gen_ld(c->b, TCG_I64, m, addr, 0);
        set_exclusive(c, addr, v, TCG_NONE);
        low = tcg_gen_ext32u(c->b, v);
        high = tcg_gen_shri(c->b, v, 32);
    }
    a64_set_x(c, a->rd, big_endian(c) ? high : low);
    a64_set_x(c, a->ra, big_endian(c) ? low : high);
}

/* Both registers of a pair as one value of 64 bits. */
static TCGv pair32(A64Ctx *c, unsigned first, unsigned second)
{
    TCGv low = a64_x(c, big_endian(c) ? second : first);
    TCGv high = a64_x(c, big_endian(c) ? first : second);
    return tcg_gen_deposit(c->b, low, high, 32, 32);
}

/* rs := 0 if the store was done. bits: 8 to 128. */
static void store_exclusive(A64Ctx *c, const A64Insn *a, unsigned size, bool pair)
{
    TCGBuilder *b = c->b;
    TCGLabel fail = tcg_new_label(b), done = tcg_new_label(b);
    TCGMemOp m = aligned(c, size, TCG_MO_ACQREL);
    TCGv addr = a64_base(c, a->rn), expect, ok;
    expect = tcg_gen_getcell(b, ARM_CELL_EXCL_VAL);
    TCGv differs =
        tcg_gen_setcond(b, TCG_I32, TCG_COND_NE, addr, tcg_gen_getcell(b, ARM_CELL_EXCL_ADDR));
    TCGv first = a64_x(c, a->rd), second = pair ? a64_x(c, a->ra) : TCG_NONE;
    TCGv both = pair && size == TCG_MO_64 ? pair32(c, a->rd, a->ra) : first;
    TCGv high = tcg_gen_getcell(b, ARM_CELL_EXCL_VAL_HI);
    tcg_gen_setcell(b, ARM_CELL_EXCL_ADDR, tcg_i64(b, (int64_t)ARM_EXCL_NONE));
    tcg_gen_br_if(b, differs, fail);
    if (size == TCG_MO_128) {
        TCGv args[] = {addr,
                       expect,
                       high,
                       big_endian(c) ? second : first,
                       big_endian(c) ? first : second,
                       tcg_i32(b, m)};
        ok = tcg_gen_call(b, &arm_helper_cmpxchg128, 6, args);
        a64_set_r(c, a->rs, tcg_gen_xori(b, ok, 1));
    } else {
        bool wide = size == TCG_MO_64;
        if (!wide) {
            expect = tcg_gen_trunc(b, expect);
            both = tcg_gen_trunc(b, both);
            expect = size == TCG_MO_8    ? tcg_gen_ext8u(b, expect)
                     : size == TCG_MO_16 ? tcg_gen_ext16u(b, expect)
                                         : expect;
        }
        TCGv old = tcg_gen_cmpxchg(b, wide ? TCG_I64 : TCG_I32, m, addr, expect, both);
        a64_set_r(c, a->rs, tcg_gen_setcond(b, TCG_I32, TCG_COND_NE, old, expect));
    }
    tcg_gen_br(b, done);

    tcg_gen_label(b, fail);
    tcg_gen_probe(b, m, addr, true);
    a64_set_r(c, a->rs, tcg_i32(b, 1));
    tcg_gen_label(b, done);
}

INSN(stxr, "size:2 001000 0 0 0 rs:5 . ..... rn:5 rd:5", BASE)
void a64_trans_stxr(A64Ctx *c, const A64Insn *a)
{
    store_exclusive(c, a, a->size, false);
}

INSN(stxp, "1 sf:1 001000 0 0 1 rs:5 . ra:5 rn:5 rd:5", BASE)
void a64_trans_stxp(A64Ctx *c, const A64Insn *a)
{
    store_exclusive(c, a, a->sf ? TCG_MO_128 : TCG_MO_64, true);
}

/* ---- ordered ---- */

static void load_ordered(A64Ctx *c, const A64Insn *a, int64_t disp)
{
    TCGMemOp m = ordered(c, a->size, TCG_MO_ACQREL);
    TCGType t = a->opc == 3 || (a->opc < 2 && a->size < 3) ? TCG_I32 : TCG_I64;
    m |= a->opc >= 2 ? TCG_MO_SIGN : 0;
    a64_set_r(c, a->rd, tcg_gen_ld(c->b, t, m, a64_base(c, a->rn), disp));
}

static void store_ordered(A64Ctx *c, const A64Insn *a, int64_t disp)
{
    TCGv addr = a64_base(c, a->rn);
    tcg_gen_st(c->b, ordered(c, a->size, TCG_MO_SC), addr, disp, a64_r(c, a->size == 3, a->rd));
}

INSN(ldar, "size:2 001000 1 1 0 ..... 1 ..... rn:5 rd:5", BASE)
INSN(ldlar, "size:2 001000 1 1 0 ..... 0 ..... rn:5 rd:5", LSE)
INSN(ldapr, "size:2 111000 1 0 1 ..... 1 100 00 rn:5 rd:5", LRCPC)
void a64_trans_ldar(A64Ctx *c, const A64Insn *a)
{
    load_ordered(c, a, 0);
}

INSN(stlr, "size:2 001000 1 0 0 ..... 1 ..... rn:5 rd:5", BASE)
INSN(stllr, "size:2 001000 1 0 0 ..... 0 ..... rn:5 rd:5", LSE)
void a64_trans_stlr(A64Ctx *c, const A64Insn *a)
{
    store_ordered(c, a, 0);
}

/* opc as for plain loads */
INSN(ldapur, "size:2 011001 opc:2 0 simm[8:0] 00 rn:5 rd:5", LRCPC2, "",
     "opc!=0 opc!=2|size!=3 opc!=3|size!=3 opc!=3|size!=2")
void a64_trans_ldapur(A64Ctx *c, const A64Insn *a)
{
    load_ordered(c, a, a->imm);
}

INSN(stlur, "size:2 011001 00 0 simm[8:0] 00 rn:5 rd:5", LRCPC2)
void a64_trans_stlur(A64Ctx *c, const A64Insn *a)
{
    store_ordered(c, a, a->imm);
}

/* ---- compare and swap ---- */

INSN(cas, "size:2 001000 1 L:1 1 rs:5 o0:1 ..... rn:5 rd:5", LSE)
void a64_trans_cas(A64Ctx *c, const A64Insn *a)
{
    bool wide = a->size == 3;
    TCGv addr = a64_base(c, a->rn), expect = a64_r(c, wide, a->rs);
    expect = a->size == 0   ? tcg_gen_ext8u(c->b, expect)
             : a->size == 1 ? tcg_gen_ext16u(c->b, expect)
                            : expect;
    TCGv old = tcg_gen_cmpxchg(c->b, wide ? TCG_I64 : TCG_I32, within16(c, a->size, TCG_MO_ACQREL),
                               addr, expect, a64_r(c, wide, a->rd));
    a64_set_r(c, a->rs, old);
}

/* CASP; the registers are even and the next one. */
INSN(casp__32, "00 001000 0 L:1 1 rs[4:1] 0 o0:1 ..... rn:5 rd[4:1] 0", LSE)
void a64_trans_casp32(A64Ctx *c, const A64Insn *a)
{
    TCGv addr = a64_base(c, a->rn);
    TCGv old = tcg_gen_cmpxchg(c->b, TCG_I64, within16(c, TCG_MO_64, TCG_MO_ACQREL), addr,
                               pair32(c, a->rs, a->rs + 1), pair32(c, a->rd, a->rd + 1));
    TCGv low = tcg_gen_ext32u(c->b, old), high = tcg_gen_shri(c->b, old, 32);
    a64_set_x(c, a->rs, big_endian(c) ? high : low);
    a64_set_x(c, a->rs + 1, big_endian(c) ? low : high);
}

INSN(casp, "01 001000 0 L:1 1 rs[4:1] 0 o0:1 ..... rn:5 rd[4:1] 0", LSE)
void a64_trans_casp(A64Ctx *c, const A64Insn *a)
{
    unsigned low = big_endian(c), high = !low;
    TCGv addr = a64_base(c, a->rn);
    TCGv args[] = {addr,
                   a64_x(c, a->rs + low),
                   a64_x(c, a->rs + high),
                   a64_x(c, a->rd + low),
                   a64_x(c, a->rd + high),
                   tcg_i32(c->b, aligned(c, TCG_MO_128, TCG_MO_ACQREL))};
    tcg_gen_call(c->b, &arm_helper_cmpxchg128, 6, args);
    a64_set_x(c, a->rs + low, tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, offsetof(ARMEnv, pair[0])));
    a64_set_x(c, a->rs + high, tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, offsetof(ARMEnv, pair[1])));
}

/* ---- LD<op>, ST<op>, SWP; A: acquire, R: release ---- */

static void rmw(A64Ctx *c, const A64Insn *a, TCGRmw op, bool invert)
{
    bool wide = a->size == 3;
    TCGv addr = a64_base(c, a->rn), v = a64_r(c, wide, a->rs);
    TCGv old =
        tcg_gen_atomic_rmw(c->b, wide ? TCG_I64 : TCG_I32, within16(c, a->size, TCG_MO_ACQREL), op,
                           addr, invert ? tcg_gen_not(c->b, v) : v);
    a64_set_r(c, a->rd, old);
}

INSN(ldadd, "size:2 111000 A:1 R:1 1 rs:5 0 000 00 rn:5 rd:5", LSE)
void a64_trans_ldadd(A64Ctx *c, const A64Insn *a)
{
    rmw(c, a, TCG_RMW_ADD, false);
}

INSN(ldclr, "size:2 111000 A:1 R:1 1 rs:5 0 001 00 rn:5 rd:5", LSE)
void a64_trans_ldclr(A64Ctx *c, const A64Insn *a)
{
    rmw(c, a, TCG_RMW_AND, true);
}

INSN(ldeor, "size:2 111000 A:1 R:1 1 rs:5 0 010 00 rn:5 rd:5", LSE)
void a64_trans_ldeor(A64Ctx *c, const A64Insn *a)
{
    rmw(c, a, TCG_RMW_XOR, false);
}

INSN(ldset, "size:2 111000 A:1 R:1 1 rs:5 0 011 00 rn:5 rd:5", LSE)
void a64_trans_ldset(A64Ctx *c, const A64Insn *a)
{
    rmw(c, a, TCG_RMW_OR, false);
}

INSN(ldsmax, "size:2 111000 A:1 R:1 1 rs:5 0 100 00 rn:5 rd:5", LSE)
void a64_trans_ldsmax(A64Ctx *c, const A64Insn *a)
{
    rmw(c, a, TCG_RMW_SMAX, false);
}

INSN(ldsmin, "size:2 111000 A:1 R:1 1 rs:5 0 101 00 rn:5 rd:5", LSE)
void a64_trans_ldsmin(A64Ctx *c, const A64Insn *a)
{
    rmw(c, a, TCG_RMW_SMIN, false);
}

INSN(ldumax, "size:2 111000 A:1 R:1 1 rs:5 0 110 00 rn:5 rd:5", LSE)
void a64_trans_ldumax(A64Ctx *c, const A64Insn *a)
{
    rmw(c, a, TCG_RMW_UMAX, false);
}

INSN(ldumin, "size:2 111000 A:1 R:1 1 rs:5 0 111 00 rn:5 rd:5", LSE)
void a64_trans_ldumin(A64Ctx *c, const A64Insn *a)
{
    rmw(c, a, TCG_RMW_UMIN, false);
}

INSN(swp, "size:2 111000 A:1 R:1 1 rs:5 1 000 00 rn:5 rd:5", LSE)
void a64_trans_swp(A64Ctx *c, const A64Insn *a)
{
    rmw(c, a, TCG_RMW_XCHG, false);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Floating-point vectors of the x86-64 host, with AVX.
 *
 * The inline code raises no flag that the op as a whole would not raise, so that it may be followed
 * by the exact op in C (call_c of emit_vec.c) whenever a look at operands or result says so: a NaN,
 * a result that may have been tiny before it was rounded, a number that the integers do not hold.
 * What instructions cannot do at all is C from the start: f16 arithmetic, rounding that neither
 * they nor MXCSR can be told.
 *
 * Flushing to zero (TCG_FP_FZ) differs from what the host does only where an
 * operand is subnormal or a result tiny. Operands are looked at before the operation, because it
 * could raise a wrong flag; they have to be so large that a result which is tiny all the same is
 * exact and raises none, and is seen afterwards.
 *
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/interp/internal.h"
#include "tcg/x86_64/internal.h"

#define BIT(r) (1u << (r))

/* Predicates of vcmpps. */
enum {
    CMP_EQ_OQ = 0,
    CMP_UNORD_Q = 3,
    CMP_NEQ_UQ = 4,
    CMP_EQ_UQ = 8,
    CMP_NLT_UQ = 0x15,
    CMP_NGT_UQ = 0x1a
};

typedef struct Vfp {
    const TCGOp *op;
    uint8_t r[3];  /* operands as they are, which C needs: not written before the last check */
    uint8_t x[3];  /* operands with the elements that do not count made harmless */
    unsigned d, t; /* result: in the end, and up to the last check */
    unsigned m[2]; /* what flushes, scales or rounds away: scratch, taken before the first check,
                      behind which a register could not be freed for both ways */
    unsigned esize, pfx, first;
} Vfp;

static void vex(X86Gen *s, unsigned opc, unsigned d, unsigned a, unsigned b)
{
    asm_vex_rr(&s->a, opc, d, a, b);
}

static void vex_const(X86Gen *s, unsigned opc, unsigned d, unsigned a, uint64_t lo, uint64_t hi,
                      int imm)
{
    unsigned k = x86_const(s, lo, hi);
    Mem m = mem_rip();
    m.disp = imm < 0 ? 0 : -1; /* relative to the end of the instruction */
    asm_vex_rm(&s->a, opc, d, a, m);
    x86_fix(s, FIX_POOL, k);
    if (imm >= 0) {
        asm_8(&s->a, imm);
    }
}

static void compare(X86Gen *s, const Vfp *v, unsigned d, unsigned a, unsigned b, unsigned predicate)
{
    vex(s, 0xc2 | v->pfx, d, a, b);
    asm_8(&s->a, predicate);
}

/* To C on condition cc. */
static void otherwise_c(X86Gen *s, const Vfp *v, unsigned cc)
{
    uint32_t jump = asm_jcc(&s->a, cc);
    Stub *st = x86_stub_new(s, STUB_FP);
    memcpy(st->r, v->r, 3);
    st->r[3] = v->d;
    st->jump = jump;
}

/* To C if register m is not zero. */
static void c_unless_zero(X86Gen *s, const Vfp *v, unsigned m)
{
    asm_vex_rr(&s->a, 0x17 | OP_38 | OP_66, m, 0, m); /* vptest */
    otherwise_c(s, v, CC_NE);
}

/* An element with these bits, in all places. */
static uint64_t all(const Vfp *v, uint64_t f32, uint64_t f64)
{
    return v->esize == 3 ? f64 : f32 | f32 << 32;
}

static bool nan_matters(const TCGOp *op)
{
    return op->opc == TCG_OP_vfma || (op->aux & (TCG_FP_DEFAULT_NAN | TCG_FP_NAN_ARM));
}

/* A result that is a NaN, or, rounded by the operation, equal to the smallest normal number. */
static void check_result(X86Gen *s, const Vfp *v, bool rounded)
{
    if (rounded && (v->op->aux & TCG_FP_TINY_BEFORE)) {
        uint64_t mask = all(v, INT32_MAX, INT64_MAX), min = all(v, 1u << 23, UINT64_C(1) << 52);
        vex_const(s, I_ANDPS, XMM14, v->t, mask, mask, -1);
        vex_const(s, 0xc2 | v->pfx, XMM14, XMM14, min, min, CMP_EQ_UQ);
        c_unless_zero(s, v, XMM14);
    } else if (nan_matters(v->op)) {
        compare(s, v, XMM14, v->t, v->t, CMP_UNORD_Q);
        c_unless_zero(s, v, XMM14);
    }
}

/* By MXCSR's mode; what flushes to zero may also name the nearest, which check_mode() looks for. */
static bool rounds_by_mxcsr(const TCGOp *op)
{
    unsigned round = op->aux & TCG_FP_ROUND_MASK;
    return round == TCG_RND_DYN || (round == TCG_RND_RNE && (op->aux & TCG_FP_FZ));
}

/* To nearest, if that is what the op names: MXCSR's mode must be it. */
static void check_mode(X86Gen *s, const Vfp *v)
{
    if ((v->op->aux & TCG_FP_ROUND_MASK) == TCG_RND_RNE) {
        asm_rm(&s->a, 0xf7, 0, ENV(mxcsr));
        asm_32(&s->a, 0x6000);
        otherwise_c(s, v, CC_NE);
    }
}

static const X86Flush *flush_of(const Vfp *v)
{
    return v->esize == 3 ? &x86_flush_f64 : &x86_flush_f32;
}

/* Nothing that operand k holds is below the smallest normal number: what flushed made it. */
static bool is_flushed(const X86Gen *s, const Vfp *v, unsigned k)
{
    const TCGv x[3] = {v->op->a, v->op->b, v->op->c};
    const TCGOp *d = &s->u->ops[x86_root(s, x[k])];
    return d->opc >= TCG_OP_vfadd && d->opc <= TCG_OP_vfma && (d->aux & TCG_FP_FZ) &&
           tcg_fp_esize(d->aux) == v->esize;
}

/* d += d; d += addend; the same in all elements. */
static void double_and_add(X86Gen *s, const Vfp *v, unsigned d, unsigned a, uint64_t addend)
{
    unsigned add = (v->esize == 3 ? 0xd4 : 0xfe) | OP_0F | OP_66;
    vex(s, add, d, a, a);
    vex_const(s, add, d, d, addend, addend, -1);
}

/* d = signed a > limit */
static void greater(X86Gen *s, const Vfp *v, unsigned d, unsigned a, uint64_t limit)
{
    unsigned gt = v->esize == 3 ? 0x37 | OP_38 | OP_66 : 0x66 | OP_0F | OP_66;
    vex_const(s, gt, d, a, limit, limit, -1);
}

/* The largest negative number, and an offset from it. */
static uint64_t from_least(const Vfp *v, uint64_t offset)
{
    return all(v, (uint32_t)offset + (1u << 31), offset + (UINT64_C(1) << 63));
}

/*
 * To C unless each of operands first to last is zero or its magnitude at least 2^exponent. Twice
 * the bits of a number are its magnitude without the sign; shifted so that those from 1 to below
 * the limit are the largest signed integers, they are found by one comparison.
 */
static void check_operands(X86Gen *s, const Vfp *v, unsigned first, unsigned last, int exponent)
{
    const unsigned max = 0x3d | OP_38 | OP_66;
    bool f64 = v->esize == 3;
    uint64_t shift = from_least(v, -2 * x86_fp_bits(f64, exponent));
    unsigned m = REG_NONE;
    if (!(v->op->aux & TCG_FP_FZ)) {
        return;
    }
    for (unsigned k = first; k <= last; k++) {
        if (exponent == flush_of(v)->normal && is_flushed(s, v, k)) {
            continue;
        }
        unsigned t = v->m[m != REG_NONE];
        double_and_add(s, v, t, v->x[k], shift);
        if (f64) {
            greater(s, v, t, t, shift);
        }
        if (m != REG_NONE) {
            vex(s, f64 ? I_ORPS : max, m, m, t);
        }
        m = v->m[0];
    }
    if (m != REG_NONE) {
        if (!f64) {
            greater(s, v, m, m, shift);
        }
        c_unless_zero(s, v, m);
    }
}

/* To C unless all divisors are normal and so small that no quotient of what else passes is tiny. */
static void check_divisors(X86Gen *s, const Vfp *v)
{
    bool f64 = v->esize == 3;
    uint64_t least = 2 * x86_fp_bits(f64, flush_of(v)->normal),
             range = 2 * x86_fp_bits(f64, -flush_of(v)->factor) - least;
    double_and_add(s, v, v->m[0], v->x[1], from_least(v, -least));
    greater(s, v, v->m[0], v->m[0], from_least(v, range - 1));
    c_unless_zero(s, v, v->m[0]);
}

/* To C for a result that is a NaN, or not zero and no more than the smallest normal number. */
static void check_flushed(X86Gen *s, const Vfp *v)
{
    uint64_t mask = all(v, INT32_MAX, INT64_MAX), min = all(v, 1u << 23, UINT64_C(1) << 52);
    unsigned m = v->m[0];
    vex_const(s, I_ANDPS, XMM14, v->t, mask, mask, -1);
    vex_const(s, 0xc2 | v->pfx, XMM14, XMM14, min, min, CMP_NGT_UQ);
    vex_const(s, 0xc2 | v->pfx, m, v->t, 0, 0, CMP_NEQ_UQ);
    asm_vex_rr(&s->a, 0x17 | OP_38 | OP_66, m, 0, XMM14); /* vptest */
    otherwise_c(s, v, CC_NE);
}

static void arithmetic(X86Gen *s, const Vfp *v, unsigned opcode)
{
    bool product = v->op->opc == TCG_OP_vfmul, quotient = v->op->opc == TCG_OP_vfdiv;
    bool fz = v->op->aux & TCG_FP_FZ;
    check_operands(s, v, 0, !quotient,
                   product || quotient ? flush_of(v)->factor : flush_of(v)->normal);
    if (fz && quotient) {
        check_divisors(s, v);
    }
    vex(s, opcode | v->pfx, v->t, v->x[0], v->x[1]);
    if (fz && !product && !quotient) {
        check_flushed(s, v);
    } else {
        check_result(s, v, !fz && (product || quotient));
    }
}

static void minmax(X86Gen *s, const Vfp *v)
{
    bool min = v->op->opc == TCG_OP_vfmin, low = v->x[0] != v->r[0];
    unsigned opcode = (min ? 0x5d : 0x5f) | v->pfx, m = XMM14;
    if (low) {
        m = v->op->aux & TCG_FP_FZ ? v->m[0] : x86_temp(s, true);
    }
    check_operands(s, v, 0, 1, flush_of(v)->normal);
    compare(s, v, m, v->x[0], v->x[1], CMP_UNORD_Q);
    c_unless_zero(s, v, m);
    /* Of zeros each gives its second operand: any negative one makes the minimum negative. */
    vex(s, opcode, m, v->x[1], v->x[0]);
    vex(s, opcode, v->t, v->x[0], v->x[1]);
    vex(s, min ? I_ORPS : I_ANDPS, v->t, v->t, m);
}

static void round_by(X86Gen *s, const Vfp *v, unsigned d, unsigned a, unsigned mode)
{
    asm_vex_rr(&s->a, (v->esize == 3 ? 0x09 : 0x08) | OP_3A | OP_66, d, 0, a);
    asm_8(&s->a, mode);
}

/* Ties away from zero, as round_away() of emit_fp.c does it; nothing is raised. */
static void round_away(X86Gen *s, const Vfp *v, unsigned d, unsigned a)
{
    uint64_t mask = all(v, INT32_MAX, INT64_MAX), sign = all(v, 1u << 31, UINT64_C(1) << 63);
    uint64_t whole = all(v, x86_fp_bits(false, 23), x86_fp_bits(true, 52));
    const unsigned add = 0x58 | v->pfx, sub = 0x5c | v->pfx,
                   truncate = ROUND_TRUNCATE | ROUND_QUIET;
    unsigned m = v->m[0], n = v->m[1];
    vex_const(s, I_ANDPS, m, a, mask, mask, -1);
    vex_const(s, 0xc2 | v->pfx, n, m, whole, whole, CMP_NLT_UQ);
    c_unless_zero(s, v, n);
    round_by(s, v, n, m, truncate);
    vex(s, sub, m, m, n);
    vex(s, add, m, m, m);
    round_by(s, v, m, m, truncate);
    vex(s, add, m, m, n);
    vex_const(s, I_ANDPS, m, m, mask, mask, -1);
    vex_const(s, I_ANDPS, n, a, sign, sign, -1);
    vex(s, I_ORPS, d, m, n);
}

static void round_to_integral(X86Gen *s, const Vfp *v, unsigned d, unsigned a, bool quiet)
{
    unsigned round = v->op->aux & TCG_FP_ROUND_MASK;
    if (round == TCG_RND_RMM) {
        round_away(s, v, d, a);
    } else {
        round_by(s, v, d, a, x86_round_mode[round] | (quiet ? ROUND_QUIET : 0));
    }
}

/* a * 2^imm, to C where that could become infinite, in scratch if imm is not 0. */
static unsigned scaled(X86Gen *s, const Vfp *v, unsigned a)
{
    uint64_t mask = all(v, INT32_MAX, INT64_MAX);
    uint64_t most = all(v, x86_fp_bits(false, 60), x86_fp_bits(true, 60));
    uint64_t factor = all(v, x86_fp_bits(false, v->op->imm), x86_fp_bits(true, v->op->imm));
    unsigned m = v->m[0];
    if (!v->op->imm) {
        return a;
    }
    vex_const(s, I_ANDPS, m, a, mask, mask, -1);
    vex_const(s, 0xc2 | v->pfx, m, m, most, most, CMP_NLT_UQ);
    c_unless_zero(s, v, m);
    vex_const(s, 0x59 | v->pfx, m, a, factor, factor, -1);
    return m;
}

/* f32 to 32 bits: what does not fit becomes the smallest integer, with invalid and nothing else. */
static void to_integers(X86Gen *s, const Vfp *v)
{
    unsigned round = v->op->aux & TCG_FP_ROUND_MASK, a = v->x[0];
    const unsigned truncate = 0x5b | OP_0F | OP_F3, current = 0x5b | OP_0F | OP_66;
    bool named = round != TCG_RND_DYN && round != TCG_RND_RTZ;
    check_operands(s, v, 0, 0, flush_of(v)->normal);
    a = scaled(s, v, a);
    if (v->op->opc == TCG_OP_vfcvt_fu) {
        /* Negative, NaN, or 2^31 and more: seen before, because of the flags. */
        uint64_t limit = all(v, 0x4f000000, 0);
        vex_const(s, 0xc2 | v->pfx, XMM14, a, limit, limit, CMP_NLT_UQ);
        vex(s, I_ORPS, XMM14, XMM14, a);
        asm_vex_rr(&s->a, 0x0e | OP_38 | OP_66, XMM14, 0, XMM14); /* vtestps */
        otherwise_c(s, v, CC_NE);
    }
    if (named) {
        asm_vex_rr(&s->a, truncate, XMM14, 0, a); /* inexact */
        round_to_integral(s, v, v->t, a, true);
        a = v->t;
    }
    asm_vex_rr(&s->a, round == TCG_RND_DYN ? current : truncate, v->t, 0, a);
    if (v->op->opc == TCG_OP_vfcvt_fs) {
        vex_const(s, 0x76 | OP_0F | OP_66, XMM14, v->t, 0x8000000080000000, 0x8000000080000000, -1);
        c_unless_zero(s, v, XMM14);
    }
}

/* f64 to signed 64 bits, one by one. */
static void to_quadwords(X86Gen *s, const Vfp *v)
{
    Asm *as = &s->a;
    unsigned round = v->op->aux & TCG_FP_ROUND_MASK, a = v->x[0];
    bool named = round != TCG_RND_DYN && round != TCG_RND_RTZ;
    unsigned opc = (round == TCG_RND_DYN ? 0x2d : 0x2c) | OP_0F | OP_F2;
    check_operands(s, v, 0, 0, flush_of(v)->normal);
    a = scaled(s, v, a);
    if (named) {
        round_to_integral(s, v, v->t, a, true);
        a = v->t;
    }
    asm_rr(as, 0x70 | OP_0F | OP_66, XMM14, a); /* pshufd */
    asm_8(as, 0xee);
    asm_rr(as, opc | OP_W, RAX, a);
    asm_alu_ri(as, OP_W, ALU_CMP, RAX, 1);
    otherwise_c(s, v, CC_O);
    asm_rr(as, opc | OP_W, RDX, XMM14);
    asm_alu_ri(as, OP_W, ALU_CMP, RDX, 1);
    otherwise_c(s, v, CC_O);
    asm_rr(as, I_MOVD_XR | OP_W, XMM14, RDX);
    asm_rr(as, I_MOVD_XR | OP_W, v->t, RAX);
    asm_rr(as, 0x6c | OP_0F | OP_66, v->t, XMM14); /* punpcklqdq */
    if (named) {
        /* inexact */
        asm_rr(as, opc | OP_W, RAX, v->x[0]);
        asm_rr(as, 0x70 | OP_0F | OP_66, XMM14, v->x[0]);
        asm_8(as, 0xee);
        asm_rr(as, opc | OP_W, RAX, XMM14);
    }
}

static void from_quadwords(X86Gen *s, const Vfp *v)
{
    Asm *as = &s->a;
    const unsigned opc = 0x2a | OP_0F | OP_F2 | OP_W;
    asm_rr(as, I_MOVD_RX | OP_W, v->x[0], RAX);
    asm_rr(as, 0x16 | OP_3A | OP_66 | OP_W, v->x[0], RDX); /* pextrq */
    asm_8(as, 1);
    asm_rr(as, 0x57 | OP_0F, XMM14, XMM14);
    asm_vex_rr(as, opc, v->t, XMM14, RAX);
    asm_vex_rr(as, opc, XMM14, XMM14, RDX);
    asm_rr(as, 0x6c | OP_0F | OP_66, v->t, XMM14);
}

static void from_integers(X86Gen *s, const Vfp *v)
{
    if (v->op->opc == TCG_OP_vfcvt_uf) {
        asm_vex_rr(&s->a, 0x0e | OP_38 | OP_66, v->x[0], 0, v->x[0]); /* vtestps */
        otherwise_c(s, v, CC_NE);
    }
    asm_vex_rr(&s->a, 0x5b | OP_0F, v->t, 0, v->x[0]);
}

static void change_size(X86Gen *s, Vfp *v)
{
    Asm *as = &s->a;
    unsigned a = v->r[0];
    if (v->esize > 1) {
        /* Also those of the other half. */
        check_operands(s, v, 0, 0, x86_flush_f32.normal);
    }
    if (v->op->opc == TCG_OP_vfwiden) {
        if (v->op->imm) {
            asm_vex_rr(as, 0x70 | OP_0F | OP_66, XMM15, 0, a);
            asm_8(as, 0xee);
            a = XMM15;
        }
        asm_vex_rr(as, v->esize == 1 ? 0x13 | OP_38 | OP_66 : 0x5a | OP_0F, v->t, 0, a);
        v->pfx = v->esize == 1 ? OP_0F : OP_0F | OP_66;
        check_result(s, v, false);
    } else if (v->esize == 3) {
        asm_vex_rr(as, 0x5a | OP_0F | OP_66, v->t, 0, a);
        v->pfx = OP_0F;
        v->esize = 2;
        check_result(s, v, !(v->op->aux & TCG_FP_FZ));
    } else {
        asm_vex_rr(as, 0x1d | OP_3A | OP_66, a, 0, v->t);
        asm_8(as, x86_round_mode[v->op->aux & TCG_FP_ROUND_MASK]);
        if (nan_matters(v->op)) {
            compare(s, v, XMM14, a, a, CMP_UNORD_Q);
            c_unless_zero(s, v, XMM14);
        }
        if (v->op->aux & TCG_FP_TINY_BEFORE) {
            vex_const(s, 0xdb | OP_0F | OP_66, XMM14, v->t, 0x7fff7fff7fff7fff, 0, -1);
            vex_const(s, 0x75 | OP_0F | OP_66, XMM14, XMM14, 0x0400040004000400, -1, -1);
            c_unless_zero(s, v, XMM14);
        }
    }
}

static void emit(X86Gen *s, Vfp *v)
{
    static const uint8_t predicate[TCG_FCOND_COUNT] = {
        [TCG_FCOND_EQ_Q] = 0,    [TCG_FCOND_LT_S] = 1,    [TCG_FCOND_LE_S] = 2,
        [TCG_FCOND_LT_Q] = 0x11, [TCG_FCOND_LE_Q] = 0x12, [TCG_FCOND_EQ_S] = 0x10,
        [TCG_FCOND_UN_Q] = 3};
    Asm *as = &s->a;
    const TCGOp *op = v->op;
    switch (op->opc) {
    case TCG_OP_vfadd:
        arithmetic(s, v, 0x58);
        break;
    case TCG_OP_vfsub:
        arithmetic(s, v, 0x5c);
        break;
    case TCG_OP_vfmul:
        arithmetic(s, v, 0x59);
        break;
    case TCG_OP_vfdiv:
        arithmetic(s, v, 0x5e);
        break;
    case TCG_OP_vfsqrt:
        check_operands(s, v, 0, 0, flush_of(v)->normal);
        asm_vex_rr(as, 0x51 | v->pfx, v->t, 0, v->x[0]);
        check_result(s, v, false);
        break;
    case TCG_OP_vfma:
        check_operands(s, v, 0, 1, flush_of(v)->fused);
        check_operands(s, v, 2, 2, flush_of(v)->normal);
        if (v->t != v->x[0]) {
            asm_rr(as, I_MOVAPS, v->t, v->x[0]);
        }
        vex(s, 0xa8 | OP_38 | OP_66 | (v->esize == 3 ? OP_W : 0), v->t, v->x[1], v->x[2]);
        if (op->aux & TCG_FP_FZ) {
            check_flushed(s, v);
        } else {
            check_result(s, v, true);
        }
        break;
    case TCG_OP_vfmin:
    case TCG_OP_vfmax:
        minmax(s, v);
        break;
    case TCG_OP_vfround:
        check_operands(s, v, 0, 0, flush_of(v)->normal);
        round_to_integral(s, v, v->t, v->x[0], op->aux & TCG_FP_INEXACT_OFF);
        check_result(s, v, false);
        break;
    case TCG_OP_vfcmp:
        check_operands(s, v, 0, 1, flush_of(v)->normal);
        compare(s, v, v->t, v->x[0], v->x[1], predicate[op->imm]);
        break;
    case TCG_OP_vfcvt_fs:
    case TCG_OP_vfcvt_fu:
        (v->esize == 3 ? to_quadwords : to_integers)(s, v);
        break;
    case TCG_OP_vfcvt_sf:
    case TCG_OP_vfcvt_uf:
        (v->esize == 3 ? from_quadwords : from_integers)(s, v);
        if (op->imm) {
            uint64_t factor =
                all(v, x86_fp_bits(false, -(int)op->imm), x86_fp_bits(true, -(int)op->imm));
            vex_const(s, 0x59 | v->pfx, v->t, v->t, factor, factor, -1);
        }
        break;
    default:
        change_size(s, v);
        break;
    }
}

/* Is there inline code for op? */
static bool can_inline(const X86Gen *s, const TCGOp *op)
{
    unsigned esize = tcg_fp_esize(op->aux), round = op->aux & TCG_FP_ROUND_MASK;
    const X86Features *have = &s->t->have;
    bool native = round <= TCG_RND_RUP || round == TCG_RND_DYN, away = round == TCG_RND_RMM;
    bool is_signed = op->opc == TCG_OP_vfcvt_fs || op->opc == TCG_OP_vfcvt_sf;
    bool to_from_integers = esize == 2 || (esize == 3 && is_signed && !(op->aux & TCG_FP_V64));
    if (!have->avx || (op->aux & TCG_FP_V1)) {
        return false;
    }
    if ((op->aux & TCG_FP_FZ) && (esize < 2 || (op->opc == TCG_OP_vfnarrow && esize == 2))) {
        return false;
    }
    switch (op->opc) {
    case TCG_OP_vfadd:
    case TCG_OP_vfsub:
    case TCG_OP_vfmul:
    case TCG_OP_vfdiv:
    case TCG_OP_vfsqrt:
        return esize > 1 && rounds_by_mxcsr(op);
    case TCG_OP_vfma:
        return esize > 1 && rounds_by_mxcsr(op) && have->fma;
    case TCG_OP_vfmin:
    case TCG_OP_vfmax:
    case TCG_OP_vfcmp:
        return esize > 1;
    case TCG_OP_vfround:
        return esize > 1 && (native || (away && (op->aux & TCG_FP_INEXACT_OFF)));
    case TCG_OP_vfcvt_fs:
    case TCG_OP_vfcvt_fu:
        return to_from_integers && (op->imm ? round == TCG_RND_RTZ : native || away);
    case TCG_OP_vfcvt_sf:
    case TCG_OP_vfcvt_uf:
        return to_from_integers && rounds_by_mxcsr(op);
    case TCG_OP_vfwiden:
        return esize == 2 || have->f16c;
    default: /* vfnarrow */
        return esize == 3 ? rounds_by_mxcsr(op) : have->f16c && native;
    }
}

bool x86_emit_vfp(X86Gen *s, const TCGOp *op, const uint8_t r[3], unsigned d)
{
    Asm *as = &s->a;
    if (!can_inline(s, op)) {
        return false;
    }
    unsigned esize = tcg_fp_esize(op->aux);
    Vfp v = {.op = op,
             .d = d,
             .esize = esize,
             .pfx = esize == 3 ? OP_0F | OP_66 : OP_0F,
             .first = s->stubs.len};
    memcpy(v.r, r, 3);
    memcpy(v.x, r, 3);
    v.t = d == r[0] || d == r[1] || d == r[2] ? XMM15 : d;
    bool low = op->aux & TCG_FP_V64;
    if (low) {
        /* Zeros raise nothing, but as divisors. */
        for (unsigned k = 0; k < 3 && r[k] != REG_NONE; k++) {
            v.x[k] = k == 0 ? XMM15 : k == 1 ? XMM14 : x86_temp(s, true);
            asm_rr(as, I_MOVQ_XX, v.x[k], r[k]);
        }
        if (op->opc == TCG_OP_vfdiv) {
            vex_const(s, I_ORPS, v.x[1], v.x[1], 0, all(&v, 0x3f800000, 0x3ff0000000000000), -1);
        }
    }
    bool conversion = op->opc >= TCG_OP_vfcvt_fs && op->opc <= TCG_OP_vfcvt_uf;
    if ((op->aux & TCG_FP_FZ) || (op->aux & TCG_FP_ROUND_MASK) == TCG_RND_RMM ||
        (conversion && op->imm)) {
        v.m[0] = x86_temp(s, true);
        v.m[1] = x86_temp(s, true);
    }
    if (op->aux & TCG_FP_FZ) {
        if (op->opc != TCG_OP_vfmin && op->opc != TCG_OP_vfmax && op->opc != TCG_OP_vfcmp &&
            op->opc != TCG_OP_vfcvt_fs && op->opc != TCG_OP_vfcvt_fu && op->opc != TCG_OP_vfround) {
            check_mode(s, &v);
        }
    }
    emit(s, &v);
    if (low) {
        asm_rr(as, I_MOVQ_XX, d, v.t);
    } else if (d != v.t) {
        asm_rr(as, I_MOVAPS, d, v.t);
    }
    for (unsigned k = v.first; k < s->stubs.len; k++) {
        x86_list_at(&s->stubs, Stub, k).back = asm_pos(as);
    }
    return true;
}

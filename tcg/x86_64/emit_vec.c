/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Vectors of the x86-64 host. What has no short sequence of instructions, or lies off the common
 * path, is computed by the interpreter's functions (tcg/interp/vec.c, fp.c) through a slow thunk.
 *
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/interp/internal.h"
#include "tcg/x86_64/internal.h"

#define BIT(r) (1u << (r))

/* Where operands and results of slow paths are: places of the scratch registers, which nothing else
 * saves. */
enum { VEC_ARG_A = 14, VEC_ARG_B = 15, VEC_RESULT = 14 };

void x86_soft_vec(CPUEnv *env, uint32_t desc)
{
    TCGOp op = tcg_interp_vec_op(desc);
    const uint64_t *a = env->host_vec[VEC_ARG_A], *b = env->host_vec[VEC_ARG_B];
    const uint64_t *c = env->spill[X86_SLOT_VEC];
    uint64_t r[2] = {0, 0};
    if (op.opc >= TCG_OP_vfadd) {
        tcg_interp_vfp(&op, env, a, b, c, r);
    } else {
        tcg_interp_vec(&op, a, b, c, r);
    }
    memcpy(env->host_vec[VEC_RESULT], r, sizeof(r));
}

static Mem vec_arg(const X86Gen *s, unsigned n)
{
    return env_mem(s, offsetof(CPUEnv, host_vec) + n * 16);
}

static void movaps(X86Gen *s, unsigned d, unsigned r)
{
    if (d != r) {
        asm_rr(&s->a, I_MOVAPS, d, r);
    }
}

/* The op on registers r (REG_NONE: no such operand) by C; result in d. */
static void call_c(X86Gen *s, const TCGOp *op, const uint8_t r[3], unsigned d)
{
    Asm *as = &s->a;
    const Mem arg[3] = {vec_arg(s, VEC_ARG_A), vec_arg(s, VEC_ARG_B), x86_slot(s, X86_SLOT_VEC)};
    for (unsigned k = 0; k < 3; k++) {
        if (r[k] != REG_NONE) {
            asm_rm(as, I_MOVUPS_MR, r[k], arg[k]);
        }
    }
    asm_push_i(as, tcg_interp_vec_desc(op));
    x86_jump_thunk(s, 0xe8, s->t->slow[1][SLOW_VEC]);
    asm_rm(as, I_MOVUPS_RM, d, vec_arg(s, VEC_RESULT));
}

static void take_operands(X86Gen *s, const TCGOp *op, uint8_t r[3])
{
    const TCGv v[3] = {op->a, op->b, op->c};
    for (unsigned k = 0; k < 3; k++) {
        r[k] = k < tcg_op_desc[op->opc].nargs ? x86_use(s, x86_root(s, v[k])) : REG_NONE;
    }
}

/* ---- integers ---- */

#define SSE(n)   ((n) | OP_0F | OP_66)
#define SSE38(n) ((n) | OP_38 | OP_66)
#define SSE3A(n) ((n) | OP_3A | OP_66)

enum {
    P_AND = SSE(0xdb),
    P_ANDN = SSE(0xdf), /* ~first & second */
    P_OR = SSE(0xeb),
    P_XOR = SSE(0xef),
    P_CMPEQD = SSE(0x76),
    P_SHUFB = SSE38(0x00),
    P_SHUFD = SSE(0x70),
    P_ADDUSB = SSE(0xdc),
    P_MULLW = SSE(0xd5),
    P_MULUDQ = SSE(0xf4),
    P_UNPCKLQDQ = SSE(0x6c),
    P_UNPCKHQDQ = SSE(0x6d),
    P_PACKSSDW = SSE(0x6b),
    P_PACKUSWB = SSE(0x67),
    P_SHUFPS = 0xc6 | OP_0F,
};
static const unsigned op_add[4] = {SSE(0xfc), SSE(0xfd), SSE(0xfe), SSE(0xd4)};
static const unsigned op_sub[4] = {SSE(0xf8), SSE(0xf9), SSE(0xfa), SSE(0xfb)};
static const unsigned op_eq[4] = {SSE(0x74), SSE(0x75), SSE(0x76), SSE38(0x29)};
static const unsigned op_gt[4] = {SSE(0x64), SSE(0x65), SSE(0x66), SSE38(0x37)};
/* [unsigned][size] */
static const unsigned op_min[2][4] = {{SSE38(0x38), SSE(0xea), SSE38(0x39), 0},
                                      {SSE(0xda), SSE38(0x3a), SSE38(0x3b), 0}};
static const unsigned op_max[2][4] = {{SSE38(0x3c), SSE(0xee), SSE38(0x3d), 0},
                                      {SSE(0xde), SSE38(0x3e), SSE38(0x3f), 0}};
static const unsigned op_qadd[2][2] = {{SSE(0xec), SSE(0xed)}, {SSE(0xdc), SSE(0xdd)}};
static const unsigned op_qsub[2][2] = {{SSE(0xe8), SSE(0xe9)}, {SSE(0xd8), SSE(0xd9)}};
static const unsigned op_zip[2][4] = {{SSE(0x60), SSE(0x61), SSE(0x62), P_UNPCKLQDQ},
                                      {SSE(0x68), SSE(0x69), SSE(0x6a), P_UNPCKHQDQ}};

/* 0x0101... with a one in each element of 8 << size bits. */
static uint64_t every(unsigned size)
{
    return size == 3 ? 1 : UINT64_MAX / ((UINT64_C(1) << (8u << size)) - 1);
}

/* d = a opc b. Without AVX xmm14 is lost if d is b and not a. */
static void op3(X86Gen *s, unsigned opc, unsigned d, unsigned a, unsigned b)
{
    Asm *as = &s->a;
    if (s->t->have.avx) {
        asm_vex_rr(as, opc, d, a, b);
    } else if (d == b && d != a) {
        asm_rr(as, I_MOVAPS, XMM14, b);
        asm_rr(as, I_MOVAPS, d, a);
        asm_rr(as, opc, d, XMM14);
    } else {
        movaps(s, d, a);
        asm_rr(as, opc, d, b);
    }
}

/* The same with an immediate. */
static void op3i(X86Gen *s, unsigned opc, unsigned d, unsigned a, unsigned b, unsigned imm)
{
    op3(s, opc, d, a, b);
    asm_8(&s->a, imm);
}

/* d = a opc constant */
static void op3_const(X86Gen *s, unsigned opc, unsigned d, unsigned a, uint64_t lo, uint64_t hi)
{
    if (s->t->have.avx) {
        unsigned k = x86_const(s, lo, hi);
        asm_vex_rm(&s->a, opc, d, a, mem_rip());
        x86_fix(s, FIX_POOL, k);
    } else {
        movaps(s, d, a);
        x86_rm_const(s, opc, d, lo, hi);
    }
}

static void op3_both(X86Gen *s, unsigned opc, unsigned d, unsigned a, uint64_t both)
{
    op3_const(s, opc, d, a, both, both);
}

static void load_const(X86Gen *s, unsigned d, uint64_t lo, uint64_t hi)
{
    x86_rm_const(s, I_MOVAPS, d, lo, hi);
}

static void set_zero(X86Gen *s, unsigned d)
{
    asm_rr(&s->a, P_XOR, d, d);
}

static void set_ones(X86Gen *s, unsigned d)
{
    asm_rr(&s->a, P_CMPEQD, d, d);
}

/* d = shuffle of a: pshufd, pshuflw, pshufhw */
static void shuffle(X86Gen *s, unsigned opc, unsigned d, unsigned a, unsigned imm)
{
    asm_rr(&s->a, opc, d, a);
    asm_8(&s->a, imm);
}

/* d = a shifted by n, below the element's width. Bytes and signed quadwords need xmm14. */
enum { SHIFT_RIGHT = 2, SHIFT_SIGNED = 4, SHIFT_LEFT = 6 };

static void shift_whole(X86Gen *s, unsigned size, unsigned how, unsigned d, unsigned a, unsigned n)
{
    Asm *as = &s->a;
    if (s->t->have.avx) {
        asm_vex_rr(as, SSE(0x70 + size), how, d, a);
    } else {
        movaps(s, d, a);
        asm_rr(as, SSE(0x70 + size), how, d);
    }
    asm_8(as, n);
}

static void shift(X86Gen *s, unsigned size, unsigned how, unsigned d, unsigned a, unsigned n)
{
    if (size == 0) {
        uint64_t ones = every(0);
        bool left = how == SHIFT_LEFT;
        shift_whole(s, 1, left ? SHIFT_LEFT : SHIFT_RIGHT, d, a, n);
        op3_both(s, P_AND, d, d, (left ? 0xff << n & 0xff : 0xff >> n) * ones);
        if (how == SHIFT_SIGNED) {
            /* (x ^ sign) - sign copies the moved sign bit upwards. */
            op3_both(s, P_XOR, d, d, (0x80 >> n) * ones);
            op3_both(s, op_sub[0], d, d, (0x80 >> n) * ones);
        }
    } else if (size == 3 && how == SHIFT_SIGNED) {
        if (n == 0) {
            movaps(s, d, a);
            return;
        }
        shift_whole(s, 2, SHIFT_SIGNED, XMM14, a, 31);
        shuffle(s, P_SHUFD, XMM14, XMM14, 0xf5);
        shift_whole(s, 3, SHIFT_RIGHT, d, a, n);
        shift_whole(s, 3, SHIFT_LEFT, XMM14, XMM14, 64 - n);
        op3(s, P_OR, d, d, XMM14);
    } else {
        shift_whole(s, size, how, d, a, n);
    }
}

/* Elements a > b into d, which may be a or b; both scratch registers are lost. */
static void greater(X86Gen *s, unsigned size, bool is_unsigned, unsigned d, unsigned a, unsigned b)
{
    if (is_unsigned) {
        uint64_t top = every(size) << ((8u << size) - 1);
        op3_both(s, P_XOR, XMM15, a, top);
        op3_both(s, P_XOR, XMM14, b, top);
        a = XMM15;
        b = XMM14;
    }
    if (size < 3 || s->t->have.sse42) {
        op3(s, op_gt[size], d, a, b);
        return;
    }
    /* High halves greater, or equal and a borrow in b - a. */
    Asm *as = &s->a;
    unsigned t = x86_temp(s, true);
    asm_rr(as, I_MOVAPS, t, a);
    asm_rr(as, P_CMPEQD, t, b);
    unsigned u = x86_temp(s, true);
    asm_rr(as, I_MOVAPS, u, b);
    asm_rr(as, op_sub[3], u, a);
    asm_rr(as, P_AND, t, u);
    asm_rr(as, I_MOVAPS, u, a);
    asm_rr(as, op_gt[2], u, b);
    asm_rr(as, P_OR, t, u);
    shuffle(s, P_SHUFD, d, t, 0xf5);
}

/* d = ~a; xmm14 is lost. */
static void invert(X86Gen *s, unsigned d, unsigned a)
{
    set_ones(s, XMM14);
    op3(s, P_XOR, d, a, XMM14);
}

/* d = m ? a : b, all bits of m's elements being equal. d may be any of them, and so may xmm15. */
static void choose(X86Gen *s, unsigned d, unsigned m, unsigned a, unsigned b)
{
    /* ((a ^ b) & m) ^ b */
    op3(s, P_XOR, XMM14, a, b);
    asm_rr(&s->a, P_AND, XMM14, m);
    op3(s, P_XOR, d, b, XMM14);
}

/* Elements of the low or high half of a, twice as wide. */
static void widen(X86Gen *s, unsigned size, unsigned aux, unsigned d, unsigned a)
{
    static const uint8_t opc[3] = {0x20, 0x23, 0x25};
    if (aux & TCG_VEC_HIGH) {
        shuffle(s, P_SHUFD, d, a, 0xee);
        a = d;
    }
    asm_rr(&s->a, SSE38(opc[size] + (aux & TCG_VEC_UNSIGNED ? 0x10 : 0)), d, a);
}

static bool vec_mul(X86Gen *s, const TCGOp *op, unsigned d, unsigned a, unsigned b)
{
    switch (op->aux & TCG_VEC_ESIZE) {
    case 0:
        /* Odd bytes: the upper byte of b stays where the product is to be. */
        shift_whole(s, 1, SHIFT_RIGHT, XMM14, a, 8);
        op3_both(s, P_AND, XMM15, b, every(1) * 0xff00);
        asm_rr(&s->a, P_MULLW, XMM15, XMM14);
        op3(s, P_MULLW, XMM14, a, b);
        op3_both(s, P_AND, XMM14, XMM14, every(1) * 0xff);
        op3(s, P_OR, d, XMM15, XMM14);
        return true;
    case 1:
        op3(s, P_MULLW, d, a, b);
        return true;
    case 2:
        op3(s, SSE38(0x40), d, a, b);
        return true;
    default:
        shift_whole(s, 3, SHIFT_RIGHT, XMM15, a, 32);
        asm_rr(&s->a, P_MULUDQ, XMM15, b);
        shift_whole(s, 3, SHIFT_RIGHT, XMM14, b, 32);
        asm_rr(&s->a, P_MULUDQ, XMM14, a);
        asm_rr(&s->a, op_add[3], XMM15, XMM14);
        shift_whole(s, 3, SHIFT_LEFT, XMM15, XMM15, 32);
        op3(s, P_MULUDQ, XMM14, a, b);
        op3(s, op_add[3], d, XMM15, XMM14);
        return true;
    }
}

static bool vec_mull(X86Gen *s, const TCGOp *op, unsigned d, unsigned a, unsigned b)
{
    bool u = op->aux & TCG_VEC_UNSIGNED, high = op->aux & TCG_VEC_HIGH;
    switch (op->aux & TCG_VEC_ESIZE) {
    case 0:
        widen(s, 0, op->aux, XMM15, a);
        widen(s, 0, op->aux, XMM14, b);
        op3(s, P_MULLW, d, XMM15, XMM14);
        return true;
    case 1:
        op3(s, P_MULLW, XMM15, a, b);
        op3(s, u ? SSE(0xe4) : SSE(0xe5), XMM14, a, b);
        op3(s, op_zip[high][1], d, XMM15, XMM14);
        return true;
    default:
        shuffle(s, P_SHUFD, XMM15, a, high ? 0xfa : 0x50);
        shuffle(s, P_SHUFD, XMM14, b, high ? 0xfa : 0x50);
        op3(s, u ? P_MULUDQ : SSE38(0x28), d, XMM15, XMM14);
        return true;
    }
}

/* d = for each lane of 32 or 64 bits (size 2, 3) b if m's is negative, else a. */
static void choose_negative(X86Gen *s, unsigned size, unsigned d, unsigned m, unsigned a,
                            unsigned b)
{
    asm_vex_rr(&s->a, SSE3A(size == 2 ? 0x4a : 0x4b), d, a, b); /* vblendvps, vblendvpd */
    asm_8(&s->a, (m & 15) << 4);
}

/* d = lanes of 32 or 64 bits of a, shifted right by those of n: beyond the width, which negative
 * ones are, 0 or the sign. t is lost; d may be n, but t none of them. */
static void shift_right_lanes(X86Gen *s, unsigned size, bool is_unsigned, unsigned d, unsigned a,
                              unsigned n, unsigned t)
{
    Asm *as = &s->a;
    const unsigned srlv = SSE38(0x45) | (size == 3 ? OP_W : 0), sravd = SSE38(0x46);
    if (is_unsigned || size == 2) {
        asm_vex_rr(as, is_unsigned ? srlv : sravd, d, a, n);
        return;
    }
    /* The sign is inverted off before, and on after. */
    unsigned x = x86_temp(s, true);
    set_zero(s, t);
    asm_vex_rr(as, op_gt[3], t, t, a);
    asm_vex_rr(as, P_XOR, x, a, t);
    asm_vex_rr(as, srlv, d, x, n);
    asm_vex_rr(as, P_XOR, d, d, t);
    x86_unlock(s, x);
}

/*
 * d = lanes of 32 or 64 bits of a, shifted by those of xmm15, negative ones to the right; aux as of
 * vshlv. xmm14, t and u are lost; d may be a.
 */
static void shift_lanes(X86Gen *s, unsigned size, unsigned aux, unsigned d, unsigned a, unsigned t,
                        unsigned u)
{
    Asm *as = &s->a;
    bool is_unsigned = aux & TCG_VEC_UNSIGNED;
    /* Counts beyond the width, negative ones too, give 0. */
    asm_vex_rr(as, SSE38(0x47) | (size == 3 ? OP_W : 0), t, a, XMM15); /* vpsllv */
    if (aux & TCG_VEC_SAT) {
        /* What comes back fitted. */
        shift_right_lanes(s, size, is_unsigned, XMM14, t, XMM15, u);
        asm_vex_rr(as, op_eq[size], XMM14, XMM14, a);
        if (aux & TCG_VEC_QC) {
            set_ones(s, t);
            asm_vex_rr(as, P_XOR, t, t, XMM14);
            set_zero(s, u);
            choose_negative(s, size, d, XMM15, t, u);
            return;
        }
        if (is_unsigned) {
            set_ones(s, u);
            asm_vex_rr(as, P_XOR, XMM14, XMM14, u);
            asm_vex_rr(as, P_OR, t, t, XMM14);
        } else {
            set_zero(s, u);
            asm_vex_rr(as, op_gt[size], u, u, a);
            op3_both(s, P_XOR, u, u, every(size) * (UINT64_MAX >> (size == 2 ? 33 : 1)));
            choose_negative(s, size, t, XMM14, u, t);
        }
    }
    if (aux & TCG_VEC_ROUND) {
        /* By one less, then the half of that rounded up. */
        set_ones(s, XMM14);
        asm_vex_rr(as, P_XOR, XMM14, XMM14, XMM15);
        shift_right_lanes(s, size, is_unsigned, XMM14, a, XMM14, u);
        if (is_unsigned || size == 2) {
            shift_whole(s, size, is_unsigned ? SHIFT_RIGHT : SHIFT_SIGNED, u, XMM14, 1);
        } else {
            /* x >> 1, signed, is x's sign and the rest of x moved down. */
            unsigned x = x86_temp(s, true);
            op3_both(s, P_AND, x, XMM14, UINT64_C(1) << 63);
            shift_whole(s, 3, SHIFT_RIGHT, u, XMM14, 1);
            asm_vex_rr(as, P_OR, u, u, x);
            x86_unlock(s, x);
        }
        asm_vex_rr(as, op_sub[size], XMM14, XMM14, u);
    } else {
        set_zero(s, XMM14);
        asm_vex_rr(as, op_sub[size], XMM14, XMM14, XMM15);
        shift_right_lanes(s, size, is_unsigned, XMM14, a, XMM14, u);
    }
    if (is_unsigned && !(aux & TCG_VEC_SAT)) {
        asm_vex_rr(as, P_OR, d, t, XMM14);
    } else {
        choose_negative(s, size, d, XMM15, t, XMM14);
    }
}

/*
 * Bytes and words as lanes of 32 bits, a quarter or a half of them at a time. The counts are
 * limited so that none is lost to the left; saturation is the narrowing's.
 */
static void shift_narrow(X86Gen *s, unsigned size, unsigned aux, unsigned d, unsigned a, unsigned b)
{
    Asm *as = &s->a;
    bool u = aux & TCG_VEC_UNSIGNED, sat = aux & TCG_VEC_SAT, qc = aux & TCG_VEC_QC;
    unsigned w = 8u << size, parts = size ? 2 : 4,
             lanes_aux = aux & (TCG_VEC_UNSIGNED | TCG_VEC_ROUND);
    uint64_t max = u || !sat ? (1u << w) - 1 : (1u << (w - 1)) - 1;
    unsigned t = x86_temp(s, true), x = x86_temp(s, true), e = x86_temp(s, true);
    unsigned acc[2] = {x86_temp(s, true), x86_temp(s, true)};
    bool pack_signed = qc || (sat && !u);
    for (unsigned k = 0; k < parts; k++) {
        unsigned which = size ? (k ? 0xee : 0x44) : k * 0x55;
        shuffle(s, P_SHUFD, XMM15, b, which);
        asm_rr(as, SSE38(size ? 0x23 : 0x21), XMM15, XMM15); /* pmovsx */
        if (size) {
            shift_whole(s, 2, SHIFT_LEFT, XMM15, XMM15, 24);
            shift_whole(s, 2, SHIFT_SIGNED, XMM15, XMM15, 24);
        }
        shuffle(s, P_SHUFD, e, a, which);
        asm_rr(as, SSE38((size ? 0x23 : 0x21) + (u ? 0x10 : 0)), e, e);
        if (sat) {
            op3_both(s, op_min[0][2], XMM15, XMM15, every(2) * 16);
        }
        shift_lanes(s, 2, lanes_aux, e, e, t, x);
        if (!sat) {
            op3_both(s, P_AND, e, e, every(2) * max);
        } else if (u || qc) {
            op3_both(s, op_min[u][2], t, e, every(2) * max);
            if (qc && !u) {
                op3_both(s, op_max[0][2], t, t, every(2) * (uint32_t)~max);
            }
            if (qc) {
                asm_vex_rr(as, op_eq[2], e, e, t);
            } else {
                movaps(s, e, t);
            }
        }
        unsigned to = acc[size ? k : k / 2];
        if (size || k % 2 == 0) {
            movaps(s, to, e);
        } else {
            asm_vex_rr(as, pack_signed ? P_PACKSSDW : SSE38(0x2b), to, to, e);
        }
    }
    unsigned pack =
        size ? (pack_signed ? P_PACKSSDW : SSE38(0x2b)) : (pack_signed ? SSE(0x63) : P_PACKUSWB);
    asm_vex_rr(as, pack, d, acc[0], acc[1]);
    if (qc) {
        invert(s, d, d);
    }
}

static bool vec_shlv(X86Gen *s, const TCGOp *op, unsigned d, unsigned a, unsigned b)
{
    unsigned size = op->aux & TCG_VEC_ESIZE;
    if (!s->t->have.avx2) {
        return false;
    }
    if (size < 2) {
        /* With operands and result, so many registers at once: a region may have pinned more. */
        if (__builtin_popcount(s->pins->temps & XMMS) < 9) {
            return false;
        }
        shift_narrow(s, size, op->aux, d, a, b);
        return true;
    }
    if (size == 2) {
        shift_whole(s, 2, SHIFT_LEFT, XMM15, b, 24);
        shift_whole(s, 2, SHIFT_SIGNED, XMM15, XMM15, 24);
    } else {
        op3_const(s, P_SHUFB, XMM15, b, 0x8080808080800800, 0x8080808080808080);
        asm_rr(&s->a, SSE38(0x22), XMM15, XMM15); /* pmovsxbq */
    }
    unsigned t = x86_temp(s, true), u = x86_temp(s, true);
    shift_lanes(s, size, op->aux, d, a, t, u);
    return true;
}

static bool vec_qdmulh(X86Gen *s, const TCGOp *op, unsigned d, unsigned a, unsigned b)
{
    if ((op->aux & TCG_VEC_ESIZE) != 1 || (op->aux & TCG_VEC_QC)) {
        return false;
    }
    if (op->aux & TCG_VEC_ROUND) {
        op3(s, SSE38(0x0b), XMM15, a, b); /* pmulhrsw */
    } else {
        op3(s, P_MULLW, XMM15, a, b);
        shift_whole(s, 1, SHIFT_RIGHT, XMM15, XMM15, 15);
        op3(s, SSE(0xe5), XMM14, a, b);
        asm_rr(&s->a, op_add[1], XMM14, XMM14);
        asm_rr(&s->a, P_OR, XMM15, XMM14);
    }
    /* Only the smallest number's square is 0x8000 now: it becomes 0x7fff. */
    op3_both(s, op_eq[1], XMM14, XMM15, every(1) * 0x8000);
    op3(s, P_XOR, d, XMM15, XMM14);
    return true;
}

static bool vec_narrow(X86Gen *s, const TCGOp *op, unsigned d, unsigned a, unsigned b)
{
    unsigned size = op->aux & TCG_VEC_ESIZE;
    bool u = op->aux & TCG_VEC_UNSIGNED, mixed = op->aux & TCG_VEC_MIXED;
    if (size > 1 || (op->aux & TCG_VEC_QC) || (!u && mixed)) {
        return false;
    }
    unsigned pack = u ? (size ? SSE38(0x2b) : P_PACKUSWB) : (size ? P_PACKSSDW : SSE(0x63));
    if (u && !mixed) {
        uint64_t max = every(size + 1) * (size ? 0xffff : 0xff);
        op3_both(s, op_min[1][size + 1], XMM15, a, max);
        op3_both(s, op_min[1][size + 1], XMM14, b, max);
        a = XMM15;
        b = XMM14;
    }
    op3(s, pack, d, a, b);
    return true;
}

static bool vec_unzip(X86Gen *s, const TCGOp *op, unsigned d, unsigned a, unsigned b)
{
    bool odd = op->aux & TCG_VEC_HIGH;
    switch (op->aux & TCG_VEC_ESIZE) {
    case 0:
        if (odd) {
            shift_whole(s, 1, SHIFT_RIGHT, XMM15, a, 8);
            shift_whole(s, 1, SHIFT_RIGHT, XMM14, b, 8);
        } else {
            op3_both(s, P_AND, XMM15, a, every(1) * 0xff);
            op3_both(s, P_AND, XMM14, b, every(1) * 0xff);
        }
        op3(s, P_PACKUSWB, d, XMM15, XMM14);
        return true;
    case 1:
        for (unsigned k = 0; k < 2; k++) {
            unsigned t = k ? XMM14 : XMM15, x = k ? b : a;
            if (!odd) {
                shift_whole(s, 2, SHIFT_LEFT, t, x, 16);
                x = t;
            }
            shift_whole(s, 2, SHIFT_SIGNED, t, x, 16);
        }
        op3(s, P_PACKSSDW, d, XMM15, XMM14);
        return true;
    case 2:
        op3i(s, P_SHUFPS, d, a, b, odd ? 0xdd : 0x88);
        return true;
    default:
        op3(s, op_zip[odd][3], d, a, b);
        return true;
    }
}

static bool vec_trn(X86Gen *s, const TCGOp *op, unsigned d, unsigned a, unsigned b)
{
    unsigned size = op->aux & TCG_VEC_ESIZE, w = 8u << size;
    bool odd = op->aux & TCG_VEC_HIGH;
    if (size == 3) {
        op3(s, op_zip[odd][3], d, a, b);
    } else if (size == 2) {
        op3i(s, P_SHUFPS, XMM15, a, b, odd ? 0xdd : 0x88);
        shuffle(s, P_SHUFD, d, XMM15, 0xd8);
    } else {
        uint64_t low = every(size + 1) * ((1u << w) - 1);
        if (odd) {
            shift_whole(s, size + 1, SHIFT_RIGHT, XMM15, a, w);
            op3_both(s, P_AND, XMM14, b, ~low);
        } else {
            op3_both(s, P_AND, XMM15, a, low);
            shift_whole(s, size + 1, SHIFT_LEFT, XMM14, b, w);
        }
        op3(s, P_OR, d, XMM15, XMM14);
    }
    return true;
}

static bool vec_dupe(X86Gen *s, const TCGOp *op, unsigned d, unsigned a)
{
    unsigned n = op->imm;
    switch (op->aux & TCG_VEC_ESIZE) {
    case 0:
        op3_both(s, P_SHUFB, d, a, n * every(0));
        return true;
    case 1:
        shuffle(s, 0x70 | OP_0F | (n < 4 ? OP_F2 : OP_F3), XMM15, a, (n & 3) * 0x55);
        shuffle(s, P_SHUFD, d, XMM15, n < 4 ? 0x44 : 0xee);
        return true;
    case 2:
        shuffle(s, P_SHUFD, d, a, n * 0x55);
        return true;
    default:
        shuffle(s, P_SHUFD, d, a, n ? 0xee : 0x44);
        return true;
    }
}

/* Each nibble of each byte through a table: d = low[nibble 0] combined with high[nibble 1]. */
static void nibbles(X86Gen *s, unsigned combine, unsigned d, unsigned a, const uint64_t low[2],
                    const uint64_t high[2])
{
    unsigned t = x86_temp(s, true);
    op3_both(s, P_AND, XMM14, a, every(0) * 15);
    load_const(s, XMM15, low[0], low[1]);
    asm_rr(&s->a, P_SHUFB, XMM15, XMM14);
    shift_whole(s, 1, SHIFT_RIGHT, XMM14, a, 4);
    op3_both(s, P_AND, XMM14, XMM14, every(0) * 15);
    load_const(s, t, high[0], high[1]);
    asm_rr(&s->a, P_SHUFB, t, XMM14);
    op3(s, combine, d, XMM15, t);
}

/* Leading zeros: of bytes by the higher nibble, or 4 more than those of the lower one, whichever is
 * less; of what is wider by its higher half, and the lower one where that is zero. */
static void leading_zeros(X86Gen *s, unsigned size, unsigned d, unsigned a)
{
    static const uint64_t low[2] = {0x0505050506060708, 0x0404040404040404};
    static const uint64_t high[2] = {0x01010101020203ff, 0};
    nibbles(s, op_min[1][0], d, a, low, high);
    for (unsigned k = 1; k <= size; k++) {
        unsigned half = 4u << k;
        shift_whole(s, k, SHIFT_RIGHT, XMM14, d, half);
        op3_both(s, P_AND, XMM15, d, every(k) * ((1u << half) - 1));
        op3_both(s, op_eq[k], d, XMM14, every(k) * half);
        asm_rr(&s->a, P_AND, XMM15, d);
        op3(s, op_add[k], d, XMM14, XMM15);
    }
}

/* Polynomials of bytes, from b's highest bit down: the sum is doubled, and a added where b has it.
 */
static void polynomials(X86Gen *s, unsigned half, unsigned d, unsigned a, unsigned b)
{
    unsigned sum = x86_temp(s, true), m = x86_temp(s, true);
    widen(s, 0, TCG_VEC_UNSIGNED | half, XMM15, a);
    widen(s, 0, TCG_VEC_UNSIGNED | half, XMM14, b);
    shift_whole(s, 1, SHIFT_LEFT, XMM14, XMM14, 8);
    set_zero(s, sum);
    for (unsigned bit = 0; bit < 8; bit++) {
        asm_rr(&s->a, op_add[1], sum, sum);
        shift_whole(s, 1, SHIFT_SIGNED, m, XMM14, 15);
        asm_rr(&s->a, P_AND, m, XMM15);
        asm_rr(&s->a, P_XOR, sum, m);
        asm_rr(&s->a, op_add[1], XMM14, XMM14);
    }
    movaps(s, d, sum);
}

static bool vec_dot(X86Gen *s, const TCGOp *op, const uint8_t r[3], unsigned d)
{
    Asm *as = &s->a;
    bool u = op->aux & TCG_VEC_UNSIGNED, mixed = op->aux & TCG_VEC_MIXED;
    unsigned ub = u || mixed ? TCG_VEC_UNSIGNED : 0, uc = u && !mixed ? TCG_VEC_UNSIGNED : 0;
    unsigned t = x86_temp(s, true);
    for (unsigned k = 0; k < 2; k++) {
        unsigned high = k ? TCG_VEC_HIGH : 0, to = k ? XMM15 : t;
        widen(s, 0, ub | high, to, r[1]);
        widen(s, 0, uc | high, XMM14, r[2]);
        asm_rr(as, SSE(0xf5), to, XMM14); /* pmaddwd */
    }
    asm_rr(as, SSE38(0x02), t, XMM15); /* phaddd */
    op3(s, op_add[2], d, t, r[0]);
    return true;
}

/* Each doubleword of a rotated left by n; xmm14 is lost. */
static void rotate(X86Gen *s, unsigned d, unsigned a, unsigned n)
{
    shift_whole(s, 2, SHIFT_LEFT, XMM14, a, n);
    shift_whole(s, 2, SHIFT_RIGHT, d, a, 32 - n);
    asm_rr(&s->a, P_OR, d, XMM14);
}

/*
 * SHA-1 and SHA-256 by Intel's SHA extensions (SDM volume 2, SHA1RNDS4 to SHA256RNDS2), which keep
 * a, the first of the working variables, in the highest doubleword where Arm has it in the lowest.
 */
static bool vec_sha(X86Gen *s, const TCGOp *op, const uint8_t r[3], unsigned d)
{
    Asm *as = &s->a;
    const unsigned sha1rnds4 = 0xcc | OP_3A, rnds2 = 0xcb | OP_38, msg1 = 0xcc | OP_38,
                   msg2 = 0xcd | OP_38, reverse = 0x1b;
    static const uint32_t k[3] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc};
    switch (op->imm) {
    case TCG_SHA1C:
    case TCG_SHA1P:
    case TCG_SHA1M: {
        /* The instruction adds the constant, which Arm's operand contains. */
        unsigned f = op->imm == TCG_SHA1C ? 0 : op->imm == TCG_SHA1P ? 1 : 2;
        shuffle(s, P_SHUFD, XMM15, r[2], reverse);
        op3_both(s, op_sub[2], XMM15, XMM15, k[f] | (uint64_t)k[f] << 32);
        movaps(s, XMM14, r[1]);
        asm_rr(as, SSE(0x73), 7, XMM14); /* pslldq */
        asm_8(as, 12);
        asm_rr(as, op_add[2], XMM15, XMM14);
        shuffle(s, P_SHUFD, XMM14, r[0], reverse);
        asm_rr(as, sha1rnds4, XMM14, XMM15);
        asm_8(as, f);
        shuffle(s, P_SHUFD, d, XMM14, reverse);
        return true;
    }
    case TCG_SHA1H:
        asm_rr(as, I_MOVD_RX, r[1], RAX);
        asm_shift_ri(as, 0, SH_ROL, RAX, 30);
        asm_rr(as, I_MOVD_XR, d, RAX);
        return true;
    case TCG_SHA1SU0:
        op3(s, P_XOR, XMM15, r[0], r[2]);
        movaps(s, XMM14, r[1]);
        asm_rr(as, SSE3A(0x0f), XMM14, r[0]); /* palignr */
        asm_8(as, 8);
        op3(s, P_XOR, d, XMM15, XMM14);
        return true;
    case TCG_SHA1SU1:
        movaps(s, XMM15, r[1]);
        asm_rr(as, SSE(0x73), 3, XMM15); /* psrldq */
        asm_8(as, 4);
        asm_rr(as, P_XOR, XMM15, r[0]);
        rotate(s, d, XMM15, 1);
        asm_rr(as, SSE(0x73), 7, XMM15);
        asm_8(as, 12);
        rotate(s, XMM15, XMM15, 2);
        asm_rr(as, P_XOR, d, XMM15);
        return true;
    case TCG_SHA256H:
    case TCG_SHA256H2: {
        /* From abcd and efgh, lowest first, to abef and cdgh, highest first; xmm0 is the message.
         */
        unsigned x = op->imm == TCG_SHA256H ? r[0] : r[1], y = op->imm == TCG_SHA256H ? r[1] : r[0];
        unsigned t = x86_temp(s, true), save = x86_temp(s, true);
        op3(s, P_UNPCKLQDQ, XMM15, y, x);        /* e f a b */
        shuffle(s, P_SHUFD, XMM15, XMM15, 0xb1); /* f e b a */
        op3(s, P_UNPCKHQDQ, XMM14, y, x);
        shuffle(s, P_SHUFD, XMM14, XMM14, 0xb1); /* h g d c */
        movaps(s, t, r[2]);
        bool keep = t != XMM0;
        if (keep) {
            movaps(s, save, XMM0);
            movaps(s, XMM0, t);
        }
        asm_rr(as, rnds2, XMM14, XMM15);
        shuffle(s, P_SHUFD, XMM0, XMM0, 0x0e);
        asm_rr(as, rnds2, XMM15, XMM14);
        if (keep) {
            movaps(s, XMM0, save);
        }
        /* Two rounds make what was abef cdgh: xmm15 is the new abef, xmm14 the new cdgh. */
        if (op->imm == TCG_SHA256H) {
            op3(s, P_UNPCKHQDQ, d, XMM15, XMM14); /* b a d c */
        } else {
            op3(s, P_UNPCKLQDQ, d, XMM15, XMM14); /* f e h g */
        }
        shuffle(s, P_SHUFD, d, d, 0xb1);
        return true;
    }
    case TCG_SHA256SU0:
        movaps(s, XMM15, r[0]);
        asm_rr(as, msg1, XMM15, r[1]);
        movaps(s, d, XMM15);
        return true;
    case TCG_SHA256SU1:
        movaps(s, XMM15, r[2]);
        asm_rr(as, SSE3A(0x0f), XMM15, r[1]);
        asm_8(as, 4);
        asm_rr(as, op_add[2], XMM15, r[0]);
        asm_rr(as, msg2, XMM15, r[2]);
        movaps(s, d, XMM15);
        return true;
    default:
        return false;
    }
}

/* Inline code for op; false: none, and none was emitted. r[] are its operands, d its result. */
static bool emit_inline(X86Gen *s, const TCGOp *op, const uint8_t r[3], unsigned d)
{
    static const uint64_t reversed[2] = {0xe060a020c0408000, 0xf070b030d0509010};
    static const uint64_t reversed_low[2] = {0x0e060a020c040800, 0x0f070b030d050901};
    static const uint64_t counts[2] = {0x0302020102010100, 0x0403030203020201};
    unsigned a = r[0], b = r[1], c = r[2], size = op->aux & TCG_VEC_ESIZE;
    bool u = op->aux & TCG_VEC_UNSIGNED, high = op->aux & TCG_VEC_HIGH;
    const X86Features *have = &s->t->have;
    switch (op->opc) {
    case TCG_OP_vand:
        op3(s, P_AND, d, a, b);
        return true;
    case TCG_OP_vor:
        op3(s, P_OR, d, a, b);
        return true;
    case TCG_OP_vxor:
        op3(s, P_XOR, d, a, b);
        return true;
    case TCG_OP_vandc:
        op3(s, P_ANDN, d, b, a);
        return true;
    case TCG_OP_vorc:
        invert(s, XMM15, b);
        op3(s, P_OR, d, XMM15, a);
        return true;
    case TCG_OP_vnot:
        invert(s, d, a);
        return true;
    case TCG_OP_vbitsel:
        choose(s, d, a, b, c);
        return true;
    case TCG_OP_vadd:
        op3(s, op_add[size], d, a, b);
        return true;
    case TCG_OP_vsub:
        op3(s, op_sub[size], d, a, b);
        return true;
    case TCG_OP_vneg:
        set_zero(s, XMM15);
        op3(s, op_sub[size], d, XMM15, a);
        return true;
    case TCG_OP_vcmpgt:
        greater(s, size, u, d, a, b);
        return true;
    case TCG_OP_vcmpeq:
        if (size < 3 || have->sse41) {
            op3(s, op_eq[size], d, a, b);
        } else {
            op3(s, P_CMPEQD, XMM15, a, b);
            shuffle(s, P_SHUFD, XMM14, XMM15, 0xb1);
            op3(s, P_AND, d, XMM15, XMM14);
        }
        return true;
    case TCG_OP_vshli:
        shift(s, size, SHIFT_LEFT, d, a, op->imm);
        return true;
    case TCG_OP_vshri:
        shift(s, size, SHIFT_RIGHT, d, a, op->imm);
        return true;
    case TCG_OP_vsari:
        shift(s, size, SHIFT_SIGNED, d, a, op->imm);
        return true;
    case TCG_OP_vzip:
        op3(s, op_zip[high][size], d, a, b);
        return true;
    case TCG_OP_vunzip:
        return vec_unzip(s, op, d, a, b);
    case TCG_OP_vtrn:
        return vec_trn(s, op, d, a, b);
    default:
        break;
    }
    /* The rest needs SSSE3 or SSE4.1 here and there. */
    if (!have->sse41 || !have->sse42) {
        return false;
    }
    switch (op->opc) {
    case TCG_OP_vdupe:
        return vec_dupe(s, op, d, a);
    case TCG_OP_vmul:
        return vec_mul(s, op, d, a, b);
    case TCG_OP_vabs:
        if (size < 3) {
            asm_rr(&s->a, SSE38(0x1c + size), d, a);
        } else {
            set_zero(s, XMM15);
            asm_rr(&s->a, op_gt[3], XMM15, a);
            op3(s, P_XOR, XMM14, a, XMM15);
            op3(s, op_sub[3], d, XMM14, XMM15);
        }
        return true;
    case TCG_OP_vmin:
    case TCG_OP_vmax: {
        bool max = op->opc == TCG_OP_vmax;
        if (size < 3) {
            op3(s, (max ? op_max : op_min)[u][size], d, a, b);
        } else {
            greater(s, 3, u, XMM15, a, b);
            choose(s, d, XMM15, max ? a : b, max ? b : a);
        }
        return true;
    }
    case TCG_OP_vavg:
        if (u && (op->aux & TCG_VEC_ROUND) && size < 2) {
            op3(s, SSE(size ? 0xe3 : 0xe0), d, a, b);
        } else {
            bool round = op->aux & TCG_VEC_ROUND;
            op3(s, P_XOR, XMM15, a, b);
            shift(s, size, u ? SHIFT_RIGHT : SHIFT_SIGNED, XMM15, XMM15, 1);
            op3(s, round ? P_OR : P_AND, XMM14, a, b);
            op3(s, round ? op_sub[size] : op_add[size], d, XMM14, XMM15);
        }
        return true;
    case TCG_OP_vqadd:
    case TCG_OP_vqsub:
        if (size > 1 || (op->aux & (TCG_VEC_QC | TCG_VEC_MIXED))) {
            return false;
        }
        op3(s, (op->opc == TCG_OP_vqadd ? op_qadd : op_qsub)[u][size], d, a, b);
        return true;
    case TCG_OP_vcmpge:
        if (u && size < 3) {
            op3(s, op_max[1][size], XMM15, a, b);
            op3(s, op_eq[size], d, XMM15, a);
        } else {
            greater(s, size, u, XMM15, b, a);
            invert(s, d, XMM15);
        }
        return true;
    case TCG_OP_vtst:
        op3(s, P_AND, XMM15, a, b);
        set_zero(s, XMM14);
        asm_rr(&s->a, op_eq[size], XMM15, XMM14);
        invert(s, d, XMM15);
        return true;
    case TCG_OP_vshlv:
        return vec_shlv(s, op, d, a, b);
    case TCG_OP_vmull:
        return vec_mull(s, op, d, a, b);
    case TCG_OP_vpmull:
        if (size == 0) {
            polynomials(s, high ? TCG_VEC_HIGH : 0, d, a, b);
            return true;
        }
        if (!have->pclmul) {
            return false;
        }
        op3i(s, SSE3A(0x44), d, a, b, high ? 0x11 : 0);
        return true;
    case TCG_OP_vqdmulh:
        return vec_qdmulh(s, op, d, a, b);
    case TCG_OP_vdot:
        return vec_dot(s, op, r, d);
    case TCG_OP_vwiden:
        widen(s, size, op->aux, d, a);
        return true;
    case TCG_OP_vqnarrow:
        return vec_narrow(s, op, d, a, b);
    case TCG_OP_vext:
        op3i(s, SSE3A(0x0f), d, b, a, op->imm);
        return true;
    case TCG_OP_vrev: {
        uint64_t index[2] = {0, 0};
        for (unsigned i = 0; i < 16; i++) {
            uint64_t from = i ^ ((op->imm - 1) & ~((1u << size) - 1));
            index[i / 8] |= from << (i % 8 * 8);
        }
        op3_const(s, P_SHUFB, d, a, index[0], index[1]);
        return true;
    }
    case TCG_OP_vtbl:
        op3_both(s, P_ADDUSB, XMM15, b, every(0) * 0x70);
        op3(s, P_SHUFB, d, a, XMM15);
        return true;
    case TCG_OP_vrbit:
        nibbles(s, P_OR, d, a, reversed, reversed_low);
        return true;
    case TCG_OP_vclz:
        leading_zeros(s, size, d, a);
        return true;
    case TCG_OP_vpopcnt:
        nibbles(s, op_add[0], d, a, counts, counts);
        return true;
    case TCG_OP_vaes:
        if (!have->aes) {
            return false;
        }
        set_zero(s, XMM15);
        switch (op->imm) {
        case TCG_AES_SUB_SHIFT:
            op3(s, SSE38(0xdd), d, a, XMM15);
            break;
        case TCG_AES_INV_SUB_SHIFT:
            op3(s, SSE38(0xdf), d, a, XMM15);
            break;
        case TCG_AES_MIX:
            op3(s, SSE38(0xdf), XMM14, a, XMM15);
            op3(s, SSE38(0xdc), d, XMM14, XMM15);
            break;
        default:
            asm_rr(&s->a, SSE38(0xdb), d, a);
            break;
        }
        return true;
    case TCG_OP_vsha:
        return have->sha && vec_sha(s, op, r, d);
    default:
        return false;
    }
}

/* Operands only of vectors: inline if there is a way, else by C. */
static void emit_vector(X86Gen *s, const TCGOp *op)
{
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, BIT(r[0]));
    bool done = op->opc >= TCG_OP_vfadd ? x86_emit_vfp(s, op, r, d) : emit_inline(s, op, r, d);
    if (!done) {
        call_c(s, op, r, d);
    }
    x86_bind(s, d);
}

void x86_stub_vec(X86Gen *s, const Stub *st)
{
    call_c(s, &s->u->ops[st->op], st->r, st->r[3]);
    asm_jmp_to(&s->a, st->back);
}

static void emit_vdup(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned a = x86_use(s, x86_root(s, op->a));
    unsigned size = op->aux & 3;
    x86_advance(s);
    unsigned d = x86_def(s, 0);
    asm_rr(as, I_MOVD_XR | (size == 3 ? OP_W : 0), d, a);
    switch (size) {
    case 0:
        asm_rr(as, SSE(0x60), d, d);
        /* fall through */
    case 1:
        asm_rr(as, 0x70 | OP_0F | OP_F2, d, d);
        asm_8(as, 0);
        asm_rr(as, SSE(0x6c), d, d);
        break;
    case 2:
        asm_rr(as, SSE(0x70), d, d);
        asm_8(as, 0);
        break;
    default:
        asm_rr(as, SSE(0x6c), d, d);
        break;
    }
    x86_bind(s, d);
}

/* pextr and pinsr of bytes and words: SSE4.1 but for words. */
static void emit_vextract(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned size = op->aux & TCG_VEC_ESIZE, n = op->imm;
    bool sx = !(op->aux & TCG_VEC_UNSIGNED), w = op->type == TCG_I64;
    unsigned a = x86_use(s, x86_root(s, op->a));
    x86_advance(s);
    unsigned d = x86_def(s, 0);
    switch (size) {
    case 0:
        asm_rr(as, SSE(0xc5), d, a); /* pextrw */
        asm_8(as, n / 2);
        if (n & 1) {
            asm_shift_ri(as, 0, SH_SHR, d, 8);
        }
        if (sx) {
            asm_rr(as, I_MOVSX8 | (w ? OP_W : 0), d, d);
        } else if (!(n & 1)) {
            asm_rr(as, I_MOVZX8, d, d);
        }
        break;
    case 1:
        asm_rr(as, SSE(0xc5), d, a);
        asm_8(as, n);
        if (sx) {
            asm_rr(as, I_MOVSX16 | (w ? OP_W : 0), d, d);
        }
        break;
    default:
        if (n) {
            asm_rr(as, SSE(0x70), XMM15, a); /* pshufd */
            asm_8(as, n);
            a = XMM15;
        }
        asm_rr(as, I_MOVD_RX, a, d);
        if (sx && w) {
            asm_rr(as, I_MOVSXD, d, d);
        }
        break;
    }
    s->val[s->i].zx = !w;
    x86_bind(s, d);
}

static void emit_vinsert(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned size = op->aux & TCG_VEC_ESIZE, n = op->imm;
    unsigned a = x86_use(s, x86_root(s, op->a)), b = x86_use(s, x86_root(s, op->b));
    x86_advance(s);
    unsigned d = x86_def(s, BIT(a));
    movaps(s, d, a);
    if (size == 1) {
        asm_rr(as, SSE(0xc4), d, b); /* pinsrw */
        asm_8(as, n);
    } else if (size == 0) {
        /* The word with the other byte. */
        asm_rr(as, SSE(0xc5), RAX, d);
        asm_8(as, n / 2);
        asm_rr(as, I_MOVZX8, RDX, b);
        if (n & 1) {
            asm_rr(as, I_MOVZX8, RAX, RAX);
            asm_shift_ri(as, 0, SH_SHL, RDX, 8);
        } else {
            asm_alu_ri(as, 0, ALU_AND, RAX, 0xff00);
        }
        asm_alu_rr(as, 0, ALU_OR, RAX, RDX);
        asm_rr(as, SSE(0xc4), d, RAX);
        asm_8(as, n / 2);
    } else {
        for (unsigned k = 0; k < 2; k++) {
            if (k) {
                asm_mov_rr(as, 0, RAX, b);
                asm_shift_ri(as, 0, SH_SHR, RAX, 16);
            }
            asm_rr(as, SSE(0xc4), d, k ? RAX : b);
            asm_8(as, 2 * n + k);
        }
    }
    x86_bind(s, d);
}

/* Is what lies above the scalar v in its register zero? So it is when it came from memory or from a
 * general register; where it went since then was copied whole, or came from memory again. */
static bool zeros_above(const X86Gen *s, TCGv v)
{
    const TCGOp *op = &s->u->ops[x86_root(s, v)];
    switch (op->opc) {
    case TCG_OP_getcell:
        return op->type == s->u->ops[v.i].type && s->pins->of_cell[op->aux] == REG_NONE;
    case TCG_OP_ld:
    case TCG_OP_ldenv:
        return op->type == s->u->ops[v.i].type && !(op->aux & TCG_MO_SIGN);
    case TCG_OP_bitcast:
    case TCG_OP_fconst:
        return op->type == s->u->ops[v.i].type;
    default:
        return false;
    }
}

static void emit_vld_lo(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    bool zeros = zeros_above(s, op->a);
    unsigned a = x86_use(s, x86_root(s, op->a));
    x86_advance(s);
    unsigned d = x86_def(s, BIT(a));
    if (zeros) {
        movaps(s, d, a);
    } else if (s->u->ops[op->a.i].type == TCG_F64) {
        asm_rr(as, I_MOVQ_XX, d, a);
    } else if (s->t->have.sse41) {
        asm_rr(as, SSE3A(0x21), d, a); /* insertps */
        asm_8(as, 0x0e);
    } else {
        asm_rr(as, I_XORPS, XMM15, XMM15);
        asm_rr(as, I_MOVSS_RM, XMM15, a);
        movaps(s, d, XMM15);
    }
    x86_bind(s, d);
}

void x86_emit_vec(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned a, b, d;
    switch (op->opc) {
    case TCG_OP_vld_lo:
        emit_vld_lo(s, op);
        break;
    case TCG_OP_vextract:
        emit_vextract(s, op);
        break;
    case TCG_OP_vinsert:
        emit_vinsert(s, op);
        break;
    case TCG_OP_vget:
        a = x86_use(s, x86_root(s, op->a));
        x86_advance(s);
        d = x86_def(s, 0);
        if (op->imm) {
            asm_rr(as, SSE(0x70), XMM15, a);
            asm_8(as, 0xee);
            a = XMM15;
        }
        asm_rr(as, I_MOVD_RX | OP_W, a, d);
        x86_bind(s, d);
        break;
    case TCG_OP_vset:
        a = x86_use(s, x86_root(s, op->a));
        b = x86_use(s, x86_root(s, op->b));
        x86_advance(s);
        d = x86_def(s, BIT(a));
        asm_rr(as, I_MOVD_XR | OP_W, XMM15, b);
        movaps(s, d, a);
        if (op->imm) {
            asm_rr(as, SSE(0x6c), d, XMM15);
        } else {
            asm_rr(as, I_MOVSD_RM, d, XMM15);
        }
        x86_bind(s, d);
        break;
    case TCG_OP_vdup:
        emit_vdup(s, op);
        break;
    default:
        emit_vector(s, op);
        break;
    }
}

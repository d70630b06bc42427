/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Folding: constants, identities, and what known zero and sign bits make superfluous. The builder
 * asks before it appends an op; what is built here goes through the builder again, so everything
 * reaches its simplest form in one forward walk.
 *
 * Canonical forms that the rules rely on and hosts may count on: a constant operand of a
 * commutative op or a setcond is the second; sub of a constant is add; masks of 8, 16 and 32 bits
 * are extensions; a select's condition is never setcond(x, ne, 0).
 *
 * Invariants: a rule never makes a unit longer on the path taken, and reads only the ops that
 * define its operands. FP arithmetic is not folded, for its flags depend on the guest's state.
 *
 * Tests: tests/unit/test-tcg.c runs random units with and without folding.
 */
#include <string.h>
#include "tcg/internal.h"

/* tcg_fold() only chooses: most ops have no rule, and should not pay for the others' registers. */
#define RULE G_GNUC_NO_INLINE

static inline uint64_t type_mask(unsigned type)
{
    return type == TCG_I32 ? UINT32_MAX : UINT64_MAX;
}

static inline bool is_k(const TCGBuilder *b, TCGv v, int64_t k)
{
    const TCGOp *d = tcg_def(b, v);
    return d->opc == TCG_OP_const && d->imm == k;
}

static inline bool same(TCGv x, TCGv y)
{
    return x.i == y.i;
}

static inline bool has_op(const TCGBuilder *b, TCGOpcode opc)
{
    return !b->has || b->has[opc];
}

static inline bool is_pow2(uint64_t x)
{
    return x && !(x & (x - 1));
}

static inline bool is_bool(const TCGBuilder *b, TCGv v)
{
    return tcg_facts(b, v)->zero == ~UINT64_C(1);
}

/* An integer of either type as type t; the value must fit. */
static TCGv to_type(TCGBuilder *b, TCGType t, TCGv v)
{
    TCGType from = tcg_type(b, v);
    return from == t ? v : t == TCG_I64 ? tcg_gen_extu(b, v) : tcg_gen_trunc(b, v);
}

/* ---- bits that do not matter ---- */

/* A value of v's type with the same low n bits, made by fewer ops: what only changes bits above is
 * left out. */
static TCGv without_above(TCGBuilder *b, TCGv v, unsigned n)
{
    for (;;) {
        const TCGOp *d = tcg_def(b, v);
        unsigned kept = 0; /* low bits that are those of the operand */
        TCGv a = d->a, x;
        int64_t k;
        switch (d->opc) {
        case TCG_OP_ext8s:
        case TCG_OP_ext8u:
            kept = 8;
            break;
        case TCG_OP_ext16s:
        case TCG_OP_ext16u:
            kept = 16;
            break;
        case TCG_OP_sextract:
            kept = d->aux & 63 ? 0 : d->aux >> 8;
            break;
        case TCG_OP_deposit:
            kept = d->aux & 63;
            break;
        case TCG_OP_and:
            kept = is_const(b, d->b, &k) && k != -1 ? __builtin_ctzll(~(uint64_t)k) : 0;
            break;
        case TCG_OP_exts:
        case TCG_OP_extu:
            x = n <= 32 ? without_above(b, a, n) : a;
            return same(x, a) ? v : tcg_gen_extu(b, x);
        case TCG_OP_trunc:
            x = without_above(b, a, n);
            return same(x, a) ? v : tcg_gen_trunc(b, x);
        default:
            return v;
        }
        if (kept < n) {
            return v;
        }
        v = a;
    }
}

/* ---- constants ---- */

/* x and y zero-extended from w bits; bits above w of the result are rubbish. */
static uint64_t eval_binary(unsigned opc, unsigned w, uint64_t x, uint64_t y)
{
    unsigned n = y & (w - 1);
    int64_t sx = w == 32 ? (int32_t)x : (int64_t)x, sy = w == 32 ? (int32_t)y : (int64_t)y;
    switch (opc) {
    case TCG_OP_add:
        return x + y;
    case TCG_OP_sub:
        return x - y;
    case TCG_OP_mul:
        return x * y;
    case TCG_OP_mulhu:
        return (unsigned __int128)x * y >> w;
    case TCG_OP_mulhs:
        return (__int128)sx * sy >> w;
    case TCG_OP_mulhsu:
        return (__int128)sx * (__int128)y >> w;
    case TCG_OP_divs:
        return y == 0 ? UINT64_MAX : sy == -1 ? 0 - x : (uint64_t)(sx / sy);
    case TCG_OP_divu:
        return y == 0 ? UINT64_MAX : x / y;
    case TCG_OP_rems:
        return y == 0 ? x : sy == -1 ? 0 : (uint64_t)(sx % sy);
    case TCG_OP_remu:
        return y == 0 ? x : x % y;
    case TCG_OP_and:
        return x & y;
    case TCG_OP_or:
        return x | y;
    case TCG_OP_xor:
        return x ^ y;
    case TCG_OP_andc:
        return x & ~y;
    case TCG_OP_orc:
        return x | ~y;
    case TCG_OP_eqv:
        return ~(x ^ y);
    case TCG_OP_shl:
        return x << n;
    case TCG_OP_shr:
        return x >> n;
    case TCG_OP_sar:
        return sx >> n;
    case TCG_OP_rotl:
        return x << n | x >> ((w - n) & (w - 1));
    case TCG_OP_rotr:
        return x >> n | x << ((w - n) & (w - 1));
    default:
        g_assert_not_reached();
    }
}

static uint64_t eval_unary(unsigned opc, unsigned w, uint64_t x)
{
    switch (opc) {
    case TCG_OP_not:
        return ~x;
    case TCG_OP_neg:
        return 0 - x;
    case TCG_OP_clz:
        return x ? __builtin_clzll(x) - (64 - w) : w;
    case TCG_OP_ctz:
        return x ? __builtin_ctzll(x) : w;
    case TCG_OP_popcnt:
        return __builtin_popcountll(x);
    case TCG_OP_bswap:
        return w == 32 ? __builtin_bswap32(x) : __builtin_bswap64(x);
    case TCG_OP_ext8s:
        return (int8_t)x;
    case TCG_OP_ext8u:
        return (uint8_t)x;
    case TCG_OP_ext16s:
        return (int16_t)x;
    case TCG_OP_ext16u:
        return (uint16_t)x;
    case TCG_OP_exts:
        return (int32_t)x;
    case TCG_OP_extu:
        return (uint32_t)x;
    case TCG_OP_trunc:
        return x;
    default:
        g_assert_not_reached();
    }
}

static bool eval_cond(TCGCond c, int64_t x, int64_t y)
{
    /* Constants are sign-extended, which keeps the unsigned order too. */
    switch (c) {
    case TCG_COND_EQ:
        return x == y;
    case TCG_COND_NE:
        return x != y;
    case TCG_COND_LT:
        return x < y;
    case TCG_COND_GE:
        return x >= y;
    case TCG_COND_LE:
        return x <= y;
    case TCG_COND_GT:
        return x > y;
    case TCG_COND_LTU:
        return (uint64_t)x < (uint64_t)y;
    case TCG_COND_GEU:
        return (uint64_t)x >= (uint64_t)y;
    case TCG_COND_LEU:
        return (uint64_t)x <= (uint64_t)y;
    case TCG_COND_GTU:
        return (uint64_t)x > (uint64_t)y;
    case TCG_COND_TSTEQ:
        return (x & y) == 0;
    case TCG_COND_TSTNE:
        return (x & y) != 0;
    default:
        g_assert_not_reached();
    }
}

/* ---- shifts ---- */

/* shr or sar by n of shl by n: an extension from w - n bits, or none. */
static TCGv shift_pair(TCGBuilder *b, unsigned opc, TCGv p, unsigned w, unsigned shl, unsigned n)
{
    bool sign = opc == TCG_OP_sar;
    if (w == 64 && shl == 32) {
        TCGv x = sign ? tcg_gen_ext32s(b, p) : tcg_gen_ext32u(b, p);
        if (n < 32) {
            return tcg_gen_shli(b, x, 32 - n);
        }
        return sign ? tcg_gen_sari(b, x, n - 32) : tcg_gen_shri(b, x, n - 32);
    }
    if (n == shl && w - n == 16) {
        return sign ? tcg_gen_ext16s(b, p) : tcg_gen_ext16u(b, p);
    }
    if (n == shl && w - n == 8) {
        return sign ? tcg_gen_ext8s(b, p) : tcg_gen_ext8u(b, p);
    }
    if (n == shl && w - n < 32 && !sign) {
        return tcg_gen_andi(b, p, (INT64_C(1) << (w - n)) - 1);
    }
    return TCG_NONE;
}

static TCGv fold_shift(TCGBuilder *b, TCGOp *op, bool ky, int64_t cy)
{
    unsigned w = tcg_type_bits(op->type), n = cy & (w - 1);
    TCGv x = op->a;
    int64_t k;
    if (is_k(b, x, 0) || (is_k(b, x, -1) && op->opc != TCG_OP_shl && op->opc != TCG_OP_shr)) {
        return x;
    }
    if (op->opc == TCG_OP_sar && tcg_facts(b, x)->zero >> (w - 1) & 1) {
        return tcg_gen_shr(b, x, op->b);
    }
    const TCGOp *dx = tcg_def(b, x), *dy = tcg_def(b, op->b);
    if (!ky) {
        if ((dy->opc == TCG_OP_and && is_const(b, dy->b, &k) && (k & (w - 1)) == w - 1) ||
            dy->opc == TCG_OP_ext8u || dy->opc == TCG_OP_ext8s || dy->opc == TCG_OP_ext16u ||
            dy->opc == TCG_OP_ext16s) {
            TCGOp again = *op;
            again.b = dy->a;
            return tcg_emit(b, &again);
        }
        return TCG_NONE;
    }
    if (n == 0) {
        return x;
    }
    if (n != cy) {
        TCGOp again = *op;
        again.b = tcg_const(b, op->type, n);
        return tcg_emit(b, &again);
    }
    if (op->opc == TCG_OP_shr && ~tcg_facts(b, x)->zero >> n == 0) {
        return tcg_const(b, op->type, 0);
    }
    if (op->opc == dx->opc && is_const(b, dx->b, &k)) {
        TCGv p = dx->a;
        unsigned sum = n + (k & (w - 1));
        switch (op->opc) {
        case TCG_OP_shl:
            return sum < w ? tcg_gen_shli(b, p, sum) : tcg_const(b, op->type, 0);
        case TCG_OP_shr:
            return sum < w ? tcg_gen_shri(b, p, sum) : tcg_const(b, op->type, 0);
        case TCG_OP_sar:
            return tcg_gen_sari(b, p, MIN(sum, w - 1));
        default:
            break;
        }
    }
    if ((op->opc == TCG_OP_shr || op->opc == TCG_OP_sar) && dx->opc == TCG_OP_shl &&
        is_const(b, dx->b, &k)) {
        return shift_pair(b, op->opc, dx->a, w, k & (w - 1), n);
    }
    return TCG_NONE;
}

/* ---- two operands ---- */

/* select(c, p, 0) joined with select(c, 0, q): RISC-V's Zicond makes such pairs. */
static TCGv join_selects(TCGBuilder *b, TCGv x, TCGv y)
{
    const TCGOp *dx = tcg_def(b, x), *dy = tcg_def(b, y);
    if (dx->opc != TCG_OP_select || dy->opc != TCG_OP_select || !same(dx->a, dy->a)) {
        return TCG_NONE;
    }
    if (is_k(b, dx->c, 0) && is_k(b, dy->b, 0)) {
        return tcg_gen_select(b, dx->a, dx->b, dy->c);
    }
    if (is_k(b, dx->b, 0) && is_k(b, dy->c, 0)) {
        return tcg_gen_select(b, dx->a, dy->b, dx->c);
    }
    return TCG_NONE;
}

/* Is neg the negation of n? */
static bool is_neg_of(const TCGBuilder *b, TCGv neg, TCGv n)
{
    const TCGOp *d = tcg_def(b, neg);
    return d->opc == TCG_OP_neg && same(d->a, n);
}

/* shl(p, n) and shr(p, w - n), disjoint, or joined by or: a rotation of p. */
static TCGv join_shifts(TCGBuilder *b, TCGv x, TCGv y, bool is_or)
{
    const TCGOp *l = tcg_def(b, x), *r = tcg_def(b, y);
    int64_t kl, kr;
    if (l->opc == TCG_OP_shr) {
        const TCGOp *d = l;
        l = r;
        r = d;
    }
    if (l->opc != TCG_OP_shl || r->opc != TCG_OP_shr || !same(l->a, r->a)) {
        return TCG_NONE;
    }
    if (is_const(b, l->b, &kl) && is_const(b, r->b, &kr)) {
        return kl + kr == tcg_type_bits(l->type) ? tcg_gen_rotr(b, l->a, r->b) : TCG_NONE;
    }
    /* With a count of 0 both are p: only or makes p of that. */
    if (is_or && is_neg_of(b, r->b, l->b)) {
        return tcg_gen_rotl(b, l->a, l->b);
    }
    if (is_or && is_neg_of(b, l->b, r->b)) {
        return tcg_gen_rotr(b, r->a, r->b);
    }
    return TCG_NONE;
}

/* The same, on extended 32-bit halves too: how RV64 without Zbb rotates words. */
static TCGv join_rotation(TCGBuilder *b, TCGv x, TCGv y, bool is_or)
{
    const TCGOp *dx = tcg_def(b, x), *dy = tcg_def(b, y);
    bool sx = dx->opc == TCG_OP_exts, sy = dy->opc == TCG_OP_exts;
    if ((sx || dx->opc == TCG_OP_extu) && (sy || dy->opc == TCG_OP_extu)) {
        /* A zero-extended half beside a sign-extended one must not have its top bit set. */
        if (sx != sy && !(tcg_facts(b, sx ? dy->a : dx->a)->zero >> 31 & 1)) {
            return TCG_NONE;
        }
        TCGv v = join_shifts(b, dx->a, dy->a, is_or);
        return !v.i ? TCG_NONE : sx || sy ? tcg_gen_exts(b, v) : tcg_gen_extu(b, v);
    }
    return join_shifts(b, x, y, is_or);
}

static TCGv fold_add(TCGBuilder *b, TCGOp *op, bool ky, int64_t cy)
{
    const TCGOp *dx = tcg_def(b, op->a), *dy = tcg_def(b, op->b);
    int64_t k;
    if (ky) {
        if (cy == 0) {
            return op->a;
        }
        if (dx->opc == TCG_OP_add && is_const(b, dx->b, &k)) {
            return tcg_gen_addi(b, dx->a, (int64_t)((uint64_t)k + cy));
        }
        if (dx->opc == TCG_OP_pcrel && !b->u->pc32) {
            return tcg_gen_pcrel(b, (int64_t)((uint64_t)dx->imm + cy));
        }
        return TCG_NONE;
    }
    if (dy->opc == TCG_OP_neg) {
        return tcg_gen_sub(b, op->a, dy->a);
    }
    if (dx->opc == TCG_OP_neg) {
        return tcg_gen_sub(b, op->b, dx->a);
    }
    TCGv v = join_rotation(b, op->a, op->b, false);
    return v.i ? v : join_selects(b, op->a, op->b);
}

/* x - x / y * y, where the quotient may be 0 for y = 0: the remainder, which is x then. */
static TCGv fold_remainder(TCGBuilder *b, TCGv x, TCGv quotient, TCGv y)
{
    const TCGOp *d = tcg_def(b, quotient);
    if (d->opc == TCG_OP_select && same(d->a, y) && is_k(b, d->c, 0)) {
        d = tcg_def(b, d->b);
    }
    if ((d->opc != TCG_OP_divu && d->opc != TCG_OP_divs) || !same(d->a, x) || !same(d->b, y)) {
        return TCG_NONE;
    }
    return d->opc == TCG_OP_divu ? tcg_gen_remu(b, x, y) : tcg_gen_rems(b, x, y);
}

static TCGv fold_sub(TCGBuilder *b, TCGOp *op, bool kx, int64_t cx, bool ky, int64_t cy)
{
    if (ky) {
        return tcg_gen_addi(b, op->a, (int64_t)(0 - (uint64_t)cy));
    }
    if (same(op->a, op->b)) {
        return tcg_const(b, op->type, 0);
    }
    if (kx && cx == 0) {
        return tcg_gen_neg(b, op->b);
    }
    if (kx && cx == -1) {
        return tcg_gen_not(b, op->b);
    }
    const TCGOp *dy = tcg_def(b, op->b);
    if (dy->opc == TCG_OP_neg) {
        return tcg_gen_add(b, op->a, dy->a);
    }
    if (dy->opc == TCG_OP_mul) {
        TCGv m = dy->a, n = dy->b, r = fold_remainder(b, op->a, m, n);
        return r.i ? r : fold_remainder(b, op->a, n, m);
    }
    return TCG_NONE;
}

/* mul, its high halves, div and rem by a constant. */
static TCGv fold_mul_div(TCGBuilder *b, TCGOp *op, int64_t cy)
{
    unsigned w = tcg_type_bits(op->type);
    uint64_t uy = cy & type_mask(op->type);
    TCGv x = op->a, zero = TCG_NONE;
    unsigned log = is_pow2(uy) ? __builtin_ctzll(uy) : 0;
    if (cy == 0) {
        switch (op->opc) {
        case TCG_OP_divs:
        case TCG_OP_divu:
            return tcg_const(b, op->type, -1);
        case TCG_OP_rems:
        case TCG_OP_remu:
            return x;
        default:
            return op->b;
        }
    }
    switch (op->opc) {
    case TCG_OP_mul:
        if (cy == -1) {
            return tcg_gen_neg(b, x);
        }
        return is_pow2(uy) ? tcg_gen_shli(b, x, log) : zero;
    case TCG_OP_mulhu:
        if (cy == 1) {
            return tcg_const(b, op->type, 0);
        }
        return is_pow2(uy) ? tcg_gen_shri(b, x, w - log) : zero;
    case TCG_OP_mulhs:
    case TCG_OP_mulhsu:
        return cy == 1 ? tcg_gen_sari(b, x, w - 1) : zero;
    case TCG_OP_divs:
        return cy == 1 ? x : cy == -1 ? tcg_gen_neg(b, x) : zero;
    case TCG_OP_divu:
        return is_pow2(uy) ? tcg_gen_shri(b, x, log) : zero;
    case TCG_OP_rems:
        return cy == 1 || cy == -1 ? tcg_const(b, op->type, 0) : zero;
    case TCG_OP_remu:
        return is_pow2(uy) ? tcg_gen_andi(b, x, (int64_t)(uy - 1)) : zero;
    default:
        g_assert_not_reached();
    }
}

/* The bit of which x is a mask, -bit: a condition; none if x is no such mask. */
static TCGv bit_of_mask(TCGBuilder *b, TCGv x)
{
    const TCGOp *d = tcg_def(b, x);
    int64_t k;

    if (d->opc == TCG_OP_sextract && d->aux >> 8 == 1) {
        k = (int64_t)(UINT64_C(1) << (d->aux & 63));
        return tcg_gen_setcondi(b, TCG_I32, TCG_COND_TSTNE, d->a, k);
    }
    if (d->opc != TCG_OP_neg || tcg_facts(b, d->a)->zero != ~UINT64_C(1)) {
        return TCG_NONE;
    }
    TCGv bit = d->a;
    d = tcg_def(b, bit);
    if (d->opc == TCG_OP_and && is_const(b, d->b, &k)) {
        return tcg_gen_setcond(b, TCG_I32, TCG_COND_TSTNE, d->a, d->b);
    }
    return bit;
}

/* -bit & y is a choice: one step less from the bit to the result. */
static TCGv and_of_mask(TCGBuilder *b, TCGv mask, TCGv y)
{
    TCGv bit = bit_of_mask(b, mask);

    return bit.i ? tcg_gen_select(b, bit, y, tcg_const(b, tcg_def(b, y)->type, 0)) : TCG_NONE;
}

/* x op y of two values extended alike: of their low halves, extended. */
static TCGv narrow_logic(TCGBuilder *b, TCGOp *op)
{
    const TCGOp *dx = tcg_def(b, op->a), *dy = tcg_def(b, op->b);
    TCGv v;
    if (dx->opc != dy->opc || (dx->opc != TCG_OP_exts && dx->opc != TCG_OP_extu)) {
        return TCG_NONE;
    }
    bool sign = dx->opc == TCG_OP_exts;
    v = (op->opc == TCG_OP_and  ? tcg_gen_and
         : op->opc == TCG_OP_or ? tcg_gen_or
                                : tcg_gen_xor)(b, dx->a, dy->a);
    return sign ? tcg_gen_exts(b, v) : tcg_gen_extu(b, v);
}

static TCGv fold_and(TCGBuilder *b, TCGOp *op, bool ky, int64_t cy)
{
    TCGv x = op->a, y = op->b;
    uint64_t zx = tcg_facts(b, x)->zero, zy = tcg_facts(b, y)->zero;
    const TCGOp *dx = tcg_def(b, x), *dy = tcg_def(b, y);
    int64_t k;
    if (~zx & ~zy) {
        if (same(x, y)) {
            return x;
        }
    } else {
        return tcg_const(b, op->type, 0);
    }
    if (ky) {
        if ((~zx & zy) == 0) {
            return x;
        }
        if (dx->opc == TCG_OP_and && is_const(b, dx->b, &k)) {
            return tcg_gen_andi(b, dx->a, k & cy);
        }
        uint64_t uy = cy & type_mask(op->type);
        if (uy == UINT8_MAX) {
            return tcg_gen_ext8u(b, x);
        }
        if (uy == UINT16_MAX) {
            return tcg_gen_ext16u(b, x);
        }
        if (uy == UINT32_MAX) {
            return tcg_gen_ext32u(b, x);
        }
        TCGv low = without_above(b, x, 64 - leading(~uy));
        if (!same(low, x)) {
            return tcg_gen_and(b, low, y);
        }
        return and_of_mask(b, x, y);
    }
    TCGv v = and_of_mask(b, x, y);
    v = v.i ? v : and_of_mask(b, y, x);
    if (v.i) {
        return v;
    }
    if (has_op(b, TCG_OP_andc)) {
        if (dy->opc == TCG_OP_not) {
            return tcg_gen_andc(b, x, dy->a);
        }
        if (dx->opc == TCG_OP_not) {
            return tcg_gen_andc(b, y, dx->a);
        }
    }
    return narrow_logic(b, op);
}

static TCGv fold_or(TCGBuilder *b, TCGOp *op, bool ky, int64_t cy)
{
    TCGv x = op->a, y = op->b;
    const TCGOp *dx = tcg_def(b, x), *dy = tcg_def(b, y);
    int64_t k;
    if (same(x, y)) {
        return x;
    }
    if (ky) {
        if (cy == 0) {
            return x;
        }
        if (cy == -1) {
            return y;
        }
        if (dx->opc == TCG_OP_or && is_const(b, dx->b, &k)) {
            return tcg_gen_ori(b, dx->a, k | cy);
        }
        return TCG_NONE;
    }
    if (has_op(b, TCG_OP_orc)) {
        if (dy->opc == TCG_OP_not) {
            return tcg_gen_orc(b, x, dy->a);
        }
        if (dx->opc == TCG_OP_not) {
            return tcg_gen_orc(b, y, dx->a);
        }
    }
    TCGv v = join_rotation(b, x, y, true);
    v = v.i ? v : join_selects(b, x, y);
    return v.i ? v : narrow_logic(b, op);
}

static TCGv fold_xor(TCGBuilder *b, TCGOp *op, bool ky, int64_t cy)
{
    TCGv x = op->a;
    const TCGOp *dx = tcg_def(b, x);
    int64_t k;
    if (same(x, op->b)) {
        return tcg_const(b, op->type, 0);
    }
    if (ky) {
        if (cy == 0) {
            return x;
        }
        if (cy == -1) {
            return tcg_gen_not(b, x);
        }
        if (cy == 1 && dx->opc == TCG_OP_setcond) {
            return tcg_gen_setcond(b, op->type, tcg_cond_invert(dx->aux), dx->a, dx->b);
        }
        if (dx->opc == TCG_OP_xor && is_const(b, dx->b, &k)) {
            return tcg_gen_xori(b, dx->a, k ^ cy);
        }
        return TCG_NONE;
    }
    TCGv v = join_rotation(b, x, op->b, false);
    v = v.i ? v : join_selects(b, x, op->b);
    return v.i ? v : narrow_logic(b, op);
}

/* andc, orc, eqv */
static TCGv fold_logic_not(TCGBuilder *b, TCGOp *op, bool kx, int64_t cx, bool ky, int64_t cy)
{
    TCGv x = op->a, y = op->b;
    if (op->opc == TCG_OP_eqv) {
        if (ky) {
            return tcg_gen_xori(b, x, ~cy);
        }
        return same(x, y) ? tcg_const(b, op->type, -1) : TCG_NONE;
    }
    bool and = op->opc == TCG_OP_andc;
    if (ky) {
        return and? tcg_gen_andi(b, x, ~cy) : tcg_gen_ori(b, x, ~cy);
    }
    if (same(x, y)) {
        return tcg_const(b, op->type, and? 0 : -1);
    }
    if (kx && (cx == 0 || cx == -1)) {
        return (cx == 0) == and? x : tcg_gen_not(b, y);
    }
    const TCGOp *dy = tcg_def(b, y);
    if (dy->opc == TCG_OP_not) {
        return and? tcg_gen_and(b, x, dy->a) : tcg_gen_or(b, x, dy->a);
    }
    return TCG_NONE;
}

static RULE TCGv fold_binary(TCGBuilder *b, TCGOp *op)
{
    int64_t cx = 0, cy = 0;
    bool kx = is_const(b, op->a, &cx), ky = is_const(b, op->b, &cy);
    if (kx && ky) {
        uint64_t m = type_mask(op->type);
        return tcg_const(b, op->type,
                         eval_binary(op->opc, tcg_type_bits(op->type), cx & m, cy & m));
    }
    if ((tcg_op_desc[op->opc].flags & TCG_OPF_COMM) && (kx || (!ky && op->a.i > op->b.i))) {
        TCGv v = op->a;
        op->a = op->b;
        op->b = v;
        ky = kx;
        cy = cx;
        kx = false;
    }
    switch (op->opc) {
    case TCG_OP_add:
        return fold_add(b, op, ky, cy);
    case TCG_OP_sub:
        return fold_sub(b, op, kx, cx, ky, cy);
    case TCG_OP_mul:
    case TCG_OP_mulhu:
    case TCG_OP_mulhs:
    case TCG_OP_mulhsu:
    case TCG_OP_divs:
    case TCG_OP_divu:
    case TCG_OP_rems:
    case TCG_OP_remu:
        return ky ? fold_mul_div(b, op, cy) : TCG_NONE;
    case TCG_OP_and:
        return fold_and(b, op, ky, cy);
    case TCG_OP_or:
        return fold_or(b, op, ky, cy);
    case TCG_OP_xor:
        return fold_xor(b, op, ky, cy);
    case TCG_OP_andc:
    case TCG_OP_orc:
    case TCG_OP_eqv:
        return fold_logic_not(b, op, kx, cx, ky, cy);
    default:
        return fold_shift(b, op, ky, cy);
    }
}

/* ---- one operand ---- */

/* ext8 and ext16. */
static TCGv fold_ext(TCGBuilder *b, TCGOp *op)
{
    TCGv x = op->a;
    const TCGFacts *f = tcg_facts(b, x);
    bool sign = op->opc == TCG_OP_ext8s || op->opc == TCG_OP_ext16s;
    unsigned bits = op->opc == TCG_OP_ext8s || op->opc == TCG_OP_ext8u ? 8 : 16;
    uint64_t mask = low_bits(bits);
    if (sign ? f->sign > tcg_type_bits(op->type) - bits : (~f->zero & ~mask) == 0) {
        return x;
    }
    TCGv low = without_above(b, x, bits);
    if (!same(low, x)) {
        TCGOp again = *op;
        again.a = low;
        return tcg_emit(b, &again);
    }
    return TCG_NONE;
}

static RULE TCGv fold_unary(TCGBuilder *b, TCGOp *op)
{
    TCGv x = op->a;
    const TCGOp *dx = tcg_def(b, x), *dd;
    if (dx->opc == TCG_OP_const) {
        return tcg_const(
            b, op->type,
            eval_unary(op->opc, tcg_type_bits(dx->type), dx->imm & type_mask(dx->type)));
    }
    switch (op->opc) {
    case TCG_OP_not:
    case TCG_OP_bswap:
        return dx->opc == op->opc ? dx->a : TCG_NONE;
    case TCG_OP_neg:
        if (dx->opc == TCG_OP_neg) {
            return dx->a;
        }
        return dx->opc == TCG_OP_sub ? tcg_gen_sub(b, dx->b, dx->a) : TCG_NONE;
    case TCG_OP_ext8s:
    case TCG_OP_ext8u:
    case TCG_OP_ext16s:
    case TCG_OP_ext16u:
        return fold_ext(b, op);
    case TCG_OP_exts:
        if (dx->opc == TCG_OP_trunc && tcg_facts(b, dx->a)->sign > 32) {
            return dx->a;
        }
        if (tcg_facts(b, x)->zero >> 31 & 1) {
            return tcg_gen_extu(b, x);
        }
        return TCG_NONE;
    case TCG_OP_extu:
        if (dx->opc == TCG_OP_trunc && tcg_facts(b, dx->a)->zero >> 32 == UINT32_MAX) {
            return dx->a;
        }
        if (b->u->pc32 && dx->opc == TCG_OP_add && tcg_def(b, dx->b)->opc == TCG_OP_const) {
            dd = tcg_def(b, dx->a);
            if (dd->opc == TCG_OP_trunc && tcg_def(b, dd->a)->opc == TCG_OP_pcrel) {
                return tcg_gen_pcrel(b, (int32_t)((uint32_t)tcg_def(b, dd->a)->imm +
                                                  (uint32_t)tcg_def(b, dx->b)->imm));
            }
        }
        return TCG_NONE;
    case TCG_OP_trunc:
        if (dx->opc == TCG_OP_exts || dx->opc == TCG_OP_extu) {
            return dx->a;
        }
        if (dx->opc == TCG_OP_bitcast && tcg_def(b, dx->a)->opc == TCG_OP_fbox) {
            return tcg_gen_bitcast(b, TCG_I32, tcg_def(b, dx->a)->a);
        }
        return TCG_NONE;
    default:
        return TCG_NONE;
    }
}

/* extract and sextract */
static RULE TCGv fold_extract(TCGBuilder *b, TCGOp *op)
{
    unsigned w = tcg_type_bits(op->type), pos = op->aux & 63, len = op->aux >> 8;
    bool sign = op->opc == TCG_OP_sextract;
    TCGv x = op->a;
    if (len == w) {
        return x;
    }
    if (pos + len == w) {
        return sign ? tcg_gen_sari(b, x, pos) : tcg_gen_shri(b, x, pos);
    }
    if (pos == 0 && len == 8) {
        return sign ? tcg_gen_ext8s(b, x) : tcg_gen_ext8u(b, x);
    }
    if (pos == 0 && len == 16) {
        return sign ? tcg_gen_ext16s(b, x) : tcg_gen_ext16u(b, x);
    }
    if (pos == 0 && len == 32) {
        return sign ? tcg_gen_ext32s(b, x) : tcg_gen_ext32u(b, x);
    }
    int64_t k;
    if (is_const(b, x, &k)) {
        uint64_t v = (uint64_t)k << (64 - pos - len);
        return tcg_const(b, op->type, sign ? (int64_t)v >> (64 - len) : (int64_t)(v >> (64 - len)));
    }
    if (pos == 0 && !sign && len < 32) {
        return tcg_gen_andi(b, x, (INT64_C(1) << len) - 1);
    }
    TCGv low = without_above(b, x, pos + len);
    const TCGOp *d = tcg_def(b, low);
    unsigned at = d->aux & 63, bits = d->aux >> 8;
    if (d->opc == TCG_OP_deposit && (pos >= at + bits || (pos >= at && pos + len <= at + bits))) {
        /* of a field, or beside it */
        low = pos < at + bits ? d->b : d->a;
        pos -= pos < at + bits ? at : 0;
    } else if (d->opc == TCG_OP_shr && is_const(b, d->b, &k) && pos + len + k <= w) {
        low = d->a;
        pos += k;
    }
    if (!same(low, x)) {
        return sign ? tcg_gen_sextract(b, low, pos, len) : tcg_gen_extract(b, low, pos, len);
    }
    return TCG_NONE;
}

static RULE TCGv fold_deposit(TCGBuilder *b, TCGOp *op)
{
    unsigned w = tcg_type_bits(op->type), pos = op->aux & 63, len = op->aux >> 8;
    int64_t kx, ky;
    if (len == w) {
        return op->b;
    }
    if (is_const(b, op->a, &kx) && is_const(b, op->b, &ky)) {
        uint64_t mask = ((UINT64_C(1) << len) - 1) << pos;
        return tcg_const(b, op->type, (kx & ~mask) | ((uint64_t)ky << pos & mask));
    }
    op->b = without_above(b, op->b, len);
    return TCG_NONE;
}

/* ---- comparisons ---- */

static TCGv setcond_swapped(TCGBuilder *b, TCGOp *op)
{
    return tcg_gen_setcond(b, op->type, tcg_cond_swap(op->aux), op->b, op->a);
}

/* x against constant c of its type: 0, 1, or -1 if what is known of x does not tell. */
static int known_cond(TCGCond cond, const TCGFacts *f, unsigned type, int64_t c)
{
    uint64_t uc = c & type_mask(type), max = ~f->zero;
    bool positive = f->zero >> (tcg_type_bits(type) - 1) & 1;
    switch (cond) {
    case TCG_COND_EQ:
        return uc & f->zero ? 0 : -1;
    case TCG_COND_NE:
        return uc & f->zero ? 1 : -1;
    case TCG_COND_LTU:
        return uc > max ? 1 : uc == 0 ? 0 : -1;
    case TCG_COND_GEU:
        return uc > max ? 0 : uc == 0 ? 1 : -1;
    case TCG_COND_GTU:
        return uc >= max ? 0 : -1;
    case TCG_COND_LEU:
        return uc >= max ? 1 : -1;
    case TCG_COND_LT:
        return positive && c <= 0 ? 0 : -1;
    case TCG_COND_GE:
        return positive && c <= 0 ? 1 : -1;
    case TCG_COND_GT:
        return positive && c < 0 ? 1 : -1;
    case TCG_COND_LE:
        return positive && c < 0 ? 0 : -1;
    case TCG_COND_TSTEQ:
        return (uc & max) == 0 ? 1 : -1;
    case TCG_COND_TSTNE:
        return (uc & max) == 0 ? 0 : -1;
    default:
        return -1;
    }
}

/* x == 0 or x != 0 */
static TCGv fold_zero_test(TCGBuilder *b, TCGOp *op)
{
    bool eq = op->aux == TCG_COND_EQ;
    const TCGOp *dx = tcg_def(b, op->a);
    switch (dx->opc) {
    case TCG_OP_sub:
    case TCG_OP_xor:
        return tcg_gen_setcond(b, op->type, op->aux, dx->a, dx->b);
    case TCG_OP_and:
        return tcg_gen_setcond(b, op->type, eq ? TCG_COND_TSTEQ : TCG_COND_TSTNE, dx->a, dx->b);
    case TCG_OP_setcond:
        return tcg_gen_setcond(b, op->type, eq ? tcg_cond_invert(dx->aux) : dx->aux, dx->a, dx->b);
    case TCG_OP_neg:
        return tcg_gen_setcondi(b, op->type, op->aux, dx->a, 0);
    default:
        if (!eq && is_bool(b, op->a)) {
            return to_type(b, op->type, op->a);
        }
        if (dx->opc == TCG_OP_extu && is_bool(b, dx->a)) {
            return tcg_gen_setcondi(b, op->type, op->aux, dx->a, 0);
        }
        return TCG_NONE;
    }
}

/* x & mask, tested, where x is shifted right: a constant that hosts can encode instead. */
static TCGv fold_shifted_test(TCGBuilder *b, TCGOp *op, int64_t mask)
{
    const TCGOp *dx = tcg_def(b, op->a);
    int64_t k;
    if (dx->opc != TCG_OP_shr || !is_const(b, dx->b, &k) || k > 30 || mask < 0 ||
        mask > INT32_MAX >> k) {
        return TCG_NONE;
    }
    return tcg_gen_setcondi(b, op->type, op->aux, dx->a, mask << k);
}

/* x < 0 or x >= 0, where x is shifted left: one bit. */
static TCGv fold_sign_test(TCGBuilder *b, TCGOp *op)
{
    const TCGOp *dx = tcg_def(b, op->a);
    unsigned top = tcg_type_bits(dx->type) - 1;
    int64_t k;
    if (dx->opc != TCG_OP_shl || !is_const(b, dx->b, &k) || k > top || top - k > 30) {
        return TCG_NONE;
    }
    return tcg_gen_setcondi(b, op->type, op->aux == TCG_COND_LT ? TCG_COND_TSTNE : TCG_COND_TSTEQ,
                            dx->a, INT64_C(1) << (top - k));
}

static RULE TCGv fold_setcond(TCGBuilder *b, TCGOp *op)
{
    TCGv x = op->a, y = op->b;
    TCGType t = op->type, xt = tcg_type(b, x);
    TCGCond cond = op->aux;
    int64_t cx, cy, k;
    bool kx = is_const(b, x, &cx), ky = is_const(b, y, &cy);
    if (kx && ky) {
        return tcg_const(b, t, eval_cond(cond, cx, cy));
    }
    if (kx) {
        return setcond_swapped(b, op);
    }
    if (same(x, y)) {
        if (cond == TCG_COND_TSTEQ || cond == TCG_COND_TSTNE) {
            return tcg_gen_setcondi(b, t, cond == TCG_COND_TSTEQ ? TCG_COND_EQ : TCG_COND_NE, x, 0);
        }
        return tcg_const(b, t, eval_cond(cond, 0, 0));
    }
    if (!ky) {
        if (x.i > y.i && tcg_cond_swap(cond) == cond) {
            return setcond_swapped(b, op);
        }
        return TCG_NONE;
    }
    int known = known_cond(cond, tcg_facts(b, x), xt, cy);
    if (known >= 0) {
        return tcg_const(b, t, known);
    }
    switch (cond) {
    case TCG_COND_LTU:
        return cy == 1 ? tcg_gen_setcondi(b, t, TCG_COND_EQ, x, 0) : TCG_NONE;
    case TCG_COND_GEU:
        return cy == 1 ? tcg_gen_setcondi(b, t, TCG_COND_NE, x, 0) : TCG_NONE;
    case TCG_COND_GTU:
        return cy == 0 ? tcg_gen_setcondi(b, t, TCG_COND_NE, x, 0) : TCG_NONE;
    case TCG_COND_LEU:
        return cy == 0 ? tcg_gen_setcondi(b, t, TCG_COND_EQ, x, 0) : TCG_NONE;
    case TCG_COND_GT:
        return cy == -1 ? tcg_gen_setcondi(b, t, TCG_COND_GE, x, 0) : TCG_NONE;
    case TCG_COND_LE:
        return cy == -1 ? tcg_gen_setcondi(b, t, TCG_COND_LT, x, 0) : TCG_NONE;
    case TCG_COND_TSTEQ:
    case TCG_COND_TSTNE:
        if (cy == -1) {
            return tcg_gen_setcondi(b, t, cond == TCG_COND_TSTEQ ? TCG_COND_EQ : TCG_COND_NE, x, 0);
        }
        return fold_shifted_test(b, op, cy);
    case TCG_COND_LT:
    case TCG_COND_GE:
        return cy == 0 ? fold_sign_test(b, op) : TCG_NONE;
    case TCG_COND_EQ:
    case TCG_COND_NE:
        if (cy == 0) {
            return fold_zero_test(b, op);
        } else {
            const TCGOp *dx = tcg_def(b, x);
            if (dx->opc == TCG_OP_add && is_const(b, dx->b, &k)) {
                return tcg_gen_setcondi(b, t, cond, dx->a, (int64_t)((uint64_t)cy - k));
            }
            if (dx->opc == TCG_OP_xor && is_const(b, dx->b, &k)) {
                return tcg_gen_setcondi(b, t, cond, dx->a, cy ^ k);
            }
        }
        return TCG_NONE;
    default:
        return TCG_NONE;
    }
}

static RULE TCGv fold_select(TCGBuilder *b, TCGOp *op)
{
    TCGv x = op->b, y = op->c;
    int64_t k;
    if (is_const(b, op->a, &k)) {
        return k ? x : y;
    }
    if (same(x, y)) {
        return x;
    }
    const TCGOp *dc = tcg_def(b, op->a), *dx = tcg_def(b, x), *dy = tcg_def(b, y);
    if (dc->opc == TCG_OP_setcond && is_k(b, dc->b, 0)) {
        if (dc->aux == TCG_COND_NE) {
            return tcg_gen_select(b, dc->a, x, y);
        }
        if (dc->aux == TCG_COND_EQ) {
            return tcg_gen_select(b, dc->a, y, x);
        }
    }
    if (dx->opc == TCG_OP_select && same(dx->a, op->a)) {
        return tcg_gen_select(b, op->a, dx->b, y);
    }
    if (dy->opc == TCG_OP_select && same(dy->a, op->a)) {
        return tcg_gen_select(b, op->a, x, dy->c);
    }
    if (is_k(b, x, 1) && is_k(b, y, 0)) {
        if (dc->opc == TCG_OP_setcond) {
            return tcg_gen_setcond(b, op->type, dc->aux, dc->a, dc->b);
        }
        return tcg_gen_setcondi(b, op->type, TCG_COND_NE, op->a, 0);
    }
    if (is_k(b, x, 0) && is_k(b, y, 1)) {
        return tcg_gen_setcondi(b, op->type, TCG_COND_EQ, op->a, 0);
    }
    return TCG_NONE;
}

/* ---- memory ---- */

/* Move a constant out of the address into the displacement; hosts have 32 bits for it. */
static RULE TCGv fold_address(TCGBuilder *b, TCGOp *op)
{
    const TCGOp *da = tcg_def(b, op->a), *d = da;
    int64_t k;
    if (b->u->pc32) {
        if (da->opc != TCG_OP_extu) {
            return TCG_NONE;
        }
        d = tcg_def(b, da->a);
    }
    if (d->opc != TCG_OP_add || !is_const(b, d->b, &k)) {
        return TCG_NONE;
    }
    uint64_t disp = (uint64_t)op->imm + (uint64_t)k;
    if (b->u->pc32) {
        op->a = tcg_gen_extu(b, d->a);
        op->imm = (int32_t)disp;
    } else if ((int64_t)disp == (int32_t)disp) {
        op->a = d->a;
        op->imm = (int64_t)disp;
    }
    return TCG_NONE;
}

/* ---- floating point: bits only ---- */

static RULE TCGv fold_sign(TCGBuilder *b, TCGOp *op)
{
    TCGv x = op->a;
    const TCGOp *dx = tcg_def(b, x);
    uint64_t sign = op->type == TCG_F32 ? UINT64_C(1) << 31 : UINT64_C(1) << 63;
    if (op->opc == TCG_OP_fcopysign) {
        const TCGOp *ds = tcg_def(b, op->b);
        if (dx->opc == TCG_OP_fneg || dx->opc == TCG_OP_fabs || dx->opc == TCG_OP_fcopysign) {
            return tcg_gen_fcopysign(b, dx->a, op->b);
        }
        if (same(x, op->b)) {
            return x;
        }
        if (ds->opc == TCG_OP_fneg && same(ds->a, x)) {
            return op->b;
        }
        if (ds->opc == TCG_OP_fabs) {
            return tcg_gen_fabs(b, x);
        }
        if (ds->opc == TCG_OP_fcopysign) {
            return tcg_gen_fcopysign(b, x, ds->b);
        }
        if (ds->opc == TCG_OP_fconst) {
            return ds->imm & sign ? tcg_gen_fneg(b, tcg_gen_fabs(b, x)) : tcg_gen_fabs(b, x);
        }
        return TCG_NONE;
    }
    if (dx->opc == TCG_OP_fconst) {
        return tcg_fconst(b, op->type, op->opc == TCG_OP_fneg ? dx->imm ^ sign : dx->imm & ~sign);
    }
    if (op->opc == TCG_OP_fneg) {
        return dx->opc == TCG_OP_fneg ? dx->a : TCG_NONE;
    }
    if (dx->opc == TCG_OP_fabs) {
        return x;
    }
    if (dx->opc == TCG_OP_fneg || dx->opc == TCG_OP_fcopysign) {
        return tcg_gen_fabs(b, dx->a);
    }
    return TCG_NONE;
}

static RULE TCGv fold_cast(TCGBuilder *b, TCGOp *op)
{
    const TCGOp *dx = tcg_def(b, op->a);
    bool k = dx->opc == TCG_OP_fconst;
    switch (op->opc) {
    case TCG_OP_bitcast:
        if (k) {
            return tcg_const(b, op->type, dx->imm);
        }
        if (dx->opc == TCG_OP_const) {
            return tcg_fconst(b, op->type, dx->imm);
        }
        if (dx->opc == TCG_OP_xor || dx->opc == TCG_OP_and) {
            /* A sign changed among integers. */
            int64_t sign = dx->type == TCG_I32 ? INT32_MIN : INT64_MIN, m;
            const TCGOp *d = tcg_def(b, dx->a);
            if (d->opc == TCG_OP_bitcast && tcg_is_const(b, dx->b, &m)) {
                if (dx->opc == TCG_OP_xor && m == sign) {
                    return tcg_gen_fneg(b, d->a);
                }
                if (dx->opc == TCG_OP_and && m == ~sign) {
                    return tcg_gen_fabs(b, d->a);
                }
            }
        }
        return dx->opc == TCG_OP_bitcast ? dx->a : TCG_NONE;
    case TCG_OP_fbox:
        return k ? tcg_fconst(b, TCG_F64, dx->imm | UINT64_C(0xffffffff) << 32) : TCG_NONE;
    case TCG_OP_funbox:
        if (k) {
            bool boxed = (uint64_t)dx->imm >> 32 == UINT32_MAX;
            return tcg_fconst(b, TCG_F32, boxed ? dx->imm : 0x7fc00000);
        }
        return dx->opc == TCG_OP_fbox ? dx->a : TCG_NONE;
    default:
        return TCG_NONE;
    }
}

/* ---- vectors ---- */

static bool is_vconst(const TCGBuilder *b, TCGv v, uint64_t *both)
{
    const TCGOp *d = tcg_def(b, v);
    *both = d->imm;
    return d->opc == TCG_OP_vconst;
}

static RULE TCGv fold_vector2(TCGBuilder *b, TCGOp *op)
{
    TCGv x = op->a, y = op->b;
    uint64_t cx = 0, cy = 0;
    bool kx = is_vconst(b, x, &cx), ky = is_vconst(b, y, &cy), eq = same(x, y);
    if ((tcg_op_desc[op->opc].flags & TCG_OPF_COMM) && (kx ? !ky : !ky && x.i > y.i)) {
        op->a = y;
        op->b = x;
        x = op->a;
        y = op->b;
        ky = kx;
        cy = cx;
        kx = false;
    }
    switch (op->opc) {
    case TCG_OP_vand:
        if (kx && ky) {
            return tcg_vconst(b, cx & cy);
        }
        return eq || (ky && cy == UINT64_MAX) ? x : ky && cy == 0 ? y : TCG_NONE;
    case TCG_OP_vor:
        if (kx && ky) {
            return tcg_vconst(b, cx | cy);
        }
        return eq || (ky && cy == 0) ? x : ky && cy == UINT64_MAX ? y : TCG_NONE;
    case TCG_OP_vxor:
        if (eq || (kx && ky)) {
            return tcg_vconst(b, eq ? 0 : cx ^ cy);
        }
        return ky && cy == 0 ? x : TCG_NONE;
    case TCG_OP_vandc:
        if (eq || (kx && ky)) {
            return tcg_vconst(b, eq ? 0 : cx & ~cy);
        }
        return ky && cy == 0 ? x : TCG_NONE;
    case TCG_OP_vadd:
        return ky && cy == 0 ? x : TCG_NONE;
    case TCG_OP_vsub:
        return eq ? tcg_vconst(b, 0) : ky && cy == 0 ? x : TCG_NONE;
    case TCG_OP_vcmpeq:
        return eq ? tcg_vconst(b, UINT64_MAX) : TCG_NONE;
    case TCG_OP_vcmpgt:
        return eq ? tcg_vconst(b, 0) : TCG_NONE;
    case TCG_OP_vmin:
    case TCG_OP_vmax:
        return eq ? x : TCG_NONE;
    default:
        return TCG_NONE;
    }
}

/* The upper half is zero. */
static bool is_low64(const TCGBuilder *b, TCGv v)
{
    const TCGOp *d = tcg_def(b, v);
    return d->opc == TCG_OP_vld_lo || (d->opc == TCG_OP_vconst && d->imm == 0) ||
           (d->opc >= TCG_OP_vfadd && d->opc <= TCG_OP_vfcvt_uf &&
            (d->aux & (TCG_FP_V64 | TCG_FP_V1))) ||
           d->opc == TCG_OP_vfnarrow;
}

/* An FP vector op on the lowest element only, of single or double precision, is a scalar's. */
static RULE TCGv fold_vector_fp(TCGBuilder *b, TCGOp *op)
{
    unsigned esize = tcg_fp_esize(op->aux), opc = op->opc;
    unsigned fp = op->aux & ~(TCG_FP_ESIZE_MASK | TCG_FP_V64 | TCG_FP_V1);
    if (!(op->aux & TCG_FP_V1) || esize < 2) {
        return TCG_NONE;
    }
    TCGType t = esize == 3 ? TCG_F64 : TCG_F32, it = esize == 3 ? TCG_I64 : TCG_I32;
    TCGv x = tcg_gen_vlow(b, t, op->a), y = TCG_NONE, r;
    if (op->b.i) {
        y = tcg_gen_vlow(b, t, op->b);
    }
    switch (opc) {
    case TCG_OP_vfadd:
        r = tcg_gen_fadd(b, fp, x, y);
        break;
    case TCG_OP_vfsub:
        r = tcg_gen_fsub(b, fp, x, y);
        break;
    case TCG_OP_vfmul:
        r = tcg_gen_fmul(b, fp, x, y);
        break;
    case TCG_OP_vfdiv:
        r = tcg_gen_fdiv(b, fp, x, y);
        break;
    case TCG_OP_vfmin:
        r = tcg_gen_fmin(b, fp, x, y);
        break;
    case TCG_OP_vfmax:
        r = tcg_gen_fmax(b, fp, x, y);
        break;
    case TCG_OP_vfsqrt:
        r = tcg_gen_fsqrt(b, fp, x);
        break;
    case TCG_OP_vfround:
        r = tcg_gen_fround(b, fp, x);
        break;
    case TCG_OP_vfma:
        r = tcg_gen_fma(b, fp, x, y, tcg_gen_vlow(b, t, op->c));
        break;
    case TCG_OP_vfcmp:
        r = tcg_gen_fcmp(b, it, (fp & TCG_FP_FZ) | (unsigned)op->imm, x, y);
        r = tcg_gen_bitcast(b, t, tcg_gen_neg(b, r));
        break;
    case TCG_OP_vfcvt_fs:
    case TCG_OP_vfcvt_fu:
        opc = opc == TCG_OP_vfcvt_fs ? TCG_OP_fcvt_fs : TCG_OP_fcvt_fu;
        r = tcg_gen_bitcast(b, t, tcg_gen_fcvt_fixed(b, opc, it, fp, x, op->imm));
        break;
    default: /* vfcvt_sf, vfcvt_uf */
        opc = opc == TCG_OP_vfcvt_sf ? TCG_OP_fcvt_sf : TCG_OP_fcvt_uf;
        r = tcg_gen_fcvt_fixed(b, opc, t, fp, tcg_gen_bitcast(b, it, x), op->imm);
        break;
    }
    return tcg_gen_vld_lo(b, r);
}

static RULE TCGv fold_vector(TCGBuilder *b, TCGOp *op)
{
    const TCGOp *dx = tcg_def(b, op->a);
    switch (op->opc) {
    case TCG_OP_vget:
        switch (dx->opc) {
        case TCG_OP_vset:
            return dx->imm == op->imm ? dx->b : tcg_gen_vget(b, dx->a, op->imm);
        case TCG_OP_vld_lo:
            if (op->imm) {
                return tcg_i64(b, 0);
            }
            return tcg_def(b, dx->a)->type == TCG_F64
                       ? tcg_gen_bitcast(b, TCG_I64, dx->a)
                       : tcg_gen_extu(b, tcg_gen_bitcast(b, TCG_I32, dx->a));
        case TCG_OP_vconst:
            return tcg_i64(b, dx->imm);
        case TCG_OP_vdup:
            return dx->aux == 3 ? dx->a : TCG_NONE;
        default:
            return TCG_NONE;
        }
    case TCG_OP_vlow:
        switch (dx->opc) {
        case TCG_OP_vld_lo:
            return tcg_def(b, dx->a)->type == op->type ? dx->a : TCG_NONE;
        case TCG_OP_vconst:
            return tcg_fconst(b, op->type, dx->imm);
        case TCG_OP_vset:
            return dx->imm ? tcg_gen_vlow(b, op->type, dx->a) : TCG_NONE;
        default:
            return TCG_NONE;
        }
    case TCG_OP_vld_lo:
        /* The low half of what has no other. */
        return dx->opc == TCG_OP_vlow && dx->type == TCG_F64 && is_low64(b, dx->a) ? dx->a
               : dx->opc == TCG_OP_fconst && dx->imm == 0 ? tcg_vconst(b, 0)
                                                          : TCG_NONE;
    case TCG_OP_vextract: {
        unsigned bits = 8u << (op->aux & TCG_VEC_ESIZE), at = (unsigned)op->imm * bits & 63;
        if (dx->opc == TCG_OP_vconst) {
            uint64_t e = (uint64_t)dx->imm << (64 - at - bits);
            return tcg_const(b, op->type,
                             op->aux & TCG_VEC_UNSIGNED ? (int64_t)(e >> (64 - bits))
                                                        : (int64_t)e >> (64 - bits));
        }
        return TCG_NONE;
    }
    case TCG_OP_vset:
        return dx->opc == TCG_OP_vset && dx->imm == op->imm ? tcg_gen_vset(b, dx->a, op->b, op->imm)
                                                            : TCG_NONE;
    case TCG_OP_vdup:
        if (dx->opc == TCG_OP_const) {
            unsigned w = 8u << op->aux;
            uint64_t v = dx->imm;
            if (w < 64) {
                v &= (UINT64_C(1) << w) - 1;
                v *= UINT64_MAX / ((UINT64_C(1) << w) - 1);
            }
            return tcg_vconst(b, v);
        }
        return TCG_NONE;
    default: /* shifts */
        return op->imm == 0 ? op->a : TCG_NONE;
    }
}

TCGv tcg_fold(TCGBuilder *b, TCGOp *op)
{
    switch (op->opc) {
    case TCG_OP_add:
    case TCG_OP_sub:
    case TCG_OP_mul:
    case TCG_OP_mulhu:
    case TCG_OP_mulhs:
    case TCG_OP_mulhsu:
    case TCG_OP_divs:
    case TCG_OP_divu:
    case TCG_OP_rems:
    case TCG_OP_remu:
    case TCG_OP_and:
    case TCG_OP_or:
    case TCG_OP_xor:
    case TCG_OP_andc:
    case TCG_OP_orc:
    case TCG_OP_eqv:
    case TCG_OP_shl:
    case TCG_OP_shr:
    case TCG_OP_sar:
    case TCG_OP_rotl:
    case TCG_OP_rotr:
        return fold_binary(b, op);
    case TCG_OP_not:
    case TCG_OP_neg:
    case TCG_OP_clz:
    case TCG_OP_ctz:
    case TCG_OP_popcnt:
    case TCG_OP_bswap:
    case TCG_OP_ext8s:
    case TCG_OP_ext8u:
    case TCG_OP_ext16s:
    case TCG_OP_ext16u:
    case TCG_OP_exts:
    case TCG_OP_extu:
    case TCG_OP_trunc:
        return fold_unary(b, op);
    case TCG_OP_extract:
    case TCG_OP_sextract:
        return fold_extract(b, op);
    case TCG_OP_deposit:
        return fold_deposit(b, op);
    case TCG_OP_setcond:
        return fold_setcond(b, op);
    case TCG_OP_select:
        return fold_select(b, op);
    case TCG_OP_ld:
    case TCG_OP_st:
        return fold_address(b, op);
    case TCG_OP_fneg:
    case TCG_OP_fabs:
    case TCG_OP_fcopysign:
        return fold_sign(b, op);
    case TCG_OP_bitcast:
    case TCG_OP_fbox:
    case TCG_OP_funbox:
        return fold_cast(b, op);
    case TCG_OP_vand:
    case TCG_OP_vor:
    case TCG_OP_vxor:
    case TCG_OP_vandc:
    case TCG_OP_vmul:
    case TCG_OP_vmin:
    case TCG_OP_vmax:
    case TCG_OP_vtst:
    case TCG_OP_vadd:
    case TCG_OP_vsub:
    case TCG_OP_vcmpeq:
    case TCG_OP_vcmpgt:
        return fold_vector2(b, op);
    case TCG_OP_vfadd ... TCG_OP_vfcvt_uf:
        return fold_vector_fp(b, op);
    case TCG_OP_vld_lo:
    case TCG_OP_vlow:
    case TCG_OP_vextract:
    case TCG_OP_vget:
    case TCG_OP_vset:
    case TCG_OP_vdup:
    case TCG_OP_vshli:
    case TCG_OP_vshri:
    case TCG_OP_vsari:
        return fold_vector(b, op);
    default:
        return TCG_NONE;
    }
}

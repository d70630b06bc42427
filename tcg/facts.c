/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What is known of a value: bits that are zero, and how many at the top are copies of the sign.
 * Found when a rule (fold.c) or a host asks for the first time, from the op that defines it and its
 * operands.
 *
 * Tests: tests/unit/test-tcg.c runs random units with and without folding.
 */
#include "tcg/internal.h"

/* A value loaded or swapped with memop m. */
static void memory_facts(TCGMemOp m, unsigned w, TCGFacts *f)
{
    unsigned bits = 8u << tcg_mo_size(m);
    if (bits < w) {
        if (m & TCG_MO_SIGN) {
            f->sign = w - bits + 1;
        } else {
            f->zero = ~low_bits(bits);
        }
    }
}

static void shift_facts(const TCGBuilder *b, const TCGOp *op, unsigned w, const TCGFacts *x,
                        TCGFacts *f)
{
    int64_t k;
    if (!is_const(b, op->b, &k)) {
        if (op->opc == TCG_OP_sar) {
            f->sign = x->sign;
        } else if (op->opc == TCG_OP_shr) {
            f->zero = ~low_bits(64 - leading(x->zero));
        }
        return;
    }
    unsigned n = k & (w - 1);
    switch (op->opc) {
    case TCG_OP_shl:
        f->zero = x->zero << n | low_bits(n);
        f->sign = x->sign > n ? x->sign - n : 1;
        break;
    case TCG_OP_shr:
        f->zero = x->zero >> n | ~low_bits(64 - n);
        break;
    default:
        f->sign = MIN(x->sign + n, w);
        if (x->zero >> (w - 1) & 1) {
            f->zero = (x->zero & low_bits(w)) >> n | ~low_bits(w - n);
        } else {
            f->zero = (x->zero & low_bits(w)) >> n & low_bits(w - n);
        }
        break;
    }
}

/* What is known of any value of a type. */
static const TCGFacts type_facts[TCG_TYPE_COUNT] = {
    [TCG_VOID] = {.sign = 1}, [TCG_I32] = {.zero = ~(uint64_t)UINT32_MAX, .sign = 1},
    [TCG_I64] = {.sign = 1},  [TCG_F32] = {.zero = ~(uint64_t)UINT32_MAX, .sign = 1},
    [TCG_F64] = {.sign = 1},  [TCG_V128] = {.sign = 1},
};

/* Facts about a value are made of those of its operands, and theirs, so many steps deep. */
#define FACTS_DEPTH 32

static const TCGFacts *find_facts(const TCGBuilder *b, TCGv v, unsigned depth)
{
    TCGFacts *f = &b->facts[v.i];
    const TCGOp *op = tcg_def(b, v);

    if (f->sign) {
        return f;
    }
    if (depth == FACTS_DEPTH) {
        return &type_facts[op->type];
    }
    const TCGFacts *x = NULL, *y = NULL, *z = NULL;
    unsigned nargs = tcg_op_desc[op->opc].nargs;
    if (nargs > 0) {
        x = find_facts(b, op->a, depth + 1);
        if (nargs > 1) {
            y = find_facts(b, op->b, depth + 1);
            if (nargs > 2) {
                z = find_facts(b, op->c, depth + 1);
            }
        }
    }
    unsigned w = tcg_type_bits(op->type);
    TCGFacts r = {.zero = 0, .sign = 1};
    switch (op->opc) {
    case TCG_OP_const:
        r.zero = ~(uint64_t)op->imm;
        r.sign = __builtin_clrsbll(op->imm) + 1 - (64 - w);
        break;
    case TCG_OP_pcrel:
        r.zero = b->u->pc32 ? ~low_bits(32) : 0;
        break;
    case TCG_OP_add:
    case TCG_OP_sub: {
        unsigned sign = MIN(x->sign, y->sign);
        r.sign = sign > 1 ? sign - 1 : 1;
        if (op->opc == TCG_OP_add) {
            unsigned lead = MIN(leading(x->zero), leading(y->zero));
            r.zero = lead > 1 ? ~low_bits(64 - (lead - 1)) : 0;
        }
        uint64_t tz = ~(x->zero & y->zero);
        r.zero |= tz ? low_bits(__builtin_ctzll(tz)) : UINT64_MAX;
        break;
    }
    case TCG_OP_neg:
        r.sign = x->sign > 1 ? x->sign - 1 : 1;
        break;
    case TCG_OP_remu:
        /* x % 0 is x */
        r.zero = ~low_bits(64 - leading(x->zero));
        break;
    case TCG_OP_and:
        r.zero = x->zero | y->zero;
        r.sign = MIN(x->sign, y->sign);
        break;
    case TCG_OP_or:
    case TCG_OP_xor:
        r.zero = x->zero & y->zero;
        r.sign = MIN(x->sign, y->sign);
        break;
    case TCG_OP_andc:
        r.zero = x->zero;
        r.sign = MIN(x->sign, y->sign);
        break;
    case TCG_OP_orc:
    case TCG_OP_eqv:
        r.sign = MIN(x->sign, y->sign);
        break;
    case TCG_OP_not:
        r.sign = x->sign;
        break;
    case TCG_OP_shl:
    case TCG_OP_shr:
    case TCG_OP_sar:
        shift_facts(b, op, w, x, &r);
        break;
    case TCG_OP_clz:
    case TCG_OP_ctz:
    case TCG_OP_popcnt:
        r.zero = ~(uint64_t)(2 * w - 1);
        break;
    case TCG_OP_ext8s:
    case TCG_OP_ext16s: {
        unsigned bits = op->opc == TCG_OP_ext8s ? 8 : 16;
        r.zero = x->zero & low_bits(bits - 1);
        if (x->zero >> (bits - 1) & 1) {
            r.zero |= ~low_bits(bits - 1);
        }
        r.sign = MAX(w - bits + 1, x->sign);
        break;
    }
    case TCG_OP_ext8u:
        r.zero = x->zero | ~low_bits(8);
        break;
    case TCG_OP_ext16u:
        r.zero = x->zero | ~low_bits(16);
        break;
    case TCG_OP_exts:
        r.zero = x->zero & low_bits(31);
        if (x->zero >> 31 & 1) {
            r.zero = x->zero;
        }
        r.sign = x->sign + 32;
        break;
    case TCG_OP_extu:
        r.zero = x->zero;
        break;
    case TCG_OP_trunc:
        r.zero = x->zero;
        r.sign = x->sign > 32 ? x->sign - 32 : 1;
        break;
    case TCG_OP_extract:
        r.zero = x->zero >> (op->aux & 63) | ~low_bits(op->aux >> 8);
        break;
    case TCG_OP_sextract:
        r.sign = w - (op->aux >> 8) + 1;
        break;
    case TCG_OP_setcond:
    case TCG_OP_fcmp:
        r.zero = ~UINT64_C(1);
        break;
    case TCG_OP_select:
        r.zero = y->zero & z->zero;
        r.sign = MIN(y->sign, z->sign);
        break;
    case TCG_OP_fcvt_fh:
        r.zero = ~low_bits(16);
        break;
    case TCG_OP_vextract:
        /* as if it were loaded */
        memory_facts((op->aux & TCG_VEC_ESIZE) | (op->aux & TCG_VEC_UNSIGNED ? 0 : TCG_MO_SIGN), w,
                     &r);
        break;
    case TCG_OP_ld:
    case TCG_OP_ldenv:
    case TCG_OP_atomic_rmw:
    case TCG_OP_cmpxchg:
        memory_facts(op->aux, w, &r);
        break;
    default:
        break;
    }
    if (w == 32) {
        r.zero |= ~low_bits(32);
    }
    r.sign = MAX(r.sign, leading(r.zero) - (64 - w));
    if (r.sign == 0) {
        r.sign = 1;
    }
    *f = r;
    return f;
}

const TCGFacts *tcg_find_facts(const TCGBuilder *b, TCGv v)
{
    return find_facts(b, v, 0);
}

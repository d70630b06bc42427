/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Doing without: what stands for each op that a host may lack (TCG_OPF_OPT in ops.def), written
 * with the builder in terms of other ops. A lowering may use OPT ops that come earlier in the table
 * below; if the host lacks these too they are lowered in turn.
 *
 * To make an op optional: set OPT in its row of ops.def and add its lowering here. Leaving one out,
 * or keeping one for an op that is not optional, does not compile.
 *
 * Tests: tests/unit/test-tcg.c runs random units with every OPT op lowered.
 */
#include <string.h>
#include "tcg/internal.h"
#include "tcg/interp/internal.h"

typedef TCGv LowerFn(TCGBuilder *b, const TCGOp *op);

static inline TCGv konst(TCGBuilder *b, const TCGOp *op, uint64_t k)
{
    return tcg_const(b, op->type, (int64_t)k);
}

/* 0x0101... with one bit every n bits. */
static inline uint64_t every(unsigned n)
{
    return n == 64 ? 1 : UINT64_MAX / ((UINT64_C(1) << n) - 1);
}

static TCGv lower_andc(TCGBuilder *b, const TCGOp *op)
{
    return tcg_gen_and(b, op->a, tcg_gen_not(b, op->b));
}

static TCGv lower_orc(TCGBuilder *b, const TCGOp *op)
{
    return tcg_gen_or(b, op->a, tcg_gen_not(b, op->b));
}

static TCGv lower_eqv(TCGBuilder *b, const TCGOp *op)
{
    return tcg_gen_not(b, tcg_gen_xor(b, op->a, op->b));
}

static TCGv lower_mulhsu(TCGBuilder *b, const TCGOp *op)
{
    TCGv high = tcg_gen_mulhu(b, op->a, op->b);
    TCGv sign = tcg_gen_sari(b, op->a, tcg_type_bits(op->type) - 1);
    return tcg_gen_sub(b, high, tcg_gen_and(b, sign, op->b));
}

static TCGv lower_popcnt(TCGBuilder *b, const TCGOp *op)
{
    TCGv m1 = konst(b, op, UINT64_MAX / 3), m2 = konst(b, op, UINT64_MAX / 5);
    TCGv m4 = konst(b, op, UINT64_MAX / 17), ones = konst(b, op, every(8)), x = op->a;
    x = tcg_gen_sub(b, x, tcg_gen_and(b, tcg_gen_shri(b, x, 1), m1));
    x = tcg_gen_add(b, tcg_gen_and(b, x, m2), tcg_gen_and(b, tcg_gen_shri(b, x, 2), m2));
    x = tcg_gen_and(b, tcg_gen_add(b, x, tcg_gen_shri(b, x, 4)), m4);
    return tcg_gen_shri(b, tcg_gen_mul(b, x, ones), tcg_type_bits(op->type) - 8);
}

static TCGv lower_clz(TCGBuilder *b, const TCGOp *op)
{
    TCGv x = op->a;
    for (unsigned n = 1; n < tcg_type_bits(op->type); n *= 2) {
        x = tcg_gen_or(b, x, tcg_gen_shri(b, x, n));
    }
    return tcg_gen_popcnt(b, tcg_gen_not(b, x));
}

static TCGv lower_ctz(TCGBuilder *b, const TCGOp *op)
{
    TCGv below = tcg_gen_and(b, tcg_gen_addi(b, op->a, -1), tcg_gen_not(b, op->a));
    return tcg_gen_popcnt(b, below);
}

static inline unsigned field_pos(const TCGOp *op)
{
    return op->aux & 63;
}

static inline unsigned field_len(const TCGOp *op)
{
    return op->aux >> 8;
}

static TCGv lower_extract(TCGBuilder *b, const TCGOp *op)
{
    unsigned w = tcg_type_bits(op->type), pos = field_pos(op), len = field_len(op);
    return tcg_gen_shri(b, tcg_gen_shli(b, op->a, w - pos - len), w - len);
}

static TCGv lower_sextract(TCGBuilder *b, const TCGOp *op)
{
    unsigned w = tcg_type_bits(op->type), pos = field_pos(op), len = field_len(op);
    return tcg_gen_sari(b, tcg_gen_shli(b, op->a, w - pos - len), w - len);
}

static TCGv lower_deposit(TCGBuilder *b, const TCGOp *op)
{
    unsigned pos = field_pos(op), len = field_len(op);
    uint64_t mask = len == 64 ? UINT64_MAX : (UINT64_C(1) << len) - 1;
    TCGv field = tcg_gen_shli(b, tcg_gen_andi(b, op->b, (int64_t)mask), pos);
    return tcg_gen_or(b, tcg_gen_andi(b, op->a, (int64_t) ~(mask << pos)), field);
}

static TCGv lower_vandc(TCGBuilder *b, const TCGOp *op)
{
    TCGv not_b = tcg_gen_v2(b, TCG_OP_vxor, 0, op->b, tcg_vconst(b, UINT64_MAX));
    return tcg_gen_v2(b, TCG_OP_vand, 0, op->a, not_b);
}

/* Shift both 64-bit halves and clear what came over from the neighbouring element. */
static TCGv lower_vshift(TCGBuilder *b, const TCGOp *op, bool left)
{
    unsigned w = 8u << op->aux, n = op->imm;
    uint64_t element = w == 64 ? UINT64_MAX : (UINT64_C(1) << w) - 1;
    uint64_t keep = every(w) * ((left ? element << n : element >> n) & element);
    TCGv v = tcg_vconst(b, 0);
    for (unsigned half = 0; half < 2; half++) {
        TCGv x = tcg_gen_vget(b, op->a, half);
        x = left ? tcg_gen_shli(b, x, n) : tcg_gen_shri(b, x, n);
        v = tcg_gen_vset(b, v, tcg_gen_andi(b, x, (int64_t)keep), half);
    }
    return v;
}

static TCGv lower_vshli(TCGBuilder *b, const TCGOp *op)
{
    return lower_vshift(b, op, true);
}

static TCGv lower_vshri(TCGBuilder *b, const TCGOp *op)
{
    return lower_vshift(b, op, false);
}

static TCGv lower_vsari(TCGBuilder *b, const TCGOp *op)
{
    unsigned w = 8u << op->aux, n = op->imm;
    /* (x >> n ^ s) - s copies the moved sign bit s upwards. */
    TCGv sign = tcg_vconst(b, every(w) << (w - 1 - n));
    TCGv x = tcg_gen_vshift(b, TCG_OP_vshri, op->aux, op->a, n);
    return tcg_gen_v2(b, TCG_OP_vsub, op->aux, tcg_gen_v2(b, TCG_OP_vxor, 0, x, sign), sign);
}

/* Any vector op as two calls, one for each half. */
static TCGv lower_by_helper(TCGBuilder *b, const TCGOp *op)
{
    const TCGHelper *h = op->opc >= TCG_OP_vfadd ? tcg_interp_vfp_helper : tcg_interp_vec_helper;
    const TCGv x[3] = {op->a, op->b, op->c};
    TCGv args[TCG_MAX_ARGS], v = tcg_vconst(b, 0);
    args[0] = tcg_i64(b, tcg_interp_vec_desc(op));
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned half = 0; half < 2; half++) {
            args[1 + 2 * i + half] = x[i].i ? tcg_gen_vget(b, x[i], half) : tcg_i64(b, 0);
        }
    }
    for (unsigned half = 0; half < 2; half++) {
        v = tcg_gen_vset(b, v, tcg_gen_call(b, &h[half], 7, args), half);
    }
    return v;
}

static TCGv lower_vorc(TCGBuilder *b, const TCGOp *op)
{
    return tcg_gen_v2(b, TCG_OP_vor, 0, op->a, tcg_gen_v1(b, TCG_OP_vnot, 0, op->b));
}

static TCGv lower_vnot(TCGBuilder *b, const TCGOp *op)
{
    return tcg_gen_v2(b, TCG_OP_vxor, 0, op->a, tcg_vconst(b, UINT64_MAX));
}

static TCGv lower_vbitsel(TCGBuilder *b, const TCGOp *op)
{
    return tcg_gen_v2(b, TCG_OP_vor, 0, tcg_gen_v2(b, TCG_OP_vand, 0, op->b, op->a),
                      tcg_gen_v2(b, TCG_OP_vandc, 0, op->c, op->a));
}

static TCGv lower_vneg(TCGBuilder *b, const TCGOp *op)
{
    return tcg_gen_v2(b, TCG_OP_vsub, op->aux, tcg_vconst(b, 0), op->a);
}

static TCGv lower_vabs(TCGBuilder *b, const TCGOp *op)
{
    TCGv sign = tcg_gen_vshift(b, TCG_OP_vsari, op->aux, op->a, (8u << op->aux) - 1);
    return tcg_gen_v2(b, TCG_OP_vsub, op->aux, tcg_gen_v2(b, TCG_OP_vxor, 0, op->a, sign), sign);
}

static TCGv lower_vdupe(TCGBuilder *b, const TCGOp *op)
{
    return tcg_gen_vdup(b, op->aux,
                        tcg_gen_vextract(b, TCG_I64, op->aux | TCG_VEC_UNSIGNED, op->a, op->imm));
}

static TCGv lower_vcmpgt(TCGBuilder *b, const TCGOp *op)
{
    /* b < a: the sign of b - a, or of b where the signs of a and b differ. */
    unsigned esize = op->aux & TCG_VEC_ESIZE, w = 8u << esize;
    TCGv x = op->a, y = op->b;
    if (op->aux & TCG_VEC_UNSIGNED) {
        TCGv top = tcg_vconst(b, every(w) << (w - 1));
        x = tcg_gen_v2(b, TCG_OP_vxor, 0, x, top);
        y = tcg_gen_v2(b, TCG_OP_vxor, 0, y, top);
    }
    TCGv diff = tcg_gen_v2(b, TCG_OP_vsub, esize, y, x);
    TCGv differ = tcg_gen_v2(b, TCG_OP_vxor, 0, x, y);
    TCGv less = tcg_gen_v2(b, TCG_OP_vor, 0, tcg_gen_v2(b, TCG_OP_vand, 0, differ, y),
                           tcg_gen_v2(b, TCG_OP_vandc, 0, diff, differ));
    return tcg_gen_vshift(b, TCG_OP_vsari, esize, less, w - 1);
}

static TCGv lower_vcmpge(TCGBuilder *b, const TCGOp *op)
{
    return tcg_gen_v1(b, TCG_OP_vnot, 0, tcg_gen_v2(b, TCG_OP_vcmpgt, op->aux, op->b, op->a));
}

static TCGv lower_vtst(TCGBuilder *b, const TCGOp *op)
{
    TCGv both = tcg_gen_v2(b, TCG_OP_vand, 0, op->a, op->b);
    return tcg_gen_v1(b, TCG_OP_vnot, 0,
                      tcg_gen_v2(b, TCG_OP_vcmpeq, op->aux, both, tcg_vconst(b, 0)));
}

static TCGv lower_vminmax(TCGBuilder *b, const TCGOp *op, TCGv x, TCGv y)
{
    return tcg_gen_v3(b, TCG_OP_vbitsel, 0, tcg_gen_v2(b, TCG_OP_vcmpgt, op->aux, op->a, op->b), x,
                      y);
}

static TCGv lower_vmin(TCGBuilder *b, const TCGOp *op)
{
    return lower_vminmax(b, op, op->b, op->a);
}

static TCGv lower_vmax(TCGBuilder *b, const TCGOp *op)
{
    return lower_vminmax(b, op, op->a, op->b);
}

static TCGv lower_vavg(TCGBuilder *b, const TCGOp *op)
{
    unsigned esize = op->aux & TCG_VEC_ESIZE;
    unsigned shift = op->aux & TCG_VEC_UNSIGNED ? TCG_OP_vshri : TCG_OP_vsari;
    TCGv half = tcg_gen_vshift(b, shift, esize, tcg_gen_v2(b, TCG_OP_vxor, 0, op->a, op->b), 1);
    if (op->aux & TCG_VEC_ROUND) {
        return tcg_gen_v2(b, TCG_OP_vsub, esize, tcg_gen_v2(b, TCG_OP_vor, 0, op->a, op->b), half);
    }
    return tcg_gen_v2(b, TCG_OP_vadd, esize, tcg_gen_v2(b, TCG_OP_vand, 0, op->a, op->b), half);
}

#define LOWERINGS(X)                                                                               \
    X(mulhsu)                                                                                      \
    X(andc)                                                                                        \
    X(orc)                                                                                         \
    X(eqv)                                                                                         \
    X(popcnt)                                                                                      \
    X(clz)                                                                                         \
    X(ctz)                                                                                         \
    X(extract)                                                                                     \
    X(sextract)                                                                                    \
    X(deposit)                                                                                     \
    X(vandc)                                                                                       \
    X(vshli)                                                                                       \
    X(vshri)                                                                                       \
    X(vsari)                                                                                       \
    X(vcmpgt)                                                                                      \
    X(vorc)                                                                                        \
    X(vnot)                                                                                        \
    X(vbitsel)                                                                                     \
    X(vneg)                                                                                        \
    X(vabs)                                                                                        \
    X(vdupe)                                                                                       \
    X(vcmpge)                                                                                      \
    X(vtst)                                                                                        \
    X(vmin)                                                                                        \
    X(vmax)                                                                                        \
    X(vavg)
/* Those that are calls. */
#define BY_HELPER(X)                                                                               \
    X(vmul)                                                                                        \
    X(vqadd)                                                                                       \
    X(vqsub)                                                                                       \
    X(vshlv)                                                                                       \
    X(vmull)                                                                                       \
    X(vpmull)                                                                                      \
    X(vqdmulh)                                                                                     \
    X(vqrdmlah)                                                                                    \
    X(vdot)                                                                                        \
    X(vwiden)                                                                                      \
    X(vqnarrow)                                                                                    \
    X(vzip)                                                                                        \
    X(vunzip)                                                                                      \
    X(vtrn)                                                                                        \
    X(vext)                                                                                        \
    X(vrev)                                                                                        \
    X(vtbl)                                                                                        \
    X(vrbit)                                                                                       \
    X(vclz)                                                                                        \
    X(vpopcnt)                                                                                     \
    X(vaes)                                                                                        \
    X(vsha)                                                                                        \
    X(vfadd)                                                                                       \
    X(vfsub)                                                                                       \
    X(vfmul)                                                                                       \
    X(vfdiv)                                                                                       \
    X(vfsqrt)                                                                                      \
    X(vfma)                                                                                        \
    X(vfmin)                                                                                       \
    X(vfmax)                                                                                       \
    X(vfround)                                                                                     \
    X(vfcmp)                                                                                       \
    X(vfcvt_fs)                                                                                    \
    X(vfcvt_fu)                                                                                    \
    X(vfcvt_sf)                                                                                    \
    X(vfcvt_uf)                                                                                    \
    X(vfwiden)                                                                                     \
    X(vfnarrow)

static LowerFn *const lowering[TCG_OP_COUNT] = {
#define X(name) [TCG_OP_##name] = lower_##name,
    LOWERINGS(X)
#undef X
#define X(name) [TCG_OP_##name] = lower_by_helper,
        BY_HELPER(X)
#undef X
};

/* Each lowering is of an OPT op, and there are as many as there are OPT ops. */
enum {
    SIDE = TCG_OPF_SIDE,
    FAULT = TCG_OPF_FAULT,
    EXIT = TCG_OPF_EXIT,
    END = TCG_OPF_END,
    COMM = TCG_OPF_COMM,
    FPSTATUS = TCG_OPF_FPSTATUS,
    OPT = TCG_OPF_OPT,
#define OP(name, sig, flags, doc) OPTIONAL_##name = ((flags)&OPT) != 0,
#include "tcg/ops.def"
#undef OP
};
#define X(name) G_STATIC_ASSERT(OPTIONAL_##name);
LOWERINGS(X)
BY_HELPER(X)
#undef X
enum {
    OPTIONAL_OPS = 0
#define OP(name, sig, flags, doc) +OPTIONAL_##name
#include "tcg/ops.def"
#undef OP
    ,
    LOWERED_OPS = 0
#define X(name) +1
    LOWERINGS(X) BY_HELPER(X)
#undef X
};
G_STATIC_ASSERT((int)OPTIONAL_OPS == (int)LOWERED_OPS);

TCGv tcg_lower_op(TCGBuilder *b, const TCGOp *op)
{
    return lowering[op->opc](b, op);
}

void tcg_lower(TCGUnit *u, const bool has[TCG_OP_COUNT])
{
    for (uint32_t i = 1; i < u->nops; i++) {
        unsigned opc = u->ops[i].opc;
        if ((tcg_op_desc[opc].flags & TCG_OPF_OPT) && !has[opc]) {
            tcg_rebuild(u, u->folded ? TCG_OPT_FOLD : 0, has);
            return;
        }
    }
}

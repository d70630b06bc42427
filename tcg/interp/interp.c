/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The IR interpreter; its contract is in include/tcg/interp.h.
 *
 * A value is 64 bits in lo[] at its op's index, i32 and f32 zero-extended; the upper half of a
 * vector is in hi[]. The ops are threaded through a table of labels made from ops.def, so an op
 * that is missing here does not compile.
 *
 * What an op does is written out anew, not shared with folding, so that each checks the other.
 *
 * Thread: the vCPU's. Tests: tests/unit/test-tcg.c.
 */
#include <string.h>
#include "tcg/interp/internal.h"

struct TcgInterp {
    const TcgInterpMem *mem;
    void *opaque;
    unsigned insn;
    uint32_t cap;
    uint64_t *lo, *hi;
};

TcgInterp *tcg_interp_new(void)
{
    TcgInterp *in = g_new0(TcgInterp, 1);
    in->mem = &tcg_interp_softmmu;
    return in;
}

void tcg_interp_free(TcgInterp *in)
{
    if (in) {
        g_free(in->lo);
        g_free(in->hi);
        g_free(in);
    }
}

void tcg_interp_set_mem(TcgInterp *in, const TcgInterpMem *mem, void *opaque)
{
    in->mem = mem ? mem : &tcg_interp_softmmu;
    in->opaque = opaque;
}

unsigned tcg_interp_insn(const TcgInterp *in)
{
    return in->insn;
}

/* ---- cells and env ---- */

static inline void *env_at(CPUEnv *env, uint64_t offset)
{
    return (char *)env + offset;
}

static inline uint64_t load_env(CPUEnv *env, uint64_t offset, unsigned size_log2)
{
    const void *p = env_at(env, offset);
    switch (size_log2) {
    case 0:
        return *(const uint8_t *)p;
    case 1: {
        uint16_t v;
        memcpy(&v, p, sizeof(v));
        return v;
    }
    case 2: {
        uint32_t v;
        memcpy(&v, p, sizeof(v));
        return v;
    }
    default: {
        uint64_t v;
        memcpy(&v, p, sizeof(v));
        return v;
    }
    }
}

static inline void store_env(CPUEnv *env, uint64_t offset, unsigned size_log2, uint64_t val)
{
    void *p = env_at(env, offset);
    switch (size_log2) {
    case 0:
        *(uint8_t *)p = val;
        break;
    case 1: {
        uint16_t v = val;
        memcpy(p, &v, sizeof(v));
        break;
    }
    case 2: {
        uint32_t v = val;
        memcpy(p, &v, sizeof(v));
        break;
    }
    default:
        memcpy(p, &val, sizeof(val));
        break;
    }
}

/* What memop reads from memory, extended to 64 bits. */
static inline uint64_t extend(uint64_t v, TCGMemOp m)
{
    unsigned shift = 64 - (8u << tcg_mo_size(m));
    return m & TCG_MO_SIGN ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

/* ---- calls ---- */

typedef uint64_t Arg;

static uint64_t call_helper(void (*fn)(void), unsigned n, const Arg *a)
{
    switch (n) {
    case 0:
        return ((uint64_t(*)(void))fn)();
    case 1:
        return ((uint64_t(*)(Arg))fn)(a[0]);
    case 2:
        return ((uint64_t(*)(Arg, Arg))fn)(a[0], a[1]);
    case 3:
        return ((uint64_t(*)(Arg, Arg, Arg))fn)(a[0], a[1], a[2]);
    case 4:
        return ((uint64_t(*)(Arg, Arg, Arg, Arg))fn)(a[0], a[1], a[2], a[3]);
    case 5:
        return ((uint64_t(*)(Arg, Arg, Arg, Arg, Arg))fn)(a[0], a[1], a[2], a[3], a[4]);
    case 6:
        return ((uint64_t(*)(Arg, Arg, Arg, Arg, Arg, Arg))fn)(a[0], a[1], a[2], a[3], a[4], a[5]);
    case 7:
        return ((uint64_t(*)(Arg, Arg, Arg, Arg, Arg, Arg, Arg))fn)(a[0], a[1], a[2], a[3], a[4],
                                                                    a[5], a[6]);
    default:
        return ((uint64_t(*)(Arg, Arg, Arg, Arg, Arg, Arg, Arg, Arg))fn)(a[0], a[1], a[2], a[3],
                                                                         a[4], a[5], a[6], a[7]);
    }
}

static uint64_t do_call(const TCGCall *c, CPUEnv *env, const uint64_t *lo)
{
    const TCGHelper *h = c->helper;
    Arg a[TCG_MAX_ARGS + 1];
    unsigned n = 0;
    if (h->pass_env) {
        a[n++] = (uintptr_t)env;
    }
    for (unsigned i = 0; i < h->nargs; i++) {
        uint64_t v = lo[c->args[i].i];
        /* Some calling conventions want 32-bit arguments sign-extended; none wants otherwise. */
        a[n++] = h->args[i] == TCG_I32 ? (uint64_t)(int32_t)v : v;
    }
    void (*fn)(void);
    memcpy(&fn, &h->fn, sizeof(fn));
    return call_helper(fn, n, a);
}

/* ---- vectors ---- */

/* One 64-bit half of a two-operand op on elements of 8 << esize bits. */
static uint64_t vector_half(unsigned opc, unsigned esize, uint64_t x, uint64_t y)
{
    unsigned w = 8u << esize;
    uint64_t r = 0;
    for (unsigned pos = 0; pos < 64; pos += w) {
        uint64_t a = x >> pos << (64 - w), b = y >> pos << (64 - w), e;
        switch (opc) {
        case TCG_OP_vadd:
            e = a + b;
            break;
        case TCG_OP_vsub:
            e = a - b;
            break;
        default: /* vcmpeq */
            e = a == b ? UINT64_MAX : 0;
            break;
        }
        r |= e >> (64 - w) << pos;
    }
    return r;
}

static uint64_t vector_shift_half(unsigned opc, unsigned esize, uint64_t x, unsigned n)
{
    unsigned w = 8u << esize;
    uint64_t r = 0;
    for (unsigned pos = 0; pos < 64; pos += w) {
        uint64_t a = x >> pos << (64 - w), e; /* the element at the top */
        switch (opc) {
        case TCG_OP_vshli:
            e = a << n;
            break;
        case TCG_OP_vshri:
            e = a >> n;
            break;
        default: /* vsari */
            e = (uint64_t)((int64_t)a >> n);
            break;
        }
        r |= e >> (64 - w) << pos;
    }
    return r;
}

static uint64_t duplicate(uint64_t v, unsigned esize)
{
    for (unsigned w = 8u << esize; w < 64; w *= 2) {
        v = (v & ((UINT64_C(1) << w) - 1)) | v << w;
    }
    return v;
}

static bool compare(TCGCond c, uint64_t x, uint64_t y, bool is32)
{
    int64_t sx = is32 ? (int32_t)x : (int64_t)x, sy = is32 ? (int32_t)y : (int64_t)y;
    switch (c) {
    case TCG_COND_EQ:
        return x == y;
    case TCG_COND_NE:
        return x != y;
    case TCG_COND_LT:
        return sx < sy;
    case TCG_COND_GE:
        return sx >= sy;
    case TCG_COND_LE:
        return sx <= sy;
    case TCG_COND_GT:
        return sx > sy;
    case TCG_COND_LTU:
        return x < y;
    case TCG_COND_GEU:
        return x >= y;
    case TCG_COND_LEU:
        return x <= y;
    case TCG_COND_GTU:
        return x > y;
    case TCG_COND_TSTEQ:
        return (x & y) == 0;
    default: /* TSTNE */
        return (x & y) != 0;
    }
}

static void fence(unsigned orderings)
{
    if (orderings & TCG_FENCE_WR) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    } else {
        __atomic_thread_fence(__ATOMIC_ACQ_REL);
    }
}

static inline uint64_t high_signed(int64_t x, int64_t y)
{
    return (uint64_t)((__int128)x * y >> 64);
}

/* An acquire load, a release store, or one that is sequentially consistent. */
static inline bool ordered(TCGMemOp m)
{
    return m & TCG_MO_ORDER_MASK;
}

uint64_t tcg_interp_run(const TCGUnit *u, CPUEnv *env, TcgInterp *in)
{
    static const void *const go[TCG_OP_COUNT] = {
#define OP(name, sig, flags, doc) [TCG_OP_##name] = &&do_##name,
#include "tcg/ops.def"
#undef OP
    };
    static const uint64_t mask[TCG_TYPE_COUNT] = {
        [TCG_I32] = UINT32_MAX, [TCG_I64] = UINT64_MAX,  [TCG_F32] = UINT32_MAX,
        [TCG_F64] = UINT64_MAX, [TCG_V128] = UINT64_MAX,
    };
    if (G_UNLIKELY(in->cap < u->nops)) {
        in->cap = MAX(u->ops_cap, u->nops);
        in->lo = g_renew(uint64_t, in->lo, in->cap);
        in->hi = g_renew(uint64_t, in->hi, in->cap);
        in->lo[0] = in->hi[0] = 0;
    }
    uint64_t *const lo = in->lo, *const hi = in->hi;
    const TcgInterpMem *const mem = in->mem;
    const TCGOp *const ops = u->ops, *op = ops;
    const uint64_t pc_mask = u->pc32 ? UINT32_MAX : UINT64_MAX;
    const uint64_t page = env->pc_page;
    uint64_t v128[2] = {0, 0}, va[2], vb[2], vc[2];
    uint16_t label;

#define A  lo[op->a.i]
#define B  lo[op->b.i]
#define C  lo[op->c.i]
#define R  lo[op - ops]
#define RH hi[op - ops]
#define VECTORS                                                                                    \
    do {                                                                                           \
        va[0] = A;                                                                                 \
        va[1] = hi[op->a.i];                                                                       \
        vb[0] = B;                                                                                 \
        vb[1] = hi[op->b.i];                                                                       \
        vc[0] = C;                                                                                 \
        vc[1] = hi[op->c.i];                                                                       \
    } while (0)
#define NEXT                                                                                       \
    do {                                                                                           \
        op++;                                                                                      \
        goto *go[op->opc];                                                                         \
    } while (0)
#define RESULT(x)                                                                                  \
    do {                                                                                           \
        R = (x)&mask[op->type];                                                                    \
        NEXT;                                                                                      \
    } while (0)
#define IS32      (op->type == TCG_I32)
#define SIGNED(x) (IS32 ? (int64_t)(int32_t)(x) : (int64_t)(x))
#define WIDTH     (IS32 ? 32u : 64u)
#define COUNT     (B & (WIDTH - 1))
#define ADDRESS   ((A + op->imm) & pc_mask)

    NEXT;

do_nop:
    NEXT;
do_insn_start:
    in->insn = op->aux;
    env->pc = (page + op->imm) & pc_mask;
    NEXT;
do_label:
do_block:
    NEXT;
do_const:
do_fconst:
    RESULT(op->imm);
do_vconst:
    R = RH = op->imm;
    NEXT;
do_pcrel:
    R = (page + op->imm) & pc_mask;
    NEXT;
do_getcell : {
    const TCGCell *cell = &u->cells[op->aux];
    R = load_env(env, cell->offset, op->type == TCG_I32 || op->type == TCG_F32 ? 2 : 3);
    if (op->type == TCG_V128) {
        RH = load_env(env, cell->offset + 8, 3);
    }
    NEXT;
}
do_setcell : {
    const TCGCell *cell = &u->cells[op->aux & TCG_CELL_MASK];
    store_env(env, cell->offset, op->type == TCG_I32 || op->type == TCG_F32 ? 2 : 3, A);
    if (op->type == TCG_V128) {
        store_env(env, cell->offset + 8, 3, hi[op->a.i]);
    }
    NEXT;
}
do_ldenv:
    if (op->type == TCG_V128) {
        R = load_env(env, op->imm, 3);
        RH = load_env(env, op->imm + 8, 3);
        NEXT;
    }
    RESULT(extend(load_env(env, op->imm, tcg_mo_size(op->aux)), op->aux));
do_stenv:
    if (op->type == TCG_V128) {
        store_env(env, op->imm, 3, A);
        store_env(env, op->imm + 8, 3, hi[op->a.i]);
    } else {
        store_env(env, op->imm, tcg_mo_size(op->aux), A);
    }
    NEXT;

do_add:
    RESULT(A + B);
do_sub:
    RESULT(A - B);
do_mul:
    RESULT(A * B);
do_mulhu:
    RESULT(IS32 ? A * B >> 32 : (uint64_t)((unsigned __int128)A * B >> 64));
do_mulhs:
    RESULT(IS32 ? (uint64_t)((int64_t)(int32_t)A * (int32_t)B) >> 32 : high_signed(A, B));
do_mulhsu:
    RESULT(IS32 ? (uint64_t)((int64_t)(int32_t)A * (int64_t)B) >> 32
                : high_signed(A, B) + ((int64_t)B < 0 ? A : 0));
do_divs:
    if (B == 0) {
        RESULT(UINT64_MAX);
    }
    RESULT(SIGNED(B) == -1 ? 0 - A : (uint64_t)(SIGNED(A) / SIGNED(B)));
do_divu:
    RESULT(B == 0 ? UINT64_MAX : A / B);
do_rems:
    if (B == 0) {
        RESULT(A);
    }
    RESULT(SIGNED(B) == -1 ? 0 : (uint64_t)(SIGNED(A) % SIGNED(B)));
do_remu:
    RESULT(B == 0 ? A : A % B);
do_and:
    RESULT(A & B);
do_or:
    RESULT(A | B);
do_xor:
    RESULT(A ^ B);
do_andc:
    RESULT(A & ~B);
do_orc:
    RESULT(A | ~B);
do_eqv:
    RESULT(~(A ^ B));
do_not:
    RESULT(~A);
do_neg:
    RESULT(0 - A);
do_shl:
    RESULT(A << COUNT);
do_shr:
    RESULT(A >> COUNT);
do_sar:
    RESULT((uint64_t)(SIGNED(A) >> COUNT));
do_rotl : {
    unsigned n = COUNT;
    RESULT(n ? A << n | A >> (WIDTH - n) : A);
}
do_rotr : {
    unsigned n = COUNT;
    RESULT(n ? A >> n | A << (WIDTH - n) : A);
}
do_clz:
    RESULT(A == 0 ? WIDTH : IS32 ? __builtin_clz(A) : __builtin_clzll(A));
do_ctz:
    RESULT(A == 0 ? WIDTH : __builtin_ctzll(A));
do_popcnt:
    RESULT(__builtin_popcountll(A));
do_bswap:
    RESULT(IS32 ? __builtin_bswap32(A) : __builtin_bswap64(A));
do_ext8s:
    RESULT((uint64_t)(int8_t)A);
do_ext8u:
    RESULT((uint8_t)A);
do_ext16s:
    RESULT((uint64_t)(int16_t)A);
do_ext16u:
    RESULT((uint16_t)A);
do_exts:
    R = (uint64_t)(int32_t)A;
    NEXT;
do_extu:
    R = A;
    NEXT;
do_trunc:
    R = (uint32_t)A;
    NEXT;
do_extract : {
    unsigned pos = op->aux & 63, len = op->aux >> 8;
    RESULT(A << (64 - pos - len) >> (64 - len));
}
do_sextract : {
    unsigned pos = op->aux & 63, len = op->aux >> 8;
    RESULT((uint64_t)((int64_t)(A << (64 - pos - len)) >> (64 - len)));
}
do_deposit : {
    unsigned pos = op->aux & 63, len = op->aux >> 8;
    uint64_t field = UINT64_MAX >> (64 - len) << pos;
    RESULT((A & ~field) | (B << pos & field));
}
do_setcond:
    R = compare(op->aux, A, B, ops[op->a.i].type == TCG_I32);
    NEXT;
do_select : {
    unsigned from = A ? op->b.i : op->c.i;
    R = lo[from];
    if (op->type == TCG_V128) {
        RH = hi[from];
    }
    NEXT;
}

do_fadd:
do_fsub:
do_fmul:
do_fdiv:
do_fsqrt:
do_fma:
do_fmin:
do_fmax:
do_fcmp:
do_fround:
do_fcvt_ff:
do_fcvt_hf:
do_fcvt_fh:
do_fcvt_fs:
do_fcvt_fu:
do_fcvt_sf:
do_fcvt_uf:
    RESULT(tcg_interp_fp(op, ops[op->a.i].type, env, A, B, C));
do_fneg:
    R = A ^ (op->type == TCG_F32 ? UINT64_C(1) << 31 : UINT64_C(1) << 63);
    NEXT;
do_fabs:
    R = A & (op->type == TCG_F32 ? INT32_MAX : INT64_MAX);
    NEXT;
do_fcopysign : {
    uint64_t magnitude = op->type == TCG_F32 ? INT32_MAX : INT64_MAX;
    RESULT((A & magnitude) | (B & ~magnitude));
}
do_bitcast:
    R = A;
    NEXT;
do_fbox:
    R = A | (uint64_t)UINT32_MAX << 32;
    NEXT;
do_funbox:
    R = A >> 32 == UINT32_MAX ? (uint32_t)A : 0x7fc00000;
    NEXT;

do_vld_lo:
    R = A;
    RH = 0;
    NEXT;
do_vget:
    R = op->imm ? hi[op->a.i] : A;
    NEXT;
do_vset:
    R = op->imm ? A : B;
    RH = op->imm ? B : hi[op->a.i];
    NEXT;
do_vlow:
    RESULT(A);
do_vextract : {
    unsigned bits = 8u << (op->aux & TCG_VEC_ESIZE), at = (unsigned)op->imm * bits;
    uint64_t e = (at < 64 ? A : hi[op->a.i]) >> (at & 63) << (64 - bits);
    RESULT(op->aux & TCG_VEC_UNSIGNED ? e >> (64 - bits) : (uint64_t)((int64_t)e >> (64 - bits)));
}
do_vinsert : {
    unsigned bits = 8u << (op->aux & TCG_VEC_ESIZE), at = (unsigned)op->imm * bits;
    uint64_t field = UINT64_MAX >> (64 - bits) << (at & 63), e = B << (at & 63) & field;
    R = at < 64 ? (A & ~field) | e : A;
    RH = at < 64 ? hi[op->a.i] : (hi[op->a.i] & ~field) | e;
    NEXT;
}
do_vdup:
    R = RH = duplicate(A, op->aux);
    NEXT;
do_vand:
    R = A & B;
    RH = hi[op->a.i] & hi[op->b.i];
    NEXT;
do_vor:
    R = A | B;
    RH = hi[op->a.i] | hi[op->b.i];
    NEXT;
do_vxor:
    R = A ^ B;
    RH = hi[op->a.i] ^ hi[op->b.i];
    NEXT;
do_vandc:
    R = A & ~B;
    RH = hi[op->a.i] & ~hi[op->b.i];
    NEXT;
do_vadd:
do_vsub:
do_vcmpeq:
    R = vector_half(op->opc, op->aux, A, B);
    RH = vector_half(op->opc, op->aux, hi[op->a.i], hi[op->b.i]);
    NEXT;
do_vshli:
do_vshri:
do_vsari:
    R = vector_shift_half(op->opc, op->aux, A, op->imm);
    RH = vector_shift_half(op->opc, op->aux, hi[op->a.i], op->imm);
    NEXT;
do_vdupe:
do_vorc:
do_vnot:
do_vbitsel:
do_vmul:
do_vneg:
do_vabs:
do_vmin:
do_vmax:
do_vavg:
do_vqadd:
do_vqsub:
do_vcmpgt:
do_vcmpge:
do_vtst:
do_vshlv:
do_vmull:
do_vpmull:
do_vqdmulh:
do_vqrdmlah:
do_vdot:
do_vwiden:
do_vqnarrow:
do_vzip:
do_vunzip:
do_vtrn:
do_vext:
do_vrev:
do_vtbl:
do_vrbit:
do_vclz:
do_vpopcnt:
do_vaes:
do_vsha:
    VECTORS;
    tcg_interp_vec(op, va, vb, vc, v128);
    R = v128[0];
    RH = v128[1];
    NEXT;
do_vfadd:
do_vfsub:
do_vfmul:
do_vfdiv:
do_vfsqrt:
do_vfma:
do_vfmin:
do_vfmax:
do_vfround:
do_vfcmp:
do_vfcvt_fs:
do_vfcvt_fu:
do_vfcvt_sf:
do_vfcvt_uf:
do_vfwiden:
do_vfnarrow:
    VECTORS;
    tcg_interp_vfp(op, env, va, vb, vc, v128);
    R = v128[0];
    RH = v128[1];
    NEXT;

do_ld:
    if (op->type == TCG_V128) {
        mem->ld128(in->opaque, env, ADDRESS, op->aux, v128);
        R = v128[0];
        RH = v128[1];
        NEXT;
    }
    R = extend(mem->ld(in->opaque, env, ADDRESS, op->aux), op->aux) & mask[op->type];
    if (G_UNLIKELY(ordered(op->aux))) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    }
    NEXT;
do_st:
    if (G_UNLIKELY(ordered(op->aux))) {
        __atomic_thread_fence(__ATOMIC_RELEASE);
    }
    if (op->type == TCG_V128) {
        v128[0] = B;
        v128[1] = hi[op->b.i];
        mem->st128(in->opaque, env, ADDRESS, v128, op->aux);
    } else {
        mem->st(in->opaque, env, ADDRESS, B, op->aux);
    }
    if (G_UNLIKELY((op->aux & TCG_MO_ORDER_MASK) == TCG_MO_SC)) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    NEXT;
do_atomic_rmw:
    RESULT(extend(mem->rmw(in->opaque, env, A, B, op->aux | (uint32_t)op->c.i << 16), op->aux));
do_cmpxchg:
    RESULT(extend(mem->cmpxchg(in->opaque, env, A, B, C, op->aux), op->aux));
do_probe:
    mem->probe(in->opaque, env, A, op->aux, op->imm >> 62 & 1);
    NEXT;
do_fence:
    fence(op->aux);
    NEXT;
do_call : {
    const TCGCall *call = &u->calls[op->imm];
    if (mem->may_call && !mem->may_call(in->opaque, call->helper)) {
        return TCG_INTERP_VETO;
    }
    uint64_t r = do_call(call, env, lo);
    if (op->type != TCG_VOID) {
        R = r & mask[op->type];
    }
    NEXT;
}

do_br_if:
    if (A == 0) {
        NEXT;
    }
do_br:
    label = op->aux;
    do {
        op++;
    } while (op->opc != TCG_OP_label || op->aux != label);
    NEXT;
do_exit_if:
    if (A == 0) {
        NEXT;
    }
do_exit_direct:
    if (u->nblocks) {
        int64_t pc = (int64_t)(env->pc - page);
        uint32_t block = tcg_inner_block(u, op->imm, pc, op->aux & TCG_EXIT_STEADY);
        if (block && (op->imm > pc || !__atomic_load_n(&env->exit_request, __ATOMIC_RELAXED))) {
            op = ops + block;
            NEXT;
        }
    }
    /* The unit was charged with all its instructions. */
    env->icount_left += u->ninsns - in->insn - 1;
    env->pc = (page + op->imm) & pc_mask;
    return TCG_LEAVE_LOOKUP;
do_exit_lookup:
    env->icount_left += u->ninsns - in->insn - 1;
    env->pc = A;
    return TCG_LEAVE_LOOKUP;
do_exit_main:
    env->icount_left += u->ninsns - in->insn - 1;
    env->pc = A;
    return TCG_LEAVE_MAIN;
}

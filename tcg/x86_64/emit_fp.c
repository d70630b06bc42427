/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Floating point of the x86-64 host.
 *
 * Generated code runs with the guest's MXCSR: its rounding mode, all exceptions masked, and its
 * sticky flags are the guest's. What SSE does not do exactly as the IR op says is computed by the
 * interpreter's function (tcg/interp/fp.c) through a slow thunk: whole ops, or out of line.
 *
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/interp/internal.h"
#include "tcg/x86_64/internal.h"

#define BIT(r) (1u << (r))

/* What the slow FP path is to do, in one word. */
static uint32_t fp_desc(const X86Gen *s, const TCGOp *op)
{
    return op->opc | op->type << 8 | s->u->ops[op->a.i].type << 12 | (uint32_t)op->aux << 16;
}

/* Conversions whose imm, a scale, takes the place of operand b. */
static bool is_fixed(unsigned opc)
{
    return opc >= TCG_OP_fcvt_fs && opc <= TCG_OP_fcvt_uf;
}

uint64_t x86_soft_fp(CPUEnv *env, uint64_t a, uint64_t b, uint64_t c, uint32_t desc)
{
    TCGOp op = {.opc = desc & 0xff, .type = desc >> 8 & 15, .aux = desc >> 16};
    if (is_fixed(op.opc)) {
        op.imm = (int64_t)b;
    }
    return tcg_interp_fp(&op, desc >> 12 & 15, env, a, b, c);
}

static void to_gpr(X86Gen *s, unsigned d, unsigned r)
{
    if (r >= XMM0) {
        asm_rr(&s->a, I_MOVD_RX | OP_W, r, d);
    } else {
        asm_mov_rr(&s->a, OP_W, d, r);
    }
}

/* The op on registers r (REG_NONE: no such operand) by C; result in rax. */
static void call_soft(X86Gen *s, const TCGOp *op, const uint8_t r[3])
{
    Asm *as = &s->a;
    if (r[2] != REG_NONE) {
        asm_rm(as, I_MOVSD_MR, r[2], x86_slot(s, X86_SLOT_ARG));
    }
    to_gpr(s, RAX, r[0]);
    if (r[1] != REG_NONE) {
        to_gpr(s, RDX, r[1]);
    } else if (is_fixed(op->opc)) {
        asm_mov_ri(as, RDX, op->imm);
    }
    asm_push_i(as, fp_desc(s, op));
    x86_jump_thunk(s, 0xe8, s->t->slow[1][SLOW_FP]);
}

static void take_operands(X86Gen *s, const TCGOp *op, uint8_t r[3])
{
    const TCGv v[3] = {op->a, op->b, op->c};
    for (unsigned k = 0; k < 3; k++) {
        r[k] = k < tcg_op_desc[op->opc].nargs ? x86_use(s, x86_root(s, v[k])) : REG_NONE;
    }
}

static void emit_soft(X86Gen *s, const TCGOp *op)
{
    uint8_t r[3];
    take_operands(s, op, r);
    call_soft(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, 0);
    if (d >= XMM0) {
        asm_rr(&s->a, I_MOVD_XR | OP_W, d, RAX);
    } else {
        asm_mov_rr(&s->a, type_w(op->type), d, RAX);
        s->val[s->i].zx = op->type == TCG_I32;
    }
    x86_bind(s, d);
}

static unsigned compare(X86Gen *s, const TCGOp *op, unsigned a, unsigned b, bool *parity)
{
    Asm *as = &s->a;
    unsigned pfx = s->u->ops[op->a.i].type == TCG_F64 ? OP_66 : 0;
    unsigned ucomis = 0x2e | OP_0F | pfx, comis = 0x2f | OP_0F | pfx;
    *parity = false;
    switch (op->aux & TCG_FP_ROUND_MASK) {
    case TCG_FCOND_EQ_Q:
        asm_rr(as, ucomis, a, b);
        *parity = true;
        return CC_E;
    case TCG_FCOND_EQ_S:
        asm_rr(as, comis, a, b);
        *parity = true;
        return CC_E;
    case TCG_FCOND_LT_Q:
        asm_rr(as, ucomis, b, a);
        return CC_A;
    case TCG_FCOND_LT_S:
        asm_rr(as, comis, b, a);
        return CC_A;
    case TCG_FCOND_LE_Q:
        asm_rr(as, ucomis, b, a);
        return CC_AE;
    case TCG_FCOND_LE_S:
        asm_rr(as, comis, b, a);
        return CC_AE;
    default: /* UN_Q */
        asm_rr(as, ucomis, a, b);
        return CC_P;
    }
}

/* Flags for fcmp; see x86_emit_cond(). */
unsigned x86_fcmp(X86Gen *s, const TCGOp *op, bool *parity)
{
    unsigned a = x86_use(s, x86_root(s, op->a)), b = x86_use(s, x86_root(s, op->b));
    return compare(s, op, a, b, parity);
}

static void emit_bitcast(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned w = op->type == TCG_I64 || op->type == TCG_F64 ? OP_W : 0;
    unsigned a = x86_use(s, x86_root(s, op->a));
    x86_advance(s);
    unsigned d = x86_def(s, BIT(a));
    if (d >= XMM0 && a < XMM0) {
        asm_rr(as, I_MOVD_XR | w, d, a);
    } else if (d < XMM0 && a >= XMM0) {
        asm_rr(as, I_MOVD_RX | w, a, d);
    } else if (d >= XMM0 && d != a) {
        asm_rr(as, I_MOVAPS, d, a);
    } else {
        x86_mov(s, OP_W, d, a);
    }
    s->val[s->i].zx = op->type == TCG_I32 && a >= XMM0;
    x86_bind(s, d);
}

static void movaps(X86Gen *s, unsigned d, unsigned r)
{
    if (d != r) {
        asm_rr(&s->a, I_MOVAPS, d, r);
    }
}

static void emit_sign(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    uint64_t sign = op->type == TCG_F64 ? 1ull << 63 : 1ull << 31;
    unsigned a = x86_use(s, x86_root(s, op->a)), b = 0;
    if (op->opc == TCG_OP_fcopysign) {
        b = x86_use(s, x86_root(s, op->b));
    }
    x86_advance(s);
    unsigned d = x86_def(s, BIT(a));
    switch (op->opc) {
    case TCG_OP_fneg:
        movaps(s, d, a);
        x86_rm_const(s, I_XORPS, d, sign, 0);
        break;
    case TCG_OP_fabs:
        movaps(s, d, a);
        x86_rm_const(s, I_ANDPS, d, ~sign, 0);
        break;
    default:
        asm_rr(as, I_MOVAPS, XMM15, b);
        x86_rm_const(s, I_ANDPS, XMM15, sign, 0);
        movaps(s, d, a);
        x86_rm_const(s, I_ANDPS, d, ~sign, 0);
        asm_rr(as, I_ORPS, d, XMM15);
        break;
    }
    x86_bind(s, d);
}

enum { FP_NAN, FP_SOFT, FP_EQUAL };
static Stub *fp_stub(X86Gen *s, unsigned kind, const uint8_t r[3], unsigned d, uint32_t jump);

static void emit_fbox(X86Gen *s, const TCGOp *op)
{
    unsigned a = x86_use(s, x86_root(s, op->a));
    x86_advance(s);
    unsigned d = x86_def(s, BIT(a));
    movaps(s, d, a);
    x86_rm_const(s, I_ORPS, d, 0xffffffff00000000, 0);
    x86_bind(s, d);
}

static void emit_funbox(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    uint16_t v = x86_root(s, op->a);
    Mem m = mem_rip();
    unsigned a = REG_NONE;
    if (!s->val[v].regs && !x86_is_const(s, v) && !x86_next_after(s, v)) {
        m = x86_where(s, v);
    } else {
        a = x86_use(s, v);
    }
    x86_advance(s);
    unsigned d = x86_def(s, a == REG_NONE ? 0 : BIT(a));
    const uint8_t none[3] = {REG_NONE, REG_NONE, REG_NONE};
    Stub *st = fp_stub(s, FP_NAN, none, d, 0);
    if (a == REG_NONE) {
        Mem high = m;
        high.disp += 4;
        asm_alu_mi(as, 0, ALU_CMP, high, -1);
        st->jump = asm_jcc(as, CC_NE);
        asm_rm(as, I_MOVSS_RM, d, m);
    } else {
        asm_rr(as, I_MOVD_RX | OP_W, a, RAX);
        asm_shift_ri(as, OP_W, SH_SHR, RAX, 32);
        asm_alu_ri(as, 0, ALU_CMP, RAX, -1);
        st->jump = asm_jcc(as, CC_NE);
        movaps(s, d, a);
    }
    st->back = asm_pos(as);
    x86_bind(s, d);
}

/* ---- inline arithmetic ----
 *
 * Off the common path there are stubs: FP_NAN puts the default NaN into the result, FP_SOFT does
 * the whole op in C (operands must still be in their registers then), FP_EQUAL is fmin and fmax of
 * equal operands.
 */

static Stub *fp_stub(X86Gen *s, unsigned kind, const uint8_t r[3], unsigned d, uint32_t jump)
{
    Stub *st = x86_stub_new(s, STUB_FP);
    st->imm = kind;
    memcpy(st->r, r, 3);
    st->r[3] = d;
    st->jump = jump;
    return st;
}

/* Let the stubs made since `first` come back here. */
static void stubs_back(X86Gen *s, unsigned first)
{
    for (unsigned k = first; k < s->stubs.len; k++) {
        x86_list_at(&s->stubs, Stub, k).back = asm_pos(&s->a);
    }
}

static TCGType from_type(const X86Gen *s, const TCGOp *op)
{
    return s->u->ops[op->a.i].type;
}

/* Prefix of scalar arithmetic. */
static unsigned scalar(TCGType t)
{
    return t == TCG_F64 || t == TCG_I64 ? OP_F2 | OP_0F : OP_F3 | OP_0F;
}
static unsigned packed(TCGType t)
{
    return t == TCG_F64 ? OP_66 | OP_0F : OP_0F;
}

static bool rounds_natively(const TCGOp *op)
{
    unsigned r = op->aux & TCG_FP_ROUND_MASK;
    return r <= TCG_RND_RUP || r == TCG_RND_DYN;
}

/* A rounding mode that the instruction names: if it is not the guest's current one, all is done in
 * C. RC in env->mxcsr is always current. */
static void check_rounding(X86Gen *s, const TCGOp *op, const uint8_t r[3], unsigned d)
{
    static const uint16_t rc[] = {[TCG_RND_RNE] = 0x0000,
                                  [TCG_RND_RDN] = 0x2000,
                                  [TCG_RND_RUP] = 0x4000,
                                  [TCG_RND_RTZ] = 0x6000};
    unsigned round = op->aux & TCG_FP_ROUND_MASK;
    if (round == TCG_RND_DYN) {
        return;
    }
    if (round == TCG_RND_RNE) {
        asm_rm(&s->a, 0xf7, 0, ENV(mxcsr));
        asm_32(&s->a, 0x6000);
    } else {
        asm_rm(&s->a, I_MOV_RM, RAX, ENV(mxcsr));
        asm_alu_ri(&s->a, 0, ALU_AND, RAX, 0x6000);
        asm_alu_ri(&s->a, 0, ALU_CMP, RAX, rc[round]);
    }
    fp_stub(s, FP_SOFT, r, d, asm_jcc(&s->a, CC_NE));
}

/* ---- flushing to zero (Arm's FPCR.FZ, A1.5.4 of its manual) ----
 *
 * A denormal operand counts as zero and a tiny result becomes zero, with flags of their own. C does
 * both. Inline code looks at operands before anything is raised: products and quotients of what
 * passes are not tiny, and tiny sums are exact.
 */

const X86Flush x86_flush_f32 = {-126, -62, -50}, x86_flush_f64 = {-1022, -511, -480};

static uint64_t twice_bits(TCGType t, int exponent)
{
    return 2 * x86_fp_bits(t == TCG_F64, exponent);
}

/* To C if the magnitude of x is below 2^exponent, but not zero. Twice the bits are the magnitude;
 * less one, zero is the largest. */
static void check_least(X86Gen *s, const uint8_t r[3], unsigned d, unsigned x, TCGType t,
                        int exponent)
{
    Asm *as = &s->a;
    unsigned w = t == TCG_F64 ? OP_W : 0;
    uint64_t limit = twice_bits(t, exponent) - 1;
    asm_rr(as, I_MOVD_RX | w, x, RAX);
    asm_rm(as, I_LEA | w, RAX, mem_bid(RAX, RAX, -1));
    if (w) {
        x86_rm_const(s, (ALU_CMP * 8 + 3) | w, RAX, limit, 0);
    } else {
        asm_alu_ri(as, 0, ALU_CMP, RAX, (int32_t)limit);
    }
    fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_B));
}

/* A divisor: to C unless it is normal and below 2^exponent. */
static void check_divisor(X86Gen *s, const uint8_t r[3], unsigned d, unsigned x, TCGType t,
                          int normal, int exponent)
{
    Asm *as = &s->a;
    unsigned w = t == TCG_F64 ? OP_W : 0;
    uint64_t least = twice_bits(t, normal), range = twice_bits(t, exponent) - least;
    asm_rr(as, I_MOVD_RX | w, x, RAX);
    asm_rr(as, (ALU_ADD * 8 + 3) | w, RAX, RAX);
    if (w) {
        x86_rm_const(s, (ALU_SUB * 8 + 3) | w, RAX, least, 0);
        x86_rm_const(s, (ALU_CMP * 8 + 3) | w, RAX, range, 0);
    } else {
        asm_alu_ri(as, 0, ALU_SUB, RAX, (int32_t)least);
        asm_alu_ri(as, 0, ALU_CMP, RAX, (int32_t)range);
    }
    fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_AE));
}

/* No denormal number: what flushed made it. */
static bool is_flushed(const X86Gen *s, TCGv v)
{
    const TCGOp *def = &s->u->ops[x86_root(s, v)];
    return def->opc >= TCG_OP_fcvt_sf && def->opc <= TCG_OP_fcvt_uf
               ? true
               : (def->aux & TCG_FP_FZ) && ((def->opc >= TCG_OP_fadd && def->opc <= TCG_OP_fma) ||
                                            def->opc == TCG_OP_fcvt_ff);
}

static void check_flushing(X86Gen *s, const TCGOp *op, const uint8_t r[3], unsigned d)
{
    const TCGv v[3] = {op->a, op->b, op->c};
    TCGType t = from_type(s, op);
    const X86Flush *e = t == TCG_F64 ? &x86_flush_f64 : &x86_flush_f32;

    if (!(op->aux & TCG_FP_FZ)) {
        return;
    }
    for (unsigned k = 0; k < 3 && r[k] != REG_NONE; k++) {
        int exponent = e->normal;
        if (op->opc == TCG_OP_fmul || (op->opc == TCG_OP_fdiv && k == 0)) {
            exponent = e->factor;
        } else if (op->opc == TCG_OP_fma && k < 2) {
            exponent = e->fused;
        } else if (op->opc == TCG_OP_fdiv) {
            check_divisor(s, r, d, r[k], t, e->normal, -e->factor);
            continue;
        } else if (op->opc == TCG_OP_fcvt_ff && t == TCG_F64) {
            exponent = x86_flush_f32.normal;
        } else if (is_flushed(s, v[k])) {
            continue;
        }
        check_least(s, r, d, r[k], t, exponent);
    }
}

static bool flushes_result(const TCGOp *op)
{
    return (op->aux & TCG_FP_FZ) &&
           (op->opc == TCG_OP_fadd || op->opc == TCG_OP_fsub || op->opc == TCG_OP_fma);
}

/*
 * SSE finds out whether a result is tiny after it was rounded. Before makes a difference only to
 * one that was rounded up to the smallest normal number: then underflow is missing. Sums,
 * differences and roots that small are exact.
 */
static bool tiny_needs_check(const TCGOp *op)
{
    return (op->aux & TCG_FP_TINY_BEFORE) && !(op->aux & TCG_FP_FZ) && op->opc != TCG_OP_fadd &&
           op->opc != TCG_OP_fsub && op->opc != TCG_OP_fsqrt && op->opc != TCG_OP_fround &&
           op->opc != TCG_OP_fcvt_hf && !(op->opc == TCG_OP_fcvt_ff && op->type == TCG_F64);
}

/* Does a NaN result need a look; and by C, or is it the default NaN in any case? */
static bool nan_needs_soft(const TCGOp *op)
{
    return op->opc == TCG_OP_fma || tiny_needs_check(op) || flushes_result(op) ||
           (op->aux & (TCG_FP_DEFAULT_NAN | TCG_FP_NAN_ARM)) == TCG_FP_NAN_ARM;
}
static bool nan_needs_check(const TCGOp *op)
{
    return op->opc == TCG_OP_fma || (op->aux & (TCG_FP_DEFAULT_NAN | TCG_FP_NAN_ARM));
}

static void check_nan(X86Gen *s, const TCGOp *op, const uint8_t r[3], unsigned t, unsigned d)
{
    if (flushes_result(op)) {
        check_least(s, r, d, t, op->type,
                    op->type == TCG_F64 ? x86_flush_f64.normal : x86_flush_f32.normal);
    }
    if (tiny_needs_check(op)) {
        /* Equal to the smallest normal number, or unordered. */
        bool f64 = op->type == TCG_F64;
        uint64_t magnitude = f64 ? INT64_MAX : INT32_MAX;
        if (s->t->have.avx) {
            unsigned k = x86_const(s, magnitude, 0);
            asm_vex_rm(&s->a, I_ANDPS, XMM14, t, mem_rip());
            x86_fix(s, FIX_POOL, k);
        } else {
            movaps(s, XMM14, t);
            x86_rm_const(s, I_ANDPS, XMM14, magnitude, 0);
        }
        x86_rm_const(s, 0x2e | packed(op->type), XMM14, f64 ? UINT64_C(1) << 52 : 1u << 23, 0);
        fp_stub(s, FP_SOFT, r, d, asm_jcc(&s->a, CC_E));
    } else if (nan_needs_check(op)) {
        asm_rr(&s->a, 0x2e | packed(op->type), t, t);
        fp_stub(s, nan_needs_soft(op) ? FP_SOFT : FP_NAN, r, d, asm_jcc(&s->a, CC_P));
    }
    movaps(s, d, t);
}

static bool among(const uint8_t r[3], unsigned d)
{
    return r[0] == d || r[1] == d || r[2] == d;
}

static void emit_arith(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    static const uint8_t opcodes[] = {[TCG_OP_fadd - TCG_OP_fadd] = 0x58,
                                      [TCG_OP_fsub - TCG_OP_fadd] = 0x5c,
                                      [TCG_OP_fmul - TCG_OP_fadd] = 0x59,
                                      [TCG_OP_fdiv - TCG_OP_fadd] = 0x5e};
    if (!rounds_natively(op)) {
        emit_soft(s, op);
        return;
    }
    unsigned opc = opcodes[op->opc - TCG_OP_fadd] | scalar(op->type), first = s->stubs.len;
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    bool comm = (op->opc == TCG_OP_fadd || op->opc == TCG_OP_fmul) && nan_needs_check(op);
    unsigned d = x86_def(s, BIT(r[0]) | (comm ? BIT(r[1]) : 0));
    unsigned t = nan_needs_soft(op) && among(r, d) ? XMM15 : d;
    check_rounding(s, op, r, d);
    check_flushing(s, op, r, d);
    if (s->t->have.avx) {
        asm_vex_rr(as, opc, t, r[0], r[1]);
    } else if (t == r[1] && t != r[0]) {
        if (comm) {
            asm_rr(as, opc, t, r[0]);
        } else {
            asm_rr(as, I_MOVAPS, XMM15, r[0]);
            asm_rr(as, opc, XMM15, r[1]);
            t = XMM15;
        }
    } else {
        movaps(s, t, r[0]);
        asm_rr(as, opc, t, r[1]);
    }
    check_nan(s, op, r, t, d);
    stubs_back(s, first);
    x86_bind(s, d);
}

/* ucomis a, constant */
static void compare_const(X86Gen *s, TCGType t, unsigned a, double limit)
{
    uint64_t bits;
    if (t == TCG_F64) {
        memcpy(&bits, &limit, 8);
    } else {
        float f = (float)limit;
        uint32_t b32;
        memcpy(&b32, &f, 4);
        bits = b32;
    }
    x86_rm_const(s, 0x2e | packed(t), a, bits, 0);
}

/* d *= 2^exponent, which is exact */
static void scale(X86Gen *s, TCGType t, unsigned d, int exponent)
{
    x86_rm_const(s, I_MOVAPS, XMM15, x86_fp_bits(t == TCG_F64, exponent), 0);
    asm_rr(&s->a, 0x59 | scalar(t), d, XMM15);
}

const uint8_t x86_round_mode[] = {[TCG_RND_RNE] = 0,
                                  [TCG_RND_RDN] = 1,
                                  [TCG_RND_RUP] = 2,
                                  [TCG_RND_RTZ] = ROUND_TRUNCATE,
                                  [TCG_RND_DYN] = 4};

/* roundss, roundsd */
static void round_scalar(X86Gen *s, TCGType t, unsigned d, unsigned a, unsigned mode)
{
    asm_rr(&s->a, (t == TCG_F64 ? 0x0b : 0x0a) | OP_3A | OP_66, d, a);
    asm_8(&s->a, mode);
}

/*
 * XMM15 = a rounded to nearest, ties away from zero, which SSE has no mode for; nothing is raised.
 * The fraction of a magnitude is exact, so is its double, whose integer part is what is to be
 * added. To C if the magnitude has no fraction in any case, or is a NaN.
 */
static void round_away(X86Gen *s, const uint8_t r[3], unsigned d, TCGType t, unsigned a)
{
    Asm *as = &s->a;
    bool f64 = t == TCG_F64;
    unsigned add = 0x58 | scalar(t), sub = 0x5c | scalar(t);
    uint64_t sign = f64 ? UINT64_C(1) << 63 : 1u << 31;
    movaps(s, XMM15, a);
    x86_rm_const(s, I_ANDPS, XMM15, sign - 1, 0);
    compare_const(s, t, XMM15, f64 ? 0x1p52 : 0x1p23);
    fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_P));
    fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_AE));
    round_scalar(s, t, XMM14, XMM15, ROUND_TRUNCATE | ROUND_QUIET);
    asm_rr(as, sub, XMM15, XMM14);
    asm_rr(as, add, XMM15, XMM15);
    round_scalar(s, t, XMM15, XMM15, ROUND_TRUNCATE | ROUND_QUIET);
    asm_rr(as, add, XMM15, XMM14);
    /* Towards minus infinity 0 - 0 is -0. */
    x86_rm_const(s, I_ANDPS, XMM15, sign - 1, 0);
    movaps(s, XMM14, a);
    x86_rm_const(s, I_ANDPS, XMM14, sign, 0);
    asm_rr(as, I_ORPS, XMM15, XMM14);
}

/* fsqrt, fcvt_ff, fround: one operand. */
static void emit_fp_unary(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned round = op->aux & TCG_FP_ROUND_MASK, opc;
    bool widen = op->opc == TCG_OP_fcvt_ff && op->type == TCG_F64;
    bool away = op->opc == TCG_OP_fround && round == TCG_RND_RMM;
    if (!widen &&
        ((!away && !rounds_natively(op)) || (op->opc == TCG_OP_fround && !s->t->have.sse41))) {
        emit_soft(s, op);
        return;
    }
    unsigned first = s->stubs.len;
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, 0);
    unsigned t = nan_needs_soft(op) && d == r[0] ? XMM15 : d;
    check_flushing(s, op, r, d);
    if (away) {
        round_away(s, r, d, op->type, r[0]);
        if (!(op->aux & TCG_FP_INEXACT_OFF)) {
            round_scalar(s, op->type, XMM14, r[0], ROUND_TRUNCATE);
        }
        movaps(s, t, XMM15);
    } else if (op->opc == TCG_OP_fround) {
        round_scalar(s, op->type, t, r[0],
                     x86_round_mode[round] | (op->aux & TCG_FP_INEXACT_OFF ? ROUND_QUIET : 0));
    } else {
        if (!widen) {
            check_rounding(s, op, r, d);
        }
        opc = op->opc == TCG_OP_fsqrt ? 0x51 | scalar(op->type) : 0x5a | scalar(from_type(s, op));
        asm_rr(as, opc, t, r[0]);
    }
    check_nan(s, op, r, t, d);
    stubs_back(s, first);
    x86_bind(s, d);
}

static void emit_fma(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    if (!rounds_natively(op) || !s->t->have.fma) {
        emit_soft(s, op);
        return;
    }
    unsigned first = s->stubs.len, w = op->type == TCG_F64 ? OP_W : 0;
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, BIT(r[2]));
    unsigned t = among(r, d) ? XMM15 : d;
    check_rounding(s, op, r, d);
    check_flushing(s, op, r, d);
    movaps(s, t, r[0]);
    asm_vex_rr(as, 0xa9 | OP_38 | OP_66 | w, t, r[1], r[2]); /* t = t * b + c */
    check_nan(s, op, r, t, d);
    stubs_back(s, first);
    x86_bind(s, d);
}

static void emit_minmax(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned first = s->stubs.len;
    unsigned opc = (op->opc == TCG_OP_fmin ? 0x5d : 0x5f) | scalar(op->type);
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, BIT(r[0]) | BIT(r[1]));
    check_flushing(s, op, r, d);
    asm_rr(as, 0x2e | packed(op->type), r[0], r[1]);
    fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_P));
    fp_stub(s, FP_EQUAL, r, d, asm_jcc(as, CC_E));
    if (d == r[1]) {
        asm_rr(as, opc, d, r[0]); /* neither NaNs nor equal: the order does not matter */
    } else {
        movaps(s, d, r[0]);
        asm_rr(as, opc, d, r[1]);
    }
    stubs_back(s, first);
    x86_bind(s, d);
}

/* fcmp that flushes its operands; others are compared where they are used. */
static void emit_flushing_compare(X86Gen *s, const TCGOp *op)
{
    unsigned first = s->stubs.len;
    bool parity;
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, 0);
    check_flushing(s, op, r, d);
    unsigned cc = compare(s, op, r[0], r[1], &parity);
    x86_set_if(s, d, cc, parity);
    stubs_back(s, first);
    s->val[s->i].zx = true;
    x86_bind(s, d);
}

/* f16 to FP: F16C widens exactly; signaling NaNs raise invalid and become quiet. */
static void emit_from_half(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    if (!s->t->have.f16c) {
        emit_soft(s, op);
        return;
    }
    unsigned first = s->stubs.len;
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, 0);
    asm_rr(as, I_MOVZX16, RAX, r[0]);
    asm_rr(as, I_MOVD_XR, XMM15, RAX);
    asm_vex_rr(as, 0x13 | OP_38 | OP_66, op->type == TCG_F64 ? XMM15 : d, 0, XMM15);
    if (op->type == TCG_F64) {
        asm_rr(as, I_XORPS, d, d);
        asm_rr(as, 0x5a | OP_0F | OP_F3, d, XMM15);
    }
    check_nan(s, op, r, d, d);
    stubs_back(s, first);
    x86_bind(s, d);
}

/* f32 to f16; the instruction converts four. */
static void emit_to_half(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    if (!s->t->have.f16c || !rounds_natively(op) || from_type(s, op) == TCG_F64) {
        emit_soft(s, op);
        return;
    }
    unsigned first = s->stubs.len;
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, 0);
    check_flushing(s, op, r, d);
    asm_rr(as, I_XORPS, XMM15, XMM15);
    asm_rr(as, I_MOVSS_RM, XMM15, r[0]);
    asm_vex_rr(as, 0x1d | OP_3A | OP_66, XMM15, 0, XMM15);
    asm_8(as, x86_round_mode[op->aux & TCG_FP_ROUND_MASK]);
    if (nan_needs_check(op)) {
        asm_rr(as, 0x2e | OP_0F, r[0], r[0]);
        fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_P));
    }
    asm_rr(as, I_MOVD_RX, XMM15, d);
    if (op->aux & TCG_FP_TINY_BEFORE) {
        asm_mov_rr(as, 0, RAX, d);
        asm_alu_ri(as, 0, ALU_AND, RAX, 0x7fff);
        asm_alu_ri(as, 0, ALU_CMP, RAX, 0x0400);
        fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_E));
    }
    stubs_back(s, first);
    s->val[s->i].zx = true;
    x86_bind(s, d);
}

/*
 * To integers. cvt(t)sx2si raises invalid alone, and yields INT_MIN, when the result does not fit;
 * that is what is asked for, so the stub only has to find the value. Unsigned results are made by
 * the signed conversion of a wider range: its bounds are checked before, so that it raises nothing
 * that the unsigned one would not.
 */
static void emit_to_int(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    TCGType from = from_type(s, op);
    unsigned round = op->aux & TCG_FP_ROUND_MASK;
    bool is_signed = op->opc == TCG_OP_fcvt_fs, i32 = op->type == TCG_I32;
    bool named = round != TCG_RND_DYN && round != TCG_RND_RTZ, away = round == TCG_RND_RMM;
    if ((!rounds_natively(op) && !away) || (named && !s->t->have.sse41)) {
        emit_soft(s, op);
        return;
    }
    unsigned first = s->stubs.len;
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, 0), src = r[0];
    unsigned x = op->imm ? x86_temp(s, true) : src; /* before the first stub */
    unsigned cvt = (round == TCG_RND_DYN ? 0x2d : 0x2c) | scalar(from);
    check_flushing(s, op, r, d);
    if (op->imm) {
        /* No magnitude that could become infinite. */
        movaps(s, XMM15, src);
        x86_rm_const(s, I_ANDPS, XMM15, from == TCG_F64 ? INT64_MAX : INT32_MAX, 0);
        compare_const(s, from, XMM15, 0x1p60);
        fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_P));
        fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_AE));
        movaps(s, x, src);
        scale(s, from, x, op->imm);
        src = x;
    }
    if (!is_signed) {
        asm_rr(as, I_XORPS, XMM15, XMM15);
        asm_rr(as, 0x2e | packed(from), src, XMM15);
        fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_B)); /* negative or NaN */
        if (i32 && from == TCG_F64) {
            compare_const(s, from, src, 4294967295.0);
            fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_A));
        } else {
            compare_const(s, from, src, i32 ? 4294967296.0 : 9223372036854775808.0);
            fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_AE));
        }
    }
    if (named) {
        /* Round without the inexact flag: it must not come with invalid. The second conversion
         * raises it if there is a fraction and the value is in range. */
        if (away) {
            round_away(s, r, d, from, src);
        } else {
            round_scalar(s, from, XMM15, src, x86_round_mode[round] | ROUND_QUIET);
        }
        src = XMM15;
    }
    asm_rr(as, cvt | (is_signed && i32 ? 0 : OP_W), d, src);
    if (is_signed && (named || (op->aux & (TCG_FP_CVT_SAT_MAX | TCG_FP_CVT_SAT_ZERO)))) {
        asm_alu_ri(as, i32 ? 0 : OP_W, ALU_CMP, d, 1);
        fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_O)); /* INT_MIN */
    }
    if (named) {
        asm_rr(as, cvt | (is_signed && i32 ? 0 : OP_W), RDX, x);
    }
    stubs_back(s, first);
    s->val[s->i].zx = i32;
    x86_bind(s, d);
}

static void emit_from_int(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    TCGType from = from_type(s, op);
    bool is_signed = op->opc == TCG_OP_fcvt_sf, i32 = from == TCG_I32;
    bool exact = i32 && op->type == TCG_F64;
    if (!exact && !rounds_natively(op)) {
        emit_soft(s, op);
        return;
    }
    unsigned first = s->stubs.len;
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, 0), src = r[0];
    if (!exact) {
        check_rounding(s, op, r, d);
    }
    unsigned w = OP_W;
    if (is_signed) {
        w = i32 ? 0 : OP_W;
    } else if (i32) {
        asm_mov_rr(as, 0, RAX, src);
        src = RAX;
    } else {
        asm_rr(as, I_TEST | OP_W, src, src);
        fp_stub(s, FP_SOFT, r, d, asm_jcc(as, CC_S));
    }
    asm_rr(as, I_XORPS, d, d);
    asm_rr(as, 0x2a | scalar(op->type) | w, d, src);
    if (op->imm) {
        scale(s, op->type, d, -(int)op->imm);
    }
    stubs_back(s, first);
    x86_bind(s, d);
}

void x86_emit_fp(X86Gen *s, const TCGOp *op)
{
    switch (op->opc) {
    case TCG_OP_bitcast:
        emit_bitcast(s, op);
        break;
    case TCG_OP_fneg:
    case TCG_OP_fabs:
    case TCG_OP_fcopysign:
        emit_sign(s, op);
        break;
    case TCG_OP_fbox:
        emit_fbox(s, op);
        break;
    case TCG_OP_funbox:
        emit_funbox(s, op);
        break;
    case TCG_OP_fadd:
    case TCG_OP_fsub:
    case TCG_OP_fmul:
    case TCG_OP_fdiv:
        emit_arith(s, op);
        break;
    case TCG_OP_fsqrt:
    case TCG_OP_fround:
    case TCG_OP_fcvt_ff:
        emit_fp_unary(s, op);
        break;
    case TCG_OP_fma:
        emit_fma(s, op);
        break;
    case TCG_OP_fmin:
    case TCG_OP_fmax:
        emit_minmax(s, op);
        break;
    case TCG_OP_fcmp:
        emit_flushing_compare(s, op);
        break;
    case TCG_OP_fcvt_fs:
    case TCG_OP_fcvt_fu:
        emit_to_int(s, op);
        break;
    case TCG_OP_fcvt_hf:
        emit_from_half(s, op);
        break;
    case TCG_OP_fcvt_fh:
        emit_to_half(s, op);
        break;
    default:
        emit_from_int(s, op);
        break;
    }
}

void x86_stub_fp(X86Gen *s, const Stub *st)
{
    Asm *as = &s->a;
    const TCGOp *op = &s->u->ops[st->op];
    unsigned d = st->r[3];
    if (op->opc >= TCG_OP_vfadd && op->opc <= TCG_OP_vfnarrow) {
        x86_stub_vec(s, st);
        return;
    }
    switch (st->imm) {
    case FP_NAN:
        if (op->type == TCG_F64) {
            x86_rm_const(s, I_MOVSD_RM, d, 0x7ff8000000000000, 0);
        } else {
            x86_rm_const(s, I_MOVSS_RM, d, 0x7fc00000, 0);
        }
        break;
    case FP_EQUAL:
        /* Only zeros differ: any negative one makes the minimum negative. */
        asm_rr(as, I_MOVAPS, XMM15, st->r[0]);
        asm_rr(as, op->opc == TCG_OP_fmin ? I_ORPS : I_ANDPS, XMM15, st->r[1]);
        movaps(s, d, XMM15);
        break;
    default:
        call_soft(s, op, st->r);
        if (d >= XMM0) {
            asm_rr(as, I_MOVD_XR | OP_W, d, RAX);
        } else {
            asm_mov_rr(as, type_w(op->type), d, RAX);
        }
        break;
    }
    asm_jmp_to(as, st->back);
}

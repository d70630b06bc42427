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
    asm_8(as, 0x68); /* push */
    asm_32(as, tcg_interp_vec_desc(op));
    asm_rel_rx(as, 0xe8, s->t->slow[1][SLOW_VEC]);
    asm_rm(as, I_MOVUPS_RM, d, vec_arg(s, VEC_RESULT));
}

static void take_operands(X86Gen *s, const TCGOp *op, uint8_t r[3])
{
    const TCGv v[3] = {op->a, op->b, op->c};
    for (unsigned k = 0; k < 3; k++) {
        r[k] = k < s->nargs[op->opc] ? x86_use(s, x86_root(s, v[k])) : REG_NONE;
    }
}

static void emit_by_c(X86Gen *s, const TCGOp *op)
{
    uint8_t r[3];
    take_operands(s, op, r);
    x86_advance(s);
    unsigned d = x86_def(s, BIT(r[0]));
    call_c(s, op, r, d);
    x86_bind(s, d);
}

#define SSE(n)   ((n) | OP_0F | OP_66)
#define SSE38(n) ((n) | OP_38 | OP_66)

static void emit_vector_binary(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    static const uint8_t add[4] = {0xfc, 0xfd, 0xfe, 0xd4}, sub[4] = {0xf8, 0xf9, 0xfa, 0xfb};
    unsigned a = x86_use(s, x86_root(s, op->a)), b = x86_use(s, x86_root(s, op->b));
    unsigned size = op->aux & 3;
    x86_advance(s);
    unsigned d = x86_def(s, BIT(a)), opc;
    /* The work is done in xmm15 unless one instruction does it all. */
    movaps(s, XMM15, op->opc == TCG_OP_vandc ? b : a);
    switch (op->opc) {
    case TCG_OP_vand:
        opc = 0xdb;
        break;
    case TCG_OP_vor:
        opc = 0xeb;
        break;
    case TCG_OP_vxor:
        opc = 0xef;
        break;
    case TCG_OP_vandc:
        asm_rr(as, SSE(0xdf), XMM15, a);
        movaps(s, d, XMM15);
        x86_bind(s, d);
        return;
    case TCG_OP_vadd:
        opc = add[size];
        break;
    case TCG_OP_vsub:
        opc = sub[size];
        break;
    case TCG_OP_vcmpeq:
        opc = 0x74 + size;
        if (size == 3) {
            asm_rr(as, SSE(0x76), XMM15, b);
            asm_rr(as, SSE(0x70), XMM14, XMM15);
            asm_8(as, 0xb1);
            asm_rr(as, SSE(0xdb), XMM15, XMM14);
            movaps(s, d, XMM15);
            x86_bind(s, d);
            return;
        }
        break;
    default: /* vcmpgt */
        opc = 0x64 + size;
        if (size == 3) {
            /* High halves greater, or equal and a borrow in b - a. */
            asm_rr(as, SSE(0x76), XMM15, b);
            asm_rr(as, I_MOVAPS, XMM14, b);
            asm_rr(as, SSE(0xfb), XMM14, a);
            asm_rr(as, SSE(0xdb), XMM15, XMM14);
            asm_rr(as, I_MOVAPS, XMM14, a);
            asm_rr(as, SSE(0x66), XMM14, b);
            asm_rr(as, SSE(0xeb), XMM15, XMM14);
            asm_rr(as, SSE(0x70), d, XMM15);
            asm_8(as, 0xf5);
            x86_bind(s, d);
            return;
        }
        break;
    }
    asm_rr(as, SSE(opc), XMM15, b);
    movaps(s, d, XMM15);
    x86_bind(s, d);
}

static void shift_vector(X86Gen *s, unsigned d, unsigned size, unsigned sub, unsigned n)
{
    asm_rr(&s->a, SSE(0x70 + size), sub, d);
    asm_8(&s->a, n);
}

static void emit_vector_shift(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned size = op->aux & 3, n = op->imm & ((8 << size) - 1);
    unsigned a = x86_use(s, x86_root(s, op->a));
    x86_advance(s);
    unsigned d = x86_def(s, BIT(a));
    movaps(s, d, a);
    unsigned sub = op->opc == TCG_OP_vshli ? 6 : op->opc == TCG_OP_vshri ? 2 : 4;
    if (size == 0) {
        uint64_t ones = 0x0101010101010101;
        bool left = sub == 6;
        shift_vector(s, d, 1, left ? 6 : 2, n);
        uint64_t keep = (left ? 0xff << n & 0xff : 0xff >> n) * ones;
        x86_rm_const(s, SSE(0xdb), d, keep, keep);
        if (sub == 4) {
            uint64_t m = (0x80 >> n) * ones;
            x86_rm_const(s, SSE(0xef), d, m, m);
            x86_rm_const(s, SSE(0xf8), d, m, m);
        }
    } else if (size == 3 && sub == 4) {
        asm_rr(as, I_MOVAPS, XMM15, d);
        shift_vector(s, XMM15, 2, 4, 31);
        asm_rr(as, SSE(0x70), XMM15, XMM15);
        asm_8(as, 0xf5);
        shift_vector(s, d, 3, 2, n);
        shift_vector(s, XMM15, 3, 6, 64 - n);
        asm_rr(as, SSE(0xeb), d, XMM15);
    } else {
        shift_vector(s, d, size, sub, n);
    }
    x86_bind(s, d);
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

void x86_emit_vec(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned a, b, d;
    switch (op->opc) {
    case TCG_OP_vld_lo:
        a = x86_use(s, x86_root(s, op->a));
        x86_advance(s);
        d = x86_def(s, BIT(a));
        if (s->u->ops[op->a.i].type == TCG_F64) {
            asm_rr(as, I_MOVQ_XX, d, a);
        } else {
            asm_rr(as, I_XORPS, XMM15, XMM15);
            asm_rr(as, I_MOVSS_RM, XMM15, a);
            movaps(s, d, XMM15);
        }
        x86_bind(s, d);
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
    case TCG_OP_vshli:
    case TCG_OP_vshri:
    case TCG_OP_vsari:
        emit_vector_shift(s, op);
        break;
    case TCG_OP_vand:
    case TCG_OP_vor:
    case TCG_OP_vxor:
    case TCG_OP_vandc:
    case TCG_OP_vadd:
    case TCG_OP_vsub:
    case TCG_OP_vcmpeq:
        emit_vector_binary(s, op);
        break;
    case TCG_OP_vcmpgt:
        if (op->aux & TCG_VEC_UNSIGNED) {
            emit_by_c(s, op);
        } else {
            emit_vector_binary(s, op);
        }
        break;
    default:
        emit_by_c(s, op);
        break;
    }
}

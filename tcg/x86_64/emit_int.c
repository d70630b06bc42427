/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Integer ops of the x86-64 host. Each emitter takes its operands, calls x86_advance(), takes the
 * result's register and then emits; the result's register may be that of an operand that dies, so
 * operands are read before or by the instruction that writes it.
 *
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/x86_64/internal.h"

#define BIT(r) (1u << (r))

void x86_mov(X86Gen *s, unsigned w, unsigned d, unsigned r)
{
    if (d != r) {
        asm_mov_rr(&s->a, w, d, r);
    }
}

void x86_mov_const(X86Gen *s, unsigned d, int64_t imm)
{
    if (imm == 0 && !s->flags_live) {
        asm_rr(&s->a, 0x31, d, d);
    } else {
        asm_mov_ri(&s->a, d, imm);
    }
}

/* d = d alu o */
void x86_alu(X86Gen *s, unsigned w, unsigned alu, unsigned d, Opnd o)
{
    switch (o.kind) {
    case OPND_REG:
        asm_alu_rr(&s->a, w, alu, d, o.reg);
        break;
    case OPND_MEM:
        asm_rm(&s->a, (alu * 8 + 3) | w, d, o.mem);
        break;
    default:
        asm_alu_ri(&s->a, w, alu, d, o.imm);
        break;
    }
}

/* opc d, o; o is no immediate */
void x86_rm(X86Gen *s, unsigned opc, unsigned d, Opnd o)
{
    if (o.kind == OPND_REG) {
        asm_rr(&s->a, opc, d, o.reg);
    } else {
        asm_rm(&s->a, opc, d, o.mem);
    }
}

/* d = o, flags kept */
static void mov_opnd(X86Gen *s, unsigned w, unsigned d, Opnd o)
{
    if (o.kind == OPND_IMM) {
        asm_mov_ri(&s->a, d, w ? (int64_t)o.imm : (int64_t)(uint32_t)o.imm);
    } else if (o.kind == OPND_MEM || o.reg != d) {
        x86_rm(s, I_MOV_RM | w, d, o);
    }
}

static uint32_t opnd_bit(Opnd o)
{
    return o.kind == OPND_REG ? BIT(o.reg) : 0;
}

static bool opnd_is(Opnd o, unsigned r)
{
    return o.kind == OPND_REG && o.reg == r;
}

static TCGType type_of(const X86Gen *s, TCGv v)
{
    return s->u->ops[v.i].type;
}

static void bind_int(X86Gen *s, const TCGOp *op, unsigned d)
{
    s->val[s->i].zx = op->type == TCG_I32;
    x86_bind(s, d);
}

/* One operand that any encoding of r/m takes. */
static Opnd unary(X86Gen *s, const TCGOp *op, unsigned w, unsigned *d)
{
    Opnd a = x86_opnd(s, x86_root(s, op->a), w, X86_MEM);
    x86_advance(s);
    *d = x86_def(s, opnd_bit(a));
    return a;
}

/* a + (b << n) by one instruction; n is 1 to 3. */
static void emit_add_shifted(X86Gen *s, const TCGOp *op, uint16_t va, const TCGOp *shl)
{
    unsigned a = x86_use(s, va), b = x86_use(s, x86_root(s, shl->a));
    Mem m = mem_bid(a, b, 0);
    m.scale = s->u->ops[shl->b.i].imm;
    x86_advance(s);
    unsigned d = x86_def(s, BIT(a) | BIT(b));
    asm_rm(&s->a, I_LEA | type_w(op->type), d, m);
    bind_int(s, op, d);
}

/* add, sub, and, or, xor */
static void emit_alu2(X86Gen *s, const TCGOp *op)
{
    static const uint8_t alus[] = {[TCG_OP_add] = ALU_ADD,
                                   [TCG_OP_sub] = ALU_SUB,
                                   [TCG_OP_and] = ALU_AND,
                                   [TCG_OP_or] = ALU_OR,
                                   [TCG_OP_xor] = ALU_XOR};
    Asm *as = &s->a;
    unsigned alu = alus[op->opc];
    unsigned w = type_w(op->type);
    uint16_t va = x86_root(s, op->a), vb = x86_root(s, op->b);
    if (s->val[va].fused || s->val[vb].fused) {
        bool first = s->val[va].fused;
        emit_add_shifted(s, op, first ? vb : va, &s->u->ops[first ? va : vb]);
        return;
    }
    bool comm = alu != ALU_SUB;
    if (comm && x86_is_const(s, va)) {
        uint16_t t = va;
        va = vb;
        vb = t;
    }
    if (alu == ALU_AND && s->u->ops[vb].opc == TCG_OP_const) {
        uint64_t m = w ? s->u->ops[vb].imm : (uint32_t)s->u->ops[vb].imm;
        if (m == 0xff || m == 0xffff || m == UINT32_MAX) {
            Opnd a = x86_opnd(s, va, 0, X86_MEM);
            x86_advance(s);
            unsigned d = x86_def(s, opnd_bit(a));
            x86_rm(s, m == 0xff ? I_MOVZX8 : m == 0xffff ? I_MOVZX16 : I_MOV_RM, d, a);
            bind_int(s, op, d);
            return;
        }
        if (m <= INT32_MAX) {
            w = 0;
        }
    }
    Opnd b = x86_opnd(s, vb, w, X86_MEM | X86_IMM);
    Opnd a = x86_opnd(s, va, w, X86_MEM);
    x86_advance(s);
    unsigned d = x86_def(s, opnd_bit(a) | (comm ? opnd_bit(b) : 0));
    if (alu == ALU_SUB && b.kind == OPND_IMM && b.imm != INT32_MIN) {
        b.imm = -b.imm;
        alu = ALU_ADD;
        comm = true;
    }
    if (alu == ALU_ADD && a.kind == OPND_REG && a.reg != d && !opnd_is(b, d) &&
        b.kind != OPND_MEM) {
        asm_rm(as, I_LEA | w, d,
               b.kind == OPND_IMM   ? mem_bd(a.reg, b.imm)
               : (a.reg & 7) == RBP ? mem_bid(b.reg, a.reg, 0)
                                    : mem_bid(a.reg, b.reg, 0));
    } else if (opnd_is(b, d) && !opnd_is(a, d)) {
        if (comm) {
            x86_alu(s, w, alu, d, a);
        } else {
            asm_rr(as, 0xf7 | w, 3, d);
            x86_alu(s, w, ALU_ADD, d, a);
        }
    } else {
        mov_opnd(s, w, d, a);
        x86_alu(s, w, alu, d, b);
    }
    bind_int(s, op, d);
}

static void emit_andc(X86Gen *s, const TCGOp *op)
{
    unsigned w = type_w(op->type);
    Opnd a = x86_opnd(s, x86_root(s, op->a), w, X86_MEM);
    if (s->t->have.bmi1) {
        unsigned b = x86_use(s, x86_root(s, op->b));
        x86_advance(s);
        unsigned d = x86_def(s, opnd_bit(a) | BIT(b));
        if (a.kind == OPND_REG) {
            asm_vex_rr(&s->a, 0xf2 | OP_38 | w, d, b, a.reg);
        } else {
            asm_vex_rm(&s->a, 0xf2 | OP_38 | w, d, b, a.mem);
        }
        bind_int(s, op, d);
        return;
    }
    Opnd b = x86_opnd(s, x86_root(s, op->b), w, X86_MEM);
    x86_advance(s);
    unsigned d = x86_def(s, opnd_bit(a));
    mov_opnd(s, w, RAX, b);
    asm_rr(&s->a, 0xf7 | w, 2, RAX);
    x86_alu(s, w, ALU_AND, RAX, a);
    x86_mov(s, w, d, RAX);
    bind_int(s, op, d);
}

/* orc: a | ~b; eqv: ~(a ^ b) */
static void emit_orc_eqv(X86Gen *s, const TCGOp *op)
{
    unsigned w = type_w(op->type);
    Opnd a = x86_opnd(s, x86_root(s, op->a), w, X86_MEM);
    Opnd b = x86_opnd(s, x86_root(s, op->b), w, X86_MEM);
    x86_advance(s);
    unsigned d = x86_def(s, opnd_bit(a) | opnd_bit(b));
    unsigned t = opnd_is(a, d) ? RAX : d; /* a must outlive the first instruction */
    mov_opnd(s, w, t, b);
    asm_rr(&s->a, 0xf7 | w, 2, t);
    x86_alu(s, w, op->opc == TCG_OP_orc ? ALU_OR : ALU_XOR, t, a);
    x86_mov(s, w, d, t);
    bind_int(s, op, d);
}

/* Has the op's result come with that of an earlier one? */
static bool came_before(X86Gen *s)
{
    if (!s->val[s->i].regs && !s->val[s->i].spill) {
        return false;
    }
    x86_advance(s);
    return true;
}

/* The result that comes with this op's, 0: none that is needed. */
static uint16_t pair_of(const X86Gen *s)
{
    uint16_t other = s->val[s->i].pair;
    return other && !s->val[other].dead ? other : 0;
}

/* The high half of a product, or both: one is the op's, the other its pair's. */
static void emit_product(X86Gen *s, const TCGOp *op, bool is_signed)
{
    unsigned w = type_w(op->type), d, e = RAX;
    bool high = op->opc != TCG_OP_mul;
    uint16_t other = pair_of(s);
    Opnd a = x86_opnd(s, x86_root(s, op->a), w, X86_MEM);
    Opnd b = x86_opnd(s, x86_root(s, op->b), w, X86_MEM);
    x86_advance(s);
    if (!is_signed && s->t->have.bmi2) {
        unsigned mulx = 0xf6 | OP_38 | OP_F2 | w;
        mov_opnd(s, w, RDX, a);
        s->locked = opnd_bit(b);
        d = x86_def(s, opnd_bit(a) | opnd_bit(b));
        if (other) {
            e = x86_define(s, other);
        }
        if (b.kind == OPND_REG) {
            asm_vex_rr(&s->a, mulx, high ? d : e, high ? e : d, b.reg);
        } else {
            asm_vex_rm(&s->a, mulx, high ? d : e, high ? e : d, b.mem);
        }
        bind_int(s, op, d);
        return;
    }
    mov_opnd(s, w, RAX, a);
    x86_rm(s, 0xf7 | w, is_signed ? 5 : 4, b);
    d = x86_def(s, opnd_bit(a) | opnd_bit(b));
    x86_mov(s, w, d, high ? RDX : RAX);
    bind_int(s, op, d);
    if (other) {
        s->locked = BIT(d);
        x86_mov(s, w, x86_define(s, other), high ? RAX : RDX);
    }
}

static void emit_mul(X86Gen *s, const TCGOp *op)
{
    unsigned w = type_w(op->type);
    uint16_t va = x86_root(s, op->a), vb = x86_root(s, op->b), other = pair_of(s);
    if (came_before(s)) {
        return;
    }
    if (other) {
        emit_product(s, op, s->u->ops[other].opc == TCG_OP_mulhs);
        return;
    }
    if (x86_is_const(s, va)) {
        uint16_t t = va;
        va = vb;
        vb = t;
    }
    Opnd b = x86_opnd(s, vb, w, X86_MEM | X86_IMM);
    Opnd a = x86_opnd(s, va, w, X86_MEM);
    x86_advance(s);
    unsigned d = x86_def(s, opnd_bit(a) | opnd_bit(b));
    if (b.kind == OPND_IMM) {
        bool i8 = b.imm == (int8_t)b.imm;
        x86_rm(s, (i8 ? 0x6b : 0x69) | w, d, a);
        if (i8) {
            asm_8(&s->a, b.imm);
        } else {
            asm_32(&s->a, b.imm);
        }
    } else if (opnd_is(b, d)) {
        x86_rm(s, I_IMUL | w, d, a);
    } else {
        mov_opnd(s, w, d, a);
        x86_rm(s, I_IMUL | w, d, b);
    }
    bind_int(s, op, d);
}

static void emit_mulh(X86Gen *s, const TCGOp *op)
{
    if (!came_before(s)) {
        emit_product(s, op, op->opc == TCG_OP_mulhs);
    }
}

static void emit_mulhsu(X86Gen *s, const TCGOp *op)
{
    unsigned w = type_w(op->type);
    unsigned a = x86_use(s, x86_root(s, op->a)), b = x86_use(s, x86_root(s, op->b));
    x86_advance(s);
    x86_mov(s, w, RAX, a);
    asm_rr(&s->a, 0xf7 | w, 4, b);
    x86_mov(s, w, RAX, a);
    asm_shift_ri(&s->a, w, SH_SAR, RAX, w ? 63 : 31);
    asm_alu_rr(&s->a, w, ALU_AND, RAX, b);
    asm_alu_rr(&s->a, w, ALU_SUB, RDX, RAX);
    unsigned d = x86_def(s, BIT(a) | BIT(b));
    x86_mov(s, w, d, RDX);
    bind_int(s, op, d);
}

static void emit_div(X86Gen *s, const TCGOp *op)
{
    if (came_before(s)) {
        return;
    }
    Asm *as = &s->a;
    unsigned w = type_w(op->type);
    bool is_signed = op->opc == TCG_OP_divs || op->opc == TCG_OP_rems;
    bool rem = op->opc == TCG_OP_rems || op->opc == TCG_OP_remu;
    uint16_t vb = x86_root(s, op->b);
    bool safe = false;
    if (s->u->ops[vb].opc == TCG_OP_const) {
        int64_t c = w ? s->u->ops[vb].imm : (int32_t)s->u->ops[vb].imm;
        safe = c != 0 && c != -1;
    }
    unsigned b = x86_use(s, vb);
    Opnd a = x86_opnd(s, x86_root(s, op->a), w, X86_MEM);
    x86_advance(s);
    unsigned d = x86_def(s, opnd_bit(a) | BIT(b));
    mov_opnd(s, w, RAX, a);
    Stub *st = NULL;
    if (!safe) {
        if (is_signed) {
            asm_rm(as, I_LEA | w, RDX, mem_bd(b, 1));
            asm_alu_ri(as, w, ALU_CMP, RDX, 1);
        } else {
            asm_rr(as, I_TEST | w, b, b);
        }
        st = x86_stub_new(s, STUB_DIV);
        st->jump = asm_jcc(as, is_signed ? CC_BE : CC_E);
        st->r[0] = b;
    }
    if (is_signed) {
        asm_opcode(as, 0x99 | w, 0, 0, 0, false); /* cdq, cqo */
        asm_rr(as, 0xf7 | w, 7, b);
    } else {
        asm_rr(as, 0x31, RDX, RDX);
        asm_rr(as, 0xf7 | w, 6, b);
    }
    if (st) {
        st->back = asm_pos(as);
    }
    x86_mov(s, w, d, rem ? RDX : RAX);
    bind_int(s, op, d);
    uint16_t other = pair_of(s);
    if (other) {
        s->locked = BIT(d);
        x86_mov(s, w, x86_define(s, other), RDX);
    }
}

static void emit_shift_const(X86Gen *s, const TCGOp *op, unsigned n)
{
    Asm *as = &s->a;
    unsigned w = type_w(op->type), d;
    Opnd a = unary(s, op, w, &d);
    bool rot = op->opc == TCG_OP_rotl || op->opc == TCG_OP_rotr;
    if (n == 0) {
        x86_rm(s, I_MOV_RM | w, d, a); /* even to itself: see zero_extends() */
    } else if (rot && s->t->have.bmi2) {
        unsigned k = op->opc == TCG_OP_rotr ? n : (w ? 64 : 32) - n;
        if (a.kind == OPND_REG) {
            asm_vex_rr(as, 0xf0 | OP_3A | OP_F2 | w, d, 0, a.reg);
        } else {
            asm_vex_rm(as, 0xf0 | OP_3A | OP_F2 | w, d, 0, a.mem);
        }
        asm_8(as, k);
    } else if (op->opc == TCG_OP_shl && n == 1 && a.kind == OPND_REG && a.reg != d) {
        asm_rm(as, I_LEA | w, d, mem_bid(a.reg, a.reg, 0));
    } else {
        static const uint8_t sh[] = {[TCG_OP_shl - TCG_OP_shl] = SH_SHL,
                                     [TCG_OP_shr - TCG_OP_shl] = SH_SHR,
                                     [TCG_OP_sar - TCG_OP_shl] = SH_SAR,
                                     [TCG_OP_rotl - TCG_OP_shl] = SH_ROL,
                                     [TCG_OP_rotr - TCG_OP_shl] = SH_ROR};
        mov_opnd(s, w, d, a);
        asm_shift_ri(as, w, sh[op->opc - TCG_OP_shl], d, n);
    }
    bind_int(s, op, d);
}

static void emit_shift(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned w = type_w(op->type);
    uint16_t vb = x86_root(s, op->b);
    if (s->u->ops[vb].opc == TCG_OP_const) {
        emit_shift_const(s, op, s->u->ops[vb].imm & (w ? 63 : 31));
        return;
    }
    unsigned c = x86_use(s, vb);
    Opnd a = x86_opnd(s, x86_root(s, op->a), w, X86_MEM);
    x86_advance(s);
    unsigned d = x86_def(s, opnd_bit(a) | BIT(c));
    bool rot = op->opc == TCG_OP_rotl || op->opc == TCG_OP_rotr;
    if (s->t->have.bmi2 && !rot) {
        unsigned opc = 0xf7 | OP_38 | w |
                       (op->opc == TCG_OP_shl   ? OP_66
                        : op->opc == TCG_OP_shr ? OP_F2
                                                : OP_F3);
        if (a.kind == OPND_REG) {
            asm_vex_rr(as, opc, d, c, a.reg);
        } else {
            asm_vex_rm(as, opc, d, c, a.mem);
        }
    } else {
        unsigned sh = op->opc == TCG_OP_shl    ? SH_SHL
                      : op->opc == TCG_OP_shr  ? SH_SHR
                      : op->opc == TCG_OP_sar  ? SH_SAR
                      : op->opc == TCG_OP_rotl ? SH_ROL
                                               : SH_ROR;
        mov_opnd(s, w, RAX, a);
        if (c != RCX) {
            asm_mov_rr(as, OP_W, RDX, RCX);
            asm_mov_rr(as, 0, RCX, c);
        }
        asm_shift_cl(as, w, sh, RAX);
        if (c != RCX) {
            asm_mov_rr(as, OP_W, RCX, RDX);
        }
        x86_mov(s, w, d, RAX);
    }
    bind_int(s, op, d);
}

static void emit_count(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    const X86Features *f = &s->t->have;
    unsigned w = type_w(op->type), width = w ? 64 : 32, d;
    Opnd a = unary(s, op, w, &d);
    switch (op->opc) {
    case TCG_OP_clz:
        if (f->lzcnt) {
            x86_rm(s, I_LZCNT | w, d, a);
            break;
        }
        x86_rm(s, I_BSR | w, RAX, a);
        asm_mov_ri(as, RDX, 2 * width - 1);
        asm_rr(as, I_CMOV | CC_E | w, RAX, RDX);
        asm_alu_ri(as, w, ALU_XOR, RAX, width - 1);
        x86_mov(s, w, d, RAX);
        break;
    case TCG_OP_ctz:
        if (f->bmi1) {
            x86_rm(s, I_TZCNT | w, d, a);
            break;
        }
        x86_rm(s, I_BSF | w, RAX, a);
        asm_mov_ri(as, RDX, width);
        asm_rr(as, I_CMOV | CC_E | w, RAX, RDX);
        x86_mov(s, w, d, RAX);
        break;
    default:
        if (f->popcnt) {
            x86_rm(s, I_POPCNT | w, d, a);
            break;
        }
        x86_rm(s, I_MOV_RM | w, RAX, a);
        asm_mov_rr(as, OP_W, RDX, RAX);
        asm_shift_ri(as, OP_W, SH_SHR, RDX, 1);
        x86_rm_const(s, (ALU_AND * 8 + 3) | OP_W, RDX, 0x5555555555555555, 0);
        asm_alu_rr(as, OP_W, ALU_SUB, RAX, RDX);
        asm_mov_rr(as, OP_W, RDX, RAX);
        asm_shift_ri(as, OP_W, SH_SHR, RDX, 2);
        x86_rm_const(s, (ALU_AND * 8 + 3) | OP_W, RAX, 0x3333333333333333, 0);
        x86_rm_const(s, (ALU_AND * 8 + 3) | OP_W, RDX, 0x3333333333333333, 0);
        asm_alu_rr(as, OP_W, ALU_ADD, RAX, RDX);
        asm_mov_rr(as, OP_W, RDX, RAX);
        asm_shift_ri(as, OP_W, SH_SHR, RDX, 4);
        asm_alu_rr(as, OP_W, ALU_ADD, RAX, RDX);
        x86_rm_const(s, (ALU_AND * 8 + 3) | OP_W, RAX, 0x0f0f0f0f0f0f0f0f, 0);
        x86_rm_const(s, I_IMUL | OP_W, RAX, 0x0101010101010101, 0);
        asm_shift_ri(as, OP_W, SH_SHR, RAX, 56);
        x86_mov(s, w, d, RAX);
        break;
    }
    bind_int(s, op, d);
}

static void emit_unary(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned w = type_w(op->type), d;
    Opnd a;
    switch (op->opc) {
    case TCG_OP_not:
    case TCG_OP_neg:
        a = unary(s, op, w, &d);
        mov_opnd(s, w, d, a);
        asm_rr(as, 0xf7 | w, op->opc == TCG_OP_not ? 2 : 3, d);
        break;
    case TCG_OP_bswap:
        a = unary(s, op, w, &d);
        mov_opnd(s, w, d, a);
        asm_opcode(as, (0xc8 | (d & 7)) | OP_0F | w, 0, 0, d, false);
        break;
    case TCG_OP_ext8s:
        a = unary(s, op, 0, &d);
        x86_rm(s, I_MOVSX8 | w, d, a);
        break;
    case TCG_OP_ext8u:
        a = unary(s, op, 0, &d);
        x86_rm(s, I_MOVZX8, d, a);
        break;
    case TCG_OP_ext16s:
        a = unary(s, op, 0, &d);
        x86_rm(s, I_MOVSX16 | w, d, a);
        break;
    case TCG_OP_ext16u:
        a = unary(s, op, 0, &d);
        x86_rm(s, I_MOVZX16, d, a);
        break;
    case TCG_OP_exts:
        a = unary(s, op, 0, &d);
        x86_rm(s, I_MOVSXD, d, a);
        break;
    default: { /* extu */
        bool zx = s->val[x86_root(s, op->a)].zx;
        a = unary(s, op, 0, &d);
        if (!zx || !opnd_is(a, d)) {
            x86_rm(s, I_MOV_RM, d, a);
        }
        break;
    }
    }
    bind_int(s, op, d);
}

static void emit_extract(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned w = type_w(op->type), width = w ? 64 : 32, d;
    unsigned pos = op->aux & 63, len = op->aux >> 8;
    bool sx = op->opc == TCG_OP_sextract;
    if (pos == 0 && (len == 8 || len == 16 || len == 32)) {
        Opnd a = unary(s, op, 0, &d);
        unsigned opc = len == 8    ? (sx ? I_MOVSX8 | w : I_MOVZX8)
                       : len == 16 ? (sx ? I_MOVSX16 | w : I_MOVZX16)
                       : sx && w   ? I_MOVSXD
                                   : I_MOV_RM;
        x86_rm(s, opc, d, a);
        bind_int(s, op, d);
        return;
    }
    Opnd a = unary(s, op, w, &d);
    if (!sx && len < 32 && pos + len < width) {
        if (pos && s->t->have.bmi2) {
            if (a.kind == OPND_REG) {
                asm_vex_rr(as, 0xf0 | OP_3A | OP_F2 | w, d, 0, a.reg);
            } else {
                asm_vex_rm(as, 0xf0 | OP_3A | OP_F2 | w, d, 0, a.mem);
            }
            asm_8(as, pos);
        } else {
            mov_opnd(s, w, d, a);
            if (pos) {
                asm_shift_ri(as, w, SH_SHR, d, pos);
            }
        }
        asm_alu_ri(as, 0, ALU_AND, d, (1u << len) - 1);
    } else {
        mov_opnd(s, w, d, a);
        if (pos + len < width) {
            asm_shift_ri(as, w, SH_SHL, d, width - pos - len);
        }
        if (len < width) {
            asm_shift_ri(as, w, sx ? SH_SAR : SH_SHR, d, width - len);
        }
    }
    bind_int(s, op, d);
}

static void emit_deposit(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned w = type_w(op->type), width = w ? 64 : 32;
    unsigned pos = op->aux & 63, len = op->aux >> 8;
    Opnd a = x86_opnd(s, x86_root(s, op->a), w, X86_MEM);
    Opnd b = x86_opnd(s, x86_root(s, op->b), w, X86_MEM);
    x86_advance(s);
    unsigned d = x86_def(s, opnd_bit(a));
    if (len >= width) {
        x86_rm(s, I_MOV_RM | w, d, b); /* even to itself: see zero_extends() */
        bind_int(s, op, d);
        return;
    }
    uint64_t keep = ~(((1ull << len) - 1) << pos);
    if (pos == 0 && (len == 8 || len == 16)) {
        x86_rm(s, len == 8 ? I_MOVZX8 : I_MOVZX16, RAX, b);
    } else {
        mov_opnd(s, w, RAX, b);
        if (pos == 0 && len < 32) {
            asm_alu_ri(as, 0, ALU_AND, RAX, ~keep);
        } else {
            asm_shift_ri(as, w, SH_SHL, RAX, width - len);
            if (width - len - pos) {
                asm_shift_ri(as, w, SH_SHR, RAX, width - len - pos);
            }
        }
    }
    mov_opnd(s, w, d, a);
    if (!w || (int64_t)keep == (int32_t)keep) {
        asm_alu_ri(as, w, ALU_AND, d, (int32_t)keep);
    } else {
        asm_mov_ri(as, RDX, keep);
        asm_alu_rr(as, w, ALU_AND, d, RDX);
    }
    asm_alu_rr(as, w, ALU_OR, d, RAX);
    bind_int(s, op, d);
}

static const uint8_t cond_cc[TCG_COND_COUNT] = {
    [TCG_COND_EQ] = CC_E,  [TCG_COND_NE] = CC_NE,   [TCG_COND_LT] = CC_L,
    [TCG_COND_GE] = CC_GE, [TCG_COND_LE] = CC_LE,   [TCG_COND_GT] = CC_G,
    [TCG_COND_LTU] = CC_B, [TCG_COND_GEU] = CC_AE,  [TCG_COND_LEU] = CC_BE,
    [TCG_COND_GTU] = CC_A, [TCG_COND_TSTEQ] = CC_E, [TCG_COND_TSTNE] = CC_NE,
};

/* The host flags for setcond op; returns the condition that says it holds. */
static unsigned emit_compare(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned w = type_w(type_of(s, op->a));
    uint16_t va = x86_root(s, op->a), vb = x86_root(s, op->b);
    TCGCond cond = op->aux;
    if (x86_is_const(s, va) && !x86_is_const(s, vb)) {
        uint16_t t = va;
        va = vb;
        vb = t;
        cond = tcg_cond_swap(cond);
    }
    bool tst = cond == TCG_COND_TSTEQ || cond == TCG_COND_TSTNE;
    if (tst && s->u->ops[vb].opc == TCG_OP_const && s->u->ops[vb].imm >= 0 &&
        s->u->ops[vb].imm <= INT32_MAX) {
        w = 0;
    }
    Opnd b = x86_opnd(s, vb, w, X86_MEM | X86_IMM);
    Opnd a = x86_opnd(s, va, w, b.kind == OPND_MEM ? 0 : X86_MEM);
    if (tst) {
        if (b.kind == OPND_IMM) {
            if (a.kind == OPND_REG) {
                asm_rr(as, 0xf7 | w, 0, a.reg);
            } else {
                asm_rm(as, 0xf7 | w, 0, a.mem);
            }
            asm_32(as, b.imm);
        } else if (b.kind == OPND_REG) {
            x86_rm(s, I_TEST | w, b.reg, a);
        } else {
            x86_rm(s, I_TEST | w, a.reg, b);
        }
    } else if (a.kind == OPND_MEM) {
        if (b.kind == OPND_IMM) {
            asm_alu_mi(as, w, ALU_CMP, a.mem, b.imm);
        } else {
            asm_rm(as, (ALU_CMP * 8 + 1) | w, b.reg, a.mem);
        }
    } else if (b.kind == OPND_IMM && b.imm == 0) {
        asm_rr(as, I_TEST | w, a.reg, a.reg);
    } else {
        x86_alu(s, w, ALU_CMP, a.reg, b);
    }
    return cond_cc[cond];
}

unsigned x86_emit_cond(X86Gen *s, TCGv cond, bool *parity)
{
    uint16_t c = x86_root(s, cond);
    const TCGOp *op = &s->u->ops[c];
    unsigned cc;
    *parity = false;
    if (s->val[c].fused && op->opc == TCG_OP_setcond) {
        cc = emit_compare(s, op);
    } else if (s->val[c].fused) {
        cc = x86_fcmp(s, op, parity);
    } else {
        unsigned w = type_w(type_of(s, cond));
        Opnd o = x86_opnd(s, c, w, X86_MEM);
        if (o.kind == OPND_MEM) {
            asm_alu_mi(&s->a, w, ALU_CMP, o.mem, 0);
        } else {
            asm_rr(&s->a, I_TEST | w, o.reg, o.reg);
        }
        cc = CC_NE;
    }
    s->flags_live = true;
    return cc;
}

void x86_set_if(X86Gen *s, unsigned d, unsigned cc, bool parity)
{
    Asm *as = &s->a;
    if (parity) {
        asm_rr(as, I_SETCC | CC_NP, 0, RAX);
    }
    asm_rr(as, I_SETCC | cc, 0, d);
    if (parity) {
        asm_rr(as, 0x22 | OP_R8 | OP_M8, d, RAX);
    }
    asm_rr(as, I_MOVZX8, d, d);
}

static void emit_setcond(X86Gen *s, const TCGOp *op)
{
    bool parity = false;
    unsigned cc = op->opc == TCG_OP_setcond ? emit_compare(s, op) : x86_fcmp(s, op, &parity);
    if (!x86_live(s, s->i)) {
        /* An fcmp only for what it raises. */
        x86_advance(s);
        return;
    }
    s->flags_live = true;
    x86_advance(s);
    unsigned d = x86_def(s, 0);
    x86_set_if(s, d, cc, parity);
    s->val[s->i].zx = true;
    x86_bind(s, d);
}

static void emit_select_int(X86Gen *s, const TCGOp *op, unsigned cc, bool parity)
{
    Asm *as = &s->a;
    unsigned w = type_w(op->type);
    Opnd t = x86_opnd(s, x86_root(s, op->b), w, X86_MEM);
    Opnd f = x86_opnd(s, x86_root(s, op->c), w, X86_MEM | X86_IMM);
    x86_advance(s);
    unsigned d = x86_def(s, opnd_bit(f) | opnd_bit(t));
    if (parity || (opnd_is(t, d) && f.kind == OPND_IMM)) {
        mov_opnd(s, w, RAX, f);
        mov_opnd(s, w, d, t);
        asm_rr(as, I_CMOV | (cc ^ 1) | w, d, RAX);
        if (parity) {
            asm_rr(as, I_CMOV | CC_P | w, d, RAX);
        }
    } else if (opnd_is(t, d)) {
        x86_rm(s, I_CMOV | (cc ^ 1) | w, d, f);
    } else {
        mov_opnd(s, w, d, f);
        x86_rm(s, I_CMOV | cc | w, d, t);
    }
    bind_int(s, op, d);
}

static void emit_select(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    bool parity;
    unsigned cc = x86_emit_cond(s, op->a, &parity);
    s->locked = 0;
    if (type_is_int(op->type)) {
        emit_select_int(s, op, cc, parity);
        return;
    }
    unsigned t = x86_use(s, x86_root(s, op->b)), f = x86_use(s, x86_root(s, op->c));
    x86_advance(s);
    unsigned d = x86_def(s, BIT(t) | BIT(f));
    uint32_t skip, skip2 = 0;
    if (d == f && d != t) {
        skip = asm_jcc8(as, cc ^ 1);
        if (parity) {
            skip2 = asm_jcc8(as, CC_P);
        }
        asm_rr(as, I_MOVAPS, d, t);
        asm_link8(as, skip);
        if (parity) {
            asm_link8(as, skip2);
        }
    } else {
        if (d != t) {
            asm_rr(as, I_MOVAPS, d, t);
        }
        uint32_t other = parity ? asm_jcc8(as, CC_P) : 0;
        skip = asm_jcc8(as, cc);
        if (parity) {
            asm_link8(as, other);
        }
        asm_rr(as, I_MOVAPS, d, f);
        asm_link8(as, skip);
    }
    x86_bind(s, d);
}

static void emit_pcrel(X86Gen *s, const TCGOp *op)
{
    unsigned d = (x86_advance(s), x86_def(s, 0));
    asm_rm(&s->a, I_MOV_RM | OP_W, d, ENV(pc_page));
    unsigned w = s->u->pc32 ? 0 : OP_W;
    if (op->imm != (int32_t)op->imm) {
        asm_mov_ri(&s->a, RAX, op->imm);
        asm_alu_rr(&s->a, w, ALU_ADD, d, RAX);
    } else if (op->imm || !w) {
        asm_alu_ri(&s->a, w, ALU_ADD, d, op->imm);
    }
    x86_bind(s, d);
}

static void emit_ldenv(X86Gen *s, const TCGOp *op)
{
    Mem m = env_mem(s, op->imm);
    x86_advance(s);
    unsigned d = x86_def(s, 0);
    unsigned w = type_w(op->type), size = tcg_mo_size(op->aux);
    bool sx = op->aux & TCG_MO_SIGN;
    switch (op->type) {
    case TCG_F32:
        asm_rm(&s->a, I_MOVSS_RM, d, m);
        break;
    case TCG_F64:
        asm_rm(&s->a, I_MOVSD_RM, d, m);
        break;
    case TCG_V128:
        asm_rm(&s->a, I_MOVUPS_RM, d, m);
        break;
    default:
        asm_rm(&s->a,
               size == TCG_MO_8    ? (sx ? I_MOVSX8 | w : I_MOVZX8)
               : size == TCG_MO_16 ? (sx ? I_MOVSX16 | w : I_MOVZX16)
               : size == TCG_MO_32 ? (sx && w ? I_MOVSXD : I_MOV_RM)
                                   : I_MOV_RM | w,
               d, m);
        s->val[s->i].zx = op->type == TCG_I32;
        break;
    }
    x86_bind(s, d);
}

static void emit_stenv(X86Gen *s, const TCGOp *op)
{
    Mem m = env_mem(s, op->imm);
    unsigned size = tcg_mo_size(op->aux);
    uint16_t v = x86_root(s, op->a);
    TCGType type = type_of(s, op->a);
    if (type_is_int(type)) {
        Opnd o = x86_opnd(s, v, type_w(type), X86_IMM);
        unsigned opc = size == TCG_MO_8    ? 0x88 | OP_R8
                       : size == TCG_MO_16 ? I_MOV_MR | OP_66
                       : size == TCG_MO_32 ? I_MOV_MR
                                           : I_MOV_MR | OP_W;
        if (o.kind == OPND_IMM) {
            asm_rm(&s->a, size == TCG_MO_8 ? 0xc6 : 0xc7 | (opc & (OP_66 | OP_W)), 0, m);
            if (size == TCG_MO_8) {
                asm_8(&s->a, o.imm);
            } else if (size == TCG_MO_16) {
                asm_8(&s->a, o.imm);
                asm_8(&s->a, o.imm >> 8);
            } else {
                asm_32(&s->a, o.imm);
            }
        } else {
            asm_rm(&s->a, opc, o.reg, m);
        }
    } else {
        unsigned r = x86_use(s, v);
        asm_rm(&s->a,
               size == TCG_MO_32   ? I_MOVSS_MR
               : size == TCG_MO_64 ? I_MOVSD_MR
                                   : I_MOVUPS_MR,
               r, m);
    }
    x86_advance(s);
}

static void emit_fcmp(X86Gen *s, const TCGOp *op)
{
    if (op->aux & TCG_FP_FZ) {
        x86_emit_fp(s, op);
    } else {
        emit_setcond(s, op);
    }
}

void x86_int_emitters(X86Emit *emit[TCG_OP_COUNT])
{
    static const struct {
        uint8_t first, last;
        X86Emit *emit;
    } rows[] = {
        {TCG_OP_pcrel, TCG_OP_pcrel, emit_pcrel},
        {TCG_OP_getcell, TCG_OP_getcell, x86_getcell},
        {TCG_OP_setcell, TCG_OP_setcell, x86_setcell},
        {TCG_OP_ldenv, TCG_OP_ldenv, emit_ldenv},
        {TCG_OP_stenv, TCG_OP_stenv, emit_stenv},
        {TCG_OP_add, TCG_OP_sub, emit_alu2},
        {TCG_OP_mul, TCG_OP_mul, emit_mul},
        {TCG_OP_mulhu, TCG_OP_mulhs, emit_mulh},
        {TCG_OP_mulhsu, TCG_OP_mulhsu, emit_mulhsu},
        {TCG_OP_divs, TCG_OP_remu, emit_div},
        {TCG_OP_and, TCG_OP_xor, emit_alu2},
        {TCG_OP_andc, TCG_OP_andc, emit_andc},
        {TCG_OP_orc, TCG_OP_eqv, emit_orc_eqv},
        {TCG_OP_not, TCG_OP_neg, emit_unary},
        {TCG_OP_shl, TCG_OP_rotr, emit_shift},
        {TCG_OP_clz, TCG_OP_popcnt, emit_count},
        {TCG_OP_bswap, TCG_OP_trunc, emit_unary},
        {TCG_OP_extract, TCG_OP_sextract, emit_extract},
        {TCG_OP_deposit, TCG_OP_deposit, emit_deposit},
        {TCG_OP_setcond, TCG_OP_setcond, emit_setcond},
        {TCG_OP_select, TCG_OP_select, emit_select},
        {TCG_OP_fcmp, TCG_OP_fcmp, emit_fcmp},
    };

    for (unsigned k = 0; k < G_N_ELEMENTS(rows); k++) {
        for (unsigned opc = rows[k].first; opc <= rows[k].last; opc++) {
            emit[opc] = rows[k].emit;
        }
    }
}

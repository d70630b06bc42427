/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Guest memory accesses of the x86-64 host: the inline hit path of the soft TLB (softmmu/tlb.h),
 * the inline atomics, and the stubs that call the slow thunks. A stub passes the address in rax,
 * the value in rdx, a third argument in the spill slot X86_SLOT_ARG, 128 bits in X86_SLOT_VEC, and
 * the memory operation on the stack; every other register survives.
 *
 * Groups. Loads and stores at constant distances from one value share a check: the first one checks
 * the whole range they span (one page, and the tags of all kinds of access in it), and keeps the
 * host address of the base in a register. The others only test that it is not 0. It is 0 if the
 * check failed, and becomes 0 whenever an access has left the hit path, which may have run in C
 * (and flushed the TLB, moved memory or protected a page); then each access goes by a check of its
 * own, in a thunk. So faults stay where they belong, and what was checked cannot be stale. If one
 * of them must be aligned, the base must be. A group ends at labels and helper calls.
 *
 * Sites. A load in a loop whose address changes slowly (loop.c) compares with its site instead
 * (softmmu/tlb.h): fewer instructions, and the data does not wait for the look-up.
 *
 * x86 is TSO: loads acquire, stores release, locked instructions are full barriers (Intel SDM
 * volume 3, 9.2). Only a sequentially consistent store and a store-load fence need more.
 *
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/x86_64/internal.h"

G_STATIC_ASSERT(TLB_PAGE_BITS + TLB_MAX_BITS <= 32); /* emit_lookup() */

#define LOCK_PREFIX 0xf0
/* A group spans at most so many bytes: the more, the likelier it crosses a page. */
#define GROUP_SPAN  512

typedef struct Access {
    unsigned base; /* register */
    int32_t disp;
    unsigned size;  /* bytes */
    unsigned align; /* bytes the address must be a multiple of */
    unsigned mmu, tag;
} Access;

/* Take the address operand. */
static Access take_address(X86Gen *s, const TCGOp *op, int64_t imm)
{
    Asm *as = &s->a;
    Access x = {.size = 1u << tcg_mo_size(op->aux),
                .align = 1u << tcg_mo_align(op->aux),
                .mmu = tcg_mo_mmu(op->aux),
                .tag = offsetof(TlbEntry, tag_r)};
    x.base = x86_use(s, x86_root(s, op->a));
    if (imm != (int32_t)imm || imm + 64 != (int32_t)(imm + 64) || (s->u->pc32 && imm)) {
        unsigned t = x86_temp(s, false);
        if (s->u->pc32) {
            asm_rm(as, I_LEA, t, mem_bd(x.base, imm));
        } else {
            asm_mov_ri(as, t, imm);
            asm_alu_rr(as, OP_W, ALU_ADD, t, x.base);
        }
        x86_unlock(s, x.base);
        x.base = t;
        imm = 0;
    }
    x.disp = imm;
    return x;
}

/* Host addresses of groups that a slow path must take back. */
static void capture_hosts(X86Gen *s, Stub *st)
{
    uint32_t nops = s->u->nops;
    st->hosts = 0;
    for (uint32_t m = s->busy & s->pins->temps & GPRS; m; m &= m - 1) {
        unsigned r = __builtin_ctz(m);
        if (s->regval[r] >= nops) {
            st->hosts |= 1u << r;
        }
    }
    st->host_slots = s->host_slots.len;
    for (uint32_t k = 0; s->host_spills && k < s->ngroups; k++) {
        const Val *x = &s->val[nops + k];
        if (x->spill) {
            uint16_t slot = x->spill - 1;
            x86_list_add(&s->host_slots, &slot, sizeof(slot));
        }
    }
    st->nhost_slots = s->host_slots.len - st->host_slots;
}

/*
 * The look-up, whose index comes from the lower half of the address: that is enough for the
 * largest table. rdx is the page as the tag should have it. Returns the position after the jump
 * that is taken if the entry does not allow the access, and where the addend is.
 */
static uint32_t emit_lookup(X86Gen *s, const Access *x, Mem *addend)
{
    Asm *as = &s->a;
    int32_t over = x->align < x->size ? x->size - x->align : 0;
    int32_t mask = (int32_t)(TLB_PAGE_MASK | (x->align - 1));
    const unsigned shift = TLB_PAGE_BITS - TLB_ENTRY_BITS;
    unsigned src = x->base;
    Mem entry;

    if (over || x->disp) {
        asm_rm(as, I_LEA | OP_W, RDX, mem_bd(x->base, x->disp + over));
        src = over ? (unsigned)x->base : RDX;
    }
    if (over && x->disp) {
        asm_rm(as, I_LEA, RAX, mem_bd(x->base, x->disp));
        asm_shift_ri(as, 0, SH_SHR, RAX, shift);
    } else if (s->t->have.bmi2) {
        /* What is rotated in at the top is masked out below. */
        asm_vex_rr(as, 0xf0 | OP_3A | OP_F2 | OP_W, RAX, 0, src);
        asm_8(as, shift);
    } else {
        asm_mov_rr(as, 0, RAX, src);
        asm_shift_ri(as, 0, SH_SHR, RAX, shift);
    }
    if (!over && !x->disp) {
        asm_mov_rr(as, OP_W, RDX, x->base);
    }
    asm_alu_ri(as, OP_W, ALU_AND, RDX, mask);
    if (x->mmu == 0) {
        asm_rm(as, (ALU_AND * 8 + 3) | OP_W, RAX, mem_bd(R11, TLB_MASK_OFFSET));
        entry = mem_bid(R11, RAX, 0);
    } else {
        /* One register short: fold the table's address into the offset. */
        asm_rm(as, I_MOV_MR | OP_W, RDX, x86_slot(s, X86_SLOT_ARG));
        asm_rm(as, I_MOV_RM | OP_W, RDX,
               env_mem(s, offsetof(CPUEnv, tlb) + x->mmu * sizeof(TlbEntry *)));
        asm_rm(as, (ALU_AND * 8 + 3) | OP_W, RAX, mem_bd(RDX, TLB_MASK_OFFSET));
        asm_alu_rr(as, OP_W, ALU_ADD, RAX, RDX);
        asm_rm(as, I_MOV_RM | OP_W, RDX, x86_slot(s, X86_SLOT_ARG));
        entry = mem_bd(RAX, 0);
    }
    entry.disp = x->tag;
    asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, RDX, entry);
    *addend = entry;
    addend->disp = offsetof(TlbEntry, addend);
    return asm_jcc(as, CC_NE);
}

static Stub *access_stub(X86Gen *s, StubKind kind, const Access *x, uint32_t jump)
{
    Stub *st = x86_stub_new(s, kind);
    st->jump = jump;
    st->xmm = ((s->busy | s->pins->pinned) & XMMS) != 0;
    st->r[0] = x->base;
    st->imm = x->disp;
    st->r[1] = st->r[2] = st->r[3] = REG_NONE;
    x86_snapshot(s, &st->snap, &st->nsnap);
    capture_hosts(s, st);
    return st;
}

/*
 * The check; returns its stub. Afterwards rax is the addend: the host address is rax + base + disp.
 */
static Stub *emit_check(X86Gen *s, const Access *x)
{
    Mem addend;
    uint32_t jump = emit_lookup(s, x, &addend);
    Stub *st = access_stub(s, STUB_SLOW, x, jump);
    asm_rm(&s->a, I_MOV_RM | OP_W, RAX, addend);
    return st;
}

/* Of an access with a bound: see softmmu/tlb-site.h. */
static int32_t site_key(const Access *x, bool down)
{
    return down ? x->disp : x->disp + (int32_t)x->size - 1;
}

/* The same by a site. Misaligned addresses go out of line. */
static Stub *emit_site_check(X86Gen *s, const Access *x, unsigned site)
{
    Asm *as = &s->a;
    unsigned bound = s->val[s->i].bound, miss = CC_NE;
    bool down = bound & X86_BOUND_DOWN;
    Mem m = mem_bd(R11, TLB_SITE_OFFSET(site, tag));
    if (bound & X86_BOUND_ASK) {
        m.disp = down ? TLB_SITE_OFFSET(site, floor) : TLB_SITE_OFFSET(site, bound);
        asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, x->base, m);
        miss = down ? CC_BE : CC_AE;
    } else {
        if (x->disp) {
            asm_rm(as, I_LEA | OP_W, RDX, mem_bd(x->base, x->disp));
        } else {
            asm_mov_rr(as, OP_W, RDX, x->base);
        }
        asm_alu_ri(as, OP_W, ALU_AND, RDX,
                   (int32_t)(TLB_PAGE_MASK | (x->size - 1) | (x->align - 1)));
        if (bound) {
            asm_alu_ri(as, OP_W, ALU_OR, RDX, TLB_SITE_KEY(site_key(x, down), down));
        }
        asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, RDX, m);
    }
    Stub *st = access_stub(s, STUB_SITE, x, asm_jcc(as, miss));
    m.disp = TLB_SITE_OFFSET(site, addend);
    asm_rm(as, I_MOV_RM | OP_W, RAX, m);
    st->hit = asm_pos(as);
    return st;
}

static void emit_fence(X86Gen *s)
{
    asm_8(&s->a, LOCK_PREFIX);
    asm_alu_mi(&s->a, 0, ALU_OR, mem_bd(RSP, 0), 0);
}

/* 64 bits at m = k */
static void store_word(Asm *as, Mem m, int32_t k)
{
    asm_rm(as, 0xc7 | OP_W, 0, m);
    asm_32(as, k);
}

void x86_stub_site(X86Gen *s, const Stub *st)
{
    Asm *as = &s->a;
    const TCGOp *op = &s->u->ops[st->op];
    unsigned site = s->val[st->op].site - 1;
    Access x = {.base = st->r[0],
                .disp = st->imm,
                .size = 1u << tcg_mo_size(op->aux),
                .align = 1u << tcg_mo_align(op->aux),
                .tag =
                    op->opc == TCG_OP_st ? offsetof(TlbEntry, tag_w) : offsetof(TlbEntry, tag_r)};
    Mem addend, m, tag = mem_bd(R11, TLB_SITE_OFFSET(site, tag)), to = tag;
    unsigned bound = s->val[st->op].bound;
    bool down = bound & X86_BOUND_DOWN;
    Mem limit = mem_bd(R11, down ? TLB_SITE_OFFSET(site, floor) : TLB_SITE_OFFSET(site, bound));
    int32_t none = down ? -1 : 0, key = site_key(&x, down);
    Stub slow = *st;
    if (bound) {
        store_word(as, limit, none);
    }
    slow.kind = STUB_SLOW;
    slow.jump = emit_lookup(s, &x, &addend);
    uint32_t odd = 0, full = 0;
    if (!bound && x.align < x.size && !(x.disp & (int32_t)(x.size - 1))) {
        /* A misaligned address does not find what it fills. */
        asm_rr(as, 0xf7, 0, x.base); /* test */
        asm_32(as, x.size - 1);
        odd = asm_jcc(as, CC_NE);
    }
    if (!bound && x86_is_indexed(s, op)) {
        Mem turns = mem_bd(R11, TLB_SITE_OFFSET(site, turns));
        Mem before = mem_bd(R11, TLB_SITE_OFFSET(site, floor));
        asm_alu_mi(as, 0, ALU_CMP, turns, TLB_SITE_TURNS);
        full = asm_jcc(as, CC_AE);
        asm_alu_mi(as, 0, ALU_ADD, turns, 1);
        asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, RDX, before);
        uint32_t back = asm_jcc8(as, CC_E);
        store_word(as, turns, 0);
        asm_link8(as, back);
        asm_rm(as, 0xff, 6, tag);    /* push */
        asm_rm(as, 0x8f, 0, before); /* pop */
    }
    to.disp = TLB_SITES_USED_OFFSET;
    asm_rm(as, I_MOV_MR, RSP, to); /* anything but 0 */
    asm_rm(as, I_MOV_MR | OP_W, RDX, tag);
    if (bound) {
        asm_alu_mi(as, OP_W, ALU_OR, tag, TLB_SITE_KEY(key, down));
        /* Behind the last page, or before the first, addresses go on at the other end. */
        asm_alu_ri(as, OP_W, ALU_CMP, RDX, down ? 0 : (int32_t)TLB_PAGE_MASK);
        uint32_t over = asm_jcc8(as, CC_E);
        asm_rm(as, I_MOV_MR | OP_W, RDX, limit);
        asm_alu_mi(as, OP_W, ALU_ADD, limit, down ? -key - 1 : (int32_t)TLB_PAGE_SIZE - key);
        asm_link8(as, over);
    }
    if (op->opc == TCG_OP_st) {
        /* May another thread have taken the page meanwhile? The store itself is in time. */
        emit_fence(s);
        m = addend;
        m.disp = x.tag;
        asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, RDX, m);
        uint32_t same = asm_jcc8(as, CC_E);
        store_word(as, tag, TLB_INVALID);
        if (bound) {
            store_word(as, limit, none);
        }
        asm_link8(as, same);
    }
    asm_rm(as, I_MOV_RM | OP_W, RAX, addend);
    to.disp = TLB_SITE_OFFSET(site, addend);
    asm_rm(as, I_MOV_MR | OP_W, RAX, to);
    asm_jmp_to(as, st->hit);
    if (full) {
        asm_link(as, full, asm_pos(as));
        store_word(as, tag, TLB_INVALID);
    }
    if (odd) {
        asm_link(as, odd, asm_pos(as));
    }
    if (full || odd) {
        asm_rm(as, I_MOV_RM | OP_W, RAX, addend);
        asm_jmp_to(as, st->hit);
    }
    x86_list_add(&s->stubs, &slow, sizeof(slow));
}

static Mem host_mem(const Access *x)
{
    return mem_bid(RAX, x->base, x->disp);
}

void x86_form_groups(X86Gen *s)
{
    const TCGUnit *u = s->u;
    Group *open[8];
    unsigned nopen = 0, oldest = 0;
    for (uint32_t at = 0; at < s->norder; at++) {
        uint32_t i = s->order[at];
        const TCGOp *op = &u->ops[i];
        switch (op->opc) {
        case TCG_OP_call:
            if (u->calls[op->imm].helper->flags & TCG_HELPER_PURE) {
                continue;
            }
            /* fall through */
        case TCG_OP_label:
        case TCG_OP_block:
            nopen = 0;
            continue;
        case TCG_OP_br_if:
        case TCG_OP_exit_if:
            for (unsigned k = 0; k < nopen; k++) {
                open[k]->conditional = true;
            }
            continue;
        case TCG_OP_ld:
        case TCG_OP_st:
            break;
        default:
            continue;
        }
        unsigned size = 1u << tcg_mo_size(op->aux), align = 1u << tcg_mo_align(op->aux);
        unsigned mmu = tcg_mo_mmu(op->aux);
        bool store = op->opc == TCG_OP_st;
        /* Where an aligned one must be, so must the base. */
        if ((align > 1 && (align != size || op->imm & (align - 1))) ||
            op->imm != (int16_t)op->imm || (size == 16 && op->aux & TCG_MO_BE)) {
            continue;
        }
        uint16_t base = x86_root(s, op->a);
        int32_t lo = op->imm, hi = lo + size;
        unsigned k = 0;
        while (k < nopen && (open[k]->base != base || open[k]->mmu != mmu)) {
            k++;
        }
        if (k < nopen) {
            Group *g = open[k];
            int32_t glo = MIN(g->lo, lo), ghi = MAX(g->hi, hi);
            /* What may not come must not fail those before it by being a store or aligned. */
            if (ghi - glo <= GROUP_SPAN &&
                (!g->conditional || (store <= g->st && align <= g->align))) {
                g->lo = glo;
                g->hi = ghi;
                g->align = MAX(g->align, align);
                g->ld |= !store;
                g->st |= store;
                g->count++;
                s->group_of[i] = g - s->groups + 1;
                continue;
            }
        }
        if (s->ngroups == X86_MAX_GROUPS) {
            continue;
        }
        Group *g = &s->groups[s->ngroups++];
        *g = (Group){.base = base,
                     .first = i,
                     .count = 1,
                     .mmu = mmu,
                     .align = align,
                     .lo = lo,
                     .hi = hi,
                     .ld = !store,
                     .st = store};
        s->group_of[i] = s->ngroups;
        if (k == nopen) {
            if (nopen < G_N_ELEMENTS(open)) {
                nopen++;
            } else {
                k = oldest++ % G_N_ELEMENTS(open);
            }
        }
        open[k] = g;
    }
    for (uint32_t k = 0; k < s->ngroups; k++) {
        if (s->groups[k].count == 1) {
            s->group_of[s->groups[k].first] = 0;
        }
    }
}

/* The access itself. */
static void access_ld(X86Gen *s, const TCGOp *op, unsigned d, Mem m)
{
    Asm *as = &s->a;
    unsigned w = type_w(op->type), size = tcg_mo_size(op->aux);
    bool sx = op->aux & TCG_MO_SIGN, be = (op->aux & TCG_MO_BE) && size;
    if (!type_is_int(op->type) && !be) {
        asm_rm(as,
               size == TCG_MO_32   ? I_MOVSS_RM
               : size == TCG_MO_64 ? I_MOVSD_RM
                                   : I_MOVUPS_RM,
               d, m);
        return;
    }
    unsigned r = d < XMM0 ? d : RAX;
    switch (size) {
    case TCG_MO_8:
        asm_rm(as, sx ? I_MOVSX8 | w : I_MOVZX8, r, m);
        break;
    case TCG_MO_16:
        asm_rm(as, sx && !be ? I_MOVSX16 | w : I_MOVZX16, r, m);
        if (be) {
            asm_rr(as, 0xc1 | OP_66, SH_ROR, r);
            asm_8(as, 8);
            if (sx) {
                asm_rr(as, I_MOVSX16 | w, r, r);
            }
        }
        break;
    case TCG_MO_32:
        asm_rm(as, sx && w && !be ? I_MOVSXD : I_MOV_RM, r, m);
        if (be) {
            asm_opcode(as, (0xc8 | (r & 7)) | OP_0F, 0, 0, r, false);
            if (sx && w) {
                asm_rr(as, I_MOVSXD, r, r);
            }
        }
        break;
    default:
        asm_rm(as, I_MOV_RM | OP_W, r, m);
        if (be) {
            asm_opcode(as, (0xc8 | (r & 7)) | OP_0F | OP_W, 0, 0, r, false);
        }
        break;
    }
    if (d >= XMM0) {
        asm_rr(as, I_MOVD_XR | (size == TCG_MO_64 ? OP_W : 0), d, r);
    }
}

static void access_st(X86Gen *s, const TCGOp *op, Opnd o, Mem m)
{
    Asm *as = &s->a;
    static const unsigned mov[] = {0x88 | OP_R8, I_MOV_MR | OP_66, I_MOV_MR, I_MOV_MR | OP_W};
    unsigned size = tcg_mo_size(op->aux);
    if (size == TCG_MO_128) {
        asm_rm(as, I_MOVUPS_MR, o.reg, m);
    } else if (o.kind == OPND_IMM) {
        asm_rm(as, size == TCG_MO_8 ? 0xc6 : 0xc7 | (mov[size] & (OP_66 | OP_W)), 0, m);
        if (size == TCG_MO_8) {
            asm_8(as, o.imm);
        } else if (size == TCG_MO_16) {
            asm_8(as, o.imm);
            asm_8(as, o.imm >> 8);
        } else {
            asm_32(as, o.imm);
        }
    } else if ((op->aux & TCG_MO_BE) && size) {
        if (o.reg >= XMM0) {
            asm_rr(as, I_MOVD_RX | (size == TCG_MO_64 ? OP_W : 0), o.reg, RDX);
        } else {
            asm_mov_rr(as, OP_W, RDX, o.reg);
        }
        if (size == TCG_MO_16) {
            asm_rr(as, 0xc1 | OP_66, SH_ROR, RDX);
            asm_8(as, 8);
        } else {
            asm_opcode(as, (0xc8 | RDX) | OP_0F | (size == TCG_MO_64 ? OP_W : 0), 0, 0, RDX, false);
        }
        asm_rm(as, mov[size], RDX, m);
    } else if (o.reg >= XMM0) {
        asm_rm(as, size == TCG_MO_32 ? I_MOVSS_MR : I_MOVSD_MR, o.reg, m);
    } else {
        asm_rm(as, mov[size], o.reg, m);
    }
}

static Stub *cold_stub(X86Gen *s, const TCGOp *op)
{
    Stub *st = x86_stub_new(s, STUB_COLD);
    st->xmm = ((s->busy | s->pins->pinned) & XMMS) != 0;
    st->r[0] = st->r[1] = st->r[2] = st->r[3] = st->r[5] = REG_NONE;
    st->imm = op->imm;
    x86_snapshot(s, &st->snap, &st->nsnap);
    capture_hosts(s, st);
    return st;
}

/* The group's host address if this op is not its first access and it is there; locked. */
static unsigned host_address(X86Gen *s)
{
    unsigned g = s->group_of[s->i];
    if (!g || s->groups[g - 1].first == s->i) {
        return REG_NONE;
    }
    return x86_use(s, s->u->nops + g - 1);
}

/* Where the base is: the stub reads it there. */
typedef struct Base {
    uint8_t reg;
    Mem mem;
} Base;
static Base capture_base(X86Gen *s, const TCGOp *op)
{
    uint16_t v = x86_root(s, op->a);
    Base b = {.reg = REG_NONE};
    if (s->val[v].regs || x86_is_const(s, v) || s->val[v].type == TCG_I32) {
        b.reg = x86_use(s, v);
    } else {
        b.mem = x86_where(s, v);
    }
    return b;
}

/* Check the group's range; the host address of its base is in register host afterwards. */
static Stub *check_group(X86Gen *s, const TCGOp *op, unsigned base, unsigned host)
{
    Asm *as = &s->a;
    const Group *g = &s->groups[s->group_of[s->i] - 1];
    const unsigned shift = TLB_PAGE_BITS - TLB_ENTRY_BITS;
    unsigned table = R11;
    /* The last byte; if the base must be aligned, the last such place. */
    asm_rm(as, I_LEA | OP_W, RDX, mem_bd(base, (g->hi - 1) & -(int32_t)g->align));
    if (g->lo == 0 && s->t->have.bmi2) {
        asm_vex_rr(as, 0xf0 | OP_3A | OP_F2 | OP_W, RAX, 0, base);
        asm_8(as, shift);
    } else {
        asm_rm(as, I_LEA, RAX, mem_bd(base, g->lo));
        asm_shift_ri(as, 0, SH_SHR, RAX, shift);
    }
    if (g->mmu) {
        table = host;
        asm_rm(as, I_MOV_RM | OP_W, table,
               env_mem(s, offsetof(CPUEnv, tlb) + g->mmu * sizeof(TlbEntry *)));
    }
    asm_alu_ri(as, OP_W, ALU_AND, RDX, (int32_t)(TLB_PAGE_MASK | (g->align - 1u)));
    asm_rm(as, (ALU_AND * 8 + 3) | OP_W, RAX, mem_bd(table, TLB_MASK_OFFSET));
    Stub *st = cold_stub(s, op);
    st->r[0] = base;
    st->r[5] = host;
    if (g->ld) {
        asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, RDX, mem_bid(table, RAX, offsetof(TlbEntry, tag_r)));
        st->jump = asm_jcc(as, CC_NE);
    }
    if (g->st) {
        asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, RDX, mem_bid(table, RAX, offsetof(TlbEntry, tag_w)));
        st->jump2 = asm_jcc(as, CC_NE);
    }
    asm_rm(as, I_MOV_RM | OP_W, host, mem_bid(table, RAX, offsetof(TlbEntry, addend)));
    asm_alu_rr(as, OP_W, ALU_ADD, host, base);
    return st;
}

static Stub *check_member(X86Gen *s, const TCGOp *op, Base base, unsigned host)
{
    asm_rr(&s->a, I_TEST | OP_W, host, host);
    Stub *st = cold_stub(s, op);
    st->jump = asm_jcc(&s->a, CC_E);
    st->r[0] = base.reg;
    st->mem = base.mem;
    return st;
}

static bool leads_group(const X86Gen *s)
{
    unsigned g = s->group_of[s->i];
    return g && s->groups[g - 1].first == s->i;
}

static void emit_ld(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned size = tcg_mo_size(op->aux), host = host_address(s), d;
    Stub *st;
    if (host != REG_NONE) {
        Base base = capture_base(s, op);
        x86_advance(s);
        d = x86_def(s, 0);
        st = check_member(s, op, base, host);
        access_ld(s, op, d, mem_bd(host, op->imm));
    } else if (leads_group(s)) {
        unsigned base = x86_use(s, x86_root(s, op->a));
        x86_advance(s);
        d = x86_def(s, 0);
        host = x86_define(s, s->u->nops + s->group_of[s->i] - 1);
        st = check_group(s, op, base, host);
        access_ld(s, op, d, mem_bd(host, op->imm));
    } else {
        Access x = take_address(s, op, op->imm);
        x86_advance(s);
        d = x86_def(s, 1u << x.base);
        unsigned site = s->val[s->i].site;
        st = site ? emit_site_check(s, &x, site - 1) : emit_check(s, &x);
        if (size == TCG_MO_128 && op->aux & TCG_MO_BE) {
            /* Rare: always the slow path. */
            as->p = as->start + st->jump - 6;
            st->jump = asm_jmp(as);
        } else {
            access_ld(s, op, d, host_mem(&x));
        }
    }
    st->r[4] = size == TCG_MO_128 ? SLOW_LD128 : SLOW_LD;
    st->r[2] = d;
    st->back = asm_pos(as);
    s->val[s->i].zx = op->type == TCG_I32;
    x86_bind(s, d);
}

static Opnd stored_value(X86Gen *s, const TCGOp *op)
{
    uint16_t v = x86_root(s, op->b);
    if (type_is_int(s->u->ops[op->b.i].type)) {
        unsigned size = tcg_mo_size(op->aux);
        return x86_opnd(s, v, size == TCG_MO_64 ? OP_W : 0,
                        (op->aux & TCG_MO_BE) && size ? 0 : X86_IMM);
    }
    return (Opnd){.kind = OPND_REG, .reg = x86_use(s, v)};
}

static void emit_st(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned size = tcg_mo_size(op->aux);
    Opnd o = stored_value(s, op);
    unsigned host = host_address(s);
    Stub *st;
    if (host != REG_NONE) {
        Base base = capture_base(s, op);
        x86_advance(s);
        st = check_member(s, op, base, host);
        access_st(s, op, o, mem_bd(host, op->imm));
    } else if (leads_group(s)) {
        unsigned base = x86_use(s, x86_root(s, op->a));
        x86_advance(s);
        host = x86_define(s, s->u->nops + s->group_of[s->i] - 1);
        st = check_group(s, op, base, host);
        access_st(s, op, o, mem_bd(host, op->imm));
    } else {
        Access x = take_address(s, op, op->imm);
        x.tag = offsetof(TlbEntry, tag_w);
        x86_advance(s);
        unsigned site = s->val[s->i].site;
        st = site ? emit_site_check(s, &x, site - 1) : emit_check(s, &x);
        if (size == TCG_MO_128 && op->aux & TCG_MO_BE) {
            as->p = as->start + st->jump - 6;
            st->jump = asm_jmp(as);
        } else {
            access_st(s, op, o, host_mem(&x));
        }
    }
    st->r[4] = size == TCG_MO_128 ? SLOW_ST128 : SLOW_ST;
    if (o.kind == OPND_REG) {
        st->r[1] = o.reg;
    } else {
        st->imm2 = o.imm;
    }
    st->back = asm_pos(as);
    if ((op->aux & TCG_MO_ORDER_MASK) == TCG_MO_SC) {
        emit_fence(s);
    }
}

/* rax, of the access's size, extended into d. */
static void extend_result(X86Gen *s, const TCGOp *op, unsigned d)
{
    Asm *as = &s->a;
    unsigned w = type_w(op->type);
    bool sx = op->aux & TCG_MO_SIGN;
    switch (tcg_mo_size(op->aux)) {
    case TCG_MO_8:
        asm_rr(as, sx ? I_MOVSX8 | w : I_MOVZX8, d, RAX);
        break;
    case TCG_MO_16:
        asm_rr(as, sx ? I_MOVSX16 | w : I_MOVZX16, d, RAX);
        break;
    case TCG_MO_32:
        asm_rr(as, sx && w ? I_MOVSXD : I_MOV_RM, d, RAX);
        break;
    default:
        asm_mov_rr(as, w, d, RAX);
        break;
    }
    s->val[s->i].zx = op->type == TCG_I32;
}

/* Opcode of size for an instruction whose byte form is one less. */
static unsigned sized(unsigned opc, unsigned size)
{
    return size == TCG_MO_8    ? (opc - 1) | OP_R8
           : size == TCG_MO_16 ? opc | OP_66
           : size == TCG_MO_32 ? opc
                               : opc | OP_W;
}

static void asm_lock_rm(Asm *as, unsigned opc, unsigned r, Mem m)
{
    asm_8(as, LOCK_PREFIX);
    asm_rm(as, opc, r, m);
}

/* Atomics are inline for naturally aligned addresses only; the slow path sees to the others. */
static Stub *check_atomic(X86Gen *s, const TCGOp *op, Access *x)
{
    Asm *as = &s->a;
    x->align = MAX(x->align, x->size);
    x->tag = offsetof(TlbEntry, tag_w);
    Stub *st = emit_check(s, x);
    if (op->aux & TCG_MO_BE && x->size > 1) {
        as->p = as->start + st->jump - 6;
        st->jump = asm_jmp(as);
    } else {
        asm_rm(as, I_LEA | OP_W, RDX, host_mem(x));
    }
    return st;
}

static void emit_rmw(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned size = tcg_mo_size(op->aux);
    unsigned w = size == TCG_MO_64 ? OP_W : 0;
    TCGRmw rmw = op->c.i;
    bool used = x86_live(s, s->i);
    static const uint8_t alus[] = {[TCG_RMW_ADD] = ALU_ADD,
                                   [TCG_RMW_AND] = ALU_AND,
                                   [TCG_RMW_OR] = ALU_OR,
                                   [TCG_RMW_XOR] = ALU_XOR};
    bool simple = !used && rmw >= TCG_RMW_ADD && rmw <= TCG_RMW_XOR;
    bool loop = !simple && rmw != TCG_RMW_XCHG && rmw != TCG_RMW_ADD;
    Access x = take_address(s, op, op->imm);
    unsigned v = x86_use(s, x86_root(s, op->b));
    unsigned t = loop ? x86_temp(s, false) : 0;
    x86_advance(s);
    unsigned d = used ? x86_def(s, 0) : RAX;
    Stub *st = check_atomic(s, op, &x);
    st->r[4] = SLOW_RMW;
    st->r[1] = v;
    Mem m = mem_bd(RDX, 0);
    if (op->aux & TCG_MO_BE && x.size > 1) {
        /* slow path only */
    } else if (simple) {
        asm_lock_rm(as, sized(alus[rmw] * 8 + 1, size), v, m);
    } else if (!loop) {
        asm_mov_rr(as, OP_W, RAX, v);
        if (rmw == TCG_RMW_XCHG) {
            asm_rm(as, sized(I_XCHG, size), RAX, m);
        } else {
            asm_lock_rm(as, sized(I_XADD, size), RAX, m);
        }
    } else {
        asm_rm(as,
               size == TCG_MO_8    ? I_MOVZX8
               : size == TCG_MO_16 ? I_MOVZX16
                                   : I_MOV_RM | w,
               RAX, m);
        uint32_t again = asm_pos(as);
        if (rmw <= TCG_RMW_XOR) {
            asm_mov_rr(as, w, t, RAX);
            asm_alu_rr(as, w, alus[rmw], t, v);
        } else {
            unsigned opc = sized(ALU_CMP * 8 + 3, size);
            static const uint8_t cc[] = {[TCG_RMW_SMIN] = CC_L,
                                         [TCG_RMW_SMAX] = CC_G,
                                         [TCG_RMW_UMIN] = CC_B,
                                         [TCG_RMW_UMAX] = CC_A};
            asm_mov_rr(as, w, t, v);
            asm_rr(as, opc | (size == TCG_MO_8 ? OP_M8 : 0), RAX, v);
            asm_rr(as, I_CMOV | cc[rmw] | w, t, RAX);
        }
        asm_lock_rm(as, sized(I_CMPXCHG, size), t, m);
        asm_jcc8_back(as, CC_NE, again);
    }
    st->back = asm_pos(as);
    if (used) {
        extend_result(s, op, d);
        x86_bind(s, d);
    }
}

static void emit_cmpxchg(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    unsigned size = tcg_mo_size(op->aux);
    Access x = take_address(s, op, op->imm);
    unsigned expect = x86_use(s, x86_root(s, op->b));
    unsigned v = x86_use(s, x86_root(s, op->c));
    bool used = x86_live(s, s->i);
    x86_advance(s);
    unsigned d = used ? x86_def(s, 0) : RAX;
    Stub *st = check_atomic(s, op, &x);
    st->r[4] = SLOW_CMPXCHG;
    st->r[1] = v;
    st->r[3] = expect;
    if (!(op->aux & TCG_MO_BE) || x.size == 1) {
        asm_mov_rr(as, OP_W, RAX, expect);
        asm_lock_rm(as, sized(I_CMPXCHG, size), v, mem_bd(RDX, 0));
    }
    st->back = asm_pos(as);
    if (used) {
        extend_result(s, op, d);
        x86_bind(s, d);
    }
}

static void emit_probe(X86Gen *s, const TCGOp *op)
{
    Access x = take_address(s, op, 0);
    bool store = op->imm >> 62 & 1;
    x.tag = store ? offsetof(TlbEntry, tag_w) : offsetof(TlbEntry, tag_r);
    x86_advance(s);
    Stub *st = emit_check(s, &x);
    st->r[4] = SLOW_PROBE;
    st->imm2 = store;
    st->back = asm_pos(&s->a);
}

static void emit_fence_op(X86Gen *s, const TCGOp *op)
{
    if (op->aux & TCG_FENCE_WR) {
        emit_fence(s);
    }
}

void x86_mem_emitters(X86Emit *emit[TCG_OP_COUNT])
{
    emit[TCG_OP_ld] = emit_ld;
    emit[TCG_OP_st] = emit_st;
    emit[TCG_OP_atomic_rmw] = emit_rmw;
    emit[TCG_OP_cmpxchg] = emit_cmpxchg;
    emit[TCG_OP_probe] = emit_probe;
    emit[TCG_OP_fence] = emit_fence_op;
}

/* Call the slow path with the address in rax, and go back. */
static void slow_tail(X86Gen *s, const Stub *st)
{
    Asm *as = &s->a;
    const TCGOp *op = &s->u->ops[st->op];
    unsigned kind = st->r[4];
    uint32_t memop = op->aux;
    switch (kind) {
    case SLOW_RMW:
        memop |= (uint32_t)op->c.i << 16;
        asm_mov_rr(as, OP_W, RDX, st->r[1]);
        break;
    case SLOW_CMPXCHG:
        asm_rm(as, I_MOV_MR | OP_W, st->r[3], x86_slot(s, X86_SLOT_ARG));
        asm_mov_rr(as, OP_W, RDX, st->r[1]);
        break;
    case SLOW_ST:
        if (st->r[1] == REG_NONE) {
            x86_mov_const(s, RDX, st->imm2);
        } else if (st->r[1] >= XMM0) {
            asm_rr(as, I_MOVD_RX | OP_W, st->r[1], RDX);
        } else {
            asm_mov_rr(as, OP_W, RDX, st->r[1]);
        }
        break;
    case SLOW_ST128:
        asm_rm(as, I_MOVUPS_MR, st->r[1], x86_slot(s, X86_SLOT_VEC));
        break;
    case SLOW_PROBE:
        asm_mov_ri(as, RDX, st->imm2);
        break;
    default:
        break;
    }
    asm_push_i(as, memop);
    bool cold = st->kind == STUB_COLD && !(memop & TCG_MO_BE);
    x86_jump_thunk(s, 0xe8,
                   cold ? s->t->cold[st->xmm][x86_cold_kind(memop, kind)]
                        : s->t->slow[st->xmm][kind]);
    SideRow row = {.ret = asm_pos(as),
                   .pc = st->pc,
                   .insn = st->insn,
                   .kind = SIDE_SLOW,
                   .snap = st->snap,
                   .nsnap = st->nsnap};
    x86_list_add(&s->rows, &row, sizeof(row));
    unsigned d = st->r[2];
    if (kind == SLOW_LD128) {
        asm_rm(as, I_MOVUPS_RM, d, x86_slot(s, X86_SLOT_VEC));
    } else if (kind == SLOW_LD) {
        if (d >= XMM0) {
            asm_rr(as, I_MOVD_XR | OP_W, d, RAX);
        } else {
            asm_mov_rr(as, type_w(op->type), d, RAX);
        }
    }
    for (uint32_t m = st->hosts; m; m &= m - 1) {
        unsigned r = __builtin_ctz(m);
        asm_rr(as, 0x31, r, r);
    }
    for (unsigned k = 0; k < st->nhost_slots; k++) {
        asm_rm(as, 0xc7 | OP_W, 0,
               x86_slot(s, x86_list_at(&s->host_slots, uint16_t, st->host_slots + k)));
        asm_32(as, 0);
    }
    asm_jmp_to(as, st->back);
}

void x86_stub_slow(X86Gen *s, const Stub *st)
{
    Asm *as = &s->a;
    if (st->imm) {
        asm_rm(as, I_LEA | OP_W, RAX, mem_bd(st->r[0], st->imm));
    } else {
        asm_mov_rr(as, OP_W, RAX, st->r[0]);
    }
    slow_tail(s, st);
}

/* The look-up is in the thunk. */
void x86_stub_cold(X86Gen *s, const Stub *st)
{
    Asm *as = &s->a;
    if (st->r[5] != REG_NONE) {
        asm_rr(as, 0x31, st->r[5], st->r[5]);
    }
    if (st->r[0] == REG_NONE) {
        asm_rm(as, I_MOV_RM | OP_W, RAX, st->mem);
        if (st->imm) {
            asm_alu_ri(as, s->u->pc32 ? 0 : OP_W, ALU_ADD, RAX, st->imm);
        }
    } else if (st->imm) {
        asm_rm(as, I_LEA | (s->u->pc32 ? 0 : OP_W), RAX, mem_bd(st->r[0], st->imm));
    } else {
        asm_mov_rr(as, OP_W, RAX, st->r[0]);
    }
    slow_tail(s, st);
}

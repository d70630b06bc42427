/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Control flow of the x86-64 host: the unit's entry, helper calls, labels and branches, exits, and
 * the stubs behind the code. The contract is in tcg/backend.h.
 *
 * A direct exit ends in a 5-byte jump inside an aligned 8-byte word, which the accelerator patches;
 * at first it is a call of the link thunk, which knows the exit by the return address. An exit to
 * the unit's own start needs no link: it goes to the entry, where a dead unit is left. Ways out
 * that are rare call a thunk, too, and have the offset of the pc in its page behind the call
 * (x86_call_thunk()). They lie behind the jump, in reach of short jumps: the call is as long as
 * what a jump to somewhere else would be longer.
 *
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/x86_64/internal.h"

Stub *x86_stub_new(X86Gen *s, StubKind kind)
{
    Stub *st = x86_list_more(&s->stubs, sizeof(*st));
    *st = (Stub){.kind = kind, .op = s->i, .pc = s->pc, .insn = s->insn};
    return st;
}

static bool counts(const X86Gen *s)
{
    return s->t->icount || s->u->count;
}

void x86_emit_entry(X86Gen *s)
{
    Asm *as = &s->a;
    x86_entry_nop(as, s->u->start);
    if (counts(s)) {
        asm_rm(as, I_MOV_RM | OP_W, RAX, ENV(icount_left));
        asm_alu_ri(as, OP_W, ALU_SUB, RAX, s->u->ninsns);
        Stub *st = x86_stub_new(s, STUB_ICOUNT);
        st->jump = asm_jcc(as, CC_S);
        asm_rm(as, I_MOV_MR | OP_W, RAX, ENV(icount_left));
    }
    x86_enter_region(s);
}

/* Taken exits give back the instructions behind them. */
static void give_back(X86Gen *s, unsigned insn)
{
    if (counts(s) && insn + 1 < s->u->ninsns) {
        asm_alu_mi(&s->a, OP_W, ALU_ADD, ENV(icount_left), s->u->ninsns - insn - 1);
    }
}

/* ---- helper calls ---- */

typedef struct Move {
    uint8_t dst, src;
} Move;

/* Registers to registers, all at once; rax is free. */
static void parallel_moves(X86Gen *s, Move *m, unsigned n)
{
    while (n) {
        unsigned k, j;
        for (k = 0; k < n; k++) {
            for (j = 0; j < n; j++) {
                if (j != k && m[j].src == m[k].dst) {
                    break;
                }
            }
            if (j == n) {
                break;
            }
        }
        if (k == n) {
            /* Only cycles are left: open one. */
            asm_mov_rr(&s->a, OP_W, RAX, m[0].src);
            uint8_t r = m[0].src;
            for (j = 0; j < n; j++) {
                if (m[j].src == r) {
                    m[j].src = RAX;
                }
            }
            continue;
        }
        x86_mov(s, OP_W, m[k].dst, m[k].src);
        m[k] = m[--n];
    }
}

static void emit_args(X86Gen *s, const TCGCall *c)
{
    static const uint8_t regs[6] = {RDI, RSI, RDX, RCX, R8, R9};
    const TCGHelper *h = c->helper;
    unsigned first = h->pass_env ? 1 : 0, n = 0;
    Move moves[6];
    for (unsigned k = 0; k < h->nargs; k++) {
        uint16_t v = x86_root(s, c->args[k]);
        unsigned pos = first + k;
        if (pos >= 6) {
            x86_load(s, v, RAX);
            asm_rm(&s->a, I_MOV_MR | OP_W, RAX, mem_bd(RSP, (pos - 6) * 8));
        } else if (s->val[v].regs) {
            moves[n++] = (Move){regs[pos], __builtin_ctz(s->val[v].regs)};
        }
    }
    parallel_moves(s, moves, n);
    for (unsigned k = 0; k < h->nargs && first + k < 6; k++) {
        uint16_t v = x86_root(s, c->args[k]);
        if (!s->val[v].regs) {
            x86_load(s, v, regs[first + k]);
        }
    }
    if (first) {
        asm_rm(&s->a, I_LEA | OP_W, RDI, env_mem(s, 0));
    }
}

static void emit_call(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    const TCGCall *c = &s->u->calls[op->imm];
    const TCGHelper *h = c->helper;
    /* Devices and clocks may compute in floating point as well. */
    bool fp = h->flags & (TCG_HELPER_FP | TCG_HELPER_IO);
    x86_call_begin(s, c);
    emit_args(s, c);
    if (fp) {
        asm_rm(as, 0xae | OP_0F, 3, ENV(mxcsr));
        asm_rm(as, 0xae | OP_0F, 2, ENV(host_mxcsr));
    }
    x86_call_program(s, (uintptr_t)h->fn);
    if (!(h->flags & TCG_HELPER_PURE)) {
        SideRow row = {.ret = asm_pos(as),
                       .pc = s->pc,
                       .insn = s->insn,
                       .kind = fp ? SIDE_CALL_FP : SIDE_CALL};
        x86_list_add(&s->rows, &row, sizeof(row));
    }
    if (h->flags & TCG_HELPER_NORETURN) {
        asm_8(as, 0x0f); /* ud2 */
        asm_8(as, 0x0b);
        s->unreachable = true;
        return;
    }
    if (fp) {
        asm_rm(as, 0xae | OP_0F, 2, ENV(mxcsr));
    }
    x86_call_end(s, c);
    asm_rm(as, I_MOV_RM | OP_W, R11, ENV(tlb));
    if (h->ret != TCG_VOID && x86_live(s, s->i)) {
        unsigned d = x86_def(s, 0);
        asm_mov_rr(as, type_w(h->ret), d, RAX);
        s->val[s->i].zx = h->ret == TCG_I32;
        x86_bind(s, d);
    }
}

/* ---- labels ---- */

static void label_ref(X86Gen *s, unsigned label, uint32_t end)
{
    LabelFix f = {.label = label, .end = end};
    x86_list_add(&s->label_fixes, &f, sizeof(f));
    s->label_refs[label]++;
}

static void emit_br_if(X86Gen *s, const TCGOp *op)
{
    bool parity;
    x86_spill_for_label(s, op->aux);
    unsigned cc = x86_emit_cond(s, op->a, &parity);
    x86_advance(s);
    uint32_t skip = parity ? asm_jcc8(&s->a, CC_P) : 0;
    label_ref(s, op->aux, asm_jcc(&s->a, cc));
    if (parity) {
        asm_link8(&s->a, skip);
    }
}

static void emit_label(X86Gen *s, const TCGOp *op)
{
    if (!s->label_refs[op->aux]) {
        return;
    }
    if (!s->unreachable) {
        x86_flush_sunk(s);
    }
    x86_at_label(s);
    s->unreachable = false;
    for (unsigned k = 0; k < s->label_fixes.len; k++) {
        LabelFix *f = &x86_list_at(&s->label_fixes, LabelFix, k);
        if (f->label == op->aux) {
            asm_link(&s->a, f->end, asm_pos(&s->a));
        }
    }
}

/* ---- exits ---- */

/* May an exit to the unit's own start jump there without being linked? A unit that straddles
 * depends on the next page's mapping; lock-step mode looks at each unit. */
static bool loops_here(const X86Gen *s)
{
    return !s->t->check && s->u->start + s->u->guest_bytes <= TLB_PAGE_SIZE;
}

/* Direct exit number n stays in the region. */
static void emit_inner_jump(X86Gen *s, unsigned n, int block, int64_t target, int32_t pc, bool last)
{
    Asm *as = &s->a;
    s->exits[n] = (TcgExit){.offset = target};
    if (target <= pc) {
        asm_alu_mi(as, 0, ALU_CMP, ENV(exit_request), 0);
        Stub *st = x86_stub_new(s, STUB_POLL);
        st->imm = target;
        x86_jump_to_block(s, block, asm_jcc(as, CC_E));
        st->jump = asm_jmp(as);
    } else if (!last || x86_list_at(&s->blocks, X86Block, block).op != s->i + 1) {
        x86_jump_to_block(s, block, asm_jmp(as));
    }
}

/* Leave by the direct exit op from instruction (pc, insn). last: nothing but the next op comes
 * behind it. */
static void emit_exit(X86Gen *s, const TCGOp *op, int32_t pc, unsigned insn, bool last)
{
    Asm *as = &s->a;
    unsigned n = op->c.i;
    int64_t target = op->imm;
    TcgExit *e = &s->exits[n];
    bool same_page = target >= 0 && target < (int64_t)TLB_PAGE_SIZE;
    int block = x86_inner_block(s, target, pc, op->aux & TCG_EXIT_STEADY);
    if (block >= 0) {
        emit_inner_jump(s, n, block, target, pc, last);
        return;
    }
    *e = (TcgExit){.offset = target & (TLB_PAGE_SIZE - 1)};
    give_back(s, insn);
    x86_leave_region(s);
    if (!same_page) {
        int64_t delta = target & (int64_t)TLB_PAGE_MASK;
        unsigned w = s->u->pc32 ? 0 : OP_W;
        asm_rm(as, I_MOV_RM | OP_W, RAX, ENV(pc_page));
        if (delta == (int32_t)delta) {
            asm_alu_ri(as, w, ALU_ADD, RAX, delta);
        } else {
            asm_mov_ri(as, RDX, delta);
            asm_alu_rr(as, w, ALU_ADD, RAX, RDX);
        }
        asm_rm(as, I_MOV_MR | OP_W, RAX, ENV(pc_page));
    }
    uint32_t polled = 0, other[2];
    if (target <= pc) {
        asm_alu_mi(as, 0, ALU_CMP, ENV(exit_request), 0);
        if (target == s->u->start && loops_here(s)) {
            asm_link(as, asm_jcc(as, CC_E), 0);
            x86_call_thunk(s, s->t->poll, target);
            return;
        }
        polled = asm_jcc8(as, CC_NE);
    }
    if (!same_page) {
        e->link = ++s->nlinks;
        Mem m = mem_rip();
        m.disp = offsetof(TcgLink, page);
        asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, RAX, m);
        x86_fix(s, FIX_LINK, e->link - 1);
        other[0] = asm_jcc8(as, CC_NE);
        asm_rm(as, I_MOV_RM | OP_W, RDX, ENV(ctx));
        m.disp = offsetof(TcgLink, ctx);
        asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, RDX, m);
        x86_fix(s, FIX_LINK, e->link - 1);
        other[1] = asm_jcc8(as, CC_NE);
    }
    /* Prefixes that mean nothing (SDM volume 2, 2.1.1: CS override) instead of an instruction. */
    while ((asm_pos(as) & 7) > 3) {
        asm_8(as, 0x2e);
    }
    e->patch = asm_pos(as);
    asm_rel_rx(as, 0xe8, s->t->link);
    if (!same_page) {
        /* Right behind the jump, which the thunk finds by this. */
        asm_link8(as, other[0]);
        asm_link8(as, other[1]);
        x86_call_thunk(s, s->t->xlink, target);
    }
    if (polled) {
        asm_link8(as, polled);
        x86_call_thunk(s, s->t->poll, target);
    }
}

static void emit_exit_if(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    bool parity;
    unsigned cc = x86_emit_cond(s, op->a, &parity);
    x86_advance(s);
    uint32_t snap, nsnap;
    x86_snapshot(s, &snap, &nsnap);
    int block = x86_inner_block(s, op->imm, s->pc, op->aux & TCG_EXIT_STEADY);
    bool back = op->imm <= s->pc;
    if (block >= 0 && !back && !parity && nsnap == 0) {
        s->exits[op->c.i] = (TcgExit){.offset = op->imm};
        x86_jump_to_block(s, block, asm_jcc(as, cc));
        return;
    }
    if ((block >= 0 ? back : op->aux & TCG_EXIT_LIKELY) && !parity && nsnap <= 8) {
        uint32_t over = asm_jcc(as, cc ^ 1);
        x86_store_snapshot(s, snap, nsnap);
        emit_exit(s, op, s->pc, s->insn, false);
        asm_link(as, over, asm_pos(as));
        return;
    }
    uint32_t skip = parity ? asm_jcc8(as, CC_P) : 0;
    Stub *st = x86_stub_new(s, STUB_EXIT);
    st->jump = asm_jcc(as, cc);
    st->snap = snap;
    st->nsnap = nsnap;
    if (parity) {
        asm_link8(as, skip);
    }
}

static void emit_exit_lookup(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    const X86Thunks *t = s->t;
    x86_flush_sunk(s);
    x86_load(s, x86_root(s, op->a), RAX);
    give_back(s, s->insn);
    x86_leave_region(s);
    asm_alu_mi(as, 0, ALU_CMP, ENV(exit_request), 0);
    asm_8(as, 0x0f);
    x86_jump_thunk(s, 0x80 | CC_NE, t->lookup_poll);
    x86_jump_cache_entry(as, t);
    asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, RAX, mem_bd(RDX, offsetof(JumpCacheEntry, pc)));
    asm_8(as, 0x0f);
    x86_jump_thunk(s, 0x80 | CC_NE, t->miss);
    asm_rm(as, I_MOV_RM | OP_W, RCX, ENV(ctx));
    asm_rm(as, (ALU_CMP * 8 + 3) | OP_W, RCX, mem_bd(RDX, offsetof(JumpCacheEntry, ctx)));
    asm_8(as, 0x0f);
    x86_jump_thunk(s, 0x80 | CC_NE, t->other);
    asm_alu_ri(as, OP_W, ALU_AND, RAX, (int32_t)TLB_PAGE_MASK);
    asm_rm(as, I_MOV_MR | OP_W, RAX, ENV(pc_page));
    asm_rm(as, 0xff, 4, mem_bd(RDX, offsetof(JumpCacheEntry, code)));
    s->unreachable = true;
}

static void emit_block(X86Gen *s, const TCGOp *op)
{
    Asm *as = &s->a;
    x86_at_label(s);
    s->unreachable = false;
    if (x86_is_loop(s, op->imm)) {
        /* At a cache line: a loop of 100 bytes is a third faster in two lines than in three. */
        asm_nop(as, -(uintptr_t)(as->p + as->rx) & 63);
    }
    for (unsigned k = 0; k < s->blocks.len; k++) {
        X86Block *block = &x86_list_at(&s->blocks, X86Block, k);
        if (block->op == s->i) {
            block->at = asm_pos(as);
        }
    }
}

static void emit_br(X86Gen *s, const TCGOp *op)
{
    x86_spill_for_label(s, op->aux);
    label_ref(s, op->aux, asm_jmp(&s->a));
    s->unreachable = true;
}

static void emit_exit_direct(X86Gen *s, const TCGOp *op)
{
    x86_flush_sunk(s);
    emit_exit(s, op, s->pc, s->insn, true);
    s->unreachable = true;
}

static void emit_exit_main(X86Gen *s, const TCGOp *op)
{
    x86_flush_sunk(s);
    x86_load(s, x86_root(s, op->a), RAX);
    give_back(s, s->insn);
    x86_leave_region(s);
    x86_jump_thunk(s, 0xe9, s->t->main);
    s->unreachable = true;
}

void x86_ctl_emitters(X86Emit *emit[TCG_OP_COUNT])
{
    emit[TCG_OP_label] = emit_label;
    emit[TCG_OP_block] = emit_block;
    emit[TCG_OP_call] = emit_call;
    emit[TCG_OP_br] = emit_br;
    emit[TCG_OP_br_if] = emit_br_if;
    emit[TCG_OP_exit_direct] = emit_exit_direct;
    emit[TCG_OP_exit_if] = emit_exit_if;
    emit[TCG_OP_exit_lookup] = emit_exit_lookup;
    emit[TCG_OP_exit_main] = emit_exit_main;
}

/* ---- stubs ---- */

static void stub_div(X86Gen *s, const Stub *st)
{
    Asm *as = &s->a;
    const TCGOp *op = &s->u->ops[st->op];
    unsigned w = type_w(op->type);
    bool is_signed = op->opc == TCG_OP_divs || op->opc == TCG_OP_rems;
    /* rax: dividend; to rax and rdx: quotient and remainder. */
    if (is_signed) {
        asm_rr(as, I_TEST | w, st->r[0], st->r[0]);
        uint32_t zero = asm_jcc8(as, CC_E);
        asm_rr(as, 0x31, RDX, RDX);
        asm_rr(as, 0xf7 | w, 3, RAX);
        asm_jmp_to(as, st->back);
        asm_link8(as, zero);
    }
    asm_mov_rr(as, OP_W, RDX, RAX);
    asm_mov_ri(as, RAX, -1);
    asm_jmp_to(as, st->back);
}

void x86_emit_stub(X86Gen *s, const Stub *st)
{
    Asm *as = &s->a;
    if (st->jump) {
        asm_link(as, st->jump, asm_pos(as));
    }
    if (st->jump2) {
        asm_link(as, st->jump2, asm_pos(as));
    }
    switch (st->kind) {
    case STUB_SLOW:
        x86_stub_slow(s, st);
        break;
    case STUB_SITE:
        x86_stub_site(s, st);
        break;
    case STUB_COLD:
        x86_stub_cold(s, st);
        break;
    case STUB_EXIT: {
        const TCGOp *op = &s->u->ops[st->op];
        x86_store_snapshot(s, st->snap, st->nsnap);
        emit_exit(s, op, st->pc, st->insn, false);
        break;
    }
    case STUB_POLL:
        x86_leave_region(s);
        x86_call_thunk(s, s->t->poll, st->imm);
        break;
    case STUB_ICOUNT:
        x86_call_thunk(s, s->t->icount_stop, s->u->start);
        break;
    case STUB_DIV:
        stub_div(s, st);
        break;
    case STUB_FP:
        x86_stub_fp(s, st);
        break;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The x86-64 host: compiles a unit (tcg/backend.h). Layout in the code cache: entry, code, stubs,
 * constant pool, addresses in the program, exits, links, side table, relocations.
 *
 * Thread: any, one scratch each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/x86_64/internal.h"

void x86_fix(X86Gen *s, FixKind kind, unsigned index)
{
    Fix f = {.end = asm_pos(&s->a), .kind = kind, .index = index};
    x86_list_add(&s->fixes, &f, sizeof(f));
}

unsigned x86_const(X86Gen *s, uint64_t lo, uint64_t hi)
{
    for (unsigned k = 0; k < s->pool.len; k++) {
        const X86Const *c = &x86_list_at(&s->pool, X86Const, k);
        if (c->lo == lo && c->hi == hi) {
            return k;
        }
    }
    X86Const c = {lo, hi};
    x86_list_add(&s->pool, &c, sizeof(c));
    return s->pool.len - 1;
}

void x86_rm_const(X86Gen *s, unsigned opc, unsigned reg, uint64_t lo, uint64_t hi)
{
    unsigned k = x86_const(s, lo, hi);
    asm_rm(&s->a, opc, reg, mem_rip());
    x86_fix(s, FIX_POOL, k);
}

void x86_call_program(X86Gen *s, uintptr_t addr)
{
    uint64_t a = addr;
    unsigned k = 0;
    while (k < s->addrs.len && x86_list_at(&s->addrs, uint64_t, k) != a) {
        k++;
    }
    if (k == s->addrs.len) {
        x86_list_add(&s->addrs, &a, sizeof(a));
    }
    asm_rm(&s->a, 0xff, 2, mem_rip());
    x86_fix(s, FIX_ADDR, k);
}

void x86_jump_thunk(X86Gen *s, uint8_t opc, const uint8_t *thunk)
{
    asm_rel_rx(&s->a, opc, thunk);
    uint32_t at = asm_pos(&s->a) - 4;
    if (s->t->relocatable) {
        x86_list_add(&s->outs, &at, sizeof(at));
    }
}

void x86_call_thunk(X86Gen *s, const uint8_t *thunk, uint32_t offset)
{
    x86_jump_thunk(s, 0xe8, thunk);
    asm_16(&s->a, offset & (TLB_PAGE_SIZE - 1));
}

void x86_entry_nop(Asm *as, uint32_t start)
{
    asm_8(as, 0x0f);
    asm_8(as, 0x1f);
    asm_8(as, 0x80);
    asm_32(as, start << 16);
}

static void *scratch_new(void)
{
    X86Gen *s = g_new0(X86Gen, 1);
    s->groups = g_new(Group, X86_MAX_GROUPS);
    x86_traits(s->traits);
    x86_ctl_emitters(s->emit);
    x86_int_emitters(s->emit);
    x86_mem_emitters(s->emit);
    for (unsigned k = TCG_OP_fadd; k <= TCG_OP_funbox; k++) {
        if (k != TCG_OP_fcmp) {
            s->emit[k] = x86_emit_fp;
        }
    }
    for (unsigned k = TCG_OP_vld_lo; k <= TCG_OP_vfnarrow; k++) {
        s->emit[k] = x86_emit_vec;
    }
    return s;
}

static void scratch_free(void *scratch)
{
    X86Gen *s = scratch;
    g_free(s->snaps.data);
    g_free(s->host_slots.data);
    g_free(s->stubs.data);
    g_free(s->fixes.data);
    g_free(s->pool.data);
    g_free(s->addrs.data);
    g_free(s->outs.data);
    g_free(s->rows.data);
    g_free(s->label_fixes.data);
    g_free(s->blocks.data);
    g_free(s->block_fixes.data);
    g_free(s->loops.data);
    g_free(s->val);
    g_free(s->opv);
    g_free(s->nopv);
    g_free(s->group_of);
    g_free(s->order);
    g_free(s->fuses);
    g_free(s->groups);
    g_free(s->callnxt);
    g_free(s->label_at);
    g_free(s->label_refs);
    g_free(s->exits);
    g_free(s);
}

static bool room_left(const X86Gen *s)
{
    return s->a.p <= s->limit;
}

/* All ops; false: there is no room. */
static bool emit_ops(X86Gen *s)
{
    const TCGUnit *u = s->u;
    const TCGOp *op = u->ops + 1;
    const Val *v = s->val + 1;
    for (uint32_t i = 1, end = u->nops; i < end; i++, op++, v++) {
        if (v->dead) {
            if (op->opc == TCG_OP_insn_start) {
                s->pc = op->imm;
                s->insn = op->aux;
            }
            continue;
        }
        if (!room_left(s)) {
            return false;
        }
        x86_op_begin(s, i);
        s->emit[op->opc](s, op);
        if (G_UNLIKELY(s->unreachable)) {
            while (i + 1 < end && op[1].opc != TCG_OP_label && op[1].opc != TCG_OP_block) {
                i++, op++, v++;
                if (op->opc == TCG_OP_insn_start) {
                    s->pc = op->imm;
                    s->insn = op->aux;
                }
            }
        }
    }
    return true;
}

static void apply_fixes(X86Gen *s, uint32_t pool, uint32_t addrs, uint32_t links)
{
    for (unsigned k = 0; k < s->fixes.len; k++) {
        const Fix *f = &x86_list_at(&s->fixes, Fix, k);
        int32_t addend;
        uint32_t to = f->kind == FIX_POOL   ? pool + f->index * sizeof(X86Const)
                      : f->kind == FIX_ADDR ? addrs + f->index * sizeof(uint64_t)
                                            : links + f->index * sizeof(TcgLink);
        memcpy(&addend, s->a.start + f->end - 4, 4);
        asm_link(&s->a, f->end, to + addend);
    }
}

static bool compile(void *scratch, void *thunks, const TCGUnit *u, uint8_t *rw, const uint8_t *rx,
                    size_t room, TcgCode *out)
{
    X86Gen *s = scratch;
    room = MIN(room, TCG_CODE_LIMIT);
    if (room < 3 * X86_OP_MARGIN) {
        return false;
    }
    s->a = (Asm){.p = rw, .start = rw, .rx = rx - rw};
    s->t = thunks;
    s->u = u;
    s->limit = rw + room - 2 * X86_OP_MARGIN;
    s->pc = u->start;
    s->insn = 0;
    s->nlinks = 0;
    s->snaps.len = 0;
    s->host_slots.len = 0;
    s->stubs.len = 0;
    s->fixes.len = 0;
    s->pool.len = 0;
    s->addrs.len = 0;
    s->outs.len = 0;
    s->rows.len = 0;
    s->label_fixes.len = 0;
    s->block_fixes.len = 0;
    if (!x86_prepare(s)) {
        return false;
    }
    if (u->nexits) {
        memset(s->exits, 0, u->nexits * sizeof(TcgExit));
    }
    x86_emit_entry(s);
    if (!emit_ops(s)) {
        return false;
    }
    for (unsigned k = 0; k < s->stubs.len; k++) {
        if (!room_left(s)) {
            return false;
        }
        x86_emit_stub(s, &x86_list_at(&s->stubs, Stub, k));
    }
    if (!room_left(s)) {
        return false;
    }
    Asm *as = &s->a;
    for (unsigned k = 0; k < s->block_fixes.len; k++) {
        const LabelFix *f = &x86_list_at(&s->block_fixes, LabelFix, k);
        asm_link(as, f->end, x86_list_at(&s->blocks, X86Block, f->label).at);
    }
    uint32_t text = asm_pos(as), align = s->pool.len ? 15 : 7;
    while (asm_pos(as) & align) {
        asm_8(as, 0xcc);
    }
    uint32_t pool = asm_pos(as), addrs = pool + s->pool.len * sizeof(X86Const);
    uint32_t exits = addrs + s->addrs.len * sizeof(uint64_t);
    uint32_t links = exits + u->nexits * sizeof(TcgExit);
    uint32_t side = links + s->nlinks * sizeof(TcgLink);
    if (side > room) {
        return false;
    }
    apply_fixes(s, pool, addrs, links);
    /* A list without elements has no data, and null may not be copied, however little of it. */
    if (addrs > pool) {
        memcpy(rw + pool, s->pool.data, addrs - pool);
    }
    if (exits > addrs) {
        memcpy(rw + addrs, s->addrs.data, exits - addrs);
    }
    if (links > exits) {
        memcpy(rw + exits, s->exits, links - exits);
    }
    memset(rw + links, 0, side - links);
    size_t side_size = x86_side_encode(s, exits - text, rw + side, room - side);
    if (side_size == SIZE_MAX) {
        return false;
    }
    uint32_t relocs = side + side_size;
    size_t relocs_size = s->t->relocatable ? x86_relocs_encode(s, rw + relocs, room - relocs) : 0;
    if (relocs_size == SIZE_MAX || MAX(side_size, relocs_size) > UINT16_MAX) {
        return false;
    }
    *out = (TcgCode){.code = rx,
                     .code_size = exits,
                     .total_size = relocs + relocs_size,
                     .nexits = u->nexits,
                     .nlinks = s->nlinks,
                     .exits = (TcgExit *)(rw + exits),
                     .side = rw + side,
                     .side_size = side_size,
                     .relocs = rw + relocs,
                     .relocs_size = relocs_size};
    return true;
}

static uint64_t enter(void *thunks, CPUEnv *env, const void *code)
{
    const X86Thunks *t = thunks;
    env->mxcsr |= 0x1f80; /* exceptions are always masked */
    return t->enter(env, code);
}

/* Let the instruction at offset at of the code be a jump or call (opc) to target. */
static void patch_word(const TcgCode *c, uint32_t at, uint8_t opc, const void *target)
{
    uint8_t *rw = (uint8_t *)c->exits - c->code_size;
    uint64_t *word = (uint64_t *)(rw + (at & ~7u)), v;
    uint8_t *b = (uint8_t *)&v + (at & 7);
    int32_t d = (int32_t)((const uint8_t *)target - ((const uint8_t *)c->code + at + 5));
    v = __atomic_load_n(word, __ATOMIC_RELAXED);
    b[0] = opc;
    memcpy(b + 1, &d, 4);
    __atomic_store_n(word, v, __ATOMIC_RELEASE);
}

static void patch_exit(void *thunks, const TcgCode *c, const TcgExit *e, const void *target)
{
    const X86Thunks *t = thunks;
    if (!e->patch) {
        return; /* a loop */
    }
    if (target) {
        patch_word(c, e->patch, 0xe9, target);
    } else {
        patch_word(c, e->patch, 0xe8, t->link);
    }
}

static void patch_dead(void *thunks, const TcgCode *c)
{
    const X86Thunks *t = thunks;
    patch_word(c, 0, 0xe8, t->dead);
}

const TcgHost tcg_host_x86_64 = {
    .name = "x86_64",
    .emit_thunks = x86_emit_thunks,
    .scratch_new = scratch_new,
    .scratch_free = scratch_free,
    .compile = compile,
    .enter = enter,
    .patch_exit = patch_exit,
    .patch_dead = patch_dead,
    .relocate = x86_relocate,
    .identify = x86_identify,
    .is_sound = x86_is_sound,
    .restore = x86_side_restore,
    .insn_of = x86_side_insn_of,
    .disas = x86_disas,
};

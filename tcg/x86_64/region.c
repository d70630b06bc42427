/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Regions: units of several blocks with loops between them (include/tcg/ir.h, rule 6). A region
 * pins the cells that its own loops use most, in the registers of the fixed pins; those that both
 * sets have stay where they are. What differs is moved once at the entry and once at each way out:
 * between two blocks every cell is in its pin or at home, so that a jump inside costs nothing but
 * itself. Side tables say which set is in force.
 *
 * How often a block runs is guessed from loops: code between the destination of a backward branch
 * and the branch runs so many times as often as what is around it.
 *
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/x86_64/internal.h"

#define LOOP_SHIFT   3 /* log2 of the turns of a loop */
#define LOOP_DEEPEST 5
/* A cell takes the pin of another if it is used so much more often: four moves at entry and exit.
 */
#define PIN_WEIGHT   16

int x86_inner_block(const X86Gen *s, int64_t target, int64_t pc, bool steady)
{
    int found = -1;

    for (unsigned k = 0; k < s->blocks.len && target != pc; k++) {
        const X86Block *b = &x86_list_at(&s->blocks, X86Block, k);
        if (b->offset == target && b->steady <= steady) {
            found = k;
        }
    }
    return found;
}

bool x86_is_loop(const X86Gen *s, int64_t offset)
{
    for (unsigned k = 0; k < s->loops.len; k++) {
        if (x86_list_at(&s->loops, X86Loop, k).lo == offset) {
            return true;
        }
    }
    return false;
}

void x86_jump_to_block(X86Gen *s, int block, uint32_t end)
{
    LabelFix f = {.label = block, .end = end};
    x86_list_add(&s->block_fixes, &f, sizeof(f));
}

static void add_loop(X86Gen *s, int32_t lo, int32_t hi)
{
    for (unsigned k = 0; k < s->loops.len; k++) {
        X86Loop *l = &x86_list_at(&s->loops, X86Loop, k);
        if (l->lo == lo) {
            l->hi = MAX(l->hi, hi);
            return;
        }
    }
    X86Loop l = {lo, hi};
    x86_list_add(&s->loops, &l, sizeof(l));
}

static int wider_first(const void *a, const void *b)
{
    const X86Loop *x = a, *y = b;

    return (y->hi - y->lo) - (x->hi - x->lo);
}

static void find_blocks(X86Gen *s)
{
    const TCGUnit *u = s->u;
    int32_t pc = u->start;

    for (uint32_t i = 1; i < u->nops; i++) {
        if (u->ops[i].opc == TCG_OP_block) {
            X86Block b = {.op = i, .offset = u->ops[i].imm, .steady = u->ops[i].aux};
            x86_list_add(&s->blocks, &b, sizeof(b));
        }
    }
    for (uint32_t i = 1; i < u->nops; i++) {
        const TCGOp *op = &u->ops[i];
        if (op->opc == TCG_OP_insn_start) {
            pc = op->imm;
        } else if ((op->opc == TCG_OP_exit_if || op->opc == TCG_OP_exit_direct) && op->imm < pc &&
                   x86_inner_block(s, op->imm, pc, false) >= 0) {
            add_loop(s, op->imm, pc);
        }
    }
    if (s->loops.len > 1) {
        qsort(s->loops.data, s->loops.len, sizeof(X86Loop), wider_first);
    }
}

/* How often the instruction at pc runs when the region is entered once. */
static uint32_t frequency(const X86Gen *s, int32_t pc)
{
    unsigned depth = 0;

    for (unsigned k = 0; k < s->loops.len; k++) {
        const X86Loop *l = &x86_list_at(&s->loops, X86Loop, k);
        depth += l->lo <= pc && pc <= l->hi;
    }
    return 1u << LOOP_SHIFT * MIN(depth, LOOP_DEEPEST);
}

/* Is the setcell at i the first of value v? */
static bool made_for(const TCGUnit *u, uint16_t v, uint32_t i)
{
    for (uint32_t k = v + 1; k < i; k++) {
        if (u->ops[k].opc == TCG_OP_setcell && u->ops[k].a.i == u->ops[i].a.i) {
            return false;
        }
    }
    return true;
}

/* What each cell's accesses would cost at home. A value that is there in any case, or becomes
 * several cells, costs a store at home and a move in a pin. */
static void weigh_cells(const X86Gen *s, uint64_t *weight)
{
    const TCGUnit *u = s->u;
    uint64_t *sets = g_newa0(uint64_t, u->ncells + 1);
    uint64_t *moved = g_newa0(uint64_t, u->ncells + 1);
    uint32_t f = 1;

    memset(weight, 0, u->ncells * sizeof(*weight));
    for (uint32_t i = 1; i < u->nops; i++) {
        const TCGOp *op = &u->ops[i];
        switch (op->opc) {
        case TCG_OP_block:
        case TCG_OP_insn_start:
            f = frequency(s, op->imm);
            break;
        case TCG_OP_getcell:
            weight[op->aux] += 2 * f;
            break;
        case TCG_OP_setcell:
            if (!(op->aux & TCG_SET_SINK)) {
                uint16_t v = x86_root(s, op->a);
                bool made = !x86_is_const(s, v) && u->ops[v].opc != TCG_OP_getcell;
                *(made && made_for(u, v, i) ? &sets[op->aux] : &moved[op->aux]) += f;
            }
            break;
        default:
            break;
        }
    }
    for (unsigned k = 0; k < u->ncells; k++) {
        weight[k] += sets[k] + (weight[k] ? moved[k] : 0);
    }
}

static void choose_pins(X86Gen *s)
{
    X86PinSet *own = &s->own;
    uint64_t *weight = g_newa(uint64_t, s->u->ncells + 1);

    weigh_cells(s, weight);
    *own = s->t->fixed;
    for (;;) {
        int best = -1;
        X86Pin *worst = NULL;
        for (unsigned k = 0; k < s->u->ncells; k++) {
            if (own->of_cell[k] == REG_NONE && type_is_int(s->u->cells[k].type) &&
                (best < 0 || weight[k] > weight[best])) {
                best = k;
            }
        }
        for (unsigned k = 0; k < own->n; k++) {
            X86Pin *p = &own->pins[k];
            if (p->reg < XMM0 && (!worst || weight[p->cell] <= weight[worst->cell])) {
                worst = p;
            }
        }
        if (best < 0 || !worst || weight[best] < weight[worst->cell] + PIN_WEIGHT) {
            return;
        }
        const TCGCell *c = &s->u->cells[best];
        own->of_cell[worst->cell] = REG_NONE;
        own->of_cell[best] = worst->reg;
        *worst = (X86Pin){.reg = worst->reg, .type = c->type, .cell = best, .offset = c->offset};
    }
}

void x86_find_region(X86Gen *s)
{
    s->blocks.len = s->loops.len = 0;
    s->pins = &s->t->fixed;
    if (s->u->nblocks) {
        find_blocks(s);
        choose_pins(s);
        s->pins = &s->own;
    }
}

/* From one set to the other: store the pins of a that b does not have, then load those of b. */
static void change_pins(X86Gen *s, const X86PinSet *a, const X86PinSet *b)
{
    Asm *as = &s->a;

    for (unsigned k = 0; k < a->n; k++) {
        const X86Pin *p = &a->pins[k];
        if (p->cell != b->pins[k].cell) {
            asm_rm(as, I_MOV_MR | type_w(p->type), p->reg, env_mem(s, p->offset));
        }
    }
    for (unsigned k = 0; k < a->n; k++) {
        const X86Pin *p = &b->pins[k];
        if (p->cell != a->pins[k].cell) {
            asm_rm(as, I_MOV_RM | type_w(p->type), p->reg, env_mem(s, p->offset));
        }
    }
}

void x86_enter_region(X86Gen *s)
{
    if (s->pins == &s->own) {
        change_pins(s, &s->t->fixed, &s->own);
    }
}

void x86_leave_region(X86Gen *s)
{
    if (s->pins == &s->own) {
        change_pins(s, &s->own, &s->t->fixed);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Regions: units of several blocks with loops between them (include/tcg/ir.h, rule 6). A region
 * pins the cells that its own loops use most, floating-point and vector ones too; those that both
 * sets have stay where they are. What differs is moved once at the entry and once at each way out:
 * between two blocks every cell is in its pin or at home, so that a jump inside costs nothing but
 * itself. Side tables say which set is in force.
 *
 * Long blocks want registers for values, short ones pins: how many there are of each is what costs
 * least, as far as can be told before registers are given out.
 *
 * How often a block runs is guessed from loops: code between the destination of a backward branch
 * and the branch runs so many times as often as what is around it.
 *
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/x86_64/internal.h"

#define LOOP_SHIFT   3 /* log2 of the turns of a loop */
#define LOOP_DEEPEST 5
/* A cell takes the place of a fixed pin, or a register for values, if it is used so much more
 * often: four moves at entry and exit. */
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

/* Registers that a region may pin cells in: those it gives back first last. */
static const uint8_t gprs[] = {RBX, R12, R13, R14, R15, R8, R9, R10};
static const uint8_t xmms[] = {XMM14 - 1, XMM14 - 2, XMM14 - 3, XMM14 - 4,
                               XMM14 - 5, XMM14 - 6, XMM14 - 7, XMM14 - 8};
G_STATIC_ASSERT(G_N_ELEMENTS(gprs) + G_N_ELEMENTS(xmms) <= X86_MAX_PINS);
#define FEWEST_GPRS 4

static void pin_cell(X86Gen *s, unsigned cell, unsigned reg)
{
    const TCGCell *c = &s->u->cells[cell];
    X86PinSet *own = &s->own;

    own->pins[own->n++] = (X86Pin){.reg = reg, .type = c->type, .cell = cell, .offset = c->offset};
    own->of_cell[cell] = reg;
    own->pinned |= 1u << reg;
    own->temps &= ~(1u << reg);
}

/* Pin the n cells of one class that are worth most in some of the registers regs; what is pinned
 * anyway stays in its register. */
static void pin_best(X86Gen *s, const uint64_t *weight, bool integer, unsigned n,
                     const uint8_t *regs)
{
    const X86PinSet *fixed = &s->t->fixed;
    uint64_t *left = g_newa(uint64_t, s->u->ncells + 1);
    uint16_t best[X86_MAX_PINS];
    unsigned found = 0;

    for (unsigned k = 0; k < s->u->ncells; k++) {
        left[k] = type_is_int(s->u->cells[k].type) != integer ? 0
                  : fixed->of_cell[k] != REG_NONE             ? weight[k] + PIN_WEIGHT + 1
                                                              : weight[k];
    }
    for (; found < n; found++) {
        unsigned b = 0;
        for (unsigned k = 1; k < s->u->ncells; k++) {
            b = left[k] > left[b] ? k : b;
        }
        if (left[b] <= PIN_WEIGHT) {
            break;
        }
        left[b] = 0;
        best[found] = b;
    }
    for (unsigned k = 0; k < found; k++) {
        if (fixed->of_cell[best[k]] != REG_NONE) {
            pin_cell(s, best[k], fixed->of_cell[best[k]]);
        }
    }
    for (unsigned k = 0; k < found; k++) {
        if (s->own.of_cell[best[k]] == REG_NONE) {
            while (s->own.pinned >> *regs & 1) {
                regs++;
            }
            pin_cell(s, best[k], *regs);
        }
    }
}

/* Are there registers that v needs while it is used? What becomes a pinned cell, or was one, is in
 * the pin. */
static bool needs_temp(const X86Gen *s, uint16_t v, bool integer)
{
    const TCGOp *op = &s->u->ops[v];

    if (s->val[v].root != v || x86_is_const(s, v) || s->val[v].fused ||
        (op->type != TCG_VOID && type_is_int(op->type) != integer)) {
        return false;
    }
    return op->opc != TCG_OP_getcell || s->own.of_cell[op->aux] == REG_NONE;
}

/*
 * What the registers left for values of one class cost: a store and a load each time that one more
 * value is wanted than there are.
 */
static uint64_t spill_cost(const X86Gen *s, bool integer)
{
    const TCGUnit *u = s->u;
    unsigned have = __builtin_popcount(s->own.temps & (integer ? GPRS : XMMS)), live = 0;
    uint16_t *last = g_new0(uint16_t, u->nops), *ends = g_new0(uint16_t, u->nops);
    uint64_t cost = 0;
    uint32_t f = 1;

    for (uint32_t i = 1; i < u->nops; i++) {
        const TCGOp *op = &u->ops[i];
        const TCGv x[3] = {op->a, op->b, op->c};
        for (unsigned k = 0; k < tcg_op_desc[op->opc].nargs; k++) {
            last[x86_root(s, x[k])] = i;
        }
    }
    for (uint32_t i = 1; i < u->nops; i++) {
        const TCGOp *op = &u->ops[i];
        if (op->opc == TCG_OP_setcell && s->own.of_cell[op->aux & TCG_CELL_MASK] != REG_NONE) {
            last[x86_root(s, op->a)] = 0;
        }
    }
    for (uint32_t i = 1; i < u->nops; i++) {
        if (last[i] && needs_temp(s, i, integer)) {
            ends[last[i]]++;
        }
    }
    for (uint32_t i = 1; i < u->nops; i++) {
        const TCGOp *op = &u->ops[i];
        if (op->opc == TCG_OP_block || op->opc == TCG_OP_insn_start) {
            f = frequency(s, op->imm);
        }
        live -= ends[i];
        if (last[i] && needs_temp(s, i, integer) && ++live > have) {
            cost += (op->opc == TCG_OP_getcell ? 1 : 2) * f;
        }
    }
    g_free(last);
    g_free(ends);
    return cost;
}

/* What cells that are not pinned cost. */
static uint64_t home_cost(const X86Gen *s, const uint64_t *weight, bool integer)
{
    uint64_t cost = 0;

    for (unsigned k = 0; k < s->u->ncells; k++) {
        if (type_is_int(s->u->cells[k].type) == integer && s->own.of_cell[k] == REG_NONE) {
            cost += weight[k];
        }
    }
    return cost;
}

/* As many pins of a class, of fewest to most, as cost least. */
static void choose_class(X86Gen *s, const uint64_t *weight, bool integer, unsigned fewest,
                         unsigned most, const uint8_t *regs)
{
    X86PinSet before = s->own, best = s->own;
    uint64_t least = UINT64_MAX;

    for (unsigned n = most + 1; n-- > fewest;) {
        s->own = before;
        pin_best(s, weight, integer, n, regs);
        uint64_t cost = home_cost(s, weight, integer) + spill_cost(s, integer);
        if (cost < least) {
            least = cost;
            best = s->own;
        }
    }
    s->own = best;
}

static void choose_pins(X86Gen *s)
{
    const X86PinSet *fixed = &s->t->fixed;
    uint64_t *weight = g_newa(uint64_t, s->u->ncells + 1);

    weigh_cells(s, weight);
    s->own = (X86PinSet){.temps = fixed->temps | fixed->pinned};
    memset(s->own.of_cell, REG_NONE, sizeof(s->own.of_cell));
    choose_class(s, weight, true, FEWEST_GPRS, G_N_ELEMENTS(gprs), gprs);
    choose_class(s, weight, false, 0, G_N_ELEMENTS(xmms), xmms);
}

/* Pins that the region loads and never sets: a helper that sets the cell does so at its home, and
 * it is loaded again. */
static void find_same(X86Gen *s)
{
    const TCGUnit *u = s->u;
    bool *set = g_newa0(bool, u->ncells + 1);

    for (uint32_t i = 1; i < u->nops; i++) {
        if (u->ops[i].opc == TCG_OP_setcell) {
            set[u->ops[i].aux & TCG_CELL_MASK] = true;
        }
    }
    for (unsigned k = 0; k < s->own.n; k++) {
        X86Pin *p = &s->own.pins[k];
        p->same = !set[p->cell] && s->t->fixed.of_cell[p->cell] == REG_NONE;
    }
}

void x86_find_region(X86Gen *s)
{
    s->blocks.len = s->loops.len = 0;
    s->pins = &s->t->fixed;
    if (s->u->nblocks) {
        find_blocks(s);
        choose_pins(s);
        find_same(s);
        s->pins = &s->own;
    }
}

/* From one set to the other: store the pins of a that b does not have, but for those that hold what
 * is at home, then load those of b. */
static void change_pins(X86Gen *s, const X86PinSet *a, const X86PinSet *b)
{
    for (unsigned k = 0; k < a->n; k++) {
        const X86Pin *p = &a->pins[k];
        if (b->of_cell[p->cell] != p->reg && !p->same) {
            x86_store_pin(s, p);
        }
    }
    for (unsigned k = 0; k < b->n; k++) {
        const X86Pin *p = &b->pins[k];
        if (a->of_cell[p->cell] != p->reg) {
            x86_load_pin(s, p);
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

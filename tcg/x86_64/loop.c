/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Which accesses of a loop get a site (softmmu/tlb-site.h): those whose address is on the same page
 * for many turns, as far as the unit's code tells. A unit with an exit to its own start is a loop;
 * a region has several, and each load is looked at in the innermost. Its address is slow if it is
 * made of cells that the loop does not set or only advances, and of small numbers.
 *
 * A wrong guess costs time only: the access then goes through its stub each time.
 *
 * In the steady copy of a loop (include/tcg/ir.h, rule 6) an address that is a cell plus a
 * constant, and never becomes less from turn to turn, is compared with the end of the page only:
 * the turn before has been on this page or further down, by the same site. If it must be aligned,
 * it was then, and is still.
 *
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/x86_64/internal.h"

/* Val.pace: 0: anything; n: a number below 2^n; SLOW; STEADY: that in small steps only. */
#define PACE_SMALL  TLB_PAGE_BITS
#define PACE_SLOW   (TLB_PAGE_BITS + 1)
#define PACE_STEADY (TLB_PAGE_BITS + 2)
#define SMALL_STEP  64
/* Accesses that are better off with a site each than as a group. */
#define FEW         4

static bool is_fixed(const X86Gen *s, const uint16_t *set, uint16_t v)
{
    const TCGOp *op = &s->u->ops[v];

    return op->opc == TCG_OP_const || op->opc == TCG_OP_pcrel ||
           (op->opc == TCG_OP_getcell && !set[op->aux]);
}

/* The pace of v if it is what the cell held, plus or minus what is the same in each turn. */
static unsigned advances(const X86Gen *s, const uint16_t *set, uint16_t v, unsigned cell)
{
    unsigned pace = PACE_STEADY;

    for (;;) {
        const TCGOp *op = &s->u->ops[v];
        uint16_t a = x86_root(s, op->a);
        switch (op->opc) {
        case TCG_OP_getcell:
            return op->aux == cell ? pace : 0;
        case TCG_OP_add:
        case TCG_OP_sub: {
            uint16_t b = x86_root(s, op->b);
            if (!is_fixed(s, set, b) && op->opc == TCG_OP_add) {
                uint16_t t = a;
                a = b;
                b = t;
            }
            if (!is_fixed(s, set, b)) {
                return 0;
            }
            int64_t step = s->u->ops[b].imm;
            if (s->u->ops[b].opc != TCG_OP_const || step > SMALL_STEP || step < -SMALL_STEP) {
                pace = PACE_SLOW;
            }
            v = a;
            break;
        }
        case TCG_OP_exts:
        case TCG_OP_extu:
            v = a;
            break;
        default:
            return 0;
        }
    }
}

static unsigned pace_of(const X86Gen *s, const uint16_t *set, uint16_t v)
{
    const TCGOp *op = &s->u->ops[v];
    unsigned a = s->val[x86_root(s, op->a)].pace, b;
    uint64_t k;

    switch (op->opc) {
    case TCG_OP_const:
    case TCG_OP_pcrel:
        return PACE_STEADY;
    case TCG_OP_getcell:
        if (!set[op->aux]) {
            return PACE_STEADY;
        }
        a = advances(s, set, set[op->aux], op->aux);
        b = s->val[set[op->aux]].pace;
        return a ? a : b >= PACE_SLOW ? b : 0;
    case TCG_OP_ld:
        return tcg_mo_size(op->aux) == TCG_MO_8 && !(op->aux & TCG_MO_SIGN) ? 8 : 0;
    case TCG_OP_ext8u:
        return 8;
    case TCG_OP_exts:
    case TCG_OP_extu:
        return a;
    case TCG_OP_extract:
        return a ? a : (op->aux >> 8) <= PACE_SMALL ? op->aux >> 8 : 0;
    case TCG_OP_and:
        k = s->u->ops[op->b.i].imm;
        if (s->u->ops[op->b.i].opc != TCG_OP_const) {
            return 0;
        }
        return a ? a : k && k < 1u << PACE_SMALL ? 64 - __builtin_clzll(k) : 0;
    case TCG_OP_shl:
        k = s->u->ops[op->b.i].imm;
        if (s->u->ops[op->b.i].opc != TCG_OP_const || !a || a >= PACE_SLOW) {
            return s->u->ops[op->b.i].opc == TCG_OP_const ? a : 0;
        }
        return k <= PACE_SMALL - a ? a + k : 0;
    case TCG_OP_shr:
    case TCG_OP_sar:
        return s->u->ops[op->b.i].opc == TCG_OP_const ? a : 0;
    case TCG_OP_add:
    case TCG_OP_sub:
    case TCG_OP_or:
        b = s->val[x86_root(s, op->b)].pace;
        return !a || !b ? 0 : a == PACE_SLOW || b == PACE_SLOW ? PACE_SLOW : PACE_STEADY;
    default:
        return 0;
    }
}

/* Paces of the values that ops [1, end) of guest code [lo, hi] compute. */
static void look_at_loop(X86Gen *s, int32_t lo, int32_t hi, uint32_t end)
{
    const TCGUnit *u = s->u;
    /* The value each cell gets last; a cell that is set twice counts as advancing only if it is
     * each time. */
    uint16_t *set = g_newa0(uint16_t, u->ncells + 1);
    bool in = s->u->nblocks == 0;
    for (uint32_t i = 1; i < end; i++) {
        const TCGOp *op = &u->ops[i];
        if (op->opc == TCG_OP_insn_start || op->opc == TCG_OP_block) {
            in = lo <= op->imm && op->imm <= hi;
        } else if (op->opc == TCG_OP_setcell && in) {
            unsigned cell = op->aux & TCG_CELL_MASK;
            if (!set[cell] || advances(s, set, set[cell], cell)) {
                set[cell] = x86_root(s, op->a);
            }
        }
    }
    /* The second time it is known of cells that are set to something slow. */
    for (uint32_t i = 1, pass = 0; pass < 2; i = 1, pass++) {
        in = s->u->nblocks == 0;
        for (; i < end; i++) {
            const TCGOp *op = &u->ops[i];
            if (op->opc == TCG_OP_insn_start || op->opc == TCG_OP_block) {
                in = lo <= op->imm && op->imm <= hi;
            } else if (in) {
                s->val[i].pace = pace_of(s, set, i);
            }
        }
    }
}

/* Is v what the cell held when the block began, plus k? There are no labels and calls. */
static bool is_cell_plus(const X86Gen *s, uint16_t v, unsigned *cell, int64_t *k)
{
    for (*k = 0;;) {
        const TCGOp *op = &s->u->ops[v], *n = &s->u->ops[x86_root(s, op->b)];
        if (op->opc == TCG_OP_getcell) {
            *cell = op->aux;
            return op->type == TCG_I64;
        }
        if (op->opc != TCG_OP_add || op->type != TCG_I64 || n->opc != TCG_OP_const) {
            return false;
        }
        *k += n->imm;
        v = x86_root(s, op->a);
    }
}

/* One copy of a loop: ops (begin, end), those before `always` run in each turn. */
typedef struct Copy {
    uint32_t begin, always, end;
} Copy;

/* False: there is something that is not just one piece of code. */
static bool find_copy(const X86Gen *s, unsigned block, Copy *c)
{
    const TCGUnit *u = s->u;
    const X86Block *b = &x86_list_at(&s->blocks, X86Block, block);

    *c = (Copy){.begin = b->op};
    for (c->end = b->op + 1; c->end < u->nops && u->ops[c->end].opc != TCG_OP_block; c->end++) {
        const TCGOp *op = &u->ops[c->end];
        if (op->opc == TCG_OP_label || op->opc == TCG_OP_br || op->opc == TCG_OP_br_if ||
            op->opc == TCG_OP_call) {
            return false;
        }
        if (!c->always && (op->opc == TCG_OP_exit_if || op->opc == TCG_OP_exit_direct) &&
            op->imm == b->offset && (op->aux & TCG_EXIT_STEADY)) {
            c->always = c->end;
        }
    }
    return c->always;
}

/* Which ways the cell may move from turn to turn (X86_BOUND_UP: it never becomes less), by how much
 * at most, in multiples of align. */
static unsigned moves(const X86Gen *s, const Copy *c, unsigned cell, int64_t most, int64_t align)
{
    unsigned ways = X86_BOUND_UP | X86_BOUND_DOWN;

    for (uint32_t i = c->begin; i < c->end; i++) {
        const TCGOp *op = &s->u->ops[i];
        unsigned from;
        int64_t k;
        if (op->opc == TCG_OP_setcell && (op->aux & TCG_CELL_MASK) == cell) {
            if (!is_cell_plus(s, x86_root(s, op->a), &from, &k) || from != cell || k > most ||
                k < -most || k & (align - 1)) {
                return 0;
            }
            ways &= k > 0 ? X86_BOUND_UP : k < 0 ? X86_BOUND_DOWN : ways;
        }
    }
    return ways;
}

static bool is_access(const TCGOp *op)
{
    return op->opc == TCG_OP_ld || op->opc == TCG_OP_st;
}

/* The access at j of the steady copy is that at i of the first one in the next turn: which way its
 * address moves, if that is known; 0. */
static unsigned bound_of(const X86Gen *s, const Copy c[2], uint32_t i, uint32_t j)
{
    const TCGOp *a = &s->u->ops[i], *b = &s->u->ops[j];
    int64_t k[2], size = 1 << tcg_mo_size(a->aux), align = 1 << tcg_mo_align(a->aux);
    /* A miss costs more than without a bound: where each tenth turn is on another page, more than
     * is gained. And no step, with the key, may lead past a whole page. */
    const int64_t most = SMALL_STEP;
    unsigned cell[2];

    if (a->imm != b->imm || tcg_mo_mmu(a->aux) || size > 8 || a->imm < -TLB_SITE_KEYS / 2 ||
        a->imm + size > TLB_SITE_KEYS / 2 || !is_cell_plus(s, x86_root(s, a->a), &cell[0], &k[0]) ||
        !is_cell_plus(s, x86_root(s, b->a), &cell[1], &k[1]) || cell[0] != cell[1] ||
        k[0] != k[1]) {
        return 0;
    }
    unsigned ways = moves(s, &c[0], cell[0], most, align) & moves(s, &c[1], cell[0], most, align);
    return ways & X86_BOUND_UP ? X86_BOUND_UP : ways;
}

typedef bool (*PairFn)(X86Gen *s, const Copy c[2], uint32_t i, uint32_t j);

/* Call fn for each two accesses of the two copies of a loop that are one. True: one did. */
static bool for_pairs(X86Gen *s, PairFn fn)
{
    const TCGUnit *u = s->u;
    bool any = false;

    for (unsigned n = 1; n < s->blocks.len; n++) {
        Copy c[2];
        if (!x86_list_at(&s->blocks, X86Block, n).steady || !find_copy(s, n - 1, &c[0]) ||
            !find_copy(s, n, &c[1])) {
            continue;
        }
        uint32_t j = c[1].begin;
        for (uint32_t i = c[0].begin; i < c[0].always; i++) {
            if (!is_access(&u->ops[i])) {
                continue;
            }
            do {
                j++;
            } while (j < c[1].always && !is_access(&u->ops[j]));
            if (j >= c[1].always || u->ops[i].opc != u->ops[j].opc ||
                u->ops[i].aux != u->ops[j].aux) {
                break;
            }
            any |= fn(s, c, i, j);
        }
    }
    return any;
}

static bool give_bound(X86Gen *s, const Copy c[2], uint32_t i, uint32_t j)
{
    unsigned bound = bound_of(s, c, i, j);

    s->val[i].bound = bound ? bound | X86_BOUND_FILL : 0;
    s->val[j].bound = bound ? bound | X86_BOUND_ASK : 0;
    return bound;
}

static bool take_half(X86Gen *s, const Copy c[2], uint32_t i, uint32_t j)
{
    bool half = !s->val[i].bound != !s->val[j].bound;

    if (half) {
        s->val[i].bound = s->val[j].bound = 0;
    }
    return half;
}

static bool share_site(X86Gen *s, const Copy c[2], uint32_t i, uint32_t j)
{
    if (s->val[j].bound) {
        s->val[j].site = s->val[i].site;
    }
    return false;
}

/* A group whose accesses all have bounds is none; in others none has. */
static void part_groups(X86Gen *s)
{
    const TCGUnit *u = s->u;
    bool *whole = g_newa(bool, X86_MAX_GROUPS + 1);

    do {
        memset(whole, true, X86_MAX_GROUPS + 1);
        for (uint32_t i = 1; i < u->nops; i++) {
            whole[s->group_of[i]] &= s->val[i].bound != 0;
        }
        for (uint32_t i = 1; i < u->nops; i++) {
            if (s->group_of[i] && !whole[s->group_of[i]]) {
                s->val[i].bound = 0;
            }
        }
    } while (for_pairs(s, take_half));
    for (uint32_t i = 1; i < u->nops; i++) {
        if (s->val[i].bound) {
            s->group_of[i] = 0;
        }
    }
}

/* May access i, which is in no group, have a site of its own? Another page costs a store's a fence.
 */
static bool may_have_site(const X86Gen *s, uint32_t i)
{
    const TCGOp *op = &s->u->ops[i];
    unsigned pace = s->val[x86_root(s, op->a)].pace, bound = s->val[i].bound;

    return is_access(op) && !(bound & X86_BOUND_ASK) &&
           (bound || (op->opc == TCG_OP_ld ? pace : pace == PACE_STEADY)) &&
           tcg_mo_mmu(op->aux) == 0 && tcg_mo_size(op->aux) <= TCG_MO_64;
}

/* A few accesses by sites cost less than a group of them: no data waits for a look-up. */
static void part_small_groups(X86Gen *s, uint32_t end)
{
    uint32_t *sites = g_newa0(uint32_t, X86_MAX_GROUPS + 1);

    for (uint32_t i = 1; i < end; i++) {
        sites[s->group_of[i]] += s->group_of[i] && may_have_site(s, i);
    }
    for (uint32_t i = 1; i < end; i++) {
        unsigned g = s->group_of[i];
        if (g && s->groups[g - 1].count <= FEW && sites[g] == s->groups[g - 1].count) {
            s->group_of[i] = 0;
        }
    }
}

/* False: two may have the same. */
static bool number_sites(X86Gen *s, uint32_t end)
{
    const TCGUnit *u = s->u;
    const unsigned most = TLB_SITES / 2, first = (u->start * 0x9e37u >> 8) % most;
    unsigned n[2] = {0, 0};

    for (uint32_t i = 1; i < end; i++) {
        if (!s->group_of[i] && may_have_site(s, i)) {
            /* Sites of stores are not those of loads: other pages may be read than written. */
            bool store = u->ops[i].opc == TCG_OP_st;
            s->val[i].site = store * most + (first + n[store]++) % most + 1;
        }
    }
    return n[0] <= most && n[1] <= most;
}

bool x86_is_indexed(const X86Gen *s, const TCGOp *op)
{
    const TCGOp *at = &s->u->ops[x86_root(s, op->a)];
    unsigned a = s->val[x86_root(s, at->a)].pace, b = s->val[x86_root(s, at->b)].pace;

    return at->opc == TCG_OP_add && ((a && a <= PACE_SMALL) || (b && b <= PACE_SMALL));
}

void x86_find_sites(X86Gen *s)
{
    const TCGUnit *u = s->u;
    uint32_t end = u->nblocks ? u->nops : s->loop_end;

    if (!end) {
        return;
    }
    if (!u->nblocks) {
        look_at_loop(s, INT32_MIN, INT32_MAX, end);
    }
    for (unsigned k = 0; k < s->loops.len; k++) {
        const X86Loop *l = &x86_list_at(&s->loops, X86Loop, k);
        look_at_loop(s, l->lo, l->hi, end);
    }
    if (!u->pc32 && for_pairs(s, give_bound)) {
        part_groups(s);
    }
    part_small_groups(s, end);
    if (number_sites(s, end)) {
        for_pairs(s, share_site);
    } else {
        for (uint32_t i = 1; i < end; i++) {
            s->val[i].bound = 0;
        }
        number_sites(s, end);
    }
}

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
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/x86_64/internal.h"

/* Val.pace: 0: anything; n: a number below 2^n; SLOW; STEADY: that in small steps only. */
#define PACE_SMALL  TLB_PAGE_BITS
#define PACE_SLOW   (TLB_PAGE_BITS + 1)
#define PACE_STEADY (TLB_PAGE_BITS + 2)
#define SMALL_STEP  64

/* What stands before the last exit to the unit's start; 0: it is no loop. */
static uint32_t loop_end(const TCGUnit *u)
{
    for (uint32_t i = u->nops - 1; i > 0; i--) {
        const TCGOp *op = &u->ops[i];
        if ((op->opc == TCG_OP_exit_if || op->opc == TCG_OP_exit_direct) && op->imm == u->start) {
            return i;
        }
    }
    return 0;
}

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

void x86_find_sites(X86Gen *s)
{
    const TCGUnit *u = s->u;
    uint32_t end = u->nblocks ? u->nops : loop_end(u);
    unsigned site = (u->start * 0x9e37u >> 8) % TLB_SITES;

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
    for (uint32_t i = 1; i < end; i++) {
        const TCGOp *op = &u->ops[i];
        unsigned pace = s->val[x86_root(s, op->a)].pace;
        /* Another page costs a store's site a fence. */
        if (((op->opc == TCG_OP_ld && pace) || (op->opc == TCG_OP_st && pace == PACE_STEADY)) &&
            tcg_mo_mmu(op->aux) == 0 && tcg_mo_size(op->aux) <= TCG_MO_64 && !s->group_of[i]) {
            s->val[i].site = site + 1;
            site = (site + 1) % TLB_SITES;
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Passes that look backwards: use counts, dead values, and setcells that nothing or only faults and
 * side exits observe. tcg_optimize(), which runs all passes, is here too.
 *
 * Both walks are one step an op, without allocation. Tests: tests/unit/test-tcg.c.
 */
#include <string.h>
#include "tcg/internal.h"

static inline void add_use(TCGOp *ops, TCGv v)
{
    /* Saturates: nobody needs to tell 65535 uses from more. */
    uint32_t n = ops[v.i].uses + 1u;
    ops[v.i].uses = n - (n >> 16);
}

static G_GNUC_NO_INLINE void add_uses_of_call(const TCGUnit *u, const TCGOp *op)
{
    const TCGCall *c = &u->calls[op->imm];

    for (unsigned k = 0; k < c->helper->nargs; k++) {
        add_use(u->ops, c->args[k]);
    }
}

/* Index 0 gets the uses of operands that are none. */
static inline void add_uses(const TCGUnit *u, TCGOp *ops, const TCGOp *op)
{
    unsigned n = tcg_op_brief[op->opc] >> TCG_BRIEF_SHIFT;

    if (n > 0) {
        add_use(ops, op->a);
        if (n > 1) {
            add_use(ops, op->b);
            if (n > 2) {
                add_use(ops, op->c);
            }
        }
    } else if (op->opc == TCG_OP_call) {
        add_uses_of_call(u, op);
    }
}

void tcg_live(TCGUnit *u)
{
    if (u->counted) {
        return;
    }
    u->counted = true;
    for (uint32_t i = 0; i < u->nops; i++) {
        u->ops[i].uses = 0;
    }
    for (uint32_t i = 1; i < u->nops; i++) {
        add_uses(u, u->ops, &u->ops[i]);
    }
    u->ops[0].uses = 0;
}

/*
 * What happens to each cell after the present op, in order of appearance: `set` is where it is set
 * next (0: not before the end or a reader). all and fault are where the next op stands that sees
 * every cell in any case, or only if it faults or leaves.
 */
typedef struct Observers {
    uint32_t all, fault;
    uint32_t set[TCG_MAX_CELLS];
} Observers;

static void observe_call(Observers *o, const TCGHelper *h, uint32_t i)
{
    if (h->flags & (TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL | TCG_HELPER_NORETURN)) {
        o->all = i;
        return;
    }
    if (h->flags & TCG_HELPER_FAULTS) {
        o->fault = i;
    }
    for (unsigned k = 0; k < TCG_MAX_CELLS / 64; k++) {
        /* One that may write a cell may also leave it as it is. */
        for (uint64_t w = h->reads.w[k] | h->writes.w[k]; w; w &= w - 1) {
            o->set[k * 64 + __builtin_ctzll(w)] = 0;
        }
    }
}

/* Marks or drops the setcell at i; false if it is dropped. */
static bool sweep_setcell(Observers *o, TCGOp *op, uint32_t i)
{
    unsigned cell = op->aux & TCG_CELL_MASK;
    uint32_t set = o->set[cell];
    op->aux = cell;
    o->set[cell] = i;
    if (set && set < o->all) {
        if (set < o->fault) {
            *op = (TCGOp){.opc = TCG_OP_nop};
            return false;
        }
        op->aux |= TCG_SET_SINK;
    }
    return true;
}

/*
 * Backwards: every use of a value comes after it, so that an op's uses are complete, and only those
 * of live ops, when the walk arrives at it. What is dropped becomes a nop: closing the gaps would
 * cost more than going over them.
 */
static void sweep(TCGUnit *u)
{
    Observers o;
    o.all = o.fault = UINT32_MAX;
    TCGOp *ops = u->ops;
    memset(o.set, 0, u->ncells * sizeof(o.set[0]));
    /* As built, all uses are 0. */
    for (uint32_t i = 0; u->counted && i < u->nops; i++) {
        ops[i].uses = 0;
    }
    u->counted = true;
    TCGOp *op = &ops[u->nops - 1];
    for (uint32_t i = u->nops - 1; i >= 1; i--, op--) {
        unsigned brief = tcg_op_brief[op->opc];
        if (op->opc == TCG_OP_nop || op->opc == TCG_OP_insn_start) {
            continue;
        }
        if (!(brief & (TCG_OPF_SIDE | TCG_OPF_FPSTATUS))) {
            if (op->uses == 0) {
                *op = (TCGOp){.opc = TCG_OP_nop};
                continue;
            }
            if (op->opc != TCG_OP_getcell) {
                add_uses(u, ops, op);
                continue;
            }
        }
        unsigned flags = tcg_op_flags(u, op);
        if (op->uses == 0 && !(flags & (TCG_OPF_SIDE | TCG_OPF_FPSTATUS))) {
            *op = (TCGOp){.opc = TCG_OP_nop};
            continue;
        }
        switch (op->opc) {
        case TCG_OP_getcell:
            o.set[op->aux] = 0;
            break;
        case TCG_OP_setcell:
            if (!sweep_setcell(&o, op, i)) {
                continue;
            }
            break;
        case TCG_OP_call:
            observe_call(&o, u->calls[op->imm].helper, i);
            break;
        case TCG_OP_label:
        case TCG_OP_block:
        case TCG_OP_br:
        case TCG_OP_br_if:
            o.all = i;
            break;
        default:
            if (flags & TCG_OPF_END) {
                o.all = i;
            } else if (flags & (TCG_OPF_FAULT | TCG_OPF_EXIT)) {
                o.fault = i;
            }
            break;
        }
        add_uses(u, ops, op);
    }
    ops[0].uses = 0;
}

static void check(const TCGUnit *u, unsigned passes, const char *pass)
{
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
    if (!(passes & TCG_OPT_VERIFY)) {
        return;
    }
#endif
    char *wrong = tcg_verify(u);
    if (wrong) {
        tcg_dump(u, stderr);
        g_error("IR after %s: %s", pass, wrong);
    }
}

void tcg_optimize(TCGUnit *u, unsigned passes)
{
    if (u->overflow) {
        return;
    }
    check(u, passes, "the frontend");
    if ((passes & TCG_OPT_FOLD) && !u->folded) {
        tcg_rebuild(u, TCG_OPT_FOLD, NULL);
        check(u, passes, "fold");
    }
    if (passes & TCG_OPT_DCE) {
        sweep(u);
        check(u, passes, "dce");
    }
}

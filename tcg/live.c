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

/* Number of operands by value that op has, written to v. */
static unsigned operands(const TCGUnit *u, const TCGOp *op, TCGv v[TCG_MAX_ARGS])
{
    if (op->opc == TCG_OP_call) {
        const TCGCall *c = &u->calls[op->imm];
        memcpy(v, c->args, sizeof(c->args));
        return c->helper->nargs;
    }
    unsigned n = 0;
    if (op->a.i) {
        v[n++] = op->a;
    }
    if (op->b.i) {
        v[n++] = op->b;
    }
    if (op->c.i && op->opc != TCG_OP_atomic_rmw && !(tcg_op_desc[op->opc].flags & TCG_OPF_EXIT)) {
        v[n++] = op->c;
    }
    return n;
}

static inline void add_use(TCGUnit *u, TCGv v, int by)
{
    /* Saturates: nobody needs to tell 65534 uses from more. */
    if (u->ops[v.i].uses != UINT16_MAX) {
        u->ops[v.i].uses += by;
    }
}

void tcg_live(TCGUnit *u)
{
    TCGv v[TCG_MAX_ARGS];
    for (uint32_t i = 0; i < u->nops; i++) {
        u->ops[i].uses = 0;
    }
    for (uint32_t i = 1; i < u->nops; i++) {
        unsigned n = operands(u, &u->ops[i], v);
        for (unsigned k = 0; k < n; k++) {
            add_use(u, v[k], 1);
        }
    }
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

static void drop(TCGOp *op)
{
    memset(op, 0, sizeof(*op));
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
            drop(op);
            return false;
        }
        op->aux |= TCG_SET_SINK;
    }
    return true;
}

/* Close the gaps that dropped ops leave. */
static void compact(TCGUnit *u)
{
    uint32_t n = 1;
    u->ops[0].scratch = 0;
    for (uint32_t i = 1; i < u->nops; i++) {
        TCGOp *op = &u->ops[i];
        if (op->opc == TCG_OP_nop) {
            continue;
        }
        op->a.i = u->ops[op->a.i].scratch;
        op->b.i = u->ops[op->b.i].scratch;
        if (op->opc == TCG_OP_call) {
            TCGCall *c = &u->calls[op->imm];
            for (unsigned k = 0; k < c->helper->nargs; k++) {
                c->args[k].i = u->ops[c->args[k].i].scratch;
            }
        } else if (op->opc != TCG_OP_atomic_rmw && !(tcg_op_desc[op->opc].flags & TCG_OPF_EXIT)) {
            op->c.i = u->ops[op->c.i].scratch;
        }
        /* The slot at n was read already; the map of old index i must outlive the move. */
        TCGOp moved = *op;
        op->scratch = n;
        if (n != i) {
            uint32_t map = u->ops[n].scratch;
            u->ops[n] = moved;
            u->ops[n].scratch = map;
        }
        n++;
    }
    u->nops = n;
}

static void sweep(TCGUnit *u)
{
    Observers o = {.all = UINT32_MAX, .fault = UINT32_MAX};
    TCGv v[TCG_MAX_ARGS];
    bool gaps = false;
    memset(o.set, 0, u->ncells * sizeof(o.set[0]));
    tcg_live(u);
    for (uint32_t i = u->nops - 1; i >= 1; i--) {
        TCGOp *op = &u->ops[i];
        unsigned flags = tcg_op_flags(u, op);
        if (!(flags & (TCG_OPF_SIDE | TCG_OPF_FPSTATUS)) && op->uses == 0) {
            unsigned n = operands(u, op, v);
            for (unsigned k = 0; k < n; k++) {
                add_use(u, v[k], -1);
            }
            drop(op);
            gaps = true;
            continue;
        }
        switch (op->opc) {
        case TCG_OP_getcell:
            o.set[op->aux] = 0;
            break;
        case TCG_OP_setcell: {
            TCGv value = op->a;
            if (!sweep_setcell(&o, op, i)) {
                add_use(u, value, -1);
                gaps = true;
            }
            break;
        }
        case TCG_OP_call:
            observe_call(&o, u->calls[op->imm].helper, i);
            break;
        case TCG_OP_label:
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
    }
    if (gaps) {
        compact(u);
    }
}

static void check(const TCGUnit *u, unsigned passes, const char *pass)
{
#ifdef __OPTIMIZE__
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

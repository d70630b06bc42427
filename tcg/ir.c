/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Units, and the table of ops made from ops.def. No state of its own; a unit belongs to one thread.
 * Tests: tests/unit/test-tcg.c.
 */
#include <string.h>
#include "tcg/internal.h"

enum {
    SIDE = TCG_OPF_SIDE,
    FAULT = TCG_OPF_FAULT,
    EXIT = TCG_OPF_EXIT,
    END = TCG_OPF_END,
    COMM = TCG_OPF_COMM,
    FPSTATUS = TCG_OPF_FPSTATUS,
    OPT = TCG_OPF_OPT,
};

const TCGOpDesc tcg_op_desc[TCG_OP_COUNT] = {
#define RESULT(sig) (sig[0] == '-' ? 0 : TCG_OPF_RESULT)
#define OP(name, sig, flags, doc)                                                                  \
    [TCG_OP_##name] = {#name, sig, (flags) | RESULT(sig), sizeof(sig) - 2, doc},
#include "tcg/ops.def"
#undef OP
};

const uint16_t tcg_op_brief[TCG_OP_COUNT] = {
#define OP(name, sig, flags, doc)                                                                  \
    [TCG_OP_##name] = (flags) | RESULT(sig) | (sizeof(sig) - 2) << TCG_BRIEF_SHIFT,
#include "tcg/ops.def"
#undef OP
};

static const char *const cond_names[TCG_COND_COUNT] = {
    [TCG_COND_EQ] = "eq",   [TCG_COND_NE] = "ne",       [TCG_COND_LT] = "lt",
    [TCG_COND_GE] = "ge",   [TCG_COND_LE] = "le",       [TCG_COND_GT] = "gt",
    [TCG_COND_LTU] = "ltu", [TCG_COND_GEU] = "geu",     [TCG_COND_LEU] = "leu",
    [TCG_COND_GTU] = "gtu", [TCG_COND_TSTEQ] = "tsteq", [TCG_COND_TSTNE] = "tstne",
};

const char *tcg_cond_name(TCGCond c)
{
    return c < TCG_COND_COUNT ? cond_names[c] : "?";
}

TCGCond tcg_cond_invert(TCGCond c)
{
    static const uint8_t inverse[TCG_COND_COUNT] = {
        [TCG_COND_EQ] = TCG_COND_NE,       [TCG_COND_NE] = TCG_COND_EQ,
        [TCG_COND_LT] = TCG_COND_GE,       [TCG_COND_GE] = TCG_COND_LT,
        [TCG_COND_LE] = TCG_COND_GT,       [TCG_COND_GT] = TCG_COND_LE,
        [TCG_COND_LTU] = TCG_COND_GEU,     [TCG_COND_GEU] = TCG_COND_LTU,
        [TCG_COND_LEU] = TCG_COND_GTU,     [TCG_COND_GTU] = TCG_COND_LEU,
        [TCG_COND_TSTEQ] = TCG_COND_TSTNE, [TCG_COND_TSTNE] = TCG_COND_TSTEQ,
    };
    return inverse[c];
}

TCGCond tcg_cond_swap(TCGCond c)
{
    static const uint8_t swapped[TCG_COND_COUNT] = {
        [TCG_COND_EQ] = TCG_COND_EQ,       [TCG_COND_NE] = TCG_COND_NE,
        [TCG_COND_LT] = TCG_COND_GT,       [TCG_COND_GE] = TCG_COND_LE,
        [TCG_COND_LE] = TCG_COND_GE,       [TCG_COND_GT] = TCG_COND_LT,
        [TCG_COND_LTU] = TCG_COND_GTU,     [TCG_COND_GEU] = TCG_COND_LEU,
        [TCG_COND_LEU] = TCG_COND_GEU,     [TCG_COND_GTU] = TCG_COND_LTU,
        [TCG_COND_TSTEQ] = TCG_COND_TSTEQ, [TCG_COND_TSTNE] = TCG_COND_TSTNE,
    };
    return swapped[c];
}

TCGUnit *tcg_unit_new(const TCGCell *cells, unsigned ncells)
{
    TCGUnit *u = g_new0(TCGUnit, 1);
    g_assert(ncells <= TCG_MAX_CELLS);
    u->cells = cells;
    u->ncells = ncells;
    u->ops_cap = 1024;
    u->ops = g_new(TCGOp, u->ops_cap);
    u->calls_cap = 32;
    u->calls = g_new(TCGCall, u->calls_cap);
    tcg_unit_reset(u);
    return u;
}

void tcg_unit_reset(TCGUnit *u)
{
    memset(&u->ops[0], 0, sizeof(u->ops[0]));
    u->nops = 1;
    u->ncalls = 0;
    u->nlabels = u->nblocks = u->ninsns = u->nexits = 0;
    u->start = 0;
    u->guest_bytes = 0;
    u->overflow = false;
    u->folded = u->counted = false;
}

uint32_t tcg_inner_block(const TCGUnit *u, int64_t target, int64_t pc, bool steady)
{
    uint32_t found = 0;

    for (uint32_t i = 1, n = 0; n < u->nblocks && i < u->nops && target != pc; i++) {
        if (u->ops[i].opc == TCG_OP_block) {
            if (u->ops[i].imm == target && u->ops[i].aux <= steady) {
                found = i;
            }
            n++;
        }
    }
    return found;
}

TCGUnit *tcg_unit_copy(const TCGUnit *u)
{
    TCGUnit *copy = g_new(TCGUnit, 1);
    *copy = *u;
    copy->rebuilder = NULL;
    copy->ops_cap = u->nops;
    copy->ops = g_memdup2(u->ops, u->nops * sizeof(*u->ops));
    copy->calls_cap = u->ncalls;
    copy->calls = u->ncalls ? g_memdup2(u->calls, u->ncalls * sizeof(*u->calls)) : NULL;
    return copy;
}

void tcg_unit_free(TCGUnit *u)
{
    if (u) {
        tcg_builder_free(u->rebuilder);
        g_free(u->ops);
        g_free(u->calls);
        g_free(u);
    }
}

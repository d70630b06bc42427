/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Register allocation of the x86-64 host; the rules are at the top of internal.h.
 *
 * x86_prepare() is the backward pass: next uses, dead values, ops that melt into their users,
 * and hints (a value that becomes a pinned cell before anything can observe the cell is computed
 * straight into the cell's register). Everything else runs during emission.
 *
 * Thread: any, one X86Gen each. Test: tests/unit/test-x86-64-jit.c.
 */
#include "tcg/x86_64/internal.h"

/* How far a compare or a shift may move down to its user; a compare with a constant keeps no more
 * values alive than its result would. */
#define FUSE_DISTANCE     8
#define FUSE_DISTANCE_FAR 32

/* A piece of code that is not bounded by X86_OP_MARGIN goes on: is there room? */
static void check_room(X86Gen *s)
{
    if (s->a.p > s->limit) {
        s->limit = NULL;
        s->a.p = s->a.start;
    }
}

static uint32_t bit(unsigned r)
{
    return 1u << r;
}

void x86_traits(uint16_t traits[TCG_OP_COUNT])
{
    static const uint16_t more[TCG_OP_COUNT] = {
        [TCG_OP_nop] = X86_T_NOTHING,
        [TCG_OP_insn_start] = X86_T_NOTHING,
        [TCG_OP_select] = X86_T_COND,
        [TCG_OP_br_if] = X86_T_COND | X86_T_BARRIER | X86_T_ORDER,
        [TCG_OP_exit_if] = X86_T_COND | X86_T_ORDER,
        [TCG_OP_exit_direct] = X86_T_ORDER,
        [TCG_OP_br] = X86_T_BARRIER,
        [TCG_OP_label] = X86_T_BARRIER | X86_T_ORDER | X86_T_SPECIAL,
        [TCG_OP_block] = X86_T_BARRIER | X86_T_ORDER | X86_T_SPECIAL,
        [TCG_OP_call] = X86_T_ORDER | X86_T_SPECIAL | X86_T_VARIES,
        [TCG_OP_ld] = X86_T_ORDER,
        [TCG_OP_st] = X86_T_ORDER,
        [TCG_OP_trunc] = X86_T_ALIAS,
        [TCG_OP_vlow] = X86_T_ALIAS,
        [TCG_OP_extu] = X86_T_ALIAS | X86_T_FUSES,
        [TCG_OP_exts] = X86_T_FUSES,
        [TCG_OP_setcond] = X86_T_FUSES,
        [TCG_OP_fcmp] = X86_T_FUSES | X86_T_VARIES,
        [TCG_OP_shl] = X86_T_FUSES,
        [TCG_OP_const] = X86_T_CONST,
        [TCG_OP_fconst] = X86_T_CONST,
        [TCG_OP_vconst] = X86_T_CONST,
        [TCG_OP_getcell] = X86_T_CELL,
        [TCG_OP_setcell] = X86_T_CELL,
        [TCG_OP_add] = X86_T_SPECIAL,
        [TCG_OP_mul] = X86_T_SPECIAL,
        [TCG_OP_mulhu] = X86_T_SPECIAL,
        [TCG_OP_mulhs] = X86_T_SPECIAL,
        [TCG_OP_divs] = X86_T_SPECIAL,
        [TCG_OP_divu] = X86_T_SPECIAL,
        [TCG_OP_rems] = X86_T_SPECIAL,
        [TCG_OP_remu] = X86_T_SPECIAL,
    };
    for (unsigned k = 0; k < TCG_OP_COUNT; k++) {
        const TCGOpDesc *d = &tcg_op_desc[k];
        traits[k] = more[k] | d->nargs | (d->flags & TCG_OPF_RESULT ? X86_T_RESULT : 0) |
                    (d->flags & (TCG_OPF_SIDE | TCG_OPF_FPSTATUS) ? X86_T_KEPT : 0) |
                    (d->flags & (TCG_OPF_FAULT | TCG_OPF_EXIT) ? X86_T_BARRIER : 0);
    }
}

/* What an operand at op i reads. */
static inline uint16_t operand(const Val *val, const TCGOp *ops, TCGv x, uint32_t i)
{
    uint16_t r = x86_root_at(val, x, i);
    return G_UNLIKELY(val[r].fused) ? x86_root_at(val, ops[r].a, i) : r;
}

/* Values that op i, which has operands, reads, compares melted into it included, beside its group;
 * calls are separate. */
static inline unsigned operands(const Val *val, const TCGOp *ops, uint32_t i, unsigned traits,
                                uint16_t v[4])
{
    const TCGOp *op = &ops[i];
    unsigned n = traits & X86_T_ARGS, k = 1;
    uint16_t r = x86_root_at(val, op->a, i);
    if (G_UNLIKELY(val[r].fused)) {
        const TCGOp *c = &ops[r];
        r = x86_root_at(val, c->a, i);
        if (traits & X86_T_COND) {
            v[k++] = x86_root_at(val, c->b, i);
        }
    }
    v[0] = r;
    if (n > 1) {
        v[k++] = operand(val, ops, op->b, i);
        if (n > 2) {
            v[k++] = operand(val, ops, op->c, i);
        }
    }
    return k;
}

/* Ops that come out of a 32-bit instruction, which clears the upper half of its register. */
static bool zero_extends(const TCGOp *op)
{
    if (op->type != TCG_I32) {
        return false;
    }
    switch (op->opc) {
    case TCG_OP_add:
    case TCG_OP_sub:
    case TCG_OP_mul:
    case TCG_OP_divs:
    case TCG_OP_divu:
    case TCG_OP_rems:
    case TCG_OP_remu:
    case TCG_OP_and:
    case TCG_OP_or:
    case TCG_OP_xor:
    case TCG_OP_andc:
    case TCG_OP_orc:
    case TCG_OP_eqv:
    case TCG_OP_not:
    case TCG_OP_neg:
    case TCG_OP_shl:
    case TCG_OP_shr:
    case TCG_OP_sar:
    case TCG_OP_rotl:
    case TCG_OP_rotr:
    case TCG_OP_clz:
    case TCG_OP_ctz:
    case TCG_OP_popcnt:
    case TCG_OP_bswap:
    case TCG_OP_ext8u:
    case TCG_OP_ext16u:
    case TCG_OP_ext8s:
    case TCG_OP_ext16s:
    case TCG_OP_extract:
    case TCG_OP_sextract:
    case TCG_OP_deposit:
    case TCG_OP_setcond:
    case TCG_OP_select:
    case TCG_OP_ld:
        return true;
    default:
        return false;
    }
}

/* The low part of the operand's register is the value, or all of it. */
static bool is_alias(const X86Gen *s, const TCGOp *op)
{
    return op->opc == TCG_OP_trunc || op->opc == TCG_OP_vlow ||
           (op->opc == TCG_OP_extu && zero_extends(&s->u->ops[s->val[op->a.i].root]) &&
            s->val[op->a.i].type == TCG_I32);
}

/* The operand of the addition i that is a shift it can do itself, as an address: 0 none. */
static uint16_t scaled_operand(const X86Gen *s, uint32_t i)
{
    const TCGOp *op = &s->u->ops[i];
    const TCGv x[2] = {op->b, op->a};

    for (unsigned k = 0; k < 2; k++) {
        uint16_t r = x86_root(s, x[k]);
        const TCGOp *d = &s->u->ops[r], *n = &s->u->ops[d->b.i];
        if (d->opc == TCG_OP_shl && d->type == op->type && i - r <= FUSE_DISTANCE &&
            n->opc == TCG_OP_const && n->imm >= 1 && n->imm <= 3 &&
            !x86_is_const(s, x86_root(s, d->a)) && !x86_is_const(s, x86_root(s, x[!k]))) {
            return r;
        }
    }
    return 0;
}

static bool is_remainder_of(const X86Gen *s, uint32_t i, uint32_t quotient)
{
    const TCGOp *op = &s->u->ops[i], *q = &s->u->ops[quotient];
    TCGOpcode opc = q->opc == TCG_OP_divu ? TCG_OP_remu : TCG_OP_rems;

    return op->opc == opc && op->type == q->type && x86_root(s, op->a) == x86_root(s, q->a) &&
           x86_root(s, op->b) == x86_root(s, q->b);
}

/* Can the value r be emitted with its user i, where it is the condition? */
static bool is_near_condition(const X86Gen *s, uint32_t i, uint16_t r, uint32_t last_call,
                              uint32_t last_barrier)
{
    const TCGOp *def = &s->u->ops[r];

    if (def->opc == TCG_OP_setcond) {
        bool cst = x86_is_const(s, x86_root(s, def->b));
        return i - r <= (cst ? FUSE_DISTANCE_FAR : FUSE_DISTANCE) && r > last_call;
    }
    return i - r <= FUSE_DISTANCE && def->opc == TCG_OP_fcmp && r > last_barrier &&
           !(def->aux & TCG_FP_FZ);
}

/* What scan_forward() has seen last; op indices. */
typedef struct Seen {
    uint32_t call, barrier, label;
    uint32_t quotient[2]; /* unsigned, signed */
    uint32_t product[4];  /* halves of products, those of the last ones */
    unsigned nproducts;
} Seen;

static bool is_other_half(const X86Gen *s, uint32_t i, uint32_t k)
{
    const TCGOp *x = &s->u->ops[i], *y = &s->u->ops[k];
    uint16_t xa = x86_root(s, x->a), xb = x86_root(s, x->b);
    uint16_t ya = x86_root(s, y->a), yb = x86_root(s, y->b);

    return (x->opc == TCG_OP_mul) != (y->opc == TCG_OP_mul) && x->type == y->type &&
           ((xa == ya && xb == yb) || (xa == yb && xb == ya));
}

/* Op i is a half of a product: is there the other one before? */
static void scan_product(X86Gen *s, uint32_t i, Seen *seen)
{
    for (unsigned k = 0; k < G_N_ELEMENTS(seen->product); k++) {
        uint32_t first = seen->product[k];
        if (first > seen->barrier && !s->val[first].pair && is_other_half(s, i, first)) {
            s->val[first].pair = i;
            return;
        }
    }
    seen->product[seen->nproducts++ % G_N_ELEMENTS(seen->product)] = i;
}

static void scan_special(X86Gen *s, const TCGOp *op, uint32_t i, Seen *seen)
{
    Val *val = s->val;
    uint32_t quotient;
    uint16_t r;

    switch (op->opc) {
    case TCG_OP_add:
        r = scaled_operand(s, i);
        val[r].near += r > seen->call;
        break;
    case TCG_OP_label:
        s->label_at[op->aux] = i;
        seen->call = seen->label = i;
        break;
    case TCG_OP_block:
        seen->call = seen->label = i;
        break;
    case TCG_OP_call:
        seen->call = i;
        break;
    case TCG_OP_mul:
    case TCG_OP_mulhu:
    case TCG_OP_mulhs:
        scan_product(s, i, seen);
        break;
    case TCG_OP_divs:
    case TCG_OP_divu:
        seen->quotient[op->opc == TCG_OP_divs] = i;
        break;
    default:
        quotient = seen->quotient[op->opc == TCG_OP_rems];
        if (quotient > seen->barrier && is_remainder_of(s, i, quotient)) {
            val[quotient].pair = i;
        }
        break;
    }
}

/* Roots, labels, and which compares and shifts can be emitted by their users. There is no `wide`
 * yet. */
static void scan_forward(X86Gen *s)
{
    const TCGOp *const ops = s->u->ops, *const end = ops + s->u->nops;
    const uint16_t *const traits_of = s->traits;
    Val *const val = s->val;
    Seen seen = {0};
    uint32_t i = 1, nfuses = 0;
    s->loop_end = s->norder = 0;
    Val *v = val + 1;
    for (const TCGOp *op = ops + 1; op < end; i++, op++, v++) {
        unsigned traits = traits_of[op->opc];
        if (traits & X86_T_NOTHING) {
            v->dead = true;
            continue;
        }
        bool cst = traits & X86_T_CONST;
        *v = (Val){.root = i,
                   .hint = REG_NONE,
                   .type = op->type,
                   .cst = cst,
                   .dead = cst,
                   .uses = op->uses};
        if (!(traits & (X86_T_ALIAS | X86_T_COND | X86_T_SPECIAL | X86_T_FUSES | X86_T_ORDER |
                        X86_T_BARRIER))) {
            continue;
        }
        if ((traits & X86_T_ALIAS) && is_alias(s, op)) {
            v->root = val[op->a.i].root;
            v->dead = true;
            /* Its uses instead of that by it. */
            unsigned uses = val[v->root].uses + op->uses - 1u;
            val[v->root].uses = MIN(uses, UINT16_MAX);
            continue;
        }
        if (traits & X86_T_COND) {
            uint16_t r = val[op->a.i].root;
            val[r].near += is_near_condition(s, i, r, seen.call, seen.barrier);
        }
        if (traits & X86_T_SPECIAL) {
            scan_special(s, op, i, &seen);
        }
        if (traits & X86_T_FUSES) {
            s->fuses[nfuses++] = i;
        }
        if (traits & X86_T_ORDER) {
            s->order[s->norder++] = i;
            if (op->imm == s->u->start &&
                (op->opc == TCG_OP_exit_if || op->opc == TCG_OP_exit_direct)) {
                s->loop_end = i;
            }
        }
        if (traits & X86_T_BARRIER) {
            seen.barrier = i;
        }
    }
    for (uint32_t k = 0; k < nfuses; k++) {
        i = s->fuses[k];
        unsigned opc = ops[i].opc;
        v = &val[i];
        if (opc == TCG_OP_exts || opc == TCG_OP_extu) {
            uint16_t narrow = val[ops[i].a.i].root;
            if (v->uses && narrow > seen.label && !val[narrow].wide) {
                val[narrow].wide = i;
            }
        } else {
            v->fused = v->uses && v->uses == v->near && (opc == TCG_OP_setcond || v->uses == 1);
            v->dead = v->fused;
        }
    }
}

/* Backwards: op i uses the value, and next was its use after that. */
static inline void used_by(Val *v, uint32_t i, uint16_t next)
{
    v->next = i;
    if (!next) {
        v->last = i;
    }
}

/* The next uses of a call's arguments. */
static G_GNUC_NO_INLINE void link_arguments(X86Gen *s, const TCGOp *op, uint32_t i)
{
    const TCGCall *c = &s->u->calls[op->imm];
    Val *val = s->val;

    s->nopv[i] = 0;
    for (unsigned k = 0; k < c->helper->nargs; k++) {
        s->callnxt[op->imm][k] = val[x86_root_at(val, c->args[k], i)].next;
    }
    for (unsigned k = 0; k < c->helper->nargs; k++) {
        used_by(&val[x86_root_at(val, c->args[k], i)], i, s->callnxt[op->imm][k]);
    }
}

/* Is the op, a call or an fcmp, there for its result only? */
static bool is_for_result(const TCGUnit *u, const TCGOp *op)
{
    return !(tcg_op_flags(u, op) & (TCG_OPF_SIDE | TCG_OPF_FPSTATUS)) &&
           (op->opc != TCG_OP_call || u->calls[op->imm].helper->ret != TCG_VOID);
}

static void find_next_vacancy(X86Gen *s)
{
    uint32_t n = s->vacancies.len;

    s->next_vacancy = n ? x86_list_at(&s->vacancies, X86Vacancy, n - 1).start : UINT32_MAX;
}

void x86_vacate(X86Gen *s, uint32_t i)
{
    while (s->next_vacancy < i) {
        const X86Vacancy *v = &x86_list_at(&s->vacancies, X86Vacancy, --s->vacancies.len);
        s->vacant |= bit(v->reg);
        s->vacant_end[v->reg] = v->end;
        find_next_vacancy(s);
    }
}

/* Backwards: up to which op each register is vacant, 0 if it is not. */
typedef struct Vacant {
    uint32_t regs;
    uint16_t end[REG_COUNT];
} Vacant;

/* Registers of mask are not vacant at op i: where they have been behind it, a vacancy starts. */
static G_GNUC_NO_INLINE void end_vacancies(X86Gen *s, Vacant *x, uint32_t mask, uint32_t i)
{
    mask &= x->regs;
    x->regs &= ~mask;
    for (; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);
        if (x->end[r] > i + 1) {
            X86Vacancy v = {.start = i, .end = x->end[r], .reg = r};
            x86_list_add(&s->vacancies, &v, sizeof(v));
        }
    }
}

static void scan_backward(X86Gen *s)
{
    const TCGOp *ops = s->u->ops;
    const X86PinSet *pins = s->pins;
    Val *val = s->val;
    const uint32_t nops = s->u->nops;
    uint32_t next_barrier = nops;
    /* Where each cell is read or set next; read only of cells that were noted. */
    uint16_t cell_next[TCG_MAX_CELLS];
    Vacant vacant = {0};
    s->vacancies.len = 0;
    const TCGOp *op = &ops[nops - 1];
    Val *v = &val[nops - 1];
    for (uint32_t i = nops - 1; i >= 1; i--, op--, v--) {
        if (v->dead) {
            continue;
        }
        unsigned traits = s->traits[op->opc];
        if (!v->next && (traits & X86_T_RESULT) &&
            (traits & X86_T_VARIES ? is_for_result(s->u, op) : !(traits & X86_T_KEPT))) {
            v->dead = true;
            if (op->opc == TCG_OP_select) {
                /* An fcmp still has to raise its flags. */
                uint16_t c = x86_root_at(val, op->a, i);
                if (ops[c].opc == TCG_OP_fcmp) {
                    val[c].fused = val[c].dead = false;
                }
            }
            continue;
        }
        if (v->hint != REG_NONE) {
            /* home is the setcell's position until emission starts. */
            unsigned cell = ops[v->home].aux & TCG_CELL_MASK;
            if (v->home > next_barrier || cell_next[cell] != v->home) {
                v->hint = REG_NONE;
            } else {
                vacant.end[v->hint] = i;
            }
            v->home = 0;
        }
        if (traits & X86_T_CELL) {
            unsigned cell = op->aux & TCG_CELL_MASK;
            unsigned pin = pins->of_cell[cell];
            cell_next[cell] = i;
            if (G_UNLIKELY(vacant.regs) && pin != REG_NONE) {
                end_vacancies(s, &vacant, bit(pin), i);
            }
            if (op->opc != TCG_OP_setcell) {
                s->nopv[i] = 0;
                continue;
            }
            if (G_UNLIKELY(s->u->nblocks) && pin < XMM0) {
                vacant.regs |= bit(pin);
                vacant.end[pin] = i;
            }
            uint16_t r = x86_root_at(val, op->a, i);
            Val *set = &val[r];
            if (pin != REG_NONE && !set->cst && ops[r].opc != TCG_OP_getcell) {
                set->hint = pin;
                set->home = i;
            }
            X86Operands *x = &s->opv[i];
            x->v[0] = r;
            x->next[0] = set->next;
            s->nopv[i] = 1;
            used_by(set, i, x->next[0]);
            continue;
        }
        if (traits & X86_T_ARGS) {
            X86Operands *x = &s->opv[i];
            unsigned n = operands(val, ops, i, traits, x->v);
            unsigned group = traits & X86_T_ORDER ? s->group_of[i] : 0;
            if (group && s->groups[group - 1].first != i) {
                x->v[n++] = nops + group - 1;
            }
            s->nopv[i] = n;
            /* All are read before any is set: two may be the same. */
            Val *first = &val[x->v[0]];
            uint16_t next = first->next;
            x->next[0] = next;
            for (unsigned k = 1; k < n; k++) {
                x->next[k] = val[x->v[k]].next;
            }
            used_by(first, i, next);
            for (unsigned k = 1; k < n; k++) {
                used_by(&val[x->v[k]], i, x->next[k]);
            }
        } else if (op->opc == TCG_OP_call) {
            link_arguments(s, op, i);
            if (G_UNLIKELY(vacant.regs)) {
                end_vacancies(s, &vacant, UINT32_MAX, i);
            }
        } else {
            s->nopv[i] = 0;
        }
        if (traits & X86_T_BARRIER) {
            next_barrier = i;
            if (G_UNLIKELY(vacant.regs)) {
                end_vacancies(s, &vacant, UINT32_MAX, i);
            }
        }
    }
    end_vacancies(s, &vacant, UINT32_MAX, 0);
    s->vacant = 0;
    find_next_vacancy(s);
}

bool x86_prepare(X86Gen *s)
{
    const TCGUnit *u = s->u;
    if (u->nops + X86_MAX_GROUPS >= 0xffff || u->ncells > TCG_MAX_CELLS) {
        return false;
    }
    if (u->nexits > s->exits_cap) {
        s->exits_cap = u->nexits + 64;
        s->exits = g_renew(TcgExit, s->exits, s->exits_cap);
    }
    if (u->nops + X86_MAX_GROUPS > s->vals_cap) {
        s->vals_cap = u->nops + u->nops / 2 + X86_MAX_GROUPS;
        s->val = g_renew(Val, s->val, s->vals_cap);
        s->opv = g_renew(X86Operands, s->opv, s->vals_cap);
        s->nopv = g_realloc_n(s->nopv, s->vals_cap, sizeof(*s->nopv));
        s->group_of = g_renew(uint16_t, s->group_of, s->vals_cap);
        s->order = g_renew(uint16_t, s->order, s->vals_cap);
        s->fuses = g_renew(uint16_t, s->fuses, s->vals_cap);
    }
    if (u->ncalls > s->calls_cap) {
        s->calls_cap = u->ncalls + 16;
        s->callnxt = g_realloc_n(s->callnxt, s->calls_cap, sizeof(*s->callnxt));
    }
    if (u->nlabels + 1u > s->labels_cap) {
        s->labels_cap = u->nlabels + 16;
        s->label_at = g_renew(uint32_t, s->label_at, s->labels_cap);
        s->label_refs = g_renew(uint32_t, s->label_refs, s->labels_cap);
    }
    s->val[0] = (Val){0};
    memset(s->group_of, 0, u->nops * sizeof(*s->group_of));
    s->ngroups = 0;
    memset(s->label_refs, 0, (u->nlabels + 1u) * sizeof(*s->label_refs));
    memset(s->regval, 0, sizeof(s->regval));
    memset(s->homeval, 0, u->ncells * sizeof(*s->homeval));
    memset(s->sunk, 0, u->ncells * sizeof(*s->sunk));
    memset(s->slots, 0, (s->slots_high + 63) / 64 * 8);
    s->slots_high = 0;
    s->i = 0;
    s->nsunk = s->nfreed = s->host_spills = s->left_op = 0;
    s->snap_valid = false;
    s->pin_clean = 0;
    s->busy = s->locked = 0;
    s->flags_live = s->unreachable = false;
    scan_forward(s);
    x86_find_region(s);
    x86_form_groups(s);
    x86_find_sites(s);
    for (uint32_t k = 0; k < s->ngroups; k++) {
        s->val[u->nops + k] = (Val){.root = u->nops + k, .hint = REG_NONE, .type = TCG_I64};
    }
    scan_backward(s);
    return true;
}

/* ---- registers ---- */

static void reg_clear(X86Gen *s, unsigned r)
{
    uint16_t v = s->regval[r];
    if (v) {
        s->val[v].regs &= ~bit(r);
        s->regval[r] = 0;
        s->busy &= ~bit(r);
    }
}

static void reg_set(X86Gen *s, unsigned r, uint16_t v)
{
    reg_clear(s, r);
    s->regval[r] = v;
    s->val[v].regs |= bit(r);
    s->busy |= bit(r);
}

Mem x86_slot(const X86Gen *s, unsigned slot)
{
    if (slot < CPU_SPILL_SLOTS) {
        return mem_bd(RBP, env_disp(s, offsetof(CPUEnv, spill)) + (int32_t)slot * 16);
    }
    return mem_bd(RSP, X86_FRAME_ARGS + (int32_t)(slot - CPU_SPILL_SLOTS) * 16);
}

static unsigned slot_new(X86Gen *s)
{
    for (unsigned w = 0; w < G_N_ELEMENTS(s->slots); w++) {
        if (~s->slots[w]) {
            unsigned n = w * 64 + __builtin_ctzll(~s->slots[w]);
            if (n == X86_SLOT_ARG || n == X86_SLOT_VEC) {
                s->slots[w] |= 1ull << (n & 63);
                w--;
                continue;
            }
            if (n >= CPU_SPILL_SLOTS + X86_FRAME_SLOTS) {
                break;
            }
            s->slots[w] |= 1ull << (n & 63);
            s->slots_high = MAX(s->slots_high, n + 1);
            return n;
        }
    }
    s->limit = NULL;
    return 0;
}

static uint64_t left_bit(unsigned cell)
{
    return UINT64_C(1) << cell % 64;
}

/* The value, which has places in memory, dies. */
static G_GNUC_NO_INLINE void leave_memory(X86Gen *s, uint16_t v)
{
    Val *x = &s->val[v];
    if (x->spill) {
        /* The op may still read the slot: it is free from the next op on. */
        if (s->nfreed < G_N_ELEMENTS(s->freed)) {
            s->freed[s->nfreed++] = x->spill - 1;
        }
        x->spill = 0;
        s->host_spills -= v >= s->u->nops;
    }
    if (x->home) {
        s->left_homes = (s->left_op == s->i ? s->left_homes : 0) | left_bit(x->home - 1);
        s->left_op = s->i;
        s->homeval[x->home - 1] = 0;
        x->home = 0;
    }
}

/* The value dies: nothing reads it any more. */
static inline void kill_value(X86Gen *s, uint16_t v)
{
    Val *x = &s->val[v];
    uint32_t regs = x->regs;
    if (regs) {
        s->busy &= ~regs;
        x->regs = 0;
        do {
            s->regval[__builtin_ctz(regs)] = 0;
            regs &= regs - 1;
        } while (G_UNLIKELY(regs));
    }
    if (x->spill | x->home) {
        leave_memory(s, v);
    }
}

static bool in_memory(const X86Gen *s, uint16_t v)
{
    const Val *x = &s->val[v];
    /* A sunk value's place must not change under its side table rows. */
    return x->spill || (x->home && !x->sunk) || x86_is_const(s, v);
}

static void store_slot(X86Gen *s, uint16_t v, unsigned r)
{
    unsigned slot = slot_new(s);
    s->val[v].spill = slot + 1;
    s->host_spills += v >= s->u->nops;
    Mem m = x86_slot(s, slot);
    if (r < XMM0) {
        asm_rm(&s->a, I_MOV_MR | OP_W, r, m);
    } else {
        asm_rm(&s->a, s->val[v].type == TCG_V128 ? 0x29 | OP_0F : I_MOVSD_MR, r, m);
    }
    if (s->val[v].sunk) {
        s->snap_valid = false;
    }
}

static void flush_sunk_cell(X86Gen *s, unsigned cell);

/* A sunk value that needs a place in memory goes home, if nothing else is there, nor was when this
 * op's operands were taken. */
static bool send_home(X86Gen *s, uint16_t v)
{
    for (unsigned k = 0; k < s->nsunk; k++) {
        unsigned cell = s->sunk_list[k];
        if (s->sunk[cell] == v) {
            if (s->val[v].sunk > 1 || s->u->cells[cell].type != s->val[v].type ||
                (s->homeval[cell] && x86_live(s, s->homeval[cell])) ||
                (s->left_op == s->i && (s->left_homes & left_bit(cell)))) {
                return false;
            }
            flush_sunk_cell(s, cell);
            return true;
        }
    }
    return false;
}

/* Free register r; its value lives on elsewhere. */
static void evict(X86Gen *s, unsigned r)
{
    uint16_t v = s->regval[r];
    if (!v) {
        return;
    }
    if (x86_live(s, v) && s->val[v].regs == bit(r) && !in_memory(s, v) &&
        !(s->val[v].sunk && send_home(s, v))) {
        store_slot(s, v, r);
    }
    if (s->val[v].sunk) {
        s->snap_valid = false;
    }
    reg_clear(s, r);
}

/* One of the idle registers: a preferred one, or a vacant one, which fewer values may be in. */
static inline unsigned take_idle(X86Gen *s, uint32_t idle, uint32_t prefer)
{
    uint32_t m = idle & prefer ? idle & prefer : idle;

    if (G_UNLIKELY(m & s->vacant)) {
        m &= s->vacant;
        s->pin_clean &= ~m;
    }
    return __builtin_ctz(m);
}

/* A register of mask, freed. REG_NONE if all are locked. */
static unsigned alloc_in(X86Gen *s, uint32_t mask, uint32_t prefer)
{
    mask &= ~s->locked;
    uint32_t idle = mask & ~s->busy;
    if (idle) {
        return take_idle(s, idle, prefer);
    }
    unsigned best = REG_NONE;
    uint32_t best_score = 0;
    for (uint32_t m = mask; m; m &= m - 1) {
        unsigned r = __builtin_ctz(m);
        uint16_t v = s->regval[r];
        const Val *x = &s->val[v];
        uint32_t score = x->next ? x->next - MIN(x->next, s->i) + 1 : 0x8000;
        if (x->regs != bit(r) || in_memory(s, v)) {
            score += 24;
        }
        if (score > best_score) {
            best_score = score;
            best = r;
        }
    }
    if (best != REG_NONE) {
        evict(s, best);
        s->pin_clean &= ~bit(best);
    }
    return best;
}

static uint32_t class_temps(const X86Gen *s, TCGType t)
{
    return s->pins->temps & (type_is_int(t) ? GPRS : XMMS);
}

/* Vacant registers for a value that is used up to op last. */
static uint32_t vacant_for(const X86Gen *s, uint32_t last)
{
    uint32_t regs = 0;

    last = MAX(last, s->i);
    for (uint32_t m = s->vacant; m; m &= m - 1) {
        unsigned r = __builtin_ctz(m);
        regs |= s->vacant_end[r] >= last ? bit(r) : 0;
    }
    return regs;
}

/* Registers that value v may be in. */
static inline uint32_t regs_for(const X86Gen *s, uint16_t v)
{
    const Val *x = &s->val[v];
    uint32_t temps = class_temps(s, x->type);

    return G_UNLIKELY(s->vacant) && type_is_int(x->type) ? temps | vacant_for(s, x->last) : temps;
}

unsigned x86_temp(X86Gen *s, bool xmm)
{
    unsigned r = alloc_in(s, s->pins->temps & (xmm ? XMMS : GPRS), 0);
    g_assert(r != REG_NONE);
    s->locked |= bit(r);
    s->taken |= bit(r);
    return r;
}

void x86_unlock(X86Gen *s, unsigned r)
{
    s->locked &= ~bit(r);
}

Mem x86_where(X86Gen *s, uint16_t v)
{
    const Val *x = &s->val[v];
    if (x->spill) {
        return x86_slot(s, x->spill - 1);
    }
    if (x->home) {
        return env_mem(s, s->u->cells[x->home - 1].offset);
    }
    return mem_rip();
}

static void move_reg(X86Gen *s, unsigned d, unsigned r)
{
    if (d == r) {
        return;
    }
    if (d >= XMM0) {
        asm_rr(&s->a, I_MOVAPS, d, r);
    } else {
        asm_mov_rr(&s->a, OP_W, d, r);
    }
}

void x86_load(X86Gen *s, uint16_t v, unsigned r)
{
    const Val *x = &s->val[v];
    Asm *a = &s->a;
    if (x->regs) {
        move_reg(s, r, __builtin_ctz(x->regs));
        return;
    }
    if (x->cst) {
        const TCGOp *op = &s->u->ops[v];
        if (op->opc == TCG_OP_const) {
            x86_mov_const(s, r, op->type == TCG_I32 ? (int64_t)(uint32_t)op->imm : op->imm);
        } else if (!op->imm) {
            asm_rr(a, I_XORPS, r, r);
        } else {
            x86_rm_const(s,
                         op->opc == TCG_OP_vconst ? I_MOVAPS
                         : op->type == TCG_F32    ? I_MOVSS_RM
                                                  : I_MOVSD_RM,
                         r, op->imm, op->imm);
        }
        return;
    }
    Mem m = x86_where(s, v);
    g_assert(m.base != REG_NONE);
    switch (x->type) {
    case TCG_I32:
        /* A slot keeps the upper half; a home may be only four bytes long. */
        asm_rm(a, I_MOV_RM | (x->spill ? OP_W : 0), r, m);
        break;
    case TCG_I64:
        asm_rm(a, I_MOV_RM | OP_W, r, m);
        break;
    case TCG_F32:
        asm_rm(a, I_MOVSS_RM, r, m);
        break;
    case TCG_F64:
        asm_rm(a, I_MOVSD_RM, r, m);
        break;
    default:
        asm_rm(a, I_MOVUPS_RM, r, m);
        break;
    }
}

unsigned x86_use_loaded(X86Gen *s, uint16_t v)
{
    unsigned r = alloc_in(s, regs_for(s, v), 0);
    g_assert(r != REG_NONE);
    x86_load(s, v, r);
    reg_set(s, r, v);
    s->locked |= bit(r);
    return r;
}

uint16_t x86_next_after(const X86Gen *s, uint16_t v)
{
    const X86Operands *x = &s->opv[s->i];
    unsigned n = s->nopv[s->i];
    for (unsigned k = 0; k < n; k++) {
        if (x->v[k] == v) {
            return x->next[k];
        }
    }
    return s->val[v].next;
}

Opnd x86_opnd_unloaded(X86Gen *s, uint16_t v, unsigned w, unsigned allow)
{
    const TCGOp *op = &s->u->ops[v];
    Val *x = &s->val[v];
    if (op->opc == TCG_OP_const && (allow & X86_IMM)) {
        int64_t imm = w ? op->imm : (int32_t)op->imm;
        if (imm == (int32_t)imm) {
            return (Opnd){.kind = OPND_IMM, .imm = imm};
        }
    }
    if (!x->regs && (allow & X86_MEM) && !x86_is_const(s, v) && !x86_next_after(s, v) &&
        (!w || op->type == TCG_I64)) {
        return (Opnd){.kind = OPND_MEM, .mem = x86_where(s, v)};
    }
    return (Opnd){.kind = OPND_REG, .reg = x86_use(s, v)};
}

void x86_advance_now(X86Gen *s)
{
    const X86Operands *x = &s->opv[s->i];
    unsigned n = s->nopv[s->i];
    Val *val = s->val;
    s->advanced = true;
    for (unsigned k = 0; k < n; k++) {
        uint16_t v = x->v[k], next = x->next[k];
        val[v].next = next;
        if (!next && !val[v].sunk) {
            kill_value(s, v);
        }
    }
}

/* The value in pinned register p is about to be replaced: save it if it is needed and nowhere else.
 * False: no register for it. */
static bool evacuate(X86Gen *s, unsigned p)
{
    uint16_t w = s->regval[p];
    if (w && x86_live(s, w)) {
        if (s->val[w].regs == bit(p) && !in_memory(s, w)) {
            uint32_t mask = s->pins->temps & (p < XMM0 ? GPRS : XMMS) & ~s->locked;
            if (!mask) {
                return false;
            }
            unsigned t = alloc_in(s, mask, 0);
            move_reg(s, t, p);
            reg_set(s, t, w);
        }
        if (s->val[w].sunk) {
            s->snap_valid = false;
        }
    }
    return true;
}

static G_GNUC_NO_INLINE unsigned def_slow(X86Gen *s, uint32_t prefer)
{
    unsigned hint = s->val[s->i].hint;
    if (hint != REG_NONE && (s->advanced || !(s->locked & bit(hint))) && evacuate(s, hint)) {
        reg_clear(s, hint);
        s->locked |= bit(hint);
        return hint;
    }
    uint32_t mask = regs_for(s, s->i);
    unsigned r;
    if (s->advanced) {
        /* Operands have been taken: the registers of those that died may be written. */
        uint32_t idle = mask & ~s->busy & ~s->taken;
        if (idle) {
            r = take_idle(s, idle, prefer);
            s->locked |= bit(r);
            return r;
        }
    }
    r = alloc_in(s, mask, prefer);
    if (r == REG_NONE) {
        /* All hold operands that live on: store one, its register is read before it is written. */
        g_assert(s->advanced);
        r = __builtin_ctz(mask & s->locked);
        evict(s, r);
    }
    s->locked |= bit(r);
    return r;
}

unsigned x86_def(X86Gen *s, uint32_t prefer)
{
    const Val *x = &s->val[s->i];
    unsigned r = x->hint;
    if (!s->advanced) {
        return def_slow(s, prefer);
    }
    if (r == REG_NONE) {
        uint32_t idle = regs_for(s, s->i) & ~s->busy & ~s->taken;
        if (!idle) {
            return def_slow(s, prefer);
        }
        r = take_idle(s, idle, prefer);
    } else if (s->regval[r]) {
        return def_slow(s, prefer);
    }
    s->locked |= bit(r);
    return r;
}

unsigned x86_define(X86Gen *s, uint16_t v)
{
    unsigned r = alloc_in(s, class_temps(s, s->val[v].type), 0);
    g_assert(r != REG_NONE);
    reg_set(s, r, v);
    s->locked |= bit(r);
    return r;
}

void x86_bind(X86Gen *s, unsigned r)
{
    s->pin_clean &= ~bit(r);
    if (x86_live(s, s->i)) {
        reg_set(s, r, s->i);
    }
}

/* ---- cells ---- */

/* [m] = k, of a general type; rax is used */
static void store_const(Asm *a, TCGType type, Mem m, int64_t k)
{
    bool w = type == TCG_I64 || type == TCG_F64;

    if (!w || k == (int32_t)k) {
        asm_rm(a, 0xc7 | (w ? OP_W : 0), 0, m);
        asm_32(a, k);
    } else {
        asm_mov_ri(a, RAX, k);
        asm_rm(a, I_MOV_MR | OP_W, RAX, m);
    }
}

static void store_home(X86Gen *s, unsigned cell, uint16_t v)
{
    const TCGCell *c = &s->u->cells[cell];
    const TCGOp *op = &s->u->ops[v];
    Mem m = env_mem(s, c->offset);
    Asm *a = &s->a;
    if (!s->val[v].regs && (op->opc == TCG_OP_const || op->opc == TCG_OP_fconst)) {
        store_const(a, c->type, m, op->imm);
        return;
    }
    unsigned r = x86_use(s, v);
    switch (c->type) {
    case TCG_I32:
    case TCG_I64:
        asm_rm(a, I_MOV_MR | type_w(c->type), r, m);
        break;
    case TCG_F32:
        asm_rm(a, I_MOVSS_MR, r, m);
        break;
    case TCG_F64:
        asm_rm(a, I_MOVSD_MR, r, m);
        break;
    default:
        asm_rm(a, I_MOVUPS_MR, r, m);
        break;
    }
}

void x86_forget_home(X86Gen *s, unsigned cell)
{
    uint16_t w = s->homeval[cell];
    if (!w) {
        return;
    }
    Val *x = &s->val[w];
    if (x86_live(s, w) && !x->regs && !x->spill && !x86_is_const(s, w)) {
        x86_use(s, w);
    }
    x->home = 0;
    s->homeval[cell] = 0;
}

static void set_home(X86Gen *s, unsigned cell, uint16_t v)
{
    if (!x86_live(s, v) || s->val[v].type != s->u->cells[cell].type) {
        return;
    }
    if (s->val[v].home) {
        s->homeval[s->val[v].home - 1] = 0;
    }
    s->val[v].home = cell + 1;
    s->homeval[cell] = v;
}

/* The cell is sunk no more; its value may die. */
static void unsink(X86Gen *s, unsigned cell)
{
    uint16_t v = s->sunk[cell];
    s->sunk[cell] = 0;
    s->snap_valid = false;
    for (unsigned k = 0; k < s->nsunk; k++) {
        if (s->sunk_list[k] == cell) {
            s->sunk_list[k] = s->sunk_list[--s->nsunk];
            break;
        }
    }
    s->val[v].sunk--;
}

static void flush_sunk_cell(X86Gen *s, unsigned cell)
{
    uint16_t v = s->sunk[cell];
    uint32_t locked = s->locked;
    x86_forget_home(s, cell);
    store_home(s, cell, v);
    unsink(s, cell);
    if (x86_live(s, v)) {
        set_home(s, cell, v);
    } else {
        kill_value(s, v);
    }
    s->locked = locked;
}

void x86_flush_sunk(X86Gen *s)
{
    while (s->nsunk) {
        check_room(s);
        flush_sunk_cell(s, s->sunk_list[s->nsunk - 1]);
    }
}

void x86_getcell(X86Gen *s, const TCGOp *op)
{
    unsigned cell = op->aux & TCG_CELL_MASK;
    unsigned pin = s->pins->of_cell[cell];
    if (pin != REG_NONE) {
        uint16_t w = s->regval[pin];
        if (w && x86_live(s, w)) {
            unsigned t = alloc_in(s, class_temps(s, op->type), 0);
            move_reg(s, t, pin);
            reg_set(s, t, s->i);
        } else {
            reg_set(s, pin, s->i);
        }
        return;
    }
    if (s->sunk[cell]) {
        flush_sunk_cell(s, cell);
    }
    uint16_t w = s->homeval[cell];
    if (w && x86_live(s, w)) {
        unsigned t = alloc_in(s, class_temps(s, op->type), 0);
        s->val[s->i].home = cell + 1;
        x86_load(s, s->i, t);
        s->val[s->i].home = 0;
        reg_set(s, t, s->i);
        return;
    }
    if (w) {
        s->val[w].home = 0;
    }
    s->val[s->i].home = cell + 1;
    s->homeval[cell] = s->i;
}

/* A pinned cell gets a value that is not in its register. */
static G_GNUC_NO_INLINE void set_pin(X86Gen *s, unsigned pin, uint16_t v)
{
    if (!evacuate(s, pin)) {
        /* Three temporaries at least, and only v is locked. */
        g_assert_not_reached();
    }
    reg_clear(s, pin);
    x86_load(s, v, pin);
    reg_set(s, pin, v);
    s->pin_clean &= ~bit(pin);
    x86_advance_now(s);
}

static G_GNUC_NO_INLINE void set_unpinned(X86Gen *s, const TCGOp *op, uint16_t v)
{
    unsigned cell = op->aux & TCG_CELL_MASK;
    Val *x = &s->val[v];
    if (s->sunk[cell]) {
        uint16_t old = s->sunk[cell];
        unsink(s, cell);
        if (!x86_live(s, old) && old != v) {
            kill_value(s, old);
        }
    }
    if (op->aux & TCG_SET_SINK) {
        if (!x->regs && !x->spill && !x86_is_const(s, v)) {
            x86_use(s, v);
        }
        s->sunk[cell] = v;
        s->sunk_list[s->nsunk++] = cell;
        x->sunk++;
        s->snap_valid = false;
        x86_advance(s);
        return;
    }
    if (s->homeval[cell] == v) {
        x86_advance(s);
        return;
    }
    x86_forget_home(s, cell);
    store_home(s, cell, v);
    x86_advance(s);
    set_home(s, cell, v);
}

void x86_setcell(X86Gen *s, const TCGOp *op)
{
    unsigned pin = s->pins->of_cell[op->aux & TCG_CELL_MASK];
    uint16_t v = x86_root(s, op->a);
    uint32_t regs = s->val[v].regs;
    s->locked |= regs;
    if (pin == REG_NONE) {
        set_unpinned(s, op, v);
    } else if (regs & bit(pin)) {
        x86_advance_now(s);
    } else {
        set_pin(s, pin, v);
    }
}

void x86_snapshot(X86Gen *s, uint32_t *snap, uint32_t *nsnap)
{
    if (!s->snap_valid) {
        s->last_snap = s->snaps.len;
        s->last_nsnap = s->nsunk;
        for (uint32_t k = 0; k < s->nsunk; k++) {
            uint16_t cell = s->sunk_list[k], v = s->sunk[cell];
            const Val *x = &s->val[v];
            Sunk z = {.cell = cell,
                      .value = v,
                      .slot = x->spill,
                      .reg = x->regs ? __builtin_ctz(x->regs) : REG_NONE};
            x86_list_add(&s->snaps, &z, sizeof(z));
        }
        s->snap_valid = true;
    }
    *snap = s->last_snap;
    *nsnap = s->last_nsnap;
}

void x86_store_snapshot(X86Gen *s, uint32_t snap, uint32_t nsnap)
{
    Asm *a = &s->a;
    for (uint32_t k = 0; k < nsnap; k++) {
        const Sunk *z = &x86_list_at(&s->snaps, Sunk, snap + k);
        check_room(s);
        const TCGCell *c = &s->u->cells[z->cell];
        Mem m = env_mem(s, c->offset);
        unsigned r = z->reg;
        if (r == REG_NONE && !z->slot) {
            int64_t imm = s->u->ops[z->value].imm;
            store_const(a, c->type == TCG_V128 ? TCG_I64 : c->type, m, imm);
            if (c->type == TCG_V128) {
                m.disp += 8;
                store_const(a, TCG_I64, m, imm);
            }
            continue;
        }
        if (r == REG_NONE) {
            r = c->type == TCG_V128 ? XMM15 : RAX;
            asm_rm(a, r == RAX ? I_MOV_RM | OP_W : I_MOVUPS_RM, r, x86_slot(s, z->slot - 1));
        }
        bool w = c->type == TCG_I64 || c->type == TCG_F64;
        if (r < XMM0) {
            asm_rm(a, I_MOV_MR | (w ? OP_W : 0), r, m);
        } else {
            asm_rm(a, c->type == TCG_V128 ? I_MOVUPS_MR : w ? I_MOVSD_MR : I_MOVSS_MR, r, m);
        }
    }
}

/* ---- calls ---- */

void x86_load_pin(X86Gen *s, const X86Pin *p)
{
    static const unsigned opc[] = {[TCG_I32] = I_MOV_RM,
                                   [TCG_I64] = I_MOV_RM | OP_W,
                                   [TCG_F32] = I_MOVSS_RM,
                                   [TCG_F64] = I_MOVSD_RM,
                                   [TCG_V128] = I_MOVUPS_RM};
    asm_rm(&s->a, opc[p->type], p->reg, env_mem(s, p->offset));
}

void x86_store_pin(X86Gen *s, const X86Pin *p)
{
    static const unsigned opc[] = {[TCG_I32] = I_MOV_MR,
                                   [TCG_I64] = I_MOV_MR | OP_W,
                                   [TCG_F32] = I_MOVSS_MR,
                                   [TCG_F64] = I_MOVSD_MR,
                                   [TCG_V128] = I_MOVUPS_MR};
    asm_rm(&s->a, opc[p->type], p->reg, env_mem(s, p->offset));
}

static bool in_set(const TCGCellSet *set, unsigned cell)
{
    return set->w[cell / 64] >> (cell % 64) & 1;
}

/* Give the value a slot if it has none. */
static void ensure_slot(X86Gen *s, uint16_t v)
{
    Val *x = &s->val[v];
    if (x->spill || x86_is_const(s, v)) {
        return;
    }
    check_room(s);
    if (x->regs) {
        store_slot(s, v, __builtin_ctz(x->regs));
    } else if (x->home) {
        unsigned r = type_is_int(x->type) ? RAX : XMM15;
        x86_load(s, v, r);
        store_slot(s, v, r);
    }
}

/* Does a call that clobbers this pinned register leave its value incomplete? The pin comes back
 * from its cell's home, which is narrower than the operand of a trunc or vlow that became the cell.
 */
static bool pin_loses_value(const X86Gen *s, const X86Pin *p)
{
    uint16_t v = s->regval[p->reg];

    return v && s->val[v].type != p->type && !(bit(p->reg) & X86_CALLEE_SAVED);
}

void x86_call_begin(X86Gen *s, const TCGCall *c)
{
    const TCGHelper *h = c->helper;
    bool pure = h->flags & TCG_HELPER_PURE;
    bool reads_all = h->flags & (TCG_HELPER_READS_ALL | TCG_HELPER_FAULTS | TCG_HELPER_NORETURN);
    bool writes_all = h->flags & TCG_HELPER_WRITES_ALL;
    x86_flush_sunk(s);
    for (unsigned k = 0; k < h->nargs; k++) {
        s->val[x86_root(s, c->args[k])].next = s->callnxt[s->u->ops[s->i].imm][k];
    }
    s->advanced = true;
    if (h->flags & TCG_HELPER_NORETURN) {
        pure = true; /* nothing is needed afterwards */
        writes_all = false;
    } else {
        for (uint32_t m = s->busy & s->pins->temps; m; m &= m - 1) {
            uint16_t v = s->regval[__builtin_ctz(m)];
            const Val *x = &s->val[v];
            bool kept = x->home && (pure || !(writes_all || in_set(&h->writes, x->home - 1)));
            if (x86_live(s, v) && !kept) {
                ensure_slot(s, v);
            }
        }
    }
    for (unsigned k = 0; k < s->pins->n; k++) {
        const X86Pin *p = &s->pins->pins[k];
        bool written = !pure && (writes_all || in_set(&h->writes, p->cell));
        bool read = !(h->flags & TCG_HELPER_PURE) && (reads_all || in_set(&h->reads, p->cell));
        bool lost = !(bit(p->reg) & X86_CALLEE_SAVED) && !(h->flags & TCG_HELPER_NORETURN);
        uint16_t v = s->regval[p->reg];
        if ((written || (lost && pin_loses_value(s, p))) && v && x86_live(s, v)) {
            ensure_slot(s, v);
        }
        if ((written || read || lost) && !(s->pin_clean & bit(p->reg))) {
            x86_store_pin(s, p);
            s->pin_clean |= bit(p->reg);
        }
    }
    if (!pure) {
        for (unsigned k = 0; k < s->u->ncells; k++) {
            uint16_t v = s->homeval[k];
            if (v && (writes_all || in_set(&h->writes, k))) {
                if (x86_live(s, v)) {
                    ensure_slot(s, v);
                }
            }
        }
    }
}

void x86_call_end(X86Gen *s, const TCGCall *c)
{
    const TCGHelper *h = c->helper;
    bool pure = h->flags & TCG_HELPER_PURE;
    bool writes_all = h->flags & TCG_HELPER_WRITES_ALL;
    for (uint32_t m = s->busy & s->pins->temps; m; m &= m - 1) {
        reg_clear(s, __builtin_ctz(m));
    }
    for (unsigned k = 0; k < s->pins->n; k++) {
        const X86Pin *p = &s->pins->pins[k];
        bool written = !pure && (writes_all || in_set(&h->writes, p->cell));
        if (written || pin_loses_value(s, p)) {
            reg_clear(s, p->reg);
        }
        if (written || !(bit(p->reg) & X86_CALLEE_SAVED)) {
            x86_load_pin(s, p);
        }
        if (written) {
            s->pin_clean |= bit(p->reg);
        }
    }
    if (!pure) {
        for (unsigned k = 0; k < s->u->ncells; k++) {
            uint16_t v = s->homeval[k];
            if (v && (writes_all || in_set(&h->writes, k))) {
                s->val[v].home = 0;
                s->homeval[k] = 0;
            }
        }
    }
    for (unsigned k = 0; k < h->nargs; k++) {
        uint16_t v = x86_root(s, c->args[k]);
        if (!x86_live(s, v)) {
            kill_value(s, v);
        }
    }
}

/* ---- labels ---- */

void x86_spill_for_label(X86Gen *s, unsigned label)
{
    x86_flush_sunk(s);
    for (uint32_t v = 1; v < s->i; v++) {
        if (s->val[v].last >= s->label_at[label] && !s->val[v].dead && s->val[v].next) {
            ensure_slot(s, v);
        }
    }
}

void x86_at_label(X86Gen *s)
{
    x86_flush_sunk(s);
    while (s->busy) {
        reg_clear(s, __builtin_ctz(s->busy));
    }
    for (unsigned k = 0; k < s->u->ncells; k += 4) {
        uint64_t four;
        memcpy(&four, &s->homeval[k], sizeof(four));
        for (unsigned n = k; four && n < k + 4; n++) {
            s->val[s->homeval[n]].home = 0;
            s->homeval[n] = 0;
        }
    }
    s->pin_clean = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Is a unit well-formed? tcg_op_check() looks at one op and its operands (the builder asks it for
 * each op unless built with NDEBUG), tcg_verify() at a whole unit: order and dominance of
 * definitions and uses, labels, exits, calls, instruction boundaries, the end.
 *
 * Dominance with forward branches only: the code between two labels is a stretch, in which each op
 * dominates those after it. A label is dominated by the last place that all ways to it have in
 * common; following such places upward from a use must pass below the definition.
 *
 * No state. Tests: tests/unit/test-tcg.c.
 */
#include <string.h>
#include "tcg/internal.h"

static const char *type_name(unsigned t)
{
    static const char *const names[TCG_TYPE_COUNT] = {"void", "i32", "i64", "f32", "f64", "v128"};
    return t < TCG_TYPE_COUNT ? names[t] : "?";
}

static inline bool is_fp(unsigned t)
{
    return t == TCG_F32 || t == TCG_F64;
}

/* Result letter of a signature. */
static bool fits_result(char c, unsigned t)
{
    switch (c) {
    case '-':
        return true;
    case 'T':
        return tcg_type_int(t);
    case 'F':
        return is_fp(t);
    case 'V':
        return t == TCG_V128;
    case 'L':
        return t == TCG_I64;
    case 'I':
        return t == TCG_I32;
    case 'f':
        return t == TCG_F32;
    case 'd':
        return t == TCG_F64;
    default: /* X */
        return t > TCG_VOID && t < TCG_TYPE_COUNT;
    }
}

/* Operand letter; own is the op's type. */
static bool fits_operand(char c, unsigned t, unsigned own)
{
    switch (c) {
    case 'T':
    case 'F':
    case 'X':
        return t == own;
    case 'A':
    case 'L':
        return t == TCG_I64;
    case 'B':
    case 'S':
        return tcg_type_int(t);
    case 'N':
        return is_fp(t);
    case 'V':
        return t == TCG_V128;
    case 'I':
        return t == TCG_I32;
    case 'f':
        return t == TCG_F32;
    case 'd':
        return t == TCG_F64;
    default:
        return false;
    }
}

static bool memop_fits(TCGMemOp m, unsigned t)
{
    unsigned size = tcg_mo_size(m);
    if (size > TCG_MO_128 || tcg_mo_align(m) > 5) { /* 32 bytes: below the flags of a TLB tag */
        return false;
    }
    switch (t) {
    case TCG_I32:
        return size <= TCG_MO_32;
    case TCG_I64:
        return size <= TCG_MO_64;
    case TCG_F32:
        return size == TCG_MO_32;
    case TCG_F64:
        return size == TCG_MO_64;
    case TCG_V128:
        return size == TCG_MO_128;
    default:
        return false;
    }
}

static bool rounding_ok(unsigned fp)
{
    unsigned r = fp & TCG_FP_ROUND_MASK;
    return r <= TCG_RND_ROD || r == TCG_RND_DYN;
}

/* An integer vector op: size of elements, flags that mean something, largest imm. */
static const char *vector_fields(const TCGOp *op, unsigned min, unsigned max, unsigned flags,
                                 int64_t max_imm)
{
    unsigned esize = op->aux & TCG_VEC_ESIZE;
    return esize < min || esize > max           ? "element size"
           : op->aux & ~(TCG_VEC_ESIZE | flags) ? "flags"
           : op->imm < 0 || op->imm > max_imm   ? "element size, element or count"
                                                : NULL;
}

static const char *vector_fp_fields(const TCGOp *op, unsigned min, unsigned max, int64_t max_imm)
{
    unsigned esize = tcg_fp_esize(op->aux);
    return !rounding_ok(op->aux)                             ? "no such rounding mode"
           : esize < min || esize > max                      ? "element size"
           : (op->aux & TCG_FP_V64) && (op->aux & TCG_FP_V1) ? "part of the vector"
           : op->imm < 0 || op->imm > max_imm                ? "no such half, condition or fraction"
                                                             : NULL;
}

/* aux and imm of op; ta is the type of its first operand. */
const char *tcg_op_check_fields(const TCGUnit *u, const TCGOp *op, unsigned ta)
{
    unsigned pos = op->aux & 63, len = op->aux >> 8, bits = tcg_type_bits(op->type);
    unsigned esize = op->aux & TCG_VEC_ESIZE;
    switch (op->opc) {
    case TCG_OP_const:
        return op->type == TCG_I32 && op->imm != (int32_t)op->imm ? "constant beyond 32 bits"
                                                                  : NULL;
    case TCG_OP_fconst:
        return op->type == TCG_F32 && op->imm != (uint32_t)op->imm ? "constant beyond 32 bits"
                                                                   : NULL;
    case TCG_OP_getcell:
    case TCG_OP_setcell: {
        unsigned cell = op->aux & TCG_CELL_MASK;
        if (cell >= u->ncells) {
            return "no such cell";
        }
        return u->cells[cell].type != op->type ? "not the cell's type" : NULL;
    }
    case TCG_OP_ldenv:
    case TCG_OP_stenv:
    case TCG_OP_ld:
    case TCG_OP_st:
        return memop_fits(op->aux, op->type) ? NULL : "memory size does not fit the type";
    case TCG_OP_atomic_rmw:
        if (op->c.i >= TCG_RMW_COUNT) {
            return "no such read-modify-write operation";
        }
        return memop_fits(op->aux, op->type) ? NULL : "memory size does not fit the type";
    case TCG_OP_cmpxchg:
        return memop_fits(op->aux, op->type) ? NULL : "memory size does not fit the type";
    case TCG_OP_extract:
    case TCG_OP_sextract:
    case TCG_OP_deposit:
        return len == 0 || pos + len > bits ? "field outside the value" : NULL;
    case TCG_OP_setcond:
        return op->aux >= TCG_COND_COUNT ? "no such condition" : NULL;
    case TCG_OP_fcmp: {
        unsigned cond = op->aux & TCG_FP_ROUND_MASK, more = op->aux & ~TCG_FP_ROUND_MASK;
        return cond >= TCG_FCOND_COUNT || (more & ~(TCG_FP_FZ | TCG_FP_NOFLAGS))
                   ? "no such condition"
                   : NULL;
    }
    case TCG_OP_fadd:
    case TCG_OP_fsub:
    case TCG_OP_fmul:
    case TCG_OP_fdiv:
    case TCG_OP_fsqrt:
    case TCG_OP_fma:
    case TCG_OP_fround:
    case TCG_OP_fcvt_hf:
    case TCG_OP_fcvt_fh:
        return rounding_ok(op->aux) ? NULL : "no such rounding mode";
    case TCG_OP_fcvt_fs:
    case TCG_OP_fcvt_fu:
    case TCG_OP_fcvt_sf:
    case TCG_OP_fcvt_uf:
        return !rounding_ok(op->aux)         ? "no such rounding mode"
               : op->imm < 0 || op->imm > 64 ? "bits of fraction"
                                             : NULL;
    case TCG_OP_fcvt_ff:
        return ta == op->type         ? "conversion to the same type"
               : rounding_ok(op->aux) ? NULL
                                      : "no such rounding mode";
    case TCG_OP_bitcast: {
        static const uint8_t partner[TCG_TYPE_COUNT] = {
            [TCG_I32] = TCG_F32, [TCG_I64] = TCG_F64, [TCG_F32] = TCG_I32, [TCG_F64] = TCG_I64};
        return partner[ta] != op->type || op->type == TCG_VOID ? "types of different sizes" : NULL;
    }
    case TCG_OP_vdup:
        return op->aux > 3 || (op->aux == 3 && ta != TCG_I64) ? "element size" : NULL;
    case TCG_OP_vget:
    case TCG_OP_vset:
        return op->imm < 0 || op->imm > 1 ? "no such half" : NULL;
    case TCG_OP_vextract:
    case TCG_OP_vinsert:
        return vector_fields(op, 0, 2, op->opc == TCG_OP_vextract ? TCG_VEC_UNSIGNED : 0,
                             (16 >> esize) - 1);
    case TCG_OP_vdupe:
        return vector_fields(op, 0, 3, 0, (16 >> esize) - 1);
    case TCG_OP_vand:
    case TCG_OP_vor:
    case TCG_OP_vxor:
    case TCG_OP_vandc:
    case TCG_OP_vorc:
    case TCG_OP_vnot:
    case TCG_OP_vbitsel:
    case TCG_OP_vtbl:
    case TCG_OP_vrbit:
    case TCG_OP_vpopcnt:
        return vector_fields(op, 0, 0, 0, 0);
    case TCG_OP_vadd:
    case TCG_OP_vsub:
    case TCG_OP_vcmpeq:
    case TCG_OP_vmul:
    case TCG_OP_vneg:
    case TCG_OP_vabs:
    case TCG_OP_vtst:
        return vector_fields(op, 0, 3, 0, 0);
    case TCG_OP_vcmpgt:
    case TCG_OP_vcmpge:
    case TCG_OP_vmin:
    case TCG_OP_vmax:
        return vector_fields(op, 0, 3, TCG_VEC_UNSIGNED, 0);
    case TCG_OP_vavg:
        return vector_fields(op, 0, 3, TCG_VEC_UNSIGNED | TCG_VEC_ROUND, 0);
    case TCG_OP_vqadd:
        return vector_fields(op, 0, 3, TCG_VEC_UNSIGNED | TCG_VEC_MIXED | TCG_VEC_QC, 0);
    case TCG_OP_vqsub:
        return vector_fields(op, 0, 3, TCG_VEC_UNSIGNED | TCG_VEC_QC, 0);
    case TCG_OP_vshli:
    case TCG_OP_vshri:
    case TCG_OP_vsari:
        return vector_fields(op, 0, 3, 0, (8 << esize) - 1);
    case TCG_OP_vshlv:
        return (op->aux & TCG_VEC_QC) && !(op->aux & TCG_VEC_SAT)
                   ? "QC without SAT"
                   : vector_fields(op, 0, 3,
                                   TCG_VEC_UNSIGNED | TCG_VEC_ROUND | TCG_VEC_SAT | TCG_VEC_QC, 0);
    case TCG_OP_vmull:
    case TCG_OP_vwiden:
        return vector_fields(op, 0, 2, TCG_VEC_UNSIGNED | TCG_VEC_HIGH, 0);
    case TCG_OP_vpmull:
        return esize == 1 || esize == 2 ? "element size" : vector_fields(op, 0, 3, TCG_VEC_HIGH, 0);
    case TCG_OP_vqdmulh:
        return vector_fields(op, 1, 2, TCG_VEC_ROUND | TCG_VEC_QC, 0);
    case TCG_OP_vqrdmlah:
        return vector_fields(op, 1, 2, TCG_VEC_NEGATE | TCG_VEC_QC, 0);
    case TCG_OP_vdot:
        return vector_fields(op, 0, 0, TCG_VEC_UNSIGNED | TCG_VEC_MIXED, 0);
    case TCG_OP_vqnarrow:
        return vector_fields(op, 0, 2, TCG_VEC_UNSIGNED | TCG_VEC_MIXED | TCG_VEC_QC, 0);
    case TCG_OP_vzip:
    case TCG_OP_vunzip:
    case TCG_OP_vtrn:
        return vector_fields(op, 0, 3, TCG_VEC_HIGH, 0);
    case TCG_OP_vext:
        return vector_fields(op, 0, 0, 0, 15);
    case TCG_OP_vrev:
        return op->imm <= 1 << esize || (op->imm & (op->imm - 1)) ? "group size"
                                                                  : vector_fields(op, 0, 2, 0, 8);
    case TCG_OP_vclz:
        return vector_fields(op, 0, 2, 0, 0);
    case TCG_OP_vaes:
        return vector_fields(op, 0, 0, 0, TCG_AES_COUNT - 1);
    case TCG_OP_vsha:
        return vector_fields(op, 0, 0, 0, TCG_SHA_COUNT - 1);
    case TCG_OP_vfcmp:
        return (op->aux & TCG_FP_ROUND_MASK) ? "no such rounding mode"
                                             : vector_fp_fields(op, 1, 3, TCG_FCOND_COUNT - 1);
    case TCG_OP_vfadd:
    case TCG_OP_vfsub:
    case TCG_OP_vfmul:
    case TCG_OP_vfdiv:
    case TCG_OP_vfsqrt:
    case TCG_OP_vfma:
    case TCG_OP_vfmin:
    case TCG_OP_vfmax:
    case TCG_OP_vfround:
        return vector_fp_fields(op, 1, 3, 0);
    case TCG_OP_vfcvt_fs:
    case TCG_OP_vfcvt_fu:
    case TCG_OP_vfcvt_sf:
    case TCG_OP_vfcvt_uf:
        return vector_fp_fields(op, 1, 3, 8 << tcg_fp_esize(op->aux));
    case TCG_OP_vfwiden:
        return (op->aux & (TCG_FP_V64 | TCG_FP_V1)) ? "part of the vector"
                                                    : vector_fp_fields(op, 1, 2, 1);
    case TCG_OP_vfnarrow:
        return (op->aux & (TCG_FP_V64 | TCG_FP_V1)) ? "part of the vector"
                                                    : vector_fp_fields(op, 2, 3, 0);
    case TCG_OP_label:
    case TCG_OP_br:
    case TCG_OP_br_if:
        return op->aux >= u->nlabels ? "no such label" : NULL;
    default:
        return NULL;
    }
}

/* The types that letter c of a signature allows, as a mask; of an operand also OWN or FIRST. */
static uint8_t letter_mask(char c, bool result)
{
    uint8_t m = 0;
    for (unsigned t = TCG_VOID + 1; t < TCG_TYPE_COUNT; t++) {
        if (result ? fits_result(c, t) : fits_operand(c, t, t)) {
            m |= 1u << t;
        }
    }
    return m;
}

void tcg_signatures(TCGSignature sig[TCG_OP_COUNT])
{
    for (unsigned opc = 0; opc < TCG_OP_COUNT; opc++) {
        const TCGOpDesc *d = &tcg_op_desc[opc];
        TCGSignature *s = &sig[opc];
        const char *p = d->sig + 1;
        s->result = letter_mask(d->sig[0], true);
        if (d->sig[0] == '-' || opc == TCG_OP_call) {
            s->result |= 1u << TCG_VOID;
        }
        for (unsigned i = 0; i < 3; i++) {
            if (*p) {
                bool own = (*p == 'T' || *p == 'F' || *p == 'X') && opc != TCG_OP_bitcast;
                s->operand[i] =
                    letter_mask(*p, false) | (own ? TCG_SIG_OWN : 0) |
                    (i == 1 && *p == p[-1] && (*p == 'S' || *p == 'N') ? TCG_SIG_FIRST : 0);
                p++;
            } else {
                bool number = opc == TCG_OP_atomic_rmw || (d->flags & TCG_OPF_EXIT);
                s->operand[i] = i == 2 && number ? TCG_SIG_NUMBER : 1u << TCG_VOID;
            }
        }
    }
}

static char *check_call(const TCGUnit *u, const TCGOp *op)
{
    if (op->imm < 0 || op->imm >= u->ncalls) {
        return g_strdup("call: no such call");
    }
    const TCGCall *c = &u->calls[op->imm];
    const TCGHelper *h = c->helper;
    if (h->nargs > TCG_MAX_ARGS || (h->ret != TCG_VOID && !tcg_type_int(h->ret))) {
        return g_strdup_printf("call: helper %s takes too much or returns neither i32 nor i64",
                               h->name);
    }
    if (op->type != h->ret) {
        return g_strdup_printf("call: not the type that %s returns", h->name);
    }
    for (unsigned i = 0; i < h->nargs; i++) {
        unsigned t = c->args[i].i < u->ops_cap ? u->ops[c->args[i].i].type : TCG_VOID;
        if (!tcg_type_int(h->args[i]) || !c->args[i].i || t != h->args[i]) {
            return g_strdup_printf("call: argument %u of %s is %s, not %s (i32 or i64 only)", i,
                                   h->name, type_name(t), type_name(h->args[i]));
        }
    }
    return NULL;
}

char *tcg_op_check(const TCGUnit *u, const TCGOp *op)
{
    if (op->opc >= TCG_OP_COUNT) {
        return g_strdup_printf("opcode %u", op->opc);
    }
    const TCGOpDesc *d = &tcg_op_desc[op->opc];
    if (op->opc == TCG_OP_call) {
        return check_call(u, op);
    }
    if (!fits_result(d->sig[0], op->type)) {
        return g_strdup_printf("%s: cannot be of type %s", d->name, type_name(op->type));
    }
    const TCGv v[3] = {op->a, op->b, op->c};
    const char *s = d->sig + 1;
    bool c_is_value = op->opc != TCG_OP_atomic_rmw && !(d->flags & TCG_OPF_EXIT);
    for (unsigned i = 0; i < 3; i++) {
        if (!*s) {
            if (v[i].i && (i < 2 || c_is_value)) {
                return g_strdup_printf("%s: has no operand %c", d->name, 'a' + i);
            }
            continue;
        }
        if (v[i].i >= u->ops_cap) {
            return g_strdup_printf("%s: operand %c is no op", d->name, 'a' + i);
        }
        const TCGOp *def = &u->ops[v[i].i];
        unsigned t =
            def->opc < TCG_OP_COUNT && tcg_op_desc[def->opc].sig[0] != '-' ? def->type : TCG_VOID;
        /* bitcast is the one op whose X is not its own type */
        bool ok =
            v[i].i && t != TCG_VOID && (op->opc == TCG_OP_bitcast || fits_operand(*s, t, op->type));
        if (ok && i == 1 && *s == s[-1] && (*s == 'S' || *s == 'N')) {
            ok = t == u->ops[op->a.i].type;
        }
        if (!ok) {
            return g_strdup_printf("%s.%s: operand %c is %s%s, the signature is %s", d->name,
                                   type_name(op->type), 'a' + i, v[i].i ? type_name(t) : "none",
                                   t == TCG_VOID && v[i].i ? " (an op without a value)" : "",
                                   d->sig);
        }
        s++;
    }
    if ((op->opc == TCG_OP_br_if || op->opc == TCG_OP_exit_if) &&
        op->type != u->ops[op->a.i].type) {
        return g_strdup_printf("%s: type is not the condition's", d->name);
    }
    const char *wrong = tcg_op_check_fields(u, op, op->a.i ? u->ops[op->a.i].type : TCG_VOID);
    return wrong ? g_strdup_printf("%s: %s", d->name, wrong) : NULL;
}

/* ---- whole units ---- */

#define NOWHERE UINT32_MAX

typedef struct Stretch {
    uint32_t begin; /* index of its label, or 0 */
    uint32_t idom;  /* the last op on every way to its begin */
} Stretch;

typedef struct Verifier {
    const TCGUnit *u;
    Stretch *stretches;
    uint16_t *stretch_of; /* per op */
    uint32_t nstretches;
    uint32_t *meet; /* per label: common dominator of the branches to it so far */
    bool *placed;   /* per label */
    bool reachable; /* the present op can be reached */
    unsigned nblocks;
} Verifier;

static uint32_t common_dominator(const Verifier *v, uint32_t x, uint32_t y)
{
    if (x == NOWHERE) {
        return y;
    }
    while (v->stretch_of[x] != v->stretch_of[y]) {
        if (v->stretch_of[x] > v->stretch_of[y]) {
            x = v->stretches[v->stretch_of[x]].idom;
        } else {
            y = v->stretches[v->stretch_of[y]].idom;
        }
    }
    return MIN(x, y);
}

static bool dominates(const Verifier *v, uint32_t def, uint32_t use)
{
    while (v->stretch_of[use] > v->stretch_of[def]) {
        use = v->stretches[v->stretch_of[use]].idom;
    }
    return v->stretch_of[use] == v->stretch_of[def] && def < use;
}

static char *check_uses(const Verifier *v, uint32_t i)
{
    const TCGUnit *u = v->u;
    const TCGOp *op = &u->ops[i];
    TCGv used[TCG_MAX_ARGS] = {op->a, op->b, op->c};
    unsigned n = 3;
    if (op->opc == TCG_OP_call) {
        memcpy(used, u->calls[op->imm].args, sizeof(used));
        n = u->calls[op->imm].helper->nargs;
    } else if (op->opc == TCG_OP_atomic_rmw || (tcg_op_desc[op->opc].flags & TCG_OPF_EXIT)) {
        n = 2;
    }
    for (unsigned k = 0; k < n; k++) {
        if (!used[k].i) {
            continue;
        }
        if (used[k].i >= i) {
            return g_strdup_printf("uses v%u before its definition", used[k].i);
        }
        if (!dominates(v, used[k].i, i)) {
            return g_strdup_printf("uses v%u, which is not defined on every way here", used[k].i);
        }
    }
    return NULL;
}

static char *check_label_op(Verifier *v, uint32_t i)
{
    unsigned l = v->u->ops[i].aux;
    uint32_t meet = v->meet[l];
    if (v->placed[l]) {
        return g_strdup_printf("label %u stands twice", l);
    }
    v->placed[l] = true;
    if (v->reachable) {
        meet = common_dominator(v, meet, i - 1);
    }
    if (meet == NOWHERE) {
        return g_strdup_printf("label %u cannot be reached", l);
    }
    v->stretches[++v->nstretches] = (Stretch){.begin = i, .idom = meet};
    v->stretch_of[i] = v->nstretches;
    v->reachable = true;
    return NULL;
}

static char *check_block_op(Verifier *v, uint32_t i)
{
    const TCGUnit *u = v->u;
    if (u->ops[i].imm < 0 || u->ops[i].imm >= 1 << 16) {
        return g_strdup("not an offset in a page");
    }
    for (uint32_t k = i + 1; k < u->nops; k++) {
        if (u->ops[k].opc == TCG_OP_block && u->ops[k].imm == u->ops[i].imm &&
            u->ops[k].aux <= u->ops[i].aux) {
            return g_strdup("another block of that offset follows");
        }
    }
    if (++v->nblocks > u->nblocks) {
        return g_strdup_printf("block %u of %u", v->nblocks, u->nblocks);
    }
    /* It may come from any exit: nothing before it dominates it. */
    v->stretches[++v->nstretches] = (Stretch){.begin = i, .idom = 0};
    v->stretch_of[i] = v->nstretches;
    v->reachable = true;
    return NULL;
}

static char *verify_op(Verifier *v, uint32_t i, unsigned *exits, int *insn)
{
    const TCGUnit *u = v->u;
    const TCGOp *op = &u->ops[i];
    char *wrong = tcg_op_check(u, op);
    if (wrong) {
        return wrong;
    }
    if (!v->reachable && op->opc != TCG_OP_label && op->opc != TCG_OP_block) {
        return g_strdup("cannot be reached");
    }
    v->stretch_of[i] = v->nstretches;
    if (op->opc == TCG_OP_label) {
        return check_label_op(v, i);
    }
    if (op->opc == TCG_OP_block) {
        return check_block_op(v, i);
    }
    wrong = check_uses(v, i);
    if (wrong) {
        return wrong;
    }
    switch (op->opc) {
    case TCG_OP_insn_start:
        if ((int)op->aux <= *insn || op->aux >= u->ninsns) {
            return g_strdup_printf("instruction %u after %d of %u", op->aux, *insn, u->ninsns);
        }
        *insn = op->aux;
        break;
    case TCG_OP_br:
    case TCG_OP_br_if:
        if (v->placed[op->aux]) {
            return g_strdup_printf("branch back to label %u", op->aux);
        }
        v->meet[op->aux] = common_dominator(v, v->meet[op->aux], i);
        break;
    case TCG_OP_exit_direct:
    case TCG_OP_exit_if:
        if (op->c.i != (*exits)++) {
            return g_strdup_printf("exit %u should be number %u", op->c.i, *exits - 1);
        }
        break;
    default:
        break;
    }
    unsigned flags = tcg_op_flags(u, op);
    if ((flags & TCG_OPF_FAULT) && *insn < 0) {
        return g_strdup("may fault before the first instruction starts");
    }
    if (flags & TCG_OPF_END) {
        v->reachable = false;
    }
    return NULL;
}

char *tcg_verify(const TCGUnit *u)
{
    unsigned exits = 0;
    int insn = -1;
    Verifier v = {.u = u, .reachable = true};
    if (u->overflow) {
        return g_strdup("the unit overflowed");
    }
    if (u->nops < 1 || u->nops > u->ops_cap || u->ops[0].opc != TCG_OP_nop || u->ops[0].type) {
        return g_strdup("op 0 is not the nop");
    }
    v.stretches = g_new0(Stretch, u->nlabels + u->nblocks + 1);
    v.stretch_of = g_new0(uint16_t, u->nops);
    v.meet = g_new(uint32_t, u->nlabels + 1);
    memset(v.meet, 0xff, (u->nlabels + 1) * sizeof(*v.meet));
    v.placed = g_new0(bool, u->nlabels + 1);
    char *wrong = NULL;
    for (uint32_t i = 1; i < u->nops && !wrong; i++) {
        char *w = verify_op(&v, i, &exits, &insn);
        if (w) {
            wrong = g_strdup_printf(
                "op %u (%s): %s", i,
                u->ops[i].opc < TCG_OP_COUNT ? tcg_op_desc[u->ops[i].opc].name : "?", w);
            g_free(w);
        }
    }
    if (!wrong && v.reachable) {
        wrong = g_strdup("the unit does not end in an exit");
    }
    for (unsigned l = 0; !wrong && l < u->nlabels; l++) {
        if (v.meet[l] != NOWHERE && !v.placed[l]) {
            wrong = g_strdup_printf("label %u is branched to and stands nowhere", l);
        }
    }
    if (!wrong && v.nblocks != u->nblocks) {
        wrong = g_strdup_printf("%u blocks, not %u", v.nblocks, u->nblocks);
    }
    if (!wrong && exits != u->nexits) {
        wrong = g_strdup_printf("%u direct exits, not %u", exits, u->nexits);
    }
    g_free(v.stretches);
    g_free(v.stretch_of);
    g_free(v.meet);
    g_free(v.placed);
    return wrong;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The IR builder: appends ops to a unit, folding (fold.c), merging and forwarding as it goes, so
 * that most units need no further pass over them. See include/tcg/build.h.
 *
 * Invariants:
 *   - u->ops[0 .. u->nops) is always a correct unit but for its missing end. What is emitted where
 *     nothing can be reached goes behind u->nops and is overwritten by what follows.
 *   - A value is reused (common subexpression, cell contents) only if no label lies between it and
 *     the use: within such a stretch every earlier op dominates every later one.
 *
 * One builder a thread. Tests: tests/unit/test-tcg.c.
 */
#include <string.h>
#include "tcg/internal.h"

G_STATIC_ASSERT(sizeof(TCGOp) == 24);
G_STATIC_ASSERT(offsetof(TCGOp, c) == 8);

TCGBuilder *tcg_builder_new(void)
{
    TCGBuilder *b = g_new0(TCGBuilder, 1);
    b->passes = TCG_OPT_ALL | TCG_OPT_VERIFY;
    tcg_signatures(b->sig);
    return b;
}

void tcg_builder_free(TCGBuilder *b)
{
    if (b) {
        g_free(b->facts);
        g_free(b->labels);
        g_free(b->old_ops);
        g_free(b->old_calls);
        g_free(b);
    }
}

void tcg_builder_set_passes(TCGBuilder *b, unsigned passes)
{
    b->passes = passes;
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__)
    b->passes |= TCG_OPT_VERIFY;
#endif
}

void tcg_builder_set_host(TCGBuilder *b, const bool has[TCG_OP_COUNT])
{
    b->has = has;
}

/* What the cells hold is not known from here on. */
static void forget_cells(TCGBuilder *b)
{
    if (++b->cell_gen == 0) {
        memset(b->cell, 0, sizeof(b->cell));
        b->cell_gen = 1;
    }
}

/* No value of before is reused from here on. */
static void forget(TCGBuilder *b)
{
    b->cse_barrier = b->n;
    forget_cells(b);
}

/* Facts for as many ops as there may be. */
static void make_room(TCGBuilder *b)
{
    if (b->facts_cap < b->u->ops_cap) {
        b->facts_cap = b->u->ops_cap;
        b->facts = g_renew(TCGFacts, b->facts, b->facts_cap);
    }
    b->room = MIN(b->u->ops_cap, TCG_OPS_MAX);
}

void tcg_begin(TCGBuilder *b, TCGUnit *u)
{
    uint16_t start = u->start;
    uint32_t guest_bytes = u->guest_bytes;
    tcg_unit_reset(u);
    u->start = start;
    u->guest_bytes = guest_bytes;
    u->folded = b->passes & TCG_OPT_FOLD;
    b->u = u;
    b->n = 1;
    b->dead = false;
    b->fp_barrier = 0;
    b->goes_on_at = b->loop_at = -1;
    make_room(b);
    b->facts[0] = (TCGFacts){.sign = 1};
    forget(b);
    b->cse_barrier = 0;
}

TCGUnit *tcg_unit_of(TCGBuilder *b)
{
    return b->u;
}

TCGType tcg_type(const TCGBuilder *b, TCGv v)
{
    return tcg_def(b, v)->type;
}

bool tcg_is_const(const TCGBuilder *b, TCGv v, int64_t *imm)
{
    return tcg_def_is_const(tcg_def(b, v), imm);
}

bool tcg_is_pcrel(const TCGBuilder *b, TCGv v, int64_t *rel)
{
    const TCGOp *d = tcg_def(b, v);
    if (d->opc != TCG_OP_pcrel) {
        return false;
    }
    *rel = d->imm;
    return true;
}

bool tcg_is_unreachable(const TCGBuilder *b)
{
    return b->dead;
}

/* There is no room for another op: make some, or give up the unit. */
static G_GNUC_NO_INLINE void grow_ops(TCGBuilder *b)
{
    TCGUnit *u = b->u;
    if (b->n >= TCG_OPS_MAX) {
        if (!b->dead || b->n == TCG_OPS_CAP) {
            b->n = TCG_OPS_MAX;
        }
        u->overflow = true;
        b->dead = true;
    }
    if (b->n >= u->ops_cap) {
        u->ops_cap = u->overflow ? TCG_OPS_CAP : MIN(u->ops_cap * 2, TCG_OPS_CAP);
        u->ops = g_renew(TCGOp, u->ops, u->ops_cap);
    }
    make_room(b);
}

/*
 * Ops are written and copied by 64-bit words: wider or narrower pieces would be read back by
 * instructions to which the processor cannot forward what was just written.
 */
static inline void op_init(TCGOp *op, unsigned opc, unsigned type, unsigned aux, TCGv x, TCGv y,
                           TCGv z, int64_t imm)
{
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
    uint64_t head = opc | type << 8 | aux << 16 | (uint64_t)x.i << 32 | (uint64_t)y.i << 48;
    uint64_t second = z.i;
    memcpy((char *)op, &head, 8);
    memcpy((char *)op + 8, &second, 8);
    op->imm = imm;
#else
    *op = (TCGOp){.opc = opc, .type = type, .aux = aux, .a = x, .b = y, .c = z, .imm = imm};
#endif
}

static inline void op_copy(TCGOp *to, const TCGOp *from)
{
    uint64_t first, second;
    memcpy(&first, from, 8);
    memcpy(&second, (const char *)from + 8, 8);
    __asm__("" : "+r"(first), "+r"(second)); /* not two words at a time */
    memcpy(to, &first, 8);
    memcpy((char *)to + 8, &second, 8);
    to->imm = from->imm;
}

/* The place of the next op, which the caller fills; there is room. */
static inline uint32_t next_slot(TCGBuilder *b)
{
    uint32_t i = b->n++;
    if (!b->dead) {
        b->u->nops = b->n;
    }
    return i;
}

static inline TCGv append_here(TCGBuilder *b, const TCGOp *op)
{
    uint32_t i = next_slot(b);
    op_copy(&b->u->ops[i], op);
    b->facts[i].sign = 0;
    return (TCGv){i};
}

/* What is rare is a function of its own, so that others need not save registers for its sake. */
static G_GNUC_NO_INLINE TCGv append_grown(TCGBuilder *b, const TCGOp *op)
{
    grow_ops(b);
    return append_here(b, op);
}

static G_GNUC_NO_INLINE TCGv append(TCGBuilder *b, const TCGOp *op)
{
    if (G_UNLIKELY(b->n >= b->room)) {
        return append_grown(b, op);
    }
    return append_here(b, op);
}

/* Where an op is looked for whose first word is head. */
static inline uint16_t *cse_slot(TCGBuilder *b, uint64_t head, TCGv c, int64_t imm)
{
    uint64_t h = head ^ ((uint64_t)imm << 23 | (uint64_t)imm >> 41) ^ (uint64_t)c.i << 11;
    return &b->cse[h * 0x9e3779b97f4a7c15u >> (64 - TCG_CSE_BITS)];
}

/* The op that computes the same as op, or none; else op takes the slot when it is appended next. */
static inline TCGv merge(TCGBuilder *b, const TCGOp *op, unsigned flags)
{
    uint64_t k0, d0;
    memcpy(&k0, op, sizeof(k0));
    uint16_t *slot = cse_slot(b, k0, op->c, op->imm);
    uint32_t i = *slot;
    if (i > b->cse_barrier && i < b->n && (!(flags & TCG_OPF_FPSTATUS) || i > b->fp_barrier)) {
        const TCGOp *d = &b->u->ops[i];
        memcpy(&d0, d, sizeof(d0));
        if (d0 == k0 && d->imm == op->imm && d->c.i == op->c.i) {
            return (TCGv){i};
        }
    }
    *slot = b->n;
    return TCG_NONE;
}

static inline bool fits(unsigned mask, unsigned type, unsigned own, unsigned first)
{
    return mask >> type & 1 && (!(mask & TCG_SIG_OWN) || type == own) &&
           (!(mask & TCG_SIG_FIRST) || type == first);
}

static void check_op(TCGBuilder *b, const TCGOp *op)
{
    const TCGSignature *s = &b->sig[op->opc];
    const TCGOp *ops = b->u->ops;
    unsigned own = op->type, ta = ops[op->a.i].type;
    if (G_UNLIKELY(
            !(s->result >> own & 1) || !fits(s->operand[0], ta, own, ta) ||
            !fits(s->operand[1], ops[op->b.i].type, own, ta) ||
            (s->operand[2] != TCG_SIG_NUMBER && !fits(s->operand[2], ops[op->c.i].type, own, ta)) ||
            tcg_op_check_fields(b->u, op, ta))) {
        char *wrong = tcg_op_check(b->u, op);
        g_error("IR builder: insn %u: %s", b->u->ninsns, wrong ? wrong : "malformed op");
    }
}

TCGv tcg_emit(TCGBuilder *b, TCGOp *op)
{
    unsigned flags = tcg_op_brief[op->opc];
    if (G_UNLIKELY(b->u->overflow)) {
        return append(b, op);
    }
    if (G_UNLIKELY(b->passes & TCG_OPT_VERIFY)) {
        check_op(b, op);
    }
    if ((flags & TCG_OPF_OPT) && b->has && !b->has[op->opc]) {
        return tcg_lower_op(b, op);
    }
    if (b->passes & TCG_OPT_FOLD) {
        TCGv v;
        if (!(flags & TCG_OPF_SIDE)) {
            if ((v = tcg_fold(b, op)).i || (v = merge(b, op, flags)).i) {
                return v;
            }
        } else if (op->opc == TCG_OP_ld || op->opc == TCG_OP_st) {
            if ((v = tcg_fold(b, op)).i) {
                return v;
            }
        }
    }
    return append(b, op);
}

static inline TCGv emit(TCGBuilder *b, unsigned opc, unsigned type, unsigned aux, TCGv x, TCGv y,
                        TCGv z, int64_t imm)
{
    TCGOp op;
    op_init(&op, opc, type, aux, x, y, z, imm);
    return tcg_emit(b, &op);
}

static G_GNUC_NO_INLINE void emit_plain_checked(TCGBuilder *b, const TCGOp *op)
{
    TCGv v = append(b, op);
    if ((b->passes & TCG_OPT_VERIFY) && !b->u->overflow) {
        check_op(b, &b->u->ops[v.i]);
    }
}

/* An op without result, for which there is no rule. */
static inline void emit_plain(TCGBuilder *b, unsigned opc, unsigned type, unsigned aux, TCGv x,
                              int64_t imm)
{
    if (G_UNLIKELY(b->n >= b->room || (b->passes & TCG_OPT_VERIFY))) {
        TCGOp op;
        op_init(&op, opc, type, aux, x, TCG_NONE, TCG_NONE, imm);
        emit_plain_checked(b, &op);
    } else {
        op_init(&b->u->ops[next_slot(b)], opc, type, aux, x, TCG_NONE, TCG_NONE, imm);
    }
}

#define NO TCG_NONE

/* ---- values and cells ---- */

void tcg_gen_insn_start(TCGBuilder *b, int64_t page_offset)
{
    unsigned n = b->u->ninsns;
    b->u->ninsns = n + !b->dead;
    emit_plain(b, TCG_OP_insn_start, TCG_VOID, n, NO, page_offset);
}

TCGv tcg_const(TCGBuilder *b, TCGType t, int64_t imm)
{
    TCGOp op;
    imm = t == TCG_I32 ? (int32_t)imm : imm;
    if (G_UNLIKELY((b->passes & (TCG_OPT_FOLD | TCG_OPT_VERIFY)) != TCG_OPT_FOLD ||
                   b->u->overflow || b->n >= b->room)) {
        op_init(&op, TCG_OP_const, t, 0, NO, NO, NO, imm);
        return tcg_emit(b, &op);
    }
    op_init(&op, TCG_OP_const, t, 0, NO, NO, NO, imm);
    TCGv v = merge(b, &op, 0);
    return v.i ? v : append_here(b, &op);
}

TCGv tcg_fconst(TCGBuilder *b, TCGType t, uint64_t bits)
{
    return emit(b, TCG_OP_fconst, t, 0, NO, NO, NO, t == TCG_F32 ? (uint32_t)bits : bits);
}

TCGv tcg_vconst(TCGBuilder *b, uint64_t both)
{
    return emit(b, TCG_OP_vconst, TCG_V128, 0, NO, NO, NO, both);
}

TCGv tcg_gen_pcrel(TCGBuilder *b, int64_t rel)
{
    return emit(b, TCG_OP_pcrel, TCG_I64, 0, NO, NO, NO, rel);
}

static void check_cell(TCGBuilder *b, unsigned cell)
{
    if (G_UNLIKELY(b->passes & TCG_OPT_VERIFY) && cell >= b->u->ncells) {
        g_error("IR builder: insn %u: no cell %u", b->u->ninsns, cell);
    }
}

TCGv tcg_gen_getcell(TCGBuilder *b, unsigned cell)
{
    check_cell(b, cell);
    bool forward = b->passes & TCG_OPT_FOLD;
    if (forward && b->cell[cell].gen == b->cell_gen && !b->u->overflow) {
        return b->cell[cell].v;
    }
    TCGOp op;
    op_init(&op, TCG_OP_getcell, b->u->cells[cell].type, cell, TCG_NONE, TCG_NONE, TCG_NONE, 0);
    TCGv v = append(b, &op);
    b->cell[cell].gen = b->cell_gen;
    b->cell[cell].v = v;
    return v;
}

void tcg_gen_setcell(TCGBuilder *b, unsigned cell, TCGv v)
{
    check_cell(b, cell);
    if ((b->passes & TCG_OPT_FOLD) && b->cell[cell].gen == b->cell_gen &&
        b->cell[cell].v.i == v.i) {
        return;
    }
    b->cell[cell].gen = b->cell_gen;
    b->cell[cell].v = v;
    emit_plain(b, TCG_OP_setcell, tcg_def(b, v)->type, cell, v, 0);
}

TCGv tcg_gen_ldenv(TCGBuilder *b, TCGType t, TCGMemOp m, size_t offset)
{
    return emit(b, TCG_OP_ldenv, t, m, NO, NO, NO, offset);
}

void tcg_gen_stenv(TCGBuilder *b, TCGMemOp m, TCGv v, size_t offset)
{
    emit(b, TCG_OP_stenv, tcg_type(b, v), m, v, NO, NO, offset);
}

/* ---- integer ---- */

#define GEN_BIN(n)                                                                                 \
    TCGv tcg_gen_##n(TCGBuilder *b, TCGv x, TCGv y)                                                \
    {                                                                                              \
        return emit(b, TCG_OP_##n, tcg_type(b, x), 0, x, y, NO, 0);                                \
    }
#define GEN_UN(n)                                                                                  \
    TCGv tcg_gen_##n(TCGBuilder *b, TCGv x)                                                        \
    {                                                                                              \
        return emit(b, TCG_OP_##n, tcg_type(b, x), 0, x, NO, NO, 0);                               \
    }
TCG_BINOPS(GEN_BIN)
TCG_UNOPS(GEN_UN)

/* neutral: x op 0 is x, for which no constant need be made. */
#define GEN_BIN_IMM(name, op, T, neutral)                                                          \
    TCGv tcg_gen_##name(TCGBuilder *b, TCGv x, T imm)                                              \
    {                                                                                              \
        if ((neutral) && imm == 0 && (b->passes & TCG_OPT_FOLD)) {                                 \
            return x;                                                                              \
        }                                                                                          \
        return tcg_gen_##op(b, x, tcg_const(b, tcg_type(b, x), imm));                              \
    }
GEN_BIN_IMM(addi, add, int64_t, true)
GEN_BIN_IMM(andi, and, int64_t, false)
GEN_BIN_IMM(ori, or, int64_t, true)
GEN_BIN_IMM(xori, xor, int64_t, true)
GEN_BIN_IMM(shli, shl, unsigned, true)
GEN_BIN_IMM(shri, shr, unsigned, true)
GEN_BIN_IMM(sari, sar, unsigned, true)
GEN_BIN_IMM(rotri, rotr, unsigned, true)

TCGv tcg_gen_exts(TCGBuilder *b, TCGv x)
{
    return emit(b, TCG_OP_exts, TCG_I64, 0, x, NO, NO, 0);
}

TCGv tcg_gen_extu(TCGBuilder *b, TCGv x)
{
    return emit(b, TCG_OP_extu, TCG_I64, 0, x, NO, NO, 0);
}

TCGv tcg_gen_anyext(TCGBuilder *b, TCGv x)
{
    const TCGOp *op = &b->u->ops[x.i];

    if (op->type == TCG_I64) {
        return x;
    }
    return op->opc == TCG_OP_trunc ? op->a : tcg_gen_extu(b, x);
}

TCGv tcg_gen_trunc(TCGBuilder *b, TCGv x)
{
    return emit(b, TCG_OP_trunc, TCG_I32, 0, x, NO, NO, 0);
}

TCGv tcg_gen_ext32s(TCGBuilder *b, TCGv x)
{
    return tcg_gen_exts(b, tcg_gen_trunc(b, x));
}

TCGv tcg_gen_ext32u(TCGBuilder *b, TCGv x)
{
    return tcg_gen_extu(b, tcg_gen_trunc(b, x));
}

TCGv tcg_gen_extract(TCGBuilder *b, TCGv x, unsigned pos, unsigned len)
{
    return emit(b, TCG_OP_extract, tcg_type(b, x), pos | len << 8, x, NO, NO, 0);
}

TCGv tcg_gen_sextract(TCGBuilder *b, TCGv x, unsigned pos, unsigned len)
{
    return emit(b, TCG_OP_sextract, tcg_type(b, x), pos | len << 8, x, NO, NO, 0);
}

TCGv tcg_gen_deposit(TCGBuilder *b, TCGv x, TCGv field, unsigned pos, unsigned len)
{
    return emit(b, TCG_OP_deposit, tcg_type(b, x), pos | len << 8, x, field, NO, 0);
}

TCGv tcg_gen_setcond(TCGBuilder *b, TCGType t, TCGCond cond, TCGv x, TCGv y)
{
    return emit(b, TCG_OP_setcond, t, cond, x, y, NO, 0);
}

TCGv tcg_gen_setcondi(TCGBuilder *b, TCGType t, TCGCond cond, TCGv x, int64_t y)
{
    return tcg_gen_setcond(b, t, cond, x, tcg_const(b, tcg_type(b, x), y));
}

TCGv tcg_gen_select(TCGBuilder *b, TCGv cond, TCGv if_true, TCGv if_false)
{
    return emit(b, TCG_OP_select, tcg_type(b, if_true), 0, cond, if_true, if_false, 0);
}

/* ---- floating point ---- */

#define GEN_FP1(n)                                                                                 \
    TCGv tcg_gen_##n(TCGBuilder *b, unsigned fp, TCGv x)                                           \
    {                                                                                              \
        return emit(b, TCG_OP_##n, tcg_type(b, x), fp, x, NO, NO, 0);                              \
    }
#define GEN_FP2(n)                                                                                 \
    TCGv tcg_gen_##n(TCGBuilder *b, unsigned fp, TCGv x, TCGv y)                                   \
    {                                                                                              \
        return emit(b, TCG_OP_##n, tcg_type(b, x), fp, x, y, NO, 0);                               \
    }
#define GEN_FCVT(n)                                                                                \
    TCGv tcg_gen_##n(TCGBuilder *b, TCGType to, unsigned fp, TCGv x)                               \
    {                                                                                              \
        return emit(b, TCG_OP_##n, to, fp, x, NO, NO, 0);                                          \
    }
GEN_FP2(fadd)
GEN_FP2(fsub)
GEN_FP2(fmul)
GEN_FP2(fdiv)
GEN_FP2(fmin)
GEN_FP2(fmax)
GEN_FP1(fsqrt)
GEN_FP1(fround)
GEN_FCVT(fcvt_ff)
GEN_FCVT(fcvt_fs)
GEN_FCVT(fcvt_fu)
GEN_FCVT(fcvt_sf)
GEN_FCVT(fcvt_uf)

TCGv tcg_gen_fma(TCGBuilder *b, unsigned fp, TCGv x, TCGv y, TCGv z)
{
    return emit(b, TCG_OP_fma, tcg_type(b, x), fp, x, y, z, 0);
}

TCGv tcg_gen_fneg(TCGBuilder *b, TCGv x)
{
    return emit(b, TCG_OP_fneg, tcg_type(b, x), 0, x, NO, NO, 0);
}

TCGv tcg_gen_fabs(TCGBuilder *b, TCGv x)
{
    return emit(b, TCG_OP_fabs, tcg_type(b, x), 0, x, NO, NO, 0);
}

TCGv tcg_gen_fcopysign(TCGBuilder *b, TCGv mag, TCGv sign)
{
    return emit(b, TCG_OP_fcopysign, tcg_type(b, mag), 0, mag, sign, NO, 0);
}

TCGv tcg_gen_fcmp(TCGBuilder *b, TCGType t, unsigned cond, TCGv x, TCGv y)
{
    return emit(b, TCG_OP_fcmp, t, cond, x, y, NO, 0);
}

TCGv tcg_gen_fcvt_hf(TCGBuilder *b, TCGType to, unsigned fp, TCGv x)
{
    return emit(b, TCG_OP_fcvt_hf, to, fp, x, NO, NO, 0);
}

TCGv tcg_gen_fcvt_fh(TCGBuilder *b, unsigned fp, TCGv x)
{
    return emit(b, TCG_OP_fcvt_fh, TCG_I32, fp, x, NO, NO, 0);
}

TCGv tcg_gen_fcvt_fixed(TCGBuilder *b, TCGOpcode opc, TCGType to, unsigned fp, TCGv x,
                        unsigned fbits)
{
    return emit(b, opc, to, fp, x, NO, NO, fbits);
}

TCGv tcg_gen_bitcast(TCGBuilder *b, TCGType to, TCGv x)
{
    return emit(b, TCG_OP_bitcast, to, 0, x, NO, NO, 0);
}

TCGv tcg_gen_fbox(TCGBuilder *b, TCGv x)
{
    return emit(b, TCG_OP_fbox, TCG_F64, 0, x, NO, NO, 0);
}

TCGv tcg_gen_funbox(TCGBuilder *b, TCGv x)
{
    return emit(b, TCG_OP_funbox, TCG_F32, 0, x, NO, NO, 0);
}

/* ---- vectors ---- */

TCGv tcg_gen_v1(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x)
{
    return emit(b, opc, TCG_V128, aux, x, NO, NO, 0);
}

TCGv tcg_gen_v1i(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, unsigned imm)
{
    return emit(b, opc, TCG_V128, aux, x, NO, NO, imm);
}

TCGv tcg_gen_v2(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y)
{
    return emit(b, opc, TCG_V128, aux, x, y, NO, 0);
}

TCGv tcg_gen_v2i(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y, unsigned imm)
{
    return emit(b, opc, TCG_V128, aux, x, y, NO, imm);
}

TCGv tcg_gen_v3(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y, TCGv z)
{
    return emit(b, opc, TCG_V128, aux, x, y, z, 0);
}

TCGv tcg_gen_v3i(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y, TCGv z, unsigned imm)
{
    return emit(b, opc, TCG_V128, aux, x, y, z, imm);
}

TCGv tcg_gen_vshift(TCGBuilder *b, TCGOpcode opc, unsigned esize_log2, TCGv x, unsigned n)
{
    return emit(b, opc, TCG_V128, esize_log2, x, NO, NO, n);
}

TCGv tcg_gen_vld_lo(TCGBuilder *b, TCGv x)
{
    return emit(b, TCG_OP_vld_lo, TCG_V128, 0, x, NO, NO, 0);
}

TCGv tcg_gen_vlow(TCGBuilder *b, TCGType t, TCGv x)
{
    return emit(b, TCG_OP_vlow, t, 0, x, NO, NO, 0);
}

TCGv tcg_gen_vget(TCGBuilder *b, TCGv x, unsigned half)
{
    return emit(b, TCG_OP_vget, TCG_I64, 0, x, NO, NO, half);
}

TCGv tcg_gen_vset(TCGBuilder *b, TCGv x, TCGv y, unsigned half)
{
    return emit(b, TCG_OP_vset, TCG_V128, 0, x, y, NO, half);
}

TCGv tcg_gen_vextract(TCGBuilder *b, TCGType t, unsigned aux, TCGv x, unsigned i)
{
    if ((aux & TCG_VEC_ESIZE) == 3) {
        return tcg_gen_vget(b, x, i);
    }
    return emit(b, TCG_OP_vextract, t, aux, x, NO, NO, i);
}

TCGv tcg_gen_vinsert(TCGBuilder *b, unsigned esize_log2, TCGv x, TCGv y, unsigned i)
{
    if (esize_log2 == 3) {
        return tcg_gen_vset(b, x, y, i);
    }
    return emit(b, TCG_OP_vinsert, TCG_V128, esize_log2, x, y, NO, i);
}

TCGv tcg_gen_vdup(TCGBuilder *b, unsigned esize_log2, TCGv x)
{
    return emit(b, TCG_OP_vdup, TCG_V128, esize_log2, x, NO, NO, 0);
}

TCGv tcg_gen_vdupe(TCGBuilder *b, unsigned esize_log2, TCGv x, unsigned i)
{
    return emit(b, TCG_OP_vdupe, TCG_V128, esize_log2, x, NO, NO, i);
}

/* What is made of these. */

TCGv tcg_gen_vlo64(TCGBuilder *b, TCGv x)
{
    return tcg_gen_vld_lo(b, tcg_gen_vlow(b, TCG_F64, x));
}

TCGv tcg_gen_vsat(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y, TCGv *qc)
{
    TCGv v = tcg_gen_v2(b, opc, aux, x, y);
    if ((opc == TCG_OP_vqadd && !(aux & TCG_VEC_MIXED)) || opc == TCG_OP_vqsub) {
        /* It is not what wraps around. */
        unsigned wraps = opc == TCG_OP_vqadd ? TCG_OP_vadd : TCG_OP_vsub;
        *qc = tcg_gen_v2(b, TCG_OP_vxor, 0, v, tcg_gen_v2(b, wraps, aux & TCG_VEC_ESIZE, x, y));
    } else {
        *qc = tcg_gen_v2(b, opc, aux | TCG_VEC_QC, x, y);
    }
    return v;
}

TCGv tcg_gen_vrshri(TCGBuilder *b, unsigned aux, TCGv x, unsigned n)
{
    unsigned esize = aux & TCG_VEC_ESIZE, w = 8u << esize;
    TCGOpcode shift = aux & TCG_VEC_UNSIGNED ? TCG_OP_vshri : TCG_OP_vsari;
    TCGv last =
        tcg_gen_vshift(b, TCG_OP_vshri, esize, x, n - 1); /* the last bit to go: rounds up */
    if (n < w) {
        uint64_t one = w == 64 ? 1 : UINT64_MAX / ((UINT64_C(1) << w) - 1);
        last = tcg_gen_v2(b, TCG_OP_vand, 0, last, tcg_vconst(b, one));
    }
    if (n == w) {
        /* Only unsigned ones round up to 1; of signed ones -1/2 or more, and less than 1/2, is left
         */
        return aux & TCG_VEC_UNSIGNED ? last : tcg_vconst(b, 0);
    }
    return tcg_gen_v2(b, TCG_OP_vadd, esize, tcg_gen_vshift(b, shift, esize, x, n), last);
}

TCGv tcg_gen_vhsub(TCGBuilder *b, unsigned aux, TCGv x, TCGv y)
{
    unsigned esize = aux & TCG_VEC_ESIZE;
    TCGOpcode shift = aux & TCG_VEC_UNSIGNED ? TCG_OP_vshri : TCG_OP_vsari;
    TCGv differ = tcg_gen_v2(b, TCG_OP_vxor, 0, x, y);
    return tcg_gen_v2(b, TCG_OP_vsub, esize, tcg_gen_vshift(b, shift, esize, differ, 1),
                      tcg_gen_v2(b, TCG_OP_vandc, 0, y, x));
}

TCGv tcg_gen_vabd(TCGBuilder *b, unsigned aux, TCGv x, TCGv y)
{
    return tcg_gen_v2(b, TCG_OP_vsub, aux & TCG_VEC_ESIZE, tcg_gen_v2(b, TCG_OP_vmax, aux, x, y),
                      tcg_gen_v2(b, TCG_OP_vmin, aux, x, y));
}

TCGv tcg_gen_vpair(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y)
{
    unsigned esize = aux & TCG_VEC_ESIZE;
    return tcg_gen_v2(b, opc, aux, tcg_gen_v2(b, TCG_OP_vunzip, esize, x, y),
                      tcg_gen_v2(b, TCG_OP_vunzip, esize | TCG_VEC_HIGH, x, y));
}

TCGv tcg_gen_vreduce(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, unsigned n)
{
    for (n /= 2; n; n /= 2) {
        unsigned bytes = n << (aux & TCG_VEC_ESIZE);
        x = tcg_gen_v2(b, opc, aux, x, tcg_gen_v2i(b, TCG_OP_vext, 0, x, x, bytes));
    }
    return x;
}

TCGv tcg_gen_vtable(TCGBuilder *b, const TCGv *table, unsigned n, TCGv index, TCGv otherwise)
{
    TCGv r = tcg_gen_v2(b, TCG_OP_vtbl, 0, table[0], index);
    for (unsigned i = 1; i < n; i++) {
        TCGv base = tcg_vconst(b, UINT64_C(0x1010101010101010) * i);
        TCGv k = tcg_gen_v2(b, TCG_OP_vsub, 0, index, base);
        r = tcg_gen_v2(b, TCG_OP_vor, 0, r, tcg_gen_v2(b, TCG_OP_vtbl, 0, table[i], k));
    }
    if (!otherwise.i) {
        return r;
    }
    TCGv limit = tcg_vconst(b, UINT64_C(0x0101010101010101) * (16 * n));
    TCGv beyond = tcg_gen_v2(b, TCG_OP_vcmpge, TCG_VEC_UNSIGNED, index, limit);
    return tcg_gen_v3(b, TCG_OP_vbitsel, 0, beyond, otherwise, r);
}

/* ---- guest memory ---- */

TCGv tcg_gen_ld(TCGBuilder *b, TCGType t, TCGMemOp m, TCGv addr, int64_t disp)
{
    return emit(b, TCG_OP_ld, t, m, addr, NO, NO, disp);
}

void tcg_gen_st(TCGBuilder *b, TCGMemOp m, TCGv addr, int64_t disp, TCGv val)
{
    emit(b, TCG_OP_st, tcg_type(b, val), m, addr, val, NO, disp);
}

TCGv tcg_gen_atomic_rmw(TCGBuilder *b, TCGType t, TCGMemOp m, TCGRmw op, TCGv addr, TCGv val)
{
    return emit(b, TCG_OP_atomic_rmw, t, m, addr, val, (TCGv){op}, 0);
}

TCGv tcg_gen_cmpxchg(TCGBuilder *b, TCGType t, TCGMemOp m, TCGv addr, TCGv expect, TCGv desired)
{
    return emit(b, TCG_OP_cmpxchg, t, m, addr, expect, desired, 0);
}

void tcg_gen_probe(TCGBuilder *b, TCGMemOp m, TCGv addr, bool store)
{
    emit(b, TCG_OP_probe, TCG_I64, m, addr, NO, NO, store ? INT64_C(1) << 62 : 0);
}

void tcg_gen_fence(TCGBuilder *b, unsigned orderings)
{
    if (orderings) {
        emit(b, TCG_OP_fence, TCG_VOID, orderings, NO, NO, NO, 0);
    }
}

/* ---- calls ---- */

static void check_call(TCGBuilder *b, const TCGHelper *h, unsigned nargs, const TCGv *args)
{
#ifndef NDEBUG
    if (nargs != h->nargs) {
        g_error("IR builder: insn %u: %s takes %u arguments, not %u", b->u->ninsns, h->name,
                h->nargs, nargs);
    }
    for (unsigned i = 0; i < nargs && !b->u->overflow; i++) {
        if (tcg_type(b, args[i]) != h->args[i]) {
            g_error("IR builder: insn %u: argument %u of %s has the wrong type", b->u->ninsns, i,
                    h->name);
        }
    }
#endif
}

TCGv tcg_gen_call(TCGBuilder *b, const TCGHelper *h, unsigned nargs, const TCGv *args)
{
    TCGUnit *u = b->u;
    check_call(b, h, nargs, args);
    if (u->ncalls >= u->calls_cap) {
        u->calls_cap *= 2;
        u->calls = g_renew(TCGCall, u->calls, u->calls_cap);
    }
    TCGCall *call = &u->calls[u->ncalls];
    call->helper = h;
    for (unsigned i = 0; i < TCG_MAX_ARGS; i++) {
        call->args[i] = i < nargs ? args[i] : TCG_NONE;
    }
    TCGOp op = {.opc = TCG_OP_call, .type = h->ret, .imm = u->ncalls};
    TCGv v = append(b, &op);
    if (!b->dead) {
        u->ncalls++;
    }
    if (h->flags & TCG_HELPER_FP) {
        b->fp_barrier = v.i;
    }
    if (h->flags & TCG_HELPER_WRITES_ALL) {
        forget_cells(b);
    } else {
        for (unsigned i = 0; i < TCG_MAX_CELLS / 64; i++) {
            for (uint64_t w = h->writes.w[i]; w; w &= w - 1) {
                b->cell[i * 64 + __builtin_ctzll(w)].gen = 0;
            }
        }
    }
    if (h->flags & TCG_HELPER_NORETURN) {
        b->dead = true;
    }
    return h->ret == TCG_VOID ? TCG_NONE : v;
}

/* ---- control ---- */

TCGLabel tcg_new_label(TCGBuilder *b)
{
    TCGUnit *u = b->u;
    if (u->nlabels >= b->labels_cap) {
        b->labels_cap = MAX(64, b->labels_cap * 2);
        b->labels = g_realloc_n(b->labels, b->labels_cap, sizeof(*b->labels));
    }
    if (u->nlabels == UINT16_MAX) {
        u->overflow = true;
        b->dead = true;
        return (TCGLabel){0};
    }
    b->labels[u->nlabels] = (struct TCGLabelState){0};
    return (TCGLabel){u->nlabels++};
}

static void check_label(TCGBuilder *b, TCGLabel l, const char *what)
{
#ifndef NDEBUG
    if (b->u->overflow) {
        return;
    }
    if (l.i >= b->u->nlabels) {
        g_error("IR builder: insn %u: no label %u", b->u->ninsns, l.i);
    }
    if (b->labels[l.i].placed) {
        g_error("IR builder: insn %u: %s label %u, which stands already", b->u->ninsns, what, l.i);
    }
#endif
}

void tcg_gen_label(TCGBuilder *b, TCGLabel l)
{
    TCGUnit *u = b->u;
    check_label(b, l, "placing");
    if (u->overflow) {
        return;
    }
    bool fold = b->passes & TCG_OPT_FOLD;
    struct TCGLabelState *state = &b->labels[l.i];
    state->placed = true;
    const TCGOp *last = &u->ops[u->nops - 1];
    if (fold && b->dead && last->opc == TCG_OP_br && last->aux == l.i) {
        /* A branch to what follows it. Its stretch goes on if nobody else comes here. */
        if (b->n != u->nops) {
            /* The unreachable code may have set cells. */
            forget_cells(b);
        }
        u->nops--;
        b->n = u->nops;
        b->dead = false;
        state->refs--;
    }
    if (!state->refs && (fold || b->dead)) {
        return;
    }
    b->n = u->nops;
    b->dead = false;
    forget(b);
    emit(b, TCG_OP_label, TCG_VOID, l.i, NO, NO, NO, 0);
}

void tcg_gen_block(TCGBuilder *b, int64_t page_offset)
{
    TCGUnit *u = b->u;
    if (u->overflow) {
        return;
    }
    b->n = u->nops;
    b->dead = false;
    forget(b);
    emit(b, TCG_OP_block, TCG_VOID, 0, NO, NO, NO, page_offset);
    u->nblocks++;
}

/* What the cell held by value v is known to hold, in terms of other cells that are pinned rather
 * than it. */
static bool find_cell_fact(TCGBuilder *b, unsigned cell, TCGCellFact *f)
{
    const TCGCell *cells = b->u->cells;
    TCGv v = b->cell[cell].v;
    unsigned best = cells[cell].pin ? cells[cell].pin : 256;

    *f = (TCGCellFact){.cell = cell};
    if (tcg_is_const(b, v, &f->imm)) {
        return true;
    }
    for (unsigned k = 0; k < b->u->ncells; k++) {
        unsigned rank = cells[k].pin ? cells[k].pin : 255;
        if (k != cell && b->cell[k].gen == b->cell_gen && b->cell[k].v.i == v.i &&
            cells[k].type == cells[cell].type && rank < best) {
            best = rank;
            f->source = k + 1;
        }
    }
    return f->source;
}

/* An exit to the loop's begin. */
static void note_loop_exit(TCGBuilder *b)
{
    unsigned n = 0;

    for (unsigned k = 0; k < b->u->ncells && !b->loop_exits; k++) {
        TCGCellFact f;
        if (b->cell[k].gen == b->cell_gen && n < TCG_MAX_CELL_FACTS && find_cell_fact(b, k, &f)) {
            b->cell_facts[n++] = f;
        }
    }
    for (unsigned k = 0; k < b->n_cell_facts && b->loop_exits; k++) {
        TCGCellFact f, old = b->cell_facts[k];
        if (b->cell[old.cell].gen == b->cell_gen && find_cell_fact(b, old.cell, &f) &&
            f.source == old.source && f.imm == old.imm) {
            b->cell_facts[n++] = f;
        }
    }
    b->n_cell_facts = n;
    b->loop_exits = true;
}

void tcg_gen_loop(TCGBuilder *b, int64_t page_offset)
{
    b->loop_at = page_offset;
    b->loop_exits = false;
    b->n_cell_facts = b->n_assumed = 0;
}

bool tcg_gen_steady_block(TCGBuilder *b)
{
    if (!b->loop_exits || !(b->passes & TCG_OPT_FOLD) || b->u->overflow) {
        return false;
    }
    tcg_gen_block(b, b->loop_at);
    b->u->ops[b->u->nops - 1].aux = 1;
    memcpy(b->assumed, b->cell_facts, sizeof(b->assumed));
    b->n_assumed = b->n_cell_facts;
    b->loop_exits = false;
    b->n_cell_facts = 0;
    for (unsigned k = 0; k < b->n_assumed; k++) {
        const TCGCellFact *f = &b->assumed[k];
        b->cell[f->cell].v = f->source ? tcg_gen_getcell(b, f->source - 1)
                                       : tcg_const(b, b->u->cells[f->cell].type, f->imm);
        b->cell[f->cell].gen = b->cell_gen;
    }
    return true;
}

bool tcg_loop_is_steady(const TCGBuilder *b)
{
    for (unsigned k = 0; k < b->n_assumed && b->loop_exits; k++) {
        const TCGCellFact *a = &b->assumed[k];
        bool found = false;
        for (unsigned j = 0; j < b->n_cell_facts; j++) {
            const TCGCellFact *f = &b->cell_facts[j];
            found |= f->cell == a->cell && f->source == a->source && f->imm == a->imm;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

void tcg_gen_goes_on_at(TCGBuilder *b, int64_t rel)
{
    b->goes_on_at = rel;
}

void tcg_gen_br(TCGBuilder *b, TCGLabel l)
{
    check_label(b, l, "branching back to");
    emit(b, TCG_OP_br, TCG_VOID, l.i, NO, NO, NO, 0);
    if (!b->dead) {
        b->labels[l.i].refs++;
        b->dead = true;
    }
}

/* cond without a comparison against zero around it. */
static TCGv simple_cond(TCGBuilder *b, TCGv cond)
{
    int64_t k;
    const TCGOp *d = tcg_def(b, cond);
    while ((b->passes & TCG_OPT_FOLD) && !b->u->overflow &&
           ((d->opc == TCG_OP_setcond && d->aux == TCG_COND_NE && tcg_is_const(b, d->b, &k) &&
             k == 0) ||
            (d->opc == TCG_OP_extu && tcg_facts(b, d->a)->zero == ~UINT64_C(1)))) {
        cond = d->a;
        d = tcg_def(b, cond);
    }
    return cond;
}

void tcg_gen_br_if(TCGBuilder *b, TCGv cond, TCGLabel l)
{
    int64_t k;
    check_label(b, l, "branching back to");
    cond = simple_cond(b, cond);
    if ((b->passes & TCG_OPT_FOLD) && tcg_is_const(b, cond, &k)) {
        if (k) {
            tcg_gen_br(b, l);
        }
        return;
    }
    emit(b, TCG_OP_br_if, tcg_type(b, cond), l.i, cond, NO, NO, 0);
    if (!b->dead) {
        b->labels[l.i].refs++;
    }
}

/* aux of an exit to rel. */
static unsigned exit_aux(TCGBuilder *b, int64_t rel)
{
    if (rel < 0 || rel != b->loop_at || b->dead || b->u->overflow) {
        return 0;
    }
    note_loop_exit(b);
    return TCG_EXIT_STEADY;
}

static void exit_direct(TCGBuilder *b, int64_t rel)
{
    emit(b, TCG_OP_exit_direct, TCG_VOID, exit_aux(b, rel), NO, NO, (TCGv){b->u->nexits}, rel);
    b->u->nexits += !b->dead;
    b->dead = true;
}

void tcg_gen_exit_direct(TCGBuilder *b, int64_t rel)
{
    if (rel != b->goes_on_at) {
        exit_direct(b, rel);
    }
}

void tcg_gen_exit_if(TCGBuilder *b, TCGv cond, int64_t rel, bool likely)
{
    int64_t k;
    cond = simple_cond(b, cond);
    if ((b->passes & TCG_OPT_FOLD) && tcg_is_const(b, cond, &k)) {
        if (k) {
            exit_direct(b, rel);
        }
        return;
    }
    emit(b, TCG_OP_exit_if, tcg_type(b, cond), likely | exit_aux(b, rel), cond, NO,
         (TCGv){b->u->nexits}, rel);
    b->u->nexits += !b->dead;
}

void tcg_gen_exit_lookup(TCGBuilder *b, TCGv pc)
{
    emit(b, TCG_OP_exit_lookup, TCG_I64, 0, pc, NO, NO, 0);
    b->dead = true;
}

void tcg_gen_exit_main(TCGBuilder *b, TCGv pc)
{
    emit(b, TCG_OP_exit_main, TCG_I64, 0, pc, NO, NO, 0);
    b->dead = true;
}

/* ---- building again ---- */

/* The exit that o became, if there is one, behind the first nops ops. */
static void keep_steady(TCGBuilder *b, uint32_t nops, const TCGOp *o)
{
    if (b->u->nops > nops) {
        b->u->ops[b->u->nops - 1].aux |= o->aux & TCG_EXIT_STEADY;
    }
}

/* One op of the old array into the builder; map of old to new values in the old ops' scratch. */
static TCGv rebuild_op(TCGBuilder *b, const TCGOp *old, const TCGOp *o)
{
    TCGOp op = *o;
    uint32_t nops = b->u->nops;
    op.uses = 0;
    op.scratch = 0;
    op.a.i = old[o->a.i].scratch;
    op.b.i = old[o->b.i].scratch;
    switch (o->opc) {
    case TCG_OP_nop:
        return TCG_NONE;
    case TCG_OP_insn_start:
        b->u->ninsns = o->aux;
        tcg_gen_insn_start(b, o->imm);
        return TCG_NONE;
    case TCG_OP_label:
        tcg_gen_label(b, (TCGLabel){o->aux});
        return TCG_NONE;
    case TCG_OP_block:
        tcg_gen_block(b, o->imm);
        b->u->ops[b->u->nops - 1].aux = o->aux;
        return TCG_NONE;
    case TCG_OP_br:
        tcg_gen_br(b, (TCGLabel){o->aux});
        return TCG_NONE;
    case TCG_OP_br_if:
        tcg_gen_br_if(b, op.a, (TCGLabel){o->aux});
        return TCG_NONE;
    case TCG_OP_getcell:
        return tcg_gen_getcell(b, o->aux);
    case TCG_OP_setcell:
        tcg_gen_setcell(b, o->aux & TCG_CELL_MASK, op.a);
        return TCG_NONE;
    case TCG_OP_exit_direct:
        tcg_gen_exit_direct(b, o->imm);
        keep_steady(b, nops, o);
        return TCG_NONE;
    case TCG_OP_exit_if:
        tcg_gen_exit_if(b, op.a, o->imm, o->aux & TCG_EXIT_LIKELY);
        keep_steady(b, nops, o);
        return TCG_NONE;
    case TCG_OP_exit_lookup:
        tcg_gen_exit_lookup(b, op.a);
        return TCG_NONE;
    case TCG_OP_exit_main:
        tcg_gen_exit_main(b, op.a);
        return TCG_NONE;
    case TCG_OP_call: {
        const TCGCall *c = &b->old_calls[o->imm];
        TCGv args[TCG_MAX_ARGS];
        for (unsigned i = 0; i < c->helper->nargs; i++) {
            args[i].i = old[c->args[i].i].scratch;
        }
        return tcg_gen_call(b, c->helper, c->helper->nargs, args);
    }
    default:
        if (o->opc != TCG_OP_atomic_rmw) {
            op.c.i = old[o->c.i].scratch;
        }
        return tcg_emit(b, &op);
    }
}

void tcg_rebuild(TCGUnit *u, unsigned passes, const bool *has)
{
    TCGBuilder *b = u->rebuilder;
    if (!b) {
        b = u->rebuilder = tcg_builder_new();
        b->old_ops_cap = 1024;
        b->old_ops = g_new(TCGOp, b->old_ops_cap);
        b->old_calls_cap = 32;
        b->old_calls = g_new(TCGCall, b->old_calls_cap);
    }
    TCGOp *old = u->ops;
    uint32_t cap = u->ops_cap, n = u->nops, ninsns = u->ninsns, nlabels = u->nlabels;
    u->ops = b->old_ops;
    u->ops_cap = b->old_ops_cap;
    b->old_ops = old;
    b->old_ops_cap = cap;
    TCGCall *calls = u->calls;
    uint32_t calls_cap = u->calls_cap;
    u->calls = b->old_calls;
    u->calls_cap = b->old_calls_cap;
    b->old_calls = calls;
    b->old_calls_cap = calls_cap;

    b->passes = passes;
    b->has = has;
    tcg_begin(b, u);
    for (uint32_t i = 0; i < nlabels; i++) {
        tcg_new_label(b);
    }
    old[0].scratch = 0;
    for (uint32_t i = 1; i < n; i++) {
        old[i].scratch = rebuild_op(b, old, &old[i]).i;
    }
    u->ninsns = ninsns;
}

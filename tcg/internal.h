/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Private to the IR's own files (build.c, fold.c, live.c, lower.c, verify.c): the builder's state
 * and what the passes share. Frontends and hosts include tcg/ir.h only.
 */
#ifndef TCG_INTERNAL_H
#define TCG_INTERNAL_H

#include "tcg/ir.h"

/* More ops than this: the unit is given up (TCGUnit.overflow). What is emitted after that goes to
 * the room between here and TCG_OPS_CAP, round and round, and is never looked at. */
#define TCG_OPS_MAX 60000
#define TCG_OPS_CAP 65536

#define TCG_CSE_BITS 10

/* What is known of a value without running it; i32 values count as zero-extended to 64 bits. */
typedef struct TCGFacts {
    uint64_t zero; /* these bits are 0 */
    /* so many top bits of the type are copies of the sign bit, itself included; 0: nobody has asked
     * for these facts */
    uint32_t sign;
} TCGFacts;

/* A row's signature as masks of types, for the builder's check of each op. */
typedef struct TCGSignature {
    uint8_t result;
    uint8_t operand[3];
} TCGSignature;
enum {
    TCG_SIG_NUMBER = 0x3f,  /* operand c is a number, not a value */
    TCG_SIG_FIRST = 1 << 6, /* the type of operand a */
    TCG_SIG_OWN = 1 << 7,   /* the op's type */
};

/* At a steady block a cell holds imm, or what cell source - 1 holds. */
typedef struct TCGCellFact {
    uint16_t cell, source;
    int64_t imm;
} TCGCellFact;
#define TCG_MAX_CELL_FACTS 16

struct TCGBuilder {
    TCGUnit *u;
    uint32_t n;      /* index of the next op; u->nops stays behind while nothing is reachable */
    uint32_t room;   /* there is room for ops and facts below this index */
    bool dead;       /* after an END op: what comes is unreachable until a used label */
    unsigned passes; /* TCG_OPT_* */
    const bool *has; /* per opcode; OPT ops the host lacks are lowered at once; NULL: has all */

    /*
     * Common subexpressions: a hash slot names an op that may be the same. It counts only if it
     * lies between the barrier and b->n and its contents agree, so nothing is ever cleared.
     */
    uint32_t cse_barrier; /* index of the last label or block */
    uint32_t fp_barrier;  /* index of the last op that may read FP flags or change the rounding */
    uint16_t cse[1 << TCG_CSE_BITS];

    /* The value each cell holds, if its generation is the current one. */
    uint32_t cell_gen;
    struct {
        uint32_t gen;
        TCGv v;
    } cell[TCG_MAX_CELLS];

    int64_t goes_on_at; /* tcg_gen_goes_on_at(), or -1 */

    /* tcg_gen_loop(): its offset or -1; what holds at all exits seen, if any; the first so many
     * are what the steady block took for granted. */
    int64_t loop_at;
    bool loop_exits;
    unsigned n_cell_facts, n_assumed;
    TCGCellFact cell_facts[TCG_MAX_CELL_FACTS], assumed[TCG_MAX_CELL_FACTS];

    TCGSignature sig[TCG_OP_COUNT];

    TCGFacts *facts; /* beside u->ops */
    uint32_t facts_cap;
    struct TCGLabelState {
        uint16_t refs;
        bool placed;
    } * labels;
    uint32_t labels_cap;

    TCGOp *old_ops; /* the array tcg_rebuild() reads while it writes the other one */
    uint32_t old_ops_cap;
    TCGCall *old_calls;
    uint32_t old_calls_cap;
};

/* What most ask of tcg_op_desc, in one table that is small: flags, and above them nargs. */
#define TCG_BRIEF_SHIFT 8
extern const uint16_t tcg_op_brief[TCG_OP_COUNT];

static inline const TCGOp *tcg_def(const TCGBuilder *b, TCGv v)
{
    return &b->u->ops[v.i];
}

static inline bool tcg_def_is_const(const TCGOp *d, int64_t *imm)
{
    if (d->opc != TCG_OP_const) {
        return false;
    }
    *imm = d->imm;
    return true;
}

static inline bool tcg_type_int(unsigned t)
{
    return t == TCG_I32 || t == TCG_I64;
}

static inline unsigned tcg_type_bits(unsigned t)
{
    /* TCG_VOID, I32, I64, F32, F64, V128 */
    static const uint8_t bits[TCG_TYPE_COUNT] = {64, 32, 64, 32, 64, 128};
    return bits[t];
}

/* The op with its operands' types checked against ops.def: NULL, or what is wrong (g_free). */
char *tcg_op_check(const TCGUnit *u, const TCGOp *op);
/* Its aux and imm only: NULL, or what is wrong. ta: type of operand a. */
const char *tcg_op_check_fields(const TCGUnit *u, const TCGOp *op, unsigned ta);
void tcg_signatures(TCGSignature sig[TCG_OP_COUNT]);

/* Emit *op, which is used up: lower, fold, merge, or append it. Its value. */
TCGv tcg_emit(TCGBuilder *b, TCGOp *op);

/*
 * Fold op before it is appended (fold.c). Returns a value that stands for it, or TCG_NONE: then
 * *op, which may have been rewritten, is appended. Only for ops without TCG_OPF_SIDE, ld and st.
 */
TCGv tcg_fold(TCGBuilder *b, TCGOp *op);
/* Facts about a value: found when somebody asks for the first time (facts.c). */
const TCGFacts *tcg_find_facts(const TCGBuilder *b, TCGv v);
static inline const TCGFacts *tcg_facts(const TCGBuilder *b, TCGv v)
{
    const TCGFacts *f = &b->facts[v.i];
    return f->sign ? f : tcg_find_facts(b, v);
}

/* Is v a constant? *k: which */
static inline bool is_const(const TCGBuilder *b, TCGv v, int64_t *k)
{
    return tcg_def_is_const(tcg_def(b, v), k);
}

/* The low n bits. */
static inline uint64_t low_bits(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Leading ones: of known zero bits, how many lead. */
static inline unsigned leading(uint64_t zero)
{
    return ~zero ? __builtin_clzll(~zero) : 64;
}

/* Emit what stands for an OPT op that the host lacks (lower.c). */
TCGv tcg_lower_op(TCGBuilder *b, const TCGOp *op);

/* Build the whole unit again with the given passes and host ops. */
void tcg_rebuild(TCGUnit *u, unsigned passes, const bool *has);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A unit as text, for -d op and op_opt, error messages and tests. One op a line:
 *
 *     v7 = add.i64 v5, v6
 *          st.i64 [v7 + 8], v5   64 align=8
 *
 * Robust against units that tcg_verify() refuses. No state. Tests: tests/unit/test-tcg.c.
 */
#include <inttypes.h>
#include <string.h>
#include "tcg/internal.h"

static const char *type_suffix(unsigned t)
{
    static const char *const names[TCG_TYPE_COUNT] = {"", ".i32", ".i64", ".f32", ".f64", ".v128"};
    return t < TCG_TYPE_COUNT ? names[t] : ".?";
}

static void dump_memop(FILE *f, TCGMemOp m)
{
    static const char *const order[4] = {"", " acqrel", " sc", " order?"};
    fprintf(f, "   %u%s%s", 8u << tcg_mo_size(m), m & TCG_MO_SIGN ? " signed" : "",
            m & TCG_MO_BE ? " be" : "");
    if (tcg_mo_align(m)) {
        fprintf(f, " align=%u%s", 1u << tcg_mo_align(m),
                m & TCG_MO_WITHIN16 ? " or within 16" : "");
    }
    if (m & TCG_MO_ALIGN_DEVICE) {
        fprintf(f, " device-align=%u",
                1u << ((m & TCG_MO_ALIGN_MASK & ~TCG_MO_ALIGN_DEVICE) >> TCG_MO_ALIGN_SHIFT));
    }
    fprintf(f, "%s", order[(m & TCG_MO_ORDER_MASK) >> TCG_MO_ORDER_SHIFT]);
    if (tcg_mo_mmu(m)) {
        fprintf(f, " mmu=%u", tcg_mo_mmu(m));
    }
}

static void dump_fp(FILE *f, unsigned fp)
{
    static const char *const round[8] = {"rne", "rtz", "rdn", "rup", "rmm", "rod", "6?", "dyn"};
    static const struct {
        unsigned bit;
        const char *name;
    } bits[] = {
        {TCG_FP_DEFAULT_NAN, "default-nan"},
        {TCG_FP_NAN_ARM, "nan-arm"},
        {TCG_FP_TINY_BEFORE, "tiny-before"},
        {TCG_FP_CVT_SAT_MAX, "sat-max"},
        {TCG_FP_CVT_SAT_ZERO, "sat-zero"},
        {TCG_FP_INEXACT_OFF, "no-inexact"},
        {TCG_FP_NUM, "number"},
        {TCG_FP_FZ, "flush"},
        {TCG_FP_NUM2008, "2008"},
        {TCG_FP_V64, "low64"},
        {TCG_FP_V1, "low1"},
    };
    fprintf(f, "   %s", round[fp & TCG_FP_ROUND_MASK]);
    if (fp & TCG_FP_ESIZE_MASK) {
        fprintf(f, " x%u", 8u << tcg_fp_esize(fp));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bits); i++) {
        if (fp & bits[i].bit) {
            fprintf(f, " %s", bits[i].name);
        }
    }
}

/* imm, element size, flags */
static void dump_vec(FILE *f, const TCGOp *op)
{
    static const struct {
        unsigned bit;
        const char *name;
    } bits[] = {
        {TCG_VEC_UNSIGNED, "unsigned"}, {TCG_VEC_HIGH, "high"}, {TCG_VEC_ROUND, "round"},
        {TCG_VEC_SAT, "sat"},           {TCG_VEC_QC, "qc"},     {TCG_VEC_MIXED, "mixed"},
        {TCG_VEC_NEGATE, "negate"},
    };
    switch (op->opc) {
    case TCG_OP_vextract:
    case TCG_OP_vinsert:
    case TCG_OP_vdupe:
    case TCG_OP_vshli:
    case TCG_OP_vshri:
    case TCG_OP_vsari:
    case TCG_OP_vext:
    case TCG_OP_vrev:
    case TCG_OP_vaes:
    case TCG_OP_vsha:
        fprintf(f, ", %" PRId64, op->imm);
        break;
    default:
        break;
    }
    fprintf(f, "   x%u", 8u << (op->aux & TCG_VEC_ESIZE));
    for (unsigned i = 0; i < G_N_ELEMENTS(bits); i++) {
        if (op->aux & bits[i].bit) {
            fprintf(f, " %s", bits[i].name);
        }
    }
}

/* [v7 + 0x10] */
static void dump_address(FILE *f, const TCGOp *op)
{
    if (op->imm) {
        fprintf(f, "[v%u %c %#" PRIx64 "]", op->a.i, op->imm < 0 ? '-' : '+',
                op->imm < 0 ? 0 - (uint64_t)op->imm : (uint64_t)op->imm);
    } else {
        fprintf(f, "[v%u]", op->a.i);
    }
}

static void dump_operands(FILE *f, const TCGOp *op)
{
    const TCGv v[3] = {op->a, op->b, op->c};
    for (unsigned i = 0; i < 3 && v[i].i; i++) {
        fprintf(f, "%sv%u", i ? ", " : "", v[i].i);
    }
}

static void dump_call(const TCGUnit *u, const TCGOp *op, FILE *f)
{
    if (op->imm < 0 || op->imm >= u->ncalls) {
        fprintf(f, "?%" PRId64, op->imm);
        return;
    }
    const TCGCall *c = &u->calls[op->imm];
    const TCGHelper *h = c->helper;
    fprintf(f, "%s(%s", h->name, h->pass_env ? "env" : "");
    for (unsigned i = 0; i < MIN(h->nargs, TCG_MAX_ARGS); i++) {
        fprintf(f, "%sv%u", i || h->pass_env ? ", " : "", c->args[i].i);
    }
    fputc(')', f);
}

static const char *rmw_name(unsigned r)
{
    static const char *const names[TCG_RMW_COUNT] = {"xchg", "add",  "and",  "or",  "xor",
                                                     "smin", "smax", "umin", "umax"};
    return r < TCG_RMW_COUNT ? names[r] : "?";
}

static void dump_cell(const TCGUnit *u, unsigned cell, FILE *f)
{
    if (cell < u->ncells) {
        fputs(u->cells[cell].name, f);
    } else {
        fprintf(f, "cell%u?", cell);
    }
}

static void dump_const(const TCGOp *op, FILE *f)
{
    fprintf(f, "%#" PRIx64, op->type == TCG_I32 ? (uint64_t)(uint32_t)op->imm : (uint64_t)op->imm);
    if (op->opc == TCG_OP_const && (op->imm > 9 || op->imm < 0)) {
        fprintf(f, " (%" PRId64 ")", op->imm);
    }
}

static void dump_target(int64_t rel, FILE *f)
{
    fprintf(f, "page%c%#" PRIx64, rel < 0 ? '-' : '+', rel < 0 ? 0 - (uint64_t)rel : (uint64_t)rel);
}

static void dump_op(const TCGUnit *u, const TCGOp *op, FILE *f)
{
    static const char *const fcond[TCG_FP_ROUND_MASK + 1] = {"eq.q", "lt.s", "le.s", "lt.q",
                                                             "le.q", "eq.s", "un.q", "?"};
    switch (op->opc) {
    case TCG_OP_const:
    case TCG_OP_fconst:
    case TCG_OP_vconst:
        dump_const(op, f);
        break;
    case TCG_OP_pcrel:
        dump_target(op->imm, f);
        break;
    case TCG_OP_getcell:
        dump_cell(u, op->aux, f);
        break;
    case TCG_OP_setcell:
        dump_cell(u, op->aux & TCG_CELL_MASK, f);
        fprintf(f, ", v%u%s", op->a.i, op->aux & TCG_SET_SINK ? "   sink" : "");
        break;
    case TCG_OP_ldenv:
        fprintf(f, "[env + %#" PRIx64 "]", (uint64_t)op->imm);
        dump_memop(f, op->aux);
        break;
    case TCG_OP_stenv:
        fprintf(f, "[env + %#" PRIx64 "], v%u", (uint64_t)op->imm, op->a.i);
        dump_memop(f, op->aux);
        break;
    case TCG_OP_setcond:
        fprintf(f, "v%u %s v%u", op->a.i, tcg_cond_name(op->aux), op->b.i);
        break;
    case TCG_OP_fcmp:
        fprintf(f, "v%u %s v%u%s%s", op->a.i, fcond[op->aux & TCG_FP_ROUND_MASK], op->b.i,
                op->aux & TCG_FP_FZ ? " flush" : "", op->aux & TCG_FP_NOFLAGS ? " noflags" : "");
        break;
    case TCG_OP_vfcmp:
        fprintf(f, "v%u %s v%u", op->a.i, fcond[op->imm & TCG_FP_ROUND_MASK], op->b.i);
        dump_fp(f, op->aux);
        break;
    case TCG_OP_extract:
    case TCG_OP_sextract:
    case TCG_OP_deposit:
        dump_operands(f, op);
        fprintf(f, ", pos=%u len=%u", op->aux & 63, op->aux >> 8);
        break;
    case TCG_OP_fadd:
    case TCG_OP_fsub:
    case TCG_OP_fmul:
    case TCG_OP_fdiv:
    case TCG_OP_fsqrt:
    case TCG_OP_fma:
    case TCG_OP_fmin:
    case TCG_OP_fmax:
    case TCG_OP_fround:
    case TCG_OP_fcvt_ff ... TCG_OP_fcvt_uf:
    case TCG_OP_vfadd ... TCG_OP_vfround:
    case TCG_OP_vfcvt_fs ... TCG_OP_vfnarrow:
        dump_operands(f, op);
        if (op->imm) {
            fprintf(f, ", %" PRId64, op->imm);
        }
        dump_fp(f, op->aux);
        break;
    case TCG_OP_vget:
    case TCG_OP_vset:
        dump_operands(f, op);
        fprintf(f, ", half %" PRId64, op->imm);
        break;
    case TCG_OP_vextract ... TCG_OP_vsha:
        dump_operands(f, op);
        dump_vec(f, op);
        break;
    case TCG_OP_ld:
        dump_address(f, op);
        dump_memop(f, op->aux);
        break;
    case TCG_OP_st:
        dump_address(f, op);
        fprintf(f, ", v%u", op->b.i);
        dump_memop(f, op->aux);
        break;
    case TCG_OP_atomic_rmw:
        fprintf(f, "%s [v%u], v%u", rmw_name(op->c.i), op->a.i, op->b.i);
        dump_memop(f, op->aux);
        break;
    case TCG_OP_cmpxchg:
        fprintf(f, "[v%u], v%u, v%u", op->a.i, op->b.i, op->c.i);
        dump_memop(f, op->aux);
        break;
    case TCG_OP_probe:
        fprintf(f, "[v%u], %s", op->a.i, op->imm >> 62 & 1 ? "store" : "load");
        dump_memop(f, op->aux);
        break;
    case TCG_OP_fence:
        fprintf(f, "%s%s%s%s", op->aux & TCG_FENCE_RR ? "rr " : "",
                op->aux & TCG_FENCE_RW ? "rw " : "", op->aux & TCG_FENCE_WR ? "wr " : "",
                op->aux & TCG_FENCE_WW ? "ww" : "");
        break;
    case TCG_OP_call:
        dump_call(u, op, f);
        break;
    case TCG_OP_br:
        fprintf(f, "L%u", op->aux);
        break;
    case TCG_OP_br_if:
        fprintf(f, "v%u, L%u", op->a.i, op->aux);
        break;
    case TCG_OP_exit_direct:
        dump_target(op->imm, f);
        fprintf(f, "   exit %u", op->c.i);
        break;
    case TCG_OP_exit_if:
        fprintf(f, "v%u, ", op->a.i);
        dump_target(op->imm, f);
        fprintf(f, "   exit %u%s%s", op->c.i, op->aux & TCG_EXIT_LIKELY ? " likely" : "",
                op->aux & TCG_EXIT_STEADY ? " steady" : "");
        break;
    default:
        dump_operands(f, op);
        break;
    }
}

void tcg_dump(const TCGUnit *u, FILE *f)
{
    for (uint32_t i = 1; i < u->nops; i++) {
        const TCGOp *op = &u->ops[i];
        if (op->opc >= TCG_OP_COUNT) {
            fprintf(f, "%6u: opcode %u?\n", i, op->opc);
            continue;
        }
        const TCGOpDesc *d = &tcg_op_desc[op->opc];
        switch (op->opc) {
        case TCG_OP_nop:
            continue;
        case TCG_OP_insn_start:
            fprintf(f, " ---- insn %u, page%c%#" PRIx64 "\n", op->aux, op->imm < 0 ? '-' : '+',
                    op->imm < 0 ? 0 - (uint64_t)op->imm : (uint64_t)op->imm);
            continue;
        case TCG_OP_label:
            fprintf(f, "L%u:\n", op->aux);
            continue;
        case TCG_OP_block:
            fprintf(f, "page+%#" PRIx64 "%s:\n", op->imm, op->aux ? ", steady" : "");
            continue;
        default:
            break;
        }
        bool value = d->sig[0] != '-' && op->type != TCG_VOID;
        if (value) {
            fprintf(f, "%6sv%u%*s = ", "", i, i < 10 ? 3 : i < 100 ? 2 : i < 1000 ? 1 : 0, "");
        } else {
            fprintf(f, "%14s", "");
        }
        fprintf(f, "%s%s ", d->name,
                value || op->opc == TCG_OP_st || op->opc == TCG_OP_stenv ? type_suffix(op->type)
                                                                         : "");
        dump_op(u, op, f);
        fputc('\n', f);
    }
    if (u->overflow) {
        fprintf(f, " (overflowed)\n");
    }
}

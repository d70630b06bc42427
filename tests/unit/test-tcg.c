/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The IR: builder, folding, dead code, lowering, verifier, interpreter. What one pass must do to
 * one form is looked at in the text of the result; that passes keep the meaning is tried on random
 * units, built with and without the pass and interpreted. A failing seed is printed;
 * TCG_TEST_SEED=N starts there, TCG_TEST_UNITS=N runs that many.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "irgen.h"

typedef struct Fixture {
    TCGUnit *u, *u2;
    TCGBuilder *b, *plain; /* plain: folds nothing */
    TcgInterp *in;
    IrGenState *s, *s2;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    f->u = tcg_unit_new(irgen_cells, IRGEN_CELLS);
    f->u2 = tcg_unit_new(irgen_cells, IRGEN_CELLS);
    f->b = tcg_builder_new();
    f->plain = tcg_builder_new();
    tcg_builder_set_passes(f->plain, TCG_OPT_VERIFY);
    f->in = tcg_interp_new();
    f->s = irgen_state_new();
    f->s2 = irgen_state_new();
}

static void teardown(Fixture *f, gconstpointer data)
{
    tcg_unit_free(f->u);
    tcg_unit_free(f->u2);
    tcg_builder_free(f->b);
    tcg_builder_free(f->plain);
    tcg_interp_free(f->in);
    free(f->s);
    free(f->s2);
}

static char *dump_text(const TCGUnit *u)
{
    char *text = NULL;
    size_t len = 0;
    FILE *m = open_memstream(&text, &len);
    tcg_dump(u, m);
    fclose(m);
    return text;
}

static void must_be_right(const TCGUnit *u, const char *when)
{
    char *wrong = tcg_verify(u);
    if (wrong) {
        char *text = dump_text(u);
        g_error("%s: %s\n%s", when, wrong, text);
    }
}

/* A value as an expression: cells by name, constants as numbers. */
static void express(const TCGUnit *u, TCGv v, GString *out)
{
    const TCGOp *op = &u->ops[v.i];
    const TCGv operands[3] = {op->a, op->b, op->c};
    switch (op->opc) {
    case TCG_OP_const:
        g_string_append_printf(out, "%" PRId64, op->imm);
        return;
    case TCG_OP_fconst:
    case TCG_OP_vconst:
        g_string_append_printf(out, "%#" PRIx64, op->imm);
        return;
    case TCG_OP_getcell:
        g_string_append(out, u->cells[op->aux].name);
        return;
    case TCG_OP_pcrel:
        g_string_append_printf(out, "pc%+" PRId64, op->imm);
        return;
    case TCG_OP_ld:
        g_string_append(out, "ld[");
        express(u, op->a, out);
        g_string_append_printf(out, "%+" PRId64 "]", op->imm);
        return;
    default:
        break;
    }
    g_string_append(out, tcg_op_desc[op->opc].name);
    if (op->opc == TCG_OP_setcond) {
        g_string_append_printf(out, ".%s", tcg_cond_name(op->aux));
    } else if (op->opc >= TCG_OP_extract && op->opc <= TCG_OP_deposit) {
        g_string_append_printf(out, ".%u.%u", op->aux & 63, op->aux >> 8);
    }
    g_string_append_c(out, '(');
    for (unsigned i = 0; i < 3 && operands[i].i; i++) {
        g_string_append(out, i ? "," : "");
        express(u, operands[i], out);
    }
    g_string_append_c(out, ')');
}

static void expect(Fixture *f, const char *file, int line, TCGv v, const char *text)
{
    GString *s = g_string_new(NULL);
    express(f->u, v, s);
    if (strcmp(s->str, text)) {
        g_error("%s:%d: got %s, not %s", file, line, s->str, text);
    }
    g_string_free(s, TRUE);
}
#define EXPECT(v, text) expect(f, __FILE__, __LINE__, v, text)

static void same_result(Fixture *f, uint64_t seed, const char *what);

/* ---- conditions ---- */

static bool holds(TCGCond c, int64_t x, int64_t y)
{
    uint64_t ux = x, uy = y;
    switch (c) {
    case TCG_COND_EQ:
        return x == y;
    case TCG_COND_NE:
        return x != y;
    case TCG_COND_LT:
        return x < y;
    case TCG_COND_GE:
        return x >= y;
    case TCG_COND_LE:
        return x <= y;
    case TCG_COND_GT:
        return x > y;
    case TCG_COND_LTU:
        return ux < uy;
    case TCG_COND_GEU:
        return ux >= uy;
    case TCG_COND_LEU:
        return ux <= uy;
    case TCG_COND_GTU:
        return ux > uy;
    case TCG_COND_TSTEQ:
        return !(x & y);
    default:
        return x & y;
    }
}

static void test_conditions(void)
{
    static const int64_t v[] = {0, 1, -1, 2, INT64_MIN, INT64_MAX};
    for (TCGCond c = 0; c < TCG_COND_COUNT; c++) {
        g_assert_cmpint(tcg_cond_invert(tcg_cond_invert(c)), ==, c);
        for (unsigned i = 0; i < G_N_ELEMENTS(v); i++) {
            for (unsigned k = 0; k < G_N_ELEMENTS(v); k++) {
                g_assert_true(holds(c, v[i], v[k]) != holds(tcg_cond_invert(c), v[i], v[k]));
                g_assert_true(holds(c, v[i], v[k]) == holds(tcg_cond_swap(c), v[k], v[i]));
            }
        }
    }
}

/* ---- builder ---- */

static void begin(Fixture *f)
{
    f->u->pc32 = false;
    tcg_begin(f->b, f->u);
    tcg_gen_insn_start(f->b, 0);
}

static unsigned count(const TCGUnit *u, TCGOpcode opc)
{
    unsigned n = 0;
    for (uint32_t i = 1; i < u->nops; i++) {
        n += u->ops[i].opc == opc;
    }
    return n;
}

static void test_forwarding(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    static const TCGHelper writes_x0 = {.name = "writes_x0", .writes.w[0] = 1};
    static const TCGHelper writes_all = {.name = "writes_all", .flags = TCG_HELPER_WRITES_ALL};
    begin(f);
    TCGv x0 = tcg_gen_getcell(b, 0), x1 = tcg_gen_getcell(b, 1);
    g_assert_cmpint(tcg_gen_getcell(b, 0).i, ==, x0.i);
    tcg_gen_setcell(b, 0, x1);
    g_assert_cmpint(tcg_gen_getcell(b, 0).i, ==, x1.i);
    uint32_t n = f->u->nops;
    tcg_gen_setcell(b, 0, x1);
    g_assert_cmpint(f->u->nops, ==, n);
    tcg_gen_call0(b, &writes_x0);
    g_assert_cmpint(tcg_gen_getcell(b, 1).i, ==, x1.i);
    TCGv again = tcg_gen_getcell(b, 0);
    g_assert_cmpint(again.i, !=, x1.i);
    tcg_gen_call0(b, &writes_all);
    g_assert_cmpint(tcg_gen_getcell(b, 1).i, !=, x1.i);
    /* equal expressions are one, until a label */
    TCGv sum = tcg_gen_add(b, x0, x1);
    g_assert_cmpint(tcg_gen_add(b, x1, x0).i, ==, sum.i);
    TCGLabel l = tcg_new_label(b);
    tcg_gen_br_if(b, x0, l);
    g_assert_cmpint(tcg_gen_add(b, x0, x1).i, ==, sum.i);
    tcg_gen_label(b, l);
    g_assert_cmpint(tcg_gen_add(b, x0, x1).i, !=, sum.i);
    tcg_gen_exit_direct(b, 4);
    must_be_right(f->u, "forwarding");
}

static void test_fp_merge(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    static const TCGHelper fp = {.name = "fp", .flags = TCG_HELPER_FP};
    static const TCGHelper other = {.name = "other"};
    begin(f);
    TCGv x = tcg_gen_getcell(b, IRGEN_NX + IRGEN_NW), y = tcg_gen_fadd(b, TCG_RND_DYN, x, x);
    g_assert_cmpint(tcg_gen_fadd(b, TCG_RND_DYN, x, x).i, ==, y.i);
    g_assert_cmpint(tcg_gen_fadd(b, TCG_RND_RTZ, x, x).i, !=, y.i);
    tcg_gen_call0(b, &other);
    g_assert_cmpint(tcg_gen_fadd(b, TCG_RND_DYN, x, x).i, ==, y.i);
    tcg_gen_call0(b, &fp);
    g_assert_cmpint(tcg_gen_fadd(b, TCG_RND_DYN, x, x).i, !=, y.i);
    tcg_gen_exit_direct(b, 4);
    /* dead, but they set flags */
    tcg_optimize(f->u, TCG_OPT_ALL | TCG_OPT_VERIFY);
    g_assert_cmpint(count(f->u, TCG_OP_fadd), ==, 3);
}

static void test_unreachable(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    static const TCGHelper leaves = {.name = "leaves", .flags = TCG_HELPER_NORETURN};
    begin(f);
    TCGLabel l = tcg_new_label(b), l2 = tcg_new_label(b);
    tcg_gen_br_if(b, tcg_i32(b, 1), l);
    g_assert_true(tcg_is_unreachable(b));
    tcg_gen_setcell(b, 0, tcg_i64(b, 1));
    tcg_gen_call0(b, &leaves);
    tcg_gen_exit_direct(b, 8);
    tcg_gen_label(b, l);
    g_assert_false(tcg_is_unreachable(b));
    EXPECT(tcg_gen_getcell(b, 0), "x0");
    tcg_gen_br_if(b, tcg_i32(b, 0), l2);
    tcg_gen_exit_if(b, tcg_i32(b, 5), 12, false);
    g_assert_true(tcg_is_unreachable(b));
    tcg_gen_insn_start(b, 4);
    tcg_gen_label(b, l2);
    g_assert_true(tcg_is_unreachable(b));
    tcg_gen_exit_main(b, tcg_i64(b, 0));
    must_be_right(f->u, "unreachable");
    g_assert_cmpint(f->u->ninsns, ==, 1);
    g_assert_cmpint(f->u->nexits, ==, 1);
    g_assert_cmpint(f->u->ncalls, ==, 0);
    g_assert_cmpint(count(f->u, TCG_OP_label), ==, 0);
    g_assert_cmpint(count(f->u, TCG_OP_exit_direct), ==, 1);
    g_assert_cmpint(count(f->u, TCG_OP_exit_main), ==, 0);
}

static void test_overflow(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    begin(f);
    TCGv x = tcg_gen_getcell(b, 0);
    for (unsigned i = 0; i < 200000; i++) {
        x = tcg_gen_add(b, tcg_gen_ld(b, TCG_I64, TCG_MO_64, x, 0), tcg_i64(b, i));
        tcg_gen_setcell(b, i % IRGEN_NX, x);
        if (i % 1000 == 0) {
            TCGLabel l = tcg_new_label(b);
            tcg_gen_br_if(b, x, l);
            tcg_gen_label(b, l);
        }
    }
    tcg_gen_exit_direct(b, 4);
    g_assert_true(f->u->overflow);
    tcg_optimize(f->u, TCG_OPT_ALL);
    begin(f);
    g_assert_false(f->u->overflow);
    tcg_gen_exit_direct(b, 4);
    must_be_right(f->u, "after an overflow");
}

/* ---- folding: shapes ---- */

static void test_fold_integer(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    begin(f);
    TCGv x = tcg_gen_getcell(b, 0), y = tcg_gen_getcell(b, 1), w = tcg_gen_getcell(b, IRGEN_NX);
    EXPECT(tcg_gen_add(b, tcg_i64(b, 3), tcg_i64(b, 4)), "7");
    EXPECT(tcg_gen_addi(b, x, 0), "x0");
    EXPECT(tcg_gen_addi(b, tcg_gen_addi(b, x, 5), -7), "add(x0,-2)");
    EXPECT(tcg_gen_addi(b, tcg_gen_addi(b, x, 5), -5), "x0");
    EXPECT(tcg_gen_sub(b, x, tcg_i64(b, 5)), "add(x0,-5)");
    EXPECT(tcg_gen_sub(b, x, x), "0");
    EXPECT(tcg_gen_sub(b, tcg_i64(b, 0), x), "neg(x0)");
    EXPECT(tcg_gen_add(b, x, tcg_gen_neg(b, y)), "sub(x0,x1)");
    EXPECT(tcg_gen_neg(b, tcg_gen_neg(b, x)), "x0");
    EXPECT(tcg_gen_neg(b, tcg_gen_sub(b, x, y)), "sub(x1,x0)");
    EXPECT(tcg_gen_addi(b, tcg_gen_pcrel(b, 0x1000), -0x10), "pc+4080");
    EXPECT(tcg_gen_mul(b, x, tcg_i64(b, 8)), "shl(x0,3)");
    EXPECT(tcg_gen_divu(b, x, tcg_i64(b, 16)), "shr(x0,4)");
    EXPECT(tcg_gen_sub(b, x, tcg_gen_mul(b, tcg_gen_divu(b, x, y), y)), "remu(x0,x1)");
    EXPECT(tcg_gen_sub(b, x, tcg_gen_mul(b, y, tcg_gen_divs(b, x, y))), "rems(x0,x1)");
    EXPECT(tcg_gen_sub(
               b, x, tcg_gen_mul(b, tcg_gen_select(b, y, tcg_gen_divu(b, x, y), tcg_i64(b, 0)), y)),
           "remu(x0,x1)");
    EXPECT(tcg_gen_xor(b, tcg_gen_exts(b, w), tcg_gen_exts(b, tcg_gen_trunc(b, x))),
           "exts(xor(w0,trunc(x0)))");
    EXPECT(tcg_gen_remu(b, w, tcg_i32(b, 16)), "and(w0,15)");
    EXPECT(tcg_gen_remu(b, x, tcg_i64(b, 0)), "x0");
    EXPECT(tcg_gen_divs(b, x, tcg_i64(b, 0)), "-1");
    EXPECT(tcg_gen_andi(b, x, -1), "x0");
    EXPECT(tcg_gen_andi(b, x, 0), "0");
    EXPECT(tcg_gen_andi(b, x, 0xff), "ext8u(x0)");
    EXPECT(tcg_gen_andi(b, x, 0xffffffff), "extu(trunc(x0))");
    EXPECT(tcg_gen_andi(b, tcg_gen_shri(b, x, 56), 0xff), "shr(x0,56)");
    EXPECT(tcg_gen_and(b, x, tcg_gen_not(b, y)), "andc(x0,x1)");
    EXPECT(tcg_gen_xori(b, x, -1), "not(x0)");
    EXPECT(tcg_gen_not(b, tcg_gen_not(b, x)), "x0");
    EXPECT(tcg_gen_xor(b, x, x), "0");
    EXPECT(tcg_gen_ori(b, tcg_gen_ori(b, x, 1), 2), "or(x0,3)");
    EXPECT(tcg_gen_shli(b, x, 0), "x0");
    EXPECT(tcg_gen_shli(b, tcg_gen_shli(b, x, 30), 34), "0");
    EXPECT(tcg_gen_shl(b, x, tcg_gen_andi(b, y, 63)), "shl(x0,x1)");
    EXPECT(tcg_gen_sari(b, tcg_gen_sari(b, x, 40), 40), "sar(x0,63)");
    EXPECT(tcg_gen_sari(b, tcg_gen_ext32u(b, x), 3), "shr(extu(trunc(x0)),3)");
    /* zero- and sign-extension by pairs of shifts */
    EXPECT(tcg_gen_shri(b, tcg_gen_shli(b, x, 32), 32), "extu(trunc(x0))");
    EXPECT(tcg_gen_sari(b, tcg_gen_shli(b, x, 32), 32), "exts(trunc(x0))");
    EXPECT(tcg_gen_shri(b, tcg_gen_shli(b, x, 32), 30), "shl(extu(trunc(x0)),2)");
    EXPECT(tcg_gen_shri(b, tcg_gen_shli(b, x, 48), 48), "ext16u(x0)");
    EXPECT(tcg_gen_sari(b, tcg_gen_shli(b, x, 56), 56), "ext8s(x0)");
    EXPECT(tcg_gen_extract(b, x, 8, 56), "shr(x0,8)");
    EXPECT(tcg_gen_sextract(b, x, 0, 16), "ext16s(x0)");
    EXPECT(tcg_gen_deposit(b, x, y, 0, 64), "x1");
    /* fields, and what only changes bits that nobody looks at */
    TCGv d = tcg_gen_deposit(b, x, y, 26, 33);
    EXPECT(tcg_gen_extract(b, d, 30, 20), "extract.4.20(x1)");
    EXPECT(tcg_gen_sextract(b, d, 26, 33), "sextract.0.33(x1)");
    EXPECT(tcg_gen_extract(b, d, 60, 2), "extract.60.2(x0)");
    EXPECT(tcg_gen_extract(b, d, 19, 7), "extract.19.7(x0)");
    EXPECT(tcg_gen_andi(b, tcg_gen_trunc(b, d), 31), "and(trunc(x0),31)");
    EXPECT(tcg_gen_ext16s(b, d), "ext16s(x0)");
    EXPECT(tcg_gen_extract(b, tcg_gen_shri(b, x, 9), 3, 20), "extract.12.20(x0)");
    EXPECT(tcg_gen_ext8u(b, tcg_gen_sextract(b, x, 0, 9)), "ext8u(x0)");
    EXPECT(tcg_gen_deposit(b, x, tcg_gen_andi(b, y, 0x1ffff), 3, 17), "deposit.3.17(x0,x1)");
    EXPECT(tcg_gen_deposit(b, x, tcg_gen_andi(b, y, 0xffff), 3, 17), "deposit.3.17(x0,ext16u(x1))");
    EXPECT(tcg_gen_andi(b, tcg_gen_extu(b, tcg_gen_ext16s(b, tcg_gen_trunc(b, x))), 0xfff),
           "and(extu(trunc(x0)),4095)");
    EXPECT(tcg_gen_bswap(b, tcg_gen_bswap(b, x)), "x0");
}

static void test_fold_rotation(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    begin(f);
    TCGv x = tcg_gen_getcell(b, 0), n = tcg_gen_getcell(b, 1), w = tcg_gen_trunc(b, x);
    TCGv m = tcg_gen_trunc(b, n);
    EXPECT(tcg_gen_or(b, tcg_gen_shli(b, x, 10), tcg_gen_shri(b, x, 54)), "rotr(x0,54)");
    EXPECT(tcg_gen_add(b, tcg_gen_shri(b, w, 7), tcg_gen_shli(b, w, 25)), "rotr(trunc(x0),7)");
    TCGv left = tcg_gen_shli(b, x, 10), right = tcg_gen_shri(b, x, 53);
    EXPECT(tcg_gen_xor(b, left, right), "xor(shl(x0,10),shr(x0,53))");
    /* srliw, slliw, or */
    TCGv hi = tcg_gen_exts(b, tcg_gen_shri(b, w, 7)), lo = tcg_gen_exts(b, tcg_gen_shli(b, w, 25));
    EXPECT(tcg_gen_or(b, hi, lo), "exts(rotr(trunc(x0),7))");
    EXPECT(tcg_gen_or(b, hi, tcg_gen_extu(b, tcg_gen_shli(b, w, 25))), "extu(rotr(trunc(x0),7))");
    /* by a count in a register */
    TCGv neg = tcg_gen_neg(b, n), neg_m = tcg_gen_neg(b, m);
    left = tcg_gen_shl(b, x, n);
    right = tcg_gen_shr(b, x, neg);
    EXPECT(tcg_gen_or(b, left, right), "rotl(x0,x1)");
    EXPECT(tcg_gen_xor(b, left, right), "xor(shl(x0,x1),shr(x0,neg(x1)))");
    EXPECT(tcg_gen_or(b, tcg_gen_shr(b, x, n), tcg_gen_shl(b, x, neg)), "rotr(x0,x1)");
    left = tcg_gen_exts(b, tcg_gen_shl(b, w, m));
    EXPECT(tcg_gen_or(b, left, tcg_gen_exts(b, tcg_gen_shr(b, w, neg_m))),
           "exts(rotl(trunc(x0),trunc(x1)))");
    EXPECT(tcg_gen_or(b, left, tcg_gen_extu(b, tcg_gen_shr(b, w, neg_m))),
           "or(exts(shl(trunc(x0),trunc(x1))),extu(shr(trunc(x0),neg(trunc(x1)))))");
    for (unsigned i = 0; i < 8; i++) {
        /* the same by the interpreter, built plainly and folded */
        static const uint64_t counts[] = {0, 1, 31, 32, 33, 63, 64, 7};
        TCGUnit *units[2] = {f->u, f->u2};
        TCGBuilder *builders[2] = {f->b, f->plain};
        for (unsigned k = 0; k < 2; k++) {
            b = builders[k];
            tcg_begin(b, units[k]);
            tcg_gen_insn_start(b, 0);
            x = tcg_gen_getcell(b, 0);
            n = tcg_gen_addi(b, tcg_gen_getcell(b, 9), (int64_t)counts[i]);
            n = tcg_gen_sub(b, n, tcg_gen_getcell(b, 9));
            w = tcg_gen_trunc(b, x);
            m = tcg_gen_trunc(b, n);
            neg = tcg_gen_neg(b, n);
            neg_m = tcg_gen_neg(b, m);
            tcg_gen_setcell(b, 1, tcg_gen_or(b, tcg_gen_shl(b, x, n), tcg_gen_shr(b, x, neg)));
            tcg_gen_setcell(b, 2, tcg_gen_or(b, tcg_gen_shr(b, x, n), tcg_gen_shl(b, x, neg)));
            tcg_gen_setcell(b, 3, tcg_gen_xor(b, tcg_gen_shl(b, x, n), tcg_gen_shr(b, x, neg)));
            tcg_gen_setcell(b, 4,
                            tcg_gen_or(b, tcg_gen_exts(b, tcg_gen_shl(b, w, m)),
                                       tcg_gen_exts(b, tcg_gen_shr(b, w, neg_m))));
            tcg_gen_setcell(b, 5,
                            tcg_gen_or(b, tcg_gen_exts(b, tcg_gen_shl(b, w, m)),
                                       tcg_gen_extu(b, tcg_gen_shr(b, w, neg_m))));
            unsigned c = counts[i] & 31;
            if (c) {
                tcg_gen_setcell(b, 6,
                                tcg_gen_or(b, tcg_gen_exts(b, tcg_gen_shri(b, w, c)),
                                           tcg_gen_exts(b, tcg_gen_shli(b, w, 32 - c))));
            }
            tcg_gen_exit_direct(b, 4);
        }
        for (unsigned seed = 0; seed < 20; seed++) {
            same_result(f, seed, "rotation");
        }
    }
}

static void test_fold_widths(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    begin(f);
    TCGv x = tcg_gen_getcell(b, 0), w = tcg_gen_getcell(b, IRGEN_NX);
    TCGv ld = tcg_gen_ld(b, TCG_I64, TCG_MO_32 | TCG_MO_SIGN, x, 0);
    TCGv lbu = tcg_gen_ld(b, TCG_I64, TCG_MO_8, x, 0);
    EXPECT(tcg_gen_trunc(b, tcg_gen_exts(b, w)), "w0");
    EXPECT(tcg_gen_trunc(b, tcg_gen_extu(b, w)), "w0");
    EXPECT(tcg_gen_ext32s(b, tcg_gen_exts(b, w)), "exts(w0)");
    EXPECT(tcg_gen_ext32s(b, ld), "ld[x0+0]");
    EXPECT(tcg_gen_ext32u(b, lbu), "ld[x0+0]");
    EXPECT(tcg_gen_andi(b, lbu, 0xff), "ld[x0+0]");
    EXPECT(tcg_gen_ext8u(b, lbu), "ld[x0+0]");
    EXPECT(tcg_gen_ext32s(b, lbu), "ld[x0+0]");
    /* addw a, a, b; addw a, a, 1 */
    TCGv sum = tcg_gen_exts(b, tcg_gen_add(b, tcg_gen_trunc(b, x), w));
    EXPECT(tcg_gen_exts(b, tcg_gen_addi(b, tcg_gen_trunc(b, sum), 1)),
           "exts(add(add(w0,trunc(x0)),1))");
    EXPECT(tcg_gen_ext32s(b, sum), "exts(add(w0,trunc(x0)))");
    EXPECT(tcg_gen_ext32s(b, tcg_gen_sari(b, x, 31)), "exts(trunc(sar(x0,31)))");
    EXPECT(tcg_gen_ext32s(b, tcg_gen_sari(b, x, 32)), "sar(x0,32)");
    EXPECT(tcg_gen_ext32u(b, tcg_gen_shri(b, x, 31)), "extu(trunc(shr(x0,31)))");
    EXPECT(tcg_gen_ext32u(b, tcg_gen_shri(b, x, 32)), "shr(x0,32)");
    EXPECT(tcg_gen_exts(b, tcg_gen_shri(b, w, 1)), "extu(shr(w0,1))");
    EXPECT(tcg_gen_ext8s(b, tcg_gen_ext8u(b, x)), "ext8s(x0)");
    EXPECT(tcg_gen_ext16u(b, tcg_gen_ext8u(b, x)), "ext8u(x0)");
    EXPECT(tcg_gen_andi(b, tcg_gen_setcondi(b, TCG_I64, TCG_COND_LT, x, 7), 1), "setcond.lt(x0,7)");
}

static void test_fold_compare(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    begin(f);
    TCGv x = tcg_gen_getcell(b, 0), y = tcg_gen_getcell(b, 1), z = tcg_i64(b, 0);
    TCGv lt = tcg_gen_setcond(b, TCG_I64, TCG_COND_LT, x, y);
    EXPECT(tcg_gen_setcond(b, TCG_I64, TCG_COND_LTU, z, x), "setcond.ne(x0,0)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_LTU, x, 1), "setcond.eq(x0,0)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_LTU, x, 0), "0");
    EXPECT(tcg_gen_setcond(b, TCG_I64, TCG_COND_LEU, x, x), "1");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_EQ, lt, 0), "setcond.ge(x0,x1)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_NE, lt, 0), "setcond.lt(x0,x1)");
    EXPECT(tcg_gen_xori(b, lt, 1), "setcond.ge(x0,x1)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_EQ, tcg_gen_sub(b, x, y), 0), "setcond.eq(x0,x1)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_NE, tcg_gen_andi(b, x, 6), 0),
           "setcond.tstne(x0,6)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_EQ, tcg_gen_addi(b, x, 3), 5), "setcond.eq(x0,2)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_NE, tcg_gen_andi(b, tcg_gen_shri(b, x, 3), 5), 0),
           "setcond.tstne(x0,40)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_TSTNE, tcg_gen_shri(b, x, 3), INT32_MAX),
           "setcond.tstne(shr(x0,3),2147483647)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_LT, tcg_gen_shli(b, x, 60), 0),
           "setcond.tstne(x0,8)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_GE, tcg_gen_shli(b, x, 33), 0),
           "setcond.tsteq(x0,1073741824)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_GE, tcg_gen_shli(b, x, 32), 0),
           "setcond.ge(shl(x0,32),0)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_LTU, tcg_gen_ext8u(b, x), 256), "1");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_LT, tcg_gen_ext8u(b, x), 0), "0");
    EXPECT(tcg_gen_select(b, lt, x, x), "x0");
    EXPECT(tcg_gen_select(b, tcg_i32(b, 1), x, y), "x0");
    EXPECT(tcg_gen_select(b, lt, tcg_i64(b, 1), z), "setcond.lt(x0,x1)");
    EXPECT(tcg_gen_select(b, lt, z, tcg_i64(b, 1)), "setcond.ge(x0,x1)");
    EXPECT(tcg_gen_select(b, tcg_gen_setcondi(b, TCG_I64, TCG_COND_EQ, x, 0), y, z),
           "select(x0,0,x1)");
    /* czero.eqz, czero.nez, or */
    TCGv c = tcg_gen_getcell(b, 2);
    EXPECT(tcg_gen_or(b, tcg_gen_select(b, c, x, z), tcg_gen_select(b, c, z, y)),
           "select(x2,x0,x1)");
    EXPECT(tcg_gen_add(b, tcg_gen_select(b, c, z, x), tcg_gen_select(b, c, y, z)),
           "select(x2,x1,x0)");
    EXPECT(tcg_gen_select(b, c, tcg_gen_select(b, c, x, y), z), "select(x2,x0,0)");
    EXPECT(tcg_gen_select(b, c, x, tcg_gen_select(b, c, z, y)), "select(x2,x0,x1)");
    /* A mask made of a bit. */
    EXPECT(tcg_gen_and(b, tcg_gen_neg(b, tcg_gen_andi(b, x, 1)), y),
           "select(setcond.tstne(x0,1),x1,0)");
    EXPECT(tcg_gen_and(b, y, tcg_gen_neg(b, tcg_gen_setcond(b, TCG_I64, TCG_COND_LT, x, y))),
           "select(setcond.lt(x0,x1),x1,0)");
    EXPECT(tcg_gen_andi(b, tcg_gen_neg(b, tcg_gen_shri(b, x, 63)), 5), "select(shr(x0,63),5,0)");
    EXPECT(tcg_gen_and(b, tcg_gen_sextract(b, x, 5, 1), y), "select(setcond.tstne(x0,32),x1,0)");
    EXPECT(tcg_gen_and(b, tcg_gen_neg(b, tcg_gen_andi(b, x, 2)), y), "and(x1,neg(and(x0,2)))");
    EXPECT(tcg_gen_select(b, c, tcg_i64(b, 1), z), "setcond.ne(x2,0)");
    TCGv lt32 = tcg_gen_setcond(b, TCG_I32, TCG_COND_LT, x, y);
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_EQ, tcg_gen_extu(b, lt32), 0),
           "setcond.ge(x0,x1)");
    EXPECT(tcg_gen_setcondi(b, TCG_I64, TCG_COND_NE, tcg_gen_neg(b, x), 0), "setcond.ne(x0,0)");
    TCGv not_x = tcg_gen_not(b, x);
    EXPECT(tcg_gen_and(b, not_x, tcg_gen_getcell(b, 3)), "andc(x3,x0)");
    EXPECT(tcg_gen_or(b, not_x, tcg_gen_getcell(b, 3)), "orc(x3,x0)");
}

static void test_fold_memory(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    begin(f);
    TCGv x = tcg_gen_getcell(b, 0), w = tcg_gen_getcell(b, IRGEN_NX);
    EXPECT(tcg_gen_ld(b, TCG_I64, TCG_MO_64, tcg_gen_addi(b, x, 16), -8), "ld[x0+8]");
    EXPECT(tcg_gen_ld(b, TCG_I64, TCG_MO_64, tcg_gen_addi(b, x, INT64_C(1) << 40), 8),
           "ld[add(x0,1099511627776)+8]");
    TCGv first = tcg_gen_ld(b, TCG_I64, TCG_MO_64, x, 0);
    g_assert_cmpint(tcg_gen_ld(b, TCG_I64, TCG_MO_64, x, 0).i, !=, first.i);
    f->u->pc32 = true;
    EXPECT(tcg_gen_ld(b, TCG_I32, TCG_MO_32, tcg_gen_extu(b, tcg_gen_addi(b, w, -4)), 0),
           "ld[extu(w0)-4]");
    EXPECT(tcg_gen_extu(b, tcg_gen_addi(b, tcg_gen_trunc(b, tcg_gen_pcrel(b, 0x7000)), 0x10)),
           "pc+28688");
}

static void test_fold_fp_vector(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    begin(f);
    unsigned cell_d = IRGEN_NX + IRGEN_NW, cell_s = cell_d + IRGEN_ND, cell_v = cell_s + IRGEN_NS;
    TCGv d = tcg_gen_getcell(b, cell_d), d1 = tcg_gen_getcell(b, cell_d + 1);
    TCGv s = tcg_gen_getcell(b, cell_s), v = tcg_gen_getcell(b, cell_v), x = tcg_gen_getcell(b, 0);
    EXPECT(tcg_gen_funbox(b, tcg_gen_fbox(b, s)), "s0");
    EXPECT(tcg_gen_bitcast(b, TCG_F64, tcg_gen_bitcast(b, TCG_I64, d)), "d0");
    EXPECT(tcg_gen_trunc(b, tcg_gen_bitcast(b, TCG_I64, tcg_gen_fbox(b, s))), "bitcast(s0)");
    EXPECT(tcg_gen_fneg(b, tcg_gen_fneg(b, d)), "d0");
    EXPECT(tcg_gen_fabs(b, tcg_gen_fneg(b, d)), "fabs(d0)");
    EXPECT(tcg_gen_fcopysign(b, d, d), "d0");
    EXPECT(tcg_gen_fcopysign(b, d, tcg_gen_fneg(b, d)), "fneg(d0)");
    EXPECT(tcg_gen_fcopysign(b, tcg_gen_fneg(b, d), d1), "fcopysign(d0,d1)");
    EXPECT(tcg_gen_funbox(b, tcg_fconst(b, TCG_F64, 0)), "0x7fc00000");
    EXPECT(tcg_gen_vget(b, tcg_gen_vset(b, v, x, 1), 1), "x0");
    EXPECT(tcg_gen_vget(b, tcg_gen_vset(b, v, x, 1), 0), "vget(v0)");
    EXPECT(tcg_gen_vget(b, tcg_gen_vld_lo(b, d), 1), "0");
    EXPECT(tcg_gen_v2(b, TCG_OP_vxor, 0, v, v), "0");
    EXPECT(tcg_gen_vdup(b, 1, tcg_i32(b, 0x12345)), "0x2345234523452345");
    EXPECT(tcg_gen_vshift(b, TCG_OP_vshli, 2, v, 0), "v0");
}

/* ---- folding: meaning ---- */

static const uint8_t binary_ops[] = {
#define X(n) TCG_OP_##n,
    TCG_BINOPS(X)
#undef X
};
static TCGv (*const binary_fn[])(TCGBuilder *, TCGv, TCGv) = {
#define X(n) tcg_gen_##n,
    TCG_BINOPS(X)
#undef X
};
static TCGv (*const unary_fn[])(TCGBuilder *, TCGv) = {
#define X(n) tcg_gen_##n,
    TCG_UNOPS(X)
#undef X
};
#define NBIN G_N_ELEMENTS(binary_fn)
#define NUN  G_N_ELEMENTS(unary_fn)

/* Interpret the same on equal states and compare. */
static void same_result(Fixture *f, uint64_t seed, const char *what)
{
    irgen_state_init(f->s, seed);
    irgen_state_init(f->s2, seed);
    uint64_t r = irgen_interpret(f->s, f->u, f->in), r2 = irgen_interpret(f->s2, f->u2, f->in);
    char *diff = irgen_compare(f->s, f->s2);
    if (!diff && r != r2) {
        diff = g_strdup_printf("left with %" PRIu64 " and %" PRIu64, r, r2);
    }
    if (diff) {
        char *t = dump_text(f->u), *t2 = dump_text(f->u2);
        g_error("%s, seed %" PRIu64 ": %s\nfirst:\n%s\nsecond:\n%s", what, seed, diff, t, t2);
    }
}

/* One or two chained ops on a cell and constants: op number n over both lists, as k's position. */
static TCGv chain_step(TCGBuilder *b, unsigned n, TCGv x, int64_t k, bool k_first)
{
    if (n >= NBIN) {
        n -= NBIN;
        if (n < NUN) {
            return unary_fn[n](b, x);
        }
        n -= NUN;
        if (n < TCG_COND_COUNT) {
            return tcg_gen_setcondi(b, tcg_type(b, x), n, x, k);
        }
        n -= TCG_COND_COUNT;
        if (tcg_type(b, x) == TCG_I32) {
            return tcg_gen_trunc(b, n ? tcg_gen_exts(b, x) : tcg_gen_extu(b, x));
        }
        return n ? tcg_gen_ext32s(b, x) : tcg_gen_ext32u(b, x);
    }
    TCGv kv = tcg_const(b, tcg_type(b, x), k);
    return k_first ? binary_fn[n](b, kv, x) : binary_fn[n](b, x, kv);
}
#define NSTEPS (NBIN + NUN + TCG_COND_COUNT + 2)

static const int64_t chain_constants[] = {
    0, 1, -1, 2, 3, 8, 24, 31, 32, 48, 56, 63, 0xff, 0xffff, INT64_C(0xffffffff), INT64_MIN,
};

/* Ten results at a time go into the cells, from each of the two builders. */
static void test_fold_chains(Fixture *f, gconstpointer data)
{
    enum { CELLS = IRGEN_NX - 1 };
    TCGUnit *units[2] = {f->u, f->u2};
    TCGBuilder *builders[2] = {f->b, f->plain};
    IrGenRng r = {.s = 1};
    for (unsigned outer = 0; outer < NSTEPS; outer++) {
        for (unsigned inner = 0; inner < NSTEPS; inner++) {
            uint64_t choice = irgen_random(&r);
            bool is32 = choice & 1;
            for (unsigned k = 0; k < 2; k++) {
                IrGenRng rk = {.s = choice};
                TCGBuilder *b = builders[k];
                tcg_begin(b, units[k]);
                tcg_gen_insn_start(b, 0);
                for (unsigned i = 0; i < CELLS; i++) {
                    uint64_t n = irgen_random(&rk);
                    int64_t k1 = chain_constants[n & 15], k2 = chain_constants[n >> 4 & 15];
                    if (n >> 8 & 1) {
                        k1 = k2;
                    }
                    TCGv x = tcg_gen_getcell(b, CELLS);
                    if (n >> 9 & 1) {
                        x = tcg_gen_ext32s(b, x);
                    } else if (n >> 10 & 1) {
                        x = tcg_gen_shri(b, x, 33);
                    }
                    x = is32 ? tcg_gen_trunc(b, x) : x;
                    x = chain_step(b, inner, x, k1, n >> 11 & 1);
                    x = chain_step(b, outer, x, k2, n >> 12 & 1);
                    tcg_gen_setcell(b, i, is32 ? tcg_gen_exts(b, x) : x);
                }
                tcg_gen_exit_direct(b, 4);
            }
            for (unsigned i = 0; i < 3; i++) {
                same_result(f, choice + i, "chain");
            }
        }
    }
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
    const char *s = g_getenv(name);
    return s ? g_ascii_strtoull(s, NULL, 0) : otherwise;
}

typedef void Second(Fixture *f, uint64_t seed, const IrGenOptions *o);

static void vary(IrGenOptions *o, uint64_t seed)
{
    *o = IRGEN_ALL;
    o->misaligned = seed & 1;
    o->fp_all = seed & 2;
    o->pc32 = (seed & 12) == 4;
    o->nops = seed % 7 == 0 ? 400 : seed % 5 == 0 ? 8 : 60;
    o->blocks = seed % 3 == 0 ? 1 + seed % 4 : 0;
}

/* u: built plainly; u2: as second makes it. */
static void random_units(Fixture *f, const char *what, Second *second)
{
    uint64_t first = env_number("TCG_TEST_SEED", 1), n = env_number("TCG_TEST_UNITS", 2000);
    for (uint64_t seed = first; seed < first + n; seed++) {
        IrGenOptions o;
        vary(&o, seed);
        irgen_unit(f->plain, f->u, seed, &o);
        must_be_right(f->u, "generated unit");
        second(f, seed, &o);
        must_be_right(f->u2, what);
        for (unsigned i = 0; i < 3; i++) {
            same_result(f, seed * 16 + i, what);
        }
    }
}

static void second_folded(Fixture *f, uint64_t seed, const IrGenOptions *o)
{
    irgen_unit(f->b, f->u2, seed, o);
}

static void second_rebuilt(Fixture *f, uint64_t seed, const IrGenOptions *o)
{
    irgen_unit(f->plain, f->u2, seed, o);
    tcg_optimize(f->u2, TCG_OPT_FOLD | TCG_OPT_VERIFY);
}

static void second_swept(Fixture *f, uint64_t seed, const IrGenOptions *o)
{
    irgen_unit(f->plain, f->u2, seed, o);
    tcg_optimize(f->u2, TCG_OPT_DCE | TCG_OPT_VERIFY);
}

/* TCGOp.uses of every op against a count from the signatures. */
static void uses_must_be_right(const TCGUnit *u)
{
    unsigned *uses = g_new0(unsigned, u->nops);
    for (uint32_t i = 1; i < u->nops; i++) {
        const TCGOp *op = &u->ops[i];
        const TCGv v[3] = {op->a, op->b, op->c};
        if (op->opc == TCG_OP_call) {
            const TCGCall *c = &u->calls[op->imm];
            for (unsigned k = 0; k < c->helper->nargs; k++) {
                uses[c->args[k].i]++;
            }
        } else {
            for (unsigned k = 0; k < strlen(tcg_op_desc[op->opc].sig) - 1; k++) {
                uses[v[k].i]++;
            }
        }
    }
    for (uint32_t i = 1; i < u->nops; i++) {
        if (u->ops[i].uses != uses[i]) {
            g_error("v%u has %u uses, not %u", i, uses[i], u->ops[i].uses);
        }
    }
    g_free(uses);
}

static void second_optimized(Fixture *f, uint64_t seed, const IrGenOptions *o)
{
    irgen_unit(seed & 16 ? f->b : f->plain, f->u2, seed, o);
    if (seed & 32) {
        tcg_live(f->u2);
        uses_must_be_right(f->u2);
    }
    tcg_optimize(f->u2, TCG_OPT_ALL | TCG_OPT_VERIFY);
    tcg_live(f->u2);
    uses_must_be_right(f->u2);
}

static void no_optional_op(const TCGUnit *u)
{
    for (uint32_t i = 1; i < u->nops; i++) {
        g_assert_false(tcg_op_desc[u->ops[i].opc].flags & TCG_OPF_OPT);
    }
}

static const bool has_nothing[TCG_OP_COUNT];

static void second_lowered(Fixture *f, uint64_t seed, const IrGenOptions *o)
{
    irgen_unit(seed & 16 ? f->b : f->plain, f->u2, seed, o);
    if (seed & 32) {
        tcg_optimize(f->u2, TCG_OPT_ALL);
    }
    tcg_lower(f->u2, has_nothing);
    no_optional_op(f->u2);
}

static void second_built_for_host(Fixture *f, uint64_t seed, const IrGenOptions *o)
{
    TCGBuilder *b = seed & 16 ? f->b : f->plain;
    tcg_builder_set_host(b, has_nothing);
    irgen_unit(b, f->u2, seed, o);
    tcg_builder_set_host(b, NULL);
    no_optional_op(f->u2);
}

static void test_random(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *name;
        Second *fn;
    } passes[] = {
        {"fold while building", second_folded},
        {"fold", second_rebuilt},
        {"dead code", second_swept},
        {"all passes", second_optimized},
        {"lowering", second_lowered},
        {"building for a bare host", second_built_for_host},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(passes); i++) {
        random_units(f, passes[i].name, passes[i].fn);
    }
}

/* ---- dead code ---- */

static void test_dead_code(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    begin(f);
    TCGv x = tcg_gen_getcell(b, 0), y = tcg_gen_getcell(b, 1);
    tcg_gen_mul(b, tcg_gen_add(b, x, y), y); /* dead, and so is the sum */
    tcg_gen_setcell(b, 2, x);                /* overwritten, nothing between */
    tcg_gen_setcell(b, 2, y);                /* only the load's fault can see it */
    TCGv l = tcg_gen_ld(b, TCG_I64, TCG_MO_64, x, 0);
    tcg_gen_setcell(b, 2, l);
    tcg_gen_setcell(b, 3, l); /* stays: the label follows */
    TCGLabel label = tcg_new_label(b);
    tcg_gen_br_if(b, y, label);
    tcg_gen_setcell(b, 3, x); /* overwritten behind the label: cells are at home there */
    tcg_gen_label(b, label);
    tcg_gen_setcell(b, 3, y); /* only the side exit sees it */
    tcg_gen_exit_if(b, x, 8, false);
    tcg_gen_setcell(b, 3, x);
    tcg_gen_exit_direct(b, 4);
    tcg_optimize(f->u, TCG_OPT_ALL | TCG_OPT_VERIFY);
    tcg_live(f->u);
    char *text = dump_text(f->u);
    g_assert_cmpstr(text, ==,
                    " ---- insn 0, page+0\n"
                    "      v2    = getcell.i64 x0\n"
                    "      v3    = getcell.i64 x1\n"
                    "              setcell x2, v3   sink\n"
                    "      v8    = ld.i64 [v2]   64\n"
                    "              setcell x2, v8\n"
                    "              setcell x3, v8\n"
                    "              br_if v3, L0\n"
                    "              setcell x3, v2\n"
                    "L0:\n"
                    "              setcell x3, v3   sink\n"
                    "              exit_if v2, page+0x8   exit 0\n"
                    "              setcell x3, v2\n"
                    "              exit_direct page+0x4   exit 1\n");
    free(text);
    g_assert_cmpint(f->u->ops[2].uses, ==, 4);
    g_assert_cmpint(f->u->ops[3].uses, ==, 3);
}

/* A helper that may write a cell may also leave it: what was set before must be in its home. */
static void test_dead_code_calls(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    static const TCGHelper writes_x0 = {.name = "writes_x0", .writes.w[0] = 1};
    static const TCGHelper reads_x1 = {.name = "reads_x1", .reads.w[0] = 2};
    static const TCGHelper faults = {.name = "faults", .flags = TCG_HELPER_FAULTS};
    static const TCGHelper pure = {.name = "pure", .ret = TCG_I64, .flags = TCG_HELPER_PURE};
    begin(f);
    TCGv x = tcg_gen_getcell(b, 4), y = tcg_gen_getcell(b, 5);
    tcg_gen_setcell(b, 0, x);
    tcg_gen_setcell(b, 1, x);
    tcg_gen_setcell(b, 2, x);
    tcg_gen_setcell(b, 3, x);
    tcg_gen_call0(b, &writes_x0);
    tcg_gen_call0(b, &reads_x1);
    tcg_gen_call0(b, &pure);
    tcg_gen_setcell(b, 2, y);
    tcg_gen_call0(b, &faults);
    for (unsigned i = 0; i < 4; i++) {
        tcg_gen_setcell(b, i, i == 2 ? x : y);
    }
    tcg_gen_exit_direct(b, 4);
    tcg_optimize(f->u, TCG_OPT_ALL | TCG_OPT_VERIFY);
    char *text = dump_text(f->u);
    g_assert_cmpstr(text, ==,
                    " ---- insn 0, page+0\n"
                    "      v2    = getcell.i64 x4\n"
                    "      v3    = getcell.i64 x5\n"
                    "              setcell x0, v2\n"
                    "              setcell x1, v2\n"
                    "              setcell x3, v2   sink\n"
                    "              call writes_x0()\n"
                    "              call reads_x1()\n"
                    "              setcell x2, v3   sink\n"
                    "              call faults()\n"
                    "              setcell x0, v3\n"
                    "              setcell x1, v3\n"
                    "              setcell x2, v2\n"
                    "              setcell x3, v3\n"
                    "              exit_direct page+0x4   exit 0\n");
    free(text);
}

/*
 * A host may leave a sinkable setcell out of the main path: without all of them, a run that neither
 * faults nor leaves by the side ends in the same state.
 */
static void test_sinks(Fixture *f, gconstpointer data)
{
    unsigned sinks = 0, compared = 0;
    for (uint64_t seed = 1; seed < 2000; seed++) {
        IrGenOptions o;
        vary(&o, seed);
        irgen_unit(f->b, f->u, seed, &o);
        tcg_optimize(f->u, TCG_OPT_ALL);
        irgen_unit(f->b, f->u2, seed, &o);
        tcg_optimize(f->u2, TCG_OPT_ALL);
        for (uint32_t i = 1; i < f->u2->nops; i++) {
            TCGOp *op = &f->u2->ops[i];
            if (op->opc == TCG_OP_setcell && op->aux & TCG_SET_SINK) {
                *op = (TCGOp){0};
                sinks++;
            }
        }
        irgen_state_init(f->s, seed);
        irgen_interpret(f->s, f->u, f->in);
        uint64_t pc = f->s->env.pc;
        for (uint32_t i = 1; i < f->u->nops; i++) {
            if (f->u->ops[i].opc == TCG_OP_exit_if) {
                f->u->ops[i].imm += 1 << 20; /* so that a side exit shows */
            }
        }
        irgen_state_init(f->s, seed);
        if (irgen_interpret(f->s, f->u, f->in) != IRGEN_FAULTED && f->s->env.pc == pc) {
            same_result(f, seed, "without sinks");
            compared++;
        }
    }
    g_assert_cmpint(sinks, >, 100);
    g_assert_cmpint(compared, >, 500);
}

/* ---- calls ---- */

static uint64_t sum_of(CPUEnv *env, uint64_t a, uint32_t b, uint64_t c, uint32_t d, uint64_t e,
                       uint64_t f, uint32_t g)
{
    ((IrGenState *)env)->nlog++;
    return a + 2 * (uint64_t)b + 3 * c + 4 * (uint64_t)d + 5 * e + 6 * f + 7 * (uint64_t)g;
}

static uint32_t no_argument(void)
{
    return 0x87654321;
}

static uint64_t three(uint64_t a, uint64_t b, uint64_t c)
{
    return a * 100 + b * 10 + c;
}

static bool veto(void *opaque, const TCGHelper *h)
{
    return h->nargs != 3;
}

/* Many calls, of several shapes; a copy of the unit; a veto. */
static void test_calls(Fixture *f, gconstpointer data)
{
    static const TCGHelper sum = {
        .name = "sum",
        .fn = (void *)sum_of,
        .ret = TCG_I64,
        .nargs = 7,
        .args = {TCG_I64, TCG_I32, TCG_I64, TCG_I32, TCG_I64, TCG_I64, TCG_I32},
        .pass_env = true};
    static const TCGHelper none = {.name = "none", .fn = (void *)no_argument, .ret = TCG_I32};
    static const TCGHelper h3 = {.name = "three",
                                 .fn = (void *)three,
                                 .ret = TCG_I64,
                                 .nargs = 3,
                                 .args = {TCG_I64, TCG_I64, TCG_I64}};
    TCGBuilder *b = f->b;
    begin(f);
    TCGv x = tcg_gen_getcell(b, 0), acc = tcg_i64(b, 0), w = tcg_gen_call0(b, &none);
    for (unsigned i = 0; i < 100; i++) {
        TCGv args[] = {x, w, x, w, acc, tcg_i64(b, i), w};
        acc = tcg_gen_call(b, &sum, 7, args);
    }
    tcg_gen_setcell(b, 1, acc);
    tcg_gen_setcell(b, 2, tcg_gen_extu(b, w));
    tcg_gen_setcell(b, 3, tcg_gen_call3(b, &h3, tcg_i64(b, 1), tcg_i64(b, 2), tcg_i64(b, 3)));
    tcg_gen_exit_direct(b, 4);
    must_be_right(f->u, "calls");
    TCGUnit *copy = tcg_unit_copy(f->u);
    tcg_unit_reset(f->u);
    irgen_state_init(f->s, 1);
    f->s->x[0] = 11;
    g_assert_cmpint(irgen_interpret(f->s, copy, f->in), ==, 0);
    uint64_t want = 0;
    for (unsigned i = 0; i < 100; i++) {
        want = 11 + 33 + 5 * want + 6 * i + 13 * UINT64_C(0x87654321);
    }
    g_assert_cmphex(f->s->x[1], ==, want);
    g_assert_cmphex(f->s->x[2], ==, 0x87654321);
    g_assert_cmpint(f->s->x[3], ==, 123);
    g_assert_cmpint(f->s->nlog, ==, 100);

    TcgInterpMem m = irgen_mem;
    m.may_call = veto;
    tcg_interp_set_mem(f->in, &m, NULL);
    irgen_state_init(f->s, 1);
    g_assert_cmpint(tcg_interp_run(copy, &f->s->env, f->in), ==, TCG_INTERP_VETO);
    g_assert_cmpint(f->s->nlog, ==, 100);
    tcg_unit_free(copy);
}

/* ---- verifier ---- */

static void refused(Fixture *f, const char *part)
{
    char *wrong = tcg_verify(f->u);
    if (!wrong || !strstr(wrong, part)) {
        char *text = dump_text(f->u);
        g_error("verifier: got \"%s\", not \"%s\"\n%s", wrong ? wrong : "", part, text);
    }
    g_free(wrong);
}

/* v1 insn; v2 = x0; v3 = x1; v4 = add; v5 setcell; v6 br_if; v7 = sub; v8 setcell; v9 label;
 * v10 exit_if; v11 exit_direct */
static void sample(Fixture *f)
{
    TCGBuilder *b = f->plain;
    f->u->pc32 = false;
    tcg_begin(b, f->u);
    tcg_gen_insn_start(b, 0);
    TCGv x = tcg_gen_getcell(b, 0), y = tcg_gen_getcell(b, 1), sum = tcg_gen_add(b, x, y);
    tcg_gen_setcell(b, 0, sum);
    TCGLabel l = tcg_new_label(b);
    tcg_gen_br_if(b, sum, l);
    TCGv diff = tcg_gen_sub(b, x, y);
    tcg_gen_setcell(b, 1, diff);
    tcg_gen_label(b, l);
    tcg_gen_exit_if(b, x, 8, false);
    tcg_gen_exit_direct(b, 4);
    must_be_right(f->u, "sample");
}

static void test_verifier(Fixture *f, gconstpointer data)
{
    TCGOp *o;
    sample(f);
    o = f->u->ops;
    o[10].a.i = 7; /* defined on one way only */
    refused(f, "not defined on every way");
    sample(f);
    o[4].a.i = 4;
    refused(f, "before its definition");
    o[4].a.i = 7;
    refused(f, "before its definition");
    sample(f);
    o[4].type = TCG_I32;
    refused(f, "operand a is i64");
    sample(f);
    o[4].type = TCG_F64;
    refused(f, "cannot be of type f64");
    sample(f);
    o[4].b.i = 0;
    refused(f, "operand b is none");
    sample(f);
    o[4].b.i = 5;
    refused(f, "without a value");
    sample(f);
    o[4].c.i = 2;
    refused(f, "no operand c");
    sample(f);
    o[5].aux = IRGEN_CELLS;
    refused(f, "no such cell");
    sample(f);
    o[5].aux = IRGEN_NX;
    refused(f, "not the cell's type");
    sample(f);
    o[6].aux = 1;
    refused(f, "no such label");
    sample(f);
    f->u->nlabels = 2;
    o[6].aux = 1;
    refused(f, "label 1 is branched to and stands nowhere");
    sample(f);
    o[10] = o[9];
    refused(f, "stands twice");
    sample(f);
    o[10] = o[6];
    refused(f, "branch back");
    sample(f);
    o[6] = (TCGOp){.opc = TCG_OP_br, .aux = 0};
    refused(f, "op 7 (sub): cannot be reached");
    sample(f);
    f->u->nops--;
    refused(f, "does not end in an exit");
    sample(f);
    o[11].c.i = 0;
    refused(f, "should be number 1");
    sample(f);
    f->u->nexits = 3;
    refused(f, "2 direct exits");
    sample(f);
    o[1].aux = 1;
    refused(f, "instruction 1");
    sample(f);
    o[7].opc = TCG_OP_COUNT;
    refused(f, "opcode");
    sample(f);
    o[7] = (TCGOp){.opc = TCG_OP_call, .type = TCG_I64};
    refused(f, "no such call");
    sample(f);
    o[7] = (TCGOp){.opc = TCG_OP_ld, .type = TCG_I32, .a = {2}, .aux = TCG_MO_64};
    refused(f, "size does not fit");
    sample(f);
    o[7] = (TCGOp){.opc = TCG_OP_extract, .type = TCG_I64, .a = {2}, .aux = 60 | 8 << 8};
    refused(f, "field outside");
    sample(f);
    o[7] = (TCGOp){.opc = TCG_OP_bitcast, .type = TCG_F32, .a = {2}};
    refused(f, "different sizes");
    sample(f);
    o[7] = (TCGOp){.opc = TCG_OP_const, .type = TCG_I32, .imm = UINT32_MAX};
    refused(f, "beyond 32 bits");
    sample(f);
    o[1] = (TCGOp){0};
    o[7] = (TCGOp){.opc = TCG_OP_ld, .type = TCG_I64, .a = {2}, .aux = TCG_MO_64};
    f->u->ninsns = 0;
    refused(f, "before the first instruction");
}

static void test_builder_types(Fixture *f, gconstpointer data)
{
#ifdef NDEBUG
    g_test_skip("built without assertions");
#else
    if (g_test_subprocess()) {
        begin(f);
        tcg_gen_add(f->b, tcg_gen_getcell(f->b, 0), tcg_gen_getcell(f->b, IRGEN_NX));
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*insn 1: add.i64: operand b is i32*");
#endif
}

/* ---- interpreter: what the host's own arithmetic leaves undefined ---- */

static uint64_t run_binary(Fixture *f, unsigned i, TCGType t, uint64_t x, uint64_t y)
{
    TCGBuilder *b = f->plain;
    tcg_begin(b, f->u);
    tcg_gen_insn_start(b, 0);
    TCGv vx = tcg_gen_getcell(b, 0), vy = tcg_gen_getcell(b, 1);
    if (t == TCG_I32) {
        tcg_gen_setcell(
            b, 2, tcg_gen_extu(b, binary_fn[i](b, tcg_gen_trunc(b, vx), tcg_gen_trunc(b, vy))));
    } else {
        tcg_gen_setcell(b, 2, binary_fn[i](b, vx, vy));
    }
    tcg_gen_exit_direct(b, 4);
    irgen_state_init(f->s, 1);
    f->s->x[0] = x;
    f->s->x[1] = y;
    g_assert_cmpint(irgen_interpret(f->s, f->u, f->in), ==, 0);
    return f->s->x[2];
}

static void test_interpreter(Fixture *f, gconstpointer data)
{
    static const struct {
        TCGOpcode opc;
        uint64_t x, y, r64, r32;
    } rows[] = {
        {TCG_OP_divs, 7, 0, -1, UINT32_MAX},
        {TCG_OP_divs, INT64_MIN, -1, INT64_MIN, 0},
        {TCG_OP_divs, 0x80000000, -1, -INT64_C(0x80000000), 0x80000000},
        {TCG_OP_divs, -7, 2, -3, UINT32_C(-3)},
        {TCG_OP_divu, 7, 0, UINT64_MAX, UINT32_MAX},
        {TCG_OP_rems, 7, 0, 7, 7},
        {TCG_OP_rems, INT64_MIN, -1, 0, 0},
        {TCG_OP_rems, -7, 2, -1, UINT32_MAX},
        {TCG_OP_remu, -7, 0, -7, UINT32_C(-7)},
        {TCG_OP_shl, 1, 65, 2, 2},
        {TCG_OP_shl, 1, 33, UINT64_C(1) << 33, 2},
        {TCG_OP_sar, -8, 65, -4, UINT32_C(-4)},
        {TCG_OP_sar, 0x80000000, 31, 1, UINT32_MAX},
        {TCG_OP_shr, -1, 63, 1, 1},
        {TCG_OP_rotr, 1, 1, UINT64_C(1) << 63, UINT32_C(1) << 31},
        {TCG_OP_rotl, 0x80000001, 0, 0x80000001, 0x80000001},
        {TCG_OP_rotl, 0x80000001, 4, UINT64_C(0x800000010), 0x18},
        {TCG_OP_mulhu, -1, -1, -2, UINT32_C(-2)},
        {TCG_OP_mulhs, -1, -1, 0, 0},
        {TCG_OP_mulhsu, -1, -1, -1, UINT32_MAX},
        {TCG_OP_mulhsu, INT64_MIN, -1, UINT64_C(0x8000000000000000), 0},
        {TCG_OP_mulhsu, 2, -1, 1, 1},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned k = 0; k < NBIN; k++) {
            if (binary_ops[k] == rows[i].opc) {
                uint64_t r64 = run_binary(f, k, TCG_I64, rows[i].x, rows[i].y);
                uint64_t r32 = run_binary(f, k, TCG_I32, rows[i].x, rows[i].y);
                if (r64 != rows[i].r64 || r32 != rows[i].r32) {
                    g_error("%s %#" PRIx64 " %#" PRIx64 ": %#" PRIx64 " and %#" PRIx64,
                            tcg_op_desc[rows[i].opc].name, rows[i].x, rows[i].y, r64, r32);
                }
            }
        }
    }
}

/* Precise state and icount at a side exit and at a fault. */
static void test_interpreter_leaving(Fixture *f, gconstpointer data)
{
    TCGBuilder *b = f->b;
    f->u->pc32 = false;
    tcg_begin(b, f->u);
    for (unsigned i = 0; i < 5; i++) {
        tcg_gen_insn_start(b, 0x10 + 4 * i);
        TCGv x = tcg_gen_getcell(b, i);
        if (i == 2) {
            tcg_gen_exit_if(b, x, -8, false);
        }
        if (i == 3) {
            tcg_gen_ld(b, TCG_I64, TCG_MO_64, x, 0);
        }
        tcg_gen_setcell(b, i, tcg_i64(b, 100 + i));
    }
    tcg_gen_exit_main(b, tcg_gen_pcrel(b, 0x24));
    irgen_state_init(f->s, 1);
    f->s->x[2] = 1;
    f->s->env.icount_left = 50;
    g_assert_cmpint(irgen_interpret(f->s, f->u, f->in), ==, 0 /* TCG_LEAVE_LOOKUP */);
    g_assert_cmphex(f->s->env.pc, ==, IRGEN_PAGE - 8);
    g_assert_cmpint(f->s->x[1], ==, 101);
    g_assert_cmpint(f->s->env.icount_left, ==, 52);

    irgen_state_init(f->s, 1);
    f->s->x[2] = 0;
    f->s->x[3] = 1;
    g_assert_cmpint(irgen_interpret(f->s, f->u, f->in), ==, IRGEN_FAULTED);
    g_assert_cmphex(f->s->env.pc, ==, IRGEN_PAGE + 0x1c);
    g_assert_cmpint(tcg_interp_insn(f->in), ==, 3);
    g_assert_cmpint(f->s->x[2], ==, 102);
    g_assert_cmpint(f->s->x[3], ==, 1);

    irgen_state_init(f->s, 1);
    f->s->x[2] = 0;
    f->s->x[3] = IRGEN_BASE;
    g_assert_cmpint(irgen_interpret(f->s, f->u, f->in), ==, 3 /* TCG_LEAVE_MAIN */);
    g_assert_cmphex(f->s->env.pc, ==, IRGEN_PAGE + 0x24);
}

/* ---- FP status: the host's own arithmetic knows MXCSR ---- */

#ifdef __SSE2__
#include <emmintrin.h>

static uint64_t host_fp(TCGOpcode opc, uint64_t x, uint64_t y)
{
    __m128d a = _mm_castsi128_pd(_mm_cvtsi64_si128((int64_t)x)), r;
    __m128d b = _mm_castsi128_pd(_mm_cvtsi64_si128((int64_t)y));
    switch (opc) {
    case TCG_OP_fadd:
        r = _mm_add_sd(a, b);
        break;
    case TCG_OP_fsub:
        r = _mm_sub_sd(a, b);
        break;
    case TCG_OP_fmul:
        r = _mm_mul_sd(a, b);
        break;
    case TCG_OP_fdiv:
        r = _mm_div_sd(a, b);
        break;
    case TCG_OP_fsqrt:
        r = _mm_sqrt_sd(a, a);
        break;
    case TCG_OP_fcvt_fs:
        return _mm_cvtsd_si64(a);
    case TCG_OP_fcvt_sf:
        r = _mm_cvtsi64_sd(a, (int64_t)x);
        break;
    default:
        return (uint32_t)_mm_cvtsi128_si32(_mm_castps_si128(_mm_cvtsd_ss(_mm_setzero_ps(), a)));
    }
    return _mm_cvtsi128_si64(_mm_castpd_si128(r));
}

static void test_interpreter_fp(Fixture *f, gconstpointer data)
{
    static const uint8_t ops[] = {TCG_OP_fadd,  TCG_OP_fsub,    TCG_OP_fmul,    TCG_OP_fdiv,
                                  TCG_OP_fsqrt, TCG_OP_fcvt_fs, TCG_OP_fcvt_sf, TCG_OP_fcvt_ff};
    TCGBuilder *b = f->plain;
    IrGenRng r = {.s = 5};
    for (unsigned i = 0; i < G_N_ELEMENTS(ops); i++) {
        tcg_begin(b, f->u);
        tcg_gen_insn_start(b, 0);
        TCGv x = tcg_gen_bitcast(b, TCG_F64, tcg_gen_getcell(b, 0));
        TCGv y = tcg_gen_bitcast(b, TCG_F64, tcg_gen_getcell(b, 1)), v;
        switch (ops[i]) {
        case TCG_OP_fadd:
            v = tcg_gen_fadd(b, TCG_RND_DYN, x, y);
            break;
        case TCG_OP_fsub:
            v = tcg_gen_fsub(b, TCG_RND_DYN, x, y);
            break;
        case TCG_OP_fmul:
            v = tcg_gen_fmul(b, TCG_RND_DYN, x, y);
            break;
        case TCG_OP_fdiv:
            v = tcg_gen_fdiv(b, TCG_RND_DYN, x, y);
            break;
        case TCG_OP_fsqrt:
            v = tcg_gen_fsqrt(b, TCG_RND_DYN, x);
            break;
        case TCG_OP_fcvt_fs:
            v = tcg_gen_fcvt_fs(b, TCG_I64, TCG_RND_DYN, x);
            break;
        case TCG_OP_fcvt_sf:
            v = tcg_gen_fcvt_sf(b, TCG_F64, TCG_RND_DYN, tcg_gen_getcell(b, 0));
            break;
        default:
            v = tcg_gen_bitcast(b, TCG_I32, tcg_gen_fcvt_ff(b, TCG_F32, TCG_RND_DYN, x));
            v = tcg_gen_extu(b, v);
            break;
        }
        if (tcg_type(b, v) == TCG_F64) {
            v = tcg_gen_bitcast(b, TCG_I64, v);
        }
        tcg_gen_setcell(b, 2, v);
        tcg_gen_exit_direct(b, 4);
        for (unsigned n = 0; n < 4000; n++) {
            uint64_t p = irgen_fp(&r, TCG_F64), q = irgen_fp(&r, TCG_F64);
            if (n & 1) {
                p = p >> 32 << 32; /* exact results are rare otherwise */
                q = q >> 32 << 32;
            }
            if (ops[i] == TCG_OP_fcvt_sf) {
                p = irgen_number(&r);
            }
            uint32_t mxcsr = 0x1f80 | (n >> 1 & 3) << 13, host = _mm_getcsr();
            _mm_setcsr(mxcsr);
            uint64_t want = host_fp(ops[i], p, q);
            uint32_t flags = _mm_getcsr();
            _mm_setcsr(host);
            irgen_state_init(f->s, 1);
            f->s->env.mxcsr = mxcsr;
            f->s->x[0] = p;
            f->s->x[1] = q;
            irgen_interpret(f->s, f->u, f->in);
            if (f->s->x[2] != want || f->s->env.mxcsr != flags) {
                g_error("%s %#" PRIx64 " %#" PRIx64 " mxcsr %#x: %#" PRIx64
                        " flags %#x, not %#" PRIx64 " flags %#x",
                        tcg_op_desc[ops[i]].name, p, q, mxcsr, f->s->x[2], f->s->env.mxcsr, want,
                        flags);
            }
        }
    }
}
#else
static void test_interpreter_fp(Fixture *f, gconstpointer data)
{
    g_test_skip("this host's FP status is not MXCSR");
}
#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tcg/conditions", test_conditions);
#define ADD(path, fn) g_test_add("/tcg/" path, Fixture, NULL, setup, fn, teardown)
    ADD("build/forwarding", test_forwarding);
    ADD("build/fp-merge", test_fp_merge);
    ADD("build/unreachable", test_unreachable);
    ADD("build/overflow", test_overflow);
    ADD("build/types", test_builder_types);
    ADD("fold/integer", test_fold_integer);
    ADD("fold/rotation", test_fold_rotation);
    ADD("fold/widths", test_fold_widths);
    ADD("fold/compare", test_fold_compare);
    ADD("fold/memory", test_fold_memory);
    ADD("fold/fp-vector", test_fold_fp_vector);
    ADD("fold/chains", test_fold_chains);
    ADD("live/dead-code", test_dead_code);
    ADD("live/calls", test_dead_code_calls);
    ADD("live/sinks", test_sinks);
    ADD("verify", test_verifier);
    ADD("interp/calls", test_calls);
    ADD("interp/totality", test_interpreter);
    ADD("interp/fp", test_interpreter_fp);
    ADD("interp/leaving", test_interpreter_leaving);
    ADD("random", test_random);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The A64 INSN rows: each has encodings, which the decoder gives back as that row; each row's
 * function emits IR that the verifier accepts, in several modes, before and after optimisation.
 *
 * Random, with a fixed seed: GLib prints it, and takes another with --seed.
 */
#include "target/arm/a64.h"

#include <string.h>

#define ROUNDS 64

/* An encoding that decodes to the row: conditions exclude less than nearly all. */
static uint32_t random_encoding(A64InsnId row)
{
    const InsnRow *r = &a64_insn_rows[row];
    for (unsigned tries = 0; tries < 10000; tries++) {
        uint32_t w = r->match | ((uint32_t)g_test_rand_int() & ~r->mask);
        A64Insn a = {0};
        if (insn_row_matches(r, w) && a64_decode32(w, UINT64_MAX, &a) == row) {
            return w;
        }
    }
    g_error("%s:%u: %s: no encoding found", r->file, r->line, r->name);
}

static void check_unit(TCGUnit *u, const InsnRow *r, uint32_t w, const char *when)
{
    char *wrong = tcg_verify(u);
    if (wrong) {
        tcg_dump(u, stderr);
        g_error("%s:%u: %s, encoding %#x, %s: %s", r->file, r->line, r->name, w, when, wrong);
    }
}

/* Translate words at page offset off; true if the unit is well-formed. */
static void translate(TCGBuilder *b, TCGUnit *u, ARMConfig *cfg, uint32_t mode,
                      const uint32_t *words, unsigned n, unsigned off)
{
    static uint8_t page[TLB_PAGE_SIZE];
    CPU cpu = {.model = cfg};
    memcpy(page + off, words, n * sizeof(words[0]));
    tcg_unit_reset(u);
    u->start = off;
    tcg_begin(b, u);
    UnitContext c = {
        .cpu = &cpu,
        .b = b,
        .pc = UINT64_C(0x4000000000) + off,
        .mode = mode,
        .max_insns = n,
        .page = page,
        .offset = off,
    };
    a64_translate(&c);
}

static void test_rows(void)
{
    static const uint32_t modes[] = {
        1 | ARM_MODE_FP,
        0 | ARM_MODE_FP | ARM_MODE_ALIGN | ARM_MODE_TBI0,
        1 | ARM_MODE_FP | ARM_MODE_BE | ARM_MODE_UNPRIV | ARM_MODE_TBI0 | ARM_MODE_TBI1,
        2,
    };
    ARMConfig cfg = {0};
    memset(cfg.feat, 0xff, sizeof(cfg.feat));
    TCGUnit *u = tcg_unit_new(arm_cells, ARM_CELL_COUNT);
    TCGBuilder *b = tcg_builder_new();
    for (unsigned i = 1; i < A64_INSN_COUNT; i++) {
        const InsnRow *r = &a64_insn_rows[i];
        for (unsigned k = 0; k < ROUNDS; k++) {
            /* What a comparison before it does to conditions: cmp x1, x2. */
            uint32_t words[] = {0xeb02003f, random_encoding(i)};
            translate(b, u, &cfg, modes[k % G_N_ELEMENTS(modes)], words, 2,
                      (unsigned)g_test_rand_int_range(0, 1000) * 4);
            check_unit(u, r, words[1], "as translated");
            tcg_optimize(u, TCG_OPT_ALL);
            check_unit(u, r, words[1], "optimised");
        }
    }
    tcg_builder_free(b);
    tcg_unit_free(u);
}

/* Reserved encodings are no instructions, whatever the CPU has. */
static void test_reserved(void)
{
    static const uint32_t words[] = {
        0x00000000,            /* UDF #0 */
        0x0b028000,            /* add w0, w0, w2, lsl #32 */
        0x8bc20000,            /* add with ROR */
        0x8b221400,            /* add x0, x0, w2, uxtb #5 */
        0x12c00000,            /* movn w0, #0, lsl #32 */
        0x53400000,            /* ubfm with N set and sf clear */
        0x93000000,            /* sbfm with N clear and sf set */
        0xb8e00000 | 1u << 10, /* ldrs w with opc 3, post-indexed */
        0xf8c00000,            /* ldur with opc 3, 64 bits */
        0x68000000,            /* stnp of size 1 */
        0xf8620800,            /* ldr with option 0 */
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        A64Insn a = {0};
        A64InsnId id = a64_decode32(words[i], UINT64_MAX, &a);
        if (id != A64_INSN_NONE) {
            g_error("%#x decodes to %s", words[i], a64_insn_rows[id].name);
        }
    }
}

/* Units that a host should get as they are: the number of ops is what compiled loops depend on. */
static void test_quality(void)
{
    static const struct {
        const char *what;
        uint32_t words[3];
        unsigned n;
        const char *ops; /* of the optimised unit but for cells and constants */
    } table[] = {
        {"cmp; b.lt", {0xeb01001f, 0x5400004b}, 2, "setcond exit_if"},
        {"add w", {0x0b020020}, 1, "trunc trunc add extu"},
        {"ands; b.eq", {0x8a000000 | 3u << 29 | 0x1001f, 0x54000040}, 2, "and setcond exit_if"},
        {"cset", {0xeb01001f, 0x9a9f17e0}, 2, "setcond"},
        {"lsl", {0xd37df020}, 1, "shl"},
        {"uxtb", {0x53001c20}, 1, "trunc ext8u extu"},
    };
    ARMConfig cfg = {0};
    TCGUnit *u = tcg_unit_new(arm_cells, ARM_CELL_COUNT);
    TCGBuilder *b = tcg_builder_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        GString *got = g_string_new(NULL);
        translate(b, u, &cfg, 0, table[i].words, table[i].n, 0x100);
        tcg_optimize(u, TCG_OPT_ALL);
        bool flags = strchr(table[i].what, ';') || g_str_has_prefix(table[i].what, "cset");
        for (unsigned k = 1; k < u->nops; k++) {
            const TCGOp *op = &u->ops[k];
            if (op->opc == TCG_OP_insn_start || op->opc == TCG_OP_getcell ||
                op->opc == TCG_OP_setcell || op->opc == TCG_OP_const ||
                op->opc == TCG_OP_exit_direct) {
                continue;
            }
            g_string_append_printf(got, "%s%s", got->len ? " " : "", tcg_op_desc[op->opc].name);
        }
        /* Flags are in the unit too, for whoever comes next; only what leads to the branch is
         * compared. */
        if (flags ? !strstr(got->str, strrchr(table[i].ops, ' ') ? strrchr(table[i].ops, ' ') + 1
                                                                 : table[i].ops)
                  : strcmp(got->str, table[i].ops) != 0) {
            g_error("%s: %s, expected %s", table[i].what, got->str, table[i].ops);
        }
        g_string_free(got, TRUE);
    }
    tcg_builder_free(b);
    tcg_unit_free(u);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/a64/insn/rows", test_rows);
    g_test_add_func("/a64/insn/reserved", test_reserved);
    g_test_add_func("/a64/insn/quality", test_quality);
    return g_test_run();
}

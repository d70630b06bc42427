/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The A64 INSN rows: each has encodings, which the decoder gives back as that row; each row's
 * function emits IR that the verifier accepts, in several modes, before and after optimisation.
 * Flags are those of the manual's AddWithCarry(), and conditions the same whether they are made of
 * operands (in the unit that set the flags) or of the cells (in the next one). Estimates and steps
 * of vectors are those of their elements.
 *
 * Random, with a fixed seed: GLib prints it, and takes another with --seed.
 */
#include "target/arm/a64.h"
#include "tcg/interp.h"

#include <inttypes.h>
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
        {"udiv; msub", {0x9ac20823, 0x9b028463}, 2, "remu"},
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

/* ---- flags ---- */

/* What sets flags of x1 and x2, or v1 and v2; sum: x1 + x2, or their difference, of so many bits.
 */
static const struct Setter {
    const char *what;
    uint32_t word;
    uint8_t bits;
    bool sum, carry;
} setters[] = {
    {"adds x3, x1, x2", 0xab020023, 64, true},
    {"adds w3, w1, w2", 0x2b020023, 32, true},
    {"adds x1, x1, x2", 0xab020021, 64, true},
    {"adds w2, w1, w2", 0x2b020022, 32, true},
    {"cmn x1, x2", 0xab02003f, 64, true},
    {"subs x3, x1, x2", 0xeb020023, 64},
    {"subs w3, w1, w2", 0x6b020023, 32},
    {"subs x1, x1, x2", 0xeb020021, 64},
    {"subs w2, w1, w2", 0x6b020022, 32},
    {"cmp x1, x2", 0xeb02003f, 64},
    {"cmp w1, w2", 0x6b02003f, 32},
    {"adcs x3, x1, x2", 0xba020023, 64, true, true},
    {"adcs w1, w1, w2", 0x3a020021, 32, true, true},
    {"sbcs x1, x1, x2", 0xfa020021, 64, false, true},
    {"sbcs w3, w1, w2", 0x7a020023, 32, false, true},
    {"subs x1, x1, #1", 0xf1000421},
    {"cmp w1, #0", 0x7100003f},
    {"cmn x1, #1", 0xb100043f},
    {"ands x3, x1, x2", 0xea020023},
    {"tst w1, w2", 0x6a02003f},
    {"tst x1, #1", 0xf240003f},
    {"bics w1, w1, w2", 0x6a220021},
    {"ccmp x1, x2, #5, eq", 0xfa420025},
    {"ccmp w1, #3, #10, gt", 0x7a43c82a},
    {"ccmn x1, x2, #4, cs", 0xba422024},
    {"ccmn w1, w2, #15, vs", 0x3a42602f},
    {"fcmp d1, d2", 0x1e622020},
    {"fcmp s1, s2", 0x1e222020},
    {"fcmpe d1, #0.0", 0x1e602038},
    {"fccmp d1, d2, #2, ne", 0x1e621422},
    {"cfinv", 0xd500401f},
    {"xaflag", 0xd500403f},
    {"axflag", 0xd500405f},
    {"rmif x1, #3, #13", 0xba01842d},
    {"setf8 w1", 0x3a00082d},
    {"setf16 w1", 0x3a00482d},
    {"msr nzcv, x1", 0xd51b4201},
};

static uint64_t edge(void)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      0x7f,
                                      0x80,
                                      0xffff,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      0x100000000,
                                      INT64_MAX,
                                      1ull << 63,
                                      UINT64_MAX,
                                      0x3ff0000000000000,
                                      0x7ff8000000000000,
                                      0x7fc000003f800000};
    uint64_t v = values[g_test_rand_int_range(0, G_N_ELEMENTS(values))];
    int kind = g_test_rand_int_range(0, 4);
    return kind == 0   ? (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int()
           : kind == 1 ? v + g_test_rand_int_range(-2, 3)
                       : v;
}

/* AddWithCarry() of the pseudocode. */
static uint32_t flags_of_sum(uint64_t x, uint64_t y, bool carry, unsigned bits)
{
    unsigned __int128 mask = ((unsigned __int128)1 << bits) - 1,
                      u = (x & mask) + (y & mask) + carry;
    uint64_t r = u & mask;
    __int128 sx = bits == 64 ? (int64_t)x : (int32_t)x, sy = bits == 64 ? (int64_t)y : (int32_t)y;
    __int128 sr = bits == 64 ? (int64_t)r : (int32_t)r;
    return (r >> (bits - 1)) << 3 | (r == 0) << 2 | (u != r) << 1 | (sr != sx + sy + carry);
}

static uint32_t nzcv_of(const ARMEnv *env)
{
    return arm_flags_nzcv(env->flag_x, env->flag_y, env->flag_kind);
}

/* All conditions to x10 ... x23. */
enum { CONDS = 14 };
static void run_words(TCGBuilder *b, TCGUnit *u, ARMConfig *cfg, ARMEnv *env, TcgInterp *in,
                      uint32_t mode, const uint32_t *words, unsigned n)
{
    translate(b, u, cfg, mode, words, n, 0x400);
    tcg_optimize(u, TCG_OPT_ALL);
    tcg_interp_run(u, &env->cpu, in);
}

static void test_flags(void)
{
    static ARMEnv whole, parts;
    ARMConfig cfg = {0};
    uint32_t words[1 + CONDS], mode = 1 | ARM_MODE_FP;
    memset(cfg.feat, 0xff, sizeof(cfg.feat));
    TCGUnit *u = tcg_unit_new(arm_cells, ARM_CELL_COUNT);
    TCGBuilder *b = tcg_builder_new();
    TcgInterp *in = tcg_interp_new();
    for (unsigned i = 0; i < CONDS; i++) {
        words[1 + i] = 0x9a9f07e0 | (i ^ 1) << 12 | (10 + i); /* cset */
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(setters); i++) {
        const struct Setter *k = &setters[i];
        words[0] = k->word;
        for (unsigned turn = 0; turn < 400; turn++) {
            uint64_t x = edge(), y = edge();
            uint32_t before = g_test_rand_int() & 15;
            memset(&whole, 0, sizeof(whole));
            whole.x[1] = whole.v[1][0] = x;
            whole.x[2] = whole.v[2][0] = y;
            whole.flag_x = before;
            whole.cpu.mxcsr = 0x1f80;
            parts = whole;
            run_words(b, u, &cfg, &whole, in, mode, words, 1 + CONDS);
            run_words(b, u, &cfg, &parts, in, mode, words, 1);
            uint32_t nzcv = nzcv_of(&parts);
            run_words(b, u, &cfg, &parts, in, mode, words + 1, CONDS);
            if (memcmp(whole.x, parts.x, sizeof(whole.x)) || nzcv_of(&whole) != nzcv) {
                g_error("%s of %#" G_GINT64_MODIFIER "x, %#" G_GINT64_MODIFIER
                        "x: conditions differ in the next unit, NZCV %u and %u",
                        k->what, x, y, nzcv_of(&whole), nzcv);
            }
            for (unsigned c = 0; c < CONDS; c++) {
                bool n = nzcv & 8, z = nzcv & 4, cy = nzcv & 2, v = nzcv & 1;
                bool holds[] = {z, cy, n, v, cy && !z, n == v, n == v && !z};
                if (whole.x[10 + c] != (holds[c / 2] ^ (c & 1))) {
                    g_error("%s: NZCV %u, condition %u is wrong", k->what, nzcv, c);
                }
            }
            bool carry = k->carry ? before & 2 : !k->sum;
            if (k->bits && nzcv != flags_of_sum(x, k->sum ? y : ~y, carry, k->bits)) {
                g_error("%s of %#" G_GINT64_MODIFIER "x, %#" G_GINT64_MODIFIER "x: NZCV %u",
                        k->what, x, y, nzcv);
            }
        }
    }
    tcg_interp_free(in);
    tcg_builder_free(b);
    tcg_unit_free(u);
}

/* A number of esize 2 or 3 that is likely to be special, or near where estimates are. */
static uint64_t fp_edge(unsigned esize)
{
    unsigned frac_bits = esize == 3 ? 52 : 23, bits = 8u << esize;
    uint64_t exps = esize == 3 ? 0x7ff : 0xff, frac = UINT64_C(1) << frac_bits;
    uint64_t any = (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
    const uint64_t exp[] = {0,        0,        1,        2,   3, exps / 2, exps / 2 + 1,
                            exps - 3, exps - 2, exps - 1, exps};
    const uint64_t fracs[] = {0, 0, 1, frac / 2, frac / 4, frac - 1};
    uint64_t e =
        g_test_rand_bit() ? exp[g_test_rand_int_range(0, G_N_ELEMENTS(exp))] : any >> 40 & exps;
    uint64_t f = g_test_rand_bit() ? fracs[g_test_rand_int_range(0, G_N_ELEMENTS(fracs))] : any;
    return (uint64_t)g_test_rand_bit() << (bits - 1) | e << frac_bits | (f & (frac - 1));
}

/* Estimates and steps of vectors, which have ways of their own, and of each element alone. */
static void test_estimates(void)
{
    static ARMEnv whole, one;
    static const struct {
        const char *what;
        uint32_t vector, scalar;
    } table[] = {
        {"frecps", 0x4e22fc23, 0x5e22fc23},
        {"frsqrts", 0x4ea2fc23, 0x5ea2fc23},
        {"frecpe", 0x4ea1d823, 0x5ea1d823},
        {"frsqrte", 0x6ea1d823, 0x7ea1d823},
    };
    ARMConfig cfg = {0};
    memset(cfg.feat, 0xff, sizeof(cfg.feat));
    TCGUnit *u = tcg_unit_new(arm_cells, ARM_CELL_COUNT);
    TCGBuilder *b = tcg_builder_new();
    TcgInterp *in = tcg_interp_new();
    for (unsigned turn = 0; turn < 40000; turn++) {
        unsigned k = turn % G_N_ELEMENTS(table), esize = 2 + (turn >> 2 & 1), size = 1u << esize;
        uint32_t fpcr = (turn >> 3 & 15) << 22, sf = esize == 3 ? 1u << 22 : 0, fpsr = 0;
        uint32_t mode = 1 | ARM_MODE_FP | (fpcr & ARM_FPCR_FZ ? ARM_MODE_FZ : 0) |
                        (fpcr & ARM_FPCR_DN ? ARM_MODE_DN : 0);
        memset(&whole, 0, sizeof(whole));
        whole.cfg = &cfg;
        arm_fpcr_set(&whole, fpcr);
        one = whole;
        for (unsigned i = 0; i < 16; i += size) {
            for (unsigned r = 1; r <= 2; r++) {
                uint64_t e = fp_edge(esize);
                memcpy((char *)whole.v[r] + i, &e, size);
            }
        }
        run_words(b, u, &cfg, &whole, in, mode, (uint32_t[]){table[k].vector | sf}, 1);
        for (unsigned i = 0; i < 16; i += size) {
            for (unsigned r = 1; r <= 2; r++) {
                memcpy(one.v[r], (char *)whole.v[r] + i, size);
            }
            run_words(b, u, &cfg, &one, in, mode, (uint32_t[]){table[k].scalar | sf}, 1);
            fpsr |= arm_fpsr_get(&one);
            if (memcmp(one.v[3], (char *)whole.v[3] + i, size)) {
                g_error("%s, FPCR %#x, of %#" PRIx64 ", %#" PRIx64 ": %#" PRIx64 " alone",
                        table[k].what, fpcr, one.v[1][0], one.v[2][0], one.v[3][0]);
            }
        }
        if (fpsr != arm_fpsr_get(&whole)) {
            g_error("%s, FPCR %#x: flags %#x and %#x", table[k].what, fpcr, arm_fpsr_get(&whole),
                    fpsr);
        }
    }
    tcg_interp_free(in);
    tcg_builder_free(b);
    tcg_unit_free(u);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/a64/insn/rows", test_rows);
    g_test_add_func("/a64/insn/reserved", test_reserved);
    g_test_add_func("/a64/insn/quality", test_quality);
    g_test_add_func("/a64/insn/flags", test_flags);
    g_test_add_func("/a64/insn/estimates", test_estimates);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The A32 and T32 INSN rows: each has encodings, which the decoder gives back as that row; each
 * row's function emits IR that the verifier accepts, in several modes, inside and outside IT
 * blocks, conditional or not, before and after optimisation. What instructions do is compared by
 * tests/fuzz/arm/armfuzz.c with another emulator.
 *
 * Random, with a fixed seed: GLib prints it, and takes another with --seed.
 */
#include <stdlib.h>
#include <string.h>
#include "tcg/interp.h"
#include "target/arm/a32.h"
#include "target/arm/vfp.h"

#define ROUNDS 48

typedef struct Set {
    const InsnRow *rows;
    unsigned count;
    bool thumb, vfp;
} Set;

static const Set a32 = {a32_insn_rows, A32_INSN_COUNT, false, false};
static const Set t32 = {t32_insn_rows, T32_INSN_COUNT, true, false};
static const Set vfp = {vfp_insn_rows, VFP_INSN_COUNT, false, true};

static unsigned decode(const Set *s, const InsnRow *r, uint32_t w)
{
    A32Insn a = {0};
    if (s->vfp) {
        VFPInsn v = {0};
        return vfp_decode32(w, UINT64_MAX, &v);
    }
    if (!s->thumb) {
        return a32_decode32(w, UINT64_MAX, &a);
    }
    return r->bits == 16 ? t32_decode16(w, UINT64_MAX, &a) : t32_decode32(w, UINT64_MAX, &a);
}

static uint32_t random_encoding(const Set *s, unsigned row)
{
    const InsnRow *r = &s->rows[row];
    for (unsigned tries = 0; tries < 100000; tries++) {
        uint32_t w = r->match | ((uint32_t)g_test_rand_int() & ~r->mask);
        w &= r->bits == 16 ? 0xffff : 0xffffffff;
        if (insn_row_matches(r, w) && decode(s, r, w) == row) {
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

static void test_rows(gconstpointer arg)
{
    const Set *s = arg;
    static uint8_t page[TLB_PAGE_SIZE];
    ARMConfig cfg = {0};
    memset(cfg.feat, 0xff, sizeof(cfg.feat));
    TCGUnit *u = tcg_unit_new(arm_cells, ARM_CELL_COUNT);
    TCGBuilder *b = tcg_builder_new();
    for (unsigned i = 1; i < s->count; i++) {
        const InsnRow *r = &s->rows[i];
        for (unsigned k = 0; k < ROUNDS; k++) {
            uint32_t w = random_encoding(s, i), off = g_test_rand_int_range(0, 1000) * 4;
            uint32_t mode = ARM_MODE_AARCH32 | (k & 1) | (k & 2 ? ARM_MODE_BE : 0) |
                            (k & 4 ? ARM_MODE_ALIGN | ARM_MODE_UNPRIV : 0);
            mode |= s->vfp ? (k & 8 ? ARM_MODE_FP : 0) | (k & 16 ? ARM_MODE_FPVEC : 0) : 0;
            /* The second half of a block of two, or its first, or none. */
            static const uint8_t its[] = {0, 0, 0x08, 0xa4};
            if (s->thumb) {
                mode |= ARM_MODE_T | (uint32_t)its[k / 8 % 4] << ARM_MODE_IT_SHIFT;
            }
            uint32_t both = s->thumb && r->bits == 32 ? w >> 16 | w << 16 : w;
            memcpy(page + off, &both, r->bits / 8);
            memcpy(page + off + r->bits / 8, s->thumb ? "\0\xbf\0\xbf" : "\0\0\xa0\xe1", 4);
            CPU cpu = {.model = &cfg};
            tcg_unit_reset(u);
            u->start = off;
            tcg_begin(b, u);
            UnitContext c = {
                .cpu = &cpu,
                .b = b,
                .pc = 0x40000000 + off,
                .mode = mode,
                .max_insns = 2,
                .page = page,
                .offset = off,
            };
            a32_translate(&c);
            g_assert_cmpuint(c.offset, >=, off + r->bits / 8);
            check_unit(u, r, w, "as translated");
            tcg_optimize(u, TCG_OPT_ALL);
            check_unit(u, r, w, "optimised");
        }
    }
    tcg_builder_free(b);
    tcg_unit_free(u);
}

static void test_immediates(void)
{
    g_assert_cmphex((uint32_t)a32_expand_imm(0x4ff), ==, 0xff000000);
    g_assert_cmphex((uint32_t)a32_expand_imm(0x0ff), ==, 0xff);
    g_assert_cmphex((uint32_t)t32_expand_imm(0x1ab), ==, 0x00ab00ab);
    g_assert_cmphex((uint32_t)t32_expand_imm(0x2ab), ==, 0xab00ab00);
    g_assert_cmphex((uint32_t)t32_expand_imm(0x3ab), ==, 0xabababab);
    g_assert_cmphex((uint32_t)t32_expand_imm(0x400), ==, 0x80000000);
    g_assert_cmphex((uint32_t)t32_expand_imm(0xfff), ==, 0x000001fe);
}

/* ---- short vectors of VFP: FPSCR.LEN and STRIDE ---- */

typedef struct Short {
    const char *what;
    uint32_t insn;
    uint8_t len, stride; /* elements, distance */
    bool dbl;
    int8_t d[8], n[8], m[8]; /* registers of each element, -1 behind the last */
} Short;

/* FADD and FMUL of registers that are numbers of their own. */
static const Short shorts[] = {
    {"fadds s8, s16, s24",
     0xee384a0c,
     4,
     1,
     false,
     {8, 9, 10, 11, -1},
     {16, 17, 18, 19},
     {24, 25, 26, 27}},
    {"round the bank",
     0xee3b7a0f,
     4,
     1,
     false,
     {14, 15, 8, 9, -1},
     {22, 23, 16, 17},
     {30, 31, 24, 25}},
    {"a scalar operand", 0xee384a00, 3, 1, false, {8, 9, 10, -1}, {16, 17, 18}, {0, 0, 0}},
    {"every other register",
     0xee384a0c,
     4,
     2,
     false,
     {8, 10, 12, 14, -1},
     {16, 18, 20, 22},
     {24, 26, 28, 30}},
    {"eight elements",
     0xee384a0c,
     8,
     1,
     false,
     {8, 9, 10, 11, 12, 13, 14, 15},
     {16, 17, 18, 19, 20, 21, 22, 23},
     {24, 25, 26, 27, 28, 29, 30, 31}},
    {"a scalar result", 0xee380a0c, 4, 1, false, {0, -1}, {16}, {24}},
    {"faddd d4, d8, d12",
     0xee384b0c,
     4,
     1,
     true,
     {4, 5, 6, 7, -1},
     {8, 9, 10, 11},
     {12, 13, 14, 15}},
    {"doubles, every other", 0xee384b0c, 2, 2, true, {4, 6, -1}, {8, 10}, {12, 14}},
    {"no vector", 0xee384a0c, 1, 1, false, {8, -1}, {16}, {24}},
};

static double short_value(unsigned r)
{
    return r * 3 + 0.5;
}

static void test_short_vectors(void)
{
    static const ARMFeat has[] = {ARM_FEAT_V5TE, ARM_FEAT_V6, ARM_FEAT_VFP2};
    ARMConfig cfg = {0};
    for (unsigned i = 0; i < G_N_ELEMENTS(has); i++) {
        cfg.feat[has[i] / 64] |= UINT64_C(1) << has[i] % 64;
    }
    static uint8_t page[TLB_PAGE_SIZE];
    TCGUnit *u = tcg_unit_new(arm_cells, ARM_CELL_COUNT);
    TCGBuilder *b = tcg_builder_new();
    TcgInterp *in = tcg_interp_new();
    ARMEnv *env = aligned_alloc(64, (sizeof(ARMEnv) + 63) & ~63ul);
    CPU cpu = {.model = &cfg, .env = &env->cpu};
    for (unsigned i = 0; i < G_N_ELEMENTS(shorts); i++) {
        const Short *t = &shorts[i];
        memset(env, 0, sizeof(*env));
        env->cpu.cpu = &cpu;
        env->cfg = &cfg;
        arm_fpu_reset(env);
        arm_fpscr_set(env, (t->len - 1u) << ARM_FPCR_LEN_SHIFT | (t->stride == 2 ? 3u : 0)
                                                                     << ARM_FPCR_STRIDE_SHIFT);
        g_assert_cmphex(arm_fp_mode(env, true), ==,
                        t->len == 1 && t->stride == 1 ? 0 : ARM_MODE_FPVEC);
        for (unsigned r = 0; r < 32; r++) {
            float f = (float)short_value(r);
            double d = short_value(r);
            if (t->dbl && r < 16) {
                memcpy(&env->v[r / 2][r % 2], &d, 8);
            } else if (!t->dbl) {
                memcpy((uint8_t *)env->v + 4 * r, &f, 4);
            }
        }
        memcpy(page, &t->insn, 4);
        tcg_unit_reset(u);
        tcg_begin(b, u);
        UnitContext c = {
            .cpu = &cpu,
            .b = b,
            .pc = 0x40000000,
            .mode = ARM_MODE_AARCH32 | ARM_MODE_FP | arm_fp_mode(env, true),
            .max_insns = 1,
            .page = page,
        };
        a32_translate(&c);
        tcg_optimize(u, TCG_OPT_ALL);
        tcg_interp_run(u, &env->cpu, in);
        double want[32];
        for (unsigned r = 0; r < 32; r++) {
            want[r] = short_value(r);
        }
        for (unsigned k = 0; k < 8 && t->d[k] >= 0; k++) {
            want[t->d[k]] = short_value(t->n[k]) + short_value(t->m[k]);
        }
        for (unsigned r = 0; r < (t->dbl ? 16 : 32); r++) {
            float f;
            double d;
            memcpy(&f, (uint8_t *)env->v + 4 * r, 4);
            memcpy(&d, &env->v[(r & 15) / 2][r % 2], 8);
            if ((t->dbl ? d : f) != want[r]) {
                g_error("%s: register %u is %g, not %g", t->what, r, t->dbl ? d : f, want[r]);
            }
        }
    }
    free(env);
    tcg_interp_free(in);
    tcg_builder_free(b);
    tcg_unit_free(u);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/a32/insn/rows", &a32, test_rows);
    g_test_add_data_func("/t32/insn/rows", &t32, test_rows);
    g_test_add_data_func("/vfp/insn/rows", &vfp, test_rows);
    g_test_add_func("/t32/insn/immediates", test_immediates);
    g_test_add_func("/a32/insn/short-vectors", test_short_vectors);
    return g_test_run();
}

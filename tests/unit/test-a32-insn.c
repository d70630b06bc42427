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
#include "target/arm/a32.h"

#include <string.h>

#define ROUNDS 48

typedef struct Set {
    const InsnRow *rows;
    unsigned count;
    bool thumb;
} Set;

static const Set a32 = {a32_insn_rows, A32_INSN_COUNT, false};
static const Set t32 = {t32_insn_rows, T32_INSN_COUNT, true};

static unsigned decode(const Set *s, const InsnRow *r, uint32_t w)
{
    A32Insn a = {0};
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/a32/insn/rows", &a32, test_rows);
    g_test_add_data_func("/t32/insn/rows", &t32, test_rows);
    g_test_add_func("/t32/insn/immediates", test_immediates);
    return g_test_run();
}

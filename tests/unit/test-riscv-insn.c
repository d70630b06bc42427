/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The RISC-V INSN rows: each decodes to itself with any fields; the disassembler prints what GNU
 * binutils prints (riscv-disas-table.h); each row's function emits IR that the verifier accepts, in
 * all modes, before and after optimisation.
 *
 * Random, with a fixed seed: GLib prints it, and takes another with --seed.
 */
#include "target/riscv/insn.h"

#include <string.h>

#define ROUNDS 64

static const struct {
    const char *mnemonic; /* as the rows have it */
    uint8_t xlen;
    uint32_t word;
    const char *text; /* at address 0x80000000 */
} disas_table[] = {
#include "tests/unit/riscv-disas-table.h"
};

/* A CPU that has every extension at once. */
static RISCVConfig all_config(unsigned xlen)
{
    RISCVConfig cfg = {.xlen = xlen, .cbom_size = 64, .cbop_size = 64, .cboz_size = 64};
    memset(cfg.ext, 0xff, sizeof(cfg.ext));
    return cfg;
}

static uint32_t random_encoding(const InsnRow *r)
{
    uint32_t w;
    do {
        w = r->match | ((uint32_t)g_test_rand_int() & ~r->mask);
        w &= r->bits == 16 ? 0xffff : 0xffffffff;
    } while (!insn_row_matches(r, w));
    return w;
}

static RISCVInsnId decode(const InsnRow *r, uint32_t w, uint64_t ext, RISCVInsn *a)
{
    *a = (RISCVInsn){0};
    return r->bits == 16 ? riscv_decode16(w, ext, a) : riscv_decode32(w, ext, a);
}

/* Rows that are special cases of another one, and claim some of its encodings. */
static bool may_decode_to(RISCVInsnId row, RISCVInsnId other)
{
    static const RISCVInsnId special[][2] = {
        {RISCV_INSN_fence, RISCV_INSN_pause},     {RISCV_INSN_ori, RISCV_INSN_prefetch_i},
        {RISCV_INSN_ori, RISCV_INSN_prefetch_r},  {RISCV_INSN_ori, RISCV_INSN_prefetch_w},
        {RISCV_INSN_pack, RISCV_INSN_zext_h__32}, {RISCV_INSN_packw, RISCV_INSN_zext_h}};
    for (unsigned i = 0; i < G_N_ELEMENTS(special); i++) {
        if (special[i][0] == row && special[i][1] == other) {
            return true;
        }
    }
    return row == other;
}

static void test_decode(gconstpointer arg)
{
    RISCVConfig cfg = all_config(GPOINTER_TO_UINT(arg));
    uint64_t ext = riscv_row_extensions(&cfg);
    for (unsigned i = 1; i < RISCV_INSN_COUNT; i++) {
        const InsnRow *r = &riscv_insn_rows[i];
        if (!insn_row_available(r, ext)) {
            continue;
        }
        for (unsigned k = 0; k < ROUNDS; k++) {
            uint32_t w = random_encoding(r);
            RISCVInsn a;
            RISCVInsnId id = decode(r, w, ext, &a);
            if (!may_decode_to(i, id)) {
                g_error("%s:%u: %s: %#x decodes to %s", r->file, r->line, r->name, w,
                        id ? riscv_insn_rows[id].name : "nothing");
            }
        }
    }
}

/* Without its extensions a row is no instruction, or another one's hint. */
static void test_extensions(void)
{
    RISCVConfig cfg = all_config(64);
    memset(cfg.ext, 0, sizeof(cfg.ext));
    uint64_t ext = riscv_row_extensions(&cfg);
    g_assert_cmphex(ext, ==, RISCV_EXT(RV64));
    RISCVInsn a;
    for (unsigned i = 1; i < RISCV_INSN_COUNT; i++) {
        const InsnRow *r = &riscv_insn_rows[i];
        g_assert_cmpint(decode(r, random_encoding(r), ext, &a), ==, RISCV_INSN_NONE);
    }
    const InsnRow *pause = &riscv_insn_rows[RISCV_INSN_pause];
    g_assert_cmpint(decode(pause, pause->match, RISCV_EXT(I) | RISCV_EXT(RV64), &a), ==,
                    RISCV_INSN_fence);
    /* Misa's letters bring what they stand for. */
    cfg.ext[RISCV_EXT_A / 64] |= UINT64_C(1) << RISCV_EXT_A % 64;
    cfg.ext[RISCV_EXT_C / 64] |= UINT64_C(1) << RISCV_EXT_C % 64;
    cfg.ext[RISCV_EXT_M / 64] |= UINT64_C(1) << RISCV_EXT_M % 64;
    g_assert_cmphex(riscv_row_extensions(&cfg), ==,
                    RISCV_EXT(RV64) | RISCV_EXT(M) | RISCV_EXT(ZMMUL) | RISCV_EXT(ZAAMO) |
                        RISCV_EXT(ZALRSC) | RISCV_EXT(ZCA));
}

/* Encodings that stay illegal with everything on. */
static void test_reserved(void)
{
    static const struct {
        uint8_t xlen, bits;
        uint32_t word;
    } reserved[] = {
        {64, 16, 0x0000},     /* all zeros */
        {64, 16, 0x0004},     /* c.addi4spn with 0 */
        {64, 16, 0x6081},     /* c.lui with 0 */
        {64, 16, 0x6101},     /* c.addi16sp with 0 */
        {64, 16, 0x2001},     /* c.addiw x0 */
        {64, 16, 0x4002},     /* c.lwsp x0 */
        {64, 16, 0x6002},     /* c.ldsp x0 */
        {64, 16, 0x8002},     /* c.jr x0 */
        {32, 16, 0x1082},     /* c.slli with shamt[5] on RV32 */
        {32, 16, 0x9c01},     /* c.subw on RV32 */
        {64, 32, 0xffffffff}, /* all ones */
        {32, 32, 0x02001013}, /* slli with shamt[5] on RV32 */
        {64, 32, 0x0200101b}, /* slliw with shamt[5] */
        {64, 32, 0x31b51513}, /* aes64ks1i with rnum 11 */
        {64, 32, 0x00007023}, /* store of funct3 7 */
        {32, 32, 0x00003003}, /* ld on RV32 */
        {64, 32, 0x2810c12f}, /* amocas.q with an odd rs2 */
        {32, 32, 0x2820b0af}, /* amocas.d of RV32 with an odd rd */
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(reserved); i++) {
        RISCVConfig cfg = all_config(reserved[i].xlen);
        uint64_t ext = riscv_row_extensions(&cfg);
        RISCVInsn a = {0};
        RISCVInsnId id = reserved[i].bits == 16 ? riscv_decode16(reserved[i].word, ext, &a)
                                                : riscv_decode32(reserved[i].word, ext, &a);
        if (id != RISCV_INSN_NONE) {
            g_error("%#x is reserved but decodes to %s", reserved[i].word,
                    riscv_insn_rows[id].name);
        }
    }
}

static void test_disas(void)
{
    GString *out = g_string_new(NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(disas_table); i++) {
        RISCVConfig cfg = all_config(disas_table[i].xlen);
        uint32_t w = disas_table[i].word;
        RISCVInsn a = {0};
        uint64_t ext = riscv_row_extensions(&cfg);
        RISCVInsnId id = (w & 3) == 3 ? riscv_decode32(w, ext, &a) : riscv_decode16(w, ext, &a);
        g_assert_cmpint(id, !=, RISCV_INSN_NONE);
        g_assert_cmpstr(riscv_insn_rows[id].name, ==, disas_table[i].mnemonic);
        g_string_truncate(out, 0);
        riscv_disas_row(&riscv_insn_rows[id], &a, 0x80000000, cfg.xlen, out);
        g_assert_cmpstr(out->str, ==, disas_table[i].text);
    }
    g_string_free(out, TRUE);
}

/* The table has every row. */
static void test_disas_complete(void)
{
    for (unsigned i = 1; i < RISCV_INSN_COUNT; i++) {
        bool found = false;
        for (unsigned k = 0; k < G_N_ELEMENTS(disas_table) && !found; k++) {
            found = !strcmp(disas_table[k].mnemonic, riscv_insn_rows[i].name);
        }
        if (!found) {
            g_error("%s:%u: %s is not in riscv-disas-table.h", riscv_insn_rows[i].file,
                    riscv_insn_rows[i].line, riscv_insn_rows[i].name);
        }
    }
}

/* ---- translation ---- */

static void check_unit(TCGUnit *u, const InsnRow *r, uint32_t w, const char *when)
{
    char *wrong = tcg_verify(u);
    if (wrong) {
        tcg_dump(u, stderr);
        g_error("%s:%u: %s, encoding %#x, %s: %s", r->file, r->line, r->name, w, when, wrong);
    }
}

static void test_translate(gconstpointer arg)
{
    static const uint32_t modes[] = {
        RISCV_PRV_M | RISCV_MODE_FS,
        RISCV_PRV_S | RISCV_MODE_FS | RISCV_MODE_FRM_SOFT,
        RISCV_PRV_U | RISCV_MODE_FS | RISCV_MODE_FRM_BAD,
        RISCV_PRV_U,
    };
    unsigned xlen = GPOINTER_TO_UINT(arg);
    RISCVConfig cfg = all_config(xlen);
    CPU cpu = {.model = &cfg};
    uint64_t ext = riscv_row_extensions(&cfg);
    TCGUnit *u = tcg_unit_new(xlen == 64 ? riscv64_cells : riscv32_cells, RISCV_CELL_COUNT);
    TCGBuilder *b = tcg_builder_new();
    static uint8_t page[TLB_PAGE_SIZE];
    for (unsigned i = 1; i < RISCV_INSN_COUNT; i++) {
        const InsnRow *r = &riscv_insn_rows[i];
        if (!insn_row_available(r, ext)) {
            continue;
        }
        for (unsigned k = 0; k < ROUNDS; k++) {
            uint32_t w = random_encoding(r), off = g_test_rand_int_range(0, 1000) * 4;
            memcpy(page + off, &w, sizeof(w));
            memcpy(page + off + r->bits / 8, "\x13\0\0\0", 4);
            tcg_unit_reset(u);
            u->pc32 = xlen == 32;
            u->start = off;
            tcg_begin(b, u);
            UnitContext c = {
                .cpu = &cpu,
                .b = b,
                .pc = 0x80000000 + off,
                .mode = modes[k % G_N_ELEMENTS(modes)],
                .max_insns = 2,
                .page = page,
                .offset = off,
            };
            riscv_translate(&c);
            g_assert_cmpuint(c.offset, >=, off + r->bits / 8);
            check_unit(u, r, w, "as translated");
            tcg_optimize(u, TCG_OPT_ALL);
            check_unit(u, r, w, "optimised");
        }
    }
    tcg_builder_free(b);
    tcg_unit_free(u);
}

/* auipc and jalr behind it: one direct exit, whatever the distance. */
static void test_far_call(void)
{
    RISCVConfig cfg = all_config(64);
    CPU cpu = {.model = &cfg};
    TCGUnit *u = tcg_unit_new(riscv64_cells, RISCV_CELL_COUNT);
    TCGBuilder *b = tcg_builder_new();
    static const uint32_t code[] = {0x7ffff097, 0x7ff080e7}; /* auipc ra,0x7ffff; jalr 2047(ra) */
    static uint8_t page[TLB_PAGE_SIZE];
    memcpy(page + 16, code, sizeof(code));
    tcg_begin(b, u);
    UnitContext c = {.cpu = &cpu, .b = b, .max_insns = 8, .page = page, .offset = 16};
    riscv_translate(&c);
    const TCGOp *last = &u->ops[u->nops - 1];
    g_assert_cmpint(last->opc, ==, TCG_OP_exit_direct);
    g_assert_cmphex(last->imm, ==, 16 + 0x7ffff000 + 2046);
    tcg_builder_free(b);
    tcg_unit_free(u);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/riscv/insn/decode/rv32", GUINT_TO_POINTER(32), test_decode);
    g_test_add_data_func("/riscv/insn/decode/rv64", GUINT_TO_POINTER(64), test_decode);
    g_test_add_func("/riscv/insn/extensions", test_extensions);
    g_test_add_func("/riscv/insn/reserved", test_reserved);
    g_test_add_func("/riscv/insn/disas", test_disas);
    g_test_add_func("/riscv/insn/disas-complete", test_disas_complete);
    g_test_add_data_func("/riscv/insn/translate/rv32", GUINT_TO_POINTER(32), test_translate);
    g_test_add_data_func("/riscv/insn/translate/rv64", GUINT_TO_POINTER(64), test_translate);
    g_test_add_func("/riscv/insn/far-call", test_far_call);
    return g_test_run();
}

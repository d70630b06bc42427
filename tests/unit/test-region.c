/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Which loops become regions (accel/tcg/region.c). The guest asks for samples itself, instead of a
 * thread that goes by the host's time: what is made when is the same in each run.
 *
 * The guest's instructions are words: an operation, a register, and a number or an address. Thread:
 * the test's own.
 */
#include <string.h>

#include "tests/unit/toy-guest.h"

#define RAM_SIZE 0x10000
#define N_REGS   4

enum { ADD, SET, LOOP, SAMPLE, END };

typedef struct ToyEnv {
    CPUEnv cpu;
    uint64_t sum, reg[N_REGS];
} ToyEnv;

static unsigned ask, asks; /* the sample instruction that asks, and how often */

static void toy_sample(CPUEnv *env, uint64_t which)
{
    if (which == ask && asks > 0) {
        asks--;
        env->cpu->tcg->sampled = true;
        env->exit_request = 1;
    }
}
static const TCGHelper helper_sample = {.name = "toy_sample",
                                        .fn = (void *)toy_sample,
                                        .ret = TCG_VOID,
                                        .pass_env = true,
                                        .nargs = 1,
                                        .args = {TCG_I64},
                                        .flags = TCG_HELPER_IO};

static void toy_halt(CPUEnv *env)
{
    env->cpu->halted = true;
}
static const TCGHelper helper_halt = {.name = "toy_halt",
                                      .fn = (void *)toy_halt,
                                      .ret = TCG_VOID,
                                      .pass_env = true,
                                      .flags = TCG_HELPER_IO};

static uint32_t insn(unsigned op, unsigned r, unsigned n)
{
    return op | r << 3 | n << 8;
}

static void toy_translate(UnitContext *c)
{
    TCGBuilder *b = c->b;
    uint32_t word;

    for (unsigned k = 0; k < c->max_insns; k++) {
        uint32_t off = c->offset;
        if (!unit_fetch(c, off, &word, sizeof(word))) {
            return;
        }
        unsigned cell = 1 + (word >> 3 & (N_REGS - 1)), n = word >> 8;
        tcg_gen_insn_start(b, off);
        c->offset += sizeof(word);
        switch (word & 7) {
        case ADD:
            tcg_gen_setcell(b, 0, tcg_gen_addi(b, tcg_gen_getcell(b, 0), n));
            break;
        case SET:
            tcg_gen_setcell(b, cell, tcg_i64(b, n));
            break;
        case LOOP:
            tcg_gen_setcell(b, cell, tcg_gen_addi(b, tcg_gen_getcell(b, cell), -1));
            tcg_gen_exit_if(
                b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_NE, tcg_gen_getcell(b, cell), 0), n, true);
            tcg_gen_exit_direct(b, c->offset);
            return;
        case SAMPLE:
            tcg_gen_call1(b, &helper_sample, tcg_i64(b, n));
            break;
        default:
            tcg_gen_call0(b, &helper_halt);
            tcg_gen_exit_main(b, tcg_gen_pcrel(b, off));
            return;
        }
    }
    tcg_gen_exit_direct(b, c->offset);
}

static bool toy_joins(uint32_t mode)
{
    return true;
}

static const TCGCell toy_cells[] = {{"sum", offsetof(ToyEnv, sum), TCG_I64, 0},
                                    {"r0", offsetof(ToyEnv, reg[0]), TCG_I64, 1},
                                    {"r1", offsetof(ToyEnv, reg[1]), TCG_I64, 2},
                                    {"r2", offsetof(ToyEnv, reg[2]), TCG_I64, 3},
                                    {"r3", offsetof(ToyEnv, reg[3]), TCG_I64, 4}};
static const TargetDesc toy = {
    .name = "toy",
    .env_size = sizeof(ToyEnv),
    .check_size = sizeof(ToyEnv),
    .cells = toy_cells,
    .ncells = G_N_ELEMENTS(toy_cells),
    .translate = toy_translate,
    .joins = toy_joins,
    .tlb_fill = toy_flat_fill,
    .do_interrupt = toy_false,
    .has_work = toy_false,
};

typedef struct Toy {
    ToyBoard board;
    CPU *cpu;
} Toy;

static Toy *toy_new(const uint32_t *code, size_t bytes)
{
    Toy *t = g_new0(Toy, 1);

    toy_board_init(&t->board, RAM_SIZE, NULL);
    memcpy(t->board.block->host, code, bytes);
    t->cpu = toy_cpu_new(&t->board, &toy);
    return t;
}

static void toy_free(Toy *t)
{
    toy_board_free(&t->board);
    g_free(t);
}

/* From pc to the end, with one sample behind instruction SAMPLE which. */
static void run(Toy *t, uint64_t pc, unsigned which, uint64_t sum)
{
    ToyEnv *env = (ToyEnv *)t->cpu->env;

    env->sum = 0;
    env->reg[1] = env->reg[2] = 3;
    env->reg[0] = 4;
    env->cpu.pc = pc;
    ask = which;
    asks = 1;
    t->cpu->halted = false;
    tcg_exec(t->cpu);
    g_assert_cmpuint(env->sum, ==, sum);
    g_assert_cmpuint(asks, ==, 0);
}

static bool is_region(Toy *t, uint64_t pc)
{
    const Unit *u = unit_find(t->board.a, t->board.block->start + pc, 0);

    return u && u->region;
}

#define AT(n) (4 * (n))
/* Two loops after each other in a third. */
enum { OUTER = AT(1), FIRST = AT(2), SECOND = AT(7) };
static const uint32_t nest[] = {
    [0] = SET | 0 << 3 | 4 << 8,
    [1] = SET | 1 << 3 | 3 << 8,
    [2] = ADD | 1 << 8,
    [3] = SAMPLE | 1 << 8,
    [4] = LOOP | 1 << 3 | FIRST << 8,
    [5] = ADD | 10 << 8,
    [6] = SET | 2 << 3 | 3 << 8,
    [7] = ADD | 100 << 8,
    [8] = SAMPLE | 2 << 8,
    [9] = LOOP | 2 << 3 | SECOND << 8,
    [10] = SAMPLE | 3 << 8,
    [11] = LOOP | 0 << 3 | OUTER << 8,
    [12] = END,
};
#define NEST_SUM 1252 /* 4 * (3 + 10 + 300) */

/* The loops around and beside the one that became a region are part of it. */
static void test_one_region(void)
{
    Toy *t = toy_new(nest, sizeof(nest));

    for (unsigned n = 0; n < 3; n++) {
        g_assert_cmpuint(t->board.a->stat_regions, ==, 0);
        run(t, 0, 1, NEST_SUM);
    }
    g_assert_true(is_region(t, FIRST));
    for (unsigned n = 0; n < 40; n++) {
        run(t, 0, 2 + (n & 1), NEST_SUM);
        g_assert_cmpuint(t->board.a->stat_regions, ==, 1);
    }
    toy_free(t);
}

/* What runs long before it gets to a region that it belongs to becomes one of its own. */
static void test_not_entered(void)
{
    Toy *t = toy_new(nest, sizeof(nest));

    for (unsigned n = 0; n < 3; n++) {
        run(t, 0, 1, NEST_SUM);
    }
    g_assert_true(is_region(t, FIRST));
    for (unsigned n = 0; n < 3; n++) {
        g_assert_false(is_region(t, SECOND));
        run(t, SECOND, 2, 300 + NEST_SUM - NEST_SUM / 4);
    }
    g_assert_true(is_region(t, SECOND));
    g_assert_cmpuint(t->board.a->stat_regions, ==, 2);
    toy_free(t);
}

/* A region whose bytes were written is made again, of what is there then, but later. */
static void test_written(void)
{
    Toy *t = toy_new(nest, sizeof(nest));
    uint32_t more = insn(ADD, 0, 20);

    for (unsigned n = 0; n < 3; n++) {
        run(t, 0, 1, NEST_SUM);
    }
    g_assert_true(is_region(t, FIRST));
    units_invalidate(t->board.a, t->board.block->start + AT(5), 4);
    g_assert_false(is_region(t, FIRST));
    memcpy(t->board.block->host + AT(5), &more, 4);
    for (unsigned n = 0; n < 6; n++) {
        g_assert_false(is_region(t, FIRST));
        run(t, 0, 1, NEST_SUM + 40);
    }
    g_assert_true(is_region(t, FIRST));
    run(t, 0, 2, NEST_SUM + 40);
    g_assert_cmpuint(t->board.a->stat_regions, ==, 2);
    toy_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/region/one", test_one_region);
    g_test_add_func("/region/not-entered", test_not_entered);
    g_test_add_func("/region/written", test_written);
    return g_test_run();
}

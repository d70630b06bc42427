/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A code cache that is smaller than what the guest runs: chunks are retired while vCPUs go on, and
 * nobody ever runs what was there before. Each unit adds a number of its own to a cell; a wrong
 * unit makes a wrong sum.
 *
 * The guest's instructions are words at distances of 64 bytes: an operation and a number. Thread:
 * the accelerator's own, one a vCPU or one for all.
 */
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/toy-guest.h"

#define STEP     64
#define RAM_SIZE 0x80000
#define MAX_CPUS 4

enum { DIRECT, INDIRECT, END };

typedef struct ToyEnv {
    CPUEnv cpu;
    uint64_t sum, rounds, more;
} ToyEnv;

static unsigned ended;    /* atomic: vCPUs */
static unsigned toy_more; /* code in each unit */

static void toy_halt(CPUEnv *env)
{
    env->cpu->halted = true;
    __atomic_fetch_add(&ended, 1, __ATOMIC_SEQ_CST);
}
static const TCGHelper helper_halt = {.name = "toy_halt",
                                      .fn = (void *)toy_halt,
                                      .ret = TCG_VOID,
                                      .pass_env = true,
                                      .flags = TCG_HELPER_IO};

static void toy_translate(UnitContext *c)
{
    TCGBuilder *b = c->b;
    uint32_t word, off = c->offset;

    if (!unit_fetch(c, off, &word, sizeof(word))) {
        return;
    }
    tcg_gen_insn_start(b, off);
    c->offset += sizeof(word);
    tcg_gen_setcell(b, 0, tcg_gen_addi(b, tcg_gen_getcell(b, 0), word >> 2));
    for (unsigned i = 0; i < toy_more; i++) {
        TCGv more = tcg_gen_addi(b, tcg_gen_getcell(b, 2), off + i);
        tcg_gen_setcell(b, 2, tcg_gen_xor(b, more, tcg_gen_shli(b, more, 1)));
    }
    if ((word & 3) == DIRECT) {
        tcg_gen_exit_direct(b, off + STEP);
    } else if ((word & 3) == INDIRECT) {
        tcg_gen_exit_lookup(b, tcg_gen_pcrel(b, off + STEP));
    } else {
        TCGv left = tcg_gen_addi(b, tcg_gen_getcell(b, 1), -1);
        TCGLabel last = tcg_new_label(b);
        tcg_gen_setcell(b, 1, left);
        tcg_gen_br_if(b, tcg_gen_setcondi(b, TCG_I32, TCG_COND_EQ, left, 0), last);
        tcg_gen_exit_lookup(b, tcg_i64(b, 0));
        tcg_gen_label(b, last);
        tcg_gen_call0(b, &helper_halt);
        tcg_gen_exit_main(b, tcg_gen_pcrel(b, off));
    }
}

/* Virtual page 1 is physical page 1 + toy_moved. */
static unsigned toy_moved, toy_asid, toy_page_bits = TLB_PAGE_BITS, toy_fills;
static bool toy_global;

static bool toy_tlb_fill(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                         bool probe, uintptr_t ra)
{
    uint64_t moved = vaddr / TLB_PAGE_SIZE == 1 ? toy_moved * TLB_PAGE_SIZE : 0;

    toy_fills++;
    tlb_set(cpu, idx, access,
            &(TlbFill){.vaddr = vaddr,
                       .paddr = (vaddr + moved) % RAM_SIZE,
                       .asid = toy_asid,
                       .page_bits = toy_page_bits,
                       .global = toy_global,
                       .prot = TLB_PROT_R | TLB_PROT_W | TLB_PROT_X});
    return true;
}

static const TCGCell toy_cells[] = {{"sum", offsetof(ToyEnv, sum), TCG_I64, 1},
                                    {"rounds", offsetof(ToyEnv, rounds), TCG_I64, 0},
                                    {"more", offsetof(ToyEnv, more), TCG_I64, 2}};
static const TargetDesc toy = {
    .name = "toy",
    .env_size = sizeof(ToyEnv),
    .check_size = sizeof(ToyEnv),
    .cells = toy_cells,
    .ncells = G_N_ELEMENTS(toy_cells),
    .translate = toy_translate,
    .tlb_fill = toy_tlb_fill,
    .do_interrupt = toy_false,
    .has_work = toy_false,
};

typedef struct Case {
    const char *name;
    unsigned n_cpus, rounds;
    AccelEngine engine;
    bool check, single;
    size_t cache; /* bytes */
    size_t most;
    bool trim; /* and run once more */
} Case;

static const Case cases[] = {
    {"jit-1", 1, 12, ACCEL_JIT, false, false, 1 << 20},
    {"jit-4", MAX_CPUS, 12, ACCEL_JIT, false, false, 1 << 20},
    {"jit-4-roomy", MAX_CPUS, 12, ACCEL_JIT, false, false, 3 << 19},
    {"jit-4-tiny", MAX_CPUS, 2, ACCEL_JIT, false, false, 1},
    {"single-4", MAX_CPUS, 6, ACCEL_JIT, false, true, 1 << 20},
    {"check-1", 1, 4, ACCEL_JIT, true, false, 1 << 20},
    {"check-4", MAX_CPUS, 2, ACCEL_JIT, true, false, 1 << 20},
    {"interp-4", MAX_CPUS, 4, ACCEL_INTERP, false, false, 1},
    {"grow-1", 1, 24, ACCEL_JIT, false, false, 1 << 19, 64 << 20},
    {"grow-4", MAX_CPUS, 24, ACCEL_JIT, false, false, 1 << 19, 64 << 20},
    {"trim-1", 1, 24, ACCEL_JIT, false, false, 16 << 20, 64 << 20, true},
    {"trim-2", 2, 24, ACCEL_JIT, false, false, 16 << 20, 64 << 20, true},
    {"trim-interp", 1, 3, ACCEL_INTERP, false, false, 8 << 20, 0, true},
    {"grow-little", 1, 24, ACCEL_JIT, false, false, 1 << 20, (1 << 20) + CHUNK_SIZE},
};

/* Only the flush of a page that was fetched from makes what jumps know void. */
static void test_flushed_page(void)
{
    ToyBoard board;
    const uint8_t *host;

    toy_board_init(&board, RAM_SIZE, NULL);
    CPU *cpu = toy_cpu_new(&board, &toy);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t code = i * 5 * TLB_PAGE_SIZE, data = code + TLB_PAGE_SIZE;

        tlb_fetch(cpu, code, &host);
        tlb_load(cpu, data, TCG_MO_32, 0);
        uint64_t ctx = cpu->env->ctx;
        tlb_flush_page(cpu, data);
        g_assert_cmpuint(cpu->env->ctx, ==, ctx);
        /* Another page in the entry's place does not matter. */
        tlb_fetch(cpu, code + ((uint64_t)1 << 32), &host);
        tlb_flush_page(cpu, code);
        g_assert_cmpuint(cpu->env->ctx, !=, ctx);
        ctx = cpu->env->ctx;
        tlb_fetch(cpu, code, &host);
        tlb_flush_all(cpu);
        g_assert_cmpuint(cpu->env->ctx, !=, ctx);
    }
    toy_board_free(&board);
}

static bool is_unit(Accel *a, uint64_t ra)
{
    return unit_find(a, ra, 0) != NULL;
}

/* Accesses across two pages that are not neighbours: every byte at its place, code in either page
 * noticed. */
static void test_across(void)
{
    ToyBoard board;

    toy_board_init(&board, RAM_SIZE, NULL);
    CPU *cpu = toy_cpu_new(&board, &toy);
    Accel *a = board.a;
    RamBlock *b = board.block;
    toy_moved = 4;
    uint8_t *low = b->host, *high = b->host + 5 * TLB_PAGE_SIZE, want[16];
    for (unsigned round = 0; round < 2; round++) { /* entries are there the second time */
        for (unsigned size = 1; size <= 3; size++) {
            for (unsigned room = 1; room < 1u << size; room++) {
                uint64_t at = TLB_PAGE_SIZE - room, val = 0x8182838485868788 * (room + round);
                uint64_t all = UINT64_MAX >> (64 - (8 << size));
                memset(low + TLB_PAGE_SIZE - 8, 0x11, 8);
                memset(high, 0x22, 8);
                memcpy(want, low + TLB_PAGE_SIZE - 8, 8);
                memcpy(want + 8, high, 8);
                memcpy(want + 8 - room, &val, 1 << size);
                if (round == 0) {
                    tlb_flush_all(cpu);
                }
                tlb_store(cpu, at, val, size, 0);
                g_assert_cmpmem(low + TLB_PAGE_SIZE - 8, 8, want, 8);
                g_assert_cmpmem(high, 8, want + 8, 8);
                g_assert_cmphex(tlb_load(cpu, at, size, 0), ==, val & all);
                g_assert_cmphex(tlb_load(cpu, at, size | TCG_MO_BE, 0), ==,
                                GUINT64_SWAP_LE_BE(val) >> (64 - (8 << size)));
                tlb_store(cpu, at, val, size | TCG_MO_BE, 0);
                g_assert_cmphex(tlb_load(cpu, at, size | TCG_MO_BE, 0), ==, val & all);
            }
        }
    }
    /* A unit at the begin of the second page, one at the end of the first. */
    for (unsigned i = 0; i < 2; i++) {
        uint64_t pc = i ? TLB_PAGE_SIZE - STEP + 60 : TLB_PAGE_SIZE;
        uint64_t ra = i ? pc : 5 * TLB_PAGE_SIZE;
        memset(low + TLB_PAGE_SIZE - 4, 0, 4);
        memset(high, 0, 4);
        tlb_store(cpu, TLB_PAGE_SIZE - 2, END << 16 | END, TCG_MO_32, 0);
        *(uint32_t *)(low + TLB_PAGE_SIZE - 4) = *(uint32_t *)high = END;
        ((ToyEnv *)cpu->env)->rounds = 1;
        cpu->env->pc = pc;
        cpu->halted = false;
        tcg_exec(cpu);
        g_assert_true(is_unit(a, b->start + ra));
        tlb_store(cpu, TLB_PAGE_SIZE - 2, 0, TCG_MO_32, 0);
        g_assert_false(is_unit(a, b->start + ra));
    }
    toy_moved = 0;
    toy_board_free(&board);
}

/* What a unit was made from is known to the byte: data in the same line is none of it. */
static void test_beside(void)
{
    ToyBoard board;

    toy_board_init(&board, RAM_SIZE, NULL);
    CPU *cpu = toy_cpu_new(&board, &toy);
    Accel *a = board.a;
    RamBlock *b = board.block;
    *(uint32_t *)(b->host + 16) = 1 << 2 | END;
    for (unsigned size = 0; size < 4; size++) {
        for (unsigned at = 0; at < 32; at += 1 << size) {
            bool code = at < 20 && at + (1 << size) > 16;
            ((ToyEnv *)cpu->env)->rounds = 1;
            cpu->env->pc = 16;
            cpu->halted = false;
            tcg_exec(cpu);
            g_assert_true(is_unit(a, b->start + 16));
            tlb_store(cpu, at, tlb_load(cpu, at, size, 0), size, 0);
            g_assert_cmpint(is_unit(a, b->start + 16), ==, !code);
        }
    }
    /* The page counts as one with code until nothing came back for a while. */
    ((ToyEnv *)cpu->env)->rounds = 1;
    cpu->env->pc = 16;
    cpu->halted = false;
    tcg_exec(cpu);
    for (unsigned i = 0; i < PAGE_SPARED; i++) {
        g_assert_cmpuint(b->code[0], !=, 0);
        tlb_store(cpu, 16, 1 << 2 | END, TCG_MO_32, 0);
        g_assert_false(is_unit(a, b->start + 16));
    }
    g_assert_cmpuint(b->code[0], ==, 0);
    toy_board_free(&board);
}

/* What context n finds in virtual page 1, and how many walks that takes. */
static void context_read(CPU *cpu, unsigned n, uint32_t val, unsigned walks)
{
    unsigned before = toy_fills;

    toy_asid = n;
    tlb_select_data(cpu, 0, n, n);
    g_assert_cmpuint(tlb_load(cpu, TLB_PAGE_SIZE, TCG_MO_32, 0), ==, val);
    g_assert_cmpuint(toy_fills - before, ==, walks);
}

/* Of more contexts than there are slots for none finds what another had. Flushes of a page reach
 * contexts that are not in use, however many come before they are. Global entries are there for all
 * of them. */
static void test_contexts(void)
{
    ToyBoard board;
    enum { N = TLB_SLOTS - 1, MANY = TLB_SLOTS + 8 };

    toy_board_init(&board, RAM_SIZE, NULL);
    CPU *cpu = toy_cpu_new(&board, &toy);
    for (unsigned i = 1; i <= 9; i++) {
        *(uint32_t *)(board.block->host + i * TLB_PAGE_SIZE) = i;
    }
    for (unsigned i = 0; i < 2 * MANY; i++) {
        context_read(cpu, 1 + i % MANY, 1, 1);
    }
    tlb_flush_all(cpu);
    for (unsigned i = 0; i < 2 * N; i++) {
        context_read(cpu, 1 + i % N, 1, i < N);
    }
    for (unsigned others = 0; others <= 2 * TLB_LATE_FLUSHES; others += TLB_LATE_FLUSHES / 2) {
        toy_moved++;
        tlb_flush_page(cpu, TLB_PAGE_SIZE);
        for (unsigned i = 0; i < others; i++) {
            tlb_flush_page(cpu, (2 + i) * TLB_PAGE_SIZE);
        }
        for (unsigned i = 1; i <= N; i++) {
            context_read(cpu, i, 1 + toy_moved, 1);
        }
    }
    /* By ASID, and of a page beside it in a larger leaf. */
    toy_moved++;
    tlb_flush_page_asid(cpu, TLB_PAGE_SIZE, N - 1, false);
    toy_page_bits = TLB_PAGE_BITS + 1;
    context_read(cpu, N - 1, 1 + toy_moved, 1);
    context_read(cpu, N, toy_moved, 0);
    context_read(cpu, N - 2, toy_moved, 0);
    toy_moved++;
    tlb_flush_page(cpu, 0);
    context_read(cpu, N - 2, toy_moved - 1, 0);
    context_read(cpu, N - 1, 1 + toy_moved, 1);
    toy_page_bits = TLB_PAGE_BITS;

    tlb_flush_all(cpu);
    toy_global = true;
    for (unsigned i = 1; i <= MANY; i++) {
        context_read(cpu, i, 1 + toy_moved, i == 1);
    }
    tlb_flush_page_asid(cpu, TLB_PAGE_SIZE, 1, false);
    tlb_flush_asid(cpu, 2, false);
    context_read(cpu, 2, 1 + toy_moved, 0);
    tlb_flush_page_asid(cpu, TLB_PAGE_SIZE, 1, true);
    context_read(cpu, 2, 1 + toy_moved, 1);
    toy_moved = toy_asid = 0;
    toy_global = false;
    toy_board_free(&board);
}

static void moving_run(CPU *cpu, unsigned rounds)
{
    ToyEnv *env = (ToyEnv *)cpu->env;

    env->sum = 0;
    env->rounds = rounds;
    env->cpu.pc = 0;
    cpu->halted = false;
    tcg_exec(cpu);
    g_assert_cmpuint(env->sum, ==, rounds * (TLB_PAGE_SIZE / STEP + 100 * (1 + toy_moved) + 10));
}

/*
 * A page of code that lies elsewhere in two contexts, and after flushes: what is linked to it, and
 * what jumps to it through the jump cache, finds the one of the moment, whoever was there last.
 */
static void test_moving_page(void)
{
    ToyBoard board;

    toy_board_init(&board, RAM_SIZE, NULL);
    CPU *cpu = toy_cpu_new(&board, &toy);
    for (unsigned kind = DIRECT; kind <= INDIRECT; kind++) {
        tlb_flush_all(cpu);
        for (unsigned off = 0; off < TLB_PAGE_SIZE; off += STEP) {
            *(uint32_t *)(board.block->host + off) = 1 << 2 | kind;
        }
        for (unsigned i = 1; i <= 3; i++) {
            *(uint32_t *)(board.block->host + i * TLB_PAGE_SIZE) = (100 * i) << 2 | INDIRECT;
            *(uint32_t *)(board.block->host + i * TLB_PAGE_SIZE + STEP) = 10 << 2 | END;
        }
        units_invalidate(board.a, 0, 4 * TLB_PAGE_SIZE);
        for (unsigned i = 0; i < 40; i++) {
            toy_asid = i & 1;
            tlb_select_fetch(cpu, toy_asid, toy_asid, 0);
            toy_moved = toy_asid + i / 20;
            if (i / 2 == 10) {
                tlb_flush_page_asid(cpu, TLB_PAGE_SIZE, toy_asid, false);
            } else if (i % 3 == 0) {
                tlb_flush_page(cpu, 0); /* the other page stays in the table */
            }
            moving_run(cpu, i % 7 == 0 ? 1000 : 3);
        }
    }
    toy_moved = toy_asid = 0;
    toy_board_free(&board);
}

/* All vCPUs run their rounds and stop. */
static void run(Accel *a, const Case *k, uint64_t sum)
{
    ended = 0;
    for (unsigned i = 0; i < k->n_cpus; i++) {
        ToyEnv *env = (ToyEnv *)a->cpus[i]->env;
        *env = (ToyEnv){.cpu = env->cpu, .rounds = k->rounds};
        env->cpu.pc = 0;
        a->cpus[i]->halted = false;
    }
    accel_resume_all(a);
    while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) < k->n_cpus) {
        g_usleep(1000);
    }
    accel_pause_all(a);
    for (unsigned i = 0; i < k->n_cpus; i++) {
        g_assert_cmpuint(((ToyEnv *)a->cpus[i]->env)->sum, ==, sum * k->rounds);
    }
}

/* A started machine whose RAM is full of units; *sum: what one round of them adds up to. */
static Accel *machine_new(const Case *k, ToyBoard *board, uint64_t *sum)
{
    AccelOptions o;

    accel_options_default(&o);
    o.engine = k->engine;
    o.check = k->check;
    o.single_thread = k->single;
    o.cache_size = k->cache;
    o.cache_most = k->most;
    toy_board_init(board, RAM_SIZE, &o);
    *sum = 0;
    for (uint32_t a = 0; a < RAM_SIZE; a += STEP) {
        uint32_t n = (a * 2654435761u) >> 8;
        uint32_t word = n << 2 | (a + STEP == RAM_SIZE ? END : n & 1 ? DIRECT : INDIRECT);
        memcpy(board->block->host + a, &word, sizeof(word));
        *sum += n;
    }
    toy_more = k->trim ? 150 : 0;
    for (unsigned i = 0; i < k->n_cpus; i++) {
        toy_cpu_new(board, &toy);
    }
    accel_start(board->a);
    return board->a;
}

static unsigned full_chunks(const Accel *a)
{
    unsigned n = 0;

    for (unsigned i = 1; i < a->cache.n_chunks; i++) {
        n += a->cache.chunks[i].state == CHUNK_FULL;
    }
    return n;
}

/* The cache is cut back after three seconds of which less than a tenth was spent, not before. */
static void test_idle(void)
{
    static const Case k = {"idle", 1, 24, ACCEL_JIT, false, false, 16 << 20, 64 << 20, true};
    const int64_t ms = 1000000, from = 1000 * ms;
    ToyBoard board;
    uint64_t sum;

    Accel *a = machine_new(&k, &board, &sum);
    run(a, &k, sum);
    unsigned before = full_chunks(a);
    g_assert_cmpuint(before, >, k.cache / CHUNK_SIZE);
    a->cache.idle_next = 0; /* the vCPU's own looks do not count */
    a->cache.idle_since = 0;
    cache_idle_at(a, from, 500 * ms);
    cache_idle_at(a, from + 2999 * ms, 500 * ms); /* too early */
    g_assert_cmpuint(full_chunks(a), ==, before);
    cache_idle_at(a, from + 3000 * ms, 800 * ms); /* a tenth */
    g_assert_cmpuint(full_chunks(a), ==, before);
    cache_idle_at(a, from + 6000 * ms, 1099 * ms);
    g_assert_cmpuint(full_chunks(a), <, before);
    for (unsigned i = 0; a->cache.idle; i++) {
        g_assert_cmpuint(i, <, 100);
        cache_idle_at(a, from + 6001 * ms + i, 1099 * ms);
    }
    g_assert_cmpuint(full_chunks(a), <=, k.cache / CHUNK_SIZE * 3 / 4);
    run(a, &k, sum);
    accel_stop(a);
    toy_board_free(&board);
}

/* So many chunks, each of which took 1 ms to translate, a part of it again, and others besides. */
static void effort_chunks(Effort *e, unsigned n, unsigned again_percent, unsigned besides_ms)
{
    for (unsigned i = 0; i < n; i++) {
        e->new_translating = 1000000;
        e->new_again = again_percent * 10000;
        effort_add(e, (1 + besides_ms) * INT64_C(1000000));
    }
}

/* What the cache grows for. */
static void test_effort(void)
{
    CodeCache small = {.limit = 100, .roomy = 150}, large = {.limit = 150, .roomy = 150};
    Effort e = {0};

    /* A boot: translation is a sixth of the time, most of it is of what had to go. */
    effort_chunks(&e, 100, 80, 5);
    g_assert_false(cache_is_too_small(&small, &e));
    /* Half of the time, all of it for new code: room at once, but not without end. */
    effort_chunks(&e, 100, 0, 1);
    g_assert_true(cache_is_too_small(&small, &e));
    g_assert_false(cache_is_too_small(&large, &e));
    /* A third of that was there. */
    effort_chunks(&e, 100, 33, 1);
    g_assert_true(cache_is_too_small(&large, &e));
    /* A third of the time, not all of it again; all of it again. */
    effort_chunks(&e, 100, 50, 2);
    g_assert_false(cache_is_too_small(&small, &e));
    effort_chunks(&e, 100, 100, 2);
    g_assert_true(cache_is_too_small(&large, &e));
    /* An hour of computing is no more than a quiet moment: a burst behind it shows. */
    effort_chunks(&e, 32, 0, 3600000);
    g_assert_false(cache_is_too_small(&large, &e));
    effort_chunks(&e, 64, 100, 0);
    g_assert_true(cache_is_too_small(&large, &e));
    /* One unit in sixteen is timed, an interrupted one as if it took 0.1 ms. */
    e = (Effort){0};
    for (unsigned i = 1; i <= 16; i++) {
        int64_t begun = effort_begin(&e);
        g_assert_cmpint(begun != 0, ==, i == 16);
        effort_end(&e, begun ? 1 : 0, true);
    }
    g_assert_cmpuint(e.new_translating, ==, 1600000);
    g_assert_cmpuint(e.new_again, ==, 1600000);
}

/*
 * A cache of fixed size, one piece of code that runs often and others that run once, in turn, which
 * are more than fits. What runs often has to go once, and then is where the rest does not push it
 * out.
 */
static void test_again(void)
{
    enum { WORDS = 256, PIECES = RAM_SIZE / STEP / WORDS };
    ToyBoard board;
    AccelOptions o;

    accel_options_default(&o);
    o.cache_size = 4 << 20;
    o.cache_most = 0;
    toy_board_init(&board, RAM_SIZE, &o);
    const Accel *a = board.a;
    for (unsigned i = 0; i < PIECES * WORDS; i++) {
        *(uint32_t *)(board.block->host + i * STEP) =
            i << 2 | (i % WORDS == WORDS - 1 ? END : INDIRECT);
    }
    toy_more = 150;
    CPU *cpu = toy_cpu_new(&board, &toy);
    ToyEnv *env = (ToyEnv *)cpu->env;
    for (unsigned i = 0; i < 2 * (PIECES - 1); i++) {
        unsigned piece = i % 2 ? 1 + i / 2 : 0;
        env->sum = 0;
        env->rounds = 1;
        env->cpu.pc = piece * WORDS * STEP;
        cpu->halted = false;
        tcg_exec(cpu);
        g_assert_cmpuint(env->sum, ==, (piece * WORDS * 2 + WORDS - 1) * WORDS / 2);
    }
    g_test_message("%" PRIu64 " units in %d pieces, %" PRIu64 " chunks retired", a->stat_units,
                   PIECES, a->cache.retirements);
    g_assert_cmpuint(a->cache.retirements, >, 3 * o.cache_size / CHUNK_SIZE);
    g_assert_cmpuint(a->stat_units, ==, (PIECES + 1) * WORDS);
    toy_board_free(&board);
}

static void test_case(gconstpointer data)
{
    const Case *k = data;
    ToyBoard board;
    uint64_t sum;

    Accel *a = machine_new(k, &board, &sum);
    run(a, k, sum);
    if (k->trim) {
        /* All vCPUs are outside of code: one call for each piece and one that finds nothing. */
        unsigned calls = 0, pages = 0;
        while (cache_trim(a, 1)) {
            g_assert_cmpuint(++calls, <, 100);
        }
        for (unsigned i = 1; i < a->cache.n_chunks; i++) {
            unsigned char in_core[CHUNK_SIZE / TLB_PAGE_SIZE];
            g_assert_cmpint(mincore(a->cache.rw + i * CHUNK_SIZE, CHUNK_SIZE, in_core), ==, 0);
            for (unsigned j = 0; j < sizeof(in_core); j++) {
                pages += in_core[j] & 1;
            }
        }
        g_assert_cmpuint(calls, >, 0);
        g_assert_cmpuint(full_chunks(a), ==, 0);
        g_assert_cmpuint(a->cache.limit, >=, 4);
        g_assert_cmpuint(a->cache.limit, <=, MAX(2 * k->n_cpus + 1, 4)); /* they fill two each */
        /* What is left lies in the first piece, in those that vCPUs fill, and in one made ready. */
        if (k->engine == ACCEL_JIT) {
            g_assert_cmpuint(a->cache.begun * CHUNK_SIZE, >, (2 * k->n_cpus + 3) * (2 << 20));
            g_assert_cmpuint(pages, <=, (2 * k->n_cpus + 2) * (2 << 20) / TLB_PAGE_SIZE);
        }
        run(a, k, sum);
    }
    g_test_message("%" PRIu64 " units, %" PRIu64 " chunks retired, %u alone, %u chunks in the end",
                   a->stat_units, a->cache.retirements, a->cache.emptied, a->cache.n_chunks);
    /* It did not fit, and with room for all vCPUs nobody had to be stopped. */
    g_assert_cmpuint(a->cache.retirements, >, 2);
    g_assert_cmpuint(a->cache.n_chunks, <=, a->cache.max_chunks);
    if (k->most == 64 << 20 && !k->trim) {
        /* It grew as far as needed, after how many rounds is a matter of time: all of it fits. */
        uint64_t units = a->stat_units;
        g_assert_cmpuint(a->cache.n_chunks, >, k->cache / CHUNK_SIZE);
        g_assert_cmpuint(a->cache.n_chunks, <, a->cache.max_chunks);
        g_assert_cmpuint(units, <=, k->rounds / 2 * RAM_SIZE / STEP);
        run(a, k, sum);
        g_test_message("%" PRIu64 " units more", a->stat_units - units);
        g_assert_cmpuint(a->stat_units, ==, units);
    } else if (k->most && !k->trim) {
        g_assert_cmpuint(a->cache.n_chunks, ==, a->cache.max_chunks);
    }
    if (k->n_cpus == 1) {
        g_assert_cmpuint(a->cache.emptied, ==, 0);
    }
    accel_stop(a);
    toy_board_free(&board);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/code-cache/flushed-page", test_flushed_page);
    g_test_add_func("/code-cache/moving-page", test_moving_page);
    g_test_add_func("/code-cache/across", test_across);
    g_test_add_func("/code-cache/beside", test_beside);
    g_test_add_func("/code-cache/contexts", test_contexts);
    g_test_add_func("/code-cache/idle", test_idle);
    g_test_add_func("/code-cache/effort", test_effort);
    g_test_add_func("/code-cache/again", test_again);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/code-cache/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_case);
    }
    return g_test_run();
}

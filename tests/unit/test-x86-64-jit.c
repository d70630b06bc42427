/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The x86-64 host against the IR interpreter: random units (irgen.h) with every kind of op, under
 * several sets of pinned cells and host features, optimised and not, with TLB misses, faults, polls
 * and icount; and the contract's parts one by one: linking, dead units, side tables.
 *
 * Units a run: RHEA_JIT_UNITS (default 20000 over all configurations); RHEA_JIT_SEED starts at
 * another seed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "irgen.h"
#include "tcg/x86_64/internal.h"

#define CACHE_SIZE (4 << 20)

typedef struct Fixture {
    TCGBuilder *b;
    TCGUnit *u;
    TcgInterp *in;
    IrGenState *want, *got;
    uint8_t *rw, *rx;
    void *thunks;
    size_t thunk_bytes;
    void *scratch;
    TcgCode code;
    JumpCacheEntry *jump_cache;
} Fixture;

static Fixture *current; /* what the slow paths belong to */

static const TcgHost *const host = &tcg_host_x86_64;

/* ---- slow paths, in place of the soft TLB's ---- */

static uint32_t guest_mxcsr_at_slow;

static void restore_at(IrGenState *s, uintptr_t ra)
{
    int64_t rel;
    unsigned insn, again = 99999;
    g_assert_true(host->insn_of(&current->code, ra, &again));
    g_assert_true(host->restore(current->thunks, &current->code, &s->env, ra, &rel, &insn));
    g_assert_cmpuint(insn, ==, again);
    s->env.pc = s->env.pc_page + rel;
    if (current->u->pc32) {
        s->env.pc = (uint32_t)s->env.pc;
    }
    s->nlog += insn << 8; /* compared with the interpreter's */
}

static void check_address(CPUEnv *env, uint64_t addr, uint32_t memop, uintptr_t ra)
{
    IrGenState *s = (IrGenState *)env;
    unsigned size = 1u << tcg_mo_size(memop), align = 1u << tcg_mo_align(memop);
    uint32_t csr;
    __asm__ volatile("stmxcsr %0" : "=m"(csr));
    g_assert_cmphex(csr, ==, env->host_mxcsr);
    guest_mxcsr_at_slow = env->mxcsr;
    if (addr & (align - 1) || addr < IRGEN_BASE || addr > IRGEN_BASE + IRGEN_MEM - size) {
        restore_at(s, ra);
        irgen_fault(s);
    }
}

static uint64_t extend(uint64_t v, uint32_t memop)
{
    unsigned sh = 64 - (8u << tcg_mo_size(memop));
    return memop & TCG_MO_SIGN ? (uint64_t)((int64_t)(v << sh) >> sh) : v << sh >> sh;
}

/* C may use any register that calls do not preserve. */
static void scribble(void)
{
    __asm__ volatile(
        "mov $-1, %%rax\n\tmov %%rax, %%rcx\n\tmov %%rax, %%rdx\n\tmov %%rax, %%rsi\n\t"
        "mov %%rax, %%rdi\n\tmov %%rax, %%r8\n\tmov %%rax, %%r9\n\tmov %%rax, %%r10\n\t"
        "mov %%rax, %%r11\n\tmovq %%rax, %%xmm0\n\tmovq %%rax, %%xmm1\n\t"
        "movq %%rax, %%xmm2\n\tmovq %%rax, %%xmm3\n\tmovq %%rax, %%xmm9\n\t"
        "movq %%rax, %%xmm13\n\tmovq %%rax, %%xmm15"
        :
        :
        : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2",
          "xmm3", "xmm9", "xmm13", "xmm15", "memory");
}

uint64_t tcg_slow_ld(CPUEnv *env, uint64_t addr, uint32_t memop, uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    uint64_t v = extend(irgen_mem.ld(NULL, env, addr, memop), memop);
    scribble();
    return v;
}

void tcg_slow_st(CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop, uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    irgen_mem.st(NULL, env, addr, val, memop);
    scribble();
}

uint64_t tcg_slow_rmw(CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop, uintptr_t ra)
{
    check_address(env, addr, memop & 0xffff, ra);
    uint64_t v = extend(irgen_mem.rmw(NULL, env, addr, val, memop), memop & 0xffff);
    scribble();
    return v;
}

uint64_t tcg_slow_cmpxchg(CPUEnv *env, uint64_t addr, uint64_t expect, uint64_t val, uint32_t memop,
                          uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    uint64_t v = extend(irgen_mem.cmpxchg(NULL, env, addr, expect, val, memop), memop);
    scribble();
    return v;
}

void tcg_slow_ld128(CPUEnv *env, uint64_t addr, uint32_t memop, uint64_t out[2], uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    irgen_mem.ld128(NULL, env, addr, memop, out);
    scribble();
}

void tcg_slow_st128(CPUEnv *env, uint64_t addr, const uint64_t val[2], uint32_t memop, uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    irgen_mem.st128(NULL, env, addr, val, memop);
    scribble();
}

void tcg_slow_probe(CPUEnv *env, uint64_t addr, uint32_t memop, uint32_t store, uintptr_t ra)
{
    check_address(env, addr, memop, ra);
    irgen_mem.probe(NULL, env, addr, memop, store);
    scribble();
}

/* ---- configurations ---- */

typedef struct Config {
    const char *name;
    unsigned pin_every; /* keep the pin of every n-th cell; 0: none */
    bool bare;          /* baseline SSE2 only */
    bool icount, pc32;
} Config;

static const Config configs[] = {
    {"pinned", 1, false, false, false},     {"no pins", 0, false, false, false},
    {"some pins", 3, false, false, false},  {"baseline", 1, true, false, false},
    {"icount", 1, false, true, false},      {"pc32", 1, false, false, true},
    {"baseline pc32", 2, true, true, true},
};

static TCGCell config_cells[G_N_ELEMENTS(configs)][IRGEN_CELLS];

static Fixture *fixture_new(unsigned n)
{
    const Config *c = &configs[n];
    Fixture *f = g_new0(Fixture, 1);
    int fd = memfd_create("jit-test", 0);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, CACHE_SIZE), ==, 0);
    f->rw = mmap(NULL, CACHE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    f->rx = mmap(NULL, CACHE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    g_assert_true(f->rw != MAP_FAILED && f->rx != MAP_FAILED);
    close(fd);
    memcpy(config_cells[n], irgen_cells, sizeof(irgen_cells));
    for (unsigned k = 0; k < IRGEN_CELLS; k++) {
        if (!c->pin_every || k % c->pin_every) {
            config_cells[n][k].pin = 0;
        }
    }
    TargetDesc target = {.name = "irgen",
                         .env_size = sizeof(IrGenState),
                         .cells = config_cells[n],
                         .ncells = IRGEN_CELLS,
                         .pc32 = c->pc32};
    TcgHostOptions o = {.icount = c->icount};
    f->thunk_bytes = host->emit_thunks(f->rw, f->rx, CACHE_SIZE, &o, &target, &f->thunks);
    f->thunk_bytes = (f->thunk_bytes + 63) & ~(size_t)63;
    if (c->bare) {
        ((X86Thunks *)f->thunks)->have = (X86Features){0};
    }
    f->scratch = host->scratch_new();
    f->b = tcg_builder_new();
    f->u = tcg_unit_new(irgen_cells, IRGEN_CELLS);
    f->in = tcg_interp_new();
    f->want = irgen_state_new();
    f->got = irgen_state_new();
    f->jump_cache = g_new0(JumpCacheEntry, 1 << JUMP_CACHE_BITS);
    current = f;
    return f;
}

static void fixture_free(Fixture *f)
{
    host->scratch_free(f->scratch);
    tcg_builder_free(f->b);
    tcg_unit_free(f->u);
    tcg_interp_free(f->in);
    free(f->want);
    free(f->got);
    g_free(f->jump_cache);
    g_free(f->thunks);
    munmap(f->rw, CACHE_SIZE);
    munmap(f->rx, CACHE_SIZE);
    g_free(f);
}

static bool compile(Fixture *f)
{
    return host->compile(f->scratch, f->thunks, f->u, f->rw + f->thunk_bytes,
                         f->rx + f->thunk_bytes, CACHE_SIZE - f->thunk_bytes, &f->code);
}

/* Registers that C code expects to keep. */
static uint64_t run_jit(Fixture *f, IrGenState *s)
{
    s->env.jump_cache = f->jump_cache;
    s->restore = restore_at;
    if (sigsetjmp(s->jmp, 0)) {
        return IRGEN_FAULTED;
    }
    return host->enter(f->thunks, &s->env, f->code.code);
}

static void describe(Fixture *f, const char *what, const Config *c, uint64_t seed)
{
    fprintf(stderr, "%s, seed %" PRIu64 ": %s\n", c->name, seed, what);
    tcg_dump(f->u, stderr);
    host->disas(&f->code, stderr);
}

/* ---- random units ---- */

static bool random_unit(Fixture *f, const Config *c, uint64_t seed)
{
    IrGenRng r = {.s = seed ^ 0xabcdef};
    uint64_t bits = irgen_random(&r);
    IrGenOptions o = IRGEN_ALL;
    static const uint16_t sizes[] = {8, 20, 60, 60, 150, 500};
    o.nops = sizes[bits % G_N_ELEMENTS(sizes)];
    o.misaligned = bits >> 8 & 1;
    o.faults = (bits >> 9 & 3) != 0;
    o.fp = (bits >> 11 & 3) != 0;
    o.fp_all = (bits >> 13 & 7) == 0;
    o.vector = (bits >> 16 & 3) != 0;
    o.control = (bits >> 18 & 3) != 0;
    o.helpers = (bits >> 20 & 3) != 0;
    o.pc32 = c->pc32;
    bool optimize = bits >> 22 & 1, poll = (bits >> 23 & 7) == 0;
    tcg_builder_set_passes(f->b, optimize ? TCG_OPT_ALL : 0);
    irgen_unit(f->b, f->u, seed, &o);
    tcg_optimize(f->u, optimize ? TCG_OPT_ALL : 0);
    tcg_live(f->u);
    if (!compile(f)) {
        fprintf(stderr, "%s, seed %" PRIu64 ": does not compile\n", c->name, seed);
        return false;
    }
    for (unsigned run = 0; run < 3; run++) {
        irgen_state_init(f->want, seed * 3 + run);
        irgen_state_init(f->got, seed * 3 + run);
        unsigned ninsns = f->u->ninsns;
        if (c->icount) {
            f->want->env.icount_left -= ninsns;
        }
        uint64_t misses = irgen_random(&r);
        for (unsigned k = 0; k < IRGEN_MEM / TLB_PAGE_SIZE; k++) {
            TlbEntry *e =
                &f->got->tlb
                     .entries[(IRGEN_BASE / TLB_PAGE_SIZE + k) % G_N_ELEMENTS(f->got->tlb.entries)];
            if (misses >> (2 * k) & 1) {
                e->tag_r |= TLB_IO;
            }
            if (misses >> (2 * k + 1) & 1) {
                e->tag_w |= TLB_CODE;
            }
        }
        f->got->env.exit_request = poll;
        uint64_t why = irgen_interpret(f->want, f->u, f->in);
        uint64_t got = run_jit(f, f->got);
        if (why == IRGEN_FAULTED) {
            f->want->nlog += tcg_interp_insn(f->in) << 8;
        }
        unsigned reason = got & TCG_LEAVE_MASK;
        if (got == IRGEN_FAULTED) {
            reason = IRGEN_FAULTED;
        } else if (reason == TCG_LEAVE_LINK || (reason == TCG_LEAVE_POLL && poll)) {
            reason = TCG_LEAVE_LOOKUP;
        }
        char *diff = NULL;
        if (reason != why) {
            diff = g_strdup_printf("left for %" PRIu64 ", not %" PRIu64, got, why);
        } else {
            diff = irgen_compare(f->want, f->got);
            if (!diff && c->icount && why != IRGEN_FAULTED &&
                f->want->env.icount_left != f->got->env.icount_left) {
                diff = g_strdup_printf("icount_left %" PRId64 " and %" PRId64,
                                       f->want->env.icount_left, f->got->env.icount_left);
            }
        }
        if (diff) {
            describe(f, diff, c, seed);
            g_free(diff);
            return false;
        }
    }
    return true;
}

static unsigned env_number(const char *name, unsigned otherwise)
{
    const char *v = g_getenv(name);
    return v ? (unsigned)strtoul(v, NULL, 0) : otherwise;
}

static void test_random(gconstpointer data)
{
    unsigned n = GPOINTER_TO_UINT(data);
    unsigned units = env_number("RHEA_JIT_UNITS", 20000) / G_N_ELEMENTS(configs);
    unsigned seed = env_number("RHEA_JIT_SEED", 0);
    Fixture *f = fixture_new(n);
    for (unsigned k = 0; k < units; k++) {
        if (!random_unit(f, &configs[n], seed + k)) {
            g_test_fail();
            break;
        }
    }
    fixture_free(f);
}

/* ---- the contract ---- */

/* x[1] := x[1] + 1 in a unit at page offset 0x100 that ends by going to target. */
static void counting_unit(Fixture *f, int64_t target)
{
    f->u->start = 0x100;
    tcg_begin(f->b, f->u);
    tcg_gen_insn_start(f->b, 0x100);
    tcg_gen_setcell(f->b, 1, tcg_gen_addi(f->b, tcg_gen_getcell(f->b, 1), 1));
    tcg_gen_exit_direct(f->b, target);
    tcg_optimize(f->u, TCG_OPT_ALL);
    tcg_live(f->u);
}

static void test_linking(void)
{
    Fixture *f = fixture_new(0);
    IrGenState *s = f->got;
    const int64_t targets[] = {0x200, 0x100, 0x1200, -0xe00};
    for (unsigned k = 0; k < G_N_ELEMENTS(targets); k++) {
        int64_t target = targets[k];
        uint64_t pc = IRGEN_PAGE + target;
        counting_unit(f, target);
        g_assert_true(compile(f));
        TcgExit *e = &f->code.exits[0];
        irgen_state_init(s, 1);
        s->x[1] = 0;
        g_assert_cmphex(run_jit(f, s), ==, (uintptr_t)e | TCG_LEAVE_LINK);
        g_assert_cmphex(s->env.pc, ==, pc);
        g_assert_cmpuint(s->x[1], ==, 1);

        /* Link it to itself: it ends at the poll, or goes on for ever; so ask. */
        TcgCode first = f->code;
        bool backward = target <= 0x100;
        /* A second unit as target. */
        uint8_t *rw = f->rw + f->thunk_bytes + 0x8000;
        const uint8_t *rx = f->rx + f->thunk_bytes + 0x8000;
        TcgCode second;
        counting_unit(f, 0x400);
        g_assert_true(host->compile(f->scratch, f->thunks, f->u, rw, rx, 0x8000, &second));
        host->patch_exit(&first, e, second.code);
        e->link_ctx = 1;
        e->link_page = pc & TLB_PAGE_MASK;
        irgen_state_init(s, 1);
        s->x[1] = 0;
        g_assert_cmphex(run_jit(f, s), ==, (uintptr_t)second.exits | TCG_LEAVE_LINK);
        g_assert_cmpuint(s->x[1], ==, 2);
        g_assert_cmphex(s->env.pc, ==, (pc & TLB_PAGE_MASK) + 0x400);

        s->env.exit_request = 1;
        s->env.pc_page = IRGEN_PAGE;
        s->x[1] = 0;
        if (backward) {
            g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_POLL);
            g_assert_cmphex(s->env.pc, ==, pc);
            g_assert_cmpuint(s->x[1], ==, 1);
        } else {
            g_assert_cmphex(run_jit(f, s) & TCG_LEAVE_MASK, ==, TCG_LEAVE_LINK);
        }
        s->env.exit_request = 0;

        /* Another context, another page: not followed if it crosses. */
        bool same = target >> 12 == 0;
        for (unsigned why = 0; why < 2; why++) {
            irgen_state_init(s, 1);
            s->x[1] = 0;
            s->env.ctx = why ? 1 : 2;
            s->env.pc_page = why ? IRGEN_PAGE + 0x5000 : IRGEN_PAGE;
            run_jit(f, s);
            g_assert_cmpuint(s->x[1], ==, same ? 2 : 1);
        }
        if (!same) {
            /* But the jump cache is asked. */
            JumpCacheEntry *j = &f->jump_cache[(pc >> 1) & ((1 << JUMP_CACHE_BITS) - 1)];
            *j = (JumpCacheEntry){.pc = pc, .ctx = 7, .code = second.code};
            irgen_state_init(s, 1);
            s->x[1] = 0;
            s->env.ctx = 7;
            g_assert_cmphex(run_jit(f, s), ==, (uintptr_t)second.exits | TCG_LEAVE_LINK);
            g_assert_cmpuint(s->x[1], ==, 2);
            g_assert_cmphex(s->env.pc, ==, (pc & TLB_PAGE_MASK) + 0x400);
            memset(j, 0, sizeof(*j));
        }

        host->patch_exit(&first, e, NULL);
        irgen_state_init(s, 1);
        s->x[1] = 0;
        run_jit(f, s);
        g_assert_cmpuint(s->x[1], ==, 1);

        host->patch_exit(&first, e, second.code);
        host->patch_dead(&second, f->rw - f->rx);
        irgen_state_init(s, 1);
        s->x[1] = 0;
        g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_LOOKUP);
        g_assert_cmpuint(s->x[1], ==, 1);
        g_assert_cmphex(s->env.pc, ==, (pc & TLB_PAGE_MASK) + 0x100);
    }
    fixture_free(f);
}

static void test_lookup(void)
{
    Fixture *f = fixture_new(0);
    IrGenState *s = f->got;
    counting_unit(f, 0x400);
    uint8_t *rw = f->rw + f->thunk_bytes + 0x8000;
    const uint8_t *rx = f->rx + f->thunk_bytes + 0x8000;
    TcgCode second;
    g_assert_true(host->compile(f->scratch, f->thunks, f->u, rw, rx, 0x8000, &second));
    tcg_begin(f->b, f->u);
    tcg_gen_insn_start(f->b, 0x100);
    tcg_gen_exit_lookup(f->b, tcg_gen_getcell(f->b, 2));
    tcg_live(f->u);
    g_assert_true(compile(f));
    irgen_state_init(s, 1);
    uint64_t pc = 0x123456780100;
    s->x[1] = 0;
    s->x[2] = pc;
    g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_LOOKUP);
    g_assert_cmphex(s->env.pc, ==, pc);
    JumpCacheEntry *j = &f->jump_cache[(pc >> 1) & ((1 << JUMP_CACHE_BITS) - 1)];
    *j = (JumpCacheEntry){.pc = pc, .ctx = 2, .code = second.code};
    g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_LOOKUP);
    j->ctx = 1;
    g_assert_cmphex(run_jit(f, s), ==, (uintptr_t)second.exits | TCG_LEAVE_LINK);
    g_assert_cmpuint(s->x[1], ==, 1);
    g_assert_cmphex(s->env.pc, ==, (pc & TLB_PAGE_MASK) + 0x400);
    s->env.exit_request = 1;
    g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_POLL);
    g_assert_cmphex(s->env.pc, ==, pc);
    fixture_free(f);
}

static void test_icount(void)
{
    Fixture *f = fixture_new(4);
    IrGenState *s = f->got;
    counting_unit(f, 0x200);
    g_assert_true(compile(f));
    irgen_state_init(s, 1);
    s->x[1] = 0;
    s->env.icount_left = 0;
    g_assert_cmphex(run_jit(f, s), ==, TCG_LEAVE_ICOUNT);
    g_assert_cmphex(s->env.pc, ==, IRGEN_PAGE + 0x100);
    g_assert_cmpint(s->env.icount_left, ==, 0);
    g_assert_cmpuint(s->x[1], ==, 0);
    s->env.icount_left = 1;
    g_assert_cmphex(run_jit(f, s) & TCG_LEAVE_MASK, ==, TCG_LEAVE_LINK);
    g_assert_cmpint(s->env.icount_left, ==, 0);
    fixture_free(f);
}

/* Too little room is refused, whatever the amount. */
static void test_room(void)
{
    Fixture *f = fixture_new(0);
    IrGenOptions o = IRGEN_ALL;
    o.nops = 300;
    irgen_unit(f->b, f->u, 5, &o);
    tcg_optimize(f->u, TCG_OPT_ALL);
    tcg_live(f->u);
    uint8_t *rw = f->rw + f->thunk_bytes;
    bool fitted = false;
    for (size_t room = 0; room < 65536; room += 64) {
        memset(rw + room, 0x5a, 64);
        bool fits =
            host->compile(f->scratch, f->thunks, f->u, rw, f->rx + f->thunk_bytes, room, &f->code);
        for (unsigned k = 0; k < 64; k++) {
            g_assert_cmphex(rw[room + k], ==, 0x5a);
        }
        g_assert_true(fits || !fitted);
        fitted = fits;
    }
    g_assert_true(fitted);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned k = 0; k < G_N_ELEMENTS(configs); k++) {
        char *path = g_strdup_printf("/x86-64/random/%s", configs[k].name);
        g_test_add_data_func(path, GUINT_TO_POINTER(k), test_random);
        g_free(path);
    }
    g_test_add_func("/x86-64/linking", test_linking);
    g_test_add_func("/x86-64/lookup", test_lookup);
    g_test_add_func("/x86-64/icount", test_icount);
    g_test_add_func("/x86-64/room", test_room);
    return g_test_run();
}

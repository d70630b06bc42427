/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What one vCPU does to units while another one is in the middle of generated code. Each test names
 * the bug. The second vCPU is held where it hurts by a helper that waits; the first one is driven
 * from here, step by step.
 *
 * The guest has five instructions of one 32-bit word: GO_NEXT jumps to the same offset of the next
 * page, STOP waits for the test and halts, SPIN jumps to itself, KICK asks its vCPU to leave, once,
 * and jumps to itself, NOP does nothing (and ends its unit).
 */
#include <string.h>

#include "tests/unit/toy-guest.h"

#define RAM_SIZE   0x10000
#define PAGE(n)    ((uint64_t)(n)*TLB_PAGE_SIZE)
#define MOVED_PAGE 2 /* address space 1 has page 3 there */

enum { NOP, GO_NEXT, STOP, SPIN, KICK };

typedef struct ToyEnv {
    CPUEnv cpu;
    uint64_t cell;
    unsigned space;
} ToyEnv;

typedef struct Fixture {
    ToyBoard board;
    CPU *cpu[2];
    GThread *thread;
} Fixture;

static struct {
    GMutex lock;
    GCond cond;
    bool arrived, go;
    void (*before_end)(Fixture *f);
    Fixture *f;
} stop;

static void toy_stop(CPUEnv *env)
{
    g_mutex_lock(&stop.lock);
    stop.arrived = true;
    g_cond_broadcast(&stop.cond);
    while (!stop.go) {
        g_cond_wait(&stop.cond, &stop.lock);
    }
    g_mutex_unlock(&stop.lock);
    if (stop.before_end) {
        stop.before_end(stop.f);
    }
    env->cpu->halted = true;
}
static const TCGHelper toy_helper_stop = {
    .name = "toy_stop", .fn = (void *)toy_stop, .ret = TCG_VOID, .pass_env = true};

static void toy_kick(CPUEnv *env)
{
    if (!stop.arrived) {
        stop.arrived = true;
        cpu_kick(env->cpu, CPU_INT_EXIT);
    }
}
static const TCGHelper toy_helper_kick = {
    .name = "toy_kick", .fn = (void *)toy_kick, .ret = TCG_VOID, .pass_env = true};

static void toy_translate(UnitContext *c)
{
    uint32_t word;

    if (!unit_fetch(c, c->offset, &word, sizeof(word))) {
        return;
    }
    tcg_gen_insn_start(c->b, c->offset);
    if (word == GO_NEXT) {
        tcg_gen_exit_direct(c->b, (int64_t)(c->offset + TLB_PAGE_SIZE));
    } else if (word == KICK) {
        tcg_gen_call0(c->b, &toy_helper_kick);
        tcg_gen_exit_direct(c->b, c->offset);
    } else {
        if (word == STOP) {
            tcg_gen_call0(c->b, &toy_helper_stop);
        }
        tcg_gen_exit_main(c->b, tcg_gen_pcrel(c->b, c->offset + (word == SPIN ? 0 : 4)));
    }
    c->offset += 4;
}

static bool toy_tlb_fill(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                         bool probe, uintptr_t ra)
{
    bool moved = ((ToyEnv *)cpu->env)->space == 1 && vaddr / TLB_PAGE_SIZE == MOVED_PAGE;

    tlb_set(cpu, idx, access,
            &(TlbFill){.vaddr = vaddr,
                       .paddr = vaddr + (moved ? TLB_PAGE_SIZE : 0),
                       .page_bits = TLB_PAGE_BITS,
                       .prot = TLB_PROT_R | TLB_PROT_W | TLB_PROT_X});
    return true;
}

static void toy_do_exception(CPU *cpu, int32_t excp)
{
}

static const TCGCell toy_cells[] = {{"cell", offsetof(ToyEnv, cell), TCG_I64, 0}};
static const TargetDesc toy = {
    .name = "toy",
    .env_size = sizeof(ToyEnv),
    .check_size = sizeof(ToyEnv),
    .cells = toy_cells,
    .ncells = G_N_ELEMENTS(toy_cells),
    .translate = toy_translate,
    .tlb_fill = toy_tlb_fill,
    .do_exception = toy_do_exception,
    .do_interrupt = toy_false,
    .has_work = toy_false,
};

static void put(Fixture *f, uint64_t addr, uint32_t word)
{
    memcpy(f->board.block->host + addr, &word, sizeof(word));
}

static void set_up(Fixture *f, gconstpointer data)
{
    AccelOptions o;

    accel_options_default(&o);
    o.cache_size = 256 << 20; /* never full: nobody could clear it here */
    o.check = o.single_thread = data != NULL;
    toy_board_init(&f->board, RAM_SIZE, &o);
    for (unsigned i = 0; i < 2; i++) {
        f->cpu[i] = toy_cpu_new(&f->board, &toy);
    }
    stop.arrived = stop.go = false;
    stop.before_end = NULL;
    stop.f = f;
}

static void tear_down(Fixture *f, gconstpointer data)
{
    toy_board_free(&f->board);
}

static void *run_second(void *opaque)
{
    tcg_exec(opaque);
    return NULL;
}

/* The second vCPU runs into a STOP at addr. */
static void hold_second(Fixture *f, uint64_t addr)
{
    put(f, addr, STOP);
    f->cpu[1]->env->pc = addr;
    f->thread = g_thread_new("vCPU 1", run_second, f->cpu[1]);
    g_mutex_lock(&stop.lock);
    while (!stop.arrived) {
        g_cond_wait(&stop.cond, &stop.lock);
    }
    g_mutex_unlock(&stop.lock);
}

static void let_second_go(Fixture *f)
{
    g_mutex_lock(&stop.lock);
    stop.go = true;
    g_cond_broadcast(&stop.cond);
    g_mutex_unlock(&stop.lock);
    g_thread_join(f->thread);
}

/* The first vCPU's unit at addr, made if need be. */
static Unit *unit_at(Fixture *f, uint64_t addr)
{
    f->cpu[0]->env->pc = addr;
    return exec_find_unit(f->cpu[0]);
}

/*
 * A link to another page is followed in two steps: compare with the link's words, jump. A vCPU that
 * stands between them must not find itself at what the link was given meanwhile.
 */
static void test_relink(Fixture *f, gconstpointer data)
{
    CPU *cpu = f->cpu[0];
    ToyEnv *env = (ToyEnv *)cpu->env;

    put(f, PAGE(1), GO_NEXT);
    hold_second(f, PAGE(4));
    Unit *src = unit_at(f, PAGE(1));
    TcgCode code = unit_code(f->board.a, src);
    TcgExit *e = &code.exits[0];
    Unit *u = unit_at(f, PAGE(MOVED_PAGE));
    unit_link(cpu, src, e, u);
    g_assert_true(unit_of_ref(f->board.a, e->dest) == u);

    units_invalidate(f->board.a, PAGE(MOVED_PAGE), 4);
    g_assert_true(u->dead);
    g_assert_cmpuint(e->dest, ==, 0);
    env->space = 1;
    tlb_select_fetch(cpu, 1, 1, 0);
    Unit *other = unit_at(f, PAGE(MOVED_PAGE));
    g_assert_cmphex(other->ra, !=, u->ra);
    unit_link(cpu, src, e, other);
    g_assert_cmpuint(e->dest, ==, 0);
    g_assert_cmphex(tcg_exit_link(&code, e)->ctx, ==, 0);

    let_second_go(f);
    unit_link(cpu, src, e, other);
    g_assert_true(unit_of_ref(f->board.a, e->dest) == other);
    g_assert_cmphex(tcg_exit_link(&code, e)->ctx, ==, cpu->env->ctx);
}

static void store_word(Fixture *f)
{
    put(f, PAGE(5), GO_NEXT);
}

/*
 * A vCPU checks a store, another one translates from that page, the first one stores: the write
 * check did not know yet that there would be code. The next fence for code must find it out.
 */
static void test_store_under_way(Fixture *f, gconstpointer data)
{
    hold_second(f, PAGE(4));
    stop.before_end = store_word;
    Unit *u = unit_at(f, PAGE(5)), *beside = unit_at(f, PAGE(5) + 64);
    cpu_code_fence(f->cpu[0]);
    g_assert_false(u->dead);
    g_assert_false(beside->dead);

    let_second_go(f);
    cpu_code_fence(f->cpu[0]);
    g_assert_true(u->dead);
    g_assert_false(beside->dead);
    g_assert_true(unit_at(f, PAGE(5))->nexits == 1);
    g_assert_true(unit_at(f, PAGE(5) + 64) == beside);

    /* Nobody is on the way any more: nothing is looked at again. */
    put(f, PAGE(5) + 64, GO_NEXT);
    cpu_code_fence(f->cpu[0]);
    g_assert_false(beside->dead);
}

static void *kill_beside(void *opaque)
{
    Fixture *f = opaque;

    while (!__atomic_load_n(&stop.go, __ATOMIC_RELAXED)) {
        units_invalidate(f->board.a, PAGE(6) + 64 * 63, 4);
    }
    return NULL;
}

/*
 * A store asks without a lock whether it hits code. While another vCPU dropped a unit of the same
 * page, the page's map of code was empty for a moment, and the store was not noticed.
 */
static void test_two_stores(Fixture *f, gconstpointer data)
{
    GThread *t = g_thread_new("stores", kill_beside, f);

    for (unsigned i = 0; i < 3000; i++) {
        for (unsigned k = 0; k < 62; k++) {
            unit_at(f, PAGE(6) + 64 * k);
        }
        unit_at(f, PAGE(6) + 64 * 63);
        for (unsigned k = 61; k > 56; k--) {
            Unit *u = unit_at(f, PAGE(6) + 64 * k);
            units_invalidate(f->board.a, PAGE(6) + 64 * k, 4);
            g_assert_true(u->dead);
            unit_at(f, PAGE(6) + 64 * 63);
        }
    }
    __atomic_store_n(&stop.go, true, __ATOMIC_RELAXED);
    g_thread_join(t);
}

/*
 * A request to pause that came when a vCPU's thread counted as running, but had not entered the
 * guest yet, was dropped on the way in: the vCPU ran on and whoever asked waited for ever.
 */
static void test_pause(Fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < 2; i++) {
        put(f, PAGE(1 + i), SPIN);
        f->cpu[i]->env->pc = PAGE(1 + i);
    }
    accel_start(f->board.a);
    for (unsigned i = 0; i < 10000; i++) {
        gint64 until = g_get_monotonic_time() + i % 50;
        accel_resume_all(f->board.a);
        while (g_get_monotonic_time() < until) {
        }
        accel_pause_all(f->board.a);
    }
    accel_stop(f->board.a);
}

/*
 * In lock-step the interpreter has a copy of the vCPU's state. What another thread asked for
 * meanwhile was noted in the copy, and the vCPU ran on.
 */
static void test_kick(Fixture *f, gconstpointer data)
{
    put(f, PAGE(1), KICK);
    f->cpu[0]->env->pc = PAGE(1);
    tcg_exec(f->cpu[0]);
    g_assert_true(f->cpu[0]->interrupts & CPU_INT_EXIT);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/two-vcpus/relink", Fixture, NULL, set_up, test_relink, tear_down);
    g_test_add("/two-vcpus/store-under-way", Fixture, NULL, set_up, test_store_under_way,
               tear_down);
    g_test_add("/two-vcpus/two-stores", Fixture, NULL, set_up, test_two_stores, tear_down);
    g_test_add("/two-vcpus/pause", Fixture, NULL, set_up, test_pause, tear_down);
    g_test_add("/two-vcpus/kick-in-lock-step", Fixture, "check", set_up, test_kick, tear_down);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Timers that a vCPU's thread arms (softmmu/timer.c, keepers; accel/tcg/threads.c). The main loop
 * is never iterated here unless a test says so: what fires, fires in the vCPU's thread.
 *
 * The guest has no interrupt state but line 0, which its timer's callback raises. Taking it counts.
 * Its only instruction jumps to itself.
 */
#include <string.h>
#include "softmmu/mainloop.h"
#include "toy-guest.h"

#define RAM_SIZE 0x10000
#define N_CPUS   2

typedef struct Fixture Fixture;

/* One vCPU and its timer. Atomic: read by the test. */
typedef struct Guest {
    Fixture *f;
    CPU *cpu;
    Timer t;
    int64_t wait, due, fired_at;
    GThread *fired_in, *thread;
    unsigned armed, taken;
    bool spin;
} Guest;

struct Fixture {
    MainLoop *loop;
    Clocks *clocks;
    ToyBoard board;
    Guest g[N_CPUS];
};

static void toy_translate(UnitContext *c)
{
    uint32_t word;

    if (!unit_fetch(c, c->offset, &word, sizeof(word))) {
        return;
    }
    tcg_gen_insn_start(c->b, c->offset);
    tcg_gen_exit_direct(c->b, c->offset);
    c->offset += 4;
}

static void toy_do_exception(CPU *cpu, int32_t excp)
{
}

static bool toy_has_work(CPU *cpu)
{
    return __atomic_load_n(&cpu->interrupts, __ATOMIC_SEQ_CST) & 1;
}

static bool toy_do_interrupt(CPU *cpu)
{
    Guest *g = cpu->model;

    if (toy_has_work(cpu)) {
        cpu_set_line(cpu, 0, false);
        cpu->halted = !g->spin;
        __atomic_fetch_add(&g->taken, 1, __ATOMIC_SEQ_CST);
    }
    return false;
}

static const TCGCell toy_cells[] = {{"pc", offsetof(CPUEnv, pc), TCG_I64, 0}};
static const TargetDesc toy = {
    .name = "toy",
    .env_size = sizeof(CPUEnv),
    .check_size = sizeof(CPUEnv),
    .cells = toy_cells,
    .ncells = G_N_ELEMENTS(toy_cells),
    .translate = toy_translate,
    .tlb_fill = toy_flat_fill,
    .do_exception = toy_do_exception,
    .do_interrupt = toy_do_interrupt,
    .has_work = toy_has_work,
};

static void fire(void *opaque)
{
    Guest *g = opaque;

    g->fired_in = g_thread_self();
    __atomic_store_n(&g->fired_at, clock_get_ns(g->f->clocks, CLK_VIRTUAL), __ATOMIC_SEQ_CST);
    cpu_set_line(g->cpu, 0, true);
}

/* --- driving --------------------------------------------------------------------------------- */

static void wait_for(const unsigned *count, unsigned n)
{
    while (__atomic_load_n(count, __ATOMIC_SEQ_CST) < n) {
        g_usleep(100);
    }
}

static void arm_work(CPU *cpu, void *opaque)
{
    Guest *g = opaque;

    g->thread = g_thread_self();
    g->due = clock_get_ns(g->f->clocks, CLK_VIRTUAL) + g->wait;
    timer_mod(&g->t, g->due);
    __atomic_fetch_add(&g->armed, 1, __ATOMIC_SEQ_CST);
}

/* The vCPU's thread arms its timer, as an instruction of its guest would. */
static void arm(Guest *g, int64_t wait)
{
    unsigned n = g->armed;

    g->wait = wait;
    cpu_run_on(g->cpu, arm_work, g);
    wait_for(&g->armed, n + 1);
}

static void until_asleep(const Guest *g)
{
    while (!cpu_sleeps(g->cpu)) {
        g_usleep(100);
    }
}

static void nothing(CPU *cpu, void *opaque)
{
    __atomic_fetch_add((unsigned *)opaque, 1, __ATOMIC_SEQ_CST);
}

static void check_fired(const Guest *g)
{
    g_assert_true(g->fired_in == g->thread);
    g_assert_cmpint(g->fired_at, >=, g->due);
}

/* The latest deadline; an earlier one may have come before it was moved. */
static void wait_fired(const Guest *g)
{
    while (__atomic_load_n(&g->fired_at, __ATOMIC_SEQ_CST) < g->due) {
        g_usleep(100);
    }
}

static void machine_stop(Fixture *f)
{
    accel_pause_all(f->board.a);
    clocks_set_running(f->clocks, false);
}

static void machine_go(Fixture *f)
{
    clocks_set_running(f->clocks, true);
    accel_resume_all(f->board.a);
}

static void set_up(Fixture *f, gconstpointer data)
{
    memset(f, 0, sizeof(*f));
    f->loop = mainloop_new();
    f->clocks = mainloop_clocks(f->loop);
    toy_board_init(&f->board, RAM_SIZE, NULL);
    f->board.a->clocks = f->clocks;
    for (unsigned i = 0; i < N_CPUS; i++) {
        Guest *g = &f->g[i];

        g->f = f;
        g->spin = data != NULL;
        g->cpu = toy_cpu_new(&f->board, &toy);
        g->cpu->model = g;
        g->cpu->halted = !g->spin;
        timer_init(&g->t, f->clocks, CLK_VIRTUAL, fire, g);
    }
    accel_start(f->board.a);
    machine_go(f);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    accel_stop(f->board.a);
    toy_board_free(&f->board);
    mainloop_free(f->loop);
}

/* --- tests ----------------------------------------------------------------------------------- */

/* It sleeps, or runs (data), when its deadline comes. Again and again, some of them in the past. */
static void test_fires(Fixture *f, gconstpointer data)
{
    Guest *g = &f->g[0];

    for (unsigned i = 0; i < 200; i++) {
        arm(g, (int64_t)(i % 8) * 50 * NS_PER_US);
        wait_for(&g->taken, i + 1);
        check_fired(g);
    }
    g_assert_false(timer_pending(&g->t));
    g_assert_cmpuint(f->g[1].taken, ==, 0);
}

/* Something else wakes it before its deadline. */
static void test_kicked(Fixture *f, gconstpointer data)
{
    Guest *g = &f->g[0];
    unsigned kicks = 0;

    for (unsigned i = 0; i < 20; i++) {
        arm(g, 5 * NS_PER_MS);
        for (unsigned n = 0; n < 10; n++) {
            until_asleep(g);
            cpu_run_on(g->cpu, nothing, &kicks);
            wait_for(&kicks, i * 10 + n + 1);
        }
        wait_for(&g->taken, i + 1);
        check_fired(g);
    }
}

/* Moved to a later time, to an earlier one, taken back. */
static void test_moved(Fixture *f, gconstpointer data)
{
    Guest *g = &f->g[0];

    arm(g, 2 * NS_PER_MS);
    arm(g, 6 * NS_PER_MS);
    wait_fired(g);
    arm(g, 1000 * NS_PER_SEC);
    until_asleep(g);
    arm(g, NS_PER_MS);
    wait_fired(g);
    arm(g, 1000 * NS_PER_SEC);
    arm(g, NS_PER_SEC / 10);
    timer_del_sync(&g->t);
    unsigned taken = __atomic_load_n(&g->taken, __ATOMIC_SEQ_CST);
    arm(g, NS_PER_SEC / 5);
    wait_for(&g->taken, taken + 1);
    check_fired(g);
}

/* Two vCPUs: each deadline is kept, whichever is the earlier one. */
static void test_two(Fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < 40; i++) {
        Guest *first = &f->g[i % 2], *second = &f->g[1 - i % 2];

        arm(second, 2 * NS_PER_MS);
        until_asleep(second);
        arm(first, NS_PER_MS);
        wait_for(&first->taken, i + 1);
        g_assert_cmpint(first->fired_at, >=, first->due);
        wait_for(&second->taken, i + 1);
        g_assert_cmpint(second->fired_at, >=, second->due);
    }
}

/* The machine stops while it waits; virtual time stands still; then it goes on. */
static void test_stop(Fixture *f, gconstpointer data)
{
    Guest *g = &f->g[0];

    for (unsigned i = 0; i < 10; i++) {
        arm(g, 4 * NS_PER_MS);
        until_asleep(g);
        machine_stop(f);
        unsigned taken = g->taken;
        int64_t now = clock_get_ns(f->clocks, CLK_VIRTUAL);
        g_usleep(6000);
        g_assert_cmpuint(g->taken, ==, taken);
        g_assert_cmpint(clock_get_ns(f->clocks, CLK_VIRTUAL), ==, now);
        machine_go(f);
        wait_for(&g->taken, i + 1);
        check_fired(g);
    }
}

/* The main loop's own timers stay its own; whoever wakes runs all that is due. */
static void test_main_loop(Fixture *f, gconstpointer data)
{
    Guest *g = &f->g[0], *other = &f->g[1];

    other->due = clock_get_ns(f->clocks, CLK_VIRTUAL) + NS_PER_MS;
    timer_mod(&other->t, other->due);
    g_usleep(2000);
    g_assert_cmpuint(other->taken, ==, 0);
    while (!other->fired_in) {
        mainloop_iterate(f->loop, true);
    }
    g_assert_true(other->fired_in == g_thread_self());
    wait_for(&other->taken, 1);

    other->fired_in = NULL;
    other->due = clock_get_ns(f->clocks, CLK_VIRTUAL);
    timer_mod(&other->t, other->due);
    arm(g, NS_PER_MS);
    wait_for(&g->taken, 1);
    wait_for(&other->taken, 2);
    g_assert_true(other->fired_in == g->thread);
}

/* The deadline comes while the main loop is in a batch. */
static void hold_main(void *opaque)
{
    Guest *g = opaque;

    arm(g, 0);
    until_asleep(g);
    g_usleep(2000);
    g_assert_cmpuint(g->taken, ==, 0);
}

static void test_batch(Fixture *f, gconstpointer data)
{
    Timer hold;

    timer_init(&hold, f->clocks, CLK_VIRTUAL, hold_main, &f->g[0]);
    timer_mod(&hold, 0);
    while (timer_pending(&hold)) {
        mainloop_iterate(f->loop, true);
    }
    wait_for(&f->g[0].taken, 1);
    check_fired(&f->g[0]);
}

/* A vCPU's thread ends: the main loop waits for what it armed. */
static void test_ends(Fixture *f, gconstpointer data)
{
    Guest *g = &f->g[0];

    arm(g, NS_PER_SEC / 10);
    accel_stop(f->board.a);
    g_assert_true(timer_pending(&g->t));
    while (!g->fired_in) {
        mainloop_iterate(f->loop, true);
    }
    g_assert_true(g->fired_in == g_thread_self());
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, fn, data)                                                                        \
    g_test_add("/vcpu-timer/" name, Fixture, data, set_up, test_##fn, tear_down)
    ADD("sleeping", fires, NULL);
    ADD("running", fires, "spin");
    ADD("kicked", kicked, NULL);
    ADD("moved", moved, NULL);
    ADD("two", two, NULL);
    ADD("stop", stop, NULL);
    ADD("main-loop", main_loop, NULL);
    ADD("batch", batch, NULL);
    ADD("ends", ends, NULL);
    return g_test_run();
}

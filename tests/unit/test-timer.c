/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Timers, clocks and the main loop: order, precision, threads, pause, icount. */
#include "softmmu/mainloop.h"
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

typedef struct Fixture {
    MainLoop *loop;
    Clocks *clocks;
    GString *order;
} Fixture;

typedef struct Named {
    Timer t;
    Fixture *f;
    char name;
    int64_t fired_at;
} Named;

static void set_up(Fixture *f, gconstpointer data)
{
    f->loop = mainloop_new();
    f->clocks = mainloop_clocks(f->loop);
    f->order = g_string_new(NULL);
    clocks_set_running(f->clocks, true);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    mainloop_free(f->loop);
    g_string_free(f->order, TRUE);
}

static void fire(void *opaque)
{
    Named *n = opaque;
    n->fired_at = clock_get_ns(n->f->clocks, n->t.type);
    g_string_append_c(n->f->order, n->name);
}

static void named_init(Named *n, Fixture *f, ClockType type, char name)
{
    timer_init(&n->t, f->clocks, type, fire, n);
    n->f = f;
    n->name = name;
}

static void test_order(Fixture *f, gconstpointer data)
{
    Named n[6];
    int64_t now = clock_get_ns(f->clocks, CLK_VIRTUAL);
    for (int i = 0; i < 6; i++) {
        named_init(&n[i], f, CLK_VIRTUAL, 'a' + i);
    }
    timer_mod(&n[0].t, now + 30 * NS_PER_MS);
    timer_mod(&n[1].t, now + 10 * NS_PER_MS);
    timer_mod(&n[2].t, now + 20 * NS_PER_MS);
    timer_mod(&n[3].t, now + 10 * NS_PER_MS);
    timer_mod(&n[4].t, now + 5 * NS_PER_MS);
    timer_mod(&n[5].t, now + 1 * NS_PER_MS);
    timer_del(&n[4].t);
    timer_mod(&n[5].t, now + 25 * NS_PER_MS);
    g_assert_false(timer_pending(&n[4].t));
    g_assert_true(timer_pending(&n[5].t));
    g_assert_cmpint(timer_expire_ns(&n[5].t), ==, now + 25 * NS_PER_MS);
    g_assert_cmpint(timer_next_deadline_ns(f->clocks), ==, now + 10 * NS_PER_MS);
    while (f->order->len < 5) {
        mainloop_iterate(f->loop, true);
    }
    g_assert_cmpstr(f->order->str, ==, "bdcfa");
    g_assert_cmpint(n[1].fired_at, >=, now + 10 * NS_PER_MS);
    g_assert_cmpint(timer_next_deadline_ns(f->clocks), ==, INT64_MAX);
}

/* Sub-millisecond deadlines are not rounded to milliseconds. */
static void test_precision(Fixture *f, gconstpointer data)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 50 && best > 500 * NS_PER_US; i++) {
        Named n;
        named_init(&n, f, CLK_REALTIME, 'x');
        int64_t due = clock_get_ns(f->clocks, CLK_REALTIME) + 200 * NS_PER_US;
        g_string_truncate(f->order, 0);
        timer_mod(&n.t, due);
        while (!f->order->len) {
            mainloop_iterate(f->loop, true);
        }
        g_assert_cmpint(n.fired_at, >=, due);
        best = MIN(best, n.fired_at - due);
    }
    g_assert_cmpint(best, <, 500 * NS_PER_US);
}

static void test_pause(Fixture *f, gconstpointer data)
{
    Named n;
    named_init(&n, f, CLK_VIRTUAL, 'v');
    clocks_set_running(f->clocks, false);
    int64_t frozen = clock_get_ns(f->clocks, CLK_VIRTUAL);
    timer_mod(&n.t, frozen + NS_PER_MS);
    g_usleep(5000);
    mainloop_iterate(f->loop, false);
    g_assert_cmpint(clock_get_ns(f->clocks, CLK_VIRTUAL), ==, frozen);
    g_assert_cmpuint(f->order->len, ==, 0);
    clocks_set_running(f->clocks, true);
    while (!f->order->len) {
        mainloop_iterate(f->loop, true);
    }
    g_assert_cmpint(n.fired_at, >=, frozen + NS_PER_MS);
    g_assert_cmpint(n.fired_at, <, frozen + 5 * NS_PER_SEC);
}

static void test_never(Fixture *f, gconstpointer data)
{
    Named n;
    named_init(&n, f, CLK_VIRTUAL, 'v');
    timer_mod(&n.t, INT64_MAX);
    g_assert_false(timer_pending(&n.t));
    timer_mod(&n.t, INT64_MAX - 1);
    g_assert_true(timer_pending(&n.t));
    timer_mod(&n.t, -5);
    while (!f->order->len) {
        mainloop_iterate(f->loop, true);
    }
    g_assert_false(timer_pending(&n.t));
}

static void rearm_past(void *opaque)
{
    Named *n = opaque;
    g_string_append_c(n->f->order, n->name);
    if (n->f->order->len < 4) {
        timer_mod(&n->t, 0);
    }
}

/* A timer that always arms itself for the past does not keep the loop from its other work. */
static void test_rearm(Fixture *f, gconstpointer data)
{
    Named n;
    timer_init(&n.t, f->clocks, CLK_REALTIME, rearm_past, &n);
    n.f = f;
    n.name = 'r';
    timer_mod(&n.t, 0);
    unsigned rounds = 0;
    for (; f->order->len < 4; rounds++) {
        mainloop_iterate(f->loop, true);
    }
    g_assert_cmpuint(rounds, >=, 4);
}

/* --- icount --- */

static int64_t icount_now;
static int icount_kicks;

static int64_t icount_get(void *opaque)
{
    return icount_now;
}

static void icount_kick(void *opaque)
{
    icount_kicks++;
}

static void test_icount(Fixture *f, gconstpointer data)
{
    Named a, b;
    clocks_set_icount(f->clocks, icount_get, icount_kick, NULL);
    named_init(&a, f, CLK_VIRTUAL, 'a');
    named_init(&b, f, CLK_VIRTUAL, 'b');
    icount_now = 1000;
    g_assert_cmpint(clock_get_ns(f->clocks, CLK_VIRTUAL), ==, 1000);
    timer_mod(&a.t, 5000);
    g_assert_cmpint(icount_kicks, ==, 1);
    timer_mod(&b.t, 6000);
    g_assert_cmpint(icount_kicks, ==, 1);
    g_assert_cmpint(timer_next_deadline_ns(f->clocks), ==, 5000);
    g_usleep(2000);
    mainloop_iterate(f->loop, false);
    g_assert_cmpuint(f->order->len, ==, 0);
    g_assert_false(timers_run_virtual(f->clocks));
    icount_now = 5000;
    g_assert_true(timers_run_virtual(f->clocks));
    g_assert_cmpstr(f->order->str, ==, "a");
    g_assert_cmpint(timer_next_deadline_ns(f->clocks), ==, 6000);
    icount_now = 9000;
    g_assert_true(timers_run_virtual(f->clocks));
    g_assert_cmpstr(f->order->str, ==, "ab");
}

/* --- threads --- */

#define THREADS 4
#define ROUNDS  3000

typedef struct Storm {
    Fixture *f;
    Timer t[8];
    atomic_int fired;
    atomic_int done;
} Storm;

static void storm_fire(void *opaque)
{
    atomic_fetch_add(&((Storm *)opaque)->fired, 1);
}

static gpointer storm_thread(gpointer opaque)
{
    Storm *s = opaque;
    g_autoptr(GRand) r = g_rand_new_with_seed(GPOINTER_TO_UINT(g_thread_self()));
    for (int i = 0; i < ROUNDS; i++) {
        Timer *t = &s->t[g_rand_int_range(r, 0, 8)];
        switch (g_rand_int_range(r, 0, 4)) {
        case 0:
            timer_del(t);
            break;
        case 1:
            timer_del_sync(t);
            break;
        default:
            timer_mod(t, clock_get_ns(s->f->clocks, t->type) + g_rand_int_range(r, 0, 100000));
        }
    }
    atomic_fetch_add(&s->done, 1);
    return NULL;
}

static void test_threads(Fixture *f, gconstpointer data)
{
    Storm s = {.f = f};
    GThread *th[THREADS];
    for (int i = 0; i < 8; i++) {
        timer_init(&s.t[i], f->clocks, i % CLK_COUNT, storm_fire, &s);
    }
    for (int i = 0; i < THREADS; i++) {
        th[i] = g_thread_new("storm", storm_thread, &s);
    }
    while (atomic_load(&s.done) < THREADS) {
        mainloop_iterate(f->loop, false);
    }
    for (int i = 0; i < THREADS; i++) {
        g_thread_join(th[i]);
    }
    for (int i = 0; i < 8; i++) {
        timer_del_sync(&s.t[i]);
        g_assert_false(timer_pending(&s.t[i]));
    }
    /* Arming works after all that. */
    Named n[CLK_COUNT];
    g_string_truncate(f->order, 0);
    for (int i = 0; i < CLK_COUNT; i++) {
        named_init(&n[i], f, i, 'a');
        timer_mod(&n[i].t, clock_get_ns(f->clocks, i) + NS_PER_MS);
    }
    while (f->order->len < CLK_COUNT) {
        mainloop_iterate(f->loop, true);
    }
}

/* --- posts and descriptors --- */

typedef struct PostCount {
    int next;
    bool in_order;
    MainLoop *loop;
} PostCount;

static PostCount post_state;

static void post_check_order(void *opaque)
{
    post_state.in_order &= GPOINTER_TO_INT(opaque) == post_state.next++;
}

static gpointer post_thread(gpointer opaque)
{
    for (int i = 0; i < 1000; i++) {
        mainloop_post(opaque, post_check_order, GINT_TO_POINTER(i));
    }
    mainloop_quit(opaque);
    return NULL;
}

static void test_post(Fixture *f, gconstpointer data)
{
    post_state = (PostCount){.in_order = true};
    GThread *t = g_thread_new("post", post_thread, f->loop);
    mainloop_run(f->loop);
    g_thread_join(t);
    while (post_state.next < 1000) {
        mainloop_iterate(f->loop, true);
    }
    g_assert_true(post_state.in_order);
    g_assert_true(mainloop_in_thread(f->loop));
}

static void count_ready(void *opaque, GIOCondition ready)
{
    ++*(int *)opaque;
}

static void test_fd(Fixture *f, gconstpointer data)
{
    int fds[2], n = 0;
    g_assert_cmpint(pipe(fds), ==, 0);
    MainFd *w = mainloop_add_fd(f->loop, fds[0], 0, count_ready, &n);
    g_assert_cmpint(write(fds[1], "x", 1), ==, 1);
    mainloop_iterate(f->loop, false);
    g_assert_cmpint(n, ==, 0);
    mainloop_set_fd_events(w, G_IO_IN);
    mainloop_iterate(f->loop, true);
    g_assert_cmpint(n, ==, 1);
    mainloop_set_fd_events(w, 0);
    close(fds[1]);
    mainloop_iterate(f->loop, false);
    g_assert_cmpint(n, ==, 1);
    mainloop_remove_fd(w);
    close(fds[0]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/timer/" #name, Fixture, NULL, set_up, test_##name, tear_down)
    ADD(order);
    ADD(precision);
    ADD(pause);
    ADD(never);
    ADD(rearm);
    ADD(icount);
    ADD(threads);
    ADD(post);
    ADD(fd);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Run state: requests from other threads, order, actions, reset handlers. */
#include "softmmu/machine.h"
#include <string.h>

typedef struct Fixture {
    MainLoop *loop;
    Machine *m;
    GString *log;
} Fixture;

typedef struct Hook {
    Fixture *x;
    char name;
} Hook;

static void hook_log(void *opaque)
{
    Hook *h = opaque;
    g_string_append_c(h->x->log, h->name);
}

static void run_log(void *opaque, bool running)
{
    g_string_append_c(((Fixture *)opaque)->log, running ? '+' : '-');
}

static Hook hooks[3];

static void set_up(Fixture *x, gconstpointer data)
{
    x->loop = mainloop_new();
    x->m = machine_new(x->loop);
    x->log = g_string_new(NULL);
    for (int i = 0; i < 3; i++) {
        hooks[i] = (Hook){x, "abp"[i]};
    }
    machine_add_reset(x->m, hook_log, &hooks[0]);
    machine_add_reset(x->m, hook_log, &hooks[1]);
    machine_add_powerdown(x->m, hook_log, &hooks[2]);
    machine_add_run_change(x->m, run_log, x);
}

static void tear_down(Fixture *x, gconstpointer data)
{
    machine_free(x->m);
    mainloop_free(x->loop);
    g_string_free(x->log, TRUE);
}

typedef struct Script {
    Machine *m;
    int step;
    Timer t;
    void (*steps[8])(Machine *m);
} Script;

static void script_next(void *opaque)
{
    Script *s = opaque;
    if (s->steps[s->step]) {
        s->steps[s->step++](s->m);
        timer_mod(&s->t, clock_get_ns(s->m->clocks, CLK_REALTIME) + NS_PER_MS);
    }
}

static int play(Fixture *x, Script *s, bool paused)
{
    s->m = x->m;
    timer_init(&s->t, x->m->clocks, CLK_REALTIME, script_next, s);
    timer_mod(&s->t, clock_get_ns(x->m->clocks, CLK_REALTIME) + NS_PER_MS);
    int status = machine_run(x->m, paused);
    timer_del_sync(&s->t);
    return status;
}

static void do_reset(Machine *m)
{
    machine_request_reset(m, SHUTDOWN_GUEST_RESET);
}

static void do_stop(Machine *m)
{
    machine_request_stop(m, RUN_PAUSED);
}

static void do_cont(Machine *m)
{
    machine_request_cont(m);
}

static void do_button(Machine *m)
{
    machine_request_powerdown(m);
}

static void do_exit_7(Machine *m)
{
    machine_request_shutdown(m, SHUTDOWN_GUEST_POWEROFF, 7);
}

static void do_quit(Machine *m)
{
    machine_request_shutdown(m, SHUTDOWN_HOST_QUIT, 0);
}

static void do_panic(Machine *m)
{
    machine_guest_panicked(m);
}

static void do_watchdog(Machine *m)
{
    machine_watchdog_expired(m);
}

static void check_running(Machine *m)
{
    g_assert_cmpstr(machine_phase_name(m), ==, "running");
}

static void check_paused(Machine *m)
{
    g_assert_cmpstr(machine_phase_name(m), ==, "paused");
}

static void check_watchdog(Machine *m)
{
    g_assert_cmpstr(machine_phase_name(m), ==, "paused (watchdog)");
}

static void check_prelaunch(Machine *m)
{
    g_assert_cmpstr(machine_phase_name(m), ==, "paused (prelaunch)");
}

static void check_shutdown(Machine *m)
{
    g_assert_cmpstr(machine_phase_name(m), ==, "paused (shutdown)");
}

static void check_panicked(Machine *m)
{
    g_assert_cmpstr(machine_phase_name(m), ==, "paused (guest-panicked)");
}

static void test_life(Fixture *x, gconstpointer data)
{
    Script s = {
        .steps = {check_running, do_reset, do_button, do_stop, check_paused, do_cont, do_exit_7}};
    g_assert_cmpint(play(x, &s, false), ==, 7);
    g_assert_cmpstr(x->log->str, ==, "ab+abp-+-");
}

static void test_paused(Fixture *x, gconstpointer data)
{
    Script s = {.steps = {check_prelaunch, do_cont, check_running, do_quit}};
    g_assert_cmpint(play(x, &s, true), ==, 0);
    g_assert_cmpstr(x->log->str, ==, "ab+-");
}

static void test_no_reboot(Fixture *x, gconstpointer data)
{
    RunActions a = {.reboot = REBOOT_SHUTDOWN};
    Script s = {.steps = {do_reset}};
    machine_set_actions(x->m, &a);
    g_assert_cmpint(play(x, &s, false), ==, 0);
    g_assert_cmpstr(x->log->str, ==, "ab+-");
}

static void test_no_shutdown(Fixture *x, gconstpointer data)
{
    RunActions a = {.shutdown = SHUTDOWN_PAUSE};
    Script s = {.steps = {do_exit_7, check_shutdown, do_reset, check_paused, do_cont, check_running,
                          do_quit}};
    machine_set_actions(x->m, &a);
    g_assert_cmpint(play(x, &s, false), ==, 0);
    g_assert_cmpstr(x->log->str, ==, "ab+-ab+-");
}

static void test_panic(Fixture *x, gconstpointer data)
{
    RunActions a = {.panic = PANIC_PAUSE};
    Script s = {.steps = {do_panic, check_panicked, do_quit}};
    machine_set_actions(x->m, &a);
    g_assert_cmpint(play(x, &s, false), ==, 0);
}

static void test_panic_exit(Fixture *x, gconstpointer data)
{
    RunActions a = {.panic = PANIC_EXIT_FAILURE};
    Script s = {.steps = {do_panic}};
    machine_set_actions(x->m, &a);
    g_assert_cmpint(play(x, &s, false), ==, 1);
}

static void test_watchdog(Fixture *x, gconstpointer data)
{
    RunActions a = {.watchdog = WATCHDOG_PAUSE};
    Script s = {.steps = {do_watchdog, check_watchdog, do_quit}};
    machine_set_actions(x->m, &a);
    g_assert_cmpint(play(x, &s, false), ==, 0);
}

/* What the user wants is not held back by -no-shutdown or by what the guest asked for first. */
static void test_quit_wins(Fixture *x, gconstpointer data)
{
    RunActions a = {.shutdown = SHUTDOWN_PAUSE};
    machine_set_actions(x->m, &a);
    machine_request_shutdown(x->m, SHUTDOWN_GUEST_POWEROFF, 9);
    machine_request_shutdown(x->m, SHUTDOWN_HOST_SIGNAL, 0);
    machine_request_shutdown(x->m, SHUTDOWN_GUEST_POWEROFF, 9);
    g_assert_cmpint(machine_run(x->m, false), ==, 0);
}

static gpointer storm(gpointer opaque)
{
    for (int i = 0; i < 2000; i++) {
        switch (i % 4) {
        case 0:
            machine_request_reset(opaque, SHUTDOWN_GUEST_RESET);
            break;
        case 1:
            machine_request_stop(opaque, RUN_PAUSED);
            break;
        case 2:
            machine_request_cont(opaque);
            break;
        default:
            machine_request_powerdown(opaque);
        }
    }
    machine_request_shutdown(opaque, SHUTDOWN_GUEST_POWEROFF, 5);
    return NULL;
}

static void test_threads(Fixture *x, gconstpointer data)
{
    GThread *t = g_thread_new("storm", storm, x->m);
    g_assert_cmpint(machine_run(x->m, false), ==, 5);
    g_thread_join(t);
}

static void test_find_file(Fixture *x, gconstpointer data)
{
    g_autofree char *dir = g_dir_make_tmp("rhea-find-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "fw.bin", NULL);
    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    g_ptr_array_add(x->m->search_path, g_strdup(dir));
    g_autofree char *a = machine_find_file(x->m, "fw.bin"), *b = machine_find_file(x->m, path);
    g_assert_cmpstr(a, ==, path);
    g_assert_cmpstr(b, ==, path);
    g_assert_null(machine_find_file(x->m, "none.bin"));
    g_assert_null(machine_find_file(x->m, "/nonexistent/fw.bin"));
    g_autofree char *cmd = g_strdup_printf("rm -r %s", dir);
    g_assert_cmpint(system(cmd), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/machine/" #name, Fixture, NULL, set_up, test_##name, tear_down)
    ADD(life);
    ADD(paused);
    ADD(no_reboot);
    ADD(no_shutdown);
    ADD(panic);
    ADD(panic_exit);
    ADD(watchdog);
    ADD(quit_wins);
    ADD(threads);
    ADD(find_file);
    return g_test_run();
}

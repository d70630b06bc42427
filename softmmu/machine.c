/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Registries of boards and targets, and the run state of the machine (include/softmmu/machine.h).
 *
 * Requests set fields under RunState.lock and post one look to the main loop, which carries them
 * out in a fixed order: end, reset, power button, stop, continue. vCPUs are paused around every one
 * of them. Everything that is not a request runs in the main loop's thread.
 *
 * Test: tests/unit/test-machine.c
 */
#include "io/drive.h"
#include "io/iothread.h"
#include "io/throttle.h"
#include "softmmu/machine.h"
#include "io/input.h"
#include "accel/accel.h"
#include "loader-private.h"
#include "qmp.h"
#include "softmmu/semihost.h"
#include "vl.h"
#include <string.h>
#include <unistd.h>

/* --- registries ------------------------------------------------------------------------------ */

/* Weak: a program without any (a unit test) links too. */
extern const MachineDesc *const __start_rhea_machines[] __attribute__((weak));
extern const MachineDesc *const __stop_rhea_machines[] __attribute__((weak));
extern const GuestTarget *const __start_rhea_targets[] __attribute__((weak));
extern const GuestTarget *const __stop_rhea_targets[] __attribute__((weak));

const GuestTarget *target_at(unsigned i)
{
    return i < (size_t)(__stop_rhea_targets - __start_rhea_targets) ? __start_rhea_targets[i]
                                                                    : NULL;
}

const GuestTarget *target_find(const char *name)
{
    const GuestTarget *t;
    for (unsigned i = 0; (t = target_at(i)); i++) {
        if (!strcmp(t->name, name)) {
            return t;
        }
    }
    return NULL;
}

const MachineDesc *machine_desc_at(const GuestTarget *t, unsigned i)
{
    for (const MachineDesc *const *d = __start_rhea_machines; d < __stop_rhea_machines; d++) {
        if ((!(*d)->arch || !strcmp((*d)->arch, t->arch)) && i-- == 0) {
            return *d;
        }
    }
    return NULL;
}

const MachineDesc *machine_desc_find(const GuestTarget *t, const char *name)
{
    const MachineDesc *d;
    for (unsigned i = 0; (d = machine_desc_at(t, i)); i++) {
        if (!strcmp(d->name, name) || (d->alias && !strcmp(d->alias, name))) {
            return d;
        }
    }
    return NULL;
}

char *machine_find_file(const Machine *m, const char *name)
{
    if (!access(name, R_OK)) {
        return g_strdup(name);
    }
    if (strchr(name, '/')) {
        return NULL;
    }
    for (unsigned i = 0; i < m->search_path->len; i++) {
        char *path = g_build_filename(g_ptr_array_index(m->search_path, i), name, NULL);
        if (!access(path, R_OK)) {
            return path;
        }
        g_free(path);
    }
    return NULL;
}

/* --- run state ------------------------------------------------------------------------------- */

typedef struct Hook {
    union {
        void (*call)(void *opaque);
        void (*run_change)(void *opaque, bool running);
    } fn;
    void *opaque;
} Hook;

typedef struct RunRequests {
    bool posted; /* run_look() will come */
    bool reset, powerdown, stop, cont;
    ShutdownCause shutdown; /* SHUTDOWN_NONE: not wanted */
    int shutdown_code;
    RunPhase stop_phase;
    ShutdownCause reset_cause;
} RunRequests;

typedef struct RunState {
    RunActions actions;
    GArray *resets, *powerdowns, *run_changes; /* Hook */
    bool running;                              /* vCPUs and virtual clock go */
    int exit_code;
    ShutdownCause end; /* what ended machine_run() */

    GMutex lock;
    RunPhase phase;
    RunRequests req;
    unsigned stale; /* looks that were posted, and done by machine_settle() */
} RunState;

Machine *machine_new(MainLoop *loop)
{
    Machine *m = g_new0(Machine, 1);
    RunState *r = m->run = g_new0(RunState, 1);
    m->loop = loop;
    m->clocks = mainloop_clocks(loop);
    m->chars = charset_new(loop);
    GPtrArray **lists[] = {&m->devices, &m->drives,  &m->blockdevs, &m->netdevs,
                           &m->objects, &m->globals, &m->fw_cfg,    &m->smbios};
    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        *lists[i] = g_ptr_array_new_with_free_func((GDestroyNotify)opt_free);
    }
    m->search_path = g_ptr_array_new_with_free_func(g_free);
    m->monitors = g_ptr_array_new_with_free_func((GDestroyNotify)monitor_free);
    m->props = opt_new();
    m->accel_props = opt_new();
    m->boot = opt_new();
    m->smp = (SmpConfig){1, 1, 1, 1, 1, 1};
    m->rtc.clock = CLK_HOST;
    m->icount_shift = -1;
    m->icount_sleep = true;
    g_mutex_init(&r->lock);
    r->phase = RUN_PRELAUNCH;
    r->resets = g_array_new(FALSE, FALSE, sizeof(Hook));
    r->powerdowns = g_array_new(FALSE, FALSE, sizeof(Hook));
    r->run_changes = g_array_new(FALSE, FALSE, sizeof(Hook));
    m->loader = loader_new(m);
    return m;
}

void machine_free(Machine *m)
{
    RunState *r = m->run;
    g_ptr_array_free(m->monitors, TRUE);
    GPtrArray *lists[] = {m->devices, m->drives, m->blockdevs, m->netdevs,    m->objects,
                          m->globals, m->fw_cfg, m->smbios,    m->search_path};
    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_ptr_array_free(lists[i], TRUE);
    }
    input_core_free(m->input);
    if (m->drive_uses) {
        g_ptr_array_unref(m->drive_uses);
    }
    iothreads_free(m->iothreads);
    throttles_free(m->throttles);
    loader_free(m->loader);
    semihost_free(m->semihost);
    charset_free(m->chars, 0);
    opt_free(m->props);
    opt_free(m->accel_props);
    opt_free(m->boot);
    g_array_free(r->resets, TRUE);
    g_array_free(r->powerdowns, TRUE);
    g_array_free(r->run_changes, TRUE);
    g_mutex_clear(&r->lock);
    g_free(r);
    g_free(m->name);
    g_free(m);
}

static void hook_add(GArray *list, Hook h)
{
    g_array_append_val(list, h);
}

static void hooks_call(GArray *list)
{
    for (unsigned i = 0; i < list->len; i++) {
        Hook *h = &g_array_index(list, Hook, i);
        h->fn.call(h->opaque);
    }
}

void machine_add_reset(Machine *m, MachineResetFn *fn, void *opaque)
{
    hook_add(m->run->resets, (Hook){.fn.call = fn, .opaque = opaque});
}

void machine_add_powerdown(Machine *m, void (*fn)(void *opaque), void *opaque)
{
    hook_add(m->run->powerdowns, (Hook){.fn.call = fn, .opaque = opaque});
}

void machine_add_run_change(Machine *m, void (*fn)(void *opaque, bool running), void *opaque)
{
    hook_add(m->run->run_changes, (Hook){.fn.run_change = fn, .opaque = opaque});
}

void machine_remove_run_change(Machine *m, void *opaque)
{
    GArray *list = m->run->run_changes;

    for (unsigned i = list->len; i-- > 0;) {
        if (g_array_index(list, Hook, i).opaque == opaque) {
            g_array_remove_index(list, i);
        }
    }
}

RunActions machine_actions(const Machine *m)
{
    g_mutex_lock(&m->run->lock);
    RunActions a = m->run->actions;
    g_mutex_unlock(&m->run->lock);
    return a;
}

void machine_set_actions(Machine *m, const RunActions *a)
{
    g_mutex_lock(&m->run->lock);
    m->run->actions = *a;
    g_mutex_unlock(&m->run->lock);
}

RunPhase machine_phase(const Machine *m)
{
    RunState *r = m->run;
    g_mutex_lock(&r->lock);
    RunPhase phase = r->phase;
    g_mutex_unlock(&r->lock);
    return phase;
}

const char *machine_phase_name(const Machine *m)
{
    static const char *const names[] = {
        [RUN_PRELAUNCH] = "paused (prelaunch)",
        [RUN_RUNNING] = "running",
        [RUN_PAUSED] = "paused",
        [RUN_SHUTDOWN] = "paused (shutdown)",
        [RUN_GUEST_PANICKED] = "paused (guest-panicked)",
        [RUN_INTERNAL_ERROR] = "paused (internal-error)",
        [RUN_IO_ERROR] = "paused (io-error)",
        [RUN_WATCHDOG] = "paused (watchdog)",
    };
    return names[machine_phase(m)];
}

static void run_set_phase(RunState *r, RunPhase phase)
{
    g_mutex_lock(&r->lock);
    r->phase = phase;
    g_mutex_unlock(&r->lock);
}

static void run_tell_change(RunState *r)
{
    for (unsigned i = 0; i < r->run_changes->len; i++) {
        Hook *h = &g_array_index(r->run_changes, Hook, i);
        h->fn.run_change(h->opaque, r->running);
    }
}

static void run_start(Machine *m)
{
    RunState *r = m->run;
    run_set_phase(r, RUN_RUNNING);
    if (!r->running) {
        r->running = true;
        clocks_set_running(m->clocks, true);
        run_tell_change(r);
        if (m->accel) {
            accel_resume_all(m->accel);
        }
    }
}

static void run_stop(Machine *m, RunPhase phase)
{
    RunState *r = m->run;
    if (r->running) {
        if (m->accel) {
            accel_pause_all(m->accel);
        }
        clocks_set_running(m->clocks, false);
        /* Who sees the machine stopped may copy its disks, and no request fails after it. */
        drives_settle(m);
        r->running = false;
        run_tell_change(r);
    }
    run_set_phase(r, phase);
}

static void run_reset(Machine *m)
{
    RunState *r = m->run;
    if (r->running && m->accel) {
        accel_pause_all(m->accel);
    }
    hooks_call(r->resets);
    if (m->accel) {
        accel_reset_all(m->accel);
    }
    loader_set_cpu_entries(m->loader);
    if (r->running && m->accel) {
        accel_resume_all(m->accel);
    }
}

/* --- events --- */

typedef struct Event {
    Machine *m;
    const char *name;
    char *data;
} Event;

static void event_tell(void *opaque)
{
    Event *e = opaque;

    if (e->m->qmp) {
        qmp_event(e->m->qmp, e->name, e->data);
    }
    g_free(e->data);
    g_free(e);
}

void machine_event(Machine *m, const char *name, const char *data, ...)
{
    va_list ap;

    if (!m || !m->qmp) {
        return;
    }
    Event *e = g_new0(Event, 1);
    e->m = m;
    e->name = name;
    if (data) {
        GString *s = g_string_new(NULL);

        va_start(ap, data);
        json_add_va(s, data, ap);
        va_end(ap);
        e->data = g_string_free(s, FALSE);
    }
    if (mainloop_in_thread(m->loop)) {
        event_tell(e);
    } else {
        mainloop_post(m->loop, event_tell, e);
    }
}

/* Why the machine ends or begins anew. */
static void event_cause(Machine *m, const char *name, ShutdownCause cause)
{
    static const char *const reasons[] = {
        [SHUTDOWN_NONE] = "host-error",
        [SHUTDOWN_HOST_ERROR] = "host-error",
        [SHUTDOWN_HOST_QUIT] = "host-qmp-quit",
        [SHUTDOWN_HOST_SIGNAL] = "host-signal",
        [SHUTDOWN_HOST_RESET] = "host-qmp-system-reset",
        [SHUTDOWN_GUEST_POWEROFF] = "guest-shutdown",
        [SHUTDOWN_GUEST_RESET] = "guest-reset",
        [SHUTDOWN_GUEST_PANIC] = "guest-panic",
    };

    machine_event(m, name, "{'guest': %b, 'reason': %s}", cause >= SHUTDOWN_GUEST_POWEROFF,
                  reasons[cause]);
}

/* --- requests -------------------------------------------------------------------------------- */

static void run_look_posted(void *opaque);

static void run_post_locked(Machine *m)
{
    if (!m->run->req.posted) {
        m->run->req.posted = true;
        mainloop_post(m->loop, run_look_posted, m);
    }
}

static void run_request_shutdown_locked(Machine *m, ShutdownCause cause, int exit_code)
{
    RunRequests *q = &m->run->req;
    /* What the user asks for is never held back by what the guest asked for. */
    if (q->shutdown == SHUTDOWN_NONE || q->shutdown >= SHUTDOWN_GUEST_POWEROFF) {
        q->shutdown = cause;
        q->shutdown_code = exit_code;
    }
    run_post_locked(m);
}

void machine_request_shutdown(Machine *m, ShutdownCause cause, int exit_code)
{
    g_mutex_lock(&m->run->lock);
    run_request_shutdown_locked(m, cause, exit_code);
    g_mutex_unlock(&m->run->lock);
}

void machine_request_reset(Machine *m, ShutdownCause cause)
{
    RunState *r = m->run;
    g_mutex_lock(&r->lock);
    if (r->actions.reboot == REBOOT_SHUTDOWN && cause >= SHUTDOWN_GUEST_POWEROFF) {
        run_request_shutdown_locked(m, cause, 0);
    } else {
        r->req.reset = true;
        r->req.reset_cause = cause;
        run_post_locked(m);
    }
    g_mutex_unlock(&r->lock);
}

void machine_request_powerdown(Machine *m)
{
    g_mutex_lock(&m->run->lock);
    m->run->req.powerdown = true;
    run_post_locked(m);
    g_mutex_unlock(&m->run->lock);
}

void machine_request_stop(Machine *m, RunPhase phase)
{
    RunState *r = m->run;
    g_mutex_lock(&r->lock);
    r->req.stop = true;
    r->req.cont = false;
    r->req.stop_phase = phase;
    run_post_locked(m);
    g_mutex_unlock(&r->lock);
}

void machine_request_cont(Machine *m)
{
    RunState *r = m->run;
    g_mutex_lock(&r->lock);
    r->req.cont = true;
    r->req.stop = false;
    run_post_locked(m);
    g_mutex_unlock(&r->lock);
}

void machine_guest_panicked(Machine *m)
{
    static const char *const names[] = {[PANIC_SHUTDOWN] = "poweroff",
                                        [PANIC_PAUSE] = "pause",
                                        [PANIC_EXIT_FAILURE] = "poweroff",
                                        [PANIC_NONE] = "run"};

    int action = machine_actions(m).panic;

    machine_event(m, "GUEST_PANICKED", "{'action': %s}", names[action]);
    switch (action) {
    case PANIC_SHUTDOWN:
        machine_request_shutdown(m, SHUTDOWN_GUEST_PANIC, 0);
        break;
    case PANIC_EXIT_FAILURE:
        machine_request_shutdown(m, SHUTDOWN_GUEST_PANIC, 1);
        break;
    case PANIC_PAUSE:
        machine_request_stop(m, RUN_GUEST_PANICKED);
        break;
    case PANIC_NONE:
        break;
    }
}

void machine_watchdog_expired(Machine *m)
{
    static const char *const names[] = {
        [WATCHDOG_RESET] = "reset",       [WATCHDOG_SHUTDOWN] = "shutdown",
        [WATCHDOG_POWEROFF] = "poweroff", [WATCHDOG_INJECT_NMI] = "inject-nmi",
        [WATCHDOG_PAUSE] = "pause",       [WATCHDOG_DEBUG] = "debug",
        [WATCHDOG_NONE] = "none"};

    int action = machine_actions(m).watchdog;

    machine_event(m, "WATCHDOG", "{'action': %s}", names[action]);
    switch (action) {
    case WATCHDOG_RESET:
        machine_request_reset(m, SHUTDOWN_GUEST_RESET);
        break;
    case WATCHDOG_SHUTDOWN:
        machine_request_powerdown(m);
        break;
    case WATCHDOG_POWEROFF:
        machine_request_shutdown(m, SHUTDOWN_HOST_ERROR, 0);
        break;
    case WATCHDOG_PAUSE:
        machine_request_stop(m, RUN_WATCHDOG);
        break;
    case WATCHDOG_INJECT_NMI: /* main refuses it: no target has one yet */
    case WATCHDOG_NONE:
        break;
    case WATCHDOG_DEBUG:
        rhea_warn_report("watchdog: timer fired");
        break;
    }
}

static void run_look(void *opaque)
{
    Machine *m = opaque;
    RunState *r = m->run;
    g_mutex_lock(&r->lock);
    RunRequests w = r->req;
    r->req = (RunRequests){0};
    g_mutex_unlock(&r->lock);
    if (w.shutdown != SHUTDOWN_NONE) {
        bool pause =
            w.shutdown >= SHUTDOWN_GUEST_POWEROFF && machine_actions(m).shutdown == SHUTDOWN_PAUSE;
        event_cause(m, "SHUTDOWN", w.shutdown);
        run_stop(m, RUN_SHUTDOWN);
        if (!pause) {
            r->exit_code = w.shutdown_code;
            r->end = w.shutdown;
            mainloop_quit(m->loop);
            return;
        }
    }
    if (w.reset) {
        run_reset(m);
        event_cause(m, "RESET", w.reset_cause);
        if (machine_phase(m) == RUN_SHUTDOWN || machine_phase(m) == RUN_GUEST_PANICKED) {
            run_set_phase(r, RUN_PAUSED);
        }
    }
    if (w.powerdown) {
        machine_event(m, "POWERDOWN", NULL);
        hooks_call(r->powerdowns);
    }
    if (w.stop) {
        run_stop(m, w.stop_phase);
    }
    if (w.cont) {
        drive_errors_forget(m);
        run_start(m);
    }
}

static void run_look_posted(void *opaque)
{
    Machine *m = opaque;

    g_mutex_lock(&m->run->lock);
    bool stale = m->run->stale != 0;
    m->run->stale -= stale;
    g_mutex_unlock(&m->run->lock);
    if (!stale) {
        run_look(m);
    }
}

/* What was posted meanwhile, an event before its stop for one, comes before the next look. */
void machine_settle(Machine *m)
{
    g_mutex_lock(&m->run->lock);
    m->run->stale += m->run->req.posted;
    g_mutex_unlock(&m->run->lock);
    run_look(m);
}

ShutdownCause machine_end(const Machine *m)
{
    return m->run->end;
}

int machine_run(Machine *m, bool paused)
{
    run_reset(m);
    if (m->accel) {
        accel_start(m->accel);
    }
    if (!paused) {
        run_start(m);
    }
    mainloop_run(m->loop);
    if (m->accel) {
        accel_stop(m->accel);
    }
    return m->run->exit_code;
}

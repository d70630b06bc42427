/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * vCPU threads: one for each vCPU, or one for all (thread=single, -icount, lock-step).
 *
 * A thread is "running" while it is inside tcg_exec() or about to enter it; Accel.running counts
 * them under Accel.lock. Pausing and exclusive sections wait for that count to fall. A vCPU that
 * waits for an interrupt sleeps on its own futex and is not running. A vCPU with a thread of
 * its own runs the timers that it armed (timers_keep()) when it is running: the main loop has no
 * part in them.
 *
 * -icount: virtual time = (instructions executed << shift) + what was skipped while all vCPUs
 * slept. vCPUs take turns of a fixed number of instructions or up to the next timer, whichever is
 * less, and timers fire in this thread between turns, so that a run depends on nothing but the
 * guest.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "accel/tcg/internal.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/timer.h"

#define SLICE_INSNS 200000

void accel_options_default(AccelOptions *o)
{
    *o = (AccelOptions){
        .engine = ACCEL_JIT,
        .cache_size = 40ull << 20,
        .cache_most = 1ull << 30,
        .superblocks = true,
        .opt_passes = TCG_OPT_ALL,
        .icount_shift = -1,
        .icount_sleep = true,
    };
}

static void code_written(void *opaque, RamBlock *b, uint64_t offset, uint64_t len)
{
    units_invalidate(opaque, b->start + offset, len);
}

static void flush_work(CPU *cpu, void *data)
{
    tlb_flush_all(cpu);
}

static void map_changed(void *opaque, AddressSpace *as)
{
    Accel *a = opaque;

    for (unsigned i = 0; i < a->n_cpus; i++) {
        if (a->cpus[i]->as == as) {
            cpu_run_on(a->cpus[i], flush_work, NULL);
        }
    }
}

static int64_t icount_clock(void *opaque)
{
    return accel_icount_ns(opaque);
}

static void icount_kick(void *opaque)
{
    accel_timer_changed(opaque);
}

Accel *accel_new(const AccelOptions *o, MemSystem *ms, Clocks *clocks, GError **err)
{
    Accel *a = g_new0(Accel, 1);

    a->opt = *o;
    if (o->icount_shift >= 0 || o->check) {
        a->opt.single_thread = true;
    }
    a->ms = ms;
    a->clocks = clocks;
    a->next_gen = 1;
    a->paused = true;
#if defined(__x86_64__)
    a->host = &tcg_host_x86_64;
#else
    if (a->opt.check) {
        rhea_error_set(err, "check=on needs a host with a code generator");
        g_free(a);
        return NULL;
    }
    a->opt.engine = ACCEL_INTERP;
#endif
    if (!saved_init(a, err)) {
        g_free(a);
        return NULL;
    }
    if (!perf_init(a, err)) {
        saved_free(a);
        g_free(a);
        return NULL;
    }
    if (!units_init(a, err)) {
        perf_free(a);
        saved_free(a);
        g_free(a);
        return NULL;
    }
    g_mutex_init(&a->lock);
    g_cond_init(&a->cond);
    memory_set_code_hook(ms, code_written, a);
    memory_add_listener(ms, &(MemListener){.changed = map_changed, .opaque = a});
    if (o->icount_shift >= 0 && clocks) {
        clocks_set_icount(clocks, icount_clock, icount_kick, a);
    }
    a->host_options = (TcgHostOptions){
        .icount = a->opt.single_thread, .check = a->opt.check, .relocatable = a->saved.dir >= 0};
    return a;
}

CPU *accel_cpu_new(Accel *a, const TargetDesc *target, AddressSpace *as, void *model)
{
    CPU *cpu = g_new0(CPU, 1);
    TcgCpu *tc = g_new0(TcgCpu, 1);
    size_t env_size = (target->env_size + 63) & ~(size_t)63;

    if (a->n_cpus == 0 && a->opt.engine == ACCEL_JIT) {
        size_t used = a->host->emit_thunks(a->cache.rw, a->cache.rx, CHUNK_SIZE, &a->host_options,
                                           target, &a->thunks);
        if (used == 0 || used > CHUNK_SIZE) {
            g_error("thunks do not fit");
        }
        perf_name_thunks(a, a->cache.rx, used);
    }
    cpu->index = a->n_cpus;
    cpu->target = target;
    cpu->as = as;
    cpu->model = model;
    cpu->tcg = tc;
    cpu->env = aligned_alloc(64, env_size);
    memset(cpu->env, 0, env_size);
    cpu->env->cpu = cpu;
    cpu->env->mxcsr = cpu->env->host_mxcsr = 0x1f80;
    cpu->env->icount_left = TCG_COUNT_START;
    cpu->env->jump_cache = mmap(NULL, sizeof(JumpCacheEntry) << JUMP_CACHE_BITS,
                                PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (cpu->env->jump_cache == MAP_FAILED) {
        g_error("out of memory for vCPU %u", cpu->index);
    }
    tc->accel = a;
    tc->env = cpu->env;
    tc->excp = -1;
    tc->epoch = EPOCH_OUTSIDE;
    tc->builder = tcg_builder_new();
    tcg_builder_set_passes(tc->builder, a->opt.opt_passes | (a->opt.check ? TCG_OPT_VERIFY : 0));
    tc->ir = tcg_unit_new(target->cells, target->ncells);
    tc->copies = g_malloc(2 * TLB_PAGE_SIZE);
    tc->interp = tcg_interp_new();
    if (a->opt.engine == ACCEL_JIT) {
        tc->scratch = a->host->scratch_new();
    }
    tlb_init(cpu);
    a->cpus = g_renew(CPU *, a->cpus, a->n_cpus + 1);
    a->cpus[a->n_cpus++] = cpu;
    return cpu;
}

static void cpu_free(Accel *a, CPU *cpu)
{
    TcgCpu *tc = cpu->tcg;

    check_free(cpu);
    tlb_destroy(cpu);
    tcg_builder_free(tc->builder);
    tcg_unit_free(tc->ir);
    g_free(tc->copies);
    tcg_interp_free(tc->interp);
    if (tc->scratch) {
        a->host->scratch_free(tc->scratch);
    }
    saved_window_free(&tc->window);
    munmap(cpu->env->jump_cache, sizeof(JumpCacheEntry) << JUMP_CACHE_BITS);
    free(cpu->env);
    g_free(tc);
    g_free(cpu);
}

void accel_free(Accel *a)
{
    saved_free(a);
    perf_free(a);
    units_free(a);
    for (unsigned i = 0; i < a->n_cpus; i++) {
        cpu_free(a, a->cpus[i]);
    }
    g_free(a->cpus);
    g_free(a->thunks);
    g_mutex_clear(&a->lock);
    g_cond_clear(&a->cond);
    g_free(a);
}

unsigned accel_cpu_count(const Accel *a)
{
    return a->n_cpus;
}

CPU *accel_cpu(const Accel *a, unsigned index)
{
    return index < a->n_cpus ? a->cpus[index] : NULL;
}

bool accel_uses_icount(const Accel *a)
{
    return a->opt.icount_shift >= 0;
}

CPU *cpu_peer(CPU *cpu, unsigned index)
{
    return accel_cpu(cpu->tcg->accel, index);
}

/* ---- requests from any thread ---- */

static void request(CPU *cpu, uint32_t bits)
{
    __atomic_fetch_or(&cpu->interrupts, bits, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->tcg->env->exit_request, 1, __ATOMIC_SEQ_CST);
}

static void wake(TcgCpu *tc)
{
    /* Pairs with the sleeper's store of `sleeping` before its last look at the interrupts. */
    if (__atomic_load_n(&tc->sleeping, __ATOMIC_SEQ_CST) &&
        __atomic_exchange_n(&tc->sleeping, 0, __ATOMIC_SEQ_CST)) {
        syscall(SYS_futex, &tc->sleeping, FUTEX_WAKE_PRIVATE, 1);
    }
}

void cpu_kick(CPU *cpu, uint32_t bits)
{
    TcgCpu *tc = cpu->tcg;

    request(cpu, bits);
    wake(tc);
    if (tc->accel->opt.single_thread) {
        /* The one thread sleeps on the first vCPU's futex. */
        wake(tc->accel->cpus[0]->tcg);
    }
}

void cpu_set_line(CPU *cpu, unsigned line, bool level)
{
    if (level) {
        cpu_kick(cpu, 1u << line);
    } else {
        __atomic_fetch_and(&cpu->interrupts, ~(1u << line), __ATOMIC_SEQ_CST);
    }
}

static void queue_work(CPU *cpu, void (*fn)(CPU *cpu, void *data), void *data)
{
    WorkItem *w = g_new(WorkItem, 1);
    TcgCpu *tc = cpu->tcg;

    w->fn = fn;
    w->data = data;
    w->next = __atomic_load_n(&tc->work, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&tc->work, &w->next, w, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
}

void cpu_run_on(CPU *cpu, void (*fn)(CPU *cpu, void *data), void *data)
{
    queue_work(cpu, fn, data);
    cpu_kick(cpu, CPU_INT_WORK);
}

void cpu_run_later(CPU *cpu, void (*fn)(CPU *cpu, void *data), void *data)
{
    queue_work(cpu, fn, data);
    request(cpu, CPU_INT_WORK);
}

bool cpu_sleeps(const CPU *cpu)
{
    /* Pairs with the sleeper's store when it wakes, behind which it looks at its requests. */
    return cpu->tcg->accel->opt.single_thread ||
           __atomic_load_n(&cpu->tcg->sleeping, __ATOMIC_SEQ_CST);
}

static void run_work(CPU *cpu)
{
    WorkItem *w = __atomic_exchange_n(&cpu->tcg->work, NULL, __ATOMIC_SEQ_CST);
    WorkItem *in_order = NULL;

    while (w) {
        WorkItem *next = w->next;
        w->next = in_order;
        in_order = w;
        w = next;
    }
    while (in_order) {
        WorkItem *next = in_order->next;
        in_order->fn(cpu, in_order->data);
        g_free(in_order);
        in_order = next;
    }
}

/* A wait of a few rounds is shorter than a call of the host. Who is the only one to run waits for
 * time to pass, not for another thread: on a busy host it would not come back for long. */
void cpu_spin(CPU *cpu)
{
    const Accel *a = cpu->tcg->accel;

    if (a->n_cpus > 1 && !a->opt.single_thread && ++cpu->tcg->spins % 16 == 0) {
        sched_yield();
    }
}

/* ---- running, pausing, being alone ---- */

static void kick_all(Accel *a, const CPU *except)
{
    for (unsigned i = 0; i < a->n_cpus; i++) {
        if (a->cpus[i] != except) {
            cpu_kick(a->cpus[i], CPU_INT_PAUSE);
        }
    }
}

/*
 * Wait until this thread, which runs `cpu` (NULL: all of them), may run, then count it as running.
 * False: the program ends. A request to pause is answered here and nowhere else, under the lock
 * that it is made under: one that comes later finds the thread running and must stay pending until
 * the thread is back.
 */
static bool run_begin(Accel *a, CPU *cpu)
{
    g_mutex_lock(&a->lock);
    while (!a->exiting && (a->paused || a->exclusive)) {
        g_cond_wait(&a->cond, &a->lock);
    }
    bool go = !a->exiting;
    if (go) {
        a->running++;
        for (unsigned i = cpu ? cpu->index : 0; i < (cpu ? cpu->index + 1 : a->n_cpus); i++) {
            __atomic_fetch_and(&a->cpus[i]->interrupts, ~CPU_INT_PAUSE, __ATOMIC_SEQ_CST);
        }
    }
    g_mutex_unlock(&a->lock);
    return go;
}

static void run_end(Accel *a)
{
    g_mutex_lock(&a->lock);
    a->running--;
    if (a->paused || a->exclusive) {
        g_cond_broadcast(&a->cond); /* who waits for the count to fall */
    }
    g_mutex_unlock(&a->lock);
}

void exclusive_begin(CPU *cpu)
{
    Accel *a = cpu->tcg->accel;

    g_mutex_lock(&a->lock);
    a->running--;
    g_cond_broadcast(&a->cond);
    while (a->exclusive || a->paused) {
        g_cond_wait(&a->cond, &a->lock);
    }
    a->exclusive = cpu;
    if (a->opt.single_thread) {
        g_mutex_unlock(&a->lock);
        return;
    }
    kick_all(a, cpu);
    while (a->running > 0) {
        g_cond_wait(&a->cond, &a->lock);
    }
    g_mutex_unlock(&a->lock);
}

void exclusive_end(CPU *cpu)
{
    Accel *a = cpu->tcg->accel;

    g_mutex_lock(&a->lock);
    a->exclusive = NULL;
    a->running++;
    g_cond_broadcast(&a->cond);
    g_mutex_unlock(&a->lock);
}

void accel_pause_all(Accel *a)
{
    g_mutex_lock(&a->lock);
    a->paused = true;
    kick_all(a, NULL);
    while (a->running > 0 || a->exclusive) {
        g_cond_wait(&a->cond, &a->lock);
    }
    g_mutex_unlock(&a->lock);
}

void accel_resume_all(Accel *a)
{
    g_mutex_lock(&a->lock);
    a->paused = false;
    g_cond_broadcast(&a->cond);
    g_mutex_unlock(&a->lock);
    kick_all(a, NULL);
}

void accel_reset_all(Accel *a)
{
    for (unsigned i = 0; i < a->n_cpus; i++) {
        CPU *cpu = a->cpus[i];
        cpu->halted = false;
        cpu->target->reset(cpu);
        tlb_flush_all(cpu);
    }
}

/* The requests that are the thread's own business. */
static void serve_requests(CPU *cpu)
{
    if ((__atomic_fetch_and(&cpu->interrupts, ~CPU_INT_TIMER, __ATOMIC_SEQ_CST) & CPU_INT_TIMER) &&
        cpu->tcg->keeps_timers) {
        timers_run_kept(&cpu->tcg->keeper);
    }
    /* What timers ask of this vCPU is done here as well. */
    __atomic_fetch_and(&cpu->interrupts, ~CPU_INT_WORK, __ATOMIC_SEQ_CST);
    run_work(cpu);
}

static bool cpu_can_run(CPU *cpu)
{
    if (cpu->stopped) {
        return false;
    }
    if (cpu->halted && cpu->target->has_work(cpu)) {
        cpu->halted = false;
    }
    return !cpu->halted;
}

static bool requests_pending(CPU *cpu)
{
    return __atomic_load_n(&cpu->interrupts, __ATOMIC_SEQ_CST) & ~0xffffu;
}

/* Sleep until someone kicks, or until a time in ns of CLOCK_MONOTONIC; INT64_MAX: none. */
static void sleep_on(CPU *cpu, bool (*awake)(Accel *a, CPU *cpu), int64_t until)
{
    TcgCpu *tc = cpu->tcg;
    const struct timespec ts = {until / NS_PER_SEC, until % NS_PER_SEC};
    bool late = false;

    cache_idle(tc->accel);
    for (;;) {
        __atomic_store_n(&tc->sleeping, 1, __ATOMIC_SEQ_CST);
        if (awake(tc->accel, cpu) || late) {
            break;
        }
        late = syscall(SYS_futex, &tc->sleeping, FUTEX_WAIT_BITSET_PRIVATE, 1,
                       until == INT64_MAX ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY) < 0 &&
               errno == ETIMEDOUT;
    }
    __atomic_store_n(&tc->sleeping, 0, __ATOMIC_SEQ_CST);
}

static bool one_awake(Accel *a, CPU *cpu)
{
    return requests_pending(cpu) || (!cpu->stopped && cpu->target->has_work(cpu));
}

/* In a signal handler of the vCPU's thread. */
static void timer_due(void *opaque)
{
    CPU *cpu = opaque;

    request(cpu, CPU_INT_TIMER);
    __atomic_store_n(&cpu->tcg->sleeping, 0, __ATOMIC_SEQ_CST);
}

static void *cpu_thread(void *opaque)
{
    CPU *cpu = opaque;
    TcgCpu *tc = cpu->tcg;
    Accel *a = tc->accel;

    tc->keeps_timers = a->clocks && timers_keep(&tc->keeper, a->clocks, timer_due, cpu);
    while (run_begin(a, cpu)) {
        serve_requests(cpu);
        if (cpu_can_run(cpu)) {
            tcg_exec(cpu);
        }
        run_end(a);
        if (!requests_pending(cpu) && !cpu_can_run(cpu)) {
            sleep_on(cpu, one_awake, INT64_MAX);
        }
    }
    if (tc->keeps_timers) {
        timers_unkeep(&tc->keeper);
    }
    return NULL;
}

static bool any_awake(Accel *a, CPU *unused)
{
    for (unsigned i = 0; i < a->n_cpus; i++) {
        if (one_awake(a, a->cpus[i])) {
            return true;
        }
    }
    return false;
}

/* Instructions until the next timer, at most one slice. */
static int64_t slice_budget(Accel *a)
{
    if (a->opt.icount_shift < 0) {
        return SLICE_INSNS;
    }
    int64_t deadline = timer_next_deadline_ns(a->clocks);
    if (deadline == INT64_MAX) {
        return SLICE_INSNS;
    }
    int64_t ns = deadline - accel_icount_ns(a);
    int64_t n = (ns + ((int64_t)1 << a->opt.icount_shift) - 1) >> a->opt.icount_shift;
    return CLAMP(n, 1, SLICE_INSNS);
}

static void run_slice(Accel *a, CPU *cpu)
{
    int64_t budget = slice_budget(a);
    int64_t done;

    a->icount_slice = budget;
    cpu->env->icount_left = budget;
    __atomic_store_n(&a->icount_cpu, cpu, __ATOMIC_RELEASE);
    tcg_exec(cpu);
    done = budget - cpu->env->icount_left;
    __atomic_store_n(&a->icount_cpu, NULL, __ATOMIC_RELEASE);
    /* A unit longer than what is left ends a slice early; the rest passes without instructions, so
     * that the timer that limited the slice is due. */
    if (a->opt.icount_shift >= 0 && done == 0 && cpu_can_run(cpu) && !requests_pending(cpu)) {
        a->icount_warp += budget << a->opt.icount_shift;
    }
    __atomic_fetch_add(&a->icount_done, done, __ATOMIC_SEQ_CST);
    cpu->tcg->insns += done;
}

/* All vCPUs wait for interrupts: let virtual time jump to the next timer. */
static void icount_idle(Accel *a)
{
    int64_t deadline = timer_next_deadline_ns(a->clocks);
    int64_t now = accel_icount_ns(a);
    CPU *cpu = a->cpus[0];

    if (deadline == INT64_MAX) {
        sleep_on(cpu, any_awake, INT64_MAX);
        return;
    }
    if (deadline > now) {
        if (a->opt.icount_sleep) {
            sleep_on(cpu, any_awake,
                     clock_get_ns(a->clocks, CLK_REALTIME) + MIN(deadline - now, INT64_MAX / 2));
            if (any_awake(a, NULL)) {
                return;
            }
        }
        __atomic_fetch_add(&a->icount_warp, deadline - now, __ATOMIC_SEQ_CST);
    }
}

static void *single_thread(void *opaque)
{
    Accel *a = opaque;

    while (run_begin(a, NULL)) {
        bool ran = false, requests = false;
        if (a->opt.icount_shift >= 0) {
            timers_run_virtual(a->clocks);
        }
        for (unsigned i = 0; i < a->n_cpus && !a->paused; i++) {
            CPU *cpu = a->cpus[i];
            serve_requests(cpu);
            if (cpu_can_run(cpu)) {
                run_slice(a, cpu);
                ran = true;
            }
            requests |= requests_pending(cpu);
        }
        run_end(a);
        if (!ran && !requests) {
            if (a->opt.icount_shift >= 0) {
                icount_idle(a);
            } else {
                sleep_on(a->cpus[0], any_awake, INT64_MAX);
            }
        }
    }
    return NULL;
}

void accel_start(Accel *a)
{
    a->started = true;
    saved_start(a);
    region_start(a);
    if (a->opt.single_thread) {
        a->single = g_thread_new("CPU 0/TCG", single_thread, a);
        return;
    }
    for (unsigned i = 0; i < a->n_cpus; i++) {
        g_autofree char *name = g_strdup_printf("CPU %u/TCG", i);
        a->cpus[i]->tcg->thread = g_thread_new(name, cpu_thread, a->cpus[i]);
    }
}

void accel_stop(Accel *a)
{
    if (!a->started) {
        return;
    }
    g_mutex_lock(&a->lock);
    a->exiting = true;
    g_cond_broadcast(&a->cond);
    g_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->n_cpus; i++) {
        cpu_kick(a->cpus[i], CPU_INT_EXIT);
    }
    if (a->single) {
        g_thread_join(a->single);
    }
    for (unsigned i = 0; i < a->n_cpus; i++) {
        if (a->cpus[i]->tcg->thread) {
            g_thread_join(a->cpus[i]->tcg->thread);
        }
    }
    a->started = false;
    region_stop(a);
    saved_finish(a);
}

/* ---- time ---- */

int64_t accel_icount_ns(Accel *a)
{
    CPU *cpu = __atomic_load_n(&a->icount_cpu, __ATOMIC_ACQUIRE);
    int64_t n = __atomic_load_n(&a->icount_done, __ATOMIC_SEQ_CST);

    if (cpu) {
        n += a->icount_slice - __atomic_load_n(&cpu->env->icount_left, __ATOMIC_RELAXED);
    }
    return (n << MAX(a->opt.icount_shift, 0)) + __atomic_load_n(&a->icount_warp, __ATOMIC_SEQ_CST);
}

void accel_timer_changed(Accel *a)
{
    CPU *cpu = __atomic_load_n(&a->icount_cpu, __ATOMIC_ACQUIRE);

    if (a->n_cpus) {
        cpu_kick(cpu ? cpu : a->cpus[0], CPU_INT_TIMER);
    }
}

void accel_print_stats(Accel *a, FILE *f)
{
    size_t used = 0;

    for (unsigned i = 1; i < a->cache.n_chunks; i++) {
        used += a->cache.chunks[i].used;
    }
    fprintf(f, "units translated    %" PRIu64 "\n", a->stat_units);
    if (a->sampler) {
        fprintf(f, "regions             %" PRIu64 "\n", a->stat_regions);
    }
    if (a->saved.dir >= 0) {
        fprintf(f, "units loaded        %" PRIu64 "\n", a->stat_loaded);
    }
    fprintf(f, "code cache          %zu of %zu KiB\n", used >> 10,
            a->cache.limit * CHUNK_SIZE >> 10);
    fprintf(f, "chunks retired      %" PRIu64 " of %zu KiB, %u when alone\n", a->cache.retirements,
            CHUNK_SIZE >> 10, a->cache.emptied);
    if (a->opt.check) {
        fprintf(f, "units checked       %" PRIu64 "\n", a->stat_checked);
        fprintf(f, "units not checked   %" PRIu64 "\n", a->stat_unchecked);
    }
    if (a->opt.single_thread) {
        fprintf(f, "instructions        %" PRId64 "\n", a->icount_done);
    }
}

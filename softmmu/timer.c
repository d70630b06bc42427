/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Clocks and timers (include/softmmu/timer.h).
 *
 * One binary heap a clock, under the clock's mutex. Who armed a timer waits for it: the main loop
 * with one timerfd a clock, a keeper (a vCPU thread) with a timer of the host that signals it,
 * whether it runs or sleeps. To arm one costs one system call and wakes nobody. The host's timer is
 * left alone when the deadline becomes later, and the spurious expiry arms it anew. Who wakes runs
 * all that is due.
 *
 * Invariants: heap[i]->heap_slot == i + 1; while the clock runs and is not driven by -icount, and
 * no batch is in progress, armed <= the earliest deadline of those timers for the main loop and
 * each keeper.
 *
 * CLK_VIRTUAL = monotonic - origin while it runs, `frozen` while it does not; read without a lock
 * under a sequence counter.
 *
 * Test: tests/unit/test-timer.c, tests/unit/test-vcpu-timer.c
 */
#include "softmmu/timer.h"
#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

typedef struct ClockHeap {
    Clocks *clocks;
    ClockType type;
    GMutex lock;
    GCond batch_done;       /* a callback returned */
    unsigned batch_waiters; /* who waits for that */
    Timer **heap;
    unsigned count, capacity;
    uint64_t next_seq;
    Timer *running;  /* whose callback is running now */
    GThread *runner; /* in which thread; NULL: no batch */
    int fd;          /* -1 until the first timer is armed */
    int64_t armed;   /* in the clock's time; INT64_MAX: not armed */
    bool missed;     /* it expired while another thread ran a batch */
    guint source;
    TimerKeeper *keepers;
    _Atomic int64_t next; /* earliest deadline, INT64_MAX: none */
} ClockHeap;

struct Clocks {
    GMainContext *ctx;
    ClockHeap heaps[CLK_COUNT];
    atomic_uint virt_seq; /* odd: being changed */
    atomic_bool virt_running;
    _Atomic int64_t virt_origin, virt_frozen;
    int64_t (*icount_get)(void *opaque);
    void (*icount_kick)(void *opaque);
    void *icount_opaque;
};

static __thread TimerKeeper *own_keeper;

static int64_t host_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static int64_t virtual_ns(Clocks *c)
{
    for (;;) {
        unsigned seq = atomic_load_explicit(&c->virt_seq, memory_order_acquire);
        bool running = atomic_load_explicit(&c->virt_running, memory_order_relaxed);
        int64_t origin = atomic_load_explicit(&c->virt_origin, memory_order_relaxed);
        int64_t frozen = atomic_load_explicit(&c->virt_frozen, memory_order_relaxed);
        int64_t now = running ? host_ns(CLOCK_MONOTONIC) - origin : frozen;
        atomic_thread_fence(memory_order_acquire);
        if (!(seq & 1) && atomic_load_explicit(&c->virt_seq, memory_order_relaxed) == seq) {
            return now;
        }
    }
}

int64_t clock_get_ns(Clocks *c, ClockType type)
{
    switch (type) {
    case CLK_VIRTUAL:
        return c->icount_get ? c->icount_get(c->icount_opaque) : virtual_ns(c);
    case CLK_HOST:
        return host_ns(CLOCK_REALTIME);
    default:
        return host_ns(CLOCK_MONOTONIC);
    }
}

/* --- heap ------------------------------------------------------------------------------------ */

static bool timer_before(const Timer *a, const Timer *b)
{
    return a->expire != b->expire ? a->expire < b->expire : a->seq < b->seq;
}

static void heap_place_locked(ClockHeap *h, unsigned i, Timer *t)
{
    h->heap[i] = t;
    t->heap_slot = i + 1;
}

static void heap_up_locked(ClockHeap *h, unsigned i, Timer *t)
{
    while (i && timer_before(t, h->heap[(i - 1) / 2])) {
        heap_place_locked(h, i, h->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_place_locked(h, i, t);
}

static void heap_down_locked(ClockHeap *h, unsigned i, Timer *t)
{
    for (unsigned child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && timer_before(h->heap[child + 1], h->heap[child])) {
            child++;
        }
        if (!timer_before(h->heap[child], t)) {
            break;
        }
        heap_place_locked(h, i, h->heap[child]);
    }
    heap_place_locked(h, i, t);
}

static void heap_remove_locked(ClockHeap *h, Timer *t)
{
    unsigned i = t->heap_slot - 1;
    Timer *last = h->heap[--h->count];
    t->heap_slot = 0;
    t->expire = -1;
    if (last != t) {
        heap_down_locked(h, i, last);
        heap_up_locked(h, last->heap_slot - 1, last);
    }
}

static void heap_insert_locked(ClockHeap *h, Timer *t)
{
    if (h->count == h->capacity) {
        h->capacity = h->capacity ? 2 * h->capacity : 16;
        h->heap = g_renew(Timer *, h->heap, h->capacity);
    }
    heap_up_locked(h, h->count++, t);
}

/* --- arming ---------------------------------------------------------------------------------- */

static bool heap_is_icount(const ClockHeap *h)
{
    return h->type == CLK_VIRTUAL && h->clocks->icount_get;
}

static gboolean clock_fd_ready(gint fd, GIOCondition cond, gpointer opaque);

/* Make the timer of the host of `k` (NULL: the timerfd) fire at a deadline if it would fire later
 * than that, or not at all. */
static void heap_arm_locked(ClockHeap *h, TimerKeeper *k, int64_t next)
{
    Clocks *c = h->clocks;
    if (next >= (k ? k->armed : h->armed) || heap_is_icount(h)) {
        return;
    }
    if (h->type == CLK_VIRTUAL && !atomic_load(&c->virt_running)) {
        return;
    }
    int flags = TFD_TIMER_ABSTIME;
    int64_t at = next;
    if (h->type == CLK_HOST) {
        flags |= TFD_TIMER_CANCEL_ON_SET;
    } else if (h->type == CLK_VIRTUAL &&
               __builtin_add_overflow(next, atomic_load(&c->virt_origin), &at)) {
        at = INT64_MAX;
    }
    /* An all-zero value would disarm it. */
    at = MAX(at, 1);
    struct itimerspec its = {.it_value = {at / NS_PER_SEC, at % NS_PER_SEC}};
    if (k) {
        k->armed = next;
        timer_settime(k->id, TIMER_ABSTIME, &its, NULL);
        return;
    }
    if (h->fd < 0) {
        h->fd = timerfd_create(h->type == CLK_HOST ? CLOCK_REALTIME : CLOCK_MONOTONIC,
                               TFD_CLOEXEC | TFD_NONBLOCK);
        if (h->fd < 0) {
            g_error("timerfd_create: %s", g_strerror(errno));
        }
        GSource *source = g_unix_fd_source_new(h->fd, G_IO_IN);
        g_source_set_callback(source, (GSourceFunc)(void (*)(void))clock_fd_ready, h, NULL);
        g_source_set_priority(source, G_PRIORITY_HIGH);
        /* Otherwise each dispatch takes the descriptor out of the poll set and wakes the loop. */
        g_source_set_can_recurse(source, TRUE);
        h->source = g_source_attach(source, c->ctx);
        g_source_unref(source);
    }
    h->armed = next;
    timerfd_settime(h->fd, flags, &its, NULL);
}

static void heap_rearm_locked(ClockHeap *h, TimerKeeper *k)
{
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < h->count; i++) {
        if (h->heap[i]->keeper == k) {
            next = MIN(next, h->heap[i]->expire);
        }
    }
    heap_arm_locked(h, k, next);
}

static void heap_rearm_all_locked(ClockHeap *h)
{
    heap_rearm_locked(h, NULL);
    for (TimerKeeper *k = h->keepers; k; k = k->next) {
        heap_rearm_locked(h, k);
    }
}

/* A keeper's timer of the host may still expire; nobody counts on it. */
static void heap_disarm_locked(ClockHeap *h)
{
    if (h->fd >= 0) {
        struct itimerspec its = {0};
        timerfd_settime(h->fd, 0, &its, NULL);
    }
    h->armed = INT64_MAX;
    for (TimerKeeper *k = h->keepers; k; k = k->next) {
        k->armed = INT64_MAX;
    }
}

/* The earliest deadline may have changed. True if icount mode must be told. */
static bool heap_changed_locked(ClockHeap *h)
{
    int64_t next = h->count ? h->heap[0]->expire : INT64_MAX;
    int64_t old = atomic_exchange(&h->next, next);
    return next < old && heap_is_icount(h) && h->clocks->icount_kick && !h->runner;
}

static void heap_unlock_and_kick(ClockHeap *h, bool kick)
{
    g_mutex_unlock(&h->lock);
    if (kick) {
        h->clocks->icount_kick(h->clocks->icount_opaque);
    }
}

/* --- running --------------------------------------------------------------------------------- */

/* Who waited is `k`, or NULL for the main loop. */
static bool heap_run(ClockHeap *h, TimerKeeper *k)
{
    Clocks *c = h->clocks;
    bool ran = false;
    g_mutex_lock(&h->lock);
    if (h->runner) {
        *(k ? &k->missed : &h->missed) = true;
        g_mutex_unlock(&h->lock);
        return false;
    }
    h->runner = g_thread_self();
    /* A callback that arms its timer for a past time gets its turn in the next batch: no
     * starvation. */
    int64_t now = clock_get_ns(c, h->type);
    uint64_t last_seq = h->next_seq;
    while (h->count && h->heap[0]->expire <= now && h->heap[0]->seq < last_seq) {
        if (h->type == CLK_VIRTUAL && !c->icount_get && !atomic_load(&c->virt_running)) {
            break;
        }
        Timer *t = h->heap[0];
        TimerFn *fn = t->fn;
        void *opaque = t->opaque;
        heap_remove_locked(h, t);
        h->running = t;
        g_mutex_unlock(&h->lock);
        fn(opaque);
        ran = true;
        g_mutex_lock(&h->lock);
        h->running = NULL;
        if (h->batch_waiters) {
            g_cond_broadcast(&h->batch_done);
        }
    }
    h->runner = NULL;
    heap_changed_locked(h);
    heap_rearm_locked(h, k);
    if (h->missed) {
        h->missed = false;
        heap_rearm_locked(h, NULL);
    }
    for (TimerKeeper *other = h->keepers; other; other = other->next) {
        if (other->missed) {
            other->missed = false;
            heap_rearm_locked(h, other);
        }
    }
    g_mutex_unlock(&h->lock);
    return ran;
}

static gboolean clock_fd_ready(gint fd, GIOCondition cond, gpointer opaque)
{
    ClockHeap *h = opaque;
    uint64_t expirations;
    g_mutex_lock(&h->lock);
    /* Fails with ECANCELED when the host's clock was set: the deadline is armed again. */
    if (read(fd, &expirations, sizeof(expirations)) >= 0 || errno == ECANCELED) {
        h->armed = INT64_MAX;
    }
    g_mutex_unlock(&h->lock);
    heap_run(h, NULL);
    return G_SOURCE_CONTINUE;
}

bool timers_run_virtual(Clocks *c)
{
    return heap_run(&c->heaps[CLK_VIRTUAL], NULL);
}

int64_t timer_next_deadline_ns(Clocks *c)
{
    return atomic_load_explicit(&c->heaps[CLK_VIRTUAL].next, memory_order_acquire);
}

/* --- keepers --------------------------------------------------------------------------------- */

static void keeper_signal(int number, siginfo_t *info, void *context)
{
    TimerKeeper *k = info->si_value.sival_ptr;
    if (info->si_code == SI_TIMER) {
        k->due(k->opaque);
    }
}

bool timers_keep(TimerKeeper *k, Clocks *c, void (*due)(void *opaque), void *opaque)
{
    ClockHeap *h = &c->heaps[CLK_VIRTUAL];
    int number = SIGRTMIN;
    struct sigaction act = {.sa_sigaction = keeper_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
                             .sigev_signo = number,
                             .sigev_value.sival_ptr = k,
                             ._sigev_un._tid = gettid()};
    sigset_t set;
    *k = (TimerKeeper){.clocks = c, .due = due, .opaque = opaque, .armed = INT64_MAX};
    sigaction(number, &act, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &k->id) < 0) {
        return false;
    }
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    g_mutex_lock(&h->lock);
    k->next = h->keepers;
    h->keepers = k;
    g_mutex_unlock(&h->lock);
    own_keeper = k;
    return true;
}

void timers_run_kept(TimerKeeper *k)
{
    ClockHeap *h = &k->clocks->heaps[CLK_VIRTUAL];
    g_mutex_lock(&h->lock);
    k->armed = INT64_MAX;
    g_mutex_unlock(&h->lock);
    heap_run(h, k);
}

void timers_unkeep(TimerKeeper *k)
{
    ClockHeap *h = &k->clocks->heaps[CLK_VIRTUAL];
    TimerKeeper **p = &h->keepers;
    own_keeper = NULL;
    g_mutex_lock(&h->lock);
    while (*p != k) {
        p = &(*p)->next;
    }
    *p = k->next;
    for (unsigned i = 0; i < h->count; i++) {
        if (h->heap[i]->keeper == k) {
            h->heap[i]->keeper = NULL;
        }
    }
    heap_rearm_locked(h, NULL);
    g_mutex_unlock(&h->lock);
    timer_delete(k->id);
}

/* --- timers ---------------------------------------------------------------------------------- */

static ClockHeap *timer_heap(const Timer *t)
{
    return &t->clocks->heaps[t->type];
}

void timer_init(Timer *t, Clocks *clocks, ClockType type, TimerFn *fn, void *opaque)
{
    *t = (Timer){.clocks = clocks, .fn = fn, .opaque = opaque, .expire = -1, .type = type};
}

void timer_mod(Timer *t, int64_t expire_ns)
{
    ClockHeap *h = timer_heap(t);
    g_mutex_lock(&h->lock);
    if (t->heap_slot) {
        heap_remove_locked(h, t);
    }
    if (expire_ns != INT64_MAX) {
        t->expire = MAX(expire_ns, 0);
        t->seq = h->next_seq++;
        t->keeper = own_keeper && own_keeper->clocks == h->clocks && h->type == CLK_VIRTUAL
                        ? own_keeper
                        : NULL;
        heap_insert_locked(h, t);
        /* The end of a batch arms what its callbacks left. */
        if (h->runner != g_thread_self()) {
            heap_arm_locked(h, t->keeper, t->expire);
        }
    }
    heap_unlock_and_kick(h, heap_changed_locked(h));
}

static void timer_del_locked(ClockHeap *h, Timer *t)
{
    if (t->heap_slot) {
        heap_remove_locked(h, t);
        heap_changed_locked(h);
    }
}

void timer_del(Timer *t)
{
    ClockHeap *h = timer_heap(t);
    g_mutex_lock(&h->lock);
    timer_del_locked(h, t);
    g_mutex_unlock(&h->lock);
}

void timer_del_sync(Timer *t)
{
    ClockHeap *h = timer_heap(t);
    g_mutex_lock(&h->lock);
    timer_del_locked(h, t);
    while (h->running == t && h->runner != g_thread_self()) {
        h->batch_waiters++;
        g_cond_wait(&h->batch_done, &h->lock);
        h->batch_waiters--;
        /* The callback may have armed it again. */
        timer_del_locked(h, t);
    }
    g_mutex_unlock(&h->lock);
}

int64_t timer_expire_ns(const Timer *t)
{
    ClockHeap *h = timer_heap(t);
    g_mutex_lock(&h->lock);
    int64_t expire = t->heap_slot ? t->expire : -1;
    g_mutex_unlock(&h->lock);
    return expire;
}

bool timer_pending(const Timer *t)
{
    return timer_expire_ns(t) >= 0;
}

/* --- the set of clocks ----------------------------------------------------------------------- */

Clocks *clocks_new(GMainContext *ctx)
{
    Clocks *c = g_new0(Clocks, 1);
    c->ctx = g_main_context_ref(ctx);
    for (int i = 0; i < CLK_COUNT; i++) {
        ClockHeap *h = &c->heaps[i];
        h->clocks = c;
        h->type = i;
        h->fd = -1;
        h->armed = INT64_MAX;
        atomic_store(&h->next, INT64_MAX);
        g_mutex_init(&h->lock);
        g_cond_init(&h->batch_done);
    }
    return c;
}

void clocks_free(Clocks *c)
{
    if (!c) {
        return;
    }
    for (int i = 0; i < CLK_COUNT; i++) {
        ClockHeap *h = &c->heaps[i];
        if (h->fd >= 0) {
            GSource *source = g_main_context_find_source_by_id(c->ctx, h->source);
            if (source) {
                g_source_destroy(source);
            }
            close(h->fd);
        }
        g_free(h->heap);
        g_mutex_clear(&h->lock);
        g_cond_clear(&h->batch_done);
    }
    g_main_context_unref(c->ctx);
    g_free(c);
}

void clocks_set_running(Clocks *c, bool running)
{
    ClockHeap *h = &c->heaps[CLK_VIRTUAL];
    g_mutex_lock(&h->lock);
    if (running != atomic_load(&c->virt_running)) {
        int64_t mono = host_ns(CLOCK_MONOTONIC);
        atomic_fetch_add(&c->virt_seq, 1);
        if (running) {
            atomic_store(&c->virt_origin, mono - atomic_load(&c->virt_frozen));
        } else {
            atomic_store(&c->virt_frozen, mono - atomic_load(&c->virt_origin));
        }
        atomic_store(&c->virt_running, running);
        atomic_fetch_add(&c->virt_seq, 1);
        /* What was armed was computed from the old origin. */
        heap_disarm_locked(h);
        heap_rearm_all_locked(h);
    }
    g_mutex_unlock(&h->lock);
}

void clocks_set_icount(Clocks *c, int64_t (*get)(void *opaque), void (*kick)(void *opaque),
                       void *opaque)
{
    ClockHeap *h = &c->heaps[CLK_VIRTUAL];
    g_mutex_lock(&h->lock);
    c->icount_opaque = opaque;
    c->icount_kick = kick;
    c->icount_get = get;
    heap_disarm_locked(h);
    g_mutex_unlock(&h->lock);
}

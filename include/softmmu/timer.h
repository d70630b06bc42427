/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Clocks and timers.
 *
 * All times are nanoseconds. CLK_VIRTUAL is what the guest sees: host monotonic time since the
 * machine started, without the time it was paused; with -icount a function of the executed
 * instructions. CLK_REALTIME always runs (host monotonic). CLK_HOST is the host's wall clock since
 * 1970.
 *
 * A Timer is embedded in its owner's struct. timer_mod/timer_del may be called from any thread and
 * from callbacks. A callback runs without any lock of this module, in the main loop's thread, or
 * if it is on CLK_VIRTUAL in that of a vCPU, which counts as running meanwhile: with -icount in the
 * one that calls timers_run_virtual(), otherwise in that of any keeper. One batch of a clock runs
 * at a time. A callback that touches a device takes the device's lock itself. Locks: one mutex per
 * clock, held only to change its heap.
 *
 * Test: tests/unit/test-timer.c, tests/unit/test-vcpu-timer.c
 */
#ifndef SOFTMMU_TIMER_H
#define SOFTMMU_TIMER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct Clocks Clocks;
typedef struct Timer Timer;
typedef struct TimerKeeper TimerKeeper;
typedef void TimerFn(void *opaque);

typedef enum ClockType { CLK_VIRTUAL, CLK_REALTIME, CLK_HOST, CLK_COUNT } ClockType;

#define NS_PER_SEC 1000000000ll
#define NS_PER_MS  1000000ll
#define NS_PER_US  1000ll

/* Fields are private. Zero-initialised memory is not a valid timer: timer_init() first. */
struct Timer {
    Clocks *clocks;
    TimerFn *fn;
    void *opaque;
    TimerKeeper *keeper; /* which thread waits for it; NULL: the main loop */
    int64_t expire;      /* ns; -1: not pending */
    uint64_t seq;        /* order among equal times */
    uint32_t heap_slot;  /* 1-based place in the heap; 0: not pending */
    ClockType type;
};

void timer_init(Timer *t, Clocks *clocks, ClockType type, TimerFn *fn, void *opaque);
/* (Re)arm for the absolute time expire_ns; a time in the past fires as soon as possible. INT64_MAX
 * is "never". */
void timer_mod(Timer *t, int64_t expire_ns);
/* Disarm. The callback may still be running in its thread when this returns. */
void timer_del(Timer *t);
/* Disarm and wait for a callback that is running in another thread; hold no lock that the callback
 * takes. */
void timer_del_sync(Timer *t);
bool timer_pending(const Timer *t);
/* Absolute expiry, -1 if not pending. */
int64_t timer_expire_ns(const Timer *t);

int64_t clock_get_ns(Clocks *c, ClockType type);

/* For the owner of the VM (mainloop.c creates the clocks; attached to its context). */
Clocks *clocks_new(GMainContext *ctx);
void clocks_free(Clocks *c);
/* CLK_VIRTUAL starts stopped at 0. Stopping freezes it; its timers do not fire until it runs again.
 */
void clocks_set_running(Clocks *c, bool running);

/* -icount: from now on CLK_VIRTUAL is get(opaque), and its timers run only in timers_run_virtual().
 * kick(opaque), called from any thread, says that the earliest deadline became earlier. Set once,
 * before the clock runs. */
void clocks_set_icount(Clocks *c, int64_t (*get)(void *opaque), void (*kick)(void *opaque),
                       void *opaque);
/* Absolute time of the earliest CLK_VIRTUAL timer, INT64_MAX if none. Lock-free. */
int64_t timer_next_deadline_ns(Clocks *c);
/* Run every CLK_VIRTUAL timer that is due now (icount mode; from a vCPU thread). True if one ran.
 */
bool timers_run_virtual(Clocks *c);

/* A thread that waits itself for the CLK_VIRTUAL timers that it arms, so that no other thread need
 * wake for them: a timer of the host sends it a signal. Fields are private. */
struct TimerKeeper {
    Clocks *clocks;
    void (*due)(void *opaque);
    void *opaque;
    timer_t id;
    int64_t armed; /* in virtual time, INT64_MAX: not armed */
    bool missed;   /* it was due while another thread ran a batch */
    TimerKeeper *next;
};

/* The calling thread becomes a keeper. due(opaque) is called in it, in a signal handler: it may
 * only access atomic variables, and sees to it that the thread calls timers_run_kept() soon. False
 * if the host has no timer for it: the main loop waits as before. */
bool timers_keep(TimerKeeper *k, Clocks *c, void (*due)(void *opaque), void *opaque);
/* Run every CLK_VIRTUAL timer that is due now. */
void timers_run_kept(TimerKeeper *k);
/* The main loop waits for the thread's timers again. In the same thread. */
void timers_unkeep(TimerKeeper *k);

#endif

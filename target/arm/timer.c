/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The generic timers of a CPU (DDI 0487, D11): physical count, five timers with compare value and
 * control, offsets, outputs.
 *
 * A timer's condition is looked at when one of its registers is written (CPU's thread) and when the
 * host timer behind it fires (main loop); timer_lock covers state and output, so that outputs
 * change in the order of the conditions.
 *
 * Test: tests/unit/test-arm-sys.c
 */
#include "target/arm/internals.h"

enum { CTL_ENABLE = 1, CTL_IMASK = 2, CTL_ISTATUS = 4 };

uint64_t arm_timer_count(ARMEnv *env)
{
    if (!env->board.clocks) {
        return 0;
    }
    return (uint64_t)((unsigned __int128)clock_get_ns(env->board.clocks, CLK_VIRTUAL) *
                      env->cfg->cntfrq / NS_PER_SEC);
}

/* What is subtracted from the count: only the EL1 virtual timer has an offset. */
uint64_t arm_timer_offset(ARMEnv *env, unsigned t)
{
    return t == ARM_OUT_CNTV ? env->sys.cntvoff : 0;
}

void arm_output(ARMEnv *env, ARMOutput out, bool level)
{
    if (env->board.out[out].level != level) {
        env->board.out[out].level = level;
        if (env->board.out[out].fn) {
            env->board.out[out].fn(env->board.out[out].opaque, level);
        }
    }
}

/* timer_lock is held. */
static void update_locked(ARMEnv *env, unsigned t)
{
    ARMTimer *tm = &env->sys.timer[t];
    bool level = false;

    if (!env->board.clocks) {
        return;
    }
    if (tm->ctl & CTL_ENABLE) {
        uint64_t off = arm_timer_offset(env, t);
        uint64_t count = arm_timer_count(env), now = count - off;
        bool fired = now >= tm->cval;

        level = fired && !(tm->ctl & CTL_IMASK);
        if (!fired) {
            /* In virtual time, rounded up, so that the condition holds when the timer fires. */
            unsigned __int128 at = (unsigned __int128)count + (tm->cval - now);
            at = (at * NS_PER_SEC + env->cfg->cntfrq - 1) / env->cfg->cntfrq;
            timer_mod(&env->board.timer[t], at > INT64_MAX - 1 ? INT64_MAX : (int64_t)at);
        } else {
            timer_del(&env->board.timer[t]);
        }
    } else {
        timer_del(&env->board.timer[t]);
    }
    arm_output(env, t, level);
}

static void update(ARMEnv *env, unsigned t)
{
    g_mutex_lock(&env->board.timer_lock);
    update_locked(env, t);
    g_mutex_unlock(&env->board.timer_lock);
}

static void fired(ARMEnv *env, unsigned t)
{
    update(env, t);
}

static void fire_cntp(void *env)
{
    fired(env, ARM_OUT_CNTP);
}
static void fire_cntv(void *env)
{
    fired(env, ARM_OUT_CNTV);
}
static void fire_cnthp(void *env)
{
    fired(env, ARM_OUT_CNTHP);
}
static void fire_cntps(void *env)
{
    fired(env, ARM_OUT_CNTPS);
}
static void fire_cnthv(void *env)
{
    fired(env, ARM_OUT_CNTHV);
}

void arm_cpu_set_clocks(CPU *cpu, Clocks *clocks)
{
    static TimerFn *const fns[] = {[ARM_OUT_CNTP] = fire_cntp,
                                   [ARM_OUT_CNTV] = fire_cntv,
                                   [ARM_OUT_CNTHP] = fire_cnthp,
                                   [ARM_OUT_CNTPS] = fire_cntps,
                                   [ARM_OUT_CNTHV] = fire_cnthv};
    ARMEnv *env = arm_cpu_made(cpu);

    env->board.clocks = clocks;
    for (unsigned t = 0; t < G_N_ELEMENTS(fns); t++) {
        timer_init(&env->board.timer[t], clocks, CLK_VIRTUAL, fns[t], env);
    }
}

uint64_t arm_timer_tval(ARMEnv *env, unsigned t)
{
    return (uint32_t)(env->sys.timer[t].cval - (arm_timer_count(env) - arm_timer_offset(env, t)));
}

uint64_t arm_timer_ctl(ARMEnv *env, unsigned t)
{
    ARMTimer *tm = &env->sys.timer[t];
    uint64_t ctl = tm->ctl;

    if ((ctl & CTL_ENABLE) && arm_timer_count(env) - arm_timer_offset(env, t) >= tm->cval) {
        ctl |= CTL_ISTATUS;
    }
    return ctl;
}

void arm_timer_set_cval(ARMEnv *env, unsigned t, uint64_t val)
{
    g_mutex_lock(&env->board.timer_lock);
    env->sys.timer[t].cval = val;
    update_locked(env, t);
    g_mutex_unlock(&env->board.timer_lock);
}

void arm_timer_set_tval(ARMEnv *env, unsigned t, uint64_t val)
{
    uint64_t now = arm_timer_count(env) - arm_timer_offset(env, t);

    arm_timer_set_cval(env, t, now + (int64_t)(int32_t)val);
}

void arm_timer_set_ctl(ARMEnv *env, unsigned t, uint64_t val)
{
    g_mutex_lock(&env->board.timer_lock);
    env->sys.timer[t].ctl = val & (CTL_ENABLE | CTL_IMASK);
    update_locked(env, t);
    g_mutex_unlock(&env->board.timer_lock);
}

void arm_timers_changed(ARMEnv *env)
{
    for (unsigned t = 0; t < ARM_OUT_PMU; t++) {
        update(env, t);
    }
}

/* sys has been cleared. */
void arm_timers_reset(ARMEnv *env)
{
    arm_timers_changed(env);
}

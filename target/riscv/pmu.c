/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V counters and the hart's own timers: privileged specification 3.1.10, 3.1.12, 12.1.12,
 * chapters "Zicntr", "Zihpm", "Sscofpmf" and "Sstc".
 *
 * A counter that runs reads as hpm_base + source, one that stands as hpm_base; starting and
 * stopping moves the source in or out. Sources are cycles (nanoseconds of virtual time: 1 GHz),
 * instructions, and a few events of the model's own.
 *
 * Timers call back on the main loop's thread and only hand on to the hart's thread, where all
 * state is.
 *
 * Test: tests/unit/test-riscv-csr.c
 */
#include "target/riscv/cpu.h"
#include "target/riscv/bits.h"

#define EVENT_MASK      (BIT64(56) - 1)
#define EVENT_CYCLES    1
#define EVENT_INSNS     2
#define HPM_FIRST       3
#define OVERFLOW_MIN_NS (50 * NS_PER_US)

static uint64_t pmu_cycles(RISCVEnv *env, uintptr_t ra)
{
    if (env->time.clocks) {
        return clock_get_ns(env->time.clocks, CLK_VIRTUAL);
    }
    return cpu_insn_count(env->cpu.cpu, ra);
}

static uint64_t pmu_event(const RISCVEnv *env, unsigned n)
{
    return n == 0 ? EVENT_CYCLES : n == 2 ? EVENT_INSNS : env->hpm_event[n] & EVENT_MASK;
}

static uint64_t pmu_source(RISCVEnv *env, unsigned n, uintptr_t ra)
{
    switch (pmu_event(env, n)) {
    case EVENT_CYCLES:
        return pmu_cycles(env, ra);
    case EVENT_INSNS:
        return cpu_insn_count(env->cpu.cpu, ra);
    case 0x10019:
        return env->hpm_events[RISCV_EVENT_DTLB_READ_MISS];
    case 0x1001b:
        return env->hpm_events[RISCV_EVENT_DTLB_WRITE_MISS];
    case 0x10021:
        return env->hpm_events[RISCV_EVENT_ITLB_MISS];
    default:
        return 0;
    }
}

static bool pmu_exists(const RISCVEnv *env, unsigned n)
{
    return n == 0 || n == 2 || (env->cfg->pmu_mask >> n & 1);
}

static uint64_t pmu_value(RISCVEnv *env, unsigned n, uintptr_t ra)
{
    return env->hpm_base[n] + (env->hpm_running >> n & 1 ? pmu_source(env, n, ra) : 0);
}

static bool pmu_should_run(const RISCVEnv *env, unsigned n, unsigned priv)
{
    static const uint64_t inhibit[] = {HPMEVENT_UINH, HPMEVENT_SINH, 0, HPMEVENT_MINH};

    return !(env->mcountinhibit >> n & 1) && !(env->hpm_event[n] & inhibit[priv]);
}

/* Start or stop the counters in mask as they should be at priv. */
static void pmu_switch(RISCVEnv *env, uint32_t mask, unsigned priv, uintptr_t ra)
{
    for (; mask; mask &= mask - 1) {
        unsigned n = __builtin_ctz(mask);
        bool run = pmu_should_run(env, n, priv), runs = env->hpm_running >> n & 1;
        if (run != runs) {
            uint64_t src = pmu_source(env, n, ra);
            env->hpm_base[n] += run ? -src : src;
            env->hpm_running ^= UINT32_C(1) << n;
        }
    }
}

/* ------------------------------------------------------------------------------------------ */
/* Overflow */

static void pmu_overflow_check(RISCVEnv *env, uintptr_t ra)
{
    int64_t wait = INT64_MAX;
    bool raise = false;

    if (!riscv_has(env->cfg, RISCV_EXT_SSCOFPMF)) {
        return;
    }
    for (unsigned n = HPM_FIRST; n < 32; n++) {
        if (!pmu_exists(env, n) || !env->hpm_event[n]) {
            continue;
        }
        uint64_t val = pmu_value(env, n, ra);
        if (val + 1 == env->hpm_seen[n]) {
            val++; /* by the instruction that writes it: riscv_counter_write() */
        }
        if (val < env->hpm_seen[n] && !(env->hpm_event[n] & HPMEVENT_OF)) {
            env->hpm_event[n] |= HPMEVENT_OF;
            raise = true;
        }
        env->hpm_seen[n] = val;
        uint64_t event = pmu_event(env, n), left = -val;
        if (event && !(env->hpm_event[n] & HPMEVENT_OF) && (env->hpm_running >> n & 1) &&
            left < BIT64(62)) {
            /* Only cycles have a known rate; look again half way for the rest. */
            wait = MIN(wait, (int64_t)(event == EVENT_CYCLES ? left : left / 2));
        }
    }
    if (raise) {
        cpu_set_line(env->cpu.cpu, RISCV_LINE_LCOFI, true);
    }
    if (!env->time.clocks) {
        return;
    }
    if (wait == INT64_MAX) {
        timer_del(&env->hpm_timer);
    } else {
        timer_mod(&env->hpm_timer,
                  clock_get_ns(env->time.clocks, CLK_VIRTUAL) + MAX(wait, OVERFLOW_MIN_NS));
    }
}

static void pmu_overflow_work(CPU *cpu, void *opaque)
{
    pmu_overflow_check(riscv_env(cpu), 0);
}

static void pmu_overflow_timer(void *opaque)
{
    cpu_run_on(opaque, pmu_overflow_work, NULL);
}

/*
 * Counting every instruction costs every unit a little, and hardly a guest looks. So it begins when
 * one reads or sets a counter of instructions. Firmware reads instret once to see if it is there:
 * what begins with a read by M mode ends when M mode is left.
 */
static void pmu_set_counting(RISCVEnv *env, bool on, uintptr_t ra)
{
    uint32_t mask = 0;

    for (unsigned n = 0; n < 32; n++) {
        if ((env->hpm_running >> n & 1) && pmu_event(env, n) == EVENT_INSNS) {
            mask |= UINT32_C(1) << n;
            env->hpm_base[n] += pmu_source(env, n, ra);
        }
    }
    env->counting = on;
    env->counting_m = false;
    riscv_mmu_changed(env);
    for (unsigned n = 0; n < 32; n++) {
        env->hpm_base[n] -= mask >> n & 1 ? pmu_source(env, n, ra) : 0;
    }
}

/* Called by an instruction (at ra, not 0) that reads or writes a counter of instructions; true if
 * counting begins here. */
static bool pmu_start_counting(RISCVEnv *env, uintptr_t ra)
{
    if (env->counting || !ra || cpu_unit_counts(env->cpu.cpu, ra)) {
        return false;
    }
    pmu_set_counting(env, true, ra);
    /* The unit that runs does not count yet, but its instruction should. */
    for (unsigned n = 0; n < 32; n++) {
        if ((env->hpm_running >> n & 1) && pmu_event(env, n) == EVENT_INSNS) {
            env->hpm_base[n]++;
        }
    }
    env->counting_m = env->priv == RISCV_PRV_M;
    return true;
}

void riscv_pmu_leave_m(RISCVEnv *env)
{
    pmu_set_counting(env, false, 0);
}

/* ------------------------------------------------------------------------------------------ */
/* Registers */

uint64_t riscv_counter_read(RISCVEnv *env, unsigned n, uintptr_t ra)
{
    if (n == 1) {
        return env->time.rdtime ? env->time.rdtime(env->time.opaque) : 0;
    }
    if (!pmu_exists(env, n)) {
        return 0;
    }
    bool started = false;
    if (n == 2 && (env->hpm_running >> 2 & 1)) {
        started = pmu_start_counting(env, ra);
        env->counting_m &= env->priv == RISCV_PRV_M;
    }
    /* Without the instruction itself. */
    return pmu_value(env, n, ra) - started;
}

void riscv_counter_write(RISCVEnv *env, unsigned n, uint64_t val, uintptr_t ra)
{
    if (!pmu_exists(env, n)) {
        return;
    }
    uint64_t src = 0;
    bool insns = pmu_event(env, n) == EVENT_INSNS;
    if (insns) {
        pmu_start_counting(env, ra);
        env->counting_m = false;
    }
    if (env->hpm_running >> n & 1) {
        /* The write itself is not counted: 3.1.10, the value is there for the next instruction. */
        src = pmu_source(env, n, ra) + (insns && cpu_unit_counts(env->cpu.cpu, ra));
    }
    env->hpm_base[n] = val - src;
    env->hpm_seen[n] = val;
    pmu_overflow_check(env, ra);
}

void riscv_mhpmevent_write(RISCVEnv *env, unsigned n, uint64_t val, uintptr_t ra)
{
    uint64_t mask = EVENT_MASK, count;

    if (!pmu_exists(env, n)) {
        return;
    }
    if (riscv_has(env->cfg, RISCV_EXT_SSCOFPMF)) {
        mask |= HPMEVENT_OF | HPMEVENT_MINH;
        mask |= riscv_has(env->cfg, RISCV_EXT_S) ? HPMEVENT_SINH : 0;
        mask |= riscv_has(env->cfg, RISCV_EXT_U) ? HPMEVENT_UINH : 0;
    }
    count = pmu_value(env, n, ra);
    env->hpm_event[n] = val & mask;
    env->hpm_running &= ~(UINT32_C(1) << n);
    env->hpm_base[n] = env->hpm_seen[n] = count;
    env->hpm_filtered &= ~(UINT32_C(1) << n);
    if (env->hpm_event[n] & (HPMEVENT_MINH | HPMEVENT_SINH | HPMEVENT_UINH)) {
        env->hpm_filtered |= UINT32_C(1) << n;
    }
    pmu_switch(env, UINT32_C(1) << n, env->priv, ra);
    pmu_overflow_check(env, ra);
}

void riscv_mcountinhibit_write(RISCVEnv *env, uint64_t val, uintptr_t ra)
{
    uint32_t mask = env->cfg->pmu_mask | COUNTER_CY | COUNTER_IR;

    env->mcountinhibit = val & mask;
    pmu_switch(env, mask, env->priv, ra);
    pmu_overflow_check(env, ra);
}

void riscv_hpm_set_priv(RISCVEnv *env, unsigned priv)
{
    pmu_switch(env, env->hpm_filtered, priv, 0);
}

/* ------------------------------------------------------------------------------------------ */
/* stimecmp */

void riscv_stimer_update(RISCVEnv *env)
{
    CPU *cpu = env->cpu.cpu;
    bool on = (env->menvcfg & ENVCFG_STCE) && env->time.rdtime;
    bool due = on && env->time.rdtime(env->time.opaque) >= env->stimecmp;

    if ((__atomic_load_n(&cpu->interrupts, __ATOMIC_RELAXED) >> RISCV_LINE_STI & 1) != due) {
        cpu_set_line(cpu, RISCV_LINE_STI, due);
    }
    if (!env->time.clocks) {
        return;
    }
    int64_t when = on && !due ? env->time.deadline_ns(env->time.opaque, env->stimecmp) : INT64_MAX;
    if (when == INT64_MAX) {
        timer_del(&env->stimer);
    } else {
        timer_mod(&env->stimer, when);
    }
}

static void stimer_work(CPU *cpu, void *opaque)
{
    riscv_stimer_update(riscv_env(cpu));
}

static void stimer_timer(void *opaque)
{
    cpu_run_on(opaque, stimer_work, NULL);
}

void riscv_cpu_time_changed(CPU *cpu)
{
    cpu_run_on(cpu, stimer_work, NULL);
}

void riscv_cpu_set_time_source(CPU *cpu, const RISCVTimeSource *src)
{
    RISCVEnv *env = riscv_env(cpu);

    env->time = *src;
    if (src->clocks) {
        timer_init(&env->stimer, src->clocks, CLK_VIRTUAL, stimer_timer, cpu);
        timer_init(&env->hpm_timer, src->clocks, CLK_VIRTUAL, pmu_overflow_timer, cpu);
    }
}

/* The registers are already at their reset values. */
void riscv_pmu_reset(RISCVEnv *env)
{
    if (env->time.clocks) {
        timer_del(&env->hpm_timer);
    }
    pmu_switch(env, env->cfg->pmu_mask | COUNTER_CY | COUNTER_IR, env->priv, 0);
    riscv_stimer_update(env);
}

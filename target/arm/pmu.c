/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The performance monitors (DDI 0487, D13): the cycle counter, event counters for SW_INCR,
 * INST_RETIRED and CPU_CYCLES, filters by exception level, overflow interrupt.
 *
 * A counter that runs is base + (source now - seen). Cycles are those of a clock of 1 GHz;
 * instructions are exact while such a counter runs (CPU_MODE_COUNT).
 *
 * Runs on the CPU's thread. Test: tests/unit/test-arm-sys.c
 */
#include "target/arm/internals.h"

enum {
    PMCR_E = 1 << 0,
    PMCR_P = 1 << 1,
    PMCR_C = 1 << 2,
    PMCR_DP = 1 << 5,
    PMCR_LC = 1 << 6,
    EVENT_SW_INCR = 0x00,
    EVENT_INST_RETIRED = 0x08,
    EVENT_CPU_CYCLES = 0x11,
    CYCLE = 31,
};
#define FILTER_P ARM_BIT(31)
#define FILTER_U ARM_BIT(30)
#define FILTER_H ARM_BIT(27)

static uint64_t counters_mask(const ARMEnv *env)
{
    return (ARM_BIT(env->cfg->pmu_counters) - 1) | ARM_BIT(CYCLE);
}

static unsigned event_of(const ARMEnv *env, unsigned n)
{
    return n == CYCLE ? EVENT_CPU_CYCLES : env->sys.pmevtyper[n] & 0xffff;
}

static uint64_t source(ARMEnv *env, unsigned n)
{
    switch (event_of(env, n)) {
    case EVENT_CPU_CYCLES:
        return env->board.clocks ? clock_get_ns(env->board.clocks, CLK_VIRTUAL) : 0;
    case EVENT_INST_RETIRED:
        return cpu_insn_count(env->cpu.cpu, 0);
    default:
        return 0;
    }
}

static bool wide(const ARMEnv *env, unsigned n)
{
    return n == CYCLE && (env->sys.pmcr & PMCR_LC);
}

/* Bring a counter's value up to date; what it passed on the way sets its overflow bit. */
static void settle(ARMEnv *env, unsigned n)
{
    ARMSys *s = &env->sys;
    uint64_t now = source(env, n), old = s->pmc_base[n];

    if (s->pmc_running >> n & 1) {
        uint64_t v = old + (now - s->pmc_seen[n]);
        if (wide(env, n) ? v < old : (v >> 32) != (old >> 32)) {
            s->pmovs |= ARM_BIT(n);
        }
        s->pmc_base[n] = wide(env, n) || n == CYCLE ? v : (uint32_t)v;
    }
    s->pmc_seen[n] = now;
}

/* Level filters (PMEVTYPER.P, U, H). */
static bool counts_here(const ARMEnv *env, unsigned n)
{
    uint64_t t = env->sys.pmevtyper[n];

    switch (env->sys.el) {
    case 0:
        return !(t & FILTER_U);
    case 1:
        return !(t & FILTER_P);
    case 2:
        return t & FILTER_H;
    default:
        return !(t & FILTER_P);
    }
}

static void overflow_work(CPU *cpu, void *data)
{
    arm_pmu_update(arm_env(cpu));
}

static void overflow_timer(void *opaque)
{
    ARMEnv *env = opaque;

    cpu_run_on(env->cpu.cpu, overflow_work, NULL);
}

void arm_pmu_update(ARMEnv *env)
{
    ARMSys *s = &env->sys;
    uint32_t running = 0;
    uint64_t left = UINT64_MAX;
    bool insns = false, filtered = false;

    for (unsigned n = 0; n <= CYCLE; n++) {
        if (!(counters_mask(env) >> n & 1)) {
            continue;
        }
        settle(env, n);
        filtered |= s->pmevtyper[n] & (FILTER_P | FILTER_U | FILTER_H);
        if ((s->pmcr & PMCR_E) && (s->pmcnten >> n & 1) && counts_here(env, n)) {
            running |= 1u << n;
            insns |= event_of(env, n) == EVENT_INST_RETIRED;
            if (event_of(env, n) != EVENT_SW_INCR && !wide(env, n)) {
                left = MIN(left, ARM_BIT(32) - (uint32_t)s->pmc_base[n]);
            }
        }
    }
    s->pmc_running = running;
    s->pmu_filtered = filtered && (s->pmcr & PMCR_E);
    if (insns != s->counting) {
        s->counting = insns;
        arm_mode_changed(env);
        for (unsigned n = 0; n < CYCLE; n++) {
            if (event_of(env, n) == EVENT_INST_RETIRED) {
                s->pmc_seen[n] = source(env, n);
            }
        }
    }
    arm_output(env, ARM_OUT_PMU, (s->pmcr & PMCR_E) && (s->pmovs & s->pminten));
    if (!env->board.clocks) {
        return;
    }
    if (left != UINT64_MAX && s->pminten) {
        /* An instruction takes about 1 ns: if it is early, the timer is armed again. */
        int64_t now = clock_get_ns(env->board.clocks, CLK_VIRTUAL);
        timer_mod(&env->board.pmu_timer, now + (int64_t)MAX(left, 1000));
    } else {
        timer_del(&env->board.pmu_timer);
    }
}

static uint64_t counter_read(ARMEnv *env, unsigned n)
{
    if (!(counters_mask(env) >> n & 1)) {
        return 0;
    }
    settle(env, n);
    return n == CYCLE ? env->sys.pmc_base[n] : (uint32_t)env->sys.pmc_base[n];
}

static void counter_write(ARMEnv *env, unsigned n, uint64_t val)
{
    if (counters_mask(env) >> n & 1) {
        settle(env, n);
        env->sys.pmc_base[n] = n == CYCLE ? val : (uint32_t)val;
        arm_pmu_update(env);
    }
}

static void type_write(ARMEnv *env, unsigned n, uint64_t val)
{
    if (counters_mask(env) >> n & 1) {
        settle(env, n);
        env->sys.pmevtyper[n] = val & (0xfc000000 | (n == CYCLE ? 0 : 0xffff));
        env->sys.pmc_seen[n] = source(env, n);
        arm_pmu_update(env);
    }
}

/* Counter that an encoding PMEVCNTR<n>_EL0 or PMEVTYPER<n>_EL0 names. */
static unsigned indexed(uint32_t enc)
{
    return (enc >> 3 & 3) << 3 | (enc & 7);
}

uint64_t arm_pmu_read(ARMEnv *env, uint32_t enc)
{
    ARMSys *s = &env->sys;

    switch (enc) {
    case ARM_SYSREG(3, 3, 9, 12, 0): /* PMCR: implementer and code of MIDR, N */
        return (uint64_t)(env->cfg->midr >> 24) << 24 | (uint64_t)env->cfg->pmu_id << 16 |
               env->cfg->pmu_counters << 11 | s->pmcr;
    case ARM_SYSREG(3, 3, 9, 12, 1):
    case ARM_SYSREG(3, 3, 9, 12, 2):
        return s->pmcnten;
    case ARM_SYSREG(3, 3, 9, 12, 3):
    case ARM_SYSREG(3, 3, 9, 14, 3):
        arm_pmu_update(env);
        return s->pmovs;
    case ARM_SYSREG(3, 3, 9, 12, 6):
        return ARM_BIT(EVENT_SW_INCR) | ARM_BIT(EVENT_INST_RETIRED) | ARM_BIT(EVENT_CPU_CYCLES);
    case ARM_SYSREG(3, 3, 9, 13, 0):
        return counter_read(env, CYCLE);
    case ARM_SYSREG(3, 3, 9, 13, 1):
        return s->pmevtyper[s->pmselr];
    case ARM_SYSREG(3, 3, 9, 13, 2):
        return s->pmselr == CYCLE ? 0 : counter_read(env, s->pmselr);
    case ARM_SYSREG(3, 0, 9, 14, 1):
    case ARM_SYSREG(3, 0, 9, 14, 2):
        return s->pminten;
    case ARM_SYSREG(3, 3, 14, 15, 7):
        return s->pmevtyper[CYCLE];
    default:
        break;
    }
    if ((enc >> 7 & 15) == 14 && (enc >> 3 & 15) >= 8) {
        unsigned n = indexed(enc);
        return (enc >> 3 & 15) >= 12 ? s->pmevtyper[n] : counter_read(env, n);
    }
    return 0;
}

void arm_pmu_write(ARMEnv *env, uint32_t enc, uint64_t val)
{
    ARMSys *s = &env->sys;
    uint64_t mask = counters_mask(env);

    switch (enc) {
    case ARM_SYSREG(3, 3, 9, 12, 0):
        for (unsigned n = 0; n <= CYCLE; n++) {
            settle(env, n);
            if (val & (n == CYCLE ? PMCR_C : PMCR_P)) {
                s->pmc_base[n] = 0;
            }
        }
        s->pmcr = val & (PMCR_E | PMCR_DP | PMCR_LC | 8 | 16);
        break;
    case ARM_SYSREG(3, 3, 9, 12, 1):
        s->pmcnten |= val & mask;
        break;
    case ARM_SYSREG(3, 3, 9, 12, 2):
        s->pmcnten &= ~val;
        break;
    case ARM_SYSREG(3, 3, 9, 12, 3):
        arm_pmu_update(env);
        s->pmovs &= ~val;
        break;
    case ARM_SYSREG(3, 3, 9, 14, 3):
        s->pmovs |= val & mask;
        break;
    case ARM_SYSREG(3, 3, 9, 12, 4): /* PMSWINC */
        for (unsigned n = 0; n < env->cfg->pmu_counters; n++) {
            if ((val >> n & 1) && event_of(env, n) == EVENT_SW_INCR && (s->pmc_running >> n & 1)) {
                s->pmc_base[n] = (uint32_t)(s->pmc_base[n] + 1);
                s->pmovs |= s->pmc_base[n] ? 0 : ARM_BIT(n);
            }
        }
        break;
    case ARM_SYSREG(3, 3, 9, 13, 0):
        counter_write(env, CYCLE, val);
        return;
    case ARM_SYSREG(3, 3, 9, 13, 1):
        type_write(env, s->pmselr, val);
        return;
    case ARM_SYSREG(3, 3, 9, 13, 2):
        if (s->pmselr != CYCLE) {
            counter_write(env, s->pmselr, val);
        }
        return;
    case ARM_SYSREG(3, 0, 9, 14, 1):
        s->pminten |= val & mask;
        break;
    case ARM_SYSREG(3, 0, 9, 14, 2):
        s->pminten &= ~val;
        break;
    case ARM_SYSREG(3, 3, 14, 15, 7):
        type_write(env, CYCLE, val);
        return;
    default:
        if ((enc >> 7 & 15) == 14 && (enc >> 3 & 15) >= 8) {
            if ((enc >> 3 & 15) >= 12) {
                type_write(env, indexed(enc), val);
            } else {
                counter_write(env, indexed(enc), val);
            }
        }
        return;
    }
    arm_pmu_update(env);
}

void arm_pmu_reset(ARMEnv *env)
{
    if (env->board.clocks && !env->board.pmu_timer.fn) {
        timer_init(&env->board.pmu_timer, env->board.clocks, CLK_VIRTUAL, overflow_timer, env);
    }
    if (arm_cfg_has(env, ARM_FEAT_PMU)) {
        arm_pmu_update(env);
    }
}

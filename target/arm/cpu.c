/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * An Arm CPU: reset, what boards set, boot state, and the printout of its registers (DDI 0487,
 * D1.5, G1.10).
 *
 * Test: tests/unit/test-arm-sys.c
 */
#include <inttypes.h>
#include <string.h>
#include "target/arm/internals.h"

ARMEnv *arm_cpu_made(CPU *cpu)
{
    ARMEnv *env = arm_env(cpu);

    if (!env->board.made) {
        env->board.made = true;
        env->cfg = cpu->model;
        env->cpu.cpu = cpu;
        env->board.mpidr = cpu->index;
        g_mutex_init(&env->board.timer_lock);
    }
    return env;
}

void arm_cpu_set_output(CPU *cpu, ARMOutput out, void (*fn)(void *opaque, bool level), void *opaque)
{
    ARMEnv *env = arm_cpu_made(cpu);

    env->board.out[out].fn = fn;
    env->board.out[out].opaque = opaque;
}

void arm_cpu_set_mpidr(CPU *cpu, uint64_t affinity)
{
    arm_cpu_made(cpu)->board.mpidr = affinity;
}

void arm_cpu_set_resetvec(CPU *cpu, uint64_t pc)
{
    arm_cpu_made(cpu)->board.resetvec = pc;
}

void arm_cpu_set_start_off(CPU *cpu, bool off)
{
    arm_cpu_made(cpu)->board.start_off = off;
}

void arm_cpu_set_cbar(CPU *cpu, uint64_t base)
{
    arm_cpu_made(cpu)->board.cbar = base;
}

void arm_cpu_set_secure_space(CPU *cpu, uint64_t base)
{
    arm_cpu_made(cpu)->board.secure_base = base;
}

void arm_cpu_set_seed(CPU *cpu, uint64_t seed)
{
    ARMEnv *env = arm_cpu_made(cpu);

    /* Never 0, and different on each CPU. */
    env->board.seed = (seed ^ (cpu->index + 1) * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

void arm_cpu_set_boot_state(CPU *cpu, const ARMBootState *s)
{
    ARMEnv *env = arm_cpu_made(cpu);

    env->board.have_boot = s != NULL;
    if (s) {
        env->board.boot = *s;
    }
}

void arm_cpu_set_psci(CPU *cpu, ARMConduit conduit, const ARMPsciOps *ops)
{
    ARMEnv *env = arm_cpu_made(cpu);

    env->board.conduit = conduit;
    env->board.psci = ops ? *ops : (ARMPsciOps){0};
}

void arm_cpu_set_gicv3(CPU *cpu, const ARMGicv3Ops *ops, void *opaque)
{
    ARMEnv *env = arm_cpu_made(cpu);

    env->board.gic = ops;
    env->board.gic_opaque = opaque;
}

bool arm_cpu_is_secure(CPU *cpu)
{
    return arm_secure(arm_env(cpu));
}

/* ------------------------------------------------------------------------------------------ */

static void reset_sysregs(ARMEnv *env)
{
    const ARMConfig *c = env->cfg;
    ARMSys *s = &env->sys;

    for (unsigned i = 1; i < 4; i++) {
        s->sctlr[i] = c->reset_sctlr;
    }
    s->highest_el = arm_has(c, ARM_FEAT_EL3) ? 3 : arm_has(c, ARM_FEAT_EL2) ? 2 : 1;
    s->cptr[2] = 0x33ff;
    s->tcr[2] = s->tcr[3] = arm_has(c, ARM_FEAT_AARCH64) ? ARM_BIT(31) | ARM_BIT(23) : 0;
    s->vtcr = ARM_BIT(31);
    s->scr = arm_has(c, ARM_FEAT_AARCH64) ? 0x30 : 0;
    if (arm_has(c, ARM_FEAT_AARCH64) && !arm_has(c, ARM_FEAT_AARCH32_EL1)) {
        s->scr |= SCR_RW;
        s->hcr = HCR_RW;
    }
    s->vpidr = c->midr;
    s->vmpidr = env->board.mpidr | ARM_BIT(31);
    s->cntfrq = c->cntfrq;
    s->cnthctl = 3;
    s->oslk = arm_has(c, ARM_FEAT_LPAE); /* since Armv7.1's debug */
    s->mdcr2 = c->pmu_counters;
}

/* Enter a state below the highest exception level as a boot loader would (Linux's booting.rst). */
static void boot_el(ARMEnv *env, unsigned el, bool aa64, bool secure)
{
    ARMSys *s = &env->sys;

    if (arm_cfg_has(env, ARM_FEAT_EL3) && el < 3) {
        s->scr |= (secure ? 0 : SCR_NS) | SCR_HCE;
        if (arm_cfg_has(env, ARM_FEAT_AARCH64)) {
            s->scr |= (aa64 || el == 0 ? SCR_RW : 0) | SCR_APK | SCR_API;
            s->cptr[3] = 0;
        }
        s->nsacr = 0xc00; /* FP is for non-secure state too */
    }
    if (arm_cfg_has(env, ARM_FEAT_EL2) && el < 2) {
        s->hcr |= aa64 ? HCR_RW : 0;
        s->hcr |= arm_cfg_has(env, ARM_FEAT_PAUTH) ? HCR_APK | HCR_API : 0;
    }
    arm_hcr_changed(env);
}

static void set_state(ARMEnv *env, unsigned el, bool aa64)
{
    ARMSys *s = &env->sys;

    s->el = el;
    s->aarch32 = !aa64;
    if (aa64) {
        s->pstate = PSTATE_DAIF | el << PSTATE_EL_SHIFT | PSTATE_SP;
    } else {
        unsigned mode = el == 2 ? ARM_M_HYP : ARM_M_SVC;
        s->pstate = mode | PSTATE_A | PSTATE_I | PSTATE_F;
        s->pstate |= s->sctlr[el] & SCTLR_EE ? PSTATE_E : 0;
        s->el = el == 2 ? 2 : arm_el_of_mode32(env, mode);
    }
}

void arm_reset(CPU *cpu)
{
    ARMEnv *env = arm_cpu_made(cpu);
    const ARMConfig *c = env->cfg;
    const ARMBoard *bd = &env->board;
    bool aa64 = arm_has(c, ARM_FEAT_AARCH64);

    memset(env->x, 0, sizeof(env->x));
    memset(env->v, 0, sizeof(env->v));
    memset(&env->sys, 0, sizeof(env->sys));
    arm_set_nzcv(env, 0);
    env->ge = env->it = env->q = 0;
    env->excl_addr = ARM_EXCL_NONE;
    arm_fpu_reset(env);
    reset_sysregs(env);
    arm_hcr_changed(env);
    set_state(env, env->sys.highest_el, aa64);
    env->cpu.pc = bd->resetvec;
    arm_pc_btype(env, &env->cpu.pc);
    if (!aa64 && !bd->have_boot) {
        bool high = env->sys.sctlr[env->sys.el] & SCTLR_V;
        env->cpu.pc = bd->resetvec ? bd->resetvec : high ? 0xffff0000 : 0;
        env->sys.pstate |= bd->resetvec & 1 ? PSTATE_T : 0;
        env->cpu.pc &= ~UINT64_C(1);
    }
    if (bd->have_boot) {
        const ARMBootState *b = &bd->boot;
        boot_el(env, b->el, b->aarch64, b->secure);
        set_state(env, b->el, b->aarch64);
        memcpy(env->x, b->x, sizeof(b->x));
        env->cpu.pc = b->entry;
        arm_pc_btype(env, &env->cpu.pc);
        if (!b->aarch64) {
            env->sys.pstate |= b->entry & 1 ? PSTATE_T : 0;
            env->cpu.pc &= ~UINT64_C(1);
        }
    }
    cpu->halted = false;
    cpu->stopped = bd->start_off;
    __atomic_store_n(&env->board.power, bd->start_off ? ARM_POWER_OFF : ARM_POWER_ON,
                     __ATOMIC_SEQ_CST);
    arm_timers_reset(env);
    arm_pmu_reset(env);
    env->board.gic_state = 0; /* the GIC was reset, too */
    arm_mmu_changed(env);
}

/* ------------------------------------------------------------------------------------------ */

void arm_dump_state(CPU *cpu, FILE *f)
{
    ARMEnv *env = arm_env(cpu);
    uint32_t p = arm_pstate_read(env);
    unsigned n = env->sys.aarch32 ? 15 : 31;

    uint64_t pc = env->cpu.pc;
    unsigned btype = arm_pc_btype(env, &pc);
    p |= btype << PSTATE_BTYPE_SHIFT;
    fprintf(f, " PC=%016" PRIx64, pc);
    for (unsigned i = 0; i < n; i++) {
        if (env->sys.aarch32) {
            fprintf(f, "%sR%02u=%08x", i % 4 ? " " : "\n", i, (uint32_t)env->x[i]);
        } else {
            fprintf(f, "%sX%02u=%016" PRIx64, (i + 1) % 4 ? " " : "\n", i, env->x[i]);
        }
    }
    if (!env->sys.aarch32) {
        fprintf(f, "  SP=%016" PRIx64 "\n", env->x[31]);
    } else {
        fprintf(f, " R15=%08x\n", (uint32_t)env->cpu.pc);
    }
    fprintf(f, "PSTATE=%08x %c%c%c%c %sEL%u%c\n", p, p >> 31 & 1 ? 'N' : '-',
            p >> 30 & 1 ? 'Z' : '-', p >> 29 & 1 ? 'C' : '-', p >> 28 & 1 ? 'V' : '-',
            arm_secure(env) ? "S " : "NS ", env->sys.el, p & PSTATE_SP ? 'h' : 't');
}

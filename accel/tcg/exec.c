/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The dispatcher: finds units and runs them until something needs the thread's attention, and the
 * ways out of generated code.
 *
 * Inside tcg_exec() env is precise between units. The loop says so by taking on the present epoch.
 * A fault leaves by siglongjmp from cpu_raise_restore() to the top of tcg_exec(), after the side
 * table has put every cell home.
 */
#include "accel/tcg/internal.h"
#include "rhea/log.h"
#include "softmmu/timer.h"

static JumpCacheEntry *jump_cache_entry(CPUEnv *env)
{
    return &env->jump_cache[(env->pc >> env->cpu->target->pc_shift) &
                            ((1u << JUMP_CACHE_BITS) - 1)];
}

/* Is it for this page in the present mode? */
static bool jump_cache_fits(const JumpCacheEntry *jc, const CPUEnv *env, uint64_t host_page)
{
    return jc->pc == env->pc && jc->page == host_page && !((jc->ctx ^ env->ctx) & CPU_CTX_MODE);
}

/*
 * Code for env->pc in the present context, or NULL. An entry of another context, or from before a
 * flush, is good if the mode is the same and the page is mapped as it was; generated code looks at
 * this in the same way (tcg/x86_64/thunks.c).
 */
static const void *jump_cache_find(CPUEnv *env)
{
    JumpCacheEntry *jc = jump_cache_entry(env);
    uint64_t page = env->pc & TLB_PAGE_MASK;

    if (jc->pc != env->pc) {
        return NULL;
    }
    if (jc->ctx != env->ctx) {
        const TlbEntry *e = tlb_table_entry(env->fetch, env->pc);
        if (e->tag_x != page || !jump_cache_fits(jc, env, e->addend + page)) {
            return NULL;
        }
        jc->ctx = env->ctx;
    }
    return jc->code;
}

/* The unit of the jump cache's entry, if it is the one that a look-up would find. */
static Unit *jump_cache_unit(CPU *cpu, uint64_t host_page)
{
    JumpCacheEntry *jc = jump_cache_entry(cpu->env);

    if (!jump_cache_fits(jc, cpu->env, host_page)) {
        return NULL;
    }
    Unit *u = unit_of_code(cpu->tcg->accel, jc->code);
    if (__atomic_load_n(&u->dead, __ATOMIC_RELAXED)) {
        return NULL;
    }
    jc->ctx = cpu->env->ctx;
    return u;
}

Unit *exec_find_unit(CPU *cpu)
{
    CPUEnv *env = cpu->env;
    Accel *a = cpu->tcg->accel;
    const uint8_t *host;
    ram_addr ra = tlb_fetch(cpu, env->pc, &host);
    /* Where permission varies inside the page, each instruction is a unit and is checked each time:
     * nothing leads to such a unit but this function. */
    bool sub = cpu->tcg->fetch_sub;
    uint32_t mode =
        env->mode | (sub ? UNIT_MODE_SUB : 0) | (cpu->tcg->fetch_guarded ? UNIT_MODE_GUARDED : 0);
    uint64_t page = (uint64_t)(uintptr_t)host - (env->pc & ~TLB_PAGE_MASK);
    Unit *u = mode == env->mode ? jump_cache_unit(cpu, page) : NULL;
    if (u) {
        return u;
    }
    u = unit_find(a, ra, mode);
    if (u && u->straddles) {
        const uint8_t *next;
        ram_addr ra2 = tlb_fetch(cpu, (env->pc & TLB_PAGE_MASK) + TLB_PAGE_SIZE, &next);
        if (unit_ra2(a, u) != ra2) {
            /* The same first bytes with another second page: rare, so the older one makes room. */
            units_invalidate(a, ra, 1);
            u = NULL;
        }
    }
    if (!u) {
        u = unit_translate(cpu, ra, host - (env->pc & ~TLB_PAGE_MASK), mode);
        if (!u) {
            tlb_fetch(cpu, (env->pc & TLB_PAGE_MASK) + TLB_PAGE_SIZE, &host);
            g_error("no unit at %#" PRIx64 " although its pages can be fetched", env->pc);
        }
    }
    if (G_UNLIKELY(sub)) {
        if (u->guest_bytes > 2) {
            tlb_fetch(cpu, env->pc + u->guest_bytes - 2, &host);
        }
    } else if (u->code_size && !a->opt.check) {
        bool by_page = !u->straddles && !(mode & UNIT_MODE_GUARDED);
        *jump_cache_entry(env) = (JumpCacheEntry){.pc = env->pc,
                                                  .ctx = env->ctx,
                                                  .code = unit_entry(a, u),
                                                  .page = by_page ? page : JUMP_CACHE_NO_PAGE};
    }
    return u;
}

static void log_exec(CPU *cpu, const Unit *u)
{
    CPUEnv *env = cpu->env;

    if (!rhea_log_in_filter(env->pc)) {
        return;
    }
    if (rhea_log_on(LOG_EXEC)) {
        rhea_log("Trace %u: [%016" PRIx64 "/%#x/%u]\n", cpu->index, env->pc, u->mode, u->ninsns);
    }
    if (rhea_log_on(LOG_CPU) && cpu->target->dump_state) {
        FILE *f = rhea_log_lock();
        cpu->target->dump_state(cpu, f);
        rhea_log_unlock(f);
    }
}

static bool unit_counts(CPU *cpu, const Unit *u)
{
    return cpu->tcg->accel->opt.single_thread || (u->mode & CPU_MODE_COUNT);
}

/* Interpreter as the engine: the unit's instructions are charged at once, as generated code does.
 */
static uint64_t interp_enter(CPU *cpu, Unit *u)
{
    CPUEnv *env = cpu->env;

    if (unit_counts(cpu, u)) {
        if (env->icount_left < u->ninsns) {
            return TCG_LEAVE_ICOUNT;
        }
        env->icount_left -= u->ninsns;
    }
    cpu->tcg->interp_unit = u;
    uint64_t ret = tcg_interp_run(*unit_ir(u), env, cpu->tcg->interp);
    cpu->tcg->interp_unit = NULL;
    return ret;
}

/* True: go on; false: the thread must look at cpu->interrupts or sleep. */
static bool handle_interrupts(CPU *cpu)
{
    CPUEnv *env = cpu->env;

    __atomic_store_n(&env->exit_request, 0, __ATOMIC_SEQ_CST);
    uint32_t pending = __atomic_load_n(&cpu->interrupts, __ATOMIC_SEQ_CST);
    if (pending & ~0xffffu) {
        return false;
    }
    /* The target may hold pending bits of its own beside the lines. */
    if (cpu->target->do_interrupt(cpu)) {
        cpu->halted = false;
    }
    return !cpu->halted;
}

static __thread CPU *current_cpu;

CPU *cpu_current(void)
{
    return current_cpu;
}

void cpu_set_current(CPU *cpu)
{
    current_cpu = cpu;
}

static void exec_leave(CPU *cpu)
{
    cpu->tcg->in_exec = false;
    __atomic_store_n(&cpu->tcg->epoch, EPOCH_OUTSIDE, __ATOMIC_RELEASE);
}

void tcg_exec(CPU *cpu)
{
    TcgCpu *tc = cpu->tcg;
    Accel *a = tc->accel;
    CPUEnv *env = cpu->env;

    cpu_set_current(cpu);
    tc->in_exec = true;
    /* A full barrier: from here on others see that this vCPU may be in generated code. */
    __atomic_store_n(&tc->epoch, __atomic_load_n(&a->epoch, __ATOMIC_ACQUIRE), __ATOMIC_SEQ_CST);
    region_wake_sampler(a);
    bool ask = true;
    if (sigsetjmp(tc->jmp, 0)) {
        /* No exception makes an interrupt possible that was not. */
        ask = tc->excp < 0 || __atomic_load_n(&env->exit_request, __ATOMIC_RELAXED);
    }
    tc->interp_unit = NULL;
    if (tc->excp >= 0) {
        int32_t excp = tc->excp;
        tc->excp = -1;
        cpu->target->do_exception(cpu, excp);
    }
    if (ask && !handle_interrupts(cpu)) {
        exec_leave(cpu);
        return;
    }
    /* After a look-up that missed inline, or that found a dead unit, the jump cache is no help. */
    bool cached = !a->opt.check && a->opt.engine == ACCEL_JIT && !rhea_log_on(LOG_EXEC | LOG_CPU);
    bool try_cache = cached;
    for (;;) {
        const void *code = NULL;
        Unit *u = NULL;
        uint64_t ret;

        /* Between units: links, retired chunks of the cache and whatever else was taken back before
         * this epoch is known to nobody here; what is looked up below stays until the next time. */
        uint64_t epoch = __atomic_load_n(&a->epoch, __ATOMIC_ACQUIRE);
        cache_forget_retired(cpu);
        __atomic_store_n(&tc->epoch, epoch, __ATOMIC_RELEASE);
        if (try_cache) {
            code = jump_cache_find(env);
        }
        if (!code) {
            u = exec_find_unit(cpu);
            code = unit_entry(a, u);
            if (rhea_log_on(LOG_EXEC | LOG_CPU)) {
                log_exec(cpu, u);
            }
        }
        env->pc_page = env->pc & TLB_PAGE_MASK;
        if (G_UNLIKELY(a->opt.check)) {
            ret = check_run(cpu, u);
        } else if (G_LIKELY(code)) {
            ret = a->host->enter(a->thunks, env, code);
        } else {
            ret = interp_enter(cpu, u);
        }
        try_cache = cached && (ret & TCG_LEAVE_MASK) >= TCG_LEAVE_POLL;
        switch (ret & TCG_LEAVE_MASK) {
        case TCG_LEAVE_LOOKUP:
            /* Dead units and the interpreter do not poll. */
            if (!__atomic_load_n(&env->exit_request, __ATOMIC_RELAXED)) {
                break;
            }
            /* fall through */
        case TCG_LEAVE_POLL:
            if (G_UNLIKELY(__atomic_load_n(&tc->sampled, __ATOMIC_ACQUIRE))) {
                region_sample(cpu, unit_from_host(a, ret));
            }
            /* fall through */
        case TCG_LEAVE_MAIN:
            if (!handle_interrupts(cpu)) {
                exec_leave(cpu);
                return;
            }
            break;
        case TCG_LEAVE_LINK: {
            Unit *src = unit_from_host(a, ret);
            TcgCode left = unit_code(a, src);
            TcgExit *e = tcg_exit_of(&left, ret);
            env->pc = env->pc_page + e->offset;
            if (__atomic_load_n(&env->exit_request, __ATOMIC_RELAXED)) {
                if (!handle_interrupts(cpu)) {
                    exec_leave(cpu);
                    return;
                }
                break;
            }
            unsigned emptied = a->cache.emptied;
            Unit *dest = exec_find_unit(cpu);
            /* The exit's chunk may have been emptied while this vCPU waited to be alone. */
            if (a->cache.emptied == emptied && !(dest->mode & UNIT_MODE_SUB)) {
                /* A link that another context needs, too, is left to it most of the time. */
                if (env->relink <= 0 ||
                    __atomic_load_n(&e->dest, __ATOMIC_RELAXED) != unit_ref(a, dest)) {
                    unit_link(cpu, src, e, dest);
                }
                if (env->relink <= 0) {
                    env->relink = tc->relink_next;
                    tc->relink_next = MIN(2 * tc->relink_next, RELINK_MOST);
                }
            }
            try_cache = cached; /* which has it now */
            break;
        }
        case TCG_LEAVE_ICOUNT:
            exec_leave(cpu);
            return;
        }
    }
}

/* env becomes precise at the instruction that called out of generated code at ra. */
static void restore_state(CPU *cpu, uintptr_t ra)
{
    TcgCpu *tc = cpu->tcg;
    Accel *a = tc->accel;
    CPUEnv *env = cpu->env;

    if (tc->interp_unit) {
        if (unit_counts(cpu, tc->interp_unit)) {
            env->icount_left += tc->interp_unit->ninsns - tcg_interp_insn(tc->interp);
        }
        tc->interp_unit = NULL;
        return;
    }
    if (ra == 0) {
        return;
    }
    Unit *u = unit_from_host(a, ra);
    TcgCode code = u ? unit_code(a, u) : (TcgCode){0};
    int64_t rel;
    unsigned insn;
    if (!u || !a->host->restore(a->thunks, &code, env, ra, &rel, &insn)) {
        g_error("no side table row for %#zx", (size_t)ra);
    }
    env->pc = env->pc_page + rel;
    if (cpu->target->pc32) {
        env->pc = (uint32_t)env->pc;
    }
    if (unit_counts(cpu, u)) {
        env->icount_left += u->ninsns - insn;
    }
}

void cpu_loop_exit_restore(CPU *cpu, uintptr_t ra)
{
    restore_state(cpu, ra);
    cpu->tcg->excp = -1;
    siglongjmp(cpu->tcg->jmp, 1);
}

void cpu_raise_restore(CPU *cpu, int32_t excp, uintptr_t ra)
{
    restore_state(cpu, ra);
    cpu->tcg->excp = excp;
    siglongjmp(cpu->tcg->jmp, 1);
}

bool cpu_unit_counts(CPU *cpu, uintptr_t ra)
{
    Unit *u = cpu->tcg->interp_unit;

    if (!u && ra) {
        u = unit_from_host(cpu->tcg->accel, ra);
    }
    return u ? unit_counts(cpu, u) : cpu->tcg->accel->opt.single_thread;
}

uint64_t cpu_insn_count(CPU *cpu, uintptr_t ra)
{
    TcgCpu *tc = cpu->tcg;
    Accel *a = tc->accel;
    uint64_t n;

    if (a->opt.single_thread) {
        n = tc->insns + a->icount_slice - cpu->env->icount_left;
    } else if (cpu->env->mode & CPU_MODE_COUNT) {
        n = TCG_COUNT_START - cpu->env->icount_left;
    } else {
        return a->clocks ? clock_get_ns(a->clocks, CLK_VIRTUAL) : 0;
    }
    if (tc->interp_unit) {
        if (unit_counts(cpu, tc->interp_unit)) {
            n -= tc->interp_unit->ninsns - tcg_interp_insn(tc->interp);
        }
    } else if (ra) {
        Unit *u = unit_from_host(a, ra);
        TcgCode code = u ? unit_code(a, u) : (TcgCode){0};
        unsigned insn;
        if (u && unit_counts(cpu, u) && a->host->insn_of(&code, ra, &insn)) {
            n -= u->ninsns - insn;
        }
    }
    return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V traps: raising exceptions, delegation, interrupts, return from traps, waiting. Privileged
 * specification 3.1.6 to 3.1.9, 3.1.15, 3.3 and 12.1.
 *
 * mip is put together of three sources (3.1.9):
 *   CPU.interrupts  lines: MSI, MTI, MEI, SEI, STI with Sstc; and SSI and LCOFI, which devices and
 *                   counters only set and the guest only clears
 *   env->mip        bits that M mode wrote: SEIP (OR'd with the line), STIP without Sstc
 *
 * Runs on the hart's thread. Test: tests/unit/test-riscv-csr.c
 */
#include <inttypes.h>
#include "target/riscv/cpu.h"
#include "rhea/log.h"
#include "target/riscv/bits.h"

static const char *const exc_names[] = {
    [RISCV_EXC_INSN_MISALIGNED] = "misaligned_fetch",
    [RISCV_EXC_INSN_ACCESS] = "fault_fetch",
    [RISCV_EXC_ILLEGAL] = "illegal_instruction",
    [RISCV_EXC_BREAKPOINT] = "breakpoint",
    [RISCV_EXC_LOAD_MISALIGNED] = "misaligned_load",
    [RISCV_EXC_LOAD_ACCESS] = "fault_load",
    [RISCV_EXC_STORE_MISALIGNED] = "misaligned_store",
    [RISCV_EXC_STORE_ACCESS] = "fault_store",
    [RISCV_EXC_ECALL_U] = "user_ecall",
    [RISCV_EXC_ECALL_S] = "supervisor_ecall",
    [RISCV_EXC_ECALL_M] = "machine_ecall",
    [RISCV_EXC_INSN_PAGE] = "exec_page_fault",
    [RISCV_EXC_LOAD_PAGE] = "load_page_fault",
    [RISCV_EXC_STORE_PAGE] = "store_page_fault",
};
static const char *const int_names[] = {
    [1] = "s_software", [3] = "m_software",  [5] = "s_timer",        [7] = "m_timer",
    [9] = "s_external", [11] = "m_external", [13] = "local_counter",
};

/* ------------------------------------------------------------------------------------------ */
/* Exceptions */

void riscv_raise(RISCVEnv *env, unsigned cause, uint64_t tval, uintptr_t ra)
{
    env->tval = tval;
    cpu_raise_restore(env->cpu.cpu, cause, ra);
}

void riscv_raise_illegal(RISCVEnv *env, uint32_t insn, uintptr_t ra)
{
    riscv_raise(env, RISCV_EXC_ILLEGAL, insn, ra);
}

static void helper_riscv_raise(RISCVEnv *env, uint64_t cause, uint64_t tval)
{
    riscv_raise(env, cause, tval & env->xmask, RHEA_RA());
}
RISCV_HELPER(raise, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS, TCG_I64, TCG_I64);

static void helper_riscv_illegal(RISCVEnv *env, uint32_t insn)
{
    riscv_raise_illegal(env, insn, RHEA_RA());
}
RISCV_HELPER(illegal, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS, TCG_I32);

/* tval is set in riscv_do_exception(). */
static void helper_riscv_ebreak(RISCVEnv *env, uint32_t insn)
{
    riscv_raise(env, RISCV_EXC_BREAKPOINT, 0, RHEA_RA());
}
RISCV_HELPER(ebreak, VOID, true, TCG_HELPER_NORETURN | TCG_HELPER_FAULTS, TCG_I32);

void riscv_set_priv(RISCVEnv *env, unsigned priv)
{
    if (env->hpm_filtered && priv != env->priv) {
        riscv_hpm_set_priv(env, priv);
    }
    env->priv = priv;
    riscv_mmu_priv_changed(env);
}

/* 3.1.6.1, 3.1.7, 3.1.8, 12.1.1, 12.1.2 */
static void excp_enter(RISCVEnv *env, unsigned code, bool interrupt, uint64_t tval)
{
    uint64_t cause = code, pc = env->cpu.pc & env->xmask, vec;
    uint64_t deleg = interrupt ? env->mideleg : env->medeleg;
    bool to_s = env->priv != RISCV_PRV_M && (deleg >> code & 1);

    riscv_trigger_trap(env, code, interrupt);
    if (rhea_log_on(LOG_INT)) {
        const char *name = NULL;
        if (interrupt) {
            name = code < G_N_ELEMENTS(int_names) ? int_names[code] : NULL;
        } else {
            name = code < G_N_ELEMENTS(exc_names) ? exc_names[code] : NULL;
        }
        rhea_log("riscv_cpu_do_interrupt: hart:%" PRIu64 ", async:%d, cause:%016x, "
                 "epc:0x%08" PRIx64 ", tval:0x%016" PRIx64 ", desc=%s\n",
                 env->hartid, interrupt, code, pc, tval, name ? name : "(unknown)");
    }
    if (interrupt) {
        cause |= env->cfg->xlen == 32 ? BIT64(31) : BIT64(63);
    }
    env->res_addr = RISCV_RES_NONE;
    if (to_s) {
        uint64_t s = env->mstatus & ~(MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE);
        s |= env->priv == RISCV_PRV_S ? MSTATUS_SPP : 0;
        s |= env->mstatus & MSTATUS_SIE ? MSTATUS_SPIE : 0;
        env->mstatus = s;
        env->scause = cause;
        env->sepc = pc;
        env->stval = tval;
        vec = env->stvec;
    } else {
        uint64_t s = env->mstatus & ~(MSTATUS_MPP | MSTATUS_MPIE | MSTATUS_MIE);
        s |= (uint64_t)env->priv << MSTATUS_MPP_SHIFT;
        s |= env->mstatus & MSTATUS_MIE ? MSTATUS_MPIE : 0;
        env->mstatus = s;
        env->mcause = cause;
        env->mepc = pc;
        env->mtval = tval;
        vec = env->mtvec;
    }
    env->cpu.pc = (vec & ~UINT64_C(3)) + (interrupt && (vec & 1) ? 4 * code : 0);
    env->cpu.pc &= env->xmask;
    riscv_set_priv(env, to_s ? RISCV_PRV_S : RISCV_PRV_M);
    if (G_UNLIKELY(env->trigger_trapped) && riscv_trigger_trapped(env)) {
        excp_enter(env, RISCV_EXC_BREAKPOINT, false, 0);
        env->trigger_trapped = 0;
    }
}

/* Taken without leaving generated code, which goes on at the address returned. The instruction does
 * not count as retired (3.3.1). */
static uint64_t helper_riscv_ecall(RISCVEnv *env, uint64_t pc)
{
    env->cpu.pc = pc;
    if ((env->cpu.mode & CPU_MODE_COUNT) || cpu_unit_counts(env->cpu.cpu, 0)) {
        env->cpu.icount_left++;
    }
    excp_enter(env, RISCV_EXC_ECALL_U + env->priv, false, 0);
    return env->cpu.pc;
}
RISCV_HELPER(ecall, I64, true, TCG_HELPER_IO, TCG_I64);

void riscv_do_exception(CPU *cpu, int32_t excp)
{
    RISCVEnv *env = riscv_env(cpu);

    if (excp == RISCV_EXC_TRIGGER) {
        excp_enter(env, RISCV_EXC_BREAKPOINT, false, env->tval);
        return;
    }
    /* The address of an EBREAK, 3.1.16; only now is it known. */
    excp_enter(env, excp, false, excp == RISCV_EXC_BREAKPOINT ? env->cpu.pc : env->tval);
}

/* ------------------------------------------------------------------------------------------ */
/* Interrupts */

uint64_t riscv_mip(RISCVEnv *env)
{
    uint64_t lines = __atomic_load_n(&env->cpu.cpu->interrupts, __ATOMIC_ACQUIRE) & 0xffff;

    return lines | env->mip;
}

int riscv_top_interrupt(uint64_t pending)
{
    static const uint8_t order[] = {RISCV_LINE_MEI, RISCV_LINE_MSI, RISCV_LINE_MTI,  RISCV_LINE_SEI,
                                    RISCV_LINE_SSI, RISCV_LINE_STI, RISCV_LINE_LCOFI};

    for (unsigned i = 0; pending && i < G_N_ELEMENTS(order); i++) {
        if (pending >> order[i] & 1) {
            return order[i];
        }
    }
    return -1;
}

/* Interrupt to take now, or -1: 3.1.9, 12.1.3. */
static int excp_pending(RISCVEnv *env)
{
    uint64_t pending = riscv_mip(env) & env->mie, take = 0;

    if (G_LIKELY(!pending)) {
        return -1;
    }
    if (env->priv != RISCV_PRV_M || (env->mstatus & MSTATUS_MIE)) {
        take = pending & ~env->mideleg;
    }
    if (!take &&
        (env->priv == RISCV_PRV_U || (env->priv == RISCV_PRV_S && (env->mstatus & MSTATUS_SIE)))) {
        take = pending & env->mideleg;
    }
    return riscv_top_interrupt(take);
}

void riscv_check_interrupts(RISCVEnv *env)
{
    if (excp_pending(env) >= 0) {
        __atomic_store_n(&env->cpu.exit_request, 1, __ATOMIC_RELEASE);
    }
}

bool riscv_do_interrupt(CPU *cpu)
{
    RISCVEnv *env = riscv_env(cpu);
    int code = excp_pending(env);

    if (code < 0) {
        return false;
    }
    excp_enter(env, code, true, 0);
    return true;
}

/* 3.3.3: whatever the global enables and delegation say. */
bool riscv_has_work(CPU *cpu)
{
    RISCVEnv *env = riscv_env(cpu);

    return (riscv_mip(env) & env->mie) != 0;
}

/* ------------------------------------------------------------------------------------------ */
/* Return from traps, 3.1.6.1, 3.3.2 */

static uint64_t excp_pc_mask(const RISCVEnv *env)
{
    return env->xmask & ~(riscv_has(env->cfg, RISCV_EXT_ZCA) ? UINT64_C(1) : UINT64_C(3));
}

static uint64_t helper_riscv_mret(RISCVEnv *env, uint32_t insn)
{
    if (env->priv != RISCV_PRV_M) {
        riscv_raise_illegal(env, insn, RHEA_RA());
    }
    unsigned mpp = (env->mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT;
    uint64_t s = env->mstatus & ~(MSTATUS_MPP | MSTATUS_MIE);
    s |= s & MSTATUS_MPIE ? MSTATUS_MIE : 0;
    s |= MSTATUS_MPIE;
    if (!riscv_has(env->cfg, RISCV_EXT_U)) {
        s |= MSTATUS_MPP;
    }
    if (mpp != RISCV_PRV_M) {
        s &= ~MSTATUS_MPRV;
    }
    env->mstatus = s;
    if (env->counting_m && mpp != RISCV_PRV_M) {
        riscv_pmu_leave_m(env);
    }
    riscv_set_priv(env, mpp);
    riscv_check_interrupts(env);
    return env->mepc & excp_pc_mask(env);
}
RISCV_HELPER(mret, I64, true, TCG_HELPER_FAULTS | TCG_HELPER_IO, TCG_I32);

static uint64_t helper_riscv_sret(RISCVEnv *env, uint32_t insn)
{
    if (env->priv == RISCV_PRV_U || !riscv_has(env->cfg, RISCV_EXT_S) ||
        (env->priv == RISCV_PRV_S && (env->mstatus & MSTATUS_TSR))) {
        riscv_raise_illegal(env, insn, RHEA_RA());
    }
    unsigned spp = env->mstatus & MSTATUS_SPP ? RISCV_PRV_S : RISCV_PRV_U;
    uint64_t s = env->mstatus & ~(MSTATUS_SPP | MSTATUS_SIE);
    s |= s & MSTATUS_SPIE ? MSTATUS_SIE : 0;
    s |= MSTATUS_SPIE;
    if (env->cfg->priv_spec >= RISCV_PRIV_1_12) {
        s &= ~MSTATUS_MPRV;
    }
    env->mstatus = s;
    riscv_set_priv(env, spp);
    riscv_check_interrupts(env);
    return env->sepc & excp_pc_mask(env);
}
RISCV_HELPER(sret, I64, true, TCG_HELPER_FAULTS | TCG_HELPER_IO, TCG_I32);

/* ------------------------------------------------------------------------------------------ */
/* Waiting */

/* 3.3.3, 3.1.6.6: in U mode WFI does not complete in bounded time if there is an S mode. */
static void helper_riscv_wfi(RISCVEnv *env, uint32_t insn)
{
    bool s_mode = riscv_has(env->cfg, RISCV_EXT_S);

    if ((env->priv != RISCV_PRV_M && (env->mstatus & MSTATUS_TW)) ||
        (env->priv == RISCV_PRV_U && s_mode)) {
        riscv_raise_illegal(env, insn, RHEA_RA());
    }
    if (!riscv_has_work(env->cpu.cpu)) {
        env->cpu.cpu->halted = true;
    } else if (excp_pending(env) < 0) {
        /* An interrupt that is not taken ends each WFI of a loop that waits for something else. */
        cpu_spin(env->cpu.cpu);
    }
}
RISCV_HELPER(wfi, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO, TCG_I32);

/* Zihintpause */
static void helper_riscv_pause(RISCVEnv *env)
{
    cpu_spin(env->cpu.cpu);
}
RISCV_HELPER(pause, VOID, true, 0);

/*
 * WRS.NTO (insn bit 21 clear) and WRS.STO, chapter "Zawrs". Both may return at any time. Without a
 * reservation they are a no-op.
 */
static void helper_riscv_wrs(RISCVEnv *env, uint32_t insn)
{
    bool nto = (insn >> 20) == 0x00d;

    if (nto && env->priv != RISCV_PRV_M && (env->mstatus & MSTATUS_TW)) {
        riscv_raise_illegal(env, insn, RHEA_RA());
    }
    if (env->res_addr != RISCV_RES_NONE && !riscv_has_work(env->cpu.cpu)) {
        cpu_spin(env->cpu.cpu);
    }
}
RISCV_HELPER(wrs, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO, TCG_I32);

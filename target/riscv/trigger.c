/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V debug triggers: RISC-V Debug Specification 1.0, chapter 5 "Sdtrig". Each trigger can be an
 * address match on fetches, loads and stores (mcontrol, mcontrol6), count instructions (icount), or
 * match traps (itrigger, etrigger). The only action is the breakpoint exception, always before the
 * instruction. Data values, chains, the action "enter Debug Mode" and supervisor contexts are not
 * there: their fields read as zero.
 *
 * How accesses are seen: pages that the range of an address match touches are entered into the soft
 * TLB as pages that are asked for each access (TlbFill.sub), so riscv_tlb_fill() comes here before
 * every one of them, and nothing else is slower. Mode bits make units count instructions for icount
 * and make atomics look at load triggers. What changes often (privilege, interrupt enables,
 * context) is looked at when an access comes, so that no flush is needed for it.
 *
 * Reentrancy (5.4): a trigger does not match in M mode while mstatus.MIE is 0, nor in S mode while
 * breakpoints are delegated and mstatus.SIE is 0. There is no tcontrol.
 *
 * Invariant: trigger[].lo, hi and the flags trigger_watch, trigger_load and trigger_count follow
 * from the registers.
 * Runs on the hart's thread. Test: tests/unit/test-riscv-csr.c, tests/insn/riscv/priv/trigger*.S
 */
#include "target/riscv/cpu.h"
#include "target/riscv/bits.h"

/* tdata1, 5.7.2: the type is on top on both widths, the rest is at the bottom but for some. */
enum {
    TYPE_MCONTROL = 2,
    TYPE_ICOUNT = 3,
    TYPE_ITRIGGER = 4,
    TYPE_ETRIGGER = 5,
    TYPE_MCONTROL6 = 6,
    TYPE_DISABLED = 15,
};
#define TINFO_VERSION (UINT64_C(1) << 24) /* 1.0 */

#define MATCH_LOAD         BIT64(0) /* mcontrol, mcontrol6 */
#define MATCH_STORE        BIT64(1)
#define MATCH_EXECUTE      BIT64(2)
#define MATCH_U            BIT64(3)
#define MATCH_S            BIT64(4)
#define MATCH_M            BIT64(6)
#define MATCH_HOW          (UINT64_C(15) << 7)
#define MATCH_SIZE         (UINT64_C(3) << 16)
#define MATCH_SIZEHI       (UINT64_C(3) << 21) /* mcontrol, RV64 */
#define MATCH_SIZE6        (UINT64_C(7) << 16) /* mcontrol6 */
#define MATCH_HIT          BIT64(20)
#define MATCH_HIT0         BIT64(22) /* of hit1:hit0; 1: before the instruction */
#define MATCH_HOW_SHIFT    7
#define MATCH_SIZE_SHIFT   16
#define MATCH_SIZEHI_SHIFT 21

#define TRAP_U         BIT64(6) /* icount, itrigger, etrigger */
#define TRAP_S         BIT64(7)
#define TRAP_M         BIT64(9)
#define ICOUNT_PENDING BIT64(8)
#define ICOUNT_COUNT   (UINT64_C(0x3fff) << 10)
#define ICOUNT_ONE     (UINT64_C(1) << 10)
#define ICOUNT_HIT     BIT64(24)

/* tdata3 is textra: mhselect 0 or 4, mhvalue. */
#define TEXTRA64_MHVALUE_SHIFT 51
#define TEXTRA32_MHVALUE_SHIFT 26

static unsigned trigger_type(const RISCVEnv *env, uint64_t tdata1)
{
    return tdata1 >> (env->cfg->xlen - 4) & 15;
}

static uint64_t trigger_make(const RISCVEnv *env, unsigned type, uint64_t rest)
{
    return (uint64_t)type << (env->cfg->xlen - 4) | rest;
}

static bool trigger_is_match(unsigned type)
{
    return type == TYPE_MCONTROL || type == TYPE_MCONTROL6;
}

static uint64_t trigger_modes(const RISCVEnv *env, uint64_t m, uint64_t s, uint64_t u)
{
    return m | (riscv_has(env->cfg, RISCV_EXT_S) ? s : 0) |
           (riscv_has(env->cfg, RISCV_EXT_U) ? u : 0);
}

/* Is it enabled for priv? m, s and u are the bits of its type. */
static bool trigger_for_priv(uint64_t tdata1, unsigned priv, uint64_t m, uint64_t s, uint64_t u)
{
    return tdata1 & (priv == RISCV_PRV_M ? m : priv == RISCV_PRV_S ? s : u);
}

/* tdata3: mcontext must have the value asked for. */
static bool trigger_context(const RISCVEnv *env, const RISCVTrigger *t)
{
    bool rv64 = env->cfg->xlen == 64;
    unsigned shift = rv64 ? TEXTRA64_MHVALUE_SHIFT : TEXTRA32_MHVALUE_SHIFT;
    uint64_t value = t->tdata3 >> shift, mask = rv64 ? 0x1fff : 0x3f;

    return !(t->tdata3 >> (shift - 1) & 1) || (env->mcontext & mask) == value;
}

/* 5.4, the first solution. */
static bool trigger_may_fire(const RISCVEnv *env)
{
    switch (env->priv) {
    case RISCV_PRV_M:
        return env->mstatus & MSTATUS_MIE;
    case RISCV_PRV_S:
        return !(env->medeleg >> RISCV_EXC_BREAKPOINT & 1) || (env->mstatus & MSTATUS_SIE);
    default:
        return true;
    }
}

static unsigned match_size(unsigned type, uint64_t tdata1)
{
    static const uint8_t bytes[16] = {[1] = 1, [2] = 2, [3] = 4, [5] = 8};

    return type == TYPE_MCONTROL6 ? bytes[(tdata1 & MATCH_SIZE6) >> MATCH_SIZE_SHIFT]
                                  : bytes[(tdata1 & MATCH_SIZE) >> MATCH_SIZE_SHIFT |
                                          (tdata1 & MATCH_SIZEHI) >> MATCH_SIZEHI_SHIFT << 2];
}

/* ------------------------------------------------------------------------------------------ */
/* Registers */

/* What the registers mean. */
static void trigger_update(RISCVEnv *env)
{
    bool count = false, load = false, watch = false;

    for (unsigned n = 0; n < RISCV_TRIGGERS; n++) {
        RISCVTrigger *t = &env->trigger[n];
        unsigned type = trigger_type(env, t->tdata1);

        t->lo = 1;
        t->hi = 0;
        count |= type == TYPE_ICOUNT && (t->tdata1 & (ICOUNT_COUNT | ICOUNT_PENDING)) &&
                 (t->tdata1 & (TRAP_M | TRAP_S | TRAP_U));
        if (!trigger_is_match(type) || !(t->tdata1 & (MATCH_M | MATCH_S | MATCH_U)) ||
            !(t->tdata1 & (MATCH_EXECUTE | MATCH_LOAD | MATCH_STORE))) {
            continue;
        }
        uint64_t a = t->tdata2, low = a ^ (a + 1);
        switch ((t->tdata1 & MATCH_HOW) >> MATCH_HOW_SHIFT) {
        case 0:
            t->lo = t->hi = a;
            break;
        case 1: /* NAPOT: the lowest 0 of the address and what is below it does not count */
            t->lo = a & ~low;
            t->hi = (a | low) & env->xmask;
            break;
        case 2:
            t->lo = a;
            t->hi = env->xmask;
            break;
        default:
            if (a) {
                t->lo = 0;
                t->hi = a - 1;
            }
        }
        watch |= t->lo <= t->hi;
        load |= t->tdata1 & MATCH_LOAD;
    }
    bool flush = watch || env->trigger_watch;
    env->trigger_watch = watch;
    env->trigger_load = load && watch;
    if (flush) {
        tlb_flush_all(env->cpu.cpu);
    }
    if (flush || count != env->trigger_count) {
        env->trigger_count = count;
        riscv_mmu_changed(env);
    }
}

void riscv_trigger_reset(RISCVEnv *env)
{
    for (unsigned n = 0; n < RISCV_TRIGGERS; n++) {
        env->trigger[n] =
            (RISCVTrigger){.tdata1 = trigger_make(env, TYPE_DISABLED, 0), .lo = 1, .hi = 0};
    }
}

uint64_t riscv_tinfo_read(const RISCVEnv *env)
{
    return TINFO_VERSION | BIT64(TYPE_MCONTROL) | BIT64(TYPE_ICOUNT) | BIT64(TYPE_ITRIGGER) |
           BIT64(TYPE_ETRIGGER) | BIT64(TYPE_MCONTROL6) | BIT64(TYPE_DISABLED);
}

void riscv_tselect_write(RISCVEnv *env, uint64_t val)
{
    if (val < RISCV_TRIGGERS) {
        env->tselect = val;
    }
}

/* 5.7.11, 5.7.12: only what is there can be written. */
static uint64_t tdata1_match(const RISCVEnv *env, unsigned type, uint64_t val)
{
    bool rv64 = env->cfg->xlen == 64;
    uint64_t keep = MATCH_LOAD | MATCH_STORE | MATCH_EXECUTE |
                    trigger_modes(env, MATCH_M, MATCH_S, MATCH_U) |
                    (type == TYPE_MCONTROL6 ? MATCH_HIT0 : MATCH_HIT);
    uint64_t rest = val & keep;
    uint64_t size = val & (type == TYPE_MCONTROL6 ? MATCH_SIZE6
                           : rv64                 ? MATCH_SIZE | MATCH_SIZEHI
                                                  : MATCH_SIZE);

    if (((val & MATCH_HOW) >> MATCH_HOW_SHIFT) < 4) {
        rest |= val & MATCH_HOW;
    }
    /* The length of an instruction is not looked at. */
    unsigned bytes = match_size(type, size);
    if (!(val & MATCH_EXECUTE) && bytes &&
        bytes <= (rv64 || riscv_has(env->cfg, RISCV_EXT_D) ? 8 : 4)) {
        rest |= size;
    }
    if (type == TYPE_MCONTROL) { /* maskmax */
        rest |= (uint64_t)(env->cfg->xlen - 1) << (env->cfg->xlen - 11);
    }
    return trigger_make(env, type, rest);
}

static uint64_t tdata1_legal(const RISCVEnv *env, uint64_t val)
{
    unsigned type = trigger_type(env, val);
    uint64_t modes = trigger_modes(env, TRAP_M, TRAP_S, TRAP_U);

    switch (type) {
    case TYPE_MCONTROL:
    case TYPE_MCONTROL6:
        return tdata1_match(env, type, val);
    case TYPE_ICOUNT:
        return trigger_make(env, type, val & (modes | ICOUNT_COUNT | ICOUNT_PENDING | ICOUNT_HIT));
    case TYPE_ITRIGGER:
    case TYPE_ETRIGGER:
        return trigger_make(env, type, val & (modes | BIT64(env->cfg->xlen - 6)));
    default:
        return trigger_make(env, TYPE_DISABLED, 0);
    }
}

uint64_t riscv_tdata_read(const RISCVEnv *env, unsigned reg)
{
    const RISCVTrigger *t = &env->trigger[env->tselect];

    return reg == 1 ? t->tdata1 : reg == 2 ? t->tdata2 : t->tdata3;
}

void riscv_tdata_write(RISCVEnv *env, unsigned reg, uint64_t val)
{
    RISCVTrigger *t = &env->trigger[env->tselect];
    bool rv64 = env->cfg->xlen == 64;
    unsigned shift = rv64 ? TEXTRA64_MHVALUE_SHIFT : TEXTRA32_MHVALUE_SHIFT;

    switch (reg) {
    case 1:
        t->tdata1 = tdata1_legal(env, val & env->xmask);
        break;
    case 2:
        t->tdata2 = val & env->xmask;
        break;
    default:
        t->tdata3 = val & env->xmask & ~(BIT64(shift - 1) - 1);
    }
    trigger_update(env);
}

/* ------------------------------------------------------------------------------------------ */
/* Accesses */

static G_NORETURN void trigger_fire(RISCVEnv *env, RISCVTrigger *t, uint64_t hit, uint64_t tval,
                                    uintptr_t ra)
{
    t->tdata1 |= hit;
    riscv_raise(env, RISCV_EXC_TRIGGER, tval, ra);
}

bool riscv_trigger_page(const RISCVEnv *env, uint64_t vaddr)
{
    uint64_t page = vaddr & TLB_PAGE_MASK, last = page + TLB_PAGE_SIZE + 16 - 2;

    if (last < page) {
        last = UINT64_MAX;
    }
    for (unsigned n = 0; n < RISCV_TRIGGERS; n++) {
        const RISCVTrigger *t = &env->trigger[n];
        if (t->lo <= t->hi && t->lo <= last && t->hi >= page) {
            return true;
        }
    }
    return false;
}

void riscv_trigger_check(RISCVEnv *env, uint64_t vaddr, unsigned size, TlbAccess access,
                         uintptr_t ra)
{
    static const uint8_t kind[] = {
        [TLB_READ] = MATCH_LOAD, [TLB_WRITE] = MATCH_STORE, [TLB_FETCH] = MATCH_EXECUTE};
    uint64_t first = vaddr & env->xmask;
    /* Of an instruction, only where it begins counts. */
    uint64_t last = access == TLB_FETCH ? first : first + size - 1;

    if (access == TLB_FETCH && first != env->cpu.pc) {
        return;
    }
    for (unsigned n = 0; n < RISCV_TRIGGERS; n++) {
        RISCVTrigger *t = &env->trigger[n];
        if (t->lo > t->hi || t->lo > last || t->hi < first || !(t->tdata1 & kind[access]) ||
            !trigger_for_priv(t->tdata1, env->priv, MATCH_M, MATCH_S, MATCH_U)) {
            continue;
        }
        unsigned type = trigger_type(env, t->tdata1), only = match_size(type, t->tdata1);
        if ((!only || only == size) && trigger_context(env, t) && trigger_may_fire(env)) {
            trigger_fire(env, t, type == TYPE_MCONTROL6 ? MATCH_HIT0 : MATCH_HIT, first, ra);
        }
    }
}

/* ------------------------------------------------------------------------------------------ */
/* Counting, and traps */

static bool icount_on(const RISCVEnv *env, const RISCVTrigger *t)
{
    return trigger_type(env, t->tdata1) == TYPE_ICOUNT &&
           trigger_for_priv(t->tdata1, env->priv, TRAP_M, TRAP_S, TRAP_U) &&
           trigger_context(env, t) && trigger_may_fire(env);
}

static void icount_match(RISCVTrigger *t)
{
    if (t->tdata1 & ICOUNT_COUNT) {
        t->tdata1 -= ICOUNT_ONE;
        t->tdata1 |= t->tdata1 & ICOUNT_COUNT ? 0 : ICOUNT_PENDING;
    }
}

/* Before an instruction. It counts whether it retires or traps, so it can be counted here. */
static void helper_riscv_icount(RISCVEnv *env)
{
    for (unsigned n = 0; n < RISCV_TRIGGERS; n++) {
        RISCVTrigger *t = &env->trigger[n];
        if (icount_on(env, t)) {
            if (t->tdata1 & ICOUNT_PENDING) {
                t->tdata1 &= ~ICOUNT_PENDING;
                trigger_fire(env, t, ICOUNT_HIT, 0, RHEA_RA());
            }
            icount_match(t);
        }
    }
}
RISCV_HELPER(icount, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO);

void riscv_trigger_trap(RISCVEnv *env, unsigned code, bool interrupt)
{
    bool fetch = code == RISCV_EXC_INSN_ACCESS || code == RISCV_EXC_INSN_PAGE;
    bool xcode = code < env->cfg->xlen;

    for (unsigned n = 0; n < RISCV_TRIGGERS; n++) {
        RISCVTrigger *t = &env->trigger[n];
        unsigned type = trigger_type(env, t->tdata1);
        /* No instruction has begun that would have been counted. */
        if ((interrupt || fetch) && icount_on(env, t)) {
            icount_match(t);
        }
        if (type == (interrupt ? TYPE_ITRIGGER : TYPE_ETRIGGER) && xcode &&
            (t->tdata2 >> code & 1) &&
            trigger_for_priv(t->tdata1, env->priv, TRAP_M, TRAP_S, TRAP_U) &&
            trigger_context(env, t)) {
            env->trigger_trapped |= 1u << n;
        }
    }
}

bool riscv_trigger_trapped(RISCVEnv *env)
{
    unsigned which = env->trigger_trapped;

    env->trigger_trapped = 0;
    if (!which || !trigger_may_fire(env)) {
        return false;
    }
    for (unsigned n = 0; n < RISCV_TRIGGERS; n++) {
        env->trigger[n].tdata1 |= which >> n & 1 ? BIT64(env->cfg->xlen - 6) : 0;
    }
    return true;
}

uint32_t riscv_trigger_mode(const RISCVEnv *env)
{
    return (env->trigger_count ? RISCV_MODE_ICOUNT : 0) |
           (env->trigger_load ? RISCV_MODE_WATCH : 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * PSCI 1.1 (DEN0022) with three CPUs: versions and features, CPU_ON and what it returns, the state
 * a CPU starts in, CPU_OFF, AFFINITY_INFO, CPU_SUSPEND, SYSTEM_RESET; SYSTEM_OFF ends the program.
 * The program runs twice: RAM tells that it is behind a reset.
 */
#include "a64.h"

#define MAGIC  0x5ca1ab1e0ddba11ul
#define BEHIND (*(volatile u64 *)0x46000000)
#define KEPT   (*(volatile u64 *)0x46000008) /* the failures of the first run */

enum {
    VERSION = 0x84000000,
    SUSPEND = 0x84000001,
    OFF = 0x84000002,
    ON = 0x84000003,
    AFFINITY = 0x84000004,
    MIGRATE = 0x84000005,
    MIGRATE_TYPE = 0x84000006,
    SYSTEM_OFF = 0x84000008,
    SYSTEM_RESET = 0x84000009,
    FEATURES = 0x8400000a,
    SYSTEM_RESET2 = 0x84000012,
};
#define W 0x40000000u /* the 64-bit form */

static u64 started[4], level, sctlr, daif, spsel, mpidr, context;

/* Before anything is set up: what reset and the call leave. */
void first(u64 arg);
__asm__(".text\n.global bare_entry\nbare_entry:\nmov x20, x0\nmrs x1, mpidr_el1\nand x1, x1, 0xff\n"
        "mov x2, 0x47000000\nsub x2, x2, x1, lsl 16\nmov sp, x2\nmov x0, x20\nb first\n");
extern char bare_entry[];

void first(u64 arg)
{
    level = current_el();
    sctlr = level == 2 ? MRS("sctlr_el2") : MRS("sctlr_el1");
    daif = MRS("daif");
    spsel = MRS("spsel");
    mpidr = MRS("mpidr_el1") & 0xff;
    WRITE(context, arg);
    WRITE(started[mpidr], started[mpidr] + 1);
    psci(OFF, 0, 0, 0);
    WRITE(started[0], 99); /* not reached */
}

static u32 call(u32 fn, u64 a1, u64 a2, u64 a3)
{
    return psci(fn, a1, a2, a3);
}

/* Until AFFINITY_INFO is v. */
static u32 wait_affinity(u32 cpu, u32 v)
{
    u64 end = MRS("cntpct_el0") + 20 * MRS("cntfrq_el0");
    u32 got;

    do {
        got = call(AFFINITY | W, cpu, 0, 0);
    } while (got != v && MRS("cntpct_el0") < end);
    return got;
}

static void serve(u64 arg)
{
    WRITE(started[3], arg);
    while (READ(started[3]) == arg) {
    }
    psci(OFF, 0, 0, 0);
}

static void run(void)
{
    static const u32 known[] = {VERSION,      SUSPEND,    SUSPEND | W,  OFF,
                                ON,           ON | W,     AFFINITY,     AFFINITY | W,
                                MIGRATE_TYPE, SYSTEM_OFF, SYSTEM_RESET, FEATURES};
    u64 entry = (u64)bare_entry;

    if (BEHIND == MAGIC) {
        BEHIND = 0;
        failures = 0;
        check("others are off behind a reset", 0, call(AFFINITY, 1, 0, 0), 1);
        check("others are off behind a reset", 1, call(AFFINITY, 2, 0, 0), 1);
        failures += KEPT;
        return;
    }
    check("PSCI_VERSION", 0, call(VERSION, 0, 0, 0), 0x10001);
    for (u32 i = 0; i < COUNT(known); i++) {
        check("PSCI_FEATURES", known[i], call(FEATURES, known[i], 0, 0), 0);
    }
    check("PSCI_FEATURES", 0, call(FEATURES, 0x84000777, 0, 0), -1u);
    check("unknown", 0, call(0x84000777, 0, 0, 0), -1u);
    check("MIGRATE_INFO_TYPE", 0, call(MIGRATE_TYPE, 0, 0, 0), 2);
    check("MIGRATE", 0, call(MIGRATE, 1, 0, 0), -1u);
    check("AFFINITY_INFO on", 0, call(AFFINITY, 0, 0, 0), 0);
    check("AFFINITY_INFO off", 0, call(AFFINITY, 1, 0, 0), 1);
    check("AFFINITY_INFO off", 1, call(AFFINITY | W, 2, 0, 0), 1);
    check("AFFINITY_INFO of none", 0, call(AFFINITY, 3, 0, 0), -2u);
    check("AFFINITY_INFO of none", 1, call(AFFINITY | W, 1ul << 32, 0, 0), -2u);
    check("CPU_ON itself", 0, call(ON | W, 0, entry, 0), -4u);
    check("CPU_ON of none", 0, call(ON | W, 3, entry, 0), -2u);
    check("CPU_ON of none", 1, call(ON | W, 0x100, entry, 0), -2u);
    for (u32 round = 0; round < 4; round++) {
        u64 arg = 0x1122334455667788 + round;
        u32 wide = round & 1 ? 0 : W;
        /* The 32-bit form does not look at the upper halves. */
        u64 above = wide ? 0 : 0xdeadul << 32;
        check("CPU_ON", round, call(ON | wide, 1 | above, entry | above, arg), 0);
        u32 r = call(ON | wide, 1, entry, 0);
        check("CPU_ON twice", round, r == -4u || r == -5u || r == 0, 1);
        if (r == 0) {
            break; /* it was off again already: the host is busy */
        }
        check("started", round, WAIT(started[1], round + 1), 1);
        check("context", round, context, wide ? arg : (u32)arg);
        check("level", round, level, current_el());
        check("MMU", round, sctlr & 5, 0);
        check("DAIF", round, daif, 0x3c0);
        check("SPSel", round, spsel, 1);
        check("MPIDR", round, mpidr, 1);
        check("off", round, wait_affinity(1, 1), 1);
    }
    check("does not go on", 0, started[0], 0);
    /* One that stays on. */
    started[3] = 0;
    check("CPU_ON", 4, cpu_on(2, serve, 77), 0);
    check("runs", 0, WAIT(started[3], 77), 1);
    check("AFFINITY_INFO", 5, call(AFFINITY, 2, 0, 0), 0);
    check("ALREADY_ON", 0, call(ON | W, 2, entry, 0), -4u);
    WRITE(started[3], 78);
    check("off", 5, wait_affinity(2, 1), 1);
    check("CPU_ON", 5, cpu_on(2, serve, 79), 0);
    check("runs again", 0, WAIT(started[3], 79), 1);
    /* Standby ends with an interrupt, which may be masked. */
    *(volatile u32 *)0x08000100 = 1u << 27;
    *(volatile u32 *)0x08000000 = 1;
    *(volatile u32 *)0x08010004 = 0xff;
    *(volatile u32 *)0x08010000 = 1;
    u64 now = MRS("cntvct_el0"), tenth = MRS("cntfrq_el0") / 10;
    MSR("cntv_cval_el0", now + tenth);
    MSR("cntv_ctl_el0", 1);
    check("CPU_SUSPEND", 0, call(SUSPEND | W, 0, 0, 0), 0);
    check("slept", 0, MRS("cntvct_el0") - now >= tenth, 1);
    check("CPU_SUSPEND", 1, call(SUSPEND, 0, 0, 0), 0); /* it is pending: at once */
    MSR("cntv_ctl_el0", 0);
    check("CPU_SUSPEND with reserved bits", 0, call(SUSPEND, 0x80000000, 0, 0), -2u);
    BEHIND = MAGIC;
    KEPT = failures;
    print("reset\n");
    __asm__ volatile("dsb sy");
    call(SYSTEM_RESET, 0, 0, 0);
    check("SYSTEM_RESET returns", 0, 1, 0);
}

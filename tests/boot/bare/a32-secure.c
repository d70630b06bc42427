/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The security states of AArch32 (DDI 0406, B1.5, B3.15) on a CPU whose EL3 is Monitor mode, from
 * secure PL1 on: banked system registers, which SCR.NS selects in Monitor mode; both states'
 * translations beside each other; where exceptions of each state go; the secure RAM of the board
 * and the NS bit of both descriptor formats.
 */
#include "a32.h"

#include "a32-monitor.h"

#define SECURE_RAM 0x0e000000u
enum { NS = 1, VA = 0x60000000 };

static u32 l1[2][4096] __attribute__((aligned(16384)));
static u64 t[2][512] __attribute__((aligned(4096)));
static u32 page[2][1024] __attribute__((aligned(4096)));
static u32 l2[2][256] __attribute__((aligned(1024)));
static u32 stub[1024] __attribute__((aligned(4096)));

static void set_scr(u32 v)
{
    CP(SCR, v);
}

/* ---- banked registers ---- */

#define EACH(F)                                                                                    \
    F(0, "p15, 0, %0, c2, c0, 0", 0x4000)                                                          \
    F(1, "p15, 0, %0, c2, c0, 1", 0x8000)                                                          \
    F(2, "p15, 0, %0, c3, c0, 0", 0x55)                                                            \
    F(3, "p15, 0, %0, c5, c0, 0", 0x0d) F(4, "p15, 0, %0, c5, c0, 1", 0x0f)                        \
        F(5, "p15, 0, %0, c6, c0, 0", 0x1234) F(6, "p15, 0, %0, c6, c0, 2", 0x5678)                \
            F(7, "p15, 0, %0, c10, c2, 0", 0xff44) F(8, "p15, 0, %0, c10, c2, 1", 0x40404040)      \
                F(9, "p15, 0, %0, c13, c0, 1", 0x77) F(10, "p15, 0, %0, c13, c0, 2", 0x1111)       \
                    F(11, "p15, 0, %0, c13, c0, 3", 0x2222)                                        \
                        F(12, "p15, 0, %0, c13, c0, 4", 0x3333)                                    \
                            F(13, "p15, 0, %0, c7, c4, 0", 0x9000)                                 \
                                F(14, "p15, 2, %0, c0, c0, 0", 1)
/* c2 c0 2 (TTBCR), c12 c0 0 (VBAR), c14 c2 (CNTP) are in the text below */

static u32 write_all(u32 add)
{
#define PUT(i, reg, v) CP(reg, (v) + add * 4);
    EACH(PUT)
    return 0;
}
static u32 read_all(u32 add)
{
    u32 bad = 0;
#define TEST(i, reg, v) bad |= GET(reg) == (v) + add * 4 ? 0 : 1u << i;
    EACH(TEST)
    return bad;
}
static u32 with_ns(u32 fn_and_arg)
{
    u32 (*fn)(u32) = fn_and_arg & 2 ? write_all : read_all;
    u32 arg = fn_and_arg >> 8;

    set_scr(fn_and_arg & 1);
    __asm__ volatile("isb");
    u32 r = fn(arg);
    set_scr(0);
    __asm__ volatile("isb");
    return r;
}

static u32 timers(u32 unused)
{
    (void)unused;
    u32 bad = 0;
    CP64("p15, 2, %Q0, %R0, c14", 1000);
    CP("p15, 0, %0, c14, c2, 1", 2);
    set_scr(NS);
    CP64("p15, 2, %Q0, %R0, c14", 2000);
    CP("p15, 0, %0, c14, c2, 1", 3);
    bad |= GET64("p15, 2, %Q0, %R0, c14") != 2000 ? 1 : 0;
    bad |= (GET("p15, 0, %0, c14, c2, 1") & 3) != 3 ? 2 : 0;
    CP("p15, 0, %0, c14, c2, 1", 0);
    set_scr(0);
    bad |= GET64("p15, 2, %Q0, %R0, c14") != 1000 ? 4 : 0;
    bad |= (GET("p15, 0, %0, c14, c2, 1") & 3) != 2 ? 8 : 0;
    return bad;
}

/* TTBCR, SCTLR, VBAR: written in both states, read in both. */
static u32 control(u32 unused)
{
    (void)unused;
    u32 bad = 0, vbar = GET(VBAR), sctlr = GET(SCTLR);
    set_scr(NS);
    u32 ns_sctlr = GET(SCTLR);
    CP(SCTLR, (ns_sctlr & ~(1u << 11)) | 1 << 12);
    CP(TTBCR, 3);
    CP(VBAR, 0x40001000);
    set_scr(0);
    bad |= GET(SCTLR) != sctlr ? 1 : 0;
    bad |= GET(VBAR) != vbar ? 2 : 0;
    CP(TTBCR, 0);
    set_scr(NS);
    bad |= GET(TTBCR) != 3 ? 4 : 0;
    bad |= GET(VBAR) != 0x40001000 ? 8 : 0;
    CP(TTBCR, 0);
    CP(SCTLR, ns_sctlr);
    CP(VBAR, vectors);
    set_scr(0);
    return bad;
}

/* ---- both states ---- */

/* One instruction in Supervisor mode of a state: what happened, and R0. */
static u32 r0_seen;
static u32 enter_ns(u32 ns)
{
    set_scr(ns);
    return 0;
}
static u32 one(u32 ns, u32 insn, u32 arg)
{
    stub[0] = insn;
    stub[1] = 0xe12fff1e; /* bx lr */
    sync_code();
    trap.count = 0;
    trap.vector = 0;
    monitor(enter_ns, ns);
    /* The vectors skip what aborts. */
    register u32 r1 __asm__("r1") = arg;
    register u32 r0 __asm__("r0") = 0;
    register u32 r2 __asm__("r2") = 0x5ec;
    __asm__ volatile("blx %3"
                     : "+r"(r0), "+r"(r1), "+r"(r2)
                     : "r"((u32)stub)
                     : "lr", "r3", "memory");
    r0_seen = r0;
    monitor(enter_ns, 0);
    return trap.count ? trap.vector : 0;
}

enum { LDR = 0xe5910000, STR = 0xe5812000 };

static void secure_ram(void)
{
    *(volatile u32 *)SECURE_RAM = 0x1234;
    check("secure", 0, one(0, LDR, SECURE_RAM), 0);
    check("secure", 1, r0_seen, 0x1234);
    check("non-secure", 0, one(NS, LDR, SECURE_RAM), V_DABT);
    check("external abort", 0, trap.dfsr & 0x40f, 0x008);
    check("non-secure", 1, one(NS, STR, SECURE_RAM), V_DABT);
    check("untouched", 0, *(volatile u32 *)SECURE_RAM, 0x1234);
    check("non-secure RAM", 0, one(NS, LDR, (u32)page[0]), 0);
    check("SCR", 0, one(NS, 0xee110f11, 0), V_UNDEF);   /* mrc p15, 0, r0, c1, c1, 0 */
    check("MVBAR", 0, one(NS, 0xee1c0f30, 0), V_UNDEF); /* mrc p15, 0, r0, c12, c0, 1 */
    check("NSACR read", 0, one(NS, 0xee110f51, 0), 0);
    check("NSACR write", 0, one(NS, 0xee010f51, 0), V_UNDEF);
    check("SCR", 1, one(0, 0xee110f11, 0), 0);
}

static u32 mmu_both(u32 on)
{
    for (u32 ns = 0; ns < 2; ns++) {
        set_scr(ns);
        CP(TTBCR, 0);
        CP(TTBR0, l1[ns]);
        CP(DACR, 1);
        CP("p15, 0, %0, c13, c0, 1", 5); /* the same ASID */
        flush();
        CP(SCTLR, (GET(SCTLR) & ~(1u << 28 | 1 << 29 | 1)) | on);
    }
    set_scr(0);
    return 0;
}

/* LDR with TLB maintenance by a state for its own entries. */
static u32 tlb_by(u32 ns)
{
    set_scr(ns);
    CP(TLBIALL, 0);
    __asm__ volatile("dsb\n\tisb");
    set_scr(0);
    return 0;
}

static void translations(void)
{
    for (u32 s = 0; s < 2; s++) {
        for (u32 i = 0; i < 0x1000; i++) {
            l1[s][i] = i < 0x400   ? i << 20 | 3 << 10 | 1 << 4 | 2
                       : i < 0x480 ? i << 20 | 3 << 10 | 3 << 2 | 2
                                   : 0;
        }
        page[s][0] = s + 1;
        l1[s][VA >> 20] = (u32)l2[s] | 1;
        l2[s][0] = (u32)page[s] | 3 << 4 | 3 << 2 | 2 | 1 << 11;
    }
    monitor(mmu_both, 1);
    for (u32 i = 0; i < 6; i++) {
        check("translation", i, one(i & 1, LDR, VA), 0);
        check("its value", i, r0_seen, (i & 1) + 1);
    }
    l2[0][0] = (u32)page[1] | 3 << 4 | 3 << 2 | 2 | 1 << 11;
    one(0, LDR, VA);
    check("cached", 0, r0_seen, 1);
    monitor(tlb_by, 0);
    one(0, LDR, VA);
    check("flushed", 0, r0_seen, 2);
    /* An abort's registers are those of its state. */
    check("fault", 0, one(0, LDR, 0x70000000), V_DABT);
    check("its address", 0, trap.dfar, 0x70000000);
    check("fault", 1, one(NS, LDR, 0x71000000), V_DABT);
    check("its address", 1, trap.dfar, 0x71000000);
    check("of the other state", 0, GET("p15, 0, %0, c6, c0, 0"), 0x70000000);
    /* The NS bit: of a section, of a table; it means nothing in non-secure state. */
    static const struct {
        u32 section, ns, fails;
    } cases[] = {{1, 0, 0}, {1, 1, 1}, {0, 0, 0}, {0, 1, 1}};
    for (u32 i = 0; i < COUNT(cases); i++) {
        for (u32 s = 0; s < 2; s++) {
            l1[s][VA >> 20] = cases[i].section
                                  ? SECURE_RAM | 3 << 10 | 3 << 2 | 2 | cases[i].ns << 19
                                  : (u32)l2[s] | 1 | cases[i].ns << 3;
            l2[s][0] = SECURE_RAM | 3 << 4 | 3 << 2 | 2;
        }
        monitor(tlb_by, 0);
        monitor(tlb_by, NS);
        check("NS bit", i, one(0, LDR, VA), cases[i].fails ? V_DABT : 0);
        check("NS bit, non-secure", i, one(NS, LDR, VA), V_DABT);
    }
    monitor(mmu_both, 0);
}

static u32 long_on(u32 on)
{
    CP(SCTLR, GET(SCTLR) & ~1u);
    CP(TTBCR, on << 31);
    CP64(TTBR0_64, (u32)t[0]);
    CP(MAIR0, 0x04ff);
    flush();
    CP(SCTLR, GET(SCTLR) | on);
    return 0;
}

static void longs(void)
{
    t[0][0] = 1 | 1 << 10 | 1 << 2 | 1ull << 54;
    t[0][1] = 0x40000000 | 1 | 1 << 10 | 3 << 8;
    t[0][2] = (u32)t[1] | 3;
    t[1][0] = 0; /* level 2 */
    monitor(long_on, 1);
    for (u32 i = 0; i < 4; i++) {
        t[0][2] = (u32)t[1] | 3 | (i & 2 ? 1ull << 63 : 0);
        t[1][0] = SECURE_RAM | 1 | 1 << 10 | 3 << 8 | (i & 1) << 5;
        monitor(tlb_by, 0);
        check("long NS", i, one(0, LDR, 0x80000000), i ? V_DABT : 0);
    }
    monitor(long_on, 0);
}

static void run(void)
{
    /* System mode is secure after reset. */
    monitor_start();
    CP(SCR, 0);
    check("SCR", 0, GET(SCR), 0);
    monitor(with_ns, 0 | 2 | 1 << 8);
    monitor(with_ns, 1 | 2 | 2 << 8);
    check("secure registers", 0, monitor(with_ns, 0 | 1 << 8), 0);
    check("non-secure registers", 0, monitor(with_ns, 1 | 2 << 8), 0);
    check("from System mode", 0, read_all(1), 0);
    check("timers", 0, monitor(timers, 0), 0);
    check("control", 0, monitor(control, 0), 0);
    secure_ram();
    translations();
    longs();
}

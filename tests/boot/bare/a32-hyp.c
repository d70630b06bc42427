/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Hyp mode of AArch32 (DDI 0406, B1.14; DDI 0487, G1.19 and G8.2): address translation operations
 * of both stages from Monitor and Hyp mode and of Hyp mode's own regime, what HSTR and HCR trap and
 * with which syndrome, and exceptions of PL0 under HCR.TGE. Runs in non-secure System mode, beside
 * a Monitor.
 *
 * The emulator that these programs are compared with differs where the manual is followed here: it
 * leaves the attributes out of PAR's short format and upper half (G8.2.120), and says 0x3f, not
 * 0x21, of an unaligned access under TGE (G8.2.76).
 */
#include "a32.h"

#include "a32-monitor.h"

#define NSACR    "p15, 0, %0, c1, c1, 2"
#define CPACR    "p15, 0, %0, c1, c0, 2"
#define PAR64    "p15, 0, %Q0, %R0, c7"
#define HSCTLR   "p15, 4, %0, c1, c0, 0"
#define HCR      "p15, 4, %0, c1, c1, 0"
#define HCPTR    "p15, 4, %0, c1, c1, 2"
#define HSTR     "p15, 4, %0, c1, c1, 3"
#define HCR2     "p15, 4, %0, c1, c1, 4"
#define HTCR     "p15, 4, %0, c2, c0, 2"
#define VTCR     "p15, 4, %0, c2, c1, 2"
#define HTTBR    "p15, 4, %Q0, %R0, c2"
#define VTTBR    "p15, 6, %Q0, %R0, c2"
#define HMAIR0   "p15, 4, %0, c10, c2, 0"
#define HMAIR1   "p15, 4, %0, c10, c2, 1"
#define HDFAR    "p15, 4, %0, c6, c0, 0"
#define HIFAR    "p15, 4, %0, c6, c0, 2"
#define HVBAR    "p15, 4, %0, c12, c0, 0"
#define TLBIALLH "p15, 4, %0, c8, c7, 0"

enum {
    NS = 1,
    HCE = 1 << 8,
    VM = 1,
    TWI = 1 << 13,
    TWE = 1 << 14,
    TID0 = 1 << 15,
    TID1 = 1 << 16,
    TID2 = 1 << 17,
    TID3 = 1 << 18,
    TAC = 1 << 21,
    TSW = 1 << 22,
    TPC = 1 << 23,
    TPU = 1 << 24,
    TTLB = 1 << 25,
    TVM = 1 << 26,
    TGE = 1 << 27,
    TRVM = 1 << 30, /* of Armv8 */
    TRAPS = TID0 | TID1 | TID2 | TID3 | TAC | TSW | TPC | TPU | TTLB | TVM | TRVM,
    HYP = 0x100, /* one(): an exception of Hyp mode's, and its vector */
    PL0 = 0x1d0,
    NS_BIT = 1 << 9, /* of PAR, without a fault: unknown in non-secure state */
};

volatile struct {
    u32 vector, hsr, elr, spsr, hdfar, hifar, hpfar, count, resume, cpsr;
} hyp_trap;

/* A function in Hyp mode. */
u32 hyp(u32 (*fn)(u32), u32 arg);

/* HVC #1 is hyp()'s. Else note, and return behind the instruction; or to hyp_trap.resume, with
 * hyp_trap.cpsr, if that is not 0 (once). */
#define HV(name, n) "hv_" #name ":\npush {r0-r3}\nmov r0, #" #n "\nb hv_common\n"
__asm__(".arch_extension virt\n.text\n.balign 32\nhyp_vectors:\nb hv_reset\nb hv_undef\nb hv_hvc\n"
        "b hv_pabt\nb hv_dabt\nb hv_hyp\nb hv_irq\nb hv_fiq\n" HV(reset, 0) HV(undef, 1) HV(
            hvc, 2) HV(pabt, 3) HV(dabt, 4) HV(irq, 6)
            HV(fiq,
               7) "hv_hyp:\npush {r0-r3}\nmov r0, #5\nmrc p15, 4, r2, c5, c2, 0\n"
                  "ldr r3, =0x4a000001\ncmp r2, r3\nbne hv_common\n"
                  "pop {r0-r3}\npush {r4, r5, r6, lr}\nmrs r4, elr_hyp\nmrs r5, spsr\nmov r2, r0\n"
                  "mov r0, r1\nblx r2\nmsr elr_hyp, r4\nmsr spsr_cxsf, r5\npop {r4, r5, r6, lr}\n"
                  "eret\n"
                  "hv_common:\nldr r1, =hyp_trap\nstr r0, [r1]\n"
                  "mrc p15, 4, r2, c5, c2, 0\nstr r2, [r1, #4]\nmrs r3, elr_hyp\nstr r3, [r1, #8]\n"
                  "mrs r0, spsr\nstr r0, [r1, #12]\nmrc p15, 4, r0, c6, c0, 0\nstr r0, [r1, #16]\n"
                  "mrc p15, 4, r0, c6, c0, 2\nstr r0, [r1, #20]\nmrc p15, 4, r0, c6, c0, 4\n"
                  "str r0, [r1, #24]\nldr r0, [r1, #28]\nadd r0, r0, #1\nstr r0, [r1, #28]\n"
                  "ldr r0, [r1, #32]\ncmp r0, #0\nbeq 1f\nmsr elr_hyp, r0\nmov r0, #0\n"
                  "str r0, [r1, #32]\nldr r0, [r1, #36]\nmsr spsr_cxsf, r0\nb 2f\n"
                  "1: lsr r0, r2, #26\ncmp r0, #0x11\ncmpne r0, #0x12\nbeq 2f\n"
                  "tst r2, #1 << 25\naddne r3, r3, #4\naddeq r3, r3, #2\nmsr elr_hyp, r3\n"
                  "2: pop {r0-r3}\neret\n"
                  ".global hyp\nhyp:\npush {r4, lr}\nhvc #1\npop {r4, pc}\n.ltorg\n");
extern char hyp_vectors[];

static u32 l1[4096] __attribute__((aligned(16384)));
static u64 t[2][512] __attribute__((aligned(4096)));  /* PL1's, long */
static u64 s2[2][512] __attribute__((aligned(4096))); /* stage 2 */
static u64 h[2][512] __attribute__((aligned(4096)));  /* Hyp mode's */
static u32 stub[1024] __attribute__((aligned(4096)));
static u32 r0_seen, v8;

static u32 set_hcr(u32 v)
{
    CP(HCR, v);
    return 0;
}
static u32 set_hstr(u32 v)
{
    CP(HSTR, v);
    return 0;
}

/* 0, a vector, or HYP and one. */
static u32 run_stub(u32 pc, u32 arg)
{
    sync_code();
    trap.count = hyp_trap.count = 0;
    r0_seen = call_code(pc, arg);
    return hyp_trap.count ? HYP | hyp_trap.vector : trap.count ? trap.vector : 0;
}
/* Two instructions (a second one of 0 is none) in System mode. */
static u32 two(u32 insn, u32 second, u32 arg)
{
    stub[0] = insn;
    stub[1] = second ? second : 0xe1a00000;
    stub[2] = 0xe12fff1e; /* bx lr */
    return run_stub((u32)stub, arg);
}
/* One of 16 bits in Thumb state. */
static u32 narrow(u32 insn, u32 arg)
{
    stub[0] = insn | 0x4770u << 16; /* bx lr */
    return run_stub((u32)stub | 1, arg);
}
static u32 one(u32 insn, u32 arg)
{
    return two(insn, 0, arg);
}

/* ---- address translation ---- */

/* The operations, as op2 of c7, c8; 8 and 9: ATS1HR and ATS1HW. What PAR says. */
static u64 at(u32 op, u32 va)
{
    switch (op) {
#define AT(n)                                                                                      \
    case n:                                                                                        \
        CP("p15, 0, %0, c7, c8, " STR(n), va);                                                     \
        break;
        AT(0) AT(1) AT(2) AT(3) AT(4) AT(5) AT(6) AT(7) case 8 : CP("p15, 4, %0, c7, c8, 0", va);
        break;
    default:
        CP("p15, 4, %0, c7, c8, 1", va);
    }
    u64 v = GET64(PAR64);
    return v & 1 ? v : v & ~(u64)NS_BIT;
}

static struct {
    u32 op, va, ns;
    u64 par;
} ask;
static u32 at_hyp(u32 unused)
{
    (void)unused;
    ask.par = at(ask.op, ask.va);
    return 0;
}
static u32 at_monitor(u32 unused)
{
    (void)unused;
    CP(SCR, ask.ns | HCE);
    ask.par = at(ask.op, ask.va);
    CP(SCR, NS | HCE);
    return 0;
}

/* PAR, by who: Hyp mode, Monitor mode with SCR.NS set, and (secure) clear. */
static void par(const char *what, u32 op, u32 va, u64 want, u32 secure)
{
    for (u32 who = 0; who < 2 + secure; who++) {
        ask.op = op;
        ask.va = va;
        ask.ns = who < 2;
        if (who) {
            monitor(at_monitor, 0);
        } else {
            hyp(at_hyp, 0);
        }
        check(what, who << 8 | op, ask.par, want);
        check("its upper half", who << 8 | op, ask.par >> 32, want >> 32);
    }
}

enum {
    SECTION = 3 << 10 | 3 << 2 | 2, /* Write-Back without allocation on writes, everyone's */
    LONG = 1 << 11,
    S2 = LONG | 1 << 9 | 1, /* PAR's of a fault of stage 2 */
    WB = 0xee,
};
#define ATTR(a) ((u64)(a) << 56)

static u32 set_hcptr(u32 v)
{
    CP(HCPTR, v);
    return 0;
}
static u32 hyp_mmu(u32 on)
{
    CP(HSCTLR, (GET(HSCTLR) & ~1u) | on);
    CP(TLBIALLH, 0);
    __asm__ volatile("dsb\n\tisb");
    return 0;
}

static u32 hyp_tables(u32 unused)
{
    (void)unused;
    CP(HTCR, 0x80800000);
    CP64(HTTBR, (u32)h[0]);
    CP(HMAIR0, 0x4404ff);
    CP(VTCR, 0x80000000 | 1 << 6); /* 32 bits, from level 1 */
    CP64(VTTBR, (u32)s2[0]);
    return 0;
}

static void tables(void)
{
    for (u32 i = 0; i < 0x1000; i++) {
        l1[i] = i >= 0x480 ? 0 : i << 20 | 3 << 10 | (i < 0x400 ? 1 << 4 | 2 : 3 << 2 | 2);
    }
    l1[0x600] = 0x50000000 | SECTION;
    l1[0x601] = 0x50100000 | (SECTION & ~(2 << 10)); /* PL1's */
    l1[0x602] = 0x50200000 | SECTION | 1 << 15;      /* to read */
    l1[0x603] = 0x70000000 | SECTION;                /* not of stage 2 */
    l1[0x605] = 0x70000000 | 1;                      /* nor this table */
    l1[0x606] = 0x50200000 | SECTION;
    t[0][0] = 0 | 1 | 1 << 10 | 1 << 2;
    t[0][1] = 0x40000000 | 1 | 1 << 10 | 3 << 8 | 1 << 6;
    t[0][2] = (u32)t[1] | 3;
    t[1][0] = 0x50000000 | 1 | 1 << 10 | 2 << 8 | 1 << 6;
    s2[0][0] = 0 | 1 | 1 << 10 | 3 << 6 | 1 << 2;
    s2[0][1] = (u32)s2[1] | 3;
    for (u32 i = 0; i < 64; i++) {
        s2[1][i] = (0x40000000 + (i << 21)) | 1 | 1 << 10 | 3 << 8 | 3 << 6 | 0xf << 2;
    }
    s2[1][128] = 0x44000000 | 1 | 1 << 10 | 3 << 8 | 3 << 6 | 0xf << 2;
    s2[1][129] = 0x44200000 | 1 | 1 << 10 | 3 << 8 | 1 << 6 | 0xf << 2; /* to read */
    h[0][0] = 0 | 1 | 1 << 10 | 1 << 6 | 1 << 2;
    h[0][1] = 0x40000000 | 1 | 1 << 10 | 3 << 8 | 1 << 6;
    h[0][2] = (u32)h[1] | 3;
    h[1][0] = 0x1243000000 | 1 | 1 << 10 | 3 << 8 | 3 << 6; /* to read */
    h[1][1] = 0x1243000000 | 1 | 3 << 8 | 1 << 6;           /* no access flag */
    h[1][3] = 0x1243600000 | 1 | 1 << 10 | 1 << 6 | 2 << 2;
    hyp(hyp_tables, 0);
    CP(TTBCR, 0);
    CP(TTBR0, l1);
    CP(DACR, 1);
    flush();
    CP(SCTLR, (GET(SCTLR) & ~(7u << 28 | 2)) | 1); /* no TRE, AFE, TE, A */
}

static void translations(void)
{
    /* Stage 1 alone gives the short format. */
    par("one stage", 4, 0x60012345, 0x5001207c, 1);
    par("one stage", 7, 0x60112345, 0x1b, 1);
    par("one stage", 5, 0x60212345, 0x1b, 1);
    par("one stage", 6, 0x60412345, 0x0b, 1);
    hyp(set_hcr, VM);
    for (u32 op = 4; op < 8; op++) {
        u32 user = op >> 1 & 1, write = op & 1;
        u64 first = ATTR(WB) | LONG | 3 << 7 | 0x44012000;
        par("both", op, 0x60012345, first, 1);
        par("PL1's", op, 0x60112345, user ? LONG | 0xd << 1 | 1 : first | 0x100000, 1);
        par("to read", op, 0x60212345, write ? LONG | 0xd << 1 | 1 : first | 0x200000, 1);
        par("translation 2", op, 0x60312345, S2 | 6 << 1, 1);
        par("translation 1", op, 0x60412345, LONG | 5 << 1 | 1, 1);
        par("table", op, 0x60512345, S2 | 1 << 8 | 6 << 1, 1);
        par("to read 2", op, 0x60612345, write ? S2 | 0xe << 1 : first | 0x200000, 1);
    }
    /* Stage 1 of PL1 in Hyp mode: the long format. */
    ask.op = 0;
    ask.va = 0x60012345;
    hyp(at_hyp, 0);
    check("ATS1CPR", 0, ask.par >> 32, WB << 24);
    check("ATS1CPR", 1, ask.par, LONG | 0x50012000);
    /* A walk that stage 2 refuses at PL1 is Hyp mode's abort: CM, S1PTW, WnR. */
    check("ATS1CPR", 2, one(0xee071f18, 0x60512345), HYP | V_HYP);
    check("its HSR", 0, hyp_trap.hsr, 0x92000000 | 1 << 8 | 1 << 7 | 1 << 6 | 6);
    check("its HPFAR", 0, hyp_trap.hpfar, 0x700000);
    check("its HDFAR", 0, hyp_trap.hdfar, 0x60512345);
    /* An abort of stage 2 tells what the instruction does, and how long it is. */
    check("LDR", 0, one(0xe5910000, 0x60312344), HYP | V_HYP);
    check("its HSR", 1, hyp_trap.hsr, 0x93800006);
    check("LDR, Thumb", 0, narrow(0x6808, 0x60312344), HYP | V_HYP);
    check("its HSR", 2, hyp_trap.hsr, 0x91800006);
    check("its HPFAR", 2, hyp_trap.hpfar, 0x700120);
    /* Long descriptors of stage 1 */
    CP(SCTLR, GET(SCTLR) & ~1u);
    CP(MAIR0, 0x4404ff);
    CP64(TTBR0_64, (u32)t[0]);
    CP(TTBCR, 1u << 31);
    flush();
    CP(SCTLR, GET(SCTLR) | 1);
    par("long", 5, 0x80012345, ATTR(0xff) | LONG | 2 << 7 | 0x44012000, 1);
    par("long", 6, 0x80212345, LONG | 6 << 1 | 1, 1);
    hyp(set_hcr, 0);
    par("long, one stage", 7, 0x80012345, ATTR(0xff) | LONG | 2 << 7 | 0x50012000, 1);
    CP(SCTLR, GET(SCTLR) & ~1u);
    CP(TTBCR, 0);
    CP64(TTBR0_64, (u32)l1);
    flush();
    /* Hyp mode's own; ATS1H is unpredictable where SCR.NS is clear */
    par("Hyp, off", 8, 0x80012345, LONG | 2 << 7 | 0x80012000, 0);
    hyp(hyp_mmu, 1);
    for (u32 op = 8; op < 10; op++) {
        par("Hyp", op, 0x40012345, ATTR(0xff) | LONG | 3 << 7 | 0x40012000, 0);
        par("Hyp to read", op, 0x80012345,
            op & 1 ? LONG | 0xe << 1 | 1 : ATTR(0xff) | LONG | 3 << 7 | 0x1243012000, 0);
        par("Hyp access flag", op, 0x80212345, LONG | 0xa << 1 | 1, 0);
        par("Hyp translation", op, 0x80412345, LONG | 6 << 1 | 1, 0);
        par("Hyp not cacheable", op, 0x80612345, ATTR(0x44) | LONG | 2 << 7 | 0x1243612000, 0);
        par("Hyp device", op, 0x09012345, ATTR(0x04) | LONG | 2 << 7 | 0x09012000, 0);
        par("Hyp level 1", op, 0xc0000000, LONG | 5 << 1 | 1, 0);
    }
    hyp(hyp_mmu, 0);
}

/* ---- traps ---- */

#define MRC(cp, op1, crn, crm, op2)                                                                \
    (0xee100010u | (op1) << 21 | (crn) << 16 | (cp) << 8 | (op2) << 5 | (crm))
#define MCR(cp, op1, crn, crm, op2) ((MRC(cp, op1, crn, crm, op2) & ~(1u << 20)) | 1 << 12)
#define R(...)                      MRC(15, __VA_ARGS__)
#define W(...)                      MCR(15, __VA_ARGS__)
#define VMRS(reg)                   (0xeef00a10u | (reg) << 16)
#define MRRC(op1, crm)              (0xec510f00u | (op1) << 4 | (crm)) /* to R0 and R1 */
#define MCRR(op1, crm)              (0xec400f00u | 2 << 16 | 1 << 12 | (op1) << 4 | (crm))

/* HSR of a trapped access (G8.2.76). */
static u32 hsr_of(u32 insn)
{
    u32 cp = insn >> 8 & 15, iss = 1 << 24 | 14 << 20 | (insn >> 20 & 1), ec;

    if (insn >> 24 == 0xec) {
        ec = 4;
        iss |= (insn >> 4 & 15) << 16 | (insn >> 16 & 15) << 10 | (insn >> 12 & 15) << 5 |
               (insn & 15) << 1;
    } else {
        ec = cp == 15 ? 3 : cp == 14 ? 5 : 8;
        iss |= (insn >> 5 & 7) << 17 | (insn >> 21 & 7) << 14 | (insn >> 16 & 15) << 10 |
               (insn >> 12 & 15) << 5 | (insn & 15) << 1;
    }
    return ec << 26 | 1 << 25 | iss;
}

/* What to write: what is there, for a register that can be read. */
static u32 kept(u32 insn)
{
    u32 crn = insn >> 16 & 15;
    if ((insn >> 20 & 1) || insn >> 24 == 0xec || crn == 7 || crn == 8) {
        return 0;
    }
    check("read", insn, one((insn | 1 << 20) & ~0xf000u, 0), 0);
    return r0_seen;
}

static void hcr_traps(void)
{
    static const struct {
        u32 insn, by, v8;
    } rows[] = {
        {R(0, 0, 0, 2), TID1, 0}, /* TCMTR, TLBTR, REVIDR, AIDR */
        {R(0, 0, 0, 3), TID1, 0},
        {R(0, 0, 0, 6), TID1, 0},
        {R(1, 0, 0, 7), TID1, 0},
        {R(0, 0, 0, 1), TID2, 0}, /* CTR, CCSIDR, CLIDR, CSSELR */
        {R(1, 0, 0, 0), TID2, 0},
        {R(1, 0, 0, 1), TID2, 0},
        {R(2, 0, 0, 0), TID2, 0},
        {W(2, 0, 0, 0), TID2, 0},
        {R(0, 0, 1, 0), TID3, 0}, /* ID_PFR0 to ID_MMFR3 */
        {R(0, 0, 1, 1), TID3, 0},
        {R(0, 0, 1, 2), TID3, 0},
        {R(0, 0, 1, 3), TID3, 0},
        {R(0, 0, 1, 4), TID3, 0},
        {R(0, 0, 1, 5), TID3, 0},
        {R(0, 0, 1, 6), TID3, 0},
        {R(0, 0, 1, 7), TID3, 0},
        {R(0, 0, 2, 0), TID3, 0}, /* ID_ISAR0 to 5 */
        {R(0, 0, 2, 5), TID3, 0},
        {R(0, 0, 2, 6), TID3, 1}, /* ID_MMFR4 */
        {VMRS(7), TID3, 0},       /* MVFR0, 1, 2 */
        {VMRS(6), TID3, 0},
        {VMRS(5), TID3, 1},
        {VMRS(0), TID0, 0},             /* FPSID */
        {MRC(14, 7, 0, 0, 0), TID0, 0}, /* JIDR */
        {R(0, 1, 0, 1), TAC, 0},        /* ACTLR */
        {W(0, 7, 6, 2), TSW, 0},        /* DCISW, DCCSW, DCCISW */
        {W(0, 7, 10, 2), TSW, 0},
        {W(0, 7, 14, 2), TSW, 0},
        {W(0, 7, 6, 1), TPC, 0}, /* DCIMVAC, DCCMVAC, DCCIMVAC */
        {W(0, 7, 10, 1), TPC, 0},
        {W(0, 7, 14, 1), TPC, 0},
        {W(0, 7, 1, 0), TPU, 0}, /* ICIALLUIS, ICIALLU, ICIMVAU, DCCMVAU */
        {W(0, 7, 5, 0), TPU, 0},
        {W(0, 7, 5, 1), TPU, 0},
        {W(0, 7, 11, 1), TPU, 0},
        {W(0, 8, 3, 0), TTLB, 0},
        {W(0, 8, 3, 3), TTLB, 0},
        {W(0, 8, 5, 0), TTLB, 0},
        {W(0, 8, 6, 1), TTLB, 0},
        {W(0, 8, 7, 0), TTLB, 0},
        {W(0, 8, 7, 1), TTLB, 0},
        {W(0, 8, 7, 2), TTLB, 0},
        {W(0, 8, 7, 3), TTLB, 0},
        {W(0, 8, 7, 5), TTLB, 1},
        {W(0, 1, 0, 0), TVM, 0}, /* SCTLR, TTBR0, TTBR1, TTBCR, DACR */
        {W(0, 2, 0, 0), TVM, 0},
        {W(0, 2, 0, 1), TVM, 0},
        {W(0, 2, 0, 2), TVM, 0},
        {MCRR(0, 2), TVM, 0},
        {MCRR(1, 2), TVM, 0},
        {W(0, 3, 0, 0), TVM, 0},
        {W(0, 5, 0, 0), TVM, 0}, /* DFSR, IFSR, ADFSR, AIFSR */
        {W(0, 5, 0, 1), TVM, 0},
        {W(0, 5, 1, 0), TVM, 0},
        {W(0, 5, 1, 1), TVM, 0},
        {W(0, 6, 0, 0), TVM, 0}, /* DFAR, IFAR */
        {W(0, 6, 0, 2), TVM, 0},
        {W(0, 10, 2, 0), TVM, 0}, /* MAIR, AMAIR */
        {W(0, 10, 2, 1), TVM, 0},
        {W(0, 10, 3, 0), TVM, 0},
        {W(0, 10, 3, 1), TVM, 0},
        {W(0, 13, 0, 1), TVM, 0}, /* CONTEXTIDR */
        {R(0, 1, 0, 0), TRVM, 0},
        {R(0, 2, 0, 0), TRVM, 0},
        {R(0, 2, 0, 1), TRVM, 0},
        {R(0, 2, 0, 2), TRVM, 0},
        {MRRC(0, 2), TRVM, 0},
        {MRRC(1, 2), TRVM, 0},
        {R(0, 3, 0, 0), TRVM, 0},
        {R(0, 5, 0, 0), TRVM, 0},
        {R(0, 5, 0, 1), TRVM, 0},
        {R(0, 5, 1, 0), TRVM, 0},
        {R(0, 5, 1, 1), TRVM, 0},
        {R(0, 6, 0, 0), TRVM, 0},
        {R(0, 6, 0, 2), TRVM, 0},
        {R(0, 10, 2, 0), TRVM, 0},
        {R(0, 10, 2, 1), TRVM, 0},
        {R(0, 10, 3, 0), TRVM, 0},
        {R(0, 10, 3, 1), TRVM, 0},
        {R(0, 13, 0, 1), TRVM, 0},
        /* What none of them traps: MIDR, MPIDR, CPACR, PAR, VBAR, TPIDRPRW, FPEXC; barriers and
         * branch predictors */
        {R(0, 0, 0, 0), 0, 0},
        {R(0, 0, 0, 5), 0, 0},
        {R(0, 1, 0, 2), 0, 0},
        {W(0, 1, 0, 2), 0, 0},
        {R(0, 7, 4, 0), 0, 0},
        {W(0, 7, 4, 0), 0, 0},
        {R(0, 12, 0, 0), 0, 0},
        {W(0, 12, 0, 0), 0, 0},
        {R(0, 13, 0, 4), 0, 0},
        {W(0, 13, 0, 4), 0, 0},
        {VMRS(8), 0, 0},
        {VMRS(1), 0, 0},
        {W(0, 7, 5, 4), 0, 0},
        {W(0, 7, 10, 4), 0, 0},
        {W(0, 7, 10, 5), 0, 0},
        {W(0, 7, 1, 6), 0, 0},
        {W(0, 7, 5, 6), 0, 0},
        {W(0, 7, 5, 7), 0, 0},
        {R(0, 14, 0, 0), 0, 0},
    };

    for (u32 i = 0; i < COUNT(rows); i++) {
        u32 insn = rows[i].insn, by = rows[i].by == TRVM && !v8 ? 0 : rows[i].by;
        if (rows[i].v8 && !v8) {
            continue;
        }
        u32 arg = kept(insn);
        check("no trap", insn, one(insn, arg), 0);
        if (by) {
            hyp(set_hcr, by);
            check("trap", insn, one(insn, arg), HYP | V_HYP);
            check("its HSR", insn, hyp_trap.hsr, hsr_of(insn));
            check("its ELR", insn, hyp_trap.elr, (u32)stub);
        }
        hyp(set_hcr, TRAPS & ~by);
        check("other traps", insn, one(insn, arg), 0);
        hyp(set_hcr, 0);
    }
}

static void fp_traps(void)
{
    static const u32 insns[] = {0xee300a00, VMRS(7), VMRS(0), VMRS(1), 0xeee80a10}; /* vadd.f32 */

    hyp(set_hcptr, 0xc00);
    for (u32 i = 0; i < COUNT(insns); i++) {
        check("HCPTR", i, one(insns[i], 0), HYP | V_HYP);
        check("its HSR", i, hyp_trap.hsr, 0x1fe0000a);
    }
    check("Advanced SIMD", 0, one(0xf2200840, 0), HYP | V_HYP); /* vadd.i32 q0 */
    check("its HSR", 0x100, hyp_trap.hsr, 0x1fe00020);
    hyp(set_hcptr, 1 << 15); /* TASE */
    check("TASE", 0, one(0xf2200840, 0), HYP | V_HYP);
    check("its HSR", 0x101, hyp_trap.hsr, 0x1fe00020);
    check("TASE, load", 0, one(0xf4610a8f, (u32)stub), HYP | V_HYP); /* vld1.32 {d16, d17}, [r1] */
    check("VFP", 0, one(insns[0], 0), 0);
    hyp(set_hcptr, 0);
    check("no HCPTR", 0, one(insns[0], 0), 0);
    check("no TASE", 0, one(0xf2200840, 0), 0);
}

static void waits(void)
{
    enum { WFI = 0xe320f003, WFE = 0xe320f002, SEV = 0xe320f004 };

    hyp(set_hcr, TWI);
    check("WFI", 0, one(WFI, 0), HYP | V_HYP);
    check("its HSR", 0, hyp_trap.hsr, 0x07e00000);
    check("SEV, WFE", 0, two(SEV, WFE, 0), 0);
    check("condition", 0, two(0xe3b00001, 0x0320f003, 0), 0); /* movs r0, #1; wfieq */
    check("Thumb", 0, narrow(0xbf30, 0), HYP | V_HYP);
    check("its HSR", 2, hyp_trap.hsr, 0x05e00000);
    hyp(set_hcr, TWE);
    /* The first may find an event. */
    check("WFE", 0, two(WFE, WFE, 0), HYP | V_HYP);
    check("its HSR", 1, hyp_trap.hsr, 0x07e00001);
    hyp(set_hcr, 0);
}

static void hstr(void)
{
    static const u32 insns[] = {
        R(0, 0, 0, 0),  R(0, 1, 0, 0),  R(0, 2, 0, 0),  R(0, 3, 0, 0),  R(0, 5, 0, 0),
        R(0, 6, 0, 0),  R(0, 7, 4, 0),  W(0, 7, 5, 4),  W(0, 8, 7, 0),  R(0, 9, 12, 0),
        R(0, 10, 2, 0), R(0, 12, 0, 0), R(0, 13, 0, 4), R(0, 13, 0, 1), MRRC(0, 2),
        MRRC(1, 2),     MRRC(0, 7),
    };

    for (u32 i = 0; i < COUNT(insns); i++) {
        u32 insn = insns[i], by = 1u << (insn >> 24 == 0xec ? insn & 15 : insn >> 16 & 15);
        hyp(set_hstr, by);
        check("HSTR", insn, one(insn, 0), HYP | V_HYP);
        check("its HSR", insn, hyp_trap.hsr, hsr_of(insn));
        hyp(set_hstr, 0xafef & ~by);
        check("HSTR, others", insn, one(insn, 0), 0);
    }
    /* CRn 14, coprocessors 14 and 10 never; PL0's with the rest */
    hyp(set_hstr, 0xafef);
    check("CNTFRQ", 0, one(R(0, 14, 0, 0), 0), 0);
    check("CNTVCT", 0, one(MRRC(1, 14), 0), 0);
    check("JIDR", 0, one(MRC(14, 7, 0, 0, 0), 0), 0);
    check("FPSID", 0, one(VMRS(0), 0), 0);
    stub[0] = R(0, 13, 0, 3); /* TPIDRURO */
    stub[1] = 0xef000000;
    for (u32 i = 0; i < 2; i++) {
        sync_code();
        hyp(set_hstr, i ? 0xaf8f & ~(1u << 13) : 1 << 13); /* c5 and c6 are the vectors' */
        hyp_trap.count = 0;
        go((u32)stub, PL0, 0);
        check("PL0", i, hyp_trap.count, !i);
        check("and on", i, trap.vector, V_SVC);
        hyp(set_hstr, 0);
    }
    check("its HSR", 0, hyp_trap.hsr, hsr_of(R(0, 13, 0, 3)));
    hyp(set_hstr, 0);
}

/* ---- TGE ---- */

/* The stub in User mode, from Hyp mode; the next exception of Hyp mode's comes back. */
u32 user_cpsr = PL0;
static u32 user(u32 arg)
{
    register u32 r1 __asm__("r1") = arg;
    __asm__ volatile(
        ".arch_extension virt\n\tldr r4, =hyp_trap\n\tldr r5, =1f\n\tstr r5, [r4, #32]\n\t"
        "mrs r5, cpsr\n\tstr r5, [r4, #36]\n\tldr r5, =stub\n\tmsr elr_hyp, r5\n\t"
        "ldr r5, =user_cpsr\n\tldr r5, [r5]\n\tmsr spsr_cxsf, r5\n\teret\n\t.ltorg\n1:"
        : "+r"(r1)
        :
        : "r0", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12", "lr", "cc", "memory");
    return 0;
}
static u32 tge(u32 arg)
{
    u32 hcr = GET(HCR);
    CP(HCR, TGE);
    CP(TLBIALLH, 0);
    user(arg);
    CP(HCR, hcr);
    return 0;
}
static u32 user_trap(u32 insn, u32 arg)
{
    stub[0] = insn;
    stub[1] = 0xef000055;
    sync_code();
    hyp_trap.count = trap.count = hyp_trap.vector = 0;
    hyp(tge, arg);
    check("none to PL1", insn, trap.count, 0);
    check("of User mode", insn, hyp_trap.spsr & 31, 16);
    return hyp_trap.vector;
}

static void tges(void)
{
    static u32 words[2] = {0x1234, 0x5678};

    check("SVC", 0, user_trap(0xef000012, 0), V_HYP);
    check("its HSR", 0, hyp_trap.hsr, 0x46000012);
    check("its ELR", 0, hyp_trap.elr, (u32)stub + 4);
    user_cpsr = PL0 | 1 << 5;
    check("SVC, Thumb", 0, user_trap(0xdf12df12, 0), V_HYP);
    check("its HSR", 0, hyp_trap.hsr, 0x44000012);
    check("its ELR", 0, hyp_trap.elr, (u32)stub + 2);
    user_cpsr = PL0;
    check("UDF", 0, user_trap(0xe7f000f0, 0), V_HYP);
    check("its HSR", 1, hyp_trap.hsr, 0x02000000);
    check("its ELR", 1, hyp_trap.elr, (u32)stub);
    check("HVC", 0, user_trap(0xe1400070, 0), V_HYP);
    check("its HSR", 2, hyp_trap.hsr, 0x02000000);
    check("SCTLR", 0, user_trap(R(0, 1, 0, 0), 0), V_HYP);
    check("its HSR", 3, hyp_trap.hsr, 0x02000000);
    check("BKPT", 0, user_trap(0xe1200070, 0), V_HYP);
    check("its HSR", 4, hyp_trap.hsr, 0x82000022);
    /* PL1's translation is off: memory is Strongly-ordered. */
    l1[(u32)words >> 20] ^= 1 << 21;
    flush();
    check("unaligned", 0, user_trap(0xe5910000, (u32)words + 1), V_HYP);
    check("its HSR", 5, hyp_trap.hsr & 0xfe0003ff, 0x92000021);
    check("its HDFAR", 5, hyp_trap.hdfar, (u32)words + 1);
    check("aligned", 0, user_trap(0xe5910000, (u32)words), V_HYP);
    check("its HSR", 6, hyp_trap.hsr, 0x46000055);
    l1[(u32)words >> 20] ^= 1 << 21;
    flush();
}

/* Exceptions of Hyp mode in itself. */
static u32 in_hyp(u32 arg)
{
    register u32 r1 __asm__("r1") = arg;
    __asm__ volatile("push {lr}\n\tblx %1\n\tpop {lr}"
                     : "+r"(r1)
                     : "r"((u32)stub)
                     : "r0", "r2", "r3", "r12", "cc", "memory");
    return 0;
}
static void own(void)
{
    static const struct {
        u32 insn, vector, hsr, mask;
    } rows[] = {
        {0xe7f000f0, V_UNDEF, 0x02000000, ~0u},       /* udf */
        {0xe1400077, 2, 0x4a000007, ~0u},             /* hvc #7 */
        {0xef000012, 2, 0x46000012, ~0u},             /* svc #18 */
        {0xe5910000, V_DABT, 0x96000021, 0xfe0003ff}, /* ldr r0, [r1] */
    };
    for (u32 i = 0; i < COUNT(rows); i++) {
        stub[0] = rows[i].insn;
        stub[1] = 0xe12fff1e;
        sync_code();
        hyp_trap.count = 0;
        hyp(in_hyp, 0x40000001);
        check("Hyp's own", i, hyp_trap.count, 1);
        check("its vector", i, hyp_trap.vector, rows[i].vector);
        check("its HSR", i, hyp_trap.hsr & rows[i].mask, rows[i].hsr);
        check("its mode", i, hyp_trap.spsr & 31, 26);
    }
}

/* Registers that are halves of one in AArch64. */
static u32 halves(u32 unused)
{
    (void)unused;
    CP(HMAIR1, 0x44ff0004);
    CP(HMAIR0, 0x4404ff);
    check("HMAIR1", 0, GET(HMAIR1), 0x44ff0004);
    check("HMAIR0", 0, GET(HMAIR0), 0x4404ff);
    CP(HIFAR, 0x12345678);
    CP(HDFAR, 0x9abcdef0);
    check("HIFAR", 0, GET(HIFAR), 0x12345678);
    check("HDFAR", 0, GET(HDFAR), 0x9abcdef0);
    if (v8) {
        CP(HCR2, 2); /* ID */
        CP(HCR, TID0);
        check("HCR2", 0, GET(HCR2), 2);
        CP(HCR2, 0);
        check("HCR", 0, GET(HCR), TID0);
        CP(HCR, 0);
    }
    return 0;
}

static u32 start_hyp(u32 unused)
{
    static u32 stack[1024];

    (void)unused;
    CP(NSACR, 0xc00);
    CP(SCR, NS | HCE);
    CP(VBAR, vectors);
    CP(HVBAR, hyp_vectors);
    CP(HCR, 0);
    CP(HSTR, 0);
    __asm__ volatile(".arch_extension virt\n\tmsr sp_hyp, %0" ::"r"(stack + 1024));
    return 0;
}

static void run(void)
{
    v8 = (GET("p15, 0, %0, c0, c2, 5") >> 4 & 15) != 0; /* ID_ISAR5: AES */
    monitor_start();
    monitor(start_hyp, 0);
    CP(CPACR, 0xf << 20);
    CP(SCTLR, GET(SCTLR) | 1 << 5);
    one(0xeee81a10, 1 << 30); /* vmsr fpexc, r1: EN */
    tables();
    translations();
    hcr_traps();
    fp_traps();
    waits();
    hstr();
    tges();
    own();
    hyp(halves, 0);
    check("BKPT", 0, one(0xe1200070, 0), V_PABT);
    check("its IFSR", 0, trap.ifsr, 2);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Debug of AArch32 (DDI 0406, C3 and C11; DDI 0487, G2 and G8.3): the registers of coprocessor 14,
 * which levels may access them, breakpoints (address, mismatch, context, linked), watchpoints,
 * vector catch, BKPT, DBGDSCR.MOE, and what traps to Hyp mode. Runs in non-secure System mode,
 * beside a Monitor.
 */
#include "a32.h"

#include "a32-monitor.h"

#define DIDR       "p14, 0, %0, c0, c0, 0"
#define DSCRINT    "p14, 0, %0, c0, c1, 0"
#define DSCR       "p14, 0, %0, c0, c2, 2"
#define VCR        "p14, 0, %0, c0, c7, 0"
#define BVR(n)     "p14, 0, %0, c0, c" #n ", 4"
#define BCR(n)     "p14, 0, %0, c0, c" #n ", 5"
#define WVR(n)     "p14, 0, %0, c0, c" #n ", 6"
#define WCR(n)     "p14, 0, %0, c0, c" #n ", 7"
#define BXVR(n)    "p14, 0, %0, c1, c" #n ", 1"
#define OSLAR      "p14, 0, %0, c1, c0, 4"
#define OSLSR      "p14, 0, %0, c1, c1, 4"
#define OSDLR      "p14, 0, %0, c1, c3, 4"
#define PRCR       "p14, 0, %0, c1, c4, 4"
#define CLAIMSET   "p14, 0, %0, c7, c8, 6"
#define CLAIMCLR   "p14, 0, %0, c7, c9, 6"
#define CONTEXTIDR "p15, 0, %0, c13, c0, 1"
#define ID_DFR0    "p15, 0, %0, c0, c1, 2"
#define HCR        "p15, 4, %0, c1, c1, 0"
#define HDCR       "p15, 4, %0, c1, c1, 1"
#define HSR        "p15, 4, %0, c5, c2, 0"
#define HVBAR      "p15, 4, %0, c12, c0, 0"

/* MRC, MCR of coprocessor 14, R1 */
#define R(op1, n, m, op2) (0xee101e10 | (op1) << 21 | (n) << 16 | (m) | (op2) << 5)
#define W(op1, n, m, op2) (0xee001e10 | (op1) << 21 | (n) << 16 | (m) | (op2) << 5)

enum {
    NS = 1,
    HCE = 1 << 8,
    LOCK = 0xc5acce55,
    MDBGEN = 1 << 15,
    UDCCDIS = 1 << 12,
    NS_BIT = 1 << 18,
    BREAK = 1,
    BKPT = 3,
    CATCH = 5,
    WATCH = 10,
    ANY = 0x1e7, /* of BCR: enabled, PL0 and PL1, four bytes */
    PL0 = 0x1d0,
    TDRA = 1 << 11,
    TDOSA = 1 << 10,
    TDA = 1 << 9,
    TDE = 1 << 8,
    NOP = 0xe1a00000,
    ADD = 0xe2800001, /* add r0, r0, #1 */
    BX = 0xe12fff1e,
};

/* Code and what is watched are on one page. */
static u32 page[1024] __attribute__((aligned(4096)));
#define stub page
#define data ((volatile u32 *)(page + 512))
static u32 r0_seen, v8;

/* HVC #1 calls R0(R1); other exceptions are noted, and return behind the instruction. */
volatile struct {
    u32 hsr, elr, count;
} hyp_trap;
u32 hyp(u32 (*fn)(u32), u32 arg);
__asm__(".arch_extension virt\n.text\n.balign 32\nhyp_vectors:\nb .\nb .\nb .\nb .\nb .\nb hv\nb "
        ".\nb .\n"
        "hv:\npush {r0-r3}\nmrc p15, 4, r2, c5, c2, 0\nldr r3, =0x4a000001\ncmp r2, r3\nbne 1f\n"
        "pop {r0-r3}\npush {r4, r5, r6, lr}\nmrs r4, elr_hyp\nmrs r5, spsr\nmov r2, r0\n"
        "mov r0, r1\nblx r2\nmsr elr_hyp, r4\nmsr spsr_cxsf, r5\npop {r4, r5, r6, lr}\neret\n"
        "1: ldr r1, =hyp_trap\nstr r2, [r1]\nmrs r3, elr_hyp\nstr r3, [r1, #4]\nldr r0, [r1, #8]\n"
        "add r0, r0, #1\nstr r0, [r1, #8]\nlsr r2, r2, #26\ncmp r2, #0x12\naddne r3, r3, #4\n"
        "msr elr_hyp, r3\npop {r0-r3}\neret\n"
        ".global hyp\nhyp:\npush {r4, lr}\nhvc #1\npop {r4, pc}\n.ltorg\n");
extern char hyp_vectors[];

static u32 set_hdcr(u32 v)
{
    CP(HDCR, v);
    return 0;
}

/* The stub in System mode; R1 is arg and R0 counts. What came: a vector, or 0. */
static u32 run_stub(u32 pc, u32 arg)
{
    sync_code();
    trap.count = hyp_trap.count = 0;
    r0_seen = call_code(pc, arg);
    return trap.count ? trap.vector : 0;
}
static u32 one(u32 insn, u32 arg)
{
    stub[0] = insn;
    stub[1] = BX;
    return run_stub((u32)stub, arg);
}

/* A debug event is an abort that says so. */
static void debug_event(const char *what, u32 n, u32 got, u32 vector, u32 moe)
{
    check(what, n, got, vector);
    check("its count", n, trap.count, 1);
    check("its FSR", n, (vector == V_PABT ? trap.ifsr : trap.dfsr) & 0x40f, 2);
    check("its MOE", n, GET(DSCR) >> 2 & 15, moe);
    check("in DSCRint", n, GET(DSCRINT) >> 2 & 15, moe);
}

static void registers(void)
{
    static const u32 undefined[] = {R(0, 0, 6, 4), R(0, 0, 15, 5), R(0, 0, 4, 6), R(0, 0, 9, 7),
                                    R(0, 1, 3, 1), R(0, 1, 6, 1),  W(0, 0, 0, 0), W(0, 1, 1, 4),
                                    R(0, 1, 0, 4), R(0, 3, 0, 0),  R(3, 0, 5, 0)};
    u32 midr = GET(MIDR) >> 4 & 0xfff;

    check("DIDR", 0, GET(DIDR),
          midr == 0xc07   ? 0x3515f005
          : midr == 0xc0f ? 0x3515f021
                          : 0x3510d000 | (GET(ID_DFR0) & 15) << 16);
    check("OSLSR", 0, GET(OSLSR), 0x0a); /* locked by reset */
    check("DSCR", 0, GET(DSCR), NS_BIT);
    /* While it is locked, all of the DSCR is saved and restored. */
    CP(DSCR, 0xffffffff);
    check("DSCR, locked", 0, GET(DSCR), 0xec68d07c | NS_BIT);
    CP(DSCR, 0);
    CP(OSLAR, LOCK ^ 2);
    check("OSLSR", 1, GET(OSLSR), 0x08);
    CP(DSCR, 0xffffffff);
    check("DSCR, open", 0, GET(DSCR), MDBGEN | UDCCDIS | 0x3c | NS_BIT);
    check("DSCRint", 0, GET(DSCRINT), MDBGEN | UDCCDIS | 0x3c | NS_BIT);
    CP(DSCR, 0);
    CP(OSLAR, LOCK);
    check("OSLSR", 2, GET(OSLSR), 0x0a);
    CP(OSLAR, 0);
    check("DRAR", 0, GET("p14, 0, %0, c1, c0, 0"), 0);
    check("DRAR", 1, GET64("p14, 0, %Q0, %R0, c1"), 0);
    check("DSAR", 0, GET("p14, 0, %0, c2, c0, 0"), 0);
    check("DEVID", 0, GET("p14, 0, %0, c7, c2, 7"), v8 ? 0x110f13 : 0x1110f13);
    check("DEVID1", 0, GET("p14, 0, %0, c7, c1, 7"), v8 ? 2 : 0);
    check("DEVID2", 0, GET("p14, 0, %0, c7, c0, 7"), 0);
    check("WFAR", 0, GET("p14, 0, %0, c0, c6, 0"), 0);
    check("PRCR", 0, GET(PRCR), 0);
    CP(OSDLR, 1);
    check("OSDLR", 0, GET(OSDLR), 1);
    CP(OSDLR, 0);
    CP(CLAIMSET, 0x35);
    check("CLAIMSET", 0, GET(CLAIMSET), 0xff);
    check("CLAIMCLR", 0, GET(CLAIMCLR), 0x35);
    CP(CLAIMCLR, 0x35);
    check("CLAIMCLR", 1, GET(CLAIMCLR), 0);
    CP(VCR, 0xffffffff);
    check("VCR", 0, GET(VCR), 0xde00dcde);
    CP(VCR, 0);
    /* Contexts have 64 bits. */
    CP(BXVR(4), 0x5a);
    CP(BVR(4), 0x12345677);
    check("BXVR", 0, GET(BXVR(4)), 0x5a);
    check("BVR", 0, GET(BVR(4)), 0x12345677);
    CP(BXVR(4), 0);
    CP(WVR(3), 0x12345678);
    check("WVR", 0, GET(WVR(3)), 0x12345678);
    CP(WCR(3), 0xfffffffe);
    check("WCR", 0, GET(WCR(3)), 0x1f1ffffe);
    CP(WCR(3), 0);
    for (u32 i = 0; i < COUNT(undefined); i++) {
        check("undefined", i, one(undefined[i], 0), V_UNDEF);
    }
    check("DCCINT", 0, one(R(0, 0, 2, 0), 0), v8 ? 0 : V_UNDEF);
    check("MRC to the flags", 0, one(0xee10fe11, 0), 0);
}

/* In User mode: the few that are its, until UDCCdis. */
static void user(void)
{
    static const u32 free[] = {R(0, 0, 0, 0), R(0, 0, 1, 0), R(0, 1, 0, 0), R(0, 2, 0, 0),
                               R(0, 0, 5, 0)};
    static const u32 never[] = {R(0, 0, 2, 2), R(0, 0, 0, 4), R(0, 1, 1, 4), R(0, 7, 8, 6),
                                R(0, 0, 7, 0)};

    stub[1] = 0xef000000;
    for (u32 dis = 0; dis < 2; dis++) {
        CP(DSCR, dis ? UDCCDIS : 0);
        for (u32 i = 0; i < COUNT(free) + COUNT(never); i++) {
            u32 mine = i < COUNT(free);
            stub[0] = mine ? free[i] : never[i - COUNT(free)];
            sync_code();
            go((u32)stub, PL0, 0);
            check("PL0", dis << 8 | i, trap.vector, mine && !dis ? V_SVC : V_UNDEF);
        }
    }
    CP(DSCR, 0);
}

static void breakpoints(void)
{
    for (u32 i = 0; i < 8; i++) {
        stub[i] = ADD;
    }
    stub[8] = BX;
    CP(BVR(0), stub + 3);
    CP(BCR(0), ANY);
    check("not enabled", 0, run_stub((u32)stub, 0), 0);
    CP(DSCR, MDBGEN);
    debug_event("break", 0, run_stub((u32)stub, 0), V_PABT, BREAK);
    check("its place", 0, trap.lr, (u32)(stub + 4)); /* and it was left out */
    check("the others", 0, r0_seen, 7);
    CP(OSLAR, LOCK);
    check("locked", 0, run_stub((u32)stub, 0), 0);
    CP(OSLAR, 0);
    /* Whatever the condition is */
    stub[3] = 0x02800001; /* addeq */
    stub[2] = 0xe3b02001; /* movs r2, #1 */
    debug_event("condition", 0, run_stub((u32)stub, 0), V_PABT, BREAK);
    stub[2] = stub[3] = ADD;
    /* Levels */
    CP(BCR(0), 0x1e5); /* PL0 */
    check("PL0's", 0, run_stub((u32)stub, 0), 0);
    CP(BCR(0), 0x1e3); /* PL1 */
    debug_event("PL1's", 0, run_stub((u32)stub, 0), V_PABT, BREAK);
    CP(BCR(0), 0x1e1); /* User, Supervisor and System */
    debug_event("modes", 0, run_stub((u32)stub, 0), V_PABT, BREAK);
    CP(BCR(0), ANY | 2 << 14); /* secure */
    check("secure", 0, run_stub((u32)stub, 0), 0);
    CP(BCR(0), ANY | 1 << 14); /* non-secure */
    debug_event("non-secure", 0, run_stub((u32)stub, 0), V_PABT, BREAK);
    CP(BCR(0), ANY & ~1u);
    check("off", 0, run_stub((u32)stub, 0), 0);
    /* Thumb: the halfword that the byte mask names */
    stub[0] = 0x30013001; /* adds r0, #1 */
    stub[1] = 0x47703001;
    CP(BVR(0), stub);
    CP(BCR(0), 0x067);
    debug_event("lower half", 0, run_stub((u32)stub | 1, 0), V_PABT, BREAK);
    check("its place", 1, trap.lr, (u32)stub + 4);
    CP(BCR(0), 0x187);
    debug_event("upper half", 0, run_stub((u32)stub | 1, 0), V_PABT, BREAK);
    check("its place", 2, trap.lr, (u32)stub + 6);
    /* Mismatch, linked to a context: every other address in User mode */
    stub[0] = stub[1] = stub[2] = ADD;
    stub[3] = 0xef000000;
    CP(BVR(0), stub);
    CP(BVR(5), 0x1237);
    CP(BCR(5), 0x1e7 | 3 << 20);
    CP(BCR(0), 0x1e5 | 5 << 20 | 5 << 16);
    sync_code();
    CP(CONTEXTIDR, 0x1236);
    go((u32)stub, PL0, 0);
    check("another context", 0, trap.vector, V_SVC);
    CP(CONTEXTIDR, 0x1237);
    go((u32)stub, PL0, 0);
    debug_event("mismatch", 0, (trap.count = 1, trap.vector), V_PABT, BREAK);
    check("its place", 3, trap.lr, (u32)(stub + 2));
    /* A context alone */
    CP(BCR(0), 0);
    CP(BCR(5), 0x1e5 | 2 << 20);
    go((u32)stub, PL0, 0);
    debug_event("context", 0, (trap.count = 1, trap.vector), V_PABT, BREAK);
    check("its place", 4, trap.lr, (u32)(stub + 1));
    CP(BCR(5), 0);
    CP(CONTEXTIDR, 0);
}

static void watchpoints(void)
{
    enum {
        LDR = 0xe5910000,
        STR = 0xe5810000,
        LDRB = 0xe5d10000,
        LDM = 0xe891000c,
        LDRT = 0xe4b10000
    };
    u32 a = (u32)data;

    CP(WVR(1), a + 8);
    CP(WCR(1), 0x1ff & ~0x10u); /* loads */
    debug_event("load", 0, one(LDR, a + 8), V_DABT, WATCH);
    check("its DFAR", 0, trap.dfar, a + 8);
    check("its WnR", 0, trap.dfsr >> 11 & 1, 0);
    check("its place", 0, trap.lr, (u32)stub + 4);
    check("store", 0, one(STR, a + 8), 0);
    check("beside", 0, one(LDR, a + 4), 0);
    check("beside", 1, one(LDR, a + 12), 0);
    debug_event("LDM", 0, one(LDM, a + 4), V_DABT, WATCH);
    CP(WCR(1), 0x1ff & ~8u); /* stores */
    debug_event("store", 1, one(STR, a + 8), V_DABT, WATCH);
    check("its WnR", 1, trap.dfsr >> 11 & 1, 1);
    check("load", 1, one(LDR, a + 8), 0);
    CP(WCR(1), 0x9f); /* one byte */
    debug_event("byte", 0, one(LDRB, a + 10), V_DABT, WATCH);
    check("another byte", 0, one(LDRB, a + 9), 0);
    CP(WCR(1), 0x1fd); /* PL0's */
    check("PL1", 0, one(LDR, a + 8), 0);
    debug_event("LDRT", 0, one(LDRT, a + 8), V_DABT, WATCH);
    CP(WVR(1), a);
    CP(WCR(1), 0x1fff | 5 << 24); /* 32 bytes */
    debug_event("mask", 0, one(LDR, a + 28), V_DABT, WATCH);
    check("behind", 0, one(LDR, a + 32), 0);
    CP(WCR(1), 0);
    check("off", 0, one(LDR, a + 8), 0);
}

static void catches(void)
{
    CP(VCR, 1 << 25); /* Undefined Instruction, non-secure */
    one(0xe7f000f0, 0);
    trap.count--; /* the handler's own ran behind it */
    debug_event("catch", 0, V_PABT, V_PABT, CATCH);
    CP(VCR, 1 << 1); /* secure */
    check("secure", 0, one(0xe7f000f0, 0), V_UNDEF);
    check("its count", 0, trap.count, 1);
    CP(VCR, 0);
    debug_event("BKPT", 0, one(0xe1200070, 0), V_PABT, BKPT);
}

static u32 hsr_of(u32 insn)
{
    return 0x17e00000 | (insn >> 5 & 7) << 17 | (insn >> 21 & 7) << 14 | (insn >> 16 & 15) << 10 |
           1 << 5 | (insn & 15) << 1 | (insn >> 20 & 1);
}
static void hyp_traps(void)
{
    static const struct {
        u32 insn, by;
    } rows[] = {
        {R(0, 0, 0, 0), TDA},   {R(0, 0, 1, 0), TDA},   {R(0, 0, 2, 2), TDA},
        {W(0, 0, 2, 2), TDA},   {R(0, 0, 7, 0), TDA},   {R(0, 0, 0, 4), TDA},
        {R(0, 0, 3, 7), TDA},   {R(0, 1, 4, 1), TDA},   {R(0, 7, 8, 6), TDA},
        {R(0, 7, 14, 6), TDA},  {R(0, 7, 2, 7), TDA},   {R(0, 0, 6, 0), TDA},
        {R(0, 1, 1, 4), TDOSA}, {W(0, 1, 0, 4), TDOSA}, {R(0, 1, 3, 4), TDOSA},
        {R(0, 1, 4, 4), TDOSA}, {R(0, 1, 0, 0), TDRA},  {R(0, 2, 0, 0), TDRA},
    };
    enum { ALL = TDA | TDOSA | TDRA };

    for (u32 i = 0; i < COUNT(rows); i++) {
        hyp(set_hdcr, rows[i].by);
        one(rows[i].insn, 0);
        check("HDCR", i, hyp_trap.count, 1);
        check("its HSR", i, hyp_trap.hsr, hsr_of(rows[i].insn));
        hyp(set_hdcr, ALL & ~rows[i].by);
        one(rows[i].insn, 0);
        check("the others", i, hyp_trap.count, 0);
    }
    /* TDE: of debug exceptions, too. */
    hyp(set_hdcr, ALL | TDE);
    one(0xe1200070, 0);
    check("BKPT", 1, hyp_trap.count, 1);
    check("its HSR", 0x100, hyp_trap.hsr, 0x82000022);
    hyp(set_hdcr, 0);
    CP(DSCR, MDBGEN);
    CP(BVR(0), stub);
    CP(BCR(0), ANY);
    CP(WVR(0), data);
    CP(WCR(0), 0x1ff);
    hyp(set_hdcr, ALL | TDE);
    one(NOP, 0);
    check("break", 1, hyp_trap.count, 1);
    check("its HSR", 0x101, hyp_trap.hsr, 0x82000022);
    check("its place", 0x101, hyp_trap.elr, (u32)stub);
    hyp(set_hdcr, 0);
    CP(BCR(0), 0);
    hyp(set_hdcr, ALL | TDE);
    one(0xe5810000, (u32)data);
    check("watch", 1, hyp_trap.count, 1);
    check("its HSR", 0x102, hyp_trap.hsr, 0x92000062);
    hyp(set_hdcr, 0);
    CP(WCR(0), 0);
    CP(DSCR, 0);
}

static u32 start_hyp(u32 unused)
{
    static u32 stack[1024];

    (void)unused;
    CP(SCR, NS | HCE);
    CP(VBAR, vectors);
    CP(HVBAR, hyp_vectors);
    CP(HCR, 0);
    CP(HDCR, 0);
    __asm__ volatile(".arch_extension virt\n\tmsr sp_hyp, %0" ::"r"(stack + 1024));
    return 0;
}

static void run(void)
{
    v8 = (GET("p15, 0, %0, c0, c2, 5") >> 4 & 15) != 0; /* ID_ISAR5: AES */
    monitor_start();
    monitor(start_hyp, 0);
    registers();
    user();
    breakpoints();
    watchpoints();
    catches();
    hyp_traps();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Self-hosted debug of AArch64 at EL1 (DDI 0487, D2): breakpoints with address and linked context,
 * watchpoints in the page of the running code, software step; who they are for, what masks them,
 * what the syndrome says.
 */
#include "a64.h"

enum { NOP = 0xd503201f, SVC = 0xd4000001, ADD0 = 0x91000400 /* add x0, x0, #1 */ };
enum { MDSCR_SS = 1, MDSCR_KDE = 1 << 13, MDSCR_MDE = 1 << 15 };
enum { SPSR_D = 1 << 9, SPSR_SS = 1 << 21 };
/* DBGBCR, DBGWCR: enabled; for EL0, EL1; all four bytes of an instruction */
enum { ON = 1, FOR_EL1 = 1 << 1, FOR_EL0 = 2 << 1, WORD = 0xf << 5, LINKED = 1 << 20 };
enum { LOADS = 1 << 3, STORES = 2 << 3 };
#define BAS(bytes) ((u64)(bytes) << 5)

enum { EC_SVC = 0x15, EC_BREAK = 0x30, EC_STEP = 0x32, EC_WATCH = 0x34, EC_BRK = 0x3c };
#define ESR(ec, iss)   ((u64)(ec) << 26 | 1 << 25 | (iss))
#define DEBUG_FAULT    0x22
#define USER           0x80000000ul
#define SPSR_EL(el, d) (((el) ? 0x1c5ul : 0x1c0ul) | ((d) ? SPSR_D : 0))

/* One page: code and what it reads and writes; and EL1's next one. */
static u32 page[2048] __attribute__((aligned(4096)));
#define CODE 16
#define DATA 512

static u64 at(u32 el, u32 word)
{
    return (el ? (u64)page : USER) + 4 * word;
}

static void code(u32 n, const u32 *insns)
{
    for (u32 i = 0; i < n; i++) {
        page[CODE + i] = insns[i];
    }
    page[CODE + n] = SVC;
    sync_code();
}
#define PUT(...) code(sizeof((u32[]){__VA_ARGS__}) / 4, (u32[]){__VA_ARGS__})

/* Runs the code at a level with X1 = arg; the exception that ends it has to have this class and
 * place. */
static void expect(const char *what, u32 el, u64 spsr, u64 arg, u64 esr, u32 elr)
{
    u32 ec = esr >> 26;
    u32 debug = ec >= EC_BREAK && ec < EC_BRK;

    trap.count = 0;
    go(at(el, CODE), spsr, arg);
    check(what, el, trap.esr, esr + (debug && el ? 1ul << 26 : 0));
    check("its place", el, trap.elr, at(el, elr));
    check("its vector", el, trap.vector, el ? 0x1200 : 0x1400);
    check("its count", el, trap.count, 1);
}

static void breakpoints(u32 el)
{
    u64 mine = el ? FOR_EL1 : FOR_EL0, other = el ? FOR_EL0 : FOR_EL1;
    u64 spsr = SPSR_EL(el, !el); /* D masks only what the level takes itself */

    PUT(ADD0, ADD0, ADD0);
    MSR("dbgbvr0_el1", at(el, CODE + 1));
    MSR("dbgbcr0_el1", ON | mine | WORD);
    MSR("mdscr_el1", 0);
    expect("debug off", el, spsr, 0, ESR(EC_SVC, 0), CODE + 4);
    MSR("mdscr_el1", MDSCR_MDE);
    if (el) {
        expect("kernel debug off", el, spsr, 0, ESR(EC_SVC, 0), CODE + 4);
        MSR("mdscr_el1", MDSCR_MDE | MDSCR_KDE);
        expect("masked", el, SPSR_EL(el, 1), 0, ESR(EC_SVC, 0), CODE + 4);
    }
    expect("break", el, spsr, 0, ESR(EC_BREAK, DEBUG_FAULT), CODE + 1);
    MSR("oslar_el1", 1);
    expect("OS lock", el, spsr, 0, ESR(EC_SVC, 0), CODE + 4);
    MSR("oslar_el1", 0);
    MSR("dbgbcr0_el1", ON | other | WORD);
    expect("other level", el, spsr, 0, ESR(EC_SVC, 0), CODE + 4);
    MSR("dbgbcr0_el1", mine | WORD);
    expect("not enabled", el, spsr, 0, ESR(EC_SVC, 0), CODE + 4);

    /* Only in a context: the last breakpoint compares CONTEXTIDR_EL1. */
    MSR("contextidr_el1", 0x1234);
    MSR("dbgbvr5_el1", 0x1234);
    MSR("dbgbcr5_el1", ON | FOR_EL0 | FOR_EL1 | WORD | 3 << 20);
    MSR("dbgbcr0_el1", ON | mine | WORD | LINKED | 5 << 16);
    expect("context", el, spsr, 0, ESR(EC_BREAK, DEBUG_FAULT), CODE + 1);
    MSR("contextidr_el1", 0x1235);
    expect("other context", el, spsr, 0, ESR(EC_SVC, 0), CODE + 4);
    MSR("dbgbcr5_el1", 0);
    MSR("dbgbcr0_el1", 0);
}

static void watchpoints(u32 el)
{
    /* Each access is to [x1]: what it is, its bytes */
    static const struct {
        u32 insn;
        unsigned char load, store, size;
    } accesses[] = {
        {0xf9400022, 1, 0, 8},  /* ldr x2, [x1] */
        {0xf9000022, 0, 1, 8},  /* str x2, [x1] */
        {0x39400022, 1, 0, 1},  /* ldrb w2, [x1] */
        {0x39000022, 0, 1, 1},  /* strb w2, [x1] */
        {0xa9400c22, 1, 0, 16}, /* ldp x2, x3, [x1] */
        {0xa9000c22, 0, 1, 16}, /* stp x2, x3, [x1] */
        {0xc85f7c22, 1, 0, 8},  /* ldxr x2, [x1] */
        {0xf8220022, 1, 1, 8},  /* ldadd x2, x2, [x1] */
    };
    u64 mine = el ? FOR_EL1 : FOR_EL0, other = el ? FOR_EL0 : FOR_EL1;
    u64 spsr = SPSR_EL(el, !el), watched = at(el, DATA);
    static const u32 kinds[] = {LOADS, STORES, LOADS | STORES};

    MSR("mdscr_el1", MDSCR_MDE | MDSCR_KDE);
    MSR("dbgwvr0_el1", watched);
    for (u32 i = 0; i < COUNT(accesses); i++) {
        /* What an atomic instruction reads alone is not watched. */
        for (u32 k = accesses[i].load && accesses[i].store; k < COUNT(kinds); k++) {
            u32 hit = (accesses[i].load && (kinds[k] & LOADS)) ||
                      (accesses[i].store && (kinds[k] & STORES));
            /* An atomic instruction is told as a read where a read would have been told. */
            u32 wnr = hit && !(accesses[i].load && (kinds[k] & LOADS));

            PUT(NOP, accesses[i].insn, NOP);
            /* Byte 4 of the double word, or byte 0 where the access has no more. */
            MSR("dbgwcr0_el1", ON | mine | kinds[k] | BAS(accesses[i].size > 4 ? 0x10 : 1));
            expect("watch", el, spsr, watched,
                   hit ? ESR(EC_WATCH, DEBUG_FAULT | wnr << 6) : ESR(EC_SVC, 0),
                   hit ? CODE + 1 : CODE + 4);
            if (hit) {
                check("its address", i << 4 | k, trap.far >= watched && trap.far < watched + 8, 1);
            }
            expect("beside it", el, spsr, watched + 16, ESR(EC_SVC, 0), CODE + 4);
            expect("in front of it", el, spsr, watched - 16, ESR(EC_SVC, 0), CODE + 4);
            MSR("dbgwcr0_el1", ON | other | kinds[k] | BAS(0xff));
            expect("other level's", el, spsr, watched, ESR(EC_SVC, 0), CODE + 4);
        }
    }
    /* A range of 64 bytes; LDTR is an access of EL0. */
    PUT(0x39400022);
    MSR("dbgwcr0_el1", ON | mine | LOADS | BAS(0xff) | 6 << 24);
    MSR("dbgwvr0_el1", watched & ~63ul);
    expect("range", el, spsr, watched + 63, ESR(EC_WATCH, DEBUG_FAULT), CODE);
    check("its address", el, trap.far, watched + 63);
    expect("behind the range", el, spsr, watched + 64, ESR(EC_SVC, 0), CODE + 2);
    if (el) {
        u64 user = at(0, DATA);

        PUT(NOP,
            0xf9000021); /* str x1, [x1] across the end of the page, nothing of which is done */
        page[1023] = 0;
        MSR("dbgwvr0_el1", at(1, 1024));
        MSR("dbgwcr0_el1", ON | FOR_EL1 | STORES | BAS(1 << 2));
        expect("second page", el, spsr, at(1, 1023), ESR(EC_WATCH, DEBUG_FAULT | 1 << 6), CODE + 1);
        check("its address", el, trap.far, at(1, 1024) + 2);
        check("its first page", el, page[1023], 0);

        PUT(0x38400822); /* ldtrb w2, [x1] */
        MSR("dbgwvr0_el1", user & ~63ul);
        MSR("dbgwcr0_el1", ON | FOR_EL1 | LOADS | BAS(0xff) | 6 << 24);
        expect("unprivileged", el, spsr, user, ESR(EC_SVC, 0), CODE + 2);
        MSR("dbgwcr0_el1", ON | FOR_EL0 | LOADS | BAS(0xff) | 6 << 24);
        expect("unprivileged", el, spsr, user, ESR(EC_WATCH, DEBUG_FAULT), CODE);
    }
    MSR("dbgwcr0_el1", 0);
    /* Without it the page is as fast and as right as before. */
    PUT(0xf9000022, ADD0);
    expect("no watch", el, spsr, watched, ESR(EC_SVC, 0), CODE + 3);
}

enum { ISV = 1 << 24, EX = 1 << 6 };

static void steps(u32 el)
{
    u64 spsr = SPSR_EL(el, !el);

    PUT(ADD0, 0xc85f7c22, 0x14000002, NOP, ADD0); /* add; ldxr x2, [x1]; b .+8; nop; add */
    MSR("mdscr_el1", MDSCR_SS | MDSCR_KDE);
    expect("step", el, spsr | SPSR_SS, at(el, DATA), ESR(EC_STEP, ISV | DEBUG_FAULT), CODE + 1);
    check("SPSR.SS", el, trap.spsr >> 21 & 1, 0);
    expect("pending", el, spsr, at(el, DATA), ESR(EC_STEP, DEBUG_FAULT), CODE);
    go(at(el, CODE + 1), spsr | SPSR_SS, at(el, DATA));
    check("step of LDXR", el, trap.esr, ESR(EC_STEP + el, ISV | EX | DEBUG_FAULT));
    go(at(el, CODE + 2), spsr | SPSR_SS, 0);
    check("step of a branch", el, trap.elr, at(el, CODE + 4));
    go(at(el, CODE + 5), spsr | SPSR_SS, 0);
    check("step of SVC", el, trap.esr, ESR(EC_SVC, 0));
    check("SPSR.SS of SVC", el, trap.spsr >> 21 & 1, 0);
    if (el) {
        expect("masked", el, SPSR_EL(el, 1) | SPSR_SS, at(el, DATA), ESR(EC_SVC, 0), CODE + 6);
    }
    MSR("mdscr_el1", MDSCR_KDE);
    expect("no step", el, spsr | SPSR_SS, at(el, DATA), ESR(EC_SVC, 0), CODE + 6);
}

/* AArch32 at EL0, below AArch64. */
static void steps32(void)
{
    enum { A32 = 0x10, T32 = 0x30 };
    static const struct {
        u32 state, insns, iss, length;
    } cases[] = {
        {A32, 0xe2800001, 0, 4},         /* add r0, r0, #1 */
        {A32, 0x02800001, 0, 4},         /* addeq r0, r0, #1 */
        {A32, 0xe1912f9f, EX, 4},        /* ldrex r2, [r1] */
        {A32, 0xe1d12f9f, EX, 4},        /* ldrexb r2, [r1] */
        {A32, 0xe1912e9f, EX, 4},        /* ldaex r2, [r1] */
        {A32, 0xe1912c9f, 0, 4},         /* lda r2, [r1] */
        {A32, 0xea000001, 0, 12},        /* b .+12 */
        {T32, 0xbf003001, 0, 2},         /* adds r0, #1 */
        {T32, 0x2f00e851, EX, 4},        /* ldrex r2, [r1] */
        {T32, 0x2f4fe8d1, EX, 4},        /* ldrexb r2, [r1] */
        {T32, 0x2fafe8d1, 0, 4},         /* lda r2, [r1] */
        {T32 | 8 << 8, 0xbf003001, 0, 2} /* the last of an IT block */
    };

    page[DATA] = 0;
    MSR("mdscr_el1", MDSCR_SS);
    for (u32 i = 0; i < COUNT(cases); i++) {
        PUT(cases[i].insns);
        go(at(0, CODE), cases[i].state | SPSR_SS, at(0, DATA) & 0xffffffff);
        check("AArch32 step", i, trap.esr, ESR(EC_STEP, ISV | cases[i].iss | DEBUG_FAULT));
        check("its place", i, trap.elr, (at(0, CODE) & 0xffffffff) + cases[i].length);
        check("its vector", i, trap.vector, 0x1600);
        check("its SPSR", i, trap.spsr & 0x0620ff3f, cases[i].state & 0x3f);
    }
    go(at(0, CODE), T32, 0);
    check("AArch32 pending", 0, trap.esr, ESR(EC_STEP, DEBUG_FAULT));
    MSR("mdscr_el1", 0);
}

static void run(void)
{
    u64 *root = identity();

    *pte(root, USER, 3) = (u64)page | PTE_PAGE | PTE_RAM | PTE_USER;
    mmu_on(root);
    MSR("oslar_el1", 0);
    MSR("osdlr_el1", 0);
    for (u32 el = 0; el < 2; el++) {
        breakpoints(el);
        watchpoints(el);
        steps(el);
    }
    steps32();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The secure world of the virt board with secure=on, from EL3: its RAM, UART, GPIO and flash, which
 * non-secure accesses do not reach, whether the state or a descriptor says so (DDI 0487, D8.3.2);
 * SCR_EL3.SIF and EA; translations of both states beside each other; PAR_EL1.NS; the interrupt
 * controller's view of the non-secure world.
 */
#include "a64.h"

#define SECURE_RAM  0x0e000000ul
#define SECURE_UART 0x09040000ul
#define SECURE_GPIO 0x090b0000ul
#define NS_BIT      (1ul << 5)
#define NSTABLE     (1ul << 63)
enum { NS = 1, EA = 1 << 3, SIF = 1 << 9, RW = 1 << 10, ST = 1 << 11, RES1 = 3 << 4 };

static u32 stub[1024] __attribute__((aligned(4096)));
static u32 vectors[512] __attribute__((aligned(2048))); /* of EL1: smc 1 each */
static u64 page[2][512] __attribute__((aligned(4096)));

enum { LDR = 0xb9400020, STR = 0xb9000020, BR = 0xd61f0020, LDRX = 0xf9400020 };

/* One instruction at EL1 in the state of scr; 0 or ESR_EL1, bit 32 set if EL3 was entered instead.
 */
static u64 value;
static u64 at_el1(u64 scr, u32 insn, u64 arg)
{
    register u64 x1 __asm__("x1") = arg;
    register u64 x2 __asm__("x2") = (u64)stub;
    register u64 x0 __asm__("x0");

    stub[0] = insn;
    stub[1] = 0xd4000003; /* smc 0 */
    sync_code();
    MSR("scr_el3", scr | RW | RES1);
    MSR("esr_el1", 0);
    __asm__ volatile("adrp x4, trap\n\tadd x4, x4, :lo12:trap\n\tadr x5, 1f\n\tstr x5, [x4, 48]\n\t"
                     "mov x5, 0x3cd\n\tstr x5, [x4, 56]\n\tmsr elr_el3, x2\n\tmov x5, 0x3c5\n\t"
                     "msr spsr_el3, x5\n\teret\n1:"
                     : "+r"(x1), "+r"(x2), "=r"(x0)
                     :
                     : "x4", "x5", "memory");
    value = x0;
    MSR("scr_el3", RW | RES1);
    if (trap.esr >> 26 != 0x17) {
        return trap.esr | 1ul << 32;
    }
    return trap.esr & 0xffff ? MRS("esr_el1") : 0;
}

static u64 abort_of(u32 ec, u32 insn, u32 fsc)
{
    return (u64)ec << 26 | 1 << 25 | (insn == STR ? 1 << 6 : 0) | fsc;
}

static void places(void)
{
    static const struct {
        u64 at;
        u32 value; /* behind reset, or as written; ~0: not compared */
        int secure, store;
    } where[] = {
        {SECURE_RAM, 0x12345678, 1, 1},
        {SECURE_RAM + 0xfffffc, 0x12345678, 1, 1},
        {SECURE_UART + 0xfe0, 0x11, 1, 0},
        {SECURE_GPIO + 0xfe0, 0x61, 1, 0},
        {0, ~0u, 1, 0},          /* the first flash */
        {0x04000000, ~0u, 0, 0}, /* the second one */
        {0x09000fe0, 0x11, 0, 0},
        {0x40300000, 0x12345678, 0, 1},
    };

    for (u32 i = 0; i < COUNT(where); i++) {
        u64 n = trap.count;
        if (where[i].store) {
            *(volatile u32 *)where[i].at = where[i].value;
        }
        u32 v = *(volatile u32 *)where[i].at;
        check("EL3", i, trap.count, n);
        if (where[i].value != ~0u) {
            check("value", i, v, where[i].value);
        }
        for (u32 ns = 0; ns < 2; ns++) {
            u64 id = i << 4 | ns;
            int fails = ns && where[i].secure;
            value = 0;
            if (where[i].store) {
                *(volatile u32 *)where[i].at = where[i].value;
            }
            check("load at EL1", id, at_el1(ns, LDR, where[i].at),
                  fails ? abort_of(0x25, LDR, 0x10) : 0);
            if (!fails && where[i].value != ~0u) {
                check("value at EL1", id, (u32)value, where[i].value);
            }
            if (where[i].store || fails) {
                check("store at EL1", id, at_el1(ns, STR, where[i].at),
                      fails ? abort_of(0x25, STR, 0x10) : 0);
            }
            check("external abort to EL3", id, at_el1(ns | EA, LDR, where[i].at),
                  fails ? 1ul << 32 | abort_of(0x24, LDR, 0x10) : 0);
        }
    }
    /* Code, too. */
    *(volatile u32 *)SECURE_RAM = 0xd4000003;
    sync_code();
    check("code", 0, at_el1(0, BR, SECURE_RAM), 0);
    check("code", 1, at_el1(NS, BR, SECURE_RAM), abort_of(0x21, BR, 0x10));
    *(volatile u32 *)SECURE_RAM = 0x12345678;
}

static void el1_on(u64 *root)
{
    MSR("mair_el1", 0x00ff);
    MSR("tcr_el1", 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 25 << 16 | 2ul << 32);
    MSR("ttbr0_el1", root);
    MSR("sctlr_el1", 0x30d00801);
    __asm__ volatile("dsb sy\n\tisb" ::: "memory");
}
static void el1_flush(u64 scr)
{
    MSR("scr_el3", scr | RW | RES1);
    __asm__ volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb" ::: "memory");
    MSR("scr_el3", RW | RES1);
}

/* Secure EL1: the NS bit and NSTable of its descriptors. */
static void descriptors(void)
{
    static const u64 attrs[] = {PTE_AF | PTE_DEVICE, PTE_RAM};
    u64 *root = identity(), va = 0x2000000000;
    u64 *l2 = pte(root, va, 2), *l3 = pte(root, va, 3), *l1 = pte(root, va, 1);

    el1_on(root);
    for (u32 i = 0; i < 8; i++) {
        u64 ns = i & 1 ? NS_BIT : 0;
        *l3 = SECURE_RAM | PTE_PAGE | attrs[i & 1] | ns;
        *l2 = (*l2 & ~NSTABLE) | (i & 2 ? NSTABLE : 0);
        *l1 = (*l1 & ~NSTABLE) | (i & 4 ? NSTABLE : 0);
        el1_flush(0);
        value = 0;
        u64 got = at_el1(0, LDR, va);
        check("NS, NSTable", i, got, i ? abort_of(0x25, LDR, 0x10) : 0);
        if (!i) {
            check("its value", i, (u32)value, 0x12345678);
        }
        check("store", i, at_el1(0, STR, va), i ? abort_of(0x25, STR, 0x10) : 0);
        *(volatile u32 *)SECURE_RAM = 0x12345678;
        /* The address translation instruction says which space. */
        at_el1(0, 0xd5087801, va); /* at s1e1r, x1 */
        u64 par = MRS("par_el1");
        check("PAR", i, par & 0xfffffffff201, SECURE_RAM | (i ? 1 << 9 : 0));
        /* In non-secure state these bits say nothing. */
        el1_flush(NS);
        check("non-secure", i, at_el1(NS, LDR, va), abort_of(0x25, LDR, 0x10));
        *l3 = (u64)page[0] | PTE_PAGE | PTE_RAM | ns;
        el1_flush(NS);
        check("non-secure RAM", i, at_el1(NS, LDR, va), 0);
        el1_flush(0);
        check("RAM", i, at_el1(0, LDR, va), 0);
        /* With SIF secure state runs no code in non-secure memory. */
        page[0][0] = 0xd4000003;
        sync_code();
        check("no SIF", i, at_el1(0, BR, va), 0);
        el1_flush(SIF);
        check("SIF", i, at_el1(SIF, BR, va), i ? abort_of(0x21, BR, 0x0f) : 0);
        check("SIF, non-secure", i, at_el1(SIF | NS, BR, va), 0);
        el1_flush(0);
    }
    /* Tables in secure RAM: not for the non-secure world, nor behind NSTable. */
    u64 *t3 = (u64 *)SECURE_RAM;
    t3[va >> 12 & 511] = (u64)page[0] | PTE_PAGE | PTE_RAM;
    *l1 &= ~NSTABLE;
    *l2 = SECURE_RAM | PTE_TABLE;
    el1_flush(0);
    el1_flush(NS);
    check("table in secure RAM", 0, at_el1(0, LDR, va), 0);
    check("table in secure RAM", 1, at_el1(NS, LDR, va), abort_of(0x25, LDR, 0x17));
    *l2 = SECURE_RAM | PTE_TABLE | NSTABLE;
    el1_flush(0);
    check("table in secure RAM", 2, at_el1(0, LDR, va), abort_of(0x25, LDR, 0x17));
    MSR("sctlr_el1", 0x30d00800);
}

/* The same address of both states at a time, without maintenance between. */
static void both(void)
{
    u64 *root[2] = {identity(), identity()}, va = 0x2000000000;

    for (u32 i = 0; i < 2; i++) {
        page[i][0] = i + 1;
        *pte(root[i], va, 3) = (u64)page[i] | PTE_PAGE | PTE_RAM;
    }
    el1_on(root[0]);
    el1_flush(0);
    el1_flush(NS);
    for (u32 i = 0; i < 8; i++) {
        u32 ns = i & 1;
        MSR("ttbr0_el1", root[ns]);
        at_el1(ns, LDRX, va);
        check("both states", i, value, ns + 1);
    }
    /* Changed: maintenance of the state that runs. */
    *pte(root[0], va, 3) = (u64)page[1] | PTE_PAGE | PTE_RAM;
    MSR("ttbr0_el1", root[0]);
    at_el1(0, LDRX, va);
    check("cached", 0, value, 1);
    at_el1(0, 0xd508871f, 0); /* tlbi vmalle1 */
    at_el1(0, LDRX, va);
    check("flushed", 0, value, 2);
    MSR("sctlr_el1", 0x30d00800);
}

/* EL3's own translation. */
static void el3(void)
{
    u64 *root = identity(), va = 0x2000000000, *l3 = pte(root, va, 3);

    MSR("mair_el3", 0x00ff);
    MSR("tcr_el3", 25 | 1 << 8 | 1 << 10 | 3 << 12 | 2 << 16 | 1u << 31 | 1 << 23);
    MSR("ttbr0_el3", root);
    *l3 = SECURE_RAM | PTE_PAGE | PTE_RAM;
    __asm__ volatile("dsb sy\n\ttlbi alle3\n\tdsb sy\n\tisb" ::: "memory");
    MSR("sctlr_el3", MRS("sctlr_el3") | 1);
    *(volatile u32 *)va = 0x5ec;
    check("EL3 secure page", 0, *(volatile u32 *)va, 0x5ec);
    check("the same", 0, *(volatile u32 *)SECURE_RAM, 0x5ec);
    *l3 |= NS_BIT;
    __asm__ volatile("dsb sy\n\ttlbi alle3\n\tdsb sy\n\tisb" ::: "memory");
    u64 n = trap.count;
    (void)*(volatile u32 *)va;
    check("EL3 non-secure page", 0, trap.count, n + 1);
    check("EL3 non-secure page", 1, trap.esr, abort_of(0x25, LDR, 0x10));
    check("EL3 non-secure page", 2, trap.far, va);
    *l3 = (u64)page[1] | PTE_PAGE | PTE_RAM | NS_BIT;
    __asm__ volatile("dsb sy\n\ttlbi alle3\n\tdsb sy\n\tisb" ::: "memory");
    check("non-secure RAM", 0, *(volatile u64 *)va, page[1][0]);
    MSR("sctlr_el3", MRS("sctlr_el3") & ~1ul);
}

/* Group 0 is secure: the non-secure world does not see its interrupts. */
static void gic(void)
{
    const u64 gicd = 0x08000000;

    *(volatile u32 *)(gicd + 0x84) = 2; /* SPI 33 is group 1, 32 is group 0 */
    *(volatile u32 *)(gicd + 0x420) = 0xa0a0a0a0;
    *(volatile u32 *)(gicd + 0x204) = 3;
    at_el1(0, LDR, gicd + 0x84);
    check("IGROUPR, secure", 0, value, 2);
    at_el1(0, LDR, gicd + 0x204);
    check("ISPENDR, secure", 0, value, 3);
    at_el1(NS, LDR, gicd + 0x84);
    check("IGROUPR", 0, value, 0);
    at_el1(NS, LDR, gicd + 0x204);
    check("ISPENDR", 0, value, 2);
    at_el1(NS, LDR, gicd + 0x420);
    check("IPRIORITYR", 0, value & 0xffff, 0x4000);
    *(volatile u32 *)(gicd + 0x284) = 3;
}

static void timer(void)
{
    check("CNTPS at EL1", 0, at_el1(ST, 0xd53fe220, 0), 0);
    check("CNTPS at EL1 without ST", 0, at_el1(0, 0xd53fe220, 0) >> 32, 1);
    check("CNTPS, non-secure", 0, at_el1(NS | ST, 0xd53fe220, 0), 1 << 25);
}

static void run(void)
{
    check("level", 0, current_el(), 3);
    for (u32 i = 0; i < COUNT(vectors); i++) {
        vectors[i] = 0xd4000023; /* smc 1 */
    }
    sync_code();
    MSR("scr_el3", RW | RES1);
    MSR("vbar_el1", vectors);
    MSR("sctlr_el1", 0x30d00800);
    places();
    descriptors();
    both();
    el3();
    gic();
    timer();
}

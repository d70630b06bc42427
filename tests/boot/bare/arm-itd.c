/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * SCTLR_EL1.ITD (DDI 0487, G8.2.126): which Thumb instructions may be in an IT block of EL0's.
 * Cortex-A35 has it, and for "max" it reads as zero. Runs at EL1 with the MMU off.
 */
#include "a64.h"

enum { ITD = 1 << 7, THUMB_Z = 1 << 30 | 0x1f0, EL1H = 0x3c5, SVC = 0xdf20 };

static unsigned short stub[8] __attribute__((aligned(64)));

static const struct {
    unsigned short w[3];
    u32 at; /* what ITD makes UNDEFINED, in bytes; 8: nothing */
} rows[] = {
    {{0xbf08, 0x2001, SVC}, 8},    /* it eq; mov r0, #1 */
    {{0xbf18, 0x2001, SVC}, 8},    /* it ne */
    {{0xbf08, 0x4408, SVC}, 8},    /* add r0, r1 */
    {{0xbf08, 0x6008, SVC}, 8},    /* str r0, [r1] */
    {{0xbf04, 0x2001, 0x2001}, 0}, /* itt eq */
    {{0xbf0c, 0x2001, 0x2002}, 0}, /* ite eq */
    {{0xbf08, 0xf04f, 0x0001}, 2}, /* it eq; mov.w r0, #1 */
    {{0xbf18, 0xf04f, 0x0001}, 2}, /* though the condition is false */
    {{0xbf08, 0xbf00, SVC}, 2},    /* nop */
    {{0xbf18, 0xdf01, SVC}, 2},    /* it ne; svc #1 */
    {{0xbf18, 0xc901, SVC}, 2},    /* it ne; ldm r1!, {r0} */
    {{0xbf08, 0xa000, SVC}, 2},    /* adr r0 */
    {{0xbf08, 0x4800, SVC}, 2},    /* ldr r0, [pc] */
    {{0xbf08, 0x4678, SVC}, 2},    /* mov r0, pc */
    {{0xbf18, 0x4687, SVC}, 2},    /* it ne; mov pc, r0 */
    {{0x4678, 0xf04f, 0x0001}, 8}, /* outside of IT blocks */
};

/* In User mode, Thumb state, with Z set; R1 is where it may write. What the compiler keeps in X19
 * to X28 has no upper half to lose. */
static void user(void)
{
    static u32 place[4];
    register u64 x1 __asm__("x1") = (u64)place;
    trap.resume_spsr = EL1H;
    __asm__ volatile("adr x9, 1f\n\tstr x9, [%1]\n\tmsr spsr_el1, %2\n\tmsr elr_el1, %3\n\t"
                     "isb\n\tmov x0, 0\n\teret\n1:"
                     : "+r"(x1)
                     : "r"(&trap.resume), "r"((u64)THUMB_Z), "r"(stub)
                     : "x0", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
                       "x13", "x14", "x15", "x16", "x17", "x18", "x30", "cc", "memory");
}

static void run(void)
{
    u64 sctlr = MRS("sctlr_el1"), on;

    MSR("sctlr_el1", sctlr | ITD);
    on = MRS("sctlr_el1") & ITD;
    check("ITD", 0, on, (MRS("midr_el1") >> 4 & 0xfff) == 0xd04 ? ITD : 0);
    for (u32 set = 0; set < 2; set++) {
        MSR("sctlr_el1", set ? sctlr | ITD : sctlr & ~(u64)ITD);
        for (u32 i = 0; i < COUNT(rows); i++) {
            u32 at = set && on ? rows[i].at : 8;
            for (u32 k = 0; k < 3; k++) {
                stub[k] = rows[i].w[k];
            }
            stub[3] = stub[4] = SVC;
            __asm__ volatile("dsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
            user();
            check("syndrome", set << 8 | i, trap.esr, at == 8 ? 0x44000020 : 0x02000000);
            if (at != 8) {
                check("place", set << 8 | i, trap.elr, (u64)stub + at);
            }
        }
    }
    MSR("sctlr_el1", sctlr);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The order of bytes in AArch32 (DDI 0487, E2.6): SETEND in both instruction sets, CPSR.E and what
 * exceptions and returns do to it, SCTLR.EE for exceptions and table walks.
 */
#include "a32.h"

static u32 data[16] __attribute__((aligned(64)));
static u32 code[1024] __attribute__((aligned(4096)));
static u32 l1[4096] __attribute__((aligned(16384)));

enum { SETEND_LE = 0xf1010000, SETEND_BE = 0xf1010200, BX_LR = 0xe12fff1e };
static u32 out[4];

/* Runs SETEND BE; insn; SETEND LE with R1 the address, R2 and R3 values; R0 and R3 as they come
 * out. */
static void be(u32 insn, u32 r1_, u32 r2_, u32 r3_)
{
    register u32 r0 __asm__("r0") = 0;
    register u32 r1 __asm__("r1") = r1_;
    register u32 r2 __asm__("r2") = r2_;
    register u32 r3 __asm__("r3") = r3_;

    code[0] = SETEND_BE;
    code[1] = insn;
    code[2] = SETEND_LE;
    code[3] = BX_LR;
    sync_code();
    __asm__ volatile("blx %4"
                     : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
                     : "r"((u32)code)
                     : "lr", "memory");
    out[0] = r0;
    out[2] = r2;
    out[3] = r3;
}

static void set_data(void)
{
    for (u32 i = 0; i < 64; i++) {
        ((volatile unsigned char *)data)[i] = i + 1;
    }
}

static void accesses(void)
{
    u32 at = (u32)data;

    set_data();
    be(0xe5910000, at, 0, 0); /* ldr r0, [r1] */
    check("ldr", 0, out[0], 0x01020304);
    be(0xe1d100b0, at, 0, 0); /* ldrh */
    check("ldrh", 0, out[0], 0x0102);
    be(0xe1d100f0, at + 2, 0, 0); /* ldrsh */
    check("ldrsh", 0, out[0], 0x0304);
    be(0xe5d10000, at + 3, 0, 0); /* ldrb */
    check("ldrb", 0, out[0], 4);
    be(0xe1c120d0, at, 0, 0); /* ldrd r2, r3, [r1] */
    check("ldrd", 0, out[2], 0x01020304);
    check("ldrd", 1, out[3], 0x05060708);
    be(0xe891000c, at, 0, 0); /* ldm r1, {r2, r3} */
    check("ldm", 0, out[2], 0x01020304);
    check("ldm", 1, out[3], 0x05060708);
    be(0xe1910f9f, at, 0, 0); /* ldrex r0, [r1] */
    check("ldrex", 0, out[0], 0x01020304);
    be(0xe1b12f9f, at, 0, 0); /* ldrexd r2, r3, [r1] */
    check("ldrexd", 0, out[2], 0x01020304);
    check("ldrexd", 1, out[3], 0x05060708);
    be(0xe5812000, at, 0xaabbccdd, 0); /* str r2, [r1] */
    check("str", 0, data[0], 0xddccbbaa);
    be(0xe1c120b0, at, 0xaabbccdd, 0); /* strh */
    check("strh", 0, data[0], 0xddccddcc);
    be(0xe5c12000, at, 0x11, 0); /* strb */
    check("strb", 0, data[0], 0xddccdd11);
    be(0xe1c120f0, at, 0x11223344, 0x55667788); /* strd */
    check("strd", 0, data[0], 0x44332211);
    check("strd", 1, data[1], 0x88776655);
    be(0xe881000c, at + 8, 0x11223344, 0x55667788); /* stm r1, {r2, r3} */
    check("stm", 0, data[2], 0x44332211);
    check("stm", 1, data[3], 0x88776655);
    /* Instructions are little-endian whatever E says, and E is seen. */
    be(0xe10f0000, at, 0, 0); /* mrs r0, cpsr */
    check("CPSR.E", 0, out[0] >> 9 & 1, 1);
    code[0] = 0xe10f0000;
    code[1] = BX_LR;
    sync_code();
    check("CPSR.E", 1, ((u32(*)(void))code)() >> 9 & 1, 0);
    /* MSR may write it, if it is privileged. */
    set_data();
    u32 r;
    __asm__ volatile("mrs r3, cpsr\n\torr r2, r3, #0x200\n\tmsr cpsr_x, r2\n\tldr %0, [%1]\n\t"
                     "msr cpsr_x, r3"
                     : "=&r"(r)
                     : "r"(at)
                     : "r2", "r3", "memory");
    check("MSR", 0, r, 0x01020304);
    /* T32: setend be; ldr r0, [r1]; setend le; bx lr */
    code[0] = 0x6808b658;
    code[1] = 0x4770b650;
    sync_code();
    register u32 r0 __asm__("r0") = 0;
    register u32 r1 __asm__("r1") = at;
    __asm__ volatile("blx %2" : "+r"(r0), "+r"(r1) : "r"((u32)code + 1) : "lr", "r3", "memory");
    check("T32", 0, r0, 0x01020304);
}

/* SVC: CPSR of the handler in R0, SPSR in R1. No memory is touched: it would be big-endian. */
extern char own_vectors[];
__asm__(".text\n.balign 32\nown_vectors:\nb .\nb .\nb own_svc\nb .\nb .\nb .\nb .\nb .\n"
        "own_svc:\nmrs r0, cpsr\nmrs r1, spsr\nmovs pc, lr\n");

static void exceptions(void)
{
    CP(VBAR, own_vectors);
    for (u32 ee = 0; ee < 2; ee++) {
        for (u32 e = 0; e < 2; e++) {
            register u32 r0 __asm__("r0");
            register u32 r1 __asm__("r1");
            register u32 r2 __asm__("r2") = e;
            CP(SCTLR, (GET(SCTLR) & ~(1u << 25)) | ee << 25);
            __asm__ volatile("cmp r2, #0\n\tbeq 1f\n\tsetend be\n\t1: svc #0\n\tmrs r2, cpsr\n\t"
                             "setend le"
                             : "=r"(r0), "=r"(r1), "+r"(r2)::"lr", "cc", "memory");
            u32 cpsr = r0, spsr = r1, back = r2;
            check("E of the handler", ee << 4 | e, cpsr >> 9 & 1, ee);
            check("E in SPSR", ee << 4 | e, spsr >> 9 & 1, e);
            check("E behind the return", ee << 4 | e, back >> 9 & 1, e);
        }
    }
    CP(SCTLR, GET(SCTLR) & ~(1u << 25));
    CP(VBAR, vectors);
}

/* Tables are read in the order of SCTLR.EE. */
static void walks(void)
{
    for (u32 ee = 0; ee < 2; ee++) {
        for (u32 i = 0; i < 0x1000; i++) {
            u32 d = i < 0x400    ? i << 20 | 3 << 10 | 1 << 4 | 2
                    : i < 0x480  ? i << 20 | 3 << 10 | 3 << 2 | 2
                    : i == 0x600 ? ((u32)data & 0xfff00000) | 3 << 10 | 3 << 2 | 2
                                 : 0;
            l1[i] = ee ? __builtin_bswap32(d) : d;
        }
        CP(TTBCR, 0);
        CP(TTBR0, l1);
        CP(DACR, 1);
        flush();
        CP(SCTLR, (GET(SCTLR) & ~(1u << 25 | 1 << 28 | 1 << 29)) | 1 | ee << 25);
        set_data();
        check("walk", ee, *(volatile u32 *)(0x60000000 | ((u32)data & 0xfffff)), 0x04030201);
        be(0xe5910000, (u32)data + 1, 0, 0);
        check("not aligned", ee, out[0], 0x02030405);
        CP(SCTLR, GET(SCTLR) & ~(1u << 25 | 1));
    }
}

static void run(void)
{
    accesses();
    exceptions();
    walks();
}

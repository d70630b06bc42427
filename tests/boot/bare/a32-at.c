/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Address translation operations of AArch32 at PL1 (DDI 0487, G8.2.13 to G8.2.20, AArch32.AT()) and
 * both formats of PAR (G8.2.120); SETEND under SCTLR.SED and the barriers of CP15 under
 * SCTLR.CP15BEN.
 */
#include "a32.h"

#define PAR    "p15, 0, %0, c7, c4, 0"
#define PAR64  "p15, 0, %Q0, %R0, c7"
#define HOLE   0x0b000000u
#define PL1    0x1df
#define PL0    0x1d0
#define SED    (1u << 8)
#define BEN    (1u << 5)
#define TRE    (1u << 28)
#define AFE    (1u << 29)
#define VA     0x60000000u
#define NS_BIT (1u << 9) /* unknown in the non-secure state */

static u32 l1[4096] __attribute__((aligned(16384)));
static u32 l2[256] __attribute__((aligned(1024)));
static u64 t[3][512] __attribute__((aligned(4096)));
static u32 code[1024] __attribute__((aligned(4096)));
static int v8;

/* op: privileged read, write, user read, write */
static void at(u32 op, u32 va)
{
    switch (op) {
    case 0:
        CP("p15, 0, %0, c7, c8, 0", va);
        break;
    case 1:
        CP("p15, 0, %0, c7, c8, 1", va);
        break;
    case 2:
        CP("p15, 0, %0, c7, c8, 2", va);
        break;
    default:
        CP("p15, 0, %0, c7, c8, 3", va);
    }
}

static u32 run_code(u32 insn, u32 cpsr)
{
    code[0] = insn;
    code[1] = 0xef000000;
    sync_code();
    go((u32)code, cpsr, VA);
    return trap.vector;
}

static void par(const char *name, u32 id, u32 op, u32 want)
{
    at(op, VA + 0x12345);
    check(name, id << 4 | op, GET(PAR) & ~NS_BIT, want);
    check("upper half", id << 4 | op, GET64(PAR64) >> 32, 0);
}

static void shorts(void)
{
    static const struct {
        u32 tex_cb; /* of a section */
        u32 par;
    } types[] = {
        {0, 0x90},                   /* Strongly-ordered */
        {1 << 2, 0xb0},              /* Device */
        {2 << 2, 0x68},              /* Write-Through */
        {3 << 2, 0x7c},              /* Write-Back, no allocation on writes */
        {1 << 12, 0x80},             /* not cacheable */
        {1 << 12 | 3 << 2, 0x54},    /* Write-Back */
        {2 << 12, 0xb0},             /* Device, not shareable */
        {5 << 12 | 2 << 2, 0x64},    /* outer Write-Back, inner Write-Through */
        {4 << 12 | 3 << 2, 0x70},    /* outer not cacheable, inner Write-Back */
        {3 << 2 | 1 << 16, 0xfc},    /* shareable */
        {1 << 2 | 1 << 16, 0xb0},    /* Device, shareable */
        {1 << 18 | 3 << 2, 0x7c | 2} /* a supersection */
    };
    static const unsigned char pl1[8] = {0, 3, 3, 3, 0, 1, 1, 1}, pl0[8] = {0, 0, 1, 3, 0, 0, 1, 1};
    u32 pa = 0x43400000;

    for (u32 i = 0; i < 0x800; i++) {
        l1[i] = i << 20 | 3 << 10 | (i < 0x400 ? 1 << 4 : 3 << 2) | 2;
    }
    CP(TTBCR, 0);
    CP(TTBR0, l1);
    CP(DACR, 1 | 1 << 10);
    flush();
    CP(SCTLR, (GET(SCTLR) | 1) & ~(AFE | TRE | 2));
    u32 *leaf = &l1[VA >> 20];
    for (u32 i = 0; i < COUNT(types); i++) {
        u32 super = types[i].par & 2, to = super ? 0x45000000 | 0x12 << 20 | 3 << 5 : pa | 5 << 5;
        *leaf = to | types[i].tex_cb | 3 << 10 | 2;
        flush();
        /* A supersection's address has bits 39:32 in 23:20 and 8:5; PAR has them in 23:16. */
        par("type", i, 0, types[i].par | (super ? 0x45000000 | 0x32 << 16 : pa | 0x12000));
    }
    /* PRRR: 0 Strongly-ordered, 1 Device, 2 Normal; NOS7, NS1. NMRR: inner and outer */
    CP(MAIR0, 0x00000000 | 2u << 14 | 1u << 2 | 1u << 19 | 1u << 31);
    CP(MAIR1, 1u << 14 | 2u << 30);
    CP(SCTLR, GET(SCTLR) | TRE);
    *leaf = pa | 5 << 5 | 3 << 10 | 1 << 12 | 3 << 2 | 2; /* n is 7 */
    flush();
    par("remapped", 0, 0, pa | 0x12000 | 0x58);
    *leaf |= 1 << 16;
    flush();
    par("remapped", 1, 0, pa | 0x12000 | 0x58 | 0x480);
    *leaf = pa | 5 << 5 | 3 << 10 | 1 << 2 | 2;
    flush();
    par("remapped", 2, 0, pa | 0x12000 | 0xb0);
    CP(SCTLR, GET(SCTLR) & ~TRE);
    for (u32 small = 0; small < 2; small++) {
        u32 *d = small ? &l2[0x12] : leaf, second = small << 2, addr = pa | 0x12000 | 0x7c;
        *leaf = small ? (u32)l2 | 5 << 5 | 1 : 0;
        for (u32 ap = 0; ap < 8; ap++) {
            *d = small ? pa | 0x12000 | (ap & 4) << 7 | (ap & 3) << 4 | 3 << 2 | 2
                       : pa | 5 << 5 | (ap & 4) << 13 | (ap & 3) << 10 | 3 << 2 | 2;
            flush();
            for (u32 op = 0; op < 4 && ap != 4; op++) {
                u32 may = (op & 2 ? pl0 : pl1)[ap] >> (op & 1) & 1;
                par("permission", small << 8 | ap, op, may ? addr : 0x1b | second);
            }
        }
        CP(DACR, 1);
        par("domain", small, 0, 0x13 | second);
        CP(SCTLR, GET(SCTLR) | AFE);
        *d &= ~(small ? 1u << 4 : 1u << 10);
        flush();
        par("access flag", small, 1, small ? 0x0d : 0x07);
        CP(SCTLR, GET(SCTLR) & ~AFE);
        CP(DACR, 1 | 1 << 10);
        *d = 0;
        flush();
        par("translation", small, 3, small ? 0x0f : 0x0b);
    }
    /* Data Abort, not PAR */
    *leaf = HOLE | 5 << 5 | 1;
    flush();
    check("external", 0, run_code(0xee071f18, PL1), V_DABT); /* mcr p15, 0, r1, c7, c8, 0 */
    check("its status", 0, trap.dfsr & ~0xf0u, 0x0e | 1 << 11 | 1 << 13);
    check("its far", 0, trap.dfar, VA);
}

static void longs(void)
{
    static const struct {
        u64 desc;
        unsigned char attr, sh, fsc[4];
    } leaves[] = {
        {3 << 8 | 1 << 10, 0xff, 3, {0, 0, 15, 15}},
        {2 << 8 | 1 << 10 | 1 << 6, 0xff, 2, {0, 0, 0, 0}},
        {1 << 10 | 2 << 6, 0xff, 0, {0, 15, 15, 15}},
        {3 << 8 | 1 << 10 | 1 << 2 | 1 << 6, 0x04, 2, {0, 0, 0, 0}},
        {3 << 8 | 1 << 10 | 2 << 2 | 1 << 6, 0x44, 2, {0, 0, 0, 0}},
        {3 << 8 | 1 << 10 | 3 << 2 | 1 << 6, 0xb4, 3, {0, 0, 0, 0}},
        {3 << 8, 0, 0, {11, 11, 11, 11}},
    };
    CP(SCTLR, GET(SCTLR) & ~1u);
    t[0][0] = 0 | 1 | 1 << 10 | 1 << 2 | 1ull << 54;
    t[0][1] = 0x40000000 | 1 | 1 << 10 | 3 << 8;
    t[0][2] = (u32)t[1] | 3;
    t[1][0] = (u32)t[2] | 3;
    CP(TTBCR, 1u << 31);
    CP64(TTBR0_64, (u32)t[0]);
    CP(MAIR0, 0xb44404ff);
    flush();
    CP(SCTLR, GET(SCTLR) | 1);
    for (u32 i = 0; i < COUNT(leaves); i++) {
        t[2][3] = 0x1243007000 | leaves[i].desc | 3;
        flush();
        for (u32 op = 0; op < 4; op++) {
            u32 fsc = leaves[i].fsc[op];
            at(op, 0x80003123);
            check("long", i << 4 | op, GET64(PAR64) & ~NS_BIT,
                  fsc ? 1 << 11 | fsc << 1 | 1
                      : (u64)leaves[i].attr << 56 | 0x1243007000 | 1 << 11 | leaves[i].sh << 7);
        }
    }
    at(0, 0xc0000000);
    check("long invalid", 0, GET(PAR), 1 << 11 | 5 << 1 | 1);
}

static void run(void)
{
    v8 = (GET("p15, 0, %0, c0, c2, 5") >> 4 & 15) != 0; /* ID_ISAR5: AES */
    at(0, VA + 0x12345);
    check("MMU off", 0, GET(PAR) & ~NS_BIT, (VA + 0x12000) | 0x90);
    shorts();
    longs();
    /* These belong to Hyp and Monitor mode: mcr p15, 0, r1, c7, c8, 4; p15, 4, r1, c7, c8, 0 */
    check("ATS12NSOPR", 0, run_code(0xee071f98, PL1), V_UNDEF);
    check("ATS1HR", 0, run_code(0xee871f18, PL1), V_UNDEF);
    t[0][1] |= 1 << 6; /* for PL0 */
    flush();
    check("PL0", 0, run_code(0xee071f18, PL0), V_UNDEF);
    check("read", 0, run_code(0xee171f18, PL1), V_UNDEF);
    for (u32 user = 0; user < 2; user++) {
        for (u32 off = 0; off < 2; off++) {
            u32 mode = user ? PL0 : PL1;
            CP(SCTLR, (GET(SCTLR) & ~SED) | off * SED);
            check("SETEND BE", off, run_code(0xf1010200, mode), off && v8 ? V_UNDEF : V_SVC);
            check("its E", off, trap.spsr >> 9 & 1, !(off && v8));
            check("SETEND LE", off, run_code(0xf1010000, mode), off && v8 ? V_UNDEF : V_SVC);
            CP(SCTLR, (GET(SCTLR) & ~(SED | BEN)) | !off * BEN);
            u32 want = off ? V_UNDEF : V_SVC;
            check("CP15ISB", off, run_code(0xee070f95, mode), want);
            check("CP15DSB", off, run_code(0xee070f9a, mode), want);
            check("CP15DMB", off, run_code(0xee070fba, mode), want);
            CP(SCTLR, GET(SCTLR) | BEN);
        }
    }
}

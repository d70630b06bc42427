/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * AArch32 translation at PL1 and PL0 (DDI 0406, B3.5, B3.6, B3.12): short descriptors with both
 * access permission models and domains, long descriptors; every class of fault at every level with
 * its status and address. Alignment, also of Device memory and with the MMU off.
 */
#include "a32.h"

#define HOLE 0x0b000000u /* there is nothing on the board */
#define PL1  0x1df
#define PL0  0x1d0

enum { NONE, TRANS, AFLAG, DOMAIN, PERM, SIZE, WALK, ALIGN };
enum { LOAD, STORE, FETCH };

static u32 stubs[1024] __attribute__((aligned(4096)));
static u32 page[1024] __attribute__((aligned(65536)));
static u32 l1[2][4096] __attribute__((aligned(16384)));
static u32 l2[256] __attribute__((aligned(1024)));
static u64 t[8][512] __attribute__((aligned(4096)));
static int lpae, v8;
static u32 domain;

static u32 status(u32 fault, u32 level)
{
    static const unsigned char shorts[] = {0, 5, 3, 9, 13, 0, 12, 1},
                               longs[] = {0, 4, 8, 0, 12, 0, 0x14, 0x21};
    if (lpae) {
        return 1 << 9 | longs[fault] | (fault == ALIGN ? 0 : level);
    }
    if (fault == AFLAG) {
        return level == 2 ? 6 : 3;
    }
    return shorts[fault] | (level == 2 ? 2 : 0);
}

static void access_check(const char *name, u32 id, u32 user, u32 kind, u32 at, u32 fault, u32 level)
{
    id |= user << 2 | kind;
    go((u32)(stubs + 2 * kind), user ? PL0 : PL1, at);
    if (!fault) {
        check(name, id, trap.vector, V_SVC);
        return;
    }
    check(name, id, trap.vector, kind == FETCH ? V_PABT : V_DABT);
    u32 want = status(fault, level), mask = ~0u;
    if (kind != FETCH) {
        want |= (kind == STORE) << 11 | (lpae ? 0 : domain << 4);
        if (!lpae && (level == 1 && (fault == TRANS || fault == WALK))) {
            mask = ~0xf0u; /* no domain is known */
        }
    }
    /* IFSR has no domain; the reference shows it there. */
    check(name, id, kind == FETCH ? trap.ifsr & ~(lpae ? 0 : 0xf0u) : trap.dfsr & mask,
          want & mask);
    check("far", id, kind == FETCH ? trap.ifar : trap.dfar, kind == STORE ? at + 8 : at);
    if (kind == FETCH) {
        check("lr", id, trap.lr, at + 4);
    }
}

static void accesses(const char *name, u32 id, u32 at, u32 level, const unsigned char *e)
{
    flush();
    for (u32 i = 0; i < 6; i++) {
        access_check(name, id, i / 3, i % 3, at, e[i], level);
    }
}

static void all(const char *name, u32 id, u32 at, u32 level, u32 what)
{
    const unsigned char e[6] = {what, what, what, what, what, what};
    accesses(name, id, at, level, e);
}

/* ---- short descriptors ---- */

enum { SECTION, SUPERSECTION, LARGE, SMALL };

/* The leaf of a kind for the page, AP[2:0], and XN, PXN. */
static u32 leaf_of(u32 kind, u32 ap, u32 xn, u32 pxn)
{
    u32 pa = (u32)page;

    switch (kind) {
    case SECTION:
        return (pa & 0xfff00000) | (ap & 3) << 10 | (ap & 4) << 13 | domain << 5 | xn << 4 | 2 |
               pxn | 3 << 2;
    case SUPERSECTION:
        return (pa & 0xff000000) | 1 << 18 | (ap & 3) << 10 | (ap & 4) << 13 | xn << 4 | 2 | pxn |
               3 << 2;
    case LARGE:
        return (pa & 0xffff0000) | xn << 15 | (ap & 4) << 7 | (ap & 3) << 4 | 3 << 2 | 1;
    default:
        return (pa & 0xfffff000) | (ap & 4) << 7 | (ap & 3) << 4 | 3 << 2 | 2 | xn;
    }
}

/* Maps the page at va in table `root`; returns the address that reaches it. */
static u32 map_short(u32 *root, u32 va, u32 kind, u32 ap, u32 xn, u32 pxn)
{
    u32 leaf = leaf_of(kind, ap, xn, pxn), at = va;

    if (kind <= SUPERSECTION) {
        at |= (u32)page & (kind == SECTION ? 0xfffff : 0xffffff);
        root[at >> 20] = leaf;
        return at;
    }
    at |= kind == LARGE ? (u32)page & 0xffff : 0;
    root[at >> 20] = (u32)l2 | domain << 5 | pxn << 2 | 1;
    l2[at >> 12 & 0xff] = leaf;
    return at;
}

static void set_domain(u32 access)
{
    CP(DACR, 1 | access << (2 * domain));
}

static void shorts(u32 *root, u32 va, u32 id0)
{
    /* PL1 and PL0 by AP[2:0]: 0 nothing, 1 read, 3 read and write (DDI 0406, B3.7.1) */
    static const unsigned char pl1[8] = {0, 3, 3, 3, 0, 1, 1, 1}, pl0[8] = {0, 0, 1, 3, 0, 0, 1, 1};

    for (u32 kind = SECTION; kind <= SMALL; kind++) {
        u32 level = kind <= SUPERSECTION ? 1 : 2, id = id0 | kind << 16, at = 0;
        domain = kind == SUPERSECTION ? 0 : 5;
        set_domain(1);
        for (u32 afe = 0; afe < 2; afe++) {
            CP(SCTLR, (GET(SCTLR) & ~(1u << 29)) | afe << 29);
            for (u32 ap = 0; ap < 8; ap++) {
                for (u32 x = 0; x < 4; x++) {
                    u32 xn = x & 1, pxn = x >> 1, a = ap;
                    if (ap == 4 && !afe) {
                        continue; /* reserved */
                    }
                    if (afe) {
                        /* AP[2:1] in the simplified model, AP[0] the access flag */
                        a = ap & 4 ? (ap & 2 ? 7 : 5) : (ap & 2 ? 3 : 1);
                    }
                    unsigned char e[6];
                    for (u32 u = 0; u < 2; u++) {
                        u32 p = u ? pl0[a] : pl1[a];
                        e[3 * u] = p & 1 ? NONE : PERM;
                        e[3 * u + 1] = p & 2 ? NONE : PERM;
                        e[3 * u + 2] = !(p & 1) || xn || (pxn && !u) ? PERM : NONE;
                    }
                    for (u32 i = 0; afe && !(ap & 1) && i < 6; i++) {
                        e[i] = AFLAG;
                    }
                    at = map_short(root, va, kind, ap, xn, pxn);
                    accesses("short", id | afe << 15 | ap << 12 | x << 8, at, level, e);
                }
            }
        }
        /* Still with SCTLR.AFE. The flag comes before the domain (B3.12.3: it is part of the walk);
         * the reference looks at the domain first. */
        if (kind != SUPERSECTION) {
            static const unsigned char values[3] = {0, 1, 3}; /* none, client, manager */
            for (u32 i = 0; i < 3; i++) {
                u32 access = values[i];
                set_domain(access);
                map_short(root, va, kind, 4, 1, 1);
                all("access flag first", id | access << 4, at, level, AFLAG);
                map_short(root, va, kind, 5, 1, 1);
                const unsigned char client[6] = {NONE, PERM, PERM, PERM, PERM, PERM};
                if (access == 1) {
                    accesses("client", id, at, level, client);
                } else {
                    all("domain", id | access << 4, at, level, access ? NONE : DOMAIN);
                }
            }
            set_domain(0);
        }
        CP(SCTLR, GET(SCTLR) & ~(1u << 29));
        if (level == 2) {
            l2[at >> 12 & 0xff] = 0;
            all("invalid page", id, at, 2, TRANS); /* though the domain allows nothing */
            set_domain(1);
            root[at >> 20] = HOLE | domain << 5 | 1;
            all("walk", id, at, 2, WALK);
        }
        root[at >> 20] = 0;
        all("invalid", id, at, 1, TRANS);
        set_domain(1);
    }
}

static void short_tests(void)
{
    for (u32 i = 0; i < 0x400; i++) {
        l1[0][i] = i << 20 | 3 << 10 | 1 << 4 | 2; /* devices */
        l1[0][0x400 + i] = i < 128 ? (0x400 + i) << 20 | 3 << 10 | 3 << 2 | 2 : 0;
    }
    CP(TTBCR, 0);
    CP(TTBR0, l1[0]);
    CP(TTBR1, l1[1]);
    CP(DACR, 1);
    flush();
    CP(SCTLR, (GET(SCTLR) | 1 | 1 << 2 | 1 << 12) & ~(1u << 29 | 1 << 28 | 2));
    shorts(l1[0], 0x60000000, 0);
    shorts(l1[0], 0xf0000000, 1 << 20);
    CP(TTBCR, 1);
    shorts(l1[0], 0x60000000, 2 << 20);
    shorts(l1[1], 0x80000000, 3 << 20);
    map_short(l1[1], 0x80000000, SMALL, 3, 0, 0);
    all("TTBR1", 0, 0x80000000, 1, NONE);
    CP(TTBR1, HOLE);
    all("TTBR1 walk", 0, 0x80000000, 1, WALK);
    CP(TTBCR, 1 | 1 << 5);
    all("PD1", 0, 0x80000000, 1, TRANS);
    CP(TTBCR, 0);
}

/* ---- long descriptors ---- */

#define L_AF   (1ull << 10)
#define L_SH   (3ull << 8)
#define L_RAM  (L_AF | L_SH)
#define L_USER (1ull << 6)
#define L_RO   (1ull << 7)
#define L_PXN  (1ull << 53)
#define L_XN   (1ull << 54)

static const struct {
    const char *name;
    u64 desc;
    unsigned char e[6];
} leaves[] = {
    {"privileged", L_RAM, {0, 0, 0, PERM, PERM, PERM}},
    {"all", L_RAM | L_USER, {0, 0, 0, 0, 0, 0}},
    {"privileged, read-only", L_RAM | L_RO, {0, PERM, 0, PERM, PERM, PERM}},
    {"all, read-only", L_RAM | L_RO | L_USER, {0, PERM, 0, 0, PERM, 0}},
    {"PXN", L_RAM | L_USER | L_PXN, {0, 0, PERM, 0, 0, 0}},
    {"XN", L_RAM | L_USER | L_XN, {0, 0, PERM, 0, 0, PERM}},
    {"access flag", L_USER, {AFLAG, AFLAG, AFLAG, AFLAG, AFLAG, AFLAG}},
    {"access flag first", L_RO | L_XN, {AFLAG, AFLAG, AFLAG, AFLAG, AFLAG, AFLAG}},
};
static const struct {
    const char *name;
    u64 table, desc;
    unsigned char e[6];
} hierarchical[] = {
    {"APTable no PL0", 1ull << 61, L_RAM | L_USER, {0, 0, 0, PERM, PERM, PERM}},
    {"APTable read-only", 1ull << 62, L_RAM | L_USER, {0, PERM, 0, 0, PERM, 0}},
    {"APTable both", 3ull << 61, L_RAM | L_USER, {0, PERM, 0, PERM, PERM, PERM}},
    {"XNTable", 1ull << 60, L_RAM | L_USER, {0, 0, PERM, 0, 0, PERM}},
    {"PXNTable", 1ull << 59, L_RAM | L_USER, {0, 0, PERM, 0, 0, 0}},
};

static void longs(u32 t1sz)
{
    u32 bits = 32 - t1sz, start = bits > 30 ? 1 : 2, base = -(1u << bits),
        id0 = 8 << 20 | t1sz << 16;

    CP(TTBCR, 1u << 31 | t1sz << 16);
    CP64(TTBR1_64, (u32)t[start]);
    for (u32 level = start; level < 4; level++) {
        u32 shift = 12 + 9 * (3 - level), va = base, id = id0 | level << 12;
        u64 size = 1ull << shift, to = (u32)page & -size, type = level == 3 ? 3 : 1;

        for (u32 l = start; l <= level; l++) {
            va += 1u << (12 + 9 * (3 - l));
            if (l < level) {
                t[l][1] = (u32)t[l + 1] | 3;
            }
        }
        u32 at = va + ((u32)page - to);
        u64 *leaf = &t[level][1];
        for (u32 c = 0; c < COUNT(leaves); c++) {
            *leaf = to | leaves[c].desc | type;
            accesses(leaves[c].name, id | c << 8, at, level, leaves[c].e);
        }
        for (u32 c = 0; level > start && c < COUNT(hierarchical); c++) {
            for (u32 l = start; l < level; l++) {
                t[l][1] |= hierarchical[c].table;
                *leaf = to | hierarchical[c].desc | type;
                accesses(hierarchical[c].name, id | c << 8 | l << 6, at, level, hierarchical[c].e);
                t[l][1] &= ~hierarchical[c].table;
            }
        }
        *leaf = 0;
        all("invalid", id, at, level, TRANS);
        *leaf = to | L_RAM | 2;
        all("type 2", id, at, level, TRANS);
        if (level == 3) {
            *leaf = to | L_RAM | 1;
            all("type 1 at level 3", id, at, level, TRANS);
        } else {
            *leaf = HOLE | 3;
            all("external abort", id, at, level + 1, WALK);
        }
        /* Addresses of more than 40 bits: Armv7 does not look at these bits. */
        *leaf = to | L_RAM | L_USER | type | 1ull << 40;
        all("address size", id, at, level, v8 ? SIZE : NONE);
        if (level < 3) {
            *leaf = (u32)t[level + 1] | 3 | 1ull << 47;
            t[level + 1][at >> (shift - 9) & 511] =
                (u32)page | L_RAM | L_USER | (level == 2 ? 3 : 1);
            all("table's size", id, at, v8 ? level : level + 1, v8 ? SIZE : NONE);
            t[level + 1][at >> (shift - 9) & 511] = 0;
        }
        *leaf = 0;
    }
    CP(TTBCR, 1u << 31 | t1sz << 16 | 1 << 23);
    all("EPD1", id0, base + 4096, 1, TRANS);
    CP(TTBCR, 1u << 31 | t1sz << 16);
    CP64(TTBR1_64, HOLE);
    all("TTBR1 walk", id0, base + 4096, start, WALK);
}

static void long_tests(void)
{
    CP(SCTLR, GET(SCTLR) & ~1u);
    lpae = 1;
    t[0][0] = 0 | 1 | L_AF | L_USER | 1 << 2 | L_XN;
    t[0][1] = 0x40000000 | 1 | L_RAM | L_USER;
    CP(TTBCR, 1u << 31);
    CP64(TTBR0_64, (u32)t[0]);
    CP(MAIR0, 0x04ff);
    flush();
    CP(SCTLR, GET(SCTLR) | 1);
    longs(1);
    longs(2);
    longs(3);
    longs(7);
    /* Between the two ranges */
    CP(TTBCR, 1u << 31 | 2 << 16 | 1);
    all("between", 0, 0x80000000, 1, TRANS);
    CP(TTBCR, 1u << 31);
}

/* ---- alignment ---- */

static u32 code[1024] __attribute__((aligned(4096)));
static const struct {
    u32 insn;
    unsigned char off, strict; /* strict: a fault without SCTLR.A, too; 2: never */
    unsigned char write;
} insns[] = {
    {0xe5910000, 1, 0, 0},                        /* ldr r0, [r1] */
    {0xe5910000, 2, 0, 0}, {0xe1d100b0, 1, 0, 0}, /* ldrh r0, [r1] */
    {0xe5812000, 2, 0, 1},                        /* str r2, [r1] */
    {0xe1c120b0, 1, 0, 1},                        /* strh r2, [r1] */
    {0xe5d10000, 1, 2, 0},                        /* ldrb r0, [r1] */
    {0xe8910005, 2, 1, 0},                        /* ldm r1, {r0, r2} */
    {0xe881000c, 2, 1, 1},                        /* stm r1, {r2, r3} */
    {0xe1c120d0, 2, 1, 0},                        /* ldrd r2, r3, [r1] */
    {0xe1c120f0, 2, 1, 1},                        /* strd r2, r3, [r1] */
    {0xe1c120d0, 4, 2, 0},                        /* ldrd, aligned to words */
    {0xe1910f9f, 2, 1, 0},                        /* ldrex r0, [r1] */
    {0xe1b12f9f, 4, 1, 0},                        /* ldrexd r2, r3, [r1] */
};

static void accesses_at(const char *name, u32 id0, u32 base, u32 strict)
{
    for (u32 i = 0; i < COUNT(insns); i++) {
        u32 at = base + 64 + insns[i].off, id = id0 << 8 | i;
        code[0] = insns[i].insn;
        code[1] = 0xef000000;
        sync_code();
        for (u32 again = 0; again < 2; again++) {
            go((u32)code, PL1, at);
            u32 fault = insns[i].strict == 1 || (strict && insns[i].strict == 0);
            check(name, id, trap.vector, fault ? V_DABT : V_SVC);
            if (fault) {
                check("its status", id, trap.dfsr & ~(lpae ? 0 : 0xf0u),
                      status(ALIGN, 1) | insns[i].write << 11);
                check("its far", id, trap.dfar, at);
            }
        }
    }
}

static void alignment(void)
{
    for (u32 a = 0; a < 2; a++) {
        CP(SCTLR, (GET(SCTLR) & ~2u) | a << 1);
        accesses_at("alignment", a, (u32)page, a);
    }
    CP(SCTLR, GET(SCTLR) & ~2u);
}

/* Device memory: by short descriptors; the type comes before the domain and permissions. */
static void device_short(void)
{
    static const struct {
        u32 tex_cb; /* TEX, C, B of a section */
        u32 device;
    } types[] = {
        {0, 1},       /* Strongly-ordered */
        {1 << 2, 1},  /* Device, shareable */
        {2 << 12, 1}, /* Device, not shareable */
        {1 << 12, 0}, /* Normal, not cacheable */
        {3 << 2, 0},  /* Normal */
    };
    u32 *leaf = &l1[0][0x700], va = 0x70000000 | ((u32)page & 0xfffff);

    domain = 5;
    for (u32 i = 0; i < COUNT(types); i++) {
        u32 section = ((u32)page & 0xfff00000) | domain << 5 | types[i].tex_cb | 2;
        set_domain(1);
        *leaf = section | 3 << 10;
        flush();
        accesses_at("short Device", i, va, types[i].device);
        code[0] = 0xe5912000; /* ldr r2, [r1] */
        sync_code();
        for (u32 c = 0; c < 4; c++) {
            /* 0: no permission; 1: no domain; 2, 3: the same, aligned */
            set_domain(!(c & 1));
            *leaf = section | (c & 1) * 3 << 10;
            flush();
            go((u32)code, PL1, va + (c < 2));
            check("order", i << 4 | c, trap.dfsr & ~0xf0u,
                  c < 2 && types[i].device ? status(ALIGN, 1) : status(c & 1 ? DOMAIN : PERM, 1));
        }
    }
    *leaf = 0;
    set_domain(1);
    flush();
}

static void device_long(void)
{
    static const unsigned char attr[] = {0x00, 0x04, 0x0c, 0x44, 0xff}; /* Armv7: Device is 0x04 */
    u32 va = 0x80000000 | ((u32)page & 0x3fffffff);

    for (u32 i = 0; i < COUNT(attr); i++) {
        CP(MAIR0, 0x04ff | attr[i] << 16);
        t[0][2] = 0x40000000 | 1 | L_RAM | 2 << 2;
        flush();
        accesses_at("long Device", i, va, attr[i] < 0x10);
    }
    t[0][2] |= L_RO;
    CP(MAIR0, 0x0404ff);
    flush();
    code[0] = 0xe5812000; /* str r2, [r1] */
    sync_code();
    for (u32 off = 0; off < 2; off++) {
        go((u32)code, PL1, va + off);
        check("long order", off, trap.dfsr, status(off ? ALIGN : PERM, 1) | 1 << 11);
    }
    t[0][2] = 0;
    flush();
}

static void run(void)
{
    static const u32 stub_code[] = {
        0xe5910000, 0xef000000, /* ldr r0, [r1]; svc 0 */
        0xe5812008, 0xef000000, /* str r2, [r1, #8] */
        0xe12fff11, 0xef000000, /* bx r1 */
    };
    for (u32 i = 0; i < COUNT(stub_code); i++) {
        stubs[i] = stub_code[i];
    }
    page[0] = 0xef000000;
    sync_code();
    v8 = (GET("p15, 0, %0, c0, c2, 5") >> 4 & 15) != 0; /* ID_ISAR5: AES */
    accesses_at("MMU off", 0, (u32)page, 1);
    short_tests();
    alignment();
    device_short();
    long_tests();
    alignment();
    device_long();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Stage 1 of VMSAv8-64 at EL1 and EL0 (DDI 0487, D8.2 to D8.4): every class of fault at every level
 * of tables with granules of 4, 16 and 64 KiB, from each first level there is, with syndrome and
 * address; attributes of tables; what is no fault; alignment (B2.8.2), also of Device memory.
 */
#include "a64.h"

#define HOLE 0x0b000000ul /* there is nothing on the board */
#define IPS  1ul          /* 36 bits */
#define CODE 0x1000000000ul

enum { NONE, TRANS, AFLAG, PERM, SIZE };
static const unsigned char fsc_of[] = {0, 4, 8, 12, 0};

static u64 t[4][8192] __attribute__((aligned(65536)));
static u64 page[8192] __attribute__((aligned(65536)));
static u32 stubs[1024] __attribute__((aligned(4096)));
enum { LOAD, STORE, FETCH };
static const u32 stub_code[] = {
    0xf9400020, 0xd4000001, /* ldr x0, [x1]; svc 0 */
    0xf9000422, 0xd4000001, /* str x2, [x1, 8] */
    0xd61f0020, 0xd4000001, /* br x1 */
};
static u32 pa_range;

/* An access at EL1 or EL0 and its syndrome; `what` as fault class, at `level`. */
static void access_check(const char *name, u64 id, u32 user, u32 kind, u64 at, u32 fsc)
{
    trap.far = 0;
    go(CODE + 0x200000 * user + 8 * kind, user ? 0x3c0 : 0x3c5, at);
    u32 ec = kind == FETCH ? 0x21 - user : 0x25 - user;
    u64 want = fsc ? (u64)ec << 26 | 1 << 25 | (kind == STORE ? 1 << 6 : 0) | (fsc & 0x3f)
                   : 0x15ul << 26 | 1 << 25;
    id |= user << 4 | kind;
    check(name, id, trap.esr, want);
    if (fsc) {
        check("far", id, trap.far, kind == STORE ? at + 8 : at);
        if (kind == FETCH) {
            check("elr", id, trap.elr, at);
        }
    }
}

/* All six accesses; e: their fault classes, EL1's first. */
static void accesses(const char *name, u64 id, u64 at, u32 level, const unsigned char *e)
{
    flush();
    for (u32 i = 0; i < 6; i++) {
        /* 0x40: FSC 0, an address size fault at level 0, is one too */
        access_check(name, id, i / 3, i % 3, at, e[i] ? 0x40 | fsc_of[e[i]] | level : 0);
    }
}

static void all(const char *name, u64 id, u64 at, u32 level, u32 what)
{
    const unsigned char e[6] = {what, what, what, what, what, what};
    accesses(name, id, at, level, e);
}

static const struct {
    const char *name;
    u64 desc;
    unsigned char e[6]; /* EL1: load, store, fetch; EL0 */
} leaves[] = {
    {"privileged", PTE_RAM, {0, 0, 0, PERM, PERM, 0}},
    {"all", PTE_RAM | PTE_USER, {0, 0, PERM, 0, 0, 0}},
    {"privileged, read-only", PTE_RAM | PTE_RO, {0, PERM, 0, PERM, PERM, 0}},
    {"all, read-only", PTE_RAM | PTE_RO | PTE_USER, {0, PERM, 0, 0, PERM, 0}},
    {"PXN", PTE_RAM | PTE_RO | PTE_USER | PTE_PXN, {0, PERM, PERM, 0, PERM, 0}},
    {"UXN", PTE_RAM | PTE_RO | PTE_USER | PTE_UXN, {0, PERM, 0, 0, PERM, PERM}},
    {"access flag", PTE_USER, {AFLAG, AFLAG, AFLAG, AFLAG, AFLAG, AFLAG}},
    {"access flag before permission",
     PTE_RO | PTE_PXN | PTE_UXN,
     {AFLAG, AFLAG, AFLAG, AFLAG, AFLAG, AFLAG}},
    {"address size", PTE_RAM | PTE_USER | 1ul << 47, {SIZE, SIZE, SIZE, SIZE, SIZE, SIZE}},
    {"address size before access flag", 1ul << 47, {SIZE, SIZE, SIZE, SIZE, SIZE, SIZE}},
};
static const struct {
    const char *name;
    u64 table, desc;
    unsigned char e[6];
} hierarchical[] = {
    {"APTable no EL0", 1ul << 61, PTE_RAM | PTE_USER, {0, 0, 0, PERM, PERM, 0}},
    {"APTable read-only", 1ul << 62, PTE_RAM | PTE_USER, {0, PERM, 0, 0, PERM, 0}},
    {"APTable both", 3ul << 61, PTE_RAM | PTE_USER, {0, PERM, 0, PERM, PERM, 0}},
    {"UXNTable", 1ul << 60, PTE_RAM | PTE_USER | PTE_RO, {0, PERM, 0, 0, PERM, PERM}},
    {"PXNTable", 1ul << 59, PTE_RAM | PTE_USER | PTE_RO, {0, PERM, PERM, 0, PERM, 0}},
};

static void tcr1(u32 g, u32 tsz)
{
    u64 tg1 = g == 12 ? 2 : g == 14 ? 1 : 3;
    MSR("tcr_el1", 25 | 1 << 8 | 1 << 10 | 3 << 12 | IPS << 32 | (u64)tsz << 16 | tg1 << 30 |
                       1 << 24 | 1 << 26 | 3 << 28);
}

/* The upper range with tables of 2^g bytes and addresses of 64 - tsz bits. */
static void walks(u32 g, u32 tsz)
{
    u32 bits = 64 - tsz, stride = g - 3, start = 4 - (bits - g + stride - 1) / stride;
    u64 base = -(1ul << bits), id0 = (u64)g << 24 | tsz << 16;

    tcr1(g, tsz);
    MSR("ttbr1_el1", t[start]);
    for (u32 level = start; level < 4; level++) {
        u32 shift = g + stride * (3 - level);
        u64 va = base, size = 1ul << shift, to = (u64)page & -size, *leaf = &t[level][1];
        u64 id = id0 | level << 12, type = level == 3 ? PTE_PAGE : PTE_BLOCK;
        int block = level == 3 || (g == 12 ? level >= 1 : level == 2) ||
                    (g == 16 && level == 1 && pa_range >= 6);

        for (u32 l = start; l <= level; l++) {
            va += 1ul << (g + stride * (3 - l));
            if (l < level) {
                t[l][1] = (u64)t[l + 1] | PTE_TABLE;
            }
        }
        u64 at = va + ((u64)page - to);
        for (u32 c = 0; c < COUNT(leaves); c++) {
            *leaf = to | leaves[c].desc | type;
            if (block) {
                accesses(leaves[c].name, id | c << 8, at, level, leaves[c].e);
            } else {
                all("no block", id | c << 8, at, level, TRANS);
            }
        }
        for (u32 c = 0; level > start && block && c < COUNT(hierarchical); c++) {
            for (u32 l = start; l < level; l++) {
                t[l][1] |= hierarchical[c].table;
                *leaf = to | hierarchical[c].desc | type;
                accesses(hierarchical[c].name, id | c << 8 | l << 6, at, level, hierarchical[c].e);
                t[l][1] &= ~hierarchical[c].table;
            }
        }
        *leaf = 0;
        all("invalid", id, at, level, TRANS);
        *leaf = to | PTE_RAM | 2;
        all("type 2", id, at, level, TRANS);
        if (level == 3) {
            *leaf = to | PTE_RAM | PTE_BLOCK;
            all("type 1 at level 3", id, at, level, TRANS);
        } else {
            *leaf = (u64)t[level + 1] | PTE_TABLE | 1ul << 47;
            all("table's address", id, at, level, SIZE);
            if (level < 3) {
                static const unsigned char walk[3] = {LOAD, STORE, FETCH};
                *leaf = HOLE | PTE_TABLE;
                flush();
                for (u32 i = 0; i < 3; i++) {
                    access_check("external abort", id, 0, walk[i], at, 0x14 | (level + 1));
                    access_check("external abort", id, 1, walk[i], at, 0x14 | (level + 1));
                }
            }
        }
        if (shift <= 36) {
            *leaf = to | PTE_RAM | type | 1ul << 36;
            all(block ? "bit 36" : "bit 36 no block", id, at, level, block ? SIZE : TRANS);
        }
        if (g == 16 && block && pa_range >= 6) {
            /* Bits 15:12 are 51:48 of the address whatever IPS says (AArch64.LeafBase(), where the
             * physical address has 52 bits); the reference ignores them if IPS is less. */
            *leaf = to | PTE_RAM | type | 1ul << 12;
            all("bit 48", id, at, level, SIZE);
        }
        *leaf = 0;
    }
    /* Beyond the range, disabled, and a table register that is too large: level 0. */
    all("range", id0, base - 8192, 0, TRANS);
    all("range", id0 | 1, (base & ~(1ul << 55)), 0, TRANS);
    MSR("tcr_el1", MRS("tcr_el1") | 1ul << 23);
    all("EPD", id0, base + 4096, 0, TRANS);
    MSR("tcr_el1", MRS("tcr_el1") & ~(1ul << 23));
    MSR("ttbr1_el1", (u64)t[start] | 1ul << 40);
    all("table register", id0, base + 4096, 0, SIZE);
}

/* The lower range with other granules: this program by blocks, one page beyond it. */
static void lower(u32 g)
{
    u32 stride = g - 3, start = g == 16 ? 2 : 1;
    u64 tg0 = g == 12 ? 0 : g == 14 ? 2 : 1, ttbr = MRS("ttbr0_el1"), tcr = MRS("tcr_el1");
    static const unsigned char none[6] = {0, PERM, 0, 0, PERM, 0};
    u64 va = 0x2000000000 + (1ul << g) * 5;

    for (u32 l = start; l < 3; l++) {
        u32 shift = g + stride * (3 - l);
        u64 *d =
            &t[l][(l == start ? va & ((1ul << 39) - 1) : va & ((1ul << (shift + stride)) - 1)) >>
                  shift];
        *d = (u64)t[l + 1] | PTE_TABLE;
    }
    u64 *leaf = &t[3][5];
    /* Blocks of this program: at level 1 with 4 KiB, level 2 with 64 KiB; below a table with 16. */
    u32 bl = g == 12 ? 1 : 2, shift = g + stride * (3 - bl);
    u64 *low = t[bl];
    if (g == 14) {
        low = &t[0][0];
        t[1][0] = (u64)low | PTE_TABLE;
    }
    for (u64 a = 0; a < 0x48000000; a += 1ul << shift) {
        low[a >> shift] =
            a | PTE_BLOCK | PTE_AF | (a < 0x40000000 ? PTE_DEVICE | PTE_PXN | PTE_UXN : PTE_RAM);
    }
    for (u32 tbi = 0; tbi < 2; tbi++) {
        MSR("ttbr0_el1", t[start]);
        MSR("tcr_el1", (tcr & ~(3ul << 14)) | tg0 << 14 | (u64)tbi << 37);
        for (u32 c = 0; c < 4; c++) {
            static const unsigned char want[4] = {0, 0x0b, 0x07, 0x03};
            *leaf = c == 2 ? 0
                           : (u64)page | PTE_PAGE | PTE_RO | PTE_USER | (c == 1 ? 0 : PTE_RAM) |
                                 (c == 3 ? 1ul << 45 : 0);
            flush();
            for (u32 kind = 0; kind < 3; kind++) {
                u32 fsc = c ? want[c] : none[kind] ? 0x0f : 0;
                trap.far = 0;
                go((u64)stubs + 8 * kind, 0x3c5, va | (kind == FETCH ? 0 : 0x5aul << 56));
                u64 esr = fsc && (tbi || kind == FETCH) ? (kind == FETCH ? 0x21ul : 0x25ul) << 26 |
                                                              1 << 25 | (kind == STORE) << 6 | fsc
                                                        : 0x15ul << 26 | 1 << 25;
                if (!tbi && kind != FETCH) {
                    esr =
                        0x25ul << 26 | 1 << 25 | (kind == STORE) << 6 | 4; /* the tag is address */
                }
                check("lower", g << 16 | tbi << 12 | c << 8 | kind, trap.esr, esr);
            }
        }
    }
    MSR("ttbr0_el1", ttbr);
    MSR("tcr_el1", tcr);
    for (u32 l = 0; l < 4; l++) {
        for (u32 i = 0; i < 8192; i++) {
            t[l][i] = 0;
        }
    }
    flush();
}

static u32 code[1024] __attribute__((aligned(4096)));

/* The memory type is looked at behind the walk, before permissions (AArch64.S1Translate()); of an
 * access to two pages each is looked at. */
static void alignment_order(u64 *pd, u64 *pn)
{
    /* ldr x0, [x1]; str x2, [x1]; ldr q0, [x1]; str q0, [x1] */
    static const u32 insns[] = {0xf9400020, 0xf9000022, 0x3dc00020, 0x3d800020};
    static const struct {
        const char *name;
        u64 first, second; /* attributes of the pages */
        u32 off, fsc;
        unsigned char insn, at_second;
    } cases[] = {
        {"Device, read-only, store", PTE_RAM | PTE_RO | PTE_DEVICE, 0, 64, 0x0f, 1, 0},
        {"and not aligned", PTE_RAM | PTE_RO | PTE_DEVICE, 0, 66, 0x21, 1, 0},
        {"Device, no access flag", PTE_DEVICE, 0, 66, 0x0b, 1, 0},
        {"Device and invalid", PTE_RAM | PTE_DEVICE, 0, 4092, 0x21, 0, 0},
        {"Normal and invalid", PTE_RAM, 0, 4092, 0x07, 0, 1},
        {"Normal and Device", PTE_RAM, PTE_RAM | PTE_DEVICE, 4092, 0x21, 0, 1},
        {"Normal and Device, store", PTE_RAM, PTE_RAM | PTE_DEVICE, 4092, 0x21, 1, 1},
        {"read-only and Device", PTE_RAM | PTE_RO, PTE_RAM | PTE_DEVICE, 4092, 0x0f, 1, 0},
        {"Normal and Normal", PTE_RAM, PTE_RAM, 4092, 0, 1, 0},
        {"Normal and invalid, 16 bytes", PTE_RAM, 0, 4085, 0x07, 2, 1},
        {"Normal and invalid, 16 bytes, store", PTE_RAM, 0, 4085, 0x07, 3, 1},
        {"Normal and invalid, second 8 bytes, store", PTE_RAM, 0, 4088, 0x07, 3, 1},
        {"Device, aligned", PTE_RAM | PTE_DEVICE, 0, 4088, 0, 1, 0},
    };
    for (u32 i = 0; i < COUNT(cases); i++) {
        *pd = (u64)page | PTE_PAGE | cases[i].first;
        *pn = cases[i].second ? ((u64)page + 4096) | PTE_PAGE | cases[i].second : 0;
        flush();
        code[0] = insns[cases[i].insn];
        code[1] = 0xd4000001;
        sync_code();
        u64 at = 0x1000600000 + cases[i].off;
        for (u32 again = 0; again < 2; again++) {
            go((u64)code, 0x3c5, at);
            check(cases[i].name, again, trap.esr,
                  cases[i].fsc ? 0x25ul << 26 | 1 << 25 | (cases[i].insn & 1) << 6 | cases[i].fsc
                               : 0x15ul << 26 | 1 << 25);
            if (cases[i].fsc) {
                check("its far", i << 4 | again, trap.far, cases[i].at_second ? 0x1000601000 : at);
            }
        }
    }
    *pd = *pn = 0;
    flush();
}

/* What must be aligned; X1 is one byte off. */
static void alignment(void)
{
    static const struct {
        u32 insn;
        unsigned char off;    /* of the address from 64 bytes */
        unsigned char normal; /* 1: a fault in Normal memory too, 2: not in either */
        unsigned char write;
    } insns[] = {
        {0xf9400020, 1, 0, 0}, /* ldr x0, [x1] */
        {0xb9400020, 2, 0, 0}, /* ldr w0, [x1] */
        {0x79400020, 1, 0, 0}, /* ldrh w0, [x1] */
        {0x39400020, 1, 2, 0}, /* ldrb w0, [x1] */
        {0xf9400020, 8, 2, 0}, /* ldr x0, [x1] */
        {0xf9000022, 4, 0, 1}, /* str x2, [x1] */
        {0x79000022, 3, 0, 1}, /* strh w2, [x1] */
        {0xa9400820, 8, 2, 0}, /* ldp x0, x2, [x1] */
        {0xa9400820, 4, 0, 0}, /* the same */
        {0xa9000822, 4, 0, 1}, /* stp x2, x2, [x1] */
        {0x29400820, 4, 2, 0}, /* ldp w0, w2, [x1] */
        {0x3dc00020, 8, 0, 0}, /* ldr q0, [x1] */
        {0x3d800020, 8, 0, 1}, /* str q0, [x1] */
        {0xfd400020, 4, 0, 0}, /* ldr d0, [x1] */
        {0x4c407020, 1, 2, 0}, /* ld1 {v0.16b}, [x1] */
        {0x4c407820, 4, 2, 0}, /* ld1 {v0.4s}, [x1]: elements of 4 bytes */
        {0x4c407c20, 4, 0, 0}, /* ld1 {v0.2d}, [x1] */
        {0x4c407c20, 8, 2, 0}, /* the same */
        {0x4c008420, 2, 2, 1}, /* st2 {v0.8h, v1.8h}, [x1] */
        {0x4c008820, 2, 0, 1}, /* st2 {v0.4s, v1.4s}, [x1] */
        {0x0d408020, 2, 0, 0}, /* ld1 {v0.s}[0], [x1] */
        {0xad400820, 8, 0, 0}, /* ldp q0, q2, [x1] */
        {0x6d400820, 8, 2, 0}, /* ldp d0, d2, [x1] */
        {0x29400820, 2, 0, 0}, /* ldp w0, w2, [x1] */
        {0xc85f7c20, 4, 1, 0}, /* ldxr x0, [x1] */
        {0xc8007c22, 4, 1, 1}, /* stxr w0, x2, [x1] */
        {0xd50b7421, 0, 3, 1}, /* dc zva, x1: never in Device memory */
    };
    u64 root = MRS("ttbr0_el1");
    u64 *pd = pte((u64 *)root, 0x1000600000, 3), *pn = pte((u64 *)root, 0x1000601000, 3);

    for (u32 dev = 0; dev < 4; dev++) {
        /* Device-nGnRnE, Normal, Device-GRE, Normal non-cacheable */
        static const unsigned char attr[4] = {0, 0xff, 0x0c, 0x44};
        MSR("mair_el1", 0x00ff | attr[dev] << 16);
        *pd = (u64)page | PTE_PAGE | PTE_RAM | 2 << 2;
        *pn = 0;
        flush();
        for (u32 i = 0; i < COUNT(insns); i++) {
            code[0] = insns[i].insn;
            code[1] = 0xd4000001;
            sync_code();
            for (u32 again = 0; again < 2; again++) {
                u64 at = 0x1000600040 + insns[i].off;
                u32 fault = insns[i].normal == 1 || (!(dev & 1) && insns[i].normal != 2);
                trap.far = 0;
                go((u64)code, 0x3c5, at);
                check("alignment", dev << 16 | i << 8 | again, trap.esr,
                      fault ? 0x25ul << 26 | 1 << 25 | insns[i].write << 6 | 0x21
                            : 0x15ul << 26 | 1 << 25);
                if (fault) {
                    check("its far", dev << 16 | i << 8 | again, trap.far, at);
                }
            }
        }
    }
    MSR("mair_el1", 0x00ff);
    alignment_order(pd, pn);
    /* An exclusive that is not aligned does not come to the walk. */
    code[0] = 0xc85f7c20;
    sync_code();
    go((u64)code, 0x3c5, 0x1000601004);
    check("before translation", 0, trap.esr, 0x25ul << 26 | 1 << 25 | 0x21);
    /* With SCTLR_EL1.A every access. */
    MSR("sctlr_el1", MRS("sctlr_el1") | 2);
    code[0] = 0x79400020;
    sync_code();
    go((u64)code, 0x3c5, (u64)page + 1);
    check("SCTLR.A", 0, trap.esr, 0x25ul << 26 | 1 << 25 | 0x21);
    MSR("sctlr_el1", MRS("sctlr_el1") & ~2ul);
}

static void run(void)
{
    static const struct {
        unsigned char g, tsz;
    } shapes[] = {
        {12, 16}, {12, 20}, {12, 25}, {12, 33}, {12, 34}, {12, 39}, {14, 16}, {14, 17}, {14, 27},
        {14, 28}, {14, 38}, {14, 39}, {16, 16}, {16, 21}, {16, 22}, {16, 34}, {16, 35}, {16, 39},
    };
    u64 *root = identity(), mmfr0 = MRS("id_aa64mmfr0_el1");

    pa_range = mmfr0 & 15;
    for (u32 i = 0; i < COUNT(stub_code); i++) {
        stubs[i] = stub_code[i];
    }
    page[0] = 0xd4000001; /* svc 0 */
    for (u32 user = 0; user < 2; user++) {
        *pte(root, CODE + 0x200000 * user, 3) =
            (u64)stubs | PTE_PAGE | PTE_RAM | PTE_RO | (user ? PTE_USER : 0);
    }
    mmu_on(root);
    MSR("sctlr_el1", MRS("sctlr_el1") & ~(1ul << 23 | 2)); /* SPAN: PAN is set by exceptions */
    sync_code();
    for (u32 i = 0; i < COUNT(shapes); i++) {
        /* TGran16 1 or 2: there; TGran64 0: there */
        if (shapes[i].g == 14 ? !(mmfr0 >> 20 & 15)
                              : shapes[i].g == 16 && (mmfr0 >> 24 & 15) == 15) {
            continue;
        }
        walks(shapes[i].g, shapes[i].tsz);
    }
    for (u32 g = 12; g < 17; g += 2) {
        if (g != 14 || (mmfr0 >> 20 & 15)) {
            lower(g);
        }
    }
    alignment();
}

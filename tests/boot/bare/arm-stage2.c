/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Stage 2 at EL2 of the virt board: which faults come with which syndrome, address and IPA, and
 * what the syndrome tells a hypervisor of the load or store (DDI 0487, D8.5, D24.2.40), by a guest
 * at EL1 with its MMU off and on; every fault class at every level of tables with granules of 4, 16
 * and 64 KiB.
 */
#include "a64.h"

#define HOLE 0x0a000000ul /* nothing is mapped at stage 2 */
static u32 code[1024] __attribute__((aligned(4096)));
static u64 page[512] __attribute__((aligned(4096)));

#define E(size, sign, rt, sf, ar)                                                                  \
    (1u << 24 | (size) << 22 | (sign) << 21 | (rt) << 16 | (sf) << 15 | (ar) << 14)

/* X1 is the address; in the order of what[]. */
extern const u32 insn_list[];
__asm__(
    ".section .rodata\n.balign 4\ninsn_list:\n"
    "ldrb w5, [x1]\nldrh w6, [x1]\nldr w7, [x1]\nldr x8, [x1]\n"
    "ldrsb w5, [x1]\nldrsb x5, [x1]\nldrsh w9, [x1]\nldrsh x9, [x1]\nldrsw x10, [x1]\n"
    "strb w5, [x1]\nstrh w6, [x1]\nstr w7, [x1]\nstr x30, [x1]\nstr xzr, [x1]\nldr w0, [x1, #4]\n"
    "ldur x11, [x1, #8]\nstur w12, [x1, #4]\nldtr x13, [x1]\nsttrb w14, [x1]\n"
    "ldr x2, [x1, x3]\nstrh w15, [x1, w3, uxtw #1]\nldrsb x16, [x1, x3]\n"
    "ldar w17, [x1]\nstlr x20, [x1]\nldarb w21, [x1]\nldlarh w22, [x1]\nstllr w23, [x1]\n"
    "ldapr x24, [x1]\nldaprb w25, [x1]\nldapur w26, [x1, #8]\nldapursw x27, [x1, #8]\nstlurh w28, "
    "[x1, #2]\n"
    /* Not told. */
    "ldr x2, [x1], #8\nldr x2, [x1, #8]!\nstrb w2, [x1], #1\nldp x2, x4, [x1]\nstp w2, w4, [x1]\n"
    "ldxr x2, [x1]\nstxr w2, w4, [x1]\nldr q0, [x1]\nstr d0, [x1]\nldadd x2, x4, [x1]\nswp w2, w4, "
    "[x1]\n"
    "cas x2, x4, [x1]\nld1 {v0.16b}, [x1]\n"
    "dc civac, x1\ndc cvau, x1\ndc cvac, x1\nic ivau, x1\n.text\n");
static const struct {
    u32 iss, flags;
} what[] = {
#define R   0
#define W   (1 << 6)
#define CM  (1 << 8 | 1 << 6)
#define ANY (1u << 31) /* WnR is not compared */
    {E(0, 0, 5, 0, 0), R},
    {E(1, 0, 6, 0, 0), R},
    {E(2, 0, 7, 0, 0), R},
    {E(3, 0, 8, 1, 0), R},
    {E(0, 1, 5, 0, 0), R},
    {E(0, 1, 5, 1, 0), R},
    {E(1, 1, 9, 0, 0), R},
    {E(1, 1, 9, 1, 0), R},
    {E(2, 1, 10, 1, 0), R},
    {E(0, 0, 5, 0, 0), W},
    {E(1, 0, 6, 0, 0), W},
    {E(2, 0, 7, 0, 0), W},
    {E(3, 0, 30, 1, 0), W},
    {E(3, 0, 31, 1, 0), W},
    {E(2, 0, 0, 0, 0), R},
    {E(3, 0, 11, 1, 0), R},
    {E(2, 0, 12, 0, 0), W},
    {E(3, 0, 13, 1, 0), R},
    {E(0, 0, 14, 0, 0), W},
    {E(3, 0, 2, 1, 0), R},
    {E(1, 0, 15, 0, 0), W},
    {E(0, 1, 16, 1, 0), R},
    {E(2, 0, 17, 0, 1), R},
    {E(3, 0, 20, 1, 1), W},
    {E(0, 0, 21, 0, 1), R},
    {E(1, 0, 22, 0, 1), R},
    {E(2, 0, 23, 0, 1), W},
    {E(3, 0, 24, 1, 1), R},
    {E(0, 0, 25, 0, 1), R},
    {E(2, 0, 26, 0, 1), R},
    {E(2, 1, 27, 1, 1), R},
    {E(1, 0, 28, 0, 1), W},
    {0, R},
    {0, R},
    {0, W},
    {0, R},
    {0, W},
    {0, R},
    {0, ANY},
    {0, R},
    {0, W},
    {0, R},
    {0, R},
    {0, R},
    {0, R},

    {0, CM},
    {0, CM},
    {0, CM},
    {0, CM},
};

static void go_el1(u64 pc, u64 arg)
{
    register u64 x1 __asm__("x1") = arg;
    register u64 x2 __asm__("x2") = pc;
    __asm__ volatile("adrp x4, trap\n\tadd x4, x4, :lo12:trap\n\tadr x5, 1f\n\tstr x5, [x4, 48]\n\t"
                     "mov x5, 0x3c9\n\tstr x5, [x4, 56]\n\tmov x3, 0\n\t"
                     "mov x19, sp\n\tmsr elr_el2, x2\n\tmov x5, 0x3c5\n\tmsr spsr_el2, "
                     "x5\n\teret\n1: mov sp, x19"
                     : "+r"(x1), "+r"(x2)
                     :
                     : "x0", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x16", "x17", "x19", "x20", "x21", "x22", "x23", "x24", "x25",
                       "x26", "x27", "x28", "x30", "cc", "memory");
}

static void flush2(void)
{
    __asm__ volatile("dsb sy\n\ttlbi alle1\n\tdsb sy\n\tisb" ::: "memory");
}

static void set_code(u32 insn)
{
    code[0] = insn;
    code[1] = 0xd4000002; /* hvc 0 */
    sync_code();
}

enum { S2_RW = 3 << 6, S2_NORMAL = 15 << 2, S2_RAM = S2_RW | S2_NORMAL | PTE_AF | PTE_SH };

static void instructions(void)
{
    for (u32 i = 0; i < COUNT(what); i++) {
        set_code(insn_list[i]);
        go_el1((u64)code, HOLE + 0x540);
        u64 far = HOLE + 0x540, disp = trap.far - far;
        u32 mask = what[i].flags & ANY ? ~(1u << 6) : ~0u;
        check("class", i, trap.esr >> 26, 0x24);
        check("iss", i, trap.esr & 0x1ffffff & mask,
              (what[i].iss | what[i].flags | 5) & 0x1ffffff & mask);
        check("far", i, disp < 16, 1);
        check("hpfar", i, trap.hpfar, HOLE >> 12 << 4);
        check("elr", i, trap.elr, (u64)code);
    }
}

/* Tables of any granule, in RAM that nothing else uses. */
#define POOL      0x44000000ul
#define POOL_SIZE 0x400000ul
static u64 pool_next;
static u32 granule, first;

static u64 *stage2_new(u64 size)
{
    u64 *table = (u64 *)((pool_next + size - 1) & -size);
    pool_next = (u64)table + size;
    for (u64 i = 0; i < size / 8; i++) {
        table[i] = 0;
    }
    return table;
}

static u32 level_shift(u32 level)
{
    return granule + (granule - 3) * (3 - level);
}

static u64 *stage2_slot(u64 *root, u64 ipa, u32 level)
{
    u64 *d = &root[ipa >> level_shift(first)];

    for (u32 l = first; l < level; l++) {
        if ((*d & 3) != 3) {
            *d = (u64)stage2_new(1ul << granule) | PTE_TABLE;
        }
        d = (u64 *)(*d & 0xfffffffff000) +
            (ipa >> level_shift(l + 1) & ((1ul << (granule - 3)) - 1));
    }
    return d;
}

/* One access of each kind by the guest; want: the fault status code, or ~0. */
static void accesses(const char *name, u64 id, u64 at, const u32 want[3])
{
    static const u32 insns[3] = {0xf9400020, 0xf9000020, 0xd61f0020}; /* ldr, str, br */

    flush2();
    for (u32 k = 0; k < 3; k++) {
        set_code(insns[k]);
        page[0] = 0xd4000002;
        trap.far = trap.hpfar = 0;
        go_el1((u64)code, at);
        u32 ec = want[k] == ~0u ? 0x16 : k == 2 ? 0x20 : 0x24;
        check(name, id | k, trap.esr >> 26, ec);
        if (want[k] == ~0u) {
            continue;
        }
        u32 iss = trap.esr & 0x1ffffff;
        if (k == 2) {
            check(name, id | k, iss, want[k]);
            check("fetch elr", id | k, trap.elr, at);
        } else {
            check(name, id | k, iss, E(3, 0, 0, 1, 0) | (k == 1) << 6 | want[k]);
        }
        check("far", id | k, trap.far, at);
        if ((want[k] & 0x3c) == 4 || (want[k] & 0x3c) == 8) {
            check("hpfar", id | k, trap.hpfar, at >> 12 << 4);
        }
    }
}

static void all(const char *name, u64 id, u64 at, u32 fsc)
{
    const u32 want[3] = {fsc, fsc, fsc};
    accesses(name, id, at, want);
}

/* Tables of 2^g bytes from the level `start` for `bits` of address. */
static void faults(u32 g, u32 start, u32 bits)
{
    static const struct {
        const char *what;
        u64 desc; /* the page's or block's address is added */
        unsigned char fault[3];
    } cases[] = {
        {"ok", S2_RAM, {0, 0, 0}},
        {"access flag", S2_RAM & ~(u64)PTE_AF, {8, 8, 8}},
        {"access flag first", (u64)S2_NORMAL | 2ul << 53, {8, 8, 8}},
        {"read only", S2_RAM & ~(2ul << 6), {0, 12, 0}},
        {"write only", S2_RAM & ~(1ul << 6), {12, 0, 0}},
        {"no access", S2_RAM & ~(3ul << 6), {12, 12, 0}},
        {"no execution", S2_RAM | 2ul << 53, {0, 0, 12}},
        {"address size", S2_RAM | 1ul << 47, {0x80, 0x80, 0x80}},
        {"address size first", S2_NORMAL | 1ul << 47, {0x80, 0x80, 0x80}},
    };
    u64 tg = g == 12 ? 0 : g == 14 ? 2 : 1, sl0 = (g == 12 ? 2 : 3) - start;
    u64 id0 = (u64)g << 24 | start << 20 | bits << 12;

    granule = g;
    first = start;
    pool_next = POOL;
    u32 index = bits - level_shift(start);
    u64 *root = stage2_new(8ul << (index < g - 3 ? g - 3 : index));
    for (u64 a = 0x40000000; a < 0x44000000;) {
        u32 l = start < 2 ? 2 : start, sh = level_shift(l);
        *stage2_slot(root, a, l) = a | S2_RAM | (l == 3 ? PTE_PAGE : PTE_BLOCK);
        a += 1ul << sh;
    }
    u64 vtcr = (64 - bits) | sl0 << 6 | 1 << 8 | 1 << 10 | 3 << 12 | tg << 14 | 1 << 16 | 1ul << 31;
    MSR("vtcr_el2", vtcr);
    MSR("vttbr_el2", root);
    for (u32 level = start; level < 4; level++) {
        u32 sh = level_shift(level);
        u64 ipa = 1ul << (bits - 1), size = 1ul << sh, to = (u64)page & -size;
        u64 at = ipa + ((u64)page - to), id = id0 | level << 8;
        u64 *d = stage2_slot(root, ipa, level), type = level == 3 ? PTE_PAGE : PTE_BLOCK;
        int block = level == 3 || (g == 12 ? level >= 1 : level == 2);

        if (g == 16 && level == 1) {
            block = (MRS("id_aa64mmfr0_el1") & 15) >= 6;
        }
        for (u32 c = 0; c < COUNT(cases); c++) {
            u32 want[3];
            for (u32 k = 0; k < 3; k++) {
                u32 f = cases[c].fault[k];
                want[k] = !block ? 4 | level : !f ? ~0u : (f & 0x7f) | level;
            }
            *d = to | cases[c].desc | type;
            accesses(cases[c].what, id | c << 4, at, want);
        }
        *d = 0;
        all("none", id, at, 4 | level);
        *d = to | S2_RAM | 2;
        all("type 2", id, at, 4 | level);
        if (level == 3) {
            *d = to | S2_RAM | 1;
            all("type 1 at level 3", id, at, 4 | level);
        } else {
            *d = POOL | PTE_TABLE | 1ul << 40;
            all("table's address", id, at, level);
            *d = 0x0b000000ul | PTE_TABLE; /* nothing is there */
            all("external abort", id, at, 0x14 | (level + 1));
        }
        *d = 0;
    }
    all("range", id0, 1ul << bits, 4);
    /* The register is wrong: no instruction is fetched any more. */
    static const struct {
        const char *name;
        u64 vtcr, vttbr;
        u32 fsc;
    } wrong[] = {
        {"VTTBR", 0, 1ul << 41, 0},
        {"SL0", 3 << 6, 0, 4},
    };
    for (u32 i = 0; i < COUNT(wrong) - (MRS("id_aa64mmfr2_el1") >> 28 & 1); i++) {
        MSR("vtcr_el2", vtcr | wrong[i].vtcr);
        MSR("vttbr_el2", (u64)root | wrong[i].vttbr);
        flush2();
        go_el1((u64)code, 0);
        check(wrong[i].name, id0, trap.esr, 0x20ul << 26 | 1 << 25 | wrong[i].fsc);
        check(wrong[i].name, id0 | 1, trap.elr, (u64)code);
    }
    MSR("vtcr_el2", vtcr);
    MSR("vttbr_el2", root);
    flush2();
}

static void granules(void)
{
    static const struct {
        unsigned char g, start, bits;
    } shapes[] = {
        {12, 0, 44}, {12, 1, 39}, {12, 1, 40}, {12, 1, 33}, {12, 2, 34}, {14, 1, 44}, {14, 1, 40},
        {14, 2, 40}, {14, 2, 36}, {16, 1, 44}, {16, 2, 42}, {16, 2, 40}, {16, 2, 33}, {16, 3, 33},
    };
    u64 mmfr0 = MRS("id_aa64mmfr0_el1");

    for (u32 i = 0; i < COUNT(shapes); i++) {
        if ((shapes[i].g == 14 && !(mmfr0 >> 20 & 15)) ||
            (shapes[i].g == 16 && (mmfr0 >> 24 & 15) == 15) ||
            (shapes[i].bits > 40 && (mmfr0 & 15) < 4)) {
            continue;
        }
        faults(shapes[i].g, shapes[i].start, shapes[i].bits);
    }
}

/* The guest's own tables: a stage 2 fault of the walk, and one of the access behind it. */
static void nested(void)
{
    u64 *s1 = identity();
    u64 *d = pte(s1, 0x2000000000, 3);
    *d = HOLE | PTE_PAGE | PTE_RAM;
    MSR("mair_el1", 0x00ff);
    MSR("tcr_el1", 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 25 << 16 | 2ul << 32);
    MSR("ttbr0_el1", s1);
    MSR("sctlr_el1", 0x30d00801);
    flush2();
    set_code(0xb9000023); /* str w3, [x1] */
    go_el1((u64)code, 0x2000000678);
    check("behind stage 1", 0, trap.esr, 0x24ul << 26 | 1 << 25 | E(2, 0, 3, 0, 0) | 1 << 6 | 5);
    check("its far", 0, trap.far, 0x2000000678);
    check("its hpfar", 0, trap.hpfar, HOLE >> 12 << 4);
    /* Level 3 of the guest's tables lies where stage 2 has nothing. */
    u64 *l2 = pte(s1, 0x2000000000, 2), old = *l2;
    *l2 = (HOLE + 0x3000) | PTE_TABLE;
    flush2();
    go_el1((u64)code, 0x2000000678);
    check("walk", 0, trap.esr & ~(1ul << 6), 0x24ul << 26 | 1 << 25 | 1 << 7 | 5);
    check("walk far", 0, trap.far, 0x2000000678);
    check("walk hpfar", 0, trap.hpfar, (HOLE + 0x3000) >> 12 << 4);
    *l2 = old;
    flush2();
    go_el1((u64)code, 0x2000000678);
    check("again", 0, trap.esr & 0x3f, 5);
    /* Normal memory that stage 2 makes Device: aligned or a fault of stage 2, before permissions.
     */
    u64 *s2 = (u64 *)MRS("vttbr_el2"), *l2s = table_new(), *l3 = table_new();
    s2[3] = (u64)l2s | PTE_TABLE;
    l2s[0] = (u64)l3 | PTE_TABLE;
    *d = 0xc0000000 | PTE_PAGE | PTE_RAM;
    for (u32 i = 0; i < 8; i++) {
        u32 off = i & 1, ro = i >> 1 & 1, normal = i >> 2;
        l3[0] = (u64)page | PTE_PAGE | PTE_AF | (ro ? 1 : 3) << 6 | (normal ? S2_NORMAL : 1 << 2);
        flush2();
        set_code(off ? 0xb8001023 : 0xb9000023); /* stur w3, [x1, 1]; str w3, [x1] */
        go_el1((u64)code, 0x2000000678);
        u32 fsc = off && !normal ? 0x21 : ro ? 0x0f : 0;
        check("stage 2 Device", i, trap.esr,
              fsc ? 0x24ul << 26 | 1 << 25 | E(2, 0, 3, 0, 0) | 1 << 6 | fsc
                  : 0x16ul << 26 | 1 << 25);
        if (fsc) {
            check("its far", i, trap.far, 0x2000000678 + off);
        }
    }
    s2[3] = 0;
    flush2();
    MSR("sctlr_el1", 0x30d00800);
}

static void run(void)
{
    u64 *s2 = table_new();
    check("level", 0, current_el(), 2);
    s2[1] = 0x40000000 | PTE_BLOCK | S2_RAM;
    MSR("vtcr_el2", 25 | 1 << 6 | 1 << 8 | 1 << 10 | 3 << 12 | 2 << 16 | 1ul << 31);
    MSR("vttbr_el2", s2);
    MSR("cptr_el2", 0x33ff & ~(1 << 10));
    MSR("cpacr_el1", 3 << 20);
    MSR("sctlr_el1", 0x30d00800);
    MSR("hcr_el2", 1ul << 31 | 1);
    flush2();
    instructions();
    nested();
    granules();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Stage 2 at EL2 of the virt board: which faults come with which syndrome, address and IPA, and
 * what the syndrome tells a hypervisor of the load or store (DDI 0487, D8.5, D24.2.40), by a guest
 * at EL1 with its MMU off and on.
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
    {0, ANY},
    {0, ANY},
    {0, ANY},
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

static void faults(u64 *s2)
{
    u64 *l1 = pte(s2, 0x4000000000, 1), *l2 = pte(s2, 0x4040000000, 2),
        *l3 = pte(s2, 0x4080000000, 3);
    static const struct {
        const char *what;
        u64 desc; /* the page's or block's address is added */
        u32 load, store, fetch;
    } cases[] = {
        {"none", 0, 4, 4, 4},
        {"ok", S2_RAM, 0, 0, 0},
        {"access flag", S2_RAM & ~(u64)PTE_AF, 8, 8, 8},
        {"read only", S2_RAM & ~(2ul << 6), 0, 12, 0},
        {"write only", S2_RAM & ~(1ul << 6), 12, 0, 0},
        {"no access", S2_RAM & ~(3ul << 6), 12, 12, 0},
        {"no execution", S2_RAM | 2ul << 53, 0, 0, 12},
        {"address size", S2_RAM | 1ul << 47, 0, 0, 0},
    };
    for (u32 level = 1; level < 4; level++) {
        u64 *d = level == 1 ? l1 : level == 2 ? l2 : l3;
        u64 va = level == 1 ? 0x4000000000 : level == 2 ? 0x4040000000 : 0x4080000000;
        u64 to = level == 3 ? (u64)page : (u64)page & ~((1ul << (39 - 9 * level)) - 1);
        u64 at = va + ((u64)page - to);
        for (u32 c = 0; c < COUNT(cases); c++) {
            u32 size = cases[c].desc >> 47 & 1;
            *d = cases[c].desc ? to | cases[c].desc | (level == 3 ? PTE_PAGE : PTE_BLOCK) : 0;
            flush2();
            u64 id = level << 8 | c;
            u32 want = size ? level : cases[c].load ? cases[c].load + level : 0;
            set_code(0xf9400020); /* ldr x0, [x1] */
            go_el1((u64)code, at);
            check("load", id, trap.esr >> 26 == 0x16 ? 0 : trap.esr & 0x3f, want);
            if (want) {
                check("load hpfar", id, trap.hpfar, at >> 12 << 4);
            }
            want = size ? level : cases[c].store ? cases[c].store + level : 0;
            set_code(0xf9000020); /* str x0, [x1] */
            go_el1((u64)code, at);
            check("store", id, trap.esr >> 26 == 0x16 ? 0 : trap.esr & 0x3f, want);
            want = size ? level : cases[c].fetch ? cases[c].fetch + level : 0;
            page[0] = 0xd4000002;
            set_code(0xd61f0020); /* br x1 */
            go_el1((u64)code, at);
            check("fetch", id, trap.esr >> 26 == 0x16 ? 0 : trap.esr & 0x3f, want);
            if (want) {
                check("fetch class", id, trap.esr >> 26, 0x20);
                check("fetch hpfar", id, trap.hpfar, at >> 12 << 4);
                check("fetch elr", id, trap.elr, at);
            }
        }
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
    faults(s2);
    nested();
}

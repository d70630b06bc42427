/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What bare A64 programs for the Arm virt board share: start, console, vectors that note an
 * exception and go on, page tables of 4 KiB granules, checks. A program defines run() and calls
 * check(); the last line is "end" and the number of failures is the line before it.
 *
 * An exception fills `trap` and returns to trap.resume (once), with trap.resume_spsr as PSTATE if
 * that is not 0; without trap.resume, behind the instruction, or at it again if it could not be
 * fetched. An interrupt goes on where it came, with interrupts masked. Taken at EL1, EL2 or EL3.
 */
typedef unsigned long u64;
typedef unsigned u32;

#define STR_(x)     #x
#define STR(x)      STR_(x)
#define MSR(reg, v) __asm__ volatile("msr " reg ", %0\n\tisb" ::"r"((u64)(v)) : "memory")
#define MRS(reg)                                                                                   \
    ({                                                                                             \
        u64 v_;                                                                                    \
        __asm__ volatile("mrs %0, " reg : "=r"(v_));                                               \
        v_;                                                                                        \
    })
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

volatile struct {
    u64 esr, far, elr, spsr;
    u64 vector; /* offset, with the level in bits 15:12 */
    u64 count;
    u64 resume, resume_spsr;
    u64 hpfar;
} trap;

#define VECTORS(el)                                                                                \
    ".balign 2048\nvectors_el" #el ":\n"                                                           \
    ".set v, 0\n.rept 16\n.balign 128\n"                                                           \
    "msr tpidrro_el0, x0\nmov x0, #v + 0x" #el "000\nb trap_el" #el "\n.set v, v + 128\n.endr\n"   \
    "trap_el" #el ":\n"                                                                            \
    "msr tpidr_el" #el ", x1\nadrp x1, trap\nadd x1, x1, :lo12:trap\nstr x0, [x1, 32]\n"           \
    "mrs x0, esr_el" #el "\nstr x0, [x1]\nmrs x0, far_el" #el "\nstr x0, [x1, 8]\n"                \
    "mrs x0, spsr_el" #el "\nstr x0, [x1, 24]\n"                                                   \
    "ldr x0, [x1, 40]\nadd x0, x0, 1\nstr x0, [x1, 40]\n"                                          \
    ".if " #el " == 2\nmrs x0, hpfar_el2\nstr x0, [x1, 64]\n.endif\n"                              \
    "mrs x0, elr_el" #el "\nstr x0, [x1, 16]\n"                                                    \
    "ldr x0, [x1, 48]\ncbnz x0, 1f\nldr x0, [x1, 32]\nubfx x0, x0, 7, 2\nsub x0, x0, 1\n"          \
    "cmp x0, 1\nb.hi 3f\nmrs x0, spsr_el" #el "\norr x0, x0, 0xc0\nmsr spsr_el" #el ", x0\n"       \
    "mrs x0, elr_el" #el "\nb 1f\n3: mrs x0, esr_el" #el "\nlsr x0, x0, 26\ncmp x0, 0x21\n"        \
    "mrs x0, elr_el" #el "\nb.eq 1f\nadd x0, x0, 4\n"                                              \
    "1: msr elr_el" #el ", x0\nstr xzr, [x1, 48]\n"                                                \
    "ldr x0, [x1, 56]\ncbz x0, 2f\nmsr spsr_el" #el ", x0\nstr xzr, [x1, 56]\n"                    \
    "2: mrs x1, tpidr_el" #el "\nmrs x0, tpidrro_el0\neret\n"

__asm__(".section .text.start, \"ax\"\n.global _start\n_start:\n"
        "mov x0, 0x47000000\nmov sp, x0\nbl start\n1: b 1b\n.text\n" VECTORS(1) VECTORS(2)
            VECTORS(3));
extern char vectors_el1[], vectors_el2[], vectors_el3[];

#include "report.h"

static inline u32 current_el(void)
{
    return MRS("currentel") >> 2;
}

static void run(void);
void start(void);
void start(void)
{
    if (current_el() == 3) {
        MSR("vbar_el3", vectors_el3);
    }
    if (current_el() >= 2) {
        MSR("vbar_el2", vectors_el2);
    }
    MSR("vbar_el1", vectors_el1);
    MSR("cpacr_el1", 3 << 20);
    run();
    print("checks ");
    hex(checks);
    print(" failures ");
    hex(failures);
    print("\nend\n");
    /* PSCI SYSTEM_OFF by the conduit of the board; at EL3 there is none: SYS_EXIT of semihosting.
     */
    if (current_el() == 3) {
        static const u64 application_exit[2] = {0x20026, 0};
        __asm__ volatile("mov w0, 0x18\n\tmov x1, %0\n\thlt 0xf000" ::"r"(application_exit)
                         : "x0", "x1", "memory");
    } else if (current_el() == 1) {
        __asm__ volatile("ldr w0, =0x84000008\n\thvc 0");
    } else {
        __asm__ volatile("ldr w0, =0x84000008\n\tsmc 0");
    }
}

/* ---- page tables: 39 bits of addresses from level 1 ---- */

enum {
    PTE_TABLE = 3,
    PTE_PAGE = 3,
    PTE_BLOCK = 1,
    PTE_DEVICE = 1 << 2, /* MAIR index 1 */
    PTE_USER = 1 << 6,
    PTE_RO = 1 << 7,
    PTE_SH = 3 << 8,
    PTE_AF = 1 << 10,
    PTE_NG = 1 << 11,
};
#define PTE_GP  (1ul << 50)
#define PTE_DBM (1ul << 51)
#define PTE_PXN (1ul << 53)
#define PTE_UXN (1ul << 54)
#define PTE_RAM (PTE_AF | PTE_SH)

static u64 tables[64][512] __attribute__((aligned(4096)));
static u32 tables_used;

static u64 *table_new(void)
{
    u64 *t = tables[tables_used++];
    for (u32 i = 0; i < 512; i++) {
        t[i] = 0;
    }
    return t;
}

/* The descriptor of va at a level below root, made where needed. */
static inline u64 *pte(u64 *root, u64 va, u32 level)
{
    u64 *t = root;
    for (u32 l = 1; l < level; l++) {
        u64 *d = &t[va >> (39 - 9 * l) & 511];
        if ((*d & 3) != 3) {
            *d = (u64)table_new() | PTE_TABLE;
        }
        t = (u64 *)(*d & 0xfffffffff000);
    }
    return &t[va >> (39 - 9 * level) & 511];
}

/* Root of tables that map devices and the first GiB of RAM to themselves, for EL1 or EL2. */
static inline u64 *identity(void)
{
    u64 *root = table_new();
    root[0] = 0 | PTE_BLOCK | PTE_AF | PTE_DEVICE | PTE_PXN | PTE_UXN;
    root[1] = 0x40000000 | PTE_BLOCK | PTE_RAM;
    return root;
}

static inline void mmu_on(u64 *root)
{
    MSR("mair_el1", 0x00ff);
    MSR("tcr_el1", 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 25 << 16 | 2ul << 32);
    MSR("ttbr0_el1", root);
    __asm__ volatile("tlbi vmalle1\n\tdsb sy\n\tisb" ::: "memory");
    MSR("sctlr_el1", MRS("sctlr_el1") | 1 | 1 << 2 | 1 << 12);
}

static inline void flush(void)
{
    __asm__ volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb" ::: "memory");
}

static inline void sync_code(void)
{
    __asm__ volatile("dsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
}

/* ---- other CPUs ---- */

/* PSCI by the conduit of the board: HVC, or SMC if there is an EL2 for the guest. */
static inline u64 psci(u64 fn, u64 a1, u64 a2, u64 a3)
{
    register u64 x0 __asm__("x0") = fn;
    register u64 x1 __asm__("x1") = a1;
    register u64 x2 __asm__("x2") = a2;
    register u64 x3 __asm__("x3") = a3;

    if (current_el() == 1) {
        __asm__ volatile("hvc 0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
    } else {
        __asm__ volatile("smc 0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
    }
    return x0;
}

/* What another CPU starts with: vectors, FP access and, at EL1, the starter's translation. */
struct cpu_start {
    u64 sp;
    void (*fn)(u64 arg);
    u64 arg;
    u64 mair, tcr, ttbr0, ttbr1, sctlr;
};
void cpu_enter(struct cpu_start *s);
void cpu_enter(struct cpu_start *s)
{
    if (current_el() == 2) {
        MSR("vbar_el2", vectors_el2);
    }
    MSR("vbar_el1", vectors_el1);
    MSR("cpacr_el1", 3 << 20);
    if (current_el() == 1) {
        MSR("mair_el1", s->mair);
        MSR("tcr_el1", s->tcr);
        MSR("ttbr0_el1", s->ttbr0);
        MSR("ttbr1_el1", s->ttbr1);
        __asm__ volatile("tlbi vmalle1\n\tdsb sy\n\tisb" ::: "memory");
        MSR("sctlr_el1", s->sctlr);
    }
    s->fn(s->arg);
    for (;;) {
        __asm__ volatile("wfi");
    }
}
__asm__(".text\n.global cpu_entry\ncpu_entry:\nldr x1, [x0]\nmov sp, x1\nb cpu_enter\n");
extern char cpu_entry[];

static struct cpu_start cpu_starts[8];
/* CPU n runs fn(arg) with a stack of 64 KiB; what PSCI returns. */
static inline u64 cpu_on(u32 n, void (*fn)(u64), u64 arg)
{
    struct cpu_start *s = &cpu_starts[n];

    *s = (struct cpu_start){0x47000000 - 0x10000 * n,
                            fn,
                            arg,
                            MRS("mair_el1"),
                            MRS("tcr_el1"),
                            MRS("ttbr0_el1"),
                            MRS("ttbr1_el1"),
                            MRS("sctlr_el1")};
    __asm__ volatile("dsb sy" ::: "memory");
    return psci(0xc4000003, n, (u64)cpu_entry, (u64)s);
}

#define READ(x)     __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define WRITE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)
/* Wait until x is v, but not for ever; true if it is. */
#define WAIT(x, v)                                                                                 \
    ({                                                                                             \
        u64 end_ = MRS("cntvct_el0") + 5 * MRS("cntfrq_el0");                                      \
        while (READ(x) != (v) && MRS("cntvct_el0") < end_) {                                       \
        }                                                                                          \
        READ(x) == (v);                                                                            \
    })

/* Return to pc with PSTATE spsr, X1, X16, X17 = arg and X30 = link; the next exception comes back.
 */
static inline void go(u64 pc, u64 spsr, u64 arg)
{
    register u64 x1 __asm__("x1") = arg;
    register u64 x2 __asm__("x2") = pc;
    register u64 x3 __asm__("x3") = spsr;
    __asm__ volatile("adrp x4, trap\n\tadd x4, x4, :lo12:trap\n\tadr x5, 1f\n\tstr x5, [x4, 48]\n\t"
                     "mov x5, 0x3c5\n\tstr x5, [x4, 56]\n\tmov x16, x1\n\tmov x17, x1\n\t"
                     "mov x19, sp\n\tmsr elr_el1, x2\n\tmsr spsr_el1, x3\n\teret\n1: mov sp, x19"
                     : "+r"(x1), "+r"(x2), "+r"(x3)
                     :
                     : "x0", "x4", "x5", "x6", "x16", "x17", "x19", "x30", "cc", "memory");
}

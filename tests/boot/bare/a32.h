/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What bare A32 programs for the Arm virt board share: start, console, vectors that note an
 * exception and go on, checks. A program defines run() and calls check(); the last line is "end"
 * and the number of failures is the line before it. It runs in System mode.
 *
 * An exception fills `trap` and returns to trap.resume in System mode if that is not 0 (once), else
 * behind the instruction.
 */
typedef unsigned long long u64;
typedef unsigned u32;

#define COUNT(a)      (sizeof(a) / sizeof(*(a)))
#define STR_(...)     #__VA_ARGS__
#define STR(...)      STR_(__VA_ARGS__)
#define CP(name, v)   __asm__ volatile("mcr " name "\n\tisb" ::"r"((u32)(v)) : "memory")
#define CP64(name, v) __asm__ volatile("mcrr " name "\n\tisb" ::"r"((u64)(v)) : "memory")
#define GET(name)                                                                                  \
    ({                                                                                             \
        u32 v_;                                                                                    \
        __asm__ volatile("mrc " name : "=r"(v_)::"memory");                                        \
        v_;                                                                                        \
    })
#define GET64(name)                                                                                \
    ({                                                                                             \
        u64 v_;                                                                                    \
        __asm__ volatile("mrrc " name : "=r"(v_)::"memory");                                       \
        v_;                                                                                        \
    })
#define MIDR     "p15, 0, %0, c0, c0, 0"
#define ID_MMFR0 "p15, 0, %0, c0, c1, 4"
#define SCTLR    "p15, 0, %0, c1, c0, 0"
#define TTBR0    "p15, 0, %0, c2, c0, 0"
#define TTBR1    "p15, 0, %0, c2, c0, 1"
#define TTBCR    "p15, 0, %0, c2, c0, 2"
#define TTBR0_64 "p15, 0, %Q0, %R0, c2"
#define TTBR1_64 "p15, 1, %Q0, %R0, c2"
#define DACR     "p15, 0, %0, c3, c0, 0"
#define MAIR0    "p15, 0, %0, c10, c2, 0"
#define MAIR1    "p15, 0, %0, c10, c2, 1"
#define VBAR     "p15, 0, %0, c12, c0, 0"
#define TLBIALL  "p15, 0, %0, c8, c7, 0"
#define ICIALLU  "p15, 0, %0, c7, c5, 0"

enum { V_RESET, V_UNDEF, V_SVC, V_PABT, V_DABT, V_HYP, V_IRQ, V_FIQ };
volatile struct {
    u32 vector, dfsr, ifsr, dfar, ifar, lr, spsr, count, resume, scr;
} trap;

#define VECTOR(name, n, adjust)                                                                    \
    "vec_" #name ":\nstmia sp, {r0-r3}\n"                                                          \
    ".if " #adjust "\nsub lr, lr, #" #adjust "\n.endif\nmov r0, #" #n "\nb vec_common\n"

/* The return address is behind the instruction: for a data abort that is LR - 4. */
__asm__(
    ".section .text.start, \"ax\"\n.arm\n.global _start\n_start:\n"
    ".macro stack mode, off\ncps #\\mode\nldr sp, =save + \\off\n.endm\n"
    "stack 0x11, 0\nstack 0x12, 32\nstack 0x13, 64\nstack 0x17, 96\nstack 0x1b, 128\ncps #0x1f\n"
    "ldr sp, =0x47000000\nldr r0, =start\nblx r0\n1: b 1b\n.ltorg\n.text\n.arm\n"
    ".balign 32\nvectors:\nb vec_reset\nb vec_undef\nb vec_svc\nb vec_pabt\nb vec_dabt\n"
    "b vec_hyp\nb vec_irq\nb vec_fiq\n" VECTOR(reset, 0, 0) VECTOR(undef, 1, 0) VECTOR(svc, 2, 0)
        VECTOR(pabt, 3, 0) VECTOR(dabt, 4, 4) VECTOR(hyp, 5, 0) VECTOR(irq, 6, 4) VECTOR(
            fiq, 7,
            4) "vec_common:\nldr r1, =trap\nstr r0, [r1]\n"
               "mrc p15, 0, r0, c5, c0, 0\nstr r0, [r1, #4]\nmrc p15, 0, r0, c5, c0, 1\nstr r0, "
               "[r1, #8]\n"
               "mrc p15, 0, r0, c6, c0, 0\nstr r0, [r1, #12]\nmrc p15, 0, r0, c6, c0, 2\n"
               "str r0, [r1, #16]\nstr lr, [r1, #20]\nmrs r0, spsr\nstr r0, [r1, #24]\n"
               "ldr r0, [r1, #28]\nadd r0, r0, #1\nstr r0, [r1, #28]\n"
               "ldr r0, [r1, #32]\ncmp r0, #0\nbeq 1f\nmov lr, r0\nmov r0, #0\nstr r0, [r1, #32]\n"
               "mov r0, #0xdf\norr r0, r0, #0x100\nmsr spsr_cxsf, r0\n1: ldmia sp, {r0-r3}\nmovs "
               "pc, lr\n"
               ".ltorg\n.bss\n.balign 8\nsave: .space 160\n.text\n");
extern char vectors[];

#include "report.h"

static void run(void);
void start(void);
void start(void)
{
    CP(VBAR, vectors);
    run();
    print("checks ");
    hex(checks);
    print(" failures ");
    hex(failures);
    print("\nend\n");
    /* PSCI SYSTEM_OFF by the conduit of the board; without one, SYS_EXIT of semihosting. */
    __asm__ volatile(".arch_extension virt\n\tldr r0, =0x84000008\n\thvc #0\n\t"
                     "mov r0, #0x18\n\tldr r1, =0x20026\n\tsvc #0x123456" ::
                         : "r0", "r1", "lr", "memory");
}

static inline void flush(void)
{
    __asm__ volatile("dsb\n\tmcr "
                     "p15, 0, r0, c8, c7, 0"
                     "\n\tdsb\n\tisb" ::
                         : "memory");
}
static inline void sync_code(void)
{
    __asm__ volatile("dsb\n\tmcr p15, 0, r0, c7, c5, 0\n\tdsb\n\tisb" ::: "memory");
}

/* Go to pc with CPSR cpsr and R1 = arg; the next exception comes back. */
static inline void go(u32 pc, u32 cpsr, u32 arg)
{
    register u32 r1 __asm__("r1") = arg;
    register u32 r2 __asm__("r2") = pc;
    register u32 r3 __asm__("r3") = cpsr;
    __asm__ volatile("ldr r4, =trap\n\tldr r5, =1f\n\tstr r5, [r4, #32]\n\tcps #0x12\n\t"
                     "msr spsr_cxsf, r3\n\tmov lr, r2\n\tmovs pc, lr\n\t.ltorg\n1:"
                     : "+r"(r1), "+r"(r2), "+r"(r3)
                     :
                     : "r0", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12", "lr", "cc",
                       "memory");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Monitor mode for bare A32 programs (behind a32.h): monitor() calls a function there, with a stack
 * of its own, by an SMC from either security state. monitor_start() comes first, in secure state.
 */
#define SCR   "p15, 0, %0, c1, c1, 0"
#define MVBAR "p15, 0, %0, c12, c0, 1"

u32 monitor(u32 (*fn)(u32), u32 arg);
__asm__(
    ".arch_extension sec\n.text\n.balign 32\nmonitor_vectors:\nb .\nb .\nb mon_smc\nb .\nb .\nb .\n"
    "b .\nb .\n"
    "mon_smc:\npush {r4, lr}\nmrs r4, spsr\npush {r4}\nmov r2, r0\nmov r0, r1\nblx r2\n"
    "pop {r4}\nmsr spsr_cxsf, r4\npop {r4, lr}\nmovs pc, lr\n"
    ".global monitor\nmonitor:\npush {r4, lr}\nsmc #0\npop {r4, pc}\n.ltorg\n");
extern char monitor_vectors[];

/* Calls code at pc with R0 = 0 and R1 = arg; what R0 is then. */
static inline u32 call_code(u32 pc, u32 arg)
{
    register u32 r1 __asm__("r1") = arg;
    register u32 r0 __asm__("r0") = 0;
    __asm__ volatile("blx %2"
                     : "+r"(r0), "+r"(r1)
                     : "r"(pc)
                     : "lr", "r2", "r3", "r12", "cc", "memory");
    return r0;
}

static void monitor_start(void)
{
    static u32 stack[1024];

    CP(MVBAR, monitor_vectors);
    __asm__ volatile("mrs r4, cpsr\n\tcps #0x16\n\tmov sp, %0\n\tmsr cpsr_c, r4" ::"r"(stack + 1024)
                     : "r4");
}

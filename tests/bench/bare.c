/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * One kernel of compute.c or mmio.c without an operating system, on the virt boards: M mode on
 * RISC-V, EL1 or Supervisor mode on Arm, no translation. The kernel's name and work are set at
 * build time (KERNEL, WORK). Prints BEGIN and `END checksum nanoseconds`, and ends through the test
 * finisher or PSCI.
 */
#include "bench.h"

#ifdef __riscv
#define UART (*(volatile u8 *)0x10000000)
void *bench_arena = (void *)0x82000000;

static u64 now(void)
{
    return *(volatile u64 *)0x200bff8 * 100; /* mtime, 10 MHz */
}
static void finish(int failed)
{
    *(volatile u32 *)0x100000 = failed ? 0x13333 : 0x5555;
}
__asm__(".section .text.init, \"ax\"\n"
        ".globl _start\n"
        "_start: csrr t0, mhartid\n"
        "1: bnez t0, 1b\n"
        ".option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
        "li sp, 0x82000000\n"
        "li t0, 0x6000\n"
        "csrs mstatus, t0\n"
        "csrwi fcsr, 0\n"
        "j bare_main\n");
#else
#define UART (*(volatile u32 *)0x09000000)
void *bench_arena = (void *)0x42000000;

#ifdef __aarch64__
static u64 now(void)
{
    u64 count, hz;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count));
    __asm__("mrs %0, cntfrq_el0" : "=r"(hz));
    return count / hz * 1000000000 + count % hz * 1000000000 / hz;
}
static void finish(int failed)
{
    register u64 x0 __asm__("x0") = 0x84000008; /* PSCI SYSTEM_OFF */
    if (!failed)
        __asm__ volatile("hvc 0" : "+r"(x0)::"memory");
}
__asm__(".section .text.init, \"ax\"\n"
        ".globl _start\n"
        "_start: mov x0, 0x42000000\n"
        "mov sp, x0\n"
        "mov x0, 0x300000\n" /* CPACR_EL1.FPEN */
        "msr cpacr_el1, x0\n"
        "isb\n"
        "b bare_main\n");
#else
static u64 now(void)
{
    u64 count;
    u32 hz;
    __asm__ volatile("isb\n\tmrrc p15, 1, %Q0, %R0, c14" : "=r"(count)); /* CNTVCT */
    __asm__("mrc p15, 0, %0, c14, c0, 0" : "=r"(hz));                    /* CNTFRQ */
    /* no division of 64 bits: the counter runs at a multiple of 500 kHz */
    return count * (1000000000 / (hz ? hz : 62500000));
}
static void finish(int failed)
{
    register u32 r0 __asm__("r0") = 0x84000008;
    if (!failed)
        __asm__ volatile(".arch_extension virt\n\thvc #0" : "+r"(r0)::"memory");
}
__asm__(".section .text.init, \"ax\"\n"
        ".arm\n.globl _start\n"
        "_start: mov sp, #0x42000000\n"
        "mrc p15, 0, r0, c1, c0, 2\n"
        "orr r0, r0, #0xf00000\n" /* CPACR: CP10, CP11 */
        "mcr p15, 0, r0, c1, c0, 2\n"
        "isb\n"
        "mov r0, #0x40000000\n"
        "vmsr fpexc, r0\n"
        "b bare_main\n");
#endif
#endif

#ifdef __arm__
/* What the compiler's division calls for a divisor of 0. */
int raise(int sig)
{
    return sig;
}
#endif

static void put(char c)
{
    UART = c;
}
static void put_text(const char *s)
{
    while (*s)
        put(*s++);
}
static void put_hex(u64 v)
{
    for (int i = 60; i >= 0; i -= 4)
        if (v >> i || i == 0)
            put("0123456789abcdef"[v >> i & 15]);
}
static int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

void *memcpy(void *d, const void *s, unsigned long n)
{
    for (u8 *p = d; n--;)
        *p++ = *(const u8 *)s++;
    return d;
}
void *memset(void *d, int c, unsigned long n)
{
    for (u8 *p = d; n--;)
        *p++ = c;
    return d;
}

static const struct bench_kernel *find(const char *name)
{
    static const struct bench_kernel *const tables[] = {bench_compute, bench_mmio};
    for (int t = 0; t < 2; t++)
        for (const struct bench_kernel *k = tables[t]; k->name; k++)
            if (same(k->name, name))
                return k;
    return 0;
}

void bare_main(void)
{
    const struct bench_kernel *k = find(KERNEL);
    put_text("BEGIN\n");
    u64 a = now(), sum = k ? k->run(WORK ? WORK : k->work) : 0, b = now();
    put_text("END ");
    put_hex(sum);
    put_text(" 0x");
    put_hex(b - a);
    put('\n');
    finish(!k);
    for (;;)
        ;
}

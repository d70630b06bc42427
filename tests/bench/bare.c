/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * One computing kernel without an operating system: M mode, no translation, ends through the test
 * finisher. The kernel's name and work are set at build time (KERNEL, WORK). Prints BEGIN and
 * `END checksum ticks` (10 MHz time CSR is not readable everywhere: ticks of mtime at 0x200bff8).
 */
#include "bench.h"

void *bench_arena = (void *)0x82000000;

static void put(char c)
{
    *(volatile u8 *)0x10000000 = c;
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

void bare_main(void)
{
    const struct bench_kernel *k = bench_compute;
    while (k->name && !same(k->name, KERNEL))
        k++;
    volatile u64 *mtime = (u64 *)0x200bff8;
    put_text("BEGIN\n");
    u64 a = *mtime, sum = k->name ? k->run(WORK ? WORK : k->work) : 0, b = *mtime;
    put_text("END ");
    put_hex(sum);
    put_text(" 0x");
    put_hex((b - a) * 100);
    put('\n');
    *(volatile u32 *)0x100000 = k->name ? 0x5555 : 0x13333;
    for (;;)
        ;
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

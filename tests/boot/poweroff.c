/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The smallest /init: says one line and ends the machine at once, through reboot(2) with the
 * command CMD (power off unless the build says otherwise). No C library, so nothing else is
 * measured with it. Test: tests/run boot/tiny; tests/bench/run boot.
 */
#ifndef CMD
#define CMD 0x4321fedc /* LINUX_REBOOT_CMD_POWER_OFF; restart is 0x01234567 */
#endif

#if defined(__arm__)
enum { SYS_write = 4, SYS_reboot = 88 };
#else
enum { SYS_write = 64, SYS_reboot = 142 };
#endif

static long call4(long n, long a, long b, long c, long d)
{
#if defined(__riscv)
    register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d, nr __asm__("a7") = n;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(nr) : "memory");
#elif defined(__aarch64__)
    register long a0 __asm__("x0") = a, a1 __asm__("x1") = b, a2 __asm__("x2") = c;
    register long a3 __asm__("x3") = d, nr __asm__("x8") = n;
    __asm__ volatile("svc #0" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(nr) : "memory");
#elif defined(__arm__)
    register long a0 __asm__("r0") = a, a1 __asm__("r1") = b, a2 __asm__("r2") = c;
    register long a3 __asm__("r3") = d, nr __asm__("r7") = n;
    __asm__ volatile("svc #0" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(nr) : "memory");
#endif
    return a0;
}

void _start(void)
{
    static const char text[] = "init: end of the machine\n";
    call4(SYS_write, 1, (long)text, sizeof text - 1, 0);
    for (;;)
        call4(SYS_reboot, 0xfee1dead, 672274793, CMD, 0);
}

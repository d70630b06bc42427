/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The smallest /init: says one line and ends the machine at once, through reboot(2) with the
 * command CMD (power off unless the build says otherwise). No C library, so nothing else is
 * measured with it. Test: tests/run boot/tiny; tests/bench/run boot.
 */
#define SYS_write  64
#define SYS_reboot 142
#ifndef CMD
#define CMD 0x4321fedc /* LINUX_REBOOT_CMD_POWER_OFF; restart is 0x01234567 */
#endif

static long call4(long n, long a, long b, long c, long d)
{
    register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d, a7 __asm__("a7") = n;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
    return a0;
}

void _start(void)
{
    static const char text[] = "init: end of the machine\n";
    call4(SYS_write, 1, (long)text, sizeof text - 1, 0);
    for (;;)
        call4(SYS_reboot, 0xfee1dead, 672274793, CMD, 0);
}

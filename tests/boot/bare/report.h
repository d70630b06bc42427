/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Console and checks of the bare programs for the Arm virt board (a32.h, a64.h). A word is as wide
 * as a general register.
 */
typedef unsigned long word;

static void putch(char c)
{
    *(volatile u32 *)0x9000000 = (unsigned char)c;
}
static void print(const char *s)
{
    while (*s) {
        putch(*s++);
    }
}
static void hex(word v)
{
    for (int i = v > 0xffffffffu ? 60 : 28; i >= 0; i -= 4) {
        putch("0123456789abcdef"[v >> i & 15]);
    }
}

static u32 failures, checks;
static void check(const char *what, word where, word got, word want)
{
    checks++;
    if (got == want) {
        return;
    }
    if (failures++ < 50) {
        print("FAIL ");
        print(what);
        putch(' ');
        hex(where);
        print(": ");
        hex(got);
        print(", not ");
        hex(want);
        putch('\n');
    }
}

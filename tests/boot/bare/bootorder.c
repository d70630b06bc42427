/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A bare-metal program that prints the fw_cfg file "bootorder", a line for each of its lines, a bar
 * where the 0 at its end is, and ends the machine.
 *
 * Specification: "QEMU Firmware Configuration (fw_cfg) Device": selector big-endian, data register,
 * file directory at key 19h. Run by tests/boot/suite.py (bare/bootorder).
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

#define UART     ((volatile u8 *)0x10000000)
#define DATA     ((volatile u8 *)0x10100000)
#define SELECTOR ((volatile u16 *)0x10100008)
#define FINISHER ((volatile u32 *)0x100000)

__asm__(".section .text.start\n.globl _start\n_start:\n la sp, stack_end\n call run\n1: j 1b\n"
        ".bss\n.align 12\n.space 4096\nstack_end:\n.text\n");

static void select(u32 key)
{
    *SELECTOR = (u16)(key << 8 | (key >> 8 & 0xff));
}

static u32 number(int bytes)
{
    u32 v = 0;

    while (bytes--) {
        v = v << 8 | *DATA;
    }
    return v;
}

static int next_is(const char *name)
{
    int same = 1;

    for (int i = 0, over = 0; i < 56; i++) {
        u8 c = *DATA;

        same &= over || c == (u8)name[i];
        over |= !name[i];
    }
    return same;
}

void run(void)
{
    u32 n, size = 0, key = 0;

    select(0x19);
    n = number(4);
    for (u32 i = 0; i < n; i++) {
        u32 s = number(4), k = number(4) >> 16;

        if (next_is("bootorder")) {
            size = s;
            key = k;
        }
    }
    select(key);
    for (u32 i = 0; i < size; i++) {
        u8 c = *DATA;

        *UART = c ? c : '|';
    }
    *UART = '\n';
    *FINISHER = 0x5555;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The smallest bare-metal guest: prints TEXT on the 16550A at 0x10000000 and writes CODE to the test
 * finisher at 0x100000 (0x5555: pass, 0x3333 | status << 16: fail, 0x7777: reset). Only the first
 * hart does it. Position independent and free of RAM, so it also runs from flash and for rv32.
 * Test: tests/run boot/bare.
 */
#ifndef CODE
#define CODE 0x5555
#endif
#ifndef TEXT
#define TEXT "hello from bare metal\n"
#endif
    .section .text.init, "ax"
    .globl _start
_start:
    csrr a0, mhartid
    bnez a0, 3f
    lla a1, text
    li a2, 0x10000000
1:  lbu a0, 0(a1)
    beqz a0, 2f
    sb a0, 0(a2)
    addi a1, a1, 1
    j 1b
2:  li a0, CODE
    li a1, 0x100000
    sw a0, 0(a1)
3:  wfi
    j 3b
text:
    .asciz TEXT

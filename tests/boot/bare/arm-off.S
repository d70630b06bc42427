/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The shortest program of the Arm board, A64 or A32: prints a line on the PL011 and calls PSCI
 * SYSTEM_OFF (DEN 0022, 5.10). Used by tests/bench/run start.
 */
    .globl _start
    .text
_start:
#ifdef __aarch64__
    mov x1, 0x9000000
    adr x2, text
1:  ldrb w0, [x2], 1
    cbz w0, 2f
    str w0, [x1]
    b 1b
2:  movz w0, 0x8400, lsl 16
    movk w0, 8
    hvc 0
#else
    .arch_extension virt
    mov r1, #0x9000000
    adr r2, text
1:  ldrb r0, [r2], #1
    cmp r0, #0
    strne r0, [r1]
    bne 1b
    ldr r0, =0x84000008
    hvc #0
#endif
3:  b 3b
text:
    .asciz "hello from bare metal\n"

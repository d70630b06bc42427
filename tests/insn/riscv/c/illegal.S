# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# Reserved compressed encodings are illegal instructions; the all-zero one too.
# expect: r0=2 r1=2 r2=2 r3=2 r4=2
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to handler
    .option norvc
    li a0, 0
    .2byte 0x0000           # defined illegal
    .2byte 0x0001
    result a0
    li a0, 0
    .2byte 0x0008           # c.addi4spn a0, sp, 0
    .2byte 0x0001
    result a0
    li a0, 0
    .2byte 0x6101           # c.addi16sp sp, 0
    .2byte 0x0001
    result a0
    li a0, 0
    .2byte 0x8002           # c.jr x0
    .2byte 0x0001
    result a0
    li a0, 0
    .2byte 0x4002           # c.lwsp x0
    .2byte 0x0001
    result a0
    j done
    .align 2
handler:
    csrr a0, mcause
    csrr t0, mepc
    addi t0, t0, 2
    csrw mepc, t0
    mret

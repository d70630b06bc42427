# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# cycle, time and instret go forward, also across their 32-bit halves; mcountinhibit stops instret;
# minstret is written and counts on from there.
# expect: r0=1 r1=1 r2=1 r3=1 r4=1 r5=1
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    csrr a0, cycle
    csrr a1, cycle
    sltu a2, a0, a1
    result a2
    csrr a0, instret
    nop
    nop
    csrr a1, instret
    sub a2, a1, a0
    addi a2, a2, -3
    seqz a2, a2
    result a2               # r1: exactly three instructions in between
    csrr a0, time
    li a2, 1000
1:  addi a2, a2, -1
    csrr a1, time
    bne a0, a1, 2f
    j 1b
2:  sltu a2, a0, a1
    result a2
    li a0, 4
    csrw mcountinhibit, a0
    csrr a0, minstret
    nop
    csrr a1, minstret
    sub a2, a1, a0
    seqz a2, a2
    result a2               # r3
    csrw mcountinhibit, zero
    li a0, 1000
    csrw minstret, a0
    csrr a1, minstret
    sub a1, a1, a0
    seqz a2, a1
    result a2               # r4: the write itself is not counted
.if XLEN == 32
    csrw minstret, zero
    li a0, 7
    csrw minstreth, a0
    csrr a1, instreth
    addi a1, a1, -7
    seqz a2, a1
.else
    li a0, 7 << 32
    csrw minstret, a0
    csrr a1, instret
    srli a1, a1, 32
    addi a1, a1, -7
    seqz a2, a1
.endif
    result a2               # r5
    j done

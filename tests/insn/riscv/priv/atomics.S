# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# A misaligned lr traps, an sc to another address fails, a trap in between does not hurt memory,
# and faults of AMOs and sc are store faults even for lr's read.
# expect: r0=4 r1=1 r2=7 r3=5
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to handler
    lla a1, word
    addi a2, a1, 13
    li a0, 0
    lr.w a3, (a2)
    result a0               # r0: load, misaligned
    lr.w a3, (a1)
    addi a2, a1, 64
    sc.w a0, zero, (a2)
    result a0               # r1
    li a2, 0x18000000
    li a0, 0
    amoswap.w a3, a1, (a2)
    result a0               # r2
    li a0, 0
    lr.w a3, (a2)
    result a0               # r3
    j done
    .align 2
handler:
    csrr a0, mcause
    skip
    .data
    .align 6
word:
    .space 128

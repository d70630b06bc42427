# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# CSR instructions on mscratch: all six forms, rd = x0, rs1 = x0, zero immediates.
# expect: r0=0x1010101 r1=0x123 r2=0x1ff r3=0x1f0 r4=0x1f0 r5=0x15 r6=0x1f r7=0xe r8=0xe r9=0xe r10=0xe
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    li a1, 0x1010101
    csrw mscratch, a1
    li a2, 0x123
    csrrw a0, mscratch, a2
    result a0               # r0
    li a2, 0x0dc
    csrrs a0, mscratch, a2
    result a0               # r1
    li a2, 0x00f
    csrrc a0, mscratch, a2
    result a0               # r2
    csrrs a0, mscratch, zero
    result a0               # r3
    csrrwi a0, mscratch, 0x15
    result a0               # r4
    csrrsi a0, mscratch, 0x0a
    result a0               # r5
    csrrci a0, mscratch, 0x11
    result a0               # r6
    csrrsi a0, mscratch, 0
    result a0               # r7
    csrrci zero, mscratch, 0
    csrrc zero, mscratch, zero
    csrr a0, mscratch
    result a0               # r8
    # rd = rs1: the old value comes, the register's value goes
    li a0, 0x77
    csrrw a0, mscratch, a0
    result a0               # r9
    li a0, 0x77
    csrr a1, mscratch
    bne a0, a1, 1f
    csrrwi zero, mscratch, 0xe
1:  csrr a0, mscratch
    result a0               # r10
    j done

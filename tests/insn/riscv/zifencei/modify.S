# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# Code that is written and run: in another block, in the running block behind fence.i, twice the
# same place, an instruction across a page boundary, and data beside code that is written often.
# expect: r0=5 r1=9 r2=3 r3=11 r4=1275 r5=101
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    # addi a0, a0, IMM at the label `patch`
    li a0, 0
    li a1, 5 << 20 | 10 << 15 | 10 << 7 | 0x13
    lla a2, patch
    sw a1, 0(a2)
    fence.i
    jal ra, patch
    result a0               # r0
    li a0, 0
    li a1, 9 << 20 | 10 << 15 | 10 << 7 | 0x13
    sw a1, 0(a2)
    fence.i
    jal ra, patch
    result a0               # r1
    # the instruction after the fence, in straight line
    li a0, 0
    li a1, 3 << 20 | 10 << 15 | 10 << 7 | 0x13
    lla a2, 1f
    sw a1, 0(a2)
    fence.i
1:  addi a0, a0, 0
    result a0               # r2
    # half of an instruction on each of two pages
    li a0, 0
    li a1, 11 << 20 | 10 << 15 | 10 << 7 | 0x13
    lla a2, across
    sh a1, 0(a2)
    srli a1, a1, 16
    sh a1, 2(a2)
    fence.i
    jal ra, across
    result a0               # r3
    # fifty versions of one function
    li a0, 0
    li a3, 1
    li a4, 51
    lla a2, patch
2:  slli a1, a3, 20
    li a5, 10 << 15 | 10 << 7 | 0x13
    or a1, a1, a5
    sw a1, 0(a2)
    fence.i
    jal ra, patch
    addi a3, a3, 1
    bne a3, a4, 2b
    result a0               # r4: 1 + ... + 50
    # data on the page of the running code
    li a0, 0
    lla a2, beside
    li a4, 101
3:  lw a1, 0(a2)
    addi a1, a1, 1
    sw a1, 0(a2)
    bne a1, a4, 3b
    result a1               # r5
    li ra, 0x1010101
    j done
    .align 2
patch:
    addi a0, a0, 0
    ret
beside:
    .4byte 0
    .align 12
    .space 4094
    .option rvc
across:
    .4byte 0
    c.jr ra

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# cbo.zero clears the 64-byte block around its address and nothing else; clean, flush and prefetches
# change nothing.
# expect: r0=0xff r1=0 r2=0 r3=0xff r4=0xff r5=0xff
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    lla a1, block
    li a2, -1
    li a3, 48
    mv a4, a1
1:  sw a2, 0(a4)
    addi a4, a4, 4
    addi a3, a3, -1
    bnez a3, 1b
    addi a4, a1, 64 + 17
    .option push
    .option arch, +zicboz, +zicbom, +zicbop
    cbo.zero (a4)
    lbu a0, 63(a1)
    result a0
    lbu a0, 64(a1)
    result a0
    lbu a0, 127(a1)
    result a0
    lbu a0, 128(a1)
    result a0
    cbo.clean (a1)
    cbo.flush (a1)
    prefetch.r 0(a1)
    prefetch.w 32(a1)
    prefetch.i 64(a1)
    .option pop
    lbu a0, 0(a1)
    result a0
    lbu a0, 191(a1)
    result a0
    j done
    .data
    .align 6
block:
    .space 192

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# The A and D bits: with menvcfg.ADUE clear an access without A and a store without D fault; with it
# set the walk sets the bits, D only for stores.
# expect: r0=13 r1=15 r2=0x41 r3=0xc1 r4=13
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to machine
    lla s0, root
    lla s2, low
.if XLEN == 64
    li a1, 0x20000000 | 0xcf
    sd a1, 2 * 8(s0)
    lla s1, mid
    srli a1, s1, 12
    slli a1, a1, 10
    ori a1, a1, 1
    sd a1, 1 * 8(s0)
    srli a1, s2, 12
    slli a1, a1, 10
    ori a1, a1, 1
    sd a1, 0(s1)
    li s3, 0x40000000
    li s4, 8 << 60
    li s6, 1 << 61
    csrc menvcfg, s6
.else
    li a1, 0x20000000 | 0xcf
    lla a2, root + 0x800
    sw a1, 0(a2)
    srli a1, s2, 12
    slli a1, a1, 10
    ori a1, a1, 1
    sw a1, 4(s0)
    li s3, 0x400000
    li s4, 1 << 31
    li s6, 1 << 29
    csrc 0x31a, s6
.endif
    lla a1, data
    srli a1, a1, 12
    slli s5, a1, 10
    ori a1, s5, 0x07        # neither A nor D
    SR a1, 0 * BYTES(s2)
    ori a1, s5, 0x47        # A, not D
    SR a1, 1 * BYTES(s2)
    srli a1, s0, 12
    or s4, s4, a1
    csrw satp, s4
    sfence.vma
    # M mode with the eyes of S
    li a1, 0x1800
    csrc mstatus, a1
    li s7, 0x20800
    csrs mstatus, s7
    lw a0, 0(s3)
    result a0               # r0
    li a2, 4096
    add a2, a2, s3
    csrs mstatus, s7
    sw zero, 4(a2)
    result a0               # r1
.if XLEN == 64
    csrs menvcfg, s6
.else
    csrs 0x31a, s6
.endif
    sfence.vma
    csrs mstatus, s7
    lw a1, 0(s3)
    csrc mstatus, s7
    LR a0, 0(s2)
    andi a0, a0, 0xc1
    result a0               # r2: A only
    csrs mstatus, s7
    sw zero, 4(s3)
    csrc mstatus, s7
    LR a0, 0(s2)
    andi a0, a0, 0xc1
    result a0               # r3: A and D
.if XLEN == 64
    csrc menvcfg, s6
.else
    csrc 0x31a, s6
.endif
    ori a1, s5, 0x07
    SR a1, 0 * BYTES(s2)
    sfence.vma
    csrs mstatus, s7
    lw a0, 0(s3)
    result a0               # r4
    csrw satp, zero
    j done
    .align 2
machine:
    csrr a0, mcause
    csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    li a1, 0x21800          # stay in M, without MPRV
    csrc mstatus, a1
    li a1, 0x1800
    csrs mstatus, a1
    mret
    .data
    .align 12
data:
    .4byte 0x12345678
    .align 12
root:
    .space 4096
mid:
    .space 4096
low:
    .space 4096

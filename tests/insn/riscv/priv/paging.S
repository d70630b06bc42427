# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# Sv39 and Sv32: a mapped page, a gigapage or megapage for the program, page faults of each access
# with stval, U pages from S with and without SUM, MXR, a change of the tables and sfence.vma, ASIDs,
# a non-canonical address, MPRV.
# expect: r0=0x12345678 r1=13 r2=0 r3=15 r4=8 r5=13 r6=0x12345678 r7=13 r8=0x12345678 r9=12 r10=13
# expect: r11=0x5678abcd r12=0x12345678 r13=9 r14=0x5678abcd
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to machine
    # the root: entry of 0x80000000 is a leaf for the program, entry 1 (0x40000000 or 0x400000) a table
    lla s0, root
    lla s1, mid
    lla s2, low
.if XLEN == 64
    li a1, 0x20000000 | 0xcf
    sd a1, 2 * 8(s0)
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
.endif
    # page 0: data, read and write; 1: nothing; 2: read only; 3: user; 4: execute only
    lla a1, data
    srli a1, a1, 12
    slli s5, a1, 10
    ori a1, s5, 0xc7
    SR a1, 0 * BYTES(s2)
    ori a1, s5, 0xc3
    SR a1, 2 * BYTES(s2)
    ori a1, s5, 0xd7
    SR a1, 3 * BYTES(s2)
    ori a1, s5, 0xc9
    SR a1, 4 * BYTES(s2)
    srli a1, s0, 12
    or s4, s4, a1
    csrw satp, s4
    sfence.vma
    # to S mode
    lla t0, supervisor
    csrw stvec, t0
    li a1, 0xb108           # page faults and breakpoint
    csrw medeleg, a1
    li a1, 0x1800
    csrc mstatus, a1
    li a1, 0x800
    csrs mstatus, a1
    lla a1, 1f
    csrw mepc, a1
    mret
1:  lw a0, 0(s3)
    result a0               # r0
    li a4, 1 << 12
    add s6, s3, a4
    lw a0, 0(s6)            # not mapped
    result a0               # r1
    sub a1, a1, s6
    result a1               # r2: stval
    add s6, s6, a4
    sw a0, 8(s6)            # read only
    result a0               # r3
    sub a1, a1, s6
    result a1               # r4
    add s6, s6, a4
    lw a0, 0(s6)            # a user page from S
    result a0               # r5
    li a2, 1 << 18
    csrs sstatus, a2        # SUM
    lw a0, 0(s6)
    result a0               # r6
    add s6, s6, a4
    lw a0, 0(s6)            # execute only
    result a0               # r7
    li a2, 1 << 19
    csrs sstatus, a2        # MXR
    lw a0, 0(s6)
    result a0               # r8
    csrc sstatus, a2
    lla ra, 2f
    jr s3                   # data is not executable
2:  result a0               # r9
.if XLEN == 64
    li a2, 1 << 40
    lw a0, 0(a2)            # not canonical
.else
    lw a0, 0(zero)
.endif
    result a0               # r10
    # another frame behind the same page
    lla a1, data + 4096
    srli a1, a1, 12
    slli a1, a1, 10
    ori a1, a1, 0xc7
    SR a1, 0 * BYTES(s2)
    sfence.vma s3, zero
    lw a0, 0(s3)
    result a0               # r11
    ori a1, s5, 0xc7
    SR a1, 0 * BYTES(s2)
    sfence.vma
    lw a0, 0(s3)
    result a0               # r12
    li a7, 93
    ecall                   # to M
    result a0               # r13
    # M mode with MPRV loads as S does
    lla a1, data + 4096
    srli a1, a1, 12
    slli a1, a1, 10
    ori a1, a1, 0xc7
    SR a1, 0 * BYTES(s2)
    sfence.vma
    li a1, 0x1800
    csrc mstatus, a1
    li a1, 0x20800
    csrs mstatus, a1
    lw a0, 0(s3)
    csrc mstatus, a1
    result a0               # r14
    csrw satp, zero
    j done
    .align 2
supervisor:
    csrr a0, scause
    csrr a1, stval
    csrr a2, sepc
    addi a2, a2, 4
    li a3, 12
    bne a0, a3, 3f
    mv a2, ra
3:  csrw sepc, a2
    sret
    .align 2
machine:
    csrr a0, mcause
    li a1, 9
    bne a0, a1, 4f
    li a1, 0x1800
    csrs mstatus, a1
    skip
4:  j unexpected
    .data
    .align 12
data:
    .4byte 0x12345678
    .align 12
    .4byte 0x5678abcd
    .align 12
root:
    .space 4096
mid:
    .space 4096
low:
    .space 4096

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# What TVM, TW and TSR of mstatus forbid in S mode.
# expect: r0=0 r1=2 r2=2 r3=2 r4=2
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to handler
    li s1, 0
    li a1, 0x1800
    csrc mstatus, a1
    li a1, 0x800
    csrs mstatus, a1
    lla a1, 1f
    csrw mepc, a1
    mret
1:  li a0, 0
    csrr a1, satp
    sfence.vma
    result a0               # r0: allowed
    li a7, 0x700000         # the handler sets TVM, TW, TSR
    ecall
    li a7, 0
    li a0, 0
    csrr a1, satp
    result a0               # r1
    li a0, 0
    sfence.vma
    result a0               # r2
    li a0, 0
    sret
    result a0               # r3
    li a0, 0
    wfi                     # after a bounded time
    result a0               # r4
    li a7, 93
    ecall
    li a1, 0x700000
    csrc mstatus, a1
    li s1, 0x9090909
    j done
    .align 2
handler:
    csrr a0, mcause
    li t0, 9
    bne a0, t0, 2f
    csrs mstatus, a7
    li t0, 93
    bne a7, t0, 2f
    csrc mstatus, a7
    li t0, 0x1800
    csrs mstatus, t0
2:  skip

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# Software and timer interrupts of the CLINT: mip, mie, the order of two pending ones, direct and
# vectored mtvec, mret restores MIE, wfi wakes on a pending interrupt that is not enabled globally.
# expect: r0=0x8 r1=0 r2=3 r3=0x37 r4=0x80 r5=103 r6=107 r7=0x88 r8=1
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    li s0, 0x2000000        # msip of hart 0
    li s1, 0x2004000        # mtimecmp of hart 0
    li a1, -1
    sw a1, 4(s1)
    li a1, 1
    sw a1, 0(s0)
1:  csrr a0, mip
    andi a0, a0, 8
    beqz a0, 1b
    result a0               # r0
    sw zero, 0(s0)
2:  csrr a0, mip
    andi a0, a0, 8
    bnez a0, 2b
    result a0               # r1
    # taken directly
    trap_to direct
    li a1, 0x88
    csrw mie, a1
    li a1, 1
    sw a1, 0(s0)
    li a0, 0
    csrsi mstatus, 8
3:  beqz a0, 3b
    result a0               # r2
    # both pending: software (3) comes before timer (7)
    csrci mstatus, 8
    li a1, 0
    sw a1, 0(s1)
    sw a1, 4(s1)
4:  csrr a0, mip
    andi a0, a0, 0x80
    beqz a0, 4b
    li a0, 1
    sw a0, 0(s0)
8:  csrr a0, mip
    andi a0, a0, 8
    beqz a0, 8b
    li a0, 0
    csrsi mstatus, 8
    li a2, 0x37
5:  bne a0, a2, 5b
    result a0               # r3: software, then timer
    csrci mstatus, 8
    csrr a1, mie
    andi a1, a1, 0x80
    result a1               # r4
    # vectored
    lla t0, table
    ori t0, t0, 1
    csrw mtvec, t0
    li a1, 1
    sw a1, 0(s0)
    li a0, 0
    csrsi mstatus, 8
6:  beqz a0, 6b
    csrci mstatus, 8
    result a0               # r5
    li a1, 0
    sw a1, 0(s1)
    sw a1, 4(s1)
    li a0, 0
    csrsi mstatus, 8
7:  beqz a0, 7b
    csrr a1, mstatus
    andi a1, a1, 0x88
    csrci mstatus, 8
    result a0               # r6
    result a1               # r7: MIE came back, MPIE is set
    # wfi with interrupts off ends when one is pending
    li a1, 1
    sw a1, 0(s0)
    wfi
    li a0, 1
    result a0               # r8
    sw zero, 0(s0)
    li s0, 0x8080808
    li s1, 0x9090909
    j done
    .align 2
direct:
    csrr a3, mcause
    bgez a3, 9f
    andi a3, a3, 0xff
    slli a0, a0, 4
    add a0, a0, a3
    li a4, 7
    beq a3, a4, quiet_timer
    sw zero, 0(s0)
    mret
quiet_timer:
    li a4, -1
    sw a4, 4(s1)
    sw a4, 0(s1)
    mret
9:  j unexpected
    .align 8
table:
    j unexpected
    j unexpected
    j unexpected
    j on_soft
    j unexpected
    j unexpected
    j unexpected
    j on_timer
on_soft:
    li a0, 103
    sw zero, 0(s0)
    mret
on_timer:
    li a0, 107
    j quiet_timer

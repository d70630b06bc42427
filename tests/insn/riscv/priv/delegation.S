# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# medeleg: an exception in U or S goes to S, one in M stays in M; scause, sepc, stval, SPP, SPIE.
# expect: r0=8 r1=0 r2=0x20 r3=2 r4=0x100 r5=11 r6=1
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to machine
    lla t0, supervisor
    csrw stvec, t0
    li a1, 0x104            # illegal instruction and ecall from U
    csrw medeleg, a1
    li a1, 0x1800
    csrc mstatus, a1        # MPP = U
    li a1, 0x122
    csrc mstatus, a1
    csrsi mstatus, 2        # SIE
    lla a1, 1f
    csrw mepc, a1
    mret
1:  ecall                   # to S
    # now in S (the handler set SPP)
    .4byte 0xffffffff       # from S to S
    li a7, 93               # S asks M to come back
    ecall
    li a7, 0
    ecall                   # from M: not delegated
    result a0               # r5
    li a0, 1
    result a0
    csrw medeleg, zero
    j done
    .align 2
supervisor:
    csrr a0, scause
    result a0               # r0, r3
    csrr a1, sepc
    addi a2, a1, 4
    csrw sepc, a2
    li a2, 2
    beq a0, a2, 2f
    lla a2, 1b
    sub a1, a1, a2
    result a1               # r1: sepc is the ecall
    csrr a1, sstatus
    andi a1, a1, 0x122
    result a1               # r2: SPIE set, SIE clear, SPP = U
    li a1, 0x100
    csrs sstatus, a1        # return to S
    sret
2:  csrr a1, sstatus
    andi a1, a1, 0x100
    result a1               # r4: SPP = S
    sret
machine:
    csrr a0, mcause
    li a6, 93
    bne a7, a6, 3f
    li a6, 0x1800
    csrs mstatus, a6
3:  skip

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# M, S and U: mret and sret, the cause of ecall in each, what U and S may not do, MPP after a trap.
# expect: r0=9 r1=0x800 r2=2 r3=8 r4=2 r5=2 r6=2 r7=11
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to handler
    li a1, 0x1800
    csrc mstatus, a1
    li a1, 0x800            # MPP = S
    csrs mstatus, a1
    lla a1, 1f
    csrw mepc, a1
    mret
1:  ecall                   # S: cause 9
    result a0               # r0
    result a2               # r1: MPP = S
    csrr a1, mstatus        # not in S mode
    result a0
    # down to U
    li a1, 0x100
    csrc sstatus, a1        # SPP = U
    lla a1, 2f
    csrw sepc, a1
    sret
2:  ecall
    mv a3, a0
    result a3               # r3: from U
    csrr a1, sstatus        # not in U mode
    result a0
    sret
    result a0
    mret
    result a0
    li a7, 93               # the handler returns to M mode
    ecall
    li a7, 0
    ecall
    result a0               # r7
    j done
    .align 2
handler:
    csrr a0, mcause
    csrr a2, mstatus
    li a6, 0x1800
    and a2, a2, a6
    li a6, 93
    bne a7, a6, 3f
    li a6, 0x1800
    csrs mstatus, a6
3:  skip

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# Causes and mtval of the exceptions raised by instructions, and mstatus.MPP after them.
# expect: r0=11 r1=0 r2=3 r3=2 r4=5 r5=0x18000000 r6=7 r7=0x18000008 r8=1 r9=0x18000000 r10=0x1800
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to handler
    ecall
    result a0               # r0: from M mode
    result a1
    ebreak
    result a0               # r2
    .4byte 0xffffffff
    result a0               # r3
    li a2, 0x18000000       # nothing is mapped there
    lw a3, 0(a2)
    result a0               # r4: load access fault
    result a1
    sw a3, 8(a2)
    result a0               # r6: store access fault
    result a1
    lla a4, 1f
    csrw mscratch, a4
    jr a2
1:  result a0               # r8: fetch access fault
    result a1
    result a5
    j done
    .align 2
handler:
    csrr a0, mcause
    csrr a1, mtval
    csrr a5, mstatus
    li a6, 0x1800
    and a5, a5, a6
    li a6, 1
    beq a0, a6, 2f
    skip
2:  csrr a6, mscratch
    csrw mepc, a6
    mret

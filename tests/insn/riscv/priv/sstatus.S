# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# sstatus as the part of mstatus that it is, in each way of reading and writing it; what ecall does
# to a reservation and to minstret, which it does not count in.
# expect: r0=0 r1=1 r2=0 r3=0 r4=2 r5=2 r6=0 r7=0 r8=0xc6122 r9=0xc6122 r10=0 r11=0x1800 r12=1 r13=6
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to handler
    li s1, 0xc6122          # SIE, SPIE, SPP, FS, SUM, MXR
    li a1, 0x6000
    csrc mstatus, a1
    csrr a1, sstatus        # FS off
    and a2, a1, s1
    result a2               # r0
    li a1, 0x4000           # FS clean, then dirty
    csrs mstatus, a1
    fmv.w.x fa0, zero
    csrr a1, sstatus
    slti a2, a1, 0
    result a2               # r1: SD
    csrr a2, mstatus
    xor a2, a2, a1
    and a2, a2, s1
    result a2               # r2
    csrrsi a1, sstatus, 2
    andi a1, a1, 2
    result a1               # r3
    csrr a1, mstatus
    andi a1, a1, 2
    result a1               # r4
    csrrci a1, sstatus, 2
    andi a1, a1, 2
    result a1               # r5
    csrr a1, sstatus
    andi a1, a1, 2
    result a1               # r6
    csrrci a1, sstatus, 0x1d
    csrr a2, sstatus
    xor a1, a1, a2
    result a1               # r7: none of these bits is there
    li a1, 0x1800
    csrs mstatus, a1
    li a1, -1
    csrw sstatus, a1
    csrr a1, sstatus
    li a2, 0x7fffffff
    and a1, a1, a2
    result a1               # r8
    li a1, -1
    csrrc a1, sstatus, a1
    and a1, a1, s1
    result a1               # r9
    csrr a1, sstatus
    and a1, a1, a2
    result a1               # r10
    csrr a1, mstatus
    li a2, 0x1880
    and a1, a1, a2
    result a1               # r11: M mode's are as before
    lla a2, word
    lr.w a3, (a2)
    ecall
    sc.w a3, a3, (a2)
    result a3               # r12
    csrr a1, minstret
    csrr a1, minstret
    ecall
    csrr a2, minstret
    sub a1, a2, a1
    result a1               # r13: a csrr and the handler
    j done
    .align 2
handler:
    csrr a4, mcause
    skip
    .data
    .align 3
word:
    .8byte 0

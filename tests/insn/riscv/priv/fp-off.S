# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# With mstatus.FS off FP instructions and fcsr are illegal; a write makes FS dirty; reserved rounding
# modes are illegal, static and dynamic.
# expect: r0=2 r1=2 r2=2 r3=0 r4=0x6000 r5=2 r6=2 r7=2 r8=0 r9=2
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to handler
    li s1, 0x6000
    csrc mstatus, s1
    li a0, 0
    fadd.d fa0, fa1, fa2
    result a0               # r0
    li a0, 0
    csrr a1, fcsr
    result a0               # r1
    li a0, 0
    lla a2, word
    flw fa0, 0(a2)
    result a0               # r2
    # FS = initial, a write of an FP register makes it dirty
    li a1, 0x2000
    csrs mstatus, a1
    li a0, 0
    fmv.w.x fa0, zero
    result a0               # r3
    csrr a1, mstatus
    and a1, a1, s1
    result a1               # r4
    .irp rm, 5, 6           # reserved static modes of fadd.s fa0, fa1, fa2
    li a0, 0
    .4byte 0x00c5f553 & ~0x7000 | \rm << 12
    result a0               # r5, r6
    .endr
    csrwi frm, 5            # a reserved dynamic mode
    li a0, 0
    fadd.s fa0, fa1, fa2, dyn
    result a0               # r7
    li a0, 0
    fadd.s fa0, fa1, fa2, rtz
    result a0               # r8
    csrwi frm, 7
    li a0, 0
    fsqrt.d fa0, fa1, dyn
    result a0               # r9
    csrwi fcsr, 0
    li s1, 0x9090909
    j done
    .align 2
handler:
    csrr a0, mcause
    skip
    .data
    .align 3
word:
    .8byte 0

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# fcsr is fflags and frm; writes of the parts do not touch the rest.
# expect: r0=0 r1=0x1f r2=0x7f r3=0x3 r4=0x1f r5=0x60 r6=0x3 r7=0 r8=0xff r9=0x1 r10=0x21
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    csrr a0, fcsr
    result a0
    li a1, -1
    csrw fflags, a1
    csrr a0, fflags
    result a0               # r1
    csrwi frm, 3
    csrr a0, fcsr
    result a0               # r2
    csrr a0, frm
    result a0               # r3
    csrrwi a0, fflags, 0
    result a0               # r4
    csrr a0, fcsr
    result a0               # r5
    csrrwi a0, frm, 0
    result a0               # r6
    csrr a0, fcsr
    result a0               # r7
    li a1, 0x7ff
    csrw fcsr, a1
    csrr a0, fcsr
    result a0               # r8
    # an operation sets its flag in place, and only that
    csrwi fcsr, 0
    li a1, 3
    fcvt.d.w fa1, a1
    li a1, 1
    fcvt.d.w fa2, a1
    csrwi frm, 1
    fdiv.d fa0, fa2, fa1
    csrr a0, fflags
    result a0               # r9
    csrr a0, fcsr
    result a0               # r10
    csrwi fcsr, 0
    j done

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# Hints and fences change no register: pause, fences of all kinds, writes to x0, wrs.sto with and
# without a reservation.
# keep: ra gp tp t1 t2 s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 t3 t4 t5 t6
# expect: r0=0x5
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    li a0, 5
    .4byte 0x0100000f       # pause
    fence
    fence rw, w
    fence r, r
    fence.tso
    fence.i
    addi x0, a0, 3
    lui x0, 1
    add x0, a0, a0
    slli x0, x0, 0x1f       # semihosting-style hints
    srai x0, x0, 7
    .4byte 0x01d00073       # wrs.sto
    lla a1, word
    lr.w a2, (a1)
    .4byte 0x01d00073
    .option rvc
    c.nop
    .2byte 0x8006           # c.mv x0, x1: a hint
    .option norvc
    .align 2
    result a0
    j done
    .data
    .align 3
word:
    .8byte 0

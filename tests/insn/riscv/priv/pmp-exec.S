# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# A PMP boundary inside a page of code: instructions before it run, in loops and by jumps too, the
# one that lies across it or begins at it does not; mtval is where the bytes that are denied begin.
# r0-r2: cause, mepc - user, mtval - user of an instruction across the boundary; r3-r5: of one at it.
# expect: r0=1 r1=6 r2=8 r3=1 r4=0x10 r5=0x10 a0=0
.include "common.inc"
    .text
    .globl test
test:
    trap_to handler
    li s1, 0
    lla t0, end1
run:
    srli t0, t0, 2
    csrw pmpaddr0, t0
    li t0, 0x0d             # TOR, X, R
    csrw pmpcfg0, t0
    lla t0, user
    csrw mepc, t0
    li t1, 0x1800
    csrc mstatus, t1
    li a0, 3
    mret
    .align 2
handler:
    lla t1, user
    csrr t0, mcause
    result t0
    csrr t0, mepc
    sub t0, t0, t1
    result t0
    csrr t0, mtval
    sub t0, t0, t1
    result t0
    lla t0, end2
    addi s1, s1, 1
    li t1, 2
    bne s1, t1, run
    j done
    .align 12
    .option rvc
user:
    c.addi a0, -1
    c.bnez a0, user
    c.nop
    .option norvc
    .2byte 0x0013           # nop, first half
end1:
    .2byte 0x0000           # and second half
    nop
    .option rvc
    c.nop
    .option norvc
end2:
    nop

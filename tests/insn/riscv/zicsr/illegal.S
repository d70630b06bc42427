# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# Accesses that trap: a CSR that does not exist, writes to read-only ones. Reads of those do not.
# expect: r0=2 r1=2 r2=2 r3=2 r4=0 r5=4
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to handler
    li s0, 0
    li a0, 0
    csrr a1, 0x7ff          # no such CSR
    result a0
    li a0, 0
    csrw mhartid, a1
    result a0
    li a0, 0
    csrrs a1, mvendorid, a2 # rs1 other than x0 is a write
    result a0
    li a0, 0
    csrrwi a1, cycle, 0
    result a0
    li a0, 0
    csrrs a1, mhartid, zero # a read
    csrrc a1, cycle, zero
    csrrsi a1, instret, 0
    result a0
    result s0               # number of traps
    li s0, 0x8080808
    j done
    .align 2
handler:
    csrr a0, mcause
    addi s0, s0, 1
    skip

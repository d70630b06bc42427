# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# The entropy source: `seed` answers ES16 with 16 bits that vary, its read-only forms are illegal,
# and so is every access from U mode unless mseccfg.USEED allows it.
# expect: r0=1 r1=2 r2=2 r3=0
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to handler
    # OR of the differences between 16 samples
    li a3, 16
    li a4, 0
    li a5, 0
1:  csrrw a0, 0x015, zero
    srli a1, a0, 30
    andi a1, a1, 3
    li a2, 2                # ES16
    bne a1, a2, 1b
    slli a0, a0, XLEN - 16
    xor a2, a0, a5
    mv a5, a0
    or a4, a4, a2
    addi a3, a3, -1
    bnez a3, 1b
    snez a4, a4
    result a4               # r0
    li a0, 0
    csrrs a1, 0x015, zero   # a read-only access
    result a0               # r1
    # from U mode
    li a1, 0x1800
    csrc mstatus, a1
    lla a1, 2f
    csrw mepc, a1
    mret
2:  li a0, 0
    csrrw a1, 0x015, zero
    result a0               # r2
    li a7, 93               # the handler sets mseccfg.USEED
    ecall
    li a7, 0
    li a0, 0
    csrrw a1, 0x015, zero
    result a0               # r3
    li a7, 94
    ecall
    j done
    .align 2
handler:
    csrr a0, mcause
    li t0, 93
    bne a7, t0, 3f
    li t0, 0x100
    csrs 0x747, t0
3:  li t0, 94
    bne a7, t0, 4f
    li t0, 0x1800
    csrs mstatus, t0
4:  skip

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# Sstc: stimecmp raises STIP of the supervisor, and writing a time in the future takes it back.
# expect: r0=0x20 r1=0 r2=5 r3=0x20
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
.if XLEN == 64
    li a1, 1 << 63
    csrs menvcfg, a1
.else
    li a1, 1 << 31
    csrs 0x31a, a1          # menvcfgh
.endif
    csrw stimecmp, zero
.if XLEN == 32
    csrw 0x15d, zero        # stimecmph
.endif
1:  csrr a0, mip
    andi a0, a0, 0x20
    beqz a0, 1b
    result a0
    li a1, -1
.if XLEN == 32
    csrw 0x15d, a1
.endif
    csrw stimecmp, a1
2:  csrr a0, mip
    andi a0, a0, 0x20
    bnez a0, 2b
    result a0
    # taken in S mode
    li a1, 0x20
    csrs mideleg, a1
    lla a1, handler
    csrw stvec, a1
    li a1, 0x20
    csrw sie, a1
    li a1, 0x1800
    csrc mstatus, a1
    li a1, 0x802
    csrs mstatus, a1
    lla a1, 3f
    csrw mepc, a1
    li a0, 0
    li a1, 2
    csrw mcounteren, a1
    trap_to back
    mret
3:  csrw stimecmp, zero
.if XLEN == 32
    csrw 0x15d, zero
.endif
4:  beqz a0, 4b
    result a0
    result a2
    ecall
    .align 2
back:
    csrr a0, mcause
    li a1, 9
    bne a0, a1, 5f
    j done
5:  j unexpected
    .align 2
handler:
    csrr a0, scause
    andi a0, a0, 0xff
    csrr a2, sip
    andi a2, a2, 0x20
    li a3, -1
.if XLEN == 32
    csrw 0x15d, a3
.endif
    csrw stimecmp, a3
    sret

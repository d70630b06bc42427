# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# PMP: TOR, NA4 and NAPOT regions for S mode, read, write and execute faults, the lowest entry wins,
# M mode passes unless the entry is locked, a locked entry does not change.
# expect: r0=0x11 r1=5 r2=7 r3=0x22 r4=5 r5=0x44 r6=1 r7=5 r8=0x44 r9=0x99
.include "common.inc"
    .option norvc
    .text
    .globl test
test:
    trap_to handler
    # pmpaddr0..1: region of data (NAPOT 16 bytes: read only), 2: NA4 no access, 3: everything
    lla s0, data
    srli a1, s0, 2
    ori a1, a1, 1           # 16 bytes
    csrw pmpaddr0, a1
    lla a1, data + 32
    srli a1, a1, 2
    csrw pmpaddr1, a1       # NA4
    lla a1, data + 64
    srli a1, a1, 2
    csrw pmpaddr2, a1       # TOR's floor
    lla a1, data + 80
    srli a1, a1, 2
    csrw pmpaddr3, a1       # TOR: 64..79 read, write
    li a1, -1
    csrw pmpaddr4, a1
.if XLEN == 64
    li a1, 0x1f0b001019     # 4: all rwx, 3: TOR rw, 2: off, 1: NA4 none, 0: NAPOT r
    csrw pmpcfg0, a1
.else
    li a1, 0x1f
    csrw pmpcfg1, a1
    li a1, 0x0b001019
    csrw pmpcfg0, a1
.endif
    sfence.vma
    li a1, 0x1800
    csrc mstatus, a1
    li a1, 0x800
    csrs mstatus, a1
    lla a1, 1f
    csrw mepc, a1
    mret
1:  lw a0, 0(s0)
    result a0               # r0
    li a0, 5
    result a0
    sw a0, 4(s0)            # read only
    result a0               # r2
    lw a0, 16(s0)
    result a0               # r3: beyond the 16 bytes
    lw a0, 32(s0)
    result a0               # r4: no access
    sw zero, 68(s0)
    lw a0, 64(s0)
    result a0               # r5
    addi a2, s0, 64
    lla ra, 2f
    jr a2                   # no execution there
2:  result a0               # r6
    li a7, 93
    ecall
    # M mode passes
    li a7, 0
    lw a1, 32(s0)
    # until the entry is locked
.if XLEN == 64
    li a1, 0x1f0b009019
.else
    li a1, 0x0b009019
.endif
    csrw pmpcfg0, a1
    sfence.vma
    lw a0, 32(s0)
    result a0               # r7
    csrw pmpcfg0, a1
    lw a0, 64(s0)
    result a0               # r8
    csrw pmpcfg0, zero      # entry 1 stays
    csrr a0, pmpcfg0
    srli a0, a0, 8
    andi a0, a0, 0xff
    addi a0, a0, 9
    result a0               # r9
    j done
    .align 2
handler:
    csrr a0, mcause
    li t0, 93
    beq a7, t0, 3f
    li t0, 1
    beq a0, t0, 4f
    skip
3:  li t0, 0x1800
    csrs mstatus, t0
    skip
4:  csrw mepc, ra
    mret
    .data
    .align 12
data:
    .4byte 0x11, 0, 0, 0, 0x22, 0, 0, 0, 0x33, 0, 0, 0, 0, 0, 0, 0, 0x44, 0, 0, 0, 0

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
# SFENCE.VMA of one address in a large page drops the translation of the whole leaf, also for an
# address space that was not used for a long time.
# r0, r1: before, r2, r3: after the leaf has changed, at the address of the fence and in another page
# expect: r0=0x11 r1=0x11 r2=0x22 r3=0x22
.include "common.inc"
    .option norvc
    .equ VA, 0x40000000
    .text
    .globl test
test:
    # two large pages of memory, marked in their first and second page
    li s2, 0x80800000
    li s3, 0x80c00000
    li t1, 0x1000
    li a1, 0x11
    sw a1, 0(s2)
    add t0, s2, t1
    sw a1, 0(t0)
    li a1, 0x22
    sw a1, 0(s3)
    add t0, s3, t1
    sw a1, 0(t0)
    # the leaf at VA: its PTE is at s4
    lla s0, root
.if XLEN == 64
    lla s4, mid
    srli t0, s4, 12
    slli t0, t0, 10
    ori t0, t0, 1
    sd t0, 8(s0)
    li s5, 8 << 60
    li s6, 1 << 44
.else
    addi s4, s0, 0x400
    li s5, 1 << 31
    li s6, 1 << 22
.endif
    srli t0, s0, 12
    or s5, s5, t0
    srli t0, s2, 2
    ori t0, t0, 0xcf
    SR t0, 0(s4)
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x0800           # MPP: S, for MPRV
    csrs mstatus, t0
    li s7, 0x20000
    sfence.vma
    li s8, 1
    jal look
    # other address spaces
    li s8, 60
1:  jal set_asid
    li t0, VA
    csrs mstatus, s7
    lw a1, 0(t0)
    csrc mstatus, s7
    addi s8, s8, -1
    li t0, 1
    bne s8, t0, 1b
    # change the leaf
    srli t0, s3, 2
    ori t0, t0, 0xcf
    SR t0, 0(s4)
    li t0, VA
    sfence.vma t0, s8
    jal look
    csrw satp, zero
    j done
look:
    mv s9, ra
    jal set_asid
    li t0, VA
    li t1, VA + 0x1000
    csrs mstatus, s7
    lw a1, 0(t0)
    lw a2, 0(t1)
    csrc mstatus, s7
    result a1
    result a2
    jr s9
set_asid:
    mv t0, s8
    mv t1, s5
2:  add t1, t1, s6
    addi t0, t0, -1
    bnez t0, 2b
    csrw satp, t1
    ret
    .bss
    .align 12
root:
    .skip 4096
mid:
    .skip 4096

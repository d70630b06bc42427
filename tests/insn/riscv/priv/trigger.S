# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
#
# Debug triggers: address matches on loads, stores, atomics and fetches, once with every way to
# compare, and where they must stay silent. The handler notes what it sees and disables the trigger,
# so that the instruction then runs: s2 counts, s3 is mtval, s4 mepc, s5 tdata1.
#
# r0 tselect after 7, r1 tinfo
# then for each case: how often it fired, mtval - var, whether mepc is the instruction
# expect: r0=0x1 r1=0x100807c
# expect: r2=1 r3=0 r4=1
# expect: r5=1 r6=0 r7=1
# expect: r8=0 r9=1 r10=1
# expect: r11=0 r12=0
# expect: r13=1 r14=0xffffffffffffffff r15=1
# expect: r16=2 r17=4 r18=0
# expect: r19=1 r20=8 r21=0
# expect: r22=1 r23=0 r24=0 r25=1 r26=0x77
# expect: r27=0 r28=1
# accesses across a page's end: how often each fired, mtval - that end
# expect: r29=0 r30=1 r31=0xfffffffffffffffe
# expect32: r14=0xffffffff r31=0xfffffffe
    .include "common.inc"
    .equ TYPE6, 6
    .equ M_LOAD, 0x41
    .equ M_STORE, 0x42
    .equ M_EXEC, 0x44

# The trigger's type on top, the rest below; address in a1.
.macro arm rest
    csrw tdata1, zero
    csrw tdata2, a1
    li t1, 6
    slli t1, t1, XLEN - 4
    li t0, \rest
    or t0, t0, t1
    li s2, 0
    li s3, -1
    li s4, 0
    csrw tdata1, t0
.endm

    .globl test
test:
    trap_to handler
    li t0, 7
    csrw tselect, zero
    csrw tselect, t0        # no such trigger: stays
    csrwi tselect, 1
    csrr t0, tselect
    result t0
    csrr t0, tinfo
    result t0
    csrsi mstatus, 8        # MIE: triggers may fire in M mode
    lla a2, var

    # a load
    mv a1, a2
    arm M_LOAD
1:  lw t2, 0(a2)
    lla t3, 1b
    call seen

    # a store; loads are silent
    mv a1, a2
    arm M_STORE
    lw t2, 0(a2)
    lbu t2, 3(a2)
1:  sw zero, 0(a2)
    lla t3, 1b
    call seen

    # an atomic is a load and a store: a load trigger sees it, and it happens once
    mv a1, a2
    sw zero, 0(a2)
    arm M_LOAD
    li t2, 1
    sw t2, 4(a2)            # the neighbour is silent
    addi t4, a2, 4
    amoadd.w t2, t2, (t4)
    result s2
    li t2, 1
    amoadd.w t2, t2, (a2)
    result s2
    lw t2, 0(a2)
    result t2

    # not while interrupts are off
    mv a1, a2
    csrci mstatus, 8
    arm M_LOAD
    lw t2, 0(a2)
    result s2
    csrw tdata1, zero
    # not in another mode
    csrsi mstatus, 8
    arm 0x11
    lw t2, 0(a2)
    result s2

    # a misaligned access that begins below
    mv a1, a2
    arm M_LOAD
1:  lw t2, -1(a2)
    lla t3, 1b
    call seen

    # 32 bits only (size 3); a range of 8 bytes (NAPOT), twice
    addi a1, a2, 3
    arm 0x300c1             # match 1
    lbu t2, 2(a2)           # size 1
    lw t2, 12(a2)           # outside
    lw t2, 0(a2)            # fires
    csrr t0, tdata1
    mv s6, s2
    addi a1, a2, 3
    arm 0xc1
    mv s2, s6
    lbu t2, 4(a2)
    result s2
    sub t0, s3, a2
    result t0
    lbu t2, 4(a2)
    li t0, 0
    result t0

    # from an address on (match 2)
    addi a1, a2, 8
    arm 0x141
    lw t2, 4(a2)
    lw t2, 8(a2)
    result s2
    sub t0, s3, a2
    result t0
    li t0, 0
    result t0

    # a fetch: before the instruction, once
    lla a1, 1f
    arm M_EXEC
    li a3, 0x76
    li a4, 0
    j 2f
2:  addi a3, a3, 0
1:  addi a3, a3, 1
    result s2
    sub t0, s3, a1
    result t0
    sub t0, s4, a1
    result t0
    srli t0, s5, 22         # hit0
    andi t0, t0, 7
    result t0
    result a3

    # below an address (match 3), stores of one byte
    addi a1, a2, 8
    arm 0x101c2
    sw zero, 0(a2)
    sb zero, 8(a2)
    result s2
    sb zero, 7(a2)
    result s2

    # across a page's end: 8 bits only, which no part of the load counts as
    lla a2, page_end
    mv a1, a2
    arm 0x10041
    lw t2, -2(a2)
    result s2
    # 32 bits only, the trigger's address on the second page, the first one known
    mv a1, a2
    arm 0x30042
    sw zero, -8(a2)
    sw zero, -2(a2)
    result s2
    sub t0, s3, a2
    result t0
    j done

# fired, mtval - var, mepc == t3
seen:
    result s2
    sub t0, s3, a2
    result t0
    sub t0, s4, t3
    seqz t0, t0
    result t0
    ret

    .balign 4
handler:
    csrr s6, mcause
    addi s6, s6, -3
    bnez s6, other
    addi s2, s2, 1
    csrr s3, mtval
    csrr s4, mepc
    csrr s5, tdata1
    csrw tdata1, zero
    mret
other:
    li s2, 99
    csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    mret

    .balign 16
    .dword 0
    .dword 0
var: .dword 0
    .dword 0
    .dword 0
    .balign 4096
    .skip 4096
page_end:
    .dword 0

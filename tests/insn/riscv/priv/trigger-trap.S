# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
#
# Debug triggers that count instructions (icount) and that match traps (etrigger, itrigger), seen from
# U mode, and contexts. The handler notes traps: s2 mcause, s3 mepc, s4 mtval, s5 tdata1; it goes on at
# s6 if that is set, in M mode, else it returns to mepc, after a call of the environment behind it.
#
# icount of 3: cause, instructions that ran, mtval, what is left of tdata1 (hit, U)
# expect: r0=3 r1=3 r2=0 r3=0x1000040
# icount of 1 and an ecall: both traps, the second in front of the next instruction
# expect: r4=8 r5=0x140 r6=3 r7=0
# etrigger: S handler of an illegal instruction: breakpoint in front of it
# expect: r8=3 r9=1 r10=2 r11=0
# itrigger: the same for an interrupt
# expect: r12=3 r13=1 r14=1
# mcontext must be 5
# expect: r15=0 r16=3
# expect64: r17=0x28000000000000
# expect32: r17=0x14000000
    .include "common.inc"
    .option norvc
.if XLEN == 64
    .equ SELECT, 50         # mhselect = 4: bit of tdata3
.else
    .equ SELECT, 25
.endif

# Type and the rest into tdata1.
.macro arm type, rest
    csrw tdata1, zero
    li t1, \type
    slli t1, t1, XLEN - 4
    li t0, \rest
    or t0, t0, t1
    csrw tdata1, t0
.endm
.macro to_u label
    li t0, 0x1800
    csrc mstatus, t0
    lla t0, \label
    csrw mepc, t0
    mret
.endm
.macro behind label
    lla s6, \label
    li s2, 0
    li s8, 0
.endm

    .globl test
test:
    trap_to handler
    csrw tselect, zero
    csrw medeleg, zero

    # three instructions
    arm 3, 0xc40            # count 3, U
    behind 2f
    li a0, 0
    to_u 1f
1:  addi a0, a0, 1
    addi a0, a0, 1
    addi a0, a0, 1
    addi a0, a0, 1
    addi a0, a0, 1
    ecall
2:  result s2
    result a0
    result s4
    slli t0, s5, 5             # without type and dmode
    srli t0, t0, 5
    result t0

    # a trap counts; M mode's instructions do not
    arm 3, 0x440            # count 1
    behind 2f
    li s8, 1                # the first trap returns
    to_u 1f
1:  ecall
    ecall
2:  result s9               # of the first
    andi t0, s10, 0x7ff
    result t0               # pending, U
    result s2
    lla t0, 1b
    sub t0, s3, t0
    addi t0, t0, -4
    result t0

    # an exception that S handles
    li t0, 4                # illegal instruction: to S
    csrw medeleg, t0
    lla t0, s_handler
    csrw stvec, t0
    csrw tdata1, zero
    csrw tdata2, t0
    li t0, 4
    csrw tdata2, t0
    arm 5, 0x40
    behind 2f
    li a0, 0
    to_u 1f
1:  .word 0
2:  result s2
    lla t0, s_handler
    sub t0, s3, t0
    seqz t0, t0
    result t0
    csrr t0, scause
    result t0
    result a0               # s_handler did not run
    csrw medeleg, zero

    # an interrupt that S handles
    csrwi mideleg, 2
    csrwi sie, 2
    csrw tdata1, zero
    csrwi tdata2, 2
    arm 4, 0x40
    behind 2f
    csrwi mip, 2
    to_u 1f
1:  j 1b
2:  csrwi mip, 0
    result s2
    lla t0, s_handler
    sub t0, s3, t0
    seqz t0, t0
    result t0
    csrr t0, scause
    slli t0, t0, 1
    srli t0, t0, 1
    result t0
    csrw mie, zero

    # contexts
    lla a1, var
    csrw tdata1, zero
    csrw tdata2, a1
    li t0, 0xb              # mhvalue 5, mhselect 4
    slli t0, t0, SELECT
    csrw tdata3, t0
    behind 1f
    csrsi mstatus, 8
    csrwi 0x7a8, 4
    arm 6, 0x41
    lw t2, 0(a1)
1:  result s2
    behind 1f
    csrsi mstatus, 8
    csrwi 0x7a8, 5
    lw t2, 0(a1)
1:  result s2
    csrr t0, tdata3
    li t1, 1
    slli t1, t1, SELECT
    not t1, t1
    and t0, t0, t1
    result t0
    j done

    .balign 4
s_handler:
    li a0, 77
    ecall

    .balign 4
handler:
    csrr s2, mcause
    csrr s3, mepc
    csrr s4, mtval
    csrr s5, tdata1
    beqz s8, 1f
    li s8, 0
    mv s9, s2
    mv s10, s5
    addi t0, s3, 4
    csrw mepc, t0
    mret
1:  csrw tdata1, zero
    csrw mepc, s6
    li t0, 0x1800
    csrs mstatus, t0
    mret

    .balign 8
var: .dword 0

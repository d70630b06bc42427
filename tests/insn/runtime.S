# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
#
# The runtime of the instruction tests, for rv32 and rv64 on the virt board, M mode, no stack used by
# the test itself. It gives every x register a value of its own, turns FP on, and jumps to `test`
# with s10 = the test's operands (the symbol `operands`), s11 = a buffer for results. When the test
# jumps to `done`, all registers are printed on the UART, one `name=hex` a line, then the results
# r0, r1, ... up to s11, then the machine ends through the finisher. A trap the test did not ask for
# (it may set mtvec itself) prints mcause, mepc and mtval and ends with status 1.
# Assembled with --defsym XLEN=32 or 64.

.include "common.inc"
.equ UART, 0x10000000
.equ FINISHER, 0x100000

    .option norvc
    .section .text.init, "ax"
    .globl _start, done, unexpected
_start:
    csrr t0, mhartid
1:  bnez t0, 1b
    lla t0, unexpected
    csrw mtvec, t0
    li t0, 0x6000           # mstatus.FS: dirty
    csrs mstatus, t0
    csrwi fcsr, 0
    # all of memory for every mode
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    fcvt.d.w f\n, zero
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fcvt.d.w f\n, zero
    .endr
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    li x\n, 0x1010101 * \n
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 28, 29, 30, 31
    li x\n, 0x1010101 * \n
    .endr
    lla s10, operands
    lla s11, results
    j test

    .align 2
unexpected:
    csrw mscratch, sp
    lla sp, stack_top
    lla s0, trap_text
    call print_text
    csrr a0, mcause
    call print_hex
    lla s0, mepc_text
    call print_text
    csrr a0, mepc
    call print_hex
    lla s0, mtval_text
    call print_text
    csrr a0, mtval
    call print_hex
    li a0, 10
    call print_char
    li a0, 0x13333
    j finish

done:
    csrw mscratch, t0
    lla t0, saved
    .irp n, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
    SR x\n, \n * BYTES(t0)
    .endr
    .irp n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    SR x\n, \n * BYTES(t0)
    .endr
    csrr t1, mscratch
    SR t1, 5 * BYTES(t0)
    csrr s2, fcsr
    lla t0, saved_fp
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    fsd f\n, \n * 8(t0)
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fsd f\n, \n * 8(t0)
    .endr
    lla sp, stack_top
    li s1, 1
    lla s3, saved
1:  li a0, 'x'
    mv a1, s1
    call print_name
    slli t0, s1, 2 + XLEN / 64
    add t0, t0, s3
    LR a0, 0(t0)
    call print_hex_line
    addi s1, s1, 1
    li t0, 32
    bne s1, t0, 1b
    lla s0, fcsr_text
    call print_text
    mv a0, s2
    call print_hex_line
    # FP registers that are not zero
    li s1, 0
    lla s3, saved_fp
2:  slli t0, s1, 3
    add s4, s3, t0
    lw t0, 0(s4)
    lw t1, 4(s4)
    or t0, t0, t1
    beqz t0, 3f
    li a0, 'f'
    mv a1, s1
    call print_name
    call print_pair
3:  addi s1, s1, 1
    li t0, 32
    bne s1, t0, 2b
    # results
    li s1, 0
    lla s4, results
4:  beq s4, s11, 5f
    li a0, 'r'
    mv a1, s1
    call print_name
    call print_pair
    addi s4, s4, 8
    addi s1, s1, 1
    j 4b
5:  li a0, 0x5555
finish:
    li a1, FINISHER
    sw a0, 0(a1)
1:  j 1b

# print_char: a0; clobbers t0
print_char:
    li t0, UART
    sb a0, 0(t0)
    ret

# print_text: s0 -> the text
print_text:
    addi sp, sp, -16
    SR ra, 0(sp)
1:  lbu a0, 0(s0)
    beqz a0, 2f
    call print_char
    addi s0, s0, 1
    j 1b
2:  LR ra, 0(sp)
    addi sp, sp, 16
    ret

# print_name: a0 = a letter, a1 = a number below 1000; prints `x12=`
print_name:
    addi sp, sp, -16
    SR ra, 0(sp)
    call print_char
    li t2, 100
    li t3, 0                # a digit was printed
    mv t1, a1
1:  li a0, '0'
2:  bltu t1, t2, 3f
    sub t1, t1, t2
    addi a0, a0, 1
    j 2b
3:  li t4, '0'
    bne a0, t4, 4f
    bnez t3, 4f
    li t4, 1
    bne t2, t4, 5f
4:  li t3, 1
    call print_char
5:  li t4, 10
    beq t2, t4, 6f
    li t5, 100
    bne t2, t5, 7f
    li t2, 10
    j 1b
6:  li t2, 1
    j 1b
7:  li a0, '='
    call print_char
    LR ra, 0(sp)
    addi sp, sp, 16
    ret

# print_pair: the 8 bytes at s4, and a new line
print_pair:
    addi sp, sp, -16
    SR ra, 0(sp)
.if XLEN == 64
    ld a0, 0(s4)
    call print_hex
.else
    lw a0, 4(s4)
    call print_hex
    lw a0, 0(s4)
    call print_hex
.endif
    li a0, 10
    call print_char
    LR ra, 0(sp)
    addi sp, sp, 16
    ret

print_hex_line:
    addi sp, sp, -16
    SR ra, 0(sp)
    call print_hex
    li a0, 10
    call print_char
    LR ra, 0(sp)
    addi sp, sp, 16
    ret

# print_hex: a0, XLEN / 4 digits
print_hex:
    addi sp, sp, -16
    SR ra, 0(sp)
    mv t1, a0
    li t2, XLEN - 4
1:  srl a0, t1, t2
    andi a0, a0, 15
    li t3, 10
    bltu a0, t3, 2f
    addi a0, a0, 'a' - '0' - 10
2:  addi a0, a0, '0'
    call print_char
    addi t2, t2, -4
    bgez t2, 1b
    LR ra, 0(sp)
    addi sp, sp, 16
    ret

trap_text:
    .asciz "trap mcause="
mepc_text:
    .asciz " mepc="
mtval_text:
    .asciz " mtval="
fcsr_text:
    .asciz "fcsr="

    .weak operands
    .bss
    .align 4
    .globl results, saved_fp
saved:
    .space 32 * 8
saved_fp:
    .space 32 * 8
    .space 1024
stack_top:
results:
    .space 16384

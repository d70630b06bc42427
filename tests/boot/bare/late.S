/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A hart that comes late: waits until the machine is 0.5 s old (board virt: the timebase is 10 MHz) and goes
 * on to the reset vector at 0x1000. Uses no RAM, which firmware and kernel of the earlier hart own by then.
 * Test: tests/run boot/tiny/boot-hart.
 */
    .section .text.init, "ax"
    .globl _start
_start:
    li t1, 5000000
1:  csrr t0, time
    bltu t0, t1, 1b
    li t0, 0x1000
    jr t0

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What boards and harts need of the ACLINT beyond its registers: mtime.
 *
 * Devices (device_new()): "riscv.aclint.mtimer" and "riscv.aclint.swi", properties in
 * hw/intc/riscv_aclint.c. Output n of either is hart hartid-base + n's interrupt.
 */
#ifndef HW_INTC_RISCV_ACLINT_H
#define HW_INTC_RISCV_ACLINT_H

#include "hw/device.h"

/* mtime now. Lock-free, any thread. dev: the mtimer. */
uint64_t riscv_aclint_mtime(void *dev);
/* CLK_VIRTUAL time in ns at which mtime will reach `time`; INT64_MAX if that cannot be counted.
   A time already reached gives one in the past. Lock-free, any thread. */
int64_t riscv_aclint_deadline_ns(void *dev, uint64_t time);
/* fn is called, with the device's lock held, when the guest sets mtime. Before the guest runs. */
void riscv_aclint_set_time_hook(void *dev, void (*fn)(void *opaque), void *opaque);

#endif

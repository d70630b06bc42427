/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Loops over device registers of the virt boards, without an operating system (bare.c). Checksums
 * only hold what both emulators have to say alike: no time, no state of a console.
 */
#include "bench.h"

#if defined(__riscv)
#define UART_STATUS (*(volatile u8 *)0x10000005)  /* 16550: line status */
#define RTC_TIME    (*(volatile u32 *)0x101000)   /* Goldfish: low half, latches the high one */
#define INTC_MASK   (*(volatile u32 *)0x0c200000) /* PLIC: threshold of context 0 */
#define INTC_MAX    7
#define VIRTIO_ID   (*(volatile u32 *)0x10001000) /* virtio-mmio: "virt" */
#else
#define UART_STATUS (*(volatile u32 *)0x09000018) /* PL011: flags */
#define RTC_TIME    (*(volatile u32 *)0x09010000) /* PL031: data */
#define INTC_MASK   (*(volatile u32 *)0x08010004) /* GICv2: priority mask of the CPU interface */
#define INTC_MAX    0xf0
#define VIRTIO_ID   (*(volatile u32 *)0x0a000000)
#endif

static u64 uart_status(u64 n)
{
    u64 seen = 0;
    for (u64 i = 0; i < n * 1000; i++)
        seen |= UART_STATUS;
    return n + (seen == ~0ull);
}

static u64 rtc_time(u64 n)
{
    u64 seen = 0;
    for (u64 i = 0; i < n * 1000; i++)
        seen |= RTC_TIME;
    return n + (seen == 0);
}

static u64 virtio_id(u64 n)
{
    u64 sum = 0;
    for (u64 i = 0; i < n * 1000; i++)
        sum += VIRTIO_ID;
    return sum;
}

static u64 intc_mask(u64 n)
{
    u64 sum = 0;
    for (u64 i = 0; i < n * 1000; i++) {
        INTC_MASK = i & INTC_MAX;
        sum += INTC_MASK == (i & INTC_MAX);
    }
    return sum;
}

const struct bench_kernel bench_mmio[] = {{"mmio", "uart-status", uart_status, 4000},
                                          {"mmio", "rtc-time", rtc_time, 4000},
                                          {"mmio", "virtio-id", virtio_id, 4000},
                                          {"mmio", "intc-mask", intc_mask, 2000},
                                          {0, 0, 0, 0}};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the guest programs of the boot tests need to know of their processor: instructions that
 * fault, code to write, checks that only assembly can make. One block a target.
 */
#ifndef TESTS_BOOT_ARCH_H
#define TESTS_BOOT_ARCH_H

#include <stdint.h>

#if defined(__riscv)

#define ARCH_FP_REG  "f"
#define ARCH_ILLEGAL ".4byte 0xffffffff"
#define ARCH_BREAK   "ebreak"
static const char *const arch_cpuinfo[] = {"rv64imafdc", "zba", "zbb", "zbs"};
/* add IMM to the first argument; return */
#define ARCH_ADD_RET(imm)                                                                          \
    {                                                                                              \
        (uint32_t)(imm) << 20 | 10 << 15 | 10 << 7 | 0x13, 0x00008067                              \
    }
#define ARCH_COUNTER(t)  __asm__ volatile("rdtime %0" : "=r"(t))
#define ARCH_COUNTER_MHZ 10
#define ARCH_INSN_ALIGN  2 /* bytes */

#elif defined(__aarch64__)

#define ARCH_FP_REG  "w"
#define ARCH_ILLEGAL ".inst 0"
#define ARCH_BREAK   "brk #0"
static const char *const arch_cpuinfo[] = {"fp asimd", "CPU architecture: 8"};
#define ARCH_ADD_RET(imm)                                                                          \
    {                                                                                              \
        0x91000000 | (uint32_t)(imm) << 10, 0xd65f03c0                                             \
    }
#define ARCH_COUNTER(t)  __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(t))
#define ARCH_COUNTER_MHZ 62
#define ARCH_INSN_ALIGN  4

#elif defined(__arm__)

#define ARCH_FP_REG "w"
/* The second is what the kernel takes for a breakpoint. */
#ifdef __thumb__
#define ARCH_ILLEGAL ".inst.n 0xde00"
#define ARCH_BREAK   ".inst.n 0xde01"
#else
#define ARCH_ILLEGAL ".inst 0xe7f000f0"
#define ARCH_BREAK   ".inst 0xe7f001f0"
#endif
static const char *const arch_cpuinfo[] = {"vfp", "neon"};
#ifdef __thumb__
#define ARCH_INSN_ALIGN 2
/* in halfwords: addw r0, r0, #imm; bx lr; nop */
#define ARCH_ADD_RET(imm)                                                                          \
    {                                                                                              \
        0x0000f200 | ((imm)&0x800) >> 1 | (uint32_t)((imm)&0xff) << 16 |                           \
            (uint32_t)((imm)&0x700) << 20,                                                         \
            0xbf004770                                                                             \
    }
#else
#define ARCH_INSN_ALIGN 4
/* add r0, r0, #low; add r0, r0, #high << 8: a rotated immediate has 8 bits; bx lr behind them */
#define ARCH_ADD_RET(imm)                                                                          \
    {                                                                                              \
        0xe2800000 | ((imm)&0xff), 0xe2800c00 | (imm) >> 8, 0xe12fff1e                             \
    }
#endif

#else
#error "tests/boot/arch.h does not know this processor"
#endif

#endif

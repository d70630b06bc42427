/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random user-level Arm programs: the file that tests/fuzz/armgen writes and tests/fuzz/armrun,
 * a Linux program for the guest architecture, executes and compares. Little-endian, cases one after
 * another.
 */
#ifndef RHEA_TESTS_FUZZ_ARMUSER_H
#define RHEA_TESTS_FUZZ_ARMUSER_H

#include <stdint.h>

#define ARMUSER_CODE  0x01800000u /* where the instructions lie */
#define ARMUSER_BUF   0x02000000u /* the memory they access */
#define ARMUSER_SIZE  0x1000u
#define ARMUSER_WORDS 64u

typedef struct ArmUserState {
    uint64_t x[32]; /* A64: x[31] is SP; A32: R0 to R14, low halves */
    uint64_t v[32][2];
    uint32_t nzcv; /* bits 31:28; A32: CPSR flags, with Q and GE */
    uint32_t fpcr, fpsr, pad;
} ArmUserState;

typedef struct ArmUserCase {
    uint32_t seed, nwords; /* nwords: of code */
    ArmUserState before, after;
    uint32_t code[ARMUSER_WORDS];
    uint8_t memory[ARMUSER_SIZE]; /* before */
    uint64_t hash;                /* of the memory after */
} ArmUserCase;

static inline uint64_t armuser_hash(const uint8_t *p)
{
    uint64_t h = 1469598103934665603u;
    for (unsigned i = 0; i < ARMUSER_SIZE; i += 8) {
        uint64_t v;
        __builtin_memcpy(&v, p + i, 8);
        h = (h ^ v) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

#endif

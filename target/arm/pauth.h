/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Pointer authentication: which algorithm and which of its extensions a CPU has (D24.2.67, .68),
 * and the operations on pointers, for the helpers and their test. Keys are IA, IB, DA, DB.
 */
#ifndef RHEA_TARGET_ARM_PAUTH_H
#define RHEA_TARGET_ARM_PAUTH_H

#include "target/arm/cpu.h"

typedef enum ARMPauthAlgorithm {
    ARM_PAUTH_NONE,
    ARM_PAUTH_QARMA5,
    ARM_PAUTH_QARMA3,
    ARM_PAUTH_IMPDEF,
} ARMPauthAlgorithm;

/* Values of the field that names the algorithm. */
enum {
    ARM_PAUTH_PLAIN = 1,
    ARM_PAUTH_EPAC = 2,
    ARM_PAUTH_2 = 3,
    ARM_PAUTH_FPAC = 4,
    ARM_PAUTH_FPAC_COMBINED = 5,
};

static inline ARMPauthAlgorithm arm_pauth_algorithm(const ARMConfig *c)
{
    return c->id_aa64isar1 >> 8 & 15    ? ARM_PAUTH_IMPDEF
           : c->id_aa64isar1 >> 4 & 15  ? ARM_PAUTH_QARMA5
           : c->id_aa64isar2 >> 12 & 15 ? ARM_PAUTH_QARMA3
                                        : ARM_PAUTH_NONE;
}
/* APA, API or APA3. */
static inline unsigned arm_pauth_level(const ARMConfig *c)
{
    return (c->id_aa64isar1 >> 4 | c->id_aa64isar1 >> 8 | c->id_aa64isar2 >> 12) & 15;
}

/* ComputePAC() with 5 or 3 rounds; key0 is the high half of the key. */
uint64_t arm_pac_qarma(unsigned rounds, uint64_t data, uint64_t modifier, uint64_t key0,
                       uint64_t key1);
uint64_t arm_pac_add(const ARMEnv *env, uint64_t ptr, uint64_t modifier, unsigned key);
uint64_t arm_pac_strip(const ARMEnv *env, uint64_t ptr, bool data);
/* *out: what the instruction gives; false: it is a PAC Fail exception. combined: a part of an
 * instruction that uses the pointer. */
bool arm_pac_auth(const ARMEnv *env, uint64_t ptr, uint64_t modifier, unsigned key, bool combined,
                  uint64_t *out);

#endif

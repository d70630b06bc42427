/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Pointer authentication (DDI 0487, D8.9; AddPAC(), Auth(), Strip() and ComputePAC() of the shared
 * pseudocode): QARMA5 and QARMA3 exactly, and a fast algorithm of our own for the implementation
 * defined one. Which of them a CPU has, and how far its authentication goes, is what its
 * ID_AA64ISAR1_EL1 and ID_AA64ISAR2_EL1 say.
 *
 * Nibbles of 64-bit values are numbered from the lowest; QARMA's paper numbers them the other way.
 *
 * Runs on the CPU's thread, no shared state. Test: tests/unit/test-arm-pauth.c.
 */
#include "target/arm/internals.h"
#include "target/arm/pauth.h"

/* ---- QARMA ---- */

static const uint8_t cell_shuffle[16] = {13, 6, 11, 0, 7, 12, 1, 10, 8, 3, 14, 5, 2, 9, 4, 15};
static const uint8_t cell_unshuffle[16] = {3, 6, 12, 9, 14, 11, 1, 4, 8, 13, 7, 2, 5, 0, 10, 15};
static const uint8_t sub5[16] = {11, 6, 8, 15, 12, 0, 9, 14, 3, 7, 4, 5, 13, 2, 1, 10};
static const uint8_t unsub5[16] = {5, 14, 13, 8, 10, 11, 1, 9, 2, 6, 15, 0, 4, 12, 7, 3};
static const uint8_t sub3[16] = {10, 13, 14, 6, 15, 7, 3, 5, 9, 8, 0, 12, 11, 1, 2, 4};
static const uint8_t tweak_shuffle[16] = {4, 5, 6, 7, 11, 2, 3, 8, 12, 13, 14, 15, 0, 1, 10, 9};
/* Nibbles of the shuffled tweak that also step a shift register. */
#define TWEAK_STEPPED (1u << 2 | 1u << 4 | 1u << 7 | 1u << 11 | 1u << 12 | 1u << 14 | 1u << 15)

static unsigned cell(uint64_t v, unsigned i)
{
    return v >> (4 * i) & 15;
}

static uint64_t shuffle(uint64_t v, const uint8_t from[16])
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 16; i++) {
        r |= (uint64_t)cell(v, from[i]) << (4 * i);
    }
    return r;
}

static uint64_t substitute(uint64_t v, const uint8_t box[16])
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 16; i++) {
        r |= (uint64_t)box[cell(v, i)] << (4 * i);
    }
    return r;
}

static uint64_t rotate64(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

/* PACMult(): the rows, 16 bits each, by the circulant matrix (0, 1, 2, 1) of nibble rotations. */
static uint64_t mix_rows(uint64_t v)
{
    uint64_t one = rotate64(v, 16) ^ rotate64(v, 48), two = rotate64(v, 32);
    one = (one << 1 & UINT64_C(0xeeeeeeeeeeeeeeee)) | (one >> 3 & UINT64_C(0x1111111111111111));
    two = (two << 2 & UINT64_C(0xcccccccccccccccc)) | (two >> 2 & UINT64_C(0x3333333333333333));
    return one ^ two;
}

static uint64_t tweak_forward(uint64_t t)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 16; i++) {
        unsigned v = cell(t, tweak_shuffle[i]);
        if (TWEAK_STEPPED >> i & 1) {
            v = v >> 1 | ((v ^ v >> 1) & 1) << 3;
        }
        r |= (uint64_t)v << (4 * i);
    }
    return r;
}

static uint64_t tweak_back(uint64_t t)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 16; i++) {
        unsigned v = cell(t, i);
        if (TWEAK_STEPPED >> i & 1) {
            v = (v << 1 & 15) | ((v ^ v >> 3) & 1);
        }
        r |= (uint64_t)v << (4 * tweak_shuffle[i]);
    }
    return r;
}

uint64_t arm_pac_qarma(unsigned rounds, uint64_t data, uint64_t modifier, uint64_t key0,
                       uint64_t key1)
{
    static const uint64_t rc[] = {0, UINT64_C(0x13198a2e03707344), UINT64_C(0xa4093822299f31d0),
                                  UINT64_C(0x082efa98ec4e6c89), UINT64_C(0x452821e638d01377)};
    const uint64_t alpha = UINT64_C(0xc0ac29b7c97c50dd);
    const uint64_t modk0 = rotate64(key0, 63) ^ key0 >> 63;
    const uint8_t *sub = rounds == 3 ? sub3 : sub5, *unsub = rounds == 3 ? sub3 : unsub5;
    uint64_t tweak = modifier, v = data ^ key0;

    for (unsigned i = 0; i < rounds; i++) {
        v ^= key1 ^ tweak ^ rc[i];
        if (i > 0) {
            v = mix_rows(shuffle(v, cell_shuffle));
        }
        v = substitute(v, sub);
        tweak = tweak_forward(tweak);
    }
    v ^= modk0 ^ tweak;
    v = substitute(mix_rows(shuffle(v, cell_shuffle)), sub);
    v = mix_rows(shuffle(v, cell_shuffle)) ^ key1;
    v = substitute(shuffle(v, cell_unshuffle), unsub);
    v = shuffle(mix_rows(v), cell_unshuffle) ^ key0 ^ tweak;
    for (unsigned i = rounds; i-- > 0;) {
        v = substitute(v, unsub);
        if (i > 0) {
            v = shuffle(mix_rows(v), cell_unshuffle);
        }
        tweak = tweak_back(tweak);
        v ^= rc[i] ^ key1 ^ tweak ^ alpha;
    }
    return v ^ modk0;
}

/* ---- the implementation defined algorithm: two rounds of a bijective multiply and xor-shift ----
 */

static uint64_t scramble(uint64_t v)
{
    v = (v ^ v >> 32) * UINT64_C(0xd6e8feb86659fd93);
    v = (v ^ v >> 29) * UINT64_C(0xcf1bbcdcbfa53e0b);
    return v ^ v >> 32;
}

static uint64_t fast(uint64_t data, uint64_t modifier, uint64_t key0, uint64_t key1)
{
    return scramble(scramble(data ^ key0) + (modifier ^ key1)) ^ rotate64(key0, 17);
}

static uint64_t compute(const ARMEnv *env, uint64_t data, uint64_t modifier, unsigned key)
{
    const uint64_t *k = env->sys.apkey[key];

    switch (arm_pauth_algorithm(env->cfg)) {
    case ARM_PAUTH_QARMA5:
        return arm_pac_qarma(5, data, modifier, k[1], k[0]);
    case ARM_PAUTH_QARMA3:
        return arm_pac_qarma(3, data, modifier, k[1], k[0]);
    default:
        return fast(data, modifier, k[1], k[0]);
    }
}

/* ---- pointers ---- */

static uint64_t bits_of(unsigned from, unsigned to)
{
    return to > from ? (UINT64_MAX >> (64 - (to - from))) << from : 0;
}

/* The bits of a pointer that hold its code, without bit 55. */
static uint64_t code_mask(const ARMPtrLayout *l)
{
    return (bits_of(l->bits, 55) | (l->tbi ? 0 : bits_of(56, 64)));
}

/* The pointer with all bits above the address equal to bit 55, but a tag. */
static uint64_t extended(const ARMPtrLayout *l, uint64_t ptr, bool high)
{
    uint64_t m = code_mask(l) | ARM_BIT(55);
    return high ? ptr | m : ptr & ~m;
}

uint64_t arm_pac_add(const ARMEnv *env, uint64_t ptr, uint64_t modifier, unsigned key)
{
    unsigned level = arm_pauth_level(env->cfg);
    ARMPtrLayout l = arm_ptr_layout(env, ptr, key >= 2);
    bool high = ptr >> (l.by_bit55 ? 55 : 63) & 1;

    l.bits = arm_ptr_bits(env, high);
    uint64_t mask = code_mask(&l);
    uint64_t pac = compute(env, extended(&l, ptr, high), modifier, key);
    uint64_t upper = bits_of(l.bits, l.tbi ? 56 : 64);
    if ((ptr & upper) && (ptr & upper) != upper) {
        /* Not a canonical address: the code is made wrong. */
        if (level == ARM_PAUTH_EPAC) {
            pac = 0;
        } else if (level < ARM_PAUTH_2) {
            pac ^= ARM_BIT(l.tbi ? 54 : 62);
        }
    }
    if (level >= ARM_PAUTH_2) {
        pac ^= ptr;
    }
    return (ptr & ~(mask | ARM_BIT(55))) | (high ? ARM_BIT(55) : 0) | (pac & mask);
}

uint64_t arm_pac_strip(const ARMEnv *env, uint64_t ptr, bool data)
{
    ARMPtrLayout l = arm_ptr_layout(env, ptr, data);
    return extended(&l, ptr, ptr >> 55 & 1);
}

bool arm_pac_auth(const ARMEnv *env, uint64_t ptr, uint64_t modifier, unsigned key, bool combined,
                  uint64_t *out)
{
    unsigned level = arm_pauth_level(env->cfg);
    ARMPtrLayout l = arm_ptr_layout(env, ptr, key >= 2);
    uint64_t mask = code_mask(&l), plain = extended(&l, ptr, ptr >> 55 & 1);
    uint64_t pac = compute(env, plain, modifier, key);

    if (level < ARM_PAUTH_2) {
        *out = plain;
        if ((pac ^ ptr) & mask) {
            /* An error code of key_number:NOT(key_number) makes the address non-canonical. */
            unsigned at = l.tbi ? 53 : 61, error = key & 1 ? 2 : 1;
            *out = (plain & ~(UINT64_C(3) << at)) | (uint64_t)error << at;
        }
        return true;
    }
    *out = ptr ^ (pac & mask);
    return *out == plain || level < ARM_PAUTH_FPAC || (combined && level < ARM_PAUTH_FPAC_COMBINED);
}

/* ---- instructions ---- */

/* TrapPACUse() if HCR_EL2.API or SCR_EL3.API says so. */
static void check_trap(ARMEnv *env, uintptr_t ra)
{
    const ARMSys *s = &env->sys;

    if (s->el < 2 && arm_el2_enabled(env) && !(s->hcr & HCR_API) &&
        !(s->el == 0 && arm_in_host_el0(env))) {
        arm_raise(env, ARM_EXCP_UNDEF, ARM_SYN(EC_PAUTH, 0), 2, ra);
    }
    if (arm_cfg_has(env, ARM_FEAT_EL3) && !(s->scr & SCR_API)) {
        arm_raise(env, ARM_EXCP_UNDEF, ARM_SYN(EC_PAUTH, 0), 3, ra);
    }
}

static bool key_enabled(const ARMEnv *env, unsigned key)
{
    static const uint8_t enable[4] = {31, 30, 27, 13}; /* SCTLR_ELx.EnIA, EnIB, EnDA, EnDB */
    unsigned el = env->sys.el ? env->sys.el : arm_in_host_el0(env) ? 2 : 1;
    return env->sys.sctlr[el] >> enable[key] & 1;
}

static uint64_t helper_arm_pac(ARMEnv *env, uint64_t ptr, uint64_t modifier, uint32_t key)
{
    if (!key_enabled(env, key)) {
        return ptr;
    }
    check_trap(env, RHEA_RA());
    return arm_pac_add(env, ptr, modifier, key);
}
ARM_HELPER(pac, I64, true, TCG_HELPER_FAULTS, TCG_I64, TCG_I64, TCG_I32);

/* key: | 4 if the instruction also uses the pointer. */
static uint64_t helper_arm_aut(ARMEnv *env, uint64_t ptr, uint64_t modifier, uint32_t key)
{
    uint64_t out;

    if (!key_enabled(env, key & 3)) {
        return ptr;
    }
    check_trap(env, RHEA_RA());
    if (!arm_pac_auth(env, ptr, modifier, key & 3, key & 4, &out)) {
        /* ISS: data, key B */
        arm_raise(env, ARM_EXCP_UNDEF, ARM_SYN(EC_PACFAIL, key & 3), 0, RHEA_RA());
    }
    return out;
}
ARM_HELPER(aut, I64, true, TCG_HELPER_FAULTS, TCG_I64, TCG_I64, TCG_I32);

static uint64_t helper_arm_xpac(ARMEnv *env, uint64_t ptr, uint32_t data)
{
    return arm_pac_strip(env, ptr, data);
}
ARM_HELPER(xpac, I64, true, TCG_HELPER_FAULTS, TCG_I64, TCG_I32);

static uint64_t helper_arm_pacga(ARMEnv *env, uint64_t data, uint64_t modifier)
{
    check_trap(env, RHEA_RA());
    return compute(env, data, modifier, 4) & UINT64_C(0xffffffff00000000);
}
ARM_HELPER(pacga, I64, true, TCG_HELPER_FAULTS, TCG_I64, TCG_I64);

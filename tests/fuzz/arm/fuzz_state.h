/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What armfuzz (rhea's side) and fuzzrun (the reference's side, an Arm Linux program) share: the
 * file of code blocks, the state in which each block starts, made from its seed by both, and the
 * state at its end.
 *
 * A block is code that ends in UDF; whatever exception comes first ends it. Data and code are at
 * fixed addresses. Memory goes on from block to block.
 */
#ifndef RHEA_FUZZ_STATE_H
#define RHEA_FUZZ_STATE_H

#include <stdint.h>
#include <string.h>

#define FUZZ_DATA      UINT64_C(0x10000000)
#define FUZZ_DATA_SIZE UINT64_C(0x40000)
#define FUZZ_CODE      UINT64_C(0x20000000)
#define FUZZ_MARGIN    UINT64_C(0x10000) /* mapped before and behind the code, zero */

typedef struct FuzzHeader {
    uint32_t blocks, code_bytes;
} FuzzHeader; /* then FuzzBlock[blocks], code */

typedef struct FuzzBlock {
    uint64_t seed;
    uint32_t offset; /* of its code, in bytes from FUZZ_CODE */
    uint16_t bytes;  /* with its UDF */
    uint16_t flags;
} FuzzBlock;

enum {
    FUZZ_FRESH_DATA = 1, /* the data is as at first */
    FUZZ_HASH_DATA = 2,  /* the state at the end has its hash */
    FUZZ_THUMB = 4,
};

typedef struct FuzzState {
    uint64_t x[31], sp;
    uint64_t v[32][2];
    uint64_t pc;    /* end: of the exception, from the block's start */
    uint32_t flags; /* bits 31:28; AArch32: Q and GE as in CPSR too */
    uint32_t fpcr, fpsr, data_hash;
} FuzzState;

static inline uint64_t fuzz_random(uint64_t *s)
{
    /* SplitMix64 */
    uint64_t z = *s += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A number of `bits` bits that is likely to matter as an integer or a floating-point number. */
static inline uint64_t fuzz_number(uint64_t *s, unsigned bits)
{
    unsigned exp_bits = bits == 64 ? 11 : bits == 32 ? 8 : bits == 16 ? 5 : 3;
    unsigned frac_bits = bits - 1 - exp_bits;
    uint64_t r = fuzz_random(s), ones = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    uint64_t sign = (r & 1) << (bits - 1), frac = fuzz_random(s) & ((UINT64_C(1) << frac_bits) - 1);
    uint64_t max_exp = (UINT64_C(1) << exp_bits) - 1, bias = max_exp >> 1, exp;
    switch (r >> 8 & 31) {
    case 0:
        return 0;
    case 1:
        return sign;
    case 2: /* infinity */
        return sign | max_exp << frac_bits;
    case 3: /* quiet and signaling NaNs */
        return sign | max_exp << frac_bits | UINT64_C(1) << (frac_bits - 1) | frac;
    case 4:
        return sign | max_exp << frac_bits | (frac & ~(UINT64_C(1) << (frac_bits - 1))) | 1;
    case 5: /* subnormal */
        return sign | frac;
    case 6:
        return sign | 1;
    case 7: /* smallest normal, largest subnormal */
        return sign | ((UINT64_C(1) << frac_bits) - (r >> 16 & 1));
    case 8: /* largest */
        return sign | ((max_exp << frac_bits) - 1);
    case 9:
    case 10: /* one and its neighbours */
        return sign | ((bias << frac_bits) + (r >> 16 & 3) - 1);
    case 11:
        return ones;
    case 12: /* largest and smallest integers */
        return (UINT64_C(1) << (bits - 1)) - (r >> 16 & 1);
    case 13:
    case 14: /* small integers */
        return ((r >> 16 & 31) - 16) & ones;
    case 15: /* small integers and halves as numbers */
        return sign | (bias + (r >> 16 & 7)) << frac_bits |
               (frac & (UINT64_C(7) << (frac_bits - 3)));
    case 16: /* about the bounds of integers */
        exp = bias + 7 + (r >> 16 & 63);
        return sign | (exp >= max_exp ? max_exp - 1 : exp) << frac_bits | frac;
    case 17:
        exp = bias + 14 + (r >> 16 & 3) * 16;
        exp = exp >= max_exp ? max_exp - 1 : exp;
        return sign | ((exp << frac_bits) + (r >> 20 & 3) - 1);
    case 18: /* about the bounds of other formats */
        exp = bias + ((r >> 16 & 1) ? 127 : 15) + (r >> 20 & 3) - 2;
        return sign | (exp >= max_exp ? max_exp - 1 : exp) << frac_bits | frac;
    case 19:
        exp = bias - ((r >> 16 & 1) ? 126 : 14) - (r >> 20 & 31);
        return sign | (exp > bias ? 1 : exp) << frac_bits | frac;
    case 20: /* few bits */
        return (UINT64_C(1) << (r >> 16 & (bits - 1)) | UINT64_C(1) << (r >> 24 & (bits - 1))) &
               ones;
    case 21:
    case 22:
    case 23:
        return fuzz_random(s) & ones;
    default: /* numbers near one */
        exp = bias - 8 + (r >> 16 & 15);
        exp = exp > max_exp ? bias : exp;
        return sign | exp << frac_bits | frac;
    }
}

/* 64 bits of numbers of one size. */
static inline uint64_t fuzz_numbers(uint64_t *s)
{
    static const uint8_t sizes[8] = {64, 64, 64, 32, 32, 32, 16, 8};
    unsigned bits = sizes[fuzz_random(s) >> 20 & 7];
    uint64_t v = 0;
    for (unsigned pos = 0; pos < 64; pos += bits) {
        v |= fuzz_number(s, bits) << pos;
    }
    return v;
}

/*
 * The state in which a block starts. x16 to x23 are small numbers, x24 to x27 and sp point into the
 * data; the generator sees to it that they stay so.
 */
static inline void fuzz_initial_state(FuzzState *st, uint64_t seed)
{
    uint64_t s = seed, r = fuzz_random(&s);
    memset(st, 0, sizeof(*st));
    /* FPCR: often the default; RMode, FZ, DN, AHP, FZ16 */
    st->fpcr = r & 3
                   ? (uint32_t)(r >> 8 & 3) << 22 | (uint32_t)((r >> 10 & 7) == 0) << 24 |
                         (uint32_t)((r >> 13 & 7) == 0) << 25 |
                         (uint32_t)((r >> 16 & 3) == 0) << 26 | (uint32_t)((r >> 18 & 3) == 0) << 19
                   : 0;
    st->flags = (uint32_t)(r >> 32) & 0xf0000000;
    for (unsigned i = 0; i < 31; i++) {
        st->x[i] = fuzz_numbers(&s);
    }
    for (unsigned i = 16; i < 24; i++) {
        st->x[i] = fuzz_random(&s) & 0xff;
    }
    for (unsigned i = 24; i < 28; i++) {
        st->x[i] = FUZZ_DATA + 0x10000 + (fuzz_random(&s) & 0xfff);
    }
    st->sp = FUZZ_DATA + 0x10000 + (fuzz_random(&s) & 0xff0);
    for (unsigned i = 0; i < 32; i++) {
        uint64_t lo = fuzz_numbers(&s), hi = fuzz_numbers(&s);
        st->v[i][0] = lo;
        st->v[i][1] = fuzz_random(&s) & 7 ? hi : lo;
    }
}

/* The same for AArch32: R8 and R9 are small, R10, R11 and SP point into the data. FPCR and FPSR are
 * FPSCR, in fpcr. */
static inline void fuzz_initial_state32(FuzzState *st, uint64_t seed)
{
    fuzz_initial_state(st, seed);
    for (unsigned i = 0; i < 15; i++) {
        st->x[i] &= 0xffffffff;
    }
    st->x[8] = st->x[16];
    st->x[9] = st->x[17];
    st->x[10] = st->x[24] & ~UINT64_C(31);
    st->x[11] = st->x[25] & ~UINT64_C(31);
    st->x[13] = st->sp;
    st->fpcr |= st->flags ^ 0x50000000;
    st->flags |= (uint32_t)st->x[9] << 16 & 0x080f0000;
    for (unsigned i = 15; i < 31; i++) {
        st->x[i] = 0;
    }
    for (unsigned i = 16; i < 32; i++) {
        st->v[i][0] = st->v[i][1] = 0;
    }
    st->sp = 0;
}

/* The first contents of the data. */
static inline void fuzz_initial_data(uint64_t *data)
{
    uint64_t s = 1;
    for (unsigned i = 0; i < FUZZ_DATA_SIZE / 8; i++) {
        data[i] = fuzz_numbers(&s);
    }
}

static inline uint64_t fuzz_hash(const uint64_t *data, uint64_t n)
{
    uint64_t h = 0;
    for (uint64_t i = 0; i < n; i++) {
        h = (h ^ data[i]) * UINT64_C(0x100000001b3) + i;
    }
    return h;
}

#endif

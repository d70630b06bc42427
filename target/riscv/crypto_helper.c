/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V instructions that are pure functions of two registers and too long for IR: carry-less
 * multiplication (Zbc, Zbkc), permutations (Zbkb, Zbkx), AES (Zknd, Zkne). Unprivileged
 * specification, chapters "B" and "Scalar cryptography"; AES: FIPS 197.
 *
 * Pure: no state, any thread. Test: tests/unit/test-riscv-crypto.c
 */
#include "target/riscv/cpu.h"
#include "target/riscv/bits.h"

#define PURE1(name) RISCV_HELPER(name, I64, false, TCG_HELPER_PURE, TCG_I64)
#define PURE2(name) RISCV_HELPER(name, I64, false, TCG_HELPER_PURE, TCG_I64, TCG_I64)
#define PURE3(name) RISCV_HELPER(name, I64, false, TCG_HELPER_PURE, TCG_I64, TCG_I64, TCG_I64)

/* ------------------------------------------------------------------------------------------ */
/* Carry-less multiplication */

static unsigned __int128 crypto_clmul(uint64_t a, uint64_t b)
{
    unsigned __int128 r = 0;

    for (; b; b &= b - 1) {
        r ^= (unsigned __int128)a << __builtin_ctzll(b);
    }
    return r;
}

static uint64_t helper_riscv_clmul(uint64_t a, uint64_t b)
{
    return crypto_clmul(a, b);
}
PURE2(clmul);

static uint64_t helper_riscv_clmulh(uint64_t a, uint64_t b)
{
    return crypto_clmul(a, b) >> 64;
}
PURE2(clmulh);

static uint64_t helper_riscv_clmulr(uint64_t a, uint64_t b)
{
    return crypto_clmul(a, b) >> 63;
}
PURE2(clmulr);

static uint64_t helper_riscv_clmulh32(uint64_t a, uint64_t b)
{
    return crypto_clmul((uint32_t)a, (uint32_t)b) >> 32;
}
PURE2(clmulh32);

static uint64_t helper_riscv_clmulr32(uint64_t a, uint64_t b)
{
    return (uint32_t)(crypto_clmul((uint32_t)a, (uint32_t)b) >> 31);
}
PURE2(clmulr32);

/* ------------------------------------------------------------------------------------------ */
/* Permutations */

static uint64_t helper_riscv_brev8(uint64_t x)
{
    x = (x >> 1 & UINT64_C(0x5555555555555555)) | (x & UINT64_C(0x5555555555555555)) << 1;
    x = (x >> 2 & UINT64_C(0x3333333333333333)) | (x & UINT64_C(0x3333333333333333)) << 2;
    return (x >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f)) | (x & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4;
}
PURE1(brev8);

/* Bit i of the low half goes to bit 2i, bit i of the high half to bit 2i + 1. */
static uint64_t helper_riscv_zip32(uint64_t x)
{
    uint32_t r = 0;

    for (unsigned i = 0; i < 16; i++) {
        r |= (uint32_t)(x >> i & 1) << (2 * i) | (uint32_t)(x >> (i + 16) & 1) << (2 * i + 1);
    }
    return r;
}
PURE1(zip32);

static uint64_t helper_riscv_unzip32(uint64_t x)
{
    uint32_t r = 0;

    for (unsigned i = 0; i < 16; i++) {
        r |= (uint32_t)(x >> (2 * i) & 1) << i | (uint32_t)(x >> (2 * i + 1) & 1) << (i + 16);
    }
    return r;
}
PURE1(unzip32);

/* Elements of `bits` bits of index select elements of table; an index out of range gives 0. */
static inline uint64_t crypto_xperm(uint64_t table, uint64_t index, unsigned bits, unsigned width)
{
    uint64_t mask = BIT64(bits) - 1, r = 0;

    for (unsigned i = 0; i < width; i += bits) {
        uint64_t pos = (index >> i & mask) * bits;
        r |= pos < width ? (table >> pos & mask) << i : 0;
    }
    return r;
}

static uint64_t helper_riscv_xperm4(uint64_t a, uint64_t b)
{
    return crypto_xperm(a, b, 4, 64);
}
PURE2(xperm4);

static uint64_t helper_riscv_xperm8(uint64_t a, uint64_t b)
{
    return crypto_xperm(a, b, 8, 64);
}
PURE2(xperm8);

static uint64_t helper_riscv_xperm4_32(uint64_t a, uint64_t b)
{
    return crypto_xperm(a, b, 4, 32);
}
PURE2(xperm4_32);

static uint64_t helper_riscv_xperm8_32(uint64_t a, uint64_t b)
{
    return crypto_xperm(a, b, 8, 32);
}
PURE2(xperm8_32);

/* ------------------------------------------------------------------------------------------ */
/* AES */

/* clang-format off */
static const uint8_t aes_sbox[256] = {
    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
    0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
    0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
    0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
    0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
    0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
    0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
    0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
    0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
    0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
    0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
    0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
    0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
    0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
    0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
    0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};

static const uint8_t aes_sbox_inv[256] = {
    0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb,
    0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb,
    0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
    0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25,
    0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92,
    0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
    0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06,
    0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b,
    0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
    0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e,
    0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b,
    0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
    0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f,
    0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef,
    0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
    0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};
/* clang-format on */

static inline uint8_t aes_mul(uint8_t a, unsigned b)
{
    uint8_t r = 0;

    for (; b; b >>= 1) {
        r ^= b & 1 ? a : 0;
        a = a << 1 ^ (a & 0x80 ? 0x1b : 0);
    }
    return r;
}

/* MixColumns of a column with one byte in row 0. */
static uint32_t aes_mix_byte(uint8_t b)
{
    return (uint32_t)aes_mul(b, 3) << 24 | (uint32_t)b << 16 | (uint32_t)b << 8 | aes_mul(b, 2);
}

static uint32_t aes_mix_byte_inv(uint8_t b)
{
    return (uint32_t)aes_mul(b, 0xb) << 24 | (uint32_t)aes_mul(b, 0xd) << 16 |
           (uint32_t)aes_mul(b, 0x9) << 8 | aes_mul(b, 0xe);
}

static inline uint32_t aes_rotl(uint32_t x, unsigned n)
{
    return n ? x << n | x >> (32 - n) : x;
}

static uint32_t aes_mix(uint32_t col, uint32_t (*mix)(uint8_t))
{
    uint32_t r = 0;

    for (unsigned i = 0; i < 4; i++) {
        r ^= aes_rotl(mix(col >> (8 * i)), 8 * i);
    }
    return r;
}

/* RV32: byte bs of rs2, substituted (and mixed), rotated into place and added to rs1. */
static uint64_t aes32(uint64_t rs1, uint64_t rs2, uint64_t bs, const uint8_t *box,
                      uint32_t (*mix)(uint8_t))
{
    unsigned shift = 8 * (bs & 3);
    uint8_t b = box[rs2 >> shift & 0xff];

    return (uint32_t)rs1 ^ aes_rotl(mix ? mix(b) : b, shift);
}

static uint64_t helper_riscv_aes32esi(uint64_t rs1, uint64_t rs2, uint64_t bs)
{
    return aes32(rs1, rs2, bs, aes_sbox, NULL);
}
PURE3(aes32esi);

static uint64_t helper_riscv_aes32esmi(uint64_t rs1, uint64_t rs2, uint64_t bs)
{
    return aes32(rs1, rs2, bs, aes_sbox, aes_mix_byte);
}
PURE3(aes32esmi);

static uint64_t helper_riscv_aes32dsi(uint64_t rs1, uint64_t rs2, uint64_t bs)
{
    return aes32(rs1, rs2, bs, aes_sbox_inv, NULL);
}
PURE3(aes32dsi);

static uint64_t helper_riscv_aes32dsmi(uint64_t rs1, uint64_t rs2, uint64_t bs)
{
    return aes32(rs1, rs2, bs, aes_sbox_inv, aes_mix_byte_inv);
}
PURE3(aes32dsmi);

/*
 * RV64: columns 0 and 1 of the next state. The state is rs1 (columns 0, 1) and rs2 (2, 3); byte
 * 4 * column + row. ShiftRows takes row r of column c from column c + r, its inverse from c - r.
 */
static uint64_t aes64_round(uint64_t rs1, uint64_t rs2, bool decrypt)
{
    const uint8_t *box = decrypt ? aes_sbox_inv : aes_sbox;
    uint64_t out = 0;

    for (unsigned i = 0; i < 8; i++) {
        unsigned row = i & 3, col = ((i >> 2) + (decrypt ? 4 - row : row)) & 3;
        uint64_t half = col < 2 ? rs1 : rs2;
        out |= (uint64_t)box[half >> (32 * (col & 1) + 8 * row) & 0xff] << (8 * i);
    }
    return out;
}

static uint64_t aes64_mix(uint64_t x, uint32_t (*mix)(uint8_t))
{
    return (uint64_t)aes_mix(x >> 32, mix) << 32 | aes_mix(x, mix);
}

static uint64_t helper_riscv_aes64es(uint64_t rs1, uint64_t rs2)
{
    return aes64_round(rs1, rs2, false);
}
PURE2(aes64es);

static uint64_t helper_riscv_aes64esm(uint64_t rs1, uint64_t rs2)
{
    return aes64_mix(aes64_round(rs1, rs2, false), aes_mix_byte);
}
PURE2(aes64esm);

static uint64_t helper_riscv_aes64ds(uint64_t rs1, uint64_t rs2)
{
    return aes64_round(rs1, rs2, true);
}
PURE2(aes64ds);

static uint64_t helper_riscv_aes64dsm(uint64_t rs1, uint64_t rs2)
{
    return aes64_mix(aes64_round(rs1, rs2, true), aes_mix_byte_inv);
}
PURE2(aes64dsm);

static uint64_t helper_riscv_aes64im(uint64_t rs1)
{
    return aes64_mix(rs1, aes_mix_byte_inv);
}
PURE1(aes64im);

/* Key schedule; rnum 0xa: the last step, without rotation and constant. */
static uint64_t helper_riscv_aes64ks1i(uint64_t rs1, uint64_t rnum)
{
    static const uint8_t rcon[10] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36};
    uint32_t word = rs1 >> 32, sub = 0;

    if (rnum < 10) {
        word = aes_rotl(word, 24);
    }
    for (unsigned i = 0; i < 32; i += 8) {
        sub |= (uint32_t)aes_sbox[word >> i & 0xff] << i;
    }
    sub ^= rnum < 10 ? rcon[rnum] : 0;
    return (uint64_t)sub << 32 | sub;
}
PURE2(aes64ks1i);

static uint64_t helper_riscv_aes64ks2(uint64_t rs1, uint64_t rs2)
{
    uint32_t w0 = rs1 >> 32 ^ rs2, w1 = w0 ^ rs2 >> 32;

    return (uint64_t)w1 << 32 | w0;
}
PURE2(aes64ks2);

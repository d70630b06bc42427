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
#include "tcg/aes.h"
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

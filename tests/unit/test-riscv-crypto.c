/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V helpers that are pure functions: AES by the example vectors of FIPS 197 appendix C, carry-
 * less multiplication and permutations against their definitions.
 */
#include <string.h>
#include "target/riscv/cpu.h"

typedef uint64_t Fn1(uint64_t), Fn2(uint64_t, uint64_t), Fn3(uint64_t, uint64_t, uint64_t);
#define H1(name) ((Fn1 *)riscv_helper_##name.fn)
#define H2(name) ((Fn2 *)riscv_helper_##name.fn)
#define H3(name) ((Fn3 *)riscv_helper_##name.fn)

static const uint8_t plain[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
static const uint8_t cipher[16] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                   0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};

/* Round keys of AES-128 with the key 00 01 ... 0f, by the RV64 instructions. */
static void aes_keys(uint64_t keys[11][2])
{
    uint8_t key[16];

    for (unsigned i = 0; i < 16; i++) {
        key[i] = i;
    }
    memcpy(keys[0], key, 16);
    for (unsigned r = 0; r < 10; r++) {
        uint64_t t = H2(aes64ks1i)(keys[r][1], r);
        keys[r + 1][0] = H2(aes64ks2)(t, keys[r][0]);
        keys[r + 1][1] = H2(aes64ks2)(keys[r + 1][0], keys[r][1]);
    }
}

static void test_aes64(void)
{
    uint64_t keys[11][2], s[2], t[2];

    aes_keys(keys);
    memcpy(s, plain, 16);
    s[0] ^= keys[0][0];
    s[1] ^= keys[0][1];
    for (unsigned r = 1; r <= 10; r++) {
        t[0] = r < 10 ? H2(aes64esm)(s[0], s[1]) : H2(aes64es)(s[0], s[1]);
        t[1] = r < 10 ? H2(aes64esm)(s[1], s[0]) : H2(aes64es)(s[1], s[0]);
        s[0] = t[0] ^ keys[r][0];
        s[1] = t[1] ^ keys[r][1];
    }
    g_assert_cmpmem(s, 16, cipher, 16);
    s[0] ^= keys[10][0];
    s[1] ^= keys[10][1];
    for (unsigned r = 10; r-- > 0;) {
        t[0] = r ? H2(aes64dsm)(s[0], s[1]) : H2(aes64ds)(s[0], s[1]);
        t[1] = r ? H2(aes64dsm)(s[1], s[0]) : H2(aes64ds)(s[1], s[0]);
        s[0] = t[0] ^ (r ? H1(aes64im)(keys[r][0]) : keys[r][0]);
        s[1] = t[1] ^ (r ? H1(aes64im)(keys[r][1]) : keys[r][1]);
    }
    g_assert_cmpmem(s, 16, plain, 16);
}

static void test_aes32(void)
{
    uint64_t keys64[11][2];
    uint32_t keys[11][4], s[4], t[4];

    aes_keys(keys64);
    memcpy(keys, keys64, sizeof(keys));
    memcpy(s, plain, 16);
    for (unsigned i = 0; i < 4; i++) {
        s[i] ^= keys[0][i];
    }
    for (unsigned r = 1; r <= 10; r++) {
        for (unsigned i = 0; i < 4; i++) {
            uint64_t v = keys[r][i];
            for (unsigned bs = 0; bs < 4; bs++) {
                v = r < 10 ? H3(aes32esmi)(v, s[(i + bs) & 3], bs)
                           : H3(aes32esi)(v, s[(i + bs) & 3], bs);
            }
            t[i] = v;
        }
        memcpy(s, t, 16);
    }
    g_assert_cmpmem(s, 16, cipher, 16);
    for (unsigned i = 0; i < 4; i++) {
        s[i] ^= keys[10][i];
    }
    for (unsigned r = 10; r-- > 0;) {
        for (unsigned i = 0; i < 4; i++) {
            uint64_t v = keys[r][i];
            if (r) {
                v = (uint32_t)H1(aes64im)(v);
            }
            for (unsigned bs = 0; bs < 4; bs++) {
                v = r ? H3(aes32dsmi)(v, s[(i - bs) & 3], bs)
                      : H3(aes32dsi)(v, s[(i - bs) & 3], bs);
            }
            t[i] = v;
        }
        memcpy(s, t, 16);
    }
    g_assert_cmpmem(s, 16, plain, 16);
}

static uint64_t ref_clmul(uint64_t a, uint64_t b, unsigned width, unsigned from)
{
    uint64_t r = 0;

    for (unsigned bit = 0; bit < width; bit++) {
        unsigned x = 0;
        for (unsigned i = 0; i < width; i++) {
            int j = (int)(bit + from) - (int)i;
            x ^= j >= 0 && j < (int)width ? (a >> i & 1) & (b >> j & 1) : 0;
        }
        r |= (uint64_t)x << bit;
    }
    return r;
}

static uint64_t ref_xperm(uint64_t a, uint64_t b, unsigned bits, unsigned width)
{
    uint64_t r = 0, mask = (UINT64_C(1) << bits) - 1;

    for (unsigned i = 0; i < width / bits; i++) {
        uint64_t idx = b >> (i * bits) & mask;
        r |= idx < width / bits ? (a >> (idx * bits) & mask) << (i * bits) : 0;
    }
    return r;
}

static void test_bits(void)
{
    GRand *rnd = g_rand_new_with_seed(1);

    for (unsigned n = 0; n < 2000; n++) {
        uint64_t a = (uint64_t)g_rand_int(rnd) << 32 | g_rand_int(rnd);
        uint64_t b = (uint64_t)g_rand_int(rnd) << 32 | g_rand_int(rnd);
        uint32_t a32 = a, b32 = b;
        g_assert_cmphex(H2(clmul)(a, b), ==, ref_clmul(a, b, 64, 0));
        g_assert_cmphex(H2(clmulh)(a, b), ==, ref_clmul(a, b, 64, 64));
        g_assert_cmphex(H2(clmulr)(a, b), ==, ref_clmul(a, b, 64, 63));
        g_assert_cmphex(H2(clmulh32)(a, b), ==, ref_clmul(a32, b32, 32, 32));
        g_assert_cmphex(H2(clmulr32)(a, b), ==, ref_clmul(a32, b32, 32, 31));
        b &= n & 1 ? UINT64_C(0x0707070707070707) : UINT64_MAX;
        g_assert_cmphex(H2(xperm4)(a, b), ==, ref_xperm(a, b, 4, 64));
        g_assert_cmphex(H2(xperm8)(a, b), ==, ref_xperm(a, b, 8, 64));
        g_assert_cmphex(H2(xperm4_32)(a32, (uint32_t)b), ==, ref_xperm(a32, (uint32_t)b, 4, 32));
        g_assert_cmphex(H2(xperm8_32)(a32, (uint32_t)b), ==, ref_xperm(a32, (uint32_t)b, 8, 32));
        uint64_t brev = 0;
        uint32_t zip = 0;
        for (unsigned i = 0; i < 64; i++) {
            brev |= (a >> i & 1) << (i ^ 7);
        }
        for (unsigned i = 0; i < 16; i++) {
            zip |= (a32 >> i & 1) << (2 * i) | (a32 >> (i + 16) & 1) << (2 * i + 1);
        }
        g_assert_cmphex(H1(brev8)(a), ==, brev);
        g_assert_cmphex(H1(zip32)(a32), ==, zip);
        g_assert_cmphex(H1(unzip32)(zip), ==, a32);
    }
    g_rand_free(rnd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/riscv/crypto/aes64", test_aes64);
    g_test_add_func("/riscv/crypto/aes32", test_aes32);
    g_test_add_func("/riscv/crypto/bits", test_bits);
    return g_test_run();
}

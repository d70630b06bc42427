/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The SIMD kernels of the benchmarks: plain loops that the compiler turns into vector code where
 * the processor has it (this file is compiled with -O3; NEON of AArch32 takes -ffast-math for
 * floats), and, on AArch64, intrinsics for what C cannot say. The class exists on Arm only. The
 * rules are those of compute.c.
 */
#include "bench.h"

#if defined(__aarch64__) || defined(__ARM_NEON)
#include <arm_neon.h>

enum { N = 8192 };

static u64 bits_of(float f)
{
    union {
        float f;
        u32 u;
    } x = {f};
    return x.u;
}

static __attribute__((noinline)) void saxpy_row(float *restrict y, const float *restrict x, float a)
{
    for (int i = 0; i < N; i++)
        y[i] += a * x[i];
}
static u64 saxpy(u64 n)
{
    float *x = bench_arena, *y = x + N;
    for (int i = 0; i < N; i++)
        x[i] = i * 0.25f, y[i] = i & 15;
    while (n--)
        saxpy_row(y, x, n & 1 ? 0.5f : -0.5f);
    return bits_of(y[7]) ^ bits_of(y[N - 1]) << 32;
}

/* Sums of products of bytes: widening multiplication and pairwise addition. */
static __attribute__((noinline)) u32 dot_row(const u8 *a, const u8 *b)
{
    u32 s = 0;
    for (int i = 0; i < N; i++)
        s += a[i] * b[i];
    return s;
}
static u64 dot_u8(u64 n)
{
    u8 *a = bench_arena, *b = a + N;
    u64 sum = 0;
    for (int i = 0; i < N; i++)
        a[i] = i * 7, b[i] = i * 13 + 5;
    while (n--) {
        sum = sum * 3 + dot_row(a, b);
        a[n % N]++;
    }
    return sum;
}

/* Sixteen-bit samples through a filter of eight taps. */
static __attribute__((noinline)) void filter_row(short *restrict y, const short *restrict x,
                                                 const short *restrict w)
{
    for (int i = 0; i < N; i++) {
        i32 s = 0;
        for (int k = 0; k < 8; k++)
            s += x[i + k] * w[k];
        y[i] = s >> 8;
    }
}
static u64 filter_i16(u64 n)
{
    short *x = bench_arena, *y = x + 2 * N, w[8] = {3, -7, 20, 90, 90, 20, -7, 3};
    for (int i = 0; i < N + 8; i++)
        x[i] = (i * 2503) >> 3;
    while (n--) {
        filter_row(y, x, w);
        x[n % N] ^= y[n % N];
    }
    return (u64)(unsigned short)y[5] << 32 ^ (unsigned short)x[N - 1];
}

/* Two pictures of four channels, one over the other. */
static __attribute__((noinline)) void blend_row(u8 *restrict d, const u8 *restrict s, u8 alpha)
{
    for (int i = 0; i < N; i++)
        d[i] = (s[i] * alpha + d[i] * (255 - alpha) + 128) >> 8;
}
static u64 blend(u64 n)
{
    u8 *d = bench_arena, *s = d + N;
    u64 sum = 0;
    for (int i = 0; i < N; i++)
        d[i] = i * 3, s[i] = i * 11 >> 2;
    while (n--) {
        blend_row(d, s, n * 37);
        s[n % N] += n;
    }
    for (int i = 0; i < N; i++)
        sum = sum * 31 + d[i];
    return sum;
}

static __attribute__((noinline)) i32 max_row(const i32 *a)
{
    i32 m = a[0];
    for (int i = 1; i < N; i++)
        m = a[i] > m ? a[i] : m;
    return m;
}
static u64 max_i32(u64 n)
{
    i32 *a = bench_arena;
    u64 sum = 0;
    for (int i = 0; i < N; i++)
        a[i] = i * 2654435761u >> 1;
    while (n--) {
        sum = sum * 5 + max_row(a);
        a[n % N] -= n;
    }
    return sum;
}

/* Rows of a matrix product, four values at a time, fused where the processor fuses. */
static u64 matmul_v4(u64 n)
{
    enum { M = 64 };
    float(*a)[M] = bench_arena, (*b)[M] = a + M, (*c)[M] = b + M;
    for (int i = 0; i < M; i++)
        for (int k = 0; k < M; k++)
            a[i][k] = (i * 5 + k) % 17 * 0.125f, b[i][k] = (i + k * 3) % 13 * 0.25f;
    while (n--) {
        for (int i = 0; i < M; i++)
            for (int k = 0; k < M; k += 16) {
                float32x4_t s0 = vdupq_n_f32(0), s1 = s0, s2 = s0, s3 = s0;
                for (int j = 0; j < M; j++) {
                    float32x4_t x = vdupq_n_f32(a[i][j]);
                    s0 = vmlaq_f32(s0, x, vld1q_f32(&b[j][k]));
                    s1 = vmlaq_f32(s1, x, vld1q_f32(&b[j][k + 4]));
                    s2 = vmlaq_f32(s2, x, vld1q_f32(&b[j][k + 8]));
                    s3 = vmlaq_f32(s3, x, vld1q_f32(&b[j][k + 12]));
                }
                vst1q_f32(&c[i][k], s0);
                vst1q_f32(&c[i][k + 4], s1);
                vst1q_f32(&c[i][k + 8], s2);
                vst1q_f32(&c[i][k + 12], s3);
            }
        a[n % M][3] += 0.125f;
    }
    return bits_of(c[3][5]) ^ bits_of(c[M - 1][M - 2]) << 32;
}

/* A grid of counters with saturation, narrowing and table look-up. */
static u64 bytes_misc(u64 n)
{
    u8 *a = bench_arena;
    uint8x8_t t = vcreate_u8(0x0f1e2d3c4b5a6978ull);
    u64 sum = 0;
    for (int i = 0; i < N; i++)
        a[i] = i * 29;
    while (n--)
        for (int i = 0; i < N; i += 16) {
            uint8x16_t v = vld1q_u8(a + i), w = vqaddq_u8(v, vshrq_n_u8(v, 1));
            uint16x8_t p = vaddl_u8(vget_low_u8(v), vget_high_u8(w));
            uint8x8_t q = vqrshrn_n_u16(p, 1), r = vtbl1_u8(t, vand_u8(q, vdup_n_u8(7)));
            w = vrhaddq_u8(w, vcombine_u8(q, r));
            v = vbslq_u8(vcgtq_u8(w, v), vrev64q_u8(v), w);
            vst1q_u8(a + i, v);
        }
    for (int i = 0; i < N; i++)
        sum = sum * 31 + a[i];
    return sum;
}

#ifdef __ARM_FEATURE_CRYPTO
static u64 aes128(u64 n)
{
    uint8x16_t k[11], b = vdupq_n_u8(0), sum = b;
    for (int i = 0; i < 11; i++)
        k[i] = vdupq_n_u8(i * 41 + 3);
    for (u64 i = 0; i < n * 1000; i++) {
        b = veorq_u8(b, vreinterpretq_u8_u64(vdupq_n_u64(i)));
        for (int r = 0; r < 9; r++)
            b = vaesmcq_u8(vaeseq_u8(b, k[r]));
        b = veorq_u8(vaeseq_u8(b, k[9]), k[10]);
        sum = veorq_u8(sum, b);
    }
    return vgetq_lane_u64(vreinterpretq_u64_u8(sum), 0) ^
           vgetq_lane_u64(vreinterpretq_u64_u8(sum), 1);
}

static u64 sha256_ce(u64 n)
{
    static u32 table[64];
    uint32x4_t abcd = vdupq_n_u32(0x6a09e667), efgh = vdupq_n_u32(0x510e527f);
    for (int i = 0; i < 64; i++)
        table[i] = 0x428a2f98u * (i + 1) ^ i << 9;
    for (u64 i = 0; i < n * 100; i++) {
        uint32x4_t w[4], s0 = abcd, s1 = efgh;
        for (int k = 0; k < 4; k++)
            w[k] = vdupq_n_u32(i * 16 + k);
        for (int k = 0; k < 16; k++) {
            uint32x4_t t = vaddq_u32(w[k & 3], vld1q_u32(table + k * 4)), s = s0;
            s0 = vsha256hq_u32(s0, s1, t);
            s1 = vsha256h2q_u32(s1, s, t);
            w[k & 3] = vsha256su1q_u32(vsha256su0q_u32(w[k & 3], w[(k + 1) & 3]), w[(k + 2) & 3],
                                       w[(k + 3) & 3]);
        }
        abcd = vaddq_u32(abcd, s0);
        efgh = vaddq_u32(efgh, s1);
    }
    return vgetq_lane_u32(abcd, 0) | (u64)vgetq_lane_u32(efgh, 3) << 32;
}

/* Carry-less products, as GHASH and CRC folding use them. */
static u64 pmull(u64 n)
{
    uint64x2_t a = {0x123456789abcdef0ull, 0xfedcba9876543210ull}, s = a;
    for (u64 i = 0; i < n * 1000; i++) {
        poly128_t l = vmull_p64(vgetq_lane_u64(a, 0), vgetq_lane_u64(s, 0));
        poly128_t h = vmull_high_p64(vreinterpretq_p64_u64(a), vreinterpretq_p64_u64(s));
        s = veorq_u64(vreinterpretq_u64_p128(l), vreinterpretq_u64_p128(h));
        a = veorq_u64(a, vdupq_n_u64(i));
    }
    return vgetq_lane_u64(s, 0) ^ vgetq_lane_u64(s, 1);
}
#endif

const struct bench_kernel bench_simd[] = {
    {"simd", "saxpy", saxpy, 30000},
    {"simd", "dot-u8", dot_u8, 100000},
    {"simd", "filter-i16", filter_i16, 10000},
    {"simd", "blend-u8", blend, 80000},
    {"simd", "max-i32", max_i32, 100000},
    {"simd", "matmul-v4", matmul_v4, 2000},
    {"simd", "bytes-misc", bytes_misc, 20000},
#ifdef __ARM_FEATURE_CRYPTO
    {"simd", "aes128", aes128, 15000},
    {"simd", "sha256-ce", sha256_ce, 10000},
    {"simd", "pmull", pmull, 100000},
#endif
    {0, 0, 0, 0},
};
#else
const struct bench_kernel bench_simd[] = {{0, 0, 0, 0}};
#endif

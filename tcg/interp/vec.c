/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the integer vector ops of ops.def compute, element by element: for the interpreter, for
 * hosts that have no code for an op, and as helpers of the lowering (lower.c). Nothing here is
 * fast.
 *
 * AES: FIPS 197. SHA: FIPS 180-4, cut into steps as Arm's instructions are (Arm ARM C7.2, SHA1C to
 * SHA512SU1).
 *
 * No state, any thread. Tests: tests/unit/test-tcg-vec.c.
 */
#include "tcg/interp/internal.h"
#include "tcg/aes.h"

typedef __int128 i128;
typedef unsigned __int128 u128;

static inline uint64_t ones(unsigned w)
{
    return w >= 64 ? UINT64_MAX : (UINT64_C(1) << w) - 1;
}

/* Element i of 8 << es bits. */
static inline uint64_t get(const uint64_t v[2], unsigned es, unsigned i)
{
    unsigned pos = i << (es + 3);
    return v[pos >> 6] >> (pos & 63) & ones(8u << es);
}

static inline void put(uint64_t v[2], unsigned es, unsigned i, uint64_t e)
{
    unsigned pos = i << (es + 3);
    uint64_t m = ones(8u << es) << (pos & 63);
    v[pos >> 6] = (v[pos >> 6] & ~m) | (e << (pos & 63) & m);
}

static inline int64_t to_signed(uint64_t e, unsigned w)
{
    return (int64_t)(e << (64 - w)) >> (64 - w);
}

/* As a number. */
static inline i128 number(uint64_t e, unsigned w, bool is_unsigned)
{
    return is_unsigned ? (i128)e : (i128)to_signed(e, w);
}

/* v in w bits; *q: it did not fit. */
static uint64_t saturate(i128 v, unsigned w, bool is_unsigned, bool *q)
{
    i128 max = is_unsigned ? (i128)ones(w) : (i128)ones(w - 1), min = is_unsigned ? 0 : -max - 1;
    *q = v > max || v < min;
    return (uint64_t)(v > max ? max : v < min ? min : v);
}

/* One element shifted by a signed count: vshlv. */
static uint64_t shift(uint64_t e, unsigned w, int count, unsigned aux, bool *q)
{
    bool u = aux & TCG_VEC_UNSIGNED;
    i128 x = number(e, w, u);
    *q = false;
    if (count >= 0) {
        if (!(aux & TCG_VEC_SAT)) {
            return count >= (int)w ? 0 : e << count;
        }
        if (count > 63) {
            /* Too far for any but zero, and what is left may not be shifted that far. */
            return saturate(x == 0 ? 0 : x > 0 ? (i128)1 << 100 : -((i128)1 << 100), w, u, q);
        }
        return saturate(x * ((i128)1 << count), w, u, q);
    }
    unsigned n = MIN(-count, 100);
    if (aux & TCG_VEC_ROUND) {
        x += (i128)1 << (n - 1);
    }
    return (uint64_t)(x >> n);
}

static u128 clmul(uint64_t a, uint64_t b)
{
    u128 r = 0;
    for (; b; b &= b - 1) {
        r ^= (u128)a << __builtin_ctzll(b);
    }
    return r;
}

/* Elements of a, b, c to elements of the same size. *q: saturated. */
static uint64_t element(unsigned opc, unsigned aux, uint64_t a, uint64_t b, uint64_t c, bool *q)
{
    unsigned w = 8u << (aux & TCG_VEC_ESIZE);
    bool u = aux & TCG_VEC_UNSIGNED;
    i128 x = number(a, w, u), y = number(b, w, u);
    uint64_t r;
    switch (opc) {
    case TCG_OP_vmul:
        return a * b;
    case TCG_OP_vneg:
        return 0 - a;
    case TCG_OP_vabs:
        return x < 0 ? 0 - a : a;
    case TCG_OP_vmin:
        return x < y ? a : b;
    case TCG_OP_vmax:
        return x > y ? a : b;
    case TCG_OP_vavg:
        return (uint64_t)((x + y + (aux & TCG_VEC_ROUND ? 1 : 0)) >> 1);
    case TCG_OP_vqadd:
        return saturate(x + (aux & TCG_VEC_MIXED ? number(b, w, !u) : y), w, u, q);
    case TCG_OP_vqsub:
        return saturate(x - y, w, u, q);
    case TCG_OP_vcmpgt:
        return x > y ? UINT64_MAX : 0;
    case TCG_OP_vcmpge:
        return x >= y ? UINT64_MAX : 0;
    case TCG_OP_vtst:
        return a & b ? UINT64_MAX : 0;
    case TCG_OP_vshlv:
        return shift(a, w, (int8_t)b, aux, q);
    case TCG_OP_vqdmulh:
        return saturate((2 * x * y + (aux & TCG_VEC_ROUND ? (i128)1 << (w - 1) : 0)) >> w, w, false,
                        q);
    case TCG_OP_vqrdmlah: {
        i128 product = 2 * y * number(c, w, false);
        x = x * ((i128)1 << w) + (aux & TCG_VEC_NEGATE ? -product : product);
        return saturate((x + ((i128)1 << (w - 1))) >> w, w, false, q);
    }
    case TCG_OP_vrbit:
        r = 0;
        for (unsigned i = 0; i < 8; i++) {
            r |= (a >> i & 1) << (7 - i);
        }
        return r;
    case TCG_OP_vclz:
        return a ? __builtin_clzll(a) - (64 - w) : w;
    case TCG_OP_vpopcnt:
        return __builtin_popcountll(a);
    default:
        g_assert_not_reached();
    }
}

static uint32_t rol(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}
static uint32_t ror(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}
static uint64_t ror64(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
    return ((y ^ z) & x) ^ z;
}
static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) | ((x | y) & z);
}

static void sha1_rounds(unsigned kind, uint32_t x[4], uint32_t y, const uint32_t w[4])
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t t = kind == TCG_SHA1C   ? choose(x[1], x[2], x[3])
                     : kind == TCG_SHA1M ? majority(x[1], x[2], x[3])
                                         : x[1] ^ x[2] ^ x[3];
        uint32_t sum = y + rol(x[0], 5) + t + w[i];
        y = x[3];
        x[3] = x[2];
        x[2] = rol(x[1], 30);
        x[1] = x[0];
        x[0] = sum;
    }
}

static void sha256_rounds(uint32_t x[4], uint32_t y[4], const uint32_t w[4])
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t t =
            y[3] + (ror(y[0], 6) ^ ror(y[0], 11) ^ ror(y[0], 25)) + choose(y[0], y[1], y[2]) + w[i];
        uint32_t to_y = t + x[3];
        uint32_t to_x =
            t + (ror(x[0], 2) ^ ror(x[0], 13) ^ ror(x[0], 22)) + majority(x[0], x[1], x[2]);
        for (unsigned k = 3; k > 0; k--) {
            x[k] = x[k - 1];
            y[k] = y[k - 1];
        }
        x[0] = to_x;
        y[0] = to_y;
    }
}

static uint32_t sha256_small0(uint32_t x)
{
    return ror(x, 7) ^ ror(x, 18) ^ x >> 3;
}
static uint32_t sha256_small1(uint32_t x)
{
    return ror(x, 17) ^ ror(x, 19) ^ x >> 10;
}
static uint64_t sha512_big0(uint64_t x)
{
    return ror64(x, 28) ^ ror64(x, 34) ^ ror64(x, 39);
}
static uint64_t sha512_big1(uint64_t x)
{
    return ror64(x, 14) ^ ror64(x, 18) ^ ror64(x, 41);
}
static uint64_t sha512_small0(uint64_t x)
{
    return ror64(x, 1) ^ ror64(x, 8) ^ x >> 7;
}
static uint64_t sha512_small1(uint64_t x)
{
    return ror64(x, 19) ^ ror64(x, 61) ^ x >> 6;
}
static uint64_t sha512_majority(uint64_t x, uint64_t y, uint64_t z)
{
    return (x & y) ^ (x & z) ^ (y & z);
}

static void words(const uint64_t v[2], uint32_t w[4])
{
    for (unsigned i = 0; i < 4; i++) {
        w[i] = get(v, 2, i);
    }
}

static void sha(unsigned kind, const uint64_t a[2], const uint64_t b[2], const uint64_t c[2],
                uint64_t r[2])
{
    uint32_t x[4], y[4], w[4], *out = x;
    words(a, x);
    words(b, y);
    words(c, w);
    switch (kind) {
    case TCG_SHA1C:
    case TCG_SHA1P:
    case TCG_SHA1M:
        sha1_rounds(kind, x, y[0], w);
        break;
    case TCG_SHA1H:
        x[0] = rol(y[0], 30);
        x[1] = x[2] = x[3] = 0;
        break;
    case TCG_SHA1SU0:
        r[0] = a[1] ^ a[0] ^ c[0];
        r[1] = b[0] ^ a[1] ^ c[1];
        return;
    case TCG_SHA1SU1: {
        for (unsigned i = 0; i < 4; i++) {
            w[i] = x[i] ^ (i < 3 ? y[i + 1] : 0);
            x[i] = rol(w[i], 1);
        }
        x[3] ^= rol(w[0], 2);
        break;
    }
    case TCG_SHA256H:
        sha256_rounds(x, y, w);
        break;
    case TCG_SHA256H2:
        sha256_rounds(y, x, w);
        break;
    case TCG_SHA256SU0: {
        uint32_t next[4] = {x[1], x[2], x[3], y[0]};
        for (unsigned i = 0; i < 4; i++) {
            x[i] += sha256_small0(next[i]);
        }
        break;
    }
    case TCG_SHA256SU1:
        x[0] += y[1] + sha256_small1(w[2]);
        x[1] += y[2] + sha256_small1(w[3]);
        x[2] += y[3] + sha256_small1(x[0]);
        x[3] += w[0] + sha256_small1(x[1]);
        break;
    case TCG_SHA512H: {
        uint64_t hi = ((c[1] & b[0]) ^ (~c[1] & b[1])) + sha512_big1(c[1]) + a[1];
        uint64_t t = hi + c[0];
        r[0] = ((t & c[1]) ^ (~t & b[0])) + sha512_big1(t) + a[0];
        r[1] = hi;
        return;
    }
    case TCG_SHA512H2: {
        uint64_t hi = sha512_majority(b[0], c[1], c[0]) + sha512_big0(c[0]) + a[1];
        r[0] = sha512_majority(hi, c[0], c[1]) + sha512_big0(hi) + a[0];
        r[1] = hi;
        return;
    }
    case TCG_SHA512SU0:
        r[0] = a[0] + sha512_small0(a[1]);
        r[1] = a[1] + sha512_small0(b[0]);
        return;
    default: /* SHA512SU1 */
        r[0] = a[0] + sha512_small1(b[0]) + c[0];
        r[1] = a[1] + sha512_small1(b[1]) + c[1];
        return;
    }
    r[0] = out[0] | (uint64_t)out[1] << 32;
    r[1] = out[2] | (uint64_t)out[3] << 32;
}

static void aes(unsigned kind, const uint64_t a[2], uint64_t r[2])
{
    switch (kind) {
    case TCG_AES_SUB_SHIFT:
    case TCG_AES_INV_SUB_SHIFT:
        r[0] = aes64_round(a[0], a[1], kind == TCG_AES_INV_SUB_SHIFT);
        r[1] = aes64_round(a[1], a[0], kind == TCG_AES_INV_SUB_SHIFT);
        break;
    default:
        for (unsigned i = 0; i < 2; i++) {
            r[i] = aes64_mix(a[i], kind == TCG_AES_MIX ? aes_mix_byte : aes_mix_byte_inv);
        }
        break;
    }
}

/* Ops that move elements or change their size. */
static void rearrange(const TCGOp *op, const uint64_t a[2], const uint64_t b[2],
                      const uint64_t c[2], uint64_t r[2])
{
    unsigned aux = op->aux, es = aux & TCG_VEC_ESIZE, n = 16u >> es, w = 8u << es;
    unsigned odd = aux & TCG_VEC_HIGH ? 1 : 0, first = odd ? n / 2 : 0;
    bool u = aux & TCG_VEC_UNSIGNED, q;
    for (unsigned i = 0; i < n; i++) {
        switch (op->opc) {
        case TCG_OP_vdupe:
            put(r, es, i, get(a, es, op->imm));
            break;
        case TCG_OP_vmull:
        case TCG_OP_vpmull:
        case TCG_OP_vwiden:
            if (i < n / 2) {
                uint64_t x = get(a, es, first + i), y = get(b, es, first + i);
                if (op->opc == TCG_OP_vpmull) {
                    u128 p = clmul(x, y);
                    if (es == 3) {
                        r[0] = p;
                        r[1] = p >> 64;
                    } else {
                        put(r, es + 1, i, p);
                    }
                } else {
                    i128 p = number(x, w, u);
                    put(r, es + 1, i, op->opc == TCG_OP_vmull ? p * number(y, w, u) : p);
                }
            }
            break;
        case TCG_OP_vqnarrow: {
            uint64_t x = get(i < n / 2 ? a : b, es + 1, i % (n / 2));
            bool from_u = u != !!(aux & TCG_VEC_MIXED);
            x = saturate(number(x, 2 * w, from_u), w, u, &q);
            put(r, es, i, aux & TCG_VEC_QC ? (q ? UINT64_MAX : 0) : x);
            break;
        }
        case TCG_OP_vzip:
            put(r, es, i, get(i & 1 ? b : a, es, first + i / 2));
            break;
        case TCG_OP_vunzip:
            put(r, es, i, get(i < n / 2 ? a : b, es, i % (n / 2) * 2 + odd));
            break;
        case TCG_OP_vtrn:
            put(r, es, i, get(i & 1 ? b : a, es, (i & ~1u) + odd));
            break;
        case TCG_OP_vext: {
            unsigned k = i + op->imm;
            put(r, 0, i, get(k < 16 ? a : b, 0, k & 15));
            break;
        }
        case TCG_OP_vrev:
            put(r, es, i, get(a, es, i ^ ((op->imm >> es) - 1)));
            break;
        case TCG_OP_vtbl: {
            uint64_t k = get(b, 0, i);
            put(r, 0, i, k < 16 ? get(a, 0, k) : 0);
            break;
        }
        case TCG_OP_vdot:
            if (i < 4) {
                uint64_t sum = get(a, 2, i);
                bool mixed = aux & TCG_VEC_MIXED;
                for (unsigned k = 4 * i; k < 4 * i + 4; k++) {
                    sum += (uint64_t)(number(get(b, 0, k), 8, u || mixed) *
                                      number(get(c, 0, k), 8, u && !mixed));
                }
                put(r, 2, i, sum);
            }
            break;
        default:
            g_assert_not_reached();
        }
    }
}

void tcg_interp_vec(const TCGOp *op, const uint64_t a[2], const uint64_t b[2], const uint64_t c[2],
                    uint64_t r[2])
{
    unsigned es = op->aux & TCG_VEC_ESIZE;
    switch (op->opc) {
    case TCG_OP_vorc:
    case TCG_OP_vnot:
    case TCG_OP_vbitsel:
        for (unsigned i = 0; i < 2; i++) {
            r[i] = op->opc == TCG_OP_vorc   ? a[i] | ~b[i]
                   : op->opc == TCG_OP_vnot ? ~a[i]
                                            : (a[i] & b[i]) | (~a[i] & c[i]);
        }
        break;
    case TCG_OP_vaes:
        aes(op->imm, a, r);
        break;
    case TCG_OP_vsha:
        sha(op->imm, a, b, c, r);
        break;
    case TCG_OP_vdupe:
    case TCG_OP_vmull ... TCG_OP_vpmull:
    case TCG_OP_vdot ... TCG_OP_vtbl:
        rearrange(op, a, b, c, r);
        break;
    default:
        for (unsigned i = 0; i < 16u >> es; i++) {
            bool q = false;
            uint64_t e = element(op->opc, op->aux, get(a, es, i), get(b, es, i), get(c, es, i), &q);
            put(r, es, i, op->aux & TCG_VEC_QC ? (q ? UINT64_MAX : 0) : e);
        }
        break;
    }
}

/* ---- as helpers ---- */

static void run(CPUEnv *env, uint64_t desc, const uint64_t v[6], uint64_t r[2])
{
    TCGOp op = tcg_interp_vec_op(desc);
    if (op.opc >= TCG_OP_vfadd) {
        tcg_interp_vfp(&op, env, v, v + 2, v + 4, r);
    } else {
        tcg_interp_vec(&op, v, v + 2, v + 4, r);
    }
}

static uint64_t helper_vec_lo(uint64_t desc, uint64_t a0, uint64_t a1, uint64_t b0, uint64_t b1,
                              uint64_t c0, uint64_t c1)
{
    uint64_t v[6] = {a0, a1, b0, b1, c0, c1}, r[2] = {0, 0};
    run(NULL, desc, v, r);
    return r[0];
}

static uint64_t helper_vec_hi(uint64_t desc, uint64_t a0, uint64_t a1, uint64_t b0, uint64_t b1,
                              uint64_t c0, uint64_t c1)
{
    uint64_t v[6] = {a0, a1, b0, b1, c0, c1}, r[2] = {0, 0};
    run(NULL, desc, v, r);
    return r[1];
}

static uint64_t helper_vfp_lo(CPUEnv *env, uint64_t desc, uint64_t a0, uint64_t a1, uint64_t b0,
                              uint64_t b1, uint64_t c0, uint64_t c1)
{
    uint64_t v[6] = {a0, a1, b0, b1, c0, c1}, r[2] = {0, 0};
    run(env, desc, v, r);
    return r[0];
}

static uint64_t helper_vfp_hi(CPUEnv *env, uint64_t desc, uint64_t a0, uint64_t a1, uint64_t b0,
                              uint64_t b1, uint64_t c0, uint64_t c1)
{
    uint64_t v[6] = {a0, a1, b0, b1, c0, c1}, r[2] = {0, 0};
    run(env, desc, v, r);
    return r[1];
}

#define VEC_HELPER(which, env, hflags)                                                             \
    {                                                                                              \
        .name = #which, .fn = (void *)helper_##which, .ret = TCG_I64, .nargs = 7,                  \
        .args = {TCG_I64, TCG_I64, TCG_I64, TCG_I64, TCG_I64, TCG_I64, TCG_I64}, .pass_env = env,  \
        .flags = hflags                                                                            \
    }
const TCGHelper tcg_interp_vec_helper[2] = {VEC_HELPER(vec_lo, false, TCG_HELPER_PURE),
                                            VEC_HELPER(vec_hi, false, TCG_HELPER_PURE)};
const TCGHelper tcg_interp_vfp_helper[2] = {VEC_HELPER(vfp_lo, true, TCG_HELPER_FP),
                                            VEC_HELPER(vfp_hi, true, TCG_HELPER_FP)};

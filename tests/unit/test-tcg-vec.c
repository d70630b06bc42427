/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the vector ops of the IR mean, as the interpreter's functions compute them: rows with
 * results worked out by hand from the definitions of ops.def, AES against the example of FIPS 197,
 * appendix B, SHA against GLib's. Hosts are compared with these functions elsewhere
 * (test-x86-64-jit.c).
 */
#include <glib.h>
#include <inttypes.h>
#include <string.h>
#include "tcg/interp/internal.h"

typedef struct Row {
    uint8_t opc;
    uint16_t aux;
    uint8_t imm;
    uint64_t a[2], b[2], c[2], r[2];
} Row;

#define U  TCG_VEC_UNSIGNED
#define HI TCG_VEC_HIGH

static const Row rows[] = {
    {TCG_OP_vqadd,
     2,
     0,
     {0x7fffffff80000000, 0x0000000500000001},
     {0x00000001ffffffff, 0xfffffffe7fffffff},
     {0},
     {0x7fffffff80000000, 0x000000037fffffff}},
    {TCG_OP_vqadd,
     2 | TCG_VEC_QC,
     0,
     {0x7fffffff80000000, 0x0000000500000001},
     {0x00000001ffffffff, 0xfffffffe7fffffff},
     {0},
     {UINT64_MAX, 0x00000000ffffffff}},
    {TCG_OP_vqadd, 3 | U, 0, {UINT64_MAX, 5}, {1, 6}, {0}, {UINT64_MAX, 11}},
    {TCG_OP_vqadd, 0 | TCG_VEC_MIXED, 0, {0x7f80ff00, 0}, {0x01ff02ff, 0}, {0}, {0x7f7f017f, 0}},
    {TCG_OP_vqadd,
     0 | U | TCG_VEC_MIXED,
     0,
     {0xff800010, 0},
     {0x0180ffff, 0},
     {0},
     {0xff00000f, 0}},
    {TCG_OP_vqsub, 3, 0, {(uint64_t)INT64_MIN, 1}, {1, 2}, {0}, {(uint64_t)INT64_MIN, UINT64_MAX}},
    {TCG_OP_vqsub,
     2 | U,
     0,
     {0x0000000100000005, 0},
     {0x0000000200000003, 0},
     {0},
     {0x0000000000000002, 0}},
    /* counts 1, -1, 127, -128, 8, -8, 0, 7 */
    {TCG_OP_vshlv,
     0,
     0,
     {0x8181818181818181, 0},
     {0x0700f808807fff01, 0},
     {0},
     {0x8081ff00ff00c002, 0}},
    {TCG_OP_vshlv,
     0 | U,
     0,
     {0x8181818181818181, 0},
     {0x0700f808807fff01, 0},
     {0},
     {0x8081000000004002, 0}},
    {TCG_OP_vshlv,
     0 | TCG_VEC_ROUND,
     0,
     {0x8181818181818181, 0},
     {0x0700f808807fff01, 0},
     {0},
     {0x808100000000c102, 0}},
    {TCG_OP_vshlv,
     0 | U | TCG_VEC_ROUND,
     0,
     {0x8181818181818181, 0},
     {0x0700f808807fff01, 0},
     {0},
     {0x8081010000004102, 0}},
    {TCG_OP_vshlv,
     0 | TCG_VEC_SAT,
     0,
     {0x8181818181818181, 0},
     {0x0700f808807fff01, 0},
     {0},
     {0x8081ff80ff80c080, 0}},
    {TCG_OP_vshlv,
     0 | U | TCG_VEC_SAT,
     0,
     {0x8181818181818181, 0},
     {0x0700f808807fff01, 0},
     {0},
     {0xff8100ff00ff40ff, 0}},
    {TCG_OP_vshlv,
     0 | TCG_VEC_SAT | TCG_VEC_QC,
     0,
     {0x8181818181818181, 0},
     {0x0700f808807fff01, 0},
     {0},
     {0xff0000ff00ff00ff, 0}},
    {TCG_OP_vshlv,
     3 | TCG_VEC_SAT,
     0,
     {1, UINT64_MAX},
     {63, 64},
     {0},
     {INT64_MAX, (uint64_t)INT64_MIN}},
    {TCG_OP_vshlv,
     3 | TCG_VEC_ROUND,
     0,
     {3, (uint64_t)-3},
     {(uint8_t)-1, (uint8_t)-1},
     {0},
     {2, UINT64_MAX}},
    {TCG_OP_vshlv,
     3 | U | TCG_VEC_ROUND,
     0,
     {UINT64_MAX, UINT64_MAX >> 1},
     {(uint8_t)-64, (uint8_t)-64},
     {0},
     {1, 0}},
    {TCG_OP_vqdmulh,
     1,
     0,
     {0x800080007fff4000, 0},
     {0x80007fff7fff0003, 0},
     {0},
     {0x7fff80017ffe0001, 0}},
    {TCG_OP_vqdmulh,
     1 | TCG_VEC_ROUND,
     0,
     {0x8000000140000001, 0},
     {0x8000400000014000, 0},
     {0},
     {0x7fff000100010001, 0}},
    {TCG_OP_vqdmulh,
     2 | TCG_VEC_QC,
     0,
     {0x8000000080000000, 0},
     {0x8000000000000001, 0},
     {0},
     {0xffffffff00000000, 0}},
    {TCG_OP_vqrdmlah, 1, 0, {0x7fff0001, 0}, {0x40004000, 0}, {0x40004000, 0}, {0x7fff2001, 0}},
    {TCG_OP_vqrdmlah,
     1 | TCG_VEC_NEGATE,
     0,
     {0x80000001, 0},
     {0x40004000, 0},
     {0x40004000, 0},
     {0x8000e001, 0}},
    {TCG_OP_vpmull,
     0,
     0,
     {0x0000000000ff0380, 0},
     {0x0000000000ff0380, 0},
     {0},
     {0x0000555500054000, 0}},
    {TCG_OP_vpmull, 3 | HI, 0, {0, 3}, {0, UINT64_C(1) << 63}, {0}, {UINT64_C(1) << 63, 1}},
    {TCG_OP_vclz,
     1,
     0,
     {0x0000000100ff8000, 0},
     {0},
     {0},
     {0x0010000f00080000, 0x0010001000100010}},
    {TCG_OP_vclz,
     2,
     0,
     {0x0000000100000000, 0},
     {0},
     {0},
     {0x0000001f00000020, 0x0000002000000020}},
    {TCG_OP_vpopcnt, 0, 0, {0xff800301, 0}, {0}, {0}, {0x08010201, 0}},
    {TCG_OP_vrbit, 0, 0, {0x800301f0, 0}, {0}, {0}, {0x01c0800f, 0}},
    {TCG_OP_vdot, 0, 0, {10, 0}, {0xff0203fe, 0}, {0x02020280, 0}, {10 - 2 + 4 + 6 + 256, 0}},
    {TCG_OP_vdot,
     0 | U,
     0,
     {10, 0},
     {0xff0203fe, 0},
     {0x02020280, 0},
     {10 + 510 + 4 + 6 + 254 * 128, 0}},
    {TCG_OP_vdot, 0 | TCG_VEC_MIXED, 0, {0, 0}, {0xfe, 0}, {0x80, 0}, {(uint32_t)(-128 * 254), 0}},
    {TCG_OP_vqnarrow,
     0,
     0,
     {0x7fff800000ff0001, 0xff80ff7f00800000},
     {0, 0},
     {0},
     {0x80807f007f807f01, 0}},
    {TCG_OP_vqnarrow,
     0 | U | TCG_VEC_MIXED,
     0,
     {0x7fff800000ff0001, 0xff80ff7f00800000},
     {1, 0},
     {0},
     {0x00008000ff00ff01, 1}},
    {TCG_OP_vqnarrow,
     0 | U,
     0,
     {0x7fff800000ff0001, 0xff80ff7f00800000},
     {0, 0},
     {0},
     {0xffff8000ffffff01, 0}},
    {TCG_OP_vqnarrow,
     2,
     0,
     {INT64_MIN, 7},
     {UINT64_C(1) << 31, (uint64_t)-9},
     {0},
     {0x0000000780000000, 0xfffffff77fffffff}},
    {TCG_OP_vext,
     0,
     3,
     {0x0706050403020100, 0x0f0e0d0c0b0a0908},
     {0x1716151413121110, 0x1f1e1d1c1b1a1918},
     {0},
     {0x0a09080706050403, 0x1211100f0e0d0c0b}},
    {TCG_OP_vrev,
     1,
     8,
     {0x0706050403020100, 0x0f0e0d0c0b0a0908},
     {0},
     {0},
     {0x0100030205040706, 0x09080b0a0d0c0f0e}},
    {TCG_OP_vtbl,
     0,
     0,
     {0x0706050403020100, 0x0f0e0d0c0b0a0908},
     {0x10800f0e00010203, 0xff},
     {0},
     {0x00000f0e00010203, 0}},
    {TCG_OP_vzip,
     1 | HI,
     0,
     {0, 0x0004000300020001},
     {0, 0x0014001300120011},
     {0},
     {0x0012000200110001, 0x0014000400130003}},
    {TCG_OP_vunzip,
     2 | HI,
     0,
     {0x0000000200000001, 0x0000000400000003},
     {0x0000000600000005, 0x0000000800000007},
     {0},
     {0x0000000400000002, 0x0000000800000006}},
    {TCG_OP_vtrn,
     0,
     0,
     {0x0706050403020100, 0},
     {0x1716151413121110, 0},
     {0},
     {0x1606140412021000, 0}},
    {TCG_OP_vmull, 2 | HI, 0, {0, 0x00000002ffffffff}, {0, 0x00000003ffffffff}, {0}, {1, 6}},
    {TCG_OP_vavg, 3 | U | TCG_VEC_ROUND, 0, {UINT64_MAX, 1}, {UINT64_MAX, 2}, {0}, {UINT64_MAX, 2}},
    {TCG_OP_vavg, 3, 0, {UINT64_MAX, 1}, {0, 2}, {0}, {UINT64_MAX, 1}},
};

static void test_rows(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Row *w = &rows[i];
        TCGOp op = {.opc = w->opc, .type = TCG_V128, .aux = w->aux, .imm = w->imm};
        uint64_t r[2] = {0x1234, 0x5678};
        tcg_interp_vec(&op, w->a, w->b, w->c, r);
        if (r[0] != w->r[0] || r[1] != w->r[1]) {
            g_error("row %u, %s aux %#x: %016" PRIx64 ":%016" PRIx64 ", not %016" PRIx64
                    ":%016" PRIx64,
                    i, tcg_op_desc[w->opc].name, w->aux, r[1], r[0], w->r[1], w->r[0]);
        }
    }
}

/* ---- AES ---- */

static void aes_step(TCGAes step, const char *from, const char *to)
{
    TCGOp op = {.opc = TCG_OP_vaes, .type = TCG_V128, .imm = step};
    uint8_t in[16], out[16];
    uint64_t a[2], r[2];
    for (unsigned i = 0; i < 16; i++) {
        in[i] = g_ascii_xdigit_value(from[2 * i]) << 4 | g_ascii_xdigit_value(from[2 * i + 1]);
        out[i] = g_ascii_xdigit_value(to[2 * i]) << 4 | g_ascii_xdigit_value(to[2 * i + 1]);
    }
    memcpy(a, in, 16);
    tcg_interp_vec(&op, a, a, a, r);
    g_assert_cmpmem(r, 16, out, 16);
}

static void test_aes(void)
{
    static const char start[] = "193de3bea0f4e22b9ac68d2ae9f84808";
    static const char shifted[] = "d4bf5d30e0b452aeb84111f11e2798e5";
    static const char mixed[] = "046681e5e0cb199a48f8d37a2806264c";
    aes_step(TCG_AES_SUB_SHIFT, start, shifted);
    aes_step(TCG_AES_INV_SUB_SHIFT, shifted, start);
    aes_step(TCG_AES_MIX, shifted, mixed);
    aes_step(TCG_AES_INV_MIX, mixed, shifted);
}

/* ---- SHA: one block each, with the operands that Arm code uses ---- */

typedef struct Vec {
    uint64_t v[2];
} Vec;

static Vec sha(TCGSha step, Vec d, Vec n, Vec m)
{
    TCGOp op = {.opc = TCG_OP_vsha, .type = TCG_V128, .imm = step};
    Vec r;
    tcg_interp_vec(&op, d.v, n.v, m.v, r.v);
    return r;
}

static Vec add32(Vec a, Vec b)
{
    Vec r;
    for (unsigned i = 0; i < 2; i++) {
        r.v[i] = (uint32_t)(a.v[i] + b.v[i]) | ((a.v[i] >> 32) + (b.v[i] >> 32)) << 32;
    }
    return r;
}

static Vec quad(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return (Vec){{a | (uint64_t)b << 32, c | (uint64_t)d << 32}};
}

static unsigned next_prime(unsigned p)
{
    for (p++;; p++) {
        unsigned k = 2;
        while (k * k <= p && p % k) {
            k++;
        }
        if (k * k > p) {
            return p;
        }
    }
}

/* r = a * b in 64-bit limbs */
static void multiply(const uint64_t *a, unsigned na, const uint64_t *b, unsigned nb, uint64_t *r)
{
    memset(r, 0, (na + nb) * sizeof(*r));
    for (unsigned i = 0; i < na; i++) {
        unsigned __int128 carry = 0;
        for (unsigned k = 0; k < nb; k++) {
            carry += (unsigned __int128)a[i] * b[k] + r[i + k];
            r[i + k] = carry;
            carry >>= 64;
        }
        r[i + nb] = carry;
    }
}

/* The first 64 bits of the fraction of the square root (power 2) or cube root of n: FIPS 180-4. */
static uint64_t root_fraction(unsigned n, unsigned power)
{
    unsigned __int128 x = 0;
    for (int bit = 68; bit >= 0; bit--) {
        unsigned __int128 y = x | (unsigned __int128)1 << bit;
        uint64_t l[2] = {y, y >> 64}, square[4], cube[6];
        multiply(l, 2, l, 2, square);
        multiply(square, 4, l, 2, cube);
        /* y^power <= n * 2^(64 * power) */
        const uint64_t *p = power == 2 ? square : cube;
        bool larger = false;
        for (unsigned i = power + 1; i < 2 * power; i++) {
            larger |= p[i] != 0;
        }
        larger = larger || p[power] > n;
        if (!larger && p[power] == n) {
            for (unsigned i = 0; i < power; i++) {
                larger |= p[i] != 0;
            }
        }
        x = larger ? x : y;
    }
    return (uint64_t)x;
}

static void roots(uint64_t *r, unsigned count, unsigned power)
{
    unsigned p = 1;
    for (unsigned i = 0; i < count; i++) {
        p = next_prime(p);
        r[i] = root_fraction(p, power);
    }
}

/* A message of len bytes, padded to its one block. */
static void pad(uint8_t *block, unsigned size, unsigned len)
{
    memset(block, 0, size);
    for (unsigned i = 0; i < len; i++) {
        block[i] = 'a' + i * 7 % 26;
    }
    block[len] = 0x80;
    block[size - 2] = len * 8 >> 8;
    block[size - 1] = len * 8;
}

static void compare_digest(GChecksumType type, const uint8_t *block, unsigned len,
                           const GString *got)
{
    char *want = g_compute_checksum_for_data(type, block, len);
    g_assert_cmpstr(got->str, ==, want);
    g_free(want);
}

static void test_sha1(void)
{
    static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    static const TCGSha step[4] = {TCG_SHA1C, TCG_SHA1P, TCG_SHA1M, TCG_SHA1P};
    for (unsigned len = 0; len < 55; len += 9) {
        uint8_t block[64];
        uint32_t in[16];
        pad(block, 64, len);
        memcpy(in, block, 64);
        Vec w[4], h0 = quad(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476), abcd = h0;
        Vec e = quad(0xc3d2e1f0, 0, 0, 0), e0 = e;
        for (unsigned i = 0; i < 4; i++) {
            const uint32_t *p = &in[4 * i];
            w[i] = quad(GUINT32_FROM_BE(p[0]), GUINT32_FROM_BE(p[1]), GUINT32_FROM_BE(p[2]),
                        GUINT32_FROM_BE(p[3]));
        }
        for (unsigned i = 0; i < 20; i++) {
            uint32_t kk = k[i / 5];
            Vec wk = add32(w[0], quad(kk, kk, kk, kk)), next = sha(TCG_SHA1H, abcd, abcd, abcd);
            abcd = sha(step[i / 5], abcd, e, wk);
            e = next;
            Vec more = sha(TCG_SHA1SU1, sha(TCG_SHA1SU0, w[0], w[1], w[2]), w[3], w[3]);
            memmove(&w[0], &w[1], 3 * sizeof(w[0]));
            w[3] = more;
        }
        abcd = add32(abcd, h0);
        e = add32(e, e0);
        GString *s = g_string_new(NULL);
        g_string_append_printf(s, "%08x%08x%08x%08x%08x", (uint32_t)abcd.v[0],
                               (uint32_t)(abcd.v[0] >> 32), (uint32_t)abcd.v[1],
                               (uint32_t)(abcd.v[1] >> 32), (uint32_t)e.v[0]);
        compare_digest(G_CHECKSUM_SHA1, block, len, s);
        g_string_free(s, TRUE);
    }
}

static void test_sha256(void)
{
    uint64_t k[64], h[8];
    roots(k, 64, 3);
    roots(h, 8, 2);
    for (unsigned len = 0; len < 55; len += 9) {
        uint8_t block[64];
        uint32_t in[16];
        pad(block, 64, len);
        memcpy(in, block, 64);
        Vec w[4], s[2], s0[2];
        for (unsigned i = 0; i < 4; i++) {
            const uint32_t *p = &in[4 * i];
            w[i] = quad(GUINT32_FROM_BE(p[0]), GUINT32_FROM_BE(p[1]), GUINT32_FROM_BE(p[2]),
                        GUINT32_FROM_BE(p[3]));
        }
        for (unsigned i = 0; i < 2; i++) {
            const uint64_t *p = &h[4 * i];
            s[i] = s0[i] = quad(p[0] >> 32, p[1] >> 32, p[2] >> 32, p[3] >> 32);
        }
        for (unsigned i = 0; i < 16; i++) {
            const uint64_t *p = &k[4 * i];
            Vec wk = add32(w[0], quad(p[0] >> 32, p[1] >> 32, p[2] >> 32, p[3] >> 32)),
                before = s[0];
            s[0] = sha(TCG_SHA256H, s[0], s[1], wk);
            s[1] = sha(TCG_SHA256H2, s[1], before, wk);
            Vec more = sha(TCG_SHA256SU1, sha(TCG_SHA256SU0, w[0], w[1], w[1]), w[2], w[3]);
            memmove(&w[0], &w[1], 3 * sizeof(w[0]));
            w[3] = more;
        }
        GString *out = g_string_new(NULL);
        for (unsigned i = 0; i < 2; i++) {
            s[i] = add32(s[i], s0[i]);
            g_string_append_printf(out, "%08x%08x%08x%08x", (uint32_t)s[i].v[0],
                                   (uint32_t)(s[i].v[0] >> 32), (uint32_t)s[i].v[1],
                                   (uint32_t)(s[i].v[1] >> 32));
        }
        compare_digest(G_CHECKSUM_SHA256, block, len, out);
        g_string_free(out, TRUE);
    }
}

static void test_sha512(void)
{
    uint64_t k[80], h[8];
    roots(k, 80, 3);
    roots(h, 8, 2);
    for (unsigned len = 0; len < 111; len += 19) {
        uint8_t block[128];
        uint64_t w[80], s[8];
        pad(block, 128, len);
        memcpy(w, block, 128);
        for (unsigned i = 0; i < 16; i++) {
            w[i] = GUINT64_FROM_BE(w[i]);
        }
        for (unsigned i = 16; i < 80; i += 2) {
            Vec d = {{w[i - 16], w[i - 15]}}, n = {{w[i - 14], w[i - 13]}};
            Vec a = {{w[i - 2], w[i - 1]}}, b = {{w[i - 7], w[i - 6]}};
            Vec r = sha(TCG_SHA512SU1, sha(TCG_SHA512SU0, d, n, n), a, b);
            w[i] = r.v[0];
            w[i + 1] = r.v[1];
        }
        memcpy(s, h, sizeof(s));
        for (unsigned i = 0; i < 80; i += 2) {
            Vec wk = {{s[6] + k[i + 1] + w[i + 1], s[7] + k[i] + w[i]}};
            Vec t = sha(TCG_SHA512H, wk, (Vec){{s[5], s[6]}}, (Vec){{s[3], s[4]}});
            Vec a = sha(TCG_SHA512H2, t, (Vec){{s[2], s[3]}}, (Vec){{s[0], s[1]}});
            uint64_t next[8] = {a.v[0],        a.v[1],        s[0], s[1],
                                s[2] + t.v[0], s[3] + t.v[1], s[4], s[5]};
            memcpy(s, next, sizeof(s));
        }
        GString *out = g_string_new(NULL);
        for (unsigned i = 0; i < 8; i++) {
            g_string_append_printf(out, "%016" PRIx64, s[i] + h[i]);
        }
        compare_digest(G_CHECKSUM_SHA512, block, len, out);
        g_string_free(out, TRUE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tcg-vec/rows", test_rows);
    g_test_add_func("/tcg-vec/aes", test_aes);
    g_test_add_func("/tcg-vec/sha1", test_sha1);
    g_test_add_func("/tcg-vec/sha256", test_sha256);
    g_test_add_func("/tcg-vec/sha512", test_sha512);
    return g_test_run();
}

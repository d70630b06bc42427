/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 cryptographic instructions: AES, SHA-1, SHA-256, SHA-512, SHA-3 (DDI 0487, C4.1.96).
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/insn/simd.h"

/* ---- AES ---- */

static void aes(A64Ctx *c, const A64Insn *a, TCGAes step, bool with_key)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = a64_v(c, a->rn);
        x = with_key ? tcg_gen_v2(c->b, TCG_OP_vxor, 0, a64_v(c, a->rd), x) : x;
        a64_set_v(c, a->rd, 1, tcg_gen_v1i(c->b, TCG_OP_vaes, 0, x, step));
    }
}

INSN(aese, "01001110 00 10100 00100 10 rn:5 rd:5", AES)
void a64_trans_aese(A64Ctx *c, const A64Insn *a)
{
    aes(c, a, TCG_AES_SUB_SHIFT, true);
}

INSN(aesd, "01001110 00 10100 00101 10 rn:5 rd:5", AES)
void a64_trans_aesd(A64Ctx *c, const A64Insn *a)
{
    aes(c, a, TCG_AES_INV_SUB_SHIFT, true);
}

INSN(aesmc, "01001110 00 10100 00110 10 rn:5 rd:5", AES)
void a64_trans_aesmc(A64Ctx *c, const A64Insn *a)
{
    aes(c, a, TCG_AES_MIX, false);
}

INSN(aesimc, "01001110 00 10100 00111 10 rn:5 rd:5", AES)
void a64_trans_aesimc(A64Ctx *c, const A64Insn *a)
{
    aes(c, a, TCG_AES_INV_MIX, false);
}

/* ---- SHA ---- */

static void sha(A64Ctx *c, const A64Insn *a, TCGSha step)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = tcg_gen_v3i(c->b, TCG_OP_vsha, 0, a64_v(c, a->rd), a64_v(c, a->rn),
                             a64_v(c, a->rm), step);
        a64_set_v(c, a->rd, 1, v);
    }
}

INSN(sha1c, "01011110 00 0 rm:5 0 000 00 rn:5 rd:5", SHA1)
void a64_trans_sha1c(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA1C);
}

INSN(sha1p, "01011110 00 0 rm:5 0 001 00 rn:5 rd:5", SHA1)
void a64_trans_sha1p(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA1P);
}

INSN(sha1m, "01011110 00 0 rm:5 0 010 00 rn:5 rd:5", SHA1)
void a64_trans_sha1m(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA1M);
}

INSN(sha1su0, "01011110 00 0 rm:5 0 011 00 rn:5 rd:5", SHA1)
void a64_trans_sha1su0(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA1SU0);
}

INSN(sha256h, "01011110 00 0 rm:5 0 100 00 rn:5 rd:5", SHA256)
void a64_trans_sha256h(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA256H);
}

INSN(sha256h2, "01011110 00 0 rm:5 0 101 00 rn:5 rd:5", SHA256)
void a64_trans_sha256h2(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA256H2);
}

INSN(sha256su1, "01011110 00 0 rm:5 0 110 00 rn:5 rd:5", SHA256)
void a64_trans_sha256su1(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA256SU1);
}

INSN(sha1h, "01011110 00 10100 00000 10 rn:5 rd:5", SHA1)
void a64_trans_sha1h(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA1H);
}

INSN(sha1su1, "01011110 00 10100 00001 10 rn:5 rd:5", SHA1)
void a64_trans_sha1su1(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA1SU1);
}

INSN(sha256su0, "01011110 00 10100 00010 10 rn:5 rd:5", SHA256)
void a64_trans_sha256su0(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA256SU0);
}

INSN(sha512h, "11001110 011 rm:5 1 0 00 00 rn:5 rd:5", SHA512)
void a64_trans_sha512h(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA512H);
}

INSN(sha512h2, "11001110 011 rm:5 1 0 00 01 rn:5 rd:5", SHA512)
void a64_trans_sha512h2(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA512H2);
}

INSN(sha512su1, "11001110 011 rm:5 1 0 00 10 rn:5 rd:5", SHA512)
void a64_trans_sha512su1(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA512SU1);
}

INSN(sha512su0, "11001110 110 00000 1000 00 rn:5 rd:5", SHA512)
void a64_trans_sha512su0(A64Ctx *c, const A64Insn *a)
{
    sha(c, a, TCG_SHA512SU0);
}

/* ---- SHA-3 ---- */

static TCGv rotate_left(TCGBuilder *b, TCGv x, unsigned n)
{
    if (n == 0) {
        return x;
    }
    return tcg_gen_v2(b, TCG_OP_vor, 0, tcg_gen_vshift(b, TCG_OP_vshli, 3, x, n),
                      tcg_gen_vshift(b, TCG_OP_vshri, 3, x, 64 - n));
}

INSN(eor3, "11001110 000 rm:5 0 ra:5 rn:5 rd:5", SHA3)
void a64_trans_eor3(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = tcg_gen_v2(c->b, TCG_OP_vxor, 0, a64_v(c, a->rm), a64_v(c, a->ra));
        a64_set_v(c, a->rd, 1, tcg_gen_v2(c->b, TCG_OP_vxor, 0, a64_v(c, a->rn), v));
    }
}

INSN(bcax, "11001110 001 rm:5 0 ra:5 rn:5 rd:5", SHA3)
void a64_trans_bcax(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = tcg_gen_v2(c->b, TCG_OP_vandc, 0, a64_v(c, a->rm), a64_v(c, a->ra));
        a64_set_v(c, a->rd, 1, tcg_gen_v2(c->b, TCG_OP_vxor, 0, a64_v(c, a->rn), v));
    }
}

INSN(rax1, "11001110 011 rm:5 1 0 00 11 rn:5 rd:5", SHA3)
void a64_trans_rax1(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = rotate_left(c->b, a64_v(c, a->rm), 1);
        a64_set_v(c, a->rd, 1, tcg_gen_v2(c->b, TCG_OP_vxor, 0, a64_v(c, a->rn), v));
    }
}

INSN(xar, "11001110 100 rm:5 imm6:6 rn:5 rd:5", SHA3)
void a64_trans_xar(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv v = tcg_gen_v2(c->b, TCG_OP_vxor, 0, a64_v(c, a->rn), a64_v(c, a->rm));
        a64_set_v(c, a->rd, 1, rotate_left(c->b, v, (64 - a->imm6) & 63));
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zknd, Zkne and Zknh: AES and SHA-2 (unprivileged ISA, chapter "Cryptography Extensions: Scalar &
 * Entropy Source Instructions").
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"
/* ---- AES ---- */

static void gen_aes32(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    riscv_set_x64(
        c, a->rd,
        tcg_gen_call3(c->b, h, riscv_x64(c, a->rs1), riscv_x64(c, a->rs2), tcg_i64(c->b, a->bs)));
}

static void gen_aes64(RISCVCtx *c, const RISCVInsn *a, const TCGHelper *h)
{
    riscv_set_x(c, a->rd, tcg_gen_call2(c->b, h, riscv_x(c, a->rs1), riscv_x(c, a->rs2)));
}

INSN(aes32esi, "bs:2 10001 rs2:5 rs1:5 000 rd:5 0110011", ZKNE + RV32, "rd,rs1,rs2,bs")
void riscv_trans_aes32esi(RISCVCtx *c, const RISCVInsn *a)
{
    gen_aes32(c, a, &riscv_helper_aes32esi);
}

INSN(aes32esmi, "bs:2 10011 rs2:5 rs1:5 000 rd:5 0110011", ZKNE + RV32, "rd,rs1,rs2,bs")
void riscv_trans_aes32esmi(RISCVCtx *c, const RISCVInsn *a)
{
    gen_aes32(c, a, &riscv_helper_aes32esmi);
}

INSN(aes32dsi, "bs:2 10101 rs2:5 rs1:5 000 rd:5 0110011", ZKND + RV32, "rd,rs1,rs2,bs")
void riscv_trans_aes32dsi(RISCVCtx *c, const RISCVInsn *a)
{
    gen_aes32(c, a, &riscv_helper_aes32dsi);
}

INSN(aes32dsmi, "bs:2 10111 rs2:5 rs1:5 000 rd:5 0110011", ZKND + RV32, "rd,rs1,rs2,bs")
void riscv_trans_aes32dsmi(RISCVCtx *c, const RISCVInsn *a)
{
    gen_aes32(c, a, &riscv_helper_aes32dsmi);
}

INSN(aes64es, "0011001 rs2:5 rs1:5 000 rd:5 0110011", ZKNE + RV64, "rd,rs1,rs2")
void riscv_trans_aes64es(RISCVCtx *c, const RISCVInsn *a)
{
    gen_aes64(c, a, &riscv_helper_aes64es);
}

INSN(aes64esm, "0011011 rs2:5 rs1:5 000 rd:5 0110011", ZKNE + RV64, "rd,rs1,rs2")
void riscv_trans_aes64esm(RISCVCtx *c, const RISCVInsn *a)
{
    gen_aes64(c, a, &riscv_helper_aes64esm);
}

INSN(aes64ds, "0011101 rs2:5 rs1:5 000 rd:5 0110011", ZKND + RV64, "rd,rs1,rs2")
void riscv_trans_aes64ds(RISCVCtx *c, const RISCVInsn *a)
{
    gen_aes64(c, a, &riscv_helper_aes64ds);
}

INSN(aes64dsm, "0011111 rs2:5 rs1:5 000 rd:5 0110011", ZKND + RV64, "rd,rs1,rs2")
void riscv_trans_aes64dsm(RISCVCtx *c, const RISCVInsn *a)
{
    gen_aes64(c, a, &riscv_helper_aes64dsm);
}

INSN(aes64ks2, "0111111 rs2:5 rs1:5 000 rd:5 0110011", RV64 + (ZKNE | ZKND), "rd,rs1,rs2")
void riscv_trans_aes64ks2(RISCVCtx *c, const RISCVInsn *a)
{
    gen_aes64(c, a, &riscv_helper_aes64ks2);
}

INSN(aes64im, "001100000000 rs1:5 001 rd:5 0010011", ZKND + RV64, "rd,rs1")
void riscv_trans_aes64im(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, tcg_gen_call1(c->b, &riscv_helper_aes64im, riscv_x(c, a->rs1)));
}

INSN(aes64ks1i, "00110001 rnum:4 rs1:5 001 rd:5 0010011", RV64 + (ZKNE | ZKND), "rd,rs1,rnum",
     "rnum!=11 rnum!=12 rnum!=13 rnum!=14 rnum!=15")
void riscv_trans_aes64ks1i(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(
        c, a->rd,
        tcg_gen_call2(c->b, &riscv_helper_aes64ks1i, riscv_x(c, a->rs1), tcg_i64(c->b, a->rnum)));
}
/* ---- SHA-2 ---- */

/* x rotated right by r0 and r1, and rotated or shifted right by n2, xored */
static TCGv sigma(RISCVCtx *c, TCGv x, unsigned r0, unsigned r1, unsigned n2, bool shift)
{
    TCGv third = shift ? tcg_gen_shri(c->b, x, n2) : tcg_gen_rotri(c->b, x, n2);
    TCGv two = tcg_gen_xor(c->b, tcg_gen_rotri(c->b, x, r0), tcg_gen_rotri(c->b, x, r1));
    return tcg_gen_xor(c->b, two, third);
}

INSN(sha256sig0, "000100000010 rs1:5 001 rd:5 0010011", ZKNH, "rd,rs1")
void riscv_trans_sha256sig0(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, sigma(c, riscv_w(c, a->rs1), 7, 18, 3, true));
}

INSN(sha256sig1, "000100000011 rs1:5 001 rd:5 0010011", ZKNH, "rd,rs1")
void riscv_trans_sha256sig1(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, sigma(c, riscv_w(c, a->rs1), 17, 19, 10, true));
}

INSN(sha256sum0, "000100000000 rs1:5 001 rd:5 0010011", ZKNH, "rd,rs1")
void riscv_trans_sha256sum0(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, sigma(c, riscv_w(c, a->rs1), 2, 13, 22, false));
}

INSN(sha256sum1, "000100000001 rs1:5 001 rd:5 0010011", ZKNH, "rd,rs1")
void riscv_trans_sha256sum1(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_w(c, a->rd, sigma(c, riscv_w(c, a->rs1), 6, 11, 25, false));
}

INSN(sha512sig0, "000100000110 rs1:5 001 rd:5 0010011", ZKNH + RV64, "rd,rs1")
void riscv_trans_sha512sig0(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, sigma(c, riscv_x(c, a->rs1), 1, 8, 7, true));
}

INSN(sha512sig1, "000100000111 rs1:5 001 rd:5 0010011", ZKNH + RV64, "rd,rs1")
void riscv_trans_sha512sig1(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, sigma(c, riscv_x(c, a->rs1), 19, 61, 6, true));
}

INSN(sha512sum0, "000100000100 rs1:5 001 rd:5 0010011", ZKNH + RV64, "rd,rs1")
void riscv_trans_sha512sum0(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, sigma(c, riscv_x(c, a->rs1), 28, 34, 39, false));
}

INSN(sha512sum1, "000100000101 rs1:5 001 rd:5 0010011", ZKNH + RV64, "rd,rs1")
void riscv_trans_sha512sum1(RISCVCtx *c, const RISCVInsn *a)
{
    riscv_set_x(c, a->rd, sigma(c, riscv_x(c, a->rs1), 14, 18, 41, false));
}
/* The function on the 64 bits hi:lo. */
static TCGv sigma64(RISCVCtx *c, unsigned lo, unsigned hi, unsigned r0, unsigned r1, unsigned n2,
                    bool shift)
{
    TCGv both = tcg_gen_deposit(c->b, riscv_x64(c, lo), riscv_x64(c, hi), 32, 32);
    return sigma(c, both, r0, r1, n2, shift);
}

static void gen_low(RISCVCtx *c, const RISCVInsn *a, TCGv both)
{
    riscv_set_x(c, a->rd, tcg_gen_trunc(c->b, both));
}

static void gen_high(RISCVCtx *c, const RISCVInsn *a, TCGv both)
{
    riscv_set_x(c, a->rd, tcg_gen_trunc(c->b, tcg_gen_shri(c->b, both, 32)));
}

INSN(sha512sig0l, "0101010 rs2:5 rs1:5 000 rd:5 0110011", ZKNH + RV32, "rd,rs1,rs2")
void riscv_trans_sha512sig0l(RISCVCtx *c, const RISCVInsn *a)
{
    gen_low(c, a, sigma64(c, a->rs1, a->rs2, 1, 8, 7, true));
}

INSN(sha512sig1l, "0101011 rs2:5 rs1:5 000 rd:5 0110011", ZKNH + RV32, "rd,rs1,rs2")
void riscv_trans_sha512sig1l(RISCVCtx *c, const RISCVInsn *a)
{
    gen_low(c, a, sigma64(c, a->rs1, a->rs2, 19, 61, 6, true));
}

INSN(sha512sum0r, "0101000 rs2:5 rs1:5 000 rd:5 0110011", ZKNH + RV32, "rd,rs1,rs2")
void riscv_trans_sha512sum0r(RISCVCtx *c, const RISCVInsn *a)
{
    gen_low(c, a, sigma64(c, a->rs1, a->rs2, 28, 34, 39, false));
}

INSN(sha512sum1r, "0101001 rs2:5 rs1:5 000 rd:5 0110011", ZKNH + RV32, "rd,rs1,rs2")
void riscv_trans_sha512sum1r(RISCVCtx *c, const RISCVInsn *a)
{
    gen_low(c, a, sigma64(c, a->rs1, a->rs2, 14, 18, 41, false));
}

INSN(sha512sig0h, "0101110 rs2:5 rs1:5 000 rd:5 0110011", ZKNH + RV32, "rd,rs1,rs2")
void riscv_trans_sha512sig0h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_high(c, a, sigma64(c, a->rs2, a->rs1, 1, 8, 7, true));
}

INSN(sha512sig1h, "0101111 rs2:5 rs1:5 000 rd:5 0110011", ZKNH + RV32, "rd,rs1,rs2")
void riscv_trans_sha512sig1h(RISCVCtx *c, const RISCVInsn *a)
{
    gen_high(c, a, sigma64(c, a->rs2, a->rs1, 19, 61, 6, true));
}

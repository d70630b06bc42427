/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Advanced SIMD of AArch32: what Armv8 and its extensions have added: AES, SHA, dot products,
 * complex numbers, half-precision multiply-add (DDI 0487, F4.1.9, F4.1.10, F4.1.22 and F4.1.23).
 * See target/arm/vfp.h.
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/vfp.h"

/* ---- AES, SHA: Q registers ---- */

static void aes(VFPCtx *c, const VFPInsn *a, TCGAes step, bool with_key)
{
    if (neon_ok(c, a, NEON_WIDE_D | NEON_WIDE_M)) {
        TCGv x = neon_get(c, 1, a->vm);
        x = with_key ? tcg_gen_v2(c->b, TCG_OP_vxor, 0, neon_get(c, 1, a->vd), x) : x;
        neon_set(c, 1, a->vd, tcg_gen_v1i(c->b, TCG_OP_vaes, 0, x, step));
    }
}

INSN(aese, "1111 0011 1 vd[4] 11 00 00 vd[3:0] 0 0110 0 vm[4] 0 vm[3:0]", AES)
void vfp_trans_aese(VFPCtx *c, const VFPInsn *a)
{
    aes(c, a, TCG_AES_SUB_SHIFT, true);
}

INSN(aesd, "1111 0011 1 vd[4] 11 00 00 vd[3:0] 0 0110 1 vm[4] 0 vm[3:0]", AES)
void vfp_trans_aesd(VFPCtx *c, const VFPInsn *a)
{
    aes(c, a, TCG_AES_INV_SUB_SHIFT, true);
}

INSN(aesmc, "1111 0011 1 vd[4] 11 00 00 vd[3:0] 0 0111 0 vm[4] 0 vm[3:0]", AES)
void vfp_trans_aesmc(VFPCtx *c, const VFPInsn *a)
{
    aes(c, a, TCG_AES_MIX, false);
}

INSN(aesimc, "1111 0011 1 vd[4] 11 00 00 vd[3:0] 0 0111 1 vm[4] 0 vm[3:0]", AES)
void vfp_trans_aesimc(VFPCtx *c, const VFPInsn *a)
{
    aes(c, a, TCG_AES_INV_MIX, false);
}

/* size: which of a group of four */
static void sha(VFPCtx *c, const VFPInsn *a, bool three, TCGSha step)
{
    if (neon_ok(c, a, NEON_WIDE_D | NEON_WIDE_M | (three ? NEON_WIDE_N : 0))) {
        TCGv d = neon_get(c, 1, a->vd), m = neon_get(c, 1, a->vm);
        neon_set(c, 1, a->vd,
                 tcg_gen_v3i(c->b, TCG_OP_vsha, 0, d, three ? neon_get(c, 1, a->vn) : m, m, step));
    }
}

INSN(sha1, "1111 0010 0 vd[4] size:2 vn[3:0] vd[3:0] 1100 vn[4] 1 vm[4] 0 vm[3:0]", SHA1)
void vfp_trans_sha1(VFPCtx *c, const VFPInsn *a)
{
    static const uint8_t steps[4] = {TCG_SHA1C, TCG_SHA1P, TCG_SHA1M, TCG_SHA1SU0};
    sha(c, a, true, (TCGSha)steps[a->size]);
}

INSN(sha256, "1111 0011 0 vd[4] size:2 vn[3:0] vd[3:0] 1100 vn[4] 1 vm[4] 0 vm[3:0]", SHA256, "",
     "size!=3")
void vfp_trans_sha256(VFPCtx *c, const VFPInsn *a)
{
    static const uint8_t steps[3] = {TCG_SHA256H, TCG_SHA256H2, TCG_SHA256SU1};
    sha(c, a, true, (TCGSha)steps[a->size]);
}

INSN(sha1h, "1111 0011 1 vd[4] 11 10 01 vd[3:0] 0 0101 1 vm[4] 0 vm[3:0]", SHA1)
void vfp_trans_sha1h(VFPCtx *c, const VFPInsn *a)
{
    sha(c, a, false, TCG_SHA1H);
}

INSN(sha1su1, "1111 0011 1 vd[4] 11 10 10 vd[3:0] 0 0111 0 vm[4] 0 vm[3:0]", SHA1)
void vfp_trans_sha1su1(VFPCtx *c, const VFPInsn *a)
{
    sha(c, a, false, TCG_SHA1SU1);
}

INSN(sha256su0, "1111 0011 1 vd[4] 11 10 10 vd[3:0] 0 0111 1 vm[4] 0 vm[3:0]", SHA256)
void vfp_trans_sha256su0(VFPCtx *c, const VFPInsn *a)
{
    sha(c, a, false, TCG_SHA256SU0);
}

/* ---- dot products ---- */

static void dot(VFPCtx *c, const VFPInsn *a, TCGv y)
{
    neon_set(c, a->Q, a->vd,
             tcg_gen_v3(c->b, TCG_OP_vdot, a->U ? TCG_VEC_UNSIGNED : 0, neon_get(c, a->Q, a->vd),
                        neon_get(c, a->Q, a->vn), y));
}

INSN(vdot, "1111 1100 0 vd[4] 10 vn[3:0] vd[3:0] 1101 vn[4] Q:1 vm[4] U:1 vm[3:0]", DOTPROD)
void vfp_trans_vdot(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, 0)) {
        dot(c, a, neon_get(c, a->Q, a->vm));
    }
}

INSN(vdot_s, "1111 1110 0 vd[4] 10 vn[3:0] vd[3:0] 1101 vn[4] Q:1 index[0] U:1 vm[3:0]", DOTPROD)
void vfp_trans_vdot_s(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_NARROW_M)) {
        dot(c, a, tcg_gen_vdupe(c->b, 2, neon_get(c, 0, a->vm), a->index));
    }
}

/* ---- complex numbers ---- */

static void complex_multiply(VFPCtx *c, const VFPInsn *a, TCGv y)
{
    neon_set(c, a->Q, a->vd,
             arm_gen_fcmla(c->b, neon_mode(c), neon_fp_esize(a), a->Q, a->rot,
                           neon_get(c, a->Q, a->vn), y, neon_get(c, a->Q, a->vd)));
}

INSN(vcmla, "1111 110 rot:2 vd[4] 1 1 vn[3:0] vd[3:0] 1000 vn[4] Q:1 vm[4] 0 vm[3:0]", FCMA)
INSN(vcmla__h, "1111 110 rot:2 vd[4] 1 0 vn[3:0] vd[3:0] 1000 vn[4] Q:1 vm[4] 0 vm[3:0]",
     FCMA + FP16, "", "size=1")
void vfp_trans_vcmla(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, 0)) {
        complex_multiply(c, a, neon_get(c, a->Q, a->vm));
    }
}

INSN(vcmla_s, "1111 1110 1 vd[4] rot:2 vn[3:0] vd[3:0] 1000 vn[4] Q:1 vm[4] 0 vm[3:0]", FCMA)
INSN(vcmla_s__h, "1111 1110 0 vd[4] rot:2 vn[3:0] vd[3:0] 1000 vn[4] Q:1 index[0] 0 vm[3:0]",
     FCMA + FP16, "", "size=1")
void vfp_trans_vcmla_s(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_NARROW_M)) {
        unsigned e = neon_fp_esize(a);
        complex_multiply(c, a, tcg_gen_vdupe(c->b, e + 1, neon_get(c, 0, a->vm), a->index));
    }
}

/* rot: 0 is 90 degrees, 1 is 270 */
INSN(vcadd, "1111 110 rot:1 1 vd[4] 0 1 vn[3:0] vd[3:0] 1000 vn[4] Q:1 vm[4] 0 vm[3:0]", FCMA)
INSN(vcadd__h, "1111 110 rot:1 1 vd[4] 0 0 vn[3:0] vd[3:0] 1000 vn[4] Q:1 vm[4] 0 vm[3:0]",
     FCMA + FP16, "", "size=1")
void vfp_trans_vcadd(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, 0)) {
        unsigned e = neon_fp_esize(a);
        TCGv y = arm_v_complex(c->b, e, neon_get(c, a->Q, a->vm), a->rot ? 3 : 1);
        neon_set(c, a->Q, a->vd,
                 arm_gen_vfp(c->b, neon_mode(c), ARM_FP_ADD, e, 0, (8u << a->Q) >> e,
                             neon_get(c, a->Q, a->vn), y, TCG_NONE));
    }
}

/* ---- VFMAL, VFMSL: operands are half as wide, S registers for a D register ---- */

/* S register s in the low place. */
static TCGv half_operand(VFPCtx *c, unsigned Q, unsigned r)
{
    return Q ? neon_get(c, 0, r)
             : arm_v_down(c->b, neon_get(c, 1, r / 4 * 2), r % 4 * 4);
}

static void multiply_add_long(VFPCtx *c, const VFPInsn *a, TCGv x, TCGv y)
{
    neon_set(c, a->Q, a->vd,
             arm_gen_fmlal(c->b, neon_mode(c), a->Q, a->op, x, y, neon_get(c, a->Q, a->vd)));
}

/* Registers of an instruction whose sources are not those of its Q. */
static bool long_ok(VFPCtx *c, const VFPInsn *a)
{
    VFPInsn d = {.Q = a->Q, .vd = a->vd};
    return neon_ok(c, &d, 0) && (!a->Q || (vfp_d_ok(c, a->vn) && vfp_d_ok(c, a->vm)));
}

INSN(vfmal, "1111 1100 op:1 vd[4] 10 vn[4:1] vd[3:0] 1000 vn[0] 0 vm[0] 1 vm[4:1]", FHM)
INSN(vfmal__q, "1111 1100 op:1 vd[4] 10 vn[3:0] vd[3:0] 1000 vn[4] 1 vm[4] 1 vm[3:0]", FHM, "",
     "Q=1")
void vfp_trans_vfmal(VFPCtx *c, const VFPInsn *a)
{
    if (long_ok(c, a)) {
        multiply_add_long(c, a, half_operand(c, a->Q, a->vn), half_operand(c, a->Q, a->vm));
    }
}

INSN(vfmal_s, "1111 1110 0 vd[4] 0 op:1 vn[4:1] vd[3:0] 1000 vn[0] 0 vm[0] 1 index[0] vm[3:1]", FHM)
INSN(vfmal_s__q,
     "1111 1110 0 vd[4] 0 op:1 vn[3:0] vd[3:0] 1000 vn[4] 1 index[1] 1 index[0] vm[2:0]", FHM, "",
     "Q=1")
void vfp_trans_vfmal_s(VFPCtx *c, const VFPInsn *a)
{
    if (long_ok(c, a)) {
        TCGv y = tcg_gen_vdupe(c->b, 1, half_operand(c, a->Q, a->vm), a->index);
        multiply_add_long(c, a, half_operand(c, a->Q, a->vn), y);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Advanced SIMD of AArch32: one vector operand, shifts by an immediate, modified immediates,
 * permutations (DDI 0487, F4.1.22 and F4.1.23). See target/arm/vfp.h.
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/vfp.h"

/* ---- two registers ---- */

static void one(VFPCtx *c, const VFPInsn *a, TCGOpcode opc, unsigned aux)
{
    if (neon_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd, tcg_gen_v1(c->b, opc, aux, neon_get(c, a->Q, a->vm)));
    }
}

static void reverse(VFPCtx *c, const VFPInsn *a, unsigned bytes)
{
    if (neon_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd,
                 tcg_gen_v1i(c->b, TCG_OP_vrev, a->size, neon_get(c, a->Q, a->vm), bytes));
    }
}

/* x opc 0, or 0 opc x */
static void compare_zero(VFPCtx *c, const VFPInsn *a, TCGOpcode opc, bool swap)
{
    if (neon_ok(c, a, 0)) {
        TCGv x = neon_get(c, a->Q, a->vm), zero = arm_v_zero(c->b);
        neon_set(c, a->Q, a->vd, tcg_gen_v2(c->b, opc, a->size, swap ? zero : x, swap ? x : zero));
    }
}

static void fp_sign(VFPCtx *c, const VFPInsn *a, TCGv (*change)(TCGBuilder *, unsigned, TCGv))
{
    if (neon_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd, change(c->b, neon_fp_esize(a), neon_get(c, a->Q, a->vm)));
    }
}

static void fp_one(VFPCtx *c, const VFPInsn *a, ARMFpOp op, unsigned arg)
{
    unsigned e = neon_fp_esize(a);
    if (neon_ok(c, a, 0)) {
        neon_set(c, a->Q, a->vd,
                 arm_gen_vfp(c->b, neon_mode(c), op, e, arg, (8u << a->Q) >> e,
                             neon_get(c, a->Q, a->vm), TCG_NONE, TCG_NONE));
    }
}

INSN(vrev64, "1111 0011 1 vd[4] 11 size:2 00 vd[3:0] 0 0000 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vrev64(VFPCtx *c, const VFPInsn *a)
{
    reverse(c, a, 8);
}

INSN(vrev32, "1111 0011 1 vd[4] 11 0 size:1 00 vd[3:0] 0 0001 Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vrev32(VFPCtx *c, const VFPInsn *a)
{
    reverse(c, a, 4);
}

INSN(vrev16, "1111 0011 1 vd[4] 11 00 00 vd[3:0] 0 0010 Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vrev16(VFPCtx *c, const VFPInsn *a)
{
    reverse(c, a, 2);
}

INSN(vclz, "1111 0011 1 vd[4] 11 size:2 00 vd[3:0] 0 1001 Q:1 vm[4] 0 vm[3:0]", NEON, "", "size!=3")
void vfp_trans_vclz(VFPCtx *c, const VFPInsn *a)
{
    one(c, a, TCG_OP_vclz, a->size);
}

INSN(vcnt, "1111 0011 1 vd[4] 11 00 00 vd[3:0] 0 1010 Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vcnt(VFPCtx *c, const VFPInsn *a)
{
    one(c, a, TCG_OP_vpopcnt, 0);
}

INSN(vmvn, "1111 0011 1 vd[4] 11 00 00 vd[3:0] 0 1011 Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vmvn(VFPCtx *c, const VFPInsn *a)
{
    one(c, a, TCG_OP_vnot, 0);
}

INSN(vabs_i, "1111 0011 1 vd[4] 11 size:2 01 vd[3:0] 0 0110 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vabs_i(VFPCtx *c, const VFPInsn *a)
{
    one(c, a, TCG_OP_vabs, a->size);
}

INSN(vneg_i, "1111 0011 1 vd[4] 11 size:2 01 vd[3:0] 0 0111 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vneg_i(VFPCtx *c, const VFPInsn *a)
{
    one(c, a, TCG_OP_vneg, a->size);
}

INSN(vcgt_zero, "1111 0011 1 vd[4] 11 size:2 01 vd[3:0] 0 0000 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vcgt_zero(VFPCtx *c, const VFPInsn *a)
{
    compare_zero(c, a, TCG_OP_vcmpgt, false);
}

INSN(vcge_zero, "1111 0011 1 vd[4] 11 size:2 01 vd[3:0] 0 0001 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vcge_zero(VFPCtx *c, const VFPInsn *a)
{
    compare_zero(c, a, TCG_OP_vcmpge, false);
}

INSN(vceq_zero, "1111 0011 1 vd[4] 11 size:2 01 vd[3:0] 0 0010 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vceq_zero(VFPCtx *c, const VFPInsn *a)
{
    compare_zero(c, a, TCG_OP_vcmpeq, false);
}

INSN(vcle_zero, "1111 0011 1 vd[4] 11 size:2 01 vd[3:0] 0 0011 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vcle_zero(VFPCtx *c, const VFPInsn *a)
{
    compare_zero(c, a, TCG_OP_vcmpge, true);
}

INSN(vclt_zero, "1111 0011 1 vd[4] 11 size:2 01 vd[3:0] 0 0100 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vclt_zero(VFPCtx *c, const VFPInsn *a)
{
    compare_zero(c, a, TCG_OP_vcmpgt, true);
}

INSN(vabs_f, "1111 0011 1 vd[4] 11 10 01 vd[3:0] 0 1110 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vabs_f__h, "1111 0011 1 vd[4] 11 01 01 vd[3:0] 0 1110 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vabs_f(VFPCtx *c, const VFPInsn *a)
{
    fp_sign(c, a, arm_v_fabs);
}

INSN(vneg_f, "1111 0011 1 vd[4] 11 10 01 vd[3:0] 0 1111 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vneg_f__h, "1111 0011 1 vd[4] 11 01 01 vd[3:0] 0 1111 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vneg_f(VFPCtx *c, const VFPInsn *a)
{
    fp_sign(c, a, arm_v_fneg);
}

INSN(vrecpe_i, "1111 0011 1 vd[4] 11 10 11 vd[3:0] 0 1000 Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vrecpe_i(VFPCtx *c, const VFPInsn *a)
{
    fp_one(c, a, ARM_FP_URECPE, 0);
}

INSN(vrsqrte_i, "1111 0011 1 vd[4] 11 10 11 vd[3:0] 0 1001 Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vrsqrte_i(VFPCtx *c, const VFPInsn *a)
{
    fp_one(c, a, ARM_FP_URSQRTE, 0);
}

INSN(vrecpe_f, "1111 0011 1 vd[4] 11 10 11 vd[3:0] 0 1010 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vrecpe_f__h, "1111 0011 1 vd[4] 11 01 11 vd[3:0] 0 1010 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vrecpe_f(VFPCtx *c, const VFPInsn *a)
{
    fp_one(c, a, ARM_FP_RECPE, 0);
}

INSN(vrsqrte_f, "1111 0011 1 vd[4] 11 10 11 vd[3:0] 0 1011 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vrsqrte_f__h, "1111 0011 1 vd[4] 11 01 11 vd[3:0] 0 1011 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vrsqrte_f(VFPCtx *c, const VFPInsn *a)
{
    fp_one(c, a, ARM_FP_RSQRTE, 0);
}

INSN(vcvt_fs, "1111 0011 1 vd[4] 11 10 11 vd[3:0] 0 1100 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vcvt_fs__h, "1111 0011 1 vd[4] 11 01 11 vd[3:0] 0 1100 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vcvt_fs(VFPCtx *c, const VFPInsn *a)
{
    fp_one(c, a, ARM_FP_FROM_INT, TCG_RND_RNE | neon_fp_esize(a) << ARM_FP_ARG_SIZE_SHIFT);
}

INSN(vcvt_fu, "1111 0011 1 vd[4] 11 10 11 vd[3:0] 0 1101 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vcvt_fu__h, "1111 0011 1 vd[4] 11 01 11 vd[3:0] 0 1101 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vcvt_fu(VFPCtx *c, const VFPInsn *a)
{
    fp_one(c, a, ARM_FP_FROM_INT,
           TCG_RND_RNE | ARM_FP_ARG_UNSIGNED | neon_fp_esize(a) << ARM_FP_ARG_SIZE_SHIFT);
}

INSN(vcvt_sf, "1111 0011 1 vd[4] 11 10 11 vd[3:0] 0 1110 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vcvt_sf__h, "1111 0011 1 vd[4] 11 01 11 vd[3:0] 0 1110 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vcvt_sf(VFPCtx *c, const VFPInsn *a)
{
    fp_one(c, a, ARM_FP_TO_INT, TCG_RND_RTZ | neon_fp_esize(a) << ARM_FP_ARG_SIZE_SHIFT);
}

INSN(vcvt_uf, "1111 0011 1 vd[4] 11 10 11 vd[3:0] 0 1111 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vcvt_uf__h, "1111 0011 1 vd[4] 11 01 11 vd[3:0] 0 1111 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vcvt_uf(VFPCtx *c, const VFPInsn *a)
{
    fp_one(c, a, ARM_FP_TO_INT,
           TCG_RND_RTZ | ARM_FP_ARG_UNSIGNED | neon_fp_esize(a) << ARM_FP_ARG_SIZE_SHIFT);
}

/* Compares with zero: FP. */
static void fp_compare_zero(VFPCtx *c, const VFPInsn *a, ARMFpOp op, bool swap)
{
    unsigned e = neon_fp_esize(a);
    if (neon_ok(c, a, 0)) {
        TCGv x = neon_get(c, a->Q, a->vm), zero = arm_v_zero(c->b);
        neon_set(c, a->Q, a->vd,
                 arm_gen_vfp(c->b, neon_mode(c), op, e, 0, (8u << a->Q) >> e, swap ? zero : x,
                             swap ? x : zero, TCG_NONE));
    }
}

INSN(vcgt_zf, "1111 0011 1 vd[4] 11 10 01 vd[3:0] 0 1000 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vcgt_zf__h, "1111 0011 1 vd[4] 11 01 01 vd[3:0] 0 1000 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vcgt_zf(VFPCtx *c, const VFPInsn *a)
{
    fp_compare_zero(c, a, ARM_FP_CMGT, false);
}

INSN(vcge_zf, "1111 0011 1 vd[4] 11 10 01 vd[3:0] 0 1001 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vcge_zf__h, "1111 0011 1 vd[4] 11 01 01 vd[3:0] 0 1001 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vcge_zf(VFPCtx *c, const VFPInsn *a)
{
    fp_compare_zero(c, a, ARM_FP_CMGE, false);
}

INSN(vceq_zf, "1111 0011 1 vd[4] 11 10 01 vd[3:0] 0 1010 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vceq_zf__h, "1111 0011 1 vd[4] 11 01 01 vd[3:0] 0 1010 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vceq_zf(VFPCtx *c, const VFPInsn *a)
{
    fp_compare_zero(c, a, ARM_FP_CMEQ, false);
}

INSN(vcle_zf, "1111 0011 1 vd[4] 11 10 01 vd[3:0] 0 1011 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vcle_zf__h, "1111 0011 1 vd[4] 11 01 01 vd[3:0] 0 1011 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vcle_zf(VFPCtx *c, const VFPInsn *a)
{
    fp_compare_zero(c, a, ARM_FP_CMGE, true);
}

INSN(vclt_zf, "1111 0011 1 vd[4] 11 10 01 vd[3:0] 0 1100 Q:1 vm[4] 0 vm[3:0]", NEON)
INSN(vclt_zf__h, "1111 0011 1 vd[4] 11 01 01 vd[3:0] 0 1100 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "size=1")
void vfp_trans_vclt_zf(VFPCtx *c, const VFPInsn *a)
{
    fp_compare_zero(c, a, ARM_FP_CMGT, true);
}

/* VRINTN, X, A, Z, -, M, -, P by op */
INSN(vrint_v, "1111 0011 1 vd[4] 11 10 10 vd[3:0] 0 1 op:3 Q:1 vm[4] 0 vm[3:0]", NEON + V8, "",
     "op!=4 op!=6")
INSN(vrint_v__h, "1111 0011 1 vd[4] 11 01 10 vd[3:0] 0 1 op:3 Q:1 vm[4] 0 vm[3:0]", NEON + FP16, "",
     "op!=4 op!=6 size=1")
void vfp_trans_vrint_v(VFPCtx *c, const VFPInsn *a)
{
    static const uint8_t arg[8] = {TCG_RND_RNE, TCG_RND_RNE | ARM_FP_ARG_EXACT,
                                   TCG_RND_RMM, TCG_RND_RTZ,
                                   TCG_RND_RNE, TCG_RND_RDN,
                                   TCG_RND_RNE, TCG_RND_RUP};
    fp_one(c, a, ARM_FP_RINT, arg[a->op]);
}

/* VCVTA, N, P, M; op: unsigned */
INSN(vcvt_v, "1111 0011 1 vd[4] 11 10 11 vd[3:0] 0 0 rmode:2 op:1 Q:1 vm[4] 0 vm[3:0]", NEON + V8)
INSN(vcvt_v__h, "1111 0011 1 vd[4] 11 01 11 vd[3:0] 0 0 rmode:2 op:1 Q:1 vm[4] 0 vm[3:0]",
     NEON + FP16, "", "size=1")
void vfp_trans_vcvt_v(VFPCtx *c, const VFPInsn *a)
{
    static const uint8_t round[4] = {TCG_RND_RMM, TCG_RND_RNE, TCG_RND_RUP, TCG_RND_RDN};
    fp_one(c, a, ARM_FP_TO_INT,
           round[a->rmode] | (a->op ? ARM_FP_ARG_UNSIGNED : 0) |
               neon_fp_esize(a) << ARM_FP_ARG_SIZE_SHIFT);
}

/* Of half precision: from single (D from Q), op: to single (Q from D) */
INSN(vcvt_h, "1111 0011 1 vd[4] 11 01 10 vd[3:0] 0 1100 0 vm[4] 0 vm[3:0]", NEON + VFPHP)
INSN(vcvt_h__s, "1111 0011 1 vd[4] 11 01 10 vd[3:0] 0 1110 0 vm[4] 0 vm[3:0]", NEON + VFPHP, "",
     "op=1")
void vfp_trans_vcvt_h(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, a->op ? NEON_WIDE_D : NEON_WIDE_M)) {
        TCGv x = neon_get(c, !a->op, a->vm);
        neon_set(c, a->op, a->vd,
                 a->op ? arm_gen_vfcvt_long(c->b, neon_mode(c), 1, 0, x)
                       : arm_gen_vfcvt_narrow(c->b, neon_mode(c), 2, false, x));
    }
}

/* ---- integers ---- */

INSN(vcls, "1111 0011 1 vd[4] 11 size:2 00 vd[3:0] 0 1000 Q:1 vm[4] 0 vm[3:0]", NEON, "", "size!=3")
void vfp_trans_vcls(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, 0)) {
        TCGv x = neon_get(c, a->Q, a->vm);
        x = tcg_gen_v2(c->b, TCG_OP_vxor, 0, x, tcg_gen_vshift(c->b, TCG_OP_vsari, a->size, x, 1));
        x = tcg_gen_v1(c->b, TCG_OP_vclz, a->size, x);
        neon_set(c, a->Q, a->vd,
                 tcg_gen_v2(c->b, TCG_OP_vsub, a->size, x, arm_v_replicate(c->b, a->size, 1)));
    }
}

/* VQABS; op: VQNEG */
INSN(vqabs, "1111 0011 1 vd[4] 11 size:2 00 vd[3:0] 0 111 op:1 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
void vfp_trans_vqabs(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, 0)) {
        TCGv x = neon_get(c, a->Q, a->vm);
        TCGv v = arm_gen_vsat(c->b, TCG_OP_vqsub, a->size, a->Q, arm_v_zero(c->b), x);
        neon_set(c, a->Q, a->vd, a->op ? v : tcg_gen_v2(c->b, TCG_OP_vmax, a->size, x, v));
    }
}

/* op: unsigned; o0: accumulated */
INSN(vpaddl, "1111 0011 1 vd[4] 11 size:2 00 vd[3:0] 0 010 op:1 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
INSN(vpadal, "1111 0011 1 vd[4] 11 size:2 00 vd[3:0] 0 110 op:1 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3 o0=1")
void vfp_trans_vpaddl(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, 0)) {
        TCGv v = arm_v_addlp(c->b, a->size, a->op, neon_get(c, a->Q, a->vm));
        if (a->o0) {
            v = tcg_gen_v2(c->b, TCG_OP_vadd, a->size + 1, neon_get(c, a->Q, a->vd), v);
        }
        neon_set(c, a->Q, a->vd, v);
    }
}

INSN(vswp, "1111 0011 1 vd[4] 11 00 10 vd[3:0] 0 0000 Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vswp(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, 0)) {
        TCGv d = neon_get(c, a->Q, a->vd), m = neon_get(c, a->Q, a->vm);
        neon_set(c, a->Q, a->vd, m);
        neon_set(c, a->Q, a->vm, d);
    }
}

/* Both registers are changed. VTRN, VUZP, VZIP; of D registers the last two work on the pair. */
static void permute(VFPCtx *c, const VFPInsn *a, TCGOpcode opc)
{
    if (!neon_ok(c, a, 0)) {
        return;
    }
    TCGv d = neon_get(c, a->Q, a->vd), m = neon_get(c, a->Q, a->vm), lo, hi;
    if (!a->Q && opc == TCG_OP_vunzip) {
        d = m = tcg_gen_v2(c->b, TCG_OP_vzip, 3, d, m);
    }
    lo = tcg_gen_v2(c->b, opc, a->size, d, m);
    hi = !a->Q && opc == TCG_OP_vzip ? arm_v_down(c->b, lo, 8)
                                     : tcg_gen_v2(c->b, opc, a->size | TCG_VEC_HIGH, d, m);
    neon_set(c, a->Q, a->vd, lo);
    neon_set(c, a->Q, a->vm, hi);
}

INSN(vtrn, "1111 0011 1 vd[4] 11 size:2 10 vd[3:0] 0 0001 Q:1 vm[4] 0 vm[3:0]", NEON, "", "size!=3")
void vfp_trans_vtrn(VFPCtx *c, const VFPInsn *a)
{
    permute(c, a, TCG_OP_vtrn);
}

INSN(vuzp, "1111 0011 1 vd[4] 11 size:2 10 vd[3:0] 0 0010 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3 size!=2|Q==1")
void vfp_trans_vuzp(VFPCtx *c, const VFPInsn *a)
{
    permute(c, a, TCG_OP_vunzip);
}

INSN(vzip, "1111 0011 1 vd[4] 11 size:2 10 vd[3:0] 0 0011 Q:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3 size!=2|Q==1")
void vfp_trans_vzip(VFPCtx *c, const VFPInsn *a)
{
    permute(c, a, TCG_OP_vzip);
}

INSN(vmovn, "1111 0011 1 vd[4] 11 size:2 10 vd[3:0] 0 0100 0 vm[4] 0 vm[3:0]", NEON, "", "size!=3")
void vfp_trans_vmovn(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_WIDE_M)) {
        TCGv x = neon_get(c, 1, a->vm);
        neon_set(c, 0, a->vd, tcg_gen_v2(c->b, TCG_OP_vunzip, a->size, x, x));
    }
}

/* VQMOVN (signed, unsigned by U); op: VQMOVUN */
INSN(vqmovn, "1111 0011 1 vd[4] 11 size:2 10 vd[3:0] 0 0101 U:1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3")
INSN(vqmovun, "1111 0011 1 vd[4] 11 size:2 10 vd[3:0] 0 0100 1 vm[4] 0 vm[3:0]", NEON, "",
     "size!=3 op=1")
void vfp_trans_vqmovn(VFPCtx *c, const VFPInsn *a)
{
    unsigned flags = a->op ? TCG_VEC_UNSIGNED | TCG_VEC_MIXED : a->U ? TCG_VEC_UNSIGNED : 0;
    if (neon_ok(c, a, NEON_WIDE_M)) {
        neon_set(c, 0, a->vd,
                 arm_gen_vsat(c->b, TCG_OP_vqnarrow, a->size | flags, 1, neon_get(c, 1, a->vm),
                              arm_v_zero(c->b)));
    }
}

/* By the element's width. */
INSN(vshll, "1111 0011 1 vd[4] 11 size:2 10 vd[3:0] 0 0110 0 vm[4] 0 vm[3:0]", NEON, "", "size!=3")
void vfp_trans_vshll(VFPCtx *c, const VFPInsn *a)
{
    if (neon_ok(c, a, NEON_WIDE_D)) {
        TCGv v = tcg_gen_v1(c->b, TCG_OP_vwiden, a->size | TCG_VEC_UNSIGNED, neon_get(c, 0, a->vm));
        neon_set(c, 1, a->vd, tcg_gen_vshift(c->b, TCG_OP_vshli, a->size + 1, v, 8u << a->size));
    }
}

/* VTBL; op: VTBX, which keeps what has no place in the table */
INSN(vtbl, "1111 0011 1 vd[4] 11 vn[3:0] vd[3:0] 10 len:2 vn[4] op:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vtbl(VFPCtx *c, const VFPInsn *a)
{
    TCGBuilder *b = c->b;
    unsigned n = a->len + 1u;
    if (a->vn + n > 32) {
        a64_gen_undefined(c->c);
        return;
    }
    if (!vfp_d_ok(c, a->vn + n - 1) || !neon_ok(c, a, 0)) {
        return;
    }
    TCGv table[2], index = neon_get(c, 0, a->vm);
    for (unsigned i = 0; i < n; i += 2) {
        TCGv hi = i + 1 < n ? neon_get(c, 0, a->vn + i + 1) : arm_v_zero(b);
        table[i / 2] = tcg_gen_v2(b, TCG_OP_vzip, 3, neon_get(c, 0, a->vn + i), hi);
    }
    TCGv v = tcg_gen_vtable(b, table, (n + 1) / 2, index, TCG_NONE);
    if (a->op) {
        TCGv in =
            tcg_gen_v2(b, TCG_OP_vcmpgt, TCG_VEC_UNSIGNED, arm_v_replicate(b, 0, n * 8), index);
        v = tcg_gen_v3(b, TCG_OP_vbitsel, 0, in, v, neon_get(c, 0, a->vd));
    }
    neon_set(c, 0, a->vd, v);
}

/* ---- shifts: L:imm6 has the element size in its highest one, and the count ---- */

static unsigned shift_esize(const VFPInsn *a)
{
    return 31 - __builtin_clz((unsigned)a->imm >> 3);
}
static unsigned right_count(const VFPInsn *a)
{
    return (16u << shift_esize(a)) - (unsigned)a->imm;
}
static unsigned left_count(const VFPInsn *a)
{
    return (unsigned)a->imm - (8u << shift_esize(a));
}
static bool is_shift(VFPCtx *c, const VFPInsn *a, bool narrow)
{
    if (a->imm < 8 || (narrow && a->imm >= 64)) {
        a64_gen_undefined(c->c);
        return false;
    }
    return true;
}

static void shift_right(VFPCtx *c, const VFPInsn *a, bool round, bool accumulate)
{
    if (!is_shift(c, a, false) || !neon_ok(c, a, 0)) {
        return;
    }
    unsigned e = shift_esize(a), n = right_count(a);
    TCGv x = neon_get(c, a->Q, a->vm);
    TCGv v = round ? tcg_gen_vrshri(c->b, e | (a->U ? TCG_VEC_UNSIGNED : 0), x, n)
                   : arm_v_shr(c->b, e, a->U, x, n);
    v = accumulate ? tcg_gen_v2(c->b, TCG_OP_vadd, e, neon_get(c, a->Q, a->vd), v) : v;
    neon_set(c, a->Q, a->vd, v);
}

INSN(vshr_i, "1111 001 U:1 1 vd[4] imm[5:0] vd[3:0] 0000 imm[6] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vshr_i(VFPCtx *c, const VFPInsn *a)
{
    shift_right(c, a, false, false);
}

INSN(vsra_i, "1111 001 U:1 1 vd[4] imm[5:0] vd[3:0] 0001 imm[6] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vsra_i(VFPCtx *c, const VFPInsn *a)
{
    shift_right(c, a, false, true);
}

INSN(vrshr_i, "1111 001 U:1 1 vd[4] imm[5:0] vd[3:0] 0010 imm[6] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vrshr_i(VFPCtx *c, const VFPInsn *a)
{
    shift_right(c, a, true, false);
}

INSN(vrsra_i, "1111 001 U:1 1 vd[4] imm[5:0] vd[3:0] 0011 imm[6] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vrsra_i(VFPCtx *c, const VFPInsn *a)
{
    shift_right(c, a, true, true);
}

static void shift_left(VFPCtx *c, const VFPInsn *a, bool keep)
{
    if (!is_shift(c, a, false) || !neon_ok(c, a, 0)) {
        return;
    }
    unsigned e = shift_esize(a), n = left_count(a);
    uint64_t ones = UINT64_MAX >> (64 - (8u << e));
    TCGv v = tcg_gen_vshift(c->b, TCG_OP_vshli, e, neon_get(c, a->Q, a->vm), n);
    if (keep) {
        TCGv mask = arm_v_replicate(c->b, e, ones << n & ones);
        v = tcg_gen_v2(c->b, TCG_OP_vor, 0, v,
                       tcg_gen_v2(c->b, TCG_OP_vandc, 0, neon_get(c, a->Q, a->vd), mask));
    }
    neon_set(c, a->Q, a->vd, v);
}

INSN(vshl_i, "1111 001 0 1 vd[4] imm[5:0] vd[3:0] 0101 imm[6] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vshl_i(VFPCtx *c, const VFPInsn *a)
{
    shift_left(c, a, false);
}

INSN(vsli, "1111 001 1 1 vd[4] imm[5:0] vd[3:0] 0101 imm[6] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vsli(VFPCtx *c, const VFPInsn *a)
{
    shift_left(c, a, true);
}

INSN(vsri, "1111 001 1 1 vd[4] imm[5:0] vd[3:0] 0100 imm[6] Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vsri(VFPCtx *c, const VFPInsn *a)
{
    if (!is_shift(c, a, false) || !neon_ok(c, a, 0)) {
        return;
    }
    unsigned e = shift_esize(a), n = right_count(a), w = 8u << e;
    if (n < w) {
        TCGv mask = arm_v_replicate(c->b, e, UINT64_MAX >> (64 - w) >> n);
        TCGv v = tcg_gen_vshift(c->b, TCG_OP_vshri, e, neon_get(c, a->Q, a->vm), n);
        v = tcg_gen_v2(c->b, TCG_OP_vor, 0, v,
                       tcg_gen_v2(c->b, TCG_OP_vandc, 0, neon_get(c, a->Q, a->vd), mask));
        neon_set(c, a->Q, a->vd, v);
    }
}

/* VQSHL; op: VQSHLU, of signed operands to unsigned results */
INSN(vqshl_i, "1111 001 U:1 1 vd[4] imm[5:0] vd[3:0] 0111 imm[6] Q:1 vm[4] 1 vm[3:0]", NEON)
INSN(vqshlu_i, "1111 001 1 1 vd[4] imm[5:0] vd[3:0] 0110 imm[6] Q:1 vm[4] 1 vm[3:0]", NEON, "",
     "op=1")
void vfp_trans_vqshl_i(VFPCtx *c, const VFPInsn *a)
{
    if (!is_shift(c, a, false) || !neon_ok(c, a, 0)) {
        return;
    }
    unsigned e = shift_esize(a);
    TCGv x = neon_get(c, a->Q, a->vm);
    if (a->op) {
        TCGv negative = tcg_gen_v2(c->b, TCG_OP_vcmpgt, e, arm_v_zero(c->b), x);
        arm_gen_qc(c->b, a->Q, negative);
        x = tcg_gen_v2(c->b, TCG_OP_vandc, 0, x, negative);
    }
    unsigned aux = e | TCG_VEC_SAT | (a->U || a->op ? TCG_VEC_UNSIGNED : 0);
    neon_set(
        c, a->Q, a->vd,
        arm_gen_vsat(c->b, TCG_OP_vshlv, aux, a->Q, x, arm_v_replicate(c->b, e, left_count(a))));
}

/* VQSHRN, VQSHRUN (op), and with rounding (o0) */
INSN(vqshrn, "1111 001 U:1 1 vd[4] imm[5:0] vd[3:0] 1001 0 o0:1 vm[4] 1 vm[3:0]", NEON)
INSN(vqshrun, "1111 001 1 1 vd[4] imm[5:0] vd[3:0] 1000 0 o0:1 vm[4] 1 vm[3:0]", NEON, "", "op=1")
void vfp_trans_vqshrn(VFPCtx *c, const VFPInsn *a)
{
    if (!is_shift(c, a, true) || !neon_ok(c, a, NEON_WIDE_M)) {
        return;
    }
    unsigned e = shift_esize(a), n = right_count(a);
    unsigned flags = a->op ? TCG_VEC_UNSIGNED | TCG_VEC_MIXED : a->U ? TCG_VEC_UNSIGNED : 0;
    TCGv x = neon_get(c, 1, a->vm);
    x = a->o0 ? tcg_gen_vrshri(c->b, (e + 1) | (a->U ? TCG_VEC_UNSIGNED : 0), x, n)
              : tcg_gen_vshift(c->b, a->U ? TCG_OP_vshri : TCG_OP_vsari, e + 1, x, n);
    neon_set(c, 0, a->vd, arm_gen_vsat(c->b, TCG_OP_vqnarrow, e | flags, 1, x, arm_v_zero(c->b)));
}

/* Fixed point, 64 - imm bits of fraction; op: to fixed point; o0: single precision, else half */
INSN(vcvt_fixed_v, "1111 001 U:1 1 vd[4] imm[5:0] vd[3:0] 11 o0:1 op:1 0 Q:1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vcvt_fixed_v(VFPCtx *c, const VFPInsn *a)
{
    unsigned e = a->o0 ? 2 : 1;
    if (!(a->imm & 32) || (e == 1 && (!arm_has(c->c->cfg, ARM_FEAT_FP16) || !(a->imm & 16)))) {
        a64_gen_undefined(c->c);
        return;
    }
    if (neon_ok(c, a, 0)) {
        unsigned arg = (a->op ? TCG_RND_RTZ : TCG_RND_RNE) | (a->U ? ARM_FP_ARG_UNSIGNED : 0) |
                       (64u - (unsigned)a->imm) << ARM_FP_ARG_FBITS_SHIFT |
                       e << ARM_FP_ARG_SIZE_SHIFT;
        neon_set(c, a->Q, a->vd,
                 arm_gen_vfp(c->b, neon_mode(c), a->op ? ARM_FP_TO_INT : ARM_FP_FROM_INT, e, arg,
                             (8u << a->Q) >> e, neon_get(c, a->Q, a->vm), TCG_NONE, TCG_NONE));
    }
}

static void shift_narrow(VFPCtx *c, const VFPInsn *a, bool round)
{
    if (!is_shift(c, a, true) || !neon_ok(c, a, NEON_WIDE_M)) {
        return;
    }
    unsigned e = shift_esize(a), n = right_count(a);
    TCGv x = neon_get(c, 1, a->vm);
    x = round ? tcg_gen_vrshri(c->b, (e + 1) | TCG_VEC_UNSIGNED, x, n)
              : tcg_gen_vshift(c->b, TCG_OP_vshri, e + 1, x, n);
    neon_set(c, 0, a->vd, tcg_gen_v2(c->b, TCG_OP_vunzip, e, x, x));
}

INSN(vshrn, "1111 001 0 1 vd[4] imm[5:0] vd[3:0] 1000 0 0 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vshrn(VFPCtx *c, const VFPInsn *a)
{
    shift_narrow(c, a, false);
}

INSN(vrshrn, "1111 001 0 1 vd[4] imm[5:0] vd[3:0] 1000 0 1 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vrshrn(VFPCtx *c, const VFPInsn *a)
{
    shift_narrow(c, a, true);
}

/* VSHLL, VMOVL */
INSN(vshll_i, "1111 001 U:1 1 vd[4] imm[5:0] vd[3:0] 1010 0 0 vm[4] 1 vm[3:0]", NEON)
void vfp_trans_vshll_i(VFPCtx *c, const VFPInsn *a)
{
    if (is_shift(c, a, true) && neon_ok(c, a, NEON_WIDE_D)) {
        unsigned e = shift_esize(a);
        TCGv v = tcg_gen_v1(c->b, TCG_OP_vwiden, e | (a->U ? TCG_VEC_UNSIGNED : 0),
                            neon_get(c, 0, a->vm));
        neon_set(c, 1, a->vd, tcg_gen_vshift(c->b, TCG_OP_vshli, e + 1, v, left_count(a)));
    }
}

/* ---- immediates, moves ---- */

/* VMOV, VMVN; VORR and VBIC with odd cmodes below 12 */
INSN(vmov_i, "1111 001 imm[7] 1 vd[4] 000 imm[6:4] vd[3:0] cmode:4 0 Q:1 op:1 1 imm[3:0]", NEON, "",
     "over=vshr_i over=vsra_i over=vrshr_i over=vrsra_i over=vshl_i over=vsli over=vshrn "
     "over=vrshrn over=vshll_i over=vsri over=vqshl_i over=vqshlu_i over=vqshrn over=vqshrun "
     "over=vcvt_fixed_v")
void vfp_trans_vmov_i(VFPCtx *c, const VFPInsn *a)
{
    if (a->op && a->cmode == 15) {
        a64_gen_undefined(c->c);
        return;
    }
    if (!neon_ok(c, a, 0)) {
        return;
    }
    uint64_t imm = arm_v_expand_imm(a->op, a->cmode, (unsigned)a->imm);
    if (a->cmode < 12 && (a->cmode & 1)) {
        TCGOpcode opc = a->op ? TCG_OP_vandc : TCG_OP_vor;
        neon_set(c, a->Q, a->vd,
                 tcg_gen_v2(c->b, opc, 0, neon_get(c, a->Q, a->vd), tcg_vconst(c->b, imm)));
    } else {
        neon_set(c, a->Q, a->vd, tcg_vconst(c->b, a->op && a->cmode < 14 ? ~imm : imm));
    }
}

INSN(vdup_core, "1110 1110 1 o0:1 Q:1 0 vd[3:0] rd:4 1011 vd[4] 0 o1:1 1 0000", NEON, "", "rd!=15")
void vfp_trans_vdup_core(VFPCtx *c, const VFPInsn *a)
{
    if (a->o0 && a->o1) {
        a64_gen_undefined(c->c);
    } else if (neon_ok(c, a, 0)) {
        unsigned e = a->o0 ? 0 : a->o1 ? 1 : 2;
        neon_set(c, a->Q, a->vd, tcg_gen_vdup(c->b, e, vfp_r(c, a->rd)));
    }
}

/* imm: element from bit 1 + esize up, and below it a one that says the size */
INSN(vdup_s, "1111 0011 1 vd[4] 11 imm[3:0] vd[3:0] 1100 0 Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vdup_s(VFPCtx *c, const VFPInsn *a)
{
    if (!(a->imm & 7)) {
        a64_gen_undefined(c->c);
    } else if (neon_ok(c, a, NEON_NARROW_M)) {
        unsigned e = __builtin_ctz((unsigned)a->imm);
        neon_set(c, a->Q, a->vd,
                 tcg_gen_vdupe(c->b, e, neon_get(c, 0, a->vm), (unsigned)a->imm >> (e + 1)));
    }
}

INSN(vext, "1111 0010 1 vd[4] 11 vn[3:0] vd[3:0] imm[3:0] vn[4] Q:1 vm[4] 0 vm[3:0]", NEON)
void vfp_trans_vext(VFPCtx *c, const VFPInsn *a)
{
    if (!a->Q && a->imm >= 8) {
        a64_gen_undefined(c->c);
    } else if (neon_ok(c, a, 0)) {
        TCGv x = neon_get(c, a->Q, a->vn), y = neon_get(c, a->Q, a->vm);
        if (!a->Q) {
            x = y = tcg_gen_v2(c->b, TCG_OP_vzip, 3, x, y);
        }
        neon_set(c, a->Q, a->vd, tcg_gen_v2i(c->b, TCG_OP_vext, 0, x, y, (unsigned)a->imm));
    }
}

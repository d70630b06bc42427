/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * VFP and Advanced SIMD instructions of A32 and T32: decodes them and calls the function below the
 * row; what they share. See vfp.h.
 */
#include "target/arm/vfp.h"

static uint64_t row_extensions(const ARMConfig *cfg)
{
    uint64_t e = VFP_EXT(BASE);
#define HAS(name) e |= arm_has(cfg, ARM_FEAT_##name) ? VFP_EXT(name) : 0;
    VFP_ROW_EXTENSIONS(HAS)
#undef HAS
    return e;
}

/*
 * The A32 encoding of a T32 one (F3.1.9, F4.1.4): VFP's are the same; data processing of Advanced
 * SIMD has U at bit 28 instead of 24, its loads and stores begin with 1111 1001 instead of 0100.
 * 0, which is none of these: not of this space.
 */
static uint32_t encoding(uint32_t w, bool thumb)
{
    if (!thumb) {
        return w;
    }
    if ((w & 0xef000000) == 0xef000000) {
        return 0xf2000000 | (w >> 4 & 0x01000000) | (w & 0x00ffffff);
    }
    if ((w & 0xff100000) == 0xf9000000 || (w & 0xff100000) == 0xf9100000) {
        return 0xf4000000 | (w & 0x00ffffff);
    }
    return (w & 0xec000000) == 0xec000000 ? w : 0;
}

bool vfp_translate(A64Ctx *c, bool thumb, int64_t pc)
{
    VFPInsn a = {0};
    uint32_t w = encoding(c->word, thumb);
    VFPInsnId id = w ? vfp_decode32(w, row_extensions(c->cfg), &a) : VFP_INSN_NONE;
    if (id == VFP_INSN_NONE) {
        return false;
    }
    VFPCtx v = {.c = c, .b = c->b, .mode = c->mode, .pc = pc};
    vfp_trans[id](&v, &a);
    return true;
}

bool vfp_d_ok(VFPCtx *c, unsigned d)
{
    if (d < 16 || arm_has(c->c->cfg, ARM_FEAT_D32)) {
        return true;
    }
    a64_gen_undefined(c->c);
    return false;
}

TCGv vfp_get(VFPCtx *c, unsigned esize, unsigned r)
{
    if (esize == 1) {
        return tcg_gen_ext16u(c->b, vfp_get(c, 2, r));
    }
    unsigned per = 16 >> esize;
    TCGv q = tcg_gen_getcell(c->b, ARM_CELL_VR(r / per));
    if (r % per == 0) {
        return arm_v_bits(c->b, esize, q);
    }
    return esize == 3 ? tcg_gen_vget(c->b, q, 1)
                      : tcg_gen_vextract(c->b, TCG_I32, 2 | TCG_VEC_UNSIGNED, q, r % per);
}

void vfp_set(VFPCtx *c, unsigned esize, unsigned r, TCGv v)
{
    if (esize == 1) {
        v = tcg_gen_ext16u(c->b, v);
        esize = 2;
    }
    unsigned per = 16 >> esize, cell = ARM_CELL_VR(r / per);
    TCGv q = tcg_gen_getcell(c->b, cell);
    tcg_gen_setcell(c->b, cell, tcg_gen_vinsert(c->b, esize, q, v, r % per));
}

/* ---- vectors ---- */

TCGv neon_get(VFPCtx *c, unsigned Q, unsigned d)
{
    TCGv v = tcg_gen_getcell(c->b, ARM_CELL_VR(d / 2));
    return !Q && (d & 1) ? arm_v_down(c->b, v, 8) : v;
}

void neon_set(VFPCtx *c, unsigned Q, unsigned d, TCGv v)
{
    unsigned cell = ARM_CELL_VR(d / 2);
    if (!Q) {
        TCGv old = tcg_gen_getcell(c->b, cell);
        v = d & 1 ? tcg_gen_v2(c->b, TCG_OP_vzip, 3, old, v)
                  : tcg_gen_v2(c->b, TCG_OP_vzip, 3, v, arm_v_down(c->b, old, 8));
    }
    tcg_gen_setcell(c->b, cell, v);
}

bool neon_ok(VFPCtx *c, const VFPInsn *a, unsigned which)
{
    bool d = which & NEON_WIDE_D || (a->Q && !(which & NEON_NARROW_D));
    bool n = which & NEON_WIDE_N || a->Q;
    bool m = which & NEON_WIDE_M || (a->Q && !(which & NEON_NARROW_M));
    if ((d && (a->vd & 1)) || (n && (a->vn & 1)) || (m && (a->vm & 1))) {
        a64_gen_undefined(c->c);
        return false;
    }
    return vfp_d_ok(c, a->vd) && vfp_d_ok(c, a->vn) && vfp_d_ok(c, a->vm) &&
           a64_gen_fp_access(c->c);
}

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

/* ---- registers: see vfp.h ---- */

/* Log2 of the size of the cells by which the unit names V register r; wish: what is best here. */
static unsigned cells_of(VFPCtx *c, unsigned r, unsigned wish)
{
    uint8_t *size = &c->c->v_size[r];
    *size = *size ? *size : wish;
    return *size;
}

static TCGv get_s(VFPCtx *c, unsigned r, unsigned wish);
static void set_s(VFPCtx *c, unsigned r, TCGv v, unsigned wish);

/* What is emitted where nothing can be reached has no name that lasts. */
static void know_halves(VFPCtx *c, unsigned r, TCGv d, TCGv s0, TCGv s1)
{
    if (!tcg_is_unreachable(c->b)) {
        c->c->v_halves[r].d = d;
        c->c->v_halves[r].s[0] = s0;
        c->c->v_halves[r].s[1] = s1;
    }
}

static TCGv half(VFPCtx *c, TCGType t, TCGv v, unsigned bytes)
{
    return tcg_gen_vlow(c->b, t, arm_v_down(c->b, v, bytes));
}

static TCGv get_d(VFPCtx *c, unsigned r, unsigned wish)
{
    TCGBuilder *b = c->b;
    unsigned size = cells_of(c, r / 2, wish);
    if (size == 4) {
        return half(c, TCG_F64, tcg_gen_getcell(b, ARM_CELL_VR(r / 2)), r % 2 * 8);
    }
    if (size == 3) {
        return tcg_gen_getcell(b, ARM_CELL_D0 + r);
    }
    TCGv lo = get_s(c, r * 2, 2), hi = get_s(c, r * 2 + 1, 2);
    if (c->c->v_halves[r].d.i && c->c->v_halves[r].s[0].i == lo.i &&
        c->c->v_halves[r].s[1].i == hi.i) {
        return c->c->v_halves[r].d;
    }
    TCGv v = tcg_gen_v2(b, TCG_OP_vzip, 2, tcg_gen_vld_lo(b, lo), tcg_gen_vld_lo(b, hi));
    TCGv d = tcg_gen_vlow(b, TCG_F64, v);
    know_halves(c, r, d, lo, hi);
    return d;
}

static void set_d(VFPCtx *c, unsigned r, TCGv v, unsigned wish)
{
    TCGBuilder *b = c->b;
    unsigned size = cells_of(c, r / 2, wish);
    if (size == 4) {
        unsigned cell = ARM_CELL_VR(r / 2);
        TCGv old = tcg_gen_getcell(b, cell), q;
        v = tcg_gen_vld_lo(b, v);
        q = r % 2 ? tcg_gen_v2(b, TCG_OP_vzip, 3, old, v)
                  : tcg_gen_v2(b, TCG_OP_vzip, 3, v, arm_v_down(b, old, 8));
        tcg_gen_setcell(b, cell, q);
        return;
    }
    if (size == 3) {
        tcg_gen_setcell(b, ARM_CELL_D0 + r, v);
        return;
    }
    TCGv q = tcg_gen_vld_lo(b, v);
    TCGv lo = tcg_gen_vlow(b, TCG_F32, q), hi = half(c, TCG_F32, q, 4);
    set_s(c, r * 2, lo, 2);
    set_s(c, r * 2 + 1, hi, 2);
    know_halves(c, r, v, lo, hi);
}

static TCGv get_s(VFPCtx *c, unsigned r, unsigned wish)
{
    TCGBuilder *b = c->b;
    unsigned size = cells_of(c, r / 4, wish);
    if (size == 4) {
        return half(c, TCG_F32, tcg_gen_getcell(b, ARM_CELL_VR(r / 4)), r % 4 * 4);
    }
    if (size == 2) {
        return tcg_gen_getcell(b, ARM_CELL_S0 + r);
    }
    TCGv d = tcg_gen_getcell(b, ARM_CELL_D0 + r / 2), *s = c->c->v_halves[r / 2].s;
    if (c->c->v_halves[r / 2].d.i != d.i) {
        know_halves(c, r / 2, d, TCG_NONE, TCG_NONE);
    } else if (s[r % 2].i) {
        return s[r % 2];
    }
    TCGv v = half(c, TCG_F32, tcg_gen_vld_lo(b, d), r % 2 * 4);
    if (c->c->v_halves[r / 2].d.i == d.i && !tcg_is_unreachable(b)) {
        s[r % 2] = v;
    }
    return v;
}

static void set_s(VFPCtx *c, unsigned r, TCGv v, unsigned wish)
{
    TCGBuilder *b = c->b;
    unsigned size = cells_of(c, r / 4, wish);
    if (size == 4) {
        unsigned cell = ARM_CELL_VR(r / 4);
        TCGv q = tcg_gen_getcell(b, cell);
        tcg_gen_setcell(b, cell, tcg_gen_vinsert(b, 2, q, tcg_gen_bitcast(b, TCG_I32, v), r % 4));
        return;
    }
    if (size == 2) {
        tcg_gen_setcell(b, ARM_CELL_S0 + r, v);
        return;
    }
    /* The low half stays where it is, the high one has to be taken out first. */
    TCGv other = get_s(c, r ^ 1, 3), n = tcg_gen_vld_lo(b, v), d;
    if (r % 2) {
        d = tcg_gen_getcell(b, ARM_CELL_D0 + r / 2);
        d = tcg_gen_v2(b, TCG_OP_vzip, 2, tcg_gen_vld_lo(b, d), n);
    } else {
        d = tcg_gen_v2(b, TCG_OP_vzip, 2, n, tcg_gen_vld_lo(b, other));
    }
    d = tcg_gen_vlow(b, TCG_F64, d);
    tcg_gen_setcell(b, ARM_CELL_D0 + r / 2, d);
    know_halves(c, r / 2, d, r % 2 ? other : v, r % 2 ? v : other);
}

static TCGv get_q(VFPCtx *c, unsigned r)
{
    TCGBuilder *b = c->b;
    if (cells_of(c, r, 4) == 4) {
        return tcg_gen_getcell(b, ARM_CELL_VR(r));
    }
    TCGv lo = get_d(c, r * 2, 3), hi = get_d(c, r * 2 + 1, 3);
    if (c->c->v_quads[r].q.i && c->c->v_quads[r].d[0].i == lo.i &&
        c->c->v_quads[r].d[1].i == hi.i) {
        return c->c->v_quads[r].q;
    }
    TCGv q = tcg_gen_v2(b, TCG_OP_vzip, 3, tcg_gen_vld_lo(b, lo), tcg_gen_vld_lo(b, hi));
    if (!tcg_is_unreachable(b)) {
        c->c->v_quads[r].q = q;
        c->c->v_quads[r].d[0] = lo;
        c->c->v_quads[r].d[1] = hi;
    }
    return q;
}

static void set_q(VFPCtx *c, unsigned r, TCGv v)
{
    TCGBuilder *b = c->b;
    if (cells_of(c, r, 4) == 4) {
        tcg_gen_setcell(b, ARM_CELL_VR(r), v);
        return;
    }
    TCGv lo = tcg_gen_vlow(b, TCG_F64, v), hi = half(c, TCG_F64, v, 8);
    set_d(c, r * 2, lo, 3);
    set_d(c, r * 2 + 1, hi, 3);
    if (!tcg_is_unreachable(b)) {
        c->c->v_quads[r].q = v;
        c->c->v_quads[r].d[0] = lo;
        c->c->v_quads[r].d[1] = hi;
    }
}

TCGv vfp_get_f(VFPCtx *c, unsigned esize, unsigned r)
{
    return esize == 3 ? get_d(c, r, 3) : get_s(c, r, 2);
}

void vfp_set_f(VFPCtx *c, unsigned esize, unsigned r, TCGv v)
{
    if (esize == 3) {
        set_d(c, r, v, 3);
    } else {
        set_s(c, r, v, 2);
    }
}

TCGv vfp_get(VFPCtx *c, unsigned esize, unsigned r)
{
    TCGv v = tcg_gen_bitcast(c->b, esize == 3 ? TCG_I64 : TCG_I32, vfp_get_f(c, esize, r));
    return esize == 1 ? tcg_gen_ext16u(c->b, v) : v;
}

void vfp_set(VFPCtx *c, unsigned esize, unsigned r, TCGv v)
{
    v = esize == 1 ? tcg_gen_ext16u(c->b, v) : v;
    vfp_set_f(c, esize, r, tcg_gen_bitcast(c->b, esize == 3 ? TCG_F64 : TCG_F32, v));
}

/* ---- vectors ---- */

TCGv neon_get(VFPCtx *c, unsigned Q, unsigned d)
{
    if (!Q && cells_of(c, d / 2, 4) != 4) {
        return tcg_gen_vld_lo(c->b, get_d(c, d, 3));
    }
    TCGv v = get_q(c, d / 2);
    return !Q && (d & 1) ? arm_v_down(c->b, v, 8) : v;
}

void neon_set(VFPCtx *c, unsigned Q, unsigned d, TCGv v)
{
    if (Q) {
        set_q(c, d / 2, v);
    } else if (cells_of(c, d / 2, 4) != 4) {
        set_d(c, d, tcg_gen_vlow(c->b, TCG_F64, v), 3);
    } else {
        TCGv old = get_q(c, d / 2);
        v = d & 1 ? tcg_gen_v2(c->b, TCG_OP_vzip, 3, old, v)
                  : tcg_gen_v2(c->b, TCG_OP_vzip, 3, v, arm_v_down(c->b, old, 8));
        set_q(c, d / 2, v);
    }
}

bool neon_access(VFPCtx *c)
{
    if ((c->c->mode & ARM_MODE_FP) && !(c->c->mode & ARM_MODE_TASE)) {
        return true;
    }
    tcg_gen_call0(c->b, &arm_helper_simd_trap);
    c->c->ended = true;
    return false;
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
    return vfp_d_ok(c, a->vd) && vfp_d_ok(c, a->vn) && vfp_d_ok(c, a->vm) && neon_access(c);
}

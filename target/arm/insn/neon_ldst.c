/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Advanced SIMD of AArch32: loads and stores of elements and structures (DDI 0487, F4.1.24; in T32
 * the same, see vfp_translate()). See target/arm/vfp.h.
 *
 * All of an instruction's accesses come before it changes a register. An alignment that the
 * instruction asks for is checked with the first access.
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/vfp.h"

/* 1 << size bytes; align: log2, of the first access of an instruction. */
static TCGMemOp memop(VFPCtx *c, unsigned size, unsigned align)
{
    TCGMemOp m = size | (c->mode & ARM_MODE_BE ? TCG_MO_BE : 0);
    if (align < size) {
        m |= c->mode & ARM_MODE_ALIGN ? 0 : TCG_MO_ALIGN_DEVICE;
        align = size;
    }
    return m | align << TCG_MO_ALIGN_SHIFT;
}

static TCGv address(VFPCtx *c, TCGv base, unsigned off)
{
    return tcg_gen_extu(c->b, tcg_gen_addi(c->b, base, (int32_t)off));
}

/* Registers d, d + inc, ... */
static bool list_ok(VFPCtx *c, const VFPInsn *a, unsigned n, unsigned inc)
{
    if (a->vd + (n - 1) * inc > 31 || a->rn == 15) {
        a64_gen_undefined(c->c);
        return false;
    }
    return vfp_d_ok(c, a->vd + (n - 1) * inc) && neon_access(c);
}

/* rm: 15 none, 13 by what was transferred, else by that register. */
static void write_back(VFPCtx *c, const VFPInsn *a, TCGv base, unsigned bytes)
{
    if (a->rm == 13) {
        vfp_set_r(c, a->rn, tcg_gen_addi(c->b, base, (int32_t)bytes));
    } else if (a->rm != 15) {
        vfp_set_r(c, a->rn, tcg_gen_add(c->b, base, vfp_r(c, a->rm)));
    }
}

/* By type: elements of a structure, distance of its registers, structures side by side. */
static const struct {
    uint8_t selem, inc, groups, max_align;
} types[16] = {
    [0] = {4, 1, 1, 3}, [1] = {4, 2, 1, 3}, [2] = {1, 1, 4, 3},  [3] = {2, 2, 2, 3},
    [4] = {3, 1, 1, 1}, [5] = {3, 2, 1, 1}, [6] = {1, 1, 3, 1},  [7] = {1, 1, 1, 1},
    [8] = {2, 1, 1, 2}, [9] = {2, 2, 1, 2}, [10] = {1, 1, 2, 2},
};

INSN(vld_multiple, "1111 0100 0 vd[4] L:1 0 rn:4 vd[3:0] op:4 size:2 align:2 rm:4", NEON)
void vfp_trans_vld_multiple(VFPCtx *c, const VFPInsn *a)
{
    TCGBuilder *b = c->b;
    unsigned selem = types[a->op].selem, inc = types[a->op].inc, groups = types[a->op].groups;
    unsigned n = selem * groups, per = 8 >> a->size, bits = 8 << a->size;
    if (!selem || a->align > types[a->op].max_align || (a->size == 3 && selem > 1)) {
        a64_gen_undefined(c->c);
        return;
    }
    if (!list_ok(c, a, n, selem > 1 && groups == 1 ? inc : 1)) {
        return;
    }
    unsigned align = a->align ? 2u + a->align : 0, off = 0;
    /* Whole registers where bytes in memory are as in the register. */
    bool whole = selem == 1 && (a->size == 0 || !(c->mode & ARM_MODE_BE));
    unsigned step = whole ? 8 : 1u << a->size;
    TCGv base = vfp_r(c, a->rn), v[4] = {TCG_NONE, TCG_NONE, TCG_NONE, TCG_NONE};
    for (unsigned g = 0; g < groups; g++) {
        for (unsigned e = 0; e < (whole ? 1 : per); e++) {
            for (unsigned s = 0; s < selem; s++, off += step) {
                /* v[]: in order of registers */
                unsigned k = g + s * groups, d = a->vd + g + s * inc;
                TCGMemOp m = memop(c, a->size, off ? 0 : align);
                m = whole ? (m & ~(TCG_MO_SIZE | TCG_MO_BE)) | TCG_MO_64 : m;
                if (!a->L) {
                    TCGv x = vfp_get(c, 3, d);
                    tcg_gen_st(b, m, address(c, base, off), 0, tcg_gen_shri(b, x, e * bits));
                    continue;
                }
                TCGv x = tcg_gen_ld(b, TCG_I64, m, address(c, base, off), 0);
                v[k] = e ? tcg_gen_or(b, v[k], tcg_gen_shli(b, x, e * bits)) : x;
            }
        }
    }
    for (unsigned g = 0; a->L && g < groups; g++) {
        for (unsigned s = 0; s < selem; s++) {
            vfp_set(c, 3, a->vd + g + s * inc, v[g + s * groups]);
        }
    }
    write_back(c, a, base, n * 8);
}

/* One structure of n elements to or from element `index` of registers. */
static void single(VFPCtx *c, const VFPInsn *a, unsigned n, unsigned inc, unsigned align)
{
    TCGBuilder *b = c->b;
    if (!list_ok(c, a, n, inc)) {
        return;
    }
    TCGv base = vfp_r(c, a->rn), v[4];
    unsigned bits = 8 << a->size, pos = a->index * bits;
    for (unsigned s = 0; s < n; s++) {
        TCGMemOp m = memop(c, a->size, s ? 0 : align);
        TCGv addr = address(c, base, s << a->size), x = vfp_get(c, 3, a->vd + s * inc);
        if (a->L) {
            v[s] = tcg_gen_deposit(b, x, tcg_gen_ld(b, TCG_I64, m, addr, 0), pos, bits);
        } else {
            tcg_gen_st(b, m, addr, 0, tcg_gen_shri(b, x, pos));
        }
    }
    for (unsigned s = 0; a->L && s < n; s++) {
        vfp_set(c, 3, a->vd + s * inc, v[s]);
    }
    write_back(c, a, base, n << a->size);
}

/* len: elements of the structure less 1; align: index_align's low bits */
INSN(vld_single_8, "1111 0100 1 vd[4] L:1 0 rn:4 vd[3:0] 00 len:2 index[2:0] align:1 rm:4", NEON,
     "", "size=0")
void vfp_trans_vld_single_8(VFPCtx *c, const VFPInsn *a)
{
    if (a->align && (a->len == 0 || a->len == 2)) {
        a64_gen_undefined(c->c);
        return;
    }
    single(c, a, a->len + 1u, 1, !a->align ? 0 : a->len == 1 ? 1 : 2);
}

INSN(vld_single_16, "1111 0100 1 vd[4] L:1 0 rn:4 vd[3:0] 01 len:2 index[1:0] o0:1 align:1 rm:4",
     NEON, "", "size=1")
void vfp_trans_vld_single_16(VFPCtx *c, const VFPInsn *a)
{
    if ((a->align && a->len == 2) || (a->o0 && a->len == 0)) {
        a64_gen_undefined(c->c);
        return;
    }
    single(c, a, a->len + 1u, a->o0 + 1u, a->align ? a->len == 0 ? 1 : a->len == 1 ? 2 : 3 : 0);
}

INSN(vld_single_32, "1111 0100 1 vd[4] L:1 0 rn:4 vd[3:0] 10 len:2 index[0] o0:1 align:2 rm:4",
     NEON, "", "size=2")
void vfp_trans_vld_single_32(VFPCtx *c, const VFPInsn *a)
{
    bool bad = a->len == 0   ? a->o0 || (a->align != 0 && a->align != 3)
               : a->len == 1 ? a->align > 1
               : a->len == 2 ? a->align != 0
                             : a->align == 3;
    if (bad) {
        a64_gen_undefined(c->c);
        return;
    }
    unsigned align = !a->align ? 0 : a->len == 0 ? 2 : a->len == 1 ? 3 : 2u + a->align;
    single(c, a, a->len + 1u, a->o0 + 1u, align);
}

/* To all elements; o0: two registers (VLD1), or every other register */
INSN(vld_all, "1111 0100 1 vd[4] 1 0 rn:4 vd[3:0] 11 len:2 size:2 o0:1 align:1 rm:4", NEON)
void vfp_trans_vld_all(VFPCtx *c, const VFPInsn *a)
{
    TCGBuilder *b = c->b;
    unsigned n = a->len + 1u, esize = a->size, align = a->align ? esize : 0;
    bool bad = a->len == 0   ? esize == 3 || (esize == 0 && a->align)
               : a->len == 1 ? esize == 3
               : a->len == 2 ? esize == 3 || a->align
                             : esize == 3 && !a->align;
    if (bad) {
        a64_gen_undefined(c->c);
        return;
    }
    if (a->len == 1 && a->align) {
        align = esize + 1;
    } else if (a->len == 3 && a->align) {
        align = esize == 3 ? 4 : esize == 2 ? 3 : esize + 2;
    }
    esize = esize == 3 ? 2 : esize;
    unsigned regs = n == 1 && a->o0 ? 2 : n, inc = n == 1 ? 1 : a->o0 + 1u;
    if (!list_ok(c, a, regs, inc)) {
        return;
    }
    TCGv base = vfp_r(c, a->rn), v[4];
    for (unsigned s = 0; s < n; s++) {
        TCGv x =
            tcg_gen_ld(b, TCG_I64, memop(c, esize, s ? 0 : align), address(c, base, s << esize), 0);
        v[s] = tcg_gen_vget(b, tcg_gen_vdup(b, esize, x), 0);
    }
    for (unsigned s = 0; s < regs; s++) {
        vfp_set(c, 3, a->vd + s * inc, n == 1 ? v[0] : v[s]);
    }
    write_back(c, a, base, n << esize);
}

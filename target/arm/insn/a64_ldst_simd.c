/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 loads and stores of SIMD&FP registers: single, pairs, literal, and Advanced SIMD structures
 * (DDI 0487, C4.1.94, loads and stores).
 *
 * All of an instruction's accesses come before it changes a register, so that a fault in any of
 * them leaves it undone.
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/insn/simd.h"

/* Flags of an access of 1 << size bytes whose alignment is checked as one of 1 << align. */
static TCGMemOp memop_aligned(A64Ctx *c, unsigned size, unsigned align)
{
    return (a64_memop(c, size) & ~TCG_MO_ALIGN_MASK) | (a64_memop(c, align) & TCG_MO_ALIGN_MASK);
}

static TCGv load(A64Ctx *c, unsigned size, TCGv addr, int64_t disp)
{
    TCGMemOp m = a64_memop(c, size);
    if (size == 4) {
        return tcg_gen_ld(c->b, TCG_V128, m, addr, disp);
    }
    if (size >= 2) {
        TCGType t = size == 3 ? TCG_F64 : TCG_F32;
        return tcg_gen_vld_lo(c->b, tcg_gen_ld(c->b, t, m, addr, disp));
    }
    TCGv v = tcg_gen_ld(c->b, TCG_I32, m, addr, disp);
    return tcg_gen_vld_lo(c->b, tcg_gen_bitcast(c->b, TCG_F32, v));
}

static void store(A64Ctx *c, unsigned size, TCGv addr, int64_t disp, TCGv v)
{
    if (size < 4) {
        v = size >= 2 ? tcg_gen_vlow(c->b, size == 3 ? TCG_F64 : TCG_F32, v)
                      : tcg_gen_vextract(c->b, TCG_I32, size | TCG_VEC_UNSIGNED, v, 0);
    }
    tcg_gen_st(c->b, a64_memop(c, size), addr, disp, v);
}

static void set_cell(A64Ctx *c, unsigned r, TCGv v)
{
    tcg_gen_setcell(c->b, ARM_CELL_VR(r), v);
}

typedef enum Index { INDEX_OFFSET, INDEX_POST, INDEX_PRE } Index;

static void load_store(A64Ctx *c, const A64Insn *a, unsigned size, int64_t imm, Index index)
{
    if (!a64_gen_fp_access(c)) {
        return;
    }
    TCGv base = a64_base(c, a->rn);
    int64_t disp = index == INDEX_POST ? 0 : imm;
    if (a->L) {
        set_cell(c, a->rd, load(c, size, base, disp));
    } else {
        store(c, size, base, disp, a64_v(c, a->rd));
    }
    if (index != INDEX_OFFSET) {
        a64_set_x_sp(c, a->rn, tcg_gen_addi(c->b, base, imm));
    }
}

/* LDR, STR (immediate, SIMD&FP), unsigned offset */
INSN(ldr_v, "size:2 111 1 01 0 L:1 uimm[11:0] rn:5 rd:5", FP)
void a64_trans_ldr_v(A64Ctx *c, const A64Insn *a)
{
    load_store(c, a, a->size, (int64_t)a->imm << a->size, INDEX_OFFSET);
}

INSN(ldr_q, "00 111 1 01 1 L:1 uimm[11:0] rn:5 rd:5", FP)
void a64_trans_ldr_q(A64Ctx *c, const A64Insn *a)
{
    load_store(c, a, 4, (int64_t)a->imm << 4, INDEX_OFFSET);
}

/* LDUR, STUR; LDR, STR post- and pre-indexed */
INSN(ldur_v, "size:2 111 1 00 0 L:1 0 simm[8:0] 00 rn:5 rd:5", FP)
void a64_trans_ldur_v(A64Ctx *c, const A64Insn *a)
{
    load_store(c, a, a->size, a->imm, INDEX_OFFSET);
}

INSN(ldur_q, "00 111 1 00 1 L:1 0 simm[8:0] 00 rn:5 rd:5", FP)
void a64_trans_ldur_q(A64Ctx *c, const A64Insn *a)
{
    load_store(c, a, 4, a->imm, INDEX_OFFSET);
}

INSN(ldr_v_post, "size:2 111 1 00 0 L:1 0 simm[8:0] 01 rn:5 rd:5", FP)
void a64_trans_ldr_v_post(A64Ctx *c, const A64Insn *a)
{
    load_store(c, a, a->size, a->imm, INDEX_POST);
}

INSN(ldr_q_post, "00 111 1 00 1 L:1 0 simm[8:0] 01 rn:5 rd:5", FP)
void a64_trans_ldr_q_post(A64Ctx *c, const A64Insn *a)
{
    load_store(c, a, 4, a->imm, INDEX_POST);
}

INSN(ldr_v_pre, "size:2 111 1 00 0 L:1 0 simm[8:0] 11 rn:5 rd:5", FP)
void a64_trans_ldr_v_pre(A64Ctx *c, const A64Insn *a)
{
    load_store(c, a, a->size, a->imm, INDEX_PRE);
}

INSN(ldr_q_pre, "00 111 1 00 1 L:1 0 simm[8:0] 11 rn:5 rd:5", FP)
void a64_trans_ldr_q_pre(A64Ctx *c, const A64Insn *a)
{
    load_store(c, a, 4, a->imm, INDEX_PRE);
}

/* LDR, STR (register, SIMD&FP): o1: signed offset, o2: of 64 bits */
static void load_store_register(A64Ctx *c, const A64Insn *a, unsigned size)
{
    if (!a64_gen_fp_access(c)) {
        return;
    }
    TCGv base = a64_base(c, a->rn);
    TCGv off = a->o2 ? a64_x(c, a->rm) : a64_w(c, a->rm);
    if (!a->o2) {
        off = a->o1 ? tcg_gen_exts(c->b, off) : tcg_gen_extu(c->b, off);
    }
    TCGv addr = tcg_gen_add(c->b, base, tcg_gen_shli(c->b, off, a->S ? size : 0));
    if (a->L) {
        set_cell(c, a->rd, load(c, size, addr, 0));
    } else {
        store(c, size, addr, 0, a64_v(c, a->rd));
    }
}

INSN(ldr_v_reg, "size:2 111 1 00 0 L:1 1 rm:5 o1:1 1 o2:1 S:1 10 rn:5 rd:5", FP)
void a64_trans_ldr_v_reg(A64Ctx *c, const A64Insn *a)
{
    load_store_register(c, a, a->size);
}

INSN(ldr_q_reg, "00 111 1 00 1 L:1 1 rm:5 o1:1 1 o2:1 S:1 10 rn:5 rd:5", FP)
void a64_trans_ldr_q_reg(A64Ctx *c, const A64Insn *a)
{
    load_store_register(c, a, 4);
}

INSN(ldr_v_lit, "opc:2 011 1 00 simm[18:0] rd:5", FP, "", "opc!=3")
void a64_trans_ldr_v_lit(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv addr = tcg_gen_pcrel(c->b, c->off + (int64_t)a->imm * 4);
        set_cell(c, a->rd, load(c, 2 + a->opc, addr, 0));
    }
}

/* LDP, STP; LDNP, STNP (op1 is 0): op1 0 and 2 offset, 1 post-, 3 pre-indexed */
INSN(ldp_v, "opc:2 101 1 0 op1:2 L:1 simm[6:0] ra:5 rn:5 rd:5", FP, "", "opc!=3")
void a64_trans_ldp_v(A64Ctx *c, const A64Insn *a)
{
    if (!a64_gen_fp_access(c)) {
        return;
    }
    unsigned size = 2 + a->opc;
    TCGv base = a64_base(c, a->rn);
    int64_t imm = (int64_t)a->imm << size, disp = a->op1 == 1 ? 0 : imm;
    if (a->L) {
        TCGv first = load(c, size, base, disp);
        TCGv second = load(c, size, base, disp + (1 << size));
        set_cell(c, a->rd, first);
        set_cell(c, a->ra, second);
    } else {
        store(c, size, base, disp, a64_v(c, a->rd));
        store(c, size, base, disp + (1 << size), a64_v(c, a->ra));
    }
    if (a->op1 & 1) {
        a64_set_x_sp(c, a->rn, tcg_gen_addi(c->b, base, imm));
    }
}

/* ---- structures ---- */

/* Post-index: by a register, or by what was accessed if that is XZR. */
static void post_index(A64Ctx *c, const A64Insn *a, TCGv base, unsigned bytes)
{
    TCGv by = a->rm == 31 ? tcg_i64(c->b, bytes) : a64_x(c, a->rm);
    a64_set_x_sp(c, a->rn, tcg_gen_add(c->b, base, by));
}

/* Registers in a list of `opc`, and the elements of a structure. */
static const struct {
    uint8_t regs, selem;
} multiple[16] = {[0] = {4, 4}, [2] = {4, 1}, [4] = {3, 3}, [6] = {3, 1},
                  [7] = {1, 1}, [8] = {2, 2}, [10] = {2, 1}};

/* Whole registers at a time: no interleaving, and bytes in memory as in the register. */
static void multiple_plain(A64Ctx *c, const A64Insn *a, TCGv base)
{
    unsigned regs = multiple[a->opc].regs, size = 3 + a->Q;
    TCGMemOp m = memop_aligned(c, size, a->size) & ~TCG_MO_BE;
    TCGv v[4] = {TCG_NONE, TCG_NONE, TCG_NONE, TCG_NONE};
    for (unsigned i = 0; i < regs; i++) {
        unsigned r = (a->rd + i) & 31;
        int64_t disp = (int64_t)i << size;
        if (!a->L) {
            v[i] = a64_v(c, r);
            tcg_gen_st(c->b, m, base, disp, a->Q ? v[i] : tcg_gen_vlow(c->b, TCG_F64, v[i]));
        } else if (a->Q) {
            v[i] = tcg_gen_ld(c->b, TCG_V128, m, base, disp);
        } else {
            v[i] = tcg_gen_vld_lo(c->b, tcg_gen_ld(c->b, TCG_F64, m, base, disp));
        }
    }
    for (unsigned i = 0; a->L && i < regs; i++) {
        set_cell(c, (a->rd + i) & 31, v[i]);
    }
}

/* Even (odd) elements of a and b; elements of the low (high) halves by turns. */
static TCGv unzip(A64Ctx *c, const A64Insn *a, bool odd, TCGv x, TCGv y)
{
    return tcg_gen_v2(c->b, TCG_OP_vunzip, a->size | (odd ? TCG_VEC_HIGH : 0), x, y);
}
static TCGv zip(A64Ctx *c, const A64Insn *a, bool high, TCGv x, TCGv y)
{
    return tcg_gen_v2(c->b, TCG_OP_vzip, a->size | (high ? TCG_VEC_HIGH : 0), x, y);
}

/* For three registers: which byte of the 48 in memory is byte i of register r, or (store) the
 * reverse, with 16 bytes a register. */
static TCGv index_of_three(A64Ctx *c, const A64Insn *a, unsigned r, bool is_store)
{
    uint64_t half[2] = {0, 0};
    for (unsigned i = 0; i < 16; i++) {
        unsigned e = i >> a->size, byte = i & ((1u << a->size) - 1), n = 16u >> a->size, from;
        if (is_store) {
            unsigned k = r * n + e; /* element in memory */
            from = k % 3 * 16 + ((k / 3) << a->size) + byte;
        } else {
            from = ((e * 3 + r) << a->size) + byte;
        }
        half[i / 8] |= (uint64_t)from << i % 8 * 8;
    }
    return arm_v_make(c->b, tcg_i64(c->b, (int64_t)half[0]), tcg_i64(c->b, (int64_t)half[1]));
}

/* Whole registers of interleaved elements, from memory's order in v to that of registers. */
static void deinterleave(A64Ctx *c, const A64Insn *a, unsigned selem, TCGv v[4])
{
    TCGv even[2], odd[2], m[3] = {v[0], v[1], v[2]};
    switch (selem) {
    case 2:
        v[0] = unzip(c, a, false, m[0], m[1]);
        v[1] = unzip(c, a, true, m[0], m[1]);
        break;
    case 3:
        for (unsigned r = 0; r < 3; r++) {
            v[r] = tcg_gen_vtable(c->b, m, 3, index_of_three(c, a, r, false), TCG_NONE);
        }
        break;
    default:
        for (unsigned i = 0; i < 2; i++) {
            even[i] = unzip(c, a, false, v[2 * i], v[2 * i + 1]); /* of registers 0 and 2 */
            odd[i] = unzip(c, a, true, v[2 * i], v[2 * i + 1]);
        }
        v[0] = unzip(c, a, false, even[0], even[1]);
        v[1] = unzip(c, a, false, odd[0], odd[1]);
        v[2] = unzip(c, a, true, even[0], even[1]);
        v[3] = unzip(c, a, true, odd[0], odd[1]);
        break;
    }
}

static void interleave(A64Ctx *c, const A64Insn *a, unsigned selem, TCGv v[4])
{
    TCGv even[2], odd[2], m[3] = {v[0], v[1], v[2]};
    switch (selem) {
    case 2:
        v[0] = zip(c, a, false, m[0], m[1]);
        v[1] = zip(c, a, true, m[0], m[1]);
        break;
    case 3:
        for (unsigned r = 0; r < 3; r++) {
            v[r] = tcg_gen_vtable(c->b, m, 3, index_of_three(c, a, r, true), TCG_NONE);
        }
        break;
    default:
        for (unsigned i = 0; i < 2; i++) {
            even[i] = zip(c, a, i, v[0], v[2]);
            odd[i] = zip(c, a, i, v[1], v[3]);
        }
        for (unsigned i = 0; i < 2; i++) {
            v[2 * i] = zip(c, a, false, even[i], odd[i]);
            v[2 * i + 1] = zip(c, a, true, even[i], odd[i]);
        }
        break;
    }
}

/* Little-endian, all 128 bits of each register. */
static void multiple_interleaved(A64Ctx *c, const A64Insn *a, TCGv base)
{
    unsigned selem = multiple[a->opc].selem;
    TCGMemOp m = memop_aligned(c, TCG_MO_128, a->size);
    TCGv v[4] = {TCG_NONE, TCG_NONE, TCG_NONE, TCG_NONE};
    for (unsigned i = 0; i < selem; i++) {
        v[i] = a->L ? tcg_gen_ld(c->b, TCG_V128, m, base, i * 16) : a64_v(c, (a->rd + i) & 31);
    }
    if (a->L) {
        deinterleave(c, a, selem, v);
        for (unsigned i = 0; i < selem; i++) {
            set_cell(c, (a->rd + i) & 31, v[i]);
        }
    } else {
        interleave(c, a, selem, v);
        for (unsigned i = 0; i < selem; i++) {
            tcg_gen_st(c->b, m, base, i * 16, v[i]);
        }
    }
}

/* Element by element. */
static void multiple_elements(A64Ctx *c, const A64Insn *a, TCGv base)
{
    unsigned selem = multiple[a->opc].selem, groups = multiple[a->opc].regs / selem;
    unsigned per_half = 8 >> a->size, bits = 8 << a->size;
    TCGMemOp m = a64_memop(c, a->size);
    TCGv half[4][2];
    int64_t disp = 0;
    for (unsigned g = 0; g < groups; g++) {
        for (unsigned e = 0; e < per_half << a->Q; e++) {
            unsigned h = e / per_half, pos = e % per_half * bits;
            for (unsigned s = 0; s < selem; s++, disp += 1 << a->size) {
                unsigned r = g + s;
                if (!a->L) {
                    TCGv v = tcg_gen_vget(c->b, a64_v(c, (a->rd + r) & 31), h);
                    tcg_gen_st(c->b, m, base, disp, tcg_gen_shri(c->b, v, pos));
                    continue;
                }
                TCGv v = tcg_gen_ld(c->b, TCG_I64, m, base, disp);
                half[r][h] = pos ? tcg_gen_or(c->b, half[r][h], tcg_gen_shli(c->b, v, pos)) : v;
            }
        }
    }
    for (unsigned r = 0; a->L && r < groups * selem; r++) {
        TCGv hi = a->Q ? half[r][1] : tcg_i64(c->b, 0);
        set_cell(c, (a->rd + r) & 31, arm_v_make(c->b, half[r][0], hi));
    }
}

static void load_store_multiple(A64Ctx *c, const A64Insn *a, bool post)
{
    unsigned regs = multiple[a->opc].regs, selem = multiple[a->opc].selem;
    if (!regs || (a->size == 3 && !a->Q && selem != 1)) {
        a64_gen_undefined(c);
        return;
    }
    if (!a64_gen_fp_access(c)) {
        return;
    }
    TCGv base = a64_base(c, a->rn);
    if (selem == 1 && (!a->size || !(c->mode & ARM_MODE_BE))) {
        multiple_plain(c, a, base);
    } else if (selem > 1 && a->Q && !(c->mode & ARM_MODE_BE)) {
        multiple_interleaved(c, a, base);
    } else {
        multiple_elements(c, a, base);
    }
    if (post) {
        post_index(c, a, base, regs * (8 << a->Q));
    }
}

/* LD1 to LD4, ST1 to ST4 (multiple structures) */
INSN(ld_multiple, "0 Q:1 001100 0 L:1 000000 opc:4 size:2 rn:5 rd:5", FP)
void a64_trans_ld_multiple(A64Ctx *c, const A64Insn *a)
{
    load_store_multiple(c, a, false);
}

INSN(ld_multiple_post, "0 Q:1 001100 1 L:1 0 rm:5 opc:4 size:2 rn:5 rd:5", FP)
void a64_trans_ld_multiple_post(A64Ctx *c, const A64Insn *a)
{
    load_store_multiple(c, a, true);
}

/* Element `index` of (o0 << 1 | R) + 1 registers. */
static void load_store_single(A64Ctx *c, const A64Insn *a, unsigned size, bool post)
{
    if (!a64_gen_fp_access(c)) {
        return;
    }
    unsigned selem = (a->o0 << 1 | a->R) + 1, per_half = 8 >> size, bits = 8 << size;
    unsigned h = a->index / per_half, pos = a->index % per_half * bits;
    TCGMemOp m = a64_memop(c, size);
    TCGv base = a64_base(c, a->rn), v[4];
    for (unsigned s = 0; s < selem; s++) {
        TCGv reg = a64_v(c, (a->rd + s) & 31);
        TCGv half = tcg_gen_vget(c->b, reg, h);
        if (a->L) {
            TCGv e = tcg_gen_ld(c->b, TCG_I64, m, base, (int64_t)s << size);
            v[s] = tcg_gen_vset(c->b, reg,
                                size == 3 ? e : tcg_gen_deposit(c->b, half, e, pos, bits), h);
        } else {
            tcg_gen_st(c->b, m, base, (int64_t)s << size, tcg_gen_shri(c->b, half, pos));
        }
    }
    for (unsigned s = 0; a->L && s < selem; s++) {
        set_cell(c, (a->rd + s) & 31, v[s]);
    }
    if (post) {
        post_index(c, a, base, selem << size);
    }
}

/* LD1 to LD4, ST1 to ST4 (single structure) */
INSN(ld_single_b, "0 index[3] 001101 0 L:1 R:1 00000 00 o0:1 index[2:0] rn:5 rd:5", FP)
void a64_trans_ld_single_b(A64Ctx *c, const A64Insn *a)
{
    load_store_single(c, a, 0, false);
}
INSN(ld_single_b_post, "0 index[3] 001101 1 L:1 R:1 rm:5 00 o0:1 index[2:0] rn:5 rd:5", FP)
void a64_trans_ld_single_b_post(A64Ctx *c, const A64Insn *a)
{
    load_store_single(c, a, 0, true);
}
INSN(ld_single_h, "0 index[2] 001101 0 L:1 R:1 00000 01 o0:1 index[1:0] 0 rn:5 rd:5", FP)
void a64_trans_ld_single_h(A64Ctx *c, const A64Insn *a)
{
    load_store_single(c, a, 1, false);
}
INSN(ld_single_h_post, "0 index[2] 001101 1 L:1 R:1 rm:5 01 o0:1 index[1:0] 0 rn:5 rd:5", FP)
void a64_trans_ld_single_h_post(A64Ctx *c, const A64Insn *a)
{
    load_store_single(c, a, 1, true);
}
INSN(ld_single_s, "0 index[1] 001101 0 L:1 R:1 00000 10 o0:1 index[0] 00 rn:5 rd:5", FP)
void a64_trans_ld_single_s(A64Ctx *c, const A64Insn *a)
{
    load_store_single(c, a, 2, false);
}
INSN(ld_single_s_post, "0 index[1] 001101 1 L:1 R:1 rm:5 10 o0:1 index[0] 00 rn:5 rd:5", FP)
void a64_trans_ld_single_s_post(A64Ctx *c, const A64Insn *a)
{
    load_store_single(c, a, 2, true);
}
INSN(ld_single_d, "0 index[0] 001101 0 L:1 R:1 00000 10 o0:1 0 01 rn:5 rd:5", FP)
void a64_trans_ld_single_d(A64Ctx *c, const A64Insn *a)
{
    load_store_single(c, a, 3, false);
}
INSN(ld_single_d_post, "0 index[0] 001101 1 L:1 R:1 rm:5 10 o0:1 0 01 rn:5 rd:5", FP)
void a64_trans_ld_single_d_post(A64Ctx *c, const A64Insn *a)
{
    load_store_single(c, a, 3, true);
}

/* LD1R to LD4R */
static void load_replicate(A64Ctx *c, const A64Insn *a, bool post)
{
    if (!a64_gen_fp_access(c)) {
        return;
    }
    unsigned selem = (a->o0 << 1 | a->R) + 1;
    TCGMemOp m = a64_memop(c, a->size);
    TCGv base = a64_base(c, a->rn), v[4];
    for (unsigned s = 0; s < selem; s++) {
        TCGv e = tcg_gen_ld(c->b, TCG_I64, m, base, (int64_t)s << a->size);
        v[s] = tcg_gen_vdup(c->b, a->size, e);
    }
    for (unsigned s = 0; s < selem; s++) {
        a64_set_v(c, (a->rd + s) & 31, a->Q, v[s]);
    }
    if (post) {
        post_index(c, a, base, selem << a->size);
    }
}

INSN(ld_replicate, "0 Q:1 001101 0 1 R:1 00000 11 o0:1 0 size:2 rn:5 rd:5", FP)
void a64_trans_ld_replicate(A64Ctx *c, const A64Insn *a)
{
    load_replicate(c, a, false);
}
INSN(ld_replicate_post, "0 Q:1 001101 1 1 R:1 rm:5 11 o0:1 0 size:2 rn:5 rd:5", FP)
void a64_trans_ld_replicate_post(A64Ctx *c, const A64Insn *a)
{
    load_replicate(c, a, true);
}

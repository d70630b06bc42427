/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A64 Advanced SIMD, moves: copies of elements, modified immediates, permutations, extraction,
 * table look-up (DDI 0487, C4.1.96).
 *
 * Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/insn/simd.h"

/* ---- copies: imm5 is the element, from bit 1 + esize up, and below it a one that says the size
 * ---- */

static bool copy_ok(A64Ctx *c, const A64Insn *a, unsigned max_esize)
{
    if (!(a->imm5 & 15) || __builtin_ctz(a->imm5) > (int)max_esize) {
        a64_gen_undefined(c);
        return false;
    }
    return a64_gen_fp_access(c);
}

static unsigned copy_esize(const A64Insn *a)
{
    return __builtin_ctz(a->imm5);
}

static unsigned copy_index(const A64Insn *a)
{
    return a->imm5 >> (copy_esize(a) + 1);
}

INSN(dup_element, "0 Q:1 0 01110000 imm5:5 0 0000 1 rn:5 rd:5", FP)
void a64_trans_dup_element(A64Ctx *c, const A64Insn *a)
{
    if (copy_ok(c, a, a->Q ? 3 : 2)) {
        a64_set_v(c, a->rd, a->Q,
                  tcg_gen_vdupe(c->b, copy_esize(a), a64_v(c, a->rn), copy_index(a)));
    }
}

INSN(dup_scalar, "01 0 11110000 imm5:5 0 0000 1 rn:5 rd:5", FP)
void a64_trans_dup_scalar(A64Ctx *c, const A64Insn *a)
{
    if (copy_ok(c, a, 3)) {
        TCGv v = arm_v_element(c->b, copy_esize(a), a64_v(c, a->rn), copy_index(a));
        a64_set_v(c, a->rd, 1, v);
    }
}

INSN(dup_general, "0 Q:1 0 01110000 imm5:5 0 0001 1 rn:5 rd:5", FP)
void a64_trans_dup_general(A64Ctx *c, const A64Insn *a)
{
    if (copy_ok(c, a, a->Q ? 3 : 2)) {
        a64_set_v(c, a->rd, a->Q, tcg_gen_vdup(c->b, copy_esize(a), a64_x(c, a->rn)));
    }
}

INSN(smov, "0 Q:1 0 01110000 imm5:5 0 0101 1 rn:5 rd:5", FP)
void a64_trans_smov(A64Ctx *c, const A64Insn *a)
{
    if (copy_ok(c, a, a->Q ? 2 : 1)) {
        a64_set_r(c, a->rd,
                  tcg_gen_vextract(c->b, a->Q ? TCG_I64 : TCG_I32, copy_esize(a), a64_v(c, a->rn),
                                   copy_index(a)));
    }
}

INSN(umov, "0 Q:1 0 01110000 imm5:5 0 0111 1 rn:5 rd:5", FP)
void a64_trans_umov(A64Ctx *c, const A64Insn *a)
{
    bool wide = a->Q;
    if (wide != ((a->imm5 & 15) == 8)) {
        a64_gen_undefined(c);
    } else if (copy_ok(c, a, 3)) {
        a64_set_x(c, a->rd,
                  tcg_gen_vextract(c->b, TCG_I64, copy_esize(a) | TCG_VEC_UNSIGNED, a64_v(c, a->rn),
                                   copy_index(a)));
    }
}

INSN(ins_general, "0 1 0 01110000 imm5:5 0 0011 1 rn:5 rd:5", FP)
void a64_trans_ins_general(A64Ctx *c, const A64Insn *a)
{
    if (copy_ok(c, a, 3)) {
        a64_set_v(
            c, a->rd, 1,
            tcg_gen_vinsert(c->b, copy_esize(a), a64_v(c, a->rd), a64_x(c, a->rn), copy_index(a)));
    }
}

INSN(ins_element, "0 1 1 01110000 imm5:5 0 imm4:4 1 rn:5 rd:5", FP)
void a64_trans_ins_element(A64Ctx *c, const A64Insn *a)
{
    if (copy_ok(c, a, 3)) {
        unsigned e = copy_esize(a);
        TCGv v =
            tcg_gen_vextract(c->b, TCG_I64, e | TCG_VEC_UNSIGNED, a64_v(c, a->rn), a->imm4 >> e);
        a64_set_v(c, a->rd, 1, tcg_gen_vinsert(c->b, e, a64_v(c, a->rd), v, copy_index(a)));
    }
}

/* ---- modified immediates ---- */

/* MOVI, MVNI, FMOV; ORR and BIC with odd cmodes below 12 */
INSN(movi_v, "0 Q:1 op:1 0111100000 imm[7:5] cmode:4 01 imm[4:0] rd:5", FP, "",
     "cmode!=15|op==0|Q==1")
void a64_trans_movi_v(A64Ctx *c, const A64Insn *a)
{
    if (!a64_gen_fp_access(c)) {
        return;
    }
    uint64_t imm = arm_v_expand_imm(a->op, a->cmode, a->imm);
    bool modify = a->cmode < 12 && (a->cmode & 1);
    if (modify) {
        TCGv k = tcg_vconst(c->b, imm);
        a64_set_v(c, a->rd, a->Q,
                  tcg_gen_v2(c->b, a->op ? TCG_OP_vandc : TCG_OP_vor, 0, a64_v(c, a->rd), k));
    } else {
        imm = a->op && a->cmode < 14 ? ~imm : imm;
        a64_set_v(c, a->rd, a->Q, tcg_vconst(c->b, imm));
    }
}

INSN(fmov_v__h, "0 Q:1 0 0111100000 imm[7:5] 1111 11 imm[4:0] rd:5", FP16)
void a64_trans_fmov_v__h(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        uint64_t imm = arm_fp_expand_imm(1, a->imm);
        a64_set_v(c, a->rd, a->Q, tcg_vconst(c->b, imm * UINT64_C(0x1000100010001)));
    }
}

/* ---- permutations: o0: the second of the two ---- */

static void permute(A64Ctx *c, const A64Insn *a, TCGOpcode opc)
{
    if (a64_gen_fp_access(c)) {
        TCGv x = a64_v(c, a->rn), y = a64_v(c, a->rm);
        if (!a->Q && opc == TCG_OP_vunzip) {
            x = y = tcg_gen_v2(c->b, TCG_OP_vzip, 3, x, y);
        }
        unsigned flags = a->o0 ? TCG_VEC_HIGH : 0;
        if (!a->Q && opc == TCG_OP_vzip && a->o0) {
            /* The upper half of what the lower halves make. */
            TCGv v = tcg_gen_v2(c->b, opc, a->size, x, y);
            a64_set_v(c, a->rd, 0, arm_v_down(c->b, v, 8));
            return;
        }
        a64_set_v(c, a->rd, a->Q, tcg_gen_v2(c->b, opc, a->size | flags, x, y));
    }
}

INSN(uzp, "0 Q:1 0 01110 size:2 0 rm:5 0 o0:1 01 10 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_uzp(A64Ctx *c, const A64Insn *a)
{
    permute(c, a, TCG_OP_vunzip);
}

INSN(trn, "0 Q:1 0 01110 size:2 0 rm:5 0 o0:1 10 10 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_trn(A64Ctx *c, const A64Insn *a)
{
    permute(c, a, TCG_OP_vtrn);
}

INSN(zip, "0 Q:1 0 01110 size:2 0 rm:5 0 o0:1 11 10 rn:5 rd:5", FP, "", "size!=3|Q==1")
void a64_trans_zip(A64Ctx *c, const A64Insn *a)
{
    permute(c, a, TCG_OP_vzip);
}

INSN(ext, "0 Q:1 1 01110 00 0 rm:5 0 imm4:4 0 rn:5 rd:5", FP)
void a64_trans_ext(A64Ctx *c, const A64Insn *a)
{
    if (!a->Q && a->imm4 >= 8) {
        a64_gen_undefined(c);
    } else if (a64_gen_fp_access(c)) {
        TCGv x = a64_v(c, a->rn), y = a64_v(c, a->rm);
        if (!a->Q) {
            x = y = tcg_gen_v2(c->b, TCG_OP_vzip, 3, x, y);
        }
        a64_set_v(c, a->rd, a->Q, tcg_gen_v2i(c->b, TCG_OP_vext, 0, x, y, a->imm4));
    }
}

/* TBL; op: TBX */
INSN(tbl, "0 Q:1 0 01110 00 0 rm:5 0 len:2 op:1 00 rn:5 rd:5", FP)
void a64_trans_tbl(A64Ctx *c, const A64Insn *a)
{
    if (a64_gen_fp_access(c)) {
        TCGv table[4];
        for (unsigned i = 0; i <= a->len; i++) {
            table[i] = a64_v(c, (a->rn + i) & 31);
        }
        a64_set_v(c, a->rd, a->Q,
                  tcg_gen_vtable(c->b, table, a->len + 1, a64_v(c, a->rm),
                                 a->op ? a64_v(c, a->rd) : TCG_NONE));
    }
}

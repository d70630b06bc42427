/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * IR builder: what frontends call. One function an op, named tcg_gen_<op>; the type is taken from
 * the operands or is an argument. The builder folds constants and identities on the fly, merges
 * equal pure expressions, and forwards setcell to getcell; nothing here reads guest memory. Part of
 * include/tcg/ir.h.
 */
#ifndef RHEA_TCG_BUILD_H
#define RHEA_TCG_BUILD_H

typedef struct TCGBuilder TCGBuilder;

/* A builder is per thread and reused; tcg_begin() empties u and starts recording into it (start,
 * guest_bytes and pc32 of the unit are kept). */
TCGBuilder *tcg_builder_new(void);
void tcg_builder_free(TCGBuilder *b);
void tcg_begin(TCGBuilder *b, TCGUnit *u);
TCGUnit *tcg_unit_of(TCGBuilder *b);
/* TCG_OPT_* of what the builder may do on the fly (TCG_OPT_FOLD; with TCG_OPT_VERIFY each op is
 * checked); all at first. */
void tcg_builder_set_passes(TCGBuilder *b, unsigned passes);
/* The ops the host has; OPT ops it lacks are lowered at once. NULL, as at first: it has all. The
 * array is kept by reference. */
void tcg_builder_set_host(TCGBuilder *b, const bool has[TCG_OP_COUNT]);
/* True if what is emitted now can never run: after an END op, before a label that is used. */
bool tcg_is_unreachable(const TCGBuilder *b);
TCGType tcg_type(const TCGBuilder *b, TCGv v);
/* True, and its value in *imm, if v is an integer constant. */
bool tcg_is_const(const TCGBuilder *b, TCGv v, int64_t *imm);
/* True, and the distance from the page in *rel, if v is a tcg_gen_pcrel() value: a jump there can
 * be an exit_direct. */
bool tcg_is_pcrel(const TCGBuilder *b, TCGv v, int64_t *rel);

void tcg_gen_insn_start(TCGBuilder *b, int64_t page_offset);

TCGv tcg_const(TCGBuilder *b, TCGType t, int64_t imm);
#define tcg_i32(b, v) tcg_const(b, TCG_I32, (v))
#define tcg_i64(b, v) tcg_const(b, TCG_I64, (v))
TCGv tcg_fconst(TCGBuilder *b, TCGType t, uint64_t bits);
TCGv tcg_vconst(TCGBuilder *b, uint64_t both);
TCGv tcg_gen_pcrel(TCGBuilder *b, int64_t rel);
TCGv tcg_gen_getcell(TCGBuilder *b, unsigned cell);
void tcg_gen_setcell(TCGBuilder *b, unsigned cell, TCGv v);
TCGv tcg_gen_ldenv(TCGBuilder *b, TCGType t, TCGMemOp m, size_t offset);
void tcg_gen_stenv(TCGBuilder *b, TCGMemOp m, TCGv v, size_t offset);

/* T op T -> T */
#define TCG_BINOPS(X)                                                                              \
    X(add)                                                                                         \
    X(sub)                                                                                         \
    X(mul)                                                                                         \
    X(mulhu) X(mulhs) X(mulhsu) X(divs) X(divu) X(rems) X(remu) X(and) X(or) X(xor) X(andc) X(orc) \
        X(eqv) X(shl) X(shr) X(sar) X(rotl) X(rotr)
#define TCG_UNOPS(X)                                                                               \
    X(not ) X(neg) X(clz) X(ctz) X(popcnt) X(bswap) X(ext8s) X(ext8u) X(ext16s) X(ext16u)
#define TCG_DECL_BIN(n) TCGv tcg_gen_##n(TCGBuilder *b, TCGv x, TCGv y);
#define TCG_DECL_UN(n)  TCGv tcg_gen_##n(TCGBuilder *b, TCGv x);
TCG_BINOPS(TCG_DECL_BIN)
TCG_UNOPS(TCG_DECL_UN)
/* The same with a constant second operand of x's type. */
TCGv tcg_gen_addi(TCGBuilder *b, TCGv x, int64_t imm);
TCGv tcg_gen_andi(TCGBuilder *b, TCGv x, int64_t imm);
TCGv tcg_gen_ori(TCGBuilder *b, TCGv x, int64_t imm);
TCGv tcg_gen_xori(TCGBuilder *b, TCGv x, int64_t imm);
TCGv tcg_gen_shli(TCGBuilder *b, TCGv x, unsigned n);
TCGv tcg_gen_shri(TCGBuilder *b, TCGv x, unsigned n);
TCGv tcg_gen_sari(TCGBuilder *b, TCGv x, unsigned n);
TCGv tcg_gen_rotri(TCGBuilder *b, TCGv x, unsigned n);

TCGv tcg_gen_exts(TCGBuilder *b, TCGv x);   /* i32 -> i64 */
TCGv tcg_gen_extu(TCGBuilder *b, TCGv x);   /* i32 -> i64 */
/* An i64 whose low half is x, whatever costs least; an i64 stays. */
TCGv tcg_gen_anyext(TCGBuilder *b, TCGv x);
TCGv tcg_gen_trunc(TCGBuilder *b, TCGv x);  /* i64 -> i32 */
TCGv tcg_gen_ext32s(TCGBuilder *b, TCGv x); /* i64 -> i64: exts(trunc) */
TCGv tcg_gen_ext32u(TCGBuilder *b, TCGv x);
TCGv tcg_gen_extract(TCGBuilder *b, TCGv x, unsigned pos, unsigned len);
TCGv tcg_gen_sextract(TCGBuilder *b, TCGv x, unsigned pos, unsigned len);
TCGv tcg_gen_deposit(TCGBuilder *b, TCGv x, TCGv field, unsigned pos, unsigned len);
TCGv tcg_gen_setcond(TCGBuilder *b, TCGType t, TCGCond cond, TCGv x, TCGv y);
TCGv tcg_gen_setcondi(TCGBuilder *b, TCGType t, TCGCond cond, TCGv x, int64_t y);
TCGv tcg_gen_select(TCGBuilder *b, TCGv cond, TCGv if_true, TCGv if_false);

/* fp: TCGRound | TCG_FP_* */
TCGv tcg_gen_fadd(TCGBuilder *b, unsigned fp, TCGv x, TCGv y);
TCGv tcg_gen_fsub(TCGBuilder *b, unsigned fp, TCGv x, TCGv y);
TCGv tcg_gen_fmul(TCGBuilder *b, unsigned fp, TCGv x, TCGv y);
TCGv tcg_gen_fdiv(TCGBuilder *b, unsigned fp, TCGv x, TCGv y);
TCGv tcg_gen_fsqrt(TCGBuilder *b, unsigned fp, TCGv x);
TCGv tcg_gen_fma(TCGBuilder *b, unsigned fp, TCGv x, TCGv y, TCGv z);
TCGv tcg_gen_fmin(TCGBuilder *b, unsigned fp, TCGv x, TCGv y);
TCGv tcg_gen_fmax(TCGBuilder *b, unsigned fp, TCGv x, TCGv y);
TCGv tcg_gen_fneg(TCGBuilder *b, TCGv x);
TCGv tcg_gen_fabs(TCGBuilder *b, TCGv x);
TCGv tcg_gen_fcopysign(TCGBuilder *b, TCGv mag, TCGv sign);
/* cond: TCGFCond | TCG_FP_FZ | TCG_FP_NOFLAGS. */
TCGv tcg_gen_fcmp(TCGBuilder *b, TCGType t, unsigned cond, TCGv x, TCGv y);
TCGv tcg_gen_fround(TCGBuilder *b, unsigned fp, TCGv x);
TCGv tcg_gen_fcvt_ff(TCGBuilder *b, TCGType to, unsigned fp, TCGv x);
TCGv tcg_gen_fcvt_fs(TCGBuilder *b, TCGType to, unsigned fp, TCGv x);
TCGv tcg_gen_fcvt_fu(TCGBuilder *b, TCGType to, unsigned fp, TCGv x);
TCGv tcg_gen_fcvt_sf(TCGBuilder *b, TCGType to, unsigned fp, TCGv x);
TCGv tcg_gen_fcvt_uf(TCGBuilder *b, TCGType to, unsigned fp, TCGv x);
TCGv tcg_gen_fcvt_hf(TCGBuilder *b, TCGType to, unsigned fp, TCGv x); /* i32 with an f16 -> FP */
TCGv tcg_gen_fcvt_fh(TCGBuilder *b, unsigned fp, TCGv x);             /* FP -> i32 with an f16 */
/* Conversions of fixed-point numbers with fbits bits of fraction; opc: fcvt_fs, fu, sf or uf. */
TCGv tcg_gen_fcvt_fixed(TCGBuilder *b, TCGOpcode opc, TCGType to, unsigned fp, TCGv x,
                        unsigned fbits);
TCGv tcg_gen_bitcast(TCGBuilder *b, TCGType to, TCGv x);
TCGv tcg_gen_fbox(TCGBuilder *b, TCGv x);   /* f32 -> f64 cell format */
TCGv tcg_gen_funbox(TCGBuilder *b, TCGv x); /* f64 cell format -> f32 */

/* Vectors. aux: log2 of the element size | TCG_VEC_*, or TCGRound | TCG_FP_* with TCG_FP_ESIZE().
 */
TCGv tcg_gen_v1(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x);
TCGv tcg_gen_v1i(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, unsigned imm);
TCGv tcg_gen_v2(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y);
TCGv tcg_gen_v2i(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y, unsigned imm);
TCGv tcg_gen_v3(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y, TCGv z);
TCGv tcg_gen_v3i(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y, TCGv z, unsigned imm);
/* vshli, vshri, vsari; n below the element's width. */
TCGv tcg_gen_vshift(TCGBuilder *b, TCGOpcode opc, unsigned esize_log2, TCGv x, unsigned n);
TCGv tcg_gen_vld_lo(TCGBuilder *b, TCGv x);          /* f32 or f64, zeros above */
TCGv tcg_gen_vlow(TCGBuilder *b, TCGType t, TCGv x); /* the lowest f32 or f64 */
TCGv tcg_gen_vget(TCGBuilder *b, TCGv x, unsigned half);
TCGv tcg_gen_vset(TCGBuilder *b, TCGv x, TCGv y, unsigned half);
/* Element i, sign-extended (aux: TCG_VEC_UNSIGNED: zero-extended) to t. */
TCGv tcg_gen_vextract(TCGBuilder *b, TCGType t, unsigned aux, TCGv x, unsigned i);
TCGv tcg_gen_vinsert(TCGBuilder *b, unsigned esize_log2, TCGv x, TCGv y, unsigned i);
TCGv tcg_gen_vdup(TCGBuilder *b, unsigned esize_log2, TCGv x);
TCGv tcg_gen_vdupe(TCGBuilder *b, unsigned esize_log2, TCGv x, unsigned i);
/* The elements of the low half, zeros above. */
TCGv tcg_gen_vlo64(TCGBuilder *b, TCGv x);
/* A saturating op of two operands, and in *qc a vector that is not zero if an element saturated. */
TCGv tcg_gen_vsat(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y, TCGv *qc);
/* x >> n with rounding, n from 1 to the element's width; aux: TCG_VEC_UNSIGNED. */
TCGv tcg_gen_vrshri(TCGBuilder *b, unsigned aux, TCGv x, unsigned n);
/* (x - y) >> 1 without overflow; aux: TCG_VEC_UNSIGNED. */
TCGv tcg_gen_vhsub(TCGBuilder *b, unsigned aux, TCGv x, TCGv y);
/* |x - y|; aux: TCG_VEC_UNSIGNED. */
TCGv tcg_gen_vabd(TCGBuilder *b, unsigned aux, TCGv x, TCGv y);
/* vadd, vmin or vmax of pairs of neighbours: those of x, then those of y. */
TCGv tcg_gen_vpair(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, TCGv y);
/* vadd, vmin or vmax over the n lowest elements (a power of two): the result is the lowest element,
 * the others are anything. */
TCGv tcg_gen_vreduce(TCGBuilder *b, TCGOpcode opc, unsigned aux, TCGv x, unsigned n);
/* Bytes of a table of n registers by the bytes of index; beyond it: the bytes of otherwise, or 0 if
 * that is TCG_NONE. */
TCGv tcg_gen_vtable(TCGBuilder *b, const TCGv *table, unsigned n, TCGv index, TCGv otherwise);

TCGv tcg_gen_ld(TCGBuilder *b, TCGType t, TCGMemOp m, TCGv addr, int64_t disp);
void tcg_gen_st(TCGBuilder *b, TCGMemOp m, TCGv addr, int64_t disp, TCGv val);
TCGv tcg_gen_atomic_rmw(TCGBuilder *b, TCGType t, TCGMemOp m, TCGRmw op, TCGv addr, TCGv val);
TCGv tcg_gen_cmpxchg(TCGBuilder *b, TCGType t, TCGMemOp m, TCGv addr, TCGv expect, TCGv desired);
void tcg_gen_probe(TCGBuilder *b, TCGMemOp m, TCGv addr, bool store);
void tcg_gen_fence(TCGBuilder *b, unsigned orderings);

/* nargs must be the helper's; returns TCG_NONE if the helper returns nothing. */
TCGv tcg_gen_call(TCGBuilder *b, const TCGHelper *h, unsigned nargs, const TCGv *args);
#define tcg_gen_call0(b, h)          tcg_gen_call(b, h, 0, NULL)
#define tcg_gen_call1(b, h, x)       tcg_gen_call(b, h, 1, (TCGv[]){x})
#define tcg_gen_call2(b, h, x, y)    tcg_gen_call(b, h, 2, (TCGv[]){x, y})
#define tcg_gen_call3(b, h, x, y, z) tcg_gen_call(b, h, 3, (TCGv[]){x, y, z})

TCGLabel tcg_new_label(TCGBuilder *b);
void tcg_gen_label(TCGBuilder *b, TCGLabel l);
/* The block of a region that begins at this page offset. */
void tcg_gen_block(TCGBuilder *b, int64_t page_offset);
/*
 * A loop that is there twice. tcg_gen_loop(b, offset) begins its code, whose exits to offset are to
 * go to the steady block: what cells hold there, whichever of these exits is taken (constants, and
 * what other cells hold), is taken down. tcg_gen_steady_block() begins the same code again, where
 * this is known, if it is anything (else it returns false and emits nothing). tcg_loop_is_steady(),
 * at the end of the latter: it is true of its exits as well. tcg_gen_loop(b, -1) ends it.
 */
void tcg_gen_loop(TCGBuilder *b, int64_t page_offset);
bool tcg_gen_steady_block(TCGBuilder *b);
bool tcg_loop_is_steady(const TCGBuilder *b);
/* What comes next goes on at page offset rel: a direct exit that leads there is left out. */
void tcg_gen_goes_on_at(TCGBuilder *b, int64_t rel);
void tcg_gen_br(TCGBuilder *b, TCGLabel l);
void tcg_gen_br_if(TCGBuilder *b, TCGv cond, TCGLabel l);
void tcg_gen_exit_direct(TCGBuilder *b, int64_t rel);
void tcg_gen_exit_if(TCGBuilder *b, TCGv cond, int64_t rel, bool likely);
void tcg_gen_exit_lookup(TCGBuilder *b, TCGv pc);
void tcg_gen_exit_main(TCGBuilder *b, TCGv pc);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the functions below the A64 INSN rows work with: the decoded instruction, the translation
 * context, and the few helpers that most of them use. target/arm/insn/a64_*.c has one file a group
 * of the Arm ARM's A64 encoding index (DDI 0487, C4.1).
 *
 * How to write a row: docs/add-an-instruction.md.
 */
#ifndef RHEA_TARGET_ARM_A64_H
#define RHEA_TARGET_ARM_A64_H

#include "target/arm/cpu.h"
#include "target/insn-row.h"

/* Fields with a meaning of their own; the others are unsigned, and the member has their name. */
FIELD("simm", signed, imm)
FIELD("uimm", unsigned, imm)

/* A decoded instruction. Fields that its row has not are zero. */
typedef struct A64Insn {
    int32_t imm;
    uint8_t rd, rn, rm, ra; /* rt is rd, rt2 is ra */
    uint8_t rs;
    uint8_t sf; /* 1: 64 bits */
    uint8_t size, opc, Q, U, L, M, W, H, R, S, N;
    uint8_t a, b, c, d, e, f, g, h; /* imm8 of AdvSIMD in pieces */
    uint8_t op, op1, op2, o0, o1, o2, o3;
    uint8_t cond, nzcv;
    uint8_t sh, shift, option, amount;
    uint8_t immr, imms, immh, immb, imm4, imm5, imm6, scale;
    uint8_t rot, ftype, rmode, cmode, len, A, index;
    uint16_t sys; /* op0..op2 as in ARM_SYSREG() */
} A64Insn;

typedef enum A64FlagsKind {
    A64_FLAGS_CELLS, /* only the cells know */
    A64_FLAGS_SUB,   /* of x - y */
    A64_FLAGS_ADD,   /* of x + y */
    A64_FLAGS_LOGIC, /* of result, C and V are 0 */
    A64_FLAGS_FCMP,  /* of a floating-point comparison of x and y */
    A64_FLAGS_ADC,   /* N and Z of result, C is y (I32, 0 or 1), V is in the cells */
    A64_FLAGS_NZ,    /* AArch32: N and Z of result, C and V are in the cells */
    A64_FLAGS_NZCV,  /* AArch64: the low four bits of result (I32, others 0) */
} A64FlagsKind;

/* One unit under translation. */
typedef struct A64Ctx {
    UnitContext *unit;
    TCGBuilder *b;
    const ARMConfig *cfg;
    uint64_t ext;    /* A64_EXT() bits */
    uint32_t word;   /* the instruction */
    uint32_t off;    /* its page offset */
    uint32_t mode;   /* ARM_MODE_* */
    bool first;      /* it is the unit's first */
    bool ended;      /* an op that ends the unit was emitted */
    bool remode;     /* AArch32: mode bits may have changed, the unit must end behind this */
    TCGv sp_aligned; /* the value of SP that was last seen to be aligned, or none */
    /* AArch32: by cells of which size this unit names V0 to V15, log2 of bytes, 0: of none yet; and
     * what is known of values: d has the halves s, q the halves of d. */
    uint8_t v_size[16];
    struct {
        TCGv d, s[2];
    } v_halves[32];
    struct {
        TCGv q, d[2];
    } v_quads[16];
    /* What set the flags last, since the last label: conditions are made of its operands. */
    struct {
        A64FlagsKind kind;
        /* of one integer type; FCMP: result is x < y; SUB: none if nobody has asked for it */
        TCGv x, y, result;
        bool kept;   /* SUB: the result is in a register of the guest */
        unsigned fp; /* FCMP: flags of fcmp */
        TCGv pred;   /* not none: so if this I32 is not zero, else the constant nzcv */
        uint8_t nzcv;
    } flags;
} A64Ctx;

/* What rows can ask for: names of target/arm/feat.def. */
// clang-format off
#define A64_ROW_EXTENSIONS(X)                                                                      \
    X(FP) X(CRC32) X(AES) X(PMULL) X(SHA1) X(SHA256) X(SHA512) X(SHA3) X(LSE) X(RDM) X(FP16)       \
    X(DOTPROD) X(FHM) X(FCMA) X(JSCVT) X(FRINTTS) X(FLAGM) X(FLAGM2) X(LRCPC) X(LRCPC2) X(PAUTH)   \
    X(BTI) X(PAN) X(UAO) X(DIT) X(SSBS) X(SB) X(RNG) X(VHE)
// clang-format on
enum {
#define A64_ROW_BIT(name) A64_BIT_##name,
    A64_ROW_EXTENSIONS(A64_ROW_BIT)
#undef A64_ROW_BIT
        A64_BIT_BASE,
};
#define A64_EXT(name) ((uint64_t)1 << A64_BIT_##name)

#include "target/arm/insn/a64-insn-gen.h"

A64InsnId a64_decode32(uint32_t w, uint64_t ext, A64Insn *a);
extern void (*const a64_trans[A64_INSN_COUNT])(A64Ctx *c, const A64Insn *a);
extern const InsnRow a64_insn_rows[A64_INSN_COUNT];

void a64_translate(UnitContext *unit);

/* ---- registers: r is 0..31; 31 is the zero register, or SP in the _sp forms ---- */

static inline TCGv a64_x(A64Ctx *c, unsigned r)
{
    return r == 31 ? tcg_i64(c->b, 0) : tcg_gen_getcell(c->b, ARM_CELL_X(r));
}
static inline TCGv a64_x_sp(A64Ctx *c, unsigned r)
{
    return tcg_gen_getcell(c->b, ARM_CELL_X(r));
}
static inline void a64_set_x(A64Ctx *c, unsigned r, TCGv v)
{
    if (r != 31) {
        tcg_gen_setcell(c->b, ARM_CELL_X(r), v);
    }
}
static inline void a64_set_x_sp(A64Ctx *c, unsigned r, TCGv v)
{
    tcg_gen_setcell(c->b, ARM_CELL_X(r), v);
}
static inline TCGv a64_w(A64Ctx *c, unsigned r)
{
    return r == 31 ? tcg_i32(c->b, 0) : tcg_gen_trunc(c->b, a64_x(c, r));
}
/* A register as I64 (sf) or I32, and writing it: W writes clear the upper half. */
static inline TCGv a64_r(A64Ctx *c, unsigned sf, unsigned r)
{
    return sf ? a64_x(c, r) : a64_w(c, r);
}
static inline TCGv a64_r_sp(A64Ctx *c, unsigned sf, unsigned r)
{
    TCGv v = a64_x_sp(c, r);
    return sf ? v : tcg_gen_trunc(c->b, v);
}
static inline TCGv a64_widen(A64Ctx *c, TCGv v)
{
    return tcg_type(c->b, v) == TCG_I32 ? tcg_gen_extu(c->b, v) : v;
}
static inline void a64_set_r(A64Ctx *c, unsigned r, TCGv v)
{
    a64_set_x(c, r, a64_widen(c, v));
}
static inline void a64_set_r_sp(A64Ctx *c, unsigned r, TCGv v)
{
    a64_set_x_sp(c, r, a64_widen(c, v));
}

/* ---- translate-a64.c ---- */

/* UNDEFINED at this instruction; ends the unit. */
void a64_gen_undefined(A64Ctx *c);
/* FP and SIMD instructions begin with it: true if they may run in this mode; else the trap was
 * emitted and the unit is at its end. */
bool a64_gen_fp_access(A64Ctx *c);

/* The base register of an access: SP must be aligned where the mode says so (D1.3.10.2). */
TCGv a64_base(A64Ctx *c, unsigned rn);

/* ExtendReg(): rm by an option field (UXTB 0 .. SXTX 7) as I64 (sf) or I32. */
TCGv a64_extend(A64Ctx *c, unsigned sf, unsigned rm, unsigned option);

/* ---- flags.c ---- */

/* Conditions (C1.2.4): an I32 that is 1 if cond holds, else 0. */
TCGv a64_gen_cond(A64Ctx *c, unsigned cond);
/* C (I32, 0 or 1) */
TCGv a64_flag_c(A64Ctx *c);
/* AArch32: C and V := carry (I32, 0 or 1) and the sign of v (I32 or I64); C := carry, V stays; N
 * and Z of result, C and V stay. */
void a32_set_cv(A64Ctx *c, TCGv carry, TCGv v);
void a32_set_c(A64Ctx *c, TCGv carry);
void a32_set_nz(A64Ctx *c, TCGv result);
/* Flags of result = x + y, x - y (types equal). Of x - y the result may be none. */
void a64_set_flags_add(A64Ctx *c, TCGv x, TCGv y, TCGv result);
void a64_set_flags_sub(A64Ctx *c, TCGv x, TCGv y, TCGv result);
/* Flags of comparing FP values. aux: TCG_FCOND_LT_Q or, signaling, LT_S; TCG_FP_FZ. */
void a64_set_flags_fcmp(A64Ctx *c, unsigned aux, TCGv x, TCGv y);
/* rd := x + y, x - y, x & y with flags; rd 31 is the zero register. */
void a64_gen_adds(A64Ctx *c, unsigned rd, TCGv x, TCGv y);
void a64_gen_subs(A64Ctx *c, unsigned rd, TCGv x, TCGv y);
void a64_gen_ands(A64Ctx *c, unsigned rd, TCGv x, TCGv y);
/* x + y + C with flags. */
TCGv a64_gen_adc_flags(A64Ctx *c, TCGv x, TCGv y);
/* Flags of x + y (add) or x - y if cond holds, else nzcv. */
void a64_gen_ccmp(A64Ctx *c, unsigned cond, unsigned nzcv, bool add, TCGv x, TCGv y);
/* NZCV as four bits N=8 .. V=1 (I32, the others 0); getting them: AArch64. */
void a64_set_nzcv(A64Ctx *c, TCGv nzcv);
TCGv a64_get_nzcv(A64Ctx *c);
/* A label was emitted, or the flag cells were written otherwise: forget where flags came from. */
static inline void a64_forget_flags(A64Ctx *c)
{
    c->flags.kind = A64_FLAGS_CELLS;
}

/* ---- translate-a64.c: control flow ---- */

/* Continue at this instruction's address + imm; ends the unit. */
void a64_gen_jump(A64Ctx *c, int64_t imm);
/* Continue at an address in a register (I64), the top byte removed as this mode says, with
 * PSTATE.BTYPE btype; ends. */
void a64_gen_jump_indirect(A64Ctx *c, TCGv to, unsigned btype);
/* PSTATE.BTYPE behind BR rn. */
unsigned a64_btype_of_br(const A64Ctx *c, unsigned rn);
/* Go to this instruction's address + imm if cond (I32) is not zero. */
void a64_gen_branch_if(A64Ctx *c, TCGv cond, int64_t imm);
/* Continue at an address (I64) in whatever mode the CPU is in by now; looks for interrupts if there
 * is a request. Ends the unit. */
void a64_gen_exit_poll(A64Ctx *c, TCGv pc);
/* End the unit behind this instruction; main: interrupts may have become deliverable. */
void a64_gen_end(A64Ctx *c, bool main);

/* insn/a64_pauth.c: ptr authenticated with a key (IA, IB, DA, DB); combined: by an instruction that
 * also uses it. */
TCGv a64_gen_aut(A64Ctx *c, TCGv ptr, TCGv modifier, unsigned key, bool combined);

/* Memory operation flags of this mode (endianness, alignment) for a plain access of 1 << size
 * bytes. */
TCGMemOp a64_memop(const A64Ctx *c, unsigned size);

#endif

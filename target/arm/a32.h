/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the functions below the A32 and T32 INSN rows work with. One set of functions serves both
 * instruction sets: rows give the same members of A32Insn the same meaning, and a T32 row names the
 * A32 function (as=) where nothing else differs. target/arm/insn/a32_*.c and t32_*.c have one file
 * a group of the encoding index (DDI 0487, F3.1 and F4.1; DDI 0406 for what Armv8 has dropped).
 *
 * Registers are the low halves of cells X0 to X14, upper halves zero; flags are A64's cells and
 * A64Ctx.flags. Conditional instructions are jumped over, branches are side exits. ITSTATE is known
 * at translation time: cell IT holds that of each instruction for whoever takes an exception.
 */
#ifndef RHEA_TARGET_ARM_A32_H
#define RHEA_TARGET_ARM_A32_H

#include "target/arm/a64.h"

FIELD("aimm", a32_expand_imm, imm)
FIELD("timm", t32_expand_imm, imm)
FIELD("bimm", t32_branch_imm, imm)

/* A decoded instruction. Fields that its row has not are zero. */
typedef struct A32Insn {
    int32_t imm;
    uint16_t list;
    uint8_t cond, op, S, form;       /* form: how the second operand is given, A32_FORM_* */
    uint8_t rd, rn, rm, ra, rs, rt2; /* ra: of multiply-accumulate; rs: shift amount */
    uint8_t amount, shift;
    uint8_t P, U, W, L, I;
    uint8_t size, sign, x, y, mask, rot, lsb, msb, R, B;
} A32Insn;
typedef A32Insn T32Insn;

enum { A32_FORM_IMM, A32_FORM_REG, A32_FORM_REG_SHIFT };
/* A32Insn.S: as in the encoding, or flags are set outside IT blocks only. */
enum { A32_S_NOT_IN_IT = 2 };

typedef struct A32Ctx {
    A64Ctx c; /* flags, builder, mode: what FP, SIMD and flags share with A64 */
    bool thumb;
    uint8_t len;      /* bytes of this instruction */
    uint8_t it;       /* ITSTATE of this instruction */
    uint8_t it_next;  /* of the one behind it */
    uint8_t it_entry; /* as the mode says */
    int it_cell;      /* what the cell holds; -1: not known */
    uint8_t cond;     /* of this instruction, 14: always */
} A32Ctx;
typedef A32Ctx T32Ctx;

#define A32_ROW_EXTENSIONS(X)                                                                      \
    X(V5TE) X(V6) X(V6K) X(T2) X(V7) X(V8) X(IDIV_A) X(IDIV_T) X(CRC32) X(MPEXT) X(EL2) X(EL3)
enum {
#define A32_ROW_BIT(name) A32_BIT_##name,
    A32_ROW_EXTENSIONS(A32_ROW_BIT)
#undef A32_ROW_BIT
        A32_BIT_BASE,
};
#define A32_EXT(name) ((uint64_t)1 << A32_BIT_##name)
#define T32_EXT       A32_EXT

/* A32ExpandImm(), ThumbExpandImm(); offsets of BL, BLX and B. */
static inline int32_t a32_expand_imm(uint32_t v)
{
    uint32_t imm = v & 0xff, n = v >> 7 & 30;
    return (int32_t)(n ? imm >> n | imm << (32 - n) : imm);
}
static inline int32_t t32_expand_imm(uint32_t v)
{
    uint32_t imm = v & 0xff, n = v >> 7 & 31;
    switch (v >> 8 & 15) {
    case 0:
        return (int32_t)imm;
    case 1:
        return (int32_t)(imm * 0x10001);
    case 2:
        return (int32_t)(imm * 0x1000100);
    case 3:
        return (int32_t)(imm * 0x1010101);
    default:
        imm |= 0x80;
        return (int32_t)(imm >> n | imm << (32 - n));
    }
}
/* S:J1:J2:imm21, bits of the offset from 1 up: I1 = NOT(J1 EOR S). */
static inline int32_t t32_branch_imm(uint32_t v)
{
    uint32_t s = v >> 23 & 1;
    v ^= s ? 0 : 3u << 21;
    return (int32_t)(v << 8) >> 7;
}

#include "target/arm/insn/a32-insn-gen.h"
#include "target/arm/insn/t32-insn-gen.h"

A32InsnId a32_decode32(uint32_t w, uint64_t ext, A32Insn *a);
T32InsnId t32_decode16(uint32_t w, uint64_t ext, T32Insn *a);
T32InsnId t32_decode32(uint32_t w, uint64_t ext, T32Insn *a);
extern void (*const a32_trans[A32_INSN_COUNT])(A32Ctx *c, const A32Insn *a);
extern void (*const t32_trans[T32_INSN_COUNT])(T32Ctx *c, const T32Insn *a);
extern const InsnRow a32_insn_rows[A32_INSN_COUNT];
extern const InsnRow t32_insn_rows[T32_INSN_COUNT];

void a32_translate(UnitContext *unit);

/* ---- registers, I32 ---- */

/* The PC as an operand: the instruction's address + 8 or, in T32, + 4. */
static inline int64_t a32_pc_off(const A32Ctx *c)
{
    return (int64_t)c->c.off + (c->thumb ? 4 : 8);
}
static inline TCGv a32_pc(A32Ctx *c)
{
    return tcg_gen_trunc(c->c.b, tcg_gen_pcrel(c->c.b, a32_pc_off(c)));
}
static inline TCGv a32_r(A32Ctx *c, unsigned r)
{
    return r == 15 ? a32_pc(c) : tcg_gen_trunc(c->c.b, tcg_gen_getcell(c->c.b, ARM_CELL_X(r)));
}
/* r is not the PC. */
static inline void a32_set_r(A32Ctx *c, unsigned r, TCGv v)
{
    tcg_gen_setcell(c->c.b, ARM_CELL_X(r), tcg_gen_extu(c->c.b, v));
}
static inline TCGv a32_imm(A32Ctx *c, int32_t imm)
{
    return tcg_i32(c->c.b, imm);
}
static inline bool a32_in_it(const A32Ctx *c)
{
    return c->it & 15;
}
static inline bool a32_has(const A32Ctx *c, ARMFeat f)
{
    return arm_has(c->c.cfg, f);
}

/* ---- translate-a32.c ---- */

void a32_gen_undefined(A32Ctx *c);
/* The second operand as the row gives it; *carry: the shifter's carry-out (I32), or none if that is
 * C. NULL: not wanted. */
TCGv a32_operand2(A32Ctx *c, const A32Insn *a, TCGv *carry);
/* Shift by a constant as DecodeImmShift() has it (amount 0 to 31 as encoded). */
TCGv a32_shift_imm(A32Ctx *c, TCGv v, unsigned shift, unsigned amount, TCGv *carry);
/* rd := v; a write to the PC branches (ALUWritePC). */
void a32_write_r(A32Ctx *c, unsigned rd, TCGv v);
/* B: imm bytes from the PC as an operand, if c->cond holds. */
void a32_gen_b(A32Ctx *c, int32_t imm);
/* Branches; all end the unit, in a conditional instruction its conditional part. */
void a32_gen_jump(A32Ctx *c, int64_t rel);             /* same instruction set, page offset */
void a32_gen_branch_to(A32Ctx *c, TCGv to);            /* BranchWritePC: same instruction set */
void a32_gen_bx(A32Ctx *c, TCGv to);                   /* BXWritePC: bit 0 selects */
void a32_gen_load_pc(A32Ctx *c, TCGv to);              /* LoadWritePC */
void a32_gen_exchange(A32Ctx *c, TCGv to, bool thumb); /* to (I64), known instruction set */
/* Before an exit: ITSTATE of what comes; and if a helper may have set the mode by the present one. */
void a32_gen_leave_it(A32Ctx *c, unsigned it);
void a32_gen_leave_helper(A32Ctx *c);
/* End the unit behind this instruction; main: interrupts may have become deliverable. */
void a32_gen_end(A32Ctx *c, bool main);
/* End: a helper returned where to go on (I64), and mode and pending interrupts may have changed. */
void a32_gen_exit_poll(A32Ctx *c, TCGv pc);

/* Addresses: base + disp as I64. */
static inline TCGv a32_addr(A32Ctx *c, TCGv base, int32_t disp)
{
    return tcg_gen_extu(c->c.b, tcg_gen_addi(c->c.b, base, disp));
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the functions below INSN rows work with: the decoded instruction, the translation context,
 * and the few helpers that most of them use. target/riscv/insn/ has one file an extension.
 *
 * One function serves RV32 and RV64: x registers have the type c->xt, and the riscv_x()/riscv_w()
 * family converts where a width is meant. Addresses and program counters are I64 in both.
 *
 * How to write a row: docs/add-an-instruction.md. Test: tests/unit/test-riscv-insn.c.
 */
#ifndef RHEA_TARGET_RISCV_INSN_H
#define RHEA_TARGET_RISCV_INSN_H

#include "target/insn-row.h"
#include "target/riscv/cpu.h"

/* Fields with a meaning of their own; the others are unsigned, and the member has their name. */
FIELD("imm", signed, imm)
FIELD("uimm", unsigned, imm)
FIELD("rd'", riscv_prime, rd)
FIELD("rs1'", riscv_prime, rs1)
FIELD("rs2'", riscv_prime, rs2)

/* A decoded instruction. Fields that its row has not are zero. */
typedef struct RISCVInsn {
    int32_t imm;
    uint16_t csr;
    uint8_t rd, rs1, rs2, rs3; /* integer or floating-point, as the instruction says */
    uint8_t rm;
    uint8_t shamt, bs, rnum;
    uint8_t aq, rl;
    uint8_t fm, pred, succ;
} RISCVInsn;

/* One unit under translation. */
typedef struct RISCVCtx {
    UnitContext *unit;
    TCGBuilder *b;
    const RISCVConfig *cfg;
    uint64_t ext;  /* RISCV_EXT() bits */
    TCGType xt;    /* type of x registers */
    uint8_t xlen;  /* 32 or 64 */
    uint8_t len;   /* bytes of this instruction */
    uint32_t word; /* its bits; 16-bit ones zero-extended */
    uint32_t off;  /* its page offset */
    uint32_t mode; /* RISCV_MODE_* */
    bool fs_dirty; /* the unit has stored to env->fs_dirty */
    bool ended;    /* an op that ends the unit was emitted */
    /* The last AUIPC: for the JALR right behind it, which then is a direct jump. */
    struct {
        uint8_t rd;   /* 0: none */
        uint32_t end; /* page offset behind it */
        int64_t rel;  /* what it put into rd, relative to the page */
    } auipc;
} RISCVCtx;

/* What rows can ask for: extensions (RISCV_EXT_* of the configuration) and the two widths. */
// clang-format off
#define RISCV_ROW_EXTENSIONS(X)                                                                    \
    X(I) X(M) X(F) X(D) X(S) X(ZMMUL) X(ZAAMO) X(ZALRSC) X(ZACAS) X(ZAWRS) X(ZCA) X(ZCB) X(ZCF)    \
    X(ZCD) X(ZICSR) X(ZIFENCEI) X(ZICOND) X(ZICBOM) X(ZICBOP) X(ZICBOZ) X(ZIHINTPAUSE) X(ZBA)      \
    X(ZBB) X(ZBC) X(ZBS) X(ZBKB) X(ZBKC) X(ZBKX) X(ZKND) X(ZKNE) X(ZKNH) X(ZFH) X(ZFHMIN) X(ZFA)   \
    X(SVINVAL)
// clang-format on
enum {
#define RISCV_ROW_BIT(name) RISCV_BIT_##name,
    RISCV_ROW_EXTENSIONS(RISCV_ROW_BIT)
#undef RISCV_ROW_BIT
        RISCV_BIT_RV32,
    RISCV_BIT_RV64,
    RISCV_BIT_COUNT
};
#define RISCV_EXT(name) ((uint64_t)1 << RISCV_BIT_##name)
/* The bits of a configuration. */
uint64_t riscv_row_extensions(const RISCVConfig *cfg);

/* Words of the operands text in rows: disas.c prints them. */
enum {
    RISCV_OPERAND_FIRST = 0x80,
// clang-format off
#define RISCV_OPERANDS(X)                                                                          \
    X(rd) X(rs1) X(rs2) X(frd) X(frs1) X(frs2) X(frs3) X(imm) X(imm20) X(shamt) X(target) X(csr)   \
    X(zimm) X(rm) X(rmexact) X(pred) X(succ) X(bs) X(rnum) X(aqrl) X(rtz) X(fli)
// clang-format on
#define RISCV_OPERAND(name) RISCV_OPERAND_##name,
    RISCV_OPERANDS(RISCV_OPERAND)
#undef RISCV_OPERAND
};

static inline uint8_t riscv_prime(uint32_t reg)
{
    return reg + 8;
}

#include "target/riscv/insn/riscv-insn-gen.h"

/* Generated. Both return RISCV_INSN_NONE for what is no instruction with these extensions; *a must
 * be zero. */
RISCVInsnId riscv_decode16(uint32_t w, uint64_t ext, RISCVInsn *a);
RISCVInsnId riscv_decode32(uint32_t w, uint64_t ext, RISCVInsn *a);
extern void (*const riscv_trans[RISCV_INSN_COUNT])(RISCVCtx *c, const RISCVInsn *a);
extern const InsnRow riscv_insn_rows[RISCV_INSN_COUNT];

/* ---- registers ---- */

static inline TCGv riscv_x(RISCVCtx *c, unsigned r)
{
    return r ? tcg_gen_getcell(c->b, RISCV_CELL_X(r)) : tcg_const(c->b, c->xt, 0);
}

static inline void riscv_set_x(RISCVCtx *c, unsigned r, TCGv v)
{
    if (r) {
        tcg_gen_setcell(c->b, RISCV_CELL_X(r), v);
    }
}

/* Low 32 bits of an x register as I32. */
static inline TCGv riscv_w(RISCVCtx *c, unsigned r)
{
    return c->xlen == 64 ? tcg_gen_trunc(c->b, riscv_x(c, r)) : riscv_x(c, r);
}

/* An x register becomes the sign-extended I32. */
static inline void riscv_set_w(RISCVCtx *c, unsigned r, TCGv v)
{
    riscv_set_x(c, r, c->xlen == 64 ? tcg_gen_exts(c->b, v) : v);
}

/* x register, zero-extended on RV32: addresses and arguments of helpers. */
static inline TCGv riscv_x64(RISCVCtx *c, unsigned r)
{
    return c->xlen == 64 ? riscv_x(c, r) : tcg_gen_extu(c->b, riscv_x(c, r));
}

/* An x register becomes the low XLEN bits of an I64: results of helpers. */
static inline void riscv_set_x64(RISCVCtx *c, unsigned r, TCGv v)
{
    riscv_set_x(c, r, c->xlen == 64 ? v : tcg_gen_trunc(c->b, v));
}

/* The address at page offset rel, as an x register holds it. */
static inline TCGv riscv_pc(RISCVCtx *c, int64_t rel)
{
    TCGv pc = tcg_gen_pcrel(c->b, rel);
    return c->xlen == 64 ? pc : tcg_gen_trunc(c->b, pc);
}

static inline int64_t riscv_next(const RISCVCtx *c)
{
    return (int64_t)c->off + c->len;
}

static inline unsigned riscv_priv(const RISCVCtx *c)
{
    return c->mode & RISCV_MODE_PRIV;
}

/* ---- translate.c ---- */

/* Raise an illegal-instruction exception here; ends the unit. */
void riscv_gen_illegal(RISCVCtx *c);
/* End the unit behind this instruction: MAIN to look for interrupts, LOOKUP because the mode or the
 * translation may have changed. */
void riscv_gen_end(RISCVCtx *c, RISCVCsrEnd how);
/* End the unit behind a helper that may have enabled an interrupt and then has set exit_request: go
 * on at pc (I64) in the mode that the CPU is in now. */
void riscv_gen_exit_poll(RISCVCtx *c, TCGv pc);
/* Link rd, go to this instruction's address + imm. */
void riscv_gen_jump(RISCVCtx *c, unsigned rd, int64_t imm);
/* Go to an address (type xt, bit 0 clear); ends the unit. */
void riscv_gen_jump_indirect(RISCVCtx *c, TCGv to);
/* Raise instruction-address-misaligned if an address (type xt) is none for this CPU's IALIGN. */
void riscv_gen_check_target(RISCVCtx *c, TCGv to);
void riscv_gen_branch(RISCVCtx *c, TCGCond cond, const RISCVInsn *a);
/* rd := [rs1 + imm], [rs1 + imm] := rs2 */
void riscv_gen_load(RISCVCtx *c, const RISCVInsn *a, TCGMemOp m);
void riscv_gen_store(RISCVCtx *c, const RISCVInsn *a, TCGMemOp m);
/* TCG_MO_ order flags of an atomic's aq and rl bits. */
TCGMemOp riscv_order(const RISCVInsn *a);
/* Before a read-modify-write: triggers see it as a store and as a load. */
void riscv_gen_atomic_watch(RISCVCtx *c, TCGMemOp m, TCGv addr);

/* ---- disas.c ---- */

/* "mnemonic operands" of an instruction at pc; appended to out. */
void riscv_disas_row(const InsnRow *row, const RISCVInsn *a, uint64_t pc, unsigned xlen,
                     GString *out);

#endif

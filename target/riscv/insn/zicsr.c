/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zicsr: control and status registers (unprivileged ISA, chapter '"Zicsr" Extension for Control and
 * Status Register (CSR) Instructions'), and Zifencei, Zawrs.
 *
 * Registers that are nothing but storage are read and written in place: their privilege is in the
 * mode bits, and no extension guards them. sstatus, which kernels use most, is read in place and
 * written by a helper of its own. All others go through csr.c, which also says whether the code
 * behind the write can go on in the same unit.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/bits.h"
#include "target/riscv/insn.h"
typedef enum CsrOp { CSR_WRITE, CSR_SET, CSR_CLEAR } CsrOp;

typedef struct PlainCsr {
    uint16_t csr;
    bool is_pc; /* the bits below IALIGN are zero */
    size_t offset;
} PlainCsr;

/* Privileged ISA, "Supervisor CSRs" and "Machine-Level CSRs". */
static const PlainCsr plain_csrs[] = {
    {0x140, false, offsetof(RISCVEnv, sscratch)}, {0x141, true, offsetof(RISCVEnv, sepc)},
    {0x142, false, offsetof(RISCVEnv, scause)},   {0x143, false, offsetof(RISCVEnv, stval)},
    {0x340, false, offsetof(RISCVEnv, mscratch)}, {0x341, true, offsetof(RISCVEnv, mepc)},
    {0x342, false, offsetof(RISCVEnv, mcause)},   {0x343, false, offsetof(RISCVEnv, mtval)},
};

/* May the code at hand access a register that needs nothing but its privilege and S mode? */
static bool csr_in_place(const RISCVCtx *c, unsigned csr)
{
    return riscv_priv(c) >= (csr >> 8 & 3) && (c->ext & RISCV_EXT(S));
}

static const PlainCsr *plain_csr(const RISCVCtx *c, unsigned csr)
{
    if (!csr_in_place(c, csr)) {
        return NULL;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(plain_csrs); i++) {
        if (plain_csrs[i].csr == csr) {
            return &plain_csrs[i];
        }
    }
    return NULL;
}

static void gen_plain(RISCVCtx *c, const RISCVInsn *a, const PlainCsr *p, CsrOp op, TCGv val,
                      bool write)
{
    TCGv old = TCG_NONE;
    if (a->rd || op != CSR_WRITE) {
        old = tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, p->offset);
    }
    if (write) {
        TCGv v = op == CSR_WRITE ? val
                 : op == CSR_SET ? tcg_gen_or(c->b, old, val)
                                 : tcg_gen_andc(c->b, old, val);
        if (p->is_pc) {
            v = tcg_gen_andi(c->b, v, c->ext & RISCV_EXT(ZCA) ? -2 : -4);
        }
        tcg_gen_stenv(c->b, TCG_MO_64, v, p->offset);
    }
    if (a->rd) {
        riscv_set_x64(c, a->rd, old);
    }
}

/*
 * The end of a unit behind a CSR that may change the mode, the translation or what is pending. Most
 * writes change nothing of it (interrupts off and on again, SUM), and then the next unit is always
 * the same one: a linked exit if neither the context nor exit_request has changed.
 */
static void gen_after_write(RISCVCtx *c, TCGv ctx_before)
{
    TCGv ctx = tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, offsetof(CPUEnv, ctx));
    TCGv same = tcg_gen_setcond(c->b, TCG_I32, TCG_COND_EQ, ctx, ctx_before);
    TCGv request = tcg_gen_ldenv(c->b, TCG_I32, TCG_MO_32, offsetof(CPUEnv, exit_request));
    TCGv idle = tcg_gen_setcondi(c->b, TCG_I32, TCG_COND_EQ, request, 0);
    tcg_gen_exit_if(c->b, tcg_gen_and(c->b, same, idle), riscv_next(c), true);
    riscv_gen_exit_poll(c, tcg_gen_pcrel(c->b, riscv_next(c)));
}

/* What reading it gives (12.1.1): csr_read_sstatus(). fs_dirty is 0 or 1, and 0 while FS is off. */
static TCGv gen_sstatus(RISCVCtx *c)
{
    TCGv s = tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, offsetof(RISCVEnv, mstatus));
    TCGv dirty = tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_8, RISCV_FS_DIRTY_OFFSET);
    s = tcg_gen_or(c->b, s, tcg_gen_andi(c->b, tcg_gen_neg(c->b, dirty), MSTATUS_FS));
    TCGv fs = tcg_gen_andi(c->b, s, MSTATUS_FS);
    TCGv sd = tcg_gen_setcondi(c->b, TCG_I64, TCG_COND_EQ, fs, MSTATUS_FS);
    s = tcg_gen_andi(c->b, s, SSTATUS_READ & (c->xlen == 32 ? UINT32_MAX : UINT64_MAX));
    return tcg_gen_or(c->b, s, tcg_gen_shli(c->b, sd, c->xlen - 1));
}

/* With SIE off nothing becomes pending that was not: the unit goes on. */
static void gen_sie_off(RISCVCtx *c, const RISCVInsn *a)
{
    TCGv old = a->rd ? gen_sstatus(c) : TCG_NONE;
    TCGv s = tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, offsetof(RISCVEnv, mstatus));
    tcg_gen_stenv(c->b, TCG_MO_64, tcg_gen_andi(c->b, s, ~MSTATUS_SIE),
                  offsetof(RISCVEnv, mstatus));
    if (a->rd) {
        riscv_set_x64(c, a->rd, old);
    }
}

/* val: I64, zero-extended. write: the instruction writes, whatever the value. */
static void gen_csr(RISCVCtx *c, const RISCVInsn *a, CsrOp op, TCGv val, bool write)
{
    const PlainCsr *p = plain_csr(c, a->csr);
    if (p) {
        gen_plain(c, a, p, op, val, write);
        return;
    }
    bool sstatus = a->csr == CSR_SSTATUS && csr_in_place(c, a->csr);
    bool fp = a->csr >= 1 && a->csr <= 3; /* fflags, frm, fcsr */
    TCGv insn = tcg_i32(c->b, (int32_t)c->word), old = TCG_NONE, ctx_before = TCG_NONE;
    bool ends = riscv_csr_ends_unit(a->csr, write) != RISCV_CSR_END_NO;
    if (ends) {
        ctx_before = tcg_gen_ldenv(c->b, TCG_I64, TCG_MO_64, offsetof(CPUEnv, ctx));
    }
    if (!write && sstatus) {
        old = gen_sstatus(c);
    } else if (!write) {
        old = tcg_gen_call1(c->b, fp ? &riscv_helper_csr_read_fp : &riscv_helper_csr_read, insn);
    } else if (op == CSR_WRITE && !a->rd && !sstatus) {
        tcg_gen_call2(c->b, fp ? &riscv_helper_csr_write_fp : &riscv_helper_csr_write, insn, val);
    } else {
        TCGv ones = tcg_i64(c->b, -1);
        TCGv arg[2] = {op == CSR_SET     ? ones
                       : op == CSR_CLEAR ? tcg_i64(c->b, 0)
                                         : val,
                       op == CSR_WRITE ? ones : val};
        old = sstatus ? tcg_gen_call2(c->b, &riscv_helper_csr_sstatus, arg[0], arg[1])
                      : tcg_gen_call3(c->b, fp ? &riscv_helper_csr_rmw_fp : &riscv_helper_csr_rmw,
                                      insn, arg[0], arg[1]);
    }
    if (a->rd && old.i) {
        riscv_set_x64(c, a->rd, old);
    }
    if (ends) {
        gen_after_write(c, ctx_before);
    }
}

INSN(csrrw, "csr:12 rs1:5 001 rd:5 1110011", ZICSR, "rd,csr,rs1")
void riscv_trans_csrrw(RISCVCtx *c, const RISCVInsn *a)
{
    gen_csr(c, a, CSR_WRITE, riscv_x64(c, a->rs1), true);
}

INSN(csrrs, "csr:12 rs1:5 010 rd:5 1110011", ZICSR, "rd,csr,rs1")
void riscv_trans_csrrs(RISCVCtx *c, const RISCVInsn *a)
{
    gen_csr(c, a, CSR_SET, riscv_x64(c, a->rs1), a->rs1);
}

INSN(csrrc, "csr:12 rs1:5 011 rd:5 1110011", ZICSR, "rd,csr,rs1")
void riscv_trans_csrrc(RISCVCtx *c, const RISCVInsn *a)
{
    gen_csr(c, a, CSR_CLEAR, riscv_x64(c, a->rs1), a->rs1);
}

INSN(csrrwi, "csr:12 rs1:5 101 rd:5 1110011", ZICSR, "rd,csr,zimm")
void riscv_trans_csrrwi(RISCVCtx *c, const RISCVInsn *a)
{
    gen_csr(c, a, CSR_WRITE, tcg_i64(c->b, a->rs1), true);
}

INSN(csrrsi, "csr:12 rs1:5 110 rd:5 1110011", ZICSR, "rd,csr,zimm")
void riscv_trans_csrrsi(RISCVCtx *c, const RISCVInsn *a)
{
    gen_csr(c, a, CSR_SET, tcg_i64(c->b, a->rs1), a->rs1);
}

INSN(csrrci, "csr:12 rs1:5 111 rd:5 1110011", ZICSR, "rd,csr,zimm")
void riscv_trans_csrrci(RISCVCtx *c, const RISCVInsn *a)
{
    if (a->csr == CSR_SSTATUS && csr_in_place(c, a->csr) && (a->rs1 & MSTATUS_SIE)) {
        gen_sie_off(c, a); /* the other four bits are read-only zero */
    } else {
        gen_csr(c, a, CSR_CLEAR, tcg_i64(c->b, a->rs1), a->rs1);
    }
}

/* Stores to code are always seen by units that begin later. */
INSN(fence_i, "imm[11:0] rs1:5 001 rd:5 0001111", ZIFENCEI, "")
void riscv_trans_fence_i(RISCVCtx *c, const RISCVInsn *a)
{
    tcg_gen_call0(c->b, &riscv_helper_fence_i);
    riscv_gen_end(c, RISCV_CSR_END_LOOKUP);
}

INSN(wrs_nto, "000000001101 00000 000 00000 1110011", ZAWRS, "")
void riscv_trans_wrs_nto(RISCVCtx *c, const RISCVInsn *a)
{
    tcg_gen_call1(c->b, &riscv_helper_wrs, tcg_i32(c->b, c->word));
    riscv_gen_end(c, RISCV_CSR_END_MAIN);
}

INSN(wrs_sto, "000000011101 00000 000 00000 1110011", ZAWRS, "")
void riscv_trans_wrs_sto(RISCVCtx *c, const RISCVInsn *a)
{
    tcg_gen_call1(c->b, &riscv_helper_wrs, tcg_i32(c->b, c->word));
    riscv_gen_end(c, RISCV_CSR_END_MAIN);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Zacas: compare and swap (unprivileged ISA, chapter '"Zacas" Extension for Atomic Compare-and-Swap
 * (CAS) Instructions'). Values of 2*XLEN lie in even-odd register pairs; x0 as the first register
 * of a pair reads as zero and drops both results.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"

INSN(amocas_w, "00101 aq:1 rl:1 rs2:5 rs1:5 010 rd:5 0101111", ZACAS, "aqrl rd,rs2,(rs1)")
void riscv_trans_amocas_w(RISCVCtx *c, const RISCVInsn *a)
{
    TCGMemOp m = TCG_MO_ALIGNED(TCG_MO_32) | riscv_order(a);
    TCGv addr = riscv_x64(c, a->rs1);
    riscv_gen_atomic_watch(c, m, addr);
    riscv_set_w(c, a->rd,
                tcg_gen_cmpxchg(c->b, TCG_I32, m, addr, riscv_w(c, a->rd), riscv_w(c, a->rs2)));
}

INSN(amocas_d, "00101 aq:1 rl:1 rs2:5 rs1:5 011 rd:5 0101111", ZACAS + RV64, "aqrl rd,rs2,(rs1)")
void riscv_trans_amocas_d(RISCVCtx *c, const RISCVInsn *a)
{
    TCGMemOp m = TCG_MO_ALIGNED(TCG_MO_64) | riscv_order(a);
    TCGv addr = riscv_x(c, a->rs1);
    riscv_gen_atomic_watch(c, m, addr);
    riscv_set_x(c, a->rd,
                tcg_gen_cmpxchg(c->b, TCG_I64, m, addr, riscv_x(c, a->rd), riscv_x(c, a->rs2)));
}

/* Both registers of an RV32 pair. */
static TCGv pair(RISCVCtx *c, unsigned r)
{
    return r ? tcg_gen_deposit(c->b, riscv_x64(c, r), riscv_x64(c, r + 1), 32, 32)
             : tcg_i64(c->b, 0);
}

INSN(amocas_d__32, "00101 aq:1 rl:1 rs2[4:1] 0 rs1:5 011 rd[4:1] 0 0101111", ZACAS + RV32,
     "aqrl rd,rs2,(rs1)")
void riscv_trans_amocas_d_pair(RISCVCtx *c, const RISCVInsn *a)
{
    TCGMemOp m = TCG_MO_ALIGNED(TCG_MO_64) | riscv_order(a);
    TCGv addr = riscv_x64(c, a->rs1);
    riscv_gen_atomic_watch(c, m, addr);
    TCGv old = tcg_gen_cmpxchg(c->b, TCG_I64, m, addr, pair(c, a->rd), pair(c, a->rs2));
    if (a->rd) {
        riscv_set_x64(c, a->rd, old);
        riscv_set_x64(c, a->rd + 1, tcg_gen_shri(c->b, old, 32));
    }
}

/*
 * 128 bits are beyond the IR's integer types: C does it all, on the CPU state.
 * regs: rd | rs2 << 8, both even. A device cannot do it: access fault.
 */
static void __attribute__((target("cx16")))
helper_amocas_q(CPUEnv *cpu_env, uint64_t addr, uint64_t regs)
{
    uintptr_t ra = RHEA_RA();
    RISCVEnv *env = (RISCVEnv *)cpu_env;
    CPU *cpu = cpu_env->cpu;
    unsigned rd = regs & 31, rs2 = regs >> 8 & 31;
    if (addr & 15) {
        riscv_unaligned(cpu, addr, TLB_WRITE, ra);
    }
    if (env->trigger_watch) {
        riscv_trigger_check(env, addr, sizeof(__int128), TLB_READ, ra);
    }
    unsigned __int128 *p = tlb_host(cpu, addr, sizeof(*p), TLB_WRITE, 0, ra);
    if (!p) {
        riscv_raise(env, RISCV_EXC_STORE_ACCESS, addr, ra);
    }
    unsigned __int128 expect = 0, desired = 0;
    if (rd) {
        expect = (unsigned __int128)env->x[rd + 1] << 64 | env->x[rd];
    }
    if (rs2) {
        desired = (unsigned __int128)env->x[rs2 + 1] << 64 | env->x[rs2];
    }
    unsigned __int128 old = __sync_val_compare_and_swap(p, expect, desired);
    if (rd) {
        env->x[rd] = old;
        env->x[rd + 1] = old >> 64;
    }
}

static const TCGHelper riscv_helper_amocas_q = {
    .name = "amocas_q",
    .fn = helper_amocas_q,
    .ret = TCG_VOID,
    .nargs = 2,
    .args = {TCG_I64, TCG_I64},
    .pass_env = true,
    .flags = TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL | TCG_HELPER_FAULTS | TCG_HELPER_IO,
};

INSN(amocas_q, "00101 aq:1 rl:1 rs2[4:1] 0 rs1:5 100 rd[4:1] 0 0101111", ZACAS + RV64,
     "aqrl rd,rs2,(rs1)")
void riscv_trans_amocas_q(RISCVCtx *c, const RISCVInsn *a)
{
    tcg_gen_call2(c->b, &riscv_helper_amocas_q, riscv_x(c, a->rs1),
                  tcg_i64(c->b, a->rd | a->rs2 << 8));
}

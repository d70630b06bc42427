/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Privileged instructions (privileged ISA, sections "Machine-Mode Privileged Instructions",
 * "Supervisor Instructions", and chapter "Svinval Standard Extension"). Who may execute them when
 * is checked by the helpers.
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"

INSN(mret, "001100000010 00000 000 00000 1110011", I, "")
void riscv_trans_mret(RISCVCtx *c, const RISCVInsn *a)
{
    TCGv pc = tcg_gen_call1(c->b, &riscv_helper_mret, tcg_i32(c->b, c->word));
    riscv_gen_exit_poll(c, pc);
}

INSN(sret, "000100000010 00000 000 00000 1110011", S, "")
void riscv_trans_sret(RISCVCtx *c, const RISCVInsn *a)
{
    TCGv pc = tcg_gen_call1(c->b, &riscv_helper_sret, tcg_i32(c->b, c->word));
    riscv_gen_exit_poll(c, pc);
}

INSN(wfi, "000100000101 00000 000 00000 1110011", I, "")
void riscv_trans_wfi(RISCVCtx *c, const RISCVInsn *a)
{
    tcg_gen_call1(c->b, &riscv_helper_wfi, tcg_i32(c->b, c->word));
    riscv_gen_end(c, RISCV_CSR_END_MAIN);
}

INSN(sfence_vma, "0001001 rs2:5 rs1:5 000 00000 1110011", S, "rs1,rs2")
INSN(sinval_vma, "0001011 rs2:5 rs1:5 000 00000 1110011", SVINVAL, "rs1,rs2")
void riscv_trans_sfence_vma(RISCVCtx *c, const RISCVInsn *a)
{
    tcg_gen_call3(c->b, &riscv_helper_sfence_vma, tcg_i32(c->b, c->word), riscv_x64(c, a->rs1),
                  riscv_x64(c, a->rs2));
    riscv_gen_end(c, RISCV_CSR_END_LOOKUP);
}

INSN(sfence_w_inval, "000110000000 00000 000 00000 1110011", SVINVAL, "")
INSN(sfence_inval_ir, "000110000001 00000 000 00000 1110011", SVINVAL, "")
void riscv_trans_sfence_inval(RISCVCtx *c, const RISCVInsn *a)
{
    tcg_gen_call1(c->b, &riscv_helper_sfence_inval, tcg_i32(c->b, c->word));
    riscv_gen_end(c, RISCV_CSR_END_LOOKUP);
}
/* Hypervisor extension, resumable NMI, debug: not implemented.
// INSN(hfence_vvma, "0010001 rs2:5 rs1:5 000 00000 1110011", H, "rs1,rs2")
// INSN(hfence_gvma, "0110001 rs2:5 rs1:5 000 00000 1110011", H, "rs1,rs2")
// INSN(mnret, "011100000010 00000 000 00000 1110011", SMRNMI, "")
// INSN(dret, "011110110010 00000 000 00000 1110011", SDEXT, "")
*/

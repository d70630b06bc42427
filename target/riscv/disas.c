/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V disassembler: mnemonic and operands of an INSN row, in the syntax of GNU binutils without
 * aliases and with numeric register names (objdump -M no-aliases,numeric).
 *
 * Test: tests/unit/test-riscv-insn.c.
 */
#include "target/riscv/insn.h"

#include <inttypes.h>
#include <string.h>

typedef struct Disas {
    GString *out;
    const RISCVInsn *a;
    uint64_t pc;
    uint64_t pc_mask;
} Disas;

static void print_rd(const Disas *d)
{
    g_string_append_printf(d->out, "x%u", d->a->rd);
}

static void print_rs1(const Disas *d)
{
    g_string_append_printf(d->out, "x%u", d->a->rs1);
}

static void print_rs2(const Disas *d)
{
    g_string_append_printf(d->out, "x%u", d->a->rs2);
}

static void print_frd(const Disas *d)
{
    g_string_append_printf(d->out, "f%u", d->a->rd);
}

static void print_frs1(const Disas *d)
{
    g_string_append_printf(d->out, "f%u", d->a->rs1);
}

static void print_frs2(const Disas *d)
{
    g_string_append_printf(d->out, "f%u", d->a->rs2);
}

static void print_frs3(const Disas *d)
{
    g_string_append_printf(d->out, "f%u", d->a->rs3);
}

static void print_imm(const Disas *d)
{
    g_string_append_printf(d->out, "%d", d->a->imm);
}

static void print_imm20(const Disas *d)
{
    g_string_append_printf(d->out, "0x%x", (uint32_t)d->a->imm >> 12);
}

static void print_shamt(const Disas *d)
{
    g_string_append_printf(d->out, "0x%x", d->a->shamt);
}

static void print_target(const Disas *d)
{
    g_string_append_printf(d->out, "0x%" PRIx64, (d->pc + (int64_t)d->a->imm) & d->pc_mask);
}

static void print_csr(const Disas *d)
{
    const char *name = riscv_csr_name(d->a->csr);
    if (name) {
        g_string_append(d->out, name);
    } else {
        g_string_append_printf(d->out, "0x%x", d->a->csr);
    }
}

static void print_zimm(const Disas *d)
{
    g_string_append_printf(d->out, "%u", d->a->rs1);
}

static const char *const rounding_names[8] = {"rne", "rtz",     "rdn",     "rup",
                                              "rmm", "unknown", "unknown", "dyn"};

/* The last operand; the mode that the assembler takes by default is not written, nor is the comma.
 */
static void print_rounding(const Disas *d, unsigned by_default)
{
    if (d->a->rm == by_default) {
        g_string_truncate(d->out, d->out->len - 1);
    } else {
        g_string_append(d->out, rounding_names[d->a->rm]);
    }
}

static void print_rm(const Disas *d)
{
    print_rounding(d, 7);
}

/* Of an instruction whose result is always exact. */
static void print_rmexact(const Disas *d)
{
    print_rounding(d, 0);
}

static void print_rtz(const Disas *d)
{
    g_string_append(d->out, "rtz");
}

static void print_order(const Disas *d, unsigned set)
{
    for (int i = 3; i >= 0; i--) {
        if (set >> i & 1) {
            g_string_append_c(d->out, "wroi"[i]);
        }
    }
    if (!set) {
        g_string_append(d->out, "unknown");
    }
}

static void print_pred(const Disas *d)
{
    print_order(d, d->a->pred);
}

static void print_succ(const Disas *d)
{
    print_order(d, d->a->succ);
}

static void print_bs(const Disas *d)
{
    g_string_append_printf(d->out, "0x%x", d->a->bs);
}

static void print_rnum(const Disas *d)
{
    g_string_append_printf(d->out, "0x%x", d->a->rnum);
}

/* Suffix of an atomic's mnemonic: the only operand without a space before it. */
static void print_aqrl(const Disas *d)
{
    static const char names[4][6] = {"", ".rl", ".aq", ".aqrl"};
    g_string_append(d->out, names[d->a->aq << 1 | d->a->rl]);
}

/* Zfa, table "Immediate operand values": what binutils accepts for fli. */
static void print_fli(const Disas *d)
{
    static const char values[32][20] = {"-1.0",
                                        "min",
                                        "1.52587890625e-05",
                                        "3.0517578125e-05",
                                        "0.00390625",
                                        "0.0078125",
                                        "0.0625",
                                        "0.125",
                                        "0.25",
                                        "0.3125",
                                        "0.375",
                                        "0.4375",
                                        "0.5",
                                        "0.625",
                                        "0.75",
                                        "0.875",
                                        "1.0",
                                        "1.25",
                                        "1.5",
                                        "1.75",
                                        "2.0",
                                        "2.5",
                                        "3.0",
                                        "4.0",
                                        "8.0",
                                        "16.0",
                                        "128.0",
                                        "256.0",
                                        "32768.0",
                                        "65536.0",
                                        "inf",
                                        "nan"};
    g_string_append(d->out, values[d->a->rs1]);
}

static void (*const printers[])(const Disas *d) = {
#define PRINTER(name) print_##name,
    RISCV_OPERANDS(PRINTER)
#undef PRINTER
};

void riscv_disas_row(const InsnRow *row, const RISCVInsn *a, uint64_t pc, unsigned xlen,
                     GString *out)
{
    Disas d = {out, a, pc, xlen == 64 ? UINT64_MAX : UINT32_MAX};
    const uint8_t *p = row->operands;
    g_string_append(out, row->name);
    if (*p == RISCV_OPERAND_aqrl) {
        print_aqrl(&d);
        p++;
    }
    if (*p && *p != ' ') {
        g_string_append_c(out, ' ');
    }
    for (; *p; p++) {
        if (*p < 0x80) {
            g_string_append_c(out, *p);
        } else {
            printers[*p - RISCV_OPERAND_FIRST - 1](&d);
        }
    }
}

unsigned riscv_disas(CPU *cpu, uint64_t pc, const uint8_t *code, unsigned avail, GString *out)
{
    const RISCVConfig *cfg = cpu->model;
    uint64_t ext = riscv_row_extensions(cfg);
    RISCVInsn a = {0};
    if (avail < 2) {
        g_string_append(out, "(incomplete)");
        return avail;
    }
    uint16_t low;
    memcpy(&low, code, sizeof(low));
    if ((low & 3) != 3) {
        RISCVInsnId id = riscv_decode16(low, ext, &a);
        g_string_append_printf(out, "%04x      ", low);
        if (id == RISCV_INSN_NONE) {
            g_string_append_printf(out, ".2byte 0x%x", low);
        } else {
            riscv_disas_row(&riscv_insn_rows[id], &a, pc, cfg->xlen, out);
        }
        return 2;
    }
    if (avail < 4) {
        g_string_append(out, "(incomplete)");
        return avail;
    }
    uint32_t word;
    memcpy(&word, code, sizeof(word));
    RISCVInsnId id = riscv_decode32(word, ext, &a);
    g_string_append_printf(out, "%08x  ", word);
    if (id == RISCV_INSN_NONE) {
        g_string_append_printf(out, ".4byte 0x%x", word);
    } else {
        riscv_disas_row(&riscv_insn_rows[id], &a, pc, cfg->xlen, out);
    }
    return 4;
}

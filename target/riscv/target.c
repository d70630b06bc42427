/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V for the engine and the command line: cells, the two TargetDescs, the two program names.
 *
 * Pin ranks follow how often compiled C uses a register; they are to be settled by measurement.
 */
#include "target/riscv/cpu.h"
#include "softmmu/machine.h"
#include "softmmu/semihost.h"
#include <string.h>

/* clang-format off */
#define X_CELLS(X)                                                                                 \
    X(1, "ra", 9)    X(2, "sp", 6)    X(3, "gp", 26)   X(4, "tp", 20)                              \
    X(5, "t0", 18)   X(6, "t1", 14)   X(7, "t2", 24)   X(8, "s0", 7)                               \
    X(9, "s1", 10)   X(10, "a0", 2)   X(11, "a1", 8)   X(12, "a2", 5)                              \
    X(13, "a3", 4)   X(14, "a4", 3)   X(15, "a5", 1)   X(16, "a6", 12)                             \
    X(17, "a7", 13)  X(18, "s2", 11)  X(19, "s3", 16)  X(20, "s4", 19)                             \
    X(21, "s5", 21)  X(22, "s6", 22)  X(23, "s7", 23)  X(24, "s8", 25)                             \
    X(25, "s9", 27)  X(26, "s10", 28) X(27, "s11", 29) X(28, "t3", 15)                             \
    X(29, "t4", 17)  X(30, "t5", 30)  X(31, "t6", 31)
#define F_CELLS(X)                                                                                 \
    X(0, "ft0", 5)   X(1, "ft1", 8)   X(2, "ft2", 11)  X(3, "ft3", 13)                             \
    X(4, "ft4", 15)  X(5, "ft5", 17)  X(6, "ft6", 19)  X(7, "ft7", 21)                             \
    X(8, "fs0", 9)   X(9, "fs1", 12)  X(10, "fa0", 3)  X(11, "fa1", 6)                             \
    X(12, "fa2", 7)  X(13, "fa3", 4)  X(14, "fa4", 2)  X(15, "fa5", 1)                             \
    X(16, "fa6", 10) X(17, "fa7", 14) X(18, "fs2", 16) X(19, "fs3", 18)                            \
    X(20, "fs4", 20) X(21, "fs5", 22) X(22, "fs6", 23) X(23, "fs7", 24)                            \
    X(24, "fs8", 25) X(25, "fs9", 26) X(26, "fs10", 27) X(27, "fs11", 28)                          \
    X(28, "ft8", 29) X(29, "ft9", 30) X(30, "ft10", 31) X(31, "ft11", 32)
/* clang-format on */

#define CELL_X64(n, name, pin)                                                                     \
    [RISCV_CELL_X(n)] = {name, offsetof(RISCVEnv, x) + (n) * sizeof(uint64_t), TCG_I64, pin},
#define CELL_X32(n, name, pin)                                                                     \
    [RISCV_CELL_X(n)] = {name, offsetof(RISCVEnv, x) + (n) * sizeof(uint64_t), TCG_I32, pin},
#define CELL_F(n, name, pin)                                                                       \
    [RISCV_CELL_F(n)] = {name, offsetof(RISCVEnv, f) + (n) * sizeof(uint64_t), TCG_F64, pin},
#define CELLS_RES                                                                                  \
    [RISCV_CELL_RES_ADDR] = {"res_addr", offsetof(RISCVEnv, res_addr), TCG_I64, 0},                \
    [RISCV_CELL_RES_VAL] = {"res_val", offsetof(RISCVEnv, res_val), TCG_I64, 0},

const TCGCell riscv64_cells[RISCV_CELL_COUNT] = {X_CELLS(CELL_X64) F_CELLS(CELL_F) CELLS_RES};
/* The low half of each x: the host is little-endian. */
const TCGCell riscv32_cells[RISCV_CELL_COUNT] = {X_CELLS(CELL_X32) F_CELLS(CELL_F) CELLS_RES};
G_STATIC_ASSERT(G_BYTE_ORDER == G_LITTLE_ENDIAN);

/* The configuration as bytes, less its name; and whether EBREAK may call the host. */
static void identify(const CPU *cpu, GChecksum *sum)
{
    RISCVConfig cfg;
    const bool calls[2] = {semihost_allowed(cpu, false), semihost_allowed(cpu, true)};

    memcpy(&cfg, cpu->model, sizeof(cfg));
    cfg.model = NULL;
    g_checksum_update(sum, (const guchar *)&cfg, sizeof(cfg));
    g_checksum_update(sum, (const guchar *)calls, sizeof(calls));
}

static bool joins(uint32_t mode)
{
    return !(mode & RISCV_MODE_ICOUNT);
}

#define RISCV_DESC(bits)                                                                           \
    {                                                                                              \
        .name = "riscv" #bits, .log_name = "riscv:rv" #bits, .env_size = sizeof(RISCVEnv),         \
        .check_size = offsetof(RISCVEnv, riscv_check_end), .cells = riscv##bits##_cells,           \
        .ncells = RISCV_CELL_COUNT, .pc32 = bits == 32, .pc_shift = 1, .reset = riscv_reset,       \
        .translate = riscv_translate, .joins = joins, .tlb_fill = riscv_tlb_fill,                  \
        .bus_error = riscv_bus_error, .unaligned = riscv_unaligned,                                \
        .do_exception = riscv_do_exception, .do_interrupt = riscv_do_interrupt,                    \
        .has_work = riscv_has_work, .dump_state = riscv_dump_state, .identify = identify,          \
        .disas = riscv_disas, .debug_translate = riscv_debug_translate,                            \
    }
static const TargetDesc riscv64_desc = RISCV_DESC(64);
static const TargetDesc riscv32_desc = RISCV_DESC(32);

const TargetDesc *riscv_target_desc(const RISCVConfig *c)
{
    return c->xlen == 32 ? &riscv32_desc : &riscv64_desc;
}

static void target_cpu_help(const GuestTarget *t, FILE *out)
{
    riscv_cpu_model_help(out, t->bits);
}

static void *target_cpu_parse(const GuestTarget *t, const char *text, GError **err)
{
    return riscv_cpu_model_parse(text, t->bits, err);
}

static const GuestTarget riscv64_target = {
    .name = "riscv64",
    .arch = "riscv",
    .bits = 64,
    .default_cpu = "rv64",
    .cpu = &riscv64_desc,
    .cpu_help = target_cpu_help,
    .cpu_parse = target_cpu_parse,
};
RHEA_TARGET(riscv64_target);

static const GuestTarget riscv32_target = {
    .name = "riscv32",
    .arch = "riscv",
    .bits = 32,
    .default_cpu = "rv32",
    .cpu = &riscv32_desc,
    .cpu_help = target_cpu_help,
    .cpu_parse = target_cpu_parse,
};
RHEA_TARGET(riscv32_target);

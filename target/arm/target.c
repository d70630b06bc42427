/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm for the engine and the command line: cells, the TargetDesc, the program names.
 *
 * Pin ranks follow how often compiled C uses a register; they are to be settled by measurement.
 * CPUs without AArch64 have cells of their own, which differ in the pins: AArch32 has fewer
 * registers, others of them are hot, and more of the host's are left for values.
 */
#include "softmmu/machine.h"
#include "softmmu/semihost.h"
#include <string.h>
#include "target/arm/a32.h"
#include "target/arm/internals.h"

/* clang-format off */
#define X_CELLS(X)                                                                                 \
    X(0, 1)   X(1, 2)   X(2, 3)   X(3, 5)   X(4, 8)   X(5, 11)  X(6, 14)  X(7, 18)                 \
    X(8, 13)  X(9, 17)  X(10, 20) X(11, 22) X(12, 23) X(13, 24) X(14, 25) X(15, 26)                \
    X(16, 27) X(17, 28) X(18, 31) X(19, 4)  X(20, 6)  X(21, 9)  X(22, 12) X(23, 15)                \
    X(24, 16) X(25, 19) X(26, 21) X(27, 29) X(28, 30) X(29, 10) X(30, 32) X(31, 7)
#define X_CELLS_AARCH32(X)                                                                         \
    X(0, 3)  X(1, 4)  X(2, 2)  X(3, 1)  X(4, 6)  X(5, 7)  X(6, 0)  X(7, 0)                         \
    X(8, 0)  X(9, 0)  X(10, 0) X(11, 0) X(12, 0) X(13, 5) X(14, 0) X(15, 0)                        \
    X(16, 0) X(17, 0) X(18, 0) X(19, 0) X(20, 0) X(21, 0) X(22, 0) X(23, 0)                        \
    X(24, 0) X(25, 0) X(26, 0) X(27, 0) X(28, 0) X(29, 0) X(30, 0) X(31, 0)
#define V_CELLS(X)                                                                                 \
    X(0, 1)   X(1, 2)   X(2, 3)   X(3, 4)   X(4, 5)   X(5, 6)   X(6, 7)   X(7, 8)                  \
    X(8, 17)  X(9, 18)  X(10, 19) X(11, 20) X(12, 21) X(13, 22) X(14, 23) X(15, 24)                \
    X(16, 9)  X(17, 10) X(18, 11) X(19, 12) X(20, 13) X(21, 14) X(22, 15) X(23, 16)                \
    X(24, 25) X(25, 26) X(26, 27) X(27, 28) X(28, 29) X(29, 30) X(30, 31) X(31, 32)
/* clang-format on */

#define CELL_X(n, pin)                                                                             \
    [ARM_CELL_X(n)] = {n == 31 ? "sp" : "x" #n, offsetof(ARMEnv, x) + (n)*8, TCG_I64, pin},
#define CELL_V(n, pin) [ARM_CELL_VR(n)] = {"v" #n, offsetof(ARMEnv, v) + (n)*16, TCG_V128, pin},

#define CELL_D(n, pin) [ARM_CELL_D0 + (n)] = {"d" #n, offsetof(ARMEnv, v) + (n)*8, TCG_F64, 0},
#define CELL_S(n, pin) [ARM_CELL_S0 + (n)] = {"s" #n, offsetof(ARMEnv, v) + (n)*4, TCG_F32, 0},

/* clang-format off */
#define OTHER_CELLS                                                                                \
    V_CELLS(CELL_V) V_CELLS(CELL_D) V_CELLS(CELL_S)                                                \
    [ARM_CELL_FLAG_X] = {"flag_x", offsetof(ARMEnv, flag_x), TCG_I64, 0},                          \
    [ARM_CELL_FLAG_Y] = {"flag_y", offsetof(ARMEnv, flag_y), TCG_I64, 0},                          \
    [ARM_CELL_FLAG_KIND] = {"flag_kind", offsetof(ARMEnv, flag_kind), TCG_I32, 0},                 \
    [ARM_CELL_N] = {"nf", offsetof(ARMEnv, nf), TCG_I64, 0},                                       \
    [ARM_CELL_Z] = {"zf", offsetof(ARMEnv, zf), TCG_I64, 0},                                       \
    [ARM_CELL_FX] = {"fx", offsetof(ARMEnv, fx), TCG_I32, 0},                                      \
    [ARM_CELL_FY] = {"fy", offsetof(ARMEnv, fy), TCG_I32, 0},                                      \
    [ARM_CELL_FCV] = {"fcv", offsetof(ARMEnv, fcv), TCG_I32, 0},                                   \
    [ARM_CELL_EXCL_ADDR] = {"excl_addr", offsetof(ARMEnv, excl_addr), TCG_I64, 0},                 \
    [ARM_CELL_EXCL_VAL] = {"excl_val", offsetof(ARMEnv, excl_val), TCG_I64, 0},                    \
    [ARM_CELL_EXCL_VAL_HI] = {"excl_val_hi", offsetof(ARMEnv, excl_val_hi), TCG_I64, 0},           \
    [ARM_CELL_FCMP_KIND] = {"fcmp_kind", offsetof(ARMEnv, fcmp_kind), TCG_I32, 0},                 \
    [ARM_CELL_FCMP_D0] = {"fcmp_d0", offsetof(ARMEnv, fcmp_d), TCG_F64, 0},                        \
    [ARM_CELL_FCMP_D1] = {"fcmp_d1", offsetof(ARMEnv, fcmp_d) + 8, TCG_F64, 0},                    \
    [ARM_CELL_FCMP_S0] = {"fcmp_s0", offsetof(ARMEnv, fcmp_s), TCG_F32, 0},                        \
    [ARM_CELL_FCMP_S1] = {"fcmp_s1", offsetof(ARMEnv, fcmp_s) + 4, TCG_F32, 0},                    \
    [ARM_CELL_GE] = {"ge", offsetof(ARMEnv, ge), TCG_I32, 0},                                      \
    [ARM_CELL_IT] = {"it", offsetof(ARMEnv, it), TCG_I32, 0},
/* clang-format on */

const TCGCell arm_cells[ARM_CELL_COUNT] = {X_CELLS(CELL_X) OTHER_CELLS};
static const TCGCell cells_aarch32[ARM_CELL_COUNT] = {X_CELLS_AARCH32(CELL_X) OTHER_CELLS};

static void translate(UnitContext *unit)
{
    if (unit->mode & ARM_MODE_AARCH32) {
        a32_translate(unit);
    } else {
        a64_translate(unit);
    }
}

/* The configuration as bytes, less its names; and whether HLT may call the host. */
static void identify(const CPU *cpu, GChecksum *sum)
{
    ARMConfig cfg;
    const bool calls[2] = {semihost_allowed(cpu, false), semihost_allowed(cpu, true)};

    memcpy(&cfg, cpu->model, sizeof(cfg));
    cfg.model = cfg.dt_compatible = NULL;
    g_checksum_update(sum, (const guchar *)&cfg, sizeof(cfg));
    g_checksum_update(sum, (const guchar *)calls, sizeof(calls));
}

/* AArch32 changes ITSTATE and T at direct exits; with the others each instruction is looked at. */
static bool joins(uint32_t mode)
{
    return !(mode & (ARM_MODE_AARCH32 | ARM_MODE_SS | ARM_MODE_BREAK | ARM_MODE_IL));
}

#define ARM_TARGET_DESC(cell_table, shift)                                                         \
    {                                                                                              \
        .name = "arm", .log_name = "aarch64", .env_size = sizeof(ARMEnv),                          \
        .check_size = offsetof(ARMEnv, check_end), .ncells = ARM_CELL_COUNT, .va_tag_bits = 8,     \
        .reset = arm_reset, .translate = translate, .joins = joins, .tlb_fill = arm_tlb_fill,      \
        .bus_error = arm_bus_error, .unaligned = arm_unaligned,                                    \
        .device_unaligned = arm_device_unaligned, .do_exception = arm_do_exception,                \
        .do_interrupt = arm_do_interrupt, .has_work = arm_has_work, .dump_state = arm_dump_state,  \
        .identify = identify, .disas = arm_disas, .debug_translate = arm_debug_translate,          \
        .cells = cell_table, .pc_shift = shift,                                                    \
    }

const TargetDesc arm_target_desc = ARM_TARGET_DESC(arm_cells, 2);
static const TargetDesc target_desc_aarch32 = ARM_TARGET_DESC(cells_aarch32, 1);

const TargetDesc *arm_target_desc_for(const ARMConfig *cfg)
{
    return arm_has(cfg, ARM_FEAT_AARCH64) ? &arm_target_desc : &target_desc_aarch32;
}

static void target_cpu_help(const GuestTarget *t, FILE *out)
{
    arm_cpu_model_help(out, t->bits);
}

static void *target_cpu_parse(const GuestTarget *t, const char *text, GError **err)
{
    return arm_cpu_model_parse(text, t->bits, err);
}

static const GuestTarget aarch64_target = {
    .name = "aarch64",
    .arch = "arm",
    .bits = 64,
    .default_cpu = "cortex-a57",
    .cpu = &arm_target_desc,
    .cpu_help = target_cpu_help,
    .cpu_parse = target_cpu_parse,
};
RHEA_TARGET(aarch64_target);

static const GuestTarget arm_target = {
    .name = "arm",
    .arch = "arm",
    .bits = 32,
    .default_cpu = "cortex-a15",
    .cpu = &arm_target_desc,
    .cpu_help = target_cpu_help,
    .cpu_parse = target_cpu_parse,
};
RHEA_TARGET(arm_target);

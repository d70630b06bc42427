/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The Arm guest as boards see it: what a CPU model is, its interrupt lines, its timers' outputs,
 * how firmware calls (PSCI) are answered, and the GICv3 CPU interface that its system registers
 * reach.
 *
 * An ARMConfig is made once by arm_cpu_model_parse(), is constant afterwards and is shared by all
 * CPUs of a machine (CPU.model).
 *
 * Specification: Arm Architecture Reference Manual for A-profile (DDI 0487), for Armv7-A (DDI 0406)
 * and, for the older cores, Armv5/v6 (DDI 0100).
 * Test: tests/unit/test-arm-sys.c
 */
#ifndef RHEA_TARGET_ARM_H
#define RHEA_TARGET_ARM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "accel/cpu.h"
#include "softmmu/timer.h"

/* Bit numbers of the features, one a row of target/arm/feat.def: ARM_FEAT_AARCH64, ... */
typedef enum ARMFeat {
#define FEAT(name, ...) ARM_FEAT_##name,
#include "target/arm/feat.def"
#undef FEAT
    ARM_FEAT_COUNT
} ARMFeat;

typedef struct ARMConfig {
    const char *model; /* name given to -cpu */
    const char *dt_compatible;
    uint64_t feat[(ARM_FEAT_COUNT + 63) / 64];
    uint32_t midr, revidr;
    uint32_t cntfrq; /* Hz of the generic timers */
    uint8_t pa_bits; /* physical address size: 32 to 52 */
    bool one_cpu;    /* set by the board: nobody can see an instruction's accesses one by one */
    /* Identification registers, as the part's manual gives them, less what was switched off. */
    uint64_t id_aa64pfr0, id_aa64pfr1, id_aa64dfr0, id_aa64dfr1, id_aa64isar0, id_aa64isar1,
        id_aa64isar2, id_aa64mmfr0, id_aa64mmfr1, id_aa64mmfr2, id_aa64smfr0, id_aa64zfr0;
    uint32_t id_pfr0, id_pfr1, id_pfr2, id_dfr0, id_dfr1, id_afr0, id_mmfr0, id_mmfr1, id_mmfr2,
        id_mmfr3, id_mmfr4, id_mmfr5, id_isar0, id_isar1, id_isar2, id_isar3, id_isar4, id_isar5,
        id_isar6, mvfr0, mvfr1, mvfr2, fpsid;
    uint32_t ctr, clidr, ccsidr[8]; /* [2 * level + instruction] */
    uint8_t dczid;
    uint32_t reset_sctlr;
    uint8_t pmu_counters;                  /* event counters besides the cycle counter */
    uint8_t pmu_id;                        /* PMCR.IDCODE */
    uint8_t pauth_asked;                   /* ARMPauthAlgorithm that a property switched on */
    uint32_t dbgdidr, dbgdevid, dbgdevid1; /* of AArch32 */
    uint8_t breakpoints, watchpoints;
} ARMConfig;

static inline bool arm_has(const ARMConfig *c, ARMFeat f)
{
    return (c->feat[f / 64] >> (f % 64)) & 1;
}

/*
 * Parse the text of -cpu: "model[,property=value]...". bits is the program's (aarch64: 64, arm:
 * 32). The result lives for the life of the program; boards may switch off EL2 and EL3
 * (arm_config_drop()) before the first CPU is made. NULL and *err for an unknown model or property,
 * a bad value, or a combination that cannot be.
 */
ARMConfig *arm_cpu_model_parse(const char *cpu_option, unsigned bits, GError **err);
/* Take a feature away, ID registers included. */
void arm_config_drop(ARMConfig *c, ARMFeat f);
/* -cpu help */
void arm_cpu_model_help(FILE *out, unsigned bits);
extern const TargetDesc arm_target_desc;
/* That of CPUs with this configuration. */
const TargetDesc *arm_target_desc_for(const ARMConfig *cfg);

/* Numbers for cpu_set_line(): level-sensitive. */
enum {
    ARM_LINE_IRQ = 0,
    ARM_LINE_FIQ = 1,
    ARM_LINE_VIRQ = 2,
    ARM_LINE_VFIQ = 3,
    ARM_LINE_SERROR = 4,
    ARM_LINE_VSERROR = 5,
};

/* The outputs of a CPU: private interrupts, led to the interrupt controller by the board. */
typedef enum ARMOutput {
    ARM_OUT_CNTP,  /* non-secure EL1 physical timer */
    ARM_OUT_CNTV,  /* EL1 virtual timer */
    ARM_OUT_CNTHP, /* non-secure EL2 physical timer */
    ARM_OUT_CNTPS, /* secure physical timer */
    ARM_OUT_CNTHV, /* EL2 virtual timer (VHE) */
    ARM_OUT_PMU,   /* PMU overflow */
    ARM_OUT_COUNT
} ARMOutput;
/* fn is called on any thread, with no lock held. Before the vCPU runs. */
void arm_cpu_set_output(CPU *cpu, ARMOutput out, void (*fn)(void *opaque, bool level),
                        void *opaque);

/* Before the vCPU runs. mpidr: affinity fields only. clocks: for the timers. */
void arm_cpu_set_mpidr(CPU *cpu, uint64_t affinity);
void arm_cpu_set_clocks(CPU *cpu, Clocks *clocks);
/* Where the CPU starts after reset (bit 0: Thumb), and the value of RVBAR. */
void arm_cpu_set_resetvec(CPU *cpu, uint64_t pc);
/* Start the CPU powered off (secondary CPUs under PSCI). */
void arm_cpu_set_start_off(CPU *cpu, bool off);
/* The base of the private peripherals, for CBAR of cores that have it. */
void arm_cpu_set_cbar(CPU *cpu, uint64_t base);
/* The CPU's address space has the secure physical address A at base + A; without this call security
 * makes no difference. */
void arm_cpu_set_secure_space(CPU *cpu, uint64_t base);
/* Make RNDR a deterministic function of seed. */
void arm_cpu_set_seed(CPU *cpu, uint64_t seed);

/*
 * What a boot loader would have done before it enters a kernel directly: after each reset the CPU
 * is in the state below instead of the architecture's. el: 1, 2 or 3 (AArch32: Svc, Hyp, secure
 * Svc). x0..x3 as given. NULL: the architecture's reset.
 */
typedef struct ARMBootState {
    uint64_t entry; /* bit 0: Thumb, AArch32 only */
    uint64_t x[4];
    uint8_t el;
    bool aarch64;
    bool secure;
} ARMBootState;
void arm_cpu_set_boot_state(CPU *cpu, const ARMBootState *s);

/*
 * PSCI 1.1 and SMCCC, answered by the emulator when no guest firmware owns EL3 (or EL2). The board
 * says which instruction is the conduit and what the system calls do; CPUs are found by MPIDR among
 * those of cpu's accelerator.
 */
typedef enum ARMConduit { ARM_CONDUIT_NONE, ARM_CONDUIT_SMC, ARM_CONDUIT_HVC } ARMConduit;
typedef struct ARMPsciOps {
    void (*system_off)(void *opaque);
    void (*system_reset)(void *opaque);
    void *opaque;
} ARMPsciOps;
void arm_cpu_set_psci(CPU *cpu, ARMConduit conduit, const ARMPsciOps *ops);

/*
 * GICv3 CPU interface: ICC_*, ICV_* and ICH_* system registers. target/arm has checked that the
 * register exists, is accessible at this exception level and does not trap; what depends on the
 * interface's own state (ICC_SRE_ELx, ICH_HCR_EL2 trap bits) `trap` tells. enc: op0..op2 of the
 * AArch64 name as in ARM_SYSREG(); ICC_* names at EL1 are given as such, `ctx` says whether the
 * virtual interface is meant. Called on the CPU's thread.
 */
typedef struct ARMGicContext {
    uint8_t el;    /* the CPU's exception level */
    bool secure;   /* security state */
    bool el3;      /* EL3 is implemented */
    bool virt_irq; /* at EL1 or EL0 with HCR_EL2.IMO: group 1 registers are the virtual ones */
    bool virt_fiq; /* the same with FMO, for group 0 */
    bool scr_irq, scr_fiq; /* SCR_EL3.IRQ, FIQ */
} ARMGicContext;
typedef enum ARMGicTrap {
    ARM_GIC_OK,
    ARM_GIC_UNDEFINED,
    ARM_GIC_TRAP_EL2,
    ARM_GIC_TRAP_EL3,
} ARMGicTrap;
typedef struct ARMGicv3Ops {
    ARMGicTrap (*trap)(void *opaque, uint32_t enc, bool write, const ARMGicContext *ctx);
    uint64_t (*read)(void *opaque, uint32_t enc, const ARMGicContext *ctx);
    void (*write)(void *opaque, uint32_t enc, uint64_t val, const ARMGicContext *ctx);
    /* The CPU entered or left EL3, or changed its security state: whether an interrupt is an IRQ or
       an FIQ depends on it. With EL3 only. */
    void (*state_changed)(void *opaque, const ARMGicContext *ctx);
} ARMGicv3Ops;
#define ARM_SYSREG(op0, op1, crn, crm, op2)                                                        \
    ((uint32_t)(op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
void arm_cpu_set_gicv3(CPU *cpu, const ARMGicv3Ops *ops, void *opaque);

/* Of the running CPU, for devices that answer by security state. */
bool arm_cpu_is_secure(CPU *cpu);

#endif

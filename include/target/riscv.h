/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The RISC-V guest as boards see it: what a CPU model is (extensions, identification, limits), how
 * it is described in a device tree, its interrupt lines, its sources of time and entropy.
 *
 * A RISCVConfig is made once by riscv_cpu_model_parse(), is constant afterwards and is shared by
 * all harts of a machine (CPU.model).
 *
 * Specification: RISC-V unprivileged and privileged architecture, 20240411 (privileged 1.13).
 * Test: tests/unit/test-riscv-model.c
 */
#ifndef RHEA_TARGET_RISCV_H
#define RHEA_TARGET_RISCV_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "accel/cpu.h"
#include "softmmu/timer.h"

/* Bit numbers of the extensions, one a row of target/riscv/ext.def: RISCV_EXT_ZBA, ... */
typedef enum RISCVExt {
#define EXT(name, lower, ...) RISCV_EXT_##name,
#include "target/riscv/ext.def"
#undef EXT
    RISCV_EXT_COUNT
} RISCVExt;

/* Address translation schemes, in the encoding of satp.MODE for RV64 (Sv32: its own). */
typedef enum RISCVVm {
    RISCV_VM_BARE = 0,
    RISCV_VM_SV32 = 1,
    RISCV_VM_SV39 = 8,
    RISCV_VM_SV48 = 9,
    RISCV_VM_SV57 = 10,
} RISCVVm;

/* Versions of the privileged specification; ordered. */
typedef enum RISCVPriv {
    RISCV_PRIV_1_10,
    RISCV_PRIV_1_11,
    RISCV_PRIV_1_12,
    RISCV_PRIV_1_13,
} RISCVPriv;

#define RISCV_PMP_MAX 64

typedef struct RISCVConfig {
    const char *model; /* name given to -cpu */
    uint8_t xlen;      /* 32 or 64: MXL */
    RISCVVm vm_max;    /* the largest scheme satp takes; BARE: no S-mode translation */
    RISCVPriv priv_spec;
    uint8_t pmp_entries;                      /* 0, 16 or 64 */
    uint8_t pmp_grain;                        /* G: granularity is 2^(G+2) bytes */
    uint16_t cbom_size, cbop_size, cboz_size; /* bytes of a cache block */
    uint32_t pmu_mask;                        /* mhpmcounter n exists if bit n (3-31) is set */
    bool short_isa;                           /* single letters only in the ISA string */
    uint64_t mvendorid, marchid, mimpid;
    uint64_t resetvec;
    uint64_t ext[(RISCV_EXT_COUNT + 63) / 64];
} RISCVConfig;

static inline bool riscv_has(const RISCVConfig *c, RISCVExt e)
{
    return (c->ext[e / 64] >> (e % 64)) & 1;
}

/*
 * Parse the text of -cpu: "model[,property=value]...". xlen is the emulator's (program name's); a
 * 32-bit model may run in the 64-bit program, not the other way round. The result lives for the
 * life of the program. NULL and *err for an unknown model or property, a bad value, or a
 * combination of extensions that cannot be.
 */
RISCVConfig *riscv_cpu_model_parse(const char *cpu_option, unsigned xlen, GError **err);
/* -cpu help */
void riscv_cpu_model_help(FILE *out, unsigned xlen);
/* The engine's description that runs this configuration (riscv64 or riscv32). */
const TargetDesc *riscv_target_desc(const RISCVConfig *c);

/* ---- device tree ---- */
/* riscv,isa: "rv64imafdc_zicsr_..."; g_free(). */
char *riscv_isa_string(const RISCVConfig *c);
/* riscv,isa-extensions: NULL-terminated, g_strfreev(). */
char **riscv_isa_extensions(const RISCVConfig *c);
/* riscv,isa-base: "rv64i" */
const char *riscv_isa_base(const RISCVConfig *c);
/* mmu-type: "riscv,sv39", ... */
const char *riscv_mmu_type(const RISCVConfig *c);
/* cb?_size above is given as riscv,cbom-block-size and so on if Zicbom (p, z) is there. */

/* ---- harts ---- */

/*
 * Numbers for cpu_set_line(): those of mip and of "riscv,cpu-intc" in the device tree.
 * LINE_SSI is an edge: it is raised by ACLINT SSWI and cleared by the guest, never by a device.
 */
enum {
    RISCV_LINE_SSI = 1,
    RISCV_LINE_MSI = 3,
    RISCV_LINE_STI = 5, /* driven by the CPU's own stimecmp */
    RISCV_LINE_MTI = 7,
    RISCV_LINE_SEI = 9,
    RISCV_LINE_MEI = 11,
    RISCV_LINE_LCOFI = 13, /* driven by the CPU's own counters */
};

/*
 * Where `time` comes from. rdtime() gives mtime now; deadline_ns() the CLK_VIRTUAL time at which
 * mtime will be `time` (INT64_MAX if that is too far away). Both are called from any thread.
 * Without a source, `time` reads as 0 and stimecmp never fires.
 */
typedef struct RISCVTimeSource {
    uint64_t (*rdtime)(void *opaque);
    int64_t (*deadline_ns)(void *opaque, uint64_t time);
    void *opaque;
    Clocks *clocks;
} RISCVTimeSource;
/* Before the vCPU runs. */
void riscv_cpu_set_time_source(CPU *cpu, const RISCVTimeSource *src);
/* mtime was written (it did not just go on): arm stimecmp's timer anew. [any] */
void riscv_cpu_time_changed(CPU *cpu);
/* The value of mhartid; default CPU.index. Before the vCPU runs. */
void riscv_cpu_set_hartid(CPU *cpu, uint64_t hartid);
/* Make the entropy source (Zkr) a deterministic function of seed. Before the vCPU runs. */
void riscv_cpu_set_seed(CPU *cpu, uint64_t seed);
/*
 * A hart's interrupt file in an IMSIC, as its CSRs reach it (AIA 3.8 to 3.10). Both are called on
 * the hart's thread and take an interrupt controller's lock.
 */
enum {
    RISCV_IMSIC_EIDELIVERY = 0x70,
    RISCV_IMSIC_EITHRESHOLD = 0x72,
    RISCV_IMSIC_EIP = 0x80, /* eip0 to eip63 */
    RISCV_IMSIC_EIE = 0xc0, /* eie0 to eie63 */
};
typedef struct RISCVImsic {
    /* Register reg, from 0x70 to 0xff: *old gets it, then it becomes (*old & ~mask) | (val & mask).
     * On a 64-bit hart (xlen) an even eip or eie is 64 bits wide. Reserved ones are zero. */
    void (*access)(void *opaque, unsigned reg, unsigned xlen, uint64_t *old, uint64_t val,
                   uint64_t mask);
    /* The identity that is pending, enabled and below the threshold, 0: none. claim: it is pending
     * no more. */
    uint32_t (*top)(void *opaque, bool claim);
    void *opaque;
} RISCVImsic;
/* The file for M mode (machine) or S mode. Before the vCPU runs. */
void riscv_cpu_set_imsic(CPU *cpu, bool machine, const RISCVImsic *imsic);
/* c with the extensions that a machine with IMSICs has (Smaia, Ssaia). The result lives for the
 * life of the program. */
const RISCVConfig *riscv_cpu_config_aia(const RISCVConfig *c);
/* Where the hart starts after reset (the model's resetvec otherwise), and a0, a1 are zero there. */
void riscv_cpu_set_resetvec(CPU *cpu, uint64_t pc);

#endif

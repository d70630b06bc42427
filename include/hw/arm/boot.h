/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Booting an Arm board: firmware, kernel, initrd and device tree, where they go, and the state in
 * which the CPUs start.
 *
 * Conventions: Linux Documentation/arch/arm64/booting.rst and Documentation/arch/arm/booting.rst.
 */
#ifndef HW_ARM_BOOT_H
#define HW_ARM_BOOT_H

#include "softmmu/machine.h"
#include "target/arm.h"

typedef struct ARMBoot {
    Machine *m;
    const ARMConfig *cpu;
    uint64_t ram_base, ram_size;
    uint64_t rom_base, rom_size; /* where -bios goes, and where CPUs start with firmware */
    bool has_flash;              /* a drive has the firmware */
    /* Filled by arm_boot_load(): */
    bool has_firmware; /* in ROM: it gets kernel and initrd through fw_cfg */
    bool has_kernel;   /* loaded, to be entered directly */
    bool is_linux;     /* by Linux' boot protocol; else (ELF) by the architecture's reset */
    uint64_t entry;
    uint64_t low, high; /* of the kernel in memory */
    uint64_t initrd_start, initrd_end;
    uint64_t fdt_addr;
} ARMBoot;

/* Load -bios, or -kernel and -initrd. */
bool arm_boot_load(ARMBoot *b, GError **err);
/* Place the device tree of size bytes and set the state in which n CPUs start. */
bool arm_boot_finish(ARMBoot *b, CPU *const *cpus, unsigned n, const void *fdt, size_t size,
                     GError **err);

#endif

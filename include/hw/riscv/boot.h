/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Booting a RISC-V board: firmware, kernel, initrd, where they go, and the reset vector.
 *
 * The reset vector follows OpenSBI's "fw_dynamic" convention (docs/firmware/fw_dynamic.md there):
 * a0 hart id, a1 device tree, a2 struct fw_dynamic_info.
 */
#ifndef HW_RISCV_BOOT_H
#define HW_RISCV_BOOT_H

#include "softmmu/machine.h"
#include "target/riscv.h"

typedef struct RISCVBoot {
    Machine *m;
    const RISCVConfig *cpu;
    uint64_t ram_base, ram_size;
    uint64_t rom_base; /* of the reset vector */
    /* Filled by riscv_boot_load(): */
    bool has_firmware, has_kernel, has_initrd;
    uint64_t start; /* where the reset vector goes */
    uint64_t next;  /* what the firmware starts, 0 if nothing */
    uint64_t initrd_start, initrd_end;
    uint64_t used_end; /* of kernel and initrd in RAM */
} RISCVBoot;

/*
 * Load -bios, -kernel and -initrd. flash: address of a boot flash, 0 if there is none; then it is
 * what firmware starts, or with -bios none the start, and kernel and initrd are left to fw_cfg
 * unless -bios none was given.
 */
bool riscv_boot_load(RISCVBoot *b, uint64_t flash, GError **err);
/* /chosen: bootargs and initrd. With the libfdt read-write functions, on a tree that has room. */
bool riscv_boot_fdt_chosen(const RISCVBoot *b, void *fdt, GError **err);
/* Place the device tree of `size` bytes and the reset vector. */
bool riscv_boot_finish(RISCVBoot *b, const void *fdt, size_t size, GError **err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Booting an Arm board.
 *
 * Placement (RAM begins at R): an arm64 Image at R + 2 MiB plus its text offset; other kernels that
 * are no ELF file at R + 64 KiB; the initrd half the RAM size but at most 128 MiB above R, behind
 * the kernel; the device tree behind the initrd at a multiple of 2 MiB (AArch32: 4 KiB). With
 * firmware or an ELF file, the device tree is at R.
 *
 * Main thread. Test: tests/boot
 */
#include "hw/arm/boot.h"
#include "rhea/error.h"
#include "softmmu/loader.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)

static uint64_t ram_end(const ARMBoot *b)
{
    return b->ram_base + b->ram_size;
}

static uint64_t align_up(uint64_t val, uint64_t align)
{
    return (val + align - 1) & ~(align - 1);
}

static bool is_aarch64(const ARMBoot *b)
{
    return arm_has(b->cpu, ARM_FEAT_AARCH64);
}

static unsigned elf_machine(const ARMBoot *b)
{
    return is_aarch64(b) ? EM_AARCH64 : EM_ARM;
}

static bool firmware_load(ARMBoot *b, GError **err)
{
    LoadedImage image = {0};
    g_autofree char *path = machine_find_file(b->m, b->m->firmware);

    if (!path) {
        rhea_error_set(err, "Could not find ROM image '%s'", b->m->firmware);
        return false;
    }
    return loader_load_firmware(b->m, path, elf_machine(b), is_aarch64(b) ? 64 : 32, b->rom_base,
                                b->rom_size, &image, err);
}

static bool initrd_load(ARMBoot *b, GError **err)
{
    uint64_t start = b->ram_base + MIN(b->ram_size / 2, 128 * MIB), size;

    start = align_up(MAX(start, b->high), 4 * KIB);
    if (!loader_file_size(b->m->initrd, &size, err)) {
        return false;
    }
    if (start > ram_end(b) || size > ram_end(b) - start) {
        rhea_error_set(err, "ramdisk '%s' of %" PRIu64 " bytes does not fit into RAM at 0x%" PRIx64,
                       b->m->initrd, size, start);
        return false;
    }
    if (!loader_load_raw(b->m, "ramdisk", b->m->initrd, start, ram_end(b) - start, &size, err)) {
        return false;
    }
    b->initrd_start = start;
    b->initrd_end = start + size;
    return true;
}

bool arm_boot_load(ARMBoot *b, GError **err)
{
    LoadedImage image = {0};

    b->has_firmware = b->has_flash;
    if (b->m->firmware && strcmp(b->m->firmware, "none") != 0) {
        if (b->has_flash) {
            rhea_error_set(err, "The contents of the first flash device may be specified with "
                                "-bios or with -drive if=pflash..., not with both");
            return false;
        }
        if (!firmware_load(b, err)) {
            return false;
        }
        b->has_firmware = true;
    }
    if (b->has_firmware || !b->m->kernel) {
        return true;
    }
    if (!loader_load_kernel(b->m, b->m->kernel, elf_machine(b), is_aarch64(b) ? 64 : 32,
                            b->ram_base + (is_aarch64(b) ? 2 * MIB : 64 * KIB), &image, err)) {
        return false;
    }
    b->has_kernel = true;
    b->is_linux = image.kind != IMAGE_ELF;
    b->entry = image.entry;
    b->low = image.low;
    b->high = image.high;
    return !b->m->initrd || initrd_load(b, err);
}

static bool fdt_place(ARMBoot *b, size_t size, GError **err)
{
    b->fdt_addr = b->ram_base;
    if (b->has_kernel && b->is_linux) {
        uint64_t behind = MAX(b->high, b->initrd_end);

        if (!b->initrd_end) {
            behind = MAX(behind, b->ram_base + MIN(b->ram_size / 2, 128 * MIB));
        }
        b->fdt_addr = align_up(behind, is_aarch64(b) ? 2 * MIB : 4 * KIB);
    } else if (b->has_kernel && b->low < b->ram_base + size && b->high > b->ram_base) {
        b->fdt_addr = 0; /* the program has taken the place */
        return true;
    }
    if (b->fdt_addr > ram_end(b) || size > ram_end(b) - b->fdt_addr) {
        rhea_error_set(err, "Not enough memory to place the device tree behind kernel and initrd");
        return false;
    }
    return true;
}

bool arm_boot_finish(ARMBoot *b, CPU *const *cpus, unsigned n, const void *fdt, size_t size,
                     GError **err)
{
    if (!fdt_place(b, size, err) ||
        (b->fdt_addr && !loader_add_blob(b->m, "dtb", fdt, size, b->fdt_addr, err))) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        arm_cpu_set_resetvec(cpus[i], b->has_kernel && !b->is_linux ? b->entry : b->rom_base);
    }
    if (b->has_kernel && b->is_linux) {
        ARMBootState s = {
            .entry = b->entry,
            .aarch64 = is_aarch64(b),
            .el = arm_has(b->cpu, ARM_FEAT_EL2) ? 2 : 1,
        };

        s.x[0] = s.aarch64 ? b->fdt_addr : 0;
        s.x[1] = s.aarch64 ? 0 : UINT32_MAX; /* machine type: described by the tree */
        s.x[2] = s.aarch64 ? 0 : b->fdt_addr;
        arm_cpu_set_boot_state(cpus[0], &s);
    }
    return true;
}

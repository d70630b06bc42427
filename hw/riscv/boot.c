/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Booting a RISC-V board.
 *
 * Placement (RAM begins at R): firmware at R; the kernel, unless it is an ELF file, at the next
 * multiple of 2 MiB (RV32: 4 MiB) after the firmware; the initrd half the RAM size but at most 512
 * MiB above the kernel; the device tree at the last multiple of 2 MiB that lets it fit below the
 * end of RAM (RV32: and below 3 GiB).
 *
 * Main thread. Test: tests/unit/test-riscv-boot.c
 */
#include "hw/riscv/boot.h"
#include "hw/board.h"
#include "rhea/error.h"
#include "softmmu/loader.h"

#include <elf.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)

#define FW_DYNAMIC_MAGIC   0x4942534f /* "OSBI" */
#define FW_DYNAMIC_VERSION 2
#define FW_DYNAMIC_MODE_S  1

static uint64_t ram_end(const RISCVBoot *b)
{
    return b->ram_base + b->ram_size;
}

static uint64_t align_up(uint64_t val, uint64_t align)
{
    return (val + align - 1) & ~(align - 1);
}

/* Path of the firmware that -bios asks for, to be freed; NULL without *err: none. */
static char *firmware_find(const RISCVBoot *b, GError **err)
{
    const char *name = b->m->firmware ? b->m->firmware : "default";
    char *path;

    if (strcmp(name, "none") == 0) {
        return NULL;
    }
    if (strcmp(name, "default") == 0) {
        g_autofree char *generic =
            g_strdup_printf("opensbi-riscv%u-generic-fw_dynamic.bin", b->cpu->xlen);

        path = machine_find_file(b->m, generic);
        if (!path && b->cpu->xlen == 64) {
            path = machine_find_file(b->m, "fw_dynamic.bin"); /* Debian's package opensbi */
        }
        if (!path) {
            rhea_error_set(err,
                           "Unable to find the RISC-V BIOS \"%s\"; install the package opensbi, "
                           "or use -bios",
                           generic);
        }
        return path;
    }
    path = machine_find_file(b->m, name);
    if (!path) {
        rhea_error_set(err, "Unable to find the RISC-V BIOS \"%s\"", name);
    }
    return path;
}

static bool initrd_load(RISCVBoot *b, uint64_t kernel_low, GError **err)
{
    uint64_t start = kernel_low + MIN(b->ram_size / 2, 512 * MIB), size;

    if (!loader_file_size(b->m->initrd, &size, err)) {
        return false;
    }
    if (start < b->ram_base || start > ram_end(b) || size > ram_end(b) - start) {
        rhea_error_set(err, "ramdisk '%s' of %" PRIu64 " bytes does not fit into RAM at 0x%" PRIx64,
                       b->m->initrd, size, start);
        return false;
    }
    if (!loader_load_raw(b->m, "ramdisk", b->m->initrd, start, ram_end(b) - start, &size, err)) {
        return false;
    }
    b->has_initrd = true;
    b->initrd_start = start;
    b->initrd_end = start + size;
    b->used_end = MAX(b->used_end, b->initrd_end);
    return true;
}

bool riscv_boot_load(RISCVBoot *b, uint64_t flash, GError **err)
{
    GError *why = NULL;
    g_autofree char *firmware = firmware_find(b, &why);
    LoadedImage image = {0};
    uint64_t firmware_end = b->ram_base;

    if (why) {
        g_propagate_error(err, why);
        return false;
    }
    b->start = b->ram_base;
    b->used_end = b->ram_base;
    if (firmware) {
        if (!loader_load_firmware(b->m, firmware, EM_RISCV, b->cpu->xlen, b->ram_base, b->ram_size,
                                  &image, err)) {
            return false;
        }
        b->has_firmware = true;
        b->start = image.kind == IMAGE_ELF ? image.entry : b->ram_base;
        firmware_end = image.high;
        b->used_end = MAX(b->used_end, image.high);
    }
    if (flash && b->has_firmware) {
        b->next = flash;
        return true;
    }
    if (b->m->kernel) {
        uint64_t addr = align_up(firmware_end, (b->cpu->xlen == 32 ? 4 : 2) * MIB);

        if (!b->has_firmware) {
            addr = b->ram_base;
        }
        if (!loader_load_kernel(b->m, b->m->kernel, EM_RISCV, b->cpu->xlen, addr, &image, err)) {
            return false;
        }
        b->has_kernel = true;
        b->next = image.low;
        b->used_end = MAX(b->used_end, image.high);
        if (!b->has_firmware && (image.low > b->ram_base || image.high <= b->ram_base)) {
            b->start = image.entry; /* the start of RAM would be empty */
        }
        if (b->m->initrd && !initrd_load(b, image.low, err)) {
            return false;
        }
    }
    if (flash) {
        b->start = flash;
    }
    return true;
}

bool riscv_boot_fdt_chosen(const RISCVBoot *b, void *fdt, GError **err)
{
    return !b->has_kernel ||
           board_fdt_chosen(b->m, fdt, b->initrd_start, b->has_initrd ? b->initrd_end : 0, err);
}

static bool fdt_place(RISCVBoot *b, size_t size, uint64_t *addr, GError **err)
{
    uint64_t end = ram_end(b);

    if (b->cpu->xlen == 32) {
        end = MIN(end, 3072 * MIB);
    }
    if (end < b->ram_base || size > end - b->ram_base) {
        rhea_error_set(err, "Not enough memory to place DTB");
        return false;
    }
    *addr = (end - size) & ~(2 * MIB - 1);
    if (*addr < b->ram_base || *addr < b->used_end) {
        rhea_error_set(err, "Not enough memory to place DTB after kernel/initrd");
        return false;
    }
    return true;
}

bool riscv_boot_finish(RISCVBoot *b, const void *fdt, size_t size, GError **err)
{
    const bool rv32 = b->cpu->xlen == 32;
    uint64_t fdt_addr;
    uint32_t code[] = {
        0x00000297,                     /* 1: auipc t0, 0 */
        0x02828613,                     /*    addi  a2, t0, info - 1b */
        0xf1402573,                     /*    csrr  a0, mhartid */
        rv32 ? 0x0202a583 : 0x0202b583, /*    l[wd] a1, 32(t0) */
        rv32 ? 0x0182a283 : 0x0182b283, /*    l[wd] t0, 24(t0) */
        0x00028067,                     /*    jr    t0 */
    };
    uint8_t rom[0x28 + 6 * 8];
    size_t used = 0;

    if (!fdt_place(b, size, &fdt_addr, err)) {
        return false;
    }
    const uint64_t info[] = {
        FW_DYNAMIC_MAGIC, FW_DYNAMIC_VERSION, b->next, FW_DYNAMIC_MODE_S, 0, 0};
    const uint64_t words[] = {GUINT64_TO_LE(b->start), GUINT64_TO_LE(fdt_addr)};

    for (unsigned i = 0; i < G_N_ELEMENTS(code); i++, used += 4) {
        uint32_t le = GUINT32_TO_LE(code[i]);

        memcpy(&rom[used], &le, 4);
    }
    memcpy(&rom[used], words, sizeof(words));
    used += sizeof(words);
    for (unsigned i = 0; i < G_N_ELEMENTS(info); i++, used += rv32 ? 4 : 8) {
        uint64_t le = GUINT64_TO_LE(info[i]);

        memcpy(&rom[used], &le, rv32 ? 4 : 8);
    }
    return loader_add_blob(b->m, "mrom.reset", rom, used, b->rom_base, err) &&
           loader_add_blob(b->m, "fdt", fdt, size, fdt_addr, err);
}

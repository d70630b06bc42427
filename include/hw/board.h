/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What boards that describe themselves by a device tree have in common: two flashes from the
 * command line, the tree from a file or in a buffer, /chosen, the kernel through fw_cfg.
 *
 * Main thread. Tests: tests/unit/test-riscv-boot.c, tests/dev, tests/boot
 */
#ifndef HW_BOARD_H
#define HW_BOARD_H

#include "hw/device.h"
#include "softmmu/machine.h"

/* The name of a device that is part of the program. */
Device *board_device(Machine *m, const char *name);

/* The -drive if=pflash of each unit, or the drives that the board's properties pflash0 and pflash1
 * name; those without unit= take the free ones in order. NULL: none. */
bool board_flash_drives(Machine *m, char *const pflash[2], OptDict *drive[2], GError **err);
/* CFI flash number unit of size bytes, on a drive (may be NULL), mapped at addr. NULL and *err. */
Device *board_flash_new(Machine *m, unsigned unit, OptDict *drive, uint64_t size, MemRegion *parent,
                        hwaddr addr, GError **err);
/* Node name@addr for n such flashes that follow each other; secure: see FdtNode.secure_only. */
void board_fdt_flash(void *fdt, const char *name, hwaddr addr, uint64_t size, unsigned n,
                     bool secure);

/* n random cells as a property; a function of -seed if that is given. */
void board_fdt_random(Machine *m, void *fdt, const char *name, unsigned n);
/* End the sequential writer's tree in the buffer of size bytes that it owns and open it for
 * changes. Returns fdt; frees it and returns NULL with *err. */
void *board_fdt_finish(void *fdt, size_t size, GError **err);
/* -dtb: the file's tree, in a buffer with room bytes to spare; g_free() it. */
void *board_fdt_load(Machine *m, size_t room, GError **err);
/* /chosen: bootargs from -append; the initrd, if end is not 0. On a tree that has room. */
bool board_fdt_chosen(Machine *m, void *fdt, uint64_t initrd_start, uint64_t initrd_end,
                      GError **err);
/* -machine dumpdtb= */
bool board_dump_fdt(Machine *m, const void *fdt, GError **err);

/* Firmware in flash finds kernel, initrd and command line through fw_cfg. */
bool board_fw_cfg_add_kernel(Machine *m, Device *fw_cfg, GError **err);
/* The items that every board has, and those of -fw_cfg. */
bool board_fw_cfg_add_common(Machine *m, Device *fw_cfg, GError **err);

#endif

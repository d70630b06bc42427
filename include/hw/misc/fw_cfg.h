/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * fw_cfg: items that the board, the user and other devices offer to firmware.
 *
 * Device "fw_cfg_mem" (banks: 0 data, 1 selector, 2 DMA). Items are added by the main thread before
 * the guest runs; each takes a reference or makes a copy as said.
 */
#ifndef HW_MISC_FW_CFG_H
#define HW_MISC_FW_CFG_H

#include "hw/device.h"

/* Keys that are not files. */
enum {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
};
#define FW_CFG_MAX_FILES 32
#define FW_CFG_NAME_SIZE 56 /* with the final 0 */

/* Keys below FW_CFG_FILE_FIRST; a second item for a key replaces the first. */
void fw_cfg_add_bytes(void *dev, unsigned key, GBytes *data); /* takes the reference */
void fw_cfg_add_copy(void *dev, unsigned key, const void *data, size_t len);
void fw_cfg_add_u16(void *dev, unsigned key, uint16_t val); /* little-endian */
void fw_cfg_add_u32(void *dev, unsigned key, uint32_t val);
/* A file; they get their keys in the order of their names. Takes the reference, also on error: a
 * name that is too long or there already, or too many files. */
bool fw_cfg_add_file(void *dev, const char *name, GBytes *data, GError **err);
/* Other contents for the file of this name, if there is one; it keeps its key. Takes the reference.
 * While the guest does not run. */
void fw_cfg_replace_file(void *dev, const char *name, GBytes *data);
/* -fw_cfg name=,file=|string= */
bool fw_cfg_add_user_items(void *dev, Machine *m, GError **err);

#endif

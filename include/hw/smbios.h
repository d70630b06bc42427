/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * SMBIOS structures for firmware, through fw_cfg: "etc/smbios/smbios-tables" and the entry point
 * "etc/smbios/smbios-anchor", whose address field the firmware fills in.
 *
 * Main thread. Test: tests/unit/test-smbios.c
 */
#ifndef HW_SMBIOS_H
#define HW_SMBIOS_H

#include "hw/device.h"

/* What the board says of itself where -smbios says nothing. */
typedef struct SmbiosBoard {
    const char *product, *version;
    uint16_t processor_family; /* 7.5.2 of the specification */
    uint64_t ram_base;
} SmbiosBoard;

/* Structures of the machine's CPUs and memory, with what m->smbios sets. False with *err for a
 * type, a key or a value that cannot be. */
bool smbios_build(Machine *m, const SmbiosBoard *board, GByteArray **tables, GByteArray **anchor,
                  GError **err);
/* The same, as items of fw_cfg. */
bool smbios_add(Machine *m, Device *fw_cfg, const SmbiosBoard *board, GError **err);

#endif

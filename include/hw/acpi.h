/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * ACPI tables that firmware fetches through fw_cfg.
 *
 * The tables stand one behind the other in the file "etc/acpi/tables", the root pointer in
 * "etc/acpi/rsdp". Where they will be in the guest's memory is the firmware's choice: the script
 * "etc/table-loader" tells it what to allocate, which fields of the files are pointers into a file
 * and which bytes are checksums.
 *
 * Main thread. Test: tests/unit/test-acpi.c
 */
#ifndef HW_ACPI_H
#define HW_ACPI_H

#include "hw/aml.h"
#include "hw/device.h"

typedef struct AcpiTables {
    GByteArray *rsdp, *tables, *loader;
    char oem_id[6], oem_table_id[8];
} AcpiTables;

/* oem_id and oem_table_id: at most 6 and 8 characters; NULL: what the reference puts there. */
void acpi_init(AcpiTables *t, const char *oem_id, const char *oem_table_id);

/* A table: its header; fields are appended to t->tables until its end. Returns its offset there. */
unsigned acpi_table_begin(AcpiTables *t, const char *signature, unsigned revision);
void acpi_table_end(AcpiTables *t, unsigned table);
/* The DSDT: takes the terms. Returns its offset. */
unsigned acpi_dsdt(AcpiTables *t, Aml *terms);
/* The root table of the n tables at those offsets, and the pointer to it. All tables have ended. */
void acpi_root(AcpiTables *t, const unsigned *tables, unsigned n);

/* Little-endian fields. */
void acpi_put(AcpiTables *t, uint64_t val, unsigned bytes);
void acpi_zero(AcpiTables *t, unsigned bytes);
/* Generic address structure (5.2.3.2) of registers in memory; access: log2(bytes) + 1. */
void acpi_gas(AcpiTables *t, uint64_t addr, unsigned bits, unsigned access);
/* A pointer of 8 bytes to the table at that offset. */
void acpi_pointer(AcpiTables *t, unsigned table);

/* Gives the three files to the fw_cfg device and ends t. */
bool acpi_publish(AcpiTables *t, Device *fw_cfg, GError **err);

#endif

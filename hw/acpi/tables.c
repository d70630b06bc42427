/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * ACPI tables through fw_cfg: headers, root table, root pointer, loader script.
 *
 * Specification: ACPI 6.4, 5.2.5 (RSDP), 5.2.6 (header), 5.2.8 (XSDT). The script's format is that
 * of EDK2's OvmfPkg/Include/IndustryStandard/QemuLoader.h: entries of 128 bytes, little-endian;
 * a pointer field holds the offset in the file that it points into until the firmware adds the
 * file's address; checksums are 0 until the firmware computes them. They are computed in the order
 * of the script, so what patches a table stands before its checksum.
 *
 * Test: tests/unit/test-acpi.c
 */
#include "hw/acpi.h"
#include "hw/misc/fw_cfg.h"

#include <string.h>

#define RSDP_FILE    "etc/acpi/rsdp"
#define TABLES_FILE  "etc/acpi/tables"
#define LOADER_FILE  "etc/table-loader"
#define LOADER_ENTRY 128

enum { CMD_ALLOCATE = 1, CMD_ADD_POINTER = 2, CMD_ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };

enum { HEADER_LENGTH = 4, HEADER_CHECKSUM = 9, HEADER_SIZE = 36 };
enum { RSDP_CHECKSUM = 8, RSDP_V1_SIZE = 20, RSDP_XSDT = 24, RSDP_XCHECKSUM = 32, RSDP_SIZE = 36 };

static void put_le(GByteArray *to, uint64_t val, unsigned bytes)
{
    val = GUINT64_TO_LE(val);
    g_byte_array_append(to, (const guint8 *)&val, bytes);
}

static void put_zero(GByteArray *to, unsigned bytes)
{
    unsigned old = to->len;

    g_byte_array_set_size(to, old + bytes);
    memset(to->data + old, 0, bytes);
}

/* ---- loader script ---- */

static void loader_name(AcpiTables *t, const char *file)
{
    char name[FW_CFG_NAME_SIZE] = {0};

    g_strlcpy(name, file, sizeof(name));
    g_byte_array_append(t->loader, (const guint8 *)name, sizeof(name));
}

static void loader_end(AcpiTables *t)
{
    put_zero(t->loader, -t->loader->len % LOADER_ENTRY);
}

static void loader_allocate(AcpiTables *t, const char *file, unsigned align, unsigned zone)
{
    put_le(t->loader, CMD_ALLOCATE, 4);
    loader_name(t, file);
    put_le(t->loader, align, 4);
    put_le(t->loader, zone, 1);
    loader_end(t);
}

/* The 8 bytes at offset of `in` point into the tables. */
static void loader_pointer(AcpiTables *t, const char *in, unsigned offset)
{
    put_le(t->loader, CMD_ADD_POINTER, 4);
    loader_name(t, in);
    loader_name(t, TABLES_FILE);
    put_le(t->loader, offset, 4);
    put_le(t->loader, 8, 1);
    loader_end(t);
}

static void loader_checksum(AcpiTables *t, const char *file, unsigned at, unsigned start,
                            unsigned len)
{
    put_le(t->loader, CMD_ADD_CHECKSUM, 4);
    loader_name(t, file);
    put_le(t->loader, at, 4);
    put_le(t->loader, start, 4);
    put_le(t->loader, len, 4);
    loader_end(t);
}

/* ---- tables ---- */

void acpi_init(AcpiTables *t, const char *oem_id, const char *oem_table_id)
{
    memset(t, 0, sizeof(*t));
    t->rsdp = g_byte_array_new();
    t->tables = g_byte_array_new();
    t->loader = g_byte_array_new();
    oem_id = oem_id ? oem_id : "BOCHS ";
    oem_table_id = oem_table_id ? oem_table_id : "BXPC    ";
    memcpy(t->oem_id, oem_id, MIN(strlen(oem_id), sizeof(t->oem_id)));
    memcpy(t->oem_table_id, oem_table_id, MIN(strlen(oem_table_id), sizeof(t->oem_table_id)));
    loader_allocate(t, RSDP_FILE, 16, ZONE_FSEG);
    loader_allocate(t, TABLES_FILE, 64, ZONE_HIGH);
}

void acpi_put(AcpiTables *t, uint64_t val, unsigned bytes)
{
    put_le(t->tables, val, bytes);
}

void acpi_zero(AcpiTables *t, unsigned bytes)
{
    put_zero(t->tables, bytes);
}

void acpi_gas(AcpiTables *t, uint64_t addr, unsigned bits, unsigned access)
{
    acpi_put(t, 0, 1); /* system memory */
    acpi_put(t, bits, 1);
    acpi_put(t, 0, 1);
    acpi_put(t, access, 1);
    acpi_put(t, addr, 8);
}

void acpi_pointer(AcpiTables *t, unsigned table)
{
    loader_pointer(t, TABLES_FILE, t->tables->len);
    acpi_put(t, table, 8);
}

unsigned acpi_table_begin(AcpiTables *t, const char *signature, unsigned revision)
{
    unsigned start = t->tables->len;

    g_byte_array_append(t->tables, (const guint8 *)signature, 4);
    acpi_put(t, 0, 4); /* length */
    acpi_put(t, revision, 1);
    acpi_put(t, 0, 1); /* checksum */
    g_byte_array_append(t->tables, (const guint8 *)t->oem_id, sizeof(t->oem_id));
    g_byte_array_append(t->tables, (const guint8 *)t->oem_table_id, sizeof(t->oem_table_id));
    acpi_put(t, 1, 4);                                         /* OEM revision */
    g_byte_array_append(t->tables, (const guint8 *)"BXPC", 4); /* creator */
    acpi_put(t, 1, 4);                                         /* its revision */
    return start;
}

void acpi_table_end(AcpiTables *t, unsigned table)
{
    uint32_t len = t->tables->len - table, le = GUINT32_TO_LE(len);

    g_assert(len >= HEADER_SIZE);
    memcpy(t->tables->data + table + HEADER_LENGTH, &le, sizeof(le));
    loader_checksum(t, TABLES_FILE, table + HEADER_CHECKSUM, table, len);
}

unsigned acpi_dsdt(AcpiTables *t, Aml *terms)
{
    unsigned start = acpi_table_begin(t, "DSDT", 2);
    GByteArray *code = aml_finish(terms);

    g_byte_array_append(t->tables, code->data, code->len);
    g_byte_array_free(code, TRUE);
    acpi_table_end(t, start);
    return start;
}

void acpi_root(AcpiTables *t, const unsigned *tables, unsigned n)
{
    unsigned xsdt = acpi_table_begin(t, "XSDT", 1);

    for (unsigned i = 0; i < n; i++) {
        acpi_pointer(t, tables[i]);
    }
    acpi_table_end(t, xsdt);

    g_byte_array_append(t->rsdp, (const guint8 *)"RSD PTR ", 8);
    put_le(t->rsdp, 0, 1); /* checksum of what ACPI 1.0 had */
    g_byte_array_append(t->rsdp, (const guint8 *)t->oem_id, sizeof(t->oem_id));
    put_le(t->rsdp, 2, 1); /* revision */
    put_le(t->rsdp, 0, 4); /* no RSDT */
    put_le(t->rsdp, RSDP_SIZE, 4);
    put_le(t->rsdp, xsdt, 8);
    put_le(t->rsdp, 0, 4); /* checksum of all, reserved */
    loader_checksum(t, RSDP_FILE, RSDP_CHECKSUM, 0, RSDP_V1_SIZE);
    loader_pointer(t, RSDP_FILE, RSDP_XSDT);
    loader_checksum(t, RSDP_FILE, RSDP_XCHECKSUM, 0, RSDP_SIZE);
}

bool acpi_publish(AcpiTables *t, Device *fw_cfg, GError **err)
{
    GBytes *rsdp = g_byte_array_free_to_bytes(g_steal_pointer(&t->rsdp));
    GBytes *tables = g_byte_array_free_to_bytes(g_steal_pointer(&t->tables));
    GBytes *loader = g_byte_array_free_to_bytes(g_steal_pointer(&t->loader));
    bool ok = fw_cfg_add_file(fw_cfg, RSDP_FILE, rsdp, err);

    if (!ok) {
        g_bytes_unref(tables);
        g_bytes_unref(loader);
        return false;
    }
    ok = fw_cfg_add_file(fw_cfg, TABLES_FILE, tables, err);
    if (!ok) {
        g_bytes_unref(loader);
        return false;
    }
    return fw_cfg_add_file(fw_cfg, LOADER_FILE, loader, err);
}

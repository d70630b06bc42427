/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The writer of AML, hw/acpi/aml.c, and the tables with their loader script, hw/acpi/tables.c. The
 * expected bytes are from ACPI 6.4, chapters 6.4 and 20. */
#include "hw/acpi.h"
#include "hw/misc/fw_cfg.h"
#include "tests/unit/device-test.h"

#include <string.h>

static void check(Aml *a, const void *want, size_t len)
{
    GByteArray *got = aml_finish(a);

    g_assert_cmpmem(got->data, got->len, want, len);
    g_byte_array_free(got, TRUE);
}

#define CHECK(a, ...)                                                                              \
    do {                                                                                           \
        static const uint8_t want[] = {__VA_ARGS__};                                               \
        check(a, want, sizeof(want));                                                              \
    } while (0)

static void test_integers(void)
{
    Aml *a = aml_new();

    aml_int(a, 0);
    aml_int(a, 1);
    aml_int(a, 2);
    aml_int(a, 0xff);
    aml_int(a, 0x100);
    aml_int(a, 0x10000);
    aml_int(a, UINT64_C(0x100000000));
    CHECK(a, 0, 1, 0x0a, 2, 0x0a, 0xff, 0x0b, 0, 1, 0x0c, 0, 0, 1, 0, 0x0e, 0, 0, 0, 0, 1, 0, 0, 0);
}

static void test_names(void)
{
    Aml *a = aml_new();

    aml_path(a, "ABC");
    aml_path(a, "\\_SB.PCI0");
    aml_path(a, "A.B.C");
    CHECK(a, 'A', 'B', 'C', '_', '\\', 0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0', 0x2f, 3, 'A',
          '_', '_', '_', 'B', '_', '_', '_', 'C', '_', '_', '_');
    a = aml_new();
    aml_name(a, "_HID");
    aml_eisaid(a, "PNP0A08");
    aml_name_string(a, "X", "hi");
    CHECK(a, 8, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x0a, 0x08, 8, 'X', '_', '_', '_', 0x0d, 'h',
          'i', 0);
    a = aml_new();
    aml_unicode(a, "A");
    aml_uuid(a, "33db4d5b-1ff7-401c-9657-7441c03dd766");
    CHECK(a, 0x11, 7, 0x0a, 4, 'A', 0, 0, 0, 0x11, 0x13, 0x0a, 16, 0x5b, 0x4d, 0xdb, 0x33, 0xf7,
          0x1f, 0x1c, 0x40, 0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66);
}

static void test_frames(void)
{
    Aml *a = aml_new();

    aml_device_begin(a, "DEV");
    aml_method_begin(a, "MTH", 2, true);
    aml_if_begin(a);
    aml_op(a, AML_ARG1);
    aml_end(a);
    aml_else_begin(a);
    aml_end(a);
    aml_end(a);
    aml_package_begin(a, 1);
    aml_int(a, 1);
    aml_end(a);
    aml_end(a);
    CHECK(a, 0x5b, 0x82, 21, 'D', 'E', 'V', '_', 0x14, 11, 'M', 'T', 'H', '_', 0x0a, 0xa0, 2, 0x69,
          0xa1, 1, 0x12, 3, 1, 1);
}

/* Each size of a length, on both sides of its limits. */
static void test_lengths(void)
{
    static const struct {
        unsigned data, bytes;
    } row[] = {{1, 1}, {60, 1}, {61, 2}, {4090, 2}, {4091, 3}, {1048567, 3}, {1048568, 4}};
    g_autofree uint8_t *zero = g_malloc0(1 << 20);

    for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
        Aml *a = aml_new();
        /* of the integer that says how many bytes follow */
        unsigned d_len = row[i].data;
        unsigned size = d_len == 1 ? 1 : d_len < 256 ? 2 : d_len < 65536 ? 3 : 5;

        aml_buffer(a, zero, row[i].data);
        GByteArray *got = aml_finish(a);
        const uint8_t *d = got->data + 1;
        unsigned more = d[0] >> 6, len = more ? d[0] & 15 : d[0];

        for (unsigned k = 1; k <= more; k++) {
            len |= (unsigned)d[k] << (8 * k - 4);
        }
        g_assert_cmpuint(1 + more, ==, row[i].bytes);
        g_assert_cmpuint(len, ==, row[i].bytes + size + row[i].data);
        g_assert_cmpuint(got->len, ==, 1 + len);
        g_byte_array_free(got, TRUE);
    }
}

static void test_resources(void)
{
    Aml *a = aml_new();

    aml_resources_begin(a);
    aml_memory32_fixed(a, 0x9000000, 0x1000);
    aml_interrupt(a, 33);
    aml_end(a);
    CHECK(a, 0x11, 0x1a, 0x0a, 0x17, 0x86, 9, 0, 1, 0, 0, 0, 9, 0, 0x10, 0, 0, 0x89, 6, 0, 1, 1, 33,
          0, 0, 0, 0x79, 0);
    a = aml_new();
    aml_resources_begin(a);
    aml_window(a, AML_RANGE_BUS, 16, 0, 256, 0);
    aml_window(a, AML_RANGE_IO, 32, 0, 0x10000, 0x3eff0000);
    aml_end(a);
    CHECK(a, 0x11, 0x2f, 0x0a, 0x2c, 0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 1, 0x87,
          23, 0, 1, 0x0c, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0x3e, 0, 0, 1, 0,
          0x79, 0);
    a = aml_new();
    aml_resources_begin(a);
    aml_window(a, AML_RANGE_MEMORY, 64, UINT64_C(0x8000000000), UINT64_C(0x8000000000), 0);
    aml_end(a);
    CHECK(a, 0x11, 0x33, 0x0a, 0x30, 0x8a, 43, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
          0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
          0x80, 0, 0, 0, 0x79, 0);
    a = aml_new();
    aml_resources_begin(a);
    aml_gpio_interrupt(a, "GPO0", 3);
    aml_end(a);
    CHECK(a, 0x11, 0x23, 0x0a, 0x20, 0x8c, 0x1b, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 23, 0, 0, 25,
          0, 30, 0, 0, 0, 3, 0, 'G', 'P', 'O', '0', 0, 0x79, 0);
}

/* ---- what firmware does with the script ---- */

enum { ENTRY = 128, RSDP_AT = 0xf0000, TABLES_AT = 0x5c480000 };

static uint64_t le(const uint8_t *p, unsigned n)
{
    uint64_t val = 0;

    while (n-- > 0) {
        val = val << 8 | p[n];
    }
    return val;
}

static uint8_t sum(const uint8_t *p, unsigned n)
{
    uint8_t total = 0;

    while (n-- > 0) {
        total += *p++;
    }
    return total;
}

static GByteArray *file_of(AcpiTables *t, const uint8_t *name, uint32_t *addr)
{
    bool rsdp = !strcmp((const char *)name, "etc/acpi/rsdp");

    g_assert_true(rsdp || !strcmp((const char *)name, "etc/acpi/tables"));
    *addr = rsdp ? RSDP_AT : TABLES_AT;
    return rsdp ? t->rsdp : t->tables;
}

static void loader_run(AcpiTables *t)
{
    bool allocated[2] = {false, false};
    uint32_t addr, to;

    g_assert_cmpuint(t->loader->len % ENTRY, ==, 0);
    for (const uint8_t *e = t->loader->data; e < t->loader->data + t->loader->len; e += ENTRY) {
        GByteArray *f = file_of(t, e + 4, &addr);
        bool *have = &allocated[f == t->tables];

        switch (le(e, 4)) {
        case 1: /* ALLOCATE: file, align, zone */
            g_assert_false(*have);
            g_assert_cmpuint(le(e + 60, 4), ==, f == t->tables ? 64 : 16);
            g_assert_cmpuint(e[64], ==, f == t->tables ? 1 : 2);
            *have = true;
            break;
        case 2: /* ADD_POINTER: file, file pointed to, offset, size */
            g_assert_true(*have);
            file_of(t, e + 60, &to);
            unsigned at = le(e + 116, 4);
            g_assert_cmpuint(e[120], ==, 8);
            g_assert_cmpuint(at + 8, <=, f->len);
            uint64_t val = GUINT64_TO_LE(le(f->data + at, 8) + to);
            memcpy(f->data + at, &val, 8);
            break;
        case 3: /* ADD_CHECKSUM: file, where, start, length */
            g_assert_true(*have);
            g_assert_cmpuint(le(e + 64, 4) + le(e + 68, 4), <=, f->len);
            g_assert_cmpuint(f->data[le(e + 60, 4)], ==, 0);
            f->data[le(e + 60, 4)] = -sum(f->data + le(e + 64, 4), le(e + 68, 4));
            break;
        default:
            g_assert_not_reached();
        }
    }
}

static void tables_make(AcpiTables *t, const char *oem_id)
{
    Aml *a = aml_new();
    unsigned table[2];

    acpi_init(t, oem_id, NULL);
    aml_scope_begin(a, "\\_SB");
    aml_end(a);
    unsigned dsdt = acpi_dsdt(t, a);
    table[0] = acpi_table_begin(t, "FACP", 6);
    acpi_zero(t, 4);
    acpi_pointer(t, dsdt);
    acpi_gas(t, 0x1234, 32, 3);
    acpi_table_end(t, table[0]);
    table[1] = acpi_table_begin(t, "APIC", 4);
    acpi_table_end(t, table[1]);
    acpi_root(t, table, 2);
}

static void test_loader(void)
{
    AcpiTables t;
    static const char *const names[] = {"FACP", "APIC"};

    tables_make(&t, "AB");
    loader_run(&t);
    const uint8_t *r = t.rsdp->data;
    g_assert_cmpmem(r, 8, "RSD PTR ", 8);
    g_assert_cmpmem(r + 9, 6, "AB\0\0\0\0", 6);
    g_assert_cmpuint(sum(r, 20), ==, 0);
    g_assert_cmpuint(sum(r, 36), ==, 0);
    g_assert_cmpuint(t.rsdp->len, ==, 36);

    const uint8_t *xsdt = t.tables->data + (le(r + 24, 8) - TABLES_AT);
    g_assert_cmpmem(xsdt, 4, "XSDT", 4);
    g_assert_cmpuint(le(xsdt + 4, 4), ==, 36 + 2 * 8);
    g_assert_cmpuint(sum(xsdt, 36 + 2 * 8), ==, 0);
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *p = t.tables->data + (le(xsdt + 36 + 8 * i, 8) - TABLES_AT);

        g_assert_cmpmem(p, 4, names[i], 4);
        g_assert_cmpuint(sum(p, le(p + 4, 4)), ==, 0);
        g_assert_cmpmem(p + 10, 14, "AB\0\0\0\0BXPC    ", 14);
        if (i == 0) {
            const uint8_t *dsdt = t.tables->data + (le(p + 40, 8) - TABLES_AT);

            g_assert_cmpmem(dsdt, 4, "DSDT", 4);
            g_assert_cmpuint(sum(dsdt, le(dsdt + 4, 4)), ==, 0);
            g_assert_cmpmem(p + 48, 12, "\0\x20\0\3\x34\x12\0\0\0\0\0\0", 12);
        }
    }
    g_byte_array_free(t.rsdp, TRUE);
    g_byte_array_free(t.tables, TRUE);
    g_byte_array_free(t.loader, TRUE);
}

/* The files are there, and a name that the user has taken is an error without a leak. */
static void test_publish(void)
{
    TestMachine m;
    AcpiTables t;
    GError *err = NULL;

    test_machine_init(&m);
    Device *d = test_device_new(&m, "fw_cfg_mem");
    test_device_realize(d);
    tables_make(&t, NULL);
    g_assert_true(acpi_publish(&t, d, &err));
    g_assert_no_error(err);
    tables_make(&t, NULL);
    g_assert_false(acpi_publish(&t, d, &err));
    g_assert_nonnull(strstr(err->message, "etc/acpi/rsdp"));
    g_clear_error(&err);
    test_machine_clear(&m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi/aml/integers", test_integers);
    g_test_add_func("/acpi/aml/names", test_names);
    g_test_add_func("/acpi/aml/frames", test_frames);
    g_test_add_func("/acpi/aml/lengths", test_lengths);
    g_test_add_func("/acpi/aml/resources", test_resources);
    g_test_add_func("/acpi/loader", test_loader);
    g_test_add_func("/acpi/publish", test_publish);
    return g_test_run();
}

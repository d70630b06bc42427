/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* SMBIOS structures: hw/smbios/smbios.c. Fields are read as DSP0134 places them. */
#include "hw/smbios.h"
#include "softmmu/machine.h"
#include "tests/unit/device-test.h"

#include <string.h>

static const SmbiosBoard board = {
    .product = "board", .version = "v1", .processor_family = 1, .ram_base = 0x40000000};

static void options(Machine *m, const char *const *text)
{
    g_ptr_array_set_size(m->smbios, 0);
    for (; *text; text++) {
        GError *err = NULL;

        g_ptr_array_add(m->smbios, opt_parse(*text, NULL, &err));
        g_assert_no_error(err);
    }
}

static GByteArray *build(Machine *m, const char *const *text)
{
    GByteArray *tables, *anchor;
    GError *err = NULL;
    uint32_t len;

    options(m, text);
    g_assert_true(smbios_build(m, &board, &tables, &anchor, &err));
    g_assert_no_error(err);
    g_assert_cmpuint(anchor->len, ==, 24);
    g_assert_cmpmem(anchor->data, 5, "_SM3_", 5);
    memcpy(&len, anchor->data + 12, 4);
    g_assert_cmpuint(GUINT32_FROM_LE(len), ==, tables->len);
    g_byte_array_free(anchor, TRUE);
    return tables;
}

static const uint8_t *after(const uint8_t *s)
{
    s += s[1];
    while (s[0] || s[1]) {
        s++;
    }
    return s + 2;
}

/* The n-th structure of a type, or NULL. All is well formed to the end, and handles are unique. */
static const uint8_t *find(const GByteArray *t, unsigned type, unsigned n)
{
    const uint8_t *s = t->data, *found = NULL;
    g_autoptr(GHashTable) handles = g_hash_table_new(NULL, NULL);

    for (;; s = after(s)) {
        g_assert_cmpuint(s - t->data + 4, <=, t->len);
        g_assert_true(g_hash_table_add(handles, GUINT_TO_POINTER(1 + (s[2] | s[3] << 8))));
        if (s[0] == type && n-- == 0) {
            found = s;
        }
        if (s[0] == 127) {
            g_assert_true(after(s) == t->data + t->len);
            return found;
        }
    }
}

static const char *string(const uint8_t *s, unsigned at)
{
    const char *p = (const char *)s + s[1];

    for (unsigned i = s[at]; i > 1; i--) {
        p += strlen(p) + 1;
    }
    return s[at] ? p : NULL;
}

static unsigned word(const uint8_t *s, unsigned at)
{
    return s[at] | s[at + 1] << 8;
}

static void test_defaults(void)
{
    static const char *const none[] = {NULL};
    static const uint8_t types[] = {1, 3, 4, 16, 17, 19, 32, 127}, not [] = {0, 2, 8, 11};
    TestMachine t;

    test_machine_init(&t);
    t.m->ram_size = UINT64_C(1) << 30;
    t.m->smp = (SmpConfig){8, 8, 2, 1, 2, 2};
    GByteArray *a = build(t.m, none);
    for (unsigned i = 0; i < sizeof(types); i++) {
        g_assert_nonnull(find(a, types[i], 0));
    }
    for (unsigned i = 0; i < sizeof(not ); i++) {
        g_assert_null(find(a, not [i], 0));
    }
    g_assert_cmpstr(string(find(a, 1, 0), 5), ==, "board");
    g_assert_cmpstr(string(find(a, 4, 1), 4), ==, "CPU 1");
    g_assert_cmpuint(find(a, 4, 1)[0x23], ==, 2);
    g_assert_cmpuint(word(find(a, 4, 1), 0x2e), ==, 4);
    g_assert_null(find(a, 4, 2));
    g_assert_cmpuint(word(find(a, 17, 0), 0xc), ==, 1024);
    g_assert_cmpuint(word(find(a, 17, 0), 4), ==, word(find(a, 16, 0), 2));
    g_assert_cmpuint(word(find(a, 19, 0), 6), ==, 0x10);
    g_byte_array_free(a, TRUE);

    /* Fields that are too small for what there is. */
    t.m->ram_size = UINT64_C(4) << 40;
    a = build(t.m, none);
    g_assert_cmpuint(word(find(a, 16, 0), 9), ==, 0x8000);
    g_assert_cmpuint(find(a, 16, 0)[0xf + 5], ==, 4);
    g_assert_cmpuint(word(find(a, 17, 0), 0xc), ==, 0x7fff);
    g_assert_cmpuint(word(find(a, 17, 0), 0x1e), ==, 0x40);
    g_assert_cmpuint(word(find(a, 19, 0), 4), ==, 0xffff);
    g_assert_cmpuint(find(a, 19, 0)[0xf + 3], ==, 0x40);
    g_byte_array_free(a, TRUE);
    test_machine_clear(&t);
}

static void test_options(void)
{
    static const char *const text[] = {"type=0,vendor=V,release=3.14,uefi=on",
                                       "type=1,serial=a",
                                       "type=1,serial=b,manufacturer=M",
                                       "type=2,location=L",
                                       "type=4,sock_pfx=S,max-speed=3000,part=P",
                                       "type=8,internal_reference=I,port_type=0x1f",
                                       "type=8,external_reference=E",
                                       "type=11,value=one,value=two",
                                       "type=11,value=three",
                                       "type=17,bank=B,speed=1600,loc_pfx=D",
                                       NULL};
    TestMachine t;

    test_machine_init(&t);
    for (unsigned i = 0; i < 16; i++) {
        t.m->uuid[i] = i;
    }
    GByteArray *a = build(t.m, text);
    g_assert_cmpstr(string(find(a, 0, 0), 4), ==, "V");
    g_assert_null(string(find(a, 0, 0), 5));
    g_assert_cmphex(find(a, 0, 0)[0x13], ==, 0x1c);
    g_assert_cmpuint(find(a, 0, 0)[0x15], ==, 14);
    g_assert_cmpstr(string(find(a, 1, 0), 4), ==, "M");
    g_assert_cmpstr(string(find(a, 1, 0), 7), ==, "b");
    g_assert_cmpmem(find(a, 1, 0) + 8, 16, "\3\2\1\0\5\4\7\6\x8\x9\xa\xb\xc\xd\xe\xf", 16);
    g_assert_cmpstr(string(find(a, 2, 0), 0xa), ==, "L");
    g_assert_cmpuint(word(find(a, 2, 0), 0xb), ==, word(find(a, 3, 0), 2));
    g_assert_cmpstr(string(find(a, 4, 0), 4), ==, "S 0");
    g_assert_cmpuint(word(find(a, 4, 0), 0x14), ==, 3000);
    g_assert_cmpuint(word(find(a, 4, 0), 0x16), ==, 2000);
    g_assert_cmpstr(string(find(a, 4, 0), 0x22), ==, "P");
    g_assert_cmpstr(string(find(a, 8, 0), 4), ==, "I");
    g_assert_cmphex(find(a, 8, 0)[8], ==, 0x1f);
    g_assert_cmpstr(string(find(a, 8, 1), 6), ==, "E");
    g_assert_null(string(find(a, 8, 1), 4));
    g_assert_cmpuint(find(a, 11, 0)[4], ==, 3);
    g_assert_cmpstr(string(find(a, 11, 0), 4), ==, "three");
    g_assert_cmpstr(string(find(a, 17, 0), 0x10), ==, "D 0");
    g_assert_cmpstr(string(find(a, 17, 0), 0x11), ==, "B");
    g_assert_cmpuint(word(find(a, 17, 0), 0x20), ==, 1600);
    g_byte_array_free(a, TRUE);
    test_machine_clear(&t);
}

static void test_errors(void)
{
    static const struct {
        const char *text, *says;
    } row[] = {
        {"vendor=V", "'type' is needed"},
        {"type=x", "type"},
        {"type=5", "type 5 are not supported"},
        {"type=200", "type 200 are not supported"},
        {"type=1,file=x", "from a file"},
        {"type=1,vendor=V", "vendor"},
        {"type=4,max-speed=65536", "16 bits"},
        {"type=8,port_type=256", "8 bits"},
        {"type=17,speed=fast", "speed"},
        {"type=0,release=3", "release=3"},
        {"type=0,release=256.1", "release=256.1"},
        {"type=0,uefi=maybe", "uefi"},
        {"type=11,path=/nonexistent", "can't load"},
        {"type=11,path=/proc/self/cmdline", "NUL"},
    };
    TestMachine t;

    test_machine_init(&t);
    for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
        GByteArray *tables, *anchor;
        GError *err = NULL;

        options(t.m, (const char *const[]){row[i].text, NULL});
        g_assert_false(smbios_build(t.m, &board, &tables, &anchor, &err));
        g_assert_nonnull(strstr(err->message, row[i].says));
        g_clear_error(&err);
    }
    test_machine_clear(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smbios/defaults", test_defaults);
    g_test_add_func("/smbios/options", test_options);
    g_test_add_func("/smbios/errors", test_errors);
    return g_test_run();
}

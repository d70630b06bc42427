/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * SMBIOS structures. Specification: DMTF DSP0134, System Management BIOS Reference 3.0: entry point
 * 5.2.2, structures 6.1, types 7.x as said below.
 *
 * A structure is a formatted area, whose strings are numbers from 1, and the strings behind it. The
 * rows below say which key of -smbios goes where in the area of its type. Types 0 and 2 are there
 * only if they are asked for: firmware has its own words on the BIOS, and there is no board.
 *
 * Main thread. Test: tests/unit/test-smbios.c
 */
#include "hw/smbios.h"
#include "hw/misc/fw_cfg.h"
#include "softmmu/machine.h"

#include <stdio.h>
#include <string.h>

#define SMBIOS_MAX_AREA 0x30
#define SMBIOS_TYPES    18
#define SMBIOS_CHASSIS  0x0300 /* handles: type << 8 and the number */
#define SMBIOS_ARRAY    0x1000

/* NAME: a string that the number of the structure follows. OTHER: put in by hand. */
typedef enum { KIND_STRING, KIND_NAME, KIND_U8, KIND_U16, KIND_U64, KIND_OTHER } FieldKind;

typedef struct SmbiosField {
    const char *key;
    uint8_t at;
    uint8_t kind;
} SmbiosField;

/* The strings of a type are numbered in this order. */
// clang-format off
static const SmbiosField type0[] = {
    {"vendor", 0x04, KIND_STRING}, {"version", 0x05, KIND_STRING}, {"date", 0x08, KIND_STRING},
    {"release", 0, KIND_OTHER}, {"uefi", 0, KIND_OTHER}, {"vm", 0, KIND_OTHER}, {0}};
static const SmbiosField type1[] = {
    {"manufacturer", 0x04, KIND_STRING}, {"product", 0x05, KIND_STRING},
    {"version", 0x06, KIND_STRING}, {"serial", 0x07, KIND_STRING}, {"sku", 0x19, KIND_STRING},
    {"family", 0x1a, KIND_STRING}, {"uuid", 0, KIND_OTHER}, {0}};
static const SmbiosField type2[] = {
    {"manufacturer", 0x04, KIND_STRING}, {"product", 0x05, KIND_STRING},
    {"version", 0x06, KIND_STRING}, {"serial", 0x07, KIND_STRING}, {"asset", 0x08, KIND_STRING},
    {"location", 0x0a, KIND_STRING}, {0}};
static const SmbiosField type3[] = {
    {"manufacturer", 0x04, KIND_STRING}, {"version", 0x06, KIND_STRING},
    {"serial", 0x07, KIND_STRING}, {"asset", 0x08, KIND_STRING}, {"sku", 0x15, KIND_STRING}, {0}};
static const SmbiosField type4[] = {
    {"sock_pfx", 0x04, KIND_NAME}, {"manufacturer", 0x07, KIND_STRING},
    {"version", 0x10, KIND_STRING}, {"serial", 0x20, KIND_STRING}, {"asset", 0x21, KIND_STRING},
    {"part", 0x22, KIND_STRING}, {"max-speed", 0x14, KIND_U16}, {"current-speed", 0x16, KIND_U16},
    {"processor-family", 0x28, KIND_U16}, {"processor-id", 0x08, KIND_U64}, {0}};
static const SmbiosField type8[] = {
    {"internal_reference", 0x04, KIND_STRING}, {"external_reference", 0x06, KIND_STRING},
    {"connector_type", 0x07, KIND_U8}, {"port_type", 0x08, KIND_U8}, {0}};
static const SmbiosField type11[] = {{"value", 0, KIND_OTHER}, {"path", 0, KIND_OTHER}, {0}};
static const SmbiosField type17[] = {
    {"loc_pfx", 0x10, KIND_NAME}, {"bank", 0x11, KIND_STRING}, {"manufacturer", 0x17, KIND_STRING},
    {"serial", 0x18, KIND_STRING}, {"asset", 0x19, KIND_STRING}, {"part", 0x1a, KIND_STRING},
    {"speed", 0x15, KIND_U16}, {0}};
// clang-format on

static const SmbiosField *const fields[SMBIOS_TYPES] = {
    [0] = type0, [1] = type1, [2] = type2,   [3] = type3,
    [4] = type4, [8] = type8, [11] = type11, [17] = type17,
};

typedef struct Smbios {
    Machine *m;
    const SmbiosBoard *board;
    GByteArray *out;
    /* The structure that is being made. */
    uint8_t area[SMBIOS_MAX_AREA];
    GPtrArray *strings;
    unsigned number; /* among those of its type */
    OptDict *only;   /* take values from this option alone; NULL: from all of the type */
} Smbios;

typedef struct SmbiosDefault {
    const char *key, *text;
} SmbiosDefault;

/* ---- options ---- */

static bool option_type(OptDict *o, uint64_t *type, GError **err)
{
    *type = SMBIOS_TYPES;
    if (opt_get(o, "file")) {
        rhea_error_set(err, "structures from a file are not supported");
        return false;
    }
    if (!opt_get(o, "type")) {
        rhea_error_set(err, "'type' is needed");
        return false;
    }
    if (!opt_take_u64(o, "type", type, err)) {
        return false;
    }
    if (*type >= SMBIOS_TYPES || !fields[*type]) {
        rhea_error_set(err, "structures of type %s are not supported", opt_get(o, "type"));
        return false;
    }
    return true;
}

static bool number_check(const SmbiosField *f, const char *text, GError **err)
{
    unsigned bits = f->kind == KIND_U8 ? 8 : f->kind == KIND_U16 ? 16 : 64;
    uint64_t val;

    if (!opt_value_u64(f->key, text, &val, err)) {
        return false;
    }
    if (bits < 64 && val >> bits) {
        rhea_error_set(err, "%s=%s: the field has %u bits", f->key, text, bits);
        return false;
    }
    return true;
}

/* Keys that the type has, numbers that fit. */
static bool option_check(OptDict *o, GError **err)
{
    uint64_t type;
    const char *key, *text;

    if (!option_type(o, &type, err)) {
        return false;
    }
    for (unsigned i = 0; opt_at(o, i, &key, &text); i++) {
        for (const SmbiosField *f = fields[type]; f->key; f++) {
            if (strcmp(f->key, key) != 0) {
                continue;
            }
            opt_mark_used(o, key);
            if (f->kind >= KIND_U8 && f->kind <= KIND_U64 && !number_check(f, text, err)) {
                return false;
            }
        }
    }
    return opt_check_unused(o, err);
}

static bool is_type(const OptDict *o, unsigned type)
{
    uint64_t val;

    return opt_value_u64("type", opt_get(o, "type"), &val, NULL) && val == type;
}

/* The last that was said. */
static const char *value_of(const Smbios *s, unsigned type, const char *key)
{
    const char *val = s->only ? opt_get(s->only, key) : NULL;

    for (unsigned i = 0; !s->only && i < s->m->smbios->len; i++) {
        const OptDict *o = g_ptr_array_index(s->m->smbios, i);

        if (is_type(o, type) && opt_get(o, key)) {
            val = opt_get(o, key);
        }
    }
    return val;
}

/* ---- one structure ---- */

static void set_le(Smbios *s, unsigned at, uint64_t val, unsigned bytes)
{
    val = GUINT64_TO_LE(val);
    memcpy(s->area + at, &val, bytes);
}

static void string_add(Smbios *s, unsigned at, const char *text)
{
    if (text && *text) {
        g_ptr_array_add(s->strings, g_strdup(text));
        s->area[at] = s->strings->len;
    }
}

static void structure_begin(Smbios *s, unsigned type, unsigned len, unsigned handle)
{
    memset(s->area, 0, sizeof(s->area));
    g_ptr_array_set_size(s->strings, 0);
    s->area[0] = type;
    s->area[1] = len;
    set_le(s, 2, handle, 2);
    s->number = handle & 0xff;
}

/* What -smbios says; for a string that it does not say, the default of its key (the list ends with
 * a row of zeros). Numbers that it does not say stay as they are. */
static void structure_fields(Smbios *s, const SmbiosDefault *defaults)
{
    static const uint8_t size[] = {[KIND_U8] = 1, [KIND_U16] = 2, [KIND_U64] = 8};
    unsigned type = s->area[0];

    for (const SmbiosField *f = fields[type]; f->key; f++) {
        const char *text = value_of(s, type, f->key);
        g_autofree char *name = NULL;
        uint64_t val;

        for (const SmbiosDefault *d = defaults; !text && d && d->key; d++) {
            text = strcmp(d->key, f->key) == 0 ? d->text : NULL;
        }
        switch (f->kind) {
        case KIND_NAME:
            name = g_strdup_printf("%s %u", text, s->number);
            string_add(s, f->at, name);
            break;
        case KIND_STRING:
            string_add(s, f->at, text);
            break;
        case KIND_OTHER:
            break;
        default:
            if (text && opt_value_u64(f->key, text, &val, NULL)) {
                set_le(s, f->at, val, size[f->kind]);
            }
        }
    }
}

static void structure_end(Smbios *s)
{
    g_byte_array_append(s->out, s->area, s->area[1]);
    for (unsigned i = 0; i < s->strings->len; i++) {
        const char *text = g_ptr_array_index(s->strings, i);

        g_byte_array_append(s->out, (const guint8 *)text, strlen(text) + 1);
    }
    g_byte_array_append(s->out, (const guint8 *)"\0", s->strings->len ? 1 : 2);
}

static bool asked_for(const Smbios *s, unsigned type)
{
    for (unsigned i = 0; i < s->m->smbios->len; i++) {
        if (is_type(g_ptr_array_index(s->m->smbios, i), type)) {
            return true;
        }
    }
    return false;
}

/* ---- the types ---- */

/* 7.1: BIOS information. */
static bool bios(Smbios *s, GError **err)
{
    const char *release = value_of(s, 0, "release"), *uefi = value_of(s, 0, "uefi");
    const char *vm = value_of(s, 0, "vm");
    bool is_uefi = false, is_vm = true;
    unsigned major = 0, minor = 0;
    char after;

    if (!asked_for(s, 0)) {
        return true;
    }
    if (release &&
        (sscanf(release, "%3u.%3u%c", &major, &minor, &after) != 2 || major > 255 || minor > 255)) {
        rhea_error_set(err, "-smbios type=0: release=%s is not two numbers with a dot between",
                       release);
        return false;
    }
    if ((uefi && !opt_value_bool("uefi", uefi, &is_uefi, err)) ||
        (vm && !opt_value_bool("vm", vm, &is_vm, err))) {
        return false;
    }
    structure_begin(s, 0, 0x18, 0);
    set_le(s, 0x06, 0xe800, 2); /* where a BIOS would begin */
    set_le(s, 0x0a, 1 << 3, 8); /* characteristics are not given */
    /* extension: content for target, UEFI, a virtual machine */
    s->area[0x13] = 1 << 2 | is_uefi << 3 | is_vm << 4;
    s->area[0x14] = major;
    s->area[0x15] = minor;
    set_le(s, 0x16, 0xffff, 2); /* no embedded controller */
    structure_fields(s, NULL);
    structure_end(s);
    return true;
}

/* 7.2: system, 7.3: baseboard, 7.4: its chassis. */
static void system_structures(Smbios *s)
{
    /* The first three fields of the UUID are little-endian. */
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    const SmbiosDefault defaults[] = {{"manufacturer", "QEMU"},
                                      {"product", s->board->product},
                                      {"version", s->board->version},
                                      {0}};

    structure_begin(s, 1, 0x1b, 0x100);
    for (unsigned i = 0; i < 16; i++) {
        s->area[0x08 + i] = s->m->uuid[order[i]];
    }
    s->area[0x18] = 6; /* wake-up by the power switch */
    structure_fields(s, defaults);
    structure_end(s);

    if (asked_for(s, 2)) {
        structure_begin(s, 2, 0x0f, 0x200);
        s->area[0x09] = 1; /* a hosting board */
        set_le(s, 0x0b, SMBIOS_CHASSIS, 2);
        s->area[0x0d] = 0x0a; /* motherboard */
        structure_fields(s, defaults);
        structure_end(s);
    }

    structure_begin(s, 3, 0x16, SMBIOS_CHASSIS);
    s->area[0x05] = 1;            /* type: other */
    memset(s->area + 0x09, 3, 3); /* boot-up, power supply, heat: safe */
    s->area[0x0c] = 2;            /* security: unknown */
    structure_fields(s, defaults);
    structure_end(s);
}

/* 7.5: a processor for each socket. */
static void processors(Smbios *s)
{
    const SmpConfig *smp = &s->m->smp;
    unsigned cores = smp->clusters * smp->cores, threads = cores * smp->threads;
    const SmbiosDefault defaults[] = {
        {"sock_pfx", "CPU"}, {"manufacturer", "QEMU"}, {"version", s->board->version}, {0}};

    for (unsigned i = 0; i < smp->sockets; i++) {
        structure_begin(s, 4, 0x30, 0x400 + i);
        s->number = i;
        s->area[0x05] = 3;    /* central processor */
        s->area[0x06] = 0xfe; /* family: see 0x28 */
        set_le(s, 0x14, 2000, 2);
        set_le(s, 0x16, 2000, 2);
        s->area[0x18] = 0x41;            /* in its socket, enabled */
        s->area[0x19] = 1;               /* upgrade: other */
        memset(s->area + 0x1a, 0xff, 6); /* caches are not described */
        s->area[0x23] = s->area[0x24] = MIN(cores, 255);
        s->area[0x25] = MIN(threads, 255);
        set_le(s, 0x26, 1 << 1, 2); /* characteristics: unknown */
        set_le(s, 0x28, s->board->processor_family, 2);
        set_le(s, 0x2a, cores, 2);
        set_le(s, 0x2c, cores, 2);
        set_le(s, 0x2e, threads, 2);
        structure_fields(s, defaults);
        structure_end(s);
    }
}

/* 7.9: a port connector for each option. */
static void connectors(Smbios *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->m->smbios->len; i++) {
        OptDict *o = g_ptr_array_index(s->m->smbios, i);

        if (is_type(o, 8)) {
            structure_begin(s, 8, 9, 0x800 + n++);
            s->only = o;
            structure_fields(s, NULL);
            s->only = NULL;
            structure_end(s);
        }
    }
}

static bool oem_string(Smbios *s, const char *key, const char *val, GError **err)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;
    gsize len;

    if (strcmp(key, "type") == 0) {
        return true;
    }
    if (s->strings->len == 255) {
        rhea_error_set(err, "-smbios type=11: 255 strings at most");
        return false;
    }
    if (strcmp(key, "path") == 0) {
        if (!g_file_get_contents(val, &text, &len, &why)) {
            rhea_error_set(err, "-smbios type=11: can't load %s: %s", val, why->message);
            return false;
        }
        if (strlen(text) != len) {
            rhea_error_set(err, "-smbios type=11: %s contains a NUL character", val);
            return false;
        }
    }
    string_add(s, 4, text ? text : val);
    return true;
}

/* 7.12: OEM strings, of all options. */
static bool oem_strings(Smbios *s, GError **err)
{
    const char *key, *val;

    structure_begin(s, 11, 5, 0xe00);
    for (unsigned i = 0; i < s->m->smbios->len; i++) {
        OptDict *o = g_ptr_array_index(s->m->smbios, i);

        for (unsigned k = 0; is_type(o, 11) && opt_at(o, k, &key, &val); k++) {
            if (!oem_string(s, key, val, err)) {
                return false;
            }
        }
    }
    if (s->strings->len) {
        structure_end(s);
    }
    return true;
}

/* 7.17: the memory array; 7.18: its one device; 7.20: where it is. */
static void memory(Smbios *s)
{
    uint64_t size = s->m->ram_size, kib = size >> 10, mib = (size + (1 << 20) - 1) >> 20;
    uint64_t start = s->board->ram_base, end = start + size - 1;
    bool big = kib >= 1u << 31, far = end >> 10 >= UINT32_MAX;
    const SmbiosDefault defaults[] = {{"loc_pfx", "DIMM"}, {"manufacturer", "QEMU"}, {0}};

    structure_begin(s, 16, 0x17, SMBIOS_ARRAY);
    s->area[0x04] = 1; /* location: other */
    s->area[0x05] = 3; /* system memory */
    s->area[0x06] = 6; /* corrects multiple-bit errors */
    set_le(s, 0x07, big ? 1u << 31 : kib, 4);
    set_le(s, 0x0b, 0xfffe, 2); /* no error information */
    set_le(s, 0x0d, 1, 2);
    set_le(s, 0x0f, big ? size : 0, 8);
    structure_end(s);

    structure_begin(s, 17, 0x28, 0x1100);
    set_le(s, 0x04, SMBIOS_ARRAY, 2);
    set_le(s, 0x06, 0xfffe, 2);
    memset(s->area + 0x08, 0xff, 4); /* widths are unknown */
    set_le(s, 0x0c, MIN(mib, 0x7fff), 2);
    s->area[0x0e] = 9;          /* DIMM */
    s->area[0x12] = 7;          /* RAM */
    set_le(s, 0x13, 1 << 1, 2); /* other */
    set_le(s, 0x1c, mib < 0x7fff ? 0 : mib, 4);
    structure_fields(s, defaults);
    memcpy(s->area + 0x20, s->area + 0x15, 2); /* it runs at its speed */
    structure_end(s);

    structure_begin(s, 19, 0x1f, 0x1300);
    set_le(s, 0x04, far ? UINT32_MAX : start >> 10, 4);
    set_le(s, 0x08, far ? UINT32_MAX : end >> 10, 4);
    set_le(s, 0x0c, SMBIOS_ARRAY, 2);
    s->area[0x0e] = 1; /* partition width */
    set_le(s, 0x0f, far ? start : 0, 8);
    set_le(s, 0x17, far ? end : 0, 8);
    structure_end(s);
}

/* 5.2.2: the 64-bit entry point. Firmware puts in the address, and the checksum after that. */
static GByteArray *anchor_make(const Smbios *s)
{
    uint8_t a[24] = {'_', 'S', 'M', '3', '_', 0, sizeof(a), 3, 0, 0, 1};
    uint32_t len = GUINT32_TO_LE(s->out->len);

    memcpy(a + 12, &len, sizeof(len));
    return g_byte_array_append(g_byte_array_new(), a, sizeof(a));
}

bool smbios_build(Machine *m, const SmbiosBoard *board, GByteArray **tables, GByteArray **anchor,
                  GError **err)
{
    Smbios s = {.m = m, .board = board};
    bool ok;

    for (unsigned i = 0; i < m->smbios->len; i++) {
        OptDict *o = g_ptr_array_index(m->smbios, i);

        if (!option_check(o, err)) {
            rhea_error_prefix(err, "%s: ", opt_location(o) ? opt_location(o) : "-smbios");
            return false;
        }
    }
    s.out = g_byte_array_new();
    s.strings = g_ptr_array_new_with_free_func(g_free);
    ok = bios(&s, err);
    if (ok) {
        system_structures(&s);
        processors(&s);
        connectors(&s);
        ok = oem_strings(&s, err);
    }
    if (ok) {
        memory(&s);
        structure_begin(&s, 32, 0x0b, 0x2000); /* 7.33: no errors at the last boot */
        structure_end(&s);
        structure_begin(&s, 127, 4, 0x7f00); /* 7.45: the end */
        structure_end(&s);
        *anchor = anchor_make(&s);
        *tables = g_steal_pointer(&s.out);
    } else {
        g_byte_array_free(s.out, TRUE);
    }
    g_ptr_array_free(s.strings, TRUE);
    return ok;
}

bool smbios_add(Machine *m, Device *fw_cfg, const SmbiosBoard *board, GError **err)
{
    GByteArray *tables, *anchor;

    if (!smbios_build(m, board, &tables, &anchor, err)) {
        return false;
    }
    GBytes *a = g_byte_array_free_to_bytes(anchor), *t = g_byte_array_free_to_bytes(tables);
    if (!fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-anchor", a, err)) {
        g_bytes_unref(t);
        return false;
    }
    return fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-tables", t, err);
}

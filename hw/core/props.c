/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Property tables: text to member, member to text, help.
 *
 * Main thread. Strings in members are owned by the object.
 *
 * Test: tests/unit/test-device.c
 */
#include "hw/core/private.h"
#include "io/chardev.h"
#include "rhea/error.h"
#include "softmmu/machine.h"
#include "softmmu/opts.h"

#include <inttypes.h>
#include <string.h>

static const char *const onoffauto_names[] = {"auto", "on", "off", NULL};

static void *prop_member(const PropDesc *p, void *obj)
{
    return (uint8_t *)obj + p->offset;
}

static bool prop_is_string(const PropDesc *p)
{
    return p->kind == PROP_KIND_STRING || p->kind == PROP_KIND_DRIVE || p->kind == PROP_KIND_NETDEV;
}

const PropDesc *prop_find(const PropDesc *table, const char *name)
{
    for (const PropDesc *p = table; p && p->name; p++) {
        if (strcmp(p->name, name) == 0) {
            return p;
        }
    }
    return NULL;
}

static bool set_unsigned(const PropDesc *p, void *member, const char *text, GError **err)
{
    uint64_t val = 0;

    if (p->kind == PROP_KIND_SIZE ? !opt_value_size(p->name, text, 1, &val, err)
                                  : !opt_value_u64(p->name, text, &val, err)) {
        return false;
    }
    if (p->size < 8 && val >> p->size * 8) {
        rhea_error_set(err, "Parameter '%s' expects a %s, '%s' is too big", p->name,
                       prop_type_name(p), text);
        return false;
    }
    int_store(member, p->size, val);
    return true;
}

static bool set_signed(const PropDesc *p, void *member, const char *text, GError **err)
{
    int64_t val = 0;

    if (!opt_value_i64(p->name, text, &val, err)) {
        return false;
    }
    if (p->kind == PROP_KIND_I32 && val != (int32_t)val) {
        rhea_error_set(err, "Parameter '%s' expects a %s, '%s' is out of range", p->name,
                       prop_type_name(p), text);
        return false;
    }
    int_store(member, p->size, val);
    return true;
}

static bool set_enum(const PropDesc *p, int *member, const char *const *names, const char *text,
                     GError **err)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *member = i;
            return true;
        }
    }
    g_autofree char *all = g_strjoinv(", ", (char **)names);
    rhea_error_set(err, "Parameter '%s' does not accept value '%s'; it is one of %s", p->name, text,
                   all);
    return false;
}

bool prop_set(const PropDesc *p, void *obj, const char *text, Machine *m, GError **err)
{
    void *member = prop_member(p, obj);

    switch (p->kind) {
    case PROP_KIND_BOOL:
        return opt_value_bool(p->name, text, member, err);
    case PROP_KIND_U8:
    case PROP_KIND_U16:
    case PROP_KIND_U32:
    case PROP_KIND_U64:
    case PROP_KIND_SIZE:
        return set_unsigned(p, member, text, err);
    case PROP_KIND_I32:
    case PROP_KIND_I64:
        return set_signed(p, member, text, err);
    case PROP_KIND_STRING:
    case PROP_KIND_DRIVE:
    case PROP_KIND_NETDEV:
        g_free(*(char **)member);
        *(char **)member = g_strdup(text);
        return true;
    case PROP_KIND_CHARDEV: {
        Chardev *c = m ? chardev_find(m->chars, text) : NULL;

        if (!c) {
            rhea_error_set(err, "Property '%s' can't find value '%s'", p->name, text);
            return false;
        }
        *(Chardev **)member = c;
        return true;
    }
    case PROP_KIND_ENUM:
        return set_enum(p, member, p->values, text, err);
    case PROP_KIND_ONOFFAUTO:
        return set_enum(p, member, onoffauto_names, text, err);
    case PROP_KIND_POINTER:
        break;
    }
    rhea_error_set(err, "Property '%s' cannot be set", p->name);
    return false;
}

char *prop_get(const PropDesc *p, const void *obj)
{
    const void *member = prop_member(p, (void *)obj);

    switch (p->kind) {
    case PROP_KIND_BOOL:
        return g_strdup(*(const bool *)member ? "on" : "off");
    case PROP_KIND_U8:
    case PROP_KIND_U16:
    case PROP_KIND_U32:
    case PROP_KIND_U64:
    case PROP_KIND_SIZE:
        return g_strdup_printf("%" PRIu64, int_load(member, p->size));
    case PROP_KIND_I32:
        return g_strdup_printf("%" PRId32, *(const int32_t *)member);
    case PROP_KIND_I64:
        return g_strdup_printf("%" PRId64, *(const int64_t *)member);
    case PROP_KIND_STRING:
    case PROP_KIND_DRIVE:
    case PROP_KIND_NETDEV:
        return g_strdup(*(char *const *)member ? *(char *const *)member : "");
    case PROP_KIND_CHARDEV: {
        Chardev *c = *(Chardev *const *)member;

        return g_strdup(c ? chardev_id(c) : "");
    }
    case PROP_KIND_ENUM:
        return g_strdup(p->values[*(const int *)member]);
    case PROP_KIND_ONOFFAUTO:
        return g_strdup(onoffauto_names[*(const int *)member]);
    case PROP_KIND_POINTER:
        break;
    }
    return g_strdup("");
}

const char *prop_type_name(const PropDesc *p)
{
    static const char *const names[] = {
        [PROP_KIND_BOOL] = "bool",    [PROP_KIND_U8] = "uint8",
        [PROP_KIND_U16] = "uint16",   [PROP_KIND_U32] = "uint32",
        [PROP_KIND_U64] = "uint64",   [PROP_KIND_I32] = "int32",
        [PROP_KIND_I64] = "int64",    [PROP_KIND_SIZE] = "size",
        [PROP_KIND_STRING] = "str",   [PROP_KIND_CHARDEV] = "str",
        [PROP_KIND_DRIVE] = "str",    [PROP_KIND_NETDEV] = "str",
        [PROP_KIND_ENUM] = "enum",    [PROP_KIND_ONOFFAUTO] = "OnOffAuto",
        [PROP_KIND_POINTER] = "link",
    };

    return names[p->kind];
}

void props_init(const PropDesc *table, void *obj)
{
    for (const PropDesc *p = table; p && p->name; p++) {
        GError *err = NULL;

        if (p->def && !prop_set(p, obj, p->def, NULL, &err)) {
            g_error("property %s: %s", p->name, err->message);
        }
    }
}

void props_free(const PropDesc *table, void *obj)
{
    for (const PropDesc *p = table; p && p->name; p++) {
        if (prop_is_string(p)) {
            g_clear_pointer((char **)prop_member(p, obj), g_free);
        }
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const PropDesc *const *)a)->name, (*(const PropDesc *const *)b)->name);
}

static void props_collect(const PropDesc *table, GPtrArray *rows)
{
    for (const PropDesc *p = table; p && p->name; p++) {
        if (!p->internal) {
            g_ptr_array_add(rows, (void *)p);
        }
    }
}

void props_print_help(const PropDesc *table, const PropDesc *more, FILE *out)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();

    props_collect(table, rows);
    props_collect(more, rows);
    if (rows->len) {
        qsort(rows->pdata, rows->len, sizeof(rows->pdata[0]), by_name);
    }
    for (unsigned i = 0; i < rows->len; i++) {
        const PropDesc *p = rows->pdata[i];
        g_autofree char *left = g_strdup_printf("%s=<%s>", p->name, prop_type_name(p));
        const char *def = p->def;

        if (!def && p->kind == PROP_KIND_BOOL) {
            def = "off";
        } else if (!def && !prop_is_string(p) && p->kind != PROP_KIND_CHARDEV) {
            def = "0";
        }
        fprintf(out, "  %-22s - %s", left, p->help);
        if (def) {
            fprintf(out, " (default: %s)", def);
        }
        fputc('\n', out);
    }
}

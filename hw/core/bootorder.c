/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The boot order, see hw/bootorder.h. Its lines are device paths of Open Firmware: IEEE 1275-1994,
 * 4.3 (node names), and its bindings for PCI and SCSI; SeaBIOS, OVMF and ArmVirtPkg read them.
 */
#include "hw/bootorder.h"

#include <inttypes.h>

#include "rhea/error.h"
#include "softmmu/machine.h"

/* NULL: no such property. */
static const PropDesc *boot_prop(const Device *d, int32_t *index)
{
    const PropDesc *p = d->cls->props ? prop_find(d->cls->props(), "bootindex") : NULL;

    if (p) {
        *index = *(const int32_t *)((const uint8_t *)d + p->offset);
    }
    return p;
}

static void path_prepend(GString *path, const char *node)
{
    g_string_prepend(path, node);
    g_string_prepend_c(path, '/');
}

static char *path_of(const Device *d, const char *last)
{
    GString *path = g_string_new(NULL);

    if (last) {
        path_prepend(path, last);
    }
    for (; d->parent; d = d->parent->owner) {
        g_autofree char *node = d->parent->node ? d->parent->node(d->parent, d) : NULL;

        if (node) {
            path_prepend(path, node);
        }
    }
    /* On the system's bus */
    g_autofree char *node = d->cls->boot_name
                                ? g_strdup(d->cls->boot_name)
                                : g_strdup_printf("%s@%016" PRIx64, d->cls->name, d->mmio[0].addr);
    path_prepend(path, node);
    return g_string_free(path, FALSE);
}

bool bootorder_check(const Device *d, GError **err)
{
    int32_t index, other;

    if (!d->machine || !boot_prop(d, &index) || index < 0) {
        return true;
    }
    for (unsigned i = 0; (device_at(d->machine, i)); i++) {
        if (boot_prop(device_at(d->machine, i), &other) && other == index) {
            rhea_error_set(err, "The bootindex %d has already been used", index);
            return false;
        }
    }
    return true;
}

typedef struct BootEntry {
    int32_t index;
    char *path;
} BootEntry;

static int by_index(const void *a, const void *b)
{
    const BootEntry *x = a, *y = b;

    return (x->index > y->index) - (x->index < y->index);
}

GBytes *bootorder_build(Machine *m)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(BootEntry));
    GString *text = g_string_new(NULL);
    const char *strict = m->boot ? opt_get(m->boot, "strict") : NULL;
    bool stop = false;
    const Device *d;

    for (unsigned i = 0; (d = device_at(m, i)); i++) {
        BootEntry e;
        const PropDesc *p = boot_prop(d, &e.index);

        if (p && e.index >= 0) {
            e.path = path_of(d, p->boot_node);
            g_array_append_val(list, e);
        }
    }
    g_array_sort(list, by_index);
    for (unsigned i = 0; i < list->len; i++) {
        BootEntry *e = &g_array_index(list, BootEntry, i);

        g_string_append_printf(text, "%s%s", i ? "\n" : "", e->path);
        g_free(e->path);
    }
    if (strict) {
        opt_value_bool("strict", strict, &stop, NULL);
    }
    if (list->len && stop) {
        g_string_append(text, "\nHALT");
    }
    gsize len = text->len ? text->len + 1 : 0;
    return g_bytes_new_take(g_string_free(text, FALSE), len);
}

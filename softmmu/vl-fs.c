/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -fsdev and -virtfs: folders of the host that virtio-9p devices export. A row becomes an object
 * "fsdev-local", which the device finds by its id.
 *
 * Main thread, while the command line is read. Test: tests/cli/
 */
#include "vl.h"

#include <string.h>

bool config_fsdev(CommandLine *c, OptDict *d, GError **err)
{
    g_autoptr(OptDict) row = d;
    const char *driver = opt_get(row, "fsdriver"), *id = opt_get(row, "id");

    if (!driver || strcmp(driver, "local") != 0) {
        rhea_error_set(err, "fsdev: '%s' is not supported (only local)", driver ? driver : "");
        return false;
    }
    if (!id || !*id) {
        rhea_error_set(err, "fsdev: No id specified");
        return false;
    }
    if (!opt_get(row, "path")) {
        rhea_error_set(err, "fsdev: No path specified");
        return false;
    }
    for (unsigned i = 0; i < c->m->objects->len; i++) {
        if (g_strcmp0(opt_get(g_ptr_array_index(c->m->objects, i), "id"), id) == 0) {
            rhea_error_set(err, "Duplicate ID '%s' for fsdev", id);
            return false;
        }
    }
    opt_set(row, "qom-type", "fsdev-local");
    g_ptr_array_add(c->m->objects, g_steal_pointer(&row));
    return true;
}

bool config_virtfs(CommandLine *c, OptDict *d, GError **err)
{
    g_autoptr(OptDict) row = d;
    g_autoptr(OptDict) card = opt_new();
    g_autofree char *tag = g_strdup(opt_get(row, "mount_tag"));

    if (!tag) {
        rhea_error_set(err, "Usage: -virtfs fsdriver,mount_tag=tag");
        return false;
    }
    opt_remove(row, "mount_tag");
    if (!opt_get(row, "id")) {
        opt_set(row, "id", tag);
    }
    opt_set(card, "driver", "virtio-9p-pci");
    opt_set(card, "mount_tag", tag);
    opt_set(card, "fsdev", opt_get(row, "id"));
    opt_set_location(card, c->where);
    if (!config_fsdev(c, g_steal_pointer(&row), err)) {
        return false;
    }
    g_ptr_array_add(c->m->devices, g_steal_pointer(&card));
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* -drive and -blockdev by id. See include/io/drive.h. Test: tests/unit/test-block.c */
#include "io/drive.h"

#include <inttypes.h>
#include <string.h>

/* Key of a drive that a device has taken; '#' cannot stand in a key of the user's. */
#define TAKEN "#taken"

static OptDict *find_in(GPtrArray *list, const char *key, const char *id)
{
    for (unsigned i = 0; list && i < list->len; i++) {
        OptDict *o = g_ptr_array_index(list, i);
        const char *name = opt_get(o, key);

        if (name && strcmp(name, id) == 0) {
            return o;
        }
    }
    return NULL;
}

/* What names the image may stand in the node of a protocol below the format's. */
static bool blockdev_flatten(Machine *m, OptDict *o, unsigned depth, GError **err)
{
    static const char *const inner[] = {"filename", "locking", "aio", "discard", NULL};
    const char *driver = opt_take(o, "driver"), *node = opt_get(o, "node-name");
    const char *child = opt_get(o, "file"), *below = opt_take(o, "file.driver");
    const char *where = opt_location(o) ? opt_location(o) : "-blockdev";

    opt_mark_used(o, "node-name");
    if (below && strcmp(below, "file") != 0 && strcmp(below, "host_device") != 0) {
        rhea_error_set(err, "%s: Unknown driver '%s': only file and host_device", where, below);
        return false;
    }
    if (driver && strcmp(driver, "raw") != 0) {
        if (strcmp(driver, "file") != 0 && strcmp(driver, "host_device") != 0) {
            rhea_error_set(err, "%s: Unknown driver '%s': only raw, file and host_device", where,
                           driver);
            return false;
        }
        child = NULL;
    } else if (child && !below) {
        OptDict *n = depth ? NULL : find_in(m->blockdevs, "node-name", child);

        if (!n) {
            rhea_error_set(err, "%s: Cannot find device='' nor node-name='%s'", where, child);
            return false;
        }
        if (!blockdev_flatten(m, n, depth + 1, err)) {
            return false;
        }
        for (unsigned i = 0; inner[i]; i++) {
            if (opt_get(n, inner[i]) && !opt_get(o, inner[i])) {
                opt_set(o, inner[i], opt_take(n, inner[i]));
            }
        }
    }
    for (unsigned i = 0; inner[i]; i++) {
        g_autofree char *key = g_strconcat("file.", inner[i], NULL);

        if (opt_get(o, key) && !opt_get(o, inner[i])) {
            opt_set(o, inner[i], opt_take(o, key));
        }
    }
    const char *path = opt_take(o, "filename");
    if (!path) {
        rhea_error_set(err, "%s: node '%s' names no file", where, node ? node : "");
        return false;
    }
    opt_set(o, "file", path);
    return true;
}

BlockBackend *drive_open(Machine *m, const char *id, bool share, OptDict **opts, GError **err)
{
    /* Where a drive sits says nothing to a device that names it. */
    static const char *const place[] = {"if", "index", "bus", "unit", "media"};
    OptDict *o = find_in(m->drives, "id", id);
    bool blockdev = false;

    if (!o) {
        o = find_in(m->blockdevs, "node-name", id);
        blockdev = o != NULL;
    }
    if (!o) {
        rhea_error_set(err, "can't find value '%s'", id);
        return NULL;
    }
    if (opt_get(o, TAKEN)) {
        rhea_error_set(err, "Drive '%s' is already in use by another device", id);
        return NULL;
    }
    opt_set(o, TAKEN, "on");
    opt_mark_used(o, TAKEN);
    if (blockdev && !blockdev_flatten(m, o, 0, err)) {
        return NULL;
    }
    if (share && !opt_get(o, "locking")) {
        opt_set(o, "locking", "off");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(place); i++) {
        opt_mark_used(o, place[i]);
    }
    *opts = o;
    /* With -icount a run depends on nothing but the guest. */
    return block_open_drive(o, m->icount_shift != -1, err);
}

static bool drive_add_virtio(Machine *m, OptDict *drive, unsigned n, GError **err)
{
    const char *media = opt_take(drive, "media");
    g_autofree char *name = g_strdup_printf("virtio%u", n);

    opt_mark_used(drive, "index");
    opt_mark_used(drive, "bus");
    opt_mark_used(drive, "unit");
    if (media && strcmp(media, "cdrom") == 0) {
        opt_set(drive, "readonly", "on");
    } else if (media && strcmp(media, "disk") != 0) {
        rhea_error_set(err, "'%s' invalid media", media);
        return false;
    }
    if (!opt_get(drive, "id")) {
        if (find_in(m->drives, "id", name)) {
            rhea_error_set(err, "Duplicate ID '%s' for drive", name);
            return false;
        }
        opt_set(drive, "id", name);
    }
    OptDict *d = opt_new();
    opt_set(d, "driver", "virtio-blk-device");
    opt_set(d, "drive", opt_get(drive, "id"));
    if (opt_location(drive)) {
        opt_set_location(d, opt_location(drive));
    }
    g_ptr_array_add(m->devices, d);
    return true;
}

bool drive_add_devices(Machine *m, GError **err)
{
    static const char *const known[] = {"none",   "virtio", "pflash", "sd",  "mtd",
                                        "floppy", "ide",    "scsi",   "xen", NULL};
    unsigned n = 0;

    for (unsigned i = 0; i < m->drives->len; i++) {
        OptDict *o = g_ptr_array_index(m->drives, i);
        const char *kind = opt_get(o, "if") ? opt_get(o, "if") : m->desc->default_drive;
        const char *where = opt_location(o) ? opt_location(o) : "-drive";

        if (!g_strv_contains(known, kind ? kind : "none")) {
            rhea_error_set(err, "%s: unsupported bus type '%s'", where, kind);
            return false;
        }
        if (!kind || strcmp(kind, "none") == 0 || strcmp(kind, "pflash") == 0) {
            continue;
        }
        if (strcmp(kind, "virtio") != 0) {
            rhea_error_set(err, "%s: machine type does not support if=%s,bus=0,unit=0", where,
                           kind);
            return false;
        }
        if (!drive_add_virtio(m, o, n++, err)) {
            rhea_error_prefix(err, "%s: ", where);
            return false;
        }
    }
    return true;
}

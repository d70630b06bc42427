/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -drive and -blockdev before anything is opened: what is asked for is checked, given an id, and
 * brought to one form.
 *
 * Afterwards every row of Machine.drives and Machine.blockdevs has an id and the keys that
 * block_open_drive() knows; a -blockdev format node on top of a file node has that file's path.
 * -drive if=virtio, and the machine's default, add the -device row that carries the drive;
 * if=pflash is the board's; if=none waits for a -device that names it. Main thread, before the
 * board. Test: tests/cli/
 */
#include "io/nbd.h"
#include "io/throttle.h"
#include "vl.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Options of qcow2 nodes; those about caches are taken and mean nothing here. */
static bool qcow2_key_known(const char *key)
{
    static const char *const keys[] = {"lazy-refcounts",        "l2-cache-size",
                                       "refcount-cache-size",   "cache-size",
                                       "data-file.driver",      "data-file.filename",
                                       "backing.driver",        "backing.file.driver",
                                       "backing.file.filename", "pass-discard-request",
                                       "pass-discard-snapshot", "pass-discard-other",
                                       "overlap-check",         NULL};
    return g_strv_contains(keys, key);
}

/* Where an NBD server is, and how long it may be away; file.X in a drive. */
static bool nbd_key_known(const char *key)
{
    static const char *const keys[] = {
        "server.type", "server.host", "server.port",     "server.path",  "export", "host",
        "port",        "path",        "reconnect-delay", "open-timeout", NULL};
    return g_strv_contains(keys, g_str_has_prefix(key, "file.") ? key + 5 : key);
}

/* The node below gives its seconds to the drive, whose own keys they are. */
static void nbd_times_take(OptDict *d, const char *prefix)
{
    static const char *const keys[] = {"reconnect-delay", "open-timeout"};

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *key = g_strconcat(prefix, keys[i], NULL);
        const char *value = opt_take(d, key);

        if (value && *prefix) {
            opt_set(d, keys[i], value);
        }
    }
}

static bool drive_key_known(const char *key)
{
    static const char *const keys[] = {
        "file",          "if",           "bus",       "unit",           "media",
        "index",         "cache",        "format",    "driver",         "id",
        "aio",           "readonly",     "read-only", "auto-read-only", "discard",
        "snapshot",      "rerror",       "werror",    "locking",        "copy-on-read",
        "detect-zeroes", "offset",       "size",      "serial",         "file.filename",
        "file.driver",   "file.locking", NULL};
    return g_strv_contains(keys, key) || qcow2_key_known(key) || nbd_key_known(key) ||
           throttle_key_known(key, "throttling.");
}

static bool value_allowed(const OptDict *d, const char *key, const char *const *values,
                          const char *message, GError **err)
{
    const char *v = opt_get(d, key);
    if (v && !g_strv_contains(values, v)) {
        g_autofree char *all = g_strjoinv(", ", (char **)values);
        rhea_error_set(err, "%s '%s' (valid: %s)", message, v, all);
        return false;
    }
    return true;
}

static bool drive_check_values(const OptDict *d, GError **err)
{
    static const char *const media[] = {"disk", "cdrom", NULL};
    static const char *const cache[] = {"writeback", "writethrough", "unsafe",
                                        "none",      "directsync",   NULL};
    static const char *const aio[] = {"threads", "native", "io_uring", NULL};
    static const char *const discard[] = {"ignore", "off", "unmap", "on", NULL};
    static const char *const actions[] = {"ignore", "stop", "report", "enospc", "auto", NULL};
    static const char *const off[] = {"off", NULL};
    static const char *const zeroes[] = {"off", "on", "unmap", NULL};
    static const char *const formats[] = {"raw", "qcow2", NULL};
    static const char *const files[] = {"file", "host_device", "nbd", NULL};
    const char *key, *value;
    bool on;
    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        if (!drive_key_known(key)) {
            rhea_error_set(err, "Block format '%s' does not support the option '%s'",
                           opt_get(d, "format") ? opt_get(d, "format") : "raw", key);
            return false;
        }
    }
    const char *switches[] = {"readonly", "read-only", "auto-read-only", "snapshot"};
    for (unsigned i = 0; i < G_N_ELEMENTS(switches); i++) {
        value = opt_get(d, switches[i]);
        if (value && !opt_value_bool(switches[i], value, &on, err)) {
            return false;
        }
    }
    return value_allowed(d, "format", formats, "Unknown driver", err) &&
           value_allowed(d, "driver", formats, "Unknown driver", err) &&
           value_allowed(d, "file.driver", files, "Unknown driver", err) &&
           value_allowed(d, "media", media, "invalid media", err) &&
           value_allowed(d, "cache", cache, "invalid cache option", err) &&
           value_allowed(d, "aio", aio, "invalid aio option", err) &&
           value_allowed(d, "discard", discard, "Invalid discard option", err) &&
           value_allowed(d, "rerror", actions, "invalid read error action", err) &&
           value_allowed(d, "werror", actions, "invalid write error action", err) &&
           value_allowed(d, "copy-on-read", off, "unsupported copy-on-read", err) &&
           value_allowed(d, "detect-zeroes", zeroes, "unsupported detect-zeroes", err);
}

static bool file_check(const char *path, GError **err)
{
    if (!nbd_is_url(path) && access(path, R_OK)) {
        rhea_error_set(err, "Could not open '%s': %s", path, g_strerror(errno));
        return false;
    }
    return true;
}

static const char *drive_type(const OptDict *d)
{
    const char *type = opt_get(d, "if");
    return type ? type : "virtio";
}

/* index=, or unit=, or the first that is free among the drives of the same kind before it. */
static bool drive_place(Machine *m, unsigned at, OptDict *d, uint64_t *unit, GError **err)
{
    uint64_t taken = 0;
    const char *type = drive_type(d), *index = opt_get(d, "index"), *given = opt_get(d, "unit");
    *unit = UINT64_MAX;
    if ((index && !opt_value_u64("index", index, unit, err)) ||
        (given && !opt_value_u64("unit", given, unit, err))) {
        return false;
    }
    for (unsigned i = 0; i < at; i++) {
        OptDict *other = g_ptr_array_index(m->drives, i);
        uint64_t n;
        if (strcmp(drive_type(other), type) ||
            !opt_value_u64("", opt_get(other, "index"), &n, NULL)) {
            continue;
        }
        if (n == *unit) {
            rhea_error_set(err,
                           "drive with bus=0, unit=%" G_GUINT64_FORMAT " (index=%" G_GUINT64_FORMAT
                           ") exists",
                           n, n);
            return false;
        }
        taken |= n < 64 ? 1ull << n : 0;
    }
    if (*unit == UINT64_MAX) {
        for (*unit = 0; *unit < 64 && (taken & (1ull << *unit));) {
            ++*unit;
        }
    }
    return true;
}

static bool id_is_free(Machine *m, unsigned at, const char *id)
{
    for (unsigned i = 0; i < at; i++) {
        if (!strcmp(opt_get(g_ptr_array_index(m->drives, i), "id"), id)) {
            return false;
        }
    }
    return true;
}

static bool drive_prepare(CommandLine *c, unsigned at, OptDict *d, GError **err)
{
    static const char *const elsewhere[] = {"ide", "scsi", "floppy", "sd", "mtd", "xen", NULL};
    static const char *const here[] = {"none", "virtio", "pflash", NULL};
    Machine *m = c->m;
    const char *type = drive_type(d), *id = opt_get(d, "id"), *nested = opt_get(d, "file.filename");
    uint64_t unit;
    if (nested && !opt_get(d, "file")) {
        opt_set(d, "file", nested);
    }
    if (!g_strcmp0(opt_get(d, "file.driver"), "nbd")) {
        g_autofree char *url = nbd_url_take(d, "file.", err);

        if (!url) {
            return false;
        }
        opt_set(d, "file", url);
    }
    nbd_times_take(d, "file.");
    if (!drive_place(m, at, d, &unit, err)) {
        return false;
    }
    if (g_strv_contains(elsewhere, type)) {
        rhea_error_set(err, "machine type does not support if=%s,bus=0,unit=%" G_GUINT64_FORMAT,
                       type, unit);
        return false;
    }
    if (!g_strv_contains(here, type)) {
        rhea_error_set(err, "unsupported bus type '%s'", type);
        return false;
    }
    if (!opt_get(d, "file")) {
        rhea_error_set(err, "Must specify either driver or file");
        return false;
    }
    if (opt_get(d, "driver") && !opt_get(d, "format")) {
        opt_set(d, "format", opt_get(d, "driver"));
    }
    if (!drive_check_values(d, err) || (id && !opt_check_id(id, err)) ||
        !file_check(opt_get(d, "file"), err)) {
        return false;
    }
    if (id && !id_is_free(m, at, id)) {
        rhea_error_set(err, "Duplicate ID '%s' for drive", id);
        return false;
    }
    g_autofree char *name = g_strdup_printf("%s%" G_GUINT64_FORMAT, type, unit);
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, unit);
    opt_set(d, "index", number);
    opt_remove(d, "unit");
    if (!id) {
        opt_set(d, "id", name);
    }
    if (!g_strcmp0(opt_get(d, "media"), "cdrom")) {
        opt_set(d, "readonly", "on");
    }
    if (c->snapshot && !opt_get(d, "snapshot")) {
        opt_set(d, "snapshot", "on");
    }
    if (!strcmp(type, "virtio")) {
        OptDict *device = opt_new();
        opt_set(device, "driver", "virtio-blk");
        opt_set(device, "drive", opt_get(d, "id"));
        opt_set_location(device, opt_location(d));
        g_ptr_array_add(m->devices, device);
    }
    return true;
}

/* --- -blockdev ------------------------------------------------------------------------------- */

static OptDict *node_find(Machine *m, const char *name)
{
    for (unsigned i = 0; i < m->blockdevs->len; i++) {
        OptDict *d = g_ptr_array_index(m->blockdevs, i);
        if (!g_strcmp0(opt_get(d, "node-name"), name)) {
            return d;
        }
    }
    return NULL;
}

static bool node_key_known(const char *key)
{
    static const char *const keys[] = {"driver",
                                       "node-name",
                                       "filename",
                                       "file",
                                       "read-only",
                                       "auto-read-only",
                                       "discard",
                                       "locking",
                                       "cache.direct",
                                       "cache.no-flush",
                                       "aio",
                                       "detect-zeroes",
                                       "force-share",
                                       "offset",
                                       "size",
                                       "id",
                                       "cache",
                                       "format",
                                       "throttle-group",
                                       NULL};
    return g_strv_contains(keys, g_str_has_prefix(key, "file.") ? key + 5 : key) ||
           nbd_key_known(key) || qcow2_key_known(key);
}

static void node_map_cache(OptDict *d)
{
    bool direct = false, no_flush = false;
    const char *a = opt_get(d, "cache.direct"), *b = opt_get(d, "cache.no-flush");
    if ((a && !opt_value_bool("", a, &direct, NULL)) ||
        (b && !opt_value_bool("", b, &no_flush, NULL))) {
        return;
    }
    opt_set(d, "cache", no_flush ? "unsafe" : direct ? "none" : "writeback");
}

/* What is said of the file below counts for the image, unless the image says otherwise. */
static void node_inherit(OptDict *d, const OptDict *below)
{
    static const char *const keys[] = {"aio",           "cache.direct",    "cache.no-flush",
                                       "locking",       "reconnect-delay", "open-timeout",
                                       "throttle-group"};

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!opt_get(d, keys[i]) && opt_get(below, keys[i])) {
            opt_set(d, keys[i], opt_get(below, keys[i]));
        }
    }
}

/* A filter is the node below, with limits. */
static bool node_throttle(Machine *m, OptDict *d, GError **err)
{
    const char *child = opt_get(d, "file"), *key, *value;
    const OptDict *below = child ? node_find(m, child) : NULL;

    if (!opt_get(d, "throttle-group") || !child) {
        rhea_error_set(err, "Parameter '%s' is missing", child ? "throttle-group" : "file");
        return false;
    }
    if (!below || !opt_get(below, "format") || below == d) {
        rhea_error_set(err, "Cannot find device='' nor node-name='%s'", child);
        return false;
    }
    for (unsigned i = 0; opt_at(below, i, &key, &value); i++) {
        if (strcmp(key, "node-name") && strcmp(key, "id") && strcmp(key, "file") &&
            !opt_get(d, key)) {
            opt_set(d, key, value);
        }
    }
    opt_set(d, "file", opt_get(below, "file"));
    opt_set(d, "id", opt_get(d, "node-name"));
    return true;
}

/* A node of a driver for files has its path under "filename"; a raw node has a child, in place or
 * by name. */
static bool node_prepare(Machine *m, OptDict *d, GError **err)
{
    static const char *const protocols[] = {"file", "host_device", NULL};
    const char *driver = opt_get(d, "driver"), *name = opt_get(d, "node-name"), *key, *value;
    const char *child = opt_get(d, "file"), *path = NULL;
    g_autofree char *url = NULL;
    if (!driver || !name) {
        rhea_error_set(err, "Parameter '%s' is missing", driver ? "node-name" : "driver");
        return false;
    }
    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        if (!node_key_known(key)) {
            rhea_error_set(err, "Parameter '%s' is unexpected", key);
            return false;
        }
    }
    if (!strcmp(driver, "throttle")) {
        return node_throttle(m, d, err);
    }
    if (g_strv_contains(protocols, driver)) {
        path = opt_get(d, "filename");
    } else if (!strcmp(driver, "nbd")) {
        path = url = nbd_url_take(d, "", err);
        if (!url) {
            return false;
        }
    } else if (strcmp(driver, "raw") && strcmp(driver, "qcow2")) {
        rhea_error_set(err,
                       "Parameter 'driver' does not accept value '%s' (valid: raw, qcow2, file, "
                       "host_device, nbd, throttle)",
                       driver);
        return false;
    } else if (child) {
        OptDict *node = node_find(m, child);
        path = node ? opt_get(node, "file") : NULL;
        if (!path) {
            rhea_error_set(err, "Cannot find device='' nor node-name='%s'", child);
            return false;
        }
        node_inherit(d, node);
    } else if (!g_strcmp0(opt_get(d, "file.driver"), "nbd")) {
        path = url = nbd_url_take(d, "file.", err);
        if (!url) {
            return false;
        }
        nbd_times_take(d, "file.");
    } else {
        path = opt_get(d, "file.filename");
    }
    if (!path) {
        rhea_error_set(err, "Parameter 'filename' is missing");
        return false;
    }
    if (!file_check(path, err)) {
        return false;
    }
    opt_set(d, "file", path);
    opt_set(d, "format", strcmp(driver, "qcow2") ? "raw" : "qcow2");
    opt_set(d, "id", name);
    node_map_cache(d);
    return true;
}

/* "backing" names a node, or is null: then the image's own counts. */
static bool node_backing(Machine *m, OptDict *d, GError **err)
{
    const char *name = opt_get(d, "backing");
    const OptDict *below = name && *name ? node_find(m, name) : NULL;

    if (name && *name && (!below || !opt_get(below, "file"))) {
        rhea_error_set(err, "Cannot find device='' nor node-name='%s'", name);
        return false;
    }
    if (below) {
        opt_set(d, "backing.driver", opt_get(below, "format"));
        opt_set(d, "backing.file.filename", opt_get(below, "file"));
    }
    if (name) {
        opt_remove(d, "backing");
    }
    return true;
}

bool config_blockdev(Machine *m, OptDict *d, GError **err)
{
    const char *name = opt_get(d, "node-name");
    const OptDict *other = name ? node_find(m, name) : NULL;

    if (other && other != d) {
        rhea_error_set(err, "Duplicate nodes with node-name='%s'", name);
        return false;
    }
    return node_backing(m, d, err) && node_prepare(m, d, err);
}

bool config_drives(CommandLine *c, GError **err)
{
    Machine *m = c->m;
    for (unsigned i = 0; i < m->blockdevs->len; i++) {
        OptDict *d = g_ptr_array_index(m->blockdevs, i);
        if (!config_blockdev(m, d, err)) {
            g_prefix_error(err, "%s: ", opt_location(d));
            return false;
        }
    }
    for (unsigned i = 0; i < m->drives->len; i++) {
        OptDict *d = g_ptr_array_index(m->drives, i);
        if (!drive_prepare(c, i, d, err)) {
            g_prefix_error(err, "%s: ", opt_location(d));
            return false;
        }
    }
    return true;
}

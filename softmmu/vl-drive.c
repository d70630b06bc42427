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
#include "io/drive.h"
#include "io/nbd.h"
#include "io/node.h"
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

/* Drivers of nodes that have no file of their own, or options that only they know. */
static bool driver_is_special(const char *driver)
{
    static const char *const drivers[] = {"null-co",   "null-aio",    "blkdebug",
                                          "blkverify", "preallocate", NULL};
    return driver && g_strv_contains(drivers, driver);
}

static bool driver_is_host(const char *driver)
{
    static const char *const drivers[] = {"file", "host_device", "host_cdrom", NULL};
    return g_strv_contains(drivers, driver);
}

/* Hands everything on to the node below; rhea's drives do it themselves. */
static bool driver_is_filter(const char *driver)
{
    return driver && (!strcmp(driver, "throttle") || !strcmp(driver, "copy-on-read"));
}

static bool driver_is_format(const char *driver)
{
    return driver && (!strcmp(driver, "raw") || !strcmp(driver, "qcow2"));
}

static OptDict *node_find(Machine *m, const char *name);

static unsigned opt_count(const OptDict *d)
{
    const char *key, *value;
    unsigned n = 0;

    while (opt_at(d, n, &key, &value)) {
        n++;
    }
    return n;
}

static void opt_copy(OptDict *to, const char *prefix, const OptDict *from)
{
    const char *key, *value;

    for (unsigned i = 0; opt_at(from, i, &key, &value); i++) {
        g_autofree char *full = g_strconcat(prefix, key, NULL);
        opt_set(to, full, value);
    }
}

/* ---- nodes below, as descriptions (io/block/tree.c) ---- */

/* What a path stands for, with what its row says of it. */
static void describe_path(OptDict *out, const char *prefix, const char *path, const OptDict *row)
{
    static const char *const keys[] = {"locking",      "read-only",      "auto-read-only",
                                       "cache.direct", "cache.no-flush", "discard"};
    g_autoptr(OptDict) d = g_str_has_prefix(path, "json:") ? opt_parse(path + 5, NULL, NULL) : NULL;

    if (!d) {
        d = opt_new();
        opt_set(d, "driver", nbd_is_url(path) ? "nbd" : "file");
        opt_set(d, "filename", path);
        for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
            bool of_file = strcmp(keys[i], "locking") || !nbd_is_url(path);

            if (opt_get(row, keys[i]) && of_file) {
                opt_set(d, keys[i], opt_get(row, keys[i]));
            }
        }
    }
    opt_copy(out, prefix, d);
}

/* A row that is prepared. */
static void describe_row(OptDict *out, const char *prefix, OptDict *row)
{
    static const char *const keys[] = {"offset", "size"};
    static const char *const below[] = {"backing.", "data-file."};

    if (!driver_is_format(opt_get(row, "driver"))) {
        describe_path(out, prefix, opt_get(row, "file"), row);
        return;
    }
    g_autofree char *file = g_strconcat(prefix, "file.", NULL);
    g_autofree char *driver = g_strconcat(prefix, "driver", NULL);
    opt_set(out, driver, opt_get(row, "format"));
    describe_path(out, file, opt_get(row, "file"), row);
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *full = g_strconcat(prefix, keys[i], NULL);

        if (opt_get(row, keys[i])) {
            opt_set(out, full, opt_get(row, keys[i]));
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(below); i++) {
        g_autofree char *full = g_strconcat(prefix, below[i], NULL);
        g_autoptr(OptDict) sub = opt_below(row, below[i], false);
        const char *name = opt_get(sub, "file.filename");

        if (name && g_str_has_prefix(name, "json:")) {
            g_autoptr(OptDict) d = opt_parse(name + 5, NULL, NULL);
            bool whole = d && driver_is_format(opt_get(d, "driver"));

            if (d) {
                opt_remove(sub, "file.filename");
                opt_copy(sub, whole ? "" : "file.", d);
            }
        }
        opt_copy(out, full, sub);
    }
}

/* Nodes that are named, "image=NODE", become the description of that node. */
static bool references_resolve(Machine *m, OptDict *d, GError **err)
{
    static const char *const names[] = {"file",    "image",     "raw", "test",
                                        "backing", "data-file", NULL};
    const char *key, *value;

    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        const char *dot = strrchr(key, '.');

        if (!*value || !g_strv_contains(names, dot ? dot + 1 : key)) {
            continue;
        }
        OptDict *row = node_find(m, value);
        if (!row || !opt_get(row, "file") || driver_is_filter(opt_get(row, "driver"))) {
            rhea_error_set(err, "Cannot find device='' nor node-name='%s'", value);
            return false;
        }
        g_autofree char *prefix = g_strconcat(key, ".", NULL), *old = g_strdup(key);
        opt_remove(d, old);
        describe_row(d, prefix, row);
        i = (unsigned)-1; /* from the start: it has changed */
    }
    return true;
}

static void opt_set_json(OptDict *d, const char *key, const OptDict *what)
{
    g_autofree char *json = opt_describe(what), *path = g_strconcat("json:", json, NULL);

    opt_set(d, key, path);
}

/* "file." of d, if it says more than where a file is: file= describes it then. */
static bool file_describe(Machine *m, OptDict *d, GError **err)
{
    g_autoptr(OptDict) sub = opt_below(d, "file.", false);
    const char *driver = opt_get(sub, "driver"), *name = opt_get(d, "file"), *key, *value;
    bool plain = !driver || driver_is_host(driver) || !strcmp(driver, "nbd");

    for (unsigned i = 0; plain && opt_at(sub, i, &key, &value); i++) {
        static const char *const keys[] = {"driver", "filename", "aio", "locking", NULL};

        plain = g_strv_contains(keys, key) || (nbd_key_known(key) && !g_strcmp0(driver, "nbd"));
    }
    if (plain || !opt_count(sub)) {
        const char *locking = opt_get(sub, "locking");

        if (locking) {
            opt_set(d, "locking", locking);
            opt_remove(d, "file.locking");
        }
        return true;
    }
    if (name && !opt_get(sub, "filename")) {
        static const char *const nulls[] = {"null-co", "null-aio"};

        for (unsigned i = 0; i < G_N_ELEMENTS(nulls); i++) {
            if (g_str_has_prefix(name, nulls[i]) && !strcmp(name + strlen(nulls[i]), "://")) {
                opt_set(sub, "driver", nulls[i]);
                name = NULL;
                break;
            }
        }
        if (name && !node_path_describes(name)) {
            opt_set(sub, "filename", name);
        } else if (name) {
            rhea_error_set(err, "Cannot specify both 'file' and 'file.%s'",
                           (opt_at(sub, 0, &key, &value), key));
            return false;
        }
    }
    if (!opt_get(sub, "driver") && opt_get(sub, "filename")) {
        opt_set(sub, "driver", nbd_is_url(opt_get(sub, "filename")) ? "nbd" : "file");
    }
    if (!references_resolve(m, sub, err)) {
        return false;
    }
    g_autoptr(OptDict) gone = opt_below(d, "file.", true);
    opt_set_json(d, "file", sub);
    return true;
}

/* "backing." the same. */
static bool backing_describe(Machine *m, OptDict *d, GError **err)
{
    g_autoptr(OptDict) sub = opt_below(d, "backing.", false);
    const char *driver = opt_get(sub, "driver"), *key, *value;
    bool plain = !driver || driver_is_format(driver);

    for (unsigned i = 0; plain && opt_at(sub, i, &key, &value); i++) {
        plain = !strcmp(key, "driver") || !strcmp(key, "file.filename") ||
                (!strcmp(key, "file.driver") && driver_is_host(value));
    }
    if (plain || !opt_count(sub)) {
        return true;
    }
    if (!references_resolve(m, sub, err)) {
        return false;
    }
    g_autoptr(OptDict) gone = opt_below(d, "backing.", true);
    if (driver) {
        if (!driver_is_format(driver)) {
            opt_set(d, "backing.driver", "raw");
        }
        opt_set_json(d, "backing.file.filename", sub);
    } else {
        g_autoptr(OptDict) file = opt_below(sub, "file.", false);

        opt_set_json(d, "backing.file.filename", opt_count(file) ? file : sub);
    }
    return true;
}

/* A filter of the drive itself: what is below it is the drive. */
static void filter_lift(OptDict *d)
{
    while (driver_is_filter(opt_get(d, "driver")) && opt_get(d, "file.driver")) {
        if (!strcmp(opt_get(d, "driver"), "copy-on-read")) {
            opt_set(d, "copy-on-read", "on");
        }
        g_autoptr(OptDict) sub = opt_below(d, "file.", true);
        const char *key, *value;

        for (unsigned i = 0; opt_at(sub, i, &key, &value); i++) {
            if (strcmp(key, "node-name") && (!opt_get(d, key) || !strcmp(key, "driver"))) {
                opt_set(d, key, value);
            }
        }
    }
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
    static const char *const keys[] = {"file",
                                       "if",
                                       "bus",
                                       "unit",
                                       "media",
                                       "index",
                                       "cache",
                                       "format",
                                       "driver",
                                       "id",
                                       "aio",
                                       "readonly",
                                       "read-only",
                                       "auto-read-only",
                                       "discard",
                                       "snapshot",
                                       "rerror",
                                       "werror",
                                       "locking",
                                       "copy-on-read",
                                       "detect-zeroes",
                                       "offset",
                                       "size",
                                       "serial",
                                       "file.filename",
                                       "file.driver",
                                       "file.locking",
                                       "file.aio",
                                       "force-share",
                                       "node-name",
                                       "cache.direct",
                                       "cache.no-flush",
                                       "cache.writeback",
                                       "throttle-group",
                                       NULL};
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
    static const char *const lockings[] = {"auto", "on", "off", NULL};
    static const char *const zeroes[] = {"off", "on", "unmap", NULL};
    static const char *const formats[] = {"raw", "qcow2", NULL};
    static const char *const files[] = {"file", "host_device", "host_cdrom", "nbd", NULL};
    const char *key, *value;
    bool on;
    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        if (!drive_key_known(key)) {
            rhea_error_set(err, "Block format '%s' does not support the option '%s'",
                           opt_get(d, "format") ? opt_get(d, "format") : "raw", key);
            return false;
        }
    }
    const char *switches[] = {"readonly", "read-only",    "auto-read-only",
                              "snapshot", "copy-on-read", "force-share"};
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
           value_allowed(d, "locking", lockings, "invalid locking", err) &&
           value_allowed(d, "detect-zeroes", zeroes, "unsupported detect-zeroes", err);
}

static bool file_check(const char *path, GError **err)
{
    path += g_str_has_prefix(path, "file:") ? 5 : 0;
    if (!nbd_is_url(path) && !node_path_describes(path) && access(path, R_OK)) {
        rhea_error_set(err, "Could not open '%s': %s", path, g_strerror(errno));
        return false;
    }
    return true;
}

/* The names that limits had first. */
static bool throttle_names(OptDict *d, GError **err)
{
    static const char *const names[][2] = {
        {"bps", "bps-total"},
        {"bps_rd", "bps-read"},
        {"bps_wr", "bps-write"},
        {"iops", "iops-total"},
        {"iops_rd", "iops-read"},
        {"iops_wr", "iops-write"},
        {"bps_max", "bps-total-max"},
        {"bps_rd_max", "bps-read-max"},
        {"bps_wr_max", "bps-write-max"},
        {"iops_max", "iops-total-max"},
        {"iops_rd_max", "iops-read-max"},
        {"iops_wr_max", "iops-write-max"},
        {"bps_max_length", "bps-total-max-length"},
        {"bps_rd_max_length", "bps-read-max-length"},
        {"bps_wr_max_length", "bps-write-max-length"},
        {"iops_max_length", "iops-total-max-length"},
        {"iops_rd_max_length", "iops-read-max-length"},
        {"iops_wr_max_length", "iops-write-max-length"},
        {"iops_size", "iops-size"},
        {"group", "group"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *now = g_strconcat("throttling.", names[i][1], NULL);
        const char *value = opt_get(d, names[i][0]);

        if (value && opt_get(d, now)) {
            rhea_error_set(err, "'%s' and its alias '%s' can't be used at the same time", now,
                           names[i][0]);
            return false;
        }
        if (value) {
            opt_set(d, now, value);
            opt_remove(d, names[i][0]);
        }
    }
    return true;
}

/* cache.direct= and so on, where cache= does not say it. */
static void cache_map(OptDict *d)
{
    bool direct = false, no_flush = false, writeback = true;
    const char *a = opt_get(d, "cache.direct"), *b = opt_get(d, "cache.no-flush");
    const char *w = opt_get(d, "cache.writeback");

    if ((a && !opt_value_bool("", a, &direct, NULL)) ||
        (b && !opt_value_bool("", b, &no_flush, NULL)) ||
        (w && !opt_value_bool("", w, &writeback, NULL)) ||
        (!(a || b || w) || opt_get(d, "cache"))) {
        return;
    }
    opt_set(d, "cache",
            no_flush    ? "unsafe"
            : direct    ? writeback ? "none" : "directsync"
            : writeback ? "writeback"
                        : "writethrough");
}

/* -drive driver=null-co,...: all that is not the drive's is the node's. */
static bool drive_special(Machine *m, OptDict *d, const char *driver, GError **err)
{
    g_autoptr(OptDict) sub = opt_new();
    const char *key, *value;

    opt_set(sub, "driver", driver);
    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        bool own = !strcmp(key, "driver") || !strcmp(key, "size");

        if (own || !drive_key_known(key) || g_str_has_prefix(key, "file.")) {
            opt_set(sub, key, value);
        }
    }
    if (opt_get(d, "file") && *opt_get(d, "file")) {
        opt_set(sub, "file", opt_get(d, "file"));
    }
    if (!references_resolve(m, sub, err)) {
        return false;
    }
    for (unsigned i = 0; opt_at(sub, i, &key, &value); i++) {
        opt_remove(d, key);
    }
    g_autoptr(OptDict) files = opt_below(d, "file.", true);
    opt_set_json(d, "file", sub);
    opt_set(d, "format", "raw");
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
    uint64_t unit;

    filter_lift(d);
    cache_map(d);
    g_autofree char *driver =
        g_strdup(opt_get(d, "driver") ? opt_get(d, "driver") : opt_get(d, "format"));
    if (driver && (driver_is_host(driver) || !strcmp(driver, "nbd")) && !opt_get(d, "file")) {
        /* A node of a file itself. */
        const char *path = opt_take(d, "filename");

        opt_remove(d, "driver");
        if (path) {
            opt_set(d, "file.filename", path);
            opt_remove(d, "filename");
        }
        opt_set(d, "file.driver", driver);
        opt_set(d, "format", "raw");
    }
    if (!throttle_names(d, err) ||
        !(driver_is_special(driver) ? drive_special(m, d, driver, err)
                                    : file_describe(m, d, err)) ||
        !backing_describe(m, d, err)) {
        return false;
    }
    const char *type = drive_type(d), *id = opt_get(d, "id"), *nested = opt_get(d, "file.filename");
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
    if (!g_strcmp0(opt_get(d, "media"), "cdrom") ||
        !g_strcmp0(opt_get(d, "file.driver"), "host_cdrom")) {
        opt_set(d, "readonly", "on");
    }
    bool read_only = false, copy = false;
    const char *ro = opt_get(d, opt_get(d, "read-only") ? "read-only" : "readonly");
    const char *cor = opt_get(d, "copy-on-read");
    if (ro && cor && opt_value_bool("", ro, &read_only, NULL) &&
        opt_value_bool("", cor, &copy, NULL) && read_only && copy) {
        rhea_warn_report("%s: disabling copy-on-read on read-only drive",
                         opt_location(d) ? opt_location(d) : "-drive");
        opt_set(d, "copy-on-read", "off");
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
                                       "copy-on-read",
                                       NULL};
    return g_strv_contains(keys, g_str_has_prefix(key, "file.") ? key + 5 : key) ||
           nbd_key_known(key) || qcow2_key_known(key) || g_str_has_prefix(key, DRIVE_CHILD_NAME);
}

/* What is said of the file below counts for the image, unless the image says otherwise. */
static void node_inherit(OptDict *d, const OptDict *below)
{
    static const char *const keys[] = {
        "aio",          "cache.direct",   "cache.no-flush", "locking",     "reconnect-delay",
        "open-timeout", "throttle-group", "force-share",    "copy-on-read"};

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!opt_get(d, keys[i]) && opt_get(below, keys[i])) {
            opt_set(d, keys[i], opt_get(below, keys[i]));
        }
    }
}

/* A filter is the node below, with limits or copies of what is read. */
static bool node_filter(Machine *m, OptDict *d, GError **err)
{
    bool throttle = !strcmp(opt_get(d, "driver"), "throttle");
    const char *child = opt_get(d, "file"), *key, *value;
    const OptDict *below = child ? node_find(m, child) : NULL;

    if ((throttle && !opt_get(d, "throttle-group")) || !child) {
        rhea_error_set(err, "Parameter '%s' is missing", child ? "throttle-group" : "file");
        return false;
    }
    if (!below || !opt_get(below, "format") || below == d) {
        rhea_error_set(err, "Cannot find device='' nor node-name='%s'", child);
        return false;
    }
    g_autoptr(OptDict) children = opt_below(d, DRIVE_CHILD_NAME, true); /* below's are its own */
    for (unsigned i = 0; opt_at(below, i, &key, &value); i++) {
        if (strcmp(key, "node-name") && strcmp(key, "id") && strcmp(key, "file") &&
            !opt_get(d, key)) {
            opt_set(d, key, value);
        }
    }
    opt_set(d, "file", opt_get(below, "file"));
    opt_set(d, "id", opt_get(d, "node-name"));
    if (!throttle) {
        opt_set(d, "copy-on-read", "on");
    }
    return true;
}

/* A node whose options only its driver knows: all but those that every node has. */
static bool node_special(Machine *m, OptDict *d, GError **err)
{
    static const char *const common[] = {"node-name",      "read-only",       "auto-read-only",
                                         "discard",        "detect-zeroes",   "cache.direct",
                                         "cache.no-flush", "cache.writeback", "force-share",
                                         "copy-on-read",   "throttle-group",  NULL};
    g_autoptr(OptDict) sub = opt_new();
    const char *key, *value;

    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        if (!g_strv_contains(common, key) && !g_str_has_prefix(key, DRIVE_CHILD_NAME)) {
            opt_set(sub, key, value);
        }
    }
    for (unsigned i = 0; opt_at(sub, i, &key, &value); i++) {
        if (strcmp(key, "driver")) {
            opt_remove(d, key);
        }
    }
    if (!references_resolve(m, sub, err)) {
        return false;
    }
    opt_set_json(d, "file", sub);
    opt_set(d, "format", "raw");
    opt_set(d, "id", opt_get(d, "node-name"));
    cache_map(d);
    return true;
}

/* A node of a driver for files has its path under "filename"; a raw node has a child, in place or
 * by name. */
static bool node_prepare(Machine *m, OptDict *d, GError **err)
{
    const char *key, *value, *path = NULL;
    g_autofree char *url = NULL;

    const char *driver = opt_get(d, "driver"), *name = opt_get(d, "node-name");

    if (!driver || !name) {
        rhea_error_set(err, "Parameter '%s' is missing", driver ? "node-name" : "driver");
        return false;
    }
    if (driver_is_special(driver)) {
        return node_special(m, d, err);
    }
    if (driver_is_format(driver) && !opt_get(d, "file") && !file_describe(m, d, err)) {
        return false;
    }
    const char *child = opt_get(d, "file");
    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        if (!node_key_known(key)) {
            rhea_error_set(err, "Parameter '%s' is unexpected", key);
            return false;
        }
    }
    if (driver_is_filter(driver)) {
        return node_filter(m, d, err);
    }
    if (driver_is_host(driver)) {
        path = opt_get(d, "filename");
    } else if (!strcmp(driver, "nbd")) {
        path = url = nbd_url_take(d, "", err);
        if (!url) {
            return false;
        }
    } else if (strcmp(driver, "raw") && strcmp(driver, "qcow2")) {
        rhea_error_set(err,
                       "Parameter 'driver' does not accept value '%s' (valid: raw, qcow2, file, "
                       "host_device, host_cdrom, nbd, null-co, null-aio, throttle, copy-on-read, "
                       "blkdebug, blkverify, preallocate)",
                       driver);
        return false;
    } else if (child && g_str_has_prefix(child, "json:")) {
        path = child;
    } else if (child) {
        OptDict *node = node_find(m, child);
        path = node ? opt_get(node, "file") : NULL;
        if (!path) {
            rhea_error_set(err, "Cannot find device='' nor node-name='%s'", child);
            return false;
        }
        node_inherit(d, node);
        if (driver_is_format(opt_get(node, "driver"))) {
            g_autoptr(OptDict) below = opt_new();

            describe_row(below, "", node);
            opt_set_json(d, "file", below);
            path = opt_get(d, "file");
        }
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
    if (!strcmp(driver, "host_cdrom")) {
        opt_set(d, "read-only", "on");
    }
    cache_map(d);
    return true;
}

/* "backing" names a node, or is null or empty: then there is none, whatever the image says. */
static bool node_backing(Machine *m, OptDict *d, GError **err)
{
    const char *name = opt_get(d, "backing");
    bool none = opt_kind(d, "backing") == JSON_NULL || (name && !*name);
    OptDict *below = name && !none ? node_find(m, name) : NULL;

    if (name && !none && (!below || !opt_get(below, "file"))) {
        rhea_error_set(err, "Cannot find device='%s' nor node-name='%s'", name, name);
        return false;
    }
    if (below) {
        if (opt_get(below, "backing.file.filename") || opt_get(below, "data-file.filename")) {
            g_autoptr(OptDict) all = opt_new();

            describe_row(all, "", below);
            opt_set_json(d, "backing.file.filename", all);
        } else {
            opt_set(d, "backing.driver", opt_get(below, "format"));
            opt_set(d, "backing.file.filename", opt_get(below, "file"));
        }
    } else if (none) {
        opt_set(d, "backing.file.filename", "");
    } else if (!name && !backing_describe(m, d, err)) {
        return false;
    }
    if (name) {
        opt_remove(d, "backing");
    }
    return true;
}

/* What children are called stays known, however the row is written down: DRIVE_CHILD_NAME. */
static void children_note(Machine *m, OptDict *d)
{
    static const char *const children[] = {"file", "backing", "data-file", NULL};
    g_autoptr(OptDict) names = opt_new();
    const char *key, *value;

    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        const char *dot = strrchr(key, '.');
        const char *last = dot ? dot + 1 : key;
        bool inside = dot && !strcmp(last, "node-name");

        if (inside || (g_strv_contains(children, last) && value && node_find(m, value))) {
            g_autofree char *path = inside ? g_strndup(key, dot - key) : g_strdup(key);

            opt_set(names, path, value);
        }
    }
    opt_copy(d, DRIVE_CHILD_NAME, names);
    for (unsigned i = 0; opt_at(names, i, &key, &value); i++) {
        g_autofree char *full = g_strconcat(key, ".node-name", NULL);

        opt_remove(d, full);
    }
}

bool config_blockdev(Machine *m, OptDict *d, GError **err)
{
    const char *name = opt_get(d, "node-name");
    const OptDict *other = name ? node_find(m, name) : NULL;

    if (other && other != d) {
        rhea_error_set(err, "Duplicate nodes with node-name='%s'", name);
        return false;
    }
    filter_lift(d);
    children_note(m, d);
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

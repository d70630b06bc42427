/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Nodes that are described by options instead of a file's name: "driver=" and what that driver
 * knows, with the nodes below it under "file.", "image." and so on, to any depth. The text form is
 * a name too, "json:{...}": of a drive, a backing file, an argument of a tool.
 *
 * What is not said of a node (read-only, cache, locks) is as the node above has it.
 *
 * Thread: who opens. Test: tests/unit/test-nodes.c, tests/img/test-img.py
 */
#include "io/block/private.h"

#include <string.h>

#include "io/nbd.h"

#define MAX_DEPTH 32

static OptDict *describe_pair(const char *driver, const char *first, const char *second,
                              const char *text)
{
    const char *colon = strchr(text, ':');
    OptDict *d = opt_new();

    opt_set(d, "driver", driver);
    if (colon) {
        g_autofree char *head = g_strndup(text, colon - text);

        if (*head) {
            opt_set(d, first, head);
        }
        opt_set(d, second, colon + 1);
    }
    return d;
}

OptDict *node_describe(const char *path, GError **err)
{
    static const char *const nulls[] = {"null-co", "null-aio"};
    OptDict *d;

    if (g_str_has_prefix(path, "json:")) {
        const char *text = path + 5 + strspn(path + 5, " \t\r\n");

        d = opt_parse(*text == '{' ? text : "{", NULL, err);
        if (!d) {
            rhea_error_prefix(err, "Could not parse the JSON options: ");
            return NULL;
        }
        if (!opt_get(d, "driver") && opt_get(d, "filename")) {
            opt_set(d, "driver", nbd_is_url(opt_get(d, "filename")) ? "nbd" : "file");
        } else if (!opt_get(d, "driver")) {
            rhea_error_set(err, "Must specify either driver or file");
            g_clear_pointer(&d, opt_free);
        }
        return d;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(nulls); i++) {
        if (g_str_has_prefix(path, nulls[i]) && !strcmp(path + strlen(nulls[i]), "://")) {
            d = opt_new();
            opt_set(d, "driver", nulls[i]);
            return d;
        }
    }
    if (g_str_has_prefix(path, "blkdebug:")) {
        return describe_pair("blkdebug", "config", "image.filename", path + 9);
    }
    if (g_str_has_prefix(path, "blkverify:")) {
        return describe_pair("blkverify", "raw.filename", "test.filename", path + 10);
    }
    return NULL;
}

bool node_path_describes(const char *path)
{
    static const char *const heads[] = {"json:", "null-co://", "null-aio://",
                                        "blkdebug:", "blkverify:"};
    bool is = false;

    for (unsigned i = 0; i < G_N_ELEMENTS(heads); i++) {
        is |= g_str_has_prefix(path, heads[i]);
    }
    return is;
}

bool node_driver_is_format(const char *driver)
{
    return !strcmp(driver, "raw") || !strcmp(driver, "qcow2");
}

bool node_check_unused(const OptDict *d, const char *driver, GError **err)
{
    if (opt_check_unused(d, NULL)) {
        return true;
    }
    GError *why = NULL;
    opt_check_unused(d, &why);
    /* "Invalid parameter 'KEY'" */
    g_auto(GStrv) part = g_strsplit(why->message, "'", 3);
    rhea_error_set(err, "Block %s '%s' does not support the option '%s'",
                   node_driver_is_format(driver) ? "format" : "protocol", driver,
                   part[0] ? part[1] : "");
    g_error_free(why);
    return false;
}

/* ---- what every node knows ---- */

static bool common_take(OptDict *d, NodeOptions *c, GError **err)
{
    static const char *const discards[] = {"ignore", "off", "unmap", "on", NULL};
    static const char *const zeroes[] = {"off", "on", "unmap", NULL};
    int discard = c->discard ? 2 : 0, detect = 0;
    bool read_only = c->read_only, writeback = true;

    if (!opt_take_bool(d, "read-only", &read_only, err) ||
        !opt_take_bool(d, "auto-read-only", &c->auto_read_only, err) ||
        !opt_take_bool(d, "cache.direct", &c->direct, err) ||
        !opt_take_bool(d, "cache.no-flush", &c->no_flush, err) ||
        !opt_take_bool(d, "cache.writeback", &writeback, err) ||
        !opt_take_bool(d, "force-share", &c->share_write, err) ||
        !opt_take_enum(d, "discard", discards, &discard, err) ||
        !opt_take_enum(d, "detect-zeroes", zeroes, &detect, err)) {
        return false;
    }
    c->read_only |= read_only;
    c->discard = discard >= 2;
    c->detect_zeroes = detect;
    if (detect == 2 && !c->discard) {
        rhea_error_set(err, "setting detect-zeroes to unmap is not allowed without setting discard "
                            "operation to unmap");
        return false;
    }
    return true;
}

/* ---- drivers ---- */

static BlockNode *open_host(OptDict *d, const char *driver, NodeOptions *c, GError **err)
{
    static const char *const lockings[] = {"on", "off", "auto", NULL};
    static const char *const aios[] = {"threads", "native", "io_uring", NULL};
    int locking = c->no_lock, aio = 0;

    c->path = opt_take(d, "filename");
    if (!c->path) {
        rhea_error_set(err, "The '%s' block driver requires a file name", driver);
        return NULL;
    }
    /* Requests are the worker's of the drive, whatever is said of a node inside. */
    if (!opt_take_enum(d, "locking", lockings, &locking, err) ||
        !opt_take_enum(d, "aio", aios, &aio, err) || !node_check_unused(d, driver, err)) {
        return NULL;
    }
    c->no_lock = locking == 1;
    return node_open_file(c, err);
}

static bool seconds_take(OptDict *d, const char *key, unsigned *out, GError **err)
{
    uint64_t n = *out;

    if (!opt_take_u64(d, key, &n, err)) {
        return false;
    }
    *out = MIN(n, 1u << 30);
    return true;
}

static BlockNode *open_nbd(OptDict *d, NodeOptions *c, GError **err)
{
    const char *name = opt_take(d, "filename");
    g_autofree char *url = name ? g_strdup(name) : nbd_url_take(d, "", err);

    if (!url || !seconds_take(d, "reconnect-delay", &c->reconnect_delay, err) ||
        !seconds_take(d, "open-timeout", &c->open_timeout, err) ||
        !node_check_unused(d, "nbd", err)) {
        return NULL;
    }
    c->path = url;
    return node_open_nbd(c, err);
}

static BlockNode *open_driver(OptDict *d, const char *driver, NodeOptions *c, GError **err)
{
    static const char *const hosts[] = {"file", "host_device", "host_cdrom", NULL};
    BlockNode *n = NULL;

    if (node_driver_is_format(driver)) {
        g_autofree char *json = opt_describe(d), *path = g_strconcat("json:", json, NULL);

        c->path = path;
        return node_open(c, err);
    }
    if (!strcmp(driver, "host_cdrom")) {
        c->read_only = true;
    }
    if (g_strv_contains(hosts, driver)) {
        return open_host(d, driver, c, err);
    }
    if (!strcmp(driver, "nbd")) {
        return open_nbd(d, c, err);
    }
    if (!strcmp(driver, "null-co") || !strcmp(driver, "null-aio")) {
        n = node_open_null(d, driver, c, err);
    } else if (!strcmp(driver, "blkdebug")) {
        n = node_open_blkdebug(d, c, err);
    } else if (!strcmp(driver, "blkverify")) {
        n = node_open_blkverify(d, c, err);
    } else if (!strcmp(driver, "preallocate")) {
        n = node_open_preallocate(d, c, err);
    } else if (!strcmp(driver, "throttle") || !strcmp(driver, "copy-on-read")) {
        rhea_error_set(err, "A node of driver '%s' can only be the topmost one", driver);
    } else {
        rhea_error_set(err, "Unknown driver '%s'", driver);
    }
    if (n && !node_check_unused(d, driver, err)) {
        g_clear_pointer(&n, node_close);
    }
    return n;
}

BlockNode *node_open_described(OptDict *d, const NodeOptions *o, GError **err)
{
    const char *driver = opt_take(d, "driver"), *name = opt_take(d, "node-name");
    NodeOptions c = {.read_only = o->read_only,
                     .auto_read_only = o->auto_read_only,
                     .no_lock = o->no_lock,
                     .share_write = o->share_write,
                     .share_rw = o->share_rw,
                     .no_flush = o->no_flush,
                     .discard = o->discard,
                     .direct = o->direct,
                     .reconnect_delay = o->reconnect_delay,
                     .open_timeout = o->open_timeout,
                     .depth = o->depth + 1};

    if (c.depth > MAX_DEPTH) {
        rhea_error_set(err, "Nodes are nested too deeply");
        return NULL;
    }
    bool format = driver && node_driver_is_format(driver); /* those take their own */
    if (!driver) {
        rhea_error_set(err, "Must specify either driver or file");
        return NULL;
    }
    if (!format && !common_take(d, &c, err)) {
        return NULL;
    }
    BlockNode *n = open_driver(d, driver, &c, err);
    if (n && !format) {
        n->detect_zeroes = c.detect_zeroes;
        n->name = n->name ? n->name : g_strdup(name);
    }
    return n;
}

BlockNode *node_open_child(OptDict *d, const char *name, const NodeOptions *o, bool probe,
                           GError **err)
{
    g_autofree char *prefix = g_strconcat(name, ".", NULL);
    g_autoptr(OptDict) sub = opt_below(d, prefix, true);
    const char *key, *value, *path = opt_get(sub, "filename");

    if (opt_get(d, name)) {
        rhea_error_set(err, "Cannot find device='' nor node-name='%s'", opt_get(d, name));
        return NULL;
    }
    if (!opt_at(sub, 0, &key, &value)) {
        rhea_error_set(err, "A block device must be specified for \"%s\"", name);
        return NULL;
    }
    if (path && !opt_get(sub, "driver") && (probe || !opt_at(sub, 1, &key, &value))) {
        NodeOptions c = *o;

        c.path = path;
        c.format = c.backing = c.backing_format = c.data_file = NULL;
        c.offset = c.size = 0;
        c.depth = o->depth + 1;
        return probe ? node_open(&c, err) : node_open_protocol(&c, err);
    }
    if (path && !opt_get(sub, "driver")) {
        opt_set(sub, "driver", nbd_is_url(path) ? "nbd" : "file");
    }
    return node_open_described(sub, o, err);
}

/* ---- formats ---- */

static const char *kept(GPtrArray *keep, char *text)
{
    g_ptr_array_add(keep, text);
    return text;
}

/* A child as a name: its file's where that says it all. */
static const char *child_path(OptDict *d, const char *prefix, GPtrArray *keep)
{
    g_autoptr(OptDict) sub = opt_below(d, prefix, true);
    const char *key, *value, *driver = opt_get(sub, "driver"), *path = opt_get(sub, "filename");
    unsigned n = 0;

    while (opt_at(sub, n, &key, &value)) {
        n++;
    }
    if (n == 0) {
        return NULL;
    }
    if (path && ((n == 1 && !driver) || (n == 2 && !g_strcmp0(driver, "file")))) {
        return kept(keep, g_strdup(path));
    }
    if (path && !driver) {
        opt_set(sub, "driver", nbd_is_url(path) ? "nbd" : "file");
    }
    g_autofree char *json = opt_describe(sub);
    return kept(keep, g_strconcat("json:", json, NULL));
}

/* Taken, and of no use: rhea's caches have a size of their own, and what overlaps is always
 * checked. */
static void qcow2_hints_take(OptDict *d)
{
    static const char *const keys[] = {
        "lazy-refcounts",       "l2-cache-size",         "refcount-cache-size",
        "cache-size",           "l2-cache-entry-size",   "cache-clean-interval",
        "pass-discard-request", "pass-discard-snapshot", "pass-discard-other",
        "overlap-check",        "overlap-check.template"};

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        opt_take(d, keys[i]);
    }
}

bool node_format_options(OptDict *d, NodeOptions *f, GPtrArray *keep, GError **err)
{
    const char *driver = opt_take(d, "driver"), *name = opt_take(d, "filename"), *below;

    f->format = driver;
    f->node_name = opt_take(d, "node-name");
    if (!common_take(d, f, err)) {
        return false;
    }
    if (opt_get(d, "file")) {
        name = opt_take(d, "file");
        rhea_error_set(err, "Cannot find device='' nor node-name='%s'", name);
        return false;
    }
    below = child_path(d, "file.", keep);
    f->path = below ? below : name;
    if (!f->path) {
        rhea_error_set(err, "A block device must be specified for \"file\"");
        return false;
    }
    if (!strcmp(driver, "raw")) {
        return opt_take_size(d, "offset", &f->offset, err) &&
               opt_take_size(d, "size", &f->size, err) && node_check_unused(d, driver, err);
    }
    qcow2_hints_take(d);
    const char *backing = opt_take(d, "backing");
    if (backing && *backing) {
        rhea_error_set(err, "Cannot find device='' nor node-name='%s'", backing);
        return false;
    }
    const char *kind = opt_get(d, "backing.driver");
    bool protocol = kind && !node_driver_is_format(kind);
    if (!kind && opt_get(d, "backing.file.filename")) {
        /* Its format is to be found out. */
        f->backing = child_path(d, "backing.file.", keep);
    } else {
        f->backing = child_path(d, "backing.", keep);
    }
    f->backing = f->backing ? f->backing : backing;
    f->backing_format = protocol ? "raw" : NULL;
    const char *data = child_path(d, "data-file.", keep);
    f->data_file = data ? data : f->data_file;
    return node_check_unused(d, driver, err);
}

/* ---- filters ---- */

BlockNode *node_new_filter(const BlockDriver *drv, OptDict *d, BlockNode *file)
{
    BlockNode *n = g_new0(BlockNode, 1);
    g_autofree char *json = opt_describe(d);

    n->drv = drv;
    n->filename = g_strdup_printf("json:%s", json);
    n->file = file;
    n->read_only = file->read_only;
    n->size = file->size;
    n->host = file->host;
    n->host.fd = n->host.direct_fd = -1;
    return n;
}

void node_filter_grown(BlockNode *n)
{
    uint64_t now = __atomic_load_n(&n->file->size, __ATOMIC_RELAXED);

    if (now > __atomic_load_n(&n->size, __ATOMIC_RELAXED)) {
        __atomic_store_n(&n->size, now, __ATOMIC_RELAXED);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * "blkdebug": a node that fails requests on their way to the node below ("image."), by rules: to
 * test what is above it, werror= and rerror= for one.
 *
 * inject-error.N: when `event` happens in `state` (0: any), the rules of that event with its state
 * become the ones in force, in place of those of the event before; requests of `iotype` (absent:
 * any that transfers, zeroes, discards or flushes) that touch `sector` (-1: any) then fail with
 * `errno`, with `once` only the first. Rules of event "none" are in force from the start until
 * there are others. set-state.N: when `event` happens in `state`, the state becomes `new_state`; it
 * is 1 at first. `config` names a file of such rules, [inject-error] and [set-state].
 *
 * A request fails in the thread that does it, so `immediately` makes no difference. Events are
 * those of NodeEvent.
 *
 * Lock: BlkDebug.lock. Test: tests/unit/test-nodes.c
 */
#include "io/block/private.h"

#include <errno.h>
#include <string.h>

#include "rhea/error.h"

#define MAX_RULES 1024

enum { IO_READ, IO_WRITE, IO_ZERO, IO_DISCARD, IO_FLUSH, IO_STATUS, N_IO };

typedef struct Rule {
    NodeEvent event;
    bool set_state; /* else inject */
    uint64_t state, new_state;
    int error;
    unsigned io;    /* bits of the kinds */
    int64_t sector; /* or -1 */
    bool once, spent, active;
} Rule;

typedef struct BlkDebug {
    GMutex lock;
    GArray *rules; /* Rule */
    uint64_t state;
} BlkDebug;

static const char *const event_names[N_NODE_EVENTS + 1] = {
    [NODE_EVENT_NONE] = "none",
    [NODE_EVENT_READ_AIO] = "read_aio",
    [NODE_EVENT_READ_BACKING_AIO] = "read_backing_aio",
    [NODE_EVENT_READ_COMPRESSED] = "read_compressed",
    [NODE_EVENT_WRITE_AIO] = "write_aio",
    [NODE_EVENT_WRITE_COMPRESSED] = "write_compressed",
    [NODE_EVENT_L2_LOAD] = "l2_load",
    [NODE_EVENT_REFBLOCK_LOAD] = "refblock_load",
    [NODE_EVENT_COW_READ] = "cow_read",
    [NODE_EVENT_CLUSTER_ALLOC] = "cluster_alloc",
    [NODE_EVENT_FLUSH_TO_OS] = "flush_to_os",
    [NODE_EVENT_FLUSH_TO_DISK] = "flush_to_disk",
    [NODE_EVENT_PWRITEV] = "pwritev",
    [NODE_EVENT_PWRITEV_ZERO] = "pwritev_zero",
    [NODE_EVENT_PWRITEV_DONE] = "pwritev_done",
    NULL,
};

static const char *const io_names[] = {"read",         "write", "write-zeroes", "discard", "flush",
                                       "block-status", NULL};

static Rule *rule_at(BlkDebug *s, unsigned i)
{
    return &g_array_index(s->rules, Rule, i);
}

static void blkdebug_event(BlockNode *n, NodeEvent e)
{
    BlkDebug *s = n->state;
    bool news = false;

    g_mutex_lock(&s->lock);
    uint64_t state = s->state;
    for (unsigned i = 0; i < s->rules->len; i++) {
        Rule *r = rule_at(s, i);

        if (r->event != e || (r->state && r->state != state)) {
            continue;
        }
        if (r->set_state) {
            s->state = r->new_state;
            continue;
        }
        for (unsigned k = 0; !news && k < s->rules->len; k++) {
            rule_at(s, k)->active = false;
        }
        news = true;
        r->active = !r->spent;
    }
    g_mutex_unlock(&s->lock);
}

/* 0, or the error that the request is to fail with. */
static int blkdebug_check(BlockNode *n, unsigned io, uint64_t off, uint64_t len)
{
    BlkDebug *s = n->state;
    int ret = 0;

    g_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->rules->len && ret == 0; i++) {
        Rule *r = rule_at(s, i);
        bool there = r->sector < 0 || ((uint64_t)r->sector * 512 < off + len &&
                                       (uint64_t)r->sector * 512 + 512 > off);

        if (r->active && r->io >> io & 1 && (there || (io == IO_FLUSH && r->sector < 0))) {
            ret = -r->error;
            if (r->once) {
                r->spent = true;
                r->active = false;
            }
        }
    }
    g_mutex_unlock(&s->lock);
    return ret;
}

static int blkdebug_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov,
                           size_t len)
{
    int ret = blkdebug_check(n, IO_READ, off, len);

    return ret < 0 ? ret : node_preadv(n->file, off, iov, niov);
}

static int blkdebug_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov,
                            size_t len)
{
    int ret = blkdebug_check(n, IO_WRITE, off, len);

    ret = ret < 0 ? ret : node_pwritev(n->file, off, iov, niov);
    node_filter_grown(n);
    return ret;
}

static int blkdebug_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap)
{
    int ret = blkdebug_check(n, IO_ZERO, off, len);

    ret = ret < 0 ? ret : node_zero(n->file, off, len, unmap);
    node_filter_grown(n);
    return ret;
}

static int blkdebug_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    int ret = blkdebug_check(n, IO_DISCARD, off, len);

    return ret < 0 ? ret : node_discard(n->file, off, len);
}

static int blkdebug_flush(BlockNode *n)
{
    int ret = blkdebug_check(n, IO_FLUSH, 0, 0);

    return ret < 0 ? ret : node_flush(n->file);
}

static int blkdebug_status(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e)
{
    int ret = blkdebug_check(n, IO_STATUS, off, len);

    return ret < 0 ? ret : node_status(n->file, off, len, e);
}

static bool blkdebug_truncate(BlockNode *n, uint64_t size, NodePrealloc how, GError **err)
{
    bool ok = node_truncate(n->file, size, how, err);

    n->size = n->file->size;
    return ok;
}

static void blkdebug_close(BlockNode *n)
{
    BlkDebug *s = n->state;

    g_array_unref(s->rules);
    g_mutex_clear(&s->lock);
    g_free(s);
}

static const BlockDriver block_driver_blkdebug = {
    .name = "blkdebug",
    .protocol = true,
    .preadv = blkdebug_preadv,
    .pwritev = blkdebug_pwritev,
    .zero = blkdebug_zero,
    .discard = blkdebug_discard,
    .flush = blkdebug_flush,
    .status = blkdebug_status,
    .truncate = blkdebug_truncate,
    .close = blkdebug_close,
    .event = blkdebug_event,
};

/* ---- rules ---- */

static bool rule_take(OptDict *d, bool set_state, Rule *r, GError **err)
{
    const char *section = set_state ? "set-state" : "inject-error";
    const char *event = opt_take(d, "event"), *sector = opt_take(d, "sector");
    uint64_t error = EIO;
    bool immediately = false;
    int e = 0, io = -1;

    *r = (Rule){.set_state = set_state, .sector = -1};
    if (!event) {
        rhea_error_set(err, "Missing event name for rule");
        return false;
    }
    if (!opt_take_enum(d, "event", event_names, &e, err) ||
        !opt_take_u64(d, "state", &r->state, err)) {
        return false;
    }
    r->event = e;
    if (set_state ? !opt_take_u64(d, "new_state", &r->new_state, err)
                  : !opt_take_u64(d, "errno", &error, err) ||
                        !opt_take_enum(d, "iotype", io_names, &io, err) ||
                        !opt_take_bool(d, "once", &r->once, err) ||
                        !opt_take_bool(d, "immediately", &immediately, err) ||
                        (sector && !opt_value_i64("sector", sector, &r->sector, err))) {
        return false;
    }
    if (error == 0 || error > 4095 || r->sector < -1 || r->sector > INT64_MAX / 512 - 1) {
        rhea_error_set(err, "[%s] %s is out of range", section,
                       error == 0 || error > 4095 ? "errno" : "sector");
        return false;
    }
    r->error = error;
    r->io = io < 0 ? (1 << IO_STATUS) - 1 : 1 << io;
    r->active = !set_state && r->event == NODE_EVENT_NONE && r->state <= 1;
    GError *why = NULL;
    if (!opt_check_unused(d, &why)) {
        g_auto(GStrv) part = g_strsplit(why->message, "'", 3);
        rhea_error_set(err, "[%s] section doesn't support the option '%s'", section,
                       part[0] ? part[1] : "");
        g_error_free(why);
        return false;
    }
    return true;
}

static bool rule_add(BlkDebug *s, OptDict *d, bool set_state, GError **err)
{
    Rule r;

    if (s->rules->len >= MAX_RULES) {
        rhea_error_set(err, "blkdebug: more than %d rules", MAX_RULES);
        return false;
    }
    if (!rule_take(d, set_state, &r, err)) {
        return false;
    }
    g_array_append_val(s->rules, r);
    return true;
}

/* inject-error.0.event= and so on. */
static bool rules_take(BlkDebug *s, OptDict *d, bool set_state, GError **err)
{
    for (unsigned i = 0;; i++) {
        g_autofree char *prefix =
            g_strdup_printf("%s.%u.", set_state ? "set-state" : "inject-error", i);
        g_autoptr(OptDict) sub = opt_below(d, prefix, true);
        const char *key, *value;

        if (!opt_at(sub, 0, &key, &value)) {
            return true;
        }
        if (!rule_add(s, sub, set_state, err)) {
            return false;
        }
    }
}

/* The form of -readconfig: [inject-error], then lines key = "value". */
static bool config_read(BlkDebug *s, const char *path, GError **err)
{
    g_autofree char *text = NULL;
    g_autoptr(OptDict) d = NULL;
    bool set_state = false;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        rhea_error_set(err, "Could not read blkdebug config file: %s", path);
        return false;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]), *equals = strchr(line, '=');

        if (*line == 0 || *line == '#') {
            continue;
        }
        bool inject = !strcmp(line, "[inject-error]"), set = !strcmp(line, "[set-state]");
        if (inject || set) {
            if (d && !rule_add(s, d, set_state, err)) {
                return false;
            }
            g_clear_pointer(&d, opt_free);
            d = opt_new();
            set_state = set;
            continue;
        }
        if (!d || !equals || *line == '[') {
            rhea_error_set(err, "%s:%u: Could not parse blkdebug config file", path, i + 1);
            return false;
        }
        *equals = 0;
        char *value = g_strstrip(equals + 1);
        size_t n = strlen(value);
        if (n >= 2 && *value == '"' && value[n - 1] == '"') {
            value[n - 1] = 0;
            value++;
        }
        opt_set(d, g_strstrip(line), value);
    }
    return !d || rule_add(s, d, set_state, err);
}

BlockNode *node_open_blkdebug(OptDict *d, const NodeOptions *o, GError **err)
{
    g_autoptr(OptDict) all = opt_below(d, "", false);
    const char *config = opt_take(d, "config");
    BlkDebug *s = g_new0(BlkDebug, 1);
    BlockNode *file = NULL;

    g_mutex_init(&s->lock);
    s->rules = g_array_new(FALSE, FALSE, sizeof(Rule));
    s->state = 1;
    if ((!config || config_read(s, config, err)) && rules_take(s, d, false, err) &&
        rules_take(s, d, true, err)) {
        file = node_open_child(d, "image", o, false, err);
    }
    if (!file) {
        g_array_unref(s->rules);
        g_mutex_clear(&s->lock);
        g_free(s);
        return NULL;
    }
    BlockNode *n = node_new_filter(&block_driver_blkdebug, all, file);
    n->state = s;
    return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Throttling. See include/io/throttle.h.
 *
 * Each limit is a bucket in terms of time: `due` is when everything so far would be done at the
 * limit's rate. A request may start when that is no more than `depth` ahead of the clock, and moves
 * it on by its cost. A limit with a burst has a second bucket for the burst's own rate.
 *
 * Lock: ThrottleGroup.lock. Test: tests/unit/test-block.c
 */
#include "io/throttle.h"

#include <string.h>

#include "io/node.h"
#include "softmmu/machine.h"
#include "softmmu/opts.h"

#define USEC 1000000.0

enum { TOTAL, READ, WRITE, KINDS };

typedef struct Bucket {
    double rate;  /* units a second; 0: no limit */
    double depth; /* microseconds */
    double due;   /* monotonic microseconds */
} Bucket;

struct ThrottleGroup {
    gint refs;
    char *id; /* of the object, or NULL */
    GMutex lock;
    Bucket bytes[KINDS][2], ops[KINDS][2];
    uint64_t op_size; /* bytes that count as one operation; 0: any */
};

static const char *const kinds[KINDS] = {"total", "read", "write"};

bool throttle_key_known(const char *key, const char *prefix)
{
    static const char *const tails[] = {"", "-max", "-max-length", NULL};
    size_t n = strlen(prefix);

    if (strncmp(key, prefix, n) != 0) {
        return false;
    }
    key += n;
    if (strcmp(key, "iops-size") == 0 || strcmp(key, "group") == 0) {
        return true;
    }
    for (unsigned i = 0; i < 2 * KINDS; i++) {
        g_autofree char *base = g_strdup_printf("%s-%s", i & 1 ? "iops" : "bps", kinds[i / 2]);

        if (g_str_has_prefix(key, base) && g_strv_contains(tails, key + strlen(base))) {
            return true;
        }
    }
    return false;
}

static bool take(OptDict *o, const char *prefix, const char *unit, const char *kind,
                 const char *tail, uint64_t *val, GError **err)
{
    g_autofree char *key = g_strdup_printf("%s%s-%s%s", prefix, unit, kind, tail);

    return opt_take_size(o, key, val, err);
}

/* One limit; *any is set if there is one. */
static bool limit_take(OptDict *o, const char *prefix, const char *unit, const char *kind,
                       Bucket *b, bool *any, GError **err)
{
    uint64_t avg = 0, max = 0, length = 1;

    if (!take(o, prefix, unit, kind, "", &avg, err) ||
        !take(o, prefix, unit, kind, "-max", &max, err) ||
        !take(o, prefix, unit, kind, "-max-length", &length, err)) {
        return false;
    }
    if (avg > 1000000000000000 || max > 1000000000000000) {
        rhea_error_set(err, "bps/iops/max values must be within [0, 1000000000000000]");
        return false;
    }
    if (length == 0 || (length > 1 && !max)) {
        rhea_error_set(err, length ? "burst length set without burst rate"
                                   : "the burst length cannot be 0");
        return false;
    }
    if (max && !avg) {
        rhea_error_set(err, "bps_max/iops_max require corresponding bps/iops values");
        return false;
    }
    if (max && max < avg) {
        rhea_error_set(err, "bps_max/iops_max cannot be lower than bps/iops");
        return false;
    }
    b[0].rate = avg;
    b[0].depth = max ? (double)max * length / avg * USEC : USEC / 10;
    if (max && length > 1) {
        b[1] = (Bucket){.rate = max, .depth = USEC / 10};
    }
    *any |= avg != 0;
    return true;
}

/* even_if_none: a group without any limit is one too. */
static ThrottleGroup *group_take(OptDict *o, const char *prefix, bool even_if_none, GError **err)
{
    ThrottleGroup *g = g_new0(ThrottleGroup, 1);
    g_autofree char *size_key = g_strdup_printf("%siops-size", prefix);
    bool any = false, ok = opt_take_size(o, size_key, &g->op_size, err);

    g->refs = 1;
    g_mutex_init(&g->lock);
    for (unsigned k = 0; k < KINDS && ok; k++) {
        ok = limit_take(o, prefix, "bps", kinds[k], g->bytes[k], &any, err) &&
             limit_take(o, prefix, "iops", kinds[k], g->ops[k], &any, err);
    }
    for (unsigned i = 0; i < 2 && ok; i++) {
        const Bucket(*b)[2] = i ? g->ops : g->bytes;

        if (b[TOTAL][0].rate && (b[READ][0].rate || b[WRITE][0].rate)) {
            rhea_error_set(err, "bps/iops/max total values and read/write values cannot be used "
                                "at the same time");
            ok = false;
        }
    }
    if (!ok || !(any || even_if_none)) {
        throttle_unref(g);
        return NULL;
    }
    return g;
}

ThrottleGroup *throttle_new(OptDict *o, const char *prefix, GError **err)
{
    return group_take(o, prefix, false, err);
}

/* The names of the object's own properties, beside those in "limits.": x-bps-total and so on. */
static void plain_names_take(OptDict *o)
{
    const char *key, *value;

    for (unsigned i = 0; opt_at(o, i, &key, &value); i++) {
        if (g_str_has_prefix(key, "x-") && throttle_key_known(key, "x-")) {
            g_autofree char *full = g_strconcat("limits.", key + 2, NULL);

            opt_mark_used(o, key);
            if (!opt_get(o, full)) {
                opt_set(o, full, value);
            }
        }
    }
}

bool throttle_check(OptDict *o, GError **err)
{
    plain_names_take(o);
    ThrottleGroup *g = group_take(o, "limits.", true, err);

    throttle_unref(g);
    return g != NULL;
}

/* A reference to one that is there already, or NULL. */
static ThrottleGroup *group_known(Machine *m, const char *id)
{
    for (unsigned i = 0; m->throttles && i < m->throttles->len; i++) {
        ThrottleGroup *g = g_ptr_array_index(m->throttles, i);

        if (strcmp(g->id, id) == 0) {
            return throttle_ref(g);
        }
    }
    return NULL;
}

/* g belongs to the machine from now on; another reference to it. */
static ThrottleGroup *group_keep(Machine *m, ThrottleGroup *g, const char *id)
{
    g->id = g_strdup(id);
    m->throttles = m->throttles ? m->throttles : g_ptr_array_new();
    g_ptr_array_add(m->throttles, g);
    return throttle_ref(g);
}

bool throttle_drive(Machine *m, OptDict *o, ThrottleGroup **out, GError **err)
{
    const char *id = opt_take(o, "throttling.group");
    GError *why = NULL;
    ThrottleGroup *own = id ? group_take(o, "throttling.", true, &why) : NULL;

    *out = NULL;
    if (why) {
        g_propagate_error(err, why);
        return false;
    }
    if (id) {
        *out = group_known(m, id);
        if (*out) {
            throttle_unref(own); /* the limits are those of the first drive that names it */
        } else {
            *out = group_keep(m, own, id);
        }
    }
    return true;
}

ThrottleGroup *throttle_find(Machine *m, const char *id, GError **err)
{
    ThrottleGroup *known = group_known(m, id);

    if (known) {
        return known;
    }
    for (unsigned i = 0; m->objects && i < m->objects->len; i++) {
        OptDict *o = g_ptr_array_index(m->objects, i);

        if (g_strcmp0(opt_get(o, "id"), id) != 0 ||
            g_strcmp0(opt_get(o, "qom-type"), "throttle-group") != 0) {
            continue;
        }
        plain_names_take(o);
        ThrottleGroup *g = group_take(o, "limits.", true, err);
        if (!g) {
            rhea_error_prefix(err, "throttle-group %s: ", id);
            return NULL;
        }
        return group_keep(m, g, id);
    }
    rhea_error_set(err, "there is no -object throttle-group,id=%s", id);
    return NULL;
}

void throttles_free(GPtrArray *list)
{
    for (unsigned i = 0; list && i < list->len; i++) {
        throttle_unref(g_ptr_array_index(list, i));
    }
    if (list) {
        g_ptr_array_unref(list);
    }
}

ThrottleGroup *throttle_ref(ThrottleGroup *g)
{
    g_atomic_int_inc(&g->refs);
    return g;
}

void throttle_unref(ThrottleGroup *g)
{
    if (g && g_atomic_int_dec_and_test(&g->refs)) {
        g_mutex_clear(&g->lock);
        g_free(g->id);
        g_free(g);
    }
}

/* Earliest time by this bucket. */
static double bucket_time(const Bucket *b, double now)
{
    return b->rate ? MAX(now, b->due - b->depth) : now;
}

static void bucket_fill(Bucket *b, double start, double units)
{
    if (b->rate) {
        b->due = MAX(b->due, start) + units / b->rate * USEC;
    }
}

int64_t throttle_start(ThrottleGroup *g, const BlockRequest *r)
{
    bool read = r->op == BLOCK_READ;
    double now = g_get_monotonic_time(), start = now;

    if (!read && r->op != BLOCK_WRITE && r->op != BLOCK_WRITE_ZEROES) {
        return 0;
    }
    double bytes = r->op == BLOCK_WRITE_ZEROES ? r->len : iov_length(r->iov, r->niov);
    double ops = g->op_size ? MAX(1, bytes / g->op_size) : 1;
    const unsigned which[2] = {TOTAL, read ? READ : WRITE};

    g_mutex_lock(&g->lock);
    for (unsigned i = 0; i < 4; i++) {
        unsigned k = which[i / 2];

        start = MAX(start, bucket_time(&g->bytes[k][i % 2], now));
        start = MAX(start, bucket_time(&g->ops[k][i % 2], now));
    }
    for (unsigned i = 0; i < 4; i++) {
        unsigned k = which[i / 2];

        bucket_fill(&g->bytes[k][i % 2], start, bytes);
        bucket_fill(&g->ops[k][i % 2], start, ops);
    }
    g_mutex_unlock(&g->lock);
    return start > now ? (int64_t)start : 0;
}

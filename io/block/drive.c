/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* -drive and -blockdev by id. See include/io/drive.h. Test: tests/unit/test-block.c */
#include "io/drive.h"

#include "io/throttle.h"

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

BlockBackend *drive_open(Machine *m, const char *id, bool share, OptDict **opts, GError **err)
{
    /* Where a drive sits says nothing to a device that names it. */
    static const char *const place[] = {"if",          "index",        "bus",    "unit",
                                        "media",       "node-name",    "driver", "filename",
                                        "file.driver", "file.filename"};
    OptDict *o = find_in(m->drives, "id", id);

    if (!o) {
        o = find_in(m->blockdevs, "node-name", id);
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
    if (share && !opt_get(o, "locking")) {
        opt_set(o, "locking", "off");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(place); i++) {
        opt_mark_used(o, place[i]);
    }
    *opts = o;
    const char *group = opt_take(o, "throttle-group");
    ThrottleGroup *g;
    if (group ? !(g = throttle_find(m, group, err)) : !throttle_drive(m, o, &g, err)) {
        return NULL;
    }
    /* With -icount a run depends on nothing but the guest. */
    BlockBackend *b = block_open_drive(o, m->icount_shift != -1, err);
    if (g && b) {
        block_set_throttle(b, g);
    } else {
        throttle_unref(g);
    }
    return b;
}

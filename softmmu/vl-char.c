/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -chardev, -serial, -parallel, -monitor, -mon and -qmp: the character devices of the command line
 * and who talks on them.
 *
 * Main thread, once all options are known. Test: tests/cli/
 */
#include "qmp.h"
#include "vl.h"

bool config_chardevs(CommandLine *c, GError **err)
{
    for (unsigned i = 0; i < c->chardevs->len; i++) {
        OptDict *d = g_ptr_array_index(c->chardevs, i);
        if (!chardev_new(c->m->chars, d, err)) {
            g_prefix_error(err, "%s: ", opt_location(d));
            return false;
        }
    }
    return true;
}

static bool make_short(CommandLine *c, const char *label, const char *text, const char *where,
                       Chardev **out, GError **err)
{
    if (!chardev_new_short(c->m->chars, label, text, out, err)) {
        if (where) {
            g_prefix_error(err, "%s: ", where);
        }
        return false;
    }
    return !*out || !chardev_wants_monitor(*out) || monitor_new(c->m, *out, err);
}

static bool make_monitor(CommandLine *c, unsigned i, const char *text, const char *where,
                         GError **err)
{
    g_autofree char *label = g_strdup_printf("compat_monitor%u", i);
    Chardev *chr;
    return make_short(c, label, text, where, &chr, err) &&
           (!chr || chardev_wants_monitor(chr) || monitor_new(c->m, chr, err));
}

bool config_qmps(CommandLine *c, GError **err)
{
    for (unsigned i = 0; i < c->qmps->len; i++) {
        ShortChardev *s = g_ptr_array_index(c->qmps, i);
        g_autofree char *label = g_strdup_printf("compat_monitor%u", c->monitors->len + i);
        Chardev *chr;
        if (!make_short(c, label, s->text, s->where, &chr, err) ||
            (chr && !qmp_new(c->m, chr, err))) {
            return false;
        }
    }
    return true;
}

bool config_mons(CommandLine *c, GError **err)
{
    static const char *const modes[] = {"readline", "control", NULL};
    for (unsigned i = 0; i < c->mons->len; i++) {
        OptDict *d = g_ptr_array_index(c->mons, i);
        const char *id = opt_take(d, "chardev");
        Chardev *chr = id ? chardev_find(c->m->chars, id) : NULL;
        int mode = 0;
        opt_mark_used(d, "id");
        if (!chr) {
            rhea_error_set(err, "chardev \"%s\" not found", id ? id : "");
        } else if (opt_take_enum(d, "mode", modes, &mode, err)) {
            opt_mark_used(d, "pretty");
        }
        if ((err && *err) || !opt_check_unused(d, err) ||
            !(mode == 1 ? qmp_new : monitor_new)(c->m, chr, err)) {
            g_prefix_error(err, "%s: ", opt_location(d));
            return false;
        }
    }
    return true;
}

bool config_consoles(CommandLine *c, GError **err)
{
    Machine *m = c->m;
    bool defaults = !m->no_defaults;
    bool want_serial = defaults && !c->serials->len;
    bool want_monitor = defaults && !c->monitors->len && !c->mons->len && !c->qmps->len;
    for (unsigned i = 0; i < c->serials->len; i++) {
        ShortChardev *s = g_ptr_array_index(c->serials, i);
        want_monitor &= !g_str_has_prefix(s->text, "mon:");
    }
    for (unsigned i = 0; i < c->parallels->len; i++) {
        ShortChardev *s = g_ptr_array_index(c->parallels, i);
        g_autofree char *label = g_strdup_printf("parallel%u", i);
        Chardev *chr;
        if (!make_short(c, label, s->text, s->where, &chr, err)) {
            return false;
        }
    }
    bool shared = want_serial && want_monitor && c->nographic;
    const char *plain = c->nographic ? "stdio" : "vc";
    if (want_monitor && !shared && !make_monitor(c, 0, plain, NULL, err)) {
        return false;
    }
    for (unsigned i = 0; i < c->monitors->len; i++) {
        ShortChardev *s = g_ptr_array_index(c->monitors, i);
        if (!make_monitor(c, i, s->text, s->where, err)) {
            return false;
        }
    }
    if (want_serial) {
        return make_short(c, "serial0", shared ? "mon:stdio" : plain, NULL, &m->serial[0], err);
    }
    for (unsigned i = 0; i < c->serials->len; i++) {
        ShortChardev *s = g_ptr_array_index(c->serials, i);
        g_autofree char *label = g_strdup_printf("serial%u", i);
        if (!make_short(c, label, s->text, s->where, &m->serial[i], err)) {
            return false;
        }
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -netdev, -nic and -net: back ends, and the cards that come with them.
 *
 * -nic makes both. -net nic and -net user are an older way to say the same; with several of them
 * all are on one hub. Without any of these options a board may bring a card of its own. Main
 * thread, before the board. Test: tests/cli/
 */
#include "io/net.h"
#include "vl.h"

#include <string.h>

/* Models by the names that boards' cards have. */
static const char *card_driver(const char *model)
{
    return !model || strcmp(model, "virtio") == 0 ? "virtio-net" : model;
}

static char *unused_id(Machine *m)
{
    return g_strdup_printf("__net%u", m->netdevs->len);
}

/* A card's -device row. Cards of -nic and -net stand before what -device asks for. */
static void add_card(CommandLine *c, const OptDict *from, const char *netdev, const char *mac)
{
    static const char *const keys[] = {"addr", "vectors", "bus", NULL};
    OptDict *d = opt_new();

    opt_set(d, "driver", card_driver(opt_get(from, "model")));
    if (netdev) {
        opt_set(d, "netdev", netdev);
    }
    if (mac) {
        opt_set(d, "mac", mac);
    }
    for (unsigned i = 0; keys[i]; i++) {
        if (opt_get(from, keys[i])) {
            opt_set(d, keys[i], opt_get(from, keys[i]));
        }
    }
    opt_set_location(d, opt_location(from));
    g_ptr_array_insert(c->m->devices, c->n_cards++, d);
}

/* What is left of d for the back end; its id. */
static const char *add_netdev(CommandLine *c, OptDict *d)
{
    static const char *const card_keys[] = {"model",   "mac", "macaddr", "addr",
                                            "vectors", "bus", NULL};
    g_autofree char *id = unused_id(c->m);

    for (unsigned i = 0; card_keys[i]; i++) {
        opt_remove(d, card_keys[i]);
    }
    if (!opt_get(d, "id")) {
        opt_set(d, "id", id);
    }
    g_ptr_array_add(c->m->netdevs, d);
    return opt_get(d, "id");
}

static OptDict *copy(const OptDict *d)
{
    OptDict *o = opt_new();
    const char *key, *value;

    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        opt_set(o, key, value);
    }
    opt_set_location(o, opt_location(d));
    return o;
}

bool config_nic(CommandLine *c, OptDict *d, GError **err)
{
    const char *type = opt_get(d, "type");
    OptDict *card;

    c->net_given = true;
    if (!type) {
        rhea_error_set(err, "Parameter 'type' is missing");
        opt_free(d);
        return false;
    }
    if (strcmp(type, "none") == 0) {
        opt_free(d);
        return true;
    }
    card = copy(d);
    const char *mac = opt_get(card, "mac") ? opt_get(card, "mac") : opt_get(card, "macaddr");
    add_card(c, card, add_netdev(c, d), mac);
    opt_free(card);
    return true;
}

bool config_net_old(CommandLine *c, OptDict *d, GError **err)
{
    const char *type = opt_get(d, "type");
    bool nic = type && strcmp(type, "nic") == 0;

    c->net_given = true;
    if (type && strcmp(type, "none") == 0) {
        opt_free(d);
        return true;
    }
    if (!c->old_nics) {
        c->old_nics = g_ptr_array_new();
        c->old_nets = g_ptr_array_new();
    }
    g_ptr_array_add(nic ? c->old_nics : c->old_nets, d);
    return true;
}

/* More than one of a kind: all are on hub 0, cards that name no netdev= and back ends alike. */
static const char *add_hub_port(CommandLine *c, const char *netdev, const char *location)
{
    OptDict *d = opt_parse("hubport,hubid=0", "type", NULL);

    if (netdev) {
        opt_set(d, "netdev", netdev);
    }
    opt_set_location(d, location);
    return add_netdev(c, d);
}

static void pair_old(CommandLine *c)
{
    unsigned cards = 0, nets = c->old_nets ? c->old_nets->len : 0;
    const char *net = NULL;

    for (unsigned i = 0; c->old_nics && i < c->old_nics->len; i++) {
        cards += !opt_get(g_ptr_array_index(c->old_nics, i), "netdev");
    }
    bool hub = nets && cards && nets + cards > 2;
    for (unsigned i = 0; i < nets; i++) {
        OptDict *d = g_ptr_array_index(c->old_nets, i);

        net = add_netdev(c, d);
        if (hub) {
            add_hub_port(c, net, opt_location(d));
        }
    }
    for (unsigned i = 0; c->old_nics && i < c->old_nics->len; i++) {
        OptDict *card = g_ptr_array_index(c->old_nics, i);
        const char *netdev = opt_get(card, "netdev");

        if (!netdev) {
            netdev = hub ? add_hub_port(c, NULL, opt_location(card)) : net;
        }
        add_card(c, card, netdev, opt_get(card, "macaddr"));
    }
}

static bool add_filters(Machine *m, GError **err)
{
    for (unsigned i = 0; i < m->objects->len; i++) {
        OptDict *d = g_ptr_array_index(m->objects, i);

        if (strcmp(opt_get(d, "qom-type"), "filter-dump") == 0 && !net_add_dump(m, d, err)) {
            g_prefix_error(err, "%s: ", opt_location(d));
            return false;
        }
    }
    return true;
}

bool config_net(CommandLine *c, GError **err)
{
    Machine *m = c->m;

    pair_old(c);
    if (!c->net_given && !m->no_defaults && m->netdevs->len == 0 && m->desc->default_nic) {
        OptDict *d = opt_parse("user", "type", NULL);

        opt_set(d, "model", m->desc->default_nic);
        opt_set_location(d, "default network card");
        if (!config_nic(c, d, err)) {
            return false;
        }
    }
    m->nets = g_ptr_array_new();
    for (unsigned i = 0; i < m->netdevs->len; i++) {
        OptDict *d = g_ptr_array_index(m->netdevs, i);
        const char *id = opt_get(d, "id");
        NetBackend *b;

        if (id && net_find(m, id)) {
            rhea_error_set(err, "%s: Duplicate ID '%s' for netdev", opt_location(d), id);
            return false;
        }
        b = net_open(m, d, err);
        if (!b) {
            g_prefix_error(err, "%s: ", opt_location(d));
            return false;
        }
        g_ptr_array_add(m->nets, b);
    }
    return add_filters(m, err);
}

void config_net_check(const Machine *m)
{
    for (unsigned i = 0; m->nets && i < m->nets->len; i++) {
        const NetBackend *b = g_ptr_array_index(m->nets, i);

        if (!net_attached(b)) {
            rhea_warn_report("netdev %s has no peer", net_id(b));
        }
    }
}

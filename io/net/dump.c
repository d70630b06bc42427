/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -object filter-dump: the frames of a back end into a file, in the format of libpcap (version 2.4,
 * draft-ietf-opsawg-pcap; in the host's byte order, microseconds, Ethernet).
 *
 * Threads: the back end's; its queues share a file, hence the lock. A file that cannot be written
 * is closed with a warning.
 *
 * Test: tests/unit/test-net-link.c
 */
#include "io/net/internal.h"
#include "rhea/error.h"

#include <errno.h>
#include <stdio.h>

struct NetDump {
    GMutex lock; /* file */
    char *id;
    FILE *file; /* NULL: given up */
    uint32_t max_len;
    unsigned ways; /* NET_DUMP_* */
};

typedef struct PcapHeader {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy, snap_len, link_type;
} PcapHeader;

typedef struct PcapRecord {
    uint32_t sec, usec, len, whole_len;
} PcapRecord;

static void dump_failed(NetDump *d)
{
    rhea_warn_report("filter-dump %s: cannot write: %s", d->id, g_strerror(errno));
    fclose(d->file);
    d->file = NULL;
}

void net_dump_frame(GPtrArray *dumps, unsigned way, const uint8_t *frame, size_t len)
{
    int64_t now = g_get_real_time();

    for (unsigned i = 0; i < dumps->len; i++) {
        NetDump *d = g_ptr_array_index(dumps, i);
        PcapRecord r = {now / G_USEC_PER_SEC, now % G_USEC_PER_SEC, 0, len};

        r.len = MIN(len, d->max_len);
        g_mutex_lock(&d->lock);
        /* A reader sees whole records at any moment. */
        if (d->file && d->ways & way &&
            (fwrite(&r, sizeof(r), 1, d->file) != 1 || fwrite(frame, 1, r.len, d->file) != r.len ||
             fflush(d->file))) {
            dump_failed(d);
        }
        g_mutex_unlock(&d->lock);
    }
}

void net_dump_free(gpointer dump)
{
    NetDump *d = dump;

    if (d->file) {
        fclose(d->file);
    }
    g_mutex_clear(&d->lock);
    g_free(d->id);
    g_free(d);
}

bool net_add_dump(Machine *m, OptDict *o, GError **err)
{
    static const char *const queues[] = {"all", "rx", "tx", NULL};
    static const unsigned ways[] = {NET_DUMP_RX | NET_DUMP_TX, NET_DUMP_RX, NET_DUMP_TX};
    const char *netdev = opt_take(o, "netdev"), *path = opt_take(o, "file");
    bool on = true;
    uint64_t max_len = 65536;
    int queue = 0;
    NetBackend *b;

    if (!netdev || !path) {
        rhea_error_set(err, "Parameter '%s' is missing", netdev ? "file" : "netdev");
        return false;
    }
    b = net_find(m, netdev);
    if (!b) {
        rhea_error_set(err, "Parameter 'netdev' expects a network backend id ('%s' is none)",
                       netdev);
        return false;
    }
    if (!opt_take_enum(o, "queue", queues, &queue, err) || !opt_take_bool(o, "status", &on, err) ||
        !opt_take_u64(o, "maxlen", &max_len, err)) {
        return false;
    }
    if (max_len == 0 || max_len > UINT32_MAX) {
        rhea_error_set(err, "Property 'filter-dump.maxlen' doesn't take value '%s'",
                       opt_get(o, "maxlen"));
        return false;
    }
    if (!on) {
        return true;
    }
    FILE *file = fopen(path, "we");
    PcapHeader h = {0xa1b2c3d4, 2, 4, 0, 0, max_len, 1};
    if (!file || fwrite(&h, sizeof(h), 1, file) != 1 || fflush(file)) {
        rhea_error_set(err, "net dump: can't open %s: %s", path, g_strerror(errno));
        if (file) {
            fclose(file);
        }
        return false;
    }
    NetDump *d = g_new0(NetDump, 1);
    g_mutex_init(&d->lock);
    d->id = g_strdup(opt_get(o, "id"));
    d->file = file;
    d->max_len = max_len;
    d->ways = ways[queue];
    if (!b->dumps) {
        b->dumps = g_ptr_array_new_with_free_func(net_dump_free);
        for (unsigned q = 1; q < net_queue_count(b); q++) {
            net_queue(b, q)->dumps = g_ptr_array_ref(b->dumps);
        }
    }
    g_ptr_array_add(b->dumps, d);
    return true;
}

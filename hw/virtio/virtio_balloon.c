/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio memory balloon: memory that the guest gives up goes back to the host.
 *
 * Specification: VIRTIO 1.2, 5.5: inflating and deflating (5.5.6), statistics (5.5.6.3), free page
 * hinting (5.5.6.5), page poison (5.5.6.6), free page reporting (5.5.6.7).
 *
 * Pages in the balloon and reported ones are given back at once; they come again, zeroed, when the
 * guest touches them, so that deflating needs nothing. A guest that fills free pages with a value
 * other than 0 keeps those that it reports.
 *
 * Statistics: the driver's buffer stays in the ring after it was read, and is given back to ask for
 * new ones. Hints are for migration: the device never asks for them (the command is "stop"),
 * and returns what comes.
 *
 * With free page hinting queue 3 has the hints and queue 4 the reports. Without, Linux and the
 * reference number the queues that there are, the specification leaves 3 out: both are taken.
 *
 * Lock: the device's. Test: tests/unit/test-virtio-misc.c, tests/boot (balloon)
 */
#include "hw/balloon.h"
#include "hw/virtio_pci.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>
#include <string.h>

enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_STATS, QUEUE_HINTS, QUEUE_REPORTS, QUEUES };

enum {
    F_STATS_VQ = 1,
    F_DEFLATE_ON_OOM = 2,
    F_FREE_PAGE_HINT = 3,
    F_PAGE_POISON = 4,
    F_PAGE_REPORTING = 5,
};

/* Little-endian in the legacy interface, too (5.5.4). */
enum { CFG_NUM_PAGES = 0, CFG_ACTUAL = 4, CFG_HINT_CMD = 8, CFG_POISON = 12, CFG_SIZE = 16 };

#define QUEUE_SIZE 128
#define PFN_SHIFT  12
#define STAT_SIZE  10 /* tag, value */

#define VIRTIO_BALLOON_STATE(F, A, D, N)                                                           \
    VIRTIO_STATE(N, QUEUES)                                                                        \
    F(uint32_t, num_pages, KEEP) /* that are asked for */                                          \
    F(uint32_t, actual, 0)                                                                         \
    F(uint32_t, poison, 0)                                                                         \
    F(int64_t, last_update, 0)                                                                     \
    A(uint64_t, stats, BALLOON_STATS, UINT64_MAX)

STATE(virtio_balloon, VirtioBalloonState, VIRTIO_BALLOON_STATE, Timer poll;
      /* Properties. */
      bool deflate_on_oom; bool hint; bool reporting; bool page_poison; int64_t poll_interval;)

// clang-format off
PROPS(virtio_balloon, VirtioBalloonState,
    PROP("deflate-on-oom", BOOL, deflate_on_oom, "off", PUBLIC, "the guest may take pages back when it runs out"),
    PROP("free-page-hint", BOOL, hint, "off", PUBLIC, "offered; nobody here asks for hints"),
    PROP("free-page-reporting", BOOL, reporting, "off", PUBLIC, "free pages go back to the host"),
    PROP("page-poison", BOOL, page_poison, "on", PUBLIC, "the guest may say what it fills free pages with"),
    PROP("guest-stats-polling-interval", I64, poll_interval, NULL, PUBLIC, "seconds; 0: never"),
    VIRTIO_PROPS)
// clang-format on

/* ---- pages ---- */

typedef struct Run {
    hwaddr start, end;
} Run;

/* Give guest-physical [start, end) back, as far as it is RAM. */
static void run_discard(VirtioBalloonState *s, Run run)
{
    while (run.start < run.end) {
        MemSection sec;

        memory_lookup(s->dev.machine->as, run.start, &sec);
        uint64_t len = MIN(run.end - run.start, sec.len);
        if (sec.kind == MEM_RAM) {
            ram_block_discard(sec.block, sec.ra - sec.block->start, len);
        } else {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: pages at 0x%" PRIx64 " are no RAM\n",
                          device_name(s), run.start);
        }
        run.start += len;
    }
}

/* An array of page numbers; neighbours go back together. */
static void inflate(VirtioBalloonState *s, const VirtElem *e)
{
    Run run = {0, 0};
    uint8_t word[4];

    for (uint64_t at = 0; iov_get(e->out, e->n_out, at, word, 4) == 4; at += 4) {
        hwaddr page = (hwaddr)virtio_get32(s->vio, word) << PFN_SHIFT;

        if (page == run.end && run.start < run.end) {
            run.end += 1 << PFN_SHIFT;
        } else if (page + (1 << PFN_SHIFT) == run.start && run.start < run.end) {
            run.start = page;
        } else {
            run_discard(s, run);
            run = (Run){page, page + (1 << PFN_SHIFT)};
        }
    }
    run_discard(s, run);
}

/* Pieces of writable memory that are free. */
static void report(VirtioBalloonState *s, const VirtElem *e)
{
    if (virtio_has(s->vio, F_PAGE_POISON) && s->poison) {
        return;
    }
    for (unsigned i = 0; i < e->n_in; i++) {
        uint64_t offset;
        RamBlock *b = ram_block_from_host(s->dev.ms, e->in[i].iov_base, &offset);

        if (!b || !ram_block_discard(b, offset, e->in[i].iov_len)) {
            rhea_log_mask(LOG_DEVICE, "%s: reported pages stay\n", device_name(s));
        }
    }
}

/* ---- statistics ---- */

static void stats_read(VirtioBalloonState *s, const VirtElem *e)
{
    uint8_t stat[STAT_SIZE];

    memset(s->stats, 0xff, sizeof(s->stats));
    for (uint64_t at = 0; iov_get(e->out, e->n_out, at, stat, STAT_SIZE) == STAT_SIZE;
         at += STAT_SIZE) {
        uint16_t tag = virtio_get16(s->vio, stat);

        if (tag < BALLOON_STATS) {
            s->stats[tag] = virtio_get64(s->vio, stat + 2);
        }
    }
    s->last_update = clock_get_ns(s->dev.machine->clocks, CLK_HOST) / NS_PER_SEC;
}

/* The buffer that waits, or (give) that waited, in the queue. */
static void stats_look(VirtioBalloonState *s, bool give)
{
    VirtElem *e = virtqueue_pop(s->vio, &s->vq[QUEUE_STATS], sizeof(*e));

    if (!e) {
        return;
    }
    if (give) {
        virtqueue_push(s->vio, e, 0);
    } else {
        stats_read(s, e);
        virtqueue_unpop(s->vio, e);
    }
    g_free(e);
    if (give) {
        stats_look(s, false); /* none, most likely: then the next one is announced */
    }
}

static void poll_arm(VirtioBalloonState *s)
{
    if (s->poll_interval) {
        timer_mod(&s->poll, clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL) +
                                s->poll_interval * NS_PER_SEC);
    }
}

static void poll_timer(void *opaque)
{
    VirtioBalloonState *s = opaque;

    device_lock(s);
    if (virtio_has(s->vio, F_STATS_VQ) && virtio_running(s->vio)) {
        stats_look(s, true);
    }
    poll_arm(s);
    device_unlock(s);
}

/* ---- device ---- */

static void virtio_balloon_notify(void *opaque, VirtQueue *q)
{
    VirtioBalloonState *s = opaque;
    VirtElem *e;

    if (q->index == QUEUE_STATS) {
        stats_look(s, false);
        return;
    }
    while ((e = virtqueue_pop(s->vio, q, sizeof(*e)))) {
        if (q->index == QUEUE_INFLATE) {
            inflate(s, e);
        } else if (q->index == QUEUE_REPORTS ||
                   (q->index == QUEUE_HINTS && !virtio_has(s->vio, F_FREE_PAGE_HINT))) {
            report(s, e);
        }
        virtqueue_push(s->vio, e, 0);
        g_free(e);
    }
}

static void virtio_balloon_config_get(void *opaque, uint8_t *config)
{
    VirtioBalloonState *s = opaque;

    pci_put32(config + CFG_NUM_PAGES, s->num_pages);
    pci_put32(config + CFG_ACTUAL, s->actual);
    pci_put32(config + CFG_HINT_CMD, 0); /* stop */
    pci_put32(config + CFG_POISON, s->poison);
}

static void virtio_balloon_config_set(void *opaque, const uint8_t *config, unsigned offset,
                                      unsigned size)
{
    VirtioBalloonState *s = opaque;
    uint64_t pages = s->dev.machine->ram_size >> PFN_SHIFT;

    s->actual = MIN(pci_get32(config + CFG_ACTUAL), pages);
    if (virtio_has(s->vio, F_PAGE_POISON)) {
        s->poison = pci_get32(config + CFG_POISON);
    }
}

static void virtio_balloon_clear(void *opaque)
{
    VirtioBalloonState *s = opaque;

    s->actual = 0;
    s->poison = 0;
    s->last_update = 0;
    memset(s->stats, 0xff, sizeof(s->stats));
}

static bool virtio_balloon_post_load(void *opaque, GError **err)
{
    VirtioBalloonState *s = opaque;
    uint64_t pages = s->dev.machine->ram_size >> PFN_SHIFT;

    if (s->actual > pages || s->num_pages > pages) {
        rhea_error_set(err, "snapshot: a balloon of %u pages in a machine of %" PRIu64,
                       MAX(s->actual, s->num_pages), pages);
        return false;
    }
    poll_arm(s);
    return true;
}

static VirtioBalloonState *balloon_find(Machine *m)
{
    Device *d;

    for (unsigned i = 0; (d = device_at(m, i)); i++) {
        if (strcmp(d->cls->name, "virtio-balloon-device") == 0) {
            return (VirtioBalloonState *)d;
        }
    }
    return NULL;
}

static bool virtio_balloon_realize(void *opaque, GError **err)
{
    VirtioBalloonState *s = opaque;
    uint64_t features = 1u << F_STATS_VQ;

    if (balloon_find(s->dev.machine)) {
        rhea_error_set(err, "Only one balloon device is supported");
        return false;
    }
    if (s->poll_interval < 0 || s->poll_interval > UINT32_MAX) {
        rhea_error_set(err, s->poll_interval < 0 ? "timer value must be greater than zero"
                                                 : "timer value is too big");
        return false;
    }
    features |= s->deflate_on_oom ? 1u << F_DEFLATE_ON_OOM : 0;
    features |= s->hint ? 1u << F_FREE_PAGE_HINT : 0;
    features |= s->page_poison ? 1u << F_PAGE_POISON : 0;
    features |= s->reporting ? 1u << F_PAGE_REPORTING : 0;
    if (!virtio_init(s, s->vq, QUEUES, features, err)) {
        return false;
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        if (i < QUEUE_HINTS || s->reporting || (i == QUEUE_HINTS && s->hint)) {
            virtio_queue_init(s->vio, i, QUEUE_SIZE);
        }
    }
    timer_init(&s->poll, s->dev.machine->clocks, CLK_VIRTUAL, poll_timer, s);
    poll_arm(s);
    return true;
}

static void virtio_balloon_unrealize(void *opaque)
{
    VirtioBalloonState *s = opaque;

    s->poll_interval = 0;
    timer_del_sync(&s->poll);
}

// clang-format off
VIRTIO_DEVICE(virtio_balloon, VirtioBalloonState, "virtio-balloon", DEVICE_MISC, 1,
    .id = VIRTIO_ID_BALLOON,
    .config_size = CFG_SIZE,
    .config_get = virtio_balloon_config_get,
    .config_set = virtio_balloon_config_set,
    .notify = virtio_balloon_notify,
    .reset = virtio_balloon_clear,
    .post_load = virtio_balloon_post_load);
// clang-format on

VIRTIO_PCI(virtio_balloon, "virtio-balloon", DEVICE_MISC, .pci.class_code = 0x00ff00,
           .legacy_device = 0x1002, .vectors = 2);

/* ---- monitors ---- */

static VirtioBalloonState *balloon_get(Machine *m, GError **err)
{
    VirtioBalloonState *s = balloon_find(m);

    if (!s) {
        rhea_error_set(err, "No balloon device has been activated");
    }
    return s;
}

bool balloon_set(Machine *m, uint64_t target, GError **err)
{
    VirtioBalloonState *s = balloon_get(m, err);

    if (!s) {
        return false;
    }
    if (target == 0) {
        rhea_error_set(err, "Parameter 'target' expects a size");
        return false;
    }
    device_lock(s);
    s->num_pages = target < m->ram_size ? (m->ram_size - target) >> PFN_SHIFT : 0;
    virtio_config_changed(s->vio);
    device_unlock(s);
    return true;
}

bool balloon_info(Machine *m, BalloonInfo *info, GError **err)
{
    VirtioBalloonState *s = balloon_get(m, err);

    if (!s) {
        return false;
    }
    device_lock(s);
    info->actual = m->ram_size - ((uint64_t)s->actual << PFN_SHIFT);
    info->last_update = s->last_update;
    memcpy(info->stats, s->stats, sizeof(info->stats));
    device_unlock(s);
    return true;
}

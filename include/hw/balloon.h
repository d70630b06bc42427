/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The machine's memory balloon, for monitors: hw/virtio/virtio_balloon.c. Any thread. */
#ifndef HW_BALLOON_H
#define HW_BALLOON_H

#include "hw/device.h"

/* Statistics by the numbers of VIRTIO 1.2, 5.5.6.3.1. */
enum {
    BALLOON_STAT_SWAP_IN,
    BALLOON_STAT_SWAP_OUT,
    BALLOON_STAT_MAJOR_FAULTS,
    BALLOON_STAT_MINOR_FAULTS,
    BALLOON_STAT_FREE_MEMORY,
    BALLOON_STAT_TOTAL_MEMORY,
    BALLOON_STAT_AVAILABLE_MEMORY,
    BALLOON_STAT_DISK_CACHES,
    BALLOON_STAT_HTLB_PGALLOC,
    BALLOON_STAT_HTLB_PGFAIL,
    BALLOON_STAT_OOM_KILLS,
    BALLOON_STAT_ALLOC_STALLS,
    BALLOON_STAT_SCAN_ASYNC,
    BALLOON_STAT_SCAN_DIRECT,
    BALLOON_STAT_RECLAIM_ASYNC,
    BALLOON_STAT_RECLAIM_DIRECT,
    BALLOON_STATS,
};

typedef struct BalloonInfo {
    uint64_t actual;               /* bytes the guest has */
    int64_t last_update;           /* of the statistics: seconds since 1970, 0: there are none */
    uint64_t stats[BALLOON_STATS]; /* UINT64_MAX: the guest did not say */
} BalloonInfo;

/* Ask the guest to keep `target` bytes. False and *err: no balloon, or no sense. */
bool balloon_set(Machine *m, uint64_t target, GError **err);
bool balloon_info(Machine *m, BalloonInfo *info, GError **err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio rings that the host's kernel works on (vhost, <linux/vhost.h>): it reads and writes rings
 * and buffers in the guest's memory. A kick of the driver becomes a write to the ring's kick
 * eventfd; what the kernel writes to its call eventfd becomes an interrupt, by the main loop.
 *
 * All with the device's lock held, but for vhost_open() and vhost_close(): main thread, without.
 *
 * What the kernel writes is not noticed as code. A guest that runs code out of a page has to store
 * it there itself, or by another device.
 *
 * Test: tests/unit/test-vhost.c (against a kernel that the test plays)
 */
#ifndef HW_VHOST_H
#define HW_VHOST_H

#include "hw/virtio.h"
#include "softmmu/mainloop.h"

#define VHOST_RINGS_MAX 2

typedef struct Vhost Vhost;

typedef struct VhostRing {
    Vhost *h;
    VirtQueue *q;
    int kick, call; /* eventfds */
    MainFd *watch;
} VhostRing;

struct Vhost {
    VirtioCore *v;
    int fd;            /* -1: there is none */
    uint64_t features; /* of the kernel */
    unsigned n_rings;
    bool running, paused; /* paused: it was running when the machine stopped */
    VhostRing ring[VHOST_RINGS_MAX];
    /* The kernel's worker goes on, or stops: what is special to the kind of device. */
    bool (*run)(Vhost *h, bool on);
};

/*
 * h->v, n_rings, ring[].q and run are set; virtio_init() was called: features that the kernel has
 * not are taken from those that the device offers, for the bits of `mask`. fd is h's from now on.
 * False and *err, in one line.
 */
bool vhost_open(Vhost *h, int fd, uint64_t mask, GError **err);
void vhost_close(Vhost *h);
/* The driver is there: hand over the rings. Failure makes the device broken. */
void vhost_start(Vhost *h);
/* Take the rings back; where they are is in the VirtQueues afterwards. */
void vhost_stop(Vhost *h);
/* The driver kicked ring i. */
void vhost_kick(Vhost *h, unsigned i);
/* A descriptor's number (vhostfd=), or the opened device. -1 and *err. */
int vhost_device(const char *fd, const char *path, GError **err);

#endif

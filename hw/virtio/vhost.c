/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Rings in the hands of the host's kernel; see hw/vhost.h.
 *
 * Interface: <linux/vhost.h>. The order of calls is that of a ring's life there: owner, features,
 * memory, then for each ring size, base, addresses and eventfds, then the back end.
 *
 * Split rings only. The kernel keeps last_avail; used_idx is the used ring's own index, and is read
 * from there when a ring comes back.
 */
#include "hw/vhost.h"
#include "hw/virtio/private.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"
#include "softmmu/opts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REGIONS_MAX 64 /* what the kernel takes by default */

/* What the kernel's answer counts for: features of the rings themselves. */
#define RING_FEATURES                                                                              \
    (UINT64_C(1) << VIRTIO_F_INDIRECT_DESC | UINT64_C(1) << VIRTIO_F_EVENT_IDX |                   \
     UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_F_RING_PACKED |                     \
     UINT64_C(1) << VIRTIO_F_RING_RESET | UINT64_C(1) << VIRTIO_F_NOTIFY_ON_EMPTY |                \
     UINT64_C(1) << VIRTIO_F_ANY_LAYOUT)
/* What is not for this code, whatever the kernel says. */
#define NEVER (UINT64_C(1) << VIRTIO_F_RING_PACKED | UINT64_C(1) << VIRTIO_F_RING_RESET)

int vhost_device(const char *fd, const char *path, GError **err)
{
    uint64_t n;

    if (!fd) {
        int opened = open(path, O_RDWR | O_CLOEXEC);

        if (opened < 0) {
            rhea_error_set(err, "the host's kernel has no vhost device: %s: %s", path,
                           g_strerror(errno));
        }
        return opened;
    }
    if (!opt_value_u64("vhostfd", fd, &n, err)) {
        return -1;
    }
    if (n > INT32_MAX || fcntl(n, F_GETFD) < 0) {
        rhea_error_set(err, "vhostfd=%s: %s", fd, g_strerror(EBADF));
        return -1;
    }
    fcntl(n, F_SETFD, FD_CLOEXEC);
    return n;
}

static void call_heard(void *opaque, GIOCondition ready)
{
    VhostRing *r = opaque;
    uint64_t count;

    if (read(r->call, &count, sizeof(count)) != sizeof(count)) {
        return; /* somebody else did */
    }
    device_lock(r->h->v->dev);
    if (r->h->running) {
        virtio_interrupt(r->h->v, VIRTIO_ISR_QUEUE, r->q->vector);
    }
    device_unlock(r->h->v->dev);
}

/* The guest's memory changes only while the machine runs. */
static void run_change(void *opaque, bool running)
{
    Vhost *h = opaque;

    device_lock(h->v->dev);
    if (!running) {
        h->paused = h->running;
        vhost_stop(h);
    } else if (h->paused) {
        h->paused = false;
        vhost_start(h);
    }
    device_unlock(h->v->dev);
}

bool vhost_open(Vhost *h, int fd, uint64_t mask, GError **err)
{
    h->fd = fd;
    if (ioctl(fd, VHOST_SET_OWNER, NULL) || ioctl(fd, VHOST_GET_FEATURES, &h->features)) {
        rhea_error_set(err, "vhost: the kernel refuses: %s", g_strerror(errno));
        close(fd);
        h->fd = -1;
        return false;
    }
    h->v->features &= (h->features & ~NEVER) | ~(mask | RING_FEATURES);
    for (unsigned i = 0; i < h->n_rings; i++) {
        VhostRing *r = &h->ring[i];

        r->h = h;
        r->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r->watch = mainloop_add_fd(h->v->dev->machine->loop, r->call, G_IO_IN, call_heard, r);
    }
    machine_add_run_change(h->v->dev->machine, run_change, h);
    return true;
}

void vhost_close(Vhost *h)
{
    if (h->fd < 0) {
        return;
    }
    machine_remove_run_change(h->v->dev->machine, h);
    device_lock(h->v->dev);
    vhost_stop(h);
    device_unlock(h->v->dev);
    close(h->fd);
    h->fd = -1;
    for (unsigned i = 0; i < h->n_rings; i++) {
        mainloop_remove_fd(h->ring[i].watch);
        close(h->ring[i].kick);
        close(h->ring[i].call);
    }
}

/* All RAM that the device can reach. */
static bool set_memory(Vhost *h)
{
    g_autofree struct vhost_memory *m =
        g_malloc0(sizeof(*m) + REGIONS_MAX * sizeof(struct vhost_memory_region));
    MemSection s;

    for (hwaddr at = 0, next; m->nregions < REGIONS_MAX; at = next) {
        if (memory_lookup(h->v->dev->dma, at, &s) == MEM_RAM) {
            m->regions[m->nregions++] = (struct vhost_memory_region){
                .guest_phys_addr = at,
                .memory_size = s.len,
                .userspace_addr = (uintptr_t)s.host,
            };
        }
        next = at + s.len;
        if (next <= at) {
            break;
        }
    }
    return ioctl(h->fd, VHOST_SET_MEM_TABLE, m) == 0;
}

static bool ring_start(Vhost *h, unsigned i)
{
    VhostRing *r = &h->ring[i];
    struct vhost_vring_state num = {i, r->q->num}, base = {i, r->q->last_avail};
    struct vhost_vring_file kick = {i, r->kick}, call = {i, r->call};
    struct vhost_vring_addr addr = {
        .index = i,
        .desc_user_addr = (uintptr_t)r->q->desc_host,
        .avail_user_addr = (uintptr_t)r->q->avail_host,
        .used_user_addr = (uintptr_t)r->q->used_host,
    };

    return !ioctl(h->fd, VHOST_SET_VRING_NUM, &num) && !ioctl(h->fd, VHOST_SET_VRING_BASE, &base) &&
           !ioctl(h->fd, VHOST_SET_VRING_ADDR, &addr) &&
           !ioctl(h->fd, VHOST_SET_VRING_KICK, &kick) && !ioctl(h->fd, VHOST_SET_VRING_CALL, &call);
}

void vhost_start(Vhost *h)
{
    uint64_t features = h->v->driver_features & h->features;
    bool ok = true;

    if (h->fd < 0 || h->running || !virtio_running(h->v)) {
        return;
    }
    for (unsigned i = 0; i < h->n_rings; i++) {
        if (!h->ring[i].q->ready) {
            return; /* the driver does without */
        }
        if (!virtq_usable(h->v, h->ring[i].q)) {
            return; /* broken now */
        }
    }
    ok = !ioctl(h->fd, VHOST_SET_FEATURES, &features) && set_memory(h);
    for (unsigned i = 0; ok && i < h->n_rings; i++) {
        ok = ring_start(h, i);
    }
    if (!ok || !h->run(h, true)) {
        virtio_error(h->v, "vhost: the kernel refuses the rings: %s", g_strerror(errno));
        return;
    }
    h->running = true;
    for (unsigned i = 0; i < h->n_rings; i++) {
        vhost_kick(h, i); /* what came before */
    }
}

void vhost_stop(Vhost *h)
{
    if (!h->running) {
        return;
    }
    h->running = false;
    h->run(h, false);
    for (unsigned i = 0; i < h->n_rings; i++) {
        VirtQueue *q = h->ring[i].q;
        struct vhost_vring_state base = {i, 0};

        /* Returns when the worker has left the ring. */
        if (ioctl(h->fd, VHOST_GET_VRING_BASE, &base) == 0 && q->used_host) {
            q->last_avail = base.num;
            q->used_idx = virtq_ld16(h->v, q->used_host + 2);
        }
        q->signalled_ok = false;
    }
}

void vhost_kick(Vhost *h, unsigned i)
{
    uint64_t one = 1;

    if (!h->running) {
        vhost_start(h);
    } else {
        while (write(h->ring[i].kick, &one, sizeof(one)) < 0 && errno == EINTR) {
        }
    }
}

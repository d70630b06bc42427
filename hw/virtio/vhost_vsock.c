/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio socket device (AF_VSOCK) whose packets the host's kernel carries.
 *
 * Specification: VIRTIO 1.2, 5.10; <linux/vhost.h>, VHOST_VSOCK_*.
 *
 * The kernel has the receive and the transmit queue. The event queue only tells of migration
 * (5.10.6.7, transport reset): its buffers stay in the ring.
 *
 * A driver reset takes the rings back at once. Lock: the device's. Test: tests/unit/test-vhost.c
 */
#include "hw/vhost.h"
#include "hw/virtio_pci.h"
#include "rhea/error.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/vhost.h>
#include <linux/vm_sockets.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { QUEUE_RX, QUEUE_TX, QUEUE_EVENT, QUEUES };
enum { F_STREAM = 0, F_SEQPACKET = 1 };

#define QUEUE_SIZE  128
#define CONFIG_SIZE 8 /* guest_cid */
#define DEVICE_PATH "/dev/vhost-vsock"

#define VHOST_VSOCK_STATE(F, A, D, N) VIRTIO_STATE(N, QUEUES)

STATE(vhost_vsock, VhostVsockState, VHOST_VSOCK_STATE, Vhost vhost;
      /* Properties. */
      uint64_t guest_cid; char *vhostfd; bool seqpacket;)

// clang-format off
PROPS(vhost_vsock, VhostVsockState,
    PROP("guest-cid", U64, guest_cid, "0", PUBLIC, "the guest's address, 3 to 4294967294"),
    PROP("vhostfd", STRING, vhostfd, NULL, PUBLIC, "an open " DEVICE_PATH),
    PROP("seqpacket", BOOL, seqpacket, "on", PUBLIC, "on/off, where the kernel has it"),
    VIRTIO_PROPS)
// clang-format on

static bool vsock_run(Vhost *h, bool on)
{
    return ioctl(h->fd, VHOST_VSOCK_SET_RUNNING, &(int){on}) == 0;
}

static void vhost_vsock_config_get(void *opaque, uint8_t *config)
{
    VhostVsockState *s = opaque;

    virtio_put64(s->vio, config, s->guest_cid);
}

static void vhost_vsock_notify(void *opaque, VirtQueue *q)
{
    VhostVsockState *s = opaque;

    if (q->index < QUEUE_EVENT) {
        vhost_kick(&s->vhost, q->index);
    }
}

static void vhost_vsock_start(void *opaque)
{
    vhost_start(&((VhostVsockState *)opaque)->vhost);
}

static void vhost_vsock_stop(void *opaque)
{
    vhost_stop(&((VhostVsockState *)opaque)->vhost);
}

/* Where the rings are is known afterwards. They go on when the machine does, or with a kick. */
static void vhost_vsock_drain(void *opaque)
{
    device_lock(opaque);
    vhost_vsock_stop(opaque);
    device_unlock(opaque);
}

static bool vhost_vsock_post_load(void *opaque, GError **err)
{
    vhost_vsock_start(opaque);
    return true;
}

static bool vhost_vsock_realize(void *opaque, GError **err)
{
    VhostVsockState *s = opaque;
    Vhost *h = &s->vhost;
    int fd;

    h->fd = -1;
    if (s->guest_cid <= VMADDR_CID_HOST || s->guest_cid >= UINT32_MAX) {
        rhea_error_set(err, s->guest_cid > VMADDR_CID_HOST
                                ? "guest-cid property must be a 32-bit number"
                                : "guest-cid property must be greater than 2");
        return false;
    }
    if (!virtio_init(s, s->vq, QUEUES, s->seqpacket ? 1u << F_SEQPACKET : 0, err) ||
        (fd = vhost_device(s->vhostfd, DEVICE_PATH, err)) < 0) {
        return false;
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        virtio_queue_init(s->vio, i, QUEUE_SIZE);
    }
    h->v = s->vio;
    h->n_rings = QUEUE_EVENT;
    h->run = vsock_run;
    for (unsigned i = 0; i < QUEUE_EVENT; i++) {
        h->ring[i].q = &s->vq[i];
    }
    if (!vhost_open(h, fd, 1u << F_STREAM | 1u << F_SEQPACKET, err)) {
        return false;
    }
    if (ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &s->guest_cid)) {
        rhea_error_set(err, "guest-cid=%" PRIu64 ": %s", s->guest_cid, g_strerror(errno));
        vhost_close(h);
        return false;
    }
    return true;
}

static void vhost_vsock_unrealize(void *opaque)
{
    vhost_close(&((VhostVsockState *)opaque)->vhost);
}

// clang-format off
VIRTIO_DEVICE(vhost_vsock, VhostVsockState, "vhost-vsock", DEVICE_MISC, 1,
    .id = VIRTIO_ID_VSOCK,
    .config_size = CONFIG_SIZE,
    .config_get = vhost_vsock_config_get,
    .notify = vhost_vsock_notify,
    .start = vhost_vsock_start,
    .stop = vhost_vsock_stop,
    .drain = vhost_vsock_drain,
    .post_load = vhost_vsock_post_load);
// clang-format on

VIRTIO_PCI_MODERN(vhost_vsock, "vhost-vsock", DEVICE_MISC, .pci.class_code = 0x078000);

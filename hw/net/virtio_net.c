/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio network device: queue pairs and the control queue.
 *
 * Specification: VIRTIO 1.2, 5.1 (5.1.3 features, 5.1.4 configuration, 5.1.6 operation: header,
 * mergeable buffers 5.1.6.4, control queue 5.1.6.5, queue pairs 5.1.6.5.5).
 *
 * Checksum and segmentation offload are offered when the back end takes such frames (tap does):
 * headers are then passed on, in both directions.
 *
 * A queue pair belongs to a queue of the back end, and to its thread: frames for the guest come
 * there, and without buffers wait; frames of the guest are taken from the ring there and leave
 * from the guest's memory, without the lock. With -icount, or a back end that cannot, the vCPU that
 * kicks copies them into the back end's queue. With vhost the host's kernel has the rings, without
 * the filters; a driver with short headers does without it.
 *
 * Lock: the device's; NetPair.sending is held, outside it, while frames leave.
 * Test: tests/unit/test-net.c, tests/net
 */
#include "hw/vhost.h"
#include "hw/virtio_pci.h"
#include "hw/bootorder.h"
#include "hw/net.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/ioctl.h>

/* 5.1.2: receiveq and transmitq of each pair, then the control queue (after the first pair if the
 * driver knows of no more). */
#define PAIRS_MAX   32
#define QUEUES      (2 * PAIRS_MAX + 1)
#define QUEUE_RX(i) (2 * (i))
#define QUEUE_TX(i) (2 * (i) + 1)

enum {
    F_CSUM = 0,
    F_GUEST_CSUM = 1,
    F_MTU = 3,
    F_MAC = 5,
    F_GUEST_TSO4 = 7,
    F_GUEST_TSO6 = 8,
    F_GUEST_ECN = 9,
    F_HOST_TSO4 = 11,
    F_HOST_TSO6 = 12,
    F_HOST_ECN = 13,
    F_MRG_RXBUF = 15,
    F_STATUS = 16,
    F_CTRL_VQ = 17,
    F_CTRL_RX = 18,
    F_CTRL_VLAN = 19,
    F_CTRL_RX_EXTRA = 20,
    F_MQ = 22,
    F_CTRL_MAC_ADDR = 23,
};

enum { CFG_MAC = 0, CFG_STATUS = 6, CFG_PAIRS = 8, CFG_MTU = 10, CFG_SIZE = 12 };
enum { STATUS_LINK_UP = 1 };

/* struct virtio_net_hdr: without mergeable buffers or VERSION_1 it ends before num_buffers. */
enum {
    HDR_FLAGS = 0,
    HDR_GSO_TYPE = 1,
    HDR_WORDS = 2,
    HDR_NUM_BUFFERS = 10,
    HDR_SHORT = 10,
    HDR_SIZE = 12
};
enum { FLAG_NEEDS_CSUM = 1 };
enum { GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4, GSO_ECN = 0x80 };
G_STATIC_ASSERT(HDR_SIZE == NET_HEADER);

enum { CTRL_RX = 0, CTRL_MAC = 1, CTRL_VLAN = 2, CTRL_MQ = 4 };
enum { MQ_PAIRS_SET = 0 };
enum { MAC_TABLE_SET = 0, MAC_ADDR_SET = 1 };
enum { RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST, RX_MODES };
enum { ACK_OK = 0, ACK_ERR = 1 };

#define MAC_SIZE     NET_MAC_SIZE
#define MACS_MAX     64
#define VLAN_WORDS   128 /* 4096 bits */
#define BUFFERS_MAX  64  /* of one frame */
#define BATCH        16  /* frames that leave together */
#define QUEUE_MIN    256
#define CTRL_SIZE    64
#define CTRL_REQ_MAX 4096

#define VIRTIO_NET_STATE(F, A, D, N)                                                               \
    VIRTIO_STATE(N, QUEUES)                                                                        \
    A(uint8_t, mac, MAC_SIZE, KEEP)                                                                \
    A(uint8_t, rx_mode, RX_MODES, 0)                                                               \
    F(uint8_t, n_uni, 0) /* of macs[]: unicast ones first */                                       \
    F(uint8_t, n_multi, 0)                                                                         \
    F(bool, uni_overflow, false)                                                                   \
    F(bool, multi_overflow, false)                                                                 \
    A(uint8_t, macs, MACS_MAX *MAC_SIZE, 0)                                                        \
    A(uint32_t, vlans, VLAN_WORDS, 0)                                                              \
    F(uint16_t, pairs, 1) /* in use */

typedef struct NetPair {
    struct VirtioNetState *s;
    unsigned i;
    NetBackend *net; /* or NULL */
    Vhost vhost;
    int vhost_to; /* what the kernel is to work on */
    GMutex sending;
} NetPair;

STATE(virtio_net, VirtioNetState, VIRTIO_NET_STATE, NetBackend *net; uint8_t own_mac[MAC_SIZE];
      bool offload; /* the back end takes and gives headers */
      bool collect; /* and collects frames */
      NetPair pair[PAIRS_MAX]; uint16_t max_pairs;
      /* Properties. */
      char *mac_text; char *netdev; bool mrg_rxbuf; bool link_status; bool ctrl_vq; bool ctrl_rx;
      bool ctrl_vlan; bool ctrl_rx_extra; bool ctrl_mac_addr; uint16_t host_mtu;
      uint16_t rx_queue_size; uint16_t tx_queue_size; bool mq; int32_t bootindex; bool offloads[12];
      char *tx;)

// clang-format off
#define OFFLOAD(NAME, I) \
    PROP(NAME, BOOL, offloads[I], "on", PUBLIC, "offered if the back end can")
PROPS(virtio_net, VirtioNetState,
    PROP("mac", STRING, mac_text, NULL, PUBLIC, "Ethernet 6-byte MAC Address, example: 52:54:00:12:34:56"),
    PROP("netdev", NETDEV, netdev, NULL, PUBLIC, "ID of a netdev to use as a backend"),
    PROP("mrg_rxbuf", BOOL, mrg_rxbuf, "on", PUBLIC, "on/off"),
    PROP("status", BOOL, link_status, "on", PUBLIC, "on/off"),
    PROP("ctrl_vq", BOOL, ctrl_vq, "on", PUBLIC, "on/off"),
    PROP("ctrl_rx", BOOL, ctrl_rx, "on", PUBLIC, "on/off"),
    PROP("ctrl_vlan", BOOL, ctrl_vlan, "on", PUBLIC, "on/off"),
    PROP("ctrl_rx_extra", BOOL, ctrl_rx_extra, "on", PUBLIC, "on/off"),
    PROP("ctrl_mac_addr", BOOL, ctrl_mac_addr, "on", PUBLIC, "on/off"),
    PROP("host_mtu", U16, host_mtu, "0", PUBLIC, "largest frame's payload; 0: not told"),
    PROP("rx_queue_size", U16, rx_queue_size, "256", PUBLIC, "descriptors, a power of two from 256 to 1024"),
    PROP("tx_queue_size", U16, tx_queue_size, "256", PUBLIC, "descriptors, a power of two from 256 to 1024"),
    PROP("mq", BOOL, mq, "off", PUBLIC, "as many queue pairs as the netdev has queues"),
    BOOT_PROP(bootindex, "ethernet-phy@0"),
    PROP("tx", STRING, tx, NULL, PUBLIC, "taken, has no effect"),
    OFFLOAD("csum", 0), OFFLOAD("gso", 1), OFFLOAD("guest_csum", 2), OFFLOAD("guest_tso4", 3),
    OFFLOAD("guest_tso6", 4), OFFLOAD("guest_ecn", 5), OFFLOAD("guest_ufo", 6), OFFLOAD("host_tso4", 7),
    OFFLOAD("host_tso6", 8), OFFLOAD("host_ecn", 9), OFFLOAD("host_ufo", 10), OFFLOAD("guest_announce", 11),
    VIRTIO_PROPS)
// clang-format on

static size_t header_size(const VirtioNetState *s)
{
    return virtio_has(s->vio, F_MRG_RXBUF) || virtio_has(s->vio, VIRTIO_F_VERSION_1) ? HDR_SIZE
                                                                                     : HDR_SHORT;
}

/* ---- to the network ---- */

/* 5.1.6.2: what the header asks for was negotiated. */
static bool offload_allowed(const VirtioNetState *s, const uint8_t *header)
{
    const VirtioCore *v = s->vio;
    unsigned flags = header[HDR_FLAGS] & FLAG_NEEDS_CSUM, gso = header[HDR_GSO_TYPE];

    if (!flags && gso == GSO_NONE) {
        return true;
    }
    if (!flags || !virtio_has(v, F_CSUM) || (gso & GSO_ECN && !virtio_has(v, F_HOST_ECN))) {
        return false;
    }
    gso &= ~GSO_ECN;
    return gso == GSO_NONE || (gso == GSO_TCPV4 && virtio_has(v, F_HOST_TSO4)) ||
           (gso == GSO_TCPV6 && virtio_has(v, F_HOST_TSO6));
}

/* The words between the driver's byte order and the back end's, little-endian. */
static void header_swap(const VirtioNetState *s, uint8_t *header)
{
    for (unsigned i = HDR_WORDS; i < HDR_SIZE; i += 2) {
        uint16_t word = virtio_get16(s->vio, header + i);

        header[i] = word;
        header[i + 1] = word >> 8;
    }
}

typedef struct NetFrame {
    VirtElem e; /* first */
    uint8_t header[HDR_SIZE];
    struct iovec *iov; /* what follows the driver's header; none: not to be sent */
    uint32_t n;
} NetFrame;

/* The next frame, checked. */
static NetFrame *frame_take(VirtioNetState *s, VirtQueue *q)
{
    NetFrame *f = virtqueue_pop(s->vio, q, sizeof(*f));
    size_t size = header_size(s);

    if (!f) {
        return NULL;
    }
    if (iov_get(f->e.out, f->e.n_out, 0, f->header, size) < size) {
        virtio_error(s->vio, "frame of %" PRIu64 " bytes without a whole header", f->e.out_len);
        g_free(f);
        return NULL;
    }
    if (!offload_allowed(s, f->header)) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "%s: frame asks for offload 0x%x/0x%x, which was not negotiated\n",
                      device_name(s), f->header[HDR_FLAGS], f->header[HDR_GSO_TYPE]);
    } else if (s->net && f->e.out_len > size && f->e.out_len <= NET_FRAME_MAX) {
        f->iov = f->e.out;
        f->n = f->e.n_out;
        iov_trim_front(&f->iov, &f->n, size);
        f->header[HDR_FLAGS] &= FLAG_NEEDS_CSUM;
        header_swap(s, f->header);
    }
    return f;
}

static void transmit_all(VirtioNetState *s, VirtQueue *q)
{
    NetBackend *net = s->pair[q->index / 2].net;
    NetFrame *f;

    while ((f = frame_take(s, q))) {
        if (f->n && s->offload) {
            net_send_header(net, f->header, f->iov, f->n);
        } else if (f->n) {
            net_send(net, f->iov, f->n);
        }
        virtqueue_push(s->vio, &f->e, 0);
        g_free(f);
    }
}

static void frame_output(const NetPair *p, const NetFrame *f)
{
    struct iovec iov[VIRTIO_QUEUE_MAX + 1];

    if (f->n && p->s->offload) {
        iov[0] = (struct iovec){(void *)f->header, HDR_SIZE};
        memcpy(iov + 1, f->iov, f->n * sizeof(*iov));
        net_output(p->net, iov, f->n + 1);
    } else if (f->n) {
        net_output(p->net, f->iov, f->n);
    }
}

/* On the back end's thread. A batch at a time: frames for the guest get their turn. */
static void virtio_net_collect(void *opaque)
{
    NetPair *p = opaque;
    VirtioNetState *s = p->s;
    VirtQueue *q = &s->vq[QUEUE_TX(p->i)];
    static const uint32_t none[BATCH];
    VirtElem *e[BATCH];
    unsigned n = 0;

    g_mutex_lock(&p->sending);
    device_lock(s);
    while (n < BATCH && !p->vhost.running && virtio_queue_active(s->vio, q) &&
           (e[n] = (VirtElem *)frame_take(s, q))) {
        virtio_begin(s->vio, q);
        n++;
    }
    device_unlock(s);
    for (unsigned i = 0; i < n; i++) {
        frame_output(p, (NetFrame *)e[i]);
    }
    if (n) {
        device_lock(s);
        virtqueue_push_all(s->vio, e, none, n);
        for (unsigned i = 0; i < n; i++) {
            virtio_end(s->vio, q);
            g_free(e[i]);
        }
        device_unlock(s);
    }
    g_mutex_unlock(&p->sending);
    if (n == BATCH) {
        net_ready(p->net);
    }
}

/* ---- from the network ---- */

static bool mac_listed(const VirtioNetState *s, unsigned from, unsigned n, const uint8_t *mac)
{
    for (unsigned i = from; i < from + n; i++) {
        if (memcmp(&s->macs[i * MAC_SIZE], mac, MAC_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

/* 5.1.6.5.1 to 5.1.6.5.3 */
static bool frame_wanted(const VirtioNetState *s, const uint8_t *frame, size_t len)
{
    static const uint8_t broadcast[MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    if (len < 14) {
        return false;
    }
    /* Until the driver has said what it wants it gets everything. */
    if (!virtio_has(s->vio, F_CTRL_RX) || s->rx_mode[RX_PROMISC]) {
        return true;
    }
    if (frame[12] == 0x81 && frame[13] == 0 && len >= 16 && virtio_has(s->vio, F_CTRL_VLAN)) {
        unsigned vid = (frame[14] & 0xf) << 8 | frame[15];

        if (!(s->vlans[vid / 32] >> vid % 32 & 1)) {
            return false;
        }
    }
    if (memcmp(frame, broadcast, MAC_SIZE) == 0) {
        return !s->rx_mode[RX_NOBCAST];
    }
    if (frame[0] & 1) {
        return !s->rx_mode[RX_NOMULTI] && (s->rx_mode[RX_ALLMULTI] || s->multi_overflow ||
                                           mac_listed(s, s->n_uni, s->n_multi, frame));
    }
    return !s->rx_mode[RX_NOUNI] &&
           (s->rx_mode[RX_ALLUNI] || s->uni_overflow || memcmp(s->mac, frame, MAC_SIZE) == 0 ||
            mac_listed(s, 0, s->n_uni, frame));
}

/* The frame into as many buffers as it takes; false if there are not enough. */
static bool fill_buffers(VirtioNetState *s, VirtQueue *q, const uint8_t *offload,
                         const uint8_t *frame, size_t len)
{
    VirtioCore *v = s->vio;
    VirtElem *e[BUFFERS_MAX];
    uint32_t used[BUFFERS_MAX];
    uint8_t header[HDR_SIZE] = {0};
    size_t size = header_size(s), at = 0;
    unsigned n = 0, max = virtio_has(v, F_MRG_RXBUF) ? BUFFERS_MAX : 1;
    bool small = false;

    while (n == 0 || at < len) {
        if (n == max || !(e[n] = virtqueue_pop(v, q, sizeof(VirtElem)))) {
            small = n == max;
            break;
        }
        size_t skip = n ? 0 : size;
        if (e[n]->in_len <= skip) {
            virtio_error(v, "receive buffer of %" PRIu64 " bytes", e[n]->in_len);
            g_free(e[n]);
            break;
        }
        size_t part = iov_put(e[n]->in, e[n]->n_in, skip, frame + at, len - at);
        used[n++] = skip + part;
        at += part;
    }
    if (at < len) {
        /* No room: as if nothing was taken; a frame that can never fit is lost. */
        while (n) {
            virtqueue_unpop(v, e[--n]);
            g_free(e[n]);
        }
        if (small) {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: buffers too small for a frame of %zu bytes\n",
                          device_name(s), len);
        }
        return small || v->broken;
    }
    if (offload) {
        memcpy(header, offload, HDR_WORDS);
        for (unsigned i = HDR_WORDS; i < HDR_NUM_BUFFERS; i += 2) {
            virtio_put16(v, header + i, offload[i] | offload[i + 1] << 8);
        }
    }
    virtio_put16(v, header + HDR_NUM_BUFFERS, n);
    iov_put(e[0]->in, e[0]->n_in, 0, header, size);
    virtqueue_push_all(v, e, used, n);
    while (n) {
        g_free(e[--n]);
    }
    return true;
}

static bool virtio_net_receive(void *opaque, const uint8_t *frame, size_t len)
{
    NetPair *p = opaque;
    VirtioNetState *s = p->s;
    VirtQueue *q = &s->vq[QUEUE_RX(p->i)];
    const uint8_t *header = s->offload ? frame : NULL;
    bool done = true;

    if (header) {
        if (len <= HDR_SIZE) {
            return true;
        }
        frame += HDR_SIZE;
        len -= HDR_SIZE;
    }
    device_lock(s);
    /* Before the driver is there frames are lost, as on a card that is down. */
    if (p->i < s->pairs && !p->vhost.running && virtio_running(s->vio) && q->ready &&
        frame_wanted(s, frame, len)) {
        done = fill_buffers(s, q, header, frame, len);
    }
    device_unlock(s);
    return done;
}

/* ---- control queue ---- */

static bool ctrl_mac_table(VirtioNetState *s, const uint8_t *data, size_t len)
{
    uint8_t macs[MACS_MAX * MAC_SIZE] = {0};
    uint32_t count[2];
    unsigned kept[2] = {0, 0}, total = 0;
    bool overflow[2] = {false, false};

    for (unsigned i = 0; i < 2; i++) {
        if (len < 4) {
            return false;
        }
        count[i] = virtio_get32(s->vio, data);
        data += 4;
        len -= 4;
        if (count[i] > len / MAC_SIZE) {
            return false;
        }
        if (count[i] > MACS_MAX - total) {
            overflow[i] = true;
        } else {
            memcpy(macs + total * MAC_SIZE, data, count[i] * MAC_SIZE);
            kept[i] = count[i];
            total += count[i];
        }
        data += count[i] * MAC_SIZE;
        len -= count[i] * MAC_SIZE;
    }
    memcpy(s->macs, macs, sizeof(macs));
    s->n_uni = kept[0];
    s->n_multi = kept[1];
    s->uni_overflow = overflow[0];
    s->multi_overflow = overflow[1];
    return true;
}

/* Frames have the header of 12 bytes that the interface of the host has. */
static bool vhost_fits(const VirtioNetState *s, const NetPair *p)
{
    return p->net && p->vhost.fd >= 0 && p->i < s->pairs && header_size(s) == HDR_SIZE;
}

static void virtio_net_stop(void *opaque)
{
    VirtioNetState *s = opaque;

    for (unsigned i = 0; s->net && i < s->max_pairs; i++) {
        vhost_stop(&s->pair[i].vhost);
    }
}

static void use_pairs(VirtioNetState *s, unsigned n)
{
    s->pairs = n;
    if (!s->net) {
        return;
    }
    for (unsigned i = n; i < s->max_pairs; i++) {
        vhost_stop(&s->pair[i].vhost);
    }
    net_use_queues(s->net, n);
    for (unsigned i = 0; i < n; i++) {
        if (vhost_fits(s, &s->pair[i])) {
            vhost_start(&s->pair[i].vhost);
        }
    }
}

static bool ctrl_request(VirtioNetState *s, const uint8_t *req, size_t len)
{
    const uint8_t *data = req + 2;
    uint8_t cmd = len >= 2 ? req[1] : 0;

    if (len < 3) {
        return false;
    }
    len -= 2;
    switch (req[0]) {
    case CTRL_RX:
        if (!virtio_has(s->vio, cmd > RX_ALLMULTI ? F_CTRL_RX_EXTRA : F_CTRL_RX) ||
            cmd >= RX_MODES || len != 1) {
            return false;
        }
        s->rx_mode[cmd] = data[0] != 0;
        return true;
    case CTRL_MAC:
        if (cmd == MAC_ADDR_SET && virtio_has(s->vio, F_CTRL_MAC_ADDR) && len == MAC_SIZE) {
            memcpy(s->mac, data, MAC_SIZE);
            return true;
        }
        return cmd == MAC_TABLE_SET && virtio_has(s->vio, F_CTRL_RX) &&
               ctrl_mac_table(s, data, len);
    case CTRL_VLAN: {
        unsigned vid = len == 2 ? virtio_get16(s->vio, data) : UINT16_MAX;

        if (!virtio_has(s->vio, F_CTRL_VLAN) || vid >= 4096 || cmd > 1) {
            return false;
        }
        s->vlans[vid / 32] &= ~(1u << vid % 32);
        s->vlans[vid / 32] |= cmd == 0 ? 1u << vid % 32 : 0;
        return true;
    }
    case CTRL_MQ: {
        unsigned n = len == 2 ? virtio_get16(s->vio, data) : 0;

        if (!virtio_has(s->vio, F_MQ) || cmd != MQ_PAIRS_SET || n < 1 || n > s->max_pairs) {
            return false;
        }
        use_pairs(s, n);
        return true;
    }
    default:
        return false;
    }
}

static void ctrl_all(VirtioNetState *s, VirtQueue *q)
{
    g_autofree uint8_t *req = g_malloc(CTRL_REQ_MAX);
    VirtElem *e;

    while ((e = virtqueue_pop(s->vio, q, sizeof(*e)))) {
        size_t len = iov_get(e->out, e->n_out, 0, req, CTRL_REQ_MAX);

        if (e->in_len < 1 || len < 2) {
            virtio_error(s->vio, "control request with %" PRIu64 " and %" PRIu64 " bytes",
                         e->out_len, e->in_len);
            g_free(e);
            return;
        }
        uint8_t ack = e->out_len <= CTRL_REQ_MAX && ctrl_request(s, req, len) ? ACK_OK : ACK_ERR;
        iov_put(e->in, e->n_in, 0, &ack, 1);
        virtqueue_push(s->vio, e, 1);
        g_free(e);
    }
}

/* ---- device ---- */

static void virtio_net_notify(void *opaque, VirtQueue *q)
{
    VirtioNetState *s = opaque;
    bool tx = q->index & 1;

    if (q->index == 2 * (virtio_has(s->vio, F_MQ) ? s->max_pairs : 1)) {
        ctrl_all(s, q);
    } else if (q->index / 2 >= s->max_pairs) {
        return;
    } else if (vhost_fits(s, &s->pair[q->index / 2])) {
        vhost_kick(&s->pair[q->index / 2].vhost, tx);
    } else if (tx && !s->collect) {
        transmit_all(s, q);
    } else if (s->net) {
        net_ready(s->pair[q->index / 2].net);
    }
}

static void virtio_net_config_get(void *opaque, uint8_t *config)
{
    VirtioNetState *s = opaque;

    memcpy(config + CFG_MAC, s->mac, MAC_SIZE);
    virtio_put16(s->vio, config + CFG_STATUS, s->net ? STATUS_LINK_UP : 0);
    virtio_put16(s->vio, config + CFG_PAIRS, s->max_pairs);
    virtio_put16(s->vio, config + CFG_MTU, s->host_mtu);
}

/* The legacy interface lets drivers write the address there. */
static void virtio_net_config_set(void *opaque, const uint8_t *config, unsigned offset,
                                  unsigned size)
{
    VirtioNetState *s = opaque;

    if (!virtio_has(s->vio, VIRTIO_F_VERSION_1) && offset < MAC_SIZE) {
        memcpy(s->mac, config, MAC_SIZE);
    }
}

/* The driver is there: what it takes unfinished. */
static void virtio_net_start(void *opaque)
{
    VirtioNetState *s = opaque;
    const VirtioCore *v = s->vio;

    if (s->offload) {
        net_set_offload(s->net, (virtio_has(v, F_GUEST_CSUM) ? NET_OFFLOAD_CSUM : 0) |
                                    (virtio_has(v, F_GUEST_TSO4) ? NET_OFFLOAD_TSO4 : 0) |
                                    (virtio_has(v, F_GUEST_TSO6) ? NET_OFFLOAD_TSO6 : 0) |
                                    (virtio_has(v, F_GUEST_ECN) ? NET_OFFLOAD_ECN : 0));
    }
    use_pairs(s, s->pairs);
}

static void virtio_net_clear(void *opaque)
{
    VirtioNetState *s = opaque;

    if (s->offload) {
        net_set_offload(s->net, 0);
    }
    use_pairs(s, 1);
    memset(s->rx_mode, 0, sizeof(s->rx_mode));
    s->rx_mode[RX_PROMISC] = 1;
    s->n_uni = s->n_multi = 0;
    s->uni_overflow = s->multi_overflow = false;
    memset(s->macs, 0, sizeof(s->macs));
    memset(s->vlans, 0, sizeof(s->vlans));
    memcpy(s->mac, s->own_mac, MAC_SIZE);
}

static bool virtio_net_post_load(void *opaque, GError **err)
{
    VirtioNetState *s = opaque;

    if (s->n_uni + s->n_multi > MACS_MAX) {
        rhea_error_set(err, "snapshot: %u and %u addresses", s->n_uni, s->n_multi);
        return false;
    }
    if (s->pairs < 1 || s->pairs > s->max_pairs) {
        rhea_error_set(err, "snapshot: %u of %u queue pairs", s->pairs, s->max_pairs);
        s->pairs = 1;
        return false;
    }
    virtio_net_start(s);
    for (unsigned i = 0; s->net && i < s->max_pairs; i++) {
        net_ready(s->pair[i].net);
    }
    return true;
}

static bool queue_size_ok(uint16_t n, const char *name, GError **err)
{
    if (!virtio_power_of_2(n) || n < QUEUE_MIN || n > VIRTIO_QUEUE_MAX) {
        rhea_error_set(err, "Invalid %s (= %u), must be a power of 2 between %u and %u.", name, n,
                       QUEUE_MIN, VIRTIO_QUEUE_MAX);
        return false;
    }
    return true;
}

/* 5.1.3: for a back end that can. The others are not worth asking for: UFO is gone from Linux, and
 * there is no migration to announce. */
static uint64_t offload_features(const VirtioNetState *s)
{
    enum {
        CSUM,
        GSO,
        GUEST_CSUM,
        GUEST_TSO4,
        GUEST_TSO6,
        GUEST_ECN,
        GUEST_UFO,
        HOST_TSO4,
        HOST_TSO6,
        HOST_ECN
    };
    const bool *on = s->offloads;
    uint64_t f = 0;

    if (on[CSUM]) {
        f |= 1u << F_CSUM;
        f |= on[GSO] && on[HOST_TSO4] ? 1u << F_HOST_TSO4 : 0;
        f |= on[GSO] && on[HOST_TSO6] ? 1u << F_HOST_TSO6 : 0;
        f |= f != 1u << F_CSUM && on[HOST_ECN] ? 1u << F_HOST_ECN : 0;
    }
    if (on[GUEST_CSUM]) {
        f |= 1u << F_GUEST_CSUM;
        f |= on[GUEST_TSO4] ? 1u << F_GUEST_TSO4 : 0;
        f |= on[GUEST_TSO6] ? 1u << F_GUEST_TSO6 : 0;
        f |= (on[GUEST_TSO4] || on[GUEST_TSO6]) && on[GUEST_ECN] ? 1u << F_GUEST_ECN : 0;
    }
    return f;
}

static bool net_run(Vhost *h, bool on)
{
    NetPair *p = (NetPair *)((uint8_t *)h - offsetof(NetPair, vhost));
    bool ok = true;

    if (on) {
        net_use_vhost(p->net, true);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct vhost_vring_file file = {i, on ? p->vhost_to : -1};

        ok = ioctl(h->fd, VHOST_NET_SET_BACKEND, &file) == 0 && ok;
    }
    if (!on || !ok) {
        net_use_vhost(p->net, false);
    }
    return ok;
}

static bool pair_vhost(NetPair *p, GError **err)
{
    Vhost *h = &p->vhost;
    int fd = net_vhost_fd(p->net, &p->vhost_to);

    h->fd = -1;
    if (fd < 0 || !p->s->offload) {
        return true;
    }
    h->v = p->s->vio;
    h->n_rings = 2;
    h->run = net_run;
    h->ring[0].q = &p->s->vq[QUEUE_RX(p->i)];
    h->ring[1].q = &p->s->vq[QUEUE_TX(p->i)];
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        rhea_error_set(err, "vhost: %s", g_strerror(errno));
        return false;
    }
    return vhost_open(h, fd, 1u << F_MRG_RXBUF, err);
}

static void pairs_detach(VirtioNetState *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        vhost_close(&s->pair[i].vhost);
        net_detach(s->pair[i].net);
        g_mutex_clear(&s->pair[i].sending);
    }
}

static bool pairs_attach(VirtioNetState *s, NetBackend *net, GError **err)
{
    s->net = net;
    for (unsigned i = 0; i < s->max_pairs; i++) {
        NetPair *p = &s->pair[i];
        NetReceiver r = {.receive = virtio_net_receive,
                         .opaque = p,
                         .header = s->offload,
                         .collect = s->collect ? virtio_net_collect : NULL};

        p->s = s;
        p->i = i;
        p->net = net_queue(net, i);
        g_mutex_init(&p->sending);
        bool attached = net_attach(p->net, &r, err);
        if (!attached || !pair_vhost(p, err)) {
            s->net = NULL;
            if (attached) {
                net_detach(p->net);
            }
            g_mutex_clear(&p->sending);
            pairs_detach(s, i);
            return false;
        }
    }
    return true;
}

/* No frame is on its way out. */
static void virtio_net_drain(void *opaque)
{
    VirtioNetState *s = opaque;

    device_lock(s);
    virtio_net_stop(s);
    device_unlock(s);
    for (unsigned i = 0; s->net && i < s->max_pairs; i++) {
        g_mutex_lock(&s->pair[i].sending);
        g_mutex_unlock(&s->pair[i].sending);
    }
}

static bool virtio_net_realize(void *opaque, GError **err)
{
    VirtioNetState *s = opaque;
    NetBackend *net;
    uint64_t features = 1u << F_MAC;

    if (!queue_size_ok(s->rx_queue_size, "rx_queue_size", err) ||
        !queue_size_ok(s->tx_queue_size, "tx_queue_size", err)) {
        return false;
    }
    if (!net_card_backend(&s->dev, s->netdev, &net, err) ||
        !net_card_mac(&s->dev, s->mac_text, s->own_mac, err)) {
        return false;
    }
    features |= s->mrg_rxbuf ? 1u << F_MRG_RXBUF : 0;
    features |= s->link_status ? 1u << F_STATUS : 0;
    features |= s->host_mtu ? 1u << F_MTU : 0;
    if (s->ctrl_vq) {
        features |= 1u << F_CTRL_VQ;
        features |= s->ctrl_rx ? 1u << F_CTRL_RX : 0;
        features |= s->ctrl_vlan ? 1u << F_CTRL_VLAN : 0;
        features |= s->ctrl_rx_extra ? 1u << F_CTRL_RX_EXTRA : 0;
        features |= s->ctrl_mac_addr ? 1u << F_CTRL_MAC_ADDR : 0;
        features |= s->mq ? 1u << F_MQ : 0;
    }
    s->max_pairs = net && (features & 1u << F_MQ) ? MIN(net_queue_count(net), PAIRS_MAX) : 1;
    s->offload = net && net_can_offload(net);
    s->collect = net && net_can_collect(net) && s->dev.machine->icount_shift == -1;
    features |= s->offload ? offload_features(s) : 0;
    if (!virtio_init(s, s->vq, QUEUES, features, err)) {
        return false;
    }
    for (unsigned i = 0; i < s->max_pairs; i++) {
        virtio_queue_init(s->vio, QUEUE_RX(i), s->rx_queue_size);
        virtio_queue_init(s->vio, QUEUE_TX(i), s->tx_queue_size);
    }
    if (s->ctrl_vq) {
        virtio_queue_init(s->vio, QUEUE_RX(s->max_pairs), CTRL_SIZE);
    }
    return !net || pairs_attach(s, net, err);
}

static void virtio_net_unrealize(void *opaque)
{
    VirtioNetState *s = opaque;

    if (s->net) {
        pairs_detach(s, s->max_pairs);
    }
}

// clang-format off
VIRTIO_DEVICE(virtio_net, VirtioNetState, "virtio-net", DEVICE_NETWORK, 2,
    .id = VIRTIO_ID_NET,
    .config_size = CFG_SIZE,
    .config_get = virtio_net_config_get,
    .config_set = virtio_net_config_set,
    .notify = virtio_net_notify,
    .start = virtio_net_start,
    .stop = virtio_net_stop,
    .reset = virtio_net_clear,
    .drain = virtio_net_drain,
    .post_load = virtio_net_post_load);
// clang-format on

VIRTIO_PCI(virtio_net, "virtio-net", DEVICE_NETWORK, .pci.class_code = 0x020000,
           .legacy_device = 0x1000);

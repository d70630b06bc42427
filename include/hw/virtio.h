/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio devices: the part that is the same for all of them and all transports.
 *
 * Specification: Virtual I/O Device (VIRTIO) version 1.2, chapters 2 and 3, and the legacy
 * interface that it describes. Split and packed virtqueues with indirect descriptors and event
 * index.
 *
 * A device type has, first in its STATE list, VIRTIO_STATE(queues): the VirtioCore `vio` and its
 * queues `vq`. VIRTIO_DEVICE() makes its classes. realize() calls virtio_init().
 *
 * The state that transports share, MMIO's registers included, belongs to the device, so that one
 * lock, the device's, covers everything. A transport holds that lock around each access and calls
 * virtio_*() of the section "for transports". A PCI function and its virtio device share a lock.
 *
 * Requests that go on after the kick are counted: virtio_begin(), virtio_end(). A reset does not
 * wait for them: it takes place at once, and what comes back later has no effect, but until the
 * last one has come back the driver does not see it done (status is not 0, 2.4.1; a queue's reset
 * bit reads 1) and no queue is looked at. So no memory of the driver's is touched afterwards.
 * Before a snapshot and after a reset by the machine none is under way.
 *
 * Rings are guest memory that other vCPUs change at any time: everything is read once, into locals,
 * and checked there. What no correct driver does makes the device "broken": a guest error is
 * logged, NEEDS_RESET is set (2.1.2) and no ring is touched until the driver resets the device.
 *
 * Test: tests/unit/test-virtio.c, tests/fuzz/virtio_ring.c
 */
#ifndef HW_VIRTIO_H
#define HW_VIRTIO_H

#include "hw/device.h"
#include "io/iothread.h"

#include <sys/uio.h>

#define VIRTIO_QUEUE_MAX    1024 /* descriptors in a queue, and in a chain */
#define VIRTIO_CONFIG_MAX   256  /* bytes of a device's configuration space */
#define VIRTIO_NO_VECTOR    0xffff
#define VIRTIO_LEGACY_ALIGN 4096

/* Device types, chapter 5. */
enum {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_ENTROPY = 4,
    VIRTIO_ID_BALLOON = 5,
    VIRTIO_ID_SCSI = 8,
    VIRTIO_ID_9P = 9,
    VIRTIO_ID_INPUT = 18,
    VIRTIO_ID_VSOCK = 19,
};

/* Device status, 2.1. */
enum {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

/* Numbers of feature bits, chapter 6; 24 and 27 are of the legacy interface (6.3). */
enum {
    VIRTIO_F_NOTIFY_ON_EMPTY = 24,
    VIRTIO_F_ANY_LAYOUT = 27,
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_RING_PACKED = 34,
    VIRTIO_F_RING_RESET = 40,
};

/* Interrupt status, 4.2.2. */
enum { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };

typedef struct VirtioCore VirtioCore;
typedef struct VirtioTransport VirtioTransport;

#define VIRTQUEUE_STATE(F, A, D, N)                                                                \
    F(uint16_t, num, 0)   /* descriptors, as the driver set it */                                  \
    F(bool, ready, false) /* QueueReady, or a legacy QueuePFN that is not 0 */                     \
    F(uint64_t, desc, 0)  /* guest-physical: descriptor table, or packed ring, */                  \
    F(uint64_t, avail, 0) /*   driver area: available ring, or event suppression, */               \
    F(uint64_t, used, 0)  /*   device area: used ring, or event suppression */                     \
    F(uint32_t, pfn, 0)   /* legacy */                                                             \
    F(uint32_t, align, VIRTIO_LEGACY_ALIGN)                                                        \
    F(uint16_t, last_avail, 0) /* next entry of the available ring to take */                      \
    F(uint16_t, used_idx, 0)   /* next entry of the used ring to write */                          \
    F(bool, avail_wrap, true)  /* packed: wrap counters of these two */                            \
    F(bool, used_wrap, true)                                                                       \
    F(uint16_t, signalled, 0)    /* used_idx when the driver was last notified, */                 \
    F(bool, signalled_ok, false) /*   if it ever was; packed: entries used since then */           \
    F(uint16_t, vector, VIRTIO_NO_VECTOR)

SUBSTATE(virtqueue, VirtQueue, VIRTQUEUE_STATE, uint16_t index; /* number of the queue */
         uint16_t max;                                          /* most descriptors; 0: no queue */
         uint32_t epoch; /* of resets and loads: requests of an older one have no effect */
         unsigned busy;  /* requests under way, those of older epochs included */
         bool resetting; /* it was reset, and some are */
         VirtioCore * core; IoWork kick; bool kicked; /* the I/O thread is told of a kick */
         uint8_t * desc_host; /* the rings in host memory while the queue is in use, or NULL */
         uint8_t * avail_host; uint8_t * used_host;)

#define VIRTIO_CORE_STATE(F, A, D, N)                                                              \
    F(uint8_t, status, 0)                                                                          \
    F(uint8_t, isr, 0)                                                                             \
    F(bool, legacy, KEEP) /* the driver uses the legacy interface */                               \
    F(uint16_t, config_vector, VIRTIO_NO_VECTOR)                                                   \
    F(bool, broken, false)                                                                         \
    F(uint64_t, driver_features, 0)                                                                \
    F(uint32_t, config_gen, 0)                                                                     \
    F(uint32_t, device_features_sel, 0) /* registers of transports */                              \
    F(uint32_t, driver_features_sel, 0)                                                            \
    F(uint32_t, queue_sel, 0)                                                                      \
    F(uint32_t, shm_sel, 0)                                                                        \
    F(uint32_t, guest_page_size, 0)

SUBSTATE(virtio_core, VirtioCore, VIRTIO_CORE_STATE, Device *dev; VirtQueue * vq; unsigned n_vq;
         uint64_t features;   /* that the device offers; VERSION_1 is up to the transport */
         unsigned busy;       /* of all queues */
         bool resetting;      /* the device was reset with requests under way */
         unsigned quiescing;  /* somebody waits for them: kicks are put off */
         bool big_endian;     /* the guest is: for the legacy interface */
         bool no_dma;         /* the transport may not reach memory: rings stand still */
         IoThread * iothread; /* that looks at the rings; NULL: the vCPU that kicks does */
         const VirtioTransport *transport; void *transport_opaque;
         /* Properties. */
         bool indirect_desc; bool event_idx; bool queue_reset; bool any_layout;
         bool notify_on_empty; bool packed; bool in_order; bool iommu_platform;)

#define VIRTIO_STATE(N, n_queues)                                                                  \
    N(VirtioCore, vio, 1, virtio_core)                                                             \
    N(VirtQueue, vq, n_queues, virtqueue)

#define VIRTIO_PROPS                                                                               \
    PROP("indirect_desc", BOOL, vio[0].indirect_desc, "on", PUBLIC, "on/off"),                     \
        PROP("event_idx", BOOL, vio[0].event_idx, "on", PUBLIC, "on/off"),                         \
        PROP("queue_reset", BOOL, vio[0].queue_reset, "on", PUBLIC, "on/off"),                     \
        PROP("any_layout", BOOL, vio[0].any_layout, "on", PUBLIC, "on/off"),                       \
        PROP("notify_on_empty", BOOL, vio[0].notify_on_empty, "on", PUBLIC, "on/off"),             \
        PROP("packed", BOOL, vio[0].packed, "off", PUBLIC, "on/off"),                              \
        PROP("in_order", BOOL, vio[0].in_order, "off", PUBLIC, "on/off"),                          \
        PROP("iommu_platform", BOOL, vio[0].iommu_platform, "off", PUBLIC, "on/off")

/* What a device type is; hooks get the device and are called with its lock held, but for drain. */
typedef struct VirtioClass {
    uint16_t id;
    uint32_t core; /* offset of its VirtioCore */
    uint32_t config_size;
    const void *info; /* for the device: which of several types with the same hooks it is */
    /* Fill config (config_size bytes, zeroed), with virtio_put*(). */
    void (*config_get)(void *dev, uint8_t *config);
    /* The driver wrote `size` bytes at `offset`; config holds what config_get gave, and these. */
    void (*config_set)(void *dev, const uint8_t *config, unsigned offset, unsigned size);
    /* Buffers may be there; must not wait. */
    void (*notify)(void *dev, VirtQueue *q);
    /* DRIVER_OK was set. */
    void (*start)(void *dev);
    /* The driver resets the device, a queue, or takes memory away: what works on the rings on its
     * own leaves them. Called while they are still set up. */
    void (*stop)(void *dev);
    /* The device was reset; its queues are not in use any more, nothing is under way. */
    void (*reset)(void *dev);
    /* The machine is reset: called before the above. */
    void (*cold_reset)(void *dev);
    /* Queue q was reset or disabled; what was under way still is. */
    void (*queue_reset)(void *dev, VirtQueue *q);
    /* All that is under way is of no use any more: end it soon. NULL: it ends as soon as it can. */
    void (*cancel)(void *dev);
    /* Without the lock: return when no request is under way. NULL: there never is one. */
    void (*drain)(void *dev);
    /* Finish and check what was loaded, after the core did so. */
    bool (*post_load)(void *dev, GError **err);
} VirtioClass;

/*
 * The device type "NAME-device" with its VirtioClass, instead of DEVICE(): properties, realize and
 * unrealize are prefix_props, prefix_realize, prefix_unrealize; the rest are members of the
 * VirtioClass:
 *     VIRTIO_DEVICE(virtio_rng, VirtioRngState, "virtio-rng", DEVICE_MISC, 2,
 *         .id = VIRTIO_ID_ENTROPY,
 *         .notify = virtio_rng_notify);
 */
#define VIRTIO_DEVICE(prefix, Type, NAME, CATEGORY, VERSION, ...)                                  \
    VIRTIO_DEVICE_AS(prefix, prefix, Type, NAME, CATEGORY, VERSION, __VA_ARGS__)
/* One of several types that have state, properties and these hooks of `shared` in common. */
#define VIRTIO_DEVICE_AS(prefix, shared, Type, NAME, CATEGORY, VERSION, ...)                       \
    static const VirtioClass prefix##_virtio = {.core = offsetof(Type, vio), __VA_ARGS__};         \
    DEVICE_AS(prefix, shared, Type, .name = NAME "-device", .bus = "virtio-bus",                   \
              .category = CATEGORY, .user_creatable = true, .version = VERSION,                    \
              .props = shared##_props, .realize = shared##_realize,                                \
              .unrealize = shared##_unrealize, .reset = virtio_reset, .settle = virtio_settle,     \
              .pre_save = virtio_pre_save, .post_load = virtio_post_load, .sub = &prefix##_virtio)

struct VirtioTransport {
    bool has_legacy, has_modern; /* interfaces; with both, virtio_use_interface() tells */
    bool many_queues;            /* each can have an interrupt of its own */
    void (*set_irq)(void *opaque, bool level);
    /* Send the message of this vector; false if interrupts are not by messages now. May be NULL. */
    bool (*message)(void *opaque, uint16_t vector);
};

static inline const VirtioClass *virtio_class(const void *dev)
{
    return ((const Device *)dev)->cls->sub;
}

static inline VirtioCore *virtio_core(void *dev)
{
    return (VirtioCore *)((uint8_t *)dev + virtio_class(dev)->core);
}

/* ------------------------------------------------------------------------------------------ */
/* For devices */

/*
 * Called by realize: vq has n_vq elements; features are those of the device type, bits 0..23. False
 * and *err: a property that asks for what is not there, or the device sits on no virtio bus.
 */
bool virtio_init(void *dev, VirtQueue *vq, unsigned n_vq, uint64_t features, GError **err);
/* Give queue i room for num descriptors, a power of two up to VIRTIO_QUEUE_MAX. */
void virtio_queue_init(VirtioCore *v, unsigned i, uint16_t num);
static inline bool virtio_power_of_2(uint32_t x)
{
    return x && !(x & (x - 1));
}

/* The rings are looked at on that thread from now on (-object iothread,id=); NULL: nothing changes.
 * By realize, after virtio_init(). */
bool virtio_set_iothread(void *dev, const char *id, GError **err);
/* By unrealize, when nothing is under way any more. */
void virtio_exit(void *dev);
/* Hooks of DeviceClass. */
void virtio_reset(void *dev);
void virtio_settle(void *dev);
void virtio_pre_save(void *dev);
bool virtio_post_load(void *dev, GError **err);

/* The driver accepted feature bit n. */
static inline bool virtio_has(const VirtioCore *v, unsigned n)
{
    return v->driver_features >> n & 1;
}
/* Buffers may be taken and given back. */
bool virtio_running(const VirtioCore *v);
/* The queue is in use, and what a reset had to wait for has ended: for those who look at rings
 * without a kick. */
bool virtio_queue_active(const VirtioCore *v, const VirtQueue *q);
/* The driver broke the rules: log it, stop until it resets the device. */
void virtio_error(VirtioCore *v, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* The configuration space changed. */
void virtio_config_changed(VirtioCore *v);

/* Numbers of configuration space and messages: little-endian, or the guest's order if legacy. */
uint16_t virtio_get16(const VirtioCore *v, const void *p);
uint32_t virtio_get32(const VirtioCore *v, const void *p);
uint64_t virtio_get64(const VirtioCore *v, const void *p);
void virtio_put16(const VirtioCore *v, void *p, uint16_t val);
void virtio_put32(const VirtioCore *v, void *p, uint32_t val);
void virtio_put64(const VirtioCore *v, void *p, uint64_t val);

/*
 * A buffer that the driver made available: pieces of guest memory, those the device reads (out) and
 * those it writes (in). The memory stays valid, its contents may change at any time.
 */
typedef struct VirtElem {
    VirtQueue *q;
    uint32_t epoch;
    uint16_t head;   /* descriptor; packed: the buffer's id */
    uint16_t n_desc; /* packed: entries of the ring it takes */
    uint32_t n_out, n_in;
    uint64_t out_len, in_len; /* bytes, together at most 2^32 */
    struct iovec *out, *in;
} VirtElem;

/*
 * Take the next buffer: memory of `size` bytes that starts with a VirtElem, to be freed with
 * g_free() after virtqueue_push(). NULL: there is none (then the driver will notify), or the device
 * is broken or not running.
 */
void *virtqueue_pop(VirtioCore *v, VirtQueue *q, size_t size);
/* A buffer can be taken again by its head after others were given back: not in a packed ring. */
bool virtqueue_can_hold(const VirtioCore *v);
/* The chain at descriptor `head` that was taken before (it was kept over a snapshot). */
void *virtqueue_pop_head(VirtioCore *v, VirtQueue *q, uint16_t head, size_t size);
/* Undo the last virtqueue_pop(): the same buffer comes again. Frees nothing. */
void virtqueue_unpop(VirtioCore *v, VirtElem *e);
/* Give a buffer back; the first len bytes of its writable part were written. Notifies the driver
 * as it wishes. No effect if the device was reset since. */
void virtqueue_push(VirtioCore *v, VirtElem *e, uint32_t len);
/* Several buffers of one queue that belong together: the driver sees all of them, or none. */
void virtqueue_push_all(VirtioCore *v, VirtElem **e, const uint32_t *len, unsigned n);
/* The buffer is still the driver's wish: neither its queue nor the device was reset since. */
static inline bool virtio_elem_live(const VirtElem *e)
{
    return e->epoch == e->q->epoch;
}
/* A request of queue q goes on after the kick; it has ended, and touches no memory any more. */
void virtio_begin(VirtioCore *v, VirtQueue *q);
void virtio_end(VirtioCore *v, VirtQueue *q);
/* True if no buffer is available. */
bool virtqueue_empty(VirtioCore *v, VirtQueue *q);

/* Copy from or to pieces, starting `skip` bytes in; returns how much there was. */
size_t iov_get(const struct iovec *iov, unsigned n, uint64_t skip, void *buf, size_t len);
size_t iov_put(const struct iovec *iov, unsigned n, uint64_t skip, const void *buf, size_t len);
/* Cut bytes off the front or the end; *iov and *n then describe the rest. len must be there. */
void iov_trim_front(struct iovec **iov, uint32_t *n, uint64_t len);
void iov_trim_back(struct iovec *iov, uint32_t *n, uint64_t len);

/* ------------------------------------------------------------------------------------------ */
/* For transports. All with the device's lock held. */

uint64_t virtio_device_features(const VirtioCore *v);
/* Bits [32 * sel, 32 * sel + 31]. */
void virtio_set_driver_features(VirtioCore *v, uint32_t sel, uint32_t bits);
/* What the driver reads: not 0 until a reset is done. */
uint8_t virtio_get_status(const VirtioCore *v);
void virtio_set_status(VirtioCore *v, uint8_t status);
void virtio_set_isr(VirtioCore *v, uint8_t isr);
/* An access by this interface: while the device is reset, it is the one that counts. */
void virtio_use_interface(VirtioCore *v, bool legacy);
/* The transport can, or cannot, reach the guest's memory from now on. */
void virtio_set_dma(VirtioCore *v, bool on);
/* size 1, 2 or 4; all ones beyond its end. */
uint32_t virtio_config_read(VirtioCore *v, unsigned offset, unsigned size);
void virtio_config_write(VirtioCore *v, unsigned offset, unsigned size, uint32_t val);
/* The queue, or NULL if there is none of that number. */
VirtQueue *virtio_queue(VirtioCore *v, uint32_t n);
void virtio_queue_set_num(VirtioCore *v, VirtQueue *q, uint32_t num);
void virtio_queue_enable(VirtioCore *v, VirtQueue *q);
/* The addresses stay. */
void virtio_queue_disable(VirtioCore *v, VirtQueue *q);
/* What the driver reads of "ready" or "enable": on until disabling it is done. */
static inline bool virtio_queue_ready(const VirtQueue *q)
{
    return q->ready || q->resetting;
}
/* VIRTIO_F_RING_RESET, 2.6.1: everything as after a device reset; done when q->resetting is off. */
void virtio_queue_reset(VirtioCore *v, VirtQueue *q);
/* Legacy: layout of 2.7.2 at page pfn, 0 disables. */
void virtio_queue_set_pfn(VirtioCore *v, VirtQueue *q, uint32_t pfn);
/* A kick of the driver. */
void virtio_notify(VirtioCore *v, uint32_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio devices: status, features, configuration space, reset and snapshot. The rings are in
 * virtqueue.c.
 *
 * Specification: VIRTIO 1.2, 2.1 to 2.6, 3.1 (initialization), 2.2.3 and 3.1.2 (legacy).
 *
 * Invariants: isr != 0 exactly while the interrupt line is asserted, if interrupts are by line; a
 * queue has host pointers only while it is ready; broken implies that no ring is touched.
 * Lock: the device's. Test: tests/unit/test-virtio.c
 */
#include "hw/virtio/private.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>
#include <string.h>

#define BIT(n)      (UINT64_C(1) << (n))
#define LEGACY_MASK UINT64_C(0xffffffff)
#define MODERN_MASK                                                                                \
    (~(BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT(VIRTIO_F_ANY_LAYOUT))) /* reserved there */

/* ---- life ---- */

bool virtio_init(void *dev, VirtQueue *vq, unsigned n_vq, uint64_t features, GError **err)
{
    VirtioCore *v = virtio_core(dev);
    const Machine *m = ((Device *)dev)->machine;

    if (!v->transport) {
        rhea_error_set(err, "No 'virtio-bus' bus found for device '%s'",
                       ((Device *)dev)->cls->name);
        return false;
    }
    if (v->in_order || v->iommu_platform) {
        rhea_error_set(err, "%s=on is not supported", v->in_order ? "in_order" : "iommu_platform");
        return false;
    }
    v->dev = dev;
    v->vq = vq;
    v->n_vq = n_vq;
    v->big_endian = m && m->target && m->target->big_endian;
    v->features = features | BIT(VIRTIO_F_VERSION_1);
    v->features |= v->indirect_desc ? BIT(VIRTIO_F_INDIRECT_DESC) : 0;
    v->features |= v->event_idx ? BIT(VIRTIO_F_EVENT_IDX) : 0;
    v->features |= v->packed ? BIT(VIRTIO_F_RING_PACKED) : 0;
    v->features |= v->queue_reset ? BIT(VIRTIO_F_RING_RESET) : 0;
    v->features |= v->any_layout ? BIT(VIRTIO_F_ANY_LAYOUT) : 0;
    v->features |= v->notify_on_empty ? BIT(VIRTIO_F_NOTIFY_ON_EMPTY) : 0;
    for (unsigned i = 0; i < n_vq; i++) {
        vq[i].index = i;
        vq[i].max = 0;
        vq[i].core = v;
    }
    return true;
}

bool virtio_set_iothread(void *dev, const char *id, GError **err)
{
    VirtioCore *v = virtio_core(dev);
    Machine *m = v->dev->machine;

    if (!id || m->icount_shift != -1) {
        return true; /* with -icount a run depends on nothing but the guest */
    }
    v->iothread = iothread_find(m, id, err);
    return v->iothread != NULL;
}

void virtio_exit(void *dev)
{
    VirtioCore *v = virtio_core(dev);

    if (v->iothread) {
        iothread_flush(v->iothread);
        g_clear_pointer(&v->iothread, iothread_unref);
    }
}

void virtio_queue_init(VirtioCore *v, unsigned i, uint16_t num)
{
    g_assert(i < v->n_vq && virtio_power_of_2(num) && num <= VIRTIO_QUEUE_MAX);
    v->vq[i].max = num;
    v->vq[i].num = num;
}

static void set_irq(VirtioCore *v)
{
    v->transport->set_irq(v->transport_opaque, v->isr != 0);
}

void virtio_set_isr(VirtioCore *v, uint8_t isr)
{
    v->isr = isr;
    set_irq(v);
}

void virtio_interrupt(VirtioCore *v, uint8_t why, uint16_t vector)
{
    v->isr |= why;
    if (!v->transport->message || !v->transport->message(v->transport_opaque, vector)) {
        set_irq(v);
    }
}

static void interrupt_config(VirtioCore *v)
{
    virtio_interrupt(v, VIRTIO_ISR_CONFIG, v->config_vector);
}

static void rings_stop(VirtioCore *v)
{
    if (virtio_class(v->dev)->stop) {
        virtio_class(v->dev)->stop(v->dev);
    }
}

/* As after realize. What is under way loses its effect, and the reset is done when it has ended. */
static void core_reset(VirtioCore *v)
{
    rings_stop(v);
    v->resetting = v->busy > 0;
    v->status = 0;
    v->broken = false;
    v->driver_features = 0;
    v->device_features_sel = 0;
    v->driver_features_sel = 0;
    v->queue_sel = 0;
    v->shm_sel = 0;
    v->config_vector = VIRTIO_NO_VECTOR;
    /* guest_page_size stays: legacy drivers write it once, before they reset the device. */
    for (unsigned i = 0; i < v->n_vq; i++) {
        v->vq[i].epoch++;
        v->vq[i].resetting = false;
        virtqueue_clear(&v->vq[i]);
    }
    virtio_set_isr(v, 0);
    if (v->resetting) {
        if (virtio_class(v->dev)->cancel) {
            virtio_class(v->dev)->cancel(v->dev);
        }
    } else if (virtio_class(v->dev)->reset) {
        virtio_class(v->dev)->reset(v->dev);
    }
}

static void drain(VirtioCore *v)
{
    if (v->iothread) {
        /* The kicks that have come are heard. */
        device_unlock(v->dev);
        iothread_flush(v->iothread);
        device_lock(v->dev);
    }
    if (virtio_class(v->dev)->drain) {
        v->quiescing++;
        device_unlock(v->dev);
        virtio_class(v->dev)->drain(v->dev);
        device_lock(v->dev);
        v->quiescing--;
    }
}

static void notify_all(VirtioCore *v)
{
    for (unsigned i = 0; i < v->n_vq; i++) {
        virtio_notify(v, i);
    }
}

void virtio_begin(VirtioCore *v, VirtQueue *q)
{
    v->busy++;
    q->busy++;
}

void virtio_end(VirtioCore *v, VirtQueue *q)
{
    const VirtioClass *cls = virtio_class(v->dev);

    if (--q->busy == 0 && q->resetting) {
        q->resetting = false;
        virtio_notify(v, q->index);
    }
    if (--v->busy > 0 || !v->resetting) {
        return;
    }
    v->resetting = false;
    if (cls->reset) {
        cls->reset(v->dev);
    }
    /* A driver that did not wait is further already. */
    if ((v->status & VIRTIO_STATUS_DRIVER_OK) && cls->start) {
        cls->start(v->dev);
    }
    notify_all(v);
}

void virtio_reset(void *dev)
{
    if (virtio_class(dev)->cold_reset) {
        virtio_class(dev)->cold_reset(dev);
    }
    core_reset(virtio_core(dev));
}

void virtio_settle(void *dev)
{
    drain(virtio_core(dev));
}

void virtio_pre_save(void *dev)
{
    drain(virtio_core(dev));
}

bool virtio_post_load(void *dev, GError **err)
{
    VirtioCore *v = virtio_core(dev);

    v->resetting = false;
    for (unsigned i = 0; i < v->n_vq; i++) {
        v->vq[i].epoch++;
        v->vq[i].resetting = false;
    }
    drain(v);
    if (v->legacy ? !v->transport->has_legacy : !v->transport->has_modern) {
        rhea_error_set(err, "snapshot: the driver uses an interface that is not there");
        v->legacy = !v->legacy;
        return false;
    }
    for (unsigned i = 0; i < v->n_vq; i++) {
        if (!virtqueue_check_loaded(v, &v->vq[i], err)) {
            return false;
        }
    }
    if (v->driver_features & ~virtio_device_features(v) &&
        (v->status & VIRTIO_STATUS_FEATURES_OK)) {
        rhea_error_set(err, "snapshot: features 0x%" PRIx64 " where 0x%" PRIx64 " are offered",
                       v->driver_features, virtio_device_features(v));
        return false;
    }
    set_irq(v);
    return !virtio_class(dev)->post_load || virtio_class(dev)->post_load(dev, err);
}

bool virtio_running(const VirtioCore *v)
{
    /* Legacy drivers used their queues before DRIVER_OK (3.1.2). */
    return !v->broken && !v->no_dma && (v->legacy || (v->status & VIRTIO_STATUS_DRIVER_OK));
}

void virtio_error(VirtioCore *v, const char *fmt, ...)
{
    if (rhea_log_on(LOG_GUEST_ERROR)) {
        va_list ap;

        va_start(ap, fmt);
        g_autofree char *text = g_strdup_vprintf(fmt, ap);
        va_end(ap);
        rhea_log("%s: %s; the device is stopped until it is reset\n", device_name(v->dev), text);
    }
    v->broken = true;
    /* 2.1.2: the bit, and a notification if DRIVER_OK is set. There is none in the legacy
     * interface. */
    if (virtio_has(v, VIRTIO_F_VERSION_1)) {
        v->status |= VIRTIO_STATUS_NEEDS_RESET;
        if (v->status & VIRTIO_STATUS_DRIVER_OK) {
            interrupt_config(v);
        }
    }
}

/* ---- byte order ---- */

static bool swapped(const VirtioCore *v)
{
    return v->big_endian && !virtio_has(v, VIRTIO_F_VERSION_1);
}

#define BYTE_ORDER_ACCESS(bits)                                                                    \
    uint##bits##_t virtio_get##bits(const VirtioCore *v, const void *p)                            \
    {                                                                                              \
        uint##bits##_t val;                                                                        \
                                                                                                   \
        memcpy(&val, p, sizeof(val));                                                              \
        return swapped(v) ? be##bits##toh(val) : le##bits##toh(val);                               \
    }                                                                                              \
    void virtio_put##bits(const VirtioCore *v, void *p, uint##bits##_t val)                        \
    {                                                                                              \
        val = swapped(v) ? htobe##bits(val) : htole##bits(val);                                    \
        memcpy(p, &val, sizeof(val));                                                              \
    }

BYTE_ORDER_ACCESS(16)
BYTE_ORDER_ACCESS(32)
BYTE_ORDER_ACCESS(64)

/* ---- features and status ---- */

uint64_t virtio_device_features(const VirtioCore *v)
{
    return v->features & (v->legacy ? LEGACY_MASK : MODERN_MASK);
}

void virtio_set_driver_features(VirtioCore *v, uint32_t sel, uint32_t bits)
{
    uint64_t mask = sel > 1 ? 0 : LEGACY_MASK << 32 * sel;
    uint64_t want = sel > 1 ? 0 : (uint64_t)bits << 32 * sel;

    if (v->status & VIRTIO_STATUS_FEATURES_OK) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: features written after FEATURES_OK\n",
                      device_name(v->dev));
        return;
    }
    if ((sel > 1 && bits) || (want & ~virtio_device_features(v))) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: features 0x%x of word %u are not all offered\n",
                      device_name(v->dev), bits, sel);
    }
    if (v->legacy) {
        /* No FEATURES_OK there that could be refused. */
        want &= virtio_device_features(v);
    }
    bool packed = virtq_packed(v);
    v->driver_features = (v->driver_features & ~mask) | want;
    for (unsigned i = 0; i < v->n_vq; i++) {
        if (virtq_packed(v) != packed) {
            virtqueue_clear(&v->vq[i]); /* another kind of ring */
        }
        virtqueue_unmap(&v->vq[i]);
    }
}

void virtio_use_interface(VirtioCore *v, bool legacy)
{
    if (v->legacy != legacy && v->status == 0) {
        v->legacy = legacy;
        v->driver_features = 0;
        for (unsigned i = 0; i < v->n_vq; i++) {
            virtqueue_clear(&v->vq[i]);
        }
    }
}

void virtio_set_dma(VirtioCore *v, bool on)
{
    if (!on) {
        rings_stop(v);
    }
    v->no_dma = !on;
    for (unsigned i = 0; i < v->n_vq; i++) {
        virtqueue_unmap(&v->vq[i]);
    }
    if (on) {
        notify_all(v);
    }
}

/* 3.1.1 steps 5 and 6. */
static bool features_fit(const VirtioCore *v)
{
    return !(v->driver_features & ~virtio_device_features(v)) && virtio_has(v, VIRTIO_F_VERSION_1);
}

/* The bits of `want` that the device takes, in the order of 3.1.1. */
static uint8_t status_accept(VirtioCore *v, uint8_t want)
{
    uint8_t ok = want & ~VIRTIO_STATUS_NEEDS_RESET;

    if (v->legacy) {
        return ok;
    }
    if ((ok & ~v->status & VIRTIO_STATUS_FEATURES_OK) && !features_fit(v)) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: features 0x%" PRIx64 " refused\n", device_name(v->dev),
                      v->driver_features);
        ok &= ~VIRTIO_STATUS_FEATURES_OK;
    }
    if ((ok & VIRTIO_STATUS_DRIVER_OK) && !((ok | v->status) & VIRTIO_STATUS_FEATURES_OK)) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: DRIVER_OK without FEATURES_OK refused\n",
                      device_name(v->dev));
        ok &= ~VIRTIO_STATUS_DRIVER_OK;
    }
    return ok;
}

/* One bit that the driver set in any case, and that says nothing of features or rings: some drivers
 * do not wait, and add their bits to what they read. */
uint8_t virtio_get_status(const VirtioCore *v)
{
    return v->resetting && !v->status ? VIRTIO_STATUS_ACKNOWLEDGE : v->status;
}

void virtio_set_status(VirtioCore *v, uint8_t status)
{
    uint8_t old = v->status;

    if (status == 0) {
        core_reset(v);
        return;
    }
    if (old & ~VIRTIO_STATUS_NEEDS_RESET & ~status) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: status 0x%02x written over 0x%02x clears bits\n",
                      device_name(v->dev), status, old);
    }
    v->status = old | status_accept(v, status);
    if (v->status & ~old & VIRTIO_STATUS_DRIVER_OK) {
        if (virtio_class(v->dev)->start && !v->resetting) {
            virtio_class(v->dev)->start(v->dev);
        }
        notify_all(v);
    }
}

/* ---- configuration space ---- */

void virtio_config_changed(VirtioCore *v)
{
    v->config_gen++;
    if (v->status & VIRTIO_STATUS_DRIVER_OK) {
        interrupt_config(v);
    }
}

static bool config_load(VirtioCore *v, unsigned offset, unsigned size, uint8_t *config,
                        const char *verb)
{
    const VirtioClass *cls = virtio_class(v->dev);

    memset(config, 0, VIRTIO_CONFIG_MAX);
    if (offset >= cls->config_size || size > cls->config_size - offset) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "%s: %u-byte %s at offset 0x%x beyond the configuration space\n",
                      device_name(v->dev), size, verb, offset);
        return false;
    }
    cls->config_get(v->dev, config);
    return true;
}

uint32_t virtio_config_read(VirtioCore *v, unsigned offset, unsigned size)
{
    uint8_t config[VIRTIO_CONFIG_MAX];
    uint32_t val = UINT32_MAX; /* as a bus that nobody drives */

    if (config_load(v, offset, size, config, "read")) {
        val = 0;
        memcpy(&val, config + offset, size);
    }
    return le32toh(val);
}

void virtio_config_write(VirtioCore *v, unsigned offset, unsigned size, uint32_t val)
{
    uint8_t config[VIRTIO_CONFIG_MAX];

    if (config_load(v, offset, size, config, "write")) {
        val = htole32(val);
        memcpy(config + offset, &val, size);
        if (virtio_class(v->dev)->config_set) {
            virtio_class(v->dev)->config_set(v->dev, config, offset, size);
        } else {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: write to read-only configuration at 0x%x\n",
                          device_name(v->dev), offset);
        }
    }
}

/* ---- queues ---- */

VirtQueue *virtio_queue(VirtioCore *v, uint32_t n)
{
    return n < v->n_vq && v->vq[n].max ? &v->vq[n] : NULL;
}

void virtio_queue_set_num(VirtioCore *v, VirtQueue *q, uint32_t num)
{
    if (q->ready) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: size of queue %u written while it is in use\n",
                      device_name(v->dev), q->index);
    } else if (!num || num > q->max ||
               (!virtio_power_of_2(num) && !virtio_has(v, VIRTIO_F_RING_PACKED))) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: size %u of queue %u is no power of two up to %u\n",
                      device_name(v->dev), num, q->index, q->max);
    } else {
        q->num = num;
    }
}

void virtio_queue_enable(VirtioCore *v, VirtQueue *q)
{
    if (q->ready) {
        return;
    }
    if ((v->status & VIRTIO_STATUS_DRIVER_OK) && !virtio_has(v, VIRTIO_F_RING_RESET)) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: queue %u enabled after DRIVER_OK\n",
                      device_name(v->dev), q->index);
    }
    virtqueue_restart(q);
    q->ready = true;
}

void virtio_queue_disable(VirtioCore *v, VirtQueue *q)
{
    if (q->ready) {
        rings_stop(v);
        q->ready = false;
        q->epoch++;
        q->resetting = q->busy > 0;
        virtqueue_restart(q);
        if (virtio_class(v->dev)->queue_reset) {
            virtio_class(v->dev)->queue_reset(v->dev, q);
        }
    }
}

void virtio_queue_reset(VirtioCore *v, VirtQueue *q)
{
    if (!virtio_has(v, VIRTIO_F_RING_RESET)) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: reset of queue %u without VIRTIO_F_RING_RESET\n",
                      device_name(v->dev), q->index);
        return;
    }
    virtio_queue_disable(v, q);
    virtqueue_clear(q);
}

void virtio_queue_set_pfn(VirtioCore *v, VirtQueue *q, uint32_t pfn)
{
    virtio_queue_disable(v, q);
    q->pfn = pfn;
    if (pfn) {
        uint64_t page = v->guest_page_size, align = q->align;

        q->desc = page * pfn;
        q->avail = q->desc + VIRTQ_DESC_SIZE * (uint64_t)q->num;
        /* flags, idx, ring, used_event; then up to the next boundary. */
        q->used = (q->avail + 6 + 2 * (uint64_t)q->num + align - 1) & ~(align - 1);
        virtqueue_restart(q);
        q->ready = true;
    }
}

bool virtio_queue_active(const VirtioCore *v, const VirtQueue *q)
{
    return q->ready && !q->resetting && !v->resetting && virtio_running(v);
}

static void queue_notify(VirtioCore *v, VirtQueue *q)
{
    /* Who waits looks at the queues afterwards, or has reset them. */
    if (virtio_queue_active(v, q) && !v->quiescing) {
        virtio_class(v->dev)->notify(v->dev, q);
    }
}

/* On the I/O thread. */
static void kick_heard(IoWork *w)
{
    VirtQueue *q = (VirtQueue *)((uint8_t *)w - offsetof(VirtQueue, kick));
    VirtioCore *v = q->core;

    device_lock(v->dev);
    q->kicked = false;
    queue_notify(v, q);
    device_unlock(v->dev);
}

void virtio_notify(VirtioCore *v, uint32_t n)
{
    VirtQueue *q = virtio_queue(v, n);

    if (!q) {
        return;
    }
    if (!v->iothread) {
        queue_notify(v, q);
    } else if (!q->kicked) {
        q->kicked = true;
        q->kick.fn = kick_heard;
        iothread_post(v->iothread, &q->kick);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio over PCI: a function that carries one virtio device.
 *
 * Specification: VIRTIO 1.2, 4.1: ids and revisions (4.1.2), capabilities (4.1.4), common
 * configuration (4.1.4.3), notifications (4.1.4.4), ISR (4.1.4.5), device configuration (4.1.4.6),
 * access through configuration space (4.1.4.9), legacy interface (4.1.4.10); MSI-X (4.1.5.1).
 *
 * BAR 0 has the legacy registers (I/O), BAR 1 the MSI-X table, BAR 4 (64 bits, prefetchable) the
 * modern structures, a page each: common configuration, ISR, device configuration, notifications. A
 * transitional function has all of them, on the host's bus that is the default; on a PCI Express
 * port a function is a modern one with the capabilities of an endpoint.
 *
 * The virtio device shares this device's lock. While the function is no bus master its rings stand
 * still. Test: tests/unit/test-pci.c, tests/fuzz/virtio_ring.c
 */
#include "hw/virtio_pci.h"
#include "hw/virtio/private.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>
#include <string.h>

#define VIRTIO_VENDOR 0x1af4
#define MODERN_DEVICE 0x1040 /* and the type of the device */
#define MODERN_SUBSYS 0x1100
#define LEGACY_PAGE   4096

#define AREA_SIZE   0x1000
#define NOTIFY_STEP 4 /* bytes from queue to queue in the notification area */
#define QUEUES_MAX  1024

enum { BAR_LEGACY = 0, BAR_MSIX = 1, BAR_MODERN = 4 };

/* Areas of BAR 4 in their order, which are banks of the device, and their cfg_type. */
enum { AREA_COMMON, AREA_ISR, AREA_DEVICE, AREA_NOTIFY, AREAS };
enum { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4, CFG_PCI = 5 };

/* struct virtio_pci_cap, 4.1.4 */
enum {
    CAP_LEN = 2,
    CAP_TYPE = 3,
    CAP_BAR = 4,
    CAP_OFFSET = 8,
    CAP_LENGTH = 12,
    CAP_SIZE = 16,
    CAP_NOTIFY_STEP = 16,
    CAP_PCI_DATA = 16,
    CAP_LONG_SIZE = 20,
};

/* struct virtio_pci_common_cfg, 4.1.4.3 */
enum {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    CONFIG_MSIX_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    DEVICE_STATUS = 0x14,
    CONFIG_GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_MSIX_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_DESC = 0x20,
    QUEUE_DRIVER = 0x28,
    QUEUE_DEVICE = 0x30,
    QUEUE_NOTIFY_DATA = 0x38,
    QUEUE_RESET = 0x3a,
    COMMON_SIZE = 0x3c,
};

/* Legacy registers, 4.1.4.10 */
enum {
    LEGACY_DEVICE_FEATURES = 0x00,
    LEGACY_DRIVER_FEATURES = 0x04,
    LEGACY_QUEUE_ADDRESS = 0x08,
    LEGACY_QUEUE_SIZE = 0x0c,
    LEGACY_QUEUE_SELECT = 0x0e,
    LEGACY_QUEUE_NOTIFY = 0x10,
    LEGACY_DEVICE_STATUS = 0x12,
    LEGACY_ISR = 0x13,
    LEGACY_CONFIG = 0x14, /* with MSI-X enabled two vectors come first */
    LEGACY_CONFIG_VECTOR = 0x14,
    LEGACY_QUEUE_VECTOR = 0x16,
    LEGACY_CONFIG_MSIX = 0x18,
};

#define VIRTIO_PCI_LIST(F, A, D, N) PCI_STATE(N)

STATE_TABLE(virtio_pci, VirtioPciState, VIRTIO_PCI_LIST)

const StateField *virtio_pci_table(unsigned *n_fields)
{
    return virtio_pci_state(n_fields);
}

#define COMMON_PROPS                                                                               \
    PROP("ioeventfd", BOOL, ioeventfd, "on", PUBLIC, "taken, has no effect"),                      \
        PROP("vectors", U32, vectors, "4294967295", PUBLIC,                                        \
             "MSI-X vectors; 0: none; 4294967295: as the device likes it"),                        \
        PROP("page-per-vq", BOOL, page_per_vq, "off", PUBLIC,                                      \
             "a page of notifications for each queue"),                                            \
        PROP("modern-pio-notify", BOOL, modern_pio_notify, "off", PUBLIC, "not supported"),        \
        PROP("virtio-pci-bus-master-bug-migration", BOOL, bus_master_bug, "off", PUBLIC,           \
             "taken, has no effect"),                                                              \
        PROP("ats", BOOL, ats, "off", PUBLIC, "not supported"),                                    \
        PROP("aer", BOOL, aer, "off", PUBLIC, "not supported"),                                    \
        PROP("class", U32, class_code, "0", PUBLIC, "base class and subclass; 0: as usual"),       \
        PCI_PROPS

// clang-format off
PROPS(names, VirtioPciState,
    PROP("disable-legacy", ONOFFAUTO, disable_legacy, "auto", PUBLIC, "on/off/auto"),
    PROP("disable-modern", BOOL, disable_modern, "off", PUBLIC, "on/off"),
    COMMON_PROPS)
PROPS(fixed, VirtioPciState, COMMON_PROPS)
// clang-format on

const PropDesc *virtio_pci_props(void)
{
    return names_props();
}

const PropDesc *virtio_pci_fixed_props(void)
{
    return fixed_props();
}

static const VirtioPciClass *info(const VirtioPciState *s)
{
    return s->dev.cls->sub;
}

static void bad_access(VirtioPciState *s, const char *where, hwaddr offset, unsigned size,
                       const char *verb)
{
    rhea_log_mask(LOG_GUEST_ERROR, "%s: bad %u-byte %s in %s at 0x%" PRIx64 "\n", device_name(s),
                  size, verb, where, offset);
}

/* ---- interrupts ---- */

static void pci_transport_irq(void *opaque, bool level)
{
    VirtioPciState *s = opaque;

    pci_set_irq(s->pci, level && !pci_msix_enabled(s->pci));
}

static bool pci_transport_message(void *opaque, uint16_t vector)
{
    VirtioPciState *s = opaque;

    if (!pci_msix_enabled(s->pci)) {
        return false;
    }
    if (vector != VIRTIO_NO_VECTOR) {
        pci_msix_notify(s->pci, vector);
    }
    return true;
}

static const VirtioTransport transports[] = {
    {false, true, true, pci_transport_irq, pci_transport_message},
    {true, false, true, pci_transport_irq, pci_transport_message},
    {true, true, true, pci_transport_irq, pci_transport_message},
};

/* 4.1.5.1.2: a vector that is not there is refused, and reads back as none. */
static uint16_t vector_check(const VirtioPciState *s, uint32_t vector)
{
    return vector < s->n_vectors ? vector : VIRTIO_NO_VECTOR;
}

/* Reading acknowledges, 4.1.4.5. */
static uint8_t isr_read(VirtioPciState *s)
{
    uint8_t isr = s->v->isr;

    virtio_set_isr(s->v, 0);
    return isr;
}

/* ---- modern: common configuration ---- */

static unsigned queue_count(const VirtioCore *v)
{
    unsigned n = v->n_vq;

    while (n && !v->vq[n - 1].max) {
        n--;
    }
    return n;
}

static unsigned field_size(unsigned offset)
{
    switch (offset) {
    case CONFIG_MSIX_VECTOR:
    case NUM_QUEUES:
    case QUEUE_SELECT:
    case QUEUE_SIZE:
    case QUEUE_MSIX_VECTOR:
    case QUEUE_ENABLE:
    case QUEUE_NOTIFY_OFF:
    case QUEUE_NOTIFY_DATA:
    case QUEUE_RESET:
        return 2;
    case DEVICE_STATUS:
    case CONFIG_GENERATION:
        return 1;
    default:
        return offset < COMMON_SIZE && !(offset & 3) ? 4 : 0;
    }
}

static uint64_t *queue_area(VirtQueue *q, unsigned offset)
{
    return offset < QUEUE_DRIVER ? &q->desc : offset < QUEUE_DEVICE ? &q->avail : &q->used;
}

static uint32_t queue_read(VirtioPciState *s, VirtQueue *q, unsigned offset)
{
    switch (offset) {
    case QUEUE_SIZE:
        return q->num;
    case QUEUE_MSIX_VECTOR:
        return q->vector;
    case QUEUE_ENABLE:
        return virtio_queue_ready(q);
    case QUEUE_NOTIFY_OFF:
        return q->index;
    case QUEUE_RESET:
        return q->resetting;
    default:
        return *queue_area(q, offset) >> (offset & 4 ? 32 : 0);
    }
}

static uint32_t common_read(VirtioPciState *s, unsigned offset)
{
    VirtioCore *v = s->v;
    VirtQueue *q = virtio_queue(v, v->queue_sel);

    switch (offset) {
    case DEVICE_FEATURE_SELECT:
        return v->device_features_sel;
    case DEVICE_FEATURE:
        return v->device_features_sel > 1
                   ? 0
                   : virtio_device_features(v) >> 32 * v->device_features_sel;
    case DRIVER_FEATURE_SELECT:
        return v->driver_features_sel;
    case DRIVER_FEATURE:
        return v->driver_features_sel > 1 ? 0 : v->driver_features >> 32 * v->driver_features_sel;
    case CONFIG_MSIX_VECTOR:
        return v->config_vector;
    case NUM_QUEUES:
        return queue_count(v);
    case DEVICE_STATUS:
        return virtio_get_status(v);
    case CONFIG_GENERATION:
        return v->config_gen & 0xff;
    case QUEUE_SELECT:
        return v->queue_sel;
    case QUEUE_NOTIFY_DATA:
        return 0; /* VIRTIO_F_NOTIF_CONFIG_DATA is not offered */
    default:
        return q ? queue_read(s, q, offset) : offset == QUEUE_MSIX_VECTOR ? VIRTIO_NO_VECTOR : 0;
    }
}

static void queue_write(VirtioPciState *s, VirtQueue *q, unsigned offset, uint32_t val)
{
    VirtioCore *v = s->v;
    uint64_t *area;

    switch (offset) {
    case QUEUE_SIZE:
        virtio_queue_set_num(v, q, val);
        break;
    case QUEUE_MSIX_VECTOR:
        q->vector = vector_check(s, val);
        break;
    case QUEUE_ENABLE:
        /* 4.1.4.3.2: only 1 may be written. */
        if (val == 1) {
            virtio_queue_enable(v, q);
        } else {
            bad_access(s, "common configuration", offset, 2, "write");
        }
        break;
    case QUEUE_RESET:
        if (val == 1) {
            virtio_queue_reset(v, q);
        }
        break;
    case QUEUE_NOTIFY_OFF:
        bad_access(s, "common configuration", offset, 2, "write");
        break;
    default:
        area = queue_area(q, offset);
        if (q->ready) {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: address of queue %u written while it is in use\n",
                          device_name(v->dev), q->index);
        } else {
            *area = offset & 4 ? (uint32_t)*area | (uint64_t)val << 32 : (*area >> 32 << 32) | val;
        }
    }
}

static void common_write(VirtioPciState *s, unsigned offset, uint32_t val)
{
    VirtioCore *v = s->v;
    VirtQueue *q;

    switch (offset) {
    case DEVICE_FEATURE_SELECT:
        v->device_features_sel = val;
        break;
    case DRIVER_FEATURE_SELECT:
        v->driver_features_sel = val;
        break;
    case DRIVER_FEATURE:
        virtio_set_driver_features(v, v->driver_features_sel, val);
        break;
    case CONFIG_MSIX_VECTOR:
        v->config_vector = vector_check(s, val);
        break;
    case DEVICE_STATUS:
        virtio_set_status(v, val);
        break;
    case QUEUE_SELECT:
        v->queue_sel = val;
        break;
    case DEVICE_FEATURE:
    case NUM_QUEUES:
    case CONFIG_GENERATION:
    case QUEUE_NOTIFY_DATA:
        bad_access(s, "common configuration", offset, field_size(offset), "write");
        break;
    default:
        q = virtio_queue(v, v->queue_sel);
        if (q) {
            queue_write(s, q, offset, val);
        } else {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: there is no queue %u\n", device_name(v->dev),
                          v->queue_sel);
        }
    }
}

/* ---- modern: the areas ---- */

static uint32_t area_read(VirtioPciState *s, unsigned area, hwaddr offset, unsigned size)
{
    VirtioCore *v = s->v;

    switch (area) {
    case AREA_COMMON:
        virtio_use_interface(v, false);
        if (field_size(offset) != size) {
            bad_access(s, "common configuration", offset, size, "read");
            return 0;
        }
        return common_read(s, offset);
    case AREA_ISR:
        return offset == 0 ? isr_read(s) : 0;
    case AREA_DEVICE:
        return virtio_config_read(v, offset, size);
    default:
        return 0;
    }
}

static void area_write(VirtioPciState *s, unsigned area, hwaddr offset, unsigned size, uint32_t val)
{
    VirtioCore *v = s->v;

    switch (area) {
    case AREA_COMMON:
        virtio_use_interface(v, false);
        if (field_size(offset) != size) {
            bad_access(s, "common configuration", offset, size, "write");
        } else {
            common_write(s, offset, val);
        }
        break;
    case AREA_DEVICE:
        virtio_config_write(v, offset, size, val);
        break;
    case AREA_NOTIFY:
        virtio_notify(v, offset / (s->page_per_vq ? AREA_SIZE : NOTIFY_STEP));
        break;
    default:
        bad_access(s, "ISR status", offset, size, "write");
    }
}

#define AREA_OPS(name, area)                                                                       \
    static MemTxResult name##_area_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val) \
    {                                                                                              \
        *val = area_read(opaque, area, offset, size);                                              \
        return MEMTX_OK;                                                                           \
    }                                                                                              \
    static MemTxResult name##_area_write(void *opaque, hwaddr offset, unsigned size, uint64_t val) \
    {                                                                                              \
        area_write(opaque, area, offset, size, val);                                               \
        return MEMTX_OK;                                                                           \
    }                                                                                              \
    static const MmioOps name##_area_ops = {                                                       \
        .read = name##_area_read, .write = name##_area_write, .impl_max = 4}

AREA_OPS(common, AREA_COMMON);
AREA_OPS(isr, AREA_ISR);
AREA_OPS(device, AREA_DEVICE);
AREA_OPS(notify, AREA_NOTIFY);

/* ---- access through configuration space, 4.1.4.9 ---- */

/* The area that the capability selects; false if it selects none. */
static bool pci_window_target(VirtioPciState *s, unsigned *area, uint32_t *offset, uint32_t *size)
{
    const uint8_t *cap = s->pci->config + s->pci_cap;

    *size = pci_get32(cap + CAP_LENGTH);
    *offset = pci_get32(cap + CAP_OFFSET);
    *area = *offset / AREA_SIZE;
    if (*area >= AREA_NOTIFY) {
        *offset -= AREA_NOTIFY * AREA_SIZE;
        *area = AREA_NOTIFY;
    } else {
        *offset %= AREA_SIZE;
    }
    return cap[CAP_BAR] == BAR_MODERN && (*size == 1 || *size == 2 || *size == 4) &&
           !(*offset & (*size - 1)) && *offset < s->dev.mmio[*area].size;
}

static bool pci_data_touched(const VirtioPciState *s, unsigned offset, unsigned size)
{
    unsigned data = s->pci_cap + CAP_PCI_DATA;

    return s->pci_cap && offset < data + 4 && data < offset + size;
}

void virtio_pci_config_read(void *dev, unsigned offset, unsigned size)
{
    VirtioPciState *s = dev;
    uint32_t at, width;
    unsigned area;

    if (pci_data_touched(s, offset, size) && pci_window_target(s, &area, &at, &width)) {
        uint32_t val = area_read(s, area, at, width);

        for (unsigned i = 0; i < width; i++) {
            s->pci->config[s->pci_cap + CAP_PCI_DATA + i] = val >> i * 8;
        }
    }
}

void virtio_pci_config_written(void *dev, unsigned offset, unsigned size, const uint8_t *before)
{
    VirtioPciState *s = dev;
    uint32_t at, width;
    unsigned area;

    if (pci_data_touched(s, offset, size) && pci_window_target(s, &area, &at, &width)) {
        uint32_t val = pci_get32(s->pci->config + s->pci_cap + CAP_PCI_DATA);

        area_write(s, area, at, width, val & (width == 4 ? UINT32_MAX : (1u << width * 8) - 1));
    }
    if (s->pci->msix_cap && offset < s->pci->msix_cap + 4u && s->pci->msix_cap < offset + size) {
        /* The line and messages take turns. */
        pci_transport_irq(s, s->v->isr != 0);
    }
}

void virtio_pci_master_changed(void *dev, bool on)
{
    virtio_set_dma(((VirtioPciState *)dev)->v, on);
}

/* ---- legacy ---- */

static uint32_t legacy_config_at(const VirtioPciState *s)
{
    return pci_msix_enabled(s->pci) ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG;
}

static MemTxResult legacy_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    VirtioPciState *s = opaque;
    VirtioCore *v = s->v;
    VirtQueue *q = virtio_queue(v, v->queue_sel);

    virtio_use_interface(v, true);
    if (offset >= legacy_config_at(s)) {
        *val = virtio_config_read(v, offset - legacy_config_at(s), size);
        return MEMTX_OK;
    }
    switch (offset) {
    case LEGACY_DEVICE_FEATURES:
        *val = virtio_device_features(v);
        break;
    case LEGACY_DRIVER_FEATURES:
        *val = v->driver_features;
        break;
    case LEGACY_QUEUE_ADDRESS:
        *val = q ? q->pfn : 0;
        break;
    case LEGACY_QUEUE_SIZE:
        *val = q ? q->num : 0;
        break;
    case LEGACY_QUEUE_SELECT:
        *val = v->queue_sel;
        break;
    case LEGACY_DEVICE_STATUS:
        *val = virtio_get_status(v);
        break;
    case LEGACY_ISR:
        *val = isr_read(s);
        break;
    case LEGACY_CONFIG_VECTOR:
        *val = v->config_vector;
        break;
    case LEGACY_QUEUE_VECTOR:
        *val = q ? q->vector : VIRTIO_NO_VECTOR;
        break;
    default:
        bad_access(s, "legacy registers", offset, size, "read");
        *val = 0;
    }
    return MEMTX_OK;
}

static void legacy_queue_write(VirtioPciState *s, VirtQueue *q, hwaddr offset, uint32_t val)
{
    if (offset == LEGACY_QUEUE_ADDRESS) {
        s->v->guest_page_size = LEGACY_PAGE;
        virtio_queue_set_pfn(s->v, q, val);
    } else {
        q->vector = vector_check(s, val);
    }
}

static MemTxResult legacy_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    VirtioPciState *s = opaque;
    VirtioCore *v = s->v;
    VirtQueue *q = virtio_queue(v, v->queue_sel);

    virtio_use_interface(v, true);
    if (offset >= legacy_config_at(s)) {
        virtio_config_write(v, offset - legacy_config_at(s), size, val);
        return MEMTX_OK;
    }
    switch (offset) {
    case LEGACY_DRIVER_FEATURES:
        virtio_set_driver_features(v, 0, val);
        break;
    case LEGACY_QUEUE_SELECT:
        v->queue_sel = val;
        break;
    case LEGACY_QUEUE_NOTIFY:
        virtio_notify(v, val);
        break;
    case LEGACY_DEVICE_STATUS:
        virtio_set_status(v, val);
        break;
    case LEGACY_CONFIG_VECTOR:
        v->config_vector = vector_check(s, val);
        break;
    case LEGACY_QUEUE_ADDRESS:
    case LEGACY_QUEUE_VECTOR:
        if (q) {
            legacy_queue_write(s, q, offset, val);
            break;
        }
        rhea_log_mask(LOG_GUEST_ERROR, "%s: there is no queue %u\n", device_name(v->dev),
                      v->queue_sel);
        break;
    default:
        bad_access(s, "legacy registers", offset, size, "write");
    }
    return MEMTX_OK;
}

static const MmioOps legacy_ops = {.read = legacy_read, .write = legacy_write, .impl_max = 4};

/* ---- life ---- */

static bool bus_attach(DeviceBus *bus, Device *child, GError **err)
{
    VirtioPciState *s = (VirtioPciState *)bus->owner;

    s->v = virtio_core(child);
    s->v->transport = s->has_legacy && s->has_modern ? &transports[2]
                      : s->has_legacy                ? &transports[1]
                                                     : &transports[0];
    s->v->transport_opaque = s;
    s->v->legacy = !s->has_modern;
    s->v->no_dma = true;
    return true;
}

/* Which interfaces the name and the properties ask for. */
static bool interfaces_choose(VirtioPciState *s, bool port, GError **err)
{
    const char *name = s->dev.cls->name;
    bool can_legacy = info(s)->legacy_device != 0;

    if (g_str_has_suffix(name, "-non-transitional")) {
        s->has_modern = true;
    } else if (g_str_has_suffix(name, "-transitional")) {
        s->has_modern = s->has_legacy = true;
    } else {
        s->has_modern = !s->disable_modern;
        s->has_legacy = can_legacy && (s->disable_legacy == ONOFFAUTO_OFF ||
                                       (s->disable_legacy == ONOFFAUTO_AUTO && !port));
    }
    if (!s->has_modern && !s->has_legacy) {
        rhea_error_set(err, "device cannot work as neither modern nor legacy mode is enabled: set "
                            "either disable-modern or disable-legacy to off");
        return false;
    }
    if (s->ats || s->aer || s->modern_pio_notify) {
        rhea_error_set(err, "%s=on is not supported",
                       s->ats   ? "ats"
                       : s->aer ? "aer"
                                : "modern-pio-notify");
        return false;
    }
    return true;
}

/* One structure of BAR 4; returns where its capability is. */
static unsigned area_capability(VirtioPciState *s, uint8_t type, unsigned area, uint64_t size,
                                unsigned cap_size)
{
    unsigned cap = pci_add_capability(s->pci, PCI_CAP_VENDOR, 0, cap_size);

    pci_set_config(s->pci, cap + CAP_LEN, 1, cap_size, 0, 0);
    pci_set_config(s->pci, cap + CAP_TYPE, 1, type, 0, 0);
    pci_set_config(s->pci, cap + CAP_BAR, 1, BAR_MODERN, 0, 0);
    pci_set_config(s->pci, cap + CAP_OFFSET, 4, area * AREA_SIZE, 0, 0);
    pci_set_config(s->pci, cap + CAP_LENGTH, 4, size, 0, 0);
    return cap;
}

static void modern_init(VirtioPciState *s)
{
    static const MmioOps *const ops[AREAS] = {&common_area_ops, &isr_area_ops, &device_area_ops,
                                              &notify_area_ops};
    static const char *const names[AREAS] = {"virtio-pci-common", "virtio-pci-isr",
                                             "virtio-pci-device", "virtio-pci-notify"};
    PciDevice *p = s->pci;
    Device *d = &s->dev;
    uint64_t notify = s->page_per_vq ? (uint64_t)QUEUES_MAX * AREA_SIZE : AREA_SIZE, size = 0x4000;
    unsigned cap;

    while (size < AREA_NOTIFY * AREA_SIZE + notify) {
        size *= 2;
    }
    memory_region_init_container(&s->modern, d->ms, "virtio-pci", size);
    for (unsigned i = 0; i < AREAS; i++) {
        memory_region_init_mmio(&d->mmio[i], d->ms, names[i], i == AREA_NOTIFY ? notify : AREA_SIZE,
                                ops[i], s, &d->lock);
        memory_region_add(&s->modern, i * AREA_SIZE, &d->mmio[i], 0);
    }
    area_capability(s, CFG_COMMON, AREA_COMMON, AREA_SIZE, CAP_SIZE);
    area_capability(s, CFG_ISR, AREA_ISR, AREA_SIZE, CAP_SIZE);
    area_capability(s, CFG_DEVICE, AREA_DEVICE, AREA_SIZE, CAP_SIZE);
    cap = area_capability(s, CFG_NOTIFY, AREA_NOTIFY, notify, CAP_LONG_SIZE);
    pci_set_config(p, cap + CAP_NOTIFY_STEP, 4, s->page_per_vq ? AREA_SIZE : NOTIFY_STEP, 0, 0);

    cap = s->pci_cap = pci_add_capability(p, PCI_CAP_VENDOR, 0, CAP_LONG_SIZE);
    pci_set_config(p, cap + CAP_LEN, 1, CAP_LONG_SIZE, 0, 0);
    pci_set_config(p, cap + CAP_TYPE, 1, CFG_PCI, 0, 0);
    pci_set_config(p, cap + CAP_BAR, 1, 0, 0xff, 0);
    pci_set_config(p, cap + CAP_OFFSET, 4, 0, UINT32_MAX, 0);
    pci_set_config(p, cap + CAP_LENGTH, 4, 0, UINT32_MAX, 0);
    pci_set_config(p, cap + CAP_PCI_DATA, 4, 0, UINT32_MAX, 0);
    pci_add_bar(p, BAR_MODERN, PCI_BAR_64BIT | PCI_BAR_PREFETCH, &s->modern);
}

static void legacy_init(VirtioPciState *s)
{
    uint64_t need = LEGACY_CONFIG_MSIX + virtio_class(s->v->dev)->config_size, size = 32;

    while (size < need) {
        size *= 2;
    }
    memory_region_init_mmio(&s->legacy, s->dev.ms, "virtio-pci-legacy", size, &legacy_ops, s,
                            &s->dev.lock);
    pci_add_bar(s->pci, BAR_LEGACY, PCI_BAR_IO, &s->legacy);
}

static void header_init(VirtioPciState *s)
{
    PciDevice *p = s->pci;
    uint16_t type = virtio_class(s->v->dev)->id;
    uint32_t class_code = s->class_code ? s->class_code << 8 : info(s)->pci.class_code;

    if (s->has_legacy) {
        pci_set_config(p, PCI_VENDOR_ID, 4, VIRTIO_VENDOR | (uint32_t)info(s)->legacy_device << 16,
                       0, 0);
        pci_set_config(p, PCI_SUBSYSTEM_VENDOR, 4, VIRTIO_VENDOR | (uint32_t)type << 16, 0, 0);
    } else {
        pci_set_config(p, PCI_VENDOR_ID, 4, VIRTIO_VENDOR | (uint32_t)(MODERN_DEVICE + type) << 16,
                       0, 0);
        pci_set_config(p, PCI_SUBSYSTEM_VENDOR, 4, VIRTIO_VENDOR | (uint32_t)MODERN_SUBSYS << 16, 0,
                       0);
    }
    pci_set_config(p, PCI_REVISION, 4, (s->has_legacy ? 0 : 1) | class_code << 8, 0, 0);
    pci_set_interrupt_pin(p, 1);
}

static void vectors_init(VirtioPciState *s)
{
    uint32_t n = s->vectors;

    if (n == UINT32_MAX) {
        n = info(s)->vectors ? info(s)->vectors : queue_count(s->v) + 1;
    }
    if (n > PCI_MSIX_MAX) {
        rhea_warn_report("%s: unable to init msix vectors to %u", device_name(s), n);
        n = 0;
    }
    s->n_vectors = n;
    if (n) {
        pci_add_msix_bar(s->pci, 0, n, BAR_MSIX);
    }
}

/* The bus goes with its device, which goes with this one. */
static void children_free(VirtioPciState *s)
{
    if (s->dev.backend && s->dev.backend->parent) {
        s->dev.backend = NULL;
    }
    device_bus_destroy(&s->bus);
}

static void regions_free(VirtioPciState *s)
{
    if (s->modern.name) {
        for (unsigned i = 0; i < AREAS; i++) {
            memory_region_del(&s->dev.mmio[i]);
        }
        memory_region_destroy(&s->modern);
    }
    if (s->legacy.name) {
        memory_region_destroy(&s->legacy);
    }
}

bool virtio_pci_realize(void *dev, GError **err)
{
    VirtioPciState *s = dev;
    const PciBus *bus = s->pci->bus;
    bool port = bus && bus->express && bus->bridge;

    if (!interfaces_choose(s, port, err) || !pci_init(s, port, err)) {
        return false;
    }
    device_bus_init(&s->bus, s->dev.machine, &s->dev, "virtio-bus", "virtio-bus", 1);
    s->bus.attach = bus_attach;
    if (!device_realize(s->dev.backend, &s->bus, err)) {
        children_free(s);
        pci_exit(s);
        return false;
    }
    header_init(s);
    if (port) {
        pci_add_express(s->pci, 0, PCIE_TYPE_ENDPOINT, 0);
        pci_add_pm(s->pci, 0);
        pci_add_flr(s->pci);
    }
    if (s->has_modern) {
        modern_init(s);
    }
    vectors_init(s);
    if (s->has_legacy) {
        legacy_init(s);
    }
    return true;
}

void virtio_pci_unrealize(void *dev)
{
    VirtioPciState *s = dev;

    children_free(s);
    pci_exit(s);
    regions_free(s);
}

void virtio_pci_reset(void *dev)
{
    VirtioPciState *s = dev;

    pci_reset(s);
    device_reset_locked(s->v->dev);
}

void virtio_pci_settle(void *dev)
{
    Device *d = ((VirtioPciState *)dev)->v->dev;

    if (d->cls->settle) {
        d->cls->settle(d);
    }
}

bool virtio_pci_unsettled(void *dev)
{
    return ((VirtioPciState *)dev)->v->resetting;
}

bool virtio_pci_post_load(void *dev, GError **err)
{
    VirtioPciState *s = dev;

    if (!pci_post_load(s, err)) {
        return false;
    }
    pci_transport_irq(s, s->pci->intx);
    return true;
}

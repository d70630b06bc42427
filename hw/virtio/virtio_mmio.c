/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio over MMIO: a bus for one virtio device and the registers by which a driver reaches it.
 *
 * Specification: VIRTIO 1.2, 4.2.2 (registers, version 2) and 4.2.4 (legacy, version 1).
 *
 * The transport has no state: registers live in the device's VirtioCore, and an access takes the
 * device's lock, not the transport's. An empty slot answers with device id 0 and reads 0 elsewhere.
 *
 * Test: tests/unit/test-virtio.c
 */
#include "hw/virtio/private.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#define MMIO_SIZE   0x200
#define MMIO_MAGIC  0x74726976 /* "virt" */
#define MMIO_VENDOR 0x554d4551
#define MMIO_CONFIG 0x100

enum {
    MAGIC_VALUE = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    VENDOR_ID = 0x00c,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SEL = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SEL = 0x024,
    GUEST_PAGE_SIZE = 0x028, /* legacy */
    QUEUE_SEL = 0x030,
    QUEUE_SIZE_MAX = 0x034,
    QUEUE_SIZE = 0x038,
    QUEUE_ALIGN = 0x03c, /* legacy */
    QUEUE_PFN = 0x040,   /* legacy */
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACK = 0x064,
    STATUS = 0x070,
    QUEUE_DESC_LOW = 0x080,
    QUEUE_DESC_HIGH = 0x084,
    QUEUE_DRIVER_LOW = 0x090,
    QUEUE_DRIVER_HIGH = 0x094,
    QUEUE_DEVICE_LOW = 0x0a0,
    QUEUE_DEVICE_HIGH = 0x0a4,
    SHM_SEL = 0x0ac,
    SHM_LEN_LOW = 0x0b0,
    SHM_LEN_HIGH = 0x0b4,
    SHM_BASE_LOW = 0x0b8,
    SHM_BASE_HIGH = 0x0bc,
    QUEUE_RESET = 0x0c0,
    CONFIG_GENERATION = 0x0fc,
};

STATE(virtio_mmio, VirtioMmioState, NO_STATE, DeviceBus bus; bool force_legacy;)

// clang-format off
PROPS(virtio_mmio, VirtioMmioState,
    PROP("force-legacy", BOOL, force_legacy, "on", PUBLIC, "on/off"))
// clang-format on

static Device *slot_device(VirtioMmioState *s)
{
    return s->bus.children->len ? g_ptr_array_index(s->bus.children, 0) : NULL;
}

/* ---- registers ---- */

/* Registers that only one of the two versions has. */
static bool reg_is_legacy(hwaddr offset)
{
    return offset == GUEST_PAGE_SIZE || offset == QUEUE_ALIGN || offset == QUEUE_PFN;
}

static bool reg_is_modern(hwaddr offset)
{
    return offset == QUEUE_READY || (offset >= QUEUE_DESC_LOW && offset < MMIO_CONFIG);
}

static bool reg_exists(VirtioMmioState *s, hwaddr offset, const char *verb)
{
    if (s->force_legacy ? reg_is_modern(offset) : reg_is_legacy(offset)) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "virtio-mmio: %s of register 0x%" PRIx64 ", which version %u has not\n", verb,
                      offset, s->force_legacy ? 1 : 2);
        return false;
    }
    return true;
}

static void bad_access(hwaddr offset, const char *verb)
{
    rhea_log_mask(LOG_GUEST_ERROR, "virtio-mmio: bad %s at 0x%" PRIx64 "\n", verb, offset);
}

static uint32_t slot_read(VirtioMmioState *s, hwaddr offset)
{
    switch (offset) {
    case MAGIC_VALUE:
        return MMIO_MAGIC;
    case VERSION:
        return s->force_legacy ? 1 : 2;
    case VENDOR_ID:
        return MMIO_VENDOR;
    default:
        return 0;
    }
}

static uint32_t reg_read(VirtioMmioState *s, VirtioCore *v, hwaddr offset)
{
    VirtQueue *q = virtio_queue(v, v->queue_sel);

    switch (offset) {
    case MAGIC_VALUE:
    case VERSION:
    case VENDOR_ID:
        return slot_read(s, offset);
    case DEVICE_ID:
        return virtio_class(v->dev)->id;
    case DEVICE_FEATURES:
        return v->device_features_sel > 1
                   ? 0
                   : virtio_device_features(v) >> 32 * v->device_features_sel;
    case QUEUE_SIZE_MAX:
        return q ? q->max : 0;
    case QUEUE_PFN:
        return q ? q->pfn : 0;
    case QUEUE_READY:
        return q && virtio_queue_ready(q);
    case INTERRUPT_STATUS:
        return v->isr;
    case STATUS:
        return virtio_get_status(v);
    case SHM_LEN_LOW:
    case SHM_LEN_HIGH:
    case SHM_BASE_LOW:
    case SHM_BASE_HIGH:
        return UINT32_MAX; /* no device has such regions yet */
    case QUEUE_RESET:
        return q && q->resetting;
    case CONFIG_GENERATION:
        return v->config_gen;
    default:
        bad_access(offset, "read");
        return 0;
    }
}

/* An address register of a queue: half of it. */
static void address_write(VirtioCore *v, VirtQueue *q, hwaddr offset, uint32_t val)
{
    uint64_t *addr = offset < QUEUE_DRIVER_LOW   ? &q->desc
                     : offset < QUEUE_DEVICE_LOW ? &q->avail
                                                 : &q->used;

    if (q->ready) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: address of queue %u written while it is in use\n",
                      device_name(v->dev), q->index);
    } else if (offset & 4) {
        *addr = (uint32_t)*addr | (uint64_t)val << 32;
    } else {
        *addr = (*addr >> 32 << 32) | val;
    }
}

static void queue_write(VirtioCore *v, VirtQueue *q, hwaddr offset, uint32_t val)
{
    switch (offset) {
    case QUEUE_SIZE:
        virtio_queue_set_num(v, q, val);
        break;
    case QUEUE_ALIGN:
        if (virtio_power_of_2(val)) {
            q->align = val;
        } else {
            bad_access(offset, "write");
        }
        break;
    case QUEUE_PFN:
        virtio_queue_set_pfn(v, q, val);
        break;
    case QUEUE_READY:
        if (val & 1) {
            virtio_queue_enable(v, q);
        } else {
            virtio_queue_disable(v, q);
        }
        break;
    case QUEUE_RESET:
        if (val & 1) {
            virtio_queue_reset(v, q);
        }
        break;
    case QUEUE_DESC_LOW:
    case QUEUE_DESC_HIGH:
    case QUEUE_DRIVER_LOW:
    case QUEUE_DRIVER_HIGH:
    case QUEUE_DEVICE_LOW:
    case QUEUE_DEVICE_HIGH:
        address_write(v, q, offset, val);
        break;
    }
}

static void reg_write(VirtioCore *v, hwaddr offset, uint32_t val)
{
    VirtQueue *q;

    switch (offset) {
    case DEVICE_FEATURES_SEL:
        v->device_features_sel = val;
        break;
    case DRIVER_FEATURES:
        virtio_set_driver_features(v, v->driver_features_sel, val);
        break;
    case DRIVER_FEATURES_SEL:
        v->driver_features_sel = val;
        break;
    case GUEST_PAGE_SIZE:
        if (virtio_power_of_2(val)) {
            v->guest_page_size = val;
        } else {
            bad_access(offset, "write");
        }
        break;
    case QUEUE_SEL:
        v->queue_sel = val;
        break;
    case QUEUE_SIZE:
    case QUEUE_ALIGN:
    case QUEUE_PFN:
    case QUEUE_READY:
    case QUEUE_RESET:
    case QUEUE_DESC_LOW:
    case QUEUE_DESC_HIGH:
    case QUEUE_DRIVER_LOW:
    case QUEUE_DRIVER_HIGH:
    case QUEUE_DEVICE_LOW:
    case QUEUE_DEVICE_HIGH:
        q = virtio_queue(v, v->queue_sel);
        if (q) {
            queue_write(v, q, offset, val);
        } else {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: there is no queue %u\n", device_name(v->dev),
                          v->queue_sel);
        }
        break;
    case QUEUE_NOTIFY:
        virtio_notify(v, val);
        break;
    case INTERRUPT_ACK:
        virtio_set_isr(v, v->isr & ~val);
        break;
    case STATUS:
        virtio_set_status(v, val);
        break;
    case SHM_SEL:
        v->shm_sel = val;
        break;
    default:
        bad_access(offset, "write");
    }
}

static MemTxResult virtio_mmio_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    VirtioMmioState *s = opaque;
    Device *d = slot_device(s);

    *val = 0;
    if (offset < MMIO_CONFIG && size != 4) {
        bad_access(offset, "read");
    } else if (!d) {
        *val = slot_read(s, offset);
    } else if (offset >= MMIO_CONFIG || reg_exists(s, offset, "read")) {
        device_lock(d);
        *val = offset >= MMIO_CONFIG
                   ? virtio_config_read(virtio_core(d), offset - MMIO_CONFIG, size)
                   : reg_read(s, virtio_core(d), offset);
        device_unlock(d);
    }
    return MEMTX_OK;
}

static MemTxResult virtio_mmio_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    VirtioMmioState *s = opaque;
    Device *d = slot_device(s);

    if (offset < MMIO_CONFIG && size != 4) {
        bad_access(offset, "write");
    } else if (d && (offset >= MMIO_CONFIG || reg_exists(s, offset, "write"))) {
        device_lock(d);
        if (offset >= MMIO_CONFIG) {
            virtio_config_write(virtio_core(d), offset - MMIO_CONFIG, size, val);
        } else {
            reg_write(virtio_core(d), offset, val);
        }
        device_unlock(d);
    }
    return MEMTX_OK;
}

/* Fields of 64 bits in the configuration space may be read at once; that is two of 32. */
static const MmioOps virtio_mmio_ops = {
    .read = virtio_mmio_read,
    .write = virtio_mmio_write,
    .endian = MEM_LITTLE_ENDIAN,
    .impl_max = 4,
};

/* ---- bus ---- */

static void virtio_mmio_set_irq(void *opaque, bool level)
{
    irq_set(&((VirtioMmioState *)opaque)->dev.irq[0], level);
}

static const VirtioTransport legacy_transport = {.has_legacy = true,
                                                 .set_irq = virtio_mmio_set_irq};
static const VirtioTransport modern_transport = {.has_modern = true,
                                                 .set_irq = virtio_mmio_set_irq};

static bool virtio_mmio_attach(DeviceBus *bus, Device *child, GError **err)
{
    VirtioMmioState *s = (VirtioMmioState *)bus->owner;
    VirtioCore *v = virtio_core(child);

    v->transport = s->force_legacy ? &legacy_transport : &modern_transport;
    v->transport_opaque = s;
    v->legacy = s->force_legacy;
    return true;
}

static bool virtio_mmio_plugged(DeviceBus *bus, Device *child, GError **err)
{
    device_reset(child);
    return true;
}

/* Buses are numbered in the order of their creation. */
static unsigned bus_number(const VirtioMmioState *s)
{
    unsigned n = 0;
    DeviceBus *bus;

    for (unsigned i = 0; s->dev.machine && (bus = device_bus_at(s->dev.machine, i)); i++) {
        n += g_str_has_prefix(bus->name, "virtio-mmio-bus.");
    }
    return n;
}

static bool virtio_mmio_realize(void *opaque, GError **err)
{
    VirtioMmioState *s = opaque;
    g_autofree char *name = g_strdup_printf("virtio-mmio-bus.%u", bus_number(s));

    device_bus_init(&s->bus, s->dev.machine, &s->dev, "virtio-bus", name, 1);
    s->bus.attach = virtio_mmio_attach;
    s->bus.plugged = virtio_mmio_plugged;
    /* No lock of its own: see the top. */
    memory_region_init_mmio(&s->dev.mmio[0], s->dev.ms, "virtio-mmio", MMIO_SIZE, &virtio_mmio_ops,
                            s, NULL);
    return true;
}

static void virtio_mmio_unrealize(void *opaque)
{
    device_bus_destroy(&((VirtioMmioState *)opaque)->bus);
}

static void virtio_mmio_fdt(void *opaque, const FdtNode *n)
{
    fdt_node_begin(n, "virtio_mmio");
    if (n->dma_coherent) {
        fdt_property(n->fdt, "dma-coherent", NULL, 0);
    }
    fdt_node_irqs(n);
    fdt_node_reg(n);
    fdt_property_string(n->fdt, "compatible", "virtio,mmio");
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(virtio_mmio, VirtioMmioState,
    .name = "virtio-mmio",
    .desc = "Virtio over MMIO",
    .bus = "System",
    .category = DEVICE_MISC,
    .version = 1,
    .n_irqs = 1,
    .props = virtio_mmio_props,
    .realize = virtio_mmio_realize,
    .unrealize = virtio_mmio_unrealize,
    .fdt = virtio_mmio_fdt);
// clang-format on

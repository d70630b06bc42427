/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * PCI functions and buses: configuration space, base address registers, bus mastering, INTx, where
 * functions sit and how they are found.
 *
 * Specification: PCI Local Bus 3.0, 2.2.6 (INTx), 3.2.2 (decoding), 6.1, 6.2; PCI-to-PCI Bridge
 * 1.2, 9.1 (INTx through bridges); PCI Express Base 5.0, 7.5.1, 6.6.2 (function-level reset).
 *
 * Invariants: a BAR is in the bus's map exactly while its space is enabled and the function is in
 * D0; `asserted` is what the host was told, and follows intx, the interrupt disable bit and D0.
 * Lock: see hw/pci.h. Test: tests/unit/test-pci.c
 */
#include "hw/pci.h"
#include "hw/pci/private.h"
#include "rhea/error.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <string.h>

#define DEVFNS (PCI_SLOTS * 8)

/* ---- capabilities and masks ---- */

static void put_bytes(uint8_t *at, unsigned size, uint32_t val)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = val >> i * 8;
    }
}

void pci_set_config(PciDevice *p, unsigned offset, unsigned size, uint32_t val, uint32_t writable,
                    uint32_t w1c)
{
    g_assert(size <= 4 && offset + size <= p->config_size);
    put_bytes(p->initial + offset, size, val);
    put_bytes(p->config + offset, size, val);
    put_bytes(p->writable + offset, size, writable);
    put_bytes(p->w1c + offset, size, w1c);
}

void pci_set_live(PciDevice *p, unsigned offset, unsigned size, uint32_t bits)
{
    g_assert(size <= 4 && offset + size <= p->config_size);
    put_bytes(p->live + offset, size, bits);
}

static void set_byte(PciDevice *p, unsigned offset, uint8_t val)
{
    p->initial[offset] = p->config[offset] = val;
}

unsigned pci_add_capability(PciDevice *p, uint8_t id, unsigned offset, unsigned size)
{
    if (!offset) {
        offset = p->next_cap;
    }
    g_assert(offset >= PCI_FIRST_CAP && offset + size <= PCI_CONFIG_SIZE && !(offset & 3));
    set_byte(p, offset, id);
    set_byte(p, offset + 1, p->config[PCI_CAP_POINTER]);
    set_byte(p, PCI_CAP_POINTER, offset);
    set_byte(p, PCI_STATUS, p->config[PCI_STATUS] | PCI_STATUS_CAPABILITIES);
    p->next_cap = MAX(p->next_cap, (offset + size + 3) & ~3u);
    return offset;
}

unsigned pci_add_ext_capability(PciDevice *p, uint16_t id, unsigned version, unsigned offset,
                                unsigned size)
{
    unsigned last = PCI_CONFIG_SIZE;

    g_assert(offset >= PCI_CONFIG_SIZE && offset + size <= p->config_size && !(offset & 3));
    while (pci_get32(p->config + last) >> 20) {
        last = pci_get32(p->config + last) >> 20;
    }
    pci_set_config(p, offset, 4, id | version << 16, 0, 0);
    if (last != offset) {
        pci_set_config(p, last, 4, pci_get32(p->config + last) | offset << 20, 0, 0);
    }
    return offset;
}

void pci_set_interrupt_pin(PciDevice *p, unsigned pin)
{
    set_byte(p, PCI_INTERRUPT_PIN, pin);
}

void pci_add_pm(PciDevice *p, unsigned offset)
{
    p->pm_cap = pci_add_capability(p, PCI_CAP_PM, offset, PCI_PM_SIZE);
    pci_set_config(p, p->pm_cap + PCI_PM_PMC, 2, 3, 0, 0); /* version 1.2 */
    pci_set_config(p, p->pm_cap + PCI_PM_CTRL, 2, 0, PCI_PM_CTRL_STATE, 0);
}

/* Values that every device has in this capability; ports change theirs afterwards. */
void pci_add_express(PciDevice *p, unsigned offset, PcieType type, uint8_t port)
{
    unsigned cap = p->pcie_cap = pci_add_capability(p, PCI_CAP_EXPRESS, offset, PCIE_CAP_SIZE);
    /* 2.5 GT/s, one lane. */
    uint32_t link = 1 | 1 << 4 | PCIE_LNKCAP_ASPM_L0S | (uint32_t)port << 24;

    pci_set_config(p, cap + PCIE_FLAGS, 2, PCIE_FLAGS_VERSION | type << 4, 0, 0);
    pci_set_config(p, cap + PCIE_DEVCAP, 4, PCIE_DEVCAP_ROLE_ERRORS | PCIE_DEVCAP_EXT_TAG, 0, 0);
    /* Error reporting, relaxed ordering, sizes, tags, no snoop. */
    pci_set_config(p, cap + PCIE_DEVCTL, 2, 0, 0x7fff, 0);
    pci_set_config(p, cap + PCIE_DEVSTA, 2, 0, 0, 0x000f);
    if (type != PCIE_TYPE_INTEGRATED) {
        pci_set_config(p, cap + PCIE_LNKCAP, 4, link, 0, 0);
        pci_set_config(p, cap + PCIE_LNKCTL, 2, 0, 0x00c3, 0);
        pci_set_config(p, cap + PCIE_LNKSTA, 2, 1 | 1 << 4, 0, 0);
        pci_set_config(p, cap + PCIE_LNKCTL2, 2, 0, 0x000f, 0);
    }
    pci_set_config(p, cap + PCIE_DEVCAP2, 4, PCIE_DEVCAP2_EXT_FORMAT | PCIE_DEVCAP2_PREFIX, 0, 0);
}

void pci_add_flr(PciDevice *p)
{
    unsigned at = p->pcie_cap + PCIE_DEVCAP;

    pci_set_config(p, at, 4, pci_get32(p->config + at) | PCIE_DEVCAP_FLR, 0, 0);
}

void pci_add_bar(PciDevice *p, unsigned n, uint8_t type, MemRegion *r)
{
    unsigned at = PCI_BAR0 + 4 * n;
    bool wide = type & PCI_BAR_64BIT;
    uint64_t mask = ~(r->size - 1);

    g_assert(n + wide < PCI_BARS && !p->bar[n].region && r->size >= 4 &&
             (r->size & (r->size - 1)) == 0);
    p->bar[n] = (PciBar){r, type, r->size, PCI_UNMAPPED};
    pci_set_config(p, at, 4, type, mask & (type & PCI_BAR_IO ? ~3u : ~15u), 0);
    if (wide) {
        pci_set_config(p, at + 4, 4, 0, mask >> 32, 0);
    }
}

/* ---- what follows configuration space ---- */

static bool powered(const PciDevice *p)
{
    return !p->pm_cap || !(p->config[p->pm_cap + PCI_PM_CTRL] & PCI_PM_CTRL_STATE);
}

static hwaddr bar_address(const PciDevice *p, unsigned n)
{
    const PciBar *b = &p->bar[n];
    bool io = b->type & PCI_BAR_IO, wide = b->type & PCI_BAR_64BIT;
    const uint8_t *at = p->config + PCI_BAR0 + 4 * n;
    uint64_t addr = (wide ? pci_get64(at) : pci_get32(at)) & ~(b->size - 1) & ~(uint64_t)3;

    if (!powered(p) || !(p->config[PCI_COMMAND] & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY))) {
        return PCI_UNMAPPED;
    }
    /* All ones is what sizing leaves there. */
    if (addr + b->size - 1 < addr || addr + b->size - 1 >= (wide ? UINT64_MAX : UINT32_MAX)) {
        return PCI_UNMAPPED;
    }
    return addr;
}

static void bars_update(PciDevice *p)
{
    for (unsigned n = 0; n < PCI_BARS; n++) {
        PciBar *b = &p->bar[n];
        hwaddr addr = b->region ? bar_address(p, n) : PCI_UNMAPPED;

        if (addr == b->addr || !b->region) {
            continue;
        }
        if (b->addr != PCI_UNMAPPED) {
            memory_region_del(b->region);
        }
        b->addr = addr;
        if (addr != PCI_UNMAPPED) {
            memory_region_add(b->type & PCI_BAR_IO ? &p->bus->io : &p->bus->mem, addr, b->region,
                              1);
        }
    }
}

/* The line of this function at the host: each bridge turns the pins by the slot below it. */
static void intx_route(PciDevice *p, bool level)
{
    unsigned pin = p->config[PCI_INTERRUPT_PIN] - 1;
    PciBus *bus = p->bus;

    for (unsigned slot = PCI_SLOT(p->devfn);;
         slot = PCI_SLOT(bus->bridge->devfn), bus = bus->bridge->bus) {
        pin = (pin + slot) & 3;
        if (!bus->bridge) {
            break;
        }
    }
    if (bus->route_irq) {
        bus->route_irq(bus->route_opaque, pin, level);
    }
}

static void intx_update(PciDevice *p)
{
    bool level = p->intx && p->config[PCI_INTERRUPT_PIN] && powered(p) &&
                 !(pci_get16(p->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);

    p->config[PCI_STATUS] =
        (p->config[PCI_STATUS] & ~PCI_STATUS_INTERRUPT) | (p->intx ? PCI_STATUS_INTERRUPT : 0);
    if (level != p->asserted) {
        p->asserted = level;
        intx_route(p, level);
    }
}

static void update(PciDevice *p)
{
    bool master = pci_master_enabled(p), was = p->dma_alias.enabled;

    memory_transaction_begin(p->dev->ms);
    bars_update(p);
    memory_region_set_enabled(&p->dma_alias, master);
    memory_transaction_commit(p->dev->ms);
    intx_update(p);
    if (master != was && pci_class(p->dev)->master_changed) {
        pci_class(p->dev)->master_changed(p->dev, master);
    }
}

bool pci_master_enabled(const PciDevice *p)
{
    return powered(p) && (p->config[PCI_COMMAND] & PCI_COMMAND_MASTER);
}

void pci_set_irq(PciDevice *p, bool level)
{
    p->intx = level;
    intx_update(p);
}

uint16_t pci_requester_id(const PciDevice *p)
{
    uint16_t id = pci_bus_number(p->bus) << 8 | p->devfn;

    /* A bridge to a conventional bus speaks for what is behind it, PCI Express to PCI Bridge 1.0,
     * 2.3. */
    for (const PciBus *b = p->bus; b->bridge; b = b->bridge->bus) {
        if (!b->express && b->bridge->bus->express) {
            id = pci_bus_number(b) << 8;
        }
    }
    return id;
}

/* ---- life ---- */

bool pci_init(void *dev, bool express, GError **err)
{
    Device *d = dev;
    PciDevice *p = pci_core(dev);
    const PciClass *c = pci_class(dev);
    uint32_t size = express ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;

    if (!p->bus) {
        rhea_error_set(err, "No 'PCI' bus found for device '%s'", d->cls->name);
        return false;
    }
    if (p->romfile && *p->romfile) {
        rhea_error_set(err, "romfile=%s is not supported: no device has an expansion ROM",
                       p->romfile);
        return false;
    }
    p->dev = dev;
    p->config_size = size;
    device_state_alloc(dev);
    p->writable = g_malloc0(size);
    p->w1c = g_malloc0(size);
    p->live = g_malloc0(size);
    p->initial = g_malloc0(size);
    p->next_cap = PCI_FIRST_CAP;

    pci_set_config(p, PCI_VENDOR_ID, 4, c->vendor | (uint32_t)c->device << 16, 0, 0);
    pci_set_config(p, PCI_COMMAND, 2, 0,
                   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
                       PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE,
                   0);
    pci_set_config(p, PCI_STATUS, 2, 0, 0, PCI_STATUS_ERRORS);
    pci_set_live(p, PCI_STATUS, 2, PCI_STATUS_INTERRUPT);
    pci_set_config(p, PCI_REVISION, 4, c->revision | c->class_code << 8, 0, 0);
    pci_set_config(p, PCI_CACHE_LINE_SIZE, 1, 0, 0xff, 0);
    pci_set_config(p, PCI_HEADER_TYPE, 1,
                   (c->bridge ? PCI_HEADER_BRIDGE : 0) |
                       (p->multifunction ? PCI_HEADER_MULTIFUNCTION : 0),
                   0, 0);
    pci_set_config(p, PCI_INTERRUPT_LINE, 1, 0, 0xff, 0);
    if (!c->bridge) {
        pci_set_config(p, PCI_SUBSYSTEM_VENDOR, 4,
                       c->subsystem_vendor | (uint32_t)c->subsystem << 16, 0, 0);
    }
    for (unsigned n = 0; n < PCI_BARS; n++) {
        p->bar[n].addr = PCI_UNMAPPED;
    }
    memory_region_init_container(&p->dma_root, d->ms, "bus master container", UINT64_MAX);
    memory_region_init_alias(&p->dma_alias, "bus master", p->bus->dma, 0, UINT64_MAX);
    p->dma_alias.enabled = false;
    memory_region_add(&p->dma_root, 0, &p->dma_alias, 0);
    p->as = address_space_new(d->ms, device_name(dev), &p->dma_root);
    d->dma = p->as;
    if (d->backend) {
        d->backend->dma = p->as;
    }
    return true;
}

void pci_exit(void *dev)
{
    PciDevice *p = pci_core(dev);

    if (!p->as) {
        return;
    }
    if (p->bus->device[p->devfn] == p) {
        __atomic_store_n(&p->bus->device[p->devfn], NULL, __ATOMIC_RELEASE);
    }
    p->intx = false;
    intx_update(p);
    for (unsigned n = 0; n < PCI_BARS; n++) {
        if (p->bar[n].region && p->bar[n].addr != PCI_UNMAPPED) {
            memory_region_del(p->bar[n].region);
            p->bar[n].addr = PCI_UNMAPPED;
        }
    }
    pci_msix_exit(p);
    address_space_free(p->as);
    p->as = NULL;
    memory_region_destroy(&p->dma_alias);
    memory_region_destroy(&p->dma_root);
    g_free(p->writable);
    g_free(p->w1c);
    g_free(p->live);
    g_free(p->initial);
}

void pci_reset(void *dev)
{
    PciDevice *p = pci_core(dev);

    memcpy(p->config, p->initial, p->config_size);
    p->intx = false;
    p->settling = false;
    pci_msix_reset(p);
    update(p);
}

bool pci_post_load(void *dev, GError **err)
{
    PciDevice *p = pci_core(dev);

    for (unsigned i = 0; i < p->config_size; i++) {
        uint8_t fixed = ~(p->writable[i] | p->w1c[i] | p->live[i]);

        if ((p->config[i] ^ p->initial[i]) & fixed) {
            rhea_error_set(err, "snapshot: byte 0x%x of configuration space is 0x%02x, not 0x%02x",
                           i, p->config[i], p->initial[i]);
            return false;
        }
    }
    update(p);
    return true;
}

/* ---- configuration accesses ---- */

static bool overlaps(unsigned offset, unsigned size, unsigned first, unsigned length)
{
    return offset < first + length && first < offset + size;
}

/* Nothing waits: until the function is ready, requests for its configuration are not answered. */
static void reset_by_guest(PciDevice *p)
{
    device_reset_locked(p->dev);
    p->settling = true;
}

/*
 * PCI Express 2.3.1: after a reset of the function, requests are completed with "retry" until it is
 * ready, which the host shows as all ones. Driver software polls for it, within 6.6.2's time.
 */
static bool not_ready(PciDevice *p)
{
    const PciClass *c = pci_class(p->dev);

    p->settling = p->settling && c->unsettled && c->unsettled(p->dev);
    return p->settling;
}

static void power_written(PciDevice *p, const uint8_t *before)
{
    unsigned at = p->pm_cap + PCI_PM_CTRL;
    uint8_t old = before[at] & PCI_PM_CTRL_STATE, now = p->config[at] & PCI_PM_CTRL_STATE;

    /* D1 and D2 are not offered: such a write has no effect (PM 1.2, 3.2.4). */
    if (now == 1 || now == 2) {
        p->config[at] = (p->config[at] & ~PCI_PM_CTRL_STATE) | old;
    } else if (old == 3 && now == 0 && !(p->config[at] & PCI_PM_CTRL_NO_SOFT_RESET)) {
        reset_by_guest(p);
    }
}

uint32_t pci_config_read(PciDevice *p, unsigned offset, unsigned size)
{
    const PciClass *c = pci_class(p->dev);
    uint32_t val = UINT32_MAX;

    if (offset + size > p->config_size) {
        return val; /* extended space that a conventional function has not: nobody answers */
    }
    device_lock(p->dev);
    if (not_ready(p)) {
        device_unlock(p->dev);
        return val;
    }
    if (c->config_read) {
        c->config_read(p->dev, offset, size);
    }
    val = 0;
    for (unsigned i = 0; i < size; i++) {
        val |= (uint32_t)p->config[offset + i] << i * 8;
    }
    device_unlock(p->dev);
    return val;
}

void pci_config_write(PciDevice *p, unsigned offset, unsigned size, uint32_t val)
{
    const PciClass *c = pci_class(p->dev);
    uint8_t before[PCIE_CONFIG_SIZE];

    if (offset + size > p->config_size) {
        return;
    }
    device_lock(p->dev);
    if (not_ready(p)) {
        device_unlock(p->dev);
        return;
    }
    memcpy(before, p->config, p->config_size);
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = val >> i * 8, *at = &p->config[offset + i];
        uint8_t mask = p->writable[offset + i];

        *at = ((*at & ~mask) | (byte & mask)) & ~(byte & p->w1c[offset + i]);
    }
    if (p->pcie_cap && overlaps(offset, size, p->pcie_cap + PCIE_DEVCTL, 2) &&
        (pci_get32(p->config + p->pcie_cap + PCIE_DEVCAP) & PCIE_DEVCAP_FLR)) {
        /* The bit reads 0, so it is not writable: look at what was written. */
        unsigned at = p->pcie_cap + PCIE_DEVCTL + 1;

        if (at >= offset && at < offset + size && (val >> (at - offset) * 8 & 0x80)) {
            reset_by_guest(p);
            memcpy(before, p->config, p->config_size);
        }
    }
    if (p->pm_cap && overlaps(offset, size, p->pm_cap + PCI_PM_CTRL, 2)) {
        power_written(p, before);
    }
    if (overlaps(offset, size, PCI_COMMAND, 2) || overlaps(offset, size, PCI_BAR0, 4 * PCI_BARS) ||
        (p->pm_cap && overlaps(offset, size, p->pm_cap, PCI_PM_SIZE))) {
        update(p);
    }
    pci_msi_config_written(p, offset, size);
    if (c->config_written) {
        c->config_written(p->dev, offset, size, before);
    }
    device_unlock(p->dev);
}

/* ---- buses ---- */

/* "slot" or "slot.function", hexadecimal. */
static bool addr_parse(const char *text, unsigned *devfn)
{
    unsigned slot, fn = 0;
    int end = 0;

    if ((sscanf(text, "%x.%x%n", &slot, &fn, &end) != 2 || text[end]) &&
        (fn = 0, end = 0, sscanf(text, "%x%n", &slot, &end) != 1 || text[end])) {
        return false;
    }
    *devfn = PCI_DEVFN(slot, fn);
    return slot < PCI_SLOTS && fn < 8;
}

static bool devfn_choose(PciBus *b, PciDevice *p, const char *name, unsigned *devfn, GError **err)
{
    if (p->addr && *p->addr && strcmp(p->addr, "-1") != 0) {
        if (!addr_parse(p->addr, devfn)) {
            rhea_error_set(err, "Property '%s.addr' doesn't take value '%s'", name, p->addr);
            return false;
        }
        if (b->device[*devfn]) {
            const PciDevice *there = b->device[*devfn];

            rhea_error_set(err, "PCI: slot %u function %u not available for %s, in use by %s,id=%s",
                           PCI_SLOT(*devfn), PCI_FN(*devfn), name, there->dev->cls->name,
                           there->dev->id ? there->dev->id : "(null)");
            return false;
        }
        return true;
    }
    for (*devfn = PCI_DEVFN(b->first_slot, 0); *devfn < DEVFNS; *devfn += 8) {
        bool empty = true;

        for (unsigned fn = 0; fn < 8; fn++) {
            empty &= !b->device[*devfn + fn];
        }
        if (empty) {
            return true;
        }
    }
    rhea_error_set(err, "PCI: no slot/function available for %s, all in use or reserved", name);
    return false;
}

/* The header type of function 0 tells whether there are others (PCI 3.0, 6.2.1). */
static bool functions_agree(PciBus *b, const PciDevice *p, unsigned devfn, GError **err)
{
    const PciDevice *first = b->device[devfn & ~7u];
    unsigned slot = PCI_SLOT(devfn);

    if (PCI_FN(devfn)) {
        if (first && !first->multifunction) {
            rhea_error_set(err, "PCI: single function device can't be populated in function %x.%x",
                           slot, PCI_FN(devfn));
            return false;
        }
        return true;
    }
    for (unsigned fn = 1; fn < 8 && !p->multifunction; fn++) {
        if (b->device[PCI_DEVFN(slot, fn)]) {
            rhea_error_set(err,
                           "PCI: %x.0 indicates single function, but %x.%x is already populated.",
                           slot, slot, fn);
            return false;
        }
    }
    return true;
}

static bool bus_attach(DeviceBus *bus, Device *child, GError **err)
{
    PciBus *b = pci_bus_of(bus);
    PciDevice *p = pci_core(child);
    const char *name = child->cls->name;
    unsigned devfn;

    if (pci_class(child)->only_express && !b->express) {
        rhea_error_set(err,
                       "PCI: %s is a PCI Express device and cannot go on the conventional bus "
                       "'%s'",
                       name, bus->name);
        return false;
    }
    if (!devfn_choose(b, p, name, &devfn, err) || !functions_agree(b, p, devfn, err)) {
        return false;
    }
    if (b->only_slot0 && PCI_SLOT(devfn)) {
        rhea_warn_report("PCI: slot %u is not valid for %s, parent device only allows plugging "
                         "into slot 0.",
                         PCI_SLOT(devfn), name);
    }
    p->bus = b;
    p->devfn = devfn;
    return true;
}

static bool bus_plugged(DeviceBus *bus, Device *child, GError **err)
{
    PciBus *b = pci_bus_of(bus);
    PciDevice *p = pci_core(child);

    device_reset(child);
    __atomic_store_n(&b->device[p->devfn], p, __ATOMIC_RELEASE);
    return !b->plugged || b->plugged(b, p, err);
}

/* PCI Bus Binding to IEEE 1275, 2.2.1.3 (unit address) and 2.5 (name by class code). */
static char *bus_node(const DeviceBus *bus, const Device *child)
{
    static const struct {
        uint16_t code;
        const char *name;
    } names[] = {{0x0100, "scsi"}, {0x0200, "ethernet"}, {0x0604, "pci-bridge"}};
    const PciDevice *p = pci_core((Device *)child);
    uint16_t code = pci_get16(p->initial + PCI_CLASS_DEVICE);
    GString *node = g_string_new(NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].code == code) {
            g_string_append(node, names[i].name);
        }
    }
    if (!node->len) {
        g_string_append_printf(node, "pci%04x,%04x", pci_get16(p->initial + PCI_VENDOR_ID),
                               pci_get16(p->initial + PCI_DEVICE_ID));
    }
    g_string_append_printf(node, "@%x", PCI_SLOT(p->devfn));
    if (PCI_FN(p->devfn)) {
        g_string_append_printf(node, ",%x", PCI_FN(p->devfn));
    }
    return g_string_free(node, FALSE);
}

PciBus *pci_bus_of(DeviceBus *bus)
{
    return (PciBus *)((uint8_t *)bus - offsetof(PciBus, bus));
}

void pci_bus_init(PciBus *b, Device *owner, const char *name, bool express)
{
    memset(b, 0, sizeof(*b));
    device_bus_init(&b->bus, owner->machine, owner, express ? "PCIE" : "PCI", name, 0);
    b->bus.attach = bus_attach;
    b->bus.plugged = bus_plugged;
    b->bus.node = bus_node;
    b->express = express;
    memory_region_init_container(&b->mem, owner->ms, "pci memory", UINT64_MAX);
    memory_region_init_container(&b->io, owner->ms, "pci io", UINT64_C(1) << 32);
}

void pci_bus_destroy(PciBus *b)
{
    device_bus_destroy(&b->bus);
    memory_region_destroy(&b->mem);
    memory_region_destroy(&b->io);
}

unsigned pci_bus_number(const PciBus *b)
{
    return b->bridge ? __atomic_load_n(&b->bridge->config[PCI_SECONDARY_BUS], __ATOMIC_RELAXED) : 0;
}

PciDevice *pci_find_function(PciBus *root, unsigned bus, unsigned devfn)
{
    PciBus *b = root;

    while (b && pci_bus_number(b) != bus) {
        PciBus *next = NULL;

        for (unsigned i = 0; i < DEVFNS && !next; i++) {
            PciDevice *p = __atomic_load_n(&b->device[i], __ATOMIC_ACQUIRE);

            if (p && pci_class(p->dev)->bridge) {
                unsigned low = __atomic_load_n(&p->config[PCI_SECONDARY_BUS], __ATOMIC_RELAXED);
                unsigned high = __atomic_load_n(&p->config[PCI_SUBORDINATE_BUS], __ATOMIC_RELAXED);

                /* A bridge that was not numbered passes nothing on. */
                next = low && low <= bus && bus <= high ? pci_bridge_bus(p) : NULL;
            }
        }
        b = next;
    }
    return b ? __atomic_load_n(&b->device[devfn], __ATOMIC_ACQUIRE) : NULL;
}

void pci_bus_reset(PciBus *b)
{
    for (unsigned i = 0; i < DEVFNS; i++) {
        PciDevice *p = b->device[i];

        if (p) {
            device_lock(p->dev);
            reset_by_guest(p);
            device_unlock(p->dev);
            if (p->secondary) { /* it goes on, PCI Express 6.6.1 */
                pci_bus_reset(p->secondary);
            }
        }
    }
}

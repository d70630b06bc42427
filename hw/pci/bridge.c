/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What all PCI-to-PCI bridges share: header type 1 and the windows through which the bus behind is
 * reached.
 *
 * Specification: PCI-to-PCI Bridge 1.2, 3.2 (header), 4 (windows); PCI Express Base 5.0, 7.5.1.3.
 *
 * A window is an alias of the address space behind the bridge, at the same address in the one
 * before it. DMA of devices behind goes through the bridge's own address space, so that its bus
 * mastering bit gates them, too.
 *
 * Lock: the bridge's. Test: tests/unit/test-pci.c
 */
#include "hw/pci/private.h"

#include <string.h>

enum { WINDOW_IO, WINDOW_MEMORY, WINDOW_PREF };

static const char *const window_names[] = {"pci bridge io", "pci bridge memory",
                                           "pci bridge prefetchable memory"};

PciBus *pci_bridge_bus(PciDevice *p)
{
    return p->secondary;
}

/* Of a bridge without an id: "pcie.N", as the reference counts. */
static char *bus_name(PciDevice *p)
{
    unsigned n = 0;
    DeviceBus *bus;

    for (unsigned i = 0; p->dev->machine && (bus = device_bus_at(p->dev->machine, i)); i++) {
        n += strcmp(bus->type, "PCIE") == 0 || strcmp(bus->type, "PCI") == 0;
    }
    return g_strdup_printf("pci.%u", n);
}

void pci_bridge_init(PciDevice *p, PciBridge *b, const char *name, bool express)
{
    /* A port's windows are closed after reset: the base is above the limit. */
    uint16_t base = express ? 0xfff0 : 0;

    pci_set_config(p, PCI_PRIMARY_BUS, 3, 0, 0xffffff, 0);
    pci_set_config(p, PCI_IO_BASE, 2, base & 0xf0, 0xf0f0, 0); /* 16-bit addresses */
    pci_set_config(p, PCI_SECONDARY_STATUS, 2, express ? 0 : 0xa0, 0, PCI_STATUS_ERRORS);
    pci_set_config(p, PCI_MEMORY_BASE, 4, base, 0xfff0fff0, 0);
    pci_set_config(p, PCI_PREF_BASE, 4, base | 0x00010001, 0xfff0fff0, 0); /* 64-bit addresses */
    pci_set_config(p, PCI_PREF_BASE_UPPER, 4, 0, UINT32_MAX, 0);
    pci_set_config(p, PCI_PREF_LIMIT_UPPER, 4, 0, UINT32_MAX, 0);
    pci_set_config(p, PCI_BRIDGE_CONTROL, 2, 0,
                   PCI_BRIDGE_PARITY | PCI_BRIDGE_SERR | PCI_BRIDGE_ISA | PCI_BRIDGE_VGA |
                       PCI_BRIDGE_VGA16 | PCI_BRIDGE_MASTER_ABORT | PCI_BRIDGE_BUS_RESET |
                       PCI_BRIDGE_FAST_BACK,
                   0);
    g_autofree char *own = name ? NULL : bus_name(p);
    pci_bus_init(&b->bus, p->dev, name ? name : own, express);
    b->bus.bridge = p;
    b->bus.dma = &p->dma_root;
    p->secondary = &b->bus;
}

void pci_bridge_exit(PciBridge *b)
{
    PciDevice *p = b->bus.bridge;

    for (unsigned i = 0; i < G_N_ELEMENTS(b->window); i++) {
        if (b->mapped[i]) {
            memory_region_destroy(&b->window[i]);
        }
    }
    pci_bus_destroy(&b->bus);
    p->secondary = NULL;
}

/* Base and limit, inclusive, as the registers say. */
static void window_range(const PciDevice *p, unsigned i, uint64_t *base, uint64_t *limit)
{
    const uint8_t *c = p->config;

    switch (i) {
    case WINDOW_IO:
        *base = (c[PCI_IO_BASE] & 0xf0) << 8;
        *limit = (c[PCI_IO_LIMIT] & 0xf0) << 8 | 0xfff;
        break;
    case WINDOW_MEMORY:
        *base = (uint32_t)(pci_get16(c + PCI_MEMORY_BASE) & 0xfff0) << 16;
        *limit = (uint32_t)(pci_get16(c + PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff;
        break;
    default:
        *base = (uint32_t)(pci_get16(c + PCI_PREF_BASE) & 0xfff0) << 16 |
                (uint64_t)pci_get32(c + PCI_PREF_BASE_UPPER) << 32;
        *limit = (uint32_t)(pci_get16(c + PCI_PREF_LIMIT) & 0xfff0) << 16 | 0xfffff |
                 (uint64_t)pci_get32(c + PCI_PREF_LIMIT_UPPER) << 32;
    }
}

void pci_bridge_update(PciDevice *p, PciBridge *b)
{
    uint16_t command = pci_get16(p->config + PCI_COMMAND);

    memory_transaction_begin(p->dev->ms);
    for (unsigned i = 0; i < G_N_ELEMENTS(b->window); i++) {
        MemRegion *space = i == WINDOW_IO ? &b->bus.io : &b->bus.mem;
        uint64_t base, limit;

        window_range(p, i, &base, &limit);
        bool on =
            base <= limit && (command & (i == WINDOW_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY));
        hwaddr size = limit - base == UINT64_MAX ? UINT64_MAX : limit - base + 1;
        if (on == b->mapped[i] && (!on || (base == b->base[i] && size == b->size[i]))) {
            continue;
        }
        if (b->mapped[i]) {
            memory_region_destroy(&b->window[i]);
        }
        b->mapped[i] = on;
        b->base[i] = base;
        b->size[i] = size;
        if (on) {
            memory_region_init_alias(&b->window[i], window_names[i], space, base, size);
            memory_region_add(i == WINDOW_IO ? &p->bus->io : &p->bus->mem, base, &b->window[i], 0);
        }
    }
    memory_transaction_commit(p->dev->ms);
}

void pci_bridge_config_written(PciDevice *p, PciBridge *b, unsigned offset, unsigned size,
                               const uint8_t *before)
{
    uint8_t reset = before[PCI_BRIDGE_CONTROL] & PCI_BRIDGE_BUS_RESET;

    pci_bridge_update(p, b);
    if (!reset && (p->config[PCI_BRIDGE_CONTROL] & PCI_BRIDGE_BUS_RESET)) {
        pci_bus_reset(&b->bus);
    }
}

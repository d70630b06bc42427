/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: query-pci. What configuration space says, as the guest would read it.
 *
 * Main loop's thread. Test: tests/qmp/
 */
#include <string.h>
#include "hw/pci.h"
#include "hw/pci_regs.h"
#include "qmp.h"

static const char *class_name(unsigned code)
{
    static const struct {
        unsigned code;
        const char *name;
    } rows[] = {{0x0100, "SCSI controller"},     {0x0108, "NVMe controller"},
                {0x0200, "Ethernet controller"}, {0x0280, "Network controller"},
                {0x0600, "Host bridge"},         {0x0604, "PCI bridge"},
                {0x0780, "Serial controller"},   {0x0880, "System peripheral"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].code == code) {
            return rows[i].name;
        }
    }
    return NULL;
}

static void add_regions(GString *s, const PciDevice *p)
{
    g_string_append(s, ", \"regions\": [");
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const PciBar *b = &p->bar[i];
        int64_t addr = b->addr == PCI_UNMAPPED ? -1 : (int64_t)b->addr;

        if (!b->region) {
            continue;
        }
        json_comma(s);
        if (b->type & PCI_BAR_IO) {
            json_add(s, "{'bar': %u, 'type': 'io', 'address': %d, 'size': %u}", (uint64_t)i, addr,
                     b->size);
        } else {
            json_add(s,
                     "{'bar': %u, 'type': 'memory', 'address': %d, 'size': %u, 'prefetch': %b, "
                     "'mem_type_64': %b}",
                     (uint64_t)i, addr, b->size, (b->type & PCI_BAR_PREFETCH) != 0,
                     (b->type & PCI_BAR_64BIT) != 0);
        }
    }
    g_string_append_c(s, ']');
}

static void add_devices(GString *s, PciBus *bus);

/* A window's two registers, whose bits from 4 on are those of the address from `shift` on. */
static void add_range(GString *s, const char *name, PciDevice *p, unsigned at, unsigned size,
                      unsigned shift, uint64_t low)
{
    uint64_t unit = 1ull << shift;
    uint64_t base = (uint64_t)(pci_config_read(p, at, size) >> 4) << shift;
    uint64_t limit = (uint64_t)(pci_config_read(p, at + size, size) >> 4) << shift;

    json_add(s, ", %s: {'base': %u, 'limit': %u}", name, base | low, limit | low | (unit - 1));
}

static void add_bridge(GString *s, PciDevice *p)
{
    json_add(s, ", 'pci_bridge': {'bus': {'number': %u, 'secondary': %u, 'subordinate': %u",
             (uint64_t)pci_config_read(p, PCI_PRIMARY_BUS, 1),
             (uint64_t)pci_config_read(p, PCI_SECONDARY_BUS, 1),
             (uint64_t)pci_config_read(p, PCI_SUBORDINATE_BUS, 1));
    add_range(s, "io_range", p, PCI_IO_BASE, 1, 12, 0);
    add_range(s, "memory_range", p, PCI_MEMORY_BASE, 2, 20, 0);
    add_range(s, "prefetchable_range", p, PCI_PREF_BASE, 2, 20,
              (uint64_t)pci_config_read(p, PCI_PREF_BASE_UPPER, 4) << 32);
    g_string_append(s, "}, \"devices\": [");
    add_devices(s, p->secondary);
    g_string_append(s, "]}");
}

static void add_device(GString *s, PciDevice *p)
{
    unsigned code = pci_config_read(p, PCI_CLASS_DEVICE, 2);
    bool bridge = (pci_config_read(p, PCI_HEADER_TYPE, 1) & 0x7f) == 1;
    unsigned pin = pci_config_read(p, PCI_INTERRUPT_PIN, 1);

    json_add(s,
             "{'bus': %u, 'slot': %u, 'function': %u, 'qdev_id': %s, 'irq_pin': %u, 'id': "
             "{'vendor': %u, 'device': %u",
             (uint64_t)pci_bus_number(p->bus), (uint64_t)PCI_SLOT(p->devfn),
             (uint64_t)PCI_FN(p->devfn), p->dev->id ? p->dev->id : "", (uint64_t)pin,
             (uint64_t)pci_config_read(p, PCI_VENDOR_ID, 2),
             (uint64_t)pci_config_read(p, PCI_DEVICE_ID, 2));
    if (!bridge) {
        json_add(s, ", 'subsystem-vendor': %u, 'subsystem': %u",
                 (uint64_t)pci_config_read(p, PCI_SUBSYSTEM_VENDOR, 2),
                 (uint64_t)pci_config_read(p, PCI_SUBSYSTEM_ID, 2));
    }
    json_add(s, "}, 'class_info': {'class': %u", (uint64_t)code);
    if (class_name(code)) {
        json_add(s, ", 'desc': %s", class_name(code));
    }
    g_string_append_c(s, '}');
    if (pin) {
        json_add(s, ", 'irq': %u", (uint64_t)pci_config_read(p, PCI_INTERRUPT_LINE, 1));
    }
    add_regions(s, p);
    if (bridge && p->secondary) {
        add_bridge(s, p);
    }
    g_string_append_c(s, '}');
}

static void add_devices(GString *s, PciBus *bus)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bus->device); i++) {
        PciDevice *p = bus->device[i];

        if (p) {
            json_comma(s);
            add_device(s, p);
        }
    }
}

bool qmp_query_pci(Qmp *q, OptDict *a, GString *out, GError **err)
{
    DeviceBus *b;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (b = device_bus_at(qmp_machine(q), i)); i++) {
        bool pci = !strcmp(b->type, "PCI") || !strcmp(b->type, "PCIE");

        if (pci && !pci_bus_of(b)->bridge) {
            json_comma(out);
            json_add(out, "{'bus': %u, 'devices': [", (uint64_t)pci_bus_number(pci_bus_of(b)));
            add_devices(out, pci_bus_of(b));
            g_string_append(out, "]}");
        }
    }
    g_string_append_c(out, ']');
    return true;
}

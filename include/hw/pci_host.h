/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The generic PCI Express host bridge "gpex-pcihost" as boards use it:
 *     d = device_new(..., "gpex-pcihost", ...), set x-ecam-base, -size, x-below-4g-mmio-base,
 *     -size, x-above-4g-mmio-base, -size, x-pio-base, -size; device_realize();
 *     device_connect_irq(d, 0..3, line); gpex_map(d, system container);
 *     gpex_write_fdt(d, node, how).
 * Its bus is "pcie.0".
 */
#ifndef HW_PCI_HOST_H
#define HW_PCI_HOST_H

#include "hw/pci.h"

/* How the board's tree talks of interrupts. The FdtNode has irq_parent, the four irqs, irq_cells
 * and irq_type; addr and size are taken from the properties. */
typedef struct GpexFdt {
    const char *node_name;         /* NULL: "pci" */
    hwaddr node_addr;              /* in the node's name; 0: that of ECAM */
    unsigned parent_address_cells; /* of the interrupt controller's node */
    bool gic_spi;                  /* a cell before the number: 0, shared peripheral */
    uint32_t msi_map;              /* phandle that gets requester ids as they are; 0: none */
    uint32_t msi_parent;           /* phandle; 0: none */
} GpexFdt;

void gpex_map(Device *d, MemRegion *system);
void gpex_write_fdt(Device *d, const FdtNode *n, const GpexFdt *g);

#endif

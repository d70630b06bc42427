/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* What the files of hw/pci share. */
#ifndef HW_PCI_PRIVATE_H
#define HW_PCI_PRIVATE_H

#include "hw/pci.h"

/* msi.c */
void pci_msix_reset(PciDevice *p);
void pci_msix_exit(PciDevice *p);
/* MSI and MSI-X control and masks may have changed: send what waits and may go now. */
void pci_msi_config_written(PciDevice *p, unsigned offset, unsigned size);

/* bridge.c: the bus behind p, which is a bridge. */
PciBus *pci_bridge_bus(PciDevice *p);

#endif

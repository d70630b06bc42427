/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Bridges to a conventional PCI bus: "pci-bridge" from another conventional bus or the host's, and
 * "pcie-pci-bridge" from PCI Express.
 *
 * Specification: PCI-to-PCI Bridge 1.2 (3.2, 13: slot numbering capability), PCI Express to PCI
 * Bridge 1.0. There is no hot-plug controller: what is behind is there from the start.
 *
 * Lock: the device's. Test: tests/unit/test-pci.c
 */
#include "hw/pci.h"
#include "rhea/error.h"

#include <string.h>

#define CAP_AER  0x100
#define AER_SIZE 0x48

#define PCI_BRIDGE_STATE(F, A, D, N) PCI_STATE(N)

STATE(pci_bridge, PciBridgeState, PCI_BRIDGE_STATE, PciBridge bridge;
      /* Properties. */
      uint8_t chassis_nr; int msi; bool shpc;)

// clang-format off
PROPS(pci_bridge, PciBridgeState,
    PROP("chassis_nr", U8, chassis_nr, "0", PUBLIC, "number of the chassis, from 1, a different one for each bridge"),
    PROP("msi", ONOFFAUTO, msi, "auto", PUBLIC, "on/off/auto"),
    PROP("shpc", BOOL, shpc, "off", PUBLIC, "standard hot-plug controller: not supported"),
    PCI_PROPS)
PROPS(pcie_pci_bridge, PciBridgeState,
    PROP("msi", ONOFFAUTO, msi, "auto", PUBLIC, "on/off/auto"),
    PCI_PROPS)
// clang-format on

static void bridge_common(PciBridgeState *s)
{
    pci_set_interrupt_pin(s->pci, 1);
    pci_set_config(s->pci, PCI_STATUS, 2,
                   pci_get16(s->pci->config + PCI_STATUS) | PCI_STATUS_66MHZ | PCI_STATUS_FAST_BACK,
                   0, PCI_STATUS_ERRORS);
    pci_bridge_init(s->pci, &s->bridge, s->dev.id, false);
}

static bool pci_bridge_realize(void *opaque, GError **err)
{
    PciBridgeState *s = opaque;
    unsigned cap;

    if (!s->chassis_nr) {
        rhea_error_set(err, "Bridge chassis not specified. Each bridge is required to be assigned "
                            "a unique chassis id > 0.");
        return false;
    }
    if (s->shpc) {
        rhea_error_set(err, "shpc=on is not supported");
        return false;
    }
    if (!pci_init(s, false, err)) {
        return false;
    }
    bridge_common(s);
    cap = pci_add_capability(s->pci, PCI_CAP_SLOT_ID, 0, 4);
    pci_set_config(s->pci, cap + 2, 2, 0x20 | s->chassis_nr << 8, 0, 0); /* first in chassis */
    if (s->msi != ONOFFAUTO_OFF) {
        pci_add_msi(s->pci, 0, 0, true, true);
    }
    return true;
}

static bool pcie_pci_bridge_realize(void *opaque, GError **err)
{
    PciBridgeState *s = opaque;
    PciDevice *p = s->pci;

    if (!pci_init(s, true, err)) {
        return false;
    }
    bridge_common(s);
    pci_add_express(p, 0, PCIE_TYPE_PCI_BRIDGE, 0);
    pci_add_pm(p, 0);
    if (s->msi != ONOFFAUTO_OFF) {
        pci_add_msi(p, 0, 0, true, true);
    }
    pci_add_ext_capability(p, PCIE_EXT_CAP_AER, 2, CAP_AER, AER_SIZE);
    pci_set_config(p, CAP_AER + 0x04, 4, 0, 0, 0x024ff030);
    pci_set_config(p, CAP_AER + 0x08, 4, 0x02400000, 0x026ff030, 0);
    pci_set_config(p, CAP_AER + 0x0c, 4, 0x00462030, 0x026ff030, 0);
    pci_set_config(p, CAP_AER + 0x10, 4, 0, 0, 0x0000f1c1);
    pci_set_config(p, CAP_AER + 0x14, 4, 0x0000e000, 0x0000f1c1, 0);
    pci_set_config(p, CAP_AER + 0x18, 4, 0x000000a0, 0x00000140, 0);
    return true;
}

static void pci_bridge_unrealize(void *opaque)
{
    PciBridgeState *s = opaque;

    pci_bridge_exit(&s->bridge);
    pci_exit(s);
}

static void pci_bridge_reset(void *opaque)
{
    PciBridgeState *s = opaque;

    pci_reset(s);
    pci_bridge_update(s->pci, &s->bridge);
}

static bool pci_bridge_post_load(void *opaque, GError **err)
{
    PciBridgeState *s = opaque;

    if (!pci_post_load(s, err)) {
        return false;
    }
    pci_bridge_update(s->pci, &s->bridge);
    return true;
}

static void bridge_config_written(void *opaque, unsigned offset, unsigned size,
                                  const uint8_t *before)
{
    PciBridgeState *s = opaque;

    pci_bridge_config_written(s->pci, &s->bridge, offset, size, before);
}

static const PciClass pci_bridge_pci = {
    .core = offsetof(PciBridgeState, pci),
    .vendor = 0x1b36,
    .device = 0x0001,
    .class_code = 0x060400,
    .bridge = true,
    .config_written = bridge_config_written,
};

static const PciClass pcie_pci_bridge_pci = {
    .core = offsetof(PciBridgeState, pci),
    .vendor = 0x1b36,
    .device = 0x000e,
    .class_code = 0x060400,
    .bridge = true,
    .only_express = true,
    .config_written = bridge_config_written,
};

// clang-format off
PCI_DEVICE(pci_bridge, PciBridgeState, "pci-bridge", DEVICE_BRIDGE,
    .desc = "Standard PCI Bridge",
    .unrealize = pci_bridge_unrealize,
    .reset = pci_bridge_reset,
    .post_load = pci_bridge_post_load);

PCI_DEVICE_AS(pcie_pci_bridge, pci_bridge, PciBridgeState, "pcie-pci-bridge", DEVICE_BRIDGE,
    .unrealize = pci_bridge_unrealize,
    .reset = pci_bridge_reset,
    .post_load = pci_bridge_post_load);
// clang-format on

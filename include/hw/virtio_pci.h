/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio devices as PCI functions: one row in the device's own file makes "NAME-pci" (which follows
 * disable-legacy= and disable-modern=, and has "NAME" as its alias), "NAME-pci-transitional" and
 * "NAME-pci-non-transitional", on top of the device "NAME-device":
 *     VIRTIO_PCI(virtio_blk, "virtio-blk", DEVICE_STORAGE, .pci.class_code = 0x010000,
 *                .legacy_device = 0x1001);
 */
#ifndef HW_VIRTIO_PCI_H
#define HW_VIRTIO_PCI_H

#include "hw/pci.h"
#include "hw/virtio.h"

typedef struct VirtioPciClass {
    PciClass pci;           /* the row says class_code */
    uint16_t legacy_device; /* device id of the legacy interface; 0: there is none */
    uint16_t vectors;       /* MSI-X vectors without vectors=; 0: one a queue and one more */
} VirtioPciClass;

/* All state is that of the PCI function, and the virtio device's own. */
typedef struct VirtioPciState {
    Device dev;
    PciDevice pci[1];
    DeviceBus bus; /* of the one virtio device */
    VirtioCore *v;
    MemRegion modern, legacy; /* BARs */
    bool has_legacy, has_modern;
    unsigned n_vectors;
    unsigned pci_cap; /* offset of the capability for accesses by configuration space; 0: none */
    /* Properties. */
    int disable_legacy;
    bool disable_modern, ioeventfd, page_per_vq, modern_pio_notify, bus_master_bug, ats, aer;
    uint32_t vectors, class_code;
} VirtioPciState;

StateTable virtio_pci_table;
PropTable virtio_pci_props, virtio_pci_fixed_props;
bool virtio_pci_realize(void *dev, GError **err);
void virtio_pci_unrealize(void *dev);
void virtio_pci_reset(void *dev);
void virtio_pci_settle(void *dev);
bool virtio_pci_unsettled(void *dev);
bool virtio_pci_post_load(void *dev, GError **err);
void virtio_pci_config_read(void *dev, unsigned offset, unsigned size);
void virtio_pci_config_written(void *dev, unsigned offset, unsigned size, const uint8_t *before);
void virtio_pci_master_changed(void *dev, bool on);

#define VIRTIO_PCI_ROW(row, NAME, ALIAS, BACKEND, CATEGORY, PROPS, INFO)                           \
    static const DeviceClass row##_class = {                                                       \
        .name = NAME,                                                                              \
        .alias = ALIAS,                                                                            \
        .bus = "PCI",                                                                              \
        .category = CATEGORY,                                                                      \
        .user_creatable = true,                                                                    \
        .size = sizeof(VirtioPciState),                                                            \
        .state = virtio_pci_table,                                                                 \
        .props = PROPS,                                                                            \
        .version = 1,                                                                              \
        .realize = virtio_pci_realize,                                                             \
        .unrealize = virtio_pci_unrealize,                                                         \
        .reset = virtio_pci_reset,                                                                 \
        .settle = virtio_pci_settle,                                                               \
        .post_load = virtio_pci_post_load,                                                         \
        .sub = &INFO,                                                                              \
        .backend = BACKEND,                                                                        \
    };                                                                                             \
    static const DeviceClass *const row##_class_row                                                \
        __attribute__((used, section("rhea_devices"))) = &row##_class

/* The function "NAME-pci" alone: for types without a legacy interface. */
#define VIRTIO_PCI_MODERN(prefix, NAME, CATEGORY, ...)                                             \
    static const VirtioPciClass prefix##_pci_info = {                                              \
        .pci.core = offsetof(VirtioPciState, pci),                                                 \
        .pci.config_read = virtio_pci_config_read,                                                 \
        .pci.config_written = virtio_pci_config_written,                                           \
        .pci.master_changed = virtio_pci_master_changed,                                           \
        .pci.unsettled = virtio_pci_unsettled,                                                     \
        __VA_ARGS__};                                                                              \
    VIRTIO_PCI_ROW(prefix##_pci, NAME "-pci", NAME, NAME "-device", CATEGORY, virtio_pci_props,    \
                   prefix##_pci_info)
#define VIRTIO_PCI(prefix, NAME, CATEGORY, ...)                                                    \
    VIRTIO_PCI_MODERN(prefix, NAME, CATEGORY, __VA_ARGS__);                                        \
    VIRTIO_PCI_ROW(prefix##_pci_transitional, NAME "-pci-transitional", NULL, NAME "-device",      \
                   CATEGORY, virtio_pci_fixed_props, prefix##_pci_info);                           \
    VIRTIO_PCI_ROW(prefix##_pci_modern, NAME "-pci-non-transitional", NULL, NAME "-device",        \
                   CATEGORY, virtio_pci_fixed_props, prefix##_pci_info)

#endif

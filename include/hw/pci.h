/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * PCI and PCI Express devices and buses.
 *
 * Specification: PCI Local Bus 3.0, PCI Express Base 5.0, PCI-to-PCI Bridge 1.2; registers are in
 * hw/pci_regs.h.
 *
 * A device has PCI_STATE(N) first in its STATE list: a PciDevice `pci`. Its DeviceClass says
 * .bus = "PCI" and .sub = its PciClass, has PCI_PROPS among its properties, and takes pci_reset()
 * and pci_post_load() as hooks or calls them from its own. realize() calls pci_init(), then adds
 * capabilities and BARs; a realize() that fails later, and unrealize(), call pci_exit().
 *
 * Configuration space is bytes with masks: what can be written, what a 1 clears. Everything a
 * driver programs lives there, so it is state once; BAR mappings, bridge windows, bus mastering and
 * interrupt lines are made to follow it after each write and each load.
 *
 * DMA goes through an address space of the function's own, which is empty while bus mastering is
 * off in it or in a bridge above it. Message-signalled interrupts are writes through it.
 *
 * Lock: the device's, for configuration space, BARs and interrupts. A bridge's lock may be held
 * when the lock of a device below it is taken, never the other way round. The host's interrupt
 * lock counts as an interrupt controller's. The tree of buses changes with all vCPUs paused.
 *
 * Test: tests/unit/test-pci.c
 */
#ifndef HW_PCI_H
#define HW_PCI_H

#include "hw/device.h"
#include "hw/pci_regs.h"

#define PCI_BARS     6
#define PCI_SLOTS    32
#define PCI_UNMAPPED UINT64_MAX

#define PCI_DEVFN(slot, fn) ((slot) << 3 | (fn))
#define PCI_SLOT(devfn)     ((devfn) >> 3)
#define PCI_FN(devfn)       ((devfn)&7)

typedef struct PciBus PciBus;
typedef struct PciDevice PciDevice;

typedef struct PciBar {
    MemRegion *region; /* NULL: there is none */
    uint8_t type;      /* PCI_BAR_* bits */
    uint64_t size;     /* bytes, a power of two */
    hwaddr addr;       /* on the bus, PCI_UNMAPPED if it does not decode */
} PciBar;

#define PCI_CORE_STATE(F, A, D, N)                                                                 \
    D(uint8_t, config, config_size, KEEP)                                                          \
    F(bool, intx, false) /* INTx as the device drives it */                                        \
    D(uint32_t, msix_table, msix_words, KEEP)                                                      \
    D(uint32_t, msix_pba, msix_pba_words, 0)

SUBSTATE(pci_core, PciDevice, PCI_CORE_STATE, Device *dev; PciBus * bus; uint8_t devfn;
         uint32_t config_size; uint32_t msix_words; uint32_t msix_pba_words;
         uint8_t * writable; /* masks and reset values of config, as large: bits a write changes, */
         uint8_t * w1c;      /*   bits that a 1 clears, */
         uint8_t * live;     /*   bits that the device itself changes */
         uint8_t * initial;  /*   values after reset */
         unsigned next_cap;  /* where the next capability goes */
         PciBar bar[PCI_BARS]; uint8_t pm_cap, msi_cap, msix_cap, pcie_cap; /* offsets; 0: none */
         bool asserted;      /* INTx as the host bridge was told */
         bool settling;      /* was reset by the guest, and may not be ready yet */
         PciBus * secondary; /* of a bridge */
         AddressSpace * as; MemRegion dma_root; MemRegion dma_alias; MemRegion msix_table_mmio;
         MemRegion msix_pba_mmio; MemRegion msix_bar;
         /* Properties. */
         char *addr; bool multifunction; uint32_t acpi_index; char *romfile; int32_t rombar;)

#define PCI_STATE(N) N(PciDevice, pci, 1, pci_core)

#define PCI_PROPS                                                                                  \
    PROP("addr", STRING, pci[0].addr, NULL, PUBLIC,                                                \
         "Slot and optional function number, example: 06.0 or 06"),                                \
        PROP("multifunction", BOOL, pci[0].multifunction, "off", PUBLIC, "on/off"),                \
        PROP("acpi-index", U32, pci[0].acpi_index, "0", PUBLIC, "index of an on-board device"),    \
        PROP("romfile", STRING, pci[0].romfile, NULL, PUBLIC,                                      \
             "expansion ROM; no device here has one, the empty name is taken"),                    \
        PROP("rombar", I32, pci[0].rombar, "-1", PUBLIC, "expansion ROM: 0, 1, or -1 for auto")

/* What a PCI device type is. Hooks get the device and are called with its lock held. */
typedef struct PciClass {
    uint32_t core; /* offset of its PciDevice */
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint8_t revision;
    uint32_t class_code; /* base class, subclass, interface: 0x060400 */
    bool bridge;         /* header type 1 */
    bool only_express;   /* cannot sit on a conventional bus */
    /* Before bytes of configuration space are read: bring them up to date. */
    void (*config_read)(void *dev, unsigned offset, unsigned size);
    /* After a write took effect; before[] is the whole configuration space as it was. */
    void (*config_written)(void *dev, unsigned offset, unsigned size, const uint8_t *before);
    /* Bus mastering of this function was switched (not told of bridges above). */
    void (*master_changed)(void *dev, bool on);
    /* Is something that was begun before the last reset still under way? NULL: it never is. */
    bool (*unsettled)(void *dev);
} PciClass;

/*
 * The device type of a function, instead of DEVICE(): properties, realize and its PciClass are
 * prefix_props, prefix_realize, prefix_pci; the rest are members of the DeviceClass:
 *     PCI_DEVICE(pvpanic_pci, PvpanicPciState, "pvpanic-pci", DEVICE_MISC,
 *         .reset = pci_reset);
 */
#define PCI_DEVICE(prefix, Type, NAME, CATEGORY, ...)                                              \
    PCI_DEVICE_AS(prefix, prefix, Type, NAME, CATEGORY, __VA_ARGS__)
/* One of several types that have the state of `shared`. */
#define PCI_DEVICE_AS(prefix, shared, Type, NAME, CATEGORY, ...)                                   \
    DEVICE_AS(prefix, shared, Type, .name = NAME, .bus = "PCI", .category = CATEGORY,              \
              .user_creatable = true, .version = 1, .props = prefix##_props,                       \
              .realize = prefix##_realize, .sub = &prefix##_pci, __VA_ARGS__)

static inline const PciClass *pci_class(const void *dev)
{
    return ((const Device *)dev)->cls->sub;
}

static inline bool pci_is_device(const Device *d)
{
    return d->cls->bus && strcmp(d->cls->bus, "PCI") == 0;
}

static inline PciDevice *pci_core(void *dev)
{
    return (PciDevice *)((uint8_t *)dev + pci_class(dev)->core);
}

static inline uint16_t pci_get16(const uint8_t *p)
{
    return p[0] | p[1] << 8;
}

static inline uint32_t pci_get32(const uint8_t *p)
{
    return pci_get16(p) | (uint32_t)pci_get16(p + 2) << 16;
}

static inline uint64_t pci_get64(const uint8_t *p)
{
    return pci_get32(p) | (uint64_t)pci_get32(p + 4) << 32;
}

static inline void pci_put16(uint8_t *p, uint16_t val)
{
    p[0] = val;
    p[1] = val >> 8;
}

static inline void pci_put32(uint8_t *p, uint32_t val)
{
    pci_put16(p, val);
    pci_put16(p + 2, val >> 16);
}

/* ------------------------------------------------------------------------------------------ */
/* For devices */

/* Called by realize: header, masks, DMA address space. express: 4096 bytes of configuration space
 * instead of 256. False and *err: the device sits on no PCI bus. */
bool pci_init(void *dev, bool express, GError **err);
void pci_exit(void *dev);
/* Hook of DeviceClass, or called by it. */
void pci_reset(void *dev);
/* Refuses what no driver can bring about, then lets mappings and lines follow. */
bool pci_post_load(void *dev, GError **err);

/* A capability of `size` bytes, at a given offset or (0) behind the last one; returns the offset.
 * Its bytes are 0 and read-only. Later ones come first in the list. */
unsigned pci_add_capability(PciDevice *p, uint8_t id, unsigned offset, unsigned size);
/* The same in extended space (express only); in the list in the order of the calls. */
unsigned pci_add_ext_capability(PciDevice *p, uint16_t id, unsigned version, unsigned offset,
                                unsigned size);
/* Reset value and masks of up to 4 bytes: bits that can be written, and bits a 1 clears. */
void pci_set_config(PciDevice *p, unsigned offset, unsigned size, uint32_t val, uint32_t writable,
                    uint32_t w1c);
/* Bits that the device changes itself. */
void pci_set_live(PciDevice *p, unsigned offset, unsigned size, uint32_t bits);
void pci_set_interrupt_pin(PciDevice *p, unsigned pin); /* 1: INTA */

/* BAR n is region r, whose size is a power of two; type: PCI_BAR_*. 64BIT takes n + 1, too. */
void pci_add_bar(PciDevice *p, unsigned n, uint8_t type, MemRegion *r);

void pci_add_pm(PciDevice *p, unsigned offset);
/* The PCI Express capability, as large as the version 2 one. */
void pci_add_express(PciDevice *p, unsigned offset, PcieType type, uint8_t port);
void pci_add_flr(PciDevice *p); /* function-level reset, PCI Express 6.6.2 */
/* One message of 2^log2 with per-vector masking. */
void pci_add_msi(PciDevice *p, unsigned offset, unsigned log2, bool is64, bool maskable);
/* n vectors; table and pending bits are put in the container `bar`, which is BAR number bar_n. */
void pci_add_msix(PciDevice *p, unsigned offset, unsigned n, MemRegion *bar, unsigned bar_n,
                  uint32_t table, uint32_t pba);
/* The same in a BAR that has nothing else. */
void pci_add_msix_bar(PciDevice *p, unsigned offset, unsigned n, unsigned bar_n);

/* Level of the INTx line; nothing reaches it while MSI or MSI-X is enabled if the device asks
 * pci_msi_enabled() or pci_msix_enabled() first, as it must. */
void pci_set_irq(PciDevice *p, bool level);
bool pci_msi_enabled(const PciDevice *p);
bool pci_msix_enabled(const PciDevice *p);
void pci_msi_notify(PciDevice *p, unsigned vector);
void pci_msix_notify(PciDevice *p, unsigned vector);
/* Interrupt of a device with one reason: MSI-X or MSI vector if enabled. False: use pci_set_irq().
 */
bool pci_message_notify(PciDevice *p, unsigned vector);
bool pci_master_enabled(const PciDevice *p);
uint16_t pci_requester_id(const PciDevice *p);

/* ------------------------------------------------------------------------------------------ */
/* Buses: for bridges and hosts */

typedef void PciRouteIrq(void *opaque, unsigned line, bool level);

struct PciBus {
    DeviceBus bus;
    PciDevice *bridge; /* upstream; NULL: the host's bus */
    bool express;
    bool only_slot0;        /* below a port: a link has one device */
    MemRegion mem, io;      /* address spaces of the bus */
    MemRegion *dma;         /* what its devices' DMA sees, if they are masters */
    PciRouteIrq *route_irq; /* host's bus: level of one device on one of four lines */
    void *route_opaque;
    unsigned first_slot;              /* lowest slot given without addr= */
    PciDevice *device[PCI_SLOTS * 8]; /* atomic pointers */
    /* A device came (main thread). May be NULL. */
    bool (*plugged)(PciBus *bus, PciDevice *p, GError **err);
};

void pci_bus_init(PciBus *b, Device *owner, const char *name, bool express);
void pci_bus_destroy(PciBus *b);
/* 0 for a host's. */
unsigned pci_bus_number(const PciBus *b);
/* The function at bus, devfn below (or on) this bus, NULL if there is none. */
PciDevice *pci_find_function(PciBus *root, unsigned bus, unsigned devfn);
PciBus *pci_bus_of(DeviceBus *bus);

/* Configuration access, 1, 2 or 4 bytes, aligned; takes the device's lock. */
uint32_t pci_config_read(PciDevice *p, unsigned offset, unsigned size);
void pci_config_write(PciDevice *p, unsigned offset, unsigned size, uint32_t val);

/* Header type 1 with a bus behind it; a part of a bridge's state that is all in config space. */
typedef struct PciBridge {
    PciBus bus;
    MemRegion window[3]; /* I/O, memory, prefetchable memory */
    bool mapped[3];
    hwaddr base[3], size[3];
} PciBridge;

/* After pci_init(). io32: 32-bit I/O window registers. */
void pci_bridge_init(PciDevice *p, PciBridge *b, const char *name, bool express);
void pci_bridge_exit(PciBridge *b);
/* Call from config_written, reset and post_load. */
void pci_bridge_update(PciDevice *p, PciBridge *b);
void pci_bridge_config_written(PciDevice *p, PciBridge *b, unsigned offset, unsigned size,
                               const uint8_t *before);
/* Reset of all functions on it, as a bridge does at the guest's wish. */
void pci_bus_reset(PciBus *b);

#endif

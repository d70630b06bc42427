/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Generic PCI Express host bridge: configuration space by ECAM, memory and I/O windows, four
 * interrupt lines; and the host bridge function that sits at 00.0 of its bus.
 *
 * Specification: PCI Express Base 5.0, 7.2.2 (ECAM); device tree binding "pci-host-ecam-generic"
 * and "PCI Bus Binding to Open Firmware" 2.1 (ranges, interrupt-map).
 *
 * The windows are identity maps: an address on the bus is the one the CPU uses, but for I/O, which
 * begins at 0. What nobody decodes reads as all ones, and writes to it vanish.
 *
 * Invariant: a line is up exactly while `level` of it, the number of functions that drive it, is
 * not 0. Lock: none for ECAM (each function has its own); irq_lock, which counts as an interrupt
 * controller's, for the counts. Test: tests/unit/test-pci.c, tests/dev
 */
#include "hw/pci_host.h"
#include "rhea/error.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#define LINES        4
#define ECAM_BUS     20 /* address bits: bus, */
#define ECAM_DEVFN   12 /*   device and function */
#define FDT_IO       0x01000000
#define FDT_MEMORY   0x02000000
#define FDT_MEMORY64 0x03000000

STATE(gpex, GpexState, NO_STATE, PciBus bus; GMutex irq_lock; unsigned level[LINES];
      MemRegion unmapped_mem; MemRegion unmapped_io; MemRegion window[2]; MemRegion io_window;
      /* Properties. */
      uint64_t ecam_base; uint64_t ecam_size; uint64_t mmio_base; uint64_t mmio_size;
      uint64_t high_base; uint64_t high_size; uint64_t pio_base; uint64_t pio_size;)

// clang-format off
PROPS(gpex, GpexState,
    PROP("x-ecam-base", U64, ecam_base, "0", INTERNAL, "address of configuration space"),
    PROP("x-ecam-size", SIZE, ecam_size, "0", INTERNAL, "1 MiB a bus, up to 256 MiB"),
    PROP("x-below-4g-mmio-base", U64, mmio_base, "0", INTERNAL, "window for memory, 32 bits"),
    PROP("x-below-4g-mmio-size", SIZE, mmio_size, "0", INTERNAL, "bytes"),
    PROP("x-above-4g-mmio-base", U64, high_base, "0", INTERNAL, "window for memory, 64 bits"),
    PROP("x-above-4g-mmio-size", SIZE, high_size, "0", INTERNAL, "bytes; 0: no such window"),
    PROP("x-pio-base", U64, pio_base, "0", INTERNAL, "window for I/O"),
    PROP("x-pio-size", SIZE, pio_size, "0", INTERNAL, "bytes"))
// clang-format on

/* ---- configuration space ---- */

static PciDevice *ecam_function(GpexState *s, hwaddr offset)
{
    return pci_find_function(&s->bus, offset >> ECAM_BUS,
                             offset >> ECAM_DEVFN & (PCI_SLOTS * 8 - 1));
}

static MemTxResult ecam_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    PciDevice *p = ecam_function(opaque, offset);

    *val = p ? pci_config_read(p, offset & (PCIE_CONFIG_SIZE - 1), size) : UINT32_MAX;
    return MEMTX_OK;
}

static MemTxResult ecam_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    PciDevice *p = ecam_function(opaque, offset);

    if (p) {
        pci_config_write(p, offset & (PCIE_CONFIG_SIZE - 1), size, val);
    }
    return MEMTX_OK;
}

static const MmioOps ecam_ops = {.read = ecam_read, .write = ecam_write, .impl_max = 4};

static MemTxResult unmapped_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    *val = UINT64_MAX;
    return MEMTX_OK;
}

static MemTxResult unmapped_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    return MEMTX_OK;
}

static const MmioOps unmapped_ops = {
    .read = unmapped_read, .write = unmapped_write, .unaligned = true};

/* ---- interrupts ---- */

static void gpex_route_irq(void *opaque, unsigned line, bool level)
{
    GpexState *s = opaque;

    g_mutex_lock(&s->irq_lock);
    s->level[line] += level ? 1 : -1;
    irq_set(&s->dev.irq[line], s->level[line] != 0);
    g_mutex_unlock(&s->irq_lock);
}

/* ---- host ---- */

static unsigned host_number(const GpexState *s)
{
    unsigned n = 0;
    DeviceBus *bus;

    for (unsigned i = 0; s->dev.machine && (bus = device_bus_at(s->dev.machine, i)); i++) {
        n += strcmp(bus->type, "PCIE") == 0 && g_str_has_prefix(bus->name, "pcie.");
    }
    return n;
}

static bool gpex_realize(void *opaque, GError **err)
{
    GpexState *s = opaque;
    Device *d = &s->dev;
    uint64_t ecam = s->ecam_size ? s->ecam_size : 1 << ECAM_BUS;
    g_autofree char *name = g_strdup_printf("pcie.%u", host_number(s));

    g_mutex_init(&s->irq_lock);
    pci_bus_init(&s->bus, d, name, true);
    s->bus.route_irq = gpex_route_irq;
    s->bus.route_opaque = s;
    s->bus.dma = address_space_root(d->dma);
    memory_region_init_mmio(&d->mmio[0], d->ms, "pcie-mmcfg-mmio", ecam, &ecam_ops, s, NULL);
    memory_region_init_mmio(&s->unmapped_mem, d->ms, "gpex_mmio", UINT64_MAX, &unmapped_ops, s,
                            NULL);
    memory_region_init_mmio(&s->unmapped_io, d->ms, "gpex_ioport", UINT64_C(1) << 32, &unmapped_ops,
                            s, NULL);
    memory_region_add(&s->bus.mem, 0, &s->unmapped_mem, -1);
    memory_region_add(&s->bus.io, 0, &s->unmapped_io, -1);

    Device *root = device_new(d->machine, d->ms, d->dma, "gpex-root", err);
    if (!root || !device_realize(root, &s->bus.bus, err)) {
        return false;
    }
    return true;
}

static void gpex_unrealize(void *opaque)
{
    GpexState *s = opaque;

    for (unsigned i = 0; i < 2; i++) {
        if (s->window[i].name) {
            memory_region_destroy(&s->window[i]);
        }
    }
    if (s->io_window.name) {
        memory_region_destroy(&s->io_window);
    }
    memory_region_destroy(&s->unmapped_mem);
    memory_region_destroy(&s->unmapped_io);
    pci_bus_destroy(&s->bus);
    g_mutex_clear(&s->irq_lock);
}

void gpex_map(Device *dev, MemRegion *system)
{
    GpexState *s = (GpexState *)dev;
    const struct {
        hwaddr base;
        uint64_t size;
    } mem[] = {{s->mmio_base, s->mmio_size}, {s->high_base, s->high_size}};

    memory_transaction_begin(dev->ms);
    device_map(dev, 0, system, s->ecam_base);
    for (unsigned i = 0; i < G_N_ELEMENTS(mem); i++) {
        if (mem[i].size) {
            memory_region_init_alias(&s->window[i], "gpex_mmio_window", &s->bus.mem, mem[i].base,
                                     mem[i].size);
            memory_region_add(system, mem[i].base, &s->window[i], 0);
        }
    }
    if (s->pio_size) {
        memory_region_init_alias(&s->io_window, "gpex_ioport_window", &s->bus.io, 0, s->pio_size);
        memory_region_add(system, s->pio_base, &s->io_window, 0);
    }
    memory_transaction_commit(dev->ms);
}

/* ---- device tree ---- */

typedef struct Cells {
    fdt32_t cell[512];
    unsigned n;
} Cells;

static void cell_add(Cells *c, uint32_t val)
{
    c->cell[c->n++] = cpu_to_fdt32(val);
}

static void cell_add64(Cells *c, uint64_t val)
{
    cell_add(c, val >> 32);
    cell_add(c, val);
}

static void range_add(Cells *c, uint32_t kind, uint64_t bus, uint64_t cpu, uint64_t size)
{
    if (size) {
        cell_add(c, kind);
        cell_add64(c, bus);
        cell_add64(c, cpu);
        cell_add64(c, size);
    }
}

/* Pin p of slot n is line (n + p) mod 4: four slots say it all. */
static void fdt_interrupt_map(const FdtNode *n, const GpexFdt *g)
{
    const uint32_t mask[] = {cpu_to_fdt32(3 << 11), 0, 0, cpu_to_fdt32(7)};
    Cells c = {.n = 0};

    for (unsigned slot = 0; slot < LINES; slot++) {
        for (unsigned pin = 0; pin < LINES; pin++) {
            cell_add(&c, PCI_DEVFN(slot, 0) << 8);
            cell_add64(&c, 0);
            cell_add(&c, pin + 1);
            cell_add(&c, n->irq_parent);
            for (unsigned i = 0; i < g->parent_address_cells; i++) {
                cell_add(&c, 0);
            }
            if (g->gic_spi) {
                cell_add(&c, 0); /* shared peripheral interrupt */
            }
            cell_add(&c, n->irqs[(slot + pin) % LINES]);
            if (n->irq_cells > 1) {
                cell_add(&c, n->irq_type);
            }
        }
    }
    fdt_property(n->fdt, "interrupt-map", c.cell, c.n * sizeof(c.cell[0]));
    fdt_property(n->fdt, "interrupt-map-mask", mask, sizeof(mask));
}

void gpex_write_fdt(Device *dev, const FdtNode *n, const GpexFdt *g)
{
    GpexState *s = (GpexState *)dev;
    const fdt32_t buses[] = {0, cpu_to_fdt32((s->ecam_size >> ECAM_BUS) - 1)};
    Cells ranges = {.n = 0};
    FdtNode at = *n;

    at.addr = g->node_addr ? g->node_addr : s->ecam_base;
    fdt_node_begin(&at, g->node_name ? g->node_name : "pci");
    fdt_interrupt_map(n, g);
    range_add(&ranges, FDT_IO, 0, s->pio_base, s->pio_size);
    range_add(&ranges, FDT_MEMORY, s->mmio_base, s->mmio_base, s->mmio_size);
    range_add(&ranges, FDT_MEMORY64, s->high_base, s->high_base, s->high_size);
    fdt_property(n->fdt, "ranges", ranges.cell, ranges.n * sizeof(ranges.cell[0]));
    at.addr = s->ecam_base;
    at.size = s->ecam_size;
    fdt_node_reg(&at);
    if (g->msi_map) {
        const fdt32_t map[] = {0, cpu_to_fdt32(g->msi_map), 0, cpu_to_fdt32(0x10000)};

        fdt_property(n->fdt, "msi-map", map, sizeof(map));
    }
    if (g->msi_parent) {
        fdt_property_u32(n->fdt, "msi-parent", g->msi_parent);
    }
    fdt_property(n->fdt, "dma-coherent", NULL, 0);
    fdt_property(n->fdt, "bus-range", buses, sizeof(buses));
    fdt_property_u32(n->fdt, "linux,pci-domain", 0);
    fdt_property_string(n->fdt, "device_type", "pci");
    fdt_property_string(n->fdt, "compatible", "pci-host-ecam-generic");
    fdt_property_u32(n->fdt, "#size-cells", 2);
    fdt_property_u32(n->fdt, "#interrupt-cells", 1);
    fdt_property_u32(n->fdt, "#address-cells", 3);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(gpex, GpexState,
    .name = "gpex-pcihost",
    .desc = "Generic PCI Express host bridge",
    .boot_name = "pci@ffffffffffffffff", /* it has no registers of its own */
    .bus = "System",
    .category = DEVICE_BRIDGE,
    .version = 1,
    .n_irqs = LINES,
    .props = gpex_props,
    .realize = gpex_realize,
    .unrealize = gpex_unrealize);
// clang-format on

/* ---- the function at 00.0 ---- */

#define GPEX_ROOT_STATE(F, A, D, N) PCI_STATE(N)

STATE(gpex_root, GpexRootState, GPEX_ROOT_STATE, )

PROPS(gpex_root, GpexRootState, PCI_PROPS)

static bool gpex_root_realize(void *opaque, GError **err)
{
    return pci_init(opaque, false, err);
}

static const PciClass gpex_root_pci = {
    .core = offsetof(GpexRootState, pci),
    .vendor = 0x1b36,
    .device = 0x0008,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x060000,
};

// clang-format off
DEVICE(gpex_root, GpexRootState,
    .name = "gpex-root",
    .desc = "Host bridge",
    .bus = "PCI",
    .category = DEVICE_BRIDGE,
    .version = 1,
    .props = gpex_root_props,
    .realize = gpex_root_realize,
    .unrealize = pci_exit,
    .reset = pci_reset,
    .post_load = pci_post_load,
    .sub = &gpex_root_pci);
// clang-format on

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V board "virt": the memory map, interrupt numbers and device tree that firmware and kernels
 * built for it expect.
 *
 * The devices with a fixed place are rows of `places`, in the order of their device-tree nodes; the
 * interrupt fabric (PLIC or APLIC and IMSICs, CLINT or ACLINT) and the flash are put together by
 * hand below, as they depend on the number of harts and on properties.
 *
 * Main thread. Test: tests/dev/suite.py, tests/boot
 */
#include "accel/accel.h"
#include "hw/board.h"
#include "hw/device.h"
#include "hw/intc/riscv_aclint.h"
#include "hw/intc/riscv_aia.h"
#include "hw/misc/fw_cfg.h"
#include "hw/pci_host.h"
#include "hw/riscv/boot.h"
#include "io/block.h"
#include "rhea/error.h"
#include "softmmu/loader.h"
#include "softmmu/machine.h"
#include "target/riscv.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#define VIRT_MAX_CPUS    512
#define VIRT_TIMEBASE    10000000 /* Hz */
#define VIRT_IRQS        96       /* source 0 included */
#define VIRT_MROM        0x1000
#define VIRT_MROM_SIZE   0xf000
#define VIRT_TEST        0x100000
#define VIRT_CLINT       0x2000000
#define VIRT_CLINT_SIZE  0x10000
#define VIRT_MTIMER      0x4000 /* in the CLINT */
#define VIRT_MTIMER_SIZE 0x8000 /* alone */
#define VIRT_SSWI        0x2f00000
#define VIRT_SSWI_SIZE   0x4000
#define VIRT_PLIC        0xc000000
#define VIRT_PLIC_SIZE   0x600000
#define VIRT_APLIC_M     0xc000000
#define VIRT_APLIC_S     0xd000000
#define VIRT_APLIC_SIZE  0x8000
#define VIRT_IMSIC_M     0x24000000
#define VIRT_IMSIC_S     0x28000000
#define VIRT_GUESTS_MAX  7 /* pages of guest interrupt files a hart */
#define VIRT_UART        0x10000000
#define VIRT_FW_CFG      0x10100000
#define VIRT_FLASH       0x20000000
#define VIRT_FLASH_SIZE  0x2000000 /* of each of the two */
#define VIRT_PIO         0x3000000
#define VIRT_PIO_SIZE    0x10000
#define VIRT_ECAM        0x30000000
#define VIRT_ECAM_SIZE   0x10000000
#define VIRT_MMIO        0x40000000
#define VIRT_MMIO_SIZE   0x40000000
#define VIRT_PCI_IRQ     32 /* and the three after it */
#define VIRT_RAM         UINT64_C(0x80000000)
/* The second window: behind the RAM, aligned to its size; on 32-bit harts at a fixed place. */
#define VIRT_HIGH_SIZE   (UINT64_C(16) << 30)
#define VIRT_HIGH32      UINT64_C(0x300000000)
#define VIRT_HIGH32_SIZE (UINT64_C(4) << 30)

#define IRQ_TYPE_LEVEL_HIGH 4 /* last cell of an interrupt at the APLIC */

typedef struct VirtPlace {
    const char *device;
    hwaddr addr;
    uint32_t size; /* that the device tree tells; the device may decode less */
    uint32_t irq;  /* at the PLIC or APLIC; 0: none */
} VirtPlace;

static const VirtPlace places[] = {
    {"goldfish_rtc", 0x101000, 0x1000, 11},      {"serial-mm", VIRT_UART, 0x100, 10},
    {"riscv.sifive.test", VIRT_TEST, 0x1000, 0}, {"virtio-mmio", 0x10008000, 0x1000, 8},
    {"virtio-mmio", 0x10007000, 0x1000, 7},      {"virtio-mmio", 0x10006000, 0x1000, 6},
    {"virtio-mmio", 0x10005000, 0x1000, 5},      {"virtio-mmio", 0x10004000, 0x1000, 4},
    {"virtio-mmio", 0x10003000, 0x1000, 3},      {"virtio-mmio", 0x10002000, 0x1000, 2},
    {"virtio-mmio", 0x10001000, 0x1000, 1},
};

typedef struct VirtBoard {
    Machine *m;
    const RISCVConfig *cpu;
    /* Properties. */
    bool aclint;
    int acpi, iommu_sys;
    int aia;
    uint64_t aia_guests;
    char *pflash[2];

    MemRegion root, ram, mrom;
    CPU **harts;
    uint32_t *intc; /* phandles of the harts' interrupt controllers */
    Device *plic, *mtimer, *mswi, *sswi, *fw_cfg, *pci;
    Device *aplic[2];  /* S, M: aia= */
    Device **imsic[2]; /* S, M: one a hart; aia=aplic-imsic */
    Device *wires;     /* where devices' interrupts go: PLIC, or the APLIC of M mode */
    Device *flash[2];
    Device *placed[G_N_ELEMENTS(places)];
    bool has_boot_flash;
    RISCVBoot boot;
    uint32_t plic_phandle, test_phandle;
    uint32_t aplic_phandle[2], imsic_phandle[2]; /* S, M */
} VirtBoard;

enum { AIA_NONE, AIA_APLIC, AIA_APLIC_IMSIC };
static const char *const aia_names[] = {"none", "aplic", "aplic-imsic", NULL};

PROPS(virt, VirtBoard,
      PROP("aclint", BOOL, aclint, NULL, PUBLIC,
           "RISC-V ACLINT devices instead of the SiFive CLINT"),
      PROP("acpi", ONOFFAUTO, acpi, "auto", PUBLIC, "Enable ACPI"),
      PROP("aia", ENUM, aia, "none", PUBLIC,
           "Set type of AIA interrupt controller. Valid values are none, aplic, and aplic-imsic.",
           .values = aia_names),
      PROP("aia-guests", U64, aia_guests, "0", PUBLIC,
           "Set number of guest MMIO pages for AIA IMSIC. Valid value should be between 0 and 7."),
      PROP("iommu-sys", ONOFFAUTO, iommu_sys, "auto", PUBLIC, "Enable IOMMU platform device"),
      PROP("pflash0", DRIVE, pflash[0], NULL, PUBLIC,
           "Node name or ID of a block device to use as a backend"),
      PROP("pflash1", DRIVE, pflash[1], NULL, PUBLIC,
           "Node name or ID of a block device to use as a backend"))

static VirtBoard *virt_board(Machine *m)
{
    if (!m->board) {
        VirtBoard *b = g_new0(VirtBoard, 1);

        b->m = m;
        props_init(virt_props(), b);
        m->board = b;
    }
    return m->board;
}

static bool virt_set_prop(Machine *m, const char *key, const char *value, GError **err)
{
    return prop_set(prop_find(virt_props(), key), virt_board(m), value, m, err);
}

/* ---- harts ---- */

static void hart_line(void *opaque, unsigned n, bool level)
{
    cpu_set_line(opaque, n, level);
}

static uint64_t hart_rdtime(void *opaque)
{
    return riscv_aclint_mtime(((VirtBoard *)opaque)->mtimer);
}

static int64_t hart_deadline_ns(void *opaque, uint64_t time)
{
    return riscv_aclint_deadline_ns(((VirtBoard *)opaque)->mtimer, time);
}

static void harts_time_changed(void *opaque)
{
    VirtBoard *b = opaque;

    for (unsigned i = 0; i < b->m->smp.cpus; i++) {
        riscv_cpu_time_changed(b->harts[i]);
    }
}

static void harts_create(VirtBoard *b)
{
    Machine *m = b->m;
    const RISCVTimeSource time = {hart_rdtime, hart_deadline_ns, b, m->clocks};

    b->harts = g_new(CPU *, m->smp.cpus);
    b->intc = g_new(uint32_t, m->smp.cpus);
    for (unsigned i = 0; i < m->smp.cpus; i++) {
        CPU *cpu = accel_cpu_new(m->accel, riscv_target_desc(b->cpu), m->as, (void *)b->cpu);

        b->harts[i] = cpu;
        riscv_cpu_set_hartid(cpu, i);
        riscv_cpu_set_resetvec(cpu, VIRT_MROM);
        riscv_cpu_set_time_source(cpu, &time);
        if (m->seed_set) {
            riscv_cpu_set_seed(cpu, m->seed + i);
        }
    }
}

/* ---- devices ---- */

/* Output n of d is interrupt `line` of hart n. */
static void connect_harts(VirtBoard *b, Device *d, unsigned line)
{
    for (unsigned i = 0; i < b->m->smp.cpus; i++) {
        device_connect_irq(d, i, (IrqLine){hart_line, b->harts[i], line});
    }
}

static bool swi_create(VirtBoard *b, Device **d, bool sswi, hwaddr addr, GError **err)
{
    *d = board_device(b->m, "riscv.aclint.swi");
    device_set_u64(*d, "num-harts", b->m->smp.cpus);
    device_set_u64(*d, "sswi", sswi);
    if (!device_realize(*d, NULL, err)) {
        return false;
    }
    connect_harts(b, *d, sswi ? RISCV_LINE_SSI : RISCV_LINE_MSI);
    device_map(*d, 0, &b->root, addr);
    return true;
}

static bool plic_create(VirtBoard *b, GError **err)
{
    unsigned n = b->m->smp.cpus;
    GString *config = g_string_new("MS");

    for (unsigned i = 1; i < n; i++) {
        g_string_append(config, ",MS");
    }
    b->plic = board_device(b->m, "riscv.sifive.plic");
    device_set_string(b->plic, "hart-config", config->str);
    device_set_u64(b->plic, "num-sources", VIRT_IRQS);
    device_set_u64(b->plic, "aperture-size", VIRT_PLIC_SIZE);
    g_string_free(config, TRUE);
    if (!device_realize(b->plic, NULL, err)) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        device_connect_irq(b->plic, 2 * i, (IrqLine){hart_line, b->harts[i], RISCV_LINE_MEI});
        device_connect_irq(b->plic, 2 * i + 1, (IrqLine){hart_line, b->harts[i], RISCV_LINE_SEI});
    }
    device_map(b->plic, 0, &b->root, VIRT_PLIC);
    b->wires = b->plic;
    return true;
}

/* ---- advanced interrupt architecture ---- */

static unsigned imsic_guest_bits(const VirtBoard *b, bool machine)
{
    unsigned bits = 0;

    while (!machine && 1u << bits < b->aia_guests + 1) {
        bits++;
    }
    return bits;
}

static bool imsics_create(VirtBoard *b, bool machine, GError **err)
{
    unsigned n = b->m->smp.cpus, bits = imsic_guest_bits(b, machine);
    hwaddr base = machine ? VIRT_IMSIC_M : VIRT_IMSIC_S;

    b->imsic[machine] = g_new0(Device *, n);
    for (unsigned i = 0; i < n; i++) {
        Device *d = b->imsic[machine][i] = board_device(b->m, "riscv.imsic");

        device_set_u64(d, "mmode", machine);
        device_set_u64(d, "hartid", i);
        device_set_u64(d, "guest-index-bits", bits);
        if (!device_realize(d, NULL, err)) {
            return false;
        }
        device_connect_irq(
            d, 0, (IrqLine){hart_line, b->harts[i], machine ? RISCV_LINE_MEI : RISCV_LINE_SEI});
        device_map(d, 0, &b->root, base + ((hwaddr)i * IMSIC_PAGE << bits));
        RISCVImsic csrs = riscv_imsic_csrs(d);
        riscv_cpu_set_imsic(b->harts[i], machine, &csrs);
    }
    return true;
}

static bool aplic_create(VirtBoard *b, bool machine, GError **err)
{
    bool msi = b->aia == AIA_APLIC_IMSIC;
    Device *d = b->aplic[machine] = board_device(b->m, "riscv.aplic");

    device_set_u64(d, "mmode", machine);
    device_set_u64(d, "msimode", msi);
    device_set_u64(d, "num-irqs", VIRT_IRQS);
    device_set_u64(d, "num-harts", b->m->smp.cpus);
    device_set_u64(d, "aperture-size", VIRT_APLIC_SIZE);
    if (!device_realize(d, NULL, err)) {
        return false;
    }
    if (!msi) {
        connect_harts(b, d, machine ? RISCV_LINE_MEI : RISCV_LINE_SEI);
    }
    device_map(d, 0, &b->root, machine ? VIRT_APLIC_M : VIRT_APLIC_S);
    return true;
}

static bool aia_create(VirtBoard *b, GError **err)
{
    for (unsigned machine = 0; machine < 2; machine++) {
        if ((b->aia == AIA_APLIC_IMSIC && !imsics_create(b, machine, err)) ||
            !aplic_create(b, machine, err)) {
            return false;
        }
    }
    riscv_aplic_set_child(b->aplic[1], b->aplic[0]);
    b->wires = b->aplic[1];
    return true;
}

/* With IMSICs harts signal each other by messages: the ACLINT is a timer alone, at its start. */
static bool timer_only(const VirtBoard *b)
{
    return b->aclint && b->aia == AIA_APLIC_IMSIC;
}

static bool interrupts_create(VirtBoard *b, GError **err)
{
    b->mtimer = board_device(b->m, "riscv.aclint.mtimer");
    device_set_u64(b->mtimer, "num-harts", b->m->smp.cpus);
    device_set_u64(b->mtimer, "timebase-freq", VIRT_TIMEBASE);
    if (!device_realize(b->mtimer, NULL, err)) {
        return false;
    }
    connect_harts(b, b->mtimer, RISCV_LINE_MTI);
    riscv_aclint_set_time_hook(b->mtimer, harts_time_changed, b);
    device_map(b->mtimer, 0, &b->root, VIRT_CLINT + (timer_only(b) ? 0 : VIRT_MTIMER));
    if (!timer_only(b) && (!swi_create(b, &b->mswi, false, VIRT_CLINT, err) ||
                           (b->aclint && !swi_create(b, &b->sswi, true, VIRT_SSWI, err)))) {
        return false;
    }
    return b->aia ? aia_create(b, err) : plic_create(b, err);
}

static bool fw_cfg_create(VirtBoard *b, GError **err)
{
    Machine *m = b->m;
    Device *d = b->fw_cfg = board_device(b->m, "fw_cfg_mem");

    if (!device_realize(d, NULL, err)) {
        return false;
    }
    device_map(d, 0, &b->root, VIRT_FW_CFG);
    device_map(d, 1, &b->root, VIRT_FW_CFG + 8);
    device_map(d, 2, &b->root, VIRT_FW_CFG + 0x10);
    return board_fw_cfg_add_common(m, d, err);
}

/* ---- flash ---- */

static bool flashes_create(VirtBoard *b, GError **err)
{
    OptDict *drive[2];

    if (!board_flash_drives(b->m, b->pflash, drive, err)) {
        return false;
    }
    b->has_boot_flash = drive[0];
    for (unsigned i = 0; i < 2; i++) {
        b->flash[i] = board_flash_new(b->m, i, drive[i], VIRT_FLASH_SIZE, &b->root,
                                      VIRT_FLASH + i * VIRT_FLASH_SIZE, err);
        if (!b->flash[i]) {
            return false;
        }
    }
    return true;
}

/* From the last row to the first: addresses ascend, and the virtio buses are numbered by that. */
static bool places_create(VirtBoard *b, GError **err)
{
    for (unsigned i = G_N_ELEMENTS(places); i-- > 0;) {
        const VirtPlace *p = &places[i];

        if (!device_class_find(p->device)) {
            continue;
        }
        Device *d = b->placed[i] = board_device(b->m, p->device);
        if (p->addr == VIRT_UART) {
            device_set_pointer(d, "chardev", b->m->serial[0]);
        }
        if (!device_realize(d, NULL, err)) {
            return false;
        }
        if (p->irq) {
            device_connect_irq(d, 0, device_irq_input(b->wires, p->irq));
        }
        device_map(d, 0, &b->root, p->addr);
    }
    return true;
}

static bool pci_create(VirtBoard *b, GError **err)
{
    bool is32 = b->m->target->bits == 32;
    uint64_t ram_end = VIRT_RAM + b->m->ram_size;
    Device *d = b->pci = board_device(b->m, "gpex-pcihost");

    device_set_u64(d, "x-ecam-base", VIRT_ECAM);
    device_set_u64(d, "x-ecam-size", VIRT_ECAM_SIZE);
    device_set_u64(d, "x-below-4g-mmio-base", VIRT_MMIO);
    device_set_u64(d, "x-below-4g-mmio-size", VIRT_MMIO_SIZE);
    device_set_u64(d, "x-above-4g-mmio-base",
                   is32 ? VIRT_HIGH32 : (ram_end + VIRT_HIGH_SIZE - 1) & ~(VIRT_HIGH_SIZE - 1));
    device_set_u64(d, "x-above-4g-mmio-size", is32 ? VIRT_HIGH32_SIZE : VIRT_HIGH_SIZE);
    device_set_u64(d, "x-pio-base", VIRT_PIO);
    device_set_u64(d, "x-pio-size", VIRT_PIO_SIZE);
    if (!device_realize(d, NULL, err)) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        device_connect_irq(d, i, device_irq_input(b->wires, VIRT_PCI_IRQ + i));
    }
    gpex_map(d, &b->root);
    return true;
}

static void virt_reset(void *opaque)
{
    VirtBoard *b = opaque;
    Device *d;

    for (unsigned i = 0; (d = device_at(b->m, i)); i++) {
        device_reset(d);
    }
}

static bool options_check(VirtBoard *b, GError **err)
{
    if (b->aia_guests > VIRT_GUESTS_MAX) {
        rhea_error_set(err, "Invalid number of AIA IMSIC guests (valid values are 0 to %u)",
                       VIRT_GUESTS_MAX);
    } else if (b->iommu_sys == ONOFFAUTO_ON) {
        rhea_error_set(err, "iommu-sys=on is not supported");
    } else if (b->acpi == ONOFFAUTO_ON) {
        rhea_warn_report("acpi=on: no ACPI tables are made, only the device tree");
        return true;
    } else {
        return true;
    }
    return false;
}

static bool virt_init(Machine *m, GError **err)
{
    VirtBoard *b = virt_board(m);
    RamBlock *ram, *rom;

    b->cpu = m->cpu_config;
    if (!options_check(b, err)) {
        return false;
    }
    if (b->aia == AIA_APLIC_IMSIC) {
        b->cpu = riscv_cpu_config_aia(b->cpu);
    }
    memory_region_init_container(&b->root, m->ms, "system", UINT64_MAX);
    m->as = address_space_new(m->ms, "memory", &b->root);
    memory_transaction_begin(m->ms);
    ram = machine_new_ram(m, "riscv_virt_board.ram", err);
    rom = ram ? ram_block_new(m->ms, "riscv_virt_board.mrom", VIRT_MROM_SIZE, NULL, err) : NULL;
    bool ok = ram && rom;
    if (ok) {
        memory_region_init_ram(&b->ram, "riscv_virt_board.ram", ram, 0, ram->size);
        memory_region_add(&b->root, VIRT_RAM, &b->ram, 0);
        memory_region_init_rom(&b->mrom, "riscv_virt_board.mrom", rom, 0, rom->size);
        memory_region_add(&b->root, VIRT_MROM, &b->mrom, 0);
        harts_create(b);
        ok = interrupts_create(b, err) && fw_cfg_create(b, err) && places_create(b, err) &&
             pci_create(b, err) && flashes_create(b, err);
    }
    memory_transaction_commit(m->ms);
    if (ok) {
        machine_add_reset(m, virt_reset, b);
    }
    return ok;
}

/* ---- device tree ---- */

static void fdt_root_begin(VirtBoard *b, void *fdt)
{
    fdt_begin_node(fdt, "");
    fdt_property_string(fdt, "model", "riscv-virtio,qemu");
    fdt_property_string(fdt, "compatible", "riscv-virtio");
    fdt_property_u32(fdt, "#size-cells", 2);
    fdt_property_u32(fdt, "#address-cells", 2);
}

static void fdt_syscon(VirtBoard *b, void *fdt, const char *name, const char *compatible,
                       uint32_t value)
{
    fdt_begin_node(fdt, name);
    fdt_property_string(fdt, "compatible", compatible);
    fdt_property_u32(fdt, "regmap", b->test_phandle);
    fdt_property_u32(fdt, "offset", 0);
    fdt_property_u32(fdt, "value", value);
    fdt_end_node(fdt);
}

static void fdt_memory(VirtBoard *b, void *fdt)
{
    const FdtNode n = {.fdt = fdt, .addr = VIRT_RAM, .size = b->m->ram_size, .numa_node = -1};

    fdt_node_begin(&n, "memory");
    fdt_node_reg(&n);
    fdt_property_string(fdt, "device_type", "memory");
    fdt_end_node(fdt);
}

/* What is the same for all harts. */
typedef struct HartFdt {
    char *isa;
    char *extensions; /* strings one after the other */
    size_t extensions_len;
    const char *base, *mmu;
} HartFdt;

static void hart_fdt_init(HartFdt *h, const RISCVConfig *cpu)
{
    g_auto(GStrv) extensions = riscv_isa_extensions(cpu);
    GString *list = g_string_new(NULL);

    for (char **e = extensions; *e; e++) {
        g_string_append_len(list, *e, strlen(*e) + 1);
    }
    h->extensions_len = list->len;
    h->extensions = g_string_free(list, FALSE);
    h->isa = riscv_isa_string(cpu);
    h->base = riscv_isa_base(cpu);
    h->mmu = cpu->vm_max == RISCV_VM_BARE ? NULL : riscv_mmu_type(cpu);
}

static void hart_fdt_clear(HartFdt *h)
{
    g_free(h->isa);
    g_free(h->extensions);
}

static uint32_t hart_phandle(const VirtBoard *b, unsigned i)
{
    return b->intc[i] - 1;
}

static void fdt_hart(VirtBoard *b, void *fdt, const HartFdt *h, unsigned i)
{
    const RISCVConfig *cpu = b->cpu;
    char name[32];

    g_snprintf(name, sizeof(name), "cpu@%u", i);
    fdt_begin_node(fdt, name);
    if (h->mmu) {
        fdt_property_string(fdt, "mmu-type", h->mmu);
    }
    fdt_property_string(fdt, "riscv,isa", h->isa);
    fdt_property_string(fdt, "riscv,isa-base", h->base);
    fdt_property(fdt, "riscv,isa-extensions", h->extensions, h->extensions_len);
    if (riscv_has(cpu, RISCV_EXT_ZICBOM)) {
        fdt_property_u32(fdt, "riscv,cbom-block-size", cpu->cbom_size);
    }
    if (riscv_has(cpu, RISCV_EXT_ZICBOZ)) {
        fdt_property_u32(fdt, "riscv,cboz-block-size", cpu->cboz_size);
    }
    if (riscv_has(cpu, RISCV_EXT_ZICBOP)) {
        fdt_property_u32(fdt, "riscv,cbop-block-size", cpu->cbop_size);
    }
    fdt_property_string(fdt, "compatible", "riscv");
    fdt_property_string(fdt, "status", "okay");
    fdt_property_u32(fdt, "reg", i);
    fdt_property_string(fdt, "device_type", "cpu");
    fdt_property_u32(fdt, "phandle", hart_phandle(b, i));

    fdt_begin_node(fdt, "interrupt-controller");
    fdt_property_u32(fdt, "phandle", b->intc[i]);
    fdt_property_string(fdt, "compatible", "riscv,cpu-intc");
    fdt_property(fdt, "interrupt-controller", NULL, 0);
    fdt_property_u32(fdt, "#interrupt-cells", 1);
    fdt_end_node(fdt);
    fdt_end_node(fdt);
}

static void fdt_cpus(VirtBoard *b, void *fdt)
{
    HartFdt h;
    char name[32];

    hart_fdt_init(&h, b->cpu);
    fdt_begin_node(fdt, "cpus");
    fdt_property_u32(fdt, "timebase-frequency", VIRT_TIMEBASE);
    fdt_property_u32(fdt, "#size-cells", 0);
    fdt_property_u32(fdt, "#address-cells", 1);
    for (unsigned i = 0; i < b->m->smp.cpus; i++) {
        fdt_hart(b, fdt, &h, i);
    }
    fdt_begin_node(fdt, "cpu-map");
    fdt_begin_node(fdt, "cluster0");
    for (unsigned i = 0; i < b->m->smp.cpus; i++) {
        g_snprintf(name, sizeof(name), "core%u", i);
        fdt_begin_node(fdt, name);
        fdt_property_u32(fdt, "cpu", hart_phandle(b, i));
        fdt_end_node(fdt);
    }
    fdt_end_node(fdt);
    fdt_end_node(fdt);
    fdt_end_node(fdt);
    hart_fdt_clear(&h);
}

/* SBI PMU events and the counters that can count them: cycles and instructions also have a fixed
 * one each; then DTLB read and write misses and ITLB misses. */
static void fdt_pmu(VirtBoard *b, void *fdt)
{
    const uint32_t any = b->cpu->pmu_mask;
    const uint32_t rows[][3] = {
        {0x00001, 0x00001, any | 1 << 0}, {0x00002, 0x00002, any | 1 << 2}, {0x10019, 0x10019, any},
        {0x1001b, 0x1001b, any},          {0x10021, 0x10021, any},
    };
    fdt32_t cells[G_N_ELEMENTS(rows) * 3];

    for (unsigned i = 0; i < G_N_ELEMENTS(cells); i++) {
        cells[i] = cpu_to_fdt32(rows[i / 3][i % 3]);
    }
    fdt_begin_node(fdt, "pmu");
    fdt_property_string(fdt, "compatible", "riscv,pmu");
    fdt_property(fdt, "riscv,event-to-mhpmcounters", cells, sizeof(cells));
    fdt_end_node(fdt);
}

static void fdt_device(Device *d, FdtNode n, hwaddr addr, uint64_t size)
{
    n.addr = addr;
    n.size = size;
    d->cls->fdt(d, &n);
}

static void fdt_chosen(VirtBoard *b, void *fdt)
{
    g_autofree char *uart = g_strdup_printf("/soc/serial@%x", VIRT_UART);

    fdt_begin_node(fdt, "aliases");
    fdt_property_string(fdt, "serial0", uart);
    fdt_end_node(fdt);

    fdt_begin_node(fdt, "chosen");
    board_fdt_random(b->m, fdt, "rng-seed", 8);
    fdt_property_string(fdt, "stdout-path", uart);
    fdt_end_node(fdt);
}

static void fdt_clint(VirtBoard *b, FdtNode n)
{
    static const char compatible[] = "sifive,clint0\0riscv,clint0";
    static const uint32_t lines[] = {RISCV_LINE_MSI, RISCV_LINE_MTI};

    n.addr = VIRT_CLINT;
    n.size = VIRT_CLINT_SIZE;
    fdt_node_begin(&n, "clint");
    fdt_property(n.fdt, "compatible", compatible, sizeof(compatible));
    fdt_node_reg(&n);
    fdt_node_cpu_irqs(&n, lines, G_N_ELEMENTS(lines));
    fdt_end_node(n.fdt);
}

/* The controllers of S mode stand before those of M mode. */
static void fdt_aia(VirtBoard *b, FdtNode n)
{
    for (unsigned machine = 0; machine < 2; machine++) {
        n.phandle = b->aplic_phandle[machine];
        n.irq_parent = b->imsic_phandle[machine];
        n.irqs = &b->aplic_phandle[0];
        fdt_device(b->aplic[machine], n, machine ? VIRT_APLIC_M : VIRT_APLIC_S, VIRT_APLIC_SIZE);
    }
    for (unsigned machine = 0; b->imsic[0] && machine < 2; machine++) {
        n.phandle = b->imsic_phandle[machine];
        fdt_device(b->imsic[machine][0], n, machine ? VIRT_IMSIC_M : VIRT_IMSIC_S,
                   (uint64_t)b->m->smp.cpus * IMSIC_PAGE << imsic_guest_bits(b, machine));
    }
}

static void fdt_soc(VirtBoard *b, void *fdt)
{
    const uint32_t parent = b->aia ? b->aplic_phandle[0] : b->plic_phandle;
    FdtNode n = {
        .fdt = fdt,
        .irq_cells = b->aia ? 2 : 1,
        .irq_type = IRQ_TYPE_LEVEL_HIGH,
        .numa_node = -1,
        .cpus = b->intc,
        .n_cpus = b->m->smp.cpus,
    };

    fdt_begin_node(fdt, "soc");
    fdt_property(fdt, "ranges", NULL, 0);
    fdt_property_string(fdt, "compatible", "simple-bus");
    fdt_property_u32(fdt, "#size-cells", 2);
    fdt_property_u32(fdt, "#address-cells", 2);
    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        const VirtPlace *p = &places[i];
        FdtNode at = n;

        at.addr = p->addr;
        at.size = p->size;
        at.irqs = &p->irq;
        at.n_irqs = p->irq != 0;
        at.irq_parent = parent;
        at.phandle = p->addr == VIRT_TEST ? b->test_phandle : 0;
        if (b->placed[i]) {
            b->placed[i]->cls->fdt(b->placed[i], &at);
        }
    }
    n.phandle = b->plic_phandle;
    if (b->aia) {
        fdt_aia(b, n);
    } else {
        fdt_device(b->plic, n, VIRT_PLIC, VIRT_PLIC_SIZE);
    }
    if (timer_only(b)) {
        fdt_device(b->mtimer, n, VIRT_CLINT, VIRT_MTIMER_SIZE);
    } else if (b->aclint) {
        fdt_device(b->sswi, n, VIRT_SSWI, VIRT_SSWI_SIZE);
        fdt_device(b->mtimer, n, VIRT_CLINT + VIRT_MTIMER, VIRT_CLINT_SIZE - VIRT_MTIMER);
        fdt_device(b->mswi, n, VIRT_CLINT, VIRT_MTIMER);
    } else {
        fdt_clint(b, n);
    }
    const uint32_t irqs[] = {VIRT_PCI_IRQ, VIRT_PCI_IRQ + 1, VIRT_PCI_IRQ + 2, VIRT_PCI_IRQ + 3};
    n.irqs = irqs;
    n.n_irqs = G_N_ELEMENTS(irqs);
    n.irq_parent = parent;
    gpex_write_fdt(b->pci, &n, &(GpexFdt){.node_name = "pci", .msi_parent = b->imsic_phandle[0]});
    fdt_end_node(fdt);
}

/* The harts from the last to the first, then the interrupt controllers and the finisher. */
static void phandles_assign(VirtBoard *b)
{
    uint32_t next = 1;

    for (unsigned i = b->m->smp.cpus; i-- > 0;) {
        next++; /* of the cpu node: hart_phandle() */
        b->intc[i] = next++;
    }
    if (b->aia == AIA_APLIC_IMSIC) {
        b->imsic_phandle[1] = next++;
        b->imsic_phandle[0] = next++;
    }
    if (b->aia) {
        b->aplic_phandle[1] = next++;
        b->aplic_phandle[0] = next++;
    } else {
        b->plic_phandle = next++;
    }
    b->test_phandle = next++;
}

/* The board's tree, in a buffer with `room` bytes to spare; g_free() it. */
static void *fdt_build(VirtBoard *b, size_t room, GError **err)
{
    size_t size = 16384 + (size_t)b->m->smp.cpus * 8192 + room;
    void *fdt = g_malloc(size);
    const FdtNode fw_cfg = {.fdt = fdt, .numa_node = -1};

    phandles_assign(b);
    fdt_create(fdt, size);
    fdt_finish_reservemap(fdt);
    fdt_root_begin(b, fdt);
    fdt_syscon(b, fdt, "poweroff", "syscon-poweroff", 0x5555);
    fdt_syscon(b, fdt, "reboot", "syscon-reboot", 0x7777);
    fdt_memory(b, fdt);
    fdt_cpus(b, fdt);
    fdt_pmu(b, fdt);
    fdt_device(b->fw_cfg, fw_cfg, VIRT_FW_CFG, 0x18);
    board_fdt_flash(fdt, "flash", VIRT_FLASH, VIRT_FLASH_SIZE, 2, false);
    fdt_chosen(b, fdt);
    fdt_soc(b, fdt);
    fdt_end_node(fdt);
    return board_fdt_finish(fdt, size, err);
}

static bool virt_finish(Machine *m, GError **err)
{
    VirtBoard *b = virt_board(m);
    size_t room = 1024 + (m->append ? strlen(m->append) : 0);

    b->boot = (RISCVBoot){
        .m = m,
        .cpu = b->cpu,
        .ram_base = VIRT_RAM,
        .ram_size = m->ram_size,
        .rom_base = VIRT_MROM,
    };
    if (!riscv_boot_load(&b->boot, b->has_boot_flash ? VIRT_FLASH : 0, err) ||
        (b->has_boot_flash && !b->boot.has_kernel && !board_fw_cfg_add_kernel(m, b->fw_cfg, err))) {
        return false;
    }
    g_autofree void *fdt = m->dtb ? board_fdt_load(m, room, err) : fdt_build(b, room, err);
    if (!fdt || !riscv_boot_fdt_chosen(&b->boot, fdt, err)) {
        return false;
    }
    fdt_pack(fdt);
    if (m->dumpdtb) {
        board_dump_fdt(m, fdt, err);
        return false;
    }
    return riscv_boot_finish(&b->boot, fdt, fdt_totalsize(fdt), err);
}

static const MachineDesc virt_machine = {
    .name = "virt",
    .arch = "riscv",
    .help = "RISC-V VirtIO board",
    .max_cpus = VIRT_MAX_CPUS,
    .default_ram = UINT64_C(128) << 20,
    .init = virt_init,
    .finish = virt_finish,
    .props = virt_props,
    .set_prop = virt_set_prop,
};
RHEA_MACHINE(virt_machine);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm board "virt": the memory map, interrupt numbers and device tree that firmware and kernels
 * built for it expect.
 *
 * The devices with a fixed place are rows of `places`; the interrupt controller, the virtio
 * transports and the flash are put together by hand below, as they depend on the number of CPUs and
 * on properties. Interrupt numbers are those of SPIs (0 is INTID 32).
 *
 * Main thread. Test: tests/dev/suite.py, tests/boot
 */
#include "accel/accel.h"
#include "hw/arm/virt_internal.h"
#include "hw/board.h"
#include "hw/device.h"
#include "hw/gpio/gpio_key.h"
#include "hw/intc/arm_gic.h"
#include "hw/misc/fw_cfg.h"
#include "hw/pci_host.h"
#include "hw/smbios.h"
#include "rhea/error.h"
#include "softmmu/loader.h"
#include "softmmu/machine.h"
#include "target/arm.h"

#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

typedef struct VirtPlace {
    const char *device;
    hwaddr addr;
    uint32_t irq;
} VirtPlace;

/* In the order of their nodes. */
static const VirtPlace places[VIRT_PLACES] = {
    {"pl061", VIRT_GPIO, VIRT_GPIO_IRQ},
    {"pl031", VIRT_RTC, VIRT_RTC_IRQ},
    {"pl011", VIRT_UART, VIRT_UART_IRQ},
};

static const char *const gic_names[] = {"auto", "2", "3", "4", "host", "max", NULL};
static const char *const msi_names[] = {"auto", "gicv2m", "its", "off", NULL};
static const char *const iommu_names[] = {"none", "smmuv3", NULL};

PROPS(virt, VirtBoard, PROP("acpi", ONOFFAUTO, acpi, "auto", PUBLIC, "Enable ACPI"),
      PROP("compact-highmem", BOOL, compact_highmem, "on", PUBLIC,
           "Set on/off to enable/disable compact layout for high memory regions"),
      PROP("default-bus-bypass-iommu", BOOL, bypass_iommu, NULL, PUBLIC,
           "Set on/off to enable/disable bypass_iommu for default root bus"),
      PROP("dt-compatible", STRING, dt_compatible, NULL, PUBLIC,
           "Overrides the \"compatible\" property of the dt root node"),
      PROP("dtb-kaslr-seed", BOOL, dtb_randomness, "on", PUBLIC,
           "Deprecated synonym of dtb-randomness"),
      PROP("dtb-randomness", BOOL, dtb_randomness, "on", PUBLIC,
           "Set off to disable passing random or non-deterministic dtb nodes to guest"),
      PROP("gic-version", ENUM, gic, "auto", PUBLIC,
           "Set GIC version. Valid values are 2, 3, 4, host and max", .values = gic_names),
      PROP("highmem", BOOL, highmem, "on", PUBLIC,
           "Set on/off to enable/disable using physical address space above 32 bits"),
      PROP("highmem-ecam", BOOL, highmem_ecam, "on", PUBLIC,
           "Set on/off to enable/disable high memory region for PCI ECAM"),
      PROP("highmem-mmio", BOOL, highmem_mmio, "on", PUBLIC,
           "Set on/off to enable/disable high memory region for PCI MMIO"),
      PROP("highmem-redists", BOOL, highmem_redists, "on", PUBLIC,
           "Set on/off to enable/disable high memory region for GICv3 or GICv4 redistributor"),
      PROP("iommu", ENUM, iommu, "none", PUBLIC,
           "Set the IOMMU type. Valid values are none and smmuv3", .values = iommu_names),
      PROP("its", BOOL, its, "on", PUBLIC, "Set on/off to enable/disable ITS instantiation"),
      PROP("msi", ENUM, msi, "auto", PUBLIC,
           "Set MSI settings. Valid values are auto, gicv2m, its and off", .values = msi_names),
      PROP("mte", BOOL, mte, NULL, PUBLIC,
           "Set on/off to enable/disable emulating a guest CPU which implements the ARM Memory "
           "Tagging Extension"),
      PROP("pflash0", DRIVE, pflash[0], NULL, PUBLIC,
           "Node name or ID of a block device to use as a backend"),
      PROP("pflash1", DRIVE, pflash[1], NULL, PUBLIC,
           "Node name or ID of a block device to use as a backend"),
      PROP("ras", BOOL, ras, NULL, PUBLIC,
           "Set on/off to enable/disable reporting host memory errors to a guest"),
      PROP("secure", BOOL, secure, NULL, PUBLIC,
           "Set on/off to enable/disable the ARM Security Extensions (TrustZone)"),
      PROP("virtio-mmio-transports", U8, n_mmio, "32", PUBLIC,
           "Set the number of virtio-mmio transports to instantiate"),
      PROP("virtualization", BOOL, virtualization, NULL, PUBLIC,
           "Set on/off to enable/disable emulating a guest CPU which implements the ARM "
           "Virtualization Extensions"),
      PROP("x-oem-id", STRING, oem_id, NULL, PUBLIC,
           "Override the default value of field OEMID in ACPI table header. The string may be up "
           "to 6 bytes in size"),
      PROP("x-oem-table-id", STRING, oem_table_id, NULL, PUBLIC,
           "Override the default value of field OEM Table ID in ACPI table header. The string may "
           "be up to 8 bytes in size"))

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

/* ---- CPUs ---- */

static void psci_off(void *opaque)
{
    machine_request_shutdown(opaque, SHUTDOWN_GUEST_POWEROFF, 0);
}

static void psci_reset(void *opaque)
{
    machine_request_reset(opaque, SHUTDOWN_GUEST_RESET);
}

static void cpus_create(VirtBoard *b)
{
    Machine *m = b->m;

    b->cpu->one_cpu = m->smp.max_cpus == 1;
    b->cpus = g_new(CPU *, m->smp.cpus);
    b->cpu_phandle = g_new0(uint32_t, m->smp.cpus);
    for (unsigned i = 0; i < m->smp.cpus; i++) {
        CPU *cpu = accel_cpu_new(m->accel, arm_target_desc_for(b->cpu), b->cpu_as, b->cpu);

        b->cpus[i] = cpu;
        arm_cpu_set_mpidr(cpu, virt_cpu_affinity(b, i));
        arm_cpu_set_clocks(cpu, m->clocks);
        if (b->secure) {
            arm_cpu_set_secure_space(cpu, VIRT_SECURE_SPACE);
        }
        if (arm_has(b->cpu, ARM_FEAT_CBAR)) {
            arm_cpu_set_cbar(cpu, VIRT_GIC_DIST);
        }
        if (m->seed_set) {
            arm_cpu_set_seed(cpu, m->seed + i);
        }
    }
}

/* PSCI is answered for the guest, unless EL3 is its own: for firmware, and a program that is not
 * Linux starts there too. Known when the kernel has been loaded. */
static void conduit_choose(VirtBoard *b)
{
    b->conduit = b->secure && !(b->boot.has_kernel && b->boot.is_linux) ? ARM_CONDUIT_NONE
                 : b->virtualization                                    ? ARM_CONDUIT_SMC
                                                                        : ARM_CONDUIT_HVC;
    b->psci = (ARMPsciOps){psci_off, psci_reset, b->m};
    for (unsigned i = 0; b->conduit != ARM_CONDUIT_NONE && i < b->m->smp.cpus; i++) {
        arm_cpu_set_psci(b->cpus[i], b->conduit, &b->psci);
        arm_cpu_set_start_off(b->cpus[i], i > 0);
    }
}

/* ---- interrupt controller ---- */

static void cpu_line(void *opaque, unsigned n, bool level)
{
    cpu_set_line(opaque, n, level);
}

static void cpu_output(void *opaque, bool level)
{
    irq_set(opaque, level);
}

static void gic_connect(VirtBoard *b)
{
    static const uint8_t ppi[ARM_OUT_COUNT] = {
        [ARM_OUT_CNTP] = PPI_TIMER_PHYS,      [ARM_OUT_CNTV] = PPI_TIMER_VIRT,
        [ARM_OUT_CNTHP] = PPI_TIMER_HYP,      [ARM_OUT_CNTPS] = PPI_TIMER_SECURE,
        [ARM_OUT_CNTHV] = PPI_TIMER_HYP_VIRT, [ARM_OUT_PMU] = PPI_PMU,
    };

    b->ppi = g_malloc0_n(b->m->smp.cpus, sizeof(*b->ppi));
    for (unsigned i = 0; i < b->m->smp.cpus; i++) {
        for (unsigned line = 0; line < ARM_GIC_OUTS; line++) {
            device_connect_irq(b->gic_dev, ARM_GIC_OUT(i, line),
                               (IrqLine){cpu_line, b->cpus[i], line});
        }
        for (unsigned out = 0; out < ARM_OUT_COUNT; out++) {
            b->ppi[i][out] = device_irq_input(b->gic_dev, ARM_GIC_PPI(VIRT_IRQS, i, 16 + ppi[out]));
            arm_cpu_set_output(b->cpus[i], out, cpu_output, &b->ppi[i][out]);
        }
    }
}

static bool gicv2_create(VirtBoard *b, GError **err)
{
    static const hwaddr addr[] = {VIRT_GIC_DIST, VIRT_GIC_CPU, VIRT_GIC_HYP, VIRT_GIC_VCPU};
    Device *d = b->gic_dev = board_device(b->m, "arm_gic");

    device_set_u64(d, "num-cpu", b->m->smp.cpus);
    device_set_u64(d, "num-irq", VIRT_IRQS);
    device_set_u64(d, "has-security-extensions", b->secure);
    device_set_u64(d, "has-virtualization-extensions", b->virtualization);
    if (!device_realize(d, NULL, err)) {
        return false;
    }
    arm_gic_set_security(d, arm_cpu_is_secure);
    for (unsigned i = 0; i < (b->virtualization ? 4 : 2); i++) {
        device_map(d, i, &b->root, addr[i]);
    }
    gic_connect(b);
    return true;
}

static bool gicv3_create(VirtBoard *b, GError **err)
{
    unsigned n = b->m->smp.cpus, low = VIRT_LOW_REDISTS;
    Device *d = b->gic_dev = board_device(b->m, "arm-gicv3");

    if (n > low && !(b->highmem && b->highmem_redists)) {
        rhea_error_set(err, "-smp %u: at most %u CPUs without highmem-redists", n, low);
        return false;
    }
    device_set_u64(d, "num-cpu", n);
    device_set_u64(d, "num-irq", VIRT_IRQS);
    device_set_u64(d, "has-security-extensions", b->secure);
    device_set_u64(d, "has-lpi", b->msi == MSI_ITS);
    device_set_u64(d, "region0-cpus", MIN(n, low));
    if (!device_realize(d, NULL, err)) {
        return false;
    }
    arm_gicv3_set_security(d, arm_cpu_is_secure);
    device_map(d, 0, &b->root, VIRT_GIC_DIST);
    device_map(d, 1, &b->root, VIRT_GIC_REDIST);
    if (n > low) {
        device_map(d, 2, &b->root, VIRT_HIGH);
    }
    for (unsigned i = 0; i < n; i++) {
        arm_gicv3_set_affinity(d, i, virt_cpu_affinity(b, i));
        arm_cpu_set_gicv3(b->cpus[i], &arm_gicv3_cpu_ops, arm_gicv3_cpu(d, i));
    }
    gic_connect(b);
    return true;
}

/* The ITS, or the frame through which writes become SPIs. */
static bool msi_create(VirtBoard *b, GError **err)
{
    bool its = b->msi == MSI_ITS;
    Device *d = b->msi_dev = board_device(b->m, its ? "arm-gicv3-its" : "arm-gicv2m");

    if (its) {
        device_set_pointer(d, "parent-gicv3", b->gic_dev);
    } else {
        device_set_u64(d, "base-spi", 32 + VIRT_V2M_SPI);
        device_set_u64(d, "num-spi", VIRT_V2M_SPIS);
    }
    if (!device_realize(d, NULL, err)) {
        return false;
    }
    device_map(d, 0, &b->root, its ? VIRT_GIC_ITS : VIRT_GIC_V2M);
    for (unsigned i = 0; !its && i < VIRT_V2M_SPIS; i++) {
        device_connect_irq(d, i, device_irq_input(b->gic_dev, VIRT_V2M_SPI + i));
    }
    return true;
}

static bool gic_create(VirtBoard *b, GError **err)
{
    return (b->gic == GIC_V2 ? gicv2_create(b, err) : gicv3_create(b, err)) &&
           (b->msi == MSI_OFF || msi_create(b, err));
}

/* ---- devices ---- */

static IrqLine spi(const VirtBoard *b, unsigned n)
{
    return device_irq_input(b->gic_dev, n);
}

static bool device_place(VirtBoard *b, Device *d, MemRegion *parent, hwaddr addr, unsigned irq,
                         GError **err)
{
    if (!device_realize(d, NULL, err)) {
        return false;
    }
    device_connect_irq(d, 0, spi(b, irq));
    device_map(d, 0, parent, addr);
    return true;
}

static bool places_create(VirtBoard *b, GError **err)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        const VirtPlace *p = &places[i];
        Device *d = b->placed[i] = board_device(b->m, p->device);

        if (p->addr == VIRT_UART) {
            device_set_pointer(d, "chardev", b->m->serial[0]);
        }
        if (!device_place(b, d, &b->root, p->addr, p->irq, err)) {
            return false;
        }
        if (p->addr == VIRT_GPIO) {
            b->power_key = board_device(b->m, "gpio-key");
            if (!device_realize(b->power_key, NULL, err)) {
                return false;
            }
            device_connect_irq(b->power_key, 0, device_irq_input(d, VIRT_POWER_KEY));
        }
    }
    return true;
}

/* Addresses ascend, and the buses are numbered by that. */
static bool mmio_create(VirtBoard *b, GError **err)
{
    for (unsigned i = 0; i < b->n_mmio; i++) {
        b->mmio[i] = board_device(b->m, "virtio-mmio");
        if (!device_place(b, b->mmio[i], &b->root, VIRT_MMIO + i * VIRT_MMIO_SIZE,
                          VIRT_MMIO_IRQ + i, err)) {
            return false;
        }
    }
    return true;
}

VirtPci virt_pci(const VirtBoard *b)
{
    bool high = b->highmem && b->cpu->pa_bits >= 40, ecam = high && b->highmem_ecam;

    return (VirtPci){.ecam_base = ecam ? VIRT_HIGH_ECAM : VIRT_ECAM,
                     .ecam_size = ecam ? VIRT_HIGH_ECAM_SIZE : VIRT_ECAM_SIZE,
                     .high_mmio = high && b->highmem_mmio};
}

static bool pci_create(VirtBoard *b, GError **err)
{
    VirtPci pci = virt_pci(b);
    Device *d = b->pci = board_device(b->m, "gpex-pcihost");

    device_set_u64(d, "x-ecam-base", pci.ecam_base);
    device_set_u64(d, "x-ecam-size", pci.ecam_size);
    device_set_u64(d, "x-below-4g-mmio-base", VIRT_PCI_MMIO);
    device_set_u64(d, "x-below-4g-mmio-size", VIRT_PCI_MMIO_SIZE);
    if (pci.high_mmio) {
        device_set_u64(d, "x-above-4g-mmio-base", VIRT_HIGH_MMIO);
        device_set_u64(d, "x-above-4g-mmio-size", VIRT_HIGH_MMIO_SIZE);
    }
    device_set_u64(d, "x-pio-base", VIRT_PCI_PIO);
    device_set_u64(d, "x-pio-size", VIRT_PCI_PIO_SIZE);
    if (!device_realize(d, NULL, err)) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        device_connect_irq(d, i, spi(b, VIRT_PCI_IRQ + i));
    }
    gpex_map(d, &b->root);
    return true;
}

static bool fw_cfg_create(VirtBoard *b, GError **err)
{
    Device *d = b->fw_cfg = board_device(b->m, "fw_cfg_mem");

    if (!device_realize(d, NULL, err)) {
        return false;
    }
    device_map(d, 0, &b->root, VIRT_FW_CFG);
    device_map(d, 1, &b->root, VIRT_FW_CFG + 8);
    device_map(d, 2, &b->root, VIRT_FW_CFG + 0x10);
    return board_fw_cfg_add_common(b->m, d, err);
}

static bool flashes_create(VirtBoard *b, GError **err)
{
    OptDict *drive[2];

    if (!board_flash_drives(b->m, b->pflash, drive, err)) {
        return false;
    }
    b->boot.has_flash = drive[0];
    for (unsigned i = 0; i < 2; i++) {
        MemRegion *parent = i == 0 && b->secure ? &b->secure_root : &b->root;

        b->flash[i] = board_flash_new(b->m, i, drive[i], VIRT_FLASH_SIZE, parent,
                                      VIRT_FLASH + i * VIRT_FLASH_SIZE, err);
        if (!b->flash[i]) {
            return false;
        }
    }
    return true;
}

/* Before anything is placed. */
static void memory_create(VirtBoard *b)
{
    MemSystem *ms = b->m->ms;

    memory_region_init_container(&b->root, ms, "system", UINT64_MAX);
    b->m->as = b->cpu_as = address_space_new(ms, "memory", &b->root);
    if (!b->secure) {
        return;
    }
    memory_region_init_container(&b->secure_root, ms, "secure-memory", VIRT_SECURE_SPACE);
    memory_region_init_alias(&b->secure_all, "system", &b->root, 0, VIRT_SECURE_SPACE);
    memory_region_add(&b->secure_root, 0, &b->secure_all, -1);
    memory_region_init_container(&b->cpu_root, ms, "cpu-memory", UINT64_MAX);
    memory_region_init_alias(&b->cpu_all, "system", &b->root, 0, VIRT_SECURE_SPACE);
    memory_region_init_alias(&b->cpu_secure, "secure-memory", &b->secure_root, 0,
                             VIRT_SECURE_SPACE);
    memory_region_add(&b->cpu_root, 0, &b->cpu_all, 0);
    memory_region_add(&b->cpu_root, VIRT_SECURE_SPACE, &b->cpu_secure, 0);
    b->m->load_as = address_space_new(ms, "secure-memory", &b->secure_root);
    b->cpu_as = address_space_new(ms, "cpu-memory", &b->cpu_root);
}

/* Lines 0 and 1 of the secure GPIO end and restart the machine. */
static void secure_gpio_line(void *opaque, unsigned n, bool level)
{
    if (level && n == 0) {
        machine_request_shutdown(opaque, SHUTDOWN_GUEST_POWEROFF, 0);
    } else if (level) {
        machine_request_reset(opaque, SHUTDOWN_GUEST_RESET);
    }
}

static bool secure_create(VirtBoard *b, GError **err)
{
    RamBlock *ram = ram_block_new(b->m->ms, "virt.secure-ram", VIRT_SECURE_SIZE, NULL, err);

    if (!ram) {
        return false;
    }
    memory_region_init_ram(&b->secure_ram, "virt.secure-ram", ram, 0, ram->size);
    memory_region_add(&b->secure_root, VIRT_SECURE_RAM, &b->secure_ram, 0);
    b->secure_uart = board_device(b->m, "pl011");
    device_set_pointer(b->secure_uart, "chardev", b->m->serial[1]);
    b->secure_gpio = board_device(b->m, "pl061");
    if (!device_place(b, b->secure_uart, &b->secure_root, VIRT_SECURE_UART, VIRT_SECURE_UART_IRQ,
                      err) ||
        !device_place(b, b->secure_gpio, &b->secure_root, VIRT_SECURE_GPIO, VIRT_SECURE_GPIO_IRQ,
                      err)) {
        return false;
    }
    for (unsigned i = 0; i < 2; i++) {
        device_connect_irq(b->secure_gpio, 1 + i, (IrqLine){secure_gpio_line, b->m, i});
    }
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

static void virt_powerdown(void *opaque)
{
    VirtBoard *b = opaque;

    gpio_key_press(b->power_key);
}

/* What cannot be, and what is decided by other options. */
static bool options_check(VirtBoard *b, GError **err)
{
    unsigned cpus = b->m->smp.max_cpus;

    if (b->gic == GIC_HOST) {
        rhea_error_set(err, "gic-version=host requires KVM");
    } else if (b->gic == GIC_V4) {
        rhea_error_set(err, "gic-version=4 is not supported: 2 and 3 are");
    } else if (b->iommu) {
        rhea_error_set(err, "iommu=%s is not supported", iommu_names[b->iommu]);
    } else if (b->mte) {
        rhea_error_set(err, "mte=on is not supported");
    } else if (b->ras) {
        rhea_error_set(err, "ras=on is not supported");
    } else if (b->n_mmio > VIRT_MMIO_MAX) {
        rhea_error_set(err, "maximum number of virtio-mmio transports is %u", VIRT_MMIO_MAX);
    } else if (b->oem_id && strlen(b->oem_id) > 6) {
        rhea_error_set(err, "x-oem-id '%s' is longer than 6 bytes", b->oem_id);
    } else if (b->oem_table_id && strlen(b->oem_table_id) > 8) {
        rhea_error_set(err, "x-oem-table-id '%s' is longer than 8 bytes", b->oem_table_id);
    } else if (b->m->ram_size > 255 * GIB) {
        rhea_error_set(err, "-m: the board takes at most 255 GiB of RAM");
    } else if (b->gic == GIC_V2 && cpus > 8) {
        rhea_error_set(err, "-smp %u: GICv2 takes 8 CPUs, use gic-version=3", cpus);
    } else {
        if (b->gic == GIC_NONE) {
            b->gic = cpus > 8 ? GIC_V3 : GIC_V2;
        } else if (b->gic == GIC_MAX) {
            b->gic = GIC_V3;
        }
        if (b->msi == MSI_AUTO) {
            b->msi = b->gic == GIC_V2 ? MSI_GICV2M : b->its ? MSI_ITS : MSI_OFF;
        }
        if (b->msi == MSI_ITS && b->gic == GIC_V2) {
            rhea_error_set(err, "msi=its needs gic-version=3");
            return false;
        }
        b->cluster = b->gic == GIC_V2 ? 8 : 16;
        return true;
    }
    return false;
}

static bool cpu_check(VirtBoard *b, GError **err)
{
    b->cpu = b->m->cpu_config;
    if (!arm_has(b->cpu, ARM_FEAT_GENERIC_TIMER)) {
        rhea_error_set(err, "CPU type %s is not supported by this board: it has no generic timers",
                       b->cpu->model);
        return false;
    }
    if (b->gic != GIC_V2 && !arm_has(b->cpu, ARM_FEAT_V8)) {
        rhea_error_set(err, "CPU type %s has no GICv3 CPU interface: use gic-version=2",
                       b->cpu->model);
        return false;
    }
    if (b->gic != GIC_V2) {
        /* An option of the parts: ID_AA64PFR0_EL1.GIC, ID_PFR1_EL1.GIC. */
        b->cpu->feat[ARM_FEAT_GICV3 / 64] |= UINT64_C(1) << ARM_FEAT_GICV3 % 64;
        b->cpu->id_aa64pfr0 |= 1 << 24;
        b->cpu->id_pfr1 |= 1 << 28;
    }
    if (b->secure && !arm_has(b->cpu, ARM_FEAT_EL3)) {
        rhea_error_set(err, "secure=on: CPU type %s has no EL3", b->cpu->model);
        return false;
    }
    if (b->virtualization && !arm_has(b->cpu, ARM_FEAT_EL2)) {
        rhea_error_set(err, "virtualization=on: CPU type %s has no EL2", b->cpu->model);
        return false;
    }
    if (!b->secure) {
        arm_config_drop(b->cpu, ARM_FEAT_EL3);
    }
    if (!b->virtualization) {
        arm_config_drop(b->cpu, ARM_FEAT_EL2);
    }
    return true;
}

static bool virt_init(Machine *m, GError **err)
{
    VirtBoard *b = virt_board(m);
    RamBlock *ram;

    memory_create(b);
    if (!options_check(b, err)) {
        return false;
    }
    memory_transaction_begin(m->ms);
    ram = machine_new_ram(m, "mach-virt.ram", err);
    bool ok = ram;
    if (ok) {
        memory_region_init_ram(&b->ram, "mach-virt.ram", ram, 0, ram->size);
        memory_region_add(&b->root, VIRT_RAM, &b->ram, 0);
        ok = flashes_create(b, err) && cpu_check(b, err);
    }
    if (ok) {
        cpus_create(b);
        ok = gic_create(b, err) && fw_cfg_create(b, err) && places_create(b, err) &&
             (!b->secure || secure_create(b, err)) && mmio_create(b, err) && pci_create(b, err);
    }
    memory_transaction_commit(m->ms);
    if (ok) {
        machine_add_reset(m, virt_reset, b);
        machine_add_powerdown(m, virt_powerdown, b);
    }
    return ok;
}

/* ---- device tree ---- */

static void fdt_cells(void *fdt, const char *name, const uint32_t *cells, unsigned n)
{
    fdt32_t be[16];

    g_assert(n <= G_N_ELEMENTS(be));
    for (unsigned i = 0; i < n; i++) {
        be[i] = cpu_to_fdt32(cells[i]);
    }
    fdt_property(fdt, name, be, n * sizeof(be[0]));
}

static void fdt_root_begin(VirtBoard *b, void *fdt)
{
    fdt_begin_node(fdt, "");
    fdt_property_u32(fdt, "interrupt-parent", b->gic_phandle);
    fdt_property(fdt, "dma-coherent", NULL, 0);
    fdt_property_string(fdt, "model", "linux,dummy-virt");
    fdt_property_u32(fdt, "#size-cells", 2);
    fdt_property_u32(fdt, "#address-cells", 2);
    fdt_property_string(fdt, "compatible",
                        b->dt_compatible ? b->dt_compatible : "linux,dummy-virt");
}

/* Function numbers: PSCI, Arm DEN 0022, 5.1. */
static void fdt_psci(VirtBoard *b, void *fdt)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";
    uint32_t base = arm_has(b->cpu, ARM_FEAT_AARCH64) ? 0xc4000000 : 0x84000000;

    fdt_begin_node(fdt, "psci");
    fdt_property_u32(fdt, "migrate", base + 5);
    fdt_property_u32(fdt, "cpu_on", base + 3);
    fdt_property_u32(fdt, "cpu_off", 0x84000002);
    fdt_property_u32(fdt, "cpu_suspend", base + 1);
    fdt_property_string(fdt, "method", b->conduit == ARM_CONDUIT_SMC ? "smc" : "hvc");
    fdt_property(fdt, "compatible", compatible, sizeof(compatible));
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

static void fdt_fw_cfg(VirtBoard *b, void *fdt)
{
    const FdtNode n = {.fdt = fdt, .addr = VIRT_FW_CFG, .size = 0x18, .numa_node = -1};

    b->fw_cfg->cls->fdt(b->fw_cfg, &n);
}

static FdtNode fdt_spi_node(const VirtBoard *b, void *fdt, hwaddr addr, hwaddr size,
                            const uint32_t *irq)
{
    return (FdtNode){
        .fdt = fdt,
        .addr = addr,
        .size = size,
        .irq_parent = b->gic_phandle,
        .irq_inherit = true,
        .irqs = irq,
        .n_irqs = 1,
        .irq_cells = 3,
        .irq_type = 4, /* level, high */
        .clock = b->clock_phandle,
        .numa_node = -1,
    };
}

static void fdt_virtio(VirtBoard *b, void *fdt)
{
    for (unsigned i = 0; i < b->n_mmio; i++) {
        uint32_t irq = VIRT_MMIO_IRQ + i;
        FdtNode n = fdt_spi_node(b, fdt, VIRT_MMIO + i * VIRT_MMIO_SIZE, VIRT_MMIO_SIZE, &irq);

        n.irq_type = 1; /* rising edge */
        n.dma_coherent = true;
        b->mmio[i]->cls->fdt(b->mmio[i], &n);
    }
}

/* KEY_POWER is 116. */
static void fdt_power_key(VirtBoard *b, void *fdt)
{
    const uint32_t gpios[] = {b->gpio_phandle, VIRT_POWER_KEY, 0};

    fdt_begin_node(fdt, "gpio-keys");
    fdt_property_string(fdt, "compatible", "gpio-keys");
    fdt_begin_node(fdt, "poweroff");
    fdt_cells(fdt, "gpios", gpios, G_N_ELEMENTS(gpios));
    fdt_property_u32(fdt, "linux,code", 116);
    fdt_property_string(fdt, "label", "GPIO Key Poweroff");
    fdt_end_node(fdt);
    fdt_end_node(fdt);
}

/* A node that says which line of the secure GPIO does what. */
static void fdt_secure_line(VirtBoard *b, void *fdt, const char *name, uint32_t line)
{
    const uint32_t gpios[] = {b->secure_gpio_phandle, line, 0};

    fdt_begin_node(fdt, name);
    fdt_property_string(fdt, "secure-status", "okay");
    fdt_property_string(fdt, "status", "disabled");
    fdt_cells(fdt, "gpios", gpios, G_N_ELEMENTS(gpios));
    fdt_property_string(fdt, "compatible", name);
    fdt_end_node(fdt);
}

static void fdt_secure_places(VirtBoard *b, void *fdt)
{
    const uint32_t uart_irq = VIRT_SECURE_UART_IRQ, gpio_irq = VIRT_SECURE_GPIO_IRQ;
    FdtNode uart = fdt_spi_node(b, fdt, VIRT_SECURE_UART, 0x1000, &uart_irq),
            gpio = fdt_spi_node(b, fdt, VIRT_SECURE_GPIO, 0x1000, &gpio_irq);

    fdt_secure_line(b, fdt, "gpio-restart", 1);
    fdt_secure_line(b, fdt, "gpio-poweroff", 0);
    uart.secure_only = gpio.secure_only = true;
    gpio.phandle = b->secure_gpio_phandle;
    b->secure_gpio->cls->fdt(b->secure_gpio, &gpio);
    b->secure_uart->cls->fdt(b->secure_uart, &uart);
}

static void fdt_places(VirtBoard *b, void *fdt)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        const VirtPlace *p = &places[i];
        FdtNode n = fdt_spi_node(b, fdt, p->addr, 0x1000, &p->irq);

        n.phandle = p->addr == VIRT_GPIO ? b->gpio_phandle : 0;
        b->placed[i]->cls->fdt(b->placed[i], &n);
    }
}

/* The type cell of a private interrupt: GICv2 wants the CPUs in it. */
static uint32_t ppi_type(const VirtBoard *b)
{
    return 4 | (b->gic == GIC_V2 ? ((1u << b->m->smp.cpus) - 1) << 8 : 0);
}

static void fdt_pmu(VirtBoard *b, void *fdt)
{
    const uint32_t irq[] = {1, PPI_PMU, ppi_type(b)};

    if (!arm_has(b->cpu, ARM_FEAT_PMU)) {
        return;
    }
    fdt_begin_node(fdt, "pmu");
    if (arm_has(b->cpu, ARM_FEAT_V8)) {
        fdt_cells(fdt, "interrupts", irq, G_N_ELEMENTS(irq));
        fdt_property_string(fdt, "compatible", "arm,armv8-pmuv3");
    }
    fdt_end_node(fdt);
}

/* The nodes of the GIC and, inside it, of what takes MSIs. */
static void fdt_gic(VirtBoard *b, void *fdt)
{
    static const hwaddr v2[] = {VIRT_GIC_DIST, 0x10000, VIRT_GIC_CPU,  0x10000,
                                VIRT_GIC_HYP,  0x10000, VIRT_GIC_VCPU, 0x10000};
    static const hwaddr v3[] = {VIRT_GIC_DIST,    0x10000,   VIRT_GIC_REDIST,
                                VIRT_REDIST_SIZE, VIRT_HIGH, VIRT_HIGH_REDIST_SIZE};
    const FdtNode n = {.fdt = fdt, .addr = VIRT_GIC_DIST, .numa_node = -1};
    const uint32_t maintenance[] = {1, PPI_MAINTENANCE, 4};
    bool is_v2 = b->gic == GIC_V2;
    unsigned regions = b->m->smp.cpus > VIRT_LOW_REDISTS ? 2 : 1;
    unsigned cells = is_v2 ? b->virtualization ? 8 : 4 : 2 + 2 * regions;
    fdt64_t reg[8];

    for (unsigned i = 0; i < cells; i++) {
        reg[i] = cpu_to_fdt64(is_v2 ? v2[i] : v3[i]);
    }
    fdt_node_begin(&n, "intc");
    fdt_property_u32(fdt, "phandle", b->gic_phandle);
    if (b->virtualization) {
        fdt_cells(fdt, "interrupts", maintenance, G_N_ELEMENTS(maintenance));
    }
    fdt_property(fdt, "reg", reg, cells * sizeof(reg[0]));
    if (!is_v2) {
        fdt_property_u32(fdt, "#redistributor-regions", regions);
    }
    fdt_property_string(fdt, "compatible", is_v2 ? "arm,cortex-a15-gic" : "arm,gic-v3");
    fdt_property(fdt, "ranges", NULL, 0);
    fdt_property_u32(fdt, "#size-cells", 2);
    fdt_property_u32(fdt, "#address-cells", 2);
    fdt_property(fdt, "interrupt-controller", NULL, 0);
    fdt_property_u32(fdt, "#interrupt-cells", 3);
    if (b->msi != MSI_OFF) {
        bool its = b->msi == MSI_ITS;
        FdtNode at = {.fdt = fdt,
                      .addr = its ? VIRT_GIC_ITS : VIRT_GIC_V2M,
                      .size = its ? 0x20000 : 0x1000,
                      .numa_node = -1};

        fdt_node_begin(&at, its ? "its" : "v2m");
        fdt_property_u32(fdt, "phandle", b->msi_phandle);
        fdt_node_reg(&at);
        if (its) {
            fdt_property_u32(fdt, "#msi-cells", 1);
        }
        fdt_property(fdt, "msi-controller", NULL, 0);
        fdt_property_string(fdt, "compatible", its ? "arm,gic-v3-its" : "arm,gic-v2m-frame");
        fdt_end_node(fdt);
    }
    fdt_end_node(fdt);
}

static void fdt_pci(VirtBoard *b, void *fdt)
{
    const uint32_t irqs[] = {VIRT_PCI_IRQ, VIRT_PCI_IRQ + 1, VIRT_PCI_IRQ + 2, VIRT_PCI_IRQ + 3};
    FdtNode n = fdt_spi_node(b, fdt, 0, 0, irqs);

    n.n_irqs = G_N_ELEMENTS(irqs);
    n.dma_coherent = true;
    gpex_write_fdt(b->pci, &n,
                   &(GpexFdt){.node_name = "pcie",
                              .node_addr = VIRT_PCI_MMIO,
                              .parent_address_cells = 2,
                              .gic_spi = true,
                              .msi_map = b->msi_phandle});
}

static void fdt_timer(VirtBoard *b, void *fdt)
{
    static const char v8[] = "arm,armv8-timer\0arm,armv7-timer";
    static const uint32_t ppis[] = {PPI_TIMER_SECURE, PPI_TIMER_PHYS, PPI_TIMER_VIRT, PPI_TIMER_HYP,
                                    PPI_TIMER_HYP_VIRT};
    unsigned n = arm_has(b->cpu, ARM_FEAT_VHE) && arm_has(b->cpu, ARM_FEAT_EL2) ? 5 : 4;
    uint32_t cells[15];

    for (unsigned i = 0; i < n; i++) {
        cells[3 * i] = 1;
        cells[3 * i + 1] = ppis[i];
        cells[3 * i + 2] = ppi_type(b);
    }
    fdt_begin_node(fdt, "timer");
    fdt_cells(fdt, "interrupts", cells, 3 * n);
    fdt_property(fdt, "always-on", NULL, 0);
    if (arm_has(b->cpu, ARM_FEAT_V8)) {
        fdt_property(fdt, "compatible", v8, sizeof(v8));
    } else {
        fdt_property_string(fdt, "compatible", "arm,armv7-timer");
    }
    fdt_end_node(fdt);
}

static void fdt_cpu_map(VirtBoard *b, void *fdt)
{
    const SmpConfig *smp = &b->m->smp;
    unsigned i = 0;
    char name[32];

    fdt_begin_node(fdt, "cpu-map");
    for (unsigned s = 0; i < smp->cpus; s++) {
        g_snprintf(name, sizeof(name), "socket%u", s);
        fdt_begin_node(fdt, name);
        for (unsigned c = 0; c < smp->clusters && i < smp->cpus; c++) {
            g_snprintf(name, sizeof(name), "cluster%u", c);
            fdt_begin_node(fdt, name);
            for (unsigned k = 0; k < smp->cores && i < smp->cpus; k++) {
                g_snprintf(name, sizeof(name), "core%u", k);
                fdt_begin_node(fdt, name);
                for (unsigned t = 0; t < smp->threads && i < smp->cpus; t++, i++) {
                    if (smp->threads > 1) {
                        g_snprintf(name, sizeof(name), "thread%u", t);
                        fdt_begin_node(fdt, name);
                    }
                    fdt_property_u32(fdt, "cpu", b->cpu_phandle[i]);
                    if (smp->threads > 1) {
                        fdt_end_node(fdt);
                    }
                }
                fdt_end_node(fdt);
            }
            fdt_end_node(fdt);
        }
        fdt_end_node(fdt);
    }
    fdt_end_node(fdt);
}

/* Sets, size and line of a level 1 cache from CCSIDR in its 32-bit format (DDI 0487, D24.2.26). */
static void fdt_cache(VirtBoard *b, void *fdt, const char *kind, uint32_t ccsidr)
{
    uint32_t line = 16u << (ccsidr & 7), ways = (ccsidr >> 3 & 0x3ff) + 1,
             sets = (ccsidr >> 13 & 0x7fff) + 1;
    char name[32];

    g_snprintf(name, sizeof(name), "%s-cache-sets", kind);
    fdt_property_u32(fdt, name, sets);
    g_snprintf(name, sizeof(name), "%s-cache-size", kind);
    fdt_property_u32(fdt, name, sets * ways * line);
    g_snprintf(name, sizeof(name), "%s-cache-block-size", kind);
    fdt_property_u32(fdt, name, line);
}

static void fdt_cpus(VirtBoard *b, void *fdt)
{
    unsigned n = b->m->smp.cpus;
    char name[32];

    fdt_begin_node(fdt, "cpus");
    fdt_property_u32(fdt, "#size-cells", 0);
    fdt_property_u32(fdt, "#address-cells", 1);
    fdt_cpu_map(b, fdt);
    for (unsigned i = 0; i < n; i++) {
        g_snprintf(name, sizeof(name), "cpu@%" PRIx64, virt_cpu_affinity(b, i));
        fdt_begin_node(fdt, name);
        if (b->cpu->ccsidr[1]) {
            fdt_cache(b, fdt, "i", b->cpu->ccsidr[1]);
        }
        if (b->cpu->ccsidr[0]) {
            fdt_cache(b, fdt, "d", b->cpu->ccsidr[0]);
        }
        fdt_property_u32(fdt, "phandle", b->cpu_phandle[i]);
        fdt_property_u32(fdt, "reg", virt_cpu_affinity(b, i));
        if (b->conduit != ARM_CONDUIT_NONE && n > 1) {
            fdt_property_string(fdt, "enable-method", "psci");
        }
        fdt_property_string(fdt, "compatible",
                            b->cpu->dt_compatible ? b->cpu->dt_compatible : "arm,armv8");
        fdt_property_string(fdt, "device_type", "cpu");
        fdt_end_node(fdt);
    }
    fdt_end_node(fdt);
}

static void fdt_clock(VirtBoard *b, void *fdt)
{
    fdt_begin_node(fdt, "apb-pclk");
    fdt_property_u32(fdt, "phandle", b->clock_phandle);
    fdt_property_string(fdt, "clock-output-names", "clk24mhz");
    fdt_property_u32(fdt, "clock-frequency", 24000000);
    fdt_property_u32(fdt, "#clock-cells", 0);
    fdt_property_string(fdt, "compatible", "fixed-clock");
    fdt_end_node(fdt);
}

static void fdt_platform_bus(VirtBoard *b, void *fdt)
{
    static const char compatible[] = "qemu,platform\0simple-bus";
    const FdtNode n = {.fdt = fdt, .addr = VIRT_PLATFORM, .numa_node = -1};
    const uint32_t ranges[] = {0, 0, VIRT_PLATFORM, 0x2000000};

    fdt_node_begin(&n, "platform-bus");
    fdt_property_u32(fdt, "interrupt-parent", b->gic_phandle);
    fdt_cells(fdt, "ranges", ranges, G_N_ELEMENTS(ranges));
    fdt_property_u32(fdt, "#address-cells", 1);
    fdt_property_u32(fdt, "#size-cells", 1);
    fdt_property(fdt, "compatible", compatible, sizeof(compatible));
    fdt_end_node(fdt);
}

static void fdt_secure_ram(void *fdt)
{
    const FdtNode n = {.fdt = fdt,
                       .addr = VIRT_SECURE_RAM,
                       .size = VIRT_SECURE_SIZE,
                       .secure_only = true,
                       .numa_node = -1};

    fdt_node_begin(&n, "secram");
    fdt_node_reg(&n);
    fdt_property_string(fdt, "device_type", "memory");
    fdt_end_node(fdt);
}

static void fdt_chosen(VirtBoard *b, void *fdt)
{
    g_autofree char *uart = g_strdup_printf("/pl011@%x", VIRT_UART);
    g_autofree char *secure_uart = g_strdup_printf("/pl011@%x", VIRT_SECURE_UART);

    fdt_begin_node(fdt, "aliases");
    if (b->secure) {
        fdt_property_string(fdt, "serial1", secure_uart);
    }
    fdt_property_string(fdt, "serial0", uart);
    fdt_end_node(fdt);
    if (b->secure) {
        fdt_begin_node(fdt, "secure-chosen");
        fdt_property_string(fdt, "stdout-path", secure_uart);
        fdt_end_node(fdt);
    }
    fdt_begin_node(fdt, "chosen");
    fdt_property_string(fdt, "stdout-path", uart);
    if (b->dtb_randomness) {
        board_fdt_random(b->m, fdt, "rng-seed", 8);
        board_fdt_random(b->m, fdt, "kaslr-seed", 2);
    }
    fdt_end_node(fdt);
}

/* The numbers that the reference gives. */
static void phandles_assign(VirtBoard *b)
{
    b->next_phandle = 0x8000;
    b->clock_phandle = b->next_phandle++;
    for (unsigned i = b->m->smp.cpus; i-- > 0;) {
        b->cpu_phandle[i] = b->next_phandle++;
    }
    b->gic_phandle = b->next_phandle++;
    b->msi_phandle = b->msi == MSI_OFF ? 0 : b->next_phandle++;
    b->gpio_phandle = b->next_phandle++;
    b->secure_gpio_phandle = b->secure ? b->next_phandle++ : 0;
}

/* The board's tree, in a buffer with `room` bytes to spare; g_free() it. */
static void *fdt_build(VirtBoard *b, size_t room, GError **err)
{
    size_t size = 65536 + (size_t)b->m->smp.cpus * 1024 + room;
    void *fdt = g_malloc(size);

    phandles_assign(b);
    fdt_create(fdt, size);
    fdt_finish_reservemap(fdt);
    fdt_root_begin(b, fdt);
    if (b->conduit != ARM_CONDUIT_NONE) {
        fdt_psci(b, fdt);
    }
    fdt_memory(b, fdt);
    fdt_platform_bus(b, fdt);
    fdt_fw_cfg(b, fdt);
    fdt_virtio(b, fdt);
    fdt_power_key(b, fdt);
    if (b->secure) {
        fdt_secure_places(b, fdt);
    }
    fdt_places(b, fdt);
    fdt_pci(b, fdt);
    if (b->secure) {
        fdt_secure_ram(fdt);
    }
    fdt_pmu(b, fdt);
    fdt_gic(b, fdt);
    if (b->secure) {
        board_fdt_flash(fdt, "flash", VIRT_FLASH + VIRT_FLASH_SIZE, VIRT_FLASH_SIZE, 1, false);
        board_fdt_flash(fdt, "secflash", VIRT_FLASH, VIRT_FLASH_SIZE, 1, true);
    } else {
        board_fdt_flash(fdt, "flash", VIRT_FLASH, VIRT_FLASH_SIZE, 2, false);
    }
    fdt_cpus(b, fdt);
    fdt_timer(b, fdt);
    fdt_clock(b, fdt);
    fdt_chosen(b, fdt);
    fdt_end_node(fdt);
    return board_fdt_finish(fdt, size, err);
}

static bool virt_finish(Machine *m, GError **err)
{
    VirtBoard *b = virt_board(m);
    size_t room = 1024 + (m->append ? strlen(m->append) : 0);
    bool has_flash = b->boot.has_flash;
    /* Names by which guests tell what they run on; the family is "other". */
    static const SmbiosBoard smbios = {.product = "QEMU Virtual Machine",
                                       .version = "virt-11.1",
                                       .processor_family = 1,
                                       .ram_base = VIRT_RAM};

    b->boot = (ARMBoot){
        .m = m,
        .cpu = b->cpu,
        .ram_base = VIRT_RAM,
        .ram_size = m->ram_size,
        .rom_base = VIRT_FLASH,
        .rom_size = VIRT_FLASH_SIZE,
        .has_flash = has_flash,
    };
    if (!arm_boot_load(&b->boot, err)) {
        return false;
    }
    conduit_choose(b);
    if ((b->boot.has_firmware && !board_fw_cfg_add_kernel(m, b->fw_cfg, err)) ||
        (b->acpi != ONOFFAUTO_OFF && !virt_acpi_add(b, err)) ||
        !smbios_add(m, b->fw_cfg, &smbios, err)) {
        return false;
    }
    g_autofree void *fdt = m->dtb ? board_fdt_load(m, room, err) : fdt_build(b, room, err);
    if (!fdt || (b->boot.has_kernel &&
                 !board_fdt_chosen(m, fdt, b->boot.initrd_start, b->boot.initrd_end, err))) {
        return false;
    }
    fdt_pack(fdt);
    if (m->dumpdtb) {
        board_dump_fdt(m, fdt, err);
        return false;
    }
    return arm_boot_finish(&b->boot, b->cpus, m->smp.cpus, fdt, fdt_totalsize(fdt), err);
}

static const MachineDesc arm_virt_machine = {
    .name = "virt",
    .arch = "arm",
    .help = "Arm virtual machine",
    .default_cpu = "cortex-a15",
    .max_cpus = VIRT_MAX_CPUS,
    .default_ram = UINT64_C(128) << 20,
    .has_smbios = true,
    .default_nic = "virtio-net-pci",
    .init = virt_init,
    .finish = virt_finish,
    .props = virt_props,
    .set_prop = virt_set_prop,
};
RHEA_MACHINE(arm_virt_machine);

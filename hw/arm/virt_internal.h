/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The Arm board "virt": what the board and the descriptions of it for firmware have in common.
 *
 * Interrupt numbers are those of SPIs (0 is INTID 32) and PPIs (0 is INTID 16).
 */
#ifndef HW_ARM_VIRT_INTERNAL_H
#define HW_ARM_VIRT_INTERNAL_H

#include "hw/arm/boot.h"
#include "hw/device.h"
#include "softmmu/machine.h"
#include "target/arm.h"

#define VIRT_MAX_CPUS         512
#define VIRT_FLASH            0
#define VIRT_FLASH_SIZE       0x4000000 /* of each of the two */
#define VIRT_GIC_DIST         0x8000000
#define VIRT_GIC_CPU          0x8010000 /* GICv2 */
#define VIRT_GIC_HYP          0x8030000 /* GICv2 */
#define VIRT_GIC_VCPU         0x8040000 /* GICv2 */
#define VIRT_GIC_ITS          0x8080000 /* GICv3 */
#define VIRT_GIC_REDIST       0x80a0000 /* GICv3 */
#define VIRT_REDIST_SIZE      0xf60000
#define VIRT_REDIST_CPU       0x20000
#define VIRT_GIC_V2M          0x8020000
#define VIRT_UART             0x9000000
#define VIRT_RTC              0x9010000
#define VIRT_FW_CFG           0x9020000
#define VIRT_GPIO             0x9030000
#define VIRT_SECURE_UART      0x9040000
#define VIRT_SECURE_GPIO      0x90b0000
#define VIRT_UART_IRQ         1
#define VIRT_RTC_IRQ          2
#define VIRT_GPIO_IRQ         7
#define VIRT_MMIO             0xa000000
#define VIRT_MMIO_SIZE        0x200 /* of each transport */
#define VIRT_MMIO_IRQ         16
#define VIRT_MMIO_MAX         32
#define VIRT_PLATFORM         0xc000000
#define VIRT_SECURE_RAM       0xe000000
#define VIRT_SECURE_SIZE      0x1000000
#define VIRT_PCI_MMIO         0x10000000
#define VIRT_PCI_MMIO_SIZE    0x2eff0000
#define VIRT_PCI_PIO          0x3eff0000
#define VIRT_PCI_PIO_SIZE     0x10000
#define VIRT_PCI_IRQ          3 /* and the next three */
#define VIRT_ECAM             0x3f000000
#define VIRT_ECAM_SIZE        0x1000000
#define VIRT_RAM              UINT64_C(0x40000000)
#define VIRT_SECURE_SPACE     (UINT64_C(1) << 56)    /* above all physical addresses */
#define VIRT_HIGH             UINT64_C(0x4000000000) /* behind the most RAM there can be */
#define VIRT_HIGH_REDIST_SIZE 0x4000000
#define VIRT_HIGH_ECAM        UINT64_C(0x4010000000)
#define VIRT_HIGH_ECAM_SIZE   0x10000000
#define VIRT_HIGH_MMIO        UINT64_C(0x8000000000)
#define VIRT_HIGH_MMIO_SIZE   UINT64_C(0x8000000000)
#define VIRT_IRQS             288 /* 256 SPIs */
#define VIRT_V2M_SPI          48
#define VIRT_V2M_SPIS         64
#define VIRT_SECURE_UART_IRQ  8
#define VIRT_SECURE_GPIO_IRQ  0
#define VIRT_POWER_KEY        3 /* line of the PL061 */
#define VIRT_PLACES           3 /* devices with a place of their own */
#define GIB                   (UINT64_C(1) << 30)

/* Private interrupts, PPI numbers (0 is INTID 16). */
enum {
    PPI_MAINTENANCE = 9,
    PPI_PMU = 7,
    PPI_TIMER_HYP = 10,
    PPI_TIMER_VIRT = 11,
    PPI_TIMER_HYP_VIRT = 12,
    PPI_TIMER_SECURE = 13,
    PPI_TIMER_PHYS = 14,
};

typedef enum { GIC_NONE, GIC_V2, GIC_V3, GIC_V4, GIC_HOST, GIC_MAX } GicVersion;
typedef enum { MSI_AUTO, MSI_GICV2M, MSI_ITS, MSI_OFF } MsiKind;

typedef struct VirtBoard {
    Machine *m;
    ARMConfig *cpu;
    /* Properties. */
    bool secure, virtualization, its, highmem, highmem_ecam, highmem_mmio, highmem_redists;
    bool compact_highmem, mte, ras, dtb_randomness, bypass_iommu;
    int acpi, gic, msi, iommu;
    uint8_t n_mmio;
    char *pflash[2];
    char *dt_compatible, *oem_id, *oem_table_id;

    MemRegion root, ram, secure_ram;
    /* With secure=on. What the secure world sees: its own devices over the others. What a CPU sees:
     * the non-secure addresses, and the secure ones from VIRT_SECURE_SPACE on. */
    MemRegion secure_root, secure_all, cpu_root, cpu_all, cpu_secure;
    AddressSpace *cpu_as;
    CPU **cpus;
    unsigned cluster; /* CPUs in an Aff0 group */
    uint32_t *cpu_phandle;
    IrqLine (*ppi)[ARM_OUT_COUNT]; /* inputs of the GIC for the outputs of each CPU */
    Device *gic_dev, *msi_dev, *fw_cfg, *power_key, *pci;
    Device *flash[2];
    Device *placed[VIRT_PLACES];
    Device *secure_uart, *secure_gpio;
    Device *mmio[VIRT_MMIO_MAX];
    ARMConduit conduit;
    ARMPsciOps psci;
    ARMBoot boot;
    uint32_t next_phandle, gic_phandle, msi_phandle, clock_phandle, gpio_phandle,
        secure_gpio_phandle;
} VirtBoard;

/* The affinity fields of a CPU's MPIDR. */
static inline uint64_t virt_cpu_affinity(const VirtBoard *b, unsigned i)
{
    return (uint64_t)(i / b->cluster) << 8 | i % b->cluster;
}

/* The redistributors that are not behind the RAM. */
#define VIRT_LOW_REDISTS (VIRT_REDIST_SIZE / VIRT_REDIST_CPU)

/* The configuration space and the windows of the PCI host. */
typedef struct VirtPci {
    hwaddr ecam_base, ecam_size;
    bool high_mmio;
} VirtPci;

VirtPci virt_pci(const VirtBoard *b);

/* hw/arm/virt_acpi.c: the tables, as items of fw_cfg. */
bool virt_acpi_add(const VirtBoard *b, GError **err);

#endif

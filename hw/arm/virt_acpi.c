/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The Arm board "virt" in ACPI tables, for firmware that finds them through fw_cfg.
 *
 * Specifications: ACPI 6.4 (FADT 5.2.9, MADT 5.2.12, GTDT 5.2.25, PPTT 5.2.30; hardware-reduced
 * ACPI 4.1), Arm DEN 0093 (what a server base boot needs of them), Arm DEN 0049 (IORT), PCI
 * Firmware Specification 3.3 (MCFG 4.1.2, _OSC 4.5.1), Microsoft's SPCR and DBG2. The identifiers
 * QEMU0002 (fw_cfg) and LNRO0005 (virtio-mmio) are those that Linux's drivers know.
 *
 * The interrupts of ACPI are numbered as the GIC's: SPIs from 32, PPIs from 16.
 *
 * Main thread. Test: tests/boot/arm.py
 */
#include "hw/acpi.h"
#include "hw/arm/virt_internal.h"

#define SPI(n) (32 + (n))
#define PPI(n) (16 + (n))

/* ---- DSDT ---- */

static void resources_mmio_irq(Aml *a, uint32_t addr, uint32_t size, uint32_t gsi)
{
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_memory32_fixed(a, addr, size);
    aml_interrupt(a, gsi);
    aml_end(a);
}

static void dsdt_cpus(const VirtBoard *b, Aml *a)
{
    for (unsigned i = 0; i < b->m->smp.cpus; i++) {
        char name[8];

        g_snprintf(name, sizeof(name), "C%03X", i);
        aml_device_begin(a, name);
        aml_name_string(a, "_HID", "ACPI0007");
        aml_name_int(a, "_UID", i);
        aml_end(a);
    }
}

static void dsdt_uart(Aml *a)
{
    aml_device_begin(a, "COM0");
    aml_name_string(a, "_HID", "ARMH0011");
    aml_name_int(a, "_UID", 0);
    resources_mmio_irq(a, VIRT_UART, 0x1000, SPI(VIRT_UART_IRQ));
    aml_end(a);
}

/* Present, functioning, not shown: it is the firmware's. */
static void dsdt_fw_cfg(Aml *a)
{
    aml_device_begin(a, "FWCF");
    aml_name_string(a, "_HID", "QEMU0002");
    aml_name_int(a, "_STA", 0xb);
    aml_name_int(a, "_CCA", 1);
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_memory32_fixed(a, VIRT_FW_CFG, 0x18);
    aml_end(a);
    aml_end(a);
}

static void dsdt_virtio(const VirtBoard *b, Aml *a)
{
    for (unsigned i = 0; i < b->n_mmio; i++) {
        char name[8];

        g_snprintf(name, sizeof(name), "VR%02u", i);
        aml_device_begin(a, name);
        aml_name_string(a, "_HID", "LNRO0005");
        aml_name_int(a, "_UID", i);
        aml_name_int(a, "_CCA", 1);
        resources_mmio_irq(a, VIRT_MMIO + i * VIRT_MMIO_SIZE, VIRT_MMIO_SIZE,
                           SPI(VIRT_MMIO_IRQ + i));
        aml_end(a);
    }
}

/* The four interrupts of the PCI host as link devices: they cannot be set to anything else. */
static void dsdt_pci_links(Aml *a)
{
    for (unsigned i = 0; i < 4; i++) {
        char name[8];

        g_snprintf(name, sizeof(name), "L%03u", i);
        aml_device_begin(a, name);
        aml_name(a, "_HID");
        aml_eisaid(a, "PNP0C0F");
        aml_name_int(a, "_UID", i);
        for (unsigned set = 0; set < 2; set++) {
            aml_name(a, set ? "_CRS" : "_PRS");
            aml_resources_begin(a);
            aml_interrupt(a, SPI(VIRT_PCI_IRQ + i));
            aml_end(a);
        }
        aml_method_begin(a, "_SRS", 1, false);
        aml_end(a);
        aml_end(a);
    }
}

/* Pin p of slot s goes to interrupt s + p. */
static void dsdt_pci_routes(Aml *a)
{
    aml_name(a, "_PRT");
    aml_package_begin(a, 32 * 4);
    for (unsigned i = 0; i < 32 * 4; i++) {
        char link[8];

        g_snprintf(link, sizeof(link), "L%03u", (i / 4 + i % 4) % 4);
        aml_package_begin(a, 4);
        aml_int(a, (uint64_t)(i / 4) << 16 | 0xffff);
        aml_int(a, i % 4);
        aml_path(a, link);
        aml_int(a, 0);
        aml_end(a);
    }
    aml_end(a);
}

static void dsdt_pci_windows(const VirtPci *pci, Aml *a)
{
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_window(a, AML_RANGE_BUS, 16, 0, pci->ecam_size >> 20, 0);
    aml_window(a, AML_RANGE_MEMORY, 32, VIRT_PCI_MMIO, VIRT_PCI_MMIO_SIZE, 0);
    aml_window(a, AML_RANGE_IO, 32, 0, VIRT_PCI_PIO_SIZE, VIRT_PCI_PIO);
    if (pci->high_mmio) {
        aml_window(a, AML_RANGE_MEMORY, 64, VIRT_HIGH_MMIO, VIRT_HIGH_MMIO_SIZE, 0);
    }
    aml_end(a);
}

/* An error or "was changed" bit into the first word of what _OSC returns (ACPI 6.2.11). */
static void osc_flag(Aml *a, unsigned bit)
{
    aml_op(a, AML_OR);
    aml_path(a, "CDW1");
    aml_int(a, bit);
    aml_path(a, "CDW1");
}

/*
 * Everything that the operating system can control natively is its own: hot plug of PCI Express and
 * of the standard controller, PME, AER, the capability structure. No firmware uses them.
 */
static void dsdt_pci_osc(Aml *a)
{
    static const char *const word[] = {"CDW1", "CDW2", "CDW3"};

    aml_method_begin(a, "_OSC", 4, false);
    aml_op(a, AML_CREATE_DWORD_FIELD);
    aml_op(a, AML_ARG3);
    aml_int(a, 0);
    aml_path(a, word[0]);
    aml_if_begin(a);
    aml_op(a, AML_EQUAL);
    aml_op(a, AML_ARG0);
    aml_uuid(a, "33db4d5b-1ff7-401c-9657-7441c03dd766");
    for (unsigned i = 1; i < 3; i++) {
        aml_op(a, AML_CREATE_DWORD_FIELD);
        aml_op(a, AML_ARG3);
        aml_int(a, 4 * i);
        aml_path(a, word[i]);
    }
    aml_op(a, AML_AND); /* Local0 = CDW3 & 0x1f */
    aml_path(a, word[2]);
    aml_int(a, 0x1f);
    aml_op(a, AML_LOCAL0);
    aml_if_begin(a); /* revision */
    aml_op(a, AML_NOT);
    aml_op(a, AML_EQUAL);
    aml_op(a, AML_ARG1);
    aml_int(a, 1);
    osc_flag(a, 1 << 3);
    aml_end(a);
    aml_if_begin(a); /* asked for more */
    aml_op(a, AML_NOT);
    aml_op(a, AML_EQUAL);
    aml_path(a, word[2]);
    aml_op(a, AML_LOCAL0);
    osc_flag(a, 1 << 4);
    aml_end(a);
    aml_op(a, AML_STORE);
    aml_op(a, AML_LOCAL0);
    aml_path(a, word[2]);
    aml_end(a);
    aml_else_begin(a); /* not this interface */
    osc_flag(a, 1 << 2);
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_op(a, AML_ARG3);
    aml_end(a);
}

static void dsdt_pci(const VirtBoard *b, Aml *a)
{
    VirtPci pci = virt_pci(b);

    dsdt_pci_links(a);
    aml_device_begin(a, "PCI0");
    aml_name_string(a, "_HID", "PNP0A08");
    aml_name_string(a, "_CID", "PNP0A03");
    aml_name_int(a, "_SEG", 0);
    aml_name_int(a, "_BBN", 0);
    aml_name_int(a, "_UID", 0);
    aml_name(a, "_STR");
    aml_unicode(a, "PCIe 0 Device");
    aml_name_int(a, "_CCA", 1);
    dsdt_pci_routes(a);
    aml_method_begin(a, "_CBA", 0, false);
    aml_op(a, AML_RETURN);
    aml_int(a, pci.ecam_base);
    aml_end(a);
    dsdt_pci_windows(&pci, a);
    dsdt_pci_osc(a);

    /* The configuration space belongs to this board device (PCI Firmware 3.3, 4.1.2, note 2). */
    aml_device_begin(a, "RES0");
    aml_name_string(a, "_HID", "PNP0C02");
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_window(a, AML_RANGE_MEMORY, 64, pci.ecam_base, pci.ecam_size, 0);
    aml_end(a);
    aml_end(a);
    aml_end(a);
}

/* The power button is a line of the GPIO controller; its edge runs _Exx of its number (5.6.5.3). */
static void dsdt_power_button(Aml *a)
{
    char method[8];

    aml_device_begin(a, "GPO0");
    aml_name_string(a, "_HID", "ARMH0061");
    aml_name_int(a, "_UID", 0);
    resources_mmio_irq(a, VIRT_GPIO, 0x1000, SPI(VIRT_GPIO_IRQ));
    aml_name(a, "_AEI");
    aml_resources_begin(a);
    aml_gpio_interrupt(a, "GPO0", VIRT_POWER_KEY);
    aml_end(a);
    g_snprintf(method, sizeof(method), "_E%02X", VIRT_POWER_KEY);
    aml_method_begin(a, method, 0, false);
    aml_op(a, AML_NOTIFY);
    aml_path(a, "PWRB");
    aml_int(a, 0x80);
    aml_end(a);
    aml_end(a);

    aml_device_begin(a, "PWRB");
    aml_name_string(a, "_HID", "PNP0C0C");
    aml_name_int(a, "_UID", 0);
    aml_end(a);
}

static unsigned dsdt(const VirtBoard *b, AcpiTables *t)
{
    Aml *a = aml_new();

    aml_scope_begin(a, "\\_SB");
    dsdt_cpus(b, a);
    dsdt_uart(a);
    dsdt_fw_cfg(a);
    dsdt_virtio(b, a);
    dsdt_pci(b, a);
    dsdt_power_button(a);
    aml_end(a);
    return acpi_dsdt(t, a);
}

/* ---- FADT: no fixed hardware; power and CPUs by PSCI ---- */

static unsigned fadt(const VirtBoard *b, AcpiTables *t, unsigned dsdt_at)
{
    static const uint16_t psci[] = {
        [ARM_CONDUIT_NONE] = 0, [ARM_CONDUIT_SMC] = 1 << 0, [ARM_CONDUIT_HVC] = 1 << 0 | 1 << 1};
    unsigned at = acpi_table_begin(t, "FACP", 6);

    acpi_zero(t, 112 - 36);
    acpi_put(t, 1 << 20, 4); /* HW_REDUCED_ACPI */
    acpi_zero(t, 129 - 116);
    acpi_put(t, psci[b->conduit], 2);
    acpi_put(t, 3, 1); /* minor version */
    acpi_zero(t, 8);   /* X_FIRMWARE_CTRL */
    acpi_pointer(t, dsdt_at);
    acpi_zero(t, 268 - 148);
    acpi_put(t, 0x554d4551, 8); /* hypervisor: "QEMU" */
    acpi_table_end(t, at);
    return at;
}

/* ---- MADT: the GIC ---- */

static void madt_cpu(const VirtBoard *b, AcpiTables *t, unsigned i)
{
    bool v2 = b->gic == GIC_V2;

    acpi_put(t, 0xb, 1);
    acpi_put(t, 80, 1);
    acpi_zero(t, 2);
    acpi_put(t, i, 4); /* interface number */
    acpi_put(t, i, 4); /* UID */
    acpi_put(t, 1, 4); /* enabled; the interrupts below are levels */
    acpi_put(t, 0, 4); /* no parking protocol */
    acpi_put(t, arm_has(b->cpu, ARM_FEAT_PMU) ? PPI(PPI_PMU) : 0, 4);
    acpi_put(t, 0, 8);
    acpi_put(t, v2 ? VIRT_GIC_CPU : 0, 8);
    acpi_put(t, v2 ? VIRT_GIC_VCPU : 0, 8);
    acpi_put(t, v2 ? VIRT_GIC_HYP : 0, 8);
    acpi_put(t, b->virtualization ? PPI(PPI_MAINTENANCE) : 0, 4);
    acpi_put(t, 0, 8); /* the redistributors have structures of their own */
    acpi_put(t, virt_cpu_affinity(b, i), 8);
    acpi_zero(t, 4); /* efficiency class, reserved, SPE */
}

static void madt_redists(AcpiTables *t, uint64_t addr, uint32_t size)
{
    acpi_put(t, 0xe, 1);
    acpi_put(t, 16, 1);
    acpi_zero(t, 2);
    acpi_put(t, addr, 8);
    acpi_put(t, size, 4);
}

static void madt_msi(const VirtBoard *b, AcpiTables *t)
{
    if (b->msi == MSI_ITS) {
        acpi_put(t, 0xf, 1);
        acpi_put(t, 20, 1);
        acpi_zero(t, 2);
        acpi_put(t, 0, 4); /* identifier, for the IORT */
        acpi_put(t, VIRT_GIC_ITS, 8);
        acpi_zero(t, 4);
    } else if (b->msi == MSI_GICV2M) {
        acpi_put(t, 0xd, 1);
        acpi_put(t, 24, 1);
        acpi_zero(t, 2);
        acpi_put(t, 0, 4);
        acpi_put(t, VIRT_GIC_V2M, 8);
        acpi_put(t, 1, 4); /* the SPIs below, not those of its register */
        acpi_put(t, VIRT_V2M_SPIS, 2);
        acpi_put(t, SPI(VIRT_V2M_SPI), 2);
    }
}

static unsigned madt(const VirtBoard *b, AcpiTables *t)
{
    unsigned at = acpi_table_begin(t, "APIC", 4);

    acpi_zero(t, 8); /* no local APIC, no 8259 */
    acpi_put(t, 0xc, 1);
    acpi_put(t, 24, 1);
    acpi_zero(t, 2 + 4);
    acpi_put(t, VIRT_GIC_DIST, 8);
    acpi_put(t, 0, 4);
    acpi_put(t, b->gic == GIC_V2 ? 2 : 3, 1);
    acpi_zero(t, 3);
    for (unsigned i = 0; i < b->m->smp.cpus; i++) {
        madt_cpu(b, t, i);
    }
    if (b->gic != GIC_V2) {
        madt_redists(t, VIRT_GIC_REDIST, VIRT_REDIST_SIZE);
        if (b->m->smp.cpus > VIRT_LOW_REDISTS) {
            madt_redists(t, VIRT_HIGH, VIRT_HIGH_REDIST_SIZE);
        }
    }
    madt_msi(b, t);
    acpi_table_end(t, at);
    return at;
}

/* ---- PPTT: which CPUs share what ---- */

enum {
    PPTT_PACKAGE = 1 << 0,
    PPTT_UID = 1 << 1,
    PPTT_THREAD = 1 << 2,
    PPTT_LEAF = 1 << 3,
    PPTT_IDENTICAL = 1 << 4
};

/* A node under another (its offset in the table; 0: under none). Returns its own offset. */
static uint32_t pptt_node(AcpiTables *t, unsigned table, unsigned flags, uint32_t parent,
                          uint32_t id)
{
    uint32_t at = t->tables->len - table;

    acpi_put(t, 0, 1);
    acpi_put(t, 20, 1);
    acpi_zero(t, 2);
    acpi_put(t, flags, 4);
    acpi_put(t, parent, 4);
    acpi_put(t, id, 4);
    acpi_put(t, 0, 4); /* private resources */
    return at;
}

static unsigned pptt(const VirtBoard *b, AcpiTables *t)
{
    const SmpConfig *smp = &b->m->smp;
    unsigned table = acpi_table_begin(t, "PPTT", 2), i = 0;
    uint32_t root = pptt_node(t, table, PPTT_PACKAGE | PPTT_IDENTICAL, 0, 0);

    for (unsigned s = 0; i < smp->cpus; s++) {
        uint32_t socket = pptt_node(t, table, PPTT_PACKAGE | PPTT_IDENTICAL, root, s);

        for (unsigned c = 0; c < smp->clusters && i < smp->cpus; c++) {
            uint32_t cluster =
                smp->clusters > 1 ? pptt_node(t, table, PPTT_IDENTICAL, socket, c) : socket;

            for (unsigned k = 0; k < smp->cores && i < smp->cpus; k++) {
                if (smp->threads == 1) {
                    pptt_node(t, table, PPTT_UID | PPTT_LEAF, cluster, i++);
                    continue;
                }
                uint32_t core = pptt_node(t, table, PPTT_IDENTICAL, cluster, k);
                for (unsigned h = 0; h < smp->threads && i < smp->cpus; h++) {
                    pptt_node(t, table, PPTT_UID | PPTT_THREAD | PPTT_LEAF, core, i++);
                }
            }
        }
    }
    acpi_table_end(t, table);
    return table;
}

/* ---- GTDT: the generic timer; all its interrupts are levels, active high ---- */

static unsigned gtdt(const VirtBoard *b, AcpiTables *t)
{
    unsigned at = acpi_table_begin(t, "GTDT", 3);
    bool hyp_virt = arm_has(b->cpu, ARM_FEAT_VHE) && arm_has(b->cpu, ARM_FEAT_EL2);

    acpi_put(t, UINT64_MAX, 8); /* no CNTControlBase */
    acpi_zero(t, 4);
    acpi_put(t, PPI(PPI_TIMER_SECURE), 4);
    acpi_put(t, 0, 4);
    acpi_put(t, PPI(PPI_TIMER_PHYS), 4);
    acpi_put(t, 1 << 2, 4); /* always on */
    acpi_put(t, PPI(PPI_TIMER_VIRT), 4);
    acpi_put(t, 0, 4);
    acpi_put(t, PPI(PPI_TIMER_HYP), 4);
    acpi_put(t, 0, 4);
    acpi_put(t, UINT64_MAX, 8); /* no CNTReadBase */
    acpi_zero(t, 8);            /* no platform timers */
    acpi_put(t, hyp_virt ? PPI(PPI_TIMER_HYP_VIRT) : 0, 4);
    acpi_put(t, 0, 4);
    acpi_table_end(t, at);
    return at;
}

/* ---- PCI: MCFG, IORT ---- */

static unsigned mcfg(const VirtBoard *b, AcpiTables *t)
{
    unsigned at = acpi_table_begin(t, "MCFG", 1);
    VirtPci pci = virt_pci(b);

    acpi_zero(t, 8);
    acpi_put(t, pci.ecam_base, 8);
    acpi_put(t, 0, 2); /* segment */
    acpi_put(t, 0, 1);
    acpi_put(t, (pci.ecam_size >> 20) - 1, 1); /* last bus */
    acpi_zero(t, 4);
    acpi_table_end(t, at);
    return at;
}

/* Memory of devices is coherent with the CPUs'; requester IDs are the ITS's device IDs. */
static unsigned iort(const VirtBoard *b, AcpiTables *t)
{
    unsigned at = acpi_table_begin(t, "IORT", 5);
    bool its = b->msi == MSI_ITS;

    acpi_put(t, 1 + its, 4); /* nodes */
    acpi_put(t, 48, 4);      /* the first's offset */
    acpi_zero(t, 4);
    if (its) {
        acpi_put(t, 0, 1); /* ITS group */
        acpi_put(t, 24, 2);
        acpi_put(t, 1, 1); /* revision */
        acpi_put(t, 0, 4); /* identifier */
        acpi_zero(t, 8);   /* no mappings */
        acpi_put(t, 1, 4); /* one ITS: */
        acpi_put(t, 0, 4); /*   that of the MADT */
    }
    acpi_put(t, 2, 1); /* root complex */
    acpi_put(t, its ? 36 + 20 : 36, 2);
    acpi_put(t, 3, 1);
    acpi_put(t, its, 4); /* identifier */
    acpi_put(t, its, 4); /* mappings */
    acpi_put(t, 36, 4);  /* their offset in the node */
    acpi_put(t, 1, 4);   /* cache coherent */
    acpi_zero(t, 3);     /* no hints */
    acpi_put(t, 3, 1);   /* coherent path to memory, and so are its attributes */
    acpi_put(t, 0, 4);   /* no ATS */
    acpi_put(t, 0, 4);   /* segment */
    acpi_put(t, 64, 1);  /* bits of addresses */
    acpi_zero(t, 3);
    if (its) {
        acpi_put(t, 0, 4);
        acpi_put(t, 0xffff, 4); /* the number of IDs, less one */
        acpi_put(t, 0, 4);
        acpi_put(t, 48, 4); /* the ITS group */
        acpi_put(t, 0, 4);
    }
    acpi_table_end(t, at);
    return at;
}

/* ---- the console: SPCR, DBG2 ---- */

#define SERIAL_PL011 3

static unsigned spcr(AcpiTables *t)
{
    unsigned at = acpi_table_begin(t, "SPCR", 2);

    acpi_put(t, SERIAL_PL011, 1);
    acpi_zero(t, 3);
    acpi_gas(t, VIRT_UART, 32, 3);
    acpi_put(t, 1 << 3, 1); /* the interrupt is the GIC's */
    acpi_put(t, 0, 1);
    acpi_put(t, SPI(VIRT_UART_IRQ), 4);
    acpi_put(t, 3, 1);      /* 9600 baud */
    acpi_put(t, 0, 1);      /* no parity */
    acpi_put(t, 1, 1);      /* one stop bit */
    acpi_put(t, 1 << 1, 1); /* RTS and CTS */
    acpi_put(t, 0, 2);      /* VT100; reserved */
    acpi_put(t, 0xffff, 2); /* not a PCI device */
    acpi_put(t, 0xffff, 2);
    acpi_zero(t, 12);
    acpi_table_end(t, at);
    return at;
}

static unsigned dbg2(AcpiTables *t)
{
    enum { INFO = 44, GAS = 22, SIZE = GAS + 12, PATH = SIZE + 4, PATH_LEN = 5 };
    unsigned at = acpi_table_begin(t, "DBG2", 0);

    acpi_put(t, INFO, 4);
    acpi_put(t, 1, 4);
    acpi_put(t, 0, 1); /* revision */
    acpi_put(t, PATH + PATH_LEN, 2);
    acpi_put(t, 1, 1); /* address ranges */
    acpi_put(t, PATH_LEN, 2);
    acpi_put(t, PATH, 2);
    acpi_zero(t, 4);        /* no OEM data */
    acpi_put(t, 0x8000, 2); /* serial */
    acpi_put(t, SERIAL_PL011, 2);
    acpi_zero(t, 2);
    acpi_put(t, GAS, 2);
    acpi_put(t, SIZE, 2);
    acpi_gas(t, VIRT_UART, 32, 3);
    acpi_put(t, 0x1000, 4);
    g_byte_array_append(t->tables, (const guint8 *)"COM0", PATH_LEN);
    acpi_table_end(t, at);
    return at;
}

bool virt_acpi_add(const VirtBoard *b, GError **err)
{
    AcpiTables t;
    unsigned table[8], n = 0;

    acpi_init(&t, b->oem_id, b->oem_table_id);
    table[n++] = fadt(b, &t, dsdt(b, &t));
    table[n++] = madt(b, &t);
    table[n++] = pptt(b, &t);
    table[n++] = gtdt(b, &t);
    table[n++] = mcfg(b, &t);
    table[n++] = spcr(&t);
    table[n++] = dbg2(&t);
    table[n++] = iort(b, &t);
    acpi_root(&t, table, n);
    return acpi_publish(&t, b->fw_cfg, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Message-signalled interrupts: MSI and MSI-X with masking and pending bits.
 *
 * Specification: PCI Local Bus 3.0, 6.8.1 (MSI), 6.8.2 (MSI-X), 6.8.3 (operation).
 *
 * Invariant: a pending bit is set only while its vector, or the function, is masked; when neither
 * is the message goes out and the bit is cleared. Lock: the device's. Test: tests/unit/test-pci.c
 */
#include "hw/pci/private.h"
#include "rhea/log.h"

#include <string.h>

static void message_send(PciDevice *p, uint64_t addr, uint32_t data)
{
    memory_write_msi(p->as, addr, data, pci_requester_id(p));
}

/* ---- MSI ---- */

/* Offsets of the fields behind the address. */
static unsigned msi_data(const PciDevice *p)
{
    bool wide = pci_get16(p->config + p->msi_cap + PCI_MSI_CONTROL) & PCI_MSI_64BIT;

    return p->msi_cap + (wide ? 12 : 8);
}

static unsigned msi_mask(const PciDevice *p)
{
    return msi_data(p) + 4;
}

static unsigned msi_pending(const PciDevice *p)
{
    return msi_data(p) + 8;
}

static uint16_t msi_control(const PciDevice *p)
{
    return pci_get16(p->config + p->msi_cap + PCI_MSI_CONTROL);
}

void pci_add_msi(PciDevice *p, unsigned offset, unsigned log2, bool is64, bool maskable)
{
    unsigned size = (is64 ? 14 : 10) + (maskable ? 10 : 0);
    uint32_t vectors = log2 == 5 ? UINT32_MAX : (1u << (1u << log2)) - 1;
    unsigned cap = p->msi_cap = pci_add_capability(p, PCI_CAP_MSI, offset, size);

    pci_set_config(p, cap + PCI_MSI_CONTROL, 2,
                   log2 << 1 | (is64 ? PCI_MSI_64BIT : 0) | (maskable ? PCI_MSI_MASKABLE : 0),
                   PCI_MSI_ENABLE | PCI_MSI_MULTIPLE_ENABLE, 0);
    pci_set_config(p, cap + PCI_MSI_ADDRESS, 4, 0, ~3u, 0);
    if (is64) {
        pci_set_config(p, cap + PCI_MSI_ADDRESS_UPPER, 4, 0, UINT32_MAX, 0);
    }
    pci_set_config(p, msi_data(p), 2, 0, 0xffff, 0);
    if (maskable) {
        pci_set_config(p, msi_mask(p), 4, 0, vectors, 0);
        pci_set_live(p, msi_pending(p), 4, vectors);
    }
}

bool pci_msi_enabled(const PciDevice *p)
{
    return p->msi_cap && (msi_control(p) & PCI_MSI_ENABLE);
}

/* How many vectors the driver allotted, at most what the function asked for. */
static unsigned msi_allotted(const PciDevice *p)
{
    unsigned asked = msi_control(p) >> 1 & 7, given = msi_control(p) >> 4 & 7;

    return 1u << MIN(given, asked);
}

void pci_msi_notify(PciDevice *p, unsigned vector)
{
    unsigned n = msi_allotted(p);

    if (!pci_msi_enabled(p)) {
        return;
    }
    vector = vector < n ? vector : 0;
    if (msi_control(p) & PCI_MSI_MASKABLE) {
        uint8_t *pending = p->config + msi_pending(p);
        uint32_t bit = 1u << vector;

        if (pci_get32(p->config + msi_mask(p)) & bit) {
            pci_put32(pending, pci_get32(pending) | bit);
            return;
        }
        pci_put32(pending, pci_get32(pending) & ~bit);
    }
    const uint8_t *at = p->config + p->msi_cap + PCI_MSI_ADDRESS;
    uint64_t addr = msi_control(p) & PCI_MSI_64BIT ? pci_get64(at) : pci_get32(at);
    uint32_t data = pci_get16(p->config + msi_data(p));
    message_send(p, addr, (data & ~(n - 1)) | vector);
}

/* ---- MSI-X ---- */

static uint16_t msix_control(const PciDevice *p)
{
    return pci_get16(p->config + p->msix_cap + PCI_MSIX_CONTROL);
}

static unsigned msix_vectors(const PciDevice *p)
{
    return p->msix_words / 4;
}

bool pci_msix_enabled(const PciDevice *p)
{
    return p->msix_cap && (msix_control(p) & PCI_MSIX_ENABLE);
}

static bool msix_masked(const PciDevice *p, unsigned vector)
{
    return (msix_control(p) & PCI_MSIX_MASK_ALL) || (p->msix_table[vector * 4 + 3] & 1);
}

void pci_msix_notify(PciDevice *p, unsigned vector)
{
    if (!pci_msix_enabled(p) || vector >= msix_vectors(p)) {
        return;
    }
    uint32_t *pending = &p->msix_pba[vector / 32], bit = 1u << vector % 32;
    if (msix_masked(p, vector)) {
        *pending |= bit;
        return;
    }
    *pending &= ~bit;
    const uint32_t *entry = &p->msix_table[vector * 4];
    message_send(p, (entry[0] & ~3u) | (uint64_t)entry[1] << 32, entry[2]);
}

static void msix_retry(PciDevice *p, unsigned vector)
{
    if ((p->msix_pba[vector / 32] >> vector % 32 & 1) && !msix_masked(p, vector)) {
        pci_msix_notify(p, vector);
    }
}

static MemTxResult table_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    PciDevice *p = opaque;

    *val = p->msix_table[offset / 4];
    return MEMTX_OK;
}

static MemTxResult table_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    PciDevice *p = opaque;

    p->msix_table[offset / 4] = offset % 16 == 12 ? val & 1 : val;
    if (pci_msix_enabled(p)) {
        msix_retry(p, offset / 16);
    }
    return MEMTX_OK;
}

static MemTxResult pba_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    *val = ((PciDevice *)opaque)->msix_pba[offset / 4];
    return MEMTX_OK;
}

static MemTxResult pba_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    rhea_log_mask(LOG_GUEST_ERROR, "%s: write to the MSI-X pending bits\n",
                  device_name(((PciDevice *)opaque)->dev));
    return MEMTX_OK;
}

/* 6.8.2: accesses are aligned and of 32 or 64 bits. */
static const MmioOps table_ops = {
    .read = table_read, .write = table_write, .valid_min = 4, .impl_max = 4};
static const MmioOps pba_ops = {
    .read = pba_read, .write = pba_write, .valid_min = 4, .impl_max = 4};

void pci_add_msix(PciDevice *p, unsigned offset, unsigned n, MemRegion *bar, unsigned bar_n,
                  uint32_t table, uint32_t pba)
{
    unsigned cap;

    g_assert(n >= 1 && n <= PCI_MSIX_MAX && !(table & 7) && !(pba & 7));
    cap = p->msix_cap = pci_add_capability(p, PCI_CAP_MSIX, offset, PCI_MSIX_SIZE);
    pci_set_config(p, cap + PCI_MSIX_CONTROL, 2, n - 1, PCI_MSIX_MASK_ALL | PCI_MSIX_ENABLE, 0);
    pci_set_config(p, cap + PCI_MSIX_TABLE, 4, table | bar_n, 0, 0);
    pci_set_config(p, cap + PCI_MSIX_PBA, 4, pba | bar_n, 0, 0);
    p->msix_words = n * 4;
    p->msix_pba_words = (n + 63) / 64 * 2;
    device_state_alloc(p->dev);
    memory_region_init_mmio(&p->msix_table_mmio, p->dev->ms, "msix-table", n * PCI_MSIX_ENTRY_SIZE,
                            &table_ops, p, &p->dev->lock);
    memory_region_init_mmio(&p->msix_pba_mmio, p->dev->ms, "msix-pba", p->msix_pba_words * 4,
                            &pba_ops, p, &p->dev->lock);
    memory_region_add(bar, table, &p->msix_table_mmio, 1);
    memory_region_add(bar, pba, &p->msix_pba_mmio, 1);
}

void pci_add_msix_bar(PciDevice *p, unsigned offset, unsigned n, unsigned bar_n)
{
    uint32_t table_size = n * PCI_MSIX_ENTRY_SIZE, size = 4096, pba = 2048;

    if (table_size > pba) {
        pba = table_size;
        while (size < pba + (n + 63) / 64 * 8) {
            size *= 2;
        }
    }
    memory_region_init_container(&p->msix_bar, p->dev->ms, "msix", size);
    pci_add_msix(p, offset, n, &p->msix_bar, bar_n, 0, pba);
    pci_add_bar(p, bar_n, 0, &p->msix_bar);
}

void pci_msix_reset(PciDevice *p)
{
    if (!p->msix_pba) {
        return; /* the device has no MSI-X */
    }
    memset(p->msix_pba, 0, p->msix_pba_words * 4);
    for (unsigned i = 0; i < msix_vectors(p); i++) {
        memset(&p->msix_table[i * 4], 0, PCI_MSIX_ENTRY_SIZE);
        p->msix_table[i * 4 + 3] = 1;
    }
}

void pci_msix_exit(PciDevice *p)
{
    if (p->msix_words) {
        memory_region_destroy(&p->msix_table_mmio);
        memory_region_destroy(&p->msix_pba_mmio);
    }
    if (p->msix_bar.name) {
        memory_region_destroy(&p->msix_bar);
    }
}

/* ---- both ---- */

bool pci_message_notify(PciDevice *p, unsigned vector)
{
    if (pci_msix_enabled(p)) {
        pci_msix_notify(p, vector);
    } else if (pci_msi_enabled(p)) {
        pci_msi_notify(p, vector);
    } else {
        return false;
    }
    return true;
}

static bool inside(unsigned offset, unsigned size, unsigned first, unsigned length)
{
    return offset < first + length && first < offset + size;
}

void pci_msi_config_written(PciDevice *p, unsigned offset, unsigned size)
{
    if (p->msix_cap && inside(offset, size, p->msix_cap, PCI_MSIX_SIZE) && pci_msix_enabled(p)) {
        for (unsigned i = 0; i < msix_vectors(p); i++) {
            msix_retry(p, i);
        }
    }
    if (p->msi_cap && inside(offset, size, p->msi_cap, 24) && pci_msi_enabled(p) &&
        (msi_control(p) & PCI_MSI_MASKABLE)) {
        uint32_t ready =
            pci_get32(p->config + msi_pending(p)) & ~pci_get32(p->config + msi_mask(p));

        for (unsigned i = 0; ready >> i; i++) {
            if (ready >> i & 1) {
                pci_msi_notify(p, i);
            }
            if (i == 31) {
                break;
            }
        }
    }
}

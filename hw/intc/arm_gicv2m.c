/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * GICv2m: a frame that turns messages into edges of a GICv2's shared interrupts.
 *
 * Specification: Arm Server Base System Architecture (DEN 0029), appendix on the GICv2m MSI frame;
 * Linux drivers/irqchip/irq-gic-v2m.c. Output n is interrupt base-spi + n (an INTID), which the
 * guest configures as an edge. Nothing to remember: no lock. Test: tests/unit/test-arm-gic.c
 */
#include "hw/device.h"
#include "rhea/error.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <libfdt.h>

enum {
    MSI_TYPER = 0x008,
    MSI_SETSPI_NS = 0x040,
    MSI_IIDR = 0xfcc,

    PRODUCT_ID = 'R',
};

STATE(gicv2m, Gicv2mState, NO_STATE, uint32_t base_spi; uint32_t n_spi;)

PROPS(gicv2m, Gicv2mState,
      PROP("base-spi", U32, base_spi, "32", INTERNAL, "INTID of the first interrupt, from 32"),
      PROP("num-spi", U32, n_spi, "64", INTERNAL, "how many"))

static MemTxResult gicv2m_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    Gicv2mState *s = opaque;

    switch (offset) {
    case MSI_TYPER:
        *val = s->base_spi << 16 | s->n_spi;
        break;
    case MSI_IIDR:
        *val = PRODUCT_ID << 20;
        break;
    default:
        *val = 0;
        rhea_log_mask(LOG_GUEST_ERROR, "%s: read at offset 0x%" PRIx64 ": no register\n",
                      device_name(s), offset);
    }
    return MEMTX_OK;
}

static MemTxResult gicv2m_msi(void *opaque, hwaddr offset, uint32_t data, uint32_t requester)
{
    Gicv2mState *s = opaque;
    unsigned n = (data & 0x3ff) - s->base_spi;

    if (offset != MSI_SETSPI_NS || n >= s->n_spi) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: message %u at offset 0x%" PRIx64 " is no interrupt\n",
                      device_name(s), data, offset);
        return MEMTX_OK;
    }
    irq_raise(&s->dev.irq[n]);
    irq_lower(&s->dev.irq[n]);
    return MEMTX_OK;
}

static MemTxResult gicv2m_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    return gicv2m_msi(opaque, offset, val, 0);
}

static const MmioOps gicv2m_ops = {
    .read = gicv2m_read, .write = gicv2m_write, .msi = gicv2m_msi, .valid_min = 4, .valid_max = 4};

static bool gicv2m_realize(void *opaque, GError **err)
{
    Gicv2mState *s = opaque;

    if (s->n_spi < 1 || s->n_spi > 988 || s->base_spi < 32 || s->base_spi > 1020 - s->n_spi) {
        rhea_error_set(err, "a GICv2m frame has 1 to 988 of the interrupts 32 to 1019");
        return false;
    }
    device_set_irqs(s, s->n_spi);
    memory_region_init_mmio(&s->dev.mmio[0], s->dev.ms, "gicv2m", 0x1000, &gicv2m_ops, s, NULL);
    return true;
}

static void gicv2m_fdt(void *opaque, const FdtNode *n)
{
    fdt_node_begin(n, "v2m");
    fdt_property_u32(n->fdt, "phandle", n->phandle);
    fdt_node_reg(n);
    fdt_property(n->fdt, "msi-controller", NULL, 0);
    fdt_property_string(n->fdt, "compatible", "arm,gic-v2m-frame");
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(gicv2m, Gicv2mState,
    .name = "arm-gicv2m",
    .desc = "Arm GICv2m MSI frame",
    .bus = "System",
    .category = DEVICE_MISC,
    .props = gicv2m_props,
    .version = 1,
    .realize = gicv2m_realize,
    .fdt = gicv2m_fdt);
// clang-format on

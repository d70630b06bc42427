/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V incoming MSI controller: one interrupt file of one hart.
 *
 * Specification: RISC-V Advanced Interrupt Architecture 1.0, chapter 3.
 *
 * A write of an identity to the first word of the file's page makes it pending; the lowest pending
 * and enabled identity below the threshold is on top. The rest of the file is reached by CSRs
 * (target/riscv/aia.c). A hart has no guest interrupt files: their pages are there, and empty.
 *
 * Invariant: line 0 is high exactly while delivery is on and there is a top identity.
 * Threads: the device's lock, taken as an interrupt controller's: outputs go to a vCPU only.
 * Test: tests/unit/test-riscv-aia.c
 */
#include "hw/intc/riscv_aia.h"
#include "rhea/error.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <libfdt.h>

#define IDS_MAX  2047
#define ID_WORDS 64

enum { SETEIPNUM_LE = 0, SETEIPNUM_BE = 4 };

#define IMSIC_STATE(F, A, D, N)                                                                    \
    F(uint32_t, eidelivery, 0)                                                                     \
    F(uint32_t, eithreshold, 0)                                                                    \
    A(uint32_t, eip, ID_WORDS, 0)                                                                  \
    A(uint32_t, eie, ID_WORDS, 0)

STATE(imsic, ImsicState, IMSIC_STATE, bool machine; uint32_t hartid; uint32_t n_ids;
      uint32_t guest_bits;)

PROPS(imsic, ImsicState, PROP("mmode", BOOL, machine, NULL, INTERNAL, "of M mode, not S mode"),
      PROP("hartid", U32, hartid, "0", INTERNAL, "whose file it is"),
      PROP("num-irqs", U32, n_ids, "255", INTERNAL, "highest identity: 64 n - 1"),
      PROP("guest-index-bits", U32, guest_bits, "0", INTERNAL, "2^n pages"))

static uint32_t imsic_top(const ImsicState *s)
{
    for (unsigned w = 0; w <= s->n_ids / 32; w++) {
        uint32_t bits = s->eip[w] & s->eie[w];

        if (bits) {
            uint32_t id = w * 32 + __builtin_ctz(bits);

            return s->eithreshold && id >= s->eithreshold ? 0 : id;
        }
    }
    return 0;
}

static void imsic_update(ImsicState *s)
{
    irq_set(&s->dev.irq[0], s->eidelivery && imsic_top(s));
}

/* ---- messages ---- */

static MemTxResult imsic_msi(void *opaque, hwaddr offset, uint32_t data, uint32_t requester)
{
    ImsicState *s = opaque;
    uint32_t id = offset == SETEIPNUM_BE ? GUINT32_SWAP_LE_BE(data) : data;

    /* 3.5: what is no identity of the file, and the pages of files that are not there, ignore it.
     */
    if (offset > SETEIPNUM_BE || id == 0 || id > s->n_ids) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: message 0x%x at offset 0x%" PRIx64 " is no interrupt\n",
                      device_name(s), data, offset);
        return MEMTX_OK;
    }
    g_mutex_lock(&s->dev.lock);
    s->eip[id / 32] |= 1u << id % 32;
    imsic_update(s);
    g_mutex_unlock(&s->dev.lock);
    return MEMTX_OK;
}

static MemTxResult imsic_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    ImsicState *s = opaque;

    if (offset != SETEIPNUM_LE && offset != SETEIPNUM_BE) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: write at offset 0x%" PRIx64 ": no register\n",
                      device_name(s), offset);
        return MEMTX_OK;
    }
    return imsic_msi(s, offset, val, 0);
}

/* All of the page reads as zero. */
static MemTxResult imsic_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    *val = 0;
    return MEMTX_OK;
}

static const MmioOps imsic_ops = {
    .read = imsic_read, .write = imsic_write, .msi = imsic_msi, .valid_min = 4, .valid_max = 4};

/* ---- CSRs ---- */

/* The bits of eip or eie word w that exist: identity 0 does not, nor what is above the last. */
static uint32_t word_mask(const ImsicState *s, unsigned w)
{
    return w > s->n_ids / 32 ? 0 : w == 0 ? ~1u : UINT32_MAX;
}

static uint64_t words_access(ImsicState *s, uint32_t *words, unsigned n, bool wide, uint64_t val,
                             uint64_t mask)
{
    uint64_t old = 0;

    for (unsigned i = 0; i <= wide; i++) {
        uint32_t m = mask >> 32 * i & word_mask(s, n + i), *word = &words[n + i];

        old |= (uint64_t)*word << 32 * i;
        *word = (*word & ~m) | (val >> 32 * i & m);
    }
    return old;
}

static void imsic_csr(void *opaque, unsigned reg, unsigned xlen, uint64_t *old, uint64_t val,
                      uint64_t mask)
{
    ImsicState *s = opaque;
    bool wide = xlen == 64;

    g_mutex_lock(&s->dev.lock);
    *old = 0;
    if (reg == RISCV_IMSIC_EIDELIVERY) {
        *old = s->eidelivery;
        val = (*old & ~mask) | (val & mask);
        /* 3.8.1: 0x40000000 would be delivery from an APLIC: not here. */
        s->eidelivery = val <= 1 ? val : s->eidelivery;
    } else if (reg == RISCV_IMSIC_EITHRESHOLD) {
        *old = s->eithreshold;
        val = (*old & ~mask) | (val & mask);
        s->eithreshold = val <= s->n_ids ? val : s->eithreshold;
    } else if (reg >= RISCV_IMSIC_EIE) {
        *old = words_access(s, s->eie, reg - RISCV_IMSIC_EIE, wide, val, mask);
    } else if (reg >= RISCV_IMSIC_EIP) {
        *old = words_access(s, s->eip, reg - RISCV_IMSIC_EIP, wide, val, mask);
    }
    if (mask) {
        imsic_update(s);
    }
    g_mutex_unlock(&s->dev.lock);
}

static uint32_t imsic_csr_top(void *opaque, bool claim)
{
    ImsicState *s = opaque;

    g_mutex_lock(&s->dev.lock);
    uint32_t id = imsic_top(s);
    if (claim && id) {
        s->eip[id / 32] &= ~(1u << id % 32);
        imsic_update(s);
    }
    g_mutex_unlock(&s->dev.lock);
    return id;
}

RISCVImsic riscv_imsic_csrs(Device *imsic)
{
    return (RISCVImsic){imsic_csr, imsic_csr_top, imsic};
}

/* ---- device ---- */

static bool imsic_realize(void *opaque, GError **err)
{
    ImsicState *s = opaque;

    if (s->n_ids < 63 || s->n_ids > IDS_MAX || s->n_ids % 64 != 63 || s->guest_bits > 6) {
        rhea_error_set(err, "an IMSIC has 64 n - 1 identities, 63 to %u, and 2^0 to 2^6 pages",
                       IDS_MAX);
        return false;
    }
    memory_region_init_mmio(&s->dev.mmio[0], s->dev.ms, "imsic",
                            (uint64_t)IMSIC_PAGE << s->guest_bits, &imsic_ops, s, NULL);
    return true;
}

static void imsic_reset(void *opaque)
{
    imsic_update(opaque);
}

static bool imsic_post_load(void *opaque, GError **err)
{
    ImsicState *s = opaque;
    bool bad = s->eidelivery > 1 || s->eithreshold > s->n_ids;

    for (unsigned w = 0; w < ID_WORDS; w++) {
        bad |= ((s->eip[w] | s->eie[w]) & ~word_mask(s, w)) != 0;
    }
    if (bad) {
        rhea_error_set(err, "snapshot: interrupt file that cannot be");
        return false;
    }
    imsic_update(s);
    return true;
}

/* The node of all files of one privilege level, of which this is the first: n says where they are.
 */
static void imsic_fdt(void *opaque, const FdtNode *n)
{
    static const char compatible[] = "qemu,imsics\0riscv,imsics";
    ImsicState *s = opaque;
    const uint32_t line = s->machine ? RISCV_LINE_MEI : RISCV_LINE_SEI;

    fdt_node_begin(n, "interrupt-controller");
    fdt_property(n->fdt, "compatible", compatible, sizeof(compatible));
    fdt_property_u32(n->fdt, "#interrupt-cells", 0);
    fdt_property(n->fdt, "interrupt-controller", NULL, 0);
    fdt_property(n->fdt, "msi-controller", NULL, 0);
    fdt_node_cpu_irqs(n, &line, 1);
    fdt_node_reg(n);
    fdt_property_u32(n->fdt, "riscv,num-ids", s->n_ids);
    if (s->guest_bits) {
        fdt_property_u32(n->fdt, "riscv,guest-index-bits", s->guest_bits);
    }
    fdt_property_u32(n->fdt, "phandle", n->phandle);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(imsic, ImsicState,
    .name = "riscv.imsic",
    .desc = "RISC-V incoming MSI controller: one interrupt file",
    .bus = "System",
    .category = DEVICE_MISC,
    .props = imsic_props,
    .version = 1,
    .n_irqs = 1,
    .realize = imsic_realize,
    .reset = imsic_reset,
    .post_load = imsic_post_load,
    .fdt = imsic_fdt);
// clang-format on

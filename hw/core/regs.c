/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Register banks: the MMIO callbacks that are driven by a device's REGS table.
 *
 * Callbacks run with the device's lock held (memory.c takes it); that also guards `hint`.
 *
 * Test: tests/unit/test-device.c, tests/unit/test-device-snapshot.c (fuzz)
 */
#include "hw/core/private.h"
#include "rhea/log.h"

#include <inttypes.h>

#define HINTS 64

struct RegBank {
    Device *dev;
    const DeviceBank *desc;
    const DeviceReg *regs;
    unsigned n_regs;
    MmioOps ops;
    /* Row that was hit last for these low bits of the offset; checked before it is believed. */
    uint8_t hint[HINTS];
};

static uint32_t reg_count(const RegBank *b, const DeviceReg *r)
{
    uint32_t count = r->count ? r->count : 1;

    if (r->limit) {
        count = MIN(count, *(uint32_t *)((uint8_t *)b->dev + r->limit));
    }
    return count;
}

/* True if the access begins in register r; then its element and the byte in it. */
static bool reg_match(const RegBank *b, const DeviceReg *r, hwaddr offset, unsigned *elem,
                      unsigned *byte)
{
    if (offset < r->offset) {
        return false;
    }
    uint32_t rel = offset - r->offset;
    if (!r->count) {
        *elem = 0;
        *byte = rel;
        return rel < r->size;
    }
    uint32_t stride = r->stride ? r->stride : r->size;
    *elem = rel / stride;
    *byte = rel % stride;
    return *byte < r->size && *elem < reg_count(b, r);
}

static const DeviceReg *reg_find(RegBank *b, hwaddr offset, unsigned size, unsigned *elem,
                                 unsigned *byte, const char *verb)
{
    uint8_t *hint = &b->hint[(offset >> 2) % HINTS];
    const DeviceReg *r = &b->regs[*hint];

    if (!reg_match(b, r, offset, elem, byte)) {
        unsigned i = 0;

        while (i < b->n_regs && !reg_match(b, &b->regs[i], offset, elem, byte)) {
            i++;
        }
        if (i == b->n_regs) {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: %u-byte %s at offset 0x%" PRIx64 ": no register\n",
                          device_name(b->dev), size, verb, offset);
            return NULL;
        }
        *hint = i;
        r = &b->regs[i];
    }
    if (b->desc->wide_to_one && size > r->size && *byte == 0) {
        return r;
    }
    if (*byte + size > r->size || (size != r->size && !r->split)) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "%s: %u-byte %s at offset 0x%" PRIx64 ": register %s has %u bytes\n",
                      device_name(b->dev), size, verb, offset, r->name, r->size);
        return NULL;
    }
    return r;
}

static void *reg_field(const RegBank *b, const DeviceReg *r, unsigned elem)
{
    uint8_t *p = (uint8_t *)b->dev + r->field;

    if (r->field_pointer) {
        p = *(uint8_t **)p;
    }
    return p + (size_t)elem * r->field_size;
}

static uint64_t reg_value(const RegBank *b, const DeviceReg *r, unsigned elem)
{
    if (r->read) {
        return r->read(b->dev, elem);
    }
    return r->field ? int_load(reg_field(b, r, elem), r->field_size) : 0;
}

static uint64_t mask_of(unsigned size)
{
    return size == 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
}

static void reg_trace(const RegBank *b, const DeviceReg *r, unsigned elem, unsigned size,
                      uint64_t val, const char *arrow)
{
    if (!rhea_log_on(LOG_DEVICE)) {
        return;
    }
    if (r->count) {
        rhea_log("%s: %s[%u] %s 0x%0*" PRIx64 "\n", device_name(b->dev), r->name, elem, arrow,
                 (int)size * 2, val);
    } else {
        rhea_log("%s: %s %s 0x%0*" PRIx64 "\n", device_name(b->dev), r->name, arrow, (int)size * 2,
                 val);
    }
}

static MemTxResult bank_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    RegBank *b = opaque;
    unsigned elem, byte;
    const DeviceReg *r = reg_find(b, offset, size, &elem, &byte, "read");

    *val = 0;
    if (!r) {
        return MEMTX_OK;
    }
    size = MIN(size, r->size);
    switch (r->access) {
    case REG_WO:
        rhea_log_mask(LOG_GUEST_ERROR, "%s: read of write-only register %s\n", device_name(b->dev),
                      r->name);
        break;
    case REG_RZ:
        break;
    default:
        *val = (reg_value(b, r, elem) >> byte * 8) & mask_of(size);
    }
    reg_trace(b, r, elem, size, *val, "->");
    return MEMTX_OK;
}

static MemTxResult bank_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    RegBank *b = opaque;
    unsigned elem, byte;
    const DeviceReg *r = reg_find(b, offset, size, &elem, &byte, "write");

    if (!r) {
        return MEMTX_OK;
    }
    size = MIN(size, r->size);
    val &= mask_of(size);
    reg_trace(b, r, elem, size, val, "<-");
    if (r->access == REG_RO) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: write of 0x%" PRIx64 " to read-only register %s\n",
                      device_name(b->dev), val, r->name);
        return MEMTX_OK;
    }
    if (r->access == REG_RZ) {
        return MEMTX_OK;
    }

    /* Bytes of the register that are not written: they keep their value, or in registers where a 1
       or a read acts they are 0. */
    uint64_t written = mask_of(size) << byte * 8;
    val <<= byte * 8;
    if (r->write) {
        if (size != r->size && r->access == REG_RW && !r->read_acts) {
            val |= reg_value(b, r, elem) & ~written;
        }
        r->write(b->dev, elem, val);
        return MEMTX_OK;
    }
    if (r->field) {
        void *field = reg_field(b, r, elem);
        uint64_t old = int_load(field, r->field_size);
        uint64_t mask = (r->mask ? r->mask : UINT64_MAX) & written;

        switch (r->access) {
        case REG_W1C:
            val = old & ~(val & mask);
            break;
        case REG_W1S:
            val = old | (val & mask);
            break;
        default:
            val = (old & ~mask) | (val & mask);
        }
        int_store(field, r->field_size, val);
    }
    if (r->after) {
        r->after(b->dev, elem);
    }
    return MEMTX_OK;
}

RegBank *reg_bank_new(Device *d, const DeviceBank *desc)
{
    RegBank *b = g_new0(RegBank, 1);

    b->dev = d;
    b->desc = desc;
    b->regs = desc->regs(&b->n_regs);
    g_assert(b->n_regs > 0 && b->n_regs < 256);
    b->ops = (MmioOps){
        .read = bank_read,
        .write = bank_write,
        .endian = desc->endian,
        .valid_min = desc->valid_min,
        .valid_max = desc->valid_max,
        .impl_max = desc->impl_max,
    };
    return b;
}

const MmioOps *reg_bank_ops(RegBank *b)
{
    return &b->ops;
}

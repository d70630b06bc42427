/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * CRC32 and CRC32C instructions (DDI 0487, C6.2, "CRC32"): the reflected polynomials 0x04C11DB7 and
 * 0x1EDC6F41, without the inversions that programs add. Four bits a step, by tables of 16 words.
 *
 * Pure functions. Test: tests/unit/test-arm-crc.c.
 */
#include "target/arm/cpu.h"

/* [n]: n shifted right four times, each with the reversed polynomial if a one falls out. */
static const uint32_t table_ieee[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};
static const uint32_t table_castagnoli[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t crc(const uint32_t table[16], uint32_t crc, uint64_t data, uint32_t bytes)
{
    for (unsigned i = 0; i < bytes; i++, data >>= 8) {
        crc ^= data & 0xff;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

static uint32_t helper_arm_crc32(uint32_t acc, uint64_t data, uint32_t bytes)
{
    return crc(table_ieee, acc, data, bytes);
}
ARM_HELPER(crc32, I32, false, TCG_HELPER_PURE, TCG_I32, TCG_I64, TCG_I32);

static uint32_t helper_arm_crc32c(uint32_t acc, uint64_t data, uint32_t bytes)
{
    return crc(table_castagnoli, acc, data, bytes);
}
ARM_HELPER(crc32c, I32, false, TCG_HELPER_PURE, TCG_I32, TCG_I64, TCG_I32);

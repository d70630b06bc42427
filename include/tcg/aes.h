/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Steps of AES (FIPS 197) as guests' instructions need them. A column is 32 bits, row 0 lowest; a
 * state two halves of two columns each, column 0 lowest.
 */
#ifndef RHEA_TCG_AES_H
#define RHEA_TCG_AES_H

#include <stdbool.h>
#include <stdint.h>

extern const uint8_t aes_sbox[256], aes_sbox_inv[256];

static inline uint32_t aes_rotl(uint32_t x, unsigned n)
{
    return n ? x << n | x >> (32 - n) : x;
}

/* MixColumns and its inverse, of a column with b in row 0 and zeros. */
uint32_t aes_mix_byte(uint8_t b);
uint32_t aes_mix_byte_inv(uint8_t b);
/* Of a whole column, and of two. */
uint32_t aes_mix(uint32_t col, uint32_t (*mix)(uint8_t));
uint64_t aes64_mix(uint64_t x, uint32_t (*mix)(uint8_t));
/* Columns 0 and 1 after SubBytes and ShiftRows, or their inverses. Columns 2 and 3: aes64_round(hi,
 * lo). */
uint64_t aes64_round(uint64_t lo, uint64_t hi, bool decrypt);

#endif

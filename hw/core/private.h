/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* What the files of hw/core share. */
#ifndef HW_CORE_PRIVATE_H
#define HW_CORE_PRIVATE_H

#include "hw/device.h"

/* An integer of 1, 2, 4 or 8 bytes at p, zero-extended. */
uint64_t int_load(const void *p, unsigned size);
void int_store(void *p, unsigned size, uint64_t val);

/* state.c; obj is the struct that the table describes. */
void state_reset(StateTable *table, void *obj);
/* From the field of this name on; NULL: all. */
void state_reset_from(StateTable *table, void *obj, const char *first);
void state_alloc(StateTable *table, void *obj);
void state_free(StateTable *table, void *obj);
void state_save(const char *name, unsigned version, StateTable *table, void *obj, GByteArray *out);
bool state_load(const char *name, unsigned version, StateTable *table, void *obj,
                const uint8_t **data, size_t *len, GError **err);

/* regs.c: a bank's dispatch. */
typedef struct RegBank RegBank;
RegBank *reg_bank_new(Device *d, const DeviceBank *desc);
const MmioOps *reg_bank_ops(RegBank *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The -d log. One line or block a message, written atomically to stderr or the -D file.
 * rhea_log_mask is set once by main before any thread starts and only read afterwards.
 */
#ifndef RHEA_LOG_H
#define RHEA_LOG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    LOG_IN_ASM = 1u << 0,      /* guest instructions of each new unit */
    LOG_OP = 1u << 1,          /* IR before optimisation */
    LOG_OP_OPT = 1u << 2,      /* IR after optimisation */
    LOG_OUT_ASM = 1u << 3,     /* host code of each new unit */
    LOG_INT = 1u << 4,         /* interrupts and exceptions */
    LOG_EXEC = 1u << 5,        /* every unit that the dispatcher enters */
    LOG_CPU = 1u << 6,         /* CPU state before each unit */
    LOG_MMU = 1u << 7,         /* page-table walks and TLB flushes */
    LOG_GUEST_ERROR = 1u << 8, /* what the guest does wrong */
    LOG_UNIMP = 1u << 9,       /* what the hardware has and rhea has not */
    LOG_DEVICE = 1u << 10,     /* accesses to device registers, by name */
};

extern uint32_t rhea_log_mask_bits;

static inline bool rhea_log_on(uint32_t mask)
{
    return G_UNLIKELY(rhea_log_mask_bits & mask);
}

/* Unconditional write to the log; callers go through rhea_log_mask(). */
void rhea_log(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

#define rhea_log_mask(mask, ...)                                                                   \
    do {                                                                                           \
        if (rhea_log_on(mask))                                                                     \
            rhea_log(__VA_ARGS__);                                                                 \
    } while (0)

/* True if pc is inside a -dfilter range, or no filter is set. */
bool rhea_log_in_filter(uint64_t pc);

/* Lock the log for a block of several rhea_log() calls and get its stream. */
FILE *rhea_log_lock(void);
void rhea_log_unlock(FILE *f);

/* Parse "-d ITEMS" ("help" prints the table and returns false with no error). */
bool rhea_log_set_items(const char *items, GError **err);
void rhea_log_print_items(FILE *out);
bool rhea_log_set_file(const char *path, GError **err);     /* -D */
bool rhea_log_set_filter(const char *ranges, GError **err); /* -dfilter */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A file of translated units (saved_file.c). Whoever reads it trusts nothing in it: see there.
 */
#ifndef RHEA_ACCEL_TCG_SAVED_FILE_H
#define RHEA_ACCEL_TCG_SAVED_FILE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAVED_KEY_BYTES 32

/* A unit in a file. Behind it its host code with all tables, total_size bytes, as it would run at
 * the address of the first thunk, then the guest bytes that it was made from; each padded to 8. */
typedef struct SavedUnit {
    uint32_t mode;
    uint16_t offset; /* of its first instruction in the page, a tag in the low bits included */
    uint16_t guest_bytes;
    uint16_t source_bytes; /* from offset - tag on: what the frontend looked at */
    uint16_t ninsns;
    uint8_t tag;
    uint8_t straddles; /* the source runs into the next page */
    uint16_t zero;
    uint32_t code_size, total_size, side_size, relocs_size;
    uint16_t nexits, nlinks;
    uint32_t zero2[7];
} SavedUnit;
G_STATIC_ASSERT(sizeof(SavedUnit) == 64);

typedef struct SavedFile SavedFile;
typedef struct SavedWriter SavedWriter;

/* Sum of n bytes, a multiple of 8, going on from an earlier one. */
uint64_t saved_sum(uint64_t sum, const void *p, size_t n);

/*
 * The directory of files: open for reading, -1 and *err if it is none, or not this user's alone to
 * write.
 */
int saved_dir_open(const char *path, GError **err);

/* Name of the file for a key; g_free(). */
char *saved_file_name(const uint8_t key[SAVED_KEY_BYTES]);

/*
 * Map the file `name` of dir. NULL: there is none, or it is not to be used; then *why (g_free())
 * says why not, NULL if there is none. limit: of its size, in bytes.
 */
SavedFile *saved_file_open(int dir, const char *name, const uint8_t key[SAVED_KEY_BYTES],
                           uint64_t limit, char **why);
void saved_file_close(SavedFile *f);
unsigned saved_file_units(const SavedFile *f);
uint64_t saved_file_size(const SavedFile *f);

/*
 * Number of a unit for the code at page + offset, -1 if there is none. Sums of what it was made
 * from agree, up to the end of the page; the bytes must be compared when they have been read. Any
 * thread.
 */
int64_t saved_file_find(const SavedFile *f, uint32_t mode, const uint8_t *page, uint32_t offset);
/* Bytes that saved_file_load() wants: code and source, padded. */
size_t saved_file_body_bytes(const SavedFile *f, int64_t n);
/* What was read ahead of a file: one a thread, all zeros at first. */
typedef struct SavedWindow {
    uint8_t *data;
    uint64_t at;
    size_t bytes;
} SavedWindow;
void saved_window_free(SavedWindow *w);
/*
 * Read unit n: *u, and its body to `to`, which has `room` bytes, and compare what was read with its
 * sum. False: it is damaged, and will not be found again. Any thread.
 */
bool saved_file_load(SavedFile *f, int64_t n, SavedWindow *w, SavedUnit *u, uint8_t *to,
                     size_t room);
/* The bytes that a unit was made from, behind its code. */
const uint8_t *saved_unit_source(const SavedUnit *u, const uint8_t *body);
/* The unit is of no use: it will not be found again. Any thread. */
void saved_file_reject(SavedFile *f, int64_t n);
/* Numbers of all units in the order in which they lie in the file; g_free(). */
uint32_t *saved_file_order(const SavedFile *f);
/* Was the unit loaded since the file was opened? */
bool saved_file_was_used(const SavedFile *f, int64_t n);

/* A new file beside the one of that name, at most limit bytes. */
SavedWriter *saved_writer_new(int dir, const char *name, const uint8_t key[SAVED_KEY_BYTES],
                              uint64_t limit, GError **err);
/* code: total_size bytes. A unit that is there already, or has no room, is left out. */
void saved_writer_add(SavedWriter *w, const SavedUnit *u, const uint8_t *code,
                      const uint8_t *source);
/* Take over a unit unless it is damaged. */
void saved_writer_copy(SavedWriter *w, const SavedFile *f, int64_t n);
/* Put the file in the place of the one of its name, in one step. False and *err: that is as it
 * was. Frees w. */
bool saved_writer_finish(SavedWriter *w, GError **err);

/* Delete the oldest files of units until those that are left, but for `keep`, have at most limit
 * bytes, and what a writer left that was interrupted. */
void saved_dir_prune(int dir, const char *keep, uint64_t limit);

#endif

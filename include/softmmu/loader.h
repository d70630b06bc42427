/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Image loading: ELF, Linux Image (RISC-V and arm64 header), gzip, raw files, initrd, blobs.
 *
 * What is loaded is remembered and put back at every reset. Where page alignment allows it, file
 * pages are mapped privately over guest RAM instead of copied, at load and at reset. Everything
 * runs in the main thread before the machine starts; nothing in a file is trusted. Addresses are
 * guest-physical. Formats: ELF (System V ABI gABI 4.1, chapters 4 and 5), Linux
 * Documentation/arch/riscv/boot-image-header, Documentation/arch/arm64/booting, RFC 1952.
 *
 * Test: tests/unit/test-loader.c
 */
#ifndef SOFTMMU_LOADER_H
#define SOFTMMU_LOADER_H

#include "softmmu/machine.h"

typedef enum ImageKind { IMAGE_RAW, IMAGE_ELF, IMAGE_LINUX } ImageKind;

typedef struct LoadedImage {
    ImageKind kind;
    uint64_t entry;     /* where to start */
    uint64_t low, high; /* guest memory taken: [low, high), memory that only the image's header or
                           bss claims included */
    bool elf64, big_endian;
} LoadedImage;

enum {
    LOAD_ELF_ANY_MACHINE = 1u << 0, /* do not compare e_machine */
};

/* ELF only. machine is the e_machine that is wanted (EM_RISCV...), bits 32, 64 or 0 for both.
 * Segments go to their physical address plus offset (0 for most). */
bool loader_load_elf(Machine *m, const char *path, unsigned machine, unsigned bits, int64_t offset,
                     unsigned flags, LoadedImage *out, GError **err);
/* A kernel: ELF, else Linux Image (as it is, gzip'd, or in an EFI zboot file), else raw. addr is
 * where all but an ELF file goes; an arm64 Image goes to addr plus its text_offset. */
bool loader_load_kernel(Machine *m, const char *path, unsigned machine, unsigned bits,
                        uint64_t addr, LoadedImage *out, GError **err);
/* Firmware: ELF or raw at addr, at most max_size bytes. */
bool loader_load_firmware(Machine *m, const char *path, unsigned machine, unsigned bits,
                          uint64_t addr, uint64_t max_size, LoadedImage *out, GError **err);
/* Raw at addr, at most max_size bytes. *size (may be NULL) gets the length. what names it in
 * messages ("initrd"). */
bool loader_load_raw(Machine *m, const char *what, const char *path, uint64_t addr,
                     uint64_t max_size, uint64_t *size, GError **err);
/* -device loader: an ELF file of whatever machine, else raw at addr. */
bool loader_load_any(Machine *m, const char *path, uint64_t addr, LoadedImage *out, GError **err);
/* A copy of data at addr, RAM or ROM. */
bool loader_add_blob(Machine *m, const char *name, const void *data, size_t size, uint64_t addr,
                     GError **err);
/* Size in bytes of a regular file; false with *err if it cannot be read or is empty. For placing an
 * initrd before loading it. */
bool loader_file_size(const char *path, uint64_t *size, GError **err);
/* Start vCPU number cpu at pc instead of its reset vector, after every reset (-device
 * loader,cpu-num=). */
void loader_set_cpu_entry(Machine *m, unsigned cpu, uint64_t pc);
/* Once everything is loaded: checks that no two images overlap. */
bool loader_finish(Machine *m, GError **err);
/* The largest part [*low, *high) of guest memory [from, to) that no image lies in. */
void loader_largest_gap(Machine *m, uint64_t from, uint64_t to, uint64_t *low, uint64_t *high);
/* `info roms`. */
void loader_print_roms(Machine *m, FILE *out);

#endif

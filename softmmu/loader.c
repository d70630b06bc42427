/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Image loading (include/softmmu/loader.h).
 *
 * A file is mapped read-only once; what is to be in guest memory is a list of LoadedRom rows that
 * point into such a mapping, into a copy, or say that the bytes come from inflating a stretch of
 * it. The rows are put in place by the reset handler. What comes from a file is read into guest
 * RAM, which has large pages: each small page of a mapped file costs a fault or two, more than its
 * copy. Only very large stretches (MAP_MIN), of which much may never be looked at, are mapped
 * privately over guest RAM if their place in the file and in RAM agree modulo the page size. Such a
 * file must not be truncated while the machine runs (the guest would take a SIGBUS down with it).
 *
 * Every offset and size from a file is checked against the file and against 2^64. Main thread;
 * resets run with the vCPUs paused. Test: tests/unit/test-loader.c
 */
#include "loader-private.h"
#include "accel/accel.h"
#include "softmmu/memory.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static AddressSpace *machine_load_as(const Machine *m)
{
    return m->load_as ? m->load_as : m->as;
}

#define MAP_MIN    (128u << 20)
#define SMALL_MAX  (128u << 10) /* also a small ELF file whose segment is aligned to 64 KiB */
#define LARGE_MIN  (1u << 20)
#define HEADER_MAX 64u /* of a Linux Image */

typedef struct FileMap {
    char *path;
    int fd;
    const uint8_t *data;
    uint64_t size;
} FileMap;

typedef struct LoadedRom {
    char *name;
    uint64_t addr, mem_size; /* guest memory: bytes of data, then zeroes */
    const uint8_t *data;     /* in file or owned */
    uint64_t data_size;
    const FileMap *file; /* NULL: data is owned */
    bool gzip;           /* data is a gzip stream that inflates to mem_size bytes */
    bool fixed;          /* in memory that the guest cannot write: done once */
    bool placed;
} LoadedRom;

typedef struct CpuEntry {
    unsigned cpu;
    uint64_t pc;
} CpuEntry;

struct Loader {
    Machine *m;
    GPtrArray *files; /* FileMap * */
    GPtrArray *roms;  /* LoadedRom * */
    GArray *entries;  /* CpuEntry */
    bool large;       /* one of the rows is not small */
};

typedef struct Loader Loader;

/* --- files ----------------------------------------------------------------------------------- */

static void file_free(gpointer p)
{
    FileMap *f = p;
    if (f->data) {
        munmap((void *)f->data, f->size);
    }
    if (f->fd >= 0) {
        close(f->fd);
    }
    g_free(f->path);
    g_free(f);
}

static int file_open(const char *path, uint64_t *size, GError **err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        rhea_error_set(err, "%s: %s", path, g_strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        rhea_error_set(err, "%s: not a regular file", path);
    } else {
        *size = st.st_size;
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

bool loader_file_size(const char *path, uint64_t *size, GError **err)
{
    int fd = file_open(path, size, err);
    if (fd < 0) {
        return false;
    }
    close(fd);
    if (!*size) {
        rhea_error_set(err, "%s: the file is empty", path);
        return false;
    }
    return true;
}

static const FileMap *file_map(Loader *l, const char *path, GError **err)
{
    uint64_t size;
    int fd = file_open(path, &size, err);
    if (fd < 0) {
        return NULL;
    }
    FileMap *f = g_new0(FileMap, 1);
    f->fd = fd;
    f->path = g_strdup(path);
    if (size) {
        void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            rhea_error_set(err, "%s: %s", path, g_strerror(errno));
            file_free(f);
            return NULL;
        }
        f->data = data;
        f->size = size;
    }
    g_ptr_array_add(l->files, f);
    return f;
}

/* --- rows ------------------------------------------------------------------------------------ */

static void rom_free(gpointer p)
{
    LoadedRom *r = p;
    if (!r->file) {
        g_free((void *)r->data);
    }
    g_free(r->name);
    g_free(r);
}

/* All of [addr, addr + size) is memory; *fixed: the guest can write none of it. */
static bool rom_check_place(Machine *m, const char *name, uint64_t addr, uint64_t size, bool *fixed,
                            GError **err)
{
    *fixed = true;
    if (size && addr + size - 1 < addr) {
        rhea_error_set(err,
                       "'%s' does not fit: 0x%" PRIx64 " bytes at 0x%" PRIx64
                       " go beyond the end of the address space",
                       name, size, addr);
        return false;
    }
    for (uint64_t at = addr, left = size; left;) {
        MemSection s;
        MemKind kind = memory_lookup(machine_load_as(m), at, &s);
        if (kind == MEM_UNASSIGNED || kind == MEM_MMIO) {
            rhea_error_set(err,
                           "'%s' does not fit: there is no memory at 0x%" PRIx64
                           " (it takes 0x%" PRIx64 " to 0x%" PRIx64 ")",
                           name, at, addr, addr + size - 1);
            return false;
        }
        *fixed &= kind == MEM_ROM;
        uint64_t step = MIN(left, s.len);
        at += step;
        left -= step;
    }
    return true;
}

/* The row takes over data if file is NULL. */
static bool rom_add(Machine *m, const LoadedRom *proto, const char *name, GError **err)
{
    bool fixed;
    if (!rom_check_place(m, name, proto->addr, proto->mem_size, &fixed, err)) {
        if (!proto->file) {
            g_free((void *)proto->data);
        }
        return false;
    }
    LoadedRom *r = g_new(LoadedRom, 1);
    *r = *proto;
    r->name = g_strdup(name);
    r->fixed = fixed;
    m->loader->large |= !fixed && r->mem_size >= LARGE_MIN;
    g_ptr_array_add(m->loader->roms, r);
    return true;
}

/* --- placing --------------------------------------------------------------------------------- */

/* Map as many whole pages as possible; what was mapped is [*from, *to) in the row's data. */
static bool rom_map_pages(Machine *m, const LoadedRom *r, uint64_t *from, uint64_t *to)
{
    uint64_t page = sysconf(_SC_PAGESIZE);
    MemSection s;
    if (!r->file || r->data_size < MAP_MIN ||
        memory_lookup(machine_load_as(m), r->addr, &s) != MEM_RAM || s.len < r->data_size ||
        s.block->shared) {
        return false;
    }
    uint64_t file_offset = r->data - r->file->data;
    if (((uintptr_t)s.host - file_offset) % page) {
        return false;
    }
    uint64_t head = (page - file_offset % page) % page;
    uint64_t len = (r->data_size - head) / page * page;
    if (mmap(s.host + head, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, r->file->fd,
             file_offset + head) == MAP_FAILED) {
        g_error("cannot map %s: %s", r->file->path, g_strerror(errno));
    }
    ram_block_note_file(s.block, s.ra - s.block->start + head, len);
    memory_notify_code_write(s.block, s.ra - s.block->start + head, len);
    *from = head;
    *to = head + len;
    return true;
}

/* Inflate to guest memory, at most mem_size bytes. False with *err if the stream is broken; *size
 * gets the length. */
static bool rom_inflate(Machine *m, const LoadedRom *r, uint64_t *size, GError **err)
{
    z_stream z = {.next_in = (Bytef *)r->data};
    uint64_t in_left = r->data_size, out = 0;
    g_autofree uint8_t *buf = g_malloc(1u << 18);
    int rc = inflateInit2(&z, 15 + 16);
    while (rc == Z_OK) {
        if (!z.avail_in) {
            z.avail_in = MIN(in_left, 1u << 30);
            in_left -= z.avail_in;
        }
        z.next_out = buf;
        z.avail_out = 1u << 18;
        rc = inflate(&z, Z_NO_FLUSH);
        uint64_t n = z.next_out - buf;
        if (n > r->mem_size - out) {
            rhea_error_set(err, "%s: more than 0x%" PRIx64 " bytes when decompressed", r->name,
                           r->mem_size);
            inflateEnd(&z);
            return false;
        }
        memory_write_rom(machine_load_as(m), r->addr + out, buf, n);
        out += n;
    }
    inflateEnd(&z);
    if (rc != Z_STREAM_END) {
        rhea_error_set(err, "%s: %s", r->name,
                       rc == Z_BUF_ERROR ? "the gzip data is truncated"
                                         : "the gzip data is damaged");
        return false;
    }
    *size = out;
    return true;
}

/* Zero guest memory, untouched pages of anonymous RAM by giving them back. */
static void rom_clear(Machine *m, uint64_t addr, uint64_t len)
{
    static const uint8_t zeroes[4096];
    uint64_t page = sysconf(_SC_PAGESIZE);
    while (len) {
        MemSection s;
        MemKind kind = memory_lookup(machine_load_as(m), addr, &s);
        uint64_t n = MIN(MIN(len, s.len), sizeof(zeroes) - addr % sizeof(zeroes));
        if (kind == MEM_RAM && s.block->fd < 0 && !s.block->shared && len >= page &&
            (uintptr_t)s.host % page == 0 && s.len >= page) {
            n = MIN(len, s.len) / page * page;
            madvise(s.host, n, MADV_DONTNEED);
            memory_notify_code_write(s.block, s.ra - s.block->start, n);
        } else {
            memory_write_rom(machine_load_as(m), addr, zeroes, n);
        }
        addr += n;
        len -= n;
    }
}

/* A device tree or a small program alone does not take a huge page; beside a kernel it does, which
 * will touch all the other pages of it. */
static void rom_write(Machine *m, const LoadedRom *r)
{
    MemSection s;
    bool small = r->data_size < SMALL_MAX && !m->loader->large &&
                 memory_lookup(machine_load_as(m), r->addr, &s) == MEM_RAM && s.len >= r->data_size;
    if (small) {
        ram_block_allow_huge(s.block, s.ra - s.block->start, r->data_size, false);
    }
    memory_write_rom(machine_load_as(m), r->addr, r->data, r->data_size);
    if (small) {
        ram_block_allow_huge(s.block, s.ra - s.block->start, r->data_size, true);
    }
}

/* From the file into RAM. False: not all of it, for whatever reason. */
static bool rom_read(Machine *m, const LoadedRom *r)
{
    MemSection s;
    uint64_t done = 0, at;

    if (!r->file || r->data_size < SMALL_MAX ||
        memory_lookup(machine_load_as(m), r->addr, &s) != MEM_RAM || s.len < r->data_size) {
        return false;
    }
    at = r->data - r->file->data;
    while (done < r->data_size) {
        ssize_t n = pread(r->file->fd, s.host + done, r->data_size - done, at + done);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            break;
        }
        done += MAX(n, 0);
    }
    memory_notify_code_write(s.block, s.ra - s.block->start, done);
    return done == r->data_size;
}

static void rom_place(Machine *m, LoadedRom *r)
{
    uint64_t from, to;
    if (r->placed && r->fixed) {
        return;
    }
    if (r->gzip) {
        uint64_t size;
        if (r->placed) {
            rom_inflate(m, r, &size, NULL);
        }
    } else if (rom_map_pages(m, r, &from, &to)) {
        memory_write_rom(machine_load_as(m), r->addr, r->data, from);
        memory_write_rom(machine_load_as(m), r->addr + to, r->data + to, r->data_size - to);
    } else if (!rom_read(m, r)) {
        rom_write(m, r);
    }
    if (!r->gzip) {
        rom_clear(m, r->addr + r->data_size, r->mem_size - r->data_size);
    }
    r->placed = true;
}

static void loader_reset(void *opaque)
{
    Loader *l = opaque;
    for (unsigned i = 0; i < l->roms->len; i++) {
        rom_place(l->m, g_ptr_array_index(l->roms, i));
    }
}

/* --- ELF ------------------------------------------------------------------------------------- */

static bool file_has_magic(const FileMap *f, uint64_t at, const void *magic, size_t n)
{
    return f->size >= at + n && !memcmp(f->data + at, magic, n);
}

static bool file_is_elf(const FileMap *f)
{
    return file_has_magic(f, 0, ELFMAG, SELFMAG);
}

typedef struct ElfView {
    const FileMap *f;
    bool is64, big;
} ElfView;

/* A field of 2, 4 or 8 bytes at a file offset that was checked. */
static uint64_t elf_get(const ElfView *e, uint64_t at, unsigned size)
{
    const uint8_t *p = e->f->data + at;
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++) {
        v |= (uint64_t)p[e->big ? size - 1 - i : i] << (8 * i);
    }
    return v;
}

#define ELF_EHDR(e, field)                                                                         \
    ((e)->is64 ? elf_get(e, offsetof(Elf64_Ehdr, field), sizeof(((Elf64_Ehdr *)0)->field))         \
               : elf_get(e, offsetof(Elf32_Ehdr, field), sizeof(((Elf32_Ehdr *)0)->field)))
#define ELF_PHDR(e, at, field)                                                                     \
    ((e)->is64 ? elf_get(e, (at) + offsetof(Elf64_Phdr, field), sizeof(((Elf64_Phdr *)0)->field))  \
               : elf_get(e, (at) + offsetof(Elf32_Phdr, field), sizeof(((Elf32_Phdr *)0)->field)))

static bool elf_fail(const ElfView *e, GError **err, const char *why)
{
    rhea_error_set(err, "%s: %s", e->f->path, why);
    return false;
}

/* Checks the header; *phoff, *phnum, *phsize describe a table that lies inside the file. */
static bool elf_open(ElfView *e, unsigned machine, unsigned bits, unsigned flags, uint64_t *phoff,
                     unsigned *phnum, GError **err)
{
    const FileMap *f = e->f;
    if (!file_is_elf(f)) {
        return elf_fail(e, err, "not an ELF file");
    }
    if (f->size < EI_NIDENT) {
        return elf_fail(e, err, "the ELF file is truncated (header)");
    }
    e->is64 = f->data[EI_CLASS] == ELFCLASS64;
    e->big = f->data[EI_DATA] == ELFDATA2MSB;
    if ((!e->is64 && f->data[EI_CLASS] != ELFCLASS32) ||
        (!e->big && f->data[EI_DATA] != ELFDATA2LSB)) {
        return elf_fail(e, err, "the ELF header is damaged (class or byte order)");
    }
    if (f->size < (e->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr))) {
        return elf_fail(e, err, "the ELF file is truncated (header)");
    }
    if (!(flags & LOAD_ELF_ANY_MACHINE) && ELF_EHDR(e, e_machine) != machine) {
        rhea_error_set(err, "%s: the ELF file is for another architecture (machine %u, not %u)",
                       f->path, (unsigned)ELF_EHDR(e, e_machine), machine);
        return false;
    }
    if (bits && bits != (e->is64 ? 64 : 32)) {
        rhea_error_set(err, "%s: the ELF file has %u bits, the machine %u", f->path,
                       e->is64 ? 64 : 32, bits);
        return false;
    }
    unsigned type = ELF_EHDR(e, e_type);
    if (type != ET_EXEC && type != ET_DYN) {
        return elf_fail(e, err, "the ELF file is not an executable");
    }
    *phoff = ELF_EHDR(e, e_phoff);
    *phnum = ELF_EHDR(e, e_phnum);
    unsigned phsize = e->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if (*phnum == 0 || *phnum == PN_XNUM || ELF_EHDR(e, e_phentsize) != phsize) {
        return elf_fail(e, err, "the ELF file has no usable program headers");
    }
    if (*phoff > f->size || (uint64_t)*phnum * phsize > f->size - *phoff) {
        return elf_fail(e, err, "the ELF file is truncated (program headers)");
    }
    return true;
}

/* How many bytes of [addr, addr + size) come before the first memory; 0 if there is none at all. */
static uint64_t elf_outside_memory(Machine *m, uint64_t addr, uint64_t size)
{
    MemSection s;
    for (uint64_t skip = 0; skip < size && addr + skip >= addr; skip += MIN(s.len, size - skip)) {
        MemKind kind = memory_lookup(machine_load_as(m), addr + skip, &s);
        if (kind != MEM_UNASSIGNED && kind != MEM_MMIO) {
            return skip;
        }
    }
    return 0;
}

static bool elf_load_segment(Machine *m, const ElfView *e, uint64_t ph, int64_t offset,
                             LoadedImage *out, GError **err)
{
    const FileMap *f = e->f;
    uint64_t file_size = ELF_PHDR(e, ph, p_filesz), mem_size = ELF_PHDR(e, ph, p_memsz);
    uint64_t at = ELF_PHDR(e, ph, p_offset), vaddr = ELF_PHDR(e, ph, p_vaddr);
    uint64_t addr = ELF_PHDR(e, ph, p_paddr) + offset, entry = ELF_EHDR(e, e_entry);
    if (file_size > mem_size) {
        return elf_fail(e, err,
                        "the ELF file is damaged (segment larger in the file than in "
                        "memory)");
    }
    if (at > f->size || file_size > f->size - at) {
        return elf_fail(e, err, "the ELF file is truncated (segment data)");
    }
    if (!mem_size) {
        return true;
    }
    if (entry - vaddr < mem_size) {
        out->entry = entry - vaddr + addr;
    }
    /* Linkers put the ELF headers into the first segment: a page that often lies below the memory.
     */
    uint64_t skip = elf_outside_memory(m, addr, file_size);
    LoadedRom rom = {.addr = addr + skip,
                     .mem_size = mem_size - skip,
                     .data = f->data + at + skip,
                     .data_size = file_size - skip,
                     .file = f};
    if (!rom_add(m, &rom, f->path, err)) {
        return false;
    }
    out->low = MIN(out->low, addr);
    out->high = MAX(out->high, addr + mem_size);
    return true;
}

static bool elf_load(Machine *m, const FileMap *f, unsigned machine, unsigned bits, int64_t offset,
                     unsigned flags, LoadedImage *out, GError **err)
{
    ElfView e = {.f = f};
    uint64_t phoff;
    unsigned phnum;
    if (!elf_open(&e, machine, bits, flags, &phoff, &phnum, err)) {
        return false;
    }
    *out = (LoadedImage){.kind = IMAGE_ELF,
                         .low = UINT64_MAX,
                         .elf64 = e.is64,
                         .big_endian = e.big,
                         .entry = ELF_EHDR(&e, e_entry)};
    unsigned phsize = e.is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    for (unsigned i = 0; i < phnum; i++) {
        uint64_t ph = phoff + (uint64_t)i * phsize;
        if (ELF_PHDR(&e, ph, p_type) == PT_LOAD && !elf_load_segment(m, &e, ph, offset, out, err)) {
            return false;
        }
    }
    if (out->low > out->high) {
        return elf_fail(&e, err, "the ELF file has nothing to load");
    }
    return true;
}

bool loader_load_elf(Machine *m, const char *path, unsigned machine, unsigned bits, int64_t offset,
                     unsigned flags, LoadedImage *out, GError **err)
{
    const FileMap *f = file_map(m->loader, path, err);
    return f && elf_load(m, f, machine, bits, offset, flags, out, err);
}

/* --- raw, Linux Image, gzip --------------------------------------------------------------------
 */

static bool raw_load(Machine *m, const FileMap *f, uint64_t addr, uint64_t max_size,
                     const char *what, LoadedImage *out, GError **err)
{
    if (f->size > max_size) {
        rhea_error_set(err,
                       "%s '%s' is too large: 0x%" PRIx64 " bytes, 0x%" PRIx64 " fit at 0x%" PRIx64,
                       what, f->path, f->size, max_size, addr);
        return false;
    }
    LoadedRom rom = {
        .addr = addr, .mem_size = f->size, .data = f->data, .data_size = f->size, .file = f};
    *out = (LoadedImage){.kind = IMAGE_RAW, .entry = addr, .low = addr, .high = addr + f->size};
    return rom_add(m, &rom, f->path, err);
}

static uint64_t le(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

/* Linux boot-image-header (RISC-V) and booting (arm64): h has HEADER_MAX bytes. *extra is what goes
 * on top of the load address. */
static bool linux_header(const uint8_t *h, uint64_t *extra, uint64_t *image_size)
{
    bool riscv = !memcmp(h + 0x30, "RISCV\0\0", 8) || !memcmp(h + 0x38, "RSC\x05", 4);
    bool arm64 = !memcmp(h + 0x38, "ARM\x64", 4);
    *image_size = le(h + 0x10, 8);
    *extra = arm64 && *image_size ? le(h + 8, 8) : arm64 ? 0x80000 : 0;
    return riscv || arm64;
}

static void linux_describe(const uint8_t *h, uint64_t *addr, LoadedImage *out)
{
    uint64_t extra, image_size;
    if (linux_header(h, &extra, &image_size)) {
        *addr += extra;
        out->kind = IMAGE_LINUX;
        out->high = image_size;
    }
}

/* The first bytes of a gzip stream; false if it does not even give these. */
static bool gzip_peek(const uint8_t *data, uint64_t size, uint8_t *h)
{
    z_stream z = {.next_in = (Bytef *)data,
                  .avail_in = MIN(size, 1u << 20),
                  .next_out = h,
                  .avail_out = HEADER_MAX};
    if (inflateInit2(&z, 15 + 16) != Z_OK) {
        return false;
    }
    int rc = inflate(&z, Z_SYNC_FLUSH);
    inflateEnd(&z);
    return (rc == Z_OK || rc == Z_STREAM_END) && z.avail_out == 0;
}

/* Where memory that starts at addr ends. */
static uint64_t memory_room(Machine *m, uint64_t addr)
{
    MemSection s;
    MemKind kind = memory_lookup(machine_load_as(m), addr, &s);
    return kind == MEM_UNASSIGNED || kind == MEM_MMIO ? 0 : s.len;
}

static bool gzip_load(Machine *m, const FileMap *f, uint64_t at, uint64_t size, uint64_t addr,
                      LoadedImage *out, GError **err)
{
    uint8_t h[HEADER_MAX];
    *out = (LoadedImage){.kind = IMAGE_RAW};
    if (gzip_peek(f->data + at, size, h)) {
        linux_describe(h, &addr, out);
    }
    LoadedRom rom = {.name = f->path,
                     .addr = addr,
                     .mem_size = memory_room(m, addr),
                     .data = f->data + at,
                     .data_size = size,
                     .file = f,
                     .gzip = true};
    /* Inflated right away, to find out whether it can be and how long it is. */
    if (!rom_inflate(m, &rom, &rom.mem_size, err) || !rom_add(m, &rom, f->path, err)) {
        return false;
    }
    out->entry = out->low = addr;
    out->high = addr + MAX(out->high, rom.mem_size);
    return true;
}

static bool kernel_load(Machine *m, const FileMap *f, uint64_t addr, LoadedImage *out, GError **err)
{
    /* EFI zboot: "MZ", "zimg", offset and size of the payload, and what packed it. */
    if (file_has_magic(f, 0, "MZ", 2) && file_has_magic(f, 4, "zimg", 4) && f->size >= HEADER_MAX) {
        uint64_t at = le(f->data + 8, 4), size = le(f->data + 12, 4);
        if (strncmp((const char *)f->data + 24, "gzip", 32)) {
            rhea_error_set(err, "%s: EFI zboot compression '%.8s' is not supported, only gzip is",
                           f->path, (const char *)f->data + 24);
            return false;
        }
        if (at > f->size || size > f->size - at) {
            rhea_error_set(err, "%s: the EFI zboot file is truncated", f->path);
            return false;
        }
        return gzip_load(m, f, at, size, addr, out, err);
    }
    if (file_has_magic(f, 0, "\x1f\x8b\x08", 3)) {
        return gzip_load(m, f, 0, f->size, addr, out, err);
    }
    LoadedImage header = {0};
    if (f->size >= HEADER_MAX) {
        linux_describe(f->data, &addr, &header);
    }
    if (!raw_load(m, f, addr, UINT64_MAX, "kernel", out, err)) {
        return false;
    }
    out->kind = header.kind;
    out->high = MAX(out->high, addr + header.high);
    return true;
}

/* What went wrong with the file, behind what it was to be. */
static bool load_fail(const char *what, const char *path, GError **err)
{
    g_autofree char *own = g_strdup_printf("%s: ", path);
    if (err && *err) {
        const char *text = (*err)->message;
        g_autofree char *reason = g_strdup(g_str_has_prefix(text, own) ? text + strlen(own) : text);
        g_clear_error(err);
        rhea_error_set(err, "could not load %s '%s': %s", what, path, reason);
    }
    return false;
}

bool loader_load_kernel(Machine *m, const char *path, unsigned machine, unsigned bits,
                        uint64_t addr, LoadedImage *out, GError **err)
{
    const FileMap *f = file_map(m->loader, path, err);
    if (f && !f->size) {
        rhea_error_set(err, "the file is empty");
    } else if (f && (file_is_elf(f) ? elf_load(m, f, machine, bits, 0, 0, out, err)
                                    : kernel_load(m, f, addr, out, err))) {
        return true;
    }
    return load_fail("kernel", path, err);
}

bool loader_load_firmware(Machine *m, const char *path, unsigned machine, unsigned bits,
                          uint64_t addr, uint64_t max_size, LoadedImage *out, GError **err)
{
    const FileMap *f = file_map(m->loader, path, err);
    if (f && !f->size) {
        rhea_error_set(err, "the file is empty");
    } else if (f && (file_is_elf(f) ? elf_load(m, f, machine, bits, 0, 0, out, err)
                                    : raw_load(m, f, addr, max_size, "firmware", out, err))) {
        return true;
    }
    return load_fail("firmware", path, err);
}

bool loader_load_any(Machine *m, const char *path, uint64_t addr, LoadedImage *out, GError **err)
{
    const FileMap *f = file_map(m->loader, path, err);
    if (!f) {
        return false;
    }
    return file_is_elf(f) ? elf_load(m, f, 0, 0, 0, LOAD_ELF_ANY_MACHINE, out, err)
                          : raw_load(m, f, addr, UINT64_MAX, "image", out, err);
}

bool loader_load_raw(Machine *m, const char *what, const char *path, uint64_t addr,
                     uint64_t max_size, uint64_t *size, GError **err)
{
    LoadedImage out;
    const FileMap *f = file_map(m->loader, path, err);
    if (!f || !raw_load(m, f, addr, max_size, what, &out, err)) {
        return false;
    }
    if (size) {
        *size = f->size;
    }
    return true;
}

bool loader_add_blob(Machine *m, const char *name, const void *data, size_t size, uint64_t addr,
                     GError **err)
{
    LoadedRom rom = {
        .addr = addr, .mem_size = size, .data = g_memdup2(data, size), .data_size = size};
    return rom_add(m, &rom, name, err);
}

/* --- the list -------------------------------------------------------------------------------- */

Loader *loader_new(Machine *m)
{
    Loader *l = g_new0(Loader, 1);
    l->m = m;
    l->files = g_ptr_array_new_with_free_func(file_free);
    l->roms = g_ptr_array_new_with_free_func(rom_free);
    l->entries = g_array_new(FALSE, FALSE, sizeof(CpuEntry));
    machine_add_reset(m, loader_reset, l);
    return l;
}

void loader_free(Loader *l)
{
    g_ptr_array_free(l->roms, TRUE);
    g_ptr_array_free(l->files, TRUE);
    g_array_free(l->entries, TRUE);
    g_free(l);
}

void loader_set_cpu_entry(Machine *m, unsigned cpu, uint64_t pc)
{
    CpuEntry e = {cpu, pc};
    g_array_append_val(m->loader->entries, e);
}

void loader_set_cpu_entries(Loader *l)
{
    for (unsigned i = 0; i < l->entries->len; i++) {
        CpuEntry *e = &g_array_index(l->entries, CpuEntry, i);
        if (l->m->accel && e->cpu < accel_cpu_count(l->m->accel)) {
            accel_cpu(l->m->accel, e->cpu)->env->pc = e->pc;
        }
    }
}

static int rom_compare(gconstpointer a, gconstpointer b)
{
    const LoadedRom *x = *(LoadedRom *const *)a, *y = *(LoadedRom *const *)b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static GPtrArray *roms_by_address(Loader *l)
{
    GPtrArray *sorted = g_ptr_array_new();
    for (unsigned i = 0; i < l->roms->len; i++) {
        g_ptr_array_add(sorted, g_ptr_array_index(l->roms, i));
    }
    g_ptr_array_sort(sorted, rom_compare);
    return sorted;
}

bool loader_finish(Machine *m, GError **err)
{
    g_autoptr(GPtrArray) sorted = roms_by_address(m->loader);
    const LoadedRom *prev = NULL;
    for (unsigned i = 0; i < sorted->len; i++) {
        const LoadedRom *r = g_ptr_array_index(sorted, i);
        if (!r->mem_size) {
            continue;
        }
        if (prev && r->addr - prev->addr < prev->mem_size) {
            rhea_error_set(err,
                           "Some ROM regions are overlapping: '%s' (0x%" PRIx64 " to 0x%" PRIx64
                           ") and '%s' (0x%" PRIx64 " to 0x%" PRIx64 ")",
                           prev->name, prev->addr, prev->addr + prev->mem_size - 1, r->name,
                           r->addr, r->addr + r->mem_size - 1);
            return false;
        }
        prev = r;
    }
    return true;
}

void loader_largest_gap(Machine *m, uint64_t from, uint64_t to, uint64_t *low, uint64_t *high)
{
    g_autoptr(GPtrArray) sorted = roms_by_address(m->loader);
    uint64_t at = from;

    *low = *high = from;
    for (unsigned i = 0; i <= sorted->len; i++) {
        const LoadedRom *r = i < sorted->len ? g_ptr_array_index(sorted, i) : NULL;
        uint64_t end = r ? MIN(MAX(r->addr, from), to) : to;
        if (end > at && end - at > *high - *low) {
            *low = at;
            *high = end;
        }
        at = r ? MAX(at, r->addr + r->mem_size) : to;
    }
}

void loader_print_roms(Machine *m, FILE *out)
{
    g_autoptr(GPtrArray) sorted = roms_by_address(m->loader);
    for (unsigned i = 0; i < sorted->len; i++) {
        const LoadedRom *r = g_ptr_array_index(sorted, i);
        fprintf(out, "addr=%016" PRIx64 " size=0x%06" PRIx64 " mem=%s name=\"%s\"\n", r->addr,
                r->mem_size, r->fixed ? "rom" : "ram", r->name);
    }
}

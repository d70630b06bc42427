/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Blocks of guest RAM: host mappings and their global numbers.
 *
 * One reservation holds a block's bytes and, behind them, its `code` array; both are lazily
 * committed. The list of blocks is an immutable array that is replaced when a block is added, so
 * that look-ups need no lock. A replaced array stays until the system is freed: blocks are only
 * added by the host, a handful of times.
 *
 * Test: tests/unit/test-memory.c
 */
#include "softmmu/memory-private.h"
#include "rhea/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_ALIGN ((uint64_t)2 << 20)

static int backing_open(const char *name, uint64_t size, const RamBlockOptions *o, GError **err)
{
    int fd;

    if (o->use_fd) {
        fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
    } else if (o->memfd) {
        fd = memfd_create(name, MFD_CLOEXEC);
    } else {
        struct stat st;

        if (stat(o->path, &st) == 0 && S_ISDIR(st.st_mode)) {
            g_autofree char *template = g_strdup_printf("%s/rhea-%s.XXXXXX", o->path, name);

            fd = g_mkstemp_full(template, O_RDWR | O_CLOEXEC, 0600);
            if (fd >= 0) {
                unlink(template);
            }
        } else {
            fd = open(o->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
            if (fd < 0 && !o->share) {
                fd = open(o->path, O_RDONLY | O_CLOEXEC);
            }
        }
    }
    if (fd < 0) {
        rhea_error_set(err, "cannot open the memory backing %s: %s", o->path ? o->path : name,
                       g_strerror(errno));
        return -1;
    }

    struct stat st;
    if (fstat(fd, &st) < 0 ||
        (S_ISREG(st.st_mode) && (uint64_t)st.st_size < o->file_offset + size &&
         ftruncate(fd, o->file_offset + size) < 0)) {
        rhea_error_set(err, "cannot size the memory backing %s to %" PRIu64 " bytes: %s",
                       o->path ? o->path : name, size, g_strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

static void blocks_publish(MemSystem *ms, RamBlock *b)
{
    const RamBlockList *old = ms->blocks;
    RamBlockList *list = g_malloc(sizeof(*list) + (old->n + 1) * sizeof(list->b[0]));

    list->n = old->n + 1;
    memcpy(list->b, old->b, old->n * sizeof(list->b[0]));
    list->b[old->n] = b;
    g_ptr_array_add(ms->old_block_lists, (void *)old);
    __atomic_store_n(&ms->blocks, list, __ATOMIC_RELEASE);
}

RamBlock *ram_block_new(MemSystem *ms, const char *name, uint64_t size, const RamBlockOptions *opts,
                        GError **err)
{
    static const RamBlockOptions no_options;
    const RamBlockOptions *o = opts ? opts : &no_options;
    int fd = -1;

    /* The limit keeps all sums here and in the callers from overflowing. */
    if (size == 0 || size > (uint64_t)1 << 46 || o->file_offset > (uint64_t)1 << 60) {
        rhea_error_set(err, "memory block %s cannot have a size of %" PRIu64 " bytes", name, size);
        return NULL;
    }
    size = (size + MEM_PAGE_SIZE - 1) & ~(MEM_PAGE_SIZE - 1);
    if (o->path || o->use_fd || o->memfd) {
        fd = backing_open(name, size, o, err);
        if (fd < 0) {
            return NULL;
        }
    }

    uint64_t align = size >= BLOCK_ALIGN ? BLOCK_ALIGN : MEM_PAGE_SIZE;
    uint64_t code_size = ((size >> MEM_PAGE_BITS) + MEM_PAGE_SIZE - 1) & ~(MEM_PAGE_SIZE - 1);
    uint64_t total = size + code_size + align - MEM_PAGE_SIZE;
    uint8_t *base = mmap(NULL, total, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        rhea_error_set(err, "cannot map %" PRIu64 " bytes of guest memory (%s): %s", size, name,
                       g_strerror(errno));
        goto fail_fd;
    }
    uint8_t *host = (uint8_t *)(((uintptr_t)base + align - 1) & ~(uintptr_t)(align - 1));
    if (host != base) {
        munmap(base, host - base);
    }
    if (base + total != host + size + code_size) {
        munmap(host + size + code_size, base + total - (host + size + code_size));
    }
    if (fd >= 0) {
        int flags = (o->share || o->memfd ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED | MAP_NORESERVE;

        if (mmap(host, size, PROT_READ | PROT_WRITE, flags, fd, o->file_offset) == MAP_FAILED) {
            rhea_error_set(err, "cannot map the memory backing %s: %s", o->path ? o->path : name,
                           g_strerror(errno));
            goto fail_map;
        }
    }
    /* A guest touches most of its memory, so fewer faults; a refusal only costs time. */
    if (size >= BLOCK_ALIGN) {
        madvise(host, size, MADV_HUGEPAGE);
    }
    if (o->prealloc) {
        if (madvise(host, size, MADV_POPULATE_WRITE) < 0) {
            rhea_error_set(err, "cannot allocate %" PRIu64 " bytes of guest memory (%s): %s", size,
                           name, g_strerror(errno));
            goto fail_map;
        }
    }

    RamBlock *b = g_new0(RamBlock, 1);
    b->ms = ms;
    b->name = g_strdup(name);
    b->host = host;
    b->size = size;
    b->code = host + size;
    b->fd = fd;
    b->shared = o->share || o->memfd;
    b->file_offset = o->file_offset;
    b->mapped_files = g_array_new(FALSE, FALSE, 2 * sizeof(uint64_t));
    g_rec_mutex_lock(&ms->topology);
    b->start = ms->next_start;
    ms->next_start = (b->start + size + BLOCK_ALIGN - 1) & ~(BLOCK_ALIGN - 1);
    blocks_publish(ms, b);
    g_rec_mutex_unlock(&ms->topology);
    return b;

fail_map:
    munmap(host, size + code_size);
fail_fd:
    if (fd >= 0) {
        close(fd);
    }
    return NULL;
}

void ram_block_free(RamBlock *b)
{
    uint64_t code_size = ((b->size >> MEM_PAGE_BITS) + MEM_PAGE_SIZE - 1) & ~(MEM_PAGE_SIZE - 1);

    munmap(b->host, b->size + code_size);
    if (b->fd >= 0) {
        close(b->fd);
    }
    g_free((char *)b->name);
    g_array_unref(b->mapped_files);
    g_free(b);
}

void ram_block_allow_huge(RamBlock *b, uint64_t offset, uint64_t len, bool on)
{
    uint64_t from = offset & ~(MEM_PAGE_SIZE - 1);

    if (b->size >= BLOCK_ALIGN && len) {
        len = (offset + len - from + MEM_PAGE_SIZE - 1) & ~(MEM_PAGE_SIZE - 1);
        madvise(b->host + from, len, on ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    }
}

void ram_block_note_file(RamBlock *b, uint64_t offset, uint64_t len)
{
    const uint64_t piece[2] = {offset, len};

    for (unsigned i = 0; i < b->mapped_files->len; i++) {
        if (memcmp(&g_array_index(b->mapped_files, uint64_t, 2 * i), piece, sizeof(piece)) == 0) {
            return;
        }
    }
    g_array_append_vals(b->mapped_files, piece, 1);
}

/* Pages of a file would come back with what the file has: put fresh memory in their place. */
static bool files_unmap(RamBlock *b, uint64_t offset, uint64_t len)
{
    for (unsigned i = 0; i < b->mapped_files->len; i++) {
        const uint64_t *piece = &g_array_index(b->mapped_files, uint64_t, 2 * i);
        uint64_t from = MAX(piece[0], offset), to = MIN(piece[0] + piece[1], offset + len);

        if (from < to &&
            mmap(b->host + from, to - from, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
            return false;
        }
    }
    return true;
}

bool ram_block_discard(RamBlock *b, uint64_t offset, uint64_t len)
{
    uint64_t page = sysconf(_SC_PAGESIZE);
    bool ok;

    if (offset > b->size || len > b->size - offset || (offset | len) & (page - 1)) {
        return false;
    }
    if (b->shared) {
        ok = fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, b->file_offset + offset,
                       len) == 0;
    } else {
        ok = b->fd < 0 && files_unmap(b, offset, len) &&
             madvise(b->host + offset, len, MADV_DONTNEED) == 0;
    }
    memory_notify_code_write(b, offset, len);
    return ok;
}

RamBlock *ram_block_find(MemSystem *ms, ram_addr ra, uint64_t *offset)
{
    const RamBlockList *list = __atomic_load_n(&ms->blocks, __ATOMIC_ACQUIRE);
    unsigned lo = 0, hi = list->n;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        RamBlock *b = list->b[mid];

        if (ra < b->start) {
            hi = mid;
        } else if (ra - b->start >= b->size) {
            lo = mid + 1;
        } else {
            *offset = ra - b->start;
            return b;
        }
    }
    return NULL;
}

RamBlock *ram_block_from_host(MemSystem *ms, const void *host, uint64_t *offset)
{
    const RamBlockList *list = __atomic_load_n(&ms->blocks, __ATOMIC_ACQUIRE);

    for (unsigned i = 0; i < list->n; i++) {
        uintptr_t off = (uintptr_t)host - (uintptr_t)list->b[i]->host;

        if (off < list->b[i]->size) {
            *offset = off;
            return list->b[i];
        }
    }
    return NULL;
}

void ram_block_foreach(MemSystem *ms, void (*fn)(RamBlock *b, void *opaque), void *opaque)
{
    const RamBlockList *list = __atomic_load_n(&ms->blocks, __ATOMIC_ACQUIRE);

    for (unsigned i = 0; i < list->n; i++) {
        fn(list->b[i], opaque);
    }
}

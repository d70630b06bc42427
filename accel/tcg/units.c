/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Translated units: the code cache with its two mappings, the table by physical address, the lists
 * by page, links between units and their removal.
 *
 * Invariants: the cache is mapped writable (rw) and executable (rx), never both in one mapping. A
 * chunk has one writer. A dead unit is never linked to, its entry leads out of it, and nothing
 * of it is reused as long as a vCPU may be in it, be on its way to it, or have it in its jump
 * cache. A page's code byte (RamBlock.code) is set before the page is read for translation and as
 * long as it has units. The destination of a link to another page changes only when no vCPU can
 * stand between its check and its jump.
 *
 * Locks: unit_lock for all lists and links.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "accel/tcg/internal.h"
#include "rhea/error.h"

#define PAGE_LEAF_SIZE (sizeof(PageDesc) << PAGE_LEAF_BITS)

/* Small programs end within these chunks and pay for the pages that they use. The rest comes in
 * pieces of one large page. */
#define FIRST_CHUNKS 2
#define PIECE_SIZE   ((size_t)2 << 20)
#define PIECE_CHUNKS (PIECE_SIZE / CHUNK_SIZE)
#define HASH_SIZE    (sizeof(uint32_t) << UNIT_HASH_BITS)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* So many chunks of the cache are mapped at one stroke. */
#define MAP_CHUNKS 64

/* There are chunks of their own for units made again if each vCPU can have so many chunks. */
#define AGAIN_CHUNKS 8

/* One unit in so many is timed. Longer than this it was interrupted. Whatever a vCPU does besides
 * counts up to so many times what it translates, so that a burst behind a long calculation shows.
 * With each chunk one part in so many is forgotten. */
#define EFFORT_UNITS  16
#define EFFORT_MOST   INT64_C(100000)
#define EFFORT_BESIDE 8
#define EFFORT_CHUNKS 32

/* So many chunks of units made again buy a chunk, whatever the time that they took. */
#define PRICE 16

/* When the program took less than one in so many parts of one processor for so long, this many
 * pieces at most are given back at a time. */
#define IDLE_SHARE  10
#define IDLE_NS     INT64_C(3000000000)
#define IDLE_PIECES 4

/* Memory, or room for it, at a multiple of PIECE_SIZE; NULL if there is none. */
static void *map_aligned(size_t size, int prot)
{
    uint8_t *m =
        mmap(NULL, size + PIECE_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (m == MAP_FAILED) {
        return NULL;
    }
    size_t head = -(uintptr_t)m & (PIECE_SIZE - 1);
    if (head) {
        munmap(m, head);
    }
    munmap(m + head + size, PIECE_SIZE - head);
    return m + head;
}

/* Map n chunks more, in both mappings. */
static bool cache_map(CodeCache *c, unsigned n)
{
    const int flags = MAP_SHARED | MAP_NORESERVE | MAP_FIXED;
    size_t at = c->mapped * CHUNK_SIZE, size = n * CHUNK_SIZE;

    if (c->fd < 0) {
        /* Anonymous, with a second mapping of the same pages (mremap(2), old_size 0). */
        if (mmap(c->rw + at, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0) ==
                MAP_FAILED ||
            mremap(c->rw + at, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, c->rx + at) == MAP_FAILED ||
            mprotect((void *)(c->rx + at), size, PROT_READ | PROT_EXEC) < 0) {
            return false;
        }
    } else if (ftruncate(c->fd, at + size) < 0 ||
               mmap(c->rw + at, size, PROT_READ | PROT_WRITE, flags, c->fd, at) == MAP_FAILED ||
               mmap((void *)(c->rx + at), size, PROT_READ | PROT_EXEC, flags, c->fd, at) ==
                   MAP_FAILED) {
        return false;
    }
    c->mapped += n;
    return true;
}

/*
 * The pages of a piece come at one stroke, not by a fault each, and as one large page in each
 * mapping. Collapsing does that whatever the host's settings are, but wants a page to begin with.
 * All of this may fail. Whoever fills a chunk of the piece meanwhile loses nothing.
 */
static void piece_populate(CodeCache *c, unsigned piece, size_t size)
{
    uint8_t *rw = c->rw + piece * PIECE_SIZE, none = 0;

    __atomic_compare_exchange_n(rw, &none, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    if (size < PIECE_SIZE || madvise(rw, size, MADV_COLLAPSE) < 0) {
        madvise(rw, size, MADV_POPULATE_WRITE);
    }
    madvise((void *)(c->rx + piece * PIECE_SIZE), size, MADV_POPULATE_READ);
}

static void piece_ahead(gpointer data, gpointer opaque)
{
    piece_populate(opaque, GPOINTER_TO_UINT(data), PIECE_SIZE);
}

/* Of so many that are mapped. */
static unsigned piece_chunks(unsigned mapped, unsigned piece)
{
    return MIN(PIECE_CHUNKS, mapped - piece * PIECE_CHUNKS);
}

/*
 * Chunk n is going to be filled. When half of a piece is used, a thread makes the next one ready.
 * The table of units is one large page, too, unless the first chunk was enough. mapped: chunks.
 */
static void cache_populate(Accel *a, unsigned n, unsigned mapped)
{
    CodeCache *c = &a->cache;
    unsigned piece = n / PIECE_CHUNKS, next = piece + 1;

    if (n == FIRST_CHUNKS) {
        madvise(a->hash, HASH_SIZE, MADV_COLLAPSE);
    }
    if (n > FIRST_CHUNKS && !__atomic_exchange_n(&c->populated[piece], true, __ATOMIC_RELAXED)) {
        piece_populate(c, piece, piece_chunks(mapped, piece) * CHUNK_SIZE);
    }
    if (n % PIECE_CHUNKS >= PIECE_CHUNKS / 2 && (next + 1) * PIECE_CHUNKS <= mapped &&
        !__atomic_exchange_n(&c->populated[next], true, __ATOMIC_RELAXED)) {
        g_mutex_lock(&a->unit_lock);
        if (!c->ahead) {
            c->ahead = g_thread_pool_new(piece_ahead, c, 1, true, NULL);
        }
        g_thread_pool_push(c->ahead, GUINT_TO_POINTER(next), NULL);
        g_mutex_unlock(&a->unit_lock);
    }
}

/*
 * Addresses for as much as there may ever be, or, if these cannot be had, for what is in use at
 * first. Only that is mapped: with all memory locked (-overcommit mem-lock=on) a mapping is filled.
 */
static bool cache_reserve(CodeCache *c)
{
    for (;;) {
        c->size = (c->max_chunks * CHUNK_SIZE + PIECE_SIZE - 1) & ~(PIECE_SIZE - 1);
        uint8_t *m = map_aligned(2 * c->size, PROT_NONE);
        if (m) {
            c->rw = m;
            c->rx = m + c->size;
            c->populated = g_new0(bool, c->size / PIECE_SIZE);
            return cache_map(c, c->n_chunks);
        }
        if (c->max_chunks == c->n_chunks) {
            return false;
        }
        c->max_chunks = c->n_chunks;
    }
}

bool units_init(Accel *a, GError **err)
{
    CodeCache *c = &a->cache;

    c->n_chunks = MAX(a->opt.cache_size / CHUNK_SIZE, 4);
    c->max_chunks = MAX(a->opt.cache_most / CHUNK_SIZE, c->n_chunks);
    c->roomy = c->n_chunks * 3 / 2;
    if (a->saved.dir >= 0) {
        c->n_chunks = MIN(c->roomy, c->max_chunks); /* what is saved is what is there at the end */
    }
    /* perf looks for names of code in anonymous memory only. */
    bool names = a->opt.perfmap || a->opt.jitdump;
    c->fd = names ? -1 : memfd_create("rhea-code", MFD_CLOEXEC);
    if ((c->fd < 0 && !names) || !cache_reserve(c)) {
        rhea_error_set(err, "cannot create a code cache of %zu MiB: %s",
                       c->n_chunks * CHUNK_SIZE >> 20, g_strerror(errno));
        return false;
    }
    c->chunks = g_new0(Chunk, c->max_chunks);
    c->begun = 1;
    c->limit = c->n_chunks;
    a->young = g_array_new(false, false, sizeof(Young));
    a->young_limit = 64;
    a->hash = map_aligned(HASH_SIZE, PROT_READ | PROT_WRITE);
    a->pages = mmap(NULL, sizeof(PageDesc *) << PAGE_ROOT_BITS, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    c->gone = mmap(NULL, sizeof(uint32_t) << UNIT_GONE_BITS, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!a->hash || a->pages == MAP_FAILED || c->gone == MAP_FAILED) {
        rhea_error_set(err, "cannot map the unit tables: %s", g_strerror(errno));
        return false;
    }
    g_mutex_init(&a->unit_lock);
    return true;
}

/* Nobody knows of its units any more. */
static void chunk_free(Accel *a, Chunk *k)
{
    for (unsigned i = 0; i < k->n_units && units_keep_ir(a); i++) {
        tcg_unit_free(*unit_ir(chunk_unit(&a->cache, k, i)));
    }
    k->n_units = 0;
    k->used = 0;
    k->state = CHUNK_FREE;
}

void units_free(Accel *a)
{
    CodeCache *c = &a->cache;

    if (c->ahead) {
        g_thread_pool_free(c->ahead, true, true);
    }
    for (unsigned i = 1; i < c->n_chunks; i++) {
        chunk_free(a, &c->chunks[i]);
    }
    g_free(c->chunks);
    g_free(c->populated);
    munmap(c->rw, c->size);
    munmap((void *)c->rx, c->size);
    if (c->fd >= 0) {
        close(c->fd);
    }
    for (size_t i = 0; i < (size_t)1 << PAGE_ROOT_BITS; i++) {
        if (a->pages[i]) {
            munmap(a->pages[i], PAGE_LEAF_SIZE);
        }
    }
    g_array_free(a->young, true);
    munmap(c->gone, sizeof(uint32_t) << UNIT_GONE_BITS);
    munmap(a->hash, HASH_SIZE);
    munmap(a->pages, sizeof(PageDesc *) << PAGE_ROOT_BITS);
    g_mutex_clear(&a->unit_lock);
}

static void unit_kill_locked(Accel *a, Unit *u);
static uint64_t epoch_next(Accel *a);
static void check_young_locked(CPU *cpu);
static bool unit_is_as_translated(Accel *a, const Unit *u, uint64_t sum);

static uint64_t unit_sum(ram_addr ra, uint32_t mode)
{
    return (ra >> 1) * 0x9e3779b97f4a7c15ull + mode * 0xc2b2ae3d27d4eb4full;
}

static unsigned unit_hash(ram_addr ra, uint32_t mode)
{
    return unit_sum(ra, mode) >> (64 - UNIT_HASH_BITS);
}

/* Where it is remembered that a unit is gone, and by what. */
static uint32_t *unit_gone(const Accel *a, ram_addr ra, uint32_t mode, uint32_t *mark)
{
    uint64_t h = unit_sum(ra, mode);

    *mark = (uint32_t)(h >> 8) | 1;
    return &a->cache.gone[h >> (64 - UNIT_GONE_BITS)];
}

bool unit_was_there(const Accel *a, ram_addr ra, uint32_t mode)
{
    uint32_t mark, *gone = unit_gone(a, ra, mode, &mark);

    return __atomic_load_n(gone, __ATOMIC_RELAXED) == mark;
}

Unit *unit_find(Accel *a, ram_addr ra, uint32_t mode)
{
    uint32_t ref = __atomic_load_n(&a->hash[unit_hash(ra, mode)], __ATOMIC_ACQUIRE);
    Unit *u = unit_of_ref(a, ref);

    while (u && (u->ra != ra || u->mode != mode || __atomic_load_n(&u->dead, __ATOMIC_RELAXED))) {
        u = unit_of_ref(a, __atomic_load_n(&u->hash_next, __ATOMIC_ACQUIRE));
    }
    return u;
}

TcgCode unit_code(const Accel *a, const Unit *u)
{
    uint8_t *exits = (uint8_t *)unit_exits(u),
            *side = exits + u->nexits * sizeof(TcgExit) + u->nlinks * sizeof(TcgLink);

    return (TcgCode){
        .code = unit_entry(a, u),
        .code_size = u->code_size,
        .total_size = side + u->side_size + u->relocs_size - (const uint8_t *)u - UNIT_HEAD,
        .nexits = u->nexits,
        .nlinks = u->nlinks,
        .exits = (TcgExit *)exits,
        .side = side,
        .side_size = u->side_size,
        .relocs = side + u->side_size,
        .relocs_size = u->relocs_size,
    };
}

void unit_set_code(Unit *u, const TcgCode *c)
{
    u->code_size = c->code_size;
    u->side_size = c->side_size;
    u->relocs_size = c->relocs_size;
    u->nexits = c->nexits;
    u->nlinks = c->nlinks;
}

/* Behind its tables. */
static uint8_t *unit_end(const Accel *a, const Unit *u)
{
    uintptr_t end = (uintptr_t)u + UNIT_HEAD + unit_code(a, u).total_size;

    return (uint8_t *)((end + 7) & ~(uintptr_t)7);
}

UnitStraddle *unit_straddle(const Accel *a, const Unit *u)
{
    return (UnitStraddle *)unit_end(a, u);
}

const uint8_t *unit_source(const Accel *a, const Unit *u)
{
    return unit_end(a, u) + (u->straddles ? sizeof(UnitStraddle) : 0);
}

/* Its link in the list of the page i (0: first, 1: the straddled one). */
static uint32_t *unit_page_next(const Accel *a, Unit *u, int i)
{
    return i == 0 ? &u->page_next : &unit_straddle(a, u)->page_next;
}

/* NULL if there is none and make is false. */
static PageDesc *page_desc(Accel *a, ram_addr ra, bool make)
{
    uint64_t page = ra >> MEM_PAGE_BITS;
    PageDesc **leaf = &a->pages[(page >> PAGE_LEAF_BITS) & (((size_t)1 << PAGE_ROOT_BITS) - 1)];
    PageDesc *p = __atomic_load_n(leaf, __ATOMIC_ACQUIRE);

    if (!p) {
        if (!make) {
            return NULL;
        }
        p = mmap(NULL, PAGE_LEAF_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            g_error("cannot map a table of pages with code: %s", g_strerror(errno));
        }
        __atomic_store_n(leaf, p, __ATOMIC_RELEASE);
    }
    return p + (page & ((1u << PAGE_LEAF_BITS) - 1));
}

/* Granules of 64 bytes that the bytes [from, to) of a page touch. */
static uint64_t granules(unsigned from, unsigned to)
{
    unsigned first = from / 64, last = (to - 1) / 64;

    return (last == 63 ? ~0ull : (2ull << last) - 1) & ~((1ull << first) - 1);
}

/* Part of the unit on page i (0: first, 1: the straddled one): its bytes are [*from, *to). */
static void unit_part(const Unit *u, int i, unsigned *from, unsigned *to)
{
    unsigned off = u->ra & ~TLB_PAGE_MASK, end = off + u->guest_bytes;

    /* The low bits of its pc may be a tag. */
    *from = i == 0 ? (off & ~3u) - u->before : 0;
    *to = i == 0 ? MIN(end, TLB_PAGE_SIZE) : end - TLB_PAGE_SIZE;
}

static uint64_t unit_granules(const Unit *u, int i)
{
    unsigned from, to;

    unit_part(u, i, &from, &to);
    return granules(from, to);
}

/*
 * Chunks. When few are left, the one that was filled first is retired: its units die, and vCPUs
 * learn of it when they next are between units (cache_forget_retired()), before they take on the
 * epoch that it is free from. So the others go on. Only if all chunks are in use or still waited
 * for does a vCPU ask to be alone.
 */
static void chunk_retire_locked(Accel *a, Chunk *k)
{
    CodeCache *c = &a->cache;
    unsigned kept = 0;

    for (unsigned i = 0; i < k->n_units; i++) {
        Unit *u = chunk_unit(c, k, i);
        if (!u->dead) {
            uint32_t mark, *gone = unit_gone(a, u->ra, u->mode, &mark);
            __atomic_store_n(gone, mark, __ATOMIC_RELAXED);
            unit_kill_locked(a, u);
        }
    }
    for (unsigned i = 0; i < a->young->len; i++) {
        const Young y = g_array_index(a->young, Young, i);
        if (!y.unit->dead) {
            g_array_index(a->young, Young, kept++) = y;
        }
    }
    g_array_set_size(a->young, kept);
    __atomic_store_n(&a->n_young, kept, __ATOMIC_RELEASE);
    k->state = CHUNK_RETIRED;
    __atomic_store_n(&k->retirement, c->retirements + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&c->retirements, c->retirements + 1, __ATOMIC_RELEASE);
    /* Last: who sees this epoch sees the rest. */
    k->free_from = epoch_next(a);
}

void cache_forget_retired(CPU *cpu)
{
    TcgCpu *tc = cpu->tcg;
    CodeCache *c = &tc->accel->cache;
    uint64_t now = __atomic_load_n(&c->retirements, __ATOMIC_ACQUIRE);

    if (G_LIKELY(now == tc->retirements)) {
        return;
    }
    for (unsigned i = 0; i < 1u << JUMP_CACHE_BITS; i++) {
        JumpCacheEntry *jc = &cpu->env->jump_cache[i];
        if (jc->code) {
            const Chunk *k = &c->chunks[((const uint8_t *)jc->code - c->rx) / CHUNK_SIZE];
            if (__atomic_load_n(&k->retirement, __ATOMIC_RELAXED) > tc->retirements) {
                *jc = (JumpCacheEntry){0};
            }
        }
    }
    tc->retirements = now;
}

/* The chunk to give back, NULL if none is full. New units, most of which nobody needs again, have
 * what those made again leave them, and a quarter in any case. */
static Chunk *chunk_oldest(CodeCache *c)
{
    Chunk *oldest[2] = {NULL, NULL};
    unsigned n[2] = {0, 0};

    for (unsigned i = 1; i < c->begun; i++) {
        Chunk *k = &c->chunks[i];
        if (k->state == CHUNK_FULL) {
            n[k->again]++;
            if (!oldest[k->again] || k->order < oldest[k->again]->order) {
                oldest[k->again] = k;
            }
        }
    }
    return oldest[!oldest[0] || 3 * n[0] < n[1]];
}

static void chunk_close_locked(CPU *cpu, bool again)
{
    CodeCache *c = &cpu->tcg->accel->cache;
    unsigned *n = &cpu->tcg->chunk[again];

    if (*n) {
        c->chunks[*n].state = CHUNK_FULL;
        c->chunks[*n].order = ++c->order;
        *n = 0;
    }
}

/* Chunks that are free or will be, if the cache is not tiny. */
static unsigned chunks_spare(const Accel *a)
{
    return MIN(a->n_cpus + 1, (a->cache.limit - 1) / 3);
}

static int64_t host_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t effort_begin(Effort *e)
{
    return ++e->units % EFFORT_UNITS ? 0 : host_ns(CLOCK_MONOTONIC);
}

void effort_end(Effort *e, int64_t begun, bool again)
{
    if (begun) {
        uint64_t took = MIN(host_ns(CLOCK_MONOTONIC) - begun, EFFORT_MOST) * EFFORT_UNITS;
        e->new_translating += took;
        e->new_again += again ? took : 0;
    }
}

void effort_add(Effort *e, int64_t spent)
{
    uint64_t all = CLAMP((uint64_t)spent, e->new_translating, e->new_translating * EFFORT_BESIDE);

    e->all += all - e->all / EFFORT_CHUNKS;
    e->translating += e->new_translating - e->translating / EFFORT_CHUNKS;
    e->again += e->new_again - e->again / EFFORT_CHUNKS;
    e->new_translating = e->new_again = 0;
}

/*
 * It is if a quarter of the time goes into making again what had to go. While more than three
 * eighths go into translating at all, a guest is at something large, of which it will need much
 * again: then it gets some room at once, and more if a quarter of what is made was there. A boot,
 * which uses most code a few times, stays below these shares.
 */
bool cache_is_too_small(const CodeCache *c, const Effort *e)
{
    bool busy = 8 * e->translating > 3 * e->all;

    return 4 * e->again > e->all ||
           (busy && (c->limit < c->roomy || 4 * e->again > e->translating));
}

/* One that is nearly large enough pays for the rest in time. What is saved at exit, at once. */
static bool cache_buys_chunk(Accel *a)
{
    CodeCache *c = &a->cache;

    if (c->paid < (a->saved.dir >= 0 ? 1 : PRICE)) {
        return false;
    }
    c->paid = 0;
    return true;
}

static bool chunk_holds_code(const Chunk *k)
{
    return k->state == CHUNK_FILLING || k->state == CHUNK_FULL;
}

/* Free what was retired and nobody is in any more; how many hold code, with chunk 0. */
static unsigned chunks_settle_locked(Accel *a)
{
    CodeCache *c = &a->cache;
    unsigned n = 1;

    for (unsigned i = 1; i < c->begun; i++) {
        Chunk *k = &c->chunks[i];
        if (k->state == CHUNK_RETIRED && epochs_passed(a, NULL, k->free_from)) {
            chunk_free(a, k);
        }
        n += chunk_holds_code(k);
    }
    return n;
}

/* Loops of linked units would never hear that chunks were retired. */
static void tell_of_retired(Accel *a, const CPU *self)
{
    for (unsigned i = 0; i < a->n_cpus; i++) {
        if (a->cpus[i] != self &&
            __atomic_load_n(&a->cpus[i]->tcg->epoch, __ATOMIC_RELAXED) != EPOCH_OUTSIDE) {
            cpu_kick(a->cpus[i], 0);
        }
    }
}

/* What a vCPU did since it took its last chunk. */
static void effort_note(Effort *e)
{
    int64_t now = host_ns(CLOCK_THREAD_CPUTIME_ID);

    if (e->since) {
        effort_add(e, now - e->since);
    }
    e->since = now;
}

/* A free chunk's number, 0: there is none. */
static unsigned chunk_take_locked(CPU *cpu, bool again)
{
    Accel *a = cpu->tcg->accel;
    CodeCache *c = &a->cache;
    uint64_t retirements = c->retirements;

    chunk_close_locked(cpu, again);
    unsigned held = chunks_settle_locked(a), taken = c->begun < c->n_chunks ? c->begun : 0;
    for (unsigned i = c->begun - 1; i > 0; i--) {
        taken = c->chunks[i].state == CHUNK_FREE ? i : taken;
    }
    c->paid += again;
    while (held + chunks_spare(a) >= c->limit && c->limit < c->max_chunks &&
           (cache_is_too_small(c, &cpu->tcg->effort) || cache_buys_chunk(a))) {
        if (c->limit == c->mapped && !cache_map(c, MIN(MAP_CHUNKS, c->max_chunks - c->mapped))) {
            c->max_chunks = c->limit;
            break;
        }
        if (++c->limit > c->n_chunks) {
            taken = taken ? taken : c->n_chunks;
            c->n_chunks++;
        }
    }
    if (taken) {
        c->chunks[taken].state = CHUNK_FILLING;
        c->chunks[taken].again = again;
        c->begun = MAX(c->begun, taken + 1);
        held++;
    }
    for (Chunk *k; held + chunks_spare(a) > c->limit && (k = chunk_oldest(c)); held--) {
        chunk_retire_locked(a, k);
    }
    if (c->retirements > retirements) {
        tell_of_retired(a, cpu);
    }
    return taken;
}

void cache_empty_chunk(Accel *a)
{
    CodeCache *c = &a->cache;
    bool have = false;

    g_mutex_lock(&a->unit_lock);
    for (unsigned i = 1; i < c->n_chunks && !have; i++) {
        have = c->chunks[i].state == CHUNK_FREE;
    }
    if (!have) {
        for (unsigned i = 0; i < a->n_cpus && !chunk_oldest(c); i++) {
            chunk_close_locked(a->cpus[i], false);
            chunk_close_locked(a->cpus[i], true);
        }
        if (chunk_oldest(c)) {
            chunk_retire_locked(a, chunk_oldest(c));
        }
        for (unsigned i = 1; i < c->n_chunks; i++) {
            if (c->chunks[i].state == CHUNK_RETIRED) {
                chunk_free(a, &c->chunks[i]);
            }
        }
        c->emptied++;
    }
    g_mutex_unlock(&a->unit_lock);
}

/* If no chunk of the piece holds anything, its memory goes. */
static void piece_give_back_locked(CodeCache *c, unsigned piece)
{
    unsigned first = piece * PIECE_CHUNKS, n = piece_chunks(c->mapped, piece);

    for (unsigned i = first; i < first + n; i++) {
        if (i == 0 || c->chunks[i].state != CHUNK_FREE) {
            return;
        }
    }
    if (__atomic_exchange_n(&c->populated[piece], false, __ATOMIC_RELAXED)) {
        madvise(c->rw + first * CHUNK_SIZE, n * CHUNK_SIZE, MADV_REMOVE);
    }
}

bool cache_trim(Accel *a, unsigned keep)
{
    CodeCache *c = &a->cache;

    g_mutex_lock(&a->unit_lock);
    unsigned held = chunks_settle_locked(a);
    const Chunk *oldest = held > keep ? chunk_oldest(c) : NULL;
    if (oldest) {
        unsigned piece = (oldest - c->chunks) / PIECE_CHUNKS;
        for (unsigned i = 0; i < piece_chunks(c->mapped, piece); i++) {
            Chunk *k = &c->chunks[piece * PIECE_CHUNKS + i];
            if (k->state == CHUNK_FULL) {
                chunk_retire_locked(a, k);
                held--;
            }
        }
        tell_of_retired(a, NULL);
    }
    bool waiting = false;
    for (unsigned i = 1; i < c->begun; i++) {
        waiting |= c->chunks[i].state == CHUNK_RETIRED;
    }
    for (unsigned i = 0; i * PIECE_CHUNKS < c->mapped; i++) {
        piece_give_back_locked(c, i);
    }
    c->limit = MIN(c->limit, MAX(held, MAX(keep, 4)));
    g_mutex_unlock(&a->unit_lock);
    return oldest || waiting;
}

/* Whoever moves idle_next on owns the other fields until that time. */
void cache_idle_at(Accel *a, int64_t now, int64_t cpu)
{
    CodeCache *c = &a->cache;
    int64_t next = __atomic_load_n(&c->idle_next, __ATOMIC_ACQUIRE);

    if (now < next || !__atomic_compare_exchange_n(&c->idle_next, &next, now + IDLE_NS, false,
                                                   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        return;
    }
    if (!c->idle) {
        c->idle = c->idle_since && (cpu - c->idle_cpu) * IDLE_SHARE < now - c->idle_since;
        c->idle_since = now;
        c->idle_cpu = cpu;
    }
    for (unsigned i = 0; i < IDLE_PIECES && c->idle; i++) {
        c->idle = cache_trim(a, a->opt.cache_size / CHUNK_SIZE * 3 / 4);
    }
    if (c->idle) {
        __atomic_store_n(&c->idle_next, now, __ATOMIC_RELEASE);
    }
}

void cache_idle(Accel *a)
{
    int64_t now = host_ns(CLOCK_MONOTONIC);

    /* What is saved at exit must be there then. */
    if (now >= __atomic_load_n(&a->cache.idle_next, __ATOMIC_ACQUIRE) && a->saved.dir < 0) {
        cache_idle_at(a, now, host_ns(CLOCK_PROCESS_CPUTIME_ID));
    }
}

/* For a unit and its place in the index. */
static size_t chunk_room(const Chunk *k)
{
    size_t taken = k->used + (k->n_units + 1) * sizeof(uint16_t);

    return taken < CHUNK_SIZE ? CHUNK_SIZE - taken : 0;
}

/* Bytes in front of each unit, for unit_ir(). */
static unsigned unit_lead(const Accel *a)
{
    return units_keep_ir(a) ? UNIT_ALIGN : 0;
}

uint8_t *cache_room(CPU *cpu, bool again, size_t need, size_t *room)
{
    Accel *a = cpu->tcg->accel;
    CodeCache *c = &a->cache;

    again = again && a->opt.cache_size / CHUNK_SIZE / AGAIN_CHUNKS >= a->n_cpus;
    unsigned n = cpu->tcg->chunk[again];
    if (n == 0 || unit_lead(a) + need > chunk_room(&c->chunks[n])) {
        effort_note(&cpu->tcg->effort);
        g_mutex_lock(&a->unit_lock);
        n = chunk_take_locked(cpu, again);
        unsigned mapped = c->mapped;
        g_mutex_unlock(&a->unit_lock);
        cpu->tcg->chunk[again] = n;
        if (n == 0) {
            return NULL;
        }
        cache_populate(a, n, mapped);
    }
    const Chunk *k = &c->chunks[n];
    *room = chunk_room(k) - unit_lead(a);
    return chunk_bytes(c, k) + k->used + unit_lead(a);
}

void unit_publish(CPU *cpu, Unit *u, size_t bytes, const uint32_t writes[2], const uint64_t *young)
{
    Accel *a = cpu->tcg->accel;
    Chunk *k = &a->cache.chunks[((uint8_t *)u - a->cache.rw) / CHUNK_SIZE];
    uint8_t *chunk = chunk_bytes(&a->cache, k);
    unsigned n = k->n_units;
    uint32_t *head = &a->hash[unit_hash(u->ra, u->mode)], ref = unit_ref(a, u);
    bool stale = false;

    for (unsigned i = 0; i < u->nexits; i++) {
        TcgExit *e = &unit_exits(u)[i];
        e->back = ((uint8_t *)e - (uint8_t *)u) / 8;
    }
    g_mutex_lock(&a->unit_lock);
    *chunk_index(chunk, n) = ((uint8_t *)u - chunk) / UNIT_ALIGN;
    __atomic_store_n(&k->n_units, n + 1, __ATOMIC_RELEASE);
    k->used += unit_lead(a) + ((bytes + UNIT_ALIGN - 1) & ~(size_t)(UNIT_ALIGN - 1));
    for (int i = 0; i < 2; i++) {
        ram_addr ra = i == 0 ? u->ra : unit_ra2(a, u);
        if (ra != RAM_ADDR_NONE) {
            PageDesc *p = page_desc(a, ra, false);
            p->spared = 0;
            *unit_page_next(a, u, i) = p->units;
            __atomic_store_n(&p->units, ref, __ATOMIC_RELAXED);
            /* Before the page stops being busy: stores ask without the lock. */
            __atomic_store_n(&p->granules, p->granules | unit_granules(u, i), __ATOMIC_RELEASE);
            stale |= !page_end_read_locked(a, ra, writes[i]);
        }
    }
    if (unit_was_there(a, u->ra, u->mode)) {
        uint32_t mark;
        __atomic_store_n(unit_gone(a, u->ra, u->mode, &mark), 0, __ATOMIC_RELAXED);
    }
    u->hash_next = *head;
    __atomic_store_n(head, ref, __ATOMIC_RELEASE);
    if (stale || (young && !unit_is_as_translated(a, u, *young))) {
        u->source_bytes = 0; /* nobody knows which bytes it was made from */
        unit_kill_locked(a, u);
    } else if (u->region) {
        /* It takes the place of the unit. */
        for (Unit *v = unit_of_ref(a, u->hash_next), *next; v; v = next) {
            next = unit_of_ref(a, v->hash_next);
            if (v->ra == u->ra && v->mode == u->mode) {
                unit_kill_locked(a, v);
            }
        }
    } else if (young) {
        Young y = {.unit = u, .sum = *young};
        g_array_append_val(a->young, y);
        __atomic_store_n(&a->n_young, a->young->len, __ATOMIC_RELEASE);
        if (a->young->len >= a->young_limit) {
            check_young_locked(cpu);
        }
    }
    g_mutex_unlock(&a->unit_lock);
}

Unit *unit_from_host(Accel *a, uintptr_t ra)
{
    CodeCache *c = &a->cache;
    size_t off = ra - (uintptr_t)c->rx;

    if (off >= c->size || off < CHUNK_SIZE) {
        return NULL;
    }
    const Chunk *k = &c->chunks[off / CHUNK_SIZE];
    uint8_t *chunk = chunk_bytes(c, k);
    unsigned lo = 0, hi = __atomic_load_n(&k->n_units, __ATOMIC_ACQUIRE);
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (*chunk_index(chunk, mid) <= off % CHUNK_SIZE / UNIT_ALIGN) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo == 0) {
        return NULL;
    }
    Unit *u = chunk_unit(c, k, lo - 1);
    size_t code = (uint8_t *)u - c->rw + UNIT_HEAD;
    return off >= code && off <= code + u->code_size ? u : NULL;
}

bool epochs_passed(Accel *a, const CPU *self, uint64_t epoch)
{
    for (unsigned i = 0; i < a->n_cpus; i++) {
        if (a->cpus[i] != self &&
            __atomic_load_n(&a->cpus[i]->tcg->epoch, __ATOMIC_SEQ_CST) < epoch) {
            return false;
        }
    }
    return true;
}

/* The first epoch in which what was just taken back cannot have been seen. A full barrier, as
 * tcg_exec() has one: a vCPU whose epoch we do not see yet will see our stores. */
static uint64_t epoch_next(Accel *a)
{
    return __atomic_add_fetch(&a->epoch, 1, __ATOMIC_SEQ_CST);
}

static uint32_t exit_ref(const Accel *a, const TcgExit *e)
{
    return ((const uint8_t *)e - a->cache.rw) / 8;
}

static Unit *unit_of_exit(const TcgExit *e)
{
    return (Unit *)((uint8_t *)e - e->back * 8);
}

static void exit_unlink_locked(Accel *a, TcgExit *e)
{
    Unit *src = unit_of_exit(e), *dest = unit_of_ref(a, e->dest);
    TcgCode code = unit_code(a, src);
    uint32_t *p = &dest->in, ref = exit_ref(a, e);

    while (*p != ref) {
        p = &exit_of_ref(a, *p)->next_in;
    }
    *p = e->next_in;
    e->dest = 0;
    if (e->link) {
        __atomic_store_n(&tcg_exit_link(&code, e)->ctx, 0, __ATOMIC_RELEASE);
    }
    a->host->patch_exit(a->thunks, &code, e, NULL);
    if (e->link) {
        tcg_exit_link(&code, e)->unlinked = epoch_next(a);
    }
}

void unit_link(CPU *cpu, Unit *src, TcgExit *e, Unit *u)
{
    Accel *a = cpu->tcg->accel;
    CPUEnv *env = cpu->env;
    uint64_t page = env->pc & TLB_PAGE_MASK;
    TcgCode code = unit_code(a, src);
    TcgLink *link = e->link ? tcg_exit_link(&code, e) : NULL;

    /* A straddling unit depends on the mapping of the next page, which a plain jump does not check.
     */
    if ((!link && u->straddles) || a->opt.check) {
        return;
    }
    g_mutex_lock(&a->unit_lock);
    if (!u->dead && !src->dead) {
        /* Another vCPU may still stand between the check of the two words and the jump, on its way
         * to what was linked before. On the same page every destination is right for everybody. */
        if (!e->dest && (!link || epochs_passed(a, cpu, link->unlinked))) {
            e->dest = unit_ref(a, u);
            e->next_in = u->in;
            u->in = exit_ref(a, e);
            if (link) {
                link->page = page;
            }
            a->host->patch_exit(a->thunks, &code, e, unit_entry(a, u));
        }
        /* For the same reason neither the page nor the destination of a link that exists may
         * change; the context may. */
        if (link && e->dest == unit_ref(a, u) && link->page == page) {
            __atomic_store_n(&link->ctx, env->ctx, __ATOMIC_RELEASE);
        }
    }
    g_mutex_unlock(&a->unit_lock);
}

static void unit_kill_locked(Accel *a, Unit *u)
{
    __atomic_store_n(&u->dead, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < a->n_cpus && u->region; i++) {
        /* Its loops do not pass the entry. */
        cpu_kick(a->cpus[i], 0);
    }
    if (u->code_size) {
        TcgCode code = unit_code(a, u);
        a->host->patch_dead(a->thunks, &code);
        while (u->in) {
            exit_unlink_locked(a, exit_of_ref(a, u->in));
        }
        for (unsigned i = 0; i < u->nexits; i++) {
            if (code.exits[i].dest) {
                exit_unlink_locked(a, &code.exits[i]);
            }
        }
    }
    uint32_t *h = &a->hash[unit_hash(u->ra, u->mode)], ref = unit_ref(a, u);
    while (*h && *h != ref) {
        h = &unit_of_ref(a, *h)->hash_next;
    }
    if (*h) {
        __atomic_store_n(h, u->hash_next, __ATOMIC_RELEASE);
    }
    for (int i = 0; i < 2; i++) {
        ram_addr ra = i == 0 ? u->ra : unit_ra2(a, u);
        if (ra == RAM_ADDR_NONE) {
            continue;
        }
        PageDesc *p = page_desc(a, ra, false);
        uint32_t *l = &p->units;
        uint64_t left = 0; /* others look at p->granules without the lock */
        while (*l) {
            Unit *v = unit_of_ref(a, *l);
            int k = (v->ra >> MEM_PAGE_BITS) == (ra >> MEM_PAGE_BITS) ? 0 : 1;
            if (v == u) {
                __atomic_store_n(l, *unit_page_next(a, v, k), __ATOMIC_RELAXED);
            } else {
                left |= unit_granules(v, k);
                l = unit_page_next(a, v, k);
            }
        }
        __atomic_store_n(&p->granules, left, __ATOMIC_RELEASE);
    }
}

/*
 * Young units. A vCPU that passed the check of a store before the page was marked may do the store
 * any time later: epochs tell when it must have. Until then a unit made from that page is young. It
 * was translated from a copy of its bytes, whose sum is kept, and is compared with memory at each
 * fence for code and once when nobody can be on the way any more.
 */
static uint64_t source_sum(uint64_t sum, const uint8_t *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sum = (sum ^ p[i]) * 0x100000001b3ull; /* FNV-1a */
    }
    return sum;
}

uint64_t unit_source_sum(const Unit *u, const uint8_t *page, const uint8_t *next_page)
{
    /* The low bits of its pc may be a tag. */
    unsigned off = u->ra & ~TLB_PAGE_MASK & ~UINT64_C(3),
             end = (u->ra & ~TLB_PAGE_MASK) + u->guest_bytes;
    uint64_t sum = source_sum(0xcbf29ce484222325ull, page + off, MIN(end, TLB_PAGE_SIZE) - off);

    return end > TLB_PAGE_SIZE ? source_sum(sum, next_page, end - TLB_PAGE_SIZE) : sum;
}

/* True if no vCPU but self can be on its way to a store to the page that nobody will notice. */
static bool page_settled(Accel *a, const CPU *self, ram_addr ra)
{
    uint64_t marked = __atomic_load_n(&page_desc(a, ra, false)->marked, __ATOMIC_ACQUIRE);

    return marked != PAGE_MARKING && epochs_passed(a, self, marked);
}

bool page_is_young(Accel *a, const CPU *self, ram_addr ra)
{
    return !page_settled(a, self, ra);
}

void page_writing(Accel *a, ram_addr ra)
{
    PageDesc *p = page_desc(a, ra, false);

    if (p) {
        g_mutex_lock(&a->unit_lock);
        __atomic_store_n(&p->marked, epoch_next(a), __ATOMIC_RELEASE);
        g_mutex_unlock(&a->unit_lock);
    }
}

static bool unit_is_as_translated(Accel *a, const Unit *u, uint64_t sum)
{
    const uint8_t *page[2] = {NULL, NULL};
    uint64_t off;

    for (int i = 0; i < 2; i++) {
        ram_addr ra = i == 0 ? u->ra : unit_ra2(a, u);
        RamBlock *b = ra == RAM_ADDR_NONE ? NULL : ram_block_find(a->ms, ra, &off);
        page[i] = b ? b->host + (off & TLB_PAGE_MASK) : NULL;
    }
    return unit_source_sum(u, page[0], page[1]) == sum;
}

static void check_young_locked(CPU *cpu)
{
    Accel *a = cpu->tcg->accel;
    unsigned kept = 0;

    for (unsigned i = 0; i < a->young->len; i++) {
        Young *y = &g_array_index(a->young, Young, i);
        if (y->unit->dead) {
            continue;
        }
        /* In this order: what is stored after the look at memory is the next look's. */
        bool last = page_settled(a, cpu, y->unit->ra) &&
                    (!y->unit->straddles || page_settled(a, cpu, unit_ra2(a, y->unit)));
        if (!unit_is_as_translated(a, y->unit, y->sum)) {
            unit_kill_locked(a, y->unit);
        } else if (!last) {
            g_array_index(a->young, Young, kept++) = *y;
        }
    }
    g_array_set_size(a->young, kept);
    a->young_limit = MAX(64, 2 * kept);
    __atomic_store_n(&a->n_young, kept, __ATOMIC_RELEASE);
}

void cpu_code_fence(CPU *cpu)
{
    Accel *a = cpu->tcg->accel;

    if (__atomic_load_n(&a->n_young, __ATOMIC_ACQUIRE)) {
        g_mutex_lock(&a->unit_lock);
        check_young_locked(cpu);
        g_mutex_unlock(&a->unit_lock);
    }
}

void page_begin_read(Accel *a, ram_addr ra, uint32_t *writes)
{
    uint64_t off;
    RamBlock *b = ram_block_find(a->ms, ra, &off);
    uint8_t *code = &b->code[off >> MEM_PAGE_BITS];

    g_mutex_lock(&a->unit_lock);
    PageDesc *p = page_desc(a, ra, true);
    p->busy++;
    *writes = p->writes;
    bool fresh = !*code;
    if (fresh) {
        __atomic_store_n(&p->marked, PAGE_MARKING, __ATOMIC_RELEASE);
    }
    __atomic_store_n(code, 1, __ATOMIC_SEQ_CST);
    g_mutex_unlock(&a->unit_lock);
    if (fresh) {
        /* Pairs with the fence of tlb_set(): either it sees the byte or we see its entry. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        for (unsigned i = 0; i < a->n_cpus; i++) {
            tlb_protect_code(a->cpus[i], b->host + (off & TLB_PAGE_MASK));
        }
        page_writing(a, ra);
    }
}

bool page_end_read_locked(Accel *a, ram_addr ra, uint32_t writes)
{
    PageDesc *p = page_desc(a, ra, false);

    __atomic_store_n(&p->busy, p->busy - 1, __ATOMIC_RELEASE);
    return p->writes == writes;
}

bool page_try_unmark(Accel *a, ram_addr ra)
{
    PageDesc *p = page_desc(a, ra, false);
    bool none = false;

    if (p && __atomic_load_n(&p->units, __ATOMIC_RELAXED)) {
        return false;
    }
    g_mutex_lock(&a->unit_lock);
    /* Code that is patched comes back at once; to mark its page looks through whole tables. */
    if (!p || (!p->units && !p->busy && ++p->spared >= PAGE_SPARED)) {
        uint64_t off;
        RamBlock *b = ram_block_find(a->ms, ra, &off);
        __atomic_store_n(&b->code[off >> MEM_PAGE_BITS], 0, __ATOMIC_SEQ_CST);
        none = true;
    }
    g_mutex_unlock(&a->unit_lock);
    return none;
}

void units_invalidate(Accel *a, ram_addr ra, uint64_t len)
{
    /* The bytes were stored; a translation that reads the old ones is busy or done in our eyes. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    while (len > 0) {
        unsigned from = ra & ~TLB_PAGE_MASK;
        unsigned n = MIN(len, TLB_PAGE_SIZE - from);
        PageDesc *p = page_desc(a, ra, false);
        uint64_t hit = granules(from, from + n);

        if (p && (__atomic_load_n(&p->busy, __ATOMIC_ACQUIRE) ||
                  (__atomic_load_n(&p->granules, __ATOMIC_ACQUIRE) & hit))) {
            g_mutex_lock(&a->unit_lock);
            p->writes++;
            Unit *next;
            for (Unit *u = unit_of_ref(a, p->units); u; u = next) {
                int k = (u->ra >> MEM_PAGE_BITS) == (ra >> MEM_PAGE_BITS) ? 0 : 1;
                next = unit_of_ref(a, *unit_page_next(a, u, k));
                unsigned first, end;
                unit_part(u, k, &first, &end);
                if (from < end && first < from + n) {
                    unit_kill_locked(a, u);
                }
            }
            g_mutex_unlock(&a->unit_lock);
        }
        ra += n;
        len -= n;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The physical memory map: region trees, flat views, look-up, MMIO dispatch, DMA.
 *
 * Views: `AddressSpace.view` points at an immutable sorted array without overlaps. A change builds
 * a new one under the topology lock and stores the pointer. A reader counts itself in
 * `readers[phase][shard]` before it loads the pointer and out when it has copied what it needs. A
 * replaced view is freed once each counter has been seen at zero after the replacement: whoever
 * could have loaded the old pointer was counted then. The phase flips at each try so that a steady
 * stream of new readers cannot keep a counter from reaching zero.
 *
 * Device locks: `locks_held` counts, per thread, the device locks and MMIO callbacks the thread is
 * in. An MMIO access with a count that is not zero can only be DMA of a device, and is refused.
 *
 * Test: tests/unit/test-memory.c
 */
#include "softmmu/memory-private.h"
#include "rhea/log.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

typedef struct FlatRange {
    hwaddr first, last; /* inclusive, so that 2^64 can be reached */
    MemRegion *region;
    hwaddr offset; /* of first in region */
} FlatRange;

typedef struct FlatView {
    unsigned n;
    FlatRange r[];
} FlatView;

struct AddressSpace {
    MemSystem *ms;
    char *name;
    MemRegion *root;
    const FlatView *view; /* atomic */
};

typedef struct RetiredView {
    const FlatView *view;
    uint32_t pending[2]; /* bit s: readers[][s] was not seen at zero yet */
} RetiredView;

static __thread unsigned locks_held;

/* ---- system ---- */

MemSystem *memory_system_new(void)
{
    MemSystem *ms = g_new0(MemSystem, 1);

    g_rec_mutex_init(&ms->topology);
    ms->blocks = g_new0(RamBlockList, 1);
    ms->old_block_lists = g_ptr_array_new_with_free_func(g_free);
    ms->spaces = g_ptr_array_new();
    ms->listeners = g_array_new(FALSE, FALSE, sizeof(MemListener));
    ms->retired = g_ptr_array_new();
    return ms;
}

void memory_system_free(MemSystem *ms)
{
    for (unsigned i = 0; i < ms->spaces->len; i++) {
        AddressSpace *as = g_ptr_array_index(ms->spaces, i);

        g_free((void *)as->view);
        g_free(as->name);
        g_free(as);
    }
    for (unsigned i = 0; i < ms->retired->len; i++) {
        RetiredView *v = g_ptr_array_index(ms->retired, i);

        g_free((void *)v->view);
        g_free(v);
    }
    for (unsigned i = 0; i < ms->blocks->n; i++) {
        ram_block_free(ms->blocks->b[i]);
    }
    g_free((void *)ms->blocks);
    g_ptr_array_free(ms->old_block_lists, TRUE);
    g_ptr_array_free(ms->spaces, TRUE);
    g_ptr_array_free(ms->retired, TRUE);
    g_array_free(ms->listeners, TRUE);
    g_rec_mutex_clear(&ms->topology);
    g_free(ms);
}

void memory_add_listener(MemSystem *ms, const MemListener *l)
{
    g_rec_mutex_lock(&ms->topology);
    g_array_append_val(ms->listeners, *l);
    g_rec_mutex_unlock(&ms->topology);
}

static void listeners_call(MemSystem *ms, AddressSpace *as)
{
    for (unsigned i = 0; i < ms->listeners->len; i++) {
        const MemListener *l = &g_array_index(ms->listeners, MemListener, i);

        l->changed(l->opaque, as);
    }
}

/* ---- flattening ---- */

/* Add the parts of [first, last] that are still free. Ranges in `flat` are sorted. */
static void flat_add(GArray *flat, hwaddr first, hwaddr last, MemRegion *r, hwaddr offset)
{
    unsigned i = 0;

    for (;;) {
        while (i < flat->len && g_array_index(flat, FlatRange, i).last < first) {
            i++;
        }
        hwaddr end = last;

        if (i < flat->len) {
            const FlatRange *next = &g_array_index(flat, FlatRange, i);

            if (next->first <= first) {
                if (next->last >= last) {
                    return;
                }
                offset += next->last + 1 - first;
                first = next->last + 1;
                continue;
            }
            end = MIN(last, next->first - 1);
        }
        FlatRange piece = {first, end, r, offset};
        g_array_insert_val(flat, i, piece);
        if (end == last) {
            return;
        }
        offset += end + 1 - first;
        first = end + 1;
    }
}

/* base: where byte 0 of r would be, possibly negative behind an alias. */
static void flat_render(GArray *flat, MemRegion *r, __int128 base, hwaddr first, hwaddr last)
{
    if (!r->enabled || r->size == 0) {
        return;
    }
    __int128 size = r->size == UINT64_MAX ? (__int128)1 << 64 : (__int128)r->size;
    __int128 lo = MAX(base, (__int128)first);
    __int128 hi = MIN(base + size - 1, (__int128)last);

    if (lo > hi) {
        return;
    }
    switch (r->type) {
    case REGION_CONTAINER:
        for (unsigned i = 0; i < r->children->len; i++) {
            MemRegion *c = g_ptr_array_index(r->children, i);

            flat_render(flat, c, base + c->addr, lo, hi);
        }
        break;
    case REGION_ALIAS:
        flat_render(flat, r->alias, base - r->alias_offset, lo, hi);
        break;
    case REGION_LEAF:
        flat_add(flat, lo, hi, r, lo - base);
        break;
    }
}

static const FlatView *flat_build(AddressSpace *as)
{
    GArray *flat = g_array_sized_new(FALSE, FALSE, sizeof(FlatRange), 64);

    flat_render(flat, as->root, 0, 0, UINT64_MAX);
    FlatView *v = g_malloc(sizeof(*v) + flat->len * sizeof(v->r[0]));
    v->n = flat->len;
    memcpy(v->r, flat->data, flat->len * sizeof(v->r[0]));
    g_array_free(flat, TRUE);
    return v;
}

static bool flat_equal(const FlatView *a, const FlatView *b)
{
    return a->n == b->n && memcmp(a->r, b->r, a->n * sizeof(a->r[0])) == 0;
}

static void views_reclaim(MemSystem *ms)
{
    for (unsigned i = 0; i < ms->retired->len;) {
        RetiredView *v = g_ptr_array_index(ms->retired, i);

        for (unsigned phase = 0; phase < 2; phase++) {
            for (unsigned s = 0; s < READER_SHARDS; s++) {
                if (__atomic_load_n(&ms->readers[phase][s].n, __ATOMIC_SEQ_CST) == 0) {
                    v->pending[phase] &= ~(1u << s);
                }
            }
        }
        if (v->pending[0] | v->pending[1]) {
            i++;
        } else {
            g_free((void *)v->view);
            g_free(v);
            g_ptr_array_remove_index_fast(ms->retired, i);
        }
    }
    __atomic_fetch_xor(&ms->phase, 1, __ATOMIC_SEQ_CST);
}

static void views_rebuild(MemSystem *ms)
{
    ms->dirty = false;
    for (unsigned i = 0; i < ms->spaces->len; i++) {
        AddressSpace *as = g_ptr_array_index(ms->spaces, i);
        const FlatView *old = as->view, *v = flat_build(as);

        if (flat_equal(old, v)) {
            g_free((void *)v);
            continue;
        }
        __atomic_store_n(&as->view, v, __ATOMIC_SEQ_CST);
        RetiredView *retired = g_new(RetiredView, 1);
        *retired = (RetiredView){old, {(1u << READER_SHARDS) - 1, (1u << READER_SHARDS) - 1}};
        g_ptr_array_add(ms->retired, retired);
        listeners_call(ms, as);
    }
    views_reclaim(ms);
}

void memory_transaction_begin(MemSystem *ms)
{
    g_rec_mutex_lock(&ms->topology);
    ms->depth++;
}

void memory_transaction_commit(MemSystem *ms)
{
    if (--ms->depth == 0 && ms->dirty) {
        views_rebuild(ms);
    }
    g_rec_mutex_unlock(&ms->topology);
}

/* ---- regions ---- */

static void region_init(MemRegion *r, MemSystem *ms, const char *name, uint64_t size)
{
    *r = (MemRegion){.name = name, .enabled = true, .size = size, .ms = ms};
}

void memory_region_init_container(MemRegion *r, MemSystem *ms, const char *name, uint64_t size)
{
    region_init(r, ms, name, size);
    r->type = REGION_CONTAINER;
    r->children = g_ptr_array_new();
}

static void leaf_init_block(MemRegion *r, const char *name, MemKind kind, RamBlock *b,
                            uint64_t offset, uint64_t size)
{
    g_assert(((offset | size) & (MEM_PAGE_SIZE - 1)) == 0 && offset <= b->size &&
             size <= b->size - offset);
    region_init(r, b->ms, name, size);
    r->type = REGION_LEAF;
    r->kind = kind;
    r->block = b;
    r->block_offset = offset;
}

void memory_region_init_ram(MemRegion *r, const char *name, RamBlock *b, uint64_t offset,
                            uint64_t size)
{
    leaf_init_block(r, name, MEM_RAM, b, offset, size);
}

void memory_region_init_rom(MemRegion *r, const char *name, RamBlock *b, uint64_t offset,
                            uint64_t size)
{
    leaf_init_block(r, name, MEM_ROM, b, offset, size);
}

void memory_region_init_romd(MemRegion *r, const char *name, RamBlock *b, const MmioOps *ops,
                             void *opaque, GMutex *lock)
{
    leaf_init_block(r, name, MEM_ROMD, b, 0, b->size);
    r->romd = true;
    r->ops = ops;
    r->opaque = opaque;
    r->lock = lock;
}

void memory_region_init_mmio(MemRegion *r, MemSystem *ms, const char *name, uint64_t size,
                             const MmioOps *ops, void *opaque, GMutex *lock)
{
    region_init(r, ms, name, size);
    r->type = REGION_LEAF;
    r->kind = MEM_MMIO;
    r->ops = ops;
    r->opaque = opaque;
    r->lock = lock;
}

void memory_region_init_alias(MemRegion *r, const char *name, MemRegion *target, hwaddr offset,
                              uint64_t size)
{
    region_init(r, target->ms, name, size);
    r->type = REGION_ALIAS;
    r->alias = target;
    r->alias_offset = offset;
}

void memory_region_destroy(MemRegion *r)
{
    if (r->parent) {
        memory_region_del(r);
    }
    if (r->children) {
        g_assert(r->children->len == 0);
        g_ptr_array_free(r->children, TRUE);
        r->children = NULL;
    }
}

static void children_insert(MemRegion *parent, MemRegion *r)
{
    unsigned i = 0;

    while (i < parent->children->len &&
           ((MemRegion *)g_ptr_array_index(parent->children, i))->priority > r->priority) {
        i++;
    }
    g_ptr_array_insert(parent->children, i, r);
}

void memory_region_add(MemRegion *parent, hwaddr addr, MemRegion *r, int priority)
{
    MemSystem *ms = parent->ms;

    g_assert(parent->type == REGION_CONTAINER && !r->parent);
    memory_transaction_begin(ms);
    r->addr = addr;
    r->priority = priority;
    r->parent = parent;
    children_insert(parent, r);
    ms->dirty = true;
    memory_transaction_commit(ms);
}

void memory_region_del(MemRegion *r)
{
    MemSystem *ms = r->ms;

    memory_transaction_begin(ms);
    g_ptr_array_remove(r->parent->children, r);
    r->parent = NULL;
    ms->dirty = true;
    memory_transaction_commit(ms);
}

void memory_region_set_enabled(MemRegion *r, bool enabled)
{
    memory_transaction_begin(r->ms);
    r->ms->dirty |= r->enabled != enabled;
    r->enabled = enabled;
    memory_transaction_commit(r->ms);
}

void memory_region_set_address(MemRegion *r, hwaddr addr)
{
    memory_transaction_begin(r->ms);
    r->ms->dirty |= r->addr != addr;
    r->addr = addr;
    memory_transaction_commit(r->ms);
}

void memory_region_set_romd(MemRegion *r, bool romd)
{
    MemSystem *ms = r->ms;

    g_rec_mutex_lock(&ms->topology);
    if (r->romd != romd) {
        __atomic_store_n(&r->romd, romd, __ATOMIC_SEQ_CST);
        for (unsigned i = 0; i < ms->spaces->len; i++) {
            listeners_call(ms, g_ptr_array_index(ms->spaces, i));
        }
    }
    g_rec_mutex_unlock(&ms->topology);
}

/* ---- address spaces ---- */

AddressSpace *address_space_new(MemSystem *ms, const char *name, MemRegion *root)
{
    AddressSpace *as = g_new0(AddressSpace, 1);

    as->ms = ms;
    as->name = g_strdup(name);
    as->root = root;
    g_rec_mutex_lock(&ms->topology);
    as->view = flat_build(as);
    g_ptr_array_add(ms->spaces, as);
    g_rec_mutex_unlock(&ms->topology);
    return as;
}

void address_space_free(AddressSpace *as)
{
    g_rec_mutex_lock(&as->ms->topology);
    g_ptr_array_remove(as->ms->spaces, as);
    g_rec_mutex_unlock(&as->ms->topology);
    g_free((void *)as->view);
    g_free(as->name);
    g_free(as);
}

MemSystem *address_space_system(AddressSpace *as)
{
    return as->ms;
}

MemRegion *address_space_root(AddressSpace *as)
{
    return as->root;
}

static ReaderCount *view_read_begin(MemSystem *ms)
{
    /* The address of a thread-local tells threads apart; which shard they share is of no matter. */
    uint64_t hash = (uintptr_t)&locks_held * UINT64_C(0x9e3779b97f4a7c15);
    unsigned phase = __atomic_load_n(&ms->phase, __ATOMIC_RELAXED);
    ReaderCount *c = &ms->readers[phase][hash >> 60];

    G_STATIC_ASSERT(READER_SHARDS == 16);
    __atomic_fetch_add(&c->n, 1, __ATOMIC_SEQ_CST);
    return c;
}

static void view_read_end(ReaderCount *c)
{
    __atomic_fetch_sub(&c->n, 1, __ATOMIC_RELEASE);
}

MemKind memory_lookup(AddressSpace *as, hwaddr addr, MemSection *s)
{
    ReaderCount *reader = view_read_begin(as->ms);
    const FlatView *v = __atomic_load_n(&as->view, __ATOMIC_SEQ_CST);
    unsigned lo = 0, hi = v->n;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (v->r[mid].last < addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *s = (MemSection){.kind = MEM_UNASSIGNED, .ra = RAM_ADDR_NONE};
    hwaddr last = UINT64_MAX;
    if (lo < v->n) {
        const FlatRange *f = &v->r[lo];

        if (f->first > addr) {
            last = f->first - 1;
        } else {
            MemRegion *r = f->region;

            last = f->last;
            s->kind = r->kind;
            s->region = r;
            s->offset = f->offset + (addr - f->first);
            if (r->block) {
                uint64_t offset = r->block_offset + s->offset;

                s->block = r->block;
                s->host = r->block->host + offset;
                s->ra = r->block->start + offset;
            }
        }
    }
    s->len = last - addr == UINT64_MAX ? UINT64_MAX : last - addr + 1;
    view_read_end(reader);
    return s->kind;
}

/* ---- MMIO ---- */

void memory_device_lock(GMutex *lock)
{
    g_mutex_lock(lock);
    locks_held++;
}

void memory_device_unlock(GMutex *lock)
{
    locks_held--;
    g_mutex_unlock(lock);
}

static uint64_t size_mask(unsigned size)
{
    return size == 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
}

static uint64_t bytes_swap(uint64_t val, unsigned size)
{
    return __builtin_bswap64(val) >> (64 - size * 8);
}

/* True if the access may go to the callbacks. */
static bool mmio_check(MemRegion *r, hwaddr offset, unsigned size, const char *verb)
{
    const MmioOps *ops = r->ops;
    unsigned min = ops->valid_min ? ops->valid_min : 1;
    unsigned max = ops->valid_max ? ops->valid_max : 8;

    if (offset >= r->size || size > r->size - offset) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: %u-byte %s at offset 0x%" PRIx64 " leaves the region\n",
                      r->name, size, verb, offset);
        return false;
    }
    if (size < min || size > max || (!ops->unaligned && (offset & (size - 1)))) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: invalid %u-byte %s at offset 0x%" PRIx64 "\n", r->name,
                      size, verb, offset);
        return false;
    }
    return true;
}

static bool mmio_enter(MemRegion *r, hwaddr offset, unsigned size, const char *verb)
{
    if (locks_held) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "%s: %u-byte %s by DMA of a device at offset 0x%" PRIx64 " refused\n",
                      r->name, size, verb, offset);
        return false;
    }
    locks_held = 1;
    if (r->lock) {
        g_mutex_lock(r->lock);
    }
    return true;
}

static void mmio_leave(MemRegion *r)
{
    if (r->lock) {
        g_mutex_unlock(r->lock);
    }
    locks_held = 0;
}

static unsigned mmio_step(const MmioOps *ops, unsigned size)
{
    unsigned max = ops->impl_max ? ops->impl_max : ops->valid_max ? ops->valid_max : 8;

    return MIN(size, max);
}

MemTxResult memory_mmio_read(MemRegion *r, hwaddr offset, unsigned size, uint64_t *val)
{
    *val = 0;
    if (r->kind == MEM_RAM || r->kind == MEM_ROM ||
        (r->kind == MEM_ROMD && memory_region_romd(r))) {
        if (offset >= r->size || size > r->size - offset) {
            return MEMTX_DECODE_ERROR;
        }
        memcpy(val, r->block->host + r->block_offset + offset, size);
        *val = le64toh(*val);
        return MEMTX_OK;
    }
    if (!mmio_check(r, offset, size, "read")) {
        return MEMTX_DECODE_ERROR;
    }
    if (!mmio_enter(r, offset, size, "read")) {
        return MEMTX_ERROR;
    }
    unsigned step = mmio_step(r->ops, size);
    MemTxResult res = MEMTX_OK;
    for (unsigned i = 0; i < size; i += step) {
        uint64_t part = 0;
        MemTxResult one = r->ops->read(r->opaque, offset + i, step, &part);

        if (one != MEMTX_OK) {
            res = res == MEMTX_OK ? one : res;
            part = 0;
        }
        part &= size_mask(step);
        if (r->ops->endian == MEM_BIG_ENDIAN) {
            part = bytes_swap(part, step);
        }
        *val |= part << i * 8;
    }
    mmio_leave(r);
    if (res != MEMTX_OK) {
        *val = 0;
    }
    return res;
}

MemTxResult memory_mmio_write(MemRegion *r, hwaddr offset, unsigned size, uint64_t val)
{
    val &= size_mask(size);
    if (r->kind == MEM_RAM || r->kind == MEM_ROM) {
        if (offset >= r->size || size > r->size - offset) {
            return MEMTX_DECODE_ERROR;
        }
        if (r->kind == MEM_ROM) {
            rhea_log_mask(LOG_GUEST_ERROR,
                          "%s: %u-byte write of 0x%" PRIx64 " to ROM at offset 0x%" PRIx64 "\n",
                          r->name, size, val, offset);
            return MEMTX_OK;
        }
        val = htole64(val);
        memcpy(r->block->host + r->block_offset + offset, &val, size);
        memory_notify_code_write(r->block, r->block_offset + offset, size);
        return MEMTX_OK;
    }
    if (!mmio_check(r, offset, size, "write")) {
        return MEMTX_DECODE_ERROR;
    }
    if (!mmio_enter(r, offset, size, "write")) {
        return MEMTX_ERROR;
    }
    unsigned step = mmio_step(r->ops, size);
    MemTxResult res = MEMTX_OK;
    for (unsigned i = 0; i < size; i += step) {
        uint64_t part = (val >> i * 8) & size_mask(step);

        if (r->ops->endian == MEM_BIG_ENDIAN) {
            part = bytes_swap(part, step);
        }
        MemTxResult one = r->ops->write(r->opaque, offset + i, step, part);
        if (one != MEMTX_OK && res == MEMTX_OK) {
            res = one;
        }
    }
    mmio_leave(r);
    return res;
}

/* ---- DMA ---- */

void memory_set_code_hook(MemSystem *ms, MemCodeWriteFn *fn, void *opaque)
{
    ms->code_fn = fn;
    ms->code_opaque = opaque;
}

void memory_notify_code_write(RamBlock *b, uint64_t offset, uint64_t len)
{
    MemSystem *ms = b->ms;

    if (!ms->code_fn || len == 0) {
        return;
    }
    /* The translator sets the byte, then reads the page; here the page was written before the byte
       is looked at: one of the two sees the other. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint64_t last = (offset + len - 1) >> MEM_PAGE_BITS;
    for (uint64_t p = offset >> MEM_PAGE_BITS; p <= last; p++) {
        if (__atomic_load_n(&b->code[p], __ATOMIC_RELAXED)) {
            ms->code_fn(ms->code_opaque, b, offset, len);
            return;
        }
    }
}

/* The widest naturally aligned access that the device takes and that fits. */
static unsigned dma_step(const MemRegion *r, hwaddr offset, uint64_t len)
{
    unsigned max = r->ops->valid_max ? r->ops->valid_max : 8;
    unsigned size = 1;

    while (size < max && size * 2 <= len && (offset & (size * 2 - 1)) == 0) {
        size *= 2;
    }
    return size;
}

static bool direct_read(const MemSection *s)
{
    return s->kind == MEM_RAM || s->kind == MEM_ROM ||
           (s->kind == MEM_ROMD && memory_region_romd(s->region));
}

static void dma_log_unassigned(AddressSpace *as, hwaddr addr, uint64_t len, const char *verb)
{
    rhea_log_mask(LOG_GUEST_ERROR,
                  "%s: DMA %s of %" PRIu64 " bytes at unassigned 0x%016" PRIx64 "\n", as->name,
                  verb, len, addr);
}

static void result_keep(MemTxResult *res, MemTxResult one)
{
    if (*res == MEMTX_OK) {
        *res = one;
    }
}

MemTxResult memory_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len)
{
    MemTxResult res = MEMTX_OK;
    uint8_t *p = buf;

    if (len && addr + len - 1 < addr) {
        memset(p, 0, len);
        return MEMTX_DECODE_ERROR;
    }
    while (len) {
        MemSection s;

        memory_lookup(as, addr, &s);
        uint64_t n = MIN(len, s.len);
        if (direct_read(&s)) {
            memcpy(p, s.host, n);
        } else if (s.kind == MEM_UNASSIGNED) {
            dma_log_unassigned(as, addr, n, "read");
            memset(p, 0, n);
            result_keep(&res, MEMTX_DECODE_ERROR);
        } else {
            uint64_t val;

            n = dma_step(s.region, s.offset, n);
            result_keep(&res, memory_mmio_read(s.region, s.offset, n, &val));
            val = htole64(val);
            memcpy(p, &val, n);
        }
        addr += n;
        p += n;
        len -= n;
    }
    return res;
}

/* src NULL: fill with `byte`. */
static MemTxResult dma_write(AddressSpace *as, hwaddr addr, const uint8_t *src, uint8_t byte,
                             uint64_t len, bool rom)
{
    MemTxResult res = MEMTX_OK;

    if (len && addr + len - 1 < addr) {
        return MEMTX_DECODE_ERROR;
    }
    while (len) {
        MemSection s;

        memory_lookup(as, addr, &s);
        uint64_t n = MIN(len, s.len);
        if (s.kind == MEM_RAM || (rom && (s.kind == MEM_ROM || s.kind == MEM_ROMD))) {
            if (src) {
                memcpy(s.host, src, n);
            } else {
                memset(s.host, byte, n);
            }
            memory_notify_code_write(s.block, s.ra - s.block->start, n);
        } else if (s.kind == MEM_UNASSIGNED) {
            dma_log_unassigned(as, addr, n, "write");
            result_keep(&res, MEMTX_DECODE_ERROR);
        } else if (s.kind == MEM_ROM || rom) {
            rhea_log_mask(LOG_GUEST_ERROR,
                          "%s: DMA write of %" PRIu64 " bytes at offset 0x%" PRIx64 " ignored\n",
                          s.region->name, n, s.offset);
            result_keep(&res, rom ? MEMTX_DECODE_ERROR : MEMTX_OK);
        } else {
            uint64_t val;

            n = dma_step(s.region, s.offset, n);
            memset(&val, byte, sizeof(val));
            if (src) {
                memcpy(&val, src, n);
            }
            result_keep(&res, memory_mmio_write(s.region, s.offset, n, le64toh(val)));
        }
        addr += n;
        src = src ? src + n : NULL;
        len -= n;
    }
    return res;
}

MemTxResult memory_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len)
{
    return dma_write(as, addr, buf, 0, len, false);
}

MemTxResult memory_set(AddressSpace *as, hwaddr addr, uint8_t byte, uint64_t len)
{
    return dma_write(as, addr, NULL, byte, len, false);
}

MemTxResult memory_write_rom(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len)
{
    return dma_write(as, addr, buf, 0, len, true);
}

void *memory_map(AddressSpace *as, hwaddr addr, uint64_t *len, bool write)
{
    MemSection s;

    memory_lookup(as, addr, &s);
    if (write ? s.kind != MEM_RAM : !direct_read(&s)) {
        return NULL;
    }
    *len = MIN(*len, s.len);
    return s.host;
}

void memory_unmap(AddressSpace *as, void *host, uint64_t written)
{
    uint64_t offset;
    RamBlock *b = ram_block_from_host(as->ms, host, &offset);

    if (b && written) {
        memory_notify_code_write(b, offset, MIN(written, b->size - offset));
    }
}

/* ---- typed access ---- */

uint8_t memory_ld8(AddressSpace *as, hwaddr addr, MemTxResult *res)
{
    uint8_t val;
    MemTxResult one = memory_read(as, addr, &val, 1);

    if (res) {
        *res = one;
    }
    return val;
}

MemTxResult memory_st8(AddressSpace *as, hwaddr addr, uint8_t val)
{
    return memory_write(as, addr, &val, 1);
}

#define TYPED_ACCESS(bits, order, to_host, from_host)                                              \
    uint##bits##_t memory_ld##bits##_##order(AddressSpace *as, hwaddr addr, MemTxResult *res)      \
    {                                                                                              \
        uint##bits##_t val;                                                                        \
        MemTxResult one = MEMTX_OK;                                                                \
        MemSection s;                                                                              \
        memory_lookup(as, addr, &s);                                                               \
        if (direct_read(&s) && s.len >= sizeof(val) &&                                             \
            ((uintptr_t)s.host & (sizeof(val) - 1)) == 0) {                                        \
            val = __atomic_load_n((uint##bits##_t *)s.host, __ATOMIC_RELAXED);                     \
        } else {                                                                                   \
            one = memory_read(as, addr, &val, sizeof(val));                                        \
        }                                                                                          \
        if (res) {                                                                                 \
            *res = one;                                                                            \
        }                                                                                          \
        return one == MEMTX_OK ? to_host(val) : 0;                                                 \
    }                                                                                              \
    MemTxResult memory_st##bits##_##order(AddressSpace *as, hwaddr addr, uint##bits##_t val)       \
    {                                                                                              \
        MemSection s;                                                                              \
        val = from_host(val);                                                                      \
        memory_lookup(as, addr, &s);                                                               \
        if (s.kind == MEM_RAM && s.len >= sizeof(val) &&                                           \
            ((uintptr_t)s.host & (sizeof(val) - 1)) == 0) {                                        \
            __atomic_store_n((uint##bits##_t *)s.host, val, __ATOMIC_RELAXED);                     \
            memory_notify_code_write(s.block, s.ra - s.block->start, sizeof(val));                 \
            return MEMTX_OK;                                                                       \
        }                                                                                          \
        return memory_write(as, addr, &val, sizeof(val));                                          \
    }
TYPED_ACCESS(16, le, le16toh, htole16)
TYPED_ACCESS(32, le, le32toh, htole32)
TYPED_ACCESS(64, le, le64toh, htole64)
TYPED_ACCESS(16, be, be16toh, htobe16)
TYPED_ACCESS(32, be, be32toh, htobe32)
TYPED_ACCESS(64, be, be64toh, htobe64)

MemTxResult memory_write_msi(AddressSpace *as, hwaddr addr, uint32_t data, uint32_t requester)
{
    MemSection s;

    if (memory_lookup(as, addr, &s) == MEM_MMIO && s.region->ops->msi && (s.offset & 3) == 0) {
        return s.region->ops->msi(s.region->opaque, s.offset, data, requester);
    }
    return memory_st32_le(as, addr, data);
}

/* ---- dump ---- */

char *memory_dump(AddressSpace *as)
{
    static const char *const kinds[] = {
        [MEM_RAM] = "ram", [MEM_ROM] = "rom", [MEM_ROMD] = "romd", [MEM_MMIO] = "i/o"};
    GString *out = g_string_new(NULL);

    g_rec_mutex_lock(&as->ms->topology);
    for (unsigned i = 0; i < as->view->n; i++) {
        const FlatRange *f = &as->view->r[i];

        g_string_append_printf(out, "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", f->first,
                               f->last, f->region->priority, kinds[f->region->kind],
                               f->region->name);
        if (f->offset) {
            g_string_append_printf(out, " @%016" PRIx64, f->offset);
        }
        g_string_append_c(out, '\n');
    }
    g_rec_mutex_unlock(&as->ms->topology);
    return g_string_free(out, FALSE);
}

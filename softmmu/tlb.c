/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The soft TLB: contexts in slots, refill, flushes, and the slow paths of guest accesses. See
 * include/softmmu/tlb.h for the layout and the hit test.
 *
 * Invariants: an entry without flag bits in a tag maps one RAM page for that kind of access, and
 * the page has been checked for it. A slot's table is cleared before the slot gets a new key; its
 * generation changes whenever an entry that may be in the jump cache or a link is taken away, so
 * that env->ctx never names two mappings; every page in one of them is in the slot's filter since
 * its entry was installed. A slot that is not in use hears of the flush of a page when it is
 * selected again: slot_catch_up(). A site holds what an entry of its table held since the last
 * flush of anything.
 *
 * Thread: the vCPU's own, but for tlb_protect_code(). Test: tests/unit/test-code-cache.c and every
 * guest.
 */
#include <string.h>
#include <sys/mman.h>
#include "accel/tcg/internal.h"
#include "rhea/log.h"
#include "softmmu/tlb-site.h"

#define TLB_MIN_BITS     8
/* A table of no context keeps the memory of so many entries. */
#define TLB_KEEP_BITS    11
/* With more entries in all tables a new context takes the slot that was used longest ago. */
#define TLB_MOST_ENTRIES (1u << 17)
/* In front of the entries, which begin on a page so that each lies in one pair of cache lines. */
#define TABLE_HEAD       (sizeof(TlbFilters) + TLB_PAGE_SIZE)
#define TABLE_BYTES      (TABLE_HEAD + (sizeof(TlbEntry) << TLB_MAX_BITS))
G_STATIC_ASSERT(sizeof(TlbSites) + sizeof(TlbTable) <= TLB_PAGE_SIZE);

static unsigned table_entries(const TlbTable *t)
{
    return (t->mask >> TLB_ENTRY_BITS) + 1;
}

static uint8_t *table_mapping(TlbTable *t)
{
    return (uint8_t *)t->entries - TABLE_HEAD;
}

static TlbFilters *table_filters(TlbTable *t)
{
    return (TlbFilters *)table_mapping(t);
}

static TlbEntry *table_entry(TlbTable *t, uint64_t vaddr)
{
    return tlb_table_entry(t->entries, vaddr);
}

static void entry_clear(TlbEntry *e)
{
    e->tag_r = e->tag_w = e->tag_x = TLB_INVALID;
}

static uint64_t new_gen(CPU *cpu)
{
    return __atomic_fetch_add(&cpu->tcg->accel->next_gen, 1, __ATOMIC_RELAXED);
}

/* Any thread. */
static void sites_empty(TlbSites *sites)
{
    for (unsigned i = 0; i < TLB_SITES; i++) {
        __atomic_store_n(&sites->site[i].tag, TLB_INVALID, __ATOMIC_RELAXED);
        __atomic_store_n(&sites->site[i].bound, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&sites->site[i].floor, UINT64_MAX, __ATOMIC_RELAXED);
        __atomic_store_n(&sites->site[i].turns, 0, __ATOMIC_RELAXED);
    }
}

static void sites_clear(TlbTable *t)
{
    TlbSites *sites = tlb_sites(t);

    if (sites->used) {
        __atomic_store_n(&sites->used, 0, __ATOMIC_RELAXED);
        sites_empty(sites);
    }
}

static void table_clear(TlbTable *t, unsigned bits)
{
    sites_clear(t);
    t->mask = (((uint64_t)1 << bits) - 1) << TLB_ENTRY_BITS;
    for (unsigned i = 0; i < 1u << bits; i++) {
        entry_clear(&t->entries[i]);
    }
}

void tlb_init(CPU *cpu)
{
    TcgCpu *tc = cpu->tcg;

    tc->l2 = mmap(NULL, (sizeof(TlbL2Entry) * TLB_L2_WAYS) << TLB_L2_BITS, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (tc->l2 == MAP_FAILED) {
        g_error("out of memory for the TLB of vCPU %u", cpu->index);
    }
    tc->l2_gen_global = 1;
    for (unsigned i = 0; i < G_N_ELEMENTS(tc->l2_gen_asid); i++) {
        tc->l2_gen_asid[i] = 1;
    }
    for (unsigned i = 0; i < CPU_MMU_CONTEXTS; i++) {
        tlb_select_data(cpu, i, 0, 0);
    }
    tlb_select_fetch(cpu, 0, 0, 0);
}

void tlb_destroy(CPU *cpu)
{
    TcgCpu *tc = cpu->tcg;

    for (unsigned i = 0; i < tc->n_slots; i++) {
        munmap(table_mapping(tc->slots[i].table), TABLE_BYTES);
    }
    munmap(tc->l2, (sizeof(TlbL2Entry) * TLB_L2_WAYS) << TLB_L2_BITS);
}

static TlbTable *table_new(CPU *cpu)
{
    uint8_t *m = mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED) {
        g_error("out of memory for the TLB of vCPU %u", cpu->index);
    }
    TlbTable *t = (TlbTable *)(m + TABLE_HEAD - sizeof(TlbTable));
    tlb_sites(t)->used = 1; /* zeros are no empty sites */
    return t;
}

/* What the jump cache and links know of the slot's context is void until it was compared with the
 * entries that are left in the table (jump_cache_find()). */
static void slot_renew(CPU *cpu, TlbSlot *s)
{
    s->table->gen = new_gen(cpu);
    cpu->tcg->relink_next = RELINK_FIRST;
}

/* Filters: what was added is found, and little else. Others may look while one thread adds. */
static void filter_set(uint64_t *bits, unsigned n)
{
    uint64_t old = __atomic_load_n(&bits[n / 64], __ATOMIC_RELAXED);

    __atomic_store_n(&bits[n / 64], old | (uint64_t)1 << (n % 64), __ATOMIC_RELAXED);
}

static bool filter_get(const uint64_t *bits, unsigned n)
{
    return __atomic_load_n(&bits[n / 64], __ATOMIC_RELAXED) >> (n % 64) & 1;
}

static void filter_add(uint64_t *bits, uint64_t n)
{
    uint64_t h = n * 0x9e3779b97f4a7c15ull;
    unsigned a = h >> (64 - TLB_FILTER_BITS), b = h >> (64 - 2 * TLB_FILTER_BITS);

    b &= (1u << TLB_FILTER_BITS) - 1;
    filter_set(bits, a);
    filter_set(bits, b);
}

static bool filter_has(const uint64_t *bits, uint64_t n)
{
    uint64_t h = n * 0x9e3779b97f4a7c15ull;
    unsigned a = h >> (64 - TLB_FILTER_BITS), b = h >> (64 - 2 * TLB_FILTER_BITS);

    b &= (1u << TLB_FILTER_BITS) - 1;
    return filter_get(bits, a) && filter_get(bits, b);
}

static void slot_clear(CPU *cpu, TlbSlot *s, unsigned bits)
{
    table_clear(s->table, bits);
    slot_renew(cpu, s);
    memset(table_filters(s->table), 0, sizeof(TlbFilters));
    s->fills = 0;
    s->flushes = cpu->tcg->flushes;
    s->n_large = 0;
    s->globals = 0;
}

static bool slot_in_use(const TcgCpu *tc, unsigned n)
{
    for (unsigned i = 0; i < CPU_MMU_CONTEXTS; i++) {
        if (tc->data_slot[i] == n) {
            return true;
        }
    }
    return tc->fetch_slot == n;
}

/* The slot, which is not in use, is free. */
static void slot_drop(TlbSlot *s)
{
    s->valid = false;
    if (table_entries(s->table) > 1u << TLB_KEEP_BITS) {
        madvise(&s->table->entries[1u << TLB_KEEP_BITS],
                (table_entries(s->table) - (1u << TLB_KEEP_BITS)) * sizeof(TlbEntry),
                MADV_DONTNEED);
    }
}

/* A slot for a new context. */
static unsigned slot_take(CPU *cpu)
{
    TcgCpu *tc = cpu->tcg;
    unsigned entries = 0, unused = TLB_SLOTS, oldest = TLB_SLOTS;

    for (unsigned i = tc->n_slots; i-- > 0;) {
        TlbSlot *s = &tc->slots[i];
        if (!s->valid) {
            unused = i;
            continue;
        }
        entries += table_entries(s->table);
        if (!slot_in_use(tc, i) && (oldest == TLB_SLOTS || s->stamp < tc->slots[oldest].stamp)) {
            oldest = i;
        }
    }
    if (oldest < TLB_SLOTS &&
        (entries > TLB_MOST_ENTRIES || (unused == TLB_SLOTS && tc->n_slots == TLB_SLOTS))) {
        slot_drop(&tc->slots[oldest]);
        return oldest;
    }
    if (unused == TLB_SLOTS) {
        unused = tc->n_slots++;
        __atomic_store_n(&tc->slots[unused].table, table_new(cpu), __ATOMIC_RELEASE);
    }
    return unused;
}

static void slot_catch_up(CPU *cpu, unsigned n);

static unsigned slot_find(CPU *cpu, uint64_t key, uint32_t asid)
{
    TcgCpu *tc = cpu->tcg;
    uint8_t *guess = &tc->slot_guess[key * 0x9e3779b97f4a7c15ull >> (64 - TLB_GUESS_BITS)];
    unsigned n = *guess;

    if (!tc->slots[n].valid || tc->slots[n].key != key) {
        for (n = 0; n < tc->n_slots && !(tc->slots[n].valid && tc->slots[n].key == key); n++) {
        }
        if (n == tc->n_slots) {
            n = slot_take(cpu);
            tc->slots[n].key = key;
            tc->slots[n].asid = asid;
            tc->slots[n].valid = true;
            slot_clear(cpu, &tc->slots[n], TLB_MIN_BITS);
        }
        *guess = n;
    }
    tc->slots[n].stamp = ++tc->stamp;
    slot_catch_up(cpu, n);
    return n;
}

static void update_ctx(CPU *cpu)
{
    CPUEnv *env = cpu->env;

    /* Modes have at most 24 bits, generations are never reused. */
    env->ctx = cpu->tcg->slots[cpu->tcg->fetch_slot].table->gen << 24 | env->mode;
}

void tlb_select_data(CPU *cpu, unsigned idx, uint64_t key, uint32_t asid)
{
    TcgCpu *tc = cpu->tcg;
    TlbSlot *now = &tc->slots[tc->data_slot[idx]];

    if (!now->valid || now->key != key) {
        tc->data_slot[idx] = slot_find(cpu, key, asid);
    }
    cpu->env->tlb[idx] = tc->slots[tc->data_slot[idx]].table->entries;
}

void tlb_select_fetch(CPU *cpu, uint64_t key, uint32_t asid, uint32_t mode)
{
    TcgCpu *tc = cpu->tcg;
    TlbSlot *now = &tc->slots[tc->fetch_slot];

    if (!now->valid || now->key != key) {
        tc->fetch_slot = slot_find(cpu, key, asid);
    }
    cpu->env->mode = mode & CPU_CTX_MODE;
    cpu->env->fetch = tc->slots[tc->fetch_slot].table->entries;
    update_ctx(cpu);
}

/* ---- second level ---- */

static TlbL2Entry *l2_set(TcgCpu *tc, uint64_t vaddr)
{
    uint64_t page = vaddr >> TLB_PAGE_BITS;

    return &tc->l2[((page ^ page >> TLB_L2_BITS) & ((1u << TLB_L2_BITS) - 1)) * TLB_L2_WAYS];
}

static bool l2_current(const TcgCpu *tc, const TlbL2Entry *l)
{
    return l->gen == (l->global ? tc->l2_gen_global : tc->l2_gen_asid[l->asid & 255]);
}

/* Under which all contexts that differ in the ASID alone keep their global entries. */
static uint64_t slot_shared_key(const TlbSlot *s)
{
    return s->key ^ (s->asid & 0xffff);
}

/* What the slot may use for vaddr: entries of its own, and what is global. */
static TlbL2Entry *l2_find(TcgCpu *tc, uint64_t vaddr, const TlbSlot *s)
{
    TlbL2Entry *set = l2_set(tc, vaddr);
    uint64_t shared = slot_shared_key(s);

    for (unsigned i = 0; i < TLB_L2_WAYS; i++) {
        if (set[i].page == (vaddr & TLB_PAGE_MASK) &&
            set[i].key == (set[i].global ? shared : s->key) && l2_current(tc, &set[i])) {
            return &set[i];
        }
    }
    return NULL;
}

/*
 * An address as flushes see it: where the target's data accesses ignore the top bits of an address,
 * entries are held by the full value, and those that differ in ignored bits alone are flushed
 * together. The index of no table depends on these bits.
 */
static uint64_t plain_addr(const CPU *cpu, uint64_t vaddr)
{
    unsigned n = cpu->target->va_tag_bits;

    return (uint64_t)((int64_t)(vaddr << n) >> n);
}

/* Bit n: addresses whose top bit is n. */
static uint8_t address_half(const CPU *cpu, uint64_t vaddr)
{
    return 1u << (plain_addr(cpu, vaddr) >> 63);
}

static uint64_t leaf_mask(unsigned page_bits)
{
    return page_bits >= 64 ? 0 : ~(((uint64_t)1 << page_bits) - 1);
}

static uint64_t large_key(uint64_t vaddr, unsigned page_bits)
{
    return (page_bits >= 64 ? 0 : vaddr >> page_bits) + page_bits;
}

static void l2_note_large(TcgCpu *tc, uint64_t vaddr, unsigned page_bits)
{
    tc->l2_large.sizes |= (uint64_t)1 << (page_bits >= 64 ? 0 : page_bits);
    filter_add(tc->l2_large.seen, large_key(vaddr, page_bits));
}

/* False if no large leaf with pieces in the second level holds vaddr. */
static bool l2_has_large(const TcgCpu *tc, uint64_t vaddr)
{
    for (uint64_t sizes = tc->l2_large.sizes; sizes; sizes &= sizes - 1) {
        unsigned n = __builtin_ctzll(sizes);
        if (filter_has(tc->l2_large.seen, large_key(vaddr, n ? n : 64))) {
            return true;
        }
    }
    return false;
}

static void l2_put(CPU *cpu, const TlbSlot *s, const TlbFill *f, const TlbEntry *e)
{
    TcgCpu *tc = cpu->tcg;
    TlbL2Entry *l = l2_find(tc, f->vaddr, s);

    if (f->page_bits > TLB_PAGE_BITS) {
        l2_note_large(tc, plain_addr(cpu, f->vaddr), f->page_bits);
    }

    if (!l) {
        TlbL2Entry *set = l2_set(tc, f->vaddr);
        l = &set[tc->l2_victim++ % TLB_L2_WAYS];
        for (unsigned i = 0; i < TLB_L2_WAYS; i++) {
            if (!l2_current(tc, &set[i])) {
                l = &set[i];
                break;
            }
        }
    }
    *l = (TlbL2Entry){
        .key = f->global ? slot_shared_key(s) : s->key,
        .page = f->vaddr & TLB_PAGE_MASK,
        .e = *e,
        .asid = f->asid,
        .global = f->global,
        .page_bits = f->page_bits,
        .gen = f->global ? tc->l2_gen_global : tc->l2_gen_asid[f->asid & 255],
    };
}

/* ---- fill ---- */

MemKind tlb_memory_lookup(CPU *cpu, hwaddr addr, MemSection *s)
{
    TcgCpu *tc = cpu->tcg;
    uint64_t d = addr - tc->ram_at;

    if (d < tc->ram.len) {
        *s = tc->ram;
        s->host += d;
        s->ra += d;
        s->offset += d;
        s->len -= d;
        return s->kind;
    }
    MemKind kind = memory_lookup(cpu->as, addr, s);
    if (kind == MEM_RAM) {
        tc->ram = *s;
        tc->ram_at = addr;
    }
    return kind;
}

/* An entry becomes visible to tlb_protect_code() of other threads when its tags are stored. */
static void entry_store(TlbEntry *e, const TlbEntry *n)
{
    entry_clear(e);
    __atomic_store_n(&e->addend, n->addend, __ATOMIC_RELAXED);
    __atomic_store_n(&e->tag_r, n->tag_r, __ATOMIC_RELAXED);
    __atomic_store_n(&e->tag_x, n->tag_x, __ATOMIC_RELAXED);
    __atomic_store_n(&e->tag_w, n->tag_w, __ATOMIC_RELEASE);
}

/* The page's code byte, if the entry allows plain stores to RAM. */
static const uint8_t *entry_code_byte(CPU *cpu, const TlbEntry *e)
{
    uint64_t off;

    if (e->tag_w & (TLB_INVALID | TLB_IO)) {
        return NULL;
    }
    const uint8_t *host = (const uint8_t *)((e->tag_w & TLB_PAGE_MASK) + e->addend);
    RamBlock *b = cpu->tcg->last_block;
    if (!b || host < b->host || host >= b->host + b->size) {
        b = ram_block_from_host(cpu->tcg->accel->ms, host, &off);
        cpu->tcg->last_block = b;
    }
    return b ? &b->code[(host - b->host) >> MEM_PAGE_BITS] : NULL;
}

/* A table's tag_x is for fetches only, so that data pages that may be executed stay out of the
 * filter. */
static void entry_install(CPU *cpu, TlbSlot *s, TlbAccess access, uint64_t vaddr, TlbEntry *n)
{
    TlbTable *t = s->table;
    TlbEntry *e = table_entry(t, vaddr), data;
    const uint8_t *code = entry_code_byte(cpu, n);

    if (code) {
        filter_add(table_filters(t)->stored,
                   ((n->tag_w & TLB_PAGE_MASK) + n->addend) >> TLB_PAGE_BITS);
        n->tag_w |= __atomic_load_n(code, __ATOMIC_SEQ_CST) ? TLB_CODE : 0;
    }
    if (access == TLB_FETCH) {
        /* From here on jump_cache_find() may find units of this page. */
        filter_add(table_filters(s->table)->fetched, plain_addr(cpu, vaddr) >> TLB_PAGE_BITS);
    } else {
        data = *n;
        data.tag_x = TLB_INVALID;
        n = &data;
    }
    if (++s->fills > 2 * table_entries(t) && table_entries(t) < 1u << TLB_MAX_BITS) {
        /* More refills than a table of this size should need: the working set is larger. */
        table_clear(t, __builtin_ctz(table_entries(t)) + 1);
        s->fills = 0;
        e = table_entry(t, vaddr);
    }
    entry_store(e, n);
    if (!code) {
        return;
    }
    /* Pairs with page_begin_read(): either we see the code byte or it sees the entry. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(code, __ATOMIC_SEQ_CST)) {
        __atomic_fetch_or(&e->tag_w, TLB_CODE, __ATOMIC_SEQ_CST);
    }
}

static void note_large(TlbSlot *s, uint64_t vaddr, unsigned page_bits)
{
    uint64_t mask = leaf_mask(page_bits);
    uint64_t base = vaddr & mask;

    for (unsigned i = 0; i < s->n_large; i++) {
        if ((base & s->large[i].mask) == s->large[i].base && (s->large[i].mask & ~mask) == 0) {
            return;
        }
    }
    if (s->n_large < G_N_ELEMENTS(s->large)) {
        s->large[s->n_large].base = base;
        s->large[s->n_large++].mask = mask;
        return;
    }
    /* Widen the last range until it holds both. */
    uint64_t m = s->large[s->n_large - 1].mask & mask, b = s->large[s->n_large - 1].base;
    while ((b & m) != (base & m)) {
        m <<= 1;
    }
    s->large[s->n_large - 1].mask = m;
    s->large[s->n_large - 1].base = b & m;
}

void tlb_set(CPU *cpu, unsigned idx, TlbAccess access, const TlbFill *f)
{
    TcgCpu *tc = cpu->tcg;
    TlbSlot *s = &tc->slots[access == TLB_FETCH ? tc->fetch_slot : tc->data_slot[idx]];
    uint64_t page = f->vaddr & TLB_PAGE_MASK, paddr = f->paddr & TLB_PAGE_MASK, flags = 0;
    TlbEntry n;
    MemSection sec;
    MemKind kind = tlb_memory_lookup(cpu, paddr, &sec);
    bool plain = sec.host && sec.len >= TLB_PAGE_SIZE && kind != MEM_MMIO &&
                 kind != MEM_UNASSIGNED && !(kind == MEM_ROMD && !memory_region_romd(sec.region));

    n.addend = (plain ? (uint64_t)(uintptr_t)sec.host : paddr) - page;
    flags |= plain ? 0 : TLB_IO;
    flags |= f->sub ? TLB_SUB : 0;
    const uint64_t data = page | flags | (f->device ? TLB_DEVICE : 0);
    n.tag_r = f->prot & TLB_PROT_R ? data : TLB_INVALID;
    n.tag_x = f->prot & TLB_PROT_X ? page | flags | (f->guarded ? TLB_GUARDED : 0) : TLB_INVALID;
    n.tag_w = f->prot & TLB_PROT_W ? data | (kind == MEM_RAM ? 0 : TLB_IO) : TLB_INVALID;
    if (plain && kind != MEM_RAM && n.tag_w != TLB_INVALID) {
        /* One addend serves all three: writes to ROM look the physical address up again. */
        n.tag_w |= TLB_WATCH;
    }
    if (f->page_bits > TLB_PAGE_BITS) {
        note_large(s, plain_addr(cpu, f->vaddr), f->page_bits);
    }
    s->globals |= f->global ? address_half(cpu, page) : 0;
    entry_install(cpu, s, access, page, &n);
    if (!f->sub) {
        l2_put(cpu, s, f, &n);
    }
}

/* ---- flush ---- */

static void slot_flush(CPU *cpu, unsigned n)
{
    TcgCpu *tc = cpu->tcg;
    TlbSlot *s = &tc->slots[n];

    if (!s->valid) {
        return;
    }
    if (!slot_in_use(tc, n)) {
        slot_drop(s);
        return;
    }
    unsigned bits = __builtin_ctz(table_entries(s->table));
    if (s->fills < table_entries(s->table) / 8 && bits > TLB_MIN_BITS) {
        bits--;
    }
    slot_clear(cpu, s, bits);
    if (tc->fetch_slot == n) {
        update_ctx(cpu);
    }
}

void tlb_flush_all(CPU *cpu)
{
    TcgCpu *tc = cpu->tcg;

    rhea_log_mask(LOG_MMU, "cpu %u: TLB flush, all\n", cpu->index);
    tc->ram.len = 0; /* this may be a new memory map */
    tc->l2_gen_global++;
    for (unsigned i = 0; i < G_N_ELEMENTS(tc->l2_gen_asid); i++) {
        tc->l2_gen_asid[i]++;
    }
    memset(&tc->l2_large, 0, sizeof(tc->l2_large));
    for (unsigned i = 0; i < tc->n_slots; i++) {
        slot_flush(cpu, i);
    }
}

void tlb_flush_asid(CPU *cpu, uint32_t asid, bool also_global)
{
    TcgCpu *tc = cpu->tcg;

    rhea_log_mask(LOG_MMU, "cpu %u: TLB flush, ASID %u\n", cpu->index, asid);
    tc->l2_gen_asid[asid & 255]++;
    if (also_global) {
        tc->l2_gen_global++;
    }
    for (unsigned i = 0; i < tc->n_slots; i++) {
        if (also_global || tc->slots[i].asid == asid) {
            slot_flush(cpu, i);
        }
    }
}

static void slot_flush_page(CPU *cpu, unsigned n, uint64_t vaddr)
{
    TcgCpu *tc = cpu->tcg;
    TlbSlot *s = &tc->slots[n];
    uint64_t page = vaddr & TLB_PAGE_MASK;

    sites_clear(s->table);
    TlbEntry *e = table_entry(s->table, page);
    if (plain_addr(cpu, e->tag_r & TLB_PAGE_MASK) == page ||
        plain_addr(cpu, e->tag_w & TLB_PAGE_MASK) == page ||
        plain_addr(cpu, e->tag_x & TLB_PAGE_MASK) == page) {
        entry_clear(e);
    }
    /* The page may be in the jump cache or behind links even when its entry was overwritten; one
     * that nothing was fetched from, as most are, is in neither. */
    if (filter_has(table_filters(s->table)->fetched, page >> TLB_PAGE_BITS)) {
        slot_renew(cpu, s);
        if (tc->fetch_slot == n) {
            update_ctx(cpu);
        }
    }
}

static bool scope_has_entry(const TlbFlushPage *f, const TlbL2Entry *l)
{
    return !f->one_asid || (l->global ? f->global : l->asid == f->asid);
}

/* May entries concerned for addresses of this half be in the slot? */
static bool scope_has_slot(const TlbFlushPage *f, const TlbSlot *s, uint8_t half)
{
    return s->valid && (!f->one_asid || s->asid == f->asid || (f->global && (s->globals & half)));
}

static void l2_flush_page(CPU *cpu, uint64_t vaddr, const TlbFlushPage *f)
{
    TcgCpu *tc = cpu->tcg;
    TlbL2Entry *set = l2_set(tc, vaddr);

    for (unsigned i = 0; i < TLB_L2_WAYS; i++) {
        if (plain_addr(cpu, set[i].page) == (vaddr & TLB_PAGE_MASK) &&
            scope_has_entry(f, &set[i])) {
            set[i].gen = 0;
        }
    }
    /* Pieces of a large leaf may outlive the slots that knew of it: look at them all. */
    if (!l2_has_large(tc, vaddr)) {
        return;
    }
    memset(&tc->l2_large, 0, sizeof(tc->l2_large));
    for (unsigned i = 0; i < TLB_L2_WAYS << TLB_L2_BITS; i++) {
        TlbL2Entry *l = &tc->l2[i];
        uint64_t page = plain_addr(cpu, l->page);
        if (l->page_bits <= TLB_PAGE_BITS || !l2_current(tc, l)) {
            continue;
        }
        if (!((page ^ vaddr) & leaf_mask(l->page_bits)) && scope_has_entry(f, l)) {
            l->gen = 0;
        } else {
            l2_note_large(tc, page, l->page_bits);
        }
    }
}

static bool in_large(const TlbSlot *s, uint64_t vaddr)
{
    for (unsigned i = 0; i < s->n_large; i++) {
        if ((vaddr & s->large[i].mask) == s->large[i].base) {
            return true;
        }
    }
    return false;
}

/* Slot n does what flush f asks of it. */
static void slot_serve_flush(CPU *cpu, unsigned n, const TlbFlushPage *f)
{
    TlbSlot *s = &cpu->tcg->slots[n];

    if (!scope_has_slot(f, s, address_half(cpu, f->vaddr))) {
        return;
    }
    if (in_large(s, f->vaddr)) {
        slot_clear(cpu, s, __builtin_ctz(table_entries(s->table)));
        if (cpu->tcg->fetch_slot == n) {
            update_ctx(cpu);
        }
    } else {
        slot_flush_page(cpu, n, f->vaddr);
    }
}

/* A slot that was not in use is selected. */
static void slot_catch_up(CPU *cpu, unsigned n)
{
    TcgCpu *tc = cpu->tcg;
    TlbSlot *s = &tc->slots[n];

    if (tc->flushes - s->flushes > TLB_LATE_FLUSHES) {
        slot_clear(cpu, s, __builtin_ctz(table_entries(s->table)));
    }
    while (s->flushes != tc->flushes) {
        slot_serve_flush(cpu, n, &tc->late[s->flushes++ % TLB_LATE_FLUSHES]);
    }
}

static void flush_page(CPU *cpu, TlbFlushPage f)
{
    TcgCpu *tc = cpu->tcg;

    f.vaddr = plain_addr(cpu, f.vaddr);
    l2_flush_page(cpu, f.vaddr, &f);
    tc->late[tc->flushes++ % TLB_LATE_FLUSHES] = f;
    for (unsigned i = 0; i < CPU_MMU_CONTEXTS; i++) {
        slot_catch_up(cpu, tc->data_slot[i]);
    }
    slot_catch_up(cpu, tc->fetch_slot);
}

void tlb_flush_page(CPU *cpu, uint64_t vaddr)
{
    rhea_log_mask(LOG_MMU, "cpu %u: TLB flush, page %#" PRIx64 "\n", cpu->index, vaddr);
    flush_page(cpu, (TlbFlushPage){.vaddr = vaddr});
}

void tlb_flush_page_asid(CPU *cpu, uint64_t vaddr, uint32_t asid, bool also_global)
{
    rhea_log_mask(LOG_MMU, "cpu %u: TLB flush, page %#" PRIx64 " ASID %u\n", cpu->index, vaddr,
                  asid);
    flush_page(
        cpu, (TlbFlushPage){.vaddr = vaddr, .one_asid = true, .asid = asid, .global = also_global});
}

void tlb_protect_code(CPU *cpu, const uint8_t *host_page)
{
    TcgCpu *tc = cpu->tcg;

    for (unsigned i = 0; i < TLB_SLOTS; i++) {
        TlbTable *t = __atomic_load_n(&tc->slots[i].table, __ATOMIC_ACQUIRE);
        if (!t) {
            break;
        }
        if (!filter_has(table_filters(t)->stored, (uintptr_t)host_page >> TLB_PAGE_BITS)) {
            continue;
        }
        uint64_t n = (__atomic_load_n(&t->mask, __ATOMIC_RELAXED) >> TLB_ENTRY_BITS) + 1;
        for (uint64_t j = 0; j < n; j++) {
            TlbEntry *e = &t->entries[j];
            uint64_t w = __atomic_load_n(&e->tag_w, __ATOMIC_ACQUIRE);
            if (!(w & ~(TLB_PAGE_MASK | TLB_DEVICE)) &&
                (const uint8_t *)((w & TLB_PAGE_MASK) +
                                  __atomic_load_n(&e->addend, __ATOMIC_RELAXED)) == host_page) {
                __atomic_compare_exchange_n(&e->tag_w, &w, w | TLB_CODE, false, __ATOMIC_SEQ_CST,
                                            __ATOMIC_RELAXED);
            }
        }
        /* Behind the entries: see tlb-site.h. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (__atomic_load_n(&tlb_sites(t)->used, __ATOMIC_RELAXED)) {
            sites_empty(tlb_sites(t));
        }
    }
}

/* ---- look-up from C ---- */

static uint64_t entry_tag(const TlbEntry *e, TlbAccess access)
{
    return access == TLB_READ ? e->tag_r : access == TLB_WRITE ? e->tag_w : e->tag_x;
}

/* The entry that allows this access to vaddr, if it is known; never with TLB_SUB. */
static TlbEntry *tlb_find(CPU *cpu, uint64_t vaddr, TlbAccess access, unsigned idx)
{
    TcgCpu *tc = cpu->tcg;
    TlbSlot *s = &tc->slots[access == TLB_FETCH ? tc->fetch_slot : tc->data_slot[idx]];
    TlbEntry *e = table_entry(s->table, vaddr);

    if ((entry_tag(e, access) & (TLB_PAGE_MASK | TLB_INVALID | TLB_SUB)) ==
        (vaddr & TLB_PAGE_MASK)) {
        return e;
    }
    TlbL2Entry *l = l2_find(tc, vaddr, s);
    if (!l || (entry_tag(&l->e, access) & TLB_INVALID)) {
        return NULL;
    }
    TlbEntry n = l->e;
    if (l->page_bits > TLB_PAGE_BITS) {
        note_large(s, plain_addr(cpu, vaddr), l->page_bits);
    }
    s->globals |= l->global ? address_half(cpu, vaddr) : 0;
    entry_install(cpu, s, access, vaddr & TLB_PAGE_MASK, &n);
    return table_entry(s->table, vaddr);
}

/*
 * The entry that allows this access to vaddr; walks if need be. Faults, or with probe returns NULL.
 * With TLB_SUB the target is asked for every access.
 */
static TlbEntry *tlb_get(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                         bool probe, uintptr_t ra)
{
    TcgCpu *tc = cpu->tcg;
    TlbEntry *e = tlb_find(cpu, vaddr, access, idx);

    for (int filled = 0; !e; filled++) {
        if (filled > 1) {
            g_error("%s: tlb_fill() of %#" PRIx64 " set no entry", cpu->target->name, vaddr);
        }
        if (!cpu->target->tlb_fill(cpu, vaddr, size, access, idx, probe, ra)) {
            return NULL;
        }
        TlbSlot *s = &tc->slots[access == TLB_FETCH ? tc->fetch_slot : tc->data_slot[idx]];
        TlbEntry *n = table_entry(s->table, vaddr);
        if ((entry_tag(n, access) & (TLB_PAGE_MASK | TLB_INVALID)) == (vaddr & TLB_PAGE_MASK)) {
            e = n;
        }
    }
    return e;
}

/* Physical address behind an IO entry. */
static uint64_t entry_paddr(CPU *cpu, const TlbEntry *e, uint64_t vaddr, TlbAccess access,
                            uintptr_t ra)
{
    uint64_t paddr = vaddr + e->addend;

    if (access == TLB_WRITE && (e->tag_w & TLB_WATCH)) {
        if (!cpu->target->debug_translate(cpu, vaddr, &paddr)) {
            cpu->target->bus_error(cpu, vaddr, 0, access, ra);
        }
    }
    return paddr;
}

static uint64_t io_read(CPU *cpu, uint64_t vaddr, uint64_t paddr, unsigned size, TlbAccess access,
                        uintptr_t ra)
{
    MemSection sec;
    uint64_t val = 0;
    MemTxResult r = MEMTX_DECODE_ERROR;

    memory_lookup(cpu->as, paddr, &sec);
    if (sec.region && sec.len >= size) {
        r = memory_mmio_read(sec.region, sec.offset, size, &val);
    } else {
        rhea_log_mask(LOG_GUEST_ERROR, "cpu %u: read of %u bytes at unassigned %#" PRIx64 "\n",
                      cpu->index, size, paddr);
    }
    if (r != MEMTX_OK) {
        cpu->target->bus_error(cpu, vaddr, paddr, access, ra);
    }
    return val;
}

static void io_write(CPU *cpu, uint64_t vaddr, uint64_t paddr, unsigned size, uint64_t val,
                     uintptr_t ra)
{
    MemSection sec;
    MemTxResult r = MEMTX_DECODE_ERROR;

    memory_lookup(cpu->as, paddr, &sec);
    if (sec.region && sec.len >= size) {
        r = memory_mmio_write(sec.region, sec.offset, size, val);
    } else {
        rhea_log_mask(LOG_GUEST_ERROR, "cpu %u: write of %u bytes at unassigned %#" PRIx64 "\n",
                      cpu->index, size, paddr);
    }
    if (r != MEMTX_OK) {
        cpu->target->bus_error(cpu, vaddr, paddr, TLB_WRITE, ra);
    }
}

/* After the check of a store: tell the translator. The entry loses its flag when no code is left.
 */
static void store_to_code(CPU *cpu, TlbEntry *e, uint64_t vaddr, unsigned size)
{
    Accel *a = cpu->tcg->accel;
    uint64_t off;
    RamBlock *b = ram_block_from_host(a->ms, (void *)(uintptr_t)(vaddr + e->addend), &off);

    units_invalidate(a, b->start + off, size);
    if (page_try_unmark(a, b->start + off)) {
        __atomic_fetch_and(&e->tag_w, ~TLB_CODE, __ATOMIC_SEQ_CST);
        /* As in entry_install(): a translation may begin right now. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (__atomic_load_n(&b->code[off >> MEM_PAGE_BITS], __ATOMIC_SEQ_CST)) {
            __atomic_fetch_or(&e->tag_w, TLB_CODE, __ATOMIC_SEQ_CST);
        }
    }
}

static uint64_t read_host(const void *p, unsigned size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        return __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);
    case 4:
        return __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
    default:
        return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
    }
}

static void write_host(void *p, uint64_t val, unsigned size)
{
    switch (size) {
    case 1:
        *(uint8_t *)p = val;
        break;
    case 2:
        __atomic_store_n((uint16_t *)p, val, __ATOMIC_RELAXED);
        break;
    case 4:
        __atomic_store_n((uint32_t *)p, val, __ATOMIC_RELAXED);
        break;
    default:
        __atomic_store_n((uint64_t *)p, val, __ATOMIC_RELAXED);
        break;
    }
}

static uint64_t swap_bytes(uint64_t v, unsigned size)
{
    return size == 1 ? v : __builtin_bswap64(v) >> (64 - 8 * size);
}

void tlb_check_device(CPU *cpu, uint64_t vaddr, TlbAccess access, unsigned idx, uintptr_t ra)
{
    TlbEntry *e = tlb_find(cpu, vaddr, access, idx);

    if (cpu->target->device_unaligned && (!e || (entry_tag(e, access) & TLB_DEVICE))) {
        cpu->target->device_unaligned(cpu, vaddr, access, idx, ra);
    }
}

static bool crosses_page(uint64_t vaddr, unsigned size)
{
    return (vaddr & ~TLB_PAGE_MASK) + size > TLB_PAGE_SIZE;
}

/* An address that was computed: those of a 32-bit target wrap. */
static uint64_t wrap_addr(const CPU *cpu, uint64_t vaddr)
{
    return cpu->target->pc32 ? (uint32_t)vaddr : vaddr;
}

/* The first byte of an access on its last page: where it faults if that page is not there. */
static uint64_t last_page(const CPU *cpu, uint64_t vaddr, unsigned size)
{
    return wrap_addr(cpu, vaddr + size - 1) & TLB_PAGE_MASK;
}

/* After tlb_get() of an access: the entry of its second page, asked about the rest; or NULL. */
static TlbEntry *get_rest(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                          uintptr_t ra)
{
    unsigned room = TLB_PAGE_SIZE - (vaddr & ~TLB_PAGE_MASK);

    if (size <= room) {
        return NULL;
    }
    return tlb_get(cpu, last_page(cpu, vaddr, size), (size - room) | TLB_REST, access, idx, false,
                   ra);
}

void tlb_check_align(CPU *cpu, uint64_t vaddr, uint16_t memop, TlbAccess access, uintptr_t ra)
{
    unsigned size = 1u << tcg_mo_size(memop), idx = tcg_mo_mmu(memop);

    if (tcg_mo_misaligned(memop, vaddr)) {
        cpu->target->unaligned(cpu, vaddr, access, ra);
    }
    if (tcg_mo_odd(memop, vaddr)) {
        tlb_check_device(cpu, vaddr, access, idx, ra);
        if (crosses_page(vaddr, size)) {
            /* Whatever else the first page's part does wrong comes before this. */
            tlb_get(cpu, vaddr, size, access, idx, false, ra);
            tlb_check_device(cpu, last_page(cpu, vaddr, size), access, idx, ra);
        }
    }
}

/* ask: the size for tlb_fill(). */
static uint64_t load_piece(CPU *cpu, uint64_t vaddr, unsigned size, unsigned ask, unsigned idx,
                           uintptr_t ra)
{
    TlbEntry *e = tlb_get(cpu, vaddr, ask, TLB_READ, idx, false, ra);

    if (e->tag_r & TLB_IO) {
        return io_read(cpu, vaddr, entry_paddr(cpu, e, vaddr, TLB_READ, ra), size, TLB_READ, ra);
    }
    return read_host((const void *)(uintptr_t)(vaddr + e->addend), size);
}

/*
 * Where the parts of an access across pages lie, as generated code looks: false if the table does
 * not have both pages as plain memory.
 */
static bool parts_in_table(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                           uint8_t *part[2])
{
    TlbEntry *table = cpu->env->tlb[idx];
    uint64_t last = last_page(cpu, vaddr, size);
    const TlbEntry *e = tlb_table_entry(table, vaddr), *l = tlb_table_entry(table, last);

    part[0] = (uint8_t *)(uintptr_t)(vaddr + e->addend);
    part[1] = (uint8_t *)(uintptr_t)(last + l->addend);
    return entry_tag(e, access) == (vaddr & TLB_PAGE_MASK) && entry_tag(l, access) == last;
}

/* Makes both pages of an access across them known; faults as it does, the first page first. */
static void get_both(CPU *cpu, uint64_t vaddr, uint16_t memop, TlbAccess access, uintptr_t ra)
{
    unsigned size = 1u << tcg_mo_size(memop), idx = tcg_mo_mmu(memop);

    tlb_check_align(cpu, vaddr, memop, access, ra);
    tlb_get(cpu, vaddr, size, access, idx, false, ra);
    get_rest(cpu, vaddr, size, access, idx, ra);
}

static uint64_t load_across(CPU *cpu, uint64_t vaddr, uint16_t memop, uintptr_t ra)
{
    unsigned size = 1u << tcg_mo_size(memop), idx = tcg_mo_mmu(memop);
    unsigned room = TLB_PAGE_SIZE - (vaddr & ~TLB_PAGE_MASK);
    uint8_t *part[2];
    uint64_t val = 0;

    if (tcg_mo_misaligned(memop, vaddr) ||
        !parts_in_table(cpu, vaddr, size, TLB_READ, idx, part)) {
        get_both(cpu, vaddr, memop, TLB_READ, ra);
    }
    if (parts_in_table(cpu, vaddr, size, TLB_READ, idx, part)) {
        /* The last word of the one page and the first one of the other. */
        val = read_host(part[0] + room - 8, 8) >> (64 - 8 * room) |
              read_host(part[1], 8) << (8 * room);
        return val << (64 - 8 * size) >> (64 - 8 * size);
    }
    for (unsigned i = 0; i < size; i++) {
        uint64_t at = wrap_addr(cpu, vaddr + i);
        val |= load_piece(cpu, at, 1, 1 | TLB_REST, idx, ra) << (8 * i);
    }
    return val;
}

uint64_t tlb_load(CPU *cpu, uint64_t vaddr, uint16_t memop, uintptr_t ra)
{
    unsigned size = 1u << tcg_mo_size(memop), idx = tcg_mo_mmu(memop);
    uint64_t val;

    if (crosses_page(vaddr, size)) {
        val = load_across(cpu, vaddr, memop, ra);
    } else {
        tlb_check_align(cpu, vaddr, memop, TLB_READ, ra);
        val = load_piece(cpu, vaddr, size, size, idx, ra);
    }
    if (memop & TCG_MO_BE) {
        val = swap_bytes(val, size);
    }
    if ((memop & TCG_MO_SIGN) && size < 8) {
        val = (uint64_t)((int64_t)(val << (64 - 8 * size)) >> (64 - 8 * size));
    }
    return val;
}

static void store_piece(CPU *cpu, uint64_t vaddr, uint64_t val, unsigned size, unsigned ask,
                        unsigned idx, uintptr_t ra)
{
    TlbEntry *e = tlb_get(cpu, vaddr, ask, TLB_WRITE, idx, false, ra);

    if (e->tag_w & TLB_IO) {
        io_write(cpu, vaddr, entry_paddr(cpu, e, vaddr, TLB_WRITE, ra), size, val, ra);
        return;
    }
    write_host((void *)(uintptr_t)(vaddr + e->addend), val, size);
    if (e->tag_w & TLB_CODE) {
        store_to_code(cpu, e, vaddr, size);
    }
}

/* The `size` lowest bytes of val, 1 to 7. */
static void write_part(uint8_t *p, uint64_t val, unsigned size)
{
    if (size & 4) {
        write_host(p, val, 4);
        val >>= 32;
        p += 4;
    }
    if (size & 2) {
        write_host(p, val, 2);
        val >>= 16;
        p += 2;
    }
    if (size & 1) {
        *p = val;
    }
}

static void store_across(CPU *cpu, uint64_t vaddr, uint64_t val, uint16_t memop, uintptr_t ra)
{
    unsigned size = 1u << tcg_mo_size(memop), idx = tcg_mo_mmu(memop);
    unsigned room = TLB_PAGE_SIZE - (vaddr & ~TLB_PAGE_MASK);
    uint8_t *part[2];

    if (tcg_mo_misaligned(memop, vaddr) ||
        !parts_in_table(cpu, vaddr, size, TLB_WRITE, idx, part)) {
        get_both(cpu, vaddr, memop, TLB_WRITE, ra);
    }
    if (parts_in_table(cpu, vaddr, size, TLB_WRITE, idx, part)) {
        write_part(part[0], val, room);
        write_part(part[1], val >> (8 * room), size - room);
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        uint64_t at = wrap_addr(cpu, vaddr + i);
        store_piece(cpu, at, val >> (8 * i) & 0xff, 1, 1 | TLB_REST, idx, ra);
    }
}

void tlb_store(CPU *cpu, uint64_t vaddr, uint64_t val, uint16_t memop, uintptr_t ra)
{
    unsigned size = 1u << tcg_mo_size(memop), idx = tcg_mo_mmu(memop);

    if (memop & TCG_MO_BE) {
        val = swap_bytes(val, size);
    }
    if (crosses_page(vaddr, size)) {
        store_across(cpu, vaddr, val, memop, ra);
        return;
    }
    tlb_check_align(cpu, vaddr, memop, TLB_WRITE, ra);
    store_piece(cpu, vaddr, val, size, size, idx, ra);
}

void *tlb_host(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
               uintptr_t ra)
{
    /* As generated code looks, first: atomic accesses of 128 bits come here each time. */
    TlbEntry *e = tlb_table_entry(cpu->env->tlb[idx], vaddr);

    if (entry_tag(e, access) != (vaddr & TLB_PAGE_MASK)) {
        e = tlb_get(cpu, vaddr, size, access, idx, false, ra);
    }
    if ((entry_tag(e, access) & TLB_IO) || crosses_page(vaddr, size)) {
        return NULL;
    }
    if (access == TLB_WRITE && (e->tag_w & TLB_CODE)) {
        store_to_code(cpu, e, vaddr, size);
        e = tlb_get(cpu, vaddr, size, access, idx, false, ra);
        if (e->tag_w & TLB_CODE) {
            uint64_t off;
            RamBlock *b = ram_block_from_host(cpu->tcg->accel->ms,
                                              (void *)(uintptr_t)(vaddr + e->addend), &off);
            page_writing(cpu->tcg->accel, b->start + off);
        }
    }
    return (void *)(uintptr_t)(vaddr + e->addend);
}

void tlb_zero_block(CPU *cpu, uint64_t vaddr, unsigned size, unsigned idx, uintptr_t ra)
{
    uint64_t block = vaddr & ~(uint64_t)(size - 1);
    const TlbEntry *e = tlb_table_entry(cpu->env->tlb[idx], block);
    void *host = (void *)(uintptr_t)(block + e->addend);

    /* As generated code looks, first: a kernel clears pages by hundreds of blocks. */
    if (e->tag_w != (block & TLB_PAGE_MASK)) {
        tlb_check_device(cpu, vaddr, TLB_WRITE, idx, ra);
        host = tlb_host(cpu, block, size, TLB_WRITE, idx, ra);
    }
    if (host && size == 64) {
        memset(host, 0, 64); /* inline */
    } else if (host) {
        memset(host, 0, size);
    }
    for (unsigned i = 0; i < size && !host; i += 8) {
        tlb_store(cpu, block + i, 0, TCG_MO_64 | idx << TCG_MO_MMU_SHIFT, ra);
    }
}

unsigned tlb_peek(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                  uint8_t *host[2])
{
    TlbEntry *e = tlb_get(cpu, vaddr, size, access, idx, false, 0);
    bool device = (entry_tag(e, access) & TLB_IO) != 0;

    host[0] = (uint8_t *)(uintptr_t)(vaddr + e->addend);
    e = get_rest(cpu, vaddr, size, access, idx, 0);
    if (e) {
        host[1] = (uint8_t *)(uintptr_t)(last_page(cpu, vaddr, size) + e->addend);
        device |= (entry_tag(e, access) & TLB_IO) != 0;
    }
    return device ? 0 : e ? TLB_PAGE_SIZE - (vaddr & ~TLB_PAGE_MASK) : size;
}

/* ---- fetches ---- */

static ram_addr fetch(CPU *cpu, uint64_t vaddr, bool probe, const uint8_t **host)
{
    TcgCpu *tc = cpu->tcg;
    TlbEntry *e = tlb_get(cpu, vaddr, 2, TLB_FETCH, 0, probe, 0);
    RamBlock *b = tc->last_block;
    uint64_t off;

    tc->fetch_sub = e && (e->tag_x & TLB_SUB);
    tc->fetch_guarded = e && (e->tag_x & TLB_GUARDED);
    if (!e || (e->tag_x & TLB_IO)) {
        if (!probe) {
            rhea_log_mask(LOG_GUEST_ERROR, "cpu %u: fetch from %#" PRIx64 ", which is not memory\n",
                          cpu->index, vaddr);
            cpu->target->bus_error(cpu, vaddr, 0, TLB_FETCH, 0);
        }
        return RAM_ADDR_NONE;
    }
    *host = (const uint8_t *)(uintptr_t)(vaddr + e->addend);
    if (!b || *host < b->host || *host >= b->host + b->size) {
        b = ram_block_from_host(tc->accel->ms, *host, &off);
        tc->last_block = b;
    }
    return b->start + (*host - b->host);
}

ram_addr tlb_fetch(CPU *cpu, uint64_t vaddr, const uint8_t **host)
{
    return fetch(cpu, vaddr, false, host);
}

ram_addr tlb_fetch_probe(CPU *cpu, uint64_t vaddr, const uint8_t **host)
{
    return fetch(cpu, vaddr, true, host);
}

/* ---- slow paths of generated code ---- */

uint64_t tcg_slow_ld(CPUEnv *env, uint64_t addr, uint32_t memop, uintptr_t ra)
{
    return tlb_load(env->cpu, addr, memop, ra);
}

void tcg_slow_st(CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop, uintptr_t ra)
{
    tlb_store(env->cpu, addr, val, memop, ra);
}

uint64_t tcg_rmw_value(uint64_t old, uint64_t val, TCGRmw op, unsigned size)
{
    unsigned sh = 64 - 8 * size;
    int64_t so = (int64_t)(old << sh) >> sh, sv = (int64_t)(val << sh) >> sh;
    uint64_t uo = old << sh >> sh, uv = val << sh >> sh;

    switch (op) {
    case TCG_RMW_XCHG:
        return val;
    case TCG_RMW_ADD:
        return old + val;
    case TCG_RMW_AND:
        return old & val;
    case TCG_RMW_OR:
        return old | val;
    case TCG_RMW_XOR:
        return old ^ val;
    case TCG_RMW_SMIN:
        return so < sv ? old : val;
    case TCG_RMW_SMAX:
        return so > sv ? old : val;
    case TCG_RMW_UMIN:
        return uo < uv ? old : val;
    default:
        return uo > uv ? old : val;
    }
}

static bool cas_host(void *p, uint64_t *expect, uint64_t val, unsigned size)
{
    bool ok;

    switch (size) {
    case 1: {
        uint8_t e = *expect;
        ok = __atomic_compare_exchange_n((uint8_t *)p, &e, val, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
        *expect = e;
        return ok;
    }
    case 2: {
        uint16_t e = *expect;
        ok = __atomic_compare_exchange_n((uint16_t *)p, &e, val, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
        *expect = e;
        return ok;
    }
    case 4: {
        uint32_t e = *expect;
        ok = __atomic_compare_exchange_n((uint32_t *)p, &e, val, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST);
        *expect = e;
        return ok;
    }
    default:
        return __atomic_compare_exchange_n((uint64_t *)p, expect, val, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    }
}

/* After an atomic store: a translation that began after tlb_host() may have read the old bytes. */
static void stored_to_host(CPU *cpu, const void *host, unsigned size)
{
    Accel *a = cpu->tcg->accel;
    uint64_t off;
    RamBlock *b = ram_block_from_host(a->ms, host, &off);

    if (__atomic_load_n(&b->code[off >> MEM_PAGE_BITS], __ATOMIC_SEQ_CST)) {
        units_invalidate(a, b->start + off, size);
    }
}

static uint64_t extend(uint64_t v, uint32_t memop)
{
    unsigned sh = 64 - (8 << tcg_mo_size(memop));

    return memop & TCG_MO_SIGN ? (uint64_t)((int64_t)(v << sh) >> sh) : v << sh >> sh;
}

/*
 * Host address of an atomic access, NULL for a device. Atomics need both permissions; a page that
 * can be written but not read faults as a store.
 */
static void *atomic_host(CPU *cpu, uint64_t addr, uint32_t memop, uintptr_t ra)
{
    unsigned size = 1u << tcg_mo_size(memop), idx = tcg_mo_mmu(memop);

    tlb_check_align(cpu, addr, memop, TLB_WRITE, ra);
    if ((addr & (size - 1)) && !(memop & TCG_MO_WITHIN16)) {
        cpu->target->unaligned(cpu, addr, TLB_WRITE, ra);
    }
    void *host = tlb_host(cpu, addr, size, TLB_WRITE, idx, ra);
    if (!host && (addr & (size - 1))) {
        cpu->target->unaligned(cpu, addr, TLB_WRITE, ra);
    }
    return host;
}

/* Device registers have no atomic read-modify-write: read, then write. */
static uint64_t io_rmw_read(CPU *cpu, uint64_t addr, uint32_t memop, uintptr_t ra, uint64_t *paddr)
{
    unsigned idx = tcg_mo_mmu(memop);
    TlbEntry *e = tlb_get(cpu, addr, 1 | TLB_REST, TLB_WRITE, idx, false, ra);

    *paddr = entry_paddr(cpu, e, addr, TLB_WRITE, ra);
    return io_read(cpu, addr, *paddr, 1u << tcg_mo_size(memop), TLB_WRITE, ra);
}

uint64_t tcg_slow_rmw(CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop_rmw, uintptr_t ra)
{
    CPU *cpu = env->cpu;
    uint16_t memop = memop_rmw;
    TCGRmw op = memop_rmw >> 16;
    unsigned size = 1u << tcg_mo_size(memop);
    void *host = atomic_host(cpu, addr, memop, ra);
    bool be = memop & TCG_MO_BE;
    uint64_t old, n;

    if (!host) {
        uint64_t paddr;
        old = io_rmw_read(cpu, addr, memop, ra, &paddr);
        n = tcg_rmw_value(be ? swap_bytes(old, size) : old, val, op, size);
        io_write(cpu, addr, paddr, size, be ? swap_bytes(n, size) : n, ra);
        return extend(be ? swap_bytes(old, size) : old, memop);
    }
    old = read_host(host, size);
    do {
        n = tcg_rmw_value(be ? swap_bytes(old, size) : old, val, op, size);
    } while (!cas_host(host, &old, be ? swap_bytes(n, size) : n, size));
    stored_to_host(cpu, host, size);
    return extend(be ? swap_bytes(old, size) : old, memop);
}

uint64_t tcg_slow_cmpxchg(CPUEnv *env, uint64_t addr, uint64_t expect, uint64_t val, uint32_t memop,
                          uintptr_t ra)
{
    CPU *cpu = env->cpu;
    unsigned size = 1u << tcg_mo_size(memop);
    void *host = atomic_host(cpu, addr, memop, ra);
    bool be = memop & TCG_MO_BE;
    uint64_t old;

    if (be) {
        expect = swap_bytes(expect, size);
        val = swap_bytes(val, size);
    }
    expect = extend(expect, tcg_mo_size(memop));
    if (!host) {
        uint64_t paddr;
        old = io_rmw_read(cpu, addr, memop, ra, &paddr);
        if (old == expect) {
            io_write(cpu, addr, paddr, size, val, ra);
        }
    } else {
        old = expect;
        if (cas_host(host, &old, val, size)) {
            stored_to_host(cpu, host, size);
        }
    }
    return extend(be ? swap_bytes(old, size) : old, memop);
}

void tcg_slow_ld128(CPUEnv *env, uint64_t addr, uint32_t memop, uint64_t out[2], uintptr_t ra)
{
    CPU *cpu = env->cpu;
    uint16_t half = (memop & ~(TCG_MO_SIZE | TCG_MO_ALIGN_MASK)) | TCG_MO_64;
    bool be = memop & TCG_MO_BE;

    tlb_check_align(cpu, addr, memop, TLB_READ, ra);
    out[be] = tlb_load(cpu, addr, half, ra);
    out[!be] = tlb_load(cpu, wrap_addr(cpu, addr + 8), half, ra);
}

void tcg_slow_st128(CPUEnv *env, uint64_t addr, const uint64_t val[2], uint32_t memop, uintptr_t ra)
{
    CPU *cpu = env->cpu;
    uint16_t half = (memop & ~(TCG_MO_SIZE | TCG_MO_ALIGN_MASK)) | TCG_MO_64;
    bool be = memop & TCG_MO_BE;

    tlb_check_align(cpu, addr, memop, TLB_WRITE, ra);
    /* Nothing may be stored if either half faults. */
    for (unsigned i = 0; i < 16; i += 8) {
        uint64_t at = wrap_addr(cpu, addr + i);
        tlb_get(cpu, at, 8, TLB_WRITE, tcg_mo_mmu(memop), false, ra);
        get_rest(cpu, at, 8, TLB_WRITE, tcg_mo_mmu(memop), ra);
    }
    tlb_store(cpu, addr, val[be], half, ra);
    tlb_store(cpu, wrap_addr(cpu, addr + 8), val[!be], half, ra);
}

void tcg_slow_probe(CPUEnv *env, uint64_t addr, uint32_t memop, uint32_t store, uintptr_t ra)
{
    CPU *cpu = env->cpu;
    TlbAccess access = store ? TLB_WRITE : TLB_READ;
    unsigned size = 1u << tcg_mo_size(memop), idx = tcg_mo_mmu(memop);

    tlb_check_align(cpu, addr, memop, access, ra);
    tlb_get(cpu, addr, size, access, idx, false, ra);
    get_rest(cpu, addr, size, access, idx, ra);
}

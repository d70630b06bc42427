/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Inside of the accelerator: the threads (threads.c), the dispatcher (exec.c), translated units and
 * their cache (units.c), translation (translate.c), lock-step (check.c). The soft TLB is
 * softmmu/tlb.c.
 *
 * Locks, in the order in which they nest:
 *   Accel.lock        thread states, work queues, the exclusive section; never taken on a hot path
 *   Accel.unit_lock   links, lists of units, page descriptors: taken to add, link and drop units
 * Look-ups of units are lock-free: units are added and marked dead. Their memory is used again, a
 * chunk at a time, when no vCPU can be in it or know of it any more: see Epochs and units.c.
 *
 * Epochs. What generated code decides in two steps (this link is mine; jump) may change between
 * them only if nobody can stand there. Accel.epoch grows with each such change; each vCPU says
 * before it enters generated code which epoch it has seen (TcgCpu.epoch), and EPOCH_OUTSIDE when it
 * is not going to. What was taken back in epoch n is free for another use once no vCPU's epoch is
 * below n: epochs_passed(). Generated code pays nothing for it.
 */
#ifndef RHEA_ACCEL_TCG_INTERNAL_H
#define RHEA_ACCEL_TCG_INTERNAL_H

#include <inttypes.h>
#include <setjmp.h>
#include "accel/accel.h"
#include "accel/tcg/saved_file.h"
#include "softmmu/memory.h"
#include "softmmu/timer.h"
#include "tcg/backend.h"
#include "tcg/interp.h"

typedef struct Unit Unit;

/*
 * A translated unit. It lies in the code cache's writable mapping, in front of its code, whose
 * pieces are known by their sizes: unit_code(). Units, and the exits in them, refer to each other
 * by where they lie in the cache: unit_of_ref(), exit_of_ref(). Interpreter and lock-step keep the
 * optimised IR of each, in front of it: unit_ir().
 */
struct Unit {
    uint32_t hash_next; /* atomic */
    uint32_t mode;
    ram_addr ra;        /* of its first byte */
    uint32_t page_next; /* list of the page that it was translated from */
    uint32_t in;        /* exits linked to this unit */
    uint32_t code_size; /* as in TcgCode; 0: no code */
    uint16_t side_size, relocs_size;
    uint16_t nexits, nlinks;
    uint16_t guest_bytes, ninsns;
    uint16_t source_bytes; /* of its guest bytes, kept behind its tables; 0: not to be saved */
    uint16_t before;       /* region: bytes that it has before its first */
    uint8_t tag;           /* low bits of its pc that are no part of the address */
    bool straddles;        /* into another page: unit_straddle() */
    bool region;
    bool dead; /* atomic */
};
/* Where its code begins, from its start. */
#define UNIT_HEAD 48
G_STATIC_ASSERT(sizeof(Unit) == UNIT_HEAD);

/* Of a unit that straddles, behind its tables. */
typedef struct UnitStraddle {
    ram_addr ra;        /* page of its last instruction's second part */
    uint32_t page_next; /* list of that page */
} UnitStraddle;
#define UNIT_ALIGN 16

/*
 * The code cache: chunks, each filled by one vCPU at a time, emptied in the order they were filled.
 * Units that are made again, because they had to go, have chunks of their own: code that runs once
 * does not push these out. Where translation takes much of the time, there are more chunks instead:
 * cache_is_too_small().
 */
#define CHUNK_SIZE ((size_t)128 << 10)
typedef enum ChunkState {
    CHUNK_FREE,
    CHUNK_FILLING, /* some vCPU's */
    CHUNK_FULL,
    CHUNK_RETIRED, /* its units are dead; free once the epoch has passed */
} ChunkState;
typedef struct Chunk {
    ChunkState state;    /* unit_lock, as all but retirement */
    bool again;          /* of units made again */
    uint64_t order;      /* in which it became full */
    uint64_t free_from;  /* epoch */
    uint64_t retirement; /* atomic: number of the last one that was its */
    uint32_t used;       /* bytes of units */
    uint32_t n_units;    /* atomic: published last */
} Chunk;

/*
 * Where its units are, in UNIT_ALIGN bytes from its begin, ascending, lies at a chunk's end and
 * grows downwards: it stays where it is as long as somebody may be in one of the units, so that no
 * lock is needed to look one up.
 */
static inline uint16_t *chunk_index(uint8_t *chunk, unsigned n)
{
    return (uint16_t *)(chunk + CHUNK_SIZE) - 1 - n;
}
G_STATIC_ASSERT(CHUNK_SIZE / UNIT_ALIGN <= UINT16_MAX);

/* What translation takes of a vCPU's time, in ns; what is older weighs less. Its thread's own. */
typedef struct Effort {
    uint64_t all, translating, again; /* of all translating, of that again what was there before */
    uint64_t new_translating, new_again; /* since a chunk was last taken; not in the sums yet */
    int64_t since;                       /* the thread's processor time then; 0: never */
    unsigned units;
} Effort;

typedef struct CodeCache {
    uint8_t *rw;
    const uint8_t *rx;
    int fd;                                /* -1: anonymous memory */
    size_t size;                           /* reserved for each mapping */
    bool *populated;                       /* atomic, of each piece: see cache_populate() */
    GThreadPool *ahead;                    /* unit_lock; NULL as long as there was nothing to do */
    unsigned n_chunks, mapped, max_chunks; /* in use; mapped; at most. unit_lock. Chunk 0 holds
                                              the thunks */
    unsigned begun;                        /* of these, so many were used at some time */
    unsigned limit;                        /* so many may hold code, with chunk 0 */
    unsigned roomy;                        /* a smaller limit may grow for new code */
    Chunk *chunks;
    uint32_t *gone; /* atomic, 1 << UNIT_GONE_BITS: of units that were retired, by hash */
    unsigned paid;  /* chunks of units made again that bought none yet */
    uint64_t order;
    uint64_t retirements; /* atomic: of all chunks so far */
    unsigned emptied;     /* exclusive section: how often a chunk was emptied in one */
    /* cache_idle(), host times in ns */
    int64_t idle_next; /* atomic: it does nothing before */
    int64_t idle_since, idle_cpu;
    bool idle;
} CodeCache;

/* -accel tcg,cache=DIR: saved.c */
typedef struct Saved {
    int dir;    /* -1: not asked for */
    char *name; /* of the file, once the key is known */
    uint8_t key[SAVED_KEY_BYTES];
    SavedFile *file; /* NULL: none */
    bool complained; /* atomic: of damaged units */
} Saved;

/* What is known of a RAM page that holds (or held) translated code. */
typedef struct PageDesc {
    uint32_t units;             /* reference, atomic */
    uint32_t spared;            /* stores since it had units, of PAGE_SPARED; unit_lock */
    uint64_t granules;          /* bit n: some unit has bytes in [64 n, 64 n + 64) of the page */
    uint32_t busy;              /* translations under way that read the page */
    uint32_t writes;            /* stores seen while busy */
    uint64_t marked;            /* atomic: from this epoch on all stores are seen */
#define PAGE_SPARED  32         /* then it counts as data again */
#define PAGE_MARKING UINT64_MAX /* write access is being taken from the vCPUs */
} PageDesc;

/* A unit whose bytes a vCPU may be about to change unseen: see units.c. */
typedef struct Young {
    Unit *unit;
    uint64_t sum; /* of its bytes as translated */
} Young;

#define UNIT_HASH_BITS 19
#define UNIT_GONE_BITS 17
#define PAGE_LEAF_BITS 10
#define PAGE_ROOT_BITS 20

/* How often a loop was found running: see region.c. */
typedef struct RegionHeat {
    ram_addr ra;
    uint32_t mode;
    uint8_t count, made;
} RegionHeat;
typedef struct Sampler Sampler;

struct Accel {
    AccelOptions opt;
    MemSystem *ms;
    struct Clocks *clocks;
    const TcgHost *host;
    void *thunks;
    TcgHostOptions host_options;
    CodeCache cache;
    GMutex unit_lock;
    uint32_t *hash;   /* 1 << UNIT_HASH_BITS references, atomic */
    PageDesc **pages; /* 1 << PAGE_ROOT_BITS leaves, made on demand, atomic */
    GArray *young;    /* Young */
    unsigned n_young; /* atomic: its length */
    unsigned young_limit;
    uint64_t next_gen; /* atomic; generations of TLB contexts */
    uint64_t epoch;    /* atomic */

    GMutex lock;
    GCond cond; /* any change of the fields below */
    CPU **cpus;
    unsigned n_cpus;
    bool started, paused, exiting;
    CPU *exclusive;   /* vCPU that wants to be alone, NULL: none */
    unsigned running; /* threads inside the dispatcher */
    GThread *single;  /* the one thread of single_thread mode */

    int64_t icount_done;  /* instructions executed up to the running slice's start */
    int64_t icount_warp;  /* ns that the virtual clock skipped while all vCPUs slept */
    int64_t icount_slice; /* instructions granted to the running slice */
    CPU *icount_cpu;      /* vCPU that runs the slice */

    Saved saved;
    Sampler *sampler;       /* NULL: no regions */
    struct PerfNames *perf; /* NULL: nobody asked */
    uint64_t stat_regions, stat_units, stat_loaded, stat_checked, stat_unchecked;
};

/* Filters of pages and of leaves: so many bits, of which each page has two. */
#define TLB_FILTER_BITS 14
/* A flush of a page, and whose entries it is for. */
typedef struct TlbFlushPage {
    uint64_t vaddr;
    bool one_asid;
    uint32_t asid;
    bool global; /* global entries, too */
} TlbFlushPage;
/* A slot that nobody uses does so many flushes of pages when it is selected again; after more it is
 * cleared. */
#define TLB_LATE_FLUSHES 64

/* A processor that goes into its kernel and back changes between few slots. */
#define TLB_GUESS_BITS 8
typedef struct TlbSlot {
    uint64_t key;
    uint64_t stamp; /* of last selection: the oldest is reused */
    uint32_t asid;
    bool valid;
    uint8_t n_large;
    uint8_t globals; /* bit n: it may have global entries for addresses whose top bit is n */
    struct {
        uint64_t base, mask;
    } large[8];       /* leaves wider than a page that the slot has entries of */
    uint32_t fills;   /* since the last flush or resize */
    uint64_t flushes; /* of TcgCpu.flushes those that it knows of: in use, all */
    TlbTable *table;  /* reserved at full size, used as far as its mask says; behind TlbFilters */
} TlbSlot;
typedef struct TlbFilters {
    /* Pages that the jump cache and links may know of under the table's generation. */
    uint64_t fetched[(1 << TLB_FILTER_BITS) / 64];
    /* Host pages that the table may have entries for stores of. */
    uint64_t stored[(1 << TLB_FILTER_BITS) / 64];
} TlbFilters;

/* Second level: 4 ways, set chosen by page. */
#define TLB_L2_BITS 10
#define TLB_L2_WAYS 4
typedef struct TlbL2Entry {
    uint64_t key;  /* of the context; of a global entry without its ASID */
    uint64_t page; /* virtual */
    TlbEntry e;
    uint32_t gen; /* of its ASID, or of the global ones; 0: never current */
    uint32_t asid;
    bool global;
    uint8_t page_bits; /* of the leaf that this is a piece of */
} TlbL2Entry;

typedef struct WorkItem {
    struct WorkItem *next;
    void (*fn)(CPU *cpu, void *data);
    void *data;
} WorkItem;

struct TcgCpu {
    Accel *accel;
    CPUEnv *env; /* for other threads: the checker puts a copy of its own in cpu->env for a while */
    sigjmp_buf jmp;
    int32_t excp; /* set before a longjmp; -1: none */
    bool in_exec;
    uint64_t epoch; /* atomic */
#define EPOCH_OUTSIDE UINT64_MAX
    GThread *thread;
    uint32_t sleeping;  /* atomic, a futex: 1 until somebody kicks */
    TimerKeeper keeper; /* if keeps_timers */
    bool keeps_timers;
    WorkItem *work;       /* atomic stack */
    unsigned spins;       /* calls of cpu_spin() */
    uint64_t retirements; /* of chunks that the jump cache knows of */

    /* soft TLB */
    TlbSlot slots[TLB_SLOTS];
    unsigned n_slots; /* that have a table */
    uint8_t data_slot[CPU_MMU_CONTEXTS];
    uint8_t fetch_slot;
    uint8_t slot_guess[1 << TLB_GUESS_BITS]; /* where a key was last, by its hash */
    uint64_t stamp;
    uint64_t flushes;                    /* of pages, so far */
    TlbFlushPage late[TLB_LATE_FLUSHES]; /* the last ones */
    TlbL2Entry *l2;                      /* (1 << TLB_L2_BITS) * TLB_L2_WAYS */
    uint32_t l2_gen_global;
    uint32_t l2_gen_asid[256];
    uint8_t l2_victim;
    /* Large leaves with pieces in l2: a filter, which may name leaves that are gone. */
    struct {
        uint64_t sizes; /* bit n: leaves of 2^n bytes; bit 0: of all the address space */
        uint64_t seen[(1 << TLB_FILTER_BITS) / 64];
    } l2_large;

    /* translation */
    Effort effort;
    TCGBuilder *builder;
    TCGUnit *ir;
    uint8_t *copies;    /* two pages, for young ones */
    void *scratch;      /* host's */
    SavedWindow window; /* of the file of saved units */
    TcgInterp *interp;
    unsigned chunk[2]; /* being filled, of new units and of those made again; 0: none */
    Unit *interp_unit; /* that the interpreter runs */
    RamBlock *last_block;
    MemSection ram; /* what page walks found last, at ram_at; as old as the TLB */
    hwaddr ram_at;
    /* Where CPUEnv.relink starts next. It doubles each time: vCPUs that share code would take links
     * from each other for ever. A new context begins anew. */
    int32_t relink_next;
#define RELINK_FIRST 64
#define RELINK_MOST  (1 << 16)
    RegionHeat heat[128];
    bool sampled;                  /* atomic: region_sample() at the next poll */
    bool sampled_new;              /* atomic: which found a place that may become a region */
    bool fetch_sub, fetch_guarded; /* the last tlb_fetch() hit a page with TLB_SUB, TLB_GUARDED */

    uint64_t insns;                        /* executed before the running slice (icount) */
#define TCG_COUNT_START ((int64_t)1 << 62) /* of env->icount_left where nothing limits it */
    struct CheckState *check;
};

/* units.c */
bool units_init(Accel *a, GError **err);
void units_free(Accel *a);
/* The live unit for code at ra in this mode, or NULL. */
Unit *unit_find(Accel *a, ram_addr ra, uint32_t mode);
/* True if a unit for code at ra in this mode had to go not long ago. */
bool unit_was_there(const Accel *a, ram_addr ra, uint32_t mode);
/* Around the translation of a unit, again: of one that was there. Few are timed, others begin at 0.
 */
int64_t effort_begin(Effort *e);
void effort_end(Effort *e, int64_t begun, bool again);
/* A chunk is full; its vCPU's thread took this much of a processor meanwhile. */
void effort_add(Effort *e, int64_t spent);
/* Whether the cache should grow rather than give back what there is. */
bool cache_is_too_small(const CodeCache *c, const Effort *e);
/* Room for at least `need` bytes in this vCPU's chunk of new units or of those that are made again;
 * NULL: there is none until others have left chunks that were retired. */
uint8_t *cache_room(CPU *cpu, bool again, size_t need, size_t *room);
/* Make the unit at the front of the room visible; as a dead one if its bytes were written since
 * page_begin_read() gave `writes` for its pages. young: NULL, or the sum of the copy that it was
 * translated from. */
void unit_publish(CPU *cpu, Unit *u, size_t bytes, const uint32_t writes[2], const uint64_t *young);
/* The unit whose code holds executable address ra, or NULL. */
Unit *unit_from_host(Accel *a, uintptr_t ra);
/* True if every vCPU but `self` has been outside of generated code since the given epoch began. */
bool epochs_passed(Accel *a, const CPU *self, uint64_t epoch);
/* Link exit e of src to u unless u is dead, e has a link already that holds, or e was linked
 * elsewhere until just now. cpu is between units. */
void unit_link(CPU *cpu, Unit *src, TcgExit *e, Unit *u);
/* From here to page_end_read() stores to the page at ra are noticed; *writes is for the latter. */
void page_begin_read(Accel *a, ram_addr ra, uint32_t *writes);
/* False if the page was written meanwhile. unit_lock is held. */
bool page_end_read_locked(Accel *a, ram_addr ra, uint32_t writes);
/* After page_begin_read(): true if stores to the page that nobody will notice may be under way.
 * Then it must be read from a copy, and the unit published with the sum of that. */
bool page_is_young(Accel *a, const CPU *self, ram_addr ra);
/* The calling vCPU is going to store to the page from C, before it is between units again. */
void page_writing(Accel *a, ram_addr ra);
/* Sum of the unit's bytes in its page(s). */
uint64_t unit_source_sum(const Unit *u, const uint8_t *page, const uint8_t *next_page);
/* A store hit a page with its code byte set: clear the byte if no code is left; returns whether. */
bool page_try_unmark(Accel *a, ram_addr ra);
/* Drop units that have bytes in [ra, ra + len). */
void units_invalidate(Accel *a, ram_addr ra, uint64_t len);
/* Exclusive section only: see to it that a chunk is free. */
void cache_empty_chunk(Accel *a);
/* Give back the memory of one piece of the oldest code if more than `keep` chunks hold some. False:
 * there is nothing to give back. Code of a vCPU that is in its epoch still goes with a later call.
 */
bool cache_trim(Accel *a, unsigned keep);
/* The calling vCPU is about to sleep: while the whole program does next to nothing, the cache is
 * cut back to three quarters of what it begins with, some of it each time. At: it is the host's
 * time `now`, and the program has run for `cpu`, in ns. */
void cache_idle(Accel *a);
void cache_idle_at(Accel *a, int64_t now, int64_t cpu);
/* Before a vCPU's epoch goes on: chunks were retired, its jump cache forgets them. */
void cache_forget_retired(CPU *cpu);

static inline uint8_t *chunk_bytes(const CodeCache *c, const Chunk *k)
{
    return c->rw + (k - c->chunks) * CHUNK_SIZE;
}

/* Its n-th unit. */
static inline Unit *chunk_unit(const CodeCache *c, const Chunk *k, unsigned n)
{
    uint8_t *chunk = chunk_bytes(c, k);

    return (Unit *)(chunk + *chunk_index(chunk, n) * UNIT_ALIGN);
}

/* The unit with this entry. */
static inline Unit *unit_of_code(const Accel *a, const void *code)
{
    return (Unit *)(a->cache.rw + ((const uint8_t *)code - a->cache.rx) - UNIT_HEAD);
}

/* Its entry, NULL if it has no code. */
static inline const void *unit_entry(const Accel *a, const Unit *u)
{
    return u->code_size ? a->cache.rx + ((const uint8_t *)u - a->cache.rw) + UNIT_HEAD : NULL;
}

/* Where the second page's part of u is in the lists, and that page. */
UnitStraddle *unit_straddle(const Accel *a, const Unit *u);
static inline ram_addr unit_ra2(const Accel *a, const Unit *u)
{
    return u->straddles ? unit_straddle(a, u)->ra : RAM_ADDR_NONE;
}

/* Its code and tables. */
TcgCode unit_code(const Accel *a, const Unit *u);
void unit_set_code(Unit *u, const TcgCode *c);

static inline TcgExit *unit_exits(const Unit *u)
{
    return (TcgExit *)((uint8_t *)u + UNIT_HEAD + u->code_size);
}

/* References to units and exits; 0: to none. */
static inline uint32_t unit_ref(const Accel *a, const Unit *u)
{
    return ((const uint8_t *)u - a->cache.rw) / UNIT_ALIGN;
}
static inline Unit *unit_of_ref(const Accel *a, uint32_t ref)
{
    return ref ? (Unit *)(a->cache.rw + (uint64_t)ref * UNIT_ALIGN) : NULL;
}
static inline TcgExit *exit_of_ref(const Accel *a, uint32_t ref)
{
    return ref ? (TcgExit *)(a->cache.rw + (uint64_t)ref * 8) : NULL;
}

static inline bool units_keep_ir(const Accel *a)
{
    return a->opt.engine == ACCEL_INTERP || a->opt.check;
}
static inline TCGUnit **unit_ir(const Unit *u)
{
    return (TCGUnit **)u - 1;
}

/* perf.c */
typedef struct PerfNames PerfNames;
bool perf_init(Accel *a, GError **err);
void perf_name_thunks(Accel *a, const void *code, size_t size);
/* u is the unit at guest address pc. */
void perf_name_unit(Accel *a, uint64_t pc, const Unit *u);
void perf_free(Accel *a);

/* saved.c */
bool saved_init(Accel *a, GError **err);
void saved_start(Accel *a);  /* the machine is complete */
void saved_finish(Accel *a); /* no vCPU runs any more */
void saved_free(Accel *a);
/* Is there a file to look units up in? */
bool saved_wanted(const Accel *a);
/* Unit n of the file (saved_file_find()): its body comes to rw. room: at least
 * saved_file_body_bytes(). False: it is damaged. */
bool saved_load(CPU *cpu, int64_t n, SavedUnit *s, uint8_t *rw, size_t room);
/* Make it run where it was loaded. False: it cannot. */
bool saved_make_code(Accel *a, int64_t n, const SavedUnit *s, uint8_t *rw, TcgCode *out);
/* The bytes that a unit with source_bytes was made from. */
const uint8_t *unit_source(const Accel *a, const Unit *u);

/* Compile cpu's IR behind u's head, into `room` bytes. False: it does not fit. translate.c */
bool unit_compile(CPU *cpu, Unit *u, size_t room);

/* translate.c; mode: env->mode, UNIT_MODE_SUB for a unit of one instruction, UNIT_MODE_GUARDED on a
 * guarded page. */
#define UNIT_MODE_SUB     (1u << 24)
#define UNIT_MODE_GUARDED (1u << 25)
Unit *unit_translate(CPU *cpu, ram_addr ra, const uint8_t *page, uint32_t mode);

/* region.c */
void region_start(Accel *a); /* the machine is complete */
void region_stop(Accel *a);  /* no vCPU runs any more */
/* cpu begins to run. */
void region_wake_sampler(Accel *a);
/* cpu has polled for the sampler, in code of `from` (NULL: of none, or nobody knows), and goes on
 * at env->pc. */
void region_sample(CPU *cpu, const Unit *from);

/* exec.c */
void tcg_exec(CPU *cpu);
/* Unit for env->pc in the present context; may fault (longjmp). */
Unit *exec_find_unit(CPU *cpu);

/* threads.c */
void exclusive_begin(CPU *cpu);
void exclusive_end(CPU *cpu);

/* check.c */
uint64_t check_run(CPU *cpu, Unit *u);
void check_free(CPU *cpu);

/* softmmu/tlb.c */
void tlb_init(CPU *cpu);
void tlb_destroy(CPU *cpu);
/* RAM address and host byte of the instruction at vaddr; faults as a fetch does. */
ram_addr tlb_fetch(CPU *cpu, uint64_t vaddr, const uint8_t **host);
/* The same, but RAM_ADDR_NONE instead of a fault. */
ram_addr tlb_fetch_probe(CPU *cpu, uint64_t vaddr, const uint8_t **host);
/* Faults if the access is not as the memop, or its page, wants it aligned. */
void tlb_check_align(CPU *cpu, uint64_t vaddr, uint16_t memop, TlbAccess access, uintptr_t ra);
/*
 * Host addresses of an access after all checks, in their order; stores nothing, invalidates
 * nothing. Returns the bytes at host[0], the rest is at host[1]; 0 if any of it is a device's.
 */
unsigned tlb_peek(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                  uint8_t *host[2]);
/* Take direct write access to this host page away from cpu. Any thread. */
void tlb_protect_code(CPU *cpu, const uint8_t *host_page);

#endif

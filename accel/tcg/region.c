/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Regions: loops of several units, compiled again as one (-accel tcg,superblocks=on).
 *
 * A sampler thread asks each vCPU that runs, PERIOD_US apart and more rarely where nothing new is
 * found, to leave generated code at its next poll. Polls stand at backward branches, so that the
 * address it then stands at is the start of a loop that runs. When the same address has come up HOT
 * times, the guest code from which that address can be reached again by direct branches within the
 * page, of what has been run, becomes a unit of several blocks: see include/tcg/ir.h, rule 6, and
 * tcg/x86_64/region.c.
 *
 * A loop that runs inside of a region is not found: the region goes there again by itself once it
 * is entered. One that runs long before that, in units, is found and gets a region of its own, with
 * the same code if both can be reached from each other.
 *
 * The vCPU that found the loop compiles the region itself, between two units: it takes as long as a
 * dozen units. The region takes the place of the unit at that address, which dies as one whose
 * bytes were written; its memory is given back as all of the code cache is. A region does not pass
 * its own entry when it loops: who kills one makes the vCPUs poll (unit_kill_locked()).
 *
 * Not with -icount or in lock step, where runs do not depend on time; not saved either.
 *
 * Threads: the sampler touches Sampler, TcgCpu.epoch and .sampled only; the rest is the vCPU's.
 * Test: tests/unit/test-region.c, tests/boot/loops.py.
 */
#include <string.h>
#include "accel/tcg/internal.h"
#include "rhea/log.h"
#include "softmmu/timer.h"

#define PERIOD_US    4000
#define PERIOD_MOST  64000
#define QUIET        16 /* periods without a vCPU that runs, before the sampler sleeps */
#define FIRST_MS     10 /* what a machine does before is not worth a thread */
#define HOT          3
#define REGION_INSNS 384
#define REGION_EDGES 512
#define MADE_MOST    5
#define TRIED        UINT8_MAX

struct Sampler {
    GThread *thread; /* NULL: not yet */
    Timer start;
    GMutex lock;
    GCond cond;
    bool stop;   /* lock */
    bool asleep; /* atomic */
};

typedef struct Edge {
    uint16_t from, to;
    bool jump; /* unconditional */
} Edge;

/* Guest instructions by halfword of the page; offset 0 as "none" is a halfword that no
 * instruction falls through to. */
typedef struct Region {
    UnitContext c; /* first: frontends see it */
    CPU *cpu;
    ram_addr page_ra;
    uint64_t page_va;
    uint16_t head;
    unsigned n_insns, n_edges;
    uint16_t falls[TLB_PAGE_SIZE / 2]; /* offset of the instruction it falls through to */
    bool seen[TLB_PAGE_SIZE / 2], keep[TLB_PAGE_SIZE / 2], leader[TLB_PAGE_SIZE / 2],
        placed[TLB_PAGE_SIZE / 2], restless[TLB_PAGE_SIZE / 2];
    bool again;
    Edge edges[REGION_EDGES];
} Region;

/* ---- sampling ---- */

/* Has a vCPU been somewhere new? */
static bool one_is_new(Accel *a)
{
    bool any = false;

    for (unsigned i = 0; i < a->n_cpus; i++) {
        any |= __atomic_exchange_n(&a->cpus[i]->tcg->sampled_new, false, __ATOMIC_RELAXED);
    }
    return any;
}

static bool one_runs(Accel *a, bool sample)
{
    bool any = false;

    for (unsigned i = 0; i < a->n_cpus; i++) {
        TcgCpu *tc = a->cpus[i]->tcg;
        if (__atomic_load_n(&tc->epoch, __ATOMIC_SEQ_CST) != EPOCH_OUTSIDE) {
            any = true;
            if (sample) {
                __atomic_store_n(&tc->sampled, true, __ATOMIC_RELEASE);
                __atomic_store_n(&tc->env->exit_request, 1, __ATOMIC_RELEASE);
            }
        }
    }
    return any;
}

static void *sampler_thread(void *opaque)
{
    Accel *a = opaque;
    Sampler *s = a->sampler;
    unsigned quiet = 0;
    gint64 period = PERIOD_US;

    g_mutex_lock(&s->lock);
    while (!s->stop) {
        if (quiet < QUIET) {
            period = one_is_new(a) ? PERIOD_US : MIN(period + period / 4, PERIOD_MOST);
            g_cond_wait_until(&s->cond, &s->lock, g_get_monotonic_time() + period);
        } else {
            /* Pairs with the vCPU's store of its epoch before it looks here. */
            __atomic_store_n(&s->asleep, true, __ATOMIC_SEQ_CST);
            while (!s->stop && !one_runs(a, false)) {
                g_cond_wait(&s->cond, &s->lock);
            }
            __atomic_store_n(&s->asleep, false, __ATOMIC_SEQ_CST);
        }
        quiet = one_runs(a, true) ? 0 : quiet + 1;
    }
    g_mutex_unlock(&s->lock);
    return NULL;
}

void region_wake_sampler(Accel *a)
{
    Sampler *s = a->sampler;

    if (s && G_UNLIKELY(__atomic_load_n(&s->asleep, __ATOMIC_SEQ_CST))) {
        g_mutex_lock(&s->lock);
        g_cond_broadcast(&s->cond);
        g_mutex_unlock(&s->lock);
    }
}

static void sampler_begin(void *opaque)
{
    Accel *a = opaque;

    a->sampler->thread = g_thread_new("sampler", sampler_thread, a);
}

void region_start(Accel *a)
{
    if (!a->opt.superblocks || a->opt.engine != ACCEL_JIT || a->opt.check || a->opt.single_thread ||
        a->opt.one_insn_per_unit || a->n_cpus == 0 || !a->cpus[0]->target->joins) {
        return;
    }
    a->sampler = g_new0(Sampler, 1);
    g_mutex_init(&a->sampler->lock);
    g_cond_init(&a->sampler->cond);
    if (!a->clocks) {
        sampler_begin(a);
        return;
    }
    timer_init(&a->sampler->start, a->clocks, CLK_REALTIME, sampler_begin, a);
    timer_mod(&a->sampler->start, clock_get_ns(a->clocks, CLK_REALTIME) + FIRST_MS * NS_PER_MS);
}

void region_stop(Accel *a)
{
    Sampler *s = a->sampler;

    if (s) {
        if (a->clocks) {
            timer_del_sync(&s->start);
        }
        if (s->thread) {
            g_mutex_lock(&s->lock);
            s->stop = true;
            g_cond_broadcast(&s->cond);
            g_mutex_unlock(&s->lock);
            g_thread_join(s->thread);
        }
        g_mutex_clear(&s->lock);
        g_cond_clear(&s->cond);
        g_free(s);
        a->sampler = NULL;
    }
}

/* ---- which code ---- */

static bool on_page(int64_t offset)
{
    /* No instruction that begins here runs into the next page. */
    return offset >= 0 && offset <= (int64_t)TLB_PAGE_SIZE - 4 && !(offset & 1);
}

/* IR of at most n instructions from page offset off on, behind what there is. False: none. */
static bool translate_from(Region *r, uint16_t off, unsigned n)
{
    TCGBuilder *b = r->cpu->tcg->builder;

    r->c.pc = r->page_va + off;
    r->c.offset = off;
    r->c.max_insns = n;
    r->cpu->target->translate(&r->c);
    return !tcg_unit_of(b)->overflow && r->c.offset > off && r->c.offset <= TLB_PAGE_SIZE &&
           !r->c.straddles && !r->c.pc_tag;
}

static void begin_unit(Region *r)
{
    TcgCpu *tc = r->cpu->tcg;

    tcg_unit_reset(tc->ir);
    tcg_begin(tc->builder, tc->ir);
    tc->ir->start = r->head;
    tc->ir->pc32 = r->cpu->target->pc32;
}

static void add_edge(Region *r, uint16_t from, int64_t to, bool jump)
{
    if (r->n_edges < REGION_EDGES) {
        r->edges[r->n_edges++] = (Edge){.from = from, .to = to, .jump = jump};
    }
}

/* Take down what can run from off on. False: it cannot be translated. */
static bool explore_from(Region *r, uint16_t off)
{
    TCGUnit *u = r->cpu->tcg->ir;
    int64_t at = -1;
    bool call = false;

    begin_unit(r);
    if (!translate_from(r, off, REGION_INSNS - r->n_insns)) {
        return false;
    }
    for (uint32_t i = 1; i < u->nops; i++) {
        const TCGOp *op = &u->ops[i];
        if (op->opc == TCG_OP_insn_start) {
            if (at >= 0) {
                r->falls[at / 2] = op->imm;
            }
            at = op->imm;
            if (!on_page(at) || r->seen[at / 2]) {
                return true;
            }
            r->seen[at / 2] = true;
            r->n_insns++;
            call = false;
        } else if (op->opc == TCG_OP_setcell && u->ops[op->a.i].opc == TCG_OP_pcrel) {
            /* A link: what is called is no part of the loop. */
            call = true;
        } else if (at >= 0 && (op->opc == TCG_OP_exit_if || op->opc == TCG_OP_exit_direct) &&
                   on_page(op->imm) && op->imm != at && !call) {
            add_edge(r, at, op->imm, op->opc == TCG_OP_exit_direct);
        }
    }
    return true;
}

/* A destination that was run has a unit. */
static bool was_run(const Region *r, uint16_t off)
{
    return off == r->head || unit_find(r->cpu->tcg->accel, r->page_ra + off, r->c.mode);
}

/* Nothing is folded: in the first turn of an inner loop its counter may be known, but not how the
 * loop ends. */
static bool explore(Region *r)
{
    TCGBuilder *b = r->cpu->tcg->builder;
    unsigned passes = r->cpu->tcg->accel->opt.opt_passes;

    tcg_builder_set_passes(b, passes & ~TCG_OPT_FOLD);
    bool ok = explore_from(r, r->head);
    for (unsigned k = 0; k < r->n_edges && ok; k++) {
        uint16_t to = r->edges[k].to;
        if (!r->seen[to / 2] && r->n_insns < REGION_INSNS && r->n_edges < REGION_EDGES &&
            was_run(r, to)) {
            ok = explore_from(r, to);
        }
    }
    tcg_builder_set_passes(b, passes);
    return ok;
}

/* Keep what can get back to the head. False: nothing does. */
static bool find_cycle(Region *r)
{
    bool more = true, cycle = false;

    r->keep[r->head / 2] = true;
    while (more) {
        more = false;
        for (int i = TLB_PAGE_SIZE / 2 - 1; i >= 0; i--) {
            if (r->seen[i] && !r->keep[i] && r->falls[i] && r->keep[r->falls[i] / 2]) {
                r->keep[i] = more = true;
            }
        }
        for (unsigned k = 0; k < r->n_edges; k++) {
            const Edge *e = &r->edges[k];
            if (r->keep[e->to / 2] && !r->keep[e->from / 2]) {
                r->keep[e->from / 2] = more = true;
            }
        }
    }
    for (unsigned k = 0; k < r->n_edges; k++) {
        const Edge *e = &r->edges[k];
        if (r->keep[e->from / 2] && r->keep[e->to / 2] && r->seen[e->to / 2]) {
            r->leader[e->to / 2] = true;
            cycle |= e->to == r->head;
        }
    }
    r->leader[r->head / 2] = true;
    for (unsigned i = 0; i < TLB_PAGE_SIZE / 2; i++) {
        cycle |= r->keep[i] && r->falls[i] == r->head && r->falls[i];
    }
    return cycle;
}

/* ---- the unit ---- */

/* Only the jump at `from` leads to off: its code goes on there. Not backwards, which polls. */
static bool is_continuation(const Region *r, uint16_t from, uint16_t off)
{
    unsigned n = 0;

    if (off <= from) {
        return false;
    }
    for (unsigned k = 0; k < r->n_edges; k++) {
        const Edge *e = &r->edges[k];
        if (e->to == off && r->keep[e->from / 2]) {
            if (!e->jump || e->from != from) {
                return false;
            }
            n++;
        }
    }
    for (unsigned i = 0; i < TLB_PAGE_SIZE / 2; i++) {
        if (r->keep[i] && r->falls[i] == off && off) {
            return false;
        }
    }
    return n == 1 && off != r->head;
}

/* Where the code behind the instruction at `from` goes on in the region; 0: nowhere. */
static uint16_t jump_from(const Region *r, uint16_t from)
{
    for (unsigned k = 0; k < r->n_edges; k++) {
        const Edge *e = &r->edges[k];
        if (e->from == from && e->jump && r->leader[e->to / 2] && !r->placed[e->to / 2]) {
            return e->to;
        }
    }
    return 0;
}

/* Does an instruction between the leader at off and the one at last jump back to off? */
static bool loops_to(const Region *r, uint16_t off, uint16_t last)
{
    for (unsigned k = 0; k < r->n_edges; k++) {
        const Edge *e = &r->edges[k];
        if (e->to == off && off < e->from && e->from <= last) {
            return true;
        }
    }
    return false;
}

/*
 * n instructions from the leader at off on, behind its block, which is a loop by itself: once for
 * the first turn, and once for the others, in which is known what the first has left in the cells
 * (flags of the same kind, a constant). If it is not so after such a turn, it is restless.
 */
static bool translate_loop(Region *r, uint16_t off, unsigned n)
{
    TCGBuilder *b = r->cpu->tcg->builder;
    bool ok;

    tcg_gen_loop(b, off);
    ok = translate_from(r, off, n);
    if (ok && tcg_is_unreachable(b) && tcg_gen_steady_block(b)) {
        ok = translate_from(r, off, n);
        if (!tcg_loop_is_steady(b)) {
            r->restless[off / 2] = r->again = true;
        }
    }
    tcg_gen_loop(b, -1);
    return ok;
}

/* Blocks from the leader at off on, as long as one follows another. */
static bool emit_chain(Region *r, uint16_t off)
{
    TCGBuilder *b = r->cpu->tcg->builder;

    bool whole = true; /* at off a block begins */
    tcg_gen_block(b, off);
    for (;;) {
        uint16_t last = off, next;
        unsigned n = 1;
        r->placed[off / 2] = true;
        for (; (next = r->falls[last / 2]) && r->keep[next / 2] && !r->leader[next / 2]; n++) {
            last = next;
        }
        if (next) {
            next = r->leader[next / 2] && !r->placed[next / 2] ? next : 0;
        } else {
            next = jump_from(r, last);
        }
        bool goes_on = next && is_continuation(r, last, next);
        tcg_gen_goes_on_at(b, goes_on ? next : -1);
        bool loop = whole && !goes_on && !r->restless[off / 2] && loops_to(r, off, last);
        if (!(loop ? translate_loop(r, off, n) : translate_from(r, off, n))) {
            return false;
        }
        goes_on = goes_on && !tcg_is_unreachable(b);
        if (!goes_on && !tcg_is_unreachable(b)) {
            return false;
        }
        if (!next) {
            return true;
        }
        if (!goes_on) {
            tcg_gen_block(b, next);
        }
        whole = !goes_on;
        off = next;
    }
}

static bool build(Region *r)
{
    Accel *a = r->cpu->tcg->accel;
    TCGUnit *u = r->cpu->tcg->ir;
    unsigned lo = r->head, hi = r->head;
    bool ok;

    do {
        r->again = false;
        memset(r->placed, 0, sizeof(r->placed));
        begin_unit(r);
        ok = emit_chain(r, r->head);
        for (unsigned i = 0; i < TLB_PAGE_SIZE / 2 && ok; i++) {
            if (r->keep[i]) {
                lo = MIN(lo, 2 * i);
                hi = MAX(hi, 2 * i);
            }
            if (r->leader[i] && !r->placed[i]) {
                ok = emit_chain(r, 2 * i);
            }
        }
    } while (ok && r->again);
    tcg_gen_goes_on_at(r->cpu->tcg->builder, -1);
    if (!ok || u->overflow) {
        return false;
    }
    u->guest_bytes = hi + 4 - r->head;
    r->c.seen = lo;
    tcg_optimize(u, a->opt.opt_passes);
    tcg_live(u);
    return true;
}

/* Code of the unit just built; NULL: there is no room. */
static Unit *make_code(Region *r, ram_addr ra, size_t *total)
{
    CPU *cpu = r->cpu;
    Accel *a = cpu->tcg->accel;
    const TCGUnit *ir = cpu->tcg->ir;

    for (size_t least = 4096;; least = CHUNK_SIZE) {
        size_t room;
        uint8_t *rw = cache_room(cpu, true, least, &room);
        Unit *u = (Unit *)rw;
        if (!rw) {
            return NULL;
        }
        *u = (Unit){.ra = ra,
                    .mode = r->c.mode,
                    .guest_bytes = ir->guest_bytes,
                    .before = r->head - r->c.seen,
                    .region = true,
                    .ninsns = ir->ninsns};
        if (unit_compile(cpu, u, room - UNIT_HEAD)) {
            *total = unit_source(a, u) - (const uint8_t *)u;
            return u;
        }
        if (least == CHUNK_SIZE) {
            return NULL;
        }
    }
}

static void log_region(const Region *r, const Unit *u)
{
    Accel *a = r->cpu->tcg->accel;

    if (!rhea_log_on(LOG_OP_OPT | LOG_OUT_ASM) || !rhea_log_in_filter(r->page_va + r->head)) {
        return;
    }
    FILE *f = rhea_log_lock();
    fprintf(f, "----------------\nREGION: 0x%08" PRIx64 ", %u instructions\n", r->page_va + r->head,
            u->ninsns);
    if (rhea_log_on(LOG_OP_OPT)) {
        tcg_dump(r->cpu->tcg->ir, f);
    }
    if (rhea_log_on(LOG_OUT_ASM) && a->host->disas) {
        TcgCode code = unit_code(a, u);
        fprintf(f, "OUT: [size=%u]\n", code.code_size);
        a->host->disas(a->thunks, &code, f);
    }
    fprintf(f, "\n");
    rhea_log_unlock(f);
}

/* Make the region of the loop at env->pc. False: there is none. */
static bool region_make(CPU *cpu, ram_addr ra, const uint8_t *page)
{
    Accel *a = cpu->tcg->accel;
    CPUEnv *env = cpu->env;
    uint32_t writes[2];
    Unit *u = NULL;
    size_t total = 0;
    Region *r = g_new0(Region, 1);

    r->cpu = cpu;
    r->head = env->pc & ~TLB_PAGE_MASK;
    r->page_va = env->pc & TLB_PAGE_MASK;
    r->page_ra = ra - r->head;
    r->c = (UnitContext){.cpu = cpu, .b = cpu->tcg->builder, .mode = env->mode, .page = page};
    page_begin_read(a, ra, &writes[0]);
    if (!page_is_young(a, cpu, ra) && explore(r) && find_cycle(r) && build(r)) {
        u = make_code(r, ra, &total);
    }
    if (u) {
        log_region(r, u);
        perf_name_unit(a, env->pc, u);
        unit_publish(cpu, u, total, writes, NULL);
        __atomic_fetch_add(&a->stat_regions, 1, __ATOMIC_RELAXED);
    } else {
        g_mutex_lock(&a->unit_lock);
        page_end_read_locked(a, ra, writes[0]);
        g_mutex_unlock(&a->unit_lock);
    }
    g_free(r);
    return u;
}

/* Is code at ra part of what the unit was made of, at least between its first byte and its last? */
static bool is_within(const Unit *u, ram_addr ra, uint32_t mode)
{
    return u && u->region && !__atomic_load_n(&u->dead, __ATOMIC_ACQUIRE) && u->mode == mode &&
           ra + u->before >= u->ra && ra < u->ra + u->guest_bytes;
}

void region_sample(CPU *cpu, const Unit *from)
{
    TcgCpu *tc = cpu->tcg;
    CPUEnv *env = cpu->env;
    const uint8_t *host;

    __atomic_store_n(&tc->sampled, false, __ATOMIC_RELAXED);
    if (!on_page(env->pc & ~TLB_PAGE_MASK) || !cpu->target->joins(env->mode) ||
        (env->mode & CPU_MODE_COUNT)) {
        return;
    }
    ram_addr ra = tlb_fetch_probe(cpu, env->pc, &host);
    if (ra == RAM_ADDR_NONE || tc->fetch_sub || tc->fetch_guarded ||
        is_within(from, ra, env->mode)) {
        return;
    }
    RegionHeat *h = &tc->heat[(ra >> 1) % G_N_ELEMENTS(tc->heat)];
    if (h->ra != ra || h->mode != env->mode) {
        *h = (RegionHeat){.ra = ra, .mode = env->mode};
    }
    Unit *u = unit_find(tc->accel, ra, env->mode);
    if (h->count == TRIED || (u && u->region)) {
        return;
    }
    __atomic_store_n(&tc->sampled_new, true, __ATOMIC_RELAXED);
    /* Code that is written again and again is made less and less often. */
    if (++h->count >= HOT << h->made) {
        bool made = region_make(cpu, ra, host - (env->pc & ~TLB_PAGE_MASK));
        h->made += h->made < MADE_MOST;
        h->count = made ? 0 : TRIED;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * From guest bytes to a unit: frontend, optimiser, host, code cache.
 *
 * A unit is made for a physical page, an offset and the mode bits, and depends on nothing else of
 * the CPU's state. When no chunk of the cache is free, one is emptied in an exclusive section and
 * the translation is tried again.
 */
#include <string.h>
#include "accel/tcg/internal.h"
#include "rhea/log.h"

#define MAX_UNIT_INSNS 96

typedef struct TranslateState {
    UnitContext c; /* first: frontends see it */
    CPU *cpu;
    uint64_t page_va;
    ram_addr ra2;
    uint32_t writes[2];
    bool young; /* of a page that is read from a copy */
} TranslateState;

/* Where to read the page i (0, 1) of a unit from. */
static const uint8_t *source_page(TranslateState *t, int i, ram_addr ra, const uint8_t *host)
{
    TcgCpu *tc = t->cpu->tcg;
    uint8_t *copy = tc->copies + i * TLB_PAGE_SIZE;

    if (!page_is_young(tc->accel, t->cpu, ra)) {
        return host;
    }
    t->young = true;
    return memcpy(copy, host, TLB_PAGE_SIZE);
}

bool unit_fetch_over(UnitContext *c, uint32_t off, void *buf, unsigned len)
{
    TranslateState *t = (TranslateState *)c;
    unsigned first = off < TLB_PAGE_SIZE ? TLB_PAGE_SIZE - off : 0;

    if (!c->next_page) {
        const uint8_t *host;
        t->ra2 = tlb_fetch_probe(t->cpu, t->page_va + TLB_PAGE_SIZE, &host);
        if (t->ra2 == RAM_ADDR_NONE) {
            return false;
        }
        page_begin_read(t->cpu->tcg->accel, t->ra2, &t->writes[1]);
        c->next_page = source_page(t, 1, t->ra2, host);
    }
    c->straddles = true;
    t->c.seen = MAX(t->c.seen, off + len);
    memcpy(buf, c->page + off, first);
    memcpy((uint8_t *)buf + first, c->next_page + (off + first - TLB_PAGE_SIZE), len - first);
    return true;
}

static void log_in_asm(CPU *cpu, const TranslateState *t, uint32_t offset, uint32_t bytes)
{
    FILE *f = rhea_log_lock();
    g_autoptr(GString) line = g_string_new(NULL);

    uint64_t pc = t->c.pc - t->c.pc_tag;
    fprintf(f, "----------------\nIN: mode %#x\n", t->c.mode);
    for (uint32_t done = 0; done < bytes;) {
        uint8_t buf[16];
        unsigned n = MIN(sizeof(buf), bytes - done);
        for (unsigned i = 0; i < n; i++) {
            uint32_t o = offset + done + i;
            buf[i] = o < TLB_PAGE_SIZE ? t->c.page[o] : t->c.next_page[o - TLB_PAGE_SIZE];
        }
        g_string_truncate(line, 0);
        unsigned used = cpu->target->disas ? cpu->target->disas(cpu, pc + done, buf, n, line) : 0;
        if (used == 0) {
            break;
        }
        fprintf(f, "0x%08" PRIx64 ":  %s\n", pc + done, line->str);
        done += used;
    }
    rhea_log_unlock(f);
}

static void log_ir(const char *title, const TCGUnit *ir)
{
    FILE *f = rhea_log_lock();

    fprintf(f, "%s\n", title);
    tcg_dump(ir, f);
    fprintf(f, "\n");
    rhea_log_unlock(f);
}

static void log_out_asm(const Accel *a, const Unit *u)
{
    FILE *f = rhea_log_lock();

    TcgCode code = unit_code(a, u);
    fprintf(f, "OUT: [size=%u]\n", code.code_size);
    a->host->disas(a->thunks, &code, f);
    fprintf(f, "\n");
    rhea_log_unlock(f);
}

/* IR of the unit at env->pc. Its guest length goes to t->c.offset. */
static void make_ir(CPU *cpu, TranslateState *t, TCGUnit *ir, const uint8_t *page, unsigned max,
                    bool guarded)
{
    TcgCpu *tc = cpu->tcg;
    CPUEnv *env = cpu->env;
    uint32_t off = env->pc & ~TLB_PAGE_MASK;
    bool log = rhea_log_on(LOG_IN_ASM | LOG_OP | LOG_OP_OPT) && rhea_log_in_filter(env->pc);

    t->c = (UnitContext){
        .cpu = cpu,
        .b = tc->builder,
        .pc = env->pc,
        .mode = env->mode,
        .max_insns = max,
        .page = page,
        .guarded = guarded,
        .offset = off,
        .next_page = t->c.next_page,
    };
    tcg_unit_reset(ir);
    tcg_begin(tc->builder, ir);
    ir->start = off;
    ir->pc32 = cpu->target->pc32;
    ir->count = env->mode & CPU_MODE_COUNT;
    cpu->target->translate(&t->c);
    ir->guest_bytes = t->c.offset - off;
    if (ir->overflow || ir->guest_bytes == 0) {
        return;
    }
    if (log && rhea_log_on(LOG_IN_ASM)) {
        log_in_asm(cpu, t, off - t->c.pc_tag, ir->guest_bytes + t->c.pc_tag);
    }
    if (log && rhea_log_on(LOG_OP)) {
        log_ir("OP:", ir);
    }
    tcg_optimize(ir, tc->accel->opt.opt_passes | (tc->accel->opt.check ? TCG_OPT_VERIFY : 0));
    tcg_live(ir);
    if (log && rhea_log_on(LOG_OP_OPT)) {
        log_ir("OP after optimization:", ir);
    }
}

static void end_reads(TranslateState *t, ram_addr ra)
{
    Accel *a = t->cpu->tcg->accel;

    g_mutex_lock(&a->unit_lock);
    page_end_read_locked(a, ra, t->writes[0]);
    if (t->c.next_page) {
        page_end_read_locked(a, t->ra2, t->writes[1]);
    }
    g_mutex_unlock(&a->unit_lock);
}

/* Number of the saved unit that is probably right, or -1. */
static int64_t find_saved(const TranslateState *t, uint32_t mode)
{
    Accel *a = t->cpu->tcg->accel;
    int64_t n;

    if (!saved_wanted(a)) {
        return -1;
    }
    n = saved_file_find(a->saved.file, mode, t->c.page, t->cpu->env->pc & ~TLB_PAGE_MASK);
    return n >= 0 && saved_file_body_bytes(a->saved.file, n) <= CHUNK_SIZE / 2 ? n : -1;
}

/* Does the guest have what the unit was made from, in the next page as well? */
static bool source_is_there(TranslateState *t, const SavedUnit *s, const uint8_t *source)
{
    uint32_t from = s->offset - s->tag;
    uint8_t buf[16];

    if (s->offset != (t->cpu->env->pc & ~TLB_PAGE_MASK)) {
        return false;
    }
    if (!s->straddles) {
        return !memcmp(source, t->c.page + from, s->source_bytes);
    }
    return s->source_bytes <= sizeof(buf) && unit_fetch(&t->c, from, buf, s->source_bytes) &&
           !memcmp(buf, source, s->source_bytes);
}

/* What comes behind its tables; bytes used of the room. */
static size_t end_unit(const TranslateState *t, Unit *u)
{
    const Accel *a = t->cpu->tcg->accel;

    u->straddles = t->c.straddles;
    if (u->straddles) {
        unit_straddle(a, u)->ra = t->ra2;
    }
    return unit_source(a, u) - (const uint8_t *)u;
}

/*
 * Bytes used of the room for unit n of the file, 0: it is no good. The IR, if there is one, is that
 * of the same instructions: lock-step checks saved code as any other.
 */
static size_t use_saved(TranslateState *t, Unit *u, size_t room, int64_t n, const TCGUnit *ir)
{
    Accel *a = t->cpu->tcg->accel;
    uint8_t *rw = (uint8_t *)u + UNIT_HEAD;
    SavedUnit s;
    TcgCode code;

    if (!saved_load(t->cpu, n, &s, rw, room - UNIT_HEAD) || s.mode != u->mode ||
        !source_is_there(t, &s, saved_unit_source(&s, rw)) ||
        (ir && (s.guest_bytes != ir->guest_bytes || s.ninsns != ir->ninsns)) ||
        !saved_make_code(a, n, &s, rw, &code)) {
        return 0;
    }
    unit_set_code(u, &code);
    t->c.straddles = s.straddles;
    u->guest_bytes = s.guest_bytes;
    u->ninsns = s.ninsns;
    u->tag = s.tag;
    return end_unit(t, u);
}

/* Keep the bytes that u was made from behind its code. */
static size_t keep_source(TranslateState *t, Unit *u, uint32_t offset)
{
    unsigned from = offset - t->c.pc_tag;
    unsigned end = MAX(offset + u->guest_bytes, t->c.seen), first = MIN(end, TLB_PAGE_SIZE);
    uint8_t *to = (uint8_t *)unit_source(t->cpu->tcg->accel, u);

    memcpy(to, t->c.page + from, first - from);
    if (end > first) {
        memcpy(to + first - from, t->c.next_page, end - first);
    }
    u->tag = t->c.pc_tag;
    u->source_bytes = end - from;
    return to + u->source_bytes - (uint8_t *)u;
}

bool unit_compile(CPU *cpu, Unit *u, size_t room)
{
    Accel *a = cpu->tcg->accel;
    uint8_t *rw = (uint8_t *)u + UNIT_HEAD;
    TcgCode code;

    if (!a->host->compile(cpu->tcg->scratch, a->thunks, cpu->tcg->ir, rw,
                          a->cache.rx + (rw - a->cache.rw), room, &code)) {
        return false;
    }
    unit_set_code(u, &code);
    return true;
}

/* Bytes used of the room for ir as code; 0: they do not fit. */
static size_t make_code(TranslateState *t, const TCGUnit *ir, Unit *u, size_t room)
{
    CPU *cpu = t->cpu;
    Accel *a = cpu->tcg->accel;
    size_t keep = a->saved.dir >= 0 ? sizeof(uint64_t) + t->c.seen + ir->guest_bytes : 0;
    size_t around = UNIT_HEAD + sizeof(uint64_t) + sizeof(UnitStraddle) + keep;

    if (room < around) {
        return 0;
    }
    if (a->opt.engine != ACCEL_JIT) {
        return end_unit(t, u);
    }
    if (!unit_compile(cpu, u, room - around)) {
        return 0;
    }
    if (a->host->disas && rhea_log_on(LOG_OUT_ASM) && rhea_log_in_filter(cpu->env->pc)) {
        log_out_asm(a, u);
    }
    size_t total = end_unit(t, u);
    return keep ? keep_source(t, u, u->ra & ~TLB_PAGE_MASK) : total;
}

/*
 * The unit at env->pc, whose first byte is ra and whose page is mapped at host address page. NULL
 * if the first instruction runs into a page that cannot be fetched (the caller raises the fault).
 */
Unit *unit_translate(CPU *cpu, ram_addr ra, const uint8_t *page, uint32_t mode)
{
    TcgCpu *tc = cpu->tcg;
    Accel *a = tc->accel;
    unsigned max = a->opt.one_insn_per_unit || (mode & UNIT_MODE_SUB) ? 1 : MAX_UNIT_INSNS;
    bool keep_ir = units_keep_ir(a), try_saved = true;
    size_t least = 4096;
    int64_t begun = effort_begin(&tc->effort);
    bool again = unit_was_there(a, ra, mode);

    for (;;) {
        TranslateState t = {
            .cpu = cpu, .page_va = cpu->env->pc & TLB_PAGE_MASK, .ra2 = RAM_ADDR_NONE};
        TCGUnit *ir = tc->ir;
        size_t room, total = 0;
        int64_t saved = -1;

        page_begin_read(a, ra, &t.writes[0]);
        t.c.page = source_page(&t, 0, ra, page);
        if (try_saved) {
            saved = find_saved(&t, mode);
        }
        if (saved < 0 || keep_ir) {
            make_ir(cpu, &t, ir, t.c.page, max, mode & UNIT_MODE_GUARDED);
            if (ir->overflow || ir->guest_bytes == 0) {
                end_reads(&t, ra);
                if (!ir->overflow) {
                    return NULL;
                }
                max = MAX(max / 2, 1);
                continue;
            }
        }
        if (saved >= 0) {
            least = MAX(least, UNIT_HEAD + saved_file_body_bytes(a->saved.file, saved) +
                                   sizeof(UnitStraddle));
        }
        uint8_t *rw = cache_room(cpu, again, least, &room);
        Unit *u = (Unit *)rw;
        if (rw) {
            *u = (Unit){
                .ra = ra, .mode = mode, .guest_bytes = ir->guest_bytes, .ninsns = ir->ninsns};
            total = saved < 0 ? make_code(&t, ir, u, room)
                              : use_saved(&t, u, room, saved, keep_ir ? ir : NULL);
        }
        if (total) {
            if (keep_ir) {
                *unit_ir(u) = tcg_unit_copy(ir);
            }
            if (t.c.next_page && !t.c.straddles) {
                g_mutex_lock(&a->unit_lock);
                page_end_read_locked(a, t.ra2, t.writes[1]);
                g_mutex_unlock(&a->unit_lock);
            }
            perf_name_unit(a, cpu->env->pc, u);
            uint64_t sum = t.young ? unit_source_sum(u, t.c.page, t.c.next_page) : 0;
            unit_publish(cpu, u, total, t.writes, t.young ? &sum : NULL);
            effort_end(&tc->effort, begun, again);
            __atomic_fetch_add(saved >= 0 ? &a->stat_loaded : &a->stat_units, 1, __ATOMIC_RELAXED);
            return u;
        }
        end_reads(&t, ra);
        if (!rw) {
            exclusive_begin(cpu);
            cache_empty_chunk(a);
            exclusive_end(cpu);
        } else if (saved >= 0) {
            try_saved = false;
        } else if (least < CHUNK_SIZE / 2) {
            least = CHUNK_SIZE; /* a fresh chunk */
        } else {
            max = MAX(max / 2, 1);
        }
    }
}

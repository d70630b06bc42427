/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * From guest bytes to a unit: frontend, optimiser, host, code cache.
 *
 * A unit is made for a physical page, an offset and the mode bits, and depends on nothing else of
 * the CPU's state. When the cache is full everything is dropped in an exclusive section and the
 * translation is tried again.
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

bool unit_fetch(UnitContext *c, uint32_t off, void *buf, unsigned len)
{
    TranslateState *t = (TranslateState *)c;
    unsigned first = off < TLB_PAGE_SIZE ? MIN(len, TLB_PAGE_SIZE - off) : 0;

    if (first == len) {
        memcpy(buf, c->page + off, len);
        return true;
    }
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

static void log_out_asm(const TcgHost *host, const Unit *u)
{
    FILE *f = rhea_log_lock();

    fprintf(f, "OUT: [size=%u]\n", u->code.code_size);
    host->disas(&u->code, f);
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

/*
 * The unit at env->pc, whose first byte is ra and whose page is mapped at host address page. NULL
 * if the first instruction runs into a page that cannot be fetched (the caller raises the fault).
 */
Unit *unit_translate(CPU *cpu, ram_addr ra, const uint8_t *page, uint32_t mode)
{
    TcgCpu *tc = cpu->tcg;
    Accel *a = tc->accel;
    unsigned max = a->opt.one_insn_per_unit || (mode & UNIT_MODE_SUB) ? 1 : MAX_UNIT_INSNS;
    bool keep_ir = a->opt.engine == ACCEL_INTERP || a->opt.check;
    size_t least = 4096;

    for (;;) {
        TranslateState t = {
            .cpu = cpu, .page_va = cpu->env->pc & TLB_PAGE_MASK, .ra2 = RAM_ADDR_NONE};
        TCGUnit *ir = tc->ir;
        size_t room, head = (sizeof(Unit) + 15) & ~(size_t)15, total = head;

        page_begin_read(a, ra, &t.writes[0]);
        make_ir(cpu, &t, ir, source_page(&t, 0, ra, page), max, mode & UNIT_MODE_GUARDED);
        if (ir->overflow || ir->guest_bytes == 0) {
            end_reads(&t, ra);
            if (!ir->overflow) {
                return NULL;
            }
            max = MAX(max / 2, 1);
            continue;
        }
        uint8_t *rw = cache_room(cpu, least, &room);
        Unit *u = (Unit *)rw;
        bool fits = rw != NULL;
        if (fits) {
            *u = (Unit){.ra = ra,
                        .ra2 = t.c.straddles ? t.ra2 : RAM_ADDR_NONE,
                        .mode = mode,
                        .guest_bytes = ir->guest_bytes,
                        .ninsns = ir->ninsns};
            if (a->opt.engine == ACCEL_JIT) {
                fits = a->host->compile(tc->scratch, a->thunks, ir, rw + head,
                                        a->cache.rx + (rw + head - a->cache.rw), room - head,
                                        &u->code);
                total = head + u->code.total_size;
                if (fits && a->host->disas && rhea_log_on(LOG_OUT_ASM) &&
                    rhea_log_in_filter(cpu->env->pc)) {
                    log_out_asm(a->host, u);
                }
            }
        }
        if (fits) {
            u->ir = keep_ir ? tcg_unit_copy(ir) : NULL;
            for (unsigned i = 0; i < u->code.nexits; i++) {
                u->code.exits[i].unit = u;
            }
            if (t.c.next_page && !t.c.straddles) {
                g_mutex_lock(&a->unit_lock);
                page_end_read_locked(a, t.ra2, t.writes[1]);
                g_mutex_unlock(&a->unit_lock);
            }
            uint64_t sum = t.young ? unit_source_sum(u, t.c.page, t.c.next_page) : 0;
            unit_publish(cpu, u, total, t.writes, t.young ? &sum : NULL);
            return u;
        }
        end_reads(&t, ra);
        if (!rw) {
            exclusive_begin(cpu);
            if (__atomic_load_n(&a->cache.next_chunk, __ATOMIC_RELAXED) >= a->cache.n_chunks) {
                units_flush_all(a);
            }
            exclusive_end(cpu);
        } else if (least < CHUNK_SIZE / 2) {
            least = CHUNK_SIZE; /* a fresh chunk */
        } else {
            max = MAX(max / 2, 1);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random Arm code from the INSN rows: runs blocks of it in rhea's engines and, with --reference, on
 * anything that can run an Arm Linux program (fuzzrun.c), and compares registers, flags, FPSR and
 * memory at the end of each block. A difference is narrowed down to one item of the block.
 *
 *   armfuzz [--isa a64|a32|t32] [--seed N] [--blocks N] [--length N] [--only FILE-OR-NAME]...
 *           [--engine jit|one|interp|check[,...]] [--dir DIR] [--reference COMMAND]
 *           [--space MATCH/MASK]        words with these bits instead of rows, one in a block
 *   armfuzz --record FILE --reference COMMAND      writes what the reference makes of each row
 *   armfuzz --expect FILE [--engine E]             and compares rhea with it
 *
 * COMMAND gets the paths of fuzzrun's two files. Without --reference the interpreter is what others
 * are compared with. Branches are in the blocks unless --only chooses rows.
 *
 * The CPU is the frontend on a flat memory at EL0: no translation tables, no exceptions taken.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "accel/accel.h"
#include "fuzz_state.h"
#include "gen.h"
#include "softmmu/memory.h"
#include "softmmu/timer.h"
#include "target/arm/internals.h"

typedef struct Options {
    uint64_t seed;
    unsigned blocks, length;
    GPtrArray *only;
    GenIsa isa;
    const char *dir, *reference, *record, *expect;
    char **engines;
    bool space;
    uint32_t match, mask;
} Options;

typedef struct Program {
    GenIsa isa;
    GArray *blocks; /* FuzzBlock */
    GByteArray *code;
} Program;

static void add_block(Program *p, uint64_t seed, const GenCode *g, unsigned flags)
{
    static const uint8_t zero[4];
    FuzzBlock b = {.seed = seed, .offset = p->code->len, .bytes = g->bytes, .flags = flags};
    b.flags |= p->isa == GEN_T32 ? FUZZ_THUMB : 0;
    g_byte_array_append(p->code, g->code, g->bytes);
    g_byte_array_append(p->code, zero, -p->code->len & 3);
    g_array_append_val(p->blocks, b);
}

static Program *program_new(GenIsa isa)
{
    Program *p = g_new0(Program, 1);
    p->isa = isa;
    p->blocks = g_array_new(FALSE, FALSE, sizeof(FuzzBlock));
    p->code = g_byte_array_new();
    return p;
}

static void program_free(Program *p)
{
    g_array_unref(p->blocks);
    g_byte_array_unref(p->code);
    g_free(p);
}

/* ---- rhea ---- */

typedef struct Run {
    Program *p;
    FuzzState *out;
    uint64_t *data;
    unsigned current;
    bool started, done;
    GMutex lock;
    GCond cond;
} Run;

static Run *current_run; /* of the one vCPU */

static const uint64_t *initial_data(void)
{
    static uint64_t *data;
    if (!data) {
        data = g_malloc(FUZZ_DATA_SIZE);
        fuzz_initial_data(data);
    }
    return data;
}

static void load_block(CPU *cpu)
{
    ARMEnv *env = arm_env(cpu);
    const FuzzBlock *b = &g_array_index(current_run->p->blocks, FuzzBlock, current_run->current);
    FuzzState st;
    if (b->flags & FUZZ_FRESH_DATA) {
        memcpy(current_run->data, initial_data(), FUZZ_DATA_SIZE);
    }
    bool a32 = gen_aarch32(current_run->p->isa);
    (a32 ? fuzz_initial_state32 : fuzz_initial_state)(&st, b->seed);
    memcpy(env->x, st.x, sizeof(st.x));
    env->x[31] = st.sp;
    memcpy(env->v, st.v, sizeof(st.v));
    env->sys.el = 0; /* code that was jumped to may have had an SVC */
    env->sys.aarch32 = a32;
    env->sys.pstate = a32 ? ARM_M_USR | (b->flags & FUZZ_THUMB ? PSTATE_T : 0) : 0;
    arm_set_nzcv(env, st.flags);
    env->q = st.flags >> 27 & 1;
    env->ge = st.flags >> 16 & 15;
    env->it = 0;
    env->excl_addr = ARM_EXCL_NONE;
    env->cpu.pc = FUZZ_CODE + b->offset;
    if (a32) {
        arm_fpscr_set(env, st.fpcr);
    } else {
        arm_fpcr_set(env, st.fpcr);
        arm_fpsr_set(env, 0);
    }
    arm_mode_changed(env);
}

static void fuzz_exception(CPU *cpu, int32_t excp)
{
    ARMEnv *env = arm_env(cpu);
    Run *r = current_run;
    if (r->done) {
        return;
    }
    FuzzState *st = &r->out[r->current];
    const FuzzBlock *b = &g_array_index(r->p->blocks, FuzzBlock, r->current);
    bool a32 = gen_aarch32(r->p->isa);
    memcpy(st->x, env->x, sizeof(st->x));
    st->sp = env->x[31];
    memcpy(st->v, env->v, sizeof(st->v));
    /* The two low bits of an A64 pc are BTYPE. */
    st->pc = (a32 ? env->cpu.pc : env->cpu.pc & ~UINT64_C(3)) - FUZZ_CODE - b->offset;
    st->flags = arm_pstate_read(env) & 0xf0000000;
    st->flags |= a32 ? (env->q != 0) << 27 | env->ge << 16 : 0;
    st->fpcr = a32 ? arm_fpscr_get(env) : arm_fpcr_get(env);
    st->fpsr = a32 ? 0 : arm_fpsr_get(env);
    if (b->flags & FUZZ_HASH_DATA) {
        st->data_hash = fuzz_hash(r->data, FUZZ_DATA_SIZE / 8);
    }
    if (++r->current == r->p->blocks->len) {
        g_mutex_lock(&r->lock);
        r->done = true;
        cpu->halted = true;
        g_cond_signal(&r->cond);
        g_mutex_unlock(&r->lock);
        return;
    }
    load_block(cpu);
}

static bool fuzz_tlb_fill(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                          bool probe, uintptr_t ra)
{
    TlbFill fill = {.vaddr = vaddr,
                    .paddr = vaddr,
                    .page_bits = TLB_PAGE_BITS,
                    .prot = TLB_PROT_R | TLB_PROT_W | TLB_PROT_X};
    tlb_set(cpu, idx, access, &fill);
    return true;
}

static G_GNUC_NORETURN void fuzz_bus_error(CPU *cpu, uint64_t vaddr, uint64_t paddr,
                                           TlbAccess access, uintptr_t ra)
{
    cpu_raise_restore(cpu, 1000, ra);
}

static G_GNUC_NORETURN void fuzz_unaligned(CPU *cpu, uint64_t vaddr, TlbAccess access, uintptr_t ra)
{
    cpu_raise_restore(cpu, 1001, ra);
}

static bool fuzz_never(CPU *cpu)
{
    return false;
}

static void fuzz_reset(CPU *cpu)
{
    ARMEnv *env = arm_env(cpu);
    env->cfg = cpu->model;
    arm_fpu_reset(env);
    env->sys.cpacr = 3 << 20;
    env->sys.fpexc = 1 << 30;
    env->sys.sctlr[1] = SCTLR_M; /* unaligned accesses work */
    load_block(cpu);
}

static void fuzz_dump(CPU *cpu, FILE *f)
{
    fprintf(f, "pc %" PRIx64 "\n", cpu->env->pc);
}

static unsigned fuzz_disas(CPU *cpu, uint64_t pc, const uint8_t *code, unsigned avail, GString *out)
{
    return 4;
}

static bool fuzz_debug_translate(CPU *cpu, uint64_t vaddr, uint64_t *paddr)
{
    *paddr = vaddr;
    return true;
}

static void fuzz_translate(UnitContext *unit)
{
    if (unit->mode & ARM_MODE_AARCH32) {
        a32_translate(unit);
    } else {
        a64_translate(unit);
    }
}

static const TargetDesc fuzz_target = {
    .name = "aarch64",
    .log_name = "aarch64",
    .env_size = sizeof(ARMEnv),
    .check_size = sizeof(ARMEnv),
    .cells = arm_cells,
    .ncells = ARM_CELL_COUNT,
    .reset = fuzz_reset,
    .translate = fuzz_translate,
    .tlb_fill = fuzz_tlb_fill,
    .bus_error = fuzz_bus_error,
    .unaligned = fuzz_unaligned,
    .do_exception = fuzz_exception,
    .do_interrupt = fuzz_never,
    .has_work = fuzz_never,
    .dump_state = fuzz_dump,
    .disas = fuzz_disas,
    .debug_translate = fuzz_debug_translate,
};

static void run_rhea(Program *p, const char *engine, FuzzState *out)
{
    GError *err = NULL;
    AccelOptions o;
    accel_options_default(&o);
    o.engine = !strcmp(engine, "interp") ? ACCEL_INTERP : ACCEL_JIT;
    o.check = !strcmp(engine, "check");
    o.one_insn_per_unit = !strcmp(engine, "one");
    o.single_thread |= o.check;

    ARMConfig *cfg = g_new0(ARMConfig, 1);
    memset(cfg->feat, 0xff, sizeof(cfg->feat));
    Run run = {.p = p, .out = out};
    current_run = &run;

    MemSystem *ms = memory_system_new();
    MemRegion root, data, code;
    memory_region_init_container(&root, ms, "system", UINT64_MAX);
    AddressSpace *as = address_space_new(ms, "memory", &root);
    uint64_t code_size = 2 * FUZZ_MARGIN + ((p->code->len + 0xffff) & ~0xffffull);
    RamBlock *d = ram_block_new(ms, "data", FUZZ_DATA_SIZE, NULL, &err);
    RamBlock *k = ram_block_new(ms, "code", code_size, NULL, &err);
    g_assert_no_error(err);
    memory_region_init_ram(&data, "data", d, 0, FUZZ_DATA_SIZE);
    memory_region_init_ram(&code, "code", k, 0, code_size);
    memory_region_add(&root, FUZZ_DATA, &data, 0);
    memory_region_add(&root, FUZZ_CODE - FUZZ_MARGIN, &code, 0);
    run.data = (uint64_t *)d->host;
    fuzz_initial_data(run.data);
    memcpy(k->host + FUZZ_MARGIN, p->code->data, p->code->len);

    GMainContext *context = g_main_context_new();
    Clocks *clocks = clocks_new(context);
    Accel *a = accel_new(&o, ms, clocks, &err);
    g_assert_no_error(err);
    accel_cpu_new(a, &fuzz_target, as, cfg);
    accel_start(a);
    accel_reset_all(a);
    accel_resume_all(a);
    g_mutex_lock(&run.lock);
    while (!run.done) {
        g_cond_wait(&run.cond, &run.lock);
    }
    g_mutex_unlock(&run.lock);
    accel_stop(a);
    /* The MemSystem's regions are on this stack. */
    memory_region_del(&data);
    memory_region_del(&code);
    memory_region_destroy(&data);
    memory_region_destroy(&code);
    accel_free(a);
    address_space_free(as);
    memory_region_destroy(&root);
    memory_system_free(ms);
    clocks_free(clocks);
    g_main_context_unref(context);
    g_free(cfg);
}

/* ---- the reference ---- */

static void run_reference(const Program *p, const Options *o, FuzzState *out)
{
    char *in_path = g_strdup_printf("%s/armfuzz-%d.in", o->dir, (int)getpid());
    char *out_path = g_strdup_printf("%s/armfuzz-%d.out", o->dir, (int)getpid());
    char *command = g_strdup_printf("%s %s %s", o->reference, in_path, out_path);
    FILE *f = fopen(in_path, "wb");
    FuzzHeader h = {.blocks = p->blocks->len, .code_bytes = p->code->len};
    bool ok = f && fwrite(&h, sizeof(h), 1, f) == 1 &&
              fwrite(p->blocks->data, sizeof(FuzzBlock), h.blocks, f) == h.blocks &&
              fwrite(p->code->data, 1, h.code_bytes, f) == h.code_bytes;
    ok = f && fclose(f) == 0 && ok && system(command) == 0;
    f = ok ? fopen(out_path, "rb") : NULL;
    ok = f && fread(out, sizeof(*out), h.blocks, f) == h.blocks;
    if (f) {
        fclose(f);
    }
    if (!ok) {
        fprintf(stderr, "%s: failed\n", command);
        exit(2);
    }
    remove(in_path);
    remove(out_path);
    g_free(in_path);
    g_free(out_path);
    g_free(command);
}

static void run_other(Program *p, const Options *o, FuzzState *out)
{
    if (o->reference) {
        run_reference(p, o, out);
    } else {
        run_rhea(p, "interp", out);
    }
}

/* ---- comparison ---- */

static void print_difference(const FuzzState *a, const FuzzState *b)
{
    for (unsigned i = 0; i < 32; i++) {
        if (i < 31 && a->x[i] != b->x[i]) {
            printf("  x%u: rhea %016" PRIx64 ", other %016" PRIx64 "\n", i, a->x[i], b->x[i]);
        }
        if (memcmp(a->v[i], b->v[i], 16)) {
            printf("  v%u: rhea %016" PRIx64 "_%016" PRIx64 ", other %016" PRIx64 "_%016" PRIx64
                   "\n",
                   i, a->v[i][1], a->v[i][0], b->v[i][1], b->v[i][0]);
        }
    }
    if (a->sp != b->sp) {
        printf("  sp: rhea %" PRIx64 ", other %" PRIx64 "\n", a->sp, b->sp);
    }
    if (a->pc != b->pc) {
        printf("  ends at: rhea %" PRIu64 ", other %" PRIu64 "\n", a->pc, b->pc);
    }
    if (a->data_hash != b->data_hash) {
        printf("  memory\n");
    }
    if (a->flags != b->flags || a->fpsr != b->fpsr || a->fpcr != b->fpcr) {
        printf("  flags: %08x, %08x; fpsr: %08x, %08x; fpcr: %08x, %08x\n", a->flags, b->flags,
               a->fpsr, b->fpsr, a->fpcr, b->fpcr);
    }
}

static void print_item(const GenCode *g, unsigned item)
{
    unsigned end = item + 1 < g->items ? g->starts[item + 1] : g->bytes - gen_udf_bytes(g->isa);
    for (unsigned at = g->starts[item], bytes; at < end; at += bytes) {
        uint32_t w;
        const InsnRow *r = gen_decode(g->isa, g->code + at, &w, &bytes);
        printf("  %4u: %0*x %s", at, (int)bytes * 2, w, r ? r->name : "?");
        if (r) {
            printf(" (%s:%u)", r->file, r->line);
        }
        for (unsigned i = 0; r && i < r->nfields; i++) {
            printf(" %s=%u", r->fields[i].name, insn_field_get(&r->fields[i], w));
        }
        printf("\n");
    }
}

static void print_state(const FuzzState *st, bool a32)
{
    printf("  before: fpcr %08x fpsr %08x flags %08x\n", st->fpcr, st->fpsr, st->flags);
    for (unsigned i = 0; i < (a32 ? 15 : 31); i++) {
        printf("  x%-2u %016" PRIx64 "%s", i, st->x[i], i % 4 == 3 ? "\n" : "");
    }
    printf("\n");
    for (unsigned i = 0; i < (a32 ? 16 : 32); i++) {
        printf("  v%-2u %016" PRIx64 "_%016" PRIx64 "%s", i, st->v[i][1], st->v[i][0],
               i % 2 ? "\n" : "");
    }
}

/* The block with less and less cut off: the last item of the first that differs is to blame. */
static bool explain(const GenCode *g, uint64_t seed, unsigned block, const char *engine,
                    const Options *o)
{
    Program *q = program_new(g->isa);
    static GenCode cut;
    for (unsigned n = 1; n <= g->items; n++) {
        gen_cut(&cut, g, n);
        add_block(q, seed, &cut, FUZZ_FRESH_DATA | FUZZ_HASH_DATA);
    }
    FuzzState *x = g_new0(FuzzState, g->items), *y = g_new0(FuzzState, g->items), before;
    run_rhea(q, engine, x);
    run_other(q, o, y);
    bool found = false, a32 = gen_aarch32(g->isa);
    for (unsigned n = 0; n < g->items && !found; n++) {
        if (memcmp(&x[n], &y[n], sizeof(*x))) {
            printf("%s: block %u of seed %" PRIu64 ", item %u:\n", engine, block, seed, n);
            print_item(g, n);
            (a32 ? fuzz_initial_state32 : fuzz_initial_state)(&before, seed);
            before = n ? x[n - 1] : before;
            print_state(&before, a32);
            print_difference(&x[n], &y[n]);
            found = true;
        }
    }
    g_free(x);
    g_free(y);
    program_free(q);
    return found;
}

/* Block `i`, made again. */
static void make_block(GenCode *g, const GArray *rows, const Options *o, uint64_t seed)
{
    uint64_t s = seed ^ UINT64_C(0x5851f42d4c957f2d);
    if (o->space) {
        while (!gen_word(g, o->isa, o->match, o->mask, &s)) {
        }
    } else {
        gen_block(g, o->isa, rows, !o->only->len, o->length, &s);
    }
}

typedef struct Totals {
    unsigned early, bad;
    uint64_t items;
} Totals;

static void compare(Program *p, const GArray *rows, const Options *o, uint64_t seed, Totals *t)
{
    static GenCode g;
    unsigned n = p->blocks->len;
    FuzzState *x = g_new0(FuzzState, n), *y = g_new0(FuzzState, n);
    run_other(p, o, y);
    for (char **e = o->engines; *e; e++) {
        run_rhea(p, *e, x);
        for (unsigned i = 0; i < n; i++) {
            const FuzzBlock *b = &g_array_index(p->blocks, FuzzBlock, i);
            t->early += e == o->engines && x[i].pc + gen_udf_bytes(p->isa) != b->bytes;
            if (!memcmp(&x[i], &y[i], sizeof(*x))) {
                continue;
            }
            make_block(&g, rows, o, seed + i);
            if (o->space) { /* a line each */
                uint32_t w;
                unsigned bytes;
                const InsnRow *r = gen_decode(g.isa, g.code, &w, &bytes);
                printf("%08x %s%s%s\n", w, r ? r->name : "?", x[i].pc ? "" : " undefined here",
                       y[i].pc ? "" : " undefined there");
            } else if (t->bad < 12 && !explain(&g, seed + i, i, *e, o)) {
                printf("%s: block %u of seed %" PRIu64 " differs in place only\n", *e, i, seed + i);
                print_difference(&x[i], &y[i]);
            }
            t->bad++;
        }
    }
    g_free(x);
    g_free(y);
}

/* ---- expectations: a line a row, its name and a hash of the states at the end of its blocks -- */

#define ROW_BLOCKS 24
#define ROW_LENGTH 6

static Program *program_of_rows(const GArray *rows, GenIsa isa)
{
    static GenCode g;
    Program *p = program_new(isa);
    for (unsigned k = 0; k < rows->len; k++) {
        const GenRow *row = &g_array_index(rows, GenRow, k);
        const InsnRow *r = row->row;
        GArray *one = g_array_new(FALSE, FALSE, sizeof(GenRow));
        g_array_append_val(one, *row);
        uint64_t s = r->match | (uint64_t)r->mask << 32;
        for (unsigned i = 0; i < ROW_BLOCKS; i++) {
            uint64_t seed = fuzz_random(&s);
            gen_block(&g, isa, one, false, ROW_LENGTH, &s);
            add_block(p, seed, &g, gen_row_stores(row) ? FUZZ_HASH_DATA | FUZZ_FRESH_DATA : 0);
        }
        g_array_unref(one);
    }
    return p;
}

static uint64_t hash_of_row(const FuzzState *st)
{
    return fuzz_hash((const uint64_t *)st, ROW_BLOCKS * sizeof(*st) / 8);
}

static int record(const GArray *rows, const Options *o)
{
    Program *p = program_of_rows(rows, o->isa);
    FuzzState *x = g_new0(FuzzState, p->blocks->len);
    run_reference(p, o, x);
    FILE *f = fopen(o->record, "w");
    bool ok = f;
    for (unsigned k = 0; ok && k < rows->len; k++) {
        const InsnRow *r = g_array_index(rows, GenRow, k).row;
        ok = fprintf(f, "%08x/%08x %016" PRIx64 " %s\n", r->match, r->mask,
                     hash_of_row(x + k * ROW_BLOCKS), r->name) > 0;
    }
    ok = f && fclose(f) == 0 && ok;
    g_free(x);
    program_free(p);
    return ok ? 0 : 2;
}

/* Every line of the file that is about a row there is; rows without a line are counted only. */
static int expect(const GArray *rows, const Options *o)
{
    gchar *text;
    if (!g_file_get_contents(o->expect, &text, NULL, NULL)) {
        fprintf(stderr, "armfuzz: cannot read %s\n", o->expect);
        return 2;
    }
    Program *p = program_of_rows(rows, o->isa);
    FuzzState *x = g_new0(FuzzState, p->blocks->len);
    run_rhea(p, o->engines[0], x);
    unsigned same = 0, differ = 0;
    for (unsigned k = 0; k < rows->len; k++) {
        const InsnRow *r = g_array_index(rows, GenRow, k).row;
        char *key = g_strdup_printf("%08x/%08x ", r->match, r->mask);
        const char *line = strstr(text, key);
        if (line && strtoull(line + strlen(key), NULL, 16) == hash_of_row(x + k * ROW_BLOCKS)) {
            same++;
        } else if (line) {
            differ++;
            printf("%s (%s:%u) differs\n", r->name, r->file, r->line);
        }
        g_free(key);
    }
    printf("%u rows as expected, %u differ, %u without expectation\n", same, differ,
           rows->len - same - differ);
    g_free(x);
    g_free(text);
    program_free(p);
    return differ || !same ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const char *const isas[] = {"a64", "a32", "t32"};
    Options o = {.seed = 1, .blocks = 2000, .length = 12, .dir = "/tmp", .isa = GEN_A64};
    const char *engines = "jit";
    o.only = g_ptr_array_new();
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *v = argv[i + 1];
        if (!strcmp(argv[i], "--seed")) {
            o.seed = strtoull(v, NULL, 0);
        } else if (!strcmp(argv[i], "--blocks")) {
            o.blocks = strtoul(v, NULL, 0);
        } else if (!strcmp(argv[i], "--length")) {
            o.length = MIN(strtoul(v, NULL, 0), GEN_MAX_ITEMS - 8);
        } else if (!strcmp(argv[i], "--only")) {
            g_ptr_array_add(o.only, (void *)v);
        } else if (!strcmp(argv[i], "--engine")) {
            engines = v;
        } else if (!strcmp(argv[i], "--isa")) {
            while (o.isa < GEN_T32 && strcmp(v, isas[o.isa])) {
                o.isa++;
            }
        } else if (!strcmp(argv[i], "--space")) {
            char *end;
            o.space = true;
            o.match = strtoul(v, &end, 16);
            o.mask = *end ? strtoul(end + 1, NULL, 16) : 0;
        } else if (!strcmp(argv[i], "--record")) {
            o.record = v;
        } else if (!strcmp(argv[i], "--expect")) {
            o.expect = v;
        } else if (!strcmp(argv[i], "--dir")) {
            o.dir = v;
        } else if (!strcmp(argv[i], "--reference")) {
            o.reference = v;
        } else {
            fprintf(stderr, "armfuzz: what is %s?\n", argv[i]);
            return 2;
        }
    }
    o.engines = g_strsplit(engines, ",", -1);
    GArray *rows = gen_rows(o.isa, o.only);
    if (!rows->len) {
        fprintf(stderr, "armfuzz: no such rows\n");
        return 2;
    }
    if (o.record || o.expect) {
        return o.record ? record(rows, &o) : expect(rows, &o);
    }
    static GenCode g;
    Totals t = {0};
    for (unsigned done = 0; done < o.blocks;) {
        unsigned n = MIN(o.blocks - done, 16384);
        Program *p = program_new(o.isa);
        for (unsigned i = 0; i < n; i++) {
            uint64_t seed = o.seed + done + i;
            make_block(&g, rows, &o, seed);
            t.items += g.items;
            add_block(p, seed, &g, i % 256 == 255 || i + 1 == n ? FUZZ_HASH_DATA : 0);
        }
        compare(p, rows, &o, o.seed + done, &t);
        program_free(p);
        done += n;
        fflush(stdout);
    }
    printf("%s, %u rows, %u blocks of %" PRIu64 " instructions and more from seed %" PRIu64
           ", engines %s: %u end early, %u differ\n",
           isas[o.isa], rows->len, o.blocks, t.items, o.seed, engines, t.early, t.bad);
    g_array_unref(rows);
    g_ptr_array_unref(o.only);
    g_strfreev(o.engines);
    return t.bad ? 1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random A64 code, or (--isa a32) A32 code of VFP and Advanced SIMD, from the INSN rows: runs
 * blocks of it in rhea's engines and, with --reference, on anything that can run an AArch64 Linux
 * program (a64run), and compares registers, flags, FPSR and memory at the end of each block. A
 * difference is narrowed down to one instruction.
 *
 *   a64fuzz [--seed N] [--blocks N] [--length N] [--isa a64|a32]
 *           [--only FILE-OR-NAME]... [--engine
 * jit|interp|check|one]
 *           [--dir DIR] [--reference COMMAND]      COMMAND gets the paths of a64run's two files
 *
 *   a64fuzz --record FILE --reference COMMAND     writes what the reference makes of each row
 *   a64fuzz --expect FILE [--engine E]            and compares rhea with it
 *
 * Without --reference the interpreter is compared with generated code.
 *
 * The CPU is the A64 frontend on a flat memory: no translation tables, no system registers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "a64_state.h"
#include "accel/accel.h"
#include "softmmu/memory.h"
#include "softmmu/timer.h"
#include "target/arm/vfp.h"

typedef struct Options {
    uint64_t seed;
    unsigned blocks, length;
    GPtrArray *only;
    bool a32;
    const char *engine, *dir, *reference, *record, *expect;
} Options;

typedef struct Program {
    GArray *blocks; /* A64FuzzBlock */
    GArray *code;   /* uint32_t */
} Program;

/* ---- the two instruction sets ---- */

typedef struct Isa {
    const InsnRow *rows;
    unsigned count;
    uint32_t udf;
    uint64_t ext;
    unsigned (*decode)(uint32_t w, uint64_t ext); /* the row's number */
    bool (*undefined)(uint32_t w); /* does the row's function make an exception of it? */
    uint32_t (*choose)(const InsnRow *r, uint32_t w, uint64_t *s);
} Isa;

static const Isa *isa;

/* ---- generation ---- */

static uint64_t all_extensions(void)
{
    uint64_t e = A64_EXT(BASE);
#define HAS(name) e |= A64_EXT(name);
    A64_ROW_EXTENSIONS(HAS)
#undef HAS
    return e;
}

/* Rows that do not fit in: control flow, the system, and what only some CPUs have. */
static bool left_out(const InsnRow *r)
{
    static const char *const files[] = {"a64_branch", "a64_sys"};
    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        if (strstr(r->file, files[i])) {
            return true;
        }
    }
    return !strcmp(r->name, "vmsr");
}

static GArray *choose_rows(const Options *o)
{
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(unsigned));
    for (unsigned id = 1; id < isa->count; id++) {
        const InsnRow *r = &isa->rows[id];
        if (!*r->name || left_out(r)) {
            continue;
        }
        bool take = !o->only->len;
        for (unsigned i = 0; i < o->only->len; i++) {
            const char *t = o->only->pdata[i];
            take |= strstr(r->file, t) || !strcmp(r->name, t);
        }
        if (take) {
            g_array_append_val(rows, id);
        }
    }
    return rows;
}

static const InsnField *field(const InsnRow *r, const char *name)
{
    for (unsigned i = 0; i < r->nfields; i++) {
        if (!strcmp(r->fields[i].name, name)) {
            return &r->fields[i];
        }
    }
    return NULL;
}

static uint32_t put(const InsnRow *r, uint32_t w, const char *name, uint32_t v)
{
    const InsnField *f = field(r, name);
    return f ? insn_field_put(f, w, v) : w;
}

/* Registers: few of them often, so that results are used; of loads and stores those that hold
 * addresses; what holds addresses or small numbers is never written. */
static uint32_t choose_registers(const InsnRow *r, uint32_t w, uint64_t *s)
{
    static const char *const names[] = {"rd", "rn", "rm", "ra", "rs"};
    uint64_t bits = fuzz_random(s);
    bool memory = strstr(r->file, "ldst"),
         simd = strstr(r->file, "simd") || strstr(r->file, "_fp") || strstr(r->file, "crypto");
    bool to_gpr = !simd || strstr(r->name, "to_gpr") || !strcmp(r->name, "umov") ||
                  !strcmp(r->name, "smov") || strstr(r->name, "_int") || strstr(r->name, "fixed") ||
                  strstr(r->name, "fjcvtzs");
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++, bits >>= 8) {
        const InsnField *f = field(r, names[i]);
        if (f && f->width == 5) {
            w = insn_field_put(f, w, bits & 1 ? bits >> 1 & 7 : bits >> 1 & 31);
        }
    }
    if (to_gpr) {
        uint64_t k = fuzz_random(s);
        w = put(r, w, "rd", k & 15);
        w = memory ? put(r, put(r, w, "ra", k >> 8 & 15), "rs", k >> 16 & 15) : w;
    }
    if (memory) {
        bool writes_back =
            strstr(r->name, "post") || strstr(r->name, "pre") || strstr(r->name, "ldp");
        uint64_t k = fuzz_random(s);
        w = put(r, w, "rn", !writes_back && (k & 7) == 7 ? 31 : 24 + (k & 3));
        w = put(r, w, "rm", writes_back && (k & 8) ? 31 : 16 + (k >> 4 & 7));
        if (strstr(r->name, "lit")) {
            w = put(r, w, "simm", (uint32_t)(k >> 8 & 0x7ff) - 0x400);
        }
    }
    return w;
}

/* A context to try single instructions in. */
static A64Ctx *try_context(UnitContext *unit, A64Ctx *c, uint32_t w)
{
    static TCGBuilder *b;
    static TCGUnit *u;
    static ARMConfig cfg;
    if (!b) {
        b = tcg_builder_new();
        u = tcg_unit_new(arm_cells, ARM_CELL_COUNT);
        memset(cfg.feat, 0xff, sizeof(cfg.feat));
    }
    *unit = (UnitContext){.b = b, .mode = ARM_MODE_FP};
    *c = (A64Ctx){
        .unit = unit, .b = b, .cfg = &cfg, .ext = isa->ext, .word = w, .mode = ARM_MODE_FP};
    tcg_begin(b, u);
    tcg_gen_insn_start(b, 0);
    return c;
}

static unsigned a64_row(uint32_t w, uint64_t ext)
{
    A64Insn a = {0};
    return a64_decode32(w, ext, &a);
}

static bool a64_undefined(uint32_t w)
{
    UnitContext unit;
    A64Ctx c;
    A64Insn a = {0};
    A64InsnId id = a64_decode32(w, isa->ext, &a);
    a64_trans[id](try_context(&unit, &c, w), &a);
    return c.ended;
}

static unsigned a32_row(uint32_t w, uint64_t ext)
{
    VFPInsn a = {0};
    return vfp_decode32(w, ext, &a);
}

static bool a32_undefined(uint32_t w)
{
    UnitContext unit;
    A64Ctx c;
    return !vfp_translate(try_context(&unit, &c, w), false, 8) || c.ended;
}

/* Core registers: R10 and R11 are addresses, R0 to R7 may be written. */
static uint32_t a32_choose(const InsnRow *r, uint32_t w, uint64_t *s)
{
    uint64_t k = fuzz_random(s);
    bool memory = strstr(r->name, "ld") || strstr(r->name, "st");
    w = put(r, w, "rd", !strcmp(r->name, "vmrs") && (k & 1) ? 15 : k >> 1 & 7);
    w = put(r, w, "rt2", k >> 4 & 7);
    w = put(r, w, "reg", 1);
    w = memory ? put(r, w, "rn", 10 + (k >> 8 & 1)) : w;
    w = memory ? put(r, w, "rm", k >> 10 & 1 ? 15 : k >> 11 & 1 ? 13 : 8 + (k >> 12 & 1)) : w;
    /* VTRN, VUZP and VZIP of a register with itself are UNKNOWN. */
    bool both = strstr(r->name, "vtrn") || strstr(r->name, "vuzp") || strstr(r->name, "vzip");
    /* Few registers often, so that results are used. */
    if (!both && k >> 16 & 1) {
        w &= ~(fuzz_random(s) & 0x00400080u);
    }
    if (both && (w >> 12 & 15) == (w & 15)) {
        w ^= 2;
    }
    return field(r, "cond") ? (w & 0x0fffffff) | 0xe0000000 : w;
}

static uint32_t random_insn(const GArray *rows, uint64_t *s)
{
    for (;;) {
        unsigned id = g_array_index(rows, unsigned, fuzz_random(s) % rows->len);
        const InsnRow *r = &isa->rows[id];
        uint32_t w = r->match | ((uint32_t)fuzz_random(s) & ~r->mask);
        w = isa->choose(r, w, s);
        if (insn_row_matches(r, w) && isa->decode(w, isa->ext) == id &&
            ((isa->udf == 0 && (fuzz_random(s) & 127) == 0) || !isa->undefined(w))) {
            return w;
        }
    }
}

static Isa isa_a64 = {a64_insn_rows, A64_INSN_COUNT,  0, 0, a64_row,
                      a64_undefined, choose_registers};
static Isa isa_a32 = {vfp_insn_rows, VFP_INSN_COUNT, 0xe7f000f0, UINT64_MAX,
                      a32_row,       a32_undefined,  a32_choose};

static void add_block(Program *p, uint64_t seed, const uint32_t *words, unsigned n, unsigned flags)
{
    uint32_t udf = isa->udf;
    A64FuzzBlock b = {.seed = seed, .offset = p->code->len * 4, .words = n + 1, .flags = flags};
    g_array_append_vals(p->code, words, n);
    g_array_append_val(p->code, udf);
    g_array_append_val(p->blocks, b);
}

static Program *program_new(void)
{
    Program *p = g_new0(Program, 1);
    p->blocks = g_array_new(FALSE, FALSE, sizeof(A64FuzzBlock));
    p->code = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    return p;
}

static void program_free(Program *p)
{
    g_array_unref(p->blocks);
    g_array_unref(p->code);
    g_free(p);
}

/* ---- rhea ---- */

typedef struct Run {
    Program *p;
    A64FuzzState *out;
    uint64_t *data;
    unsigned current;
    bool started, done;
    GMutex lock;
    GCond cond;
} Run;

static Run *current_run; /* of the one vCPU */

static void load_block(CPU *cpu)
{
    ARMEnv *env = arm_env(cpu);
    const A64FuzzBlock *b =
        &g_array_index(current_run->p->blocks, A64FuzzBlock, current_run->current);
    A64FuzzState st;
    if (b->flags & FUZZ_FRESH_DATA) {
        fuzz_initial_data(current_run->data);
    }
    bool a32 = isa == &isa_a32;
    (a32 ? fuzz_initial_state32 : fuzz_initial_state)(&st, b->seed);
    memcpy(env->x, st.x, sizeof(st.x));
    env->x[31] = st.sp;
    memcpy(env->v, st.v, sizeof(st.v));
    env->nf = (uint64_t)st.nzcv << 32;
    env->zf = !(st.nzcv >> 30 & 1);
    env->cf = st.nzcv >> 29 & 1;
    env->vf = (uint64_t)st.nzcv << 35;
    env->cpu.pc = FUZZ_CODE + b->offset;
    if (a32) {
        arm_fpscr_set(env, st.fpcr);
    } else {
        arm_fpcr_set(env, st.fpcr);
        arm_fpsr_set(env, 0);
    }
    tlb_select_data(cpu, 0, 0, 0);
    tlb_select_fetch(cpu, 0, 0, ARM_MODE_FP | arm_fp_mode(env, a32));
}

static void fuzz_exception(CPU *cpu, int32_t excp)
{
    ARMEnv *env = arm_env(cpu);
    Run *r = current_run;
    if (r->done) {
        return;
    }
    A64FuzzState *st = &r->out[r->current];
    const A64FuzzBlock *b = &g_array_index(r->p->blocks, A64FuzzBlock, r->current);
    memcpy(st->x, env->x, sizeof(st->x));
    st->sp = env->x[31];
    memcpy(st->v, env->v, sizeof(st->v));
    st->pc = env->cpu.pc - FUZZ_CODE - b->offset;
    st->nzcv = (uint32_t)(env->nf >> 63) << 31 | (uint32_t)!env->zf << 30 | env->cf << 29 |
               (uint32_t)(env->vf >> 63) << 28;
    st->fpcr = isa == &isa_a32 ? arm_fpscr_get(env) : arm_fpcr_get(env);
    st->fpsr = isa == &isa_a32 ? 0 : arm_fpsr_get(env);
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

/* A32 without what is not VFP or Advanced SIMD. */
static void a32_translate_vfp(UnitContext *unit)
{
    A64Ctx c = {.unit = unit, .b = unit->b, .cfg = unit->cpu->model, .mode = unit->mode};
    for (unsigned n = 0; !c.ended && n < unit->max_insns && unit->offset < TLB_PAGE_SIZE; n++) {
        c.off = unit->offset;
        if (!unit_fetch(unit, c.off, &c.word, 4)) {
            return;
        }
        tcg_gen_insn_start(c.b, c.off);
        unit->offset += 4;
        if (!vfp_translate(&c, false, (int64_t)c.off + 8)) {
            a64_gen_undefined(&c);
        }
    }
    if (!c.ended) {
        tcg_gen_exit_direct(c.b, unit->offset);
    }
}

static void fuzz_translate(UnitContext *unit)
{
    if (isa == &isa_a32) {
        a32_translate_vfp(unit);
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

static void run_rhea(Program *p, const char *engine, A64FuzzState *out)
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
    uint64_t code_size = 2 * FUZZ_MARGIN + ((p->code->len * 4ull + 0xffff) & ~0xffffull);
    RamBlock *d = ram_block_new(ms, "data", FUZZ_DATA_SIZE, NULL, &err);
    RamBlock *k = ram_block_new(ms, "code", code_size, NULL, &err);
    g_assert_no_error(err);
    memory_region_init_ram(&data, "data", d, 0, FUZZ_DATA_SIZE);
    memory_region_init_ram(&code, "code", k, 0, code_size);
    memory_region_add(&root, FUZZ_DATA, &data, 0);
    memory_region_add(&root, FUZZ_CODE - FUZZ_MARGIN, &code, 0);
    run.data = (uint64_t *)d->host;
    fuzz_initial_data(run.data);
    memcpy(k->host + FUZZ_MARGIN, p->code->data, p->code->len * 4ull);

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

static void run_reference(const Program *p, const Options *o, A64FuzzState *out)
{
    char *in_path = g_strdup_printf("%s/a64fuzz-%d.in", o->dir, (int)getpid());
    char *out_path = g_strdup_printf("%s/a64fuzz-%d.out", o->dir, (int)getpid());
    char *command = g_strdup_printf("%s %s %s", o->reference, in_path, out_path);
    FILE *f = fopen(in_path, "wb");
    A64FuzzHeader h = {.blocks = p->blocks->len, .code_words = p->code->len};
    bool ok = f && fwrite(&h, sizeof(h), 1, f) == 1 &&
              fwrite(p->blocks->data, sizeof(A64FuzzBlock), h.blocks, f) == h.blocks &&
              fwrite(p->code->data, 4, h.code_words, f) == h.code_words;
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

static void run_other(Program *p, const Options *o, A64FuzzState *out)
{
    if (o->reference) {
        run_reference(p, o, out);
    } else {
        run_rhea(p, "interp", out);
    }
}

/* ---- comparison ---- */

static void print_difference(const A64FuzzState *a, const A64FuzzState *b)
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
    if (a->nzcv != b->nzcv || a->fpsr != b->fpsr || a->fpcr != b->fpcr) {
        printf("  nzcv: %x, %x; fpsr: %08x, %08x; fpcr: %08x, %08x\n", a->nzcv >> 28, b->nzcv >> 28,
               a->fpsr, b->fpsr, a->fpcr, b->fpcr);
    }
}

/* Prefixes of a block that differs: the last instruction of the first that does is to blame. */
static bool explain(const Program *p, unsigned block, const Options *o)
{
    const A64FuzzBlock *b = &g_array_index(p->blocks, A64FuzzBlock, block);
    const uint32_t *words = &g_array_index(p->code, uint32_t, b->offset / 4);
    Program *q = program_new();
    for (unsigned n = 1; n < b->words; n++) {
        add_block(q, b->seed, words, n, FUZZ_FRESH_DATA | FUZZ_HASH_DATA);
    }
    A64FuzzState *x = g_new0(A64FuzzState, b->words), *y = g_new0(A64FuzzState, b->words), before;
    run_rhea(q, o->engine, x);
    run_other(q, o, y);
    bool found = false;
    for (unsigned n = 0; n + 1 < b->words && !found; n++) {
        if (!memcmp(&x[n], &y[n], sizeof(*x))) {
            continue;
        }
        const InsnRow *r = &isa->rows[isa->decode(words[n], isa->ext)];
        printf("block %u, insn %u: %08x %s (%s:%u)", block, n, words[n], r->name, r->file, r->line);
        for (unsigned i = 0; i < r->nfields; i++) {
            printf(" %s=%u", r->fields[i].name, insn_field_get(&r->fields[i], words[n]));
        }
        printf("\n");
        (isa == &isa_a32 ? fuzz_initial_state32 : fuzz_initial_state)(&before, b->seed);
        before = n ? x[n - 1] : before;
        printf("  before: fpcr %08x fpsr %08x nzcv %x\n", before.fpcr, before.fpsr,
               before.nzcv >> 28);
        if (isa == &isa_a64) {
            const uint32_t w = words[n];
            const unsigned regs[] = {w >> 5 & 31, w >> 16 & 31, w >> 10 & 31, w & 31};
            for (unsigned i = 0; i < 4; i++) {
                printf("  v%u %016" PRIx64 "_%016" PRIx64 " x%u %016" PRIx64 "\n", regs[i],
                       before.v[regs[i]][1], before.v[regs[i]][0], regs[i],
                       regs[i] < 31 ? before.x[regs[i]] : before.sp);
            }
        } else {
            for (unsigned i = 0; i < 32; i++) {
                printf("  d%u %016" PRIx64 "%s", i, before.v[i / 2][i % 2], i % 4 == 3 ? "\n" : "");
            }
        }
        print_difference(&x[n], &y[n]);
        found = true;
    }
    g_free(x);
    g_free(y);
    program_free(q);
    return found;
}

static unsigned compare(Program *p, const Options *o, unsigned *early)
{
    unsigned n = p->blocks->len, bad = 0;
    A64FuzzState *x = g_new0(A64FuzzState, n), *y = g_new0(A64FuzzState, n);
    run_rhea(p, o->engine, x);
    run_other(p, o, y);
    for (unsigned i = 0; i < n; i++) {
        *early += x[i].pc / 4 + 1 != g_array_index(p->blocks, A64FuzzBlock, i).words;
        if (memcmp(&x[i], &y[i], sizeof(*x)) && bad++ < 12 && !explain(p, i, o)) {
            printf("block %u differs in place only\n", i);
            print_difference(&x[i], &y[i]);
        }
    }
    g_free(x);
    g_free(y);
    return bad;
}

/* ---- expectations: a line a row, its name and a hash of the states at the end of its blocks ----
 */

#define ROW_BLOCKS 24
#define ROW_LENGTH 6

static Program *program_of_rows(const GArray *rows)
{
    Program *p = program_new();
    for (unsigned k = 0; k < rows->len; k++) {
        unsigned id = g_array_index(rows, unsigned, k);
        const InsnRow *r = &isa->rows[id];
        GArray *one = g_array_new(FALSE, FALSE, sizeof(unsigned));
        g_array_append_val(one, id);
        uint64_t s = r->match | (uint64_t)r->mask << 32;
        unsigned memory = strstr(r->file, "ldst") ? FUZZ_HASH_DATA | FUZZ_FRESH_DATA : 0;
        for (unsigned i = 0; i < ROW_BLOCKS; i++) {
            uint32_t words[ROW_LENGTH];
            uint64_t seed = fuzz_random(&s);
            for (unsigned n = 0; n < ROW_LENGTH; n++) {
                words[n] = random_insn(one, &s);
            }
            add_block(p, seed, words, ROW_LENGTH, memory);
        }
        g_array_unref(one);
    }
    return p;
}

static uint64_t hash_of_row(const A64FuzzState *st)
{
    return fuzz_hash((const uint64_t *)st, ROW_BLOCKS * sizeof(*st) / 8);
}

static int record(const GArray *rows, const Options *o)
{
    Program *p = program_of_rows(rows);
    A64FuzzState *x = g_new0(A64FuzzState, p->blocks->len);
    run_reference(p, o, x);
    FILE *f = fopen(o->record, "w");
    bool ok = f;
    for (unsigned k = 0; ok && k < rows->len; k++) {
        const InsnRow *r = &isa->rows[g_array_index(rows, unsigned, k)];
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
        fprintf(stderr, "a64fuzz: cannot read %s\n", o->expect);
        return 2;
    }
    Program *p = program_of_rows(rows);
    A64FuzzState *x = g_new0(A64FuzzState, p->blocks->len);
    run_rhea(p, o->engine, x);
    unsigned same = 0, differ = 0;
    for (unsigned k = 0; k < rows->len; k++) {
        const InsnRow *r = &isa->rows[g_array_index(rows, unsigned, k)];
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
    Options o = {.seed = 1, .blocks = 2000, .length = 12, .engine = "jit", .dir = "/tmp"};
    o.only = g_ptr_array_new();
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *v = argv[i + 1];
        if (!strcmp(argv[i], "--seed")) {
            o.seed = strtoull(v, NULL, 0);
        } else if (!strcmp(argv[i], "--blocks")) {
            o.blocks = strtoul(v, NULL, 0);
        } else if (!strcmp(argv[i], "--length")) {
            o.length = strtoul(v, NULL, 0);
        } else if (!strcmp(argv[i], "--only")) {
            g_ptr_array_add(o.only, (void *)v);
        } else if (!strcmp(argv[i], "--engine")) {
            o.engine = v;
        } else if (!strcmp(argv[i], "--isa")) {
            o.a32 = !strcmp(v, "a32");
        } else if (!strcmp(argv[i], "--record")) {
            o.record = v;
        } else if (!strcmp(argv[i], "--expect")) {
            o.expect = v;
        } else if (!strcmp(argv[i], "--dir")) {
            o.dir = v;
        } else if (!strcmp(argv[i], "--reference")) {
            o.reference = v;
        } else {
            fprintf(stderr, "a64fuzz: what is %s?\n", argv[i]);
            return 2;
        }
    }
    isa_a64.ext = all_extensions();
    isa = o.a32 ? &isa_a32 : &isa_a64;
    GArray *rows = choose_rows(&o);
    if (!rows->len) {
        fprintf(stderr, "a64fuzz: no such rows\n");
        return 2;
    }
    if (o.record || o.expect) {
        return o.record ? record(rows, &o) : expect(rows, &o);
    }
    unsigned bad = 0, early = 0;
    for (unsigned done = 0; done < o.blocks;) {
        unsigned n = MIN(o.blocks - done, 16384);
        Program *p = program_new();
        for (unsigned i = 0; i < n; i++) {
            uint64_t seed = o.seed + done + i, s = seed ^ UINT64_C(0x5851f42d4c957f2d);
            uint32_t words[256];
            unsigned length = MIN(o.length, 255u);
            for (unsigned k = 0; k < length; k++) {
                words[k] = random_insn(rows, &s);
            }
            add_block(p, seed, words, length, i % 256 == 255 || i + 1 == n ? FUZZ_HASH_DATA : 0);
        }
        bad += compare(p, &o, &early);
        program_free(p);
        done += n;
    }
    printf("%u rows, %u blocks of %u from seed %" PRIu64 ": %u end early, %u differ\n", rows->len,
           o.blocks, o.length, o.seed, early, bad);
    g_array_unref(rows);
    g_ptr_array_unref(o.only);
    return bad ? 1 : 0;
}

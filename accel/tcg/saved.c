/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Saved translations (-accel tcg,cache=DIR): which file is this machine's, units out of it and into
 * it. The format is saved_file.c's.
 *
 * A unit depends on its guest bytes, its mode bits, its place in the page, and on what the key is
 * made of: this program (the build id that the linker gave it), options of the translator, the
 * host's processor, and the configuration of the guest's. Bytes are compared one by one when a unit
 * is wanted, so that stale ones are never found; each unit that was translated has kept those that
 * it was made from (Unit.source_bytes), because guests write over their code.
 *
 * Thread: saved_load() and saved_make_code() any vCPU's; the rest before and after they run. Test:
 * tests/unit/test-saved-file.c, tests/boot/saved.py.
 */
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "accel/tcg/internal.h"
#include "rhea/error.h"
#include "rhea/log.h"

/* Of one file, and of all in the directory. */
#define SAVED_FILE_LIMIT (UINT64_C(256) << 20)
#define SAVED_DIR_LIMIT  (UINT64_C(1) << 30)

/* A file is written again when one in so many of its units is new: the rest is copied. */
#define SAVED_NEW_SHARE 32

/* The start of the program in memory, as the linker gives it. */
extern const char __executable_start[];
#define PROGRAM ((ptrdiff_t)(uintptr_t)__executable_start)

bool saved_init(Accel *a, GError **err)
{
    a->saved.dir = -1;
    if (!a->opt.cache_dir) {
        return true;
    }
    if (a->opt.engine != ACCEL_JIT) {
        rhea_error_set(err, "cache=%s: the interpreter has no translations to save",
                       a->opt.cache_dir);
        return false;
    }
    a->saved.dir = saved_dir_open(a->opt.cache_dir, err);
    return a->saved.dir >= 0;
}

/* dl_iterate_phdr(): the first object is the program. */
static int feed_build_id(struct dl_phdr_info *info, size_t size, void *opaque)
{
    GChecksum *sum = opaque;
    int found = 0;

    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        const uint8_t *p = (const uint8_t *)(uintptr_t)(info->dlpi_addr + ph->p_vaddr);
        const uint8_t *end = p + ph->p_memsz;
        while (ph->p_type == PT_NOTE && end - p > (ptrdiff_t)sizeof(ElfW(Nhdr))) {
            const ElfW(Nhdr) *n = (const ElfW(Nhdr) *)p;
            const uint8_t *name = p + sizeof(*n), *desc = name + ((n->n_namesz + 3) & ~3u);
            if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 && !memcmp(name, "GNU", 4)) {
                g_checksum_update(sum, desc, n->n_descsz);
                found = 1;
            }
            p = desc + ((n->n_descsz + 3) & ~3u);
        }
    }
    return found ? 1 : -1;
}

/* False if something cannot be told from others of its kind. */
static bool make_key(Accel *a, uint8_t key[SAVED_KEY_BYTES])
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    CPU *cpu = a->cpus[0];
    gsize n = SAVED_KEY_BYTES;

    if (!cpu->target->identify || dl_iterate_phdr(feed_build_id, sum) < 0) {
        return false;
    }
    g_autofree char *options =
        g_strdup_printf("%s %#x %d %d", cpu->target->name, a->opt.opt_passes & ~TCG_OPT_VERIFY,
                        a->opt.one_insn_per_unit, a->opt.single_thread);
    g_checksum_update(sum, (const guchar *)options, strlen(options) + 1);
    a->host->identify(a->thunks, sum);
    cpu->target->identify(cpu, sum);
    g_checksum_get_digest(sum, key, &n);
    return true;
}

void saved_start(Accel *a)
{
    Saved *s = &a->saved;
    g_autofree char *why = NULL;

    if (s->dir < 0 || s->name || a->n_cpus == 0) {
        return;
    }
    if (!make_key(a, s->key)) {
        rhea_warn_report(
            "cache: this program or guest has no identity: translations are not saved");
        close(s->dir);
        s->dir = -1;
        return;
    }
    s->name = saved_file_name(s->key);
    s->file = saved_file_open(s->dir, s->name, s->key, SAVED_FILE_LIMIT, &why);
    if (why) {
        rhea_warn_report("cache: %s/%s is ignored: %s", a->opt.cache_dir, s->name, why);
    }
}

/* ---- out of the file ---- */

bool saved_wanted(const Accel *a)
{
    /* Who looks at the translation of units wants to see it. */
    return a->saved.file && !rhea_log_on(LOG_IN_ASM | LOG_OP | LOG_OP_OPT | LOG_OUT_ASM);
}

static void saved_damaged(Accel *a)
{
    if (!__atomic_exchange_n(&a->saved.complained, true, __ATOMIC_RELAXED)) {
        rhea_warn_report("cache: %s/%s: damaged units are ignored", a->opt.cache_dir,
                         a->saved.name);
    }
}

static uint64_t tables_at(const SavedUnit *s)
{
    return s->code_size + s->nexits * sizeof(TcgExit) + (uint64_t)s->nlinks * sizeof(TcgLink);
}

/* A unit of the file as code, its body at rw. */
static TcgCode code_of(Accel *a, const SavedUnit *s, uint8_t *rw)
{
    uint8_t *side = rw + tables_at(s);

    return (TcgCode){
        .code = a->cache.rx, /* as if it lay there */
        .code_size = s->code_size,
        .total_size = s->total_size,
        .nexits = s->nexits,
        .nlinks = s->nlinks,
        .exits = (TcgExit *)(rw + s->code_size),
        .side = side,
        .side_size = s->side_size,
        .relocs = side + s->side_size,
        .relocs_size = s->relocs_size,
    };
}

bool saved_load(CPU *cpu, int64_t n, SavedUnit *s, uint8_t *rw, size_t room)
{
    Accel *a = cpu->tcg->accel;

    if (!saved_file_load(a->saved.file, n, &cpu->tcg->window, s, rw, room)) {
        saved_damaged(a);
        return false;
    }
    return true;
}

bool saved_make_code(Accel *a, int64_t n, const SavedUnit *s, uint8_t *rw, TcgCode *out)
{
    /* Before pointers are made of the numbers. */
    bool sound = tables_at(s) + s->side_size + s->relocs_size == s->total_size;
    TcgCode c = sound ? code_of(a, s, rw) : (TcgCode){0};

    if (!sound || !a->host->is_sound(a->thunks, &c, s->ninsns, PROGRAM)) {
        saved_file_reject(a->saved.file, n);
        saved_damaged(a);
        return false;
    }
    a->host->relocate(a->thunks, &c, rw, a->cache.rx + (rw - a->cache.rw), PROGRAM, out);
    return true;
}

/* ---- into the file ---- */

static bool unit_is_new(const Unit *u)
{
    return u->source_bytes > 0;
}

/* fn on each unit in the cache that was translated. */
static void each_new_unit(Accel *a, void (*fn)(Accel *a, const Unit *u, void *data), void *data)
{
    for (unsigned i = 1; i < a->cache.n_chunks; i++) {
        const Chunk *k = &a->cache.chunks[i];
        for (unsigned j = 0; j < k->n_units; j++) {
            const Unit *u = chunk_unit(&a->cache, k, j);
            if (unit_is_new(u)) {
                fn(a, u, data);
            }
        }
    }
}

static void count_unit(Accel *a, const Unit *u, void *data)
{
    ++*(unsigned *)data;
}

typedef struct Writing {
    SavedWriter *w;
    uint8_t copy[CHUNK_SIZE]; /* of a unit */
} Writing;

static void write_unit(Accel *a, const Unit *u, void *data)
{
    const TcgCode c = unit_code(a, u);
    Writing *to = data;
    const uint8_t *source = unit_source(a, u);
    SavedUnit s = {
        .mode = u->mode,
        .offset = u->ra & ~TLB_PAGE_MASK,
        .guest_bytes = u->guest_bytes,
        .source_bytes = u->source_bytes,
        .ninsns = u->ninsns,
        .tag = u->tag,
        .straddles = u->straddles,
        .code_size = c.code_size,
        .total_size = c.total_size,
        .nexits = c.nexits,
        .nlinks = c.nlinks,
        .side_size = c.side_size,
        .relocs_size = c.relocs_size,
    };
    TcgCode out;

    a->host->relocate(a->thunks, &c, to->copy, a->cache.rx, -PROGRAM, &out);
    if (a->host->is_sound(a->thunks, &out, u->ninsns, PROGRAM)) {
        saved_writer_add(to->w, &s, to->copy, source);
    }
}

void saved_finish(Accel *a)
{
    Saved *s = &a->saved;
    unsigned n_new = 0, n_old = s->file ? saved_file_units(s->file) : 0;
    GError *err = NULL;

    if (s->dir < 0 || !s->name) {
        return;
    }
    each_new_unit(a, count_unit, &n_new);
    if (n_new == 0 || n_new < n_old / SAVED_NEW_SHARE) {
        return;
    }
    SavedWriter *w = saved_writer_new(s->dir, s->name, s->key, SAVED_FILE_LIMIT, &err);
    if (w) {
        g_autofree uint32_t *order = s->file ? saved_file_order(s->file) : NULL;
        /* What was of no use this time comes last and is the first to have no room. */
        for (unsigned i = 0; i < n_old; i++) {
            if (saved_file_was_used(s->file, order[i])) {
                saved_writer_copy(w, s->file, order[i]);
            }
        }
        g_autofree Writing *to = g_new(Writing, 1);
        to->w = w;
        each_new_unit(a, write_unit, to);
        for (unsigned i = 0; i < n_old; i++) {
            if (!saved_file_was_used(s->file, order[i])) {
                saved_writer_copy(w, s->file, order[i]);
            }
        }
    }
    if (!w || !saved_writer_finish(w, &err)) {
        rhea_warn_report("cache: %s: %s", a->opt.cache_dir, err->message);
        g_error_free(err);
        return;
    }
    saved_dir_prune(s->dir, s->name, SAVED_DIR_LIMIT - SAVED_FILE_LIMIT);
}

void saved_free(Accel *a)
{
    saved_file_close(a->saved.file);
    g_free(a->saved.name);
    if (a->saved.dir >= 0) {
        close(a->saved.dir);
    }
}

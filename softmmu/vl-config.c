/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Options with a grammar of their own: -smp, -m, -rtc, -icount, -accel, -machine properties, -boot,
 * -action, -uuid, -object. Main thread, before the machine exists. Test: tests/cli/
 */
#include "vl.h"
#include "accel/accel.h"
#include "hw/device.h"
#include "io/throttle.h"
#include "softmmu/memory.h"
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int string_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* --- -smp ------------------------------------------------------------------------------------ */

enum { SMP_CPUS, SMP_MAXCPUS, SMP_SOCKETS, SMP_CORES, SMP_THREADS, SMP_LEVELS_UNUSED };

static const char *const smp_keys[] = {"cpus",    "maxcpus", "sockets", "cores",    "threads",
                                       "drawers", "books",   "dies",    "clusters", "modules"};

static bool smp_parse(CommandLine *c, uint64_t v[G_N_ELEMENTS(smp_keys)], GError **err)
{
    const char *key, *text;
    for (unsigned i = 0; i < G_N_ELEMENTS(smp_keys); i++) {
        text = opt_take(c->smp, smp_keys[i]);
        v[i] = 0;
        if (!text) {
            continue;
        }
        if (!opt_value_u64(smp_keys[i], text, &v[i], NULL) || v[i] > INT32_MAX) {
            rhea_error_set(err, "Parameter 'smp.%s' expects a positive number, not '%s'",
                           smp_keys[i], text);
            return false;
        }
        if (v[i] == 0) {
            rhea_error_set(err, "Invalid CPU topology: CPU topology parameters must be greater "
                                "than zero");
            return false;
        }
        if (i >= SMP_LEVELS_UNUSED && v[i] > 1) {
            rhea_error_set(err, "%s > 1 not supported by this machine's CPU topology", smp_keys[i]);
            return false;
        }
    }
    for (unsigned i = 0; opt_at(c->smp, i, &key, &text); i++) {
        unsigned k = 0;
        while (k < G_N_ELEMENTS(smp_keys) && strcmp(smp_keys[k], key)) {
            k++;
        }
        if (k == G_N_ELEMENTS(smp_keys)) {
            rhea_error_set(err, "Parameter 'smp.%s' is unexpected", key);
            return false;
        }
    }
    return true;
}

bool config_smp(CommandLine *c, GError **err)
{
    SmpConfig *s = &c->m->smp;
    uint64_t v[G_N_ELEMENTS(smp_keys)];
    if (!c->smp) {
        return true;
    }
    if (!smp_parse(c, v, err)) {
        return false;
    }
    uint64_t cpus = v[SMP_CPUS], max = v[SMP_MAXCPUS], sockets = v[SMP_SOCKETS];
    uint64_t cores = v[SMP_CORES], threads = v[SMP_THREADS];
    /* What is left out is computed from the rest: cores first, then sockets, then threads. */
    uint64_t wanted = max ? max : cpus;
    if (!wanted) {
        sockets = sockets ? sockets : 1;
        cores = cores ? cores : 1;
        threads = threads ? threads : 1;
    } else if (!cores) {
        sockets = sockets ? sockets : 1;
        threads = threads ? threads : 1;
        cores = wanted / (sockets * threads);
    } else if (!sockets) {
        threads = threads ? threads : 1;
        sockets = wanted / (cores * threads);
    }
    if (!threads) {
        threads = wanted / (sockets * cores);
    }
    uint64_t total = sockets * cores * threads;
    max = max ? max : wanted ? wanted : total;
    cpus = cpus ? cpus : max;
    if (total != max) {
        rhea_error_set(err,
                       "Invalid CPU topology: product of the hierarchy must match maxcpus: sockets "
                       "(%" G_GUINT64_FORMAT ") * cores (%" G_GUINT64_FORMAT
                       ") * threads (%" G_GUINT64_FORMAT ") != maxcpus (%" G_GUINT64_FORMAT ")",
                       sockets, cores, threads, max);
        return false;
    }
    if (max < cpus) {
        rhea_error_set(
            err,
            "Invalid CPU topology: maxcpus must be equal to or greater than smp: maxcpus "
            "(%" G_GUINT64_FORMAT ") < smp_cpus (%" G_GUINT64_FORMAT ")",
            max, cpus);
        return false;
    }
    if (max > c->m->desc->max_cpus) {
        rhea_error_set(err,
                       "Invalid SMP CPUs %" G_GUINT64_FORMAT ". The max CPUs supported by machine "
                       "'%s' is %u",
                       max, c->m->desc->name, c->m->desc->max_cpus);
        return false;
    }
    *s = (SmpConfig){cpus, max, sockets, 1, cores, threads};
    return true;
}

/* --- -m -------------------------------------------------------------------------------------- */

bool config_memory(CommandLine *c, GError **err)
{
    Machine *m = c->m;
    uint64_t slots = 0;
    m->ram_size = m->ram_max = m->desc->default_ram;
    if (!c->memory) {
        return true;
    }
    const char *size = opt_take(c->memory, "size"), *max = opt_take(c->memory, "maxmem");
    if ((size && !opt_value_size("size", size, 1u << 20, &m->ram_size, err)) ||
        (max && !opt_value_size("maxmem", max, 1, &m->ram_max, err)) ||
        !opt_take_u64(c->memory, "slots", &slots, err) || !opt_check_unused(c->memory, err)) {
        g_prefix_error(err, "%s: ", opt_location(c->memory));
        return false;
    }
    if (!m->ram_size) {
        m->ram_size = m->desc->default_ram;
    }
    if (m->ram_size > UINT64_MAX - 8191) {
        rhea_error_set(err, "%s: ram size too large", opt_location(c->memory));
        return false;
    }
    m->ram_size = (m->ram_size + 8191) / 8192 * 8192;
    if (!max) {
        m->ram_max = m->ram_size;
    } else if (m->ram_max < m->ram_size) {
        rhea_error_set(err,
                       "%s: invalid value of maxmem: maximum memory size (0x%" G_GINT64_MODIFIER
                       "x) must be at least the initial memory size (0x%" G_GINT64_MODIFIER "x)",
                       opt_location(c->memory), m->ram_max, m->ram_size);
        return false;
    }
    return true;
}

/* --- -rtc ------------------------------------------------------------------------------------ */

static bool rtc_parse_date(const char *text, int64_t *seconds)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"};
    for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, formats[i], &tm);
        if (end && !*end) {
            *seconds = timegm(&tm);
            return true;
        }
    }
    return false;
}

bool config_rtc(CommandLine *c, GError **err)
{
    static const char *const clocks[] = {"host", "rt", "vm", NULL};
    static const ClockType clock_types[] = {CLK_HOST, CLK_REALTIME, CLK_VIRTUAL};
    static const char *const fixes[] = {"none", "slew", NULL};
    RtcConfig *rtc = &c->m->rtc;
    int clock = 0, fix = 0;
    int64_t start = 0;
    time_t now = time(NULL);
    if (!c->rtc) {
        return true;
    }
    const char *base = opt_take(c->rtc, "base");
    if (!opt_take_enum(c->rtc, "clock", clocks, &clock, err) ||
        !opt_take_enum(c->rtc, "driftfix", fixes, &fix, err) || !opt_check_unused(c->rtc, err)) {
        goto fail;
    }
    rtc->clock = clock_types[clock];
    rtc->slew = fix == 1;
    start = now;
    if (base && !strcmp(base, "localtime")) {
        struct tm local;
        rtc->localtime = true;
        localtime_r(&now, &local);
        start = now + local.tm_gmtoff;
    } else if (base && strcmp(base, "utc") && !rtc_parse_date(base, &start)) {
        rhea_error_set(err,
                       "invalid datetime format '%s' (valid: utc, localtime, "
                       "2006-06-17T16:01:21, 2006-06-17)",
                       base);
        goto fail;
    }
    rtc->base_offset = start - clock_get_ns(c->m->clocks, rtc->clock) / NS_PER_SEC;
    return true;
fail:
    g_prefix_error(err, "%s: ", opt_location(c->rtc));
    return false;
}

/* --- -icount --------------------------------------------------------------------------------- */

/* 2026-01-01T00:00:00 UTC */
#define ICOUNT_RTC_BASE 1767225600

bool config_icount(CommandLine *c, GError **err)
{
    Machine *m = c->m;
    uint64_t shift;
    bool align = false;
    if (!c->icount) {
        return true;
    }
    const char *text = opt_take(c->icount, "shift");
    if (!opt_take_bool(c->icount, "sleep", &m->icount_sleep, err) ||
        !opt_take_bool(c->icount, "align", &align, err) || !opt_check_unused(c->icount, err)) {
        goto fail;
    }
    if (!text) {
        rhea_error_set(err, "shift must be specified when using icount");
        goto fail;
    }
    if (!strcmp(text, "auto")) {
        m->icount_shift = -2;
    } else if (opt_value_u64("shift", text, &shift, NULL) && shift <= 10) {
        m->icount_shift = shift;
    } else {
        rhea_error_set(err, "icount: Invalid shift value '%s' (0 to 10, or auto)", text);
        goto fail;
    }
    /* Two runs print the same bytes: what the machine hands out at random, and the date it starts
     * at, are fixed unless the user says otherwise (-seed, -rtc). */
    if (!m->seed_set) {
        m->seed = 1;
        m->seed_set = true;
    }
    if (!c->rtc) {
        m->rtc.clock = CLK_VIRTUAL;
        m->rtc.base_offset = ICOUNT_RTC_BASE;
    }
    if (align) {
        rhea_error_set(err, "icount: align=on is not supported");
        goto fail;
    }
    if (!m->icount_sleep && m->icount_shift == -2) {
        rhea_error_set(err, "shift=auto and sleep=off are incompatible");
        goto fail;
    }
    return true;
fail:
    g_prefix_error(err, "%s: ", opt_location(c->icount));
    return false;
}

/* --- -accel ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned bit;
} accel_passes[] = {{"fold", TCG_OPT_FOLD}, {"dce", TCG_OPT_DCE}, {"all", TCG_OPT_ALL}};

static bool accel_parse(OptDict *d, AccelOptions *o, GError **err)
{
    static const char *const threads[] = {"multi", "single", NULL};
    static const char *const engines[] = {"jit", "interp", NULL};
    uint64_t mib = 0;
    int thread = -1, engine = o->engine;
    bool split_wx = true;
    const char *no_opt = opt_take(d, "no-opt"), *mode = opt_get(d, "thread");
    if (mode && !g_strv_contains(threads, mode)) {
        rhea_error_set(err, "Invalid 'thread' setting %s (multi or single)", mode);
        return false;
    }
    if (!opt_take_enum(d, "thread", threads, &thread, err) ||
        !opt_take_enum(d, "engine", engines, &engine, err) ||
        !opt_take_bool(d, "one-insn-per-tb", &o->one_insn_per_unit, err) ||
        !opt_take_bool(d, "check", &o->check, err) ||
        !opt_take_bool(d, "superblocks", &o->superblocks, err) ||
        !opt_take_bool(d, "split-wx", &split_wx, err) || !opt_take_u64(d, "tb-size", &mib, err)) {
        return false;
    }
    o->cache_dir = opt_take(d, "cache");
    o->engine = engine;
    o->single_thread = thread == 1;
    if (!split_wx) {
        rhea_error_set(err, "split-wx=off is not supported: code is never writable and executable");
        return false;
    }
    if (mib > 2048) {
        rhea_error_set(err, "Parameter 'tb-size' is too large (at most 2048, in MiB)");
        return false;
    }
    /* tb-size=0 is the default size, as without it. */
    if (mib) {
        o->cache_size = mib << 20;
        o->cache_most = 0;
    }
    g_auto(GStrv) off = no_opt ? g_strsplit(no_opt, ":", 0) : NULL;
    for (char **p = off; p && *p; p++) {
        unsigned i = 0;
        while (i < G_N_ELEMENTS(accel_passes) && strcmp(accel_passes[i].name, *p)) {
            i++;
        }
        if (i == G_N_ELEMENTS(accel_passes)) {
            rhea_error_set(err, "no-opt: there is no optimisation '%s'", *p);
            return false;
        }
        o->opt_passes &= ~accel_passes[i].bit;
    }
    const char *key, *value;
    static const char *const known[] = {"accel", "thread",      "engine",   "one-insn-per-tb",
                                        "check", "no-opt",      "split-wx", "tb-size",
                                        "cache", "superblocks", NULL};
    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        if (!g_strv_contains(known, key)) {
            rhea_error_set(err, "Property 'tcg-accel.%s' not found", key);
            return false;
        }
    }
    return true;
}

bool config_accel(CommandLine *c, GError **err)
{
    Machine *m = c->m;
    AccelOptions o = {.icount_shift = -1};
    bool found = c->accel_names->len == 0;
    for (unsigned i = 0; i < c->accel_names->len && !found; i++) {
        const char *name = g_ptr_array_index(c->accel_names, i);
        found = !strcmp(name, "tcg");
        if (!found && i + 1 < c->accel_names->len) {
            rhea_error_report("invalid accelerator %s", name);
        } else if (!found) {
            rhea_error_set(err, "%s%sinvalid accelerator %s",
                           c->accel ? opt_location(c->accel) : "", c->accel ? ": " : "", name);
            return false;
        } else if (i) {
            rhea_error_report("falling back to tcg");
        }
    }
    m->ms = memory_system_new();
    if (m->desc->no_cpu) {
        return true;
    }
    accel_options_default(&o);
    if (c->accel && !accel_parse(c->accel, &o, err)) {
        g_prefix_error(err, "%s: ", opt_location(c->accel));
        return false;
    }
    o.perfmap = c->perfmap;
    o.jitdump = c->jitdump;
    o.icount_shift = m->icount_shift;
    o.icount_sleep = m->icount_sleep;
    m->accel = accel_new(&o, m->ms, m->clocks, err);
    return m->accel != NULL;
}

/* --- -machine -------------------------------------------------------------------------------- */

void config_print_machines(const GuestTarget *t)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    const MachineDesc *d;
    for (unsigned i = 0; (d = machine_desc_at(t, i)); i++) {
        if (d->alias) {
            g_ptr_array_add(lines,
                            g_strdup_printf("%-20s %s (alias of %s)", d->alias, d->help, d->name));
        }
        g_ptr_array_add(lines, g_strdup_printf("%-20s %s%s", d->name, d->help,
                                               d->is_default ? " (default)" : ""));
    }
    g_ptr_array_sort(lines, string_compare);
    printf("Supported machines are:\n");
    for (unsigned i = 0; i < lines->len; i++) {
        printf("%s\n", (char *)g_ptr_array_index(lines, i));
    }
}

/* Properties that every machine has. Those without a place are accepted for what the reference does
 * by default. */
typedef struct CommonProps {
    char *append, *boot, *dtb, *dumpdtb, *firmware, *initrd, *kernel, *memory_backend, *memory,
        *smp;
    bool dump_guest_core, mem_merge, graphics, usb, suppress_vmdesc, aux_ram_share;
} CommonProps;

PROPS(machine, CommonProps,
      PROP("append", STRING, append, NULL, PUBLIC, "Linux kernel command line"),
      PROP("boot", STRING, boot, NULL, PUBLIC, "Boot configuration, as -boot (boot.order=)"),
      PROP("dtb", STRING, dtb, NULL, PUBLIC, "Linux kernel device tree file"),
      PROP("dump-guest-core", BOOL, dump_guest_core, "on", PUBLIC,
           "Include guest memory in a core dump"),
      PROP("dumpdtb", STRING, dumpdtb, NULL, PUBLIC, "Dump current dtb to a file and quit"),
      PROP("firmware", STRING, firmware, NULL, PUBLIC, "Firmware image"),
      PROP("graphics", BOOL, graphics, "on", PUBLIC, "Set on/off to enable/disable graphics"),
      PROP("initrd", STRING, initrd, NULL, PUBLIC, "Linux initial ramdisk file"),
      PROP("kernel", STRING, kernel, NULL, PUBLIC, "Linux kernel image file"),
      PROP("mem-merge", BOOL, mem_merge, "on", PUBLIC, "Enable/disable memory merge support"),
      PROP("memory", STRING, memory, NULL, PUBLIC, "Memory size, as -m (memory.size=)"),
      PROP("memory-backend", STRING, memory_backend, NULL, PUBLIC,
           "Id of the memory backend object that is the RAM"),
      PROP("smp", STRING, smp, NULL, PUBLIC, "CPU topology, as -smp (smp.cpus=)"),
      PROP("suppress-vmdesc", BOOL, suppress_vmdesc, "off", PUBLIC,
           "Set on to disable self-describing migration"),
      PROP("usb", BOOL, usb, "off", PUBLIC, "Set on/off to enable/disable usb"));

static void machine_print_props(const Machine *m)
{
    g_autoptr(GArray) all = g_array_new(TRUE, FALSE, sizeof(PropDesc));
    for (const PropDesc *p = machine_props(); p->name; p++) {
        g_array_append_val(all, *p);
    }
    for (const PropDesc *p = m->desc->props ? m->desc->props() : NULL; p && p->name; p++) {
        g_array_append_val(all, *p);
    }
    printf("%s-machine options:\n", m->desc->name);
    props_print_help((const PropDesc *)all->data, NULL, stdout);
}

static bool machine_take_common(Machine *m, const char *key, const char *value, GError **err)
{
    const struct {
        const char *name;
        const char **place;
    } paths[] = {
        {"append", &m->append},
        {"dtb", &m->dtb},
        {"dumpdtb", &m->dumpdtb},
        {"kernel", &m->kernel},
        {"initrd", &m->initrd},
        {"firmware", &m->firmware},
        {"memory-backend", &m->memory_backend},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (!strcmp(paths[i].name, key)) {
            *paths[i].place = value;
            return true;
        }
    }
    CommonProps scratch = {0};
    props_init(machine_props(), &scratch);
    bool ok = prop_set(prop_find(machine_props(), key), &scratch, value, NULL, err);
    if (ok && scratch.usb) {
        rhea_error_set(err, "machine type '%s' has no USB controller (usb=on)", m->desc->name);
        ok = false;
    }
    props_free(machine_props(), &scratch);
    return ok;
}

/* smp.cpus= and so on: as the option of its own. *known is false if key is none of them. */
static bool machine_take_group(CommandLine *c, const char *key, const char *value, bool *known,
                               GError **err)
{
    g_autoptr(OptDict) boot = NULL;
    struct {
        const char *name;
        OptDict **place;
    } groups[] = {{"smp", &c->smp}, {"memory", &c->memory}, {"boot", &boot}};
    *known = true;
    for (unsigned i = 0; i < G_N_ELEMENTS(groups); i++) {
        size_t n = strlen(groups[i].name);
        if (strncmp(key, groups[i].name, n) || (key[n] && key[n] != '.')) {
            continue;
        }
        if (!key[n]) {
            rhea_error_set(err, "Invalid parameter type for '%s', expected: object (%s.KEY=VALUE)",
                           key, key);
            return false;
        }
        if (!*groups[i].place) {
            *groups[i].place = opt_new();
            opt_set_location(*groups[i].place, opt_location(c->machine_opts));
        }
        opt_set(*groups[i].place, key + n + 1, value);
        return !boot || config_boot(c->m, boot, err);
    }
    *known = false;
    return true;
}

bool config_machine_props(CommandLine *c, GError **err)
{
    Machine *m = c->m;
    const char *key, *value;
    if (opt_wants_help(c->machine_opts)) {
        machine_print_props(m);
        return false;
    }
    for (unsigned i = 0; opt_at(c->machine_opts, i, &key, &value); i++) {
        const PropDesc *own = m->desc->props ? prop_find(m->desc->props(), key) : NULL;
        bool known;
        if (!strcmp(key, "type") || !strcmp(key, "accel")) {
            continue;
        }
        if (!machine_take_group(c, key, value, &known, err)) {
            return false;
        }
        if (known) {
            continue;
        }
        if (prop_find(machine_props(), key)) {
            if (!machine_take_common(m, key, value, err)) {
                return false;
            }
        } else if (!own && (m->desc->props || !m->desc->set_prop)) {
            rhea_error_set(err, "Property '%s-machine.%s' not found", m->desc->name, key);
            return false;
        } else if (m->desc->set_prop && !m->desc->set_prop(m, key, value, err)) {
            return false;
        } else {
            opt_set(m->props, key, value);
        }
    }
    return true;
}

/* --- small ones ------------------------------------------------------------------------------ */

static bool boot_check_order(const char *order, GError **err)
{
    uint32_t seen = 0;
    for (const char *p = order; *p; p++) {
        if (*p < 'a' || *p > 'p') {
            rhea_error_set(err, "Invalid boot device '%c'", *p);
            return false;
        }
        if (seen & (1u << (*p - 'a'))) {
            rhea_error_set(err, "Boot device '%c' was given twice", *p);
            return false;
        }
        seen |= 1u << (*p - 'a');
    }
    return true;
}

bool config_boot(Machine *m, OptDict *d, GError **err)
{
    static const char *const keys[] = {"order",       "once",           "menu",  "splash",
                                       "splash-time", "reboot-timeout", "strict"};
    const char *order = opt_get(d, "order"), *once = opt_get(d, "once");
    uint64_t ms;
    bool on;
    if ((order && !boot_check_order(order, err)) || (once && !boot_check_order(once, err)) ||
        !opt_take_bool(d, "menu", &on, err) || !opt_take_bool(d, "strict", &on, err) ||
        !opt_take_u64(d, "splash-time", &ms, err) ||
        (opt_get(d, "reboot-timeout") && strcmp(opt_get(d, "reboot-timeout"), "-1") &&
         !opt_take_u64(d, "reboot-timeout", &ms, err))) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *value = opt_take(d, keys[i]);
        if (value) {
            opt_set(m->boot, keys[i], value);
        }
    }
    return opt_check_unused(d, err);
}

bool config_action(RunActions *a, OptDict *d, GError **err)
{
    static const char *const reboot[] = {"reset", "shutdown", NULL};
    static const char *const shutdown[] = {"poweroff", "pause", NULL};
    static const char *const panic[] = {"shutdown", "pause", "exit-failure", "none", NULL};
    static const char *const watchdog[] = {"reset", "shutdown", "poweroff", "inject-nmi",
                                           "pause", "debug",    "none",     NULL};
    int v[4] = {a->reboot, a->shutdown, a->panic, a->watchdog};
    if (!opt_take_enum(d, "reboot", reboot, &v[0], err) ||
        !opt_take_enum(d, "shutdown", shutdown, &v[1], err) ||
        !opt_take_enum(d, "panic", panic, &v[2], err) ||
        !opt_take_enum(d, "watchdog", watchdog, &v[3], err) || !opt_check_unused(d, err)) {
        return false;
    }
    if (v[3] == WATCHDOG_INJECT_NMI) {
        rhea_error_set(err, "watchdog=inject-nmi: this target has no such interrupt");
        return false;
    }
    a->reboot = v[0];
    a->shutdown = v[1];
    a->panic = v[2];
    a->watchdog = v[3];
    return true;
}

bool config_uuid(Machine *m, const char *text, GError **err)
{
    if (!g_uuid_string_is_valid(text)) {
        rhea_error_set(err, "failed to parse UUID string: wrong format (expected "
                            "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)");
        return false;
    }
    for (unsigned i = 0, n = 0; n < 16; i++) {
        if (text[i] != '-') {
            m->uuid[n++] = g_ascii_xdigit_value(text[i]) << 4 | g_ascii_xdigit_value(text[i + 1]);
            i++;
        }
    }
    m->uuid_set = true;
    return true;
}

/* --- -object --------------------------------------------------------------------------------- */

typedef enum { OBJ_STRING, OBJ_BOOL, OBJ_U64, OBJ_SIZE } ObjectKeyKind;

typedef struct ObjectKey {
    const char *name;
    ObjectKeyKind kind;
} ObjectKey;

#define MEMORY_KEYS                                                                                \
    {"size", OBJ_SIZE}, {"share", OBJ_BOOL}, {"prealloc", OBJ_BOOL}, {"merge", OBJ_BOOL},          \
        {"dump", OBJ_BOOL}, {"reserve", OBJ_BOOL}, {"prealloc-threads", OBJ_U64},                  \
    {                                                                                              \
        "x-use-canonical-path-for-ramblock-id", OBJ_BOOL                                           \
    }

static const struct {
    const char *name;
    bool needs_size;
    ObjectKey keys[16];
} object_kinds[] = {
    {"filter-dump",
     false,
     {{"netdev", OBJ_STRING},
      {"file", OBJ_STRING},
      {"maxlen", OBJ_U64},
      {"queue", OBJ_STRING},
      {"status", OBJ_BOOL},
      {"position", OBJ_STRING},
      {"insert", OBJ_STRING}}},
    {"iothread",
     false,
     {{"poll-max-ns", OBJ_U64},
      {"poll-grow", OBJ_U64},
      {"poll-shrink", OBJ_U64},
      {"poll-weight", OBJ_U64},
      {"aio-max-batch", OBJ_U64},
      {"thread-pool-min", OBJ_U64},
      {"thread-pool-max", OBJ_U64}}},
    {"memory-backend-file",
     true,
     {MEMORY_KEYS,
      {"mem-path", OBJ_STRING},
      {"align", OBJ_SIZE},
      {"offset", OBJ_SIZE},
      {"discard-data", OBJ_BOOL},
      {"readonly", OBJ_BOOL}}},
    {"memory-backend-memfd",
     true,
     {MEMORY_KEYS, {"hugetlb", OBJ_BOOL}, {"hugetlbsize", OBJ_SIZE}, {"seal", OBJ_BOOL}}},
    {"memory-backend-ram", true, {MEMORY_KEYS}},
    {"rng-builtin", false, {{NULL}}},
    {"rng-random", false, {{"filename", OBJ_STRING}}},
    {"throttle-group", false, {{NULL}}}, /* its keys: io/block/throttle.c */
};

void config_print_objects(void)
{
    printf("List of user creatable objects:\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(object_kinds); i++) {
        printf("  %s\n", object_kinds[i].name);
    }
}

const char *config_object_kind_at(unsigned i)
{
    return i < G_N_ELEMENTS(object_kinds) ? object_kinds[i].name : NULL;
}

const char *config_object_key_at(unsigned kind, unsigned i, const char **type)
{
    static const char *const types[] = {
        [OBJ_STRING] = "string", [OBJ_BOOL] = "bool", [OBJ_U64] = "int", [OBJ_SIZE] = "int"};
    const ObjectKey *k = &object_kinds[kind].keys[i];

    *type = k->name ? types[k->kind] : NULL;
    return k->name;
}

static bool object_check_key(OptDict *d, const ObjectKey *k, GError **err)
{
    const char *text = opt_take(d, k->name);
    uint64_t n;
    bool on;
    if (!text) {
        return true;
    }
    switch (k->kind) {
    case OBJ_BOOL:
        return opt_value_bool(k->name, text, &on, err);
    case OBJ_U64:
        return opt_value_u64(k->name, text, &n, err);
    case OBJ_SIZE:
        return opt_value_size(k->name, text, 1, &n, err);
    default:
        return true;
    }
}

bool config_object(Machine *m, OptDict *d, GError **err)
{
    const char *type = opt_take(d, "qom-type"), *id = opt_take(d, "id");
    unsigned kind = 0;
    uint64_t size;
    if (!type) {
        rhea_error_set(err, "Parameter 'qom-type' is missing");
        return false;
    }
    while (kind < G_N_ELEMENTS(object_kinds) && strcmp(object_kinds[kind].name, type)) {
        kind++;
    }
    if (kind == G_N_ELEMENTS(object_kinds)) {
        rhea_error_set(err,
                       "Parameter 'qom-type' does not accept value '%s' (use '-object help' "
                       "for a list)",
                       type);
        return false;
    }
    if (!id) {
        rhea_error_set(err, "Parameter 'id' is missing");
        return false;
    }
    if (!opt_check_id(id, err)) {
        return false;
    }
    for (unsigned i = 0; i < m->objects->len; i++) {
        if (!strcmp(opt_get(g_ptr_array_index(m->objects, i), "id"), id)) {
            rhea_error_set(err, "Duplicate ID '%s' for object", id);
            return false;
        }
    }
    for (const ObjectKey *k = object_kinds[kind].keys; k->name; k++) {
        if (!object_check_key(d, k, err)) {
            return false;
        }
    }
    if (object_kinds[kind].needs_size && !opt_get(d, "size")) {
        rhea_error_set(err, "Parameter 'size' is missing");
        return false;
    }
    if (object_kinds[kind].needs_size &&
        opt_value_size("size", opt_get(d, "size"), 1, &size, NULL) && !size) {
        rhea_error_set(err, "property 'size' of %s doesn't take value '0'", type);
        return false;
    }
    if (!strcmp(type, "throttle-group") && !throttle_check(d, err)) {
        return false;
    }
    if (!strcmp(type, "memory-backend-file") && !opt_get(d, "mem-path")) {
        rhea_error_set(err, "Parameter 'mem-path' is missing");
        return false;
    }
    /* Without this an object that nothing uses would hide a mistyped name. */
    const char *file = strcmp(type, "rng-random") ? NULL : opt_get(d, "filename");
    if (file && access(file, R_OK)) {
        rhea_error_set(err, "Could not open '%s': %s", file, g_strerror(errno));
        return false;
    }
    return opt_check_unused(d, err);
}

/* --- main RAM -------------------------------------------------------------------------------- */

static bool ram_from_backend(Machine *m, RamBlockOptions *o, GError **err)
{
    OptDict *d = NULL;
    uint64_t size = 0;
    for (unsigned i = 0; i < m->objects->len; i++) {
        OptDict *each = g_ptr_array_index(m->objects, i);
        if (!strcmp(opt_get(each, "id"), m->memory_backend)) {
            d = each;
        }
    }
    if (!d || !g_str_has_prefix(opt_get(d, "qom-type"), "memory-backend-")) {
        rhea_error_set(err, "memory-backend: there is no memory backend object '%s'",
                       m->memory_backend);
        return false;
    }
    const char *type = opt_get(d, "qom-type");
    bool readonly = false;
    o->memfd = !strcmp(type, "memory-backend-memfd");
    o->share = o->memfd;
    if (!opt_take_size(d, "size", &size, err) || !opt_take_bool(d, "share", &o->share, err) ||
        !opt_take_bool(d, "prealloc", &o->prealloc, err) ||
        !opt_take_bool(d, "readonly", &readonly, err) ||
        !opt_take_size(d, "offset", &o->file_offset, err)) {
        return false;
    }
    if (!strcmp(type, "memory-backend-file")) {
        o->path = opt_get(d, "mem-path");
    } else if (!strcmp(type, "memory-backend-ram") && o->share) {
        o->memfd = true;
    }
    if (readonly) {
        rhea_error_set(err, "memory-backend '%s': main RAM cannot be read-only", m->memory_backend);
        return false;
    }
    if (size != m->ram_size) {
        rhea_error_set(err, "Size specified by -m option must match size of explicitly specified "
                            "'memory-backend' property");
        return false;
    }
    return true;
}

struct RamBlock *machine_new_ram(Machine *m, const char *name, GError **err)
{
    RamBlockOptions o = {.path = m->mem_path, .prealloc = m->mem_prealloc};
    if (m->memory_backend) {
        name = m->memory_backend;
        if (!ram_from_backend(m, &o, err)) {
            return NULL;
        }
    }
    return ram_block_new(m->ms, name, m->ram_size, &o, err);
}

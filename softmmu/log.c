/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The -d log: items, file, address filter, and the write itself.
 * Mask, stream and filter are set by main before any thread starts; a message or a locked block is
 * written under the stream's own lock. Test: tests/unit/test-log.c.
 */
#include "rhea/log.h"
#include "rhea/error.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

uint32_t rhea_log_mask_bits;

typedef struct LogRange {
    uint64_t first, last;
} LogRange;

static FILE *log_stream; /* NULL: stderr */
static LogRange *log_ranges;
static unsigned log_range_count;

static const struct {
    const char *name;
    uint32_t bit;
    const char *help;
} log_items[] = {
    {"out_asm", LOG_OUT_ASM, "host code of each new translation unit"},
    {"in_asm", LOG_IN_ASM, "guest instructions of each new translation unit"},
    {"op", LOG_OP, "intermediate code of each new translation unit"},
    {"op_opt", LOG_OP_OPT, "intermediate code after optimisation"},
    {"int", LOG_INT, "interrupts and exceptions"},
    {"exec", LOG_EXEC, "every translation unit that is entered (a lot)"},
    {"cpu", LOG_CPU, "CPU registers before each unit (a lot)"},
    {"mmu", LOG_MMU, "page table walks and TLB flushes"},
    {"device", LOG_DEVICE, "every access to a device register, by the register's name"},
    {"unimp", LOG_UNIMP, "what the hardware has and the emulator lacks"},
    {"guest_errors", LOG_GUEST_ERROR,
     "what the guest does wrong, such as writes to a register "
     "that does not exist"},
};

static FILE *log_out(void)
{
    return log_stream ? log_stream : stderr;
}

void rhea_log(const char *fmt, ...)
{
    FILE *f = log_out();
    va_list ap;
    va_start(ap, fmt);
    vfprintf(f, fmt, ap);
    va_end(ap);
}

FILE *rhea_log_lock(void)
{
    FILE *f = log_out();
    flockfile(f);
    return f;
}

void rhea_log_unlock(FILE *f)
{
    funlockfile(f);
}

void rhea_log_print_items(FILE *out)
{
    fprintf(out, "Log items (comma separated):\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(log_items); i++) {
        fprintf(out, "%-15s %s\n", log_items[i].name, log_items[i].help);
    }
}

bool rhea_log_set_items(const char *items, GError **err)
{
    g_auto(GStrv) names = g_strsplit(items, ",", 0);
    uint32_t mask = 0;
    for (char **name = names; *name; name++) {
        unsigned i = 0;
        if (!strcmp(*name, "help") || !strcmp(*name, "?")) {
            rhea_log_print_items(stdout);
            return false;
        }
        if (!strcmp(*name, "all")) {
            mask = UINT32_MAX;
            continue;
        }
        while (i < G_N_ELEMENTS(log_items) && strcmp(log_items[i].name, *name)) {
            i++;
        }
        if (i == G_N_ELEMENTS(log_items)) {
            rhea_error_set(err, "unknown log item '%s' (use '-d help' for a list)", *name);
            return false;
        }
        mask |= log_items[i].bit;
    }
    rhea_log_mask_bits = mask;
    return true;
}

bool rhea_log_set_file(const char *path, GError **err)
{
    g_autofree char *name = NULL;
    const char *d = strstr(path, "%d");
    const char *percent = strchr(path, '%');
    if (percent && (percent != d || strchr(d + 1, '%'))) {
        rhea_error_set(err, "Bad logfile template: %s (only one '%%d' is allowed)", path);
        return false;
    }
    if (d) {
        name = g_strdup_printf("%.*s%d%s", (int)(d - path), path, (int)getpid(), d + 2);
        path = name;
    }
    FILE *f = fopen(path, "we");
    if (!f) {
        rhea_error_set(err, "Error opening logfile %s: %s", path, g_strerror(errno));
        return false;
    }
    setvbuf(f, NULL, _IOLBF, 0);
    if (log_stream) {
        fclose(log_stream);
    }
    log_stream = f;
    return true;
}

/* One of A..B, A+LEN, A-LEN. */
static bool log_parse_range(const char *text, LogRange *r)
{
    char *end, *rest;
    errno = 0;
    uint64_t a = g_ascii_strtoull(text, &end, 0);
    if (end == text || errno) {
        return false;
    }
    const char *second = g_str_has_prefix(end, "..") ? end + 2 : end + 1;
    if (!*end || (*end != '.' && *end != '+' && *end != '-')) {
        return false;
    }
    uint64_t b = g_ascii_strtoull(second, &rest, 0);
    if (rest == second || *rest || errno) {
        return false;
    }
    switch (*end) {
    case '+':
        *r = (LogRange){a, a + b - 1};
        break;
    case '-':
        *r = (LogRange){a - (b - 1), a};
        break;
    default:
        *r = (LogRange){a, b};
    }
    return (*end == '.' || b) && r->first <= r->last;
}

bool rhea_log_set_filter(const char *ranges, GError **err)
{
    g_auto(GStrv) parts = g_strsplit(ranges, ",", 0);
    unsigned n = g_strv_length(parts);
    g_autofree LogRange *list = g_new(LogRange, n + 1);
    for (unsigned i = 0; i < n; i++) {
        if (!log_parse_range(parts[i], &list[i])) {
            rhea_error_set(err, "Bad range specifier '%s' (expected A..B, A+LEN or A-LEN)",
                           parts[i]);
            return false;
        }
    }
    if (n == 0) {
        rhea_error_set(err, "Bad range specifier");
        return false;
    }
    g_free(log_ranges);
    log_ranges = g_steal_pointer(&list);
    log_range_count = n;
    return true;
}

bool rhea_log_in_filter(uint64_t pc)
{
    if (!log_range_count) {
        return true;
    }
    for (unsigned i = 0; i < log_range_count; i++) {
        if (pc >= log_ranges[i].first && pc <= log_ranges[i].last) {
            return true;
        }
    }
    return false;
}

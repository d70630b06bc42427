/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The human monitor: a line editor on a character device and a table of commands.
 *
 * A command is a row: names, what follows, help, function. Its function gets the rest of the line
 * and prints with mon_printf(). "info" has a table of its own of the same form. Everything runs in
 * the main loop's thread; commands that look into vCPUs pause them.
 *
 * Test: tests/qmp/ (qmp/monitor)
 */
#include "monitor-link.h"
#include "vl.h"
#include "softmmu/softmmu-config.h"
#include "accel/accel.h"
#include "hw/balloon.h"
#include "hw/device.h"
#include "io/input.h"
#include "rhea/log.h"
#include "softmmu/loader.h"
#include "softmmu/memory.h"
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define PROMPT      "(qemu) "
#define EDIT_MAX    4095u
#define HISTORY_MAX 64u
#define EXPR_DEPTH  64u
#define DUMP_MAX    (1u << 20)

typedef struct Monitor {
    Machine *m;
    MonitorLink link;
    bool greeted, quitting;
    bool capture; /* what is printed stays in link.out */
    GString *line;
    unsigned cursor;
    GPtrArray *history; /* char *, the newest last */
    unsigned recall;    /* index in history; its length: the new line */
    enum { KEY_PLAIN, KEY_ESC, KEY_CSI, KEY_SS3 } key;
    unsigned key_arg;
    unsigned cpu;    /* "cpu" command */
    uint8_t buttons; /* "mouse_button" command */
    char dump_format;
    unsigned dump_size;
} Monitor;

typedef struct MonitorCommand {
    const char *names; /* "quit|q" */
    const char *args;  /* what help shows */
    const char *help;
    void (*run)(Monitor *mon, const char *rest);
    bool takes_args;
} MonitorCommand;

/* --- output ---------------------------------------------------------------------------------- */

static void mon_flush(Monitor *mon)
{
    if (mon->capture) {
        return;
    }
    monitor_link_flush(&mon->link);
}

/* Raw bytes. */
static void mon_put(Monitor *mon, const char *text, size_t len)
{
    g_string_append_len(mon->link.out, text, len);
    mon_flush(mon);
}

static void mon_write(Monitor *mon, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n' && !mon->capture) {
            g_string_append_c(mon->link.out, '\r');
        }
        g_string_append_c(mon->link.out, *text);
    }
    mon_flush(mon);
}

static void G_GNUC_PRINTF(2, 3) mon_printf(Monitor *mon, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    mon_write(mon, text);
}

static void mon_error(Monitor *mon, const char *command, const char *what)
{
    mon_printf(mon, "%s\nTry \"help %s\" for more information\n", what, command);
}

/* Text that a function prints to a FILE. */
typedef struct MonitorFile {
    FILE *f;
    char *text;
    size_t size;
} MonitorFile;

static void mon_file_begin(MonitorFile *o)
{
    o->f = open_memstream(&o->text, &o->size);
}

static void mon_file_end(Monitor *mon, MonitorFile *o)
{
    fclose(o->f);
    mon_write(mon, o->text);
    free(o->text);
}

/* --- vCPUs ----------------------------------------------------------------------------------- */

static CPU *mon_cpu(Monitor *mon)
{
    return mon->m->accel && mon->cpu < accel_cpu_count(mon->m->accel)
               ? accel_cpu(mon->m->accel, mon->cpu)
               : NULL;
}

/* Between these two the vCPUs stand still. */
static bool mon_pause(Monitor *mon)
{
    bool running = machine_phase(mon->m) == RUN_RUNNING && mon->m->accel;
    if (running) {
        accel_pause_all(mon->m->accel);
    }
    return running;
}

static void mon_resume(Monitor *mon, bool was_running)
{
    if (was_running) {
        accel_resume_all(mon->m->accel);
    }
}

/* --- expressions: numbers, $pc, + - * / % & | ^ ~ and parentheses --------------------------------
 */

typedef struct Expr {
    Monitor *mon;
    const char *p;
    const char *error;
    unsigned depth; /* of nesting, at most EXPR_DEPTH */
} Expr;

static int64_t expr_sum(Expr *e);

static void expr_space(Expr *e)
{
    e->p += strspn(e->p, " \t");
}

static int64_t expr_register(Expr *e)
{
    size_t n = 0;
    while (g_ascii_isalnum(e->p[n]) || e->p[n] == '_') {
        n++;
    }
    CPU *cpu = mon_cpu(e->mon);
    bool pc = n == 2 && !strncmp(e->p, "pc", 2);
    e->p += n;
    if (!pc || !cpu) {
        e->error = pc ? "there is no CPU" : "unknown register";
        return 0;
    }
    bool running = mon_pause(e->mon);
    uint64_t value = cpu->env->pc;
    mon_resume(e->mon, running);
    return value;
}

static int64_t expr_unary(Expr *e);

static int64_t expr_operand(Expr *e)
{
    expr_space(e);
    switch (*e->p) {
    case 0:
        e->error = "unexpected end of expression";
        return 0;
    case '+':
        e->p++;
        return expr_unary(e);
    case '-':
        e->p++;
        return -(uint64_t)expr_unary(e);
    case '~':
        e->p++;
        return ~expr_unary(e);
    case '$':
        e->p++;
        return expr_register(e);
    case '(': {
        e->p++;
        int64_t v = expr_sum(e);
        expr_space(e);
        if (!e->error && *e->p != ')') {
            e->error = "')' expected";
        }
        e->p += !e->error;
        return v;
    }
    default: {
        char *end;
        uint64_t v = g_ascii_strtoull(e->p, &end, 0);
        if (end == e->p) {
            e->error = "invalid char in expression";
        }
        e->p = end;
        return v;
    }
    }
}

static int64_t expr_unary(Expr *e)
{
    if (e->depth == EXPR_DEPTH) {
        e->error = "expression too complex";
        return 0;
    }
    e->depth++;
    int64_t v = expr_operand(e);
    e->depth--;
    return v;
}

static int64_t expr_product(Expr *e)
{
    uint64_t v = expr_unary(e);
    for (expr_space(e); !e->error && *e->p && strchr("*/%", *e->p); expr_space(e)) {
        char op = *e->p++;
        int64_t w = expr_unary(e);
        if (op == '*') {
            v *= w;
        } else if (w == 0) {
            e->error = "division by zero";
        } else if (w == -1) {
            v = op == '/' ? -v : 0;
        } else {
            v = op == '/' ? (int64_t)v / w : (int64_t)v % w;
        }
    }
    return v;
}

static int64_t expr_logic(Expr *e)
{
    uint64_t v = expr_product(e);
    for (expr_space(e); !e->error && *e->p && strchr("&|^", *e->p); expr_space(e)) {
        char op = *e->p++;
        uint64_t w = expr_product(e);
        v = op == '&' ? v & w : op == '|' ? v | w : v ^ w;
    }
    return v;
}

static int64_t expr_sum(Expr *e)
{
    uint64_t v = expr_logic(e);
    for (expr_space(e); !e->error && *e->p && strchr("+-", *e->p); expr_space(e)) {
        bool minus = *e->p++ == '-';
        uint64_t w = expr_logic(e);
        v = minus ? v - w : v + w;
    }
    return v;
}

/* The whole of text. */
static bool mon_expr(Monitor *mon, const char *command, const char *text, uint64_t *out)
{
    Expr e = {.mon = mon, .p = text};
    *out = expr_sum(&e);
    expr_space(&e);
    if (!e.error && *e.p) {
        e.error = "extraneous characters at the end of line";
    }
    if (e.error) {
        mon_error(mon, command, e.error);
    }
    return !e.error;
}

/* --- x, xp, print ------------------------------------------------------------------------------
 */

typedef struct DumpFormat {
    unsigned count;
    char format;
    unsigned size;
} DumpFormat;

/* "/fmt" in front of rest, if there is one: count, format letter, size letter. */
static bool mon_take_format(Monitor *mon, const char *command, const char **rest, DumpFormat *f)
{
    *f = (DumpFormat){1, mon->dump_format, mon->dump_size};
    if (**rest != '/') {
        return true;
    }
    const char *p = *rest + 1;
    if (g_ascii_isdigit(*p)) {
        char *end;
        f->count = MIN(g_ascii_strtoull(p, &end, 10), DUMP_MAX);
        p = end;
    }
    for (; *p && *p != ' ' && *p != '\t'; p++) {
        static const char sizes[] = "bhwg";
        const char *s = strchr(sizes, *p);
        if (s) {
            f->size = 1u << (s - sizes);
        } else if (strchr("xduoci", *p)) {
            f->format = *p;
        } else {
            g_autofree char *what = g_strdup_printf("invalid char in format: '%c'", *p);
            mon_error(mon, command, what);
            return false;
        }
    }
    *rest = p + strspn(p, " \t");
    if (f->format != 'i') {
        mon->dump_size = f->size;
    }
    mon->dump_format = f->format;
    return true;
}

/* Memory only: looking must not touch devices. */
static bool mon_read_physical(Monitor *mon, uint64_t addr, uint8_t *buf, uint64_t len)
{
    while (len && mon->m->as) {
        MemSection s;
        memory_lookup(mon->m->as, addr, &s);
        if (!s.host) {
            return false;
        }
        uint64_t n = MIN(len, s.len);
        memcpy(buf, s.host, n);
        buf += n;
        addr += n;
        len -= n;
    }
    return !len;
}

static bool mon_read(Monitor *mon, bool physical, uint64_t addr, uint8_t *buf, uint64_t len)
{
    CPU *cpu = mon_cpu(mon);
    while (len && !physical) {
        uint64_t at, n = MIN(len, MEM_PAGE_SIZE - addr % MEM_PAGE_SIZE);
        if (!cpu || !cpu->target->debug_translate ||
            !cpu->target->debug_translate(cpu, addr, &at) || !mon_read_physical(mon, at, buf, n)) {
            return false;
        }
        buf += n;
        addr += n;
        len -= n;
    }
    return physical ? mon_read_physical(mon, addr, buf, len) : true;
}

static uint64_t little_endian(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

static void mon_print_char(Monitor *mon, uint8_t c)
{
    if (c == '\'' || c == '\\') {
        mon_printf(mon, "'\\%c'", c);
    } else if (c >= 0x20 && c < 0x7f) {
        mon_printf(mon, "'%c'", c);
    } else {
        mon_printf(mon, "'\\x%02x'", c);
    }
}

/* Columns are as wide as the largest number of the size needs. */
static void mon_print_value(Monitor *mon, char format, unsigned size, uint64_t v)
{
    unsigned bits = size * 8, decimal = (bits * 10 + 32) / 33, octal = (bits + 2) / 3;
    int64_t s = size == 8 ? (int64_t)v : (int64_t)(v << (64 - bits)) >> (64 - bits);
    switch (format) {
    case 'd':
        mon_printf(mon, "%*" G_GINT64_FORMAT, decimal, s);
        break;
    case 'u':
        mon_printf(mon, "%*" G_GUINT64_FORMAT, decimal, v);
        break;
    case 'o':
        mon_printf(mon, "0%*" G_GINT64_MODIFIER "o", octal, v);
        break;
    case 'c':
        mon_print_char(mon, v);
        break;
    default:
        mon_printf(mon, "0x%0*" G_GINT64_MODIFIER "x", size * 2, v);
    }
}

static void mon_dump_instructions(Monitor *mon, uint64_t addr, unsigned count, bool physical)
{
    CPU *cpu = mon_cpu(mon);
    if (!cpu || !cpu->target->disas) {
        mon_printf(mon, "there is no disassembler\n");
        return;
    }
    while (count--) {
        uint8_t code[16];
        unsigned have = sizeof(code);
        g_autoptr(GString) text = g_string_new(NULL);
        while (have && !mon_read(mon, physical, addr, code, have)) {
            have--;
        }
        unsigned n = have ? cpu->target->disas(cpu, addr, code, have, text) : 0;
        if (!n) {
            mon_printf(mon, "0x%08" G_GINT64_MODIFIER "x: Cannot access memory\n", addr);
            return;
        }
        mon_printf(mon, "0x%08" G_GINT64_MODIFIER "x:  %s%s", addr, text->str,
                   g_str_has_suffix(text->str, "\n") ? "" : "\n");
        addr += n;
    }
}

static void mon_dump(Monitor *mon, const char *command, const char *rest, bool physical)
{
    DumpFormat f;
    uint64_t addr;
    uint8_t line[16];
    if (!mon_take_format(mon, command, &rest, &f) || !mon_expr(mon, command, rest, &addr)) {
        return;
    }
    bool running = mon_pause(mon);
    if (f.format == 'i') {
        mon_dump_instructions(mon, addr, f.count, physical);
        mon_resume(mon, running);
        return;
    }
    f.size = f.format == 'c' ? 1 : f.size;
    for (uint64_t left = (uint64_t)f.count * f.size; left;) {
        unsigned n = MIN(left, sizeof(line));
        mon_printf(mon,
                   "%0*" G_GINT64_MODIFIER "x:", physical || mon->m->target->bits == 32 ? 8 : 16,
                   addr);
        if (!mon_read(mon, physical, addr, line, n)) {
            mon_printf(mon, " Cannot access memory\n");
            break;
        }
        for (unsigned i = 0; i < n; i += f.size) {
            mon_write(mon, " ");
            mon_print_value(mon, f.format, f.size, little_endian(line + i, f.size));
        }
        mon_write(mon, "\n");
        addr += n;
        left -= n;
    }
    mon_resume(mon, running);
}

static void cmd_x(Monitor *mon, const char *rest)
{
    mon_dump(mon, "x", rest, false);
}

static void cmd_xp(Monitor *mon, const char *rest)
{
    mon_dump(mon, "xp", rest, true);
}

static void cmd_print(Monitor *mon, const char *rest)
{
    DumpFormat f;
    uint64_t v;
    bool formatted = *rest == '/';
    if (!mon_take_format(mon, "print", &rest, &f) || !mon_expr(mon, "print", rest, &v)) {
        return;
    }
    switch (formatted ? f.format : 'd') {
    case 'x':
        mon_printf(mon, "0x%" G_GINT64_MODIFIER "x\n", v);
        break;
    case 'u':
        mon_printf(mon, "%" G_GUINT64_FORMAT "\n", v);
        break;
    case 'o':
        mon_printf(mon, "0%" G_GINT64_MODIFIER "o\n", v);
        break;
    case 'c':
        mon_print_char(mon, v);
        mon_write(mon, "\n");
        break;
    default:
        mon_printf(mon, "%" G_GINT64_FORMAT "\n", (int64_t)v);
    }
}

/* --- other commands ----------------------------------------------------------------------------
 */

static void cmd_quit(Monitor *mon, const char *rest)
{
    mon->quitting = true;
    machine_request_shutdown(mon->m, SHUTDOWN_HOST_QUIT, 0);
}

static void cmd_stop(Monitor *mon, const char *rest)
{
    machine_request_stop(mon->m, RUN_PAUSED);
    machine_settle(mon->m);
}

static void cmd_cont(Monitor *mon, const char *rest)
{
    if (machine_phase(mon->m) == RUN_SHUTDOWN || machine_phase(mon->m) == RUN_GUEST_PANICKED) {
        mon_printf(mon, "Error: Resetting the Virtual Machine is required\n");
        return;
    }
    machine_request_cont(mon->m);
    machine_settle(mon->m);
}

static void cmd_system_reset(Monitor *mon, const char *rest)
{
    machine_request_reset(mon->m, SHUTDOWN_HOST_RESET);
}

static void cmd_system_powerdown(Monitor *mon, const char *rest)
{
    machine_request_powerdown(mon->m);
}

static void cmd_cpu(Monitor *mon, const char *rest)
{
    uint64_t n;
    if (!mon_expr(mon, "cpu", rest, &n)) {
        return;
    }
    if (!mon->m->accel || n >= accel_cpu_count(mon->m->accel)) {
        mon_printf(mon, "invalid CPU index\n");
        return;
    }
    mon->cpu = n;
}

static void cmd_log(Monitor *mon, const char *rest)
{
    g_autoptr(GError) err = NULL;
    MonitorFile o;
    if (!strcmp(rest, "none")) {
        rhea_log_mask_bits = 0;
    } else if (!strcmp(rest, "help") || !strcmp(rest, "?")) {
        mon_file_begin(&o);
        rhea_log_print_items(o.f);
        mon_file_end(mon, &o);
    } else if (!rhea_log_set_items(rest, &err)) {
        mon_printf(mon, "Error: %s\n", err->message);
    }
}

static void cmd_send_break(Monitor *mon, const char *rest)
{
    Chardev *c = chardev_find(mon->m->chars, rest);
    if (c) {
        chardev_send_break(c);
    } else {
        mon_printf(mon, "Error: Chardev '%s' not found\n", rest);
    }
}

static void cmd_device_add(Monitor *mon, const char *rest)
{
    g_autoptr(GError) err = NULL;
    OptDict *opts = opt_parse(rest, "driver", &err);
    if (!opts || !device_add(mon->m, opts, &err)) {
        mon_printf(mon, "Error: %s\n", err->message);
    }
    if (opts) {
        opt_free(opts);
    }
}

static void cmd_device_del(Monitor *mon, const char *rest)
{
    g_autoptr(GError) err = NULL;
    if (!device_del(mon->m, rest, &err)) {
        mon_printf(mon, "Error: %s\n", err->message);
    }
}

static void cmd_balloon(Monitor *mon, const char *rest)
{
    g_autoptr(GError) err = NULL;
    uint64_t target;
    if (!opt_value_size("target", rest, 1 << 20, &target, &err) ||
        !balloon_set(mon->m, target, &err)) {
        mon_printf(mon, "Error: %s\n", err->message);
    }
}

/* ctrl-alt-f1 [hold_ms] */
static void cmd_sendkey(Monitor *mon, const char *rest)
{
    g_auto(GStrv) words = g_strsplit(rest, " ", 2);
    uint64_t hold = 0;
    g_autoptr(GError) err = NULL;
    if (!words[0] || !*words[0]) {
        mon_printf(mon, "sendkey: string expected\n");
        return;
    }
    if (words[1] && !opt_value_u64("hold-time", g_strstrip(words[1]), &hold, &err)) {
        mon_printf(mon, "Error: %s\n", err->message);
        return;
    }
    g_auto(GStrv) names = g_strsplit(words[0], "-", 0);
    g_autofree uint16_t *keys = g_new(uint16_t, g_strv_length(names));
    unsigned n = 0;
    for (; names[n]; n++) {
        /* "<" is how the key is written, too. */
        keys[n] = input_key_find(!strcmp(names[n], "<") ? "less" : names[n]);
        if (!keys[n]) {
            mon_printf(mon, "invalid parameter: %s\n", names[n]);
            return;
        }
    }
    if (n > INPUT_KEYS_MAX) {
        mon_printf(mon, "sendkey: at most %u keys\n", INPUT_KEYS_MAX);
        return;
    }
    input_type_keys(mon->m, keys, n, MIN(hold, UINT32_MAX));
}

/* Up to `max` signed numbers; how many there were, or -1 after a message. */
static int mon_numbers(Monitor *mon, const char *command, const char *rest, int64_t *out, int max)
{
    g_auto(GStrv) words = g_strsplit_set(rest, " ", -1);
    g_autoptr(GError) err = NULL;
    int n = 0;
    for (unsigned i = 0; words[i]; i++) {
        if (!*words[i]) {
            continue;
        }
        if (n == max) {
            mon_printf(mon, "%s: extraneous characters at the end of line\n", command);
            return -1;
        }
        if (!opt_value_i64(command, words[i], &out[n++], &err)) {
            mon_printf(mon, "Error: %s\n", err->message);
            return -1;
        }
    }
    return n;
}

static void mon_button(Monitor *mon, InputButton button, bool down)
{
    input_send(mon->m, &(InputEvent){INPUT_BUTTON, button, down});
}

static void cmd_mouse_move(Monitor *mon, const char *rest)
{
    int64_t v[3] = {0, 0, 0};
    int n = mon_numbers(mon, "mouse_move", rest, v, 3);
    if (n < 2) {
        if (n >= 0) {
            mon_printf(mon, "mouse_move: string expected\n");
        }
        return;
    }
    for (InputAxis a = INPUT_X; a <= INPUT_Y; a++) {
        input_send(mon->m, &(InputEvent){INPUT_REL, a, CLAMP(v[a], INT32_MIN, INT32_MAX)});
    }
    input_sync(mon->m);
    if (v[2]) {
        InputButton wheel = v[2] > 0 ? INPUT_WHEEL_UP : INPUT_WHEEL_DOWN;
        mon_button(mon, wheel, true);
        input_sync(mon->m);
        mon_button(mon, wheel, false);
        input_sync(mon->m);
    }
}

static void cmd_mouse_button(Monitor *mon, const char *rest)
{
    static const InputButton buttons[] = {INPUT_LEFT, INPUT_RIGHT, INPUT_MIDDLE};
    int64_t state;
    if (mon_numbers(mon, "mouse_button", rest, &state, 1) == 1) {
        for (unsigned i = 0; i < G_N_ELEMENTS(buttons); i++) {
            if ((state ^ mon->buttons) >> i & 1) {
                mon_button(mon, buttons[i], state >> i & 1);
            }
        }
        mon->buttons = state;
        input_sync(mon->m);
    }
}

static void cmd_mouse_set(Monitor *mon, const char *rest)
{
    int64_t n;
    if (mon_numbers(mon, "mouse_set", rest, &n, 1) == 1 &&
        (n < 0 || n > UINT32_MAX || !input_pointer_choose(mon->m, n))) {
        mon_printf(mon, "Error: Mouse at index '%" PRId64 "' not found\n", n);
    }
}

static void cmd_help(Monitor *mon, const char *rest);
static void cmd_info(Monitor *mon, const char *rest);

/* --- info ----------------------------------------------------------------------------------------
 */

static void info_status(Monitor *mon, const char *rest)
{
    mon_printf(mon, "VM status: %s\n", machine_phase_name(mon->m));
}

static void info_balloon(Monitor *mon, const char *rest)
{
    g_autoptr(GError) err = NULL;
    BalloonInfo info;
    if (!balloon_info(mon->m, &info, &err)) {
        mon_printf(mon, "Error: %s\n", err->message);
        return;
    }
    mon_printf(mon, "balloon: actual=%" PRIu64 "\n", info.actual >> 20);
}

static void info_mice(Monitor *mon, const char *rest)
{
    unsigned number, i;
    const char *name;
    bool absolute;
    for (i = 0; input_pointer_at(mon->m, i, &number, &name, &absolute); i++) {
        mon_printf(mon, "%c Mouse #%u: %s%s\n", i ? ' ' : '*', number, name,
                   absolute ? " (absolute)" : "");
    }
    if (i == 0) {
        mon_printf(mon, "No mouse devices connected\n");
    }
}

static void info_version(Monitor *mon, const char *rest)
{
    mon_printf(mon, RHEA_VERSION "\n");
}

static void info_name(Monitor *mon, const char *rest)
{
    if (mon->m->name) {
        mon_printf(mon, "%s\n", mon->m->name);
    }
}

static void info_uuid(Monitor *mon, const char *rest)
{
    for (unsigned i = 0; i < 16; i++) {
        mon_printf(mon, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                   mon->m->uuid[i]);
    }
    mon_write(mon, "\n");
}

static void info_chardev(Monitor *mon, const char *rest)
{
    Chardev *c;
    for (unsigned i = 0; (c = chardev_at(mon->m->chars, i)); i++) {
        if (chardev_is_mux(c)) {
            mon_printf(mon, "%s: filename=mux\n%s-base: filename=%s\n", chardev_id(c),
                       chardev_id(c), chardev_filename(c));
        } else {
            mon_printf(mon, "%s: filename=%s\n", chardev_id(c), chardev_filename(c));
        }
    }
}

static void info_roms(Monitor *mon, const char *rest)
{
    MonitorFile o;
    mon_file_begin(&o);
    loader_print_roms(mon->m, o.f);
    mon_file_end(mon, &o);
}

static void info_mtree(Monitor *mon, const char *rest)
{
    if (mon->m->as) {
        g_autofree char *text = memory_dump(mon->m->as);
        mon_printf(mon, "address-space: memory\n%s\n", text);
    }
}

static void info_qtree(Monitor *mon, const char *rest)
{
    MonitorFile o;
    mon_file_begin(&o);
    device_print_tree(mon->m, o.f);
    mon_file_end(mon, &o);
}

static void info_cpus(Monitor *mon, const char *rest)
{
    unsigned n = mon->m->accel ? accel_cpu_count(mon->m->accel) : 0;
    for (unsigned i = 0; i < n; i++) {
        mon_printf(mon, "%c CPU #%u:%s\n", i == mon->cpu ? '*' : ' ', i,
                   accel_cpu(mon->m->accel, i)->halted ? " (halted)" : "");
    }
}

static void info_registers(Monitor *mon, const char *rest)
{
    unsigned n = mon->m->accel ? accel_cpu_count(mon->m->accel) : 0;
    bool all = !strcmp(rest, "-a");
    uint64_t index = mon->cpu;
    MonitorFile o;
    if (*rest && !all && !mon_expr(mon, "info registers", rest, &index)) {
        return;
    }
    if (!all && index >= n) {
        mon_printf(mon, "%s\n", *rest ? "CPU#N not available" : "No CPU available");
        return;
    }
    bool running = mon_pause(mon);
    mon_file_begin(&o);
    for (unsigned i = all ? 0 : index; i < (all ? n : index + 1); i++) {
        CPU *cpu = accel_cpu(mon->m->accel, i);
        fprintf(o.f, "\nCPU#%u\n", i);
        if (cpu->target->dump_state) {
            cpu->target->dump_state(cpu, o.f);
        }
    }
    mon_resume(mon, running);
    mon_file_end(mon, &o);
}

static void info_jit(Monitor *mon, const char *rest)
{
    MonitorFile o;
    if (!mon->m->accel) {
        return;
    }
    mon_file_begin(&o);
    accel_print_stats(mon->m->accel, o.f);
    mon_file_end(mon, &o);
}

static void info_history(Monitor *mon, const char *rest)
{
    for (unsigned i = 0; i < mon->history->len; i++) {
        mon_printf(mon, "%u: '%s'\n", i, (char *)g_ptr_array_index(mon->history, i));
    }
}

/* --- tables --------------------------------------------------------------------------------------
 */

static const MonitorCommand commands[] = {
    {"balloon", "target", "request VM to change its memory allocation (in MB)", cmd_balloon, true},
    {"chardev-send-break", "id", "send a break on chardev", cmd_send_break, true},
    {"cont|c", "", "resume emulation", cmd_cont, false},
    {"cpu", "index", "set the default CPU", cmd_cpu, true},
    {"device_add", "driver[,prop=value][,...]", "add device, like -device on the command line",
     cmd_device_add, true},
    {"device_del", "device", "remove device", cmd_device_del, true},
    {"help|?", "[cmd]", "show the help", cmd_help, true},
    {"info", "[subcommand]", "show various information about the system state", cmd_info, true},
    {"log", "item1[,...]", "activate logging of the specified items", cmd_log, true},
    {"mouse_button", "state", "change mouse button state (1=L, 2=R, 4=M)", cmd_mouse_button, true},
    {"mouse_move", "dx dy [dz]", "send mouse move events", cmd_mouse_move, true},
    {"mouse_set", "index", "set which mouse device receives events", cmd_mouse_set, true},
    {"print|p", "/fmt expr", "print expression value (use $reg for CPU register access)", cmd_print,
     true},
    {"quit|q", "", "quit the emulator", cmd_quit, false},
    {"sendkey", "keys [hold_ms]",
     "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)", cmd_sendkey,
     true},
    {"stop|s", "", "stop emulation", cmd_stop, false},
    {"system_powerdown", "", "send system power down event", cmd_system_powerdown, false},
    {"system_reset", "", "reset the system", cmd_system_reset, false},
    {"x", "/fmt addr", "virtual memory dump starting at 'addr'", cmd_x, true},
    {"xp", "/fmt addr", "physical memory dump starting at 'addr'", cmd_xp, true},
};

static const MonitorCommand infos[] = {
    {"balloon", "", "show balloon information", info_balloon, false},
    {"chardev", "", "show the character devices", info_chardev, false},
    {"cpus", "", "show infos for each CPU", info_cpus, false},
    {"history", "", "show the command line history", info_history, false},
    {"jit", "", "show dynamic compiler info", info_jit, false},
    {"mice", "", "show which guest mouse is receiving events", info_mice, false},
    {"mtree", "", "show memory map", info_mtree, false},
    {"name", "", "show the current VM name", info_name, false},
    {"qtree", "", "show device tree", info_qtree, false},
    {"registers", "[-a|vcpu]", "show the cpu registers (-a: of all cpus)", info_registers, true},
    {"roms", "", "show roms", info_roms, false},
    {"status", "", "show the current VM status (running|paused)", info_status, false},
    {"uuid", "", "show the current VM UUID", info_uuid, false},
    {"version", "", "show the version of rhea", info_version, false},
};

static bool name_matches(const char *names, const char *word, size_t len)
{
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, "|");
        if (n == len && !strncmp(p, word, n)) {
            return true;
        }
        p += n + (p[n] == '|');
    }
    return false;
}

static const MonitorCommand *command_find(const MonitorCommand *table, unsigned n, const char *word,
                                          size_t len)
{
    for (unsigned i = 0; i < n; i++) {
        if (name_matches(table[i].names, word, len)) {
            return &table[i];
        }
    }
    return NULL;
}

static void command_help(Monitor *mon, const char *prefix, const MonitorCommand *c)
{
    mon_printf(mon, "%s%s %s -- %s\n", prefix, c->names, c->args, c->help);
}

static void cmd_help(Monitor *mon, const char *rest)
{
    size_t len = strcspn(rest, " \t");
    const MonitorCommand *c = command_find(commands, G_N_ELEMENTS(commands), rest, len);
    if (!strncmp(rest, "info ", 5)) {
        rest += 4 + strspn(rest + 4, " \t");
        c = command_find(infos, G_N_ELEMENTS(infos), rest, strcspn(rest, " \t"));
        if (c) {
            command_help(mon, "info ", c);
        }
    } else if (!strcmp(rest, "info")) {
        cmd_info(mon, "");
    } else if (*rest && c) {
        command_help(mon, "", c);
    } else if (*rest) {
        mon_printf(mon, "unknown command: '%s'\n", rest);
    } else {
        for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
            command_help(mon, "", &commands[i]);
        }
    }
}

static void command_run(Monitor *mon, const MonitorCommand *table, unsigned n, const char *prefix,
                        const char *text)
{
    size_t len = strcspn(text, " \t/");
    const MonitorCommand *c = command_find(table, n, text, len);
    const char *rest = text + len + strspn(text + len, " \t");
    if (!c) {
        mon_printf(mon, "unknown command: '%s%.*s'\n", prefix, (int)strcspn(text, " \t"), text);
    } else if (*rest && !c->takes_args) {
        mon_printf(mon,
                   "%s%s: extraneous characters at the end of line\n"
                   "Try \"help %s%.*s\" for more information\n",
                   prefix, c->names, prefix, (int)strcspn(c->names, "|"), c->names);
    } else {
        c->run(mon, rest);
    }
}

static void cmd_info(Monitor *mon, const char *rest)
{
    if (*rest) {
        command_run(mon, infos, G_N_ELEMENTS(infos), "info ", rest);
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(infos); i++) {
        command_help(mon, "info ", &infos[i]);
    }
}

/* --- line editor
 * ----------------------------------------------------------------------------------- */

static void line_redraw(Monitor *mon)
{
    mon_printf(mon, "\r" PROMPT "%s\x1b[K", mon->line->str);
    if (mon->cursor < mon->line->len) {
        mon_printf(mon, "\x1b[%uD", (unsigned)mon->line->len - mon->cursor);
    }
}

static void line_replace(Monitor *mon, const char *text)
{
    g_string_assign(mon->line, text);
    mon->cursor = mon->line->len;
    line_redraw(mon);
}

static void line_insert(Monitor *mon, char c)
{
    if (mon->line->len >= EDIT_MAX) {
        return;
    }
    bool at_end = mon->cursor == mon->line->len;
    g_string_insert_c(mon->line, mon->cursor++, c);
    if (at_end) {
        mon_put(mon, &c, 1);
    } else {
        line_redraw(mon);
    }
}

static void line_erase(Monitor *mon, unsigned from, unsigned to)
{
    g_string_erase(mon->line, from, to - from);
    mon->cursor = from;
    line_redraw(mon);
}

static void line_recall(Monitor *mon, int step)
{
    unsigned to = mon->recall + step;
    if (to <= mon->history->len) {
        mon->recall = to;
        line_replace(mon, to < mon->history->len ? g_ptr_array_index(mon->history, to) : "");
    }
}

static void line_remember(Monitor *mon, const char *text)
{
    GPtrArray *h = mon->history;
    if (!h->len || strcmp(g_ptr_array_index(h, h->len - 1), text)) {
        if (h->len == HISTORY_MAX) {
            g_ptr_array_remove_index(h, 0);
        }
        g_ptr_array_add(h, g_strdup(text));
    }
}

static void line_enter(Monitor *mon)
{
    g_autofree char *text = g_strstrip(g_strdup(mon->line->str));
    mon_write(mon, "\n");
    g_string_truncate(mon->line, 0);
    mon->cursor = 0;
    if (*text) {
        line_remember(mon, text);
        command_run(mon, commands, G_N_ELEMENTS(commands), "", text);
    }
    mon->recall = mon->history->len;
    if (!mon->quitting) {
        mon_write(mon, PROMPT);
    }
}

static void line_move(Monitor *mon, unsigned to)
{
    if (to <= mon->line->len) {
        mon->cursor = to;
        line_redraw(mon);
    }
}

/* The only word that is completed is the first one. */
static void line_complete(Monitor *mon)
{
    const char *only = NULL;
    unsigned found = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (g_str_has_prefix(commands[i].names, mon->line->str)) {
            only = commands[i].names;
            found++;
        }
    }
    if (found == 1) {
        g_autofree char *text = g_strdup_printf("%.*s ", (int)strcspn(only, "|"), only);
        line_replace(mon, text);
    } else if (found && mon->line->len) {
        mon_write(mon, "\n");
        for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
            if (g_str_has_prefix(commands[i].names, mon->line->str)) {
                mon_printf(mon, "%.*s\n", (int)strcspn(commands[i].names, "|"), commands[i].names);
            }
        }
        line_redraw(mon);
    }
}

static void line_word_back(Monitor *mon)
{
    unsigned from = mon->cursor;
    while (from && mon->line->str[from - 1] == ' ') {
        from--;
    }
    while (from && mon->line->str[from - 1] != ' ') {
        from--;
    }
    line_erase(mon, from, mon->cursor);
}

#define CTRL(c) ((c)-64)

static void line_key(Monitor *mon, uint8_t c)
{
    switch (c) {
    case '\r':
    case '\n':
        line_enter(mon);
        break;
    case CTRL('A'):
        line_move(mon, 0);
        break;
    case CTRL('B'):
        line_move(mon, mon->cursor - 1);
        break;
    case CTRL('D'):
        if (mon->cursor < mon->line->len) {
            line_erase(mon, mon->cursor, mon->cursor + 1);
        }
        break;
    case CTRL('E'):
        line_move(mon, mon->line->len);
        break;
    case CTRL('F'):
        line_move(mon, mon->cursor + 1);
        break;
    case CTRL('H'):
    case 127:
        if (mon->cursor) {
            line_erase(mon, mon->cursor - 1, mon->cursor);
        }
        break;
    case '\t':
        line_complete(mon);
        break;
    case CTRL('K'):
        line_erase(mon, mon->cursor, mon->line->len);
        break;
    case CTRL('L'):
        mon_write(mon, "\x1b[2J\x1b[1;1H");
        line_redraw(mon);
        break;
    case CTRL('N'):
        line_recall(mon, 1);
        break;
    case CTRL('P'):
        line_recall(mon, -1);
        break;
    case CTRL('U'):
        line_erase(mon, 0, mon->cursor);
        break;
    case CTRL('W'):
        line_word_back(mon);
        break;
    default:
        if (c >= 0x20) {
            line_insert(mon, c);
        }
    }
}

static void line_escape(Monitor *mon, uint8_t c)
{
    static const struct {
        char final;
        unsigned arg;
        uint8_t key;
    } keys[] = {{'A', 0, CTRL('P')}, {'B', 0, CTRL('N')}, {'C', 0, CTRL('F')},
                {'D', 0, CTRL('B')}, {'H', 0, CTRL('A')}, {'F', 0, CTRL('E')},
                {'~', 1, CTRL('A')}, {'~', 3, CTRL('D')}, {'~', 4, CTRL('E')}};
    if (g_ascii_isdigit(c)) {
        mon->key_arg = (mon->key_arg * 10 + c - '0') % 1000;
        return;
    }
    mon->key = KEY_PLAIN;
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (keys[i].final == c && keys[i].arg == mon->key_arg) {
            line_key(mon, keys[i].key);
        }
    }
}

static void mon_byte(void *opaque, uint8_t c)
{
    Monitor *mon = opaque;
    switch (mon->key) {
    case KEY_PLAIN:
        if (c == 0x1b) {
            mon->key = KEY_ESC;
        } else {
            line_key(mon, c);
        }
        break;
    case KEY_ESC:
        mon->key_arg = 0;
        mon->key = c == '[' ? KEY_CSI : c == 'O' ? KEY_SS3 : KEY_PLAIN;
        break;
    default:
        line_escape(mon, c);
    }
}

/* --- front end
 * ------------------------------------------------------------------------------------- */

static void mon_greet(Monitor *mon)
{
    mon_printf(mon, "%srhea " RHEA_VERSION " monitor - type 'help' for more information\n" PROMPT,
               mon->greeted ? "\n" : "");
    mon->greeted = true;
}

static void mon_event(void *opaque, CharEvent event)
{
    Monitor *mon = opaque;
    bool mux = chardev_is_mux(mon->link.front.chr);
    switch (event) {
    case CHAR_EVENT_OPENED:
        if (!mux) {
            g_string_truncate(mon->line, 0);
            mon->cursor = 0;
            mon_greet(mon);
        }
        break;
    case CHAR_EVENT_CLOSED:
        g_string_truncate(mon->link.out, 0);
        break;
    case CHAR_EVENT_MUX_IN:
        if (mon->greeted) {
            line_redraw(mon);
        } else {
            mon_greet(mon);
        }
        break;
    default:
        break;
    }
}

static Monitor *mon_alloc(Machine *m)
{
    Monitor *mon = g_new0(Monitor, 1);
    mon->m = m;
    monitor_link_init(&mon->link);
    mon->link.byte = mon_byte;
    mon->link.event = mon_event;
    mon->link.opaque = mon;
    mon->line = g_string_new(NULL);
    mon->history = g_ptr_array_new_with_free_func(g_free);
    mon->dump_format = 'x';
    mon->dump_size = 4;
    return mon;
}

char *monitor_run(Machine *m, const char *command, unsigned cpu)
{
    Monitor *mon = mon_alloc(m);
    g_autofree char *text = g_strstrip(g_strdup(command));
    mon->capture = true;
    mon->cpu = cpu;
    if (*text) {
        command_run(mon, commands, G_N_ELEMENTS(commands), "", text);
    }
    char *answer = g_strdup(mon->link.out->str);
    monitor_free(mon);
    return answer;
}

bool monitor_new(Machine *m, Chardev *chr, GError **err)
{
    Monitor *mon = mon_alloc(m);
    if (!monitor_link_attach(&mon->link, chr, err)) {
        monitor_free(mon);
        return false;
    }
    g_ptr_array_add(m->monitors, mon);
    monitor_link_start(&mon->link);
    return true;
}

void monitor_free(struct Monitor *mon)
{
    monitor_link_end(&mon->link);
    g_string_free(mon->line, TRUE);
    g_ptr_array_free(mon->history, TRUE);
    g_free(mon);
}

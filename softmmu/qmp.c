/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: sessions, the commands about the machine as a whole, and their events. See qmp.h.
 *
 * A message ends with the brace that closes it; what is between messages is white space. Its
 * members come as flat keys (softmmu/opts.h), "arguments.X" being X of the command; "id" goes back
 * as the text it was. Output that the other side does not take yet waits in the session, which
 * reads nothing meanwhile.
 *
 * Test: tests/qmp/
 */
#include "qmp.h"
#include "accel/accel.h"
#include "hw/balloon.h"
#include "hw/device.h"
#include "softmmu/softmmu-config.h"
#include "vl.h"
#include <string.h>

#define MESSAGE_MAX (16u << 20)

/* The interface that tools see. */
#define VERSION                                                                                    \
    "{'qemu': {'micro': 3, 'minor': 1, 'major': 11}, 'package': 'rhea " RHEA_VERSION "'}"

typedef struct QmpSession {
    Qmp *q;
    CharFront front;
    GString *in, *out;
    unsigned depth;      /* braces and brackets that are open in `in` */
    bool string, escape; /* within a string, behind a backslash of it */
    bool skip;           /* nonsense: up to the end of the line */
    bool negotiated;
} QmpSession;

struct Qmp {
    Machine *m;
    GPtrArray *sessions;
    const char *error_class;
    bool running; /* what the last event said */
    unsigned resets;
    struct QmpBlock *block;
};

/* ---- JSON ---- */

static void json_quote(GString *s, const char *text)
{
    g_string_append_c(s, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            g_string_append_c(s, '\\');
        }
        if ((uint8_t)*text < 0x20) {
            g_string_append_printf(s, "\\u%04x", *text);
        } else {
            g_string_append_c(s, *text);
        }
    }
    g_string_append_c(s, '"');
}

void json_add(GString *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    for (; *fmt; fmt++) {
        const char *text;

        if (*fmt != '%') {
            g_string_append_c(s, *fmt == '\'' ? '"' : *fmt);
            continue;
        }
        switch (*++fmt) {
        case 's':
            text = va_arg(ap, const char *);
            if (text) {
                json_quote(s, text);
            } else {
                g_string_append(s, "null");
            }
            break;
        case 'd':
            g_string_append_printf(s, "%" G_GINT64_FORMAT, va_arg(ap, int64_t));
            break;
        case 'u':
            g_string_append_printf(s, "%" G_GUINT64_FORMAT, va_arg(ap, uint64_t));
            break;
        case 'b':
            g_string_append(s, va_arg(ap, int) ? "true" : "false");
            break;
        default:
            g_string_append(s, va_arg(ap, const char *));
        }
    }
    va_end(ap);
}

void json_comma(GString *s)
{
    if (s->len && s->str[s->len - 1] != '[') {
        g_string_append(s, ", ");
    }
}

/* The text of the member "id" of a message that is well formed; NULL: there is none. */
static char *id_text(const char *p)
{
    unsigned depth = 0;
    const char *key = NULL, *value = NULL;

    for (; *p; p++) {
        if (*p == '"') {
            const char *from = p++;

            while (*p != '"') {
                p += *p == '\\' ? 2 : 1;
            }
            key = depth == 1 && !value ? from : key;
        } else if (depth == 1 && *p == ':' && !value && key && g_str_has_prefix(key, "\"id\"")) {
            value = p + 1;
        } else if (value && depth == 1 && (*p == ',' || *p == '}')) {
            return g_strstrip(g_strndup(value, p - value));
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            depth--;
        }
    }
    return NULL;
}

/* ---- output ---- */

static void session_flush(QmpSession *s)
{
    g_string_erase(s->out, 0, char_write(&s->front, s->out->str, s->out->len));
}

static void session_say(QmpSession *s, const char *text)
{
    g_string_append(s->out, text);
    g_string_append(s->out, "\r\n");
    session_flush(s);
}

void qmp_event(Qmp *q, const char *name, const char *data)
{
    g_autoptr(GString) s = g_string_new(NULL);
    int64_t now = g_get_real_time();

    json_add(s, "{'timestamp': {'seconds': %d, 'microseconds': %d}, 'event': %s", now / 1000000,
             now % 1000000, name);
    if (data) {
        json_add(s, ", 'data': %r", data);
    }
    g_string_append_c(s, '}');
    for (unsigned i = 0; i < q->sessions->len; i++) {
        QmpSession *to = g_ptr_array_index(q->sessions, i);

        if (to->negotiated) {
            session_say(to, s->str);
        }
    }
}

void qmp_error_class(Qmp *q, const char *name)
{
    q->error_class = name;
}

Machine *qmp_machine(Qmp *q)
{
    return q->m;
}

struct QmpBlock **qmp_block(Qmp *q)
{
    return &q->block;
}

bool qmp_arg_bool(OptDict *a, const char *key, bool otherwise)
{
    opt_take_bool(a, key, &otherwise, NULL);
    return otherwise;
}

bool qmp_arg_u64(OptDict *a, const char *key, uint64_t *out, GError **err)
{
    if (opt_get(a, key) && !opt_value_u64(key, opt_get(a, key), out, NULL)) {
        rhea_error_set(err, "Invalid parameter type for '%s', expected: integer", key);
        return false;
    }
    return true;
}

/* ---- commands ---- */

static const QmpCommand commands[];

static void commands_list(GString *out, const QmpCommand *c)
{
    for (; c->name; c++) {
        json_comma(out);
        json_add(out, "{'name': %s}", c->name);
    }
}

static bool cmd_query_commands(Qmp *q, OptDict *a, GString *out, GError **err)
{
    g_string_append_c(out, '[');
    json_add(out, "{'name': 'qmp_capabilities'}");
    commands_list(out, commands);
    commands_list(out, qmp_block_commands);
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_query_version(Qmp *q, OptDict *a, GString *out, GError **err)
{
    json_add(out, VERSION);
    return true;
}

static bool cmd_query_status(Qmp *q, OptDict *a, GString *out, GError **err)
{
    static const char *const names[] = {
        [RUN_PRELAUNCH] = "prelaunch",
        [RUN_RUNNING] = "running",
        [RUN_PAUSED] = "paused",
        [RUN_SHUTDOWN] = "shutdown",
        [RUN_GUEST_PANICKED] = "guest-panicked",
        [RUN_INTERNAL_ERROR] = "internal-error",
        [RUN_IO_ERROR] = "io-error",
    };
    RunPhase p = machine_phase(q->m);

    json_add(out, "{'status': %s, 'running': %b}", names[p], p == RUN_RUNNING);
    return true;
}

static bool cmd_query_name(Qmp *q, OptDict *a, GString *out, GError **err)
{
    if (q->m->name) {
        json_add(out, "{'name': %s}", q->m->name);
    }
    return true;
}

static bool cmd_query_uuid(Qmp *q, OptDict *a, GString *out, GError **err)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               q->m->uuid[i]);
    }
    json_add(out, "{'UUID': %s}", text->str);
    return true;
}

static bool cmd_query_kvm(Qmp *q, OptDict *a, GString *out, GError **err)
{
    json_add(out, "{'enabled': %b, 'present': %b}", false, false);
    return true;
}

static bool cmd_query_target(Qmp *q, OptDict *a, GString *out, GError **err)
{
    json_add(out, "{'arch': %s}", q->m->target->name);
    return true;
}

static bool cmd_query_chardev(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Chardev *c;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (c = chardev_at(q->m->chars, i)); i++) {
        json_comma(out);
        json_add(out, "{'frontend-open': %b, 'filename': %s, 'label': %s}", true,
                 chardev_filename(c), chardev_id(c));
    }
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_stop(Qmp *q, OptDict *a, GString *out, GError **err)
{
    machine_request_stop(q->m, RUN_PAUSED);
    machine_settle(q->m);
    return true;
}

static bool cmd_cont(Qmp *q, OptDict *a, GString *out, GError **err)
{
    RunPhase p = machine_phase(q->m);

    if (p == RUN_SHUTDOWN || p == RUN_GUEST_PANICKED) {
        rhea_error_set(err, "Resetting the Virtual Machine is required");
        return false;
    }
    machine_request_cont(q->m);
    machine_settle(q->m);
    return true;
}

static bool cmd_quit(Qmp *q, OptDict *a, GString *out, GError **err)
{
    machine_request_shutdown(q->m, SHUTDOWN_HOST_QUIT, 0);
    return true;
}

static bool cmd_system_reset(Qmp *q, OptDict *a, GString *out, GError **err)
{
    machine_request_reset(q->m, SHUTDOWN_HOST_QUIT);
    return true;
}

static bool cmd_system_powerdown(Qmp *q, OptDict *a, GString *out, GError **err)
{
    machine_request_powerdown(q->m);
    return true;
}

static bool cmd_device_add(Qmp *q, OptDict *a, GString *out, GError **err)
{
    g_autoptr(OptDict) d = opt_new();
    const char *key, *value;

    for (unsigned i = 0; opt_at(a, i, &key, &value); i++) {
        opt_set(d, key, value);
    }
    return device_add(q->m, d, err) != NULL;
}

static bool cmd_device_del(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const char *id = opt_get(a, "id");

    if (!device_find(q->m, id)) {
        qmp_error_class(q, "DeviceNotFound");
        rhea_error_set(err, "Device '%s' not found", id);
        return false;
    }
    return device_del(q->m, id, err);
}

static bool cmd_balloon(Qmp *q, OptDict *a, GString *out, GError **err)
{
    uint64_t value = 0;

    if (!qmp_arg_u64(a, "value", &value, err)) {
        return false;
    }
    if (!balloon_set(q->m, value, err)) {
        qmp_error_class(q, "DeviceNotActive");
        return false;
    }
    return true;
}

static bool cmd_query_balloon(Qmp *q, OptDict *a, GString *out, GError **err)
{
    BalloonInfo info;

    if (!balloon_info(q->m, &info, err)) {
        qmp_error_class(q, "DeviceNotActive");
        return false;
    }
    json_add(out, "{'actual': %u}", info.actual);
    return true;
}

static bool cmd_hmp(Qmp *q, OptDict *a, GString *out, GError **err)
{
    g_autofree char *text = monitor_run(q->m, opt_get(a, "command-line"));

    json_add(out, "%s", text);
    return true;
}

static const QmpCommand commands[] = {
    {"balloon", "value", cmd_balloon},
    {"cont", "", cmd_cont},
    {"device_add", "driver bus? id? *", cmd_device_add},
    {"device_del", "id", cmd_device_del},
    {"human-monitor-command", "command-line cpu-index?", cmd_hmp},
    {"query-balloon", "", cmd_query_balloon},
    {"query-chardev", "", cmd_query_chardev},
    {"query-commands", "", cmd_query_commands},
    {"query-kvm", "", cmd_query_kvm},
    {"query-name", "", cmd_query_name},
    {"query-status", "", cmd_query_status},
    {"query-target", "", cmd_query_target},
    {"query-uuid", "", cmd_query_uuid},
    {"query-version", "", cmd_query_version},
    {"quit", "", cmd_quit},
    {"stop", "", cmd_stop},
    {"system_powerdown", "", cmd_system_powerdown},
    {"system_reset", "", cmd_system_reset},
    {0},
};

/* ---- a message ---- */

static const QmpCommand *command_find(const char *name)
{
    const QmpCommand *const tables[] = {commands, qmp_block_commands};

    for (unsigned i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (const QmpCommand *c = tables[i]; c->name; c++) {
            if (strcmp(c->name, name) == 0) {
                return c;
            }
        }
    }
    return NULL;
}

/* The arguments are those of the command's row. */
static bool args_check(const QmpCommand *c, const OptDict *a, GError **err)
{
    g_auto(GStrv) words = g_strsplit(c->args, " ", -1);
    bool more = false;
    const char *key, *value;

    for (unsigned i = 0; words[i]; i++) {
        size_t n = strlen(words[i]);

        if (!strcmp(words[i], "*")) {
            more = true;
        } else if (n && words[i][n - 1] == '?') {
            words[i][n - 1] = 0;
        } else if (n && !opt_get(a, words[i])) {
            rhea_error_set(err, "Parameter '%s' is missing", words[i]);
            return false;
        }
    }
    for (unsigned i = 0; !more && opt_at(a, i, &key, &value); i++) {
        g_autofree char *name = g_strndup(key, strcspn(key, "."));

        if (!g_strv_contains((const char *const *)words, name)) {
            rhea_error_set(err, "Parameter '%s' is unexpected", name);
            return false;
        }
    }
    return true;
}

static bool message_run(QmpSession *s, OptDict *d, GString *out, GError **err)
{
    const char *name = opt_get(d, "execute"), *key, *value;
    g_autoptr(OptDict) a = opt_new();

    name = name ? name : opt_get(d, "exec-oob");
    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        if (g_str_has_prefix(key, "arguments.")) {
            opt_set(a, key + 10, value);
        } else if (strcmp(key, "execute") && strcmp(key, "exec-oob") && strcmp(key, "id") &&
                   !g_str_has_prefix(key, "id.")) {
            rhea_error_set(err, "QMP input member '%s' is unexpected", key);
            return false;
        }
    }
    if (!name) {
        rhea_error_set(err, "QMP input lacks member 'execute'");
        return false;
    }
    if (!strcmp(name, "qmp_capabilities") && !s->negotiated) {
        s->negotiated = true;
        return true;
    }
    const QmpCommand *c = command_find(name);
    if (!s->negotiated || !c) {
        qmp_error_class(s->q, "CommandNotFound");
        if (s->negotiated && !strcmp(name, "qmp_capabilities")) {
            rhea_error_set(err, "Capabilities negotiation is already complete, command ignored");
        } else if (s->negotiated) {
            rhea_error_set(err, "The command %s has not been found", name);
        } else {
            rhea_error_set(err, "Expecting capabilities negotiation with 'qmp_capabilities'");
        }
        return false;
    }
    return args_check(c, a, err) && c->run(s->q, a, out, err);
}

static void session_answer(QmpSession *s, const char *id, GString *out, const GError *err)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (err) {
        json_add(text, "{'error': {'class': %s, 'desc': %s}", s->q->error_class, err->message);
    } else {
        json_add(text, "{'return': %r", out->len ? out->str : "{}");
    }
    if (id) {
        json_add(text, ", 'id': %r", id);
    }
    g_string_append_c(text, '}');
    session_say(s, text->str);
}

static void session_message(QmpSession *s)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *id = NULL, *text = g_strdup(s->in->str);
    g_autoptr(OptDict) d = opt_parse(text, NULL, &err);

    g_string_truncate(s->in, 0);
    s->q->error_class = "GenericError";
    if (d) {
        id = id_text(text);
        message_run(s, d, out, &err);
    } else {
        rhea_error_prefix(&err, "JSON parse error, ");
    }
    session_answer(s, id, out, err);
}

static void session_nonsense(QmpSession *s)
{
    g_autoptr(GError) err = NULL;

    s->q->error_class = "GenericError";
    rhea_error_set(&err, "JSON parse error, invalid text between messages, or a message too long");
    session_answer(s, NULL, NULL, err);
    g_string_truncate(s->in, 0);
    s->depth = 0;
    s->string = s->escape = false;
    s->skip = true;
}

static void session_byte(QmpSession *s, char c)
{
    if (s->skip) {
        s->skip = c != '\n';
        return;
    }
    if (s->depth == 0 && c != '{') {
        if (c && !strchr(" \t\r\n", c)) {
            session_nonsense(s);
        }
        return;
    }
    if (!c || s->in->len >= MESSAGE_MAX) {
        session_nonsense(s);
        return;
    }
    g_string_append_c(s->in, c);
    if (s->string) {
        s->string = s->escape || c != '"';
        s->escape = !s->escape && c == '\\';
    } else if (c == '"') {
        s->string = true;
    } else if (c == '{' || c == '[') {
        s->depth++;
    } else if ((c == '}' || c == ']') && --s->depth == 0) {
        session_message(s);
    }
}

/* ---- front end ---- */

static unsigned session_can_read(void *opaque)
{
    return ((QmpSession *)opaque)->out->len ? 0 : 4096;
}

static void session_read(void *opaque, const uint8_t *buf, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        session_byte(opaque, buf[i]);
    }
}

static void session_write_ready(void *opaque)
{
    QmpSession *s = opaque;

    session_flush(s);
    if (!s->out->len) {
        char_accept_input(&s->front);
    }
}

static void session_event(void *opaque, CharEvent event)
{
    QmpSession *s = opaque;

    if (event != CHAR_EVENT_OPENED && event != CHAR_EVENT_CLOSED) {
        return;
    }
    g_string_truncate(s->in, 0);
    g_string_truncate(s->out, 0);
    s->depth = 0;
    s->string = s->escape = s->skip = s->negotiated = false;
    if (event == CHAR_EVENT_OPENED) {
        g_autoptr(GString) text = g_string_new(NULL);

        json_add(text, "{'QMP': {'version': " VERSION ", 'capabilities': []}}");
        session_say(s, text->str);
    }
}

static const CharHandlers session_handlers = {
    .can_read = session_can_read,
    .read = session_read,
    .write_ready = session_write_ready,
    .event = session_event,
    .background = true,
};

static void session_free(gpointer opaque)
{
    QmpSession *s = opaque;

    char_detach(&s->front);
    g_string_free(s->in, TRUE);
    g_string_free(s->out, TRUE);
    g_free(s);
}

/* ---- life ---- */

static void run_changed(void *opaque, bool running)
{
    Qmp *q = opaque;

    if (running != q->running) {
        q->running = running;
        qmp_event(q, running ? "RESUME" : "STOP", NULL);
    }
}

/* The first one is the start. */
static void was_reset(void *opaque)
{
    Qmp *q = opaque;

    if (q->resets++ > 0) {
        qmp_event(q, "RESET", "{\"guest\": false, \"reason\": \"host-qmp-system-reset\"}");
    }
}

static void powerdown(void *opaque)
{
    qmp_event(opaque, "POWERDOWN", NULL);
}

bool qmp_new(Machine *m, Chardev *chr, GError **err)
{
    QmpSession *s = g_new0(QmpSession, 1);

    if (!char_attach(&s->front, chr, err)) {
        g_free(s);
        return false;
    }
    if (!m->qmp) {
        m->qmp = g_new0(Qmp, 1);
        m->qmp->m = m;
        m->qmp->sessions = g_ptr_array_new_with_free_func(session_free);
        machine_add_run_change(m, run_changed, m->qmp);
        machine_add_reset(m, was_reset, m->qmp);
        machine_add_powerdown(m, powerdown, m->qmp);
    }
    s->q = m->qmp;
    s->in = g_string_new(NULL);
    s->out = g_string_new(NULL);
    g_ptr_array_add(m->qmp->sessions, s);
    char_set_handlers(&s->front, &session_handlers, s);
    return true;
}

void qmp_end(Machine *m)
{
    static const char *const reasons[] = {
        [SHUTDOWN_NONE] = "host-error",
        [SHUTDOWN_HOST_ERROR] = "host-error",
        [SHUTDOWN_HOST_QUIT] = "host-qmp-quit",
        [SHUTDOWN_HOST_SIGNAL] = "host-signal",
        [SHUTDOWN_GUEST_POWEROFF] = "guest-shutdown",
        [SHUTDOWN_GUEST_RESET] = "guest-reset",
        [SHUTDOWN_GUEST_PANIC] = "guest-panic",
    };
    ShutdownCause cause = machine_end(m);
    Qmp *q = m->qmp;
    g_autoptr(GString) data = g_string_new(NULL);

    if (!q) {
        return;
    }
    json_add(data, "{'guest': %b, 'reason': %s}", cause >= SHUTDOWN_GUEST_POWEROFF, reasons[cause]);
    qmp_event(q, "SHUTDOWN", data->str);
    machine_remove_run_change(m, q);
    qmp_block_end(q);
    g_ptr_array_unref(q->sessions);
    g_free(q);
    m->qmp = NULL;
}

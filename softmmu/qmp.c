/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: sessions, the commands about the machine as a whole, and their events. See qmp.h.
 *
 * A message ends with the brace that closes it; what is between messages is white space. Its
 * members come as flat keys (softmmu/opts.h), "arguments.X" being X of the command; "id" goes back
 * as the text it was. What can be no message is answered by one error, and the next one begins with
 * the next line. Of events, which nobody asked for, there is a limit to what waits
 * (monitor-link.h).
 *
 * Test: tests/qmp/
 */
#include "qmp.h"
#include "monitor-link.h"
#include "qmp-block.h"
#include "softmmu/softmmu-config.h"
#include <string.h>

#define MESSAGE_MAX (16u << 20)
#define EVENTS_MAX  (1u << 20) /* bytes that wait for who does not read */

/* A byte that no JSON has: what came before it is forgotten. */
#define RESTART 0xff

/* The interface that tools see. */
#define VERSION                                                                                    \
    "{'qemu': {'micro': 3, 'minor': 1, 'major': 11}, 'package': 'rhea " RHEA_VERSION "'}"

typedef struct QmpSession {
    Qmp *q;
    MonitorLink link;
    GString *in;
    unsigned depth; /* braces and brackets that are open in `in` */
    char quote;     /* of the string it is in, or 0 */
    bool escape;    /* behind a backslash of it */
    bool skip;      /* nonsense: up to the end of the line */
    bool negotiated;
} QmpSession;

struct Qmp {
    Machine *m;
    GPtrArray *sessions;
    const char *error_class;
    bool running; /* what the last event said */
    struct QmpBlock *block;
};

/* ---- output ---- */

static void session_say(QmpSession *s, const char *text)
{
    g_string_append(s->link.out, text);
    g_string_append(s->link.out, "\r\n");
    monitor_link_flush(&s->link);
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

        if (to->negotiated && to->link.out->len < EVENTS_MAX) {
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

static bool cmd_query_commands(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const QmpCommand *c;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (c = qmp_command_at(i)); i++) {
        json_comma(out);
        json_add(out, "{'name': %s}", c->name);
    }
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_query_version(Qmp *q, OptDict *a, GString *out, GError **err)
{
    json_add(out, VERSION);
    return true;
}

static bool cmd_query_schema(Qmp *q, OptDict *a, GString *out, GError **err)
{
    qmp_schema_add(out);
    return true;
}

/* Only a session's first one does something: message_run(). */
static bool cmd_capabilities(Qmp *q, OptDict *a, GString *out, GError **err)
{
    qmp_error_class(q, "CommandNotFound");
    rhea_error_set(err, "Capabilities negotiation is already complete, command ignored");
    return false;
}

static const QmpCommand commands[] = {
    {"qmp_capabilities", "enable?:[QMPCapability]", NULL, cmd_capabilities},
    {"query-commands", "", "[CommandInfo]", cmd_query_commands},
    {"query-qmp-schema", "", "[SchemaInfo]", cmd_query_schema},
    {"query-version", "", "VersionInfo", cmd_query_version},
    {0},
};

const QmpCommand *qmp_command_at(unsigned i)
{
    const QmpCommand *const tables[] = {commands,         qmp_machine_commands,
                                        qmp_qom_commands, qmp_block_commands,
                                        qmp_job_commands, qmp_transaction_commands};

    for (unsigned t = 0; t < G_N_ELEMENTS(tables); t++) {
        for (const QmpCommand *c = tables[t]; c->name; c++) {
            if (i-- == 0) {
                return c;
            }
        }
    }
    return NULL;
}

/* ---- a message ---- */

static const QmpCommand *command_find(const char *name)
{
    const QmpCommand *c;

    for (unsigned i = 0; (c = qmp_command_at(i)); i++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

static gboolean key_is_not_of_message(const char *key, void *opaque)
{
    static const char *const keys[] = {"execute", "arguments", "id", NULL};
    g_autofree char *name = g_strndup(key, strcspn(key, "."));

    return *name && !g_strv_contains(keys, name);
}

static bool message_check(const OptDict *d, GError **err)
{
    g_autofree char *extra = opt_first_key(d, key_is_not_of_message, NULL);
    OptKind arguments = opt_kind(d, "arguments");

    if (opt_kind(d, "") != JSON_OBJECT) {
        rhea_error_set(err, "QMP input must be a JSON object");
    } else if (extra) {
        rhea_error_set(err, "QMP input member '%s' is unexpected", extra);
    } else if (arguments != JSON_ABSENT && arguments != JSON_OBJECT) {
        rhea_error_set(err, "QMP input member 'arguments' must be an object");
    } else if (opt_kind(d, "execute") == JSON_ABSENT) {
        rhea_error_set(err, "QMP input lacks member 'execute'");
    } else if (opt_kind(d, "execute") != JSON_STRING) {
        rhea_error_set(err, "QMP input member 'execute' must be a string");
    } else {
        return true;
    }
    return false;
}

static bool message_run(QmpSession *s, const OptDict *d, GString *out, GError **err)
{
    if (!message_check(d, err)) {
        return false;
    }
    const char *name = opt_get(d, "execute");
    const QmpCommand *c = command_find(name);
    bool begin = !s->negotiated && c && c->run == cmd_capabilities;
    if (!c || (!s->negotiated && !begin)) {
        qmp_error_class(s->q, "CommandNotFound");
        if (s->negotiated) {
            rhea_error_set(err, "The command %s has not been found", name);
        } else {
            rhea_error_set(err, "Expecting capabilities negotiation with 'qmp_capabilities'");
        }
        return false;
    }
    g_autoptr(OptDict) a = opt_sub(d, "arguments");
    if (!qmp_schema_check(c, a, err)) {
        return false;
    }
    if (begin && opt_get(a, "enable.0")) {
        rhea_error_set(err, "Capability '%s' not available", opt_get(a, "enable.0"));
        return false;
    }
    s->negotiated |= begin;
    return begin || c->run(s->q, a, out, err);
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

/* What came before is over. */
static void session_restart(QmpSession *s)
{
    if (s->in->allocated_len > EVENTS_MAX) {
        g_string_free(s->in, TRUE);
        s->in = g_string_new(NULL);
    }
    g_string_truncate(s->in, 0);
    s->depth = 0;
    s->quote = 0;
    s->escape = s->skip = false;
}

static void session_message(QmpSession *s)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *id = NULL;
    g_autoptr(OptDict) d = opt_parse_json(s->in->str, &err);

    session_restart(s);
    s->q->error_class = "GenericError";
    if (d) {
        id = opt_json(d, "id") ? json_strict(opt_json(d, "id")) : NULL;
        message_run(s, d, out, &err);
    }
    session_answer(s, id, out, err);
}

/* Up to the line's end; c: where it showed. */
static void session_nonsense(QmpSession *s, char c, const char *what)
{
    g_autoptr(GError) err = NULL;

    s->q->error_class = "GenericError";
    rhea_error_set(&err, "%s", what);
    session_answer(s, NULL, NULL, err);
    session_restart(s);
    s->skip = c != '\n' && (uint8_t)c != RESTART;
}

static void session_byte(void *opaque, uint8_t byte)
{
    QmpSession *s = opaque;
    char c = byte;

    if (s->skip) {
        s->skip = c != '\n' && (uint8_t)c != RESTART;
        return;
    }
    if ((uint8_t)c == RESTART || !c || (s->quote && (uint8_t)c < 0x20)) {
        session_nonsense(s, c, "JSON parse error, stray control character");
        return;
    }
    if (s->depth == 0 && c != '{' && c != '[') {
        if (!strchr(" \t\r\n", c)) {
            session_nonsense(s, c,
                             c == '"' || c == '-' || g_ascii_isdigit(c)
                                 ? "QMP input must be a JSON object"
                                 : "JSON parse error, expecting value");
        }
        return;
    }
    if (s->in->len >= MESSAGE_MAX) {
        session_nonsense(s, c, "JSON parse error, message too long");
        return;
    }
    g_string_append_c(s->in, c);
    if (s->quote) {
        s->quote = s->escape || c != s->quote ? s->quote : 0;
        s->escape = !s->escape && c == '\\';
    } else if (c == '"' || c == '\'') {
        s->quote = c;
    } else if (c == '{' || c == '[') {
        s->depth++;
    } else if ((c == '}' || c == ']') && --s->depth == 0) {
        session_message(s);
    }
}

/* ---- front end ---- */

static void session_event(void *opaque, CharEvent event)
{
    QmpSession *s = opaque;

    if (event != CHAR_EVENT_OPENED && event != CHAR_EVENT_CLOSED) {
        return;
    }
    session_restart(s);
    g_string_truncate(s->link.out, 0);
    s->negotiated = false;
    if (event == CHAR_EVENT_OPENED) {
        g_autoptr(GString) text = g_string_new(NULL);

        json_add(text, "{'QMP': {'version': " VERSION ", 'capabilities': []}}");
        session_say(s, text->str);
    }
}

static void session_free(gpointer opaque)
{
    QmpSession *s = opaque;

    monitor_link_end(&s->link);
    g_string_free(s->in, TRUE);
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

bool qmp_new(Machine *m, Chardev *chr, GError **err)
{
    QmpSession *s = g_new0(QmpSession, 1);

    monitor_link_init(&s->link);
    if (!monitor_link_attach(&s->link, chr, err)) {
        monitor_link_end(&s->link);
        g_free(s);
        return false;
    }
    if (!m->qmp) {
        m->qmp = g_new0(Qmp, 1);
        m->qmp->m = m;
        m->qmp->sessions = g_ptr_array_new_with_free_func(session_free);
        machine_add_run_change(m, run_changed, m->qmp);
    }
    s->q = m->qmp;
    s->in = g_string_new(NULL);
    s->link.byte = session_byte;
    s->link.event = session_event;
    s->link.opaque = s;
    g_ptr_array_add(m->qmp->sessions, s);
    monitor_link_start(&s->link);
    return true;
}

void qmp_end(Machine *m)
{
    Qmp *q = m->qmp;

    if (!q) {
        return;
    }
    machine_remove_run_change(m, q);
    qmp_block_end(q);
    m->qmp = NULL;
    g_ptr_array_unref(q->sessions);
    g_free(q);
}

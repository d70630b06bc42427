/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Option arguments: key=value lists, JSON (RFC 8259, with single-quoted strings as an extension),
 * scalars. See include/softmmu/opts.h for the rules. No state of its own; test:
 * tests/unit/test-opts.c.
 */
#include "softmmu/opts.h"
#include "softmmu/json.h"
#include <errno.h>
#include <string.h>

#define JSON_MAX_DEPTH 64

typedef struct Opt {
    char *key, *value;
    bool used;
} Opt;

/* A value of a JSON text, of whatever kind. */
typedef struct OptNode {
    OptKind kind;
    char *text; /* of members of the topmost object: the JSON itself */
} OptNode;

struct OptDict {
    GArray *opts;      /* Opt, in order; a key may be there more than once */
    GHashTable *nodes; /* key: OptNode *; NULL: it was no JSON */
    char *location;
    bool help;
};

static void opt_clear(void *p)
{
    Opt *o = p;
    g_free(o->key);
    g_free(o->value);
}

OptDict *opt_new(void)
{
    OptDict *d = g_new0(OptDict, 1);
    d->opts = g_array_new(FALSE, FALSE, sizeof(Opt));
    g_array_set_clear_func(d->opts, opt_clear);
    return d;
}

void opt_free(OptDict *d)
{
    if (d) {
        g_array_free(d->opts, TRUE);
        g_clear_pointer(&d->nodes, g_hash_table_unref);
        g_free(d->location);
        g_free(d);
    }
}

static Opt *opt_row(const OptDict *d, unsigned i)
{
    return &g_array_index(d->opts, Opt, i);
}

static Opt *opt_find(const OptDict *d, const char *key)
{
    for (unsigned i = d->opts->len; i-- > 0;) {
        if (!strcmp(opt_row(d, i)->key, key)) {
            return opt_row(d, i);
        }
    }
    return NULL;
}

/* Takes over both strings. */
static void opt_append(OptDict *d, char *key, char *value)
{
    Opt o = {.key = key, .value = value};
    g_array_append_val(d->opts, o);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void node_free(gpointer p)
{
    g_free(((OptNode *)p)->text);
    g_free(p);
}

static OptNode *node_add(OptDict *d, const char *key, OptKind kind)
{
    OptNode *n = g_new0(OptNode, 1);

    if (!d->nodes) {
        d->nodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_free);
    }
    n->kind = kind;
    g_hash_table_insert(d->nodes, g_strdup(key), n);
    return n;
}

static OptNode *node_find(const OptDict *d, const char *key)
{
    return d->nodes ? g_hash_table_lookup(d->nodes, key) : NULL;
}

typedef struct Json {
    const char *start, *p;
    OptDict *d;
    GError **err;
} Json;

static bool json_fail(Json *j, const char *what)
{
    unsigned line = 1, col = 1;
    for (const char *p = j->start; p < j->p; p++) {
        col++;
        if (*p == '\n') {
            line++;
            col = 1;
        }
    }
    if (!*j->p) {
        what = "premature end of input";
    }
    rhea_error_set(j->err, "%u:%u: JSON parse error, %s", line, col, what);
    return false;
}

static void json_space(Json *j)
{
    j->p += strspn(j->p, " \t\r\n");
}

static bool json_hex4(Json *j, unsigned *out)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(*j->p);
        if (digit < 0) {
            return json_fail(j, "invalid \\u escape");
        }
        v = v * 16 + digit;
        j->p++;
    }
    *out = v;
    return true;
}

static bool json_escape(Json *j, GString *s)
{
    static const char from[] = "\"'\\/bfnrt", to[] = "\"'\\/\b\f\n\r\t";
    char c = *j->p;
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        g_string_append_c(s, to[at - from]);
        j->p++;
        return true;
    }
    if (c != 'u') {
        return json_fail(j, "invalid escape");
    }
    j->p++;
    unsigned u = 0, low = 0;
    if (!json_hex4(j, &u)) {
        return false;
    }
    if (u >= 0xd800 && u < 0xdc00 && j->p[0] == '\\' && j->p[1] == 'u') {
        j->p += 2;
        if (!json_hex4(j, &low)) {
            return false;
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return json_fail(j, "invalid surrogate pair");
        }
        u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
    }
    if (u == 0 || (u >= 0xd800 && u < 0xe000)) {
        return json_fail(j, "invalid character in \\u escape");
    }
    g_string_append_unichar(s, u);
    return true;
}

static char *json_string(Json *j)
{
    char quote = *j->p++;
    g_autoptr(GString) s = g_string_new(NULL);
    while (*j->p != quote) {
        if ((unsigned char)*j->p < 0x20) {
            json_fail(j, "control character in string");
            return NULL;
        }
        if (*j->p == '\\') {
            j->p++;
            if (!json_escape(j, s)) {
                return NULL;
            }
        } else {
            g_string_append_c(s, *j->p++);
        }
    }
    j->p++;
    if (!g_utf8_validate(s->str, -1, NULL)) {
        json_fail(j, "invalid UTF-8 in string");
        return NULL;
    }
    return g_string_free(g_steal_pointer(&s), FALSE);
}

static bool json_value(Json *j, const char *key, unsigned depth);

static char *json_join(const char *key, const char *sub)
{
    return *key ? g_strconcat(key, ".", sub, NULL) : g_strdup(sub);
}

static bool json_object(Json *j, const char *key, unsigned depth)
{
    j->p++;
    json_space(j);
    if (*j->p == '}') {
        j->p++;
        return true;
    }
    for (;;) {
        json_space(j);
        if (*j->p != '"' && *j->p != '\'') {
            return json_fail(j, "expected a key");
        }
        g_autofree char *name = json_string(j);
        if (!name) {
            return false;
        }
        json_space(j);
        if (*j->p != ':') {
            return json_fail(j, "expected ':'");
        }
        j->p++;
        g_autofree char *sub = json_join(key, name);
        if (node_find(j->d, sub)) {
            return json_fail(j, "duplicate key");
        }
        json_space(j);
        const char *from = j->p;
        if (!json_value(j, sub, depth)) {
            return false;
        }
        if (!*key) {
            node_find(j->d, sub)->text = g_strndup(from, j->p - from);
        }
        json_space(j);
        if (*j->p == '}') {
            j->p++;
            return true;
        }
        if (*j->p != ',') {
            return json_fail(j, "expected ',' or '}'");
        }
        j->p++;
    }
}

static bool json_list(Json *j, const char *key, unsigned depth)
{
    j->p++;
    json_space(j);
    if (*j->p == ']') {
        j->p++;
        return true;
    }
    for (unsigned i = 0;; i++) {
        char number[16];
        g_snprintf(number, sizeof(number), "%u", i);
        g_autofree char *sub = json_join(key, number);
        if (!json_value(j, sub, depth)) {
            return false;
        }
        json_space(j);
        if (*j->p == ']') {
            j->p++;
            return true;
        }
        if (*j->p != ',') {
            return json_fail(j, "expected ',' or ']'");
        }
        j->p++;
    }
}

static bool json_number(Json *j, const char *key)
{
    const char *start = j->p, *digits;
    OptNode *node = node_add(j->d, key, JSON_INTEGER);
    j->p += *j->p == '-';
    digits = j->p;
    j->p += strspn(j->p, "0123456789");
    if (j->p == digits || (*digits == '0' && j->p - digits > 1)) {
        return json_fail(j, "invalid number");
    }
    if (*j->p == '.' || *j->p == 'e' || *j->p == 'E') {
        node->kind = JSON_REAL;
    }
    if (*j->p == '.') {
        size_t n = strspn(++j->p, "0123456789");
        if (!n) {
            return json_fail(j, "invalid number");
        }
        j->p += n;
    }
    if (*j->p == 'e' || *j->p == 'E') {
        j->p++;
        j->p += *j->p == '+' || *j->p == '-';
        size_t n = strspn(j->p, "0123456789");
        if (!n) {
            return json_fail(j, "invalid number");
        }
        j->p += n;
    }
    opt_append(j->d, g_strdup(key), g_strndup(start, j->p - start));
    return true;
}

static bool json_word(Json *j, const char *key)
{
    static const struct {
        const char *word, *value;
    } words[] = {{"true", "on"}, {"false", "off"}, {"null", NULL}};
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        size_t n = strlen(words[i].word);
        if (!strncmp(j->p, words[i].word, n) && !g_ascii_isalnum(j->p[n])) {
            j->p += n;
            node_add(j->d, key, words[i].value ? JSON_BOOL : JSON_NULL);
            if (words[i].value) {
                opt_append(j->d, g_strdup(key), g_strdup(words[i].value));
            }
            return true;
        }
    }
    return json_fail(j, "unexpected text");
}

static bool json_value(Json *j, const char *key, unsigned depth)
{
    if (depth == 0) {
        return json_fail(j, "nested too deeply");
    }
    json_space(j);
    switch (*j->p) {
    case '{':
        node_add(j->d, key, JSON_OBJECT);
        return json_object(j, key, depth - 1);
    case '[':
        node_add(j->d, key, JSON_LIST);
        return json_list(j, key, depth - 1);
    case '"':
    case '\'': {
        char *s = json_string(j);
        if (!s) {
            return false;
        }
        node_add(j->d, key, JSON_STRING);
        opt_append(j->d, g_strdup(key), s);
        return true;
    }
    default:
        return *j->p == '-' || g_ascii_isdigit(*j->p) ? json_number(j, key) : json_word(j, key);
    }
}

static bool json_parse(OptDict *d, const char *text, GError **err)
{
    Json j = {.start = text, .p = text, .d = d, .err = err};
    if (!json_value(&j, "", JSON_MAX_DEPTH)) {
        return false;
    }
    json_space(&j);
    return !*j.p || json_fail(&j, "text after the object");
}

/* --- key=value ------------------------------------------------------------------------------- */

/* Length of the value at p up to a comma that stands alone. */
static char *keyval_value(const char **p)
{
    GString *s = g_string_new(NULL);
    for (; **p; (*p)++) {
        if (**p == ',') {
            if ((*p)[1] != ',') {
                break;
            }
            (*p)++;
        }
        g_string_append_c(s, **p);
    }
    return g_string_free(s, FALSE);
}

static bool keyval_parse(OptDict *d, const char *text, const char *implied, GError **err)
{
    for (const char *p = text; *p; p += *p == ',') {
        size_t n = strcspn(p, "=,");
        bool first = p == text;
        if (p[n] == '=') {
            if (n == 0) {
                rhea_error_set(err, "Expected a parameter name before '%s'", p);
                return false;
            }
            char *key = g_strndup(p, n);
            p += n + 1;
            opt_append(d, key, keyval_value(&p));
            continue;
        }
        const char *start = p;
        g_autofree char *word = keyval_value(&p);
        if (!strcmp(word, "help") || !strcmp(word, "?")) {
            d->help = true;
        } else if (first && implied) {
            opt_append(d, g_strdup(implied), g_steal_pointer(&word));
        } else if (p == start) {
            rhea_error_set(err, "Expected a parameter before ','");
            return false;
        } else if (g_str_has_prefix(word, "no") && word[2]) {
            opt_append(d, g_strdup(word + 2), g_strdup("off"));
        } else {
            opt_append(d, g_steal_pointer(&word), g_strdup("on"));
        }
    }
    return true;
}

OptDict *opt_parse(const char *text, const char *implied, GError **err)
{
    g_autoptr(OptDict) d = opt_new();
    bool ok = *text == '{' ? json_parse(d, text, err) : keyval_parse(d, text, implied, err);
    return ok ? g_steal_pointer(&d) : NULL;
}

OptDict *opt_parse_json(const char *text, GError **err)
{
    g_autoptr(OptDict) d = opt_new();

    return json_parse(d, text, err) ? g_steal_pointer(&d) : NULL;
}

/* --- the dictionary -------------------------------------------------------------------------- */

void opt_set_location(OptDict *d, const char *location)
{
    char *copy = g_strdup(location);
    g_free(d->location);
    d->location = copy;
}

const char *opt_location(const OptDict *d)
{
    return d->location;
}

bool opt_wants_help(const OptDict *d)
{
    return d->help;
}

void opt_set_help(OptDict *d)
{
    d->help = true;
}

const char *opt_get(const OptDict *d, const char *key)
{
    Opt *o = opt_find(d, key);
    return o ? o->value : NULL;
}

void opt_set(OptDict *d, const char *key, const char *value)
{
    char *k = g_strdup(key), *v = g_strdup(value);
    opt_remove(d, k);
    opt_append(d, k, v);
}

bool opt_remove(OptDict *d, const char *key)
{
    bool found = false;
    for (unsigned i = d->opts->len; i-- > 0;) {
        if (!strcmp(opt_row(d, i)->key, key)) {
            g_array_remove_index(d->opts, i);
            found = true;
        }
    }
    return found;
}

bool opt_at(const OptDict *d, unsigned i, const char **key, const char **value)
{
    if (i >= d->opts->len) {
        return false;
    }
    *key = opt_row(d, i)->key;
    *value = opt_row(d, i)->value;
    return true;
}

OptKind opt_kind(const OptDict *d, const char *key)
{
    const OptNode *n = node_find(d, key);

    return n ? n->kind : JSON_ABSENT;
}

const char *opt_json(const OptDict *d, const char *key)
{
    const OptNode *n = node_find(d, key);

    return n ? n->text : NULL;
}

char *opt_first_key(const OptDict *d, OptKeyFn *fn, void *opaque)
{
    const char *first = NULL;
    GHashTableIter i;
    gpointer key;

    if (d->nodes) {
        for (g_hash_table_iter_init(&i, d->nodes); g_hash_table_iter_next(&i, &key, NULL);) {
            if ((!first || strcmp(key, first) < 0) && fn(key, opaque)) {
                first = key;
            }
        }
    }
    return g_strdup(first);
}

OptDict *opt_sub(const OptDict *d, const char *key)
{
    OptDict *sub = opt_new();
    g_autofree char *prefix = g_strconcat(key, ".", NULL);
    size_t n = strlen(prefix);
    GHashTableIter i;
    gpointer name, node;

    for (unsigned k = 0; k < d->opts->len; k++) {
        const Opt *o = opt_row(d, k);

        if (g_str_has_prefix(o->key, prefix)) {
            opt_append(sub, g_strdup(o->key + n), g_strdup(o->value));
        }
    }
    if (d->nodes) {
        for (g_hash_table_iter_init(&i, d->nodes); g_hash_table_iter_next(&i, &name, &node);) {
            if (g_str_has_prefix(name, prefix)) {
                node_add(sub, (char *)name + n, ((OptNode *)node)->kind);
            }
        }
    }
    return sub;
}

OptDict *opt_below(OptDict *d, const char *prefix, bool take)
{
    OptDict *sub = opt_new();
    size_t n = strlen(prefix);

    for (unsigned i = 0; i < d->opts->len; i++) {
        const Opt *o = opt_row(d, i);

        if (g_str_has_prefix(o->key, prefix)) {
            opt_set(sub, o->key + n, o->value);
        }
    }
    for (unsigned i = d->opts->len; take && i-- > 0;) {
        if (g_str_has_prefix(opt_row(d, i)->key, prefix)) {
            g_array_remove_index(d->opts, i);
        }
    }
    return sub;
}

char *opt_describe(const OptDict *d)
{
    GString *s = g_string_new("{");

    for (unsigned i = 0; i < d->opts->len; i++) {
        g_string_append(s, i ? ", " : "");
        json_add(s, "%s: %s", opt_row(d, i)->key, opt_row(d, i)->value);
    }
    return g_string_free(g_string_append_c(s, '}'), FALSE);
}

void opt_mark_used(OptDict *d, const char *key)
{
    for (unsigned i = 0; i < d->opts->len; i++) {
        if (!strcmp(opt_row(d, i)->key, key)) {
            opt_row(d, i)->used = true;
        }
    }
}

bool opt_check_unused(const OptDict *d, GError **err)
{
    for (unsigned i = 0; i < d->opts->len; i++) {
        if (!opt_row(d, i)->used) {
            rhea_error_set(err, "Invalid parameter '%s'", opt_row(d, i)->key);
            return false;
        }
    }
    return true;
}

const char *opt_take(OptDict *d, const char *key)
{
    opt_mark_used(d, key);
    return opt_get(d, key);
}

bool opt_take_bool(OptDict *d, const char *key, bool *out, GError **err)
{
    const char *s = opt_take(d, key);
    return !s || opt_value_bool(key, s, out, err);
}

bool opt_take_u64(OptDict *d, const char *key, uint64_t *out, GError **err)
{
    const char *s = opt_take(d, key);
    return !s || opt_value_u64(key, s, out, err);
}

bool opt_take_size(OptDict *d, const char *key, uint64_t *out, GError **err)
{
    const char *s = opt_take(d, key);
    return !s || opt_value_size(key, s, 1, out, err);
}

bool opt_take_enum(OptDict *d, const char *key, const char *const *values, int *out, GError **err)
{
    const char *s = opt_take(d, key);
    if (!s) {
        return true;
    }
    for (int i = 0; values[i]; i++) {
        if (!strcmp(values[i], s)) {
            *out = i;
            return true;
        }
    }
    g_autofree char *all = g_strjoinv(", ", (char **)values);
    rhea_error_set(err, "Parameter '%s' does not accept value '%s' (valid: %s)", key, s, all);
    return false;
}

bool opt_check_id(const char *id, GError **err)
{
    bool ok = g_ascii_isalpha(*id);
    for (const char *p = id; ok && *p; p++) {
        ok = g_ascii_isalnum(*p) || strchr("-._", *p);
    }
    if (!ok) {
        rhea_error_set(err, "Parameter 'id' expects an identifier (letters, digits, '-', '.', "
                            "'_', starting with a letter)");
    }
    return ok;
}

/* --- scalars --------------------------------------------------------------------------------- */

bool opt_value_bool(const char *key, const char *text, bool *out, GError **err)
{
    static const char *const yes[] = {"on", "yes", "true", "y", NULL};
    static const char *const no[] = {"off", "no", "false", "n", NULL};
    if (g_strv_contains(yes, text)) {
        *out = true;
    } else if (g_strv_contains(no, text)) {
        *out = false;
    } else {
        rhea_error_set(err, "Parameter '%s' expects 'on' or 'off'", key);
        return false;
    }
    return true;
}

static bool range_fail(const char *key, const char *text, GError **err)
{
    rhea_error_set(err, "Value '%s' is out of range for parameter '%s'", text, key);
    return false;
}

bool opt_value_u64(const char *key, const char *text, uint64_t *out, GError **err)
{
    char *end;
    errno = 0;
    uint64_t v = g_ascii_strtoull(text, &end, 0);
    if (!g_ascii_isdigit(*text) || *end) {
        rhea_error_set(err, "Parameter '%s' expects a non-negative number, not '%s'", key, text);
        return false;
    }
    if (errno == ERANGE) {
        return range_fail(key, text, err);
    }
    *out = v;
    return true;
}

bool opt_value_i64(const char *key, const char *text, int64_t *out, GError **err)
{
    char *end;
    errno = 0;
    int64_t v = g_ascii_strtoll(text, &end, 0);
    if (!g_ascii_isdigit(text[*text == '-' || *text == '+']) || *end) {
        rhea_error_set(err, "Parameter '%s' expects a number, not '%s'", key, text);
        return false;
    }
    if (errno == ERANGE) {
        return range_fail(key, text, err);
    }
    *out = v;
    return true;
}

bool opt_value_size(const char *key, const char *text, uint64_t unit, uint64_t *out, GError **err)
{
    static const char suffixes[] = "BKMGTPE";
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    bool has_fraction = false;
    double fraction = 0, place = 0.1;
    char *end;
    errno = 0;
    uint64_t whole = g_ascii_strtoull(text, &end, hex ? 16 : 10);
    bool overflow = errno == ERANGE;
    bool bad = !g_ascii_isdigit(*text);
    if (*end == '.' && !hex) {
        for (end++; g_ascii_isdigit(*end); end++, place /= 10) {
            fraction += place * (*end - '0');
            has_fraction = true;
        }
    }
    uint64_t mul = unit;
    const char *suffix = *end ? strchr(suffixes, g_ascii_toupper(*end)) : NULL;
    if (suffix) {
        mul = 1ull << (10 * (suffix - suffixes));
        end++;
    }
    if (bad || *end || (has_fraction && mul == 1)) {
        rhea_error_set(err,
                       "Parameter '%s' expects a non-negative number below 2^64 with an "
                       "optional suffix k, M, G, T, P or E, not '%s'",
                       key, text);
        return false;
    }
    uint64_t v;
    if (overflow || __builtin_mul_overflow(whole, mul, &v) ||
        __builtin_add_overflow(v, (uint64_t)(fraction * mul), &v)) {
        return range_fail(key, text, err);
    }
    *out = v;
    return true;
}

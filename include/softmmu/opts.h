/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Option arguments: "key=value,key=value", the same as a JSON object, and the scalar values in
 * them.
 *
 * An OptDict is a flat ordered list of key/value strings with dotted keys. JSON objects and lists
 * are flattened ({"a":{"b":[1,true]}} is a.b.0=1, a.b.1=on), so that a consumer sees one form only.
 * Every read through opt_take*() marks the key as used; opt_check_unused() then names the first one
 * nobody knew. Strings belong to the dict. A dict is not thread-safe; all parsing happens in main
 * before the machine starts or in the main loop's thread (monitor).
 *
 * Test: tests/unit/test-opts.c
 */
#ifndef SOFTMMU_OPTS_H
#define SOFTMMU_OPTS_H

#include "rhea/error.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct OptDict OptDict;

/*
 * Parse "k=v,k2=v2,flag,noflag". ",," stands for a comma in a value. implied (may be NULL) is the
 * key of a first part without '='. A later part without '=' is key=on, or key=off if it starts with
 * "no". A part "help" or "?" sets opt_wants_help(). Text that starts with '{' is parsed as JSON. A
 * key given twice: the last one wins, in JSON it is an error. Returns NULL with *err set for a
 * malformed text.
 */
OptDict *opt_parse(const char *text, const char *implied, GError **err);
/* JSON of any kind. */
OptDict *opt_parse_json(const char *text, GError **err);
OptDict *opt_new(void);
void opt_free(OptDict *d);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OptDict, opt_free)

/* Where it came from, as the reference prints it: "-device foo,bar=1"; NULL if unknown. Copied. */
void opt_set_location(OptDict *d, const char *location);
const char *opt_location(const OptDict *d);
bool opt_wants_help(const OptDict *d);
void opt_set_help(OptDict *d);

/* Look without marking as used; NULL if the key is absent. */
const char *opt_get(const OptDict *d, const char *key);
void opt_set(OptDict *d, const char *key, const char *value);
bool opt_remove(OptDict *d, const char *key);
/* What a key of a JSON text has for a value, objects, lists and null included, which are no keys of
 * the dict; text that is no JSON has none. */
typedef enum OptKind {
    JSON_ABSENT,
    JSON_STRING,
    JSON_INTEGER,
    JSON_REAL,
    JSON_BOOL,
    JSON_NULL,
    JSON_OBJECT,
    JSON_LIST,
} OptKind;
OptKind opt_kind(const OptDict *d, const char *key);
/* The JSON text of a member of the topmost object; NULL: there is none. */
const char *opt_json(const OptDict *d, const char *key);
/* The first one, by name, of a JSON text's keys for which fn() is true; the caller frees. NULL:
 * none. */
typedef gboolean OptKeyFn(const char *key, void *opaque);
char *opt_first_key(const OptDict *d, OptKeyFn *fn, void *opaque);
/* What is within the object or list `key`, as a dict of its own. */
OptDict *opt_sub(const OptDict *d, const char *key);
/* Walk in order: i from 0; false at the end. Does not mark. */
bool opt_at(const OptDict *d, unsigned i, const char **key, const char **value);
void opt_mark_used(OptDict *d, const char *key);
/* Those below prefix ("file."), without it: a copy. take: they leave d. */
OptDict *opt_below(OptDict *d, const char *prefix, bool take);
/* All as one JSON object of strings with dotted names, which opt_parse() makes the same again of.
 * Caller frees. */
char *opt_describe(const OptDict *d);
/* True and fine if every key was taken; otherwise "Invalid parameter 'KEY'". */
bool opt_check_unused(const OptDict *d, GError **err);

/* Look and mark as used; NULL if absent. */
const char *opt_take(OptDict *d, const char *key);
/* As above with a type. *out is unchanged if the key is absent; false with *err set for a wrong
 * value. */
bool opt_take_bool(OptDict *d, const char *key, bool *out, GError **err);
bool opt_take_u64(OptDict *d, const char *key, uint64_t *out, GError **err);
bool opt_take_size(OptDict *d, const char *key, uint64_t *out, GError **err);
/* values is NULL-terminated; *out is the index in it. */
bool opt_take_enum(OptDict *d, const char *key, const char *const *values, int *out, GError **err);

/* True if id is a letter followed by letters, digits, '-', '.', '_'. */
bool opt_check_id(const char *id, GError **err);

/* Scalars on their own; key only appears in messages. */
bool opt_value_bool(const char *key, const char *text, bool *out,
                    GError **err); /* on|off|yes|no|true|false|y|n */
bool opt_value_u64(const char *key, const char *text, uint64_t *out,
                   GError **err); /* decimal, 0x, 0 (octal) */
bool opt_value_i64(const char *key, const char *text, int64_t *out, GError **err);
/* Bytes with one suffix B K M G T P E (powers of 1024), hexadecimal, or a fraction such as 1.5G.
 * unit is the factor of a number without suffix (1 for most, 1 MiB for -m). */
bool opt_value_size(const char *key, const char *text, uint64_t unit, uint64_t *out, GError **err);

#endif

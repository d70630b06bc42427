/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Writing JSON. Test: tests/qmp/ */
#ifndef SOFTMMU_JSON_H
#define SOFTMMU_JSON_H

#include <glib.h>
#include <stdarg.h>

/*
 * Append JSON: %s a string (NULL: null), %d an int64_t, %u a uint64_t, %b a bool, %r text that is
 * JSON; a ' stands for a ".
 */
void json_add(GString *s, const char *fmt, ...);
void json_add_va(GString *s, const char *fmt, va_list ap);
/* Between the members of a list. */
void json_comma(GString *s);
/* The same JSON, which may have strings in single quotes, with all in double ones; the caller
 * frees. */
char *json_strict(const char *text);

#endif

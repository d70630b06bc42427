/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* JSON (RFC 8259) that the program writes. See include/softmmu/json.h. No state of its own. */
#include "softmmu/json.h"

#include <stdint.h>

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

void json_add_va(GString *s, const char *fmt, va_list ap)
{
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
}

void json_add(GString *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    json_add_va(s, fmt, ap);
    va_end(ap);
}

void json_comma(GString *s)
{
    if (s->len && s->str[s->len - 1] != '[') {
        g_string_append(s, ", ");
    }
}

char *json_strict(const char *p)
{
    GString *s = g_string_new(NULL);
    char quote = 0;

    for (; *p; p++) {
        if (*p == '\\' && p[1] == '\'') {
            g_string_append_c(s, *++p);
        } else if (*p == '\\') {
            g_string_append_c(s, *p++);
            g_string_append_c(s, *p);
        } else if (quote ? *p == quote : *p == '"' || *p == '\'') {
            quote = quote ? 0 : *p;
            g_string_append_c(s, '"');
        } else {
            g_string_append(s, *p == '"' ? "\\\"" : (char[]){*p, 0});
        }
    }
    return g_string_free(s, FALSE);
}

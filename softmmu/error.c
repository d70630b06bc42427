/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Error and warning messages: "<program>: <message>" on stderr, one write each.
 * The message format (-msg) is set once by main before any thread starts. Test: tests/cli/.
 */
#include "rhea/error.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool error_timestamp;
static char *error_guest_name;

GQuark rhea_error_quark(void)
{
    return g_quark_from_static_string("rhea-error");
}

void rhea_error_set(GError **err, const char *fmt, ...)
{
    if (err && !*err) {
        va_list ap;
        va_start(ap, fmt);
        *err = g_error_new_valist(RHEA_ERROR, 1, fmt, ap);
        va_end(ap);
    }
}

void rhea_error_set_format(bool timestamp, const char *guest_name)
{
    error_timestamp = timestamp;
    g_free(error_guest_name);
    error_guest_name = g_strdup(guest_name);
}

static void error_print(const char *kind, const char *fmt, va_list ap)
{
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    g_autoptr(GString) line = g_string_new(NULL);
    if (error_timestamp) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
        g_string_append_printf(line, "%s.%06dZ ", stamp, g_date_time_get_microsecond(now));
    }
    if (error_guest_name) {
        g_string_append_printf(line, "%s ", error_guest_name);
    }
    const char *program = g_get_prgname();
    g_string_append_printf(line, "%s: %s%s\n", program ? program : "rhea", kind, text);
    fwrite(line->str, 1, line->len, stderr);
    fflush(stderr);
}

void rhea_error_report(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_print("", fmt, ap);
    va_end(ap);
}

void rhea_warn_report(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_print("warning: ", fmt, ap);
    va_end(ap);
}

void rhea_info_report(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_print("info: ", fmt, ap);
    va_end(ap);
}

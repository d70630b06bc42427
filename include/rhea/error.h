/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Errors. Functions that can fail because of the user's input take a GError ** as their last
 * parameter and set it with rhea_error_set(); the program's main prints it as one line and exits 1.
 * The message says what is wrong, where (option, file, property) and what would be right.
 */
#ifndef RHEA_ERROR_H
#define RHEA_ERROR_H

#include <glib.h>
#include <stdbool.h>

#define RHEA_ERROR rhea_error_quark()
GQuark rhea_error_quark(void);

/* Set *err (may be NULL) to a formatted one-line message; an error already there is kept. */
void rhea_error_set(GError **err, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Put "prefix: " before the message of *err, if there is one. */
#define rhea_error_prefix g_prefix_error

/* Print "<program>: <message>" to stderr. */
void rhea_error_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
/* The same with "warning: ". */
void rhea_warn_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
/* The same with "info: ". */
void rhea_info_report(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

/* -msg: a time stamp and the guest's name (NULL: no) in front. Before any thread starts. */
void rhea_error_set_format(bool timestamp, const char *guest_name);

#endif

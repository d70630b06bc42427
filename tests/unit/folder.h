/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* A folder of a test's own for its files. */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

#include <glib/gstdio.h>

/* Caller gives it to folder_remove(). */
static inline char *folder_make(void)
{
    char *dir = g_dir_make_tmp("rhea-test-XXXXXX", NULL);

    g_assert_nonnull(dir);
    return dir;
}

/* With the files in it. */
static inline void folder_remove(char *dir)
{
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    const char *name;

    while (d && (name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        g_unlink(path);
    }
    g_rmdir(dir);
    g_free(dir);
}

#endif

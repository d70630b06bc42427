/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Libraries that only some command lines need: loaded when they are asked for, because each one
 * that is linked costs every start its mapping and its relocations.
 *
 * A list macro names the functions once; LIBRARY_FN makes members of a structure of it that holds
 * nothing else, LIBRARY_NAME the names for rhea_library_load():
 *
 *   #define ZSTD_FUNCTIONS(X) X(ZSTD_isError) X(ZSTD_compress)
 *   struct { ZSTD_FUNCTIONS(LIBRARY_FN) } z;
 *   rhea_library_load("libzstd.so.1", (const char *[]){ZSTD_FUNCTIONS(LIBRARY_NAME) NULL}, &z, err)
 */
#ifndef RHEA_LIBRARY_H
#define RHEA_LIBRARY_H

#include <glib.h>
#include <stdbool.h>

#define LIBRARY_FN(name)   typeof(name) *name;
#define LIBRARY_NAME(name) #name,

/*
 * Loads a shared library by its soname and stores the addresses of the functions, in the order of
 * the names, at `functions`. It stays loaded. False, with err set, if it or one of them is missing.
 * Any thread.
 */
bool rhea_library_load(const char *soname, const char *const *names, void *functions, GError **err);

#endif

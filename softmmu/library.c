/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Libraries loaded when they are asked for.
 *
 * Tests: tests/unit/test-net.c (libslirp), tests/img (zstd clusters)
 */
#include "rhea/library.h"

#include "rhea/error.h"

#include <dlfcn.h>

bool rhea_library_load(const char *soname, const char *const *names, void *functions, GError **err)
{
    void **out = functions;
    void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

    if (!lib) {
        rhea_error_set(err, "cannot load a library that this needs: %s", dlerror());
        return false;
    }
    for (unsigned i = 0; names[i]; i++) {
        out[i] = dlsym(lib, names[i]);
        if (!out[i]) {
            rhea_error_set(err, "%s has no %s: it is too old", soname, names[i]);
            dlclose(lib);
            return false;
        }
    }
    return true;
}

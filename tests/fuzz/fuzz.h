/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* What the fuzzers of devices share. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdlib.h>

/* RHEA_FUZZ_OPERATIONS for each device, or what the suite has time for. */
static inline unsigned fuzz_operations(void)
{
    const char *n = getenv("RHEA_FUZZ_OPERATIONS");

    return n && *n ? strtoul(n, NULL, 0) : 100000;
}

#endif

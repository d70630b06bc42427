/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The program. Everything is in softmmu/vl.c, so that tests can link without a main of its own. */
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#include "vl.h"

#if defined(__SANITIZE_ADDRESS__)
/* The end of the process gives everything back, at once; leaks are what the unit tests look for. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

/* What the allocator took first is used by the smallest machine: its pages at one stroke, not by a
 * fault each. Where the heap is elsewhere, nothing happens. */
static void heap_populate(void)
{
    const size_t size = 128 << 10;

    madvise((char *)((uintptr_t)sbrk(0) & ~(uintptr_t)4095) - size, size, MADV_POPULATE_WRITE);
}

int main(int argc, char **argv)
{
    heap_populate();
    mallopt(M_ARENA_MAX, 2); /* not one for each thread that does I/O */
    return rhea_main(argc, argv);
}

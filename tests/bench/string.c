/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The string routines of the guest's C library, called through pointers so that the compiler does
 * not do their work itself. The rules are those of compute.c.
 */
#include <string.h>

#include "bench.h"

static void *(*volatile const do_memcpy)(void *, const void *, size_t) = memcpy;
static void *(*volatile const do_memset)(void *, int, size_t) = memset;
static size_t (*volatile const do_strlen)(const char *) = strlen;
static int (*volatile const do_memcmp)(const void *, const void *, size_t) = memcmp;
static int (*volatile const do_strcmp)(const char *, const char *) = strcmp;
static void *(*volatile const do_memchr)(const void *, int, size_t) = memchr;

static u64 copy_small(u64 n)
{
    char *a = bench_arena, *b = a + 65536;
    for (u64 i = 0; i < n * 1000; i++) {
        do_memcpy(b + (i & 1023), a + (i * 5 & 1023), (i * 7 & 63) + 1);
        a[i & 1023] += b[i & 511] + 1;
    }
    return a[5] + b[1000];
}

static u64 copy_large(u64 n)
{
    char *a = bench_arena, *b = a + (1 << 20);
    for (u64 i = 0; i < n; i++) {
        do_memcpy(b + (i & 15), a, 100000);
        a[i & 0xffff] += b[i * 3 & 0xffff] + 1;
    }
    return a[5] + b[1000];
}

static u64 set(u64 n)
{
    char *a = bench_arena;
    u64 sum = 0;
    for (u64 i = 0; i < n * 100; i++) {
        do_memset(a + (i & 31), i, 16 + (i * 37 & 2047));
        sum += (u8)a[i & 127];
    }
    return sum;
}

static u64 length(u64 n)
{
    char *a = bench_arena;
    u64 sum = 0;
    memset(a, 'x', 8192);
    a[8192] = 0;
    for (u64 i = 0; i < n * 100; i++)
        sum += do_strlen(a + (i * 61 & 8191));
    return sum;
}

static u64 compare(u64 n)
{
    char *a = bench_arena, *b = a + 65536;
    u64 sum = 0;
    for (int i = 0; i < 4096; i++)
        a[i] = b[i] = 'a' + i % 23;
    for (u64 i = 0; i < n * 100; i++) {
        u64 at = i * 97 & 4095;
        b[at] ^= 32;
        a[4095] = b[4095] = 0;
        sum += do_memcmp(a, b, 4095) < 0;
        sum += do_strcmp(a + (at >> 1), b + (at >> 1)) > 0;
        b[at] ^= 32;
    }
    return sum;
}

static u64 find(u64 n)
{
    char *a = bench_arena;
    u64 sum = 0;
    memset(a, 'x', 8192);
    for (u64 i = 0; i < n * 100; i++) {
        u64 at = i * 331 & 8191;
        a[at] = 'y';
        sum += (char *)do_memchr(a, 'y', 8192) - a;
        a[at] = 'x';
    }
    return sum;
}

const struct bench_kernel bench_string[] = {
    {"string", "memcpy-small", copy_small, 60000},
    {"string", "memcpy-large", copy_large, 10000},
    {"string", "memset", set, 200000},
    {"string", "strlen", length, 6000},
    {"string", "compare", compare, 6000},
    {"string", "memchr", find, 4000},
    {0, 0, 0, 0},
};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Shared by the benchmark programs of the guest: the kernels (compute.c, simd.c, string.c, smc.c,
 * system.c, threads.c, mmio.c) and those that run them (init.c, bare.c).
 */
#ifndef BENCH_H
#define BENCH_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

/* `work` is the default amount: about a second on the reference emulator. */
struct bench_kernel {
    const char *group, *name;
    u64 (*run)(u64 work);
    u64 work;
};

/* Each table ends with a null name. */
extern const struct bench_kernel bench_compute[];
extern const struct bench_kernel bench_simd[]; /* empty where there are no vectors */
extern const struct bench_kernel bench_string[];
extern const struct bench_kernel bench_smc[];
extern const struct bench_kernel bench_threads[];
extern const struct bench_kernel bench_mmio[]; /* bare.c only */
extern const struct bench_kernel bench_system[];

/* 72 MiB of zeroed memory for the kernels. */
#define BENCH_ARENA (72ull << 20)
extern void *bench_arena;

/* A program that ends at once. */
extern const char *bench_true;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * /init of the benchmark guest: obeys lines on the console. `list` prints the kernels, `run NAME
 * WORK` prints BEGIN, runs, and prints `END checksum nanoseconds`; `off` powers off. On the host
 * itself, where it is no init, the same with a program that ends at once as its argument.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

void *bench_arena;
const char *bench_true = "/true";

static const struct bench_kernel *find(const char *name)
{
    static const struct bench_kernel *const tables[] = {bench_compute, bench_simd,   bench_string,
                                                        bench_smc,     bench_system, bench_threads};
    for (int t = 0; t < 6; t++)
        for (const struct bench_kernel *k = tables[t]; k->name; k++)
            if (!name)
                printf("KERNEL %s %s %llu\n", k->group, k->name, k->work);
            else if (!strcmp(k->name, name))
                return k;
    return NULL;
}

int main(int argc, char **argv)
{
    char line[256], name[64];
    unsigned long long work;
    struct termios tio;
    bool init = getpid() == 1;
    if (init)
        mount("proc", "/proc", "proc", 0, NULL);
    if (argc > 1)
        bench_true = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!tcgetattr(0, &tio)) {
        tio.c_lflag &= ~(ECHO | ECHONL);
        tcsetattr(0, TCSANOW, &tio);
    }
    printf("BENCH READY\n");
    while (fgets(line, sizeof line, stdin)) {
        if (!strncmp(line, "list", 4)) {
            find(NULL);
            printf("LISTED\n");
        } else if (!strncmp(line, "off", 3)) {
            break;
        } else if (sscanf(line, "run %63s %llu", name, &work) == 2) {
            const struct bench_kernel *k = find(name);
            if (!k) {
                printf("ERROR no kernel %s\n", name);
                continue;
            }
            bench_arena =
                mmap(NULL, BENCH_ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            struct timespec a, b;
            printf("BEGIN\n");
            tcdrain(1);
            clock_gettime(CLOCK_MONOTONIC, &a);
            u64 sum = k->run(work ? work : k->work);
            clock_gettime(CLOCK_MONOTONIC, &b);
            printf("END %llx %lld\n", sum,
                   (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec);
            munmap(bench_arena, BENCH_ARENA);
        }
    }
    if (init)
        reboot(RB_POWER_OFF);
    return 0;
}

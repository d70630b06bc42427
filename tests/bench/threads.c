/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Two processors, under Linux with two CPUs. NAME-1 is work of one thread, NAME-2 the same work
 * done by each of two threads that share nothing, on a CPU each: tests/bench/run prints how much
 * more two CPUs do. The others fight for one cache line or one lock.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void die(const char *what)
{
    printf("ERROR %s\n", what);
    exit(1);
}

struct job {
    u64 (*run)(u64 work, void *room);
    u64 work, sum;
    void *room;
    pthread_t thread;
};

static void *run_job(void *arg)
{
    struct job *j = arg;
    j->sum = j->run(j->work, j->room);
    return NULL;
}

/* `count` threads, each on a CPU of its own, each with `room` bytes; the sum of what they return.
 */
static u64 on_threads(int count, u64 (*run)(u64, void *), u64 work, size_t room)
{
    struct job jobs[2];
    cpu_set_t have;
    u64 sum = 0;
    if (sched_getaffinity(0, sizeof have, &have) || CPU_COUNT(&have) < 2)
        die("two processors are needed");
    for (int i = 0; i < count; i++) {
        pthread_attr_t attr;
        cpu_set_t one;
        jobs[i] = (struct job){run, work, 0, (char *)bench_arena + i * (4 << 20)};
        if (room)
            for (size_t k = 0; k < room; k += 4096)
                ((volatile char *)jobs[i].room)[k] = 0;
        CPU_ZERO(&one);
        CPU_SET(i, &one);
        pthread_attr_init(&attr);
        pthread_attr_setaffinity_np(&attr, sizeof one, &one);
        if (pthread_create(&jobs[i].thread, &attr, run_job, &jobs[i]))
            die("thread");
        pthread_attr_destroy(&attr);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(jobs[i].thread, NULL);
        sum += jobs[i].sum;
    }
    return sum;
}

/* ---- work that shares nothing ---- */

static u64 compute(u64 n, void *room)
{
    u64 crc = 1;
    for (u64 i = 0; i < n * 10000; i++) {
        crc ^= i;
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (-(crc & 1) & 0xc96c5795d7870f42ull);
    }
    return crc;
}

static u64 hash(u64 n, void *room)
{
    u64 *t = room, x = 1;
    for (u64 i = 0; i < n * 10000; i++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        u64 *p = &t[x >> 47];
        *p = *p * 31 + (x & 0xff);
    }
    return x + t[5];
}

static u64 syscalls(u64 n, void *room)
{
    u64 sum = 0;
    for (u64 i = 0; i < n * 1000; i++)
        sum += syscall(SYS_getppid) >= 0;
    return sum;
}

/* Processes, each with an address space of its own: the kernel's locks and the host's are shared.
 */
static u64 processes(u64 n, void *room)
{
    for (u64 i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
            die("fork");
    }
    return n;
}

#define ALONE_AND_TWICE(name, room)                                                                \
    static u64 name##_1(u64 n)                                                                     \
    {                                                                                              \
        return on_threads(1, name, n, room);                                                       \
    }                                                                                              \
    static u64 name##_2(u64 n)                                                                     \
    {                                                                                              \
        return on_threads(2, name, n, room);                                                       \
    }
ALONE_AND_TWICE(compute, 0)
ALONE_AND_TWICE(hash, 1 << 20)
ALONE_AND_TWICE(syscalls, 0)
ALONE_AND_TWICE(processes, 0)

/* ---- contention ---- */

static struct {
    u64 word __attribute__((aligned(128)));
    u64 lock __attribute__((aligned(128)));
    unsigned long lines[2] __attribute__((aligned(128)));
} shared;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static u64 add(u64 n, void *room)
{
    for (u64 i = 0; i < n * 10000; i++)
        __atomic_fetch_add((unsigned long *)&shared.word, 1, __ATOMIC_RELAXED);
    return n;
}

static u64 compare_exchange(u64 n, void *room)
{
    for (u64 i = 0; i < n * 10000; i++) {
        unsigned long *p = (unsigned long *)&shared.word,
                      old = __atomic_load_n(p, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(p, &old, old * 5 + 1, 1, __ATOMIC_ACQ_REL,
                                            __ATOMIC_RELAXED))
            ;
    }
    return n;
}

static u64 spin(u64 n, void *room)
{
    volatile u64 *counter = &shared.word;
    for (u64 i = 0; i < n * 1000; i++) {
        for (int tries = 0; __atomic_exchange_n((unsigned *)&shared.lock, 1, __ATOMIC_ACQUIRE);)
            if (++tries > 100)
                sched_yield();
        (*counter)++;
        __atomic_store_n((unsigned *)&shared.lock, 0, __ATOMIC_RELEASE);
    }
    return n;
}

static u64 mutexes(u64 n, void *room)
{
    volatile u64 *counter = &shared.word;
    for (u64 i = 0; i < n * 1000; i++) {
        pthread_mutex_lock(&mutex);
        (*counter)++;
        pthread_mutex_unlock(&mutex);
    }
    return n;
}

static u64 same_line(u64 n, void *room)
{
    unsigned long *p = &shared.lines[room != bench_arena];
    for (u64 i = 0; i < n * 10000; i++)
        __atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST);
    return n;
}

#define CONTENDED(name, counted)                                                                   \
    static u64 name##_both(u64 n)                                                                  \
    {                                                                                              \
        shared.word = shared.lines[0] = shared.lines[1] = 0;                                       \
        on_threads(2, name, n, 0);                                                                 \
        return counted;                                                                            \
    }
CONTENDED(add, shared.word)
CONTENDED(compare_exchange, (u32)shared.word)
CONTENDED(spin, shared.word)
CONTENDED(mutexes, shared.word)
CONTENDED(same_line, shared.lines[0] + shared.lines[1])

const struct bench_kernel bench_threads[] = {
    {"threads", "compute-1", compute_1, 3000},
    {"threads", "compute-2", compute_2, 3000},
    {"threads", "hash-1", hash_1, 1000},
    {"threads", "hash-2", hash_2, 1000},
    {"threads", "syscall-1", syscalls_1, 600},
    {"threads", "syscall-2", syscalls_2, 600},
    {"threads", "fork-1", processes_1, 600},
    {"threads", "fork-2", processes_2, 600},
    {"contention", "atomic-add", add_both, 700},
    {"contention", "atomic-cas", compare_exchange_both, 400},
    {"contention", "same-line", same_line_both, 700},
    {"contention", "spinlock", spin_both, 800},
    {"contention", "mutex", mutexes_both, 400},
    {0, 0, 0, 0}};

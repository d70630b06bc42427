/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The benchmarks of system paths, under Linux: system calls, pipes, processes, page faults,
 * threads, signals, files in memory. Each returns the number of things it did.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void die(const char *what)
{
    printf("ERROR %s: %s\n", what, strerror(errno));
    exit(1);
}

static u64 getppid_calls(u64 n)
{
    u64 sum = 0;
    for (u64 i = 0; i < n * 1000; i++)
        sum += syscall(SYS_getppid) >= 0;
    return sum;
}

static u64 pipe_ping_pong(u64 n)
{
    int a[2], b[2];
    char c = 'x';
    if (pipe(a) || pipe(b))
        die("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(a[1]);
        close(b[0]);
        while (read(a[0], &c, 1) == 1)
            if (write(b[1], &c, 1) != 1)
                break;
        _exit(0);
    }
    close(a[0]);
    close(b[1]);
    for (u64 i = 0; i < n * 100; i++)
        if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1)
            die("ping");
    close(a[1]);
    close(b[0]);
    waitpid(pid, NULL, 0);
    return n * 100;
}

static u64 pipe_bulk(u64 n)
{
    int a[2];
    static char buf[65536];
    if (pipe(a))
        die("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(a[1]);
        while (read(a[0], buf, sizeof buf) > 0)
            ;
        _exit(0);
    }
    close(a[0]);
    for (u64 i = 0; i < n; i++)
        for (size_t at = 0; at < sizeof buf;) {
            ssize_t r = write(a[1], buf + at, sizeof buf - at);
            if (r <= 0)
                die("bulk");
            at += r;
        }
    close(a[1]);
    waitpid(pid, NULL, 0);
    return n;
}

static u64 fork_exit(u64 n)
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

static u64 exec_exit(u64 n)
{
    for (volatile u64 i = 0; i < n; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            execl(bench_true, "true", NULL);
            _exit(99);
        }
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
            die("exec");
    }
    return n;
}

static u64 page_faults(u64 n)
{
    enum { PAGES = 256 };
    for (u64 i = 0; i < n; i++) {
        char *p =
            mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            die("mmap");
        for (int k = 0; k < PAGES; k++)
            p[k * 4096] = 1;
        munmap(p, PAGES * 4096);
    }
    return n * PAGES;
}

/* Sixty-four areas of four sizes that come and go, a page in four used, some cut in two. */
static u64 mmap_churn(u64 n)
{
    enum { AREAS = 64 };
    static const size_t sizes[4] = {4096, 3 * 4096, 16 * 4096, 64 * 4096};
    char *area[AREAS] = {0};
    size_t size[AREAS] = {0};
    u32 r = 1;
    for (u64 i = 0; i < n * 100; i++) {
        r = r * 1103515245 + 12345;
        int k = r >> 20 & (AREAS - 1);
        if (area[k])
            munmap(area[k], size[k]);
        size[k] = sizes[r >> 16 & 3];
        area[k] = mmap(NULL, size[k], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area[k] == MAP_FAILED)
            die("mmap");
        for (size_t at = 0; at < size[k]; at += 4 * 4096)
            area[k][at] = 1;
        if ((i & 7) == 0 && size[k] > 4096)
            munmap(area[k] + size[k] / 4096 / 2 * 4096, 4096);
    }
    for (int k = 0; k < AREAS; k++)
        if (area[k])
            munmap(area[k], size[k]);
    return n * 100;
}

/* A file's pages are mapped, read and let go, as a loader of libraries does. */
static u64 mmap_file(u64 n)
{
    enum { SIZE = 32 * 4096 };
    u64 sum = 0;
    int fd = open("/proc/self/exe", O_RDONLY);
    if (fd < 0)
        die("/proc/self/exe");
    for (u64 i = 0; i < n * 10; i++) {
        char *p = mmap(NULL, SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            die("mmap");
        for (int at = 0; at < SIZE; at += 4096)
            sum += p[at];
        munmap(p, SIZE);
    }
    close(fd);
    return n * 10;
}

static volatile int handled;
static void on_signal(int sig)
{
    handled++;
}
static u64 signals(u64 n)
{
    signal(SIGUSR1, on_signal);
    handled = 0;
    for (u64 i = 0; i < n * 100; i++)
        raise(SIGUSR1);
    return handled;
}

static void *nothing(void *arg)
{
    return arg;
}
static u64 thread_create(u64 n)
{
    for (u64 i = 0; i < n; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, nothing, NULL))
            die("thread");
        pthread_join(t, NULL);
    }
    return n;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;
static u64 turns;
static void *turn_taker(void *arg)
{
    int me = (int)(long)arg;
    for (u64 i = 0; i < turns; i++) {
        pthread_mutex_lock(&lock);
        while (turn != me)
            pthread_cond_wait(&cond, &lock);
        turn = !me;
        pthread_cond_signal(&cond);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}
static u64 thread_turns(u64 n)
{
    pthread_t t[2];
    turns = n * 100;
    turn = 0;
    for (long i = 0; i < 2; i++)
        if (pthread_create(&t[i], NULL, turn_taker, (void *)i))
            die("thread");
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    return turns;
}

static u64 yield_switch(u64 n)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            sched_yield();
    for (u64 i = 0; i < n * 100; i++)
        sched_yield();
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return n * 100;
}

static u64 files(u64 n)
{
    char buf[512] = {1};
    struct stat st;
    for (u64 i = 0; i < n * 10; i++) {
        int fd = open("/bench.tmp", O_CREAT | O_RDWR | O_TRUNC, 0600);
        if (fd < 0 || write(fd, buf, sizeof buf) != sizeof buf || lseek(fd, 0, SEEK_SET) ||
            read(fd, buf, sizeof buf) != sizeof buf || fstat(fd, &st))
            die("file");
        close(fd);
        unlink("/bench.tmp");
    }
    return n * 10;
}

static u64 protect(u64 n)
{
    char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (u64 i = 0; i < n * 10; i++) {
        mprotect(p, 65536, PROT_READ);
        mprotect(p, 65536, PROT_READ | PROT_WRITE);
        p[i * 4096 & 65535] = 1;
    }
    munmap(p, 65536);
    return n * 10;
}

const struct bench_kernel bench_system[] = {{"system", "getppid", getppid_calls, 600},
                                            {"system", "pipe", pipe_ping_pong, 80},
                                            {"system", "pipe-bulk", pipe_bulk, 4000},
                                            {"system", "fork", fork_exit, 800},
                                            {"system", "exec", exec_exit, 300},
                                            {"system", "page-fault", page_faults, 300},
                                            {"system", "mmap-churn", mmap_churn, 80},
                                            {"system", "mmap-file", mmap_file, 600},
                                            {"system", "signal", signals, 500},
                                            {"system", "thread", thread_create, 5000},
                                            {"system", "thread-turns", thread_turns, 240},
                                            {"system", "yield", yield_switch, 120},
                                            {"system", "file", files, 500},
                                            {"system", "mprotect", protect, 900},
                                            {0, 0, 0, 0}};

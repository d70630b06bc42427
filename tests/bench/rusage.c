/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Runs a command with its output thrown away and prints `status wall-ns user-us sys-us
 * max-rss-KiB`. A small C program, because the peak memory that wait4 reports includes that of the
 * process that forked: an interpreter's would hide the emulator's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec a, b;
    struct rusage ru;
    int status, null = open("/dev/null", O_RDWR);
    if (argc < 2)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &a);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(null, 0);
        dup2(null, 1);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    wait4(pid, &status, 0, &ru);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%d %lld %lld %lld %ld\n",
           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
           (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec,
           ru.ru_utime.tv_sec * 1000000ll + ru.ru_utime.tv_usec,
           ru.ru_stime.tv_sec * 1000000ll + ru.ru_stime.tv_usec, ru.ru_maxrss);
    return 0;
}

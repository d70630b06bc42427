/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The /init of tests/bench/disk: asynchronous direct I/O on a disk, as fio's libaio engine does it.
 *
 * Modules in /modules are loaded in the order of their names. Then each line of the console is a
 * job, "WHAT BLOCK DEPTH COUNT": WHAT is randread, read, randwrite or write; COUNT requests of
 * BLOCK bytes, DEPTH at a time. It answers "begin", and "end NANOSECONDS ERRORS". What is written
 * says where it belongs, and "verify BLOCK DEPTH COUNT" reads all of it back and counts blocks that
 * are not what the last write of the same BLOCK made of them. "off" ends the machine.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 256

static int disk = -1;
static uint64_t size, seed = 88172645463325252u;
static uint8_t *buf[DEPTH_MAX];
static struct iocb cb[DEPTH_MAX];

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void modules_load(void)
{
    struct dirent **list;
    int n = scandir("/modules", &list, NULL, by_name);

    for (int i = 0; i < n; i++) {
        char path[300];

        if (list[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "/modules/%s", list[i]->d_name);
            int fd = open(path, O_RDONLY);
            if (syscall(SYS_finit_module, fd, "", 0) < 0) {
                perror(path);
            }
            close(fd);
        }
    }
}

static bool disk_open(void)
{
    static const char *const names[] = {"/dev/vda", "/dev/sda", "/dev/nvme0n1"};

    for (int i = 0; i < 600 && disk < 0; i++) {
        disk = open(names[i % 3], O_RDWR | O_DIRECT);
        if (disk < 0 && i % 3 == 2) {
            usleep(50000);
        }
    }
    return disk >= 0 && ioctl(disk, BLKGETSIZE64, &size) == 0;
}

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static uint64_t word_at(uint64_t at)
{
    return (at + 1) * 0x9e3779b97f4a7c15u;
}

static void fill(uint8_t *p, uint64_t at, unsigned block)
{
    for (unsigned i = 0; i < block; i += 512) {
        uint64_t w = word_at(at + i);

        memcpy(p + i, &w, 8);
        memcpy(p + i + 504, &w, 8);
    }
}

static bool is_filled(const uint8_t *p, uint64_t at, unsigned block)
{
    for (unsigned i = 0; i < block; i += 512) {
        uint64_t w = word_at(at + i);

        if (memcmp(p + i, &w, 8) != 0 || memcmp(p + i + 504, &w, 8) != 0) {
            return false;
        }
    }
    return true;
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void job(const char *what, unsigned block, unsigned depth, unsigned count)
{
    bool any = strncmp(what, "rand", 4) == 0, verify = strcmp(what, "verify") == 0;
    bool write = strstr(what, "write");
    struct io_event done[DEPTH_MAX];
    struct iocb *list[DEPTH_MAX];
    aio_context_t ctx = 0;
    unsigned begun = 0, ended = 0, errors = 0, n_free = depth, idle[DEPTH_MAX];
    uint64_t blocks = size / block;

    if (syscall(SYS_io_setup, depth, &ctx) < 0) {
        perror("io_setup");
        return;
    }
    for (unsigned i = 0; i < depth; i++) {
        idle[i] = i;
    }
    printf("begin\n");
    tcdrain(STDOUT_FILENO); /* before a disk that fails stops the machine */
    int64_t start = now_ns();
    while (ended < count) {
        unsigned n = 0;

        while (n_free && begun < count) {
            unsigned i = idle[--n_free];
            uint64_t at = (any ? next_random() : begun) % blocks * block;

            begun++;
            if (write) {
                fill(buf[i], at, block);
            }
            cb[i] = (struct iocb){.aio_data = i,
                                  .aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
                                  .aio_fildes = disk,
                                  .aio_buf = (uintptr_t)buf[i],
                                  .aio_nbytes = block,
                                  .aio_offset = at};
            list[n++] = &cb[i];
        }
        for (unsigned at = 0; at < n;) {
            long r = syscall(SYS_io_submit, ctx, n - at, list + at);

            if (r < 0) {
                perror("io_submit");
                return;
            }
            at += r;
        }
        long got = syscall(SYS_io_getevents, ctx, 1, depth, done, NULL);
        for (long k = 0; k < got; k++) {
            unsigned i = done[k].data;

            errors +=
                done[k].res != block || (verify && !is_filled(buf[i], cb[i].aio_offset, block));
            idle[n_free++] = i;
            ended++;
        }
    }
    if (write && fdatasync(disk) < 0) {
        errors++;
    }
    printf("end %lld %u\n", (long long)(now_ns() - start), errors);
    syscall(SYS_io_destroy, ctx);
}

int main(void)
{
    char line[200], what[32];
    unsigned block, depth, count;
    struct termios t;

    setvbuf(stdout, NULL, _IOLBF, 0);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    if (tcgetattr(0, &t) == 0) {
        t.c_lflag &= ~ECHO;
        tcsetattr(0, TCSANOW, &t);
    }
    modules_load();
    if (!disk_open()) {
        printf("disk: none\n");
        return 1;
    }
    for (unsigned i = 0; i < DEPTH_MAX; i++) {
        if (posix_memalign((void **)&buf[i], 4096, i < 16 ? 1 << 20 : 65536)) {
            return 1;
        }
    }
    printf("disk: %llu bytes\n", (unsigned long long)size);
    while (fgets(line, sizeof(line), stdin) && strncmp(line, "off", 3) != 0) {
        if (sscanf(line, "%31s %u %u %u", what, &block, &depth, &count) == 4 &&
            block <= (depth <= 16 ? 1u << 20 : 65536u) && depth <= DEPTH_MAX && depth && block) {
            job(what, block, depth, count);
        }
    }
    reboot(RB_POWER_OFF);
    return 0;
}

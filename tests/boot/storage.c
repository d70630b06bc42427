/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * An /init that works a disk: several threads write, read back and compare, discard, zero and
 * flush; then all of it is compared once more.
 *
 * Kernel arguments: disk=NAME (below /dev), ops=N (of each thread), threads=N; hammer=1: write
 * numbered blocks, flush, and say so after each flush, until the machine is stopped. Modules in
 * /modules are loaded first, in order of their names. Prints "storage: end" if all was well, else
 * lines with FAIL.
 *
 * For an initramfs with the modules of the distribution's kernel, booted by hand: docs/testing.md.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/reboot.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define MOST  16 /* blocks of one request */
#define KEEP  64 /* blocks of a thread that stand together */
#define ANY   UINT32_MAX
#define MAGIC 0x6164697265686172ull

static char cmdline[4096];
static char disk[64];
static unsigned n_threads = 4, n_ops = 2000;
static uint64_t n_blocks;
static uint32_t *content; /* number of the write that a block holds, 0: zeroes, ANY: unknown */
static unsigned failures;

static void say(const char *fmt, ...)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    va_list ap;

    pthread_mutex_lock(&lock);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

static void fail(const char *what, uint64_t block)
{
    if (__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) < 10) {
        say("FAIL: %s at block %llu: %s\n", what, (unsigned long long)block, strerror(errno));
    }
}

static unsigned number(const char *key, unsigned def)
{
    const char *p = strstr(cmdline, key);

    return p ? strtoul(p + strlen(key), NULL, 0) : def;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_modules(void)
{
    struct dirent **list;
    int n = scandir("/modules", &list, NULL, by_name);

    for (int i = 0; i < n; i++) {
        char path[300];

        if (list[i]->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof(path), "/modules/%s", list[i]->d_name);
        int fd = open(path, O_RDONLY);
        if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST) {
            say("FAIL: %s: %s\n", path, strerror(errno));
        }
        close(fd);
    }
}

/* A pseudo-random word that depends on all of its inputs. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = a * 0x9e3779b97f4a7c15ull ^ (b + 0x632be59bd9b4e019ull);

    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ull;
    return x ^ x >> 29;
}

static void pattern(uint64_t *p, uint64_t block, uint32_t number)
{
    for (unsigned i = 0; i < BLOCK / 8; i++) {
        p[i] = number ? mix(block, (uint64_t)number << 16 | i) : 0;
    }
}

static void check(const uint8_t *buf, uint64_t block, const char *when)
{
    static __thread uint64_t want[BLOCK / 8];

    if (content[block] == ANY) {
        return;
    }
    pattern(want, block, content[block]);
    errno = 0;
    if (memcmp(buf, want, BLOCK) != 0) {
        fail(when, block);
    }
}

static int open_disk(int flags)
{
    char path[100];

    snprintf(path, sizeof(path), "/dev/%s", disk);
    return open(path, flags | O_CLOEXEC);
}

static void one_op(int fd, unsigned thread, uint8_t *buf, uint64_t r, uint32_t serial)
{
    /* Pieces of KEEP blocks belong to the threads in turn. */
    uint64_t pieces = n_blocks / KEEP / n_threads;
    uint64_t first = (mix(r, 1) % pieces * n_threads + thread) * KEEP + mix(r, 2) % (KEEP - MOST);
    unsigned n = 1 + mix(r, 3) % MOST;
    off_t at = first * BLOCK;
    size_t len = (size_t)n * BLOCK;
    uint64_t range[2] = {at, len};

    switch (r % 16) {
    case 0:
        if (fdatasync(fd) < 0) {
            fail("flush", 0);
        }
        break;
    case 1:
        if (ioctl(fd, BLKDISCARD, range) < 0 && errno != EOPNOTSUPP) {
            fail("discard", first);
        }
        for (unsigned i = 0; i < n; i++) {
            content[first + i] = ANY;
        }
        break;
    case 2:
        if (ioctl(fd, BLKZEROOUT, range) < 0) {
            fail("zero", first);
        }
        for (unsigned i = 0; i < n; i++) {
            content[first + i] = 0;
        }
        break;
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        for (unsigned i = 0; i < n; i++) {
            pattern((uint64_t *)(buf + (size_t)i * BLOCK), first + i, serial);
            content[first + i] = serial;
        }
        if (pwrite(fd, buf, len, at) != (ssize_t)len) {
            fail("write", first);
        }
        break;
    default:
        if (pread(fd, buf, len, at) != (ssize_t)len) {
            fail("read", first);
            break;
        }
        for (unsigned i = 0; i < n; i++) {
            check(buf + (size_t)i * BLOCK, first + i, "compare");
        }
    }
}

static void *worker(void *arg)
{
    unsigned thread = (uintptr_t)arg;
    /* Not aligned to a page for some: the pieces of a transfer then have odd ends. */
    uint8_t *raw = NULL, *buf;
    int fd = open_disk(O_RDWR | O_DIRECT);
    uint64_t r = thread + 1;

    if (fd < 0 || posix_memalign((void **)&raw, BLOCK, (MOST + 1) * BLOCK)) {
        fail("open", 0);
        return NULL;
    }
    buf = raw + (thread & 1 ? 512 : 0);
    for (unsigned i = 0; i < n_ops; i++) {
        r = mix(r, i);
        one_op(fd, thread, buf, r, i * n_threads + thread + 1);
    }
    if (fdatasync(fd) < 0) {
        fail("flush", 0);
    }
    close(fd);
    return NULL;
}

static void verify(void)
{
    pthread_t threads[64];
    struct timespec a, b;
    uint8_t *buf = NULL;

    if (posix_memalign((void **)&buf, BLOCK, MOST * BLOCK)) {
        return;
    }
    content = malloc(n_blocks * sizeof(content[0]));
    memset(content, 0xff, n_blocks * sizeof(content[0]));
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (uintptr_t i = 0; i < n_threads; i++) {
        pthread_create(&threads[i], NULL, worker, (void *)i);
    }
    for (unsigned i = 0; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    int fd = open_disk(O_RDONLY | O_DIRECT);
    for (uint64_t block = 0; block + MOST <= n_blocks; block += MOST) {
        bool known = false;

        for (unsigned i = 0; i < MOST; i++) {
            known |= content[block + i] != ANY;
        }
        if (known && pread(fd, buf, MOST * BLOCK, block * BLOCK) != MOST * BLOCK) {
            fail("read at the end", block);
        }
        for (unsigned i = 0; known && i < MOST; i++) {
            check(buf + (size_t)i * BLOCK, block + i, "compare at the end");
        }
    }
    long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
    say("storage: %u operations in %ld ms\n", n_threads * n_ops, ms);
}

/* Block i says which write it was; after each flush the last number is printed. */
static void hammer(void)
{
    uint64_t *buf = NULL;
    int fd = open_disk(O_RDWR | O_DIRECT);
    uint64_t n = 0, r = number("seed=", 1);

    if (posix_memalign((void **)&buf, BLOCK, BLOCK)) {
        return;
    }
    for (;;) {
        uint64_t first = n;

        r = mix(r, n);
        for (unsigned i = 0; i < 1 + r % 8; i++, n++) {
            uint64_t block = n * 37 % n_blocks;

            pattern(buf, block, 1 + n);
            buf[0] = MAGIC;
            buf[1] = n;
            if (pwrite(fd, buf, BLOCK, block * BLOCK) != BLOCK) {
                fail("write", block);
                return;
            }
        }
        if (fdatasync(fd) < 0) {
            fail("flush", first);
            return;
        }
        say("flushed %llu\n", (unsigned long long)n);
    }
}

/* Warnings of the kernel about disks. */
static void kernel_warnings(void)
{
    static char log[1 << 20];
    int n = klogctl(3, log, sizeof(log) - 1);

    log[n > 0 ? n : 0] = 0;
    for (char *save, *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        unsigned level = strtoul(line + 1, NULL, 10) & 7;

        /* The first command to a SCSI unit is answered with a unit attention, which is said. */
        if (level <= 4 && !strstr(line, "Power-on or device reset") &&
            (strstr(line, "nvme") || strstr(line, "scsi") || strstr(line, "sd ") ||
             strstr(line, "sr ") || strstr(line, "sda") || strstr(line, "vda") ||
             strstr(line, "virtio"))) {
            say("FAIL: kernel: %s\n", line);
        }
    }
}

int main(void)
{
    int fd;

    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    fd = open("/proc/cmdline", O_RDONLY);
    if (read(fd, cmdline, sizeof(cmdline) - 1) < 0) {
        return 1;
    }
    const char *name = strstr(cmdline, "disk=");
    sscanf(name ? name : "disk=vda", "disk=%63s", disk);
    n_threads = number("threads=", n_threads);
    n_ops = number("ops=", n_ops);
    load_modules();
    for (unsigned i = 0; i < 300 && (fd = open_disk(O_RDONLY)) < 0; i++) {
        usleep(100000);
    }
    uint64_t size = 0;
    if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0) {
        say("FAIL: no disk %s\n", disk);
    } else {
        n_blocks = size / BLOCK;
        say("storage: %s, %llu bytes\n", disk, (unsigned long long)size);
        if (number("hammer=", 0)) {
            hammer();
        } else {
            verify();
        }
    }
    kernel_warnings();
    say(failures ? "storage: bad\n" : "storage: end\n");
    sync();
    reboot(LINUX_REBOOT_CMD_POWER_OFF);
    return 0;
}

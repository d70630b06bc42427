/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Names of translated code for profilers: -perfmap writes /tmp/perf-PID.map, a line for each unit
 * (the format of Linux's tools/perf/Documentation/jit-interface.txt); -jitdump writes jit-PID.dump
 * in the current folder, for `perf inject --jit` (jitdump-specification.txt, version 1). A unit is
 * named after the guest's program counter. perf only looks into the map for code in anonymous
 * memory, so that the code cache is that with either: see units.c.
 *
 * A map has no times: when the code cache is full and is given back, its lines go on naming what
 * was there before. A dump has.
 *
 * Thread: any vCPU's; a lock of its own. Test: tests/boot/perfmap.py.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "accel/tcg/internal.h"
#include "rhea/error.h"

struct PerfNames {
    GMutex lock;
    FILE *map, *dump;
    void *marker; /* by this mapping perf record hears of the dump */
    long page;
    uint64_t index;
};

typedef struct DumpHeader {
    uint32_t magic, version, size, machine, pad, pid;
    uint64_t time, flags;
} DumpHeader;

enum { DUMP_CODE_LOAD };
typedef struct DumpLoad {
    uint32_t id, size;
    uint64_t time;
    uint32_t pid, tid;
    uint64_t vma, address, code_size, index;
} DumpLoad;

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

/* A file of a known name in a folder that others may write to: it must be new, and this process's.
 */
static FILE *create(const char *name, GError **err)
{
    FILE *f = NULL;
    int fd;

    unlink(name);
    fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0) {
        f = fdopen(fd, "w+");
    }
    if (!f) {
        rhea_error_set(err, "%s: %s", name, g_strerror(errno));
    }
    return f;
}

bool perf_init(Accel *a, GError **err)
{
    g_autofree char *map = g_strdup_printf("/tmp/perf-%d.map", getpid());
    g_autofree char *dump = g_strdup_printf("./jit-%d.dump", getpid());
    PerfNames *p;

    if (!a->opt.perfmap && !a->opt.jitdump) {
        return true;
    }
    a->perf = p = g_new0(PerfNames, 1);
    g_mutex_init(&p->lock);
    if (a->opt.perfmap && !(p->map = create(map, err))) {
        perf_free(a);
        return false;
    }
    if (a->opt.jitdump) {
        const DumpHeader h = {.magic = 0x4a695444,
                              .version = 1,
                              .size = sizeof(h),
                              .machine = EM_X86_64,
                              .pid = getpid(),
                              .time = now()};
        if (!(p->dump = create(dump, err))) {
            perf_free(a);
            return false;
        }
        fwrite(&h, sizeof(h), 1, p->dump);
        fflush(p->dump);
        p->page = sysconf(_SC_PAGESIZE);
        p->marker = mmap(NULL, p->page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(p->dump), 0);
        if (p->marker == MAP_FAILED) {
            p->marker = NULL;
            rhea_error_set(err, "%s: cannot be mapped: %s", dump, g_strerror(errno));
            perf_free(a);
            return false;
        }
    }
    return true;
}

static void name_code(PerfNames *p, const void *code, size_t size, const char *name)
{
    g_mutex_lock(&p->lock);
    if (p->map) {
        fprintf(p->map, "%" PRIxPTR " %zx %s\n", (uintptr_t)code, size, name);
        fflush(p->map); /* whoever looks while the guest runs sees whole lines */
    }
    if (p->dump) {
        const DumpLoad l = {.id = DUMP_CODE_LOAD,
                            .size = sizeof(l) + strlen(name) + 1 + size,
                            .time = now(),
                            .pid = getpid(),
                            .tid = syscall(SYS_gettid),
                            .vma = (uintptr_t)code,
                            .address = (uintptr_t)code,
                            .code_size = size,
                            .index = p->index++};
        fwrite(&l, sizeof(l), 1, p->dump);
        fwrite(name, strlen(name) + 1, 1, p->dump);
        fwrite(code, size, 1, p->dump);
        fflush(p->dump);
    }
    g_mutex_unlock(&p->lock);
}

void perf_name_unit(Accel *a, uint64_t pc, const Unit *u)
{
    char name[64];

    if (a->perf && u->code_size) {
        snprintf(name, sizeof(name), "guest:%" PRIx64 "+%u", pc, u->guest_bytes);
        name_code(a->perf, unit_entry(a, u), u->code_size, name);
    }
}

void perf_name_thunks(Accel *a, const void *code, size_t size)
{
    if (a->perf) {
        name_code(a->perf, code, size, "rhea:thunks");
    }
}

void perf_free(Accel *a)
{
    PerfNames *p = a->perf;

    if (!p) {
        return;
    }
    if (p->map) {
        fclose(p->map);
    }
    if (p->dump) {
        fclose(p->dump);
    }
    if (p->marker) {
        munmap(p->marker, p->page);
    }
    g_mutex_clear(&p->lock);
    g_free(p);
    a->perf = NULL;
}

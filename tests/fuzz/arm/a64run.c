/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Runs a64fuzz's blocks as an AArch64 Linux program, on whatever can run one: a64run IN OUT. OUT
 * has an A64FuzzState a block and the hash of the data. Each block ends in SIGILL, whose handler
 * keeps the state and puts that of the next block in its place.
 *
 * Build: aarch64-linux-gnu-gcc -O2 -static.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>
#include "a64_state.h"

static const A64FuzzHeader *header;
static const A64FuzzBlock *blocks;
static A64FuzzState *out;
static uint32_t current;
static int out_fd;

static struct fpsimd_context *fpsimd(ucontext_t *u)
{
    struct _aarch64_ctx *c = (struct _aarch64_ctx *)u->uc_mcontext.__reserved;
    while (c->magic != FPSIMD_MAGIC) {
        c = (struct _aarch64_ctx *)((char *)c + c->size);
    }
    return (struct fpsimd_context *)c;
}

static void finish(void)
{
    size_t bytes = header->blocks * sizeof(A64FuzzState), done = 0;
    while (done < bytes) {
        ssize_t n = write(out_fd, (char *)out + done, bytes - done);
        if (n <= 0) {
            _exit(3);
        }
        done += n;
    }
    _exit(0);
}

static void load(ucontext_t *u)
{
    A64FuzzState st;
    struct fpsimd_context *f = fpsimd(u);
    if (blocks[current].flags & FUZZ_FRESH_DATA) {
        fuzz_initial_data((uint64_t *)FUZZ_DATA);
    }
    fuzz_initial_state(&st, blocks[current].seed);
    memcpy(u->uc_mcontext.regs, st.x, sizeof(st.x));
    u->uc_mcontext.sp = st.sp;
    u->uc_mcontext.pc = FUZZ_CODE + blocks[current].offset;
    u->uc_mcontext.pstate = (u->uc_mcontext.pstate & 0x0fffffff) | st.nzcv;
    memcpy(f->vregs, st.v, sizeof(st.v));
    f->fpcr = st.fpcr;
    f->fpsr = 0;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    static int started;
    ucontext_t *u = context;
    struct fpsimd_context *f = fpsimd(u);
    (void)sig;
    (void)info;
    if (started) {
        A64FuzzState *st = &out[current];
        memcpy(st->x, u->uc_mcontext.regs, sizeof(st->x));
        st->sp = u->uc_mcontext.sp;
        memcpy(st->v, f->vregs, sizeof(st->v));
        st->pc = u->uc_mcontext.pc - FUZZ_CODE - blocks[current].offset;
        st->nzcv = u->uc_mcontext.pstate & 0xf0000000;
        st->fpcr = f->fpcr;
        st->fpsr = f->fpsr;
        if (blocks[current].flags & FUZZ_HASH_DATA) {
            st->data_hash = fuzz_hash((const uint64_t *)FUZZ_DATA, FUZZ_DATA_SIZE / 8);
        }
        if (++current == header->blocks) {
            finish();
        }
    }
    started = 1;
    load(u);
}

static void *map_at(uint64_t addr, uint64_t size, int prot)
{
    void *p = mmap((void *)addr, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return p;
}

int main(int argc, char **argv)
{
    struct stat s;
    int fd = argc == 3 ? open(argv[1], O_RDONLY) : -1;
    out_fd = argc == 3 ? open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
    if (fd < 0 || out_fd < 0 || fstat(fd, &s) < 0) {
        fprintf(stderr, "usage: a64run BLOCKS RESULTS\n");
        return 1;
    }
    header = mmap(NULL, s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    blocks = (const A64FuzzBlock *)(header + 1);
    out = calloc(header->blocks, sizeof(A64FuzzState));
    fuzz_initial_data(map_at(FUZZ_DATA, FUZZ_DATA_SIZE, PROT_READ | PROT_WRITE));
    uint64_t bytes = (uint64_t)header->code_words * 4;
    uint8_t *code =
        map_at(FUZZ_CODE - FUZZ_MARGIN, 2 * FUZZ_MARGIN + ((bytes + 0xffff) & ~0xffffull),
               PROT_READ | PROT_WRITE | PROT_EXEC);
    memcpy(code + FUZZ_MARGIN, blocks + header->blocks, bytes);
    __builtin___clear_cache((char *)code, (char *)code + FUZZ_MARGIN + bytes);
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    sigaltstack(&stack, NULL);
    struct sigaction sa = {.sa_sigaction = on_signal,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaction(SIGILL, &sa, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGTRAP, &sa, NULL);
    __asm__ volatile("udf #0");
    return 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Runs armfuzz's blocks as a Linux program, AArch64 or 32-bit Arm, on whatever can run
 * one: fuzzrun IN OUT. OUT has an FuzzState a block and the hash of the data. Each block ends in
 * SIGILL, whose handler keeps the state and puts that of the next block in its place.
 *
 * Build: aarch64-linux-gnu-gcc or arm-linux-gnueabihf-gcc -O2 -static.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>
#include "fuzz_state.h"

static const FuzzHeader *header;
static const FuzzBlock *blocks;
static FuzzState *out;
static uint32_t current;
static int out_fd;
static uint64_t initial[FUZZ_DATA_SIZE / 8];

#ifdef __aarch64__
static struct fpsimd_context *fpsimd(ucontext_t *u)
{
    struct _aarch64_ctx *c = (struct _aarch64_ctx *)u->uc_mcontext.__reserved;
    while (c->magic != FPSIMD_MAGIC) {
        c = (struct _aarch64_ctx *)((char *)c + c->size);
    }
    return (struct fpsimd_context *)c;
}

static void put_state(ucontext_t *u, const FuzzBlock *b)
{
    FuzzState st;
    struct fpsimd_context *f = fpsimd(u);
    fuzz_initial_state(&st, b->seed);
    memcpy(u->uc_mcontext.regs, st.x, sizeof(st.x));
    u->uc_mcontext.sp = st.sp;
    u->uc_mcontext.pc = FUZZ_CODE + b->offset;
    u->uc_mcontext.pstate = (u->uc_mcontext.pstate & 0x0fffffff) | st.flags;
    __asm__ volatile("clrex");
    memcpy(f->vregs, st.v, sizeof(st.v));
    f->fpcr = st.fpcr;
    f->fpsr = 0;
}

static void get_state(ucontext_t *u, FuzzState *st)
{
    struct fpsimd_context *f = fpsimd(u);
    memcpy(st->x, u->uc_mcontext.regs, sizeof(st->x));
    st->sp = u->uc_mcontext.sp;
    memcpy(st->v, f->vregs, sizeof(st->v));
    st->pc = u->uc_mcontext.pc;
    st->flags = u->uc_mcontext.pstate & 0xf0000000;
    st->fpcr = f->fpcr;
    st->fpsr = f->fpsr;
}
#else
/* Linux: arch/arm/include/asm/ucontext.h */
typedef struct VfpFrame {
    uint32_t magic, size;
    uint64_t d[32];
    uint32_t fpscr;
} VfpFrame;

static VfpFrame *vfp(ucontext_t *u)
{
    uint32_t *c = (uint32_t *)u->uc_regspace;
    while (c[0] != 0x56465001) {
        c = (uint32_t *)((char *)c + c[1]);
    }
    return (VfpFrame *)c;
}

static void put_state(ucontext_t *u, const FuzzBlock *b)
{
    FuzzState st;
    VfpFrame *f = vfp(u);
    fuzz_initial_state32(&st, b->seed);
    for (unsigned i = 0; i < 15; i++) {
        (&u->uc_mcontext.arm_r0)[i] = st.x[i];
    }
    u->uc_mcontext.arm_pc = FUZZ_CODE + b->offset;
    /* neither ITSTATE nor flags of before */
    u->uc_mcontext.arm_cpsr =
        (u->uc_mcontext.arm_cpsr & ~0xfe0ffc20u) | st.flags | (b->flags & FUZZ_THUMB ? 0x20 : 0);
    __asm__ volatile("clrex");
    memcpy(f->d, st.v, sizeof(f->d));
    f->fpscr = st.fpcr;
}

static void get_state(ucontext_t *u, FuzzState *st)
{
    VfpFrame *f = vfp(u);
    for (unsigned i = 0; i < 15; i++) {
        st->x[i] = (&u->uc_mcontext.arm_r0)[i];
    }
    memcpy(st->v, f->d, sizeof(f->d));
    st->pc = u->uc_mcontext.arm_pc;
    st->flags = u->uc_mcontext.arm_cpsr & 0xf80f0000;
    st->fpcr = f->fpscr;
}
#endif

static void finish(void)
{
    size_t bytes = header->blocks * sizeof(FuzzState), done = 0;
    while (done < bytes) {
        ssize_t n = write(out_fd, (char *)out + done, bytes - done);
        if (n <= 0) {
            _exit(3);
        }
        done += n;
    }
    _exit(0);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    static int started;
    ucontext_t *u = context;
    (void)sig;
    (void)info;
    if (started) {
        FuzzState *st = &out[current];
        get_state(u, st);
        st->pc -= FUZZ_CODE + blocks[current].offset;
        if (blocks[current].flags & FUZZ_HASH_DATA) {
            st->data_hash = fuzz_hash((const uint64_t *)(uintptr_t)FUZZ_DATA, FUZZ_DATA_SIZE / 8);
        }
        if (++current == header->blocks) {
            finish();
        }
    }
    started = 1;
    if (blocks[current].flags & FUZZ_FRESH_DATA) {
        memcpy((void *)(uintptr_t)FUZZ_DATA, initial, FUZZ_DATA_SIZE);
    }
    put_state(u, &blocks[current]);
}

static void *map_at(uint64_t addr, uint64_t size, int prot)
{
    void *p =
        mmap((void *)(uintptr_t)addr, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
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
        fprintf(stderr, "usage: fuzzrun BLOCKS RESULTS\n");
        return 1;
    }
    header = mmap(NULL, s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    blocks = (const FuzzBlock *)(header + 1);
    out = calloc(header->blocks, sizeof(FuzzState));
    fuzz_initial_data(initial);
    memcpy(map_at(FUZZ_DATA, FUZZ_DATA_SIZE, PROT_READ | PROT_WRITE), initial, FUZZ_DATA_SIZE);
    uint64_t bytes = header->code_bytes;
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
    __builtin_trap();
    return 1;
}

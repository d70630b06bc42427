/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Code that is written while the program runs, under Linux, as a just-in-time compiler does it:
 * words are stored, __builtin___clear_cache() does what the architecture asks for (FENCE.I by the
 * kernel's call on RISC-V; DC CVAU, IC IVAU, DSB, ISB on AArch64; a system call on AArch32), the
 * code is called. The checksums are the results of the calls, so that old code that is run once too
 * often shows.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

typedef unsigned long Function(unsigned long);

/* One instruction that adds imm (0 to 255) to the argument. */
static u8 *emit_add(u8 *p, u32 imm)
{
#if defined(__riscv)
    u32 insn = 0x00050513 | imm << 20; /* addi a0, a0, imm */
#elif defined(__aarch64__)
    u32 insn = 0x91000000 | imm << 10; /* add x0, x0, imm */
#elif defined(__arm__)
    u32 insn = 0xe2800000 | imm; /* add r0, r0, imm */
#else
    u64 insn = 0x9000000000c78148 | (u64)imm << 24; /* add rdi, imm; nop */
#endif
    memcpy(p, &insn, sizeof insn);
    return p + sizeof insn;
}

static u8 *emit_return(u8 *p)
{
#if defined(__riscv)
    u32 insn = 0x00008067; /* ret */
#elif defined(__aarch64__)
    u32 insn = 0xd65f03c0;             /* ret */
#elif defined(__arm__)
    u32 insn = 0xe12fff1e;       /* bx lr */
#else
    u32 insn = 0xc3f88948;                          /* mov rax, rdi; ret */
#endif
    memcpy(p, &insn, sizeof insn);
    return p + sizeof insn;
}

enum { ROOM = 65536 };

static u8 *code_pages(void)
{
    u8 *p =
        mmap(NULL, ROOM, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        printf("ERROR no pages for code\n");
        exit(1);
    }
    return p;
}

static void flush(u8 *from, u8 *to)
{
    __builtin___clear_cache((char *)from, (char *)to);
}

/* A function of 33 instructions is made, runs twenty times, and its place is used again later. */
static u64 generate(u64 n)
{
    u8 *room = code_pages(), *at = room;
    unsigned long x = 1;
    for (u64 i = 0; i < n * 10; i++) {
        if (at + 512 > room + ROOM)
            at = room;
        u8 *p = at;
        for (u32 k = 0; k < 32; k++)
            p = emit_add(p, (i * 7 + k * 3) & 255);
        p = emit_return(p);
        flush(at, p);
        Function *f = (Function *)at;
        for (int k = 0; k < 20; k++)
            x = f(x) * 5;
        at = p;
    }
    munmap(room, ROOM);
    return (u32)x;
}

/* One instruction of a short function changes before each call: an inline cache that always misses.
 */
static u64 patch(u64 n)
{
    u8 *room = code_pages(), *p = room;
    u32 step = emit_add(room, 0) - room;
    unsigned long x = 1;
    for (u32 k = 0; k < 8; k++)
        p = emit_add(p, k);
    p = emit_return(p);
    flush(room, p);
    for (u64 i = 0; i < n * 10; i++) {
        u8 *at = room + (i & 3) * 2 * step;
        flush(at, emit_add(at, i & 255));
        x = ((Function *)room)(x)*5;
    }
    munmap(room, ROOM);
    return (u32)x;
}

/* A variable in the page of the function that is called: stores there are no new code. */
static u64 data_beside(u64 n)
{
    u8 *room = code_pages(), *p = room;
    volatile u32 *data = (u32 *)(room + 2048);
    unsigned long x = 1;
    for (u32 k = 0; k < 4; k++)
        p = emit_add(p, k);
    p = emit_return(p);
    flush(room, p);
    Function *f = (Function *)room;
    for (u64 i = 0; i < n * 1000; i++) {
        data[i & 255] += x;
        x = f(x) * 5;
    }
    x += data[7];
    munmap(room, ROOM);
    return (u32)x;
}

const struct bench_kernel bench_smc[] = {{"smc", "generate", generate, 1500},
                                         {"smc", "patch", patch, 3000},
                                         {"smc", "data-beside", data_beside, 3000},
                                         {0, 0, 0, 0}};

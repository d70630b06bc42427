/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A bare-metal program for the virt board, for AArch64 or AArch32, that executes the vectors found
 * at FPA_VECTORS (see ops.h, ops32.h) and compares results and FPSR. It prints what differs on the
 * serial port and ends through PSCI.
 *
 * Built by suite.py in the folder above: gcc -march=armv8.2-a+fp16 -mgeneral-regs-only
 * -nostdlib -T guest.ld. It has no MMU, so everything is aligned.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __aarch64__
#include "ops.h"
#else
#include "ops32.h"
#endif

#define SHOWN 8 /* differences printed of a block */

typedef struct Run {
    const char *name;
    unsigned arity;
    uint64_t fpcr, count, wrong;
    const uint64_t *records;
    const uint8_t *flags;
} Run;

static void put_char(char c)
{
    *(volatile uint32_t *)0x9000000 = (uint8_t)c;
}

#include "../print.h"

static _Noreturn void finish(void)
{
#ifdef __aarch64__
    __asm__ volatile("mov x0, %0\n\thvc #0" : : "r"(UINT64_C(0x84000008)) : "x0");
#else
    __asm__ volatile(".arch_extension virt\n\tmov r0, %0\n\thvc #0" : : "r"(0x84000008) : "r0");
#endif
    for (;;)
        __asm__ volatile("wfi");
}

static __attribute__((noinline)) void wrong(Run *r, uint64_t i, uint64_t got, uint64_t flags)
{
    const uint64_t *record = r->records + i * (r->arity + 1);

    if (r->wrong++ >= SHOWN)
        return;
    put(r->name);
    put(" fpcr ");
    put_hex(r->fpcr);
    put(":");
    for (unsigned k = 0; k < r->arity; k++) {
        put(" ");
        put_hex(record[k]);
    }
    put(" gives ");
    put_hex(got);
    put(" flags ");
    put_hex(flags);
    put(", expected ");
    put_hex(record[r->arity]);
    put(" flags ");
    put_hex(r->flags[i]);
    put("\n");
}

/* --- one function an instruction --- */

#define SIZE_f16 1
#define SIZE_f32 2
#define SIZE_f64 3
#define SIZE_w   2
#define SIZE_wu  2
#define SIZE_l   3
#define SIZE_lu  3
#define SIZE_b   0
#define SIZE_m   0

/* A value in every lane of the low half of a vector. */
static inline uint64_t everywhere(uint64_t v, unsigned size)
{
    return size == 1   ? (v & 0xffff) * UINT64_C(0x0001000100010001)
           : size == 2 ? (v & 0xffffffff) * UINT64_C(0x0000000100000001)
                       : v;
}

/* EXECUTE: an instruction with its operands; EXECUTE_VECTOR: in all lanes, whose halves must come
 * out equal. */
#ifdef __aarch64__
#define RESULT_f16    "fmov %0, d0"
#define RESULT_f32    RESULT_f16
#define RESULT_f64    RESULT_f16
#define RESULT_w      "mov %0, x10"
#define RESULT_wu     RESULT_w
#define RESULT_l      RESULT_w
#define RESULT_lu     RESULT_w
#define RESULT_b      RESULT_w
#define RESULT_m      RESULT_w
#define RESULT_VECTOR "fmov x10, d0\n\tmov x11, v0.d[1]\n\tcmp x10, x11\n\tcsinv %0, x10, x10, eq"

#define EXECUTE(insn, result, mode)                                                                \
    __asm__ volatile("msr fpsr, xzr\n\tfmov d0, %2\n\tfmov d1, %3\n\tfmov d2, %4\n\t"              \
                     "mov x9, %2\n\t" insn "\n\tmrs %1, fpsr\n\t" result                           \
                     : "=&r"(got), "=&r"(flags)                                                    \
                     : "r"(a), "r"(b), "r"(c)                                                      \
                     : "x9", "x10", "x11", "cc")
#define EXECUTE_VECTOR(insn, mode)                                                                 \
    __asm__ volatile("msr fpsr, xzr\n\tdup v0.2d, %2\n\tdup v1.2d, %3\n\t"                         \
                     "dup v2.2d, %4\n\tmov x9, %2\n\t" insn "\n\tmrs %1, fpsr\n\t" RESULT_VECTOR   \
                     : "=&r"(got), "=&r"(flags)                                                    \
                     : "r"(a), "r"(b), "r"(c)                                                      \
                     : "x9", "x10", "x11", "cc")
#else
/* The other half of D0 is what it was. */
#define RESULT_f16 "vmov %Q0, %R0, d0\n\tuxth %Q0, %Q0\n\tmov %R0, #0"
#define RESULT_f32 "vmov %Q0, %R0, d0\n\tmov %R0, #0"
#define RESULT_f64 "vmov %Q0, %R0, d0"
#define RESULT_w   RESULT_f32
#define RESULT_wu  RESULT_f32
#define RESULT_l   RESULT_f64
#define RESULT_lu  RESULT_f64
#define RESULT_b   "mov %Q0, r10\n\tmov %R0, #0"
#define RESULT_m   RESULT_f64
#define EXECUTE(insn, result, mode)                                                                \
    __asm__ volatile("vmsr fpscr, %5\n\tvmov d0, %Q2, %R2\n\tvmov d1, %Q3, %R3\n\t"                \
                     "vmov d2, %Q4, %R4\n\t" insn                                                  \
                     "\n\tvmrs %1, fpscr\n\tand %1, %1, #0x9f\n\t" result                          \
                     : "=&r"(got), "=&r"(flags)                                                    \
                     : "r"(a), "r"(b), "r"(c), "r"(mode)                                           \
                     : "r10", "cc")
#define EXECUTE_VECTOR(insn, mode)                                                                 \
    __asm__ volatile("vmsr fpscr, %5\n\tvmov d0, %Q2, %R2\n\tvmov d1, %Q2, %R2\n\t"                \
                     "vmov d2, %Q3, %R3\n\tvmov d3, %Q3, %R3\n\tvmov d4, %Q4, %R4\n\t"             \
                     "vmov d5, %Q4, %R4\n\t" insn "\n\tvmrs %1, fpscr\n\tand %1, %1, #0x9f\n\t"    \
                     "vmov %Q0, %R0, d0\n\tvmov r10, s2\n\tcmp r10, %Q0\n\tmvnne %R0, %R0\n\t"     \
                     "vmov r10, s3\n\tcmpeq r10, %R0\n\tmvnne %R0, %R0"                            \
                     : "=&r"(got), "=&r"(flags)                                                    \
                     : "r"(a), "r"(b), "r"(c), "r"(mode)                                           \
                     : "r10", "cc")
#endif

#define SIGN(source) (UINT64_C(1) << ((8 << SIZE_##source) - 1))

#define KERNEL(name_, arity_, source, result, lanes, rounding, negate, insn, testfloat)            \
    static void kernel_##name_(Run *r)                                                             \
    {                                                                                              \
        const uint64_t *v = r->records;                                                            \
        for (uint64_t i = 0; i < r->count; i++, v += arity_ + 1) {                                 \
            uint64_t got, a = v[0], b = v[arity_ > 1], c = v[arity_ > 2 ? 2 : 0];                  \
            uint64_t want = v[arity_];                                                             \
            size_t flags, mode = r->fpcr;                                                          \
            a ^= negate & 1 ? SIGN(source) : 0;                                                    \
            c ^= negate & 4 ? SIGN(source) : 0;                                                    \
            if (lanes > 1) {                                                                       \
                unsigned to = SIZE_##result ? SIZE_##result : SIZE_##source;                       \
                a = everywhere(a, SIZE_##source);                                                  \
                b = everywhere(b, SIZE_##source);                                                  \
                c = everywhere(c, SIZE_##source);                                                  \
                want = everywhere(want, to);                                                       \
                EXECUTE_VECTOR(insn, mode);                                                        \
            } else {                                                                               \
                EXECUTE(insn, RESULT_##result, mode);                                              \
            }                                                                                      \
            (void)mode;                                                                            \
            if (__builtin_expect(got != want || flags != r->flags[i], 0))                          \
                wrong(r, i, got, flags);                                                           \
        }                                                                                          \
    }
FPA_OPS(KERNEL)

static const struct {
    const char *name;
    unsigned arity;
    void (*kernel)(Run *r);
} ops[] = {
#define ROW(name, arity, ...) {#name, arity, kernel_##name},
    FPA_OPS(ROW)};

#define OP_COUNT (sizeof ops / sizeof ops[0])

static __attribute__((used)) _Noreturn void exception(void)
{
#ifdef __aarch64__
    uint64_t esr, elr;
    __asm__ volatile("mrs %0, esr_el1\n\tmrs %1, elr_el1" : "=r"(esr), "=r"(elr));
    put("exception, syndrome ");
    put_hex(esr);
#else
    uint32_t elr;
    __asm__ volatile("mov %0, lr" : "=r"(elr));
    put("exception");
#endif
    put(" at ");
    put_hex(elr);
    put("\n");
    finish();
}

static __attribute__((used)) _Noreturn void guest_main(void)
{
    const FpaBlock *b = (const FpaBlock *)FPA_VECTORS;
    uint64_t bad = 0, executed = 0;

    while (b->magic == FPA_MAGIC && b->op < OP_COUNT) {
        Run r = {ops[b->op].name, ops[b->op].arity, b->fpcr, b->count, 0, NULL, NULL};
        r.records = (const uint64_t *)(b + 1);
        r.flags = (const uint8_t *)(r.records + b->count * (r.arity + 1));
#ifdef __aarch64__
        __asm__ volatile("msr fpcr, %0" : : "r"(b->fpcr));
#endif
        ops[b->op].kernel(&r);
        bad += r.wrong;
        executed += b->count;
        b = (const FpaBlock *)(r.flags + ((b->count + 7) & ~UINT64_C(7)));
    }
    if (b->magic != FPA_MAGIC || b->op != FPA_END)
        put("fp: no vectors, or of another version\n");
    put("fp: ");
    put_number(bad);
    put(" wrong of ");
    put_number(executed);
    put("\n");
    finish();
}

static uint8_t stack[8192] __attribute__((aligned(16), used));

#ifdef __aarch64__
__asm__(".section .text.start, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        "  ldr x0, =stack + 8192\n"
        "  mov sp, x0\n"
        "  mov x0, #3 << 20\n"
        "  msr cpacr_el1, x0\n"
        "  ldr x0, =vectors\n"
        "  msr vbar_el1, x0\n"
        "  isb\n"
        "  b guest_main\n"
        "  .ltorg\n"
        "  .balign 2048\n"
        "vectors:\n"
        "  .rept 16\n"
        "  b exception\n"
        "  .balign 128\n"
        "  .endr\n"
        ".text\n");
#else
__asm__(".section .text.start, \"ax\"\n"
        ".arm\n"
        ".globl _start\n"
        "_start:\n"
        "  ldr sp, =stack + 8192\n"
        "  ldr r0, =vectors\n"
        "  mcr p15, 0, r0, c12, c0, 0\n" /* VBAR */
        "  mov r0, #0xf00000\n"
        "  mcr p15, 0, r0, c1, c0, 2\n" /* CPACR: CP10, CP11 */
        "  isb\n"
        "  mov r0, #0x40000000\n"
        "  vmsr fpexc, r0\n"
        "  b guest_main\n"
        "  .ltorg\n"
        "  .balign 32\n"
        "vectors:\n"
        "  .rept 8\n"
        "  b 1f\n"
        "  .endr\n"
        "1: ldr sp, =stack + 8192\n"
        "  b exception\n"
        "  .ltorg\n"
        ".text\n");
#endif

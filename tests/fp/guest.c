/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A bare-metal riscv64 program for the virt board that executes the vectors found at FP_VECTORS
 * (see ops.h) and compares results and fflags. It prints what differs on the serial port and ends
 * through the test finisher.
 *
 * Every vector runs up to three times:
 *   static   the rounding mode in the instruction, a different one in frm, flags cleared before and
 * read after dynamic  the rounding mode in frm sticky   frm too, with the flags of 16 vectors in a
 * row collected before they are read
 *
 * Before that it checks that reserved rounding modes and a switched-off unit are illegal
 * instructions, and that the unit's state becomes dirty.
 *
 * Built by suite.py and testfloat in this folder: gcc -march=rv64gc -mcmodel=medany -nostdlib -T
 * guest.ld.
 */
#include <stddef.h>
#include <stdint.h>

#include "ops.h"

#define MSTATUS_FS UINT64_C(0x6000)
#define STICKY_RUN 16
#define SHOWN      8 /* differences printed of a block and pass */

typedef enum Pass {
    PASS_STATIC, /* five kernels, one for each mode */
    PASS_DYNAMIC = 5,
    PASS_STICKY,
    PASS_COUNT,
} Pass;

typedef struct Run {
    const char *name;
    unsigned arity, rm;
    Pass pass;
    uint64_t count, wrong;
    const uint64_t *records;
    const uint8_t *flags;
} Run;

__attribute__((used)) static volatile uint64_t trap_cause; /* of the last expected trap */
__attribute__((used)) static volatile int trap_expected;

/* --- console and end -----------------------------------------------------------------------------
 */

static void put_char(char c)
{
    volatile uint8_t *uart = (volatile uint8_t *)0x10000000;

    while (!(uart[5] & 0x20))
        continue;
    uart[0] = c;
}

#include "print.h"

static _Noreturn void finish(unsigned status)
{
    *(volatile uint32_t *)0x100000 = status ? status << 16 | 0x3333 : 0x5555;
    for (;;)
        __asm__ volatile("wfi");
}

static __attribute__((noinline)) void wrong(Run *r, uint64_t i, uint64_t got, uint64_t flags)
{
    const uint64_t *record = r->records + i * (r->arity + 1);

    if (r->wrong++ >= SHOWN)
        return;
    put(r->name);
    put(" rm ");
    put_number(r->rm);
    put(r->pass == PASS_DYNAMIC ? " dynamic:" : r->pass == PASS_STICKY ? " sticky:" : " static:");
    for (unsigned k = 0; k < r->arity; k++) {
        put_char(' ');
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

/* --- one function an instruction, rounding mode and pass
 * ------------------------------------------- */

#define KERNEL(kernel, type, out, arity, insn, ...)                                                \
    static void kernel(Run *r)                                                                     \
    {                                                                                              \
        const uint64_t *v = r->records;                                                            \
        for (uint64_t i = 0; i < r->count; i++, v += arity + 1) {                                  \
            type result;                                                                           \
            uint64_t got, flags;                                                                   \
            __asm__ volatile("csrw fflags, zero\n\t" insn "\n\tcsrr %1, fflags"                    \
                             : out(result), "=&r"(flags)                                           \
                             : __VA_ARGS__);                                                       \
            __builtin_memcpy(&got, &result, 8);                                                    \
            if (__builtin_expect(got != v[arity] || flags != r->flags[i], 0))                      \
                wrong(r, i, got, flags);                                                           \
        }                                                                                          \
    }

#define STICKY(kernel, type, out, arity, insn, ...)                                                \
    static void kernel(Run *r)                                                                     \
    {                                                                                              \
        const uint64_t *v = r->records;                                                            \
        for (uint64_t i = 0; i < r->count;) {                                                      \
            uint64_t end = i + STICKY_RUN < r->count ? i + STICKY_RUN : r->count;                  \
            uint64_t got = 0, flags, expected = 0;                                                 \
            __asm__ volatile("csrw fflags, zero");                                                 \
            for (; i < end; i++, v += arity + 1) {                                                 \
                type result;                                                                       \
                __asm__ volatile(insn : out(result), "=&r"(flags) : __VA_ARGS__);                  \
                __builtin_memcpy(&got, &result, 8);                                                \
                expected |= r->flags[i];                                                           \
                if (__builtin_expect(got != v[arity], 0))                                          \
                    wrong(r, i, got, 0);                                                           \
            }                                                                                      \
            __asm__ volatile("csrr %0, fflags" : "=r"(flags));                                     \
            if (__builtin_expect(flags != expected, 0))                                            \
                wrong(r, i - 1, got, flags);                                                       \
        }                                                                                          \
    }

#define FLOAT(i) "f"(((const double *)v)[i])
#define FORM_F_F(make, kernel, f7, rs2, f3)                                                        \
    make(kernel, double, "=f", 1, ".insn r 0x53, " f3 ", " f7 ", %0, %2, x" rs2, FLOAT(0))
#define FORM_FF_F(make, kernel, f7, rs2, f3)                                                       \
    make(kernel, double, "=f", 2, ".insn r 0x53, " f3 ", " f7 ", %0, %2, %3", FLOAT(0), FLOAT(1))
#define FORM_FFF_F(make, kernel, f7, rs2, f3)                                                      \
    make(kernel, double, "=f", 3, ".insn r4 " f7 ", " f3 ", " rs2 ", %0, %2, %3, %4", FLOAT(0),    \
         FLOAT(1), FLOAT(2))
#define FORM_F_X(make, kernel, f7, rs2, f3)                                                        \
    make(kernel, uint64_t, "=r", 1, ".insn r 0x53, " f3 ", " f7 ", %0, %2, x" rs2, FLOAT(0))
#define FORM_FF_X(make, kernel, f7, rs2, f3)                                                       \
    make(kernel, uint64_t, "=r", 2, ".insn r 0x53, " f3 ", " f7 ", %0, %2, %3", FLOAT(0), FLOAT(1))
#define FORM_X_F(make, kernel, f7, rs2, f3)                                                        \
    make(kernel, double, "=f", 1, ".insn r 0x53, " f3 ", " f7 ", %0, %2, x" rs2, "r"(v[0]))

#define ROUNDED(name, form, f7, rs2, f3, ...)                                                      \
    FORM_##form(KERNEL, name##_0, #f7, #rs2, "0") FORM_##form(KERNEL, name##_1, #f7, #rs2, "1")    \
        FORM_##form(KERNEL, name##_2, #f7, #rs2, "2")                                              \
            FORM_##form(KERNEL, name##_3, #f7, #rs2, "3")                                          \
                FORM_##form(KERNEL, name##_4, #f7, #rs2, "4")                                      \
                    FORM_##form(KERNEL, name##_dynamic, #f7, #rs2, "7")                            \
                        FORM_##form(STICKY, name##_sticky, #f7, #rs2, "7")
#define FIXED(name, form, f7, rs2, f3, ...)                                                        \
    FORM_##form(KERNEL, name##_dynamic, #f7, #rs2, #f3)                                            \
        FORM_##form(STICKY, name##_sticky, #f7, #rs2, #f3)

FP_ROUNDED_OPS(ROUNDED)
FP_FIXED_OPS(FIXED)

static const struct {
    const char *name;
    unsigned arity;
    void (*kernels[PASS_COUNT])(Run *r);
} ops[] = {
#define ROUNDED_ROW(name, form, ...)                                                               \
    {#name,                                                                                        \
     FP_ARITY_##form,                                                                              \
     {name##_0, name##_1, name##_2, name##_3, name##_4, name##_dynamic, name##_sticky}},
#define FIXED_ROW(name, form, ...)                                                                 \
    {#name, FP_ARITY_##form, {NULL, NULL, NULL, NULL, NULL, name##_dynamic, name##_sticky}},
    FP_ROUNDED_OPS(ROUNDED_ROW) FP_FIXED_OPS(FIXED_ROW)};

_Static_assert(sizeof ops / sizeof ops[0] == FP_OP_COUNT, "FP_OP_COUNT");

/* --- traps and the unit's state
 * --------------------------------------------------------------------- */

__attribute__((used)) static _Noreturn void unexpected_trap(void)
{
    uint64_t cause, epc, value;

    __asm__ volatile("csrr %0, mcause\n\tcsrr %1, mepc\n\tcsrr %2, mtval"
                     : "=r"(cause), "=r"(epc), "=r"(value));
    put("trap, cause ");
    put_hex(cause);
    put(" at ");
    put_hex(epc);
    put(" value ");
    put_hex(value);
    put("\n");
    finish(2);
}

/*
 * Skips the instruction if the trap is expected. In assembly, because a handler in C would save
 * floating-point registers while the unit is off; CHECK_ILLEGAL gives it t1 and t2. All
 * instructions that are expected to trap have four bytes.
 */
extern const char trap_entry[];
__asm__(".text\n"
        ".balign 4\n"
        "trap_entry:\n"
        "  lw t1, trap_expected\n"
        "  beqz t1, unexpected_trap\n"
        "  csrr t1, mcause\n"
        "  sd t1, trap_cause, t2\n"
        "  csrr t1, mepc\n"
        "  addi t1, t1, 4\n"
        "  csrw mepc, t1\n"
        "  mret\n");

static unsigned check(const char *what, int ok)
{
    if (!ok) {
        put(what);
        put("\n");
    }
    return !ok;
}

/* The instruction (assembly text) is an illegal one. */
#define CHECK_ILLEGAL(insn)                                                                        \
    ({                                                                                             \
        trap_cause = 0;                                                                            \
        trap_expected = 1;                                                                         \
        __asm__ volatile(".option push\n\t.option norvc\n\t" insn "\n\t.option pop"                \
                         :                                                                         \
                         :                                                                         \
                         : "memory", "ft0", "t0", "t1", "t2");                                     \
        trap_expected = 0;                                                                         \
        check("not illegal: " insn, trap_cause == 2);                                              \
    })

static uint64_t read_fs(void)
{
    uint64_t mstatus;

    __asm__ volatile("csrr %0, mstatus" : "=r"(mstatus));
    return mstatus & MSTATUS_FS;
}

static void write_fs(uint64_t fs)
{
    __asm__ volatile("csrc mstatus, %0\n\tcsrs mstatus, %1" : : "r"(MSTATUS_FS), "r"(fs));
}

static void write_frm(unsigned rm)
{
    __asm__ volatile("csrw frm, %0" : : "r"((uint64_t)rm));
}

static unsigned check_state(void)
{
    const uint64_t initial = 0x2000, clean = 0x4000, dirty = MSTATUS_FS;
    unsigned bad = 0;
    uint64_t frm;

    write_fs(initial);
    write_frm(0);
    bad += CHECK_ILLEGAL(".insn r 0x53, 5, 0x00, ft0, ft0, ft0");
    bad += CHECK_ILLEGAL(".insn r 0x53, 6, 0x01, ft0, ft0, ft0");
    bad += CHECK_ILLEGAL(".insn r4 0x43, 5, 1, ft0, ft0, ft0, ft0");
    for (unsigned rm = 5; rm < 8; rm++) {
        write_frm(rm);
        __asm__ volatile("csrr %0, frm" : "=r"(frm));
        bad += check("frm does not hold a reserved value", frm == rm);
        bad += CHECK_ILLEGAL(".insn r 0x53, 7, 0x00, ft0, ft0, ft0");
        bad += CHECK_ILLEGAL(".insn r 0x53, 7, 0x2d, ft0, ft0, x0");
        bad += CHECK_ILLEGAL(".insn r 0x53, 7, 0x60, t0, ft0, x0");
        /* A rounding mode of its own, and none at all. */
        __asm__ volatile(".insn r 0x53, 1, 0x00, ft0, ft0, ft0" : : : "ft0");
        __asm__ volatile(".insn r 0x53, 0, 0x10, ft0, ft0, ft0" : : : "ft0");
    }
    write_frm(0);

    write_fs(0);
    bad += CHECK_ILLEGAL("fadd.s ft0, ft0, ft0");
    bad += CHECK_ILLEGAL("fsgnj.d ft0, ft0, ft0");
    bad += CHECK_ILLEGAL("csrr t0, fflags");
    bad += CHECK_ILLEGAL("csrr t0, fcsr");
    bad += CHECK_ILLEGAL("fmv.d.x ft0, zero");
    bad += CHECK_ILLEGAL("fld ft0, 0(sp)");

    write_fs(clean);
    __asm__ volatile("fmv.d.x ft0, zero" : : : "ft0");
    bad += check("fmv.d.x does not make the state dirty", read_fs() == dirty);
    write_fs(initial);
    __asm__ volatile("fadd.s ft0, ft0, ft0" : : : "ft0");
    bad += check("fadd.s does not make the state dirty", read_fs() == dirty);
    __asm__ volatile("csrw fflags, zero");
    __asm__ volatile("fmv.w.x ft0, %0" : : "r"(UINT64_C(0x7f800001)) : "ft0");
    write_fs(clean);
    __asm__ volatile("feq.s t0, ft0, ft0" : : : "t0");
    bad += check("feq.s that raises a flag does not make the state dirty", read_fs() == dirty);
    write_fs(clean);
    __asm__ volatile("csrw fcsr, zero");
    bad += check("csrw fcsr does not make the state dirty", read_fs() == dirty);
    return bad;
}

/* --- vectors
 * ---------------------------------------------------------------------------------------- */

static uint64_t run_block(const FpBlock *b, uint64_t *executed)
{
    Run r = {.name = ops[b->op].name, .arity = ops[b->op].arity, .rm = b->rm, .count = b->count};
    uint64_t bad = 0;

    r.records = (const uint64_t *)(b + 1);
    r.flags = (const uint8_t *)(r.records + b->count * (r.arity + 1));
    for (unsigned pass = 0; pass < PASS_COUNT; pass++) {
        if (!ops[b->op].kernels[pass] || (pass < PASS_DYNAMIC && pass != b->rm))
            continue;
        r.pass = pass;
        r.wrong = 0;
        write_frm(pass < PASS_DYNAMIC ? (b->rm + 1) % 5 : b->rm);
        ops[b->op].kernels[pass](&r);
        bad += r.wrong;
        *executed += b->count;
    }
    return bad;
}

__attribute__((used)) static _Noreturn void guest_main(void)
{
    const FpBlock *b = (const FpBlock *)FP_VECTORS;
    uint64_t bad = 0, executed = 0;

    __asm__ volatile("csrw mtvec, %0" : : "r"(trap_entry));
    bad += check_state();
    write_fs(MSTATUS_FS);
    while (b->magic == FP_MAGIC && b->op < FP_OP_COUNT && b->rm < 5) {
        bad += run_block(b, &executed);
        uint64_t bytes = b->count * (ops[b->op].arity + 1) * 8 + ((b->count + 7) & ~UINT64_C(7));
        b = (const FpBlock *)((const char *)(b + 1) + bytes);
    }
    if (b->magic != FP_MAGIC || b->op != FP_OP_COUNT) {
        put("fp: no vectors, or of another version\n");
        finish(3);
    }
    put("fp: ");
    put_number(bad);
    put(" wrong of ");
    put_number(executed);
    put("\n");
    finish(bad != 0);
}

static uint8_t stack[8192] __attribute__((aligned(16), used));

__asm__(".section .text.start, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        "  la sp, stack + 8192\n"
        "  li t0, 0x6000\n"
        "  csrs mstatus, t0\n"
        "  j guest_main\n"
        ".text\n");

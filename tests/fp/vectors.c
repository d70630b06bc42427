/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Makes the vectors that guest.c executes (format: ops.h).
 *
 *   vectors list                       a line for each operation: name, "rounded" or "fixed",
 * TestFloat's function vectors generate COUNT SEED NAME...  blocks for the named operations, COUNT
 * random vectors in each rounding mode, expectations by tcg/softfp.c vectors convert NAME RM EVERY
 * a block of every EVERYth vector that testfloat_gen writes to standard input vectors end the last
 * header
 *
 * Blocks go to standard output, which must be a file. In converted ones the expectation is
 * TestFloat's, but for what IEEE 754 leaves open, where TestFloat may have been built for another
 * machine: bits of a NaN, the integer of an invalid conversion, invalid in 0 * inf + quiet NaN. All
 * the rest must agree with tcg/softfp.c, or the exit status is 1.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"
#include "tcg/softfp.h"

/* --- registers
 * ------------------------------------------------------------------------------------- */

static uint64_t box_f16(uint16_t a)
{
    return a | UINT64_C(0xffffffffffff0000);
}

static uint64_t box_f32(uint32_t a)
{
    return a | UINT64_C(0xffffffff00000000);
}

static uint64_t box_f64(uint64_t a)
{
    return a;
}

static uint64_t box_w(uint32_t a)
{
    return (uint64_t)(int32_t)a;
}

static uint16_t unbox_f16(uint64_t v)
{
    return v >> 16 == UINT64_C(0xffffffffffff) ? v : 0x7e00;
}

static uint32_t unbox_f32(uint64_t v)
{
    return v >> 32 == UINT32_C(0xffffffff) ? v : 0x7fc00000;
}

static uint64_t unbox_f64(uint64_t v)
{
    return v;
}

static uint64_t extend_f16(uint64_t v)
{
    return (uint64_t)(int16_t)v;
}

static uint64_t extend_f32(uint64_t v)
{
    return box_w(v);
}

static uint64_t extend_f64(uint64_t v)
{
    return v;
}

static uint64_t muladd_f16(SoftFp *s, const uint64_t *v, unsigned options)
{
    return box_f16(
        softfp_muladd_f16(s, unbox_f16(v[0]), unbox_f16(v[1]), unbox_f16(v[2]), options));
}

static uint64_t muladd_f32(SoftFp *s, const uint64_t *v, unsigned options)
{
    return box_f32(
        softfp_muladd_f32(s, unbox_f32(v[0]), unbox_f32(v[1]), unbox_f32(v[2]), options));
}

static uint64_t muladd_f64(SoftFp *s, const uint64_t *v, unsigned options)
{
    return box_f64(softfp_muladd_f64(s, v[0], v[1], v[2], options));
}

/* --- operations
 * ------------------------------------------------------------------------------------ */

typedef enum Type {
    TYPE_f16,
    TYPE_f32,
    TYPE_f64,
    TYPE_w,
    TYPE_l,
    TYPE_x,
} Type;

typedef struct Op {
    const char *name;
    unsigned arity, opcode; /* opcode: of the fused ones, otherwise funct7 */
    Type source, result;
    uint64_t (*soft)(SoftFp *s, const uint64_t *v);
    const char *testfloat;
} Op;

#define DEFINE(name, form, f7, rs2, f3, source, result, soft, testfloat)                           \
    static uint64_t soft_##name(SoftFp *s, const uint64_t *v)                                      \
    {                                                                                              \
        return soft;                                                                               \
    }
FP_ROUNDED_OPS(DEFINE)
FP_FIXED_OPS(DEFINE)

#define OP_ROW(name, form, f7, rs2, f3, source, result, soft, testfloat)                           \
    {#name, FP_ARITY_##form, f7, TYPE_##source, TYPE_##result, soft_##name, testfloat},
static const Op ops[] = {FP_ROUNDED_OPS(OP_ROW) FP_FIXED_OPS(OP_ROW)};

_Static_assert(sizeof ops / sizeof ops[0] == FP_OP_COUNT, "FP_OP_COUNT");

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "vectors: %s\n", what);
    exit(2);
}

static unsigned find_op(const char *name)
{
    for (unsigned i = 0; i < FP_OP_COUNT; i++) {
        if (!strcmp(ops[i].name, name))
            return i;
    }
    die("no such operation");
}

/* --- random operands
 * -------------------------------------------------------------------------------- */

/* xorshift64*. */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/*
 * Specials, values of few bits, and exponents near one another, near the ends, and uniform. `near`
 * is an operand of before, whose neighbour this one sometimes is, so that sums cancel and
 * comparisons are close.
 */
static uint64_t random_float(uint64_t *state, int width, uint64_t near)
{
    int frac_bits = width == 16 ? 10 : width == 32 ? 23 : 52, exp_bits = width - 1 - frac_bits;
    uint64_t frac_mask = (UINT64_C(1) << frac_bits) - 1, max_exp = (UINT64_C(1) << exp_bits) - 1;
    uint64_t pick = random_next(state), bits = random_next(state);
    uint64_t sign = pick >> 63, exp = bits & max_exp, frac = random_next(state) & frac_mask;

    switch (pick & 15) {
    case 0: /* subnormal or NaN */
        exp = bits & 64 ? 0 : max_exp;
        break;
    case 1: /* zero, infinity, their neighbours, the default NaN */
        exp = bits & 64 ? 0 : max_exp;
        frac = bits & 128 ? 0 : bits & 256 ? 1 : UINT64_C(1) << (frac_bits - 1);
        break;
    case 2: /* powers of two and the numbers below them */
        frac = bits & 128 ? 0 : frac_mask;
        break;
    case 3:
        frac &= ~(frac_mask >> (pick >> 16 & 15));
        break;
    case 4:
        frac |= frac_mask >> (pick >> 16 & 31);
        break;
    case 5:
        exp = bits & 3;
        break;
    case 6:
        exp = max_exp - 1 - (bits & 3);
        break;
    case 7:
        return (near + (bits & 7) - 3) ^ (bits >> 8 & 1) << (width - 1);
    case 8:
    case 9:
    case 10:
    case 11:
        exp = max_exp / 2 + (bits & 63) - 31;
        break;
    default:
        break;
    }
    return (sign << exp_bits | (exp & max_exp)) << frac_bits | frac;
}

static uint64_t random_register(uint64_t *state, Type type, uint64_t near)
{
    uint64_t pick = random_next(state);

    switch (type) {
    case TYPE_f16: /* now and then not boxed: a NaN */
        return (pick & 31 ? UINT64_MAX : pick >> 8) << 16 |
               (random_float(state, 16, near) & 0xffff);
    case TYPE_f32:
        return (pick & 31 ? UINT64_MAX : pick >> 8) << 32 |
               (random_float(state, 32, near) & UINT32_MAX);
    case TYPE_f64:
        return random_float(state, 64, near);
    case TYPE_x:
        return random_next(state);
    default: /* a number near a power of two, of any length; the upper half counts only for `l` */
        near = random_next(state) >> (pick & 63);
        if (pick & 64)
            near = (UINT64_C(1) << (pick >> 8 & 63)) + (near & 7) - 4;
        near = pick & 128 ? -near : near;
        return type == TYPE_l ? near : (near & UINT32_MAX) | random_next(state) << 32;
    }
}

/* --- blocks
 * ------------------------------------------------------------------------------------------ */

typedef struct Block {
    FpBlock head;
    uint8_t *flags;
    size_t room;
    long start;
} Block;

static void put_words(const void *data, size_t bytes)
{
    if (fwrite(data, 1, bytes, stdout) != bytes)
        die("cannot write");
}

static void block_begin(Block *b, unsigned op, unsigned rm)
{
    memset(b, 0, sizeof *b);
    b->head = (FpBlock){.magic = FP_MAGIC, .op = op, .rm = rm};
    b->start = ftell(stdout);
    if (b->start < 0)
        die("the output is not a file");
    put_words(&b->head, sizeof b->head);
}

static void block_add(Block *b, const uint64_t *v, uint64_t result, uint8_t flags)
{
    if (b->head.count == b->room) {
        b->room = b->room ? 2 * b->room : 4096;
        b->flags = realloc(b->flags, b->room);
        if (!b->flags)
            die("out of memory");
    }
    b->flags[b->head.count++] = flags;
    put_words(v, ops[b->head.op].arity * sizeof *v);
    put_words(&result, sizeof result);
}

static void block_end(Block *b)
{
    static const uint8_t zeros[8];

    put_words(b->flags, b->head.count);
    put_words(zeros, -b->head.count & 7);
    if (fseek(stdout, b->start, SEEK_SET) != 0)
        die("the output is not a file");
    put_words(&b->head, sizeof b->head);
    fseek(stdout, 0, SEEK_END);
    free(b->flags);
}

static void generate(unsigned op, uint64_t count, uint64_t seed)
{
    unsigned modes = op < FP_FIRST_FIXED ? 5 : 1;

    for (unsigned rm = 0; rm < modes; rm++) {
        uint64_t state = (seed << 16 | op << 4 | rm) * UINT64_C(0x9e3779b97f4a7c15) | 1;
        Block b;
        block_begin(&b, op, rm);
        for (uint64_t i = 0; i < count; i++) {
            SoftFp s = SOFTFP_INIT_RISCV;
            uint64_t v[3] = {0};
            s.rounding = rm;
            for (unsigned k = 0; k < ops[op].arity; k++)
                v[k] = random_register(&state, ops[op].source, v[0]);
            uint64_t result = ops[op].soft(&s, v);
            block_add(&b, v, result, s.flags & SFP_IEEE_FLAGS);
        }
        block_end(&b);
    }
}

static bool is_nan(uint64_t v, Type type)
{
    return (type == TYPE_f16 && (v & 0x7fff) > 0x7c00) ||
           (type == TYPE_f32 && (v & 0x7fffffff) > 0x7f800000) ||
           (type == TYPE_f64 && v << 1 > UINT64_C(0xffe0000000000000));
}

static uint64_t to_register(uint64_t value, Type type)
{
    switch (type) {
    case TYPE_f16:
        return box_f16(value);
    case TYPE_f32:
        return box_f32(value);
    case TYPE_w:
        return box_w(value);
    default:
        return value;
    }
}

static uint64_t sign_of(Type type)
{
    return UINT64_C(1) << (type == TYPE_f16 ? 15 : type == TYPE_f32 ? 31 : 63);
}

static bool convert(unsigned op, unsigned rm, uint64_t every)
{
    const Op *o = &ops[op];
    char line[256];
    uint64_t number = 0, bad = 0;
    Block b;

    block_begin(&b, op, rm);
    while (fgets(line, sizeof line, stdin)) {
        uint64_t v[5] = {0};
        char *p = line;
        if (number++ % every != 0)
            continue;
        for (unsigned k = 0; k < o->arity + 2; k++) {
            char *end;
            v[k] = strtoull(p, &end, 16);
            if (end == p)
                die("not a line of testfloat_gen");
            p = end;
        }
        uint64_t result = v[o->arity];
        uint8_t flags = v[o->arity + 1];
        /* fmsub is a * b - c, fnmsub -(a * b) + c, fnmadd -(a * b) - c: signs that make all of them
         * a * b + c. */
        if (o->arity == 3 && (o->opcode == 0x4b || o->opcode == 0x4f))
            v[0] ^= sign_of(o->source);
        if (o->arity == 3 && (o->opcode == 0x47 || o->opcode == 0x4f))
            v[2] ^= sign_of(o->source);
        for (unsigned k = 0; k < o->arity; k++)
            v[k] = to_register(v[k], o->source);
        result = to_register(result, o->result);

        SoftFp s = SOFTFP_INIT_RISCV;
        s.rounding = rm;
        uint64_t own = o->soft(&s, v);
        uint8_t own_flags = s.flags & SFP_IEEE_FLAGS;
        if ((is_nan(result, o->result) && is_nan(own, o->result)) ||
            ((o->result == TYPE_w || o->result == TYPE_l) && flags == SFP_INVALID))
            result = own;
        if (o->arity == 3 && is_nan(v[2], o->source) && own_flags == SFP_INVALID && flags == 0)
            flags = own_flags;
        if ((result != own || flags != own_flags) && bad++ < 5) {
            fprintf(stderr, "vectors: %s rm %u: softfp gives %" PRIx64 " flags %x for %s", o->name,
                    rm, own, own_flags, line);
        }
        block_add(&b, v, result, flags);
    }
    block_end(&b);
    if (number == 0)
        die("no vectors");
    return bad == 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "list")) {
        for (unsigned i = 0; i < FP_OP_COUNT; i++) {
            printf("%s %s %s\n", ops[i].name, i < FP_FIRST_FIXED ? "rounded" : "fixed",
                   ops[i].testfloat ? ops[i].testfloat : "-");
        }
    } else if (!strcmp(what, "generate") && argc > 4) {
        for (int i = 4; i < argc; i++)
            generate(find_op(argv[i]), strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
    } else if (!strcmp(what, "convert") && argc == 5 && strtoull(argv[4], NULL, 0) > 0) {
        if (!convert(find_op(argv[2]), strtoul(argv[3], NULL, 0) % 5, strtoull(argv[4], NULL, 0)))
            return 1;
    } else if (!strcmp(what, "end")) {
        FpBlock end = {.magic = FP_MAGIC, .op = FP_OP_COUNT};
        put_words(&end, sizeof end);
    } else {
        die("usage: list | generate COUNT SEED NAME... | convert NAME RM EVERY | end");
    }
    return fflush(stdout) != 0;
}

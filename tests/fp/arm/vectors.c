/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Makes the vectors that guest.c executes (format: ops.h) of what testfloat_gen writes; with
 * AARCH32 defined, of ops32.h's instructions.
 *
 *   vectors list                       a line for each operation: name, rounding, TestFloat's
 * function vectors convert NAME FPCR EVERY    a block of every EVERYth vector from standard input
 *   vectors end                        the last header
 *
 * Blocks go to standard output, which must be a file. The expectation is TestFloat's (tininess
 * before rounding); from the Arm ARM (DDI 0487, shared/functions/float in J1.3) comes what it does
 * not know:
 *   NaNs             FPProcessNaNs(), FPProcessNaNs3(), FPConvertNaN(), DN
 *   to integers      saturation, 0 for NaNs
 *   FZ, FZ16         operands that are subnormal are zeros, with IDC but for half precision;
 *                    a result that is tiny is zero, with UFC and without IXC
 * Only with an operand that became zero does tcg/softfp.c say the result, in its plain IEEE mode.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef AARCH32
#include "ops32.h"
#else
#include "ops.h"
#endif
#include "tcg/softfp.h"

typedef enum Type {
    TYPE_f16 = 1,
    TYPE_f32,
    TYPE_f64,
    TYPE_w,
    TYPE_wu,
    TYPE_l,
    TYPE_lu,
    TYPE_b,
    TYPE_m
} Type;

typedef struct Op {
    const char *name;
    unsigned arity;
    Type source, result;
    int rounding;
    const char *testfloat;
} Op;

static const Op ops[] = {
#define ROW(name, arity, source, result, lanes, rounding, negate, insn, testfloat)                 \
    {#name, arity, TYPE_##source, TYPE_##result, rounding, testfloat},
    FPA_OPS(ROW)};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "vectors: %s\n", what);
    exit(2);
}

/* --- formats --- */

static bool is_float(Type t)
{
    return t <= TYPE_f64;
}

static unsigned frac_bits(Type t)
{
    return t == TYPE_f16 ? 10 : t == TYPE_f32 ? 23 : 52;
}

static uint64_t sign_bit(Type t)
{
    return UINT64_C(1) << ((8u << t) - 1);
}

static uint64_t frac_of(Type t, uint64_t v)
{
    return v & ((UINT64_C(1) << frac_bits(t)) - 1);
}

static uint64_t max_exp(Type t)
{
    return (UINT64_C(1) << ((8u << t) - 1 - frac_bits(t))) - 1;
}

static uint64_t exp_of(Type t, uint64_t v)
{
    return v >> frac_bits(t) & max_exp(t);
}

static bool is_nan(Type t, uint64_t v)
{
    return exp_of(t, v) == max_exp(t) && frac_of(t, v);
}

static bool is_inf(Type t, uint64_t v)
{
    return exp_of(t, v) == max_exp(t) && !frac_of(t, v);
}

static uint64_t quiet_bit(Type t)
{
    return UINT64_C(1) << (frac_bits(t) - 1);
}

static bool is_snan(Type t, uint64_t v)
{
    return is_nan(t, v) && !(v & quiet_bit(t));
}

static bool is_subnormal(Type t, uint64_t v)
{
    return exp_of(t, v) == 0 && frac_of(t, v);
}

static bool is_zero(Type t, uint64_t v)
{
    return !(v & ~sign_bit(t));
}

static uint64_t default_nan(Type t)
{
    return max_exp(t) << frac_bits(t) | quiet_bit(t);
}

/* --- what the manual says --- */

static bool does(const Op *o, const char *what)
{
    return strstr(o->testfloat, what) != NULL;
}

static bool is_conversion(const Op *o)
{
    return is_float(o->source) && is_float(o->result) && o->source != o->result;
}

/* The NaN result of operands of which one is a NaN. */
static uint64_t nan_result(const Op *o, uint64_t fpcr, const uint64_t *u, unsigned *fpsr)
{
    static const uint8_t orders[4][3] = {{0}, {0}, {0, 1}, {2, 0, 1}};
    const uint8_t *order = orders[o->arity];
    Type s = o->source, t = o->result;
    int chosen = -1;
    for (unsigned k = 0; k < o->arity && chosen < 0; k++)
        chosen = is_snan(s, u[order[k]]) ? order[k] : -1;
    if (chosen >= 0)
        *fpsr |= FPA_IOC;
    for (unsigned k = 0; k < o->arity && chosen < 0; k++)
        chosen = is_nan(s, u[order[k]]) ? order[k] : -1;
    if (o->arity == 3 && is_nan(s, u[2]) && !is_snan(s, u[2]) &&
        ((is_inf(s, u[0]) && is_zero(s, u[1])) || (is_zero(s, u[0]) && is_inf(s, u[1])))) {
        *fpsr |= FPA_IOC;
        return default_nan(t);
    }
    if (fpcr & FPA_DN)
        return default_nan(t);
    uint64_t v = u[chosen] | quiet_bit(s);
    if (s == t)
        return v;
    int up = (int)frac_bits(t) - (int)frac_bits(s);
    uint64_t frac = up > 0 ? frac_of(s, v) << up : frac_of(s, v) >> -up;
    return (v & sign_bit(s) ? sign_bit(t) : 0) | max_exp(t) << frac_bits(t) | frac;
}

static uint64_t saturated(Type t, bool negative)
{
    switch (t) {
    case TYPE_w:
        return negative ? UINT32_C(0x80000000) : INT32_MAX;
    case TYPE_wu:
        return negative ? 0 : UINT32_MAX;
    case TYPE_l:
        return negative ? UINT64_C(1) << 63 : INT64_MAX;
    default:
        return negative ? 0 : UINT64_MAX;
    }
}

#define BY_SIZE(t, what, ...)                                                                      \
    ((t) == TYPE_f16   ? (uint64_t)softfp_##what##_f16(__VA_ARGS__)                                \
     : (t) == TYPE_f32 ? (uint64_t)softfp_##what##_f32(__VA_ARGS__)                                \
                       : (uint64_t)softfp_##what##_f64(__VA_ARGS__))

/* The operation on operands of which one is zero, in plain IEEE arithmetic. */
static uint64_t compute(const Op *o, SoftFp *s, const uint64_t *u)
{
    Type t = o->source;
    if (does(o, "_add"))
        return BY_SIZE(t, add, s, u[0], u[1]);
    if (does(o, "_sub"))
        return BY_SIZE(t, sub, s, u[0], u[1]);
    if (does(o, "_mulAdd"))
        return BY_SIZE(t, muladd, s, u[0], u[1], u[2], 0);
    if (does(o, "_mul"))
        return BY_SIZE(t, mul, s, u[0], u[1]);
    if (does(o, "_div"))
        return BY_SIZE(t, div, s, u[0], u[1]);
    if (does(o, "_eq"))
        return BY_SIZE(t, eq, s, u[0], u[1]);
    if (does(o, "_le"))
        return does(o, "quiet") ? BY_SIZE(t, leq, s, u[0], u[1]) : BY_SIZE(t, le, s, u[0], u[1]);
    if (does(o, "_lt"))
        return does(o, "quiet") ? BY_SIZE(t, ltq, s, u[0], u[1]) : BY_SIZE(t, lt, s, u[0], u[1]);
    /* One operand, zero: square root, rounding, conversions. */
    return is_float(o->result) && u[0] ? sign_bit(o->result) : 0;
}

static unsigned fpsr_of(unsigned testfloat)
{
    return (testfloat & 16 ? FPA_IOC : 0) | (testfloat & 8 ? FPA_DZC : 0) |
           (testfloat & 4 ? FPA_OFC : 0) | (testfloat & 2 ? FPA_UFC : 0) |
           (testfloat & 1 ? FPA_IXC : 0);
}

static uint64_t expect(const Op *o, uint64_t fpcr, int rounding, const uint64_t *v, uint64_t result,
                       unsigned testfloat, unsigned *fpsr)
{
    static const uint8_t soft_rounding[5] = {SFP_RNE, SFP_RUP, SFP_RDN, SFP_RTZ, SFP_RMM};
    Type s = o->source, t = o->result;
    bool half = s == TYPE_f16;
    bool flush_in = is_float(s) && (half ? fpcr & FPA_FZ16 && !is_conversion(o) : fpcr & FPA_FZ);
    bool flush_out =
        is_float(t) && (t == TYPE_f16 ? fpcr & FPA_FZ16 && !is_conversion(o) : fpcr & FPA_FZ);
    uint64_t u[3] = {0};
    bool flushed = false, nan = false;
    for (unsigned k = 0; k < o->arity; k++) {
        u[k] = v[k];
        if (flush_in && is_subnormal(s, v[k])) {
            u[k] &= sign_bit(s);
            flushed = true;
        }
        nan |= is_float(s) && is_nan(s, u[k]);
    }
    *fpsr = flushed && !half ? FPA_IDC : 0;
    if (nan && is_float(t))
        return nan_result(o, fpcr, u, fpsr);
    if (nan && t < TYPE_b) {
        *fpsr |= FPA_IOC;
        return 0;
    }
    if (flushed) {
        SoftFp soft = SOFTFP_INIT_ARM;
        soft.rounding = soft_rounding[rounding];
        result = compute(o, &soft, u);
        testfloat = soft.flags & SFP_IEEE_FLAGS;
        if (nan && does(o, "signaling"))
            testfloat |= SFP_INVALID;
    }
    *fpsr |= fpsr_of(testfloat);
    if (is_float(t) && is_nan(t, result))
        return default_nan(t);
    if (!is_float(t))
        return t < TYPE_b && testfloat == 16 ? saturated(t, v[0] & sign_bit(s)) : result;
    if (flush_out && (is_subnormal(t, result) || testfloat & 2)) {
        *fpsr = (*fpsr & ~FPA_IXC) | FPA_UFC;
        return result & sign_bit(t);
    }
    return result;
}

/* --- blocks --- */

static void put_bytes(const void *data, size_t bytes)
{
    if (fwrite(data, 1, bytes, stdout) != bytes)
        die("cannot write");
}

static void convert(unsigned op, uint64_t fpcr, uint64_t every)
{
    const Op *o = &ops[op];
    int rounding = o->rounding >= 0 ? o->rounding : (int)(fpcr >> FPA_RMODE_SHIFT & 3);
    FpaBlock head = {.magic = FPA_MAGIC, .op = op, .fpcr = fpcr};
    /* StandardFPSCRValue() */
    bool standard = o->name[0] == 'q';
    uint64_t effective = standard ? (fpcr & FPA_FZ16) | FPA_FZ | FPA_DN : fpcr;
    uint64_t number = 0, room = 0;
    uint8_t *flags = NULL;
    char line[256];
    long start = ftell(stdout);
    if (start < 0)
        die("the output is not a file");
    put_bytes(&head, sizeof head);
    while (fgets(line, sizeof line, stdin)) {
        uint64_t v[5] = {0};
        unsigned fpsr;
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
        uint64_t result =
            expect(o, effective, rounding, v, v[o->arity], (unsigned)v[o->arity + 1], &fpsr);
        if (o->result == TYPE_m)
            result =
                result ? (o->source == TYPE_f64 ? UINT64_MAX : (2 * sign_bit(o->source)) - 1) : 0;
        if (head.count == room) {
            room = room ? 2 * room : 4096;
            flags = realloc(flags, room);
            if (!flags)
                die("out of memory");
        }
        flags[head.count++] = fpsr;
        put_bytes(v, o->arity * sizeof *v);
        put_bytes(&result, sizeof result);
    }
    if (number == 0)
        die("no vectors");
    put_bytes(flags, head.count);
    put_bytes((const uint8_t[8]){0}, -head.count & 7);
    if (fseek(stdout, start, SEEK_SET) != 0)
        die("the output is not a file");
    put_bytes(&head, sizeof head);
    fseek(stdout, 0, SEEK_END);
    free(flags);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const unsigned count = sizeof ops / sizeof ops[0];

    if (!strcmp(what, "list")) {
        for (unsigned i = 0; i < count; i++)
            printf("%s %d %s\n", ops[i].name, ops[i].rounding, ops[i].testfloat);
    } else if (!strcmp(what, "convert") && argc == 5 && strtoull(argv[4], NULL, 0) > 0) {
        unsigned i = 0;
        while (i < count && strcmp(argv[2], ops[i].name))
            i++;
        if (i == count)
            die("no such operation");
        convert(i, strtoull(argv[3], NULL, 0), strtoull(argv[4], NULL, 0));
    } else if (!strcmp(what, "end")) {
        FpaBlock end = {.magic = FPA_MAGIC, .op = FPA_END};
        put_bytes(&end, sizeof end);
    } else {
        die("usage: list | convert NAME FPCR EVERY | end");
    }
    return fflush(stdout) != 0;
}

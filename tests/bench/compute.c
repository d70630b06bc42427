/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The computing kernels of the benchmarks: integer, calls and jumps, interpreter loops, floating
 * point, memory. No C library, so that one source serves the Linux program (init.c) and the
 * bare-metal one (bare.c). Each takes an amount of work and returns a checksum that depends on all
 * of it; tests/bench/run compares the checksums of the two emulators.
 */
#include "bench.h"

static u64 rng_state;
static void seed(u64 s)
{
    rng_state = s * 2685821657736338717ull + 88172645463325252ull;
}
static inline u64 rnd(void)
{
    u64 x = rng_state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return rng_state = x;
}

/* ---- integer ---- */

static u64 sieve(u64 n)
{
    u8 *a = bench_arena;
    u64 sum = 0;
    enum { SIZE = 1 << 20 };
    while (n--) {
        for (u32 i = 0; i < SIZE; i++)
            a[i] = 1;
        for (u32 i = 2; i * i < SIZE; i++)
            if (a[i])
                for (u32 k = i * i; k < SIZE; k += i)
                    a[k] = 0;
        for (u32 i = 2; i < SIZE; i++)
            sum += a[i];
    }
    return sum;
}

static u64 crc32_table(u64 n)
{
    static u32 table[256];
    u8 *a = bench_arena;
    u32 crc = ~0u;
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
        table[i] = c;
    }
    seed(1);
    for (u32 i = 0; i < 65536; i++)
        a[i] = rnd();
    while (n--)
        for (u32 i = 0; i < 65536; i++)
            crc = table[(u8)(crc ^ a[i])] ^ crc >> 8;
    return ~crc;
}

static u64 crc64_bits(u64 n)
{
    u64 crc = 1;
    while (n--)
        for (int i = 0; i < 4096; i++) {
            crc ^= i;
            for (int k = 0; k < 8; k++)
                crc = crc >> 1 ^ (-(crc & 1) & 0xc96c5795d7870f42ull);
        }
    return crc;
}

static void quick_sort(i64 *a, i64 lo, i64 hi)
{
    while (lo < hi) {
        i64 p = a[(lo + hi) >> 1], i = lo, k = hi;
        do {
            while (a[i] < p)
                i++;
            while (a[k] > p)
                k--;
            if (i <= k) {
                i64 t = a[i];
                a[i++] = a[k];
                a[k--] = t;
            }
        } while (i <= k);
        if (k - lo < hi - i) {
            quick_sort(a, lo, k);
            lo = i;
        } else {
            quick_sort(a, i, hi);
            hi = k;
        }
    }
}

static u64 sort(u64 n)
{
    i64 *a = bench_arena;
    u64 sum = 0;
    seed(2);
    while (n--) {
        for (int i = 0; i < 100000; i++)
            a[i] = (i64)rnd() >> 8;
        quick_sort(a, 0, 99999);
        sum = sum * 31 + a[50000];
        for (int i = 1; i < 100000; i++)
            sum += a[i] < a[i - 1];
    }
    return sum;
}

static u64 matmul_int(u64 n)
{
    enum { N = 96 };
    i32(*a)[N] = bench_arena, (*b)[N] = a + N, (*c)[N] = b + N;
    u64 sum = 0;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            a[i][k] = i * 7 + k, b[i][k] = i - k * 3;
    while (n--) {
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++) {
                i32 s = 0;
                for (int j = 0; j < N; j++)
                    s += a[i][j] * b[j][k];
                c[i][k] = s;
            }
        sum += c[3][5] + (u64)c[N - 1][N - 2];
        a[n % N][3] += 1;
    }
    return sum;
}

/* Records, strings, short functions: what a systems program of the eighties looked like. */
struct record {
    struct record *next;
    int kind, number;
    char text[32];
};
static __attribute__((noinline)) int text_compare(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (u8)*a - (u8)*b;
}
static __attribute__((noinline)) void text_copy(char *d, const char *s)
{
    while ((*d++ = *s++))
        ;
}
static __attribute__((noinline)) int classify(int kind, int x)
{
    switch (kind) {
    case 0:
        return x + 1;
    case 1:
        return x * 3;
    case 2:
        return x > 100 ? x - 100 : x;
    case 3:
        return x ^ 0x55;
    case 4:
        return x / 5;
    default:
        return -x;
    }
}
static u64 records(u64 n)
{
    struct record *r = bench_arena;
    static const char *const names[] = {"SOME STRING, NUMBER ONE", "SOME STRING, NUMBER TWO",
                                        "ANOTHER TEXT", "SOME STRING, NUMBER SIX"};
    u64 sum = 0;
    for (int i = 0; i < 64; i++) {
        r[i].next = &r[(i * 37 + 11) % 64];
        r[i].kind = i % 6;
        r[i].number = i;
    }
    struct record *p = r;
    while (n--)
        for (int i = 0; i < 1000; i++) {
            text_copy(p->text, names[(i + p->number) & 3]);
            p->number = classify(p->kind, p->number);
            if (text_compare(p->text, p->next->text) > 0)
                p->kind = (p->kind + 1) % 6;
            sum += p->number;
            p = p->next;
        }
    return sum;
}

static u64 hash_table(u64 n, u32 bits)
{
    u64 *t = bench_arena;
    u64 mask = (1ull << bits) - 1;
    for (u64 i = 0; i <= mask; i++)
        t[i] = i;
    seed(3);
    u64 x = 1;
    while (n--)
        for (int i = 0; i < 100000; i++) {
            x = x * 6364136223846793005ull + 1442695040888963407ull;
            u64 k = x >> (64 - bits);
            t[k] = t[k] * 31 + (x & 0xff);
        }
    for (u64 i = 0; i <= mask; i += 7)
        x ^= t[i];
    return x;
}
static u64 hash_1m(u64 n)
{
    return hash_table(n, 17);
}
static u64 hash_64m(u64 n)
{
    return hash_table(n, 23);
}

static u64 queens_step(u32 all, u32 cols, u32 left, u32 right)
{
    if (cols == all)
        return 1;
    u64 count = 0;
    for (u32 free = all & ~(cols | left | right); free;) {
        u32 bit = free & -free;
        free ^= bit;
        count += queens_step(all, cols | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return count;
}
static u64 queens(u64 n)
{
    u64 sum = 0;
    while (n--)
        sum += queens_step((1 << 9) - 1, 0, 0, 0);
    return sum;
}

static u64 gcd_div(u64 n)
{
    u64 sum = 0;
    seed(4);
    while (n--)
        for (int i = 0; i < 1000; i++) {
            u64 a = rnd() >> 20, b = rnd() >> 24 | 1;
            while (b) {
                u64 t = a % b;
                a = b;
                b = t;
            }
            sum += a;
        }
    return sum;
}

#define ROR(x, k) ((x) >> (k) | (x) << (32 - (k)))
static u64 sha256(u64 n)
{
    static u32 k[64], h[8], w[64];
    seed(5);
    for (int i = 0; i < 64; i++)
        k[i] = rnd();
    for (int i = 0; i < 8; i++)
        h[i] = rnd();
    while (n--)
        for (int b = 0; b < 64; b++) {
            for (int i = 0; i < 16; i++)
                w[i] = h[i & 7] * 2654435761u + i + b;
            for (int i = 16; i < 64; i++) {
                u32 x = w[i - 15], y = w[i - 2];
                w[i] = w[i - 16] + (ROR(x, 7) ^ ROR(x, 18) ^ x >> 3) + w[i - 7] +
                       (ROR(y, 17) ^ ROR(y, 19) ^ y >> 10);
            }
            u32 s[8];
            for (int i = 0; i < 8; i++)
                s[i] = h[i];
            for (int i = 0; i < 64; i++) {
                u32 t1 = s[7] + (ROR(s[4], 6) ^ ROR(s[4], 11) ^ ROR(s[4], 25)) +
                         ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
                u32 t2 = (ROR(s[0], 2) ^ ROR(s[0], 13) ^ ROR(s[0], 22)) +
                         ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
                for (int j = 7; j > 0; j--)
                    s[j] = s[j - 1];
                s[4] += t1;
                s[0] = t1 + t2;
            }
            for (int i = 0; i < 8; i++)
                h[i] += s[i];
        }
    return (u64)h[0] << 32 | h[7];
}

/* ---- calls and jumps ---- */

static __attribute__((noinline)) u64 fib_step(u64 n)
{
    return n < 2 ? n : fib_step(n - 1) + fib_step(n - 2);
}
static u64 fib(u64 n)
{
    u64 sum = 0;
    while (n--)
        sum += fib_step(24);
    return sum;
}

static __attribute__((noinline)) i64 tak_step(i64 x, i64 y, i64 z)
{
    return y >= x ? z
                  : tak_step(tak_step(x - 1, y, z), tak_step(y - 1, z, x), tak_step(z - 1, x, y));
}
static u64 tak(u64 n)
{
    u64 sum = 0;
    while (n--)
        sum += tak_step(14, 8, 3);
    return sum;
}

#define FUNC(i, e)                                                                                 \
    static __attribute__((noinline)) u64 func##i(u64 x)                                            \
    {                                                                                              \
        return e;                                                                                  \
    }
FUNC(0, x + 1)
FUNC(1, x * 3)
FUNC(2, x ^ x >> 7)
FUNC(3, x - 5) FUNC(4, x << 1 | x >> 63) FUNC(5, ~x) FUNC(6, x + (x >> 3))
    FUNC(7, x * 5 + 1) static u64 (*const volatile funcs[8])(u64) = {func0, func1, func2, func3,
                                                                     func4, func5, func6, func7};
static u64 indirect_calls(u64 n)
{
    u64 x = 1, r = 12345;
    while (n--)
        for (int i = 0; i < 10000; i++) {
            r = r * 1103515245 + 12345;
            x = funcs[r >> 20 & 7](x);
        }
    return x;
}

static u64 indirect_same(u64 n)
{
    u64 x = 1;
    while (n--)
        for (int i = 0; i < 10000; i++)
            x = funcs[i & 1](x);
    return x;
}

/* A jump table of 64 targets, none of which is alike: a decoder, a parser. */
#define CASE(i, e)                                                                                 \
    case i:                                                                                        \
        x = e;                                                                                     \
        break;
#define CASES(i)                                                                                   \
    CASE(i, x + i * 3 + 1)                                                                         \
    CASE(i + 1, x * (2 * i + 3))                                                                   \
    CASE(i + 2, x ^ x >> (i % 13 + 1))                                                             \
    CASE(i + 3, (x << 3 | x >> 61) - i)                                                            \
    CASE(i + 4, ~x + i)                                                                            \
    CASE(i + 5, x - (x >> (i % 7 + 2)))                                                            \
    CASE(i + 6, x + (x << (i % 5 + 1)))                                                            \
    CASE(i + 7, (x ^ i) * 9)
static __attribute__((noinline)) u64 jump_step(u32 which, u64 x)
{
    switch (which) {
        CASES(0)
        CASES(8)
        CASES(16)
        CASES(24)
        CASES(32)
        CASES(40)
        CASES(48)
        CASES(56)
    }
    return x;
}
static u64 jump_table(u64 n)
{
    u64 x = 1, r = 12345;
    while (n--)
        for (int i = 0; i < 10000; i++) {
            r = r * 6364136223846793005ull + 1442695040888963407ull;
            x = jump_step(r >> 58, x);
        }
    return x;
}
/* The same jump with targets in a short cycle: what a history of jumps predicts and a guess per
 * site does not. */
static u64 jump_cycle(u64 n)
{
    static const u8 cycle[8] = {3, 17, 3, 40, 61, 17, 8, 25};
    u64 x = 1;
    while (n--)
        for (int i = 0; i < 10000; i++)
            x = jump_step(cycle[i & 7], x);
    return x;
}

/* Objects of four classes behind one call site, most of them of one class. */
struct object;
struct class
{
    u64 (*visit)(struct object *, u64);
    u64 (*weight)(const struct object *);
};
struct object {
    const struct class *class;
    struct object *next;
    u64 value;
};
static u64 visit_leaf(struct object *o, u64 x)
{
    return o->value += x >> 3;
}
static u64 visit_pair(struct object *o, u64 x)
{
    return o->value ^ o->next->class->weight(o->next) ^ x;
}
static u64 visit_sum(struct object *o, u64 x)
{
    return x + o->value * 3;
}
static u64 visit_shift(struct object *o, u64 x)
{
    return x << (o->value & 7) | x >> 57;
}
static u64 weight_value(const struct object *o)
{
    return o->value;
}
static u64 weight_one(const struct object *o)
{
    return 1;
}
static u64 virtual_calls(u64 n)
{
    static const struct class classes[4] = {{visit_leaf, weight_value},
                                            {visit_pair, weight_one},
                                            {visit_sum, weight_value},
                                            {visit_shift, weight_one}};
    static struct object o[64];
    u64 x = 1;
    seed(9);
    for (int i = 0; i < 64; i++) {
        u64 r = rnd() >> 40 & 15;
        o[i].class = &classes[r < 12 ? 0 : r - 12];
        o[i].next = &o[(i * 29 + 5) % 64];
        o[i].value = i;
    }
    struct object *p = o;
    while (n--)
        for (int i = 0; i < 10000; i++) {
            x = p->class->visit(p, x);
            p = p->next;
        }
    return x;
}

/* Two stacks that hand control to each other: each return goes where another call came from. */
void bench_switch_stack(void **from, void *to);
#if defined(__riscv)
__asm__(
    ".text\n.globl bench_switch_stack\nbench_switch_stack:\n"
    "addi sp, sp, -112\n"
    "sd ra, 0(sp)\nsd s0, 8(sp)\nsd s1, 16(sp)\nsd s2, 24(sp)\nsd s3, 32(sp)\nsd s4, 40(sp)\n"
    "sd s5, 48(sp)\nsd s6, 56(sp)\nsd s7, 64(sp)\nsd s8, 72(sp)\nsd s9, 80(sp)\nsd s10, 88(sp)\n"
    "sd s11, 96(sp)\nsd sp, 0(a0)\nmv sp, a1\n"
    "ld ra, 0(sp)\nld s0, 8(sp)\nld s1, 16(sp)\nld s2, 24(sp)\nld s3, 32(sp)\nld s4, 40(sp)\n"
    "ld s5, 48(sp)\nld s6, 56(sp)\nld s7, 64(sp)\nld s8, 72(sp)\nld s9, 80(sp)\nld s10, 88(sp)\n"
    "ld s11, 96(sp)\naddi sp, sp, 112\nret\n");
enum { FRAME_WORDS = 14, FRAME_RETURN = 0 };
#elif defined(__aarch64__)
__asm__(".text\n.globl bench_switch_stack\nbench_switch_stack:\n"
        "stp x29, x30, [sp, -96]!\nstp x19, x20, [sp, 16]\nstp x21, x22, [sp, 32]\n"
        "stp x23, x24, [sp, 48]\nstp x25, x26, [sp, 64]\nstp x27, x28, [sp, 80]\n"
        "mov x2, sp\nstr x2, [x0]\nmov sp, x1\n"
        "ldp x19, x20, [sp, 16]\nldp x21, x22, [sp, 32]\nldp x23, x24, [sp, 48]\n"
        "ldp x25, x26, [sp, 64]\nldp x27, x28, [sp, 80]\nldp x29, x30, [sp], 96\nret\n");
enum { FRAME_WORDS = 12, FRAME_RETURN = 1 };
#elif defined(__arm__)
__asm__(".text\n.arm\n.globl bench_switch_stack\n.type bench_switch_stack, "
        "%function\nbench_switch_stack:\n"
        "push {r3-r11, lr}\nstr sp, [r0]\nmov sp, r1\npop {r3-r11, pc}\n");
enum { FRAME_WORDS = 10, FRAME_RETURN = 9 };
#else
__asm__(".text\n.globl bench_switch_stack\nbench_switch_stack:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n");
enum { FRAME_WORDS = 8, FRAME_RETURN = 6 };
#endif
static void *main_stack, *other_stack;
static u64 passed;
static void other_side(void)
{
    for (;;) {
        passed = passed * 5 + 1;
        bench_switch_stack(&other_stack, main_stack);
        passed ^= passed >> 9;
        bench_switch_stack(&other_stack, main_stack);
    }
}
static u64 coroutine(u64 n)
{
    void **top = (void **)((char *)bench_arena + 65536) - FRAME_WORDS;
    top[FRAME_RETURN] = (void *)other_side;
    other_stack = top;
    passed = 1;
    for (u64 i = 0; i < n * 1000; i++) {
        passed += i;
        bench_switch_stack(&main_stack, other_stack);
    }
    return passed;
}

/* Out of eight calls at once. */
static void *jump_buffer[5];
static __attribute__((noinline)) u64 descend(u64 depth, u64 x)
{
    if (!depth)
        __builtin_longjmp(jump_buffer, 1);
    return descend(depth - 1, x) * 3 + 1;
}
static __attribute__((noinline)) u64 try_descent(u64 depth, u64 x)
{
    if (!__builtin_setjmp(jump_buffer))
        return descend(depth, x);
    return passed * 5 + 1;
}
static u64 long_jumps(u64 n)
{
    passed = 1;
    for (u64 i = 0; i < n * 1000; i++)
        passed = try_descent(8, i);
    return passed;
}

/* ---- interpreter loops ---- */

enum { OP_ADD, OP_SUB, OP_MUL, OP_XOR, OP_SHR, OP_LOAD, OP_STORE, OP_INC, OP_DEC, OP_JNZ, OP_HALT };
static const u8 program[] = {
    /* r0 = n; do { r1 += r2; r2 ^= r0; r3 = mem[r2 & 63]; r3 += r1; mem[...] = r3; r4 = r4 * r3 >>
       3 ...; r0-- } while (r0) */
    OP_ADD, 1, 2, OP_XOR, 2, 0, OP_LOAD, 3, 2, OP_ADD, 3, 1, OP_STORE, 3, 2,
    OP_MUL, 4, 3, OP_SHR, 4, 5, OP_ADD,  4, 1, OP_SUB, 2, 4, OP_INC,   6, 0,
    OP_DEC, 0, 0, OP_JNZ, 0, 0, OP_HALT, 0, 0};

static u64 vm_switch(u64 n)
{
    u64 r[8] = {0, 1, 2, 3, 4, 3, 6, 7}, *mem = bench_arena;
    for (int i = 0; i < 64; i++)
        mem[i] = i;
    r[0] = n * 1000;
    for (const u8 *pc = program;; pc += 3) {
        u32 a = pc[1], b = pc[2];
        switch (pc[0]) {
        case OP_ADD:
            r[a] += r[b];
            break;
        case OP_SUB:
            r[a] -= r[b];
            break;
        case OP_MUL:
            r[a] *= r[b];
            break;
        case OP_XOR:
            r[a] ^= r[b];
            break;
        case OP_SHR:
            r[a] >>= r[b] & 63;
            break;
        case OP_LOAD:
            r[a] = mem[r[b] & 63];
            break;
        case OP_STORE:
            mem[r[b] & 63] = r[a];
            break;
        case OP_INC:
            r[a]++;
            break;
        case OP_DEC:
            r[a]--;
            break;
        case OP_JNZ:
            if (r[a])
                pc = program - 3;
            break;
        case OP_HALT:
            return r[1] ^ r[4];
        }
    }
}

static u64 vm_goto(u64 n)
{
    static const void *const label[] = {&&add,   &&sub, &&mul, &&xor, &&shr, &&load,
                                        &&store, &&inc, &&dec, &&jnz, &&halt};
    u64 r[8] = {0, 1, 2, 3, 4, 3, 6, 7}, *mem = bench_arena;
    for (int i = 0; i < 64; i++)
        mem[i] = i;
    r[0] = n * 1000;
    const u8 *pc = program;
#define NEXT                                                                                       \
    do {                                                                                           \
        pc += 3;                                                                                   \
        goto *label[pc[0]];                                                                        \
    } while (0)
#define A r[pc[1]]
#define B r[pc[2]]
    goto *label[pc[0]];
add:
    A += B;
    NEXT;
sub:
    A -= B;
    NEXT;
mul:
    A *= B;
    NEXT;
    xor : A ^= B;
    NEXT;
shr:
    A >>= B & 63;
    NEXT;
load:
    A = mem[B & 63];
    NEXT;
store:
    mem[B & 63] = A;
    NEXT;
inc:
    A++;
    NEXT;
dec:
    A--;
    NEXT;
jnz:
    if (A)
        pc = program - 3;
    NEXT;
halt:
    return r[1] ^ r[4];
}

/* ---- floating point ---- */

static u64 bits_of(double d)
{
    union {
        double d;
        u64 u;
    } x = {d};
    return x.u;
}

static u64 nbody(u64 n)
{
    static struct {
        double x[3], v[3], m;
    } b[5];
    seed(6);
    for (int i = 0; i < 5; i++) {
        b[i].m = 1.0 / (1 + i);
        for (int k = 0; k < 3; k++)
            b[i].x[k] = (double)(rnd() & 0xffff) / 4096, b[i].v[k] = (double)(rnd() & 0xff) / 65536;
    }
    n *= 1000;
    while (n--) {
        for (int i = 0; i < 5; i++)
            for (int j = i + 1; j < 5; j++) {
                double dx = b[i].x[0] - b[j].x[0], dy = b[i].x[1] - b[j].x[1],
                       dz = b[i].x[2] - b[j].x[2];
                double d2 = dx * dx + dy * dy + dz * dz + 0.01,
                       mag = 0.001 / (d2 * __builtin_sqrt(d2));
                b[i].v[0] -= dx * b[j].m * mag, b[i].v[1] -= dy * b[j].m * mag,
                    b[i].v[2] -= dz * b[j].m * mag;
                b[j].v[0] += dx * b[i].m * mag, b[j].v[1] += dy * b[i].m * mag,
                    b[j].v[2] += dz * b[i].m * mag;
            }
        for (int i = 0; i < 5; i++)
            for (int k = 0; k < 3; k++)
                b[i].x[k] += 0.001 * b[i].v[k];
    }
    return bits_of(b[0].x[0]) ^ bits_of(b[4].v[2]);
}

static u64 mandelbrot(u64 n)
{
    u64 sum = 0;
    while (n--)
        for (int y = 0; y < 32; y++)
            for (int x = 0; x < 48; x++) {
                double cr = x / 16.0 - 2.2 + n * 1e-6, ci = y / 12.0 - 1.33, zr = 0, zi = 0;
                int i = 0;
                for (; i < 200; i++) {
                    double r2 = zr * zr, i2 = zi * zi;
                    if (r2 + i2 > 4.0)
                        break;
                    zi = 2 * zr * zi + ci;
                    zr = r2 - i2 + cr;
                }
                sum += i;
            }
    return sum;
}

#define MATMUL(name, type, N)                                                                      \
    static u64 name(u64 n)                                                                         \
    {                                                                                              \
        type(*a)[N] = bench_arena, (*b)[N] = a + N, (*c)[N] = b + N;                               \
        for (int i = 0; i < N; i++)                                                                \
            for (int k = 0; k < N; k++)                                                            \
                a[i][k] = (type)(i + 1) / (k + 1), b[i][k] = (type)(i - k) / N;                    \
        double sum = 0;                                                                            \
        while (n--) {                                                                              \
            for (int i = 0; i < N; i++)                                                            \
                for (int k = 0; k < N; k++) {                                                      \
                    type s = 0;                                                                    \
                    for (int j = 0; j < N; j++)                                                    \
                        s += a[i][j] * b[j][k];                                                    \
                    c[i][k] = s;                                                                   \
                }                                                                                  \
            sum += c[3][5] + c[N - 1][N - 2];                                                      \
            a[n % N][7] += (type)0.5;                                                              \
        }                                                                                          \
        return bits_of(sum);                                                                       \
    }
MATMUL(matmul_f64, double, 80)
MATMUL(matmul_f32, float, 80)

static u64 convert(u64 n)
{
    u64 sum = 0;
    seed(7);
    while (n--)
        for (int i = 0; i < 10000; i++) {
            i64 v = (i64)rnd() >> 16;
            double d = (double)v * 0.37;
            float f = (float)d;
            sum += (i64)d + (i32)(f * 1e-6f) + (u32)(i32)(d - (double)(i64)d > 0.5);
        }
    return sum;
}

static u64 polynomial(u64 n)
{
    double x = 0.123, sum = 0;
    while (n--)
        for (int i = 0; i < 10000; i++) {
            double p = 1.0 / 5040;
            p = p * x + 1.0 / 720, p = p * x + 1.0 / 120, p = p * x + 1.0 / 24;
            p = p * x + 1.0 / 6, p = p * x + 0.5, p = p * x + 1, p = p * x + 1;
            sum += p;
            x = x * 0.999 + 0.0005;
        }
    return bits_of(sum);
}

static u64 spectral(u64 n)
{
    enum { N = 64 };
    double u[N], v[N], t[N];
    for (int i = 0; i < N; i++)
        u[i] = 1;
    while (n--) {
        for (int pass = 0; pass < 4; pass++) {
            double *in = pass == 0   ? u
                         : pass == 1 ? t
                         : pass == 2 ? v
                                     : t,
                   *out = pass & 1 ? (pass == 1 ? v : u) : t;
            for (int i = 0; i < N; i++) {
                double s = 0;
                for (int j = 0; j < N; j++)
                    s += in[j] / (double)(pass & 1 ? (i + j) * (i + j + 1) / 2 + j + 1
                                                   : (i + j) * (i + j + 1) / 2 + i + 1);
                out[i] = s;
            }
        }
        double m = 0;
        for (int i = 0; i < N; i++)
            m = m > u[i] ? m : u[i];
        for (int i = 0; i < N; i++)
            u[i] /= m;
    }
    return bits_of(u[5]) ^ bits_of(v[N - 1]);
}

static u64 fft(u64 n)
{
    enum { N = 1024 };
    double(*x)[2] = bench_arena, (*w)[2] = x + N;
    for (int i = 0; i < N; i++)
        x[i][0] = (i * 37 % 101) / 101.0, x[i][1] = 0;
    double cr = 0.99998117528260111, ci = -0.0061358846491544753; /* e^(-2 pi i / 1024) */
    w[0][0] = 1, w[0][1] = 0;
    for (int i = 1; i < N / 2; i++)
        w[i][0] = w[i - 1][0] * cr - w[i - 1][1] * ci,
        w[i][1] = w[i - 1][0] * ci + w[i - 1][1] * cr;
    while (n--) {
        for (int len = N / 2, step = 1; len; len >>= 1, step <<= 1)
            for (int s = 0; s < N; s += 2 * len)
                for (int i = 0; i < len; i++) {
                    double *a = x[s + i], *b = x[s + i + len], *t = w[i * step];
                    double dr = a[0] - b[0], di = a[1] - b[1];
                    a[0] = (a[0] + b[0]) * 0.5, a[1] = (a[1] + b[1]) * 0.5;
                    b[0] = (dr * t[0] - di * t[1]) * 0.5, b[1] = (dr * t[1] + di * t[0]) * 0.5;
                }
        for (int i = 0; i < N; i++)
            x[i][0] += (i & 15) * 0.01;
    }
    return bits_of(x[1][0]) ^ bits_of(x[N - 1][1]);
}

/* ---- memory ---- */

static u64 copy(u64 n)
{
    u64 *a = bench_arena, *b = a + (1 << 17);
    for (u32 i = 0; i < 1 << 17; i++)
        a[i] = i;
    while (n--) {
        for (u32 i = 0; i < 1 << 17; i += 4) {
            u64 p = a[i], q = a[i + 1], r = a[i + 2], s = a[i + 3];
            b[i] = p, b[i + 1] = q, b[i + 2] = r, b[i + 3] = s;
        }
        a[n & 0xffff] = b[n & 0xfff] + 1;
    }
    return b[7] + b[(1 << 17) - 1];
}

static u64 copy_bytes(u64 n)
{
    u8 *a = bench_arena, *b = a + (1 << 18);
    for (u32 i = 0; i < 1 << 16; i++)
        a[i] = i;
    while (n--) {
        for (u32 i = 0; i < 1 << 16; i++) {
            b[i] = a[i];
            __asm__ volatile("" ::: "memory");
        }
        a[n & 0xffff] ^= b[n & 0xfff];
    }
    return b[7] + b[(1 << 16) - 1];
}

static u64 chase(u64 n)
{
    /* a random cycle through 4 MiB, one node each 64 bytes */
    enum { NODES = 1 << 16 };
    u64(*p)[8] = bench_arena;
    u32 *order = (u32 *)(p + NODES);
    for (u32 i = 0; i < NODES; i++)
        order[i] = i;
    seed(8);
    for (u32 i = NODES - 1; i > 0; i--) {
        u32 k = rnd() % i, t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    for (u32 i = 0; i < NODES; i++)
        p[order[i]][0] = order[(i + 1) % NODES];
    u64 at = 0;
    n *= 100000;
    while (n--)
        at = p[at][0];
    return at;
}

static u64 fill(u64 n)
{
    u64 *a = bench_arena, sum = 0;
    while (n--) {
        for (u32 i = 0; i < 1 << 18; i++)
            a[i] = n;
        sum += a[n & 0x3ffff];
    }
    return sum;
}

static u64 stride(u64 n)
{
    /* one access in each of 4096 pages: the TLB's reach */
    u8 *a = bench_arena;
    u64 sum = 0;
    while (n--)
        for (u32 i = 0; i < 4096; i++) {
            u8 *p = a + (i * 4096ul + (i * 64 & 4095));
            sum += *p;
            *p += 1;
        }
    return sum;
}

const struct bench_kernel bench_compute[] = {{"integer", "sieve", sieve, 40},
                                             {"integer", "crc32", crc32_table, 1500},
                                             {"integer", "crc64-bits", crc64_bits, 15000},
                                             {"integer", "sort", sort, 40},
                                             {"integer", "matmul-int", matmul_int, 150},
                                             {"integer", "records", records, 4000},
                                             {"integer", "hash-1m", hash_1m, 50},
                                             {"integer", "hash-64m", hash_64m, 15},
                                             {"integer", "queens", queens, 1200},
                                             {"integer", "gcd", gcd_div, 4000},
                                             {"integer", "sha256", sha256, 3000},
                                             {"calls", "fib", fib, 300},
                                             {"calls", "tak", tak, 1200},
                                             {"calls", "indirect", indirect_calls, 1200},
                                             {"calls", "indirect-two", indirect_same, 1500},
                                             {"calls", "jump-table", jump_table, 1000},
                                             {"calls", "jump-cycle", jump_cycle, 1500},
                                             {"calls", "virtual", virtual_calls, 1000},
                                             {"calls", "coroutine", coroutine, 8000},
                                             {"calls", "longjmp", long_jumps, 4000},
                                             {"interpreter", "vm-switch", vm_switch, 2000},
                                             {"interpreter", "vm-goto", vm_goto, 2000},
                                             {"fp", "nbody", nbody, 400},
                                             {"fp", "mandelbrot", mandelbrot, 250},
                                             {"fp", "matmul-f64", matmul_f64, 150},
                                             {"fp", "matmul-f32", matmul_f32, 150},
                                             {"fp", "convert", convert, 1000},
                                             {"fp", "polynomial", polynomial, 1200},
                                             {"fp", "spectral", spectral, 2500},
                                             {"fp", "fft", fft, 1500},
                                             {"memory", "copy", copy, 400},
                                             {"memory", "copy-bytes", copy_bytes, 4000},
                                             {"memory", "chase", chase, 25},
                                             {"memory", "fill", fill, 1200},
                                             {"memory", "stride", stride, 600},
                                             {0, 0, 0, 0}};

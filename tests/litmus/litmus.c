/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Litmus tests of the guest's memory model, on bare metal with two or four CPUs (NHARTS; only the
 * shapes for that many run): message passing, store buffering, load buffering, independent reads of
 * independent writes, coherence of one location, counters that several CPUs increment. What orders
 * the accesses, and whether the outcome is forbidden then, says riscv.h (RVWMO, unprivileged
 * specification, chapter 17 and appendix A) or arm64.h (DDI 0487, B2.3).
 *
 * Each shape runs over arrays of instances, all harts at once, in rounds; between rounds hart 0
 * counts outcomes. A shape marked forbidden must show none of its outcome. The others are counted
 * only: they say whether the run was relaxed enough to mean something. Prints a line for each
 * shape; the program's status is 1 if something forbidden was seen, where the board has one.
 */
typedef unsigned long u64;
typedef unsigned int u32;

enum { N = NHARTS > 2 ? 2048 : 256, HARTS = 4 };
#ifndef ROUNDS
#define ROUNDS 400
#endif

struct cell {
    volatile u32 v;
    char pad[60];
};
static struct cell x[N], y[N];
static volatile u32 r[HARTS][2][N];
static volatile u32 arrived, phase;

static u32 mp_seen(u32 i)
{
    return r[1][0][i] && !r[1][1][i];
}

#ifdef __aarch64__
#include "arm64.h"
#else
#include "riscv.h"
#endif
#ifndef COUNTERS_END
#define COUNTERS_END
#endif

/* All harts of a shape meet here. */
static void meet(u32 harts)
{
    u32 p = phase;
    if (FETCH_ADD(&arrived, 1) == harts - 1) {
        arrived = 0;
        FULL_FENCE;
        phase = p + 1;
    } else {
        while (phase == p)
            ;
    }
    FULL_FENCE;
}

typedef void body(u32 i);
typedef u32 verdict(u32 i); /* is this the outcome in question? */

/* Store buffering: both read the old value. */
#define SB(n, name, forbidden, write, between, read)                                               \
    static void sb##n##_0(u32 i)                                                                   \
    {                                                                                              \
        u32 a, one = 1;                                                                            \
        write(x[i], one);                                                                          \
        between;                                                                                   \
        read(a, y[i]);                                                                             \
        r[0][0][i] = a;                                                                            \
    }                                                                                              \
    static void sb##n##_1(u32 i)                                                                   \
    {                                                                                              \
        u32 a, one = 1;                                                                            \
        write(y[i], one);                                                                          \
        between;                                                                                   \
        read(a, x[i]);                                                                             \
        r[1][0][i] = a;                                                                            \
    }
SB_VARIANTS(SB)
static u32 sb_seen(u32 i)
{
    return !r[0][0][i] && !r[1][0][i];
}

/* Message passing: the flag is seen, the data is not. */
#define MP(n, name, forbidden, flag_write, w_between, flag_read, r_between)                        \
    static void mp##n##_0(u32 i)                                                                   \
    {                                                                                              \
        u32 one = 1;                                                                               \
        STORE(x[i], one);                                                                          \
        w_between;                                                                                 \
        flag_write(y[i], one);                                                                     \
    }                                                                                              \
    static void mp##n##_1(u32 i)                                                                   \
    {                                                                                              \
        u32 a, b;                                                                                  \
        flag_read(a, y[i]);                                                                        \
        r_between;                                                                                 \
        LOAD(b, x[i]);                                                                             \
        r[1][0][i] = a;                                                                            \
        r[1][1][i] = b;                                                                            \
    }
MP_VARIANTS(MP)

/* Load buffering: each reads what the other writes afterwards. */
#define LB(n, name, forbidden, read, between, write)                                               \
    static void lb##n##_0(u32 i)                                                                   \
    {                                                                                              \
        u32 a, one = 1;                                                                            \
        read(a, x[i]);                                                                             \
        between;                                                                                   \
        write(y[i], one);                                                                          \
        r[0][0][i] = a;                                                                            \
    }                                                                                              \
    static void lb##n##_1(u32 i)                                                                   \
    {                                                                                              \
        u32 a, one = 1;                                                                            \
        read(a, y[i]);                                                                             \
        between;                                                                                   \
        write(x[i], one);                                                                          \
        r[1][0][i] = a;                                                                            \
    }
LB_VARIANTS(LB)
static u32 lb_seen(u32 i)
{
    return r[0][0][i] && r[1][0][i];
}

/* Two writers, two readers that disagree about the order. */
#define IRIW(n, name, forbidden, write, read, between)                                             \
    static void iriw##n##_0(u32 i)                                                                 \
    {                                                                                              \
        u32 one = 1;                                                                               \
        write(x[i], one);                                                                          \
    }                                                                                              \
    static void iriw##n##_1(u32 i)                                                                 \
    {                                                                                              \
        u32 one = 1;                                                                               \
        write(y[i], one);                                                                          \
    }                                                                                              \
    static void iriw##n##_2(u32 i)                                                                 \
    {                                                                                              \
        u32 a, b;                                                                                  \
        read(a, x[i]);                                                                             \
        between;                                                                                   \
        read(b, y[i]);                                                                             \
        r[2][0][i] = a;                                                                            \
        r[2][1][i] = b;                                                                            \
    }                                                                                              \
    static void iriw##n##_3(u32 i)                                                                 \
    {                                                                                              \
        u32 a, b;                                                                                  \
        read(a, y[i]);                                                                             \
        between;                                                                                   \
        read(b, x[i]);                                                                             \
        r[3][0][i] = a;                                                                            \
        r[3][1][i] = b;                                                                            \
    }
IRIW_VARIANTS(IRIW)
static u32 iriw_seen(u32 i)
{
    return r[2][0][i] && !r[2][1][i] && r[3][0][i] && !r[3][1][i];
}

/* Coherence: two reads of one location never go back. */
static void co_write(u32 i)
{
    u32 one = 1, two = 2;
    STORE(x[i], one);
    STORE(x[i], two);
}
static void co_read(u32 i)
{
    u32 a, b;
    LOAD(a, x[i]);
    LOAD(b, x[i]);
    r[1][0][i] = a;
    r[1][1][i] = b;
}
static u32 co_seen(u32 i)
{
    return r[1][0][i] > r[1][1][i];
}

#define SB_SHAPE(n, name, forbidden, ...) {name, 2, forbidden, {sb##n##_0, sb##n##_1}, sb_seen, 0},
#define MP_SHAPE(n, name, forbidden, ...) {name, 2, forbidden, {mp##n##_0, mp##n##_1}, mp_seen, 0},
#define LB_SHAPE(n, name, forbidden, ...) {name, 2, forbidden, {lb##n##_0, lb##n##_1}, lb_seen, 0},
#define IRIW_SHAPE(n, name, forbidden, ...)                                                        \
    {name, 4, forbidden, {iriw##n##_0, iriw##n##_1, iriw##n##_2, iriw##n##_3}, iriw_seen, 0},

static const struct shape {
    const char *name;
    u32 harts, forbidden;
    body *run[HARTS];
    verdict *seen;       /* of counters: none */
    void (*reset)(void); /* before each round; may be none */
} shapes[] = {
    SB_VARIANTS(SB_SHAPE) MP_VARIANTS(MP_SHAPE) LB_VARIANTS(LB_SHAPE)
        IRIW_VARIANTS(IRIW_SHAPE) /* */
    {"CoRR", 2, 1, {co_write, co_read}, co_seen, 0},
    MORE_SHAPES /* */
    {"counters", 2, 1, {count, count}, 0, 0},
    {"counters, 4 harts", 4, 1, {count, count, count, count}, 0, 0},
};

static void put_text(const char *s)
{
    while (*s)
        put(*s++);
}
static void put_number(u64 v)
{
    char b[24];
    int n = 0;
    do
        b[n++] = '0' + v % 10;
    while (v /= 10);
    while (n)
        put(b[--n]);
}

void litmus_main(u32 hart)
{
    u32 bad = 0;
    for (u32 s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        const struct shape *sh = &shapes[s];
        u64 seen = 0;
        if (sh->harts != NHARTS)
            continue;
        for (u32 k = 0; k < ROUNDS; k++) {
            if (hart == 0) {
                for (u32 i = 0; i < N; i++)
                    x[i].v = y[i].v = 0;
                if (sh->reset)
                    sh->reset();
            }
            meet(NHARTS);
            for (volatile u32 d = (k * 7 + hart * 13) % 29; d; d--) /* vary who is ahead */
                ;
            for (u32 i = 0; i < N; i++)
                sh->run[hart](i);
            meet(NHARTS);
            if (hart == 0 && sh->seen)
                for (u32 i = 0; i < N; i++)
                    seen += sh->seen(i);
        }
        if (hart == 0) {
            u64 total = (u64)ROUNDS * N;
            COUNTERS_END;
            for (u32 c = 0; !sh->seen && c < COUNTERS; c++)
                seen += counter[c] != (u32)(total * NHARTS);
            put_text(sh->name);
            put_text(": ");
            put_number(seen);
            put_text(" of ");
            put_number(total);
            put_text(sh->forbidden && seen ? " FORBIDDEN\n"
                     : sh->forbidden       ? " ok\n"
                                           : " allowed\n");
            bad += sh->forbidden && seen;
        }
    }
    meet(NHARTS);
    if (hart == 0) {
        finish(bad);
        return;
    }
    for (;;)
        idle();
}

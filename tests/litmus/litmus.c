/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Litmus tests of RVWMO (unprivileged specification, chapter 17 and appendix A), on bare metal with
 * two or four harts (NHARTS; only the shapes for that many run): message passing, store buffering,
 * load buffering, independent reads of independent writes, coherence of one location, with fences,
 * acquire and release, AMOs and LR/SC, and counters that several harts increment.
 *
 * Each shape runs over arrays of instances, all harts at once, in rounds; between rounds hart 0
 * counts outcomes. A shape marked forbidden must show none of its outcome. The others are counted
 * only: they say whether the run was relaxed enough to mean something. Prints a line for each
 * shape, then ends through the finisher, status 1 if something forbidden was seen.
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
static volatile u32 counter_amo, counter_lrsc, counter_lock, lock_word;
static u32 bad;

#define ADDI(p, v)                                                                                 \
    ({                                                                                             \
        u32 o_;                                                                                    \
        __asm__ volatile("amoadd.w.aqrl %0, %2, %1" : "=r"(o_), "+A"(*(p)) : "r"(v) : "memory");   \
        o_;                                                                                        \
    })

/* All harts of a shape meet here. */
static void meet(u32 harts)
{
    u32 p = phase;
    if (ADDI(&arrived, 1) == harts - 1) {
        arrived = 0;
        __asm__ volatile("fence rw, rw" ::: "memory");
        phase = p + 1;
    } else {
        while (phase == p)
            ;
    }
    __asm__ volatile("fence rw, rw" ::: "memory");
}

#define LOAD(d, c)  __asm__ volatile("lw %0, %1" : "=r"(d) : "m"((c).v) : "memory")
#define STORE(c, s) __asm__ volatile("sw %1, %0" : "=m"((c).v) : "r"(s) : "memory")
#define FENCE(a, b) __asm__ volatile("fence " #a ", " #b ::: "memory")
#define SWAP(c, s, order)                                                                          \
    __asm__ volatile("amoswap.w" order " zero, %1, %0" : "+A"((c).v) : "r"(s) : "memory")
#define AMO_LOAD(d, c, order)                                                                      \
    __asm__ volatile("amoor.w" order " %0, zero, %1" : "=r"(d), "+A"((c).v) : : "memory")
#define LRSC(c, s, lr, sc)                                                                         \
    do {                                                                                           \
        u32 t_;                                                                                    \
        __asm__ volatile("1: lr.w" lr " %0, %1\n\tsc.w" sc " %0, %2, %1\n\tbnez %0, 1b"            \
                         : "=&r"(t_), "+A"((c).v)                                                  \
                         : "r"(s)                                                                  \
                         : "memory");                                                              \
    } while (0)
#define LR(d, c, order) __asm__ volatile("lr.w" order " %0, %1" : "=r"(d), "+A"((c).v) : : "memory")

typedef void body(u32 i);
typedef u32 verdict(u32 i); /* is this the outcome in question? */

/* Store buffering: both read the old value. */
#define SB(name, write, between)                                                                   \
    static void name##0(u32 i)                                                                     \
    {                                                                                              \
        u32 a, one = 1;                                                                            \
        write(x[i], one);                                                                          \
        between;                                                                                   \
        LOAD(a, y[i]);                                                                             \
        r[0][0][i] = a;                                                                            \
    }                                                                                              \
    static void name##1(u32 i)                                                                     \
    {                                                                                              \
        u32 a, one = 1;                                                                            \
        write(y[i], one);                                                                          \
        between;                                                                                   \
        LOAD(a, x[i]);                                                                             \
        r[1][0][i] = a;                                                                            \
    }
#define W_PLAIN(c, v) STORE(c, v)
#define W_AMO(c, v)   SWAP(c, v, ".aqrl")
#define W_LRSC(c, v)  LRSC(c, v, ".aqrl", ".aqrl")
SB(sb_plain, W_PLAIN, )
SB(sb_fence, W_PLAIN, FENCE(rw, rw))
SB(sb_fence_wr, W_PLAIN, FENCE(w, r))
SB(sb_amo, W_AMO, )
SB(sb_lrsc, W_LRSC, )
static u32 sb_seen(u32 i)
{
    return !r[0][0][i] && !r[1][0][i];
}

/* Message passing: the flag is seen, the data is not. */
#define MP(name, flag_write, w_between, flag_read, r_between)                                      \
    static void name##0(u32 i)                                                                     \
    {                                                                                              \
        u32 one = 1;                                                                               \
        STORE(x[i], one);                                                                          \
        w_between;                                                                                 \
        flag_write(y[i], one);                                                                     \
    }                                                                                              \
    static void name##1(u32 i)                                                                     \
    {                                                                                              \
        u32 a, b;                                                                                  \
        flag_read(a, y[i]);                                                                        \
        r_between;                                                                                 \
        LOAD(b, x[i]);                                                                             \
        r[1][0][i] = a;                                                                            \
        r[1][1][i] = b;                                                                            \
    }
#define W_AMO_RL(c, v)  SWAP(c, v, ".rl")
#define W_LRSC_RL(c, v) LRSC(c, v, "", ".rl")
#define R_PLAIN(d, c)   LOAD(d, c)
#define R_AMO_AQ(d, c)  AMO_LOAD(d, c, ".aq")
#define R_LR_AQ(d, c)   LR(d, c, ".aq")
MP(mp_plain, W_PLAIN, , R_PLAIN, )
MP(mp_fence, W_PLAIN, FENCE(w, w), R_PLAIN, FENCE(r, r))
MP(mp_tso, W_PLAIN,
   __asm__ volatile("fence.tso" ::
                        : "memory"),
   R_PLAIN,
   __asm__ volatile("fence.tso" ::
                        : "memory"))
MP(mp_amo, W_AMO_RL, , R_AMO_AQ, )
MP(mp_lrsc, W_LRSC_RL, , R_LR_AQ, )
static u32 mp_seen(u32 i)
{
    return r[1][0][i] && !r[1][1][i];
}

/* Load buffering: each reads what the other writes afterwards. */
#define LB(name, between)                                                                          \
    static void name##0(u32 i)                                                                     \
    {                                                                                              \
        u32 a, one = 1;                                                                            \
        LOAD(a, x[i]);                                                                             \
        between;                                                                                   \
        STORE(y[i], one);                                                                          \
        r[0][0][i] = a;                                                                            \
    }                                                                                              \
    static void name##1(u32 i)                                                                     \
    {                                                                                              \
        u32 a, one = 1;                                                                            \
        LOAD(a, y[i]);                                                                             \
        between;                                                                                   \
        STORE(x[i], one);                                                                          \
        r[1][0][i] = a;                                                                            \
    }
LB(lb_plain, )
LB(lb_fence, FENCE(r, w))
static u32 lb_seen(u32 i)
{
    return r[0][0][i] && r[1][0][i];
}

/* Two writers, two readers that disagree about the order. */
static void iriw_w0(u32 i)
{
    u32 one = 1;
    STORE(x[i], one);
}
static void iriw_w1(u32 i)
{
    u32 one = 1;
    STORE(y[i], one);
}
#define IRIW(name, between)                                                                        \
    static void name##2(u32 i)                                                                     \
    {                                                                                              \
        u32 a, b;                                                                                  \
        LOAD(a, x[i]);                                                                             \
        between;                                                                                   \
        LOAD(b, y[i]);                                                                             \
        r[2][0][i] = a;                                                                            \
        r[2][1][i] = b;                                                                            \
    }                                                                                              \
    static void name##3(u32 i)                                                                     \
    {                                                                                              \
        u32 a, b;                                                                                  \
        LOAD(a, y[i]);                                                                             \
        between;                                                                                   \
        LOAD(b, x[i]);                                                                             \
        r[3][0][i] = a;                                                                            \
        r[3][1][i] = b;                                                                            \
    }
IRIW(iriw_plain, )
IRIW(iriw_fence, FENCE(rw, rw))
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

/* Counters: every increment counts. */
static void count(u32 i)
{
    u32 t;
    __asm__ volatile("amoadd.w zero, %1, %0" : "+A"(counter_amo) : "r"(1) : "memory");
    __asm__ volatile("1: lr.w %0, %1\n\taddi %0, %0, 1\n\tsc.w %0, %0, %1\n\tbnez %0, 1b"
                     : "=&r"(t), "+A"(counter_lrsc)
                     :
                     : "memory");
    do
        __asm__ volatile("amoswap.w.aq %0, %2, %1" : "=r"(t), "+A"(lock_word) : "r"(1) : "memory");
    while (t);
    counter_lock++;
    __asm__ volatile("amoswap.w.rl zero, zero, %0" : "+A"(lock_word) : : "memory");
}

static const struct shape {
    const char *name;
    u32 harts, forbidden;
    body *run[HARTS];
    verdict *seen;
} shapes[] = {
    {"SB", 2, 0, {sb_plain0, sb_plain1}, sb_seen},
    {"SB+fence.rw.rw", 2, 1, {sb_fence0, sb_fence1}, sb_seen},
    {"SB+fence.w.r", 2, 1, {sb_fence_wr0, sb_fence_wr1}, sb_seen},
    {"SB+amoswap.aqrl", 2, 1, {sb_amo0, sb_amo1}, sb_seen},
    {"SB+lr-sc.aqrl", 2, 1, {sb_lrsc0, sb_lrsc1}, sb_seen},
    {"MP", 2, 0, {mp_plain0, mp_plain1}, mp_seen},
    {"MP+fence.w.w+fence.r.r", 2, 1, {mp_fence0, mp_fence1}, mp_seen},
    {"MP+fence.tso", 2, 1, {mp_tso0, mp_tso1}, mp_seen},
    {"MP+amo.rl+amo.aq", 2, 1, {mp_amo0, mp_amo1}, mp_seen},
    {"MP+sc.rl+lr.aq", 2, 1, {mp_lrsc0, mp_lrsc1}, mp_seen},
    {"LB", 2, 0, {lb_plain0, lb_plain1}, lb_seen},
    {"LB+fence.r.w", 2, 1, {lb_fence0, lb_fence1}, lb_seen},
    {"CoRR", 2, 1, {co_write, co_read}, co_seen},
    {"IRIW", 4, 0, {iriw_w0, iriw_w1, iriw_plain2, iriw_plain3}, iriw_seen},
    {"IRIW+fence.rw.rw", 4, 1, {iriw_w0, iriw_w1, iriw_fence2, iriw_fence3}, iriw_seen},
    {"counters", 2, 1, {count, count}, 0},
};

static void put(char c)
{
    *(volatile unsigned char *)0x10000000 = c;
}
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
    for (u32 s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        const struct shape *sh = &shapes[s];
        u64 seen = 0;
        if (sh->harts != NHARTS)
            continue;
        for (u32 k = 0; k < ROUNDS; k++) {
            if (hart == 0)
                for (u32 i = 0; i < N; i++)
                    x[i].v = y[i].v = 0;
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
            if (!sh->seen)
                seen = counter_amo + counter_lrsc + (u64)counter_lock != 3 * total * NHARTS;
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
    if (hart == 0)
        *(volatile u32 *)0x100000 = bad ? 0x13333 : 0x5555;
    for (;;)
        __asm__ volatile("wfi");
}

__asm__(".section .text.init, \"ax\"\n"
        ".globl _start\n"
        "_start: csrr a0, mhartid\n"
        ".option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
        "slli t0, a0, 14\n"
        "li sp, 0x81010000\n"
        "add sp, sp, t0\n"
        "j litmus_main\n");

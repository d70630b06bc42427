/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * litmus.c on RISC-V: instructions, variants of the shapes that RVWMO forbids or allows, the board.
 */
#define LOAD(d, c)  __asm__ volatile("lw %0, %1" : "=r"(d) : "m"((c).v) : "memory")
#define STORE(c, s) __asm__ volatile("sw %1, %0" : "=m"((c).v) : "r"(s) : "memory")
#define FENCE(a, b) __asm__ volatile("fence " #a ", " #b ::: "memory")
#define FULL_FENCE  FENCE(rw, rw)
#define FENCE_TSO   __asm__ volatile("fence.tso" ::: "memory")
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
#define FETCH_ADD(p, v)                                                                            \
    ({                                                                                             \
        u32 o_;                                                                                    \
        __asm__ volatile("amoadd.w.aqrl %0, %2, %1" : "=r"(o_), "+A"(*(p)) : "r"(v) : "memory");   \
        o_;                                                                                        \
    })

#define W_AMO(c, v)     SWAP(c, v, ".aqrl")
#define W_LRSC(c, v)    LRSC(c, v, ".aqrl", ".aqrl")
#define W_AMO_RL(c, v)  SWAP(c, v, ".rl")
#define W_LRSC_RL(c, v) LRSC(c, v, "", ".rl")
#define R_AMO_AQ(d, c)  AMO_LOAD(d, c, ".aq")
#define R_LR_AQ(d, c)   LR(d, c, ".aq")

/* X(number, name, forbidden, ...) */
#define SB_VARIANTS(X) /* write, between, read */                                                  \
    X(0, "SB", 0, STORE, , LOAD)                                                                   \
    X(1, "SB+fence.rw.rw", 1, STORE, FENCE(rw, rw), LOAD)                                          \
    X(2, "SB+fence.w.r", 1, STORE, FENCE(w, r), LOAD)                                              \
    X(3, "SB+amoswap.aqrl", 1, W_AMO, , LOAD)                                                      \
    X(4, "SB+lr-sc.aqrl", 1, W_LRSC, , LOAD)
#define MP_VARIANTS(X) /* flag's write, what is before it; flag's read, what is behind it */       \
    X(0, "MP", 0, STORE, , LOAD, )                                                                 \
    X(1, "MP+fence.w.w+fence.r.r", 1, STORE, FENCE(w, w), LOAD, FENCE(r, r))                       \
    X(2, "MP+fence.tso", 1, STORE, FENCE_TSO, LOAD, FENCE_TSO)                                     \
    X(3, "MP+amo.rl+amo.aq", 1, W_AMO_RL, , R_AMO_AQ, )                                            \
    X(4, "MP+sc.rl+lr.aq", 1, W_LRSC_RL, , R_LR_AQ, )
#define LB_VARIANTS(X) /* read, between, write */                                                  \
    X(0, "LB", 0, LOAD, , STORE)                                                                   \
    X(1, "LB+fence.r.w", 1, LOAD, FENCE(r, w), STORE)
#define IRIW_VARIANTS(X) /* write, first read, between */                                          \
    X(0, "IRIW", 0, STORE, LOAD, )                                                                 \
    X(1, "IRIW+fence.rw.rw", 1, STORE, LOAD, FENCE(rw, rw))

/* Counters that several harts increment: each way of doing it. */
enum { COUNTERS = 3 };
static volatile u32 counter[COUNTERS];
static volatile u32 lock_word;
static void count(u32 i)
{
    u32 t;
    __asm__ volatile("amoadd.w zero, %1, %0" : "+A"(counter[0]) : "r"(1) : "memory");
    __asm__ volatile("1: lr.w %0, %1\n\taddi %0, %0, 1\n\tsc.w %0, %0, %1\n\tbnez %0, 1b"
                     : "=&r"(t), "+A"(counter[1])
                     :
                     : "memory");
    do
        __asm__ volatile("amoswap.w.aq %0, %2, %1" : "=r"(t), "+A"(lock_word) : "r"(1) : "memory");
    while (t);
    counter[2]++;
    __asm__ volatile("amoswap.w.rl zero, zero, %0" : "+A"(lock_word) : : "memory");
}

#define MORE_SHAPES

static void put(char c)
{
    *(volatile unsigned char *)0x10000000 = c;
}

static void finish(u32 bad)
{
    *(volatile u32 *)0x100000 = bad ? 0x13333 : 0x5555;
}

static inline void idle(void)
{
    __asm__ volatile("wfi");
}

__asm__(".section .text.init, \"ax\"\n"
        ".globl _start\n"
        "_start: csrr a0, mhartid\n"
        ".option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
        "slli t0, a0, 14\n"
        "li sp, 0x81010000\n"
        "add sp, sp, t0\n"
        "call litmus_main\n1: wfi\nj 1b\n");

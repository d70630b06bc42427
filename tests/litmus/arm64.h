/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * litmus.c on arm64, with the MMU on: instructions, variants of the shapes with what the memory
 * model of DDI 0487, B2.3 forbids of them, remapped pages, the board.
 */
#include "../boot/bare/a64.h"

#define LOAD(d, c)    __asm__ volatile("ldr %w0, %1" : "=r"(d) : "m"((c).v) : "memory")
#define STORE(c, s)   __asm__ volatile("str %w1, %0" : "=m"((c).v) : "r"(s) : "memory")
#define LDAR(d, c)    __asm__ volatile("ldar %w0, %1" : "=r"(d) : "Q"((c).v) : "memory")
#define LDAPR(d, c)   __asm__ volatile("ldapr %w0, %1" : "=r"(d) : "Q"((c).v) : "memory")
#define STLR(c, s)    __asm__ volatile("stlr %w1, %0" : "=Q"((c).v) : "r"(s) : "memory")
#define DMB(kind)     __asm__ volatile("dmb " #kind ::: "memory")
#define FULL_FENCE    DMB(ish)
#define DSB           __asm__ volatile("dsb ish" ::: "memory")
#define ISB           __asm__ volatile("isb" ::: "memory")
#define SWPAL(c, s)   __asm__ volatile("swpal %w1, wzr, %0" : "+Q"((c).v) : "r"(s) : "memory")
#define SWPL(c, s)    __asm__ volatile("swpl %w1, wzr, %0" : "+Q"((c).v) : "r"(s) : "memory")
#define LDADDA(d, c)  __asm__ volatile("ldadda wzr, %w0, %1" : "=r"(d), "+Q"((c).v)::"memory")
#define LDADDAL(d, c) __asm__ volatile("ldaddal wzr, %w0, %1" : "=r"(d), "+Q"((c).v)::"memory")
#define CASAL(c, s)                                                                                \
    do {                                                                                           \
        u32 t_ = 0;                                                                                \
        __asm__ volatile("casal %w0, %w2, %1" : "+r"(t_), "+Q"((c).v) : "r"(s) : "memory");        \
    } while (0)
#define LLSC(c, s, ld, st)                                                                         \
    do {                                                                                           \
        u32 t_;                                                                                    \
        __asm__ volatile("1: " ld " %w0, %1\n\t" st " %w0, %w2, %1\n\tcbnz %w0, 1b"                \
                         : "=&r"(t_), "+Q"((c).v)                                                  \
                         : "r"(s)                                                                  \
                         : "memory");                                                              \
    } while (0)
#define W_LLSC(c, v)    LLSC(c, v, "ldxr", "stxr")
#define W_LLSC_L(c, v)  LLSC(c, v, "ldxr", "stlxr")
#define W_LLSC_AL(c, v) LLSC(c, v, "ldaxr", "stlxr")
#define LDAXR(d, c)     __asm__ volatile("ldaxr %w0, %1" : "=r"(d) : "Q"((c).v) : "memory")
/* The second read's address depends on the first one's value. */
#define ADDRESS(d, v)                                                                              \
    __asm__ volatile("eor %w0, %w1, %w1\n\tldr %w0, [%2, %w0, uxtw]"                               \
                     : "=&r"(d)                                                                    \
                     : "r"(v), "r"(&x[i])                                                          \
                     : "memory")
#define FETCH_ADD(p, v)                                                                            \
    ({                                                                                             \
        u32 o_;                                                                                    \
        __asm__ volatile("ldaddal %w2, %w0, %1" : "=r"(o_), "+Q"(*(p)) : "r"(v) : "memory");       \
        o_;                                                                                        \
    })

/* X(number, name, forbidden, ...) */
#define SB_VARIANTS(X) /* write, between, read */                                                  \
    X(0, "SB", 0, STORE, , LOAD)                                                                   \
    X(1, "SB+dmb.sy", 1, STORE, DMB(sy), LOAD)                                                     \
    X(2, "SB+dmb.ish", 1, STORE, DMB(ish), LOAD)                                                   \
    X(3, "SB+dsb", 1, STORE, DSB, LOAD)                                                            \
    X(4, "SB+dmb.ishst", 0, STORE, DMB(ishst), LOAD)                                               \
    X(5, "SB+stlr+ldar", 1, STLR, , LDAR)                                                          \
    X(6, "SB+stlr+ldapr", 0, STLR, , LDAPR)                                                        \
    X(7, "SB+swpal+ldaddal", 1, SWPAL, , LDADDAL)                                                  \
    X(8, "SB+ldaxr-stlxr+ldar", 1, W_LLSC_AL, , LDAR)                                              \
    X(9, "SB+casal+ldar", 1, CASAL, , LDAR)                                                        \
    X(10, "SB+stxr", 0, W_LLSC, , LOAD)
#define MP_VARIANTS(X) /* flag's write, what is before it; flag's read, what is behind it */       \
    X(0, "MP", 0, STORE, , LOAD, )                                                                 \
    X(1, "MP+dmb.ishst+dmb.ishld", 1, STORE, DMB(ishst), LOAD, DMB(ishld))                         \
    X(2, "MP+dmb.ish", 1, STORE, DMB(ish), LOAD, DMB(ish))                                         \
    X(3, "MP+stlr+ldar", 1, STLR, , LDAR, )                                                        \
    X(4, "MP+stlr+ldapr", 1, STLR, , LDAPR, )                                                      \
    X(5, "MP+swpl+ldadda", 1, SWPL, , LDADDA, )                                                    \
    X(6, "MP+stlxr+ldaxr", 1, W_LLSC_L, , LDAXR, )                                                 \
    X(7, "MP+dmb.ishst+isb", 0, STORE, DMB(ishst), LOAD, ISB)
#define LB_VARIANTS(X) /* read, between, write */                                                  \
    X(0, "LB", 0, LOAD, , STORE)                                                                   \
    X(1, "LB+dmb.ishld", 1, LOAD, DMB(ishld), STORE)                                               \
    X(2, "LB+ldar", 1, LDAR, , STORE)                                                              \
    X(3, "LB+stlr", 1, LOAD, , STLR)                                                               \
    X(4, "LB+ldaxr", 1, LDAXR, , STORE)
#define IRIW_VARIANTS(X) /* write, first read, between */                                          \
    X(0, "IRIW", 0, STORE, LOAD, )                                                                 \
    X(1, "IRIW+dmb.ish", 1, STORE, LOAD, DMB(ish))                                                 \
    X(2, "IRIW+dmb.ishld", 1, STORE, LOAD, DMB(ishld))                                             \
    X(3, "IRIW+ldar", 1, STORE, LDAR, )                                                            \
    X(4, "IRIW+stlr+ldar", 1, STLR, LDAR, )                                                        \
    X(5, "IRIW+stxr+ldaxr", 1, W_LLSC, LDAXR, )

/* Counters that several CPUs increment: each way of doing it, unaligned ones inside 16 bytes too.
 */
enum { COUNTERS = 6 };
static volatile u32 counter[COUNTERS];
static volatile u64 pair_counter[2] __attribute__((aligned(16)));
static volatile u32 odd_counter[4] __attribute__((aligned(16)));
static volatile u32 lock_word;
static void count(u32 i)
{
    u32 t, n;
    __asm__ volatile("stadd %w1, %0" : "+Q"(counter[0]) : "r"(1) : "memory");
    __asm__ volatile("1: ldxr %w0, %2\n\tadd %w0, %w0, 1\n\tstxr %w1, %w0, %2\n\tcbnz %w1, 1b"
                     : "=&r"(n), "=&r"(t), "+Q"(counter[1])
                     :
                     : "memory");
    do {
        n = counter[2];
        t = n;
        __asm__ volatile("cas %w0, %w2, %1" : "+r"(t), "+Q"(counter[2]) : "r"(n + 1) : "memory");
    } while (t != n);
    do
        __asm__ volatile("swpa %w2, %w0, %1" : "=&r"(t), "+Q"(lock_word) : "r"(1) : "memory");
    while (t);
    counter[3]++;
    __asm__ volatile("stlr wzr, %0" : "=Q"(lock_word) : : "memory");
    {
        u64 a, b;
        __asm__ volatile("1: ldxp %0, %1, %3\n\tadd %0, %0, 1\n\tsub %1, %1, 1\n\t"
                         "stxp %w2, %0, %1, %3\n\tcbnz %w2, 1b"
                         : "=&r"(a), "=&r"(b), "=&r"(t), "+Q"(pair_counter)
                         :
                         : "memory");
        counter[4] = pair_counter[0];
    }
    {
        volatile u32 *odd = (volatile u32 *)((char *)odd_counter + 5);
        __asm__ volatile("stadd %w1, [%0]" : : "r"(odd), "r"(1) : "memory");
        __asm__ volatile("ldr %w0, [%1]" : "=r"(t) : "r"(odd) : "memory");
        counter[5] = t;
    }
}
/* The last two are copies that may be behind. */
#define COUNTERS_END                                                                               \
    do {                                                                                           \
        counter[4] = pair_counter[0];                                                              \
        counter[5] = odd_counter[1] >> 8 | odd_counter[2] << 24;                                   \
    } while (0)

/* Message passing by dependency of the address. */
static void mp_addr0(u32 i)
{
    u32 one = 1;
    STORE(x[i], one);
    DMB(ishst);
    STORE(y[i], one);
}
static void mp_addr1(u32 i)
{
    u32 a, b;
    LOAD(a, y[i]);
    ADDRESS(b, a);
    r[1][0][i] = a;
    r[1][1][i] = b;
}

/* Pairs of 16 aligned bytes are not torn (LSE2). */
static volatile u64 pair[2] __attribute__((aligned(16)));
static void pair0(u32 i)
{
    for (u64 v = 1; v < 8; v++)
        __asm__ volatile("stp %1, %1, %0" : "=Q"(pair) : "r"(v) : "memory");
}
static void pair1(u32 i)
{
    u64 a, b;
    __asm__ volatile("ldp %0, %1, %2" : "=&r"(a), "=&r"(b) : "Q"(pair) : "memory");
    r[1][0][i] = a;
    r[1][1][i] = b;
}
static u32 pair_seen(u32 i)
{
    return r[1][0][i] != r[1][1][i];
}

/*
 * Remapped pages. CPU 0 maps one address to another page each time, invalidates the old entry as
 * the architecture asks for (D8.13), and then says so: from then on nobody reads, writes or
 * executes the old page.
 */
#define REMAP_VA 0x1000000000ul
static u64 remap_page[2][512] __attribute__((aligned(4096)));
static u64 *remap_pte;
static struct cell remapped;

/* One in so many instances: others wait for the CPUs that run them. */
enum { REMAP_EACH = 32 };

static void remap_to(u32 n, u64 flags)
{
    *(volatile u64 *)remap_pte = 0;
    DSB;
    __asm__ volatile("tlbi vaae1is, %0\n\tdsb ish" : : "r"(REMAP_VA >> 12) : "memory");
    *(volatile u64 *)remap_pte = (u64)remap_page[n & 1] | flags;
    __asm__ volatile("dsb ishst\n\tisb" ::: "memory");
}

/* Readers. The page has the number of its generation. */
static void remap_read0(u32 i)
{
    if (i % REMAP_EACH)
        return;
    i /= REMAP_EACH;
    *(volatile u64 *)&remap_page[(i + 1) & 1][8] = i + 1;
    remap_to(i + 1, PTE_PAGE | PTE_RAM);
    STLR(remapped, i + 1);
}
static u32 stale_reads;
/* The page may be unmapped for a moment: a fault is none of its readers' business. */
static void remap_read1(u32 i)
{
    u32 now;
    u64 v = ~0ul;
    LDAR(now, remapped);
    __asm__ volatile("ldr %0, [%1]" : "+r"(v) : "r"(REMAP_VA + 64) : "memory");
    if (v < now) /* an instruction that faults is skipped: v stays */
        FETCH_ADD(&stale_reads, 1);
    r[1][0][i] = 0;
}

/* Writers: what CPU 0 has taken away does not change any more. */
static u32 late_writes;
static void remap_write0(u32 i)
{
    if (i % REMAP_EACH)
        return;
    i /= REMAP_EACH;
    remap_to(i + 1, PTE_PAGE | PTE_RAM);
    volatile u64 *old = &remap_page[i & 1][16];
    u64 before = *old;
    for (volatile u32 d = i % 50; d; d--)
        ;
    if (*old != before)
        FETCH_ADD(&late_writes, 1);
}
static void remap_write1(u32 i)
{
    for (u32 k = 0; k < 20; k++)
        __asm__ volatile("str %0, [%1]" : : "r"((u64)i << 8 | k), "r"(REMAP_VA + 128) : "memory");
}

/* Execution: mov w0, #generation; ret. */
static u32 stale_code;
static void remap_code0(u32 i)
{
    if (i % REMAP_EACH)
        return;
    i /= REMAP_EACH;
    volatile u32 *c = (volatile u32 *)&remap_page[(i + 1) & 1][32];
    c[0] = 0x52800000 | ((i + 1) & 0xffff) << 5;
    c[1] = 0xd65f03c0;
    __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb"
                     :
                     : "r"(c)
                     : "memory");
    remap_to(i + 1, PTE_PAGE | PTE_RAM | PTE_RO);
    STLR(remapped, i + 1);
}
static void remap_code1(u32 i)
{
    u32 now;
    LDAR(now, remapped);
    ISB;
    if (now) {
        register u64 x0 __asm__("x0") = 0xffff;
        /* If it is unmapped right now, the fault returns behind the call. */
        __asm__ volatile("adrp x9, trap\n\tadd x9, x9, :lo12:trap\n\tblr %1"
                         : "+r"(x0)
                         : "r"(REMAP_VA + 256)
                         : "x9", "x30", "memory");
        if (x0 < now)
            FETCH_ADD(&stale_code, 1);
    }
    r[1][0][i] = 0;
}
static void remap_reset(void)
{
    remapped.v = 0;
    *(volatile u64 *)&remap_page[0][8] = 0;
    remap_to(0, PTE_PAGE | PTE_RAM);
}
static u32 remap_seen(u32 i)
{
    u32 n = i ? 0 : stale_reads + late_writes + stale_code;
    if (!i)
        stale_reads = late_writes = stale_code = 0;
    return n;
}

#define MORE_SHAPES                                                                                \
    {"MP+dmb.ishst+addr", 2, 1, {mp_addr0, mp_addr1}, mp_seen, 0},                                 \
        {"pairs", 2, 1, {pair0, pair1}, pair_seen, 0},                                             \
        {"pairs, 4 CPUs", 4, 1, {pair0, pair1, pair0, pair1}, pair_seen, 0},                       \
        {"remap, reads", 2, 1, {remap_read0, remap_read1}, remap_seen, remap_reset},               \
        {"remap, writes", 2, 1, {remap_write0, remap_write1}, remap_seen, remap_reset},            \
        {"remap, reads, 4 CPUs",                                                                   \
         4,                                                                                        \
         1,                                                                                        \
         {remap_read0, remap_read1, remap_read1, remap_read1},                                     \
         remap_seen,                                                                               \
         remap_reset},                                                                             \
        {"remap, writes, 4 CPUs",                                                                  \
         4,                                                                                        \
         1,                                                                                        \
         {remap_write0, remap_write1, remap_write1, remap_write1},                                 \
         remap_seen,                                                                               \
         remap_reset},                                                                             \
        {"remap, code", 2, 1, {remap_code0, remap_code1}, remap_seen, remap_reset},                \
        {"remap, code, 4 CPUs",                                                                    \
         4,                                                                                        \
         1,                                                                                        \
         {remap_code0, remap_code1, remap_code1, remap_code1},                                     \
         remap_seen,                                                                               \
         remap_reset},

static void put(char c)
{
    putch(c);
}

static void finish(u32 bad)
{
    failures = bad;
}

static inline void idle(void)
{
    __asm__ volatile("wfi");
}

void litmus_main(u32 hart);
void second_main(u32 hart);
static u64 *litmus_root;

__asm__(
    ".text\nsecond_start: mov x1, 0x46000000\nadd x1, x1, x0, lsl 16\nmov sp, x1\nb second_main\n");

void second_main(u32 hart)
{
    MSR("vbar_el1", vectors_el1);
    mmu_on(litmus_root);
    litmus_main(hart);
}

static void run(void)
{
    extern char second_start[];
    litmus_root = identity();
    remap_pte = pte(litmus_root, REMAP_VA, 3);
    mmu_on(litmus_root);
    for (u64 i = 1; i < NHARTS; i++) {
        register u64 x0 __asm__("x0") = 0xc4000003;
        register u64 x1 __asm__("x1") = i;
        register u64 x2 __asm__("x2") = (u64)second_start;
        register u64 x3 __asm__("x3") = i;
        __asm__ volatile("hvc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3) : "memory");
    }
    litmus_main(0);
}

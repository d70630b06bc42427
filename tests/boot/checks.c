/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * An /init that checks the machine from inside Linux: processors, integer and FP arithmetic,
 * signals, processes, memory protection, copy on write, code that is written and run, threads and
 * atomics, misaligned accesses, time, the RTC. Each line is "ok NAME" or "FAIL NAME: why"; then it
 * powers off. Test: tests/run boot/linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "arch.h"

static const char *current;
static int failures;

static void fail(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    printf("FAIL %s: ", current);
    vprintf(format, ap);
    printf("\n");
    va_end(ap);
    failures++;
}

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            fail("line %d: %s", __LINE__, #cond);                                                  \
    } while (0)

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static size_t read_file(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY);
    size_t n = 0;
    if (fd >= 0) {
        ssize_t r;
        while (n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
            n += r;
        close(fd);
    }
    buf[n] = 0;
    return n;
}

static int cpus_asked(void)
{
    static char buf[4096];
    read_file("/proc/cmdline", buf, sizeof buf);
    char *p = strstr(buf, "cpus=");
    return p ? atoi(p + 5) : 1;
}

static void check_cpus(void)
{
    static char buf[65536];
    read_file("/proc/cpuinfo", buf, sizeof buf);
    int n = 0;
    for (char *p = buf; (p = strstr(p, "processor\t")); p++)
        n++;
    if (n != cpus_asked())
        fail("%d processors, not %d", n, cpus_asked());
    for (size_t i = 0; i < sizeof arch_cpuinfo / sizeof arch_cpuinfo[0]; i++)
        if (!strstr(buf, arch_cpuinfo[i]))
            fail("cpuinfo does not say '%s'", arch_cpuinfo[i]);
    for (int c = 0; c < n; c++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(c, &set);
        CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
        CHECK(sched_getcpu() == c);
    }
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    sched_setaffinity(0, sizeof all, &all);
}

/* Opaque values, so that the compiler cannot do the work. */
#define HIDE(x)                                                                                    \
    ({                                                                                             \
        __typeof__(x) v_ = (x);                                                                    \
        __asm__ volatile("" : "+r"(v_));                                                           \
        v_;                                                                                        \
    })
#define HIDEF(x)                                                                                   \
    ({                                                                                             \
        __typeof__(x) v_ = (x);                                                                    \
        __asm__ volatile("" : "+" ARCH_FP_REG(v_));                                                \
        v_;                                                                                        \
    })

static void check_integer(void)
{
    uint64_t a = HIDE(0x0123456789abcdefull), b = HIDE(0xfedcba9876543210ull);
#ifdef __SIZEOF_INT128__
    unsigned __int128 p = (unsigned __int128)a * b;
    CHECK((uint64_t)(p >> 64) == 0x0121fa00ad77d742ull && (uint64_t)p == 0x2236d88fe5618cf0ull);
    CHECK((uint64_t)(((__int128)(int64_t)a * (int64_t)b) >> 64) == 0xfffeb49923cc0953ull);
#endif
    CHECK(b / a == 224 && b % a == 0xf0ull);
    CHECK(HIDE((int64_t)INT64_MIN) / HIDE(2) == INT64_MIN / 2);
#if defined(__riscv)
    int64_t q, r;
    __asm__("div %0, %2, %3\n\trem %1, %2, %3" : "=&r"(q), "=&r"(r) : "r"(INT64_MIN), "r"(-1ll));
    CHECK(q == INT64_MIN && r == 0);
    __asm__("div %0, %2, %3\n\trem %1, %2, %3" : "=&r"(q), "=&r"(r) : "r"(77ll), "r"(0ll));
    CHECK(q == -1 && r == 77);
#elif defined(__aarch64__)
    int64_t q;
    __asm__("sdiv %0, %1, %2" : "=r"(q) : "r"(INT64_MIN), "r"(-1ll));
    CHECK(q == INT64_MIN);
    __asm__("sdiv %0, %1, %2" : "=r"(q) : "r"(77ll), "r"(0ll));
    CHECK(q == 0);
#endif
    uint32_t crc = ~0u;
    for (int i = 0; i < 9; i++) {
        crc ^= (unsigned char)HIDE((int)"123456789"[i]);
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    CHECK(~crc == 0xcbf43926u);
}

static uint64_t bits(double d)
{
    uint64_t u;
    memcpy(&u, &d, 8);
    return u;
}

static void check_fp(void)
{
    double one = HIDEF(1.0), three = HIDEF(3.0), two = HIDEF(2.0), tiny = HIDEF(0x1p-1074);
    CHECK(bits(one / three) == 0x3fd5555555555555ull);
    CHECK(bits(sqrt(two)) == 0x3ff6a09e667f3bcdull);
    CHECK(bits(fma(HIDEF(0x1.0000000000001p0), HIDEF(0x1.0000000000001p0),
                   HIDEF(-0x1.0000000000002p0))) == bits(0x1p-104));
    CHECK(bits(tiny / two) == 0 && bits(tiny * three) == 3);
    CHECK(bits(HIDEF(0.0) / HIDEF(0.0)) == 0x7ff8000000000000ull); /* canonical NaN, positive */
    float f = HIDEF(16777217.0);
    CHECK(f == 16777216.0f);
    static const struct {
        int mode;
        uint64_t third;
    } m[] = {{FE_TONEAREST, 0x3fd5555555555555ull},
             {FE_UPWARD, 0x3fd5555555555556ull},
             {FE_DOWNWARD, 0x3fd5555555555555ull},
             {FE_TOWARDZERO, 0x3fd5555555555555ull}};
    for (int i = 0; i < 4; i++) {
        CHECK(fesetround(m[i].mode) == 0);
        CHECK(bits(HIDEF(one) / HIDEF(three)) == m[i].third);
    }
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);
    double x = HIDEF(4.0) / HIDEF(2.0);
    CHECK(x == 2.0 && fetestexcept(FE_ALL_EXCEPT) == 0);
    HIDEF(HIDEF(one) / HIDEF(three));
    CHECK(fetestexcept(FE_ALL_EXCEPT) == FE_INEXACT);
    HIDEF(HIDEF(one) / HIDEF(0.0));
    CHECK(fetestexcept(FE_DIVBYZERO));
    HIDEF(HIDEF(1e308) * HIDEF(1e10));
    CHECK(fetestexcept(FE_OVERFLOW));
    HIDEF(sqrt(HIDEF(-1.0)));
    CHECK(fetestexcept(FE_INVALID));
    HIDEF(HIDEF(0x1p-1000) * HIDEF(0x1.8000001p-70));
    CHECK(fetestexcept(FE_UNDERFLOW));
#if defined(__riscv)
    int64_t i;
    __asm__("fcvt.l.d %0, %1, rtz" : "=r"(i) : "f"(HIDEF(1e300)));
    CHECK(i == INT64_MAX);
    __asm__("fcvt.l.d %0, %1, rtz" : "=r"(i) : "f"(HIDEF(-1e300)));
    CHECK(i == INT64_MIN);
    __asm__("fcvt.l.d %0, %1, rtz" : "=r"(i) : "f"(HIDEF(NAN)));
    CHECK(i == INT64_MAX);
#elif defined(__aarch64__)
    int64_t i;
    __asm__("fcvtzs %0, %d1" : "=r"(i) : "w"(HIDEF(1e300)));
    CHECK(i == INT64_MAX);
    __asm__("fcvtzs %0, %d1" : "=r"(i) : "w"(HIDEF(-1e300)));
    CHECK(i == INT64_MIN);
    __asm__("fcvtzs %0, %d1" : "=r"(i) : "w"(HIDEF(NAN)));
    CHECK(i == 0);
#endif
    feclearexcept(FE_ALL_EXCEPT);
    CHECK(bits(exp(HIDEF(1.0))) == 0x4005bf0a8b145769ull);
    CHECK(fabs(sin(HIDEF(1.0)) - 0.8414709848078965) < 1e-15);
}

static sigjmp_buf jump;
static siginfo_t last_info;
static void on_fault(int sig, siginfo_t *info, void *ctx)
{
    last_info = *info;
    siglongjmp(jump, sig);
}

static int fault_of(void (*func)(void *), void *arg)
{
    int sig = sigsetjmp(jump, 1);
    if (!sig)
        func(arg);
    return sig;
}

static void do_load(void *p)
{
    HIDE(*(volatile int *)p);
}
static void do_store(void *p)
{
    *(volatile int *)p = 1;
}
static void do_call(void *p)
{
    ((void (*)(void))p)();
}
static void do_illegal(void *p)
{
    __asm__ volatile(ARCH_ILLEGAL);
}
static void do_break(void *p)
{
    __asm__ volatile(ARCH_BREAK);
}

static void check_signals(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGILL, &sa, NULL);
    sigaction(SIGTRAP, &sa, NULL);
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    p[0] = 7;
    CHECK(fault_of(do_load, (void *)16) == SIGSEGV && last_info.si_addr == (void *)16);
    CHECK(mprotect(p, 4096, PROT_READ) == 0);
    CHECK(fault_of(do_load, p) == 0);
    CHECK(fault_of(do_store, p + 40) == SIGSEGV && last_info.si_addr == p + 40 &&
          last_info.si_code == SEGV_ACCERR);
    CHECK(fault_of(do_call, p) == SIGSEGV && last_info.si_addr == p);
    CHECK(mprotect(p, 4096, PROT_NONE) == 0);
    CHECK(fault_of(do_load, p) == SIGSEGV);
    CHECK(mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0);
    CHECK(fault_of(do_store, p) == 0 && p[0] == 1);
    /* a store across the end of a writable page changes nothing */
    CHECK(mprotect(p + 4096, 4096, PROT_NONE) == 0);
    p[4094] = 0x11, p[4095] = 0x22;
    CHECK(fault_of(do_store, p + 4094) == SIGSEGV && last_info.si_addr >= (void *)(p + 4094));
    munmap(p, 8192);
    CHECK(fault_of(do_store, p) == SIGSEGV && last_info.si_code == SEGV_MAPERR);
    CHECK(fault_of(do_illegal, NULL) == SIGILL);
    CHECK(fault_of(do_break, NULL) == SIGTRAP);
}

static volatile int ticks;
static void on_tick(int sig)
{
    double d = HIDEF(1.5);
    for (int i = 0; i < 10; i++) /* disturb the FP registers of the interrupted code */
        d = d * HIDEF(1.25) + HIDEF(0.1);
    feraiseexcept(FE_OVERFLOW);
    ticks += d > 0;
}

static void check_signal_context(void)
{
    struct sigaction sa = {.sa_handler = on_tick};
    sigaction(SIGALRM, &sa, NULL);
    timer_t t;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    CHECK(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
    struct itimerspec its = {{0, 2000000}, {0, 2000000}};
    timer_settime(t, 0, &its, NULL);
    feclearexcept(FE_ALL_EXCEPT);
    uint64_t end = now_ns() + 200000000, sum = 0, n = 0, want = 0;
    double x = 0;
    while (now_ns() < end) {
        for (int i = 0; i < 1000; i++) {
            x += 0.5;
            sum = sum * 31 + i;
            n++;
        }
    }
    timer_delete(t);
    CHECK(x == n * 0.5);
    CHECK(!fetestexcept(FE_OVERFLOW)); /* the handler's flags were its own */
    for (uint64_t k = 0; k < n; k++)
        want = want * 31 + k % 1000;
    CHECK(want == sum);
    CHECK(ticks > 5);
}

static void check_processes(void)
{
    int fd[2];
    CHECK(pipe(fd) == 0);
    char *shared = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *mine = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(mine, 0x55, 65536);
    for (int i = 0; i < 8; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (int k = 0; k < 65536; k += 512)
                mine[k] = i; /* copy on write: the parent must not see it */
            shared[i * 4096] = i + 1;
            if (write(fd[1], "x", 1) != 1)
                _exit(99);
            _exit(i);
        }
        int status = -1;
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == i);
        CHECK(shared[i * 4096] == i + 1);
    }
    for (int k = 0; k < 65536; k++)
        if (mine[k] != 0x55) {
            fail("copy on write leaked at %d", k);
            break;
        }
    char buf[16];
    CHECK(read(fd[0], buf, sizeof buf) == 8);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/init", "init", "--child", NULL);
        _exit(98);
    }
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 43);
    close(fd[0]);
    close(fd[1]);
}

/* A function that adds imm, below 4096, to its argument. */
typedef int AddFunc(int);
static AddFunc *put_code(void *p, int imm)
{
    const uint32_t code[] = ARCH_ADD_RET(imm);
    memcpy(p, code, sizeof code);
    __builtin___clear_cache(p, (char *)p + sizeof code);
#ifdef __thumb__
    return (AddFunc *)((uintptr_t)p | 1);
#else
    return (AddFunc *)p;
#endif
}

static void check_code(void)
{
    uint32_t *p =
        mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    for (int i = 0; i < 500; i++) {
        int r = put_code(p, i)(1000);
        if (r != 1000 + i) {
            fail("code of round %d returned %d", i, r);
            break;
        }
    }
    /* code on both sides of a page boundary, on RISC-V an instruction that straddles it */
    char *q = (char *)p + 4096 - (ARCH_INSN_ALIGN);
    for (int i = 0; i < 20; i++)
        CHECK(put_code(q, i)(5) == 5 + i);
    /* the same virtual page with other code: remap, and the old translation must be gone */
    for (int i = 0; i < 50; i++) {
        CHECK(mmap(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
        CHECK(put_code(p, i * 3)(0) == i * 3);
    }
    munmap(p, 8192);
}

static atomic_long counter, lrsc;
static int32_t amo_word;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long locked;
static void *thread_main(void *arg)
{
    long id = (long)arg;
    double x = 0;
    for (int i = 0; i < 20000; i++) {
        atomic_fetch_add(&counter, 1);
        long old = atomic_load(&lrsc);
        while (!atomic_compare_exchange_weak(&lrsc, &old, old + 3))
            ;
        __atomic_fetch_xor(&amo_word, 1 << id, __ATOMIC_SEQ_CST);
        x += id * 0.25;
        if (i % 64 == 0) {
            pthread_mutex_lock(&lock);
            locked++;
            pthread_mutex_unlock(&lock);
            sched_yield();
        }
    }
    return x == 20000 * (id * 0.25) ? NULL : (void *)1;
}

static void check_threads(void)
{
    enum { N = 6 };
    pthread_t t[N];
    for (long i = 0; i < N; i++)
        CHECK(pthread_create(&t[i], NULL, thread_main, (void *)i) == 0);
    for (int i = 0; i < N; i++) {
        void *r = NULL;
        pthread_join(t[i], &r);
        if (r)
            fail("thread %d lost FP state", i);
    }
    CHECK(counter == N * 20000l && lrsc == 3l * N * 20000 && amo_word == 0);
    CHECK(locked == N * ((20000 + 63) / 64));
}

static void check_misaligned(void)
{
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int at = 4080; at < 4104; at++) {
        uint64_t v = 0x8877665544332211ull + at, w;
        struct __attribute__((packed)) {
            uint64_t d;
        } volatile *d64 = (void *)(p + at);
        struct __attribute__((packed)) {
            int32_t w;
        } volatile *w32 = (void *)(p + at + 1);
        d64->d = v;
        w = d64->d;
        CHECK(w == v && !memcmp(p + at, &v, 8));
        CHECK(w32->w == (int32_t)(v >> 8));
#ifndef __arm__ /* VFP loads must be aligned there */
        double f = *(volatile double *)(p + at);
        CHECK(bits(f) == v);
#endif
    }
    munmap(p, 8192);
}

static void check_time(void)
{
    for (int i = 0; i < 3; i++) {
        uint64_t a = now_ns();
        struct timespec d = {0, 30000000};
        nanosleep(&d, NULL);
        uint64_t b = now_ns();
        if (b - a < 30000000 || b - a > 10000000000ull)
            fail("30 ms of sleep took %llu ns", (unsigned long long)(b - a));
    }
    uint64_t last = now_ns();
    for (int i = 0; i < 20000; i++) {
        uint64_t t = now_ns();
        if (t < last) {
            fail("the clock went back");
            break;
        }
        last = t;
    }
#ifdef ARCH_COUNTER
    uint64_t t0, t1;
    ARCH_COUNTER(t0);
    usleep(20000);
    ARCH_COUNTER(t1);
    CHECK(t1 - t0 >= 20000 * ARCH_COUNTER_MHZ);
#endif
}

static void check_rtc(void)
{
    char buf[64];
    CHECK(read_file("/sys/class/rtc/rtc0/since_epoch", buf, sizeof buf) > 0);
    long long rtc = atoll(buf), t = time(NULL);
    if (llabs(rtc - t) > 5)
        fail("RTC %lld, clock %lld", rtc, t);
    CHECK(t > 1700000000);
}

static void check_memory(void)
{
    size_t size = 64 << 20;
    uint64_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    uint64_t x = 88172645463325252ull;
    for (size_t i = 0; i < size / 8; i += 8) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        p[i] = x;
    }
    x = 88172645463325252ull;
    for (size_t i = 0; i < size / 8; i += 8) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        if (p[i] != x) {
            fail("memory differs at %zu", i * 8);
            break;
        }
    }
    CHECK(madvise(p, size, MADV_DONTNEED) == 0);
    uint64_t any = 0;
    for (size_t i = 0; i < size / 8; i += 512)
        any |= p[i];
    CHECK(any == 0);
    munmap(p, size);
}

/* One loop over pages whose mapping changes: what it knows of them goes with the mapping. */
static __attribute__((noinline, optimize("O2"))) uint64_t sum_words(const volatile uint32_t *p,
                                                                    const volatile uint32_t *end)
{
    uint64_t sum = 0;
    do
        sum += *p;
    while (++p < end);
    return sum;
}

static void do_sum(void *p)
{
    HIDE(sum_words(p, (uint32_t *)p + 1024));
}

static void check_remap(void)
{
    const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, both = PROT_READ | PROT_WRITE;
    uint32_t *p = mmap(NULL, 8192, both, anonymous, -1, 0);
    uint32_t *q = mmap(NULL, 8192, both, anonymous, -1, 0);
    CHECK(p != MAP_FAILED && q != MAP_FAILED);
    for (uint32_t round = 1; round < 40; round++) {
        for (int i = 0; i < 1024; i++)
            p[i] = q[i] = round;
        CHECK(sum_words(p, p + 1024) == round * 1024);
        q[5]++;
        /* q's page in place of p's, a page of zeros in place of q's */
        CHECK(mremap(q, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
        CHECK(sum_words(p, p + 1024) == round * 1024 + 1);
        CHECK(mmap(q, 4096, both, anonymous | MAP_FIXED, -1, 0) == q);
        CHECK(sum_words(q, q + 1024) == 0);
        CHECK(mprotect(p, 4096, PROT_NONE) == 0);
        CHECK(fault_of(do_sum, p) == SIGSEGV && last_info.si_addr == p);
        CHECK(mprotect(p, 4096, both) == 0);
        pid_t child = fork();
        if (!child) {
            for (int i = 0; i < 1024; i++)
                p[i] = 1;
            _exit(sum_words(p, p + 1024) == 1024 ? 3 : 4);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && status == 3 << 8);
        CHECK(sum_words(p, p + 1024) == round * 1024 + 1);
        CHECK(sum_words(p + 1, p + 1026) == round * 1024 + 1 - round + p[1024] + p[1025]);
    }
    munmap(p, 8192);
    munmap(q, 8192);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--child"))
        return 43;
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("checks: start\n");
    static const struct {
        const char *name;
        void (*func)(void);
    } all[] = {{"cpus", check_cpus},
               {"integer", check_integer},
               {"fp", check_fp},
               {"signals", check_signals},
               {"signal-context", check_signal_context},
               {"processes", check_processes},
               {"code", check_code},
               {"threads", check_threads},
               {"misaligned", check_misaligned},
               {"time", check_time},
               {"rtc", check_rtc},
               {"memory", check_memory},
               {"remap", check_remap}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int before = failures;
        current = all[i].name;
        all[i].func();
        if (failures == before)
            printf("ok %s\n", current);
    }
    printf("checks: end, %d failures\n", failures);
    sync();
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Semihosting calls of a bare program, on Arm (A64, A32, T32) and RISC-V: console, files, handles,
 * times, command line, heap, errors. Prints "ok" or "FAIL" lines by SYS_WRITE0 and exits with
 * status 42 (where SYS_EXIT_EXTENDED is called). Files are made in the folder that the command line
 * names after the first word.
 */
typedef unsigned long word;
typedef unsigned long long u64;

static word call(word op, const volatile void *param)
{
#if defined(__aarch64__)
    register word x0 __asm__("x0") = op;
    register const volatile void *x1 __asm__("x1") = param;
    __asm__ volatile("hlt 0xf000" : "+r"(x0) : "r"(x1) : "memory");
    return x0;
#elif defined(__arm__)
    register word x0 __asm__("r0") = op;
    register const volatile void *x1 __asm__("r1") = param;
#if defined(__thumb__) && defined(BY_HLT)
    __asm__ volatile(".inst.n 0xbabc" : "+r"(x0) : "r"(x1) : "memory");
#elif defined(__thumb__)
    __asm__ volatile("svc 0xab" : "+r"(x0) : "r"(x1) : "memory", "lr");
#elif defined(BY_HLT)
    __asm__ volatile(".inst 0xe10f0070" : "+r"(x0) : "r"(x1) : "memory");
#else
    __asm__ volatile("svc 0x123456" : "+r"(x0) : "r"(x1) : "memory", "lr");
#endif
    return x0;
#else
    register word x0 __asm__("a0") = op;
    register const volatile void *x1 __asm__("a1") = param;
    __asm__ volatile(
        ".option push\n.option norvc\n.option norelax\n.balign 16\nslli x0, x0, 0x1f\nebreak\n"
        "srai x0, x0, 7\n.option pop"
        : "+r"(x0)
        : "r"(x1)
        : "memory");
    return x0;
#endif
}

static word call_v(word op, word a, word b, word c, word d)
{
    volatile word v[4] = {a, b, c, d};
    return call(op, v);
}

static word length(const char *s)
{
    word n = 0;
    while (s[n])
        n++;
    return n;
}

static int same(const char *a, const char *b, word n)
{
    for (word i = 0; i < n; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

static void check(const char *what, int ok)
{
    call(4, ok ? "ok " : "FAIL ");
    call(4, what);
    call(4, "\n");
}

#define P(x) ((word)(x))
static char line[256], name[256], other[256], buf[64];

static void files(void)
{
    word h, n;
    h = call_v(1, P(name), 4, length(name), 0); /* w */
    check("open", h != (word)-1 && h != 0);
    check("write", call_v(5, h, P("0123456789"), 10, 0) == 0);
    check("istty of a file", call_v(9, h, 0, 0, 0) == 0);
    check("flen", call_v(0xc, h, 0, 0, 0) == 10);
    check("close", call_v(2, h, 0, 0, 0) == 0);
    check("close again", call_v(2, h, 0, 0, 0) == (word)-1);
    check("errno", call(0x13, 0) == 9);
    h = call_v(1, P(name), 0, length(name), 0); /* r */
    check("seek", call_v(0xa, h, 6, 0, 0) == 0);
    n = call_v(6, h, P(buf), 10, 0);
    check("read to the end", n == 6 && same(buf, "6789", 4));
    check("read at the end", call_v(6, h, P(buf), 10, 0) == 10);
    call_v(2, h, 0, 0, 0);
    h = call_v(1, P(name), 8, length(name), 0); /* a */
    call_v(5, h, P("ab"), 2, 0);
    check("append", call_v(0xc, h, 0, 0, 0) == 12);
    call_v(2, h, 0, 0, 0);
    check("rename", call_v(0xf, P(name), length(name), P(other), length(other)) == 0);
    check("open what is gone", call_v(1, P(name), 0, length(name), 0) == (word)-1);
    check("errno", call(0x13, 0) == 2);
    check("remove", call_v(0xe, P(other), length(other), 0, 0) == 0);
    check("remove again", call_v(0xe, P(other), length(other), 0, 0) != 0);
    check("bad handle", call_v(5, 99, P(buf), 3, 0) == 3);
    h = call_v(1, P(":tt"), 4, 3, 0);
    check("write to the console", call_v(5, h, P("by handle\n"), 10, 0) == 0);
    h = call_v(1, P(":semihosting-features"), 0, 21, 0);
    check("features", call_v(0xc, h, 0, 0, 0) == 5 && call_v(6, h, P(buf), 5, 0) == 0 &&
                          same(buf, "SHFB\3", 5));
    check("bad block", call(1, (void *)0x7fffff00) == (word)-1);
    check("unknown call", call(0x77, 0) == (word)-1);
    check("iserror", call_v(8, (word)-5, 0, 0, 0) != 0 && call_v(8, 5, 0, 0, 0) == 0);
    check("tmpnam", call_v(0xd, P(buf), 7, sizeof buf, 0) == 0 && buf[0] == '/');
    check("tmpnam that is too long", call_v(0xd, P(buf), 7, 3, 0) == (word)-1);
    check("system", call_v(0x12, P("exit 3"), 6, 0, 0) == 3);
}

static void rest(void)
{
    volatile word heap[4] = {1, 1, 1, 1}, at = P(heap);
    volatile u64 t[2] = {0, 0};
    call(0x16, &at);
    check("heapinfo",
          heap[0] > P(line) && heap[1] > heap[0] && heap[2] == heap[1] && heap[3] == heap[0]);
    *(volatile char *)heap[0] = 1;
    *(volatile char *)(heap[1] - 1) = 1;
    check("tickfreq", call(0x31, 0) == 1000000000);
    call(0x30, &t[0]);
    call(0x30, &t[1]);
    check("elapsed", t[0] && t[1] > t[0]);
    check("time", call(0x11, 0) > 1700000000);
    check("clock", call(0x10, 0) < 6000);
    check("readc", call(7, 0) == 'z');
}

void bare_main(void);
void bare_main(void)
{
    volatile word v[2] = {P(line), sizeof line};
    check("cmdline", call(0x15, v) == 0 && v[1] == length(line));
    word i = 0, n = 0;
    while (line[i] && line[i] != ' ')
        i++;
    check("its first word", same(line, "first ", 6));
    for (i++; line[i]; i++, n++)
        name[n] = other[n] = line[i];
    for (i = 0; i < 3; i++) {
        name[n + i] = "/a"[i > 2 ? 2 : i];
        other[n + i] = "/b"[i > 2 ? 2 : i];
    }
    v[1] = 3;
    check("cmdline that is too long", call(0x15, v) == (word)-1);
    files();
    rest();
    call(3, "C");
    call(4, "\n");
    call_v(0x20, 0x20026, 42, 0, 0);
    check("after the end", 0);
}

#if defined(__aarch64__)
__asm__(".global _start\n_start: mov x0, 0x47000000\nmov sp, x0\nbl bare_main\n");
#elif defined(__arm__)
__asm__(".arm\n.global _start\n_start: mov sp, #0x47000000\nldr r0, =bare_main\nblx r0\n.ltorg\n");
#else
__asm__(".global _start\n_start: li sp, 0x87000000\ncall bare_main\n");
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Pointer authentication at EL1 of the virt board, without an operating system: random pointers,
 * modifiers and keys through every instruction, in several layouts of addresses. Each line is a
 * hash of results; a failed authentication that traps counts with its syndrome. Built with
 * -DALGORITHM the lines depend on the algorithm; without, they tell what any of them must give.
 */
typedef unsigned long u64;

/* Expected: arm-pauth.expected, recorded. The reference gives the same lines but three "add" lines,
 * for pointers whose bits 63 and 55 differ: there AddPAC() of DDI 0487 was followed. */
#define MSR(reg, v) __asm__ volatile("msr " reg ", %0\n\tisb" ::"r"((u64)(v)))
#define MRS(reg)                                                                                   \
    ({                                                                                             \
        u64 v_;                                                                                    \
        __asm__ volatile("mrs %0, " reg : "=r"(v_));                                               \
        v_;                                                                                        \
    })

static void putch(char c)
{
    *(volatile unsigned *)0x9000000 = (unsigned char)c;
}

static void print(const char *s)
{
    while (*s) {
        putch(*s++);
    }
}

static void hex(u64 v)
{
    for (int i = 60; i >= 0; i -= 4) {
        putch("0123456789abcdef"[v >> i & 15]);
    }
    putch(' ');
}

volatile u64 syndrome; /* of the last exception */

__asm__(".balign 2048\nvectors:\n"
        ".rept 16\n.balign 128\nb trap\n.endr\n"
        /* Skip the instruction; X30 holds an address behind it when a branch failed. */
        "trap: stp x0, x1, [sp, -16]!\n"
        "mrs x0, esr_el1\nadrp x1, syndrome\nadd x1, x1, :lo12:syndrome\nstr x0, [x1]\n"
        "mrs x0, elr_el1\nadd x0, x0, 4\nmsr elr_el1, x0\n"
        "ldp x0, x1, [sp], 16\neret\n");

static u64 seed = 1;
static u64 rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1dul;
}

static u64 sum;
static void add(u64 v)
{
    sum = (sum ^ v) * 0x100000001b3ul;
    sum ^= sum >> 29;
}

/* Pointers: canonical ones of both ranges, with tags, and anything. */
static u64 pointer(void)
{
    u64 p = rnd();
    switch (rnd() & 3) {
    case 0:
        return p & 0xfffffffff;
    case 1:
        return p | 0xfffffff000000000;
    case 2:
        return (p & 0xff0fffffffff) | (p >> 63 ? 0 : 0xff00000000000000);
    default:
        return p;
    }
}

#define TWO(insn)                                                                                  \
    static u64 do_##insn(u64 p, u64 m)                                                             \
    {                                                                                              \
        __asm__ volatile(#insn " %0, %1" : "+r"(p) : "r"(m));                                      \
        return p;                                                                                  \
    }
#define ONE(insn)                                                                                  \
    static u64 do_##insn(u64 p, u64 m)                                                             \
    {                                                                                              \
        __asm__ volatile(#insn " %0" : "+r"(p));                                                   \
        return p;                                                                                  \
    }
#define HINT(insn)                                                                                 \
    static u64 do_##insn(u64 p, u64 m)                                                             \
    {                                                                                              \
        register u64 x17 __asm__("x17") = p;                                                       \
        register u64 x16 __asm__("x16") = m;                                                       \
        __asm__ volatile(#insn : "+r"(x17) : "r"(x16));                                            \
        return x17;                                                                                \
    }
/* On X30 with SP. */
#define LINK(insn)                                                                                 \
    static u64 do_##insn(u64 p, u64 m)                                                             \
    {                                                                                              \
        __asm__ volatile("mov x9, sp\n\tmov x30, %0\n\tand sp, %1, -16\n\t" #insn                  \
                         "\n\tmov sp, x9\n\tmov %0, x30"                                           \
                         : "+r"(p)                                                                 \
                         : "r"(m)                                                                  \
                         : "x9", "x30", "memory");                                                 \
        return p;                                                                                  \
    }
TWO(pacia)
TWO(pacib)
TWO(pacda)
TWO(pacdb)
TWO(autia) TWO(autib) TWO(autda) TWO(autdb) ONE(paciza) ONE(pacizb) ONE(pacdza) ONE(pacdzb)
    ONE(autiza) ONE(autizb) ONE(autdza) ONE(autdzb) ONE(xpaci) ONE(xpacd) HINT(pacia1716)
        HINT(pacib1716) HINT(autia1716) HINT(autib1716) LINK(paciasp) LINK(pacibsp) LINK(paciaz)
            LINK(pacibz) LINK(xpaclri)

                static u64 do_pacga(u64 p, u64 m)
{
    __asm__ volatile("pacga %0, %0, %1" : "+r"(p) : "r"(m));
    return p;
}

typedef u64 Op(u64, u64);
static Op *const add_ops[] = {do_pacia,   do_pacib,   do_pacda,  do_pacdb,     do_paciza,
                              do_pacizb,  do_pacdza,  do_pacdzb, do_pacia1716, do_pacib1716,
                              do_paciasp, do_pacibsp, do_paciaz, do_pacibz,    do_pacga};
static Op *const pairs[][2] = {{do_pacia, do_autia},         {do_pacib, do_autib},
                               {do_pacda, do_autda},         {do_pacdb, do_autdb},
                               {do_paciza, do_autiza},       {do_pacizb, do_autizb},
                               {do_pacdza, do_autdza},       {do_pacdzb, do_autdzb},
                               {do_pacia1716, do_autia1716}, {do_pacib1716, do_autib1716}};
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void keys(void)
{
    MSR("apiakeylo_el1", rnd());
    MSR("apiakeyhi_el1", rnd());
    MSR("apibkeylo_el1", rnd());
    MSR("apibkeyhi_el1", rnd());
    MSR("apdakeylo_el1", rnd());
    MSR("apdakeyhi_el1", rnd());
    MSR("apdbkeylo_el1", rnd());
    MSR("apdbkeyhi_el1", rnd());
    MSR("apgakeylo_el1", rnd());
    MSR("apgakeyhi_el1", rnd());
}

static void line(const char *name)
{
    print(name);
    hex(sum);
    print("\n");
    sum = 0;
}

static u64 target_hit;
static u64 branches(u64 m)
{
    u64 p, q, word[4] = {11, 22, 33, 44}, a = (u64)&word[1], out;
    /* A function pointer and a data pointer that are signed, called and loaded through. */
    __asm__ volatile("adr %0, 1f\n\tpacia %0, %2\n\tbraa %0, %2\n\tmov %1, 1\n\tb 2f\n"
                     "1: mov %1, 2\n2:"
                     : "=&r"(p), "=&r"(q)
                     : "r"(m));
    target_hit = q;
    __asm__ volatile("adr %0, 1f\n\tpacib %0, %2\n\tblrab %0, %2\n\tadd %1, %1, 5\n\tb 2f\n"
                     "1: add %1, %1, 10\n\tpaciasp\n\tretaa\n2:"
                     : "=&r"(p), "+r"(target_hit)
                     : "r"(m)
                     : "x30");
    __asm__ volatile("adr %0, 1f\n\tpaciza %0\n\tblraaz %0\n\tadd %1, %1, 7\n\tb 2f\n"
                     "1: add %1, %1, 20\n\tpacibsp\n\tretab\n2:"
                     : "=&r"(p), "+r"(target_hit)
                     :
                     : "x30");
    __asm__ volatile("pacdza %0\n\tldraa %1, [%0, 8]!\n" : "+r"(a), "=r"(out) : : "memory");
    add(a - (u64)word);
    add(out);
    a = (u64)&word[1];
    __asm__ volatile("pacdzb %0\n\tldrab %1, [%0, -8]\n" : "+r"(a), "=r"(out) : : "memory");
    add(out);
    __asm__ volatile("adr x30, 1f\n\tmov x9, sp\n\tpacia x30, x9\n\tmsr elr_el1, x30\n\t"
                     "mov %0, 0x3c5\n\tmsr spsr_el1, %0\n\teretaa\n1: add %1, %1, 100\n"
                     : "=&r"(p), "+r"(target_hit)
                     :
                     : "x30", "x9");
    add(target_hit);
    return target_hit;
}

void main(void)
{
    static const u64 tcrs[] = {
        0x0000000000190019, /* 39 bits */
        0x0000000000100010, /* 48 bits */
        0x0000006000190010, /* both tagged */
        0x0000002000100019, /* lower tagged */
        0x0000004000190019, /* upper tagged */
        0x0018006000100010, /* tagged data only */
        0x000000000021001c,
    };
    u64 sctlr = MRS("sctlr_el1") | 1ul << 31 | 1ul << 30 | 1ul << 27 | 1ul << 13;
    extern char vectors[];

    MSR("vbar_el1", vectors);
    print("isar1 ");
    hex(MRS("id_aa64isar1_el1") & 0xff000ff0);
    print("isar2 "), hex(MRS("S3_0_C0_C6_2") & 0xff00), print("\n");
    print("bti "), hex(MRS("id_aa64pfr1_el1") & 15), print("\n");
    keys();
    for (unsigned i = 0; i < 100; i++) { /* keys are disabled */
        add(do_pacia(pointer(), rnd()));
        add(do_autdb(pointer(), rnd()));
    }
    line("disabled ");
    MSR("sctlr_el1", sctlr);
    for (unsigned t = 0; t < COUNT(tcrs); t++) {
        MSR("tcr_el1", tcrs[t]);
        print("tcr "), hex(tcrs[t]), print("\n");
        for (unsigned i = 0; i < 200; i++) {
            keys();
            for (unsigned o = 0; o < COUNT(add_ops); o++) {
                add(add_ops[o](pointer(), rnd()));
            }
        }
#ifdef ALGORITHM
        line("  add ");
#endif
        sum = 0;
        for (unsigned i = 0; i < 300; i++) {
            keys();
            for (unsigned o = 0; o < COUNT(pairs); o++) {
                u64 p = pointer(), m = rnd(), s = pairs[o][0](p, m);
                syndrome = 0;
                u64 back = pairs[o][1](s, m);
                add(syndrome ? 1 : back), add(syndrome);
            }
        }
        line("  round ");
        for (unsigned i = 0; i < 300; i++) {
            for (unsigned o = 0; o < COUNT(pairs); o++) {
                u64 p = pointer(), m = rnd();
                syndrome = 0;
                u64 back = pairs[o][1](p, m);
#ifdef ALGORITHM
                add(back);
#endif
                add(syndrome);
                (void)back;
            }
        }
#ifdef ALGORITHM
        line("  fail ");
#endif
        sum = 0;
        for (unsigned i = 0; i < 1000; i++) {
            u64 p = pointer();
            add(do_xpaci(p, 0)), add(do_xpacd(p, 0)), add(do_xpaclri(p, 0));
        }
        line("  strip ");
        u64 hit = 0;
        for (unsigned i = 0; i < 20; i++) {
            hit = branches(rnd());
        }
        print("  branches "), hex(hit);
        line("");
    }
    print("end\n");
    __asm__ volatile("ldr w0, =0x84000008\n\thvc 0");
}

__asm__(".section .text.start, \"ax\"\n.global _start\n_start:\n"
        "ldr x0, =0x48000000\nmov sp, x0\nbl main\n1: b 1b\n");

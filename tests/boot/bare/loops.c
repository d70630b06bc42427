/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Loops that run long enough to become regions (accel/tcg/region.c), on the virt boards of RISC-V
 * and Arm, in machine mode or at EL1, without translation: loops in loops with many registers, a
 * loop that faults now and then with all registers in use, and one that rewrites itself. What it
 * prints does not depend on how it is run. Run by tests/boot/suite.py and arm.py (loops/...).
 */
typedef unsigned long u64;
typedef unsigned u32;

u64 trap_sum, trap_count;

#ifdef __riscv
#define UART ((volatile unsigned char *)0x10000000)
#define BAD  0x8000000000000ul /* nothing is there */
/* Each trap adds up all registers and goes on behind the instruction, which has four bytes. */
__asm__(".section .text.start, \"ax\"\n.globl _start\n_start:\n"
        "csrr t0, mhartid\n1: bnez t0, 1b\n"
        "la sp, stack_end\nla t0, trap\ncsrw mtvec, t0\ncall run\n"
        "li t0, 0x100000\nli t1, 0x5555\nsw t1, 0(t0)\n1: j 1b\n"
        ".text\n.balign 4\ntrap:\ncsrw mscratch, t0\nla t0, trap_regs\n"
        ".macro each op\n\\op ra, 8(t0)\n\\op t1, 16(t0)\n\\op t2, 24(t0)\n\\op a0, 32(t0)\n"
        "\\op a1, 40(t0)\n\\op a2, 48(t0)\n\\op a3, 56(t0)\n\\op a4, 64(t0)\n\\op a5, 72(t0)\n"
        "\\op a6, 80(t0)\n\\op a7, 88(t0)\n\\op s2, 96(t0)\n\\op s3, 104(t0)\n\\op s4, 112(t0)\n"
        "\\op s5, 120(t0)\n\\op s6, 128(t0)\n\\op s7, 136(t0)\n\\op t3, 144(t0)\n\\op t4, 152(t0)\n"
        "\\op t5, 160(t0)\n\\op t6, 168(t0)\n.endm\n"
        "each sd\ncsrr t1, mscratch\nsd t1, 0(t0)\ncsrr t1, mcause\nsd t1, 176(t0)\n"
        "csrr t1, mepc\naddi t1, t1, 4\ncsrw mepc, t1\ncall trapped\n"
        "la t0, trap_regs\neach ld\ncsrr t0, mscratch\nmret\n"
        ".bss\n.balign 4096\n.space 16384\nstack_end:\n.text\n");
#define TRAP_REGS 23
static void code_written(void *at)
{
    __asm__ volatile("fence.i" ::: "memory");
}
#else
#define UART      ((volatile u32 *)0x9000000)
#define BAD       ((u64)&good + 1) /* misaligned, with the MMU off */
__asm__(".section .text.start, \"ax\"\n.globl _start\n_start:\n"
        "adrp x0, stack_end\nadd x0, x0, :lo12:stack_end\nmov sp, x0\n"
        "adrp x0, vectors\nadd x0, x0, :lo12:vectors\nmsr vbar_el1, x0\nisb\nbl run\n"
        "mov w0, 8\nmovk w0, 0x8400, lsl 16\nhvc 0\n1: b 1b\n"
        ".text\n.balign 2048\nvectors:\n.space 0x200\n"
        "stp x29, x30, [sp, -16]!\nadrp x29, trap_regs\nadd x29, x29, :lo12:trap_regs\n"
        ".macro each op\n\\op x0, x1, [x29]\n\\op x2, x3, [x29, 16]\n\\op x4, x5, [x29, 32]\n"
        "\\op x6, x7, [x29, 48]\n\\op x8, x9, [x29, 64]\n\\op x10, x11, [x29, 80]\n"
        "\\op x12, x13, [x29, 96]\n\\op x14, x15, [x29, 112]\n\\op x16, x17, [x29, 128]\n"
        "\\op x18, x19, [x29, 144]\n\\op x20, x21, [x29, 160]\n.endm\n"
        "b more\n.balign 2048\nmore:\neach stp\nmrs x0, spsr_el1\nmrs x1, esr_el1\n"
        "stp x0, x1, [x29, 176]\nmrs x0, elr_el1\nadd x0, x0, 4\nmsr elr_el1, x0\nbl trapped\n"
        "adrp x29, trap_regs\nadd x29, x29, :lo12:trap_regs\neach ldp\nldp x29, x30, [sp], 16\n"
        "eret\n.bss\n.balign 4096\n.space 16384\nstack_end:\n.text\n");
#define TRAP_REGS 24
static void code_written(void *at)
{
    __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" ::"r"(at)
                     : "memory");
}
#endif

u64 trap_regs[32];

void trapped(void);
void trapped(void)
{
    for (unsigned i = 0; i < TRAP_REGS; i++) {
        trap_sum = (trap_sum ^ trap_regs[i]) * 0x100000001b3ul;
    }
    trap_count++;
}

static void print(const char *what, u64 v)
{
    while (*what) {
        *UART = *what++;
    }
    for (int i = 60; i >= 0; i -= 4) {
        *UART = "0123456789abcdef"[v >> i & 15];
    }
    *UART = '\n';
}

/* Loops in loops, with branches inside and more values than there are registers. */
static __attribute__((noinline)) u64 nested(unsigned turns)
{
    static u32 t[256];
    u64 a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;

    for (u32 i = 0; i < 256; i++) {
        t[i] = i * 2654435761u;
    }
    for (unsigned n = 0; n < turns; n++) {
        for (unsigned i = 0; i < 64; i++) {
            u64 x = h + (e >> 6 ^ e << 11) + ((e & f) ^ (~e & g)) + t[(a + i) & 255];
            u64 y = (a >> 2 ^ a << 13) + ((a & b) ^ (a & c) ^ (b & c));
            h = g;
            g = f;
            f = e;
            e = d + x;
            if (x & 4) {
                d = c;
                c = b ^ n;
            } else {
                d ^= y;
                while (y & 3) {
                    y = y >> 1 ^ c;
                    c += 3;
                }
            }
            b = a;
            a = x + y;
            t[x & 255] += (u32)y;
        }
    }
    return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
}

/* One access in 4,096 faults; the loads before and behind it do not. */
static __attribute__((noinline)) u64 faulting(u64 turns)
{
    static volatile u32 good;
    u64 sum = 0;

    good = 77;
#ifdef __riscv
    register u64 n __asm__("a0") = turns, at __asm__("a1") = (u64)&good, bad __asm__("a2") = BAD,
                   s __asm__("a3") = 0;
    __asm__ volatile("li a4, 1\nli a5, 2\nli a6, 3\nli a7, 4\nli s2, 5\nli s3, 6\nli s4, 7\n"
                     "li s5, 8\nli s6, 9\nli s7, 10\nli t1, 11\nli t2, 12\nli t3, 13\nli t4, 14\n"
                     "li t5, 0\nli t6, 0\nli t0, 15\nli ra, 16\nj 1f\n.balign 64\n"
                     "1: add a4, a4, a5\nxor a5, a5, a6\nadd a6, a6, a7\nslli t6, a0, 52\n"
                     "mv t5, a1\nbnez t6, 2f\nmv t5, a2\n2: add a7, a7, s2\nxor s2, s2, s3\n"
                     ".option push\n.option norvc\nlw t1, 0(a1)\nlw t0, 0(t5)\nlw t2, 0(a1)\n"
                     ".option pop\nadd s3, s3, s4\nxor s4, s4, s5\nadd s5, s5, s6\n"
                     "xor s6, s6, s7\nadd s7, s7, t3\nxor t3, t3, t4\nadd t4, t4, t1\n"
                     "add a3, a3, t0\nxor a3, a3, t4\naddi a0, a0, -1\nbnez a0, 1b\n"
                     : "+r"(n), "+r"(at), "+r"(bad), "+r"(s)::"a4", "a5", "a6", "a7", "s2", "s3",
                       "s4", "s5", "s6", "s7", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "ra",
                       "memory");
    sum = s;
#else
    register u64 n __asm__("x0") = turns, at __asm__("x1") = (u64)&good, bad __asm__("x2") = BAD,
                   s __asm__("x3") = 0;
    __asm__ volatile("mov x4, 1\nmov x5, 2\nmov x6, 3\nmov x7, 4\nmov x8, 5\nmov x9, 6\n"
                     "mov x10, 7\nmov x11, 8\nmov x12, 9\nmov x13, 10\nmov x14, 11\nmov x15, 12\n"
                     "mov x16, 13\nmov x17, 14\nmov x18, 0\nmov x20, 0\nmov x21, 0\nmov x19, 15\n"
                     "b 1f\n.balign 64\n"
                     "1: add x4, x4, x5\neor x5, x5, x6\nadd x6, x6, x7\nands x20, x0, 0xfff\n"
                     "mov x18, x1\nb.ne 2f\nmov x18, x2\n2: adds x7, x7, x8\neor x8, x8, x9\n"
                     "ldr w14, [x1]\nldr w19, [x18]\nldr w15, [x1]\nadd x9, x9, x10\n"
                     "eor x10, x10, x11\nadd x11, x11, x12\neor x12, x12, x13\nadd x13, x13, x16\n"
                     "eor x16, x16, x17\nadc x17, x17, x14\nadd x3, x3, x19\neor x3, x3, x17\n"
                     "subs x0, x0, 1\nb.ne 1b\n"
                     : "+r"(n), "+r"(at), "+r"(bad), "+r"(s)::"x4", "x5", "x6", "x7", "x8", "x9",
                       "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20",
                       "x21", "cc", "memory");
    sum = s;
#endif
    return sum;
}

/* A loop in memory, called with a number of turns and what it last gave; the number that it adds
 * in each turn is in an instruction, which it replaces in the middle of the loop when the turns
 * that are left are a multiple of 2^19. */
extern u32 rewritten[], rewritten_add[], rewritten_end[];
#ifdef __riscv
__asm__(".balign 64\n.option push\n.option norvc\nrewritten:\n"
        "lui t2, 0x100\n"
        "1: slli t0, a0, 45\nbnez t0, 2f\nadd a4, a4, t2\nsw a4, 0(a3)\nfence.i\n"
        "2: nop\nrewritten_add: addi a1, a1, 1\nxor a1, a1, a0\naddi a0, a0, -1\nbnez a0, 1b\n"
        "mv a0, a1\nret\nrewritten_end:\n.option pop\n");
#else
__asm__(".balign 64\nrewritten:\nmov x9, 0x400\n"
        "1: tst x0, 0x7ffff\nb.ne 2f\nadd w4, w4, w9\nstr w4, [x3]\ndc cvau, x3\ndsb ish\n"
        "ic ivau, x3\ndsb ish\nisb\n"
        "2: nop\nrewritten_add: add x1, x1, 1\neor x1, x1, x0\nsubs x0, x0, 1\nb.ne 1b\n"
        "mov x0, x1\nret\nrewritten_end:\n");
#endif

static u64 rewriting(u64 turns)
{
    static volatile u32 code[64] __attribute__((aligned(4096)));
    u64 from = (u64)rewritten;
    volatile u32 *add = (volatile u32 *)((u64)code + ((u64)rewritten_add - from));

    for (u64 i = 0; from + 4 * i < (u64)rewritten_end; i++) {
        code[i] = ((const u32 *)from)[i];
        code_written((void *)&code[i]);
    }
    return ((u64(*)(u64, u64, u64, volatile u32 *, u32))(u64)code)(turns, 0, 0, add, *add);
}

void run(void);
void run(void)
{
    print("nested    ", nested(60000));
    print("faulting  ", faulting(6000000));
    print("traps     ", trap_count);
    print("registers ", trap_sum);
    print("rewriting ", rewriting(20000000));
    print("end       ", 0);
}

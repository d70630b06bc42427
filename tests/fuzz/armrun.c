/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Runs the cases of a file that armgen wrote (armuser.h), as a Linux program of the guest
 * architecture, and prints where registers, flags or memory differ from what the file says.
 *
 *   aarch64-linux-gnu-gcc -O1 -static -no-pie -Wl,-Ttext-segment=0x400000 armrun.c -o armrun
 *
 * The code is jumped to and left by direct branches, since every register is the case's.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "armuser.h"

ArmUserState armrun_state;
uint64_t armrun_saved[32];
void armrun_enter(void);
extern char armrun_leave[];
extern uint32_t armrun_code_branch[];

#ifdef __aarch64__
__asm__(".text\n.balign 16\n.globl armrun_enter\narmrun_enter:\n"
        "adrp x9, armrun_saved\nadd x9, x9, :lo12:armrun_saved\n"
        "stp x19, x20, [x9]\nstp x21, x22, [x9, 16]\nstp x23, x24, [x9, 32]\n"
        "stp x25, x26, [x9, 48]\nstp x27, x28, [x9, 64]\nstp x29, x30, [x9, 80]\n"
        "mov x10, sp\nmrs x11, tpidr_el0\nstp x10, x11, [x9, 96]\n"
        "stp d8, d9, [x9, 112]\nstp d10, d11, [x9, 128]\nstp d12, d13, [x9, 144]\n"
        "stp d14, d15, [x9, 160]\n"
        "adrp x30, armrun_state\nadd x30, x30, :lo12:armrun_state\n"
        "add x29, x30, 256\n"
        "ld1 {v0.2d-v3.2d}, [x29], 64\nld1 {v4.2d-v7.2d}, [x29], 64\n"
        "ld1 {v8.2d-v11.2d}, [x29], 64\nld1 {v12.2d-v15.2d}, [x29], 64\n"
        "ld1 {v16.2d-v19.2d}, [x29], 64\nld1 {v20.2d-v23.2d}, [x29], 64\n"
        "ld1 {v24.2d-v27.2d}, [x29], 64\nld1 {v28.2d-v31.2d}, [x29], 64\n"
        "ldr w28, [x29]\nmsr nzcv, x28\nldr w28, [x29, 4]\nmsr fpcr, x28\n"
        "ldr w28, [x29, 8]\nmsr fpsr, x28\n"
        "ldr x29, [x30, 248]\nmov sp, x29\n"
        "ldp x0, x1, [x30]\nldp x2, x3, [x30, 16]\nldp x4, x5, [x30, 32]\n"
        "ldp x6, x7, [x30, 48]\nldp x8, x9, [x30, 64]\nldp x10, x11, [x30, 80]\n"
        "ldp x12, x13, [x30, 96]\nldp x14, x15, [x30, 112]\nldp x16, x17, [x30, 128]\n"
        "ldp x18, x19, [x30, 144]\nldp x20, x21, [x30, 160]\nldp x22, x23, [x30, 176]\n"
        "ldp x24, x25, [x30, 192]\nldp x26, x27, [x30, 208]\nldp x28, x29, [x30, 224]\n"
        "ldr x30, [x30, 240]\n"
        ".globl armrun_code_branch\narmrun_code_branch: b .\n" /* patched */
        ".globl armrun_leave\narmrun_leave:\n"
        "msr tpidr_el0, x30\nadrp x30, armrun_state\nadd x30, x30, :lo12:armrun_state\n"
        "stp x0, x1, [x30]\nstp x2, x3, [x30, 16]\nstp x4, x5, [x30, 32]\n"
        "stp x6, x7, [x30, 48]\nstp x8, x9, [x30, 64]\nstp x10, x11, [x30, 80]\n"
        "stp x12, x13, [x30, 96]\nstp x14, x15, [x30, 112]\nstp x16, x17, [x30, 128]\n"
        "stp x18, x19, [x30, 144]\nstp x20, x21, [x30, 160]\nstp x22, x23, [x30, 176]\n"
        "stp x24, x25, [x30, 192]\nstp x26, x27, [x30, 208]\nstp x28, x29, [x30, 224]\n"
        "mrs x0, tpidr_el0\nstr x0, [x30, 240]\nmov x0, sp\nstr x0, [x30, 248]\n"
        "add x29, x30, 256\n"
        "st1 {v0.2d-v3.2d}, [x29], 64\nst1 {v4.2d-v7.2d}, [x29], 64\n"
        "st1 {v8.2d-v11.2d}, [x29], 64\nst1 {v12.2d-v15.2d}, [x29], 64\n"
        "st1 {v16.2d-v19.2d}, [x29], 64\nst1 {v20.2d-v23.2d}, [x29], 64\n"
        "st1 {v24.2d-v27.2d}, [x29], 64\nst1 {v28.2d-v31.2d}, [x29], 64\n"
        "mrs x0, nzcv\nstr w0, [x29]\nmrs x0, fpcr\nstr w0, [x29, 4]\n"
        "mrs x0, fpsr\nstr w0, [x29, 8]\nmsr fpcr, xzr\n"
        "adrp x9, armrun_saved\nadd x9, x9, :lo12:armrun_saved\n"
        "ldp x19, x20, [x9]\nldp x21, x22, [x9, 16]\nldp x23, x24, [x9, 32]\n"
        "ldp x25, x26, [x9, 48]\nldp x27, x28, [x9, 64]\nldp x29, x30, [x9, 80]\n"
        "ldp x10, x11, [x9, 96]\nmov sp, x10\nmsr tpidr_el0, x11\n"
        "ldp d8, d9, [x9, 112]\nldp d10, d11, [x9, 128]\nldp d12, d13, [x9, 144]\n"
        "ldp d14, d15, [x9, 160]\nret\n");
static uint32_t branch(uint32_t from, uint32_t to)
{
    return 0x14000000 | ((int32_t)(to - from) >> 2 & 0x3ffffff);
}
static void restore_thread(void)
{
    __asm__ volatile("msr tpidr_el0, %0" ::"r"(armrun_saved[13]));
}
enum { REGS = 32, VREGS = 32 };
#else
__asm__(".text\n.syntax unified\n.fpu neon-vfpv4\n.arm\n.balign 16\n.globl armrun_enter\n.type "
        "armrun_enter, %function\n"
        "armrun_enter:\n"
        "ldr r12, =armrun_saved\nstm r12, {r4-r11}\nadd r12, r12, #32\nstr sp, [r12]\n"
        "str lr, [r12, #4]\nadd r12, r12, #16\nvstm r12, {d8-d15}\n"
        "ldr lr, =armrun_state\nadd r12, lr, #256\n"
        "vldm r12!, {d0-d15}\nvldm r12!, {d16-d31}\n"
        "add r12, r12, #256\nldr r0, [r12]\nmsr apsr_nzcvqg, r0\n"
        "ldr r0, [r12, #4]\nvmsr fpscr, r0\n"
        "ldr r0, [lr]\nldr r1, [lr, #8]\nldr r2, [lr, #16]\nldr r3, [lr, #24]\nldr r4, [lr, #32]\n"
        "ldr r5, [lr, #40]\nldr r6, [lr, #48]\nldr r7, [lr, #56]\nldr r8, [lr, #64]\n"
        "ldr r9, [lr, #72]\nldr r10, [lr, #80]\nldr r11, [lr, #88]\nldr r12, [lr, #96]\n"
        "ldr sp, [lr, #104]\nldr lr, [lr, #112]\n"
        ".globl armrun_code_branch\narmrun_code_branch: b .\n" /* patched */
        ".ltorg\n"
        ".globl armrun_leave\narmrun_leave:\n"
        "str lr, armrun_lr\nldr lr, armrun_state_at\n"
        "str r0, [lr]\nstr r1, [lr, #8]\nstr r2, [lr, #16]\nstr r3, [lr, #24]\nstr r4, [lr, #32]\n"
        "str r5, [lr, #40]\nstr r6, [lr, #48]\nstr r7, [lr, #56]\nstr r8, [lr, #64]\n"
        "str r9, [lr, #72]\nstr r10, [lr, #80]\nstr r11, [lr, #88]\nstr r12, [lr, #96]\n"
        "str sp, [lr, #104]\nldr r0, armrun_lr\nstr r0, [lr, #112]\n"
        "mrs r0, apsr\nldr r12, =0xf80f0000\nand r0, r0, r12\nadd r12, lr, #256\nvstm r12!, {d0-d15}\nvstm r12!, {d16-d31}\n"
        "add r12, r12, #256\nstr r0, [r12]\nvmrs r0, fpscr\nstr r0, [r12, #4]\n"
        "mov r0, #0\nvmsr fpscr, r0\n"
        "ldr r12, armrun_saved_at\nldm r12, {r4-r11}\nadd r12, r12, #32\nldr sp, [r12]\n"
        "ldr lr, [r12, #4]\nadd r12, r12, #16\nvldm r12, {d8-d15}\nbx lr\n"
        ".ltorg\narmrun_lr: .word 0\narmrun_state_at: .word armrun_state\n"
        "armrun_saved_at: .word armrun_saved\n");
static uint32_t branch(uint32_t from, uint32_t to)
{
    return 0xea000000 | ((int32_t)(to - from - 8) >> 2 & 0xffffff);
}
static void restore_thread(void)
{
}
enum { REGS = 15, VREGS = 16 };
#endif

static sigjmp_buf out;

static uint32_t fault_at;

static void on_signal(int sig, siginfo_t *info, void *uc)
{
#ifdef __aarch64__
    fault_at = ((ucontext_t *)uc)->uc_mcontext.pc;
#else
    fault_at = ((ucontext_t *)uc)->uc_mcontext.arm_pc;
#endif
    restore_thread();
    siglongjmp(out, sig);
}

static unsigned compare(const ArmUserCase *c, const ArmUserState *got, uint64_t hash, int sig)
{
    const ArmUserState *want = &c->after;
    unsigned bad = 0;
    if (sig) {
        unsigned i = (fault_at - ARMUSER_CODE) / 4;
        printf("seed %u: signal %d at instruction %u, %08x\n", c->seed, sig, i,
               i < ARMUSER_WORDS ? c->code[i] : 0);
        return 1;
    }
    for (unsigned i = 0; i < REGS; i++) {
        if (want->x[i] != got->x[i]) {
            printf("seed %u: x%u is %016llx, rhea has %016llx\n", c->seed, i,
                   (unsigned long long)got->x[i], (unsigned long long)want->x[i]);
            bad = 1;
        }
    }
    for (unsigned i = 0; i < VREGS; i++) {
        if (want->v[i][0] != got->v[i][0] || want->v[i][1] != got->v[i][1]) {
            printf("seed %u: v%u is %016llx:%016llx, rhea has %016llx:%016llx\n", c->seed, i,
                   (unsigned long long)got->v[i][1], (unsigned long long)got->v[i][0],
                   (unsigned long long)want->v[i][1], (unsigned long long)want->v[i][0]);
            bad = 1;
        }
    }
    if (want->nzcv != got->nzcv || want->fpcr != got->fpcr || want->fpsr != got->fpsr) {
        printf("seed %u: flags, fpcr, fpsr are %08x %08x %08x, rhea has %08x %08x %08x\n", c->seed,
               got->nzcv, got->fpcr, got->fpsr, want->nzcv, want->fpcr, want->fpsr);
        bad = 1;
    }
    if (hash != c->hash) {
        printf("seed %u: memory differs\n", c->seed);
        bad = 1;
    }
    return bad;
}

int main(int argc, char **argv)
{
    static ArmUserCase c;
    static uint8_t stack[65536];
    uint32_t *code = mmap((void *)(uintptr_t)ARMUSER_CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    uint8_t *buf = mmap((void *)(uintptr_t)ARMUSER_BUF, ARMUSER_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (!f || code == MAP_FAILED || buf == MAP_FAILED) {
        fprintf(stderr, "armrun: cannot start\n");
        return 2;
    }
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
    struct sigaction sa = {.sa_sigaction = on_signal,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaction(SIGILL, &sa, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGTRAP, &sa, NULL);
    unsigned n = 0, bad = 0;
    while (fread(&c, sizeof(c), 1, f) == 1) {
        memcpy(code, c.code, sizeof(c.code));
        code[c.nwords] = branch(ARMUSER_CODE + 4 * c.nwords, (uint32_t)(uintptr_t)armrun_leave);
        if (c.code[0] == 0xe51ff004) { /* a T32 program: ldr.w pc, [pc] */
            code[c.nwords] = 0xf000f8df;
            code[c.nwords + 1] = (uint32_t)(uintptr_t)armrun_leave;
        }
        uintptr_t b = (uintptr_t)armrun_code_branch;
        mprotect((void *)(b & ~4095u), 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
        *armrun_code_branch = branch(b, ARMUSER_CODE);
        __builtin___clear_cache((char *)b, (char *)b + 4);
        __builtin___clear_cache((char *)code, (char *)code + 4096);
        memcpy(buf, c.memory, ARMUSER_SIZE);
        armrun_state = c.before;
        int sig = sigsetjmp(out, 1);
        if (!sig) {
            armrun_enter();
        }
        bad += compare(&c, &armrun_state, armuser_hash(buf), sig);
        n++;
    }
    printf("%u cases, %u differ\n", n, bad);
    return bad != 0;
}

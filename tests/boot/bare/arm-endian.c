/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Big-endian data at EL0 (SCTLR_EL1.E0E; DDI 0487, B2.6.2): loads, stores, pairs, exclusives,
 * atomics and SIMD, each also with little-endian data. The instructions themselves stay
 * little-endian.
 */
#include "a64.h"

static u32 code[1024] __attribute__((aligned(4096)));
static unsigned char data[4096] __attribute__((aligned(4096)));
#define CODE 0x1000200000ul
#define DATA 0x1000400000ul

/* On 16 bytes at X1 that are 0x80 to 0x8f; results in X0 and X2. Expected: little- and big-endian.
 */
extern const u32 insn_list[];
__asm__(
    ".section .rodata\n.balign 4\ninsn_list:\n"
    "ldr x0, [x1]\nnop\nldr w0, [x1, 4]\nnop\nldrh w0, [x1, 2]\nnop\nldrb w0, [x1, 3]\nnop\n"
    "ldrsh x0, [x1]\nnop\nldur x0, [x1, 1]\nnop\n"
    "ldp x0, x2, [x1]\nnop\nldp w0, w2, [x1]\nnop\nldpsw x0, x2, [x1]\nnop\n"
    "ldxp x0, x2, [x1]\nnop\nldxp w0, w2, [x1]\nnop\nldar w0, [x1]\nnop\n"
    "ldr d0, [x1]\nfmov x0, d0\nldr q0, [x1]\numov x0, v0.d[0]\nldr q0, [x1]\numov x0, v0.d[1]\n"
    "ld1 {v0.2d}, [x1]\numov x0, v0.d[0]\nld1 {v0.4s}, [x1]\numov x0, v0.d[0]\nld1 {v0.16b}, "
    "[x1]\numov x0, v0.d[0]\n"
    "swp x1, x0, [x1]\nnop\nldadd wzr, w0, [x1, 0]\nnop\n.text\n");
static const u64 want[][2][2] = {
    {{0x8786858483828180, 0}, {0x8081828384858687, 0}},
    {{0x87868584, 0}, {0x84858687, 0}},
    {{0x8382, 0}, {0x8283, 0}},
    {{0x83, 0}, {0x83, 0}},
    {{0xffffffffffff8180, 0}, {0xffffffffffff8081, 0}},
    {{0x8887868584838281, 0}, {0x8182838485868788, 0}},
    {{0x8786858483828180, 0x8f8e8d8c8b8a8988}, {0x8081828384858687, 0x88898a8b8c8d8e8f}},
    {{0x83828180, 0x87868584}, {0x80818283, 0x84858687}},
    {{0xffffffff83828180, 0xffffffff87868584}, {0xffffffff80818283, 0xffffffff84858687}},
    {{0x8786858483828180, 0x8f8e8d8c8b8a8988}, {0x8081828384858687, 0x88898a8b8c8d8e8f}},
    {{0x83828180, 0x87868584}, {0x80818283, 0x84858687}},
    {{0x83828180, 0}, {0x80818283, 0}},
    {{0x8786858483828180, 0}, {0x8081828384858687, 0}},
    {{0x8786858483828180, 0}, {0x88898a8b8c8d8e8f, 0}},
    {{0x8f8e8d8c8b8a8988, 0}, {0x8081828384858687, 0}},
    {{0x8786858483828180, 0}, {0x8081828384858687, 0}},
    {{0x8786858483828180, 0}, {0x8485868780818283, 0}},
    {{0x8786858483828180, 0}, {0x8786858483828180, 0}},
    {{0x8786858483828180, 0}, {0x8081828384858687, 0}},
    {{0x83828180, 0}, {0x80818283, 0}},
};

static void run(void)
{
    u64 *root = identity();
    *pte(root, CODE, 3) = (u64)code | PTE_PAGE | PTE_RAM | PTE_RO | PTE_USER;
    *pte(root, DATA, 3) = (u64)data | PTE_PAGE | PTE_RAM | PTE_USER;
    mmu_on(root);
    for (u32 be = 0; be < 2; be++) {
        MSR("sctlr_el1", (MRS("sctlr_el1") & ~(1ul << 24)) | be << 24);
        for (u32 i = 0; i < COUNT(want); i++) {
            for (u32 k = 0; k < 32; k++) {
                data[k] = 0x80 + k;
            }
            u32 n = 0;
            code[n++] = 0xd2800002; /* mov x2, 0 */
            code[n++] = insn_list[2 * i];
            code[n++] = insn_list[2 * i + 1];
            /* Both results to memory, where EL1 reads them. */
            code[n++] = 0xf9002220; /* str x0, [x17, 64] */
            code[n++] = 0xf9002622; /* str x2, [x17, 72] */
            code[n++] = 0xd4000001; /* svc 0 */
            sync_code();
            go(CODE, 0x3c0, DATA);
            check("class", i << 8 | be, trap.esr >> 26, 0x15);
            for (u32 r = 0; r < 2; r++) {
                u64 v = *(volatile u64 *)(data + 64 + 8 * r);
                check("value", i << 8 | be << 4 | r, be ? __builtin_bswap64(v) : v, want[i][be][r]);
            }
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The alignment of SP as a base register (DDI 0487, D1.3.10.2) at EL1 and EL0: which instructions
 * look at it, with SCTLR_EL1.SA and SA0 set and clear; and of data with SCTLR_EL1.A.
 */
#include "a64.h"

enum { SVC = 0xd4000001 };
static u32 code[1024] __attribute__((aligned(4096)));
static u64 data[512] __attribute__((aligned(4096)));
#define CODE 0x1000000000ul
#define DATA 0x1000100000ul

/* Instructions with SP as the base; looks: it must be aligned. */
static const struct {
    const char *name;
    u32 insn;
    unsigned char looks;
} insns[] = {
    {"ldr x0, [sp]", 0xf94003e0, 1},           {"ldr x0, [sp, 8]", 0xf94007e0, 1},
    {"ldrb w0, [sp, 1]", 0x394007e0, 1},       {"str x0, [sp, 16]", 0xf9000be0, 1},
    {"ldur x0, [sp, -8]", 0xf85f83e0, 1},      {"ldr x0, [sp], 16", 0xf84107e0, 1},
    {"str x0, [sp, -16]!", 0xf81f0fe0, 1},     {"ldp x0, x2, [sp]", 0xa9400be0, 1},
    {"stp x0, x2, [sp, -16]!", 0xa9bf0be0, 1}, {"ldr x0, [sp, x3]", 0xf8636be0, 1},
    {"ldr d0, [sp]", 0xfd4003e0, 1},           {"ldr q0, [sp, 16]", 0x3dc007e0, 1},
    {"ldp d0, d1, [sp]", 0x6d4007e0, 1},       {"ld1 {v0.16b}, [sp]", 0x4c4073e0, 1},
    {"ld1 {v0.b}[0], [sp]", 0x0d4003e0, 1},    {"ld1r {v0.8b}, [sp]", 0x0d40c3e0, 1},
    {"ldr d0, [sp, x3]", 0xfc636be0, 1},       {"ldxr w0, [sp]", 0x885f7fe0, 1},
    {"stxr w0, w2, [sp]", 0x88007fe2, 1},      {"ldar w0, [sp]", 0x88dfffe0, 1},
    {"stlr w0, [sp]", 0x889fffe0, 1},          {"ldaddal w0, w2, [sp]", 0xb8e003e2, 1},
    {"cas w0, w2, [sp]", 0x88a07fe2, 1},       {"prfm pldl1keep, [sp]", 0xf98003e0, 0},
    {"add x0, sp, 3", 0x91000fe0, 0},          {"ldr x0, [x1]", 0xf9400020, 0},
};

static void sp_alignment(u32 el)
{
    for (u32 on = 0; on < 2; on++) {
        u64 bit = el ? 8 : 16;
        MSR("sctlr_el1", (MRS("sctlr_el1") & ~(8ul | 16)) | (on ? bit : 24 - bit));
        for (u32 i = 0; i < COUNT(insns); i++) {
            for (u32 behind = 0; behind < 4; behind++) {
                for (u32 off = 0; off < 16; off += off ? 4 : 8) {
                    /* behind 1: not the unit's first; 2: after an access that was aligned;
                     * 3: after SP was moved by 16, aligned still. */
                    u32 n = 0, *p = code;
                    u64 sp = DATA + 1024 + off;
                    p[n++] = 0x9100003f; /* mov sp, x1 */
                    if (behind == 0) {
                        p[n++] = 0x14000001; /* b . + 4 */
                    } else if (behind == 2) {
                        p[n++] = 0xd10023ff | 0x2000 * 0; /* sub sp, sp, 8 */
                        p[n++] = 0x910023ff;              /* add sp, sp, 8 */
                    } else if (behind == 3) {
                        p[n++] = 0xd10043ff; /* sub sp, sp, 16 */
                    }
                    u32 at = n;
                    p[n++] = insns[i].insn;
                    p[n++] = SVC;
                    sync_code();
                    u64 id = el << 24 | on << 16 | i << 8 | behind << 4 | off;
                    go(CODE + 0x200000 * !el, el ? 0x3c5 : 0x3c0, sp);
                    u32 want = on && off && insns[i].looks ? 0x26 : 0x15;
                    check(insns[i].name, id, trap.esr >> 26, want);
                    check("elr", id, trap.elr, CODE + 0x200000 * !el + 4 * (want == 0x26 ? at : n));
                    check("iss", id, trap.esr & 0x1ffffff, 0);
                }
            }
        }
    }
}

static void run(void)
{
    u64 *root = identity();
    for (u32 user = 0; user < 2; user++) {
        *pte(root, CODE + 0x200000 * user, 3) =
            (u64)code | PTE_PAGE | PTE_RAM | PTE_RO | (user ? PTE_USER : 0);
        *pte(root, DATA, 3) = (u64)data | PTE_PAGE | PTE_RAM | PTE_USER;
    }
    mmu_on(root);
    sp_alignment(0);
    sp_alignment(1);
}

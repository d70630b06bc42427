/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Alignment of exclusive, ordered and atomic accesses with FEAT_LSE2 (DDI 0487, B2.8), at every
 * offset, with SCTLR_EL1.nAA and A set and clear: results, faults and their syndromes.
 */
#include "a64.h"

enum { ORDERED, ATOMIC, EXCLUSIVE, PLAIN };
static u32 code[1024] __attribute__((aligned(4096)));
static unsigned char data[8192] __attribute__((aligned(4096)));

/* X1: address, X2 and X3: operands; the size in bits 31:30 is added. */
static const struct {
    const char *name;
    u32 insn;
    unsigned char kind, load;
} insns[] = {
    {"ldar x0, [x1]", 0x08dffc20, ORDERED, 1},   {"stlr x2, [x1]", 0x089ffc22, ORDERED, 0},
    {"ldapr x0, [x1]", 0x38bfc020, ORDERED, 1},  {"ldapur x0, [x1]", 0x19400020, ORDERED, 1},
    {"stlur x2, [x1]", 0x19000022, ORDERED, 0},  {"ldaddal x2, x0, [x1]", 0x38e20020, ATOMIC, 0},
    {"swp x2, x0, [x1]", 0x38228020, ATOMIC, 0}, {"ldsmax x2, x0, [x1]", 0x38224020, ATOMIC, 0},
    {"cas x3, x2, [x1]", 0x08a37c22, ATOMIC, 0}, {"ldxr x0, [x1]", 0x085f7c20, EXCLUSIVE, 1},
    {"ldr x0, [x1]", 0x39400020, PLAIN, 1},      {"str x2, [x1]", 0x39000022, PLAIN, 0},
};

static u64 load(u64 at, u32 bytes)
{
    u64 v = 0;
    for (u32 i = 0; i < bytes; i++) {
        v |= (u64)data[at + i] << 8 * i;
    }
    return v;
}

typedef u64 Code(u64, u64, u64, u64);

static void alignment(u32 naa, u32 a)
{
    MSR("sctlr_el1", (MRS("sctlr_el1") & ~(1ul << 6 | 2)) | naa << 6 | a << 1);
    for (u32 n = 0; n < COUNT(insns); n++) {
        for (u32 size = 0; size < 4; size++) {
            code[0] = insns[n].insn | size << 30;
            code[1] = 0xd65f03c0; /* ret */
            sync_code();
            for (u64 at = 4080; at < 4113; at++) { /* pages too */
                u32 bytes = 1 << size;
                u64 mask = size == 3 ? -1ul : (1ul << 8 * bytes) - 1;
                u64 id = n << 24 | size << 20 | naa << 17 | a << 16 | at;
                for (u32 i = 0; i < 64; i++) {
                    data[4064 + i] = 7 * i + 3;
                }
                u64 before = load(at, bytes), x2 = 0x1122334455667788 & mask;
                u32 faults = 0;
                if (at & (bytes - 1)) {
                    u32 inside = (at & 15) + bytes <= 16;
                    faults = a || insns[n].kind == EXCLUSIVE ||
                             (insns[n].kind == ATOMIC && !inside) ||
                             (insns[n].kind == ORDERED && !inside && !naa);
                }
                u64 count = trap.count;
                u64 got = ((Code *)code)(0x5555, (u64)data + at, x2, before);
                check(insns[n].name, id, trap.count - count, faults);
                if (faults) {
                    check("class", id, trap.esr >> 26, 0x25);
                    check("status", id, trap.esr & 0x3f, 0x21);
                    check("far", id, trap.far, (u64)data + at);
                    check("memory", id, load(at, bytes), before);
                    continue;
                }
                u64 after = before;
                switch (insns[n].insn) {
                case 0x089ffc22:
                case 0x19000022:
                case 0x39000022:
                case 0x38228020:
                case 0x08a37c22:
                    after = x2;
                    break;
                case 0x38e20020:
                    after = (before + x2) & mask;
                    break;
                case 0x38224020: {
                    u32 sh = 64 - 8 * bytes;
                    after = (long)(before << sh) > (long)(x2 << sh) ? before : x2;
                }
                }
                check("memory", id, load(at, bytes), after);
                check("neighbours", id, data[at - 1] << 8 | data[at + bytes],
                      ((7 * (at - 4065) + 3) & 255) << 8 | ((7 * (at + bytes - 4064) + 3) & 255));
                if (insns[n].load || (insns[n].kind == ATOMIC && insns[n].insn != 0x08a37c22)) {
                    check("value", id, got & mask, before);
                }
            }
        }
    }
}

static void run(void)
{
    u64 *root = identity();
    check("lse2", 0, MRS("S3_0_C0_C7_2") >> 32 & 15, 1);
    mmu_on(root);
    for (u32 a = 0; a < 2; a++) {
        alignment(0, a);
        alignment(1, a);
    }
}

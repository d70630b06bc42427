/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Branch target identification (DDI 0487, D8.4.5) at EL1 and EL0: each way to branch from guarded
 * and from other pages to each instruction, what PSTATE.BTYPE is in SPSR, and what clears it;
 * misaligned branches, whose alignment fault comes first.
 */
#include "a64.h"

enum { NOP = 0xd503201f, SVC = 0xd4000001 };

/* Ways to get there; X1, X16 and X17 hold the address. */
static const struct {
    u32 insn;
    unsigned char btype, btype_guarded; /* from another page, from a guarded one */
} ways[] = {
    {0xd61f0020, 1, 3}, /* br x1 */
    {0xd61f0200, 1, 1}, /* br x16 */
    {0xd61f0220, 1, 1}, /* br x17 */
    {0xd63f0020, 2, 2}, /* blr x1 */
    {0xd63f0200, 2, 2}, /* blr x16 */
    {0xd65f0020, 0, 0}, /* ret x1 */
};

/* What stands there; allowed: bit n: with BTYPE n. BT: and 3 unless SCTLR_EL1.BTn is set. */
enum { BT = 1 << 4, STOPS = 1 << 5 };
static const struct {
    u32 insn;
    unsigned char allowed;
} pads[] = {
    {NOP, 1},
    {0xd503241f, 1},              /* bti */
    {0xd503245f, 1 | 2 | 4},      /* bti c */
    {0xd503249f, 1 | 2 | 8},      /* bti j */
    {0xd50324df, 15},             /* bti jc */
    {0xd503233f, 1 | 2 | 4 | BT}, /* paciasp */
    {0xd503237f, 1 | 2 | 4 | BT}, /* pacibsp */
    {0xd503235f, 1},              /* pacibz */
    {0xd503231f, 1},              /* paciaz */
    {0xd4200020, 15 | STOPS},     /* brk 1 */
    {0x92800000, 1},              /* mov x0, -1 */
    {0xf9400021, 1},              /* ldr x1, [x1] */
    {SVC | 0x20, 1 | STOPS},      /* svc 1 */
    {0xd69f03e0, 1 | STOPS},      /* eret: at EL0 it is undefined */
};

static u32 code[4096] __attribute__((aligned(4096)));
#define PAGE_WAYS    0
#define PAGE_TARGETS 1024
/* Virtual: the pages without and with the guard bit. */
#define VA(page, guarded, user)                                                                    \
    (0x1000000000 + (u64)(page)*4 + (guarded)*0x100000 + (user)*0x200000)
#define PSTATE_EL(el) ((el) ? 0x3c5ul : 0x3c0ul)

static void build(u64 *root)
{
    for (u32 i = 0; i < COUNT(ways); i++) {
        code[PAGE_WAYS + 16 * i] = ways[i].insn;
    }
    for (u32 i = 0; i < COUNT(pads); i++) {
        u32 *p = &code[PAGE_TARGETS + 16 * i];
        p[0] = pads[i].insn;
        p[1] = SVC;
    }
    for (u32 page = 0; page < 4096; page += 1024) {
        for (u32 guarded = 0; guarded < 2; guarded++) {
            for (u32 user = 0; user < 2; user++) {
                *pte(root, VA(page, guarded, user), 3) = (u64)&code[page] | PTE_PAGE | PTE_RAM |
                                                         PTE_RO | (guarded ? PTE_GP : 0) |
                                                         (user ? PTE_USER : 0);
            }
        }
    }
    sync_code();
}

static void branches(u32 el)
{
    for (u32 bt = 0; bt < 2; bt++) {
        u64 bits = el ? 1ul << 36 : 1ul << 35;
        MSR("sctlr_el1", (MRS("sctlr_el1") & ~bits) | (bt ? bits : 0));
        for (u32 from = 0; from < 2; from++) {
            for (u32 to = 0; to < 2; to++) {
                for (u32 w = 0; w < COUNT(ways); w++) {
                    for (u32 p = 0; p < COUNT(pads); p++) {
                        if (el && pads[p].insn == 0xd69f03e0) {
                            continue;
                        }
                        u64 target = VA(PAGE_TARGETS + 16 * p, to, !el);
                        u64 id = el << 24 | bt << 20 | from << 16 | to << 12 | w << 8 | p;
                        u32 btype = from ? ways[w].btype_guarded : ways[w].btype;
                        u32 allowed = pads[p].allowed;
                        if ((allowed & BT) && !bt) {
                            allowed |= 8;
                        }
                        go(VA(PAGE_WAYS + 16 * w, from, !el), PSTATE_EL(el), target);
                        if (to && !(allowed >> btype & 1)) {
                            check("esr", id, trap.esr, 0x0dul << 26 | 1 << 25 | btype);
                            check("elr", id, trap.elr, target);
                            check("btype", id, trap.spsr >> 10 & 3, btype);
                            check("vector", id, trap.vector, el ? 0x1200 : 0x1400);
                        } else if (!(pads[p].allowed & STOPS)) {
                            check("esr", id, trap.esr, 0x15ul << 26 | 1 << 25);
                            check("elr", id, trap.elr, target + 8);
                            check("btype", id, trap.spsr >> 10 & 3, 0);
                        } else if (pads[p].insn == 0xd4200020) {
                            check("esr", id, trap.esr, 0x3cul << 26 | 1 << 25 | 1);
                            check("elr", id, trap.elr, target);
                            check("btype", id, trap.spsr >> 10 & 3, btype);
                        }
                    }
                }
            }
        }
    }
}

/* A return with SPSR.BTYPE is checked as a branch is. */
static void returns(u32 el)
{
    for (u32 btype = 0; btype < 4; btype++) {
        for (u32 to = 0; to < 2; to++) {
            u64 target = VA(PAGE_TARGETS, to, !el);
            u64 id = el << 24 | to << 12 | btype << 8;
            go(target, PSTATE_EL(el) | btype << 10, 0);
            check("return", id, trap.esr,
                  to && btype ? 0x0dul << 26 | 1 << 25 | btype : 0x15ul << 26 | 1 << 25);
            go(target + 2, PSTATE_EL(el) | btype << 10, 0);
            check("misaligned return", id, trap.esr, 0x22ul << 26 | 1 << 25);
            check("misaligned return's btype", id, trap.spsr >> 10 & 3, btype);
            check("misaligned return's far", id, trap.far, target + 2);
            check("misaligned return's elr", id, trap.elr, target + 2);
        }
    }
    for (u32 w = 0; w < COUNT(ways); w++) {
        for (u32 from = 0; from < 2; from++) {
            for (u32 low = 1; low < 4; low++) {
                u64 target = VA(PAGE_TARGETS, 1, !el) + low,
                    id = el << 24 | from << 16 | w << 8 | low;
                go(VA(PAGE_WAYS + 16 * w, from, !el), PSTATE_EL(el), target);
                check("misaligned", id, trap.esr, 0x22ul << 26 | 1 << 25);
                check("misaligned far", id, trap.far, target);
                check("misaligned elr", id, trap.elr, target);
                check("misaligned btype", id, trap.spsr >> 10 & 3,
                      from ? ways[w].btype_guarded : ways[w].btype);
                /* Nothing is mapped there: alignment still comes first. */
                target = 0x3000000000 + low;
                go(VA(PAGE_WAYS + 16 * w, from, !el), PSTATE_EL(el), target);
                check("misaligned, unmapped", id, trap.esr, 0x22ul << 26 | 1 << 25);
                target &= ~3ul;
                go(VA(PAGE_WAYS + 16 * w, from, !el), PSTATE_EL(el), target);
                check("unmapped", id, trap.esr >> 26, el ? 0x21 : 0x20);
                check("unmapped far", id, trap.far, target);
                check("unmapped elr", id, trap.elr, target);
                check("unmapped btype", id, trap.spsr >> 10 & 3,
                      from ? ways[w].btype_guarded : ways[w].btype);
            }
        }
    }
}

/* Only the instruction behind the branch is looked at. */
static void second(u32 el)
{
    u32 *p = &code[PAGE_TARGETS + 512];
    p[0] = NOP;
    p[1] = 0x14000000 | 0x100000 / 4; /* b */
    sync_code();
    go(VA(PAGE_WAYS, 0, !el), PSTATE_EL(el), VA(PAGE_TARGETS + 512, 0, !el));
    /* From p[1] of the plain page to that of the guarded one, and on until nothing is mapped. */
    check("second", el, trap.esr >> 26, el ? 0x21 : 0x20);
    check("second far", el, trap.far, VA(PAGE_TARGETS + 512, 1, 1) + 4 + 0x100000);
    /* A page becomes guarded: what was translated is looked at again. */
    u64 *d = pte((u64 *)(MRS("ttbr0_el1") & 0xfffffffff000), VA(PAGE_TARGETS, 0, !el), 3);
    for (u32 i = 0; i < 4; i++) {
        go(VA(PAGE_WAYS + 48, 0, !el), PSTATE_EL(el), VA(PAGE_TARGETS, 0, !el));
        check("guard", el << 8 | i, trap.esr,
              i & 1 ? 0x0dul << 26 | 1 << 25 | 2 : 0x15ul << 26 | 1 << 25);
        *d ^= PTE_GP;
        flush();
    }
}

static void run(void)
{
    u64 *root = identity();
    check("bti", 0, MRS("id_aa64pfr1_el1") & 15, 1);
    build(root);
    mmu_on(root);
    for (u32 el = 0; el < 2; el++) {
        branches(el);
        returns(el);
        second(el);
    }
}

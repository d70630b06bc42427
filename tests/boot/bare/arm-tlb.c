/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * TLB maintenance (DDI 0487, D8.16): for each operation that must drop an entry, a mapping is used,
 * changed, seen to be cached still, and changed for every CPU concerned once the operation and a
 * DSB are complete. What TLBs may not hold is found without one. At EL1 with a second CPU; at EL2,
 * the operations on stage 2, on EL1 and on EL2.
 */
#include "a64.h"

#define LOW   0x2000000000ul
#define HIGH  0xffffffa000000000ul
#define BLOCK 0x2000400000ul
#define CODE  0x2000800000ul

static u64 pages[8][512] __attribute__((aligned(4096)));
static u64 big[2][0x40000] __attribute__((aligned(0x200000)));
static u32 stub[1024] __attribute__((aligned(4096)));
static u64 *root0, *root1;
static u64 *low, *high, *block, *code;

/* ---- the second CPU: does what the mailbox says ---- */

enum { IDLE, LOAD, CALL, SET_ASID, RACE };
static struct {
    u64 command, arg, result;
} mail;
static u64 least, wrong, race_end;

static u64 load(u64 va)
{
    return *(volatile u64 *)va;
}
static u64 call(u64 va)
{
    u64 (*fn)(void) = (u64(*)(void))va;
    __asm__ volatile("isb" ::: "memory");
    return fn();
}

static void set_asid(u64 asid)
{
    MSR("ttbr0_el1", (MRS("ttbr0_el1") & 0xffffffffffff) | asid << 48);
}

static void serve(u64 unused)
{
    (void)unused;
    for (;;) {
        u64 c = READ(mail.command);
        switch (c) {
        case LOAD:
            mail.result = load(mail.arg);
            break;
        case CALL:
            mail.result = call(mail.arg);
            break;
        case SET_ASID:
            set_asid(mail.arg);
            break;
        case RACE:
            while (!READ(race_end)) {
                u64 m = READ(least), v = load(mail.arg);
                if (v < m) {
                    wrong++;
                }
            }
            break;
        default:
            continue;
        }
        WRITE(mail.command, IDLE);
    }
}

static void post(u64 command, u64 arg)
{
    mail.arg = arg;
    WRITE(mail.command, command);
}
static u64 remote(u64 command, u64 arg)
{
    post(command, arg);
    if (!WAIT(mail.command, IDLE)) {
        check("the second CPU answers", command, 0, 1);
    }
    return mail.result;
}

/* ---- operations ---- */

#define TLBI(op, v) __asm__ volatile("tlbi " op ", %0" ::"r"(v) : "memory")
#define OP(name)                                                                                   \
    static void op_##name(u64 v)                                                                   \
    {                                                                                              \
        TLBI(#name, v);                                                                            \
    }
#define OP0(name)                                                                                  \
    static void op_##name(u64 v)                                                                   \
    {                                                                                              \
        (void)v;                                                                                   \
        __asm__ volatile("tlbi " #name ::: "memory");                                              \
    }
__asm__(".arch armv8.5-a");
OP0(vmalle1)
OP(vae1)
OP(aside1)
OP(vaae1)
OP(vale1) OP(vaale1) OP0(vmalle1is) OP(vae1is) OP(aside1is) OP(vaae1is) OP(vale1is) OP(vaale1is)
    OP(rvae1) OP(rvaae1) OP(rvale1) OP(rvaale1) OP(rvae1is) OP(rvaae1is) OP(rvale1is) OP(rvaale1is)
        OP0(vmalle1os) OP(vae1os) OP(aside1os) OP(vaae1os) OP(rvae1os) OP(rvaale1os)

            enum {
                BY_VA = 1,
                BY_ASID = 2,
                RANGE = 4,
                REMOTE = 8,
                ALL_ASIDS = 16,
                MODERN = 32
            };
static const struct {
    const char *name;
    void (*fn)(u64);
    u32 flags;
} ops[] = {
    {"vmalle1", op_vmalle1, ALL_ASIDS},
    {"vae1", op_vae1, BY_VA | BY_ASID},
    {"aside1", op_aside1, BY_ASID},
    {"vaae1", op_vaae1, BY_VA | ALL_ASIDS},
    {"vale1", op_vale1, BY_VA | BY_ASID},
    {"vaale1", op_vaale1, BY_VA | ALL_ASIDS},
    {"vmalle1is", op_vmalle1is, REMOTE | ALL_ASIDS},
    {"vae1is", op_vae1is, BY_VA | BY_ASID | REMOTE},
    {"aside1is", op_aside1is, BY_ASID | REMOTE},
    {"vaae1is", op_vaae1is, BY_VA | REMOTE | ALL_ASIDS},
    {"vale1is", op_vale1is, BY_VA | BY_ASID | REMOTE},
    {"vaale1is", op_vaale1is, BY_VA | REMOTE | ALL_ASIDS},
    {"rvae1", op_rvae1, RANGE | BY_ASID | MODERN},
    {"rvaae1", op_rvaae1, RANGE | ALL_ASIDS | MODERN},
    {"rvale1", op_rvale1, RANGE | BY_ASID | MODERN},
    {"rvaale1", op_rvaale1, RANGE | ALL_ASIDS | MODERN},
    {"rvae1is", op_rvae1is, RANGE | BY_ASID | REMOTE | MODERN},
    {"rvaae1is", op_rvaae1is, RANGE | REMOTE | ALL_ASIDS | MODERN},
    {"rvale1is", op_rvale1is, RANGE | BY_ASID | REMOTE | MODERN},
    {"rvaale1is", op_rvaale1is, RANGE | REMOTE | ALL_ASIDS | MODERN},
    {"vmalle1os", op_vmalle1os, REMOTE | ALL_ASIDS | MODERN},
    {"vae1os", op_vae1os, BY_VA | BY_ASID | REMOTE | MODERN},
    {"aside1os", op_aside1os, BY_ASID | REMOTE | MODERN},
    {"vaae1os", op_vaae1os, BY_VA | REMOTE | ALL_ASIDS | MODERN},
    {"rvae1os", op_rvae1os, RANGE | BY_ASID | REMOTE | MODERN},
    {"rvaale1os", op_rvaale1os, RANGE | REMOTE | ALL_ASIDS | MODERN},
};

static void dsb(void)
{
    __asm__ volatile("dsb sy\n\tisb" ::: "memory");
}

/* The operation's operand: form 0 plain, 1 with the level's hint, 2 a larger range. */
static u64 operand(u32 flags, u64 va, u64 asid, u32 form, u32 level)
{
    u64 v = flags & BY_ASID ? asid << 48 : 0;

    if (flags & BY_VA) {
        v |= (va >> 12 & 0xfffffffffff) | (form == 1 ? (u64)(4 | level) << 44 : 0);
    }
    if (flags & RANGE) {
        /* 4 KiB pages; NUM 1, SCALE 0: 4 pages from one before, or SCALE 1: 64 and more */
        u64 first = (va - 0x2000) >> 12;
        if (form == 2) {
            first &= ~63ul;
            v |= 1ul << 44;
        }
        v |= 1ul << 46 | 1ul << 39 | (first & 0x1fffffffff) |
             (form == 1 && level == 3 ? 3ul << 37 : 0);
    }
    return v;
}

static void set(u64 *d, u64 val)
{
    WRITE(*d, val);
    dsb();
}

enum { PG = PTE_PAGE | PTE_RAM, BK = PTE_BLOCK | PTE_RAM };

/* One mapping, each operation that covers it. */
static void mapping(const char *what, u64 *d, u64 va, u64 one, u64 two, u64 ng, u32 level,
                    u64 stray)
{
    int modern = (MRS("id_aa64isar0_el1") >> 56 & 15) >= 2;

    for (u32 i = 0; i < COUNT(ops); i++) {
        u32 f = ops[i].flags;
        if (((f & BY_ASID) && !(f & (BY_VA | RANGE)) && !ng) || ((f & MODERN) && !modern)) {
            continue; /* by ASID: global entries stay */
        }
        for (u32 form = 0; form < (f & (BY_VA | RANGE) ? 3 : 1); form++) {
            for (u32 other = 0; other < (ng && !form ? 2 : 1); other++) {
                u64 id = i << 8 | form << 4 | other, asid = 7;
                set_asid(asid);
                set(d, one | ng);
                op_vmalle1is(0);
                dsb();
                check(what, id, load(va), 1);
                if (f & REMOTE) {
                    check(what, id, remote(LOAD, va), 1);
                }
                set(d, two | ng);
                check(ops[i].name, id | 1 << 20, load(va), 1); /* cached */
                if (f & REMOTE) {
                    check(ops[i].name, id | 2 << 20, remote(LOAD, va), 1);
                }
                if (other) {
                    set_asid(9); /* from within another address space */
                }
                ops[i].fn(operand(f, va + stray, asid, form, level));
                dsb();
                set_asid(asid);
                check(ops[i].name, id | 3 << 20, load(va), 2);
                if (f & REMOTE) {
                    check(ops[i].name, id | 4 << 20, remote(LOAD, va), 2);
                }
            }
        }
    }
    set(d, 0);
    op_vmalle1is(0);
    dsb();
}

static void code_pages(void)
{
    static u32 text[2][1024] __attribute__((aligned(4096)));

    for (u32 i = 0; i < 2; i++) {
        text[i][0] = 0xd2800000 | (i + 1) << 5; /* mov x0, i + 1 */
        text[i][1] = 0xd65f03c0;                /* ret */
    }
    sync_code();
    for (u32 i = 0; i < COUNT(ops); i++) {
        u32 f = ops[i].flags;
        if ((f & MODERN) && (MRS("id_aa64isar0_el1") >> 56 & 15) < 2) {
            continue;
        }
        set_asid(7);
        set(code, (u64)text[0] | PG | PTE_RO | PTE_NG);
        op_vmalle1is(0);
        dsb();
        check("code", i, call(CODE), 1);
        check("code", i, remote(CALL, CODE), 1);
        set(code, (u64)text[1] | PG | PTE_RO | PTE_NG);
        ops[i].fn(operand(f, CODE, 7, 0, 3));
        dsb();
        check(ops[i].name, i | 5 << 20, call(CODE), 2);
        if (f & REMOTE) {
            check(ops[i].name, i | 6 << 20, remote(CALL, CODE), 2);
        }
    }
}

/* A table that is replaced by another: operations that are not of the last level alone. */
static void table_change(void)
{
    u64 *l2 = pte(root0, LOW, 2), old = *l2, *other = table_new();
    u32 i = LOW >> 12 & 511;

    other[i] = (u64)pages[1] | PG | PTE_NG;
    for (u32 o = 0; o < COUNT(ops); o++) {
        u32 f = ops[o].flags;
        int last = ops[o].fn == op_vale1 || ops[o].fn == op_vale1is || ops[o].fn == op_vaale1 ||
                   ops[o].fn == op_vaale1is || ops[o].fn == op_rvale1 || ops[o].fn == op_rvaale1 ||
                   ops[o].fn == op_rvale1is || ops[o].fn == op_rvaale1is ||
                   ops[o].fn == op_rvaale1os;
        if (last || ((f & MODERN) && (MRS("id_aa64isar0_el1") >> 56 & 15) < 2)) {
            continue;
        }
        set(l2, old);
        set(low, (u64)pages[0] | PG | PTE_NG);
        op_vmalle1is(0);
        dsb();
        check("table", o, load(LOW), 1);
        check("table", o, remote(LOAD, LOW), 1);
        set(l2, (u64)other | PTE_TABLE);
        ops[o].fn(operand(f, LOW, 7, 0, 3));
        dsb();
        check(ops[o].name, o | 7 << 20, load(LOW), 2);
        if (f & REMOTE) {
            check(ops[o].name, o | 8 << 20, remote(LOAD, LOW), 2);
        }
    }
    set(l2, old);
    set(low, 0);
    op_vmalle1is(0);
    dsb();
}

/* Entries that must not exist: of what faults, but for permissions (D8.16.5). */
static void not_cached(void)
{
    for (u32 i = 0; i < 3; i++) {
        static const u64 bad[3] = {0, PTE_PAGE | PTE_SH, PTE_PAGE | PTE_RAM | 1ul << 47};
        set(low, bad[i] ? (u64)pages[0] | bad[i] : 0);
        u64 n = trap.count;
        load(LOW);
        check("fault", i, trap.count, n + 1);
        set(low, (u64)pages[0] | PG | PTE_NG);
        check("no fault any more", i, load(LOW), 1);
        check("nor this", i, trap.count, n + 1);
        set(low, 0);
        op_vae1is(operand(BY_VA | BY_ASID, LOW, 7, 0, 3));
        dsb();
        load(LOW);
        check("unmapped", i, trap.count, n + 2);
    }
    /* Fewer permissions are seen after the operation. */
    set(low, (u64)pages[2] | PG | PTE_NG);
    *(volatile u64 *)LOW = 3;
    set(low, (u64)pages[2] | PG | PTE_NG | PTE_RO);
    op_vae1is(operand(BY_VA | BY_ASID, LOW, 7, 0, 3));
    dsb();
    u64 n = trap.count;
    *(volatile u64 *)LOW = 4;
    check("read-only", 0, trap.count, n + 1);
    check("read-only", 1, trap.esr, 0x25ul << 26 | 1 << 25 | 1 << 6 | 0xf);
    check("not stored", 0, pages[2][0], 3);
    set(low, 0);
    op_vmalle1is(0);
    dsb();
}

/* The second CPU reads all the time; after the DSB it never reads what was there before. */
static void race(void)
{
    for (u32 i = 0; i < 8; i++) {
        pages[i][0] = 0;
    }
    set(high, (u64)pages[0] | PG);
    op_vmalle1is(0);
    dsb();
    post(RACE, HIGH);
    for (u64 k = 1; k < 400; k++) {
        WRITE(pages[k & 7][0], k);
        set(high, (u64)pages[k & 7] | PG);
        if (k & 1) {
            op_vaae1is(operand(BY_VA, HIGH, 0, 0, 3));
        } else {
            op_vmalle1is(0);
        }
        dsb();
        WRITE(least, k);
    }
    WRITE(race_end, 1);
    check("race ends", 0, WAIT(mail.command, IDLE), 1);
    check("old after the DSB", 0, wrong, 0);
}

static void el1(void)
{
    root0 = identity();
    root1 = table_new();
    low = pte(root0, LOW + 0x3000, 3) - 3;
    high = pte(root1, HIGH & 0x7fffffffff, 3);
    block = pte(root0, BLOCK, 2);
    code = pte(root0, CODE, 3);
    mmu_on(root0);
    MSR("tcr_el1", 25 | 1 << 8 | 1 << 10 | 3 << 12 | 25 << 16 | 1 << 24 | 1 << 26 | 3 << 28 |
                       2ul << 30 | 2ul << 32 | 1ul << 36);
    MSR("ttbr1_el1", root1);
    for (u32 i = 0; i < 8; i++) {
        pages[i][0] = i + 1;
    }
    for (u32 i = 0; i < 2; i++) {
        big[i][0x12340 / 8] = i + 1;
    }
    check("CPU_ON", 0, cpu_on(1, serve, 0), 0);
    remote(SET_ASID, 7);
    mapping("page", low, LOW, (u64)pages[0] | PG, (u64)pages[1] | PG, PTE_NG, 3, 0);
    mapping("global page", low, LOW, (u64)pages[0] | PG, (u64)pages[1] | PG, 0, 3, 0);
    mapping("upper page", high, HIGH, (u64)pages[0] | PG, (u64)pages[1] | PG, PTE_NG, 3, 0);
    mapping("upper global page", high, HIGH, (u64)pages[0] | PG, (u64)pages[1] | PG, 0, 3, 0);
    mapping("block", block, BLOCK + 0x12340, (u64)big[0] | BK, (u64)big[1] | BK, PTE_NG, 2, 0);
    /* By another address of the same block. */
    mapping("block, elsewhere", block, BLOCK + 0x12340, (u64)big[0] | BK, (u64)big[1] | BK, PTE_NG,
            2, 0x100000);
    mapping("global block, elsewhere", block, BLOCK + 0x12340, (u64)big[0] | BK, (u64)big[1] | BK,
            0, 2, 0x100000);
    code_pages();
    table_change();
    not_cached();
    race();
}

/* ---- EL2 ---- */

OP0(alle1)
OP0(alle1is)
OP0(vmalls12e1)
OP0(vmalls12e1is)
OP(ipas2e1is) OP(ipas2le1is) OP(ipas2e1) OP0(alle2) OP0(alle2is) OP(vae2) OP(vae2is) OP(vale2)
    OP(vale2is) OP(ripas2e1is)

    /* The guest at EL1 loads from x1 into x0 and calls; its MMU is off, or on with `asid`. */
    static u64 guest_load(u64 va)
{
    register u64 x1 __asm__("x1") = va;
    register u64 x0 __asm__("x0");
    __asm__ volatile("adrp x4, trap\n\tadd x4, x4, :lo12:trap\n\tadr x5, 1f\n\tstr x5, [x4, 48]\n\t"
                     "mov x5, 0x3c9\n\tstr x5, [x4, 56]\n\tmsr elr_el2, %2\n\tmov x5, 0x3c5\n\t"
                     "msr spsr_el2, x5\n\tmov x0, 0\n\teret\n1:"
                     : "+r"(x1), "=r"(x0)
                     : "r"(stub)
                     : "x4", "x5", "memory");
    return trap.esr >> 26 == 0x16 ? x0 : ~0ul;
}

static void stage2(void)
{
    enum { S2 = PTE_RAM | 3 << 6 | 15 << 2 };
    u64 *s2[2] = {table_new(), table_new()}, *d[2], vttbr[2];
    static void (*const fns[])(u64) = {op_alle1, op_alle1is, op_vmalls12e1, op_vmalls12e1is};

    stub[0] = 0xf9400020; /* ldr x0, [x1] */
    stub[1] = 0xd4000002; /* hvc 0 */
    sync_code();
    for (u32 i = 0; i < 2; i++) {
        s2[i][1] = 0x40000000 | PTE_BLOCK | S2;
        d[i] = pte(s2[i], LOW, 3);
        vttbr[i] = (u64)s2[i] | (u64)(i + 1) << 48;
    }
    MSR("vtcr_el2", 25 | 1 << 6 | 1 << 8 | 1 << 10 | 3 << 12 | 2 << 16 | 1ul << 31);
    MSR("sctlr_el1", 0x30d00800);
    MSR("hcr_el2", 1ul << 31 | 1);
    for (u32 mmu = 0; mmu < 2; mmu++) {
        if (mmu) {
            /* Stage 1 maps all of it to itself. */
            u64 *s1 = identity();
            s1[LOW >> 30] = LOW | PTE_BLOCK | PTE_RAM | PTE_NG;
            MSR("mair_el1", 0x00ff);
            MSR("tcr_el1", 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 25 << 16 | 2ul << 32);
            MSR("ttbr0_el1", (u64)s1 | 5ul << 48);
            MSR("sctlr_el1", 0x30d00801);
        }
        for (u32 i = 0; i < COUNT(fns) + 5; i++) {
            u32 id = mmu << 8 | i;
            for (u32 v = 0; v < 2; v++) {
                set(d[v], (u64)pages[2 * v] | PTE_PAGE | S2);
            }
            op_alle1(0);
            dsb();
            for (u32 v = 0; v < 2; v++) {
                MSR("vttbr_el2", vttbr[v]);
                check("VMID", id | v << 4, guest_load(LOW), 2 * v + 1);
            }
            set(d[0], (u64)pages[1] | PTE_PAGE | S2);
            MSR("vttbr_el2", vttbr[0]);
            check("cached", id, guest_load(LOW), 1);
            if (i < COUNT(fns)) {
                fns[i](0);
            } else {
                static void (*const ipa[])(u64) = {op_ipas2e1, op_ipas2e1is, op_ipas2le1is};
                u32 k = i - COUNT(fns);
                if (k < 3) {
                    ipa[k](LOW >> 12);
                } else if (k == 3) {
                    if ((MRS("id_aa64isar0_el1") >> 56 & 15) >= 2) {
                        op_ripas2e1is(1ul << 46 | LOW >> 12);
                    } else {
                        op_ipas2e1is(LOW >> 12);
                    }
                } else {
                    op_ipas2e1is((LOW >> 12) | 7ul << 44);
                }
                dsb();
                op_vmalle1is(0); /* combined entries, by the current VMID */
            }
            dsb();
            check("stage 2", id, guest_load(LOW), 2);
            MSR("vttbr_el2", vttbr[1]);
            check("the other VMID", id, guest_load(LOW), 3);
        }
    }
    MSR("sctlr_el1", 0x30d00800);
    MSR("hcr_el2", 1ul << 31);
}

static void el2(void)
{
    static void (*const fns[])(u64) = {op_alle2,  op_alle2is, op_vae2,
                                       op_vae2is, op_vale2,   op_vale2is};
    u64 *root = identity(), *d = pte(root, LOW, 3);

    for (u32 i = 0; i < 8; i++) {
        pages[i][0] = i + 1;
    }
    MSR("mair_el2", 0x00ff);
    MSR("tcr_el2", 25 | 1 << 8 | 1 << 10 | 3 << 12 | 2 << 16 | 1u << 31 | 1 << 23);
    MSR("ttbr0_el2", root);
    op_alle2(0);
    dsb();
    MSR("sctlr_el2", MRS("sctlr_el2") | 1 | 1 << 2 | 1 << 12);
    for (u32 i = 0; i < COUNT(fns); i++) {
        set(d, (u64)pages[0] | PG);
        op_alle2(0);
        dsb();
        check("EL2", i, load(LOW), 1);
        set(d, (u64)pages[1] | PG);
        check("EL2 cached", i, load(LOW), 1);
        fns[i](LOW >> 12);
        dsb();
        check("EL2 operation", i, load(LOW), 2);
    }
    stage2();
}

static void run(void)
{
    if (current_el() == 2) {
        el2();
    } else {
        el1();
    }
}

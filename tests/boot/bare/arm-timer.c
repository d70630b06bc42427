/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The generic timers (DDI 0487, D12) of the level this program runs at and of those below: ISTATUS,
 * IMASK, ENABLE, compare values in the past and in the future, TVAL, outputs as the interrupt
 * controller sees them, CNTVOFF_EL2, redirection by HCR_EL2.E2H, traps of EL0's and EL1's accesses.
 */
#include "a64.h"

#define GICD 0x08000000ul
static u32 stub[1024] __attribute__((aligned(4096)));
static u64 frq;

static u64 ctl, cval, tval;

#define TIMER(name, reg, el, id, count)                                                            \
    static u64 name##_count(void)                                                                  \
    {                                                                                              \
        __asm__ volatile("isb");                                                                   \
        return count;                                                                              \
    }                                                                                              \
    static void name##_get(void)                                                                   \
    {                                                                                              \
        __asm__ volatile("isb");                                                                   \
        ctl = MRS(reg "_ctl_" el);                                                                 \
        cval = MRS(reg "_cval_" el);                                                               \
        tval = MRS(reg "_tval_" el);                                                               \
    }                                                                                              \
    static void name##_ctl(u64 v)                                                                  \
    {                                                                                              \
        MSR(reg "_ctl_" el, v);                                                                    \
    }                                                                                              \
    static void name##_cval(u64 v)                                                                 \
    {                                                                                              \
        MSR(reg "_cval_" el, v);                                                                   \
    }                                                                                              \
    static void name##_tval(u64 v)                                                                 \
    {                                                                                              \
        MSR(reg "_tval_" el, v);                                                                   \
    }
typedef struct Timer {
    const char *name;
    u32 id; /* INTID */
    u64 (*count)(void);
    void (*get)(void);
    void (*ctl)(u64);
    void (*cval)(u64);
    void (*tval)(u64);
} Timer;
#define ROW(n, id)                                                                                 \
    {                                                                                              \
#n, id, n##_count, n##_get, n##_ctl, n##_cval, n##_tval                                    \
    }

TIMER(phys, "cntp", "el0", 30, MRS("cntpct_el0"))
TIMER(virt, "cntv", "el0", 27, MRS("cntvct_el0"))
TIMER(hyp, "cnthp", "el2", 26, MRS("cntpct_el0"))
TIMER(hypvirt, "cnthv", "el2", 28, MRS("cntpct_el0"))
TIMER(secure, "cntps", "el1", 29, MRS("cntpct_el0"))
static const Timer timers[] = {ROW(phys, 30), ROW(virt, 27), ROW(hyp, 26), ROW(hypvirt, 28),
                               ROW(secure, 29)};

static u32 pending(u32 id)
{
    __asm__ volatile("dsb sy\n\tisb" ::: "memory");
    return *(volatile u32 *)(GICD + 0x200) >> id & 1;
}

static void state(const Timer *t, const char *what, u64 want_ctl, u32 want_line)
{
    t->get();
    check(what, t->id, ctl, want_ctl);
    check("line", t->id, pending(t->id), want_line);
}

static void timer(const Timer *t)
{
    u64 now;

    t->ctl(0);
    t->cval(0);
    check("off", t->id, pending(t->id), 0);
    t->ctl(1);
    state(t, "past", 5, 1);
    t->ctl(3);
    state(t, "masked", 7, 0);
    t->ctl(2);
    check("masked, off", t->id, pending(t->id), 0);
    t->ctl(1);
    state(t, "on", 5, 1);
    t->cval(~0ul);
    state(t, "never", 1, 0);
    check("CVAL", t->id, cval, ~0ul);
    /* Only two bits can be written. */
    t->ctl(~0ul);
    state(t, "all ones", 3, 0);
    t->ctl(1);
    /* The future: nothing until then, then the line and ISTATUS. */
    now = t->count();
    t->cval(now + frq / 10);
    t->get();
    u32 line = pending(t->id);
    if (t->count() < now + frq / 10) { /* else the host was busy */
        check("future", t->id, ctl, 1);
        check("its line", t->id, line, 0);
        check("TVAL", t->id, tval <= frq / 10 && tval > 0, 1);
    }
    while (!pending(t->id) && t->count() < now + frq * 20) {
    }
    check("not early", t->id, t->count() >= now + frq / 10, 1);
    check("not never", t->id, t->count() < now + frq * 20, 1);
    state(t, "then", 5, 1);
    check("TVAL is negative", t->id, tval >> 31, 1);
    check("TVAL has 32 bits", t->id, tval >> 32, 0);
    /* TVAL: signed, from now; CVAL follows. */
    now = t->count();
    t->tval(frq);
    t->get();
    check("CVAL by TVAL", t->id, cval - now >= frq && cval - now < frq * 20, 1);
    t->tval(0xffffffff00000000ul);
    state(t, "TVAL 0", 5, 1);
    now = t->count();
    t->tval((u32)-1000);
    state(t, "TVAL negative", 5, 1);
    check("CVAL before", t->id, cval + 1000 >= now && cval + 1000 - now < frq * 20, 1);
    t->tval(0x7fffffff);
    state(t, "largest TVAL", 1, 0);
    /* ISTATUS is up to date while the output is masked. */
    now = t->count();
    t->ctl(3);
    t->cval(now + frq / 1000);
    do {
        t->get();
    } while (!(ctl & 4) && t->count() < now + frq * 20);
    state(t, "masked, then", 7, 0);
    t->ctl(1);
    state(t, "unmasked", 5, 1);
    t->ctl(0);
    check("off", t->id, pending(t->id), 0);
}

/* ---- traps of EL0 ---- */

static u32 user_trap(u32 insn)
{
    stub[0] = insn;
    stub[1] = 0xd4000001; /* svc 0 */
    sync_code();
    go(0x1000200000, 0x3c0, 0);
    return trap.esr >> 26;
}

static void el0_traps(void)
{
    static const struct {
        u32 insn, bit;
    } regs[] = {
        {0xd53be020, 1 << 0}, /* mrs x0, cntpct_el0 */
        {0xd53be040, 1 << 1}, /* cntvct_el0 */
        {0xd53be320, 1 << 8}, /* cntv_ctl_el0 */
        {0xd53be340, 1 << 8}, /* cntv_cval_el0 */
        {0xd53be300, 1 << 8}, /* cntv_tval_el0 */
        {0xd53be220, 1 << 9}, /* cntp_ctl_el0 */
        {0xd53be240, 1 << 9}, {0xd53be200, 1 << 9},
        {0xd51be240, 1 << 9}, /* msr cntp_cval_el0, x0 */
        {0xd53be000, 3},      /* cntfrq_el0: either */
    };
    static const u32 bits[4] = {1, 2, 0x100, 0x200};
    u64 *root = identity();

    *pte(root, 0x1000200000, 3) = (u64)stub | PTE_PAGE | PTE_RAM | PTE_RO | PTE_USER;
    mmu_on(root);
    for (u32 i = 0; i < COUNT(regs); i++) {
        for (u32 m = 0; m < 16; m++) {
            u32 k = 0;
            for (u32 b = 0; b < 4; b++) {
                k |= m >> b & 1 ? bits[b] : 0;
            }
            MSR("cntkctl_el1", k);
            check("EL0", i << 8 | m, user_trap(regs[i].insn), k & regs[i].bit ? 0x15 : 0x18);
        }
    }
    MSR("cntkctl_el1", 1);
    user_trap(0xd53be225); /* mrs x5, cntp_ctl_el0 */
    check("its syndrome", 0, trap.esr,
          0x18ul << 26 | 1 << 25 | 3 << 20 | 1 << 17 | 3 << 14 | 14 << 10 | 5 << 5 | 2 << 1 | 1);
    MSR("cntkctl_el1", 0);
}

/* ---- EL2 ---- */

static u32 guest_trap(u32 insn)
{
    register u64 x2 __asm__("x2") = (u64)stub;

    stub[0] = insn;
    stub[1] = 0xd4000002; /* hvc 0 */
    sync_code();
    __asm__ volatile("adrp x4, trap\n\tadd x4, x4, :lo12:trap\n\tadr x5, 1f\n\tstr x5, [x4, 48]\n\t"
                     "mov x5, 0x3c9\n\tstr x5, [x4, 56]\n\tmsr elr_el2, x2\n\tmov x5, 0x3c5\n\t"
                     "msr spsr_el2, x5\n\teret\n1:"
                     : "+r"(x2)::"x0", "x4", "x5", "memory");
    return trap.esr >> 26;
}

static u64 distance(u64 a, u64 b)
{
    return (long)(a - b) < 0 ? b - a : a - b;
}

static void el2(void)
{
    static const u64 offsets[] = {0, -(1ul << 40), -1000000000ul, 1ul << 63, 12345};

    for (u32 i = 0; i < COUNT(offsets); i++) {
        MSR("cntvoff_el2", offsets[i]);
        u64 p = MRS("cntpct_el0"), v = MRS("cntvct_el0");
        check("CNTVOFF", i, distance(p - v, offsets[i]) < frq, 1);
        /* The condition of the virtual timer moves with it. */
        MSR("cntv_ctl_el0", 1);
        MSR("cntv_cval_el0", v + 100 * frq);
        check("before", i, pending(27), 0);
        MSR("cntvoff_el2", offsets[i] - 200 * frq);
        virt_get();
        check("moved", i, ctl, 5);
        check("moved", i, pending(27), 1);
        MSR("cntvoff_el2", offsets[i]);
        check("moved back", i, pending(27), 0);
        MSR("cntv_ctl_el0", 0);
    }
    MSR("cntvoff_el2", 0);
    /* EL1's accesses to the physical timer and counter. */
    MSR("hcr_el2", 1ul << 31);
    MSR("sctlr_el1", 0x30d00800);
    for (u32 m = 0; m < 4; m++) {
        MSR("cnthctl_el2", m);
        check("CNTPCT", m, guest_trap(0xd53be020), m & 1 ? 0x16 : 0x18);
        check("CNTP_CTL", m, guest_trap(0xd53be220), m & 2 ? 0x16 : 0x18);
        check("CNTP_CVAL", m, guest_trap(0xd51be240), m & 2 ? 0x16 : 0x18);
        check("CNTP_TVAL", m, guest_trap(0xd53be200), m & 2 ? 0x16 : 0x18);
        check("CNTVCT", m, guest_trap(0xd53be040), 0x16);
        check("CNTV_CTL", m, guest_trap(0xd53be320), 0x16);
        check("CNTFRQ", m, guest_trap(0xd53be000), 0x16);
    }
    MSR("cnthctl_el2", 3);
    if (!(MRS("id_aa64mmfr1_el1") >> 8 & 15)) {
        return;
    }
    /* With E2H the names of EL0 are EL2's timers, those of EL02 are EL1's (D8.15). */
    MSR("cntp_ctl_el0", 2);
    MSR("cnthp_ctl_el2", 0);
    MSR("cntv_ctl_el0", 2);
    MSR("cnthv_ctl_el2", 0);
    MSR("cntvoff_el2", 1ul << 40);
    MSR("hcr_el2", 1ul << 34 | 1ul << 31);
    MSR("cntp_cval_el0", 0);
    MSR("cntp_ctl_el0", 1);
    check("CNTHP by CNTP", 0, MRS("cnthp_ctl_el2"), 5);
    check("its line", 0, pending(26), 1);
    check("EL1's line", 0, pending(30), 0);
    check("CNTP_EL02", 0, MRS("s3_5_c14_c2_1") & 3, 2);
    MSR("cntv_cval_el0", 0);
    MSR("cntv_ctl_el0", 1);
    check("CNTHV by CNTV", 0, MRS("cnthv_ctl_el2"), 5);
    check("its line", 1, pending(28), 1);
    check("EL1's line", 1, pending(27), 0);
    MSR("s3_5_c14_c3_2", 0);
    MSR("s3_5_c14_c3_1", 1);
    check("CNTV_EL02", 0, pending(27), 1);
    check("no offset at EL2", 0, distance(MRS("cntpct_el0"), MRS("cntvct_el0")) < frq, 1);
    MSR("s3_5_c14_c3_1", 0);
    MSR("cntp_ctl_el0", 0);
    MSR("cntv_ctl_el0", 0);
    MSR("hcr_el2", 1ul << 31);
    check("offset again", 0, distance(MRS("cntpct_el0") - MRS("cntvct_el0"), 1ul << 40) < frq, 1);
    MSR("cntvoff_el2", 0);
}

static void run(void)
{
    u32 el = current_el();
    int vhe = el >= 2 && (MRS("id_aa64mmfr1_el1") >> 8 & 15),
        has_el2 = MRS("id_aa64pfr0_el1") >> 8 & 15;

    frq = MRS("cntfrq_el0");
    check("frequency", 0, frq >= 1000000, 1);
    if (el == 1) {
        mmu_on(identity());
    }
    for (u32 i = 0; i < COUNT(timers); i++) {
        if ((i == 2 && (el < 2 || !has_el2)) || (i == 3 && (!vhe || !has_el2)) ||
            (i == 4 && el < 3)) {
            continue;
        }
        timer(&timers[i]);
    }
    u64 a = MRS("cntpct_el0"), b;
    for (u32 i = 0; i < 1000; i++) {
        b = MRS("cntpct_el0");
        check("monotonic", i, b >= a, 1);
        a = b;
    }
    if (el == 1) {
        el0_traps();
    }
    if (el == 2) {
        el2();
    }
}

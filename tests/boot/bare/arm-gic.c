/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The interrupt controller from EL1 with two CPUs, GICv2 (IHI 0048) or GICv3 (IHI 0069) without
 * security: enables, priorities and masks, preemption and binary points, EOImode, states, routing,
 * SGIs, groups, interrupts that are taken and that wake. The interrupts are SPIs that software
 * makes pending; interrupts are masked and seen in ISR_EL1 but where one is taken.
 */
#include "a64.h"

#define GICD 0x08000000ul
#define GICC 0x08010000ul
#define GICR 0x080a0000ul
#define SPI  40u

static int v3;

static u32 rd(u64 a)
{
    return *(volatile u32 *)a;
}
static void wr(u64 a, u32 v)
{
    *(volatile u32 *)a = v;
    __asm__ volatile("dsb sy\n\tisb" ::: "memory");
}
static void wr8(u64 a, u32 v)
{
    *(volatile unsigned char *)a = v;
    __asm__ volatile("dsb sy\n\tisb" ::: "memory");
}

enum {
    IGROUP = 0x80,
    ISENABLE = 0x100,
    ICENABLE = 0x180,
    ISPEND = 0x200,
    ICPEND = 0x280,
    ISACTIVE = 0x300,
    ICACTIVE = 0x380,
    IPRIORITY = 0x400,
    ITARGETS = 0x800,
    ICFG = 0xc00
};

static u32 this_cpu(void)
{
    return MRS("mpidr_el1") & 0xff;
}
/* The bank of registers with an interrupt: of this CPU's SGIs and PPIs, or of the distributor. */
static u64 bank(u32 id)
{
    return v3 && id < 32 ? GICR + 0x20000 * this_cpu() + 0x10000 : GICD;
}
static void set_bit(u32 reg, u32 id)
{
    wr(bank(id) + reg + id / 32 * 4, 1u << (id & 31));
}
static u32 get_bit(u32 reg, u32 id)
{
    return rd(bank(id) + reg + id / 32 * 4) >> (id & 31) & 1;
}
static void change_bit(u32 reg, u32 id, u32 v)
{
    u64 a = bank(id) + reg + id / 32 * 4;
    wr(a, (rd(a) & ~(1u << (id & 31))) | v << (id & 31));
}
static void priority(u32 id, u32 p)
{
    wr8(bank(id) + IPRIORITY + id, p);
}
static void target(u32 id, u32 cpu)
{
    if (v3) {
        *(volatile u64 *)(GICD + 0x6000 + 8 * id) = cpu;
    } else {
        wr8(GICD + ITARGETS + id, 1 << cpu);
    }
}

/* The CPU interface: group 1's registers by default. */
#define ICC(n) "s3_0_c12_" n
static u32 iar(void)
{
    return v3 ? MRS(ICC("c12_0")) : rd(GICC + 0x0c);
}
static u32 hppir(void)
{
    return v3 ? MRS(ICC("c12_2")) : rd(GICC + 0x18);
}
static void eoir(u32 v)
{
    if (v3) {
        MSR(ICC("c12_1"), v);
    } else {
        wr(GICC + 0x10, v);
    }
}
static void dir(u32 v)
{
    if (v3) {
        MSR(ICC("c11_1"), v);
    } else {
        wr(GICC + 0x1000, v);
    }
}
static u32 rpr(void)
{
    return v3 ? MRS(ICC("c11_3")) : rd(GICC + 0x14);
}
static void pmr(u32 v)
{
    if (v3) {
        MSR("s3_0_c4_c6_0", v);
    } else {
        wr(GICC + 4, v);
    }
}
static void bpr(u32 v)
{
    if (v3) {
        MSR(ICC("c12_3"), v);
    } else {
        wr(GICC + 8, v);
    }
}
static void eoimode(u32 on)
{
    if (v3) {
        MSR(ICC("c12_4"), (MRS(ICC("c12_4")) & ~2ul) | on << 1);
    } else {
        wr(GICC, (rd(GICC) & ~0x200u) | on << 9);
    }
}
static void enable_cpu(u32 on)
{
    if (v3) {
        MSR(ICC("c12_7"), on);
    } else {
        wr(GICC, (rd(GICC) & ~1u) | on);
    }
}
static void enable_dist(u32 on)
{
    /* v3: affinity routing stays; group 1 (with one security state bit 1) */
    wr(GICD, v3 ? (rd(GICD) & ~3u) | on << 1 : on);
}

/* IRQ, FIQ are signalled to this CPU. */
static u32 irq(void)
{
    __asm__ volatile("dsb sy\n\tisb" ::: "memory");
    return MRS("isr_el1") >> 7 & 1;
}
static u32 fiq(void)
{
    __asm__ volatile("dsb sy\n\tisb" ::: "memory");
    return MRS("isr_el1") >> 6 & 1;
}

static void cpu_init(void)
{
    if (v3) {
        MSR(ICC("c12_5"), 7);
        u64 waker = GICR + 0x20000 * this_cpu() + 0x14;
        wr(waker, rd(waker) & ~2u);
        for (u32 i = 0; i < 1000000 && (rd(waker) & 4); i++) {
        }
        check("awake", this_cpu(), rd(waker) & 6, 0);
        wr(GICR + 0x20000 * this_cpu() + 0x10000 + IGROUP, ~0u);
    }
    for (u32 id = 0; id < 32; id++) {
        priority(id, 0xa0);
    }
    wr(bank(0) + ISENABLE, 0xffff);
    pmr(0xff);
    bpr(0);
    enable_cpu(1);
}

static void spi_reset(void)
{
    for (u32 id = SPI; id < SPI + 8; id++) {
        set_bit(ICENABLE, id);
        set_bit(ICPEND, id);
        set_bit(ICACTIVE, id);
        priority(id, 0xa0);
        target(id, 0);
        if (v3) {
            change_bit(IGROUP, id, 1);
        }
        /* Edge triggered */
        wr(GICD + ICFG + id / 16 * 4, rd(GICD + ICFG + id / 16 * 4) | 2u << (id % 16 * 2));
        set_bit(ISENABLE, id);
    }
}
static void pend(u32 id)
{
    set_bit(ISPEND, id);
}
/* Acknowledge all that is pending and end it. */
static void drain(void)
{
    for (u32 i = 0; i < 64; i++) {
        u32 a = iar();
        if ((a & 0x3ff) >= 1020) {
            return;
        }
        eoir(a);
    }
}

static void enables(void)
{
    check("nothing", 0, irq(), 0);
    check("spurious", 0, iar(), 1023);
    check("idle priority", 0, rpr(), 0xff);
    pend(SPI);
    check("pending", 0, get_bit(ISPEND, SPI), 1);
    check("signalled", 0, irq(), 1);
    check("HPPIR", 0, hppir(), SPI);
    set_bit(ICENABLE, SPI);
    check("disabled", 0, irq(), 0);
    check("disabled", 1, iar(), 1023);
    check("still pending", 0, get_bit(ISPEND, SPI), 1);
    set_bit(ISENABLE, SPI);
    check("enabled", 0, irq(), 1);
    enable_dist(0);
    check("distributor off", 0, irq(), 0);
    enable_dist(1);
    check("distributor on", 0, irq(), 1);
    enable_cpu(0);
    check("interface off", 0, irq(), 0);
    enable_cpu(1);
    check("interface on", 0, irq(), 1);
    pmr(0xa0);
    check("PMR equal", 0, irq(), 0);
    check("PMR equal", 1, iar(), 1023);
    pmr(0xa8);
    check("PMR above", 0, irq(), 1);
    pmr(0xff);
    set_bit(ICPEND, SPI);
    check("cleared", 0, irq(), 0);
    pend(SPI);
    check("IAR", 0, iar(), SPI);
    check("active", 0, get_bit(ISACTIVE, SPI), 1);
    check("not pending", 0, get_bit(ISPEND, SPI), 0);
    check("running", 0, rpr(), 0xa0);
    check("no other", 0, irq(), 0);
    pend(SPI); /* active and pending */
    check("active, pending", 0, get_bit(ISPEND, SPI), 1);
    check("not again", 0, irq(), 0);
    eoir(SPI);
    check("inactive", 0, get_bit(ISACTIVE, SPI), 0);
    check("again", 0, irq(), 1);
    check("again", 1, iar(), SPI);
    eoir(SPI);
    check("idle", 0, rpr(), 0xff);
    check("idle", 1, irq(), 0);
    /* Active by software: pending, but not signalled. */
    set_bit(ISACTIVE, SPI);
    pend(SPI);
    check("made active", 0, irq(), 0);
    set_bit(ICACTIVE, SPI);
    check("made inactive", 0, irq(), 1);
    drain();
}

static void priorities(void)
{
    static const unsigned char p[5] = {0xa0, 0x40, 0x80, 0x40, 0xf0};
    static const unsigned char order[5] = {1, 3, 2, 0, 4};

    for (u32 i = 0; i < 5; i++) {
        priority(SPI + i, p[i]);
        pend(SPI + i);
    }
    /* The highest priority first, the lowest number among equals. */
    for (u32 i = 0; i < 5; i++) {
        check("HPPIR", i, hppir(), SPI + order[i]);
        check("order", i, iar(), SPI + order[i]);
        check("RPR", i, rpr(), p[order[i]]);
        eoir(SPI + order[i]);
    }
    check("none left", 0, iar(), 1023);
    /* Preemption: each higher one interrupts, a lower or equal one waits. */
    pend(SPI + 0);
    check("first", 0, iar(), SPI + 0);
    pend(SPI + 4);
    check("lower waits", 0, irq(), 0);
    check("lower waits", 1, iar(), 1023);
    pend(SPI + 2);
    check("preempts", 0, irq(), 1);
    check("preempts", 1, iar(), SPI + 2);
    pend(SPI + 3);
    check("preempts", 2, iar(), SPI + 3);
    pend(SPI + 1);
    check("equal waits", 0, irq(), 0);
    check("nested", 0, rpr(), 0x40);
    eoir(SPI + 3);
    check("equal follows", 0, rpr(), 0x80);
    check("equal follows", 1, iar(), SPI + 1);
    eoir(SPI + 1);
    check("back", 0, rpr(), 0x80);
    eoir(SPI + 2);
    check("back", 1, rpr(), 0xa0);
    check("still waits", 0, irq(), 0);
    eoir(SPI + 0);
    check("the last", 0, iar(), SPI + 4);
    eoir(SPI + 4);
    check("idle", 0, rpr(), 0xff);
    /* A new priority counts for what is pending. */
    priority(SPI, 0xa0);
    priority(SPI + 1, 0xa0);
    pend(SPI);
    pend(SPI + 1);
    check("number", 0, hppir(), SPI);
    priority(SPI + 1, 0x20);
    check("new priority", 0, hppir(), SPI + 1);
    priority(SPI + 1, 0xf8);
    check("new priority", 1, hppir(), SPI);
    drain();
}

/* Group priority: with binary point 4 (group 0's numbering) bits 7:5 preempt, 4:0 only sort. */
static void binary_point(void)
{
    bpr(v3 ? 5 : 4); /* ICC_BPR1: one more than BPR0 for the same bits */
    for (u32 i = 0; i < 3; i++) {
        static const unsigned char p[3] = {0x98, 0x88, 0x78};
        priority(SPI + i, p[i]);
    }
    pend(SPI);
    check("first", 1, iar(), SPI);
    check("RPR", 9, rpr() & 0xe0, 0x80);
    pend(SPI + 1);
    check("same group priority", 0, irq(), 0);
    check("same group priority", 1, iar(), 1023);
    pend(SPI + 2);
    check("higher group priority", 0, irq(), 1);
    check("higher group priority", 1, iar(), SPI + 2);
    eoir(SPI + 2);
    eoir(SPI);
    pend(SPI);
    check("sorted below the point", 0, iar(), SPI + 1);
    eoir(SPI + 1);
    drain();
    bpr(0);
    pend(SPI);
    check("first", 2, iar(), SPI);
    pend(SPI + 1);
    check("point 0", 0, irq(), 1);
    check("point 0", 1, iar(), SPI + 1);
    eoir(SPI + 1);
    eoir(SPI);
    check("idle", 2, rpr(), 0xff);
}

static void eoi_modes(void)
{
    eoimode(1);
    priority(SPI, 0x80);
    priority(SPI + 1, 0xa0);
    pend(SPI);
    check("EOImode", 0, iar(), SPI);
    eoir(SPI);
    check("dropped", 0, rpr(), 0xff);
    check("still active", 0, get_bit(ISACTIVE, SPI), 1);
    pend(SPI);
    check("not signalled", 0, irq(), 0);
    pend(SPI + 1);
    check("a lower one is", 0, iar(), SPI + 1);
    eoir(SPI + 1);
    dir(SPI + 1);
    check("inactive", 0, get_bit(ISACTIVE, SPI + 1), 0);
    dir(SPI);
    check("deactivated", 0, get_bit(ISACTIVE, SPI), 0);
    check("signalled again", 0, irq(), 1);
    check("signalled again", 1, iar(), SPI);
    eoir(SPI);
    dir(SPI);
    eoimode(0);
    pend(SPI);
    check("one step", 0, iar(), SPI);
    eoir(SPI);
    check("one step", 1, get_bit(ISACTIVE, SPI), 0);
}

/* ---- the second CPU ---- */

enum { IDLE, ACK, PENDING, SEND };
static struct {
    u64 command, arg, result;
} mail;

static void sgi(u32 id, u32 cpu);

static void serve(u64 unused)
{
    (void)unused;
    cpu_init();
    WRITE(mail.command, IDLE);
    for (;;) {
        u64 c = READ(mail.command);
        if (c == IDLE) {
            continue;
        }
        if (c == ACK) {
            mail.result = iar();
            if ((mail.result & 0x3ff) < 1020) {
                eoir(mail.result);
            }
        } else if (c == PENDING) {
            mail.result = 0;
            u64 end = MRS("cntvct_el0") + (mail.arg ? 1 : 0) * MRS("cntfrq_el0");
            do {
                mail.result = irq();
            } while (!mail.result && MRS("cntvct_el0") < end);
        } else {
            sgi(mail.arg, 0);
        }
        WRITE(mail.command, IDLE);
    }
}
static u64 remote(u64 command, u64 arg)
{
    mail.arg = arg;
    WRITE(mail.command, command);
    if (!WAIT(mail.command, IDLE)) {
        check("the second CPU answers", command, 0, 1);
    }
    return mail.result;
}

/* To CPU n; ~0: to all but this one; ~1: to this one. */
static void sgi(u32 id, u32 cpu)
{
    if (v3) {
        MSR(ICC("c11_5"), (u64)id << 24 | (cpu == ~0u   ? 1ul << 40
                                           : cpu == ~1u ? 1ul << this_cpu()
                                                        : 1ul << cpu));
    } else {
        wr(GICD + 0xf00, id | (cpu == ~0u ? 1 << 24 : cpu == ~1u ? 2 << 24 : 1u << (16 + cpu)));
    }
}

static void sgis(void)
{
    u32 from1 = v3 ? 0 : 1 << 10;

    sgi(3, ~1u);
    check("SGI to itself", 0, irq(), 1);
    check("SGI to itself", 1, iar(), 3);
    eoir(3);
    check("SGI to itself", 2, irq(), 0);
    sgi(3, 1);
    check("SGI to the other", 0, remote(PENDING, 1), 1);
    check("not here", 0, irq(), 0);
    check("SGI to the other", 1, remote(ACK, 0), 3);
    check("once", 0, remote(ACK, 0), 1023);
    sgi(5, ~0u);
    check("SGI to all others", 0, remote(PENDING, 1), 1);
    check("SGI to all others", 1, remote(ACK, 0), 5);
    check("not here", 1, iar(), 1023);
    remote(SEND, 7);
    check("from the other", 0, irq(), 1);
    check("from the other", 1, iar(), 7 | from1);
    eoir(7 | from1);
    /* Both send the same: one for each sender in GICv2, one in all in GICv3. */
    sgi(7, ~1u);
    remote(SEND, 7);
    u32 a = iar();
    eoir(a);
    check("two senders", 0, a & 0x3ff, 7);
    check("two senders", 1, iar(), v3 ? 1023 : a ^ from1);
    if (!v3) {
        eoir(a ^ from1);
        check("two senders", 2, iar(), 1023);
    }
    /* Disabled on one CPU, enabled on the other; priorities are each CPU's own. */
    set_bit(ICENABLE, 3);
    sgi(3, ~1u);
    check("disabled", 5, irq(), !v3); /* GICv2's are enabled for good, as they may be (4.3.5) */
    set_bit(ISENABLE, 3);
    check("enabled", 5, irq(), 1);
    priority(3, 0x80);
    priority(7, 0x40);
    sgi(7, ~1u);
    check("SGI priority", 0, iar() & 0x3ff, 7);
    check("SGI priority", 1, rpr(), 0x40);
    eoir(7);
    check("SGI priority", 2, iar() & 0x3ff, 3);
    eoir(3);
}

static void routing(void)
{
    target(SPI + 2, 1);
    pend(SPI + 2);
    check("routed", 0, irq(), 0);
    check("routed", 1, remote(PENDING, 1), 1);
    check("routed", 2, remote(ACK, 0), SPI + 2);
    check("routed", 3, get_bit(ISACTIVE, SPI + 2), 0);
    pend(SPI + 2);
    check("routed", 4, remote(PENDING, 1), 1);
    target(SPI + 2, 0);
    check("moved", 0, irq(), 1);
    check("moved", 1, remote(ACK, 0), 1023);
    check("moved", 2, iar(), SPI + 2);
    eoir(SPI + 2);
    if (v3) {
        *(volatile u64 *)(GICD + 0x6000 + 8 * (SPI + 2)) = 1ul << 31; /* any one CPU */
        pend(SPI + 2);
        u32 n = irq() + remote(PENDING, 0);
        check("one of the two", 0, n, 1);
        drain();
        remote(ACK, 0);
        check("ended", 0, get_bit(ISPEND, SPI + 2) + get_bit(ISACTIVE, SPI + 2), 0);
    } else {
        wr8(GICD + ITARGETS + SPI + 2, 3);
        pend(SPI + 2);
        check("both", 0, irq(), 1);
        check("both", 1, remote(PENDING, 1), 1);
        check("the first takes it", 0, iar(), SPI + 2);
        check("the second has none", 0, remote(ACK, 0), 1023);
        eoir(SPI + 2);
        wr8(GICD + ITARGETS + SPI + 2, 0);
        pend(SPI + 2);
        check("no target", 0, irq() + remote(PENDING, 0), 0);
        set_bit(ICPEND, SPI + 2);
    }
    target(SPI + 2, 0);
}

/* Level-sensitive: pending as long as the line is high; the virtual timer's. */
static void levels(void)
{
    const u32 timer = 27;

    set_bit(ISENABLE, timer);
    MSR("cntv_cval_el0", 0);
    MSR("cntv_ctl_el0", 1);
    check("timer", 0, irq(), 1);
    check("timer", 1, get_bit(ISPEND, timer), 1);
    set_bit(ICPEND, timer);
    check("the line holds it", 0, irq(), 1);
    check("timer", 2, iar(), timer);
    check("active", 7, irq(), 0);
    check("active, pending", 7, get_bit(ISPEND, timer), 1);
    eoir(timer);
    check("again", 7, irq(), 1);
    check("again", 8, iar(), timer);
    MSR("cntv_ctl_el0", 3); /* masked */
    check("line low", 0, get_bit(ISPEND, timer), 0);
    eoir(timer);
    check("line low", 1, irq(), 0);
    MSR("cntv_ctl_el0", 1);
    check("line high", 0, irq(), 1);
    MSR("cntv_ctl_el0", 0);
    check("line low", 2, irq(), 0);
    /* Made pending by software without the line: stays until it is taken or cleared. */
    set_bit(ISPEND, timer);
    check("latched", 0, irq(), 1);
    check("latched", 1, iar(), timer);
    eoir(timer);
    check("latched", 2, irq(), 0);
    set_bit(ICENABLE, timer);
}

static void taken(void)
{
    u64 n = trap.count;

    pend(SPI);
    __asm__ volatile("msr daifclr, 2\n\tnop\n\tnop\n\tmsr daifset, 2");
    check("taken", 0, trap.count, n + 1);
    check("vector", 0, trap.vector, 0x1280);
    check("once", 5, iar(), SPI);
    __asm__ volatile("msr daifclr, 2\n\tnop\n\tnop\n\tmsr daifset, 2");
    check("not while active", 0, trap.count, n + 1);
    eoir(SPI);
    /* WFI ends with an interrupt that is masked. */
    MSR("cntv_cval_el0", MRS("cntvct_el0") + MRS("cntfrq_el0") / 100);
    set_bit(ISENABLE, 27);
    MSR("cntv_ctl_el0", 1);
    u64 before = MRS("cntvct_el0");
    __asm__ volatile("wfi" ::: "memory");
    check("woken", 0, irq(), 1);
    check("slept", 0, MRS("cntvct_el0") - before < MRS("cntfrq_el0") * 2, 1);
    check("not taken", 0, trap.count, n + 1);
    MSR("cntv_ctl_el0", 0);
    set_bit(ICENABLE, 27);
}

static void groups2(void)
{
    u32 ctlr = rd(GICC);

    /* Both groups; group 0 as FIQ. */
    wr(GICD, 3);
    wr(GICC, 1 | 2 | 8);
    change_bit(IGROUP, SPI, 1);
    priority(SPI, 0x80);
    priority(SPI + 1, 0xa0);
    pend(SPI + 1);
    check("group 0", 0, fiq(), 1);
    check("group 0", 1, irq(), 0);
    pend(SPI);
    check("group 1", 0, irq(), 1);
    check("group 1", 1, fiq(), 0);
    /* The highest is of group 1: IAR says so, AIAR acknowledges. */
    check("HPPIR of group 1", 0, hppir(), 1022);
    check("AHPPIR", 0, rd(GICC + 0x28), SPI);
    check("IAR of group 1", 0, iar(), 1022);
    check("AIAR", 0, rd(GICC + 0x20), SPI);
    check("AIAR", 1, rpr(), 0x80);
    wr(GICC + 0x24, SPI);
    check("AIAR without one", 0, rd(GICC + 0x20), 1023);
    check("IAR", 0, iar(), SPI + 1);
    eoir(SPI + 1);
    /* AckCtl: IAR acknowledges both. */
    wr(GICC, 1 | 2 | 4 | 8);
    pend(SPI);
    check("AckCtl", 0, iar(), SPI);
    eoir(SPI);
    check("AckCtl", 1, get_bit(ISACTIVE, SPI), 0);
    /* Without FIQEn both are IRQs. */
    wr(GICC, 1 | 2);
    pend(SPI + 1);
    check("no FIQ", 0, fiq(), 0);
    check("no FIQ", 1, irq(), 1);
    check("no FIQ", 2, iar(), SPI + 1);
    eoir(SPI + 1);
    /* Group 1 off at the interface, or at the distributor. */
    wr(GICC, 1);
    pend(SPI);
    check("group 1 off", 0, irq(), 0);
    wr(GICC, 1 | 2);
    check("group 1 on", 0, irq(), 1);
    wr(GICD, 1);
    check("group 1 off", 1, irq(), 0);
    wr(GICD, 3);
    check("group 1 on", 1, rd(GICC + 0x20), SPI);
    wr(GICC + 0x24, SPI);
    change_bit(IGROUP, SPI, 0);
    wr(GICC, ctlr);
    wr(GICD, 1);
}

static void groups3(void)
{
    wr(GICD, rd(GICD) | 3);
    check("DS", 0, rd(GICD) >> 6 & 1, 1);
    MSR(ICC("c12_6"), 1); /* ICC_IGRPEN0 */
    MSR(ICC("c8_3"), 0);  /* ICC_BPR0 */
    change_bit(IGROUP, SPI + 1, 0);
    priority(SPI, 0x80);
    priority(SPI + 1, 0xa0);
    pend(SPI + 1);
    check("group 0", 0, fiq(), 1);
    check("group 0", 1, irq(), 0);
    check("IAR1 of group 0", 0, iar(), 1023);
    check("HPPIR0", 0, MRS(ICC("c8_2")), SPI + 1);
    pend(SPI);
    check("group 1", 0, irq(), 1);
    check("IAR0 of group 1", 0, MRS(ICC("c8_0")), 1023);
    check("IAR1", 0, iar(), SPI);
    check("lower of the other group", 0, fiq(), 0);
    eoir(SPI);
    check("group 0", 2, fiq(), 1);
    check("IAR0", 0, MRS(ICC("c8_0")), SPI + 1);
    check("AP0R0", 0, MRS(ICC("c8_4")) != 0, 1);
    check("AP1R0", 0, MRS(ICC("c9_0")), 0);
    check("RPR", 0, rpr(), 0xa0);
    /* Group 1 preempts group 0. */
    pend(SPI);
    check("preempts", 0, iar(), SPI);
    eoir(SPI);
    MSR(ICC("c8_1"), SPI + 1);
    check("idle", 0, rpr(), 0xff);
    check("ended", 1, get_bit(ISACTIVE, SPI + 1), 0);
    /* Off at the interface, at the distributor. */
    pend(SPI + 1);
    MSR(ICC("c12_6"), 0);
    check("group 0 off", 0, fiq(), 0);
    MSR(ICC("c12_6"), 1);
    check("group 0 on", 0, fiq(), 1);
    wr(GICD, rd(GICD) & ~1u);
    check("group 0 off", 1, fiq(), 0);
    wr(GICD, rd(GICD) | 1);
    check("group 0 on", 1, MRS(ICC("c8_0")), SPI + 1);
    MSR(ICC("c8_1"), SPI + 1);
    /* SGIs of group 0 by SGI0R; SGI1R sends those of group 1, one register's group does not fit. */
    wr(GICR + 0x10000 + IGROUP, ~2u);
    set_bit(ISENABLE, 1);
    set_bit(ISENABLE, 2);
    MSR(ICC("c11_7"), 1ul << 24 | 1);
    check("SGI0R", 0, fiq(), 1);
    check("SGI0R", 1, MRS(ICC("c8_0")), 1);
    MSR(ICC("c8_1"), 1);
    MSR(ICC("c11_5"), 2ul << 24 | 1);
    check("SGI1R", 0, irq(), 1);
    check("SGI1R", 1, iar(), 2);
    eoir(2);
    wr(GICR + 0x10000 + IGROUP, ~0u);
    change_bit(IGROUP, SPI + 1, 1);
    MSR(ICC("c12_6"), 0);
    wr(GICD, rd(GICD) & ~1u);
}

static void run(void)
{
    v3 = (MRS("id_aa64pfr0_el1") >> 24 & 15) != 0;
    mmu_on(identity());
    if (v3) {
        wr(GICD, 1 << 4 | 2); /* ARE, group 1 */
    }
    cpu_init();
    enable_dist(1);
    spi_reset();
    enables();
    spi_reset();
    priorities();
    spi_reset();
    binary_point();
    spi_reset();
    eoi_modes();
    mail.command = ACK;
    check("CPU_ON", 0, cpu_on(1, serve, 0), 0);
    check("starts", 0, WAIT(mail.command, IDLE), 1);
    spi_reset();
    sgis();
    routing();
    levels();
    taken();
    spi_reset();
    if (v3) {
        groups3();
    } else {
        groups2();
    }
}

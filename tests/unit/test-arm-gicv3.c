/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* GICv3: hw/intc/arm_gicv3.c, hw/intc/arm_gicv3_cpuif.c. */
#include "tests/unit/gicv3-test.h"

static void test_registers(void)
{
    Gic g;

    gic_init(&g, false, true);
    g_assert_cmphex(dr(&g, 4), ==, 1 << 25 | 1 << 24 | 15 << 19 | 1 << 17 | (IRQS / 32 - 1));
    g_assert_cmphex(dr(&g, 0xffe8), ==, 0x3b);
    g_assert_cmphex(dr(&g, 0), ==, 0x50);
    dw(&g, 0, 0xffffffff);
    g_assert_cmphex(dr(&g, 0), ==, 0x53);
    for (unsigned i = 0; i < CPUS; i++) {
        uint64_t typer = reg_read(g.d, 1, i * 0x20000 + 8, 8);

        g_assert_cmphex(typer, ==, (uint64_t)i << 32 | 1 << 24 | i << 8 | (i == CPUS - 1) << 4 | 1);
        g_assert_cmphex(rr(&g, i, 12), ==, i);
        g_assert_cmphex(rr(&g, i, 0xffe8), ==, 0x3b);
        g_assert_cmphex(rr(&g, i, 0x14), ==, 6);
        rw(&g, i, 0x14, 0);
        g_assert_cmphex(rr(&g, i, 0x14), ==, 0);
    }
    /* The words of SGIs and PPIs are the redistributors'. */
    dw(&g, ISENABLER, 0xffffffff);
    g_assert_cmphex(dr(&g, ISENABLER), ==, 0);
    rw(&g, 2, SGI + ISENABLER, 0x80000001);
    g_assert_cmphex(rr(&g, 2, SGI + ICENABLER), ==, 0x80000001);
    g_assert_cmphex(rr(&g, 1, SGI + ISENABLER), ==, 0);
    g_assert_cmphex(rr(&g, 1, SGI + ICFGR), ==, 0xaaaaaaaa);
    dw(&g, ISENABLER + 8, 0xffffffff);
    dw(&g, ISENABLER + 12, 0xffffffff);
    g_assert_cmphex(dr(&g, ISENABLER + 8), ==, 0xffffffff);
    g_assert_cmphex(dr(&g, ISENABLER + 12), ==, 0);
    dw(&g, IPRIORITYR + 32, 0xffffffff); /* five bits */
    g_assert_cmphex(dr(&g, IPRIORITYR + 32), ==, 0xf8f8f8f8);
    dw(&g, IGRPMODR + 4, 0xffffffff);
    g_assert_cmphex(dr(&g, IGRPMODR + 4), ==, 0);
    reg_write(g.d, 0, IROUTER + 40 * 8, 8, UINT64_C(0xffffffffffffffff));
    g_assert_cmphex(reg_read(g.d, 0, IROUTER + 40 * 8, 8), ==, UINT64_C(0xff00ffffff));
    dw(&g, IROUTER + 40 * 8, 0x010203);
    g_assert_cmphex(reg_read(g.d, 0, IROUTER + 40 * 8, 8), ==, UINT64_C(0xff00010203));
    dw(&g, IROUTER + 31 * 8, 1);
    g_assert_cmphex(dr(&g, IROUTER + 31 * 8), ==, 0);
    test_snapshot(g.d);
    g_assert_cmphex(dr(&g, IPRIORITYR + 32), ==, 0xf8f8f8f8);
    /* CPU interface. */
    g_assert_cmphex(icc(&g, 0, ICC_SRE), ==, 7);
    g_assert_cmphex(icc(&g, 0, ICC_CTLR) & 0x8700, ==, 0x8400);
    icc_w(&g, 0, ICC_PMR, 0xff);
    g_assert_cmphex(icc(&g, 0, ICC_PMR), ==, 0xf8);
    g_assert_cmphex(icc(&g, 0, ICC_BPR0), ==, 2);
    g_assert_cmphex(icc(&g, 0, ICC_BPR1), ==, 3);
    icc_w(&g, 0, ICC_BPR1, 7);
    g_assert_cmphex(icc(&g, 0, ICC_BPR1), ==, 7);
    icc_w(&g, 0, ICC_CTLR, 1);
    g_assert_cmphex(icc(&g, 0, ICC_BPR1), ==, 3);
    g_assert_cmphex(icc(&g, 0, ICC_IAR1), ==, 1023);
    g_assert_cmphex(icc(&g, 0, ICC_RPR), ==, 0xff);
    gic_clear(&g);
}

static void test_flow(void)
{
    Gic g;

    gic_init(&g, false, false);
    open_up(&g);
    enable(&g, 40, 0x80, 1);
    spi(&g, 40, true);
    g_assert_true(irq(&g, 1) && !irq(&g, 0) && !fiq(&g, 1));
    g_assert_cmpuint(icc(&g, 1, ICC_HPPIR1), ==, 40);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR0), ==, 1023);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 40);
    g_assert_false(irq(&g, 1));
    g_assert_cmphex(icc(&g, 1, ICC_RPR), ==, 0x80);
    g_assert_cmphex(icc(&g, 1, ICC_AP1R0), ==, 1 << 16);
    test_snapshot(g.d);
    icc_w(&g, 1, ICC_EOIR0, 40); /* of the wrong group */
    g_assert_cmphex(icc(&g, 1, ICC_RPR), ==, 0x80);
    icc_w(&g, 1, ICC_EOIR1, 40);
    g_assert_true(irq(&g, 1)); /* the level is still there */
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 40);
    spi(&g, 40, false);
    icc_w(&g, 1, ICC_EOIR1, 40);
    g_assert_false(irq(&g, 1));
    /* Edge, moved to another CPU while it waits. */
    dw(&g, ICFGR + 8, 2 << 16);
    spi(&g, 40, true);
    spi(&g, 40, false);
    g_assert_true(irq(&g, 1));
    reg_write(g.d, 0, IROUTER + 40 * 8, 8, 3);
    g_assert_true(!irq(&g, 1) && irq(&g, 3));
    reg_write(g.d, 0, IROUTER + 40 * 8, 8, 77); /* no such CPU */
    g_assert_false(irq(&g, 3));
    reg_write(g.d, 0, IROUTER + 40 * 8, 8, 0);
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 40);
    icc_w(&g, 0, ICC_EOIR1, 40);
    /* Group 0 is an FIQ. */
    dw(&g, IGROUPR + 4, 0);
    dw(&g, ISPENDR + 4, 1 << 8);
    g_assert_true(fiq(&g, 0) && !irq(&g, 0));
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 1023);
    g_assert_cmpuint(icc(&g, 0, ICC_IAR0), ==, 40);
    g_assert_cmphex(icc(&g, 0, ICC_AP0R0), ==, 1 << 16);
    icc_w(&g, 0, ICC_EOIR1, 40);
    g_assert_cmphex(icc(&g, 0, ICC_RPR), ==, 0x80);
    icc_w(&g, 0, ICC_EOIR0, 40);
    g_assert_cmphex(icc(&g, 0, ICC_RPR), ==, 0xff);
    /* PPIs. */
    rw(&g, 2, SGI + ISENABLER, 1 << 27);
    ppi(&g, 2, 27, true);
    ppi(&g, 3, 27, true);
    g_assert_true(irq(&g, 2) && !irq(&g, 3));
    g_assert_cmpuint(icc(&g, 2, ICC_IAR1), ==, 27);
    g_assert_cmphex(rr(&g, 2, SGI + ISACTIVER), ==, 1 << 27);
    icc_w(&g, 2, ICC_EOIR1, 27);
    g_assert_true(irq(&g, 2));
    icc_w(&g, 2, ICC_IGRPEN1, 0);
    g_assert_false(irq(&g, 2));
    gic_clear(&g);
}

static void test_priority(void)
{
    Gic g;

    gic_init(&g, false, false);
    open_up(&g);
    for (unsigned i = 40; i < 44; i++) {
        static const uint8_t prio[] = {0x80, 0x80, 0x88, 0x40};

        enable(&g, i, prio[i - 40], 0);
        spi(&g, i, true);
    }
    icc_w(&g, 0, ICC_BPR1, 4); /* non-secure group 1: preemption by bits 7 to 4 */
    icc_w(&g, 0, ICC_PMR, 0x40);
    g_assert_false(irq(&g, 0));
    g_assert_cmpuint(icc(&g, 0, ICC_HPPIR1), ==, 43);
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 1023);
    spi(&g, 43, false);
    icc_w(&g, 0, ICC_PMR, 0xf8);
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 40);
    g_assert_false(irq(&g, 0));
    spi(&g, 43, true);
    g_assert_true(irq(&g, 0));
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 43);
    g_assert_cmphex(icc(&g, 0, ICC_RPR), ==, 0x40);
    spi(&g, 43, false);
    icc_w(&g, 0, ICC_EOIR1, 43);
    g_assert_cmphex(icc(&g, 0, ICC_RPR), ==, 0x80);
    spi(&g, 40, false);
    prio(&g, 41, 0x78);
    g_assert_true(irq(&g, 0)); /* 0x70 before 0x80 */
    icc_w(&g, 0, ICC_BPR1, 5); /* bits 7 to 5: 0x60 */
    g_assert_true(irq(&g, 0));
    prio(&g, 41, 0x88);
    g_assert_false(irq(&g, 0));
    icc_w(&g, 0, ICC_EOIR1, 40);
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 41);
    icc_w(&g, 0, ICC_EOIR1, 41);
    spi(&g, 41, false);
    /* EOImode. */
    icc_w(&g, 0, ICC_CTLR, 2);
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 42);
    spi(&g, 42, false);
    icc_w(&g, 0, ICC_EOIR1, 42);
    g_assert_cmphex(icc(&g, 0, ICC_RPR), ==, 0xff);
    g_assert_cmphex(dr(&g, ISACTIVER + 4), ==, 1 << 10);
    icc_w(&g, 0, ICC_DIR, 42);
    g_assert_cmphex(dr(&g, ISACTIVER + 4), ==, 0);
    icc_w(&g, 0, ICC_CTLR, 0);
    icc_w(&g, 0, ICC_EOIR1, 0xffffff);
    icc_w(&g, 0, ICC_EOIR1, 1023);
    gic_clear(&g);
}

static void test_sgi(void)
{
    Gic g;

    gic_init(&g, false, false);
    arm_gicv3_set_affinity(g.d, 3, 0x01020311);
    open_up(&g);
    for (unsigned i = 0; i < CPUS; i++) {
        rw(&g, i, SGI + ISENABLER, 0xffff);
    }
    icc_w(&g, 0, ICC_SGI1R, 5 << 24 | 6);
    g_assert_true(!irq(&g, 0) && irq(&g, 1) && irq(&g, 2) && !irq(&g, 3));
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 5);
    icc_w(&g, 1, ICC_EOIR1, 5);
    g_assert_false(irq(&g, 1));
    /* Affinity 1.2.3.17: range 1, bit 1. */
    icc_w(&g, 0, ICC_SGI1R,
          UINT64_C(1) << 48 | UINT64_C(1) << 44 | UINT64_C(2) << 32 | 3 << 16 | 9 << 24 | 2);
    g_assert_true(irq(&g, 3));
    g_assert_cmpuint(icc(&g, 3, ICC_IAR1), ==, 9);
    icc_w(&g, 3, ICC_EOIR1, 9);
    /* All but the sender. */
    icc_w(&g, 2, ICC_SGI1R, UINT64_C(1) << 40 | 1 << 24);
    g_assert_true(irq(&g, 0) && irq(&g, 1) && irq(&g, 2) && irq(&g, 3));
    g_assert_cmpuint(icc(&g, 2, ICC_IAR1), ==, 5); /* from before */
    icc_w(&g, 2, ICC_EOIR1, 5);
    g_assert_false(irq(&g, 2));
    icc_w(&g, 2, ICC_SGI0R, 2 << 24 | 2); /* not group 0 there */
    g_assert_cmphex(rr(&g, 1, SGI + ISPENDR), ==, 1 << 1);
    gic_clear(&g);
}

/* Two security states. */
static void test_security(void)
{
    Gic g;

    gic_init(&g, true, false);
    g_assert_cmphex(dr(&g, 4) & 0x400, ==, 0x400);
    on_cpu(&g, 0, 3, true);
    dw(&g, 0, 0x37);
    g_assert_cmphex(dr(&g, 0), ==, 0x37);
    for (unsigned i = 40; i < 43; i++) {
        prio(&g, i, i == 42 ? 0xa0 : 0x20);
        reg_write(g.d, 0, IROUTER + i * 8, 8, 0);
    }
    dw(&g, ISENABLER + 4, 7 << 8);
    dw(&g, IGROUPR + 4, 1 << 10); /* 42: non-secure */
    dw(&g, IGRPMODR + 4, 1 << 9); /* 41: secure group 1, 40: group 0 */
    icc_w(&g, 0, ICC_IGRPEN0, 1);
    icc_w(&g, 0, ICC_IGRPEN1_EL3, 3);
    icc_w(&g, 0, ICC_PMR, 0xf8);

    on_cpu(&g, 0, 1, false);
    g.ctx[0].scr_fiq = true;
    g_assert_cmphex(dr(&g, 0), ==, 0x12);
    g_assert_cmphex(dr(&g, ISENABLER + 4), ==, 1 << 10);
    dw(&g, ICENABLER + 4, 0xffffffff);
    dw(&g, ISENABLER + 4, 0xffffffff);
    dw(&g, IGROUPR + 4, 0xffffffff);
    dw(&g, IGRPMODR + 4, 0);
    g_assert_cmphex(dr(&g, IGROUPR + 4), ==, 0);
    g_assert_cmphex(dr(&g, IPRIORITYR + 40), ==, 0x400000);
    g_assert_cmphex(icc(&g, 0, ICC_PMR), ==, 0xf0);
    g_assert_cmphex(icc(&g, 0, ICC_IGRPEN1), ==, 1);
    spi(&g, 42, true);
    g_assert_true(irq(&g, 0) && !fiq(&g, 0));
    state(&g, 0, 3, true);
    g_assert_true(!irq(&g, 0) && fiq(&g, 0));
    state(&g, 0, 1, true);
    g_assert_true(fiq(&g, 0));
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 1023);
    state(&g, 0, 1, false);
    g_assert_true(irq(&g, 0));
    spi(&g, 41, true);
    g_assert_true(fiq(&g, 0));
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 1023);
    state(&g, 0, 3, true);
    g_assert_cmpuint(icc(&g, 0, ICC_HPPIR0), ==, 1020); /* for secure EL1 */
    g_assert_cmpuint(icc(&g, 0, ICC_IAR0), ==, 1020);
    state(&g, 0, 1, true);
    g_assert_true(irq(&g, 0) && !fiq(&g, 0));
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 41);
    g_assert_cmphex(icc(&g, 0, ICC_RPR), ==, 0x20);
    spi(&g, 41, false);
    state(&g, 0, 1, false);
    icc_w(&g, 0, ICC_EOIR1, 41); /* not its own */
    g_assert_cmphex(icc(&g, 0, ICC_RPR), ==, 0);
    state(&g, 0, 1, true);
    icc_w(&g, 0, ICC_EOIR1, 41);
    state(&g, 0, 3, true);
    g_assert_cmpuint(icc(&g, 0, ICC_HPPIR0), ==, 1021);
    spi(&g, 40, true);
    g_assert_cmpuint(icc(&g, 0, ICC_IAR0), ==, 40);
    spi(&g, 40, false);
    icc_w(&g, 0, ICC_EOIR0, 40);
    state(&g, 0, 1, false);
    test_snapshot(g.d);
    g_assert_true(irq(&g, 0));
    g_assert_cmpuint(icc(&g, 0, ICC_IAR1), ==, 42);
    g_assert_cmphex(icc(&g, 0, ICC_RPR), ==, 0x40);
    spi(&g, 42, false);
    icc_w(&g, 0, ICC_EOIR1, 42);
    g_assert_cmphex(icc(&g, 0, ICC_RPR), ==, 0xff);

    /* SGIs to secure groups by NSACR alone. */
    on_cpu(&g, 0, 1, true);
    rw(&g, 1, SGI + IGRPMODR, 2);
    rw(&g, 1, SGI + NSACR, 1 << 6);
    on_cpu(&g, 0, 1, false);
    icc_w(&g, 0, ICC_ASGI1R, 1 << 24 | 2);
    icc_w(&g, 0, ICC_SGI0R, 2 << 24 | 2);
    icc_w(&g, 0, ICC_SGI0R, 3 << 24 | 2);
    on_cpu(&g, 0, 1, true);
    g_assert_cmphex(rr(&g, 1, SGI + ISPENDR), ==, 1 << 3);
    icc_w(&g, 0, ICC_SGI1R, 1 << 24 | 2);
    g_assert_cmphex(rr(&g, 1, SGI + ISPENDR), ==, 5 << 1);
    /* DS: one state from now on. */
    dw(&g, 0, 0x77);
    on_cpu(&g, 0, 1, false);
    g_assert_cmphex(dr(&g, 0), ==, 0x53);
    g_assert_cmphex(dr(&g, ISENABLER + 4), ==, 7 << 8);
    dw(&g, 0, 0);
    g_assert_cmphex(dr(&g, 0), ==, 0x50);
    gic_clear(&g);
}

static void test_virtual(void)
{
    Gic g;

    gic_init(&g, false, false);
    open_up(&g);
    on_cpu(&g, 1, 2, false);
    g_assert_cmphex(icc(&g, 1, ICH_VTR) & 0xfc00001f, ==, 0x90000003);
    icc_w(&g, 1, ICH_HCR, 1);
    icc_w(&g, 1, ICH_VMCR, 0xf8000002);
    g_assert_cmphex(icc(&g, 1, ICH_VMCR), ==, 0xf84c000a);
    icc_w(&g, 1, ICH_LR0, UINT64_C(1) << 62 | UINT64_C(1) << 60 | UINT64_C(0x80) << 48 | 77);
    icc_w(&g, 1, ICH_LR0 + 1, UINT64_C(1) << 62 | UINT64_C(0x40) << 48 | 78); /* group 0, off */
    g_assert_true(line(&g, 1, ARM_LINE_VIRQ) && !line(&g, 1, ARM_LINE_VFIQ));

    on_cpu(&g, 1, 1, false);
    g.ctx[1].virt_irq = g.ctx[1].virt_fiq = true;
    g_assert_cmpuint(icc(&g, 1, ICC_HPPIR1), ==, 77);
    icc_w(&g, 1, ICC_IGRPEN0, 1);
    g_assert_true(line(&g, 1, ARM_LINE_VFIQ));
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 1023);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR0), ==, 78);
    g_assert_cmphex(icc(&g, 1, ICC_RPR), ==, 0x40);
    g_assert_false(line(&g, 1, ARM_LINE_VIRQ));
    icc_w(&g, 1, ICC_EOIR1, 78); /* wrong group */
    g_assert_cmphex(icc(&g, 1, ICC_RPR), ==, 0x40);
    icc_w(&g, 1, ICC_EOIR0, 78);
    g_assert_cmphex(icc(&g, 1, ICC_RPR), ==, 0xff);
    icc_w(&g, 1, ICC_PMR, 0x80);
    g_assert_false(line(&g, 1, ARM_LINE_VIRQ));
    icc_w(&g, 1, ICC_PMR, 0xf8);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 77);
    test_snapshot(g.d);
    icc_w(&g, 1, ICC_CTLR, 2);
    icc_w(&g, 1, ICC_EOIR1, 77);
    icc_w(&g, 1, ICC_DIR, 77);
    on_cpu(&g, 1, 2, false);
    g_assert_cmphex(icc(&g, 1, ICH_LR0) >> 62, ==, 0);
    g_assert_cmphex(icc(&g, 1, ICH_ELRSR), ==, 0xf);

    /* An LPI has no active state; of hardware: the physical interrupt ends with it. */
    enable(&g, 40, 0x80, 1);
    icc_w(&g, 1, ICC_CTLR, 2);
    spi(&g, 40, true);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 40);
    icc_w(&g, 1, ICC_EOIR1, 40);
    spi(&g, 40, false);
    icc_w(&g, 1, ICH_LR0, UINT64_C(1) << 62 | UINT64_C(3) << 60 | UINT64_C(40) << 32 | 100);
    icc_w(&g, 1, ICH_LR0 + 1, UINT64_C(1) << 62 | UINT64_C(1) << 60 | UINT64_C(8) << 48 | 9000);
    on_cpu(&g, 1, 1, false);
    g.ctx[1].virt_irq = g.ctx[1].virt_fiq = true;
    icc_w(&g, 1, ICC_CTLR, 0);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 100);
    g_assert_cmphex(dr(&g, ISACTIVER + 4), ==, 1 << 8);
    icc_w(&g, 1, ICC_EOIR1, 100);
    g_assert_cmphex(dr(&g, ISACTIVER + 4), ==, 0);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 9000);
    icc_w(&g, 1, ICC_EOIR1, 9000);
    on_cpu(&g, 1, 2, false);
    g_assert_cmphex(icc(&g, 1, ICH_LR0 + 1) >> 62, ==, 0);
    /* Maintenance. */
    rw(&g, 1, SGI + ISENABLER, 1 << 25);
    icc_w(&g, 1, ICH_HCR, 3);
    g_assert_cmphex(icc(&g, 1, ICH_MISR), ==, 2);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 25);
    gic_clear(&g);
}

static void test_traps(void)
{
    Gic g;

    gic_init(&g, true, false);
    on_cpu(&g, 0, 1, false);
    g_assert_cmpint(trap(&g, ICC_PMR), ==, ARM_GIC_OK);
    g_assert_cmpint(trap(&g, ICH_HCR), ==, ARM_GIC_UNDEFINED);
    g_assert_cmpint(trap(&g, ICC_CTLR_EL3), ==, ARM_GIC_UNDEFINED);
    g_assert_cmpint(trap(&g, ICC_AP1R0 + 1), ==, ARM_GIC_UNDEFINED);
    g.ctx[0].scr_fiq = true;
    g_assert_cmpint(trap(&g, ICC_IAR0), ==, ARM_GIC_TRAP_EL3);
    g_assert_cmpint(trap(&g, ICC_IAR1), ==, ARM_GIC_OK);
    g_assert_cmpint(trap(&g, ICC_PMR), ==, ARM_GIC_OK);
    g.ctx[0].scr_irq = true;
    g_assert_cmpint(trap(&g, ICC_PMR), ==, ARM_GIC_TRAP_EL3);
    g.ctx[0].virt_irq = true;
    g_assert_cmpint(trap(&g, ICC_IAR1), ==, ARM_GIC_OK);
    g_assert_cmpint(trap(&g, ICC_SGI1R), ==, ARM_GIC_TRAP_EL2);
    on_cpu(&g, 0, 2, false);
    g_assert_cmpint(trap(&g, ICH_LR0 + 4), ==, ARM_GIC_UNDEFINED);
    g_assert_cmpint(trap(&g, ICC_SRE_EL2), ==, ARM_GIC_OK);
    icc_w(&g, 0, ICH_HCR, 1 << 12 | 1 << 14);
    g.ctx[0].scr_irq = g.ctx[0].scr_fiq = false;
    on_cpu(&g, 0, 1, false);
    g_assert_cmpint(trap(&g, ICC_IAR0), ==, ARM_GIC_OK);
    g_assert_cmpint(trap(&g, ICC_IAR1), ==, ARM_GIC_TRAP_EL2);
    g_assert_cmpint(trap(&g, ICC_DIR), ==, ARM_GIC_TRAP_EL2);
    g_assert_cmpint(trap(&g, ICC_PMR), ==, ARM_GIC_OK);
    gic_clear(&g);
}

static void test_lpi(void)
{
    Gic g;

    gic_init(&g, false, true);
    open_up(&g);
    lpi_tables(&g);
    config(&g, 8192, 0xa0 | 1);
    config(&g, 8200, 0x20 | 1);
    config(&g, 9000, 0x20);
    arm_gicv3_lpi(g.d, 1, 8192, true);
    g_assert_true(irq(&g, 1) && !irq(&g, 0));
    arm_gicv3_lpi(g.d, 1, 9000, true); /* not enabled */
    arm_gicv3_lpi(g.d, 1, 8200, true);
    arm_gicv3_lpi(g.d, 1, 100, true); /* no LPI */
    arm_gicv3_lpi(g.d, 1, 70000, true);
    arm_gicv3_lpi(g.d, 1, 20000, true); /* beyond the tables */
    test_snapshot(g.d);
    g_assert_cmpuint(icc(&g, 1, ICC_HPPIR1), ==, 8200);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 8200);
    g_assert_false(irq(&g, 1));
    icc_w(&g, 1, ICC_EOIR1, 8200);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 8192);
    icc_w(&g, 1, ICC_EOIR1, 8192);
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 1023);
    config(&g, 9000, 0x21);
    arm_gicv3_lpi_config_changed(g.d, 1);
    g_assert_cmpuint(icc(&g, 1, ICC_HPPIR1), ==, 9000);
    arm_gicv3_lpi_move_all(g.d, 1, 2);
    g_assert_true(!irq(&g, 1) && irq(&g, 2));
    g_assert_true(arm_gicv3_lpi_take(g.d, 2, 9000));
    g_assert_false(arm_gicv3_lpi_take(g.d, 2, 9000));
    g_assert_false(irq(&g, 2));
    /* The guest cannot move the tables while they are in use; off, nothing is pending. */
    arm_gicv3_lpi(g.d, 1, 8192, true);
    reg_write(g.d, 1, 0x20000 + 0x70, 8, 0);
    g_assert_cmphex(reg_read(g.d, 1, 0x20000 + 0x70, 8), ==, LPI_CONFIG | 13);
    rw(&g, 1, 0, 0);
    g_assert_false(irq(&g, 1));
    rw(&g, 1, 0, 1); /* and the table has kept it */
    g_assert_cmpuint(icc(&g, 1, ICC_IAR1), ==, 8192);
    icc_w(&g, 1, ICC_EOIR1, 8192);
    /* Tables that are not RAM. */
    rw(&g, 1, 0, 0);
    reg_write(g.d, 1, 0x20000 + 0x78, 8, UINT64_C(0xffffffff0000));
    rw(&g, 1, 0, 1);
    arm_gicv3_lpi(g.d, 1, 8192, true);
    g_assert_false(irq(&g, 1));
    arm_gicv3_lpi_move_all(g.d, 1, 2);
    arm_gicv3_lpi_config_changed(g.d, 1);
    gic_clear(&g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gicv3/registers", test_registers);
    g_test_add_func("/gicv3/flow", test_flow);
    g_test_add_func("/gicv3/priority", test_priority);
    g_test_add_func("/gicv3/sgi", test_sgi);
    g_test_add_func("/gicv3/security", test_security);
    g_test_add_func("/gicv3/virtual", test_virtual);
    g_test_add_func("/gicv3/traps", test_traps);
    g_test_add_func("/gicv3/lpi", test_lpi);
    return g_test_run();
}

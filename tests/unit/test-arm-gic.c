/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* GICv2 and its MSI frame: hw/intc/arm_gic.c, hw/intc/gic_common.c, hw/intc/arm_gicv2m.c. */
#include "hw/intc/arm_gic.h"
#include "tests/unit/device-test.h"

#include <string.h>

#define CPUS 4
#define IRQS 96

enum { DIST, CPUIF, HYP, VCPU };
enum {
    CTLR = 0,
    PMR = 4,
    BPR = 8,
    IAR = 0xc,
    EOIR = 0x10,
    RPR = 0x14,
    HPPIR = 0x18,
    ABPR = 0x1c,
    AIAR = 0x20,
    AEOIR = 0x24,
    AHPPIR = 0x28,
    APR = 0xd0,
    NSAPR = 0xe0,
    DEACT = 0x1000
};
enum {
    IGROUPR = 0x80,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    ICACTIVER = 0x380,
    IPRIORITYR = 0x400,
    ITARGETSR = 0x800,
    ICFGR = 0xc00,
    SGIR = 0xf00,
    CPENDSGIR = 0xf10,
    SPENDSGIR = 0xf20
};

typedef struct Gic {
    TestMachine t;
    TestLine line[CPUS * ARM_GIC_OUTS];
    CPU cpus[CPUS];
    void *d;
} Gic;

/* The tests' "is this access secure": CPU.halted is not used by the device. */
static bool is_secure(CPU *cpu)
{
    return cpu->halted;
}

static void on_cpu(Gic *g, unsigned n, bool secure)
{
    g->cpus[n].halted = secure;
    cpu_set_current(&g->cpus[n]);
}

static void gic_init(Gic *g, bool security, bool virt)
{
    memset(g, 0, sizeof(*g));
    test_machine_init(&g->t);
    g->d = test_device_new(&g->t, "arm_gic");
    device_set_u64(g->d, "num-cpu", CPUS);
    device_set_u64(g->d, "num-irq", IRQS);
    device_set_u64(g->d, "has-security-extensions", security);
    device_set_u64(g->d, "has-virtualization-extensions", virt);
    arm_gic_set_security(g->d, is_secure);
    test_device_realize(g->d);
    for (unsigned i = 0; i < ((Device *)g->d)->n_irqs; i++) {
        test_connect(g->d, i, g->line);
    }
    device_reset(g->d);
    for (unsigned i = 0; i < CPUS; i++) {
        g->cpus[i].index = i;
    }
    on_cpu(g, 0, true);
}

static void gic_clear(Gic *g)
{
    cpu_set_current(NULL);
    test_machine_clear(&g->t);
}

static uint32_t r(Gic *g, unsigned bank, unsigned reg)
{
    return reg_read(g->d, bank, reg, 4);
}

static void w(Gic *g, unsigned bank, unsigned reg, uint32_t val)
{
    reg_write(g->d, bank, reg, 4, val);
}

static void spi(Gic *g, unsigned intid, bool level)
{
    IrqLine l = device_irq_input(g->d, intid - 32);

    irq_set(&l, level);
}

static void ppi(Gic *g, unsigned cpu, unsigned intid, bool level)
{
    IrqLine l = device_irq_input(g->d, ARM_GIC_PPI(IRQS, cpu, intid));

    irq_set(&l, level);
}

static bool irq(Gic *g, unsigned cpu)
{
    return g->line[ARM_GIC_OUT(cpu, ARM_LINE_IRQ)].level;
}

static bool fiq(Gic *g, unsigned cpu)
{
    return g->line[ARM_GIC_OUT(cpu, ARM_LINE_FIQ)].level;
}

static void prio(Gic *g, unsigned intid, uint8_t val)
{
    reg_write(g->d, DIST, IPRIORITYR + intid, 1, val);
}

/* An SPI, enabled for some CPUs. */
static void enable(Gic *g, unsigned intid, uint8_t p, uint8_t cpus)
{
    prio(g, intid, p);
    reg_write(g->d, DIST, ITARGETSR + intid, 1, cpus);
    w(g, DIST, ISENABLER + intid / 32 * 4, 1u << intid % 32);
}

/* Both groups on, everything let through. */
static void open_up(Gic *g)
{
    on_cpu(g, 0, true);
    w(g, DIST, CTLR, 3);
    for (unsigned i = 0; i < CPUS; i++) {
        on_cpu(g, i, true);
        w(g, CPUIF, CTLR, 3);
        w(g, CPUIF, PMR, 0xff);
    }
    on_cpu(g, 0, true);
}

static void test_registers(void)
{
    Gic g;
    uint64_t val;

    gic_init(&g, false, false);
    g_assert_cmphex(r(&g, DIST, 4), ==, (CPUS - 1) << 5 | (IRQS / 32 - 1));
    g_assert_cmphex(r(&g, DIST, 0xfe8), ==, 0x2b);
    g_assert_cmphex(r(&g, CPUIF, 0xfc) & 0xff0fff, ==, 0x02043b); /* as Linux asks */
    g_assert_cmphex(r(&g, DIST, ISENABLER), ==, 0xffff);
    g_assert_cmphex(r(&g, DIST, ICFGR), ==, 0xaaaaaaaa);
    w(&g, DIST, ICFGR, 0);
    g_assert_cmphex(r(&g, DIST, ICFGR), ==, 0xaaaaaaaa);
    w(&g, DIST, ICENABLER, 0xffffffff);
    g_assert_cmphex(r(&g, DIST, ISENABLER), ==, 0xffff); /* SGIs stay */
    w(&g, DIST, ISENABLER, 0x80000000);
    on_cpu(&g, 1, true);
    g_assert_cmphex(r(&g, DIST, ISENABLER), ==, 0xffff); /* banked */
    for (unsigned i = 0; i < 4; i++) {
        w(&g, DIST, ISENABLER + i * 4, 0xffffffff);
        w(&g, DIST, IGROUPR + i * 4, 0xffffffff);
        g_assert_cmphex(r(&g, DIST, ICENABLER + i * 4), ==, i < 3 ? 0xffffffff : 0);
        g_assert_cmphex(r(&g, DIST, IGROUPR + i * 4), ==, i < 3 ? 0xffffffff : 0);
    }
    /* Bytes. */
    g_assert_cmphex(r(&g, DIST, ITARGETSR + 4), ==, 0x02020202);
    w(&g, DIST, ITARGETSR + 32, 0xff030201);
    g_assert_cmphex(r(&g, DIST, ITARGETSR + 32), ==, 0x0f030201);
    reg_write(g.d, DIST, ITARGETSR + 33, 1, 8);
    g_assert_cmphex(r(&g, DIST, ITARGETSR + 32), ==, 0x0f030801);
    prio(&g, 33, 0x5a);
    g_assert_cmphex(r(&g, DIST, IPRIORITYR + 32), ==, 0x00005a00);
    g_assert_cmphex(reg_read(g.d, DIST, IPRIORITYR + 33, 1), ==, 0x5a);
    prio(&g, 96, 1);
    g_assert_cmphex(r(&g, DIST, IPRIORITYR + 96), ==, 0);
    w(&g, DIST, ICFGR + 8, 0xffffffff);
    g_assert_cmphex(r(&g, DIST, ICFGR + 8), ==, 0xaaaaaaaa);
    reg_write(g.d, DIST, ICFGR + 8, 1, 0);
    g_assert_cmphex(r(&g, DIST, ICFGR + 8), ==, 0xaaaaaa00);
    test_snapshot(g.d);
    g_assert_cmphex(r(&g, DIST, ICFGR + 8), ==, 0xaaaaaa00);
    g_assert_cmpint(memory_mmio_read(&((Device *)g.d)->mmio[CPUIF], 0, 1, &val), ==,
                    MEMTX_DECODE_ERROR);
    w(&g, CPUIF, BPR, 0xff);
    w(&g, CPUIF, ABPR, 0);
    g_assert_cmphex(r(&g, CPUIF, BPR), ==, 7);
    g_assert_cmphex(r(&g, CPUIF, ABPR), ==, 1);
    g_assert_cmphex(r(&g, CPUIF, IAR), ==, 1023);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0xff);
    gic_clear(&g);
}

/* A level that stays comes again; one that is gone before does not; edges are latched. */
static void test_trigger(void)
{
    Gic g;

    gic_init(&g, false, false);
    open_up(&g);
    enable(&g, 40, 0x80, 1);
    spi(&g, 40, true);
    g_assert_true(irq(&g, 0) && !irq(&g, 1) && !fiq(&g, 0));
    g_assert_cmphex(r(&g, DIST, ISPENDR + 4), ==, 1 << 8);
    g_assert_cmpuint(r(&g, CPUIF, HPPIR), ==, 40);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 40);
    g_assert_false(irq(&g, 0));
    g_assert_cmphex(r(&g, DIST, ISACTIVER + 4), ==, 1 << 8);
    g_assert_cmphex(r(&g, DIST, ISPENDR + 4), ==, 1 << 8); /* active and pending */
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0x80);
    g_assert_cmphex(r(&g, CPUIF, APR + 8), ==, 1);
    test_snapshot(g.d);
    w(&g, CPUIF, EOIR, 40);
    g_assert_true(irq(&g, 0));
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 40);
    spi(&g, 40, false);
    w(&g, CPUIF, EOIR, 40);
    g_assert_false(irq(&g, 0));
    spi(&g, 40, true);
    spi(&g, 40, false);
    g_assert_false(irq(&g, 0));
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 1023);
    /* Pending by software: until it is acknowledged or cleared. */
    w(&g, DIST, ISPENDR + 4, 1 << 8);
    g_assert_true(irq(&g, 0));
    w(&g, DIST, ICPENDR + 4, 1 << 8);
    g_assert_false(irq(&g, 0));

    w(&g, DIST, ICFGR + 8, 2 << 16);
    spi(&g, 40, true);
    spi(&g, 40, false);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 40);
    spi(&g, 40, true); /* a second edge while the first is served */
    g_assert_false(irq(&g, 0));
    w(&g, CPUIF, EOIR, 40);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 40);
    w(&g, CPUIF, EOIR, 40);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 1023); /* still high is no edge */

    /* Private ones are each CPU's own. */
    on_cpu(&g, 2, true);
    w(&g, DIST, ISENABLER, 1 << 27);
    ppi(&g, 2, 27, true);
    ppi(&g, 1, 27, true);
    g_assert_true(irq(&g, 2) && !irq(&g, 1));
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 27);
    ppi(&g, 2, 27, false);
    w(&g, CPUIF, EOIR, 27);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 1023);
    gic_clear(&g);
}

static void test_priority(void)
{
    Gic g;

    gic_init(&g, false, false);
    open_up(&g);
    enable(&g, 40, 0x80, 1);
    enable(&g, 41, 0x80, 1);
    enable(&g, 42, 0x84, 1);
    enable(&g, 43, 0x40, 1);
    w(&g, CPUIF, BPR, 3); /* preemption by bits 7 to 4 */
    for (unsigned i = 40; i < 44; i++) {
        spi(&g, i, true);
    }
    w(&g, CPUIF, PMR, 0x40);
    g_assert_false(irq(&g, 0)); /* strictly higher than the mask */
    g_assert_cmpuint(r(&g, CPUIF, HPPIR), ==, 43);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 1023);
    w(&g, CPUIF, PMR, 0x41);
    g_assert_true(irq(&g, 0));
    spi(&g, 43, false);
    w(&g, CPUIF, PMR, 0xff);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 40); /* the lowest number of equals */
    g_assert_false(irq(&g, 0));
    spi(&g, 43, true);
    g_assert_true(irq(&g, 0));
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 43);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0x40);
    g_assert_false(irq(&g, 0));
    spi(&g, 43, false);
    w(&g, CPUIF, EOIR, 43);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0x80);
    g_assert_false(irq(&g, 0));
    spi(&g, 40, false);
    prio(&g, 41, 0x7f); /* by a group of priorities: 0x70 preempts 0x80 */
    g_assert_true(irq(&g, 0));
    prio(&g, 41, 0x81); /* in the same group */
    g_assert_false(irq(&g, 0));
    w(&g, CPUIF, EOIR, 40);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 41); /* 0x81 before 0x84 */
    spi(&g, 41, false);
    w(&g, CPUIF, EOIR, 41);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 42);
    spi(&g, 42, false);
    w(&g, CPUIF, EOIR, 42);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0xff);
    w(&g, CPUIF, EOIR, 42); /* nothing is active */
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0xff);
    gic_clear(&g);
}

/* One of several targets takes it; the others see it go. */
static void test_targets(void)
{
    Gic g;

    gic_init(&g, false, false);
    open_up(&g);
    enable(&g, 50, 0x20, 0x6);
    spi(&g, 50, true);
    g_assert_true(!irq(&g, 0) && irq(&g, 1) && irq(&g, 2) && !irq(&g, 3));
    on_cpu(&g, 2, true);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 50);
    g_assert_true(!irq(&g, 1) && !irq(&g, 2));
    on_cpu(&g, 1, true);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 1023);
    reg_write(g.d, DIST, ITARGETSR + 50, 1, 8);
    on_cpu(&g, 2, true);
    w(&g, CPUIF, EOIR, 50);
    g_assert_true(!irq(&g, 1) && !irq(&g, 2) && irq(&g, 3));
    w(&g, DIST, ICENABLER + 4, 1 << 18);
    g_assert_false(irq(&g, 3));
    w(&g, DIST, ISENABLER + 4, 1 << 18);
    w(&g, DIST, CTLR, 2);
    g_assert_false(irq(&g, 3));
    w(&g, DIST, CTLR, 1);
    g_assert_true(irq(&g, 3));
    gic_clear(&g);
}

static void test_sgi(void)
{
    Gic g;

    gic_init(&g, false, false);
    open_up(&g);
    w(&g, DIST, SGIR, 0x00060005); /* 5 to CPUs 1 and 2 */
    on_cpu(&g, 3, true);
    w(&g, DIST, SGIR, 0x01000005); /* to all others */
    g_assert_true(irq(&g, 0) && irq(&g, 1) && irq(&g, 2) && !irq(&g, 3));
    on_cpu(&g, 1, true);
    g_assert_cmphex(r(&g, DIST, CPENDSGIR + 4), ==, 0x00000900);
    g_assert_cmphex(r(&g, DIST, ISPENDR), ==, 1 << 5);
    g_assert_cmphex(r(&g, CPUIF, IAR), ==, 5);
    g_assert_cmphex(r(&g, DIST, CPENDSGIR + 4), ==, 0x00000800);
    test_snapshot(g.d);
    g_assert_false(irq(&g, 1)); /* the same number is active */
    w(&g, CPUIF, EOIR, 5);
    g_assert_true(irq(&g, 1));
    g_assert_cmphex(r(&g, CPUIF, IAR), ==, 3 << 10 | 5); /* from CPU 3 */
    w(&g, CPUIF, EOIR, 3 << 10 | 5);
    g_assert_false(irq(&g, 1));
    w(&g, DIST, SGIR, 0x0200000f); /* to itself */
    g_assert_cmphex(r(&g, CPUIF, IAR), ==, 1 << 10 | 15);
    w(&g, CPUIF, EOIR, 1 << 10 | 15);
    on_cpu(&g, 2, true);
    reg_write(g.d, DIST, CPENDSGIR + 5, 1, 1);
    g_assert_cmphex(r(&g, CPUIF, HPPIR), ==, 3 << 10 | 5);
    reg_write(g.d, DIST, CPENDSGIR + 5, 1, 0xff);
    g_assert_false(irq(&g, 2));
    reg_write(g.d, DIST, SPENDSGIR + 5, 1, 0xf2);
    g_assert_cmphex(r(&g, CPUIF, IAR), ==, 1 << 10 | 5);
    w(&g, DIST, SGIR, 0x03ff0005); /* reserved */
    w(&g, DIST, ICPENDR, 0xffffffff);
    gic_clear(&g);
}

static void test_eoimode(void)
{
    Gic g;

    gic_init(&g, false, false);
    open_up(&g);
    w(&g, CPUIF, CTLR, 0x203);
    enable(&g, 40, 0x80, 1);
    enable(&g, 41, 0x90, 1);
    spi(&g, 40, true);
    spi(&g, 41, true);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 40);
    w(&g, CPUIF, EOIR, 40);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0xff);
    g_assert_cmphex(r(&g, DIST, ISACTIVER + 4), ==, 1 << 8);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 41); /* 40 is still active */
    w(&g, CPUIF, EOIR, 41);
    w(&g, CPUIF, DEACT, 40);
    g_assert_cmphex(r(&g, DIST, ISACTIVER + 4), ==, 1 << 9);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 40);
    w(&g, CPUIF, CTLR, 3);
    w(&g, CPUIF, DEACT, 41); /* EOImode is 0: ignored */
    g_assert_cmphex(r(&g, DIST, ISACTIVER + 4), ==, 3 << 8);
    w(&g, DIST, ICACTIVER + 4, 3 << 8);
    g_assert_cmphex(r(&g, DIST, ISACTIVER + 4), ==, 0);
    w(&g, CPUIF, DEACT, 0x3ff);
    gic_clear(&g);
}

/* Group 0 as FIQ; AckCtl; what a read of the wrong group says. */
static void test_groups(void)
{
    Gic g;

    gic_init(&g, false, false);
    open_up(&g);
    w(&g, CPUIF, CTLR, 0xb); /* FIQEn */
    enable(&g, 40, 0x80, 1);
    enable(&g, 41, 0x40, 1);
    w(&g, DIST, IGROUPR + 4, 1 << 9);
    spi(&g, 40, true);
    g_assert_true(fiq(&g, 0) && !irq(&g, 0));
    spi(&g, 41, true);
    g_assert_true(!fiq(&g, 0) && irq(&g, 0));
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 1022);
    g_assert_cmpuint(r(&g, CPUIF, HPPIR), ==, 1022);
    g_assert_cmpuint(r(&g, CPUIF, AHPPIR), ==, 41);
    g_assert_cmpuint(r(&g, CPUIF, AIAR), ==, 41);
    g_assert_cmphex(r(&g, CPUIF, NSAPR + 4), ==, 1);
    g_assert_cmphex(r(&g, CPUIF, APR + 4), ==, 0);
    spi(&g, 41, false);
    w(&g, CPUIF, AEOIR, 41);
    g_assert_true(fiq(&g, 0));
    g_assert_cmpuint(r(&g, CPUIF, AIAR), ==, 1023);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 40);
    spi(&g, 40, false);
    w(&g, CPUIF, AEOIR, 40); /* it is of the other group */
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0x80);
    w(&g, CPUIF, EOIR, 40);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0xff);
    w(&g, CPUIF, CTLR, 0xf); /* AckCtl */
    spi(&g, 41, true);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 41);
    spi(&g, 41, false);
    w(&g, CPUIF, EOIR, 41);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0xff);
    gic_clear(&g);
}

static void test_security(void)
{
    Gic g;

    gic_init(&g, true, false);
    g_assert_cmphex(r(&g, DIST, 4) & 0x400, ==, 0x400);
    enable(&g, 40, 0x20, 1);
    enable(&g, 41, 0xa0, 1);
    w(&g, DIST, IGROUPR, 1 << 3 | 1 << 27);
    w(&g, DIST, IGROUPR + 4, 1 << 9);
    w(&g, CPUIF, PMR, 0x60);
    on_cpu(&g, 0, false);
    w(&g, DIST, CTLR, 1);
    g_assert_cmphex(r(&g, DIST, CTLR), ==, 1);
    g_assert_cmphex(r(&g, DIST, IGROUPR + 4), ==, 0);
    w(&g, DIST, IGROUPR + 4, 0);
    /* Only group 1 is there, with half the priorities. */
    g_assert_cmphex(r(&g, DIST, ISENABLER + 4), ==, 1 << 9);
    w(&g, DIST, ICENABLER + 4, 1 << 8);
    g_assert_cmphex(r(&g, DIST, IPRIORITYR + 40), ==, 0x4000);
    w(&g, DIST, IPRIORITYR + 40, 0x8080);
    g_assert_cmphex(r(&g, CPUIF, PMR), ==, 0);
    w(&g, CPUIF, PMR, 0xff); /* the secure side keeps it below */
    on_cpu(&g, 0, true);
    g_assert_cmphex(r(&g, DIST, CTLR), ==, 2);
    g_assert_cmphex(r(&g, DIST, IPRIORITYR + 40), ==, 0xc020);
    g_assert_cmphex(r(&g, DIST, ISENABLER + 4), ==, 3 << 8);
    g_assert_cmphex(r(&g, DIST, IGROUPR + 4), ==, 1 << 9);
    g_assert_cmphex(r(&g, CPUIF, PMR), ==, 0x60);
    w(&g, CPUIF, PMR, 0xf0);
    w(&g, DIST, CTLR, 3);
    w(&g, CPUIF, CTLR, 9);
    on_cpu(&g, 0, false);
    g_assert_cmphex(r(&g, CPUIF, CTLR), ==, 0);
    w(&g, CPUIF, CTLR, 0x201);
    g_assert_cmphex(r(&g, CPUIF, CTLR), ==, 0x201);
    g_assert_cmphex(r(&g, CPUIF, PMR), ==, 0xe0);
    w(&g, CPUIF, BPR, 0);
    g_assert_cmphex(r(&g, CPUIF, BPR), ==, 1);
    spi(&g, 41, true);
    g_assert_true(irq(&g, 0) && !fiq(&g, 0));
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 41);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0x80);
    g_assert_cmphex(r(&g, CPUIF, APR + 4), ==, 1);
    spi(&g, 40, true);
    g_assert_true(fiq(&g, 0));
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 1023);
    g_assert_cmpuint(r(&g, CPUIF, HPPIR), ==, 1023);
    on_cpu(&g, 0, true);
    g_assert_cmphex(r(&g, CPUIF, CTLR), ==, 0x40b);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 40);
    spi(&g, 40, false);
    on_cpu(&g, 0, false);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0);
    w(&g, CPUIF, EOIR, 40); /* not its own */
    on_cpu(&g, 0, true);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0x20);
    w(&g, CPUIF, EOIR, 40);
    g_assert_cmphex(r(&g, CPUIF, RPR), ==, 0xc0);
    on_cpu(&g, 0, false);
    spi(&g, 41, false);
    w(&g, CPUIF, EOIR, 41);
    g_assert_cmphex(r(&g, DIST, ISACTIVER + 4), ==, 1 << 9);
    w(&g, CPUIF, DEACT, 41);
    g_assert_cmphex(r(&g, DIST, ISACTIVER + 4), ==, 0);
    /* SGIs: by the group at the receiver. */
    w(&g, DIST, SGIR, 0x02000002);
    g_assert_false(fiq(&g, 0));
    w(&g, DIST, SGIR, 0x02000003);
    g_assert_true(irq(&g, 0));
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 3);
    w(&g, CPUIF, EOIR, 3);
    w(&g, CPUIF, DEACT, 3);
    on_cpu(&g, 0, true);
    w(&g, DIST, SGIR, 0x02008002); /* NSATT, but it is group 0 */
    g_assert_false(fiq(&g, 0));
    w(&g, DIST, SGIR, 0x02000002);
    g_assert_true(fiq(&g, 0));
    test_snapshot(g.d);
    g_assert_true(fiq(&g, 0));
    gic_clear(&g);
}

static bool virq(Gic *g, unsigned cpu)
{
    return g->line[ARM_GIC_OUT(cpu, ARM_LINE_VIRQ)].level;
}

static void test_virtual(void)
{
    Gic g;
    enum {
        HCR = 0,
        VTR = 4,
        VMCR = 8,
        MISR = 0x10,
        EISR = 0x20,
        ELRSR = 0x30,
        HAPR = 0xf0,
        LR = 0x100
    };

    gic_init(&g, false, true);
    open_up(&g);
    on_cpu(&g, 1, true);
    g_assert_cmphex(r(&g, HYP, VTR), ==, 0x90000003);
    g_assert_cmphex(r(&g, HYP, ELRSR), ==, 0xf);
    w(&g, HYP, HCR, 1);
    w(&g, HYP, LR, 0x50000000 | 0x10 << 23 | 2 << 10 | 7); /* SGI 7 of CPU 2, group 1, pending */
    g_assert_cmphex(r(&g, HYP, LR), ==, 0x58000807);
    g_assert_false(virq(&g, 1));
    w(&g, VCPU, PMR, 0xff);
    g_assert_cmphex(r(&g, VCPU, PMR), ==, 0xf8);
    w(&g, VCPU, CTLR, 2);
    g_assert_true(virq(&g, 1) && !virq(&g, 0));
    g_assert_cmphex(r(&g, VCPU, IAR), ==, 1022); /* AckCtl is 0 */
    g_assert_cmphex(r(&g, VCPU, AIAR), ==, 2 << 10 | 7);
    g_assert_false(virq(&g, 1));
    g_assert_cmphex(r(&g, HYP, LR) >> 28 & 3, ==, 2);
    g_assert_cmphex(r(&g, VCPU, RPR), ==, 0x80);
    g_assert_cmphex(r(&g, HYP, HAPR), ==, 1 << 16);
    test_snapshot(g.d);
    w(&g, VCPU, AEOIR, 2 << 10 | 7);
    g_assert_cmphex(r(&g, HYP, LR) >> 28 & 3, ==, 0);
    g_assert_cmphex(r(&g, VCPU, RPR), ==, 0xff);

    /* Of hardware: its end is the physical interrupt's. */
    enable(&g, 40, 0x80, 2);
    w(&g, CPUIF, CTLR, 0x203);
    spi(&g, 40, true);
    g_assert_cmphex(r(&g, CPUIF, IAR), ==, 40);
    w(&g, CPUIF, EOIR, 40);
    spi(&g, 40, false);
    w(&g, HYP, LR + 4, 0x90000000 | 40 << 10 | 33);
    w(&g, VCPU, CTLR, 7);
    g_assert_cmphex(r(&g, VCPU, IAR), ==, 33);
    g_assert_cmphex(r(&g, DIST, ISACTIVER + 4), ==, 1 << 8);
    w(&g, VCPU, EOIR, 33);
    g_assert_cmphex(r(&g, DIST, ISACTIVER + 4), ==, 0);

    /* Maintenance interrupt: end of one that asked for it, and what HCR asks for. */
    w(&g, DIST, ISENABLER, 1 << 25);
    w(&g, HYP, LR + 8, 0x10000000 | 1 << 19 | 50);
    g_assert_cmphex(r(&g, VCPU, IAR), ==, 50);
    g_assert_false(irq(&g, 1));
    w(&g, VCPU, EOIR, 50);
    g_assert_cmphex(r(&g, HYP, EISR), ==, 4);
    g_assert_cmphex(r(&g, HYP, MISR), ==, 1);
    g_assert_true(irq(&g, 1));
    g_assert_cmphex(r(&g, CPUIF, IAR), ==, 25);
    w(&g, HYP, LR + 8, 0);
    g_assert_cmphex(r(&g, HYP, MISR), ==, 0);
    w(&g, CPUIF, EOIR, 25);
    w(&g, CPUIF, DEACT, 25);
    g_assert_false(irq(&g, 1));
    w(&g, HYP, HCR, 0xb);
    g_assert_cmphex(r(&g, HYP, MISR), ==, 0xa);
    g_assert_true(irq(&g, 1));
    w(&g, HYP, HCR, 0xa);
    g_assert_false(irq(&g, 1));
    w(&g, HYP, HCR, 5);
    g_assert_false(irq(&g, 1));
    /* An end without a list register is counted. */
    w(&g, HYP, HAPR, 1);
    w(&g, VCPU, EOIR, 99);
    g_assert_cmphex(r(&g, HYP, HCR), ==, 0x08000005);
    g_assert_cmphex(r(&g, HYP, HAPR), ==, 0);
    g_assert_cmphex(r(&g, HYP, MISR), ==, 4);
    gic_clear(&g);
}

static void test_msi(void)
{
    Gic g;
    MemRegion *region;

    gic_init(&g, false, false);
    Device *m = test_device_new(&g.t, "arm-gicv2m");
    device_set_u64(m, "base-spi", 40);
    device_set_u64(m, "num-spi", 16);
    test_device_realize(m);
    for (unsigned i = 0; i < 16; i++) {
        device_connect_irq(m, i, device_irq_input(g.d, 8 + i));
    }
    device_map(m, 0, &g.t.root, 0x8020000);
    region = &m->mmio[0];
    g_assert_cmphex(reg_read(m, 0, 8, 4), ==, 40 << 16 | 16);
    open_up(&g);
    enable(&g, 40, 0x80, 1);
    enable(&g, 55, 0x80, 1);
    w(&g, DIST, ICFGR + 8, 0xaaaaaaaa);
    w(&g, DIST, ICFGR + 12, 0xaaaaaaaa);
    g_assert_cmpint(memory_write_msi(g.t.m->as, 0x8020040, 40, 0), ==, MEMTX_OK);
    g_assert_cmpuint(r(&g, CPUIF, IAR), ==, 40);
    reg_write(m, 0, 0x40, 4, 55);
    g_assert_cmpuint(r(&g, CPUIF, HPPIR), ==, 55);
    w(&g, DIST, ICPENDR + 4, 1 << 23);
    memory_write_msi(g.t.m->as, 0x8020040, 56, 0); /* not the frame's, */
    memory_write_msi(g.t.m->as, 0x8020040, 39, 0);
    memory_write_msi(g.t.m->as, 0x8020044, 55, 0); /* no such register */
    memory_mmio_write(region, 8, 4, 55);
    g_assert_cmpuint(r(&g, CPUIF, HPPIR), ==, 1023);
    memory_region_del(region);
    gic_clear(&g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gicv2/registers", test_registers);
    g_test_add_func("/gicv2/trigger", test_trigger);
    g_test_add_func("/gicv2/priority", test_priority);
    g_test_add_func("/gicv2/targets", test_targets);
    g_test_add_func("/gicv2/sgi", test_sgi);
    g_test_add_func("/gicv2/eoimode", test_eoimode);
    g_test_add_func("/gicv2/groups", test_groups);
    g_test_add_func("/gicv2/security", test_security);
    g_test_add_func("/gicv2/virtual", test_virtual);
    g_test_add_func("/gicv2/msi", test_msi);
    return g_test_run();
}

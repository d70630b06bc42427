/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* A GICv3 with four CPUs that are only numbers, for tests of it and of its ITS. */
#ifndef TESTS_UNIT_GICV3_TEST_H
#define TESTS_UNIT_GICV3_TEST_H

#include "hw/intc/arm_gic.h"
#include "tests/unit/device-test.h"

#include <string.h>

#define CPUS           4
#define IRQS           96
/* LPI tables in the test machine's RAM, INTIDs of 14 bits. */
#define LPI_CONFIG     0x10000
#define LPI_PENDING(n) (0x20000 + (n)*0x10000)

enum {
    IGROUPR = 0x80,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ISACTIVER = 0x300,
    IPRIORITYR = 0x400,
    ICFGR = 0xc00,
    IGRPMODR = 0xd00,
    NSACR = 0xe00,
    IROUTER = 0x6000,
    SGI = 0x10000, /* frame of a redistributor */
};
#define ICC(crn, crm, op2) ARM_SYSREG(3, 0, crn, crm, op2)
#define ICH(crm, op2)      ARM_SYSREG(3, 4, 12, crm, op2)
#define ICE(crm, op2)      ARM_SYSREG(3, 6, 12, crm, op2)
enum {
    ICC_PMR = ICC(4, 6, 0),
    ICC_IAR0 = ICC(12, 8, 0),
    ICC_EOIR0 = ICC(12, 8, 1),
    ICC_HPPIR0 = ICC(12, 8, 2),
    ICC_BPR0 = ICC(12, 8, 3),
    ICC_AP0R0 = ICC(12, 8, 4),
    ICC_AP1R0 = ICC(12, 9, 0),
    ICC_DIR = ICC(12, 11, 1),
    ICC_RPR = ICC(12, 11, 3),
    ICC_SGI1R = ICC(12, 11, 5),
    ICC_ASGI1R = ICC(12, 11, 6),
    ICC_SGI0R = ICC(12, 11, 7),
    ICC_IAR1 = ICC(12, 12, 0),
    ICC_EOIR1 = ICC(12, 12, 1),
    ICC_HPPIR1 = ICC(12, 12, 2),
    ICC_BPR1 = ICC(12, 12, 3),
    ICC_CTLR = ICC(12, 12, 4),
    ICC_SRE = ICC(12, 12, 5),
    ICC_IGRPEN0 = ICC(12, 12, 6),
    ICC_IGRPEN1 = ICC(12, 12, 7),
    ICC_SRE_EL2 = ICH(9, 5),
    ICH_HCR = ICH(11, 0),
    ICH_VTR = ICH(11, 1),
    ICH_MISR = ICH(11, 2),
    ICH_ELRSR = ICH(11, 5),
    ICH_VMCR = ICH(11, 7),
    ICH_LR0 = ICH(12, 0),
    ICC_CTLR_EL3 = ICE(12, 4),
    ICC_IGRPEN1_EL3 = ICE(12, 7),
};

typedef struct Gic {
    TestMachine t;
    TestLine line[CPUS * ARM_GIC_OUTS];
    CPU cpus[CPUS];
    ARMGicContext ctx[CPUS];
    void *d;
} Gic;

/* CPU.halted is not used by the device: here it says "secure". */
static inline bool is_secure(CPU *cpu)
{
    return cpu->halted;
}

/* From now on MMIO is CPU n's, at an exception level and security state. */
static inline void on_cpu(Gic *g, unsigned n, unsigned el, bool secure)
{
    g->cpus[n].halted = secure;
    g->ctx[n].el = el;
    g->ctx[n].secure = secure;
    g->ctx[n].virt_irq = g->ctx[n].virt_fiq = false;
    cpu_set_current(&g->cpus[n]);
}

/* The same, and the CPU tells the interface. */
static inline void state(Gic *g, unsigned n, unsigned el, bool secure)
{
    on_cpu(g, n, el, secure);
    arm_gicv3_cpu_ops.state_changed(arm_gicv3_cpu(g->d, n), &g->ctx[n]);
}

static inline void gic_init(Gic *g, bool security, bool lpis)
{
    memset(g, 0, sizeof(*g));
    test_machine_init(&g->t);
    g->d = test_device_new(&g->t, "arm-gicv3");
    device_set_u64(g->d, "num-cpu", CPUS);
    device_set_u64(g->d, "num-irq", IRQS);
    device_set_u64(g->d, "has-security-extensions", security);
    device_set_u64(g->d, "has-lpi", lpis);
    arm_gicv3_set_security(g->d, is_secure);
    test_device_realize(g->d);
    for (unsigned i = 0; i < ((Device *)g->d)->n_irqs; i++) {
        test_connect(g->d, i, g->line);
    }
    device_reset(g->d);
    for (unsigned i = 0; i < CPUS; i++) {
        g->cpus[i].index = i;
        g->ctx[i].el3 = security;
        on_cpu(g, i, security ? 3 : 1, security);
    }
}

static inline void gic_clear(Gic *g)
{
    cpu_set_current(NULL);
    test_machine_clear(&g->t);
}

static inline uint32_t dr(Gic *g, unsigned reg)
{
    return reg_read(g->d, 0, reg, 4);
}

static inline void dw(Gic *g, unsigned reg, uint32_t val)
{
    reg_write(g->d, 0, reg, 4, val);
}

static inline uint32_t rr(Gic *g, unsigned cpu, unsigned reg)
{
    return reg_read(g->d, 1, cpu * 0x20000 + reg, 4);
}

static inline void rw(Gic *g, unsigned cpu, unsigned reg, uint32_t val)
{
    reg_write(g->d, 1, cpu * 0x20000 + reg, 4, val);
}

static inline uint64_t icc(Gic *g, unsigned cpu, uint32_t enc)
{
    return arm_gicv3_cpu_ops.read(arm_gicv3_cpu(g->d, cpu), enc, &g->ctx[cpu]);
}

static inline void icc_w(Gic *g, unsigned cpu, uint32_t enc, uint64_t val)
{
    arm_gicv3_cpu_ops.write(arm_gicv3_cpu(g->d, cpu), enc, val, &g->ctx[cpu]);
}

static inline int trap(Gic *g, uint32_t enc)
{
    return arm_gicv3_cpu_ops.trap(arm_gicv3_cpu(g->d, 0), enc, false, &g->ctx[0]);
}

static inline void spi(Gic *g, unsigned intid, bool level)
{
    IrqLine l = device_irq_input(g->d, intid - 32);

    irq_set(&l, level);
}

static inline void ppi(Gic *g, unsigned cpu, unsigned intid, bool level)
{
    IrqLine l = device_irq_input(g->d, ARM_GIC_PPI(IRQS, cpu, intid));

    irq_set(&l, level);
}

static inline bool line(Gic *g, unsigned cpu, unsigned n)
{
    return g->line[ARM_GIC_OUT(cpu, n)].level;
}

static inline bool irq(Gic *g, unsigned cpu)
{
    return line(g, cpu, ARM_LINE_IRQ);
}

static inline bool fiq(Gic *g, unsigned cpu)
{
    return line(g, cpu, ARM_LINE_FIQ);
}

static inline void prio(Gic *g, unsigned intid, uint8_t val)
{
    reg_write(g->d, 0, IPRIORITYR + intid, 1, val);
}

/* An SPI of group 1, enabled, for one CPU. */
static inline void enable(Gic *g, unsigned intid, uint8_t p, unsigned cpu)
{
    prio(g, intid, p);
    dw(g, IGROUPR + intid / 32 * 4, dr(g, IGROUPR + intid / 32 * 4) | 1u << intid % 32);
    reg_write(g->d, 0, IROUTER + intid * 8, 8, cpu);
    dw(g, ISENABLER + intid / 32 * 4, 1u << intid % 32);
}

/* One security state: both groups on, SGIs and PPIs of group 1. */
static inline void open_up(Gic *g)
{
    dw(g, 0, 3);
    for (unsigned i = 0; i < CPUS; i++) {
        rw(g, i, SGI + IGROUPR, 0xffffffff);
        icc_w(g, i, ICC_IGRPEN0, 1);
        icc_w(g, i, ICC_IGRPEN1, 1);
        icc_w(g, i, ICC_PMR, 0xf8);
    }
}

static inline void lpi_tables(Gic *g)
{
    for (unsigned i = 0; i < CPUS; i++) {
        reg_write(g->d, 1, i * 0x20000 + 0x70, 8, LPI_CONFIG | 13);
        reg_write(g->d, 1, i * 0x20000 + 0x78, 8, LPI_PENDING(i));
        rw(g, i, 0, 1);
    }
}

static inline void config(Gic *g, unsigned intid, uint8_t val)
{
    memory_st8(g->t.m->as, LPI_CONFIG + intid - 8192, val);
}

#endif

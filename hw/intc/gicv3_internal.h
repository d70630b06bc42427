/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * GICv3: the state that distributor, redistributors (arm_gicv3.c) and CPU interfaces
 * (arm_gicv3_cpuif.c) share. Locks: see arm_gicv3.c.
 */
#ifndef HW_INTC_GICV3_INTERNAL_H
#define HW_INTC_GICV3_INTERNAL_H

#include "hw/intc/arm_gic.h"
#include "hw/intc/gic_internal.h"

#define GICV3_MAX_CPU   512
#define GICV3_PRIO_BITS 5 /* implemented bits of a physical priority, all of them preempt */
#define GICV3_PRIO_MASK (0xff & (0xff << (8 - GICV3_PRIO_BITS)))
#define GICV3_BPR0_MIN  (7 - GICV3_PRIO_BITS)
#define GICV3_MAX_LPI   65536 /* INTIDs have 16 bits */
#define GICV3_LPI_WORDS (GICV3_MAX_LPI / 64)

enum {
    GICD_CTLR_GROUPS = 7,
    GICD_CTLR_DS = 1 << 6,

    GICR_CTLR_LPIS = 1 << 0,

    ICC_CTLR_CBPR = 1 << 0,
    ICC_CTLR_EOIMODE = 1 << 1,
    ICC_CTLR_EL3_EOIMODE = 1 << 2,
    ICC_CTLR_EL3_RM = 1 << 5,
};

typedef struct Gicv3State Gicv3State;

#define GICV3_CPU_STATE(F, A, D, N)                                                                \
    N(GicPrivate, irq, 1, gic_private)                                                             \
    N(GicVif, vif, 1, gic_vif)                                                                     \
    F(uint32_t, nsacr, 0)                                                                          \
    F(uint32_t, redist_ctlr, 0)                                                                    \
    F(uint32_t, waker, 6)                                                                          \
    F(uint64_t, propbaser, 0)                                                                      \
    F(uint64_t, pendbaser, 0)                                                                      \
    F(uint8_t, pmr, 0)                                                                             \
    F(uint8_t, enabled, 0)         /* a bit for each GicGroup */                                   \
    A(uint8_t, bpr, GIC_GROUPS, 0) /* as written; icc_bpr() applies the minimum */                 \
    A(uint32_t, apr, GIC_GROUPS, 0)                                                                \
    A(uint8_t, ctlr, 2, 0) /* CBPR and EOImode, non-secure and secure */                           \
    F(uint8_t, ctlr_el3, 0)                                                                        \
    F(bool, secure, true) /* the CPU's state when it last told */                                  \
    F(bool, el3, true)

SUBSTATE(gicv3_cpu, Gicv3Cpu, GICV3_CPU_STATE, GMutex lock; Gicv3State * gic; unsigned index;
         uint32_t affinity; GicBest spi, lpi; unsigned out; /* levels of the outputs */
         /* LPIs, while redist_ctlr enables them and the tables are good; else NULL */
         uint8_t * lpi_pending; const uint8_t *lpi_config; uint32_t lpi_limit;
         /* A bit for each word of the pending table that may hold a bit. */
         uint64_t lpi_summary[GICV3_LPI_WORDS / 64];)

#define GICV3_STATE(F, A, D, N)                                                                    \
    F(uint32_t, ctlr, 0) /* as a secure access sees it */                                          \
    N(GicShared, spi, 1, gic_shared)                                                               \
    A(uint32_t, nsacr, 64, 0)                                                                      \
    A(uint64_t, router, 1024, 0)

STATE_PARTS(
    gicv3, Gicv3State, GICV3_STATE, Gicv3Cpu, cpu, n_cpu, gicv3_cpu, uint32_t n_cpu; uint32_t n_irq;
    uint32_t revision; bool security; bool lpis; uint32_t region_cpus[2]; uint32_t maintenance;
    int16_t target[1024]; /* CPU of each SPI, or -1 */
    bool (*is_secure)(CPU *cpu); struct Gicv3Region {
        Gicv3State *gic;
        unsigned first, count;
    } region[2];)

/* One security state: GICD_CTLR.DS, or no security extensions. */
static inline bool gicv3_single_state(const Gicv3State *s)
{
    return !s->security || (__atomic_load_n(&s->ctlr, __ATOMIC_RELAXED) & GICD_CTLR_DS);
}

static inline unsigned gicv3_forwarded(const Gicv3State *s)
{
    unsigned groups = __atomic_load_n(&s->ctlr, __ATOMIC_RELAXED) & GICD_CTLR_GROUPS;

    return gicv3_single_state(s) ? groups & 3 : groups;
}

/* Under the CPU's lock. */
void gicv3_cpu_update(Gicv3Cpu *c);
/* The lines that depend on nothing but the CPU's state: for gicv3_cpu_update(). */
unsigned gicv3_cpuif_lines(Gicv3Cpu *c);
bool gicv3_cpuif_check(const Gicv3Cpu *c);

/* Under no lock: an interrupt was acknowledged or ended. */
void gicv3_spi_update_cpu_locked(Gicv3State *s, unsigned cpu); /* the device's lock held */
void gicv3_lpi_taken_locked(Gicv3Cpu *c, uint32_t intid);      /* the CPU's lock held */

#endif

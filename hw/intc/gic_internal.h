/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What GICv2 and GICv3 share: 32 interrupts of one register word, priorities, active priorities,
 * and the virtual CPU interface. Plain functions on state that the caller has locked.
 *
 * Specification: Arm IHI 0048B (GICv2), IHI 0069 (GICv3).
 */
#ifndef HW_INTC_GIC_INTERNAL_H
#define HW_INTC_GIC_INTERNAL_H

#include "hw/device.h"

#define GIC_INTERNAL  32   /* SGIs and PPIs */
#define GIC_MAX_INTID 1020 /* of SPIs, exclusive */
#define GIC_SPURIOUS  1023
#define GIC_IDLE      0xff /* running priority if nothing is active */
#define GIC_LPI_BASE  8192

typedef enum { GIC_G0, GIC_G1NS, GIC_G1S, GIC_GROUPS } GicGroup;

/* An interrupt that could be signalled; prio is GIC_IDLE + 1 if there is none. */
typedef struct GicBest {
    uint32_t intid;
    uint16_t prio;
    uint8_t group;
} GicBest;
#define GIC_NO_BEST ((GicBest){GIC_SPURIOUS, GIC_IDLE + 1, GIC_G0})

static inline bool gic_best_equal(const GicBest *a, const GicBest *b)
{
    return a->intid == b->intid && a->prio == b->prio && a->group == b->group;
}

/* ---- one word of interrupts ---- */

/* The SGIs and PPIs of a CPU. */
#define GIC_PRIVATE_STATE(F, A, D, N)                                                              \
    F(uint32_t, group, 0)                                                                          \
    F(uint32_t, grpmod, 0)                                                                         \
    F(uint32_t, enable, 0xffff) /* GICv3's reset clears it */                                      \
    F(uint32_t, latch, 0)       /* pending by an edge, an SGI or a write */                        \
    F(uint32_t, active, 0)                                                                         \
    F(uint32_t, level, KEEP) /* the input lines: whoever drives them resets them */                \
    F(uint32_t, edge, 0xffff)                                                                      \
    A(uint8_t, prio, GIC_INTERNAL, 0)
SUBSTATE(gic_private, GicPrivate, GIC_PRIVATE_STATE)

/* The SPIs of a distributor; word 0 is not used. */
#define GIC_SHARED_STATE(F, A, D, N)                                                               \
    A(uint32_t, group, 32, 0)                                                                      \
    A(uint32_t, grpmod, 32, 0)                                                                     \
    A(uint32_t, enable, 32, 0)                                                                     \
    A(uint32_t, latch, 32, 0)                                                                      \
    A(uint32_t, active, 32, 0)                                                                     \
    A(uint32_t, level, 32, KEEP)                                                                   \
    A(uint32_t, edge, 32, 0)                                                                       \
    A(uint8_t, prio, 1024, 0)
SUBSTATE(gic_shared, GicShared, GIC_SHARED_STATE)

typedef struct GicWord {
    uint32_t *group, *grpmod, *enable, *latch, *active, *level, *edge;
    uint8_t *prio;
} GicWord;

static inline GicWord gic_private_word(GicPrivate *p)
{
    return (GicWord){&p->group,  &p->grpmod, &p->enable, &p->latch,
                     &p->active, &p->level,  &p->edge,   p->prio};
}

static inline GicWord gic_shared_word(GicShared *s, unsigned w)
{
    return (GicWord){&s->group[w],  &s->grpmod[w], &s->enable[w], &s->latch[w],
                     &s->active[w], &s->level[w],  &s->edge[w],   &s->prio[w * 32]};
}

/* Level-sensitive ones are pending while their line is high, all while their latch is set. */
static inline uint32_t gic_word_pending(const GicWord *w)
{
    return *w->latch | (*w->level & ~*w->edge);
}

/* Those that only wait for their turn. */
static inline uint32_t gic_word_ready(const GicWord *w)
{
    return gic_word_pending(w) & *w->enable & ~*w->active;
}

static inline GicGroup gic_word_group(const GicWord *w, unsigned bit)
{
    if (*w->group >> bit & 1) {
        return GIC_G1NS;
    }
    return *w->grpmod >> bit & 1 ? GIC_G1S : GIC_G0;
}

/* A line changed. */
static inline void gic_word_input(const GicWord *w, unsigned bit, bool level)
{
    uint32_t mask = 1u << bit;

    if (level) {
        *w->latch |= ~*w->level & *w->edge & mask;
        *w->level |= mask;
    } else {
        *w->level &= ~mask;
    }
}

/* The registers that hold a bit an interrupt, by the offset of their first word in the distributor
 * (IHI 0048B table 4-1, IHI 0069 table 12-1). Each has 0x80 bytes. */
enum {
    GIC_IGROUPR = 0x080,
    GIC_ISENABLER = 0x100,
    GIC_ICENABLER = 0x180,
    GIC_ISPENDR = 0x200,
    GIC_ICPENDR = 0x280,
    GIC_ISACTIVER = 0x300,
    GIC_ICACTIVER = 0x380,
    GIC_IPRIORITYR = 0x400,
    GIC_ITARGETSR = 0x800,
    GIC_ICFGR = 0xc00,
    GIC_IGRPMODR = 0xd00,
    GIC_NSACR = 0xe00,
    GIC_SGIR = 0xf00,
};
static inline bool gic_is_bit_register(hwaddr offset)
{
    return (offset >= GIC_IGROUPR && offset < GIC_IPRIORITYR) ||
           (offset >= GIC_IGRPMODR && offset < GIC_NSACR);
}
uint32_t gic_word_read(const GicWord *w, unsigned base);
/* bits: what is written, of interrupts that the access may change. */
void gic_word_write(const GicWord *w, unsigned base, uint32_t bits, uint32_t may);
/* Two bits an interrupt, 16 interrupts from bit `first` of the word. */
uint32_t gic_word_read_config(const GicWord *w, unsigned first);
void gic_word_write_config(const GicWord *w, unsigned first, uint32_t val, uint32_t may);
/* The best that is ready among `among`, if it is better than best; groups: bit of each GicGroup
 * that the distributor forwards. */
void gic_word_best(const GicWord *w, unsigned first_intid, uint32_t among, unsigned groups,
                   GicBest *best);

/* The priority as a non-secure access sees and sets it (IHI 0048B 4.4.2; IHI 0069 4.8.2).
 */
static inline uint8_t gic_prio_to_ns(uint8_t prio)
{
    return prio << 1;
}
static inline uint8_t gic_prio_from_ns(uint8_t val)
{
    return 0x80 | val >> 1;
}

/* ---- active priorities: one bit a preemption level, the highest is bit 0 of word 0 ---- */

/* bits: preemption bits implemented, at most 7. */
static inline unsigned gic_apr_highest(const uint32_t *apr, unsigned bits)
{
    for (unsigned i = 0; i < (bits > 5 ? 1u << (bits - 5) : 1); i++) {
        if (apr[i]) {
            return (i * 32 + __builtin_ctz(apr[i])) << (8 - bits);
        }
    }
    return GIC_IDLE;
}

static inline void gic_apr_set(uint32_t *apr, unsigned bits, uint8_t prio)
{
    unsigned level = prio >> (8 - bits);

    apr[level / 32] |= 1u << level % 32;
}

static inline void gic_apr_drop(uint32_t *apr, unsigned bits)
{
    for (unsigned i = 0; i < (bits > 5 ? 1u << (bits - 5) : 1); i++) {
        if (apr[i]) {
            apr[i] &= apr[i] - 1;
            return;
        }
    }
}

/* ---- virtual CPU interface ---- */
/*
 * In GICv3's format: IHI 0069, 12.4 (ICH_*). GICv2's GICH_LR are converted; its GICH_VMCR and
 * GICH_HCR have the same layout; its one GICH_APR is apr[GIC_G0].
 */
#define GIC_VIF_LRS       4
#define GIC_VIF_PRIO_BITS 5

enum {
    ICH_HCR_EN = 1 << 0,
    ICH_HCR_UIE = 1 << 1,
    ICH_HCR_LRENPIE = 1 << 2,
    ICH_HCR_NPIE = 1 << 3,
    ICH_HCR_VGRP0EIE = 1 << 4,
    ICH_HCR_VGRP0DIE = 1 << 5,
    ICH_HCR_VGRP1EIE = 1 << 6,
    ICH_HCR_VGRP1DIE = 1 << 7,
    ICH_HCR_TC = 1 << 10,
    ICH_HCR_TALL0 = 1 << 11,
    ICH_HCR_TALL1 = 1 << 12,
    ICH_HCR_TSEI = 1 << 13,
    ICH_HCR_TDIR = 1 << 14,
    ICH_HCR_EOICOUNT_SHIFT = 27,

    ICH_VMCR_VENG0 = 1 << 0,
    ICH_VMCR_VENG1 = 1 << 1,
    ICH_VMCR_VACKCTL = 1 << 2,
    ICH_VMCR_VFIQEN = 1 << 3,
    ICH_VMCR_VCBPR = 1 << 4,
    ICH_VMCR_VEOIM = 1 << 9,
    ICH_VMCR_VBPR1_SHIFT = 18,
    ICH_VMCR_VBPR0_SHIFT = 21,
    ICH_VMCR_VPMR_SHIFT = 24,
};
#define ICH_LR_STATE_SHIFT  62
#define ICH_LR_PENDING      (UINT64_C(1) << 62)
#define ICH_LR_ACTIVE       (UINT64_C(1) << 63)
#define ICH_LR_HW           (UINT64_C(1) << 61)
#define ICH_LR_GROUP        (UINT64_C(1) << 60)
#define ICH_LR_PRIO_SHIFT   48
#define ICH_LR_EOI          (UINT64_C(1) << 41)
#define ICH_LR_PINTID_SHIFT 32

#define GIC_VIF_STATE(F, A, D, N)                                                                  \
    F(uint32_t, hcr, 0)                                                                            \
    F(uint32_t, vmcr, 0x4c0000) /* the lowest binary points */                                     \
    A(uint64_t, lr, GIC_VIF_LRS, 0)                                                                \
    A(uint32_t, apr, 2, 0)
SUBSTATE(gic_vif, GicVif, GIC_VIF_STATE, bool one_apr; /* GICv2 */)

/* What became of the physical interrupt behind a list register: to be deactivated, or -1. */
typedef int GicVifDone;

/* Bits of the state that exist: after a load. */
bool gic_vif_check(const GicVif *v);
void gic_vif_write_hcr(GicVif *v, uint32_t val);
void gic_vif_write_vmcr(GicVif *v, uint32_t val);
uint32_t gic_vif_misr(const GicVif *v);
uint32_t gic_vif_eisr(const GicVif *v);
uint32_t gic_vif_elrsr(const GicVif *v);
/* Level of the maintenance interrupt. */
bool gic_vif_maintenance(const GicVif *v);
/* Bit 0: virtual IRQ, bit 1: virtual FIQ. */
unsigned gic_vif_lines(const GicVif *v);
/* The list register with the best pending interrupt of an enabled group, or -1. */
int gic_vif_best(const GicVif *v);
static inline GicGroup gic_vif_lr_group(uint64_t lr)
{
    return lr & ICH_LR_GROUP ? GIC_G1NS : GIC_G0;
}
/* True if that one could be taken now: priority mask and running priority. */
bool gic_vif_can_take(const GicVif *v, int lr);
/* Take it; its INTID. */
uint32_t gic_vif_take(GicVif *v, int lr);
unsigned gic_vif_running(const GicVif *v);
/* End of interrupt of a group; GICv2 does not tell them apart here. */
GicVifDone gic_vif_eoi(GicVif *v, uint32_t intid, GicGroup group);
GicVifDone gic_vif_deactivate(GicVif *v, uint32_t intid);
/* The binary point that applies, and what the guest reads of it. */
unsigned gic_vif_bpr(const GicVif *v, GicGroup group);
void gic_vif_set_bpr(GicVif *v, GicGroup group, unsigned bpr);

#endif

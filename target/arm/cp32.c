/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * AArch32 system registers: MRC, MCR, MRRC, MCRR of coprocessors 14 and 15 (DDI 0487, G8.2; the
 * mappings of G1.20). Most are views of AArch64 registers (sysreg.def) and behave as those do,
 * traps included; what AArch64 has not is a field here.
 *
 * Runs on the CPU's thread. Test: tests/unit/test-a32-insn.c, the kernels of tests/boot.
 */
#include "rhea/log.h"
#include "target/arm/a32-helper.h"
#include "target/arm/internals.h"

#define CP(cp, op1, crn, crm, op2)                                                                 \
    ((uint32_t)(cp) << 16 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define S(...) ARM_SYSREG(__VA_ARGS__)

typedef enum Kind {
    LOW,     /* bits 31:0 of an AArch64 register */
    HIGH,    /* bits 63:32 */
    WIDE,    /* all 64, MRRC and MCRR */
    FIELD32, /* a field of env, low or high half, at PL1 */
    FIELDHI,
    ZERO,          /* reads as zero, writes are ignored; PL1 */
    INVALIDATE,    /* TLB, all of this CPU's regime */
    INVALIDATE_VA, /* by address and ASID */
    INVALIDATE_ASID,
    TRANSLATE, /* enc: as arm_at32_write() has it */
    BARRIER,   /* PL0 and PL1, SCTLR.CP15BEN */
} Kind;

typedef struct Map {
    uint32_t cp;
    uint8_t kind;
    uint32_t enc;    /* of the AArch64 register, or the field's offset */
    uint32_t secure; /* offset of the secure copy's field where the register is banked (G5.2) */
} Map;

#define F(member) offsetof(ARMEnv, sys.member)
/* Registers that have the AArch64 name's CRn, CRm and op2, with op0 3 and op1 0. */
#define BANKED(crn, crm, op2, secure)                                                              \
    {                                                                                              \
        CP(15, 0, crn, crm, op2), LOW, S(3, 0, crn, crm, op2), secure                              \
    }
#define SAME(crn, crm, op2) BANKED(crn, crm, op2, 0)
/* Debug registers that AArch64 has not: rows with op0 4. */
#define DEBUG(crn, crm, op2)                                                                       \
    {                                                                                              \
        CP(14, 0, crn, crm, op2), LOW, S(4, 0, crn, crm, op2)                                      \
    }

static const Map map32[] = {
    SAME(0, 0, 0),
    {CP(15, 0, 0, 0, 1), LOW, S(3, 3, 0, 0, 1)}, /* CTR */
    {CP(15, 0, 0, 0, 2), ZERO, 0},               /* TCMTR */
    {CP(15, 0, 0, 0, 3), ZERO, 0},               /* TLBTR */
    {CP(15, 0, 0, 0, 4), LOW, S(3, 0, 0, 0, 0)}, /* MIDR's other names */
    SAME(0, 0, 5),
    SAME(0, 0, 6),
    {CP(15, 0, 0, 0, 7), LOW, S(3, 0, 0, 0, 0)},
    SAME(0, 1, 0),
    SAME(0, 1, 1),
    SAME(0, 1, 2),
    SAME(0, 1, 3),
    SAME(0, 1, 4),
    SAME(0, 1, 5),
    SAME(0, 1, 6),
    SAME(0, 1, 7),
    SAME(0, 2, 0),
    SAME(0, 2, 1),
    SAME(0, 2, 2),
    SAME(0, 2, 3),
    SAME(0, 2, 4),
    SAME(0, 2, 5),
    SAME(0, 2, 6),
    SAME(0, 2, 7),
    SAME(0, 3, 4),
    SAME(0, 3, 5),
    SAME(0, 3, 6),
    {CP(15, 1, 0, 0, 0), LOW, S(3, 1, 0, 0, 0)},               /* CCSIDR */
    {CP(15, 1, 0, 0, 1), LOW, S(3, 1, 0, 0, 1)},               /* CLIDR */
    {CP(15, 1, 0, 0, 7), LOW, S(3, 1, 0, 0, 7)},               /* AIDR */
    {CP(15, 2, 0, 0, 0), LOW, S(3, 2, 0, 0, 0), F(csselr[3])}, /* CSSELR */
    {CP(15, 4, 0, 0, 0), LOW, S(3, 4, 0, 0, 0)},               /* VPIDR */
    {CP(15, 4, 0, 0, 5), LOW, S(3, 4, 0, 0, 5)},               /* VMPIDR */
    BANKED(1, 0, 0, F(sctlr[3])),
    BANKED(1, 0, 1, F(actlr[3])),
    SAME(1, 0, 2),
    {CP(15, 0, 1, 1, 0), LOW, S(3, 6, 1, 1, 0)}, /* SCR */
    {CP(15, 0, 1, 1, 1), LOW, S(3, 6, 1, 1, 1)}, /* SDER */
    {CP(15, 0, 1, 1, 2), FIELD32, F(nsacr)},
    {CP(15, 0, 1, 3, 1), LOW, S(5, 0, 1, 3, 1)}, /* SDCR */
    {CP(15, 4, 1, 0, 0), LOW, S(3, 4, 1, 0, 0)}, /* HSCTLR */
    {CP(15, 4, 1, 0, 1), LOW, S(3, 4, 1, 0, 1)},
    {CP(15, 4, 1, 1, 0), LOW, S(3, 4, 1, 1, 0)},  /* HCR */
    {CP(15, 4, 1, 1, 1), LOW, S(3, 4, 1, 1, 1)},  /* HDCR */
    {CP(15, 4, 1, 1, 2), LOW, S(3, 4, 1, 1, 2)},  /* HCPTR */
    {CP(15, 4, 1, 1, 3), LOW, S(3, 4, 1, 1, 3)},  /* HSTR */
    {CP(15, 4, 1, 1, 4), HIGH, S(3, 4, 1, 1, 0)}, /* HCR2 */
    BANKED(2, 0, 0, F(ttbr0[3])),
    BANKED(2, 0, 1, F(ttbr1[3])),
    {CP(15, 0, 2, 0, 2), FIELD32, F(tcr[1]), F(tcr[3])}, /* TTBCR */
    {CP(15, 0, 2, 0, 3), FIELDHI, F(tcr[1]), F(tcr[3])}, /* TTBCR2 */
    {CP(15, 4, 2, 0, 2), LOW, S(3, 4, 2, 0, 2)},         /* HTCR */
    {CP(15, 4, 2, 1, 2), LOW, S(3, 4, 2, 1, 2)},         /* VTCR */
    {CP(15, 0, 3, 0, 0), FIELD32, F(dacr[1]), F(dacr[3])},
    {CP(15, 0, 5, 0, 0), FIELD32, F(esr[1]), F(esr[3])}, /* DFSR */
    {CP(15, 0, 5, 0, 1), FIELD32, F(ifsr[1]), F(ifsr[3])},
    BANKED(5, 1, 0, F(afsr0[3])),
    BANKED(5, 1, 1, F(afsr1[3])),
    {CP(15, 4, 5, 2, 0), LOW, S(3, 4, 5, 2, 0)},            /* HSR */
    {CP(15, 0, 6, 0, 0), FIELD32, F(far[1]), F(far[3])},    /* DFAR */
    {CP(15, 0, 6, 0, 2), FIELDHI, F(far[1]), F(far[3])},    /* IFAR */
    {CP(15, 4, 6, 0, 0), LOW, S(3, 4, 6, 0, 0)},            /* HDFAR */
    {CP(15, 4, 6, 0, 2), HIGH, S(3, 4, 6, 0, 0)},           /* HIFAR */
    {CP(15, 4, 6, 0, 4), LOW, S(3, 4, 6, 0, 4)},            /* HPFAR */
    {CP(15, 0, 7, 4, 0), FIELD32, F(par[1]), F(par[3])},    /* PAR */
    {CP(15, 0, 10, 2, 0), FIELD32, F(mair[1]), F(mair[3])}, /* PRRR, MAIR0 */
    {CP(15, 0, 10, 2, 1), FIELDHI, F(mair[1]), F(mair[3])}, /* NMRR, MAIR1 */
    {CP(15, 0, 10, 3, 0), FIELD32, F(amair[1]), F(amair[3])},
    {CP(15, 0, 10, 3, 1), FIELDHI, F(amair[1]), F(amair[3])},
    {CP(15, 4, 10, 2, 0), LOW, S(3, 4, 10, 2, 0)},
    {CP(15, 4, 10, 2, 1), HIGH, S(3, 4, 10, 2, 0)},
    BANKED(12, 0, 0, F(vbar[3])), /* VBAR */
    {CP(15, 0, 12, 0, 1), FIELD32, F(mvbar)},
    {CP(15, 4, 12, 0, 0), LOW, S(3, 4, 12, 0, 0)},                   /* HVBAR */
    SAME(12, 1, 0),                                                  /* ISR */
    {CP(15, 0, 13, 0, 0), ZERO, 0},                                  /* FCSEIDR */
    {CP(15, 0, 13, 0, 1), LOW, S(3, 0, 13, 0, 1), F(contextidr[3])}, /* CONTEXTIDR */
    {CP(15, 0, 13, 0, 2), LOW, S(3, 3, 13, 0, 2), F(tpidrro[2])},    /* TPIDRURW */
    {CP(15, 0, 13, 0, 3), LOW, S(3, 3, 13, 0, 3), F(tpidrro[3])},    /* TPIDRURO */
    {CP(15, 0, 13, 0, 4), LOW, S(3, 0, 13, 0, 4), F(tpidr[3])},      /* TPIDRPRW */
    {CP(15, 4, 13, 0, 2), LOW, S(3, 4, 13, 0, 2)},                   /* HTPIDR */
    /* Performance monitors */
    {CP(15, 0, 9, 12, 0), LOW, S(3, 3, 9, 12, 0)},
    {CP(15, 0, 9, 12, 1), LOW, S(3, 3, 9, 12, 1)},
    {CP(15, 0, 9, 12, 2), LOW, S(3, 3, 9, 12, 2)},
    {CP(15, 0, 9, 12, 3), LOW, S(3, 3, 9, 12, 3)},
    {CP(15, 0, 9, 12, 4), LOW, S(3, 3, 9, 12, 4)},
    {CP(15, 0, 9, 12, 5), LOW, S(3, 3, 9, 12, 5)},
    {CP(15, 0, 9, 12, 6), LOW, S(3, 3, 9, 12, 6)},
    {CP(15, 0, 9, 12, 7), LOW, S(3, 3, 9, 12, 7)},
    {CP(15, 0, 9, 13, 0), LOW, S(3, 3, 9, 13, 0)},
    {CP(15, 0, 9, 13, 1), LOW, S(3, 3, 9, 13, 1)},
    {CP(15, 0, 9, 13, 2), LOW, S(3, 3, 9, 13, 2)},
    {CP(15, 0, 9, 14, 0), LOW, S(3, 3, 9, 14, 0)},
    {CP(15, 0, 9, 14, 1), LOW, S(3, 0, 9, 14, 1)},
    {CP(15, 0, 9, 14, 2), LOW, S(3, 0, 9, 14, 2)},
    {CP(15, 0, 9, 14, 3), LOW, S(3, 3, 9, 14, 3)},
    {CP(15, 1, 9, 0, 2), ZERO, 0}, /* L2CTLR of Cortex-A7 and A15 */
    {CP(15, 1, 9, 0, 3), ZERO, 0},
    /* Generic timers */
    {CP(15, 0, 14, 0, 0), LOW, S(3, 3, 14, 0, 0)},
    {CP(15, 0, 14, 1, 0), LOW, S(3, 0, 14, 1, 0)},
    {CP(15, 4, 14, 1, 0), LOW, S(3, 4, 14, 1, 0)},
    {CP(15, 0, 14, 2, 0), LOW, S(3, 3, 14, 2, 0), F(timer[ARM_OUT_CNTPS])},
    {CP(15, 0, 14, 2, 1), LOW, S(3, 3, 14, 2, 1), F(timer[ARM_OUT_CNTPS])},
    {CP(15, 0, 14, 3, 0), LOW, S(3, 3, 14, 3, 0)},
    {CP(15, 0, 14, 3, 1), LOW, S(3, 3, 14, 3, 1)},
    {CP(15, 4, 14, 2, 0), LOW, S(3, 4, 14, 2, 0)},
    {CP(15, 4, 14, 2, 1), LOW, S(3, 4, 14, 2, 1)},
    /* Barriers of Armv6, deprecated later */
    {CP(15, 0, 7, 5, 4), BARRIER, 0},
    {CP(15, 0, 7, 10, 4), BARRIER, 0},
    {CP(15, 0, 7, 10, 5), BARRIER, 0},
    /* Address translation: ATS1C, ATS12NSO; ATS1H; ATS1CPRP, ATS1CPWP */
    {CP(15, 0, 7, 8, 0), TRANSLATE, 0},
    {CP(15, 0, 7, 8, 1), TRANSLATE, 1},
    {CP(15, 0, 7, 8, 2), TRANSLATE, 2},
    {CP(15, 0, 7, 8, 3), TRANSLATE, 3},
    {CP(15, 0, 7, 8, 4), TRANSLATE, 4},
    {CP(15, 0, 7, 8, 5), TRANSLATE, 5},
    {CP(15, 0, 7, 8, 6), TRANSLATE, 6},
    {CP(15, 0, 7, 8, 7), TRANSLATE, 7},
    {CP(15, 4, 7, 8, 0), TRANSLATE, ARM_AT_HYP},
    {CP(15, 4, 7, 8, 1), TRANSLATE, ARM_AT_HYP + 1},
    {CP(15, 0, 7, 9, 0), TRANSLATE, ARM_AT_PAN},
    {CP(15, 0, 7, 9, 1), TRANSLATE, ARM_AT_PAN + 1},
    /* TLB maintenance: data, instruction and unified; inner shareable */
    {CP(15, 0, 8, 3, 0), INVALIDATE, S(1, 0, 8, 3, 0)},
    {CP(15, 0, 8, 3, 1), INVALIDATE_VA, S(1, 0, 8, 3, 1)},
    {CP(15, 0, 8, 3, 2), INVALIDATE_ASID, S(1, 0, 8, 3, 2)},
    {CP(15, 0, 8, 3, 3), INVALIDATE_VA, S(1, 0, 8, 3, 3)},
    {CP(15, 0, 8, 3, 5), INVALIDATE_VA, S(1, 0, 8, 3, 5)},
    {CP(15, 0, 8, 3, 7), INVALIDATE_VA, S(1, 0, 8, 3, 7)},
    {CP(15, 0, 8, 5, 0), INVALIDATE, S(1, 0, 8, 7, 0)},
    {CP(15, 0, 8, 5, 1), INVALIDATE_VA, S(1, 0, 8, 7, 1)},
    {CP(15, 0, 8, 5, 2), INVALIDATE_ASID, S(1, 0, 8, 7, 2)},
    {CP(15, 0, 8, 6, 0), INVALIDATE, S(1, 0, 8, 7, 0)},
    {CP(15, 0, 8, 6, 1), INVALIDATE_VA, S(1, 0, 8, 7, 1)},
    {CP(15, 0, 8, 6, 2), INVALIDATE_ASID, S(1, 0, 8, 7, 2)},
    {CP(15, 0, 8, 7, 0), INVALIDATE, S(1, 0, 8, 7, 0)},
    {CP(15, 0, 8, 7, 1), INVALIDATE_VA, S(1, 0, 8, 7, 1)},
    {CP(15, 0, 8, 7, 2), INVALIDATE_ASID, S(1, 0, 8, 7, 2)},
    {CP(15, 0, 8, 7, 3), INVALIDATE_VA, S(1, 0, 8, 7, 3)},
    {CP(15, 0, 8, 7, 5), INVALIDATE_VA, S(1, 0, 8, 7, 5)},
    {CP(15, 0, 8, 7, 7), INVALIDATE_VA, S(1, 0, 8, 7, 7)},
    {CP(15, 4, 8, 3, 0), INVALIDATE, S(1, 4, 8, 3, 0)},
    {CP(15, 4, 8, 3, 4), INVALIDATE, S(1, 4, 8, 3, 4)},
    {CP(15, 4, 8, 7, 0), INVALIDATE, S(1, 4, 8, 7, 0)},
    {CP(15, 4, 8, 7, 4), INVALIDATE, S(1, 4, 8, 7, 4)},
    /* Debug */
    DEBUG(0, 0, 0),                              /* DBGDIDR */
    DEBUG(0, 1, 0),                              /* DBGDSCRint */
    DEBUG(0, 2, 2),                              /* DBGDSCRext */
    DEBUG(0, 6, 0),                              /* DBGWFAR */
    DEBUG(0, 7, 0),                              /* DBGVCR */
    DEBUG(1, 0, 0),                              /* DBGDRAR */
    DEBUG(1, 0, 4),                              /* DBGOSLAR */
    DEBUG(2, 0, 0),                              /* DBGDSAR */
    DEBUG(7, 0, 7),                              /* DBGDEVID2 */
    DEBUG(7, 1, 7),                              /* DBGDEVID1 */
    DEBUG(7, 2, 7),                              /* DBGDEVID */
    {CP(14, 0, 0, 5, 0), LOW, S(2, 3, 0, 5, 0)}, /* DBGDTRRXint, DBGDTRTXint */
    {CP(14, 6, 0, 0, 0), FIELD32, F(teecr)},
    {CP(14, 6, 1, 0, 0), FIELD32, F(teehbr)},
    {CP(14, 7, 0, 0, 0), ZERO, 0}, /* JIDR */
    {CP(14, 7, 1, 0, 0), ZERO, 0}, /* JOSCR */
    {CP(14, 7, 2, 0, 0), ZERO, 0}, /* JMCR */
};

/* MRRC, MCRR: op1 and CRm name the register. */
static const Map map64[] = {
    {CP(15, 0, 0, 2, 0), WIDE, S(3, 0, 2, 0, 0), F(ttbr0[3])},               /* TTBR0 */
    {CP(15, 1, 0, 2, 0), WIDE, S(3, 0, 2, 0, 1), F(ttbr1[3])},               /* TTBR1 */
    {CP(15, 4, 0, 2, 0), WIDE, S(3, 4, 2, 0, 0)},                            /* HTTBR */
    {CP(15, 6, 0, 2, 0), WIDE, S(3, 4, 2, 1, 0)},                            /* VTTBR */
    {CP(15, 0, 0, 7, 0), WIDE, S(3, 0, 7, 4, 0), F(par[3])},                 /* PAR */
    {CP(15, 0, 0, 9, 0), WIDE, S(3, 3, 9, 13, 0)},                           /* PMCCNTR */
    {CP(15, 0, 0, 14, 0), WIDE, S(3, 3, 14, 0, 1)},                          /* CNTPCT */
    {CP(15, 1, 0, 14, 0), WIDE, S(3, 3, 14, 0, 2)},                          /* CNTVCT */
    {CP(15, 2, 0, 14, 0), WIDE, S(3, 3, 14, 2, 2), F(timer[ARM_OUT_CNTPS])}, /* CNTP_CVAL */
    {CP(15, 3, 0, 14, 0), WIDE, S(3, 3, 14, 3, 2)},                          /* CNTV_CVAL */
    {CP(15, 4, 0, 14, 0), WIDE, S(3, 4, 14, 0, 3)},                          /* CNTVOFF */
    {CP(15, 6, 0, 14, 0), WIDE, S(3, 4, 14, 2, 2)},                          /* CNTHP_CVAL */
    {CP(14, 0, 0, 1, 0), WIDE, S(4, 0, 1, 0, 0)},                            /* DBGDRAR */
    {CP(14, 0, 0, 2, 0), WIDE, S(4, 0, 2, 0, 0)},                            /* DBGDSAR */
    {CP(15, 0, 0, 12, 0), WIDE, S(3, 0, 12, 11, 5)},                         /* ICC_SGI1R */
    {CP(15, 1, 0, 12, 0), WIDE, S(3, 0, 12, 11, 6)},                         /* ICC_ASGI1R */
    {CP(15, 2, 0, 12, 0), WIDE, S(3, 0, 12, 11, 7)},                         /* ICC_SGI0R */
};

/* The syndrome of a trapped access (D24.2.40, ISS of MCR or MRC; of MCRR or MRRC). */
static uint32_t syndrome(uint32_t insn, bool write, bool wide)
{
    unsigned cp = insn >> 8 & 15, cond = insn >> 28;
    uint32_t iss = 1u << 24 | (cond == 15 ? 14 : cond) << 20 | !write;
    if (wide) {
        iss |= (insn >> 4 & 15) << 16 | (insn >> 16 & 15) << 10 | (insn >> 12 & 15) << 5 |
               (insn & 15) << 1;
        return ARM_SYN(cp == 14 ? EC_CP14_RRT : EC_CP15_RRT, iss);
    }
    iss |= (insn >> 5 & 7) << 17 | (insn >> 21 & 7) << 14 | (insn >> 16 & 15) << 10 |
           (insn >> 12 & 15) << 5 | (insn & 15) << 1;
    return ARM_SYN(cp == 14 ? EC_CP14 : EC_CP15, iss);
}

static uint32_t key_of(uint32_t insn, bool wide)
{
    unsigned cp = insn >> 8 & 15, crm = insn & 15;
    if (wide) {
        return CP(cp, insn >> 4 & 15, 0, crm, 0);
    }
    return CP(cp, insn >> 21 & 7, insn >> 16 & 15, crm, insn >> 5 & 7);
}

/* Cache maintenance (c7) has nothing to do: there are no caches. */
static bool is_cache_op(uint32_t key)
{
    unsigned crn = key >> 7 & 15, crm = key >> 3 & 15;
    return key >> 16 == 15 && (key >> 11 & 7) == 0 && crn == 7 &&
           (crm == 1 || (crm >= 5 && crm <= 7) || crm == 10 || crm == 11 || crm == 13 || crm == 14);
}

static const Map zero = {0, ZERO, 0, 0};

/* DBGBXVRn are the upper halves of those DBGBVRn_EL1 that can match contexts (G8.3.3). */
static bool is_bxvr(const ARMEnv *env, unsigned n)
{
    unsigned contexts = ARM_BITS(env->cfg->dbgdidr, 20, 4) + 1, count = env->cfg->breakpoints;

    return n < count && n + contexts >= count && arm_cfg_has(env, ARM_FEAT_LPAE);
}

/* Registers whose AArch64 counterparts have the same CRn to op2: GICv3, the PMU's counters and most
 * debug registers. */
static bool find_same(const ARMEnv *env, uint32_t key, Map *m)
{
    unsigned op1 = key >> 11 & 7, crn = key >> 7 & 15, crm = key >> 3 & 15, op2 = key & 7;
    if (key >> 16 == 14 && op1 == 0 && crn == 1 && op2 == 1 && is_bxvr(env, crm)) {
        m->kind = HIGH;
        m->enc = S(2, 0, 0, crm, 4);
        return true;
    }
    if (key >> 16 == 14 && op1 == 0 && arm_sysreg_find(S(2, 0, crn, crm, op2))) {
        m->kind = LOW;
        m->enc = S(2, 0, crn, crm, op2);
        return true;
    }
    if (key >> 16 != 15) {
        return false;
    }
    if (crn == 12 && crm >= 8 && (op1 == 0 || op1 == 4)) {
        m->enc = S(3, op1, crn, crm, op2);
    } else if (crn == 12 && crm == 4 && op1 == 0 && op2 == 6) {
        m->enc = S(3, 0, 4, 6, 0);
    } else if (crn == 4 && crm == 6 && op1 == 0 && op2 == 0) { /* ICC_PMR */
        m->enc = S(3, 0, 4, 6, 0);
    } else if (crn == 14 && crm >= 8 && op1 == 0) { /* PMEVCNTRn, PMEVTYPERn */
        m->enc = S(3, 3, crn, crm, op2);
    } else {
        return false;
    }
    m->kind = LOW;
    return true;
}

/* Registers that came with Armv8. */
static bool is_v8(uint32_t key, bool wide)
{
    return !wide &&
           (key == CP(15, 4, 1, 1, 4) || key == CP(15, 0, 1, 3, 1) || /* HCR2, SDCR */
            key == CP(15, 0, 2, 0, 3) || key == CP(14, 0, 0, 2, 0));  /* TTBCR2, DBGDCCINT */
}

/* The address translation operation exists here. */
static bool translates(const ARMEnv *env, unsigned op)
{
    bool el3 = arm_cfg_has(env, ARM_FEAT_EL3), el2 = arm_cfg_has(env, ARM_FEAT_EL2);
    unsigned el = env->sys.el;

    if (op >= ARM_AT_PAN) {
        return arm_cfg_has(env, ARM_FEAT_PAN2);
    }
    if (op >= ARM_AT_HYP) {
        return el2 && el >= 2;
    }
    if (op >= 4) {
        return el >= 2 && (el2 || el3);
    }
    return arm_cfg_has(env, ARM_FEAT_V7) || (arm_cfg_has(env, ARM_FEAT_V6K) && el3);
}

static bool barriers_on(const ARMEnv *env)
{
    return !arm_cfg_has(env, ARM_FEAT_LPAE) || (arm_sctlr(env) & SCTLR_CP15BEN);
}

/* HCR's trap of PL1's cache maintenance; of c7, barriers and branch predictors have none. */
static uint64_t cache_trap(uint32_t key)
{
    switch (key) {
    case CP(15, 0, 7, 6, 2): /* DCISW, DCCSW, DCCISW */
    case CP(15, 0, 7, 10, 2):
    case CP(15, 0, 7, 14, 2):
        return HCR_TSW;
    case CP(15, 0, 7, 6, 1): /* DCIMVAC, DCCMVAC, DCCIMVAC */
    case CP(15, 0, 7, 10, 1):
    case CP(15, 0, 7, 14, 1):
        return HCR_TPCP;
    case CP(15, 0, 7, 1, 0): /* ICIALLUIS, ICIALLU, ICIMVAU, DCCMVAU */
    case CP(15, 0, 7, 5, 0):
    case CP(15, 0, 7, 5, 1):
    case CP(15, 0, 7, 11, 1):
        return HCR_TPU;
    default:
        return 0;
    }
}

/* To EL2: by HSTR, and by HCR what has no AArch64 register whose row says so (G1.19). */
static bool traps(const ARMEnv *env, uint32_t key, const Map *m, bool write, bool wide)
{
    unsigned crn = key >> 7 & 15, crm = key >> 3 & 15, by = wide ? crm : crn;
    uint64_t hcr = arm_hcr(env), bit = 0;

    if (env->sys.el >= 2 || !arm_el2_enabled(env)) {
        return false;
    }
    if (key >> 16 == 15 && by != 4 && by != 14 && (env->sys.hstr >> by & 1)) {
        return true;
    }
    if (env->sys.el == 0) {
        return false;
    }
    if (key == CP(14, 7, 0, 0, 0)) { /* JIDR */
        bit = HCR_TID0;
    } else if (key >> 16 != 15) {
        bit = 0;
    } else if (key == CP(15, 0, 0, 0, 2) || key == CP(15, 0, 0, 0, 3)) { /* TCMTR, TLBTR */
        bit = HCR_TID1;
    } else if (crn == 8) {
        bit = HCR_TTLB;
    } else if (crn == 7) {
        bit = cache_trap(key);
    } else if ((m->kind == FIELD32 || m->kind == FIELDHI) &&
               (crn == 2 || crn == 3 || crn == 5 || crn == 6 || crn == 10)) {
        bit = write ? HCR_TVM : HCR_TRVM;
    }
    return hcr & bit;
}

static Map find(ARMEnv *env, uint32_t insn, bool write, bool wide, uintptr_t ra)
{
    const Map *t = wide ? map64 : map32;
    unsigned n = wide ? G_N_ELEMENTS(map64) : G_N_ELEMENTS(map32);
    uint32_t key = key_of(insn, wide);
    Map m = zero;
    for (unsigned i = 0; i < n; i++) {
        if (t[i].cp == key) {
            m = t[i];
            goto found;
        }
    }
    if (!wide && find_same(env, key, &m)) {
        goto found;
    }
    if (!wide && is_cache_op(key)) {
        goto found;
    }
    rhea_log_mask(LOG_UNIMP, "CPU %u: %s of coprocessor register p%u,%u,c%u,c%u,%u\n",
                  env->cpu.cpu->index, write ? "write" : "read", key >> 16, key >> 11 & 7,
                  key >> 7 & 15, key >> 3 & 15, key & 7);
    arm_raise_undefined(env, ra);
found:
    if (is_v8(key, wide) && !arm_cfg_has(env, ARM_FEAT_V8)) {
        arm_raise_undefined(env, ra);
    }
    if (arm_bank32(env) != 3) {
        m.secure = 0;
    } else if (m.secure && (m.kind == FIELD32 || m.kind == FIELDHI)) {
        m.enc = m.secure;
    }
    /* Of the secure world alone: MVBAR; NSACR may be read by the non-secure one. */
    if (arm_cfg_has(env, ARM_FEAT_EL3) && env->sys.el != 3 && m.kind == FIELD32 &&
        (m.enc == F(mvbar) || (m.enc == F(nsacr) && write))) {
        arm_raise_undefined(env, ra);
    }
    if (env->sys.el == 0 && m.kind != LOW && m.kind != WIDE && m.kind != BARRIER) {
        arm_raise_undefined(env, ra);
    }
    if ((m.kind == TRANSLATE && (!write || !translates(env, m.enc))) ||
        (m.kind == BARRIER && (!write || !barriers_on(env)))) {
        arm_raise_undefined(env, ra);
    }
    if (traps(env, key, &m, write, wide)) {
        arm_raise(env, ARM_EXCP_UNDEF, syndrome(insn, write, wide), 2, ra);
    }
    return m;
}

/* The row of the AArch64 register, or of the secure copy of a banked one. */
static const ARMSysreg *row_of(ARMEnv *env, Map *m, uint32_t insn, bool write, bool wide,
                               ARMSysreg *copy, uintptr_t ra)
{
    const ARMSysreg *r = arm_sysreg_check(env, &m->enc, write, syndrome(insn, write, wide), ra);

    if (!m->secure) {
        return r;
    }
    *copy = *r;
    copy->offset = m->secure;
    return copy;
}

static uint64_t read_reg(ARMEnv *env, uint32_t insn, bool wide, uintptr_t ra)
{
    Map m = find(env, insn, false, wide, ra);
    const uint64_t *f = (const uint64_t *)((const char *)env + m.enc);
    ARMSysreg copy;
    uint64_t v;
    switch (m.kind) {
    case LOW:
    case HIGH:
    case WIDE:
        v = arm_sysreg_value(env, row_of(env, &m, insn, false, wide, &copy, ra), m.enc);
        return m.kind == HIGH ? v >> 32 : m.kind == LOW ? (uint32_t)v : v;
    case FIELD32:
        return (uint32_t)*f;
    case FIELDHI:
        return *f >> 32;
    case INVALIDATE:
    case INVALIDATE_VA:
    case INVALIDATE_ASID:
        arm_raise_undefined(env, ra);
    default:
        return 0;
    }
}

static void write_reg(ARMEnv *env, uint32_t insn, uint64_t val, bool wide, uintptr_t ra)
{
    Map m = find(env, insn, true, wide, ra);
    uint64_t *f = (uint64_t *)((char *)env + m.enc);
    switch (m.kind) {
    case LOW:
    case HIGH:
    case WIDE: {
        ARMSysreg copy;
        const ARMSysreg *r = row_of(env, &m, insn, true, wide, &copy, ra);
        /* The other half is kept where it is another register. */
        if (m.kind == HIGH) {
            val = val << 32 | (uint32_t)arm_sysreg_value(env, r, m.enc);
        } else if (m.enc == S(3, 4, 1, 1, 0) || m.enc == S(3, 4, 6, 0, 0) ||
                   m.enc == S(3, 4, 10, 2, 0) || (m.enc & ~S(0, 0, 0, 15, 0)) == S(2, 0, 0, 0, 4)) {
            /* HCR, HDFAR, HMAIR0, DBGBVRn */
            val |= arm_sysreg_value(env, r, m.enc) & ~(uint64_t)UINT32_MAX;
        }
        arm_sysreg_set(env, r, m.enc, val);
        if (m.enc == S(3, 0, 12, 0, 0) || m.enc == S(3, 4, 12, 0, 0)) {
            /* VBAR, HVBAR: bits [4:0] are RES0; AArch64's table is aligned to 2 KiB */
            unsigned el = m.secure ? 3 : m.enc == S(3, 0, 12, 0, 0) ? 1 : 2;
            env->sys.vbar[el] = (uint32_t)val & ~0x1fu;
        }
        break;
    }
    case FIELD32:
    case FIELDHI:
        *f = m.kind == FIELD32 ? (*f & ~UINT64_C(0xffffffff)) | (uint32_t)val
                               : (uint32_t)*f | val << 32;
        if (m.enc == F(tcr[1]) || m.enc == F(mair[1]) || m.enc == F(tcr[3]) ||
            m.enc == F(mair[3])) {
            arm_mmu_flush(env);
        } else {
            arm_mmu_changed(env); /* DACR is part of the contexts' names */
        }
        break;
    case INVALIDATE:
        arm_tlbi_write(env, m.enc, 0);
        break;
    case TRANSLATE:
        arm_at32_write(env, m.enc, val, ra);
        break;
    case INVALIDATE_VA:
        arm_tlbi_write(env, m.enc, (val & 0xff) << 48 | (uint32_t)val >> 12);
        break;
    case INVALIDATE_ASID:
        arm_tlbi_write(env, m.enc, (val & 0xff) << 48);
        break;
    default:
        break;
    }
}

#define CP_FLAGS (TCG_HELPER_FAULTS | TCG_HELPER_IO | TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL)

static uint64_t helper_arm_a32_mrc(ARMEnv *env, uint32_t insn)
{
    return read_reg(env, insn, false, RHEA_RA());
}
ARM_HELPER(a32_mrc, I64, true, CP_FLAGS, TCG_I32);

static uint64_t helper_arm_a32_mrrc(ARMEnv *env, uint32_t insn)
{
    return read_reg(env, insn, true, RHEA_RA());
}
ARM_HELPER(a32_mrrc, I64, true, CP_FLAGS, TCG_I32);

static void helper_arm_a32_mcr(ARMEnv *env, uint32_t insn, uint64_t val)
{
    write_reg(env, insn, (uint32_t)val, false, RHEA_RA());
}
ARM_HELPER(a32_mcr, VOID, true, CP_FLAGS, TCG_I32, TCG_I64);

static void helper_arm_a32_mcrr(ARMEnv *env, uint32_t insn, uint64_t val)
{
    write_reg(env, insn, val, true, RHEA_RA());
}
ARM_HELPER(a32_mcrr, VOID, true, CP_FLAGS, TCG_I32, TCG_I64);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm system state: what PSTATE, the system registers, timers, counters and firmware calls keep of
 * a CPU, and the names of their bits (DDI 0487, chapters D17 to D24 and G8). Part of
 * target/arm/cpu.h.
 *
 * Registers that exist once an exception level are arrays indexed by it. In AArch32 with EL3, the
 * secure copy of a banked register is element 3, the non-secure one element 1, as the architecture
 * maps them (G5.2). All are 64 bits wide so that one row of sysreg.def describes each.
 */
#ifndef RHEA_TARGET_ARM_SYS_H
#define RHEA_TARGET_ARM_SYS_H

#include "target/arm.h"

#define ARM_BIT(n)            ((uint64_t)1 << (n))
#define ARM_BITS(v, pos, len) (((uint64_t)(v) >> (pos)) & (((uint64_t)1 << (len)) - 1))

/* ARMSys.pstate: the layout of SPSR_ELx (C5.2.18, C5.2.19), less the flags that are cells. */
enum {
    PSTATE_SP = 1 << 0,
    PSTATE_EL_SHIFT = 2,
    PSTATE_EL = 3 << 2,
    PSTATE_NRW = 1 << 4, /* AArch32 */
    PSTATE_M = 0x1f,
    PSTATE_T = 1 << 5, /* AArch32 */
    PSTATE_F = 1 << 6,
    PSTATE_I = 1 << 7,
    PSTATE_A = 1 << 8,
    PSTATE_D = 1 << 9, /* AArch64; in AArch32 it is E */
    PSTATE_E = 1 << 9,
    PSTATE_DAIF = 15 << 6,
    PSTATE_BTYPE_SHIFT = 10,
    PSTATE_BTYPE = 3 << 10,
    PSTATE_SSBS = 1 << 12, /* AArch64 */
    PSTATE_GE_SHIFT = 16,  /* AArch32 */
    PSTATE_IL = 1 << 20,
    PSTATE_SS = 1 << 21,
    PSTATE_PAN = 1 << 22,
    PSTATE_UAO = 1 << 23,    /* AArch64 */
    PSTATE_SSBS32 = 1 << 23, /* AArch32 */
    PSTATE_DIT = 1 << 24,
    PSTATE_Q = 1 << 27,
};
#define PSTATE_NZCV (UINT64_C(15) << 28)

/* AArch32 modes, PSTATE.M[4:0]. */
enum {
    ARM_M_USR = 0x10,
    ARM_M_FIQ = 0x11,
    ARM_M_IRQ = 0x12,
    ARM_M_SVC = 0x13,
    ARM_M_MON = 0x16,
    ARM_M_ABT = 0x17,
    ARM_M_HYP = 0x1a,
    ARM_M_UND = 0x1b,
    ARM_M_SYS = 0x1f,
};
/* Banks of R13, R14 and SPSR. */
enum {
    ARM_BANK_USR,
    ARM_BANK_SVC,
    ARM_BANK_ABT,
    ARM_BANK_UND,
    ARM_BANK_IRQ,
    ARM_BANK_FIQ,
    ARM_BANK_HYP,
    ARM_BANK_MON,
    ARM_BANK_COUNT
};

/* SCTLR_ELx, SCTLR */
#define SCTLR_M       ARM_BIT(0)
#define SCTLR_A       ARM_BIT(1)
#define SCTLR_C       ARM_BIT(2)
#define SCTLR_SA      ARM_BIT(3)
#define SCTLR_SA0     ARM_BIT(4)
#define SCTLR_CP15BEN ARM_BIT(5)
#define SCTLR_NAA     ARM_BIT(6)
#define SCTLR_ITD     ARM_BIT(7)
#define SCTLR_SED     ARM_BIT(8)
#define SCTLR_S       ARM_BIT(8) /* Armv5, Armv6 */
#define SCTLR_UMA     ARM_BIT(9)
#define SCTLR_R       ARM_BIT(9)  /* Armv5, Armv6 */
#define SCTLR_SW      ARM_BIT(10) /* Armv7 */
#define SCTLR_Z       ARM_BIT(11) /* Armv6, Armv7 */
#define SCTLR_I       ARM_BIT(12)
#define SCTLR_V       ARM_BIT(13) /* AArch32 */
#define SCTLR_DZE     ARM_BIT(14)
#define SCTLR_RR      ARM_BIT(14) /* Armv5, Armv7 */
#define SCTLR_UCT     ARM_BIT(15)
#define SCTLR_L4      ARM_BIT(15) /* Armv5, Armv6 */
#define SCTLR_NTWI    ARM_BIT(16)
#define SCTLR_NTWE    ARM_BIT(18)
#define SCTLR_WXN     ARM_BIT(19)
#define SCTLR_UWXN    ARM_BIT(20) /* AArch32 */
#define SCTLR_U       ARM_BIT(22) /* Armv6 */
#define SCTLR_XP      ARM_BIT(23) /* Armv6 */
#define SCTLR_SPAN    ARM_BIT(23)
#define SCTLR_E0E     ARM_BIT(24)
#define SCTLR_EE      ARM_BIT(25)
#define SCTLR_UCI     ARM_BIT(26)
#define SCTLR_TRE     ARM_BIT(28) /* AArch32 */
#define SCTLR_AFE     ARM_BIT(29) /* AArch32 */
#define SCTLR_TE      ARM_BIT(30) /* AArch32 */
#define SCTLR_BT0     ARM_BIT(35)
#define SCTLR_BT1     ARM_BIT(36)
#define SCTLR_DSSBS   ARM_BIT(44)

/* HCR_EL2 */
#define HCR_VM    ARM_BIT(0)
#define HCR_SWIO  ARM_BIT(1)
#define HCR_PTW   ARM_BIT(2)
#define HCR_FMO   ARM_BIT(3)
#define HCR_IMO   ARM_BIT(4)
#define HCR_AMO   ARM_BIT(5)
#define HCR_VF    ARM_BIT(6)
#define HCR_VI    ARM_BIT(7)
#define HCR_VSE   ARM_BIT(8)
#define HCR_FB    ARM_BIT(9)
#define HCR_DC    ARM_BIT(12)
#define HCR_TWI   ARM_BIT(13)
#define HCR_TWE   ARM_BIT(14)
#define HCR_TID0  ARM_BIT(15)
#define HCR_TID1  ARM_BIT(16)
#define HCR_TID2  ARM_BIT(17)
#define HCR_TID3  ARM_BIT(18)
#define HCR_TSC   ARM_BIT(19)
#define HCR_TIDCP ARM_BIT(20)
#define HCR_TACR  ARM_BIT(21)
#define HCR_TSW   ARM_BIT(22)
#define HCR_TPCP  ARM_BIT(23)
#define HCR_TPU   ARM_BIT(24)
#define HCR_TTLB  ARM_BIT(25)
#define HCR_TVM   ARM_BIT(26)
#define HCR_TGE   ARM_BIT(27)
#define HCR_TDZ   ARM_BIT(28)
#define HCR_HCD   ARM_BIT(29)
#define HCR_TRVM  ARM_BIT(30)
#define HCR_RW    ARM_BIT(31)
#define HCR_CD    ARM_BIT(32)
#define HCR_ID    ARM_BIT(33)
#define HCR_E2H   ARM_BIT(34)
#define HCR_TERR  ARM_BIT(36)
#define HCR_TEA   ARM_BIT(37)
#define HCR_APK   ARM_BIT(40)
#define HCR_API   ARM_BIT(41)
#define HCR_FIEN  ARM_BIT(47)
#define HCR_V7    UINT64_C(0x0fffffff) /* what Armv7 has (DDI 0406, B4.1.65) */

/* SCR_EL3, SCR */
#define SCR_NS   ARM_BIT(0)
#define SCR_IRQ  ARM_BIT(1)
#define SCR_FIQ  ARM_BIT(2)
#define SCR_EA   ARM_BIT(3)
#define SCR_FW   ARM_BIT(4) /* AArch32 */
#define SCR_AW   ARM_BIT(5) /* AArch32 */
#define SCR_SMD  ARM_BIT(7)
#define SCR_HCE  ARM_BIT(8)
#define SCR_SIF  ARM_BIT(9)
#define SCR_RW   ARM_BIT(10)
#define SCR_ST   ARM_BIT(11)
#define SCR_TWI  ARM_BIT(12)
#define SCR_TWE  ARM_BIT(13)
#define SCR_TERR ARM_BIT(15)
#define SCR_APK  ARM_BIT(16)
#define SCR_API  ARM_BIT(17)

/* TCR_ELx, as TCR_EL1 or as TCR_EL2 without E2H */
#define TCR_EPD0  ARM_BIT(7)
#define TCR_A1    ARM_BIT(22)
#define TCR_EPD1  ARM_BIT(23)
#define TCR_AS    ARM_BIT(36)
#define TCR_TBI0  ARM_BIT(37)
#define TCR_TBI1  ARM_BIT(38)
#define TCR_HA    ARM_BIT(39)
#define TCR_HD    ARM_BIT(40)
#define TCR_HPD0  ARM_BIT(41)
#define TCR_HPD1  ARM_BIT(42)
#define TCR_TBID0 ARM_BIT(51)
#define TCR_TBID1 ARM_BIT(52)
#define TCR2_TBI  ARM_BIT(20)
#define TCR2_HA   ARM_BIT(21)
#define TCR2_HD   ARM_BIT(22)
#define TCR2_HPD  ARM_BIT(24)
#define TCR2_TBID ARM_BIT(29)
#define TTBCR_EAE ARM_BIT(31)

/* MDSCR_EL1, MDCR_EL2, MDCR_EL3, OSLSR_EL1 */
#define MDSCR_SS    ARM_BIT(0)
#define MDSCR_MOE   (UINT64_C(15) << 2) /* AArch32 */
#define MDSCR_TDCC  ARM_BIT(12)
#define MDSCR_KDE   ARM_BIT(13)
#define MDSCR_MDE   ARM_BIT(15)
#define MDCR2_TPMCR ARM_BIT(5)
#define MDCR2_TPM   ARM_BIT(6)
#define MDCR2_HPME  ARM_BIT(7)
#define MDCR2_TDE   ARM_BIT(8)
#define MDCR2_TDA   ARM_BIT(9)
#define MDCR2_TDOSA ARM_BIT(10)
#define MDCR2_TDRA  ARM_BIT(11)
#define MDCR3_TPM   ARM_BIT(6)
#define MDCR3_TDA   ARM_BIT(9)
#define MDCR3_TDOSA ARM_BIT(10)
#define MDCR3_SPD32 (UINT64_C(3) << 14)
#define MDCR3_SDD   ARM_BIT(16)
#define CPTR_TFP    ARM_BIT(10)
#define CPTR_TASE   ARM_BIT(15) /* AArch32 */
#define CPTR_TCPAC  ARM_BIT(31)

/* Exception classes, ESR_ELx.EC (D24.2.40). */
enum {
    EC_UNKNOWN = 0x00,
    EC_WFX = 0x01,
    EC_CP15 = 0x03,
    EC_CP15_RRT = 0x04,
    EC_CP14 = 0x05,
    EC_CP14_LS = 0x06,
    EC_FP_TRAP = 0x07,
    EC_FPID = 0x08,
    EC_PAUTH = 0x09,
    EC_CP14_RRT = 0x0c,
    EC_BTI = 0x0d,
    EC_ILLEGAL = 0x0e,
    EC_SVC32 = 0x11,
    EC_HVC32 = 0x12,
    EC_SMC32 = 0x13,
    EC_SVC64 = 0x15,
    EC_HVC64 = 0x16,
    EC_SMC64 = 0x17,
    EC_SYSREG = 0x18,
    EC_ERET = 0x1a,
    EC_PACFAIL = 0x1c,
    EC_IABT_LOWER = 0x20,
    EC_IABT = 0x21,
    EC_PC_ALIGN = 0x22,
    EC_DABT_LOWER = 0x24,
    EC_DABT = 0x25,
    EC_SP_ALIGN = 0x26,
    EC_FP32 = 0x28,
    EC_FP64 = 0x2c,
    EC_SERROR = 0x2f,
    EC_BREAK_LOWER = 0x30,
    EC_BREAK = 0x31,
    EC_STEP_LOWER = 0x32,
    EC_STEP = 0x33,
    EC_WATCH_LOWER = 0x34,
    EC_WATCH = 0x35,
    EC_BKPT32 = 0x38,
    EC_VECTOR32 = 0x3a,
    EC_BRK64 = 0x3c,
};
#define ARM_SYN(ec, iss) ((uint32_t)(ec) << 26 | 1u << 25 | (uint32_t)(iss))

/* Of a software step's syndrome: ISV, and EX if a load-exclusive instruction was stepped. */
#define ARM_STEP_ISS(exclusive) (1u << 24 | (uint32_t)(exclusive) << 6)

#define ARM_SYN_IL (1u << 25)

/* Exceptions: numbers for cpu_raise_restore(). What else there is to say is in ARMSys.exc. */
enum {
    ARM_EXCP_UNDEF, /* any synchronous one with nothing of its own in AArch32 */
    ARM_EXCP_SVC,
    ARM_EXCP_HVC,
    ARM_EXCP_SMC,
    ARM_EXCP_PABT,
    ARM_EXCP_DABT,
    ARM_EXCP_HYP_TRAP, /* AArch32 Hyp mode's own vector */
    ARM_EXCP_IRQ,
    ARM_EXCP_FIQ,
    ARM_EXCP_SERROR,
    ARM_EXCP_VIRQ,
    ARM_EXCP_VFIQ,
    ARM_EXCP_VSERROR,
};

typedef struct ARMTimer {
    uint64_t ctl, cval;
} ARMTimer;
/* ARMSys.timer: in the order of ARMOutput. */

#define ARM_MAX_BP  16
#define ARM_MAX_PMC 31

/* Reset clears all of it. */
typedef struct ARMSys {
    uint32_t pstate;
    uint8_t el;         /* current exception level; AArch32: 0, 1, 2 (Hyp), 3 (secure PL1 below an
                           AArch32 EL3) */
    bool aarch32;       /* current execution state */
    uint8_t highest_el; /* that is implemented */
    uint8_t cache_op;   /* a cache maintenance instruction looks its address up */

    /* AArch64: stack pointers of all levels; the current one is x[31]. */
    uint64_t sp_el[4], elr_el[4], spsr_el[4];
    /* AArch32: those of the modes that are not current. SPSR_svc, _hyp and _mon are
     * spsr_el[1..3]. */
    uint32_t bank_r13[ARM_BANK_COUNT], bank_r14[ARM_BANK_COUNT];
    uint64_t bank_spsr[ARM_BANK_COUNT];
    uint32_t usr_r8[5], fiq_r8[5];

    /* The exception that is being raised. */
    struct {
        uint32_t syndrome; /* ESR */
        uint8_t target_el; /* 0: the default of the kind */
        bool far_valid, hpfar_valid;
        uint64_t far, hpfar;
        uint32_t fsr;  /* AArch32 short or long format: of the level that takes it */
        bool next;     /* the preferred return address is the next instruction */
        bool read_too; /* a data abort that a read would have had, too */
    } exc;

    uint64_t sctlr[4], actlr[4], cpacr, cptr[4], ttbr0[4], ttbr1[4], tcr[4], mair[4], amair[4];
    uint64_t vbar[4], esr[4], far[4], afsr0[4], afsr1[4], contextidr[4], tpidr[4], tpidrro[4];
    uint64_t par[4], dacr[4], ifsr[4], csselr[4], mvbar, nsacr, sder;
    uint64_t hcr, hcr_eff, scr, hstr, hacr, hpfar, vttbr, vtcr, vpidr, vmpidr, mdcr2, mdcr3;
    uint64_t cntkctl, cnthctl, cntvoff, cntfrq, cntpoff;
    ARMTimer timer[ARM_OUT_PMU];
    uint64_t disr, vdisr, vsesr, errselr;
    uint64_t apkey[5][2]; /* IA, IB, DA, DB, GA: low and high half */
    uint64_t teecr, teehbr, jmcr, fpexc, lor[4];
    uint64_t scxtnum[4];
    uint64_t impdef[8]; /* implementation defined registers that only hold what was written */

    /* Debug (D2) */
    uint64_t mdscr, osdlr, oslk, osdtrrx, osdtrtx, oseccr, claim, mdccint, vcr;
    uint64_t bvr[ARM_MAX_BP], bcr[ARM_MAX_BP], wvr[ARM_MAX_BP], wcr[ARM_MAX_BP];
    uint8_t bp_on, wp_on; /* highest enabled one + 1 */
    bool vc_on;           /* vector catch */
    uint32_t step_iss;    /* ISV and EX of the step exception that is pending */

    /* PMU (D13): counter = base + (source now - seen) while it counts */
    uint64_t pmcr, pmcnten, pmovs, pmselr, pmuserenr, pminten;
    uint64_t pmevtyper[ARM_MAX_PMC + 1], pmc_base[ARM_MAX_PMC + 1], pmc_seen[ARM_MAX_PMC + 1];
    uint32_t pmc_running;
    bool counting;     /* instructions are counted exactly */
    uint8_t pmu_el;    /* level for which running counters were chosen */
    bool pmu_filtered; /* a change of the exception level may start or stop counters */

    bool private_el1_code;     /* see mmu.c */
    uint32_t el1_code_domains; /* fields of DACR: domains that EL1 has run code of */
    bool low_global;           /* there were global pages in the lower range */
} ARMSys;

/* ARMBoard.power: values that PSCI's AFFINITY_INFO returns. */
enum { ARM_POWER_ON = 0, ARM_POWER_OFF = 1, ARM_POWER_ON_PENDING = 2 };

/* What boards set and reset keeps. */
typedef struct ARMBoard {
    bool made;
    uint64_t mpidr, resetvec, cbar, seed;
    uint64_t secure_base; /* of the secure physical addresses in the CPU's address space */
    Clocks *clocks;
    struct {
        void (*fn)(void *opaque, bool level);
        void *opaque;
        bool level;
    } out[ARM_OUT_COUNT];
    Timer timer[ARM_OUT_PMU], pmu_timer;
    GMutex timer_lock; /* timers: state against callbacks on the main loop */
    bool start_off;
    bool have_boot;
    ARMBootState boot;
    ARMConduit conduit;
    ARMPsciOps psci;
    const ARMGicv3Ops *gic;
    void *gic_opaque;
    uint8_t gic_state;      /* what the GIC was told last: see arm_gic_state_changed() */
    struct ARMDisas *disas; /* disas.c; NULL: not asked for yet */
    uint32_t power;         /* atomic: PSCI state, see psci.c */
    uint32_t tlbi_busy;     /* TLB maintenance was sent to other CPUs, see tlbi.c */
    uint32_t tlbi_queued;   /* atomic: by other CPUs to this one, and not done yet */
    uint32_t tlbi_all;      /* atomic: is a flush of everything among it? */
} ARMBoard;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * AArch64 system registers: the table made of sysreg.def, traps, VHE's other names, and what reads
 * and writes do (DDI 0487, chapters D19, D22, D24).
 *
 * Test: tests/unit/test-arm-sys.c
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include "target/arm/internals.h"
#include "rhea/log.h"

/* Access: a bit for read and one for write at each level. */
enum {
    R0 = 0x55,
    RW0 = 0xff,
    W0 = 0xaa,
    R1 = 0x54,
    RW1 = 0xfc,
    W1 = 0xa8,
    RW1R0 = 0xfd,
    R2 = 0x50,
    RW2 = 0xf0,
    R3 = 0x40,
    RW3 = 0xc0,
    R0W3 = 0xd5,
};

enum {
    TRAP_VM = 1 << 0, /* HCR_EL2.TVM, TRVM */
    TRAP_TID1 = 1 << 1,
    TRAP_TID2 = 1 << 2,
    TRAP_TID3 = 1 << 3,
    TRAP_TACR = 1 << 4,
    TRAP_TIDCP = 1 << 5,
    TRAP_TCPAC = 1 << 6,
    TRAP_TCPAC3 = 1 << 7, /* only those of EL3 */
    TRAP_TDA = 1 << 8,
    TRAP_TDOSA = 1 << 9,
    TRAP_TDRA = 1 << 10,
    TRAP_TDA3 = 1 << 11,
    TRAP_TPM = 1 << 12,
    TRAP_APK = 1 << 13,
    TRAP_TERR = 1 << 14,
    TRAP_UCT = 1 << 15,
    TRAP_UMA = 1 << 16,
    TRAP_TDCC = 1 << 17,
    TRAP_FP = 1 << 18,
    TRAP_SP0 = 1 << 19,
    TRAP_CNTFRQ = 1 << 20,
    TRAP_CNTPCT = 1 << 21,
    TRAP_CNTVCT = 1 << 22,
    TRAP_CNTP = 1 << 23,
    TRAP_CNTV = 1 << 24,
    TRAP_CNTPS = 1 << 25,
    TRAP_PMEN = 1 << 26, /* PMUSERENR_EL0: EN, */
    TRAP_PMSW = 1 << 27, /* or SW, */
    TRAP_PMCR = 1 << 28, /* or CR for reads, */
    TRAP_PMER = 1 << 29, /* or ER for reads (writes of PMSELR too) */
    TRAP_GIC = 1 << 30,
};

#define ALL          UINT64_MAX
#define UNDEFINED_EL 0xff

/* ------------------------------------------------------------------------------------------ */
/* Reads and writes */

#define READ(fn) static uint64_t read_##fn(ARMEnv *env, const ARMSysreg *r, uint32_t enc)
#define WRITE(fn)                                                                                  \
    static void write_##fn(ARMEnv *env, const ARMSysreg *r, uint32_t enc, uint64_t val)

static uint64_t *field_of(ARMEnv *env, const ARMSysreg *r)
{
    return (uint64_t *)((uint8_t *)env + r->offset);
}

static uint64_t real_mpidr(const ARMEnv *env)
{
    return env->board.mpidr | ARM_BIT(31);
}

READ(mpidr)
{
    return env->sys.el == 1 && arm_el2_enabled(env) ? env->sys.vmpidr : real_mpidr(env);
}

READ(pfr0)
{
    return env->cfg->id_aa64pfr0 | (env->board.gic ? UINT64_C(1) << 24 : 0);
}

READ(ccsidr)
{
    unsigned n = env->sys.csselr[1] & 15;

    return n < G_N_ELEMENTS(env->cfg->ccsidr) ? env->cfg->ccsidr[n] : 0;
}

READ(dczid)
{
    const ARMSys *s = &env->sys;
    bool dzp = s->el == 0 && !(s->sctlr[arm_in_host_el0(env) ? 2 : 1] & SCTLR_DZE);

    dzp |= s->el < 2 && (arm_hcr(env) & HCR_TDZ);
    return env->cfg->dczid | (dzp ? 16 : 0);
}

/* Cortex-A35 has SCTLR.ITD (its manual, B1.105). Where it is not implemented, as the architecture
 * permits, it reads as zero. */
static uint64_t sctlr_itd(const ARMEnv *env)
{
    return (env->cfg->midr >> 4 & 0xfff) == 0xd04 ? SCTLR_ITD : 0;
}

/* Bits of SCTLR_ELx that are there (D24.2.175). */
static uint64_t sctlr_mask(const ARMEnv *env, unsigned el)
{
    uint64_t m =
        SCTLR_M | SCTLR_A | SCTLR_C | SCTLR_SA | SCTLR_I | SCTLR_WXN | SCTLR_EE | 0x30c50800;

    if (el == 1 || (el == 2 && (env->sys.hcr & HCR_E2H))) {
        m |= SCTLR_SA0 | SCTLR_UMA | SCTLR_DZE | SCTLR_UCT | SCTLR_NTWI | SCTLR_NTWE | SCTLR_E0E |
             SCTLR_UCI | ARM_BIT(20);
        if (arm_cfg_has(env, ARM_FEAT_AARCH32)) {
            m |= SCTLR_CP15BEN | SCTLR_SED | sctlr_itd(env);
        }
    }
    m |= SCTLR_SA0 | SCTLR_CP15BEN; /* RES1 where there is no EL0 in the regime */
    if (arm_cfg_has(env, ARM_FEAT_PAUTH)) {
        m |= ARM_BIT(13) | ARM_BIT(27) | ARM_BIT(30) | ARM_BIT(31);
    }
    if (arm_cfg_has(env, ARM_FEAT_IESB)) {
        m |= ARM_BIT(21);
    }
    if (arm_cfg_has(env, ARM_FEAT_LSE2)) {
        m |= SCTLR_NAA;
    }
    if (arm_cfg_has(env, ARM_FEAT_BTI)) {
        m |= SCTLR_BT0 | SCTLR_BT1;
    }
    if (arm_cfg_has(env, ARM_FEAT_SSBS)) {
        m |= SCTLR_DSSBS;
    }
    return m;
}

/*
 * Bits of SCTLR and HSCTLR that can be written where their level uses AArch32 (DDI 0487, G8.2.126
 * and G8.2.63; DDI 0406, B4.1.130; for Armv5 and Armv6 DDI 0100, B3.4.1).
 */
static uint64_t sctlr_mask32(const ARMEnv *env, unsigned el)
{
    uint64_t m = SCTLR_M | SCTLR_A | SCTLR_C | SCTLR_I;

    if (el == 2) {
        m |= SCTLR_CP15BEN | SCTLR_WXN | SCTLR_EE | SCTLR_TE;
        return arm_cfg_has(env, ARM_FEAT_V8) ? m | SCTLR_SED | sctlr_itd(env) : m;
    }
    m |= SCTLR_V;
    if (!arm_cfg_has(env, ARM_FEAT_V6)) {
        return m | SCTLR_S | SCTLR_R | SCTLR_RR | SCTLR_L4;
    }
    m |= SCTLR_EE | SCTLR_TRE | SCTLR_AFE;
    if (!arm_cfg_has(env, ARM_FEAT_V7)) {
        return m | SCTLR_S | SCTLR_R | SCTLR_Z | SCTLR_L4 | SCTLR_U | SCTLR_XP;
    }
    m |= SCTLR_TE;
    if (arm_cfg_has(env, ARM_FEAT_LPAE)) {
        m |= SCTLR_CP15BEN | SCTLR_WXN | SCTLR_UWXN;
    }
    if (!arm_cfg_has(env, ARM_FEAT_V8)) {
        return m | SCTLR_SW | SCTLR_Z | SCTLR_RR;
    }
    m |= SCTLR_SED | SCTLR_NTWI | SCTLR_NTWE | sctlr_itd(env);
    m |= arm_cfg_has(env, ARM_FEAT_PAN) ? SCTLR_SPAN : 0;
    m |= arm_cfg_has(env, ARM_FEAT_SSBS) ? ARM_BIT(31) : 0;
    return m;
}

WRITE(sctlr)
{
    uint64_t *f = field_of(env, r), old = *f;
    unsigned el = f == &env->sys.sctlr[1] ? 1 : f == &env->sys.sctlr[2] ? 2 : 3;
    uint64_t cached = SCTLR_WXN | SCTLR_EE; /* what entries of the TLB depend on */

    if (arm_el_is_aa32(env, el)) {
        /* The others are read-only; those of Hyp mode have no reset value of their own. */
        uint64_t m = sctlr_mask32(env, el);
        *f = (val & m) | ((el == 2 ? 0x30c50830 : env->cfg->reset_sctlr) & ~m);
        cached |= SCTLR_UWXN | SCTLR_AFE | SCTLR_TRE | SCTLR_S | SCTLR_R | SCTLR_XP;
    } else {
        uint64_t m = sctlr_mask(env, el);
        if (el == 1 && env->sys.el > 1 && arm_cfg_has(env, ARM_FEAT_AARCH32_EL1)) {
            m |= sctlr_mask32(env, el); /* EL1 may be about to use AArch32 */
        }
        *f = val & m;
    }
    if ((old ^ *f) & cached) {
        tlb_flush_all(env->cpu.cpu);
    }
    if (old != *f) {
        /* The MMU is part of contexts' names, but those with it off hold nothing worth keeping. */
        if ((old ^ *f) & SCTLR_M) {
            tlb_flush_all(env->cpu.cpu);
        }
        arm_mmu_changed(env);
    }
}

WRITE(cpacr)
{
    /* AArch32 has fields for CP10 and CP11, which are to be the same (G8.2.32). */
    env->sys.cpacr = val & (arm_el_is_aa32(env, 1) ? 0xf00000 : 0x300000);
    arm_mode_changed(env);
}

WRITE(cptr2)
{
    /* RES1 bits without E2H; FPEN and the rest of CPACR_EL1's layout with it. */
    if (env->sys.hcr & HCR_E2H) {
        env->sys.cptr[2] = val & (CPTR_TCPAC | 0x300000);
    } else {
        uint64_t m = CPTR_TCPAC | CPTR_TFP;
        m |= arm_cfg_has(env, ARM_FEAT_AARCH64) ? 0 : CPTR_TASE;
        env->sys.cptr[2] = (val & m) | 0x33ff;
    }
    arm_mode_changed(env);
}

WRITE(cptr3)
{
    env->sys.cptr[3] = val & (CPTR_TCPAC | CPTR_TFP);
    arm_mode_changed(env);
}

WRITE(hcr)
{
    ARMSys *s = &env->sys;
    uint64_t m = HCR_V7, old = s->hcr;

    m |= arm_cfg_has(env, ARM_FEAT_V8) ? UINT64_C(0x7fffffff) | HCR_CD | HCR_ID : 0;
    m |= arm_cfg_has(env, ARM_FEAT_VHE) ? HCR_E2H : 0;
    m |= arm_cfg_has(env, ARM_FEAT_RAS) ? HCR_TERR | HCR_TEA : 0;
    m |= arm_cfg_has(env, ARM_FEAT_PAUTH) ? HCR_APK | HCR_API : 0;
    m |= arm_cfg_has(env, ARM_FEAT_LOR) ? ARM_BIT(35) : 0;
    m |= arm_cfg_has(env, ARM_FEAT_AARCH32_EL1) ? HCR_RW : 0;
    if (arm_cfg_has(env, ARM_FEAT_EL3)) {
        m &= ~HCR_HCD;
    }
    s->hcr = val & m;
    if (!arm_cfg_has(env, ARM_FEAT_AARCH32_EL1)) {
        s->hcr |= HCR_RW;
    }
    arm_hcr_changed(env);
    if ((old ^ s->hcr) & (HCR_VM | HCR_DC | HCR_PTW | HCR_E2H | HCR_TGE)) {
        tlb_flush_all(env->cpu.cpu);
    }
    arm_mmu_changed(env);
    arm_check_interrupts(env);
}

WRITE(scr)
{
    uint64_t m = SCR_NS | SCR_IRQ | SCR_FIQ | SCR_EA | SCR_SMD | SCR_HCE | SCR_SIF | SCR_ST |
                 SCR_TWI | SCR_TWE;

    m |= arm_cfg_has(env, ARM_FEAT_AARCH32_EL1) ? SCR_RW : 0;
    m |= arm_cfg_has(env, ARM_FEAT_RAS) ? SCR_TERR : 0;
    m |= arm_cfg_has(env, ARM_FEAT_PAUTH) ? SCR_APK | SCR_API : 0;
    if (!arm_cfg_has(env, ARM_FEAT_EL2)) {
        m &= ~(SCR_HCE | SCR_SMD);
    }
    if (arm_cfg_has(env, ARM_FEAT_AARCH64)) {
        env->sys.scr = (val & m) | 0x30;
        if (!arm_cfg_has(env, ARM_FEAT_AARCH32_EL1)) {
            env->sys.scr |= SCR_RW;
        }
    } else {
        m |= SCR_FW | SCR_AW;
        env->sys.scr = val & m & ~(SCR_RW | SCR_ST | SCR_APK | SCR_API);
        /* Outside Monitor mode the security state is SCR.NS (G1.3). */
        env->sys.el = arm_el_of_mode32(env, env->sys.pstate);
    }
    arm_hcr_changed(env);
    arm_mmu_changed(env);
    arm_check_interrupts(env);
}

WRITE(ttbr)
{
    *field_of(env, r) = val;
    arm_mmu_changed(env);
}

WRITE(vttbr)
{
    env->sys.vttbr = val;
    arm_mmu_changed(env);
}

WRITE(tcr)
{
    uint64_t *f = field_of(env, r), old = *f;

    *f = val;
    if (f == &env->sys.tcr[2] && !(env->sys.hcr & HCR_E2H)) {
        *f |= ARM_BIT(31) | ARM_BIT(23);
    } else if (f == &env->sys.tcr[3]) {
        *f |= ARM_BIT(31) | ARM_BIT(23);
    } else if (f == &env->sys.vtcr) {
        *f |= ARM_BIT(31);
    }
    if (old != *f) {
        arm_mmu_flush(env);
    }
}

WRITE(mair)
{
    *field_of(env, r) = val;
}

WRITE(contextidr)
{
    *field_of(env, r) = val & UINT32_MAX;
    arm_mmu_changed(env);
}

WRITE(spsr)
{
    *field_of(env, r) = val & UINT32_MAX;
}

/* The registers that are fields of PSTATE. */
static uint32_t pstate_bits(uint32_t enc)
{
    switch (enc) {
    case ARM_SYSREG(3, 0, 4, 2, 0):
        return PSTATE_SP;
    case ARM_SYSREG(3, 0, 4, 2, 2):
        return PSTATE_EL;
    case ARM_SYSREG(3, 0, 4, 2, 3):
        return PSTATE_PAN;
    case ARM_SYSREG(3, 0, 4, 2, 4):
        return PSTATE_UAO;
    case ARM_SYSREG(3, 3, 4, 2, 1):
        return PSTATE_DAIF;
    case ARM_SYSREG(3, 3, 4, 2, 5):
        return PSTATE_DIT;
    default:
        return PSTATE_SSBS;
    }
}

READ(pstate)
{
    return env->sys.pstate & pstate_bits(enc);
}

WRITE(pstate)
{
    uint32_t bits = pstate_bits(enc);

    if (bits == PSTATE_SP) {
        arm_set_sp_sel(env, val & 1);
        return;
    }
    env->sys.pstate = (env->sys.pstate & ~bits) | (val & bits);
    if (bits & (PSTATE_PAN | PSTATE_UAO)) {
        arm_mmu_changed(env);
    } else if (bits == PSTATE_DAIF) {
        if (env->sys.mdscr & MDSCR_SS) {
            arm_mode_changed(env);
        }
        arm_check_interrupts(env);
    }
}

READ(nzcv)
{
    return arm_pstate_read(env) & PSTATE_NZCV;
}

WRITE(nzcv)
{
    arm_set_nzcv(env, val);
}

READ(rvbar)
{
    unsigned op1 = enc >> 11 & 7, el = op1 == 0 ? 1 : op1 == 4 ? 2 : 3;

    return el == env->sys.highest_el ? env->board.resetvec : 0;
}

READ(isr)
{
    uint32_t lines = __atomic_load_n(&env->cpu.cpu->interrupts, __ATOMIC_RELAXED);
    uint64_t hcr = arm_hcr(env);
    bool low = env->sys.el < 2;
    bool vi = low && (hcr & HCR_IMO) && !(hcr & HCR_TGE);
    bool vf = low && (hcr & HCR_FMO) && !(hcr & HCR_TGE);
    bool va = low && (hcr & HCR_AMO) && !(hcr & HCR_TGE);
    uint64_t v = 0;

    v |= (vi ? (lines >> ARM_LINE_VIRQ & 1) || (hcr & HCR_VI) : lines >> ARM_LINE_IRQ & 1) << 7;
    v |= (vf ? (lines >> ARM_LINE_VFIQ & 1) || (hcr & HCR_VF) : lines >> ARM_LINE_FIQ & 1) << 6;
    v |= (va ? (lines >> ARM_LINE_VSERROR & 1) || (hcr & HCR_VSE) : lines >> ARM_LINE_SERROR & 1)
         << 8;
    return v;
}

READ(fpcr)
{
    return arm_fpcr_get(env);
}

WRITE(fpcr)
{
    if (arm_fpcr_set(env, val)) {
        arm_mode_changed(env);
    }
}

READ(fpsr)
{
    return arm_fpsr_get(env);
}

WRITE(fpsr)
{
    arm_fpsr_set(env, val);
}

/* Success clears NZCV (K12.? RNDR): NZCV is 0000 if a number was returned. */
READ(rndr)
{
    uint64_t v = 0;

    arm_set_nzcv(env, 0);
    if (env->board.seed) {
        env->board.seed ^= env->board.seed << 13;
        env->board.seed ^= env->board.seed >> 7;
        env->board.seed ^= env->board.seed << 17;
        return env->board.seed;
    }
    if (getrandom(&v, sizeof(v), GRND_NONBLOCK) != sizeof(v)) {
        arm_set_nzcv(env, 1u << 30);
    }
    return v;
}

/* ---- timers ---- */

READ(cntpct)
{
    return arm_timer_count(env);
}

/* The offset does not apply at EL2 with E2H, nor to EL0 below it (D11.2.3). */
READ(cntvct)
{
    uint64_t hcr = arm_hcr(env);
    bool plain =
        (env->sys.el == 2 && (hcr & HCR_E2H)) || (env->sys.el == 0 && arm_in_host_el0(env));

    return arm_timer_count(env) - (plain ? 0 : env->sys.cntvoff);
}

static unsigned timer_of(const ARMSysreg *r)
{
    return (r->offset - offsetof(ARMEnv, sys.timer)) / sizeof(ARMTimer);
}

READ(timer)
{
    unsigned t = timer_of(r);

    return (r->enc & 7) == 0   ? arm_timer_tval(env, t)
           : (r->enc & 7) == 1 ? arm_timer_ctl(env, t)
                               : env->sys.timer[t].cval;
}

WRITE(timer)
{
    unsigned t = timer_of(r);

    if ((r->enc & 7) == 0) {
        arm_timer_set_tval(env, t, val);
    } else if ((r->enc & 7) == 1) {
        arm_timer_set_ctl(env, t, val);
    } else {
        arm_timer_set_cval(env, t, val);
    }
}

WRITE(cntvoff)
{
    env->sys.cntvoff = val;
    arm_timers_changed(env);
}

/* ---- debug ---- */

WRITE(mdscr)
{
    env->sys.mdscr = val & 0xfc6ff041;
    arm_debug_changed(env);
}

/*
 * DBGDSCRext is MDSCR_EL1 with the method of entry (MOE), the security state and without SS; most
 * bits can be written only while the OS lock is set (G8.3.19).
 */
READ(dscr)
{
    return (env->sys.mdscr & ~MDSCR_SS) | (arm_secure(env) ? 0 : ARM_BIT(18));
}

WRITE(dscr)
{
    uint64_t m = env->sys.oslk & 1 ? 0xec68d07c : MDSCR_MDE | MDSCR_TDCC | MDSCR_MOE;

    env->sys.mdscr = (env->sys.mdscr & ~m) | (val & m);
    arm_debug_changed(env);
}

READ(dscrint)
{
    return read_dscr(env, r, enc) & (MDSCR_MDE | MDSCR_TDCC | MDSCR_MOE | ARM_BIT(18));
}

/* Vectors of the secure state (or the only one), Monitor mode and the non-secure state (G8.3.29) */
WRITE(vcr)
{
    uint32_t m = 0xde;

    if (arm_cfg_has(env, ARM_FEAT_EL3)) {
        m |= arm_cfg_has(env, ARM_FEAT_AARCH64) ? 0xde000000 : 0xde00dc00;
    }
    env->sys.vcr = val & m;
    arm_debug_changed(env);
}

WRITE(dbgoslar)
{
    env->sys.oslk = (uint32_t)val == 0xc5acce55;
    arm_debug_changed(env);
}

WRITE(oslar)
{
    env->sys.oslk = val & 1;
    arm_debug_changed(env);
}

READ(oslsr)
{
    return 8 | env->sys.oslk << 1; /* OSLM: implemented */
}

READ(claimset)
{
    return 0xff;
}

WRITE(claimset)
{
    env->sys.claim |= val & 0xff;
}

WRITE(claimclr)
{
    env->sys.claim &= ~(val & 0xff);
}

static unsigned bp_index(uint32_t enc)
{
    return enc >> 3 & 15;
}

READ(bp)
{
    const ARMSys *s = &env->sys;
    unsigned n = bp_index(enc);

    switch (enc & 7) {
    case 4:
        return s->bvr[n];
    case 5:
        return s->bcr[n];
    case 6:
        return s->wvr[n];
    default:
        return s->wcr[n];
    }
}

WRITE(bp)
{
    ARMSys *s = &env->sys;
    unsigned n = bp_index(enc);

    switch (enc & 7) {
    case 4:
        s->bvr[n] = val; /* all of it is a context's name */
        break;
    case 5:
        s->bcr[n] = val & 0x00ffe1e7;
        break;
    case 6:
        s->wvr[n] = val & ~UINT64_C(3);
        break;
    default:
        s->wcr[n] = val & 0x1f1fffff;
        break;
    }
    arm_debug_changed(env);
}

/* ---- implementation defined ---- */

READ(l2ctlr)
{
    unsigned n = 0;

    while (cpu_peer(env->cpu.cpu, n)) {
        n++;
    }
    return (uint64_t)MIN(n - 1, 3) << 24;
}

READ(cbar)
{
    return env->board.cbar;
}

WRITE(ignore)
{
}

/* ---- PMU ---- */

READ(pmcr)
{
    return arm_pmu_read(env, enc);
}

WRITE(pmcr)
{
    arm_pmu_write(env, enc, val);
}

READ(pmu)
{
    return arm_pmu_read(env, enc);
}

WRITE(pmu)
{
    arm_pmu_write(env, enc, val);
}

/* ---- GICv3 CPU interface ---- */

static ARMGicContext gic_context(const ARMEnv *env)
{
    uint64_t hcr = arm_hcr(env);
    bool low = env->sys.el < 2;

    return (ARMGicContext){
        .el = env->sys.el,
        .secure = arm_secure(env),
        .el3 = arm_cfg_has(env, ARM_FEAT_EL3),
        .virt_irq = low && (hcr & HCR_IMO),
        .virt_fiq = low && (hcr & HCR_FMO),
        .scr_irq = env->sys.scr & SCR_IRQ,
        .scr_fiq = env->sys.scr & SCR_FIQ,
    };
}

void arm_gic_state_changed(ARMEnv *env)
{
    uint8_t now = 1 | (env->sys.el == 3) << 1 | (uint8_t)arm_secure(env) << 2;

    if (env->board.gic_state != now) {
        ARMGicContext c = gic_context(env);

        env->board.gic_state = now;
        env->board.gic->state_changed(env->board.gic_opaque, &c);
    }
}

READ(gic)
{
    ARMGicContext c = gic_context(env);

    return env->board.gic->read(env->board.gic_opaque, enc, &c);
}

WRITE(gic)
{
    ARMGicContext c = gic_context(env);

    env->board.gic->write(env->board.gic_opaque, enc, val, &c);
    arm_check_interrupts(env);
}

/* ------------------------------------------------------------------------------------------ */
/* The table */

enum { ARM_FEAT_ANY = ARM_FEAT_COUNT };
#define x         cpu
#define T(name)   TRAP_##name
#define END       ARM_SR_END
#define FP        ARM_SR_FP
#define ROW(n, e) .name = #n, .enc = e

static const ARMSysreg rows[] = {
#define FLD(n, o0, o1, cn, cm, o2, acc, trap_, feat_, flags_, field, mask_)                        \
    {ROW(n, ARM_SYSREG(o0, o1, cn, cm, o2)),                                                       \
     .access = acc,                                                                                \
     .trap = trap_,                                                                                \
     .feat = ARM_FEAT_##feat_,                                                                     \
     .flags = flags_,                                                                              \
     .offset = offsetof(ARMEnv, field),                                                            \
     .mask = mask_},
#define CFG(n, o0, o1, cn, cm, o2, acc, trap_, feat_, width, field)                                \
    {ROW(n, ARM_SYSREG(o0, o1, cn, cm, o2)),                                                       \
     .access = acc,                                                                                \
     .trap = trap_,                                                                                \
     .feat = ARM_FEAT_##feat_,                                                                     \
     .flags = ARM_SR_##width,                                                                      \
     .offset = offsetof(ARMConfig, field)},
#define FUN(n, o0, o1, cn, cm, o2, acc, trap_, feat_, flags_, read_, write_, field)                \
    {ROW(n, ARM_SYSREG(o0, o1, cn, cm, o2)),                                                       \
     .access = acc,                                                                                \
     .trap = trap_,                                                                                \
     .feat = ARM_FEAT_##feat_,                                                                     \
     .flags = flags_,                                                                              \
     .offset = offsetof(ARMEnv, field),                                                            \
     .mask = ALL,                                                                                  \
     .read = read_,                                                                                \
     .write = write_},
#define RAZ(n, o0, o1, cn, cm, o2, acc, trap_, feat_)                                              \
    {ROW(n, ARM_SYSREG(o0, o1, cn, cm, o2)), .access = acc, .trap = trap_,                         \
     .feat = ARM_FEAT_##feat_, .flags = ARM_SR_RAZ},
#include "target/arm/sysreg.def"
#undef FLD
#undef CFG
#undef FUN
#undef RAZ
};
#undef x
#undef FP
#undef END

/* Groups of registers with one row. */
static const ARMSysreg row_id_raz = {"ID registers", .access = R1, .trap = TRAP_TID3,
                                     .feat = ARM_FEAT_ANY, .flags = ARM_SR_RAZ};
static const ARMSysreg row_bp = {"DBGBVRn_EL1",        .access = RW1,       .trap = TRAP_TDA,
                                 .feat = ARM_FEAT_ANY, .flags = ARM_SR_END, .mask = ALL,
                                 .read = read_bp,      .write = write_bp};
static const ARMSysreg row_pmev = {
    "PMEVCNTRn_EL0",      .access = RW0,       .trap = TRAP_PMER | TRAP_TPM,
    .feat = ARM_FEAT_PMU, .flags = ARM_SR_END, .mask = ALL,
    .read = read_pmu,     .write = write_pmu};
static const ARMSysreg row_gic = {
    "ICC_*",     .access = RW1,    .trap = TRAP_GIC,  .feat = ARM_FEAT_ANY, .flags = ARM_SR_END,
    .mask = ALL, .read = read_gic, .write = write_gic};
static const ARMSysreg row_gic_el2 = {
    "ICH_*",     .access = RW2,    .trap = TRAP_GIC,  .feat = ARM_FEAT_EL2, .flags = ARM_SR_END,
    .mask = ALL, .read = read_gic, .write = write_gic};
static const ARMSysreg row_gic_el3 = {"ICC_*_EL3",          .access = RW3,       .trap = TRAP_GIC,
                                      .feat = ARM_FEAT_EL3, .flags = ARM_SR_END, .mask = ALL,
                                      .read = read_gic,     .write = write_gic};

/* Constant numbers of the rows, for the compiler to make the search of. */
enum {
    BEFORE_FIRST = -1,
#define FLD(n, ...) ROW_##n,
#define CFG(n, ...) ROW_##n,
#define FUN(n, ...) ROW_##n,
#define RAZ(n, ...) ROW_##n,
#include "target/arm/sysreg.def"
#undef FLD
#undef CFG
#undef FUN
#undef RAZ
};

/* GIC: ICC_* are 3,0,4,6,0 (PMR), 3,0,12,8..12,n; ICH_* 3,4,12,8..15,n; EL3: 3,6,12,12,n. */
static const ARMSysreg *find_gic(uint32_t enc)
{
    unsigned op0 = enc >> 14, op1 = enc >> 11 & 7, crn = enc >> 7 & 15, crm = enc >> 3 & 15;

    if (op0 != 3) {
        return NULL;
    }
    if (enc == ARM_SYSREG(3, 0, 4, 6, 0)) {
        return &row_gic;
    }
    if (crn != 12 || crm < 8) {
        return NULL;
    }
    if (op1 == 0) {
        return crm <= 12 ? &row_gic : NULL;
    }
    return op1 == 4 ? &row_gic_el2 : op1 == 6 && crm == 12 ? &row_gic_el3 : NULL;
}

const ARMSysreg *arm_sysreg_find(uint32_t enc)
{
    unsigned op0 = enc >> 14, op1 = enc >> 11 & 7, crn = enc >> 7 & 15, crm = enc >> 3 & 15,
             op2 = enc & 7;

    switch (enc) {
#define CASE(n, o0, o1, cn, cm, o2)                                                                \
    case ARM_SYSREG(o0, o1, cn, cm, o2):                                                           \
        return &rows[ROW_##n];
#define FLD(n, o0, o1, cn, cm, o2, ...) CASE(n, o0, o1, cn, cm, o2)
#define CFG(n, o0, o1, cn, cm, o2, ...) CASE(n, o0, o1, cn, cm, o2)
#define FUN(n, o0, o1, cn, cm, o2, ...) CASE(n, o0, o1, cn, cm, o2)
#define RAZ(n, o0, o1, cn, cm, o2, ...) CASE(n, o0, o1, cn, cm, o2)
#include "target/arm/sysreg.def"
#undef FLD
#undef CFG
#undef FUN
#undef RAZ
    default:
        break;
    }
    if (op0 == 3 && op1 == 0 && crn == 0 && crm >= 1 && crm <= 7) {
        return &row_id_raz;
    }
    if (op0 == 2 && op1 == 0 && crn == 0 && op2 >= 4) {
        return &row_bp;
    }
    if (op0 == 3 && op1 == 3 && crn == 14 && crm >= 8) {
        return &row_pmev;
    }
    return find_gic(enc);
}

bool arm_sysreg_exists(const ARMConfig *c, const ARMSysreg *r)
{
    return r->feat == ARM_FEAT_ANY || arm_has(c, r->feat);
}

/* D8.15: at EL2 with E2H the names of EL1 mean EL2's registers, and _EL12, _EL02 those of EL1. */
static uint32_t e2h_enc(uint32_t enc, unsigned el)
{
    unsigned op1 = enc >> 11 & 7;

    if (enc >> 14 != 3) {
        return enc;
    }
    if (op1 == 5) {
        unsigned crn = enc >> 7 & 15, crm = enc >> 3 & 15;
        unsigned to = crn == 14 && crm != 1 ? 3 : 0;
        return (enc & ~(7u << 11)) | to << 11;
    }
    if (el != 2) {
        return enc;
    }
    switch (enc) {
    case ARM_SYSREG(3, 0, 1, 0, 2): /* CPACR: CPTR_EL2 */
        return ARM_SYSREG(3, 4, 1, 1, 2);
    case ARM_SYSREG(3, 0, 14, 1, 0): /* CNTKCTL: CNTHCTL_EL2 */
        return ARM_SYSREG(3, 4, 14, 1, 0);
    case ARM_SYSREG(3, 0, 1, 0, 0):
    case ARM_SYSREG(3, 0, 2, 0, 0):
    case ARM_SYSREG(3, 0, 2, 0, 1):
    case ARM_SYSREG(3, 0, 2, 0, 2):
    case ARM_SYSREG(3, 0, 4, 0, 0):
    case ARM_SYSREG(3, 0, 4, 0, 1):
    case ARM_SYSREG(3, 0, 5, 1, 0):
    case ARM_SYSREG(3, 0, 5, 1, 1):
    case ARM_SYSREG(3, 0, 5, 2, 0):
    case ARM_SYSREG(3, 0, 6, 0, 0):
    case ARM_SYSREG(3, 0, 10, 2, 0):
    case ARM_SYSREG(3, 0, 10, 3, 0):
    case ARM_SYSREG(3, 0, 12, 0, 0):
    case ARM_SYSREG(3, 0, 13, 0, 1):
        return enc | 4 << 11;
    case ARM_SYSREG(3, 3, 14, 2, 0):
    case ARM_SYSREG(3, 3, 14, 2, 1):
    case ARM_SYSREG(3, 3, 14, 2, 2):
    case ARM_SYSREG(3, 3, 14, 3, 0):
    case ARM_SYSREG(3, 3, 14, 3, 1):
    case ARM_SYSREG(3, 3, 14, 3, 2):
        return (enc & ~(7u << 11)) | 4 << 11;
    default:
        return enc;
    }
}

static bool e2h_alias(uint32_t enc)
{
    return enc >> 14 == 3 && (enc >> 11 & 7) == 5;
}

/* The row an access means in the present state, and the encoding it stands for. */
static const ARMSysreg *resolve(const ARMEnv *env, uint32_t *enc)
{
    bool e2h = arm_cfg_has(env, ARM_FEAT_VHE) && (env->sys.hcr & HCR_E2H);

    if (e2h_alias(*enc) && !(e2h && env->sys.el >= 2)) {
        return NULL;
    }
    if (e2h && env->sys.el >= 2) {
        *enc = e2h_enc(*enc, env->sys.el);
    }
    const ARMSysreg *r = arm_sysreg_find(*enc);
    if (r == &row_bp) {
        unsigned n = (*enc & 7) < 6 ? env->cfg->breakpoints : env->cfg->watchpoints;
        return bp_index(*enc) < n ? r : NULL;
    }
    return r;
}

/* ------------------------------------------------------------------------------------------ */
/* Traps */

/* EL0's accesses to the timers: CNTKCTL_EL1, or CNTHCTL_EL2 below a host; then CNTHCTL_EL2's own
 * traps (D11.2.6). */
static unsigned timer_trap(const ARMEnv *env, uint32_t trap)
{
    const ARMSys *s = &env->sys;
    uint64_t hcr = arm_hcr(env);
    bool host = arm_in_host_el0(env), e2h = hcr & HCR_E2H;
    uint64_t k = host ? s->cnthctl : s->cntkctl;
    unsigned to = host ? 2 : 1;

    if (s->el == 0) {
        if (trap & TRAP_CNTFRQ) {
            return k & 3 ? 0 : to;
        }
        if (((trap & TRAP_CNTPCT) && !(k & 1)) || ((trap & TRAP_CNTVCT) && !(k & 2)) ||
            ((trap & TRAP_CNTV) && !(k & ARM_BIT(8))) ||
            ((trap & TRAP_CNTP) && !(k & ARM_BIT(9)))) {
            return to;
        }
    }
    if (s->el < 2 && arm_el2_enabled(env) && !host) {
        if ((trap & TRAP_CNTPCT) && !(s->cnthctl & (e2h ? ARM_BIT(10) : 1))) {
            return 2;
        }
        if ((trap & TRAP_CNTP) && !(s->cnthctl & (e2h ? ARM_BIT(11) : 2))) {
            return 2;
        }
    }
    if (trap & TRAP_CNTPS) {
        if (s->el == 2 || (s->el == 1 && !arm_secure_below_el3(env))) {
            return UNDEFINED_EL;
        }
        if (s->el == 1 && !(s->scr & SCR_ST)) {
            return 3;
        }
    }
    return 0;
}

static unsigned pmu_trap(const ARMEnv *env, uint32_t trap, bool write)
{
    uint64_t u = env->sys.pmuserenr;
    bool ok = u & 1;

    if (env->sys.el == 0) {
        if (trap & TRAP_PMSW) {
            ok |= (u & 2) != 0;
        }
        if (trap & TRAP_PMCR) {
            ok |= (u & 4) && !write;
        }
        if (trap & TRAP_PMER) {
            ok |= (u & 8) && !write;
        }
        if ((trap & (TRAP_PMEN | TRAP_PMSW | TRAP_PMCR | TRAP_PMER)) && !ok) {
            return 1;
        }
    }
    if (trap & TRAP_TPM) {
        if (env->sys.el < 2 && arm_el2_enabled(env) && (env->sys.mdcr2 & MDCR2_TPM)) {
            return 2;
        }
        if (env->sys.el < 3 && arm_cfg_has(env, ARM_FEAT_EL3) && (env->sys.mdcr3 & MDCR3_TPM)) {
            return 3;
        }
    }
    return 0;
}

static unsigned debug_trap(const ARMEnv *env, uint32_t trap)
{
    const ARMSys *s = &env->sys;

    if ((trap & TRAP_TDCC) && s->el == 0 && (s->mdscr & MDSCR_TDCC)) {
        return arm_el_is_aa32(env, 1) ? UNDEFINED_EL : 1;
    }
    if (s->el < 2 && arm_el2_enabled(env) && !(trap & TRAP_TDA3)) {
        uint64_t m = MDCR2_TDE;
        m |= trap & TRAP_TDA ? MDCR2_TDA : 0;
        m |= trap & TRAP_TDOSA ? MDCR2_TDOSA : 0;
        m |= trap & TRAP_TDRA ? MDCR2_TDRA : 0;
        if ((s->mdcr2 & m) || (arm_hcr(env) & HCR_TGE)) {
            return 2;
        }
    }
    if (s->el < 3 && arm_cfg_has(env, ARM_FEAT_EL3) &&
        (s->mdcr3 & (trap & TRAP_TDOSA ? MDCR3_TDOSA : MDCR3_TDA))) {
        return 3;
    }
    return 0;
}

/* 0: allowed; UNDEFINED_EL; or the level that the access traps to. */
static unsigned trap_of(const ARMEnv *env, const ARMSysreg *r, uint32_t enc, bool write)
{
    const ARMSys *s = &env->sys;
    uint64_t hcr = arm_hcr(env);
    uint32_t t = r->trap;
    unsigned el = s->el, to = arm_in_host_el0(env) ? 2 : 1, res;
    bool el3 = arm_cfg_has(env, ARM_FEAT_EL3);

    if (!t) {
        return 0;
    }
    if (t & TRAP_GIC) {
        ARMGicContext c = gic_context(env);
        if (!env->board.gic) {
            return UNDEFINED_EL;
        }
        switch (env->board.gic->trap(env->board.gic_opaque, enc, write, &c)) {
        case ARM_GIC_OK:
            return 0;
        case ARM_GIC_TRAP_EL2:
            return 2;
        case ARM_GIC_TRAP_EL3:
            return 3;
        default:
            return UNDEFINED_EL;
        }
    }
    if (el == 0) {
        if (((t & TRAP_UCT) && !(s->sctlr[to] & SCTLR_UCT)) ||
            ((t & TRAP_UMA) && !(s->sctlr[to] & SCTLR_UMA))) {
            return to;
        }
        if (t & TRAP_TIDCP) {
            return UNDEFINED_EL;
        }
    }
    if ((t & TRAP_SP0) && !(s->pstate & PSTATE_SP)) {
        return UNDEFINED_EL;
    }
    if (t & (TRAP_CNTFRQ | TRAP_CNTPCT | TRAP_CNTVCT | TRAP_CNTP | TRAP_CNTV | TRAP_CNTPS)) {
        return timer_trap(env, t);
    }
    if (t & (TRAP_TPM | TRAP_PMEN | TRAP_PMSW | TRAP_PMCR | TRAP_PMER)) {
        return pmu_trap(env, t, write);
    }
    if (t & (TRAP_TDA | TRAP_TDOSA | TRAP_TDRA | TRAP_TDA3 | TRAP_TDCC)) {
        return debug_trap(env, t);
    }
    if (el == 1) {
        uint64_t m = 0;
        m |= t & TRAP_VM ? (write ? HCR_TVM : HCR_TRVM) : 0;
        m |= t & TRAP_TID1 ? HCR_TID1 : 0;
        m |= t & TRAP_TID3 ? HCR_TID3 : 0;
        m |= t & TRAP_TACR ? HCR_TACR : 0;
        m |= t & TRAP_TIDCP ? HCR_TIDCP : 0;
        m |= t & TRAP_TERR ? HCR_TERR : 0;
        if (hcr & m) {
            return 2;
        }
        if ((t & TRAP_TCPAC) && arm_el2_enabled(env) && (s->cptr[2] & CPTR_TCPAC)) {
            return 2;
        }
        if ((t & TRAP_APK) && arm_el2_enabled(env) && !(hcr & HCR_APK)) {
            return 2;
        }
    }
    if (el < 2 && (t & TRAP_TID2) && (hcr & HCR_TID2)) {
        return 2;
    }
    if (el < 3 && el3) {
        if ((t & (TRAP_TCPAC | TRAP_TCPAC3)) && (s->cptr[3] & CPTR_TCPAC)) {
            return 3;
        }
        if ((t & TRAP_APK) && !(s->scr & SCR_APK)) {
            return 3;
        }
        if ((t & TRAP_TERR) && (s->scr & SCR_TERR)) {
            return 3;
        }
    }
    if (t & TRAP_FP) {
        res = arm_fp_trap_el(env);
        return res;
    }
    return 0;
}

/* ISS of a trapped MRS, MSR or SYS instruction (D24.2.40). */
static uint32_t sysreg_syndrome(uint32_t insn)
{
    uint32_t enc = insn >> 5 & 0xffff;
    uint32_t iss = (enc >> 14) << 20 | (enc & 7) << 17 | (enc >> 11 & 7) << 14 |
                   (enc >> 7 & 15) << 10 | (insn & 31) << 5 | (enc >> 3 & 15) << 1 |
                   (insn >> 21 & 1);

    return ARM_SYN(EC_SYSREG, iss);
}

void arm_raise_sysreg(ARMEnv *env, uint32_t insn, unsigned el, uintptr_t ra)
{
    arm_raise(env, ARM_EXCP_UNDEF, sysreg_syndrome(insn), el, ra);
}

const ARMSysreg *arm_sysreg_check(ARMEnv *env, uint32_t *enc, bool write, uint32_t syndrome,
                                  uintptr_t ra)
{
    const ARMSysreg *r = resolve(env, enc);
    unsigned el;

    if (!r || !arm_sysreg_exists(env->cfg, r) || !(r->access >> (2 * env->sys.el + write) & 1)) {
        if (!r) {
            uint32_t e = *enc;
            rhea_log_mask(LOG_UNIMP, "CPU %u: %s of system register S%u_%u_C%u_C%u_%u at EL%u\n",
                          env->cpu.cpu->index, write ? "write" : "read", e >> 14, e >> 11 & 7,
                          e >> 7 & 15, e >> 3 & 15, e & 7, env->sys.el);
        }
        arm_raise_undefined(env, ra);
    }
    el = trap_of(env, r, *enc, write);
    if (el == UNDEFINED_EL) {
        arm_raise_undefined(env, ra);
    } else if (el && (r->trap & TRAP_FP)) {
        arm_raise(env, ARM_EXCP_UNDEF, ARM_SYN(EC_FP_TRAP, 0x1e00000), el, ra);
    } else if (el) {
        arm_raise(env, ARM_EXCP_UNDEF, syndrome, el, ra);
    }
    return r;
}

/* Find the register and check that the instruction may access it now. */
static const ARMSysreg *access_row(ARMEnv *env, uint32_t insn, bool write, uint32_t *enc,
                                   uintptr_t ra)
{
    *enc = (insn >> 5 & 0x7fff) | 0x8000;
    return arm_sysreg_check(env, enc, write, sysreg_syndrome(insn), ra);
}

uint64_t arm_sysreg_value(ARMEnv *env, const ARMSysreg *r, uint32_t enc)
{
    if (r->read) {
        return r->read(env, r, enc);
    }
    if (r->flags & ARM_SR_RAZ) {
        return 0;
    }
    const uint8_t *c = (const uint8_t *)env->cfg + r->offset;
    switch (r->flags & ARM_SR_WHERE) {
    case ARM_SR_CFG32:
        /* VPIDR_EL2 stands for MIDR_EL1 at EL1 (D24.2.123). */
        if (enc == ARM_SYSREG(3, 0, 0, 0, 0) && env->sys.el == 1 && arm_el2_enabled(env)) {
            return env->sys.vpidr;
        }
        return *(const uint32_t *)c;
    case ARM_SR_CFG64:
        return *(const uint64_t *)c;
    case ARM_SR_CFG8:
        return *c;
    default:
        return *field_of(env, r);
    }
}

void arm_sysreg_set(ARMEnv *env, const ARMSysreg *r, uint32_t enc, uint64_t val)
{
    if (r->write) {
        r->write(env, r, enc, val);
    } else if (!(r->flags & (ARM_SR_RAZ | ARM_SR_WHERE))) {
        uint64_t *f = field_of(env, r);
        *f = val & r->mask;
        if (r->flags & ARM_SR_END) {
            arm_mode_changed(env);
        }
    }
}

static uint64_t helper_arm_mrs(ARMEnv *env, uint32_t insn)
{
    uint32_t enc;
    const ARMSysreg *r = access_row(env, insn, false, &enc, RHEA_RA());

    return arm_sysreg_value(env, r, enc);
}
#define SYSREG_FLAGS                                                                               \
    (TCG_HELPER_FAULTS | TCG_HELPER_IO | TCG_HELPER_READS_ALL | TCG_HELPER_WRITES_ALL)
ARM_HELPER(mrs, I64, true, SYSREG_FLAGS, TCG_I32);
const TCGHelper arm_helper_mrs_fp = {
    .name = "arm_mrs_fp",
    .fn = (void *)helper_arm_mrs,
    .ret = TCG_I64,
    .nargs = 1,
    .args = {TCG_I32},
    .pass_env = true,
    .flags = SYSREG_FLAGS | TCG_HELPER_FP,
};

static void helper_arm_msr(ARMEnv *env, uint32_t insn, uint64_t val)
{
    uint32_t enc;
    const ARMSysreg *r = access_row(env, insn, true, &enc, RHEA_RA());

    arm_sysreg_set(env, r, enc, val);
}
ARM_HELPER(msr, VOID, true, SYSREG_FLAGS, TCG_I32, TCG_I64);
const TCGHelper arm_helper_msr_fp = {
    .name = "arm_msr_fp",
    .fn = (void *)helper_arm_msr,
    .ret = TCG_VOID,
    .nargs = 2,
    .args = {TCG_I32, TCG_I64},
    .pass_env = true,
    .flags = SYSREG_FLAGS | TCG_HELPER_FP,
};

static uint64_t helper_arm_cntvct(ARMEnv *env)
{
    return arm_timer_count(env) - env->sys.cntvoff;
}
ARM_HELPER(cntvct, I64, true, TCG_HELPER_IO);

/* ------------------------------------------------------------------------------------------ */
/* SYS: cache and TLB maintenance, address translation */

/* Level that a SYS instruction traps to, 0 or UNDEFINED_EL. */
static unsigned sys_trap(const ARMEnv *env, uint32_t enc)
{
    const ARMSys *s = &env->sys;
    unsigned op1 = enc >> 11 & 7, crn = enc >> 7 & 15, crm = enc >> 3 & 15, op2 = enc & 7;
    unsigned to = arm_in_host_el0(env) ? 2 : 1, el = s->el;
    uint64_t hcr = arm_hcr(env), m = 0;
    unsigned min = op1 == 3 ? 0 : op1 == 4 ? 2 : op1 == 6 ? 3 : 1;

    if (el < min || (op1 == 4 && !arm_cfg_has(env, ARM_FEAT_EL2)) ||
        (op1 == 4 && el == 3 && arm_secure_below_el3(env) && crn != 8)) {
        return UNDEFINED_EL;
    }
    if (crn == 8) {
        m = HCR_TTLB;
    } else if (op1 == 3 && crm == 4) { /* DC ZVA */
        if (el == 0 && !(s->sctlr[to] & SCTLR_DZE)) {
            return to;
        }
        return el < 2 && (hcr & HCR_TDZ) ? 2 : 0;
    } else if (op1 == 3) {
        if (el == 0 && !(s->sctlr[to] & SCTLR_UCI)) {
            return to;
        }
        m = crm == 5 || crm == 11 ? HCR_TPU : HCR_TPCP;
        return el < 2 && (hcr & m) ? 2 : 0;
    } else if (crm == 1 || crm == 5) { /* IC IALLU, IALLUIS */
        m = HCR_TPU;
    } else if (crm == 6 && op2 == 1) { /* DC IVAC */
        m = HCR_TPCP;
    } else if (op2 == 2 && crm != 8) { /* by set and way */
        m = HCR_TSW;
    }
    return el == 1 && (hcr & m) ? 2 : 0;
}

/* Is it a SYS instruction that exists? */
static bool sys_exists(const ARMConfig *c, uint32_t enc)
{
    unsigned op1 = enc >> 11 & 7, crn = enc >> 7 & 15, crm = enc >> 3 & 15, op2 = enc & 7;

    if (crn == 8) {
        bool os = crm == 1 || crm == 5, range = crm == 2 || crm == 5 || crm == 6;
        if (crm > 7 || (os && !arm_has(c, ARM_FEAT_TLBIOS)) ||
            (range && !arm_has(c, ARM_FEAT_TLBIRANGE))) {
            return false;
        }
        if (op1 == 0) {
            return crm != 0 && crm != 4 && op2 != 4 && op2 != 6 && (!range || (op2 & 1));
        }
        if (op1 == 4) {
            if (crm == 0 || crm == 4) {
                return op2 == 1 || op2 == 5 || arm_has(c, ARM_FEAT_TLBIRANGE);
            }
            return range ? op2 == 1 || op2 == 5 : op2 == 0 || op2 == 1 || op2 >= 4;
        }
        return op1 == 6 && arm_has(c, ARM_FEAT_EL3) && (op2 == 0 || op2 == 1 || op2 == 5);
    }
    if (crn != 7) {
        return false;
    }
    switch (op1) {
    case 0:
        return (op2 == 0 && (crm == 1 || crm == 5)) ||
               ((crm == 6 || crm == 10 || crm == 14) && (op2 == 2 || (op2 == 1 && crm == 6))) ||
               (crm == 8 && op2 < 4) || (crm == 9 && op2 < 2 && arm_has(c, ARM_FEAT_PAN2));
    case 3:
        if (op2 == 1) {
            return crm == 4 || crm == 5 || crm == 10 || crm == 11 || crm == 14 ||
                   (crm == 12 && arm_has(c, ARM_FEAT_DPB)) ||
                   (crm == 13 && arm_has(c, ARM_FEAT_DPB2));
        }
        return crm == 3 && (op2 == 4 || op2 == 5 || op2 == 7) && arm_has(c, ARM_FEAT_SPECRES);
    case 4:
        return crm == 8 && (op2 < 2 || op2 >= 4);
    case 6:
        return crm == 8 && op2 < 2 && arm_has(c, ARM_FEAT_EL3);
    default:
        return false;
    }
}

static void zero_block(ARMEnv *env, uint64_t va, uintptr_t ra)
{
    /* Device memory is never zeroed. */
    if (arm_data_is_device(env)) {
        arm_unaligned(env->cpu.cpu, va, TLB_WRITE, ra);
    }
    tlb_zero_block(env->cpu.cpu, va, 4u << (env->cfg->dczid & 15), ARM_TLB_DATA, ra);
}

static void helper_arm_sys(ARMEnv *env, uint32_t insn, uint64_t val)
{
    uint32_t enc = insn >> 5 & 0xffff;
    unsigned op1 = enc >> 11 & 7, crn = enc >> 7 & 15, crm = enc >> 3 & 15;
    unsigned el = sys_exists(env->cfg, enc) ? sys_trap(env, enc) : UNDEFINED_EL;

    if (el == UNDEFINED_EL) {
        rhea_log_mask(LOG_UNIMP, "CPU %u: SYS #%u, C%u, C%u, #%u at EL%u\n", env->cpu.cpu->index,
                      op1, crn, crm, enc & 7, env->sys.el);
        arm_raise_undefined(env, RHEA_RA());
    }
    if (el) {
        arm_raise_sysreg(env, insn, el, RHEA_RA());
    }
    if (crn == 8) {
        arm_tlbi_write(env, enc, val);
    } else if (crm == 8 || crm == 9) {
        arm_at_write(env, enc, val, RHEA_RA());
    } else if (op1 == 3 && crm == 4) {
        zero_block(env, val, RHEA_RA());
    }
}
ARM_HELPER(sys, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO, TCG_I32, TCG_I64);

/* ------------------------------------------------------------------------------------------ */
/* MSR (immediate) */

enum {
    IMM_UAO = 3,
    IMM_PAN = 4,
    IMM_SPSEL = 5,
    IMM_SSBS = 0x19,
    IMM_DIT = 0x1a,
    IMM_DAIFSET = 0x1e,
    IMM_DAIFCLR = 0x1f
};

/* field: op1:op2 */
static void helper_arm_msr_imm(ARMEnv *env, uint32_t insn)
{
    ARMSys *s = &env->sys;
    unsigned field = (insn >> 16 & 7) << 3 | (insn >> 5 & 7), imm = insn >> 8 & 15;
    uint32_t bit = 0;

    switch (field) {
    case IMM_UAO:
        bit = PSTATE_UAO;
        break;
    case IMM_PAN:
        bit = PSTATE_PAN;
        break;
    case IMM_SPSEL:
        arm_set_sp_sel(env, imm & 1);
        return;
    case IMM_SSBS:
        bit = PSTATE_SSBS;
        break;
    case IMM_DIT:
        bit = PSTATE_DIT;
        break;
    default:
        if (s->el == 0 && !(s->sctlr[arm_in_host_el0(env) ? 2 : 1] & SCTLR_UMA)) {
            arm_raise_sysreg(env, insn, arm_in_host_el0(env) ? 2 : 1, RHEA_RA());
        }
        if (field == IMM_DAIFSET) {
            s->pstate |= imm << 6;
        } else {
            s->pstate &= ~(imm << 6);
            arm_check_interrupts(env);
        }
        if (s->mdscr & MDSCR_SS) {
            arm_mode_changed(env);
        }
        return;
    }
    s->pstate = (s->pstate & ~bit) | (imm & 1 ? bit : 0);
    if (bit & (PSTATE_PAN | PSTATE_UAO)) {
        arm_mmu_changed(env);
    }
}
ARM_HELPER(msr_imm, VOID, true, SYSREG_FLAGS, TCG_I32);

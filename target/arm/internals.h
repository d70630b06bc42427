/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the files of target/arm's system side share: exceptions, register access, translation,
 * timers, counters, debug, firmware calls. Everything runs on the CPU's thread unless said
 * otherwise.
 */
#ifndef RHEA_TARGET_ARM_INTERNALS_H
#define RHEA_TARGET_ARM_INTERNALS_H

#include "target/arm/cpu.h"

/* ---- cpu.c ---- */
ARMEnv *arm_cpu_made(CPU *cpu); /* sets the board's part up when first asked */
void arm_reset(CPU *cpu);
void arm_dump_state(CPU *cpu, FILE *f);
unsigned arm_disas(CPU *cpu, uint64_t pc, const uint8_t *code, unsigned avail, GString *out);

/* ---- state ---- */
static inline bool arm_cfg_has(const ARMEnv *env, ARMFeat f)
{
    return arm_has(env->cfg, f);
}
/* Below EL3: is the security state secure? True at EL3. */
static inline bool arm_secure_below_el3(const ARMEnv *env)
{
    return arm_cfg_has(env, ARM_FEAT_EL3) && !(env->sys.scr & SCR_NS);
}
static inline bool arm_secure(const ARMEnv *env)
{
    return env->sys.el == 3 || arm_secure_below_el3(env);
}
/* EL2 is implemented and enabled in the security state below EL3. */
static inline bool arm_el2_enabled(const ARMEnv *env)
{
    return arm_cfg_has(env, ARM_FEAT_EL2) && !arm_secure_below_el3(env);
}
/* HCR_EL2 as far as it has an effect. */
static inline uint64_t arm_hcr(const ARMEnv *env)
{
    return env->sys.hcr_eff;
}
/* EL0 runs in the EL2&0 regime. */
static inline bool arm_in_host_el0(const ARMEnv *env)
{
    return (env->sys.hcr_eff & (HCR_E2H | HCR_TGE)) == (HCR_E2H | HCR_TGE);
}
/* Does exception level el use AArch32? For the current one and those above. */
bool arm_el_is_aa32(const ARMEnv *env, unsigned el);
void arm_hcr_changed(ARMEnv *env);
/* Bank of an AArch32 mode. */
unsigned arm_bank_of(unsigned mode);
/* The SPSR of an AArch32 mode; NULL if it has none. */
uint64_t *arm_spsr32(ARMEnv *env, unsigned mode);
unsigned arm_el_of_mode32(const ARMEnv *env, unsigned mode);
/* AArch32: write the bits of mask to CPSR, registers of the mode included. */
void arm_cpsr_write(ARMEnv *env, uint32_t val, uint32_t mask);
/* The flags N, Z, C, V from bits 31:28. */
void arm_set_nzcv(ARMEnv *env, uint32_t p);
/* The index of banked AArch32 registers: 3 in secure state with an AArch32 EL3, else 1. */
static inline unsigned arm_bank32(const ARMEnv *env)
{
    return arm_cfg_has(env, ARM_FEAT_EL3) && !arm_cfg_has(env, ARM_FEAT_AARCH64) &&
                   !(env->sys.scr & SCR_NS)
               ? 3
               : 1;
}

/* ---- excp.c ---- */
void arm_do_exception(CPU *cpu, int32_t excp);
bool arm_do_interrupt(CPU *cpu);
bool arm_has_work(CPU *cpu);
/* If an interrupt is to be taken now, make generated code return to the dispatcher. */
void arm_check_interrupts(ARMEnv *env);
void arm_set_sp_sel(ARMEnv *env, bool sp);
/* PSTATE.BTYPE in env->cpu.pc: takes it out of *pc. */
static inline unsigned arm_pc_btype(const ARMEnv *env, uint64_t *pc)
{
    unsigned btype = 0;

    if (!env->sys.aarch32 && arm_cfg_has(env, ARM_FEAT_BTI)) {
        btype = *pc & 3;
        *pc &= ~UINT64_C(3);
    }
    return btype;
}
/* The level that synchronous exceptions of the current one go to. */
unsigned arm_default_target_el(const ARMEnv *env);

/* ---- syndrome.c ---- */
/* Bits of ISS that tell what the load or store at pc does; 0: nothing is told (ISV is 0). */
uint32_t arm_data_abort_iss(ARMEnv *env, uint64_t pc);
/* Does the A64 instruction at pc read and write in one access: LDADD and the like, SWP, CAS, CASP?
 */
bool arm_insn_is_atomic(ARMEnv *env, uint64_t pc);
/* Is the instruction at pc one of 16 bits? */
bool arm_insn_is_narrow(ARMEnv *env, uint64_t pc);

/* ---- mmu.c ---- */
uint32_t arm_mode(const ARMEnv *env);
bool arm_tlb_fill(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                  bool probe, uintptr_t ra);
void arm_bus_error(CPU *cpu, uint64_t vaddr, uint64_t paddr, TlbAccess access,
                   uintptr_t ra) G_GNUC_NORETURN;
void arm_unaligned(CPU *cpu, uint64_t vaddr, TlbAccess access, uintptr_t ra) G_GNUC_NORETURN;
void arm_device_unaligned(CPU *cpu, uint64_t vaddr, TlbAccess access, unsigned idx, uintptr_t ra);
bool arm_debug_translate(CPU *cpu, uint64_t vaddr, uint64_t *paddr);
/* All data accesses are of Device memory because the MMU is off. */
bool arm_data_is_device(const ARMEnv *env);
/* A register that translations depend on has changed: drop what is cached. */
void arm_mmu_flush(ARMEnv *env);

/* How the current level sees the upper bits of a pointer. */
typedef struct ARMPtrLayout {
    bool tbi;      /* bits 63:56 are a tag */
    bool by_bit55; /* bit 55 tells the range apart even without a tag in this pointer; else 63 */
    uint8_t bits;  /* of the address */
} ARMPtrLayout;
ARMPtrLayout arm_ptr_layout(const ARMEnv *env, uint64_t ptr, bool data);
/* Bits of addresses in the upper or the lower range. */
unsigned arm_ptr_bits(const ARMEnv *env, bool high);

/* Translation regimes. */
typedef enum ARMRegime {
    ARM_REG_EL10,   /* EL1&0, non-secure */
    ARM_REG_EL10_S, /* EL1&0, secure, EL3 in AArch64 or no EL3 */
    ARM_REG_EL2,
    ARM_REG_EL20,
    ARM_REG_EL3, /* AArch32: PL1&0, secure */
} ARMRegime;
uint32_t arm_current_vmid(const ARMEnv *env);
uint32_t arm_asid_tag(ARMRegime regime, uint32_t vmid, uint32_t asid);

typedef enum ARMFault {
    ARM_FAULT_NONE,
    ARM_FAULT_ADDR_SIZE,
    ARM_FAULT_TRANSLATION,
    ARM_FAULT_ACCESS_FLAG,
    ARM_FAULT_PERMISSION,
    ARM_FAULT_DOMAIN, /* short descriptors */
    ARM_FAULT_EXTERNAL,
    ARM_FAULT_EXTERNAL_WALK,
    ARM_FAULT_ALIGNMENT,
    ARM_FAULT_DEBUG,
} ARMFault;

/* A walk's outcome. */
typedef struct ARMWalk {
    uint64_t paddr;
    uint8_t prot;      /* TLB_PROT_* */
    uint8_t page_bits; /* of the smaller of both stages' leaves */
    bool global;
    uint8_t attr; /* memory attributes as in MAIR: outer, inner */
    uint8_t sh;   /* shareability */
    bool device;  /* of Device type, by either stage */
    bool device2; /* by stage 2 alone */
    bool guarded; /* GP */
    bool ns;      /* the physical address is a non-secure one */
    /* If it failed: */
    ARMFault fault;
    int8_t level;
    bool s2, s1ptw; /* at stage 2; of an access by the stage 1 walk */
    uint8_t domain;
    uint64_t ipa;
    bool super; /* a supersection */
} ARMWalk;

enum { ARM_WALK_PRIV = 1, ARM_WALK_PAN = 2, ARM_WALK_DEBUG = 4, ARM_WALK_STAGE1 = 8 };
/* Translate for AT and tlb_fill; flags ARM_WALK_*. */
bool arm_walk(ARMEnv *env, ARMRegime regime, uint64_t vaddr, TlbAccess access, unsigned flags,
              ARMWalk *w);
/* The same for short descriptors; rel: the exception level that controls the regime. */
bool arm_walk_short(ARMEnv *env, unsigned rel, bool nested, uint64_t va, TlbAccess access,
                    unsigned flags, ARMWalk *w);
/* One 32-bit descriptor of a table, at a secure address or a non-secure one (w->ns); nested: an
 * intermediate address. False: *w says the fault. */
bool arm_desc_read32(ARMEnv *env, uint64_t pa, bool nested, bool be, unsigned flags, uint32_t *d,
                     ARMWalk *w);
/* SCTLR of the regime that the CPU is in. */
uint64_t arm_sctlr(const ARMEnv *env);
/* The regime of the current exception level, or of el. */
ARMRegime arm_regime(const ARMEnv *env, unsigned el);
bool arm_regime_uses_lpae(const ARMEnv *env, ARMRegime r);
/* Where the physical address is in the CPU's address space. */
static inline uint64_t arm_phys(const ARMEnv *env, uint64_t pa, bool ns)
{
    return ns ? pa : pa + env->board.secure_base;
}
/* Code in secure state may not lie in non-secure memory: SCR.SIF. */
static inline unsigned arm_secure_fetch_prot(const ARMEnv *env, const ARMWalk *w, bool secure)
{
    return secure && w->ns && (env->sys.scr & SCR_SIF) ? TLB_PROT_X : 0;
}
/* Leave with the abort that w says; iss: further bits of ISS. */
void arm_raise_abort(ARMEnv *env, uint64_t va, TlbAccess access, const ARMWalk *w, unsigned iss,
                     uintptr_t ra) G_GNUC_NORETURN;
/* Fault status code of the long-descriptor and AArch64 format: 6 bits. */
unsigned arm_fsc(const ARMWalk *w);
/* The same in the short-descriptor format of DFSR and IFSR, bits 10 and 3:0. */
unsigned arm_fsr_short(const ARMWalk *w);

/* ---- tlbi.c ---- */
void arm_tlbi_write(ARMEnv *env, uint32_t enc, uint64_t val);
void arm_at_write(ARMEnv *env, uint32_t enc, uint64_t val, uintptr_t ra);
/* AArch32's: op2 of c7, c8, or ARM_AT_HYP (ATS1HR) and up, ARM_AT_PAN (ATS1CPRP) and up. */
enum { ARM_AT_HYP = 8, ARM_AT_PAN = 10 };
void arm_at32_write(ARMEnv *env, unsigned op, uint32_t va, uintptr_t ra);

/* ---- sysreg.c ---- */
typedef struct ARMSysreg ARMSysreg;
struct ARMSysreg {
    const char *name;
    uint32_t enc;    /* ARM_SYSREG() */
    uint8_t access;  /* bit 2 el: readable at el, bit 2 el + 1: writable */
    uint8_t flags;   /* ARM_SR_* */
    uint16_t feat;   /* ARMFeat, or ARM_FEAT_COUNT */
    uint32_t trap;   /* ARM_TRAP_* */
    uint32_t offset; /* of its field: in ARMEnv, or in ARMConfig */
    uint64_t mask;   /* bits that can be written */
    uint64_t (*read)(ARMEnv *env, const ARMSysreg *r, uint32_t enc); /* NULL: the field */
    void (*write)(ARMEnv *env, const ARMSysreg *r, uint32_t enc, uint64_t val);
};
enum {
    ARM_SR_CFG32 = 1, /* the field is in ARMConfig, 32 bits */
    ARM_SR_CFG64 = 2,
    ARM_SR_CFG8 = 3,
    ARM_SR_WHERE = 3,
    ARM_SR_RAZ = 4,
    ARM_SR_END = 8, /* a write may change mode, translation or what is pending */
    ARM_SR_FP = 16,
    ARM_SR_E2H = 32, /* exists only with HCR_EL2.E2H (the _EL12 names) */
};
/* The row for an encoding, as seen without E2H; NULL: there is none. */
const ARMSysreg *arm_sysreg_find(uint32_t enc);
/* The row that an access at this level with HCR_EL2.E2H means (D8.15); NULL: none. */
const ARMSysreg *arm_sysreg_find_e2h(uint32_t enc, unsigned el);
/* Does this configuration have it? */
bool arm_sysreg_exists(const ARMConfig *c, const ARMSysreg *r);
/* Leave with the trap of an MRS, MSR or SYS instruction to level el. */
void arm_raise_sysreg(ARMEnv *env, uint32_t insn, unsigned el, uintptr_t ra) G_GNUC_NORETURN;
/* The row of *enc, which becomes what the name means here, after all checks; leaves with the trap
 * and its syndrome, or UNDEFINED. */
const ARMSysreg *arm_sysreg_check(ARMEnv *env, uint32_t *enc, bool write, uint32_t syndrome,
                                  uintptr_t ra);
uint64_t arm_sysreg_value(ARMEnv *env, const ARMSysreg *r, uint32_t enc);
void arm_sysreg_set(ARMEnv *env, const ARMSysreg *r, uint32_t enc, uint64_t val);

/* ---- pmu.c ---- */
uint64_t arm_pmu_read(ARMEnv *env, uint32_t enc);
void arm_pmu_write(ARMEnv *env, uint32_t enc, uint64_t val);
void arm_pmu_reset(ARMEnv *env);
/* The level or a control register changed: which counters run now? */
void arm_pmu_update(ARMEnv *env);

/* ---- timer.c ---- */
void arm_timers_reset(ARMEnv *env);
uint64_t arm_timer_count(ARMEnv *env); /* physical count */
uint64_t arm_timer_offset(ARMEnv *env, unsigned t);
uint64_t arm_timer_tval(ARMEnv *env, unsigned t);
uint64_t arm_timer_ctl(ARMEnv *env, unsigned t);
void arm_timer_set_cval(ARMEnv *env, unsigned t, uint64_t val);
void arm_timer_set_tval(ARMEnv *env, unsigned t, uint64_t val);
void arm_timer_set_ctl(ARMEnv *env, unsigned t, uint64_t val);
void arm_timers_changed(ARMEnv *env); /* an offset was written */
void arm_output(ARMEnv *env, ARMOutput out, bool level);

/* ---- debug.c ---- */
void arm_debug_changed(ARMEnv *env);
unsigned arm_debug_target_el(const ARMEnv *env);
/* DBGDSCRext.MOE, what made AArch32 take a debug exception last (G8.3.19) */
enum {
    ARM_MOE_BREAKPOINT = 1,
    ARM_MOE_BKPT = 3,
    ARM_MOE_VECTOR = 5,
    ARM_MOE_WATCHPOINT = 10,
};
void arm_debug_set_moe(ARMEnv *env, unsigned moe);
/* May the present level take breakpoints, watchpoints and steps? */
bool arm_debug_enabled(const ARMEnv *env);
/* Does a watchpoint lie in the page? */
bool arm_watch_page(const ARMEnv *env, uint64_t vaddr);
/* Leave with a watchpoint exception if one matches an access made with el's permissions. */
void arm_watch_check(ARMEnv *env, uint64_t vaddr, unsigned size, TlbAccess access, unsigned el,
                     uintptr_t ra);

/* ---- psci.c ---- */
/* An HVC or SMC that is the conduit: answer the call in x0..x3. */
void arm_psci_call(ARMEnv *env);
/* Is this HVC (else SMC) answered by the emulator? */
static inline bool arm_is_conduit(const ARMEnv *env, bool hvc)
{
    return env->board.conduit == (hvc ? ARM_CONDUIT_HVC : ARM_CONDUIT_SMC);
}

#endif

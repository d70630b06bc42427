/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm: the state of a CPU, its cells, the mode bits that key translations, and the helpers that
 * generated code calls. Internal to target/arm; boards use include/target/arm.h.
 *
 * One TargetDesc runs A64, A32 and T32. Cells are those of AArch64; AArch32 sees R0-R14 of the
 * current mode as the low halves of x[0]..x[14] (upper halves zero), and the other modes' banked
 * registers lie in bank arrays until a mode change swaps them in.
 *
 * Flags of AArch64 are three cells, chosen so that setting them computes nothing: two operands, and
 * what was done with them (ARM_FLAGS_*). arm_flags_nzcv() makes NZCV of them, in generated code
 * only where what set them is not known (flags.c). AArch32, where instructions set N and Z alone or
 * on a condition, has n    I64  N is bit 63, sign-extended z    I64  Z is (z == 0)        (the same
 * value as n nearly always) fx   I32  C and V are those of fx - fy, that is, C is fx >= fy, fy I32
 * but C is 0 if bit 1 of fcv is set; fcv  I32  then bit 0 of fcv inverts C, and bit 31 inverts V.
 * In each state those of the other are constant.
 *
 * Invariants
 *   - What translation and fetch depend on is only changed through arm_mmu_changed() /
 *     arm_mode_changed(), so that env->cpu.tlb[], .ctx and .mode always agree with it.
 *   - With FEAT_BTI, PSTATE.BTYPE is the two low bits of env->cpu.pc in AArch64, which are no part
 * of the address: indirect branches go to address | BTYPE, so that what they reach is another unit
 *     than what falls or branches into it, and its first instruction is known to be a target when
 *     it is translated. Nothing is checked at run time but that the address is aligned, by the
 *     branch: see a64_gen_jump_indirect(), arm_pc_btype().
 *   - FPCR.RMode and the cumulative flags but QC live in env->cpu.mxcsr and .fp_more (see
 *     fpu.c); env->fpcr has the other bits.
 *
 * All of it belongs to the CPU's own thread.
 */
#ifndef RHEA_TARGET_ARM_CPU_H
#define RHEA_TARGET_ARM_CPU_H

#include "accel/cpu.h"
#include "target/arm.h"
#include "target/arm/sys.h"
#include "target/helper.h"
#include "tcg/ir.h"

/*
 * Mode bits: all that a translation may depend on besides the configuration. Bits 9 and 10 and from
 * 13 on mean different things in the two execution states. At most 23 bits.
 */
enum {
    ARM_MODE_EL = 3 << 0,      /* exception level (AArch32: PL1 modes are 1 or 3, Hyp 2) */
    ARM_MODE_AARCH32 = 1 << 2, /* execution state */
    ARM_MODE_FP = 1 << 3,      /* FP and SIMD instructions do not trap */
    ARM_MODE_BE = 1 << 4,      /* data accesses are big-endian */
    ARM_MODE_ALIGN = 1 << 5,   /* SCTLR.A: every access must be aligned */
    ARM_MODE_FZ = 1 << 6,      /* FPCR.FZ */
    ARM_MODE_DN = 1 << 7,      /* FPCR.DN */
    ARM_MODE_SS = 1 << 8,      /* software step: one instruction, then the step exception */
    ARM_MODE_TBI0 = 1 << 9,    /* instruction addresses: top byte is ignored, lower range */
    ARM_MODE_TBI1 = 1 << 10,   /* the same, upper range */
    ARM_MODE_UNPRIV = 1 << 11, /* LDTR and STTR use the unprivileged context, env->tlb[1] */
    ARM_MODE_BREAK = 1 << 12,  /* breakpoints may match: look before each instruction */
    /* AArch64 */
    ARM_MODE_BTI = 1 << 13, /* branch targets are checked on guarded pages */
    ARM_MODE_SP = 1 << 14,  /* PSTATE.SP: the stack pointer is SP_ELx */
    ARM_MODE_E2H = 1 << 15, /* HCR_EL2.E2H is in effect */
    ARM_MODE_SA = 1 << 16,  /* SP must be aligned when it is the base of an access */
    ARM_MODE_NAA = 1 << 18, /* SCTLR.nAA: ordered accesses need not be aligned at all */
    ARM_MODE_IL = 1 << 17,  /* PSTATE.IL: every instruction is an illegal execution state */
    /* AArch32 */
    ARM_MODE_T = 1 << 13,     /* Thumb */
    ARM_MODE_TASE = 1 << 10,  /* HCPTR.TASE: Advanced SIMD traps to Hyp mode */
    ARM_MODE_ITD = 1 << 9,    /* SCTLR.ITD: few instructions may be in IT blocks */
    ARM_MODE_IT_SHIFT = 14,   /* ITSTATE, 8 bits */
    ARM_MODE_IT = 0xff << 14, /* as at the unit's entry; inside, the cell `it` has it */
    ARM_MODE_FPVEC = 1 << 22, /* FPSCR.LEN or STRIDE is not zero */
};

/* env->tlb[]: data contexts. */
enum {
    ARM_TLB_DATA = 0,   /* of the current exception level */
    ARM_TLB_UNPRIV = 1, /* of EL0 in the same regime, for LDTR and STTR */
};

enum {
    ARM_CELL_X0 = 0,
    ARM_CELL_SP = 31, /* of the current exception level */
    /* flags: see above */
    ARM_CELL_FLAG_X = 32,
    ARM_CELL_FLAG_Y,
    ARM_CELL_FLAG_KIND,
    ARM_CELL_N,
    ARM_CELL_Z,
    ARM_CELL_EXCL_ADDR,   /* I64: address of the exclusive load; ARM_EXCL_NONE: monitor is open */
    ARM_CELL_EXCL_VAL,    /* I64: what it loaded */
    ARM_CELL_EXCL_VAL_HI, /* I64: upper half of a pair */
    ARM_CELL_FX,
    ARM_CELL_FY,
    ARM_CELL_FCV,
    ARM_CELL_GE, /* I32: PSTATE.GE, 4 bits (A32) */
    ARM_CELL_IT, /* I32: ITSTATE of the instruction (T32) */
    ARM_CELL_V0, /* V128 */
    /* Parts of V0 to V15 as AArch32 has them. A unit names each V register by cells of one size
     * only (translate-vfp.c): to the IR, cells are different places. */
    ARM_CELL_D0 = ARM_CELL_V0 + 32, /* F64 */
    ARM_CELL_S0 = ARM_CELL_D0 + 32, /* F32 */
    /* FPSCR.NZCV: what was compared last; see arm_fpscr_nzcv() */
    ARM_CELL_FCMP_KIND = ARM_CELL_S0 + 32, /* I32 */
    ARM_CELL_FCMP_D0,                      /* F64 */
    ARM_CELL_FCMP_D1,
    ARM_CELL_FCMP_S0, /* F32 */
    ARM_CELL_FCMP_S1,
    ARM_CELL_COUNT
};
#define ARM_CELL_X(n)  (ARM_CELL_X0 + (n)) /* n: 0..30; 31 is SP */
#define ARM_CELL_VR(n) (ARM_CELL_V0 + (n)) /* n: 0..31 */
enum { ARM_FCV_INVERT = 1, ARM_FCV_LITERAL = 2 };
/* flag_kind: NZCV are those of flag_x and flag_y, or of their low halves, so: */
enum {
    ARM_FLAGS_NZCV,   /* they are bits 3:0 of x */
    ARM_FLAGS_SUB,    /* x - y */
    ARM_FLAGS_SUB_OF, /* a subtraction of y whose result x is */
    ARM_FLAGS_ADC_OF, /* an addition of y and ARM_FLAGS_CARRY whose result x is */
    ARM_FLAGS_AND,    /* x & y */
    ARM_FLAGS_FCMP,   /* comparing the numbers x and y; ARM_FLAGS_FZ: denormal ones are 0 */
    ARM_FLAGS_KIND = 7,
    ARM_FLAGS_64 = 8, /* 64 bits, else 32 */
    ARM_FLAGS_CARRY = 16,
    ARM_FLAGS_FZ = 32,
    ARM_FLAGS_C_KNOWN = 64, /* C is also bit 7 of flag_kind */
    ARM_FLAGS_C_BIT = 7,
};
#define ARM_EXCL_NONE UINT64_MAX

typedef struct ARMEnv {
    CPUEnv cpu;

    /* In front of x: beside CPUEnv's last fields, in reach of short displacements. */
    uint64_t flag_x, flag_y;
    uint32_t flag_kind;
    uint64_t x[32]; /* x[31]: SP of the current EL */
    uint64_t v[32][2] __attribute__((aligned(16)));
    uint32_t fx, fy, fcv;
    uint64_t nf, zf;
    uint32_t ge, it;
    uint32_t q; /* Q flag of AArch32, 0 or 1; stored by generated code with stenv */
    uint64_t excl_addr, excl_val, excl_val_hi;
    uint64_t pair[2]; /* what cmpxchg128 found */

    uint32_t fpcr; /* ARM_FPCR_* without RMode */
    /* AArch32: FPSCR.NZCV. Of the numbers that VCMP compared, made when it is asked for; or in bits
     * 31:28 of fp_nzcv. */
    uint32_t fcmp_kind; /* ARM_FCMP_* */
    uint32_t fcmp_s[2];
    uint32_t fp_nzcv;
    uint64_t fcmp_d[2];
    uint64_t qc[2] __attribute__((aligned(16)));      /* FPSR.QC: any bit is set */
    uint64_t vtmp[4][2] __attribute__((aligned(16))); /* operands and result of vector helpers */

    const ARMConfig *cfg;
    ARMSys sys;

    char check_end; /* from here on nothing is a function of the instructions alone */
    ARMBoard board;
} ARMEnv;

static inline ARMEnv *arm_env(CPU *cpu)
{
    return (ARMEnv *)cpu->env;
}

extern const TCGCell arm_cells[ARM_CELL_COUNT];

/* ---- fpu.c ---- */
enum {
    ARM_FPCR_LEN_SHIFT = 16, /* 3 bits, AArch32 only */
    ARM_FPCR_FZ16 = 1 << 19,
    ARM_FPCR_STRIDE_SHIFT = 20, /* 2 bits, AArch32 only */
    ARM_FPCR_RMODE_SHIFT = 22,  /* 2 bits */
    ARM_FPCR_FZ = 1 << 24,
    ARM_FPCR_DN = 1 << 25,
    ARM_FPCR_AHP = 1 << 26,
    ARM_FPSR_IOC = 1 << 0,
    ARM_FPSR_DZC = 1 << 1,
    ARM_FPSR_OFC = 1 << 2,
    ARM_FPSR_UFC = 1 << 3,
    ARM_FPSR_IXC = 1 << 4,
    ARM_FPSR_IDC = 1 << 7,
    ARM_FPSR_QC = 1 << 27,
};
/* MXCSR must be in env: TCG_HELPER_FP. The setters of FPCR and FPSCR return true if arm_fp_mode()
 * changed: the caller then calls arm_mode_changed(). */
void arm_fpu_reset(ARMEnv *env);
uint32_t arm_fpcr_get(const ARMEnv *env);
bool arm_fpcr_set(ARMEnv *env, uint32_t val);
uint32_t arm_fpsr_get(const ARMEnv *env);
void arm_fpsr_set(ARMEnv *env, uint32_t val);
uint32_t arm_fpscr_get(const ARMEnv *env); /* AArch32 */
bool arm_fpscr_set(ARMEnv *env, uint32_t val);
/* FPSCR.NZCV in bits 31:28, after VCMP of what fcmp_kind says. */
enum { ARM_FCMP_NONE, ARM_FCMP_SINGLE, ARM_FCMP_DOUBLE, ARM_FCMP_FZ = 4 };
uint32_t arm_fpscr_nzcv(const ARMEnv *env);
/* NZCV in bits 31:28 of comparing two numbers by their bits; fz: denormal ones are zero. */
uint32_t arm_fp_compare(uint64_t x, uint64_t y, bool f64, bool fz);
/* flags.c: NZCV in bits 3:0 of what the cells flag_x, flag_y and flag_kind hold. */
uint32_t arm_flags_nzcv(uint64_t x, uint64_t y, uint32_t kind);
/* The mode bits that follow from FPCR: ARM_MODE_FZ, DN and, for AArch32, FPVEC. */
uint32_t arm_fp_mode(const ARMEnv *env, bool aarch32);

/* ARM_HELPER(name, result, env?, flags, argument types...): see target/helper.h. */
#define ARM_HELPER(...) TARGET_HELPER(arm, __VA_ARGS__)

/* excp.c: leave with exception excp; syndrome: as in ESR_ELx, whoever takes it. target_el: 0 for
 * the default routing. ra as for cpu_raise_restore(). */
void arm_raise(ARMEnv *env, unsigned excp, uint32_t syndrome, unsigned target_el,
               uintptr_t ra) G_GNUC_NORETURN;
/* UNDEFINED at this instruction. */
void arm_raise_undefined(ARMEnv *env, uintptr_t ra) G_GNUC_NORETURN;
/* PC alignment fault; pc: env->cpu.pc of a CPU without FEAT_BTI. */
void arm_raise_pc_align(ARMEnv *env, uint64_t pc, uintptr_t ra) G_GNUC_NORETURN;
/* FP and SIMD: 0 if they may be used now, else the exception level that the access traps to. */
unsigned arm_fp_trap_el(const ARMEnv *env);
/* Leave with it, or UNDEFINED where there is none: FPEXC.EN is clear. */
void arm_raise_fp_trap(ARMEnv *env, uintptr_t ra) G_GNUC_NORETURN;
/* All of PSTATE as SPSR_ELx has it, flags and cells included, but for BTYPE. */
uint32_t arm_pstate_read(const ARMEnv *env);

/* Recompute contexts and mode bits after a register or a mode they depend on has changed. */
void arm_mmu_changed(ARMEnv *env);
/* EL3 was entered or left, or the security state changed, perhaps: the GIC hears of it. */
void arm_gic_state_changed(ARMEnv *env);
void arm_mode_changed(ARMEnv *env);

/* Exceptions of this instruction; do not return. */
extern const TCGHelper arm_helper_undefined; /* () */
extern const TCGHelper arm_helper_simd_trap; /* (): the same of Advanced SIMD in AArch32 */
extern const TCGHelper arm_helper_fp_trap;   /* (): FP and SIMD are disabled or trapped */
extern const TCGHelper arm_helper_raise;     /* (syndrome I32): to the default level */
extern const TCGHelper arm_helper_brk;       /* (syndrome I32): BRK, BKPT */
extern const TCGHelper arm_helper_pc_align;  /* (pc I64) */
extern const TCGHelper arm_helper_sp_align;  /* () */

/* System instructions; what each takes and returns is told where it is defined. */
extern const TCGHelper arm_helper_svc, arm_helper_hvc, arm_helper_smc, arm_helper_eret,
    arm_helper_misaligned;
extern const TCGHelper arm_helper_semihost;
/* Is the semihosting form of an instruction one at exception level el? Constant. */
bool arm_semihosting(const CPU *cpu, unsigned el);
extern const TCGHelper arm_helper_break; /* (pc I64): breakpoints */
extern const TCGHelper arm_helper_wfi, arm_helper_wfe, arm_helper_yield, arm_helper_step,
    arm_helper_dsb_wait, arm_helper_isb;
extern const TCGHelper arm_helper_mrs, arm_helper_mrs_fp, arm_helper_msr, arm_helper_msr_fp;
extern const TCGHelper arm_helper_msr_imm, arm_helper_sys, arm_helper_cntvct;

/* crc_helper.c: (crc I32, data I64, bytes I32) */
extern const TCGHelper arm_helper_crc32, arm_helper_crc32c;
/* pauth_helper.c: (pointer I64, modifier I64, key I32): I64; (pointer I64, data I32): I64;
 * (data I64, modifier I64): I64 */
extern const TCGHelper arm_helper_pac, arm_helper_aut, arm_helper_xpac, arm_helper_pacga;
/* atomic_helper.c: (address, expected low, high, new low, high, memop I32): I32 */
extern const TCGHelper arm_helper_cmpxchg128;

#endif

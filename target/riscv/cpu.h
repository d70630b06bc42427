/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V: the state of a hart, its cells, the mode bits that key translations, and the helpers
 * that generated code calls. Internal to target/riscv; boards use include/target/riscv.h.
 *
 * Invariants
 *   - On a 32-bit hart the upper halves of x[] and of all XLEN-wide CSR fields are zero.
 *   - What data translation and fetch depend on (privilege, mstatus, satp, PMP, menvcfg) is only
 *     changed through riscv_mmu_changed()/riscv_set_priv(), so that env->cpu.tlb[0], .ctx and .mode
 *     always agree with it.
 *   - frm and fflags live in env->cpu.mxcsr (rounding mode and sticky flags) while frm is one of
 *     the four modes that x86 has; env->frm is always right.
 *
 * All of it belongs to the hart's own thread.
 * Tests: tests/unit/test-riscv-*.c
 */
#ifndef RHEA_TARGET_RISCV_CPU_H
#define RHEA_TARGET_RISCV_CPU_H

#include "accel/cpu.h"
#include "target/riscv.h"
#include "tcg/ir.h"

/* Privilege levels, as in mstatus.MPP. */
enum { RISCV_PRV_U = 0, RISCV_PRV_S = 1, RISCV_PRV_M = 3 };

/*
 * Mode bits: all that a translation may depend on besides the configuration.
 *
 * FS is one bit, off or not: the kernel and the programs of one guest see FS change all the time
 * between clean and dirty, and units keyed by that would be translated twice. Instead a unit that
 * changes floating-point state stores 1 to env->fs_dirty (RISCV_FS_DIRTY_OFFSET, 8 bits, once per
 * unit before the first such instruction is enough: dirtiness may be imprecise, privileged
 * specification 3.1.6.6), and reads of mstatus.FS combine the two.
 */
enum {
    RISCV_MODE_PRIV = 3 << 0,     /* RISCV_PRV_* */
    RISCV_MODE_VIRT = 1 << 2,     /* V=1; room for H, always 0 */
    RISCV_MODE_FS = 1 << 3,       /* mstatus.FS is not off: floating point works */
    RISCV_MODE_VS = 1 << 4,       /* room for V, always 0 */
    RISCV_MODE_FRM_SOFT = 1 << 5, /* frm is RMM: a dynamic rounding mode means TCG_RND_RMM */
    RISCV_MODE_FRM_BAD = 1 << 6,  /* frm is 5, 6 or 7: a dynamic rounding mode is illegal */
    RISCV_MODE_XL32 = 1 << 7,     /* effective XLEN is 32 */
    RISCV_MODE_ICOUNT = 1 << 8,   /* a trigger counts instructions: see trigger.c */
    RISCV_MODE_WATCH = 1 << 9,    /* a trigger matches loads: atomics look at it too */
};

/*
 * Cells: x1..x31, f0..f31, then the reservation of LR. The riscv64 table has x as TCG_I64, the
 * riscv32 one as TCG_I32 (low half of the same field). f is TCG_F64 in both; narrower values are
 * NaN-boxed.
 */
enum {
    RISCV_CELL_X1 = 0,
    RISCV_CELL_F0 = 31,
    RISCV_CELL_RES_ADDR = 63, /* I64: address LR loaded from; RISCV_RES_NONE: no reservation */
    RISCV_CELL_RES_VAL = 64,  /* I64: what it loaded, sign-extended */
    RISCV_CELL_COUNT
};
#define RISCV_CELL_X(n) (RISCV_CELL_X1 + (n)-1) /* n: 1..31 */
#define RISCV_CELL_F(n) (RISCV_CELL_F0 + (n))
#define RISCV_RES_NONE  UINT64_MAX

extern const TCGCell riscv64_cells[RISCV_CELL_COUNT];
extern const TCGCell riscv32_cells[RISCV_CELL_COUNT];

/* Exceptions: numbers for cpu_raise_restore() and mcause (privileged specification, table 14). */
enum {
    RISCV_EXC_INSN_MISALIGNED = 0,
    RISCV_EXC_INSN_ACCESS = 1,
    RISCV_EXC_ILLEGAL = 2,
    RISCV_EXC_BREAKPOINT = 3,
    RISCV_EXC_LOAD_MISALIGNED = 4,
    RISCV_EXC_LOAD_ACCESS = 5,
    RISCV_EXC_STORE_MISALIGNED = 6,
    RISCV_EXC_STORE_ACCESS = 7,
    RISCV_EXC_ECALL_U = 8,
    RISCV_EXC_ECALL_S = 9,
    RISCV_EXC_ECALL_M = 11,
    RISCV_EXC_INSN_PAGE = 12,
    RISCV_EXC_LOAD_PAGE = 13,
    RISCV_EXC_STORE_PAGE = 15,
    RISCV_EXC_SOFTWARE_CHECK = 18, /* never raised; firmware delegates it */
    RISCV_EXC_TRIGGER = 64, /* not mcause's: a breakpoint exception by a trigger, with its tval */
};

/* Events that counters of this model know, beside cycles (1) and instructions (2). */
typedef enum RISCVEvent {
    RISCV_EVENT_DTLB_READ_MISS,  /* 0x10019 */
    RISCV_EVENT_DTLB_WRITE_MISS, /* 0x1001b */
    RISCV_EVENT_ITLB_MISS,       /* 0x10021 */
    RISCV_EVENT_COUNT
} RISCVEvent;

typedef struct RISCVPmpRange {
    uint64_t lo, hi; /* first and last byte; lo > hi: matches nothing */
} RISCVPmpRange;

#define RISCV_TRIGGERS 2

typedef struct RISCVTrigger {
    uint64_t tdata1, tdata2, tdata3;
    uint64_t lo, hi; /* derived: addresses that match; lo > hi: none */
} RISCVTrigger;

/* What the soft TLB is told of a privilege: contexts of data, without SUM, and of fetches. */
typedef struct RISCVContext {
    uint64_t data_key, fetch_key;
    uint32_t data_asid, fetch_asid, mode;
} RISCVContext;

typedef struct RISCVEnv {
    CPUEnv cpu;

    uint64_t x[32]; /* x[0] is not used */
    uint64_t f[32];
    uint64_t res_addr, res_val;

    uint8_t priv;     /* RISCV_PRV_* */
    uint8_t frm;      /* 0-7 */
    uint8_t fs_dirty; /* stored by generated code: floating-point state has changed */

    const RISCVConfig *cfg;
    uint64_t xmask; /* UINT64_MAX, or UINT32_MAX on a 32-bit hart */
    uint64_t tval;  /* for the exception being raised */

    char riscv_reset_begin; /* reset clears from here... */
    /* CSRs. mstatus and the other registers with a high half on RV32 are held whole. */
    uint64_t mstatus, misa, medeleg, mideleg, mie;
    uint64_t mip; /* bits that software has written; lines are in CPU.interrupts */
    uint64_t mtvec, mscratch, mepc, mcause, mtval;
    uint64_t stvec, sscratch, sepc, scause, stval, satp;
    uint64_t mcounteren, scounteren, mcountinhibit;
    uint64_t menvcfg, senvcfg, mseccfg;
    uint64_t mstateen[4], sstateen[4];
    uint64_t stimecmp;
    uint64_t hpm_event[32]; /* mhpmevent; 0 and 2: none */
    uint64_t hpm_base[32];  /* counter = base + its source if it runs, else base */
    uint32_t hpm_running;   /* counters that count now */
    bool counting;          /* instructions are counted exactly from now on, */
    bool counting_m;        /* until M mode is left: see pmu.c */
    uint32_t hpm_filtered;  /* counters that some privilege level inhibits */
    uint64_t pmpaddr[RISCV_PMP_MAX];
    uint8_t pmpcfg[RISCV_PMP_MAX];
    RISCVTrigger trigger[RISCV_TRIGGERS];
    uint64_t tselect, mcontext;
    uint64_t miselect, siselect;

    /* Derived. */
    bool trigger_watch, trigger_load, trigger_count; /* trigger.c */
    uint8_t trigger_trapped;                         /* triggers that match the trap being taken */
    RISCVPmpRange pmp[RISCV_PMP_MAX];
    uint8_t pmp_last; /* entries at and above are all off */
    /* ASID << 44 | root of tables that translations may be cached for, by ASID % 64 */
    uint64_t asid_root[64];

    char riscv_check_end;  /* from here on nothing is a function of the instructions alone */
    uint64_t hpm_seen[32]; /* value when overflow was last looked for */
    uint64_t hpm_events[RISCV_EVENT_COUNT]; /* occurrences of the events below */

    char riscv_reset_end; /* ...to here */

    /* Not guest state. */
    RISCVContext context[RISCV_PRV_S + 1]; /* of U and S, known since riscv_mmu_changed(): mmu.c */
    uint8_t contexts;                      /* bit n: context[n] holds */
    bool private_s_code;                   /* S-mode has run code that is not in a global mapping */
    bool made;                             /* hartid and resetvec are set */
    uint64_t hartid, resetvec;
    uint64_t seed_state; /* Zkr: xorshift state; 0: the host's entropy */
    RISCVTimeSource time;
    RISCVImsic imsic[2]; /* S, M; access NULL: none */
    Timer stimer;        /* stimecmp */
    Timer hpm_timer;     /* overflow of a counter */
} RISCVEnv;

#define RISCV_FS_DIRTY_OFFSET offsetof(RISCVEnv, fs_dirty)

static inline RISCVEnv *riscv_env(CPU *cpu)
{
    return (RISCVEnv *)cpu->env;
}

/* ---- translator side (owned by the decoder) ---- */
void riscv_translate(UnitContext *c);
unsigned riscv_disas(CPU *cpu, uint64_t pc, const uint8_t *code, unsigned avail, GString *out);

/* ---- helpers: TCGHelper riscv_helper_<name> ----
 *
 * Values are I64 on both widths (riscv32 zero-extends arguments and truncates results), `insn` is
 * I32: the instruction's bits (16-bit instructions: zero-extended), which become tval if it is
 * illegal. All may raise exceptions unless "pure".
 */
extern const TCGHelper riscv_helper_semihost; /* (pc) -> new pc: EBREAK that may be such a call */
/* May code of this privilege make semihosting calls? Constant. */
bool riscv_semihosting(const CPU *cpu, unsigned priv);
// clang-format off
#define RISCV_HELPERS(X)                                                                           \
    /* Exceptions; do not return. raise: (cause, tval), the others: (insn). */                     \
    X(raise) X(illegal) X(ebreak)                                                                  \
    /* CSRs, insn's bits 31:20 say which. read: (insn) -> value. write: (insn, value). rmw: (insn, \
     * value, mask) -> old value; writes (old & ~mask) | (value & mask); csrrw has mask -1, csrrs  \
     * (-1, rs1), csrrc (0, rs1). The _fp forms for fflags, frm, fcsr only (both directions). See  \
     * riscv_csr_ends_unit(). sstatus: (value, mask) -> old value, where sstatus exists. */        \
    X(csr_read) X(csr_write) X(csr_rmw) X(csr_read_fp) X(csr_write_fp) X(csr_rmw_fp)               \
    X(csr_sstatus)                                                                                 \
    /* (insn) -> new pc; the unit ends with exit_main. ecall: (pc) -> new pc, the same. */         \
    X(mret) X(sret) X(ecall)                                                                       \
    /* (insn): checks; may set CPU.halted. The unit ends with exit_main to the next instruction.   \
     * pause: (). */                                                                               \
    X(wfi) X(wrs) X(pause)                                                                         \
    /* sfence_vma: (insn, rs1, rs2) sfence.vma and sinval.vma; whether rs1/rs2 are x0 is taken     \
     * from insn. sfence_inval: (insn) sfence.w.inval, sfence.inval.ir. fence_i: (). The unit ends \
     * (exit_lookup). */                                                                           \
    X(fence_i) X(sfence_vma) X(sfence_inval)                                                       \
    /* (insn, address) */                                                                          \
    X(cbo_manage) X(cbo_zero)                                                                      \
    /* Zbc, Zbkb, Zbkx: pure. clmul*: (rs1, rs2). 32-bit forms work on the low halves. */          \
    X(clmul) X(clmulh) X(clmulr) X(clmulh32) X(clmulr32) X(brev8) X(zip32) X(unzip32)              \
    X(xperm4) X(xperm8) X(xperm4_32) X(xperm8_32)                                                  \
    /* Zknd, Zkne: pure. aes32*: (rs1, rs2, bs) with bs I64 0-3; aes64ks1i: (rs1, rnum). */        \
    X(aes32esi) X(aes32esmi) X(aes32dsi) X(aes32dsmi) X(aes64es) X(aes64esm) X(aes64ds)            \
    X(aes64dsm) X(aes64im) X(aes64ks1i) X(aes64ks2)                                                \
    /* Zfh, on the 64 bits of f registers (NaN boxes are checked and made here). rm: I32 as in the \
     * instruction, 7: dynamic (FRM_BAD was handled by the translator). */                         \
    X(fadd_h) X(fsub_h) X(fmul_h) X(fdiv_h)           /* (a, b, rm) */                             \
    X(fsqrt_h)                                        /* (a, rm) */                                \
    X(fmadd_h)                                        /* (a, b, c, rm | negate_product << 8 |      \
                                                       * negate_addend << 9) */                    \
    X(fmin_h) X(fmax_h) X(fminm_h) X(fmaxm_h)         /* (a, b) */                                 \
    X(feq_h) X(flt_h) X(fle_h) X(fltq_h) X(fleq_h)    /* (a, b) -> 0, 1 */                         \
    X(fclass_h) X(fclass_s) X(fclass_d)               /* (a), pure */                              \
    X(fcvt_s_h) X(fcvt_d_h)                           /* (a) -> f bits */                          \
    X(fcvt_h_s) X(fcvt_h_d)                           /* (a, rm) -> f bits */                      \
    X(fcvt_w_h) X(fcvt_wu_h) X(fcvt_l_h) X(fcvt_lu_h) /* (a, rm) -> x, sign-extended */            \
    X(fcvt_h_w) X(fcvt_h_wu) X(fcvt_h_l) X(fcvt_h_lu) /* (x, rm) -> f bits */                      \
    X(fround_h) X(froundnx_h)                         /* (a, rm) */                                \
    X(fcvtmod_w_d)                                    /* (a) -> x, sign-extended */                \
    X(icount)                                         /* before each insn: RISCV_MODE_ICOUNT */
// clang-format on

#define RISCV_DECLARE_HELPER(name) extern const TCGHelper riscv_helper_##name;
RISCV_HELPERS(RISCV_DECLARE_HELPER)

/*
 * What access to this CSR (write: one that writes) changes for the code after it.
 *   NO: nothing. LOOKUP: mode or translation: end the unit with exit_lookup. MAIN: interrupts may
 *   become enabled or pending too: end it with exit_main, or with exit_main if env->exit_request is
 *   not 0 (the helper has set it if there is an interrupt to take) and exit_lookup otherwise.
 */
typedef enum RISCVCsrEnd { RISCV_CSR_END_NO, RISCV_CSR_END_LOOKUP, RISCV_CSR_END_MAIN } RISCVCsrEnd;
RISCVCsrEnd riscv_csr_ends_unit(unsigned csr, bool write);

/* ---- C side ---- */

/* Leave with an exception; ra as for cpu_raise_restore(). */
void riscv_raise(RISCVEnv *env, unsigned cause, uint64_t tval, uintptr_t ra) G_GNUC_NORETURN;
void riscv_raise_illegal(RISCVEnv *env, uint32_t insn, uintptr_t ra) G_GNUC_NORETURN;

typedef enum RISCVCsrResult { RISCV_CSR_OK, RISCV_CSR_ILLEGAL } RISCVCsrResult;
/*
 * One CSR instruction: *old gets the value read (if old), then, if write, the register gets
 * (old & ~mask) | (val & mask). Privilege and existence checks included. ra: for exact counters, 0
 * if env is precise.
 */
RISCVCsrResult riscv_csr_access(RISCVEnv *env, unsigned csr, uint64_t *old, bool write,
                                uint64_t val, uint64_t mask, uintptr_t ra);
/* Value of a CSR for a printout, without side effects; false if there is nothing to show. */
bool riscv_csr_peek(RISCVEnv *env, unsigned csr, uint64_t *val);
/* Name of a CSR, for the disassembler; NULL if there is none of that number. */
const char *riscv_csr_name(unsigned csr);

/* pmu.c: counters, and the timers behind them and behind stimecmp. */
uint64_t riscv_counter_read(RISCVEnv *env, unsigned n, uintptr_t ra); /* n: 0-31, 1 is time */
void riscv_counter_write(RISCVEnv *env, unsigned n, uint64_t val, uintptr_t ra);
void riscv_mhpmevent_write(RISCVEnv *env, unsigned n, uint64_t val, uintptr_t ra);
void riscv_mcountinhibit_write(RISCVEnv *env, uint64_t val, uintptr_t ra);
/* M mode is about to be left for priv. */
void riscv_pmu_leave_m(RISCVEnv *env);
/* The privilege level is about to become priv: start and stop filtered counters. */
void riscv_hpm_set_priv(RISCVEnv *env, unsigned priv);
static inline void riscv_hpm_count_event(RISCVEnv *env, RISCVEvent e)
{
    env->hpm_events[e]++;
}
/* stimecmp, menvcfg.STCE or the time changed: set STIP and arm the timer. */
void riscv_stimer_update(RISCVEnv *env);
void riscv_pmu_reset(RISCVEnv *env);

/* Effective pending bits: lines and software's. */
uint64_t riscv_mip(RISCVEnv *env);
/* The one of these that comes first by 3.1.9, or -1. */
int riscv_top_interrupt(uint64_t pending);

/* aia.c: mireg, sireg, mtopei and stopei, as riscv_csr_access(); what else smstateen guards. */
RISCVCsrResult riscv_aia_access(RISCVEnv *env, unsigned csr, uint64_t *old, bool write,
                                uint64_t val, uint64_t mask);
bool riscv_aia_select_enabled(const RISCVEnv *env);
bool riscv_aia_topi_enabled(const RISCVEnv *env);
uint64_t riscv_aia_topi(RISCVEnv *env, bool machine);

/* If an interrupt is to be taken now, make generated code return to the dispatcher. */
void riscv_check_interrupts(RISCVEnv *env);

void riscv_set_priv(RISCVEnv *env, unsigned priv);
/* Select data and fetch contexts and the mode bits after any of their sources changed. */
void riscv_mmu_changed(RISCVEnv *env);
/* ... of nothing but the privilege. */
void riscv_mmu_priv_changed(RISCVEnv *env);
/* ... of nothing but mstatus.SUM. */
void riscv_mmu_sum_changed(RISCVEnv *env);
uint32_t riscv_mode(const RISCVEnv *env);
void riscv_satp_changed(RISCVEnv *env);

/* mmu.c: hooks of TargetDesc. */
bool riscv_tlb_fill(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                    bool probe, uintptr_t ra);
void riscv_bus_error(CPU *cpu, uint64_t vaddr, uint64_t paddr, TlbAccess access,
                     uintptr_t ra) G_GNUC_NORETURN;
void riscv_unaligned(CPU *cpu, uint64_t vaddr, TlbAccess access, uintptr_t ra) G_GNUC_NORETURN;
bool riscv_debug_translate(CPU *cpu, uint64_t vaddr, uint64_t *paddr);

/* pmp.c */
/* May [paddr, paddr + size) be accessed so (TLB_PROT_* bits) at privilege priv? */
bool riscv_pmp_check(const RISCVEnv *env, uint64_t paddr, uint64_t size, unsigned prot,
                     unsigned priv);
/* Permissions of the whole page around paddr; false if they vary inside it. */
bool riscv_pmp_page(const RISCVEnv *env, uint64_t paddr, unsigned priv, unsigned *prot);
void riscv_pmp_update(RISCVEnv *env); /* after pmpcfg, pmpaddr or mseccfg changed */
uint64_t riscv_pmpcfg_read(const RISCVEnv *env, unsigned reg);
void riscv_pmpcfg_write(RISCVEnv *env, unsigned reg, uint64_t val);
uint64_t riscv_pmpaddr_read(const RISCVEnv *env, unsigned n);
void riscv_pmpaddr_write(RISCVEnv *env, unsigned n, uint64_t val);
void riscv_mseccfg_write(RISCVEnv *env, uint64_t val);

/* trigger.c */
void riscv_trigger_reset(RISCVEnv *env);
uint64_t riscv_tinfo_read(const RISCVEnv *env);
void riscv_tselect_write(RISCVEnv *env, uint64_t val);
uint64_t riscv_tdata_read(const RISCVEnv *env, unsigned reg); /* reg: 1-3, of the selected one */
void riscv_tdata_write(RISCVEnv *env, unsigned reg, uint64_t val);
uint32_t riscv_trigger_mode(const RISCVEnv *env); /* mode bits */
/* May a trigger match some address of an access that begins in the page of vaddr? */
bool riscv_trigger_page(const RISCVEnv *env, uint64_t vaddr);
/* Raises the breakpoint exception if this access matches. A fetch: env->cpu.pc is right. */
void riscv_trigger_check(RISCVEnv *env, uint64_t vaddr, unsigned size, TlbAccess access,
                         uintptr_t ra);
/* A trap is about to be taken; after it has been: does a trigger fire in front of its handler? */
void riscv_trigger_trap(RISCVEnv *env, unsigned code, bool interrupt);
bool riscv_trigger_trapped(RISCVEnv *env);

/* excp.c: hooks of TargetDesc. */
void riscv_do_exception(CPU *cpu, int32_t excp);
bool riscv_do_interrupt(CPU *cpu);
bool riscv_has_work(CPU *cpu);

/* cpu.c */
extern const char *const riscv_x_names[32], *const riscv_f_names[32]; /* of the ABI */
void riscv_reset(CPU *cpu);
void riscv_dump_state(CPU *cpu, FILE *f);

/* fpu_helper.c: frm and fflags, mapped to and from env->cpu.mxcsr. */
unsigned riscv_fflags_get(const RISCVEnv *env);
void riscv_fflags_set(RISCVEnv *env, unsigned fflags);
void riscv_frm_set(RISCVEnv *env, unsigned frm);

#endif

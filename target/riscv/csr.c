/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V control and status registers: privileged specification 1.13, chapters 2, 3.1, 12.1, and
 * the extensions named in csr.def, which lists them all.
 *
 * Readers and writers handle whole 64-bit registers on RV32 too; riscv_csr_access() cuts out the
 * half a number stands for. Writers apply the WARL rules and bring everything derived up to date.
 *
 * Runs on the hart's thread. Test: tests/unit/test-riscv-csr.c
 */
#include <errno.h>
#include <sys/random.h>
#include "target/riscv/cpu.h"
#include "rhea/log.h"
#include "target/riscv/bits.h"

#define HAS(e) riscv_has(env->cfg, RISCV_EXT_##e)

static inline bool csr_rv32(const RISCVEnv *env)
{
    return env->cfg->xlen == 32;
}

/* ------------------------------------------------------------------------------------------ */
/* Predicates */

#define PRED(name) static bool csr_pred_##name(const RISCVEnv *env, unsigned csr, bool write)

PRED(any)
{
    return true;
}

PRED(s)
{
    return HAS(S);
}

PRED(u)
{
    return HAS(U);
}

PRED(v1_11)
{
    return env->cfg->priv_spec >= RISCV_PRIV_1_11;
}

PRED(v1_12)
{
    return env->cfg->priv_spec >= RISCV_PRIV_1_12;
}

PRED(u_v1_12)
{
    return HAS(U) && env->cfg->priv_spec >= RISCV_PRIV_1_12;
}

PRED(s_v1_13)
{
    return HAS(S) && env->cfg->priv_spec >= RISCV_PRIV_1_13;
}

PRED(fp)
{
    return HAS(F) && (env->mstatus & MSTATUS_FS);
}

/* Only read-write instructions reach the entropy source. */
PRED(seed)
{
    if (!HAS(ZKR) || !write) {
        return false;
    }
    switch (env->priv) {
    case RISCV_PRV_M:
        return true;
    case RISCV_PRV_S:
        return env->mseccfg & MSECCFG_SSEED;
    default:
        return env->mseccfg & MSECCFG_USEED;
    }
}

/* 3.1.11, 12.1.5 */
PRED(counter)
{
    unsigned n = csr & 31;

    if (n < 3 ? !HAS(ZICNTR) : !HAS(ZIHPM)) {
        return false;
    }
    if (env->priv != RISCV_PRV_M && !(env->mcounteren >> n & 1)) {
        return false;
    }
    return env->priv != RISCV_PRV_U || !HAS(S) || (env->scounteren >> n & 1);
}

PRED(mcounter)
{
    return (csr & 31) < 3 || HAS(ZIHPM);
}

PRED(mhpm)
{
    return HAS(ZIHPM);
}

PRED(mhpmeventh)
{
    return HAS(ZIHPM) && HAS(SSCOFPMF);
}

PRED(sscofpmf)
{
    return HAS(SSCOFPMF);
}

PRED(stimecmp)
{
    if (!HAS(SSTC) || !HAS(S)) {
        return false;
    }
    return env->priv == RISCV_PRV_M ||
           ((env->mcounteren & COUNTER_TM) && (env->menvcfg & ENVCFG_STCE));
}

PRED(satp)
{
    return HAS(S) && !(env->priv == RISCV_PRV_S && (env->mstatus & MSTATUS_TVM));
}

PRED(senvcfg)
{
    if (!HAS(S) || env->cfg->priv_spec < RISCV_PRIV_1_12) {
        return false;
    }
    return env->priv == RISCV_PRV_M || !HAS(SMSTATEEN) || (env->mstateen[0] & STATEEN0_ENVCFG);
}

PRED(mstateen)
{
    return HAS(SMSTATEEN);
}

PRED(sstateen)
{
    if (!HAS(S) || !(HAS(SMSTATEEN) || HAS(SSSTATEEN))) {
        return false;
    }
    return env->priv == RISCV_PRV_M || !HAS(SMSTATEEN) || (env->mstateen[csr & 3] & STATEEN_SE);
}

PRED(smaia)
{
    return HAS(SMAIA);
}

PRED(ssaia)
{
    return HAS(SSAIA) && HAS(S);
}

PRED(siselect)
{
    return HAS(SSAIA) && HAS(S) && riscv_aia_select_enabled(env);
}

PRED(stopi)
{
    return HAS(SSAIA) && HAS(S) && riscv_aia_topi_enabled(env);
}

PRED(sdtrig)
{
    return HAS(SDTRIG);
}

PRED(mseccfg)
{
    return HAS(SMEPMP) || HAS(ZKR);
}

/* Registers of 64 entries exist, however many work; of 16 before version 1.12. */
static bool csr_pmp_exists(const RISCVEnv *env, unsigned entry)
{
    return env->cfg->pmp_entries > 0 && (entry < 16 || env->cfg->priv_spec >= RISCV_PRIV_1_12);
}

PRED(pmp)
{
    return csr_pmp_exists(env, csr - 0x3b0);
}

PRED(pmpcfg)
{
    return csr_pmp_exists(env, (csr & 15) * 4) && (csr_rv32(env) || !(csr & 1));
}

/* ------------------------------------------------------------------------------------------ */
/* Readers and writers */

#define READ(name) static uint64_t csr_read_##name(RISCVEnv *env, unsigned csr, uintptr_t ra)
#define WRITE(name)                                                                                \
    static void csr_write_##name(RISCVEnv *env, unsigned csr, uint64_t val, uintptr_t ra)

/* A register that is a field of env, of which the bits in mask can be written. */
#define FIELD(name, field, mask)                                                                   \
    READ(name)                                                                                     \
    {                                                                                              \
        return env->field;                                                                         \
    }                                                                                              \
    WRITE(name)                                                                                    \
    {                                                                                              \
        uint64_t m = (mask);                                                                       \
        env->field = (env->field & ~m) | (val & m);                                                \
    }

#define csr_write_none NULL

READ(zero)
{
    return 0;
}

WRITE(ignore)
{
}

/* Floating point */

READ(fflags)
{
    return riscv_fflags_get(env);
}

WRITE(fflags)
{
    riscv_fflags_set(env, val & 31);
    env->fs_dirty = 1;
}

READ(frm)
{
    return env->frm;
}

WRITE(frm)
{
    riscv_frm_set(env, val & 7);
    env->fs_dirty = 1;
    riscv_mmu_changed(env);
}

READ(fcsr)
{
    return env->frm << 5 | riscv_fflags_get(env);
}

WRITE(fcsr)
{
    riscv_fflags_set(env, val & 31);
    csr_write_frm(env, csr, val >> 5, ra);
}

/* OPST in bits 31:30: 2 is ES16, entropy in bits 15:0; 1 is WAIT. */
READ(seed)
{
    uint16_t entropy;

    if (env->seed_state) {
        /* xorshift64* */
        uint64_t s = env->seed_state;
        s ^= s >> 12;
        s ^= s << 25;
        s ^= s >> 27;
        env->seed_state = s;
        entropy = (s * UINT64_C(0x2545f4914f6cdd1d)) >> 48;
    } else if (getrandom(&entropy, sizeof(entropy), GRND_NONBLOCK) != sizeof(entropy)) {
        return UINT64_C(1) << 30;
    }
    return UINT64_C(2) << 30 | entropy;
}

/* Counters */

READ(counter)
{
    return riscv_counter_read(env, csr & 31, ra);
}

WRITE(counter)
{
    riscv_counter_write(env, csr & 31, val, ra);
}

READ(mhpmevent)
{
    return env->hpm_event[csr & 31];
}

WRITE(mhpmevent)
{
    riscv_mhpmevent_write(env, csr & 31, val, ra);
}

READ(mcountinhibit)
{
    return env->mcountinhibit;
}

WRITE(mcountinhibit)
{
    riscv_mcountinhibit_write(env, val, ra);
}

READ(scountovf)
{
    uint64_t val = 0;

    for (unsigned n = 3; n < 32; n++) {
        val |= (env->hpm_event[n] >> 63) << n;
    }
    return env->priv == RISCV_PRV_M ? val : val & env->mcounteren;
}

static uint64_t csr_counter_mask(const RISCVEnv *env)
{
    uint64_t mask = HAS(ZICNTR) ? COUNTER_CY | COUNTER_TM | COUNTER_IR : 0;

    return mask | (HAS(ZIHPM) ? env->cfg->pmu_mask : 0);
}
FIELD(mcounteren, mcounteren, csr_counter_mask(env))
FIELD(scounteren, scounteren, csr_counter_mask(env))

READ(stimecmp)
{
    return env->stimecmp;
}

WRITE(stimecmp)
{
    env->stimecmp = val;
    riscv_stimer_update(env);
}

/* Status, 3.1.6 */

READ(mstatus)
{
    uint64_t val = env->mstatus;

    if ((val & MSTATUS_FS) && env->fs_dirty) {
        val |= MSTATUS_FS;
    }
    if ((val & MSTATUS_FS) == MSTATUS_FS) {
        val |= csr_rv32(env) ? MSTATUS_SD32 : MSTATUS_SD64;
    }
    return val;
}

static bool csr_priv_exists(const RISCVEnv *env, unsigned priv)
{
    return priv == RISCV_PRV_M || (priv == RISCV_PRV_S && HAS(S)) ||
           (priv == RISCV_PRV_U && HAS(U));
}

WRITE(mstatus)
{
    uint64_t old = env->mstatus, mask = MSTATUS_MIE | MSTATUS_MPIE;

    if (HAS(S)) {
        mask |= MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_TSR;
        if (env->cfg->vm_max != RISCV_VM_BARE) {
            mask |= MSTATUS_SUM | MSTATUS_MXR | MSTATUS_TVM;
        }
    }
    if (HAS(U)) {
        mask |= MSTATUS_MPRV | MSTATUS_TW;
    }
    if (HAS(F)) {
        mask |= MSTATUS_FS;
    }
    if (csr_priv_exists(env, (val & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT)) {
        mask |= MSTATUS_MPP;
    }
    env->mstatus = (old & ~mask) | (val & mask);
    env->fs_dirty = (env->mstatus & MSTATUS_FS) == MSTATUS_FS;
    uint64_t changed = old ^ env->mstatus;
    if (changed & (MSTATUS_MPRV | MSTATUS_MPP | MSTATUS_MXR | MSTATUS_FS)) {
        riscv_mmu_changed(env);
    } else if (changed & MSTATUS_SUM) {
        riscv_mmu_sum_changed(env);
    }
}

READ(sstatus)
{
    return csr_read_mstatus(env, csr, ra) &
           (SSTATUS_READ | (csr_rv32(env) ? MSTATUS_SD32 : MSTATUS_SD64));
}

WRITE(sstatus)
{
    uint64_t whole = csr_read_mstatus(env, csr, ra);

    csr_write_mstatus(env, csr, (whole & ~SSTATUS_WRITE) | (val & SSTATUS_WRITE), ra);
}

READ(misa)
{
    return env->misa;
}

/* Trap delegation, 3.1.8 */

static uint64_t csr_medeleg_mask(const RISCVEnv *env)
{
    return BIT64(RISCV_EXC_INSN_MISALIGNED) | BIT64(RISCV_EXC_INSN_ACCESS) |
           BIT64(RISCV_EXC_ILLEGAL) | BIT64(RISCV_EXC_BREAKPOINT) |
           BIT64(RISCV_EXC_LOAD_MISALIGNED) | BIT64(RISCV_EXC_LOAD_ACCESS) |
           BIT64(RISCV_EXC_STORE_MISALIGNED) | BIT64(RISCV_EXC_STORE_ACCESS) |
           BIT64(RISCV_EXC_ECALL_U) | BIT64(RISCV_EXC_ECALL_S) | BIT64(RISCV_EXC_INSN_PAGE) |
           BIT64(RISCV_EXC_LOAD_PAGE) | BIT64(RISCV_EXC_STORE_PAGE) |
           BIT64(RISCV_EXC_SOFTWARE_CHECK);
}
FIELD(medeleg, medeleg, csr_medeleg_mask(env))

static uint64_t csr_s_interrupts(const RISCVEnv *env)
{
    return MIP_SSIP | MIP_STIP | MIP_SEIP | (HAS(SSCOFPMF) ? MIP_LCOFIP : 0);
}
FIELD(mideleg, mideleg, csr_s_interrupts(env))

/* Interrupts, 3.1.9 */

static uint64_t csr_mie_mask(const RISCVEnv *env)
{
    return MIP_MSIP | MIP_MTIP | MIP_MEIP | (HAS(SSCOFPMF) ? MIP_LCOFIP : 0) |
           (HAS(S) ? csr_s_interrupts(env) : 0);
}
FIELD(mie, mie, csr_mie_mask(env))

READ(sie)
{
    return env->mie & env->mideleg;
}

WRITE(sie)
{
    uint64_t mask = env->mideleg & csr_s_interrupts(env);

    env->mie = (env->mie & ~mask) | (val & mask);
}

READ(mip)
{
    return riscv_mip(env);
}

/* SSIP and LCOFIP live among the lines, which devices and counters set as well. */
static void csr_set_line(RISCVEnv *env, unsigned line, bool level)
{
    CPU *cpu = env->cpu.cpu;

    if ((__atomic_load_n(&cpu->interrupts, __ATOMIC_RELAXED) >> line & 1) != level) {
        cpu_set_line(cpu, line, level);
    }
}

WRITE(mip)
{
    uint64_t mask = MIP_SEIP | (env->menvcfg & ENVCFG_STCE ? 0 : MIP_STIP);

    if (HAS(S)) {
        env->mip = (env->mip & ~mask) | (val & mask);
        csr_set_line(env, RISCV_LINE_SSI, val & MIP_SSIP);
    }
    if (HAS(SSCOFPMF)) {
        csr_set_line(env, RISCV_LINE_LCOFI, val & MIP_LCOFIP);
    }
}

/* What csrrs and csrrc start from: the line of the interrupt controller has no part in it. */
static uint64_t csr_mip_base(RISCVEnv *env)
{
    return (riscv_mip(env) & ~MIP_SEIP) | (env->mip & MIP_SEIP);
}

READ(sip)
{
    return riscv_mip(env) & env->mideleg;
}

WRITE(sip)
{
    if (env->mideleg & MIP_SSIP) {
        csr_set_line(env, RISCV_LINE_SSI, val & MIP_SSIP);
    }
    if (env->mideleg & MIP_LCOFIP) {
        csr_set_line(env, RISCV_LINE_LCOFI, val & MIP_LCOFIP);
    }
}

/* Advanced interrupt architecture 2.1, 5.2, 5.3: the rest is in aia.c */

FIELD(miselect, miselect, 0xff)
FIELD(siselect, siselect, 0xff)

READ(mtopi)
{
    return riscv_aia_topi(env, true);
}

READ(stopi)
{
    return riscv_aia_topi(env, false);
}

/* mvien is zero: these bits are those of mip that software can write. */
READ(mvip)
{
    uint64_t mask = MIP_SEIP | (env->menvcfg & ENVCFG_STCE ? 0 : MIP_STIP);

    return (env->mip & mask) | (riscv_mip(env) & MIP_SSIP);
}

WRITE(mvip)
{
    uint64_t mask = MIP_SEIP | (env->menvcfg & ENVCFG_STCE ? 0 : MIP_STIP);

    if (HAS(S)) {
        env->mip = (env->mip & ~mask) | (val & mask);
        csr_set_line(env, RISCV_LINE_SSI, val & MIP_SSIP);
    }
}

/* Trap vectors, 3.1.7: direct and vectored mode; a reserved mode leaves the register alone. */

READ(mtvec)
{
    return env->mtvec;
}

WRITE(mtvec)
{
    env->mtvec = val & 2 ? env->mtvec : val;
}

READ(stvec)
{
    return env->stvec;
}

WRITE(stvec)
{
    env->stvec = val & 2 ? env->stvec : val;
}

FIELD(mscratch, mscratch, env->xmask)
FIELD(sscratch, sscratch, env->xmask)
FIELD(mcause, mcause, env->xmask)
FIELD(scause, scause, env->xmask)
FIELD(mtval, mtval, env->xmask)
FIELD(stval, stval, env->xmask)

/* 3.1.14: the low bit is always 0, the next one where IALIGN is 32. */
static uint64_t csr_epc_mask(const RISCVEnv *env)
{
    return env->xmask & ~(HAS(ZCA) ? UINT64_C(1) : UINT64_C(3));
}
FIELD(mepc, mepc, csr_epc_mask(env))
FIELD(sepc, sepc, csr_epc_mask(env))

/* Environment configuration, 3.1.18, 12.1.10 */

static uint64_t csr_envcfg(const RISCVEnv *env, uint64_t old, uint64_t val, uint64_t mask)
{
    if (HAS(S)) {
        mask |= ENVCFG_FIOM;
    }
    if (HAS(ZICBOM)) {
        mask |= ENVCFG_CBCFE;
        if ((val & ENVCFG_CBIE) != BIT64(5)) { /* 2 is reserved */
            mask |= ENVCFG_CBIE;
        }
    }
    if (HAS(ZICBOZ)) {
        mask |= ENVCFG_CBZE;
    }
    return (old & ~mask) | (val & mask);
}

READ(menvcfg)
{
    return env->menvcfg;
}

WRITE(menvcfg)
{
    uint64_t old = env->menvcfg, mask = 0;

    mask |= HAS(SVPBMT) ? ENVCFG_PBMTE : 0;
    mask |= HAS(SVADU) ? ENVCFG_ADUE : 0;
    mask |= HAS(SSTC) ? ENVCFG_STCE : 0;
    env->menvcfg = csr_envcfg(env, old, val, mask);
    uint64_t changed = old ^ env->menvcfg;
    if (changed & (ENVCFG_PBMTE | ENVCFG_ADUE)) {
        tlb_flush_all(env->cpu.cpu);
    }
    if (changed & ENVCFG_STCE) {
        env->mip &= ~MIP_STIP;
        riscv_stimer_update(env);
    }
}

READ(senvcfg)
{
    return env->senvcfg;
}

WRITE(senvcfg)
{
    env->senvcfg = csr_envcfg(env, env->senvcfg, val, 0);
}

READ(mstateen)
{
    return env->mstateen[csr & 3];
}

WRITE(mstateen)
{
    uint64_t mask = STATEEN_SE;

    if ((csr & 3) == 0) {
        mask |= STATEEN0_ENVCFG;
        mask |= HAS(SSAIA) ? STATEEN0_CSRIND | STATEEN0_AIA | STATEEN0_IMSIC : 0;
    }
    env->mstateen[csr & 3] = val & mask;
}

/* No state that user mode could be kept from has a bit here. */
READ(sstateen)
{
    return env->sstateen[csr & 3] & env->mstateen[csr & 3];
}

WRITE(sstateen)
{
    env->sstateen[csr & 3] = 0;
}

READ(mseccfg)
{
    return env->mseccfg;
}

WRITE(mseccfg)
{
    riscv_mseccfg_write(env, val);
}

/* Translation and protection */

READ(satp)
{
    return env->satp;
}

/* 12.1.11: a scheme that is not there makes the whole write void. */
WRITE(satp)
{
    if (csr_rv32(env)) {
        bool sv32 = env->cfg->vm_max == RISCV_VM_SV32;
        val &= (sv32 ? SATP32_MODE : 0) | SATP32_ASID | SATP32_PPN;
    } else {
        RISCVVm vm = val >> 60;
        if (vm != RISCV_VM_BARE && (vm < RISCV_VM_SV39 || vm > env->cfg->vm_max)) {
            return;
        }
    }
    if (env->cfg->vm_max == RISCV_VM_BARE) {
        return;
    }
    if (val != env->satp) {
        env->satp = val;
        riscv_satp_changed(env);
    }
}

READ(pmpcfg)
{
    return riscv_pmpcfg_read(env, csr & 15);
}

WRITE(pmpcfg)
{
    riscv_pmpcfg_write(env, csr & 15, val);
}

READ(pmpaddr)
{
    return riscv_pmpaddr_read(env, csr - 0x3b0);
}

WRITE(pmpaddr)
{
    riscv_pmpaddr_write(env, csr - 0x3b0, val);
}

/* Debug triggers */

READ(tselect)
{
    return env->tselect;
}

WRITE(tselect)
{
    riscv_tselect_write(env, val);
}

READ(tdata)
{
    return riscv_tdata_read(env, csr & 3);
}

WRITE(tdata)
{
    riscv_tdata_write(env, csr & 3, val);
}

READ(tinfo)
{
    return riscv_tinfo_read(env);
}

/* 5.7.9: without H, 6 bits on RV32 and 13 on RV64. */
FIELD(mcontext, mcontext, csr_rv32(env) ? 0x3f : 0x1fff)

READ(mvendorid)
{
    return env->cfg->mvendorid;
}

READ(marchid)
{
    return env->cfg->marchid & env->xmask;
}

READ(mimpid)
{
    return env->cfg->mimpid & env->xmask;
}

READ(mhartid)
{
    return env->hartid & env->xmask;
}

/* ------------------------------------------------------------------------------------------ */
/* The table and access to it */

/* INDIRECT: riscv_aia_access() does all of it, as reading and writing have to be one step. */
typedef enum CsrPart { CSR_ALL, CSR_LOW, CSR_HIGH, CSR_INDIRECT } CsrPart;

typedef struct CsrRow {
    const char *name;
    bool (*pred)(const RISCVEnv *env, unsigned csr, bool write);
    uint64_t (*read)(RISCVEnv *env, unsigned csr, uintptr_t ra);
    void (*write)(RISCVEnv *env, unsigned csr, uint64_t val, uintptr_t ra);
    uint8_t part, after;
} CsrRow;

enum {
    CSR_ROW_NONE,
#define CSR(number, name, part, pred, read, write, after) CSR_ROW_##name,
#include "target/riscv/csr.def"
#undef CSR
};

static const CsrRow csr_rows[] = {
#define CSR(number, name, part, pred, read, write, after)                                          \
    [CSR_ROW_##name] = {#name,      csr_pred_##pred,      csr_read_##read, csr_write_##write,      \
                        CSR_##part, RISCV_CSR_END_##after},
#include "target/riscv/csr.def"
#undef CSR
};

static const uint16_t csr_index[4096] = {
#define CSR(number, name, part, pred, read, write, after) [number] = CSR_ROW_##name,
#include "target/riscv/csr.def"
#undef CSR
};

#define CSR_MIP 0x344

const char *riscv_csr_name(unsigned csr)
{
    return csr < G_N_ELEMENTS(csr_index) ? csr_rows[csr_index[csr]].name : NULL;
}

RISCVCsrEnd riscv_csr_ends_unit(unsigned csr, bool write)
{
    if (write) {
        return csr_rows[csr_index[csr & 0xfff]].after;
    }
    /* Reading instret, minstret or their high halves may begin the counting of instructions. */
    return (csr & 0xf7f) == 0xb02 || (csr & 0xf7f) == 0xc02 ? RISCV_CSR_END_LOOKUP
                                                            : RISCV_CSR_END_NO;
}

static uint64_t csr_part(const RISCVEnv *env, const CsrRow *row, uint64_t whole)
{
    return row->part == CSR_HIGH ? whole >> 32 : whole & env->xmask;
}

RISCVCsrResult riscv_csr_access(RISCVEnv *env, unsigned csr, uint64_t *old, bool write,
                                uint64_t val, uint64_t mask, uintptr_t ra)
{
    const CsrRow *row = &csr_rows[csr_index[csr & 0xfff]];
    unsigned priv = (csr >> 8) & 3;
    uint64_t whole = 0;

    if (!row->name || env->priv < priv || (write && !row->write) ||
        (row->part == CSR_HIGH && !csr_rv32(env)) || !row->pred(env, csr, write)) {
        return RISCV_CSR_ILLEGAL;
    }
    mask &= env->xmask;
    if (row->part == CSR_INDIRECT) {
        return riscv_aia_access(env, csr, old, write, val, mask);
    }
    bool split = csr_rv32(env) && row->part != CSR_ALL;
    if (old || split || mask != env->xmask) {
        whole = row->read(env, csr, ra);
        if (old) {
            *old = csr_part(env, row, whole);
        }
    }
    if (!write) {
        return RISCV_CSR_OK;
    }
    if (csr == CSR_MIP) {
        whole = csr_mip_base(env);
    }
    val = (csr_part(env, row, whole) & ~mask) | (val & mask);
    if (split) {
        val = row->part == CSR_HIGH ? (uint32_t)whole | val << 32
                                    : (whole & ~UINT64_C(0xffffffff)) | val;
    }
    row->write(env, csr, val, ra);
    if (row->after == RISCV_CSR_END_MAIN) {
        riscv_check_interrupts(env);
    }
    return RISCV_CSR_OK;
}

bool riscv_csr_peek(RISCVEnv *env, unsigned csr, uint64_t *val)
{
    const CsrRow *row = &csr_rows[csr_index[csr & 0xfff]];
    uint8_t priv = env->priv;
    bool ok;

    if (row->read == csr_read_seed || (row->read == csr_read_counter && (csr & 31) > 2 &&
                                       !(env->cfg->pmu_mask >> (csr & 31) & 1))) {
        return false;
    }
    /* What M mode would see. */
    env->priv = RISCV_PRV_M;
    ok = riscv_csr_access(env, csr, val, false, 0, 0, 0) == RISCV_CSR_OK;
    env->priv = priv;
    return ok;
}

/* Helpers */

static uint64_t helper_riscv_csr_read(RISCVEnv *env, uint32_t insn)
{
    uint64_t old = 0;

    if (riscv_csr_access(env, insn >> 20, &old, false, 0, 0, RHEA_RA()) != RISCV_CSR_OK) {
        riscv_raise_illegal(env, insn, RHEA_RA());
    }
    return old;
}

static void helper_riscv_csr_write(RISCVEnv *env, uint32_t insn, uint64_t val)
{
    if (riscv_csr_access(env, insn >> 20, NULL, true, val, UINT64_MAX, RHEA_RA()) != RISCV_CSR_OK) {
        riscv_raise_illegal(env, insn, RHEA_RA());
    }
}

static uint64_t helper_riscv_csr_rmw(RISCVEnv *env, uint32_t insn, uint64_t val, uint64_t mask)
{
    uint64_t old = 0;

    if (riscv_csr_access(env, insn >> 20, &old, true, val, mask, RHEA_RA()) != RISCV_CSR_OK) {
        riscv_raise_illegal(env, insn, RHEA_RA());
    }
    return old;
}

/* sstatus, where it exists: its old value; the bits in mask become those of val. */
static uint64_t helper_riscv_csr_sstatus(RISCVEnv *env, uint64_t val, uint64_t mask)
{
    uint64_t old = csr_read_sstatus(env, CSR_SSTATUS, 0);

    csr_write_sstatus(env, CSR_SSTATUS, (old & ~mask) | (val & mask), 0);
    riscv_check_interrupts(env);
    return old;
}
RISCV_HELPER(csr_sstatus, I64, true, TCG_HELPER_IO, TCG_I64, TCG_I64);

#define helper_riscv_csr_read_fp  helper_riscv_csr_read
#define helper_riscv_csr_write_fp helper_riscv_csr_write
#define helper_riscv_csr_rmw_fp   helper_riscv_csr_rmw

#define CSR_HELPER (TCG_HELPER_FAULTS | TCG_HELPER_IO)
RISCV_HELPER(csr_read, I64, true, CSR_HELPER, TCG_I32);
RISCV_HELPER(csr_write, VOID, true, CSR_HELPER, TCG_I32, TCG_I64);
RISCV_HELPER(csr_rmw, I64, true, CSR_HELPER, TCG_I32, TCG_I64, TCG_I64);
RISCV_HELPER(csr_read_fp, I64, true, CSR_HELPER | TCG_HELPER_FP, TCG_I32);
RISCV_HELPER(csr_write_fp, VOID, true, CSR_HELPER | TCG_HELPER_FP, TCG_I32, TCG_I64);
RISCV_HELPER(csr_rmw_fp, I64, true, CSR_HELPER | TCG_HELPER_FP, TCG_I32, TCG_I64, TCG_I64);

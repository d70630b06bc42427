/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V physical memory protection: privileged specification 3.7, and chapter "Smepmp".
 *
 * env->pmp[] holds the byte range of each entry, made anew by riscv_pmp_update() whenever a PMP
 * register changes; entries at and above env->pmp_last are off. Runs on the hart's thread.
 *
 * Test: tests/unit/test-riscv-mmu.c, test-riscv-csr.c
 */
#include "target/riscv/cpu.h"
#include "rhea/log.h"
#include "target/riscv/bits.h"

#define PMP_ADDR_BITS64 54

static bool pmp_entry_locked(const RISCVEnv *env, unsigned n)
{
    return (env->pmpcfg[n] & PMP_L) && !(env->mseccfg & MSECCFG_RLB);
}

/* What entry n allows at priv, as TLB_PROT_* (PMP_R, W, X have the same values). */
static unsigned pmp_entry_prot(const RISCVEnv *env, unsigned n, unsigned priv)
{
    unsigned cfg = env->pmpcfg[n], rwx = cfg & 7;
    bool m = priv == RISCV_PRV_M;

    if (!(env->mseccfg & MSECCFG_MML)) {
        return m && !(cfg & PMP_L) ? 7 : rwx;
    }
    /* Smepmp, truth table for MML=1. */
    bool locked = cfg & PMP_L;
    switch (rwx) {
    case PMP_W:
        return locked ? PMP_X : m ? PMP_R | PMP_W : PMP_R;
    case PMP_W | PMP_X:
        return !locked ? PMP_R | PMP_W : m ? PMP_R | PMP_X : PMP_X;
    case PMP_R | PMP_W | PMP_X:
        if (locked) {
            return PMP_R;
        }
        break;
    }
    return locked == m ? rwx : 0;
}

static unsigned pmp_default_prot(const RISCVEnv *env, unsigned priv)
{
    if (priv != RISCV_PRV_M) {
        return 0;
    }
    if (env->mseccfg & MSECCFG_MMWP) {
        return 0;
    }
    return env->mseccfg & MSECCFG_MML ? PMP_R | PMP_W : 7;
}

bool riscv_pmp_check(const RISCVEnv *env, uint64_t paddr, uint64_t size, unsigned prot,
                     unsigned priv)
{
    uint64_t last = paddr + size - 1;

    if (!env->cfg->pmp_entries) {
        return true;
    }
    for (unsigned n = 0; n < env->pmp_last; n++) {
        const RISCVPmpRange *r = &env->pmp[n];
        if (r->lo > last || r->hi < paddr || r->lo > r->hi) {
            continue;
        }
        return r->lo <= paddr && last <= r->hi && !(prot & ~pmp_entry_prot(env, n, priv));
    }
    return !(prot & ~pmp_default_prot(env, priv));
}

bool riscv_pmp_page(const RISCVEnv *env, uint64_t paddr, unsigned priv, unsigned *prot)
{
    uint64_t first = paddr & TLB_PAGE_MASK, last = first | ~TLB_PAGE_MASK;

    *prot = 7;
    if (!env->cfg->pmp_entries) {
        return true;
    }
    for (unsigned n = 0; n < env->pmp_last; n++) {
        const RISCVPmpRange *r = &env->pmp[n];
        if (r->lo > last || r->hi < first || r->lo > r->hi) {
            continue;
        }
        *prot = pmp_entry_prot(env, n, priv);
        return r->lo <= first && last <= r->hi;
    }
    *prot = pmp_default_prot(env, priv);
    return true;
}

/* 3.7.1.1 */
void riscv_pmp_update(RISCVEnv *env)
{
    unsigned grain = env->cfg->pmp_grain;

    env->pmp_last = 0;
    for (unsigned n = 0; n < env->cfg->pmp_entries; n++) {
        RISCVPmpRange *r = &env->pmp[n];
        uint64_t addr = env->pmpaddr[n];

        *r = (RISCVPmpRange){1, 0};
        switch (env->pmpcfg[n] & PMP_A) {
        case PMP_A_OFF:
            continue;
        case PMP_A_TOR: {
            uint64_t mask = grain ? ~(BIT64(grain) - 1) : UINT64_MAX;
            uint64_t lo = n ? env->pmpaddr[n - 1] & mask : 0, hi = addr & mask;
            if (lo < hi) {
                *r = (RISCVPmpRange){lo << 2, (hi << 2) - 1};
            }
            break;
        }
        case PMP_A_NA4:
            *r = (RISCVPmpRange){addr << 2, (addr << 2) + 3};
            break;
        case PMP_A_NAPOT: {
            if (grain >= 2) {
                addr |= BIT64(grain - 1) - 1;
            }
            /* The lowest 0 of addr and all below it do not count: bytes = 8 << trailing ones. */
            uint64_t low = addr ^ (addr + 1);
            r->lo = (addr & ~low) << 2;
            r->hi = r->lo | (low << 2) | 3;
            break;
        }
        }
        env->pmp_last = n + 1;
    }
    tlb_flush_all(env->cpu.cpu);
    riscv_mmu_changed(env);
}

uint64_t riscv_pmpcfg_read(const RISCVEnv *env, unsigned reg)
{
    unsigned count = env->cfg->xlen / 8, first = reg * 4;
    uint64_t val = 0;

    for (unsigned i = 0; i < count && first + i < env->cfg->pmp_entries; i++) {
        val |= (uint64_t)env->pmpcfg[first + i] << (8 * i);
    }
    return val;
}

/* 3.7.1: WARL rules of one entry. */
static void pmpcfg_write_entry(RISCVEnv *env, unsigned n, uint8_t val)
{
    bool mml = env->mseccfg & MSECCFG_MML, rlb = env->mseccfg & MSECCFG_RLB;

    if (pmp_entry_locked(env, n)) {
        rhea_log_mask(LOG_GUEST_ERROR, "pmpcfg: write to locked entry %u ignored\n", n);
        return;
    }
    val &= PMP_L | PMP_A | 7;
    if (mml && !rlb) {
        /* No new rule may be executable in M mode: LRWX of 1001, 1010, 1011, 1101. */
        switch (val & (PMP_L | 7)) {
        case PMP_L | PMP_X:
        case PMP_L | PMP_W:
        case PMP_L | PMP_W | PMP_X:
        case PMP_L | PMP_R | PMP_X:
            rhea_log_mask(LOG_GUEST_ERROR,
                          "pmpcfg: entry %u executable in M mode with MML set: ignored\n", n);
            return;
        }
    }
    if (!mml && (val & (PMP_R | PMP_W)) == PMP_W) {
        val &= ~PMP_W;
    }
    if (env->cfg->pmp_grain && (val & PMP_A) == PMP_A_NA4) {
        val = (val & ~PMP_A) | (env->pmpcfg[n] & PMP_A);
    }
    env->pmpcfg[n] = val;
}

void riscv_pmpcfg_write(RISCVEnv *env, unsigned reg, uint64_t val)
{
    unsigned count = env->cfg->xlen / 8, first = reg * 4;

    for (unsigned i = 0; i < count && first + i < env->cfg->pmp_entries; i++) {
        pmpcfg_write_entry(env, first + i, val >> (8 * i));
    }
    riscv_pmp_update(env);
}

uint64_t riscv_pmpaddr_read(const RISCVEnv *env, unsigned n)
{
    unsigned grain = env->cfg->pmp_grain;
    uint64_t val;

    if (n >= env->cfg->pmp_entries) {
        return 0;
    }
    val = env->pmpaddr[n];
    if (grain >= 2 && (env->pmpcfg[n] & PMP_A_NA4)) {
        val |= BIT64(grain - 1) - 1;
    } else if (grain && !(env->pmpcfg[n] & PMP_A_NA4)) {
        val &= ~(BIT64(grain) - 1);
    }
    return val;
}

void riscv_pmpaddr_write(RISCVEnv *env, unsigned n, uint64_t val)
{
    if (n >= env->cfg->pmp_entries) {
        return;
    }
    bool next_locks = n + 1 < env->cfg->pmp_entries && pmp_entry_locked(env, n + 1) &&
                      (env->pmpcfg[n + 1] & PMP_A) == PMP_A_TOR;
    if (pmp_entry_locked(env, n) || next_locks) {
        rhea_log_mask(LOG_GUEST_ERROR, "pmpaddr%u: write to locked entry ignored\n", n);
        return;
    }
    env->pmpaddr[n] = env->cfg->xlen == 64 ? val & (BIT64(PMP_ADDR_BITS64) - 1) : (uint32_t)val;
    riscv_pmp_update(env);
}

/* 3.1.19 */
void riscv_mseccfg_write(RISCVEnv *env, uint64_t val)
{
    uint64_t old = env->mseccfg, new = 0;

    if (riscv_has(env->cfg, RISCV_EXT_SMEPMP)) {
        new |= (val | old) & (MSECCFG_MML | MSECCFG_MMWP);
        bool any_locked = false;
        for (unsigned n = 0; n < env->cfg->pmp_entries; n++) {
            any_locked |= env->pmpcfg[n] & PMP_L;
        }
        if (!any_locked || (old & MSECCFG_RLB)) {
            new |= val &MSECCFG_RLB;
        }
    }
    if (riscv_has(env->cfg, RISCV_EXT_ZKR)) {
        new |= riscv_has(env->cfg, RISCV_EXT_U) ? val &MSECCFG_USEED : 0;
        new |= riscv_has(env->cfg, RISCV_EXT_S) ? val &MSECCFG_SSEED : 0;
    }
    env->mseccfg = new;
    if ((old ^ new) & (MSECCFG_MML | MSECCFG_MMWP)) {
        riscv_pmp_update(env);
    }
}

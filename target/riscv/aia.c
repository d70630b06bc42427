/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Advanced interrupt architecture: the CSRs that are more than fields. RISC-V AIA 1.0, 2.1 to 2.3
 * (indirect access), 3.8 to 3.10 (interrupt files), 5.1 to 5.3 (major interrupts).
 *
 * The priorities of major interrupts cannot be configured: the iprio arrays read as zero (5.1), so
 * mtopi and stopi report priority 1 for whatever is on top of the default order (5.2). mvien is
 * read-only zero (5.3). The interrupt file itself is a device; see RISCVImsic.
 *
 * Runs on the hart's thread. Test: tests/unit/test-riscv-aia.c
 */
#include "target/riscv/bits.h"
#include "target/riscv/cpu.h"

enum { CSR_SIREG = 0x151, CSR_MIREG = 0x351, CSR_STOPEI = 0x15c, CSR_MTOPEI = 0x35c };
enum { SELECT_IPRIO = 0x30, SELECT_IPRIO_END = 0x3f, SELECT_IMSIC = 0x70, SELECT_IMSIC_END = 0xff };

static const RISCVImsic *aia_file(const RISCVEnv *env, bool machine)
{
    const RISCVImsic *f = &env->imsic[machine];

    return f->access ? f : NULL;
}

static bool aia_state_enabled(const RISCVEnv *env, uint64_t bit)
{
    return env->priv == RISCV_PRV_M || !riscv_has(env->cfg, RISCV_EXT_SMSTATEEN) ||
           (env->mstateen[0] & bit);
}

/* 2.1 */
static RISCVCsrResult aia_indirect(RISCVEnv *env, bool machine, uint64_t *old, bool write,
                                   uint64_t val, uint64_t mask)
{
    uint64_t select = machine ? env->miselect : env->siselect;
    bool odd = env->cfg->xlen == 64 && (select & 1);

    if (!aia_state_enabled(env, STATEEN0_CSRIND)) {
        return RISCV_CSR_ILLEGAL;
    }
    if (select >= SELECT_IPRIO && select <= SELECT_IPRIO_END) {
        if (odd || !aia_state_enabled(env, STATEEN0_AIA)) {
            return RISCV_CSR_ILLEGAL;
        }
        if (old) {
            *old = 0;
        }
        return RISCV_CSR_OK;
    }
    const RISCVImsic *f = aia_file(env, machine);
    uint64_t got = 0;
    if (select < SELECT_IMSIC || select > SELECT_IMSIC_END || !f ||
        (odd && select >= RISCV_IMSIC_EIP) || !aia_state_enabled(env, STATEEN0_IMSIC)) {
        return RISCV_CSR_ILLEGAL;
    }
    f->access(f->opaque, select, env->cfg->xlen, &got, val, write ? mask : 0);
    if (old) {
        *old = got;
    }
    return RISCV_CSR_OK;
}

/* 3.10: a write claims what a read reports, whatever is written. */
static RISCVCsrResult aia_topei(RISCVEnv *env, bool machine, uint64_t *old, bool write)
{
    const RISCVImsic *f = aia_file(env, machine);

    if (!f || !aia_state_enabled(env, STATEEN0_IMSIC)) {
        return RISCV_CSR_ILLEGAL;
    }
    uint32_t id = f->top(f->opaque, write);
    if (old) {
        *old = id << 16 | id;
    }
    return RISCV_CSR_OK;
}

RISCVCsrResult riscv_aia_access(RISCVEnv *env, unsigned csr, uint64_t *old, bool write,
                                uint64_t val, uint64_t mask)
{
    RISCVCsrResult r;

    switch (csr) {
    case CSR_SIREG:
    case CSR_MIREG:
        r = aia_indirect(env, csr == CSR_MIREG, old, write, val, mask);
        break;
    default:
        r = aia_topei(env, csr == CSR_MTOPEI, old, write);
        break;
    }
    if (write && r == RISCV_CSR_OK) {
        riscv_check_interrupts(env);
    }
    return r;
}

bool riscv_aia_select_enabled(const RISCVEnv *env)
{
    return aia_state_enabled(env, STATEEN0_CSRIND);
}

bool riscv_aia_topi_enabled(const RISCVEnv *env)
{
    return aia_state_enabled(env, STATEEN0_AIA);
}

uint64_t riscv_aia_topi(RISCVEnv *env, bool machine)
{
    uint64_t pending = riscv_mip(env) & env->mie;
    int top = riscv_top_interrupt(machine ? pending & ~env->mideleg : pending & env->mideleg);

    return top < 0 ? 0 : (uint64_t)top << 16 | 1;
}

void riscv_cpu_set_imsic(CPU *cpu, bool machine, const RISCVImsic *imsic)
{
    riscv_env(cpu)->imsic[machine] = *imsic;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A RISC-V hart: reset, what boards set, and the printout of its registers. Privileged
 * specification 3.4.
 *
 * Test: tests/unit/test-riscv-csr.c
 */
#include <inttypes.h>
#include <string.h>
#include "target/riscv/cpu.h"
#include "target/riscv/bits.h"

static RISCVEnv *cpu_made(CPU *cpu)
{
    RISCVEnv *env = riscv_env(cpu);

    if (!env->made) {
        env->made = true;
        env->cfg = cpu->model;
        env->cpu.cpu = cpu;
        env->hartid = cpu->index;
        env->resetvec = env->cfg->resetvec;
    }
    return env;
}

void riscv_cpu_set_hartid(CPU *cpu, uint64_t hartid)
{
    cpu_made(cpu)->hartid = hartid;
}

void riscv_cpu_set_seed(CPU *cpu, uint64_t seed)
{
    RISCVEnv *env = cpu_made(cpu);

    /* Never 0, and different on each hart. */
    env->seed_state = (seed ^ (env->hartid + 1) * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

void riscv_cpu_set_resetvec(CPU *cpu, uint64_t pc)
{
    cpu_made(cpu)->resetvec = pc;
}

static uint64_t cpu_misa(const RISCVConfig *c)
{
    static const struct {
        uint8_t ext;
        char letter;
    } bits[] = {
        {RISCV_EXT_A, 'A'}, {RISCV_EXT_B, 'B'}, {RISCV_EXT_C, 'C'},
        {RISCV_EXT_D, 'D'}, {RISCV_EXT_F, 'F'}, {RISCV_EXT_I, 'I'},
        {RISCV_EXT_M, 'M'}, {RISCV_EXT_S, 'S'}, {RISCV_EXT_U, 'U'},
    };
    uint64_t misa = c->xlen == 32 ? BIT64(30) : BIT64(63);

    for (unsigned i = 0; i < G_N_ELEMENTS(bits); i++) {
        misa |= riscv_has(c, bits[i].ext) ? BIT64(bits[i].letter - 'A') : 0;
    }
    return misa;
}

void riscv_reset(CPU *cpu)
{
    RISCVEnv *env = cpu_made(cpu);
    const RISCVConfig *c = env->cfg;

    memset(env->x, 0, sizeof(env->x));
    memset(env->f, 0, sizeof(env->f));
    memset(&env->riscv_reset_begin, 0,
           offsetof(RISCVEnv, riscv_reset_end) - offsetof(RISCVEnv, riscv_reset_begin));
    env->res_addr = RISCV_RES_NONE;
    env->priv = RISCV_PRV_M;
    env->xmask = c->xlen == 32 ? UINT32_MAX : UINT64_MAX;
    env->cpu.pc = env->resetvec & env->xmask;
    env->misa = cpu_misa(c);
    if (c->xlen == 64) {
        env->mstatus |= riscv_has(c, RISCV_EXT_U) ? (uint64_t)MXL_64 << MSTATUS_UXL_SHIFT : 0;
        env->mstatus |= riscv_has(c, RISCV_EXT_S) ? (uint64_t)MXL_64 << MSTATUS_SXL_SHIFT : 0;
    }
    if (!riscv_has(c, RISCV_EXT_U)) {
        env->mstatus |= MSTATUS_MPP;
    }
    /* Without Svade, software may take hardware's setting of A and D for granted. */
    if (riscv_has(c, RISCV_EXT_SVADU) && !riscv_has(c, RISCV_EXT_SVADE)) {
        env->menvcfg |= ENVCFG_ADUE;
    }
    env->stimecmp = UINT64_MAX;
    riscv_frm_set(env, 0);
    riscv_fflags_set(env, 0);
    cpu_set_line(cpu, RISCV_LINE_SSI, false);
    cpu_set_line(cpu, RISCV_LINE_LCOFI, false);
    cpu->halted = false;
    riscv_pmu_reset(env);
    riscv_trigger_reset(env);
    riscv_pmp_update(env);
}

/* ------------------------------------------------------------------------------------------ */

const char *const riscv_x_names[32] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                       "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                       "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                       "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
const char *const riscv_f_names[32] = {"ft0", "ft1", "ft2",  "ft3",  "ft4", "ft5", "ft6",  "ft7",
                                       "fs0", "fs1", "fa0",  "fa1",  "fa2", "fa3", "fa4",  "fa5",
                                       "fa6", "fa7", "fs2",  "fs3",  "fs4", "fs5", "fs6",  "fs7",
                                       "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};

static void dump_regs(FILE *f, char kind, const char *const *names, const uint64_t *regs, int width)
{
    for (unsigned i = 0; i < 32; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%c%u/%s", kind, i, names[i]);
        fprintf(f, " %-8s %0*" PRIx64 "%s", name, width, regs[i], i % 4 == 3 ? "\n" : "");
    }
}

void riscv_dump_state(CPU *cpu, FILE *f)
{
    RISCVEnv *env = riscv_env(cpu);
    int width = env->cfg->xlen / 4;
    uint64_t val;

    fprintf(f, " %-13s %c\n", "priv", "US?M"[env->priv]);
    fprintf(f, " %-13s %0*" PRIx64 "\n", "pc", width, env->cpu.pc);
    for (unsigned csr = 4; csr < 4096; csr++) {
        if (riscv_csr_peek(env, csr, &val)) {
            fprintf(f, " %-13s %0*" PRIx64 "\n", riscv_csr_name(csr), width, val);
        }
    }
    dump_regs(f, 'x', riscv_x_names, env->x, width);
    if (riscv_has(env->cfg, RISCV_EXT_F)) {
        for (unsigned csr = 1; csr < 4; csr++) {
            unsigned flags = riscv_fflags_get(env);
            val = csr == 1 ? flags : csr == 2 ? env->frm : env->frm << 5 | flags;
            fprintf(f, " %-13s %0*" PRIx64 "\n", riscv_csr_name(csr), width, val);
        }
        dump_regs(f, 'f', riscv_f_names, env->f, 16);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Guest memory of the interpreter when it is the engine: the soft TLB's slow paths, which make the
 * same checks and faults in the same order as generated code. ra is 0: env is precise.
 */
#include "tcg/interp/internal.h"

static uint64_t mmu_ld(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop)
{
    return tcg_slow_ld(env, addr, memop, 0);
}

static void mmu_st(void *opaque, CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop)
{
    tcg_slow_st(env, addr, val, memop, 0);
}

static uint64_t mmu_rmw(void *opaque, CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop_rmw)
{
    return tcg_slow_rmw(env, addr, val, memop_rmw, 0);
}

static uint64_t mmu_cmpxchg(void *opaque, CPUEnv *env, uint64_t addr, uint64_t expect, uint64_t val,
                            uint32_t memop)
{
    return tcg_slow_cmpxchg(env, addr, expect, val, memop, 0);
}

static void mmu_ld128(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop, uint64_t out[2])
{
    tcg_slow_ld128(env, addr, memop, out, 0);
}

static void mmu_st128(void *opaque, CPUEnv *env, uint64_t addr, const uint64_t val[2],
                      uint32_t memop)
{
    tcg_slow_st128(env, addr, val, memop, 0);
}

static void mmu_probe(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop, uint32_t store)
{
    tcg_slow_probe(env, addr, memop, store, 0);
}

const TcgInterpMem tcg_interp_softmmu = {
    .ld = mmu_ld,
    .st = mmu_st,
    .rmw = mmu_rmw,
    .cmpxchg = mmu_cmpxchg,
    .ld128 = mmu_ld128,
    .st128 = mmu_st128,
    .probe = mmu_probe,
};

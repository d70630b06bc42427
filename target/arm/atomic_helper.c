/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Compare-and-exchange of 128 bits, for CASP, STXP and STREXD's kin: beyond the IR's integer types.
 * One host instruction on memory; a device gets two reads and two writes.
 *
 * Runs on the CPU's thread. Test: tests/unit/test-a64-insn.c, tests/fuzz/suite.py.
 */
#include "target/arm/cpu.h"

typedef unsigned __int128 U128;

static U128 swapped(U128 v)
{
    return (U128)__builtin_bswap64((uint64_t)v) << 64 | __builtin_bswap64((uint64_t)(v >> 64));
}

/* Returns 1 if memory had the expected value and has the new one now; what it had goes to
 * env->pair[]. */
static uint32_t
#ifdef __x86_64__
    __attribute__((target("cx16")))
#endif
    helper_arm_cmpxchg128(ARMEnv *env, uint64_t addr, uint64_t expect_lo, uint64_t expect_hi,
                          uint64_t new_lo, uint64_t new_hi, uint32_t memop)
{
    uintptr_t ra = RHEA_RA();
    CPU *cpu = env->cpu.cpu;
    bool be = memop & TCG_MO_BE;
    U128 expect = (U128)expect_hi << 64 | expect_lo, desired = (U128)new_hi << 64 | new_lo, old;
    if (addr & 15) {
        arm_target_desc.unaligned(cpu, addr, TLB_WRITE, ra);
    }
    U128 *p = tlb_host(cpu, addr, sizeof(*p), TLB_WRITE, tcg_mo_mmu(memop), ra);
    if (p) {
        if (be) {
            expect = swapped(expect);
            desired = swapped(desired);
        }
        old = __sync_val_compare_and_swap(p, expect, desired);
        bool same = old == expect;
        old = be ? swapped(old) : old;
        env->pair[0] = (uint64_t)old;
        env->pair[1] = (uint64_t)(old >> 64);
        return same;
    }
    uint16_t half = (memop & (TCG_MO_BE | TCG_MO_MMU_MASK)) | TCG_MO_64;
    env->pair[be] = tlb_load(cpu, addr, half, ra);
    env->pair[!be] = tlb_load(cpu, addr + 8, half, ra);
    if (env->pair[0] != expect_lo || env->pair[1] != expect_hi) {
        return 0;
    }
    tlb_store(cpu, addr, be ? new_hi : new_lo, half, ra);
    tlb_store(cpu, addr + 8, be ? new_lo : new_hi, half, ra);
    return 1;
}
ARM_HELPER(cmpxchg128, I32, true, TCG_HELPER_FAULTS | TCG_HELPER_IO, TCG_I64, TCG_I64, TCG_I64,
           TCG_I64, TCG_I64, TCG_I32);

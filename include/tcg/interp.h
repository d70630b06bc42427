/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The IR interpreter: runs one unit on a CPU's state. It is the engine of hosts without a backend
 * (-accel tcg,engine=interp) and the oracle of lock-step mode and of the tests.
 *
 * Every setcell is committed at once, so cells are precise whenever something faults. Before an op
 * that can fault env->pc is the address of its guest instruction. Faults leave by
 * cpu_raise_restore(cpu, excp, 0) in whatever was called; the interpreter holds nothing that a
 * longjmp would lose.
 */
#ifndef RHEA_TCG_INTERP_H
#define RHEA_TCG_INTERP_H

#include "accel/cpu.h"
#include "tcg/ir.h"

typedef struct TcgInterp TcgInterp;

/* How guest memory is reached. Signatures and faults as tcg_slow_* in tcg/backend.h, with ra = 0.
 */
typedef struct TcgInterpMem {
    uint64_t (*ld)(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop);
    void (*st)(void *opaque, CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop);
    uint64_t (*rmw)(void *opaque, CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop_rmw);
    uint64_t (*cmpxchg)(void *opaque, CPUEnv *env, uint64_t addr, uint64_t expect, uint64_t val,
                        uint32_t memop);
    void (*ld128)(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop, uint64_t out[2]);
    void (*st128)(void *opaque, CPUEnv *env, uint64_t addr, const uint64_t val[2], uint32_t memop);
    void (*probe)(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop, uint32_t store);
    /* Asked before each helper call; false: stop there (tcg_interp_run returns TCG_INTERP_VETO).
     * NULL: all may run. */
    bool (*may_call)(void *opaque, const TCGHelper *h);
} TcgInterpMem;

TcgInterp *tcg_interp_new(void);
void tcg_interp_free(TcgInterp *in);
/* Memory of the following runs; NULL: the soft TLB (tcg_slow_*). mem must stay valid. */
void tcg_interp_set_mem(TcgInterp *in, const TcgInterpMem *mem, void *opaque);

#define TCG_INTERP_VETO 6

/*
 * Run u, whose entry conditions are those of generated code (env->pc_page is set). Returns
 * TCG_LEAVE_LOOKUP or TCG_LEAVE_MAIN with env->pc set (direct exits too), or TCG_INTERP_VETO.
 * An exit that is not the unit's last adds the instructions behind it to env->icount_left, as
 * generated code does under icount: the caller has charged the whole unit.
 */
uint64_t tcg_interp_run(const TCGUnit *u, CPUEnv *env, TcgInterp *in);
/* Instructions of the unit before the current (faulting) one. */
unsigned tcg_interp_insn(const TcgInterp *in);

#endif

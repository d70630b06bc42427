/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Semihosting: the calls by which a bare program uses the host's console, files and clock (Arm,
 * "Semihosting for AArch32 and AArch64", version 3.0; RISC-V Semihosting 0.4 has the same calls).
 *
 * Off unless -semihosting or -semihosting-config asks for it: a guest that may use it can read,
 * write and delete what the user who runs the emulator can, and run programs. Targets know the
 * instructions and registers, semihost.c does the rest.
 *
 * Test: tests/boot (semihosting-*)
 */
#ifndef SOFTMMU_SEMIHOST_H
#define SOFTMMU_SEMIHOST_H

#include "accel/cpu.h"
#include "softmmu/machine.h"

typedef struct Semihost Semihost;
typedef struct SemihostCall SemihostCall;

/* What CPU.semihost points at. Targets call through it, so that they do not need semihost.c. */
struct Semihost {
    bool userspace; /* unprivileged code may call */
    bool (*call)(Semihost *s, const SemihostCall *c, uint64_t *result);
};

/* -semihosting-config as a dictionary; *out NULL: it says enable=off. Keys are checked; chardev= is
 * looked up by semihost_start(). */
bool semihost_new(Machine *m, OptDict *d, Semihost **out, GError **err);
/* Once the vCPUs and character devices exist: gives the vCPUs the right to call. */
bool semihost_start(Semihost *s, GError **err);
void semihost_free(Semihost *s);

/* A call by a vCPU. */
struct SemihostCall {
    CPU *cpu;
    uint32_t op;
    uint64_t param;
    uint8_t word; /* bytes of a field of a parameter block: 4 or 8 */
    bool big_endian;
    bool exit_block; /* the parameter of SYS_EXIT is the address of a block */
};

/* May code at user (unprivileged) or higher level of this vCPU call? Constant. */
static inline bool semihost_allowed(const CPU *cpu, bool user)
{
    return cpu->semihost && (!user || cpu->semihost->userspace);
}
/* Do it; true: *result is for the return register. False: nothing has happened yet, the instruction
 * is to be run again. On the vCPU's thread; waits a few ms at most. */
static inline bool semihost_call(const SemihostCall *c, uint64_t *result)
{
    return c->cpu->semihost->call(c->cpu->semihost, c, result);
}

#endif

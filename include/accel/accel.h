/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The accelerator as the rest of the program sees it: creates vCPUs, runs, pauses and ends them.
 * Called from the main-loop thread unless marked [any].
 */
#ifndef RHEA_ACCEL_ACCEL_H
#define RHEA_ACCEL_ACCEL_H

#include "accel/cpu.h"

typedef struct Accel Accel;
struct MemSystem;
struct Clocks;

typedef enum AccelEngine { ACCEL_JIT, ACCEL_INTERP } AccelEngine;

typedef struct AccelOptions {
    AccelEngine engine;     /* -accel tcg,engine=jit|interp */
    bool one_insn_per_unit; /* -accel tcg,one-insn-per-tb=on */
    bool check;             /* -accel tcg,check=on: lock-step of interpreter and generated code */
    bool single_thread; /* -accel tcg,thread=single: all vCPUs round robin in one thread; implied by
                           icount and check */
    uint64_t cache_size;   /* bytes of code cache; default 40 MiB: -accel tcg,tb-size=MiB */
    uint64_t cache_most;   /* to which it grows while translation takes much of the time; default
                              1 GiB, with tb-size it does not grow; less than cache_size: nor then */
    bool superblocks;      /* loops of several units become one: -accel tcg,superblocks=on|off */
    const char *cache_dir; /* -accel tcg,cache=DIR: saved translations; NULL: none. The caller's */
    bool perfmap, jitdump; /* -perfmap, -jitdump: names of translated code for profilers */
    unsigned opt_passes;   /* TCG_OPT_*: -accel tcg,no-opt=NAME switches one off */
    int icount_shift;      /* -icount shift=N: 2^N ns an instruction; -1: off */
    bool icount_sleep;
} AccelOptions;
void accel_options_default(AccelOptions *o);

/* ms: the memory whose code writes and map changes the accelerator must hear of; clocks: for
 * -icount. */
Accel *accel_new(const AccelOptions *o, struct MemSystem *ms, struct Clocks *clocks, GError **err);
/* After accel_stop(). */
void accel_free(Accel *a);
/* A vCPU of the given target, stopped, reset not yet done. model: passed to the target through
 * CPU.model. */
CPU *accel_cpu_new(Accel *a, const TargetDesc *target, AddressSpace *as, void *model);
unsigned accel_cpu_count(const Accel *a);
CPU *accel_cpu(const Accel *a, unsigned index);

void accel_start(Accel *a); /* create the threads, paused */
void accel_resume_all(Accel *a);
void accel_pause_all(Accel *a); /* returns when every vCPU is between units and precise */
void accel_reset_all(Accel *a); /* target->reset on each; only while paused */
void accel_stop(Accel *a);      /* ends and joins the threads */

/* -icount: virtual time in ns now; [any] but exact only on the running vCPU's thread. */
int64_t accel_icount_ns(Accel *a);
bool accel_uses_icount(const Accel *a);
/* A timer was armed earlier than the one known so far (icount: shorten the running slice). [any] */
void accel_timer_changed(Accel *a);

/* Counters for `info jit` and tests. */
void accel_print_stats(Accel *a, FILE *f);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A hart without an accelerator, for unit tests of target/riscv: the functions that the target
 * calls record what was asked of them, exceptions come back to fake_try().
 */
#ifndef RHEA_TESTS_RISCV_FAKE_H
#define RHEA_TESTS_RISCV_FAKE_H

#include <setjmp.h>
#include "softmmu/memory.h"
#include "target/riscv/cpu.h"
#include "target/riscv/bits.h"

#define FAKE_RAM      UINT64_C(0x80000000)
#define FAKE_RAM_SIZE UINT64_C(0x1000000)

typedef struct Fake {
    CPU cpu;
    RISCVEnv *env;
    MemSystem *ms;
    RamBlock *ram;
    MemRegion root, ram_region;
    sigjmp_buf out;
    int32_t excp; /* last exception, -1: none */

    TlbFill fill; /* last tlb_set() */
    unsigned fills;
    uint64_t data_key, fetch_key;
    uint32_t data_asid, fetch_asid;
    unsigned flushes; /* of any kind, */
    char flush_kind;  /* the last one: 'a'll, 's' ASID, 'p'age, 'q' page and ASID */
    uint64_t flush_addr, flush_asid;
    uint64_t insns;   /* cpu_insn_count() */
    bool unit_counts; /* cpu_unit_counts() */
} Fake;

/* cpu_option as for -cpu; aborts if it is wrong. The hart is reset. */
Fake *fake_new(const char *cpu_option);
void fake_free(Fake *f);

/* Run the statement; yields the exception it raised, or -1. */
#define fake_try(f, statement)                                                                     \
    ({                                                                                             \
        (f)->excp = -1;                                                                            \
        if (!sigsetjmp((f)->out, 0)) {                                                             \
            statement;                                                                             \
        }                                                                                          \
        (f)->excp;                                                                                 \
    })

/* CSR access as an instruction makes it; false: illegal. */
bool fake_csr_read(Fake *f, unsigned csr, uint64_t *val);
bool fake_csr_write(Fake *f, unsigned csr, uint64_t val);
/* Both must be legal. */
uint64_t fake_get(Fake *f, unsigned csr);
void fake_set(Fake *f, unsigned csr, uint64_t val);

void fake_st64(Fake *f, uint64_t addr, uint64_t val);
uint64_t fake_ld64(Fake *f, uint64_t addr);
void fake_st32(Fake *f, uint64_t addr, uint32_t val);

#endif

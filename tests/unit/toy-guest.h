/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What tests of the engine with a guest of their own share: memory that is nothing but RAM, an
 * accelerator on it, vCPUs in address space 0. The guest's instructions are the test's.
 */
#ifndef TESTS_UNIT_TOY_GUEST_H
#define TESTS_UNIT_TOY_GUEST_H

#include "accel/tcg/internal.h"
#include "tcg/build.h"

typedef struct ToyBoard {
    MemSystem *ms;
    AddressSpace *as;
    MemRegion root, ram;
    RamBlock *block;
    Accel *a;
} ToyBoard;

/* `size` bytes of RAM at 0; options may be NULL: the default's. */
static inline void toy_board_init(ToyBoard *t, uint64_t size, const AccelOptions *options)
{
    AccelOptions o;
    GError *err = NULL;

    t->ms = memory_system_new();
    memory_region_init_container(&t->root, t->ms, "system", UINT64_MAX);
    t->as = address_space_new(t->ms, "memory", &t->root);
    t->block = ram_block_new(t->ms, "ram", size, NULL, &err);
    g_assert_no_error(err);
    memory_region_init_ram(&t->ram, "ram", t->block, 0, size);
    memory_region_add(&t->root, 0, &t->ram, 0);
    accel_options_default(&o);
    t->a = accel_new(options ? options : &o, t->ms, NULL, &err);
    g_assert_no_error(err);
}

static inline void toy_board_free(ToyBoard *t)
{
    accel_free(t->a);
    address_space_free(t->as);
    memory_system_free(t->ms);
}

static inline CPU *toy_cpu_new(ToyBoard *t, const TargetDesc *target)
{
    CPU *cpu = accel_cpu_new(t->a, target, t->as, NULL);

    tlb_select_data(cpu, 0, 0, 0);
    tlb_select_fetch(cpu, 0, 0, 0);
    return cpu;
}

/* TargetDesc.tlb_fill: every address is that of the RAM. */
static inline bool toy_flat_fill(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access,
                                 unsigned idx, bool probe, uintptr_t ra)
{
    tlb_set(cpu, idx, access,
            &(TlbFill){.vaddr = vaddr,
                       .paddr = vaddr,
                       .page_bits = TLB_PAGE_BITS,
                       .prot = TLB_PROT_R | TLB_PROT_W | TLB_PROT_X});
    return true;
}

/* TargetDesc.do_interrupt, has_work */
static inline bool toy_false(CPU *cpu)
{
    return false;
}

#endif

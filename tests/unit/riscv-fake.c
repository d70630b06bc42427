/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* See riscv-fake.h. */
#include "riscv-fake.h"

static Fake *fake_of(CPU *cpu)
{
    return (Fake *)cpu; /* its first member */
}

Fake *fake_new(const char *cpu_option)
{
    Fake *f = g_new0(Fake, 1);
    GError *err = NULL;
    RISCVConfig *c = riscv_cpu_model_parse(cpu_option, 64, &err);

    g_assert_no_error(err);
    if (c->xlen == 32) {
        c = riscv_cpu_model_parse(cpu_option, 32, &err);
    }
    f->ms = memory_system_new();
    memory_region_init_container(&f->root, f->ms, "system", UINT64_MAX);
    f->ram = ram_block_new(f->ms, "ram", FAKE_RAM_SIZE, NULL, &err);
    g_assert_no_error(err);
    memory_region_init_ram(&f->ram_region, "ram", f->ram, 0, FAKE_RAM_SIZE);
    memory_region_add(&f->root, FAKE_RAM, &f->ram_region, 0);
    f->cpu.as = address_space_new(f->ms, "memory", &f->root);
    f->cpu.target = riscv_target_desc(c);
    f->cpu.model = c;
    f->env = g_aligned_alloc0(1, (sizeof(RISCVEnv) + 63) & ~63, 64);
    f->cpu.env = &f->env->cpu;
    f->cpu.target->reset(&f->cpu);
    return f;
}

void fake_free(Fake *f)
{
    memory_system_free(f->ms);
    g_free(f->cpu.model);
    g_aligned_free(f->env);
    g_free(f);
}

bool fake_csr_read(Fake *f, unsigned csr, uint64_t *val)
{
    return riscv_csr_access(f->env, csr, val, false, 0, 0, 1) == RISCV_CSR_OK;
}

bool fake_csr_write(Fake *f, unsigned csr, uint64_t val)
{
    return riscv_csr_access(f->env, csr, NULL, true, val, UINT64_MAX, 1) == RISCV_CSR_OK;
}

uint64_t fake_get(Fake *f, unsigned csr)
{
    uint64_t val = 0;

    if (!fake_csr_read(f, csr, &val)) {
        g_error("CSR %#x cannot be read", csr);
    }
    return val;
}

void fake_set(Fake *f, unsigned csr, uint64_t val)
{
    if (!fake_csr_write(f, csr, val)) {
        g_error("CSR %#x cannot be written", csr);
    }
}

void fake_st64(Fake *f, uint64_t addr, uint64_t val)
{
    g_assert_cmpint(memory_st64_le(f->cpu.as, addr, val), ==, MEMTX_OK);
}

uint64_t fake_ld64(Fake *f, uint64_t addr)
{
    MemTxResult res;
    uint64_t val = memory_ld64_le(f->cpu.as, addr, &res);

    g_assert_cmpint(res, ==, MEMTX_OK);
    return val;
}

void fake_st32(Fake *f, uint64_t addr, uint32_t val)
{
    g_assert_cmpint(memory_st32_le(f->cpu.as, addr, val), ==, MEMTX_OK);
}

/* ---- the engine ---- */

void cpu_raise_restore(CPU *cpu, int32_t excp, uintptr_t ra)
{
    Fake *f = fake_of(cpu);

    f->excp = excp;
    siglongjmp(f->out, 1);
}

void cpu_loop_exit_restore(CPU *cpu, uintptr_t ra)
{
    siglongjmp(fake_of(cpu)->out, 1);
}

uint64_t cpu_insn_count(CPU *cpu, uintptr_t ra)
{
    return fake_of(cpu)->insns;
}

bool cpu_unit_counts(CPU *cpu, uintptr_t ra)
{
    return fake_of(cpu)->unit_counts;
}

void cpu_spin(CPU *cpu)
{
}

void cpu_set_line(CPU *cpu, unsigned line, bool level)
{
    if (level) {
        cpu->interrupts |= 1u << line;
    } else {
        cpu->interrupts &= ~(1u << line);
    }
}

void cpu_code_fence(CPU *cpu)
{
}

void cpu_run_on(CPU *cpu, void (*fn)(CPU *cpu, void *data), void *data)
{
    fn(cpu, data);
}

bool unit_fetch_over(UnitContext *c, uint32_t off, void *buf, unsigned len)
{
    return false;
}

void tlb_set(CPU *cpu, unsigned idx, TlbAccess access, const TlbFill *fill)
{
    fake_of(cpu)->fill = *fill;
    fake_of(cpu)->fills++;
}

void tlb_select_data(CPU *cpu, unsigned idx, uint64_t key, uint32_t asid)
{
    fake_of(cpu)->data_key = key;
    fake_of(cpu)->data_asid = asid;
}

void tlb_select_fetch(CPU *cpu, uint64_t key, uint32_t asid, uint32_t mode)
{
    fake_of(cpu)->fetch_key = key;
    fake_of(cpu)->fetch_asid = asid;
    cpu->env->mode = mode;
}

static void fake_flush(CPU *cpu, char kind, uint64_t addr, uint64_t asid)
{
    Fake *f = fake_of(cpu);

    f->flushes++;
    f->flush_kind = kind;
    f->flush_addr = addr;
    f->flush_asid = asid;
}

void tlb_flush_all(CPU *cpu)
{
    fake_flush(cpu, 'a', 0, 0);
}

void tlb_flush_asid(CPU *cpu, uint32_t asid, bool also_global)
{
    fake_flush(cpu, 's', 0, asid);
}

void tlb_flush_page(CPU *cpu, uint64_t vaddr)
{
    fake_flush(cpu, 'p', vaddr, 0);
}

MemKind tlb_memory_lookup(CPU *cpu, hwaddr addr, MemSection *s)
{
    return memory_lookup(cpu->as, addr, s);
}

void tlb_flush_page_asid(CPU *cpu, uint64_t vaddr, uint32_t asid, bool also_global)
{
    fake_flush(cpu, 'q', vaddr, asid);
}

uint64_t tlb_load(CPU *cpu, uint64_t vaddr, uint16_t memop, uintptr_t ra)
{
    g_assert_not_reached();
}

void tlb_store(CPU *cpu, uint64_t vaddr, uint64_t val, uint16_t memop, uintptr_t ra)
{
    g_assert_not_reached();
}

void *tlb_host(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
               uintptr_t ra)
{
    Fake *f = fake_of(cpu);
    uint64_t len = size;

    cpu->target->tlb_fill(cpu, vaddr, size, access, idx, false, ra);
    return memory_map(cpu->as, f->fill.paddr, &len, access == TLB_WRITE);
}

void tlb_zero_block(CPU *cpu, uint64_t vaddr, unsigned size, unsigned idx, uintptr_t ra)
{
    memset(tlb_host(cpu, vaddr & ~(uint64_t)(size - 1), size, TLB_WRITE, idx, ra), 0, size);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V translation and protection: walks of every scheme on tables in RAM, each class of fault,
 * A and D, PMP and Smepmp, the keys of TLB contexts, fences, cache-block instructions.
 */
#include "riscv-fake.h"

#define ROOT   (FAKE_RAM + 0x100000)
#define TABLES (FAKE_RAM + 0x101000) /* one page a level */
#define DATA   (FAKE_RAM + 0x200000)

#define LEAF (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)

/* Level at which a leaf stands: 0 is 4 KiB. */
typedef struct Scheme {
    const char *cpu;
    RISCVVm vm;
    unsigned levels, idx_bits, size;
} Scheme;

static const Scheme schemes[] = {
    {"rv32", RISCV_VM_SV32, 2, 10, 4},
    {"max", RISCV_VM_SV39, 3, 9, 8},
    {"max", RISCV_VM_SV48, 4, 9, 8},
    {"max", RISCV_VM_SV57, 5, 9, 8},
};

static uint64_t pte_of(uint64_t paddr, uint64_t bits)
{
    return paddr >> 12 << 10 | bits;
}

static void put_pte(Fake *f, const Scheme *s, uint64_t addr, uint64_t pte)
{
    if (s->size == 8) {
        fake_st64(f, addr, pte);
    } else {
        fake_st32(f, addr, pte);
    }
}

/* Map vaddr by a leaf at `level`; returns the address of the leaf PTE. */
static uint64_t map_page(Fake *f, const Scheme *s, uint64_t vaddr, uint64_t pte, unsigned level)
{
    uint64_t table = ROOT;

    for (unsigned l = s->levels - 1;; l--) {
        uint64_t addr =
            table + (vaddr >> (12 + l * s->idx_bits) & (BIT64(s->idx_bits) - 1)) * s->size;
        if (l == level) {
            put_pte(f, s, addr, pte);
            return addr;
        }
        table = TABLES + l * 0x1000;
        put_pte(f, s, addr, pte_of(table, PTE_V));
    }
}

static void enable(Fake *f, const Scheme *s, unsigned asid)
{
    /* All memory for S and U. */
    riscv_pmpaddr_write(f->env, 0, UINT64_MAX);
    riscv_pmpcfg_write(f->env, 0, PMP_A_NAPOT | 7);
    fake_set(f, 0x180,
             s->size == 4 ? BIT64(31) | (uint64_t)asid << 22 | ROOT >> 12
                          : (uint64_t)s->vm << 60 | (uint64_t)asid << 44 | ROOT >> 12);
    riscv_set_priv(f->env, RISCV_PRV_S);
}

static int fill(Fake *f, uint64_t vaddr, TlbAccess access)
{
    return fake_try(f, riscv_tlb_fill(&f->cpu, vaddr, 4, access, 0, false, 0));
}

static void test_walk(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(schemes); i++) {
        const Scheme *s = &schemes[i];
        unsigned va_bits = 12 + s->levels * s->idx_bits;
        Fake *f = fake_new(s->cpu);
        enable(f, s, 5);
        /* Lower and upper half of the address space, leaves at every level that fits the RAM. */
        for (unsigned half = 0; half < 2; half++) {
            for (unsigned level = 0; level < s->levels; level++) {
                unsigned shift = 12 + level * s->idx_bits;
                uint64_t vaddr = UINT64_C(0x0123456789abcdef) & (BIT64(va_bits - 1) - 1);
                uint64_t target = level > 1 ? 0 : FAKE_RAM;
                if (half) {
                    vaddr |= s->size == 4 ? BIT64(31) : ~(BIT64(va_bits - 1) - 1);
                }
                if (level == 0) {
                    target = DATA;
                }
                map_page(f, s, vaddr, pte_of(target, LEAF | PTE_G), level);
                g_assert_cmpint(fill(f, vaddr, TLB_READ), ==, -1);
                g_assert_cmphex(f->fill.paddr, ==, target | (vaddr & (BIT64(shift) - 1)));
                g_assert_cmpint(f->fill.page_bits, ==, shift);
                g_assert_cmpint(f->fill.asid, ==, 5);
                g_assert_cmpint(f->fill.prot, ==, 7);
                g_assert_true(f->fill.global);
                uint64_t pa;
                g_assert_true(riscv_debug_translate(&f->cpu, vaddr, &pa));
                g_assert_cmphex(pa, ==, f->fill.paddr);
                if (level) {
                    /* A misaligned large page. */
                    map_page(f, s, vaddr, pte_of(target + 0x1000, LEAF), level);
                    g_assert_cmpint(fill(f, vaddr, TLB_READ), ==, RISCV_EXC_LOAD_PAGE);
                    g_assert_cmphex(f->env->tval, ==, vaddr & f->env->xmask);
                }
                memset(f->ram->host + (ROOT - FAKE_RAM), 0, 0x10000);
            }
        }
        if (s->size == 8) {
            /* Not canonical. */
            map_page(f, s, 0, pte_of(DATA, LEAF), 0);
            g_assert_cmpint(fill(f, 0, TLB_READ), ==, -1);
            g_assert_cmpint(fill(f, BIT64(va_bits), TLB_READ), ==, RISCV_EXC_LOAD_PAGE);
            g_assert_cmpint(fill(f, BIT64(va_bits - 1), TLB_READ), ==, RISCV_EXC_LOAD_PAGE);
            g_assert_cmpint(fill(f, BIT64(63), TLB_FETCH), ==, RISCV_EXC_INSN_PAGE);
        }
        fake_free(f);
    }
}

/* Bits of a 4 KiB leaf; privilege and status; which of load, store, fetch work. */
static void test_permissions(void)
{
    static const struct {
        uint64_t bits;
        uint8_t priv;
        uint64_t status;
        const char *may;
    } rows[] = {
        {PTE_R, 1, 0, "r"},
        {PTE_R | PTE_W, 1, 0, "rw"},
        {PTE_X, 1, 0, "x"},
        {PTE_X, 1, MSTATUS_MXR, "rx"},
        {PTE_R | PTE_X, 1, 0, "rx"},
        {PTE_R | PTE_W | PTE_X, 1, 0, "rwx"},
        {PTE_R | PTE_W | PTE_X, 0, 0, ""},
        {PTE_R | PTE_W | PTE_X | PTE_U, 0, 0, "rwx"},
        {PTE_R | PTE_W | PTE_X | PTE_U, 0, MSTATUS_SUM, "rwx"},
        {PTE_R | PTE_W | PTE_X | PTE_U, 1, 0, ""},
        {PTE_R | PTE_W | PTE_X | PTE_U, 1, MSTATUS_SUM, "rw"},
        {PTE_X | PTE_U, 1, MSTATUS_SUM | MSTATUS_MXR, "r"},
        {PTE_X | PTE_U, 1, MSTATUS_MXR, ""},
        {PTE_X | PTE_U, 0, MSTATUS_MXR, "rx"},
        {PTE_W, 1, 0, ""},         /* reserved */
        {PTE_W | PTE_X, 1, 0, ""}, /* reserved */
    };
    static const int cause[] = {RISCV_EXC_LOAD_PAGE, RISCV_EXC_STORE_PAGE, RISCV_EXC_INSN_PAGE};

    for (unsigned i = 0; i < G_N_ELEMENTS(schemes); i++) {
        for (unsigned r = 0; r < G_N_ELEMENTS(rows); r++) {
            Fake *f = fake_new(schemes[i].cpu);
            enable(f, &schemes[i], 0);
            map_page(f, &schemes[i], 0x5000, pte_of(DATA, rows[r].bits | PTE_V | PTE_A | PTE_D), 0);
            f->env->mstatus |= rows[r].status;
            riscv_set_priv(f->env, rows[r].priv);
            for (unsigned a = 0; a < 3; a++) {
                bool ok = strchr(rows[r].may, "rwx"[a]) != NULL;
                g_assert_cmpint(fill(f, 0x5678, a), ==, ok ? -1 : cause[a]);
                if (ok) {
                    g_assert_cmphex(f->fill.paddr, ==, DATA + 0x678);
                    g_assert_true(f->fill.prot & (1 << a));
                }
            }
            /* MPRV: M mode's loads and stores as S or U, its fetches not. */
            riscv_set_priv(f->env, RISCV_PRV_M);
            f->env->mstatus &= ~MSTATUS_MPP;
            f->env->mstatus |= MSTATUS_MPRV | (uint64_t)rows[r].priv << MSTATUS_MPP_SHIFT;
            riscv_mmu_changed(f->env);
            for (unsigned a = 0; a < 2; a++) {
                bool ok = strchr(rows[r].may, "rwx"[a]) != NULL;
                g_assert_cmpint(fill(f, 0x5678, a), ==, ok ? -1 : cause[a]);
            }
            g_assert_cmpint(fill(f, DATA, TLB_FETCH), ==, -1);
            g_assert_cmphex(f->fill.paddr, ==, DATA);
            fake_free(f);
        }
    }
}

/* What makes an entry invalid. */
static void test_reserved(void)
{
    const Scheme *s = &schemes[1];
    static const struct {
        const char *cpu;
        uint64_t set; /* bits besides a good leaf's */
        uint64_t envcfg;
        bool ok;
    } leaves[] = {
        {"max", 0, 0, true},
        {"max", BIT64(54), 0, false},
        {"max", BIT64(60), 0, false},
        {"max", BIT64(8) | BIT64(9), 0, true}, /* RSW */
        {"max", BIT64(61), 0, false},          /* PBMT is not enabled */
        {"max", BIT64(61), ENVCFG_PBMTE, true},
        {"max", BIT64(62), ENVCFG_PBMTE, true},
        {"max", PTE_PBMT, ENVCFG_PBMTE, false},
        {"max", PTE_N | 8 << 10, 0, true},
        {"max", PTE_N | 9 << 10, 0, false},
        {"max", PTE_N, 0, false},
        {"max,svnapot=off", PTE_N | 8 << 10, 0, false},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(leaves); i++) {
        Fake *f = fake_new(leaves[i].cpu);
        enable(f, s, 0);
        f->env->menvcfg = leaves[i].envcfg | ENVCFG_ADUE;
        map_page(f, s, 0x13000, pte_of(DATA, LEAF) | leaves[i].set, 0);
        g_assert_cmpint(fill(f, 0x13456, TLB_READ), ==, leaves[i].ok ? -1 : RISCV_EXC_LOAD_PAGE);
        if (leaves[i].ok && (leaves[i].set & PTE_N)) {
            g_assert_cmphex(f->fill.paddr, ==, DATA + 0x3456);
            g_assert_cmpint(f->fill.page_bits, ==, 16);
        }
        fake_free(f);
    }
    /* Not a leaf: A, D, U and the bits above the PPN must be clear; G is inherited. */
    static const uint64_t bad[] = {PTE_A, PTE_D, PTE_U, BIT64(54), BIT64(61), BIT64(63)};
    for (unsigned i = 0; i <= G_N_ELEMENTS(bad); i++) {
        Fake *f = fake_new("max");
        enable(f, s, 0);
        map_page(f, s, 0, pte_of(DATA, LEAF), 0);
        fake_st64(f, ROOT, fake_ld64(f, ROOT) | (i ? bad[i - 1] : PTE_G));
        g_assert_cmpint(fill(f, 0, TLB_WRITE), ==, i ? RISCV_EXC_STORE_PAGE : -1);
        g_assert_true(i || f->fill.global);
        fake_free(f);
    }
    /* Pointers to the end, and out of memory. */
    Fake *f = fake_new("max");
    enable(f, s, 0);
    map_page(f, s, 0, pte_of(DATA, PTE_V), 0);
    g_assert_cmpint(fill(f, 0, TLB_READ), ==, RISCV_EXC_LOAD_PAGE);
    fake_st64(f, ROOT, pte_of(0x40000000, PTE_V));
    g_assert_cmpint(fill(f, 0, TLB_READ), ==, RISCV_EXC_LOAD_ACCESS);
    g_assert_cmpint(fill(f, 0, TLB_WRITE), ==, RISCV_EXC_STORE_ACCESS);
    g_assert_cmpint(fill(f, 0, TLB_FETCH), ==, RISCV_EXC_INSN_ACCESS);
    g_assert_false(riscv_tlb_fill(&f->cpu, 0, 1, TLB_READ, 0, true, 0));
    fake_free(f);
}

static void test_accessed_dirty(void)
{
    static const struct {
        const char *cpu;
        uint64_t envcfg;
        bool hardware;
    } rows[] = {
        {"max", ENVCFG_ADUE, true},
        {"max", 0, false},
        {"rv64,svadu=off,svade=on", 0, false},
        {"sifive-u54", 0, true},
    };
    const Scheme *s = &schemes[1];

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Fake *f = fake_new(rows[i].cpu);
        enable(f, s, 0);
        f->env->menvcfg = rows[i].envcfg;
        uint64_t leaf = pte_of(DATA, PTE_V | PTE_R | PTE_W);
        uint64_t addr = map_page(f, s, 0x4000, leaf, 0);
        if (!rows[i].hardware) {
            g_assert_cmpint(fill(f, 0x4000, TLB_READ), ==, RISCV_EXC_LOAD_PAGE);
            fake_st64(f, addr, leaf | PTE_A);
            g_assert_cmpint(fill(f, 0x4000, TLB_READ), ==, -1);
            g_assert_cmpint(f->fill.prot, ==, TLB_PROT_R);
            g_assert_cmpint(fill(f, 0x4000, TLB_WRITE), ==, RISCV_EXC_STORE_PAGE);
            g_assert_cmphex(fake_ld64(f, addr), ==, leaf | PTE_A);
        } else {
            g_assert_cmpint(fill(f, 0x4000, TLB_READ), ==, -1);
            g_assert_cmphex(fake_ld64(f, addr), ==, leaf | PTE_A);
            g_assert_cmpint(f->fill.prot, ==, TLB_PROT_R);
            g_assert_cmpint(fill(f, 0x4000, TLB_WRITE), ==, -1);
            g_assert_cmphex(fake_ld64(f, addr), ==, leaf | PTE_A | PTE_D);
            g_assert_cmpint(f->fill.prot, ==, TLB_PROT_R | TLB_PROT_W);
            /* No update by an access that is refused, nor by a debugger. */
            fake_st64(f, addr, leaf & ~PTE_W);
            uint64_t pa;
            g_assert_cmpint(fill(f, 0x4000, TLB_WRITE), ==, RISCV_EXC_STORE_PAGE);
            g_assert_true(riscv_debug_translate(&f->cpu, 0x4000, &pa));
            g_assert_cmphex(fake_ld64(f, addr), ==, leaf & ~PTE_W);
            /* PMP lets the walker read the tables, not write. */
            fake_st64(f, addr, leaf);
            riscv_set_priv(f->env, RISCV_PRV_M);
            riscv_pmpaddr_write(f->env, 1, UINT64_MAX);
            riscv_pmpaddr_write(f->env, 0, (ROOT >> 2) | 0x1fff); /* 64 KiB */
            riscv_pmpcfg_write(f->env, 0, (PMP_A_NAPOT | 7) << 8 | PMP_A_NAPOT | PMP_R);
            riscv_set_priv(f->env, RISCV_PRV_S);
            g_assert_cmpint(fill(f, 0x4000, TLB_READ), ==, RISCV_EXC_LOAD_ACCESS);
            g_assert_cmphex(fake_ld64(f, addr), ==, leaf);
            fake_st64(f, addr, leaf | PTE_A);
            g_assert_cmpint(fill(f, 0x4000, TLB_READ), ==, -1);
        }
        fake_free(f);
    }
}

/* ---- PMP ---- */

static void pmp_set(Fake *f, unsigned n, uint64_t addr, unsigned cfg)
{
    uint64_t old = riscv_pmpcfg_read(f->env, n / 8 * 2);

    riscv_pmpaddr_write(f->env, n, addr);
    old = (old & ~(UINT64_C(0xff) << (n % 8 * 8))) | (uint64_t)cfg << (n % 8 * 8);
    riscv_pmpcfg_write(f->env, n / 8 * 2, old);
}

static bool pmp_ok(Fake *f, uint64_t addr, unsigned size, unsigned prot, unsigned priv)
{
    return riscv_pmp_check(f->env, addr, size, prot, priv);
}

static void test_pmp(void)
{
    Fake *f = fake_new("rv64");

    /* Nothing set up: M may, others may not. */
    g_assert_true(pmp_ok(f, 0x1000, 8, 7, RISCV_PRV_M));
    g_assert_false(pmp_ok(f, 0x1000, 8, 1, RISCV_PRV_S));
    g_assert_false(pmp_ok(f, 0x1000, 8, 1, RISCV_PRV_U));
    /* NA4, NAPOT of 8 bytes and 4 KiB, TOR; the lowest number wins. */
    pmp_set(f, 0, 0x1000 >> 2, PMP_A_NA4 | PMP_R);
    pmp_set(f, 1, 0x2000 >> 2, PMP_A_NAPOT | PMP_R | PMP_W);
    pmp_set(f, 2, 0x3000 >> 2 | 0x1ff, PMP_A_NAPOT | PMP_X);
    pmp_set(f, 3, 0x5000 >> 2, PMP_A_OFF);
    pmp_set(f, 4, 0x6004 >> 2, PMP_A_TOR | PMP_R | PMP_W | PMP_X);
    pmp_set(f, 5, 0, PMP_A_OFF);
    pmp_set(f, 6, UINT64_MAX, PMP_A_NAPOT | PMP_R);
    g_assert_true(pmp_ok(f, 0x1000, 4, 1, RISCV_PRV_U));
    g_assert_false(pmp_ok(f, 0x1000, 4, 2, RISCV_PRV_U));
    g_assert_false(pmp_ok(f, 0x1000, 8, 1, RISCV_PRV_U)); /* does not match all bytes */
    g_assert_false(pmp_ok(f, 0x0ffc, 8, 1, RISCV_PRV_M)); /* nor for M */
    g_assert_true(pmp_ok(f, 0x2000, 8, 2, RISCV_PRV_U));
    g_assert_false(pmp_ok(f, 0x2008, 8, 2, RISCV_PRV_U));
    g_assert_true(pmp_ok(f, 0x3ffc, 4, 4, RISCV_PRV_S));
    g_assert_false(pmp_ok(f, 0x3ffc, 4, 1, RISCV_PRV_S));
    g_assert_true(pmp_ok(f, 0x3ffc, 4, 1, RISCV_PRV_M)); /* not locked */
    g_assert_true(pmp_ok(f, 0x5000, 4, 7, RISCV_PRV_S));
    g_assert_true(pmp_ok(f, 0x6000, 4, 7, RISCV_PRV_S));
    g_assert_false(pmp_ok(f, 0x6004, 4, 2, RISCV_PRV_S));
    g_assert_true(pmp_ok(f, 0x4ffc, 4, 1, RISCV_PRV_S));
    g_assert_true(pmp_ok(f, BIT64(55), 4, 1, RISCV_PRV_S));
    /* By page. */
    unsigned prot;
    g_assert_false(riscv_pmp_page(f->env, 0x1000, RISCV_PRV_U, &prot));
    g_assert_true(riscv_pmp_page(f->env, 0x3123, RISCV_PRV_U, &prot));
    g_assert_cmpint(prot, ==, PMP_X);
    g_assert_true(riscv_pmp_page(f->env, 0x5000, RISCV_PRV_U, &prot));
    g_assert_cmpint(prot, ==, 7);
    g_assert_false(riscv_pmp_page(f->env, 0x6000, RISCV_PRV_U, &prot));
    g_assert_true(riscv_pmp_page(f->env, 0x7000, RISCV_PRV_U, &prot));
    g_assert_cmpint(prot, ==, PMP_R);
    /* Locked: for M too, and for good; a locked TOR holds the address below as well. */
    pmp_set(f, 4, 0x6004 >> 2, PMP_L | PMP_A_TOR | PMP_R);
    g_assert_false(pmp_ok(f, 0x5000, 4, 2, RISCV_PRV_M));
    g_assert_true(pmp_ok(f, 0x5000, 4, 1, RISCV_PRV_M));
    riscv_pmpaddr_write(f->env, 3, 0);
    g_assert_cmphex(riscv_pmpaddr_read(f->env, 3), ==, 0x5000 >> 2);
    riscv_pmpaddr_write(f->env, 4, 0);
    g_assert_cmphex(riscv_pmpaddr_read(f->env, 4), ==, 0x6004 >> 2);
    riscv_pmpcfg_write(f->env, 0, 0);
    g_assert_cmphex(riscv_pmpcfg_read(f->env, 0), ==, UINT64_C(0x89) << 32);
    f->cpu.target->reset(&f->cpu);
    g_assert_cmphex(riscv_pmpcfg_read(f->env, 0), ==, 0);
    /* The engine gets it by page, or is told to ask each time. */
    pmp_set(f, 0, DATA >> 2 | 0x3ff, PMP_A_NAPOT | PMP_R);                   /* 8 KiB */
    pmp_set(f, 1, (DATA + 0x2000) >> 2 | 0x3f, PMP_A_NAPOT | PMP_R | PMP_W); /* 512 bytes */
    riscv_set_priv(f->env, RISCV_PRV_S);
    g_assert_cmpint(fill(f, DATA, TLB_READ), ==, -1);
    g_assert_false(f->fill.sub);
    g_assert_cmpint(f->fill.prot, ==, TLB_PROT_R);
    g_assert_cmpint(fill(f, DATA, TLB_WRITE), ==, RISCV_EXC_STORE_ACCESS);
    g_assert_cmpint(fill(f, DATA, TLB_FETCH), ==, RISCV_EXC_INSN_ACCESS);
    g_assert_cmpint(fill(f, DATA + 0x2010, TLB_WRITE), ==, -1);
    g_assert_true(f->fill.sub);
    g_assert_cmpint(fill(f, DATA + 0x2200, TLB_WRITE), ==, RISCV_EXC_STORE_ACCESS);
    fake_free(f);

    f = fake_new("rv64,pmp=off");
    g_assert_true(pmp_ok(f, 0, 8, 7, RISCV_PRV_U));
    fake_free(f);

    /* TOR of entry 0 begins at 0; an empty TOR matches nothing; the granularity of 4 KiB. */
    f = fake_new("rv64,pmp-granularity=4096");
    pmp_set(f, 0, 0x1fff >> 2, PMP_A_TOR | 7);
    pmp_set(f, 1, 0, PMP_A_TOR | 7);
    g_assert_true(pmp_ok(f, 0xffc, 4, 7, RISCV_PRV_U));
    g_assert_false(pmp_ok(f, 0x1000, 4, 7, RISCV_PRV_U));
    pmp_set(f, 0, 0, PMP_A_NAPOT | 7);
    g_assert_cmphex(riscv_pmpaddr_read(f->env, 0), ==, 0x1ff);
    g_assert_true(pmp_ok(f, 0xffc, 4, 7, RISCV_PRV_U));
    fake_free(f);
}

/* Smepmp: the truth table; rows are LRWX. */
static void test_smepmp(void)
{
    static const char *const table[16][2] = {
        {"", ""},   {"", "x"},   {"rw", "r"}, {"rw", "rw"}, {"", "r"},  {"", "rx"},
        {"", "rw"}, {"", "rwx"}, {"", ""},    {"x", ""},    {"x", "x"}, {"rx", "x"},
        {"r", ""},  {"rx", ""},  {"rw", ""},  {"r", "r"},
    };

    for (unsigned i = 0; i < 16; i++) {
        Fake *f = fake_new("max");
        unsigned cfg = PMP_A_NAPOT | (i & 8 ? PMP_L : 0) | (i & 4 ? PMP_R : 0) |
                       (i & 2 ? PMP_W : 0) | (i & 1 ? PMP_X : 0);
        riscv_mseccfg_write(f->env, MSECCFG_RLB);
        riscv_mseccfg_write(f->env, MSECCFG_RLB | MSECCFG_MML);
        pmp_set(f, 0, 0x1000 >> 2 | 0x1ff, cfg);
        g_assert_cmphex(riscv_pmpcfg_read(f->env, 0), ==, cfg);
        for (unsigned prot = 0; prot < 3; prot++) {
            char c = "rwx"[prot];
            g_assert_cmpint(pmp_ok(f, 0x1000, 4, 1 << prot, RISCV_PRV_M), ==,
                            strchr(table[i][0], c) != NULL);
            g_assert_cmpint(pmp_ok(f, 0x1000, 4, 1 << prot, RISCV_PRV_S), ==,
                            strchr(table[i][1], c) != NULL);
            g_assert_cmpint(pmp_ok(f, 0x1000, 4, 1 << prot, RISCV_PRV_U), ==,
                            strchr(table[i][1], c) != NULL);
        }
        /* No rule: M may read and write, not execute. */
        g_assert_true(pmp_ok(f, 0x8000, 4, 3, RISCV_PRV_M));
        g_assert_false(pmp_ok(f, 0x8000, 4, 4, RISCV_PRV_M));
        /* Without RLB, no new rule that M could execute. */
        riscv_mseccfg_write(f->env, 0);
        g_assert_cmphex(f->env->mseccfg, ==, MSECCFG_MML);
        bool exec = i == 9 || i == 10 || i == 11 || i == 13;
        pmp_set(f, 1, 0x2000 >> 2 | 0x1ff, cfg);
        g_assert_cmphex(riscv_pmpcfg_read(f->env, 0) >> 8, ==, exec ? 0 : cfg);
        fake_free(f);
    }

    /* MMWP; MML and MMWP stick; RLB cannot come back while a rule is locked. */
    Fake *f = fake_new("max");
    riscv_mseccfg_write(f->env, MSECCFG_MMWP | MSECCFG_RLB);
    g_assert_false(pmp_ok(f, 0x8000, 4, 1, RISCV_PRV_M));
    riscv_mseccfg_write(f->env, 0);
    g_assert_cmphex(f->env->mseccfg, ==, MSECCFG_MMWP);
    riscv_mseccfg_write(f->env, MSECCFG_RLB);
    pmp_set(f, 0, 0, PMP_L);
    pmp_set(f, 0, 0x1234, PMP_L);
    g_assert_cmphex(riscv_pmpaddr_read(f->env, 0), ==, 0x1234);
    riscv_mseccfg_write(f->env, MSECCFG_RLB);
    g_assert_cmphex(f->env->mseccfg, ==, MSECCFG_MMWP | MSECCFG_RLB);
    riscv_mseccfg_write(f->env, 0);
    riscv_mseccfg_write(f->env, MSECCFG_RLB);
    g_assert_cmphex(f->env->mseccfg, ==, MSECCFG_MMWP);
    fake_free(f);
}

/* ---- contexts and fences ---- */

static void test_keys(void)
{
    Fake *f = fake_new("max");
    RISCVEnv *env = f->env;

    g_assert_cmphex(f->data_key, ==, f->fetch_key);
    uint64_t m_key = f->data_key;
    g_assert_cmpint(f->data_asid, >, 0xffff);
    enable(f, &schemes[1], 7);
    uint64_t s_key = f->data_key;
    g_assert_cmpint(f->data_asid, ==, 7);
    g_assert_cmphex(s_key, !=, m_key);
    /* S mode's code has a context for all address spaces until it is seen outside global pages. */
    uint64_t code_key = f->fetch_key;
    g_assert_cmpint(f->fetch_asid, >, 0xffff);
    map_page(f, &schemes[1], 0x1000, pte_of(DATA, LEAF | PTE_G), 0);
    g_assert_cmpint(fill(f, 0x1000, TLB_FETCH), ==, -1);
    g_assert_cmpint(f->fill.asid, ==, f->fetch_asid);
    g_assert_cmphex(f->fetch_key, ==, code_key);
    map_page(f, &schemes[1], 0x2000, pte_of(DATA, LEAF), 0);
    g_assert_cmpint(fill(f, 0x2000, TLB_FETCH), ==, -1);
    g_assert_cmpint(f->fill.asid, ==, 7);
    g_assert_cmphex(f->fetch_key, ==, s_key);
    fake_set(f, 0x100, MSTATUS_SUM);
    g_assert_cmphex(f->data_key, !=, s_key);
    g_assert_cmphex(f->fetch_key, ==, s_key);
    uint64_t sum_key = f->data_key;
    fake_set(f, 0x100, MSTATUS_SUM | MSTATUS_MXR);
    g_assert_cmphex(f->data_key, !=, sum_key);
    fake_set(f, 0x100, MSTATUS_SUM);
    riscv_set_priv(env, RISCV_PRV_U);
    uint64_t u_key = f->data_key;
    g_assert_cmphex(u_key, !=, s_key);
    g_assert_cmphex(f->fetch_key, ==, u_key); /* SUM is nothing to U mode */
    g_assert_cmpint(env->cpu.mode & RISCV_MODE_PRIV, ==, RISCV_PRV_U);
    /* MPRV. */
    riscv_set_priv(env, RISCV_PRV_M);
    g_assert_cmphex(f->data_key, ==, m_key);
    fake_set(f, 0x300, MSTATUS_SUM | MSTATUS_MPRV | (1 << MSTATUS_MPP_SHIFT));
    g_assert_cmphex(f->data_key, ==, sum_key);
    g_assert_cmphex(f->fetch_key, ==, m_key);
    /* Another ASID, and back. A key without its ASID says the same in every address space. */
    fake_set(f, 0x300, 0);
    riscv_set_priv(env, RISCV_PRV_S);
    unsigned flushes = f->flushes;
    fake_set(f, 0x180, UINT64_C(8) << 60 | UINT64_C(8) << 44 | (ROOT >> 12));
    g_assert_cmphex(f->data_key ^ 8, ==, s_key ^ 7);
    g_assert_cmphex(f->data_key, !=, s_key);
    fake_set(f, 0x180, UINT64_C(8) << 60 | UINT64_C(7) << 44 | (ROOT >> 12));
    g_assert_cmphex(f->data_key, ==, s_key);
    g_assert_cmpint(f->flushes, ==, flushes);
    /* The same ASID with other tables: guests without ASIDs. */
    fake_set(f, 0x180, UINT64_C(8) << 60 | UINT64_C(7) << 44 | (ROOT >> 12) | 0x40);
    g_assert_cmpint(f->flushes, ==, flushes + 1);
    g_assert_cmpint(f->flush_kind, ==, 's');
    g_assert_cmpint(f->flush_asid, ==, 7);
    fake_free(f);
}

static void test_fences(void)
{
    Fake *f = fake_new("rv64");
    void (*fence)(RISCVEnv *, uint32_t, uint64_t, uint64_t) = riscv_helper_sfence_vma.fn;
    void (*inval)(RISCVEnv *, uint32_t) = riscv_helper_sfence_inval.fn;
    const uint32_t base = 0x12000073, rs1 = 5 << 15, rs2 = 6 << 20;

    fence(f->env, base, 0, 0);
    g_assert_cmpint(f->flush_kind, ==, 'a');
    fence(f->env, base | rs1, 0x5000, 0);
    g_assert_cmpint(f->flush_kind, ==, 'p');
    g_assert_cmphex(f->flush_addr, ==, 0x5000);
    fence(f->env, base | rs2, 0, 0x12345);
    g_assert_cmpint(f->flush_kind, ==, 's');
    g_assert_cmphex(f->flush_asid, ==, 0x2345);
    fence(f->env, base | rs1 | rs2, 0x6000, 3);
    g_assert_cmpint(f->flush_kind, ==, 'q');
    f->env->priv = RISCV_PRV_S;
    g_assert_cmpint(fake_try(f, fence(f->env, base, 0, 0)), ==, -1);
    f->env->mstatus |= MSTATUS_TVM;
    g_assert_cmpint(fake_try(f, fence(f->env, base, 0, 0)), ==, RISCV_EXC_ILLEGAL);
    g_assert_cmphex(f->env->tval, ==, base);
    g_assert_cmpint(fake_try(f, inval(f->env, 0x18000073)), ==, -1);
    f->env->priv = RISCV_PRV_U;
    g_assert_cmpint(fake_try(f, fence(f->env, base, 0, 0)), ==, RISCV_EXC_ILLEGAL);
    g_assert_cmpint(fake_try(f, inval(f->env, 0x18000073)), ==, RISCV_EXC_ILLEGAL);
    fake_free(f);
}

static void test_cbo(void)
{
    Fake *f = fake_new("rv64");
    void (*zero)(RISCVEnv *, uint32_t, uint64_t) = riscv_helper_cbo_zero.fn;
    void (*manage)(RISCVEnv *, uint32_t, uint64_t) = riscv_helper_cbo_manage.fn;
    uint8_t *data = f->ram->host + (DATA - FAKE_RAM);
    const uint32_t insn_inval = 0x0005200f, insn_clean = 0x0015200f, insn_zero = 0x0045200f;

    memset(data, 0xaa, 256);
    g_assert_cmpint(fake_try(f, zero(f->env, insn_zero, DATA + 0x7f)), ==, -1);
    g_assert_cmphex(data[0x3f], ==, 0xaa);
    g_assert_cmphex(data[0x40], ==, 0);
    g_assert_cmphex(data[0x7f], ==, 0);
    g_assert_cmphex(data[0x80], ==, 0xaa);
    /* Below M: menvcfg, in U senvcfg too. */
    riscv_pmpaddr_write(f->env, 0, UINT64_MAX);
    riscv_pmpcfg_write(f->env, 0, PMP_A_NAPOT | 7);
    riscv_set_priv(f->env, RISCV_PRV_S);
    g_assert_cmpint(fake_try(f, zero(f->env, insn_zero, DATA)), ==, RISCV_EXC_ILLEGAL);
    g_assert_cmpint(fake_try(f, manage(f->env, insn_clean, DATA)), ==, RISCV_EXC_ILLEGAL);
    g_assert_cmpint(fake_try(f, manage(f->env, insn_inval, DATA)), ==, RISCV_EXC_ILLEGAL);
    f->env->menvcfg |= ENVCFG_CBZE | ENVCFG_CBCFE | BIT64(4);
    g_assert_cmpint(fake_try(f, zero(f->env, insn_zero, DATA)), ==, -1);
    g_assert_cmpint(fake_try(f, manage(f->env, insn_clean, DATA)), ==, -1);
    g_assert_cmpint(fake_try(f, manage(f->env, insn_inval, DATA)), ==, -1);
    riscv_set_priv(f->env, RISCV_PRV_U);
    g_assert_cmpint(fake_try(f, zero(f->env, insn_zero, DATA)), ==, RISCV_EXC_ILLEGAL);
    f->env->senvcfg |= ENVCFG_CBZE;
    g_assert_cmpint(fake_try(f, zero(f->env, insn_zero, DATA)), ==, -1);
    g_assert_cmpint(fake_try(f, manage(f->env, insn_clean, DATA)), ==, RISCV_EXC_ILLEGAL);
    /* Access is checked as for a store. */
    f->env->senvcfg |= ENVCFG_CBCFE;
    riscv_pmpcfg_write(f->env, 0, PMP_A_NAPOT | PMP_X);
    g_assert_cmpint(fake_try(f, manage(f->env, insn_clean, DATA)), ==, RISCV_EXC_STORE_ACCESS);
    g_assert_cmpint(fake_try(f, zero(f->env, insn_zero, DATA)), ==, RISCV_EXC_STORE_ACCESS);
    fake_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/riscv/mmu/walk", test_walk);
    g_test_add_func("/riscv/mmu/permissions", test_permissions);
    g_test_add_func("/riscv/mmu/reserved", test_reserved);
    g_test_add_func("/riscv/mmu/accessed-dirty", test_accessed_dirty);
    g_test_add_func("/riscv/mmu/pmp", test_pmp);
    g_test_add_func("/riscv/mmu/smepmp", test_smepmp);
    g_test_add_func("/riscv/mmu/keys", test_keys);
    g_test_add_func("/riscv/mmu/fences", test_fences);
    g_test_add_func("/riscv/mmu/cbo", test_cbo);
    return g_test_run();
}

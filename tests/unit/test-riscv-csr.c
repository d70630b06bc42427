/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V CSRs: WARL rules, existence and privilege, the sources of mip, traps, delegation and
 * returns, counters, the floating-point status.
 */
#include "riscv-fake.h"

enum {
    FFLAGS = 0x001,
    FRM,
    FCSR,
    SEED = 0x015,
    SSTATUS = 0x100,
    SIE = 0x104,
    STVEC,
    SCOUNTEREN,
    SENVCFG = 0x10a,
    SSTATEEN0 = 0x10c,
    SSCRATCH = 0x140,
    SEPC,
    SCAUSE,
    STVAL,
    SIP,
    STIMECMP = 0x14d,
    SATP = 0x180,
    MSTATUS = 0x300,
    MISA,
    MEDELEG,
    MIDELEG,
    MIE,
    MTVEC,
    MCOUNTEREN,
    MENVCFG = 0x30a,
    MSTATEEN0 = 0x30c,
    MSTATUSH = 0x310,
    MEDELEGH = 0x312,
    MENVCFGH = 0x31a,
    MCOUNTINHIBIT = 0x320,
    MHPMEVENT3 = 0x323,
    MSCRATCH = 0x340,
    MEPC,
    MCAUSE,
    MTVAL,
    MIP,
    PMPCFG0 = 0x3a0,
    PMPCFG1,
    PMPADDR0 = 0x3b0,
    MHPMEVENT3H = 0x723,
    MSECCFG = 0x747,
    TSELECT = 0x7a0,
    TDATA1,
    TDATA2,
    TDATA3,
    TINFO,
    MCONTEXT = 0x7a8,
    MCYCLE = 0xb00,
    MINSTRET = 0xb02,
    MHPMCOUNTER3,
    MINSTRETH = 0xb82,
    CYCLE = 0xc00,
    TIME,
    INSTRET,
    HPMCOUNTER3,
    CYCLEH = 0xc80,
    SCOUNTOVF = 0xda0,
    MVENDORID = 0xf11,
    MHARTID = 0xf14,
    MCONFIGPTR,
};

#define ALL UINT64_MAX

/* On a fresh hart: write, then read. */
static const struct {
    const char *cpu;
    unsigned csr;
    uint64_t write, read;
} warl[] = {
    /* mstatus: SIE MIE SPIE MPIE SPP MPP FS MPRV SUM MXR TVM TW TSR, UXL and SXL 64, SD */
    {"rv64", MSTATUS, ALL, 0x8000000a007e79aa},
    {"rv64", MSTATUS, 0, 0x0000000a00000000},
    {"rv64", MSTATUS, 0x1000, 0x0000000a00000000}, /* MPP=2 is no mode */
    {"rv64", MSTATUS, 0x4000, 0x0000000a00004000}, /* FS clean */
    {"rv64", SSTATUS, ALL, 0x80000002000c6122},
    {"rv64,f=off,d=off,zfa=off", MSTATUS, ALL, 0x0000000a007e19aa},
    {"rv64,s=off", MSTATUS, ALL, 0x8000000200227888},
    {"rv64,mmu=off", MSTATUS, ALL, 0x8000000a006279aa},
    {"rv32", MSTATUS, ALL, 0x807e79aa},
    {"rv32", MSTATUSH, ALL, 0},
    {"rv32", SSTATUS, ALL, 0x800c6122},
    {"rv64", MISA, 0, 0x800000000014112d},
    {"rv32", MISA, 0, 0x4014112d},
    {"max", MISA, 0, 0x800000000014112f},
    {"rv64", MEDELEG, ALL, 0x4b3ff},
    {"rv64", MIDELEG, ALL, 0x222},
    {"rv64,sscofpmf=on", MIDELEG, ALL, 0x2222},
    {"rv64", MIE, ALL, 0xaaa},
    {"rv64,sscofpmf=on", MIE, ALL, 0x2aaa},
    {"rv64,s=off", MIE, ALL, 0x888},
    {"rv64", MIP, ALL, 0x222},
    {"rv64,s=off", MIP, ALL, 0},
    {"rv64", SIE, ALL, 0}, /* nothing is delegated */
    {"rv64", MTVEC, 0x80000001, 0x80000001},
    {"rv64", MTVEC, 0x80000002, 0},
    {"rv64", STVEC, 0xffffffff80000000, 0xffffffff80000000},
    {"rv64", MEPC, ALL, ALL - 1},
    {"rv64,c=off", MEPC, ALL, ALL - 3},
    {"rv32", SEPC, ALL, 0xfffffffe},
    {"rv64", MSCRATCH, ALL, ALL},
    {"rv32", MSCRATCH, ALL, 0xffffffff},
    {"rv64", MCAUSE, ALL, ALL},
    {"rv64", MTVAL, 0x123456789abcdef0, 0x123456789abcdef0},
    {"rv64", MCOUNTEREN, ALL, 0x7ffff},
    {"rv64,pmu-mask=0x18", MCOUNTEREN, ALL, 0x1f},
    {"rv64", SCOUNTEREN, ALL, 0x7ffff},
    {"rv64", MCOUNTINHIBIT, ALL, 0x7fffd},
    {"rv64", MENVCFG, ALL, 0xa0000000000000f1},
    {"max", MENVCFG, ALL, 0xe0000000000000f1},
    {"max", MENVCFG, 0x20, 0}, /* CBIE=2 is reserved */
    {"rv64", SENVCFG, ALL, 0xf1},
    {"rv32", MENVCFG, ALL, 0xf1},
    {"rv32", MENVCFGH, ALL, 0xa0000000},
    {"max", MSTATEEN0, ALL, 0xdc00000000000000},
    {"max", MSTATEEN0 + 1, ALL, 0x8000000000000000},
    {"max", SSTATEEN0, ALL, 0},
    {"max", MSECCFG, 0x307, 0x307},
    {"rv64,zkr=on", MSECCFG, ALL, 0x300},
    {"rv64,smepmp=on", MSECCFG, ALL, 7},
    {"rv64", SATP, 0x8000000000000000 | 0x123, 0x8000000000000123},
    {"rv64", SATP, 0x9ffff00000000000, 0x9ffff00000000000},
    {"rv64", SATP, 0xa000000000000001, 0xa000000000000001},
    {"rv64", SATP, 0xb000000000000001, 0},
    {"rv64", SATP, 0x1000000000000001, 0},
    {"rv64,sv57=off", SATP, 0xa000000000000001, 0},
    {"sifive-u54", SATP, 0x9000000000000001, 0},
    {"rv64,mmu=off", SATP, 0x8000000000000001, 0},
    {"rv32", SATP, ALL, 0xffffffff},
    {"rv64", FCSR, 0, 0}, /* FS is set up by the test */
    {"rv64", FCSR, ALL, 0xff},
    {"rv64", FRM, ALL, 7},
    {"rv64", FFLAGS, ALL, 0x1f},
    {"rv64", MHPMEVENT3, ALL, 0x00ffffffffffffff},
    {"rv64,sscofpmf=on", MHPMEVENT3, ALL, 0xf0ffffffffffffff},
    {"rv64", MHPMEVENT3 + 28, ALL, 0}, /* counter 31 is not there */
    {"rv64", MHPMCOUNTER3 + 28, ALL, 0},
    {"rv32,sscofpmf=on", MHPMEVENT3H, ALL, 0xf0ffffff},
    {"rv64", MVENDORID, 0, 0},
    {"thead-c906", MVENDORID, 0, 0x5b7},
    {"rv64,mvendorid=77", MVENDORID, 0, 77},
    {"rv64", PMPADDR0, ALL, 0x003fffffffffffff},
    {"rv32", PMPADDR0, ALL, 0xffffffff},
    {"rv64,pmp-granularity=16", PMPADDR0, ALL, 0x003ffffffffffffc},
    /* Triggers: there are two; a type that is not there is 15, disabled. */
    {"rv64", TSELECT, 1, 1},
    {"rv64", TSELECT, 2, 0},
    {"rv64", TDATA1, 0, 0xf000000000000000},
    {"rv64", TDATA1, 0x7fffffffffffffff, 0xf000000000000000},
    {"rv64", TDATA1, 0x6fffffffffffffff, 0x600000000040005f}, /* match 15, size of execute */
    {"rv64", TDATA1, 0x60000000000501c3, 0x60000000000501c3}, /* 64 bits, below */
    {"rv64", TDATA1, 0x6000000000060043, 0x6000000000000043}, /* 128 bits are too many */
    {"rv64,s=off", TDATA1, 0x600000000000005f, 0x600000000000004f},
    {"rv64", TDATA1, 0x2fffffffffffffff, 0x27e000000010005f},
    {"rv64", TDATA1, 0x3fffffffffffffff, 0x3000000001ffffc0},
    {"rv64", TDATA1, 0x5fffffffffffffff, 0x54000000000002c0},
    {"rv32", TDATA1, 0x6fffffff, 0x6040005f},
    {"rv32", TDATA1, 0x2fffffff, 0x23f0005f},
    {"rv64", TDATA2, ALL, ALL},
    {"rv64", TDATA3, ALL, 0xfffc000000000000},
    {"rv32", TDATA3, ALL, 0xfe000000},
    {"rv64", TINFO, ALL, 0x100807c},
    {"rv64", MCONTEXT, ALL, 0x1fff},
    {"rv64", PMPCFG0, 0x1f, 0x1f},
    {"rv64", PMPCFG0, 0x7f, 0x1f},
    {"rv64", PMPCFG0, 0x02, 0x00}, /* W without R */
    {"rv64,pmp-granularity=16", PMPCFG0, 0x17, 0x07},
    {"rv64", PMPADDR0 + 16, ALL, 0}, /* 16 entries */
    {"rv64,num-pmp-regions=64", PMPADDR0 + 63, 5, 5},
};

static void test_warl(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(warl); i++) {
        Fake *f = fake_new(warl[i].cpu);
        bool ro = (warl[i].csr >> 10) == 3;
        if (riscv_has(f->env->cfg, RISCV_EXT_F) && warl[i].csr <= FCSR) {
            fake_set(f, MSTATUS, MSTATUS_FS);
        }
        if (!ro) {
            fake_set(f, warl[i].csr, warl[i].write);
        }
        uint64_t got = fake_get(f, warl[i].csr);
        if (got != warl[i].read) {
            g_test_message("row %u: %s, %s: wrote %#lx, read %#lx, not %#lx", i, warl[i].cpu,
                           riscv_csr_name(warl[i].csr), warl[i].write, got, warl[i].read);
            g_test_fail();
        }
        fake_free(f);
    }
}

/* Who may access what: at each privilege level, for reading and writing. */
static const struct {
    const char *cpu;
    unsigned csr;
    const char *may; /* letters of levels that may read, then '/' and those that may write */
} access_rows[] = {
    {"rv64", MSTATUS, "M/M"},
    {"rv64", SSTATUS, "MS/MS"},
    {"rv64", MHARTID, "M/"},
    {"rv64", CYCLE, "M/"},
    {"rv64", MCONFIGPTR, "M/"},
    {"sifive-u54", MCONFIGPTR, "/"},
    {"rv64", MSTATUSH, "/"},
    {"rv32", MSTATUSH, "M/M"},
    {"rv64", CYCLEH, "/"},
    {"rv32", CYCLEH, "M/"},
    {"rv64", FCSR, "/"},
    {"rv64", PMPCFG1, "/"},
    {"rv32", PMPCFG1, "M/M"},
    {"rv64,pmp=off", PMPCFG0, "/"},
    {"rv64,s=off", SSTATUS, "/"},
    {"rv64,s=off", MEDELEG, "/"},
    {"rv64", MEDELEGH, "/"},
    {"rv32", MEDELEGH, "M/M"},
    {"rv64", STIMECMP, "M/M"},
    {"rv64,sstc=off", STIMECMP, "/"},
    {"rv64", SCOUNTOVF, "/"},
    {"max", SCOUNTOVF, "MS/"},
    {"rv64", SEED, "/"},
    {"max", SEED, "/M"},
    {"rv64", MSECCFG, "/"},
    {"max", MSECCFG, "M/M"},
    {"rv64", MSTATEEN0, "/"},
    {"max", SSTATEEN0, "M/M"},
    {"max", SENVCFG, "M/M"},
    {"rv64", SENVCFG, "MS/MS"},
    {"rv64", 0x7a5, "/"},
    {"rv64,debug=off", TSELECT, "/"},
    {"rv64,sdtrig=off", TINFO, "/"},
    {"rv64", 0x200, "/"},
    {"rv64", 0x801, "/"},
    {"rv64", SATP, "MS/MS"},
    {"rv64,zicntr=off", CYCLE, "/"},
    {"rv64,zihpm=off", HPMCOUNTER3, "/"},
};

static void test_access(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(access_rows); i++) {
        Fake *f = fake_new(access_rows[i].cpu);
        GString *got = g_string_new(NULL);
        uint64_t val;
        for (unsigned write = 0; write < 2; write++) {
            for (int priv = 3; priv >= 0; priv--) {
                if (priv == 2) {
                    continue;
                }
                f->env->priv = priv;
                if (write ? fake_csr_write(f, access_rows[i].csr, 0)
                          : fake_csr_read(f, access_rows[i].csr, &val)) {
                    g_string_append_c(got, "US?M"[priv]);
                }
            }
            g_string_append(got, write ? "" : "/");
        }
        if (strcmp(got->str, access_rows[i].may)) {
            g_test_message("%s, CSR %#x: %s, not %s", access_rows[i].cpu, access_rows[i].csr,
                           got->str, access_rows[i].may);
            g_test_fail();
        }
        g_string_free(got, TRUE);
        fake_free(f);
    }
}

static void test_access_switches(void)
{
    Fake *f = fake_new("max");
    uint64_t v;

    /* Counters: mcounteren, then scounteren. */
    f->env->priv = RISCV_PRV_S;
    g_assert_false(fake_csr_read(f, INSTRET, &v));
    f->env->priv = RISCV_PRV_M;
    fake_set(f, MCOUNTEREN, COUNTER_IR | COUNTER_TM);
    f->env->priv = RISCV_PRV_S;
    g_assert_true(fake_csr_read(f, INSTRET, &v));
    g_assert_false(fake_csr_read(f, CYCLE, &v));
    f->env->priv = RISCV_PRV_U;
    g_assert_false(fake_csr_read(f, INSTRET, &v));
    f->env->scounteren = COUNTER_IR;
    g_assert_true(fake_csr_read(f, INSTRET, &v));
    /* stimecmp: menvcfg.STCE too. */
    f->env->priv = RISCV_PRV_S;
    g_assert_false(fake_csr_read(f, STIMECMP, &v));
    f->env->menvcfg |= ENVCFG_STCE;
    g_assert_true(fake_csr_read(f, STIMECMP, &v));
    /* satp: TVM. */
    g_assert_true(fake_csr_read(f, SATP, &v));
    f->env->mstatus |= MSTATUS_TVM;
    g_assert_false(fake_csr_read(f, SATP, &v));
    /* State enable. */
    f->env->mstateen[0] = STATEEN0_ENVCFG;
    g_assert_true(fake_csr_read(f, SENVCFG, &v));
    g_assert_false(fake_csr_read(f, SSTATEEN0, &v));
    f->env->mstateen[0] = STATEEN_SE;
    g_assert_true(fake_csr_read(f, SSTATEEN0, &v));
    /* seed: read-write instructions only, and where mseccfg lets. */
    g_assert_false(fake_csr_write(f, SEED, 0));
    f->env->mseccfg = MSECCFG_SSEED;
    g_assert_true(fake_csr_write(f, SEED, 0));
    g_assert_false(fake_csr_read(f, SEED, &v));
    fake_free(f);
}

static void test_seed(void)
{
    Fake *f = fake_new("max");
    uint64_t a[8], v;

    for (unsigned pass = 0; pass < 2; pass++) {
        riscv_cpu_set_seed(&f->cpu, 42);
        for (unsigned i = 0; i < 8; i++) {
            g_assert_cmpint(riscv_csr_access(f->env, SEED, &v, true, 0, ALL, 0), ==, RISCV_CSR_OK);
            g_assert_cmphex(v >> 16, ==, 0x8000);
            g_assert_true(!pass || a[i] == v);
            a[i] = v;
        }
    }
    g_assert_true(a[0] != a[1]);
    f->env->seed_state = 0;
    riscv_csr_access(f->env, SEED, &v, true, 0, ALL, 0);
    g_assert_true(v >> 30 == 2 || v >> 30 == 1);
    fake_free(f);
}

static void test_mip(void)
{
    Fake *f = fake_new("rv64,sscofpmf=on");
    RISCVEnv *env = f->env;
    uint64_t old;

    /* The line of the interrupt controller shows, but csrrs does not make it stick. */
    cpu_set_line(&f->cpu, RISCV_LINE_SEI, true);
    riscv_csr_access(env, MIP, &old, true, ALL, MIP_SSIP, 0);
    g_assert_cmphex(old, ==, MIP_SEIP);
    g_assert_cmphex(fake_get(f, MIP), ==, MIP_SEIP | MIP_SSIP);
    cpu_set_line(&f->cpu, RISCV_LINE_SEI, false);
    g_assert_cmphex(fake_get(f, MIP), ==, MIP_SSIP);
    /* Software's own bit does. */
    riscv_csr_access(env, MIP, NULL, true, ALL, MIP_SEIP, 0);
    cpu_set_line(&f->cpu, RISCV_LINE_SEI, true);
    cpu_set_line(&f->cpu, RISCV_LINE_SEI, false);
    g_assert_cmphex(fake_get(f, MIP), ==, MIP_SEIP | MIP_SSIP);
    /* S mode sees what is delegated, and clears SSIP that a device has set. */
    fake_set(f, MIP, 0);
    fake_set(f, MIDELEG, MIP_SSIP | MIP_STIP | MIP_LCOFIP);
    cpu_set_line(&f->cpu, RISCV_LINE_SSI, true);
    cpu_set_line(&f->cpu, RISCV_LINE_LCOFI, true);
    cpu_set_line(&f->cpu, RISCV_LINE_SEI, true);
    env->priv = RISCV_PRV_S;
    g_assert_cmphex(fake_get(f, SIP), ==, MIP_SSIP | MIP_LCOFIP);
    riscv_csr_access(env, SIP, NULL, true, 0, MIP_SSIP, 0);
    g_assert_cmphex(fake_get(f, SIP), ==, MIP_LCOFIP);
    fake_set(f, SIP, MIP_STIP);
    g_assert_cmphex(fake_get(f, SIP), ==, 0);
    fake_set(f, SIE, ALL);
    g_assert_cmphex(env->mie, ==, MIP_SSIP | MIP_STIP | MIP_LCOFIP);
    fake_free(f);
}

static uint64_t now;

static uint64_t fake_rdtime(void *opaque)
{
    return now;
}

static int64_t fake_deadline(void *opaque, uint64_t time)
{
    return INT64_MAX;
}

static void test_stimecmp(void)
{
    Fake *f = fake_new("rv64");
    RISCVTimeSource src = {fake_rdtime, fake_deadline, NULL, NULL};

    riscv_cpu_set_time_source(&f->cpu, &src);
    now = 1000;
    g_assert_cmpint(fake_get(f, TIME), ==, 1000);
    fake_set(f, STIMECMP, 500);
    g_assert_cmphex(fake_get(f, MIP), ==, 0);
    fake_set(f, MIP, MIP_STIP);
    g_assert_cmphex(fake_get(f, MIP), ==, MIP_STIP);
    fake_set(f, MENVCFG, ENVCFG_STCE);
    g_assert_cmphex(fake_get(f, MIP), ==, MIP_STIP);
    fake_set(f, STIMECMP, 2000);
    g_assert_cmphex(fake_get(f, MIP), ==, 0);
    fake_set(f, MIP, MIP_STIP); /* read-only now */
    g_assert_cmphex(fake_get(f, MIP), ==, 0);
    now = 2000;
    riscv_cpu_time_changed(&f->cpu);
    g_assert_cmphex(fake_get(f, MIP), ==, MIP_STIP);
    fake_set(f, MENVCFG, 0);
    g_assert_cmphex(fake_get(f, MIP), ==, 0);
    fake_free(f);
}

/* Interrupts: what is pending and enabled, where the hart is: what is taken, and where to. */
static void test_interrupts(void)
{
    static const struct {
        uint64_t lines, mideleg;
        uint8_t priv;
        bool mie, sie;
        int cause; /* -1: none */
        uint8_t to;
    } rows[] = {
        {0, 0, 0, false, false, -1, 0},
        {MIP_MTIP, 0, 3, false, true, -1, 0},
        {MIP_MTIP, 0, 3, true, false, 7, 3},
        {MIP_MTIP, 0, 1, false, false, 7, 3},
        {MIP_MTIP, 0, 0, false, false, 7, 3},
        {MIP_MEIP | MIP_MSIP | MIP_MTIP, 0, 0, false, false, 11, 3},
        {MIP_MSIP | MIP_MTIP | MIP_SEIP, 0, 0, false, false, 3, 3},
        {MIP_SEIP | MIP_SSIP | MIP_STIP | MIP_LCOFIP, 0, 0, false, false, 9, 3},
        {MIP_SSIP | MIP_STIP | MIP_LCOFIP, 0, 0, false, false, 1, 3},
        {MIP_STIP | MIP_LCOFIP, 0, 0, false, false, 5, 3},
        {MIP_LCOFIP, 0, 0, false, false, 13, 3},
        {MIP_SEIP, 0x2222, 3, true, true, -1, 0}, /* delegated: masked in M */
        {MIP_SEIP, 0x2222, 1, true, false, -1, 0},
        {MIP_SEIP, 0x2222, 1, false, true, 9, 1},
        {MIP_SEIP, 0x2222, 0, false, false, 9, 1},
        {MIP_SEIP | MIP_MTIP, 0x2222, 1, false, true, 7, 3}, /* M mode's come first */
        {MIP_SEIP | MIP_STIP, 0x0200, 1, false, false, 5, 3},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Fake *f = fake_new("max");
        RISCVEnv *env = f->env;
        fake_set(f, MTVEC, 0x80001001);
        fake_set(f, STVEC, 0x80002001);
        fake_set(f, MIDELEG, rows[i].mideleg);
        fake_set(f, MIE, ALL);
        fake_set(f, MSTATUS, (rows[i].mie ? MSTATUS_MIE : 0) | (rows[i].sie ? MSTATUS_SIE : 0));
        f->cpu.interrupts = rows[i].lines;
        riscv_set_priv(env, rows[i].priv);
        env->cpu.pc = 0x80000044;
        bool taken = riscv_do_interrupt(&f->cpu);
        g_assert_cmpint(taken, ==, rows[i].cause >= 0);
        g_assert_cmpint(riscv_has_work(&f->cpu), ==, rows[i].lines != 0);
        if (taken) {
            bool s = rows[i].to == RISCV_PRV_S;
            g_assert_cmpint(env->priv, ==, rows[i].to);
            g_assert_cmphex(s ? env->scause : env->mcause, ==, BIT64(63) | rows[i].cause);
            g_assert_cmphex(s ? env->sepc : env->mepc, ==, 0x80000044);
            g_assert_cmphex(env->cpu.pc, ==, (s ? 0x80002000 : 0x80001000) + 4 * rows[i].cause);
            g_assert_cmphex(s ? env->mstatus & MSTATUS_SIE : env->mstatus & MSTATUS_MIE, ==, 0);
            g_assert_cmphex(env->mstatus & (s ? MSTATUS_SPIE : MSTATUS_MPIE), ==,
                            s ? (rows[i].sie ? MSTATUS_SPIE : 0)
                              : (rows[i].mie ? MSTATUS_MPIE : 0));
        }
        fake_free(f);
    }
}

static void test_exceptions(void)
{
    Fake *f = fake_new("rv64");
    RISCVEnv *env = f->env;
    uint64_t (*mret)(RISCVEnv *, uint32_t) = riscv_helper_mret.fn;
    uint64_t (*sret)(RISCVEnv *, uint32_t) = riscv_helper_sret.fn;
    uint64_t (*ecall)(RISCVEnv *, uint64_t) = riscv_helper_ecall.fn;

    /* To M by default, direct although the vector is a table. */
    fake_set(f, MTVEC, 0x80001001);
    fake_set(f, STVEC, 0x80002000);
    riscv_set_priv(env, RISCV_PRV_U);
    env->cpu.pc = 0x1234;
    env->res_addr = 0x80000000;
    g_assert_cmpint(fake_try(f, riscv_raise(env, RISCV_EXC_LOAD_PAGE, 0xabc, 0)), ==, 13);
    riscv_do_exception(&f->cpu, f->excp);
    g_assert_cmpint(env->priv, ==, RISCV_PRV_M);
    g_assert_cmphex(env->cpu.pc, ==, 0x80001000);
    g_assert_cmphex(env->mepc, ==, 0x1234);
    g_assert_cmphex(env->mtval, ==, 0xabc);
    g_assert_cmphex(env->mcause, ==, 13);
    g_assert_cmphex(env->res_addr, ==, RISCV_RES_NONE);
    /* Delegated, but not from M mode. */
    fake_set(f, MEDELEG, ALL);
    riscv_do_exception(&f->cpu, RISCV_EXC_ILLEGAL);
    g_assert_cmpint(env->priv, ==, RISCV_PRV_M);
    riscv_set_priv(env, RISCV_PRV_S);
    env->mstatus |= MSTATUS_SIE;
    g_assert_cmphex(ecall(env, 0x5678), ==, 0x80002000);
    g_assert_cmpint(env->priv, ==, RISCV_PRV_S);
    g_assert_cmphex(env->cpu.pc, ==, 0x80002000);
    g_assert_cmphex(env->scause, ==, 9);
    g_assert_cmphex(env->stval, ==, 0);
    g_assert_cmphex(env->mstatus & (MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE), ==,
                    MSTATUS_SPP | MSTATUS_SPIE);
    g_assert_cmphex(sret(env, 0x10200073), ==, 0x5678);
    g_assert_cmpint(env->priv, ==, RISCV_PRV_S);
    g_assert_cmphex(env->mstatus & (MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE), ==,
                    MSTATUS_SPIE | MSTATUS_SIE);
    /* EBREAK: tval is its address. */
    env->cpu.pc = 0x9abc;
    riscv_do_exception(&f->cpu, RISCV_EXC_BREAKPOINT);
    g_assert_cmphex(env->stval, ==, 0x9abc);
    /* TSR; mret is M mode's. */
    env->mstatus |= MSTATUS_TSR;
    g_assert_cmpint(fake_try(f, sret(env, 0x10200073)), ==, RISCV_EXC_ILLEGAL);
    g_assert_cmphex(env->tval, ==, 0x10200073);
    g_assert_cmpint(fake_try(f, mret(env, 0x30200073)), ==, RISCV_EXC_ILLEGAL);
    riscv_set_priv(env, RISCV_PRV_M);
    fake_set(f, MSTATUS, MSTATUS_MPIE | MSTATUS_MPRV | (1 << MSTATUS_MPP_SHIFT));
    fake_set(f, MEPC, 0x80004001);
    g_assert_cmphex(mret(env, 0x30200073), ==, 0x80004000);
    g_assert_cmpint(env->priv, ==, RISCV_PRV_S);
    g_assert_cmphex(env->mstatus & (MSTATUS_MPP | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPRV), ==,
                    MSTATUS_MIE | MSTATUS_MPIE);
    fake_free(f);

    /* 32 bits. */
    f = fake_new("rv32");
    env = f->env;
    fake_set(f, MTVEC, 0xfffffff1);
    fake_set(f, MIE, ALL);
    fake_set(f, MSTATUS, MSTATUS_MIE);
    f->cpu.interrupts = MIP_MEIP;
    g_assert_true(riscv_do_interrupt(&f->cpu));
    g_assert_cmphex(env->mcause, ==, 0x8000000b);
    g_assert_cmphex(env->cpu.pc, ==, 0x1c);
    fake_free(f);
}

static void test_wait(void)
{
    Fake *f = fake_new("rv64");
    RISCVEnv *env = f->env;
    void (*wfi)(RISCVEnv *, uint32_t) = riscv_helper_wfi.fn;

    g_assert_cmpint(fake_try(f, wfi(env, 0x10500073)), ==, -1);
    g_assert_true(f->cpu.halted);
    f->cpu.halted = false;
    fake_set(f, MIE, MIP_MTIP);
    f->cpu.interrupts = MIP_MTIP;
    wfi(env, 0x10500073);
    g_assert_false(f->cpu.halted);
    riscv_set_priv(env, RISCV_PRV_U);
    g_assert_cmpint(fake_try(f, wfi(env, 0x10500073)), ==, RISCV_EXC_ILLEGAL);
    riscv_set_priv(env, RISCV_PRV_S);
    g_assert_cmpint(fake_try(f, wfi(env, 0x10500073)), ==, -1);
    env->mstatus |= MSTATUS_TW;
    g_assert_cmpint(fake_try(f, wfi(env, 0x10500073)), ==, RISCV_EXC_ILLEGAL);
    fake_free(f);
}

static void test_fp(void)
{
    Fake *f = fake_new("rv64");
    RISCVEnv *env = f->env;

    fake_set(f, MSTATUS, 1 << MSTATUS_FS_SHIFT);
    g_assert_true(env->cpu.mode & RISCV_MODE_FS);
    /* Each flag and each rounding mode has its place in MXCSR. */
    for (unsigned v = 0; v < 256; v++) {
        fake_set(f, FCSR, v);
        g_assert_cmphex(fake_get(f, FCSR), ==, v);
        g_assert_cmphex(fake_get(f, FFLAGS), ==, v & 31);
        g_assert_cmphex(fake_get(f, FRM), ==, v >> 5);
        g_assert_cmpint(!!(env->cpu.mode & RISCV_MODE_FRM_SOFT), ==, v >> 5 == 4);
        g_assert_cmpint(!!(env->cpu.mode & RISCV_MODE_FRM_BAD), ==, v >> 5 > 4);
        g_assert_cmphex(env->cpu.mxcsr & 0x1f80, ==, 0x1f80);
    }
    env->cpu.mxcsr = 0x1f80 | 0x20;
    g_assert_cmphex(fake_get(f, FFLAGS), ==, 1);
    env->cpu.mxcsr = 0x1f80 | 0x01;
    g_assert_cmphex(fake_get(f, FFLAGS), ==, 16);
    /* Writing it made FS dirty; so does generated code. */
    g_assert_cmphex(fake_get(f, MSTATUS) & (MSTATUS_FS | MSTATUS_SD64), ==,
                    MSTATUS_FS | MSTATUS_SD64);
    fake_set(f, SSTATUS, 2 << MSTATUS_FS_SHIFT);
    g_assert_cmphex(fake_get(f, SSTATUS) & (MSTATUS_FS | MSTATUS_SD64), ==, 2 << MSTATUS_FS_SHIFT);
    *((uint8_t *)env + RISCV_FS_DIRTY_OFFSET) = 1;
    g_assert_cmphex(fake_get(f, SSTATUS) & (MSTATUS_FS | MSTATUS_SD64), ==,
                    MSTATUS_FS | MSTATUS_SD64);
    fake_set(f, MSTATUS, 0);
    g_assert_false(env->cpu.mode & RISCV_MODE_FS);
    uint64_t v;
    g_assert_false(fake_csr_read(f, FFLAGS, &v));
    fake_free(f);
}

static void test_counters(void)
{
    Fake *f = fake_new("max");
    RISCVEnv *env = f->env;

    /* The first look makes units count; that one's does not yet, but its instruction counts. */
    f->insns = 1000;
    g_assert_false(env->cpu.mode & CPU_MODE_COUNT);
    g_assert_cmpint(fake_get(f, MINSTRET), ==, 1000);
    g_assert_true(env->cpu.mode & CPU_MODE_COUNT);
    f->insns = 1002;
    f->unit_counts = true;
    g_assert_cmpint(fake_get(f, MINSTRET), ==, 1003);
    /* It ends when M mode, which may only have looked whether it is there, is left. */
    uint64_t (*mret)(RISCVEnv *, uint32_t) = riscv_helper_mret.fn;
    fake_set(f, MSTATUS, MSTATUS_MPP);
    mret(env, 0x30200073);
    g_assert_true(env->cpu.mode & CPU_MODE_COUNT);
    fake_set(f, MSTATUS, 0);
    mret(env, 0x30200073);
    g_assert_false(env->cpu.mode & CPU_MODE_COUNT);
    riscv_set_priv(env, RISCV_PRV_M);
    /* The write is not counted, the next instruction reads what was written. */
    f->unit_counts = false;
    fake_set(f, MINSTRET, 5);
    g_assert_true(env->cpu.mode & CPU_MODE_COUNT);
    f->unit_counts = true;
    g_assert_cmpint(fake_get(f, MINSTRET), ==, 5);
    fake_set(f, MINSTRET, 5);
    f->insns = 1003;
    g_assert_cmpint(fake_get(f, MINSTRET), ==, 5);
    f->insns = 1021;
    g_assert_cmpint(fake_get(f, INSTRET), ==, 23);
    fake_set(f, MSTATUS, 0);
    mret(env, 0x30200073);
    g_assert_true(env->cpu.mode & CPU_MODE_COUNT);
    riscv_set_priv(env, RISCV_PRV_M);
    fake_set(f, MINSTRET, 14);
    f->insns = 1023;
    fake_set(f, MCOUNTINHIBIT, COUNTER_IR);
    f->insns = 2000;
    g_assert_cmpint(fake_get(f, INSTRET), ==, 15);
    fake_set(f, MINSTRET, 77);
    g_assert_cmpint(fake_get(f, INSTRET), ==, 77);
    fake_set(f, MCOUNTINHIBIT, 0);
    f->insns = 2003;
    g_assert_cmpint(fake_get(f, INSTRET), ==, 80);

    /* A filtered counter of instructions: not in M mode. */
    fake_set(f, MHPMEVENT3, HPMEVENT_MINH | 2);
    fake_set(f, MHPMCOUNTER3, 100);
    f->insns = 3000;
    g_assert_cmpint(fake_get(f, MHPMCOUNTER3), ==, 100);
    riscv_set_priv(env, RISCV_PRV_U);
    f->insns = 3500;
    riscv_set_priv(env, RISCV_PRV_M);
    f->insns = 4000;
    g_assert_cmpint(fake_get(f, MHPMCOUNTER3), ==, 600);

    /* Overflow: OF and LCOFIP, once. */
    fake_set(f, MHPMEVENT3, 2);
    fake_set(f, MHPMCOUNTER3, (uint64_t)-10);
    g_assert_cmphex(fake_get(f, MIP), ==, 0);
    f->insns += 20;
    fake_set(f, MHPMEVENT3 + 1, 0); /* looks at all counters */
    g_assert_cmphex(fake_get(f, MIP), ==, MIP_LCOFIP);
    g_assert_cmphex(fake_get(f, MHPMEVENT3), ==, HPMEVENT_OF | 2);
    g_assert_cmphex(fake_get(f, SCOUNTOVF), ==, 8);
    env->priv = RISCV_PRV_S;
    g_assert_cmphex(fake_get(f, SCOUNTOVF), ==, 0);
    env->mcounteren = 8;
    g_assert_cmphex(fake_get(f, SCOUNTOVF), ==, 8);
    fake_free(f);

    f = fake_new("rv32");
    fake_set(f, MCOUNTINHIBIT, ALL);
    fake_set(f, MINSTRET, 0x89abcdef);
    fake_set(f, MINSTRETH, 0x01234567);
    g_assert_cmphex(fake_get(f, MINSTRET), ==, 0x89abcdef);
    g_assert_cmphex(fake_get(f, MINSTRETH), ==, 0x01234567);
    g_assert_cmphex(f->env->hpm_base[2], ==, 0x0123456789abcdef);
    fake_free(f);
}

static void test_names(void)
{
    g_assert_cmpstr(riscv_csr_name(0x300), ==, "mstatus");
    g_assert_cmpstr(riscv_csr_name(0xc9f), ==, "hpmcounter31h");
    g_assert_cmpstr(riscv_csr_name(0x3ef), ==, "pmpaddr63");
    g_assert_null(riscv_csr_name(0x7ff));
    g_assert_cmpint(riscv_csr_ends_unit(0x340, true), ==, RISCV_CSR_END_NO);
    g_assert_cmpint(riscv_csr_ends_unit(0x180, true), ==, RISCV_CSR_END_LOOKUP);
    g_assert_cmpint(riscv_csr_ends_unit(0x100, true), ==, RISCV_CSR_END_MAIN);
    g_assert_cmpint(riscv_csr_ends_unit(0x100, false), ==, RISCV_CSR_END_NO);
    static const unsigned instret[] = {0xb02, 0xb82, 0xc02, 0xc82};
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpint(riscv_csr_ends_unit(instret[i], false), ==, RISCV_CSR_END_LOOKUP);
    }
    g_assert_cmpint(riscv_csr_ends_unit(0xc00, false), ==, RISCV_CSR_END_NO);
}

/* Advanced interrupt architecture: the interrupt file of these tests has one register. */
typedef struct FakeFile {
    unsigned reg, claims;
    uint64_t val;
} FakeFile;

static void file_access(void *opaque, unsigned reg, unsigned xlen, uint64_t *old, uint64_t val,
                        uint64_t mask)
{
    FakeFile *f = opaque;

    f->reg = reg;
    *old = f->val;
    f->val = (f->val & ~mask) | (val & mask);
}

static uint32_t file_top(void *opaque, bool claim)
{
    FakeFile *f = opaque;

    f->claims += claim;
    return 33;
}

static void test_aia(void)
{
    enum {
        SIEH = 0x114,
        SISELECT = 0x150,
        SIREG = 0x151,
        STOPEI = 0x15c,
        STOPI = 0xdb0,
        MVIEN = 0x308,
        MVIP = 0x309,
        MISELECT = 0x350,
        MIREG = 0x351,
        MTOPEI = 0x35c,
        MTOPI = 0xfb0,
    };
    Fake *f = fake_new("rv64,smaia=on,ssaia=on,smstateen=on");
    FakeFile file = {.val = 0xf0};
    const RISCVImsic imsic = {file_access, file_top, &file};
    uint64_t old = 0;

    fake_set(f, MISELECT, 0x170);
    g_assert_cmphex(fake_get(f, MISELECT), ==, 0x70);
    g_assert_false(fake_csr_read(f, MIREG, &old)); /* no file */
    g_assert_false(fake_csr_read(f, MTOPEI, &old));
    fake_set(f, MISELECT, 0x30);
    g_assert_cmphex(fake_get(f, MIREG), ==, 0); /* priorities are fixed */
    fake_set(f, MISELECT, 0x31);
    g_assert_false(fake_csr_read(f, MIREG, &old)); /* odd on a 64-bit hart */
    fake_set(f, MISELECT, 0x40);
    g_assert_false(fake_csr_read(f, MIREG, &old));
    riscv_cpu_set_imsic(&f->cpu, true, &imsic);
    fake_set(f, MISELECT, 0xc0);
    /* Reading and changing are one step. */
    g_assert_cmpint(riscv_csr_access(f->env, MIREG, &old, true, ALL, 0xf, 0), ==, RISCV_CSR_OK);
    g_assert_cmphex(old, ==, 0xf0);
    g_assert_cmphex(file.val, ==, 0xff);
    g_assert_cmphex(file.reg, ==, 0xc0);
    fake_set(f, MISELECT, 0xc1);
    g_assert_false(fake_csr_read(f, MIREG, &old));
    fake_set(f, MISELECT, 0x71); /* reserved, not refused */
    g_assert_true(fake_csr_read(f, MIREG, &old));
    g_assert_cmphex(fake_get(f, MTOPEI), ==, 33 << 16 | 33);
    g_assert_cmpuint(file.claims, ==, 0);
    g_assert_true(fake_csr_write(f, MTOPEI, 0));
    g_assert_cmpuint(file.claims, ==, 1);

    /* The top of what is pending and enabled, at each level. */
    fake_set(f, MIDELEG, MIP_SSIP | MIP_STIP);
    fake_set(f, MIE, MIP_SSIP | MIP_STIP | MIP_SEIP);
    g_assert_cmphex(fake_get(f, STOPI) | fake_get(f, MTOPI), ==, 0);
    fake_set(f, MVIP, ALL);
    g_assert_cmphex(fake_get(f, MIP), ==, MIP_SSIP | MIP_STIP | MIP_SEIP);
    g_assert_cmphex(fake_get(f, MVIP), ==, MIP_SSIP | MIP_STIP | MIP_SEIP);
    g_assert_cmphex(fake_get(f, STOPI), ==, 1 << 16 | 1);
    g_assert_cmphex(fake_get(f, MTOPI), ==, 9 << 16 | 1);
    fake_set(f, MVIP, MIP_STIP);
    g_assert_cmphex(fake_get(f, STOPI), ==, 5 << 16 | 1);
    g_assert_cmphex(fake_get(f, MTOPI), ==, 0);
    fake_set(f, MVIEN, ALL);
    g_assert_cmphex(fake_get(f, MVIEN), ==, 0);
    g_assert_false(fake_csr_read(f, SIEH, &old)); /* RV32 only */

    /* mstateen0 keeps S mode out of each part. */
    riscv_cpu_set_imsic(&f->cpu, false, &imsic);
    fake_set(f, MSTATEEN0, 0);
    fake_set(f, SISELECT, 0x80);
    riscv_set_priv(f->env, RISCV_PRV_S);
    g_assert_false(fake_csr_read(f, SISELECT, &old) || fake_csr_read(f, SIREG, &old) ||
                   fake_csr_read(f, STOPEI, &old) || fake_csr_read(f, STOPI, &old) ||
                   fake_csr_read(f, MISELECT, &old));
    riscv_set_priv(f->env, RISCV_PRV_M);
    fake_set(f, MSTATEEN0, ALL);
    g_assert_cmphex(fake_get(f, MSTATEEN0), ==,
                    STATEEN_SE | STATEEN0_ENVCFG | STATEEN0_CSRIND | STATEEN0_AIA | STATEEN0_IMSIC);
    riscv_set_priv(f->env, RISCV_PRV_S);
    g_assert_cmphex(fake_get(f, SISELECT), ==, 0x80);
    g_assert_cmphex(fake_get(f, SIREG), ==, 0xff);
    g_assert_cmphex(fake_get(f, STOPEI), ==, 33 << 16 | 33);
    fake_free(f);

    f = fake_new("rv64");
    g_assert_false(fake_csr_read(f, MISELECT, &old) || fake_csr_read(f, MTOPI, &old) ||
                   fake_csr_read(f, STOPI, &old));
    fake_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/riscv/csr/warl", test_warl);
    g_test_add_func("/riscv/csr/access", test_access);
    g_test_add_func("/riscv/csr/access-switches", test_access_switches);
    g_test_add_func("/riscv/csr/seed", test_seed);
    g_test_add_func("/riscv/csr/mip", test_mip);
    g_test_add_func("/riscv/csr/stimecmp", test_stimecmp);
    g_test_add_func("/riscv/csr/interrupts", test_interrupts);
    g_test_add_func("/riscv/csr/exceptions", test_exceptions);
    g_test_add_func("/riscv/csr/wait", test_wait);
    g_test_add_func("/riscv/csr/fp", test_fp);
    g_test_add_func("/riscv/csr/counters", test_counters);
    g_test_add_func("/riscv/csr/aia", test_aia);
    g_test_add_func("/riscv/csr/names", test_names);
    return g_test_run();
}

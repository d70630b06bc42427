/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* RISC-V advanced interrupt architecture: hw/intc/riscv_aplic.c, hw/intc/riscv_imsic.c. */
#include "hw/intc/riscv_aia.h"
#include "tests/unit/device-test.h"

enum {
    DOMAINCFG = 0,
    MMSIADDRCFG = 0x1bc0,
    MMSIADDRCFGH = 0x1bc4,
    SMSIADDRCFG = 0x1bc8,
    SMSIADDRCFGH = 0x1bcc,
    SETIP = 0x1c00,
    SETIPNUM = 0x1cdc,
    IN_CLRIP = 0x1d00,
    CLRIPNUM = 0x1ddc,
    SETIE = 0x1e00,
    SETIENUM = 0x1edc,
    CLRIENUM = 0x1fdc,
    SETIPNUM_BE = 0x2004,
    GENMSI = 0x3000,
};
#define SOURCECFG(i) (4 * (i))
#define TARGET(i)    (0x3000 + 4 * (i))
#define IDC(h, reg)  (0x4000 + 32 * (h) + (reg))
enum { IDELIVERY = 0, IFORCE = 4, ITHRESHOLD = 8, TOPI = 0x18, CLAIMI = 0x1c };
enum { DETACHED = 1, RISING = 4, FALLING = 5, HIGH = 6, LOW = 7, DELEGATED = 0x400 };

#define IMSIC_M 0x24000000u
#define IMSIC_S 0x28000000u

static uint32_t get(Device *d, hwaddr offset)
{
    return reg_read(d, 0, offset, 4);
}

static void put(Device *d, hwaddr offset, uint32_t val)
{
    reg_write(d, 0, offset, 4, val);
}

static void input(Device *d, unsigned n, bool level)
{
    IrqLine line = device_irq_input(d, n);

    irq_set(&line, level);
}

/* ---- interrupt file ---- */

static uint64_t csr(RISCVImsic *f, unsigned reg, uint64_t val, uint64_t mask)
{
    uint64_t old = 0;

    f->access(f->opaque, reg, 64, &old, val, mask);
    return old;
}

static void test_imsic(void)
{
    TestMachine t;
    TestLine line = {0};
    uint64_t old;

    test_machine_init(&t);
    Device *d = test_device_new(&t, "riscv.imsic");
    device_set_u64(d, "guest-index-bits", 1);
    test_device_realize(d);
    test_connect(d, 0, &line);
    device_map(d, 0, &t.root, IMSIC_S);
    device_reset(d);
    RISCVImsic f = riscv_imsic_csrs(d);

    put(d, 0, 40);
    put(d, 4, 0x07000000); /* big-endian 7 */
    put(d, 0, 0);          /* no identities */
    put(d, 0, 256);
    put(d, 0x1000, 9); /* the page of a guest that is not there */
    g_assert_cmphex(csr(&f, 0x80, 0, 0), ==, UINT64_C(1) << 40 | 1 << 7);
    g_assert_cmphex(csr(&f, 0x82, 0, 0) | csr(&f, 0x84, 0, 0) | csr(&f, 0x86, 0, 0), ==, 0);
    g_assert_cmphex(get(d, 0), ==, 0);
    g_assert_cmpuint(f.top(f.opaque, false), ==, 0); /* none is enabled */
    csr(&f, 0xc0, UINT64_MAX, UINT64_MAX);
    g_assert_cmphex(csr(&f, 0xc0, 0, 0), ==, UINT64_MAX - 1);
    g_assert_cmpuint(f.top(f.opaque, false), ==, 7);
    g_assert_false(line.level);
    csr(&f, 0x70, 0x40000000, UINT64_MAX); /* delivery from an APLIC: not here */
    g_assert_false(line.level);
    csr(&f, 0x70, 1, UINT64_MAX);
    g_assert_true(line.level);
    csr(&f, 0x72, 7, UINT64_MAX); /* a threshold masks itself and what is above */
    g_assert_false(line.level);
    csr(&f, 0x72, 300, UINT64_MAX); /* no identity */
    g_assert_cmphex(csr(&f, 0x72, 8, UINT64_MAX), ==, 7);
    g_assert_true(line.level);
    g_assert_cmpuint(f.top(f.opaque, true), ==, 7);
    g_assert_false(line.level);
    csr(&f, 0x72, 0, UINT64_MAX);
    g_assert_cmpuint(f.top(f.opaque, true), ==, 40);
    g_assert_cmpuint(f.top(f.opaque, true), ==, 0);
    /* A message, as devices send it; and bits by CSR, alone. */
    g_assert_cmpint(memory_write_msi(t.m->as, IMSIC_S, 255, 0), ==, MEMTX_OK);
    g_assert_cmpuint(f.top(f.opaque, false), ==, 0);
    csr(&f, 0xc6, UINT64_C(1) << 63, UINT64_C(1) << 63);
    g_assert_cmpuint(f.top(f.opaque, false), ==, 255);
    csr(&f, 0x86, UINT64_C(1) << 10, UINT64_C(1) << 10);
    g_assert_cmphex(csr(&f, 0x86, 0, 0), ==, UINT64_C(1) << 63 | 1 << 10);
    csr(&f, 0x86, 0, UINT64_C(1) << 63);
    g_assert_cmphex(csr(&f, 0x86, 0, 0), ==, 1 << 10);
    /* 32 bits wide, on a 32-bit hart. */
    f.access(f.opaque, 0x81, 32, &old, UINT64_MAX, 0xffffffff);
    g_assert_cmphex(csr(&f, 0x80, 0, 0), ==, UINT64_C(0xffffffff) << 32);
    g_assert_cmphex(csr(&f, 0x71, 1, 1) | csr(&f, 0x7f, 1, 1), ==, 0);
    test_snapshot(d);
    g_assert_cmphex(csr(&f, 0x80, 0, 0), ==, UINT64_C(0xffffffff) << 32);
    test_machine_clear(&t);
}

/* ---- direct delivery ---- */

static void test_direct(void)
{
    TestMachine t;
    TestLine m_line[2] = {{0}}, s_line[2] = {{0}};

    test_machine_init(&t);
    Device *s = test_device_new(&t, "riscv.aplic"), *m = test_device_new(&t, "riscv.aplic");
    device_set_u64(m, "mmode", 1);
    device_set_u64(m, "num-harts", 2);
    device_set_u64(s, "num-harts", 2);
    test_device_realize(s);
    test_device_realize(m);
    for (unsigned i = 0; i < 2; i++) {
        test_connect(m, i, m_line);
        test_connect(s, i, s_line);
    }
    riscv_aplic_set_child(m, s);
    device_reset(s);
    device_reset(m);
    g_assert_cmphex(get(m, DOMAINCFG), ==, 0x80000000);

    /* Rising edge, at hart 1. */
    put(m, SOURCECFG(5), RISING);
    put(m, TARGET(5), 1 << 18 | 2);
    put(m, DOMAINCFG, 0xffffffff);
    g_assert_cmphex(get(m, DOMAINCFG), ==, 0x80000100);
    put(m, IDC(1, IDELIVERY), 1);
    input(m, 5, true);
    g_assert_cmphex(get(m, SETIP), ==, 1 << 5);
    g_assert_false(m_line[1].level);
    put(m, SETIENUM, 5);
    g_assert_true(m_line[1].level && !m_line[0].level);
    g_assert_cmphex(get(m, IDC(1, TOPI)), ==, 5 << 16 | 2);
    put(m, IDC(1, ITHRESHOLD), 2);
    g_assert_false(m_line[1].level);
    put(m, IDC(1, ITHRESHOLD), 3);
    g_assert_cmphex(get(m, IDC(1, CLAIMI)), ==, 5 << 16 | 2);
    g_assert_false(m_line[1].level);
    g_assert_cmphex(get(m, IDC(1, CLAIMI)), ==, 0);
    g_assert_cmphex(get(m, SETIP), ==, 0); /* the line is still high */
    g_assert_cmphex(get(m, IN_CLRIP), ==, 1 << 5);
    /* The highest priority, then the lowest number; no priority is 0. */
    put(m, SOURCECFG(4), DETACHED);
    put(m, SOURCECFG(6), DETACHED);
    put(m, TARGET(4), 1 << 18 | 2);
    put(m, TARGET(6), 1 << 18 | 0);
    g_assert_cmphex(get(m, TARGET(6)), ==, 1 << 18 | 1);
    put(m, SETIE, 1 << 4 | 1 << 6 | 1 << 9);
    g_assert_cmphex(get(m, SETIE), ==, 1 << 4 | 1 << 5 | 1 << 6);
    put(m, SETIP, 0xffffffff);
    g_assert_cmphex(get(m, SETIP), ==, 1 << 4 | 1 << 5 | 1 << 6);
    g_assert_cmphex(get(m, IDC(1, CLAIMI)), ==, 6 << 16 | 1);
    g_assert_cmphex(get(m, IDC(1, CLAIMI)), ==, 4 << 16 | 2);
    put(m, CLRIPNUM, 5);
    g_assert_false(m_line[1].level);
    /* A level follows its line, whatever is written; claiming does not clear it. */
    put(m, SOURCECFG(7), LOW);
    put(m, SETIENUM, 7);
    put(m, IDC(0, IDELIVERY), 1);
    g_assert_true(m_line[0].level);
    g_assert_cmphex(get(m, IDC(0, CLAIMI)), ==, 7 << 16 | 1);
    put(m, CLRIPNUM, 7);
    g_assert_true(m_line[0].level);
    input(m, 7, true);
    g_assert_false(m_line[0].level);
    put(m, SETIPNUM, 7);
    g_assert_false(m_line[0].level);
    /* iforce: a claim of nothing ends it. */
    put(m, IDC(0, IFORCE), 1);
    g_assert_true(m_line[0].level);
    g_assert_cmphex(get(m, IDC(0, CLAIMI)), ==, 0);
    g_assert_false(m_line[0].level);

    /* Delegation: the child knows the wire. */
    put(s, SOURCECFG(8), HIGH);
    g_assert_cmphex(get(s, SOURCECFG(8)), ==, 0);
    input(m, 8, true);
    put(m, SOURCECFG(8), DELEGATED | 3);
    g_assert_cmphex(get(m, SOURCECFG(8)), ==, DELEGATED);
    put(s, SOURCECFG(8), HIGH);
    put(s, SETIENUM, 8);
    put(s, DOMAINCFG, 0x100);
    put(s, IDC(0, IDELIVERY), 1);
    g_assert_true(s_line[0].level);
    input(m, 8, false);
    g_assert_false(s_line[0].level);
    input(m, 8, true);
    test_snapshot(m);
    test_snapshot(s);
    g_assert_true(s_line[0].level);
    put(m, SOURCECFG(8), 0);
    g_assert_false(s_line[0].level);
    g_assert_cmphex(get(s, SOURCECFG(8)) | get(s, SETIE) | get(s, TARGET(8)), ==, 0);
    /* No such registers: messages are not for direct delivery. */
    put(m, MMSIADDRCFG, 1);
    put(m, SOURCECFG(97), 1);
    put(m, IDC(2, IDELIVERY), 1);
    g_assert_cmphex(get(m, MMSIADDRCFG) | get(m, SOURCECFG(97)) | get(m, IDC(2, IDELIVERY)), ==, 0);
    test_machine_clear(&t);
}

/* ---- delivery by messages ---- */

static void test_messages(void)
{
    TestMachine t;
    TestLine line[4] = {{0}};
    RISCVImsic f[4]; /* M of harts 0 and 1, S of both */

    test_machine_init(&t);
    for (unsigned i = 0; i < 4; i++) {
        Device *d = test_device_new(&t, "riscv.imsic");

        device_set_u64(d, "guest-index-bits", i < 2 ? 0 : 2);
        test_device_realize(d);
        test_connect(d, 0, &line[i]);
        device_map(d, 0, &t.root, i < 2 ? IMSIC_M + i * 0x1000 : IMSIC_S + (i - 2) * 0x4000);
        device_reset(d);
        f[i] = riscv_imsic_csrs(d);
        csr(&f[i], 0x70, 1, 1);
        csr(&f[i], 0xc0, UINT64_MAX, UINT64_MAX);
    }
    Device *s = test_device_new(&t, "riscv.aplic"), *m = test_device_new(&t, "riscv.aplic");
    device_set_u64(m, "mmode", 1);
    device_set_u64(m, "msimode", 1);
    device_set_u64(s, "msimode", 1);
    test_device_realize(s);
    test_device_realize(m);
    riscv_aplic_set_child(m, s);
    device_reset(s);
    device_reset(m);
    put(m, MMSIADDRCFG, IMSIC_M >> 12);
    put(m, SMSIADDRCFG, IMSIC_S >> 12);
    put(m, SMSIADDRCFGH, 2 << 20);            /* LHXS: four pages a hart */
    put(m, MMSIADDRCFGH, 1u << 31 | 1 << 12); /* LHXW; locked */
    put(m, MMSIADDRCFG, 0);
    g_assert_cmphex(get(m, MMSIADDRCFG), ==, IMSIC_M >> 12);
    put(s, MMSIADDRCFG, 1);
    g_assert_cmphex(get(s, MMSIADDRCFG), ==, 0);
    put(m, DOMAINCFG, 0x100);
    put(s, DOMAINCFG, 0x100);
    g_assert_cmphex(get(s, DOMAINCFG), ==, 0x80000104);

    put(m, SOURCECFG(1), FALLING);
    g_assert_cmphex(get(m, SETIP), ==, 1 << 1); /* low already: it rose, rectified */
    put(m, CLRIPNUM, 1);
    put(m, TARGET(1), 1 << 18 | 33);
    put(m, SETIENUM, 1);
    input(m, 1, true);
    g_assert_false(line[1].level);
    input(m, 1, false);
    g_assert_true(line[1].level);
    g_assert_cmpuint(f[1].top(f[1].opaque, true), ==, 33);
    g_assert_cmphex(get(m, SETIP), ==, 0);

    /* A level in a delegated source: one message each time it rises, or when asked while high. */
    put(m, SOURCECFG(2), DELEGATED);
    put(s, SOURCECFG(2), HIGH);
    put(s, TARGET(2), 1 << 18 | 44);
    put(s, SETIENUM, 2);
    put(s, SETIPNUM, 2);
    g_assert_false(line[3].level);
    input(m, 2, true);
    g_assert_cmpuint(f[3].top(f[3].opaque, true), ==, 44);
    g_assert_false(line[3].level);
    put(s, SETIPNUM_BE, 0x02000000);
    g_assert_cmpuint(f[3].top(f[3].opaque, true), ==, 44);
    put(s, CLRIENUM, 2);
    put(s, SETIPNUM, 2);
    g_assert_cmphex(get(s, SETIP), ==, 1 << 2);
    input(m, 2, false);
    g_assert_cmphex(get(s, SETIP), ==, 0);
    g_assert_false(line[3].level);

    put(s, GENMSI, 0 << 18 | 5);
    g_assert_cmpuint(f[2].top(f[2].opaque, true), ==, 5);
    put(m, GENMSI, 1 << 18 | 6);
    g_assert_cmpuint(f[1].top(f[1].opaque, true), ==, 6);
    test_snapshot(m);
    test_snapshot(s);
    test_machine_clear(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/riscv-aia/imsic", test_imsic);
    g_test_add_func("/riscv-aia/direct", test_direct);
    g_test_add_func("/riscv-aia/messages", test_messages);
    return g_test_run();
}

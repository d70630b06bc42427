/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* PrimeCell devices: hw/char/pl011.c, hw/rtc/pl031.c, hw/gpio/pl061.c; hw/gpio/gpio_key.c. */
#include "hw/gpio/gpio_key.h"
#include "tests/unit/chardev-test.h"

#include <string.h>

typedef struct Dut {
    TestMachine t;
    TestLine line[9];
    TestPipe pipe;
    void *d;
} Dut;

static uint32_t r(Dut *u, unsigned reg)
{
    return reg_read(u->d, 0, reg, 4);
}

static void w(Dut *u, unsigned reg, uint32_t val)
{
    reg_write(u->d, 0, reg, 4, val);
}

static void dut_init(Dut *u, const char *name, bool backend)
{
    memset(u, 0, sizeof(*u));
    test_machine_init(&u->t);
    u->t.m->rtc.base_offset = 1700000000;
    u->d = test_device_new(&u->t, name);
    if (backend) {
        test_pipe_attach(&u->pipe, &u->t, u->d);
    }
    test_device_realize(u->d);
    for (unsigned i = 0; i < ((Device *)u->d)->n_irqs; i++) {
        test_connect(u->d, i, u->line);
    }
    device_reset(u->d);
}

static void dut_clear(Dut *u)
{
    test_pipe_clear(&u->pipe);
    test_machine_clear(&u->t);
}

static void check_id(Dut *u, const uint8_t id[8])
{
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmphex(r(u, 0xfe0 + i * 4), ==, id[i]);
    }
}

/* ---- PL011 ---- */

enum {
    DR = 0,
    RSR = 4,
    FR = 0x18,
    IBRD = 0x24,
    FBRD = 0x28,
    LCR_H = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
    DMACR = 0x48,
};

static void test_uart_registers(void)
{
    static const uint8_t id[] = {0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    static const struct {
        unsigned reg;
        uint32_t reset, mask;
    } regs[] = {
        {0x20, 0, 0xff},     {IBRD, 0, 0xffff},  {FBRD, 0, 0x3f},  {LCR_H, 0, 0xff},
        {CR, 0x300, 0xff87}, {IFLS, 0x12, 0x3f}, {IMSC, 0, 0x7ff}, {DMACR, 0, 7},
    };
    Dut u;

    dut_init(&u, "pl011", false);
    check_id(&u, id);
    g_assert_cmphex(r(&u, FR), ==, 0x90);
    g_assert_cmphex(r(&u, RSR), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(regs); i++) {
        g_assert_cmphex(r(&u, regs[i].reg), ==, regs[i].reset);
        w(&u, regs[i].reg, 0xffffffff);
        g_assert_cmphex(r(&u, regs[i].reg), ==, regs[i].mask);
    }
    test_snapshot(u.d);
    g_assert_cmphex(r(&u, IBRD), ==, 0xffff);
    /* Narrow accesses, as drivers make them. */
    reg_write(u.d, 0, IBRD, 2, 0x1234);
    g_assert_cmphex(reg_read(u.d, 0, IBRD, 2), ==, 0x1234);
    g_assert_cmphex(reg_read(u.d, 0, IBRD + 1, 1), ==, 0x12);
    dut_clear(&u);
}

static void test_uart_transmit(void)
{
    Dut u;

    /* Nobody at the other end: each byte goes at once and leaves the interrupt. */
    dut_init(&u, "pl011", false);
    g_assert_cmphex(r(&u, RIS), ==, 0);
    w(&u, IMSC, 0x20);
    g_assert_false(u.line[0].level);
    w(&u, DR, 'x');
    g_assert_true(u.line[0].level);
    g_assert_cmphex(r(&u, MIS), ==, 0x20);
    test_snapshot(u.d);
    g_assert_true(u.line[0].level);
    w(&u, ICR, 0x20);
    g_assert_false(u.line[0].level);
    g_assert_cmphex(r(&u, RIS), ==, 0);
    w(&u, LCR_H, 0x70);
    reg_write(u.d, 0, DR, 1, 'y');
    g_assert_true(u.line[0].level);
    w(&u, IMSC, 0);
    g_assert_false(u.line[0].level);
    g_assert_cmphex(r(&u, RIS), ==, 0x20);
    dut_clear(&u);
}

static void test_uart_loopback(void)
{
    Dut u;

    dut_init(&u, "pl011", false);
    w(&u, LCR_H, 0x70);
    w(&u, IFLS, 0x12); /* half */
    w(&u, IMSC, 0x50);
    w(&u, CR, 0x381);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_false(u.line[0].level);
        w(&u, DR, 0x40 + i);
    }
    g_assert_true(u.line[0].level);
    g_assert_cmphex(r(&u, MIS), ==, 0x10);
    g_assert_cmphex(r(&u, FR), ==, 0x80);
    g_assert_cmphex(r(&u, DR), ==, 0x40);
    g_assert_false(u.line[0].level); /* below the trigger */
    for (unsigned i = 0; i < 9; i++) {
        w(&u, DR, 0x48 + i);
    }
    g_assert_cmphex(r(&u, FR), ==, 0xc0);
    g_assert_cmphex(r(&u, RIS) & 0x400, ==, 0);
    w(&u, DR, 0xee); /* no room: overrun, told with the next one that fits */
    g_assert_cmphex(r(&u, RIS) & 0x400, ==, 0x400);
    g_assert_cmphex(r(&u, RSR), ==, 8);
    w(&u, RSR, 0);
    g_assert_cmphex(r(&u, RSR), ==, 0);
    test_snapshot(u.d);
    g_assert_cmphex(r(&u, DR), ==, 0x41);
    w(&u, DR, 0x77);
    for (unsigned i = 2; i < 17; i++) {
        g_assert_cmphex(r(&u, DR), ==, 0x40 + i);
    }
    g_assert_cmphex(r(&u, DR), ==, 0x877);
    g_assert_cmphex(r(&u, RSR), ==, 8);
    g_assert_cmphex(r(&u, FR), ==, 0x90);
    g_assert_cmphex(r(&u, RIS) & 0x50, ==, 0);

    /* Break. */
    w(&u, IMSC, 0x200);
    w(&u, LCR_H, 0x71);
    g_assert_true(u.line[0].level);
    g_assert_cmphex(r(&u, DR), ==, 0x400);
    g_assert_cmphex(r(&u, RSR) & 4, ==, 4);
    w(&u, ICR, 0x7ff);
    g_assert_false(u.line[0].level);
    /* Modem lines and their interrupts. */
    w(&u, CR, 0xf81);
    g_assert_cmphex(r(&u, FR), ==, 0x93);
    g_assert_cmphex(r(&u, RIS), ==, 0xa);
    w(&u, CR, 0x3381);
    g_assert_cmphex(r(&u, FR), ==, 0x194);
    g_assert_cmphex(r(&u, RIS), ==, 0xf);
    w(&u, CR, 0x301);
    g_assert_cmphex(r(&u, FR), ==, 0x90);
    dut_clear(&u);
}

/* Fewer characters than the trigger: 32 bit periods later. */
static void test_uart_timeout(void)
{
    Dut u;

    dut_init(&u, "pl011", false);
    w(&u, IBRD, 1);
    w(&u, LCR_H, 0x70);
    w(&u, IMSC, 0x40);
    w(&u, CR, 0x381);
    w(&u, DR, 'a');
    w(&u, DR, 'b');
    g_assert_false(u.line[0].level);
    test_snapshot(u.d);
    clocks_set_running(u.t.m->clocks, true);
    while (!u.line[0].level) {
        mainloop_iterate(u.t.m->loop, true);
    }
    g_assert_cmphex(r(&u, MIS), ==, 0x40);
    g_assert_cmphex(r(&u, RIS) & 0x10, ==, 0x10);
    g_assert_cmphex(r(&u, DR), ==, 'a');
    g_assert_true(u.line[0].level);
    g_assert_cmphex(r(&u, DR), ==, 'b');
    g_assert_false(u.line[0].level);
    dut_clear(&u);
}

/* Every byte arrives, however slow the other end; the vCPU never waits. */
static void test_uart_output(void)
{
    Dut u;
    const unsigned total = 300000;
    unsigned sent = 0, got = 0, busy = 0;

    dut_init(&u, "pl011", true);
    w(&u, LCR_H, 0x70);
    w(&u, CR, 0x301);
    w(&u, IMSC, 0x20);
    while (got < total) {
        uint8_t buf[4096];

        for (unsigned i = 0; i < 40000 && sent < total && !(r(&u, FR) & 0x20); i++) {
            w(&u, DR, (uint8_t)(sent++ * 7));
        }
        if (r(&u, FR) & 0x20) {
            busy++;
            w(&u, ICR, 0x20);
            g_assert_true(r(&u, FR) & 8);
            w(&u, LCR_H, busy & 1 ? 0x60 : 0x70); /* loses nothing */
            test_snapshot(u.d);
        }
        mainloop_iterate(u.t.m->loop, false);
        ssize_t n = read(u.pipe.from_uart, buf, sizeof(buf));
        for (ssize_t i = 0; i < n; i++) {
            g_assert_cmphex(buf[i], ==, (uint8_t)(got * 7));
            got++;
        }
    }
    g_assert_cmpuint(busy, >, 0);
    g_assert_cmphex(r(&u, FR), ==, 0x90);
    g_assert_true(u.line[0].level);
    dut_clear(&u);
}

/* Input waits in the back end until there is room. */
static void test_uart_input(void)
{
    Dut u;
    const unsigned total = 20000;
    unsigned got = 0;

    dut_init(&u, "pl011", true);
    w(&u, LCR_H, 0x70);
    w(&u, CR, 0x301);
    w(&u, IMSC, 0x10);
    clocks_set_running(u.t.m->clocks, true);
    for (unsigned sent = 0; got < total;) {
        uint8_t byte = sent * 11;

        while (sent < total && write(u.pipe.to_uart, &byte, 1) == 1) {
            byte = ++sent * 11;
        }
        mainloop_iterate(u.t.m->loop, true);
        if (u.line[0].level) { /* comes for a single character, too */
            while (!(r(&u, FR) & 0x10)) {
                /* A store of two bytes, as Linux makes it, takes nothing from the receiver. */
                reg_write(u.d, 0, DR, 2, 'x');
                g_assert_cmphex(r(&u, DR), ==, (uint8_t)(got * 11));
                got++;
            }
        }
    }
    g_assert_cmphex(r(&u, RIS) & ~0x20, ==, 0);
    dut_clear(&u);
}

/* ---- PL031 ---- */

static void test_rtc(void)
{
    static const uint8_t id[] = {0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    enum {
        RTCDR = 0,
        RTCMR = 4,
        RTCLR = 8,
        RTCCR = 0xc,
        RTCIMSC = 0x10,
        RTCRIS = 0x14,
        RTCMIS = 0x18,
        RTCICR = 0x1c
    };
    Dut u;

    dut_init(&u, "pl031", false);
    check_id(&u, id);
    g_assert_cmpuint(r(&u, RTCDR), ==, 1700000000);
    g_assert_cmphex(r(&u, RTCCR), ==, 1);
    w(&u, RTCCR, 0);
    g_assert_cmphex(r(&u, RTCCR), ==, 1);
    w(&u, RTCLR, 1000);
    g_assert_cmpuint(r(&u, RTCDR), ==, 1000);
    device_reset(u.d);
    g_assert_cmpuint(r(&u, RTCDR), ==, 1000); /* a clock goes on over a reset */
    g_assert_cmphex(r(&u, RTCRIS), ==, 0);

    /* Equal at once; masked, cleared. */
    w(&u, RTCMR, 1000);
    g_assert_cmphex(r(&u, RTCRIS), ==, 1);
    g_assert_false(u.line[0].level);
    w(&u, RTCIMSC, 0xff);
    g_assert_true(u.line[0].level);
    g_assert_cmphex(r(&u, RTCMIS), ==, 1);
    test_snapshot(u.d);
    g_assert_true(u.line[0].level);
    w(&u, RTCICR, 1);
    g_assert_false(u.line[0].level);
    g_assert_cmphex(r(&u, RTCRIS), ==, 0);

    /* A second away. The counter wraps. */
    w(&u, RTCMR, 0);
    w(&u, RTCLR, 0xffffffff);
    test_snapshot(u.d);
    g_assert_false(u.line[0].level);
    clocks_set_running(u.t.m->clocks, true);
    while (!u.line[0].level) {
        mainloop_iterate(u.t.m->loop, true);
    }
    g_assert_cmpuint(r(&u, RTCDR), <, 10);
    dut_clear(&u);
}

/* ---- PL061 ---- */

enum {
    GPIODIR = 0x400,
    GPIOIS = 0x404,
    GPIOIBE = 0x408,
    GPIOIEV = 0x40c,
    GPIOIE = 0x410,
    GPIORIS = 0x414,
    GPIOMIS = 0x418,
    GPIOIC = 0x41c,
    GPIOAFSEL = 0x420,
    GPIOALL = 0x3fc
};

static void pin(Dut *u, unsigned n, bool level)
{
    IrqLine l = device_irq_input(u->d, n);

    irq_set(&l, level);
}

static void test_gpio(void)
{
    static const uint8_t id[] = {0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    Dut u;

    dut_init(&u, "pl061", false);
    check_id(&u, id);
    /* Outputs: only through the mask in the address, only where the direction says so. */
    w(&u, GPIODIR, 0x0f);
    w(&u, 0x14 << 2, 0xff);
    g_assert_cmphex(r(&u, GPIOALL), ==, 0x04);
    g_assert_true(u.line[3].level && !u.line[5].level && !u.line[1].level);
    w(&u, GPIOALL, 0x0b);
    g_assert_cmphex(r(&u, GPIOALL), ==, 0x0b);
    g_assert_cmphex(r(&u, 3 << 2), ==, 0x03);
    g_assert_false(u.line[3].level);
    pin(&u, 0, false); /* an output is no input */
    g_assert_cmphex(r(&u, GPIOALL), ==, 0x0b);

    /* Edges. */
    w(&u, GPIOIE, 0xf0);
    w(&u, GPIOIEV, 0x10); /* 4 rises, 5 falls, 6 both */
    w(&u, GPIOIBE, 0x40);
    pin(&u, 4, true);
    g_assert_true(u.line[0].level);
    pin(&u, 4, false);
    g_assert_cmphex(r(&u, GPIOMIS), ==, 0x10);
    w(&u, GPIOIC, 0x10);
    g_assert_false(u.line[0].level);
    pin(&u, 5, true);
    g_assert_cmphex(r(&u, GPIORIS), ==, 0);
    pin(&u, 5, false);
    g_assert_cmphex(r(&u, GPIORIS), ==, 0x20);
    w(&u, GPIOIC, 0xff);
    for (unsigned i = 0; i < 2; i++) {
        pin(&u, 6, !i);
        g_assert_cmphex(r(&u, GPIORIS), ==, 0x40);
        test_snapshot(u.d);
        g_assert_true(u.line[0].level);
        w(&u, GPIOIC, 0xff);
        g_assert_false(u.line[0].level);
    }
    pin(&u, 1, false);
    g_assert_cmphex(r(&u, GPIORIS), ==, 0);

    /* Levels: cannot be cleared. */
    w(&u, GPIOIS, 0x80);
    g_assert_true(u.line[0].level); /* low, and low is what counts */
    w(&u, GPIOIC, 0xff);
    g_assert_true(u.line[0].level);
    pin(&u, 7, true);
    g_assert_false(u.line[0].level);
    w(&u, GPIOIEV, 0x90);
    g_assert_true(u.line[0].level);
    device_reset(u.d);
    g_assert_false(u.line[0].level);
    g_assert_cmphex(r(&u, GPIOALL), ==, 0x80); /* the pin is still up */
    g_assert_cmphex(r(&u, GPIORIS), ==, 0);
    dut_clear(&u);
}

static void test_gpio_key(void)
{
    Dut u;

    dut_init(&u, "gpio-key", false);
    g_assert_false(u.line[0].level);
    gpio_key_press(u.d);
    g_assert_true(u.line[0].level);
    test_snapshot(u.d);
    g_assert_true(u.line[0].level);
    int64_t start = clock_get_ns(u.t.m->clocks, CLK_VIRTUAL);
    clocks_set_running(u.t.m->clocks, true);
    while (u.line[0].level) {
        mainloop_iterate(u.t.m->loop, true);
    }
    g_assert_cmpint(clock_get_ns(u.t.m->clocks, CLK_VIRTUAL) - start, >=, 100 * NS_PER_MS);
    dut_clear(&u);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pl011/registers", test_uart_registers);
    g_test_add_func("/pl011/transmit", test_uart_transmit);
    g_test_add_func("/pl011/loopback", test_uart_loopback);
    g_test_add_func("/pl011/timeout", test_uart_timeout);
    g_test_add_func("/pl011/output", test_uart_output);
    g_test_add_func("/pl011/input", test_uart_input);
    g_test_add_func("/pl031/clock", test_rtc);
    g_test_add_func("/pl061/lines", test_gpio);
    g_test_add_func("/gpio-key/press", test_gpio_key);
    return g_test_run();
}

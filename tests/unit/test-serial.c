/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* 16550A UART: hw/char/serial16550.c. */
#include "tests/unit/chardev-test.h"

#include <string.h>

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { THR = RBR, DLL = RBR, DLM = IER, FCR = IIR };

typedef struct Uart {
    TestMachine t;
    TestLine line;
    void *d;
    TestPipe pipe;
} Uart;

static uint8_t r(Uart *u, unsigned reg)
{
    return reg_read(u->d, 0, reg, 1);
}

static void w(Uart *u, unsigned reg, uint8_t val)
{
    reg_write(u->d, 0, reg, 1, val);
}

/* With a pipe pair behind it if `backend`. */
static void uart_init(Uart *u, bool backend)
{
    memset(u, 0, sizeof(*u));
    test_machine_init(&u->t);
    u->d = test_device_new(&u->t, "serial-mm");
    if (backend) {
        test_pipe_attach(&u->pipe, &u->t, u->d);
    }
    test_device_realize(u->d);
    test_connect(u->d, 0, &u->line);
    device_reset(u->d);
}

static void uart_clear(Uart *u)
{
    test_pipe_clear(&u->pipe);
    test_machine_clear(&u->t);
}

static void test_registers(void)
{
    Uart u;

    uart_init(&u, false);
    g_assert_cmphex(r(&u, IER), ==, 0);
    g_assert_cmphex(r(&u, IIR), ==, 1);
    g_assert_cmphex(r(&u, LCR), ==, 0);
    g_assert_cmphex(r(&u, MCR), ==, 8);
    g_assert_cmphex(r(&u, LSR), ==, 0x60);
    g_assert_cmphex(r(&u, MSR), ==, 0xb0);
    w(&u, SCR, 0x5a);
    g_assert_cmphex(r(&u, SCR), ==, 0x5a);
    /* A wide access is one to the register at its address. */
    reg_write(u.d, 0, MCR, 4, 0x11223303);
    g_assert_cmphex(reg_read(u.d, 0, MCR, 4), ==, 3);
    g_assert_cmphex(r(&u, LSR), ==, 0x60);
    g_assert_cmphex(reg_read(u.d, 0, RBR, 8), ==, 0);
    w(&u, LSR, 0xff);
    g_assert_cmphex(r(&u, LSR), ==, 0x60);
    /* Divisor latch. */
    w(&u, LCR, 0x83);
    g_assert_cmphex(r(&u, DLL), ==, 12);
    w(&u, DLL, 0x34);
    w(&u, DLM, 0x12);
    g_assert_cmphex(r(&u, DLL), ==, 0x34);
    g_assert_cmphex(r(&u, DLM), ==, 0x12);
    w(&u, LCR, 3);
    w(&u, IER, 0xff);
    g_assert_cmphex(r(&u, IER), ==, 0x0f);
    test_snapshot(u.d);
    g_assert_cmphex(r(&u, IER), ==, 0x0f);
    uart_clear(&u);
}

/* The transmitter-empty interrupt is a latch. */
static void test_thre(void)
{
    Uart u;

    uart_init(&u, false);
    w(&u, IER, 2);
    g_assert_true(u.line.level);
    g_assert_cmphex(r(&u, IIR), ==, 2); /* this read clears it */
    g_assert_false(u.line.level);
    g_assert_cmphex(r(&u, IIR), ==, 1);
    w(&u, IER, 2); /* enabled already: no new one */
    g_assert_false(u.line.level);
    w(&u, IER, 0);
    w(&u, IER, 2);
    g_assert_true(u.line.level);
    w(&u, IER, 0);
    g_assert_false(u.line.level);
    w(&u, IER, 2);
    g_assert_cmphex(r(&u, IIR), ==, 2);
    w(&u, THR, 'x'); /* leaves at once: empty again */
    g_assert_true(u.line.level);
    g_assert_cmphex(r(&u, IIR), ==, 2);
    w(&u, FCR, 1);
    g_assert_cmphex(r(&u, IIR), ==, 0xc1);
    uart_clear(&u);
}

static void test_loopback(void)
{
    Uart u;

    uart_init(&u, false);
    w(&u, MCR, 0x1a); /* loop, RTS, OUT2 */
    g_assert_cmphex(r(&u, MSR) & 0xf0, ==, 0x90);
    r(&u, MSR);
    w(&u, MCR, 0x1e); /* RI up: no edge that counts */
    g_assert_cmphex(r(&u, MSR), ==, 0xd0);
    w(&u, IER, 8);
    g_assert_false(u.line.level);
    w(&u, MCR, 0x1a); /* RI down */
    g_assert_true(u.line.level);
    g_assert_cmphex(r(&u, IIR), ==, 0);
    g_assert_cmphex(r(&u, MSR), ==, 0x94);
    g_assert_false(u.line.level);
    w(&u, IER, 0);

    /* One byte deep without FIFOs; an overrun replaces. */
    w(&u, THR, 0x61);
    g_assert_cmphex(r(&u, LSR), ==, 0x61);
    w(&u, THR, 0x62);
    g_assert_cmphex(r(&u, LSR), ==, 0x63);
    g_assert_cmphex(r(&u, LSR), ==, 0x61);
    g_assert_cmphex(r(&u, RBR), ==, 0x62);
    g_assert_cmphex(r(&u, LSR), ==, 0x60);

    /* 16 deep with them; an overrun drops what came last. */
    w(&u, FCR, 0xc1);
    w(&u, IER, 0x05);
    for (unsigned i = 0; i < 13; i++) {
        w(&u, THR, i);
    }
    g_assert_false(u.line.level);
    w(&u, THR, 13);
    g_assert_cmphex(r(&u, IIR), ==, 0xc4);
    for (unsigned i = 14; i < 17; i++) {
        w(&u, THR, i);
    }
    g_assert_cmphex(r(&u, IIR), ==, 0xc6);
    g_assert_cmphex(r(&u, LSR), ==, 0x63);
    test_snapshot(u.d);
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(r(&u, RBR), ==, i);
    }
    g_assert_cmphex(r(&u, LSR), ==, 0x60);
    g_assert_false(u.line.level);

    /* Fewer than the trigger: after four characters' time. */
    w(&u, THR, 'a');
    w(&u, THR, 'b');
    g_assert_false(u.line.level);
    test_snapshot(u.d);
    clocks_set_running(u.t.m->clocks, true);
    while (!u.line.level) {
        mainloop_iterate(u.t.m->loop, true);
    }
    g_assert_cmphex(r(&u, IIR), ==, 0xcc);
    g_assert_cmphex(r(&u, RBR), ==, 'a');
    g_assert_cmphex(r(&u, IIR), ==, 0xc1);
    while (!u.line.level) {
        mainloop_iterate(u.t.m->loop, true);
    }
    w(&u, FCR, 0xc3); /* clear the receiver */
    g_assert_false(u.line.level);
    g_assert_cmphex(r(&u, LSR), ==, 0x60);
    uart_clear(&u);
}

/* Every byte arrives, however slow the other end; the vCPU never waits. */
static void test_output(void)
{
    Uart u;
    const unsigned total = 300000;
    unsigned sent = 0, got = 0, busy = 0;

    uart_init(&u, true);
    w(&u, FCR, 1);
    while (got < total) {
        uint8_t buf[4096];

        for (unsigned i = 0; i < 40000 && sent < total && (r(&u, LSR) & 0x20); i++) {
            w(&u, THR, sent++ * 7);
        }
        busy += !(r(&u, LSR) & 0x20);
        mainloop_iterate(u.t.m->loop, false);
        ssize_t n = read(u.pipe.from_uart, buf, sizeof(buf));
        for (ssize_t i = 0; i < n; i++) {
            g_assert_cmphex(buf[i], ==, (uint8_t)(got * 7));
            got++;
        }
    }
    g_assert_cmpuint(busy, >, 0);
    while (!(r(&u, LSR) & 0x20)) {
        mainloop_iterate(u.t.m->loop, false);
    }
    uart_clear(&u);
}

static unsigned read_counted(Uart *u, unsigned got)
{
    uint8_t buf[4096];
    ssize_t n;

    while ((n = read(u->pipe.from_uart, buf, sizeof(buf))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            g_assert_cmphex(buf[i], ==, (uint8_t)(got * 7));
            got++;
        }
    }
    return got;
}

/* A guest that never looks at THRE loses nothing while the other end reads, even if the main loop
 * does not run; when nobody reads it loses what no buffer holds. */
static void test_output_unchecked(void)
{
    Uart u;
    const unsigned total = 300000;
    unsigned got = 0;

    uart_init(&u, true);
    w(&u, FCR, 1);
    for (unsigned sent = 0; sent < total; sent++) {
        w(&u, THR, sent * 7);
        if (sent % 1000 == 0) {
            got = read_counted(&u, got);
        }
    }
    while (!(r(&u, LSR) & 0x20) || got < total) {
        mainloop_iterate(u.t.m->loop, false);
        got = read_counted(&u, got);
    }
    g_assert_cmpuint(got, ==, total);
    for (unsigned i = 0; i < total; i++) {
        w(&u, THR, i);
    }
    g_assert_cmphex(r(&u, LSR) & 0x60, ==, 0);
    uart_clear(&u);
}

/* Input waits in the back end until there is room: nothing is lost, no overrun. */
static void test_input(void)
{
    Uart u;
    const unsigned total = 20000;
    unsigned got = 0;

    uart_init(&u, true);
    w(&u, FCR, 0x81);
    w(&u, IER, 1);
    clocks_set_running(u.t.m->clocks, true);
    for (unsigned sent = 0; got < total;) {
        uint8_t byte = sent * 11;

        while (sent < total && write(u.pipe.to_uart, &byte, 1) == 1) {
            byte = ++sent * 11;
        }
        mainloop_iterate(u.t.m->loop, true);
        while (r(&u, LSR) & 1) {
            g_assert_true((r(&u, LSR) & 2) == 0);
            g_assert_cmphex(r(&u, RBR), ==, (uint8_t)(got * 11));
            got++;
        }
    }
    g_assert_cmphex(r(&u, IIR), ==, 0xc1);
    uart_clear(&u);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/serial/registers", test_registers);
    g_test_add_func("/serial/thre", test_thre);
    g_test_add_func("/serial/loopback", test_loopback);
    g_test_add_func("/serial/output", test_output);
    g_test_add_func("/serial/output-unchecked", test_output_unchecked);
    g_test_add_func("/serial/input", test_input);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * 16550A UART on a memory bus, one register a byte.
 *
 * Specification: National Semiconductor PC16550D data sheet, section 8 (registers) and 4.
 *
 * Bytes leave as fast as the back end takes them. When it takes no more, they stay in the
 * transmitter and THRE stays clear until there is room: nothing is lost and no vCPU waits.
 * Receiving is paced by the FIFO: the back end keeps what does not fit. With the FIFOs off both are
 * one byte deep.
 *
 * Invariants: rx_count <= depth, tx_count <= depth; the THRE interrupt is a latch of its own
 * (thre_pending), set when the transmitter runs empty or when its enable bit goes up while it is
 * empty, cleared by a read of IIR that reports it or by a write of THR.
 * Threads: registers on vCPU threads, back end and timer in the main loop; all under the device's
 * lock. Test: tests/unit/test-serial.c
 */
#include "hw/device.h"
#include "softmmu/machine.h"

#include <libfdt.h>
#include <string.h>

#define FIFO_DEPTH 16

enum {
    IER_RX = 1 << 0,
    IER_THRE = 1 << 1,
    IER_LINE = 1 << 2,
    IER_MODEM = 1 << 3,

    IIR_NONE = 0x01,
    IIR_MODEM = 0x00,
    IIR_THRE = 0x02,
    IIR_RX = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFOS = 0xc0,

    FCR_ENABLE = 1 << 0,
    FCR_CLEAR_RX = 1 << 1,
    FCR_CLEAR_TX = 1 << 2,

    LCR_STOP = 1 << 2,
    LCR_PARITY = 1 << 3,
    LCR_DLAB = 1 << 7,

    MCR_DTR = 1 << 0,
    MCR_RTS = 1 << 1,
    MCR_OUT1 = 1 << 2,
    MCR_OUT2 = 1 << 3,
    MCR_LOOP = 1 << 4,

    LSR_DR = 1 << 0,
    LSR_OE = 1 << 1,
    LSR_PE = 1 << 2,
    LSR_FE = 1 << 3,
    LSR_BI = 1 << 4,
    LSR_THRE = 1 << 5,
    LSR_TEMT = 1 << 6,
    LSR_FIFO_ERROR = 1 << 7,
    LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI,

    MSR_DCTS = 1 << 0,
    MSR_DDSR = 1 << 1,
    MSR_TERI = 1 << 2,
    MSR_DDCD = 1 << 3,
    MSR_CTS = 1 << 4,
    MSR_DSR = 1 << 5,
    MSR_RI = 1 << 6,
    MSR_DCD = 1 << 7,
    MSR_DELTAS = 0x0f,
    MSR_CONNECTED = MSR_CTS | MSR_DSR | MSR_DCD,
};

#define SERIAL_STATE(F, A, D, N)                                                                   \
    F(uint16_t, divisor, 12)                                                                       \
    F(uint8_t, ier, 0)                                                                             \
    F(uint8_t, fcr, 0)                                                                             \
    F(uint8_t, lcr, 0)                                                                             \
    F(uint8_t, mcr, MCR_OUT2)                                                                      \
    F(uint8_t, errors, 0) /* LSR_ERRORS since the last read of LSR */                              \
    F(uint8_t, msr, MSR_CONNECTED)                                                                 \
    F(uint8_t, scr, 0)                                                                             \
    F(bool, thre_pending, false)                                                                   \
    F(bool, timeout_pending, false)                                                                \
    F(int64_t, timeout_left, -1) /* ns until the character timeout; set by pre_save */             \
    A(uint8_t, rx_data, FIFO_DEPTH, 0)                                                             \
    A(uint8_t, rx_error, FIFO_DEPTH, 0) /* LSR bits that came with the byte */                     \
    F(uint8_t, rx_head, 0)                                                                         \
    F(uint8_t, rx_count, 0)                                                                        \
    A(uint8_t, tx_data, FIFO_DEPTH, 0)                                                             \
    F(uint8_t, tx_head, 0)                                                                         \
    F(uint8_t, tx_count, 0)

STATE(serial, SerialState, SERIAL_STATE, CharFront front; Timer timeout; Chardev * chardev;
      uint32_t baudbase;)

PROPS(serial, SerialState,
      PROP("chardev", CHARDEV, chardev, NULL, PUBLIC, "ID of a chardev to use as a backend"),
      PROP("baudbase", U32, baudbase, "230400", INTERNAL, "input clock in Hz, divided by 16"))

static unsigned fifo_depth(const SerialState *s)
{
    return s->fcr & FCR_ENABLE ? FIFO_DEPTH : 1;
}

static unsigned rx_trigger(const SerialState *s)
{
    static const uint8_t levels[] = {1, 4, 8, 14};

    return s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1;
}

/* ---- interrupts ---- */

static uint8_t serial_iir(const SerialState *s)
{
    uint8_t fifos = s->fcr & FCR_ENABLE ? IIR_FIFOS : 0;

    if ((s->ier & IER_LINE) && s->errors) {
        return fifos | IIR_LINE;
    }
    if ((s->ier & IER_RX) && s->rx_count >= rx_trigger(s)) {
        return fifos | IIR_RX;
    }
    if ((s->ier & IER_RX) && s->timeout_pending) {
        return fifos | IIR_TIMEOUT;
    }
    if ((s->ier & IER_THRE) && s->thre_pending) {
        return fifos | IIR_THRE;
    }
    if ((s->ier & IER_MODEM) && (s->msr & MSR_DELTAS)) {
        return fifos | IIR_MODEM;
    }
    return fifos | IIR_NONE;
}

static void serial_update_irq(SerialState *s)
{
    irq_set(&s->dev.irq[0], !(serial_iir(s) & IIR_NONE));
}

/* ---- receiver ---- */

/* Time of four characters of so many bits on the line, in ns. */
static int64_t chars_ns(const SerialState *s, unsigned divisor, unsigned bits)
{
    return (int64_t)divisor * bits * 4 * NS_PER_SEC / (s->baudbase ? s->baudbase : 1);
}

static int64_t timeout_ns(const SerialState *s)
{
    unsigned bits = 1 + 5 + (s->lcr & 3) + !!(s->lcr & LCR_PARITY) + 1 + !!(s->lcr & LCR_STOP);

    return chars_ns(s, s->divisor ? s->divisor : 1, bits);
}

static int64_t timeout_max_ns(const SerialState *s)
{
    return chars_ns(s, UINT16_MAX, 1 + 8 + 1 + 2);
}

/* A byte came or went: the timeout starts anew while something is in the FIFO. */
static void timeout_restart(SerialState *s)
{
    Clocks *clocks = s->dev.machine->clocks;

    s->timeout_pending = false;
    if ((s->fcr & FCR_ENABLE) && s->rx_count) {
        timer_mod(&s->timeout, clock_get_ns(clocks, CLK_VIRTUAL) + timeout_ns(s));
    } else {
        timer_del(&s->timeout);
    }
}

static void serial_timeout(void *opaque)
{
    SerialState *s = opaque;

    device_lock(s);
    if (s->rx_count && (s->fcr & FCR_ENABLE) && !timer_pending(&s->timeout)) {
        s->timeout_pending = true;
        serial_update_irq(s);
    }
    device_unlock(s);
}

/* The errors of a byte show in LSR when the byte reaches the top of the FIFO. */
static void rx_show_top(SerialState *s)
{
    if (s->rx_count) {
        s->errors |= s->rx_error[s->rx_head];
        s->rx_error[s->rx_head] = 0;
    }
}

static void rx_push(SerialState *s, uint8_t byte, uint8_t error)
{
    if (s->rx_count >= fifo_depth(s)) {
        s->errors |= LSR_OE;
        if (s->fcr & FCR_ENABLE) {
            return;
        }
        s->rx_count = 0;
    }
    unsigned slot = (s->rx_head + s->rx_count) % FIFO_DEPTH;
    s->rx_data[slot] = byte;
    s->rx_error[slot] = error;
    if (s->rx_count++ == 0) {
        rx_show_top(s);
    }
    timeout_restart(s);
}

static void rx_clear(SerialState *s)
{
    s->rx_count = 0;
    timeout_restart(s);
}

static unsigned rx_room(const SerialState *s)
{
    /* In loopback the input is not connected; what comes is better late than lost. */
    return s->mcr & MCR_LOOP ? 0 : fifo_depth(s) - MIN(s->rx_count, fifo_depth(s));
}

static unsigned serial_can_read(void *opaque)
{
    SerialState *s = opaque;

    device_lock(s);
    unsigned room = rx_room(s);
    device_unlock(s);
    return room;
}

static void serial_read(void *opaque, const uint8_t *buf, unsigned len)
{
    SerialState *s = opaque;

    device_lock(s);
    for (unsigned i = 0; i < len; i++) {
        rx_push(s, buf[i], 0);
    }
    serial_update_irq(s);
    device_unlock(s);
}

static void serial_event(void *opaque, CharEvent event)
{
    SerialState *s = opaque;

    if (event == CHAR_EVENT_BREAK) {
        device_lock(s);
        rx_push(s, 0, LSR_BI);
        serial_update_irq(s);
        device_unlock(s);
    }
}

/* ---- transmitter ---- */

/* Send what the back end takes. */
static void tx_drain(SerialState *s)
{
    bool had = s->tx_count;

    while (s->tx_count) {
        unsigned run = MIN(s->tx_count, FIFO_DEPTH - s->tx_head), sent = run;

        if (s->mcr & MCR_LOOP) {
            for (unsigned i = 0; i < run; i++) {
                rx_push(s, s->tx_data[s->tx_head + i], 0);
            }
        } else {
            sent = char_write(&s->front, &s->tx_data[s->tx_head], run);
        }
        s->tx_head = (s->tx_head + sent) % FIFO_DEPTH;
        s->tx_count -= sent;
        if (sent < run) {
            break;
        }
    }
    if (had && !s->tx_count) {
        s->thre_pending = true;
    }
}

static void tx_clear(SerialState *s)
{
    if (s->tx_count) {
        s->tx_count = 0;
        s->thre_pending = true;
    }
}

static void serial_write_ready(void *opaque)
{
    SerialState *s = opaque;

    device_lock(s);
    tx_drain(s);
    serial_update_irq(s);
    device_unlock(s);
}

/* ---- registers ---- */

static uint64_t rbr_read(void *opaque, unsigned i)
{
    SerialState *s = opaque;
    uint8_t byte = 0;

    if (s->lcr & LCR_DLAB) {
        return s->divisor & 0xff;
    }
    if (s->rx_count) {
        byte = s->rx_data[s->rx_head];
        s->rx_head = (s->rx_head + 1) % FIFO_DEPTH;
        s->rx_count--;
        rx_show_top(s);
        char_accept_input(&s->front);
    }
    timeout_restart(s);
    serial_update_irq(s);
    return byte;
}

static void thr_write(void *opaque, unsigned i, uint64_t val)
{
    SerialState *s = opaque;

    if (s->lcr & LCR_DLAB) {
        s->divisor = (s->divisor & 0xff00) | val;
        return;
    }
    s->thre_pending = false;
    if (s->tx_count == fifo_depth(s) && !(s->mcr & MCR_LOOP)) {
        /* The guest did not look at THRE; perhaps it is only the main loop that is late. */
        char_make_room(&s->front);
        tx_drain(s);
        s->thre_pending = false;
    }
    if (s->tx_count == fifo_depth(s)) {
        /* As in hardware, the last byte is replaced. */
        s->tx_count--;
    }
    s->tx_data[(s->tx_head + s->tx_count++) % FIFO_DEPTH] = val;
    tx_drain(s);
    serial_update_irq(s);
}

static uint64_t ier_read(void *opaque, unsigned i)
{
    SerialState *s = opaque;

    return s->lcr & LCR_DLAB ? s->divisor >> 8 : s->ier;
}

static void ier_write(void *opaque, unsigned i, uint64_t val)
{
    SerialState *s = opaque;

    if (s->lcr & LCR_DLAB) {
        s->divisor = (s->divisor & 0xff) | val << 8;
        return;
    }
    val &= IER_RX | IER_THRE | IER_LINE | IER_MODEM;
    if ((val & ~s->ier & IER_THRE) && !s->tx_count) {
        s->thre_pending = true;
    }
    s->ier = val;
    serial_update_irq(s);
}

static uint64_t iir_read(void *opaque, unsigned i)
{
    SerialState *s = opaque;
    uint8_t iir = serial_iir(s);

    if ((iir & 0x0f) == IIR_THRE) {
        s->thre_pending = false;
        serial_update_irq(s);
    }
    return iir;
}

static void fcr_write(void *opaque, unsigned i, uint64_t val)
{
    SerialState *s = opaque;

    if ((val ^ s->fcr) & FCR_ENABLE) {
        val |= FCR_CLEAR_RX | FCR_CLEAR_TX;
    }
    if (val & FCR_CLEAR_TX) {
        tx_clear(s);
    }
    /* The other bits only count together with the enable bit. */
    s->fcr = val & FCR_ENABLE ? val & (FCR_ENABLE | 0xc8) : 0;
    if (val & FCR_CLEAR_RX) {
        rx_clear(s);
    }
    char_accept_input(&s->front);
    serial_update_irq(s);
}

static uint8_t msr_lines(const SerialState *s)
{
    if (!(s->mcr & MCR_LOOP)) {
        return MSR_CONNECTED;
    }
    return (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
           (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void mcr_after(void *opaque, unsigned i)
{
    SerialState *s = opaque;
    uint8_t now = msr_lines(s), changed = s->msr ^ now;
    uint8_t deltas = s->msr & MSR_DELTAS;

    deltas |= changed & MSR_CTS ? MSR_DCTS : 0;
    deltas |= changed & MSR_DSR ? MSR_DDSR : 0;
    deltas |= changed & MSR_DCD ? MSR_DDCD : 0;
    deltas |= changed & s->msr & MSR_RI ? MSR_TERI : 0; /* trailing edge only */
    s->msr = now | deltas;
    tx_drain(s);
    char_accept_input(&s->front);
    serial_update_irq(s);
}

static uint64_t lsr_read(void *opaque, unsigned i)
{
    SerialState *s = opaque;
    uint8_t lsr = s->errors;

    if (s->rx_count) {
        lsr |= LSR_DR;
    }
    if (!s->tx_count) {
        lsr |= LSR_THRE | LSR_TEMT;
    }
    for (unsigned n = 0; (s->fcr & FCR_ENABLE) && n < s->rx_count; n++) {
        lsr |= s->rx_error[(s->rx_head + n) % FIFO_DEPTH] ? LSR_FIFO_ERROR : 0;
    }
    if ((s->fcr & FCR_ENABLE) && (lsr & (LSR_PE | LSR_FE | LSR_BI))) {
        lsr |= LSR_FIFO_ERROR;
    }
    s->errors = 0;
    serial_update_irq(s);
    return lsr;
}

static uint64_t msr_read(void *opaque, unsigned i)
{
    SerialState *s = opaque;
    uint8_t msr = s->msr;

    s->msr &= ~MSR_DELTAS;
    serial_update_irq(s);
    return msr;
}

// clang-format off
REGS(serial, SerialState,
    REG(RBR_THR_DLL, 0, 1, RW, .read = rbr_read, .write = thr_write),
    REG(IER_DLM,     1, 1, RW, .read = ier_read, .write = ier_write),
    REG(IIR_FCR,     2, 1, RW, .read = iir_read, .write = fcr_write),
    REG(LCR,         3, 1, RW, IN(lcr)),
    REG(MCR,         4, 1, RW, IN(mcr), .mask = 0x1f, .after = mcr_after),
    REG(LSR,         5, 1, RO, .read = lsr_read),
    REG(MSR,         6, 1, RO, .read = msr_read),
    REG(SCR,         7, 1, RW, IN(scr)))
// clang-format on

/* ---- device ---- */

static const CharHandlers serial_handlers = {
    .can_read = serial_can_read,
    .read = serial_read,
    .write_ready = serial_write_ready,
    .event = serial_event,
};

static bool serial_realize(void *opaque, GError **err)
{
    SerialState *s = opaque;

    timer_init(&s->timeout, s->dev.machine->clocks, CLK_VIRTUAL, serial_timeout, s);
    if (!char_attach(&s->front, s->chardev, err)) {
        return false;
    }
    char_set_handlers(&s->front, &serial_handlers, s);
    return true;
}

static void serial_unrealize(void *opaque)
{
    SerialState *s = opaque;

    timer_del_sync(&s->timeout);
    char_detach(&s->front);
}

static void serial_reset(void *opaque)
{
    SerialState *s = opaque;

    timer_del(&s->timeout);
    char_accept_input(&s->front);
    serial_update_irq(s);
}

static void serial_pre_save(void *opaque)
{
    SerialState *s = opaque;

    s->timeout_left = -1;
    if (timer_pending(&s->timeout)) {
        int64_t now = clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL);

        s->timeout_left = MAX(timer_expire_ns(&s->timeout) - now, 0);
    }
}

static bool serial_post_load(void *opaque, GError **err)
{
    SerialState *s = opaque;

    if (s->rx_head >= FIFO_DEPTH || s->rx_count > fifo_depth(s) || s->tx_head >= FIFO_DEPTH ||
        s->tx_count > fifo_depth(s) || s->timeout_left > timeout_max_ns(s)) {
        rhea_error_set(err, "snapshot: FIFO or timeout out of range");
        return false;
    }
    timer_del(&s->timeout);
    if (s->timeout_left >= 0) {
        int64_t now = clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL);

        timer_mod(&s->timeout, now + s->timeout_left);
    }
    tx_drain(s);
    char_accept_input(&s->front);
    serial_update_irq(s);
    return true;
}

static void serial_fdt(void *opaque, const FdtNode *n)
{
    SerialState *s = opaque;

    fdt_node_begin(n, "serial");
    fdt_property_string(n->fdt, "compatible", "ns16550a");
    fdt_node_reg(n);
    fdt_property_u32(n->fdt, "clock-frequency", s->baudbase * 16);
    fdt_node_irqs(n);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(serial, SerialState,
    .name = "serial-mm",
    .desc = "16550A UART",
    .bus = "System",
    .category = DEVICE_INPUT,
    .props = serial_props,
    .version = 1,
    .n_irqs = 1,
    .bank = {{.name = "serial", .size = 8, .regs = serial_regs, .wide_to_one = true}},
    .realize = serial_realize,
    .unrealize = serial_unrealize,
    .reset = serial_reset,
    .pre_save = serial_pre_save,
    .post_load = serial_post_load,
    .fdt = serial_fdt);
// clang-format on

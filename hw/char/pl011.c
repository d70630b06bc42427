/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * PrimeCell UART, PL011.
 *
 * Specification: Arm DDI 0183G, chapters 2 and 3.
 *
 * Bytes leave as fast as the back end takes them. When it takes no more, they stay in the transmit
 * FIFO, and FR.TXFF tells the guest to wait: nothing is lost and no vCPU waits. The back end keeps
 * what the receive FIFO has no room for. With the FIFOs off both are one character deep.
 *
 * Choices where guests count on more than the manual promises: characters go both ways while CR
 * has the UART disabled (boot code often never enables it); the receive interrupt is raised
 * together with the timeout one, so that a driver that only unmasks the first sees single
 * characters.
 *
 * Invariants: rx_count <= depth; tx_count <= FIFO_DEPTH (a guest that switches the FIFOs off loses
 * nothing of what waits in them); interrupts are latches in `ris`.
 * Threads: registers on vCPU threads, back end and timer in the main loop; all under the device's
 * lock. Test: tests/unit/test-primecell.c
 */
#include "hw/device.h"
#include "softmmu/machine.h"

#include <libfdt.h>

#define FIFO_DEPTH   16
#define TIMEOUT_BITS 32

enum {
    DR_FE = 1 << 8,
    DR_PE = 1 << 9,
    DR_BE = 1 << 10,
    DR_OE = 1 << 11,

    FR_CTS = 1 << 0,
    FR_DSR = 1 << 1,
    FR_DCD = 1 << 2,
    FR_BUSY = 1 << 3,
    FR_RXFE = 1 << 4,
    FR_TXFF = 1 << 5,
    FR_RXFF = 1 << 6,
    FR_TXFE = 1 << 7,
    FR_RI = 1 << 8,

    LCR_BRK = 1 << 0,
    LCR_FEN = 1 << 4,

    CR_UARTEN = 1 << 0,
    CR_LBE = 1 << 7,
    CR_TXE = 1 << 8,
    CR_RXE = 1 << 9,
    CR_DTR = 1 << 10,
    CR_RTS = 1 << 11,
    CR_OUT1 = 1 << 12,
    CR_OUT2 = 1 << 13,

    INT_RI = 1 << 0,
    INT_CTS = 1 << 1,
    INT_DCD = 1 << 2,
    INT_DSR = 1 << 3,
    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RT = 1 << 6,
    INT_FE = 1 << 7,
    INT_PE = 1 << 8,
    INT_BE = 1 << 9,
    INT_OE = 1 << 10,
    INT_ALL = 0x7ff,
};

#define PL011_STATE(F, A, D, N)                                                                    \
    F(uint8_t, rsr, 0)                                                                             \
    F(uint8_t, ilpr, 0)                                                                            \
    F(uint16_t, ibrd, 0)                                                                           \
    F(uint8_t, fbrd, 0)                                                                            \
    F(uint8_t, lcr, 0)                                                                             \
    F(uint16_t, cr, CR_TXE | CR_RXE)                                                               \
    F(uint8_t, ifls, 0x12)                                                                         \
    F(uint16_t, imsc, 0)                                                                           \
    F(uint16_t, ris, 0)                                                                            \
    F(uint8_t, dmacr, 0)                                                                           \
    F(uint16_t, modem, 0)        /* modem lines as FR shows them */                                \
    F(bool, rx_overrun, false)   /* goes with the next character that is received */               \
    F(int64_t, timeout_left, -1) /* ns until the receive timeout; set by pre_save */               \
    A(uint16_t, rx, FIFO_DEPTH, 0)                                                                 \
    F(uint8_t, rx_head, 0)                                                                         \
    F(uint8_t, rx_count, 0)                                                                        \
    A(uint8_t, tx, FIFO_DEPTH, 0)                                                                  \
    F(uint8_t, tx_head, 0)                                                                         \
    F(uint8_t, tx_count, 0)

STATE(pl011, Pl011State, PL011_STATE, CharFront front; Timer timeout; Chardev * chardev;
      uint32_t clock_hz;)

PROPS(pl011, Pl011State,
      PROP("chardev", CHARDEV, chardev, NULL, PUBLIC, "ID of a chardev to use as a backend"),
      PROP("clock-frequency", U32, clock_hz, "24000000", INTERNAL, "UARTCLK in Hz"))

static unsigned fifo_depth(const Pl011State *s)
{
    return s->lcr & LCR_FEN ? FIFO_DEPTH : 1;
}

/* 3.3.9: 1/8, 1/4, 1/2, 3/4, 7/8 of the FIFO; other values are reserved. */
static unsigned trigger_level(const Pl011State *s, unsigned sel)
{
    static const uint8_t levels[8] = {2, 4, 8, 12, 14, 14, 14, 14};

    return levels[sel & 7];
}

static unsigned rx_trigger(const Pl011State *s)
{
    return s->lcr & LCR_FEN ? trigger_level(s, s->ifls >> 3) : 1;
}

static unsigned tx_trigger(const Pl011State *s)
{
    return s->lcr & LCR_FEN ? trigger_level(s, s->ifls) : 0;
}

static void pl011_update_irq(Pl011State *s)
{
    irq_set(&s->dev.irq[0], s->ris & s->imsc);
}

/* ---- receiver ---- */

/* 3.3.6: the divisor is IBRD + FBRD / 64 to 16 times the bit rate. Not set: 115200 bits a second.
 */
static int64_t bits_ns(const Pl011State *s, uint32_t divisor64)
{
    if (divisor64 < 64) {
        return TIMEOUT_BITS * NS_PER_SEC / 115200;
    }
    return (int64_t)TIMEOUT_BITS * 16 * divisor64 * NS_PER_SEC / 64 / s->clock_hz;
}

static int64_t timeout_ns(const Pl011State *s)
{
    return bits_ns(s, (uint32_t)s->ibrd << 6 | s->fbrd);
}

static void timeout_restart(Pl011State *s)
{
    if ((s->lcr & LCR_FEN) && s->rx_count) {
        timer_mod(&s->timeout, clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL) + timeout_ns(s));
    } else {
        timer_del(&s->timeout);
    }
}

static void pl011_timeout(void *opaque)
{
    Pl011State *s = opaque;

    device_lock(s);
    if (s->rx_count && (s->lcr & LCR_FEN) && !timer_pending(&s->timeout)) {
        s->ris |= INT_RT | INT_RX;
        pl011_update_irq(s);
    }
    device_unlock(s);
}

static void rx_push(Pl011State *s, uint16_t data)
{
    if (s->rx_count >= fifo_depth(s)) {
        /* 3.3.1: what is in the FIFO stays valid, the new character is lost. */
        s->rx_overrun = true;
        s->rsr |= DR_OE >> 8;
        s->ris |= INT_OE;
        return;
    }
    data |= s->rx_overrun ? DR_OE : 0;
    s->rx_overrun = false;
    s->rx[(s->rx_head + s->rx_count) % FIFO_DEPTH] = data;
    s->rx_count++;
    if (data & DR_BE) {
        s->ris |= INT_BE;
    }
    if (s->rx_count >= rx_trigger(s)) {
        s->ris |= INT_RX;
    }
    timeout_restart(s);
}

static unsigned rx_room(const Pl011State *s)
{
    /* In loopback the input is not connected; what comes is better late than lost. */
    return s->cr & CR_LBE ? 0 : fifo_depth(s) - MIN(s->rx_count, fifo_depth(s));
}

static unsigned pl011_can_read(void *opaque)
{
    Pl011State *s = opaque;

    device_lock(s);
    unsigned room = rx_room(s);
    device_unlock(s);
    return room;
}

static void pl011_read(void *opaque, const uint8_t *buf, unsigned len)
{
    Pl011State *s = opaque;

    device_lock(s);
    for (unsigned i = 0; i < len; i++) {
        rx_push(s, buf[i]);
    }
    pl011_update_irq(s);
    device_unlock(s);
}

static void pl011_event(void *opaque, CharEvent event)
{
    Pl011State *s = opaque;

    if (event == CHAR_EVENT_BREAK) {
        device_lock(s);
        if (!(s->cr & CR_LBE)) {
            rx_push(s, DR_BE);
        }
        pl011_update_irq(s);
        device_unlock(s);
    }
}

/* ---- transmitter ---- */

/* Send what the back end takes. 2.8.2: the interrupt comes when the FIFO empties to its trigger
 * level. */
static void tx_drain(Pl011State *s)
{
    unsigned had = s->tx_count;

    while (s->tx_count) {
        unsigned run = MIN(s->tx_count, FIFO_DEPTH - s->tx_head), sent = run;

        if (s->cr & CR_LBE) {
            for (unsigned i = 0; i < run; i++) {
                rx_push(s, s->tx[s->tx_head + i]);
            }
        } else {
            sent = char_write(&s->front, &s->tx[s->tx_head], run);
        }
        s->tx_head = (s->tx_head + sent) % FIFO_DEPTH;
        s->tx_count -= sent;
        if (sent < run) {
            break;
        }
    }
    if (s->tx_count < had && s->tx_count <= tx_trigger(s)) {
        s->ris |= INT_TX;
    }
}

static void pl011_write_ready(void *opaque)
{
    Pl011State *s = opaque;

    device_lock(s);
    tx_drain(s);
    pl011_update_irq(s);
    device_unlock(s);
}

/* ---- registers ---- */

static uint64_t dr_read(void *opaque, unsigned i)
{
    Pl011State *s = opaque;
    uint16_t data = 0;

    if (s->rx_count) {
        data = s->rx[s->rx_head];
        s->rx_head = (s->rx_head + 1) % FIFO_DEPTH;
        s->rx_count--;
        /* 3.3.2: the status of the character that was read last. OE is its own. */
        s->rsr = (s->rsr & (DR_OE >> 8)) | data >> 8;
        char_accept_input(&s->front);
    }
    if (s->rx_count < rx_trigger(s)) {
        s->ris &= ~INT_RX;
    }
    if (!s->rx_count) {
        s->ris &= ~INT_RT;
    }
    timeout_restart(s);
    pl011_update_irq(s);
    return data;
}

static void dr_write(void *opaque, unsigned i, uint64_t val)
{
    Pl011State *s = opaque;

    if (s->tx_count >= fifo_depth(s) && !(s->cr & CR_LBE)) {
        /* The guest did not look at FR.TXFF; perhaps it is only the main loop that is late. */
        char_make_room(&s->front);
        tx_drain(s);
    }
    if (s->tx_count >= fifo_depth(s)) {
        return; /* as in hardware, the new character is lost */
    }
    s->tx[(s->tx_head + s->tx_count++) % FIFO_DEPTH] = val;
    if (s->tx_count > tx_trigger(s)) {
        s->ris &= ~INT_TX;
    }
    tx_drain(s);
    pl011_update_irq(s);
}

static void ecr_write(void *opaque, unsigned i, uint64_t val)
{
    ((Pl011State *)opaque)->rsr = 0;
}

static uint64_t fr_read(void *opaque, unsigned i)
{
    Pl011State *s = opaque;

    return s->modem | (s->rx_count ? 0 : FR_RXFE) | (s->rx_count >= fifo_depth(s) ? FR_RXFF : 0) |
           (s->tx_count ? FR_BUSY : FR_TXFE) | (s->tx_count >= fifo_depth(s) ? FR_TXFF : 0);
}

static void lcr_write(void *opaque, unsigned i, uint64_t val)
{
    Pl011State *s = opaque;
    uint8_t changed = val ^ s->lcr;

    s->lcr = val;
    if (changed & LCR_FEN) {
        /* 3.3.7: the FIFOs become one-character registers, or the other way round. */
        s->rx_count = 0;
        s->ris &= ~(INT_RX | INT_RT);
        timeout_restart(s);
        char_accept_input(&s->front);
    }
    if ((changed & val & LCR_BRK) && (s->cr & CR_LBE)) {
        rx_push(s, DR_BE);
    }
    pl011_update_irq(s);
}

/* 2.4.4: in loopback the modem outputs are the inputs. */
static void cr_after(void *opaque, unsigned i)
{
    Pl011State *s = opaque;
    uint16_t now = 0;

    if (s->cr & CR_LBE) {
        now = (s->cr & CR_RTS ? FR_CTS : 0) | (s->cr & CR_DTR ? FR_DSR : 0) |
              (s->cr & CR_OUT1 ? FR_DCD : 0) | (s->cr & CR_OUT2 ? FR_RI : 0);
    }
    uint16_t changed = s->modem ^ now;
    s->ris |= (changed & FR_CTS ? INT_CTS : 0) | (changed & FR_DSR ? INT_DSR : 0) |
              (changed & FR_DCD ? INT_DCD : 0) | (changed & FR_RI ? INT_RI : 0);
    s->modem = now;
    tx_drain(s);
    char_accept_input(&s->front);
    pl011_update_irq(s);
}

static void irq_after(void *opaque, unsigned i)
{
    pl011_update_irq(opaque);
}

/* Trigger levels moved: 2.8.1, the receive interrupt follows at once. */
static void ifls_after(void *opaque, unsigned i)
{
    Pl011State *s = opaque;

    if (s->rx_count >= rx_trigger(s)) {
        s->ris |= INT_RX;
    }
    pl011_update_irq(s);
}

static uint64_t mis_read(void *opaque, unsigned i)
{
    Pl011State *s = opaque;

    return s->ris & s->imsc;
}

static void icr_write(void *opaque, unsigned i, uint64_t val)
{
    Pl011State *s = opaque;

    s->ris &= ~val;
    pl011_update_irq(s);
}

static uint64_t id_read(void *opaque, unsigned i)
{
    static const uint8_t id[8] = {0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

    return id[i];
}

// clang-format off
REGS(pl011, Pl011State,
    REG(UARTDR,    0x000, 4, RW, .split = true, .read_acts = true, .read = dr_read, .write = dr_write),
    REG(UARTRSR,   0x004, 4, RW, .split = true, IN(rsr), .write = ecr_write),
    REG(UARTFR,    0x018, 4, RO, .split = true, .read = fr_read),
    REG(UARTILPR,  0x020, 4, RW, .split = true, IN(ilpr)),
    REG(UARTIBRD,  0x024, 4, RW, .split = true, IN(ibrd)),
    REG(UARTFBRD,  0x028, 4, RW, .split = true, IN(fbrd), .mask = 0x3f),
    REG(UARTLCR_H, 0x02c, 4, RW, .split = true, IN(lcr), .write = lcr_write),
    REG(UARTCR,    0x030, 4, RW, .split = true, IN(cr), .mask = 0xff87, .after = cr_after),
    REG(UARTIFLS,  0x034, 4, RW, .split = true, IN(ifls), .mask = 0x3f, .after = ifls_after),
    REG(UARTIMSC,  0x038, 4, RW, .split = true, IN(imsc), .mask = INT_ALL, .after = irq_after),
    REG(UARTRIS,   0x03c, 4, RO, .split = true, IN(ris)),
    REG(UARTMIS,   0x040, 4, RO, .split = true, .read = mis_read),
    REG(UARTICR,   0x044, 4, WO, .split = true, .write = icr_write),
    REG(UARTDMACR, 0x048, 4, RW, .split = true, IN(dmacr), .mask = 7),
    REG(UARTID,    0xfe0, 4, RO, .split = true, .count = 8, .read = id_read))
// clang-format on

/* ---- device ---- */

static const CharHandlers pl011_handlers = {
    .can_read = pl011_can_read,
    .read = pl011_read,
    .write_ready = pl011_write_ready,
    .event = pl011_event,
};

static bool pl011_realize(void *opaque, GError **err)
{
    Pl011State *s = opaque;

    if (!s->clock_hz) {
        rhea_error_set(err, "Property 'clock-frequency': must not be 0");
        return false;
    }
    timer_init(&s->timeout, s->dev.machine->clocks, CLK_VIRTUAL, pl011_timeout, s);
    if (!char_attach(&s->front, s->chardev, err)) {
        return false;
    }
    char_set_handlers(&s->front, &pl011_handlers, s);
    return true;
}

static void pl011_unrealize(void *opaque)
{
    Pl011State *s = opaque;

    timer_del_sync(&s->timeout);
    char_detach(&s->front);
}

static void pl011_reset(void *opaque)
{
    Pl011State *s = opaque;

    timer_del(&s->timeout);
    char_accept_input(&s->front);
    pl011_update_irq(s);
}

static void pl011_pre_save(void *opaque)
{
    Pl011State *s = opaque;

    s->timeout_left = -1;
    if (timer_pending(&s->timeout)) {
        int64_t now = clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL);

        s->timeout_left = MAX(timer_expire_ns(&s->timeout) - now, 0);
    }
}

static bool pl011_post_load(void *opaque, GError **err)
{
    Pl011State *s = opaque;

    if (s->rx_head >= FIFO_DEPTH || s->rx_count > fifo_depth(s) || s->tx_head >= FIFO_DEPTH ||
        s->tx_count > FIFO_DEPTH || (s->ris & ~INT_ALL) || (s->imsc & ~INT_ALL) ||
        s->timeout_left > bits_ns(s, UINT16_MAX << 6 | 0x3f)) {
        rhea_error_set(err, "snapshot: FIFO, interrupts or timeout out of range");
        return false;
    }
    timer_del(&s->timeout);
    if (s->timeout_left >= 0) {
        int64_t now = clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL);

        timer_mod(&s->timeout, now + s->timeout_left);
    }
    tx_drain(s);
    char_accept_input(&s->front);
    pl011_update_irq(s);
    return true;
}

static void pl011_fdt(void *opaque, const FdtNode *n)
{
    static const char compatible[] = "arm,pl011\0arm,primecell";
    static const char clock_names[] = "uartclk\0apb_pclk";

    fdt_node_begin(n, "pl011");
    fdt_node_clocks(n, 2, clock_names, sizeof(clock_names));
    fdt_node_irqs(n);
    fdt_node_reg(n);
    fdt_property(n->fdt, "compatible", compatible, sizeof(compatible));
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(pl011, Pl011State,
    .name = "pl011",
    .desc = "PrimeCell UART (PL011)",
    .bus = "System",
    .category = DEVICE_INPUT,
    .props = pl011_props,
    .version = 1,
    .n_irqs = 1,
    .bank = {{.size = 0x1000, .regs = pl011_regs, .valid_min = 1, .valid_max = 4}},
    .realize = pl011_realize,
    .unrealize = pl011_unrealize,
    .reset = pl011_reset,
    .pre_save = pl011_pre_save,
    .post_load = pl011_post_load,
    .fdt = pl011_fdt);
// clang-format on

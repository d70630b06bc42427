/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Watchdog timer of the Intel 6300ESB I/O controller hub.
 *
 * Specification: Intel 6300ESB ICH datasheet (300641-004), chapter 16: configuration registers
 * WDT Configuration (60h) and WDT Lock (68h), memory-mapped preload, interrupt status and reload
 * registers. A 35-bit counter runs with the 33 MHz PCI clock; the 20 bits of a preload value are
 * its bits 34:15 (ticks of about a millisecond) or 24:5 (a microsecond).
 *
 * Two stages: the first ends with an interrupt (on the board's own wiring, of which only the status
 * bit is seen here), the second with the pin WDT_TOUT#, wired to what -action watchdog= says.
 * WDT_TIMEOUT outlives resets, so that the next system finds out. A free-running timer has the
 * second stage only, and turns the pin over each time.
 *
 * Lock: the device's. Test: tests/unit/test-watchdog.c
 */
#include "hw/pci.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>

enum { WDT_CONFIG = 0x60, WDT_LOCK = 0x68 };
enum { CONFIG_INT_TYPE = 3, INT_TYPE_NONE = 3, CONFIG_FAST = 4, CONFIG_NO_OUTPUT = 0x20 };
enum { LOCK_LOCKED = 1, LOCK_ENABLE = 2, LOCK_FREE_RUNNING = 4 };
enum { RELOAD_RELOAD = 0x100, RELOAD_TIMEOUT = 0x200 };
enum { UNLOCK_FIRST = 0x80, UNLOCK_SECOND = 0x86 };

#define PRELOAD_MASK   0xfffff
#define PCI_HZ         33000000
#define FREE_RUN_FLOOR NS_PER_MS /* the pin needs to be turned over no faster */

#define ESB_STATE(F, A, D, N)                                                                      \
    PCI_STATE(N)                                                                                   \
    F(uint32_t, preload1, PRELOAD_MASK)                                                            \
    F(uint32_t, preload2, PRELOAD_MASK)                                                            \
    F(uint16_t, interrupt, 0)                                                                      \
    F(uint8_t, unlocked, 0) /* steps of the sequence that were taken; 2: the next write counts */  \
    F(uint8_t, stage, 0)    /* that runs: 1, 2; 0: none */                                         \
    F(bool, tout, false)    /* WDT_TOUT# is driven low */                                          \
    F(bool, timed_out, KEEP)                                                                       \
    F(int64_t, left, 0) /* ns of the stage, in a snapshot */

STATE(i6300esb, I6300esbState, ESB_STATE, Timer timer;)

// clang-format off
PROPS(i6300esb, I6300esbState, PCI_PROPS)
// clang-format on

static uint8_t lock_bits(const I6300esbState *s)
{
    return s->pci->config[WDT_LOCK];
}

/* ---- the counter ---- */

static void stage_start(I6300esbState *s, unsigned stage, int64_t floor)
{
    uint64_t clocks = stage == 1 ? s->preload1 : s->preload2;

    clocks <<= s->pci->config[WDT_CONFIG] & CONFIG_FAST ? 5 : 15;
    s->stage = stage;
    timer_mod(&s->timer, clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL) +
                             MAX((int64_t)(clocks * 1000 / (PCI_HZ / 1000000)), floor));
}

static void counter_stop(I6300esbState *s)
{
    timer_del(&s->timer);
    s->stage = 0;
}

static void counter_start(I6300esbState *s)
{
    if (lock_bits(s) & LOCK_ENABLE) {
        stage_start(s, lock_bits(s) & LOCK_FREE_RUNNING ? 2 : 1, 0);
    } else {
        counter_stop(s);
    }
}

/* The end of the second stage. */
static void timed_out(I6300esbState *s)
{
    bool free_running = lock_bits(s) & LOCK_FREE_RUNNING;

    s->timed_out = true;
    s->tout = free_running ? !s->tout : true;
    if (s->tout && !(s->pci->config[WDT_CONFIG] & CONFIG_NO_OUTPUT)) {
        machine_watchdog_expired(s->dev.machine);
    }
    if (free_running) {
        stage_start(s, 2, FREE_RUN_FLOOR);
    } else {
        s->stage = 0;
    }
}

static void esb_timer(void *opaque)
{
    I6300esbState *s = opaque;

    device_lock(s);
    /* The guest may have reloaded the counter since the timer fired. */
    if (s->stage && !timer_pending(&s->timer)) {
        if (s->stage == 1) {
            if ((s->pci->config[WDT_CONFIG] & CONFIG_INT_TYPE) != INT_TYPE_NONE) {
                s->interrupt = 1;
            }
            stage_start(s, 2, 0);
        } else {
            timed_out(s);
        }
    }
    device_unlock(s);
}

/* ---- configuration space ---- */

static void esb_config_written(void *opaque, unsigned offset, unsigned size, const uint8_t *before)
{
    I6300esbState *s = opaque;
    uint8_t *lock = &s->pci->config[WDT_LOCK];

    if (before[WDT_LOCK] & LOCK_LOCKED) {
        *lock = before[WDT_LOCK];
    }
    if ((*lock ^ before[WDT_LOCK]) & (LOCK_ENABLE | LOCK_FREE_RUNNING)) {
        counter_start(s);
    }
}

/* ---- memory-mapped registers ---- */

/* Is this write behind the two unlocking ones? Then it is the only one. */
static bool unlock_take(I6300esbState *s, const char *name)
{
    bool ok = s->unlocked == 2;

    if (!ok) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: %s written without unlocking\n", device_name(s), name);
    }
    s->unlocked = 0;
    return ok;
}

static void preload1_write(void *opaque, unsigned i, uint64_t val)
{
    I6300esbState *s = opaque;

    if (unlock_take(s, "PRELOAD1")) {
        s->preload1 = val & PRELOAD_MASK;
    }
}

static void preload2_write(void *opaque, unsigned i, uint64_t val)
{
    I6300esbState *s = opaque;

    if (unlock_take(s, "PRELOAD2")) {
        s->preload2 = val & PRELOAD_MASK;
    }
}

static uint64_t reload_read(void *opaque, unsigned i)
{
    return ((I6300esbState *)opaque)->timed_out ? RELOAD_TIMEOUT : 0;
}

static void reload_write(void *opaque, unsigned i, uint64_t val)
{
    I6300esbState *s = opaque;

    if (val == UNLOCK_FIRST) {
        s->unlocked = 1;
    } else if (val == UNLOCK_SECOND && s->unlocked == 1) {
        s->unlocked = 2;
    } else if (unlock_take(s, "RELOAD")) {
        if (val & RELOAD_TIMEOUT) {
            s->timed_out = false;
        }
        if (val & RELOAD_RELOAD) {
            counter_start(s);
        }
    }
}

/* Reading has no effect on RELOAD; but the bits of a part that is not written must not count as
 * written, and that is what read_acts says. */
// clang-format off
REGS(i6300esb, I6300esbState,
    REG(PRELOAD1,  0x0, 4, RW, IN(preload1), .write = preload1_write),
    REG(PRELOAD2,  0x4, 4, RW, IN(preload2), .write = preload2_write),
    REG(INTERRUPT, 0x8, 2, W1C, IN(interrupt), .mask = 1),
    REG(RELOAD,    0xc, 2, RW, .read = reload_read, .write = reload_write, .split = true, .read_acts = true))
// clang-format on

/* ---- life ---- */

static void esb_reset(void *opaque)
{
    I6300esbState *s = opaque;

    timer_del(&s->timer);
    pci_reset(s);
}

static void esb_pre_save(void *opaque)
{
    I6300esbState *s = opaque;

    s->left = s->stage
                  ? timer_expire_ns(&s->timer) - clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL)
                  : 0;
    s->left = MAX(s->left, 0);
}

static bool esb_post_load(void *opaque, GError **err)
{
    I6300esbState *s = opaque;
    const int64_t longest = ((int64_t)PRELOAD_MASK << 15) * 1000 / (PCI_HZ / 1000000);

    timer_del(&s->timer);
    if (!pci_post_load(s, err)) {
        return false;
    }
    if (s->stage > 2 || s->unlocked > 2 || s->left < 0 || s->left > longest ||
        (s->preload1 | s->preload2) & ~PRELOAD_MASK || s->interrupt > 1 ||
        (s->stage && !(lock_bits(s) & LOCK_ENABLE))) {
        rhea_error_set(err, "snapshot: a watchdog that cannot be");
        return false;
    }
    if (s->stage) {
        timer_mod(&s->timer, clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL) + s->left);
    }
    return true;
}

static bool i6300esb_realize(void *opaque, GError **err)
{
    I6300esbState *s = opaque;

    if (!pci_init(s, false, err)) {
        return false;
    }
    pci_set_config(s->pci, WDT_CONFIG, 2, 0, CONFIG_INT_TYPE | CONFIG_FAST | CONFIG_NO_OUTPUT, 0);
    pci_set_config(s->pci, WDT_LOCK, 1, 0, LOCK_LOCKED | LOCK_ENABLE | LOCK_FREE_RUNNING, 0);
    pci_add_bar(s->pci, 0, 0, &s->dev.mmio[0]);
    timer_init(&s->timer, s->dev.machine->clocks, CLK_VIRTUAL, esb_timer, s);
    return true;
}

static void esb_unrealize(void *opaque)
{
    I6300esbState *s = opaque;

    timer_del_sync(&s->timer);
    pci_exit(s);
}

static const PciClass i6300esb_pci = {
    .core = offsetof(I6300esbState, pci),
    .vendor = 0x8086,
    .device = 0x25ab,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x088000,
    .config_written = esb_config_written,
};

// clang-format off
PCI_DEVICE(i6300esb, I6300esbState, "i6300esb", DEVICE_WATCHDOG,
    .desc = "Intel 6300ESB watchdog",
    .bank = {{.size = 16, .regs = i6300esb_regs, .valid_min = 1, .valid_max = 4, .wide_to_one = true}},
    .unrealize = esb_unrealize,
    .reset = esb_reset,
    .pre_save = esb_pre_save,
    .post_load = esb_post_load);
// clang-format on

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * pvpanic as a PCI function: the guest's kernel tells that it panicked.
 *
 * Specification: QEMU's docs/specs/pvpanic: one byte. A read says which events are taken, a write
 * reports one: 1 panicked, 2 panicked and a crash kernel takes over, 4 shut down.
 *
 * The BAR is as large as a memory BAR must at least be. No state. Test: tests/unit/test-watchdog.c
 */
#include "hw/pci.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>

enum { EVENT_PANICKED = 1, EVENT_CRASH_LOADED = 2, EVENT_SHUTDOWN = 4 };

#define PVPANIC_STATE(F, A, D, N) PCI_STATE(N)

STATE(pvpanic_pci, PvpanicPciState, PVPANIC_STATE,
      /* Properties. */
      uint8_t events;)

// clang-format off
PROPS(pvpanic_pci, PvpanicPciState,
    PROP("events", U8, events, "7", PUBLIC, "that the guest may report: 1 panicked, 2 crash kernel, 4 shut down"),
    PCI_PROPS)
// clang-format on

static uint64_t event_read(void *opaque, unsigned i)
{
    return ((PvpanicPciState *)opaque)->events;
}

static void event_write(void *opaque, unsigned i, uint64_t val)
{
    PvpanicPciState *s = opaque;

    if (val & ~(uint64_t)s->events) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: event 0x%" PRIx64 " is not offered\n", device_name(s),
                      val & ~(uint64_t)s->events);
    }
    val &= s->events;
    if (val & EVENT_PANICKED) {
        machine_guest_panicked(s->dev.machine);
    } else if (val & EVENT_CRASH_LOADED) {
        rhea_log_mask(LOG_DEVICE, "%s: a crash kernel takes over\n", device_name(s));
    } else if (val & EVENT_SHUTDOWN) {
        machine_request_shutdown(s->dev.machine, SHUTDOWN_GUEST_POWEROFF, 0);
    }
}

// clang-format off
REGS(pvpanic_pci, PvpanicPciState,
    REG(EVENTS,   0, 1, RW, .read = event_read, .write = event_write),
    REG(RESERVED, 1, 1, RZ, .count = 15))
// clang-format on

static bool pvpanic_pci_realize(void *opaque, GError **err)
{
    PvpanicPciState *s = opaque;

    if (s->events & ~(EVENT_PANICKED | EVENT_CRASH_LOADED | EVENT_SHUTDOWN)) {
        rhea_error_set(err, "Property 'pvpanic-pci.events' doesn't take value '%u'", s->events);
        return false;
    }
    if (!pci_init(s, false, err)) {
        return false;
    }
    pci_add_bar(s->pci, 0, 0, &s->dev.mmio[0]);
    return true;
}

static const PciClass pvpanic_pci_pci = {
    .core = offsetof(PvpanicPciState, pci),
    .vendor = 0x1b36,
    .device = 0x0011,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .revision = 1,
    .class_code = 0x088000,
};

// clang-format off
PCI_DEVICE(pvpanic_pci, PvpanicPciState, "pvpanic-pci", DEVICE_MISC,
    .desc = "Panic notification",
    .bank = {{.size = 16, .regs = pvpanic_pci_regs, .valid_min = 1, .valid_max = 4, .impl_max = 1}},
    .unrealize = pci_exit,
    .reset = pci_reset,
    .post_load = pci_post_load);
// clang-format on

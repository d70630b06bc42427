/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * PCI Express root port with a slot: a bridge from the host's bus to one link, whose card can be
 * plugged and unplugged while the guest runs.
 *
 * Specification: PCI Express Base 5.0, 6.7 (hot-plug), 7.5.3.9 to 7.5.3.11 (slot registers), 7.8.4
 * (error reporting), 7.7.7 (access control).
 *
 * Plugging a card sets presence detect and presses the attention button, as a person would; the
 * guest powers the slot up. Unplugging presses the button; when the guest has switched power and
 * power indicator off the card is taken out, by the main loop with all vCPUs paused.
 *
 * Errors are never signalled, as none happen: the error registers are only what a driver writes.
 *
 * Invariants: the link is active exactly while a card is there and the slot has power; `event` is
 * whether a slot event that is enabled waits. Lock: the device's. Test: tests/unit/test-pci.c,
 * tests/boot
 */
#include "accel/accel.h"
#include "hw/pci.h"
#include "rhea/error.h"
#include "softmmu/machine.h"

#include <string.h>

#define CAP_SSVID   0x40
#define CAP_MSIX    0x48
#define CAP_EXPRESS 0x54
#define CAP_AER     0x100
#define CAP_ACS     0x148
#define AER_SIZE    0x48
#define SLOT_MAX    0x1fff
#define SPEED_16GT  4
#define WIDTH_X32   (32 << 4)
#define LINK_ONE    (1 | 1 << 4) /* 2.5 GT/s, one lane: what cards here have */

#define SLOT_EVENTS                                                                                \
    (PCIE_SLTSTA_BUTTON | PCIE_SLTSTA_POWER_FAULT | PCIE_SLTSTA_LATCH_CHANGED |                    \
     PCIE_SLTSTA_PRESENCE_CHANGED | PCIE_SLTSTA_COMMAND_DONE | PCIE_SLTSTA_LINK_CHANGED)
#define SLOT_INDICATORS (PCIE_SLTCTL_ATTENTION_LED | PCIE_SLTCTL_POWER_LED)

#define ROOT_PORT_STATE(F, A, D, N)                                                                \
    PCI_STATE(N)                                                                                   \
    F(bool, event, false)

STATE(root_port, RootPortState, ROOT_PORT_STATE, PciBridge bridge; MemRegion bar; bool ejecting;
      /* Properties. */
      uint8_t chassis; uint8_t port; uint16_t slot; bool hotplug; bool power_controller;)

// clang-format off
PROPS(root_port, RootPortState,
    PROP("chassis", U8, chassis, "0", PUBLIC, "number of the chassis the slot is in"),
    PROP("slot", U16, slot, "0", PUBLIC, "number of the slot, one of its chassis"),
    PROP("port", U8, port, "0", PUBLIC, "number of the port"),
    PROP("hotplug", BOOL, hotplug, "on", PUBLIC, "on/off"),
    PROP("power_controller_present", BOOL, power_controller, "on", PUBLIC, "on/off"),
    PCI_PROPS)
// clang-format on

/* ---- slot ---- */

static uint8_t *reg(RootPortState *s, unsigned offset)
{
    return s->pci->config + s->pci->pcie_cap + offset;
}

static bool card_present(const RootPortState *s)
{
    return s->bridge.bus.device[0] != NULL;
}

static bool slot_powered(RootPortState *s)
{
    return !s->power_controller || !(pci_get16(reg(s, PCIE_SLTCTL)) & PCIE_SLTCTL_POWER_OFF);
}

/* Tell the guest of what waits and is enabled; a message only for what is new (6.7.3.4). */
static void slot_notify(RootPortState *s)
{
    uint16_t control = pci_get16(reg(s, PCIE_SLTCTL)), status = pci_get16(reg(s, PCIE_SLTSTA));
    /* The enable bits stand where the status bits do, but for that of the link. */
    uint16_t enabled =
        (control & 0x1f) | (control & PCIE_SLTCTL_LINK_EVENT ? PCIE_SLTSTA_LINK_CHANGED : 0);
    bool event = (control & PCIE_SLTCTL_INTERRUPT) && (status & enabled & SLOT_EVENTS);
    bool news = event && !s->event;

    s->event = event;
    if (pci_msix_enabled(s->pci)) {
        if (news) {
            pci_msix_notify(s->pci, 0);
        }
        event = false;
    }
    pci_set_irq(s->pci, event);
}

/* Link status and presence as they are now; events for what changed. */
static void slot_update(RootPortState *s, uint16_t events)
{
    uint16_t link = pci_get16(reg(s, PCIE_LNKSTA)), status = pci_get16(reg(s, PCIE_SLTSTA));
    bool present = card_present(s), active = present && slot_powered(s);

    if (active != !!(link & PCIE_LNKSTA_ACTIVE)) {
        events |= PCIE_SLTSTA_LINK_CHANGED;
    }
    if (present != !!(status & PCIE_SLTSTA_PRESENT)) {
        events |= PCIE_SLTSTA_PRESENCE_CHANGED;
    }
    pci_put16(reg(s, PCIE_LNKSTA),
              present ? LINK_ONE | (active ? PCIE_LNKSTA_ACTIVE : 0) : SPEED_16GT | WIDTH_X32);
    pci_put16(reg(s, PCIE_SLTSTA),
              (status & ~PCIE_SLTSTA_PRESENT) | events | (present ? PCIE_SLTSTA_PRESENT : 0));
    if (s->hotplug) {
        slot_notify(s);
    }
}

/* The card leaves: main loop. */
static void slot_eject(void *opaque)
{
    RootPortState *s = opaque;
    Machine *m = s->dev.machine;
    GPtrArray *cards = s->bridge.bus.bus.children;
    bool running = m->accel && machine_phase(m) == RUN_RUNNING;

    if (running) {
        accel_pause_all(m->accel);
    }
    while (cards->len) {
        device_free(g_ptr_array_index(cards, cards->len - 1));
    }
    device_lock(s);
    s->ejecting = false;
    slot_update(s, 0);
    device_unlock(s);
    if (running) {
        accel_resume_all(m->accel);
    }
}

static void eject_request(RootPortState *s)
{
    if (!s->ejecting && s->dev.machine && s->dev.machine->loop) {
        s->ejecting = true;
        mainloop_post(s->dev.machine->loop, slot_eject, s);
    }
}

static bool is_off(uint16_t control)
{
    return (control & PCIE_SLTCTL_POWER_OFF) &&
           (control & PCIE_SLTCTL_POWER_LED) == PCIE_SLTCTL_POWER_LED_OFF;
}

static void slot_control_written(RootPortState *s, uint16_t before)
{
    uint16_t control = pci_get16(reg(s, PCIE_SLTCTL));

    if (control & PCIE_SLTCTL_INTERLOCK) {
        /* Writing 1 toggles the interlock; the bit reads 0. */
        pci_put16(reg(s, PCIE_SLTCTL), control & ~PCIE_SLTCTL_INTERLOCK);
        pci_put16(reg(s, PCIE_SLTSTA), pci_get16(reg(s, PCIE_SLTSTA)) ^ PCIE_SLTSTA_INTERLOCK);
    }
    if (card_present(s) && is_off(control) && !is_off(before)) {
        eject_request(s);
    }
    /* Every write is a command, and is done at once (6.7.3.2). */
    slot_update(s, PCIE_SLTSTA_COMMAND_DONE);
}

static bool root_port_plugged(PciBus *bus, PciDevice *p, GError **err)
{
    RootPortState *s = (RootPortState *)bus->bridge->dev;

    device_lock(s);
    if (!p->dev->hotplugged) {
        /* It was there all the time. */
        pci_put16(reg(s, PCIE_SLTCTL), pci_get16(reg(s, PCIE_SLTCTL)) & ~PCIE_SLTCTL_POWER_OFF);
        slot_update(s, 0);
        pci_put16(reg(s, PCIE_SLTSTA), pci_get16(reg(s, PCIE_SLTSTA)) & ~SLOT_EVENTS);
    } else if (PCI_FN(p->devfn) == 0) {
        slot_update(s, PCIE_SLTSTA_BUTTON);
    }
    device_unlock(s);
    return true;
}

static bool root_port_unplug_request(DeviceBus *bus, Device *child, GError **err)
{
    RootPortState *s = (RootPortState *)bus->owner;

    device_lock(s);
    if (is_off(pci_get16(reg(s, PCIE_SLTCTL)))) {
        eject_request(s);
    } else {
        slot_update(s, PCIE_SLTSTA_BUTTON);
    }
    device_unlock(s);
    return true;
}

/* ---- life ---- */

static void slot_init(RootPortState *s)
{
    PciDevice *p = s->pci;
    unsigned cap = p->pcie_cap;
    uint32_t caps = PCIE_SLTCAP_BUTTON | PCIE_SLTCAP_ATTENTION_LED | PCIE_SLTCAP_POWER_LED |
                    PCIE_SLTCAP_INTERLOCK | (uint32_t)s->slot << PCIE_SLTCAP_NUMBER_SHIFT;

    caps |= s->power_controller ? PCIE_SLTCAP_POWER : 0;
    caps |= s->hotplug ? PCIE_SLTCAP_HOTPLUG | PCIE_SLTCAP_SURPRISE : 0;
    pci_set_config(p, cap + PCIE_FLAGS, 2,
                   PCIE_FLAGS_VERSION | PCIE_TYPE_ROOT_PORT << 4 | PCIE_FLAGS_SLOT, 0, 0);
    pci_set_config(p, cap + PCIE_LNKCAP, 4,
                   SPEED_16GT | WIDTH_X32 | PCIE_LNKCAP_ASPM_L0S | PCIE_LNKCAP_LINK_ACTIVE |
                       PCIE_LNKCAP_BANDWIDTH | (uint32_t)s->port << 24,
                   0, 0);
    pci_set_config(p, cap + PCIE_LNKSTA, 2, SPEED_16GT | WIDTH_X32, 0, 0xc000);
    pci_set_live(p, cap + PCIE_LNKSTA, 2, PCIE_LNKSTA_ACTIVE | 0x3ff);
    pci_set_config(p, cap + PCIE_SLTCAP, 4, caps, 0, 0);
    pci_set_config(p, cap + PCIE_SLTCTL, 2,
                   SLOT_INDICATORS | (s->power_controller ? PCIE_SLTCTL_POWER_OFF : 0), 0x1fff, 0);
    pci_set_config(p, cap + PCIE_SLTSTA, 2, 0, 0, SLOT_EVENTS);
    pci_set_live(p, cap + PCIE_SLTSTA, 2,
                 SLOT_EVENTS | PCIE_SLTSTA_PRESENT | PCIE_SLTSTA_INTERLOCK);
    pci_set_config(p, cap + PCIE_RTCTL, 2, 0, 0x001f, 0);
    pci_set_config(p, cap + PCIE_DEVCAP2, 4,
                   PCIE_DEVCAP2_ARI_FORWARD | PCIE_DEVCAP2_EXT_FORMAT | PCIE_DEVCAP2_PREFIX, 0, 0);
    pci_set_config(p, cap + PCIE_DEVCTL2, 2, 0, PCIE_DEVCTL2_ARI_FORWARD, 0);
    pci_set_config(p, cap + PCIE_LNKCAP2, 4, 0x1e, 0, 0); /* 2.5 to 16 GT/s */
    pci_set_config(p, cap + PCIE_LNKCTL2, 2, SPEED_16GT, 0x000f, 0);
}

static void extended_init(PciDevice *p)
{
    pci_add_ext_capability(p, PCIE_EXT_CAP_AER, 2, CAP_AER, AER_SIZE);
    pci_set_config(p, CAP_AER + 0x04, 4, 0, 0, 0x024ff030);          /* uncorrectable: status, */
    pci_set_config(p, CAP_AER + 0x08, 4, 0x02400000, 0x026ff030, 0); /*   mask, */
    pci_set_config(p, CAP_AER + 0x0c, 4, 0x00462030, 0x026ff030, 0); /*   severity */
    pci_set_config(p, CAP_AER + 0x10, 4, 0, 0, 0x0000f1c1);          /* correctable: status, */
    pci_set_config(p, CAP_AER + 0x14, 4, 0x0000e000, 0x0000f1c1, 0); /*   mask */
    pci_set_config(p, CAP_AER + 0x18, 4, 0x000002a0, 0x00000540, 0); /* capabilities, control */
    pci_set_config(p, CAP_AER + 0x2c, 4, 0, 0x00000007, 0);          /* root error command */
    pci_set_config(p, CAP_AER + 0x30, 4, 0, 0, 0x0000007f);          /* root error status */
    pci_add_ext_capability(p, PCIE_EXT_CAP_ACS, 1, CAP_ACS, 8);
    pci_set_config(p, CAP_ACS + 4, 2, 0x005f, 0, 0);
    pci_set_config(p, CAP_ACS + 6, 2, 0, 0x005f, 0);
}

static bool slot_is_free(RootPortState *s, GError **err)
{
    Device *d;

    if (s->slot > SLOT_MAX) {
        rhea_error_set(err, "Property 'slot' must be between 0 and %u", SLOT_MAX);
        return false;
    }
    for (unsigned i = 0; s->dev.machine && (d = device_at(s->dev.machine, i)); i++) {
        const RootPortState *other = (RootPortState *)d;

        if (d->cls == s->dev.cls && other->chassis == s->chassis && other->slot == s->slot) {
            rhea_error_set(err,
                           "slot %u of chassis %u is taken by another port: give chassis= or "
                           "slot=",
                           s->slot, s->chassis);
            return false;
        }
    }
    return true;
}

static bool root_port_realize(void *opaque, GError **err)
{
    RootPortState *s = opaque;
    PciDevice *p = s->pci;

    if (!slot_is_free(s, err) || !pci_init(s, true, err)) {
        return false;
    }
    pci_set_interrupt_pin(p, 1);
    pci_bridge_init(p, &s->bridge, s->dev.id, true);
    pci_add_capability(p, PCI_CAP_SSVID, CAP_SSVID, 8);
    pci_set_config(p, CAP_SSVID + 4, 4, 0x1b36, 0, 0);
    memory_region_init_container(&s->bar, s->dev.ms, "pcie-root-port", 4096);
    pci_add_msix(p, CAP_MSIX, 1, &s->bar, 0, 0, 2048);
    pci_add_bar(p, 0, 0, &s->bar);
    pci_add_express(p, CAP_EXPRESS, PCIE_TYPE_ROOT_PORT, s->port);
    slot_init(s);
    extended_init(p);
    s->bridge.bus.only_slot0 = true;
    s->bridge.bus.plugged = root_port_plugged;
    s->bridge.bus.bus.unplug_request = s->hotplug ? root_port_unplug_request : NULL;
    return true;
}

static void root_port_unrealize(void *opaque)
{
    RootPortState *s = opaque;

    pci_bridge_exit(&s->bridge);
    pci_exit(s);
    memory_region_destroy(&s->bar);
}

static void root_port_reset(void *opaque)
{
    RootPortState *s = opaque;

    pci_reset(s);
    pci_bridge_update(s->pci, &s->bridge);
    if (card_present(s)) {
        pci_put16(reg(s, PCIE_SLTCTL), pci_get16(reg(s, PCIE_SLTCTL)) & ~PCIE_SLTCTL_POWER_OFF);
    }
    slot_update(s, 0);
    pci_put16(reg(s, PCIE_SLTSTA), pci_get16(reg(s, PCIE_SLTSTA)) & ~SLOT_EVENTS);
    slot_notify(s);
}

static bool root_port_post_load(void *opaque, GError **err)
{
    RootPortState *s = opaque;
    bool event = s->event;

    if (!pci_post_load(s, err)) {
        return false;
    }
    pci_bridge_update(s->pci, &s->bridge);
    /* The card is there or not, whatever the snapshot says; a message was sent before. */
    s->event = true;
    slot_update(s, 0);
    s->event = s->event && event;
    return true;
}

static void root_port_config_written(void *opaque, unsigned offset, unsigned size,
                                     const uint8_t *before)
{
    RootPortState *s = opaque;
    unsigned control = s->pci->pcie_cap + PCIE_SLTCTL;

    pci_bridge_config_written(s->pci, &s->bridge, offset, size, before);
    if (offset < control + 2 && control < offset + size) {
        slot_control_written(s, pci_get16(before + control));
    } else if (s->hotplug) {
        slot_notify(s);
    }
}

static const PciClass root_port_pci = {
    .core = offsetof(RootPortState, pci),
    .vendor = 0x1b36,
    .device = 0x000c,
    .class_code = 0x060400,
    .bridge = true,
    .only_express = true,
    .config_written = root_port_config_written,
};

// clang-format off
PCI_DEVICE(root_port, RootPortState, "pcie-root-port", DEVICE_BRIDGE,
    .desc = "PCI Express Root Port",
    .unrealize = root_port_unrealize,
    .reset = root_port_reset,
    .post_load = root_port_post_load);
// clang-format on

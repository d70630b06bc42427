/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * PCI Express ports. Root ports and the downstream ports of a switch are bridges to one link with a
 * slot, whose card can be plugged and unplugged while the guest runs; the upstream port of a switch
 * is the bridge to the bus that its downstream ports are on.
 *
 * "pcie-root-port" is nobody's; "ioh3420" is a port of Intel's 5520 I/O hub, "x3130-upstream" and
 * "xio3130-downstream" are the parts of Texas Instruments' XIO3130. Their capabilities are where
 * those chips have them. Unlike the reference's, whose port has no pin, a downstream port can
 * interrupt by INTx, so that slots work on a machine without MSI (6.7.3.4 asks for it).
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

#define CAP_AER     0x100
#define AER_SIZE    0x48
#define SLOT_MAX    0x1fff
#define SPEED_16GT  4
#define WIDTH_X32   (32 << 4)
#define LINK_ONE    (1 | 1 << 4) /* 2.5 GT/s, one lane: what cards here have */
#define AER_LOG_MAX 128

#define SLOT_EVENTS                                                                                \
    (PCIE_SLTSTA_BUTTON | PCIE_SLTSTA_POWER_FAULT | PCIE_SLTSTA_LATCH_CHANGED |                    \
     PCIE_SLTSTA_PRESENCE_CHANGED | PCIE_SLTSTA_COMMAND_DONE | PCIE_SLTSTA_LINK_CHANGED)
#define SLOT_INDICATORS (PCIE_SLTCTL_ATTENTION_LED | PCIE_SLTCTL_POWER_LED)

typedef struct PortModel {
    PciClass pci; /* first: it is the class's .sub */
    PcieType type;
    uint8_t pin;
    uint16_t subsystem_vendor;
    uint8_t cap_ssvid, cap_message, cap_express;
    bool msix, msi_64bit; /* MSI-X with one vector, else MSI, 64-bit or maskable, */
    uint8_t msi_log2;     /* of so many */
    uint16_t cap_acs;     /* 0: none */
    uint16_t link;        /* fastest and widest that it does, as in its link status */
    uint32_t link_caps;   /* what it tells of the link */
} PortModel;

#define PORT_STATE(F, A, D, N)                                                                     \
    PCI_STATE(N)                                                                                   \
    F(bool, event, false)

STATE(port, PortState, PORT_STATE, PciBridge bridge; MemRegion bar; bool ejecting;
      /* Properties. */
      uint8_t chassis; uint8_t port; uint16_t slot; uint16_t aer_log_max; bool hotplug;
      bool power_controller;)

// clang-format off
#define PORT_PROPS                                                                                 \
    PROP("port", U8, port, "0", PUBLIC, "number of the port"),                                     \
    PROP("aer_log_max", U16, aer_log_max, "8", PUBLIC,                                             \
         "size of the error log, up to 128; there are no errors"),                                 \
    PCI_PROPS
PROPS(port, PortState, PORT_PROPS)
PROPS(slot, PortState,
    PROP("chassis", U8, chassis, "0", PUBLIC, "number of the chassis the slot is in"),
    PROP("slot", U16, slot, "0", PUBLIC, "number of the slot, one of its chassis"),
    PROP("hotplug", BOOL, hotplug, "on", PUBLIC, "on/off"),
    PROP("power_controller_present", BOOL, power_controller, "on", PUBLIC, "on/off"),
    PORT_PROPS)
// clang-format on

static const PortModel *model_of(PortState *s)
{
    return (const PortModel *)pci_class(s);
}

/* ---- slot ---- */

static uint8_t *reg(PortState *s, unsigned offset)
{
    return s->pci->config + s->pci->pcie_cap + offset;
}

static bool has_slot(PortState *s)
{
    return model_of(s)->type != PCIE_TYPE_UPSTREAM;
}

static bool link_reports(PortState *s)
{
    return model_of(s)->link_caps & PCIE_LNKCAP_LINK_ACTIVE;
}

static bool card_present(const PortState *s)
{
    return s->bridge.bus.device[0] != NULL;
}

static bool slot_powered(PortState *s)
{
    return !s->power_controller || !(pci_get16(reg(s, PCIE_SLTCTL)) & PCIE_SLTCTL_POWER_OFF);
}

/* Tell the guest of what waits and is enabled; a message only for what is new (6.7.3.4). */
static void slot_notify(PortState *s)
{
    uint16_t control = pci_get16(reg(s, PCIE_SLTCTL)), status = pci_get16(reg(s, PCIE_SLTSTA));
    /* The enable bits stand where the status bits do, but for that of the link. */
    uint16_t enabled =
        (control & 0x1f) | (control & PCIE_SLTCTL_LINK_EVENT ? PCIE_SLTSTA_LINK_CHANGED : 0);
    bool event = (control & PCIE_SLTCTL_INTERRUPT) && (status & enabled & SLOT_EVENTS);
    bool news = event && !s->event;

    s->event = event;
    if (pci_msix_enabled(s->pci) || pci_msi_enabled(s->pci)) {
        if (news) {
            pci_message_notify(s->pci, 0);
        }
        event = false;
    }
    pci_set_irq(s->pci, event);
}

/* Link status and presence as they are now; events for what changed. */
static void slot_update(PortState *s, uint16_t events)
{
    uint16_t link = pci_get16(reg(s, PCIE_LNKSTA)), status = pci_get16(reg(s, PCIE_SLTSTA));
    bool present = card_present(s), active = present && slot_powered(s);

    if (link_reports(s) && active != !!(link & PCIE_LNKSTA_ACTIVE)) {
        events |= PCIE_SLTSTA_LINK_CHANGED;
    }
    if (present != !!(status & PCIE_SLTSTA_PRESENT)) {
        events |= PCIE_SLTSTA_PRESENCE_CHANGED;
    }
    pci_put16(reg(s, PCIE_LNKSTA),
              present ? LINK_ONE | (active ? PCIE_LNKSTA_ACTIVE : 0) : model_of(s)->link);
    pci_put16(reg(s, PCIE_SLTSTA),
              (status & ~PCIE_SLTSTA_PRESENT) | events | (present ? PCIE_SLTSTA_PRESENT : 0));
    if (s->hotplug) {
        slot_notify(s);
    }
}

/* The card leaves: main loop. */
static void slot_eject(void *opaque)
{
    PortState *s = opaque;
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

static void eject_request(PortState *s)
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

static void slot_control_written(PortState *s, uint16_t before)
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

static bool port_plugged(PciBus *bus, PciDevice *p, GError **err)
{
    PortState *s = (PortState *)bus->bridge->dev;

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

static bool port_unplug_request(DeviceBus *bus, Device *child, GError **err)
{
    PortState *s = (PortState *)bus->owner;

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

static void link_init(PortState *s)
{
    const PortModel *m = model_of(s);
    PciDevice *p = s->pci;
    unsigned cap = p->pcie_cap;

    pci_set_config(p, cap + PCIE_LNKCAP, 4,
                   m->link | PCIE_LNKCAP_ASPM_L0S | m->link_caps | (uint32_t)s->port << 24, 0, 0);
    pci_set_config(p, cap + PCIE_LNKSTA, 2, m->link, 0,
                   m->link_caps & PCIE_LNKCAP_BANDWIDTH ? 0xc000 : 0);
    pci_set_live(p, cap + PCIE_LNKSTA, 2, has_slot(s) ? PCIE_LNKSTA_ACTIVE | 0x3ff : 0);
    if ((m->link & 0xf) > 1) {
        pci_set_config(p, cap + PCIE_LNKCAP2, 4, (2u << (m->link & 0xf)) - 2, 0, 0);
        pci_set_config(p, cap + PCIE_LNKCTL2, 2, m->link & 0xf, 0x000f, 0);
    }
}

static void slot_init(PortState *s)
{
    PciDevice *p = s->pci;
    unsigned cap = p->pcie_cap;
    uint32_t caps = PCIE_SLTCAP_BUTTON | PCIE_SLTCAP_ATTENTION_LED | PCIE_SLTCAP_POWER_LED |
                    PCIE_SLTCAP_INTERLOCK | (uint32_t)s->slot << PCIE_SLTCAP_NUMBER_SHIFT;

    caps |= s->power_controller ? PCIE_SLTCAP_POWER : 0;
    caps |= s->hotplug ? PCIE_SLTCAP_HOTPLUG | PCIE_SLTCAP_SURPRISE : 0;
    pci_set_config(p, cap + PCIE_FLAGS, 2, pci_get16(reg(s, PCIE_FLAGS)) | PCIE_FLAGS_SLOT, 0, 0);
    pci_set_config(p, cap + PCIE_SLTCAP, 4, caps, 0, 0);
    pci_set_config(p, cap + PCIE_SLTCTL, 2,
                   SLOT_INDICATORS | (s->power_controller ? PCIE_SLTCTL_POWER_OFF : 0),
                   link_reports(s) ? 0x1fff : 0x0fff, 0);
    pci_set_config(p, cap + PCIE_SLTSTA, 2, 0, 0, SLOT_EVENTS);
    pci_set_live(p, cap + PCIE_SLTSTA, 2,
                 SLOT_EVENTS | PCIE_SLTSTA_PRESENT | PCIE_SLTSTA_INTERLOCK);
    pci_set_config(p, cap + PCIE_DEVCAP2, 4,
                   PCIE_DEVCAP2_ARI_FORWARD | PCIE_DEVCAP2_EXT_FORMAT | PCIE_DEVCAP2_PREFIX, 0, 0);
    pci_set_config(p, cap + PCIE_DEVCTL2, 2, 0, PCIE_DEVCTL2_ARI_FORWARD, 0);
}

static void extended_init(PciDevice *p, const PortModel *m)
{
    pci_add_ext_capability(p, PCIE_EXT_CAP_AER, 2, CAP_AER, AER_SIZE);
    pci_set_config(p, CAP_AER + 0x04, 4, 0, 0, 0x024ff030);          /* uncorrectable: status, */
    pci_set_config(p, CAP_AER + 0x08, 4, 0x02400000, 0x026ff030, 0); /*   mask, */
    pci_set_config(p, CAP_AER + 0x0c, 4, 0x00462030, 0x026ff030, 0); /*   severity */
    pci_set_config(p, CAP_AER + 0x10, 4, 0, 0, 0x0000f1c1);          /* correctable: status, */
    pci_set_config(p, CAP_AER + 0x14, 4, 0x0000e000, 0x0000f1c1, 0); /*   mask */
    pci_set_config(p, CAP_AER + 0x18, 4, 0x000002a0, 0x00000540, 0); /* capabilities, control */
    if (m->type == PCIE_TYPE_ROOT_PORT) {
        pci_set_config(p, CAP_AER + 0x2c, 4, 0, 0x00000007, 0); /* root error command */
        pci_set_config(p, CAP_AER + 0x30, 4, 0, 0, 0x0000007f); /* root error status */
    }
    if (m->cap_acs) {
        pci_add_ext_capability(p, PCIE_EXT_CAP_ACS, 1, m->cap_acs, 8);
        pci_set_config(p, m->cap_acs + 4, 2, 0x005f, 0, 0);
        pci_set_config(p, m->cap_acs + 6, 2, 0, 0x005f, 0);
    }
}

static void port_reset(void *opaque);

static bool slot_is_free(PortState *s, GError **err)
{
    Device *d;

    if (s->slot > SLOT_MAX) {
        rhea_error_set(err, "Property 'slot' must be between 0 and %u", SLOT_MAX);
        return false;
    }
    for (unsigned i = 0; s->dev.machine && (d = device_at(s->dev.machine, i)); i++) {
        PortState *other = (PortState *)d;

        if (d->cls->reset == port_reset && has_slot(other) && other->chassis == s->chassis &&
            other->slot == s->slot) {
            rhea_error_set(err,
                           "slot %u of chassis %u is taken by another port: give chassis= or "
                           "slot=",
                           s->slot, s->chassis);
            return false;
        }
    }
    return true;
}

static void message_init(PortState *s)
{
    const PortModel *m = model_of(s);

    if (m->msix) {
        memory_region_init_container(&s->bar, s->dev.ms, s->dev.cls->name, 4096);
        pci_add_msix(s->pci, m->cap_message, 1, &s->bar, 0, 0, 2048);
        pci_add_bar(s->pci, 0, 0, &s->bar);
    } else {
        pci_add_msi(s->pci, m->cap_message, m->msi_log2, m->msi_64bit, !m->msi_64bit);
    }
}

static void ssvid_init(PortState *s)
{
    const PortModel *m = model_of(s);

    pci_add_capability(s->pci, PCI_CAP_SSVID, m->cap_ssvid, 8);
    pci_set_config(s->pci, m->cap_ssvid + 4, 4, m->subsystem_vendor, 0, 0);
}

static bool port_realize(void *opaque, GError **err)
{
    PortState *s = opaque;
    const PortModel *m = model_of(s);
    PciDevice *p = s->pci;

    if (s->aer_log_max > AER_LOG_MAX) {
        rhea_error_set(err, "Invalid aer_log_max %u. The max number of aer log is %u",
                       s->aer_log_max, AER_LOG_MAX);
        return false;
    }
    if ((has_slot(s) && !slot_is_free(s, err)) || !pci_init(s, true, err)) {
        return false;
    }
    pci_set_interrupt_pin(p, m->pin);
    pci_bridge_init(p, &s->bridge, s->dev.id, true);
    if (m->cap_ssvid < m->cap_message) {
        ssvid_init(s);
        message_init(s);
    } else {
        message_init(s);
        ssvid_init(s);
    }
    pci_add_express(p, m->cap_express, m->type, s->port);
    link_init(s);
    extended_init(p, m);
    if (m->type == PCIE_TYPE_ROOT_PORT) {
        pci_set_config(p, p->pcie_cap + PCIE_RTCTL, 2, 0, 0x001f, 0);
    }
    if (has_slot(s)) {
        slot_init(s);
        s->bridge.bus.only_slot0 = true;
        s->bridge.bus.plugged = port_plugged;
        s->bridge.bus.bus.unplug_request = s->hotplug ? port_unplug_request : NULL;
    }
    return true;
}

static void port_unrealize(void *opaque)
{
    PortState *s = opaque;

    pci_bridge_exit(&s->bridge);
    pci_exit(s);
    if (model_of(s)->msix) {
        memory_region_destroy(&s->bar);
    }
}

static void port_reset(void *opaque)
{
    PortState *s = opaque;

    pci_reset(s);
    pci_bridge_update(s->pci, &s->bridge);
    if (!has_slot(s)) {
        return;
    }
    if (card_present(s)) {
        pci_put16(reg(s, PCIE_SLTCTL), pci_get16(reg(s, PCIE_SLTCTL)) & ~PCIE_SLTCTL_POWER_OFF);
    }
    slot_update(s, 0);
    pci_put16(reg(s, PCIE_SLTSTA), pci_get16(reg(s, PCIE_SLTSTA)) & ~SLOT_EVENTS);
    slot_notify(s);
}

static bool port_post_load(void *opaque, GError **err)
{
    PortState *s = opaque;
    bool event = s->event;

    if (!pci_post_load(s, err)) {
        return false;
    }
    pci_bridge_update(s->pci, &s->bridge);
    if (!has_slot(s)) {
        return true;
    }
    /* The card is there or not, whatever the snapshot says; a message was sent before. */
    s->event = true;
    slot_update(s, 0);
    s->event = s->event && event;
    return true;
}

static void port_config_written(void *opaque, unsigned offset, unsigned size, const uint8_t *before)
{
    PortState *s = opaque;
    unsigned control = s->pci->pcie_cap + PCIE_SLTCTL;

    pci_bridge_config_written(s->pci, &s->bridge, offset, size, before);
    if (!has_slot(s)) {
        return;
    }
    if (offset < control + 2 && control < offset + size) {
        slot_control_written(s, pci_get16(before + control));
    } else if (s->hotplug) {
        slot_notify(s);
    }
}

// clang-format off
#define PORT(prefix, NAME, DESC, PROPS_FN, VENDOR, DEVICE_ID, REVISION, ...)                       \
    static const PortModel prefix##_model = {                                                      \
        .pci = {.core = offsetof(PortState, pci), .vendor = VENDOR, .device = DEVICE_ID,           \
                .revision = REVISION, .class_code = 0x060400, .bridge = true,                      \
                .only_express = true, .config_written = port_config_written},                      \
        __VA_ARGS__};                                                                              \
    DEVICE_AS(prefix, port, PortState, .name = NAME, .desc = DESC, .bus = "PCI",                   \
              .category = DEVICE_BRIDGE, .user_creatable = true, .version = 1, .props = PROPS_FN,  \
              .realize = port_realize, .unrealize = port_unrealize, .reset = port_reset,           \
              .post_load = port_post_load, .sub = &prefix##_model)

PORT(root_port, "pcie-root-port", "PCI Express Root Port", slot_props, 0x1b36, 0x000c, 0,
    .type = PCIE_TYPE_ROOT_PORT, .pin = 1, .subsystem_vendor = 0x1b36,
    .cap_ssvid = 0x40, .cap_message = 0x48, .cap_express = 0x54, .msix = true, .cap_acs = 0x148,
    .link = SPEED_16GT | WIDTH_X32, .link_caps = PCIE_LNKCAP_LINK_ACTIVE | PCIE_LNKCAP_BANDWIDTH);

PORT(ioh3420, "ioh3420", "Intel IOH device id 3420 PCIE Root Port", slot_props, 0x8086, 0x3420, 2,
    .type = PCIE_TYPE_ROOT_PORT, .pin = 1, .subsystem_vendor = 0x8086,
    .cap_ssvid = 0x40, .cap_message = 0x60, .cap_express = 0x90, .msi_log2 = 1, .link = LINK_ONE);

PORT(xio3130_upstream, "x3130-upstream", "TI X3130 Upstream Port of PCI Express Switch",
    port_props, 0x104c, 0x8232, 2,
    .type = PCIE_TYPE_UPSTREAM,
    .cap_message = 0x70, .cap_ssvid = 0x80, .cap_express = 0x90, .msi_64bit = true, .link = LINK_ONE);

PORT(xio3130_downstream, "xio3130-downstream", "TI X3130 Downstream Port of PCI Express Switch",
    slot_props, 0x104c, 0x8233, 1,
    .type = PCIE_TYPE_DOWNSTREAM, .pin = 1,
    .cap_message = 0x70, .cap_ssvid = 0x80, .cap_express = 0x90, .msi_64bit = true, .link = LINK_ONE);
// clang-format on

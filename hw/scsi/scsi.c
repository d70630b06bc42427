/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * SCSI buses: where logical units sit, and the commands that do not depend on the kind of unit:
 * REPORT LUNS, REQUEST SENSE, everything to a logical unit that is not there, unit attention.
 *
 * Specification: SAM-3, 4.9 (addresses), 5.9.7 (unit attention); SPC-3, 6.4 (INQUIRY), 6.21 (REPORT
 * LUNS), 6.27 (REQUEST SENSE). Lock: see hw/scsi.h. Test: tests/unit/test-scsi.c
 */
#include "hw/scsi.h"

#include <string.h>

#include "io/node.h"
#include "rhea/error.h"

enum { REQUEST_SENSE = 0x03, INQUIRY = 0x12, REPORT_LUNS = 0xa0 };

/* ---- answers ---- */

/* Fixed format, SPC-3, 4.5.3. */
void scsi_sense_put(uint8_t *sense, uint32_t code)
{
    memset(sense, 0, SCSI_SENSE_SIZE);
    sense[0] = 0x70;
    sense[2] = code >> 16;
    sense[7] = SCSI_SENSE_SIZE - 8;
    sense[12] = code >> 8;
    sense[13] = code;
}

static void finish(ScsiRequest *r, uint8_t status)
{
    g_clear_pointer(&r->iov, g_free);
    g_clear_pointer(&r->buf, g_free);
    r->status = status;
    r->done(r);
}

void scsi_complete(ScsiRequest *r)
{
    finish(r, SCSI_GOOD);
}

void scsi_fail(ScsiRequest *r, ScsiSense sense)
{
    scsi_sense_put(r->sense, sense);
    r->sense_len = SCSI_SENSE_SIZE;
    r->moved = 0;
    finish(r, SCSI_CHECK_CONDITION);
}

void scsi_reply(ScsiRequest *r, const void *data, uint32_t len, uint32_t allocation)
{
    r->moved = MIN(MIN(len, allocation), r->in_len);
    iov_fill(r->in, r->n_in, 0, data, r->moved);
    scsi_complete(r);
}

/* ---- commands for any unit, or none ---- */

static void report_luns(ScsiBus *b, uint32_t target, ScsiRequest *r)
{
    uint32_t allocation = scsi_get32(r->cdb + 6), n = 0;
    uint8_t select = r->cdb[2];

    if (allocation < 16 || select > 2) {
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    g_autofree uint8_t *d = g_malloc0(8 + 8 * (b->units->len + 1));
    /* Unit 0 is always there to be asked; 1: well-known units, of which there are none. */
    if (select != 1) {
        for (unsigned i = 0; i < b->units->len; i++) {
            const ScsiUnit *u = g_ptr_array_index(b->units, i);

            if (u->target == target) {
                uint8_t *at = d + 8 + 8 * n++;

                /* Peripheral addressing below 256, flat above. */
                at[0] = u->lun < 256 ? 0 : 0x40 | u->lun >> 8;
                at[1] = u->lun;
            }
        }
        n += n == 0;
    }
    scsi_put32(d, 8 * n);
    scsi_reply(r, d, 8 + 8 * n, allocation);
}

static void request_sense(ScsiUnit *u, ScsiRequest *r)
{
    uint8_t sense[SCSI_SENSE_SIZE];

    if (r->cdb[1] & 1) {
        scsi_fail(r, SENSE_INVALID_FIELD); /* descriptors */
        return;
    }
    scsi_sense_put(sense, !u                  ? SENSE_NO_SUCH_LUN
                          : u->unit_attention ? 0x060000u | u->unit_attention
                                              : SENSE_NONE);
    if (u) {
        u->unit_attention = UA_NONE;
    }
    scsi_reply(r, sense, sizeof(sense), r->cdb[4]);
}

static void no_unit(ScsiRequest *r)
{
    /* Peripheral qualifier: not capable of having a device there. */
    static const uint8_t inquiry[36] = {0x7f, 0, 5, 2, 31};

    if (r->cdb[0] == INQUIRY && !(r->cdb[1] & 1)) {
        scsi_reply(r, inquiry, sizeof(inquiry), scsi_get16(r->cdb + 3));
    } else {
        scsi_fail(r, SENSE_NO_SUCH_LUN);
    }
}

void scsi_submit(ScsiBus *b, uint32_t target, uint32_t lun, ScsiRequest *r)
{
    ScsiUnit *u = scsi_find(b, target, lun);
    uint8_t op = r->cdb[0];

    r->unit = u;
    r->status = SCSI_GOOD;
    r->sense_len = 0;
    r->moved = 0;
    r->overrun = r->held = false;
    r->step = 0;
    if (op == REPORT_LUNS) {
        report_luns(b, target, r);
    } else if (op == REQUEST_SENSE) {
        request_sense(u, r);
    } else if (!u) {
        no_unit(r);
    } else if (u->unit_attention && op != INQUIRY) {
        uint16_t why = u->unit_attention;

        u->unit_attention = UA_NONE;
        scsi_fail(r, 0x060000u | why);
    } else {
        scsi_class(u->dev)->execute(u->dev, r);
    }
}

/* ---- buses ---- */

static ScsiBus *bus_of(DeviceBus *bus)
{
    return (ScsiBus *)((uint8_t *)bus - offsetof(ScsiBus, bus));
}

ScsiUnit *scsi_find(ScsiBus *b, uint32_t target, uint32_t lun)
{
    for (unsigned i = 0; i < b->units->len; i++) {
        ScsiUnit *u = g_ptr_array_index(b->units, i);

        if (u->target == target && u->lun == lun) {
            return u;
        }
    }
    return NULL;
}

bool scsi_has_target(ScsiBus *b, uint32_t target)
{
    for (unsigned i = 0; i < b->units->len; i++) {
        if (((ScsiUnit *)g_ptr_array_index(b->units, i))->target == target) {
            return true;
        }
    }
    return false;
}

static bool place(ScsiBus *b, ScsiUnit *u, GError **err)
{
    const char *name = u->dev->cls->name;

    if (u->channel != 0) {
        rhea_error_set(err, "bad scsi channel id: %u", u->channel);
        return false;
    }
    if (u->wanted_target != UINT32_MAX && u->wanted_target >= SCSI_TARGETS) {
        rhea_error_set(err, "bad scsi device id: %u", u->wanted_target);
        return false;
    }
    if (u->wanted_lun != UINT32_MAX && u->wanted_lun > SCSI_LUN_MAX) {
        rhea_error_set(err, "bad scsi device lun: %u", u->wanted_lun);
        return false;
    }
    u->target = u->wanted_target;
    u->lun = u->wanted_lun == UINT32_MAX ? 0 : u->wanted_lun;
    if (u->target == UINT32_MAX) {
        for (u->target = 0; u->target < SCSI_TARGETS && scsi_find(b, u->target, u->lun);) {
            u->target++;
        }
        if (u->target == SCSI_TARGETS) {
            rhea_error_set(err, "no free target for %s", name);
            return false;
        }
    } else if (u->wanted_lun == UINT32_MAX) {
        while (u->lun <= SCSI_LUN_MAX && scsi_find(b, u->target, u->lun)) {
            u->lun++;
        }
    }
    if (u->lun > SCSI_LUN_MAX || scsi_find(b, u->target, u->lun)) {
        rhea_error_set(err, "lun already used by another device");
        return false;
    }
    return true;
}

static bool bus_attach(DeviceBus *bus, Device *child, GError **err)
{
    ScsiUnit *u = scsi_unit(child);

    u->dev = child;
    u->bus = bus_of(bus);
    child->lock_owner = bus->owner->lock_owner ? bus->owner->lock_owner : bus->owner;
    return place(u->bus, u, err);
}

static bool before(const ScsiUnit *a, const ScsiUnit *b)
{
    return a->target < b->target || (a->target == b->target && a->lun < b->lun);
}

static bool bus_plugged(DeviceBus *bus, Device *child, GError **err)
{
    ScsiBus *b = bus_of(bus);
    ScsiUnit *u = scsi_unit(child);
    unsigned at = 0;

    device_lock(child);
    while (at < b->units->len && before(g_ptr_array_index(b->units, at), u)) {
        at++;
    }
    g_ptr_array_insert(b->units, at, u);
    device_reset_locked(child);
    if (child->hotplugged && b->changed) {
        b->changed(b, u, false);
    }
    device_unlock(child);
    return true;
}

/* The guest need not agree: its requests fail from now on. */
static bool bus_unplug(DeviceBus *bus, Device *child, GError **err)
{
    ScsiBus *b = bus_of(bus);
    ScsiUnit *u = scsi_unit(child);

    device_lock(child);
    g_ptr_array_remove(b->units, u);
    if (b->changed) {
        b->changed(b, u, true);
    }
    device_unlock(child);
    scsi_class(child)->drain(child);
    device_free(child);
    return true;
}

static char *bus_node(const DeviceBus *bus, const Device *child)
{
    const ScsiUnit *u = scsi_unit((Device *)child);

    return g_strdup_printf("channel@%x/disk@%x,%x", u->channel, u->target, u->lun);
}

void scsi_bus_init(ScsiBus *b, Device *adapter, const char *name, bool hotplug)
{
    g_autofree char *own = NULL;
    unsigned n = 0;
    const DeviceBus *other;

    for (unsigned i = 0; !name && (other = device_bus_at(adapter->machine, i)); i++) {
        n += strcmp(other->type, "SCSI") == 0;
    }
    own = name ? g_strdup_printf("%s.0", name) : g_strdup_printf("scsi.%u", n);
    device_bus_init(&b->bus, adapter->machine, adapter, "SCSI", own, 0);
    b->units = g_ptr_array_new();
    b->bus.attach = bus_attach;
    b->bus.plugged = bus_plugged;
    b->bus.node = bus_node;
    b->bus.unplug_request = hotplug ? bus_unplug : NULL;
}

void scsi_bus_destroy(ScsiBus *b)
{
    if (!b->units) {
        return;
    }
    g_ptr_array_set_size(b->units, 0);
    device_bus_destroy(&b->bus);
    g_clear_pointer(&b->units, g_ptr_array_unref);
}

void scsi_bus_cancel(ScsiBus *b)
{
    for (unsigned i = 0; i < b->units->len; i++) {
        Device *d = ((ScsiUnit *)g_ptr_array_index(b->units, i))->dev;

        scsi_class(d)->cancel(d);
    }
}

void scsi_bus_reset(ScsiBus *b)
{
    for (unsigned i = 0; i < b->units->len; i++) {
        device_reset_locked(((ScsiUnit *)g_ptr_array_index(b->units, i))->dev);
    }
}

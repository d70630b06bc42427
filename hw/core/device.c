/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Devices and buses: registry, life, placement, -device.
 *
 * Main thread, but for device_reset(), device_save() and device_load(), which take the device's
 * lock themselves.
 *
 * Test: tests/unit/test-device.c, tests/unit/test-device-snapshot.c
 */
#include "hw/bootorder.h"
#include "hw/core/private.h"
#include "rhea/error.h"
#include "softmmu/machine.h"
#include "softmmu/opts.h"

#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

struct DeviceSet {
    GPtrArray *devices; /* Device *, in order of realization */
    GPtrArray *buses;   /* DeviceBus * */
};

/* ---- registry ---- */

extern const DeviceClass *const __start_rhea_devices[] __attribute__((weak));
extern const DeviceClass *const __stop_rhea_devices[] __attribute__((weak));

const DeviceClass *device_class_at(unsigned i)
{
    return i < (size_t)(__stop_rhea_devices - __start_rhea_devices) ? __start_rhea_devices[i]
                                                                    : NULL;
}

const DeviceClass *device_class_find(const char *name)
{
    const DeviceClass *c;

    for (unsigned i = 0; (c = device_class_at(i)); i++) {
        if (strcmp(c->name, name) == 0 || (c->alias && strcmp(c->alias, name) == 0)) {
            return c;
        }
    }
    return NULL;
}

static int class_by_name(const void *a, const void *b)
{
    return strcmp((*(const DeviceClass *const *)a)->name, (*(const DeviceClass *const *)b)->name);
}

void device_print_list(FILE *out)
{
    static const char *const titles[DEVICE_CATEGORIES] = {
        [DEVICE_BRIDGE] = "Controller/Bridge/Hub",
        [DEVICE_USB] = "USB",
        [DEVICE_STORAGE] = "Storage",
        [DEVICE_NETWORK] = "Network",
        [DEVICE_INPUT] = "Input",
        [DEVICE_DISPLAY] = "Display",
        [DEVICE_SOUND] = "Sound",
        [DEVICE_MISC] = "Misc",
        [DEVICE_CPU] = "CPU",
        [DEVICE_WATCHDOG] = "Watchdog",
    };
    bool first = true;

    for (unsigned category = 0; category < DEVICE_CATEGORIES; category++) {
        g_autoptr(GPtrArray) rows = g_ptr_array_new();
        const DeviceClass *c;

        for (unsigned i = 0; (c = device_class_at(i)); i++) {
            if (c->user_creatable && c->category == category) {
                g_ptr_array_add(rows, (void *)c);
            }
        }
        if (!rows->len) {
            continue;
        }
        qsort(rows->pdata, rows->len, sizeof(rows->pdata[0]), class_by_name);
        fprintf(out, "%s%s devices:\n", first ? "" : "\n", titles[category]);
        first = false;
        for (unsigned i = 0; i < rows->len; i++) {
            c = rows->pdata[i];
            fprintf(out, "name \"%s\"", c->name);
            if (c->bus) {
                fprintf(out, ", bus %s", c->bus);
            }
            if (c->alias) {
                fprintf(out, ", alias \"%s\"", c->alias);
            }
            if (c->desc) {
                fprintf(out, ", desc \"%s\"", c->desc);
            }
            fputc('\n', out);
        }
    }
}

bool device_print_help(const char *name, FILE *out, GError **err)
{
    const DeviceClass *c = device_class_find(name);

    if (!c) {
        rhea_error_set(err, "Device '%s' not found", name);
        return false;
    }
    const DeviceClass *backend = c->backend ? device_class_find(c->backend) : NULL;
    const PropDesc *own = c->props ? c->props() : NULL;
    const PropDesc *more = backend && backend->props ? backend->props() : NULL;
    if (!own && !more) {
        fprintf(out, "There are no options for %s.\n", c->name);
        return true;
    }
    fprintf(out, "%s options:\n", c->name);
    props_print_help(own, more, out);
    return true;
}

/* ---- set of a machine ---- */

static DeviceSet *machine_devices(Machine *m)
{
    if (!m->device_set) {
        m->device_set = g_new(DeviceSet, 1);
        m->device_set->devices = g_ptr_array_new();
        m->device_set->buses = g_ptr_array_new();
    }
    return m->device_set;
}

void device_set_free(DeviceSet *s)
{
    if (!s) {
        return;
    }
    /* Children before their buses: they were realized later. */
    while (s->devices->len) {
        device_free(g_ptr_array_index(s->devices, s->devices->len - 1));
    }
    g_ptr_array_free(s->devices, TRUE);
    g_ptr_array_free(s->buses, TRUE);
    g_free(s);
}

Device *device_at(Machine *m, unsigned i)
{
    DeviceSet *s = machine_devices(m);

    return i < s->devices->len ? g_ptr_array_index(s->devices, i) : NULL;
}

DeviceBus *device_bus_at(Machine *m, unsigned i)
{
    DeviceSet *s = machine_devices(m);

    return i < s->buses->len ? g_ptr_array_index(s->buses, i) : NULL;
}

Device *device_find(Machine *m, const char *id)
{
    Device *d;

    for (unsigned i = 0; (d = device_at(m, i)); i++) {
        if (d->id && strcmp(d->id, id) == 0) {
            return d;
        }
    }
    return NULL;
}

/* ---- life ---- */

static const PropDesc *device_props(const Device *d)
{
    return d->cls->props ? d->cls->props() : NULL;
}

static bool class_has_name(const DeviceClass *cls, const char *name)
{
    return strcmp(cls->name, name) == 0 || (cls->alias && strcmp(cls->alias, name) == 0);
}

/* -global driver.property=value */
static void globals_apply(Device *d)
{
    GPtrArray *globals = d->machine ? d->machine->globals : NULL;

    for (unsigned i = 0; globals && i < globals->len; i++) {
        OptDict *g = g_ptr_array_index(globals, i);
        const char *driver = opt_get(g, "driver"), *property = opt_get(g, "property");
        const char *value = opt_get(g, "value");

        if (!driver || !property || !value || !class_has_name(d->cls, driver)) {
            continue;
        }
        opt_mark_used(g, "driver");
        if (!d->global_error && !device_set(d, property, value, &d->global_error)) {
            rhea_error_prefix(&d->global_error, "can't apply global %s.%s=%s: ", driver, property,
                              value);
        }
    }
}

Device *device_new_class(Machine *m, MemSystem *ms, AddressSpace *dma, const DeviceClass *cls)
{
    Device *d = g_malloc0(cls->size);

    d->cls = cls;
    d->machine = m;
    d->ms = ms;
    d->dma = dma;
    g_mutex_init(&d->lock);
    props_init(device_props(d), d);
    if (cls->backend) {
        d->backend = device_new_class(m, ms, dma, device_class_find(cls->backend));
        d->backend->lock_owner = d;
    }
    globals_apply(d);
    return d;
}

Device *device_new(Machine *m, MemSystem *ms, AddressSpace *dma, const char *name, GError **err)
{
    const DeviceClass *cls = device_class_find(name);

    if (!cls) {
        rhea_error_set(err, "'%s' is not a valid device model name", name);
        return NULL;
    }
    return device_new_class(m, ms, dma, cls);
}

const char *device_name(const void *dev)
{
    const Device *d = dev;

    return d->id ? d->id : d->cls->name;
}

/* *d becomes the backend if the property is that one's. */
static const PropDesc *device_prop(Device **d, const char *name, GError **err)
{
    const PropDesc *p = prop_find(device_props(*d), name);

    if (!p && (*d)->backend && (p = prop_find(device_props((*d)->backend), name))) {
        *d = (*d)->backend;
    }
    if (!p) {
        rhea_error_set(err, "Property '%s.%s' not found", (*d)->cls->name, name);
    }
    return p;
}

bool device_set(Device *d, const char *prop, const char *text, GError **err)
{
    const PropDesc *p = device_prop(&d, prop, err);

    return p && prop_set(p, d, text, d->machine, err);
}

char *device_get(Device *d, const char *prop, GError **err)
{
    const PropDesc *p = device_prop(&d, prop, err);

    return p ? prop_get(p, d) : NULL;
}

void device_set_string(Device *d, const char *prop, const char *text)
{
    GError *err = NULL;

    if (!device_set(d, prop, text, &err)) {
        g_error("%s: %s", d->cls->name, err->message);
    }
}

void device_set_u64(Device *d, const char *prop, uint64_t val)
{
    const PropDesc *p = device_prop(&d, prop, NULL);

    if (p && p->kind == PROP_KIND_BOOL) {
        device_set_string(d, prop, val ? "on" : "off");
    } else {
        g_autofree char *text = g_strdup_printf("%" PRIu64, val);

        device_set_string(d, prop, text);
    }
}

void device_set_pointer(Device *d, const char *prop, void *ptr)
{
    const PropDesc *p = device_prop(&d, prop, NULL);

    g_assert(p && (p->kind == PROP_KIND_POINTER || p->kind == PROP_KIND_CHARDEV));
    *(void **)((uint8_t *)d + p->offset) = ptr;
}

void device_set_irqs(void *dev, unsigned n)
{
    Device *d = dev;

    d->irq = g_renew(IrqLine, d->irq, n);
    for (unsigned i = d->n_irqs; i < n; i++) {
        d->irq[i] = (IrqLine){NULL, NULL, 0};
    }
    d->n_irqs = n;
}

void device_state_alloc(void *dev)
{
    state_alloc(((Device *)dev)->cls->state, dev);
}

void device_init_bank(void *dev, unsigned i, uint64_t size)
{
    Device *d = dev;
    const DeviceBank *bank = &d->cls->bank[i];
    const MmioOps *ops = bank->ops;
    void *opaque = d;

    if (bank->regs) {
        d->bank[i] = reg_bank_new(d, bank);
        ops = reg_bank_ops(d->bank[i]);
        opaque = d->bank[i];
    }
    memory_region_init_mmio(&d->mmio[i], d->ms, bank->name ? bank->name : d->cls->name, size, ops,
                            opaque, &d->lock);
}

/* PCI devices go on both kinds of PCI bus. */
bool device_bus_takes(const DeviceBus *bus, const DeviceClass *cls)
{
    return cls->bus && (strcmp(bus->type, cls->bus) == 0 ||
                        (strcmp(bus->type, "PCIE") == 0 && strcmp(cls->bus, "PCI") == 0));
}

bool device_realize(Device *d, DeviceBus *bus, GError **err)
{
    const DeviceClass *cls = d->cls;

    if (d->global_error) {
        g_propagate_error(err, g_steal_pointer(&d->global_error));
        return false;
    }
    if (!bootorder_check(d, err)) {
        return false;
    }
    if (bus) {
        if (!device_bus_takes(bus, cls)) {
            rhea_error_set(err, "Device '%s' can't go on %s bus", cls->name, bus->type);
            return false;
        }
        if (bus->max_children && bus->children->len >= bus->max_children) {
            rhea_error_set(err, "Bus '%s' is full", bus->name);
            return false;
        }
        d->parent = bus;
        d->slot = bus->children->len;
        if (bus->attach && !bus->attach(bus, d, err)) {
            d->parent = NULL;
            return false;
        }
    }
    device_set_irqs(d, MAX(d->n_irqs, cls->n_irqs));
    for (unsigned i = 0; i < DEVICE_MAX_BANKS; i++) {
        if (cls->bank[i].size) {
            device_init_bank(d, i, cls->bank[i].size);
        }
    }
    if (cls->realize && !cls->realize(d, err)) {
        d->parent = NULL;
        return false;
    }
    state_reset(cls->state, d);
    d->realized = true;
    if (bus) {
        g_ptr_array_add(bus->children, d);
    }
    if (d->machine) {
        g_ptr_array_add(machine_devices(d->machine)->devices, d);
    }
    return !bus || !bus->plugged || bus->plugged(bus, d, err);
}

void device_free(Device *d)
{
    Machine *m = d->machine;
    g_autofree char *path = d->leaving ? device_path(d) : NULL;
    g_autofree char *id = path ? g_strdup(d->id) : NULL;

    if (d->realized) {
        if (d->machine) {
            g_ptr_array_remove(machine_devices(d->machine)->devices, d);
        }
        if (d->parent) {
            g_ptr_array_remove(d->parent->children, d);
        }
        if (d->cls->unrealize) {
            d->cls->unrealize(d);
        }
    }
    if (d->backend && !d->backend->parent) {
        device_free(d->backend);
    }
    for (unsigned i = 0; i < DEVICE_MAX_BANKS; i++) {
        if (d->mmio[i].name) {
            memory_region_destroy(&d->mmio[i]);
        }
        g_free(d->bank[i]);
    }
    state_free(d->cls->state, d);
    props_free(device_props(d), d);
    g_clear_error(&d->global_error);
    g_free(d->irq);
    g_free(d->id);
    g_mutex_clear(&d->lock);
    g_free(d);
    if (path && id) {
        machine_event(m, "DEVICE_DELETED", "{'device': %s, 'path': %s}", id, path);
    } else if (path) {
        machine_event(m, "DEVICE_DELETED", "{'path': %s}", path);
    }
}

void device_state_reset_from(void *dev, const char *first)
{
    state_reset_from(((Device *)dev)->cls->state, dev, first);
}

uint64_t device_bank_read_locked(void *dev, unsigned bank, hwaddr offset, unsigned size)
{
    RegBank *b = ((Device *)dev)->bank[bank];
    uint64_t val = 0;

    reg_bank_ops(b)->read(b, offset, size, &val);
    return val;
}

void device_bank_write_locked(void *dev, unsigned bank, hwaddr offset, unsigned size, uint64_t val)
{
    RegBank *b = ((Device *)dev)->bank[bank];

    reg_bank_ops(b)->write(b, offset, size, val);
}

/* ---- wiring ---- */

void device_connect_irq(void *dev, unsigned n, IrqLine to)
{
    Device *d = dev;

    g_assert(n < d->n_irqs);
    d->irq[n] = to;
}

IrqLine device_irq_input(void *dev, unsigned n)
{
    Device *d = dev;

    g_assert(d->cls->irq_input);
    return (IrqLine){d->cls->irq_input, d, n};
}

void device_map(void *dev, unsigned bank, MemRegion *parent, hwaddr addr)
{
    Device *d = dev;

    memory_region_add(parent, addr, &d->mmio[bank], 0);
}

/* ---- reset and snapshot ---- */

void device_reset_locked(Device *d)
{
    state_reset(d->cls->state, d);
    if (d->cls->reset) {
        d->cls->reset(d);
    }
}

void device_reset(Device *d)
{
    device_lock(d);
    device_reset_locked(d);
    if (d->cls->settle) {
        d->cls->settle(d);
    }
    device_unlock(d);
}

void device_save(Device *d, GByteArray *out)
{
    device_lock(d);
    if (d->cls->pre_save) {
        d->cls->pre_save(d);
    }
    state_save(device_name(d), d->cls->version, d->cls->state, d, out);
    device_unlock(d);
}

bool device_load(Device *d, const uint8_t **data, size_t *len, GError **err)
{
    device_lock(d);
    state_reset(d->cls->state, d);
    bool ok = state_load(device_name(d), d->cls->version, d->cls->state, d, data, len, err) &&
              (!d->cls->post_load || d->cls->post_load(d, err));
    if (!ok) {
        rhea_error_prefix(err, "%s: ", device_name(d));
        device_reset_locked(d);
    }
    device_unlock(d);
    return ok;
}

/* ---- buses ---- */

void device_bus_init(DeviceBus *bus, Machine *m, Device *owner, const char *type, const char *name,
                     unsigned max_children)
{
    *bus = (DeviceBus){
        .name = g_strdup(name),
        .type = type,
        .machine = m,
        .owner = owner,
        .max_children = max_children,
        .children = g_ptr_array_new(),
    };
    if (m) {
        g_ptr_array_add(machine_devices(m)->buses, bus);
    }
}

void device_bus_destroy(DeviceBus *bus)
{
    while (bus->children->len) {
        device_free(g_ptr_array_index(bus->children, bus->children->len - 1));
    }
    if (bus->machine) {
        g_ptr_array_remove(machine_devices(bus->machine)->buses, bus);
    }
    g_ptr_array_free(bus->children, TRUE);
    g_free(bus->name);
}

/* ---- -device ---- */

static bool id_is_valid(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    while (g_ascii_isalnum(*id) || (*id && strchr("-._", *id))) {
        id++;
    }
    return *id == 0;
}

static bool bus_has_room(const DeviceBus *bus)
{
    return !bus->max_children || bus->children->len < bus->max_children;
}

/* A bus of the same kind further up goes first. */
static bool bus_is_below_its_kind(const DeviceBus *bus, const DeviceClass *cls)
{
    const DeviceBus *up = bus->owner ? bus->owner->parent : NULL;

    return up && device_bus_takes(up, cls);
}

/* The bus that bus= names, or the youngest with room, as the reference does. */
static bool bus_find(Machine *m, const DeviceClass *cls, const char *name, DeviceBus **found,
                     GError **err)
{
    GPtrArray *buses = machine_devices(m)->buses;
    bool full = false;

    *found = NULL;
    if (!name && (!cls->bus || strcmp(cls->bus, "System") == 0)) {
        return true;
    }
    for (unsigned i = buses->len; i-- > 0;) {
        DeviceBus *bus = g_ptr_array_index(buses, i);

        if (name) {
            if (strcmp(bus->name, name) == 0) {
                *found = bus;
                return true;
            }
        } else if (device_bus_takes(bus, cls) && !bus_is_below_its_kind(bus, cls)) {
            if (bus_has_room(bus)) {
                *found = bus;
                return true;
            }
            full = true;
        }
    }
    if (name) {
        rhea_error_set(err, "Bus '%s' not found", name);
    } else if (full) {
        rhea_error_set(err, "A '%s' bus was found but is full", cls->bus);
    } else {
        rhea_error_set(err, "No '%s' bus found for device '%s'", cls->bus, cls->name);
    }
    return false;
}

/* "virtio-blk" is a PCI device, or on a board without PCI the device for its virtio buses. */
static const DeviceClass *class_without_pci(Machine *m, const DeviceClass *cls, const char *driver)
{
    GPtrArray *buses = machine_devices(m)->buses;
    bool pci = !cls->backend || !cls->alias || strcmp(cls->alias, driver) != 0;

    for (unsigned i = 0; !pci && i < buses->len; i++) {
        pci = device_bus_takes(g_ptr_array_index(buses, i), cls);
    }
    return pci ? cls : device_class_find(cls->backend);
}

static Device *device_create(Machine *m, OptDict *opts, bool hot, GError **err)
{
    const char *driver = opt_take(opts, "driver"), *id = opt_take(opts, "id");
    const char *bus_name = opt_take(opts, "bus"), *key, *value;
    const DeviceClass *cls;
    DeviceBus *bus;

    if (!driver) {
        rhea_error_set(err, "Parameter 'driver' is missing");
        return NULL;
    }
    cls = device_class_find(driver);
    if (!cls) {
        rhea_error_set(err, "'%s' is not a valid device model name", driver);
        return NULL;
    }
    if (!cls->user_creatable) {
        rhea_error_set(err, "Parameter 'driver' expects a pluggable device type");
        return NULL;
    }
    if (id && !id_is_valid(id)) {
        rhea_error_set(err, "Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', "
                            "starting with a letter");
        return NULL;
    }
    if (id && device_find(m, id)) {
        rhea_error_set(err, "Duplicate ID '%s' for device", id);
        return NULL;
    }
    cls = class_without_pci(m, cls, driver);
    if (!bus_find(m, cls, bus_name, &bus, err)) {
        return NULL;
    }
    if (hot && (!bus || !bus->unplug_request)) {
        rhea_error_set(err, "Bus '%s' does not support hotplugging",
                       bus ? bus->name : "main-system-bus");
        return NULL;
    }

    Device *d = device_new_class(m, m->ms, m->as, cls);
    d->id = g_strdup(id);
    d->user = true;
    d->hotplugged = hot;
    for (unsigned i = 0; opt_at(opts, i, &key, &value); i++) {
        if (strcmp(key, "driver") == 0 || strcmp(key, "id") == 0 || strcmp(key, "bus") == 0) {
            continue;
        }
        Device *owner = d;
        const PropDesc *p = device_prop(&owner, key, err);
        if (p && p->internal) {
            rhea_error_set(err, "Property '%s.%s' cannot be set by the user", cls->name, key);
            p = NULL;
        }
        if (!p || !prop_set(p, owner, value, m, err)) {
            device_free(d);
            return NULL;
        }
        opt_mark_used(opts, key);
    }
    if (!device_realize(d, bus, err)) {
        device_free(d);
        return NULL;
    }
    return d;
}

Device *device_create_from_opts(Machine *m, OptDict *opts, GError **err)
{
    return device_create(m, opts, false, err);
}

Device *device_add(Machine *m, OptDict *opts, GError **err)
{
    return device_create(m, opts, true, err);
}

static bool is_backend(const Device *d)
{
    return d->lock_owner && d->lock_owner->backend == d;
}

char *device_path(const Device *d)
{
    unsigned n = 0;
    const Device *other;

    if (is_backend(d)) {
        g_autofree char *owner = device_path(d->lock_owner);

        return g_strconcat(owner, "/virtio-backend", NULL);
    }
    if (d->user && d->id) {
        return g_strconcat("/machine/peripheral/", d->id, NULL);
    }
    for (unsigned i = 0; (other = device_at(d->machine, i)) && other != d; i++) {
        n += other->user == d->user && !is_backend(other) && !(other->user && other->id);
    }
    return g_strdup_printf("/machine/%s/device[%u]", d->user ? "peripheral-anon" : "unattached", n);
}

#define LEAVE_TIME                                                                                 \
    (5 * G_USEC_PER_SEC) /* a second request before that would take back the first                 \
                          */

bool device_del(Machine *m, const char *id, GError **err)
{
    Device *d =
        g_str_has_prefix(id, "/machine/peripheral/") ? device_find(m, id + 20) : device_find(m, id);

    if (!d) {
        rhea_error_set(err, "Device '%s' not found", id);
        return false;
    }
    if (!d->parent || !d->parent->unplug_request) {
        rhea_error_set(err, "Bus '%s' does not support hotplugging",
                       d->parent ? d->parent->name : "main-system-bus");
        return false;
    }
    if (d->leaving > g_get_monotonic_time()) {
        rhea_error_set(err, "Device %s is already in the process of unplug", id);
        return false;
    }
    d->leaving = g_get_monotonic_time() + LEAVE_TIME;
    return d->parent->unplug_request(d->parent, d, err);
}

/* ---- info qtree ---- */

static void print_props(const Device *d, int indent, FILE *out)
{
    for (const PropDesc *p = device_props(d); p && p->name; p++) {
        g_autofree char *text = p->kind == PROP_KIND_POINTER ? NULL : prop_get(p, d);

        switch (p->kind) {
        case PROP_KIND_POINTER:
            break;
        case PROP_KIND_BOOL:
            fprintf(out, "%*s%s = %s\n", indent, "", p->name,
                    strcmp(text, "on") == 0 ? "true" : "false");
            break;
        case PROP_KIND_U8:
        case PROP_KIND_U16:
        case PROP_KIND_U32:
        case PROP_KIND_U64:
        case PROP_KIND_I32:
        case PROP_KIND_I64:
            fprintf(out, "%*s%s = %s (0x%" PRIx64 ")\n", indent, "", p->name, text,
                    int_load((const uint8_t *)d + p->offset, p->size));
            break;
        case PROP_KIND_SIZE: {
            g_autofree char *human =
                g_format_size_full(g_ascii_strtoull(text, NULL, 10), G_FORMAT_SIZE_IEC_UNITS);

            fprintf(out, "%*s%s = %s (%s)\n", indent, "", p->name, text, human);
            break;
        }
        default:
            fprintf(out, "%*s%s = \"%s\"\n", indent, "", p->name, text);
        }
    }
}

static void print_bus(Machine *m, const DeviceBus *bus, int indent, FILE *out);

static void print_device(Machine *m, const Device *d, int indent, FILE *out)
{
    GPtrArray *buses = machine_devices(m)->buses;

    fprintf(out, "%*sdev: %s, id \"%s\"\n", indent, "", d->cls->name, d->id ? d->id : "");
    indent += 2;
    if (d->n_irqs) {
        fprintf(out, "%*sgpio-out \"sysbus-irq\" %u\n", indent, "", d->n_irqs);
    }
    print_props(d, indent, out);
    for (unsigned i = 0; i < DEVICE_MAX_BANKS; i++) {
        const MemRegion *r = &d->mmio[i];

        if (r->name) {
            fprintf(out, "%*smmio %016" PRIx64 "/%016" PRIx64 "\n", indent, "",
                    r->parent ? r->addr : UINT64_MAX, r->size);
        }
    }
    for (unsigned i = 0; i < buses->len; i++) {
        const DeviceBus *bus = g_ptr_array_index(buses, i);

        if (bus->owner == d) {
            print_bus(m, bus, indent, out);
        }
    }
}

static void print_bus(Machine *m, const DeviceBus *bus, int indent, FILE *out)
{
    fprintf(out, "%*sbus: %s\n%*stype %s\n", indent, "", bus->name, indent + 2, "", bus->type);
    for (unsigned i = bus->children->len; i-- > 0;) {
        print_device(m, g_ptr_array_index(bus->children, i), indent + 2, out);
    }
}

void device_print_tree(Machine *m, FILE *out)
{
    GPtrArray *devices = machine_devices(m)->devices;

    fprintf(out, "bus: main-system-bus\n  type System\n");
    for (unsigned i = devices->len; i-- > 0;) {
        const Device *d = g_ptr_array_index(devices, i);

        if (!d->parent) {
            print_device(m, d, 2, out);
        }
    }
}

/* ---- device tree ---- */

void fdt_node_begin(const FdtNode *n, const char *name)
{
    char full[64];

    g_snprintf(full, sizeof(full), "%s@%" PRIx64, name, n->addr);
    fdt_begin_node(n->fdt, full);
    if (n->secure_only) {
        /* Documentation/devicetree/bindings/arm/secure.txt */
        fdt_property_string(n->fdt, "secure-status", "okay");
        fdt_property_string(n->fdt, "status", "disabled");
    }
}

void fdt_node_reg(const FdtNode *n)
{
    const uint64_t reg[2] = {cpu_to_fdt64(n->addr), cpu_to_fdt64(n->size)};

    fdt_property(n->fdt, "reg", reg, sizeof(reg));
    fdt_node_numa(n);
}

void fdt_node_numa(const FdtNode *n)
{
    if (n->numa_node >= 0) {
        fdt_property_u32(n->fdt, "numa-node-id", n->numa_node);
    }
}

void fdt_node_cpu_irqs(const FdtNode *n, const uint32_t *lines, unsigned n_lines)
{
    g_autofree fdt32_t *cells = g_new(fdt32_t, (size_t)n->n_cpus * n_lines * 2);
    unsigned used = 0;

    for (unsigned cpu = 0; cpu < n->n_cpus; cpu++) {
        for (unsigned i = 0; i < n_lines; i++) {
            cells[used++] = cpu_to_fdt32(n->cpus[cpu]);
            cells[used++] = cpu_to_fdt32(lines[i]);
        }
    }
    fdt_property(n->fdt, "interrupts-extended", cells, used * sizeof(cells[0]));
}

void fdt_node_irqs(const FdtNode *n)
{
    uint32_t cells[16];
    unsigned used = 0;

    if (!n->irq_parent || !n->n_irqs) {
        return;
    }
    g_assert(n->n_irqs * n->irq_cells <= G_N_ELEMENTS(cells));
    for (unsigned i = 0; i < n->n_irqs; i++) {
        if (n->irq_cells == 3) {
            cells[used++] = 0;
        }
        cells[used++] = cpu_to_fdt32(n->irqs[i]);
        if (n->irq_cells > 1) {
            cells[used++] = cpu_to_fdt32(n->irq_type);
        }
    }
    if (!n->irq_inherit) {
        fdt_property_u32(n->fdt, "interrupt-parent", n->irq_parent);
    }
    fdt_property(n->fdt, "interrupts", cells, used * sizeof(cells[0]));
}

void fdt_node_clocks(const FdtNode *n, unsigned n_clocks, const char *names, unsigned len)
{
    uint32_t cells[4];

    g_assert(n_clocks <= G_N_ELEMENTS(cells));
    for (unsigned i = 0; i < n_clocks; i++) {
        cells[i] = cpu_to_fdt32(n->clock);
    }
    fdt_property(n->fdt, "clocks", cells, n_clocks * sizeof(cells[0]));
    fdt_property(n->fdt, "clock-names", names, len);
}

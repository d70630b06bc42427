/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * For every device there is, without a line of its own: random register accesses, then save, reset,
 * load, save again and compare; cut and damaged snapshots are refused without harm.
 */
#include "hw/pci.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/device-test.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS   20
#define ACCESSES 1000

typedef struct Case {
    const DeviceClass *cls;
    uint32_t seed;
} Case;

static DeviceBus *bus_for(Machine *m, const DeviceClass *cls)
{
    DeviceBus *bus;

    for (unsigned i = 0; (bus = device_bus_at(m, i)); i++) {
        if (device_bus_takes(bus, cls) &&
            (!bus->max_children || bus->children->len < bus->max_children)) {
            return bus;
        }
    }
    return NULL;
}

/* A device that needs a drive gets an image of its own; one that needs a serial number, that. */
static bool realize(TestMachine *t, Device *d, DeviceBus *bus, GError **err)
{
    const DeviceClass *cls = d->backend ? d->backend->cls : d->cls;
    const PropDesc *props = cls->props ? cls->props() : NULL;
    const PropDesc *p = props ? prop_find(props, "drive") : NULL;
    g_autofree char *path = NULL, *id = NULL, *opts = NULL;

    if (p && p->kind == PROP_KIND_DRIVE) {
        int fd = g_file_open_tmp("rhea-test-XXXXXX", &path, NULL);

        g_assert_cmpint(ftruncate(fd, 0x10000), ==, 0);
        close(fd);
        id = g_strdup_printf("drive%u", t->m->drives->len);
        opts = g_strdup_printf("id=%s,format=raw,cache=unsafe,file=%s", id, path);
        g_ptr_array_add(t->m->drives, opt_parse(opts, NULL, NULL));
        device_set_string(d, "drive", id);
    }
    if (props && (p = prop_find(props, "serial")) && p->kind == PROP_KIND_STRING) {
        device_set_string(d, "serial", "test");
    }
    bool ok = device_realize(d, bus, err);
    if (path) {
        g_unlink(path);
    }
    return ok;
}

/* A bus with room for the class, made by whatever device offers one, which may itself need a bus.
 */
static DeviceBus *bus_make(TestMachine *t, const DeviceClass *cls, unsigned depth)
{
    DeviceBus *bus = bus_for(t->m, cls);
    const DeviceClass *c;

    for (unsigned i = 0; !bus && depth < 3 && (c = device_class_at(i)); i++) {
        DeviceBus *below = NULL;

        /* Hosts of buses are few: not a device of the same kind, nor one that brings its own. */
        if (!c->bus || strcmp(c->bus, cls->bus) == 0 || c->backend ||
            (strcmp(c->bus, "System") != 0 && !(below = bus_make(t, c, depth + 1)))) {
            continue;
        }
        Device *host = device_new_class(t->m, t->m->ms, t->m->as, c);
        bus = realize(t, host, below, NULL) ? bus_for(t->m, cls) : NULL;
        if (!bus) {
            device_free(host);
        }
    }
    return bus;
}

/* The device under test, on a bus of its kind. */
static Device *make(TestMachine *t, const DeviceClass *cls)
{
    DeviceBus *bus = NULL;
    GError *err = NULL;

    if (cls->bus && strcmp(cls->bus, "System") != 0 && !(bus = bus_make(t, cls, 0))) {
        g_test_skip("no device offers its bus");
        return NULL;
    }
    Device *d = device_new_class(t->m, t->m->ms, t->m->as, cls);
    if (!realize(t, d, bus, &err)) {
        g_test_message("%s: %s", cls->name, err->message);
        g_test_skip("cannot be made without properties");
        g_error_free(err);
        device_free(d);
        return NULL;
    }
    return d;
}

/* Where a guest reaches the device: its own banks, or those of the device that carries it. */
static const Device *access_point(const Device *d)
{
    while (!d->mmio[0].name && d->parent && d->parent->owner) {
        d = d->parent->owner;
    }
    return d;
}

/* PCI devices: their configuration space as well. */
static void scribble_config(GRand *r, const Device *d)
{
    PciDevice *p = pci_core((Device *)d);
    unsigned size = 1u << g_rand_int_range(r, 0, 3);
    unsigned offset = g_rand_int(r) % (g_rand_boolean(r) ? 0x100 : PCIE_CONFIG_SIZE);
    uint32_t val = g_rand_int(r) >> g_rand_int_range(r, 0, 32);

    offset &= ~(size - 1);
    if (g_rand_boolean(r)) {
        pci_config_write(p, offset, size, val);
    } else {
        pci_config_read(p, offset, size);
    }
}

static void scribble(GRand *r, const Device *d, unsigned n)
{
    unsigned banks = 0;

    for (unsigned i = 0; pci_is_device(d) && i < n / 4; i++) {
        scribble_config(r, d);
    }

    d = access_point(d);
    while (banks < DEVICE_MAX_BANKS && d->mmio[banks].name) {
        banks++;
    }
    for (unsigned i = 0; banks && i < n; i++) {
        MemRegion *region = (MemRegion *)&d->mmio[g_rand_int_range(r, 0, banks)];
        unsigned size = 1u << g_rand_int_range(r, 0, 4);
        uint64_t val = (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
        /* Most registers are near the start; most accesses are aligned and most values small. */
        uint64_t offset =
            g_rand_int(r) % (g_rand_int_range(r, 0, 3) ? MIN(region->size, 0x40) : region->size);

        offset = g_rand_int_range(r, 0, 16) ? offset & ~(uint64_t)(size - 1) : offset;
        val >>= g_rand_int_range(r, 0, 64);
        if (g_rand_boolean(r)) {
            memory_mmio_write(region, offset, size, val);
        } else {
            memory_mmio_read(region, offset, size, &val);
        }
    }
}

static void test_snapshots(gconstpointer opaque)
{
    const Case *c = opaque;
    TestMachine t;
    GRand *r = g_rand_new_with_seed(c->seed);

    test_machine_init(&t);
    Device *d = make(&t, c->cls);
    for (unsigned round = 0; d && round < ROUNDS; round++) {
        scribble(r, d, ACCESSES);
        test_snapshot(d);
    }
    if (d) {
        test_snapshot(d);
        scribble(r, d, fuzz_operations());
        test_snapshot(d);
    }
    g_rand_free(r);
    test_machine_clear(&t);
}

static void test_damage(gconstpointer opaque)
{
    const Case *c = opaque;
    TestMachine t;
    GRand *r = g_rand_new_with_seed(c->seed);
    g_autoptr(GByteArray) good = g_byte_array_new(), reset = g_byte_array_new();

    test_machine_init(&t);
    Device *d = make(&t, c->cls);
    if (d) {
        scribble(r, d, ACCESSES);
        device_save(d, good);
        for (unsigned i = 0; i < 300; i++) {
            g_autofree uint8_t *bad = g_memdup2(good->data, good->len);
            const uint8_t *data = bad;
            size_t len = i < 100 ? g_rand_int_range(r, 0, good->len) : good->len;
            GError *err = NULL;

            for (unsigned k = 0; i >= 100 && k < 1 + i % 3; k++) {
                bad[g_rand_int_range(r, 0, len)] = g_rand_int(r);
            }
            bool ok = device_load(d, &data, &len, &err);
            g_assert_true(ok == (err == NULL) && (ok || i >= 100 || len < good->len));
            g_clear_error(&err);
            scribble(r, d, 20);
        }
    }
    g_rand_free(r);
    test_machine_clear(&t);
}

int main(int argc, char **argv)
{
    const DeviceClass *cls;

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; (cls = device_class_at(i)); i++) {
        Case *c = g_new(Case, 1);
        g_autofree char *snapshot = g_strdup_printf("/device/%s/snapshot", cls->name);
        g_autofree char *damage = g_strdup_printf("/device/%s/damage", cls->name);

        *c = (Case){cls, g_test_rand_int()};
        g_test_add_data_func_full(snapshot, c, test_snapshots, NULL);
        g_test_add_data_func_full(damage, c, test_damage, g_free);
    }
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Namespaces of an NVMe controller: which disk has which number, and what Identify says of it.
 *
 * Specification: NVM Express Base 1.4, 5.15.2.1 (figure 247), 7.10 (identifiers).
 *
 * A controller with drive= has a namespace made for it; nvme-ns devices sit on the controller's
 * bus. They come before the machine starts and stay. Lock: the controller's.
 * Test: tests/unit/test-nvme.c
 */
#include "hw/nvme/private.h"

#include <string.h>

#include "rhea/error.h"
#include "softmmu/machine.h"

const char nvme_bus_type[] = "nvme-bus";

STATE_TABLE(nvme_ns, NvmeNs, NO_STATE)

// clang-format off
PROPS(nvme_ns, NvmeNs,
    BLOCK_PROPS(conf),
    BOOT_PROP(conf.bootindex, NULL),
    BLOCK_ERROR_PROPS(conf),
    PROP("nsid", U32, nsid, "0", PUBLIC, "number, 1 to 256; 0: the first that is free"),
    PROP("uuid", STRING, uuid, "auto", PUBLIC, "UUID, or \"auto\" for a random one"),
    PROP("nguid", STRING, nguid, NULL, PUBLIC, "32 hexadecimal digits, or \"auto\""),
    PROP("eui64", U64, eui64, "0", PUBLIC, "EUI-64; 0: none"),
    PROP("shared", BOOL, shared, "on", PUBLIC, "on/off; there is one controller"),
    PROP("detached", BOOL, detached, "off", PUBLIC, "off"))
// clang-format on

/* 32 digits, with dashes anywhere. */
static bool hex_parse(const char *text, uint8_t *out)
{
    unsigned n = 0;

    for (; *text; text++) {
        int digit = g_ascii_xdigit_value(*text);

        if (*text == '-') {
            continue;
        }
        if (digit < 0 || n == 32) {
            return false;
        }
        out[n / 2] = out[n / 2] << 4 | digit;
        n++;
    }
    return n == 32;
}

static void random_bytes(const Machine *m, uint32_t nsid, uint8_t *out)
{
    g_autoptr(GRand) r = m->seed_set ? g_rand_new_with_seed(m->seed ^ nsid) : g_rand_new();

    for (unsigned i = 0; i < 16; i++) {
        out[i] = g_rand_int(r);
    }
}

static bool names_parse(NvmeNs *ns, GError **err)
{
    Machine *m = ns->dev.machine;

    if (strcmp(ns->uuid, "auto") == 0) {
        random_bytes(m, ns->nsid, ns->uuid_bytes);
        ns->uuid_bytes[6] = (ns->uuid_bytes[6] & 15) | 0x40; /* version 4 */
        ns->uuid_bytes[8] = (ns->uuid_bytes[8] & 0x3f) | 0x80;
    } else if (!g_uuid_string_is_valid(ns->uuid) || !hex_parse(ns->uuid, ns->uuid_bytes)) {
        rhea_error_set(err, "Property 'nvme-ns.uuid' doesn't take value '%s'", ns->uuid);
        return false;
    }
    if (ns->nguid && strcmp(ns->nguid, "auto") == 0) {
        random_bytes(m, ns->nsid + NVME_NS_MAX, ns->nguid_bytes);
        ns->has_nguid = true;
    } else if (ns->nguid) {
        if (!hex_parse(ns->nguid, ns->nguid_bytes)) {
            rhea_error_set(err, "Property 'nvme-ns.nguid' doesn't take value '%s'", ns->nguid);
            return false;
        }
        ns->has_nguid = true;
    }
    return true;
}

static bool bus_attach(DeviceBus *bus, Device *child, GError **err)
{
    NvmeState *s = (NvmeState *)bus->owner;
    NvmeNs *ns = (NvmeNs *)child;

    if (ns->nsid == 0) {
        for (ns->nsid = 1; ns->nsid <= NVME_NS_MAX && s->ns[ns->nsid]; ns->nsid++) {
        }
    }
    if (ns->nsid > NVME_NS_MAX) {
        rhea_error_set(err, "invalid namespace id (must be between 0 and %d)", NVME_NS_MAX);
        return false;
    }
    if (s->ns[ns->nsid]) {
        rhea_error_set(err, "namespace id '%u' already allocated", ns->nsid);
        return false;
    }
    ns->ctrl = s;
    child->lock_owner = &s->dev;
    return true;
}

static bool bus_plugged(DeviceBus *bus, Device *child, GError **err)
{
    NvmeState *s = (NvmeState *)bus->owner;
    NvmeNs *ns = (NvmeNs *)child;

    s->ns[ns->nsid] = ns;
    s->write_cache |= ns->conf.wce;
    return true;
}

static char *bus_node(const DeviceBus *bus, const Device *child)
{
    return g_strdup_printf("namespace@%x,0", ((const NvmeNs *)child)->nsid);
}

bool nvme_bus_init(NvmeState *s, GError **err)
{
    Machine *m = s->dev.machine;
    const DeviceBus *b;
    unsigned number = 0;
    g_autofree char *name = NULL;

    for (unsigned i = 0; (b = device_bus_at(m, i)); i++) {
        number += strcmp(b->type, nvme_bus_type) == 0;
    }
    name = s->dev.id ? g_strdup(s->dev.id) : g_strdup_printf("%s.%u", nvme_bus_type, number);
    device_bus_init(&s->bus, m, &s->dev, nvme_bus_type, name, 0);
    s->bus.attach = bus_attach;
    s->bus.plugged = bus_plugged;
    s->bus.node = bus_node;
    if (!s->conf.drive) {
        return true;
    }
    NvmeNs *ns = (NvmeNs *)device_new_class(m, s->dev.ms, s->dev.dma, device_class_find("nvme-ns"));
    ns->conf = s->conf;
    ns->conf.drive = g_strdup(s->conf.drive);
    ns->conf.bootindex = -1; /* the controller has it */
    if (!device_realize(&ns->dev, &s->bus, err)) {
        device_free(&ns->dev);
        return false;
    }
    return true;
}

void nvme_ns_identify(const NvmeNs *ns, uint8_t *d)
{
    uint64_t unit = block_conf_discard_unit(&ns->conf) / ns->conf.logical_block_size;
    uint64_t granule = ns->conf.physical_block_size / ns->conf.logical_block_size;

    for (unsigned i = 0; i < 3; i++) {
        /* NSZE, NCAP, NUSE */
        pci_put32(d + 8 * i, ns->blocks);
        pci_put32(d + 8 * i + 4, ns->blocks >> 32);
    }
    /* NSFEAT: thin provisioning where discards reach the disk; preferred sizes. */
    d[24] = (block_can_discard(ns->conf.backend) ? 1 : 0) | 1 << 4;
    d[30] = ns->shared ? 1 : 0;
    /* DLFEAT: Write Zeroes may deallocate; contents after a deallocation are not said. */
    d[33] = 1 << 3;
    pci_put16(d + 64, MIN(granule, 65536) - 1); /* NPWG, NPWA, NPDG, NPDA */
    pci_put16(d + 66, MIN(granule, 65536) - 1);
    pci_put16(d + 68, MIN(unit, 65536) - 1);
    pci_put16(d + 70, MIN(unit, 65536) - 1);
    if (ns->conf.opt_io_size) {
        pci_put16(d + 72, MIN(ns->conf.opt_io_size / ns->conf.logical_block_size, 65536) - 1);
    }
    d[99] = block_read_only(ns->conf.backend) ? 1 : 0; /* NSATTR: write protected */
    memcpy(d + 104, ns->nguid_bytes, 16);
    for (unsigned i = 0; i < 8; i++) {
        d[120 + i] = ns->eui64 >> (56 - 8 * i);
    }
    d[128 + 2] = ns->lba_shift; /* LBAF0 */
}

static bool nvme_ns_realize(void *opaque, GError **err)
{
    NvmeNs *ns = opaque;

    if (ns->detached) {
        rhea_error_set(err, "detached=on is not supported: namespaces stay attached");
        return false;
    }
    if (!names_parse(ns, err) || !block_conf_open(&ns->conf, &ns->dev, 512, false, err)) {
        return false;
    }
    ns->lba_shift = __builtin_ctzll(ns->conf.logical_block_size);
    ns->blocks = block_size(ns->conf.backend) >> ns->lba_shift;
    return true;
}

static void nvme_ns_unrealize(void *opaque)
{
    NvmeNs *ns = opaque;

    nvme_forget_commands(ns->ctrl);
    ns->ctrl->ns[ns->nsid] = NULL;
    block_conf_close(&ns->conf);
}

// clang-format off
DEVICE(nvme_ns, NvmeNs,
    .name = "nvme-ns",
    .desc = "Virtual NVMe namespace",
    .bus = nvme_bus_type,
    .category = DEVICE_STORAGE,
    .user_creatable = true,
    .version = 1,
    .props = nvme_ns_props,
    .realize = nvme_ns_realize,
    .unrealize = nvme_ns_unrealize);
// clang-format on

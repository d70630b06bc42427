/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What boards that describe themselves by a device tree have in common: see hw/board.h.
 *
 * Main thread. Tests: tests/unit/test-riscv-boot.c, tests/dev, tests/boot
 */
#include "hw/board.h"
#include "hw/bootorder.h"
#include "hw/misc/fw_cfg.h"
#include "io/block.h"
#include "rhea/error.h"

#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

Device *board_device(Machine *m, const char *name)
{
    Device *d = device_new(m, m->ms, m->as, name, NULL);

    g_assert(d);
    return d;
}

/* ---- flash ---- */

static OptDict *flash_drive_by_id(Machine *m, const char *id)
{
    GPtrArray *lists[] = {m->blockdevs, m->drives};

    for (unsigned l = 0; l < G_N_ELEMENTS(lists); l++) {
        for (unsigned i = 0; lists[l] && i < lists[l]->len; i++) {
            OptDict *o = g_ptr_array_index(lists[l], i);
            const char *name = opt_get(o, l == 0 ? "node-name" : "id");

            if (name && strcmp(name, id) == 0) {
                return o;
            }
        }
    }
    return NULL;
}

bool board_flash_drives(Machine *m, char *const pflash[2], OptDict *drive[2], GError **err)
{
    for (unsigned i = 0; i < 2; i++) {
        drive[i] = pflash[i] ? flash_drive_by_id(m, pflash[i]) : NULL;
        if (pflash[i] && !drive[i]) {
            rhea_error_set(err, "Property 'virt-machine.pflash%u' can't find value '%s'", i,
                           pflash[i]);
            return false;
        }
    }
    for (unsigned i = 0; m->drives && i < m->drives->len; i++) {
        OptDict *o = g_ptr_array_index(m->drives, i);
        const char *kind = opt_get(o, "if"), *where = opt_location(o);
        uint64_t unit = drive[0] ? 1 : 0;

        if (!kind || strcmp(kind, "pflash") != 0) {
            continue;
        }
        opt_take(o, "if");
        if (!opt_take_u64(o, "index", &unit, err) || !opt_take_u64(o, "unit", &unit, err)) {
            return false;
        }
        if (unit > 1) {
            rhea_error_set(err, "%s: machine type does not support if=pflash,bus=0,unit=%" PRIu64,
                           where ? where : "-drive", unit);
            return false;
        }
        if (drive[unit]) {
            rhea_error_set(err, "%s: drive with bus=0, unit=%" PRIu64 " (index=%" PRIu64 ") exists",
                           where ? where : "-drive", unit, unit);
            return false;
        }
        drive[unit] = o;
    }
    return true;
}

/* of an erase block: the device's default */
enum { FLASH_BLOCK = 256 << 10 };

Device *board_flash_new(Machine *m, unsigned unit, OptDict *drive, uint64_t size, MemRegion *parent,
                        hwaddr addr, GError **err)
{
    Device *d = board_device(m, "cfi.pflash01");
    g_autofree char *name = g_strdup_printf("virt.flash%u", unit);

    device_set_string(d, "name", name);
    device_set_u64(d, "num-blocks", size / FLASH_BLOCK);
    if (drive) {
        g_autofree char *file =
            g_strdup(opt_get(drive, "file") ? opt_get(drive, "file") : opt_get(drive, "filename"));
        bool plain = !opt_get(drive, "offset") && !opt_get(drive, "size");
        BlockBackend *backend = block_open_drive(drive, false, err);

        if (!backend) {
            return NULL;
        }
        device_set_pointer(d, "backend", backend);
        if (block_size(backend) != size) {
            rhea_error_set(err,
                           "cfi.pflash01 device '%s' requires %" PRIu64
                           " bytes, pflash%u block backend "
                           "provides %" PRIu64 " bytes",
                           name, size, unit, block_size(backend));
            return NULL;
        }
        if (file && plain && g_file_test(file, G_FILE_TEST_IS_REGULAR)) {
            device_set_string(d, "map-path", file);
        }
    }
    if (!device_realize(d, NULL, err)) {
        rhea_error_prefix(err, "%s: ", name);
        return NULL;
    }
    device_map(d, 0, parent, addr);
    return d;
}

void board_fdt_flash(void *fdt, const char *name, hwaddr addr, uint64_t size, unsigned n,
                     bool secure)
{
    const FdtNode node = {.fdt = fdt, .addr = addr, .secure_only = secure, .numa_node = -1};
    uint64_t reg[4];

    g_assert(n <= 2);
    for (unsigned i = 0; i < n; i++) {
        reg[i * 2] = cpu_to_fdt64(addr + i * size);
        reg[i * 2 + 1] = cpu_to_fdt64(size);
    }
    fdt_node_begin(&node, name);
    fdt_property_string(fdt, "compatible", "cfi-flash");
    fdt_property(fdt, "reg", reg, n * 16);
    fdt_property_u32(fdt, "bank-width", 4);
    fdt_end_node(fdt);
}

/* ---- device tree ---- */

void board_fdt_random(Machine *m, void *fdt, const char *name, unsigned n)
{
    GRand *r = m->seed_set ? g_rand_new_with_seed(m->seed) : g_rand_new();
    g_autofree uint32_t *cells = g_new(uint32_t, n);

    for (unsigned i = 0; i < n; i++) {
        cells[i] = g_rand_int(r);
    }
    g_rand_free(r);
    fdt_property(fdt, name, cells, n * 4);
}

void *board_fdt_finish(void *fdt, size_t size, GError **err)
{
    int ret = fdt_finish(fdt);

    if (!ret) {
        ret = fdt_open_into(fdt, fdt, size);
    }
    if (ret) {
        rhea_error_set(err, "cannot build the device tree: %s", fdt_strerror(ret));
        g_free(fdt);
        return NULL;
    }
    return fdt;
}

void *board_fdt_load(Machine *m, size_t room, GError **err)
{
    GError *why = NULL;
    /* Mapped: whatever is no device tree, however large, is seen by its first page. */
    GMappedFile *map = g_mapped_file_new(m->dtb, FALSE, &why);

    if (!map) {
        rhea_error_set(err, "cannot load the device tree '%s': %s", m->dtb, why->message);
        g_error_free(why);
        return NULL;
    }
    const char *file = g_mapped_file_get_contents(map);
    gsize len = g_mapped_file_get_length(map);
    if (len < sizeof(struct fdt_header) || fdt_check_header(file) || fdt_check_full(file, len)) {
        rhea_error_set(err, "'%s' is not a device tree blob", m->dtb);
        g_mapped_file_unref(map);
        return NULL;
    }
    len = fdt_totalsize(file);
    void *fdt = g_malloc(len + room);
    int ret = fdt_open_into(file, fdt, len + room);
    g_mapped_file_unref(map);
    if (ret) {
        rhea_error_set(err, "cannot use the device tree '%s': %s", m->dtb, fdt_strerror(ret));
        g_free(fdt);
        return NULL;
    }
    return fdt;
}

bool board_fdt_chosen(Machine *m, void *fdt, uint64_t initrd_start, uint64_t initrd_end,
                      GError **err)
{
    int chosen = fdt_path_offset(fdt, "/chosen"), ret = 0;

    if (chosen == -FDT_ERR_NOTFOUND) {
        chosen = fdt_add_subnode(fdt, 0, "chosen");
    }
    if (chosen < 0) {
        ret = chosen;
    }
    if (!ret && initrd_end) {
        ret = fdt_setprop_u64(fdt, chosen, "linux,initrd-start", initrd_start);
    }
    if (!ret && initrd_end) {
        ret = fdt_setprop_u64(fdt, chosen, "linux,initrd-end", initrd_end);
    }
    if (!ret && m->append && *m->append) {
        ret = fdt_setprop_string(fdt, chosen, "bootargs", m->append);
    }
    if (ret) {
        rhea_error_set(err, "cannot write /chosen of the device tree: %s", fdt_strerror(ret));
    }
    return !ret;
}

bool board_dump_fdt(Machine *m, const void *fdt, GError **err)
{
    GError *why = NULL;

    if (g_file_set_contents(m->dumpdtb, fdt, fdt_totalsize(fdt), &why)) {
        return true;
    }
    rhea_error_set(err, "cannot write the device tree to '%s': %s", m->dumpdtb, why->message);
    g_error_free(why);
    return false;
}

/* ---- fw_cfg ---- */

static void bootorder_update(void *opaque)
{
    Device *fw_cfg = opaque;

    fw_cfg_replace_file(fw_cfg, "bootorder", bootorder_build(fw_cfg->machine));
}

/* A number of -boot, which was checked there; def: not given, or -1. */
static uint32_t boot_number(Machine *m, const char *key, uint32_t def)
{
    const char *text = m->boot ? opt_get(m->boot, key) : NULL;

    return text ? g_ascii_strtoll(text, NULL, 0) : def;
}

/* What -boot says to firmware; as SeaBIOS reads it. */
static bool fw_cfg_add_boot(Machine *m, Device *d, GError **err)
{
    const char *menu = m->boot ? opt_get(m->boot, "menu") : NULL;
    uint32_t fail = GUINT32_TO_LE(boot_number(m, "reboot-timeout", UINT32_MAX));
    uint16_t splash = GUINT16_TO_LE(boot_number(m, "splash-time", 0));
    bool on = false;

    if (menu) {
        opt_value_bool("menu", menu, &on, NULL);
    }
    fw_cfg_add_u16(d, FW_CFG_BOOT_MENU, on);
    machine_add_reset(m, bootorder_update, d);
    return fw_cfg_add_file(d, "bootorder", g_bytes_new(NULL, 0), err) &&
           fw_cfg_add_file(d, "etc/boot-fail-wait", g_bytes_new(&fail, sizeof(fail)), err) &&
           (!m->boot || !opt_get(m->boot, "splash-time") ||
            fw_cfg_add_file(d, "etc/boot-menu-wait", g_bytes_new(&splash, sizeof(splash)), err));
}

bool board_fw_cfg_add_common(Machine *m, Device *d, GError **err)
{
    fw_cfg_add_copy(d, FW_CFG_UUID, m->uuid, sizeof(m->uuid));
    fw_cfg_add_u16(d, FW_CFG_NOGRAPHIC, 1);
    fw_cfg_add_u16(d, FW_CFG_NB_CPUS, m->smp.cpus);
    return fw_cfg_add_boot(m, d, err) &&
           fw_cfg_add_file(d, "bios-geometry", g_bytes_new(NULL, 0), err) &&
           fw_cfg_add_user_items(d, m, err);
}

bool board_fw_cfg_add_kernel(Machine *m, Device *fw_cfg, GError **err)
{
    const struct {
        const char *path;
        unsigned size_key, data_key;
    } files[] = {
        {m->kernel, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA},
        {m->initrd, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        GError *why = NULL;

        if (!files[i].path) {
            continue;
        }
        GMappedFile *map = g_mapped_file_new(files[i].path, FALSE, &why);
        if (!map || g_mapped_file_get_length(map) > UINT32_MAX) {
            rhea_error_set(err, "could not load '%s': %s", files[i].path,
                           why ? why->message : "too big");
            g_clear_error(&why);
            g_clear_pointer(&map, g_mapped_file_unref);
            return false;
        }
        fw_cfg_add_u32(fw_cfg, files[i].size_key, g_mapped_file_get_length(map));
        fw_cfg_add_bytes(fw_cfg, files[i].data_key, g_mapped_file_get_bytes(map));
        g_mapped_file_unref(map);
    }
    if (m->kernel && m->append) {
        size_t len = strlen(m->append) + 1;

        fw_cfg_add_u32(fw_cfg, FW_CFG_CMDLINE_SIZE, len);
        fw_cfg_add_copy(fw_cfg, FW_CFG_CMDLINE_DATA, m->append, len);
    }
    return true;
}

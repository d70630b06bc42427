/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -device loader: puts a file or a number into memory before the machine starts, and sets where a
 * CPU starts.
 *
 * A device only in name: no registers, no state; what it loads is restored at reset by
 * softmmu/loader.c. Three forms: file= (ELF, Linux Image, raw, or raw whatever it is with
 * force-raw=on) with cpu-num= for the CPU that starts there; data= with data-len=; addr= with
 * cpu-num=.
 *
 * Test: tests/cli/
 */
#include "hw/device.h"
#include "softmmu/loader.h"

#define CPU_NONE UINT32_MAX

#define GENERIC_LOADER_STATE(F, A, D, N)

STATE(generic_loader, GenericLoader, GENERIC_LOADER_STATE, uint64_t addr; uint64_t data;
      uint32_t cpu_num; uint8_t data_len; bool data_be; bool force_raw; char *file;)

PROPS(generic_loader, GenericLoader,
      PROP("addr", U64, addr, "0", PUBLIC, "where to load, or where the CPU starts"),
      PROP("cpu-num", U32, cpu_num, "4294967295", PUBLIC,
           "CPU that starts at the image or at addr"),
      PROP("data", U64, data, "0", PUBLIC, "number to store"),
      PROP("data-be", BOOL, data_be, "off", PUBLIC, "store it big-endian"),
      PROP("data-len", U8, data_len, "0", PUBLIC, "bytes of the number: 1 to 8"),
      PROP("file", STRING, file, NULL, PUBLIC, "file to load"),
      PROP("force-raw", BOOL, force_raw, "off", PUBLIC, "load the file as it is"))

static bool load_data(GenericLoader *s, GError **err)
{
    uint8_t bytes[8];
    g_autofree char *name = NULL;

    if (s->file) {
        rhea_error_set(err, "Specifying a file is not supported when loading memory values");
        return false;
    }
    if (s->force_raw) {
        rhea_error_set(err, "Specifying force-raw is not supported when loading memory values");
        return false;
    }
    if (!s->data_len) {
        rhea_error_set(err, "Both data and data-len must be specified");
        return false;
    }
    if (s->data_len > 8) {
        rhea_error_set(err, "data-len cannot be greater than 8 bytes");
        return false;
    }
    if (s->data_len < 8 && s->data >> (8 * s->data_len)) {
        rhea_error_set(err, "data does not fit in data-len=%u bytes", s->data_len);
        return false;
    }
    for (unsigned i = 0; i < s->data_len; i++) {
        bytes[s->data_be ? s->data_len - 1 - i : i] = s->data >> (8 * i);
    }
    name = g_strdup_printf("loader data at 0x%" G_GINT64_MODIFIER "x", s->addr);
    return loader_add_blob(s->dev.machine, name, bytes, s->data_len, s->addr, err);
}

static bool load_file(GenericLoader *s, GError **err)
{
    Machine *m = s->dev.machine;
    LoadedImage image = {.entry = s->addr};
    g_autofree char *path = machine_find_file(m, s->file);
    const char *name = path ? path : s->file;
    bool ok = s->force_raw ? loader_load_raw(m, "image", name, s->addr, UINT64_MAX, NULL, err)
                           : loader_load_any(m, name, s->addr, &image, err);

    if (!ok) {
        g_prefix_error(err, "Cannot load specified image %s: ", s->file);
    } else if (s->cpu_num != CPU_NONE) {
        loader_set_cpu_entry(m, s->cpu_num, image.entry);
    }
    return ok;
}

static bool generic_loader_realize(void *opaque, GError **err)
{
    GenericLoader *s = opaque;
    Machine *m = s->dev.machine;

    if (s->cpu_num != CPU_NONE && s->cpu_num >= m->smp.cpus) {
        rhea_error_set(err, "Specified boot CPU#%u is nonexistent", s->cpu_num);
        return false;
    }
    if (s->data || s->data_len || s->data_be) {
        return load_data(s, err);
    }
    if (s->file) {
        return load_file(s, err);
    }
    if (s->cpu_num == CPU_NONE) {
        rhea_error_set(err, "please include valid arguments: file=, data= and data-len=, or addr= "
                            "and cpu-num=");
        return false;
    }
    loader_set_cpu_entry(m, s->cpu_num, s->addr);
    return true;
}

DEVICE(generic_loader, GenericLoader, .name = "loader", .desc = "Generic Loader", .bus = "System",
       .category = DEVICE_MISC, .user_creatable = true, .props = generic_loader_props,
       .realize = generic_loader_realize);

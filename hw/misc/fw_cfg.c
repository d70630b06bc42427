/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * fw_cfg on a memory bus, with DMA.
 *
 * Specification: "QEMU Firmware Configuration (fw_cfg) Device" (registers, keys, DMA), and its
 * device tree binding "qemu,fw-cfg-mmio". Selector and DMA registers are big-endian; the data
 * register gives as many bytes of the item as the access is wide, in memory order. Past the end of
 * an item, and for keys that have none, all bytes read as 0.
 *
 * Items change only between the guest's runs, at a reset; nothing of them can be written by the
 * guest. Threads: registers under the device's lock. Test: tests/unit/test-fw-cfg.c
 */
#include "hw/misc/fw_cfg.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) /* "QEMU CFG" */

enum {
    ID_TRADITIONAL = 1 << 0,
    ID_DMA = 1 << 1,

    DMA_ERROR = 1 << 0,
    DMA_READ = 1 << 1,
    DMA_SKIP = 1 << 2,
    DMA_SELECT = 1 << 3,
    DMA_WRITE = 1 << 4,
};

typedef struct FwCfgFile {
    char *name;
    GBytes *data;
} FwCfgFile;

#define FW_CFG_STATE(F, A, D, N)                                                                   \
    F(uint16_t, key, 0)                                                                            \
    F(uint32_t, offset, 0) /* of the next byte in the item; stops at UINT32_MAX */                 \
    F(uint64_t, dma_addr, 0)

STATE(fw_cfg, FwCfgState, FW_CFG_STATE, GBytes *item[FW_CFG_FILE_FIRST]; GPtrArray * files;
      /* FwCfgFile *, sorted by name */)

/* ---- items ---- */

static const uint8_t *item_find(FwCfgState *s, unsigned key, gsize *len)
{
    GBytes *data = NULL;

    *len = 0;
    if (key < FW_CFG_FILE_FIRST) {
        data = s->item[key];
    } else if (key - FW_CFG_FILE_FIRST < s->files->len) {
        data = ((FwCfgFile *)g_ptr_array_index(s->files, key - FW_CFG_FILE_FIRST))->data;
    }
    return data ? g_bytes_get_data(data, len) : NULL;
}

void fw_cfg_add_bytes(void *dev, unsigned key, GBytes *data)
{
    FwCfgState *s = dev;

    g_assert(key < FW_CFG_FILE_FIRST);
    g_clear_pointer(&s->item[key], g_bytes_unref);
    s->item[key] = data;
}

void fw_cfg_add_copy(void *dev, unsigned key, const void *data, size_t len)
{
    fw_cfg_add_bytes(dev, key, g_bytes_new(data, len));
}

void fw_cfg_add_u16(void *dev, unsigned key, uint16_t val)
{
    val = GUINT16_TO_LE(val);
    fw_cfg_add_copy(dev, key, &val, sizeof(val));
}

void fw_cfg_add_u32(void *dev, unsigned key, uint32_t val)
{
    val = GUINT32_TO_LE(val);
    fw_cfg_add_copy(dev, key, &val, sizeof(val));
}

static void directory_build(FwCfgState *s)
{
    GByteArray *dir = g_byte_array_new();
    uint32_t count = GUINT32_TO_BE(s->files->len);

    g_byte_array_append(dir, (const guint8 *)&count, sizeof(count));
    for (unsigned i = 0; i < s->files->len; i++) {
        const FwCfgFile *f = g_ptr_array_index(s->files, i);
        struct {
            uint32_t size;
            uint16_t key, reserved;
            char name[FW_CFG_NAME_SIZE];
        } entry = {
            GUINT32_TO_BE(g_bytes_get_size(f->data)), GUINT16_TO_BE(FW_CFG_FILE_FIRST + i), 0, {0}};

        g_strlcpy(entry.name, f->name, sizeof(entry.name));
        g_byte_array_append(dir, (const guint8 *)&entry, sizeof(entry));
    }
    fw_cfg_add_bytes(s, FW_CFG_FILE_DIR, g_byte_array_free_to_bytes(dir));
}

bool fw_cfg_add_file(void *dev, const char *name, GBytes *data, GError **err)
{
    FwCfgState *s = dev;
    unsigned at = 0;

    if (strlen(name) >= FW_CFG_NAME_SIZE) {
        rhea_error_set(err, "fw_cfg name '%s' is longer than %u characters", name,
                       FW_CFG_NAME_SIZE - 1);
        goto fail;
    }
    if (s->files->len >= FW_CFG_MAX_FILES) {
        rhea_error_set(err, "fw_cfg has no room for '%s': %u files at most", name,
                       FW_CFG_MAX_FILES);
        goto fail;
    }
    for (; at < s->files->len; at++) {
        int order = strcmp(((FwCfgFile *)g_ptr_array_index(s->files, at))->name, name);

        if (order == 0) {
            rhea_error_set(err, "duplicate fw_cfg file name: %s", name);
            goto fail;
        }
        if (order > 0) {
            break;
        }
    }
    FwCfgFile *f = g_new(FwCfgFile, 1);
    *f = (FwCfgFile){g_strdup(name), data};
    g_ptr_array_insert(s->files, at, f);
    directory_build(s);
    return true;

fail:
    g_bytes_unref(data);
    return false;
}

void fw_cfg_replace_file(void *dev, const char *name, GBytes *data)
{
    FwCfgState *s = dev;

    device_lock(s);
    for (unsigned i = 0; i < s->files->len; i++) {
        FwCfgFile *f = g_ptr_array_index(s->files, i);

        if (strcmp(f->name, name) == 0) {
            g_bytes_unref(f->data);
            f->data = g_bytes_ref(data);
            directory_build(s);
        }
    }
    device_unlock(s);
    g_bytes_unref(data);
}

bool fw_cfg_add_user_items(void *dev, Machine *m, GError **err)
{
    for (unsigned i = 0; m->fw_cfg && i < m->fw_cfg->len; i++) {
        OptDict *o = g_ptr_array_index(m->fw_cfg, i);
        const char *name = opt_take(o, "name"), *file = opt_take(o, "file");
        const char *string = opt_take(o, "string");
        GBytes *data;

        if (!name || !*name || !file == !string) {
            rhea_error_set(err, "-fw_cfg: needs name= and one of file= and string=");
            return false;
        }
        if (!opt_check_unused(o, err)) {
            rhea_error_prefix(err, "-fw_cfg %s: ", name);
            return false;
        }
        if (strncmp(name, "opt/", 4) != 0) {
            rhea_warn_report(
                "externally provided fw_cfg item names should be prefixed with \"opt/\"");
        }
        if (string) {
            data = g_bytes_new(string, strlen(string));
        } else {
            char *text;
            gsize len;
            GError *why = NULL;

            if (!g_file_get_contents(file, &text, &len, &why)) {
                rhea_error_set(err, "-fw_cfg: can't load %s: %s", file, why->message);
                g_error_free(why);
                return false;
            }
            if (len > UINT32_MAX) {
                rhea_error_set(err, "-fw_cfg: %s is too big", file);
                g_free(text);
                return false;
            }
            data = g_bytes_new_take(text, len);
        }
        if (!fw_cfg_add_file(dev, name, data, err)) {
            return false;
        }
    }
    return true;
}

/* ---- registers ---- */

static void item_select(FwCfgState *s, uint16_t key)
{
    s->key = key;
    s->offset = 0;
}

static void offset_advance(FwCfgState *s, uint32_t n)
{
    s->offset = s->offset + (uint64_t)n > UINT32_MAX ? UINT32_MAX : s->offset + n;
}

static MemTxResult data_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    FwCfgState *s = opaque;
    gsize len;
    const uint8_t *item = item_find(s, s->key, &len);

    *val = 0;
    if (offset != 0) {
        return MEMTX_DECODE_ERROR;
    }
    for (unsigned i = 0; i < size; i++) {
        uint64_t at = (uint64_t)s->offset + i;

        *val |= (uint64_t)(at < len ? item[at] : 0) << i * 8;
    }
    if (s->offset < len) {
        offset_advance(s, size);
    }
    return MEMTX_OK;
}

static MemTxResult data_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    rhea_log_mask(LOG_GUEST_ERROR, "%s: write to data register\n", device_name(opaque));
    return MEMTX_OK;
}

static MemTxResult select_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    rhea_log_mask(LOG_GUEST_ERROR, "%s: read of selector register\n", device_name(opaque));
    return MEMTX_DECODE_ERROR;
}

static MemTxResult select_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    item_select(opaque, val);
    return MEMTX_OK;
}

/* Copy what is left of the item to the guest, zeroes behind it. */
static bool dma_copy(FwCfgState *s, uint64_t addr, uint32_t n)
{
    gsize len;
    const uint8_t *item = item_find(s, s->key, &len);
    uint64_t have = s->offset < len ? MIN(len - s->offset, n) : 0;
    bool ok = true;

    if (have) {
        ok = memory_write(s->dev.dma, addr, item + s->offset, have) == MEMTX_OK;
    }
    if (have < n) {
        ok &= memory_set(s->dev.dma, addr + have, 0, n - have) == MEMTX_OK;
    }
    return ok;
}

static void dma_run(FwCfgState *s)
{
    uint64_t desc = s->dma_addr;
    MemTxResult r1, r2, r3;
    uint32_t control = memory_ld32_be(s->dev.dma, desc, &r1);
    uint32_t len = memory_ld32_be(s->dev.dma, desc + 4, &r2);
    uint64_t addr = memory_ld64_be(s->dev.dma, desc + 8, &r3);
    bool ok = true;

    s->dma_addr = 0;
    if (r1 != MEMTX_OK || r2 != MEMTX_OK || r3 != MEMTX_OK) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: no DMA descriptor at 0x%" PRIx64 "\n", device_name(s),
                      desc);
        memory_st32_be(s->dev.dma, desc, DMA_ERROR);
        return;
    }
    if (control & DMA_SELECT) {
        item_select(s, control >> 16);
    }
    if (control & DMA_READ) {
        ok = dma_copy(s, addr, len);
        offset_advance(s, len);
    } else if (control & DMA_WRITE) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: DMA write to item 0x%x\n", device_name(s), s->key);
        ok = false;
    } else if (control & DMA_SKIP) {
        offset_advance(s, len);
    }
    memory_st32_be(s->dev.dma, desc, ok ? 0 : DMA_ERROR);
}

static MemTxResult dma_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    *val = DMA_SIGNATURE >> (8 - offset - size) * 8;
    return MEMTX_OK;
}

static MemTxResult dma_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    FwCfgState *s = opaque;

    if (size < 4) {
        return MEMTX_DECODE_ERROR;
    }
    if (size == 4 && offset == 0) {
        s->dma_addr = val << 32;
        return MEMTX_OK;
    }
    s->dma_addr = size == 8 ? val : s->dma_addr | val;
    dma_run(s);
    return MEMTX_OK;
}

static const MmioOps data_ops = {.read = data_read, .write = data_write};
static const MmioOps select_ops = {.read = select_read,
                                   .write = select_write,
                                   .endian = MEM_BIG_ENDIAN,
                                   .valid_min = 2,
                                   .valid_max = 2};
static const MmioOps dma_ops = {.read = dma_read, .write = dma_write, .endian = MEM_BIG_ENDIAN};

/* ---- device ---- */

static void file_free(gpointer opaque)
{
    FwCfgFile *f = opaque;

    g_free(f->name);
    g_bytes_unref(f->data);
    g_free(f);
}

static bool fw_cfg_realize(void *opaque, GError **err)
{
    FwCfgState *s = opaque;

    s->files = g_ptr_array_new_with_free_func(file_free);
    fw_cfg_add_copy(s, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_add_u32(s, FW_CFG_ID, ID_TRADITIONAL | ID_DMA);
    directory_build(s);
    return true;
}

static void fw_cfg_unrealize(void *opaque)
{
    FwCfgState *s = opaque;

    for (unsigned i = 0; i < G_N_ELEMENTS(s->item); i++) {
        g_clear_pointer(&s->item[i], g_bytes_unref);
    }
    g_ptr_array_free(s->files, TRUE);
}

static void fw_cfg_fdt(void *opaque, const FdtNode *n)
{
    fdt_node_begin(n, "fw-cfg");
    fdt_property_string(n->fdt, "compatible", "qemu,fw-cfg-mmio");
    fdt_node_reg(n);
    fdt_property(n->fdt, "dma-coherent", NULL, 0);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(fw_cfg, FwCfgState,
    .name = "fw_cfg_mem",
    .desc = "Firmware configuration items",
    .bus = "System",
    .category = DEVICE_MISC,
    .version = 1,
    .bank = {{.name = "fwcfg.data", .size = 8, .ops = &data_ops},
             {.name = "fwcfg.ctl", .size = 2, .ops = &select_ops},
             {.name = "fwcfg.dma", .size = 8, .ops = &dma_ops}},
    .realize = fw_cfg_realize,
    .unrealize = fw_cfg_unrealize,
    .fdt = fw_cfg_fdt);
// clang-format on

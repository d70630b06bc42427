/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * GICv3 interrupt translation service: turns a message of a device (requester, event number) into
 * an LPI of a CPU.
 *
 * Specification: Arm IHI 0069; 5.2 (tables), 5.3 (commands), 12.19 (GITS registers). One kind each
 * of device and collection table, flat or of two levels; 16 bits of device, event, collection and
 * LPI numbers; physical LPIs only. A collection's target is a processor number (PTA is 0).
 *
 * Table entries (8 bytes, little-endian, the guest never looks at them), bit 0: valid:
 *     device:      5..1 event bits less 1, 49..6 address of its interrupt translation table / 256
 *     collection:  16..1 CPU
 *     translation: 31..16 LPI, 47..32 collection
 * Nothing of them is trusted: what was valid when a command put it there is checked at each use.
 *
 * Commands run to the end of the queue within the write that starts them: at most as many as the
 * queue holds. A wrong one is logged and skipped, a queue that cannot be read stalls.
 * Lock: the device's, for registers and messages; inside it those of the GIC's CPUs. It counts as a
 * device lock, so that tables in device memory are refused.
 * Test: tests/unit/test-arm-its.c
 */
#include "hw/intc/arm_gic.h"
#include "hw/intc/gic_internal.h"
#include "rhea/error.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <libfdt.h>

#define FRAME     0x10000
#define ID_BITS   16 /* of everything */
#define MAX_LPI   65536
#define CMD_BYTES 32
#define BASERS    8

enum {
    GITS_CTLR = 0x00,
    GITS_IIDR = 0x04,
    GITS_TYPER = 0x08,
    GITS_CBASER = 0x80,
    GITS_CWRITER = 0x88,
    GITS_CREADR = 0x90,
    GITS_BASER = 0x100,
    GITS_TRANSLATER = FRAME + 0x40,

    CTLR_ENABLED = 1 << 0,
    CREADR_STALLED = 1 << 0,

    BASER_DEVICES = 0, /* register, and its type */
    BASER_COLLECTIONS = 1,

    CMD_MOVI = 0x01,
    CMD_INT = 0x03,
    CMD_CLEAR = 0x04,
    CMD_SYNC = 0x05,
    CMD_MAPD = 0x08,
    CMD_MAPC = 0x09,
    CMD_MAPTI = 0x0a,
    CMD_MAPI = 0x0b,
    CMD_INV = 0x0c,
    CMD_INVALL = 0x0d,
    CMD_MOVALL = 0x0e,
    CMD_DISCARD = 0x0f,
};

/* Physical LPIs, ITT entries of 8 bytes, 16 bits each of event, device and collection numbers. */
#define TYPER_VAL                                                                                  \
    (UINT64_C(1) | 7 << 4 | (ID_BITS - 1) << 8 | (ID_BITS - 1) << 13 |                             \
     (uint64_t)(ID_BITS - 1) << 32 | UINT64_C(1) << 36)
#define BASER_VALID    (UINT64_C(1) << 63)
#define BASER_INDIRECT (UINT64_C(1) << 62)
/* Type and entry size are fixed; the rest is the guest's. */
#define BASER_RO       UINT64_C(0x071f000000000000)
#define CBASER_MASK    UINT64_C(0xb8effffffffffcff)
#define OFFSET_MASK    UINT64_C(0xfffe0)

#define ITS_STATE(F, A, D, N)                                                                      \
    F(uint32_t, ctlr, 0)                                                                           \
    F(uint64_t, cbaser, 0)                                                                         \
    F(uint64_t, cwriter, 0)                                                                        \
    F(uint64_t, creadr, 0)                                                                         \
    A(uint64_t, baser, 2, 0) /* without the fixed fields */

STATE(its, ItsState, ITS_STATE, void *gic;)

PROPS(its, ItsState, PROP("parent-gicv3", POINTER, gic, NULL, INTERNAL, "the arm-gicv3"))

#define its_error(s, ...) rhea_log_mask(LOG_GUEST_ERROR, "arm-gicv3-its: " __VA_ARGS__)

/* ---- tables ---- */

/* Address of entry `index` of a table; false if there is none. */
static bool table_entry(ItsState *s, unsigned table, uint32_t index, hwaddr *addr)
{
    static const uint32_t page_sizes[] = {0x1000, 0x4000, 0x10000, 0x10000};
    uint64_t baser = s->baser[table];
    uint32_t page = page_sizes[baser >> 8 & 3], per_page = page / 8;
    uint64_t entries = ((baser & 0xff) + 1) * per_page;
    hwaddr base = baser & UINT64_C(0xfffffffff000);
    MemTxResult res;

    if (page == 0x10000) {
        /* 12.19.1: bits 15 to 12 are the address's bits 51 to 48. */
        base = (baser & UINT64_C(0xffffffff0000)) | (baser >> 12 & 15) << 48;
    }
    base &= ~(hwaddr)(page - 1);
    if (!(baser & BASER_VALID) || index >> ID_BITS) {
        return false;
    }
    if (!(baser & BASER_INDIRECT)) {
        *addr = base + (hwaddr)index * 8;
        return index < entries;
    }
    if (index / per_page >= entries) {
        return false;
    }
    uint64_t level1 = memory_ld64_le(s->dev.dma, base + index / per_page * 8, &res);
    if (res != MEMTX_OK || !(level1 >> 63)) {
        return false;
    }
    *addr = (level1 & UINT64_C(0xffffffffff000) & ~(hwaddr)(page - 1)) + index % per_page * 8;
    return true;
}

/* The entry, if it is there and valid; else 0. */
static uint64_t table_read(ItsState *s, unsigned table, uint32_t index, hwaddr *addr)
{
    MemTxResult res;

    if (!table_entry(s, table, index, addr)) {
        return 0;
    }
    uint64_t val = memory_ld64_le(s->dev.dma, *addr, &res);
    return res == MEMTX_OK && (val & 1) ? val : 0;
}

static bool table_write(ItsState *s, unsigned table, uint32_t index, uint64_t val)
{
    hwaddr addr;

    return table_entry(s, table, index, &addr) && memory_st64_le(s->dev.dma, addr, val) == MEMTX_OK;
}

/* Address of the translation entry of an event; false if the device or event does not exist. */
static bool event_entry(ItsState *s, uint32_t device, uint32_t event, hwaddr *addr)
{
    uint64_t dte = table_read(s, BASER_DEVICES, device, addr);

    if (!dte || (uint64_t)event >> ((dte >> 1 & 31) + 1)) {
        return false;
    }
    *addr = ((dte >> 6 & UINT64_C(0xfffffffffff)) << 8) + (hwaddr)event * 8;
    return true;
}

typedef struct Translation {
    hwaddr addr; /* of the entry */
    uint32_t lpi;
    uint16_t collection;
    int cpu; /* -1: the collection is not mapped */
} Translation;

static int collection_cpu(ItsState *s, uint32_t collection)
{
    hwaddr addr;
    uint64_t cte = table_read(s, BASER_COLLECTIONS, collection, &addr);
    unsigned cpu = cte >> 1 & 0xffff;

    return cte && cpu < arm_gicv3_num_cpu(s->gic) ? (int)cpu : -1;
}

/* False if the event is not mapped. */
static bool translate(ItsState *s, uint32_t device, uint32_t event, Translation *t)
{
    MemTxResult res;

    if (!event_entry(s, device, event, &t->addr)) {
        return false;
    }
    uint64_t ite = memory_ld64_le(s->dev.dma, t->addr, &res);
    if (res != MEMTX_OK || !(ite & 1)) {
        return false;
    }
    t->lpi = ite >> 16 & 0xffff;
    t->collection = ite >> 32;
    t->cpu = collection_cpu(s, t->collection);
    return t->lpi >= GIC_LPI_BASE;
}

/* ---- commands ---- */

/* 5.3: fields of a command's four doublewords. */
static uint32_t cmd_device(const uint64_t *cmd)
{
    return cmd[0] >> 32;
}

static uint32_t cmd_event(const uint64_t *cmd)
{
    return cmd[1];
}

static uint32_t cmd_collection(const uint64_t *cmd)
{
    return cmd[2] & 0xffff;
}

/* A processor number; beyond all CPUs if it does not fit. */
static uint32_t cmd_target(uint64_t word)
{
    return MIN(word >> 16 & UINT64_C(0x7ffffffff), UINT32_MAX);
}

static bool cmd_mapd(ItsState *s, const uint64_t *cmd)
{
    unsigned size = cmd[1] & 31;
    bool valid = cmd[2] >> 63;

    if (valid && size >= ID_BITS) {
        return false;
    }
    uint64_t dte = 1 | size << 1 | (cmd[2] >> 8 & UINT64_C(0xfffffffffff)) << 6;
    return table_write(s, BASER_DEVICES, cmd_device(cmd), valid ? dte : 0);
}

static bool cmd_mapc(ItsState *s, const uint64_t *cmd)
{
    uint32_t cpu = cmd_target(cmd[2]);
    bool valid = cmd[2] >> 63;

    if (valid && cpu >= arm_gicv3_num_cpu(s->gic)) {
        return false;
    }
    return table_write(s, BASER_COLLECTIONS, cmd_collection(cmd), valid ? 1 | cpu << 1 : 0);
}

static bool cmd_mapti(ItsState *s, const uint64_t *cmd, bool same)
{
    uint32_t lpi = same ? cmd_event(cmd) : cmd[1] >> 32;
    hwaddr addr;

    if (lpi < GIC_LPI_BASE || lpi >= MAX_LPI ||
        !event_entry(s, cmd_device(cmd), cmd_event(cmd), &addr)) {
        return false;
    }
    return memory_st64_le(s->dev.dma, addr, 1 | lpi << 16 | (uint64_t)cmd_collection(cmd) << 32) ==
           MEMTX_OK;
}

/* INT, CLEAR, DISCARD, INV, MOVI: an event that must be mapped. */
static bool cmd_event_op(ItsState *s, const uint64_t *cmd)
{
    Translation t;
    unsigned op = cmd[0] & 0xff;

    if (!translate(s, cmd_device(cmd), cmd_event(cmd), &t) || t.cpu < 0) {
        return false;
    }
    switch (op) {
    case CMD_INT:
    case CMD_CLEAR:
        arm_gicv3_lpi(s->gic, t.cpu, t.lpi, op == CMD_INT);
        return true;
    case CMD_INV:
        arm_gicv3_lpi_config_changed(s->gic, t.cpu);
        return true;
    case CMD_DISCARD:
        arm_gicv3_lpi(s->gic, t.cpu, t.lpi, false);
        return memory_st64_le(s->dev.dma, t.addr, 0) == MEMTX_OK;
    default: {
        int to = collection_cpu(s, cmd_collection(cmd));

        if (to < 0) {
            return false;
        }
        if (to != t.cpu && arm_gicv3_lpi_take(s->gic, t.cpu, t.lpi)) {
            arm_gicv3_lpi(s->gic, to, t.lpi, true);
        }
        return memory_st64_le(s->dev.dma, t.addr,
                              1 | t.lpi << 16 | (uint64_t)cmd_collection(cmd) << 32) == MEMTX_OK;
    }
    }
}

static bool cmd_invall(ItsState *s, const uint64_t *cmd)
{
    int cpu = collection_cpu(s, cmd_collection(cmd));

    if (cpu < 0) {
        return false;
    }
    arm_gicv3_lpi_config_changed(s->gic, cpu);
    return true;
}

static bool cmd_movall(ItsState *s, const uint64_t *cmd)
{
    uint32_t from = cmd_target(cmd[2]), to = cmd_target(cmd[3]);
    unsigned n = arm_gicv3_num_cpu(s->gic);

    if (from >= n || to >= n) {
        return false;
    }
    arm_gicv3_lpi_move_all(s->gic, from, to);
    return true;
}

static bool cmd_run(ItsState *s, const uint64_t *cmd)
{
    switch (cmd[0] & 0xff) {
    case CMD_MAPD:
        return cmd_mapd(s, cmd);
    case CMD_MAPC:
        return cmd_mapc(s, cmd);
    case CMD_MAPTI:
    case CMD_MAPI:
        return cmd_mapti(s, cmd, (cmd[0] & 0xff) == CMD_MAPI);
    case CMD_MOVI:
    case CMD_INT:
    case CMD_CLEAR:
    case CMD_INV:
    case CMD_DISCARD:
        return cmd_event_op(s, cmd);
    case CMD_INVALL:
        return cmd_invall(s, cmd);
    case CMD_MOVALL:
        return cmd_movall(s, cmd);
    case CMD_SYNC:
        return true; /* everything is done when its command is */
    default:
        return false;
    }
}

/* Run what waits between CREADR and CWRITER. */
static void queue_run(ItsState *s)
{
    uint64_t size = ((s->cbaser & 0xff) + 1) * 0x1000;
    hwaddr base = s->cbaser & UINT64_C(0xffffffffff000);

    if (!(s->ctlr & CTLR_ENABLED) || !(s->cbaser >> 63)) {
        return;
    }
    s->creadr &= OFFSET_MASK; /* tries again what stalled */
    if (s->cwriter >= size || s->creadr >= size) {
        its_error(s, "GITS_CWRITER 0x%" PRIx64 " is beyond the queue\n", s->cwriter);
        s->creadr |= CREADR_STALLED;
        return;
    }
    while (s->creadr != s->cwriter) {
        uint64_t cmd[4];

        if (memory_read(s->dev.dma, base + s->creadr, cmd, sizeof(cmd)) != MEMTX_OK) {
            its_error(s, "no command can be read at 0x%" PRIx64 "\n", base + s->creadr);
            s->creadr |= CREADR_STALLED;
            return;
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(cmd); i++) {
            cmd[i] = GUINT64_FROM_LE(cmd[i]);
        }
        if (!cmd_run(s, cmd)) {
            its_error(s,
                      "command 0x%02" PRIx64 " is ignored: %016" PRIx64 " %016" PRIx64
                      " %016" PRIx64 " %016" PRIx64 "\n",
                      cmd[0] & 0xff, cmd[0], cmd[1], cmd[2], cmd[3]);
        }
        s->creadr = (s->creadr + CMD_BYTES) % size;
    }
}

/* ---- messages ---- */

static void its_message_locked(ItsState *s, uint32_t device, uint32_t event)
{
    Translation t;

    if (!(s->ctlr & CTLR_ENABLED)) {
        return;
    }
    if (!translate(s, device, event, &t) || t.cpu < 0) {
        its_error(s, "event %u of device 0x%x is not mapped\n", event, device);
        return;
    }
    arm_gicv3_lpi(s->gic, t.cpu, t.lpi, true);
}

static MemTxResult its_msi(void *opaque, hwaddr offset, uint32_t data, uint32_t requester)
{
    ItsState *s = opaque;

    if (offset != GITS_TRANSLATER) {
        its_error(s, "a message to offset 0x%" PRIx64 "\n", offset);
        return MEMTX_OK;
    }
    device_lock(s);
    its_message_locked(s, requester, data);
    device_unlock(s);
    return MEMTX_OK;
}

/* ---- registers ---- */

static uint64_t baser_fixed(unsigned i)
{
    if (i > BASER_COLLECTIONS) {
        return 0;
    }
    return (uint64_t)(i == BASER_DEVICES ? 1 : 4) << 56 | UINT64_C(7) << 48;
}

static uint32_t id_register(hwaddr offset)
{
    static const uint8_t id[12] = {0x44, 0, 0, 0, 0x94, 0xb4, 0x3b, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

    return id[(offset - 0xffd0) / 4];
}

/* A whole register: 8 bytes where is_wide(). */
static uint64_t its_get(ItsState *s, hwaddr reg)
{
    switch (reg) {
    case GITS_CTLR:
        return s->ctlr & CTLR_ENABLED ? CTLR_ENABLED : UINT32_C(1) << 31; /* quiescent */
    case GITS_IIDR:
        return 0x43b;
    case GITS_TYPER:
        return TYPER_VAL;
    case GITS_CBASER:
        return s->cbaser;
    case GITS_CWRITER:
        return s->cwriter;
    case GITS_CREADR:
        return s->creadr;
    case GITS_BASER ... GITS_BASER + (BASERS - 1) * 8: {
        unsigned i = (reg - GITS_BASER) / 8;

        return i <= BASER_COLLECTIONS ? s->baser[i] | baser_fixed(i) : 0;
    }
    case 0xffd0 ... 0xffff:
        return id_register(reg);
    default:
        its_error(s, "read at offset 0x%" PRIx64 ": no register\n", reg);
        return 0;
    }
}

/* Tables and queue may only change while the ITS is off. */
static bool may_configure(ItsState *s, const char *name)
{
    if (s->ctlr & CTLR_ENABLED) {
        its_error(s, "%s is written while the ITS is enabled\n", name);
    }
    return !(s->ctlr & CTLR_ENABLED);
}

static void its_put(ItsState *s, hwaddr reg, uint64_t val)
{
    unsigned i;

    switch (reg) {
    case GITS_CTLR:
        s->ctlr = val & CTLR_ENABLED;
        queue_run(s);
        break;
    case GITS_CBASER:
        if (may_configure(s, "GITS_CBASER")) {
            s->cbaser = val & CBASER_MASK;
            s->creadr = 0;
        }
        break;
    case GITS_CWRITER:
        s->cwriter = val & OFFSET_MASK;
        queue_run(s);
        break;
    case GITS_BASER ... GITS_BASER + (BASERS - 1) * 8:
        i = (reg - GITS_BASER) / 8;
        if (i <= BASER_COLLECTIONS && may_configure(s, "GITS_BASER")) {
            s->baser[i] = val & ~BASER_RO;
        }
        break;
    default:
        its_error(s, "write at offset 0x%" PRIx64 ": no register\n", reg);
    }
}

static bool is_wide(hwaddr offset)
{
    return (offset >= GITS_TYPER && offset < GITS_TYPER + 8) ||
           (offset >= GITS_CBASER && offset < GITS_CREADR + 8) ||
           (offset >= GITS_BASER && offset < GITS_BASER + BASERS * 8);
}

static MemTxResult its_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    unsigned width = is_wide(offset) ? 8 : 4;

    *val = its_get(opaque, offset & ~(hwaddr)(width - 1)) >> offset % width * 8;
    if (size < 8) {
        *val &= UINT32_MAX;
    }
    return MEMTX_OK;
}

static MemTxResult its_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    ItsState *s = opaque;

    if (offset == GITS_TRANSLATER) {
        its_message_locked(s, 0, val); /* a CPU has no device number */
        return MEMTX_OK;
    }
    if (is_wide(offset) && size == 4) {
        hwaddr reg = offset & ~(hwaddr)7;
        unsigned shift = offset % 8 * 8;
        uint64_t old = reg == GITS_CREADR || reg == GITS_TYPER ? 0 : its_get(s, reg);

        val = (old & ~(UINT64_C(0xffffffff) << shift)) | val << shift;
        offset = reg;
    }
    its_put(s, offset, val);
    return MEMTX_OK;
}

/* ---- device ---- */

static const MmioOps its_ops = {
    .read = its_read, .write = its_write, .msi = its_msi, .valid_min = 4, .valid_max = 8};

static bool its_realize(void *opaque, GError **err)
{
    ItsState *s = opaque;

    if (!s->gic || !s->dev.dma) {
        rhea_error_set(err, "Property 'parent-gicv3' must be set");
        return false;
    }
    return true;
}

static bool its_post_load(void *opaque, GError **err)
{
    ItsState *s = opaque;

    if (s->ctlr > CTLR_ENABLED || (s->cbaser & ~CBASER_MASK) || (s->cwriter & ~OFFSET_MASK) ||
        (s->creadr & ~(OFFSET_MASK | CREADR_STALLED)) || ((s->baser[0] | s->baser[1]) & BASER_RO)) {
        rhea_error_set(err, "snapshot: registers that cannot be");
        return false;
    }
    return true;
}

static void its_fdt(void *opaque, const FdtNode *n)
{
    fdt_node_begin(n, "its");
    fdt_property_u32(n->fdt, "phandle", n->phandle);
    fdt_node_reg(n);
    fdt_property_u32(n->fdt, "#msi-cells", 1);
    fdt_property(n->fdt, "msi-controller", NULL, 0);
    fdt_property_string(n->fdt, "compatible", "arm,gic-v3-its");
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(its, ItsState,
    .name = "arm-gicv3-its",
    .desc = "Arm GICv3 interrupt translation service",
    .bus = "System",
    .category = DEVICE_MISC,
    .props = its_props,
    .version = 1,
    .bank = {{.size = 2 * FRAME, .ops = &its_ops}},
    .realize = its_realize,
    .post_load = its_post_load,
    .fdt = its_fdt);
// clang-format on

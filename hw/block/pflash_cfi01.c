/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Parallel NOR flash with the Intel command set, one or more chips side by side on the bus.
 *
 * Specification: Common Flash Memory Interface (JESD68.01), CFI publication 100 (vendor command set
 * 0001h), Intel StrataFlash J3 data sheet (commands, status register, block locks).
 *
 * Chips of device-width bytes share a bus of width bytes ("lanes"). Commands act on all of them,
 * whatever the upper lanes hold, and status, query and identifier show in every lane. Reading the
 * array is direct memory (ROM device); any other mode, and each write, comes here. Erase and
 * program take no time. A program only clears bits. With a backend, what changes is written through
 * before the status says ready.
 *
 * Invariants: the region is in direct mode exactly while mode is ARRAY and no command sequence is
 * under way.
 * Threads: the device's lock. The array itself is a RAM block and belongs to the RAM part of a
 * snapshot. Test: tests/unit/test-pflash.c
 */
#include "hw/device.h"
#include "io/block.h"
#include "rhea/error.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <string.h>

#define BUFFER_PER_CHIP 2048 /* bytes of a chip's write buffer; query offset 2ah */
#define BUFFER_MAX      (4 * BUFFER_PER_CHIP)

enum {
    STATUS_READY = 1 << 7,
    STATUS_ERASE_ERROR = 1 << 5,
    STATUS_PROGRAM_ERROR = 1 << 4,
    STATUS_LOCKED = 1 << 1,
    STATUS_SEQUENCE_ERROR = STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR,
};

/* What a read gives. */
enum { MODE_ARRAY, MODE_STATUS, MODE_ID, MODE_QUERY, MODE_COUNT };

/* What the next write is. */
enum {
    STEP_COMMAND,
    STEP_PROGRAM,
    STEP_ERASE,
    STEP_LOCK,
    STEP_COUNT,
    STEP_BUFFER,
    STEP_CONFIRM,
    STEP_LAST = STEP_CONFIRM
};

#define PFLASH_STATE(F, A, D, N)                                                                   \
    F(uint8_t, mode, MODE_ARRAY)                                                                   \
    F(uint8_t, step, STEP_COMMAND)                                                                 \
    F(uint8_t, status, STATUS_READY)                                                               \
    F(uint32_t, buffer_left, 0)   /* bus words of a buffered program still to come */              \
    F(uint32_t, buffer_block, 0)  /* number of its erase block */                                  \
    F(bool, buffer_placed, false) /* buffer_base is known */                                       \
    F(uint32_t, buffer_base, 0)   /* array offset of buffer[0] */                                  \
    A(uint8_t, buffer, BUFFER_MAX, 0xff)                                                           \
    D(uint8_t, locked, num_blocks, KEEP) /* lock bits of the blocks */

STATE(pflash, PflashState, PFLASH_STATE, uint32_t num_blocks; uint64_t sector_length; uint8_t width;
      uint8_t device_width; uint16_t id[4]; char *name; char *drive; BlockBackend * backend;
      char *map_path; RamBlock * block; unsigned lanes; uint32_t buffer_size; uint8_t query[0x40];)

PROPS(pflash, PflashState,
      PROP("drive", DRIVE, drive, NULL, INTERNAL, "Node name or ID of a block device"),
      PROP("backend", POINTER, backend, NULL, INTERNAL, "opened image, owned by the device"),
      PROP("map-path", STRING, map_path, NULL, INTERNAL, "raw file to map instead of reading it"),
      PROP("num-blocks", U32, num_blocks, "128", INTERNAL, "erase blocks"),
      PROP("sector-length", SIZE, sector_length, "256K", INTERNAL, "bytes of an erase block"),
      PROP("width", U8, width, "4", INTERNAL, "bytes of the bus"),
      PROP("device-width", U8, device_width, "2", INTERNAL, "bytes of one chip"),
      PROP("id0", U16, id[0], "0x89", INTERNAL, "manufacturer"),
      PROP("id1", U16, id[1], "0x18", INTERNAL, "device"),
      PROP("id2", U16, id[2], "0", INTERNAL, "extended device code, first"),
      PROP("id3", U16, id[3], "0", INTERNAL, "extended device code, second"),
      PROP("name", STRING, name, "pflash", INTERNAL, "name of the memory"))

static uint8_t *array(PflashState *s)
{
    return s->block->host;
}

static uint64_t array_size(const PflashState *s)
{
    return s->num_blocks * s->sector_length;
}

static void mode_update(PflashState *s)
{
    memory_region_set_romd(&s->dev.mmio[0], s->mode == MODE_ARRAY && s->step == STEP_COMMAND);
}

/* ---- reads ---- */

/* Show val in each lane. */
static uint32_t in_lanes(const PflashState *s, uint16_t val)
{
    uint32_t all = 0;

    for (unsigned i = 0; i < s->lanes; i++) {
        all |= (uint32_t)val << i * s->device_width * 8;
    }
    return all;
}

/* The bus word that a read of the current mode finds at offset. */
static uint32_t mode_word(PflashState *s, hwaddr offset)
{
    unsigned word;

    switch (s->mode) {
    case MODE_ID:
        word = offset % s->sector_length / s->width;
        if (word < 2) {
            return in_lanes(s, s->id[word]);
        }
        if (word == 2) {
            return in_lanes(s, s->locked[offset / s->sector_length]);
        }
        return word == 0x0e || word == 0x0f ? in_lanes(s, s->id[word - 0x0e + 2]) : 0;
    case MODE_QUERY:
        return offset / s->width < sizeof(s->query) ? in_lanes(s, s->query[offset / s->width]) : 0;
    default:
        return in_lanes(s, s->status);
    }
}

static MemTxResult pflash_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    PflashState *s = opaque;

    *val = 0;
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte;

        if (s->mode == MODE_ARRAY) {
            byte = array(s)[offset + i];
        } else {
            byte = mode_word(s, offset + i) >> (offset + i) % s->width * 8;
        }
        *val |= (uint64_t)byte << i * 8;
    }
    return MEMTX_OK;
}

/* ---- program and erase ---- */

/* The array changed: tell the image and the translator. error is the status bit if the image cannot
 * be written. */
static void array_written(PflashState *s, uint64_t offset, uint64_t len, uint8_t error)
{
    memory_notify_code_write(s->block, offset, len);
    if (s->backend) {
        int ret = block_pwrite(s->backend, offset, array(s) + offset, len);

        if (ret < 0) {
            rhea_warn_report("%s: cannot write the image: %s", s->name, g_strerror(-ret));
            s->status |= error;
        }
    }
}

static bool array_can_change(PflashState *s, uint64_t offset, uint8_t error)
{
    if (s->backend && block_read_only(s->backend)) {
        s->status |= error;
        return false;
    }
    if (s->locked[offset / s->sector_length]) {
        s->status |= error | STATUS_LOCKED;
        return false;
    }
    return true;
}

static void array_program(PflashState *s, uint64_t offset, const uint8_t *data, unsigned len)
{
    if (!array_can_change(s, offset, STATUS_PROGRAM_ERROR)) {
        return;
    }
    for (unsigned i = 0; i < len; i++) {
        array(s)[offset + i] &= data[i];
    }
    array_written(s, offset, len, STATUS_PROGRAM_ERROR);
}

static void array_erase(PflashState *s, uint64_t offset)
{
    offset -= offset % s->sector_length;
    if (!array_can_change(s, offset, STATUS_ERASE_ERROR)) {
        return;
    }
    memset(array(s) + offset, 0xff, s->sector_length);
    array_written(s, offset, s->sector_length, STATUS_ERASE_ERROR);
}

/* ---- write sequences ---- */

static void sequence_error(PflashState *s, hwaddr offset, uint64_t val)
{
    rhea_log_mask(LOG_GUEST_ERROR,
                  "%s: write of 0x%" PRIx64 " at offset 0x%" PRIx64 " breaks a command\n", s->name,
                  val, offset);
    s->status |= STATUS_SEQUENCE_ERROR;
    s->buffer_left = 0;
    s->step = STEP_COMMAND;
    s->mode = MODE_STATUS;
}

static void command_write(PflashState *s, hwaddr offset, uint8_t command)
{
    switch (command) {
    case 0x00: /* of no meaning, but written by guests that look for other kinds of flash */
    case 0xf0:
    case 0xff: /* read array */
        s->mode = MODE_ARRAY;
        break;
    case 0x10: /* program */
    case 0x40:
        s->step = STEP_PROGRAM;
        s->mode = MODE_STATUS;
        break;
    case 0x20: /* block erase */
        s->step = STEP_ERASE;
        s->mode = MODE_STATUS;
        break;
    case 0x50: /* clear status register */
        s->status = STATUS_READY;
        s->mode = MODE_ARRAY;
        break;
    case 0x60: /* block lock, unlock */
        s->step = STEP_LOCK;
        s->mode = MODE_STATUS;
        break;
    case 0x70: /* read status register */
        s->mode = MODE_STATUS;
        break;
    case 0x90: /* read identifier */
        s->mode = MODE_ID;
        break;
    case 0x98: /* query */
        s->mode = MODE_QUERY;
        break;
    case 0xb0: /* suspend and */
    case 0xd0: /* resume: nothing is ever under way */
        break;
    case 0xe8: /* buffered program */
        s->step = STEP_COUNT;
        s->mode = MODE_STATUS;
        s->buffer_block = offset / s->sector_length;
        s->buffer_placed = false;
        memset(s->buffer, 0xff, sizeof(s->buffer));
        break;
    default:
        rhea_log_mask(LOG_GUEST_ERROR, "%s: unknown command 0x%02x\n", s->name, command);
        s->mode = MODE_ARRAY;
    }
}

static void lock_write(PflashState *s, hwaddr offset, uint8_t command, uint64_t val)
{
    s->step = STEP_COMMAND;
    switch (command) {
    case 0x01:
        s->locked[offset / s->sector_length] = 1;
        break;
    case 0xd0: /* clears the lock bits of all blocks */
        memset(s->locked, 0, s->num_blocks);
        break;
    case 0xff:
        s->mode = MODE_ARRAY;
        break;
    default:
        sequence_error(s, offset, val);
    }
}

static void count_write(PflashState *s, hwaddr offset, uint64_t val)
{
    uint32_t words = (val & (s->device_width == 1 ? 0xff : 0xffff)) + 1;

    if (words > s->buffer_size / s->width) {
        sequence_error(s, offset, val);
        return;
    }
    s->buffer_left = words;
    s->step = STEP_BUFFER;
}

static void buffer_write(PflashState *s, hwaddr offset, unsigned size, uint64_t val)
{
    if (!s->buffer_placed) {
        s->buffer_base = offset - offset % s->buffer_size;
        s->buffer_placed = true;
    }
    if (offset / s->sector_length != s->buffer_block || offset < s->buffer_base ||
        offset + size > (uint64_t)s->buffer_base + s->buffer_size) {
        sequence_error(s, offset, val);
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        s->buffer[offset - s->buffer_base + i] &= val >> i * 8;
    }
    if (--s->buffer_left == 0) {
        s->step = STEP_CONFIRM;
    }
}

static MemTxResult pflash_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    PflashState *s = opaque;
    uint8_t command = val, data[8];

    switch (s->step) {
    case STEP_COMMAND:
        command_write(s, offset, command);
        break;
    case STEP_PROGRAM:
        for (unsigned i = 0; i < size; i++) {
            data[i] = val >> i * 8;
        }
        array_program(s, offset, data, size);
        s->step = STEP_COMMAND;
        break;
    case STEP_ERASE:
        if (command == 0xd0) {
            array_erase(s, offset);
            s->step = STEP_COMMAND;
        } else {
            sequence_error(s, offset, val);
        }
        break;
    case STEP_LOCK:
        lock_write(s, offset, command, val);
        break;
    case STEP_COUNT:
        count_write(s, offset, val);
        break;
    case STEP_BUFFER:
        buffer_write(s, offset, size, val);
        break;
    case STEP_CONFIRM:
        if (command == 0xd0) {
            array_program(s, s->buffer_base, s->buffer, s->buffer_size);
            s->step = STEP_COMMAND;
        } else {
            sequence_error(s, offset, val);
        }
        break;
    }
    mode_update(s);
    return MEMTX_OK;
}

static const MmioOps pflash_ops = {.read = pflash_read, .write = pflash_write, .impl_max = 4};

/* ---- device ---- */

static unsigned log2_of(uint64_t val)
{
    return 63 - __builtin_clzll(val);
}

static void query_fill(PflashState *s)
{
    uint64_t chip_block = s->sector_length / s->lanes;
    uint8_t *q = s->query;

    memcpy(&q[0x10], "QRY", 3);
    q[0x13] = 0x01; /* Intel extended command set, */
    q[0x15] = 0x31; /* whose table is there; no alternative */
    q[0x1b] = 0x45; /* Vcc 4.5 V */
    q[0x1c] = 0x55; /*  to 5.5 V; no Vpp */
    q[0x1f] = 0x07; /* 2^n us to program a word */
    q[0x20] = 0x07; /*        a full buffer */
    q[0x21] = 0x0a; /* 2^n ms to erase a block */
    q[0x23] = 0x04; /* at most 2^n times as long */
    q[0x24] = 0x04;
    q[0x25] = 0x04;
    q[0x27] = log2_of(array_size(s) / s->lanes);
    q[0x28] = 0x02; /* x8 and x16 */
    q[0x2a] = log2_of(BUFFER_PER_CHIP);
    q[0x2c] = 0x01; /* one region of equal blocks: */
    q[0x2d] = s->num_blocks - 1;
    q[0x2e] = (s->num_blocks - 1) >> 8;
    q[0x2f] = chip_block >> 8;
    q[0x30] = chip_block >> 16;
    memcpy(&q[0x31], "PRI10", 5);
    q[0x3f] = 0x01; /* protection fields */
}

static bool backend_load(PflashState *s, GError **err)
{
    if (block_size(s->backend) != array_size(s)) {
        rhea_error_set(
            err, "device requires %" PRIu64 " bytes, block backend provides %" PRIu64 " bytes",
            array_size(s), block_size(s->backend));
        return false;
    }
    if (s->map_path) {
        return true;
    }
    int ret = block_pread(s->backend, 0, array(s), array_size(s));
    if (ret < 0) {
        rhea_error_set(err, "cannot read the flash image: %s", g_strerror(-ret));
        return false;
    }
    return true;
}

static bool pflash_realize(void *opaque, GError **err)
{
    PflashState *s = opaque;
    uint64_t size = array_size(s);

    if (!s->width || s->width > 4 || (s->width & (s->width - 1)) || !s->device_width ||
        s->device_width > 2 || (s->device_width & (s->device_width - 1)) ||
        s->width < s->device_width || !s->num_blocks || s->num_blocks > 65536 ||
        !s->sector_length || (s->sector_length & (s->sector_length - 1)) ||
        s->sector_length < BUFFER_MAX || size > (uint64_t)1 << 31) {
        rhea_error_set(err,
                       "impossible flash geometry: %u blocks of %" PRIu64 " bytes, width %u of %u",
                       s->num_blocks, s->sector_length, s->width, s->device_width);
        return false;
    }
    s->lanes = s->width / s->device_width;
    s->buffer_size = BUFFER_PER_CHIP * s->lanes;
    device_state_alloc(s);
    if (s->backend && block_size(s->backend) != size) {
        return backend_load(s, err);
    }
    s->block =
        ram_block_new(s->dev.ms, s->name, size, &(RamBlockOptions){.path = s->map_path}, err);
    if (!s->block || (s->backend && !backend_load(s, err))) {
        return false;
    }
    query_fill(s);
    memory_region_init_romd(&s->dev.mmio[0], s->name, s->block, &pflash_ops, s, &s->dev.lock);
    return true;
}

static void pflash_unrealize(void *opaque)
{
    PflashState *s = opaque;

    g_clear_pointer(&s->backend, block_close);
}

static void pflash_reset(void *opaque)
{
    mode_update(opaque);
}

static bool pflash_post_load(void *opaque, GError **err)
{
    PflashState *s = opaque;
    bool bad = s->mode >= MODE_COUNT || s->step > STEP_LAST ||
               s->buffer_left > s->buffer_size / s->width || s->buffer_block >= s->num_blocks ||
               s->buffer_base >= array_size(s) || s->buffer_base % s->buffer_size ||
               (s->step == STEP_BUFFER) != (s->buffer_left != 0) ||
               (s->step == STEP_CONFIRM && !s->buffer_placed);

    for (unsigned i = 0; i < s->num_blocks; i++) {
        bad |= s->locked[i] > 1;
    }
    if (bad) {
        memset(s->locked, 0, s->num_blocks);
        rhea_error_set(err, "snapshot: flash state that cannot be");
        return false;
    }
    mode_update(s);
    return true;
}

// clang-format off
DEVICE(pflash, PflashState,
    .name = "cfi.pflash01",
    .desc = "Parallel flash with the Intel command set",
    .bus = "System",
    .category = DEVICE_STORAGE,
    .props = pflash_props,
    .version = 1,
    .realize = pflash_realize,
    .unrealize = pflash_unrealize,
    .reset = pflash_reset,
    .post_load = pflash_post_load);
// clang-format on

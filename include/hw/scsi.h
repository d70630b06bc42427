/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * SCSI: host adapters have a ScsiBus, logical units sit on it.
 *
 * Specification: SAM-3 (logical units, sense, unit attention), SPC-3 (primary commands).
 *
 * An adapter fills in a ScsiRequest and calls scsi_submit(); done() is called when the command has
 * ended, at once or later. All data of a command is there from the start, as pieces of memory.
 *
 * Lock: everything of a bus, its logical units included, is under the adapter's lock; data moves
 * without it. done() is called with it held. Test: tests/unit/test-scsi.c
 */
#ifndef HW_SCSI_H
#define HW_SCSI_H

#include "hw/block_conf.h"

#define SCSI_CDB_MAX    32
#define SCSI_SENSE_SIZE 18
#define SCSI_TARGETS    256
#define SCSI_LUN_MAX    16383

enum { SCSI_GOOD = 0, SCSI_CHECK_CONDITION = 2, SCSI_BUSY = 8 };

/* Sense: key << 16 | additional code << 8 | qualifier, SPC-3, 4.5.6. */
typedef enum ScsiSense {
    SENSE_NONE = 0,
    SENSE_NOT_READY_NO_MEDIUM = 0x023a00,
    SENSE_NOT_READY_TRAY_OPEN = 0x023a02,
    SENSE_NOT_READY_STOPPED = 0x020402,
    SENSE_READ_ERROR = 0x031100,
    SENSE_WRITE_ERROR = 0x030c00,
    SENSE_MISCOMPARE = 0x0e1d00,
    SENSE_PARAMETER_LENGTH = 0x051a00,
    SENSE_INVALID_OPCODE = 0x052000,
    SENSE_LBA_RANGE = 0x052100,
    SENSE_INVALID_FIELD = 0x052400,
    SENSE_NO_SUCH_LUN = 0x052500,
    SENSE_INVALID_PARAMETER = 0x052600,
    SENSE_SAVING_UNSUPPORTED = 0x053900,
    SENSE_REMOVAL_PREVENTED = 0x055302,
    SENSE_WRITE_PROTECTED = 0x072700,
    SENSE_SPACE = 0x072707,
} ScsiSense;

/* Unit attentions: additional code << 8 | qualifier. */
enum { UA_NONE = 0, UA_POWER_ON = 0x2900, UA_RESET = 0x2903, UA_MEDIUM_CHANGED = 0x2800, UA_CAPACITY = 0x2a09 };

typedef struct ScsiRequest ScsiRequest;
typedef struct ScsiBus ScsiBus;

#define SCSI_CORE_STATE(F, A, D, N) F(uint16_t, unit_attention, UA_POWER_ON)

/* What all logical units have; a device has SCSI_STATE(N) first in its list: `scsi`. */
SUBSTATE(scsi_core, ScsiUnit, SCSI_CORE_STATE, Device *dev; ScsiBus * bus; uint32_t target;
         uint32_t lun; /* since it sits on the bus */
         /* Properties; UINT32_MAX: the first that is free. */
         uint32_t channel; uint32_t wanted_target; uint32_t wanted_lun;)

#define SCSI_STATE(N) N(ScsiUnit, scsi, 1, scsi_core)

#define SCSI_PROPS                                                                                 \
    PROP("channel", U32, scsi[0].channel, "0", PUBLIC, "0"),                                       \
        PROP("scsi-id", U32, scsi[0].wanted_target, "4294967295", PUBLIC, "target, 0 to 255"),     \
        PROP("lun", U32, scsi[0].wanted_lun, "4294967295", PUBLIC, "logical unit, 0 to 16383")

typedef struct ScsiClass {
    uint32_t core; /* offset of its ScsiUnit */
    /* Do a command; the core has done those that are not the device's. */
    void (*execute)(void *dev, ScsiRequest *r);
    /* Let what is under way end soon, with an error where it was not begun. */
    void (*cancel)(void *dev);
    /* Without the lock: return when nothing is under way. */
    void (*drain)(void *dev);
} ScsiClass;

struct ScsiRequest {
    /* From the adapter, which owns it until done(). */
    uint8_t cdb[SCSI_CDB_MAX];
    const struct iovec *out, *in; /* what the device reads, and writes */
    int n_out, n_in;
    uint64_t out_len, in_len;
    void (*done)(ScsiRequest *r);
    void *opaque;
    /* The answer. */
    uint8_t status;
    uint8_t sense[SCSI_SENSE_SIZE];
    unsigned sense_len;
    uint64_t moved; /* bytes of data, from the start */
    bool overrun;   /* the command wants more data than there is room for */
    bool held;      /* it failed where that stops the machine: submit it again later */
    /* The device's own. */
    ScsiUnit *unit;
    BlockRequest io;
    struct iovec *iov;
    uint8_t *buf;
    uint64_t lba, len;
    uint32_t step;
    struct iovec buf_iov;
};

struct ScsiBus {
    DeviceBus bus;
    GPtrArray *units;   /* ScsiUnit *, by target and logical unit; under the lock */
    IoThread *iothread; /* where the adapter wants requests to end, or NULL */
    /* A unit came or is about to go while the machine is there; with the lock. May be NULL. */
    void (*changed)(ScsiBus *bus, ScsiUnit *u, bool removed);
};

void scsi_bus_init(ScsiBus *b, Device *adapter, const char *name, bool hotplug);
void scsi_bus_destroy(ScsiBus *b);
/* NULL: there is none. */
ScsiUnit *scsi_find(ScsiBus *b, uint32_t target, uint32_t lun);
bool scsi_has_target(ScsiBus *b, uint32_t target);
/* Do a command for this address; the target exists. */
void scsi_submit(ScsiBus *b, uint32_t target, uint32_t lun, ScsiRequest *r);
/* Reset of the bus: all units. */
void scsi_bus_reset(ScsiBus *b);
/* Nobody waits for the requests of its units any more. */
void scsi_bus_cancel(ScsiBus *b);

static inline const ScsiClass *scsi_class(const void *dev)
{
    return ((const Device *)dev)->cls->sub;
}

static inline ScsiUnit *scsi_unit(void *dev)
{
    return (ScsiUnit *)((uint8_t *)dev + scsi_class(dev)->core);
}

/* For units. */
void scsi_complete(ScsiRequest *r);              /* status GOOD */
void scsi_fail(ScsiRequest *r, ScsiSense sense); /* CHECK CONDITION */
/* Answer with up to len bytes, at most `allocation`. */
void scsi_reply(ScsiRequest *r, const void *data, uint32_t len, uint32_t allocation);
void scsi_sense_put(uint8_t *sense, uint32_t code);

static inline uint16_t scsi_get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static inline uint32_t scsi_get32(const uint8_t *p)
{
    return (uint32_t)scsi_get16(p) << 16 | scsi_get16(p + 2);
}

static inline uint64_t scsi_get64(const uint8_t *p)
{
    return (uint64_t)scsi_get32(p) << 32 | scsi_get32(p + 4);
}

static inline void scsi_put16(uint8_t *p, uint16_t val)
{
    p[0] = val >> 8;
    p[1] = val;
}

static inline void scsi_put32(uint8_t *p, uint32_t val)
{
    scsi_put16(p, val >> 16);
    scsi_put16(p + 2, val);
}

static inline void scsi_put64(uint8_t *p, uint64_t val)
{
    scsi_put32(p, val >> 32);
    scsi_put32(p + 4, val);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * An NVMe driver for tests: a controller on the test machine's PCI bus, the admin queue as number
 * 0 and one I/O queue as number 1, all in the test machine's RAM. Uses the machine, the drive and
 * the bus of virtio-driver.h.
 */
#ifndef TESTS_UNIT_NVME_DRIVER_H
#define TESTS_UNIT_NVME_DRIVER_H

#include "tests/unit/virtio-driver.h"

#define SQ_AT(q)  (0x10000 + (q)*0x4000)
#define CQ_AT(q)  (0x12000 + (q)*0x4000)
#define DATA      0x80000
#define N_ENTRIES 16

enum { ADMIN_SQ_DEL, ADMIN_SQ, ADMIN_LOG, ADMIN_CQ_DEL = 4, ADMIN_CQ, ADMIN_IDENTIFY };
enum { ADMIN_ABORT = 8, ADMIN_SET, ADMIN_GET, ADMIN_AER = 12 };
enum { FLUSH, NVM_WRITE, NVM_READ, COMPARE = 5, ZEROES = 8, DATASET };

typedef struct Nvme {
    Driver d; /* first */
    uint16_t tail[4], head[4], cid;
    bool phase[4];
} Nvme;

/* A command as the driver writes it. */
typedef struct Sqe {
    uint8_t op;
    uint32_t nsid;
    uint64_t prp1, prp2;
    uint32_t c10, c11, c12;
    uint16_t flags;
} Sqe;

typedef struct Cqe {
    uint32_t result;
    uint16_t head, sqid, cid, status; /* without the phase */
} Cqe;

static inline void nvme_open(Nvme *n, const char *plug, size_t size, bool async, const char *drive)
{
    GError *err = NULL;

    memset(n, 0, sizeof(*n));
    driver_open_pci(&n->d, async);
    driver_add_drive(&n->d, size, drive);
    driver_plug(&n->d, plug, &err);
    g_assert_no_error(err);
    pci_config_write(pci_core(n->d.dev), PCI_COMMAND, 2, PCI_COMMAND_MASTER);
}

static inline uint64_t nreg(Nvme *n, unsigned at, unsigned size)
{
    return reg_read(n->d.dev, 0, at, size);
}

static inline void nreg_set(Nvme *n, unsigned at, unsigned size, uint64_t val)
{
    reg_write(n->d.dev, 0, at, size, val);
}

static inline bool nvme_wait(Nvme *n, uint32_t mask, uint32_t val)
{
    for (unsigned i = 0; i < 10000; i++) {
        if ((nreg(n, 0x1c, 4) & mask) == val) {
            return true;
        }
        g_usleep(1000);
    }
    return false;
}

static inline void nvme_enable(Nvme *n)
{
    nreg_set(n, 0x14, 4, 0);
    g_assert_true(nvme_wait(n, 1, 0));
    memset(ram(&n->d, SQ_AT(0)), 0, 0x10000);
    for (unsigned q = 0; q < 4; q++) {
        n->tail[q] = n->head[q] = 0;
        n->phase[q] = true;
    }
    nreg_set(n, 0x24, 4, (N_ENTRIES - 1) << 16 | (N_ENTRIES - 1));
    nreg_set(n, 0x28, 8, SQ_AT(0));
    nreg_set(n, 0x30, 8, CQ_AT(0));
    nreg_set(n, 0x14, 4, 6 << 16 | 4 << 20 | 1);
    g_assert_true(nvme_wait(n, 3, 1));
}

/* Put a command in a queue, without the doorbell; its identifier. */
static inline uint16_t sqe_put(Nvme *n, unsigned q, Sqe c)
{
    hwaddr at = SQ_AT(q) + 64 * n->tail[q];

    memset(ram(&n->d, at), 0, 64);
    put32(&n->d, at, c.op | c.flags << 8 | (uint32_t)++n->cid << 16);
    put32(&n->d, at + 4, c.nsid);
    put64(&n->d, at + 24, c.prp1);
    put64(&n->d, at + 32, c.prp2);
    put32(&n->d, at + 40, c.c10);
    put32(&n->d, at + 44, c.c11);
    put32(&n->d, at + 48, c.c12);
    n->tail[q] = (n->tail[q] + 1) % N_ENTRIES;
    return n->cid;
}

static inline void sq_ring(Nvme *n, unsigned q)
{
    nreg_set(n, 0x1000 + 8 * q, 4, n->tail[q]);
}

/* Is there a completion? It is not acknowledged. */
static inline bool cqe_there(Nvme *n, unsigned q, Cqe *e)
{
    hwaddr at = CQ_AT(q) + 16 * n->head[q];
    uint32_t last = memory_ld32_le(n->d.t.m->as, at + 12, NULL);

    if ((last >> 16 & 1) != n->phase[q]) {
        return false;
    }
    uint32_t third = memory_ld32_le(n->d.t.m->as, at + 8, NULL);
    *e = (Cqe){memory_ld32_le(n->d.t.m->as, at, NULL), third, third >> 16, last, last >> 17};
    n->head[q] = (n->head[q] + 1) % N_ENTRIES;
    n->phase[q] ^= n->head[q] == 0;
    return true;
}

static inline Cqe cqe_next(Nvme *n, unsigned q)
{
    Cqe e = {0};

    for (unsigned i = 0; !cqe_there(n, q, &e); i++) {
        g_assert_cmpuint(i, <, 10000);
        g_usleep(1000);
    }
    nreg_set(n, 0x1004 + 8 * q, 4, n->head[q]);
    return e;
}

/* One command from start to end: its status. */
static inline uint16_t nvme_do(Nvme *n, unsigned q, Sqe c, uint32_t *result)
{
    uint16_t cid = sqe_put(n, q, c);

    sq_ring(n, q);
    Cqe e = cqe_next(n, q);
    g_assert_cmphex(e.cid, ==, cid);
    g_assert_cmpuint(e.sqid, ==, q);
    if (result) {
        *result = e.result;
    }
    return e.status & 0x7ff;
}

static inline uint16_t admin(Nvme *n, Sqe c)
{
    return nvme_do(n, 0, c, NULL);
}

static inline void io_queue_make(Nvme *n, unsigned q)
{
    g_assert_cmphex(
        admin(n,
              (Sqe){.op = ADMIN_CQ, .prp1 = CQ_AT(q), .c10 = q | (N_ENTRIES - 1) << 16, .c11 = 3}),
        ==, 0);
    g_assert_cmphex(admin(n, (Sqe){.op = ADMIN_SQ,
                                   .prp1 = SQ_AT(q),
                                   .c10 = q | (N_ENTRIES - 1) << 16,
                                   .c11 = 1 | q << 16}),
                    ==, 0);
}

/* Read or write of blocks by the I/O queue: status. */
static inline uint16_t nvme_rw(Nvme *n, uint8_t op, uint64_t lba, unsigned blocks, uint64_t prp1,
                               uint64_t prp2)
{
    return nvme_do(n, 1,
                   (Sqe){.op = op,
                         .nsid = 1,
                         .prp1 = prp1,
                         .prp2 = prp2,
                         .c10 = lba,
                         .c11 = lba >> 32,
                         .c12 = blocks - 1},
                   NULL);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * NVMe: enabling, Identify, queues, PRPs of all shapes, commands and their errors, events, resets
 * with commands under way, held commands, properties.
 */
#include "tests/unit/nvme-driver.h"

#include "hw/nvme/private.h"

#include <signal.h>
#include <sys/resource.h>

#define SIZE   0x40000 /* 512 blocks */
#define PLUG   "nvme,serial=s1,drive=d0"
#define BLOCKS (SIZE / 512)

static const uint8_t *data(Nvme *n, unsigned at)
{
    return ram(&n->d, DATA + at);
}

static void start(Nvme *n, const char *plug, bool async, const char *drive)
{
    nvme_open(n, plug, SIZE, async, drive);
    nvme_enable(n);
    io_queue_make(n, 1);
}

static void test_enable(void)
{
    Nvme n;

    nvme_open(&n, PLUG, SIZE, false, NULL);
    g_assert_cmphex(nreg(&n, 0, 8), ==, 0x4000200f0107ff);
    g_assert_cmphex(nreg(&n, 4, 4), ==, 0x400020);
    g_assert_cmphex(nreg(&n, 8, 4), ==, 0x10400);
    /* A queue that is not on a page, sizes of one entry, pages too large: a fatal status. */
    nreg_set(&n, 0x24, 4, 0);
    nreg_set(&n, 0x28, 8, SQ_AT(0) + 0x1000);
    g_assert_cmphex(nreg(&n, 0x28, 4), ==, SQ_AT(0) + 0x1000);
    nreg_set(&n, 0x14, 4, 1);
    g_assert_cmphex(nreg(&n, 0x1c, 4), ==, 2);
    nreg_set(&n, 0x14, 4, 0);
    g_assert_cmphex(nreg(&n, 0x1c, 4), ==, 0);
    nreg_set(&n, 0x24, 4, 0xf000f);
    nreg_set(&n, 0x14, 4, 5 << 7 | 1);
    g_assert_cmphex(nreg(&n, 0x1c, 4), ==, 2);
    nvme_enable(&n);
    /* INTMS and INTMC are two views of one mask. */
    nreg_set(&n, 0xc, 4, 5);
    nreg_set(&n, 0x10, 4, 4);
    g_assert_cmphex(nreg(&n, 0xc, 4), ==, 1);
    /* Shutdown. */
    nreg_set(&n, 0x14, 4, nreg(&n, 0x14, 4) | 1 << 14);
    g_assert_true(nvme_wait(&n, 0xc, 8));
    driver_close(&n.d);

    /* Shutdowns again and again while caches are being flushed: one at a time. */
    nvme_open(&n, PLUG, SIZE, true, NULL);
    for (unsigned i = 0; i < 100; i++) {
        nreg_set(&n, 0x14, 4, 1 << 14);
        nreg_set(&n, 0x14, 4, 0);
        nreg_set(&n, 0x14, 4, 1 << 14 | 1);
        g_assert_cmpuint(((NvmeState *)n.d.dev)->n_busy, <=, 1);
    }
    driver_close(&n.d);
}

static void test_identify(void)
{
    Nvme n;
    uint32_t val;

    start(&n, PLUG ",logical_block_size=4096", false, ",discard=unmap");
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_IDENTIFY, .prp1 = DATA, .c10 = 1}), ==, 0);
    g_assert_cmpmem(data(&n, 4), 20, "s1                  ", 20);
    g_assert_cmphex(data(&n, 512)[0], ==, 0x66);
    g_assert_cmphex(data(&n, 77)[0], ==, 7);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_IDENTIFY, .nsid = 1, .prp1 = DATA}), ==, 0);
    g_assert_cmpuint(pci_get64(data(&n, 0)), ==, SIZE / 4096);
    g_assert_cmphex(data(&n, 24)[0] & 1, ==, 1);
    g_assert_cmphex(data(&n, 130)[0], ==, 12);
    /* One that is not there, and numbers that cannot be. */
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_IDENTIFY, .nsid = 2, .prp1 = DATA}), ==, 0);
    g_assert_cmpuint(pci_get64(data(&n, 0)), ==, 0);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_IDENTIFY, .prp1 = DATA}), ==,
                    NVME_INVALID_NAMESPACE);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_IDENTIFY, .nsid = 257, .prp1 = DATA}), ==,
                    NVME_INVALID_NAMESPACE);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_IDENTIFY, .prp1 = DATA, .c10 = 2}), ==, 0);
    g_assert_cmpuint(pci_get64(data(&n, 0)), ==, 1);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_IDENTIFY, .nsid = 1, .prp1 = DATA, .c10 = 3}), ==,
                    0);
    g_assert_cmphex(pci_get16(data(&n, 0)), ==, 0x1003);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_IDENTIFY, .prp1 = DATA, .c10 = 0x77}), ==,
                    NVME_INVALID_FIELD);
    /* Features. */
    g_assert_cmphex(nvme_do(&n, 0, (Sqe){.op = ADMIN_GET, .c10 = 7}, &val), ==, 0);
    g_assert_cmphex(val, ==, 63 << 16 | 63);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_SET, .c10 = 7, .c11 = 0x10001}), ==,
                    NVME_SEQUENCE_ERROR);
    g_assert_cmphex(nvme_do(&n, 0, (Sqe){.op = ADMIN_GET, .c10 = 6}, &val), ==, 0);
    g_assert_cmphex(val, ==, 1);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_SET, .c10 = 6}), ==, 0);
    g_assert_cmphex(nvme_do(&n, 0, (Sqe){.op = ADMIN_GET, .c10 = 6}, &val), ==, 0);
    g_assert_cmphex(val, ==, 0);
    g_assert_cmphex(nvme_do(&n, 0, (Sqe){.op = ADMIN_GET, .c10 = 0x106}, &val), ==, 0);
    g_assert_cmphex(val, ==, 1);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_SET, .c10 = 1u << 31 | 6}), ==,
                    NVME_FEATURE_NOT_SAVEABLE);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_GET, .c10 = 0x7f}), ==, NVME_INVALID_FIELD);
    /* Log pages: health, and one that is not there. */
    g_assert_cmphex(
        admin(&n,
              (Sqe){.op = ADMIN_LOG, .nsid = NVME_NSID_ALL, .prp1 = DATA, .c10 = 127 << 16 | 2}),
        ==, 0);
    g_assert_cmpuint(pci_get16(data(&n, 1)), ==, 323);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_LOG, .prp1 = DATA, .c10 = 0x99}), ==,
                    NVME_LOG_PAGE_INVALID);
    g_assert_cmphex(admin(&n, (Sqe){.op = 0x99}), ==, NVME_INVALID_OPCODE);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_IDENTIFY, .flags = 0x40}), ==, NVME_INVALID_FIELD);
    driver_close(&n.d);
}

static void test_queues(void)
{
    Nvme n;

    nvme_open(&n, PLUG ",max_ioqpairs=2", SIZE, false, NULL);
    nvme_enable(&n);
    g_assert_cmphex(
        admin(&n, (Sqe){.op = ADMIN_SQ, .prp1 = SQ_AT(1), .c10 = 0xf0001, .c11 = 0x10001}), ==,
        NVME_CQ_INVALID);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_CQ, .prp1 = CQ_AT(1), .c10 = 0xf0003, .c11 = 3}),
                    ==, NVME_QID_INVALID);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_CQ, .prp1 = CQ_AT(1), .c10 = 0x0001, .c11 = 3}), ==,
                    NVME_QUEUE_SIZE);
    g_assert_cmphex(
        admin(&n, (Sqe){.op = ADMIN_CQ, .prp1 = CQ_AT(1), .c10 = 0xf0001, .c11 = 65 << 16 | 3}), ==,
        NVME_VECTOR_INVALID);
    g_assert_cmphex(
        admin(&n, (Sqe){.op = ADMIN_CQ, .prp1 = CQ_AT(1) + 8, .c10 = 0xf0001, .c11 = 3}), ==,
        NVME_PRP_OFFSET);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_CQ, .prp1 = CQ_AT(1), .c10 = 0xf0001, .c11 = 2}),
                    ==, NVME_INVALID_FIELD);
    io_queue_make(&n, 1);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_CQ_DEL, .c10 = 1}), ==, NVME_QUEUE_DELETION);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_SQ_DEL, .c10 = 2}), ==, NVME_QID_INVALID);
    test_snapshot(n.d.dev);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 3, 1, DATA, 0), ==, 0);
    g_assert_cmphex(data(&n, 0)[0], ==, 4);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_SQ_DEL, .c10 = 1}), ==, 0);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_CQ_DEL, .c10 = 1}), ==, 0);
    driver_close(&n.d);
}

/* Completions wait for room; none is lost. */
static void test_full_queue(void)
{
    Nvme n;
    Cqe e;
    unsigned seen = 0;

    start(&n, PLUG, false, NULL);
    /* A submission queue of the same size on the same completion queue. */
    g_assert_cmphex(
        admin(&n, (Sqe){.op = ADMIN_SQ, .prp1 = SQ_AT(2), .c10 = 2 | 15 << 16, .c11 = 1 | 1 << 16}),
        ==, 0);
    for (unsigned q = 1; q <= 2; q++) {
        for (unsigned i = 0; i < 12; i++) {
            sqe_put(&n, q, (Sqe){.op = FLUSH, .nsid = 1});
        }
        sq_ring(&n, q);
    }
    while (cqe_there(&n, 1, &e)) {
        seen++;
    }
    g_assert_cmpuint(seen, ==, 15);
    nreg_set(&n, 0x100c, 4, n.head[1]);
    while (cqe_there(&n, 1, &e)) {
        seen++;
    }
    g_assert_cmpuint(seen, ==, 24);
    driver_close(&n.d);
}

static void test_interrupt(void)
{
    Nvme n;

    start(&n, PLUG, false, NULL);
    sqe_put(&n, 1, (Sqe){.op = FLUSH, .nsid = 1});
    g_assert_false(n.d.line.level);
    sq_ring(&n, 1);
    g_assert_true(n.d.line.level);
    nreg_set(&n, 0xc, 4, 1);
    g_assert_false(n.d.line.level);
    nreg_set(&n, 0x10, 4, 1);
    g_assert_true(n.d.line.level);
    cqe_next(&n, 1);
    g_assert_false(n.d.line.level);
    driver_close(&n.d);
}

static void test_prps(void)
{
    Nvme n;

    start(&n, PLUG ",mdts=4", false, NULL);
    /* Odd start, and a second page. */
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 0, 8, DATA + 0xe00, DATA + 0x3000), ==, 0);
    g_assert_cmphex(data(&n, 0xe00)[0], ==, 1);
    g_assert_cmphex(data(&n, 0x3000)[0], ==, 2);
    g_assert_cmphex(data(&n, 0x3c00)[0], ==, 8);
    /* A list, which itself goes on in another page. */
    for (unsigned i = 0; i < 3; i++) {
        put64(&n.d, DATA + 0x20fe8 + 8 * i, DATA + 0x8000 - 0x1000 * i);
    }
    put64(&n.d, DATA + 0x20ff8, DATA + 0x21000);
    for (unsigned i = 0; i < 4; i++) {
        put64(&n.d, DATA + 0x21000 + 8 * i, DATA + 0x10000 + 0x1000 * i);
    }
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 0, 56, DATA, DATA + 0x20fe8), ==, 0);
    g_assert_cmphex(data(&n, 0)[0], ==, 1);
    g_assert_cmphex(data(&n, 0x8000)[0], ==, 9);
    g_assert_cmphex(data(&n, 0x7000)[0], ==, 17);
    g_assert_cmphex(data(&n, 0x10000)[0], ==, 25);
    g_assert_cmphex(data(&n, 0x13000)[0], ==, 49);
    /* What is wrong. */
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 0, 1, DATA + 2, 0), ==, NVME_PRP_OFFSET);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 0, 9, DATA, DATA + 0x1200), ==, NVME_PRP_OFFSET);
    put64(&n.d, DATA + 0x21000, DATA + 0x10200);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 0, 56, DATA, DATA + 0x20fe8), ==, NVME_PRP_OFFSET);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 0, 1, NO_RAM, 0), ==, NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 0, 56, DATA, NO_RAM), ==, NVME_DATA_TRANSFER_ERROR);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 0, 129, DATA, DATA), ==, NVME_INVALID_FIELD);
    driver_close(&n.d);
}

static void test_commands(gconstpointer async)
{
    Nvme n;
    uint32_t val;

    start(&n, PLUG, GPOINTER_TO_INT(async), ",discard=unmap");
    memset(ram(&n.d, DATA), 0xaa, 0x1000);
    g_assert_cmphex(nvme_rw(&n, NVM_WRITE, 10, 2, DATA, 0), ==, 0);
    g_assert_cmphex(nvme_rw(&n, COMPARE, 10, 2, DATA, 0), ==, 0);
    g_assert_cmphex(nvme_rw(&n, COMPARE, 9, 2, DATA, 0), ==, NVME_COMPARE_FAILURE);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 9, 4, DATA + 0x1000, 0), ==, 0);
    g_assert_cmphex(data(&n, 0x1000)[511], ==, 10);
    g_assert_cmphex(data(&n, 0x1200)[0], ==, 0xaa);
    g_assert_cmphex(data(&n, 0x1600)[0], ==, 13);
    /* Zeroes, once with the bit that may deallocate. */
    g_assert_cmphex(
        nvme_do(&n, 1, (Sqe){.op = ZEROES, .nsid = 1, .c10 = 10, .c12 = 1u << 25 | 0}, NULL), ==,
        0);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 10, 2, DATA, 0), ==, 0);
    g_assert_cmphex(data(&n, 0)[0], ==, 0);
    g_assert_cmphex(data(&n, 0x200)[0], ==, 0xaa);
    /* Dataset management: two good ranges and an empty one, then one beyond the end. */
    memset(ram(&n.d, DATA), 0, 48);
    put32(&n.d, DATA + 4, 8);
    put64(&n.d, DATA + 8, 64);
    put32(&n.d, DATA + 36, 8);
    put64(&n.d, DATA + 40, BLOCKS - 8);
    g_assert_cmphex(
        nvme_do(&n, 1, (Sqe){.op = DATASET, .nsid = 1, .prp1 = DATA, .c10 = 2, .c11 = 4}, NULL), ==,
        0);
    put32(&n.d, DATA + 36, 9);
    g_assert_cmphex(
        nvme_do(&n, 1, (Sqe){.op = DATASET, .nsid = 1, .prp1 = DATA, .c10 = 2, .c11 = 4}, NULL), ==,
        NVME_LBA_RANGE);
    g_assert_cmphex(nvme_do(&n, 1, (Sqe){.op = FLUSH, .nsid = NVME_NSID_ALL}, NULL), ==, 0);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, BLOCKS, 1, DATA, 0), ==, NVME_LBA_RANGE);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, UINT64_MAX, 2, DATA, 0), ==, NVME_LBA_RANGE);
    g_assert_cmphex(nvme_do(&n, 1, (Sqe){.op = NVM_READ, .nsid = 9, .prp1 = DATA}, NULL), ==,
                    NVME_INVALID_FIELD);
    g_assert_cmphex(nvme_do(&n, 1, (Sqe){.op = NVM_READ, .prp1 = DATA}, NULL), ==,
                    NVME_INVALID_NAMESPACE);
    g_assert_cmphex(nvme_do(&n, 1, (Sqe){.op = 0x7f, .nsid = 1}, NULL), ==, NVME_INVALID_OPCODE);
    /* Abort of what is not under way. */
    g_assert_cmphex(nvme_do(&n, 0, (Sqe){.op = ADMIN_ABORT, .c10 = 0x50001}, &val), ==, 0);
    g_assert_cmphex(val, ==, 1);
    test_snapshot(n.d.dev);
    driver_close(&n.d);
}

static void test_events(void)
{
    Nvme n;
    Cqe e;
    uint32_t val;

    start(&n, PLUG ",aerl=1", false, NULL);
    for (unsigned i = 0; i < 3; i++) {
        sqe_put(&n, 0, (Sqe){.op = ADMIN_AER});
    }
    sq_ring(&n, 0);
    e = cqe_next(&n, 0);
    g_assert_cmphex(e.status & 0x7ff, ==, NVME_AER_LIMIT);
    /* A doorbell of no queue: an event, and one only until the log was read. */
    nreg_set(&n, 0x1000 + 8 * 5, 4, 1);
    e = cqe_next(&n, 0);
    g_assert_cmphex(e.status, ==, 0);
    g_assert_cmphex(e.result, ==, 0x010000);
    nreg_set(&n, 0x1008, 4, 99);
    g_assert_false(cqe_there(&n, 0, &e));
    sqe_put(&n, 0, (Sqe){.op = ADMIN_LOG, .prp1 = DATA, .c10 = 15 << 16 | 1});
    sq_ring(&n, 0);
    e = cqe_next(&n, 0);
    Cqe f = cqe_next(&n, 0);
    g_assert_cmphex(e.result | f.result, ==, 0x010100);
    /* The other request: aborted. */
    uint16_t cid = sqe_put(&n, 0, (Sqe){.op = ADMIN_AER});
    sq_ring(&n, 0);
    sqe_put(&n, 0, (Sqe){.op = ADMIN_ABORT, .c10 = (uint32_t)cid << 16});
    sq_ring(&n, 0);
    e = cqe_next(&n, 0);
    g_assert_cmphex(e.cid, ==, cid);
    g_assert_cmphex(e.status & 0x7ff, ==, NVME_ABORT_REQUESTED);
    e = cqe_next(&n, 0);
    g_assert_cmphex(e.result, ==, 0);
    g_assert_cmphex(nvme_do(&n, 0, (Sqe){.op = ADMIN_GET, .c10 = 11}, &val), ==, 0);
    driver_close(&n.d);
}

static void test_read_only(void)
{
    Nvme n;

    start(&n, PLUG, false, ",readonly=on");
    g_assert_cmphex(nvme_rw(&n, NVM_WRITE, 0, 1, DATA, 0), ==, NVME_WRITE_PROTECTED);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 0, 1, DATA, 0), ==, 0);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_IDENTIFY, .nsid = 1, .prp1 = DATA}), ==, 0);
    g_assert_cmphex(data(&n, 99)[0], ==, 1);
    driver_close(&n.d);
}

/* Resets while commands are with the disk. */
static void test_reset(void)
{
    Nvme n;

    nvme_open(&n, PLUG, SIZE, true, NULL);
    for (unsigned round = 0; round < 50; round++) {
        nvme_enable(&n);
        io_queue_make(&n, 1);
        for (unsigned i = 0; i < 15; i++) {
            sqe_put(&n, 1,
                    (Sqe){.op = i % 3, .nsid = 1, .prp1 = DATA + 0x1000 * i, .c10 = i, .c12 = 7});
        }
        sq_ring(&n, 1);
        switch (round % 4) {
        case 0:
            device_reset(n.d.dev);
            g_assert_cmphex(nreg(&n, 0x1c, 4), ==, 0);
            pci_config_write(pci_core(n.d.dev), PCI_COMMAND, 2, PCI_COMMAND_MASTER);
            break;
        case 1:
            /* Delete the queue: the end of its commands comes first. */
            sqe_put(&n, 0, (Sqe){.op = ADMIN_SQ_DEL, .c10 = 1});
            sq_ring(&n, 0);
            g_assert_cmphex(cqe_next(&n, 0).status, ==, 0);
            break;
        case 2:
            test_snapshot(n.d.dev);
            break;
        default:
            nreg_set(&n, 0x14, 4, nreg(&n, 0x14, 4) | 1 << 14);
            g_assert_true(nvme_wait(&n, 0xc, 8));
        }
    }
    driver_close(&n.d);
}

static void iterate(Nvme *n)
{
    for (unsigned i = 0; i < 10; i++) {
        mainloop_iterate(n->d.t.m->loop, false);
    }
}

/* A command that failed where that stops the machine is done again when it goes on. */
static void test_held(void)
{
    Nvme n;
    Cqe e;

    start(&n, PLUG, false, ",werror=stop");
    NvmeState *s = (NvmeState *)n.d.dev;
    /* Writes beyond this fail while the limit stands. */
    struct rlimit old, low = {4096, RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    setrlimit(RLIMIT_FSIZE, &low);
    memset(ram(&n.d, DATA), 0x77, 512);
    sqe_put(&n, 1, (Sqe){.op = NVM_WRITE, .nsid = 1, .prp1 = DATA, .c10 = 100});
    sq_ring(&n, 1);
    setrlimit(RLIMIT_FSIZE, &old);
    g_assert_false(cqe_there(&n, 1, &e));
    g_assert_cmpuint(s->n_held, ==, 1);
    iterate(&n);
    g_assert_cmpint(machine_phase(n.d.t.m), ==, RUN_IO_ERROR);
    test_snapshot(s);
    g_assert_cmpuint(s->n_held, ==, 1);
    machine_request_cont(n.d.t.m);
    iterate(&n);
    g_assert_cmpuint(s->n_held, ==, 0);
    g_assert_cmphex(cqe_next(&n, 1).status, ==, 0);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 100, 1, DATA + 512, 0), ==, 0);
    g_assert_cmphex(data(&n, 512)[0], ==, 0x77);
    driver_close(&n.d);
}

/* An error that the guest is told of. */
static void test_host_error(void)
{
    Nvme n;
    struct rlimit old, low = {4096, RLIM_INFINITY};

    start(&n, PLUG ",write-cache=off", false, NULL);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    setrlimit(RLIMIT_FSIZE, &low);
    g_assert_cmphex(nvme_rw(&n, NVM_WRITE, 100, 1, DATA, 0), ==, NVME_WRITE_FAULT);
    g_assert_cmphex(nvme_rw(&n, NVM_WRITE, 0, 1, DATA, 0), ==, 0);
    setrlimit(RLIMIT_FSIZE, &old);
    g_assert_cmphex(admin(&n, (Sqe){.op = ADMIN_LOG, .prp1 = DATA, .c10 = 15 << 16 | 1}), ==, 0);
    g_assert_cmpuint(pci_get64(data(&n, 0)), ==, 1);
    g_assert_cmpuint(pci_get64(data(&n, 16)), ==, 100);
    driver_close(&n.d);
}

static void test_properties(void)
{
    static const char *const bad[][2] = {
        {"nvme,drive=d0", "serial property not set"},
        {"nvme,serial=x,drive=none", "Property 'nvme-ns.drive' can't find value 'none'"},
        {"nvme,serial=x,drive=d0,max_ioqpairs=0", "max_ioqpairs must be between 1 and 2047"},
        {"nvme,serial=x,drive=d0,logical_block_size=100", NULL},
        {"nvme,serial=x,drive=d0,mqes=0", "mqes property cannot be less than 1"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        Driver d;
        GError *err = NULL;

        driver_open_pci(&d, false);
        driver_add_drive(&d, SIZE, NULL);
        g_assert_null(driver_plug(&d, bad[i][0], &err));
        g_assert_nonnull(err);
        if (bad[i][1]) {
            g_assert_cmpstr(err->message, ==, bad[i][1]);
        }
        g_clear_error(&err);
        driver_close(&d);
    }
    /* Two namespaces by hand. */
    Driver d;
    GError *err = NULL;

    driver_open_pci(&d, false);
    driver_add_drive(&d, SIZE, NULL);
    driver_plug(&d, "nvme,id=n0,serial=x", &err);
    g_assert_no_error(err);
    driver_plug(&d, "nvme-ns,bus=n0,drive=d0,nsid=3,uuid=6a0f5a3c-1111-2222-3333-0123456789ab",
                &err);
    g_assert_no_error(err);
    g_assert_null(driver_plug(&d, "nvme-ns,bus=n0,drive=d0,nsid=3", &err));
    g_assert_cmpstr(err->message, ==, "namespace id '3' already allocated");
    g_clear_error(&err);
    driver_close(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nvme/enable", test_enable);
    g_test_add_func("/nvme/identify", test_identify);
    g_test_add_func("/nvme/queues", test_queues);
    g_test_add_func("/nvme/full-queue", test_full_queue);
    g_test_add_func("/nvme/interrupt", test_interrupt);
    g_test_add_func("/nvme/prps", test_prps);
    g_test_add_data_func("/nvme/commands", GINT_TO_POINTER(false), test_commands);
    g_test_add_data_func("/nvme/commands-async", GINT_TO_POINTER(true), test_commands);
    g_test_add_func("/nvme/events", test_events);
    g_test_add_func("/nvme/read-only", test_read_only);
    g_test_add_func("/nvme/reset", test_reset);
    g_test_add_func("/nvme/held", test_held);
    g_test_add_func("/nvme/host-error", test_host_error);
    g_test_add_func("/nvme/properties", test_properties);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random commands for disk controllers: commands that are mostly nearly right, queues made and
 * deleted, data anywhere, registers and doorbells scribbled on, resets and snapshots in between.
 * The controller must survive, write nothing outside the guest's RAM (the address sanitizer looks),
 * and work for an orderly driver afterwards.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/nvme-driver.h"
#include "tests/unit/scsi-driver.h"

#define SIZE 0x10000

/* ---- NVMe ---- */

static uint64_t some_prp(GRand *r)
{
    switch (g_rand_int_range(r, 0, 16)) {
    case 0:
        return TEST_RAM_SIZE - 512 * g_rand_int_range(r, 0, 16);
    case 1:
        return (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
    case 2:
        return SQ_AT(0) + 0x1000 * g_rand_int_range(r, 0, 16);
    case 3:
        return DATA + 8 * g_rand_int_range(r, 0, 0x1000);
    default:
        return DATA + 0x1000 * g_rand_int_range(r, 0, 0x20);
    }
}

static uint32_t some_number(GRand *r)
{
    return g_rand_int_range(r, 0, 4) ? (uint32_t)g_rand_int_range(r, 0, 20)
                                     : g_rand_int(r) >> g_rand_int_range(r, 0, 32);
}

static void some_command(GRand *r, Nvme *n, unsigned q)
{
    static const uint8_t admin_ops[] = {0, 1, 2, 4, 5, 6, 6, 8, 9, 10, 12, 0x7c, 0x80};
    static const uint8_t io_ops[] = {0, 1, 1, 2, 2, 2, 4, 5, 8, 9, 12};
    Sqe c = {.nsid = 1, .prp1 = some_prp(r), .prp2 = some_prp(r)};

    c.op = q ? io_ops[g_rand_int_range(r, 0, G_N_ELEMENTS(io_ops))]
             : admin_ops[g_rand_int_range(r, 0, G_N_ELEMENTS(admin_ops))];
    c.op = g_rand_int_range(r, 0, 50) ? c.op : g_rand_int(r);
    c.nsid = g_rand_int_range(r, 0, 8) ? 1 : some_number(r) - 1;
    c.c10 = some_number(r) | (g_rand_boolean(r) ? some_number(r) << 16 : 0);
    c.c11 = q ? (g_rand_int_range(r, 0, 8) ? 0 : some_number(r))
              : some_number(r) | some_number(r) << 16;
    c.c11 |= c.op == 9 && q ? 4 : 0;
    c.c12 = some_number(r);
    c.flags = g_rand_int_range(r, 0, 64) ? 0 : g_rand_int(r);
    sqe_put(n, q, c);
    if (g_rand_int_range(r, 0, 4)) {
        sq_ring(n, q);
    }
}

/* Take what has come back, most of the time. */
static void some_completions(GRand *r, Nvme *n, unsigned q)
{
    Cqe e;

    while (cqe_there(n, q, &e)) {
        g_assert_cmpuint(e.head, <=, UINT16_MAX);
    }
    nreg_set(n, 0x1004 + 8 * q, 4, g_rand_int_range(r, 0, 32) ? n->head[q] : some_number(r));
}

static void some_lists(GRand *r, Nvme *n)
{
    hwaddr at = DATA + 8 * g_rand_int_range(r, 0, 0x4000);

    for (unsigned i = 0; i < 8; i++) {
        put64(&n->d, at + 8 * i, some_prp(r));
    }
}

/* A function that is being reset, or comes out of D3, does not answer. */
static void wait_for_answer(PciDevice *p)
{
    while (pci_config_read(p, 0, 4) == UINT32_MAX) {
        g_usleep(100);
    }
}

static void nvme_again(Nvme *n)
{
    PciDevice *p = pci_core(n->d.dev);

    wait_for_answer(p);
    pci_config_write(p, p->pm_cap + PCI_PM_CTRL, 2, 0);
    wait_for_answer(p);
    pci_config_write(p, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    nvme_enable(n);
    io_queue_make(n, 1);
}

static void nvme_operation(GRand *r, Nvme *n)
{
    unsigned q = g_rand_int_range(r, 0, 3);

    switch (g_rand_int_range(r, 0, 200)) {
    case 0:
        nvme_again(n);
        break;
    case 1:
        nreg_set(n, 4 * g_rand_int_range(r, 0, 0x40), 4, g_rand_int(r));
        break;
    case 2:
        nreg_set(n, 0x1000 + 4 * g_rand_int_range(r, 0, 8), 4, some_number(r));
        break;
    case 3:
        test_snapshot(n->d.dev);
        break;
    case 4:
        device_reset(n->d.dev);
        break;
    case 5:
        pci_config_write(pci_core(n->d.dev), 4 * g_rand_int_range(r, 0, 64), 4, g_rand_int(r));
        pci_config_write(pci_core(n->d.dev), PCI_COMMAND, 2, PCI_COMMAND_MASTER);
        break;
    case 6 ... 30:
        some_lists(r, n);
        break;
    case 31 ... 90:
        some_completions(r, n, q);
        break;
    default:
        some_command(r, n, q);
    }
}

static void test_nvme(gconstpointer async)
{
    GRand *r = g_rand_new_with_seed(g_test_rand_int());
    unsigned live = 0, operations = fuzz_operations();
    Nvme n;

    nvme_open(&n, "nvme,serial=x,drive=d0,max_ioqpairs=3,werror=ignore", SIZE,
              GPOINTER_TO_INT(async), ",discard=unmap,cache=unsafe");
    nvme_again(&n);
    for (unsigned i = 0; i < operations; i++) {
        bool ready = (nreg(&n, 0x1c, 4) & 3) == 1;

        live += ready;
        nvme_operation(r, &n);
        if (!ready && g_rand_int_range(r, 0, 3) == 0) {
            nvme_again(&n);
        }
    }
    g_test_message("%u of %u operations on a controller that works", live, operations);
    g_assert_cmpuint(live, >, operations / 4);

    device_reset(n.d.dev);
    nvme_again(&n);
    memset(ram(&n.d, DATA), 0x5a, 1024);
    g_assert_cmphex(nvme_rw(&n, NVM_WRITE, 7, 2, DATA, 0), ==, 0);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 8, 1, DATA + 0x1000, 0), ==, 0);
    g_assert_cmphex(*ram(&n.d, DATA + 0x11ff), ==, 0x5a);
    g_rand_free(r);
    driver_close(&n.d);
}

/* ---- SCSI ---- */

static void some_cdb(GRand *r, uint8_t *cdb)
{
    static const uint8_t ops[] = {0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x1a, 0x1b, 0x1e, 0x25,
                                  0x28, 0x2a, 0x2e, 0x2f, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4a,
                                  0x51, 0x52, 0x55, 0x5a, 0x88, 0x8a, 0x8e, 0x8f, 0x91, 0x93,
                                  0x9e, 0xa0, 0xa8, 0xaa, 0xad, 0xae, 0xaf, 0xbd, 0xbe};

    for (unsigned i = 1; i < 32; i++) {
        cdb[i] = g_rand_int_range(r, 0, 3) ? 0 : g_rand_int(r) >> g_rand_int_range(r, 0, 32);
    }
    cdb[0] =
        g_rand_int_range(r, 0, 32) ? ops[g_rand_int_range(r, 0, G_N_ELEMENTS(ops))] : g_rand_int(r);
    if (cdb[0] == 0x12 || cdb[0] == 0x1a || cdb[0] == 0x5a) {
        static const uint8_t pages[] = {0x00, 0x01, 0x04, 0x08, 0x2a, 0x3f,
                                        0x80, 0x83, 0xb0, 0xb1, 0xb2};

        cdb[2] = pages[g_rand_int_range(r, 0, G_N_ELEMENTS(pages))];
        cdb[cdb[0] == 0x5a ? 8 : 4] = 255;
    }
}

static void scsi_operation(GRand *r, Scsi *s)
{
    uint8_t cdb[32];
    uint32_t out = g_rand_boolean(r) ? 0 : 1 + (g_rand_int(r) >> g_rand_int_range(r, 16, 32));
    uint32_t in = out && g_rand_boolean(r) ? 0 : g_rand_int(r) >> g_rand_int_range(r, 16, 32);

    switch (g_rand_int_range(r, 0, 400)) {
    case 0:
        driver_start(&s->d, g_rand_int(r), 3);
        break;
    case 1:
        test_snapshot(s->d.dev);
        break;
    case 2:
        device_reset(s->d.dev);
        driver_start(&s->d, g_rand_int(r), 3);
        break;
    case 3:
        vreg_set(&s->d, 0x100 + 4 * g_rand_int_range(r, 0, 9), some_number(r));
        break;
    case 4 ... 100:
        /* Parameters of the next command. */
        for (unsigned i = 0; i < 64; i++) {
            *ram(&s->d, SCSI_DATA + i) =
                g_rand_int_range(r, 0, 3) ? 0 : g_rand_int(r) >> g_rand_int_range(r, 0, 32);
        }
        break;
    case 101 ... 110:
        put32(&s->d, 0xb0000, g_rand_int_range(r, 0, 4));
        put32(&s->d, 0xb0004, g_rand_int_range(r, 0, 9));
        lun_put(s, 0xb0008, g_rand_int_range(r, 0, 4), 0);
        put64(&s->d, 0xb0010, 1);
        desc_set(&s->d, QUEUE_AT(0), 0, 0xb0000, 24, NEXT, 1);
        desc_set(&s->d, QUEUE_AT(0), 1, 0xb0040, 8, WRITE, 0);
        make_available(&s->d, 0, 0);
        kick(&s->d, 0);
        break;
    default:
        some_cdb(r, cdb);
        scsi_queue(s, g_rand_int_range(r, 0, 4), g_rand_int_range(r, 0, 16) ? 0 : 5, cdb, 32,
                   MIN(out, 0x8000), MIN(in, 0x8000), g_rand_int_range(r, 0, 3));
    }
}

static void test_scsi(gconstpointer async)
{
    GRand *r = g_rand_new_with_seed(g_test_rand_int());
    unsigned live = 0, operations = fuzz_operations();
    Scsi s = {0};

    driver_open(&s.d, false, GPOINTER_TO_INT(async));
    driver_add_drive(&s.d, SIZE, ",discard=unmap,cache=unsafe");
    driver_plug_ok(&s.d, "virtio-scsi-device,id=s0");
    scsi_plug_ok(&s, "scsi-hd,drive=d0,removable=on,serial=x");
    scsi_plug_ok(&s, "scsi-cd");
    g_autofree char *more =
        g_strdup_printf("id=d1,format=raw,file=%s,readonly=on,locking=off", s.d.image);
    g_ptr_array_add(s.d.t.m->drives, opt_parse(more, NULL, NULL));
    scsi_plug_ok(&s, "scsi-cd,drive=d1,share-rw=on");
    driver_start(&s.d, 0, 3);
    for (unsigned i = 0; i < operations; i++) {
        bool broken = virtio_core(s.d.dev)->broken;

        live += !broken;
        scsi_operation(r, &s);
        if (broken && g_rand_int_range(r, 0, 3) == 0) {
            driver_start(&s.d, 0, 3);
        }
    }
    g_test_message("%u of %u operations on an adapter that works", live, operations);
    g_assert_cmpuint(live, >, operations / 4);

    device_reset(s.d.dev);
    driver_start(&s.d, 0, 3);
    memset(ram(&s.d, SCSI_DATA), 0x5a, 512);
    SCSI(&s, 0, 0, 0, 0);
    g_assert_cmphex(s.sense, ==, 0x062900);
    g_assert_cmpuint(SCSI(&s, 0, 512, 0, 0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0), ==, 0);
    g_assert_cmpuint(SCSI(&s, 0, 0, 512, 0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0), ==, 0);
    g_assert_cmphex(*ram(&s.d, SCSI_DATA + 511), ==, 0x5a);
    g_rand_free(r);
    driver_close(&s.d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/fuzz/nvme/sync", GINT_TO_POINTER(false), test_nvme);
    g_test_add_data_func("/fuzz/nvme/async", GINT_TO_POINTER(true), test_nvme);
    g_test_add_data_func("/fuzz/scsi/sync", GINT_TO_POINTER(false), test_scsi);
    g_test_add_data_func("/fuzz/scsi/async", GINT_TO_POINTER(true), test_scsi);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random commands for disk controllers: commands that are mostly nearly right, queues made and
 * deleted, data anywhere, registers and doorbells scribbled on, resets and snapshots in between.
 * The controller must survive, write nothing outside the guest's RAM (the address sanitizer looks),
 * and work for an orderly driver afterwards.
 */
#include "tests/unit/nvme-driver.h"

#define OPERATIONS 100000
#define SIZE       0x10000

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

static void nvme_again(Nvme *n)
{
    PciDevice *p = pci_core(n->d.dev);

    pci_config_write(p, p->pm_cap + PCI_PM_CTRL, 2, 0);
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
    unsigned live = 0;
    Nvme n;

    nvme_open(&n, "nvme,serial=x,drive=d0,max_ioqpairs=3,werror=ignore", SIZE,
              GPOINTER_TO_INT(async), ",discard=unmap");
    nvme_again(&n);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        bool ready = (nreg(&n, 0x1c, 4) & 3) == 1;

        live += ready;
        nvme_operation(r, &n);
        if (!ready && g_rand_int_range(r, 0, 3) == 0) {
            nvme_again(&n);
        }
    }
    g_test_message("%u of %u operations on a controller that works", live, OPERATIONS);
    g_assert_cmpuint(live, >, OPERATIONS / 4);

    device_reset(n.d.dev);
    nvme_again(&n);
    memset(ram(&n.d, DATA), 0x5a, 1024);
    g_assert_cmphex(nvme_rw(&n, NVM_WRITE, 7, 2, DATA, 0), ==, 0);
    g_assert_cmphex(nvme_rw(&n, NVM_READ, 8, 1, DATA + 0x1000, 0), ==, 0);
    g_assert_cmphex(*ram(&n.d, DATA + 0x11ff), ==, 0x5a);
    g_rand_free(r);
    driver_close(&n.d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/fuzz/nvme/sync", GINT_TO_POINTER(false), test_nvme);
    g_test_add_data_func("/fuzz/nvme/async", GINT_TO_POINTER(true), test_nvme);
    return g_test_run();
}

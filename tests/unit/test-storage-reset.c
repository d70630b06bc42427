/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Resets by the driver while the host's disk does not answer: the access returns at once, the
 * driver sees the reset done when the disk has answered, and no memory is touched from then on.
 * The disk is an image whose reads stand still at a gate: preadv() is this program's.
 */
#include "tests/unit/nvme-driver.h"
#include "tests/unit/scsi-driver.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define SIZE    (64 * 1024)
#define HEADER  (BUFFERS + 0x10000)
#define STATUS  (BUFFERS + 0x10800)
#define F_RESET (UINT64_C(1) << VIRTIO_F_RING_RESET)

static struct {
    GMutex lock;
    GCond cond;
    bool closed;
    unsigned waiting;
} gate;

ssize_t preadv(int fd, const struct iovec *iov, int n, off_t at)
{
    g_mutex_lock(&gate.lock);
    gate.waiting++;
    g_cond_broadcast(&gate.cond);
    while (gate.closed) {
        g_cond_wait(&gate.cond, &gate.lock);
    }
    gate.waiting--;
    g_mutex_unlock(&gate.lock);
    return syscall(SYS_preadv, fd, iov, n, at, 0);
}

/* The host never has anything in memory. */
ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
    errno = EAGAIN;
    return -1;
}

static void gate_set(bool closed)
{
    g_mutex_lock(&gate.lock);
    gate.closed = closed;
    g_cond_broadcast(&gate.cond);
    g_mutex_unlock(&gate.lock);
}

/* Until a read stands at the gate. */
static void gate_wait(void)
{
    g_mutex_lock(&gate.lock);
    while (gate.waiting == 0) {
        g_cond_wait(&gate.cond, &gate.lock);
    }
    g_mutex_unlock(&gate.lock);
}

/* ---- virtio-blk ---- */

static void read_start(Driver *d, unsigned q, uint64_t sector)
{
    put32(d, HEADER, 0);
    put32(d, HEADER + 4, 0);
    put64(d, HEADER + 8, sector);
    *ram(d, STATUS) = 0xee;
    desc_set(d, QUEUE_AT(q), 0, HEADER, 16, NEXT, 1);
    desc_set(d, QUEUE_AT(q), 1, DATA, 512, NEXT | WRITE, 2);
    desc_set(d, QUEUE_AT(q), 2, STATUS, 1, WRITE, 0);
    make_available(d, q, 0);
    kick(d, q);
}

static void read_check(Driver *d, unsigned q, uint64_t sector)
{
    uint32_t used;

    g_assert_cmpint(used_next(d, q, &used), ==, 0);
    g_assert_cmphex(*ram(d, STATUS), ==, 0);
    g_assert_cmphex(ram(d, DATA)[511], ==, sector + 1);
}

static void status_wait(Driver *d)
{
    for (unsigned i = 0; vreg(d, 0x70) != 0; i++) {
        g_assert_cmpuint(i, <, 10000);
        g_usleep(1000);
    }
}

static void blk_open(Driver *d, const char *drive, const char *plug)
{
    if (strstr(plug, "-pci")) {
        driver_open_pci(d, true);
    } else {
        driver_open(d, false, true);
    }
    driver_add_drive(d, SIZE, drive);
    driver_plug_ok(d, plug);
    driver_start(d, F_RESET, 1);
}

static void test_blk(gconstpointer plug)
{
    Driver d;

    blk_open(&d, NULL, plug);
    gate_set(true);
    read_start(&d, 0, 3);
    gate_wait();
    vreg_set(&d, 0x70, 0);
    g_assert_cmphex(vreg(&d, 0x70), !=, 0);
    vreg_set(&d, 0x70, 0);
    g_assert_cmphex(vreg(&d, 0x70), !=, 0);
    gate_set(false);
    status_wait(&d);
    g_assert_cmphex(*ram(&d, STATUS), ==, 0xee);
    g_assert_cmpuint(used_idx(&d, 0), ==, 0);
    g_assert_false(d.line.level);
    driver_start(&d, F_RESET, 1);
    read_start(&d, 0, 5);
    read_check(&d, 0, 5);
    driver_close(&d);
}

/* A driver that does not wait: what it asks for comes after the old requests are over. */
static void test_blk_impatient(void)
{
    Driver d;

    blk_open(&d, NULL, "virtio-blk-device,drive=d0");
    gate_set(true);
    read_start(&d, 0, 3);
    gate_wait();
    driver_start(&d, F_RESET, 1);
    read_start(&d, 0, 7);
    g_usleep(20000);
    g_assert_cmpuint(used_idx(&d, 0), ==, 0);
    gate_set(false);
    read_check(&d, 0, 7);
    g_assert_cmphex(vreg(&d, 0x70), ==, 15);
    g_assert_cmpuint(used_idx(&d, 0), ==, 1);
    driver_close(&d);
}

/* One queue, while another goes on. */
static void test_blk_queue(gconstpointer plug)
{
    Driver d;

    blk_open(&d, NULL, plug);
    driver_start(&d, F_RESET | 1u << 12, 2);
    gate_set(true);
    read_start(&d, 0, 3);
    gate_wait();
    vreg_set(&d, 0x30, 0);
    vreg_set(&d, 0xc0, 1);
    g_assert_cmpuint(vreg(&d, 0xc0), ==, 1);
    g_assert_cmpuint(vreg(&d, 0x44), ==, 1);
    gate_set(false);
    for (unsigned i = 0; vreg(&d, 0xc0) == 1; i++) {
        g_assert_cmpuint(i, <, 10000);
        g_usleep(1000);
    }
    g_assert_cmpuint(vreg(&d, 0x44), ==, 0);
    g_assert_cmphex(*ram(&d, STATUS), ==, 0xee);
    g_assert_cmpuint(used_idx(&d, 0), ==, 0);
    read_start(&d, 1, 9);
    read_check(&d, 1, 9);
    queue_setup(&d, 0);
    read_start(&d, 0, 4);
    read_check(&d, 0, 4);
    driver_close(&d);
}

/* What a limit holds back is not waited for. */
static void test_blk_throttled(void)
{
    Driver d;

    blk_open(&d, ",throttling.iops-total=1", "virtio-blk-device,drive=d0");
    for (unsigned i = 0; i < 3; i++) {
        read_start(&d, 0, i);
    }
    gint64 begin = g_get_monotonic_time();
    vreg_set(&d, 0x70, 0);
    status_wait(&d);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, G_USEC_PER_SEC / 2);
    driver_close(&d);
}

/* The bus above resets the function: it does not answer until it is ready. */
static void test_blk_bus(void)
{
    Driver d;

    blk_open(&d, NULL, "virtio-blk-pci,drive=d0");
    PciDevice *p = pci_core(d.pci);
    uint32_t id = pci_config_read(p, PCI_VENDOR_ID, 4);
    gate_set(true);
    read_start(&d, 0, 3);
    gate_wait();
    pci_bus_reset(p->bus);
    g_assert_cmphex(pci_config_read(p, PCI_VENDOR_ID, 4), ==, UINT32_MAX);
    pci_config_write(p, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    gate_set(false);
    for (unsigned i = 0; pci_config_read(p, PCI_VENDOR_ID, 4) != id; i++) {
        g_assert_cmpuint(i, <, 10000);
        g_usleep(1000);
    }
    g_assert_cmphex(pci_config_read(p, PCI_COMMAND, 2), ==, 0);
    g_assert_cmphex(*ram(&d, STATUS), ==, 0xee);
    pci_config_write(p, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    driver_start(&d, 0, 1);
    read_start(&d, 0, 5);
    read_check(&d, 0, 5);
    driver_close(&d);
}

/* ---- virtio-scsi ---- */

static void test_scsi(void)
{
    static const uint8_t inquiry[6] = {0x12, 0, 0, 0, 36}, unit_ready[6] = {0};
    static const uint8_t read10[10] = {0x28, 0, 0, 0, 0, 2, 0, 0, 1};
    Scsi s = {0};
    Driver *d = &s.d;
    uint32_t used;

    driver_open(d, false, true);
    driver_add_drive(d, SIZE, NULL);
    driver_plug_ok(d, "virtio-scsi-device");
    scsi_plug_ok(&s, "scsi-hd,drive=d0");
    driver_start(d, 0, 3);
    /* Takes the unit attention away. */
    scsi_queue(&s, 0, 0, unit_ready, 6, 0, 0, 1);
    g_assert_cmpint(used_next(d, 2, &used), >=, 0);
    gate_set(true);
    scsi_queue(&s, 0, 0, read10, 10, 0, 512, 2);
    gate_wait();
    vreg_set(d, 0x70, 0);
    g_assert_cmphex(vreg(d, 0x70), !=, 0);
    gate_set(false);
    status_wait(d);
    g_assert_cmphex(*ram(d, SCSI_RESP), ==, 0xee);
    driver_start(d, 0, 3);
    scsi_queue(&s, 0, 0, inquiry, 6, 0, 36, 3);
    g_assert_cmpint(used_next(d, 2, &used), >=, 0);
    g_assert_cmphex(ram(d, SCSI_RESP)[11], ==, 0);
    driver_close(d);
}

/* ---- NVMe ---- */

static void nvme_start(Nvme *n)
{
    nvme_open(n, "nvme,drive=d0,serial=x", SIZE, true, NULL);
    nvme_enable(n);
    io_queue_make(n, 1);
    gate_set(true);
    for (unsigned i = 0; i < 15; i++) {
        sqe_put(n, 1, (Sqe){.op = NVM_READ, .nsid = 1, .prp1 = DATA + 0x1000 * i, .c10 = i});
    }
    sq_ring(n, 1);
    gate_wait();
}

static void nvme_check(Nvme *n)
{
    Cqe e;

    g_assert_false(cqe_there(n, 1, &e));
    nvme_enable(n);
    io_queue_make(n, 1);
    g_assert_cmphex(nvme_rw(n, NVM_READ, 9, 1, DATA, 0), ==, 0);
    g_assert_cmphex(ram(&n->d, DATA)[0], ==, 10);
    driver_close(&n->d);
}

static void test_nvme_disable(void)
{
    Nvme n;

    nvme_start(&n);
    nreg_set(&n, 0x14, 4, 0);
    g_assert_cmphex(nreg(&n, 0x1c, 4) & 1, ==, 1);
    gate_set(false);
    g_assert_true(nvme_wait(&n, 1, 0));
    nvme_check(&n);
}

static void test_nvme_flr(void)
{
    Nvme n;

    nvme_start(&n);
    PciDevice *p = pci_core(n.d.dev);
    uint32_t id = pci_config_read(p, PCI_VENDOR_ID, 4);
    g_assert_cmpuint(p->pcie_cap, !=, 0);
    pci_config_write(p, p->pcie_cap + PCIE_DEVCTL, 2, PCIE_DEVCTL_FLR);
    g_assert_cmphex(pci_config_read(p, PCI_VENDOR_ID, 4), ==, UINT32_MAX);
    gate_set(false);
    for (unsigned i = 0; pci_config_read(p, PCI_VENDOR_ID, 4) != id; i++) {
        g_assert_cmpuint(i, <, 10000);
        g_usleep(1000);
    }
    g_assert_cmphex(nreg(&n, 0x1c, 4), ==, 0);
    pci_config_write(p, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    nvme_check(&n);
}

static gpointer gate_open_soon(gpointer opaque)
{
    g_usleep(20000);
    gate_set(false);
    return NULL;
}

/* The machine's own reset waits. */
static void test_machine(void)
{
    Nvme n;

    nvme_start(&n);
    GThread *t = g_thread_new("gate", gate_open_soon, NULL);
    device_reset(n.d.dev);
    g_assert_cmpuint(((PciDevice *)pci_core(n.d.dev))->settling, ==, 0);
    g_thread_join(t);
    g_assert_cmphex(nreg(&n, 0x1c, 4), ==, 0);
    pci_config_write(pci_core(n.d.dev), PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    nvme_check(&n);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/reset/blk/mmio", "virtio-blk-device,drive=d0", test_blk);
    g_test_add_data_func("/reset/blk/pci", "virtio-blk-pci,drive=d0", test_blk);
    g_test_add_func("/reset/blk/impatient", test_blk_impatient);
    g_test_add_data_func("/reset/queue/mmio", "virtio-blk-device,drive=d0,num-queues=2",
                         test_blk_queue);
    g_test_add_data_func("/reset/queue/pci", "virtio-blk-pci,drive=d0,num-queues=2",
                         test_blk_queue);
    g_test_add_func("/reset/blk/throttled", test_blk_throttled);
    g_test_add_func("/reset/blk/bus", test_blk_bus);
    g_test_add_func("/reset/scsi", test_scsi);
    g_test_add_func("/reset/nvme/disable", test_nvme_disable);
    g_test_add_func("/reset/nvme/flr", test_nvme_flr);
    g_test_add_func("/reset/machine", test_machine);
    return g_test_run();
}

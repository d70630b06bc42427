/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Rings in the hands of the kernel, whose part the test plays: vhost's ioctl() calls come here.
 * What the socket device and the network card tell it, kicks, calls, resets, and where the rings
 * are when they come back.
 */
#include "hw/vhost.h"
#include "tests/unit/fake-net.h"
#include "tests/unit/virtio-driver.h"

#include <linux/vhost.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

typedef struct Kernel {
    int fd;
    bool owned, running;
    uint64_t offered, features, cid;
    unsigned regions;
    struct vhost_memory_region region;
    struct vhost_vring_addr addr[2];
    unsigned num[2], base[2];
    int kick[2], call[2], backend[2];
    unsigned long refuse; /* this request */
} Kernel;

static Kernel kernel;

static int answer(unsigned long request, void *arg)
{
    struct vhost_vring_state *state = arg;
    struct vhost_vring_file *file = arg;
    struct vhost_vring_addr *addr = arg;
    struct vhost_memory *memory = arg;

    if (request == kernel.refuse) {
        errno = EINVAL;
        return -1;
    }
    switch (request) {
    case VHOST_SET_OWNER:
        kernel.owned = true;
        break;
    case VHOST_GET_FEATURES:
        *(uint64_t *)arg = kernel.offered;
        break;
    case VHOST_SET_FEATURES:
        kernel.features = *(uint64_t *)arg;
        break;
    case VHOST_SET_MEM_TABLE:
        kernel.regions = memory->nregions;
        kernel.region = memory->regions[0];
        break;
    case VHOST_SET_VRING_NUM:
        kernel.num[state->index] = state->num;
        break;
    case VHOST_SET_VRING_BASE:
        kernel.base[state->index] = state->num;
        break;
    case VHOST_GET_VRING_BASE:
        state->num = kernel.base[state->index];
        break;
    case VHOST_SET_VRING_ADDR:
        kernel.addr[addr->index] = *addr;
        break;
    case VHOST_SET_VRING_KICK:
        kernel.kick[file->index] = file->fd;
        break;
    case VHOST_SET_VRING_CALL:
        kernel.call[file->index] = file->fd;
        break;
    case VHOST_NET_SET_BACKEND:
        kernel.backend[file->index] = file->fd;
        break;
    case VHOST_VSOCK_SET_GUEST_CID:
        kernel.cid = *(uint64_t *)arg;
        break;
    case VHOST_VSOCK_SET_RUNNING:
        kernel.running = *(int *)arg;
        break;
    default:
        errno = ENOTTY;
        return -1;
    }
    return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;

    va_start(ap, request);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    return kernel.fd > 0 && _IOC_TYPE(request) == VHOST_VIRTIO
               ? answer(request, arg)
               : (int)syscall(SYS_ioctl, fd, request, arg);
}

static void kernel_open(Driver *d, const char *props)
{
    kernel = (Kernel){.offered = UINT64_C(1) << VIRTIO_F_VERSION_1 | 1u << VIRTIO_F_INDIRECT_DESC |
                                 1u << VIRTIO_F_EVENT_IDX | 2};
    kernel.fd = eventfd(0, 0);
    g_autofree char *text =
        g_strdup_printf("vhost-vsock-device,guest-cid=42,vhostfd=%d%s", kernel.fd, props);

    driver_open(d, false, true);
    driver_plug_ok(d, text);
    g_assert_true(kernel.owned);
    g_assert_cmpuint(kernel.cid, ==, 42);
}

static bool kicked(unsigned ring)
{
    uint64_t count;

    return read(kernel.kick[ring], &count, sizeof(count)) == sizeof(count);
}

/* The kernel uses the next buffer of a ring, and calls. */
static void use_one(Driver *d, unsigned ring, uint32_t head)
{
    uint16_t *used = (uint16_t *)(uintptr_t)kernel.addr[ring].used_user_addr;
    uint32_t *elem = (uint32_t *)(used + 2) + 2 * (used[1] % kernel.num[ring]);
    uint64_t one = 1;

    elem[0] = head;
    elem[1] = 5;
    used[1]++;
    kernel.base[ring]++;
    g_assert_cmpint(write(kernel.call[ring], &one, sizeof(one)), ==, sizeof(one));
    for (unsigned i = 0; i < 10; i++) {
        mainloop_iterate(d->t.loop, false);
    }
}

static void start_checked(Driver *d)
{
    g_assert_cmpuint(kernel.regions, >=, 1);
    g_assert_true((uint8_t *)(uintptr_t)kernel.region.userspace_addr ==
                  ram(d, kernel.region.guest_phys_addr));
    g_assert_cmphex(kernel.features >> 32, ==, 1);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpuint(kernel.num[i], ==, d->num);
        g_assert_cmpuint(kernel.base[i], ==, 0);
        g_assert_true((uint8_t *)(uintptr_t)kernel.addr[i].desc_user_addr == ram(d, QUEUE_AT(i)));
        g_assert_true((uint8_t *)(uintptr_t)kernel.addr[i].avail_user_addr ==
                      ram(d, avail_at(d, i)));
        g_assert_true((uint8_t *)(uintptr_t)kernel.addr[i].used_user_addr == ram(d, used_at(d, i)));
        kicked(i); /* at the start, for what came before */
    }
}

static void start(Driver *d)
{
    driver_start(d, UINT64_MAX, 3);
    g_assert_true(kernel.running);
    start_checked(d);
}

static void test_rings(void)
{
    Driver d;
    uint32_t used = 0;

    kernel_open(&d, "");
    g_assert_cmpuint(vreg(&d, 0x100), ==, 42);
    g_assert_cmpuint(vreg(&d, 0x104), ==, 0);
    /* Of the rings' features only those that the kernel has. */
    vreg_set(&d, 0x14, 0);
    g_assert_cmphex(vreg(&d, 0x10), ==,
                    1u << VIRTIO_F_INDIRECT_DESC | 1u << VIRTIO_F_EVENT_IDX | 2);
    vreg_set(&d, 0x14, 1);
    g_assert_cmphex(vreg(&d, 0x10), ==, 1);
    start(&d);
    g_assert_false(kicked(1));
    make_available(&d, 1, 3);
    kick(&d, 1);
    g_assert_true(kicked(1));
    g_assert_false(kicked(0));
    /* The event queue is nothing to the kernel. */
    kick(&d, 2);
    g_assert_false(kicked(0) || kicked(1));
    g_assert_cmpint(d.line.level, ==, 0);
    use_one(&d, 1, 3);
    g_assert_cmpint(d.line.level, ==, 1);
    g_assert_cmpint(used_next(&d, 1, &used), ==, 3);
    vreg_set(&d, 0x64, 1);
    g_assert_cmpint(d.line.level, ==, 0);
    /* A snapshot has the place in the ring, and it goes on from there. */
    test_snapshot(d.dev);
    g_assert_false(kernel.running);
    kernel.base[1] = 77;
    make_available(&d, 1, 4);
    kick(&d, 1);
    g_assert_true(kernel.running);
    g_assert_cmpuint(kernel.base[1], ==, 1);
    g_assert_true(kicked(1));
    use_one(&d, 1, 4);
    g_assert_cmpint(used_next(&d, 1, &used), ==, 4);
    /* A reset takes the rings away, and no call is heard any more. */
    vreg_set(&d, 0x70, 0);
    g_assert_false(kernel.running);
    use_one(&d, 1, 5);
    g_assert_cmpint(d.line.level, ==, 0);
    start(&d);
    driver_close(&d);
    g_assert_false(kernel.running);
}

static void test_broken(void)
{
    Driver d;

    kernel_open(&d, ",seqpacket=off");
    vreg_set(&d, 0x14, 0);
    g_assert_cmphex(vreg(&d, 0x10) & 2, ==, 0);
    kernel.refuse = VHOST_SET_VRING_ADDR;
    driver_start(&d, UINT64_MAX, 3);
    g_assert_cmphex(vreg(&d, 0x70) & 64, ==, 64);
    g_assert_false(kernel.running);
    kernel.refuse = 0;
    start(&d);
    driver_close(&d);
}

static void test_refused(void)
{
    static const struct {
        const char *plug, *why;
    } bad[] = {
        {"vhost-vsock-device", "greater than 2"},
        {"vhost-vsock-device,guest-cid=2", "greater than 2"},
        {"vhost-vsock-device,guest-cid=4294967296", "32-bit"},
        {"vhost-vsock-device,guest-cid=3,vhostfd=999", "vhostfd=999"},
    };
    g_autofree char *other =
        g_strdup_printf("vhost-vsock-device,guest-cid=3,vhostfd=%d", eventfd(0, 0));
    GError *err = NULL;
    Driver d;

    kernel.fd = -1;
    driver_open(&d, false, true);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_null(driver_plug(&d, bad[i].plug, &err));
        g_assert_nonnull(strstr(err->message, bad[i].why));
        g_clear_error(&err);
    }
    g_assert_null(driver_plug(&d, other, &err));
    g_assert_nonnull(strstr(err->message, "vhost: the kernel refuses"));
    g_clear_error(&err);
    driver_close(&d);
}

static void test_net(void)
{
    FakeNet *net = fake_new(false);
    GPtrArray *nets = g_ptr_array_new();
    Driver d;
    uint32_t used = 0;

    kernel = (Kernel){.offered = UINT64_C(1) << VIRTIO_F_VERSION_1 | 1u << 15, .backend = {-1, -1}};
    kernel.fd = net->b.vhost_fd = eventfd(0, 0);
    net->b.kernel_fd = 77;
    net->b.can_offload = true;
    driver_open(&d, false, true);
    g_ptr_array_add(nets, &net->b);
    d.t.m->nets = nets;
    driver_plug_ok(&d, "virtio-net-device,netdev=n0");
    vreg_set(&d, 0x14, 0);
    g_assert_cmphex(vreg(&d, 0x10) & (1u << VIRTIO_F_EVENT_IDX | 1u << 15), ==, 1u << 15);
    driver_start(&d, UINT64_MAX, 3);
    start_checked(&d);
    g_assert_cmpint(kernel.backend[0], ==, 77);
    g_assert_cmpint(kernel.backend[1], ==, 77);
    g_assert_true(net->b.vhost);
    /* Not by the back end's thread. */
    desc_set(&d, QUEUE_AT(1), 3, BUFFERS, 64, 0, 0);
    make_available(&d, 1, 3);
    kick(&d, 1);
    g_assert_true(kicked(1));
    kick(&d, 0);
    g_assert_true(kicked(0));
    fake_hold(net, true);
    fake_hold(net, false);
    g_assert_cmpuint(net->sent->len, ==, 0);
    use_one(&d, 1, 3);
    g_assert_cmpint(d.line.level, ==, 1);
    g_assert_cmpint(used_next(&d, 1, &used), ==, 3);
    vreg_set(&d, 0x70, 0);
    g_assert_cmpint(kernel.backend[0], ==, -1);
    g_assert_cmpint(kernel.backend[1], ==, -1);
    g_assert_false(net->b.vhost);
    driver_close(&d);
    close(net->b.vhost_fd);
    net_close(&net->b);
    g_ptr_array_free(nets, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vhost/refused", test_refused);
    g_test_add_func("/vhost/rings", test_rings);
    g_test_add_func("/vhost/broken", test_broken);
    g_test_add_func("/vhost/net", test_net);
    return g_test_run();
}

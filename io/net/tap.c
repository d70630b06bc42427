/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -netdev tap and bridge: the card on a network interface of the host (Linux, Documentation/
 * networking/tuntap.rst).
 *
 * The interface is made here (or found by its name), inherited (fd=), or asked for from a helper
 * program that has the rights (helper=, bridge). Where the kernel can, frames carry a virtio
 * network header (IFF_VNET_HDR), so that a card that can leaves checksums and segmentation to the
 * host. For other cards an empty header is put before each frame here. With queues= or fds= the
 * interface has several queues (IFF_MULTI_QUEUE), each a back end with a descriptor and a thread;
 * the kernel spreads flows over those that are attached.
 *
 * Thread: the back end's; scripts and helpers run in the main thread, before the machine starts and
 * after it ends. Test: tests/unit/test-net-link.c, tests/boot
 */
#include "io/net/internal.h"
#include "rhea/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TUN_PATH       "/dev/net/tun"
#define VHOST_PATH     "/dev/vhost-net"
#define DEFAULT_UP     "/etc/qemu-ifup"
#define DEFAULT_DOWN   "/etc/qemu-ifdown"
#define DEFAULT_HELPER "/usr/lib/qemu/qemu-bridge-helper"
#define DEFAULT_BRIDGE "br0"
#define QUEUES_MAX     32
#define BATCH          64 /* frames before those of the guest get a turn */

typedef struct NetTap {
    NetBackend b;
    int fd;
    bool header;  /* of the interface */
    bool enabled; /* atomic: the kernel uses this queue */
    char *name, *down_script;
    uint8_t in[NET_HEADER + NET_FRAME_MAX];
} NetTap;

/* ---- frames ---- */

static void tap_read(NetTap *t)
{
    size_t skip = t->header && !t->b.receiver.header ? NET_HEADER : 0;

    for (unsigned i = 0; i < BATCH && net_has_room(&t->b); i++) {
        ssize_t n = read(t->fd, t->in, sizeof(t->in));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= (ssize_t)skip) {
            return;
        }
        net_deliver(&t->b, t->in + skip, n - skip);
    }
}

/* What the kernel does not take is lost. */
static void tap_output(NetBackend *b, const struct iovec *iov, unsigned n)
{
    static const uint8_t none[NET_HEADER];
    NetTap *t = (NetTap *)b;
    struct iovec with[IOV_MAX];

    if (t->header && !b->receiver.header) {
        if (n >= IOV_MAX) {
            return;
        }
        with[0] = (struct iovec){(void *)none, NET_HEADER};
        memcpy(with + 1, iov, n * sizeof(*iov));
        iov = with;
        n++;
    }
    while (writev(t->fd, iov, n) < 0 && errno == EINTR) {
    }
}

static void tap_run(NetBackend *b)
{
    NetTap *t = (NetTap *)b;

    while (!net_stopping(b)) {
        struct pollfd p[2] = {{b->wake_fd, POLLIN, 0}, {t->fd, net_has_room(b) ? POLLIN : 0, 0}};
        bool enabled = __atomic_load_n(&t->enabled, __ATOMIC_ACQUIRE) &&
                       !__atomic_load_n(&b->vhost, __ATOMIC_ACQUIRE);

        if (poll(p, 1 + enabled, -1) < 0 && errno != EINTR) {
            return;
        }
        if (p[0].revents) {
            net_woken(b);
        }
        net_deliver_waiting(b);
        if (p[1].revents & POLLIN) {
            tap_read(t);
        } else if (p[1].revents) {
            rhea_warn_report("netdev %s: the interface is gone", b->id);
            return;
        }
        net_output_all(b);
    }
}

static bool tap_attach(NetTap *t, bool on)
{
    struct ifreq ifr = {.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

    if (ioctl(t->fd, TUNSETQUEUE, &ifr)) {
        return false;
    }
    __atomic_store_n(&t->enabled, on, __ATOMIC_RELEASE);
    return true;
}

static void tap_enable(NetBackend *b, bool on)
{
    NetTap *t = (NetTap *)b;

    if (t->enabled != on) {
        if (!tap_attach(t, on)) {
            rhea_warn_report("netdev %s: TUNSETQUEUE: %s", b->id, g_strerror(errno));
        }
        net_ready(b);
    }
}

static void tap_set_offload(NetBackend *b, unsigned flags)
{
    NetTap *t = (NetTap *)b;
    unsigned long f = 0;

    if (flags & NET_OFFLOAD_CSUM) {
        f |= TUN_F_CSUM;
        f |= flags & NET_OFFLOAD_TSO4 ? TUN_F_TSO4 : 0;
        f |= flags & NET_OFFLOAD_TSO6 ? TUN_F_TSO6 : 0;
        f |= flags & NET_OFFLOAD_ECN && f != TUN_F_CSUM ? TUN_F_TSO_ECN : 0;
    }
    ioctl(t->fd, TUNSETOFFLOAD, f);
}

/* ---- programs ---- */

/* Wait for a program; false and *err unless it ends with status 0. */
static bool tap_wait(pid_t pid, const char *program, GError **err)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            break;
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        rhea_error_set(err, "%s failed (status %d)", program,
                       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        return false;
    }
    return true;
}

static bool tap_script(const char *script, const char *ifname, GError **err)
{
    char *argv[] = {(char *)script, (char *)ifname, NULL};
    g_autoptr(GError) spawn = NULL;
    GPid pid;

    if (!g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CHILD_INHERITS_STDIN,
                       NULL, NULL, &pid, &spawn)) {
        rhea_error_set(err, "could not launch network script %s: %s (script=no: none)", script,
                       spawn->message);
        return false;
    }
    return tap_wait(pid, script, err);
}

/* The descriptor that a helper sent over fd. */
static int tap_receive_fd(int fd)
{
    char byte;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n;
    int got = -1;

    while ((n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
    }
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(&got, CMSG_DATA(c), sizeof(int));
    }
    return got;
}

/* A helper is called "HELPER --use-vnet --fd=N --br=BRIDGE" and sends an open interface over N; one
 * with arguments of its own, or shell syntax, is a shell's command line. */
static int tap_from_helper(const char *helper, const char *bridge, GError **err)
{
    int sv[2];

    if (socketpair(PF_UNIX, SOCK_STREAM, 0, sv)) {
        rhea_error_set(err, "bridge helper: socketpair: %s", g_strerror(errno));
        return -1;
    }
    fcntl(sv[0], F_SETFD, FD_CLOEXEC);
    g_autofree char *fd_arg = g_strdup_printf("--fd=%d", sv[1]);
    g_autofree char *br_arg = g_strdup_printf("--br=%s", bridge);
    bool shell = strpbrk(helper, " \t") != NULL;
    g_autofree char *command = g_strdup_printf("%s --use-vnet %s %s", helper, fd_arg,
                                               strstr(helper, "--br=") ? "" : br_arg);
    pid_t pid = fork();
    if (pid == 0) {
        if (shell) {
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        } else {
            execl(helper, helper, "--use-vnet", fd_arg, br_arg, (char *)NULL);
        }
        _exit(127);
    }
    close(sv[1]);
    int fd = pid < 0 ? -1 : tap_receive_fd(sv[0]);
    close(sv[0]);
    if (pid < 0 || !tap_wait(pid, helper, err) || fd < 0) {
        if (err && !*err) {
            rhea_error_set(err, "bridge helper %s sent no interface", helper);
        }
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* ---- interfaces ---- */

/* Put into name: "" and patterns as "tap%d" become the name of the new interface. */
static int tap_create(char name[IFNAMSIZ], bool header, bool queues, GError **err)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | (header ? IFF_VNET_HDR : 0) |
                                     (queues ? IFF_MULTI_QUEUE : 0)};
    int fd = open(TUN_PATH, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        rhea_error_set(err, "Could not open '%s': %s", TUN_PATH, g_strerror(errno));
        return -1;
    }
    g_strlcpy(ifr.ifr_name, *name ? name : "tap%d", IFNAMSIZ);
    if (ioctl(fd, TUNSETIFF, &ifr)) {
        rhea_error_set(err, "could not configure %s (%s): %s", TUN_PATH, ifr.ifr_name,
                       g_strerror(errno));
        close(fd);
        return -1;
    }
    g_strlcpy(name, ifr.ifr_name, IFNAMSIZ);
    return fd;
}

static bool tap_join_bridge(const char *name, const char *bridge, GError **err)
{
    struct ifreq ifr = {.ifr_ifindex = if_nametoindex(name)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(ifr.ifr_name, bridge, IFNAMSIZ);
    bool ok = fd >= 0 && !ioctl(fd, SIOCBRADDIF, &ifr);
    if (ok) {
        memset(&ifr, 0, sizeof(ifr));
        g_strlcpy(ifr.ifr_name, name, IFNAMSIZ);
        ok = !ioctl(fd, SIOCGIFFLAGS, &ifr);
        ifr.ifr_flags |= IFF_UP;
        ok = ok && !ioctl(fd, SIOCSIFFLAGS, &ifr);
    }
    if (!ok) {
        rhea_error_set(err, "could not add interface %s to bridge %s: %s", name, bridge,
                       g_strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static void tap_free(NetTap *t)
{
    /* Of one that did not come to life. */
    for (unsigned i = 0; t->b.more && i < t->b.more->len; i++) {
        tap_free(g_ptr_array_index(t->b.more, i));
    }
    g_clear_pointer(&t->b.more, g_ptr_array_unref);
    if (t->b.vhost_fd > 0) {
        close(t->b.vhost_fd);
    }
    if (t->fd >= 0) {
        close(t->fd);
    }
    g_free(t->name);
    g_free(t->down_script);
    g_free(t);
}

static void tap_end(NetBackend *b)
{
    NetTap *t = (NetTap *)b;
    g_autoptr(GError) err = NULL;

    if (t->down_script && !tap_script(t->down_script, t->name, &err)) {
        rhea_warn_report("netdev %s: %s", b->id, err->message);
    }
    g_clear_pointer(&t->down_script, g_free);
}

static void tap_close(NetBackend *b)
{
    tap_end(b);
    tap_free((NetTap *)b);
}

/* fd is the back end's from now on. vnet_hdr: what the user wants. */
static NetTap *tap_use(int fd, int vnet_hdr, GError **err)
{
    NetTap *t = g_new0(NetTap, 1);
    struct ifreq ifr = {0};
    int size = NET_HEADER, little = 1;

    t->fd = fd;
    t->enabled = true;
    if (ioctl(fd, TUNGETIFF, &ifr)) {
        rhea_error_set(err, "file descriptor %d is no tap interface: %s", fd, g_strerror(errno));
        tap_free(t);
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    t->name = g_strdup(ifr.ifr_name);
    t->header = ifr.ifr_flags & IFF_VNET_HDR;
    if (vnet_hdr > 0 && !t->header) {
        rhea_error_set(err, "vnet_hdr=1 requested, but no kernel support for IFF_VNET_HDR "
                            "available");
        tap_free(t);
        return NULL;
    }
    if (t->header && ioctl(fd, TUNSETVNETHDRSZ, &size)) {
        rhea_error_set(err, "interface %s: TUNSETVNETHDRSZ: %s", t->name, g_strerror(errno));
        tap_free(t);
        return NULL;
    }
    /* A host of the other byte order needs to be told; on a little-endian one it is so. */
    t->b.can_offload = t->header &&
                       (G_BYTE_ORDER == G_LITTLE_ENDIAN || !ioctl(fd, TUNSETVNETLE, &little)) &&
                       !ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM);
    ioctl(fd, TUNSETOFFLOAD, 0);
    return t;
}

/* ---- options ---- */

static const char *const tap_keys[] = {
    "fd",       "fds",   "ifname",  "script",   "downscript", "br",     "helper",  "sndbuf",
    "vnet_hdr", "vhost", "vhostfd", "vhostfds", "vhostforce", "queues", "poll-us", NULL};

typedef struct TapVhost {
    bool on, force;
    const char *fds; /* vhostfd= or vhostfds=, or NULL */
} TapVhost;

static bool tap_take_vhost(OptDict *o, TapVhost *v, GError **err)
{
    const char *fd = opt_take(o, "vhostfd"), *fds = opt_take(o, "vhostfds");
    uint64_t poll_us;

    *v = (TapVhost){.fds = fd ? fd : fds};
    if (!opt_take_bool(o, "vhost", &v->on, err) ||
        !opt_take_bool(o, "vhostforce", &v->force, err) ||
        !opt_take_u64(o, "poll-us", &poll_us, err)) {
        return false;
    }
    if ((fd && fds) || (v->fds && !v->on && !v->force)) {
        rhea_error_set(err, fd && fds ? "vhostfd= and vhostfds= exclude each other"
                                      : "vhostfd(s)= is not valid without vhost");
        return false;
    }
    return true;
}

/* A vhost device for each queue. Without one, unless it has to be, frames go through this program.
 */
static bool tap_vhost(NetTap *t, const TapVhost *v, GError **err)
{
    g_auto(GStrv) fd = v->fds ? g_strsplit(v->fds, ":", QUEUES_MAX + 1) : NULL;
    unsigned n = net_queue_count(&t->b);

    if (!v->on && !v->force) {
        return true;
    }
    if (fd && g_strv_length(fd) != n) {
        rhea_error_set(err, "netdev tap: %u descriptors in vhostfds=, but %u queues",
                       g_strv_length(fd), n);
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        NetTap *q = (NetTap *)net_queue(&t->b, i);
        uint64_t number;

        if (fd) {
            if (!opt_value_u64("vhostfd", fd[i], &number, err)) {
                return false;
            }
            if (number > INT32_MAX || fcntl(number, F_SETFD, FD_CLOEXEC) < 0) {
                rhea_error_set(err, "vhostfd=%s: %s", fd[i], g_strerror(EBADF));
                return false;
            }
            q->b.vhost_fd = number;
        } else if ((q->b.vhost_fd = open(VHOST_PATH, O_RDWR | O_CLOEXEC)) < 0) {
            if (v->force) {
                rhea_error_set(err, "vhost=on: %s: %s", VHOST_PATH, g_strerror(errno));
                return false;
            }
            rhea_warn_report("netdev tap: vhost=on: %s: %s: frames go through this program",
                             VHOST_PATH, g_strerror(errno));
            return true;
        }
        q->b.kernel_fd = q->fd;
    }
    return true;
}

/* One more queue of the interface; until the driver asks for it the kernel must not use it. */
static bool tap_add_queue(NetTap *t, NetTap *more, GError **err)
{
    if (!more) {
        return false;
    }
    net_add_queue(&t->b, &more->b);
    if (!tap_attach(more, false) || more->header != t->header || strcmp(more->name, t->name) != 0) {
        rhea_error_set(err, "netdev tap: descriptors %d and %d are not queues of one interface",
                       t->fd, more->fd);
        return false;
    }
    return true;
}

/* An inherited descriptor. */
static NetTap *tap_from_fd(const char *text, GError **err)
{
    uint64_t fd;

    if (!opt_value_u64("fd", text, &fd, err)) {
        return NULL;
    }
    if (fd > INT32_MAX || fcntl(fd, F_GETFD) < 0) {
        rhea_error_set(err, "fd=%s: %s", text, g_strerror(EBADF));
        return NULL;
    }
    return tap_use(fd, -1, err);
}

/* fds=N:M:..., a queue each */
static NetBackend *tap_from_fds(const char *fds, GError **err)
{
    g_auto(GStrv) part = g_strsplit(fds, ":", QUEUES_MAX + 1);
    NetTap *t = NULL;

    if (!part[0] || g_strv_length(part) > QUEUES_MAX) {
        rhea_error_set(err, "netdev tap: fds=: one to %d descriptors", QUEUES_MAX);
        return NULL;
    }
    t = tap_from_fd(part[0], err);
    for (unsigned i = 1; t && part[i]; i++) {
        if (!tap_add_queue(t, tap_from_fd(part[i], err), err)) {
            tap_free(t);
            return NULL;
        }
    }
    return t ? &t->b : NULL;
}

static NetBackend *bridge_new(const char *helper, const char *bridge, int vnet_hdr, GError **err)
{
    char name[IFNAMSIZ] = "";
    int fd;

    bridge = bridge ? bridge : DEFAULT_BRIDGE;
    if (helper || access(DEFAULT_HELPER, X_OK) == 0) {
        fd = tap_from_helper(helper ? helper : DEFAULT_HELPER, bridge, err);
    } else {
        /* Without the helper it takes rights of one's own. */
        fd = tap_create(name, true, false, err);
        if (fd >= 0 && !tap_join_bridge(name, bridge, err)) {
            close(fd);
            fd = -1;
        }
    }
    NetTap *t = fd < 0 ? NULL : tap_use(fd, vnet_hdr, err);
    return t ? &t->b : NULL;
}

static NetBackend *tap_with_vhost(NetBackend *b, const TapVhost *v, GError **err)
{
    if (b && !tap_vhost((NetTap *)b, v, err)) {
        tap_free((NetTap *)b);
        return NULL;
    }
    return b;
}

static NetTap *tap_make_queue(char name[IFNAMSIZ], bool header, bool many, int vnet_hdr,
                              GError **err)
{
    int fd = tap_create(name, header, many, err);

    return fd < 0 ? NULL : tap_use(fd, vnet_hdr, err);
}

static bool named(const char *script)
{
    return *script && strcmp(script, "no") != 0;
}

static NetBackend *tap_open(Machine *m, OptDict *o, GError **err)
{
    const char *fd = opt_take(o, "fd"), *fds = opt_take(o, "fds"), *br = opt_take(o, "br");
    const char *ifname = opt_take(o, "ifname"), *helper = opt_take(o, "helper");
    const char *up = opt_take(o, "script"), *down = opt_take(o, "downscript");
    bool want_header = true;
    int vnet_hdr = opt_get(o, "vnet_hdr") != NULL;
    TapVhost vhost;
    uint64_t sndbuf = 0, queues = 1;
    char name[IFNAMSIZ] = "";

    if (!opt_take_bool(o, "vnet_hdr", &want_header, err) ||
        !opt_take_size(o, "sndbuf", &sndbuf, err) || !tap_take_vhost(o, &vhost, err) ||
        !opt_take_u64(o, "queues", &queues, err)) {
        return NULL;
    }
    if (queues < 1 || queues > QUEUES_MAX) {
        rhea_error_set(err, "netdev tap: queues=%" PRIu64 ": 1 to %d", queues, QUEUES_MAX);
        return NULL;
    }
    vnet_hdr = vnet_hdr ? want_header : -1;
    if ((fd || fds) && (ifname || up || down || helper || opt_get(o, "vnet_hdr") ||
                        opt_get(o, "queues") || (fd && fds))) {
        rhea_error_set(err, "ifname=, script=, downscript=, vnet_hdr=, helper=, queues=, and fds= "
                            "are invalid with fd=");
        return NULL;
    }
    if (fd || fds) {
        return tap_with_vhost(tap_from_fds(fd ? fd : fds, err), &vhost, err);
    }
    if (helper) {
        if (ifname || up || down || queues > 1) {
            rhea_error_set(err, "ifname=, script=, downscript=, and queues= are invalid with "
                                "helper=");
            return NULL;
        }
        return tap_with_vhost(bridge_new(helper, br, vnet_hdr, err), &vhost, err);
    }
    if (ifname && strlen(ifname) >= IFNAMSIZ) {
        rhea_error_set(err, "ifname=%s: longer than %d characters", ifname, IFNAMSIZ - 1);
        return NULL;
    }
    g_strlcpy(name, ifname ? ifname : "", IFNAMSIZ);
    NetTap *t = tap_make_queue(name, want_header, queues > 1, vnet_hdr, err);
    if (!t) {
        return NULL;
    }
    for (uint64_t i = 1; i < queues; i++) {
        if (!tap_add_queue(t, tap_make_queue(name, want_header, true, vnet_hdr, err), err)) {
            tap_free(t);
            return NULL;
        }
    }
    up = up ? up : DEFAULT_UP;
    down = down ? down : DEFAULT_DOWN;
    if (!tap_vhost(t, &vhost, err) || (named(up) && !tap_script(up, t->name, err)) ||
        (sndbuf && sndbuf <= INT32_MAX && ioctl(t->fd, TUNSETSNDBUF, &(int){sndbuf}) < 0)) {
        if (err && !*err) {
            rhea_error_set(err, "sndbuf: %s", g_strerror(errno));
        }
        tap_free(t);
        return NULL;
    }
    /* Nobody asked for the default one: it may be missing. */
    t->down_script = named(down) && (opt_get(o, "downscript") || access(down, X_OK) == 0)
                         ? g_strdup(down)
                         : NULL;
    return &t->b;
}

const NetType net_tap = {.name = "tap",
                         .keys = tap_keys,
                         .open = tap_open,
                         .run = tap_run,
                         .close = tap_close,
                         .end = tap_end,
                         .set_offload = tap_set_offload,
                         .output = tap_output,
                         .enable = tap_enable};

static const char *const bridge_keys[] = {"br", "helper", NULL};

static NetBackend *bridge_open(Machine *m, OptDict *o, GError **err)
{
    const char *helper = opt_take(o, "helper"), *br = opt_take(o, "br");
    NetBackend *b = bridge_new(helper, br, -1, err);

    if (b) {
        b->type = &net_tap;
    }
    return b;
}

const NetType net_bridge = {.name = "bridge", .keys = bridge_keys, .open = bridge_open};

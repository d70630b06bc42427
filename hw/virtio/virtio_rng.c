/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio entropy device.
 *
 * Specification: VIRTIO 1.2, 5.4.
 *
 * Random bytes come from the host's generator (rng-builtin, the default), or from a file or device
 * (rng-random). With -icount rng-builtin is a generator seeded from the machine, so that two runs
 * see the same bytes. max-bytes limits what is given in each `period` of guest time.
 *
 * A buffer is filled as soon as it is there. One that has to wait, for the next period or for the
 * file, stays in the ring.
 *
 * Lock: the device's. Test: tests/unit/test-virtio.c
 */
#include "hw/virtio_pci.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define QUEUE_SIZE 8
#define CHUNK      4096 /* bytes that are made at a time */

#define VIRTIO_RNG_STATE(F, A, D, N)                                                               \
    VIRTIO_STATE(N, 1)                                                                             \
    A(uint64_t, prng, 4, 0)                                                                        \
    F(uint64_t, quota, 0)       /* bytes left in this period */                                    \
    F(bool, period_runs, false) /* the timer is pending, */                                        \
    F(int64_t, period_end, 0)   /*   for this time, ns of CLK_VIRTUAL */

STATE(virtio_rng, VirtioRngState, VIRTIO_RNG_STATE, Timer timer; int fd; /* rng-random, or -1 */
      MainFd * watch; bool watching; bool ended;                         /* for the file */
      bool deterministic;
      /* Properties. */
      char *rng; uint64_t max_bytes; uint32_t period;)

// clang-format off
PROPS(virtio_rng, VirtioRngState,
    PROP("rng", STRING, rng, NULL, PUBLIC, "ID of an rng-random or rng-builtin object"),
    PROP("max-bytes", U64, max_bytes, "9223372036854775807", PUBLIC, "at most so many in a period"),
    PROP("period", U32, period, "65536", PUBLIC, "milliseconds"),
    VIRTIO_PROPS)
// clang-format on

/* ---- where the bytes come from ---- */

/* SplitMix64 makes the state of xoshiro256** out of a seed (Blackman, Vigna). */
static void prng_seed(VirtioRngState *s, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        s->prng[i] = z ^ z >> 31;
    }
}

static uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static uint64_t prng_next(VirtioRngState *s)
{
    uint64_t *x = s->prng, result = rotate(x[1] * 5, 7) * 9, t = x[1] << 17;

    x[2] ^= x[0];
    x[3] ^= x[1];
    x[1] ^= x[2];
    x[0] ^= x[3];
    x[2] ^= t;
    x[3] = rotate(x[3], 45);
    return result;
}

/* How many of len bytes there are now: 0 if the file has none yet, or no more. */
static size_t source_read(VirtioRngState *s, uint8_t *buf, size_t len)
{
    ssize_t n;

    if (s->deterministic) {
        for (size_t i = 0; i < len; i += 8) {
            uint64_t x = GUINT64_TO_LE(prng_next(s));

            memcpy(buf + i, &x, MIN(len - i, 8));
        }
        return len;
    }
    do {
        n = s->fd < 0 ? getrandom(buf, len, 0) : read(s->fd, buf, len);
    } while (n < 0 && errno == EINTR);
    /* Nothing comes after the end of a regular file, and it would always be ready. */
    s->ended = n == 0 || (n < 0 && errno != EAGAIN);
    return MAX(n, 0);
}

static void virtio_rng_process(VirtioRngState *s);

static void source_ready(void *opaque, GIOCondition ready)
{
    VirtioRngState *s = opaque;

    mainloop_set_fd_events(s->watch, 0);
    device_lock(s);
    s->watching = false;
    virtio_rng_process(s);
    device_unlock(s);
}

static void source_watch(void *opaque)
{
    VirtioRngState *s = opaque;

    mainloop_set_fd_events(s->watch, G_IO_IN);
}

/* Look again when the file has something. */
static void source_wait(VirtioRngState *s)
{
    if (s->watch && !s->watching && !s->ended) {
        s->watching = true;
        mainloop_post(s->dev.machine->loop, source_watch, s);
    }
}

/* ---- requests ---- */

static bool limited(const VirtioRngState *s)
{
    return s->max_bytes < INT64_MAX;
}

static void period_start(VirtioRngState *s)
{
    if (limited(s) && !s->period_runs) {
        s->period_runs = true;
        s->period_end = clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL) + s->period * NS_PER_MS;
        timer_mod(&s->timer, s->period_end);
    }
}

/* Bytes put into the buffer: as many as quota and source allow. */
static uint64_t buffer_fill(VirtioRngState *s, VirtElem *e)
{
    uint8_t chunk[CHUNK];
    uint64_t done = 0;

    while (done < e->in_len) {
        uint64_t want = MIN(e->in_len - done, sizeof(chunk));
        size_t got;

        want = limited(s) ? MIN(want, s->quota) : want;
        got = want ? source_read(s, chunk, want) : 0;
        if (got == 0) {
            break;
        }
        iov_put(e->in, e->n_in, done, chunk, got);
        s->quota -= limited(s) ? got : 0;
        done += got;
    }
    return done;
}

static void virtio_rng_process(VirtioRngState *s)
{
    VirtElem *e;

    while (!(limited(s) && s->quota == 0) && (e = virtqueue_pop(s->vio, &s->vq[0], sizeof(*e)))) {
        uint64_t len = 0;

        if (e->in_len == 0) {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: a buffer that cannot be written\n", device_name(s));
        } else {
            period_start(s);
            len = buffer_fill(s, e);
            if (len == 0) {
                virtqueue_unpop(s->vio, e);
                g_free(e);
                source_wait(s);
                return;
            }
        }
        virtqueue_push(s->vio, e, len);
        g_free(e);
    }
}

static void virtio_rng_notify(void *opaque, VirtQueue *q)
{
    virtio_rng_process(opaque);
}

static void virtio_rng_timer(void *opaque)
{
    VirtioRngState *s = opaque;

    device_lock(s);
    if (s->period_runs && !timer_pending(&s->timer)) {
        s->period_runs = false;
        s->quota = s->max_bytes;
        virtio_rng_process(s);
    }
    device_unlock(s);
}

/* ---- life ---- */

static void virtio_rng_cold_reset(void *opaque)
{
    VirtioRngState *s = opaque;
    const Machine *m = s->dev.machine;

    timer_del(&s->timer);
    s->period_runs = false;
    s->quota = s->max_bytes;
    prng_seed(s, m->seed_set ? m->seed : 0);
}

static bool virtio_rng_post_load(void *opaque, GError **err)
{
    VirtioRngState *s = opaque;

    timer_del(&s->timer);
    if (s->quota > s->max_bytes || s->period_end < 0) {
        rhea_error_set(err, "snapshot: more bytes than max-bytes allows");
        return false;
    }
    if (s->period_runs) {
        timer_mod(&s->timer, s->period_end);
    }
    return true;
}

static OptDict *object_find(Machine *m, const char *id)
{
    for (unsigned i = 0; m->objects && i < m->objects->len; i++) {
        OptDict *o = g_ptr_array_index(m->objects, i);

        if (g_strcmp0(opt_get(o, "id"), id) == 0) {
            return o;
        }
    }
    return NULL;
}

static bool source_open(VirtioRngState *s, GError **err)
{
    OptDict *o = s->rng ? object_find(s->dev.machine, s->rng) : NULL;
    const char *type = o ? opt_get(o, "qom-type") : "rng-builtin";

    if (s->rng && !o) {
        rhea_error_set(err, "Device '%s' not found", s->rng);
        return false;
    }
    if (strcmp(type, "rng-builtin") == 0) {
        s->deterministic = s->dev.machine->icount_shift != -1;
    } else if (strcmp(type, "rng-random") == 0) {
        const char *path = opt_get(o, "filename") ? opt_get(o, "filename") : "/dev/urandom";

        s->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (s->fd < 0) {
            rhea_error_set(err, "Could not open '%s': %s", path, g_strerror(errno));
            return false;
        }
        s->watch = mainloop_add_fd(s->dev.machine->loop, s->fd, 0, source_ready, s);
    } else {
        rhea_error_set(err, "Invalid parameter type for 'rng', expected: rng-backend");
        return false;
    }
    return true;
}

static bool virtio_rng_realize(void *opaque, GError **err)
{
    VirtioRngState *s = opaque;

    s->fd = -1;
    if (s->period == 0) {
        rhea_error_set(err, "'period' parameter expects a positive integer");
        return false;
    }
    if (s->max_bytes == 0 || s->max_bytes > INT64_MAX) {
        rhea_error_set(err, "'max-bytes' parameter must be positive, and less than 2^63");
        return false;
    }
    if (!virtio_init(s, s->vq, 1, 0, err) || !source_open(s, err)) {
        return false;
    }
    virtio_queue_init(s->vio, 0, QUEUE_SIZE);
    timer_init(&s->timer, s->dev.machine->clocks, CLK_VIRTUAL, virtio_rng_timer, s);
    return true;
}

static void virtio_rng_unrealize(void *opaque)
{
    VirtioRngState *s = opaque;

    timer_del_sync(&s->timer);
    if (s->watch) {
        mainloop_remove_fd(s->watch);
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
}

// clang-format off
VIRTIO_DEVICE(virtio_rng, VirtioRngState, "virtio-rng", DEVICE_MISC, 2,
    .id = VIRTIO_ID_ENTROPY,
    .notify = virtio_rng_notify,
    .cold_reset = virtio_rng_cold_reset,
    .post_load = virtio_rng_post_load);
// clang-format on

VIRTIO_PCI(virtio_rng, "virtio-rng", DEVICE_MISC, .pci.class_code = 0x00ff00,
           .legacy_device = 0x1005);

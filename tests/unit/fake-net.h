/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* A network back end for tests: it keeps what is sent, or sends it back, and delivers what a test
 * says. */
#ifndef TESTS_UNIT_FAKE_NET_H
#define TESTS_UNIT_FAKE_NET_H

#include "io/net/internal.h"

#include <poll.h>
#include <string.h>

typedef struct FakeNet {
    NetBackend b;
    bool enabled;
    bool echo; /* what is sent comes back at once */
    bool hold; /* atomic: nothing moves, once `held` says so */
    bool held;
    GMutex lock;
    GPtrArray *sent; /* GBytes *, without echo */
    GBytes *frame;   /* to deliver */
} FakeNet;

static inline void fake_output(NetBackend *b, const struct iovec *iov, unsigned n)
{
    FakeNet *f = (FakeNet *)b;
    g_autofree uint8_t *frame = g_malloc(NET_HEADER + NET_FRAME_MAX);
    size_t len = net_gather(iov, n, frame, NET_HEADER + NET_FRAME_MAX);

    if (f->echo) {
        net_deliver(b, frame, len);
        return;
    }
    g_mutex_lock(&f->lock);
    g_ptr_array_add(f->sent, g_bytes_new(frame, len));
    g_mutex_unlock(&f->lock);
}

static inline void fake_run(NetBackend *b)
{
    FakeNet *f = (FakeNet *)b;

    while (!net_stopping(b)) {
        struct pollfd p = {b->wake_fd, POLLIN, 0};

        poll(&p, 1, 1);
        net_woken(b);
        bool hold = __atomic_load_n(&f->hold, __ATOMIC_ACQUIRE);
        __atomic_store_n(&f->held, hold, __ATOMIC_RELEASE);
        if (hold) {
            continue;
        }
        net_deliver_waiting(b);
        GBytes *frame = __atomic_exchange_n(&f->frame, NULL, __ATOMIC_ACQ_REL);
        if (frame) {
            gsize len;
            const void *data = g_bytes_get_data(frame, &len);

            net_deliver(b, data, len);
            g_bytes_unref(frame);
        }
        net_output_all(b);
    }
}

static inline void fake_close(NetBackend *b)
{
    FakeNet *f = (FakeNet *)b;

    g_ptr_array_free(f->sent, TRUE);
    g_mutex_clear(&f->lock);
    g_free(f);
}

static inline void fake_enable(NetBackend *b, bool on)
{
    ((FakeNet *)b)->enabled = on;
}

static const NetType net_fake = {.name = "fake",
                                 .run = fake_run,
                                 .close = fake_close,
                                 .output = fake_output,
                                 .enable = fake_enable};

static inline FakeNet *fake_new(bool echo)
{
    FakeNet *f = g_new0(FakeNet, 1);

    net_backend_init(&f->b, &net_fake, "n0");
    f->echo = echo;
    g_mutex_init(&f->lock);
    f->sent = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    return f;
}

/* While it is held nothing of the card changes. */
static inline void fake_hold(FakeNet *f, bool hold)
{
    __atomic_store_n(&f->hold, hold, __ATOMIC_RELEASE);
    net_ready(&f->b);
    while (f->b.thread && __atomic_load_n(&f->held, __ATOMIC_ACQUIRE) != hold) {
        g_usleep(100);
    }
}

static inline void fake_deliver(FakeNet *f, const char *text)
{
    __atomic_store_n(&f->frame, g_bytes_new(text, strlen(text)), __ATOMIC_RELEASE);
    net_ready(&f->b);
    while (__atomic_load_n(&f->frame, __ATOMIC_ACQUIRE)) {
        g_usleep(500);
    }
    fake_hold(f, true);
    fake_hold(f, false);
}

/* How many have left; waits for n up to ten seconds. */
static inline unsigned fake_sent(FakeNet *f, unsigned n)
{
    unsigned got = 0;

    for (unsigned i = 0; i < 10000 && got < n; i++) {
        g_mutex_lock(&f->lock);
        got = f->sent->len;
        g_mutex_unlock(&f->lock);
        g_usleep(got < n ? 1000 : 0);
    }
    return got;
}

/* The n-th frame that left here is this text. */
static inline void fake_check(FakeNet *f, unsigned n, const char *text)
{
    gsize len;

    g_assert_cmpuint(fake_sent(f, n + 1), >, n);
    const void *data = g_bytes_get_data(g_ptr_array_index(f->sent, n), &len);
    g_assert_cmpmem(data, len, text, strlen(text));
}

#endif

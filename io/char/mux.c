/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * mux=on: several front ends on one back end, and the Ctrl-A commands.
 *
 * Output of all front ends is mixed byte by byte. Input goes to the one that has the focus, through
 * a queue of its own, so that the commands work while the guest does not read. A full queue stops
 * reading: what is piped in is not lost. Input side and focus: the loop's thread. Time stamps:
 * Chardev.lock.
 *
 * Test: tests/unit/test-chardev.c
 */
#include "internal.h"
#include <stdio.h>
#include <string.h>

#define MUX_FRONTS 8
#define MUX_QUEUE  4096u

typedef struct MuxPort {
    CharFront *front; /* NULL: free */
    uint8_t queue[MUX_QUEUE];
    unsigned head, len;
} MuxPort;

struct CharMux {
    Chardev *c;
    MuxPort *port[MUX_FRONTS];
    int focus; /* -1: none yet */
    bool escaped;
    bool stamps, line_start; /* under Chardev.lock */
    int64_t stamp_start;
};

static void mux_focus_next(CharMux *m);

/* Once the program runs: nobody but background front ends wanted the input. */
static void mux_default_focus(void *opaque)
{
    CharMux *m = opaque;
    if (m->focus < 0) {
        mux_focus_next(m);
    }
}

CharMux *char_mux_new(Chardev *c)
{
    CharMux *m = g_new0(CharMux, 1);
    m->c = c;
    m->focus = -1;
    mainloop_post(c->set->loop, mux_default_focus, m);
    return m;
}

void char_mux_free(CharMux *m)
{
    for (int i = 0; m && i < MUX_FRONTS; i++) {
        if (m->port[i]) {
            if (m->port[i]->front) {
                m->port[i]->front->chr = NULL;
            }
            g_free(m->port[i]);
        }
    }
    g_free(m);
}

/* --- output ---------------------------------------------------------------------------------- */

static size_t mux_stamp(CharMux *m, char *buf, size_t size)
{
    int64_t ms =
        (clock_get_ns(mainloop_clocks(m->c->set->loop), CLK_REALTIME) - m->stamp_start) / NS_PER_MS;
    return g_snprintf(buf, size, "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000),
                      (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
}

size_t char_mux_write_locked(CharMux *m, const uint8_t *buf, size_t len, bool *wake)
{
    if (!m->stamps) {
        return char_out_append_locked(m->c, buf, len, wake);
    }
    size_t done = 0;
    while (done < len) {
        if (m->line_start) {
            char stamp[32];
            size_t n = mux_stamp(m, stamp, sizeof(stamp));
            if (m->c->open && CHAR_OUT_MAX - m->c->out_len < n) {
                break;
            }
            char_out_append_locked(m->c, (const uint8_t *)stamp, n, wake);
            m->line_start = false;
        }
        const uint8_t *nl = memchr(buf + done, '\n', len - done);
        size_t n = nl ? nl + 1 - (buf + done) : len - done;
        size_t took = char_out_append_locked(m->c, buf + done, n, wake);
        done += took;
        m->line_start = took == n && nl;
        if (took < n) {
            break;
        }
    }
    return done;
}

static void mux_print(CharMux *m, const char *text)
{
    char_out_append(m->c, (const uint8_t *)text, strlen(text));
}

void char_mux_write_ready(CharMux *m)
{
    for (int i = 0; i < MUX_FRONTS; i++) {
        CharFront *f = m->port[i] ? m->port[i]->front : NULL;
        if (!f) {
            continue;
        }
        g_mutex_lock(&m->c->lock);
        bool tell = f->want_write;
        f->want_write = false;
        g_mutex_unlock(&m->c->lock);
        if (tell && f->handlers && f->handlers->write_ready) {
            f->handlers->write_ready(f->opaque);
        }
    }
}

/* --- front ends ------------------------------------------------------------------------------ */

bool char_mux_attach(CharMux *m, CharFront *f, GError **err)
{
    for (int i = 0; i < MUX_FRONTS; i++) {
        if (!m->port[i]) {
            m->port[i] = g_new0(MuxPort, 1);
        }
        if (!m->port[i]->front) {
            m->port[i]->front = f;
            f->tag = i;
            return true;
        }
    }
    rhea_error_set(err, "chardev '%s' has too many users (at most %d)", m->c->id, MUX_FRONTS);
    return false;
}

static void mux_focus(CharMux *m, int to)
{
    if (m->focus == to) {
        return;
    }
    if (m->focus >= 0 && m->port[m->focus]->front) {
        char_front_event(m->port[m->focus]->front, CHAR_EVENT_MUX_OUT);
    }
    m->focus = to;
    if (to >= 0) {
        char_front_event(m->port[to]->front, CHAR_EVENT_MUX_IN);
    }
}

static bool mux_port_used(const CharMux *m, int i)
{
    return m->port[i] && m->port[i]->front;
}

static void mux_focus_next(CharMux *m)
{
    for (int step = 1; step <= MUX_FRONTS; step++) {
        int i = (m->focus + step) % MUX_FRONTS;
        if (mux_port_used(m, i)) {
            mux_focus(m, i);
            return;
        }
    }
    m->focus = -1;
}

void char_mux_detach(CharMux *m, CharFront *f)
{
    MuxPort *p = m->port[f->tag];
    p->front = NULL;
    p->len = 0;
    if (m->focus == f->tag) {
        mux_focus_next(m);
    }
}

void char_mux_handlers_set(CharMux *m, CharFront *f)
{
    if (f->handlers && f->handlers->read && !f->handlers->background) {
        mux_focus(m, f->tag);
    }
}

void char_mux_event(CharMux *m, CharEvent event)
{
    if (event == CHAR_EVENT_BREAK) {
        if (m->focus >= 0) {
            char_front_event(m->port[m->focus]->front, event);
        }
        return;
    }
    for (int i = 0; i < MUX_FRONTS; i++) {
        if (mux_port_used(m, i)) {
            char_front_event(m->port[i]->front, event);
        }
    }
}

/* --- input ----------------------------------------------------------------------------------- */

static bool mux_deliver(MuxPort *p)
{
    CharFront *f = p->front;
    while (p->len && f && f->handlers && f->handlers->read) {
        unsigned room = f->handlers->can_read ? f->handlers->can_read(f->opaque) : p->len;
        unsigned n = MIN(MIN(p->len, room), MUX_QUEUE - p->head);
        if (!n) {
            return false;
        }
        unsigned head = p->head;
        p->head = (p->head + n) % MUX_QUEUE;
        p->len -= n;
        f->handlers->read(f->opaque, p->queue + head, n);
        f = p->front;
    }
    return true;
}

void char_mux_accept(CharMux *m)
{
    bool all = true;
    for (int i = 0; i < MUX_FRONTS; i++) {
        all &= !mux_port_used(m, i) || mux_deliver(m->port[i]);
    }
    if (!all && !atomic_exchange(&m->c->in_paused, true)) {
        /* An accept between the last look and the flag would be lost. */
        for (int i = 0; i < MUX_FRONTS; i++) {
            if (mux_port_used(m, i)) {
                mux_deliver(m->port[i]);
            }
        }
    }
}

unsigned char_mux_room(CharMux *m)
{
    /* Without a focus the commands still work; other input waits in no queue. */
    return m->focus < 0 ? 1 : MUX_QUEUE - m->port[m->focus]->len;
}

static void mux_queue(CharMux *m, uint8_t byte)
{
    MuxPort *p = m->focus >= 0 ? m->port[m->focus] : NULL;
    if (p && p->len < MUX_QUEUE) {
        p->queue[(p->head + p->len++) % MUX_QUEUE] = byte;
    }
}

static void mux_help(CharMux *m)
{
    char key[8];
    int e = m->c->set->escape;
    if (e > 0 && e < 27) {
        g_snprintf(key, sizeof(key), "C-%c", 'a' + e - 1);
    } else {
        g_snprintf(key, sizeof(key), "0x%02x", e);
    }
    g_autofree char *text = g_strdup_printf("\r\n"
                                            "%s h    print this help\r\n"
                                            "%s x    exit emulator\r\n"
                                            "%s s    save disk data back to file (if -snapshot)\r\n"
                                            "%s t    toggle console timestamps\r\n"
                                            "%s b    send break (magic sysrq)\r\n"
                                            "%s c    switch between console and monitor\r\n"
                                            "%s %s  sends %s\r\n",
                                            key, key, key, key, key, key, key, key, key);
    mux_print(m, text);
}

static void mux_quit(CharMux *m)
{
    const char *program = g_get_prgname();
    mux_print(m, program && g_str_has_prefix(program, "qemu-") ? "QEMU: Terminated\n\r"
                                                               : "rhea: Terminated\n\r");
    if (m->c->set->quit) {
        m->c->set->quit(m->c->set->quit_opaque);
    }
}

static void mux_toggle_stamps(CharMux *m)
{
    g_mutex_lock(&m->c->lock);
    m->stamps = !m->stamps;
    m->line_start = false;
    m->stamp_start = clock_get_ns(mainloop_clocks(m->c->set->loop), CLK_REALTIME);
    g_mutex_unlock(&m->c->lock);
}

static void mux_command(CharMux *m, uint8_t byte)
{
    if (byte == m->c->set->escape) {
        mux_queue(m, byte);
        return;
    }
    switch (byte) {
    case '?':
    case 'h':
        mux_help(m);
        break;
    case 'x':
        mux_quit(m);
        break;
    case 's':
        mux_print(m, "\r\nno disk is in snapshot mode\r\n");
        break;
    case 'b':
        char_mux_event(m, CHAR_EVENT_BREAK);
        break;
    case 'c':
        char_mux_accept(m);
        mux_focus_next(m);
        break;
    case 't':
        mux_toggle_stamps(m);
        break;
    default:
        break;
    }
}

void char_mux_input(CharMux *m, const uint8_t *buf, unsigned len)
{
    int escape = m->c->set->escape;
    for (unsigned i = 0; i < len; i++) {
        if (m->escaped) {
            m->escaped = false;
            mux_command(m, buf[i]);
        } else if (escape && buf[i] == escape) {
            m->escaped = true;
        } else {
            mux_queue(m, buf[i]);
        }
    }
    char_mux_accept(m);
}

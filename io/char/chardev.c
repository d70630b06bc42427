/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Character devices: front ends, output buffer, registry and the two ways to name one
 * (include/io/chardev.h).
 *
 * Output. char_write() appends to a ring under Chardev.lock. The first byte into an idle ring posts
 * a drain to the main loop; while the loop drains, and for CHAR_LINGER_NS after the ring ran empty,
 * further bytes cost no system call in the thread that writes: a timer looks after them. Bytes are
 * taken out under Chardev.drain, by the loop's thread or, when the ring is full and the loop does
 * not keep up, by char_make_room(); the lock is not held while they are written. Input. Back ends
 * read in the loop's thread only as much as the front end takes.
 *
 * Test: tests/unit/test-chardev.c
 */
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const CharKind *const char_kinds[] = {
    &char_kind_file,   &char_kind_null,  &char_kind_pipe, &char_kind_pty, &char_kind_ringbuf,
    &char_kind_socket, &char_kind_stdio, &char_kind_udp,  &char_kind_vc,
};

/* --- output ---------------------------------------------------------------------------------- */

static void out_grow_locked(Chardev *c, size_t need)
{
    uint32_t size = MAX(c->out_size, CHAR_OUT_MIN);
    while (size < need && size < CHAR_OUT_MAX) {
        size *= 2;
    }
    if (size == c->out_size) {
        return;
    }
    uint8_t *grown = g_malloc(size);
    for (uint32_t i = 0; i < c->out_len; i++) {
        grown[i] = c->out[(c->out_head + i) & (c->out_size - 1)];
    }
    g_free(c->out);
    c->out = grown;
    c->out_size = size;
    c->out_head = 0;
}

static void out_drain(Chardev *c);

static void out_drain_posted(void *opaque)
{
    out_drain(opaque);
}

void char_out_wake(Chardev *c)
{
    mainloop_post(c->set->loop, out_drain_posted, c);
}

size_t char_out_append_locked(Chardev *c, const uint8_t *buf, size_t len, bool *wake)
{
    if (!c->open || (c->kind->discards && c->log_fd < 0)) {
        return len;
    }
    if (c->out_len + len > c->out_size && c->out_size < CHAR_OUT_MAX) {
        out_grow_locked(c, c->out_len + len);
    }
    size_t n = MIN(len, c->out_size - c->out_len);
    for (size_t i = 0; i < n; i++) {
        c->out[(c->out_head + c->out_len + i) & (c->out_size - 1)] = buf[i];
    }
    c->out_len += n;
    if (n && c->out_state == OUT_IDLE) {
        c->out_state = OUT_PENDING;
        *wake = true;
    }
    return n;
}

size_t char_out_append(Chardev *c, const uint8_t *buf, size_t len)
{
    bool wake = false;
    g_mutex_lock(&c->lock);
    size_t n = char_out_append_locked(c, buf, len, &wake);
    g_mutex_unlock(&c->lock);
    if (wake) {
        char_out_wake(c);
    }
    return n;
}

static void out_log(Chardev *c, const uint8_t *buf, size_t len)
{
    while (c->log_fd >= 0 && len) {
        ssize_t n = write(c->log_fd, buf, len);
        if (n < 0 && errno != EINTR) {
            rhea_warn_report("chardev %s: cannot write logfile: %s", c->id, g_strerror(errno));
            close(c->log_fd);
            c->log_fd = -1;
        } else if (n > 0) {
            buf += n;
            len -= n;
        }
    }
}

/* Write one stretch. False if the other side takes nothing now. */
static bool out_write_some(Chardev *c)
{
    g_autoptr(GMutexLocker) drain = g_mutex_locker_new(&c->drain);
    uint8_t chunk[4096];
    g_mutex_lock(&c->lock);
    size_t len = MIN(c->out_len, sizeof(chunk));
    for (size_t i = 0; i < len; i++) {
        chunk[i] = c->out[(c->out_head + i) & (c->out_size - 1)];
    }
    g_mutex_unlock(&c->lock);
    ssize_t n = len && c->open ? c->kind->write(c, chunk, len) : (ssize_t)len;
    if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            return errno == EINTR;
        }
        n = len;
    }
    out_log(c, chunk, n);
    g_mutex_lock(&c->lock);
    c->out_head = c->out_size ? (c->out_head + n) & (c->out_size - 1) : 0;
    c->out_len -= n;
    g_mutex_unlock(&c->lock);
    return true;
}

static void front_write_ready(CharFront *f)
{
    if (f->handlers && f->handlers->write_ready) {
        f->handlers->write_ready(f->opaque);
    }
}

static void out_tell_room(Chardev *c)
{
    if (c->mux) {
        char_mux_write_ready(c->mux);
        return;
    }
    g_mutex_lock(&c->lock);
    CharFront *f = c->front;
    bool tell = f && f->want_write;
    if (tell) {
        f->want_write = false;
    }
    g_mutex_unlock(&c->lock);
    if (tell) {
        front_write_ready(f);
    }
}

static void out_drain(Chardev *c)
{
    bool wrote = false;
    for (;;) {
        g_mutex_lock(&c->lock);
        bool empty = c->out_len == 0;
        if (empty) {
            c->out_state = wrote ? OUT_PENDING : OUT_IDLE;
        }
        g_mutex_unlock(&c->lock);
        if (empty) {
            break;
        }
        if (!out_write_some(c)) {
            g_mutex_lock(&c->lock);
            c->out_state = OUT_BLOCKED;
            g_mutex_unlock(&c->lock);
            c->kind->wait_writable(c, true);
            out_tell_room(c);
            return;
        }
        wrote = true;
    }
    if (wrote) {
        timer_mod(&c->linger,
                  clock_get_ns(mainloop_clocks(c->set->loop), CLK_REALTIME) + CHAR_LINGER_NS);
        out_tell_room(c);
    }
}

void char_out_ready(Chardev *c)
{
    c->kind->wait_writable(c, false);
    out_drain(c);
}

size_t char_write(CharFront *f, const void *buf, size_t len)
{
    Chardev *c = f->chr;
    bool wake = false;
    if (!c) {
        return len;
    }
    g_mutex_lock(&c->lock);
    size_t n = c->mux ? char_mux_write_locked(c->mux, buf, len, &wake)
                      : char_out_append_locked(c, buf, len, &wake);
    if (n < len) {
        f->want_write = true;
    }
    g_mutex_unlock(&c->lock);
    if (wake) {
        char_out_wake(c);
    }
    return n;
}

void char_make_room(CharFront *f)
{
    Chardev *c = f->chr;

    if (c && c->kind->steady) {
        out_write_some(c);
    }
}

/*
 * At exit: write what is left as long as the other side takes some of it every timeout_ms. A signal
 * ends the wait.
 */
static void out_flush(Chardev *c, unsigned timeout_ms)
{
    while (c->out_len && c->open) {
        if (out_write_some(c)) {
            continue;
        }
        int fd = c->kind->out_fd ? c->kind->out_fd(c) : -1;
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (fd < 0 || poll(&p, 1, timeout_ms) <= 0) {
            break;
        }
    }
}

/* --- input ----------------------------------------------------------------------------------- */

static unsigned char_room_now(Chardev *c)
{
    if (c->mux) {
        return char_mux_room(c->mux);
    }
    CharFront *f = c->front;
    if (!f || !f->handlers || !f->handlers->read) {
        return 0;
    }
    return f->handlers->can_read ? f->handlers->can_read(f->opaque) : CHAR_IN_CHUNK;
}

unsigned char_in_room(Chardev *c)
{
    unsigned n = char_room_now(c);
    if (n == 0) {
        /* Ask again after the flag is up: an accept in between would have found it down. */
        atomic_store(&c->in_paused, true);
        n = char_room_now(c);
        if (n) {
            atomic_store(&c->in_paused, false);
        }
    }
    return n;
}

void char_input(Chardev *c, const uint8_t *buf, unsigned len)
{
    if (c->mux) {
        char_mux_input(c->mux, buf, len);
    } else if (c->front && c->front->handlers && c->front->handlers->read) {
        c->front->handlers->read(c->front->opaque, buf, len);
    }
}

static void in_accept_posted(void *opaque)
{
    Chardev *c = opaque;
    if (c->mux) {
        char_mux_accept(c->mux);
    }
    c->kind->update_read(c);
}

void char_accept_input(CharFront *f)
{
    Chardev *c = f->chr;
    if (c && atomic_exchange(&c->in_paused, false)) {
        mainloop_post(c->set->loop, in_accept_posted, c);
    }
}

/* --- events ---------------------------------------------------------------------------------- */

void char_front_event(CharFront *f, CharEvent event)
{
    if (event == CHAR_EVENT_OPENED || event == CHAR_EVENT_CLOSED) {
        bool open = event == CHAR_EVENT_OPENED;
        if (f->open == open) {
            return;
        }
        f->open = open;
    }
    if (f->handlers && f->handlers->event) {
        f->handlers->event(f->opaque, event);
    }
}

void char_event(Chardev *c, CharEvent event)
{
    if (c->mux) {
        char_mux_event(c->mux, event);
    } else if (c->front) {
        char_front_event(c->front, event);
    }
}

void char_set_open(Chardev *c, bool open)
{
    if (c->open == open) {
        return;
    }
    g_mutex_lock(&c->lock);
    c->open = open;
    if (!open) {
        c->out_len = 0;
    }
    g_mutex_unlock(&c->lock);
    char_event(c, open ? CHAR_EVENT_OPENED : CHAR_EVENT_CLOSED);
    if (!open) {
        /* What was waiting for room has it now: output goes nowhere. */
        c->kind->wait_writable(c, false);
        out_drain(c);
        out_tell_room(c);
    }
}

void chardev_send_break(Chardev *c)
{
    char_event(c, CHAR_EVENT_BREAK);
}

/* --- front ends ------------------------------------------------------------------------------ */

bool char_attach(CharFront *f, Chardev *c, GError **err)
{
    *f = (CharFront){0};
    if (!c) {
        return true;
    }
    if (c->mux) {
        if (!char_mux_attach(c->mux, f, err)) {
            return false;
        }
    } else if (c->front) {
        rhea_error_set(err, "chardev '%s' is already in use", c->id);
        return false;
    } else {
        c->front = f;
    }
    f->chr = c;
    return true;
}

void char_detach(CharFront *f)
{
    Chardev *c = f->chr;
    if (!c) {
        return;
    }
    if (c->mux) {
        char_mux_detach(c->mux, f);
    } else {
        g_mutex_lock(&c->lock);
        c->front = NULL;
        g_mutex_unlock(&c->lock);
    }
    *f = (CharFront){0};
    c->kind->update_read(c);
}

void char_set_handlers(CharFront *f, const CharHandlers *handlers, void *opaque)
{
    Chardev *c = f->chr;
    f->handlers = handlers;
    f->opaque = opaque;
    if (!c) {
        return;
    }
    if (c->mux) {
        char_mux_handlers_set(c->mux, f);
    }
    if (c->open) {
        char_front_event(f, CHAR_EVENT_OPENED);
    }
    atomic_store(&c->in_paused, false);
    c->kind->update_read(c);
}

/* --- the set --------------------------------------------------------------------------------- */

CharSet *charset_new(MainLoop *loop)
{
    CharSet *s = g_new0(CharSet, 1);
    s->loop = loop;
    s->list = g_ptr_array_new();
    s->escape = 1;
    return s;
}

static void char_free(Chardev *c)
{
    if (c->started) {
        c->kind->close(c);
    }
    timer_del_sync(&c->linger);
    char_mux_free(c->mux);
    if (c->log_fd >= 0) {
        close(c->log_fd);
    }
    g_mutex_clear(&c->lock);
    g_mutex_clear(&c->drain);
    g_free(c->out);
    g_free(c->id);
    g_free(c->filename);
    g_free(c);
}

void charset_free(CharSet *s, unsigned timeout_ms)
{
    if (!s) {
        return;
    }
    for (unsigned i = 0; i < s->list->len; i++) {
        Chardev *c = g_ptr_array_index(s->list, i);
        out_flush(c, timeout_ms);
        if (c->front) {
            c->front->chr = NULL;
        }
        char_free(c);
    }
    g_ptr_array_free(s->list, TRUE);
    g_free(s);
    char_restore_terminal();
}

void charset_set_quit(CharSet *s, void (*quit)(void *opaque), void *opaque)
{
    s->quit = quit;
    s->quit_opaque = opaque;
}

void charset_set_escape(CharSet *s, int byte)
{
    s->escape = byte;
}

void charset_set_daemonize(CharSet *s)
{
    s->daemonize = true;
}

Chardev *chardev_find(CharSet *s, const char *id)
{
    for (unsigned i = 0; i < s->list->len; i++) {
        Chardev *c = g_ptr_array_index(s->list, i);
        if (!strcmp(c->id, id)) {
            return c;
        }
    }
    return NULL;
}

Chardev *chardev_at(CharSet *s, unsigned i)
{
    return i < s->list->len ? g_ptr_array_index(s->list, i) : NULL;
}

const char *chardev_id(const Chardev *c)
{
    return c->id;
}

const char *chardev_filename(const Chardev *c)
{
    return c->filename;
}

bool chardev_is_mux(const Chardev *c)
{
    return c->mux != NULL;
}

bool chardev_wants_monitor(const Chardev *c)
{
    return c->wants_monitor;
}

static void char_linger_over(void *opaque)
{
    out_drain(opaque);
}

static bool char_open_log(Chardev *c, OptDict *d, GError **err)
{
    const char *path = opt_take(d, "logfile");
    bool append = false;
    if (!opt_take_bool(d, "logappend", &append, err)) {
        return false;
    }
    if (path) {
        c->log_fd =
            open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
        if (c->log_fd < 0) {
            rhea_error_set(err, "Unable to open logfile %s: %s", path, g_strerror(errno));
            return false;
        }
    }
    return true;
}

static bool char_open(Chardev *c, OptDict *d, GError **err)
{
    bool mux = false;
    if (!opt_take_bool(d, "mux", &mux, err) || !char_open_log(c, d, err)) {
        return false;
    }
    c->started = true;
    if (!c->kind->open(c, d, err) || !opt_check_unused(d, err)) {
        return false;
    }
    if (mux) {
        c->mux = char_mux_new(c);
    }
    return true;
}

static const CharKind *kind_find(const char *name, GError **err)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(char_kinds); i++) {
        if (!strcmp(char_kinds[i]->name, name)) {
            return char_kinds[i];
        }
    }
    rhea_error_set(err, "'%s' is not a valid char driver name", name);
    return NULL;
}

bool chardev_print_options(const char *name, GError **err)
{
    const CharKind *kind = kind_find(name, err);
    if (kind) {
        printf("%s options:\n", name);
        g_auto(GStrv) list = g_strsplit(kind->help, ",", 0);
        for (char **p = list; *p; p++) {
            printf("  %s\n", *p);
        }
        printf("  mux=on|off\n  logfile=PATH\n  logappend=on|off\n");
    }
    return kind != NULL;
}

Chardev *chardev_new(CharSet *s, OptDict *d, GError **err)
{
    const char *id = opt_take(d, "id");
    const char *backend = opt_take(d, "backend");
    if (!backend) {
        rhea_error_set(err, "chardev: no backend given (use '-chardev help' for a list)");
        return NULL;
    }
    const CharKind *kind = kind_find(backend, err);
    if (!kind) {
        return NULL;
    }
    if (!id) {
        rhea_error_set(err, "chardev: no id specified");
        return NULL;
    }
    if (!opt_check_id(id, err)) {
        return NULL;
    }
    if (chardev_find(s, id)) {
        rhea_error_set(err, "Duplicate ID '%s' for chardev", id);
        return NULL;
    }
    Chardev *c = g_malloc0(kind->size);
    c->kind = kind;
    c->set = s;
    c->id = g_strdup(id);
    c->log_fd = -1;
    g_mutex_init(&c->lock);
    g_mutex_init(&c->drain);
    timer_init(&c->linger, mainloop_clocks(s->loop), CLK_REALTIME, char_linger_over, c);
    if (!char_open(c, d, err)) {
        char_free(c);
        return NULL;
    }
    g_ptr_array_add(s->list, c);
    return c;
}

/* --- short forms ----------------------------------------------------------------------------- */

/* HOST:PORT,opts; an IPv6 address stands in brackets. */
static bool short_tcp(OptDict *d, const char *address, GError **err)
{
    const char *colon = strrchr(address, ':');
    if (!colon) {
        rhea_error_set(err, "'%s' is not HOST:PORT", address);
        return false;
    }
    g_autofree char *host = g_strndup(address, colon - address);
    size_t n = strlen(host);
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = 0;
        opt_set(d, "host", host + 1);
    } else {
        opt_set(d, "host", host);
    }
    opt_set(d, "port", colon + 1);
    return true;
}

/* [HOST]:PORT[@[LOCALHOST]:LOCALPORT] */
static OptDict *short_udp(const char *text, GError **err)
{
    g_autoptr(OptDict) d = opt_new();
    g_auto(GStrv) side = g_strsplit(text, "@", 2);

    opt_set(d, "backend", "udp");
    if (!side[0] || !short_tcp(d, side[0], err)) {
        if (err && !*err) {
            rhea_error_set(err, "'%s' is not HOST:PORT", text);
        }
        return NULL;
    }
    if (side[1]) {
        g_autoptr(OptDict) local = opt_new();

        if (!short_tcp(local, side[1], err)) {
            return NULL;
        }
        opt_set(d, "localaddr", opt_get(local, "host"));
        opt_set(d, "localport", opt_get(local, "port"));
    }
    return g_steal_pointer(&d);
}

/* The options that the short form stands for; NULL with *err. */
static OptDict *short_to_opts(const char *text, GError **err)
{
    static const struct {
        const char *prefix, *backend, *key;
    } forms[] = {
        {"file:", "file", "path"},
        {"pipe:", "pipe", "path"},
        {"pty:", "pty", "path"},
        {"unix:", "socket", "path"},
        {"tcp:", "socket", "address"},
        {"telnet:", "socket", "address"},
        {"websocket:", "socket", "address"},
    };
    static const char *const plain[] = {"null", "pty", "stdio", "vc", NULL};
    if (g_strv_contains(plain, text) || g_str_has_prefix(text, "vc:")) {
        OptDict *d = opt_new();
        opt_set(d, "backend", text[0] == 'v' ? "vc" : text);
        return d;
    }
    if (g_str_has_prefix(text, "udp:")) {
        return short_udp(text + 4, err);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (g_str_has_prefix(text, forms[i].prefix)) {
            const char *rest = text + strlen(forms[i].prefix);
            /* A file's name is all of the rest, commas included. */
            bool whole = strcmp(forms[i].backend, "socket") != 0;
            g_autoptr(OptDict) d = whole ? opt_new() : opt_parse(rest, forms[i].key, err);
            if (!d) {
                return NULL;
            }
            if (whole) {
                opt_set(d, forms[i].key, rest);
            }
            opt_set(d, "backend", forms[i].backend);
            if (*text == 't' && text[1] == 'e') {
                opt_set(d, "telnet", "on");
            } else if (*text == 'w') {
                opt_set(d, "websocket", "on");
            }
            const char *address = opt_get(d, "address");
            if (address) {
                if (!short_tcp(d, address, err)) {
                    return NULL;
                }
                opt_remove(d, "address");
            }
            return g_steal_pointer(&d);
        }
    }
    rhea_error_set(err, "'%s' is not a valid char driver", text);
    return NULL;
}

bool chardev_new_short(CharSet *s, const char *label, const char *text, Chardev **out, GError **err)
{
    *out = NULL;
    if (!strcmp(text, "none")) {
        return true;
    }
    if (g_str_has_prefix(text, "chardev:")) {
        *out = chardev_find(s, text + 8);
        if (!*out) {
            rhea_error_set(err, "chardev \"%s\" not found", text + 8);
        }
        return *out != NULL;
    }
    bool monitor = g_str_has_prefix(text, "mon:");
    g_autoptr(OptDict) d = short_to_opts(monitor ? text + 4 : text, err);
    if (!d) {
        return false;
    }
    opt_set(d, "id", label);
    if (monitor) {
        opt_set(d, "mux", "on");
        /* Ctrl-C belongs to the guest then; Ctrl-A x is the way out. */
        if (!strcmp(opt_get(d, "backend"), "stdio")) {
            opt_set(d, "signal", "off");
        }
    }
    *out = chardev_new(s, d, err);
    if (*out) {
        (*out)->wants_monitor = monitor;
    }
    return *out != NULL;
}

void chardev_print_help(void)
{
    printf("Available chardev backend types: \n");
    for (unsigned i = 0; i < G_N_ELEMENTS(char_kinds); i++) {
        printf("  %s\n", char_kinds[i]->name);
    }
}

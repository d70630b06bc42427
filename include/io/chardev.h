/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Character devices: the host side of serial ports, consoles and the monitor (-serial, -chardev,
 * -monitor).
 *
 * A Chardev is a back end (stdio, file, pty, pipe, socket, null, mux). A device holds a CharFront
 * embedded in its state and attaches it to one. Handlers are called in the main loop's thread,
 * without any lock held; a device's handler takes the device's lock. char_write() may be called
 * from any thread with the device's lock held: it appends to a bounded buffer that the main loop
 * drains, and never blocks, calls back or loses what it accepted. A back end with nobody at the
 * other end (closed socket, pty without a reader) swallows the bytes, as a serial line does.
 *
 * Test: tests/unit/test-chardev.c
 */
#ifndef IO_CHARDEV_H
#define IO_CHARDEV_H

#include "rhea/error.h"
#include "softmmu/mainloop.h"
#include "softmmu/opts.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Chardev Chardev;
typedef struct CharFront CharFront;
typedef struct CharSet CharSet;

typedef enum CharEvent {
    CHAR_EVENT_BREAK,   /* a break condition came in */
    CHAR_EVENT_OPENED,  /* somebody is there (also sent when a front end attaches to an open back
                           end) */
    CHAR_EVENT_CLOSED,  /* the other side left */
    CHAR_EVENT_MUX_IN,  /* this front end got the mux's input */
    CHAR_EVENT_MUX_OUT, /* and lost it */
} CharEvent;

typedef struct CharHandlers {
    /* How many bytes read() would take now; 0: none, and char_accept_input() says when there is
     * room again. NULL: no input wanted. */
    unsigned (*can_read)(void *opaque);
    void (*read)(void *opaque, const uint8_t *buf, unsigned len);
    /* Room again after a char_write() that took less than asked. May be NULL. */
    void (*write_ready)(void *opaque);
    void (*event)(void *opaque, CharEvent event); /* may be NULL */
    /* On a mux: attaching does not take the input away from others (monitors). */
    bool background;
} CharHandlers;

/* Fields are private; zero-initialised is "not attached", and all calls on such a front end are
 * fine: output vanishes. */
struct CharFront {
    Chardev *chr;
    const CharHandlers *handlers;
    void *opaque;
    int tag;         /* place in the mux */
    bool open;       /* last OPENED/CLOSED told */
    bool want_write; /* a char_write() was cut short */
};

/* Attach; fails if chr already has a front end (and is no mux). chr NULL is allowed. */
bool char_attach(CharFront *f, Chardev *chr, GError **err);
void char_detach(CharFront *f);
/* In the main loop's thread or before it runs. handlers stays the caller's and must live on; NULL:
 * none. */
void char_set_handlers(CharFront *f, const CharHandlers *handlers, void *opaque);
static inline bool char_attached(const CharFront *f)
{
    return f->chr != NULL;
}

/* Returns how many bytes were taken, 0..len; less than len only if the buffer is full, then
 * write_ready follows. */
size_t char_write(CharFront *f, const void *buf, size_t len);
/* The buffer is full and more must go in or be lost: write some of it from this thread, if the
 * other side takes it at once. Does not wait. [any] */
void char_make_room(CharFront *f);
/* The front end has room again. Any thread. */
void char_accept_input(CharFront *f);

/* All back ends of a VM. Owned by the Machine. */
CharSet *charset_new(MainLoop *loop);
/* Flushes what is buffered (as long as the other side takes some every timeout_ms), closes,
 * restores the terminal. */
void charset_free(CharSet *s, unsigned timeout_ms);

/* -chardev KIND,id=... Takes what it knows from d and reports the rest as unknown. The set owns the
 * result. */
Chardev *chardev_new(CharSet *s, OptDict *d, GError **err);
/* The short form of -serial and -monitor: stdio, null, none (*out NULL), pty, file:PATH, pipe:PATH,
 * unix:PATH,server=on,wait=off, tcp:HOST:PORT,..., telnet:HOST:PORT,..., udp:HOST:PORT@HOST:PORT,
 * mon:SHORT, chardev:ID. label becomes the id of a
 * new one ("serial0", "compat_monitor0"). */
bool chardev_new_short(CharSet *s, const char *label, const char *text, Chardev **out,
                       GError **err);
Chardev *chardev_find(CharSet *s, const char *id);
const char *chardev_id(const Chardev *c);
/* "KIND:detail" as `info chardev` shows it. */
const char *chardev_filename(const Chardev *c);
/* For `info chardev`: i from 0; NULL at the end. */
Chardev *chardev_at(CharSet *s, unsigned i);
bool chardev_is_mux(const Chardev *c);
/* Commands of the mux and of stdio call back into the program: 'x' quits. Set before the loop runs.
 */
void charset_set_quit(CharSet *s, void (*quit)(void *opaque), void *opaque);
/* -echr: the escape byte of the mux, 1 (Ctrl-A) by default; 0: none. */
void charset_set_escape(CharSet *s, int byte);
/* -daemonize: standard input and output cannot be used. */
void charset_set_daemonize(CharSet *s);
/* Made from "mon:...": the caller attaches a monitor to it as well. */
bool chardev_wants_monitor(const Chardev *c);
/* As if a break came in: to the front end (of a mux: that has the input). Main loop's thread. */
void chardev_send_break(Chardev *c);
/* ringbuf: the newest of what was written, at most len bytes; how many. [any] */
size_t char_ring_peek(Chardev *c, uint8_t *buf, size_t len);
/* The -chardev help table, on stdout. */
void chardev_print_help(void);
/* -chardev KIND,help. */
bool chardev_print_options(const char *name, GError **err);
/* Put the terminal back. Async-signal-safe; for crash handlers and exits outside charset_free(). */
void char_restore_terminal(void);

#endif

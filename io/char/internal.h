/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the back ends of character devices share (io/char only).
 *
 * A back end is a CharKind: how it opens, writes, and which descriptor it reads. Everything here
 * runs in the main loop's thread, except what takes Chardev.lock.
 */
#ifndef IO_CHAR_INTERNAL_H
#define IO_CHAR_INTERNAL_H

#include "io/chardev.h"
#include <stdatomic.h>
#include <sys/types.h>

#define CHAR_OUT_MIN   4096u
#define CHAR_OUT_MAX   65536u
#define CHAR_IN_CHUNK  4096u
#define CHAR_LINGER_NS (1 * NS_PER_MS)

typedef struct CharKind CharKind;
typedef struct CharMux CharMux;

struct CharKind {
    const char *name; /* -chardev NAME */
    const char *help; /* its parameters */
    size_t size;      /* of the struct that starts with a Chardev */
    bool discards;    /* output goes nowhere, unless to a logfile */
    bool steady;      /* what write() uses never changes: any thread may call it */
    /* Open from the options of d; sets c->filename, and c->open if somebody is there. */
    bool (*open)(Chardev *c, OptDict *d, GError **err);
    void (*close)(Chardev *c);
    /* Like write(2) on a non-blocking descriptor. Errors other than EAGAIN and EINTR drop the
     * bytes. */
    ssize_t (*write)(Chardev *c, const uint8_t *buf, size_t len);
    /* Start or stop waiting for the moment when write() takes bytes again; then char_out_ready().
     */
    void (*wait_writable)(Chardev *c, bool wait);
    /* Start or stop reading, by char_in_room(). */
    void (*update_read)(Chardev *c);
    int (*out_fd)(Chardev *c); /* to poll at exit; -1: none */
};

typedef enum {
    OUT_IDLE,    /* buffer empty, nobody looks at it */
    OUT_PENDING, /* the main loop will drain it: posted, or the linger timer runs */
    OUT_BLOCKED, /* waiting for the other side */
} OutState;

struct Chardev {
    const CharKind *kind;
    CharSet *set;
    char *id, *filename;
    CharFront *front; /* the only one, without mux */
    CharMux *mux;     /* NULL: one front end only */
    bool wants_monitor;
    bool started; /* kind->open() was called, so close() will be */
    int log_fd;   /* logfile=, or -1 */

    GMutex drain; /* of whoever takes bytes out of the ring; before lock */
    GMutex lock;  /* the fields up to the next empty line */
    uint8_t *out;
    uint32_t out_head, out_len, out_size;
    OutState out_state;
    bool open; /* somebody is at the other end; written by the loop's thread only */

    Timer linger;
    atomic_bool in_paused; /* reading stopped because the front end was full */
};

struct CharSet {
    MainLoop *loop;
    GPtrArray *list; /* Chardev *, owned */
    void (*quit)(void *opaque);
    void *quit_opaque;
    int escape; /* of the mux: a byte, 0: none */
    bool daemonize;
};

extern const CharKind char_kind_null, char_kind_vc, char_kind_file, char_kind_pipe, char_kind_pty,
    char_kind_socket, char_kind_stdio, char_kind_udp, char_kind_ringbuf;

/* For back ends, in the loop's thread. */
void char_out_ready(Chardev *c);
/* How much input the front end (or the mux) takes now. 0 also sets in_paused, so that update_read()
 * is called again later. */
unsigned char_in_room(Chardev *c);
void char_input(Chardev *c, const uint8_t *buf, unsigned len);
/* Change c->open and tell the front ends. */
void char_set_open(Chardev *c, bool open);
void char_event(Chardev *c, CharEvent event);

void char_front_event(CharFront *f, CharEvent event);

/* Append to the output buffer; the number of bytes that fitted. Any thread; takes the lock. */
size_t char_out_append(Chardev *c, const uint8_t *buf, size_t len);
/* *wake: call char_out_wake() once the lock is released. */
size_t char_out_append_locked(Chardev *c, const uint8_t *buf, size_t len, bool *wake);
void char_out_wake(Chardev *c);

/* mux.c */
CharMux *char_mux_new(Chardev *c);
void char_mux_free(CharMux *m);
bool char_mux_attach(CharMux *m, CharFront *f, GError **err);
void char_mux_detach(CharMux *m, CharFront *f);
void char_mux_handlers_set(CharMux *m, CharFront *f);
/* With the chardev's lock held, like char_out_append_locked(). */
size_t char_mux_write_locked(CharMux *m, const uint8_t *buf, size_t len, bool *wake);
unsigned char_mux_room(CharMux *m);
void char_mux_input(CharMux *m, const uint8_t *buf, unsigned len);
void char_mux_accept(CharMux *m);
void char_mux_event(CharMux *m, CharEvent event);
void char_mux_write_ready(CharMux *m);

/* fd.c: a back end on up to two descriptors, in which a struct can be embedded. */
typedef struct CharFd {
    Chardev c;
    int in_fd, out_fd; /* -1: none; may be equal */
    MainFd *in_watch, *out_watch;
    bool out_socket; /* out_fd is a socket that is not O_NONBLOCK */
    bool out_chunks; /* out_fd may block: write only little, after a poll */
    bool close_in, close_out;
    void (*closed)(Chardev *c); /* end of input or error; NULL: just stop reading */
    /* Takes out of n bytes of input what is not for the front end; how many are left. Or NULL. */
    size_t (*filter)(Chardev *c, uint8_t *buf, size_t n);
} CharFd;

void char_fd_start(CharFd *f);
void char_fd_stop(CharFd *f); /* removes the watches, closes what close_in/out say */
ssize_t char_fd_write(Chardev *c, const uint8_t *buf, size_t len);
void char_fd_wait_writable(Chardev *c, bool wait);
void char_fd_update_read(Chardev *c);
void char_fd_close(Chardev *c);
int char_fd_out_fd(Chardev *c);

/* websocket.c: the server's side of a connection. */
typedef struct CharWs CharWs;
CharWs *char_ws_new(void);
void char_ws_free(CharWs *w);  /* may be NULL */
void char_ws_begin(CharWs *w); /* a new connection */
/* Read and answer the request: 1 done, 0 not all is there, -1 hang up. */
int char_ws_handshake(CharWs *w, int fd);
/* As CharKind.write and CharFd.filter. */
ssize_t char_ws_write(CharWs *w, Chardev *c, const uint8_t *buf, size_t len);
size_t char_ws_filter(CharWs *w, CharFd *f, uint8_t *buf, size_t n);

#endif

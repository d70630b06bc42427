/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Back ends on plain descriptors: file, pipe, null, vc, and what stdio, pty and socket share.
 * Everything runs in the main loop's thread. Test: tests/unit/test-chardev.c
 */
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a tty or pipe that said POLLOUT takes without blocking. */
#define CHUNK_SAFE 256

/* --- shared ---------------------------------------------------------------------------------- */

ssize_t char_fd_write(Chardev *c, const uint8_t *buf, size_t len)
{
    CharFd *f = (CharFd *)c;
    if (f->out_fd < 0) {
        return len;
    }
    if (f->out_socket) {
        return send(f->out_fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (f->out_chunks) {
        struct pollfd p = {.fd = f->out_fd, .events = POLLOUT};
        if (poll(&p, 1, 0) <= 0) {
            errno = EAGAIN;
            return -1;
        }
        len = MIN(len, CHUNK_SAFE);
    }
    return write(f->out_fd, buf, len);
}

static void fd_out_ready(void *opaque, GIOCondition ready)
{
    char_out_ready(opaque);
}

void char_fd_wait_writable(Chardev *c, bool wait)
{
    CharFd *f = (CharFd *)c;
    if (f->out_fd < 0) {
        return;
    }
    if (wait && !f->out_watch) {
        f->out_watch = mainloop_add_fd(c->set->loop, f->out_fd, 0, fd_out_ready, c);
    }
    if (f->out_watch) {
        mainloop_set_fd_events(f->out_watch, wait ? G_IO_OUT : 0);
    }
}

static void fd_end_of_input(CharFd *f)
{
    if (f->closed) {
        f->closed(&f->c);
    } else {
        mainloop_remove_fd(f->in_watch);
        f->in_watch = NULL;
    }
}

static void fd_in_ready(void *opaque, GIOCondition ready)
{
    CharFd *f = opaque;
    uint8_t buf[CHAR_IN_CHUNK];
    unsigned room = char_in_room(&f->c);
    if (!room) {
        char_fd_update_read(&f->c);
        return;
    }
    ssize_t n = read(f->in_fd, buf, MIN(room, sizeof(buf)));
    if (n > 0) {
        n = f->filter ? (ssize_t)f->filter(&f->c, buf, n) : n;
        if (n > 0) {
            char_input(&f->c, buf, n);
        }
        char_fd_update_read(&f->c);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        fd_end_of_input(f);
    }
}

void char_fd_update_read(Chardev *c)
{
    CharFd *f = (CharFd *)c;
    if (f->in_watch) {
        mainloop_set_fd_events(f->in_watch, char_in_room(c) ? G_IO_IN : 0);
    }
}

void char_fd_start(CharFd *f)
{
    if (f->in_fd >= 0) {
        f->in_watch = mainloop_add_fd(f->c.set->loop, f->in_fd, 0, fd_in_ready, f);
        char_fd_update_read(&f->c);
    }
}

void char_fd_stop(CharFd *f)
{
    mainloop_remove_fd(f->in_watch);
    mainloop_remove_fd(f->out_watch);
    f->in_watch = f->out_watch = NULL;
    if (f->close_in && f->in_fd >= 0) {
        close(f->in_fd);
    }
    if (f->close_out && f->out_fd >= 0 && (f->out_fd != f->in_fd || !f->close_in)) {
        close(f->out_fd);
    }
    f->in_fd = f->out_fd = -1;
}

void char_fd_close(Chardev *c)
{
    char_fd_stop((CharFd *)c);
}

int char_fd_out_fd(Chardev *c)
{
    return ((CharFd *)c)->out_fd;
}

static int fd_open_file(const char *path, int flags, GError **err)
{
    int fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0) {
        rhea_error_set(err, "Could not open '%s': %s", path, g_strerror(errno));
    }
    return fd;
}

static void fd_init(CharFd *f)
{
    f->in_fd = f->out_fd = -1;
    f->close_in = f->close_out = true;
}

/* --- null, vc -------------------------------------------------------------------------------- */

static bool null_open(Chardev *c, OptDict *d, GError **err)
{
    fd_init((CharFd *)c);
    c->filename = g_strdup(c->kind->name);
    c->open = true;
    return true;
}

/* A console in a window of the display: output is dropped, as there is no display. */
static bool vc_open(Chardev *c, OptDict *d, GError **err)
{
    static const char *const sizes[] = {"width", "height", "cols", "rows"};
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        uint64_t n;
        if (!opt_take_u64(d, sizes[i], &n, err)) {
            return false;
        }
    }
    return null_open(c, d, err);
}

/* --- file ------------------------------------------------------------------------------------ */

static bool file_open(Chardev *c, OptDict *d, GError **err)
{
    CharFd *f = (CharFd *)c;
    const char *path = opt_take(d, "path"), *input = opt_take(d, "input-path");
    bool append = false;
    fd_init(f);
    if (!opt_take_bool(d, "append", &append, err)) {
        return false;
    }
    if (!path) {
        rhea_error_set(err, "chardev: file: no filename given");
        return false;
    }
    f->out_fd = fd_open_file(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), err);
    if (f->out_fd < 0) {
        return false;
    }
    if (input) {
        f->in_fd = fd_open_file(input, O_RDONLY | O_NONBLOCK, err);
        if (f->in_fd < 0) {
            return false;
        }
    }
    c->filename = g_strdup("file");
    c->open = true;
    char_fd_start(f);
    return true;
}

/* --- pipe ------------------------------------------------------------------------------------ */

static bool pipe_open(Chardev *c, OptDict *d, GError **err)
{
    CharFd *f = (CharFd *)c;
    const char *path = opt_take(d, "path");
    fd_init(f);
    if (!path) {
        rhea_error_set(err, "chardev: pipe: no device path given");
        return false;
    }
    g_autofree char *in = g_strconcat(path, ".in", NULL), *out = g_strconcat(path, ".out", NULL);
    /* Both directions, so that opening does not wait and the other side may come and go. */
    f->in_fd = open(in, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    f->out_fd = open(out, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (f->in_fd < 0 || f->out_fd < 0) {
        char_fd_stop(f);
        f->in_fd = f->out_fd = fd_open_file(path, O_RDWR | O_NONBLOCK, err);
        if (f->in_fd < 0) {
            return false;
        }
    }
    c->filename = g_strdup("pipe");
    c->open = true;
    char_fd_start(f);
    return true;
}

#define FD_OPS                                                                                     \
    .size = sizeof(CharFd), .steady = true, .close = char_fd_close, .write = char_fd_write,        \
    .wait_writable = char_fd_wait_writable, .update_read = char_fd_update_read,                    \
    .out_fd = char_fd_out_fd

const CharKind char_kind_null = {
    .name = "null", .help = "", .discards = true, .open = null_open, FD_OPS};
const CharKind char_kind_vc = {.name = "vc",
                               .help = "width=N,height=N,cols=N,rows=N",
                               .discards = true,
                               .open = vc_open,
                               FD_OPS};
const CharKind char_kind_file = {
    .name = "file", .help = "path=PATH,input-path=PATH,append=on|off", .open = file_open, FD_OPS};
const CharKind char_kind_pipe = {.name = "pipe", .help = "path=PATH", .open = pipe_open, FD_OPS};

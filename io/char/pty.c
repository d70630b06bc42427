/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A pseudo-terminal. Its name is printed, and path= makes a symbolic link to it. While nobody has
 * the other side open, output is dropped; there is no event for the moment when somebody opens it,
 * so a timer looks. Main loop's thread. Test: tests/unit/test-chardev.c
 */
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PTY_LOOK_NS (100 * NS_PER_MS)

typedef struct CharPty {
    CharFd f;
    int master;
    Timer look;
    char *link;
} CharPty;

static void pty_look_later(CharPty *p)
{
    timer_mod(&p->look,
              clock_get_ns(mainloop_clocks(p->f.c.set->loop), CLK_REALTIME) + PTY_LOOK_NS);
}

static void pty_closed(Chardev *c)
{
    CharPty *p = (CharPty *)c;
    char_fd_stop(&p->f);
    char_set_open(c, false);
    pty_look_later(p);
}

static void pty_look(void *opaque)
{
    CharPty *p = opaque;
    struct pollfd pfd = {.fd = p->master, .events = POLLIN};
    if (poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLHUP)) {
        p->f.in_fd = p->f.out_fd = p->master;
        char_set_open(&p->f.c, true);
        char_fd_start(&p->f);
    } else {
        pty_look_later(p);
    }
}

static int pty_make(char *name, size_t size)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, size)) {
        goto fail;
    }
    /* Opened once and closed again: from then on the master reports a hang-up while nobody is
     * there. */
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios t;
    if (slave < 0) {
        goto fail;
    }
    if (!tcgetattr(slave, &t)) {
        cfmakeraw(&t);
        tcsetattr(slave, TCSAFLUSH, &t);
    }
    close(slave);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
fail:
    if (fd >= 0) {
        int saved_errno = errno;
        close(fd);
        errno = saved_errno;
    }
    return -1;
}

static bool pty_open(Chardev *c, OptDict *d, GError **err)
{
    CharPty *p = (CharPty *)c;
    const char *path = opt_take(d, "path");
    char name[128];
    p->f.in_fd = p->f.out_fd = -1;
    p->f.closed = pty_closed;
    timer_init(&p->look, mainloop_clocks(c->set->loop), CLK_REALTIME, pty_look, p);
    p->master = pty_make(name, sizeof(name));
    if (p->master < 0) {
        rhea_error_set(err, "Failed to create PTY: %s", g_strerror(errno));
        return false;
    }
    if (path) {
        if (symlink(name, path)) {
            rhea_error_set(err, "Failed to create PTY symlink '%s': %s", path, g_strerror(errno));
            return false;
        }
        p->link = g_strdup(path);
    }
    c->filename = g_strdup_printf("pty:%s", name);
    printf("char device redirected to %s (label %s)\n", name, c->id);
    fflush(stdout);
    pty_look_later(p);
    return true;
}

static void pty_close(Chardev *c)
{
    CharPty *p = (CharPty *)c;
    timer_del_sync(&p->look);
    char_fd_stop(&p->f);
    if (p->master >= 0) {
        close(p->master);
    }
    if (p->link) {
        unlink(p->link);
        g_free(p->link);
    }
}

const CharKind char_kind_pty = {
    .name = "pty",
    .help = "path=LINK",
    .size = sizeof(CharPty),
    .open = pty_open,
    .close = pty_close,
    .write = char_fd_write,
    .wait_writable = char_fd_wait_writable,
    .update_read = char_fd_update_read,
    .out_fd = char_fd_out_fd,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The program's own standard input and output, and the terminal that may be behind them.
 *
 * The terminal goes to raw mode and is put back on every way out: charset_free(), exit(), a stop
 * with Ctrl-Z, and fatal signals, whose handlers restore it and then do what was to be done before.
 * Only async-signal-safe calls are made there, on the static state below: the one place of io/char
 * that cannot be handed a context, because signal handlers and atexit() get none.
 *
 * Standard output is never made non-blocking: its open file description is shared with other
 * processes. A terminal or pipe is opened a second time instead.
 *
 * Test: tests/cli/test-terminal.py
 */
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static struct {
    volatile sig_atomic_t raw; /* `saved` is to be restored */
    struct termios saved, mode;
    struct sigaction fatal_before[NSIG];
    bool used, handlers;
} tty;

static const int fatal_signals[] = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE, SIGABRT,
                                    SIGSYS,  SIGTRAP, SIGQUIT, SIGXCPU};

void char_restore_terminal(void)
{
    if (tty.raw) {
        int saved_errno = errno;
        tty.raw = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &tty.saved);
        errno = saved_errno;
    }
}

static void tty_enter_raw(void)
{
    tty.raw = 1;
    tcsetattr(STDIN_FILENO, TCSANOW, &tty.mode);
}

static void tty_on_fatal(int sig, siginfo_t *info, void *context)
{
    char_restore_terminal();
    /* Back to what was there before (a sanitizer's handler, or the default); the instruction faults
     * again on return. */
    sigaction(sig, &tty.fatal_before[sig], NULL);
    if (info->si_code <= 0 || sig == SIGABRT || sig == SIGQUIT || sig == SIGXCPU) {
        raise(sig);
    }
}

static void tty_on_stop(int sig)
{
    int saved_errno = errno;
    bool was_raw = tty.raw;
    struct sigaction dfl = {.sa_handler = SIG_DFL}, mine;
    sigset_t set;
    char_restore_terminal();
    sigaction(SIGTSTP, &dfl, &mine);
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    raise(SIGTSTP);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* stops here */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGTSTP, &mine, NULL);
    if (was_raw && tcgetpgrp(STDIN_FILENO) == getpgrp()) {
        tty_enter_raw();
    } else {
        tty.raw = was_raw;
    }
    errno = saved_errno;
}

/* After SIGSTOP, or put to the foreground by the shell, which sets its own mode. */
static void tty_on_continue(int sig)
{
    int saved_errno = errno;
    if (tty.raw && tcgetpgrp(STDIN_FILENO) == getpgrp()) {
        tty_enter_raw();
    }
    errno = saved_errno;
}

static void tty_install_handlers(void)
{
    static char stack[16384];
    stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)}, old;
    /* For a stack overflow of the main thread; a sanitizer has its own. */
    if (!sigaltstack(NULL, &old) && (old.ss_flags & SS_DISABLE)) {
        sigaltstack(&alt, NULL);
    }
    struct sigaction fatal = {.sa_sigaction = tty_on_fatal,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    for (unsigned i = 0; i < G_N_ELEMENTS(fatal_signals); i++) {
        sigaction(fatal_signals[i], &fatal, &tty.fatal_before[fatal_signals[i]]);
    }
    struct sigaction stop = {.sa_handler = tty_on_stop, .sa_flags = SA_RESTART};
    struct sigaction cont = {.sa_handler = tty_on_continue, .sa_flags = SA_RESTART};
    sigaction(SIGTSTP, &stop, NULL);
    sigaction(SIGCONT, &cont, NULL);
    atexit(char_restore_terminal);
    tty.handlers = true;
}

static void tty_set_up(bool signals)
{
    if (tcgetattr(STDIN_FILENO, &tty.saved)) {
        return;
    }
    tty.mode = tty.saved;
    tty.mode.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    tty.mode.c_oflag |= OPOST;
    tty.mode.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
    if (!signals) {
        tty.mode.c_lflag &= ~ISIG;
    }
    tty.mode.c_cflag = (tty.mode.c_cflag & ~(CSIZE | PARENB)) | CS8;
    tty.mode.c_cc[VMIN] = 1;
    tty.mode.c_cc[VTIME] = 0;
    if (!tty.handlers) {
        tty_install_handlers();
    }
    tty_enter_raw();
}

static void stdio_open_out(CharFd *f)
{
    struct stat st;
    f->out_fd = STDOUT_FILENO;
    if (fstat(STDOUT_FILENO, &st)) {
        f->out_fd = -1;
    } else if (S_ISSOCK(st.st_mode)) {
        f->out_socket = true;
    } else if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)) {
        int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0) {
            f->out_fd = fd;
            f->close_out = true;
        } else {
            f->out_chunks = true;
        }
    }
}

static bool stdio_open(Chardev *c, OptDict *d, GError **err)
{
    CharFd *f = (CharFd *)c;
    bool signals = true;
    f->in_fd = f->out_fd = -1;
    if (!opt_take_bool(d, "signal", &signals, err)) {
        return false;
    }
    if (c->set->daemonize) {
        rhea_error_set(err, "cannot use stdio with -daemonize");
        return false;
    }
    if (tty.used) {
        rhea_error_set(err, "cannot use stdio by multiple character devices");
        return false;
    }
    tty.used = true;
    f->in_fd = STDIN_FILENO;
    stdio_open_out(f);
    tty_set_up(signals);
    c->filename = g_strdup("stdio");
    c->open = true;
    char_fd_start(f);
    return true;
}

static void stdio_close(Chardev *c)
{
    CharFd *f = (CharFd *)c;
    bool mine = f->in_fd == STDIN_FILENO;
    char_fd_close(c);
    if (mine) {
        char_restore_terminal();
        tty.used = false;
    }
}

const CharKind char_kind_stdio = {
    .name = "stdio",
    .help = "signal=on|off",
    .size = sizeof(CharFd),
    .steady = true,
    .open = stdio_open,
    .close = stdio_close,
    .write = char_fd_write,
    .wait_writable = char_fd_wait_writable,
    .update_read = char_fd_update_read,
    .out_fd = char_fd_out_fd,
};

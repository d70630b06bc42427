/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The process: ending signals, -daemonize, -pidfile, memory locking.
 * The state below is static because signal handlers and the end of the process have no context.
 * Test: tests/cli/
 */
#include "vl.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    volatile sig_atomic_t number;
    volatile pid_t pid;
    int pipe[2];
} ending;

static int daemon_pipe = -1; /* to the parent that waits */
static char *pidfile;

/* --- signals --------------------------------------------------------------------------------- */

static void signal_arrived(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    ending.pid = info->si_code > 0 ? 0 : info->si_pid;
    ending.number = number;
    if (write(ending.pipe[1], "", 1) < 0) {
        /* The pipe is full of signals that are already known. */
    }
    errno = saved_errno;
}

static void signal_ready(void *opaque, GIOCondition ready)
{
    char buf[16];
    if (read(ending.pipe[0], buf, sizeof(buf)) > 0) {
        machine_request_shutdown(opaque, SHUTDOWN_HOST_SIGNAL, 0);
    }
}

void os_install_signals(Machine *m)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction act = {.sa_sigaction = signal_arrived, .sa_flags = SA_SIGINFO | SA_RESTART};
    GError *err = NULL;
    if (!g_unix_open_pipe(ending.pipe, FD_CLOEXEC, &err)) {
        g_error("%s", err->message);
    }
    fcntl(ending.pipe[0], F_SETFL, O_NONBLOCK);
    fcntl(ending.pipe[1], F_SETFL, O_NONBLOCK);
    mainloop_add_fd(m->loop, ending.pipe[0], G_IO_IN, signal_ready, m);
    for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++) {
        struct sigaction old;
        /* nohup and background jobs of a plain shell ignore them, and so does their child. */
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &act, NULL);
        }
    }
}

static char *process_name(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%ld/cmdline", (long)pid), *text = NULL;
    if (g_file_get_contents(path, &text, NULL, NULL) && *text) {
        return g_steal_pointer(&text); /* up to the first NUL: the program */
    }
    return g_strdup("<unknown process>");
}

void os_report_signal(void)
{
    if (ending.number && ending.pid) {
        g_autofree char *name = process_name(ending.pid);
        rhea_error_report("terminating on signal %d from pid %ld (%s)", (int)ending.number,
                          (long)ending.pid, name);
    } else if (ending.number) {
        rhea_error_report("terminating on signal %d", (int)ending.number);
    }
}

/* --- daemon ---------------------------------------------------------------------------------- */

static void daemon_parent(int fd)
{
    uint8_t status = 1;
    ssize_t n;
    do {
        n = read(fd, &status, 1);
    } while (n < 0 && errno == EINTR);
    _exit(n == 1 ? status : 1);
}

bool os_daemonize(GError **err)
{
    int fds[2];
    if (!g_unix_open_pipe(fds, FD_CLOEXEC, err)) {
        return false;
    }
    pid_t pid = fork();
    if (pid > 0) {
        close(fds[1]);
        daemon_parent(fds[0]);
    }
    if (pid == 0) {
        close(fds[0]);
        daemon_pipe = fds[1];
        setsid();
        pid = fork();
        if (pid > 0) {
            _exit(0);
        }
    }
    if (pid < 0) {
        rhea_error_set(err, "-daemonize: cannot fork: %s", g_strerror(errno));
        return false;
    }
    umask(027);
    signal(SIGTSTP, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    signal(SIGTTIN, SIG_IGN);
    return true;
}

void os_daemonize_done(void)
{
    if (daemon_pipe < 0) {
        return;
    }
    uint8_t status = 0;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (chdir("/") || null_fd < 0) {
        rhea_error_report("-daemonize: %s", g_strerror(errno));
        exit(1);
    }
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    /* A log that goes to standard error stays readable there only with -D. */
    dup2(null_fd, STDERR_FILENO);
    close(null_fd);
    if (write(daemon_pipe, &status, 1) != 1) {
        /* The parent is gone: nobody waits. */
    }
    close(daemon_pipe);
    daemon_pipe = -1;
}

/* --- pidfile --------------------------------------------------------------------------------- */

static bool pidfile_fail(const char *path, const char *what, GError **err)
{
    rhea_error_set(err, "cannot create PID file: %s '%s': %s", what, path, g_strerror(errno));
    return false;
}

bool os_create_pidfile(const char *path, GError **err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char text[32];
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) {
        return pidfile_fail(path, "Could not create", err);
    }
    if (fcntl(fd, F_SETLK, &lock)) {
        pidfile_fail(path, "Could not lock", err);
        close(fd);
        return false;
    }
    int len = g_snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) || write(fd, text, len) != len) {
        pidfile_fail(path, "Could not write", err);
        close(fd);
        return false;
    }
    /* The descriptor stays open: it holds the lock. The path must work after chdir("/"). */
    pidfile = g_canonicalize_filename(path, NULL);
    return true;
}

void os_remove_pidfile(void)
{
    if (pidfile) {
        unlink(pidfile);
        g_clear_pointer(&pidfile, g_free);
    }
}

bool os_lock_memory(bool on_fault, GError **err)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE | (on_fault ? MCL_ONFAULT : 0))) {
        rhea_error_set(err, "locking memory failed: %s", g_strerror(errno));
        return false;
    }
    return true;
}

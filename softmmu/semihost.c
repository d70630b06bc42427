/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Semihosting calls (include/softmmu/semihost.h): "Semihosting for AArch32 and AArch64" 3.0,
 * chapters 6 and 7.
 *
 * Guest memory is read and written as a debugger does: what is not mapped makes the call fail with
 * EFAULT. Nothing waits on a vCPU's thread: input that is not there yet, a program that still runs
 * and an exit that the main loop has not carried out yet make the vCPU run the instruction again
 * after a few milliseconds.
 *
 * Handles of ":tt" are the program's own standard input, output and error, as in the reference;
 * WRITE0, WRITEC and READC use chardev= if it was given, else standard error and standard input.
 *
 * Lock: Semihost.lock for everything but the constant part.
 */
#include "softmmu/semihost.h"
#include "accel/accel.h"
#include "softmmu/loader.h"
#include "softmmu/memory.h"
#include "rhea/log.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_READC = 0x07,
    SYS_ISERROR = 0x08,
    SYS_ISTTY = 0x09,
    SYS_SEEK = 0x0a,
    SYS_FLEN = 0x0c,
    SYS_TMPNAM = 0x0d,
    SYS_REMOVE = 0x0e,
    SYS_RENAME = 0x0f,
    SYS_CLOCK = 0x10,
    SYS_TIME = 0x11,
    SYS_SYSTEM = 0x12,
    SYS_ERRNO = 0x13,
    SYS_GET_CMDLINE = 0x15,
    SYS_HEAPINFO = 0x16,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20,
    SYS_ELAPSED = 0x30,
    SYS_TICKFREQ = 0x31,
};
enum { ADP_APPLICATION_EXIT = 0x20026 };
enum { NAME_MAX_BYTES = 4096, CHUNK = 65536, MAX_HANDLES = 1024, WAIT_MS = 5, INPUT_BYTES = 256 };

extern char **environ;

typedef struct Handle {
    enum { H_FREE, H_FILE, H_STD, H_FEATURES } kind;
    int fd;
    uint64_t pos; /* H_FEATURES */
} Handle;

static bool do_call(Semihost *semihost, const SemihostCall *c, uint64_t *result);

/* ":semihosting-features" (7.2): magic; EXIT_EXTENDED exists; ":tt" has output and errors apart. */
static const uint8_t features[] = {'S', 'H', 'F', 'B', 3};

typedef struct State {
    Semihost common; /* first */
    Machine *m;
    char *cmdline;
    char *chardev; /* id; NULL: none */

    GMutex lock;
    GCond cond;      /* input came */
    GArray *handles; /* Handle; number 0 is never used */
    int err;         /* of the last call that failed */
    pid_t child;     /* of SYS_SYSTEM; 0: none */
    bool exiting;
    CharFront console;
    uint8_t input[INPUT_BYTES]; /* from the console, a ring */
    unsigned in_head, in_count;
} State;

/* ------------------------------------------------------------------------------------------ */
/* Console input: main loop's thread */

static unsigned console_can_read(void *opaque)
{
    State *s = opaque;

    g_mutex_lock(&s->lock);
    unsigned room = INPUT_BYTES - s->in_count;
    g_mutex_unlock(&s->lock);
    return room;
}

static void console_read(void *opaque, const uint8_t *buf, unsigned len)
{
    State *s = opaque;

    g_mutex_lock(&s->lock);
    for (unsigned i = 0; i < len && s->in_count < INPUT_BYTES; i++) {
        s->input[(s->in_head + s->in_count++) % INPUT_BYTES] = buf[i];
    }
    g_cond_broadcast(&s->cond);
    g_mutex_unlock(&s->lock);
}

static const CharHandlers console_handlers = {
    .can_read = console_can_read,
    .read = console_read,
};

/* ------------------------------------------------------------------------------------------ */
/* Life */

bool semihost_new(Machine *m, OptDict *d, Semihost **out, GError **err)
{
    static const char *const targets[] = {"auto", "native", "gdb", NULL};
    bool enable = true, userspace = false;
    int target = 0;

    *out = NULL;
    if (!opt_take_bool(d, "enable", &enable, err) ||
        !opt_take_enum(d, "target", targets, &target, err) ||
        !opt_take_bool(d, "userspace", &userspace, err)) {
        return false;
    }
    if (target == 2) {
        rhea_error_set(err, "target=gdb needs a debugger connection, which is not supported yet");
        return false;
    }
    const char *arg = opt_take(d, "arg"), *chardev = opt_take(d, "chardev");
    if (!opt_check_unused(d, err)) {
        return false;
    }
    if (!enable) {
        return true;
    }
    State *s = g_new0(State, 1);
    s->m = m;
    s->common = (Semihost){.userspace = userspace, .call = do_call};
    /* By default as a program's argument list: its name, then what it was given. */
    s->cmdline = arg ? g_strdup(arg)
                     : g_strdup_printf("%s%s%s", m->kernel ? m->kernel : "", m->append ? " " : "",
                                       m->append ? m->append : "");
    s->chardev = g_strdup(chardev);
    g_mutex_init(&s->lock);
    g_cond_init(&s->cond);
    s->handles = g_array_new(false, true, sizeof(Handle));
    g_array_set_size(s->handles, 1);
    *out = &s->common;
    return true;
}

bool semihost_start(Semihost *semihost, GError **err)
{
    State *s = (State *)semihost;

    if (s->chardev) {
        Chardev *c = chardev_find(s->m->chars, s->chardev);
        if (!c) {
            rhea_error_set(err, "-semihosting-config: chardev '%s' not found", s->chardev);
            return false;
        }
        if (!char_attach(&s->console, c, err)) {
            return false;
        }
        char_set_handlers(&s->console, &console_handlers, s);
    }
    for (unsigned i = 0; i < accel_cpu_count(s->m->accel); i++) {
        accel_cpu(s->m->accel, i)->semihost = semihost;
    }
    return true;
}

void semihost_free(Semihost *semihost)
{
    State *s = (State *)semihost;

    if (!s) {
        return;
    }
    char_detach(&s->console);
    for (unsigned i = 0; i < s->handles->len; i++) {
        Handle *h = &g_array_index(s->handles, Handle, i);
        if (h->kind == H_FILE) {
            close(h->fd);
        }
    }
    g_array_free(s->handles, true);
    g_mutex_clear(&s->lock);
    g_cond_clear(&s->cond);
    g_free(s->cmdline);
    g_free(s->chardev);
    g_free(s);
}

/* ------------------------------------------------------------------------------------------ */
/* Guest memory */

static bool guest_rw(const SemihostCall *c, uint64_t va, void *buf, uint64_t len, bool write)
{
    uint8_t *p = buf;

    while (len) {
        uint64_t n = MIN(len, TLB_PAGE_SIZE - (va & ~TLB_PAGE_MASK)), pa;
        if (c->word == 4) {
            va = (uint32_t)va;
        }
        if (!c->cpu->target->debug_translate(c->cpu, va, &pa) ||
            (write ? memory_write(c->cpu->as, pa, p, n) : memory_read(c->cpu->as, pa, p, n)) !=
                MEMTX_OK) {
            errno = EFAULT;
            return false;
        }
        va += n;
        p += n;
        len -= n;
    }
    return true;
}

static bool read_word(const SemihostCall *c, uint64_t va, uint64_t *v)
{
    uint8_t b[8];

    if (!guest_rw(c, va, b, c->word, false)) {
        return false;
    }
    *v = 0;
    for (unsigned i = 0; i < c->word; i++) {
        *v |= (uint64_t)b[i] << 8 * (c->big_endian ? c->word - 1 - i : i);
    }
    return true;
}

static bool write_word(const SemihostCall *c, uint64_t va, uint64_t v)
{
    uint8_t b[8];

    for (unsigned i = 0; i < c->word; i++) {
        b[c->big_endian ? c->word - 1 - i : i] = v >> 8 * i;
    }
    return guest_rw(c, va, b, c->word, true);
}

/* n fields of the parameter block. */
static bool block(const SemihostCall *c, unsigned n, uint64_t *v)
{
    for (unsigned i = 0; i < n; i++) {
        if (!read_word(c, c->param + i * c->word, &v[i])) {
            return false;
        }
    }
    return true;
}

/* A string of len bytes; it ends at a zero byte before that. NULL with errno set. */
static char *guest_string(const SemihostCall *c, uint64_t va, uint64_t len)
{
    if (len >= NAME_MAX_BYTES) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    char *t = g_malloc0(len + 1);
    if (!guest_rw(c, va, t, len, false)) {
        g_free(t);
        return NULL;
    }
    return t;
}

/* ------------------------------------------------------------------------------------------ */
/* Files: return value and errno as the host's calls have them */

static Handle *handle(State *s, uint64_t n)
{
    if (n == 0 || n >= s->handles->len || g_array_index(s->handles, Handle, n).kind == H_FREE) {
        errno = EBADF;
        return NULL;
    }
    return &g_array_index(s->handles, Handle, n);
}

static int64_t handle_new(State *s, Handle h)
{
    unsigned n = 1;

    while (n < s->handles->len && g_array_index(s->handles, Handle, n).kind != H_FREE) {
        n++;
    }
    if (n >= MAX_HANDLES) {
        if (h.kind == H_FILE) {
            close(h.fd);
        }
        errno = EMFILE;
        return -1;
    }
    if (n == s->handles->len) {
        g_array_set_size(s->handles, n + 1);
    }
    g_array_index(s->handles, Handle, n) = h;
    return n;
}

static int64_t sys_open(State *s, const SemihostCall *c)
{
    static const int flags[] = {O_RDONLY,
                                O_RDWR,
                                O_WRONLY | O_CREAT | O_TRUNC,
                                O_RDWR | O_CREAT | O_TRUNC,
                                O_WRONLY | O_CREAT | O_APPEND,
                                O_RDWR | O_CREAT | O_APPEND};
    uint64_t v[3];

    if (!block(c, 3, v)) {
        return -1;
    }
    g_autofree char *name = guest_string(c, v[0], v[2]);
    if (!name) {
        return -1;
    }
    if (v[1] > 11) {
        errno = EINVAL;
        return -1;
    }
    if (!strcmp(name, ":tt")) {
        return handle_new(s, (Handle){.kind = H_STD, .fd = v[1] / 4});
    }
    if (!strcmp(name, ":semihosting-features")) {
        if (v[1] > 1) {
            errno = EACCES;
            return -1;
        }
        return handle_new(s, (Handle){.kind = H_FEATURES});
    }
    int fd = open(name, flags[v[1] / 2] | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
    return fd < 0 ? -1 : handle_new(s, (Handle){.kind = H_FILE, .fd = fd});
}

static int64_t sys_close(State *s, const SemihostCall *c)
{
    uint64_t v;
    Handle *h;
    int r = 0;

    if (!block(c, 1, &v) || !(h = handle(s, v))) {
        return -1;
    }
    if (h->kind == H_FILE) {
        r = close(h->fd);
    }
    h->kind = H_FREE;
    return r;
}

/* The number of bytes not written. */
static int64_t sys_write(State *s, const SemihostCall *c)
{
    uint64_t v[3], done = 0;
    Handle *h;

    if (!block(c, 3, v)) {
        return -1;
    }
    if (!(h = handle(s, v[0])) || h->kind == H_FEATURES) {
        errno = EBADF;
        return v[2];
    }
    g_autofree uint8_t *buf = g_malloc(MIN(v[2], CHUNK));
    while (done < v[2]) {
        uint64_t n = MIN(v[2] - done, CHUNK);
        if (!guest_rw(c, v[1] + done, buf, n, false)) {
            break;
        }
        ssize_t r = write(h->fd, buf, n);
        if (r < 0 && (errno == EINTR || errno == EAGAIN)) {
            struct pollfd p = {.fd = h->fd, .events = POLLOUT};
            poll(&p, 1, WAIT_MS);
            continue;
        }
        if (r <= 0) {
            break;
        }
        done += r;
    }
    return v[2] - done;
}

/* The number of bytes not read; -2: not yet. */
static int64_t sys_read(State *s, const SemihostCall *c)
{
    uint64_t v[3], done = 0;
    Handle *h;

    if (!block(c, 3, v)) {
        return -1;
    }
    if (!(h = handle(s, v[0]))) {
        return v[2];
    }
    g_autofree uint8_t *buf = g_malloc(MIN(v[2], CHUNK));
    while (done < v[2]) {
        uint64_t n = MIN(v[2] - done, CHUNK);
        ssize_t r;
        if (h->kind == H_FEATURES) {
            r = h->pos < sizeof(features) ? MIN(n, sizeof(features) - h->pos) : 0;
            memcpy(buf, features + MIN(h->pos, sizeof(features)), r);
            h->pos += r;
        } else {
            struct pollfd p = {.fd = h->fd, .events = POLLIN};
            if (poll(&p, 1, done ? 0 : WAIT_MS) <= 0) {
                if (done) {
                    break;
                }
                return -2;
            }
            r = read(h->fd, buf, n);
            if (r < 0 && (errno == EINTR || errno == EAGAIN) && !done) {
                return -2;
            }
        }
        if (r <= 0 || !guest_rw(c, v[1] + done, buf, r, true)) {
            break;
        }
        done += r;
        if (r < n) {
            break;
        }
    }
    return v[2] - done;
}

static int64_t sys_istty(State *s, const SemihostCall *c)
{
    uint64_t v;
    Handle *h;

    if (!block(c, 1, &v) || !(h = handle(s, v))) {
        return -1;
    }
    return h->kind != H_FEATURES && isatty(h->fd);
}

static int64_t sys_seek(State *s, const SemihostCall *c)
{
    uint64_t v[2];
    Handle *h;

    if (!block(c, 2, v) || !(h = handle(s, v[0]))) {
        return -1;
    }
    if (h->kind == H_FEATURES) {
        h->pos = v[1];
        return 0;
    }
    return lseek(h->fd, v[1], SEEK_SET) < 0 ? -1 : 0;
}

static int64_t sys_flen(State *s, const SemihostCall *c)
{
    struct stat st;
    uint64_t v;
    Handle *h;

    if (!block(c, 1, &v) || !(h = handle(s, v))) {
        return -1;
    }
    if (h->kind == H_FEATURES) {
        return sizeof(features);
    }
    return fstat(h->fd, &st) ? -1 : st.st_size;
}

static int64_t sys_tmpnam(State *s, const SemihostCall *c)
{
    uint64_t v[3];

    if (!block(c, 3, v)) {
        return -1;
    }
    g_autofree char *name =
        g_strdup_printf("%s/rhea-%x-%02x", g_get_tmp_dir(), (unsigned)getpid(), (uint8_t)v[1]);
    if (v[1] > 255 || strlen(name) + 1 > v[2]) {
        errno = EINVAL;
        return -1;
    }
    return guest_rw(c, v[0], name, strlen(name) + 1, true) ? 0 : -1;
}

static int64_t sys_remove(const SemihostCall *c)
{
    uint64_t v[2];
    g_autofree char *name = block(c, 2, v) ? guest_string(c, v[0], v[1]) : NULL;

    return name ? remove(name) : -1;
}

static int64_t sys_rename(const SemihostCall *c)
{
    uint64_t v[4];

    if (!block(c, 4, v)) {
        return -1;
    }
    g_autofree char *from = guest_string(c, v[0], v[1]);
    g_autofree char *to = from ? guest_string(c, v[2], v[3]) : NULL;
    return to ? rename(from, to) : -1;
}

/* -2: it still runs. */
static int64_t sys_system(State *s, const SemihostCall *c)
{
    uint64_t v[2];
    int status;

    if (!s->child) {
        g_autofree char *command = block(c, 2, v) ? guest_string(c, v[0], v[1]) : NULL;
        if (!command) {
            return -1;
        }
        char *argv[] = {(char *)"sh", (char *)"-c", command, NULL};
        int e = posix_spawn(&s->child, "/bin/sh", NULL, NULL, argv, environ);
        if (e) {
            s->child = 0;
            errno = e;
            return -1;
        }
    }
    pid_t got = waitpid(s->child, &status, WNOHANG);
    if (got == 0) {
        g_usleep(WAIT_MS * 1000);
        return -2;
    }
    s->child = 0;
    return got < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ------------------------------------------------------------------------------------------ */
/* Console, time, the program's surroundings */

static void put(State *s, const char *text, size_t len)
{
    if (!char_attached(&s->console)) {
        if (fwrite(text, 1, len, stderr) != len) {
            clearerr(stderr);
        }
        return;
    }
    while (len) {
        size_t n = char_write(&s->console, text, len);
        text += n;
        len -= n;
        if (len) {
            char_make_room(&s->console);
            g_usleep(1000);
        }
    }
}

static bool sys_write0(State *s, const SemihostCall *c)
{
    char buf[256];

    for (uint64_t va = c->param;;) {
        uint64_t n = sizeof(buf) - (va & (sizeof(buf) - 1)); /* never into another page */
        if (!guest_rw(c, va, buf, n, false)) {
            return false;
        }
        size_t len = strnlen(buf, n);
        put(s, buf, len);
        if (len < n) {
            return true;
        }
        va += n;
    }
}

static int64_t sys_readc(State *s)
{
    uint8_t b;

    if (!char_attached(&s->console)) {
        struct pollfd p = {.fd = 0, .events = POLLIN};
        if (poll(&p, 1, WAIT_MS) <= 0) {
            return -2;
        }
        return read(0, &b, 1) == 1 ? b : -1;
    }
    if (!s->in_count) {
        g_cond_wait_until(&s->cond, &s->lock, g_get_monotonic_time() + WAIT_MS * 1000);
        if (!s->in_count) {
            return -2;
        }
    }
    b = s->input[s->in_head];
    s->in_head = (s->in_head + 1) % INPUT_BYTES;
    s->in_count--;
    char_accept_input(&s->console);
    return b;
}

static int64_t sys_get_cmdline(State *s, const SemihostCall *c)
{
    uint64_t v[2], len = strlen(s->cmdline);

    if (!block(c, 2, v)) {
        return -1;
    }
    if (len + 1 > v[1]) {
        errno = E2BIG;
        return -1;
    }
    return guest_rw(c, v[0], s->cmdline, len + 1, true) && write_word(c, c->param + c->word, len)
               ? 0
               : -1;
}

/* The largest piece of the RAM around the program that no image lies in: heap from below, stack
 * from above. */
static int64_t sys_heapinfo(State *s, const SemihostCall *c)
{
    uint64_t at, pa, low = 0, high = 0;
    MemSection sec;

    if (!read_word(c, c->param, &at)) {
        return -1;
    }
    if (c->cpu->target->debug_translate(c->cpu, at, &pa) &&
        memory_lookup(c->cpu->as, pa, &sec) == MEM_RAM) {
        loader_largest_gap(s->m, pa - sec.offset, pa + sec.len, &low, &high);
    }
    if (c->word == 4) {
        high = MIN(high, (uint64_t)1 << 32);
    }
    const uint64_t v[] = {low, high, high, low};
    for (unsigned i = 0; i < G_N_ELEMENTS(v); i++) {
        if (!write_word(c, at + i * c->word, v[i])) {
            return -1;
        }
    }
    return 0;
}

static int64_t sys_elapsed(State *s, const SemihostCall *c)
{
    uint64_t t = clock_get_ns(s->m->clocks, CLK_VIRTUAL);

    if (c->word == 8) {
        return write_word(c, c->param, t) ? 0 : -1;
    }
    return write_word(c, c->param, (uint32_t)t) && write_word(c, c->param + 4, t >> 32) ? 0 : -1;
}

/* The machine ends; until then this vCPU runs nothing else. */
static int64_t sys_exit(State *s, const SemihostCall *c, bool extended)
{
    uint64_t v[2] = {c->param, 0};

    if (!s->exiting) {
        if ((extended || c->exit_block) && !block(c, 2, v)) {
            return -1;
        }
        s->exiting = true;
        int status = v[0] == ADP_APPLICATION_EXIT ? (int)v[1] & 0xff : 1;
        machine_request_shutdown(s->m, SHUTDOWN_HOST_QUIT, status);
    }
    return -2;
}

/* ------------------------------------------------------------------------------------------ */

/* -1: failed, errno says why; -2: again. */
static int64_t call(State *s, const SemihostCall *c)
{
    uint64_t v;
    char b;

    switch (c->op) {
    case SYS_OPEN:
        return sys_open(s, c);
    case SYS_CLOSE:
        return sys_close(s, c);
    case SYS_WRITEC:
        if (!guest_rw(c, c->param, &b, 1, false)) {
            return -1;
        }
        put(s, &b, 1);
        return c->param;
    case SYS_WRITE0:
        return sys_write0(s, c) ? (int64_t)c->param : -1;
    case SYS_WRITE:
        return sys_write(s, c);
    case SYS_READ:
        return sys_read(s, c);
    case SYS_READC:
        return sys_readc(s);
    case SYS_ISERROR:
        return block(c, 1, &v) ? (c->word == 4 ? (int32_t)v < 0 : (int64_t)v < 0) : -1;
    case SYS_ISTTY:
        return sys_istty(s, c);
    case SYS_SEEK:
        return sys_seek(s, c);
    case SYS_FLEN:
        return sys_flen(s, c);
    case SYS_TMPNAM:
        return sys_tmpnam(s, c);
    case SYS_REMOVE:
        return sys_remove(c);
    case SYS_RENAME:
        return sys_rename(c);
    case SYS_CLOCK:
        return clock_get_ns(s->m->clocks, CLK_VIRTUAL) / 10000000;
    case SYS_TIME:
        return clock_get_ns(s->m->clocks, CLK_HOST) / 1000000000;
    case SYS_SYSTEM:
        return sys_system(s, c);
    case SYS_ERRNO:
        return s->err;
    case SYS_GET_CMDLINE:
        return sys_get_cmdline(s, c);
    case SYS_HEAPINFO:
        return sys_heapinfo(s, c);
    case SYS_EXIT:
        return sys_exit(s, c, false);
    case SYS_EXIT_EXTENDED:
        return sys_exit(s, c, true);
    case SYS_ELAPSED:
        return sys_elapsed(s, c);
    case SYS_TICKFREQ:
        return 1000000000;
    default:
        rhea_log_mask(LOG_GUEST_ERROR, "CPU %u: unknown semihosting call %#x\n", c->cpu->index,
                      c->op);
        errno = ENOSYS;
        return -1;
    }
}

static bool do_call(Semihost *semihost, const SemihostCall *c, uint64_t *result)
{
    State *s = (State *)semihost;

    g_mutex_lock(&s->lock);
    errno = 0;
    int64_t r = call(s, c);
    if (r == -1 && errno) {
        s->err = errno;
    }
    bool exiting = s->exiting;
    g_mutex_unlock(&s->lock);
    if (r == -2) {
        if (exiting) {
            g_usleep(1000);
        }
        return false;
    }
    *result = c->word == 4 ? (uint32_t)r : (uint64_t)r;
    return true;
}

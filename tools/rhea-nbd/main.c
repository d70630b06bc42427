/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * rhea-nbd: serves a disk image as a network block device. Options and output are those of
 * qemu-nbd, so that scripts need not know the difference; it also answers to that name.
 *
 * The main thread accepts clients; each has a thread of its own (io/block/nbd-server.c). While as
 * many are there as --shared allows, others wait in the queue of the socket. Signals and the end
 * of clients come through a pipe. Test: tests/img/test-nbd.py
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/block.h"
#include "io/nbd.h"
#include "rhea/error.h"
#include "softmmu/softmmu-config.h"
#include "softmmu/opts.h"

#define SOCKET_PATH "/var/lock/qemu-nbd-%s"

enum {
    OPT_CACHE = 256,
    OPT_AIO,
    OPT_DISCARD,
    OPT_DETECT_ZEROES,
    OPT_OBJECT,
    OPT_TLS,
    OPT_IMAGE_OPTS,
    OPT_FORK,
    OPT_PID_FILE,
    OPT_SELINUX,
};

static const struct option options[] = {
    {"help", 0, NULL, 'h'},
    {"version", 0, NULL, 'V'},
    {"port", 1, NULL, 'p'},
    {"bind", 1, NULL, 'b'},
    {"socket", 1, NULL, 'k'},
    {"shared", 1, NULL, 'e'},
    {"persistent", 0, NULL, 't'},
    {"verbose", 0, NULL, 'v'},
    {"export-name", 1, NULL, 'x'},
    {"description", 1, NULL, 'D'},
    {"offset", 1, NULL, 'o'},
    {"allocation-depth", 0, NULL, 'A'},
    {"bitmap", 1, NULL, 'B'},
    {"list", 0, NULL, 'L'},
    {"object", 1, NULL, OPT_OBJECT},
    {"tls-creds", 1, NULL, OPT_TLS},
    {"tls-authz", 1, NULL, OPT_TLS},
    {"tls-hostname", 1, NULL, OPT_TLS},
    {"trace", 1, NULL, 'T'},
    {"fork", 0, NULL, OPT_FORK},
    {"pid-file", 1, NULL, OPT_PID_FILE},
    {"selinux-label", 1, NULL, OPT_SELINUX},
    {"connect", 1, NULL, 'c'},
    {"disconnect", 0, NULL, 'd'},
    {"format", 1, NULL, 'f'},
    {"read-only", 0, NULL, 'r'},
    {"snapshot", 0, NULL, 's'},
    {"load-snapshot", 1, NULL, 'l'},
    {"nocache", 0, NULL, 'n'},
    {"cache", 1, NULL, OPT_CACHE},
    {"aio", 1, NULL, OPT_AIO},
    {"discard", 1, NULL, OPT_DISCARD},
    {"detect-zeroes", 1, NULL, OPT_DETECT_ZEROES},
    {"image-opts", 0, NULL, OPT_IMAGE_OPTS},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "Usage: rhea-nbd [OPTIONS] FILE\n"
    "  or:  rhea-nbd -L [OPTIONS]\n"
    "Serve a disk image as a network block device\n"
    "\n"
    "  -h, --help                this text\n"
    "  -V, --version             print the version\n"
    "\n"
    "Where:\n"
    "  -p, --port=PORT           port to listen on (default `" NBD_PORT "')\n"
    "  -b, --bind=IFACE          address to listen on (default `0.0.0.0')\n"
    "  -k, --socket=PATH         unix socket to listen on, instead\n"
    "  -e, --shared=NUM          clients at a time (default '1'; '0': any number)\n"
    "  -t, --persistent          go on after the last client has gone\n"
    "  -x, --export-name=NAME    name of the export (default: empty)\n"
    "  -D, --description=TEXT    description of the export\n"
    "  -L, --list                list the exports of another server\n"
    "  --fork                    go to the background once the server runs\n"
    "  --pid-file=PATH           write the server's process id there\n"
    "\n"
    "What:\n"
    "  -f, --format=FORMAT       format of the image (raw, qcow2)\n"
    "  -r, --read-only           refuse writes\n"
    "  -s, --snapshot            writes go to a temporary file\n"
    "  -o, --offset=OFFSET       start of the part that is served\n"
    "  -n, --nocache             as --cache=none\n"
    "  --cache=MODE              none, writeback (default), writethrough, directsync, unsafe\n"
    "  --aio=MODE                native, io_uring or threads\n"
    "  --discard=MODE            ignore, unmap\n"
    "  --detect-zeroes=MODE      off, on, unmap\n";

typedef struct Nbdd {
    const char *port, *bind, *socket, *pid_file;
    BlockOptions image;
    NbdExport export;
    uint64_t shared;
    bool persistent, fork, list;
    const char *cache, *aio, *discard, *zeroes;
} Nbdd;

/* ---- -L ---- */

static void flags_print(uint16_t flags)
{
    static const struct {
        uint16_t bit;
        const char *name;
    } names[] = {
        {NBD_FLAG_READ_ONLY, "readonly"},
        {NBD_FLAG_SEND_FLUSH, "flush"},
        {NBD_FLAG_SEND_FUA, "fua"},
        {NBD_FLAG_ROTATIONAL, "rotational"},
        {NBD_FLAG_SEND_TRIM, "trim"},
        {NBD_FLAG_SEND_WRITE_ZEROES, "zeroes"},
        {NBD_FLAG_SEND_DF, "df"},
        {NBD_FLAG_CAN_MULTI_CONN, "multi"},
        {NBD_FLAG_SEND_RESIZE, "resize"},
        {NBD_FLAG_SEND_CACHE, "cache"},
        {NBD_FLAG_SEND_FAST_ZERO, "fast-zero"},
    };

    printf("  flags: 0x%x (", flags);
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (flags & names[i].bit) {
            printf(" %s", names[i].name);
        }
    }
    printf(" )\n");
}

static int fail(GError *err)
{
    rhea_error_report("%s", err->message);
    g_error_free(err);
    return 1;
}

static int list(const Nbdd *n)
{
    NbdAddress a = {0};
    GError *err = NULL;
    bool ok;

    if (n->socket) {
        a.n_addr = 1;
        ok = sock_unix(&a.addr[0], n->socket, false, true, &err);
    } else {
        a.n_addr = sock_inet_all(a.addr, G_N_ELEMENTS(a.addr), n->bind ? n->bind : "localhost",
                                 n->port, AF_UNSPEC, SOCK_STREAM, false, &err);
        ok = a.n_addr > 0;
    }
    a.export = g_strdup("");
    GPtrArray *exports = ok ? nbd_list(&a, &err) : NULL;
    nbd_address_clear(&a);
    if (!exports) {
        return fail(err);
    }
    printf("exports available: %u\n", exports->len);
    for (unsigned i = 0; i < exports->len; i++) {
        const NbdInfo *e = g_ptr_array_index(exports, i);

        printf(" export: '%s'\n", e->name);
        if (e->description && *e->description) {
            printf("  description: %s\n", e->description);
        }
        if (e->flags & NBD_FLAG_HAS_FLAGS) {
            printf("  size:  %" PRIu64 "\n", e->size);
            flags_print(e->flags);
        }
        if (e->min_block) {
            printf("  min block: %u\n  opt block: %u\n  max block: %u\n", e->min_block,
                   e->opt_block, e->max_block);
        }
        if (e->contexts && e->contexts->len) {
            printf("  available meta contexts: %u\n", e->contexts->len);
            for (unsigned k = 0; k < e->contexts->len; k++) {
                printf("   %s\n", (const char *)g_ptr_array_index(e->contexts, k));
            }
        }
    }
    nbd_list_free(exports);
    return 0;
}

/* ---- options ---- */

static bool choose(const char *option, const char *value, const char *const *names, int *n)
{
    for (int i = 0; value && names[i]; i++) {
        if (strcmp(value, names[i]) == 0) {
            *n = i;
            return true;
        }
    }
    if (value) {
        rhea_error_report("Invalid %s mode `%s'", option, value);
    }
    return !value;
}

static bool not_here(const char *what)
{
    rhea_error_report("%s is not supported", what);
    return false;
}

static bool option_take(Nbdd *n, int c)
{
    GError *err = NULL;

    switch (c) {
    case 'p':
        n->port = optarg;
        return true;
    case 'b':
        n->bind = optarg;
        return true;
    case 'k':
        n->socket = optarg;
        return true;
    case 'e':
        if (!opt_value_u64("shared", optarg, &n->shared, NULL) || n->shared > INT32_MAX) {
            rhea_error_report("Invalid shared device number '%s'", optarg);
            return false;
        }
        return true;
    case 't':
        n->persistent = true;
        return true;
    case 'v':
    case 'T':
        return true;
    case 'x':
    case 'D':
        if (strlen(optarg) > 4096) {
            rhea_error_report("%s is too long", c == 'x' ? "export name" : "description");
            return false;
        }
        *(c == 'x' ? &n->export.name : &n->export.description) = optarg;
        return true;
    case 'o':
        if (!opt_value_size("offset", optarg, 1, &n->export.offset, &err)) {
            g_error_free(err);
            rhea_error_report("Invalid offset '%s'", optarg);
            return false;
        }
        return true;
    case 'L':
        n->list = true;
        return true;
    case OPT_FORK:
        n->fork = true;
        return true;
    case OPT_PID_FILE:
        n->pid_file = optarg;
        return true;
    case 'f':
        n->image.format = optarg;
        return true;
    case 'r':
        n->image.read_only = true;
        return true;
    case 's':
        n->image.snapshot = true;
        return true;
    case 'n':
    case OPT_CACHE:
        if (n->cache) {
            rhea_error_report("-n and --cache can only be specified once");
            return false;
        }
        n->cache = c == 'n' ? "none" : optarg;
        return true;
    case OPT_AIO:
        n->aio = optarg;
        return true;
    case OPT_DISCARD:
        n->discard = optarg;
        return true;
    case OPT_DETECT_ZEROES:
        n->zeroes = optarg;
        return true;
    case 'c':
    case 'd':
        return not_here("-c and -d: connecting the kernel's NBD devices (nbd-client does that)");
    case 'A':
        return not_here("--allocation-depth");
    case 'B':
        return not_here("--bitmap");
    case 'l':
        return not_here("--load-snapshot");
    case OPT_OBJECT:
    case OPT_TLS:
        return not_here("TLS");
    case OPT_IMAGE_OPTS:
        return not_here("--image-opts");
    case OPT_SELINUX:
        return not_here("--selinux-label");
    default:
        rhea_error_report("Try `rhea-nbd --help' for more information.");
        return false;
    }
}

static bool modes_check(Nbdd *n)
{
    static const char *const caches[] = {"writeback", "writethrough", "unsafe",
                                         "none",      "directsync",   NULL};
    static const char *const aios[] = {"threads", "native", "io_uring", NULL};
    static const char *const discards[] = {"ignore", "off", "unmap", "on", NULL};
    static const char *const zeroes[] = {"off", "on", "unmap", NULL};
    int cache = 0, aio = 0, discard = 0;

    if (!choose("cache", n->cache, caches, &cache) || !choose("aio", n->aio, aios, &aio) ||
        !choose("discard", n->discard, discards, &discard) ||
        !choose("detect-zeroes", n->zeroes, zeroes, &n->image.detect_zeroes)) {
        return false;
    }
    if (n->image.detect_zeroes == 2 && discard < 2) {
        rhea_error_report("setting detect-zeroes to unmap is not allowed without setting discard "
                          "operation to unmap");
        return false;
    }
    n->image.cache = cache;
    n->image.discard = discard >= 2;
    n->export.discard = discard >= 2;
    n->export.detect_zeroes = n->image.detect_zeroes;
    n->export.writethrough = cache == BLOCK_CACHE_WRITETHROUGH || cache == BLOCK_CACHE_DIRECTSYNC;
    return true;
}

/* ---- serving ---- */

static int wake[2]; /* written by signal handlers and clients' threads */

static void on_signal(int sig)
{
    int saved = errno;

    if (write(wake[1], "q", 1) < 0) {
        /* It is full: then it is readable. */
    }
    errno = saved;
}

static void on_closed(void *opaque)
{
    if (write(wake[1], "c", 1) < 0) {
        /* As above. */
    }
}

static int listen_on(const Nbdd *n, GError **err)
{
    SockAddr a;
    bool ok = n->socket ? sock_unix(&a, n->socket, false, true, err)
                        : sock_inet(&a, n->bind ? n->bind : "0.0.0.0", n->port, AF_UNSPEC,
                                    SOCK_STREAM, true, err);
    int fd = ok ? sock_listen(&a, 0, err) : -1;

    if (fd >= 0) {
        listen(fd, n->shared == 0 ? 128 : MIN(n->shared + 8, 128));
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    return fd;
}

static bool pid_write(const char *path, GError **err)
{
    g_autofree char *text = g_strdup_printf("%ld\n", (long)getpid());

    return g_file_set_contents(path, text, -1, err);
}

/* Until it is told to stop, or the last client has gone. */
static void run(const Nbdd *n, NbdServer *s, int fd)
{
    bool had_client = false, stop = false;

    while (!stop && (n->persistent || !had_client || nbd_server_clients(s) > 0)) {
        bool room = n->shared == 0 || nbd_server_clients(s) < n->shared;
        struct pollfd p[2] = {{.fd = wake[0], .events = POLLIN},
                              {.fd = room ? fd : -1, .events = POLLIN}};

        if (poll(p, 2, -1) < 0) {
            continue;
        }
        if (p[0].revents) {
            char what[64];
            ssize_t len = read(wake[0], what, sizeof(what));

            stop = len > 0 && memchr(what, 'q', len);
        }
        if (p[1].revents) {
            int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

            if (client >= 0) {
                had_client = true;
                nbd_server_client(s, client);
            }
        }
    }
}

/* The parent ends when the server runs, or with its failure. */
static int background(int *to_parent)
{
    int p[2];
    char ok = 0;

    if (pipe2(p, O_CLOEXEC)) {
        rhea_error_report("Failed to create a pipe: %s", g_strerror(errno));
        return 1;
    }
    pid_t pid = fork();
    if (pid < 0) {
        rhea_error_report("Failed to fork: %s", g_strerror(errno));
        return 1;
    }
    if (pid > 0) {
        close(p[1]);
        return read(p[0], &ok, 1) == 1 ? 0 : 1;
    }
    close(p[0]);
    setsid();
    *to_parent = p[1];
    return -1;
}

static void parent_release(int *to_parent)
{
    int null = open("/dev/null", O_RDWR);

    if (chdir("/") || write(*to_parent, "k", 1) < 0) {
        /* The parent has gone: nobody waits. */
    }
    close(*to_parent);
    for (int i = 0; i < 3; i++) {
        dup2(null, i);
    }
    close(null);
}

static int serve(Nbdd *n)
{
    GError *err = NULL;
    int to_parent = -1, ret = 1;
    struct sigaction quit = {.sa_handler = on_signal};

    if (n->fork) {
        int done = background(&to_parent);

        if (done >= 0) {
            return done;
        }
    }
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK)) {
        rhea_error_report("Failed to create a pipe: %s", g_strerror(errno));
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGTERM, &quit, NULL);
    sigaction(SIGINT, &quit, NULL);
    sigaction(SIGHUP, &quit, NULL);
    BlockNode *node = block_open_node(&n->image, &err);
    if (!node) {
        return fail(err);
    }
    if (n->export.offset > node->size) {
        rhea_error_report("Offset (%" PRIu64 ") has to be smaller than the image size (%" PRIu64
                          ")",
                          n->export.offset, node->size);
        node_close(node);
        return 1;
    }
    n->export.node = node;
    n->export.size = node->size - n->export.offset;
    n->export.read_only = node->read_only;
    n->export.multi_conn = node->read_only || n->shared != 1;
    int fd = listen_on(n, &err);
    if (fd < 0 || (n->pid_file && !pid_write(n->pid_file, &err))) {
        fail(err);
    } else {
        NbdServer *s = nbd_server_new(&n->export, on_closed, NULL);

        if (n->fork) {
            parent_release(&to_parent);
        }
        run(n, s, fd);
        nbd_server_free(s);
        ret = 0;
    }
    if (fd >= 0) {
        close(fd);
        if (n->socket) {
            unlink(n->socket);
        }
        if (n->pid_file) {
            unlink(n->pid_file);
        }
    }
    node_close(node);
    return ret;
}

int main(int argc, char **argv)
{
    Nbdd n = {.port = NBD_PORT, .shared = 1, .image.probe = true, .image.auto_read_only = false};
    g_autofree char *name = g_path_get_basename(argv[0]);
    int c;

    g_set_prgname(name);
    while ((c = getopt_long(argc, argv, "hVp:b:k:e:tvx:D:o:AB:LT:c:df:rsl:n", options, NULL)) !=
           -1) {
        if (c == 'h') {
            printf("%s", usage);
            return 0;
        }
        if (c == 'V') {
            printf("rhea-nbd version " RHEA_VERSION "\n");
            return 0;
        }
        if (!option_take(&n, c)) {
            return 1;
        }
    }
    if (n.list) {
        if (argc != optind) {
            rhea_error_report("List mode is incompatible with a file name");
            return 1;
        }
        return list(&n);
    }
    if (argc - optind != 1) {
        rhea_error_report("Invalid number of arguments");
        rhea_error_report("Try `rhea-nbd --help' for more information.");
        return 1;
    }
    if (n.socket && (n.bind || strcmp(n.port, NBD_PORT))) {
        rhea_error_report("The unix socket has no port and no address");
        return 1;
    }
    if (!modes_check(&n)) {
        return 1;
    }
    n.image.path = argv[optind];
    n.image.node = "rhea-nbd";
    return serve(&n);
}

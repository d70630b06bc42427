/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Character devices: short forms, buffering, back pressure, mux, sockets, pty, pipe, file. */
#include "io/chardev.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Fixture {
    MainLoop *loop;
    CharSet *set;
    char *dir;
} Fixture;

typedef struct Front {
    CharFront f;
    GString *got, *events;
    unsigned room;
    int ready;
} Front;

static unsigned front_can_read(void *opaque)
{
    return ((Front *)opaque)->room;
}

static void front_read(void *opaque, const uint8_t *buf, unsigned len)
{
    Front *f = opaque;
    g_assert_cmpuint(len, <=, f->room);
    f->room -= len;
    g_string_append_len(f->got, (const char *)buf, len);
}

static void front_ready(void *opaque)
{
    ((Front *)opaque)->ready++;
}

static void front_event(void *opaque, CharEvent event)
{
    g_string_append_c(((Front *)opaque)->events, "BOCIo"[event]);
}

static const CharHandlers handlers = {front_can_read, front_read, front_ready, front_event, false};
static const CharHandlers monitor_handlers = {front_can_read, front_read, front_ready, front_event,
                                              true};

static void front_init(Front *f, Chardev *c, const CharHandlers *h)
{
    GError *err = NULL;
    *f = (Front){.got = g_string_new(NULL), .events = g_string_new(NULL), .room = 100000};
    char_attach(&f->f, c, &err);
    g_assert_no_error(err);
    char_set_handlers(&f->f, h, f);
}

static void front_free(Front *f)
{
    char_detach(&f->f);
    g_string_free(f->got, TRUE);
    g_string_free(f->events, TRUE);
}

static void set_up(Fixture *x, gconstpointer data)
{
    x->loop = mainloop_new();
    x->set = charset_new(x->loop);
    x->dir = g_dir_make_tmp("rhea-char-XXXXXX", NULL);
}

static void tear_down(Fixture *x, gconstpointer data)
{
    charset_free(x->set, 100);
    mainloop_free(x->loop);
    g_autofree char *cmd = g_strdup_printf("rm -rf %s", x->dir);
    g_assert_cmpint(system(cmd), ==, 0);
    g_free(x->dir);
}

static char *path_in(Fixture *x, const char *name)
{
    return g_build_filename(x->dir, name, NULL);
}

static Chardev *make(Fixture *x, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static Chardev *make(Fixture *x, const char *fmt, ...)
{
    va_list ap;
    GError *err = NULL;
    va_start(ap, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    g_autoptr(OptDict) d = opt_parse(text, "backend", &err);
    g_assert_no_error(err);
    Chardev *c = chardev_new(x->set, d, &err);
    g_assert_no_error(err);
    return c;
}

static void expect_error(Fixture *x, const char *text, const char *message)
{
    GError *err = NULL;
    g_autoptr(OptDict) d = opt_parse(text, "backend", &err);
    g_assert_no_error(err);
    g_assert_null(chardev_new(x->set, d, &err));
    g_assert_nonnull(err);
    g_assert_nonnull(strstr(err->message, message));
    g_error_free(err);
}

static void spin(Fixture *x, unsigned ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000;
    while (g_get_monotonic_time() < end) {
        mainloop_iterate(x->loop, false);
        g_usleep(200);
    }
}

#define SPIN_UNTIL(x, condition)                                                                   \
    do {                                                                                           \
        for (int tries = 0; !(condition); tries++) {                                               \
            g_assert_cmpint(tries, <, 5000);                                                       \
            spin(x, 1);                                                                            \
        }                                                                                          \
    } while (0)

static void test_errors(Fixture *x, gconstpointer data)
{
    make(x, "null,id=a");
    expect_error(x, "null", "no id specified");
    expect_error(x, "null,id=a", "Duplicate ID 'a'");
    expect_error(x, "null,id=1", "expects an identifier");
    expect_error(x, "null,id=b,foo=1", "Invalid parameter 'foo'");
    expect_error(x, "null,id=b,mux=maybe", "'mux' expects 'on' or 'off'");
    expect_error(x, "nope,id=b", "'nope' is not a valid char driver name");
    expect_error(x, "file,id=b", "no filename given");
    expect_error(x, "file,id=b,path=/nonexistent/a", "Could not open '/nonexistent/a'");
    expect_error(x, "pipe,id=b,path=/nonexistent/a", "Could not open '/nonexistent/a'");
    expect_error(x, "pipe,id=b", "no device path given");
    expect_error(x, "socket,id=b", "one of 'path', 'port'");
    expect_error(x, "socket,id=b,path=/nonexistent/a", "Failed to connect to '/nonexistent/a'");
    expect_error(x, "socket,id=b,path=/nonexistent/a,server=on", "Failed to bind socket");
    expect_error(x, "socket,id=b,path=/tmp/x,websocket=on", "'websocket' option needs 'server=on'");
    expect_error(x, "socket,id=b,path=/tmp/x,tls-creds=t", "TLS is not supported");
    expect_error(x, "udp,id=b", "remote port not specified");
    expect_error(x, "udp,id=b,port=1,ipv4=off,ipv6=off", "Cannot disable");
    expect_error(x, "ringbuf,id=b,size=1000", "power of two");
    expect_error(x, "socket,id=b,path=/tmp/x,server=on,reconnect=1", "incompatible");
    expect_error(x, "socket,id=b,fd=0", "not a stream socket");
    expect_error(x, "null,id=b,logfile=/nonexistent/a", "Unable to open logfile");
    g_assert_cmpstr(chardev_id(chardev_at(x->set, 0)), ==, "a");
    g_assert_null(chardev_at(x->set, 1));
}

static void test_short(Fixture *x, gconstpointer data)
{
    GError *err = NULL;
    Chardev *c;
    g_autofree char *file = path_in(x, "a,b"), *arg = g_strdup_printf("file:%s", file);
    g_assert_true(chardev_new_short(x->set, "s0", "none", &c, &err) && !c);
    g_assert_true(chardev_new_short(x->set, "s0", "null", &c, &err) && c);
    g_assert_true(chardev_new_short(x->set, "s1", "vc:80Cx24C", &c, &err) && c);
    g_assert_true(chardev_new_short(x->set, "s2", arg, &c, &err) && c);
    g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
    g_assert_true(chardev_new_short(x->set, "s3", "chardev:s2", &c, &err));
    g_assert_cmpstr(chardev_id(c), ==, "s2");
    g_assert_true(chardev_new_short(x->set, "s4", "mon:null", &c, &err));
    g_assert_true(chardev_is_mux(c) && chardev_wants_monitor(c));
    g_assert_false(chardev_new_short(x->set, "s5", "foo", &c, &err));
    g_assert_cmpstr(err->message, ==, "'foo' is not a valid char driver");
    g_clear_error(&err);
    g_assert_false(chardev_new_short(x->set, "s5", "chardev:no", &c, &err));
    g_clear_error(&err);
    g_assert_false(chardev_new_short(x->set, "s5", "tcp:nocolon", &c, &err));
    g_clear_error(&err);
}

static void test_file(Fixture *x, gconstpointer data)
{
    g_autofree char *path = path_in(x, "out"), *log = path_in(x, "log"), *text = NULL, *copy = NULL;
    Front f;
    gsize len;
    Chardev *c = make(x, "file,id=f,path=%s,logfile=%s", path, log);
    front_init(&f, c, &handlers);
    g_assert_cmpstr(f.events->str, ==, "O");
    for (int i = 0; i < 1000; i++) {
        g_assert_cmpuint(char_write(&f.f, "hello\n", 6), ==, 6);
    }
    spin(x, 20);
    g_assert_true(g_file_get_contents(path, &text, &len, NULL));
    g_assert_cmpuint(len, ==, 6000);
    g_assert_true(g_file_get_contents(log, &copy, &len, NULL));
    g_assert_cmpstr(text, ==, copy);
    front_free(&f);
}

/* A reader that stops: char_write() takes what fits, says so, and nothing is lost or doubled. */
static void test_backpressure(Fixture *x, gconstpointer data)
{
    g_autofree char *path = path_in(x, "p"), *in = path_in(x, "p.in"), *out = path_in(x, "p.out");
    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    Front f;
    front_init(&f, make(x, "pipe,id=p,path=%s", path), &handlers);
    int fd = open(out, O_RDONLY | O_NONBLOCK);
    uint32_t sent = 0, seen = 0;
    /* Fill buffer and pipe. */
    for (int idle = 0; idle < 20;) {
        uint32_t v = sent;
        if (char_write(&f.f, (uint8_t *)&v + 0, 1) == 1) {
            sent++;
            idle = 0;
        } else {
            idle++;
            spin(x, 1);
        }
    }
    g_assert_cmpuint(sent, >, 65536);
    int ready_before = f.ready;
    uint32_t total = sent + 100000;
    while (seen < total) {
        uint8_t buf[1000];
        ssize_t n = read(fd, buf, sizeof(buf));
        for (ssize_t i = 0; i < n; i++) {
            g_assert_cmpuint(buf[i], ==, (uint8_t)seen++);
        }
        while (sent < total) {
            uint8_t v = sent;
            if (!char_write(&f.f, &v, 1)) {
                break;
            }
            sent++;
        }
        mainloop_iterate(x->loop, false);
    }
    g_assert_cmpint(f.ready, >, ready_before);
    spin(x, 5);
    uint8_t more;
    g_assert_cmpint(read(fd, &more, 1), <=, 0);
    close(fd);
    front_free(&f);
}

static void test_pipe_input(Fixture *x, gconstpointer data)
{
    g_autofree char *path = path_in(x, "p"), *in = path_in(x, "p.in"), *out = path_in(x, "p.out");
    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    Front f;
    front_init(&f, make(x, "pipe,id=p,path=%s", path), &handlers);
    f.room = 3;
    int fd = open(in, O_WRONLY | O_NONBLOCK);
    g_assert_cmpint(write(fd, "abcdefgh", 8), ==, 8);
    spin(x, 20);
    g_assert_cmpstr(f.got->str, ==, "abc");
    f.room = 2;
    char_accept_input(&f.f);
    spin(x, 20);
    g_assert_cmpstr(f.got->str, ==, "abcde");
    f.room = 100;
    char_accept_input(&f.f);
    spin(x, 20);
    g_assert_cmpstr(f.got->str, ==, "abcdefgh");
    close(fd);
    front_free(&f);
}

static bool quit_seen;

static void on_quit(void *opaque)
{
    quit_seen = true;
}

static void test_mux(Fixture *x, gconstpointer data)
{
    GError *err = NULL;
    int sv[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), ==, 0);
    Chardev *c = make(x, "socket,id=m,fd=%d,mux=on", sv[0]);
    Front serial, mon;
    front_init(&mon, c, &monitor_handlers);
    front_init(&serial, c, &handlers);
    charset_set_quit(x->set, on_quit, NULL);
    g_assert_cmpstr(mon.events->str, ==, "O");
    g_assert_cmpstr(serial.events->str, ==, "IO");
    g_assert_cmpint(write(sv[1], "ab\x01\x01", 4), ==, 4);
    spin(x, 10);
    g_assert_cmpstr(serial.got->str, ==, "ab\x01");
    g_assert_cmpint(write(sv[1], "\x01", 1), ==, 1);
    spin(x, 5);
    g_assert_cmpint(write(sv[1],
                          "cquit\x01"
                          "cz",
                          8),
                    ==, 8);
    spin(x, 10);
    g_assert_cmpstr(mon.got->str, ==, "quit");
    g_assert_cmpstr(serial.got->str, ==, "ab\x01z");
    g_assert_cmpint(write(sv[1],
                          "\x01"
                          "b",
                          2),
                    ==, 2);
    spin(x, 10);
    g_assert_cmpstr(serial.events->str, ==, "IOoIB");

    /* The commands work while the guest does not read, and what it does not read waits. */
    serial.room = 0;
    g_assert_cmpint(write(sv[1], "later\x01x", 7), ==, 7);
    spin(x, 10);
    g_assert_true(quit_seen);
    g_assert_cmpstr(serial.got->str, ==, "ab\x01z");
    serial.room = 100;
    char_accept_input(&serial.f);
    spin(x, 10);
    g_assert_cmpstr(serial.got->str, ==, "ab\x01zlater");

    char buf[4096];
    ssize_t n = read(sv[1], buf, sizeof(buf));
    g_assert_true(n > 0 && g_strstr_len(buf, n, "Terminated\n\r"));
    /* Time stamps at line starts. */
    g_assert_cmpint(write(sv[1], "\x01t", 2), ==, 2);
    spin(x, 10);
    char_write(&serial.f, "one\ntwo\n", 8);
    char_write(&serial.f, "th", 2);
    char_write(&serial.f, "ree\n", 4);
    spin(x, 10);
    n = read(sv[1], buf, sizeof(buf) - 1);
    buf[MAX(n, 0)] = 0;
    g_assert_true(g_str_has_prefix(buf, "one\n[00:00:00."));
    g_auto(GStrv) lines = g_strsplit(buf, "\n", 0);
    g_assert_true(g_str_has_suffix(lines[1], "] two"));
    g_assert_true(g_str_has_suffix(lines[2], "] three"));

    g_assert_cmpint(write(sv[1], "\x01h", 2), ==, 2);
    spin(x, 10);
    n = read(sv[1], buf, sizeof(buf) - 1);
    g_assert_true(n > 0 && g_strstr_len(buf, n, "C-a x    exit emulator"));
    /* The other side leaves. */
    close(sv[1]);
    SPIN_UNTIL(x, strchr(serial.events->str, 'C'));
    g_assert_cmpuint(char_write(&serial.f, "x", 1), ==, 1);
    front_free(&serial);
    front_free(&mon);

    Front many[9];
    for (int i = 0; i < 8; i++) {
        front_init(&many[i], c, &handlers);
    }
    g_assert_false(char_attach(&many[8].f, c, &err));
    g_clear_error(&err);
    for (int i = 0; i < 8; i++) {
        front_free(&many[i]);
    }
}

/* More input than the mux's queue: reading stops, nothing is lost. */
static void test_mux_flood(Fixture *x, gconstpointer data)
{
    int sv[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), ==, 0);
    Front f;
    front_init(&f, make(x, "socket,id=m,fd=%d,mux=on", sv[0]), &handlers);
    f.room = 0;
    fcntl(sv[1], F_SETFL, O_NONBLOCK);
    unsigned sent = 0;
    while (sent < 20000) {
        char c = 'a' + sent % 23;
        if (write(sv[1], &c, 1) == 1) {
            sent++;
        } else {
            f.room = 100;
            char_accept_input(&f.f);
            spin(x, 1);
        }
    }
    while (f.got->len < sent) {
        f.room = 1000;
        char_accept_input(&f.f);
        spin(x, 1);
    }
    for (unsigned i = 0; i < sent; i++) {
        g_assert_cmpint(f.got->str[i], ==, 'a' + i % 23);
    }
    close(sv[1]);
    front_free(&f);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
    return fd;
}

static void test_socket_server(Fixture *x, gconstpointer data)
{
    g_autofree char *path = path_in(x, "s");
    Front f;
    char buf[100];
    Chardev *c = make(x, "socket,id=s,path=%s,server=on,wait=off", path);
    g_assert_true(g_str_has_prefix(chardev_filename(c), "disconnected:unix:"));
    front_init(&f, c, &handlers);
    g_assert_cmpstr(f.events->str, ==, "");
    g_assert_cmpuint(char_write(&f.f, "lost", 4), ==, 4);
    for (int round = 0; round < 3; round++) {
        int fd = connect_unix(path);
        SPIN_UNTIL(x, f.events->len && f.events->str[f.events->len - 1] == 'O');
        g_assert_cmpint(write(fd, "in", 2), ==, 2);
        char_write(&f.f, "out", 3);
        spin(x, 10);
        g_assert_cmpint(read(fd, buf, sizeof(buf)), ==, 3);
        g_assert_cmpstr(f.got->str, ==, "in");
        g_string_truncate(f.got, 0);
        close(fd);
        SPIN_UNTIL(x, f.events->str[f.events->len - 1] == 'C');
    }
    g_assert_cmpstr(f.events->str, ==, "OCOCOC");
    front_free(&f);
}

static void test_socket_client(Fixture *x, gconstpointer data)
{
    g_autofree char *path = path_in(x, "s");
    Front server, client;
    /* The client comes first and keeps trying. */
    Chardev *cc = make(x, "socket,id=c,path=%s,reconnect-ms=5", path);
    front_init(&client, cc, &handlers);
    spin(x, 20);
    Chardev *cs = make(x, "socket,id=s,path=%s,server=on,wait=off", path);
    front_init(&server, cs, &handlers);
    SPIN_UNTIL(x, server.events->len && client.events->len);
    char_write(&client.f, "ping", 4);
    char_write(&server.f, "pong", 4);
    SPIN_UNTIL(x, server.got->len == 4 && client.got->len == 4);
    g_assert_cmpstr(server.got->str, ==, "ping");
    g_assert_cmpstr(client.got->str, ==, "pong");
    front_free(&server);
    front_free(&client);
}

static void test_socket_tcp(Fixture *x, gconstpointer data)
{
    Front server, client;
    Chardev *cs = make(x, "socket,id=s,host=127.0.0.1,port=0,server=on,wait=off,nodelay=on");
    const char *name = chardev_filename(cs);
    g_assert_true(g_str_has_prefix(name, "disconnected:tcp:127.0.0.1:"));
    int port = atoi(strrchr(name, ':') + 1);
    g_assert_cmpint(port, >, 0);
    front_init(&server, cs, &handlers);
    front_init(&client, make(x, "socket,id=c,host=127.0.0.1,port=%d,ipv4=on", port), &handlers);
    char_write(&client.f, "ping", 4);
    SPIN_UNTIL(x, server.got->len == 4);
    front_free(&server);
    front_free(&client);
}

/* RFC 854: options asked for and answered, a break, and bytes that look like commands. */
static void test_telnet(Fixture *x, gconstpointer data)
{
    static const char hello[] = "\377\373\001\377\373\003\377\373\000\377\375\000";
    static const char answer[] = "a\377\375\001b\377\377c\377\373\000d\377\363e\377";
    g_autofree char *path = path_in(x, "s");
    Front f;
    char buf[100];
    front_init(&f, make(x, "socket,id=s,path=%s,server=on,wait=off,telnet=on", path), &handlers);
    int fd = connect_unix(path);
    SPIN_UNTIL(x, f.events->len);
    g_assert_cmpint(read(fd, buf, sizeof(buf)), ==, 12);
    g_assert_cmpmem(buf, 12, hello, 12);
    g_assert_cmpint(write(fd, answer, sizeof(answer) - 1), ==, sizeof(answer) - 1);
    SPIN_UNTIL(x, f.got->len >= 6);
    g_assert_cmpmem(f.got->str, f.got->len, "ab\377cde", 6);
    g_assert_cmpstr(f.events->str, ==, "OB");
    /* The rest of a command that came in two parts. */
    g_assert_cmpint(write(fd, "\375\001f", 3), ==, 3);
    SPIN_UNTIL(x, f.got->len >= 7);
    g_assert_cmpint(f.got->str[6], ==, 'f');
    char_write(&f.f, "x\377y", 3);
    spin(x, 10);
    g_assert_cmpint(read(fd, buf, sizeof(buf)), ==, 4);
    g_assert_cmpmem(buf, 4, "x\377\377y", 4);
    close(fd);
    front_free(&f);
}

static int udp_socket(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, sizeof(a)), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&a, &len), ==, 0);
    *port = ntohs(a.sin_port);
    return fd;
}

/* The handshake of RFC 6455, 1.2; frames of the client's with the mask of 5.7. */
static void test_websocket(Fixture *x, gconstpointer data)
{
    static const char ask[] =
        "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: text, binary\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n";
    static const uint8_t hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d,
                                    0x7f, 0x9f, 0x4d, 0x51, 0x58};
    static const uint8_t ping[] = {0x89, 0x82, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2};
    g_autofree char *path = path_in(x, "s");
    Front f;
    char buf[300];
    uint8_t big[300];
    ssize_t n;
    front_init(&f, make(x, "socket,id=s,path=%s,server=on,wait=off,websocket=on", path), &handlers);
    /* What is no websocket is turned away, and the next one may come. */
    int fd = connect_unix(path);
    g_assert_cmpint(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), ==, 18);
    spin(x, 20);
    n = read(fd, buf, sizeof(buf));
    g_assert_cmpint(n, >, 12);
    g_assert_cmpmem(buf, 12, "HTTP/1.1 400", 12);
    close(fd);
    fd = connect_unix(path);
    g_assert_cmpint(write(fd, ask, 40), ==, 40);
    spin(x, 20);
    g_assert_cmpuint(f.events->len, ==, 0);
    g_assert_cmpint(write(fd, ask + 40, sizeof(ask) - 41), ==, sizeof(ask) - 41);
    SPIN_UNTIL(x, f.events->len);
    n = read(fd, buf, sizeof(buf) - 1);
    buf[MAX(n, 0)] = 0;
    g_assert_nonnull(strstr(buf, "HTTP/1.1 101 "));
    g_assert_nonnull(strstr(buf, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    g_assert_nonnull(strstr(buf, "Sec-WebSocket-Protocol: binary\r\n\r\n"));
    /* Cut anywhere. */
    for (unsigned cut = 1; cut < sizeof(hello); cut++) {
        g_string_truncate(f.got, 0);
        g_assert_cmpint(write(fd, hello, cut), ==, cut);
        spin(x, 5);
        g_assert_cmpint(write(fd, hello + cut, sizeof(hello) - cut), ==, sizeof(hello) - cut);
        SPIN_UNTIL(x, f.got->len >= 5);
        g_assert_cmpmem(f.got->str, f.got->len, "Hello", 5);
    }
    g_assert_cmpint(write(fd, ping, sizeof(ping)), ==, sizeof(ping));
    spin(x, 20);
    g_assert_cmpint(read(fd, buf, sizeof(buf)), ==, 4);
    g_assert_cmpmem(buf, 4,
                    "\x8a\x02"
                    "ab",
                    4);
    memset(big, 'x', sizeof(big));
    char_write(&f.f, big, sizeof(big));
    spin(x, 20);
    g_assert_cmpint(read(fd, buf, 4), ==, 4);
    g_assert_cmpmem(buf, 4, "\x82\x7e\x01\x2c", 4);
    g_assert_cmpint(read(fd, buf, sizeof(buf)), ==, 300);
    g_assert_cmpmem(buf, 300, big, 300);
    /* A frame without a mask ends the connection. */
    g_assert_cmpint(write(fd, "\x81\x01y", 3), ==, 3);
    SPIN_UNTIL(x, f.events->len >= 2);
    g_assert_cmpstr(f.events->str, ==, "OC");
    g_assert_cmpuint(f.got->len, ==, 5);
    close(fd);
    front_free(&f);
}

static void test_udp(Fixture *x, gconstpointer data)
{
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    Chardev *c;
    Front f;
    char buf[100];
    int port, fd = udp_socket(&port);
    g_autofree char *text = g_strdup_printf("udp:127.0.0.1:%d@127.0.0.1:0", port);
    GError *err = NULL;
    chardev_new_short(x->set, "serial0", text, &c, &err);
    g_assert_no_error(err);
    front_init(&f, c, &handlers);
    g_assert_cmpstr(f.events->str, ==, "O");
    char_write(&f.f, "out", 3);
    spin(x, 10);
    g_assert_cmpint(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), ==, 3);
    /* A datagram that does not fit waits. */
    f.room = 3;
    g_assert_cmpint(sendto(fd, "abcdef", 6, 0, (struct sockaddr *)&from, len), ==, 6);
    g_assert_cmpint(sendto(fd, "gh", 2, 0, (struct sockaddr *)&from, len), ==, 2);
    SPIN_UNTIL(x, f.got->len == 3);
    spin(x, 10);
    g_assert_cmpstr(f.got->str, ==, "abc");
    f.room = 100;
    char_accept_input(&f.f);
    SPIN_UNTIL(x, f.got->len == 8);
    g_assert_cmpstr(f.got->str, ==, "abcdefgh");
    close(fd);
    front_free(&f);
}

static void test_ringbuf(Fixture *x, gconstpointer data)
{
    uint8_t buf[100];
    Front f;
    Chardev *c = make(x, "ringbuf,id=r,size=8");
    front_init(&f, c, &handlers);
    g_assert_cmpuint(char_ring_peek(c, buf, sizeof(buf)), ==, 0);
    char_write(&f.f, "0123456789ab", 12);
    spin(x, 10);
    g_assert_cmpuint(char_ring_peek(c, buf, sizeof(buf)), ==, 8);
    g_assert_cmpmem(buf, 8, "456789ab", 8);
    g_assert_cmpuint(char_ring_peek(c, buf, 3), ==, 3);
    g_assert_cmpmem(buf, 3, "9ab", 3);
    front_free(&f);
}

static void test_pty(Fixture *x, gconstpointer data)
{
    g_autofree char *link = path_in(x, "tty");
    Front f;
    char buf[100];
    Chardev *c = make(x, "pty,id=p,path=%s", link);
    front_init(&f, c, &handlers);
    g_assert_true(g_str_has_prefix(chardev_filename(c), "pty:/dev/pts/"));
    g_assert_cmpuint(char_write(&f.f, "lost", 4), ==, 4);
    for (int round = 0; round < 2; round++) {
        int fd = open(link, O_RDWR | O_NOCTTY);
        g_assert_cmpint(fd, >=, 0);
        SPIN_UNTIL(x, f.events->len && f.events->str[f.events->len - 1] == 'O');
        char_write(&f.f, "out\n", 4);
        spin(x, 10);
        g_assert_cmpint(read(fd, buf, sizeof(buf)), ==, 4);
        g_assert_cmpint(write(fd, "i\r", 2), ==, 2);
        SPIN_UNTIL(x, f.got->len == 2);
        g_assert_cmpstr(f.got->str, ==, "i\r");
        g_string_truncate(f.got, 0);
        close(fd);
        SPIN_UNTIL(x, f.events->str[f.events->len - 1] == 'C');
    }
    front_free(&f);
}

/* Writers in several threads: every byte arrives, each thread's in order. */
static gpointer writer(gpointer opaque)
{
    CharFront *f = opaque;
    for (unsigned i = 0; i < 20000;) {
        i += char_write(f, "x", 1);
    }
    return NULL;
}

static void test_threads(Fixture *x, gconstpointer data)
{
    g_autofree char *path = path_in(x, "out"), *text = NULL;
    Front f;
    GThread *t[3];
    gsize len = 0;
    front_init(&f, make(x, "file,id=f,path=%s,mux=on", path), &handlers);
    for (int i = 0; i < 3; i++) {
        t[i] = g_thread_new("writer", writer, &f.f);
    }
    while (len < 60000) {
        g_free(text);
        spin(x, 2);
        g_assert_true(g_file_get_contents(path, &text, &len, NULL));
    }
    for (int i = 0; i < 3; i++) {
        g_thread_join(t[i]);
    }
    spin(x, 5);
    g_assert_cmpuint(len, ==, 60000);
    front_free(&f);
}

static void test_busy(Fixture *x, gconstpointer data)
{
    GError *err = NULL;
    Front f, g = {0};
    Chardev *c = make(x, "null,id=n");
    front_init(&f, c, &handlers);
    g_assert_false(char_attach(&g.f, c, &err));
    g_assert_cmpstr(err->message, ==, "chardev 'n' is already in use");
    g_clear_error(&err);
    front_free(&f);
    g_assert_true(char_attach(&g.f, c, &err));
    char_detach(&g.f);
    /* Not attached at all: everything is allowed. */
    CharFront none = {0};
    g_assert_cmpuint(char_write(&none, "x", 1), ==, 1);
    char_accept_input(&none);
    char_set_handlers(&none, &handlers, NULL);
    char_detach(&none);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/chardev/" #name, Fixture, NULL, set_up, test_##name, tear_down)
    ADD(errors);
    ADD(short);
    ADD(file);
    ADD(backpressure);
    ADD(pipe_input);
    ADD(mux);
    ADD(mux_flood);
    ADD(socket_server);
    ADD(socket_client);
    ADD(socket_tcp);
    ADD(telnet);
    ADD(websocket);
    ADD(udp);
    ADD(ringbuf);
    ADD(pty);
    ADD(threads);
    ADD(busy);
    return g_test_run();
}

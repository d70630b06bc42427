/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Network back ends that join machines: frames through socket, stream, dgram and hubs, in both
 * directions; a peer that lies about lengths; what the options refuse; filter-dump.
 */
#include "io/net.h"
#include "softmmu/machine.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Card {
    NetBackend *b;
    GMutex lock;
    GCond cond;
    GPtrArray *got;  /* GBytes * */
    unsigned refuse; /* so many times there is no room */
} Card;

static bool card_receive(void *opaque, const uint8_t *frame, size_t len)
{
    Card *c = opaque;
    bool take;

    g_mutex_lock(&c->lock);
    take = c->refuse == 0;
    if (take) {
        g_ptr_array_add(c->got, g_bytes_new(frame, len));
        g_cond_signal(&c->cond);
    } else {
        c->refuse--;
    }
    g_mutex_unlock(&c->lock);
    return take;
}

static void card_init(Card *c, NetBackend *b)
{
    const NetReceiver r = {.receive = card_receive, .opaque = c};

    memset(c, 0, sizeof(*c));
    g_mutex_init(&c->lock);
    g_cond_init(&c->cond);
    c->got = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    c->b = b;
    g_assert_true(net_attach(b, &r, NULL));
}

static void card_free(Card *c)
{
    net_detach(c->b);
    g_ptr_array_free(c->got, TRUE);
    g_mutex_clear(&c->lock);
    g_cond_clear(&c->cond);
}

static unsigned card_wait(Card *c, unsigned n, int ms)
{
    int64_t end = g_get_monotonic_time() + ms * 1000;

    g_mutex_lock(&c->lock);
    while (c->got->len < n && g_cond_wait_until(&c->cond, &c->lock, end)) {
    }
    unsigned got = c->got->len;
    g_mutex_unlock(&c->lock);
    return got;
}

static void fill(uint8_t *frame, size_t len, uint8_t seed)
{
    for (size_t i = 0; i < len; i++) {
        frame[i] = seed + i * 7;
    }
}

/* A frame of len bytes, in two parts. */
static void card_send(Card *c, size_t len, uint8_t seed)
{
    g_autofree uint8_t *frame = g_malloc(len);
    struct iovec iov[2] = {{frame, 6}, {frame + 6, len - 6}};

    fill(frame, len, seed);
    net_send(c->b, iov, 2);
}

static void card_check(Card *c, unsigned i, size_t len, uint8_t seed)
{
    g_autofree uint8_t *want = g_malloc(len);
    gsize n;

    g_assert_cmpuint(card_wait(c, i + 1, 5000), >, i);
    fill(want, len, seed);
    const void *data = g_bytes_get_data(g_ptr_array_index(c->got, i), &n);
    g_assert_cmpmem(data, n, want, len);
}

static NetBackend *backend(Machine *m, const char *text, GError **err)
{
    g_autoptr(OptDict) o = opt_parse(text, "type", err);
    NetBackend *b = o ? net_open(m, o, err) : NULL;

    if (b && m) {
        g_ptr_array_add(m->nets, b);
    }
    return b;
}

static NetBackend *backend_ok(Machine *m, const char *text)
{
    GError *err = NULL;
    NetBackend *b = backend(m, text, &err);

    g_assert_no_error(err);
    return b;
}

/* Both ways, small and large frames, and frames that wait until there is room. */
static void exchange(NetBackend *x, NetBackend *y, size_t large)
{
    Card a, b;

    card_init(&a, x);
    card_init(&b, y);
    /* Until both ends are connected frames are lost. */
    for (unsigned i = 0; i < 100 && !card_wait(&b, 1, 50); i++) {
        card_send(&a, 60, 1);
    }
    card_check(&b, 0, 60, 1);
    g_usleep(100000);
    unsigned n = b.got->len;
    card_send(&b, 60, 2);
    card_check(&a, 0, 60, 2);
    b.refuse = 1;
    card_send(&a, large, 3);
    card_send(&a, 14, 4);
    g_usleep(20000);
    net_ready(b.b);
    card_check(&b, n, large, 3);
    card_check(&b, n + 1, 14, 4);
    card_free(&a);
    card_free(&b);
}

static void test_pair(const char *one, const char *two, size_t large)
{
    NetBackend *x = backend_ok(NULL, one), *y = backend_ok(NULL, two);

    exchange(x, y, large);
    net_close(x);
    net_close(y);
}

static int free_port(int type)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, type, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, sizeof(a)), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&a, &len), ==, 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void test_socket(void)
{
    int port = free_port(SOCK_STREAM), p1 = free_port(SOCK_DGRAM), p2 = free_port(SOCK_DGRAM);
    g_autofree char *listen = g_strdup_printf("socket,id=a,listen=127.0.0.1:%d", port);
    g_autofree char *connect = g_strdup_printf("socket,id=b,connect=127.0.0.1:%d", port);
    g_autofree char *u1 =
        g_strdup_printf("socket,id=a,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d", p2, p1);
    g_autofree char *u2 =
        g_strdup_printf("socket,id=b,udp=127.0.0.1:%d,localaddr=127.0.0.1:%d", p1, p2);

    test_pair(listen, connect, 65000);
    test_pair(u1, u2, 9000);
}

static void test_stream(void)
{
    g_autofree char *dir = g_dir_make_tmp("rhea-net-XXXXXX", NULL);
    g_autofree char *s1 =
        g_strdup_printf("stream,id=a,server=on,addr.type=unix,addr.path=%s/s", dir);
    g_autofree char *c1 = g_strdup_printf(
        "stream,id=b,server=off,addr.type=unix,addr.path=%s/s,reconnect-ms=50", dir);
    int port = free_port(SOCK_STREAM);
    g_autofree char *s2 = g_strdup_printf(
        "{\"type\":\"stream\",\"id\":\"a\",\"server\":true,\"addr\":{\"type\":\"inet\","
        "\"host\":\"127.0.0.1\",\"port\":\"%d\"}}",
        port);
    g_autofree char *c2 =
        g_strdup_printf("stream,id=b,addr.type=inet,addr.host=127.0.0.1,addr.port=%d", port);
    g_autofree char *path = g_strdup_printf("%s/s", dir);
    int sv[2];

    test_pair(s1, c1, 65535);
    g_assert_cmpint(g_access(path, F_OK), !=, 0);
    /* The client comes first and tries again. */
    test_pair(c1, s1, 65535);
    test_pair(s2, c2, 20000);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), ==, 0);
    g_autofree char *f1 = g_strdup_printf("stream,id=a,addr.type=fd,addr.str=%d", sv[0]);
    g_autofree char *f2 = g_strdup_printf("socket,id=b,fd=%d", sv[1]);
    test_pair(f1, f2, 65535);
    g_rmdir(dir);
}

static void test_dgram(void)
{
    g_autofree char *dir = g_dir_make_tmp("rhea-net-XXXXXX", NULL);
    int p1 = free_port(SOCK_DGRAM), p2 = free_port(SOCK_DGRAM), sv[2];
    g_autofree char *u1 = g_strdup_printf(
        "dgram,id=a,local.type=unix,local.path=%s/1,remote.type=unix,remote.path=%s/2", dir, dir);
    g_autofree char *u2 = g_strdup_printf(
        "dgram,id=b,local.type=unix,local.path=%s/2,remote.type=unix,remote.path=%s/1", dir, dir);
    g_autofree char *i1 =
        g_strdup_printf("dgram,id=a,local.type=inet,local.host=127.0.0.1,local.port=%d,"
                        "remote.type=inet,remote.host=127.0.0.1,remote.port=%d",
                        p1, p2);
    g_autofree char *i2 =
        g_strdup_printf("dgram,id=b,local.type=inet,local.host=127.0.0.1,local.port=%d,"
                        "remote.type=inet,remote.host=127.0.0.1,remote.port=%d",
                        p2, p1);

    test_pair(u1, u2, 65535);
    test_pair(i1, i2, 9000);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv), ==, 0);
    g_autofree char *f1 = g_strdup_printf("dgram,id=a,local.type=fd,local.str=%d", sv[0]);
    g_autofree char *f2 = g_strdup_printf("socket,id=b,fd=%d", sv[1]);
    test_pair(f1, f2, 60000);
    g_rmdir(dir);
}

/* A length beyond any frame closes the connection; the next peer is served. */
static void test_liar(void)
{
    static const uint8_t lie[] = {0xff, 0xff, 0xff, 0xff, 1, 2, 3}, frame[] = {0, 0, 0, 14};
    uint8_t body[14], byte;
    Card c;
    int port = free_port(SOCK_STREAM);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    g_autofree char *listen = g_strdup_printf("socket,id=a,listen=127.0.0.1:%d", port);
    NetBackend *b = backend_ok(NULL, listen);

    card_init(&c, b);
    for (unsigned i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        g_assert_cmpint(connect(fd, (struct sockaddr *)&a, sizeof(a)), ==, 0);
        if (i == 0) {
            g_assert_cmpint(write(fd, lie, sizeof(lie)), ==, sizeof(lie));
            g_assert_cmpint(read(fd, &byte, 1), <=, 0);
            g_assert_cmpuint(card_wait(&c, 1, 0), ==, 0);
        } else {
            fill(body, sizeof(body), 9);
            g_assert_cmpint(write(fd, frame, 4), ==, 4);
            g_usleep(10000);
            g_assert_cmpint(write(fd, body, 14), ==, 14);
            card_check(&c, 0, 14, 9);
        }
        close(fd);
    }
    card_free(&c);
    net_close(b);
}

static void nets_close(Machine *m)
{
    for (unsigned i = m->nets->len; i > 0; i--) {
        net_close(g_ptr_array_index(m->nets, i - 1));
    }
    g_ptr_array_free(m->nets, TRUE);
}

/* Three ports, one in front of a socket pair; a dump of one of them. */
static void test_hub(void)
{
    g_autofree char *dir = g_dir_make_tmp("rhea-net-XXXXXX", NULL);
    g_autofree char *path = g_strdup_printf("%s/dump", dir);
    g_autofree char *dump_text =
        g_strdup_printf("filter-dump,id=f,netdev=h1,file=%s,maxlen=20,queue=rx", path);
    g_autoptr(OptDict) dump = opt_parse(dump_text, "qom-type", NULL);
    g_autofree char *content = NULL;
    gsize size = 0;
    Machine m = {.nets = g_ptr_array_new()};
    Card a, b, far;
    int sv[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv), ==, 0);
    g_autofree char *s1 = g_strdup_printf("socket,id=s,fd=%d", sv[0]);
    g_autofree char *s2 = g_strdup_printf("socket,id=far,fd=%d", sv[1]);
    NetBackend *h1 = backend_ok(&m, "hubport,id=h1,hubid=5");
    NetBackend *h2 = backend_ok(&m, "hubport,id=h2,hubid=5");
    NetBackend *other = backend_ok(&m, "hubport,id=h9,hubid=6");
    backend_ok(&m, s1);
    NetBackend *end = backend_ok(&m, s2);
    g_assert_true(net_attached(backend_ok(&m, "hubport,id=h3,hubid=5,netdev=s")));
    g_assert_null(backend(&m, "hubport,id=h4,hubid=5,netdev=s", NULL));
    g_assert_null(backend(&m, "hubport,id=h4,hubid=5,netdev=none", NULL));
    g_assert_true(net_add_dump(&m, dump, NULL));
    card_init(&a, h1);
    card_init(&b, h2);
    card_init(&far, end);
    card_send(&a, 64, 1);
    card_check(&b, 0, 64, 1);
    card_check(&far, 0, 64, 1);
    card_send(&far, 100, 2);
    card_check(&a, 0, 100, 2);
    card_check(&b, 1, 100, 2);
    g_assert_cmpuint(far.got->len, ==, 1);
    g_assert_false(net_attached(other));
    g_assert_true(g_file_get_contents(path, &content, &size, NULL));
    g_assert_cmpuint(size, ==, 24 + 16 + 20);
    g_assert_cmphex(*(uint32_t *)content, ==, 0xa1b2c3d4);
    g_assert_cmpuint(((uint32_t *)content)[8], ==, 20);
    g_assert_cmpuint(((uint32_t *)content)[9], ==, 64);
    card_free(&a);
    card_free(&b);
    card_free(&far);
    nets_close(&m);
    g_unlink(path);
    g_rmdir(dir);
}

static void test_refused(void)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"socket,id=a", "exactly one of"},
        {"socket,id=a,listen=:1,connect=:2", "exactly one of"},
        {"socket,id=a,listen=foo", "doesn't contain ':'"},
        {"socket,id=a,mcast=10.0.0.1:99", "does not contain a multicast address"},
        {"socket,id=a,udp=127.0.0.1:99", "localaddr= is mandatory"},
        {"socket,id=a,listen=:1,localaddr=1.2.3.4", "only valid with"},
        {"socket,id=a,fd=999", "is not a stream socket"},
        {"stream,id=a", "'addr' is missing"},
        {"stream,id=a,addr.type=inet,addr.host=x", "'addr.port' is missing"},
        {"stream,id=a,addr.type=vsock", "addr.type"},
        {"stream,id=a,server=on,addr.type=unix,addr.path=/x,reconnect-ms=1", "incompatible"},
        {"stream,id=a,addr.type=unix,addr.path=/x,foo=1", "Invalid parameter 'foo'"},
        {"dgram,id=a", "dgram requires local="},
        {"dgram,id=a,local.type=unix,local.path=/x", "requires remote"},
        {"dgram,id=a,local.type=unix,local.path=/"
         "x,remote.type=inet,remote.host=127.0.0.1,remote.port=1",
         "remote"},
        {"hubport,id=a", "'hubid' is missing"},
        {"tap,id=a,fd=999", "fd=999"},
        {"tap,id=a,ifname=aaaaaaaaaaaaaaaaaaaa", "longer than"},
        {"tap,id=a,queues=0", "1 to 32"},
        {"tap,id=a,fd=0,queues=2", "invalid with fd="},
        {"tap,id=a,fds=0:", "no tap interface"},
        {"tap,id=a,vhostfd=9", "not valid without vhost"},
        {"tap,id=a,fd=0,script=x", "invalid with fd="},
        {"bridge,id=a,helper=/nonexistent", "status 127"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *err = NULL;

        g_assert_null(backend(NULL, bad[i].text, &err));
        g_assert_nonnull(err);
        if (!strstr(err->message, bad[i].why)) {
            g_error("%s: %s", bad[i].text, err->message);
        }
        g_error_free(err);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net-link/socket", test_socket);
    g_test_add_func("/net-link/stream", test_stream);
    g_test_add_func("/net-link/dgram", test_dgram);
    g_test_add_func("/net-link/liar", test_liar);
    g_test_add_func("/net-link/hub", test_hub);
    g_test_add_func("/net-link/refused", test_refused);
    return g_test_run();
}

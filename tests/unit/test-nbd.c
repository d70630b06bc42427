/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* NBD: client and server with each other, and each with a peer that breaks the rules or goes. */
#include "tests/unit/nbd-peer.h"

/* ---- each with the other ---- */

static BlockNode *client_open(NbdPeer *p, unsigned reconnect)
{
    GError *err = NULL;
    BlockNode *n = node_open_nbd(
        &(NodeOptions){.path = p->url, .discard = true, .reconnect_delay = reconnect}, &err);

    g_assert_no_error(err);
    return n;
}

static void test_requests(void)
{
    NbdPeer p;
    g_autofree uint8_t *buf = g_malloc(NBD_TEST_SIZE), *want = g_malloc(NBD_TEST_SIZE);
    NodeExtent e;

    nbd_peer_open(&p, NULL, NULL);
    BlockNode *n = client_open(&p, 0);
    g_assert_cmpuint(n->size, ==, NBD_TEST_SIZE);
    g_assert_cmpint(node_pread(n, 0, buf, NBD_TEST_SIZE), ==, 0);
    g_assert_cmpint(node_pread(p.node, 0, want, NBD_TEST_SIZE), ==, 0);
    g_assert_cmpmem(buf, NBD_TEST_SIZE, want, NBD_TEST_SIZE);
    /* Odd places, several pieces. */
    struct iovec v[3] = {{buf, 1}, {buf + 1, 700}, {buf + 701, 2}};
    g_assert_cmpint(node_preadv(n, 511, v, 3), ==, 0);
    g_assert_cmpmem(buf, 703, want + 511, 703);
    memset(buf, 0xa5, 4096);
    g_assert_cmpint(node_pwritev(n, 8190, v, 3), ==, 0);
    g_assert_cmpint(node_pread(p.node, 8190, want, 703), ==, 0);
    g_assert_cmpmem(buf, 703, want, 703);
    g_assert_cmpint(node_flush(n), ==, 0);
    /* Zeroes and what is said of them. */
    g_assert_cmpint(node_zero(n, 65536, 65536, true), ==, 0);
    g_assert_cmpint(node_discard(n, 131072, 4096), ==, 0);
    g_assert_cmpint(node_pread(n, 60000, buf, 80000), ==, 0);
    g_assert_cmpint(node_pread(p.node, 60000, want, 80000), ==, 0);
    g_assert_cmpmem(buf, 80000, want, 80000);
    g_assert_cmpint(node_status(n, 65536, 65536, &e), ==, 0);
    g_assert_true(e.zero);
    g_assert_cmpint(node_status(n, 0, 65536, &e), ==, 0);
    g_assert_true(e.data && !e.zero);
    g_assert_cmpuint(e.len, ==, 65536);
    /* Past the end. */
    g_assert_cmpint(node_pread(n, NBD_TEST_SIZE - 10, buf, 20), ==, 0);
    g_assert_true(buffer_is_zero(buf + 10, 10));
    g_assert_cmpint(node_pwrite(n, NBD_TEST_SIZE - 10, buf, 20), ==, -ENOSPC);
    node_close(n);
    nbd_peer_close(&p);
}

typedef struct Load {
    BlockNode *n;
    unsigned at;
} Load;

static gpointer load_thread(gpointer opaque)
{
    Load *l = opaque;
    g_autofree uint8_t *buf = g_malloc(8192), *back = g_malloc(8192);

    for (unsigned i = 0; i < 200; i++) {
        memset(buf, l->at + i, 8192);
        g_assert_cmpint(node_pwrite(l->n, l->at * 16384, buf, 8192), ==, 0);
        g_assert_cmpint(node_pread(l->n, l->at * 16384, back, 8192), ==, 0);
        g_assert_cmpmem(buf, 8192, back, 8192);
    }
    return NULL;
}

/* More threads than requests that may be under way. */
static void test_threads(void)
{
    NbdPeer p;
    GThread *t[16];
    Load l[16];

    nbd_peer_open(&p, NULL, NULL);
    BlockNode *n = client_open(&p, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        l[i] = (Load){n, i};
        t[i] = g_thread_new("load", load_thread, &l[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        g_thread_join(t[i]);
    }
    node_close(n);
    nbd_peer_close(&p);
}

static void test_list(void)
{
    NbdPeer p;
    NbdAddress a;
    GError *err = NULL;

    nbd_peer_open(&p, NULL, NULL);
    g_assert_true(nbd_address_parse(&a, p.url, &err));
    GPtrArray *list = nbd_list(&a, &err);
    g_assert_no_error(err);
    g_assert_cmpuint(list->len, ==, 1);
    const NbdInfo *i = g_ptr_array_index(list, 0);
    g_assert_cmpstr(i->name, ==, "e");
    g_assert_cmpstr(i->description, ==, "an image");
    g_assert_cmpuint(i->size, ==, NBD_TEST_SIZE);
    g_assert_cmpuint(i->contexts->len, ==, 1);
    nbd_list_free(list);
    nbd_address_clear(&a);
    nbd_peer_close(&p);
}

static void test_addresses(void)
{
    static const struct {
        const char *url, *export, *error;
    } rows[] = {
        {"nbd:127.0.0.1:10809", "", NULL},
        {"nbd:127.0.0.1:10809:exportname=a b", "a b", NULL},
        {"nbd:unix:/tmp/x", "", NULL},
        {"nbd://127.0.0.1", "", NULL},
        {"nbd://[::1]:7/some%20name", "some name", NULL},
        {"nbd+tcp://127.0.0.1:9/x/y", "x/y", NULL},
        {"nbd+unix:///e?socket=/tmp/a%20b", "e", NULL},
        {"nbd+unix:///e", NULL, "names no socket"},
        {"nbd:127.0.0.1", NULL, ""},
        {"nbd://127.0.0.1:99999/", NULL, ""},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        NbdAddress a;
        GError *err = NULL;
        bool ok = nbd_address_parse(&a, rows[i].url, &err);

        g_assert_true(nbd_is_url(rows[i].url));
        g_assert_cmpint(ok, ==, rows[i].error == NULL);
        if (ok) {
            g_assert_cmpstr(a.export, ==, rows[i].export);
            nbd_address_clear(&a);
        } else {
            g_assert_nonnull(strstr(err->message, rows[i].error));
            g_error_free(err);
        }
    }
    g_assert_false(nbd_is_url("/tmp/nbd:x"));
}

/* ---- servers that break the rules ---- */

static void say(int fd, const void *d, size_t len)
{
    g_assert_true(nbd_send(fd, d, len, NULL, 0));
}

/* The greeting, then refuses every option but GO. */
static void negotiate_badly(int fd, uint32_t structured)
{
    uint8_t hello[18], d[4096];

    nbd_put64(hello, NBD_MAGIC);
    nbd_put64(hello + 8, NBD_OPTION_MAGIC);
    nbd_put16(hello + 16, 3);
    say(fd, hello, 18);
    g_assert_true(nbd_recv(fd, d, 4));
    for (;;) {
        if (!nbd_recv(fd, d, 16)) {
            return;
        }
        uint32_t option = nbd_get32(d + 8);
        nbd_recv_skip(fd, nbd_get32(d + 12));
        if (option == NBD_OPT_STRUCTURED_REPLY) {
            nbd_send_reply(fd, option, structured, NULL, 0);
        } else if (option == NBD_OPT_GO) {
            uint8_t info[12];
            nbd_put16(info, NBD_INFO_EXPORT);
            nbd_put64(info + 2, NBD_TEST_SIZE);
            nbd_put16(info + 10, NBD_FLAG_HAS_FLAGS);
            nbd_send_reply(fd, option, NBD_REP_INFO, info, 12);
            nbd_send_reply(fd, option, NBD_REP_ACK, NULL, 0);
            return;
        } else {
            nbd_send_reply(fd, option, NBD_REP_ERROR | NBD_REP_ERR_UNSUP, NULL, 0);
        }
    }
}

/* What the client has still to say is read, so that it does not see the end before the rest. */
static void leave(int fd)
{
    uint8_t d[256];

    shutdown(fd, SHUT_WR);
    while (nbd_recv(fd, d, 1)) {
    }
    close(fd);
}

static void bad_greeting(NbdPeer *p, int fd)
{
    say(fd, "SSH-2.0-OpenSSH_9.2p1", 18);
    leave(fd);
}

static void old_greeting(NbdPeer *p, int fd)
{
    uint8_t d[18] = {0};

    nbd_put64(d, NBD_MAGIC);
    nbd_put64(d + 8, NBD_OLD_MAGIC);
    say(fd, d, 18);
    leave(fd);
}

static void closes(NbdPeer *p, int fd)
{
    close(fd);
}

static void huge_reply(NbdPeer *p, int fd)
{
    uint8_t hello[18], d[20];

    nbd_put64(hello, NBD_MAGIC);
    nbd_put64(hello + 8, NBD_OPTION_MAGIC);
    nbd_put16(hello + 16, 3);
    say(fd, hello, 18);
    nbd_put64(d, NBD_OPTION_REPLY);
    nbd_put32(d + 8, NBD_OPT_STRUCTURED_REPLY);
    nbd_put32(d + 12, NBD_REP_ACK);
    nbd_put32(d + 16, UINT32_MAX);
    say(fd, d, 20);
    leave(fd);
}

static void test_greetings(void)
{
    static const struct {
        void (*client)(NbdPeer *p, int fd);
        const char *error;
    } rows[] = {
        {bad_greeting, "does not speak NBD"},
        {old_greeting, "old style of negotiation"},
        {closes, "closed the connection"},
        {huge_reply, "breaks the protocol"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        NbdPeer p;
        GError *err = NULL;

        nbd_peer_open(&p, rows[i].client, NULL);
        g_assert_null(node_open_nbd(&(NodeOptions){.path = p.url}, &err));
        g_assert_nonnull(strstr(err->message, rows[i].error));
        g_error_free(err);
        nbd_peer_close(&p);
    }
}

/* Answers to a request of 4096 bytes at 8192. */
typedef struct Answer {
    bool structured;
    uint32_t error; /* of a simple one */
    uint16_t type, flags;
    uint32_t len;
    uint64_t off;
    uint64_t cookie_xor;
    uint32_t magic;
} Answer;

static void answer_badly(NbdPeer *p, int fd)
{
    const Answer *a = p->opaque;
    uint8_t d[NBD_REQUEST_SIZE], reply[64] = {0};

    negotiate_badly(fd, a->structured ? NBD_REP_ACK : NBD_REP_ERROR | NBD_REP_ERR_UNSUP);
    if (nbd_recv(fd, d, sizeof(d))) {
        uint64_t cookie = nbd_get64(d + 8) ^ a->cookie_xor;

        nbd_put32(reply, a->magic        ? a->magic
                         : a->structured ? NBD_STRUCTURED_MAGIC
                                         : NBD_SIMPLE_MAGIC);
        nbd_put64(reply + 8, cookie);
        if (a->structured) {
            nbd_put16(reply + 4, a->flags);
            nbd_put16(reply + 6, a->type);
            nbd_put32(reply + 16, a->len);
            nbd_put64(reply + 20, a->off);
            say(fd, reply, a->len >= 8 ? 28 : 20 + a->len);
        } else {
            nbd_put32(reply + 4, a->error);
            say(fd, reply, 16);
        }
    }
    leave(fd);
}

static void test_answers(void)
{
    static const Answer rows[] = {
        {.error = 5},
        {.error = 4711},
        {.cookie_xor = 16},
        {.cookie_xor = 1},
        {.magic = 0x12345678},
        {.magic = NBD_STRUCTURED_MAGIC},
        {0}, /* success, but no data */
        {.structured = true, .magic = NBD_SIMPLE_MAGIC},
        {.structured = true, .flags = 1, .type = NBD_REPLY_NONE},
        {.structured = true, .flags = 1, .type = NBD_REPLY_NONE, .len = 8},
        {.structured = true, .flags = 1, .type = NBD_REPLY_OFFSET_DATA, .len = 8, .off = 8192},
        {.structured = true, .flags = 1, .type = NBD_REPLY_OFFSET_DATA, .len = 20, .off = 8191},
        {.structured = true, .flags = 1, .type = NBD_REPLY_OFFSET_DATA, .len = 20, .off = 12280},
        {.structured = true, .flags = 1, .type = NBD_REPLY_OFFSET_DATA, .len = 5000, .off = 8192},
        {.structured = true,
         .flags = 1,
         .type = NBD_REPLY_OFFSET_DATA,
         .len = UINT32_MAX,
         .off = 8192},
        {.structured = true,
         .flags = 1,
         .type = NBD_REPLY_OFFSET_HOLE,
         .len = 12,
         .off = UINT64_MAX - 8},
        {.structured = true, .flags = 1, .type = NBD_REPLY_BLOCK_STATUS, .len = 12},
        {.structured = true, .flags = 1, .type = NBD_REPLY_ERROR, .len = 2},
        {.structured = true, .flags = 1, .type = 0x1234, .len = 0},
    };
    uint8_t buf[4096];

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        NbdPeer p;

        nbd_peer_open(&p, answer_badly, (void *)&rows[i]);
        BlockNode *n = client_open(&p, 0);
        g_assert_cmpint(node_pread(n, 8192, buf, sizeof(buf)), <, 0);
        node_close(n);
        nbd_peer_close(&p);
    }
}

/* The first connections break off after a few bytes; the last one stays. */
static void break_off(NbdPeer *p, int fd)
{
    uint8_t d[NBD_REQUEST_SIZE];

    if (p->clients > 2) {
        nbd_server_client(p->server, fd);
        return;
    }
    negotiate_badly(fd, NBD_REP_ERROR | NBD_REP_ERR_UNSUP);
    nbd_recv(fd, d, sizeof(d));
    close(fd);
}

static void test_reconnect(void)
{
    NbdPeer p;
    uint8_t buf[4096];

    nbd_peer_open(&p, break_off, NULL);
    BlockNode *n = client_open(&p, 30);
    g_assert_cmpint(node_pread(n, 8192, buf, sizeof(buf)), ==, 0);
    g_assert_cmphex(buf[0], ==, 17);
    g_assert_cmphex(buf[4095], ==, 24);
    g_assert_cmpuint(p.clients, ==, 3);
    node_close(n);
    nbd_peer_close(&p);
    /* Without a delay the request fails, and a later one does not. */
    nbd_peer_open(&p, break_off, NULL);
    p.clients = 1;
    n = client_open(&p, 0);
    g_assert_cmpint(node_pread(n, 8192, buf, sizeof(buf)), ==, -EIO);
    for (unsigned i = 0; node_pread(n, 8192, buf, sizeof(buf)) < 0; i++) {
        g_assert_cmpuint(i, <, 500);
        g_usleep(20000);
    }
    g_assert_cmphex(buf[0], ==, 17);
    node_close(n);
    nbd_peer_close(&p);
}

/* ---- clients that break the rules ---- */

/* A connection to the server whose negotiation is over. */
static int raw_client(NbdPeer *p, bool structured)
{
    uint8_t d[256], go[7] = {0, 0, 0, 1, 'e', 0, 0};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    SockAddr a;

    sock_unix(&a, p->path, false, true, NULL);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&a.addr, a.len), ==, 0);
    g_assert_true(nbd_recv(fd, d, 18));
    g_assert_cmphex(nbd_get64(d), ==, NBD_MAGIC);
    nbd_put32(d, 3);
    say(fd, d, 4);
    if (structured) {
        nbd_send_option(fd, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
        g_assert_true(nbd_recv(fd, d, 20));
    }
    nbd_send_option(fd, NBD_OPT_GO, go, sizeof(go));
    do {
        g_assert_true(nbd_recv(fd, d, 20));
        g_assert_true(nbd_recv_skip(fd, nbd_get32(d + 16)));
    } while (nbd_get32(d + 12) == NBD_REP_INFO);
    g_assert_cmphex(nbd_get32(d + 12), ==, NBD_REP_ACK);
    return fd;
}

static void raw_request(int fd, uint32_t magic, uint16_t flags, uint16_t type, uint64_t off,
                        uint32_t len)
{
    uint8_t d[NBD_REQUEST_SIZE];

    nbd_put32(d, magic);
    nbd_put16(d + 4, flags);
    nbd_put16(d + 6, type);
    nbd_put64(d + 8, 0x1122334455667788);
    nbd_put64(d + 16, off);
    nbd_put32(d + 24, len);
    say(fd, d, sizeof(d));
}

static void test_requests_bad(void)
{
    static const struct {
        uint16_t flags, type;
        uint64_t off;
        uint32_t len, error; /* of the protocol */
    } rows[] = {
        {0, NBD_CMD_READ, NBD_TEST_SIZE, 512, 22},
        {0, NBD_CMD_READ, UINT64_MAX - 100, 512, 22},
        {0, NBD_CMD_READ, 0, UINT32_MAX, 22},
        {0xff00, NBD_CMD_READ, 0, 512, 22},
        {0, NBD_CMD_TRIM, NBD_TEST_SIZE - 512, 1024, 28},
        {0, NBD_CMD_WRITE_ZEROES, 1, NBD_TEST_SIZE, 28},
        {0, NBD_CMD_BLOCK_STATUS, 0, 512, 22}, /* not negotiated */
        {0, 99, 0, 0, 22},
        {NBD_CMD_FLAG_DF, NBD_CMD_FLUSH, 0, 0, 22},
    };
    NbdPeer p;
    uint8_t d[64];

    nbd_peer_open(&p, NULL, NULL);
    int fd = raw_client(&p, false);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        raw_request(fd, NBD_REQUEST_MAGIC, rows[i].flags, rows[i].type, rows[i].off, rows[i].len);
        g_assert_true(nbd_recv(fd, d, NBD_SIMPLE_SIZE));
        g_assert_cmphex(nbd_get32(d), ==, NBD_SIMPLE_MAGIC);
        g_assert_cmpuint(nbd_get32(d + 4), ==, rows[i].error);
        g_assert_cmphex(nbd_get64(d + 8), ==, 0x1122334455667788);
    }
    /* FUA may be set on anything. */
    raw_request(fd, NBD_REQUEST_MAGIC, NBD_CMD_FLAG_FUA, NBD_CMD_READ, 512, 16);
    g_assert_true(nbd_recv(fd, d, NBD_SIMPLE_SIZE + 16));
    g_assert_cmpuint(nbd_get32(d + 4), ==, 0);
    g_assert_cmphex(d[16], ==, 2);
    /* What ends the connection. */
    raw_request(fd, 0x12345678, 0, NBD_CMD_READ, 0, 512);
    g_assert_false(nbd_recv(fd, d, 1));
    close(fd);
    fd = raw_client(&p, true);
    raw_request(fd, NBD_REQUEST_MAGIC, 0, NBD_CMD_WRITE, 0, NBD_MAX_BLOCK + 1);
    g_assert_false(nbd_recv(fd, d, 1));
    close(fd);
    /* A part of a request. */
    fd = raw_client(&p, true);
    raw_request(fd, NBD_REQUEST_MAGIC, 0, NBD_CMD_WRITE, 0, 4096);
    say(fd, d, 60);
    close(fd);
    /* Everything is as it was. */
    BlockNode *n = client_open(&p, 0);
    g_assert_cmpint(node_pread(n, 0, d, 64), ==, 0);
    g_assert_cmphex(d[63], ==, 1);
    node_close(n);
    nbd_peer_close(&p);
}

/* Requests without reading an answer: the server waits, and serves others. */
static void test_silent(void)
{
    NbdPeer p;
    uint8_t d[64];

    nbd_peer_open(&p, NULL, NULL);
    int fd = raw_client(&p, true);
    nbd_timeout(fd, 1);
    for (unsigned i = 0; i < 40; i++) {
        raw_request(fd, NBD_REQUEST_MAGIC, 0, NBD_CMD_READ, 0, NBD_TEST_SIZE);
    }
    BlockNode *n = client_open(&p, 0);
    g_assert_cmpint(node_pread(n, 0, d, 64), ==, 0);
    node_close(n);
    close(fd);
    nbd_peer_close(&p);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nbd/requests", test_requests);
    g_test_add_func("/nbd/threads", test_threads);
    g_test_add_func("/nbd/list", test_list);
    g_test_add_func("/nbd/addresses", test_addresses);
    g_test_add_func("/nbd/bad-server/greetings", test_greetings);
    g_test_add_func("/nbd/bad-server/answers", test_answers);
    g_test_add_func("/nbd/bad-server/reconnect", test_reconnect);
    g_test_add_func("/nbd/bad-client/requests", test_requests_bad);
    g_test_add_func("/nbd/bad-client/silent", test_silent);
    return g_test_run();
}

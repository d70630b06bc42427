/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * NBD: serving an image. See include/io/nbd.h.
 *
 * Each client has a thread that negotiates and then reads its requests, and workers that do them
 * and answer, in any order. What is under way is limited in number and bytes, so a client costs a
 * known amount of memory; one that does not read its answers only stops its own workers.
 *
 * Locks: NbdServer.lock for the list of clients; Client.send for writing to the socket;
 * Client.lock for what is under way. Test: tests/unit/test-nbd.c, tests/img/test-nbd.py,
 * tests/fuzz/nbd.c
 */
#include "nbd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define NEGOTIATION 10 /* seconds for each step of it */
#define WORKERS     8
#define REQUESTS    16          /* of a client under way */
#define BYTES       (64u << 20) /* of their data */
#define OPTION_MAX  65536       /* bytes of an option that is looked at */
#define OPTION_END  (1u << 20)  /* of one that is at least skipped */
#define EXTENTS     2048        /* of an answer to BLOCK_STATUS */
#define OPT_BLOCK   4096

typedef struct Client {
    NbdServer *server;
    int fd;
    bool structured, allocation, no_zeroes;
    GMutex send, lock;
    GCond cond; /* something has ended */
    unsigned busy;
    uint64_t bytes;
    GThreadPool *workers;
} Client;

struct NbdServer {
    NbdExport e;
    char *name, *description;
    void (*closed)(void *opaque);
    void *opaque;
    GMutex lock;
    GCond gone;
    GPtrArray *clients;
};

typedef struct Request {
    uint16_t flags, type;
    uint64_t cookie, off;
    uint32_t len;
    int error; /* found when it was read */
    uint8_t *data;
} Request;

/* ---- negotiation ---- */

static uint16_t transmission_flags(const NbdServer *s)
{
    uint16_t f = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_DF;

    f |= s->e.read_only ? NBD_FLAG_READ_ONLY : NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES;
    return s->e.multi_conn ? f | NBD_FLAG_CAN_MULTI_CONN : f;
}

static bool refuse(Client *c, uint32_t option, uint32_t error, const char *text)
{
    return nbd_send_reply(c->fd, option, NBD_REP_ERROR | error, text, strlen(text));
}

static bool acknowledge(Client *c, uint32_t option)
{
    return nbd_send_reply(c->fd, option, NBD_REP_ACK, NULL, 0);
}

/* A string at *at, moving on; NULL: it is not all there. */
static char *string_take(const uint8_t *d, uint32_t len, uint32_t *at)
{
    uint32_t n;

    if (len - *at < 4 || (n = nbd_get32(d + *at)) > len - *at - 4 || n > NBD_MAX_STRING) {
        return NULL;
    }
    *at += 4 + n;
    return g_strndup((const char *)d + *at - n, n);
}

static bool export_known(Client *c, uint32_t option, const char *name, bool *sent)
{
    const NbdServer *s = c->server;

    if (strcmp(name, s->name) == 0) {
        return true;
    }
    g_autofree char *text = g_strdup_printf("export '%s' not present", name);
    *sent = refuse(c, option, NBD_REP_ERR_UNKNOWN, text);
    return false;
}

static bool list(Client *c, uint32_t len)
{
    const NbdServer *s = c->server;
    const char *about = s->description ? s->description : "";
    g_autofree uint8_t *d = g_malloc(4 + strlen(s->name) + strlen(about));

    if (len) {
        return refuse(c, NBD_OPT_LIST, NBD_REP_ERR_INVALID, "OPT_LIST has no data");
    }
    nbd_put32(d, strlen(s->name));
    memcpy(d + 4, s->name, strlen(s->name));
    memcpy(d + 4 + strlen(s->name), about, strlen(about));
    return nbd_send_reply(c->fd, NBD_OPT_LIST, NBD_REP_SERVER, d,
                          4 + strlen(s->name) + strlen(about)) &&
           acknowledge(c, NBD_OPT_LIST);
}

static bool info_string(Client *c, uint32_t option, uint16_t type, const char *text)
{
    g_autofree uint8_t *d = g_malloc(2 + strlen(text));

    nbd_put16(d, type);
    memcpy(d + 2, text, strlen(text));
    return nbd_send_reply(c->fd, option, NBD_REP_INFO, d, 2 + strlen(text));
}

/* INFO and GO; *go: the requests begin. */
static bool info(Client *c, uint32_t option, const uint8_t *data, uint32_t len, bool *go)
{
    const NbdServer *s = c->server;
    uint32_t at = 0;
    g_autofree char *name = string_take(data, len, &at);
    uint16_t n = name && len - at >= 2 ? nbd_get16(data + at) : 0;
    uint8_t d[14];
    bool sent = true;

    if (!name || len - at < 2 || len - at - 2 != 2u * n) {
        return refuse(c, option, NBD_REP_ERR_INVALID, "bad length");
    }
    if (!export_known(c, option, name, &sent)) {
        return sent;
    }
    for (unsigned i = 0; i < n && sent; i++) {
        uint16_t type = nbd_get16(data + at + 2 + 2 * i);

        if (type == NBD_INFO_NAME) {
            sent = info_string(c, option, type, s->name);
        } else if (type == NBD_INFO_DESCRIPTION && s->description) {
            sent = info_string(c, option, type, s->description);
        }
    }
    nbd_put16(d, NBD_INFO_BLOCK_SIZE);
    nbd_put32(d + 2, 1);
    nbd_put32(d + 6, OPT_BLOCK);
    nbd_put32(d + 10, NBD_MAX_BLOCK);
    sent = sent && nbd_send_reply(c->fd, option, NBD_REP_INFO, d, 14);
    nbd_put16(d, NBD_INFO_EXPORT);
    nbd_put64(d + 2, s->e.size);
    nbd_put16(d + 10, transmission_flags(s));
    *go = option == NBD_OPT_GO;
    return sent && nbd_send_reply(c->fd, option, NBD_REP_INFO, d, 12) && acknowledge(c, option);
}

static bool context_reply(Client *c, uint32_t option)
{
    uint8_t d[4 + sizeof(NBD_ALLOCATION) - 1] = {0};

    memcpy(d + 4, NBD_ALLOCATION, sizeof(d) - 4);
    return nbd_send_reply(c->fd, option, NBD_REP_META_CONTEXT, d, sizeof(d));
}

static bool contexts(Client *c, uint32_t option, const uint8_t *data, uint32_t len)
{
    uint32_t at = 0, n;
    g_autofree char *name = string_take(data, len, &at);
    bool set = option == NBD_OPT_SET_META_CONTEXT, wanted = false, sent = true;

    if (!c->structured) {
        return refuse(c, option, NBD_REP_ERR_INVALID, "structured replies come first");
    }
    if (!name || len - at < 4) {
        return refuse(c, option, NBD_REP_ERR_INVALID, "bad length");
    }
    n = nbd_get32(data + at);
    at += 4;
    if (!export_known(c, option, name, &sent)) {
        return sent;
    }
    wanted = n == 0 && !set;
    for (uint32_t i = 0; i < n; i++) {
        g_autofree char *query = string_take(data, len, &at);

        if (!query) {
            return refuse(c, option, NBD_REP_ERR_INVALID, "bad length");
        }
        wanted |= strcmp(query, NBD_ALLOCATION) == 0 || (!set && strcmp(query, "base:") == 0);
    }
    if (at != len) {
        return refuse(c, option, NBD_REP_ERR_INVALID, "bad length");
    }
    c->allocation = set ? wanted : c->allocation;
    return (!wanted || context_reply(c, option)) && acknowledge(c, option);
}

static bool export_name(Client *c, const uint8_t *data, uint32_t len, bool *go)
{
    const NbdServer *s = c->server;
    uint8_t d[10 + 124] = {0};

    if (len != strlen(s->name) || memcmp(data, s->name, len) != 0) {
        return false; /* there is no way to say so */
    }
    nbd_put64(d, s->e.size);
    nbd_put16(d + 8, transmission_flags(s));
    *go = true;
    return nbd_send(c->fd, d, c->no_zeroes ? 10 : sizeof(d), NULL, 0);
}

/* False: the client is to be disconnected. *go: the requests begin. */
static bool option_do(Client *c, bool *go)
{
    uint8_t head[16];
    g_autofree uint8_t *data = NULL;

    if (!nbd_recv(c->fd, head, sizeof(head)) || nbd_get64(head) != NBD_OPTION_MAGIC) {
        return false;
    }
    uint32_t option = nbd_get32(head + 8), len = nbd_get32(head + 12);
    if (len > OPTION_MAX) {
        return len <= OPTION_END && nbd_recv_skip(c->fd, len) && option != NBD_OPT_EXPORT_NAME &&
               refuse(c, option, NBD_REP_ERR_TOO_BIG, "");
    }
    data = g_malloc(len + 1);
    if (!nbd_recv(c->fd, data, len)) {
        return false;
    }
    switch (option) {
    case NBD_OPT_EXPORT_NAME:
        return export_name(c, data, len, go);
    case NBD_OPT_ABORT:
        acknowledge(c, option);
        return false;
    case NBD_OPT_LIST:
        return list(c, len);
    case NBD_OPT_INFO:
    case NBD_OPT_GO:
        return info(c, option, data, len, go);
    case NBD_OPT_STRUCTURED_REPLY:
        if (len) {
            return refuse(c, option, NBD_REP_ERR_INVALID, "this option has no data");
        }
        c->structured = true;
        return acknowledge(c, option);
    case NBD_OPT_LIST_META_CONTEXT:
    case NBD_OPT_SET_META_CONTEXT:
        return contexts(c, option, data, len);
    case NBD_OPT_STARTTLS:
        return refuse(c, option, NBD_REP_ERR_UNSUP, "TLS is not supported");
    default:
        return refuse(c, option, NBD_REP_ERR_UNSUP, "");
    }
}

static bool negotiate(Client *c)
{
    uint8_t hello[18], flags[4];
    bool go = false;

    nbd_put64(hello, NBD_MAGIC);
    nbd_put64(hello + 8, NBD_OPTION_MAGIC);
    nbd_put16(hello + 16, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
    if (!nbd_send(c->fd, hello, sizeof(hello), NULL, 0) || !nbd_recv(c->fd, flags, sizeof(flags)) ||
        (nbd_get32(flags) & ~(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES))) {
        return false;
    }
    c->no_zeroes = nbd_get32(flags) & NBD_NO_ZEROES;
    while (!go) {
        if (!option_do(c, &go)) {
            return false;
        }
    }
    return true;
}

/* ---- answers ---- */

static void chunk_send(Client *c, const Request *r, uint16_t flags, uint16_t type, const void *head,
                       uint32_t head_len, void *data, uint32_t len)
{
    uint8_t d[NBD_CHUNK_SIZE + 16];

    nbd_put32(d, NBD_STRUCTURED_MAGIC);
    nbd_put16(d + 4, flags);
    nbd_put16(d + 6, type);
    nbd_put64(d + 8, r->cookie);
    nbd_put32(d + 16, head_len + len);
    if (head_len > 0) {
        memcpy(d + NBD_CHUNK_SIZE, head, head_len);
    }
    g_mutex_lock(&c->send);
    if (!nbd_send(c->fd, d, NBD_CHUNK_SIZE + head_len, &(struct iovec){data, len}, len > 0)) {
        shutdown(c->fd, SHUT_RDWR); /* the reader sees it */
    }
    g_mutex_unlock(&c->send);
}

static void simple_send(Client *c, const Request *r, int error, void *data, uint32_t len)
{
    uint8_t d[NBD_SIMPLE_SIZE];

    nbd_put32(d, NBD_SIMPLE_MAGIC);
    nbd_put32(d + 4, error ? nbd_errno_put(error) : 0);
    nbd_put64(d + 8, r->cookie);
    g_mutex_lock(&c->send);
    if (!nbd_send(c->fd, d, sizeof(d), &(struct iovec){data, len}, len > 0)) {
        shutdown(c->fd, SHUT_RDWR);
    }
    g_mutex_unlock(&c->send);
}

static void answer(Client *c, const Request *r, int error)
{
    uint8_t d[6];

    if (!c->structured) {
        simple_send(c, r, error, NULL, 0);
    } else if (error) {
        nbd_put32(d, nbd_errno_put(error));
        nbd_put16(d + 4, 0);
        chunk_send(c, r, NBD_REPLY_FLAG_DONE, NBD_REPLY_ERROR, d, sizeof(d), NULL, 0);
    } else {
        chunk_send(c, r, NBD_REPLY_FLAG_DONE, NBD_REPLY_NONE, NULL, 0, NULL, 0);
    }
}

/* ---- requests ---- */

/* The extent at `at` of the request, and no more than the request. */
static int extent(Client *c, const Request *r, uint64_t at, NodeExtent *e)
{
    const NbdExport *x = &c->server->e;
    uint64_t off = x->offset + r->off + at, len = r->len - at;

    /* A tail beyond the node, up to a whole sector of a file, reads as zeroes. */
    if (off >= x->node->size) {
        *e = (NodeExtent){.len = len, .zero = true};
        return 0;
    }
    return node_status_chain(x->node, NULL, off, MIN(len, x->node->size - off), e, NULL, NULL);
}

/* Structured, with holes left out. */
static void read_sparse(Client *c, const Request *r, uint8_t *buf)
{
    const NbdExport *x = &c->server->e;
    uint8_t d[12];

    for (uint64_t at = 0; at < r->len;) {
        NodeExtent e;
        int ret = extent(c, r, at, &e);

        if (ret < 0) {
            answer(c, r, -ret);
            return;
        }
        uint16_t flags = at + e.len == r->len ? NBD_REPLY_FLAG_DONE : 0;
        nbd_put64(d, r->off + at);
        if (e.zero) {
            nbd_put32(d + 8, e.len);
            chunk_send(c, r, flags, NBD_REPLY_OFFSET_HOLE, d, 12, NULL, 0);
        } else {
            ret = node_pread(x->node, x->offset + r->off + at, buf, e.len);
            if (ret < 0) {
                answer(c, r, -ret);
                return;
            }
            chunk_send(c, r, flags, NBD_REPLY_OFFSET_DATA, d, 8, buf, e.len);
        }
        at += e.len;
    }
}

static void read_do(Client *c, const Request *r)
{
    const NbdExport *x = &c->server->e;
    g_autofree uint8_t *buf = r->len ? g_try_malloc(r->len) : NULL;
    uint8_t d[8];
    int ret;

    if (r->len && !buf) {
        answer(c, r, ENOMEM);
        return;
    }
    if (r->len && c->structured && !(r->flags & NBD_CMD_FLAG_DF)) {
        read_sparse(c, r, buf);
        return;
    }
    ret = r->len ? node_pread(x->node, x->offset + r->off, buf, r->len) : 0;
    if (ret < 0 || (c->structured && r->len == 0)) {
        answer(c, r, -ret);
    } else if (c->structured) {
        nbd_put64(d, r->off);
        chunk_send(c, r, NBD_REPLY_FLAG_DONE, NBD_REPLY_OFFSET_DATA, d, 8, buf, r->len);
    } else {
        simple_send(c, r, 0, buf, r->len);
    }
}

static void status_do(Client *c, const Request *r)
{
    g_autofree uint8_t *d = g_malloc(8 * EXTENTS);
    uint32_t n = 0, last = UINT32_MAX;
    uint8_t id[4] = {0};

    for (uint64_t at = 0; at < r->len;) {
        NodeExtent e;
        int ret = extent(c, r, at, &e);

        if (ret < 0) {
            answer(c, r, -ret);
            return;
        }
        uint32_t state = (e.data ? 0 : NBD_STATE_HOLE) | (e.zero ? NBD_STATE_ZERO : 0);
        if (state == last) {
            nbd_put32(d + 8 * n - 8, nbd_get32(d + 8 * n - 8) + e.len);
        } else if (n == ((r->flags & NBD_CMD_FLAG_REQ_ONE) ? 1 : EXTENTS)) {
            break;
        } else {
            nbd_put32(d + 8 * n, e.len);
            nbd_put32(d + 8 * n + 4, last = state);
            n++;
        }
        at += e.len;
    }
    chunk_send(c, r, NBD_REPLY_FLAG_DONE, NBD_REPLY_BLOCK_STATUS, id, 4, d, 8 * n);
}

static int change_do(Client *c, const Request *r)
{
    const NbdExport *x = &c->server->e;
    uint64_t off = x->offset + r->off;
    int ret = 0;

    switch (r->type) {
    case NBD_CMD_WRITE:
        ret = x->detect_zeroes && buffer_is_zero(r->data, r->len)
                  ? node_zero(x->node, off, r->len, x->detect_zeroes == 2)
                  : node_pwrite(x->node, off, r->data, r->len);
        break;
    case NBD_CMD_WRITE_ZEROES:
        ret = node_zero(x->node, off, r->len, !(r->flags & NBD_CMD_FLAG_NO_HOLE) && x->discard);
        break;
    case NBD_CMD_TRIM:
        ret = x->discard ? node_discard(x->node, off, r->len) : 0;
        break;
    default:
        return node_flush(x->node);
    }
    if (ret == 0 && ((r->flags & NBD_CMD_FLAG_FUA) || x->writethrough)) {
        ret = node_flush(x->node);
    }
    return ret;
}

static void request_do(void *data, void *opaque)
{
    Request *r = data;
    Client *c = opaque;

    if (r->error) {
        answer(c, r, r->error);
    } else if (r->type == NBD_CMD_READ) {
        read_do(c, r);
    } else if (r->type == NBD_CMD_BLOCK_STATUS) {
        status_do(c, r);
    } else {
        answer(c, r, -change_do(c, r));
    }
    g_mutex_lock(&c->lock);
    c->busy--;
    c->bytes -= r->type == NBD_CMD_READ || r->type == NBD_CMD_WRITE ? r->len : 0;
    g_cond_broadcast(&c->cond);
    g_mutex_unlock(&c->lock);
    g_free(r->data);
    g_free(r);
}

/* What is wrong with it, or 0. */
static int request_check(const Client *c, const Request *r)
{
    const NbdServer *s = c->server;
    static const uint16_t flags[] = {
        [NBD_CMD_READ] = NBD_CMD_FLAG_DF,
        [NBD_CMD_WRITE] = NBD_CMD_FLAG_FUA,
        [NBD_CMD_FLUSH] = 0,
        [NBD_CMD_TRIM] = NBD_CMD_FLAG_FUA,
        [NBD_CMD_WRITE_ZEROES] = NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE,
        [NBD_CMD_BLOCK_STATUS] = NBD_CMD_FLAG_REQ_ONE,
    };
    bool change =
        r->type == NBD_CMD_WRITE || r->type == NBD_CMD_TRIM || r->type == NBD_CMD_WRITE_ZEROES;

    if (r->type >= G_N_ELEMENTS(flags) || r->type == NBD_CMD_CACHE) {
        return EINVAL;
    }
    /* The client may set FUA where it makes no difference. */
    if (r->flags & ~(flags[r->type] | NBD_CMD_FLAG_FUA)) {
        return EINVAL;
    }
    if (change && s->e.read_only) {
        return EPERM;
    }
    if (r->type == NBD_CMD_FLUSH) {
        return 0;
    }
    if (r->off > s->e.size || r->len > s->e.size - r->off) {
        return change ? ENOSPC : EINVAL;
    }
    if (r->type == NBD_CMD_READ && r->len > NBD_MAX_BLOCK) {
        return EINVAL;
    }
    return r->type == NBD_CMD_BLOCK_STATUS && (!c->structured || !c->allocation || r->len == 0)
               ? EINVAL
               : 0;
}

/* Reads requests and hands them to the workers, until the client goes. */
static void serve(Client *c)
{
    uint8_t d[NBD_REQUEST_SIZE];

    while (nbd_recv(c->fd, d, sizeof(d)) && nbd_get32(d) == NBD_REQUEST_MAGIC) {
        Request *r = g_new0(Request, 1);
        bool data;

        r->flags = nbd_get16(d + 4);
        r->type = nbd_get16(d + 6);
        r->cookie = nbd_get64(d + 8);
        r->off = nbd_get64(d + 16);
        r->len = nbd_get32(d + 24);
        r->error = request_check(c, r);
        data = r->type == NBD_CMD_WRITE;
        if (r->type == NBD_CMD_DISC || (data && r->len > NBD_MAX_BLOCK)) {
            g_free(r);
            break;
        }
        g_mutex_lock(&c->lock);
        uint32_t bytes = (data || r->type == NBD_CMD_READ) && !(r->error && !data) ? r->len : 0;
        while (c->busy == REQUESTS || (c->busy > 0 && c->bytes + bytes > BYTES)) {
            g_cond_wait(&c->cond, &c->lock);
        }
        c->busy++;
        r->len = r->error && !data ? 0 : r->len;
        c->bytes += bytes;
        g_mutex_unlock(&c->lock);
        bool ok = true;
        if (data) {
            r->data = g_try_malloc(r->len);
            ok = r->len == 0 ||
                 (r->data ? nbd_recv(c->fd, r->data, r->len) : nbd_recv_skip(c->fd, r->len));
            r->error = r->len && !r->data && !r->error ? ENOMEM : r->error;
        }
        if (!ok) {
            g_mutex_lock(&c->lock);
            c->busy--;
            g_mutex_unlock(&c->lock);
            g_free(r->data);
            g_free(r);
            break;
        }
        g_thread_pool_push(c->workers, r, NULL);
    }
    g_mutex_lock(&c->lock);
    while (c->busy > 0) {
        g_cond_wait(&c->cond, &c->lock);
    }
    g_mutex_unlock(&c->lock);
}

/* ---- life ---- */

static gpointer client_thread(gpointer opaque)
{
    Client *c = opaque;
    NbdServer *s = c->server;

    nbd_timeout(c->fd, NEGOTIATION);
    if (negotiate(c)) {
        nbd_timeout(c->fd, 0);
        c->workers = g_thread_pool_new(request_do, c, WORKERS, FALSE, NULL);
        serve(c);
        g_thread_pool_free(c->workers, FALSE, TRUE);
        if (!s->e.read_only) {
            node_flush(s->e.node);
        }
    }
    g_mutex_lock(&s->lock);
    g_ptr_array_remove(s->clients, c);
    close(c->fd);
    g_mutex_clear(&c->send);
    g_mutex_clear(&c->lock);
    g_cond_clear(&c->cond);
    g_free(c);
    if (s->closed) {
        s->closed(s->opaque);
    }
    g_cond_broadcast(&s->gone);
    g_mutex_unlock(&s->lock);
    return NULL;
}

NbdServer *nbd_server_new(const NbdExport *e, void (*closed)(void *opaque), void *opaque)
{
    NbdServer *s = g_new0(NbdServer, 1);

    s->e = *e;
    s->name = g_strdup(e->name ? e->name : "");
    s->description = g_strdup(e->description);
    s->closed = closed;
    s->opaque = opaque;
    s->clients = g_ptr_array_new();
    g_mutex_init(&s->lock);
    g_cond_init(&s->gone);
    return s;
}

void nbd_server_client(NbdServer *s, int fd)
{
    Client *c = g_new0(Client, 1);
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->server = s;
    c->fd = fd;
    g_mutex_init(&c->send);
    g_mutex_init(&c->lock);
    g_cond_init(&c->cond);
    g_mutex_lock(&s->lock);
    g_ptr_array_add(s->clients, c);
    g_thread_unref(g_thread_new("nbd client", client_thread, c));
    g_mutex_unlock(&s->lock);
}

unsigned nbd_server_clients(NbdServer *s)
{
    g_mutex_lock(&s->lock);
    unsigned n = s->clients->len;
    g_mutex_unlock(&s->lock);
    return n;
}

void nbd_server_free(NbdServer *s)
{
    g_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->clients->len; i++) {
        shutdown(((Client *)g_ptr_array_index(s->clients, i))->fd, SHUT_RDWR);
    }
    while (s->clients->len > 0) {
        g_cond_wait(&s->gone, &s->lock);
    }
    g_mutex_unlock(&s->lock);
    g_ptr_array_unref(s->clients);
    g_mutex_clear(&s->lock);
    g_cond_clear(&s->gone);
    g_free(s->name);
    g_free(s->description);
    g_free(s);
}

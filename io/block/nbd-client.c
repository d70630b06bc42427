/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The protocol node "nbd": an export of an NBD server. See include/io/nbd.h.
 *
 * Any number of threads make requests; each takes a slot, sends its request and waits. A thread of
 * the node's own reads the replies and, when the connection is lost, makes a new one, once a
 * second. Requests of a lost connection are sent again if it is back within reconnect-delay
 * seconds, and fail with -EIO otherwise: all of them may be done twice.
 *
 * A slot's number is in the cookie, with a count that no two requests share, so that a reply to
 * nothing that was asked is seen. Reply data goes straight to the request's memory, never outside.
 *
 * Locks: Nbd.send for writing to the socket and for closing it, Nbd.lock for the rest; send is
 * taken first. Test: tests/unit/test-nbd.c, tests/img/test-nbd.py
 */
#include "nbd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "rhea/error.h"

#define SLOTS     16
#define HANDSHAKE 30 /* seconds a server has for each step of it */
#define RETRY     G_USEC_PER_SEC
#define ZERO_MAX  (1u << 30)  /* of one request without data */
#define MESSAGE   256         /* of an error of the server that is shown */
#define CHUNK_MAX (64u << 20) /* no server needs more */

typedef struct Wait {
    uint64_t cookie, off;
    uint32_t len;
    uint16_t type;
    const struct iovec *iov;
    int niov;
    uint32_t moved; /* bytes of a read that have come */
    bool done, lost;
    int ret;
    bool got_status;
    uint32_t status, status_len; /* first extent */
} Wait;

struct Nbd {
    NbdAddress where;
    char *url;
    unsigned reconnect_delay; /* seconds */
    /* Of the handshake. */
    NbdInfo info;
    bool structured, allocation;
    uint32_t context;
    uint32_t data_max; /* bytes of a request */

    GMutex send, lock;
    GCond cond; /* slots, connection, closing */
    int fd;
    bool up, closing;
    gint64 down_since;
    uint64_t count;
    Wait *slot[SLOTS];
    GThread *thread;
};

typedef struct Nbd Nbd;

/* ---- handshake ---- */

static void info_clear(NbdInfo *i)
{
    g_free(i->name);
    g_free(i->description);
    if (i->contexts) {
        g_ptr_array_unref(i->contexts);
    }
    *i = (NbdInfo){0};
}

static const char *lost_text(int error)
{
    switch (error) {
    case 0:
    case EPIPE:
    case ECONNRESET:
        return "the server has closed the connection";
    case EAGAIN:
        return "the server does not answer";
    case EPROTO:
        return "the server breaks the protocol: disconnected";
    default:
        return g_strerror(error);
    }
}

static bool lost(GError **err)
{
    rhea_error_set(err, "%s", lost_text(errno));
    return false;
}

/* Printable, in one line. */
static char *text_of(const uint8_t *p, size_t len)
{
    char *s = g_strndup((const char *)p, MIN(len, MESSAGE));

    for (char *c = s; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = ' ';
        }
    }
    return s;
}

typedef struct Reply {
    uint32_t type;
    uint32_t len;
    uint8_t data[NBD_MAX_STRING + 64];
} Reply;

static bool reply_read(int fd, uint32_t option, Reply *r, GError **err)
{
    uint8_t head[NBD_REPLY_SIZE];

    if (!nbd_recv(fd, head, sizeof(head))) {
        return lost(err);
    }
    r->type = nbd_get32(head + 12);
    r->len = nbd_get32(head + 16);
    if (nbd_get64(head) != NBD_OPTION_REPLY || nbd_get32(head + 8) != option ||
        r->len > sizeof(r->data)) {
        rhea_error_set(err, "the server breaks the protocol: reply 0x%" PRIx64 " to option %u",
                       nbd_get64(head), option);
        return false;
    }
    return nbd_recv(fd, r->data, r->len) || lost(err);
}

static bool refused(const Reply *r, GError **err)
{
    static const struct {
        uint32_t type;
        const char *text;
    } texts[] = {
        {NBD_REP_ERR_UNSUP, "the server does not know the option"},
        {NBD_REP_ERR_POLICY, "denied by the server's policy"},
        {NBD_REP_ERR_INVALID, "the server calls the option invalid"},
        {NBD_REP_ERR_TLS_REQD, "the server wants TLS, which is not supported"},
        {NBD_REP_ERR_UNKNOWN, "Requested export not available"},
        {NBD_REP_ERR_SHUTDOWN, "the server is shutting down"},
        {NBD_REP_ERR_BLOCK_SIZE_REQD, "the server wants its block sizes to be asked for"},
        {NBD_REP_ERR_TOO_BIG, "the server calls the option too big"},
    };
    g_autofree char *said = text_of(r->data, r->len);
    const char *text = "the server refuses";

    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (r->type == (texts[i].type | NBD_REP_ERROR)) {
            text = texts[i].text;
        }
    }
    rhea_error_set(err, "%s%s%s", text, *said ? ": " : "", said);
    return false;
}

/* An option without replies but the last: 1 acknowledged, 0 refused, -1 and *err. */
static int option_ask(int fd, uint32_t option, GError **err)
{
    Reply r;

    if (!nbd_send_option(fd, option, NULL, 0)) {
        lost(err);
        return -1;
    }
    return !reply_read(fd, option, &r, err) ? -1 : r.type == NBD_REP_ACK;
}

/* The greeting; *fixed: options can be asked for. */
static bool greet(int fd, uint16_t *flags, GError **err)
{
    uint8_t hello[18], mine[4];

    if (!nbd_recv(fd, hello, sizeof(hello))) {
        return lost(err);
    }
    if (nbd_get64(hello) != NBD_MAGIC) {
        rhea_error_set(err, "the server does not speak NBD");
        return false;
    }
    if (nbd_get64(hello + 8) != NBD_OPTION_MAGIC) {
        rhea_error_set(err, nbd_get64(hello + 8) == NBD_OLD_MAGIC
                                ? "the server only knows the old style of negotiation, which is "
                                  "not supported"
                                : "the server does not speak NBD");
        return false;
    }
    *flags = nbd_get16(hello + 16);
    nbd_put32(mine, *flags & (NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES));
    return nbd_send(fd, mine, sizeof(mine), NULL, 0) || lost(err);
}

/* The message of an option that names an export and n 16-bit or, with queries, strings. */
static GByteArray *export_message(const char *name)
{
    GByteArray *m = g_byte_array_new();
    uint8_t len[4];

    nbd_put32(len, strlen(name));
    g_byte_array_append(m, len, 4);
    g_byte_array_append(m, (const uint8_t *)name, strlen(name));
    return m;
}

/* Which of the contexts there are: base:allocation is asked for (set), or all are listed. */
static bool contexts_ask(int fd, uint32_t option, const char *name, GPtrArray *list, bool *there,
                         uint32_t *id, GError **err)
{
    g_autoptr(GByteArray) m = export_message(name);
    uint8_t n[8];
    Reply r;

    nbd_put32(n, list ? 0 : 1);
    nbd_put32(n + 4, strlen(NBD_ALLOCATION));
    g_byte_array_append(m, n, list ? 4 : 8);
    if (!list) {
        g_byte_array_append(m, (const uint8_t *)NBD_ALLOCATION, strlen(NBD_ALLOCATION));
    }
    if (!nbd_send_option(fd, option, m->data, m->len)) {
        return lost(err);
    }
    for (unsigned seen = 0; seen < 1024; seen++) {
        if (!reply_read(fd, option, &r, err)) {
            return false;
        }
        if (r.type != NBD_REP_META_CONTEXT) {
            return true; /* the last; a refusal means that there are none */
        }
        if (r.len < 4 || r.len > 4 + NBD_MAX_STRING) {
            break;
        }
        if (list) {
            g_ptr_array_add(list, text_of(r.data + 4, r.len - 4));
        } else if (r.len - 4 == strlen(NBD_ALLOCATION) &&
                   memcmp(r.data + 4, NBD_ALLOCATION, r.len - 4) == 0) {
            *there = true;
            *id = nbd_get32(r.data);
        }
    }
    rhea_error_set(err, "the server breaks the protocol: bad list of contexts");
    return false;
}

static bool info_take(NbdInfo *info, const Reply *r, bool *export)
{
    uint16_t type = r->len >= 2 ? nbd_get16(r->data) : UINT16_MAX;

    switch (type) {
    case NBD_INFO_EXPORT:
        if (r->len != 12) {
            return false;
        }
        info->size = nbd_get64(r->data + 2);
        info->flags = nbd_get16(r->data + 10);
        *export = true;
        return true;
    case NBD_INFO_DESCRIPTION:
        g_free(info->description);
        info->description = text_of(r->data + 2, r->len - 2);
        return true;
    case NBD_INFO_BLOCK_SIZE:
        if (r->len != 14) {
            return false;
        }
        info->min_block = nbd_get32(r->data + 2);
        info->opt_block = nbd_get32(r->data + 6);
        info->max_block = nbd_get32(r->data + 10);
        return info->min_block && !(info->min_block & (info->min_block - 1)) &&
               info->min_block <= 65536 && info->max_block >= info->min_block;
    default:
        return r->len >= 2;
    }
}

/* INFO or GO: 1 done, 0 the server does not know them, -1 and *err. */
static int export_ask(int fd, uint32_t option, const char *name, NbdInfo *info, GError **err)
{
    g_autoptr(GByteArray) m = export_message(name);
    uint8_t wants[6];
    bool export = false;
    Reply r;

    nbd_put16(wants, 2);
    nbd_put16(wants + 2, NBD_INFO_DESCRIPTION);
    nbd_put16(wants + 4, NBD_INFO_BLOCK_SIZE);
    g_byte_array_append(m, wants, sizeof(wants));
    if (!nbd_send_option(fd, option, m->data, m->len)) {
        lost(err);
        return -1;
    }
    for (unsigned seen = 0; seen < 64; seen++) {
        if (!reply_read(fd, option, &r, err)) {
            return -1;
        }
        if (r.type == NBD_REP_ACK && export) {
            return 1;
        }
        if (r.type == (NBD_REP_ERROR | NBD_REP_ERR_UNSUP)) {
            return 0;
        }
        if (r.type & NBD_REP_ERROR) {
            refused(&r, err);
            return -1;
        }
        if (r.type != NBD_REP_INFO || !info_take(info, &r, &export)) {
            break;
        }
    }
    rhea_error_set(err, "the server breaks the protocol: bad description of the export");
    return -1;
}

/* EXPORT_NAME, for servers without GO: one that has no such export closes the connection. */
static bool export_old(int fd, const char *name, bool zeroes, NbdInfo *info, GError **err)
{
    uint8_t reply[10];

    if (!nbd_send_option(fd, NBD_OPT_EXPORT_NAME, name, strlen(name)) ||
        !nbd_recv(fd, reply, sizeof(reply)) || (zeroes && !nbd_recv_skip(fd, 124))) {
        if (errno == 0 || errno == ECONNRESET) {
            rhea_error_set(err, "Requested export not available");
            return false;
        }
        return lost(err);
    }
    info->size = nbd_get64(reply);
    info->flags = nbd_get16(reply + 8);
    return true;
}

static bool handshake(Nbd *s, int fd, NbdInfo *info, GError **err)
{
    const char *name = s->where.export;
    uint16_t flags;
    int go = 0;

    s->structured = s->allocation = false;
    if (!greet(fd, &flags, err)) {
        return false;
    }
    if (flags & NBD_FIXED_NEWSTYLE) {
        int structured = option_ask(fd, NBD_OPT_STRUCTURED_REPLY, err);

        if (structured < 0) {
            return false;
        }
        s->structured = structured;
        if (structured && !contexts_ask(fd, NBD_OPT_SET_META_CONTEXT, name, NULL, &s->allocation,
                                        &s->context, err)) {
            return false;
        }
        go = export_ask(fd, NBD_OPT_GO, name, info, err);
    }
    if (go < 0 || (go == 0 && !export_old(fd, name, !(flags & NBD_NO_ZEROES), info, err))) {
        return false;
    }
    if (info->size > INT64_MAX) {
        rhea_error_set(err, "the export is larger than any disk can be");
        return false;
    }
    return true;
}

/* Blocking, but looks at *stop meanwhile (NULL: nobody stops it). */
static int connect_to(const SockAddr *a, const bool *stop, GError **err)
{
    int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = 0, one = 1;
    socklen_t len = sizeof(error);

    if (fd < 0 ||
        (connect(fd, (const struct sockaddr *)&a->addr, a->len) && errno != EINPROGRESS)) {
        error = errno;
    } else {
        for (unsigned i = 0; i < HANDSHAKE * 10; i++) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};

            if (poll(&p, 1, 100) != 0 || (stop && __atomic_load_n(stop, __ATOMIC_RELAXED))) {
                break;
            }
            error = i + 1 == HANDSHAKE * 10 ? ETIMEDOUT : 0;
        }
        if (!error && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len)) {
            error = errno;
        }
    }
    if (error) {
        g_autofree char *to = sock_text(a);

        rhea_error_set(err, "Failed to connect to %s: %s", to, g_strerror(error));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    if (a->addr.ss_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    nbd_timeout(fd, HANDSHAKE);
    return fd;
}

static int connect_any(const NbdAddress *a, const bool *stop, GError **err)
{
    int fd = -1;

    for (unsigned i = 0; fd < 0 && i < a->n_addr; i++) {
        fd = connect_to(&a->addr[i], stop, i + 1 == a->n_addr ? err : NULL);
    }
    return fd;
}

GPtrArray *nbd_list(const NbdAddress *a, GError **err)
{
    GPtrArray *list = g_ptr_array_new();
    int fd = connect_any(a, NULL, err);
    uint16_t flags;
    Reply r;
    bool ok = fd >= 0 && greet(fd, &flags, err);

    if (ok && !(flags & NBD_FIXED_NEWSTYLE)) {
        rhea_error_set(err, "the server cannot list its exports");
        ok = false;
    }
    int structured = ok ? option_ask(fd, NBD_OPT_STRUCTURED_REPLY, err) : -1;
    ok = structured >= 0 && (nbd_send_option(fd, NBD_OPT_LIST, NULL, 0) || lost(err));
    while (ok && (ok = reply_read(fd, NBD_OPT_LIST, &r, err)) && r.type == NBD_REP_SERVER) {
        uint32_t n = r.len >= 4 ? nbd_get32(r.data) : UINT32_MAX;

        if (n > r.len - 4 || n > NBD_MAX_STRING || list->len == 65536) {
            rhea_error_set(err, "the server breaks the protocol: bad list of exports");
            ok = false;
            break;
        }
        NbdInfo *i = g_new0(NbdInfo, 1);
        i->name = g_strndup((const char *)r.data + 4, n);
        i->description = r.len > 4 + n ? text_of(r.data + 4 + n, r.len - 4 - n) : NULL;
        g_ptr_array_add(list, i);
    }
    if (ok && r.type != NBD_REP_ACK) {
        ok = refused(&r, err);
    }
    for (unsigned i = 0; ok && i < list->len; i++) {
        NbdInfo *e = g_ptr_array_index(list, i);

        ok = export_ask(fd, NBD_OPT_INFO, e->name, e, err) >= 0;
        if (ok && structured) {
            e->contexts = g_ptr_array_new_with_free_func(g_free);
            ok = contexts_ask(fd, NBD_OPT_LIST_META_CONTEXT, e->name, e->contexts, NULL, NULL, err);
        }
    }
    if (fd >= 0) {
        if (ok) {
            nbd_send_option(fd, NBD_OPT_ABORT, NULL, 0);
        }
        close(fd);
    }
    if (!ok) {
        nbd_list_free(list);
        return NULL;
    }
    return list;
}

void nbd_list_free(GPtrArray *list)
{
    for (unsigned i = 0; list && i < list->len; i++) {
        info_clear(g_ptr_array_index(list, i));
        g_free(g_ptr_array_index(list, i));
    }
    g_ptr_array_unref(list);
}

/* ---- replies, on the node's thread ---- */

static Wait *wait_of(Nbd *s, uint64_t cookie)
{
    Wait *w;

    g_mutex_lock(&s->lock);
    w = s->slot[cookie % SLOTS];
    if (w && w->cookie != cookie) {
        w = NULL;
    }
    g_mutex_unlock(&s->lock);
    return w;
}

static void wait_finish(Nbd *s, Wait *w, int ret)
{
    g_mutex_lock(&s->lock);
    s->slot[w->cookie % SLOTS] = NULL;
    w->ret = w->ret < 0 ? w->ret : ret;
    if (w->ret == 0 && w->type == NBD_CMD_READ && w->moved < w->len) {
        w->ret = -EIO; /* the server kept a part of it to itself */
    }
    w->done = true;
    g_cond_broadcast(&s->cond);
    g_mutex_unlock(&s->lock);
}

static bool simple_reply(Nbd *s, const uint8_t *head)
{
    Wait *w = wait_of(s, nbd_get64(head + 8));
    uint32_t error = nbd_get32(head + 4);

    if (!w || (s->structured && w->type == NBD_CMD_READ)) {
        errno = EPROTO;
        return false;
    }
    if (!error && w->type == NBD_CMD_READ) {
        if (!nbd_recv_iov(s->fd, w->iov, w->niov, 0, w->len)) {
            return false;
        }
        w->moved = w->len;
    }
    wait_finish(s, w, error ? -nbd_errno_get(error) : 0);
    return true;
}

/* Where a piece of a read goes; false: nowhere. */
static bool piece_fits(Wait *w, uint64_t off, uint64_t len, size_t *skip)
{
    if (w->type != NBD_CMD_READ || off < w->off || off - w->off > w->len ||
        len > w->len - (off - w->off) || len > w->len - w->moved) {
        return false;
    }
    *skip = off - w->off;
    w->moved += len;
    return true;
}

static bool status_chunk(Nbd *s, Wait *w, uint32_t len)
{
    uint8_t head[12];

    if (len < 12 || (len - 4) % 8 || w->type != NBD_CMD_BLOCK_STATUS ||
        !nbd_recv(s->fd, head, sizeof(head)) || !nbd_recv_skip(s->fd, len - 12)) {
        return false;
    }
    if (nbd_get32(head) == s->context && !w->got_status) {
        w->got_status = true;
        w->status_len = nbd_get32(head + 4);
        w->status = nbd_get32(head + 8);
    }
    return true;
}

/* The payload of a chunk. False: the connection is of no use any more. */
static bool chunk_take(Nbd *s, Wait *w, uint16_t type, uint32_t len)
{
    uint8_t d[12];
    size_t skip;

    errno = EPROTO;
    if (type & 0x8000) {
        if (len < 6 || !nbd_recv(s->fd, d, 4)) {
            return false;
        }
        w->ret = w->ret < 0 ? w->ret : -nbd_errno_get(nbd_get32(d));
        return nbd_recv_skip(s->fd, len - 4);
    }
    switch (type) {
    case NBD_REPLY_NONE:
        return len == 0;
    case NBD_REPLY_OFFSET_DATA:
        return len > 8 && nbd_recv(s->fd, d, 8) &&
               (errno = EPROTO, piece_fits(w, nbd_get64(d), len - 8, &skip)) &&
               nbd_recv_iov(s->fd, w->iov, w->niov, skip, len - 8);
    case NBD_REPLY_OFFSET_HOLE:
        if (len != 12 || !nbd_recv(s->fd, d, 12) ||
            !(errno = EPROTO, piece_fits(w, nbd_get64(d), nbd_get32(d + 8), &skip))) {
            return false;
        }
        iov_clear(w->iov, w->niov, skip, nbd_get32(d + 8));
        return true;
    case NBD_REPLY_BLOCK_STATUS:
        return status_chunk(s, w, len);
    default:
        return false;
    }
}

static bool structured_reply(Nbd *s, const uint8_t *head)
{
    uint8_t rest[4];
    uint16_t flags = nbd_get16(head + 4);

    if (!nbd_recv(s->fd, rest, 4)) {
        return false;
    }
    Wait *w = wait_of(s, nbd_get64(head + 8));
    if (!w || !s->structured || nbd_get32(rest) > CHUNK_MAX) {
        errno = EPROTO;
        return false;
    }
    if (!chunk_take(s, w, nbd_get16(head + 6), nbd_get32(rest))) {
        return false;
    }
    if (flags & NBD_REPLY_FLAG_DONE) {
        wait_finish(s, w, 0);
    }
    return true;
}

/* Until the connection is lost. */
static void replies_read(Nbd *s)
{
    uint8_t head[NBD_SIMPLE_SIZE]; /* the shorter of the two */
    bool ok = true;

    while (ok && (ok = nbd_recv(s->fd, head, sizeof(head)))) {
        errno = EPROTO;
        switch (nbd_get32(head)) {
        case NBD_SIMPLE_MAGIC:
            ok = simple_reply(s, head);
            break;
        case NBD_STRUCTURED_MAGIC:
            ok = structured_reply(s, head);
            break;
        default:
            ok = false;
        }
    }
}

static void connection_drop(Nbd *s, int error)
{
    shutdown(s->fd, SHUT_RDWR); /* who is sending gets an error */
    g_mutex_lock(&s->send);
    g_mutex_lock(&s->lock);
    close(s->fd);
    s->fd = -1;
    s->up = false;
    s->down_since = g_get_monotonic_time();
    for (unsigned i = 0; i < SLOTS; i++) {
        Wait *w = s->slot[i];

        if (w) {
            s->slot[i] = NULL;
            w->done = w->lost = true;
        }
    }
    if (!s->closing) {
        rhea_warn_report("'%s': %s", s->url, lost_text(error));
    }
    g_cond_broadcast(&s->cond);
    g_mutex_unlock(&s->lock);
    g_mutex_unlock(&s->send);
}

/* True: there is a new connection to the same export. */
static bool connection_renew(Nbd *s)
{
    GError *why = NULL;
    NbdInfo info = {0};
    int fd = connect_any(&s->where, &s->closing, &why);
    bool ok = fd >= 0;

    if (ok) {
        g_mutex_lock(&s->lock);
        s->fd = fd; /* nbd_close() may interrupt the handshake */
        g_mutex_unlock(&s->lock);
        ok = handshake(s, fd, &info, &why);
    }
    if (ok && (info.size != s->info.size ||
               (info.flags & NBD_FLAG_READ_ONLY) > (s->info.flags & NBD_FLAG_READ_ONLY))) {
        rhea_warn_report("'%s': the server came back with another export", s->url);
        ok = false;
    }
    g_mutex_lock(&s->lock);
    if (ok && !s->closing) {
        nbd_timeout(fd, 0);
        s->up = true;
        g_cond_broadcast(&s->cond);
    } else if (fd >= 0) {
        close(fd);
        s->fd = -1;
        ok = false;
    }
    g_mutex_unlock(&s->lock);
    g_clear_error(&why);
    info_clear(&info);
    return ok;
}

static gpointer nbd_thread(gpointer opaque)
{
    Nbd *s = opaque;

    for (;;) {
        replies_read(s);
        connection_drop(s, errno);
        do {
            g_mutex_lock(&s->lock);
            gint64 until = g_get_monotonic_time() + RETRY;
            while (!s->closing && g_cond_wait_until(&s->cond, &s->lock, until)) {
            }
            bool closing = s->closing;
            g_mutex_unlock(&s->lock);
            if (closing) {
                return NULL;
            }
        } while (!connection_renew(s));
    }
}

/* ---- requests, on any thread ---- */

/* A connection and a slot. False: it has been down for too long. */
static bool slot_take(Nbd *s, Wait *w)
{
    bool ok = true;

    g_mutex_lock(&s->lock);
    for (;;) {
        unsigned i = 0;

        while (s->up && i < SLOTS && s->slot[i]) {
            i++;
        }
        if (s->up && i < SLOTS) {
            w->cookie = s->count++ * SLOTS + i;
            w->done = w->lost = w->got_status = false;
            w->ret = 0;
            w->moved = 0;
            s->slot[i] = w;
            break;
        }
        if (s->up) {
            g_cond_wait(&s->cond, &s->lock);
        } else if (s->reconnect_delay == 0 || s->closing ||
                   !g_cond_wait_until(&s->cond, &s->lock,
                                      s->down_since + s->reconnect_delay * G_USEC_PER_SEC)) {
            ok = s->up; /* it may have come back at the last moment */
            if (!ok) {
                break;
            }
        }
    }
    g_mutex_unlock(&s->lock);
    return ok;
}

static void request_send(Nbd *s, Wait *w, uint16_t flags)
{
    uint8_t head[NBD_REQUEST_SIZE];
    bool data = w->type == NBD_CMD_WRITE;

    nbd_put32(head, NBD_REQUEST_MAGIC);
    nbd_put16(head + 4, flags);
    nbd_put16(head + 6, w->type);
    nbd_put64(head + 8, w->cookie);
    nbd_put64(head + 16, w->off);
    nbd_put32(head + 24, w->len);
    g_mutex_lock(&s->send);
    g_mutex_lock(&s->lock);
    bool gone = w->done; /* the connection was lost before this began */
    g_mutex_unlock(&s->lock);
    if (!gone && !nbd_send(s->fd, head, sizeof(head), data ? w->iov : NULL, data ? w->niov : 0)) {
        shutdown(s->fd, SHUT_RDWR); /* the thread sees it */
    }
    g_mutex_unlock(&s->send);
}

static int request(Nbd *s, Wait *w, uint16_t flags)
{
    do {
        if (!slot_take(s, w)) {
            return -EIO;
        }
        request_send(s, w, flags);
        g_mutex_lock(&s->lock);
        while (!w->done) {
            g_cond_wait(&s->cond, &s->lock);
        }
        g_mutex_unlock(&s->lock);
    } while (w->lost);
    return w->ret;
}

/* Data in pieces that the server takes. */
static int transfer(Nbd *s, uint16_t type, uint64_t off, const struct iovec *iov, int niov,
                    size_t len)
{
    for (size_t done = 0; done < len;) {
        size_t part = MIN(len - done, s->data_max);
        Wait w = {.type = type, .off = off + done, .len = part};
        g_autofree struct iovec *piece = iov_slice(iov, niov, done, part, &w.niov);

        w.iov = piece;
        int ret = request(s, &w, 0);
        if (ret < 0) {
            return ret;
        }
        done += part;
    }
    return 0;
}

static bool aligned(const Nbd *s, uint64_t off, uint64_t len)
{
    return ((off | len) & (MAX(s->info.min_block, 1) - 1)) == 0;
}

/* Whole blocks of the server's, with the caller's bytes taken out of them or put in. */
static int transfer_bounced(Nbd *s, uint64_t off, const struct iovec *iov, int niov, size_t len,
                            bool write)
{
    uint64_t block = s->info.min_block, from = off & ~(block - 1);
    uint64_t to = MIN((off + len + block - 1) & ~(block - 1), s->info.size);
    g_autofree uint8_t *buf = g_try_malloc(to - from);
    struct iovec v = {buf, to - from};

    if (!buf) {
        return -ENOMEM;
    }
    int ret = transfer(s, NBD_CMD_READ, from, &v, 1, v.iov_len);
    if (ret < 0) {
        return ret;
    }
    if (!write) {
        iov_fill(iov, niov, 0, buf + (off - from), len);
        return 0;
    }
    iov_gather(iov, niov, 0, buf + (off - from), len);
    return transfer(s, NBD_CMD_WRITE, from, &v, 1, v.iov_len);
}

static int nbd_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    Nbd *s = n->nbd;
    /* As in a file, what lies past the end reads as zeroes. */
    size_t there = off >= s->info.size ? 0 : MIN(len, s->info.size - off);

    if (there < len) {
        iov_clear(iov, niov, there, len - there);
    }
    return there == 0               ? 0
           : aligned(s, off, there) ? transfer(s, NBD_CMD_READ, off, iov, niov, there)
                                    : transfer_bounced(s, off, iov, niov, there, false);
}

static bool inside(const Nbd *s, uint64_t off, uint64_t len)
{
    return off <= s->info.size && len <= s->info.size - off;
}

static int nbd_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    Nbd *s = n->nbd;

    if (!inside(s, off, len)) {
        return -ENOSPC;
    }
    if (aligned(s, off, len)) {
        return transfer(s, NBD_CMD_WRITE, off, iov, niov, len);
    }
    /* Two that share a block must not undo each other. */
    g_mutex_lock(&n->nbd_rmw);
    int ret = transfer_bounced(s, off, iov, niov, len, true);
    g_mutex_unlock(&n->nbd_rmw);
    return ret;
}

static int ranges(Nbd *s, uint16_t type, uint16_t flags, uint64_t off, uint64_t len)
{
    while (len > 0) {
        Wait w = {.type = type, .off = off, .len = MIN(len, ZERO_MAX)};
        int ret = request(s, &w, flags);

        if (ret < 0) {
            return ret;
        }
        off += w.len;
        len -= w.len;
    }
    return 0;
}

static int nbd_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap)
{
    static const uint8_t zeroes[65536];
    Nbd *s = n->nbd;

    if (!inside(s, off, len)) {
        return -ENOSPC;
    }
    if ((s->info.flags & NBD_FLAG_SEND_WRITE_ZEROES) && aligned(s, off, len)) {
        return ranges(s, NBD_CMD_WRITE_ZEROES, unmap ? 0 : NBD_CMD_FLAG_NO_HOLE, off, len);
    }
    while (len > 0) {
        struct iovec v = {(void *)zeroes, MIN(len, sizeof(zeroes))};
        int ret = nbd_pwritev(n, off, &v, 1, v.iov_len);

        if (ret < 0) {
            return ret;
        }
        off += v.iov_len;
        len -= v.iov_len;
    }
    return 0;
}

/* A hint: what is no whole block stays. */
static int nbd_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    Nbd *s = n->nbd;
    uint64_t block = MAX(s->info.min_block, 1), from = (off + block - 1) & ~(block - 1);
    uint64_t to = (off + len) & ~(block - 1);

    if (!n->host.discard || !(s->info.flags & NBD_FLAG_SEND_TRIM) || from >= to ||
        !inside(s, from, to - from)) {
        return 0;
    }
    return ranges(s, NBD_CMD_TRIM, 0, from, to - from);
}

static int nbd_flush(BlockNode *n)
{
    Wait w = {.type = NBD_CMD_FLUSH};

    return n->host.no_flush || !(n->nbd->info.flags & NBD_FLAG_SEND_FLUSH) ? 0
                                                                           : request(n->nbd, &w, 0);
}

static int nbd_status(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e)
{
    Nbd *s = n->nbd;
    uint64_t block = MAX(s->info.min_block, 1), from = off & ~(block - 1);

    e->has_offset = true;
    e->offset = off;
    if (!s->allocation || off >= s->info.size) {
        return 0;
    }
    Wait w = {.type = NBD_CMD_BLOCK_STATUS,
              .off = from,
              .len = MIN(MIN(len + (off - from), s->info.size - from), ZERO_MAX)};
    w.len = MIN((w.len + block - 1) / block * block, s->info.size - from);
    int ret = request(s, &w, NBD_CMD_FLAG_REQ_ONE);
    if (ret < 0) {
        return ret;
    }
    if (!w.got_status || w.status_len <= off - from) {
        return -EIO;
    }
    e->len = MIN(len, w.status_len - (off - from));
    e->data = !(w.status & NBD_STATE_HOLE);
    e->zero = w.status & NBD_STATE_ZERO;
    return 0;
}

static bool nbd_truncate(BlockNode *n, uint64_t size, NodePrealloc how, GError **err)
{
    if (size <= n->size) {
        return true;
    }
    rhea_error_set(err, "Cannot grow network block devices");
    return false;
}

static void nbd_close(BlockNode *n)
{
    Nbd *s = n->nbd;

    if (s->thread) {
        if (!n->read_only) {
            nbd_flush(n);
        }
        g_mutex_lock(&s->send);
        g_mutex_lock(&s->lock);
        __atomic_store_n(&s->closing, true, __ATOMIC_RELAXED);
        if (s->fd >= 0) {
            uint8_t bye[NBD_REQUEST_SIZE] = {0};

            nbd_put32(bye, NBD_REQUEST_MAGIC);
            nbd_put16(bye + 6, NBD_CMD_DISC);
            if (s->up) {
                nbd_send(s->fd, bye, sizeof(bye), NULL, 0);
            }
            shutdown(s->fd, SHUT_RDWR);
        }
        g_cond_broadcast(&s->cond);
        g_mutex_unlock(&s->lock);
        g_mutex_unlock(&s->send);
        g_thread_join(s->thread);
    }
    info_clear(&s->info);
    nbd_address_clear(&s->where);
    g_mutex_clear(&s->send);
    g_mutex_clear(&s->lock);
    g_cond_clear(&s->cond);
    g_mutex_clear(&n->nbd_rmw);
    g_free(s->url);
    g_free(s);
}

const BlockDriver block_driver_nbd = {
    .name = "nbd",
    .protocol = true,
    .preadv = nbd_preadv,
    .pwritev = nbd_pwritev,
    .zero = nbd_zero,
    .discard = nbd_discard,
    .flush = nbd_flush,
    .status = nbd_status,
    .truncate = nbd_truncate,
    .close = nbd_close,
};

/* The first connection, within open_timeout seconds. */
static bool connection_first(Nbd *s, unsigned timeout, GError **err)
{
    gint64 until = g_get_monotonic_time() + timeout * G_USEC_PER_SEC;

    for (;;) {
        GError *why = NULL;
        int fd = connect_any(&s->where, NULL, &why);

        if (fd >= 0 && handshake(s, fd, &s->info, &why)) {
            nbd_timeout(fd, 0);
            s->fd = fd;
            s->up = true;
            return true;
        }
        if (fd >= 0) {
            close(fd);
        }
        info_clear(&s->info);
        if (g_get_monotonic_time() >= until) {
            g_propagate_error(err, why);
            return false;
        }
        g_error_free(why);
        g_usleep(G_USEC_PER_SEC / 10);
    }
}

BlockNode *node_open_nbd(const NodeOptions *o, GError **err)
{
    NbdAddress where;

    if (!nbd_address_parse(&where, o->path, err)) {
        return NULL;
    }
    Nbd *s = g_new0(Nbd, 1);
    BlockNode *n = g_new0(BlockNode, 1);
    n->drv = &block_driver_nbd;
    n->filename = g_strdup(o->path);
    n->nbd = s;
    n->host.fd = n->host.direct_fd = -1;
    n->host.is_device = true; /* its size is what it is */
    n->host.dev = UINT64_MAX;
    n->host.ino = (uintptr_t)n;
    n->host.no_flush = o->no_flush;
    n->host.discard = o->discard;
    s->where = where;
    s->url = g_strdup(o->path);
    s->reconnect_delay = o->reconnect_delay;
    s->fd = -1;
    g_mutex_init(&s->send);
    g_mutex_init(&s->lock);
    g_cond_init(&s->cond);
    g_mutex_init(&n->nbd_rmw);
    if (!connection_first(s, o->open_timeout, err)) {
        goto fail;
    }
    n->size = s->info.size;
    n->read_only = o->read_only;
    if (!n->read_only && (s->info.flags & NBD_FLAG_READ_ONLY)) {
        if (!o->auto_read_only) {
            rhea_error_set(err, "'%s': the export of the server is read-only", o->path);
            close(s->fd);
            goto fail;
        }
        n->read_only = true;
    }
    s->data_max = s->info.max_block ? MIN(s->info.max_block, NBD_MAX_BLOCK) : NBD_MAX_BLOCK;
    s->data_max &= ~(MAX(s->info.min_block, 1) - 1);
    s->thread = g_thread_new("nbd", nbd_thread, s);
    return n;
fail:
    node_close(n);
    return NULL;
}

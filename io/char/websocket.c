/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The server's side of a websocket on a connected socket: opening handshake, frames.
 *
 * Specification: RFC 6455: handshake 4.2, frames 5.2, masking 5.3, control frames 5.5. Output goes
 * in binary frames; input may be text or binary, in any fragments. A peer that breaks the rules is
 * hung up on.
 *
 * Main loop's thread. Test: tests/unit/test-chardev.c
 */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define REQUEST_MAX 8192
#define FRAME_MAX   4096 /* bytes of output in one */
#define CONTROL_MAX 125

enum { OP_CONTINUE = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
enum { FIN = 0x80, MASKED = 0x80 };

struct CharWs {
    GString *request; /* of the handshake */
    GByteArray *out;  /* that is to be sent before anything else */
    size_t payload;   /* bytes of the caller's that are in it */
    /* The frame that comes in. */
    uint8_t header[14];
    unsigned n_header;
    uint64_t left;     /* bytes of it that are still to come */
    unsigned mask_at;  /* in the header */
    unsigned n_masked; /* bytes of it that came, modulo 2^32 */
    uint8_t control[CONTROL_MAX];
    unsigned n_control;
    bool broken;
};

CharWs *char_ws_new(void)
{
    CharWs *w = g_new0(CharWs, 1);

    w->request = g_string_new(NULL);
    w->out = g_byte_array_new();
    return w;
}

void char_ws_free(CharWs *w)
{
    if (w) {
        g_string_free(w->request, TRUE);
        g_byte_array_unref(w->out);
        g_free(w);
    }
}

void char_ws_begin(CharWs *w)
{
    g_string_truncate(w->request, 0);
    g_byte_array_set_size(w->out, 0);
    w->payload = 0;
    w->n_header = 0;
    w->left = 0;
    w->broken = false;
}

/* ---- handshake ---- */

/* The value of a header line, or NULL. */
static char *request_field(const CharWs *w, const char *name)
{
    g_auto(GStrv) lines = g_strsplit(w->request->str, "\r\n", 0);
    size_t len = strlen(name);

    for (unsigned i = 1; lines[i]; i++) {
        if (g_ascii_strncasecmp(lines[i], name, len) == 0 && lines[i][len] == ':') {
            return g_strstrip(g_strdup(lines[i] + len + 1));
        }
    }
    return NULL;
}

static bool field_has(const CharWs *w, const char *name, const char *word)
{
    g_autofree char *value = request_field(w, name);
    g_auto(GStrv) words = g_strsplit(value ? value : "", ",", 0);

    for (unsigned i = 0; words[i]; i++) {
        if (g_ascii_strcasecmp(g_strstrip(words[i]), word) == 0) {
            return true;
        }
    }
    return false;
}

static bool answer_send(int fd, const char *text)
{
    return send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* 4.2.2 */
static bool request_answer(CharWs *w, int fd)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    g_autofree char *key = request_field(w, "Sec-WebSocket-Key");
    g_autofree char *protocol = request_field(w, "Sec-WebSocket-Protocol");
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    uint8_t digest[20];
    gsize size = sizeof(digest);

    if (!g_str_has_prefix(w->request->str, "GET ") || !key || !*key ||
        !field_has(w, "Upgrade", "websocket") || !field_has(w, "Connection", "upgrade") ||
        !field_has(w, "Sec-WebSocket-Version", "13") ||
        (protocol && !field_has(w, "Sec-WebSocket-Protocol", "binary"))) {
        answer_send(fd, "HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\n"
                        "Connection: close\r\n\r\n");
        return false;
    }
    g_checksum_update(sum, (const guchar *)key, -1);
    g_checksum_update(sum, (const guchar *)guid, -1);
    g_checksum_get_digest(sum, digest, &size);
    g_autofree char *accept = g_base64_encode(digest, size);
    g_autofree char *answer = g_strdup_printf(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\n%s\r\n",
        accept, protocol ? "Sec-WebSocket-Protocol: binary\r\n" : "");
    return answer_send(fd, answer);
}

int char_ws_handshake(CharWs *w, int fd)
{
    char part[1024];
    ssize_t n = recv(fd, part, sizeof(part), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (n <= 0 || memchr(part, 0, n)) {
        return -1;
    }
    g_string_append_len(w->request, part, n);
    if (!strstr(w->request->str, "\r\n\r\n")) {
        return w->request->len < REQUEST_MAX ? 0 : -1;
    }
    /* Frames before the answer are against the rules. */
    return g_str_has_suffix(w->request->str, "\r\n\r\n") && request_answer(w, fd) ? 1 : -1;
}

/* ---- output ---- */

static void frame_put(CharWs *w, unsigned op, const uint8_t *data, size_t len)
{
    uint8_t header[4] = {FIN | op, len};
    unsigned n = 2;

    if (len > CONTROL_MAX) {
        header[1] = 126;
        header[2] = len >> 8;
        header[3] = len;
        n = 4;
    }
    g_byte_array_append(w->out, header, n);
    g_byte_array_append(w->out, data, len);
}

/* True if all that waits was sent. */
static bool out_flush(CharWs *w, Chardev *c)
{
    while (w->out->len) {
        ssize_t n = char_fd_write(c, w->out->data, w->out->len);

        if (n <= 0) {
            errno = n ? errno : EAGAIN;
            return false;
        }
        g_byte_array_remove_range(w->out, 0, n);
    }
    return true;
}

ssize_t char_ws_write(CharWs *w, Chardev *c, const uint8_t *buf, size_t len)
{
    size_t done;

    if (w->payload == 0) {
        w->payload = MIN(len, FRAME_MAX);
        frame_put(w, OP_BINARY, buf, w->payload);
    }
    if (!out_flush(w, c)) {
        return -1;
    }
    done = w->payload;
    w->payload = 0;
    return done;
}

/* ---- input ---- */

static void hang_up(CharWs *w, const CharFd *f)
{
    w->broken = true;
    shutdown(f->in_fd, SHUT_RDWR); /* reading finds the end */
}

static void control_done(CharWs *w, CharFd *f, unsigned op)
{
    if (op == OP_PING) {
        frame_put(w, OP_PONG, w->control, w->n_control);
        out_flush(w, &f->c);
    } else if (op == OP_CLOSE) {
        frame_put(w, OP_CLOSE, w->control, MIN(w->n_control, 2));
        out_flush(w, &f->c);
        hang_up(w, f);
    }
}

static unsigned header_size(const CharWs *w)
{
    unsigned len = w->header[1] & 0x7f;

    /* Without a mask it is refused at once. */
    return w->n_header < 2 || !(w->header[1] & MASKED) ? 2 : len == 127 ? 14 : len == 126 ? 8 : 6;
}

/* The header is there: is it one that a client may send? */
static bool header_take(CharWs *w)
{
    unsigned op = w->header[0] & 15, len = w->header[1] & 0x7f, n = len == 127 ? 8 : 2;

    if (!(w->header[1] & MASKED)) {
        return false;
    }
    w->left = len < 126 ? len : 0;
    for (unsigned i = 0; len >= 126 && i < n; i++) {
        w->left = w->left << 8 | w->header[2 + i];
    }
    w->mask_at = header_size(w) - 4;
    w->n_control = 0;
    w->n_masked = 0;
    if (op >= OP_CLOSE && (len > CONTROL_MAX || !(w->header[0] & FIN))) {
        return false;
    }
    return !(w->header[0] & 0x70) && w->left <= INT64_MAX &&
           (op <= OP_BINARY || (op >= OP_CLOSE && op <= OP_PONG));
}

size_t char_ws_filter(CharWs *w, CharFd *f, uint8_t *buf, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n && !w->broken; i++) {
        if (w->n_header < header_size(w)) {
            w->header[w->n_header++] = buf[i];
            if (w->n_header < header_size(w)) {
                continue;
            }
            if (!header_take(w)) {
                hang_up(w, f);
                break;
            }
        } else {
            unsigned op = w->header[0] & 15;
            uint8_t byte = buf[i] ^ w->header[w->mask_at + (w->n_masked++ & 3)];

            if (op >= OP_CLOSE) {
                w->control[w->n_control++] = byte;
            } else {
                buf[kept++] = byte;
            }
            w->left--;
        }
        if (w->left == 0) {
            if ((w->header[0] & 15) >= OP_CLOSE) {
                control_done(w, f, w->header[0] & 15);
            }
            w->n_header = 0;
        }
    }
    return kept;
}

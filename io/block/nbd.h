/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The words of the NBD protocol ("Values" of its specification), and reading and writing them. */
#ifndef IO_BLOCK_NBD_H
#define IO_BLOCK_NBD_H

#include <sys/uio.h>
#include "io/nbd.h"

#define NBD_MAGIC            UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define NBD_OLD_MAGIC        UINT64_C(0x00420281861253)
#define NBD_OPTION_MAGIC     UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_OPTION_REPLY     UINT64_C(0x0003e889045565a9)
#define NBD_REQUEST_MAGIC    0x25609513u
#define NBD_SIMPLE_MAGIC     0x67446698u
#define NBD_STRUCTURED_MAGIC 0x668e33efu

#define NBD_MAX_BLOCK  (32u << 20) /* data of a request, where the server says nothing else */
#define NBD_MAX_STRING 4096
#define NBD_ALLOCATION "base:allocation"

/* Handshake flags of the server, and of the client. */
enum { NBD_FIXED_NEWSTYLE = 1, NBD_NO_ZEROES = 2 };

enum {
    NBD_OPT_EXPORT_NAME = 1,
    NBD_OPT_ABORT = 2,
    NBD_OPT_LIST = 3,
    NBD_OPT_STARTTLS = 5,
    NBD_OPT_INFO = 6,
    NBD_OPT_GO = 7,
    NBD_OPT_STRUCTURED_REPLY = 8,
    NBD_OPT_LIST_META_CONTEXT = 9,
    NBD_OPT_SET_META_CONTEXT = 10,
};

#define NBD_REP_ERROR 0x80000000u
enum {
    NBD_REP_ACK = 1,
    NBD_REP_SERVER = 2,
    NBD_REP_INFO = 3,
    NBD_REP_META_CONTEXT = 4,
    NBD_REP_ERR_UNSUP = 1, /* with NBD_REP_ERROR */
    NBD_REP_ERR_POLICY = 2,
    NBD_REP_ERR_INVALID = 3,
    NBD_REP_ERR_TLS_REQD = 5,
    NBD_REP_ERR_UNKNOWN = 6,
    NBD_REP_ERR_SHUTDOWN = 7,
    NBD_REP_ERR_BLOCK_SIZE_REQD = 8,
    NBD_REP_ERR_TOO_BIG = 9,
};

enum { NBD_INFO_EXPORT = 0, NBD_INFO_NAME = 1, NBD_INFO_DESCRIPTION = 2, NBD_INFO_BLOCK_SIZE = 3 };

enum {
    NBD_CMD_READ = 0,
    NBD_CMD_WRITE = 1,
    NBD_CMD_DISC = 2,
    NBD_CMD_FLUSH = 3,
    NBD_CMD_TRIM = 4,
    NBD_CMD_CACHE = 5,
    NBD_CMD_WRITE_ZEROES = 6,
    NBD_CMD_BLOCK_STATUS = 7,
};

enum {
    NBD_CMD_FLAG_FUA = 1 << 0,
    NBD_CMD_FLAG_NO_HOLE = 1 << 1,
    NBD_CMD_FLAG_DF = 1 << 2,
    NBD_CMD_FLAG_REQ_ONE = 1 << 3,
};

enum { NBD_REPLY_FLAG_DONE = 1 };
enum {
    NBD_REPLY_NONE = 0,
    NBD_REPLY_OFFSET_DATA = 1,
    NBD_REPLY_OFFSET_HOLE = 2,
    NBD_REPLY_BLOCK_STATUS = 5,
    NBD_REPLY_ERROR = 0x8001,
    NBD_REPLY_ERROR_OFFSET = 0x8002,
};

enum { NBD_STATE_HOLE = 1, NBD_STATE_ZERO = 2 };

enum { NBD_REQUEST_SIZE = 28, NBD_SIMPLE_SIZE = 16, NBD_CHUNK_SIZE = 20, NBD_REPLY_SIZE = 20 };

#define NBD_BYTES(bits)                                                                            \
    static inline uint##bits##_t nbd_get##bits(const uint8_t *p)                                   \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
                                                                                                   \
        memcpy(&v, p, sizeof(v));                                                                  \
        return be##bits##toh(v);                                                                   \
    }                                                                                              \
    static inline void nbd_put##bits(uint8_t *p, uint##bits##_t v)                                 \
    {                                                                                              \
        v = htobe##bits(v);                                                                        \
        memcpy(p, &v, sizeof(v));                                                                  \
    }

NBD_BYTES(16)
NBD_BYTES(32)
NBD_BYTES(64)

/* nbd-wire.c. All of it, or false and errno (0: the other side has closed the connection). */
bool nbd_recv(int fd, void *buf, size_t len);
bool nbd_recv_iov(int fd, const struct iovec *iov, int niov, size_t skip, size_t len);
bool nbd_recv_skip(int fd, size_t len);
bool nbd_send(int fd, const void *head, size_t head_len, const struct iovec *iov, int niov);
/* An option of the client, or the server's reply to one. */
bool nbd_send_option(int fd, uint32_t option, const void *data, uint32_t len);
bool nbd_send_reply(int fd, uint32_t option, uint32_t type, const void *data, uint32_t len);
/* Reads and writes give up after so many seconds; 0: never. */
void nbd_timeout(int fd, unsigned seconds);

/* Error numbers of the protocol and of the host. */
uint32_t nbd_errno_put(int error);
int nbd_errno_get(uint32_t error);

#endif

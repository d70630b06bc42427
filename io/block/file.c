/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The protocol node "file": a regular file or a block device of the host.
 *
 * Locks: two programs must not use one image in ways that exclude each other. As other programs
 * that open the same images do, one byte of the file stands for each kind of use (open-file-
 * description locks, shared): byte 100 + k: "I do k", byte 200 + k: "others must not do k", for k =
 * 0 consistent read, 1 write, 2 write of what is there already, 3 resize. Files that cannot be
 * locked (some network file systems) are used without.
 *
 * Test: tests/unit/test-block.c
 */
#include "io/node.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "rhea/error.h"

#define MAX_PIECES 64   /* of memory in one call of the host */
#define DIRECT     4096 /* addresses and lengths that every file takes with O_DIRECT */
#define LOCK_DOES  100
#define LOCK_BARS  200

enum { USE_READ, USE_WRITE, USE_WRITE_SAME, USE_RESIZE, N_USES };

static int transfer(BlockNode *n, int fd, uint64_t at, const struct iovec *iov, int niov,
                    bool write)
{
    size_t skip = 0; /* bytes of *iov that are done */

    if (at > INT64_MAX) {
        return -EFBIG;
    }
    for (;;) {
        struct iovec part[MAX_PIECES];

        while (niov > 0 && skip >= iov->iov_len) {
            skip -= iov->iov_len;
            iov++;
            niov--;
        }
        if (niov == 0) {
            return 0;
        }
        int n_part = MIN(niov, MAX_PIECES);
        memcpy(part, iov, n_part * sizeof(part[0]));
        part[0].iov_base = (uint8_t *)part[0].iov_base + skip;
        part[0].iov_len -= skip;
        ssize_t done = write ? pwritev(fd, part, n_part, at) : preadv(fd, part, n_part, at);
        if (done < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        if (done == 0) {
            if (write) {
                return -ENOSPC;
            }
            /* Past the end: zeroes. */
            for (int i = 0; i < n_part; i++) {
                memset(part[i].iov_base, 0, part[i].iov_len);
                done += part[i].iov_len;
            }
        }
        at += done;
        skip += done;
        if ((at | skip) & (DIRECT - 1)) {
            fd = n->host.fd; /* the end of the file: the rest is no whole page */
        }
    }
}

static bool aligned(const struct iovec *iov, int niov)
{
    uintptr_t bits = 0;

    for (int i = 0; i < niov; i++) {
        bits |= (uintptr_t)iov[i].iov_base | iov[i].iov_len;
    }
    return (bits & (DIRECT - 1)) == 0;
}

/*
 * With O_DIRECT, if the request is whole pages of the file; memory that is not aligned goes through
 * a buffer that is. What is smaller (metadata of an image, the end of a file) goes through the
 * host's cache, which the kernel keeps coherent with direct transfers.
 */
static int transfer_any(BlockNode *n, uint64_t at, const struct iovec *iov, int niov, size_t len,
                        bool write)
{
    void *buf;

    if (n->host.direct_fd < 0 || ((at | len) & (DIRECT - 1)) || len == 0) {
        return transfer(n, n->host.fd, at, iov, niov, write);
    }
    if (aligned(iov, niov)) {
        return transfer(n, n->host.direct_fd, at, iov, niov, write);
    }
    if (posix_memalign(&buf, DIRECT, len)) {
        return -ENOMEM;
    }
    struct iovec whole = {buf, len};
    if (write) {
        iov_gather(iov, niov, 0, buf, len);
    }
    int ret = transfer(n, n->host.direct_fd, at, &whole, 1, write);
    if (ret == 0 && !write) {
        iov_fill(iov, niov, 0, buf, len);
    }
    free(buf);
    return ret;
}

int file_plain_fd(BlockNode *n, uint64_t at, const struct iovec *iov, int niov, bool write)
{
    size_t len = iov_length(iov, niov);
    uint64_t size = __atomic_load_n(&n->size, __ATOMIC_RELAXED);

    if (len == 0 || at > INT64_MAX || (write && (at > size || len > size - at))) {
        return -1;
    }
    if (n->host.direct_fd < 0 || ((at | len) & (DIRECT - 1))) {
        return n->host.fd;
    }
    return aligned(iov, niov) ? n->host.direct_fd : -1;
}

/* Writes past the end make the file longer; several threads may do so. */
static void grow(BlockNode *n, uint64_t end)
{
    uint64_t size = __atomic_load_n(&n->size, __ATOMIC_RELAXED);

    while (end > size && !__atomic_compare_exchange_n(&n->size, &size, end, false, __ATOMIC_RELAXED,
                                                      __ATOMIC_RELAXED)) {
    }
}

static int file_preadv(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    return transfer_any(n, off, iov, niov, len, false);
}

static int file_pwritev(BlockNode *n, uint64_t off, const struct iovec *iov, int niov, size_t len)
{
    int ret = transfer_any(n, off, iov, niov, len, true);

    if (ret == 0) {
        grow(n, off + len);
    }
    return ret;
}

static int file_flush(BlockNode *n)
{
    return !n->host.no_flush && fdatasync(n->host.fd) < 0 ? -errno : 0;
}

static int file_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    int ret;

    if (!n->host.discard) {
        return 0;
    }
    if (n->host.is_device) {
        uint64_t range[2] = {off, len};
        ret = ioctl(n->host.fd, BLKDISCARD, range);
    } else {
        ret = fallocate(n->host.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
    }
    /* A hint: storage that cannot do it is no error. */
    return ret < 0 && errno != EOPNOTSUPP && errno != ENOTTY && errno != EINVAL ? -errno : 0;
}

static int file_zero(BlockNode *n, uint64_t off, uint64_t len, bool unmap)
{
    static const uint8_t zeroes[65536];

    if (!n->host.is_device && len <= INT64_MAX && off <= INT64_MAX - len) {
        /* Within the file only: with KEEP_SIZE the file would stay short. */
        bool inside = off + len <= __atomic_load_n(&n->size, __ATOMIC_RELAXED);
        int mode = unmap && n->host.discard && inside ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
                                                      : FALLOC_FL_ZERO_RANGE;
        if (fallocate(n->host.fd, mode, off, len) == 0) {
            grow(n, off + len);
            return 0;
        }
        if (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS) {
            return -errno;
        }
    }
    while (len > 0) {
        struct iovec v = {(void *)zeroes, MIN(len, sizeof(zeroes))};
        int ret = file_pwritev(n, off, &v, 1, v.iov_len);
        if (ret < 0) {
            return ret;
        }
        off += v.iov_len;
        len -= v.iov_len;
    }
    return 0;
}

/* Holes read as zeroes. The file position is nobody's: all transfers name their offset. */
static int file_status(BlockNode *n, uint64_t off, uint64_t len, NodeExtent *e)
{
    off_t data = n->host.is_device ? (off_t)off : lseek(n->host.fd, off, SEEK_DATA), hole;

    e->has_offset = true;
    e->offset = off;
    if (data < 0) {
        if (errno == ENXIO) {
            e->data = false;
            e->zero = true;
        }
        return 0; /* no holes known: all is data */
    }
    if ((uint64_t)data > off) {
        e->data = false;
        e->zero = true;
        e->len = MIN(len, (uint64_t)data - off);
        return 0;
    }
    hole = n->host.is_device ? -1 : lseek(n->host.fd, off, SEEK_HOLE);
    if (hole > 0 && (uint64_t)hole > off) {
        e->len = MIN(len, (uint64_t)hole - off);
    }
    return 0;
}

static bool file_truncate(BlockNode *n, uint64_t size, NodePrealloc how, GError **err)
{
    uint64_t old = n->size;

    if (n->host.is_device) {
        if (size <= old) {
            return true;
        }
        rhea_error_set(err, "Cannot grow device files");
        return false;
    }
    if (how == NODE_PREALLOC_METADATA) {
        rhea_error_set(err, "Unsupported preallocation mode 'metadata'");
        return false;
    }
    if (size < old && how != NODE_PREALLOC_OFF) {
        rhea_error_set(err, "Preallocation can't be used for shrinking files");
        return false;
    }
    if (size > INT64_MAX || ftruncate(n->host.fd, size) < 0) {
        rhea_error_set(err, "Failed to resize '%s': %s", n->filename,
                       size > INT64_MAX ? "File too large" : g_strerror(errno));
        return false;
    }
    n->size = size;
    if (how == NODE_PREALLOC_FALLOC && size > old && posix_fallocate(n->host.fd, old, size - old)) {
        rhea_error_set(err, "Could not preallocate data for the new file");
        return false;
    }
    if (how == NODE_PREALLOC_FULL) {
        static const uint8_t zeroes[65536];
        for (uint64_t at = old; at < size;) {
            size_t len = MIN(size - at, sizeof(zeroes));
            int ret = node_pwrite(n, at, zeroes, len);
            if (ret < 0) {
                rhea_error_set(err, "Could not write zeros for preallocation: %s",
                               g_strerror(-ret));
                return false;
            }
            at += len;
        }
    }
    return true;
}

static void file_close(BlockNode *n)
{
    if (n->host.fd >= 0) {
        node_flush(n);
        close(n->host.fd);
    }
    if (n->host.direct_fd >= 0) {
        close(n->host.direct_fd);
    }
}

const BlockDriver block_driver_file = {
    .name = "file",
    .protocol = true,
    .preadv = file_preadv,
    .pwritev = file_pwritev,
    .zero = file_zero,
    .discard = file_discard,
    .flush = file_flush,
    .status = file_status,
    .truncate = file_truncate,
    .close = file_close,
};

/* ---- opening ---- */

static bool lock_byte(int fd, int at, short type)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

    return fcntl(fd, F_OFD_SETLK, &l) == 0 || (errno != EAGAIN && errno != EACCES);
}

static bool byte_is_held(int fd, int at)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

    return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

static bool lock_image(int fd, const char *path, bool read_only, bool share, GError **err)
{
    static const char *const names[N_USES] = {"consistent read", "write", "write unchanged",
                                              "resize"};
    unsigned does = 1 << USE_READ | (read_only ? 0 : 1 << USE_WRITE | 1 << USE_RESIZE);
    unsigned bars = share ? 0 : 1 << USE_WRITE | 1 << USE_RESIZE;

    /* Say first, look then: of two that start together at least one sees the other. */
    for (int k = 0; k < N_USES; k++) {
        if ((does >> k & 1 && !lock_byte(fd, LOCK_DOES + k, F_RDLCK)) ||
            (bars >> k & 1 && !lock_byte(fd, LOCK_BARS + k, F_RDLCK))) {
            rhea_error_set(err,
                           "Failed to get \"%s\" lock\nIs another process using the image [%s]?",
                           names[k], path);
            return false;
        }
    }
    for (int k = 0; k < N_USES; k++) {
        if (does >> k & 1 && byte_is_held(fd, LOCK_BARS + k)) {
            rhea_error_set(err,
                           "Failed to get \"%s\" lock\nIs another process using the image [%s]?",
                           names[k], path);
            return false;
        }
        if (bars >> k & 1 && byte_is_held(fd, LOCK_DOES + k)) {
            rhea_error_set(
                err, "Failed to get shared \"%s\" lock\nIs another process using the image [%s]?",
                names[k], path);
            return false;
        }
    }
    return true;
}

bool file_bar_writers(const BlockNode *n, GError **err)
{
    return n->host.fd < 0 || lock_image(n->host.fd, n->filename, n->read_only, false, err);
}

static bool measure(BlockNode *n, const NodeOptions *o, GError **err)
{
    struct stat st;

    if (fstat(n->host.fd, &st) < 0) {
        rhea_error_set(err, "Could not stat '%s': %s", o->path, g_strerror(errno));
        return false;
    }
    n->host.dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
    n->host.ino = S_ISBLK(st.st_mode) ? 0 : st.st_ino;
    if (S_ISREG(st.st_mode)) {
        n->size = st.st_size;
        return true;
    }
    if (!S_ISBLK(st.st_mode)) {
        rhea_error_set(err, "'%s' is neither a regular file nor a block device", o->path);
        return false;
    }
    n->host.is_device = true;
    if (ioctl(n->host.fd, BLKGETSIZE64, &n->size) < 0) {
        rhea_error_set(err, "Could not get the size of '%s': %s", o->path, g_strerror(errno));
        return false;
    }
    return true;
}

BlockNode *node_open_file(const NodeOptions *o, GError **err)
{
    bool read_only = o->read_only;
    int fd = open(o->path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

    if (fd < 0 && !read_only && o->auto_read_only && (errno == EACCES || errno == EROFS)) {
        read_only = true;
        fd = open(o->path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) {
        rhea_error_set(err, "Could not open '%s': %s", o->path, g_strerror(errno));
        return NULL;
    }
    BlockNode *n = g_new0(BlockNode, 1);
    n->drv = &block_driver_file;
    n->filename = g_strdup(o->path);
    n->host.fd = fd;
    /* Some file systems refuse it: then all goes through the host's cache. */
    n->host.direct_fd =
        o->direct ? open(o->path, (read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC) : -1;
    n->read_only = read_only;
    n->host.no_flush = o->no_flush;
    n->host.discard = o->discard;
    if (!measure(n, o, err) ||
        (!o->no_lock && !lock_image(fd, o->path, read_only, o->share_write || o->share_rw, err))) {
        node_close(n);
        return NULL;
    }
    return n;
}

uint64_t node_disk_size(const BlockNode *n)
{
    struct stat st;

    while (!n->drv->protocol) {
        n = n->file;
    }
    return n->host.fd >= 0 && fstat(n->host.fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

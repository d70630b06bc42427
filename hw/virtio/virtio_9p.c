/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio 9P device: a folder of the host for the guest.
 *
 * Specification: VIRTIO 1.2, 5.10 (transport); Plan 9's protocol 9P2000, intro(5) and what follows;
 * its variant 9P2000.L (diod's protocol.md), which Linux speaks. Other variants are refused.
 *
 * Requests are done by a thread of the device, one after the other, so that a vCPU never waits for
 * the host's file system; a Tflush finds what it names done already. Each request is copied out of
 * guest memory before it is looked at, and every length in it checked against that copy.
 *
 * A fid holds a path in the share (io/fs.h), changed when something above it is renamed, and a
 * descriptor once it is open. Fids do not outlive a reset or a snapshot: the host's files cannot be
 * saved.
 *
 * Locks: `lock` for the list of requests; the device's to push answers; fids are the thread's, and
 * the resetting thread's when the thread is idle. Test: tests/unit/test-9p.c, tests/net
 */
#include "hw/virtio_pci.h"
#include "io/fs.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define QUEUE_SIZE  128
#define TAG_MAX     32
#define MSIZE_MIN   4096
#define MSIZE_MAX   (512u << 10)
#define HEADER      7  /* size[4] type[1] tag[2] */
#define IO_HEADER   24 /* room for the rest of Rread, Rreaddir */
#define WALK_MAX    16
#define FIDS_MAX    65536
#define XATTR_MAX   65536
#define PATH_LEN    4096
#define NOFID       UINT32_MAX
#define NO_ID       UINT32_MAX
#define F_MOUNT_TAG 0

enum {
    T_LERROR = 6,
    T_STATFS = 8,
    T_LOPEN = 12,
    T_LCREATE = 14,
    T_SYMLINK = 16,
    T_MKNOD = 18,
    T_RENAME = 20,
    T_READLINK = 22,
    T_GETATTR = 24,
    T_SETATTR = 26,
    T_XATTRWALK = 30,
    T_XATTRCREATE = 32,
    T_READDIR = 40,
    T_FSYNC = 50,
    T_LOCK = 52,
    T_GETLOCK = 54,
    T_LINK = 70,
    T_MKDIR = 72,
    T_RENAMEAT = 74,
    T_UNLINKAT = 76,
    T_VERSION = 100,
    T_AUTH = 102,
    T_ATTACH = 104,
    T_FLUSH = 108,
    T_WALK = 110,
    T_READ = 116,
    T_WRITE = 118,
    T_CLUNK = 120,
    T_REMOVE = 122,
};

enum {
    SET_MODE = 1,
    SET_UID = 2,
    SET_GID = 4,
    SET_SIZE = 8,
    SET_ATIME = 0x10,
    SET_MTIME = 0x20,
    SET_CTIME = 0x40,
    SET_ATIME_TO = 0x80,
    SET_MTIME_TO = 0x100
};
enum {
    L_ACCMODE = 3,
    L_EXCL = 0200,
    L_TRUNC = 01000,
    L_APPEND = 02000,
    L_DSYNC = 010000,
    L_DIRECTORY = 0200000,
    L_SYNC = 04000000
};
enum { GETATTR_BASIC = 0x7ff, LOCK_UNLOCKED = 2, UNLINK_DIR = 0x200 };

typedef struct Fid {
    char *path;
    uint32_t uid; /* who it was attached for: owner of what is made through it */
    int fd;       /* -1: not open */
    DIR *dir;
    char *xattr;       /* name being set, or NULL */
    GByteArray *value; /* of an extended attribute, read or to be written */
    uint64_t want;     /* bytes of the one to be written */
    uint32_t flags;
} Fid;

#define VIRTIO_9P_STATE(F, A, D, N) VIRTIO_STATE(N, 1)

STATE(virtio_9p, Virtio9pState, VIRTIO_9P_STATE, FsShare *share; GThread * thread; GMutex lock;
      GCond cond; GCond idle; GQueue todo; /* VirtElem * */
      bool busy; bool quit; GHashTable * fids; uint32_t msize; char *fsdev; char *mount_tag;)

PROPS(virtio_9p, Virtio9pState,
      PROP("mount_tag", STRING, mount_tag, NULL, PUBLIC, "name that the guest mounts"),
      PROP("fsdev", STRING, fsdev, NULL, PUBLIC, "ID of a -fsdev"), VIRTIO_PROPS)

/* ---- messages ---- */

typedef struct Msg {
    const uint8_t *data; /* the request */
    size_t len, at;
    bool bad;
    GByteArray *out; /* the answer, header included */
    size_t room;     /* that it may take */
} Msg;

static uint64_t get(Msg *m, unsigned n)
{
    uint64_t val = 0;

    if (m->bad || m->len - m->at < n) {
        m->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        val |= (uint64_t)m->data[m->at + i] << 8 * i;
    }
    m->at += n;
    return val;
}

static uint32_t get4(Msg *m)
{
    return get(m, 4);
}

static uint64_t get8(Msg *m)
{
    return get(m, 8);
}

/* A string without a NUL in it; g_free() it. */
static char *get_str(Msg *m)
{
    size_t n = get(m, 2);

    if (m->bad || m->len - m->at < n || memchr(m->data + m->at, 0, n)) {
        m->bad = true;
        return g_strdup("");
    }
    m->at += n;
    return g_strndup((const char *)m->data + m->at - n, n);
}

static void put(Msg *m, uint64_t val, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t byte = val >> 8 * i;

        g_byte_array_append(m->out, &byte, 1);
    }
}

static void put_str(Msg *m, const char *text)
{
    put(m, strlen(text), 2);
    g_byte_array_append(m->out, (const uint8_t *)text, strlen(text));
}

static int put_qid(Virtio9pState *s, Msg *m, const struct stat *st)
{
    uint64_t inode = 0;
    int ret = fs_inode(s->share, st, &inode);

    put(m, S_ISDIR(st->st_mode) ? 0x80 : S_ISLNK(st->st_mode) ? 2 : 0, 1);
    put(m, (uint32_t)st->st_mtim.tv_sec ^ (uint32_t)st->st_size << 8, 4);
    put(m, inode, 8);
    return ret;
}

static int put_qid_of(Virtio9pState *s, Msg *m, const char *path)
{
    struct stat st;
    int ret = fs_stat(s->share, path, &st);

    return ret < 0 ? ret : put_qid(s, m, &st);
}

/* ---- fids ---- */

static void fid_free(gpointer p)
{
    Fid *f = p;

    if (f->dir) {
        closedir(f->dir);
    } else if (f->fd >= 0) {
        close(f->fd);
    }
    if (f->value) {
        g_byte_array_free(f->value, TRUE);
    }
    g_free(f->xattr);
    g_free(f->path);
    g_free(f);
}

static Fid *fid_get(Virtio9pState *s, uint32_t n)
{
    return g_hash_table_lookup(s->fids, GUINT_TO_POINTER(n));
}

static uint32_t fid_uid(Virtio9pState *s, uint32_t n)
{
    Fid *f = fid_get(s, n);

    return f ? f->uid : 0;
}

static int fid_new(Virtio9pState *s, uint32_t n, const char *path, Fid **out)
{
    if (n == NOFID || fid_get(s, n)) {
        return -EBADF;
    }
    if (g_hash_table_size(s->fids) >= FIDS_MAX) {
        return -EMFILE;
    }
    Fid *f = g_new0(Fid, 1);
    f->path = g_strdup(path);
    f->fd = -1;
    g_hash_table_insert(s->fids, GUINT_TO_POINTER(n), f);
    *out = f;
    return 0;
}

static char *path_join(const char *folder, const char *name)
{
    return *folder ? g_strconcat(folder, "/", name, NULL) : g_strdup(name);
}

/* What is called `name` in the folder of fid n; NULL and *err. */
static char *child_path(Virtio9pState *s, uint32_t n, const char *name, int *err)
{
    Fid *f = fid_get(s, n);

    *err = !f ? -EBADF : !fs_name_ok(s->share, name, strlen(name)) ? -EINVAL : 0;
    if (*err == 0 && strlen(f->path) + strlen(name) + 2 > PATH_LEN) {
        *err = -ENAMETOOLONG;
    }
    return *err ? NULL : path_join(f->path, name);
}

/* Fids of what was renamed, and of what is below it, follow. */
static void fids_renamed(Virtio9pState *s, const char *from, const char *to)
{
    GHashTableIter it;
    gpointer value;
    size_t n = strlen(from);

    g_hash_table_iter_init(&it, s->fids);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        Fid *f = value;

        if (strncmp(f->path, from, n) == 0 && (f->path[n] == 0 || f->path[n] == '/')) {
            char *path = g_strconcat(to, f->path + n, NULL);

            g_free(f->path);
            f->path = path;
        }
    }
}

/* ---- requests: each reads its fields, writes its answer, returns 0 or an error ---- */

static int do_version(Virtio9pState *s, Msg *m)
{
    uint32_t msize = get4(m);
    g_autofree char *version = get_str(m);
    bool known = strcmp(version, "9P2000.L") == 0;

    if (m->bad) {
        return -EINVAL;
    }
    g_hash_table_remove_all(s->fids);
    if (msize < MSIZE_MIN) {
        return -EMSGSIZE;
    }
    s->msize = MIN(msize, MSIZE_MAX);
    put(m, s->msize, 4);
    put_str(m, known ? "9P2000.L" : "unknown");
    return 0;
}

static int do_attach(Virtio9pState *s, Msg *m)
{
    uint32_t n = get4(m);
    Fid *f;

    get4(m); /* authentication: there is none */
    g_autofree char *user = get_str(m), *name = get_str(m);
    uint32_t uid = get4(m);
    int ret = m->bad ? -EINVAL : fid_new(s, n, "", &f);

    if (ret < 0) {
        return ret;
    }
    f->uid = uid == NO_ID ? 0 : uid;
    return put_qid_of(s, m, "");
}

static int do_statfs(Virtio9pState *s, Msg *m)
{
    struct statvfs st;
    uint32_t n = get4(m);
    int ret = !fid_get(s, n) ? -EBADF : fs_statvfs(s->share, &st);

    if (ret < 0) {
        return ret;
    }
    put(m, 0x01021997, 4); /* V9FS_MAGIC */
    put(m, st.f_frsize, 4);
    put(m, st.f_blocks, 8);
    put(m, st.f_bfree, 8);
    put(m, st.f_bavail, 8);
    put(m, st.f_files, 8);
    put(m, st.f_ffree, 8);
    put(m, st.f_fsid, 8);
    put(m, st.f_namemax, 4);
    return 0;
}

static int walk_step(Virtio9pState *s, char **path, const char *name)
{
    if (strcmp(name, "..") == 0) {
        char *slash = strrchr(*path, '/');

        /* Above the share is the share. */
        (slash ? slash : *path)[0] = 0;
        return 0;
    }
    if (!fs_name_ok(s->share, name, strlen(name))) {
        return -ENOENT;
    }
    if (strlen(*path) + strlen(name) + 2 > PATH_LEN) {
        return -ENAMETOOLONG;
    }
    char *next = path_join(*path, name);
    g_free(*path);
    *path = next;
    return 0;
}

static int do_walk(Virtio9pState *s, Msg *m)
{
    uint32_t n = get4(m), new = get4(m);
    unsigned names = get(m, 2), done = 0;
    Fid *f = fid_get(s, n), *made;
    int ret = m->bad || names > WALK_MAX ? -EINVAL : !f || f->fd >= 0 || f->value ? -EBADF : 0;

    if (ret < 0 || (new != n &&fid_get(s, new))) {
        return ret < 0 ? ret : -EBADF;
    }
    g_autofree char *path = g_strdup(f->path);
    size_t count_at = m->out->len;
    put(m, 0, 2);
    while (ret == 0 && done < names) {
        g_autofree char *name = get_str(m);

        ret = m->bad ? -EINVAL : walk_step(s, &path, name);
        ret = ret < 0 ? ret : put_qid_of(s, m, path);
        done += ret == 0;
    }
    if (ret < 0) {
        /* walk(5): an error at the first name only; else how far it went. */
        if (done == 0 || m->bad) {
            return ret;
        }
        g_byte_array_set_size(m->out, count_at + 2 + 13 * done);
    } else if (new == n) {
        g_free(f->path);
        f->path = g_steal_pointer(&path);
    } else {
        ret = fid_new(s, new, path, &made);
        if (ret < 0) {
            return ret;
        }
        made->uid = f->uid;
    }
    m->out->data[count_at] = done;
    return 0;
}

/* Flags of open(2) for those of the protocol, which are Linux's generic ones. */
static int open_flags(uint32_t l)
{
    int flags = l & L_ACCMODE;

    flags |= l & L_EXCL ? O_EXCL : 0;
    flags |= l & L_TRUNC ? O_TRUNC : 0;
    flags |= l & L_DSYNC ? O_DSYNC : 0;
    flags |= l & L_DIRECTORY ? O_DIRECTORY : 0;
    flags |= (l & L_SYNC) == L_SYNC ? O_SYNC : 0;
    return flags;
}

static uint32_t io_unit(const Virtio9pState *s)
{
    return s->msize - IO_HEADER;
}

static int do_lopen(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));
    uint32_t flags = get4(m);
    struct stat st;
    int fd;

    if (m->bad || !f || f->fd >= 0 || f->value) {
        return -EBADF;
    }
    fd = fs_open_file(s->share, f->path, open_flags(flags) & ~O_EXCL);
    if (fd < 0) {
        return fd;
    }
    f->fd = fd;
    int ret = fs_fstat(s->share, f->path, fd, &st);
    if (ret == 0 && S_ISDIR(st.st_mode) && !(f->dir = fdopendir(fd))) {
        ret = -errno;
    }
    ret = ret < 0 ? ret : put_qid(s, m, &st);
    put(m, io_unit(s), 4);
    return ret;
}

static int do_lcreate(Virtio9pState *s, Msg *m)
{
    uint32_t n = get4(m);
    g_autofree char *name = get_str(m);
    uint32_t flags = get4(m), mode = get4(m), gid = get4(m);
    Fid *f = fid_get(s, n);
    FsCred c = {.mode = mode & 07777, .uid = f ? f->uid : 0, .gid = gid};
    struct stat st;
    int ret = 0;

    if (m->bad || !f || f->fd >= 0 || f->value) {
        return -EBADF;
    }
    g_autofree char *path = child_path(s, n, name, &ret);
    if (ret < 0) {
        return ret;
    }
    int fd = fs_create(s->share, path, open_flags(flags), &c);
    if (fd < 0) {
        return fd;
    }
    g_free(f->path);
    f->path = g_steal_pointer(&path);
    f->fd = fd;
    ret = fs_fstat(s->share, f->path, fd, &st);
    ret = ret < 0 ? ret : put_qid(s, m, &st);
    put(m, io_unit(s), 4);
    return ret;
}

static int do_symlink(Virtio9pState *s, Msg *m)
{
    uint32_t n = get4(m);
    g_autofree char *name = get_str(m), *target = get_str(m);
    FsCred c = {.uid = fid_uid(s, n), .gid = get4(m)};
    int ret;
    g_autofree char *path = child_path(s, n, name, &ret);

    ret = m->bad ? -EINVAL : ret < 0 ? ret : fs_symlink(s->share, path, target, &c);
    return ret < 0 ? ret : put_qid_of(s, m, path);
}

static int do_mknod(Virtio9pState *s, Msg *m)
{
    uint32_t n = get4(m);
    g_autofree char *name = get_str(m);
    uint32_t mode = get4(m), major = get4(m), minor = get4(m);
    FsCred c = {.mode = mode & (S_IFMT | 07777),
                .uid = fid_uid(s, n),
                .gid = get4(m),
                .rdev = makedev(major, minor)};
    int ret;
    g_autofree char *path = child_path(s, n, name, &ret);

    if (!m->bad && ret == 0 && (S_ISDIR(mode) || S_ISLNK(mode))) {
        ret = -EINVAL;
    }
    ret = m->bad ? -EINVAL : ret < 0 ? ret : fs_mknod(s->share, path, &c);
    return ret < 0 ? ret : put_qid_of(s, m, path);
}

static int do_mkdir(Virtio9pState *s, Msg *m)
{
    uint32_t n = get4(m);
    g_autofree char *name = get_str(m);
    uint32_t mode = get4(m);
    FsCred c = {.mode = mode & 07777, .uid = fid_uid(s, n), .gid = get4(m)};
    int ret;
    g_autofree char *path = child_path(s, n, name, &ret);

    ret = m->bad ? -EINVAL : ret < 0 ? ret : fs_mkdir(s->share, path, &c);
    return ret < 0 ? ret : put_qid_of(s, m, path);
}

static int rename_to(Virtio9pState *s, const char *from, const char *to)
{
    g_autofree char *old = g_strdup(from); /* may be a fid's own path */
    int ret = fs_rename(s->share, old, to);

    if (ret == 0) {
        fids_renamed(s, old, to);
    }
    return ret;
}

static int do_rename(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));
    uint32_t folder = get4(m);
    g_autofree char *name = get_str(m);
    int ret;
    g_autofree char *to = child_path(s, folder, name, &ret);

    return m->bad ? -EINVAL : !f ? -EBADF : ret < 0 ? ret : rename_to(s, f->path, to);
}

static int do_renameat(Virtio9pState *s, Msg *m)
{
    uint32_t from_folder = get4(m);
    g_autofree char *from_name = get_str(m);
    uint32_t to_folder = get4(m);
    g_autofree char *to_name = get_str(m);
    int a, b;
    g_autofree char *from = child_path(s, from_folder, from_name, &a);
    g_autofree char *to = child_path(s, to_folder, to_name, &b);

    return m->bad ? -EINVAL : a < 0 ? a : b < 0 ? b : rename_to(s, from, to);
}

static int do_link(Virtio9pState *s, Msg *m)
{
    uint32_t folder = get4(m);
    Fid *f = fid_get(s, get4(m));
    g_autofree char *name = get_str(m);
    int ret;
    g_autofree char *to = child_path(s, folder, name, &ret);

    return m->bad ? -EINVAL : !f ? -EBADF : ret < 0 ? ret : fs_link(s->share, f->path, to);
}

static int do_unlinkat(Virtio9pState *s, Msg *m)
{
    uint32_t folder = get4(m);
    g_autofree char *name = get_str(m);
    uint32_t flags = get4(m);
    int ret;
    g_autofree char *path = child_path(s, folder, name, &ret);

    return m->bad ? -EINVAL : ret < 0 ? ret : fs_unlink(s->share, path, flags & UNLINK_DIR);
}

static int do_readlink(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));
    char target[PATH_LEN];
    int ret = m->bad || !f ? -EBADF : fs_readlink(s->share, f->path, target, sizeof(target));

    if (ret >= 0) {
        put_str(m, target);
    }
    return MIN(ret, 0);
}

static int do_getattr(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));
    struct stat st;
    int ret = m->bad || !f ? -EBADF : fs_fstat(s->share, f->path, f->fd, &st);

    if (ret < 0) {
        return ret;
    }
    put(m, GETATTR_BASIC, 8);
    ret = put_qid(s, m, &st);
    put(m, st.st_mode, 4);
    put(m, st.st_uid, 4);
    put(m, st.st_gid, 4);
    put(m, st.st_nlink, 8);
    put(m, st.st_rdev, 8);
    put(m, st.st_size, 8);
    put(m, MIN((uint64_t)st.st_blksize, io_unit(s)), 8);
    put(m, st.st_blocks, 8);
    const struct timespec *t[] = {&st.st_atim, &st.st_mtim, &st.st_ctim};
    for (unsigned i = 0; i < 3; i++) {
        put(m, t[i]->tv_sec, 8);
        put(m, t[i]->tv_nsec, 8);
    }
    for (unsigned i = 0; i < 4; i++) {
        put(m, 0, 8); /* birth time, generation, version: not asked for by anybody */
    }
    return ret;
}

static struct timespec set_time(uint32_t valid, unsigned set, unsigned to, uint64_t sec,
                                uint64_t nsec)
{
    if (!(valid & set)) {
        return (struct timespec){0, UTIME_OMIT};
    }
    return valid & to ? (struct timespec){sec, nsec} : (struct timespec){0, UTIME_NOW};
}

static int do_setattr(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));
    uint32_t valid = get4(m), mode = get4(m), uid = get4(m), gid = get4(m);
    uint64_t size = get8(m), t[4];
    int ret = 0;

    for (unsigned i = 0; i < 4; i++) {
        t[i] = get8(m);
    }
    if (m->bad || !f || ((valid & SET_ATIME_TO) && t[1] >= 1000000000) ||
        ((valid & SET_MTIME_TO) && t[3] >= 1000000000)) {
        return m->bad || f ? -EINVAL : -EBADF;
    }
    if (valid & SET_SIZE) {
        ret = f->fd >= 0 && !ftruncate(f->fd, MIN(size, INT64_MAX))
                  ? 0
                  : fs_truncate(s->share, f->path, size);
    }
    if (ret == 0 && valid & (SET_UID | SET_GID)) {
        ret = fs_chown(s->share, f->path, valid & SET_UID ? uid : NO_ID,
                       valid & SET_GID ? gid : NO_ID);
    }
    /* After the owner, whose change takes bits away. */
    if (ret == 0 && valid & SET_MODE) {
        ret = fs_chmod(s->share, f->path, mode);
    }
    if (ret == 0 && valid & (SET_ATIME | SET_MTIME)) {
        const struct timespec times[2] = {set_time(valid, SET_ATIME, SET_ATIME_TO, t[0], t[1]),
                                          set_time(valid, SET_MTIME, SET_MTIME_TO, t[2], t[3])};

        ret = fs_utimes(s->share, f->path, times);
    }
    return ret;
}

static int do_read(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));
    uint64_t offset = get8(m);
    uint32_t count = get4(m);

    if (m->bad || !f || (f->fd < 0 && !f->value) || f->dir || f->xattr) {
        return -EBADF;
    }
    count = MIN(count, m->room - HEADER - 4);
    size_t at = m->out->len;
    ssize_t n;
    put(m, 0, 4);
    g_byte_array_set_size(m->out, at + 4 + count);
    if (f->value) {
        n = offset < f->value->len ? MIN(count, f->value->len - offset) : 0;
        if (n) {
            memcpy(m->out->data + at + 4, f->value->data + offset, n);
        }
    } else if (offset > INT64_MAX) {
        return -EINVAL;
    } else {
        n = pread(f->fd, m->out->data + at + 4, count, offset);
    }
    if (n < 0) {
        return -errno;
    }
    g_byte_array_set_size(m->out, at + 4 + n);
    uint32_t le = GUINT32_TO_LE(n);
    memcpy(m->out->data + at, &le, 4);
    return 0;
}

static int do_write(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));
    uint64_t offset = get8(m);
    uint32_t count = get4(m);
    ssize_t n = count;

    if (m->bad || count > m->len - m->at || offset > INT64_MAX) {
        return -EINVAL;
    }
    if (!f || (f->fd < 0 && !f->xattr) || f->dir) {
        return -EBADF;
    }
    if (f->xattr) {
        if (offset != f->value->len || count > f->want - f->value->len) {
            return -ENOSPC;
        }
        g_byte_array_append(f->value, m->data + m->at, count);
    } else {
        n = pwrite(f->fd, m->data + m->at, count, offset);
    }
    if (n < 0) {
        return -errno;
    }
    put(m, n, 4);
    return 0;
}

static int do_readdir(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));
    uint64_t offset = get8(m);
    uint32_t count = get4(m);
    size_t at = m->out->len;
    struct dirent *d;

    if (m->bad || !f || !f->dir) {
        return -EBADF;
    }
    count = MIN(count, m->room - HEADER - 4);
    put(m, 0, 4);
    if (offset == 0) {
        rewinddir(f->dir);
    } else {
        seekdir(f->dir, offset);
    }
    while ((errno = 0, d = readdir(f->dir))) {
        size_t len = strlen(d->d_name), used = m->out->len;
        bool dot = strcmp(d->d_name, ".") == 0, up = strcmp(d->d_name, "..") == 0;
        struct stat st;

        if (!dot && !up && !fs_name_ok(s->share, d->d_name, len)) {
            continue;
        }
        if (used + 13 + 8 + 1 + 2 + len > at + 4 + count) {
            break;
        }
        g_autofree char *path = dot || up ? g_strdup(f->path) : path_join(f->path, d->d_name);
        if (fs_stat(s->share, path, &st) < 0 || put_qid(s, m, &st) < 0) {
            g_byte_array_set_size(m->out, used); /* it went meanwhile */
            continue;
        }
        put(m, d->d_off, 8);
        put(m, (st.st_mode & S_IFMT) >> 12, 1);
        put_str(m, d->d_name);
    }
    uint32_t le = GUINT32_TO_LE(m->out->len - at - 4);
    memcpy(m->out->data + at, &le, 4);
    return 0;
}

static int do_fsync(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));
    uint32_t data_only = m->at < m->len ? get4(m) : 0;

    if (m->bad || !f || f->fd < 0) {
        return -EBADF;
    }
    return (data_only ? fdatasync(f->fd) : fsync(f->fd)) ? -errno : 0;
}

/* Locks of one guest are its kernel's business: nobody else takes part. */
static int do_lock(Virtio9pState *s, Msg *m)
{
    if (!fid_get(s, get4(m))) {
        return -EBADF;
    }
    put(m, 0, 1);
    return 0;
}

static int do_getlock(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));

    get(m, 1);
    uint64_t start = get8(m), length = get8(m);
    uint32_t proc = get4(m);
    g_autofree char *client = get_str(m);
    if (m->bad || !f) {
        return -EBADF;
    }
    put(m, LOCK_UNLOCKED, 1);
    put(m, start, 8);
    put(m, length, 8);
    put(m, proc, 4);
    put_str(m, client);
    return 0;
}

static int do_xattrwalk(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m)), *new;
    uint32_t n = get4(m);
    g_autofree char *name = get_str(m);
    g_autofree uint8_t *buf = g_malloc(XATTR_MAX);

    if (m->bad || !f) {
        return -EBADF;
    }
    ssize_t len = *name ? fs_xattr_get(s->share, f->path, name, buf, XATTR_MAX)
                        : fs_xattr_list(s->share, f->path, (char *)buf, XATTR_MAX);
    if (len < 0) {
        return len;
    }
    g_autofree char *path = g_strdup(f->path);
    int ret = fid_new(s, n, path, &new);
    if (ret < 0) {
        return ret;
    }
    new->value = g_byte_array_new();
    g_byte_array_append(new->value, buf, len);
    put(m, len, 8);
    return 0;
}

static int do_xattrcreate(Virtio9pState *s, Msg *m)
{
    Fid *f = fid_get(s, get4(m));
    g_autofree char *name = get_str(m);
    uint64_t size = get8(m);
    uint32_t flags = get4(m);

    if (m->bad || !f || f->fd >= 0 || f->value) {
        return -EBADF;
    }
    if (size > XATTR_MAX || flags > 2) {
        return -EINVAL;
    }
    f->xattr = g_steal_pointer(&name);
    f->value = g_byte_array_new();
    f->want = size;
    f->flags = flags;
    return 0;
}

static int fid_clunk(Virtio9pState *s, uint32_t n)
{
    Fid *f = fid_get(s, n);
    int ret = 0;

    if (!f) {
        return -EBADF;
    }
    if (f->xattr) {
        ret = f->value->len == f->want
                  ? fs_xattr_set(s->share, f->path, f->xattr, f->value->data, f->want, f->flags)
                  : -EINVAL;
    }
    g_hash_table_remove(s->fids, GUINT_TO_POINTER(n));
    return ret;
}

static int do_clunk(Virtio9pState *s, Msg *m)
{
    return fid_clunk(s, get4(m));
}

static int do_remove(Virtio9pState *s, Msg *m)
{
    uint32_t n = get4(m);
    Fid *f = fid_get(s, n);
    struct stat st;
    int ret = !f ? -EBADF : fs_stat(s->share, f->path, &st);

    ret = ret < 0 ? ret : fs_unlink(s->share, f->path, S_ISDIR(st.st_mode));
    fid_clunk(s, n);
    return ret;
}

static int do_flush(Virtio9pState *s, Msg *m)
{
    return 0;
}

static int do_auth(Virtio9pState *s, Msg *m)
{
    return -EOPNOTSUPP; /* none is needed */
}

static int (*const handlers[T_REMOVE + 1])(Virtio9pState *s, Msg *m) = {
    [T_STATFS] = do_statfs,
    [T_LOPEN] = do_lopen,
    [T_LCREATE] = do_lcreate,
    [T_SYMLINK] = do_symlink,
    [T_MKNOD] = do_mknod,
    [T_RENAME] = do_rename,
    [T_READLINK] = do_readlink,
    [T_GETATTR] = do_getattr,
    [T_SETATTR] = do_setattr,
    [T_XATTRWALK] = do_xattrwalk,
    [T_XATTRCREATE] = do_xattrcreate,
    [T_READDIR] = do_readdir,
    [T_FSYNC] = do_fsync,
    [T_LOCK] = do_lock,
    [T_GETLOCK] = do_getlock,
    [T_LINK] = do_link,
    [T_MKDIR] = do_mkdir,
    [T_RENAMEAT] = do_renameat,
    [T_UNLINKAT] = do_unlinkat,
    [T_VERSION] = do_version,
    [T_AUTH] = do_auth,
    [T_ATTACH] = do_attach,
    [T_FLUSH] = do_flush,
    [T_WALK] = do_walk,
    [T_READ] = do_read,
    [T_WRITE] = do_write,
    [T_CLUNK] = do_clunk,
    [T_REMOVE] = do_remove,
};

/* ---- the thread ---- */

/* The answer to a whole request; NULL: it is none. */
static GByteArray *answer(Virtio9pState *s, const uint8_t *data, size_t len, size_t room)
{
    Msg m = {.data = data, .len = len, .out = g_byte_array_new(), .room = MIN(room, s->msize)};
    uint32_t size = get4(&m);
    uint8_t type = get(&m, 1);
    uint16_t tag = get(&m, 2);
    int ret;

    if (m.bad || size < HEADER || size > len || room < HEADER + 4) {
        g_byte_array_free(m.out, TRUE);
        return NULL;
    }
    m.len = size;
    put(&m, 0, HEADER);
    if (type > T_REMOVE || !handlers[type]) {
        ret = -EOPNOTSUPP;
    } else if (size > s->msize) {
        ret = -EMSGSIZE;
    } else {
        ret = handlers[type](s, &m);
        ret = ret == 0 && m.bad ? -EINVAL : ret;
        ret = ret == 0 && m.out->len > m.room ? -EMSGSIZE : ret;
    }
    if (ret < 0) {
        g_byte_array_set_size(m.out, HEADER);
        put(&m, -ret, 4);
        type = T_LERROR;
    }
    uint32_t le = GUINT32_TO_LE(m.out->len);
    memcpy(m.out->data, &le, 4);
    m.out->data[4] = type + 1;
    m.out->data[5] = tag;
    m.out->data[6] = tag >> 8;
    return m.out;
}

static void serve(Virtio9pState *s, VirtElem *e)
{
    g_autofree uint8_t *data = g_malloc(MIN(e->out_len, MSIZE_MAX));
    size_t len = iov_get(e->out, e->n_out, 0, data, MIN(e->out_len, MSIZE_MAX));
    GByteArray *out = NULL;
    uint32_t used = 0;

    device_lock(s);
    bool live = virtio_elem_live(e); /* else the driver has reset the device meanwhile */
    device_unlock(s);
    if (live) {
        out = answer(s, data, len, e->in_len);
    }

    if (out) {
        used = iov_put(e->in, e->n_in, 0, out->data, out->len);
        g_byte_array_free(out, TRUE);
    } else if (live) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "%s: request of %" PRIu64 " bytes with room for %" PRIu64 " is none\n",
                      device_name(s), e->out_len, e->in_len);
    }
    device_lock(s);
    virtqueue_push(s->vio, e, used);
    virtio_end(s->vio, e->q);
    device_unlock(s);
    g_free(e);
}

static gpointer virtio_9p_thread(gpointer opaque)
{
    Virtio9pState *s = opaque;

    g_mutex_lock(&s->lock);
    while (!s->quit) {
        VirtElem *e = g_queue_pop_head(&s->todo);

        if (!e) {
            s->busy = false;
            g_cond_broadcast(&s->idle);
            g_cond_wait(&s->cond, &s->lock);
            continue;
        }
        s->busy = true;
        g_mutex_unlock(&s->lock);
        serve(s, e);
        g_mutex_lock(&s->lock);
    }
    g_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- device ---- */

static void virtio_9p_notify(void *opaque, VirtQueue *q)
{
    Virtio9pState *s = opaque;
    VirtElem *e;

    while ((e = virtqueue_pop(s->vio, q, sizeof(*e)))) {
        virtio_begin(s->vio, q);
        g_mutex_lock(&s->lock);
        g_queue_push_tail(&s->todo, e);
        s->busy = true;
        g_cond_signal(&s->cond);
        g_mutex_unlock(&s->lock);
    }
}

static void virtio_9p_drain(void *opaque)
{
    Virtio9pState *s = opaque;

    g_mutex_lock(&s->lock);
    while (s->busy || s->todo.length) {
        g_cond_wait(&s->idle, &s->lock);
    }
    g_mutex_unlock(&s->lock);
}

static void virtio_9p_config_get(void *opaque, uint8_t *config)
{
    Virtio9pState *s = opaque;

    virtio_put16(s->vio, config, strlen(s->mount_tag));
    memcpy(config + 2, s->mount_tag, strlen(s->mount_tag));
}

static void virtio_9p_clear(void *opaque)
{
    Virtio9pState *s = opaque;

    g_hash_table_remove_all(s->fids);
    s->msize = MSIZE_MAX;
}

static OptDict *fsdev_find(Machine *m, const char *id)
{
    for (unsigned i = 0; m->objects && i < m->objects->len; i++) {
        OptDict *o = g_ptr_array_index(m->objects, i);

        if (g_strcmp0(opt_get(o, "qom-type"), "fsdev-local") == 0 &&
            g_strcmp0(opt_get(o, "id"), id) == 0) {
            return o;
        }
    }
    return NULL;
}

static bool virtio_9p_realize(void *opaque, GError **err)
{
    Virtio9pState *s = opaque;
    OptDict *o = s->fsdev ? fsdev_find(s->dev.machine, s->fsdev) : NULL;

    if (!o) {
        rhea_error_set(err, "9pfs device couldn't find fsdev with the id = %s",
                       s->fsdev ? s->fsdev : "NULL");
        return false;
    }
    if (!s->mount_tag || !*s->mount_tag || strlen(s->mount_tag) > TAG_MAX) {
        rhea_error_set(err, "mount tag of 1 to %u bytes is needed for fsdev '%s'", TAG_MAX,
                       s->fsdev);
        return false;
    }
    s->share = fs_open(o, err);
    if (!s->share) {
        return false;
    }
    g_mutex_init(&s->lock);
    g_cond_init(&s->cond);
    g_cond_init(&s->idle);
    s->msize = MSIZE_MAX;
    s->fids = g_hash_table_new_full(NULL, NULL, NULL, fid_free);
    s->thread = g_thread_new("9p", virtio_9p_thread, s);
    if (!virtio_init(s, s->vq, 1, 1u << F_MOUNT_TAG, err)) {
        return false;
    }
    virtio_queue_init(s->vio, 0, QUEUE_SIZE);
    return true;
}

static void virtio_9p_unrealize(void *opaque)
{
    Virtio9pState *s = opaque;
    VirtElem *e;

    if (!s->thread) {
        return;
    }
    g_mutex_lock(&s->lock);
    s->quit = true;
    g_cond_signal(&s->cond);
    g_mutex_unlock(&s->lock);
    g_thread_join(s->thread);
    while ((e = g_queue_pop_head(&s->todo))) {
        g_free(e);
    }
    g_hash_table_destroy(s->fids);
    fs_close(s->share);
    g_mutex_clear(&s->lock);
    g_cond_clear(&s->cond);
    g_cond_clear(&s->idle);
}

// clang-format off
VIRTIO_DEVICE(virtio_9p, Virtio9pState, "virtio-9p", DEVICE_STORAGE, 1,
    .id = VIRTIO_ID_9P,
    .config_size = 2 + TAG_MAX,
    .config_get = virtio_9p_config_get,
    .notify = virtio_9p_notify,
    .reset = virtio_9p_clear,
    .drain = virtio_9p_drain);
// clang-format on

VIRTIO_PCI(virtio_9p, "virtio-9p", DEVICE_STORAGE, .pci.class_code = 0x00ff00,
           .legacy_device = 0x1009);

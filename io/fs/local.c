/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A folder of the host as a share (include/io/fs.h).
 *
 * Security models: passthrough and none make objects as the guest says, with the rights of this
 * program (none does not mind if owners cannot be set). The mapped ones keep owner, mode and device
 * number beside a plain file or folder of this program's user, and symbolic links and special
 * files as plain files: in extended attributes (user.virtfs.uid, .gid, .mode as 32-bit, .rdev as
 * 64-bit little-endian numbers), or in a file of the same name in ".virtfs_metadata" of the folder
 * (".virtfs_metadata_root" for the share itself), with lines "virtfs.uid=N" and so on.
 *
 * Threads: one at a time. Test: tests/unit/test-9p.c
 */
#include "io/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define META_DIR    ".virtfs_metadata"
#define META_ROOT   ".virtfs_metadata_root"
#define XATTR       "user.virtfs."
#define DEVICES_MAX 256

typedef enum { FS_PASSTHROUGH, FS_NONE, FS_MAPPED_XATTR, FS_MAPPED_FILE } FsModel;
typedef enum { DEVS_REMAP, DEVS_FORBID, DEVS_WARN } FsDevs;

struct FsShare {
    char *path;
    int root;
    FsModel model;
    bool read_only;
    FsDevs devs;
    mode_t file_mode, dir_mode; /* of the plain objects of the mapped models */
    dev_t dev[DEVICES_MAX];     /* seen, the share's own first */
    unsigned n_devs;
    bool warned;
};

static bool mapped(const FsShare *s)
{
    return s->model == FS_MAPPED_XATTR || s->model == FS_MAPPED_FILE;
}

/* ---- paths ---- */

bool fs_name_ok(const FsShare *s, const char *name, size_t len)
{
    static const char *const hidden[] = {".", "..", META_DIR, META_ROOT};

    if (len == 0 || len > NAME_MAX || memchr(name, '/', len) || memchr(name, 0, len)) {
        return false;
    }
    for (unsigned i = 0; i < (s->model == FS_MAPPED_FILE ? 4 : 2); i++) {
        if (strlen(hidden[i]) == len && memcmp(name, hidden[i], len) == 0) {
            return false;
        }
    }
    return true;
}

/* The folder that path stands in, as an O_PATH descriptor; *name: what it is called there, "." for
 * the share itself. */
static int parent_open(FsShare *s, const char *path, const char **name)
{
    int fd = openat(s->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    while (fd >= 0) {
        const char *slash = strchr(path, '/');
        char part[NAME_MAX + 1];

        if (!slash) {
            *name = *path ? path : ".";
            return fd;
        }
        if (slash - path > NAME_MAX) {
            close(fd);
            return -ENAMETOOLONG;
        }
        memcpy(part, path, slash - path);
        part[slash - path] = 0;
        int next = openat(fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        close(fd);
        errno = error;
        fd = next;
        path = slash + 1;
    }
    return -errno;
}

/* The object itself, a link too, as an O_PATH descriptor. */
static int object_open(FsShare *s, const char *path)
{
    const char *name;
    int dir = parent_open(s, path, &name);

    if (dir < 0) {
        return dir;
    }
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), error = errno;
    close(dir);
    return fd < 0 ? -error : fd;
}

/* What takes a path and no descriptor reaches exactly that object by this one. */
static void proc_path(char buf[32], int fd)
{
    snprintf(buf, 32, "/proc/self/fd/%d", fd);
}

/* ---- what the mapped models keep ---- */

typedef struct Kept {
    FsCred c;
    unsigned have; /* bits: uid, gid, mode, rdev */
} Kept;

enum { KEPT_UID = 1, KEPT_GID = 2, KEPT_MODE = 4, KEPT_RDEV = 8 };
static const char *const kept_names[] = {"uid", "gid", "mode", "rdev"};

static void kept_put(Kept *k, unsigned i, uint64_t val)
{
    k->have |= 1u << i;
    switch (i) {
    case 0:
        k->c.uid = val;
        break;
    case 1:
        k->c.gid = val;
        break;
    case 2:
        k->c.mode = val;
        break;
    default:
        k->c.rdev = val;
    }
}

static uint64_t kept_value(const Kept *k, unsigned i)
{
    return i == 0 ? k->c.uid : i == 1 ? k->c.gid : i == 2 ? k->c.mode : k->c.rdev;
}

static void kept_read_xattr(int fd, Kept *k)
{
    char path[32], name[32];

    proc_path(path, fd);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t val = 0;
        ssize_t size = i == 3 ? 8 : 4;

        snprintf(name, sizeof(name), XATTR "%s", kept_names[i]);
        if (getxattr(path, name, &val, size) == size) {
            kept_put(k, i, GUINT64_FROM_LE(val));
        }
    }
}

static int kept_write_xattr(int fd, const Kept *k)
{
    char path[32], name[32];

    proc_path(path, fd);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t val = GUINT64_TO_LE(kept_value(k, i));

        snprintf(name, sizeof(name), XATTR "%s", kept_names[i]);
        if (k->have >> i & 1 && setxattr(path, name, &val, i == 3 ? 8 : 4, 0)) {
            return -errno;
        }
    }
    return 0;
}

/* The folder of the metadata for what is called `name` in dir, and the file's name there. */
static int meta_dir(int dir, const char **name, bool create)
{
    if (strcmp(*name, ".") == 0) {
        *name = META_ROOT;
        return openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (create) {
        mkdirat(dir, META_DIR, 0700);
    }
    return openat(dir, META_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void kept_read_file(int dir, const char *name, Kept *k)
{
    char text[256], *line, *save = NULL;
    int meta = meta_dir(dir, &name, false);
    int fd = meta < 0 ? -1 : openat(meta, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0) {
        close(fd);
    }
    if (meta >= 0) {
        close(meta);
    }
    if (n <= 0) {
        return;
    }
    text[n] = 0;
    for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        for (unsigned i = 0; i < 4; i++) {
            g_autofree char *key = g_strdup_printf("virtfs.%s=", kept_names[i]);

            if (g_str_has_prefix(line, key)) {
                kept_put(k, i, strtoull(line + strlen(key), NULL, 0));
            }
        }
    }
}

static int kept_write_file(int dir, const char *name, const Kept *k)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int meta = meta_dir(dir, &name, true), ret = 0;

    if (meta < 0) {
        return -errno;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (k->have >> i & 1) {
            g_string_append_printf(text, "virtfs.%s=%" G_GUINT64_FORMAT "\n", kept_names[i],
                                   kept_value(k, i));
        }
    }
    int fd = openat(meta, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                    0600);
    if (fd < 0 || write(fd, text->str, text->len) != (ssize_t)text->len) {
        ret = -errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    close(meta);
    return ret;
}

static void kept_read(FsShare *s, int dir, const char *name, int fd, Kept *k)
{
    *k = (Kept){.have = 0};
    if (s->model == FS_MAPPED_XATTR) {
        kept_read_xattr(fd, k);
    } else if (s->model == FS_MAPPED_FILE) {
        kept_read_file(dir, name, k);
    }
}

/* Change some of what is kept of an object. */
static int kept_change(FsShare *s, const char *path, const Kept *change)
{
    const char *name;
    int dir = parent_open(s, path, &name), ret;
    Kept k;

    if (dir < 0) {
        return dir;
    }
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        ret = -errno;
    } else if (s->model == FS_MAPPED_XATTR) {
        ret = kept_write_xattr(fd, change);
    } else {
        kept_read(s, dir, name, fd, &k);
        for (unsigned i = 0; i < 4; i++) {
            if (change->have >> i & 1) {
                kept_put(&k, i, kept_value(change, i));
            }
        }
        ret = kept_write_file(dir, name, &k);
    }
    if (fd >= 0) {
        close(fd);
    }
    close(dir);
    return ret;
}

static void kept_forget(FsShare *s, int dir, const char *name)
{
    if (s->model == FS_MAPPED_FILE) {
        int meta = meta_dir(dir, &name, false);

        if (meta >= 0) {
            unlinkat(meta, name, 0);
            close(meta);
        }
    }
}

/* ---- what there is ---- */

static void kept_apply(const Kept *k, struct stat *st)
{
    st->st_uid = k->have & KEPT_UID ? k->c.uid : st->st_uid;
    st->st_gid = k->have & KEPT_GID ? k->c.gid : st->st_gid;
    st->st_rdev = k->have & KEPT_RDEV ? k->c.rdev : st->st_rdev;
    if (k->have & KEPT_MODE) {
        /* A folder stays one. */
        st->st_mode = S_ISDIR(st->st_mode) || S_ISDIR(k->c.mode)
                          ? (st->st_mode & S_IFMT) | (k->c.mode & 07777)
                          : k->c.mode;
    }
}

int fs_stat(FsShare *s, const char *path, struct stat *st)
{
    return fs_fstat(s, path, -1, st);
}

int fs_fstat(FsShare *s, const char *path, int open_fd, struct stat *st)
{
    const char *name = ".";
    int ret = 0, dir = parent_open(s, path, &name);
    int fd = dir < 0 ? -1 : openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    Kept k = {.have = 0};

    if (open_fd >= 0) {
        /* What was deleted has lost what was kept beside it. */
        ret = fstat(open_fd, st) ? -errno : 0;
        if (s->model == FS_MAPPED_XATTR) {
            kept_read_xattr(open_fd, &k);
        } else if (fd >= 0) {
            kept_read(s, dir, name, fd, &k);
        }
    } else if (fd < 0) {
        ret = dir < 0 ? dir : -errno;
    } else {
        ret = fstatat(fd, "", st, AT_EMPTY_PATH) ? -errno : 0;
        kept_read(s, dir, name, fd, &k);
    }
    if (ret == 0) {
        kept_apply(&k, st);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (dir >= 0) {
        close(dir);
    }
    return ret;
}

int fs_inode(FsShare *s, const struct stat *st, uint64_t *inode)
{
    unsigned i = 0;

    while (i < s->n_devs && s->dev[i] != st->st_dev) {
        i++;
    }
    if (i == s->n_devs) {
        if (s->devs == DEVS_FORBID) {
            return -ENODEV;
        }
        if (s->devs == DEVS_WARN && !s->warned) {
            s->warned = true;
            rhea_warn_report("9p: several file systems in the share '%s': files may get the same "
                             "number (multidevs=remap gives each its own)",
                             s->path);
        }
        if (i == DEVICES_MAX) {
            return -ENFILE;
        }
        s->dev[s->n_devs++] = st->st_dev;
    }
    /* The upper bits of inode numbers are hardly ever used. */
    *inode = st->st_ino ^ (s->devs == DEVS_WARN ? 0 : (uint64_t)i << 56);
    return 0;
}

int fs_statvfs(FsShare *s, struct statvfs *st)
{
    return fstatvfs(s->root, st) ? -errno : 0;
}

int fs_readlink(FsShare *s, const char *path, char *buf, size_t size)
{
    struct stat st;
    int ret = fs_stat(s, path, &st);
    ssize_t n;

    if (ret < 0) {
        return ret;
    }
    if (!S_ISLNK(st.st_mode)) {
        return -EINVAL;
    }
    int fd = object_open(s, path);
    if (fd < 0) {
        return fd;
    }
    n = readlinkat(fd, "", buf, size - 1);
    ret = n < 0 ? -errno : n;
    close(fd);
    if (ret < 0 && mapped(s)) {
        fd = fs_open_file(s, path, O_RDONLY);
        if (fd < 0) {
            return fd;
        }
        n = read(fd, buf, size - 1);
        ret = n < 0 ? -errno : n;
        close(fd);
    }
    if (ret >= 0) {
        buf[ret] = 0;
    }
    return ret;
}

/* ---- open and make ---- */

int fs_open_file(FsShare *s, const char *path, int flags)
{
    const char *name;
    struct stat st;
    int dir, fd, ret;

    if (s->read_only && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC)) {
        return -EROFS;
    }
    dir = parent_open(s, path, &name);
    if (dir < 0) {
        return dir;
    }
    /* Nothing but files and folders: opening anything else can wait, or act. */
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
        ret = -errno;
    } else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        ret = S_ISLNK(st.st_mode) ? -ELOOP : -ENXIO;
    } else {
        fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        ret = fd < 0 ? -errno : fd;
    }
    close(dir);
    return ret;
}

static Kept kept_of(const FsCred *c)
{
    return (Kept){*c, KEPT_UID | KEPT_GID | KEPT_MODE | (c->rdev ? KEPT_RDEV : 0)};
}

/* Owner and mode of what was just made; undone if that fails. */
static int made(FsShare *s, int dir, const char *path, const char *name, const FsCred *c)
{
    Kept k = kept_of(c);
    int ret = 0;

    if (mapped(s)) {
        ret = kept_change(s, path, &k);
    } else if (fchownat(dir, name, c->uid, c->gid, AT_SYMLINK_NOFOLLOW) &&
               s->model == FS_PASSTHROUGH) {
        ret = -errno;
    } else if (!S_ISLNK(c->mode)) {
        /* The umask, and changing the owner, may have taken bits away. */
        ret = fs_chmod(s, path, c->mode & 07777);
    }
    return ret;
}

/* The folder to make `path` in. */
static int make_begin(FsShare *s, const char *path, const char **name)
{
    if (s->read_only) {
        return -EROFS;
    }
    return *path ? parent_open(s, path, name) : -EEXIST;
}

static int make_end(FsShare *s, int dir, const char *path, const char *name, const FsCred *c,
                    bool ok)
{
    int ret = ok ? made(s, dir, path, name, c) : -errno;

    if (ok && ret < 0) {
        unlinkat(dir, name, S_ISDIR(c->mode) ? AT_REMOVEDIR : 0);
    }
    close(dir);
    return ret;
}

int fs_create(FsShare *s, const char *path, int flags, const FsCred *cred)
{
    FsCred c = *cred;
    const char *name;
    int dir = make_begin(s, path, &name), fd;

    if (dir < 0) {
        return dir;
    }
    c.mode = S_IFREG | (c.mode & 07777);
    fd = openat(dir, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC,
                mapped(s) ? s->file_mode : c.mode & 07777);
    if (fd < 0 && errno == EEXIST && !(flags & O_EXCL)) {
        close(dir);
        return fs_open_file(s, path, flags);
    }
    int ret = make_end(s, dir, path, name, &c, fd >= 0);
    if (ret < 0 && fd >= 0) {
        close(fd);
    }
    return ret < 0 ? ret : fd;
}

int fs_mkdir(FsShare *s, const char *path, const FsCred *cred)
{
    FsCred c = *cred;
    const char *name;
    int dir = make_begin(s, path, &name);

    c.mode = S_IFDIR | (c.mode & 07777);
    return dir < 0 ? dir
                   : make_end(s, dir, path, name, &c,
                              !mkdirat(dir, name, mapped(s) ? s->dir_mode : c.mode & 07777));
}

int fs_mknod(FsShare *s, const char *path, const FsCred *c)
{
    const char *name;
    int dir = make_begin(s, path, &name);

    return dir < 0 ? dir
                   : make_end(s, dir, path, name, c,
                              !(mapped(s) ? mknodat(dir, name, S_IFREG | s->file_mode, 0)
                                          : mknodat(dir, name, c->mode, c->rdev)));
}

int fs_symlink(FsShare *s, const char *path, const char *target, const FsCred *cred)
{
    FsCred c = *cred;
    const char *name;
    int dir = make_begin(s, path, &name);
    bool ok;

    if (dir < 0) {
        return dir;
    }
    c.mode = S_IFLNK | 0777;
    if (mapped(s)) {
        int fd =
            openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, s->file_mode);
        ok = fd >= 0 && write(fd, target, strlen(target)) == (ssize_t)strlen(target);
        if (fd >= 0) {
            close(fd);
        }
    } else {
        ok = !symlinkat(target, dir, name);
    }
    return make_end(s, dir, path, name, &c, ok);
}

/* ---- names ---- */

/* What is kept of `from` goes with it (move) or is there twice. */
static int kept_follow(FsShare *s, int from_dir, const char *from, int to_dir, const char *to,
                       bool move)
{
    Kept k;
    int ret = 0;

    if (s->model != FS_MAPPED_FILE) {
        return 0;
    }
    kept_read(s, from_dir, from, -1, &k);
    if (k.have) {
        ret = kept_write_file(to_dir, to, &k);
    } else {
        kept_forget(s, to_dir, to);
    }
    if (move) {
        kept_forget(s, from_dir, from);
    }
    return ret;
}

static int name_twice(FsShare *s, const char *from, const char *to, bool move)
{
    const char *from_name, *to_name;
    int a, b, ret;

    if (s->read_only) {
        return -EROFS;
    }
    if (!*from || !*to) {
        return -EBUSY;
    }
    a = parent_open(s, from, &from_name);
    b = a < 0 ? a : parent_open(s, to, &to_name);
    if (b < 0) {
        ret = b;
    } else if (move ? renameat(a, from_name, b, to_name) : linkat(a, from_name, b, to_name, 0)) {
        ret = -errno;
    } else {
        ret = kept_follow(s, a, from_name, b, to_name, move);
    }
    if (b >= 0) {
        close(b);
    }
    if (a >= 0) {
        close(a);
    }
    return ret;
}

int fs_link(FsShare *s, const char *from, const char *to)
{
    return name_twice(s, from, to, false);
}

int fs_rename(FsShare *s, const char *from, const char *to)
{
    return strcmp(from, to) == 0 ? 0 : name_twice(s, from, to, true);
}

/* A folder that is empty for the guest has its metadata folder left. */
static void meta_remove(int dir, const char *name)
{
    int folder = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (folder >= 0) {
        unlinkat(folder, META_DIR, AT_REMOVEDIR);
        close(folder);
    }
}

int fs_unlink(FsShare *s, const char *path, bool folder)
{
    const char *name;
    int dir, ret = 0;

    if (s->read_only) {
        return -EROFS;
    }
    if (!*path) {
        return -EBUSY;
    }
    dir = parent_open(s, path, &name);
    if (dir < 0) {
        return dir;
    }
    if (folder && s->model == FS_MAPPED_FILE) {
        meta_remove(dir, name);
    }
    if (unlinkat(dir, name, folder ? AT_REMOVEDIR : 0)) {
        ret = -errno;
    } else {
        kept_forget(s, dir, name);
    }
    close(dir);
    return ret;
}

/* ---- attributes ---- */

int fs_chmod(FsShare *s, const char *path, mode_t mode)
{
    struct stat st;
    char proc[32];
    int ret = s->read_only ? -EROFS : fs_stat(s, path, &st);

    if (ret < 0) {
        return ret;
    }
    if (mapped(s)) {
        Kept k = {{.mode = (st.st_mode & S_IFMT) | (mode & 07777)}, KEPT_MODE};

        return kept_change(s, path, &k);
    }
    if (S_ISLNK(st.st_mode)) {
        return -EOPNOTSUPP;
    }
    int fd = object_open(s, path);
    if (fd < 0) {
        return fd;
    }
    proc_path(proc, fd);
    ret = chmod(proc, mode & 07777) ? -errno : 0;
    close(fd);
    return ret;
}

int fs_chown(FsShare *s, const char *path, uid_t uid, gid_t gid)
{
    if (s->read_only) {
        return -EROFS;
    }
    if (mapped(s)) {
        Kept k = {{.uid = uid, .gid = gid},
                  (uid == (uid_t)-1 ? 0 : KEPT_UID) | (gid == (gid_t)-1 ? 0 : KEPT_GID)};

        return kept_change(s, path, &k);
    }
    int fd = object_open(s, path);
    if (fd < 0) {
        return fd;
    }
    int ret = fchownat(fd, "", uid, gid, AT_EMPTY_PATH) && s->model != FS_NONE ? -errno : 0;
    close(fd);
    return ret;
}

int fs_truncate(FsShare *s, const char *path, uint64_t size)
{
    int fd = size > INT64_MAX ? -EINVAL : fs_open_file(s, path, O_WRONLY);

    if (fd < 0) {
        return fd;
    }
    int ret = ftruncate(fd, size) ? -errno : 0;
    close(fd);
    return ret;
}

int fs_utimes(FsShare *s, const char *path, const struct timespec times[2])
{
    const char *name;
    int dir = s->read_only ? -EROFS : parent_open(s, path, &name);

    if (dir < 0) {
        return dir;
    }
    int ret = utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
    close(dir);
    return ret;
}

static bool xattr_ours(const FsShare *s, const char *name)
{
    return mapped(s) &&
           (g_str_has_prefix(name, XATTR) || g_str_has_prefix(name, "system.posix_acl"));
}

ssize_t fs_xattr_get(FsShare *s, const char *path, const char *name, void *buf, size_t size)
{
    char proc[32];
    int fd = xattr_ours(s, name) ? -ENODATA : object_open(s, path);

    if (fd < 0) {
        return fd;
    }
    proc_path(proc, fd);
    ssize_t ret = getxattr(proc, name, buf, size);
    ret = ret < 0 ? -errno : ret;
    close(fd);
    return ret;
}

ssize_t fs_xattr_list(FsShare *s, const char *path, char *buf, size_t size)
{
    char proc[32], all[65536];
    int fd = object_open(s, path);
    size_t len = 0;

    if (fd < 0) {
        return fd;
    }
    proc_path(proc, fd);
    ssize_t n = listxattr(proc, all, sizeof(all));
    n = n < 0 ? -errno : n;
    close(fd);
    for (ssize_t at = 0; at < n; at += strlen(all + at) + 1) {
        size_t one = strlen(all + at) + 1;

        if (xattr_ours(s, all + at)) {
            continue;
        }
        if (size) {
            if (len + one > size) {
                return -ERANGE;
            }
            memcpy(buf + len, all + at, one);
        }
        len += one;
    }
    return n < 0 ? n : (ssize_t)len;
}

int fs_xattr_set(FsShare *s, const char *path, const char *name, const void *buf, size_t size,
                 int flags)
{
    char proc[32];
    int fd = s->read_only ? -EROFS : xattr_ours(s, name) ? -EOPNOTSUPP : object_open(s, path);

    if (fd < 0) {
        return fd;
    }
    proc_path(proc, fd);
    int ret =
        (size ? setxattr(proc, name, buf, size, flags) : removexattr(proc, name)) ? -errno : 0;
    close(fd);
    return ret;
}

/* ---- options ---- */

static bool take_mode(OptDict *o, const char *key, mode_t *mode, bool is_mapped, GError **err)
{
    const char *text = opt_take(o, key);
    char *end = NULL;
    unsigned long val = text ? strtoul(text, &end, 8) : 0;

    if (!text) {
        return true;
    }
    if (!*text || *end || val > 0777) {
        rhea_error_set(err, "Parameter '%s' expects file permissions in octal", key);
        return false;
    }
    if (!is_mapped) {
        rhea_error_set(err, "%s is only valid if security_model=mapped", key);
        return false;
    }
    *mode = val;
    return true;
}

FsShare *fs_open(OptDict *o, GError **err)
{
    static const char *const models[] = {"passthrough", "none",   "mapped-xattr",
                                         "mapped-file", "mapped", NULL};
    static const char *const devs[] = {"remap", "forbid", "warn", NULL};
    FsShare *s = g_new0(FsShare, 1);
    const char *path = opt_take(o, "path"), *why = NULL;
    int model = -1, dev = DEVS_REMAP;
    struct stat st;

    s->root = -1;
    s->file_mode = 0600;
    s->dir_mode = 0700;
    if (!path) {
        rhea_error_set(err, "fsdev: No path specified");
    } else if (opt_take_enum(o, "security_model", models, &model, err) &&
               opt_take_enum(o, "multidevs", devs, &dev, err) &&
               opt_take_bool(o, "readonly", &s->read_only, err) &&
               take_mode(o, "fmode", &s->file_mode, model >= FS_MAPPED_XATTR, err) &&
               take_mode(o, "dmode", &s->dir_mode, model >= FS_MAPPED_XATTR, err)) {
        if (model < 0) {
            why = "security_model property needs to be set (passthrough, mapped-xattr, "
                  "mapped-file or none)";
        } else if ((s->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0 ||
                   fstat(s->root, &st)) {
            why = g_strerror(errno);
        }
        if (why) {
            rhea_error_set(err, "cannot initialize fsdev '%s': %s", path, why);
        }
    }
    if (s->root < 0) {
        fs_close(s);
        return NULL;
    }
    s->path = g_strdup(path);
    s->model = model == 4 ? FS_MAPPED_XATTR : model;
    s->devs = dev;
    s->dev[s->n_devs++] = st.st_dev;
    return s;
}

void fs_close(FsShare *s)
{
    if (s->root >= 0) {
        close(s->root);
    }
    g_free(s->path);
    g_free(s);
}

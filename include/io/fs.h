/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A folder of the host that a guest uses (-fsdev local).
 *
 * Paths are relative to the folder, components separated by one '/', "" is the folder itself; no
 * component is empty, "." or ".." (fs_name_ok()). They are walked one by one without following
 * symbolic links: nothing outside the folder can be reached, whatever the guest or the host puts
 * into it meanwhile. Functions return 0 or more, or a negative errno. They block; one thread at a
 * time. Test: tests/unit/test-9p.c
 */
#ifndef IO_FS_H
#define IO_FS_H

#include "softmmu/opts.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

typedef struct FsShare FsShare;

typedef struct FsCred {
    mode_t mode; /* with the type for fs_mknod() */
    uid_t uid;
    gid_t gid;
    dev_t rdev;
} FsCred;

/* From path=, security_model=, readonly=, multidevs=, fmode=, dmode=. */
FsShare *fs_open(OptDict *o, GError **err);
void fs_close(FsShare *s);

/* len bytes are the name of something in a folder, and not what is kept from the guest. */
bool fs_name_ok(const FsShare *s, const char *name, size_t len);
int fs_stat(FsShare *s, const char *path, struct stat *st);
int fs_fstat(FsShare *s, const char *path, int fd, struct stat *st);
/* A number that no other object of the share has now. */
int fs_inode(FsShare *s, const struct stat *st, uint64_t *inode);
/* A descriptor of a regular file or a folder; flags of open(2). */
int fs_open_file(FsShare *s, const char *path, int flags);
int fs_create(FsShare *s, const char *path, int flags, const FsCred *c);
int fs_mkdir(FsShare *s, const char *path, const FsCred *c);
int fs_mknod(FsShare *s, const char *path, const FsCred *c);
int fs_symlink(FsShare *s, const char *path, const char *target, const FsCred *c);
int fs_link(FsShare *s, const char *from, const char *to);
int fs_rename(FsShare *s, const char *from, const char *to);
int fs_unlink(FsShare *s, const char *path, bool folder);
/* The target into buf, ended by a NUL. */
int fs_readlink(FsShare *s, const char *path, char *buf, size_t size);
int fs_chmod(FsShare *s, const char *path, mode_t mode);
int fs_chown(FsShare *s, const char *path, uid_t uid, gid_t gid); /* -1: leave it */
int fs_truncate(FsShare *s, const char *path, uint64_t size);
int fs_utimes(FsShare *s, const char *path, const struct timespec times[2]);
int fs_statvfs(FsShare *s, struct statvfs *st);
/* size 0: how many bytes there are. */
ssize_t fs_xattr_get(FsShare *s, const char *path, const char *name, void *buf, size_t size);
ssize_t fs_xattr_list(FsShare *s, const char *path, char *buf, size_t size);
int fs_xattr_set(FsShare *s, const char *path, const char *name, const void *buf, size_t size,
                 int flags);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio 9P: what the protocol does to a folder in each security model; nothing outside the folder
 * is reached; requests that lie about lengths.
 */
#include "tests/unit/virtio-driver.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define REQUEST     (BUFFERS)
#define ANSWER      (BUFFERS + 0x4000)
#define ANSWER_SIZE 0x4000

enum {
    LERROR = 7,
    LOPEN = 12,
    LCREATE = 14,
    SYMLINK = 16,
    MKNOD = 18,
    READLINK = 22,
    GETATTR = 24,
    SETATTR = 26,
    XATTRWALK = 30,
    READDIR = 40,
    LINK = 70,
    MKDIR = 72,
    RENAMEAT = 74,
    UNLINKAT = 76,
    VERSION = 100,
    ATTACH = 104,
    WALK = 110,
    READ = 116,
    WRITE9 = 118,
    CLUNK = 120
};

typedef struct Share {
    Driver d;
    char *dir;
    const uint8_t *in;
} Share;

/* Format: 1, 2, 4, 8: numbers of that size; s: a string. The error, or 0; s->in is the answer. */
static int call(Share *s, uint8_t type, const char *format, ...)
{
    GByteArray *b = g_byte_array_new();
    uint8_t head[7] = {0, 0, 0, 0, type, 0x34, 0x12};
    uint32_t used = 0;
    va_list ap;

    g_byte_array_append(b, head, 7);
    va_start(ap, format);
    for (const char *p = format; *p; p++) {
        if (*p == 's') {
            const char *text = va_arg(ap, const char *);
            uint16_t n = strlen(text);

            g_byte_array_append(b, (uint8_t *)&n, 2);
            g_byte_array_append(b, (const uint8_t *)text, n);
        } else {
            uint64_t val = *p == '8' ? va_arg(ap, uint64_t) : va_arg(ap, uint32_t);

            g_byte_array_append(b, (uint8_t *)&val, *p - '0');
        }
    }
    va_end(ap);
    memcpy(b->data, &b->len, 4);
    memcpy(ram(&s->d, REQUEST), b->data, b->len);
    desc_set(&s->d, QUEUE_AT(0), 0, REQUEST, b->len, NEXT, 1);
    desc_set(&s->d, QUEUE_AT(0), 1, ANSWER, ANSWER_SIZE, 2, 0);
    g_byte_array_free(b, TRUE);
    make_available(&s->d, 0, 0);
    kick(&s->d, 0);
    g_assert_cmpint(used_next(&s->d, 0, &used), ==, 0);
    s->in = ram(&s->d, ANSWER);
    g_assert_cmpuint(*(uint32_t *)s->in, ==, used);
    g_assert_cmphex(s->in[5] | s->in[6] << 8, ==, 0x1234);
    if (s->in[4] == LERROR) {
        return *(uint32_t *)(s->in + 7);
    }
    g_assert_cmpuint(s->in[4], ==, type + 1);
    return 0;
}

static void share_open(Share *s, const char *model, const char *more)
{
    OptDict *o;

    driver_open(&s->d, false, false);
    s->dir = g_dir_make_tmp("rhea-9p-XXXXXX", NULL);
    g_autofree char *text = g_strdup_printf("qom-type=fsdev-local,id=f,path=%s,security_model=%s%s",
                                            s->dir, model, more);
    o = opt_parse(text, NULL, NULL);
    g_ptr_array_add(s->d.t.m->objects, o);
    driver_plug_ok(&s->d, "virtio-9p-device,fsdev=f,mount_tag=tag9");
    driver_start(&s->d, 1, 1);
    g_assert_cmphex(vreg(&s->d, 0x100), ==, 'a' << 24 | 't' << 16 | 4);
    g_assert_cmpint(call(s, VERSION, "4s", 0x3000, "9P2000.L"), ==, 0);
    g_assert_cmpuint(*(uint32_t *)(s->in + 7), ==, 0x3000);
    g_assert_cmpint(call(s, ATTACH, "44ss4", 1, UINT32_MAX, "root", "", 1000), ==, 0);
}

static void share_close(Share *s)
{
    g_autofree char *rm = g_strdup_printf("rm -rf %s", s->dir);

    driver_close(&s->d);
    g_assert_cmpint(system(rm), ==, 0);
    g_free(s->dir);
}

static char *host(Share *s, const char *name)
{
    return g_build_filename(s->dir, name, NULL);
}

/* Fid to: what is called name in the share. */
static int walk(Share *s, uint32_t to, const char *name)
{
    call(s, CLUNK, "4", to);
    int ret = call(s, WALK, "442s", 1, to, 1, name);

    return ret ? ret : s->in[7] == 1 ? 0 : ENOENT;
}

typedef struct Attr {
    uint32_t mode, uid, gid;
    uint64_t nlink, rdev, size, mtime, mtime_ns;
} Attr;

static Attr attr(Share *s, uint32_t fid)
{
    Attr a;

    g_assert_cmpint(call(s, GETATTR, "48", fid, UINT64_C(0x7ff)), ==, 0);
    const uint8_t *p = s->in + 7 + 8 + 13;
    memcpy(&a.mode, p, 4);
    memcpy(&a.uid, p + 4, 4);
    memcpy(&a.gid, p + 8, 4);
    memcpy(&a.nlink, p + 12, 8);
    memcpy(&a.rdev, p + 20, 8);
    memcpy(&a.size, p + 28, 8);
    memcpy(&a.mtime, p + 68, 8);
    memcpy(&a.mtime_ns, p + 76, 8);
    return a;
}

static bool listed(Share *s, uint32_t fid, const char *name)
{
    g_assert_cmpint(call(s, READDIR, "484", fid, UINT64_C(0), 0x2000), ==, 0);
    const uint8_t *p = s->in + 11, *end = p + *(uint32_t *)(s->in + 7);
    bool found = false;
    while (p < end) {
        unsigned n = p[22] | p[23] << 8;

        found |= n == strlen(name) && memcmp(p + 24, name, n) == 0;
        p += 24 + n;
    }
    g_assert_true(p == end);
    return found;
}

static void test_model(gconstpointer model)
{
    Share s;
    bool mapped = g_str_has_prefix(model, "mapped");
    struct stat st;

    share_open(&s, model, "");
    if (strcmp(model, "mapped-xattr") == 0 && setxattr(s.dir, "user.virtfs.test", "x", 1, 0)) {
        g_test_skip("no extended attributes in the temporary folder");
        share_close(&s);
        return;
    }
    /* A folder, a file in it, written and read. */
    g_assert_cmpint(call(&s, MKDIR, "4s44", 1, "dir", 0751, 50), ==, 0);
    g_assert_cmpint(walk(&s, 2, "dir"), ==, 0);
    Attr a = attr(&s, 2);
    g_assert_cmphex(a.mode, ==, S_IFDIR | 0751);
    g_assert_cmpint(call(&s, WALK, "442", 2, 3, 0), ==, 0);
    g_assert_cmpint(call(&s, LCREATE, "4s444", 3, "file", 2, 04640, 60), ==, 0);
    g_assert_cmpint(call(&s, WRITE9, "4848", 3, UINT64_C(2), 8, UINT64_C(0x4847464544434241)), ==,
                    0);
    g_assert_cmpint(call(&s, READ, "484", 3, UINT64_C(0), 100), ==, 0);
    g_assert_cmpmem(s.in + 7, 14, "\12\0\0\0\0\0ABCDEFGH", 14);
    a = attr(&s, 3);
    g_assert_cmphex(a.mode, ==, S_IFREG | 04640);
    g_assert_cmpuint(a.size, ==, 10);
    g_autofree char *file = host(&s, "dir/file");
    g_assert_cmpint(stat(file, &st), ==, 0);
    g_assert_cmphex(st.st_mode & 07777, ==, mapped ? 0600 : 04640);
    if (mapped || geteuid() == 0) {
        g_assert_cmpuint(a.uid, ==, 1000);
        g_assert_cmpuint(a.gid, ==, 60);
        /* Owner and mode by setattr; times to the nanosecond. */
        g_assert_cmpint(call(&s, SETATTR, "4444488888", 3, 1 | 2 | 0x20 | 0x100, 0604, 77, 0,
                             UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(1234567),
                             UINT64_C(89)),
                        ==, 0);
        a = attr(&s, 3);
        g_assert_cmphex(a.mode, ==, S_IFREG | 0604);
        g_assert_cmpuint(a.uid, ==, 77);
        g_assert_cmpuint(a.gid, ==, 60);
        g_assert_cmpuint(a.mtime, ==, 1234567);
        g_assert_cmpuint(a.mtime_ns, ==, 89);
        g_assert_cmpint(call(&s, MKNOD, "4s4444", 2, "dev", S_IFCHR | 0600, 1, 3, 0), ==, 0);
    }
    g_assert_cmpint(call(&s, SETATTR, "4444488888", 3, 8, 0, 0, 0, UINT64_C(4), UINT64_C(0),
                         UINT64_C(0), UINT64_C(0), UINT64_C(0)),
                    ==, 0);
    g_assert_cmpuint(attr(&s, 3).size, ==, 4);

    /* Links of both kinds. */
    g_assert_cmpint(call(&s, SYMLINK, "4ss4", 1, "link", "dir/file", 0), ==, 0);
    g_assert_cmpint(walk(&s, 4, "link"), ==, 0);
    g_assert_cmphex(attr(&s, 4).mode & S_IFMT, ==, S_IFLNK);
    g_assert_cmpint(call(&s, READLINK, "4", 4), ==, 0);
    g_assert_cmpmem(s.in + 7, 10, "\10\0dir/file", 10);
    g_assert_cmpint(call(&s, LINK, "44s", 1, 3, "hard"), ==, 0);
    g_assert_cmpint(walk(&s, 5, "hard"), ==, 0);
    g_assert_cmpuint(attr(&s, 5).nlink, ==, 2);
    g_assert_cmphex(attr(&s, 5).mode, ==, attr(&s, 3).mode);

    /* A fid follows when something above it is renamed. */
    g_assert_cmpint(call(&s, RENAMEAT, "4s4s", 1, "dir", 1, "moved"), ==, 0);
    a = attr(&s, 3);
    g_assert_cmpuint(a.size, ==, 4);
    g_assert_cmpint(walk(&s, 6, "dir"), ==, ENOENT);
    g_assert_cmpint(call(&s, WALK, "442", 1, 7, 0), ==, 0);
    g_assert_cmpint(call(&s, LOPEN, "44", 7, 0), ==, 0);
    g_assert_true(listed(&s, 7, "moved") && listed(&s, 7, "link") && listed(&s, 7, "hard"));
    g_assert_false(listed(&s, 7, ".virtfs_metadata"));
    g_assert_cmpint(call(&s, UNLINKAT, "4s4", 1, "moved", 0x200), ==, ENOTEMPTY);
    g_assert_cmpint(call(&s, UNLINKAT, "4s4", 2, "file", 0), ==, 0);
    if (mapped || geteuid() == 0) {
        g_assert_cmpint(call(&s, UNLINKAT, "4s4", 2, "dev", 0), ==, 0);
    }
    /* It is open still. */
    g_assert_cmpint(call(&s, READ, "484", 3, UINT64_C(0), 100), ==, 0);
    g_assert_cmpint(call(&s, UNLINKAT, "4s4", 1, "moved", 0x200), ==, 0);
    share_close(&s);
}

static void test_escape(void)
{
    Share s;

    share_open(&s, "none", "");
    g_autofree char *out = host(&s, "out"), *etc = host(&s, "etc"), *up = host(&s, "up");
    g_assert_cmpint(symlink("/etc/passwd", out), ==, 0);
    g_assert_cmpint(symlink("/etc", etc), ==, 0);
    g_assert_cmpint(symlink("..", up), ==, 0);
    /* A link can be seen and read, not followed. */
    g_assert_cmpint(walk(&s, 2, "out"), ==, 0);
    g_assert_cmpint(call(&s, LOPEN, "44", 2, 0), ==, ELOOP);
    g_assert_cmpint(call(&s, WALK, "442ss", 1, 3, 2, "etc", "passwd"), ==, 0);
    g_assert_cmpuint(s.in[7], ==, 1);
    g_assert_cmpint(walk(&s, 4, "etc"), ==, 0);
    g_assert_cmpint(call(&s, LCREATE, "4s444", 4, "new", 2, 0600, 0), !=, 0);
    g_assert_cmpint(call(&s, MKDIR, "4s44", 4, "new", 0700, 0), !=, 0);
    g_assert_cmpint(call(&s, UNLINKAT, "4s4", 4, "passwd", 0), !=, 0);
    g_assert_cmpint(walk(&s, 5, "up"), ==, 0);
    g_assert_cmpint(call(&s, SYMLINK, "4ss4", 5, "x", "y", 0), !=, 0);
    /* Names that are none. */
    g_assert_cmpint(walk(&s, 6, "../x"), ==, ENOENT);
    g_assert_cmpint(walk(&s, 6, "/etc"), ==, ENOENT);
    g_assert_cmpint(walk(&s, 6, ""), ==, ENOENT);
    g_assert_cmpint(call(&s, MKDIR, "4s44", 1, "..", 0700, 0), ==, EINVAL);
    g_assert_cmpint(call(&s, MKDIR, "4s44", 1, "a/b", 0700, 0), ==, EINVAL);
    g_assert_cmpint(call(&s, RENAMEAT, "4s4s", 1, "out", 1, "../out"), ==, EINVAL);
    g_assert_cmpint(call(&s, LINK, "44s", 1, 2, "../x"), ==, EINVAL);
    /* Above the share is the share. */
    g_assert_cmpint(call(&s, WALK, "442ss", 1, 8, 2, "..", ".."), ==, 0);
    g_assert_cmpint(walk(&s, 9, "out"), ==, 0);
    /* A folder that the host makes a link while a fid is below it. */
    g_autofree char *dir = host(&s, "dir");
    g_assert_cmpint(call(&s, MKDIR, "4s44", 1, "dir", 0755, 0), ==, 0);
    g_assert_cmpint(walk(&s, 10, "dir"), ==, 0);
    g_assert_cmpint(rmdir(dir), ==, 0);
    g_assert_cmpint(symlink("/etc", dir), ==, 0);
    g_assert_cmpint(call(&s, WALK, "442s", 10, 11, 1, "passwd"), !=, 0);
    g_assert_cmpint(call(&s, MKNOD, "4s4444", 10, "f", S_IFREG | 0600, 0, 0, 0), !=, 0);
    share_close(&s);
}

static void test_read_only(void)
{
    Share s;

    share_open(&s, "mapped-file", ",readonly=on");
    g_autofree char *file = host(&s, "f");
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_cmpint(walk(&s, 2, "f"), ==, 0);
    g_assert_cmpint(call(&s, LOPEN, "44", 2, 2), ==, EROFS);
    g_assert_cmpint(call(&s, LOPEN, "44", 2, 01000), ==, EROFS);
    g_assert_cmpint(call(&s, MKDIR, "4s44", 1, "d", 0755, 0), ==, EROFS);
    g_assert_cmpint(call(&s, SYMLINK, "4ss4", 1, "l", "x", 0), ==, EROFS);
    g_assert_cmpint(call(&s, LINK, "44s", 1, 2, "l"), ==, EROFS);
    g_assert_cmpint(call(&s, UNLINKAT, "4s4", 1, "f", 0), ==, EROFS);
    g_assert_cmpint(call(&s, RENAMEAT, "4s4s", 1, "f", 1, "g"), ==, EROFS);
    g_assert_cmpint(call(&s, SETATTR, "4444488888", 2, 1, 0600, 0, 0, UINT64_C(0), UINT64_C(0),
                         UINT64_C(0), UINT64_C(0), UINT64_C(0)),
                    ==, EROFS);
    g_assert_cmpint(call(&s, LOPEN, "44", 2, 0), ==, 0);
    g_assert_cmpint(call(&s, WRITE9, "4841", 2, UINT64_C(0), 1, 1), ==, EBADF);
    share_close(&s);
}

static void test_lies(void)
{
    Share s;

    share_open(&s, "none", "");
    g_assert_cmpint(call(&s, WALK, "442", 1, 2, 17), ==, EINVAL);
    g_assert_cmpint(call(&s, WALK, "442", 1, 2, 3), ==, EINVAL);            /* names are missing */
    g_assert_cmpint(call(&s, MKDIR, "42", 1, 500), ==, EINVAL);             /* half a string */
    g_assert_cmpint(call(&s, WALK, "442", 77, 2, 0), ==, EBADF);            /* no such fid */
    g_assert_cmpint(call(&s, WALK, "442", 1, 1, 0), ==, 0);                 /* onto itself */
    g_assert_cmpint(call(&s, ATTACH, "44ss4", 1, 0, "", "", 0), ==, EBADF); /* in use */
    g_assert_cmpint(call(&s, READ, "484", 1, UINT64_C(0), 10), ==, EBADF);  /* not open */
    g_assert_cmpint(call(&s, 99, ""), ==, EOPNOTSUPP);
    g_assert_cmpint(call(&s, 255, ""), ==, EOPNOTSUPP);
    g_assert_cmpint(call(&s, WALK, "442", 1, 2, 0), ==, 0);
    g_assert_cmpint(call(&s, LCREATE, "4s444", 2, "f", 2, 0600, 0), ==, 0);
    g_assert_cmpint(call(&s, WRITE9, "4841", 2, UINT64_C(0), 1000, 1), ==, EINVAL);
    g_assert_cmpint(call(&s, WRITE9, "4841", 2, UINT64_MAX, 1, 1), ==, EINVAL);
    g_assert_cmpint(call(&s, READ, "484", 2, UINT64_MAX, 100), ==, EINVAL);
    g_assert_cmpint(call(&s, READ, "484", 2, UINT64_C(0), UINT32_MAX), ==, 0);
    g_assert_cmpint(call(&s, READDIR, "484", 2, UINT64_C(0), 100), ==, EBADF);
    g_assert_cmpint(call(&s, XATTRWALK, "44s", 2, 9, "user.none"), !=, 0);
    g_assert_cmpint(call(&s, VERSION, "4s", 100, "9P2000.L"), ==, EMSGSIZE);
    g_assert_cmpint(call(&s, VERSION, "4s", 9000, "9P2000.u"), ==, 0);
    g_assert_cmpmem(s.in + 11, 9, "\7\0unknown", 9);
    /* A version ends all that was. */
    g_assert_cmpint(call(&s, WALK, "442", 1, 2, 0), ==, EBADF);
    share_close(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    umask(022);
    g_test_add_data_func("/9p/passthrough", "passthrough", test_model);
    g_test_add_data_func("/9p/none", "none", test_model);
    g_test_add_data_func("/9p/mapped-xattr", "mapped-xattr", test_model);
    g_test_add_data_func("/9p/mapped-file", "mapped-file", test_model);
    g_test_add_func("/9p/escape", test_escape);
    g_test_add_func("/9p/read-only", test_read_only);
    g_test_add_func("/9p/lies", test_lies);
    return g_test_run();
}

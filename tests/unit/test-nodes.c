/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Nodes that are described by options ("json:{...}") and the drivers that have no file: null-co,
 * blkdebug and its rules, blkverify, preallocate; copy-on-read; who may use an image beside others.
 */
#include "io/block.h"
#include "io/node.h"
#include "io/qcow2.h"
#include "softmmu/opts.h"
#include "tests/unit/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB 1024

static char *dir;

/* A file of a pattern; the path is the caller's. */
static char *file_make(const char *name, size_t size)
{
    char *path = g_build_filename(dir, name, NULL);
    g_autofree char *data = g_malloc(size + 1);

    for (size_t i = 0; i < size; i++) {
        data[i] = i / 512 + 1;
    }
    g_assert_true(g_file_set_contents(path, data, size, NULL));
    return path;
}

static uint64_t file_size(const char *path)
{
    struct stat st;

    g_assert_cmpint(stat(path, &st), ==, 0);
    return st.st_size;
}

/* The description with ' for " and %s for the path. */
static BlockNode *open_json(const char *format, const char *text, const char *path, GError **err)
{
    g_autofree char *with = g_strdup_printf("json:%s", text), *mark = strstr(with, "%s");
    g_autofree char *full = NULL;

    if (mark) {
        *mark = 0;
        full = g_strconcat(with, path, mark + 2, NULL);
        mark = NULL;
    }
    return node_open(&(NodeOptions){.path = full ? full : with, .format = format, .discard = true},
                     err);
}

static BlockNode *json_ok(const char *format, const char *text, const char *path)
{
    GError *err = NULL;
    BlockNode *n = open_json(format, text, path, &err);

    g_assert_no_error(err);
    return n;
}

static void json_fails(const char *text, const char *path, const char *why)
{
    GError *err = NULL;

    g_assert_null(open_json(NULL, text, path, &err));
    g_assert_nonnull(err);
    if (!strstr(err->message, why)) {
        g_error("%s: %s, not %s", text, err->message, why);
    }
    g_error_free(err);
}

static int read_at(BlockNode *n, uint64_t off, size_t len)
{
    g_autofree uint8_t *buf = g_malloc(len);

    return node_pread(n, off, buf, len);
}

static int write_at(BlockNode *n, uint64_t off, size_t len)
{
    g_autofree uint8_t *buf = g_malloc(len);

    memset(buf, 0x5a, len);
    return node_pwrite(n, off, buf, len);
}

static void test_json(void)
{
    g_autofree char *path = file_make("a.raw", 64 * KIB);
    g_autofree char *plain = g_strconcat("file:", path, NULL);
    uint8_t b[2];

    BlockNode *n = json_ok("raw", "{'driver':'file','filename':'%s'}", path);
    g_assert_cmpstr(n->filename, ==, path);
    g_assert_cmpuint(n->size, ==, 64 * KIB);
    node_close(n);
    /* A format of its own; parts of parts. */
    n = json_ok(NULL,
                "{'driver':'raw','offset':1024,'node-name':'top',"
                "'file':{'driver':'raw','offset':'4K','size':8192,'file':{'driver':'file',"
                "'filename':'%s'}}}",
                path);
    g_assert_cmpuint(n->size, ==, 7 * KIB);
    g_assert_cmpstr(n->name, ==, "top");
    g_assert_cmpint(node_pread(n, 0, b, 1), ==, 0);
    g_assert_cmphex(b[0], ==, 11);
    node_close(n);
    n = json_ok(NULL, "{'driver':'raw','file.filename':'%s','read-only':true}", path);
    g_assert_true(n->read_only);
    g_assert_cmpint(write_at(n, 0, 512), ==, -EROFS);
    node_close(n);
    n = node_open(&(NodeOptions){.path = plain, .format = "raw"}, NULL);
    g_assert_nonnull(n);
    node_close(n);
    /* Zeroes that are written become none, on the node that is told so. */
    n = json_ok(NULL,
                "{'driver':'raw','file':{'driver':'file','discard':'unmap',"
                "'detect-zeroes':'unmap','filename':'%s'}}",
                path);
    uint8_t zeroes[16 * KIB] = {0};
    NodeExtent e;
    g_assert_cmpint(node_pwrite(n, 16 * KIB, zeroes, sizeof(zeroes)), ==, 0);
    g_assert_cmpint(node_status(n, 16 * KIB, 16 * KIB, &e), ==, 0);
    g_assert_true(e.zero);
    g_assert_cmpuint(e.len, ==, 16 * KIB);
    node_close(n);

    json_fails("{", path, "Could not parse the JSON options: ");
    json_fails("driver=file", path, "Could not parse the JSON options: ");
    json_fails("{'foo':1}", path, "Must specify either driver or file");
    json_fails("{'driver':'file'}", path, "The 'file' block driver requires a file name");
    json_fails("{'driver':'zzz'}", path, "Unknown driver 'zzz'");
    json_fails("{'driver':'raw'}", path, "A block device must be specified for \"file\"");
    json_fails("{'driver':'raw','file':'nobody'}", path, "node-name='nobody'");
    json_fails("{'driver':'file','filename':'%s','xx':1}", path,
               "Block protocol 'file' does not support the option 'xx'");
    json_fails("{'driver':'raw','file.filename':'%s','xx':1}", path,
               "Block format 'raw' does not support the option 'xx'");
    json_fails("{'driver':'file','filename':'%s','locking':'perhaps'}", path, "'locking'");
    /* As deep as it may be, and no deeper. */
    GString *deep = g_string_new("{'driver':'raw','file.filename':'%s'}");
    for (unsigned i = 0; i < 60; i++) {
        g_string_prepend(deep, "{'driver':'raw','file':");
        g_string_append_c(deep, '}');
    }
    json_fails(deep->str, path, "nested too deeply");
    g_string_free(deep, TRUE);
}

static void test_null(void)
{
    uint8_t buf[4 * KIB];
    NodeExtent e;

    BlockNode *n = node_open(&(NodeOptions){.path = "null-co://", .format = "raw"}, NULL);
    g_assert_cmpuint(n->size, ==, UINT64_C(1) << 30);
    memset(buf, 1, sizeof(buf));
    g_assert_cmpint(node_pwrite(n, 8192, buf, sizeof(buf)), ==, 0);
    g_assert_cmpint(node_pread(n, 8192, buf, sizeof(buf)), ==, 0);
    g_assert_true(buffer_is_zero(buf, sizeof(buf)));
    g_assert_cmpint(node_flush(n), ==, 0);
    node_close(n);
    n = json_ok("raw", "{'driver':'null-aio','size':'1M','read-zeroes':true,'latency-ns':20000000}",
                "");
    g_assert_cmpuint(n->size, ==, 1024 * KIB);
    g_assert_cmpint(node_status(n, 0, 4096, &e), ==, 0);
    g_assert_true(e.zero);
    gint64 start = g_get_monotonic_time();
    g_assert_cmpint(node_pread(n, 1020 * KIB, buf, sizeof(buf)), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 20000);
    g_assert_cmpint(node_pread(n, 1022 * KIB, buf, sizeof(buf)), ==, -EIO);
    node_close(n);
    json_fails("{'driver':'null-co','size':'x'}", "", "'size'");
}

#define BLKDEBUG(rules)                                                                            \
    "{'driver':'raw','file':{'driver':'blkdebug','image':{'driver':'file','filename':'%s'}," rules \
    "}}"

/* What the reference answers to the same. */
static void test_blkdebug(void)
{
    g_autofree char *path = file_make("debug.raw", 64 * KIB);

    BlockNode *n = json_ok(NULL, BLKDEBUG("'inject-error':[{'event':'read_aio'}]"), path);
    g_assert_cmpint(write_at(n, 0, 512), ==, 0);
    g_assert_cmpint(read_at(n, 0, 512), ==, -EIO);
    g_assert_cmpint(write_at(n, 0, 512), ==, -EIO);
    g_assert_cmpint(node_flush(n), ==, -EIO);
    node_close(n);
    n = json_ok(NULL,
                BLKDEBUG("'inject-error':[{'event':'read_aio','once':true,'immediately':true}]"),
                path);
    g_assert_cmpint(read_at(n, 0, 512), ==, -EIO);
    g_assert_cmpint(read_at(n, 0, 512), ==, 0);
    node_close(n);
    n = json_ok(NULL,
                BLKDEBUG("'inject-error':[{'event':'read_aio','errno':28},"
                         "{'event':'write_aio','errno':1}]"),
                path);
    g_assert_cmpint(write_at(n, 0, 512), ==, -EPERM);
    g_assert_cmpint(read_at(n, 0, 512), ==, -ENOSPC);
    g_assert_cmpint(write_at(n, 0, 512), ==, -EPERM);
    node_close(n);
    n = json_ok(NULL, BLKDEBUG("'inject-error':[{'event':'none','sector':1}]"), path);
    g_assert_cmpint(write_at(n, 0, 512), ==, 0);
    g_assert_cmpint(write_at(n, 0, 1024), ==, -EIO);
    g_assert_cmpint(read_at(n, 0, 4096), ==, -EIO);
    g_assert_cmpint(read_at(n, 1024, 4096), ==, 0);
    node_close(n);
    n = json_ok(NULL, BLKDEBUG("'inject-error':[{'event':'none','iotype':'flush'}]"), path);
    g_assert_cmpint(write_at(n, 0, 512), ==, 0);
    g_assert_cmpint(node_flush(n), ==, -EIO);
    node_close(n);
    n = json_ok(NULL, BLKDEBUG("'inject-error':[{'event':'none','iotype':'discard'}]"), path);
    g_assert_cmpint(node_discard(n, 0, 4096), ==, -EIO);
    g_assert_cmpint(node_zero(n, 0, 4096, false), ==, 0);
    node_close(n);
    n = json_ok(NULL, BLKDEBUG("'inject-error':[{'event':'none','iotype':'write-zeroes'}]"), path);
    g_assert_cmpint(node_discard(n, 0, 4096), ==, 0);
    g_assert_cmpint(node_zero(n, 0, 4096, false), ==, -EIO);
    node_close(n);
    n = json_ok(NULL, BLKDEBUG("'inject-error':[{'event':'pwritev_done'}]"), path);
    g_assert_cmpint(write_at(n, 0, 512), ==, 0);
    g_assert_cmpint(read_at(n, 0, 512), ==, -EIO);
    node_close(n);
    n = json_ok(NULL,
                BLKDEBUG("'set-state':[{'event':'write_aio','state':1,'new_state':2}],"
                         "'inject-error':[{'event':'write_aio','errno':28,'state':2}]"),
                path);
    g_assert_cmpint(write_at(n, 0, 512), ==, 0);
    g_assert_cmpint(write_at(n, 0, 512), ==, -ENOSPC);
    node_close(n);

    json_fails(BLKDEBUG("'inject-error':[{'errno':1}]"), path, "Missing event name for rule");
    json_fails(BLKDEBUG("'inject-error':[{'event':'foo'}]"), path, "foo");
    json_fails(BLKDEBUG("'inject-error':[{'event':'read_aio','bar':1}]"), path,
               "[inject-error] section doesn't support the option 'bar'");
    json_fails(BLKDEBUG("'inject-error':[{'event':'read_aio','errno':0}]"), path, "errno");
    json_fails(BLKDEBUG("'foo':1"), path, "does not support the option 'foo'");
    json_fails("{'driver':'blkdebug'}", path, "A block device must be specified for \"image\"");
}

static void test_blkdebug_file(void)
{
    g_autofree char *path = file_make("debug2.raw", 64 * KIB);
    g_autofree char *config = g_build_filename(dir, "rules.conf", NULL);
    g_autofree char *name = g_strdup_printf("blkdebug:%s:%s", config, path);
    GError *err = NULL;

    g_assert_true(
        g_file_set_contents(config,
                            "# comment\n[set-state]\nstate = \"1\"\nevent = \"write_aio\"\n"
                            "new_state = \"2\"\n\n[inject-error]\nevent = \"write_aio\"\n"
                            "errno = \"28\"\nstate = \"2\"\n",
                            -1, NULL));
    BlockNode *n = node_open(&(NodeOptions){.path = name, .format = "raw"}, &err);
    g_assert_no_error(err);
    g_assert_cmpint(write_at(n, 0, 512), ==, 0);
    g_assert_cmpint(write_at(n, 0, 512), ==, -ENOSPC);
    node_close(n);
    g_assert_true(g_file_set_contents(config, "[nosuch]\n", -1, NULL));
    g_assert_null(node_open(&(NodeOptions){.path = name, .format = "raw"}, &err));
    g_assert_nonnull(strstr(err->message, "rules.conf:1:"));
    g_error_free(err);
}

static char *qcow2_make(const char *name, uint64_t size, const char *backing)
{
    char *path = file_make(name, 0);
    Qcow2Create c = {.size = size,
                     .version = 3,
                     .cluster_size = 4096,
                     .refcount_bits = 16,
                     .backing = backing,
                     .backing_format = backing ? "raw" : NULL};
    GError *err = NULL;

    qcow2_create(path, &c, &err);
    g_assert_no_error(err);
    return path;
}

/* An image above a node that fails: what fails is the request, and the image stays whole. */
static void test_blkdebug_qcow2(void)
{
    static const char *const events[] = {"write_aio", "cluster_alloc", "pwritev", "l2_load",
                                         "flush_to_disk"};
    GError *err = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(events); i++) {
        g_autofree char *path = qcow2_make("debug.qcow2", 4096 * KIB, NULL);
        g_autofree char *text =
            g_strdup_printf("{'driver':'qcow2','file':{'driver':'blkdebug','inject-error.0.event':"
                            "'%s','inject-error.0.once':'on','image.filename':'%%s'}}",
                            events[i]);
        BlockNode *n = json_ok(NULL, text, path);
        unsigned failed = 0;

        for (unsigned k = 0; k < 64; k++) {
            failed += write_at(n, k * 40 * KIB, 2 * KIB) < 0;
        }
        failed += node_flush(n) < 0;
        g_test_message("%s: %u failed", events[i], failed);
        g_assert_cmpuint(failed, <=, 1);
        node_close(n);
        n = node_open(&(NodeOptions){.path = path, .format = "qcow2"}, &err);
        g_assert_no_error(err);
        Qcow2Check c = {.say = NULL};
        g_assert_true(qcow2_check(n, &c, false, false, NULL));
        g_assert_cmpuint(c.corruptions, ==, 0);
        node_close(n);
    }
}

static void test_blkverify(void)
{
    g_autofree char *raw = file_make("verify.raw", 64 * KIB);
    g_autofree char *other = qcow2_make("verify.qcow2", 64 * KIB, NULL);
    g_autofree char *text = g_strdup_printf("{'driver':'blkverify','raw':{'driver':'file',"
                                            "'filename':'%s'},'test':{'driver':'qcow2',"
                                            "'file':{'driver':'file','filename':'%s'}}}",
                                            raw, other);
    BlockNode *n = json_ok("raw", text, "");

    g_assert_cmpint(write_at(n, 8 * KIB, 8 * KIB), ==, 0);
    g_assert_cmpint(node_zero(n, 4 * KIB, 4 * KIB, false), ==, 0);
    g_assert_cmpint(read_at(n, 4 * KIB, 12 * KIB), ==, 0);
    g_assert_cmpint(node_flush(n), ==, 0);
    node_close(n);
    g_test_trap_subprocess("/nodes/blkverify-differs", 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*blkverify: contents mismatch at offset=0 *");
}

static void test_blkverify_differs(void)
{
    g_autofree char *raw = file_make("differs.raw", 64 * KIB);
    g_autofree char *other = qcow2_make("differs.qcow2", 64 * KIB, NULL);
    g_autofree char *name = g_strdup_printf("blkverify:%s:%s", raw, other);

    if (g_test_subprocess()) {
        BlockNode *n = node_open(&(NodeOptions){.path = name, .format = "raw"}, NULL);
        read_at(n, 0, 4096);
    }
}

static void test_preallocate(void)
{
    g_autofree char *path = file_make("pre.raw", 0);
    BlockNode *n = json_ok(NULL,
                           "{'driver':'preallocate','prealloc-size':'1M','prealloc-align':65536,"
                           "'file':{'driver':'file','filename':'%s'}}",
                           path);

    BlockNode *p = n->file;
    g_assert_cmpint(write_at(p, 100, 1000), ==, 0);
    g_assert_cmpuint(p->size, ==, 1100);
    g_assert_cmpuint(file_size(path), ==, 1024 * KIB + 64 * KIB);
    g_assert_cmpint(write_at(p, 900 * KIB, 4096), ==, 0);
    g_assert_cmpuint(file_size(path), ==, 1024 * KIB + 64 * KIB);
    node_close(n);
    g_assert_cmpuint(file_size(path), ==, 904 * KIB);
    json_fails("{'driver':'preallocate','prealloc-align':3,'file.filename':'%s'}", path,
               "not aligned to 512");
}

static BlockBackend *drive(const char *options, const char *path, GError **err)
{
    g_autofree char *text = g_strdup_printf("file=%s,%s", path, options);
    g_autoptr(OptDict) o = opt_parse(text, NULL, NULL);

    return block_open_drive(o, true, err);
}

static void test_copy_on_read(void)
{
    g_autofree char *base = file_make("base.raw", 96 * KIB);
    g_autofree char *top = qcow2_make("top.qcow2", 128 * KIB, base);
    uint8_t buf[40 * KIB];
    GError *err = NULL;
    NodeExtent e;

    BlockBackend *b = drive("format=qcow2,copy-on-read=on", top, &err);
    g_assert_no_error(err);
    BlockNode *n = block_top(b);
    memset(buf, 0xee, 512);
    g_assert_cmpint(block_pwrite(b, 20 * KIB, buf, 512), ==, 0);
    g_assert_cmpint(block_pread(b, 17 * KIB, buf, 6 * KIB), ==, 0);
    g_assert_cmphex(buf[0], ==, 35);
    g_assert_cmphex(buf[3 * KIB], ==, 0xee);
    g_assert_cmphex(buf[3 * KIB + 512], ==, 42);
    for (unsigned at = 16 * KIB; at < 24 * KIB; at += 4 * KIB) {
        g_assert_cmpint(node_status(n, at, 4 * KIB, &e), ==, 0);
        g_assert_true(e.allocated);
    }
    g_assert_cmpint(node_status(n, 24 * KIB, 8 * KIB, &e), ==, 0);
    g_assert_false(e.allocated);
    /* Up to the end of the base, and behind it. */
    g_assert_cmpint(block_pread(b, 88 * KIB, buf, 40 * KIB), ==, 0);
    g_assert_cmphex(buf[0], ==, 177);
    g_assert_true(buffer_is_zero(buf + 8 * KIB, 32 * KIB));
    g_assert_cmpint(node_status(n, 88 * KIB, 8 * KIB, &e), ==, 0);
    g_assert_true(e.allocated);
    g_assert_cmpint(node_status(n, 96 * KIB, 8 * KIB, &e), ==, 0);
    g_assert_false(e.allocated);
    block_close(b);
    /* Without: nothing is kept. */
    b = drive("format=qcow2", top, &err);
    g_assert_no_error(err);
    g_assert_cmpint(block_pread(b, 24 * KIB, buf, 4 * KIB), ==, 0);
    g_assert_cmpint(node_status(block_top(b), 24 * KIB, 4 * KIB, &e), ==, 0);
    g_assert_false(e.allocated);
    Qcow2Check c = {.say = NULL};
    g_assert_true(qcow2_check(block_top(b), &c, false, false, NULL));
    g_assert_cmpuint(c.corruptions + c.leaks, ==, 0);
    block_close(b);
}

/* A backing file that the image names by a description. */
static void test_json_backing(void)
{
    g_autofree char *base = file_make("jb.raw", 64 * KIB);
    g_autofree char *name =
        g_strdup_printf("json:{\"driver\":\"raw\",\"offset\":4096,\"file\":{\"driver\":\"file\","
                        "\"filename\":\"%s\"}}",
                        base);
    g_autofree char *top = qcow2_make("jb.qcow2", 32 * KIB, name);
    GError *err = NULL;
    uint8_t b;

    BlockNode *n = node_open(&(NodeOptions){.path = top, .format = "qcow2"}, &err);
    g_assert_no_error(err);
    g_assert_cmpint(node_pread(n, 0, &b, 1), ==, 0);
    g_assert_cmphex(b, ==, 9);
    node_close(n);
    n = json_ok(NULL,
                "{'driver':'qcow2','backing':{'driver':'null-co','size':32768},"
                "'file':{'driver':'file','filename':'%s'}}",
                top);
    g_assert_cmpint(node_pread(n, 0, &b, 1), ==, 0);
    g_assert_cmphex(b, ==, 0);
    node_close(n);
}

static void lock_fails(const char *options, const char *path, const char *why)
{
    g_autofree char *hint = g_strdup_printf("\nIs another process using the image [%s]?", path);
    GError *err = NULL;

    g_assert_null(drive(options, path, &err));
    g_assert_nonnull(strstr(err->message, why));
    g_assert_nonnull(strstr(err->message, hint));
    g_error_free(err);
}

static BlockBackend *drive_ok(const char *options, const char *path)
{
    GError *err = NULL;
    BlockBackend *b = drive(options, path, &err);

    g_assert_no_error(err);
    return b;
}

static void test_locks(void)
{
    g_autofree char *path = file_make("lock.raw", 64 * KIB);
    BlockBackend *b = drive_ok("format=raw", path), *c;
    GError *err = NULL;

    lock_fails("format=raw", path, "Failed to get \"write\" lock");
    lock_fails("format=raw,readonly=on", path, "Failed to get shared \"write\" lock");
    c = drive_ok("format=raw,readonly=on,force-share=on", path);
    block_close(c);
    c = drive_ok("format=raw,locking=off", path);
    block_close(c);
    g_assert_null(drive("format=raw,force-share=on", path, &err));
    g_assert_nonnull(strstr(err->message, "force-share=on can only be used with read-only images"));
    g_clear_error(&err);
    block_close(b);
    /* Who has no locks is not seen; readers share. */
    b = drive_ok("format=raw,locking=off", path);
    c = drive_ok("format=raw,locking=auto", path);
    block_close(b);
    block_close(c);
    b = drive_ok("format=raw,readonly=on", path);
    c = drive_ok("format=raw,readonly=on,locking=on", path);
    block_close(c);
    lock_fails("format=raw", path, "Failed to get \"write\" lock");
    block_close(b);
}
static void test_json_absolute(void)
{
    static const char *const same[] = {"json:{\"driver\":\"null-co\"}", "null-co://",
                                       "nbd://host/x", "nbd+unix:///x?socket=y", "/a/b"};
    g_autofree char *here = g_get_current_dir(), *want = g_build_filename(here, "a", NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(same); i++) {
        g_autofree char *got = node_path_absolute(same[i]);
        g_assert_cmpstr(got, ==, same[i]);
    }
    g_autofree char *got = node_path_absolute("x/../a");
    g_assert_cmpstr(got, ==, want);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bool own = !g_getenv("RHEA_TEST_NODES"); /* else of a test's subprocess */
    dir = own ? folder_make() : g_strdup(g_getenv("RHEA_TEST_NODES"));
    g_setenv("RHEA_TEST_NODES", dir, true);
    g_test_add_func("/nodes/json", test_json);
    g_test_add_func("/nodes/json-backing", test_json_backing);
    g_test_add_func("/nodes/json-absolute", test_json_absolute);
    g_test_add_func("/nodes/null", test_null);
    g_test_add_func("/nodes/blkdebug", test_blkdebug);
    g_test_add_func("/nodes/blkdebug-file", test_blkdebug_file);
    g_test_add_func("/nodes/blkdebug-qcow2", test_blkdebug_qcow2);
    g_test_add_func("/nodes/blkverify", test_blkverify);
    g_test_add_func("/nodes/blkverify-differs", test_blkverify_differs);
    g_test_add_func("/nodes/preallocate", test_preallocate);
    g_test_add_func("/nodes/copy-on-read", test_copy_on_read);
    g_test_add_func("/nodes/locks", test_locks);
    int ret = g_test_run();
    if (own) {
        folder_remove(dir);
    } else {
        g_free(dir);
    }
    return ret;
}

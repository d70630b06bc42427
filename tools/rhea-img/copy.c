/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* rhea-img convert, compare, commit, rebase, dd. Test: tests/img/ */
#include "img.h"
#include "io/job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (2u << 20)

static const struct option copy_options[] = {{"force-share", 0, NULL, 'U'},
                                             {"target-is-zero", 0, NULL, OPT_TARGET_IS_ZERO},
                                             {"object", 1, NULL, OPT_IGNORED},
                                             {"salvage", 0, NULL, OPT_IGNORED_FLAG},
                                             {NULL, 0, NULL, 0}};

/* ---- convert ---- */

typedef struct Convert {
    BlockNode *out;
    bool compress, out_is_zero, has_backing;
    uint64_t sparse;  /* runs of zeroes of this many bytes are not written; 0: all are written */
    uint64_t cluster; /* of a compressed target */
    uint8_t *buf;
    Progress progress;
    uint64_t done, total;
} Convert;

static int put_zero(Convert *c, uint64_t at, uint64_t len)
{
    return c->out_is_zero && !c->has_backing ? 0 : node_zero(c->out, at, len, true);
}

/* Data that was read, without its long runs of zeroes. */
static int put_data(Convert *c, uint64_t at, const uint8_t *p, uint64_t len)
{
    uint64_t unit = c->sparse ? MAX(c->sparse, 512) : len, from = 0;
    int ret = 0;

    while (ret == 0 && from < len) {
        uint64_t to = MIN(len, (at + from) / unit * unit + unit - at);
        bool zero = c->sparse && buffer_is_zero(p + from, to - from);

        while (to < len) {
            uint64_t next = MIN(len, to + unit);
            if ((c->sparse && buffer_is_zero(p + to, next - to)) != zero) {
                break;
            }
            to = next;
        }
        ret = zero ? put_zero(c, at + from, to - from)
                   : node_pwrite(c->out, at + from, p + from, to - from);
        from = to;
    }
    return ret;
}

static int convert_compressed(Convert *c, BlockNode *in, uint64_t base)
{
    int ret = 0;

    for (uint64_t at = 0; ret == 0 && at < in->size; at += c->cluster) {
        size_t len = MIN(c->cluster, in->size - at);

        ret = node_pread(in, at, c->buf, len);
        if (ret == 0) {
            ret = buffer_is_zero(c->buf, len)
                      ? put_zero(c, base + at, len)
                      : c->out->drv->write_compressed(c->out, base + at, c->buf, len);
        }
        img_progress(&c->progress, c->done += len, c->total);
    }
    return ret;
}

static int convert_plain(Convert *c, BlockNode *in, BlockNode *in_base, uint64_t base)
{
    NodeExtent e;

    for (uint64_t at = 0; at < in->size; at += e.len) {
        int ret = node_status_chain(in, in_base, at, in->size - at, &e, NULL, NULL);

        e.len = e.zero || (!e.allocated && in_base) ? e.len : MIN(e.len, CHUNK);
        if (ret == 0 && e.zero) {
            ret = put_zero(c, base + at, e.len);
        } else if (ret == 0 && (e.allocated || !in_base)) {
            ret = node_pread(in, at, c->buf, e.len);
            ret = ret < 0 ? ret : put_data(c, base + at, c->buf, e.len);
        }
        if (ret < 0) {
            return ret;
        }
        img_progress(&c->progress, c->done += e.len, c->total);
    }
    return 0;
}

/* The node of the source's chain that is the target's backing file. */
static BlockNode *find_base(BlockNode *in, BlockNode *backing)
{
    for (BlockNode *n = in->backing; backing && n; n = n->backing) {
        if (n->file->host.dev == backing->file->host.dev &&
            n->file->host.ino == backing->file->host.ino) {
            return n;
        }
    }
    return NULL;
}

static int convert_run(Convert *c, BlockNode **in, unsigned n_in)
{
    uint64_t base = 0;
    int ret = 0;

    img_progress(&c->progress, 0, c->total);
    for (unsigned i = 0; ret == 0 && i < n_in; i++) {
        BlockNode *in_base = n_in == 1 ? find_base(in[0], c->out->backing) : NULL;
        /* Compressed clusters are whole ones: only sources that end at one can be joined. */
        ret = c->compress && base % c->cluster == 0 ? convert_compressed(c, in[i], base)
                                                    : convert_plain(c, in[i], in_base, base);
        base += in[i]->size;
    }
    ret = ret < 0 ? ret : node_flush(c->out);
    if (ret == 0) {
        img_progress(&c->progress, c->total, c->total);
    }
    if (c->progress.on) {
        printf("\n");
    }
    return ret;
}

int img_convert(int argc, char **argv)
{
    NodeOptions in_o = {.read_only = true}, out_o = {.discard = true};
    const char *format = "raw", *backing = NULL, *backing_format = NULL, *snapshot = NULL;
    bool no_create = false, zero_target = false;
    Convert v = {.sparse = 4096};
    g_autoptr(OptDict) o = NULL;
    GError *err = NULL;
    uint64_t size = 0;
    int c, ret = 1;

    while ((c = img_getopt(argc, argv, "hf:O:B:F:cl:o:S:pt:T:qnm:WUCr:", copy_options)) != -1) {
        switch (c) {
        case 'f':
            in_o.format = optarg;
            break;
        case 'O':
            format = optarg;
            break;
        case 'B':
            backing = optarg;
            break;
        case 'F':
            backing_format = optarg;
            break;
        case 'c':
            v.compress = true;
            break;
        case 'l':
            snapshot = optarg;
            break;
        case 'o':
            if (!img_add_options(&o, optarg)) {
                return 1;
            }
            break;
        case 'S':
            if (!img_size(optarg, &v.sparse)) {
                return 1;
            }
            if (v.sparse % 512) {
                rhea_error_report(
                    "Invalid buffer size for sparse output specified. Valid sizes are "
                    "multiples of 512 up to %u. Select 0 to disable sparse detection "
                    "(fully allocates output).",
                    CHUNK);
                return 1;
            }
            v.sparse = MIN(v.sparse, CHUNK);
            break;
        case 'p':
            v.progress.on = true;
            break;
        case 'q':
            v.progress.on = false;
            break;
        case 'n':
            no_create = true;
            break;
        case 'U':
            in_o.no_lock = true;
            break;
        case OPT_TARGET_IS_ZERO:
            zero_target = true;
            break;
        case 't': /* how requests reach the host is our own business */
        case 'T':
        case 'm':
        case 'W':
        case 'C':
        case 'r':
        case OPT_IGNORED:
        case OPT_IGNORED_FLAG:
            break;
        default:
            return 1;
        }
    }
    if (argc - optind < 2) {
        rhea_error_report("Must specify image file name%s", argc > optind ? "s" : "");
        return 1;
    }
    if (snapshot) {
        rhea_error_report("-l is not supported: apply the snapshot to a copy of the image");
        return 1;
    }
    if (strcmp(format, "raw") && strcmp(format, "qcow2")) {
        rhea_error_report("Unknown file format '%s'", format);
        return 1;
    }
    if (v.compress && strcmp(format, "qcow2")) {
        rhea_error_report("Compression not supported for this file format");
        return 1;
    }
    if (v.compress && o && opt_get(o, "preallocation") &&
        strcmp(opt_get(o, "preallocation"), "off")) {
        rhea_error_report("Compression and preallocation not supported at the same time");
        return 1;
    }
    if (zero_target && !no_create) {
        rhea_error_report("--target-is-zero requires use of -n flag");
        return 1;
    }
    if (o) {
        backing = backing ? backing : opt_take(o, "backing_file");
        backing_format = backing_format ? backing_format : opt_take(o, "backing_fmt");
    }
    if (backing && !backing_format && !no_create) {
        rhea_error_report("backing file specified without backing format");
        return 1;
    }
    unsigned n_in = argc - optind - 1;
    g_autofree BlockNode **in = g_new0(BlockNode *, n_in);
    for (unsigned i = 0; i < n_in; i++) {
        in_o.path = argv[optind + i];
        in[i] = img_open(&in_o);
        if (!in[i]) {
            goto out;
        }
        size += in[i]->size;
    }
    out_o.path = argv[argc - 1];
    out_o.format = format;
    if (o && opt_get(o, "size") && !opt_take_size(o, "size", &size, &err)) {
        img_fail(err);
        goto out;
    }
    if (!no_create && !img_make(out_o.path, format, o, size, backing, backing_format, true, &err)) {
        rhea_error_prefix(&err, "%s: error while converting %s: ", out_o.path, format);
        img_fail(err);
        goto out;
    }
    v.out = img_open(&out_o);
    if (!v.out) {
        goto out;
    }
    if (v.out->size < size) {
        rhea_error_report("output file is smaller than input file");
        goto out;
    }
    v.out_is_zero = zero_target || (!no_create && !v.out->file->host.is_device);
    v.has_backing = v.out->backing_name != NULL;
    v.total = size;
    v.cluster = 65536;
    if (v.compress) {
        Qcow2Info q;
        qcow2_info(v.out, &q);
        v.cluster = q.cluster_size;
        if (q.data_file) {
            rhea_error_report("Compression not supported for images with an external data file");
            goto out;
        }
    }
    v.buf = g_malloc(CHUNK);
    c = convert_run(&v, in, n_in);
    if (c < 0) {
        rhea_error_report("error while converting '%s': %s", out_o.path, g_strerror(-c));
    }
    ret = c < 0;
out:
    for (unsigned i = 0; i < n_in; i++) {
        node_close(in[i]);
    }
    node_close(v.out);
    g_free(v.buf);
    return ret;
}

/* ---- compare ---- */

/* 0 equal, 1 different at *where; or a negative errno. */
static int compare_range(BlockNode *a, BlockNode *b, uint64_t from, uint64_t to, uint8_t *bufs,
                         uint64_t *where, Progress *p, uint64_t total)
{
    NodeExtent ea, eb;

    for (uint64_t at = from, len; at < to; at += len) {
        int ret = node_status_chain(a, NULL, at, to - at, &ea, NULL, NULL);
        ret = ret < 0 || !b ? ret : node_status_chain(b, NULL, at, ea.len, &eb, NULL, NULL);
        if (!b) {
            eb = (NodeExtent){.len = ea.len, .zero = true};
        }
        len = MIN(ea.len, eb.len);
        if (ret == 0 && !(ea.zero && eb.zero)) {
            len = MIN(len, CHUNK);
            ret = node_pread(a, at, bufs, len);
            if (b && ret == 0) {
                ret = node_pread(b, at, bufs + CHUNK, len);
            } else {
                memset(bufs + CHUNK, 0, len);
            }
            if (ret == 0 && memcmp(bufs, bufs + CHUNK, len)) {
                uint64_t i = 0;
                while (bufs[i] == bufs[CHUNK + i]) {
                    i++;
                }
                *where = (at + i) & ~511ull;
                return 1;
            }
        }
        if (ret < 0) {
            *where = at;
            return ret;
        }
        img_progress(p, at + len, total);
    }
    return 0;
}

int img_compare(int argc, char **argv)
{
    NodeOptions oa = {.read_only = true}, ob = {.read_only = true};
    bool quiet = false, strict = false;
    Progress p = {0};
    int c;

    while ((c = img_getopt(argc, argv, "f:F:T:pqsU", copy_options)) != -1) {
        switch (c) {
        case 'f':
            oa.format = optarg;
            break;
        case 'F':
            ob.format = optarg;
            break;
        case 'p':
            p.on = true;
            break;
        case 'q':
            quiet = true;
            break;
        case 's':
            strict = true;
            break;
        case 'U':
            oa.no_lock = ob.no_lock = true;
            break;
        case 'T':
        case OPT_IGNORED:
            break;
        default:
            return 2;
        }
    }
    if (argc - optind != 2) {
        rhea_error_report("Expecting two image file names");
        return 2;
    }
    oa.path = argv[optind];
    ob.path = argv[optind + 1];
    BlockNode *a = img_open(&oa), *b = a ? img_open(&ob) : NULL;
    if (!a || !b) {
        node_close(a);
        return 2;
    }
    uint64_t common = MIN(a->size, b->size), total = MAX(a->size, b->size), where = 0;
    g_autofree uint8_t *bufs = g_malloc(2 * CHUNK);
    int ret = 0;
    p.on = p.on && !quiet;
    if (strict && a->size != b->size) {
        if (!quiet) {
            printf("Strict mode: Image size mismatch!\n");
        }
        ret = 1;
        total = 0;
    } else {
        ret = compare_range(a, b, 0, common, bufs, &where, &p, total);
        if (ret == 0 && a->size != b->size) {
            if (!quiet) {
                printf("Warning: Image size mismatch!\n");
            }
            ret = compare_range(a->size > b->size ? a : b, NULL, common, total, bufs, &where, &p,
                                total);
        }
        if (p.on) {
            printf("\n");
        }
        if (ret < 0) {
            rhea_error_report("Error while reading offset %" PRIu64 ": %s", where,
                              g_strerror(-ret));
            ret = 4;
        } else if (!quiet && ret) {
            printf("Content mismatch at offset %" PRIu64 "!\n", where);
        } else if (!quiet) {
            printf("Images are identical.\n");
        }
    }
    node_close(a);
    node_close(b);
    return ret;
}

/* ---- commit ---- */

static void job_progress(void *opaque, uint64_t done, uint64_t total)
{
    img_progress(opaque, done, total);
}

/* A job from start to end, in pieces of CHUNK bytes. */
static int job_do(JobOptions *o, Progress *p)
{
    GError *err = NULL;

    o->granularity = CHUNK;
    o->progress = job_progress;
    o->opaque = p;
    Job *j = job_new(o, &err);
    if (!j) {
        img_fail(err);
        return -EINVAL;
    }
    int ret = job_run(j);
    job_free(j);
    return ret;
}

/* What top, and the nodes between it and `base`, define, goes to `to`. */
static int commit_copy(BlockNode *top, BlockNode *base, BlockNode *to, Progress *p)
{
    return job_do(&(JobOptions){.kind = JOB_COMMIT, .source = top, .target = to, .base = base}, p);
}

int img_commit(int argc, char **argv)
{
    NodeOptions o = {.discard = true, .no_backing = true};
    const char *base_name = NULL;
    bool quiet = false, keep = false;
    GError *err = NULL;
    Progress p = {0};
    int c, ret = -1;

    while ((c = img_getopt(argc, argv, "f:t:b:dpqr:", copy_options)) != -1) {
        switch (c) {
        case 'f':
            o.format = optarg;
            break;
        case 'b':
            base_name = optarg;
            keep = true; /* the images in between go on to be what they were */
            break;
        case 'd':
            keep = true;
            break;
        case 'p':
            p.on = true;
            break;
        case 'q':
            quiet = true;
            break;
        case 't':
        case 'r':
        case OPT_IGNORED:
            break;
        default:
            return 1;
        }
    }
    if (optind != argc - 1) {
        rhea_error_report("Expecting one image file name");
        return 1;
    }
    o.path = argv[optind];
    p.on = p.on && !quiet;
    BlockNode *top = img_open(&o), *chain = NULL, *to = NULL, *base = NULL;
    g_autofree char *path = NULL;
    if (!top) {
        return 1;
    }
    if (!top->backing_name) {
        rhea_error_report("Image does not have a backing file");
        node_close(top);
        return 1;
    }
    if (base_name) {
        /* Only looked at: the lock is top's. */
        NodeOptions look = {.path = o.path, .format = o.format, .read_only = true, .no_lock = true};
        chain = img_open(&look);
        struct stat st;
        g_autofree char *resolved = node_path_resolve(o.path, base_name);
        bool found = stat(base_name, &st) == 0 || stat(resolved, &st) == 0;
        for (base = chain ? chain->backing : NULL; base; base = base->backing) {
            if (found && base->file->host.dev == st.st_dev && base->file->host.ino == st.st_ino) {
                break;
            }
        }
        if (!base) {
            rhea_error_report("Did not find '%s' in the backing chain of '%s'", base_name, o.path);
            goto out;
        }
    }
    path = base ? g_strdup(base->filename) : node_path_resolve(o.path, top->backing_name);
    NodeOptions b = {
        .path = path, .format = base ? base->drv->name : top->backing_format, .discard = true};
    to = img_open(&b);
    if (!to || (to->size < top->size && !node_truncate(to, top->size, NODE_PREALLOC_OFF, &err))) {
        if (to) {
            img_fail(err);
        }
        goto out;
    }
    ret = base ? commit_copy(chain, base, to, &p) : commit_copy(top, NULL, to, &p);
    if (ret == 0 && !keep) {
        ret = qcow2_make_empty(top);
    }
    if (p.on) {
        printf("\n");
    }
    if (ret < 0) {
        rhea_error_report("Could not commit '%s': %s", o.path, g_strerror(-ret));
    } else if (!quiet) {
        printf("Image committed.\n");
    }
out:
    node_close(chain);
    node_close(to);
    node_close(top);
    return ret < 0;
}

/* ---- rebase ---- */

/* Where top shows its old backing file, or nothing, and the new one differs, top gets the data. */
static int rebase_copy(BlockNode *top, BlockNode *old, BlockNode *fresh, Progress *p)
{
    g_autofree uint8_t *a = g_malloc(CHUNK), *b = g_malloc(CHUNK);
    NodeExtent e;

    img_progress(p, 0, top->size);
    for (uint64_t at = 0; at < top->size; at += e.len) {
        int ret = node_status(top, at, top->size - at, &e);

        e.len = MIN(e.len, CHUNK);
        if (ret == 0 && !e.allocated) {
            memset(a, 0, e.len);
            memset(b, 0, e.len);
            if (old && at < old->size) {
                ret = node_pread(old, at, a, MIN(e.len, old->size - at));
            }
            if (ret == 0 && at < fresh->size) {
                ret = node_pread(fresh, at, b, MIN(e.len, fresh->size - at));
            }
            for (uint64_t i = 0; ret == 0 && i < e.len; i += 4096) {
                size_t len = MIN(4096, e.len - i);
                if (memcmp(a + i, b + i, len)) {
                    ret = buffer_is_zero(a + i, len) ? node_zero(top, at + i, len, true)
                                                     : node_pwrite(top, at + i, a + i, len);
                }
            }
        }
        if (ret < 0) {
            return ret;
        }
        img_progress(p, at + e.len, top->size);
    }
    return node_flush(top);
}

int img_rebase(int argc, char **argv)
{
    NodeOptions o = {.discard = true};
    const char *backing = NULL, *format = NULL;
    bool unsafe = false;
    BlockNode *fresh = NULL;
    GError *err = NULL;
    Progress p = {0};
    int c, ret = 0;

    while ((c = img_getopt(argc, argv, "f:F:b:upt:T:qUc", copy_options)) != -1) {
        switch (c) {
        case 'f':
            o.format = optarg;
            break;
        case 'F':
            format = optarg;
            break;
        case 'b':
            backing = optarg;
            break;
        case 'u':
            unsafe = true;
            break;
        case 'p':
            p.on = true;
            break;
        case 'q':
            p.on = false;
            break;
        case 'U':
            o.no_lock = true;
            break;
        case 't':
        case 'T':
        case 'c':
        case OPT_IGNORED:
            break;
        default:
            return 1;
        }
    }
    if (optind != argc - 1) {
        rhea_error_report("Expecting one image file name");
        return 1;
    }
    if (!unsafe && !backing) {
        rhea_error_report("Use backing file (-b) option");
        return 1;
    }
    if (backing && *backing && !format) {
        rhea_error_report(
            "Could not change the backing file to '%s': backing format must be specified", backing);
        return 1;
    }
    o.path = argv[optind];
    o.no_backing = unsafe;
    BlockNode *top = img_open(&o);
    if (!top) {
        return 1;
    }
    if (top->drv != &block_driver_qcow2) {
        rhea_error_report("'%s': the image's format has no backing files", o.path);
        node_close(top);
        return 1;
    }
    backing = backing && *backing ? backing : NULL;
    if (!unsafe) {
        if (backing) {
            g_autofree char *path = node_path_resolve(o.path, backing);
            fresh = img_open(&(NodeOptions){.path = path, .format = format, .read_only = true});
            ret = fresh ? 0 : -1;
        }
        if (ret == 0) {
            /* While data is copied up what lies below must not be seen as zero. */
            ret = fresh ? rebase_copy(top, top->backing, fresh, &p)
                        : job_do(&(JobOptions){.kind = JOB_STREAM, .source = top}, &p);
            if (p.on) {
                printf("\n");
            }
            if (ret < 0) {
                rhea_error_report("error while rebasing '%s': %s", o.path, g_strerror(-ret));
            }
        }
    }
    if (ret == 0 && !qcow2_set_backing(top, backing, format, &err)) {
        img_fail(err);
        ret = -1;
    }
    node_close(fresh);
    node_close(top);
    return ret < 0;
}

/* ---- dd ---- */

static bool dd_number(const char *key, const char *text, uint64_t *v)
{
    if (!opt_value_size(key, text, 1, v, NULL) || *v > INT64_MAX) {
        rhea_error_report("invalid number: '%s'", text);
        return false;
    }
    return true;
}

int img_dd(int argc, char **argv)
{
    NodeOptions in_o = {.read_only = true}, out_o = {0};
    const char *format = "raw";
    uint64_t bs = 512, count = UINT64_MAX, skip = 0;
    GError *err = NULL;
    int c, ret = 0;

    while ((c = img_getopt(argc, argv, "f:O:U", copy_options)) != -1) {
        switch (c) {
        case 'f':
            in_o.format = optarg;
            break;
        case 'O':
            format = optarg;
            break;
        case 'U':
            in_o.no_lock = true;
            break;
        case OPT_IGNORED:
            break;
        default:
            return 1;
        }
    }
    for (int i = optind; i < argc; i++) {
        const char *v = strchr(argv[i], '=');
        bool ok = true;
        if (g_str_has_prefix(argv[i], "if=")) {
            in_o.path = v + 1;
        } else if (g_str_has_prefix(argv[i], "of=")) {
            out_o.path = v + 1;
        } else if (g_str_has_prefix(argv[i], "bs=")) {
            ok = dd_number("bs", v + 1, &bs);
        } else if (g_str_has_prefix(argv[i], "count=")) {
            ok = dd_number("count", v + 1, &count);
        } else if (g_str_has_prefix(argv[i], "skip=")) {
            ok = dd_number("skip", v + 1, &skip);
        } else {
            rhea_error_report("unrecognized operand '%s'", argv[i]);
            ok = false;
        }
        if (!ok) {
            return 1;
        }
    }
    if (!in_o.path || !out_o.path) {
        rhea_error_report("Must specify both input and output file paths");
        return 1;
    }
    if (bs == 0 || bs > INT32_MAX) {
        rhea_error_report("invalid number: bs=%" PRIu64, bs);
        return 1;
    }
    BlockNode *in = img_open(&in_o), *out = NULL;
    if (!in) {
        return 1;
    }
    uint64_t from = skip > in->size / bs ? in->size : skip * bs, size = in->size - from;
    if (skip > in->size / bs || (skip == in->size / bs && in->size % bs == 0 && skip)) {
        rhea_error_report("%s: cannot skip to specified offset", in_o.path);
    }
    size = count < size / bs + 1 ? MIN(size, count * bs) : size;
    if (!img_make(out_o.path, format, NULL, size, NULL, NULL, true, &err)) {
        node_close(in);
        return img_fail(err);
    }
    out_o.format = format;
    out = img_open(&out_o);
    g_autofree uint8_t *buf = g_malloc(CHUNK);
    for (uint64_t at = 0; out && ret == 0 && at < size;) {
        size_t len = MIN(size - at, CHUNK);
        ret = node_pread(in, from + at, buf, len);
        ret = ret < 0 ? ret : node_pwrite(out, at, buf, len);
        at += len;
    }
    if (ret < 0) {
        rhea_error_report("error while copying '%s': %s", in_o.path, g_strerror(-ret));
    }
    node_close(in);
    node_close(out);
    return !out || ret < 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* rhea-img create, resize. Test: tests/img/ */
#include "img.h"
#include "io/nbd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define U "%" G_GUINT64_FORMAT

bool img_qcow2_options(OptDict *o, Qcow2Create *c, GError **err)
{
    static const char *const compats[] = {"v2", "0.10", "v3", "1.1", NULL};
    static const char *const packings[] = {"zlib", "zstd", NULL};
    static const char *const modes[] = {"off", "metadata", "falloc", "full", NULL};
    int compat = 3, packing = 0, mode = NODE_PREALLOC_OFF;
    uint64_t bits = 16;

    c->cluster_size = 65536;
    if (o && (!opt_take_enum(o, "compat", compats, &compat, err) ||
              !opt_take_enum(o, "compression_type", packings, &packing, err) ||
              !opt_take_enum(o, "preallocation", modes, &mode, err) ||
              !opt_take_size(o, "cluster_size", &c->cluster_size, err) ||
              !opt_take_u64(o, "refcount_bits", &bits, err) ||
              !opt_take_bool(o, "lazy_refcounts", &c->lazy_refcounts, err) ||
              !opt_take_bool(o, "extended_l2", &c->extended_l2, err) ||
              !opt_take_bool(o, "data_file_raw", &c->data_file_raw, err))) {
        return false;
    }
    c->version = compat < 2 ? 2 : 3;
    c->zstd = packing;
    c->prealloc = mode;
    c->data_file = o ? opt_take(o, "data_file") : NULL;
    if (c->cluster_size < 512 || c->cluster_size > 2 << 20 ||
        c->cluster_size & (c->cluster_size - 1)) {
        rhea_error_set(err, "Cluster size must be a power of two between 512 and 2048k");
        return false;
    }
    if (bits < 1 || bits > 64 || bits & (bits - 1)) {
        rhea_error_set(err, "Refcount width must be a power of two and may not exceed 64 bits");
        return false;
    }
    c->refcount_bits = bits;
    if (c->version < 3 && bits != 16) {
        rhea_error_set(err,
                       "Different refcount widths than 16 bits require compatibility level 1.1 or "
                       "above (use version=v3 or greater)");
        return false;
    }
    if (c->version < 3 && (c->lazy_refcounts || c->extended_l2 || c->zstd || c->data_file)) {
        rhea_error_set(err,
                       "%s only supported with compatibility level 1.1 and above (use version=v3 "
                       "or greater)",
                       c->lazy_refcounts ? "Lazy refcounts are"
                       : c->extended_l2  ? "Extended L2 entries are"
                       : c->zstd         ? "Non-zlib compression type is"
                                         : "External data files are");
        return false;
    }
    if (c->extended_l2 && c->cluster_size < 16384) {
        rhea_error_set(err, "Extended L2 entries are only supported with cluster sizes of at least "
                            "16384 bytes");
        return false;
    }
    if (c->data_file_raw && !c->data_file) {
        rhea_error_set(err, "data-file-raw requires data-file");
        return false;
    }
    if (c->backing && c->data_file_raw) {
        rhea_error_set(err, "Backing file and data-file-raw cannot be used at the same time");
        return false;
    }
    if (c->backing && c->prealloc != NODE_PREALLOC_OFF && !c->extended_l2) {
        rhea_error_set(err, "Backing file and preallocation can only be used at the same time if "
                            "extended_l2 is enabled");
        return false;
    }
    return true;
}

/* The file exists, is ours alone for a moment, and is empty. A device stays as it is. */
static bool file_prepare(const char *path, GError **err)
{
    if (!nbd_is_url(path)) { /* those are there already */
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

        if (fd < 0) {
            rhea_error_set(err, "Could not create '%s': %s", path, g_strerror(errno));
            return false;
        }
        close(fd);
    }
    BlockNode *n = node_open_protocol(&(NodeOptions){.path = path}, err);
    bool ok = n && (n->host.is_device || node_truncate(n, 0, NODE_PREALLOC_OFF, err));
    node_close(n);
    return ok;
}

static const char *given(OptDict *o, const char *key)
{
    return o ? opt_get(o, key) : NULL;
}

bool img_make(const char *path, const char *format, OptDict *o, uint64_t size, const char *backing,
              const char *backing_format, bool quiet, GError **err)
{
    static const char *const modes[] = {"off", "metadata", "falloc", "full"};
    Qcow2Create c = {.backing = backing, .backing_format = backing_format};

    size = (size + 511) & ~511ull;
    if (strcmp(format, "raw") == 0) {
        static const char *const raw_modes[] = {"off", "", "falloc", "full", NULL};
        int mode = NODE_PREALLOC_OFF;
        if (backing) {
            rhea_error_set(err, "%s: Backing file not supported for file format 'raw'", path);
            return false;
        }
        if (o && (!opt_take_enum(o, "preallocation", raw_modes, &mode, err) ||
                  !opt_check_unused(o, err))) {
            rhea_error_prefix(err, "%s: ", path);
            return false;
        }
        if (!quiet) {
            printf("Formatting '%s', fmt=raw size=" U "%s%s\n", path, size,
                   given(o, "preallocation") ? " preallocation=" : "",
                   given(o, "preallocation") ? given(o, "preallocation") : "");
        }
        if (!file_prepare(path, err)) {
            return false;
        }
        BlockNode *n = node_open(&(NodeOptions){.path = path, .format = "raw"}, err);
        bool ok =
            n && (n->file->host.is_device ? n->size >= size : node_truncate(n, size, mode, err));
        if (n && !ok && err && !*err) {
            rhea_error_set(err, "%s: the device is too small", path);
        }
        node_close(n);
        return ok;
    }
    if (strcmp(format, "qcow2") != 0) {
        rhea_error_set(err, "%s: Unknown file format '%s'", path, format);
        return false;
    }
    c.size = size;
    if (!img_qcow2_options(o, &c, err) || (o && !opt_check_unused(o, err))) {
        rhea_error_prefix(err, "%s: ", path);
        return false;
    }
    if (!quiet) {
        printf("Formatting '%s', fmt=qcow2 cluster_size=" U " extended_l2=%s", path, c.cluster_size,
               c.extended_l2 ? "on" : "off");
        if (given(o, "preallocation")) {
            printf(" preallocation=%s", modes[c.prealloc]);
        }
        printf(" compression_type=%s size=" U, c.zstd ? "zstd" : "zlib", size);
        if (given(o, "compat")) {
            printf(" compat=%s", given(o, "compat"));
        }
        if (c.data_file) {
            printf(" data_file=%s", c.data_file);
        }
        if (given(o, "data_file_raw")) {
            printf(" data_file_raw=%s", c.data_file_raw ? "on" : "off");
        }
        if (backing) {
            printf(" backing_file=%s", backing);
            printf(backing_format ? " backing_fmt=%s" : "", backing_format);
        }
        printf(" lazy_refcounts=%s refcount_bits=%u\n", c.lazy_refcounts ? "on" : "off",
               c.refcount_bits);
    }
    if (!file_prepare(path, err) || (c.data_file && !file_prepare(c.data_file, err))) {
        return false;
    }
    if (!qcow2_create(path, &c, err)) {
        rhea_error_prefix(err, "%s: ", path);
        return false;
    }
    return true;
}

int img_create(int argc, char **argv)
{
    static const struct option longs[] = {{"object", 1, NULL, OPT_IGNORED}, {NULL, 0, NULL, 0}};
    const char *format = "raw", *backing = NULL, *backing_format = NULL, *path;
    g_autoptr(OptDict) o = NULL;
    GError *err = NULL;
    bool quiet = false, trust = false, have_size = false;
    uint64_t size = 0;
    int c;

    while ((c = img_getopt(argc, argv, "qf:b:F:uo:", longs)) != -1) {
        switch (c) {
        case 'q':
            quiet = true;
            break;
        case 'f':
            format = optarg;
            break;
        case 'b':
            backing = optarg;
            break;
        case 'F':
            backing_format = optarg;
            break;
        case 'u':
            trust = true;
            break;
        case 'o':
            if (!img_add_options(&o, optarg)) {
                return 1;
            }
            break;
        case OPT_IGNORED:
            break;
        default:
            return 1;
        }
    }
    if (optind >= argc) {
        rhea_error_report("Expecting image file name");
        return 1;
    }
    path = argv[optind++];
    if (o) {
        backing = backing ? backing : opt_take(o, "backing_file");
        backing_format = backing_format ? backing_format : opt_take(o, "backing_fmt");
        have_size = opt_get(o, "size");
        if (!opt_take_size(o, "size", &size, &err)) {
            return img_fail(err);
        }
    }
    if (optind < argc) {
        if (!img_size(argv[optind++], &size)) {
            return 1;
        }
        have_size = true;
    }
    if (optind < argc) {
        rhea_error_report("Unexpected argument: %s", argv[optind]);
        return 1;
    }
    if (strcmp(format, "raw") && strcmp(format, "qcow2")) {
        rhea_error_report("%s: Unknown file format '%s'", path, format);
        return 1;
    }
    if (backing && !backing_format) {
        rhea_error_report("%s: Backing file specified without backing format", path);
        return 1;
    }
    if (backing && *backing && !(trust && have_size)) {
        g_autofree char *full = node_path_resolve(path, backing);
        BlockNode *b = node_open(
            &(NodeOptions){.path = full, .format = backing_format, .read_only = true}, &err);
        if (!b) {
            rhea_error_report("%s: Could not open backing image: %s", path, err->message);
            g_error_free(err);
            return 1;
        }
        size = have_size ? size : b->size;
        have_size = true;
        node_close(b);
    }
    if (!have_size) {
        rhea_error_report("%s: Image creation needs a size parameter", path);
        return 1;
    }
    return img_make(path, format, o, size, backing, backing_format, quiet, &err) ? 0
                                                                                 : img_fail(err);
}

int img_resize(int argc, char **argv)
{
    static const struct option longs[] = {{"preallocation", 1, NULL, OPT_PREALLOC},
                                          {"shrink", 0, NULL, OPT_SHRINK},
                                          {"object", 1, NULL, OPT_IGNORED},
                                          {NULL, 0, NULL, 0}};
    NodeOptions o = {.discard = true};
    NodePrealloc how = NODE_PREALLOC_OFF;
    bool quiet = false, shrink = false;
    GError *err = NULL;
    uint64_t size, now;
    int c;

    /* The size may begin with '-': it is no option. */
    if (argc < 3) {
        rhea_error_report("Not enough arguments");
        return 1;
    }
    const char *text = argv[--argc];
    while ((c = img_getopt(argc, argv, "qf:", longs)) != -1) {
        switch (c) {
        case 'q':
            quiet = true;
            break;
        case 'f':
            o.format = optarg;
            break;
        case OPT_PREALLOC:
            if (!img_prealloc(optarg, &how)) {
                return 1;
            }
            break;
        case OPT_SHRINK:
            shrink = true;
            break;
        case OPT_IGNORED:
            break;
        default:
            return 1;
        }
    }
    if (optind != argc - 1) {
        rhea_error_report("Expecting image file name and size");
        return 1;
    }
    o.path = argv[optind];
    if (!img_size(text + (*text == '+' || *text == '-'), &size)) {
        return 1;
    }
    BlockNode *n = img_open(&o);
    if (!n) {
        return 1;
    }
    if (n->probed) {
        fprintf(stderr,
                "WARNING: Image format was not specified for '%s' and probing guessed raw.\n"
                "         Automatically detecting the format is dangerous for raw images, write "
                "operations on block 0 will be restricted.\n"
                "         Specify the 'raw' format explicitly to remove the restrictions.\n",
                o.path);
    }
    now = n->size;
    int ret = 1;
    if (*text == '-' && size >= now) {
        rhea_error_report("New image size must be positive");
    } else {
        size = *text == '+' ? now + size : *text == '-' ? now - size : size;
        if (size == 0) {
            rhea_error_report("New image size must be positive");
        } else if (size < now && !shrink) {
            rhea_error_report("Use the --shrink option to perform a shrink operation.");
            rhea_warn_report(
                "Shrinking an image will delete all data beyond the shrunken image's end. "
                "Before performing such an operation, make sure there is no important data "
                "there.");
        } else if (!node_truncate(n, size, how, &err)) {
            img_fail(err);
        } else {
            ret = 0;
            if (!quiet) {
                printf("Image resized.\n");
            }
        }
    }
    node_close(n);
    return ret;
}

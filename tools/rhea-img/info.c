/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* rhea-img info, check, map, measure, snapshot. Test: tests/img/ */
#include "img.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CHECK_UNSUPPORTED 63

static const struct option output_options[] = {{"output", 1, NULL, OPT_OUTPUT},
                                               {"backing-chain", 0, NULL, OPT_BACKING_CHAIN},
                                               {"force-share", 0, NULL, 'U'},
                                               {"repair", 1, NULL, 'r'},
                                               {"size", 1, NULL, OPT_SIZE},
                                               {"start-offset", 1, NULL, OPT_IGNORED},
                                               {"max-length", 1, NULL, OPT_IGNORED},
                                               {"object", 1, NULL, OPT_IGNORED},
                                               {NULL, 0, NULL, 0}};

static bool one_file(int argc, char **argv, const char **path)
{
    if (optind != argc - 1) {
        rhea_error_report("Expecting one image file name");
        return false;
    }
    *path = argv[optind];
    return true;
}

/* ---- JSON, as the reference indents it ---- */

typedef struct Json {
    int depth;
    bool first;
} Json;

static void json_key(Json *j, const char *key)
{
    printf("%s\n%*s", j->first ? "" : ",", j->depth * 4, "");
    j->first = false;
    if (key) {
        img_json_string(key);
        printf(": ");
    }
}

static void json_open(Json *j, const char *key, char bracket)
{
    json_key(j, key);
    putchar(bracket);
    j->depth++;
    j->first = true;
}

static void json_close(Json *j, char bracket)
{
    j->depth--;
    printf("\n%*s%c", j->depth * 4, "", bracket);
    j->first = false;
}

static void json_text(Json *j, const char *key, const char *value)
{
    json_key(j, key);
    img_json_string(value);
}

static void json_number(Json *j, const char *key, uint64_t value)
{
    json_key(j, key);
    printf("%" PRIu64, value);
}

static void json_bool(Json *j, const char *key, bool value)
{
    json_key(j, key);
    printf(value ? "true" : "false");
}

/* ---- info ---- */

void img_snapshot_list(BlockNode *n)
{
    printf("Snapshot list:\n%-7s %-16s %8s %19s %15s %10s\n", "ID", "TAG", "VM_SIZE", "DATE",
           "VM_CLOCK", "ICOUNT");
    for (unsigned i = 0; i < qcow2_snapshot_count(n); i++) {
        const Qcow2Snapshot *s = qcow2_snapshot_at(n, i);
        g_autofree char *size = img_size_text(s->vm_size);
        char date[64], clock[64];
        time_t when = s->sec;
        struct tm tm;
        uint64_t sec = s->clock / 1000000000;

        localtime_r(&when, &tm);
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
        snprintf(clock, sizeof(clock), "%04" PRIu64 ":%02u:%02u.%03u", sec / 3600,
                 (unsigned)(sec / 60 % 60), (unsigned)(sec % 60),
                 (unsigned)(s->clock / 1000000 % 1000));
        uint64_t icount = UINT64_MAX;
        for (unsigned k = 0; s->extra_len >= 8 && k < 8; k++) {
            icount = icount << 8 | s->extra[k];
        }
        g_autofree char *count =
            icount == UINT64_MAX ? g_strdup("--") : g_strdup_printf("%" PRIu64, icount);
        printf("%-7s %-16s %8s %19s %15s %10s\n", s->id, s->name, size, date, clock, count);
    }
}

static const char *yes(bool b)
{
    return b ? "true" : "false";
}

static void info_human(BlockNode *n)
{
    bool remote = n->file->drv != &block_driver_file;
    g_autofree char *size = img_size_text(n->size);
    g_autofree char *disk = remote ? g_strdup("unavailable") : img_size_text(node_disk_size(n));
    g_autofree char *length = img_size_text(n->file->size);

    printf("image: %s\nfile format: %s\nvirtual size: %s (%" PRIu64 " bytes)\ndisk size: %s\n",
           n->filename, n->drv->name, size, n->size, disk);
    if (n->drv == &block_driver_qcow2) {
        Qcow2Info q;
        qcow2_info(n, &q);
        if (q.dirty) {
            printf("cleanly shut down: no\n");
        }
        printf("cluster_size: %" PRIu64 "\n", q.cluster_size);
        if (n->backing_name) {
            g_autofree char *full = node_path_resolve(n->filename, n->backing_name);
            printf("backing file: %s", n->backing_name);
            printf(strcmp(full, n->backing_name) ? " (actual path: %s)\n" : "\n", full);
            if (n->backing_format) {
                printf("backing file format: %s\n", n->backing_format);
            }
        }
        if (qcow2_snapshot_count(n)) {
            img_snapshot_list(n);
        }
        printf("Format specific information:\n    compat: %s\n    compression type: %s\n",
               q.version < 3 ? "0.10" : "1.1", q.zstd ? "zstd" : "zlib");
        if (q.version >= 3) {
            printf("    lazy refcounts: %s\n", yes(q.lazy_refcounts));
        }
        printf("    refcount bits: %u\n", q.refcount_bits);
        if (q.data_file) {
            printf("    data file: %s\n    data file raw: %s\n", q.data_file, yes(q.data_file_raw));
        }
        if (q.version >= 3) {
            printf("    corrupt: %s\n    extended l2: %s\n", yes(q.corrupt), yes(q.extended_l2));
        }
    }
    if (!remote || n->drv != &block_driver_raw) {
        printf("Child node '/file':\n    filename: %s\n    protocol type: %s\n"
               "    file length: %s (%" PRIu64 " bytes)\n    disk size: %s\n",
               n->filename, n->file->drv->name, length, n->file->size, disk);
    }
}

/* The node below. */
static void info_json_file(Json *j, BlockNode *n, bool remote)
{
    json_open(j, "children", '[');
    json_open(j, NULL, '{');
    json_text(j, "name", "file");
    json_open(j, "info", '{');
    json_open(j, "children", '[');
    json_close(j, ']');
    json_number(j, "virtual-size", n->file->size);
    json_text(j, "filename", n->filename);
    json_text(j, "format", n->file->drv->name);
    if (!remote) {
        json_number(j, "actual-size", node_disk_size(n));
        json_open(j, "format-specific", '{');
        json_text(j, "type", "file");
        json_open(j, "data", '{');
        json_close(j, '}');
        json_close(j, '}');
    }
    json_bool(j, "dirty-flag", false);
    json_close(j, '}');
    json_close(j, '}');
    json_close(j, ']');
}

/* The members of the object. */
static void info_json(Json *j, BlockNode *n)
{
    bool remote = n->file->drv != &block_driver_file;

    if (!remote || n->drv != &block_driver_raw) {
        info_json_file(j, n, remote);
    }
    Qcow2Info q = {0};
    if (n->drv == &block_driver_qcow2) {
        qcow2_info(n, &q);
        if (qcow2_snapshot_count(n)) {
            json_open(j, "snapshots", '[');
            for (unsigned i = 0; i < qcow2_snapshot_count(n); i++) {
                const Qcow2Snapshot *s = qcow2_snapshot_at(n, i);
                json_open(j, NULL, '{');
                json_number(j, "vm-clock-nsec", s->clock % 1000000000);
                json_text(j, "name", s->name);
                json_number(j, "date-sec", s->sec);
                json_number(j, "date-nsec", s->nsec);
                json_number(j, "vm-clock-sec", s->clock / 1000000000);
                json_text(j, "id", s->id);
                json_number(j, "vm-state-size", s->vm_size);
                json_close(j, '}');
            }
            json_close(j, ']');
        }
    }
    if (n->backing_format) {
        json_text(j, "backing-filename-format", n->backing_format);
    }
    json_number(j, "virtual-size", n->size);
    json_text(j, "filename", n->filename);
    if (q.version) {
        json_number(j, "cluster-size", q.cluster_size);
    }
    json_text(j, "format", n->drv->name);
    if (!remote) {
        json_number(j, "actual-size", node_disk_size(n));
    }
    if (q.version) {
        json_open(j, "format-specific", '{');
        json_text(j, "type", "qcow2");
        json_open(j, "data", '{');
        json_text(j, "compat", q.version < 3 ? "0.10" : "1.1");
        json_text(j, "compression-type", q.zstd ? "zstd" : "zlib");
        if (q.version >= 3) {
            json_bool(j, "lazy-refcounts", q.lazy_refcounts);
        }
        json_number(j, "refcount-bits", q.refcount_bits);
        if (q.data_file) {
            json_text(j, "data-file", q.data_file);
            json_bool(j, "data-file-raw", q.data_file_raw);
        }
        if (q.version >= 3) {
            json_bool(j, "corrupt", q.corrupt);
            json_bool(j, "extended-l2", q.extended_l2);
        }
        json_close(j, '}');
        json_close(j, '}');
    }
    if (n->backing_name) {
        g_autofree char *full = node_path_resolve(n->filename, n->backing_name);
        json_text(j, "full-backing-filename", full);
        json_text(j, "backing-filename", n->backing_name);
    }
    json_bool(j, "dirty-flag", q.dirty);
}

int img_info(int argc, char **argv)
{
    NodeOptions o = {.read_only = true, .no_backing = true};
    bool json = false, chain = false;
    int c;

    while ((c = img_getopt(argc, argv, "f:U", output_options)) != -1) {
        switch (c) {
        case 'f':
            o.format = optarg;
            break;
        case 'U':
            o.no_lock = true;
            break;
        case OPT_OUTPUT:
            if (!img_output(optarg, &json)) {
                return 1;
            }
            break;
        case OPT_BACKING_CHAIN:
            chain = true;
            break;
        case OPT_IGNORED:
            break;
        default:
            return 1;
        }
    }
    if (!one_file(argc, argv, &o.path)) {
        return 1;
    }
    /* Without a chain the backing files need not be there. */
    o.no_backing = !chain;
    BlockNode *top = img_open(&o);
    if (!top) {
        return 1;
    }
    Json j = {0, true};
    if (json) {
        putchar(chain ? '[' : '{');
        j.depth = 1;
    }
    for (BlockNode *n = top; n; n = n->backing) {
        if (!json) {
            printf(n == top ? "" : "\n");
            info_human(n);
        } else if (chain) {
            json_open(&j, NULL, '{');
            info_json(&j, n);
            json_close(&j, '}');
        } else {
            info_json(&j, n);
        }
    }
    if (json) {
        printf(chain ? "\n]\n" : "\n}\n");
    }
    node_close(top);
    return 0;
}

/* ---- check ---- */

static void say(void *opaque, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

static void check_json(const NodeOptions *o, const Qcow2Check *r)
{
    Json j = {1, true};

    printf("{");
    json_number(&j, "image-end-offset", r->end);
    json_number(&j, "total-clusters", r->total_clusters);
    const struct {
        const char *key;
        uint64_t value;
    } some[] = {
        {"allocated-clusters", r->allocated},
        {"fragmented-clusters", r->fragmented},
        {"compressed-clusters", r->compressed},
        {"corruptions", r->corruptions},
        {"leaks", r->leaks},
        {"leaks-fixed", r->leaks_fixed},
        {"corruptions-fixed", r->corruptions_fixed},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(some); i++) {
        if (some[i].value) {
            json_number(&j, some[i].key, some[i].value);
        }
    }
    json_number(&j, "check-errors", r->errors);
    json_text(&j, "filename", o->path);
    json_text(&j, "format", "qcow2");
    printf("\n}\n");
}

static void check_human(const Qcow2Check *r)
{
    if (!(r->corruptions || r->leaks || r->errors)) {
        printf("No errors were found on the image.\n");
    } else {
        if (r->corruptions) {
            printf("\n%" PRIu64
                   " errors were found on the image.\nData may be corrupted, or further "
                   "writes to the image may corrupt it.\n",
                   r->corruptions);
        }
        if (r->leaks) {
            printf("\n%" PRIu64
                   " leaked clusters were found on the image.\nThis means waste of disk "
                   "space, but no harm to data.\n",
                   r->leaks);
        }
        if (r->errors) {
            printf("\n%" PRIu64 " internal errors have occurred during the check.\n", r->errors);
        }
    }
    if (r->total_clusters && r->allocated) {
        printf("%" PRIu64 "/%" PRIu64
               " = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% compressed "
               "clusters\n",
               r->allocated, r->total_clusters, r->allocated * 100.0 / r->total_clusters,
               r->fragmented * 100.0 / r->allocated, r->compressed * 100.0 / r->allocated);
    }
    if (r->end) {
        printf("Image end offset: %" PRIu64 "\n", r->end);
    }
}

int img_check(int argc, char **argv)
{
    NodeOptions o = {
        .read_only = true, .no_backing = true, .ignore_corrupt = true, .discard = true};
    bool json = false, quiet = false, leaks = false, all = false;
    GError *err = NULL;
    int c;

    while ((c = img_getopt(argc, argv, "f:qr:UT:", output_options)) != -1) {
        switch (c) {
        case 'f':
            o.format = optarg;
            break;
        case 'q':
            quiet = true;
            break;
        case 'U':
            o.no_lock = true;
            break;
        case 'r':
            all = strcmp(optarg, "all") == 0;
            leaks = all || strcmp(optarg, "leaks") == 0;
            if (!leaks) {
                rhea_error_report("-r expects 'leaks' or 'all', not '%s'", optarg);
                return 1;
            }
            o.read_only = false;
            break;
        case OPT_OUTPUT:
            if (!img_output(optarg, &json)) {
                return 1;
            }
            break;
        case OPT_IGNORED:
        case 'T':
            break;
        default:
            return 1;
        }
    }
    if (!one_file(argc, argv, &o.path)) {
        return 1;
    }
    BlockNode *n = img_open(&o);
    if (!n) {
        return 1;
    }
    if (n->drv != &block_driver_qcow2) {
        rhea_error_report("This image format does not support checks");
        node_close(n);
        return CHECK_UNSUPPORTED;
    }
    Qcow2Check r = {.say = json || quiet ? NULL : say};
    bool ok = qcow2_check(n, &r, leaks, all, &err);
    if (ok && (r.leaks_fixed || r.corruptions_fixed)) {
        Qcow2Check again = {.say = r.say};
        if (!json && !quiet) {
            printf("The following inconsistencies were found and repaired:\n\n    %" PRIu64
                   " leaked clusters\n    %" PRIu64
                   " corruptions\n\nDouble checking the fixed image "
                   "now...\n",
                   r.leaks_fixed, r.corruptions_fixed);
        }
        ok = qcow2_check(n, &again, false, false, &err);
        again.leaks_fixed = r.leaks_fixed;
        again.corruptions_fixed = r.corruptions_fixed;
        r = again;
    }
    node_close(n);
    if (!ok) {
        return img_fail(err);
    }
    if (json) {
        check_json(&o, &r);
    } else if (!quiet) {
        check_human(&r);
    }
    return r.errors ? 1 : r.corruptions ? 2 : r.leaks ? 3 : 0;
}

/* ---- map ---- */

typedef struct MapEntry {
    uint64_t start;
    NodeExtent e;
    int depth;
    const char *file;
} MapEntry;

static bool same(const MapEntry *a, const MapEntry *b)
{
    return a->e.data == b->e.data && a->e.zero == b->e.zero && a->e.allocated == b->e.allocated &&
           a->e.compressed == b->e.compressed && a->depth == b->depth &&
           a->e.has_offset == b->e.has_offset && a->file == b->file &&
           (!a->e.has_offset || a->e.offset + a->e.len == b->e.offset);
}

static bool map_print(const MapEntry *m, bool json, bool *first)
{
    if (json) {
        printf("%s{ \"start\": %" PRIu64 ", \"length\": %" PRIu64
               ", \"depth\": %d, \"present\": %s, "
               "\"zero\": %s, \"data\": %s, \"compressed\": %s",
               *first ? "[" : ",\n", m->start, m->e.len, m->depth, yes(m->e.allocated),
               yes(m->e.zero), yes(m->e.data), yes(m->e.compressed));
        if (m->e.has_offset) {
            printf(", \"offset\": %" PRIu64, m->e.offset);
        }
        printf("}");
        *first = false;
    } else if (m->e.data && !m->e.zero) {
        if (!m->e.has_offset) {
            rhea_error_report("File contains external, encrypted or compressed clusters.");
            return false;
        }
        printf("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", m->start, m->e.len, m->e.offset,
               m->file);
    }
    return true;
}

int img_map(int argc, char **argv)
{
    NodeOptions o = {.read_only = true};
    bool json = false, first = true, ok = true;
    MapEntry last = {0}, now;
    int c;

    while ((c = img_getopt(argc, argv, "f:Us:l:", output_options)) != -1) {
        switch (c) {
        case 'f':
            o.format = optarg;
            break;
        case 'U':
            o.no_lock = true;
            break;
        case OPT_OUTPUT:
            if (!img_output(optarg, &json)) {
                return 1;
            }
            break;
        default:
            return 1;
        }
    }
    if (!one_file(argc, argv, &o.path)) {
        return 1;
    }
    BlockNode *n = img_open(&o), *in;
    if (!n) {
        return 1;
    }
    if (!json) {
        printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
    }
    for (uint64_t at = 0; ok && at < n->size; at += now.e.len) {
        now.start = at;
        int ret = node_status_chain(n, NULL, at, n->size - at, &now.e, &now.depth, &in);
        if (ret < 0) {
            rhea_error_report("Could not read file metadata: %s", g_strerror(-ret));
            ok = false;
            break;
        }
        now.file = in->data ? in->data->filename : in->filename;
        if (last.e.len && same(&last, &now)) {
            last.e.len += now.e.len;
            continue;
        }
        ok = !last.e.len || map_print(&last, json, &first);
        last = now;
    }
    ok = ok && (!last.e.len || map_print(&last, json, &first));
    if (json && ok) {
        printf(first ? "[]\n" : "]\n");
    }
    node_close(n);
    return !ok;
}

/* ---- measure ---- */

int img_measure(int argc, char **argv)
{
    NodeOptions o = {.read_only = true};
    const char *format = "raw";
    g_autoptr(OptDict) opts = NULL;
    Qcow2Create q = {0};
    GError *err = NULL;
    bool json = false, sized = false;
    uint64_t size = 0, used = 0, full;
    int c;

    while ((c = img_getopt(argc, argv, "f:O:o:Ul:", output_options)) != -1) {
        switch (c) {
        case 'f':
            o.format = optarg;
            break;
        case 'O':
            format = optarg;
            break;
        case 'o':
            if (!img_add_options(&opts, optarg)) {
                return 1;
            }
            break;
        case 'U':
            o.no_lock = true;
            break;
        case OPT_SIZE:
            if (!img_size(optarg, &size)) {
                return 1;
            }
            sized = true;
            break;
        case OPT_OUTPUT:
            if (!img_output(optarg, &json)) {
                return 1;
            }
            break;
        default:
            return 1;
        }
    }
    if (sized == (optind < argc)) {
        rhea_error_report(sized ? "--size N cannot be used together with a filename."
                                : "Either --size N or one filename must be specified.");
        return 1;
    }
    if (strcmp(format, "raw") && strcmp(format, "qcow2")) {
        rhea_error_report("Unknown file format '%s'", format);
        return 1;
    }
    if (!img_qcow2_options(opts, &q, &err)) {
        return img_fail(err);
    }
    if (!sized) {
        if (!one_file(argc, argv, &o.path)) {
            return 1;
        }
        BlockNode *n = img_open(&o);
        if (!n) {
            return 1;
        }
        size = n->size;
        uint64_t unit = q.cluster_size, counted = 0;
        NodeExtent e;
        for (uint64_t at = 0; at < size; at += e.len) {
            if (node_status_chain(n, NULL, at, size - at, &e, NULL, NULL) < 0) {
                e.len = size - at;
            }
            if (!e.zero) {
                uint64_t from = MAX(at / unit, counted), to = (at + e.len + unit - 1) / unit;
                used += to > from ? (to - from) * unit : 0;
                counted = MAX(counted, to);
            }
        }
        node_close(n);
    }
    size = (size + 511) & ~511ull;
    q.size = size;
    if (strcmp(format, "raw") == 0) {
        used = full = size;
    } else {
        full = qcow2_measure(&q, size);
        used = qcow2_measure(&q, used);
    }
    printf(json ? "{\n    \"required\": %" PRIu64 ",\n    \"fully-allocated\": %" PRIu64 "\n}\n"
                : "required size: %" PRIu64 "\nfully allocated size: %" PRIu64 "\n",
           used, full);
    return 0;
}

/* ---- snapshot ---- */

int img_snapshot(int argc, char **argv)
{
    NodeOptions o = {.no_backing = true, .discard = true};
    int action = 0, c;
    const char *name = NULL;
    GError *err = NULL;
    bool ok = true;

    while ((c = img_getopt(argc, argv, "la:c:d:qUf:", output_options)) != -1) {
        switch (c) {
        case 'l':
        case 'a':
        case 'c':
        case 'd':
            if (action) {
                rhea_error_report("Cannot mix '-l', '-a', '-c', '-d'");
                return 1;
            }
            action = c;
            name = optarg;
            break;
        case 'f':
            o.format = optarg;
            break;
        case 'U':
            o.no_lock = true;
            break;
        case 'q':
        case OPT_IGNORED:
            break;
        default:
            return 1;
        }
    }
    if (!one_file(argc, argv, &o.path)) {
        return 1;
    }
    o.read_only = !action || action == 'l';
    BlockNode *n = img_open(&o);
    if (!n) {
        return 1;
    }
    if (n->drv != &block_driver_qcow2) {
        rhea_error_report("'%s': the image's format has no snapshots", o.path);
        node_close(n);
        return 1;
    }
    if (o.read_only) {
        if (qcow2_snapshot_count(n)) {
            img_snapshot_list(n);
        }
    } else {
        ok = action == 'c'   ? qcow2_snapshot_create(n, name, &err)
             : action == 'a' ? qcow2_snapshot_apply(n, name, &err)
                             : qcow2_snapshot_delete(n, name, &err);
    }
    node_close(n);
    return ok ? 0 : img_fail(err);
}

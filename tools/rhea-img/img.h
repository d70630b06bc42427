/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* rhea-img: what its commands share. Each command gets its arguments from its own name on. */
#ifndef TOOLS_IMG_H
#define TOOLS_IMG_H

#include <getopt.h>
#include "io/qcow2.h"
#include "rhea/error.h"
#include "softmmu/opts.h"

typedef enum LongOption {
    OPT_OUTPUT = 256,
    OPT_BACKING_CHAIN,
    OPT_PREALLOC,
    OPT_SHRINK,
    OPT_TARGET_IS_ZERO,
    OPT_SIZE,
    OPT_IGNORED, /* taken, without a meaning here */
    OPT_IGNORED_FLAG,
} LongOption;

int img_create(int argc, char **argv);
int img_resize(int argc, char **argv);
int img_info(int argc, char **argv);
int img_check(int argc, char **argv);
int img_map(int argc, char **argv);
int img_measure(int argc, char **argv);
int img_snapshot(int argc, char **argv);
int img_convert(int argc, char **argv);
int img_compare(int argc, char **argv);
int img_commit(int argc, char **argv);
int img_rebase(int argc, char **argv);
int img_dd(int argc, char **argv);

/* Print *err, free it, return 1. */
int img_fail(GError *err);
/* node_open() with "Could not open 'X': " in front of its message; NULL: it has been printed. */
BlockNode *img_open(const NodeOptions *o);
/* The next option; -1 at the end; '?' after an error that has been printed. */
int img_getopt(int argc, char **argv, const char *short_options, const struct option *long_options);
bool img_size(const char *text, uint64_t *size);
/* "10 MiB" */
char *img_size_text(uint64_t bytes);
/* --output=human|json */
bool img_output(const char *arg, bool *json);
/* Make, or empty, a file for an image, and give it its format. o: from -o, may be NULL. */
bool img_make(const char *path, const char *format, OptDict *o, uint64_t size, const char *backing,
              const char *backing_format, bool quiet, GError **err);
bool img_prealloc(const char *text, NodePrealloc *how);
/* -o, several times */
bool img_add_options(OptDict **o, const char *text);
/* What qcow2 options ask for. */
bool img_qcow2_options(OptDict *o, Qcow2Create *c, GError **err);

typedef struct Progress {
    bool on;
    double shown;
} Progress;
void img_progress(Progress *p, uint64_t done, uint64_t total);

void img_json_string(const char *text);
void img_snapshot_list(BlockNode *n);

#endif

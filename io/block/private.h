/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* What node.c and the drivers of nodes that have options of their own share. */
#ifndef IO_BLOCK_PRIVATE_H
#define IO_BLOCK_PRIVATE_H

#include "io/node.h"
#include "softmmu/opts.h"

/* Images above one another by their backing files, for the search for loops. */
typedef struct Chain {
    const BlockNode *file;
    const struct Chain *above;
    int depth;
} Chain;

/* tree.c: what a name that is no file's says ("json:{...}", "null-co://", "blkdebug:CONFIG:FILE");
 * NULL without an error: it is a file's or a server's. */
OptDict *node_describe(const char *path, GError **err);
bool node_driver_is_format(const char *driver);
/* The node that d describes; what d does not say is as o says. */
BlockNode *node_open_described(OptDict *d, const NodeOptions *o, GError **err);
/* The same for the node below, whose keys are those of d that begin with "NAME.". A file name
 * alone is a file's, or with probe an image's. */
BlockNode *node_open_child(OptDict *d, const char *name, const NodeOptions *o, bool probe,
                           GError **err);
/* Format nodes: into *f go the options of node_open() that d says; strings belong to *keep. */
bool node_format_options(OptDict *d, NodeOptions *f, GPtrArray *keep, GError **err);
/* Is anything left of d? */
bool node_check_unused(const OptDict *d, const char *driver, GError **err);

/* A node of that driver on top of file (taken over), with the same size and what can be done. */
BlockNode *node_new_filter(const BlockDriver *drv, OptDict *d, BlockNode *file);
/* The node below has become as large as this. */
void node_filter_grown(BlockNode *n);

BlockNode *node_open_null(OptDict *d, const char *driver, const NodeOptions *o, GError **err);
BlockNode *node_open_blkdebug(OptDict *d, const NodeOptions *o, GError **err);
BlockNode *node_open_blkverify(OptDict *d, const NodeOptions *o, GError **err);
BlockNode *node_open_preallocate(OptDict *d, const NodeOptions *o, GError **err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * -drive and -blockdev: which image a device gets. Main thread. Test: tests/unit/test-block.c
 */
#ifndef IO_DRIVE_H
#define IO_DRIVE_H

#include "io/block.h"
#include "softmmu/machine.h"

/*
 * Open what `drive=id` of a device names: the -drive with that id or the -blockdev with that
 * node-name. Each goes to one device only. share: other programs may use the image as well. *opts
 * gets the options, for those that are the device's (werror, rerror). NULL and *err: there is none,
 * it is taken, or it cannot be opened.
 */
BlockBackend *drive_open(Machine *m, const char *id, bool share, OptDict **opts, GError **err);

/* A drive that a device has, in Machine.drive_uses. */
typedef struct DriveUse DriveUse;
struct DriveUse {
    char *id;     /* of the -drive; NULL: of a node */
    OptDict *row; /* of Machine.drives or blockdevs: its top node; NULL: of none */
    BlockBackend *backend;
    char *qdev; /* id of the device, or NULL */
    char *path; /* of the device: device_path() */
    int error;  /* that stopped the machine, until it goes on; or 0 */
    /* A block job is at it: to be called before it is closed. */
    void (*closing)(DriveUse *u);
    void *opaque;
};

DriveUse *drive_use(Machine *m, const BlockBackend *b);
void drive_close(Machine *m, BlockBackend *b);
void drive_errors_forget(Machine *m);
/* Waits for what the devices have asked of their drives; vCPUs are paused. */
void drives_settle(Machine *m);
/* The node of a row of Machine.blockdevs that nobody has, opened; it is taken until
 * drive_row_release(). */
struct BlockNode *drive_node_open(Machine *m, const char *name, OptDict **row, GError **err);
OptDict *drive_row_find(Machine *m, const char *node_name);
/* A device or a job has it, or it is below such a node. */
bool drive_row_taken(Machine *m, const OptDict *row);
void drive_row_take(OptDict *row);
void drive_row_release(OptDict *row);
/* Nodes below n have the names that rows give them: those of the row, or of rows it names. */
void drive_names_give(Machine *m, struct BlockNode *n, OptDict *row);
/* Rows of a chain that is in no graph any more are nobody's. */
void drive_chain_release(Machine *m, const struct BlockNode *n);
/* Key of the name of a child, by its path ("backing.file") in the row. */
#define DRIVE_CHILD_NAME "#name."

#endif

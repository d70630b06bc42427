/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the parts of QMP that are about disks share: qmp-block.c has the graph of nodes, qmp-job.c
 * the jobs, qmp-transaction.c what is done to several disks at once.
 *
 * All in the main loop's thread. Test: tests/qmp/
 */
#ifndef SOFTMMU_QMP_BLOCK_H
#define SOFTMMU_QMP_BLOCK_H

#include "io/drive.h"
#include "io/job.h"
#include "io/node.h"
#include "qmp.h"

typedef struct QmpJob QmpJob;

/* ---- qmp-block.c ---- */

struct QmpBlock *qmp_block_of(Qmp *q);
GPtrArray *qmp_jobs(Qmp *q); /* QmpJob * */
/* "#block000": a name that no node has. */
char *qmp_node_name_new(Qmp *q);
/* i from 0; NULL at the end. */
DriveUse *qmp_use_at(Qmp *q, unsigned i);
/* By id of the drive or device, or name of the topmost node. */
DriveUse *qmp_use_find(Qmp *q, const char *name, GError **err);
/* Any node of a disk, by those names or its own: and whose disk. */
BlockNode *qmp_node_find(Qmp *q, const char *name, DriveUse **use, GError **err);
/* By name, or by the file's. */
BlockNode *qmp_node_in_chain(BlockNode *n, const char *name, const char *file);
/* No job is at it. */
bool qmp_use_is_free(DriveUse *u, GError **err);
/* Nodes that are in no graph any more. */
void qmp_chain_close(Qmp *q, BlockNode *n);
/* A chain that was opened again has the names of the one it stands for. */
void qmp_names_copy(BlockNode *to, const BlockNode *from);
/* A row of Machine.blockdevs of an image in a file; NULL and *err. */
OptDict *qmp_row_new(Qmp *q, const char *format, const char *name, const char *path, GError **err);
void qmp_row_remove(Qmp *q, OptDict *row);
/* A new file with an image as large as `source`, on top of `backing` if that is not NULL. */
bool qmp_image_make(const char *path, const char *format, const BlockNode *source,
                    const BlockNode *backing, GError **err);

/* ---- qmp-job.c ---- */

extern const QmpCommand qmp_job_commands[];
void qmp_jobs_end(Qmp *q);
/* The type of the job that has the disk. */
const char *qmp_use_job_type(const DriveUse *u);
/*
 * What sees the guest's requests for a job, as the protocol knows it: a node above `below`, which
 * is the topmost one but for a commit below it. Here there is no such node, only its name.
 */
typedef struct QmpFilter {
    const char *name, *driver, *child; /* child: how the node below is called */
    BlockNode *below;
    const char *target; /* of a backup: a child, too; or NULL */
    bool named;         /* by the user */
    bool shown;         /* it counts as the disk's topmost node */
    bool read_only;
} QmpFilter;
/* False: no job is at the disk. */
bool qmp_use_filter(const DriveUse *u, QmpFilter *f);
/*
 * A backup in three steps: it exists, and is of this moment, all within block_quiesce() of its
 * disk; then it starts, or never was.
 */
QmpJob *qmp_backup_new_quiesced(Qmp *q, OptDict *a, bool make, GError **err);
void qmp_backup_start(QmpJob *j);
void qmp_backup_undo_quiesced(QmpJob *j);
/* Why a bitmap cannot be changed. */
bool qmp_bitmap_is_free(const DirtyBitmap *b, GError **err);

/* ---- qmp-transaction.c ---- */

extern const QmpCommand qmp_transaction_commands[];

#endif

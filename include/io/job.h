/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Block jobs: what copies disks while they are in use.
 *
 *   mirror   target becomes, and stays, a copy of the source, until it is told to complete
 *   backup   target gets the source as it was when the job began
 *   stream   an image gets what it has from the images below it, down to the base
 *   commit   what the images above the base hold goes to the target
 *
 * Where a guest writes meanwhile, its backend is named and the job sees each change
 * (block_track()). A job that ends early, by an error, a cancel or the program's end, leaves the
 * source as the guest has it; mirror and backup leave a target that is of no use, commit and stream
 * one that can go on.
 *
 * A job runs on a thread of its own (job_start) or on the caller's (job_run); all other calls may
 * come from any thread. Nodes stay the caller's, and must outlive the job.
 *
 * Test: tests/unit/test-job.c
 */
#ifndef IO_JOB_H
#define IO_JOB_H

#include "io/bitmap.h"
#include "io/node.h"

typedef struct Job Job;

typedef enum JobKind { JOB_MIRROR, JOB_BACKUP, JOB_STREAM, JOB_COMMIT } JobKind;

/* What mirror and backup copy to begin with: all, what the topmost image holds, nothing; of a
 * backup also what a bitmap says. */
typedef enum JobSync { JOB_SYNC_FULL, JOB_SYNC_TOP, JOB_SYNC_NONE, JOB_SYNC_BITMAP } JobSync;

/* On an error of the source or the target: the job ends; it tries again; it stops if the storage is
 * full, else it ends; it stops, and tries again when it is resumed. A stream that ignores errors
 * goes on without that part, and ends with the error. */
typedef enum JobOnError {
    JOB_ON_ERROR_REPORT,
    JOB_ON_ERROR_IGNORE,
    JOB_ON_ERROR_ENOSPC,
    JOB_ON_ERROR_STOP,
} JobOnError;

typedef enum JobStatus {
    JOB_CREATED,
    JOB_RUNNING,
    JOB_PAUSED,
    JOB_READY, /* a mirror in step with its source, until job_complete() */
    JOB_CONCLUDED,
} JobStatus;

typedef struct JobOptions {
    JobKind kind;
    const char *id;
    BlockBackend *backend;     /* of the guest that writes to the source; NULL: nobody does */
    BlockNode *source;         /* stream: the image that gets the data; commit: the topmost one */
    BlockNode *target;         /* not of stream */
    BlockNode *base;           /* of the source's chain, left out: stream, commit; NULL: all of it.
                                * Mirror, backup: below the images that `sync` means; NULL: the first */
    JobSync sync;              /* mirror, backup */
    const DirtyBitmap *bitmap; /* JOB_SYNC_BITMAP: looked at until it has begun */
    JobOnError on_source_error, on_target_error;
    bool write_blocking;  /* mirror: a guest's write ends when the target has it as well */
    uint64_t granularity; /* bytes, a power of two; 0: 64 KiB */
    uint64_t speed;       /* bytes a second; 0: no limit */
    /* Both may be NULL; on the job's thread. pivot: a mirror is complete, and the guest's writes
     * are held until it returns. */
    void (*progress)(void *opaque, uint64_t done, uint64_t total);
    void (*pivot)(void *opaque);
    /* The status is another one. From any thread, within the job: it may do no more than post. */
    void (*changed)(void *opaque, JobStatus status);
    /* An error (an errno), and what is done: not JOB_ON_ERROR_ENOSPC. As changed(). */
    void (*error)(void *opaque, bool write, int error, JobOnError action);
    void *opaque;
} JobOptions;

typedef struct JobInfo {
    JobKind kind;
    JobStatus status;
    const char *id;
    uint64_t done, total, speed; /* bytes; total may grow */
    int error;                   /* of one that an error stopped: an errno; else 0 */
    bool synced;                 /* write_blocking, and the target is the same as the source */
    int ret;                     /* of a concluded one: 0, -ECANCELED, a negative errno */
} JobInfo;

/* NULL and *err: the options do not go together. */
Job *job_new(const JobOptions *o, GError **err);
/* Within block_quiesce() of its backend: from now on it sees each change, and a backup is of this
 * moment. Else that is so soon after its start. */
void job_begin_quiesced(Job *j);
void job_undo_quiesced(Job *j); /* before it is started */
/* A backup's, when it has ended: true where the target does not have the source's data yet. */
bool job_left(Job *j, uint64_t off, uint64_t len);
void job_start(Job *j);
int job_run(Job *j);
/* Until it has concluded: its result. */
int job_wait(Job *j);
/* Concluded, or never started. */
void job_free(Job *j);

void job_info(Job *j, JobInfo *i);
/* Pauses add up, as does a stop by an error. A job stops between two pieces of data. */
void job_pause(Job *j);
void job_resume(Job *j);
void job_set_speed(Job *j, uint64_t speed);
/* A mirror that is ready ends as a copy of this moment unless `force`; others end at once. */
void job_cancel(Job *j, bool force);
/* False and *err: it is no mirror, or not ready. */
bool job_complete(Job *j, GError **err);

#endif

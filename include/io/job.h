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

#include "io/node.h"

typedef struct Job Job;

typedef enum JobKind { JOB_MIRROR, JOB_BACKUP, JOB_STREAM, JOB_COMMIT } JobKind;

/* What mirror and backup copy to begin with: all, what the topmost image holds, nothing. */
typedef enum JobSync { JOB_SYNC_FULL, JOB_SYNC_TOP, JOB_SYNC_NONE } JobSync;

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
    BlockBackend *backend; /* of the guest that writes to the source; NULL: nobody does */
    BlockNode *source;     /* stream: the image that gets the data; commit: the topmost one */
    BlockNode *target;     /* not of stream */
    BlockNode *base;       /* of the source's chain, left out: stream, commit; NULL: all of it.
                            * Mirror, backup: below the images that `sync` means; NULL: the first */
    JobSync sync;          /* mirror, backup */
    uint64_t granularity;  /* bytes, a power of two; 0: 64 KiB */
    uint64_t speed;        /* bytes a second; 0: no limit */
    /* Both may be NULL; on the job's thread. pivot: a mirror is complete, and the guest's writes
     * are held until it returns. */
    void (*progress)(void *opaque, uint64_t done, uint64_t total);
    void (*pivot)(void *opaque);
    /* The status is another one. From any thread, within the job: it may do no more than post. */
    void (*changed)(void *opaque);
    void *opaque;
} JobOptions;

typedef struct JobInfo {
    JobKind kind;
    JobStatus status;
    const char *id;
    uint64_t done, total, speed; /* bytes; total may grow */
    int ret;                     /* of a concluded one: 0, -ECANCELED, a negative errno */
} JobInfo;

/* NULL and *err: the options do not go together. */
Job *job_new(const JobOptions *o, GError **err);
void job_start(Job *j);
int job_run(Job *j);
/* Until it has concluded: its result. */
int job_wait(Job *j);
/* Concluded, or never started. */
void job_free(Job *j);

void job_info(Job *j, JobInfo *i);
/* Pauses add up. A job stops between two pieces of data. */
void job_pause(Job *j);
void job_resume(Job *j);
void job_set_speed(Job *j, uint64_t speed);
/* A mirror that is ready ends as a copy of this moment unless `force`; others end at once. */
void job_cancel(Job *j, bool force);
/* False and *err: it is no mirror, or not ready. */
bool job_complete(Job *j, GError **err);

#endif

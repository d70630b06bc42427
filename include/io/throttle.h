/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Limits of the rate of disk requests, for one drive or for several that share a group.
 *
 * A limit is an average (bytes or requests a second); a burst may go above it: up to a tenth of a
 * second's worth, or with max= and max-length= at that rate for so many seconds. Requests keep
 * their order; flushes and discards are not limited. Any thread; the group has a lock of its own.
 *
 * Test: tests/unit/test-block.c
 */
#ifndef IO_THROTTLE_H
#define IO_THROTTLE_H

#include "io/block.h"

struct Machine;

/* New group with the limits of o: PREFIXbps-total, PREFIXiops-read-max ... which are taken; NULL
 * without an error if there are none of them. */
ThrottleGroup *throttle_new(OptDict *o, const char *prefix, GError **err);
/* The -object throttle-group with that id: a reference. NULL and *err: there is none, or its limits
 * make no sense. Main thread. */
ThrottleGroup *throttle_find(struct Machine *m, const char *id, GError **err);
/* throttling.group= of a drive, with the limits beside it: *g gets a reference, or NULL if there is
 * no such option. Drives that name the same group share it. Main thread. */
bool throttle_drive(struct Machine *m, OptDict *o, ThrottleGroup **g, GError **err);
/* Takes the options of such an object; false and *err if they make no sense. */
bool throttle_check(OptDict *o, GError **err);
/* Of Machine.throttles. */
void throttles_free(GPtrArray *list);
ThrottleGroup *throttle_ref(ThrottleGroup *g);
void throttle_unref(ThrottleGroup *g); /* NULL is fine */
/* A request came: when it may start (monotonic time in microseconds), 0: now. */
int64_t throttle_start(ThrottleGroup *g, const BlockRequest *r);
/* Is this a key that throttle_new() takes with this prefix? */
bool throttle_key_known(const char *key, const char *prefix);

#endif

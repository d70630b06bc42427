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

#endif

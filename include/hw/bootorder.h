/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * bootindex: in which order firmware should try the devices, as the fw_cfg file "bootorder" says.
 *
 * A device that firmware can boot from has BOOT_PROP() among its properties; nothing else of it
 * takes part. Where it sits comes from the buses above it, DeviceBus.node(). Main thread.
 * Test: tests/boot (bare/bootorder, arm/edk2-bootindex)
 */
#ifndef HW_BOOTORDER_H
#define HW_BOOTORDER_H

#include "hw/device.h"

/* member: an int32_t; below 0: not in the list. last: the node at the end of the device's path, or
 * NULL if its bus says it all. */
#define BOOT_PROP(member, last)                                                                    \
    PROP("bootindex", I32, member, "-1", PUBLIC, "order in which firmware tries it; -1: none",     \
         .boot_node = last)

/* Called by device_realize(). False and *err: another device has this index. */
bool bootorder_check(const Device *d, GError **err);
/* The paths in the order of their indices, a line each, the last ended by a 0; empty if there is
 * none. With -boot strict=on firmware is to stop after them. */
GBytes *bootorder_build(Machine *m);

#endif

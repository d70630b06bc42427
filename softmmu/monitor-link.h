/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A monitor's end of a character device: bytes come one by one; output that the other side does not
 * take yet waits, and nothing is read meanwhile, so who sends without reading the answers waits as
 * well.
 *
 * Main loop's thread. Test: tests/qmp/
 */
#ifndef SOFTMMU_MONITOR_LINK_H
#define SOFTMMU_MONITOR_LINK_H

#include "io/chardev.h"

typedef struct MonitorLink {
    CharFront front;
    GString *out; /* waits */
    void (*byte)(void *opaque, uint8_t c);
    void (*event)(void *opaque, CharEvent event);
    void *opaque;
} MonitorLink;

void monitor_link_init(MonitorLink *l);
/* From now on byte() and event() are called. */
bool monitor_link_attach(MonitorLink *l, Chardev *chr, GError **err);
void monitor_link_start(MonitorLink *l);
/* As much of `out` as the other side takes. */
void monitor_link_flush(MonitorLink *l);
void monitor_link_end(MonitorLink *l);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The main loop: one thread that runs a GMainContext with timers, descriptors and posted calls.
 *
 * mainloop_post() and mainloop_wake() may be called from any thread; everything else belongs to the
 * loop's thread.
 *
 * Test: tests/unit/test-timer.c
 */
#ifndef SOFTMMU_MAINLOOP_H
#define SOFTMMU_MAINLOOP_H

#include "softmmu/timer.h"
#include <glib.h>
#include <stdbool.h>

typedef struct MainLoop MainLoop;
typedef struct MainFd MainFd;

MainLoop *mainloop_new(void);
void mainloop_free(MainLoop *l);
GMainContext *mainloop_context(MainLoop *l);
Clocks *mainloop_clocks(MainLoop *l);
bool mainloop_in_thread(const MainLoop *l);

/* Run fn(opaque) once in the loop's thread, in the order of the calls. Lock-free for the caller but
 * for one short mutex. */
void mainloop_post(MainLoop *l, void (*fn)(void *opaque), void *opaque);

/* Watch a descriptor; fn is called with the conditions that hold (G_IO_IN, G_IO_OUT, G_IO_HUP,
 * G_IO_ERR). The descriptor stays the caller's. events 0 keeps the watch without reacting. */
typedef void MainFdFn(void *opaque, GIOCondition ready);
MainFd *mainloop_add_fd(MainLoop *l, int fd, GIOCondition events, MainFdFn *fn, void *opaque);
void mainloop_set_fd_events(MainFd *f, GIOCondition events);
void mainloop_remove_fd(MainFd *f);

/* Run until mainloop_quit(). */
void mainloop_run(MainLoop *l);
/* One iteration; blocks if asked to. */
void mainloop_iterate(MainLoop *l, bool block);
/* From any thread. */
void mainloop_quit(MainLoop *l);

#endif

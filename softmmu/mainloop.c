/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The main loop (include/softmmu/mainloop.h): a GMainContext, a queue of posted calls, descriptor
 * watches.
 *
 * Posted calls are a lock-free stack that the loop takes whole and reverses; only the post that
 * finds it empty wakes the loop. Test: tests/unit/test-timer.c
 */
#include "softmmu/mainloop.h"
#include <glib-unix.h>
#include <stdatomic.h>

typedef struct Post Post;
struct Post {
    Post *next;
    void (*fn)(void *opaque);
    void *opaque;
};

typedef struct PostSource {
    GSource source;
    MainLoop *loop;
} PostSource;

struct MainLoop {
    GMainContext *ctx;
    Clocks *clocks;
    GThread *thread;
    GSource *post_source;
    _Atomic(Post *) posts;
    atomic_bool quit;
};

struct MainFd {
    GSource *source;
    gpointer tag; /* NULL: no events wanted */
    int fd;
    MainFdFn *fn;
    void *opaque;
};

static gboolean post_prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return atomic_load(&((PostSource *)source)->loop->posts) != NULL;
}

static gboolean post_check(GSource *source)
{
    return atomic_load(&((PostSource *)source)->loop->posts) != NULL;
}

static gboolean post_dispatch(GSource *source, GSourceFunc fn, gpointer data)
{
    MainLoop *l = ((PostSource *)source)->loop;
    Post *in_order = NULL;
    for (Post *p = atomic_exchange(&l->posts, NULL), *next; p; p = next) {
        next = p->next;
        p->next = in_order;
        in_order = p;
    }
    for (Post *p = in_order, *next; p; p = next) {
        next = p->next;
        p->fn(p->opaque);
        g_free(p);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs post_funcs = {post_prepare, post_check, post_dispatch, NULL, NULL, NULL};

void mainloop_post(MainLoop *l, void (*fn)(void *opaque), void *opaque)
{
    Post *p = g_new(Post, 1);
    Post *head = atomic_load(&l->posts);
    p->fn = fn;
    p->opaque = opaque;
    do {
        p->next = head;
    } while (!atomic_compare_exchange_weak(&l->posts, &head, p));
    if (!head) {
        g_main_context_wakeup(l->ctx);
    }
}

/* --- descriptors ----------------------------------------------------------------------------- */

typedef struct FdSource {
    GSource source;
    MainFd *f;
} FdSource;

static gboolean fd_dispatch(GSource *source, GSourceFunc fn, gpointer data)
{
    MainFd *f = ((FdSource *)source)->f;
    GIOCondition ready = f->tag ? g_source_query_unix_fd(source, f->tag) : 0;
    if (ready) {
        f->fn(f->opaque, ready);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs fd_funcs = {NULL, NULL, fd_dispatch, NULL, NULL, NULL};

void mainloop_set_fd_events(MainFd *f, GIOCondition events)
{
    /* With no events at all poll() would still report errors and hang-ups, over and over. */
    if (!events && f->tag) {
        g_source_remove_unix_fd(f->source, f->tag);
        f->tag = NULL;
    } else if (events && !f->tag) {
        f->tag = g_source_add_unix_fd(f->source, f->fd, events);
    } else if (events) {
        g_source_modify_unix_fd(f->source, f->tag, events);
    }
}

MainFd *mainloop_add_fd(MainLoop *l, int fd, GIOCondition events, MainFdFn *fn, void *opaque)
{
    MainFd *f = g_new0(MainFd, 1);
    f->source = g_source_new(&fd_funcs, sizeof(FdSource));
    f->fd = fd;
    f->fn = fn;
    f->opaque = opaque;
    ((FdSource *)f->source)->f = f;
    g_source_attach(f->source, l->ctx);
    mainloop_set_fd_events(f, events);
    return f;
}

void mainloop_remove_fd(MainFd *f)
{
    if (f) {
        g_source_destroy(f->source);
        g_source_unref(f->source);
        g_free(f);
    }
}

/* --- the loop -------------------------------------------------------------------------------- */

MainLoop *mainloop_new(void)
{
    MainLoop *l = g_new0(MainLoop, 1);
    l->ctx = g_main_context_new();
    l->clocks = clocks_new(l->ctx);
    l->thread = g_thread_self();
    l->post_source = g_source_new(&post_funcs, sizeof(PostSource));
    ((PostSource *)l->post_source)->loop = l;
    g_source_attach(l->post_source, l->ctx);
    return l;
}

void mainloop_free(MainLoop *l)
{
    if (!l) {
        return;
    }
    for (Post *p = atomic_exchange(&l->posts, NULL), *next; p; p = next) {
        next = p->next;
        g_free(p);
    }
    g_source_destroy(l->post_source);
    g_source_unref(l->post_source);
    clocks_free(l->clocks);
    g_main_context_unref(l->ctx);
    g_free(l);
}

GMainContext *mainloop_context(MainLoop *l)
{
    return l->ctx;
}

Clocks *mainloop_clocks(MainLoop *l)
{
    return l->clocks;
}

bool mainloop_in_thread(const MainLoop *l)
{
    return l->thread == g_thread_self();
}

void mainloop_run(MainLoop *l)
{
    while (!atomic_load(&l->quit)) {
        g_main_context_iteration(l->ctx, TRUE);
    }
}

void mainloop_iterate(MainLoop *l, bool block)
{
    g_main_context_iteration(l->ctx, block);
}

void mainloop_quit(MainLoop *l)
{
    atomic_store(&l->quit, true);
    g_main_context_wakeup(l->ctx);
}
